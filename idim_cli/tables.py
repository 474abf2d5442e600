"""Tables in CSV files, whoever wrote them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from idim_cli.errors import FileError

if TYPE_CHECKING:
    import pandas as pd


def read_csv(path: Path) -> pd.DataFrame:
    """A CSV file as a table, with commas, semicolons or tabs between its cells; FileError if it is none."""
    import pandas as pd

    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            separator = _separator(file.readline())
        frame = _parsed(path, separator)
    except pd.errors.ParserWarning as error:
        raise FileError(f"cannot read {path} as CSV: its rows have more cells than its header") from error
    except (ValueError, OSError) as error:
        raise FileError(f"cannot read {path} as CSV: {str(error).strip()}") from error
    return frame.rename(columns=str.strip)


def _parsed(path: Path, separator: str) -> pd.DataFrame:
    """The table as pandas reads it; ParserWarning, raised, if it would drop cells."""
    import pandas as pd

    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        return pd.read_csv(path, sep=separator, skipinitialspace=True, index_col=False)


def _separator(header: str) -> str:
    """A comma, unless the header has more semicolons or tabs."""
    return max(",;\t", key=header.count)
