"""What a report shows of several groups together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from idim_cli.reports.inputs.entries import Entry
from idim_cli.reports.inputs.published import Net, Published
from idim_cli.reports.plots import bars, family, parameters, stack
from idim_cli.reports.plots.chart import Chart

_MOST_BARS = 60


@dataclass(frozen=True)
class Comparison:
    """Each figure, or None where it would show nothing.

    Attributes:
        curves: performance against d of all groups.
        sizes: d_int against D.
        parameters: trained parameters against performance.
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
) -> Comparison:
    """Compare groups.

    Args:
        found: the groups.
        others: the published points behind them.
        stem: begins the names of files.
        undrawn: why figures of which each takes its time are not drawn; empty if they are.
        log: axis of d; None chooses by how d is spread.
    """
    curves = stack.chart(found, log, f"{stem}-all")
    sizes = _sizes(found, stem)
    parameters = None if undrawn else _parameters(found, others, stem)
    return Comparison(curves, sizes, parameters, _problems(found, stem))


def _sizes(found: Sequence[Entry], stem: str) -> Chart | None:
    """Of models of two sizes D or more that differ in nothing else."""
    several = family.sizes(found)
    return family.d_against_D(several, f"{stem}-sizes", len(found) - len(several)) if several else None


def _parameters(found: Sequence[Entry], others: Sequence[Published | None], stem: str) -> Chart | None:
    """Of networks of two sizes D or more, trained directly, or one beside published small ones."""
    fitting = [one for one in dict.fromkeys(others) if one and _comparable(one, found)]
    nets: list[Net] = [net for one in fitting for net in one.nets]
    trained = {
        one.section.sample.D for one in found if one.section.sample.D and len(one.section.sample.direct)
    }
    if len(trained) < 2 and not nets:
        return None
    source = ", ".join(dict.fromkeys(one.source for one in fitting if one.nets))
    return parameters.chart(found, nets, source, f"{stem}-parameters")


def _comparable(others: Published, found: Sequence[Entry]) -> bool:
    return any(others.behind(one.section.sample.D) is not None for one in found)


def _problems(found: Sequence[Entry], stem: str) -> Chart | None:
    """Of two groups or more, as long as bars can be told apart: the table has them all."""
    return bars.chart(found, f"{stem}-problems") if 1 < len(found) <= _MOST_BARS else None
