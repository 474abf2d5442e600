"""The toy problem of the paper (section 2): its intrinsic dimension is 10, whatever the projector."""

import pytest

from idim_cli import load_recipe, sweep
from idim_cli.thresholds import threshold

KINDS = [
    "dense",
    "{name: dense, orthogonal: true}",
    "sparse",
    "fastfood",
    "{name: fastfood, stacked: false}",
    "tied",
    "layerwise",
]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_toy_needs_ten(kind, tmp_path):
    changes = [f"projector={kind}", "sweep.d=[8, 9, 10]", "sweep.seeds=2"]
    outcome = sweep(load_recipe("toy", changes), tmp_path)
    (one,) = threshold(outcome.table)
    assert one.reading.value == 10
    assert one.reading.d_int100 == 10
    means = outcome.table[~outcome.table["direct"]].groupby("d")["performance"].mean()
    assert means[8] < 0.5
    assert means[9] < 0.7
    assert means[10] > 0.999
