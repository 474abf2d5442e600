"""What every projector is: its contract, its cost, and how one is built from a recipe."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Iterator, Sequence
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
from idim_cli.recipe.schema import Component


@dataclass(frozen=True)
class Cost:
    """What a projector takes.

    Attributes:
        state_bytes: memory that P itself holds, in float32.
        build_bytes: main memory that making it takes at most, P included.
        flops: additions and multiplications of one `project` and one `adjoint`.
        build_flops: those of making it, beside drawing what it holds.
    """

    state_bytes: int
    build_bytes: int
    flops: int
    build_flops: int = 0


class SideBySide(nn.Module, abc.ABC):
    """R projectors of one D as one block-diagonal map, see `projectors.blocks`."""

    @abc.abstractmethod
    def project(self, v: Tensor) -> Tensor:
        """[sum of d] -> [R, D]: row i is P_i v_i."""

    @abc.abstractmethod
    def adjoint(self, g: Tensor) -> Tensor:
        """[R, D] -> [sum of d]: the transpose."""


class Projector(nn.Module, abc.ABC):
    """A fixed random linear map P from R^d into R^D whose columns have unit length.

    All randomness comes from `core.rng`, so that (kind, D, d, seed, parameters) say which map it is. P is
    made on the CPU, moves, is copied and pickled like any module, and has neither parameters nor buffers: who
    averages, casts, quantises or broadcasts those of a network does not see what P holds (`held`).

    `project` and `adjoint` take real vectors, batched in the leading dimensions. What comes out is of the
    vectors' precision or of P's, whichever is higher: at least float32. Each is the derivative of the other,
    for autograd and torch.func. A kind computes them in `_project` and `_adjoint`, by any means: these get
    vectors that were checked, are of the right precision, and ask for no gradient.

    Args:
        D: number of native parameters.
        d: dimension of the subspace, 1 <= d <= D.
        seed: which P of its kind.
        params: the kind's own parameters; part of what P is called.
    """

    #: True for a kind whose constructor also takes the sizes of the parameter tensors.
    needs_sizes: ClassVar[bool] = False

    def __init__(self, D: int, d: int, seed: int, **params: Any) -> None:
        super().__init__()
        d, seed = _whole(d), _whole(seed, "seed", "it says which P of its kind")
        if not 1 <= d <= D:
            raise ComponentError(
                f"d = {d} is not in 1 .. D = {D}", "d counts the trained numbers, D all of them"
            )
        self.D, self.d, self.seed, self.params = D, d, seed, params
        self._made: dict[str, tuple[torch.Size, torch.dtype]] = {}

    def project(self, v: Tensor) -> Tensor:
        """P v: [..., d] -> [..., D]; ValueError for vectors of another length, or complex ones."""
        projected: Tensor = Product.apply(self._checked(v, self.d), self, False)
        return projected

    def adjoint(self, g: Tensor) -> Tensor:
        """P' g: [..., D] -> [..., d]; ValueError as above."""
        gathered: Tensor = Product.apply(self._checked(g, self.D), self, True)
        return gathered

    @abc.abstractmethod
    def _project(self, v: Tensor) -> Tensor:
        """P v, of a kind."""

    @abc.abstractmethod
    def _adjoint(self, g: Tensor) -> Tensor:
        """P' g, of a kind."""

    @classmethod
    @abc.abstractmethod
    def expected_cost(cls, D: int, d: int, **params: Any) -> Cost:
        """The cost before anything is built; exact, or within a few per cent where P's size is random."""

    @abc.abstractmethod
    def cost(self) -> Cost:
        """The cost of this P."""

    @classmethod
    def streamed(cls, D: int, d: int, seed: int, v: Tensor, **params: Any) -> Tensor | None:
        """P v, [d] -> [D] in float32, without ever holding P; None for a kind no larger than theta."""
        return None

    @classmethod
    def beside(cls, parts: Sequence[Any]) -> SideBySide | None:
        """Projectors of this kind and of one D as one map; None where that is no faster than taking turns."""
        return None

    def _stream(self, part: str = "") -> rng.Stream:
        """The random numbers of one part of P; another d gives another P, independent of this one."""
        return self._stream_of(self.seed, self.d, part)

    @classmethod
    def _stream_of(cls, seed: int, d: int, part: str = "") -> rng.Stream:
        return rng.Stream(seed, f"projector/{cls.__name__.lower()}/{d}/{part}")

    @property
    def held(self) -> dict[str, Tensor]:
        """Every tensor that P holds by name, those of its parts included."""
        return {name: getattr(part, name.rpartition(".")[2]) for name, part in self._names()}

    def _names(self) -> Iterator[tuple[str, Projector]]:
        for prefix, part in self.named_modules():
            if isinstance(part, Projector):
                yield from ((f"{prefix}.{name}" if prefix else name, part) for name in part._made)

    def _hold(self, name: str, array: np.ndarray | Tensor) -> None:
        """Keep an array as an attribute that moves with the module, and is neither a buffer nor saved."""
        tensor = array if isinstance(array, Tensor) else torch.from_numpy(array)
        setattr(self, name, tensor)
        self._made[name] = tensor.shape, tensor.dtype

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """As `_hold`: a P has no buffers."""
        super().register_buffer(name, None, persistent=False) if tensor is None else self._hold(name, tensor)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Projector:
        """Move and convert: floats never below float32, integers not at all, and never without their content.

        Rounded columns would not be of unit length, and an index out of nowhere reads memory out of nowhere.
        """

        def exact(tensor: Tensor) -> Tensor:
            moved = fn(tensor)
            if tensor.is_meta and not moved.is_meta:
                raise ComponentError(
                    "a P on the meta device has no numbers", "make the projector anew, from its seed"
                )
            exact = tensor.is_floating_point() and moved.is_floating_point() and moved.element_size() >= 4
            return tensor.to(moved.device, moved.dtype if exact else tensor.dtype)

        for name in self._made:
            setattr(self, name, exact(getattr(self, name)))
        return super()._apply(exact, recurse)

    def _checked(self, x: Tensor, size: int) -> Tensor:
        """Vectors of this length in the precision of the product; compiled loops would not notice others."""
        if x.shape[-1:] != (size,):
            raise ValueError(
                f"vectors of {size:,} numbers are wanted, not a tensor of shape {tuple(x.shape)}"
            )
        if x.is_complex():
            raise ValueError("P is real; project the real and the imaginary part one by one")
        return x.to(torch.promote_types(x.dtype, self._precision(x.device)))

    def _precision(self, device: torch.device) -> torch.dtype:
        """In which P holds its numbers; ComponentError if they are not as they were made, or elsewhere."""
        precision = torch.float32
        for part in self.modules():
            for name, (shape, kind) in part._made.items() if isinstance(part, Projector) else ():
                tensor = getattr(part, name)
                if kind.is_floating_point and tensor.is_floating_point():
                    kind = precision = tensor.dtype
                if tensor.shape != shape or tensor.dtype != kind or tensor.device != device:
                    raise _changed(name, tensor, device)
        return precision

    def extra_repr(self) -> str:
        """All that says which P of its kind this is."""
        named = {"D": self.D, "d": self.d, "seed": self.seed, **self.params}
        return ", ".join(f"{name}={value!r}" for name, value in named.items())


def _changed(name: str, tensor: Tensor, device: torch.device) -> ComponentError:
    if tensor.device != device:
        where = f"P lies on {tensor.device}, and the vectors on {device}"
        return ComponentError(where, "move the whole module")
    return ComponentError(f"{name} of P is not as it was made", "make P anew, from its seed")


def each(f: Callable[[Tensor], Tensor], x: Tensor, size: int) -> Tensor:
    """f of every vector of length `size` in a batch, one at a time: what is fastest for a single vector."""
    if x.dim() == 1:
        return f(x)
    if not x.numel():
        return (one := f(x.new_zeros(size))).new_zeros(*x.shape[:-1], len(one))
    return torch.stack([f(row) for row in x.reshape(-1, size)]).view(*x.shape[:-1], -1)


def kind(component: Component) -> type[Projector]:
    """The class of the projector that a recipe names."""
    found = REGISTRY.open(component.name)
    if not (isinstance(found, type) and issubclass(found, Projector)):
        hint = "see idim_cli.projectors.base.Projector"
        raise ComponentError(f"{component.name} is no class of projectors", hint)
    return found


def build(component: Component | str | dict[str, Any], sizes: Sequence[int], d: int, seed: int) -> Projector:
    """Make the projector of a recipe for parameter tensors of these sizes (their sum is D).

    Raises:
        ComponentError: unknown kind, parameters that do not fit it, sizes that are none of tensors, or d no
            whole number in 1 .. D.
    """
    component, sizes = Component.of(component), _sizes(sizes)
    cls = kind(component)
    return cls(sum(sizes), _whole(d), seed, **context(cls, sizes), **params_of(component))


def _sizes(sizes: object) -> list[int]:
    hint = "they count the numbers in each parameter tensor"
    if not isinstance(sizes, Iterable):
        raise ComponentError(f"sizes are a list of whole numbers, not {sizes!r}", hint)
    whole = [_whole(size, "a size", hint) for size in sizes]
    if any(size < 0 for size in whole):
        raise ComponentError(f"a size is at least 0, not {min(whole)}", hint)
    return whole


def _whole(value: object, name: str = "d", hint: str = "d counts the trained numbers") -> int:
    """A number before any arithmetic on it; numpy's whole numbers are welcome, true and false are not."""
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise ComponentError(f"{name} is a whole number, not {value!r}", hint)
    return int(value)


def context(cls: type[Projector], sizes: Sequence[int]) -> dict[str, Any]:
    """What a kind needs to know beside (D, d, seed) and its own parameters."""
    return {"_sizes": tuple(sizes)} if cls.needs_sizes else {}


def params_of(component: Component) -> dict[str, Any]:
    """All parameters of the projector that a recipe names; ComponentError when they do not fit."""
    return REGISTRY.filled(component.name, component.params)
