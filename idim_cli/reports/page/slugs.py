"""Unique names of figures: they are names of files in one folder, and ids within a page."""

from __future__ import annotations


class Slugs:
    """Gives each name once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def new(self, slug: str) -> str:
        """`slug`, or with the first number that makes it new; case is ignored, as on some disks."""
        name, count = slug, 1
        # Some disks ignore case, on which one file would replace the other.
        while name.casefold() in self._taken:
            count += 1
            name = f"{slug}~{count}"
        self._taken.add(name.casefold())
        return name
