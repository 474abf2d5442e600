"""Untrusted text in tables, figures, terminals and CSV files."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from idim_cli.core import bounded_io
from idim_cli.core.errors import printable

MAX_CELL = 300  # letters of a name: matplotlib takes minutes to lay out much longer ones
# What `cell` may have to change in ASCII text: an escape, DEL (which JSON allows unescaped), a long text.
_CHANGED = re.compile(rb'[\\\x7f]|"[^"]{%d}' % MAX_CELL)
# First characters of formulas in spreadsheets, and the mark that makes them text.
_FORMULA, _MARK = ("=", "+", "@"), "'"


def cell(text: str) -> str:
    """Text for a cell, a label or a line: printable, and not too long for a layout.

    Long texts are cut, with a digest, so that different ones stay different.
    """
    text = printable(text)
    if len(text) <= MAX_CELL:
        return text
    # Two long names that differ at their end only must not become one group.
    digest = hashlib.blake2b(text.encode(), digest_size=4).hexdigest()
    return f"{text[: MAX_CELL - 13]}...[{digest}]"


def tree(value: Any) -> Any:
    """JSON values with all texts and keys converted by `cell`."""
    if isinstance(value, str):
        return cell(value)
    if isinstance(value, list):
        return [tree(item) for item in value]
    if isinstance(value, dict):
        return {cell(key): tree(item) for key, item in value.items()}
    return value


def loads(data: bytes) -> Any:
    """Parsed JSON, converted by `tree`; ValueError as by `bounded_io.parse_json`."""
    value = bounded_io.parse_json(data)
    try:
        # JSON of idim is ASCII and nearly always without escapes: then nothing has to change.
        simple = data.isascii() and not _CHANGED.search(data)
        return value if simple else tree(value)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def shielded(value: Any) -> Any:
    """A cell of a CSV file: text that begins like a formula (``=``, ``+``, ``@``) gets a quote in front."""
    return f"{_MARK}{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def unshielded(value: Any) -> Any:
    """The cell before `shielded`."""
    is_shielded = isinstance(value, str) and value[:1] == _MARK and value[1:2] in _FORMULA
    return value[1:] if is_shielded else value
