"""Bytes against performance: all files that a compression looked at, and which of them are the best."""

from __future__ import annotations

import csv
import io
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from idim_cli.reports import scale
from idim_cli.reports.inputs.records import CompressedRecord, TrialRecord
from idim_cli.reports.plots import style
from idim_cli.reports.plots.chart import Chart
from idim_cli.reports.terminal.canvas import Canvas
from idim_cli.thresholds import number
from idim_cli.thresholds.text import aligned

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HEADER = ["d", "levels", "how", "bytes", "performance", "frontier", "run_id"]
ENOUGH = 3  #: trainings with few values that make a picture
_LONGEST = 200  # bytes of a header that is ours
_ROWS = 16  # lines of the plot on a terminal


def scored(one: CompressedRecord) -> list[TrialRecord]:
    """The files that were looked at, by size; those without a performance are left out."""
    known = [trial for trial in one.tried if trial.performance is not None]
    return sorted(known, key=lambda trial: (trial.bytes, trial.performance))


def best(tried: Sequence[TrialRecord]) -> list[TrialRecord]:
    """The Pareto frontier: files that none of the same size or smaller does as well as, ascending."""
    found: list[TrialRecord] = []
    for trial in sorted(tried, key=lambda trial: (trial.bytes, -_score(trial))):
        if not found or _score(trial) > _score(found[-1]):
            found.append(trial)
    return found


def chart(one: CompressedRecord, slug: str, label: str) -> Chart:
    """Performance against bytes: a line for each number of values, the frontier, what was asked for."""
    tried, title = scored(one), f"{one.measure} against bytes: {label}"

    def build(form: style.Form) -> Figure:
        figure = style.blank(form, height=1.15 * form.usual[1])
        axes = figure.add_subplot(xscale="log", xlabel="bytes (log axis)", ylabel=one.measure)
        style.across(axes, heights)
        if one.max_bytes is not None:
            axes.axvline(one.max_bytes, color=style.BLACK, linewidth=1, linestyle="--", zorder=1)
        _frontier(axes, best(tried))
        _series(axes, one, tried)
        _chosen(axes, one)
        style.log_ticks(axes.xaxis)
        style.named_across(axes, heights, names, form)
        style.legend(axes, columns=3)
        style.titled(figure, title, note, form)
        return figure

    heights, names = _heights(one), _names(one)
    note = _note(one)
    told = "; ".join(f"{trial.bytes:,} bytes: {number(trial.performance)}" for trial in best(tried))
    return Chart(slug, title, f"The frontier: {told}.", build, note)


def to_csv(one: CompressedRecord) -> str:
    """A line for each file that was looked at, in the order of the search; unknown is an empty cell."""
    frontier, buffer = {id(trial) for trial in best(scored(one))}, io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(_HEADER)
    for t in one.tried:
        writer.writerow([t.d, t.levels, t.how, t.bytes, t.performance, id(t) in frontier, t.run_id])
    return buffer.getvalue()


def save(one: CompressedRecord) -> list[Path]:
    """Write the CSV and the figures beside a file; returns where. The same record gives the same bytes."""
    from idim_cli.runs.results import write_atomic

    stem = _stem(one.path)
    drawn = chart(one, stem, f"{one.dataset}, {one.model}, {one.projector}").files()
    files = {one.path.with_name(f"{stem}.csv"): to_csv(one).encode()}
    files |= {one.path.with_name(f"{stem}.{kind}"): content for kind, content in drawn.items()}
    for path, content in files.items():
        write_atomic(path, content)
    return list(files)


def clear(path: Path) -> None:
    """Remove what `save` once wrote beside a file, which is another one now; files of others stay."""
    table = path.with_name(f"{_stem(path)}.csv")
    try:
        with table.open("rb") as file:
            ours = file.readline(_LONGEST).strip() == ",".join(_HEADER).encode()
    except OSError:
        return
    for kind in ("csv", *style.KINDS) if ours else ():
        table.with_suffix(f".{kind}").unlink(missing_ok=True)


def _stem(path: Path) -> str:
    return f"{path.stem}-frontier"


def text(one: CompressedRecord, width: int = 80, colour: bool = False, unicode: bool = True) -> str:
    """The frontier as plain characters: a plot, and a table of the files on it."""
    tried, frontier = scored(one), best(scored(one))
    rows = [("frontier", "d", "values", "bytes", one.measure, "")]
    for trial in frontier:
        values = "float32" if trial.levels is None else str(trial.levels)
        own = "this file" if (trial.bytes, trial.performance) == (one.bytes, one.performance) else ""
        rows.append((trial.how, f"{trial.d:,}", values, f"{trial.bytes:,}", number(trial.performance), own))
    table = "\n".join(line.rstrip() for line in aligned(rows))
    return f"{_plot(one, tried, frontier, width, colour, unicode)}\n\n{table}\n"


def _plot(
    one: CompressedRecord,
    tried: Sequence[TrialRecord],
    frontier: Sequence[TrialRecord],
    width: int,
    colour: bool,
    unicode: bool,
) -> str:
    legend = [("below", "looked at"), ("solved", "on the frontier: none as small does as well")]
    heights, names = _heights(one), _names(one)
    legend += [(name, f"{names[name]} {number(height)}") for name, height in heights.items()]
    sizes, scores = [trial.bytes for trial in tried], [_score(trial) for trial in tried]
    x = scale.around(sizes, log=True)
    canvas = Canvas(x, scores, (width, _ROWS), heights, legend, unicode=unicode, first=sizes[0])
    for trials, name in ((tried, "below"), (frontier, "solved")):
        for trial in trials:
            below = one.level is not None and _score(trial) < one.level
            canvas.point(trial.bytes, _score(trial), name, below)
    heading = textwrap.fill(f"{one.measure} against bytes (log axis)", canvas.width)
    return canvas.text(heading, colour)


def _heights(one: CompressedRecord) -> dict[str, float]:
    """Where lines across are drawn: at what 100 % is, and at what was asked for."""
    heights = {"baseline": one.own if one.baseline is None else one.baseline, "level": one.level}
    return {name: height for name, height in heights.items() if height is not None}


def _names(one: CompressedRecord) -> dict[str, str]:
    return {"baseline": "the run's own" if one.baseline is None else "baseline", "level": "level"}


def _series(axes: Axes, one: CompressedRecord, tried: Sequence[TrialRecord]) -> None:
    """Trained files by their number of values, each a line over d; those that were not trained in grey."""
    trained = [trial for trial in tried if trial.how == "trained" and trial.levels]
    levels = sorted({trial.levels for trial in trained if trial.levels})
    for place, many in enumerate(levels):
        colour = style.RAMP[round(place * (len(style.RAMP) - 1) / max(len(levels) - 1, 1))]
        mark = style.LOOKS[place % len(style.LOOKS)][1]
        _line(
            axes, [trial for trial in trained if trial.levels == many], f"{many} values", colour, f"{mark}-"
        )
    rounded = [trial for trial in tried if trial.how == "rounded"]
    _line(axes, rounded, "rounded only", style.GREY, ".:")
    _line(axes, [trial for trial in tried if trial.levels is None], "float32", style.GREY, "x")


def _line(axes: Axes, trials: Sequence[TrialRecord], label: str, colour: str, form: str) -> None:
    if trials:
        options: dict[str, Any] = {"color": colour, "markersize": 4.5, "linewidth": 0.9, "label": label}
        axes.plot([t.bytes for t in trials], [_score(t) for t in trials], form, **options)


def _frontier(axes: Axes, frontier: Sequence[TrialRecord]) -> None:
    options: dict[str, Any] = {"color": style.FAINT, "linewidth": 3, "zorder": 0.5, "label": "frontier"}
    sizes, scores = [trial.bytes for trial in frontier], [_score(trial) for trial in frontier]
    axes.plot(sizes, scores, drawstyle="steps-post", **options)


def _chosen(axes: Axes, one: CompressedRecord) -> None:
    if one.performance is not None:
        options: dict[str, Any] = {"markersize": 10, "markerfacecolor": "none", "zorder": 4}
        axes.plot(one.bytes, one.performance, "o", color=style.RED, label="this file", **options)


def _note(one: CompressedRecord) -> str:
    asked = f" Asked for: {one.goal}." if one.goal else ""
    return f"Ring: this file, {one.bytes:,} bytes and {number(one.performance)}.{asked}"


def _score(trial: TrialRecord) -> float:
    assert trial.performance is not None
    return trial.performance
