"""`idim bench data`: what is read, and what it is compared to."""

import pytest
import torch

from idim_cli.bench import data as bench
from idim_cli.bench.base import How
from idim_cli.core.errors import DataError
from idim_cli.recipe.load import loads
from idim_cli.training.prepare import Where

HOW, CPU = How(torch.device("cpu"), 0.0), Where(device="cpu")
MINE = """
import torch

class Counted:
    read = []
    def __len__(self):
        return 40
    def __getitem__(self, i):
        self.read.append(i)
        return torch.zeros(3), i % 2

def data():
    return Counted()
"""


def test_rows_of_generated_pictures(tmp_path):
    recipe = bench.default_recipe(tmp_path, ["dataset.size=16"]).recipe
    rows = list(bench.measure(recipe, [0, 2], 64, HOW, CPU))
    assert [row["workers"] for row in rows] == [0, 2]
    for row in rows:
        assert tuple(row) == bench.COLUMNS
        assert row["examples"] == 64
        assert row["to_bare"] == row["bare_s"] / row["pass_s"]
        assert row["mb_per_s"] == pytest.approx(row["examples_per_s"] * (3 * 16 * 16 * 4 + 8) / 1e6)


def test_a_dataset_of_the_users_own_is_read_as_often_by_both(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(MINE)
    overrides = [f"dataset={file}:data", "training.batch_size=8"]
    recipe = loads(bench.RECIPE, "bench-data", overrides).recipe
    (row,) = bench.measure(recipe, [0], 30, HOW, CPU)
    train = bench.load_data(recipe, CPU, HOW.device).train
    assert (row["dataset"], row["examples"], row["batch_size"]) == (f"{file}:data", 30, 8)
    passes = 2 * (1 + row["rounds"])
    assert len(type(train.dataset).read) >= 30 * passes


def test_data_in_memory_have_nothing_to_measure():
    recipe = loads(bench.RECIPE, "bench-data", ["dataset=digits"]).recipe
    with pytest.raises(DataError, match="held in memory"):
        next(bench.measure(recipe, [0], 30, HOW, CPU))
