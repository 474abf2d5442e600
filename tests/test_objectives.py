"""`measure`: the adaptive search over any function of d and a seed, without a recipe or a file."""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import idim_cli
from idim_cli.core.errors import IdimError

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
        ({"D": 0}, "D must be a whole number from 1 on, got 0"),
        ({"D": -3}, "got -3"),
        ({"D": 10.5}, "got 10.5"),
        ({"D": 100.0}, r"got 100\.0"),
        ({"D": True}, "got True"),
        ({"D": "100"}, "got '100'"),
        ({"objective": 3}, "objective must be a function, got 3"),
        ({"objective": None}, "objective must be a function, got None"),
        ({"baseline": None}, "baseline must be a number or a function, got None"),
        ({"baseline": "0.9"}, "baseline must be a number"),
        ({"baseline": math.nan}, "got nan"),
        ({"baseline": lambda seed: None}, r"baseline\(0\) returned None"),
        ({"precision": 2}, "precision"),
        ({"fraction": -1}, "fraction"),
        ({"baseline_runs": 0}, "seeds"),
    ],
)
def test_arguments_out_of_range(change, message):
    with pytest.raises(IdimError, match=message):
        idim_cli.measure(**{"objective": score, "D": D, "baseline": direct, "say": None, **change})


@pytest.mark.parametrize(
    ("returned", "told"),
    [(None, "None"), ((0.5, 1), "a tuple"), ("0.5", "a str"), (np.zeros(2), "a ndarray"), ([0.5], "a list")],
)
def test_what_is_not_one_number_stops_the_search(returned, told):
    with pytest.raises(IdimError, match=rf"objective\(d=\d+, seed=0\) returned {told} \(it must return"):
        idim_cli.measure(lambda d, seed: returned, D, 0.8, say=None)


def test_numbers_of_numpy_and_torch_are_numbers():
    import torch

    kinds = (np.float32, np.array, torch.tensor)
    found = [
        idim_cli.measure(lambda d, s, k=k: k(score(d, s)), np.int64(D), 0.8, precision=0.3, say=None)
        for k in kinds
    ]
    assert len({one.value for one in found}) == 1


def test_what_is_next_is_said_for_python():
    done = idim_cli.measure(score, D, 0.8, precision=0.3, say=None)
    assert done.reading.next == ""
    short = idim_cli.measure(score, D, 0.8, precision=0.01, max_runs=8, say=None)
    assert short.reading.next == "the search used all 8 calls; allow more: max_runs=16"


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
    hint = "give a function objective(d, seed) that returns the performance"
    assert str(error.value) == f"objective must be a function, got 3 ({hint})"
    assert error.value.message == "objective must be a function, got 3"
    assert str(IdimError("alone")) == "alone"
