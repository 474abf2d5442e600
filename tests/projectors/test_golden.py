"""P itself, frozen: a change of any of these numbers would turn every saved file into noise."""

import hashlib

import pytest
import torch

from idim_cli.projectors.base import build
from idim_cli.recipe.schema import Component

GOLDEN = {
    ("dense", 7): "efa61617a1b77f59",
    ("sparse", 7): "62c44fda8efe6ec1",
    ("fastfood", 7): "42651213370c77b7",
    ("tied", 7): "e697456764ae4a27",
    ("layerwise", 7): "4bf3f2a7e30a1b03",
    ("fastfood", 600): "b2cca64cc3b8c363",
}
#: Buffers that say which map it is, where others only arrange it for speed.
DEFINING = {"sparse": ["backward_start", "backward_index", "backward_value"]}


@pytest.mark.parametrize("case", GOLDEN, ids=str)
def test_the_buffers_of_P_never_change(case):
    name, d = case
    P = build(Component(name=name), [401, 600], d, 20180424)
    named = P.held
    state = b"".join(named[key].numpy().tobytes() for key in DEFINING.get(name, named))
    assert hashlib.blake2b(state, digest_size=8).hexdigest() == GOLDEN[case]


def test_tied_in_plain_sight():
    P = build(Component(name="tied"), [8], 3, 0)
    assert P.project(torch.tensor([1.0, 2.0, 3.0])).tolist() == pytest.approx(
        [-1.1547, 0.7071, -1.7321, -1.1547, 0.7071, -1.7321, -1.1547, 1.7321], abs=1e-4
    )
