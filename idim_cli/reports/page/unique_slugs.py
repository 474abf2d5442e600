"""Names of figures, each once in a report: they are names of files in one folder, and ids within a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from idim_cli.reports.plots.chart import Chart

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    _Holder = TypeVar("_Holder", bound=DataclassInstance)


def apart(holders: Sequence[_Holder], taken: set[str]) -> list[_Holder]:
    """The same dataclasses of charts, numbers behind slugs that are `taken`; that grows by all of theirs."""
    made = []
    for one in holders:
        changes: dict[str, Any] = {
            name: replace(chart, slug=_free(chart.slug, taken))
            for name, chart in vars(one).items()
            if isinstance(chart, Chart)
        }
        made.append(replace(one, **changes))
    return made


def _free(slug: str, taken: set[str]) -> str:
    """`slug` with the first number that makes it new, also where large and small letters are the same."""
    name, count = slug, 1
    while name.casefold() in taken:
        count += 1
        name = f"{slug}~{count}"
    taken.add(name.casefold())
    return name
