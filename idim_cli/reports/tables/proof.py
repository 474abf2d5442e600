"""What the size of a file proves about errors on new data, in words, and the assumptions of the bounds."""

from __future__ import annotations

import math
from collections.abc import Sequence

from idim_cli.compression.bounds import Bound
from idim_cli.compression.record import Compressed
from idim_cli.thresholds.text import percent

_SOURCES = (
    "binomial: Langford, JMLR 6, 2005; PAC-Bayes: Maurer, arXiv cs.LG/0411099, 2004; for networks "
    "compressed in a random subspace: Lotfi et al., NeurIPS 2022"
)


def proves(one: Compressed) -> str:
    """What the size of a file proves, in a line; or why it proves nothing."""
    return proven(one.bound) if one.bound else f"no bound on the error on new data: {_why_none(one)}"


def proven(bound: Bound) -> str:
    """The same of a bound."""
    bits, errors = f"its {bound.bits:,.0f} bits", f"({wrong(bound)} training examples wrong)"
    # A bound of 100 % is true of every network.
    if bound.binomial >= 1:
        return f"{bits} prove nothing about new data {errors}"
    error, sure = at_most(bound.binomial), confidence(bound)
    return f"{bits} prove: error on new data <= {error} with {sure} confidence {errors}"


def facts(one: Compressed) -> dict[str, str]:
    """Bits, training error and bounds of a file, by a short name."""
    if one.bound is None:
        return {"bits": f"{one.bits:,.0f}, 8 for each byte", "bound": f"none: {_why_none(one)}"}
    bound = one.bound
    errors = f"<= {at_most(bound.binomial)} (binomial), <= {at_most(bound.pac_bayes)} (PAC-Bayes)"
    return {
        "bits": f"{bound.bits:,.0f}, of the network in a prefix-free code",
        "training error": f"{100 * bound.wrong / bound.n:.1f} %, {wrong(bound)} examples wrong",
        "error on new data": f"{errors}, with {confidence(bound)} confidence",
    }


def assumptions(found: Sequence[Compressed]) -> str:
    """What the bounds mean and what they assume; empty if there are none."""
    bounds = [one.bound for one in found if one.bound]
    if not bounds:
        return ""
    n = " or ".join(dict.fromkeys(f"{bound.n:,}" for bound in bounds))
    sure = " or ".join(dict.fromkeys(map(confidence, bounds)))
    return (
        f"With a probability of {sure} over the draw of the {n} training examples, the bounds hold "
        "simultaneously for all files of one training set, including those that were never "
        "written. They are therefore independent of how a network was found: choosing d and the values on "
        "the validation split costs nothing, because each file pays for its own bits and for the training "
        "examples that it gets wrong. There are two assumptions: the training examples are "
        "independent draws from the distribution of new data, and `idim` and the kind of network were fixed "
        f"before they were seen. Sources: {_SOURCES}."
    )


def wrong(bound: Bound) -> str:
    """How many of the training examples are wrong."""
    return f"{bound.wrong:,} of {bound.n:,}"


def at_most(share: float) -> str:
    """An upper bound in percent, rounded up, so that it stays a bound."""
    return f"{math.ceil(1000 * share) / 10:.1f} %"


def confidence(bound: Bound) -> str:
    """The probability that a bound holds."""
    return f"{percent(1 - bound.delta)} %"


def _why_none(one: Compressed) -> str:
    return "it was not scored" if one.performance is None else f"{one.measure} is not an accuracy"
