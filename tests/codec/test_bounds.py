import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binom

from idim_cli.compression.bounds import binomial_inverse, bound, kl_inverse, prefix_free_bits


def tail(k, n, p):
    """P(at most k of n), exactly."""
    p = Fraction(p)
    return sum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k + 1))


@pytest.mark.parametrize("n", [10, 100, 5_000, 60_000])
@pytest.mark.parametrize("share", [0.0, 0.003, 0.1, 0.5, 0.97])
@pytest.mark.parametrize("delta", [0.9, 0.05, 1e-6, 1e-12])
def test_the_binomial_inverse_is_that_of_clopper_and_pearson(n, share, delta):
    wrong = int(share * n)
    limit = beta.isf(delta, wrong + 1, n - wrong)
    assert binomial_inverse(wrong, n, -math.log(delta)) == pytest.approx(limit, rel=1e-9)


@pytest.mark.parametrize("n", [1, 2, 7, 12])
@pytest.mark.parametrize("nats", [0.01, 0.5, 3.0, 20.0])
def test_the_binomial_inverse_on_small_samples_exactly(n, nats):
    # The tail has fallen to exp(-nats) there, and not yet just before.
    size, step = Fraction(math.exp(-nats)), Fraction(1, 2**30)
    for wrong in range(n):
        p = Fraction(binomial_inverse(wrong, n, nats))
        assert tail(wrong, n, min(p * (1 + step), 1)) < size < tail(wrong, n, p * (1 - step))
    assert binomial_inverse(n, n, nats) == 1


def test_far_beyond_floats():
    # A million bits: a probability of 2^-1,000,000. Without errors, (1 - p)^n = 2^-K has a closed form.
    n, bits = 10_000_000, 1_000_000
    closed = -math.expm1(-bits * math.log(2) / n)
    assert binomial_inverse(0, n, bits * math.log(2)) == pytest.approx(closed, rel=1e-9)
    assert binomial_inverse(5, 50, 1e6) == pytest.approx(1)


def test_numbers_of_langford_s_own_program():
    # Examples in the README of bound 0.9 (hunch.net): 192 errors of 600 by the exact tail, and of 800 by its
    # approximation, which is the relative entropy.
    nats = -math.log(0.025)
    assert binomial_inverse(192, 600, nats) == pytest.approx(0.358976827934, abs=1e-9)
    assert kl_inverse(0.24, nats / 800) == pytest.approx(0.28252880089, abs=1e-9)
    assert binomial_inverse(192, 800, nats) < 0.28252880089


def kl(q, p):
    first = q * math.log(q / p) if q else 0.0
    return first + ((1 - q) * math.log((1 - q) / (1 - p)) if q < 1 else 0.0)


@settings(max_examples=200)
@given(st.floats(0, 0.999), st.floats(1e-6, 20))
def test_the_kl_inverse_inverts(q, c):
    p = kl_inverse(q, c)
    assert q <= p <= 1
    if p < 1 - 1e-9:
        assert kl(q, p) == pytest.approx(c, rel=1e-4, abs=1e-9)
    # Pinsker's inequality.
    assert p <= q + math.sqrt(c / 2) + 1e-9


def test_the_kl_inverse_at_its_ends():
    assert kl_inverse(0.0, 0.1) == pytest.approx(-math.expm1(-0.1))
    assert kl_inverse(0.3, 0.0) == pytest.approx(0.3)
    assert kl_inverse(1.0, 0.1) == 1
    assert kl_inverse(0.5, 1e9) == 1


def test_bounds_are_monotone():
    for name in ("binomial", "pac_bayes"):
        values = [getattr(bound(wrong, 1000, 300), name) for wrong in range(0, 1001, 50)]
        assert values == sorted(values)
        values = [getattr(bound(20, 1000, bits), name) for bits in range(0, 20_000, 500)]
        assert values == sorted(values)
        values = [getattr(bound(20, 1000, 300, delta), name) for delta in (0.5, 0.05, 1e-3, 1e-9)]
        assert values == sorted(values)
        values = [getattr(bound(n // 10, n, 300), name) for n in (100, 1000, 10_000, 10**6)]
        assert values == sorted(values, reverse=True)


@given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), st.floats(0, 1e4))
@settings(max_examples=100, deadline=None)
def test_bounds_are_above_the_error_and_the_binomial_is_the_tighter(case, bits):
    n, wrong = case
    found = bound(wrong, n, bits)
    assert wrong / n <= found.binomial <= found.pac_bayes + 1e-9 <= 1 + 1e-9


def test_they_hold_as_often_as_they_say():
    # A single network of 0 bits: the bound is a confidence limit of its error.
    rng, error, n = np.random.default_rng(0), 0.03, 400
    wrongs = rng.binomial(n, error, size=4000)
    limits = {wrong: bound(int(wrong), n, 0, 0.1).binomial for wrong in np.unique(wrongs)}
    failed = np.mean([limits[wrong] < error for wrong in wrongs])
    least = binom.cdf(np.arange(n), n, error)
    assert failed == pytest.approx(least[least <= 0.1].max(), abs=0.015)


@pytest.mark.parametrize(
    "case",
    [(-1, 10, 0, 0.05), (11, 10, 0, 0.05), (0, 0, 0, 0.05), (1, 10, -1, 0.05), (1, 10, 0, 0), (1, 10, 0, 1)],
)
def test_numbers_of_no_network(case):
    with pytest.raises(ValueError, match="no bound"):
        bound(*case)


def test_weights_of_prefix_free_strings_sum_to_one():
    # All strings of `size` bytes share the weight of that length.
    weights = [2 ** (8 * size - prefix_free_bits(size)) for size in range(1, 5000)]
    assert sum(weights) == pytest.approx(1 - 1 / 5000)
    assert prefix_free_bits(100) == pytest.approx(800 + math.log2(10_100))
