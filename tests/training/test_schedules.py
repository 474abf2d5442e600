"""Learning-rate schedules: their ends, their middle, and that they go step by step."""

import itertools

import pytest

from idim_cli.core.registry import registry
from idim_cli.methods import schedules
from idim_cli.recipe.schema import Component


def factors(name, **params):
    """The factors of a training of 4 epochs of 5 steps, and of the step after the last."""
    schedule = schedules.build(Component(name=name, params=params), 20, 5)
    return [schedule(step) for step in range(21)]


def test_constant():
    assert set(factors("constant")) == {1.0}


@pytest.mark.parametrize("end", [0.0, 0.25])
@pytest.mark.parametrize("name", ["linear", "cosine"])
def test_falls_from_one_to_the_end_at_every_step(name, end):
    found = factors(name, end=end)
    assert found[0] == 1.0
    assert found[10] == pytest.approx((1 + end) / 2)
    assert found[20] == pytest.approx(end, abs=1e-12)
    assert all(a > b for a, b in itertools.pairwise(found))


def test_step_counts_epochs():
    assert factors("step", every=2, factor=0.1)[8:12] == [1.0, 1.0, 0.1, 0.1]
    assert factors("step", every=0.4)[:5] == [1.0, 1.0, 0.5, 0.5, 0.25]


@pytest.mark.parametrize("params", [{}, {"every": 0}, {"every": 1, "factor": -1}])
def test_step_refuses_senseless_settings(params):
    with pytest.raises(ValueError, match="validation error"):
        registry("schedule").parameters("step")(**params)
