"""What the size of a file proves: bounds on the error that a network makes on new data.

A file of K bits is one of many; if each file has a prior weight of 2^-K, fixed before the data were seen,
then with probability 1 - delta over the training examples these bounds hold for all files together (Occam's
razor; Langford, "Tutorial on practical prediction theory", JMLR 6, 2005). So they are independent of how
the network was found, and of what else was tried on the same examples. No torch here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

DELTA = 0.05  # the usual 95 %; halving it adds 1 bit to the thousand or so of a network


@dataclass(frozen=True)
class Bound:
    """What holds for a network with probability 1 - `delta`; its texts are also those of the documents."""

    # For the JSON Schema that `cli.documents` makes of this class.
    __pydantic_config__: ClassVar[dict[str, bool]] = {"use_attribute_docstrings": True}

    n: int
    """training examples, independent draws from the distribution of new data"""
    wrong: int
    """how many of them the network gets wrong"""
    bits: float
    """of the network in a prefix-free code"""
    delta: float
    """the probability that the bounds fail"""
    binomial: float
    """upper bound on the error on new data, by inversion of the binomial tail"""
    pac_bayes: float
    """upper bound on the same error, by inversion of the relative entropy"""


def bound(wrong: int, n: int, bits: float, delta: float = DELTA) -> Bound:
    """The bounds of a network of `bits` that gets `wrong` of `n` training examples wrong.

    Raises:
        ValueError: the numbers are out of range.
    """
    # One negated condition, so that NaN, which fails every comparison, is refused as well.
    if not (n > 0 and 0 <= wrong <= n and bits >= 0 and 0 < delta < 1):
        raise ValueError(f"no bound for {wrong} wrong of {n}, {bits} bits, delta {delta}")
    nats = bits * math.log(2)
    return Bound(
        n,
        wrong,
        bits,
        delta,
        binomial=binomial_inverse(wrong, n, nats - math.log(delta)),
        pac_bayes=kl_inverse(wrong / n, (nats + math.log(2 * math.sqrt(n) / delta)) / n),
    )


def prefix_free_bits(size: int) -> float:
    """Bits of a string of bytes that also says where it ends: weights 1 / (size (size + 1)) sum to 1."""
    # max, because the logarithm of 0 is not defined; no file is empty.
    return 8 * size + math.log2(max(size, 1) * (size + 1))


def binomial_inverse(wrong: int, n: int, nats: float) -> float:
    """The largest error p at which at most `wrong` of `n` still have a probability of exp(-nats).

    Langford 2005, Theorem 3.3. In logarithms, since the probabilities are far too small for a float.
    """
    if wrong >= n:
        # At most n of n are wrong with certainty at every p, so no error is excluded.
        return 1.0
    return _largest(lambda p: _log_tail(wrong, n, p) >= -nats, 0.0)


def kl_inverse(q: float, c: float) -> float:
    """The largest p with kl(q || p) <= c, for the PAC-Bayes bound of Maurer (cs.LG/0411099, 2004).

    Its posterior is the one network, its prior has the weight 2^-bits there, so KL(posterior || prior) is
    bits x ln 2, and c = (KL + ln(2 sqrt(n) / delta)) / n.
    """
    return _largest(lambda p: _kl(q, p) <= c, q)


def _log_tail(k: int, n: int, p: float) -> float:
    """ln P(at most k of n) at 0 < p < 1, to twelve digits."""
    # Imported on use: `cli.documents` needs only the class `Bound`.
    import numpy as np
    from scipy.special import gammaln, logsumexp

    # Terms further than 9 sqrt(n) from the largest one are less than exp(-40) of it, and are left out.
    largest, far = min(k, int(n * p)), 9 * math.isqrt(n) + 100
    i = np.arange(max(0, largest - far), min(k, largest + far) + 1)
    ways = gammaln(n + 1) - gammaln(i + 1) - gammaln(n - i + 1)
    return float(logsumexp(ways + i * math.log(p) + (n - i) * math.log1p(-p)))


def _kl(q: float, p: float) -> float:
    """Relative entropy in nats of two coins."""
    # 0 ln 0 counts as 0; an outcome that q allows and p excludes is infinitely surprising.
    parts = ((q, p), (1 - q, 1 - p))
    return sum(a * math.log(a / b) if b else math.inf for a, b in parts if a > 0)


def _largest(holds: Callable[[float], bool], low: float) -> float:
    """The p in low .. 1 up to which a condition holds, rounded up."""
    high = 1.0
    for _ in range(50):  # to the precision of a float
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    # The upper end: rounding down would claim more than is proven.
    return high
