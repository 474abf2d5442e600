"""Training any module in a random subspace of its parameters: theta = theta_0 + P theta_d."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from idim_cli.core import rng
from idim_cli.core.errors import ComponentError
from idim_cli.projectors import functional
from idim_cli.projectors.base import Projector, build
from idim_cli.projectors.native import FREEZE, admit
from idim_cli.recipe.schema import Component

_BEFORE = "quantise, prune or fuse a network before wrapping it in a Subspace"
_SAME = "build it with the projector, d, seed and trainable of the saved Subspace"


class Subspace(nn.Module):
    """A module whose only trainable parameter is `coords`, d numbers that start at zero (paper, eq. 2).

    The network is the submodule `module`, its parameters frozen at theta_0; its forward pass runs at
    theta_0 + P coords. The gradient with respect to `coords` is P' g, by the projector's adjoint. A Subspace
    is saved, moved, copied, compiled and put into evaluation mode like any other module. Buffers (BatchNorm)
    stay in `module`. Under `torch.compile` the projection stays outside the compiled graph. A state_dict
    names P but does not contain it; loading the state of another P is a ComponentError.

    Activation checkpointing gives the same gradients as without a subspace. A forward pass that changes a
    native parameter in place is a ComponentError: the change would be lost.

    Args:
        module: any network; it is used itself, not copied.
        projector: P for D = the number of native parameters that `trainable` selects.
        trainable: see `native_parameters`; the other parameters stay frozen.

    Raises:
        ComponentError: an argument is of another type, P is for another D, or the module is refused by
            `native_parameters`.
    """

    #: Marks a Subspace for `native.admit`, which this module imports.
    holds_native: ClassVar[bool] = True
    projector_id: Tensor

    def __init__(
        self, module: nn.Module, projector: Projector, trainable: Sequence[str] | None = None
    ) -> None:
        super().__init__()
        native = admit(module, trainable)
        if not isinstance(projector, Projector):
            hint = "build one with build_projector, or use Subspace.of, which takes a name"
            raise ComponentError(f"projector is a {type(projector).__name__}, not a Projector", hint)
        self.sizes = [(one.name, one.parameter.numel()) for one in native]
        self._places = [(place, one.name) for one in native for place in one.places]
        total = sum(size for _, size in self.sizes)
        if total != projector.D:
            raise ComponentError(f"the projector is for D = {projector.D}, the module has D = {total}")
        self.module, self.projector = module.requires_grad_(False), projector
        self.coords = nn.Parameter(torch.zeros(projector.d, device=native[0].parameter.device))
        self._held: dict[str, Tensor] = {}
        self._watched = False
        # P is in no buffer: models stacked for vmap would all get the P of the first. This number shows it.
        digest = hashlib.blake2b(self._named().encode(), digest_size=4).digest()
        self.register_buffer("projector_id", torch.tensor(int.from_bytes(digest, "little")), persistent=False)

    @classmethod
    def of(
        cls,
        module: nn.Module,
        d: int,
        projector: str | dict[str, Any] = "tied",
        seed: int = 0,
        trainable: Sequence[str] | None = None,
    ) -> Subspace:
        """`module` in a random subspace of d dimensions, on the device of the module.

        Args:
            module: any network; it is used itself, not copied.
            d: dimension, from 1 to D.
            projector: kind of P, as in a recipe: a name, or a mapping with its parameters.
            seed: selects P among those of its kind.
            trainable: see `native_parameters`.

        Raises:
            ComponentError: the projector is unknown, or d or a parameter does not fit.
        """
        native = admit(module, trainable)
        P = build(Component.of(projector), [one.parameter.numel() for one in native], d, seed)
        return cls(module, P.to(native[0].parameter.device), trainable)

    @property
    def D(self) -> int:
        """Number of native parameters."""
        return self.projector.D

    @property
    def d(self) -> int:
        """Dimension of the subspace."""
        return self.projector.d

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module returns at theta_0 + P coords."""
        return self.at(self._held or self.native(), *args, **kwargs)

    def at(self, theta: dict[str, Tensor], *args: Any, **kwargs: Any) -> Any:
        """What the module returns at native parameters `theta` from `native`."""
        placed = {**theta, **{place: theta[name] for place, name in self._places}}
        # Neither a compiler nor torch.func can compare values during a pass.
        if torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active():
            return functional.call(self.module, placed, args, kwargs)
        with self._unchanged(theta, placed):
            return functional.call(self.module, placed, args, kwargs)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Project once for many forward passes: theta is fixed within the block and has no gradient."""
        before = self._held
        with torch.no_grad():
            self._held = self.native()
        try:
            yield
        finally:
            self._held = before

    def native(self) -> dict[str, Tensor]:
        """The native parameters theta at the current coords, by name; gradients flow back to coords."""
        if torch.compiler.is_compiling():
            # Imported here: it imports torch._dynamo, which is slow and already loaded in this branch only.
            from idim_cli.projectors import uncompiled

            theta: dict[str, Tensor] = uncompiled.call(self._native)
            return theta
        return self._native()

    def _native(self) -> dict[str, Tensor]:
        self._refuse_stack()
        step = self.projector.project(self.coords)
        moves = step.split([size for _, size in self.sizes])
        start = self._start()
        # Cast to the network's type after the product: P and coords stay float32 for a network in bf16.
        shaped = [move.view(p.shape).to(p.dtype) for move, p in zip(moves, start, strict=True)]
        # _foreach_add is one kernel on a GPU; torch.func's vmap does not support it.
        if torch._C._are_functorch_transforms_active():
            moved = [tensor + move for tensor, move in zip(start, shaped, strict=True)]
        else:
            moved = list(torch._foreach_add(start, shaped))
        _move_hooks(start, moved)
        return dict(zip((name for name, _ in self.sizes), moved, strict=True))

    def _refuse_stack(self) -> None:
        if torch._C._are_functorch_transforms_active():
            which = self.projector_id
            while torch._C._functorch.is_functorch_wrapped_tensor(which):
                which = torch._C._functorch.get_unwrapped(which)
            if (which != which.flatten()[0]).any():
                raise ComponentError("models of different P cannot be stacked", "run them one by one")

    def _start(self) -> list[Tensor]:
        """theta_0, from the module."""
        try:
            # Not by `get_parameter`: torch.func replaces parameters by plain tensors.
            start = [attrgetter(name)(self.module) for name, _ in self.sizes]
        except AttributeError as error:
            raise ComponentError(f"the network was changed after wrapping: {error}", _BEFORE) from error
        for (name, size), tensor in zip(self.sizes, start, strict=True):
            if not isinstance(tensor, Tensor) or tensor.numel() != size:
                raise ComponentError(f"the parameter {name!r} was changed after wrapping", _BEFORE)
        return start

    @contextmanager
    def _unchanged(self, theta: dict[str, Tensor], placed: dict[str, Tensor]) -> Iterator[None]:
        """Refuse a forward pass that changes native parameters."""
        marks = [_version(t) for t in theta.values()]
        # Versions miss writes through ``.data``. Comparing values takes a copy of theta, so it is done once,
        # in the first training pass: evaluation does not update parameters.
        watch = self.training and not self._watched and torch.is_grad_enabled()
        values = [t.detach().clone() for t in theta.values()] if watch else None
        yield
        for i, (name, tensor) in enumerate(theta.items()):
            same = placed[name] is tensor and marks[i] == _version(tensor)
            if same and values is not None:
                same = bool(((values[i] == tensor) | (values[i] != values[i])).all())  # NaN stays NaN
            if not same:
                message = f"the forward pass changes the parameter {name!r}, which the subspace moves"
                raise ComponentError(message, FREEZE)
        self._watched |= values is not None

    def get_extra_state(self) -> Tensor:
        """The identity of P and of the parameters that it moves."""
        # As bytes in a tensor: safetensors files hold nothing else.
        return torch.frombuffer(bytearray(self._named().encode()), dtype=torch.uint8)

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local: Any,
        strict: bool,
        missing: list[str],
        *rest: Any,
    ) -> None:
        """Refuse the state of another P before any tensor is loaded."""
        saved = state_dict.pop(key := f"{prefix}_extra_state", None)
        if saved is None:
            missing.append(key)
        elif (name := bytes(saved.tolist()).decode()) != self._named():
            raise ComponentError(f"the state is from {name}, this is {self._named()}", _SAME)
        super()._load_from_state_dict(state_dict, prefix, local, strict, missing, *rest)

    def _named(self) -> str:
        P, moved = self.projector, "\n".join(name for name, _ in self.sizes)
        digest = hashlib.blake2b(moved.encode(), digest_size=4).hexdigest()
        kind = f"{type(P).__name__.lower()}({P.extra_repr()})"
        return f"{kind} of stream {rng.VERSION} on parameters {digest}"

    def __getstate__(self) -> dict[str, Any]:
        """The state that is copied and pickled, without the weights of a `held` block."""
        return {**self.__dict__, "_held": {}}


def _version(tensor: Tensor) -> int:
    return 0 if tensor.is_inference() else tensor._version  # inference tensors count no versions


def _move_hooks(start: list[Tensor], moved: Sequence[Tensor]) -> None:
    """Gradient hooks of the parameters (`register_hook`) run on the gradient of theta, before P'."""
    for parameter, theta in zip(start, moved, strict=True):
        for hook in (parameter._backward_hooks or {}).values():
            if theta.requires_grad:
                theta.register_hook(hook)
