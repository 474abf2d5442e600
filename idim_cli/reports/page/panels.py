"""The figures of each group of runs: performance against d, and learning curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from idim_cli.core.errors import IdimError
from idim_cli.reports import scale
from idim_cli.reports.inputs import published
from idim_cli.reports.inputs.published import Published
from idim_cli.reports.inputs.result import ResultSet
from idim_cli.reports.inputs.section import Section, Unread
from idim_cli.reports.page.slugs import Slugs
from idim_cli.reports.plots import figure, learning
from idim_cli.reports.plots.chart import Chart
from idim_cli.reports.points import Curve
from idim_cli.thresholds import number

#: With more groups, each is drawn on request only: drawing takes nearly all of the time of a report.
MOST_DRAWN = 8


@dataclass(frozen=True)
class Panel:
    """The figures of one group.

    Attributes:
        part: the group, read or not.
        heading: the group in words.
        figure: performance against d, as a file; None without points to draw.
        linear, log: the same on either axis, for a page.
        learning: its learning curves; None if no run has any.
        behind: a sentence on the published points; "" if there are none.
    """

    part: Section | Unread
    heading: str
    figure: Chart | None
    linear: Chart | None
    log: Chart | None
    learning: Chart | None
    behind: str

    @property
    def charts(self) -> list[Chart]:
        """The figures that become files."""
        return [chart for chart in (self.figure, self.learning) if chart]


def overlay(result: ResultSet, given: str | None) -> tuple[Published | None, str]:
    """The published points to draw behind a result, and a sentence if those of its recipe are missing.

    Raises:
        IdimError: those of the command line (`given`) cannot be read.
    """
    if given is not None:
        return published.find(given), ""
    try:
        return (published.find(result.published) if result.published else None), ""
    except IdimError as error:
        return None, f"The published points that the recipe names are not drawn: {error}."


def panels(
    result: ResultSet,
    behind: tuple[Published | None, str],
    log: bool | None,
    slugs: Slugs,
    *,
    several: bool,
    drawn: bool = True,
) -> list[Panel]:
    """The panels of a result, of groups that were read first.

    Args:
        result: the runs.
        behind: from `overlay`.
        log: axis of d of the file; None chooses by how d is spread.
        slugs: of the report.
        several: whether there are other results in the report.
        drawn: False leaves out the figures.
    """
    others, missing = behind
    made = []
    parts: list[Section | Unread] = [*result.sections, *result.unread]
    for part in parts:
        D = part.sample.D if part.sample else None
        title = part.heading if isinstance(part, Section) else part.title
        heading = f"{result.name}: {title}" if several else title
        slug = "-".join(filter(None, (result.slug, part.slug)))
        points = others.behind(D) if others else None
        axes = (log, False, True) if drawn else ()
        charts = [_against_d(part, slug, heading, axis, points, slugs) for axis in axes]
        file, linear, logarithmic = charts or [None] * 3
        curves = learning.curves(part, result.folders) if drawn else []
        shown = learning.chart(part, curves, slugs.new(f"{slug}-learning")) if curves else None
        made.append(
            Panel(part, heading, file, linear, logarithmic, shown, _note(others, points, D) or missing)
        )
    return made


def _note(others: Published | None, points: Curve | None, D: int | None) -> str:
    if others is None:
        return ""
    if points is not None:
        return f"Grey points: {others.source}."
    return f"The points of {others.source} have D = {others.D:,}, not {D:,}, and are not drawn."


def _against_d(
    part: Section | Unread, slug: str, heading: str, log: bool | None, behind: Curve | None, slugs: Slugs
) -> Chart | None:
    reading = part.reading if isinstance(part, Section) else None
    curve = Curve.of(part.sample.points if part.sample else None, reading.centre if reading else "mean")
    # One d is a point, not a curve.
    if len(curve.every_d) < 2:
        return None
    measure = part.sample.measure if part.sample else "performance"
    axis = {None: "", True: "-log", False: "-linear"}[log]
    return Chart(
        slugs.new(f"{slug}{axis}"),
        f"{measure} against subspace dimension d: {heading}",
        _alt(part, curve),
        lambda medium: figure.build(
            curve, reading, title=heading, performance=measure, log=log, published=behind, medium=medium
        ),
    )


def _alt(part: Section | Unread, curve: Curve) -> str:
    words = []
    if curve.d:
        words.append(f"From {number(curve.mean[0])} at d = {curve.d[0]:,.0f}")
        words.append(f"to {number(curve.mean[-1])} at d = {curve.d[-1]:,.0f}.")
    if isinstance(part, Section):
        reading = part.reading
        words.append(f"The level {number(reading.level)}: {reading.name} {reading.value_text},")
        words.append(f"{reading.verdict}, interval {reading.interval_text}.")
    return " ".join(words)


def prefers_log(found: Sequence[Panel]) -> bool:
    """Whether a log axis suits the d of most groups better."""
    votes = [scale.use_log(panel.part.sample.tried.tolist()) for panel in found if panel.part.sample]
    return sum(votes) * 2 > len(votes)
