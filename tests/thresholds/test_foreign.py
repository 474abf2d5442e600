"""Tables as MLflow and W&B export them, and columns that the user names."""

import pandas as pd
import pytest

from idim_cli.core.errors import IdimError
from idim_cli.thresholds import estimate, threshold
from idim_cli.thresholds.foreign_tables import standardized
from idim_cli.thresholds.selection import Selection

RUNS = {10: (0.3, 0.32), 20: (0.6, 0.62), 40: (0.95, 0.94), 80: (0.96, 0.97)}


def rows(**names):
    """Runs as `names` calls the columns, in both seeds."""
    return [
        {names.get("d", "d"): d, names.get("seed", "seed"): seed, names.get("score", "performance"): score}
        for d, scores in [*RUNS.items(), (0, (0.97, 0.98))]
        for seed, score in enumerate(scores)
    ]


def mlflow():
    """What `mlflow.search_runs().to_csv()` writes."""
    table = pd.DataFrame(rows(d="params.d", seed="params.seed", score="metrics.accuracy"))
    table.insert(0, "run_id", [f"{k:032x}" for k in range(len(table))])
    table.insert(1, "experiment_id", 0)
    table.insert(2, "status", "FINISHED")
    table.insert(3, "artifact_uri", "mlruns")
    table["tags.mlflow.runName"] = [f"run-{k}" for k in range(len(table))]
    table.loc[len(table)] = {**table.iloc[0], "status": "FAILED", "metrics.accuracy": None}
    return table


def wandb():
    """What the table of a W&B project exports."""
    table = pd.DataFrame(rows(score="val/acc"))
    table.insert(0, "Name", [f"swift-{k}" for k in range(len(table))])
    table.insert(1, "State", "finished")
    table.loc[len(table)] = {**table.iloc[0], "State": "crashed", "val/acc": None}
    return table


@pytest.mark.parametrize("table", [mlflow(), wandb()])
def test_exports_are_read_as_our_own_tables(table):
    read, _ = standardized(table)
    reading = estimate(read)
    expected = estimate(pd.DataFrame(rows()))
    assert (reading.value, reading.low, reading.high) == (expected.value, expected.low, expected.high)
    assert (reading.runs, reading.baseline_runs, reading.left_out) == (8, 2, 1)
    assert "sweep.d" not in reading.next  # idim did not make them
    assert threshold(table)[0].reading == reading


def test_notes_say_what_was_taken_for_what():
    assert standardized(wandb())[1] == [
        "column 'State' is read as status",
        "column 'val/acc' is read as performance",
    ]


@pytest.mark.parametrize(
    "name", ["accuracy", "acc", "Accuracy", "test_acc", "metrics.val_accuracy", "eval/accuracy"]
)
def test_an_accuracy_is_the_performance(name):
    read, _ = standardized(pd.DataFrame({"d": [1], name: [0.5]}))
    assert read["performance"].tolist() == [0.5]


def test_several_accuracies_are_not_chosen_from():
    table = pd.DataFrame({"d": [1], "acc": [0.9], "val_acc": [0.5]})
    with pytest.raises(IdimError, match="several columns that may be the performance: acc, val") as caught:
        standardized(table, "a.csv")
    assert caught.value.hint == "say which: --column performance=acc"
    chosen, _ = Selection({"performance": "val_acc"}).of(table)
    assert chosen["performance"].tolist() == [0.5]


def test_a_column_may_be_named_with_or_without_the_prefix_of_an_export():
    for name in ("params.seed", "seed"):
        chosen, _ = Selection({"seed_projector": name}).of(mlflow())
        assert estimate(chosen).seeds.startswith("P (2 values)")


def test_a_seed_that_moved_P_makes_the_runs_independent():
    table = pd.DataFrame(rows())
    assert "not recorded" in estimate(table).seeds
    chosen, _ = Selection({"seed_projector": "seed"}).of(table)
    assert "P (2 values)" in estimate(chosen).seeds


def test_a_level_that_is_crossed_well_inside_the_grid_asks_for_no_larger_d():
    # One seed of P, or none that is known: the spread of the runs says little, and the interval is open.
    grid = {50: 0.32, 100: 0.54, 200: 0.77, 400: 0.91, 800: 0.947}
    swept = [{"d": d, "performance": y + e} for d, y in grid.items() for e in (-0.004, 0.0, 0.004)]
    reading = estimate(pd.DataFrame([*swept, *({"d": 0, "performance": 0.95} for _ in range(3))]))
    assert reading.value < 400
    assert reading.high_is_open
    assert "1200" not in reading.next
    assert "--column seed_projector=NAME" in reading.next
