"""Points of others, such as a paper's, to be drawn behind one's own."""

from __future__ import annotations

from pathlib import Path

from idim_cli import results
from idim_cli.errors import FileError
from idim_cli.reports.curve import Curve
from idim_cli.thresholds.rows import clean


def read(path: Path) -> Curve:
    """The points of a CSV file with the columns d and performance, direct training left out.

    Raises:
        IdimError: the file cannot be read, lacks a column, or a cell is not a number.
    """
    if not path.is_file():
        raise FileError(f"no file {str(path)!r}", "--published takes a CSV of d and performance")
    table = results.read(path)
    lacking = [name for name in ("d", "performance") if name not in table]
    if lacking:
        have = ", ".join(str(column) for column in table.columns)
        raise FileError(f"{path} has no column {' and no column '.join(lacking)}", f"it has {have}")
    tidy = clean(table, str(path))
    swept = tidy.rows[~tidy.direct]
    return Curve.of({"d": swept["d"], "mean": swept["performance"]})
