"""The Walsh-Hadamard transform, by products with small Hadamard matrices."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from torch import Tensor

Room = Callable[[int], Tensor]  #: memory for so many numbers


def hadamard(x: Tensor, n: int | None = None, room: Room | None = None, out: Tensor | None = None) -> Tensor:
    """H x along the last dimension; entries of H are +1 and -1.

    H_n is the Kronecker product of smaller Hadamard matrices, applied one after the other. A product with a
    16 x 16 matrix does four times the additions of butterflies, at many times their speed.

    Args:
        x: [..., m], for the first m of n numbers; the others are zero.
        n: a power of two, and m = `width(n, .)`; m itself if None.
        room: where results are put on the way; fresh memory if None.
        out: takes the result; n numbers for each vector, contiguous.
    """
    inner = n = n or x.shape[-1]
    shape, room = (*x.shape[:-1], n), room or x.new_empty
    first, *others = _matrices(n, x)
    for h in [first[:, : x.shape[-1] * len(first) // n], *others]:
        inner //= len(h)
        x = _along(
            h, x, inner, out if inner == 1 and out is not None else room(x.numel() * len(h) // h.shape[1])
        )
    return x.view(shape)


def head(x: Tensor, m: int, room: Room | None = None) -> Tensor:
    """The first m = `width(n, .)` numbers of H x: [..., n] -> [..., m]."""
    shape, room, inner = (*x.shape[:-1], m), room or x.new_empty, 1
    first, *others = _matrices(x.shape[-1], x)
    for h in others[::-1]:
        x = _along(h, x, inner, room(x.numel()))
        inner *= len(h)
    h = first[: m // inner]
    return _along(h, x, inner, room(x.numel() * len(h) // len(first))).view(shape)


def width(n: int, d: int) -> int:
    """The smallest m >= d such that a transform of length n can leave out all but the first m numbers."""
    inner = n // _factors(n)[0]
    return -(-d // inner) * inner


def _along(h: Tensor, x: Tensor, inner: int, out: Tensor) -> Tensor:
    """h times the middle dimension of x as [., columns of h, inner]."""
    rows, columns = h.shape
    if inner == 1:
        return torch.mm(x.reshape(-1, columns), h.T, out=out.view(-1, rows))
    x = x.reshape(-1, columns, inner)
    return torch.bmm(h.expand(len(x), -1, -1), x, out=out.view(-1, rows, inner))


def _matrices(n: int, like: Tensor) -> list[Tensor]:
    return [_matrix(factor, like.dtype, like.device) for factor in _factors(n)]


def _factors(n: int) -> list[int]:
    """Powers of two whose product is n, outermost first: nearly equal, about 16, which is fastest."""
    bits = n.bit_length() - 1
    parts = max(1, (bits + bits // 11 + 1) // 4)
    return [1 << (bits + i) // parts for i in range(parts)]


@functools.lru_cache(maxsize=32)
def _matrix(n: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    bits = torch.arange(n, device=device)
    common = bits[:, None] & bits[None, :]
    parity = torch.stack([(common >> k) & 1 for k in range(n.bit_length())]).sum(0) % 2
    return (1 - 2 * parity).to(dtype)
