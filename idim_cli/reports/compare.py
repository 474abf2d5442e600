"""What a report shows of several groups together, or in a sentence why it does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from idim_cli.reports import bars, family, parameters
from idim_cli.reports.chart import Chart
from idim_cli.reports.entries import Entry
from idim_cli.reports.published import Net, Published

_MOST_BARS = 200
_FAMILY = "`'sweep.over={model.width: [50, 100, 200]}'`"


@dataclass(frozen=True)
class Comparison:
    """Each figure, or a sentence that says what it takes.

    Attributes:
        sizes: d_int against D.
        parameters: trained parameters against performance.
        problems: d_int of all groups as bars.
    """

    sizes: Chart | str
    parameters: Chart | str
    problems: Chart | str

    @property
    def charts(self) -> list[Chart]:
        """The figures that there are."""
        return [one for one in (self.sizes, self.parameters, self.problems) if isinstance(one, Chart)]


def compare(
    found: Sequence[Entry], others: Sequence[Published | None], stem: str, undrawn: str = ""
) -> Comparison:
    """Compare groups.

    Args:
        found: the groups.
        others: the published points behind them.
        stem: begins the names of files.
        undrawn: why figures with something of each group are not drawn; empty if they are.
    """
    if undrawn:
        return Comparison(_sizes(found, stem), undrawn, undrawn)
    return Comparison(_sizes(found, stem), _parameters(found, others, stem), _problems(found, stem))


def _sizes(found: Sequence[Entry], stem: str) -> Chart | str:
    several = family.sizes(found)
    if several:
        return family.d_against_D(several, f"{stem}-sizes", len(found) - len(several))
    return (
        "This takes models of at least two sizes D that differ in nothing else, and here are none: "
        f"`idim sweep RECIPE` with {_FAMILY}."
    )


def _parameters(found: Sequence[Entry], others: Sequence[Published | None], stem: str) -> Chart | str:
    fitting = [one for one in dict.fromkeys(others) if one and _comparable(one, found)]
    nets: list[Net] = [net for one in fitting for net in one.nets]
    trained = {
        one.section.sample.D for one in found if one.section.sample.D and len(one.section.sample.direct)
    }
    if len(trained) > 1 or nets:
        source = ", ".join(dict.fromkeys(one.source for one in fitting if one.nets))
        return parameters.chart(found, nets, source, f"{stem}-parameters")
    have = _have(len(trained))
    return f"This takes direct runs of networks of at least two sizes D, and here {have}: {_FAMILY}."


def _comparable(others: Published, found: Sequence[Entry]) -> bool:
    return any(others.behind(one.section.sample.D) is not None for one in found)


def _problems(found: Sequence[Entry], stem: str) -> Chart | str:
    if len(found) > _MOST_BARS:
        return f"{len(found):,} bars are too many for a figure; the table above has all readings."
    if len(found) > 1:
        return bars.chart(found, f"{stem}-problems")
    return (
        f"This takes at least two readings, and here {_have(len(found))}: `idim report RESULTS RESULTS ...`"
    )


def _have(count: int) -> str:
    return "is one" if count else "is none"
