"""The block-diagonal map of several projectors agrees with its parts, for every kind."""

import pytest
import torch

from idim_cli.projectors import REGISTRY
from idim_cli.projectors.base import Projector, build
from idim_cli.projectors.blocks import Blocks
from idim_cli.recipe.schema import Component

SIZES = [401, 600]
PACKS = [[9], [9, 9], [1, 30, 9], [500, 600, 1001], [40, 33, 64, 2]]


def pack(names: list[str], ds: list[int]) -> list[Projector]:
    sizes = [sum(SIZES) if name == "identity" else d for name, d in zip(names, ds, strict=True)]
    named = enumerate(zip(names, sizes, strict=True))
    return [build(Component(name=name), SIZES, d, 5 + i) for i, (name, d) in named]


def agrees(parts: list[Projector]) -> bool:
    """Both directions of the pack against each part by itself, and one as the other's transpose."""
    blocks, noise = Blocks(parts).double(), torch.Generator().manual_seed(0)
    parts = [part.double() for part in parts]
    v = torch.randn(sum(p.d for p in parts), dtype=torch.float64, generator=noise)
    g = torch.randn(len(parts), sum(SIZES), dtype=torch.float64, generator=noise)
    there = torch.stack([p.project(x) for p, x in zip(parts, v.split([p.d for p in parts]), strict=True)])
    back = torch.cat([p.adjoint(x) for p, x in zip(parts, g, strict=True)])
    return torch.allclose(blocks.project(v), there) and torch.allclose(blocks.adjoint(g), back)


@pytest.mark.parametrize("ds", PACKS, ids=str)
@pytest.mark.parametrize("name", list(REGISTRY))
def test_a_pack_of_one_kind_agrees_with_its_parts(name, ds):
    assert agrees(pack([name] * len(ds), ds))


def test_kinds_may_be_mixed():
    names = list(REGISTRY)
    assert agrees(pack(names, [7 + i for i in range(len(names))]))


def test_one_kind_with_other_parameters():
    sparse = [build(Component(name="sparse", params={"density": p}), SIZES, 20, 1) for p in (0.2, 0.01)]
    assert agrees(sparse)
    fastfood = [build(Component(name="fastfood", params={"stacked": s}), SIZES, 20, 1) for s in (True, False)]
    assert agrees(fastfood)


def test_it_is_of_float32_and_moves_like_a_module():
    parts = pack(["tied", "tied"], [5, 8])
    assert Blocks(parts).project(torch.ones(13)).dtype == torch.float32
    meta = Blocks(parts).to("meta").project(torch.ones(13, device="meta"))
    assert (meta.shape, meta.device.type) == ((2, 1001), "meta")
