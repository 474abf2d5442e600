"""The style of all figures: sizes, colours and legends. The same input gives the same bytes."""

from __future__ import annotations

import io
import re
import textwrap
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from idim_cli.reports.scale import labels
from idim_cli.thresholds import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which colour-blind readers can distinguish, also in grey.
BLUE, RED, BLACK, GREY, FAINT = "#0072B2", "#D55E00", "#222222", "#767676", "#BDBDBD"
WHITE, LINE, SMALL = "#FFFFFF", "#EEEEEE", "#444444"
GREEN, PINK, ORANGE, SKY = "#009E73", "#CC79A7", "#E69F00", "#56B4E9"
#: Colours of series with a mark for each, so that they differ in grey too.
SERIES = tuple(zip((BLUE, RED, GREEN, PINK, ORANGE, SKY, BLACK), "os^DvPX", strict=True))
#: From little to much: viridis, darkened at its end so that yellow is visible on white.
RAMP = ("#440154", "#443983", "#31688E", "#21918C", "#35B779", "#7CC24A", "#B5A800")
MOST_NAMED = 24  # series in a legend: more rows than the figure is high
_ROW = 0.17  # inches of a line of a legend below the axes
_LINE = 60  # characters of a label in a legend
_SHORT = 20  # characters of labels of which two fit next to each other in a narrow figure
SIZE = (6.4, 4.8)  # inches, of a file
PAGE_SIZE = (4.1, 3.15)  # of a figure within a page: small, so that its words stay readable on a telephone
_NARROW = 5.0  # inches; below, words share a line no longer
_TWO_COLUMNS = 48  # characters of two columns of a legend above the axes of a figure of PAGE_SIZE
_TITLE_WIDTH, _SMALL_WIDTH = 66, 118  # characters of a line of the title and of the small print
DPI = 200
#: The files of each figure.
KINDS = ("png", "svg", "pdf")
_ACROSS: Any = {"baseline": "-", "level": (0, (5, 3)), "floor": (0, (1, 2))}
_STYLE: Any = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same on every machine
    "font.size": 9,
    "mathtext.fontset": "dejavusans",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.8,
    # Without it ids in the SVG are random.
    "svg.hashsalt": "idim",
    "svg.fonttype": "none",  # words stay words, which can be read aloud, searched and edited
    # TrueType: some publishers refuse the default, Type 3.
    "pdf.fonttype": 42,
}
# Within a page every colour is one that the page may change.
_PAGE_STYLE: Any = {
    "text.color": BLACK,
    "axes.labelcolor": BLACK,
    "xtick.color": BLACK,
    "ytick.color": BLACK,
}


@dataclass(frozen=True)
class Medium:
    """What a figure is drawn for: a page, which has its words around the figure, or a file.

    Attributes:
        page: whether it is an element of a page.
        size: width and height of a file in inches; None is the usual size, which grows with the content.
        caption: whether a file has its title above and its small print below.
    """

    page: bool = False
    size: tuple[float, float] | None = None
    caption: bool = True

    @property
    def usual(self) -> tuple[float, float]:
        """Width and height in inches of a figure of the usual shape."""
        return PAGE_SIZE if self.page else self.size or SIZE

    @property
    def narrow(self) -> bool:
        """Whether only few words fit next to each other."""
        return self.usual[0] < _NARROW

    def fitted(self, text: str, characters: int) -> str:
        """`text` in lines of so many characters at the usual width, of fewer in a narrower figure."""
        room = max(20, round(characters * self.usual[0] / SIZE[0]))
        return "\n".join(textwrap.fill(line, room) for line in text.splitlines())


FILE, PAGE = Medium(), Medium(page=True)
_OURS = re.compile(r"\$d_\{\\mathrm\{\w+\}\}\$")  # as `math_name` writes it


@contextmanager
def style(page: bool = False) -> Iterator[None]:
    """Context in which figures are drawn, independent of the user's settings of matplotlib."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # a user's matplotlibrc must not change the bytes
        matplotlib.rcParams.update({**_STYLE, **(_PAGE_STYLE if page else {})})
        yield


def blank(medium: Medium = FILE, height: float | None = None, legend: Sequence[str] = ()) -> Figure:
    """An empty figure.

    Args:
        medium: what it is drawn for.
        height: in inches; None is the usual one. A size that the user chose overrules it.
        legend: labels of a legend below the axes, which makes the figure taller.
    """
    from matplotlib.figure import Figure

    width, usual = medium.usual
    tall = (height or usual) + _ROW * -(-len(legend) // _below(legend, medium))
    return Figure(figsize=(width, usual if medium.size else tall), dpi=DPI, layout="constrained")


def saved(figure: Figure, kind: str) -> bytes:
    """The figure as a file of this kind, one of `KINDS`, without dates and versions."""
    unstamped: dict[str, Any] = {
        "png": {"Software": None},
        "svg": {"Date": None, "Creator": None, "Format": None, "Type": None},
        "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    }
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a name in letters that the font lacks
        # Just before saving: only now all texts exist, including tick labels.
        _as_written(figure)
        figure.savefig(buffer, format=kind, metadata=unstamped[kind])
    return buffer.getvalue()


def across(axes: Axes, lines: Mapping[str, float]) -> None:
    """Horizontal lines: ``baseline`` solid, ``level`` dashed, ``floor`` dotted."""
    for name, height in lines.items():
        axes.axhline(height, color=BLACK, linewidth=1.0, linestyle=_ACROSS[name], zorder=1)


def named_across(axes: Axes, lines: Mapping[str, float], names: Mapping[str, str], medium: Medium) -> None:
    """Name horizontal lines at their right ends, outside the axes; names of two close ones do not overlap."""
    ordered = sorted(lines.items(), key=lambda line: line[1])
    low, high = axes.get_ylim()
    room = 0.17 if medium.narrow else 0.1
    close = [above - below < room * (high - low) for (_, below), (_, above) in pairwise(ordered)]
    for (name, height), under, over in zip(ordered, [False, *close], [*close, False], strict=False):
        axes.text(
            1.025, height, f"{names[name]}\n{number(height)}", transform=axes.get_yaxis_transform(),
            va="bottom" if under else "top" if over else "center", fontsize=8, color=BLACK, linespacing=1.1,
        )  # fmt: skip


def legend(axes: Axes, *shown: Any, outside: bool = False, columns: int = 2) -> None:
    """Name what is shown (handles and labels; none takes all), above the axes or to the right of them."""
    place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, 1), "ncols": columns}
    if outside:
        place = {"loc": "upper left", "bbox_to_anchor": (1, 1)}
    axes.legend(*shown, **place, frameon=False, borderaxespad=0.2, fontsize=8, handletextpad=0.6)


def math_name(name: str) -> str:
    """A reading's name, such as d_int90, with a proper subscript."""
    return rf"$d_{{\mathrm{{{name[2:]}}}}}$"


def _as_written(figure: Figure) -> None:
    """Show a ``$`` in names of the user as it is, not as the start of maths."""
    from matplotlib.axis import Axis
    from matplotlib.text import Text
    from matplotlib.ticker import FixedFormatter

    for text in figure.findobj(Text):
        if "$" in _OURS.sub("", text.get_text()):
            text.set_parse_math(False)
    for axis in figure.findobj(Axis):
        formatter = axis.get_major_formatter()
        if isinstance(formatter, FixedFormatter) and any("$" in word for word in formatter.seq):
            for tick in axis.get_major_ticks():
                tick.label1.set_parse_math(False)


def log_ticks(axis: Axis) -> None:
    """Labels such as 500, 2,000 and 10k on a log axis."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = sorted(axis.get_view_interval())
    # Over more than two or three decades, labels at 2 and 5 would overlap.
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 300 * low else (1,), numticks=12))
    axis.set_major_formatter(FuncFormatter(lambda value, _: labels([value])[0]))
    axis.set_minor_formatter(NullFormatter())


def titled(figure: Figure, title: str, small: str, medium: Medium) -> None:
    """The title above and the small print below a figure; not within a page, or without caption."""
    if medium.page or not medium.caption:
        return
    bold: dict[str, Any] = {"fontsize": 10.5, "fontweight": "bold"}
    figure.suptitle(medium.fitted(title, _TITLE_WIDTH), x=0.012, ha="left", **bold)
    print_: dict[str, Any] = {"fontsize": 7.5, "color": SMALL, "linespacing": 1.4}
    figure.supxlabel(medium.fitted(small, _SMALL_WIDTH), x=0.012, ha="left", **print_)


def series_styles(count: int) -> list[tuple[str, str]]:
    """Colour and mark of each series: distinct colours for a few, else a ramp with alternating marks."""
    if count <= len(SERIES):
        return list(SERIES[:count])
    places = (round(at * (len(RAMP) - 1) / (count - 1)) for at in range(count))
    return [(RAMP[place], SERIES[at % len(SERIES)][1]) for at, place in enumerate(places)]


def legend_columns(labels: Sequence[str], medium: Medium) -> int:
    """Columns of a legend above the axes, which matplotlib fills one after the other."""
    # As long as it is drawn: the source of the subscript is longer.
    lengths = [len(_OURS.sub("d_int90", label)) for label in labels]
    half = -(-len(lengths) // 2)
    longest = max(lengths[:half], default=0) + max(lengths[half:], default=0)
    return 2 if longest <= _TWO_COLUMNS * medium.usual[0] / PAGE_SIZE[0] else 1


def legend_below(figure: Figure, labels: Sequence[str], medium: Medium) -> None:
    """Name all that is shown, below the axes of a figure from `blank`; nothing without labels."""
    if labels:
        small: dict[str, Any] = {"fontsize": 7.5, "frameon": False, "handlelength": 2.2}
        figure.legend(loc="outside lower left", ncols=_below(labels, medium), **small)


def _below(labels: Sequence[str], medium: Medium) -> int:
    """Columns of a legend below the axes."""
    return 1 if medium.narrow and max(map(len, labels), default=0) > _SHORT else 2


def cut(label: str) -> str:
    """A label for a legend, cut to a line."""
    return label if len(label) <= _LINE else f"{label[: _LINE - 1]}…"
