"""Digests of tensors: equal for equal bits, on every machine and in every process."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

_BYTES = 16  # enough against chance; files with code have a signature as well


def of(tensors: Mapping[str, Tensor], about: object = None) -> str:
    """The digest of named tensors (name, dtype, shape, bits), in any order, and of JSON about them.

    It takes about a second for each GB.
    """
    total = hashlib.blake2b(json.dumps(about, sort_keys=True).encode(), digest_size=_BYTES)
    for name, tensor in sorted(tensors.items()):
        # Name, dtype and shape too: the same bytes may be another tensor.
        total.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        total.update(_bits(tensor))
    return total.hexdigest()


def _bits(tensor: Tensor) -> memoryview:
    """A tensor's elements in row-major order, without a copy if it is contiguous."""
    import torch

    flat = tensor.detach().cpu().contiguous().reshape(-1)
    whole = torch.view_as_real(flat).reshape(-1) if flat.is_complex() else flat
    return whole.view(torch.uint8).numpy().data
