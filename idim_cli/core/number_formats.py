"""Numbers in the formats of other programs and countries: decimal commas, thousands separators, percent."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from idim_cli.core.errors import FileError

if TYPE_CHECKING:
    import pandas as pd

#: The place of a cell in words, from its row and the name of its column.
Place = Callable[[int, str], str]
Kind = Literal["words", "whole", "either", ".", ","]

_SPACE = "[ \u00a0\u2009\u202f'\u2019]"  # between thousands in French, Swiss and ISO writing
_SPACED = re.compile(rf"[+-]?\d{{1,3}}({_SPACE}\d{{3}})+([.,]\d+)?", re.ASCII)
_EXPONENT = r"([eE][+-]?\d+)?"
_WHOLE = re.compile(rf"[+-]?\d+{_EXPONENT}", re.ASCII)
# 1,234: a decimal in one country, a thousand in another; not 0,123, as no thousand begins with a zero.
_EITHER = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}", re.ASCII)
_POINT = re.compile(
    rf"[+-]?(\d+\.?\d*|\.\d+){_EXPONENT}|[+-]?\d{{1,3}}(,\d{{3}})+\.\d*|[+-]?\d{{1,3}}(,\d{{3}}){{2,}}",
    re.ASCII,
)
_COMMA = re.compile(
    rf"[+-]?(\d+,?\d*|,\d+){_EXPONENT}|[+-]?\d{{1,3}}(\.\d{{3}})+,\d*|[+-]?\d{{1,3}}(\.\d{{3}}){{2,}}",
    re.ASCII,
)
_DIGITS = 400  # more than the largest decimal has
_HINT = "write numbers with a decimal point and nothing between thousands"


def kind(cell: str) -> Kind:
    """The decimal sign of a number or percentage if it is certain, or the kind of the text."""
    text = _unspaced(_bare(cell))
    for found, pattern in (("whole", _WHOLE), ("either", _EITHER), (".", _POINT), (",", _COMMA)):
        if pattern.fullmatch(text):
            return found  # type: ignore[return-value]
    return "words"


def as_floats(column: pd.Series[Any]) -> pd.Series[float]:
    """A column as floats: NaN for anything but numbers, infinite if too large."""
    import pandas as pd

    try:
        return pd.to_numeric(column, errors="coerce").astype(float)
    except OverflowError:  # whole numbers of hundreds of digits
        text = column.map(lambda cell: str(cell)[:_DIGITS] if isinstance(cell, int) else cell)
        return pd.to_numeric(text, errors="coerce").astype(float)


def read_numbers(frame: pd.DataFrame, place: Place, as_text: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    """`frame` with numbers for the columns of text whose cells are all numbers in some format.

    ``1,234`` may be a decimal or a thousand: the other cells of its column decide, then those of the table.
    ``27 %`` is 0.27.

    Args:
        frame: as read with a decimal point.
        place: see `Place`.
        as_text: reads all cells as text; called only if some column has decimal commas.

    Raises:
        FileError: a cell is ambiguous.
    """
    # pandas has read the columns with a decimal point; what is left is text.
    written = {name: found for name in map(str, frame) if (found := _kinds(frame[name]))}
    if not written:
        return frame
    signs = {sign for found in written.values() for sign in found if sign in ".,"}
    # Columns that pandas has read as decimals use the point.
    if any((frame[name].dropna() % 1 != 0).any() for name in frame if frame[name].dtype.kind == "f"):
        signs.add(".")
    if "," in signs:
        _refuse_thousands(frame, as_text, place)
    numbers = {name: _read(frame[name], found, signs, place) for name, found in written.items()}
    return frame.assign(**numbers)


def _bare(cell: str) -> str:
    """A number without its percent sign."""
    return cell.strip().removesuffix("%")


def _unspaced(cell: str) -> str:
    text = cell.strip()
    return re.sub(_SPACE, "", text) if _SPACED.fullmatch(text) else text


def _kinds(column: pd.Series[str]) -> dict[Kind, int]:
    """The kinds of numbers in a column of text, each with its first row; empty if there is other text."""
    if column.dtype.kind in "biufcmM":  # bool, numbers, dates
        return {}
    found: dict[Kind, int] = {}
    for row, cell in zip(range(len(column)), column, strict=True):
        if isinstance(cell, str):
            found.setdefault(kind(cell), row)
            if "words" in found:
                return {}
    return found


def _refuse_thousands(frame: pd.DataFrame, as_text: Callable[[], pd.DataFrame], place: Place) -> None:
    """Refuse columns like 1.234 in a table with decimal commas, which were read as decimals."""
    texts = as_text()
    for name in map(str, frame):
        if frame[name].dtype.kind == "f":
            kinds = _kinds(texts[name])
            if "either" in kinds and "." not in kinds:
                raise _unclear(texts[name].iloc[kinds["either"]], place(kinds["either"], name))


def _read(
    column: pd.Series[str], found: Mapping[Kind, int], signs: Iterable[str], place: Place
) -> pd.Series[float]:
    import pandas as pd

    name = str(column.name)
    own = [sign for sign in found if sign in ".,"]
    if len(own) == 2:
        here, there = (f"{column.iloc[found[sign]]!r} ({place(found[sign], name)})" for sign in own)
        raise FileError(f"column {name!r} has two decimal signs: {here} and {there}", _HINT)
    # Neither its column nor the table decides, and a guess could be wrong by a factor of 1,000.
    either = found.get("either")
    # The sign of the other columns decides, if they have only one.
    if not own and either is not None and len(set(signs)) != 1:
        raise _unclear(column.iloc[either], place(either, name))
    (sign,) = own or set(signs) or {"."}
    other = {".": ",", ",": "."}[sign]
    plain = [
        _unspaced(_bare(cell)).replace(other, "").replace(sign, ".") if isinstance(cell, str) else cell
        for cell in column
    ]
    numbers: pd.Series[float] = pd.to_numeric(pd.Series(plain, index=column.index, name=name))
    in_percent = [isinstance(cell, str) and cell.strip().endswith("%") for cell in column]
    if not any(in_percent):  # whole numbers stay whole
        return numbers
    return numbers.mask(pd.Series(in_percent, index=column.index), numbers / 100)


def _unclear(cell: str, place: str) -> FileError:
    return FileError(f"{place}: {cell!r} is ambiguous: it may be a decimal or a thousand", _HINT)
