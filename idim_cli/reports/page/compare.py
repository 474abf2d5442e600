"""The figures of several groups together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from idim_cli.reports.inputs.entries import Entry
from idim_cli.reports.inputs.published import Published
from idim_cli.reports.page.slugs import Slugs
from idim_cli.reports.plots import bars, family, parameters, stack
from idim_cli.reports.plots.chart import Chart

_MOST_BARS = 60  # a figure of more rows cannot be read; the table has them all


@dataclass(frozen=True)
class Comparison:
    """Each figure, or None if it would show nothing.

    Attributes:
        curves: performance against d of all groups.
        sizes: d_int against D, of models of two sizes or more that differ in nothing else.
        parameters: trained parameters against performance, of networks of two D or more that were trained
            directly, or of one together with published small ones.
        problems: d_int of all groups as bars.
    """

    curves: Chart | None
    sizes: Chart | None
    parameters: Chart | None
    problems: Chart | None

    @property
    def charts(self) -> list[Chart]:
        """The figures that there are."""
        return [one for one in (self.curves, self.sizes, self.parameters, self.problems) if one]


def compare(
    found: Sequence[Entry],
    others: Sequence[Published | None],
    stem: str,
    undrawn: str = "",
    log: bool | None = None,
    slugs: Slugs | None = None,
) -> Comparison:
    """Compare groups.

    Args:
        found: the groups.
        others: the published points behind them.
        stem: begins the names of files.
        undrawn: why figures that take long are not drawn; empty if they are.
        log: axis of d; None chooses by how d is spread.
        slugs: of the report.
    """
    slugs = slugs or Slugs()
    curves = stack.chart(found, log, slugs.new(f"{stem}-all"))
    several = family.sizes(found)
    rest = len(found) - len(several)
    sizes = family.d_against_D(several, slugs.new(f"{stem}-sizes"), rest) if several else None
    nets = None if undrawn else _parameters(found, others, slugs.new(f"{stem}-parameters"))
    shown = 1 < len(found) <= _MOST_BARS
    problems = bars.d_int(found, slugs.new(f"{stem}-problems")) if shown else None
    return Comparison(curves, sizes, nets, problems)


def _parameters(found: Sequence[Entry], others: Sequence[Published | None], slug: str) -> Chart | None:
    samples = [one.section.sample for one in found]
    fitting = [
        one
        for one in dict.fromkeys(others)
        if one and any(one.behind(sample.D) is not None for sample in samples)
    ]
    nets = [net for one in fitting for net in one.nets]
    trained = {sample.D for sample in samples if sample.D and len(sample.direct)}
    # One network alone is a point, and shows no relation.
    if len(trained) < 2 and not nets:
        return None
    # Once each: several results often have the same source.
    source = ", ".join(dict.fromkeys(one.source for one in fitting if one.nets))
    return parameters.chart(found, nets, source, slug)
