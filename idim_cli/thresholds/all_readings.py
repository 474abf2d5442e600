"""Every kind of reading that has been published as a d_int90."""

from __future__ import annotations

from collections.abc import Iterator

from idim_cli.core.errors import IdimError
from idim_cli.thresholds.estimation import read
from idim_cli.thresholds.next_step import TableOrigin, decide
from idim_cli.thresholds.options import PAPER, Options
from idim_cli.thresholds.reading import Reading
from idim_cli.thresholds.samples import Sample

#: The readings behind the values of Li et al. 2018, in the order of their use, then three more.
READINGS: dict[str, Options] = {
    "first above .90 x 1.0 (global baseline)": PAPER.but(baseline=1.0),
    "first above .90 x own baseline": PAPER,
    "first above .89 x own baseline": PAPER.but(fraction=0.89),
    "first above .89 (fixed level)": PAPER.but(baseline=0.89, fraction=1.0),
    "first above .90 (fixed level)": PAPER.but(baseline=0.90, fraction=1.0),
    "first above .45 (fixed level)": PAPER.but(baseline=0.45, fraction=1.0),
    "first above .90 x own, medians": PAPER.but(centre="median"),
    "first above .90 x best of sweep": PAPER.but(baseline="best"),
    "interpolated, .90 x own baseline": Options(rule="interpolate"),
    "isotonic, .90 x own baseline": Options(),
}
#: Also shown for runs of a search, and wherever some were stopped early.
SMOOTH: dict[str, Options] = {"smooth curve, .90 x own baseline": Options(rule="curve")}


def readings(
    runs: Sample, how: Options | None = None, origin: TableOrigin | None = None
) -> Iterator[tuple[str, Reading | IdimError]]:
    """Name and reading, or error, of each of `READINGS`, and of `SMOOTH` where it applies.

    Confidence and floor are those of `how`; `origin` says how the runs were made.
    """
    reading = origin.recipe.reading() if origin and origin.recipe else {}
    smooth = reading.get("rule") == "curve" or len(runs.stopped.d)
    for name, options in (READINGS | (SMOOTH if smooth else {})).items():
        # One kind may fail, such as that with the recorded baseline, and the others still have a reading.
        try:
            chosen = options.but(confidence=how.confidence, floor=how.floor) if how else options
            yield name, decide(read(runs, chosen), origin or TableOrigin())
        except IdimError as error:
            yield name, error
