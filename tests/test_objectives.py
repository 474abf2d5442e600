"""`measure`: the adaptive search over any function of d and a seed, without a recipe or a file."""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import idim_cli
from idim_cli.errors import IdimError

D = 10_000
CROSSING = 220  # of .9 of the plateau


def score(d, seed, noise=0.004):
    """A curve that reaches .9 of its plateau at `CROSSING`."""
    rng = np.random.default_rng([d, seed])
    return 0.8 * (1 - 0.1 ** (d / CROSSING)) + noise * rng.standard_normal()


def direct(seed):
    return 0.8 + 0.001 * np.random.default_rng(seed).standard_normal()


@pytest.mark.parametrize("baseline", [0.8, direct])
def test_it_finds_the_crossing_with_an_interval_of_the_width_asked_for(baseline, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = idim_cli.measure(score, D, baseline, precision=0.15, say=None)
    low, high = found.interval
    assert low <= CROSSING <= high
    assert low >= 0.85 * found.value
    assert high <= 1.15 * found.value + 1
    assert found.reading.rule == "curve"
    assert found.reading.baseline_runs == (0 if baseline == 0.8 else found.table["direct"].sum())
    assert len(found.table) <= 40
    assert list(tmp_path.iterdir()) == []


def test_the_same_numbers_every_time_and_at_the_same_time():
    once = idim_cli.measure(score, D, direct, precision=0.3, say=None)
    with ThreadPoolExecutor(2) as executor:
        again = idim_cli.measure(score, D, direct, precision=0.3, say=None, map=executor.map)
    other = idim_cli.measure(score, D, direct, precision=0.3, say=None, seed=1000)
    assert again.table.equals(once.table)
    assert again.reading == once.reading
    assert set(other.table["seed"]).isdisjoint(once.table["seed"])


def test_it_says_what_it_does(capsys):
    found = idim_cli.measure(score, D, 0.8, max_runs=8)
    told = capsys.readouterr().out.splitlines()
    assert "initial bracket" in told[0]
    assert sum(line.startswith("  d = ") for line in told) == len(found.table) == 8
    assert [line for line in told if not line.startswith("  ")] == list(found.log)


def test_a_level_that_no_d_reaches_is_not_reached():
    found = idim_cli.measure(score, 100, 0.8, max_runs=30, say=None)
    assert found.value is None
    assert found.reading.verdict == "not reached"
    assert "are not enough" in repr(found)


def test_what_is_not_finite_is_a_failed_run():
    found = idim_cli.measure(
        lambda d, seed: math.nan if seed % 3 == 0 else score(d, seed), D, 0.8, precision=0.3, say=None
    )
    assert (found.table["status"] == "failed").sum() >= 1
    assert found.reading.left_out == (found.table["status"] == "failed").sum()
    low, high = found.interval
    assert low <= CROSSING <= high


def test_no_call_that_succeeds_is_an_error():
    found = idim_cli.measure(lambda d, seed: math.nan, D, 0.8, say=None)
    assert "no estimate" in repr(found)
    with pytest.raises(IdimError, match="no finished run"):
        _ = found.value


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"D": 0}, "D is 0"),
        ({"D": 10.5}, "D is 10.5"),
        ({"objective": 3}, "no function"),
        ({"precision": 2}, "precision"),
        ({"fraction": -1}, "fraction"),
        ({"baseline_runs": 0}, "seeds"),
    ],
)
def test_arguments_out_of_range(change, message):
    with pytest.raises(IdimError, match=message):
        idim_cli.measure(**{"objective": score, "D": D, "baseline": direct, "say": None, **change})


def test_errors_of_the_function_are_its_own():
    with pytest.raises(ZeroDivisionError):
        idim_cli.measure(lambda d, seed: 1 / 0, D, 0.8, say=None)


def test_in_a_notebook_results_are_short_and_readable():
    found = idim_cli.measure(score, D, 0.8, precision=0.3, say=None)
    assert repr(found) == f"<Measurement: {found.estimate.sentence}>"
    assert repr(found.estimate) == f"<Estimate: {found.estimate.sentence}>"
    assert len(repr(found)) < 120
    for one in (found, found.estimate):
        assert one._repr_html_().startswith("<pre>")
        assert found.estimate.sentence in " ".join(one._repr_html_().split())


def test_errors_carry_their_hint_in_their_text():
    with pytest.raises(IdimError) as error:
        idim_cli.measure(3, D, 0.8)
    assert str(error.value) == "objective is 3, and no function (give a function of (d, seed))"
    assert error.value.message == "objective is 3, and no function"
    assert str(IdimError("alone")) == "alone"
