"""The place of each key of a recipe, so that a fault names its file, line and column."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from idim_cli.core.errors import Fault

KeyPath = tuple[str | int, ...]


class Place(NamedTuple):
    """A position in a file, counted from 1; line 0 for text without lines (an argument)."""

    file: str
    line: int = 0
    column: int = 0


class KeyFault(NamedTuple):
    """A fault with a key path but no place yet; `at_key` points to the key rather than its value."""

    path: KeyPath
    message: str
    hint: str = ""
    at_key: bool = False


def show(path: Sequence[str | int]) -> str:
    """A key path as text: ``("sweep", "d", 2)`` -> ``sweep.d[2]``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


@dataclass
class SourceMap:
    """The places of a recipe's keys and values, by key path as `show` writes it ("" is the whole file)."""

    file: str
    keys: dict[str, Place] = field(default_factory=dict)
    values: dict[str, Place] = field(default_factory=dict)

    def fault(self, path: str | KeyPath, message: str, hint: str = "", *, at_key: bool = False) -> Fault:
        """A fault at `path`, or at its nearest parent in the file."""
        shown = path if isinstance(path, str) else show(path)
        place = (self.keys if at_key else self.values).get(shown) or self._nearest(shown)
        return Fault(*place, shown, message, hint)

    def locate(self, problem: KeyFault) -> Fault:
        """`problem` with its place in this source."""
        return self.fault(problem.path, problem.message, problem.hint, at_key=problem.at_key)

    def replace(self, path: KeyPath, place: Place) -> None:
        """Record that `path`, everything below it, and parents without a place come from `place`."""
        # Keys below the old value no longer exist, and a fault must not point to them.
        shown = show(path)
        for places in (self.keys, self.values):
            for old in [key for key in places if key.startswith((f"{shown}.", f"{shown}["))]:
                del places[old]
            places[shown] = place
            for length in range(1, len(path)):
                places.setdefault(show(path[:length]), place)

    def _nearest(self, shown: str) -> Place:
        # One part less each time: ".key" or "[index]".
        while shown and shown not in self.keys:
            shown = re.sub(r"(^|\.)[^.\[]*$|\[[^\[]*$", "", shown)
        return self.keys.get(shown) or self.values.get(shown) or Place(self.file)
