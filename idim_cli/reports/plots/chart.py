"""A figure of a report, drawn by the same code as files and within a page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from idim_cli.reports.plots import inline
from idim_cli.reports.plots.style import FILE, KINDS, PAGE, Medium, saved, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Chart:
    """One figure.

    Attributes:
        slug: its name as part of a file name, and of the ids within a page.
        title: what it shows, in a few words.
        alt: a description for people who do not see it.
        build: draws it for a medium.
        note: a sentence below it within a page.
    """

    slug: str
    title: str
    alt: str
    build: Callable[[Medium], Figure]
    note: str = ""

    def files(self, medium: Medium = FILE) -> dict[str, bytes]:
        """The figure by kind of file, one of `KINDS`; the same bytes every time."""
        with style():
            figure = self.build(medium)
            # Drawn once for all kinds of files.
            return {kind: saved(figure, kind) for kind in KINDS}

    def inline(self) -> str:
        """The figure as an ``svg`` element of a page, in the colours of that page."""
        with style(page=True):
            figure = self.build(PAGE)
            # The background is the page's own, which may be dark.
            for patch in (figure.patch, *(axes.patch for axes in figure.axes)):
                patch.set_visible(False)
            return inline.element(saved(figure, "svg"), self.slug, self.title, self.alt)
