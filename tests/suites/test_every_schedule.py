"""What holds for every schedule: registered, the user's own, and by an entry point."""

import math

import pytest

from idim_cli.core.errors import ComponentError
from idim_cli.core.registry import registry
from idim_cli.methods import SCHEDULES
from idim_cli.methods.schedules import build
from idim_cli.recipe.schema import Component

OWN = """
def warm(steps, per_epoch, *, share: float = 0.1):
    \"\"\"A straight line up, then the full rate.\"\"\"
    return lambda at: min(1.0, (at + 1) / max(1, share * steps))
"""
NEEDED = {"step": {"every": 2}}
NAMES = [*registry("schedule"), "own", "entry"]


@pytest.fixture(params=NAMES)
def name(request, own_file, entry_point):
    if request.param == "own":
        return own_file(OWN) + ":warm"
    return entry_point("schedule", "warm", OWN) if request.param == "entry" else request.param


def factors(name, steps=40, per_epoch=10):
    schedule = build(Component(name=name, params=NEEDED.get(name, {})), steps, per_epoch)
    return [schedule(at) for at in range(steps)]


def test_every_factor_is_a_share_of_the_rate(name):
    found = factors(name)
    assert all(0 <= one <= 1 for one in found)
    assert max(found) == 1


def test_a_factor_hangs_on_its_step_alone(name):
    schedule = build(Component(name=name, params=NEEDED.get(name, {})), 40, 10)
    assert [schedule(at) for at in reversed(range(40))] == factors(name)[::-1]


@pytest.mark.parametrize("steps", [1, 2, 1000])
def test_any_number_of_steps_will_do(name, steps):
    assert all(map(math.isfinite, factors(name, steps, max(1, steps // 3))))


def test_wrong_parameters_are_refused(name):
    with pytest.raises(ComponentError, match="ends"):
        SCHEDULES.filled(name, {**NEEDED.get(name, {}), "ends": 1})


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("return 1.0", "not a function"),
        ("return lambda at: float('nan')", "factor nan"),
        ("return lambda at: -1", "factor -1"),
        ("return lambda at: 'x'", "failed at step 0"),
        ("return lambda at: 1 / 0", "failed at step 0"),
    ],
)
def test_own_schedules_that_give_no_factor_are_refused(own_file, body, why):
    name = own_file(f"def mine(steps, per_epoch):\n    {body}") + ":mine"
    with pytest.raises(ComponentError, match=why):
        build(Component(name=name), 4, 2)(0)
