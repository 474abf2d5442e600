"""Real MNIST: the loop trains as fast and as well as it should."""

import pytest

from idim_cli.recipe.load import loads
from idim_cli.runs.plan import single
from idim_cli.training.prepare import Where
from idim_cli.training.run import run

RECIPE = """
name: mnist
dataset: mnist
model: fc
d: 300
training: {epochs: 1, optimizer: {name: adam, lr: 0.02}, schedule: linear}
"""


@pytest.mark.data
def test_one_epoch_in_300_dimensions(data_root, tmp_path):
    result = run(single(loads(RECIPE).recipe), tmp_path, where=Where("cpu", data_root))
    assert (result["D"], result["steps"]) == (199210, 391)
    assert 0.65 < result["performance"] < 0.75
    assert result["layer_share"]["hidden1.weight"] == pytest.approx(156800 / 199210, abs=0.02)
