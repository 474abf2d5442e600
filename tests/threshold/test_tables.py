"""Tables as they come: columns, direct rows, rows left out, groups, selections, faults."""

from __future__ import annotations

import pandas as pd
import pytest

from idim_cli.errors import IdimError
from idim_cli.threshold import estimate, estimates, points, sample, select
from idim_cli.threshold.groups import group_columns

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
    found = [(g["projector"], g["model.depth"], r.baseline) for g, r in estimates(table)]
    assert found == [("tied", 1, 0.9), ("dense", 1, 0.9), ("tied", 2, 0.45)]


def test_direct_runs_without_a_swept_key_serve_all_its_groups() -> None:
    table = pd.DataFrame(
        [own("identity", None, 0.9, direct=True), *swept("tied", 1, 0.03), *swept("tied", 2, 0.02)]
    )
    assert [r.baseline_runs for _, r in estimates(table)] == [1, 1]


def test_runs_trained_in_different_ways_are_not_mixed() -> None:
    one = [own("identity", 1, 0.9, direct=True), *swept("tied", 1, 0.03)]
    table = pd.DataFrame([*one, *swept("tied", 1, 0.02, config="xyz")])
    assert group_columns(pd.DataFrame(one))[-1] == "model.depth"
    assert [(g["config"], r.runs, r.baseline_runs) for g, r in estimates(table)] == [
        ("abc", 4, 1),
        ("xyz", 4, 1),
    ]


def test_a_group_that_failed_is_passed_over() -> None:
    table = pd.DataFrame(
        [
            own("identity", None, 0.9, direct=True),
            *swept("tied", 1, 0.03),
            *swept("tied", 2, 0.02, status="failed", performance=None),
        ]
    )
    assert [g["model.depth"] for g, _ in estimates(table)] == [1]


def test_a_foreign_table_is_one_group_unless_asked() -> None:
    table = pd.DataFrame([*rows(net="a"), *rows(net="b"), {"d": 0, "performance": 1.0, "net": "a"}])
    assert [g for g, _ in estimates(table)] == [{}]
    with pytest.raises(IdimError, match=r"net b.*no direct runs"):
        estimates(table, by=["net"], source="x.csv")
    assert [g for g, _ in estimates(table, by=["net"], baseline=1.0)] == [{"net": "a"}, {"net": "b"}]


def test_select() -> None:
    table = pd.DataFrame([*rows(net="a", depth=1), *rows(net="b", depth=2), *rows(net="c", depth=3)])
    assert len(select(table, {"net": ["a", "c"]})) == 6
    assert len(select(table, {"depth": ["2.0"], "net": ["b"]})) == 3
    with pytest.raises(IdimError, match="no row with net = d") as error:
        select(table, {"net": ["d"]})
    assert error.value.hint == "net is one of 'a', 'b', 'c'"


def test_line_numbers_survive_a_selection() -> None:
    table = pd.DataFrame([*rows(net="a"), {"d": "x", "performance": 1.0, "net": "b"}])
    with pytest.raises(IdimError, match=r"^r\.csv:5: d: 'x'"):
        sample(select(table, {"net": ["b"]}), "r.csv")


def test_nullable_columns_as_results_writes_them() -> None:
    table = pd.DataFrame([*rows(), {"d": None, "performance": 1.0, "direct": True}])
    table["d"] = table["d"].astype("Int64")
    assert estimate(table).baseline_runs == 1
