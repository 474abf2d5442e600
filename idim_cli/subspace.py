"""Training any module in a random subspace of its parameters: theta = theta_0 + P theta_d."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor, nn

from idim_cli import rng
from idim_cli.errors import ComponentError
from idim_cli.projectors.base import Projector, build
from idim_cli.recipe.schema import Component


def native_parameters(
    module: nn.Module, trainable: Sequence[str] | None = None
) -> list[tuple[str, nn.Parameter]]:
    """The parameters that a subspace moves, in the module's order; a tied parameter counts once.

    Args:
        module: the network.
        trainable: shell patterns of parameter names (``"head.*"``); None means all.

    Raises:
        ComponentError: the model is no module or has no parameters, a pattern matches none, there is no
            pattern, or the model has a Subspace in it.
    """
    _require(module, nn.Module, "module", "give a torch.nn.Module")
    if any(isinstance(part, Subspace) for part in module.modules()):
        raise ComponentError("the model is in a subspace already", "a network of its own is wanted")
    named = list(module.named_parameters())
    if not named:
        raise ComponentError("the model has no parameters", "there is nothing to train")
    patterns = ["*"] if trainable is None else _patterns(trainable)
    if not patterns:
        raise ComponentError("trainable names no parameters", "leave it out to train all of them")
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name, _ in named):
            raise ComponentError(
                f"no parameter of the model matches {pattern!r}", f"it has {', '.join(n for n, _ in named)}"
            )
    return [(n, p) for n, p in named if any(fnmatchcase(n, pattern) for pattern in patterns)]


def _patterns(trainable: Sequence[str]) -> list[str]:
    several = isinstance(trainable, Sequence) and not isinstance(trainable, str)
    if not several or not all(isinstance(pattern, str) for pattern in trainable):
        raise ComponentError(f"trainable is {trainable!r}", 'give a list of patterns, such as ["head.*"]')
    return list(trainable)


def _require(value: object, wanted: type, name: str, hint: str) -> None:
    if not isinstance(value, wanted):
        raise ComponentError(f"{name} is a {type(value).__name__}, and no {wanted.__name__}", hint)


_SAME = "make it with the projector, d, seed and trainable of the one that was saved"


class Subspace(nn.Module):
    """A module whose only trainable parameter is `coords`, d numbers that start at zero (paper, eq. 2).

    The module itself is kept as the submodule `module`, its parameters frozen at theta_0; its forward pass
    runs at theta_0 + P coords. The gradient with respect to `coords` is P' g, by the projector's adjoint.
    It is saved, moved, copied, compiled and put into evaluation mode like any other module. Buffers
    (BatchNorm) live on in `module`. Under `torch.compile` the projection stays outside the compiled graph.
    A state_dict names P without holding it: one of another P is refused (ComponentError).

    Args:
        module: any network; it is taken over, not copied.
        projector: P for D = the number of native parameters that `trainable` selects.
        trainable: see `native_parameters`; the other parameters stay frozen.

    Raises:
        ComponentError: an argument is of another type, P is for another D, or there is a Subspace in the
            module already.
    """

    def __init__(
        self,
        module: nn.Module,
        projector: Projector,
        trainable: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        native = native_parameters(module, trainable)
        _require(projector, Projector, "projector", "build_projector makes one; Subspace.of takes its name")
        self.sizes = [(name, parameter.numel()) for name, parameter in native]
        total = sum(size for _, size in self.sizes)
        if total != projector.D:
            raise ComponentError(f"the projector is for D = {projector.D}, the module has D = {total}")
        self._shapes = [parameter.shape for _, parameter in native]
        self.module, self.projector = module.requires_grad_(False), projector
        self.coords = nn.Parameter(torch.zeros(projector.d, device=native[0][1].device))
        self._held: dict[str, Tensor] = {}
        # A replica draws P from the same seed; only what is trained needs to be kept equal.
        self._ddp_params_and_buffers_to_ignore = [f"projector.{n}" for n, _ in projector.named_buffers()]

    @classmethod
    def of(
        cls,
        module: nn.Module,
        d: int,
        projector: str | dict[str, Any] = "tied",
        seed: int = 0,
        trainable: Sequence[str] | None = None,
    ) -> Subspace:
        """`module` in a random subspace of d dimensions, where the module lies.

        Args:
            module: any network; it is taken over, not copied.
            d: dimension, from 1 to D.
            projector: kind of P, as in a recipe: a name, or a mapping with its parameters.
            seed: which P of its kind.
            trainable: see `native_parameters`.

        Raises:
            ComponentError: the projector is unknown, or d or a parameter does not fit.
        """
        native = native_parameters(module, trainable)
        P = build(Component.of(projector), [parameter.numel() for _, parameter in native], d, seed)
        return cls(module, P.to(native[0][1].device), trainable)

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
        """What the module returns at the native parameters `theta`, which `native` made."""
        try:
            return torch.func.functional_call(self.module, theta, args, kwargs)
        finally:
            self._forget()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Project once for many forward passes: theta stays as it is now, and carries no gradient."""
        before = self._held
        with torch.no_grad():
            self._held = self.native()
        try:
            yield
        finally:
            self._held = before

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def native(self) -> dict[str, Tensor]:
        """The native parameters theta at the present coords, by name; gradients flow back to coords."""
        step = self.projector.project(self.coords)
        moves = step.split([size for _, size in self.sizes])
        # Not by `get_parameter`: torch.func puts tensors in the place of parameters.
        start: list[Tensor] = [attrgetter(name)(self.module) for name, _ in self.sizes]
        shaped = [
            move.view(shape).to(p.dtype) for move, shape, p in zip(moves, self._shapes, start, strict=True)
        ]
        moved = _sums(start, shaped)
        return dict(zip((name for name, _ in self.sizes), moved, strict=True))

    def get_extra_state(self) -> Tensor:
        """Which P this is and what it moves: text as bytes, as files of tensors hold nothing else."""
        return torch.frombuffer(bytearray(self._named().encode()), dtype=torch.uint8)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Refuse the state of another P before anything is taken over; a state without a name is trusted."""
        if (saved := state_dict.pop(f"{prefix}_extra_state", None)) is not None:
            name = bytes(saved.tolist()).decode()
            if name != self._named():
                raise ComponentError(f"the state is of {name}, and this is {self._named()}", _SAME)
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def _named(self) -> str:
        P, moved = self.projector, "\n".join(name for name, _ in self.sizes)
        digest = hashlib.blake2b(moved.encode(), digest_size=4).hexdigest()
        kind = f"{type(P).__name__.lower()}({P.extra_repr()})"
        return f"{kind} of stream {rng.VERSION} on parameters {digest}"

    def __getstate__(self) -> dict[str, Any]:
        """What is copied and pickled: weights that a block holds are the block's own."""
        return {**self.__dict__, "_held": {}}

    def _forget(self) -> None:
        """Let go of this pass's weights: recurrent layers keep a list of them, which could not be copied."""
        for layer in self._recurrent():
            layer._init_flat_weights()

    def _recurrent(self) -> list[nn.RNNBase]:
        return [layer for layer in self.module.modules() if isinstance(layer, nn.RNNBase)]


def _sums(tensors: list[Tensor], others: list[Tensor]) -> Sequence[Tensor]:
    """Pair by pair; in one kernel on a GPU, but for torch.func's vmap, which does not know how."""
    if torch._C._are_functorch_transforms_active():
        return [tensor + other for tensor, other in zip(tensors, others, strict=True)]
    return torch._foreach_add(tensors, others)
