"""A goal ends a run early; up to there it is the run that it would have been without."""

import os
import signal
from dataclasses import dataclass, replace

import pytest

from idim_cli.runs import checkpoint, results
from idim_cli.training.finished import done
from idim_cli.training.run import run
from idim_cli.training.stop import StoppedError

TIMES = ("seconds", "peak_memory_bytes", "date")


@dataclass(frozen=True)
class After:
    """A goal that ends a run at its evaluation number `at`."""

    at: int
    level: float = 0.5
    word: str = "solved"

    def verdict(self, curve):
        return self.word if len(curve) >= self.at else None

    def final(self, curve):
        return max(curve) - 0.01, max(curve) + 0.02


def without_times(result):
    return {key: value for key, value in result.items() if key not in TIMES}


@pytest.mark.parametrize("word", ["solved", "unsolved"])
def test_a_goal_ends_a_run(one, folder, word):
    result = run(replace(one(), goal=After(2, word=word)), folder)
    assert (result["status"], result["stop_level"]) == (word, 0.5)
    assert (result["epoch"], result["epochs"], result["steps"]) == (2, 4, 20)
    _, metadata = checkpoint.load(folder / results.CHECKPOINT)
    rows = metadata["state"]["rows"]
    assert (metadata["state"]["step"], len(rows)) == (10, 2)
    assert (
        result["performance"] == rows[-1]["validation_accuracy"] == result["metrics"]["validation_accuracy"]
    )
    assert {"train_accuracy", "train_nll"} <= set(result["metrics"])


def test_a_goal_at_the_last_evaluation_changes_nothing(one, tmp_path):
    with_goal = run(replace(one(), goal=After(4)), tmp_path / "goal")
    assert (with_goal["status"], with_goal["stop_level"]) == ("ok", None)
    assert without_times(with_goal) == without_times(run(one(), tmp_path / "none"))


def test_a_stopped_run_says_between_what_it_would_have_ended(one, folder):
    result = run(replace(one(), goal=After(2)), folder)
    best = max(result["curve"])
    assert len(result["curve"]) == 2
    assert (result["final_low"], result["final_high"]) == (best - 0.01, best + 0.02)


def test_a_stopped_run_has_come_to_its_outcome(one, folder):
    asked = replace(one(), goal=After(2))
    run(asked, folder)
    assert done(asked, folder) is not None
    assert done(asked, folder)["status"] == "solved"


def test_a_stopped_run_is_the_beginning_of_the_whole_run(one, tmp_path):
    whole = run(one(), tmp_path / "whole")
    ended = run(replace(one(), goal=After(2)), tmp_path / "ended")
    assert ended["curve"] == whole["curve"][:2]
    assert whole["curve"][-1] == whole["performance"]


def test_a_signal_at_the_verdict_is_not_lost_and_the_verdict_neither(one, folder):
    asked = replace(one(), goal=After(2))

    def ask(progress):
        if progress.epoch == 2 and done(asked, folder) is None:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(StoppedError):
        run(asked, folder, on_step=ask)
    assert run(asked, folder)["epoch"] == 2


def test_a_new_goal_is_asked_at_the_next_evaluation(one, folder, monkeypatch):
    from idim_cli.training import session

    monkeypatch.setattr(session, "REPORT_SECONDS", -1.0)

    def stop(progress):
        if progress.step == 7:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(StoppedError):
        run(one(), folder, on_step=stop)
    result = run(replace(one(), goal=After(1)), folder)
    assert (result["status"], result["epoch"]) == ("solved", 2)
