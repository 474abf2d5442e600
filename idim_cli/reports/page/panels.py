"""What a report shows of each group of runs: performance against d, and learning curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from idim_cli.core.errors import IdimError
from idim_cli.reports import scale
from idim_cli.reports.inputs import published
from idim_cli.reports.inputs.published import Published
from idim_cli.reports.inputs.result import ResultSet
from idim_cli.reports.inputs.section import Section, Unread
from idim_cli.reports.plots import figure, learning
from idim_cli.reports.plots.chart import Chart
from idim_cli.reports.points import Curve
from idim_cli.thresholds import number

#: Of more groups, the figures of each are drawn on request alone.
MOST_DRAWN = 8


@dataclass(frozen=True)
class Panel:
    """The figures of one group.

    Attributes:
        part: the group, read or not.
        slug: of its files: recipe and group.
        heading: the group in words.
        figure: performance against d, as a file; None where there are no points to draw.
        linear, log: the same on either axis, for a page.
        learning: its learning curves; None where no run has any.
        behind: a sentence on the published points; "" if there are none.
    """

    part: Section | Unread
    slug: str
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
    """The published points to draw behind a result, and what to say where those of its recipe are missing.

    Raises:
        IdimError: those that were asked for (`given`) cannot be read.
    """
    if given is not None:
        return published.find(given), ""
    try:
        return (published.find(result.published) if result.published else None), ""
    except IdimError as error:
        return None, f"The published points that the recipe names are not drawn: {error}."


def panels(
    result: ResultSet,
    others: Published | None,
    missing: str,
    log: bool | None,
    many: bool,
    drawn: bool = True,
) -> list[Panel]:
    """The panels of a result, of groups that were read first; `many` when other results lie beside it.

    Without figures unless `drawn`.
    """
    parts: list[Section | Unread] = [*result.sections, *result.unread]
    return [_panel(result, part, others, missing, log, many, drawn) for part in parts]


def _panel(
    result: ResultSet,
    part: Section | Unread,
    others: Published | None,
    missing: str,
    log: bool | None,
    many: bool,
    drawn: bool,
) -> Panel:
    D = part.sample.D if part.sample else None
    title = part.heading if isinstance(part, Section) else part.title
    heading = f"{result.name}: {title}" if many else title
    slug = "-".join(filter(None, (result.slug, part.slug)))
    behind = others.behind(D) if others else None
    labels = figure.Labels(heading, part.sample.measure if part.sample else "performance")
    axes = (log, False, True) if drawn else ()
    file, linear, logarithmic = [_against_d(part, slug, labels, axis, behind) for axis in axes] or [None] * 3
    curves = learning.curves(part, result.folders) if drawn else []
    shown = learning.chart(part, curves, f"{slug}-learning") if curves else None
    return Panel(part, slug, heading, file, linear, logarithmic, shown, _behind(others, behind, D) or missing)


def _behind(others: Published | None, behind: Curve | None, D: int | None) -> str:
    if others is None:
        return ""
    if behind is not None:
        return f"Grey points: {others.source}."
    return f"The points of {others.source} have D = {others.D:,}, not {D:,}, and are not drawn."


def _against_d(
    part: Section | Unread, slug: str, labels: figure.Labels, log: bool | None, behind: Curve | None
) -> Chart | None:
    reading = part.reading if isinstance(part, Section) else None
    curve = Curve.of(part.sample.points if part.sample else None, reading.centre if reading else "mean")
    if len(curve.every_d) < 2:
        return None
    axis = {None: "", True: "-log", False: "-linear"}[log]
    return Chart(
        f"{slug}{axis}",
        f"{labels.performance} against subspace dimension d: {labels.title}",
        _alt(part, curve),
        lambda form: figure.build(curve, reading, labels=labels, log=log, published=behind, form=form),
    )


def _alt(part: Section | Unread, curve: Curve) -> str:
    words = []
    if curve.d:
        words.append(f"From {number(curve.mean[0])} at d = {curve.d[0]:,.0f}")
        words.append(f"to {number(curve.mean[-1])} at d = {curve.d[-1]:,.0f}.")
    if isinstance(part, Section):
        told = part.reading
        words.append(f"The level {number(told.level)}: {told.name} {told.value_text}, {told.verdict},")
        words.append(f"interval {told.interval_text}.")
    return " ".join(words)


def prefers_log(found: Sequence[Panel]) -> bool:
    """Whether most groups spread their d so that a log axis shows them better."""
    spread = [tuple(panel.part.sample.tried.tolist()) for panel in found if panel.part.sample]
    votes = [scale.use_log(d) for d in spread]
    return sum(votes) * 2 > len(votes)
