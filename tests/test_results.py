import json
import math
import os

import pandas as pd
import pytest

from idim_cli.core.errors import FileError
from idim_cli.recipe.schema import Seeds
from idim_cli.runs import results
from idim_cli.thresholds import threshold


def result(run_id, **changes):
    content = {
        "run_id": run_id, "recipe": "r", "status": "ok", "direct": False, "dataset": "mnist", "model": "fc",
        "projector": "tied", "task": "classify", "D": 199210, "d": 750,
        "seed_theta0": 0, "seed_projector": 1, "seed_data": 2, "performance": 0.9, "performance_is": "final",
        "metric": "accuracy", "score_on": "validation", "epoch": 3, "epochs": 3,
        "metrics": {"validation_accuracy": 0.9, "validation_nll": 0.4}, "column_norm_min": 1.0,
        "column_norm_max": 1.0, "coherence": 0.0, "seconds": 1.5, "peak_memory_bytes": 10, "device": "cpu",
        "idim": "0.1.0", "date": "2026-01-31T12:00:00+00:00", "torch": "2.6.0", "config": "abcd0123",
    }  # fmt: skip
    content |= changes
    told = {"validation_accuracy": content["performance"], "validation_nll": 0.4}
    return content | {"metrics": changes.get("metrics", told)}


def store(folder, *contents):
    for content in contents:
        results.write_atomic(folder / results.RUNS / content["run_id"] / results.RESULT, json.dumps(content))
    return folder


def planned(folder, *run_ids, **over):
    runs = [{"run_id": run_id, "over": over, "baseline_config": "direct-1"} for run_id in run_ids]
    results.write_atomic(folder / results.PLAN, results.plan_text("r", runs))
    return folder


def test_table_has_over_columns_before_D_and_metrics_before_the_checks(tmp_path):
    planned(tmp_path, "a", **{"model.depth": 2})
    columns = list(results.table(store(tmp_path, result("a"))).columns)
    assert columns[7:10] == ["task", "model.depth", "D"]
    assert columns[columns.index("final_high") + 1 :][:3] == [
        "validation_accuracy",
        "validation_nll",
        "column_norm_min",
    ]


def test_plan_gives_order_and_leaves_other_runs_out(tmp_path):
    store(tmp_path, result("a"), result("b"), result("c"))
    planned(tmp_path, "c", "a", "not-yet-run")
    assert list(results.table(tmp_path)["run_id"]) == ["c", "a"]


def test_what_a_run_is_for_comes_from_the_plan_alone(tmp_path):
    store(tmp_path, result("a", over={"model.width": 3}))
    assert "model.width" not in results.table(tmp_path)
    for depth in (1, 2):
        frame = results.table(planned(tmp_path, "a", **{"model.depth": depth}))
        assert frame["model.depth"].tolist() == [depth]
        assert frame["baseline_config"].tolist() == ["direct-1"]
        assert "model.width" not in frame


def test_known_results_are_not_read_again(tmp_path):
    store(planned(tmp_path, "a", "b"), result("a"))
    known = {}
    assert list(results.table(tmp_path, known)["run_id"]) == ["a"]
    (tmp_path / results.RUNS / "a" / results.RESULT).write_text("{")
    store(tmp_path, result("b"))
    assert list(results.table(tmp_path, known)["run_id"]) == ["a", "b"]


@pytest.mark.parametrize(
    "content",
    ["{", "[]", "null", "3", '{"runs": null}', '{"runs": ["a"]}', '{"runs": [{"run_id": "a"}]}', ""],
)
def test_of_a_damaged_plan_the_runs_are_read_and_it_is_named(tmp_path, caplog, content):
    results.write_atomic(store(tmp_path, result("a"), result("b")) / results.PLAN, content)
    assert list(results.table(tmp_path)["run_id"]) == ["a", "b"]
    assert results.progress(tmp_path, "ab") == (0, 0)
    (told,) = [record.getMessage() for record in caplog.records]
    assert told.startswith(f"{tmp_path / results.PLAN} is damaged: ")
    assert "run the same `idim sweep` again" in told
    assert "NoneType" not in told


def runs_without_a_plan(folder, *baselines):
    """Runs of two networks, told apart by D, and direct runs of these configurations."""
    for D, scale in ((100, 1.0), (400, 0.5)):
        swept = [
            result(f"{D}-{d}-{n}", D=D, d=d, config=f"swept-{D}", performance=scale * y, seed_projector=n)
            for d, y in ((10, 0.3), (20, 0.95), (40, 0.99))
            for n in range(2)
        ]
        direct = [
            result(f"{D}-{name}", D=D, d=D, config=f"{name}-{D}", performance=scale, direct=True)
            for name in baselines
        ]
        store(folder, *swept, *direct)
    return folder


def test_without_a_plan_the_baseline_is_of_the_same_network(tmp_path, caplog):
    found = threshold(runs_without_a_plan(tmp_path, "direct"))
    assert [(one.reading.D, one.reading.baseline, one.reading.value) for one in found] == [
        (100, 1.0, 19), (400, 0.5, 19)
    ]  # fmt: skip
    assert not caplog.text


def test_without_a_plan_no_baseline_is_mixed_from_several(tmp_path, caplog):
    folder = runs_without_a_plan(tmp_path, "slow", "fast")
    assert all(one.reading is None and "no direct run" in one.problem for one in threshold(folder))
    assert caplog.text.count("2 kinds of direct runs may be the baseline, and no plan says which") == 1
    assert [one.reading.value for one in threshold(folder, baseline="best")] == [19, 19]


def test_unknown_figures_are_empty_cells_and_counts_stay_whole(tmp_path):
    failed = result("b", status="failed", performance=None, epoch=None, metrics={}, D=None)
    path = results.write_csv(store(tmp_path, result("a"), failed))
    lines = path.read_text().splitlines()
    assert ",199210,750," in lines[1]
    cells = dict(zip(lines[0].split(","), lines[2].split(","), strict=True))
    assert [cells[c] for c in ("status", "performance", "D", "epoch", "validation_nll")] == [
        "failed",
        "",
        "",
        "",
        "",
    ]


def test_the_largest_seed_of_a_recipe_fits_beside_an_unknown_one(tmp_path):
    store(tmp_path, result("a", seed_projector=2**63 - 1), result("b", seed_projector=None))
    assert results.table(tmp_path)["seed_projector"].tolist() == [2**63 - 1, pd.NA]
    with pytest.raises(ValueError, match="theta0"):
        Seeds(theta0=2**63)


def test_csv_round_trip(tmp_path):
    store(tmp_path, result("a", performance=0.1 + 0.2), result("b", metrics={"train_nll": 1e-17}))
    results.write_csv(planned(tmp_path, "a", "b"))
    again = results.read(tmp_path / results.TABLE)
    pd.testing.assert_frame_equal(again, results.table(tmp_path), check_dtype=False)


def test_a_component_that_is_swept_over_stays_one_column(tmp_path):
    planned(tmp_path, "a", projector={"orthogonal": True, "name": "dense"})
    frame = results.table(store(tmp_path, result("a")))
    assert list(frame.columns).count("projector") == 1
    assert frame["projector"][0] == '{"name": "dense", "orthogonal": true}'


def test_whole_numbers_that_are_swept_over_stay_whole_beside_runs_without_them(tmp_path):
    plan = [
        {"run_id": run_id, "over": over, "baseline_config": None}
        for run_id, over in {"a": {}, "b": {"quantise.levels": 3}, "c": {"training.l2": 1.0}}.items()
    ]
    results.write_atomic(tmp_path / results.PLAN, results.plan_text("r", plan))
    lines = results.write_csv(store(tmp_path, *map(result, "abc"))).read_text().splitlines()
    cells = [line.split(",")[8:10] for line in lines]
    assert cells == [["quantise.levels", "training.l2"], ["", ""], ["3", ""], ["", "1.0"]]


def test_read_takes_a_results_folder_a_run_folder_and_a_csv(tmp_path):
    store(tmp_path, result("a"))
    csv = results.write_csv(tmp_path)
    for path in (tmp_path, tmp_path / results.RUNS / "a", csv):
        assert list(results.read(path)["run_id"]) == ["a"]


def test_read_of_the_parent_names_the_results_below(tmp_path):
    store(tmp_path / "mnist-fc", result("a"))
    with pytest.raises(FileError) as caught:
        results.read(tmp_path)
    assert "mnist-fc" in caught.value.hint


def odd(**changes):
    return json.dumps(result("a", **changes))


DAMAGED = {
    "{": "Expecting property name",
    "[]": "it has no run_id",
    "{}": "it has no run_id",
    '"x"': "it has no run_id",
    "[" * 100_000: "it is nested too deeply",
    '{"run_id": "a", "x": ' + "[" * 100_000 + "]" * 100_000 + "}": "it is nested too deeply",
    odd(d="x"): 'd is "x"',
    odd(d=None): "d is null",
    odd(d=0): "d is 0",
    odd(d=2**60): f"d is {2**60}",
    odd(d=10**400): "d is too large",
    odd(d=0).replace('"d": 0', '"d": 1' + "0" * 5000): "Exceeds the limit",
    odd(d=True): "d is true",
    odd(seed_data=-1): "seed_data is -1",
    odd(d=0).replace('"d": 0', '"e": 0'): "d is missing",
    odd(performance=None): "performance is null",
    odd(performance=math.nan): "performance is NaN",
    odd(performance=-math.inf): "performance is -Infinity",
    odd(performance=1e308): r"performance is 1e\+308",
    odd(performance=10**400): "performance is too large",
    odd(metrics="x"): 'metrics is "x"',
    odd(metrics={"nll": 1e400}): r'metrics is {"nll": Infinity}',
    odd(metrics={"nll": {}}): r'metrics is {"nll": {}}',
    odd(curve="x"): 'curve is "x"',
    odd(curve=[0.1, None]): r"curve is \[0.1, null\]",
    odd(dataset=["mnist"]): r'dataset is \["mnist"\]',
    odd(device="\ud800"): "half a character",
    odd(metrics={"\udfff": 1.0}): "half a character",
    odd(coords=[]): r"coords is \[\]",
}


@pytest.mark.parametrize("content", DAMAGED)
def test_damaged_result_is_named_and_left_out_of_the_table(tmp_path, content, caplog):
    store(tmp_path, result("b"))
    results.write_atomic(tmp_path / results.RUNS / "a" / results.RESULT, content)
    with pytest.raises(FileError, match=rf"result\.json is not the result of a run: .*{DAMAGED[content]}"):
        results.read(tmp_path / results.RUNS / "a")
    assert list(results.table(tmp_path)["run_id"]) == ["b"]
    (line,) = caplog.messages
    assert str(tmp_path / results.RUNS / "a" / results.RESULT) in line
    assert "left out" in line


def test_a_metric_called_as_a_column_does_not_take_its_place(tmp_path):
    store(tmp_path, result("a", metrics={"d": 7.0, "performance": 3.0, "nll": 0.5}))
    (row,) = results.table(tmp_path).to_dict("records")
    assert (row["d"], row["performance"], row["nll"]) == (result("a")["d"], result("a")["performance"], 0.5)


@pytest.mark.parametrize("text", ["epoch,loss\n1,high\n", "epoch\n1,2,3\n", "epoch\n1\0\n", "\udc80"])
def test_a_damaged_learning_curve_is_left_out(tmp_path, text, caplog):
    store(tmp_path, result("a"))
    folder = tmp_path / results.RUNS / "a"
    (folder / results.METRICS).write_bytes(text.encode(errors="surrogateescape"))
    assert results.metrics(folder) == []
    assert "learning curve is left out" in caplog.text or text == "\udc80"


def test_write_atomic_leaves_the_old_file_when_it_fails(tmp_path, monkeypatch):
    path = tmp_path / "x"
    results.write_atomic(path, "old")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        results.write_atomic(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_has_one_writer(tmp_path):
    folder = tmp_path / "run"
    first = results.sole_writer(folder)
    with first, pytest.raises(FileError, match="another process"), results.sole_writer(folder):
        pass
    with results.sole_writer(folder):
        pass


@pytest.mark.parametrize("way", ["{}", "../../elsewhere/runs/a", "..", "", "a/../a", "a\\b"])
def test_a_plan_leads_to_no_run_outside_its_folder(tmp_path, caplog, way):
    elsewhere = store(tmp_path / "elsewhere", result("a", performance=0.1)) / results.RUNS / "a"
    here = planned(store(tmp_path / "here", result("b")), way.format(elsewhere), "b")
    assert list(results.table(here)["run_id"]) == ["b"]
    assert "not the name of a folder" in caplog.text
    assert results.progress(here, "b") == (1, 1)
