"""What the words of a page mean, each told once."""

from __future__ import annotations

from collections.abc import Iterable

from idim_cli.reports.inputs.entries import Entry

_ALWAYS = {
    "D": "number of parameters of the network",
    "d": "dimension of the subspace: how many numbers are trained",
    "direct": "training of all D parameters, without a subspace",
    "baseline": "the performance that counts as 100 %: the mean of direct training (own), the best of the "
    "sweep, or a fixed value",
    "level": "the performance that counts as reached: floor + fraction x (baseline - floor); the floor is 0 "
    "unless stated",
    "verdict": "reached: some d reaches the level; not reached: the largest d tried does not; reached at the "
    "smallest d: no smaller d was tried",
    "rule": "how the performances at several d become one d; docs/read-the-number.md describes each rule",
    "theta0, P, data order": "what the seeds of a run draw: the start of the network, the projection that "
    "spans the subspace, and the order of the training data",
}
_ON_REQUEST = {
    "floor": "the performance that counts as 0 %: chance, the lowest of the sweep (min), or a fixed value",
    "paper bars": "the error bars of Li et al. 2018: d_int from one run at each d, mean and standard "
    "deviation (sd) over 50 draws of such runs",
    "d_int100": "smallest d whose performance a test cannot tell from the baseline",
    "coords": "which values the trained numbers may take",
}
_STOPPED = "status of a run that was stopped early: it had reached the level, or could no longer reach it"


def terms(found: Iterable[Entry], told: Iterable[str]) -> dict[str, str]:
    """Terms with their meanings, as far as a page uses them.

    Args:
        found: the groups that were read.
        told: the names of the facts that stand beside readings.
    """
    readings, names = [one.section.reading for one in found], {*told}
    known = {**_ALWAYS, **{name: text for name, text in _ON_REQUEST.items() if name in names}}
    if any(reading.solved or reading.unsolved for reading in readings):
        known["solved, unsolved"] = _STOPPED
    return known if readings else {}
