"""Results of version 0.1, as it wrote them (tests/v01): tables and folders are read as they were."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from idim_cli.runs import columns, results
from idim_cli.thresholds import threshold
from idim_cli.thresholds.grouping import group_columns, over_columns

OLD = Path(__file__).parent / "v01" / "quickstart"
#: What version 0.1 made of it.
READING = {"value": 110, "low": 96, "high": 143, "baseline": 0.9766666666666667, "level": 0.879, "runs": 50}
GROUP = {"dataset": "digits", "model": "fc", "projector": "tied", "task": "classify"}


@pytest.fixture
def detached(tmp_path):
    return Path(shutil.copy(OLD / results.TABLE, tmp_path / "anything.csv"))


def test_a_table_reads_as_it_did(detached):
    for path in (detached, OLD / results.TABLE):
        (one,) = threshold(path)
        assert one.group == GROUP
        assert {name: getattr(one.reading, name) for name in READING} == READING


def test_a_folder_reads_and_what_it_did_not_record_is_empty():
    table = results.read(OLD)
    assert list(table["status"]) == ["ok"] * 3
    assert table["steps"].tolist() == [570] * 3
    assert table[["method", "optimizer", "schedule", "lr", "floor"]].isna().all().all()
    assert set(columns.NAMES) <= set(table.columns)
    old = pd.read_csv(OLD / results.TABLE).set_index("run_id")
    for name in old.columns:
        for row in table.itertuples():
            now, then = table.set_index("run_id").loc[row.run_id, name], old.loc[row.run_id, name]
            assert (pd.isna(now) and pd.isna(then)) or now == then, name


def swept(path, over, **more):
    """A table as version 0.1 laid it out, with a swept column between `task` and `D`."""
    table = pd.read_csv(OLD / results.TABLE)
    rows = [table.assign(**{name: value}) for name, values in over.items() for value in values]
    wide = pd.concat(rows).assign(**more)
    at = list(table.columns).index("task") + 1
    wide = wide[[*table.columns[:at], *over, *table.columns[at:], *more]]
    wide.to_csv(path, index=False)
    return path


def test_the_position_of_a_swept_column_says_nothing(tmp_path):
    for name in ("model.depth", "training.optimizer.lr", "trainable"):
        path = swept(tmp_path / "old.csv", {name: [1, 2]})
        table = results.read(path)
        assert over_columns(table) == [name]
        shuffled = table[sorted(table.columns)]
        assert over_columns(shuffled) == [name]
        groups = [(one.group, one.reading.value) for one in threshold(table)]
        assert groups == [(one.group, one.reading.value) for one in threshold(shuffled)]
        assert [group[name] for group, _ in groups] == [1, 2]


def test_the_plan_next_to_a_table_says_which_columns_are_swept(tmp_path):
    path = swept(tmp_path / results.TABLE, {"model.depth": [1, 2]}, **{"model.width": 32})
    assert over_columns(results.read(path)) == ["model.depth", "model.width"]
    plan = [{"run_id": "a", "over": {"model.depth": 1}, "baseline_config": None}]
    results.write_atomic(tmp_path / results.PLAN, results.plan_text("quickstart", plan))
    table = results.read(path)
    assert over_columns(table) == ["model.depth"]
    assert "model.width" not in group_columns(table)


def test_methods_that_differ_are_groups_of_their_own(detached):
    table = results.read(detached)
    assert "method" not in group_columns(table.assign(method="gradient"))
    two = pd.concat([table.assign(method="gradient"), table.assign(method="es")])
    assert [one.group["method"] for one in threshold(two)] == ["gradient", "es"]
