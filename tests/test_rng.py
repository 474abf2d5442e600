"""The random stream: golden vectors, an independent Philox, addressability, distributions."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from idim_cli.core.errors import IdimError
from idim_cli.core.rng import Stream, fixed_sum


def philox4x64(counter: int, key: tuple[int, int]) -> list[int]:
    """Philox4x64-10 written out from its definition (Salmon et al. 2011), to check the words against."""
    mask = 2**64 - 1
    x = [(counter >> (64 * i)) & mask for i in range(4)]
    k0, k1 = key
    for _ in range(10):
        p0, p1 = x[0] * 0xD2E7470EE14C6C93, x[2] * 0xCA5A826395121157
        x = [(p1 >> 64) ^ x[1] ^ k0, p1 & mask, (p0 >> 64) ^ x[3] ^ k1, p0 & mask]
        k0, k1 = (k0 + 0x9E3779B97F4A7C15) & mask, (k1 + 0xBB67AE8584CAA73B) & mask
    return x


def digest(array: np.ndarray) -> str:
    return hashlib.blake2b(np.ascontiguousarray(array).tobytes(), digest_size=8).hexdigest()


def test_the_reference_philox_gives_the_published_vector():
    # Known answer of Random123 for a zero counter and a zero key.
    assert philox4x64(0, (0, 0)) == [
        0x16554D9ECA36314C,
        0xDB20FE9D672D0FDC,
        0xD7E772CEE186176B,
        0x7E68B68AEC7BA23B,
    ]


@pytest.mark.parametrize(("seed", "purpose"), [(0, "a"), (2**64 - 1, "theta0/weight")])
def test_words_are_philox_of_key_and_counter(seed, purpose):
    key = (seed, int.from_bytes(hashlib.blake2b(purpose.encode(), digest_size=8).digest(), "little"))
    expected = [word for counter in (1, 2, 3) for word in philox4x64(counter, key)]
    assert Stream(seed, purpose).words(12).tolist() == expected


GOLDEN = {
    "words": "facc1c241d110b30",
    "uniforms": "99107eea7a0c1a46",
    "integers": "134944c766201e91",
    "signs": "d8f49695f0ea0205",
    "normals": "c03022c87582cd81",
    "permutation": "6659a9570bf997cc",
    "permutations": "ffccb4e033827189",
    "hits": "35d476f50048b765",
}


def golden_arrays() -> dict[str, np.ndarray]:
    stream = Stream(20180424, "golden")
    return {
        "words": stream.words(1000, 3),
        "uniforms": stream.uniforms(1000, 5),
        "integers": stream.integers(1000, 97),
        "signs": stream.signs(1001),
        "normals": stream.normals(100_001, 7),
        "permutation": stream.permutation(1009),
        "permutations": stream.permutations(11, 33),
        "hits": stream.hits(100_000, 0.01),
    }


def test_golden_vectors():
    assert {name: digest(array) for name, array in golden_arrays().items()} == GOLDEN


def test_first_normals_in_plain_sight():
    assert Stream(0, "x").normals(3).tolist() == [
        -0.23905036718393535,
        0.7600882545426343,
        1.1606254065846642,
    ]


def test_another_process_draws_the_same():
    code = "from idim_cli.core.rng import Stream; print(Stream(7, 'p').normals(5, 2).tobytes().hex())"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == Stream(7, "p").normals(5, 2).tobytes().hex()


@pytest.mark.parametrize("kind", ["words", "uniforms", "normals"])
@pytest.mark.parametrize("start", [0, 1, 2, 3, 4, 7, 32_767, 32_768, 65_539])
def test_any_position_can_be_asked_for_first(kind, start):
    draw = getattr(Stream(1, "position"), kind)
    assert np.array_equal(draw(100, start), draw(start + 100)[start:])


def test_seeds_and_purposes_give_other_streams():
    names = [(0, "a"), (1, "a"), (0, "b"), (0, "a/"), (2**64 - 1, "a")]
    assert len({Stream(*name).words(4).tobytes() for name in names}) == len(names)


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_a_seed_out_of_range_is_refused(seed):
    with pytest.raises(IdimError, match="seed"):
        Stream(seed, "a")


def test_distributions():
    stream = Stream(3, "distribution")
    assert stats.kstest(stream.normals(400_000), "norm").pvalue > 1e-3
    assert stats.kstest(stream.uniforms(400_000), "uniform").pvalue > 1e-3
    counts = np.bincount(stream.integers(100_000, 10), minlength=10)
    assert stats.chisquare(counts).pvalue > 1e-3
    assert abs(stream.signs(1_000_000).astype(int).sum()) < 4000


def test_normals_agree_with_the_library_functions():
    words = Stream(5, "n").words(2000).reshape(-1, 2)
    u = ((words[:, 0] >> np.uint64(11)).astype(float) + 1) * 2.0**-53
    angle = ((words[:, 1] >> np.uint64(11)).astype(float) * 2.0**-52 - 1) * np.pi / 2
    radius = np.sqrt(-2 * np.log(u)) * np.where(words[:, 1] & np.uint64(1), -1, 1)
    expected = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)
    assert np.abs(Stream(5, "n").normals(2000) - expected).max() < 1e-14


@pytest.mark.parametrize("n", [1, 2, 3, 64, 1009])
def test_permutations_hold_every_index_once(n):
    rows = Stream(0, "perm").permutations(20, n)
    assert np.array_equal(np.sort(rows, axis=1), np.tile(np.arange(n), (20, 1)))


def test_all_orders_are_equally_likely():
    rows = Stream(0, "orders").permutations(6000, 3)
    counts = np.bincount(rows @ [9, 3, 1], minlength=27)
    assert stats.chisquare(counts[counts > 0]).pvalue > 1e-3
    assert (counts > 0).sum() == 6


@pytest.mark.parametrize("probability", [0.001, 0.3, 1.0])
def test_hits_are_independent_trials(probability):
    at = Stream(0, "hits").hits(200_000, probability)
    assert (np.diff(at) > 0).all()
    assert at[0] >= 0
    assert at[-1] < 200_000
    spread = 5 * np.sqrt(200_000 * probability * (1 - probability))
    assert abs(len(at) - 200_000 * probability) <= spread


def test_a_vanishing_probability_hits_nothing():
    assert len(Stream(0, "hits").hits(1000, 1e-300)) == 0


def test_fixed_sum_is_right_and_ordered():
    values = Stream(0, "sum").normals(10_007)
    assert fixed_sum(values) == pytest.approx(float(np.sum(values)), abs=1e-9)
    assert fixed_sum(np.array([1e16, 1.0, -1e16, 1.0])) == 2.0  # (a+c) + (b+d), not left to right
    assert fixed_sum(np.array([])) == 0.0
