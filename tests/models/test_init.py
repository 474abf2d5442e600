import math

import numpy as np
import pytest
import torch
from torch import nn

from idim_cli.core.rng import Stream
from idim_cli.models.init import he_normal, initialise, truncated_normals


def test_truncated_normals_lie_within_two_and_keep_what_lies_there():
    drawn, cut = Stream(3, "t").normals(20_000), truncated_normals(3, "t", 20_000)
    inside = np.abs(drawn) <= 2
    assert np.abs(cut).max() <= 2
    assert np.array_equal(cut[inside], drawn[inside])
    again = Stream(3, "t/redraw1").normals(int((~inside).sum()))
    kept = np.abs(again) <= 2
    assert np.array_equal(cut[~inside][kept], again[kept])


def test_truncated_normals_have_the_known_variance():
    # Variance of a standard normal cut at +-2: 1 - 4 phi(2) / (2 Phi(2) - 1).
    phi, mass = math.exp(-2) / math.sqrt(2 * math.pi), math.erf(math.sqrt(2))
    values = truncated_normals(0, "variance", 200_000)
    assert values.var() == pytest.approx(1 - 4 * phi / mass, rel=0.01)
    assert abs(values.mean()) < 0.01


@pytest.mark.parametrize(("shape", "fan_in"), [((300, 50), 50), ((60, 8, 5, 5), 200)])
def test_he_scale_goes_by_the_fan_in(shape, fan_in):
    kernel = he_normal(0, "kernel", shape)
    assert kernel.dtype == np.float32
    assert kernel.shape == shape
    assert kernel.std() == pytest.approx(0.8796 * math.sqrt(2 / fan_in), rel=0.02)


def test_vectors_are_scales_or_biases():
    module = initialise(
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2)), 0
    )
    assert torch.equal(module[1].weight, torch.ones(4))
    for bias in (module[0].bias, module[1].bias, module[3].bias):
        assert not bias.any()


def test_every_tensor_has_a_stream_of_its_own():
    first, second = initialise(nn.ModuleList([nn.Linear(30, 30), nn.Linear(30, 30)]), 0)
    assert not torch.equal(first.weight, second.weight)
    longer = initialise(nn.ModuleList([nn.Linear(30, 30), nn.Linear(30, 30), nn.Linear(5, 5)]), 0)
    assert torch.equal(longer[1].weight, second.weight)
