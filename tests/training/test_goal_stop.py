"""A goal ends a run early; without it the run goes on as if nothing had happened."""

import os
import signal
from dataclasses import dataclass, replace

import pytest

from idim_cli import checkpoint, results
from idim_cli.training.run import done, pending, run
from idim_cli.training.stop import StoppedError

TIMES = ("seconds", "peak_memory_bytes", "date")


@dataclass(frozen=True)
class After:
    """A goal that ends a run at its evaluation number `at`."""

    at: int
    level: float = 0.5
    word: str = "solved"
    stands: bool = True

    def verdict(self, curve, of):
        assert of == 4
        return self.word if len(curve) >= self.at else None

    def holds(self, result):
        return self.stands and result["stop_level"] == self.level


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


def test_a_verdict_stands_for_the_goals_that_it_holds_for(one, folder):
    goal = After(2)
    run(replace(one(), goal=goal), folder)
    assert not pending(replace(one(), goal=goal), folder)
    assert done(replace(one(), goal=goal), folder)["status"] == "solved"
    assert pending(replace(one(), goal=After(2, level=0.9)), folder)
    assert pending(one(), folder)


@pytest.mark.parametrize(
    "overrides", [[], ["training.performance=best", "training.schedule={name: step, every: 1, factor: 6}"]]
)
def test_going_on_after_a_verdict_is_bit_for_bit(one, tmp_path, overrides):
    whole, ended = tmp_path / "whole", tmp_path / "ended"
    expected = run(one(*overrides), whole)
    for at in (1, 2, 3):
        early = run(replace(one(*overrides), goal=After(at, stands=False)), ended)
        _, metadata = checkpoint.load(ended / results.CHECKPOINT)
        assert early["epoch"] == len(metadata["state"]["rows"]) == at
        assert early["performance"] == metadata["state"]["rows"][-1]["validation_accuracy"]
    assert without_times(run(one(*overrides), ended)) == without_times(expected)
    tensors = [checkpoint.load(path / results.CHECKPOINT)[0] for path in (whole, ended)]
    assert {n: t.tolist() for n, t in tensors[0].items()} == {n: t.tolist() for n, t in tensors[1].items()}


def test_a_signal_at_the_verdict_is_not_lost_and_the_verdict_neither(one, folder):
    asked = replace(one(), goal=After(2))

    def ask(progress):
        if progress.epoch == 2 and pending(asked, folder):
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(StoppedError):
        run(asked, folder, on_step=ask)
    assert run(asked, folder)["epoch"] == 2


def test_a_new_goal_is_asked_at_the_next_evaluation(one, folder, monkeypatch):
    from idim_cli.training import sitting

    monkeypatch.setattr(sitting, "TICK_SECONDS", -1.0)

    def stop(progress):
        if progress.step == 7:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(StoppedError):
        run(one(), folder, on_step=stop)
    result = run(replace(one(), goal=After(1)), folder)
    assert (result["status"], result["epoch"]) == ("solved", 2)
