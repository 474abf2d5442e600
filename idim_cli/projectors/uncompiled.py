"""Calls that torch.compile leaves out of its graphs. Importing this module imports torch._dynamo."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch

T = TypeVar("T")


@torch.compiler.disable  # type: ignore[untyped-decorator]
def call(function: Callable[[], T]) -> T:
    """What `function` returns, computed outside of any compiled graph."""
    return function()
