"""Plots on the terminal: performance against d, and against the bytes of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from idim_cli.cli import console

if TYPE_CHECKING:
    from idim_cli.reports.inputs.records import CompressedRecord
    from idim_cli.thresholds import Reading, Sample


def plot(runs: Sample | None, reading: Reading | None, log: bool | None = None) -> str:
    """A plot as wide as the terminal (80 columns where there is none), plain where it takes no colours.

    Of the runs alone where there is no reading; empty where there are no runs either. `log` is the axis of d;
    None chooses.
    """
    from idim_cli.reports.terminal import canvas, plot

    if runs is None:
        return ""
    unicode = console.unicode(canvas.MARKS)
    return plot.plot(
        runs.points, reading, console.width(), colour=console.colour(), unicode=unicode, log=log,
        label=runs.measure,
    )  # fmt: skip


def frontier(record: CompressedRecord) -> str:
    """Bytes against performance of all files that a compression looked at, and a table of the best."""
    from idim_cli.reports.plots import frontier
    from idim_cli.reports.terminal import canvas

    unicode = console.unicode(canvas.MARKS)
    return frontier.text(record, console.width(), console.colour(), unicode)
