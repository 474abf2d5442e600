import math
import struct
import zlib

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import example, given, settings

from idim_cli.compression.format.entropy import code_bits, decode, encode, expected

SEQUENCES = st.integers(2, 256).flatmap(
    lambda levels: st.tuples(st.just(levels), st.lists(st.integers(0, levels - 1), max_size=400))
)


def bell(d, levels, seed=0):
    """Normals rounded to a grid of `levels` values, as coordinates are."""
    x = np.random.default_rng(seed).normal(size=d) * max(levels / 6, 0.6)
    return np.clip(np.floor(x + levels / 2), 0, levels - 1).astype(np.int32)


def counts(symbols, levels):
    return np.bincount(np.array([*symbols], dtype=int), minlength=levels).tolist()


@settings(max_examples=300, deadline=None)
@given(SEQUENCES)
@example((2, []))
@example((2, [0] * 400))
@example((2, [1] * 400))
@example((256, [255] * 400))
@example((3, [1, 0, 2] * 100))
def test_round_trip_and_length(case):
    levels, symbols = case
    code = encode(symbols, levels)
    assert list(decode(code, len(symbols), levels)) == symbols
    assert 8 * len(code) <= code_bits(counts(symbols, levels)) + 9


@pytest.mark.parametrize("levels", [2, 3, 16, 256])
def test_round_trip_of_many(levels):
    # Each symbol in turn, then each alone: carries, and counts far from the expected ones.
    for symbols in (bell(20_000, levels), np.arange(5_000) % levels, np.repeat(np.arange(levels), 99)):
        code = encode(symbols.tolist(), levels)
        assert decode(code, len(symbols), levels) == symbols.astype(np.uint8).tobytes()
        assert 8 * len(code) <= code_bits(counts(symbols, levels)) + 9


def test_a_carry_runs_through_bytes_of_ff():
    # A long row of the last symbol brings `low` just below a whole number, which the next one passes.
    met = 0
    for size in range(1, 300):
        symbols = [1] * size + [0, 1] * 5
        code = encode(symbols, 2)
        met += b"\xff\xff" in code or b"\0\0" in code
        assert list(decode(code, len(symbols), 2)) == symbols
    assert met


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 500), st.sampled_from([2, 3, 7, 16, 255, 256]))
@example(b"\xff" * 60, 500, 3)
@example(b"\xff" * 60, 500, 256)
def test_any_bytes_are_symbols_or_refused(code, count, levels):
    try:
        symbols = decode(code, count, levels)
    except ValueError:
        return
    assert len(symbols) == count
    assert max(symbols, default=0) < levels
    # They may be another spelling, but never a shorter one than ours.
    ours = encode(symbols, levels)
    assert len(ours) <= len(code.rstrip(b"\0"))
    assert decode(ours, count, levels) == symbols


def test_some_bytes_are_the_code_of_nothing():
    refused = [levels for levels in range(2, 257) if list_or_none(b"\xff" * 100, 300, levels) is None]
    assert len(refused) > 10


@given(SEQUENCES)
@settings(max_examples=50, deadline=None)
def test_no_other_code_of_this_length_or_less_ends_earlier(case):
    levels, symbols = case
    code = encode(symbols, levels)
    assert not code.endswith(b"\0")
    if code:
        # Without its last byte it means something else.
        assert list_or_none(code[:-1], len(symbols), levels) != symbols


def list_or_none(code, count, levels):
    try:
        return list(decode(code, count, levels))
    except ValueError:
        return None


def test_the_ideal_length_is_that_of_the_model():
    symbols, levels = bell(500, 5).tolist(), 5
    shares, bits = expected(levels), 0.0
    for symbol in symbols:
        bits -= math.log2(shares[symbol] / sum(shares))
        shares[symbol] += 2
    assert code_bits(counts(symbols, levels)) == pytest.approx(bits)
    assert code_bits([0] * 5) == 0


@pytest.mark.parametrize("levels", [2, 3, 4, 6, 8, 16, 32, 64, 256])
def test_expected_counts(levels):
    shares = expected(levels)
    assert shares == shares[::-1]
    assert min(shares) >= 1
    assert shares[: -(-levels // 2)] == sorted(shares[: -(-levels // 2)])
    assert 5 * levels - levels < sum(shares) <= 5 * levels


def test_expected_counts_are_frozen():
    # Files depend on each of them.
    assert expected(2) == [5, 5]
    assert expected(3) == [4, 5, 4]
    assert expected(4) == [4, 5, 5, 4]
    assert expected(8) == [3, 4, 5, 6, 6, 5, 4, 3]
    every = b"".join(struct.pack(f"<{levels}H", *expected(levels)) for levels in range(2, 257))
    assert zlib.crc32(every) == 584858299


def test_bytes_are_frozen():
    assert encode([], 2) == b""
    assert encode([0, 1, 2, 1, 1, 0, 2, 1, 1, 1], 3).hex() == "3669"
    assert encode([k * k % 16 for k in range(40)], 16).hex() == "002a794035c0df832e996cc5c4ba340a31"
    many = encode([k * k % 251 for k in range(40)], 256)
    assert many.hex() == (
        "000023530131061d8540142bca116cf2dee7977da5235f15a61c90d8132c46a435b73fdee8df4634932d25f5b0"
    )


@pytest.mark.parametrize("d", [1, 20, 100, 750, 3000])
@pytest.mark.parametrize("levels", [2, 3, 4, 16, 64, 256])
def test_not_longer_than_the_library_s_range_coder(d, levels):
    queue = pytest.importorskip("constriction").stream.queue
    categorical = pytest.importorskip("constriction").stream.model.Categorical
    symbols = bell(d, levels, seed=d)
    ours = len(encode(symbols.tolist(), levels))

    # With the same model, which learns on the way.
    coder, shares = queue.RangeEncoder(), np.array(expected(levels), dtype=np.float64)
    for symbol in symbols:
        coder.encode(int(symbol), categorical(shares / shares.sum(), perfect=False))
        shares[symbol] += 2
    assert ours <= 4 * len(coder.get_compressed())

    # With the true frequencies, which then have to be told: which of all tables of counts it is.
    count = np.array(counts(symbols, levels))
    coder = queue.RangeEncoder()
    coder.encode(symbols, categorical(count / d, perfect=False))
    tables = math.lgamma(d + levels) - math.lgamma(levels) - math.lgamma(d + 1)
    assert ours <= 4 * len(coder.get_compressed()) + tables / math.log(2) / 8
