"""An adaptive sweep with real trainings: its files, going on, and a grid that completes what it stopped."""

import csv
import json
import shutil

import pytest

from idim_cli.execute.base import Silent
from idim_cli.execute.sweep import sweep
from idim_cli.recipe.load import load
from idim_cli.training.stop import StoppedError

BUDGET = [
    "training.epochs=8",
    "sweep.baseline.seeds=2",
    "sweep.search=adaptive",
    "sweep.search.precision=0.01",
    "sweep.search.max_runs=22",  # the last of them may be stopped early
]


class Counting(Silent):
    """Counts the runs that were trained, and stops the sweep after so many."""

    def __init__(self, most: int = 10**6) -> None:
        self.most, self.trained, self.lines = most, 0, []

    def say(self, line: str) -> None:
        self.lines.append(line)

    def finished(self, run, result) -> None:
        self.trained += 1
        if self.trained >= self.most:
            raise StoppedError(2, "enough")


def searched(out, watcher=None, *settings: str):
    return sweep(load("quickstart", [*BUDGET, *settings]), out, watcher=watcher or Counting())


def rows(outcome) -> list[dict[str, str]]:
    with (outcome.folder / "results.csv").open() as file:
        told = list(csv.DictReader(file))
    return [
        {key: value for key, value in row.items() if key not in ("seconds", "peak_memory_bytes", "date")}
        for row in told
    ]


def swept(outcome) -> list[dict[str, str]]:
    return [row for row in rows(outcome) if row["direct"] == "False"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return searched(tmp_path_factory.mktemp("whole"))


def test_it_ends_with_a_reading_from_stopped_runs(whole):
    reading = whole.estimates[0].reading
    assert reading.rule == "curve"
    assert reading.low <= reading.value <= reading.high
    told = rows(whole)
    assert {row["status"] for row in told} > {"ok"}
    stopped = [row for row in told if row["status"] in ("solved", "unsolved")]
    assert len(stopped) == reading.solved + reading.unsolved
    assert all(float(row["stop_level"]) > 0 and int(row["epoch"]) < 8 for row in stopped)
    assert all(row["stop_level"] == "" for row in told if row["status"] == "ok")
    assert whole.failed == 0


def test_every_decision_is_in_the_log(whole):
    lines = (whole.folder / "search.log").read_text().splitlines()
    assert lines[0].startswith("training 2 direct runs")
    assert "bracket" in lines[1]
    assert lines[-1].startswith("search ended (limit of runs or epochs reached)")


def test_the_same_call_again_only_reads(whole):
    again = Counting()
    assert searched(whole.folder.parent, again).as_dict() == whole.as_dict()
    assert again.trained == 0
    assert again.lines == (whole.folder / "search.log").read_text().splitlines()


def test_after_an_interruption_it_decides_alike(whole, tmp_path):
    for most in (1, 3, 2):
        with pytest.raises(StoppedError):
            searched(tmp_path, Counting(most))
    on = searched(tmp_path)
    assert rows(on) == rows(whole)
    assert (on.folder / "search.log").read_text() == (whole.folder / "search.log").read_text()


def test_the_answer_is_the_same_independent_of_what_else_is_in_the_folder(whole, tmp_path):
    others = {
        "another fraction": [*BUDGET, "threshold.fraction=0.8"],
        "a grid": [
            *BUDGET[:2],
            f"sweep.d={sorted({int(row['d']) for row in swept(whole)})}",
            "sweep.seeds=2",
        ],
    }
    for name, settings in others.items():
        sweep(load("quickstart", settings), tmp_path / name)
        again = searched(tmp_path / name)
        assert rows(again) == rows(whole), name
        assert again.as_dict()["estimates"] == whole.as_dict()["estimates"], name
        assert (again.folder / "search.log").read_text() == (whole.folder / "search.log").read_text(), name


def test_another_goal_leaves_what_was_stopped_as_it_was(whole, tmp_path):
    shutil.copytree(whole.folder.parent, tmp_path / "copy")  # other tests read the folder itself
    searched(tmp_path / "copy", None, "threshold.fraction=0.8")
    left = {path.parent.name: path.read_bytes() for path in whole.folder.glob("runs/*/result.json")}
    now = {path.parent.name: path.read_bytes() for path in tmp_path.glob("copy/*/runs/*/result.json")}
    assert left.items() < now.items()


def test_a_grid_trains_to_the_end_what_a_search_stopped(whole, tmp_path):
    stopped = next(row for row in rows(whole) if row["status"] in ("solved", "unsolved"))
    seeds = {name: [int(stopped[f"seed_{name}"])] for name in ("theta0", "projector", "data")}
    grid = [*BUDGET[:2], f"sweep.d=[{stopped['d']}]", f"sweep.seeds={json.dumps(seeds)}"]
    shutil.copytree(whole.folder.parent, tmp_path / "copy")
    fresh = rows(sweep(load("quickstart", grid), tmp_path / "new"))[-1]
    again = rows(sweep(load("quickstart", grid), tmp_path / "copy"))  # with the search's own whole runs
    completed = next(row for row in again if row["run_id"] == fresh["run_id"])
    assert completed["run_id"] != stopped["run_id"]
    assert completed["config"] == stopped["config"]
    assert completed["status"] == "ok"
    assert completed == fresh
