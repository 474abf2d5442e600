"""Symbols as bytes: an adaptive arithmetic coder.

No table of frequencies is stored. The model counts the symbols so far, starting from counts that suit
bell-shaped values (`expected`); the estimator of Krichevsky and Trofimov (IEEE Trans. Inf. Theory 27, 1981),
which starts from half a count each, takes 1 to 6 % more here. The coder is a range coder on 48 bits with
carries (Martin, 1979). All arithmetic is in whole numbers: the same bytes on every machine. No torch here.

The library `constriction` is faster, but writes whole words of 32 bits, which matters for files of a few
hundred bytes, and its probabilities are rounded floats. A test compares the two.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

_BITS = 48  # of the coder: large enough that rounding of shares costs nothing, small enough for plain ints
_ONE, _LEAST = 1 << _BITS, 1 << (_BITS - 8)


def encode(symbols: Sequence[int], levels: int) -> bytes:
    """The code of at most 800,000 symbols in 0 .. levels - 1, at most 9 bits longer than `code_bits`.

    Zero bytes at its end are left out, because the decoder reads zeros behind the end.
    """
    model, out = _Model(levels), bytearray()
    low, width = 0, _ONE
    for symbol in symbols:
        below, share = model.place(symbol)
        # The remainder stays unused; at 48 bits that is less than 2 in a million of the width.
        unit = width // model.total
        low, width = low + unit * below, unit * share
        model.add(symbol)
        # The sum may exceed 48 bits; the carry goes into bytes that were written already.
        low = _carry(out, low)
        while width < _LEAST:
            out.append(low >> (_BITS - 8))
            low, width = low << 8 & (_ONE - 1), width << 8
    _finish(out, low, width)
    return bytes(out).rstrip(b"\0")


def decode(code: bytes, count: int, levels: int) -> bytes:
    """The `count` symbols of a code, a byte each; ValueError if it is no code.

    Several codes may decode to the same symbols: to accept one only, encode them again and compare.
    """
    model, symbols, at = _Model(levels), bytearray(), _BITS // 8
    value, width = int.from_bytes(code[:at].ljust(at, b"\0"), "big"), _ONE
    for _ in range(count):
        unit = width // model.total
        symbol, below = model.find(value // unit)
        share = model.shares[symbol]
        value, width = value - unit * below, unit * share
        symbols.append(symbol)
        model.add(symbol)
        while width < _LEAST:
            value, width = value << 8 | (code[at] if at < len(code) else 0), width << 8
            at += 1
    return bytes(symbols)


def code_bits(counts: Sequence[int]) -> float:
    """Length in bits of an ideal code of symbols with these counts of each level."""
    before = [share / 2 for share in expected(len(counts))]
    nats = math.lgamma(sum(counts) + sum(before)) - math.lgamma(sum(before))
    for count, start in zip(counts, before, strict=True):
        nats -= math.lgamma(count + start) - math.lgamma(start)
    return nats / math.log(2)


def expected(levels: int) -> list[int]:
    """Twice the count of each level before the first symbol: 1, and a share of 4 x levels.

    The shares follow powers of a parabola: trained coordinates are close to normal, and the more values they
    are rounded to, the fewer of them are at the ends.
    """
    power = max(1, levels.bit_length() - 3)
    weights = [((j + 1) * (levels - j)) ** power for j in range(levels)]
    return [1 + 4 * levels * weight // sum(weights) for weight in weights]


class _Model:
    """Twice the count of each level so far.

    Attributes:
        shares: those numbers; `total`, their sum.
        sums: partial sums of them (Fenwick, Software: Practice and Experience 24, 1994): number k is that of
            the last (k & -k) shares up to number k - 1, so that each step passes log2(levels) of them.
    """

    def __init__(self, levels: int) -> None:
        self.shares, self.total, self.sums = [0] * levels, 0, [0] * (levels + 1)
        for symbol, share in enumerate(expected(levels)):
            self.add(symbol, share)

    # 2, because counts are doubled to keep halves whole.
    def add(self, symbol: int, amount: int = 2) -> None:
        self.shares[symbol] += amount
        self.total += amount
        at = symbol + 1
        while at < len(self.sums):
            self.sums[at] += amount
            at += at & -at

    def place(self, symbol: int) -> tuple[int, int]:
        """The sum of the shares below a symbol, and its own share."""
        below, at = 0, symbol
        while at:
            below += self.sums[at]
            at &= at - 1
        return below, self.shares[symbol]

    def find(self, target: int) -> tuple[int, int]:
        """The symbol whose share contains `target`, and the sum of the shares below it."""
        if target >= self.total:
            raise ValueError("the code of its coordinates is invalid")
        below, symbol, step = 0, 0, 1 << (len(self.shares).bit_length() - 1)
        while step:
            if symbol + step < len(self.sums) and below + self.sums[symbol + step] <= target:
                symbol += step
                below += self.sums[symbol]
            step >>= 1
        return symbol, below


def _carry(out: bytearray, low: int) -> int:
    """Add an overflow to the bytes before, and return the remainder."""
    if low < _ONE:
        return low
    at = len(out) - 1
    # A carry passes through full bytes, as in addition by hand.
    while out[at] == 0xFF:
        out[at] = 0
        at -= 1
    out[at] += 1
    return low - _ONE


def _finish(out: bytearray, low: int, width: int) -> None:
    """The fewest bytes of a number in low .. low + width - 1."""
    # Any number of the interval identifies the code, so the one with fewest bytes is taken.
    for size in range(_BITS // 8 + 1):
        step = 1 << (_BITS - 8 * size)
        number = -(-low // step) * step
        if number < low + width:
            out += _carry(out, number).to_bytes(_BITS // 8, "big")[:size]
            return
