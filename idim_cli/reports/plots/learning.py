"""Learning curves: performance at each evaluation of the runs, from their metrics.csv."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from idim_cli.reports.inputs.section import Section, Unread
from idim_cli.reports.plots import style
from idim_cli.reports.plots.chart import Chart
from idim_cli.reports.text import captions
from idim_cli.runs import results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_D = len(style.RAMP)  # one colour for each d
_ENDS = {results.SOLVED: "^", results.UNSOLVED: "v", results.FAILED: "x"}
_LEVEL: dict[str, Any] = {"color": style.BLACK, "linewidth": 1.0, "linestyle": (0, (5, 3))}


@dataclass(frozen=True)
class LearningCurve:
    """The learning curve of one run.

    Attributes:
        d: its subspace dimension; None for a direct run.
        status: as in result.json.
        epochs, performance: at each evaluation.
    """

    d: int | None
    status: str
    epochs: tuple[float, ...]
    performance: tuple[float, ...]


def curves(part: Section | Unread, folders: Mapping[str, Path]) -> list[LearningCurve]:
    """The learning curves of the runs of a group whose folders are there."""
    if "run_id" not in part.rows:
        return []
    rows = part.rows.to_dict("records")
    known = [_key(row) for row in rows]
    usual = next(filter(None, known), "")  # a run that failed does not record what its performance is
    found = []
    for key, row in zip(known, rows, strict=True):
        folder = folders.get(str(row["run_id"]))
        if points := _points(folder, key or usual) if folder else []:
            d = None if bool(row.get("direct")) else int(row["d"])
            epochs, performance = zip(*points, strict=True)
            found.append(LearningCurve(d, str(row.get("status")), epochs, performance))
    return found


def chart(part: Section | Unread, found: Sequence[LearningCurve], slug: str) -> Chart:
    """The figure of these curves, at least one: all runs at up to `MOST_D` of the d, and the direct ones."""
    reading = part.reading if isinstance(part, Section) else None
    every = sorted({one.d for one in found if one.d is not None})
    shown = _chosen(every, reading.value if reading else None)
    drawn = [one for one in found if one.d is None or one.d in shown]
    measure = part.sample.measure if part.sample else "performance"

    def build(medium: style.Medium) -> Figure:
        figure = style.blank(medium)
        axes = figure.add_subplot(xlabel="epoch", ylabel=measure)
        _draw(axes, drawn, shown)
        if (level := captions.lines_of(reading).get("level")) is not None:
            axes.axhline(level, zorder=1, **_LEVEL)
        style.legend(axes, *_legend(axes, reading is not None), outside=True)
        style.titled(figure, f"Learning curves: {part.title}", "", medium)
        return figure

    note = "Each line is one run."
    if len(shown) < len(every):
        note = f"All runs at {len(shown)} of the {len(every)} d, and the direct ones."
    return Chart(slug, f"Learning curves: {part.title}", _alt(drawn, measure), build, note)


def _key(row: Mapping[Any, Any]) -> str:
    split, metric = row.get("score_on"), row.get("metric")
    return f"{split}_{metric}" if isinstance(split, str) and isinstance(metric, str) else ""


def _points(run_folder: Path, key: str) -> list[tuple[float, float]]:
    try:
        rows = results.metrics(run_folder)
    except (OSError, ValueError):  # without the curve of a damaged file, the report is still useful
        return []
    pairs = [(row.get("epoch", math.nan), row.get(key, math.nan)) for row in rows]
    return [(epoch, value) for epoch, value in pairs if math.isfinite(epoch) and math.isfinite(value)]


def _chosen(every: Sequence[int], value: int | None) -> list[int]:
    """Up to `MOST_D` of the d: both ends, the first that solves, and others evenly between."""
    if len(every) <= MOST_D:
        return list(every)
    step = (len(every) - 1) / (MOST_D - 1)
    # Evenly over the ranks of d, not over its values, which are often spaced by ratio.
    places = [round(index * step) for index in range(MOST_D)]
    first = next((index for index, d in enumerate(every) if value is not None and d >= value), None)
    if first is not None and first not in places:
        nearest = min(range(1, MOST_D - 1), key=lambda place: abs(places[place] - first))
        places[nearest] = first
    return [every[index] for index in places]


def _draw(axes: Axes, drawn: Sequence[LearningCurve], shown: Sequence[int]) -> None:
    from matplotlib.ticker import MaxNLocator

    steps = max(len(shown) - 1, 1)
    colours = {d: style.RAMP[round(index * (MOST_D - 1) / steps)] for index, d in enumerate(shown)}
    named = set()
    # Direct runs last: above the other lines, and first in the reversed legend.
    for one in sorted(drawn, key=lambda one: math.inf if one.d is None else one.d):
        label = "direct" if one.d is None else f"d = {one.d:,}"
        colour = style.BLACK if one.d is None else colours[one.d]
        # A line of one or two points would hardly be visible.
        marks: dict[str, Any] = {"marker": "o", "markersize": 3} if len(one.epochs) < 3 else {}
        axes.plot(
            one.epochs, one.performance, label="_" if label in named else label,
            color=colour, linewidth=1.1, alpha=0.85, **marks,
        )  # fmt: skip
        if one.status in _ENDS:
            end: dict[str, Any] = {"marker": _ENDS[one.status], "markersize": 5, "color": colour}
            axes.plot(one.epochs[-1:], one.performance[-1:], linestyle="", **end)
        named.add(label)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))


def _legend(axes: Axes, has_level: bool) -> tuple[list[Any], list[str]]:
    """The best at the top, as in the figure; then the level, and the marks at the ends of runs."""
    from matplotlib.lines import Line2D

    handles, labels = axes.get_legend_handles_labels()
    handles, labels = handles[::-1], labels[::-1]
    if has_level:
        handles.append(Line2D([], [], **_LEVEL))
        labels.append("level")
    ends = {line.get_marker() for line in axes.lines if line.get_linestyle() == "None"}
    for status, mark in _ENDS.items():
        if mark in ends:
            handles.append(Line2D([], [], color=style.GREY, marker=mark, linestyle="", markersize=5))
            labels.append(f"ended: {status}")
    return handles, labels


def _alt(drawn: Sequence[LearningCurve], measure: str) -> str:
    parts = []
    for d in dict.fromkeys(one.d for one in sorted(drawn, key=lambda one: one.d or math.inf)):
        last = [one.performance[-1] for one in drawn if one.d == d]
        name = "direct" if d is None else f"d = {d:,}"
        parts.append(f"{name}: {sum(last) / len(last):.3g} at the end")
    return f"{measure} against epochs, one line for each run. " + "; ".join(parts) + "."
