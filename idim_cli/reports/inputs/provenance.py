"""Which idim made runs, when they ended, and the day on which a page is written."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from idim_cli.core.machine import version
from idim_cli.reports.inputs.result import ResultSet

_EPOCH = "SOURCE_DATE_EPOCH"  # seconds since 1970 that stand for now, where files must come out the same


def versions(result: ResultSet) -> str:
    """The versions of idim that made the runs; empty where nothing says so."""
    return ", ".join(dict.fromkeys(_known(result, "idim")))


def ended(result: ResultSet) -> str:
    """The days on which the first and the last run ended; empty where nothing says so."""
    days = sorted(text[:10] for text in _known(result, "date"))
    return " .. ".join(dict.fromkeys((days[0], days[-1]))) if days else ""


def written() -> str:
    """``2026-01-31 by idim 0.1.0``: today, in UTC, or the day that SOURCE_DATE_EPOCH says."""
    given = os.environ.get(_EPOCH, "")
    now = (
        datetime.fromtimestamp(int(given), UTC)
        if given.isdecimal() and len(given) < 12
        else datetime.now(UTC)
    )
    return f"{now:%Y-%m-%d} by idim {version()}"


def _known(result: ResultSet, column: str) -> Iterable[str]:
    cells: Iterable[Any] = result.table.get(column, ())
    return [cell for cell in cells if isinstance(cell, str) and cell]
