"""A figure of a report, to be drawn as files and within a page by the same code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from idim_cli.reports.plots import inline
from idim_cli.reports.plots.style import FILE, KINDS, PAGE, Form, saved, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Chart:
    """One figure.

    Attributes:
        slug: its name as part of a file name, and of the ids within a page.
        title: what it shows, in a few words.
        alt: what is to be seen, for those who do not see it.
        build: draws it in a form.
        note: a sentence to stand below it within a page.
    """

    slug: str
    title: str
    alt: str
    build: Callable[[Form], Figure]
    note: str = ""

    def files(self, form: Form = FILE) -> dict[str, bytes]:
        """The figure by kind of file, one of `KINDS`; the same bytes every time."""
        with style():
            figure = self.build(form)
            return {kind: saved(figure, kind) for kind in KINDS}

    def inline(self) -> str:
        """The figure as an ``svg`` element of a page, in the colours of that page."""
        with style(page=True):
            figure = self.build(PAGE)
            for patch in (figure.patch, *(axes.patch for axes in figure.axes)):
                patch.set_visible(False)
            return inline.element(saved(figure, "svg"), self.slug, self.title, self.alt)
