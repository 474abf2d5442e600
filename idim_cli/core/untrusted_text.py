"""Text of others in tables, figures and terminals: what may stand there, and how CSV files write it."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from idim_cli.core import bounded_io
from idim_cli.core.errors import printable

MAX_CELL = 300  # letters of a name: more would take a layout for ever
# What `cell` may have to change in ASCII text: an escape, DEL (which JSON allows as it is), a long text.
_CHANGED = re.compile(rb'[\\\x7f]|"[^"]{%d}' % MAX_CELL)
# What spreadsheets take for the beginning of a formula, and the mark that makes it text again.
_FORMULA, _MARK = ("=", "+", "@"), "'"


def cell(text: str) -> str:
    """Text as it may stand in a cell, a label or a line: printable, and not too long to be laid out.

    Of a long text the beginning stays, with a digest, so that different ones stay different.
    """
    text = printable(text)
    if len(text) <= MAX_CELL:
        return text
    digest = hashlib.blake2b(text.encode(), digest_size=4).hexdigest()
    return f"{text[: MAX_CELL - 13]}...[{digest}]"


def tree(value: Any) -> Any:
    """Plain values, as JSON holds them, with all of their texts and keys as `cell` makes them."""
    if isinstance(value, str):
        return cell(value)
    if isinstance(value, list):
        return [tree(item) for item in value]
    if isinstance(value, dict):
        return {cell(key): tree(item) for key, item in value.items()}
    return value


def loads(data: bytes) -> Any:
    """JSON with its texts as `tree` makes them; ValueError as by `bounded_io.parse_json`."""
    value = bounded_io.parse_json(data)
    try:
        # What idim writes is ASCII, and nearly always without escapes: then nothing has to change.
        simple = data.isascii() and not _CHANGED.search(data)
        return value if simple else tree(value)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def shielded(value: Any) -> Any:
    """A cell of a CSV file: text that begins as formulas do (``=``, ``+``, ``@``) gets a quote in front."""
    return f"{_MARK}{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def unshielded(value: Any) -> Any:
    """A cell as it was before `shielded`."""
    is_shielded = isinstance(value, str) and value[:1] == _MARK and value[1:2] in _FORMULA
    return value[1:] if is_shielded else value
