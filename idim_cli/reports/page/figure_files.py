"""The figures of an earlier page, which are removed when a new one replaces it."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from idim_cli.core import bounded_io
from idim_cli.core.errors import FileError
from idim_cli.reports.plots.style import KINDS

_BYTES = 2**28  # of a page that is read: a file of others must not fill the memory
_META = re.compile(r'<meta name="idim-figures" content="([^"]*)">')


def listed_in(page: Path) -> list[Path]:
    """The files of figures that a page lists; none if there is no such page."""
    try:
        text = bounded_io.read_bytes(page, _BYTES).decode(errors="replace")
    except (OSError, FileError):
        return []
    found = _META.search(text)
    names = found[1].split() if found else []
    # Only next to the page, or in the folder of its name: a page of others must not name files elsewhere.
    ours = re.compile(rf"({re.escape(page.stem)}/)?[\w.~-]+\.({'|'.join(KINDS)})")
    return [page.parent / name for name in names if ours.fullmatch(name)]


def remove(before: Collection[Path], kept: Collection[Path]) -> None:
    """Remove the files of an earlier page that the new one does not have."""
    same = {path.name.casefold() for path in kept}  # some disks ignore case
    for path in before:
        if path.name.casefold() not in same:
            path.unlink(missing_ok=True)
