"""The projector contract, the cost of a projector, and building one from a recipe."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from idim_cli.core import rng
from idim_cli.core.errors import ComponentError
from idim_cli.projectors import REGISTRY
from idim_cli.projectors.autograd import Product
from idim_cli.projectors.kernels.loops import REBUILD
from idim_cli.recipe.schema import Component


@dataclass(frozen=True)
class Cost:
    """Memory and arithmetic of a projector.

    Attributes:
        state_bytes: memory that P itself holds, in float32.
        build_bytes: peak main memory while P is built, P included.
        flops: additions and multiplications of one `project` and one `adjoint`.
        build_flops: those of building P, without drawing its random numbers.
    """

    state_bytes: int
    build_bytes: int
    flops: int
    build_flops: int = 0


class BlockDiagonal(nn.Module, abc.ABC):
    """R projectors of one D as one block-diagonal map, see `projectors.blocks`."""

    @abc.abstractmethod
    def project(self, v: Tensor) -> Tensor:
        """[sum of d] -> [R, D]: row i is P_i v_i."""

    @abc.abstractmethod
    def adjoint(self, g: Tensor) -> Tensor:
        """[R, D] -> [sum of d]: the transpose."""


class Projector(nn.Module, abc.ABC):
    """A fixed random linear map P from R^d into R^D whose columns have unit length.

    All randomness comes from `core.rng`: (kind, D, d, seed, parameters) identify P. P is built on the CPU and
    is moved, copied and pickled like any module. It has neither parameters nor buffers, so code that
    averages, casts, quantises or broadcasts those of a network leaves the tensors of P (`held`) alone.

    `project` and `adjoint` take real vectors, batched in the leading dimensions. The result has the precision
    of the vectors or of P, whichever is higher: at least float32. Each is the derivative of the other, for
    autograd and torch.func. A subclass implements `_project` and `_adjoint` in any way: their arguments are
    checked, have the precision of the result, and need no gradient.

    Args:
        D: number of native parameters.
        d: dimension of the subspace, 1 <= d <= D.
        seed: selects P among those of its kind.
        params: the kind's own parameters; part of the identity of P.
    """

    #: True for a kind whose constructor also takes the sizes of the parameter tensors.
    needs_sizes: ClassVar[bool] = False

    def __init__(self, D: int, d: int, seed: int, **params: Any) -> None:
        super().__init__()
        d, seed = _whole(d), _whole(seed, "seed", "it selects P among those of its kind")
        if not 1 <= d <= D:
            raise ComponentError(
                f"d = {d} is not in 1 .. D = {D}", "d counts trained numbers, D all parameters"
            )
        self.D, self.d, self.seed, self.params = D, d, seed, params
        # Shape and type of each tensor of P as it was built: compiled loops follow its indices unchecked.
        self._made: dict[str, tuple[torch.Size, torch.dtype]] = {}

    def project(self, v: Tensor) -> Tensor:
        """P v: [..., d] -> [..., D]; ValueError for vectors of another length and complex ones."""
        projected: Tensor = Product.apply(self._checked(v, self.d), self, False)
        return projected

    def adjoint(self, g: Tensor) -> Tensor:
        """P' g: [..., D] -> [..., d]; ValueError as for `project`."""
        gathered: Tensor = Product.apply(self._checked(g, self.D), self, True)
        return gathered

    @abc.abstractmethod
    def _project(self, v: Tensor) -> Tensor:
        """P v of a checked vector."""

    @abc.abstractmethod
    def _adjoint(self, g: Tensor) -> Tensor:
        """P' g of a checked vector."""

    @classmethod
    @abc.abstractmethod
    def expected_cost(cls, D: int, d: int, **params: Any) -> Cost:
        """The cost before anything is built; exact, or within a few per cent where P's size is random."""

    def cost(self) -> Cost:
        """The cost of this P; as expected where its size is not random."""
        return self.expected_cost(self.D, self.d, **self.params)

    @classmethod
    def streamed(cls, D: int, d: int, seed: int, v: Tensor, **params: Any) -> Tensor | None:
        """P v, [d] -> [D] in float32, without ever holding P; None for a kind no larger than theta."""
        return None

    @classmethod
    def block_diagonal(cls, parts: Sequence[Any]) -> BlockDiagonal | None:
        """Projectors of this kind and of one D as one map; None where that is no faster than one by one."""
        return None

    def _stream(self, part: str = "") -> rng.Stream:
        """The random numbers of one part of P."""
        return self._stream_of(self.seed, self.d, part)

    @classmethod
    def _stream_of(cls, seed: int, d: int, part: str = "") -> rng.Stream:
        # With d in the purpose, subspaces of different d are independent, and not one inside the other.
        return rng.Stream(seed, f"projector/{cls.__name__.lower()}/{d}/{part}")

    @property
    def held(self) -> dict[str, Tensor]:
        """Every tensor of P by name, those of its parts included."""
        parts = ((prefix, part) for prefix, part in self.named_modules() if isinstance(part, Projector))
        return {f"{prefix}.{x}".lstrip("."): getattr(part, x) for prefix, part in parts for x in part._made}

    def _hold(self, name: str, array: np.ndarray | Tensor) -> None:
        """Keep an array as an attribute that moves with the module, and is neither a buffer nor saved."""
        tensor = array if isinstance(array, Tensor) else torch.from_numpy(array)
        setattr(self, name, tensor)
        self._made[name] = tensor.shape, tensor.dtype

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """As `_hold`: a P has no buffers."""
        # A buffer of None holds no numbers; torch keeps its name.
        super().register_buffer(name, None, persistent=False) if tensor is None else self._hold(name, tensor)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Projector:
        """Move and convert: floats never below float32, integers never, and nothing without its content."""

        def exact(tensor: Tensor) -> Tensor:
            moved = fn(tensor)
            # `to_empty` gives uninitialised numbers, and such an index would read any memory.
            if tensor.is_meta and not moved.is_meta:
                raise ComponentError("a P on the meta device has no numbers", REBUILD)
            # Columns that are rounded to 16 bits no longer have unit length.
            exact = tensor.is_floating_point() and moved.is_floating_point() and moved.element_size() >= 4
            return tensor.to(moved.device, moved.dtype if exact else tensor.dtype)

        for name in self._made:
            setattr(self, name, exact(getattr(self, name)))
        return super()._apply(exact, recurse)

    def _checked(self, x: Tensor, size: int) -> Tensor:
        """The vectors in the precision of the product; ValueError for another length and complex numbers."""
        # Compiled loops do not notice another length.
        if x.shape[-1:] != (size,):
            raise ValueError(f"expected vectors of {size:,} numbers, got a tensor of shape {tuple(x.shape)}")
        if x.is_complex():
            raise ValueError("P is real: project the real and the imaginary part separately")
        return x.to(torch.promote_types(x.dtype, self._precision(x.device)))

    def _precision(self, device: torch.device) -> torch.dtype:
        """Precision of the numbers of P; ComponentError if P was changed or is on another device."""
        precision = torch.float32
        for part in self.modules():
            for name, (shape, kind) in part._made.items() if isinstance(part, Projector) else ():
                tensor = getattr(part, name)
                # float64 is allowed: `module.double()` converts P too.
                if kind.is_floating_point and tensor.is_floating_point():
                    kind = precision = tensor.dtype
                if tensor.device != device:
                    message = f"P is on {tensor.device}, the vectors are on {device}"
                    raise ComponentError(message, "move the whole module")
                if tensor.shape != shape or tensor.dtype != kind:
                    raise ComponentError(f"{name} of P was changed after it was built", REBUILD)
        return precision

    def extra_repr(self) -> str:
        """What identifies this P among those of its kind."""
        named = {"D": self.D, "d": self.d, "seed": self.seed, **self.params}
        return ", ".join(f"{name}={value!r}" for name, value in named.items())


def each(f: Callable[[Tensor], Tensor], x: Tensor, size: int) -> Tensor:
    """f of every vector of length `size` in a batch, one at a time, for an f that is fast on one vector."""
    if x.dim() == 1:
        return f(x)
    # An empty batch has no result to take the output length from.
    if not x.numel():
        return (one := f(x.new_zeros(size))).new_zeros(*x.shape[:-1], len(one))
    return torch.stack([f(row) for row in x.reshape(-1, size)]).view(*x.shape[:-1], -1)


def kind(component: Component) -> type[Projector]:
    """The class of the projector that a recipe names."""
    cls = REGISTRY.open(component.name)
    if not (isinstance(cls, type) and issubclass(cls, Projector)):
        hint = "name a class that inherits from idim_cli.projectors.base.Projector"
        raise ComponentError(f"{component.name} is not a projector class", hint)
    return cls


def build(component: Component | str | dict[str, Any], sizes: Sequence[int], d: int, seed: int) -> Projector:
    """Build the projector of a recipe for parameter tensors of these sizes (their sum is D).

    Raises:
        ComponentError: an unknown kind, parameters that do not fit it, a size below 0, or d that is no whole
            number in 1 .. D.
    """
    component, sizes = Component.of(component), _sizes(sizes)
    return kind(component)(sum(sizes), _whole(d), seed, **arguments(component, sizes))


def _sizes(sizes: object) -> list[int]:
    hint = "sizes count the numbers in each parameter tensor"
    if not isinstance(sizes, Iterable):
        raise ComponentError(f"sizes must be a list of whole numbers, got {sizes!r}", hint)
    whole = [_whole(size, "a size", hint) for size in sizes]
    if any(size < 0 for size in whole):
        raise ComponentError(f"a size must be at least 0, got {min(whole)}", hint)
    return whole


def _whole(value: object, name: str = "d", hint: str = "d counts the trained numbers") -> int:
    # numpy's whole numbers are Integral; so is bool, which is an error here.
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise ComponentError(f"{name} must be a whole number, got {value!r}", hint)
    # A numpy int32 would overflow in products such as D d.
    return int(value)


def arguments(component: Component, sizes: Sequence[int]) -> dict[str, Any]:
    """The arguments of a recipe's projector after (D, d, seed)."""
    own = {"_sizes": tuple(sizes)} if kind(component).needs_sizes else {}
    return {**own, **params_of(component)}


def params_of(component: Component) -> dict[str, Any]:
    """All parameters of a recipe's projector; ComponentError when they do not fit."""
    return REGISTRY.filled(component.name, component.params)
