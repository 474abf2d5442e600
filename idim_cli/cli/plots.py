"""Plots on the terminal: performance against d, and against the bytes of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from idim_cli.cli import console

if TYPE_CHECKING:
    from idim_cli.compression.record import Compressed
    from idim_cli.thresholds import Reading, Sample


def plot(runs: Sample | None, reading: Reading | None, log: bool | None = None) -> str:
    """A plot as wide as the terminal (80 columns without one), in colours if it has them.

    Without a reading it shows the runs alone; without runs it is empty. `log` is the axis of d; None chooses.
    """
    from idim_cli.reports.terminal import canvas, plot

    if runs is None:
        return ""
    # Some terminals and pipes cannot encode the marks; ASCII ones replace them.
    unicode = console.unicode(canvas.MARKS)
    return plot.plot(
        runs.points, reading, console.width(), colour=console.colour(), unicode=unicode, log=log,
        label=runs.measure,
    )  # fmt: skip


def frontier(record: Compressed) -> str:
    """Bytes against performance of all files that a compression tried, and a table of the best."""
    from idim_cli.reports.plots import frontier
    from idim_cli.reports.terminal import canvas

    unicode = console.unicode(canvas.MARKS)
    return frontier.text(record, console.width(), console.colour(), unicode)
