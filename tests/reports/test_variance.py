import tracemalloc
from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest

from idim_cli.reports.inputs import variance
from idim_cli.reports.inputs.variance import HOW_TO, REST
from idim_cli.thresholds import sample


def made(seeds, sds, levels=40, rest=0.0):
    """Runs at many d with effects of these sds, of theta0, P and data order, drawn anew at each d."""
    rng, rows = np.random.default_rng(1), []
    for d in range(10, 10 + levels):
        effects = [dict.fromkeys(values) for values in zip(*seeds, strict=True)]
        for effect, sd in zip(effects, sds, strict=True):
            effect.update({seed: sd * rng.standard_normal() for seed in effect})
        for one in seeds:
            performance = 0.5 + sum(effect[seed] for effect, seed in zip(effects, one, strict=True))
            rows.append((d, performance + rest * rng.standard_normal(), *one))
    return pd.DataFrame(rows, columns=["d", "performance", "seed_theta0", "seed_projector", "seed_data"])


def split(rows):
    return variance.split(sample(rows))


CROSSED = list(product(range(3), repeat=3))


def test_crossed_seeds_give_back_the_variances_that_were_put_in():
    found = split(made(CROSSED, (0.01, 0.03, 0.0), rest=0.01))
    parts = {part.name: part for part in found.components}
    assert list(parts) == ["theta0", "P", "data order", REST]
    for name, sd in (("theta0", 0.01), ("P", 0.03), ("data order", 0.0), (REST, 0.01)):
        assert abs(parts[name].variance - sd**2) < 3 * parts[name].error + 1e-12, name
        assert parts[name].error < 0.25 * 0.03**2
    assert found.at == 40
    assert (found.problem, found.hint) == ("", "")


def test_two_seeds_of_one_kind_are_reported_from_the_rest_exactly():
    seeds = [(0, 0, 0), (0, 1, 0), (1, 0, 0), (1, 1, 0)]
    rows = made(seeds, (0.02, 0.0, 0.0), levels=1)
    found = split(rows)
    difference = rows.performance[2] - rows.performance[0]
    assert [part.name for part in found.components] == ["theta0", "P", REST]
    assert found.components[0].variance == pytest.approx(difference**2 / 2)
    assert found.components[1].variance == pytest.approx(0, abs=1e-12)
    assert found.components[0].error is None  # one d has nothing to leave out


def test_shares_of_few_d_say_why_they_have_no_errors():
    for levels in (1, 2):
        found = split(made(CROSSED, (0.01, 0.03, 0.0), levels=levels, rest=0.01))
        assert {part.error for part in found.components} == {None}
        assert "needs 3 d or more" in found.problem
        assert f"at {levels} d." in found.problem
        assert found.hint == ""
    assert split(made(CROSSED, (0.01, 0.03, 0.0), levels=3, rest=0.01)).problem == ""


def test_seeds_that_move_together_cannot_be_separated():
    rows = made([(0, 0, 0), (1, 1, 1), (2, 2, 2)], (0.01, 0.01, 0.01))
    found = split(rows)
    assert found.components == ()
    assert "theta0, P, data order and the rest always change together" in found.problem
    assert found.hint == HOW_TO
    within = rows.groupby("d").performance.var().mean() ** 0.5
    assert found.sd == pytest.approx(within)


def test_two_seeds_that_move_together_are_as_one():
    seeds = [(a, b, a) for a in range(2) for b in range(2)]
    found = split(made(seeds, (0.01, 0.01, 0.01)))
    assert [part.name for part in found.components] == ["theta0 and data order", "P", REST]
    assert "theta0 and data order always change together" in found.problem


def test_what_is_unknown_is_said():
    rows = made([(0, 0, 0), (1, 1, 1)], (0.01, 0.01, 0.01))
    assert "does not record the seeds" in split(rows.drop(columns="seed_data")).problem
    assert "No two runs at one d" in split(rows[rows.seed_data == 0]).problem
    same = rows.assign(seed_theta0=0, seed_projector=0, seed_data=0)
    assert split(same).problem == "No seed differs between the runs."
    assert split(same).sd is not None


def test_runs_that_failed_or_are_direct_do_not_count():
    rows = made([(0, 0, 0), (1, 1, 1)], (0.01, 0.01, 0.01)).assign(status="ok", D=1000)
    wild = rows.assign(performance=100.0)
    more = pd.concat([rows, wild.assign(status="failed"), wild.assign(d=1000)])
    assert split(more) == split(rows)


def brute(runs):
    """Count and sum of half the squared differences of all pairs, by which seeds differ."""
    found = {}
    for seeds, y in zip(runs.drawn, runs.runs, strict=True):
        for i, j in combinations(range(len(y)), 2):
            pattern = tuple(bool(differs) for differs in seeds[i] != seeds[j])
            count, total = found.get(pattern, (0, 0.0))
            found[pattern] = count + 1, total + (y[i] - y[j]) ** 2 / 2
    return {pattern: pair for pattern, pair in found.items() if any(pattern)}


def test_sums_over_runs_that_share_seeds_are_those_of_all_pairs():
    some = [(a, b, (a + b) % 2) for a in range(4) for b in range(3)] + [(0, 0, 0), (1, 0, 2)]
    runs = sample(made(some, (0.01, 0.03, 0.02), levels=3, rest=0.01))
    pairs = variance._pairs(runs)
    found = zip(variance._PATTERNS, pairs.counts.sum(axis=0), pairs.squares.sum(axis=0), strict=True)
    expected = brute(runs)
    for pattern, count, square in found:
        assert (count, square) == pytest.approx(expected.get(pattern, (0, 0.0))), pattern


def test_equal_runs_have_no_variance_at_all():
    found = split(made(CROSSED, (0.0, 0.0, 0.0)).assign(performance=0.1))
    assert [part.variance for part in found.components] == [0.0] * 4


def test_the_pairs_themselves_are_never_made():
    many = [(i, i // 2, i // 3) for i in range(20_000)]  # 200 million pairs
    runs = sample(made(many, (0.01, 0.01, 0.01), levels=1))
    tracemalloc.start()
    variance.split(runs)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6
