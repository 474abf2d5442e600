"""Tables of many groups: the table is read once, and each group as if it were alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from idim_cli.core.rng import Stream
from idim_cli.thresholds import sample, threshold
from idim_cli.thresholds.grouping import group_rows


@pytest.fixture
def table() -> pd.DataFrame:
    rng, rows = np.random.default_rng(0), []
    shared = {"recipe": "r", "status": "ok", "dataset": "digits", "model": "fc", "task": "classify"}
    for width in range(40):
        own = {**shared, "model.width": width, "D": 900, "metric": "accuracy", "score_on": "validation"}
        baseline = {"config": f"direct-{width}", "seed_theta0": 0}
        rows.append(
            {**own, "direct": True, "projector": "identity", "d": 900, "performance": 0.9, **baseline}
        )
        rows += [
            {
                **own, "direct": False, "projector": "tied", "d": d, "config": "tied", "seed_theta0": seed,
                "performance": 1 - 4 / d + rng.normal(0, 0.01), "baseline_config": f"direct-{width}",
            }
            for d in (10, 20, 40, 80) for seed in range(3)
        ]  # fmt: skip
    made = pd.DataFrame(rows).sample(frac=1, random_state=0)  # in any order
    return made.assign(run_id=[f"run-{i}" for i in range(len(made))])


def test_columns_are_read_once_for_all_groups(table, monkeypatch):
    calls, to_numeric = [], pd.to_numeric
    monkeypatch.setattr(pd, "to_numeric", lambda cells, **how: calls.append(1) or to_numeric(cells, **how))
    assert len(threshold(table)) == 40
    assert len(calls) < 20


def test_random_numbers_are_drawn_once_for_groups_of_as_many_d(table, monkeypatch):
    drawn, normals = [], Stream.normals
    monkeypatch.setattr(Stream, "normals", lambda self, n: drawn.append(n) or normals(self, n))
    threshold(table, seed=12345)
    assert len(drawn) == 1


def test_each_group_is_read_as_if_it_were_alone(table):
    together = threshold(table)
    for one, (group, at) in zip(together, group_rows(table), strict=True):
        rows = table.iloc[at]
        (alone,) = threshold(rows)
        assert one.group == group
        assert one.reading == alone.reading
        assert one.reading.baseline_runs == 1
        assert sorted(one.sample.runs[0]) == sorted(sample(rows).runs[0])


def test_a_fault_in_one_group_is_its_own(table):
    place = table.index[table["model.width"] == 7][-1]
    table["performance"] = table["performance"].astype(object)
    table.loc[place, "performance"] = "high"
    found = {one.group["model.width"]: one for one in threshold(table, source="a.csv")}
    assert found[7].problem == f"a.csv:{place + 2}: performance: 'high' is not a number"
    assert all(one.reading for width, one in found.items() if width != 7)
