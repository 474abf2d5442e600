"""The inline executor: runs in order, each in its own folder."""

from idim_cli.execute.base import Silent
from idim_cli.execute.inline import Inline
from idim_cli.plan import plan
from idim_cli.recipe.load import loads
from idim_cli.training.prepare import Where


def test_runs_come_one_by_one_in_order(tmp_path):
    text = (
        "{name: toy, dataset: toy, model: toy, task: toy, training: {steps: 2}, sweep: {d: [4, 8], seeds: 1}}"
    )
    runs = plan(loads(text).recipe)
    done = Inline().map(runs, tmp_path, Where(device="cpu"), Silent())
    for number, (run, result) in enumerate(done, start=1):
        assert result["run_id"] == run.run_id == runs[number - 1].run_id
        # The next run has not begun before this one was handed over.
        assert len(list((tmp_path / "toy" / "runs").iterdir())) == number
    assert number == 3
