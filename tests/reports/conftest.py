"""A small table of runs as `idim sweep` writes it: two projectors, one failed run. And run folders."""

import shutil
from pathlib import Path

import compressed_cases
import pandas as pd
import pytest

from idim_cli.runs import results
from idim_cli.thresholds import estimate, points


@pytest.fixture(scope="session")
def runs_csv() -> Path:
    return Path(__file__).with_name("mnist-fc.csv")


@pytest.fixture
def table(runs_csv):
    return pd.read_csv(runs_csv)


@pytest.fixture
def tied(table):
    """The runs of one projector, with the direct ones."""
    return table[table["projector"].isin(["tied", "identity"])]


@pytest.fixture
def tied_points(tied):
    return points(tied)


@pytest.fixture
def tied_reading(tied):
    return estimate(tied)


@pytest.fixture
def curve_of():
    """Points and reading of made-up runs, one at each d, against the fixed baseline 1."""

    def make(d, performance, runs=1, **options):
        rows = [{"d": a, "performance": b} for a, b in zip(d, performance, strict=True) for _ in range(runs)]
        frame = pd.DataFrame(rows)
        return points(frame), estimate(frame, **{"baseline": 1.0, **options})

    return make


RECIPE = """
name: made-up
dataset: digits
model: fc
training: {epochs: 3}
sweep: {d: [10, 20, 40]}
"""


class Runs:
    """Run folders as a sweep leaves them, with performances that are made up."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.planned = folder, []
        folder.mkdir(parents=True)
        (folder / results.RECIPE).write_text(RECIPE)

    def add(self, d, performance, seeds=(0, 0, 0), status="ok", D=100, curve=True, **more):
        """One run; d = D is direct. `more` goes into result.json, `over` into plan.json."""
        direct, over = d == D, more.pop("over", {})
        run_id = f"{'direct' if direct else 'tied'}-d{d}-{D}-s{'.'.join(map(str, seeds))}"
        theta0, projector, data = seeds
        result = {
            "run_id": run_id, "recipe": "made-up", "status": status, "direct": direct, "dataset": "digits",
            "model": "fc", "projector": "identity" if direct else "tied", "task": "classify", "D": D, "d": d,
            "seed_theta0": theta0, "seed_projector": None if direct else projector, "seed_data": data,
            "config": f"direct-{D}" if direct else f"tied-{D}", "device": "cpu", "torch": "2.0",
        }  # fmt: skip
        if status != "failed":
            result |= {
                "performance": performance,
                "metric": "accuracy",
                "score_on": "validation",
                "seconds": 1.5,
            }
        results.write_result(self.folder / "runs" / run_id, {**result, **more})
        if curve:
            lines = [f"{epoch},{performance * epoch / 3}" for epoch in (1, 2, 3)]
            text = "\n".join(["epoch,validation_accuracy", *lines]) + "\n"
            (self.folder / "runs" / run_id / results.METRICS).write_text(text)
        self.planned.append(
            {"run_id": run_id, "over": over, "baseline_config": None if direct else f"direct-{D}"}
        )
        (self.folder / results.PLAN).write_text(results.plan_text("made-up", self.planned))
        return self.folder / "runs" / run_id


@pytest.fixture
def runs(tmp_path):
    """An empty results folder with its recipe."""
    return Runs(tmp_path / "made-up")


@pytest.fixture
def swept(runs):
    """A whole sweep of three d with two seeds each, one failed run among them."""
    for seed in (0, 1):
        runs.add(100, 0.98 + 0.01 * seed, (seed, seed, seed))
        for d, performance in ((10, 0.5), (20, 0.85), (40, 0.93)):
            runs.add(d, performance + 0.01 * seed, (seed, seed, seed))
    runs.add(40, 0.0, (2, 2, 2), status="failed", reason="the loss is not finite", curve=False)
    return runs.folder


@pytest.fixture(scope="session")
def _made_files(tmp_path_factory):
    """Files of three networks in one folder: tried in all ways, rounded alone, and without a bound."""
    from idim_cli.compression.compress import CompressOptions, compress

    folder = tmp_path_factory.mktemp("compressed")
    compressed_cases.digits(folder)
    compressed_cases.digits(folder, "wide", 48, CompressOptions(epochs=0))
    toy = compressed_cases.trained(folder, compressed_cases.TOY)
    compress(toy / "runs" / "only", options=CompressOptions(epochs=0), where=compressed_cases.CPU)
    return folder


@pytest.fixture
def packed(_made_files, tmp_path):
    """A copy of them: small, wide and sums, each a results folder with one run and its file."""
    return shutil.copytree(_made_files, tmp_path / "packed")


@pytest.fixture
def small(packed):
    """The file that came out of trainings with few values."""
    return packed / "small" / "runs" / "only" / "checkpoint.idim"
