"""The figures beside a page: which ones, as the page itself says, and that no earlier ones stay."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from idim_cli.core import bounded_io
from idim_cli.core.errors import FileError
from idim_cli.reports.plots.style import KINDS

_BYTES = 2**28  # of a page
_NAMED = re.compile(r'<meta name="idim-figures" content="([^"]*)">')


def named(page: Path) -> list[Path]:
    """The files that a page says it was written with; none where there is no such page."""
    try:
        text = bounded_io.read_bytes(page, _BYTES).decode(errors="replace")
    except (OSError, FileError):
        return []
    found = _NAMED.search(text)
    names = found[1].split() if found else []
    # Beside the page, or in the folder of its name; a page of others must not lead anywhere else.
    ours = re.compile(rf"({re.escape(page.stem)}/)?[\w.~-]+\.({'|'.join(KINDS)})")
    return [page.parent / name for name in names if ours.fullmatch(name)]


def clear(before: Collection[Path], kept: Collection[Path]) -> None:
    """Remove the files of an earlier page that a new one does not have."""
    same = {path.name.casefold() for path in kept}  # on some disks, large and small letters are the same
    for path in before:
        if path.name.casefold() not in same:
            path.unlink(missing_ok=True)
