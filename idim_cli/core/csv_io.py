"""CSV files: reading those of any program, and writing those of idim."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from idim_cli.core import bounded_io, untrusted_text
from idim_cli.core.errors import FileError
from idim_cli.core.number_formats import read_numbers

if TYPE_CHECKING:
    import pandas as pd

_BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
# Limits on what is read into memory: a table of 100,000 runs has some 5 million cells.
_BYTES, _HEADER, _COLUMNS, _CELLS = 2**28, 2**20, 5000, 20_000_000
_SEP_LINE = re.compile(r'"?sep=([,;\t|])?"?')  # what spreadsheets write, and read, as the first line
_SAMPLED = 4096  # bytes from which the encoding is guessed


def read_csv(path: Path, words: bool = False) -> pd.DataFrame:
    """A CSV file as a table.

    Cells may be separated by commas, semicolons or tabs. Numbers may have a decimal comma, separators between
    thousands or a percent sign. The text is UTF-8 or UTF-16, with or without a byte order mark. Lines that
    begin with ``#``, and a line ``sep=;``, may precede the header.

    Args:
        path: the file.
        words: only an empty cell is empty; otherwise words such as NA, null and None are too.

    Raises:
        FileError: the file is not a CSV, or a cell is ambiguous; names the line.
    """
    import pandas as pd

    try:
        encoding = _encoding(path)
        form = {**_checked_header(path, encoding), "keep_default_na": not words, "na_values": [""]}

        def parsed(**given: Any) -> pd.DataFrame:
            return _parsed(path, encoding=encoding, **form, **given)

        frame = parsed()
    except UnicodeDecodeError as error:
        line = _line_of_byte(path)
        raise FileError(f"{path}:{line}: the text is not UTF-8", "save the file as UTF-8") from error
    except pd.errors.ParserWarning as error:
        raise FileError(f"cannot read {path} as CSV: its rows have more cells than its header") from error
    except (ValueError, OSError, csv.Error) as error:
        raise FileError(f"cannot read {path} as CSV: {str(error).strip()}") from error
    return _printable(
        read_numbers(
            frame,
            lambda row, column: f"{path}:{line_of(path, row)}: column {column!r}",
            lambda: parsed(dtype=str),
        )
    )


def _printable(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with its texts as `cell` makes them, and without the marks of `shielded`."""
    from pandas.api import types as pd_types

    def clean(value: Any) -> Any:
        return untrusted_text.cell(untrusted_text.unshielded(value)) if isinstance(value, str) else value

    for name in frame.columns:
        if not pd_types.is_numeric_dtype(frame[name]):
            changed = {one: new for one in frame[name].unique() if (new := clean(one)) is not one}
            if changed:
                frame[name] = [changed.get(value, value) for value in frame[name]]
    return frame.rename(columns=clean)


def line_of(path: Path, row: int) -> int:
    """The line of a CSV file on which a row of its table begins, counted from 1; rows are counted from 0."""
    try:
        encoding = _encoding(path)
        with path.open(encoding=encoding, errors="replace", newline="") as file:
            before, _, separator = _header(file)
            reader = csv.reader(file, delimiter=separator, skipinitialspace=True)
            begins = first = before + 2
            for cells in reader:
                if any(cells):
                    if row == 0:
                        return begins
                    row -= 1
                begins = reader.line_num + first
    except (OSError, csv.Error):
        pass
    return row + 2


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """The text of a CSV file: a header and a line for each row; unknown values are empty cells.

    Cells that a spreadsheet would run as a formula get a quote in front.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(map(untrusted_text.shielded, columns))
    for row in rows:
        writer.writerow(untrusted_text.shielded(row.get(name, "")) for name in columns)
    return buffer.getvalue()


def _parsed(path: Path, **given: Any) -> pd.DataFrame:
    """The table as pandas reads it; ParserWarning, raised, if it would drop cells."""
    import pandas as pd

    # Without index_col=False pandas takes the first column of rows with more cells than the header as an
    # index.
    with warnings.catch_warnings():
        # As an error: dropping cells of long rows silently would shift results.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        frame: pd.DataFrame = pd.read_csv(
            path, skipinitialspace=True, index_col=False, low_memory=False, compression=None, **given
        )
    return frame.rename(columns=str.strip)


def _bounded(path: Path, header: str) -> None:
    """FileError for a table whose cells would fill the memory."""
    # Counted before pandas reads it: short rows are filled to the length of the header, so a small file may
    # become a large table.
    with path.open("rb") as file:
        rows = sum(block.count(b"\n") for block in iter(lambda: file.read(2**20), b""))
    columns = 1 + max(map(header.count, ",;\t|"))
    if len(header) > _HEADER or columns > _COLUMNS or rows * columns > _CELLS:
        what = f"a header of {columns:,} columns, and {rows:,} lines"
        raise FileError(
            f"{path} is larger than a table of runs: {what}", f"at most {_CELLS:,} cells are read"
        )


def _encoding(path: Path) -> str:
    with bounded_io.opened(path, _BYTES) as file:
        head = file.read(_SAMPLED)
    for mark, name in _BOMS.items():
        if head.startswith(mark):
            return name
    if b"\0" in head:  # every other byte of Latin letters in UTF-16
        return "utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"
    return "utf-8"


def _checked_header(path: Path, encoding: str) -> dict[str, Any]:
    """How pandas is to read a CSV file; FileError if two of its columns have one name."""
    with path.open(encoding=encoding, newline="") as file:
        before, header, separator = _header(file)
        rest = itertools.chain([header], file)  # a name in quotes may hold a line break
        _bounded(path, header)
        names = [name.strip() for name in next(csv.reader(rest, delimiter=separator), [])]
    for name in names:
        if name and names.count(name) > 1:
            what = f"there are {names.count(name)} columns {name!r}"
            raise FileError(f"{path}:{before + 1}: {what}", "rename all but one")
    return {"sep": separator, "skiprows": before}


def _header(file: TextIO) -> tuple[int, str, str]:
    """Number of lines before the header of a CSV file; the header; the separator."""
    declared = None
    for before, line in enumerate(iter(lambda: file.readline(_HEADER + 1), "")):
        if found := _SEP_LINE.fullmatch(line.strip()):
            declared = found[1]
        elif line.strip() and not line.startswith("#"):
            bare = "".join(line.split('"')[::2])  # outside of quotes
            return before, line, declared or max(",;\t", key=bare.count)  # a comma if they are equally many
    return 0, "", ","


def _line_of_byte(path: Path) -> int:
    """The line with the first byte that is not UTF-8."""
    data = bounded_io.read_bytes(path, _BYTES)
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return data.count(b"\n", 0, error.start) + 1
    return 1
