"""The laws of a projector, held over every registered kind and its variants, at odd sizes too."""

import tracemalloc

import pytest
import torch

from idim_cli.core.errors import ComponentError
from idim_cli.projectors import REGISTRY
from idim_cli.projectors.base import Projector, build
from idim_cli.recipe.schema import Component

VARIANTS = {
    "dense": [{"orthogonal": True}],
    "fastfood": [{"stacked": False}],
    "sparse": [{"density": 0.2}],
    "layerwise": [{"inner": "dense"}, {"inner": {"name": "fastfood"}}],
}
KINDS = [(name, params) for name in REGISTRY for params in [{}, *VARIANTS.get(name, [])]]
SIZES = [(1, 1), (2, 1), (2, 2), (13, 1), (13, 13), (997, 10), (997, 750), (997, 997), (1000, 10), (1024, 32)]
EXACT = {"identity", "tied"}  # orthonormal by construction


def make(name: str, params: dict, D: int, d: int, seed: int = 3) -> Projector:
    sizes = [D // 3, D - D // 3] if D > 2 else [D]
    return build(Component(name=name, params=params), sizes, D if name == "identity" else d, seed)


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def label(case: object) -> str:
    return "-".join(str(part) for part in case) if isinstance(case, tuple) else str(case)


pytestmark = [pytest.mark.parametrize("kind", KINDS, ids=label)]
at_all_sizes = pytest.mark.parametrize("size", SIZES, ids=label)


@at_all_sizes
def test_columns_have_unit_length(kind, size):
    P = make(*kind, *size)
    columns = P.project(torch.eye(P.d))
    assert (columns.norm(dim=1) - 1).abs().max() < 1e-3
    assert columns.shape == (P.d, P.D)


@at_all_sizes
def test_the_adjoint_is_the_transpose(kind, size):
    P = make(*kind, *size).double()
    v, u = noise(3, P.d), noise(3, P.D)
    left, right = (P.project(v) * u).sum(-1), (v * P.adjoint(u)).sum(-1)
    assert torch.allclose(left, right, rtol=1e-9, atol=1e-9)


@at_all_sizes
def test_it_is_linear(kind, size):
    P = make(*kind, *size).double()
    v, w = noise(2, P.d)
    assert torch.allclose(P.project(2 * v - w), 2 * P.project(v) - P.project(w), rtol=1e-9, atol=1e-9)


@at_all_sizes
def test_a_batch_equals_its_vectors(kind, size):
    P = make(*kind, *size).double()
    v, u = noise(2, 3, P.d), noise(2, 3, P.D)
    assert torch.allclose(P.project(v)[1, 2], P.project(v[1, 2]), rtol=1e-12, atol=1e-12)
    assert torch.allclose(P.adjoint(u)[1, 2], P.adjoint(u[1, 2]), rtol=1e-12, atol=1e-12)


@at_all_sizes
def test_the_cost_is_what_is_used(kind, size):
    P = make(*kind, *size)
    assert P.cost().state_bytes == sum(tensor.nbytes for tensor in P.held.values())
    assert not list(P.parameters())
    assert not P.state_dict()


def test_the_expected_cost_is_near(kind):
    P = make(*kind, 20_000, 50)
    sizes = {"_sizes": (6666, 13334)} if P.needs_sizes else {}
    expected = type(P).expected_cost(P.D, P.d, **kind[1], **sizes)
    assert expected.state_bytes == pytest.approx(P.cost().state_bytes, rel=0.05)
    assert expected.flops == pytest.approx(P.cost().flops, rel=0.05)


def test_making_it_takes_no_more_memory_than_expected(kind):
    sizes = {"_sizes": (66_666, 133_334)} if kind[0] == "layerwise" else {}
    make(*kind, 2000, 20)  # what is imported or kept on first use does not count
    tracemalloc.start()
    P = make(*kind, 200_000 if kind[0] != "identity" else 2000, 50)
    peak = tracemalloc.get_traced_memory()[1]  # numpy's arrays; P itself is made of them
    tracemalloc.stop()
    expected = type(P).expected_cost(P.D, P.d, **kind[1], **sizes)
    assert peak <= expected.build_bytes + (1 << 20)
    assert expected.state_bytes <= expected.build_bytes


def test_columns_are_nearly_orthogonal(kind):
    P = make(*kind, 9_973, 101 if kind[0] != "identity" else 9_973)
    at = torch.arange(0, P.d, max(1, P.d // 50))
    columns = P.project(torch.eye(P.d)[at])
    coherence = (columns @ columns.T).fill_diagonal_(0).abs().max()
    # The largest of ~1300 cosines of random vectors in R^D is about 4 / sqrt(D).
    limit = 1e-6 if kind[0] in EXACT or kind[1].get("orthogonal") else 8 / 9_973**0.5
    if kind[0] == "layerwise":
        limit = 8 / 3_324**0.5  # inside the smaller tensor
    assert coherence < limit


def test_the_seed_decides(kind):
    same = [
        make(*kind, 997, 40, seed=s).project(torch.ones(40 if kind[0] != "identity" else 997))
        for s in (5, 5, 6)
    ]
    assert torch.equal(same[0], same[1])
    assert torch.equal(same[0], same[2]) == (kind[0] == "identity")


def test_other_d_are_independent(kind):
    if kind[0] != "identity":  # there is only one of those
        small, large = make(*kind, 997, 20), make(*kind, 997, 40)
        columns = small.project(torch.eye(20)) @ large.project(torch.eye(40)).T
        assert columns.abs().max() < 0.5


def test_half_precision_leaves_P_alone(kind):
    P = make(*kind, 997, 40)
    before = [tensor.clone() for tensor in P.held.values()]
    assert all(torch.equal(a, b) for a, b in zip(before, P.bfloat16().held.values(), strict=True))


def test_vectors_of_another_length_are_refused(kind):
    P = make(*kind, 100, 7)
    for wrong in (torch.ones(P.d + 1), torch.ones(2, 1), torch.tensor(1.0)):
        with pytest.raises(ValueError, match=f"expected vectors of {P.d} numbers"):
            P.project(wrong)
    with pytest.raises(ValueError, match="expected vectors of 100 numbers"):
        P.adjoint(torch.ones(99))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.int64])
def test_lesser_numbers_come_out_as_float32(kind, dtype):
    P = make(*kind, 97, 7)
    for product, size in ((P.project, P.d), (P.adjoint, P.D)):
        x = torch.arange(size).remainder(5).to(dtype)
        assert product(x).dtype == torch.float32
        assert torch.equal(product(x), product(x.float()))


def test_the_higher_precision_counts(kind):
    P = make(*kind, 97, 7)
    v, g = noise(P.d), noise(P.D)
    there, back = P.project(v), P.adjoint(g)
    assert there.dtype == back.dtype == torch.float64
    P.double()
    assert torch.allclose(there, P.project(v), rtol=1e-12, atol=1e-12)
    assert torch.allclose(back, P.adjoint(g), rtol=1e-12, atol=1e-12)


def test_autocast_does_not_touch_it(kind):
    P = make(*kind, 97, 7)
    v = noise(P.d).float().requires_grad_()
    (exact,) = torch.autograd.grad(P.project(v).square().sum(), v)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        there = P.project(v)
        (gradient,) = torch.autograd.grad(there.square().sum(), v)
    assert torch.equal(there, P.project(v))
    assert torch.equal(gradient, exact)


def test_complex_numbers_are_refused(kind):
    P = make(*kind, 97, 7)
    with pytest.raises(ValueError, match="P is real"):
        P.project(torch.ones(P.d, dtype=torch.complex64))
    with pytest.raises(ValueError, match="P is real"):
        P.adjoint(torch.ones(P.D, dtype=torch.complex64))


# torch's own, of the first forward derivative in a process.
@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")
def test_autograd_knows_both_directions(kind):
    P = make(*kind, 30, 4).double()
    for product, size in ((P.project, P.d), (P.adjoint, P.D)):
        x = noise(2, size).requires_grad_()
        assert torch.autograd.gradcheck(product, x, check_forward_ad=True)
        assert torch.autograd.gradgradcheck(lambda x: product(x).square(), x)  # noqa: B023


# torch's own, of the first forward derivative in a process.
@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")
def test_torch_func_knows_both_directions(kind):
    P = make(*kind, 30, 4).double()
    matrix = P.project(torch.eye(P.d).double()).T
    for product, M in ((P.project, matrix), (P.adjoint, matrix.T)):
        x, along = noise(2, M.shape[1])
        f = lambda x: product(x).square().sum()  # noqa: B023, E731
        assert torch.allclose(torch.func.grad(f)(x), 2 * M.T @ M @ x)
        assert torch.allclose(torch.func.hessian(f)(x), 2 * M.T @ M)
        assert torch.allclose(torch.func.jacrev(product)(x), M)
        assert torch.allclose(torch.func.jvp(product, (x,), (along,))[1], M @ along)
        batch = noise(3, M.shape[1], 2)
        each = torch.func.vmap(torch.func.vmap(product, 1), 0)(batch)
        assert torch.allclose(each, product(batch.mT))


@pytest.mark.parametrize("d", [0, -1, 14])
def test_a_d_outside_is_refused(kind, d):
    with pytest.raises(ComponentError, match="d = "):
        build(Component(name=kind[0], params=kind[1]), [13], d, 0)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_gpu_agrees(kind):
    P = make(*kind, 9_973, 101)
    v, u = noise(P.d).float(), noise(P.D).float()
    there, back = P.project(v), P.adjoint(u)
    P = P.cuda()
    assert torch.allclose(P.project(v.cuda()).cpu(), there, atol=1e-5)
    assert torch.allclose(P.adjoint(u.cuda()).cpu(), back, atol=1e-4)
