"""The inline executor: runs in order, each in its own folder."""

import json

from idim_cli.execute import queue
from idim_cli.execute.base import Silent
from idim_cli.execute.inline import Inline
from idim_cli.recipe.load import loads
from idim_cli.runs import results
from idim_cli.runs.plan import plan
from idim_cli.training.finished import run_folder
from idim_cli.training.prepare import Where

TEXT = "{name: toy, dataset: toy, model: toy, task: toy, training: {steps: 2}, sweep: {d: [4, 8], seeds: 1}}"


def test_runs_come_one_by_one_in_order(tmp_path):
    runs = plan(loads(TEXT).recipe)
    done = Inline().map(runs, tmp_path, Where(device="cpu"), Silent())
    for number, (run, result) in enumerate(done, start=1):
        assert result["run_id"] == run.run_id == runs[number - 1].run_id
        # The next run has not begun before this one was handed over.
        assert len(list((tmp_path / "toy" / "runs").iterdir())) == number
    assert number == 3


def test_what_another_process_holds_is_left_to_it_and_its_result_passed_on(tmp_path, monkeypatch):
    runs = plan(loads(TEXT).recipe)
    folder = run_folder(tmp_path, runs[0])
    holder = results.sole_writer(folder)
    waited = []

    class Watch(Silent):
        def waiting(self, runs):
            waited.append(runs)

    def sleep(seconds):
        """The other process goes on, and ends on the second look."""
        if len(looks) == 1:
            results.write_atomic(folder / results.RESULT, json.dumps(theirs))
            holder.__exit__(None, None, None)
        looks.append(seconds)

    theirs = {"run_id": runs[0].run_id, "config": runs[0].config, "direct": True, "reason": "theirs"}
    theirs |= {"seed_theta0": 0, "seed_data": 0}
    looks = []
    monkeypatch.setattr(queue.time, "sleep", sleep)
    holder.__enter__()
    done = list(Inline().map(runs, tmp_path, Where(device="cpu"), Watch()))
    assert [run for run, _ in done] == [*runs[1:], runs[0]]
    assert done[-1][1] == theirs
    assert (waited, len(looks)) == ([1], 2)
