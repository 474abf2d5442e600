import numpy as np
import pytest
import torch

from idim_cli.core.errors import ComponentError
from idim_cli.projectors.quantiser import Quantiser

TINY = torch.finfo(torch.bfloat16).tiny


def normals(d, seed=0):
    return torch.randn(d, generator=torch.Generator().manual_seed(seed))


def fitted(coords, levels, codebook="uniform"):
    quantiser = Quantiser(levels, codebook)
    quantiser.fit(coords)
    return quantiser


def error(quantiser, coords):
    return (quantiser.values(coords) - coords).double().square().mean().item()


CASES = {
    "normal": normals(1000),
    "narrow": normals(500) * 1e-6,
    "wide": normals(500) * 1e6,
    "skew": normals(500).exp(),
    "two clusters": torch.cat([normals(300) - 9, normals(200) + 4]),
    "few": normals(3),
    "one": torch.tensor([0.7]),
    "equal": torch.full([50], -0.3),
    "zero": torch.zeros(20),
    "one apart": torch.cat([torch.zeros(99), torch.tensor([5.0])]),
}


@pytest.fixture(params=CASES, ids=str)
def coords(request):
    return CASES[request.param]


@pytest.mark.parametrize("codebook", ["uniform", "kmeans"])
@pytest.mark.parametrize("levels", [2, 3, 16, 256])
def test_a_book_is_sound(coords, levels, codebook):
    quantiser = fitted(coords, levels, codebook)
    book = quantiser.book
    assert quantiser.fitted
    assert book.isfinite().all()
    assert (book.diff() >= 0).all()
    if codebook == "uniform":
        steps = book.diff()
        assert (steps == steps[0]).all()
        assert steps[0] >= TINY
        assert torch.equal(book, -book.flip(0))
        assert steps[0] == steps[0].bfloat16()
    else:
        assert torch.equal(book, book.bfloat16().float())


@pytest.mark.parametrize("codebook", ["uniform", "kmeans"])
@pytest.mark.parametrize("levels", [2, 3, 16, 256])
def test_values_are_the_nearest(coords, levels, codebook):
    quantiser = fitted(coords, levels, codebook)
    distance = (coords[:, None] - quantiser.book).abs()
    taken = (coords - quantiser.values(coords)).abs()
    assert torch.allclose(taken, distance.min(1).values, rtol=1e-6, atol=0)


def test_the_upper_of_two_as_near_is_taken():
    quantiser = Quantiser(3)
    quantiser.book.copy_(torch.tensor([-1.0, 0.0, 1.0]))
    assert quantiser.symbols(torch.tensor([-0.5, 0.5, 0.4999, 9.0, -9.0])).tolist() == [1, 2, 1, 2, 0]


@pytest.mark.parametrize("codebook", ["uniform", "kmeans"])
@pytest.mark.parametrize("levels", [2, 3, 5, 16])
def test_the_error_never_grows(coords, levels, codebook):
    # But for the rounding of the book to bfloat16: relative 2^-8 of its values.
    quantiser, slack = fitted(coords, levels, codebook), (coords.abs().max().item() * 2**-8) ** 2
    before = error(quantiser, coords)
    for _ in range(10):
        quantiser.fit(coords)
        after = error(quantiser, coords)
        assert after <= before + slack
        before = after


def test_it_is_much_better_than_a_grid_over_all():
    coords = normals(2000)
    for levels in (3, 4, 8, 16):
        wide = Quantiser(levels)
        wide.book.copy_(torch.linspace(coords.min(), coords.max(), levels))
        uniform, free = fitted(coords, levels), fitted(coords, levels, "kmeans")
        assert error(uniform, coords) < 0.8 * error(wide, coords)
        assert error(free, coords) <= 1.02 * error(uniform, coords)


@pytest.mark.parametrize(
    ("levels", "optimum"), [(2, 0.3634), (3, 0.1902), (4, 0.1175), (8, 0.03454), (16, 0.009497)]
)
def test_free_values_reach_the_optimum_of_normals(levels, optimum):
    # Distortions of optimal quantisers of normals: Max, IRE Trans. Inf. Theory 6, 1960, table I.
    coords = torch.from_numpy(np.asarray(normals(200_000).numpy()))
    assert error(fitted(coords, levels, "kmeans"), coords) == pytest.approx(optimum, rel=0.03)


@pytest.mark.parametrize(("levels", "step"), [(2, 1.596), (3, 1.224), (4, 0.9957), (8, 0.586), (16, 0.3352)])
def test_uniform_steps_reach_the_optimum_of_normals(levels, step):
    # Table II of the same.
    assert fitted(normals(200_000), levels).book.diff()[0].item() == pytest.approx(step, rel=0.03)


def test_more_values_than_coordinates_are_exact_to_bfloat16():
    coords = normals(5)
    for levels in (16, 256):
        values = fitted(coords, levels, "kmeans").values(coords)
        assert torch.allclose(values, coords, rtol=2**-8, atol=0)


def test_equal_coordinates():
    coords = torch.full([50], -0.3)
    assert torch.allclose(fitted(coords, 4, "kmeans").values(coords), coords, rtol=2**-8, atol=0)
    assert torch.allclose(fitted(coords, 2).values(coords), coords, rtol=2**-7, atol=0)
    zeros = torch.zeros(9)
    assert fitted(zeros, 3).values(zeros).abs().max() == 0
    assert fitted(zeros, 2).values(zeros).abs().max() <= TINY


@pytest.mark.parametrize("codebook", ["uniform", "kmeans"])
def test_all_are_rounded(coords, codebook):
    quantiser, rounded = fitted(coords, 3, codebook), coords.clone()
    quantiser.round(rounded)
    assert torch.equal(rounded, quantiser.values(coords))


def test_the_nearest_are_rounded_and_the_others_come_into_the_range():
    quantiser = Quantiser(3)
    quantiser.book.copy_(torch.tensor([-1.0, 0.0, 1.0]))
    coords = torch.tensor([0.4, 1.9, -0.1, 0.75, -0.6, -7.0])
    quantiser.round(coords, free=2)  # those beyond the range lie on its ends now
    assert torch.equal(coords, torch.tensor([0.4, 1.0, 0.0, 1.0, -0.6, -1.0]))
    quantiser.round(coords, free=2)
    assert torch.equal(coords, torch.tensor([0.4, 1.0, 0.0, 1.0, -0.6, -1.0]))
    quantiser.round(coords, free=6)
    assert torch.equal(coords, torch.tensor([0.4, 1.0, 0.0, 1.0, -0.6, -1.0]))


def test_rounding_is_in_place_and_takes_parameters():
    quantiser, coords = fitted(normals(40), 5), torch.nn.Parameter(normals(40))
    assert quantiser.fitted
    assert not Quantiser(5).fitted
    quantiser.round(coords)
    assert len(coords.unique()) <= 5
    assert coords.requires_grad


@pytest.mark.parametrize(
    ("levels", "codebook"), [(1, "uniform"), (0, "uniform"), (257, "kmeans"), (3, "other")]
)
def test_what_there_is_not(levels, codebook):
    with pytest.raises(ComponentError, match="no quantiser"):
        Quantiser(levels, codebook)
