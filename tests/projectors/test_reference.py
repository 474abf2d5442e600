"""The plain Fastfood that speed is measured against is a projector, and the same family of maps."""

from pathlib import Path

import pytest
import torch

from idim_cli.core import user_code
from idim_cli.projectors.base import Projector, build
from idim_cli.projectors.kernels.hadamard import hadamard
from idim_cli.recipe.schema import Component

FILE = Path(__file__).parents[1] / "bench" / "reference.py"


def reference(D: int, d: int) -> Projector:
    made: Projector = user_code.find(f"{FILE}:OneBlockFastfood")(D, d, 1)
    return made


@pytest.mark.parametrize(("D", "d"), [(1, 1), (64, 64), (1024, 10), (997, 40)])
def test_the_adjoint_is_the_transpose(D, d):
    P = reference(D, d)
    assert P.cost().state_bytes == sum(tensor.nbytes for tensor in P.held.values())
    P = P.double()
    matrix = P.project(torch.eye(d).double()).T
    assert torch.allclose(P.adjoint(torch.eye(D).double()), matrix, atol=1e-9)
    assert (matrix.norm(dim=0) - 1).abs().max() < (1e-6 if D & (D - 1) == 0 else 0.1)


def test_it_is_fastfood_in_one_block_with_its_own_random_numbers():
    plain = reference(300, 20).double()
    fast = build(Component(name="fastfood", params={"stacked": False}), [300], 20, 1).double()
    fast.sign, fast.gauss = plain.sign[None].to(fast.sign.dtype), plain.gauss
    fast.place = plain.place.int()
    fast._hold("scale", torch.tensor([plain.scale], dtype=torch.float64))
    v, g = torch.linspace(-1, 1, 20).double(), torch.linspace(1, 3, 300).double()
    assert torch.allclose(fast.project(v), plain.project(v), atol=1e-12)
    assert torch.allclose(fast.adjoint(g), plain.adjoint(g), atol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 32, 512])
def test_both_transforms_are_the_same(n):
    x = torch.arange(2.0 * n, dtype=torch.float64).view(2, n).sin()
    assert torch.allclose(user_code.find(f"{FILE}:butterflies")(x), hadamard(x), atol=1e-10)
