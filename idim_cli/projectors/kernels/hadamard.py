"""The Walsh-Hadamard transform in torch, for any device: products with small Hadamard matrices."""

from __future__ import annotations

import functools

import torch
from torch import Tensor


def hadamard(x: Tensor) -> Tensor:
    """H x along the last dimension, whose length is a power of two; entries of H are +1 and -1.

    H_n is the Kronecker product of smaller Hadamard matrices, applied one after the other. A product with a
    16 x 16 matrix does four times the additions of butterflies, in one call instead of eight.
    """
    shape, inner = x.shape, x.shape[-1]
    for factor in _factors(inner):
        inner //= factor
        x = _matrix(factor, x.dtype, x.device) @ x.reshape(-1, factor, inner)
    return x.reshape(shape)


def _factors(n: int) -> list[int]:
    """Powers of two whose product is n: nearly equal, about 16."""
    bits = n.bit_length() - 1
    # Four bits each, three or five where their number is no multiple of four.
    parts = max(1, (bits + bits // 11 + 1) // 4)
    return [1 << (bits + i) // parts for i in range(parts)]


@functools.lru_cache(maxsize=32)  # a few sizes, types and devices; each at most 4 kB
def _matrix(n: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    bits = torch.arange(n, device=device)
    # H[i, j] is +1 or -1 by the parity of the bits that i and j share.
    common = bits[:, None] & bits[None, :]
    parity = torch.stack([(common >> k) & 1 for k in range(n.bit_length())]).sum(0) % 2
    return (1 - 2 * parity).to(dtype)
