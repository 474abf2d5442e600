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

MOST_D = len(style.RAMP)
_ENDS = {results.SOLVED: "^", results.UNSOLVED: "v", results.FAILED: "x"}


@dataclass(frozen=True)
class Learning:
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


def curves(part: Section | Unread, folders: Mapping[str, Path]) -> list[Learning]:
    """The learning curves of the runs of a group, as far as their folders are there."""
    rows = part.rows
    if "run_id" not in rows:
        return []
    known = [_key(row) for row in rows.to_dict("records")]
    usual = next(filter(None, known), "")  # a run that failed does not say what its performance was
    found = []
    for key, row in zip(known, rows.to_dict("records"), strict=True):
        folder = folders.get(str(row["run_id"]))
        points = _points(folder, key or usual) if folder else []
        if points:
            d = None if bool(row.get("direct")) else int(row["d"])
            epochs, performance = zip(*points, strict=True)
            found.append(Learning(d, str(row.get("status")), epochs, performance))
    return found


def chart(part: Section | Unread, found: Sequence[Learning], slug: str) -> Chart:
    """The figure of these curves, at least one: all runs at up to `MOST_D` of the d, and the direct ones."""
    reading = part.reading if isinstance(part, Section) else None
    every = sorted({one.d for one in found if one.d is not None})
    shown = _chosen(every, reading.value if reading else None)
    drawn = [one for one in found if one.d is None or one.d in shown]
    measure = part.sample.measure if part.sample else "performance"

    def build(form: style.Form) -> Figure:
        figure = style.blank(form)
        axes = figure.add_subplot(xlabel="epoch", ylabel=measure)
        _draw(axes, drawn, shown)
        for name, height in captions.lines_of(reading).items():
            if name == "level":
                axes.axhline(height, color=style.BLACK, linewidth=1.0, linestyle=(0, (5, 3)), zorder=1)
        style.legend(axes, *_legend(axes, reading is not None), beside=True)
        style.titled(figure, f"Learning curves: {part.title}", "", form)
        return figure

    return Chart(slug, f"Learning curves: {part.title}", _alt(drawn, measure), build, _note(every, shown))


def _key(row: Mapping[Any, Any]) -> str:
    split, metric = row.get("score_on"), row.get("metric")
    return f"{split}_{metric}" if isinstance(split, str) and isinstance(metric, str) else ""


def _points(run_folder: Path, key: str) -> list[tuple[float, float]]:
    try:
        rows = results.metrics(run_folder)
    except (OSError, ValueError):  # a damaged file costs its curve, not the report
        return []
    pairs = [(row.get("epoch", math.nan), row.get(key, math.nan)) for row in rows]
    return [(epoch, value) for epoch, value in pairs if math.isfinite(epoch) and math.isfinite(value)]


def _chosen(every: Sequence[int], value: int | None) -> list[int]:
    """Up to `MOST_D` of the d: the ends, the first that solves, and others evenly between."""
    if len(every) <= MOST_D:
        return list(every)
    step = (len(every) - 1) / (MOST_D - 1)
    places = [round(index * step) for index in range(MOST_D)]
    first = next((index for index, d in enumerate(every) if value is not None and d >= value), None)
    if first is not None and first not in places:
        nearest = min(range(1, MOST_D - 1), key=lambda place: abs(places[place] - first))
        places[nearest] = first
    return [every[index] for index in places]


def _draw(axes: Axes, drawn: Sequence[Learning], shown: Sequence[int]) -> None:
    from matplotlib.ticker import MaxNLocator

    steps = max(len(shown) - 1, 1)
    colours = {d: style.RAMP[round(index * (MOST_D - 1) / steps)] for index, d in enumerate(shown)}
    named = set()
    for one in sorted(drawn, key=lambda one: math.inf if one.d is None else one.d):
        label = "direct" if one.d is None else f"d = {one.d:,}"
        colour = style.BLACK if one.d is None else colours[one.d]
        options: dict[str, Any] = {"color": colour, "linewidth": 1.1, "alpha": 0.85}
        few = len(one.epochs) < 3  # a line of one point would not be seen
        marks: dict[str, Any] = {"marker": "o", "markersize": 3} if few else {}
        axes.plot(one.epochs, one.performance, label="_" if label in named else label, **options, **marks)
        if one.status in _ENDS:
            end: dict[str, Any] = {"marker": _ENDS[one.status], "markersize": 5, "color": colour}
            axes.plot(one.epochs[-1:], one.performance[-1:], linestyle="", **end)
        named.add(label)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))


def _legend(axes: Axes, has_level: bool) -> tuple[list[Any], list[str]]:
    """The best on top, as in the figure; then the level, and the marks at the ends of runs."""
    from matplotlib.lines import Line2D

    handles, labels = axes.get_legend_handles_labels()
    handles, labels = handles[::-1], labels[::-1]
    if has_level:
        handles.append(Line2D([], [], color=style.BLACK, linewidth=1.0, linestyle=(0, (5, 3))))
        labels.append("level")
    ends = {line.get_marker() for line in axes.lines if line.get_linestyle() == "None"}
    for status, mark in _ENDS.items():
        if mark in ends:
            handles.append(Line2D([], [], color=style.GREY, marker=mark, linestyle="", markersize=5))
            labels.append(f"ended: {status}")
    return handles, labels


def _note(every: Sequence[int], shown: Sequence[int]) -> str:
    if len(shown) < len(every):
        return f"All runs at {len(shown)} of the {len(every)} d, and the direct ones."
    return "Each line is one run."


def _alt(drawn: Sequence[Learning], measure: str) -> str:
    parts = []
    for d in dict.fromkeys(one.d for one in sorted(drawn, key=lambda one: one.d or math.inf)):
        last = [one.performance[-1] for one in drawn if one.d == d]
        name = "direct" if d is None else f"d = {d:,}"
        parts.append(f"{name}: {sum(last) / len(last):.3g} at the end")
    return f"{measure} against epochs, one line a run. " + "; ".join(parts) + "."
