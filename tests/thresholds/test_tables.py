"""Tables as they come: columns, direct rows, rows left out, groups, selections, faults."""

from __future__ import annotations

import pandas as pd
import pytest

from idim_cli.core.errors import IdimError
from idim_cli.thresholds import estimate, points, require_any, sample, select, threshold
from idim_cli.thresholds.grouping import group_columns, mixed
from idim_cli.thresholds.rows import rename

RUNS = {10: 0.3, 20: 0.6, 40: 0.95}


def rows(runs=RUNS, **columns) -> list[dict]:
    return [{"d": d, "performance": p, **columns} for d, p in runs.items()]


@pytest.mark.parametrize(
    "direct",
    [
        {"d": 0},
        {"d": 500, "D": 500},
        {"d": 500, "projector": "identity"},
        {"d": 500, "direct": True},
        {"d": 500, "direct": "true"},
        {"d": None, "direct": True},
    ],
)
def test_direct_rows(direct: dict) -> None:
    table = pd.DataFrame([*rows(), {"performance": 0.99, **direct}])
    runs = sample(table)
    assert runs.direct.tolist() == [0.99]
    assert runs.d.tolist() == [10, 20, 40]


def test_a_row_that_says_it_is_not_direct_is_not() -> None:
    table = pd.DataFrame([*rows(D=40, direct=False), {"d": 40, "D": 40, "performance": 1.0, "direct": True}])
    assert sample(table).d.tolist() == [10, 20, 40]


def test_rows_that_are_not_ok_are_left_out_and_counted() -> None:
    table = pd.DataFrame([*rows(status="ok"), {"d": 80, "performance": None, "status": "failed"}])
    runs = sample(table)
    assert (runs.d.tolist(), runs.left_out) == ([10, 20, 40], 1)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pd.DataFrame({"dim": [1], "performance": [0.5]}), "no column 'd'"),
        (pd.DataFrame({"d": [1], "performence": [0.5]}), "no column 'performance'"),
        (pd.DataFrame({"d": [], "performance": []}), "no finished run"),
        (pd.DataFrame(rows(status="failed")), "no finished run"),
        (pd.DataFrame({"d": [0, 0], "performance": [0.5, 0.6]}), "no finished run in a subspace"),
        (pd.DataFrame({"d": [1, "two"], "performance": [0.5, 0.6]}), "a.csv:3: d: 'two' is not a number"),
        (pd.DataFrame({"d": [1, 2], "performance": ["high", 0.6]}), "a.csv:2: performance: 'high'"),
        (pd.DataFrame({"d": [1, 2], "performance": [0.5, None]}), "a.csv:3: performance is empty"),
        (pd.DataFrame({"d": [1, 2], "performance": [0.5, float("inf")]}), "a.csv:3: performance is empty or"),
        (pd.DataFrame({"d": [1, -2], "performance": [0.5, 0.6]}), "a.csv:3: d is below 1"),
        (pd.DataFrame({"d": [1.5, 2], "performance": [0.5, 0.6]}), "a.csv:2: d is not a whole number"),
        (pd.DataFrame({"d": [None, 2], "performance": [0.5, 0.6]}), "a.csv:2: d is empty"),
        (pd.DataFrame({"d": [1, 10**20], "performance": [0.5, 0.6]}), "a.csv:3: d is too large"),
        (pd.DataFrame({"d": [1, "1e400"], "performance": [0.5, 0.6]}), "a.csv:3: d is empty or not finite"),
        (pd.DataFrame({"d": [1, 2], "D": [9, "inf"], "performance": [0.5, 0.6]}), "a.csv:3: D is too large"),
    ],
)
def test_faults(table: pd.DataFrame, message: str) -> None:
    with pytest.raises(IdimError) as error:
        sample(table, "a.csv")
    assert message in str(error.value)


def test_near_miss_of_a_column() -> None:
    with pytest.raises(IdimError) as error:
        sample(pd.DataFrame({"d": [1], "performence": [0.5]}))
    assert "did you mean performence?" in error.value.hint
    assert "--column performance=" in error.value.hint


def test_points() -> None:
    found = points(pd.DataFrame([*rows(), *rows({20: 0.8}), {"d": 0, "performance": 1.0}]))
    assert found.d.tolist() == [10, 20, 40]
    assert found.mean[1] == pytest.approx(0.7)
    assert found.n.tolist() == [1, 2, 1]
    assert found.sd[1] == pytest.approx(0.1 * 2**0.5)


def own(projector, depth, shift, direct=False, **more) -> dict:
    """One row as `idim` writes it, without the columns that do not matter here."""
    return {
        "run_id": "r", "recipe": "mine", "status": "ok", "direct": direct, "dataset": "digits", "model": "fc",
        "projector": projector, "task": "classify", "model.depth": depth, "D": 900, "d": 900,
        "performance": shift, "config": "abc", **more,
    }  # fmt: skip


def swept(projector, depth, factor, **more) -> list[dict]:
    return [own(projector, depth, min(1.0, d * factor), d=d, **more) for d in (10, 20, 40, 80)]


def test_one_estimate_for_each_group_with_its_own_baseline() -> None:
    table = pd.DataFrame(
        [
            own("identity", 1, 0.9, direct=True),
            own("identity", 2, 0.45, direct=True),
            *swept("tied", 1, 0.03),
            *swept("dense", 1, 0.025),
            *swept("tied", 2, 0.03),
        ]
    )
    found = [
        (one.group["projector"], one.group["model.depth"], one.reading.baseline) for one in threshold(table)
    ]
    assert found == [("tied", 1, 0.9), ("dense", 1, 0.9), ("tied", 2, 0.45)]


def test_direct_runs_without_a_swept_key_serve_all_its_groups() -> None:
    table = pd.DataFrame(
        [own("identity", None, 0.9, direct=True), *swept("tied", 1, 0.03), *swept("tied", 2, 0.02)]
    )
    assert [one.reading.baseline_runs for one in threshold(table)] == [1, 1]


def test_an_empty_cell_is_a_value_where_other_direct_runs_have_one() -> None:
    table = pd.DataFrame(
        [
            own("identity", None, 0.9, direct=True),
            own("identity", 2, 0.45, direct=True),
            *swept("tied", None, 0.03),
            *swept("tied", 2, 0.02),
        ]
    )
    assert [(r.reading.baseline, r.reading.baseline_runs) for r in threshold(table)] == [(0.9, 1), (0.45, 1)]


def test_direct_runs_that_a_group_names_are_its_baseline() -> None:
    table = pd.DataFrame(
        [
            own("identity", None, 0.9, direct=True, config="direct-a"),
            own("identity", 3, 0.45, direct=True, config="direct-b"),
            *swept("tied", 1, 0.03, baseline_config="direct-a"),
            *swept("tied", 2, 0.02, baseline_config="direct-a"),
            *swept("tied", 3, 0.02, baseline_config="direct-b"),
            *swept("tied", 4, 0.02, baseline_config="direct-c"),
        ]
    )
    *found, last = threshold(table)
    assert [one.reading.baseline for one in found] == [0.9, 0.9, 0.45]
    assert last.reading is None  # never those of another group
    assert "no direct runs" in str(last.error)


def test_runs_trained_in_different_ways_are_not_mixed() -> None:
    one = [own("identity", 1, 0.9, direct=True), *swept("tied", 1, 0.03)]
    table = pd.DataFrame([*one, *swept("tied", 1, 0.02, config="xyz")])
    assert group_columns(pd.DataFrame(one))[-1] == "model.depth"
    found = [(one.group["config"], one.reading) for one in threshold(table)]
    assert [(config, reading.runs, reading.baseline_runs) for config, reading in found] == [
        ("abc", 4, 1),
        ("xyz", 4, 1),
    ]


def test_coordinates_of_few_values_are_a_group_of_their_own_and_the_reading_says_so() -> None:
    free = [own("identity", 1, 0.9, direct=True), *swept("tied", 1, 0.03)]
    few = [own("identity", 1, 0.9, direct=True), *swept("tied", 1, 0.02, config="xyz")]
    few = [{**row, "quantise.levels": None if row["direct"] else 3} for row in few]
    one, two = threshold(pd.concat([pd.DataFrame(free), pd.DataFrame(few)]))
    assert (one.group["quantise.levels"], one.reading.coords) == (None, "")
    assert two.label.endswith("quantise.levels 3")
    assert two.reading.coords == "quantise.levels 3 (the paper's are free and start at zero)"
    assert f"coords     {two.reading.coords}" in two.describe()
    assert "coords" not in one.describe()


def test_a_reading_of_runs_that_the_user_puts_together_tells_all_their_coordinates() -> None:
    rows = [own("identity", 1, 0.9, direct=True), *swept("tied", 1, 0.03)]
    table = pd.DataFrame([*rows, *swept("tied", 1, 0.02, **{"quantise.levels": 3})])
    (found,) = threshold(table, by="projector")
    assert found.reading.coords.startswith("free or quantise.levels 3 (")


def test_a_foreign_column_called_start_says_nothing_of_coordinates() -> None:
    (found,) = threshold(pd.DataFrame(rows(start="monday")), baseline=1.0)
    assert found.reading.coords == ""


def test_whole_numbers_stay_whole_where_cells_are_empty() -> None:
    rows = [own("identity", None, 0.9, direct=True), *swept("tied", 1, 0.03), *swept("tied", 2, 0.02)]
    table = pd.DataFrame(rows).astype({"model.depth": float})
    assert [one.label[-13:] for one in threshold(table)] == ["model.depth 1", "model.depth 2"]
    assert [one.label[-15:] for one in threshold(table.replace({"model.depth": 2}, 0.5))] == [
        "model.depth 1.0",
        "model.depth 0.5",
    ]


def test_a_group_without_a_finished_run_is_listed_with_the_reason() -> None:
    table = pd.DataFrame(
        [
            own("identity", None, 0.9, direct=True),
            *swept("tied", 1, 0.03),
            *swept("tied", 2, 0.02, status="failed", performance=None),
        ]
    )
    one, two = threshold(table)
    assert (one.group["model.depth"], one.reading.runs, one.problem) == (1, 4, "")
    assert (two.group["model.depth"], two.reading, two.sample) == (2, None, None)
    assert "no finished run in a subspace (4 of its rows have a status other than ok)" in two.problem
    assert two.describe().splitlines()[-2].startswith("no estimate: ")
    assert two.as_dict()["error"] == two.error.message
    require_any([one, two])
    with pytest.raises(IdimError, match="no finished run"):
        require_any([two])


def test_when_all_failed_every_group_is_listed() -> None:
    failed = {"status": "failed", "performance": None}
    table = pd.DataFrame([*swept("tied", 1, 0.03, **failed), *swept("tied", 2, 0.02, **failed)])
    assert [(one.group["model.depth"], one.reading) for one in threshold(table)] == [(1, None), (2, None)]


def test_a_foreign_table_is_one_group_unless_asked() -> None:
    table = pd.DataFrame([*rows(net="a"), *rows(net="b"), {"d": 0, "performance": 1.0, "net": "a"}])
    assert [one.group for one in threshold(table)] == [{}]
    a, b = threshold(table, by=["net"], source="x.csv")
    assert (a.group, a.reading.runs, a.label) == ({"net": "a"}, 3, "net a")
    assert (b.group, b.reading) == ({"net": "b"}, None)
    assert b.problem.startswith("x.csv: no direct runs")
    assert len(b.sample.d) == 3
    assert all(one.reading for one in threshold(table, by=["net"], baseline=1.0))


def test_a_wrong_option_is_no_fault_of_a_group() -> None:
    with pytest.raises(IdimError, match="rule"):
        threshold(pd.DataFrame(rows()), rule="frist")


def test_rename() -> None:
    table = pd.DataFrame({"x": [1, 2], "d": [5, 6], "acc": [0.1, 0.2]})
    assert rename(table, "d", "x")["d"].tolist() == [1, 2]
    assert rename(table, "d", "d").equals(table)
    with pytest.raises(IdimError, match="no column 'e' is read"):
        rename(table, "e", "x")
    with pytest.raises(IdimError, match=r"r\.csv has no column 'y'"):
        rename(table, "d", "y", "r.csv")


def test_mixed() -> None:
    table = pd.DataFrame([*rows(net="a", same="s", depth=1), *rows(net="b", same="s", depth=2)])
    assert mixed(table) == ["net"]
    assert mixed(table, by=["net"]) == mixed(table, chosen=["net"]) == []
    assert mixed(pd.DataFrame([*swept("tied", 1, 0.03), *swept("dense", 1, 0.03)])) == []
    assert mixed(pd.DataFrame({"x": ["a", "b"]})) == []


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"score_on": "validation", "metric": "accuracy"}, "validation accuracy"),
        ({"metric": "accuracy"}, "accuracy"),
        ({"score_on": [None, "train", "test"], "metric": "accuracy"}, "accuracy"),
        ({}, "performance"),
    ],
)
def test_what_the_performance_is(columns: dict, words: str) -> None:
    assert sample(pd.DataFrame(rows()).assign(**columns)).measure == words


def test_select() -> None:
    table = pd.DataFrame([*rows(net="a", depth=1), *rows(net="b", depth=2), *rows(net="c", depth=3)])
    assert len(select(table, {"net": ["a", "c"]})) == 6
    assert len(select(table, {"depth": ["2.0"], "net": ["b"]})) == 3
    with pytest.raises(IdimError, match="no row with net = d") as error:
        select(table, {"net": ["d"]})
    assert error.value.hint == "net is one of 'a', 'b', 'c'"
    # A value that no row has is not dropped in silence beside one that some rows have.
    with pytest.raises(IdimError, match=r"^no row with net = d or e \("):
        select(table, {"net": ["a", "d", "e"]})
    with pytest.raises(IdimError) as error:
        select(pd.DataFrame(rows(net="LeNet, 3 runs")), {"net": ["LeNet 3 runs"]})
    assert error.value.hint == "did you mean 'LeNet, 3 runs'?"


@pytest.mark.parametrize("column", ["d", "direct", "performance", "status"])
def test_what_is_read_of_each_run_makes_no_groups(column: str) -> None:
    table = pd.DataFrame(rows(direct=False, status="ok"))
    with pytest.raises(IdimError, match=f"cannot group by '{column}'"):
        threshold(table, by=[column])


def test_the_hint_for_an_unknown_performance_fits_the_table() -> None:
    for columns, hint in (({}, "add a column status"), ({"status": "ok"}, "whose status is not ok is left")):
        with pytest.raises(IdimError) as error:
            sample(pd.DataFrame([*rows(**columns), {"d": 80, "performance": None, **columns}]))
        assert hint in error.value.hint


def test_line_numbers_survive_a_selection() -> None:
    table = pd.DataFrame([*rows(net="a"), {"d": "x", "performance": 1.0, "net": "b"}])
    with pytest.raises(IdimError, match=r"^r\.csv:5: d: 'x'"):
        sample(select(table, {"net": ["b"]}), "r.csv")


def test_nullable_columns_as_results_writes_them() -> None:
    table = pd.DataFrame([*rows(), {"d": None, "performance": 1.0, "direct": True}])
    table["d"] = table["d"].astype("Int64")
    assert estimate(table).baseline_runs == 1
