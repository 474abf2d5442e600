"""What a misspelt word was perhaps meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_WORD = 60  # letters of a word that may be meant for another


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint with the nearest of the `known` words (two if about equally near), or all if none is near."""
    known = sorted(known)
    # The comparison is quadratic, and a longer word is not a misspelling.
    word = word if len(word) <= _WORD else ""
    near = difflib.get_close_matches(word, known, n=2, cutoff=0.6)
    # In the order of difflib's own comparison, whose ratio depends on it.
    ratios = [difflib.SequenceMatcher(None, other, word).ratio() for other in near]
    if len(near) == 2 and ratios[1] < ratios[0] - 0.1:
        near.pop()
    return f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}"
