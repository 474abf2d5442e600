"""What each kind of projector promises beyond the common laws."""

import copy
import math
import pickle

import numpy as np
import pytest
import torch
from scipy.linalg import hadamard as reference_hadamard

from idim_cli.core.errors import CapacityError, ComponentError, RunError
from idim_cli.projectors import REGISTRY, check
from idim_cli.projectors.base import build
from idim_cli.projectors.kernels import loops
from idim_cli.projectors.kernels.hadamard import hadamard
from idim_cli.projectors.layerwise import share_out
from idim_cli.recipe.schema import Component


def matrix(name: str, D: int, d: int, **params: object) -> torch.Tensor:
    return build(Component(name=name, params=params), [D], d, 1).double().project(torch.eye(d).double()).T


@pytest.mark.parametrize("n", [1, 2, 4, 32, 64, 128, 2048])
def test_hadamard_equals_the_explicit_matrix(n):
    x = torch.arange(3.0 * n, dtype=torch.float64).reshape(3, n).sin()
    expected = x @ torch.from_numpy(reference_hadamard(n)).double()
    assert torch.allclose(hadamard(x), expected, atol=1e-9)


@pytest.mark.parametrize(("D", "d"), [(1000, 7), (1000, 10), (5, 5), (10_007, 750)])
def test_tied_rows_hold_one_entry_and_columns_are_balanced(D, d):
    P = matrix("tied", D, d)
    assert ((P != 0).sum(1) == 1).all()
    counts = (P != 0).sum(0)
    assert counts.max() - counts.min() <= 1
    assert torch.allclose(P.T @ P, torch.eye(d).double(), atol=1e-6)
    assert 0.3 < (P > 0).sum() / D < 0.7 or D < 100


def test_sparse_has_the_density_of_the_paper():
    P = matrix("sparse", 10_000, 200)
    share = (P != 0).double().mean().item()
    assert share == pytest.approx(1 / math.sqrt(10_000), rel=0.03)
    magnitudes = P.abs().sum(0) / (P != 0).sum(0)  # one magnitude in each column
    assert torch.allclose(P.abs().max(0).values, magnitudes, rtol=1e-6)


def test_sparse_fills_an_empty_column():
    P = matrix("sparse", 50, 50, density=1e-6)
    assert ((P != 0).sum(0) == 1).all()


def test_orthogonal_dense_spans_the_same_space():
    plain, orthogonal = matrix("dense", 300, 20), matrix("dense", 300, 20, orthogonal=True)
    assert torch.allclose(orthogonal.T @ orthogonal, torch.eye(20).double(), atol=1e-5)
    inside = orthogonal @ (orthogonal.T @ plain)
    assert torch.allclose(inside, plain, atol=1e-5)


def test_dense_entries_are_normal():
    entries = matrix("dense", 5_000, 20).flatten() * math.sqrt(5_000)
    assert entries.mean().abs() < 0.02
    assert entries.pow(4).mean().item() == pytest.approx(3, abs=0.1)


@pytest.mark.parametrize("stacked", [True, False])
def test_fastfood_is_its_definition(stacked):
    D, d = 150, 20
    P = build(Component(name="fastfood", params={"stacked": stacked}), [D], d, 1).double()
    n, blocks, rest = P.n, P.blocks, P.rest
    H, rows = torch.from_numpy(reference_hadamard(n)).double(), []
    for b in range(blocks + (rest > 0)):
        local = P.place[b * n : (b + 1) * n].long() - b * n
        spread = (H @ torch.diag(P.sign[b].double()))[local]  # Pi H B
        whole = b < blocks
        rows.append(H @ torch.diag(P.gauss[b * n : (b + 1) * n]) @ spread if whole else spread * math.sqrt(n))
    expected = torch.cat(rows)[:D, :d] * P.scale
    assert torch.allclose(P.project(torch.eye(d).double()).T, expected, atol=1e-9)
    assert n == (32 if stacked else 256)


@pytest.mark.parametrize("name", ["fastfood", "tied"])
@pytest.mark.parametrize(("D", "d"), [(150, 20), (160, 20), (13, 13), (96, 32), (3000, 3)])
def test_work_in_parts_is_the_same_for_any_number_of_threads(monkeypatch, name, D, d):
    P = build(Component(name=name), [D], d, 1).double()
    v, g = torch.linspace(-1, 1, d).double(), torch.linspace(-1, 2, D).double()
    there, back = P.project(v), P.adjoint(g)
    monkeypatch.setattr(loops, "_PART", 32)
    assert loops.parts(D) > 1 or D < 64
    results = []
    for threads in (1, 2, 3):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        results.append((P.project(v), P.adjoint(g)))
    assert torch.equal(results[0][0], there)
    assert torch.allclose(results[0][1], back, atol=1e-12)
    assert all(torch.equal(a, b) for other in results[1:] for a, b in zip(results[0], other, strict=True))


@pytest.mark.parametrize(
    ("name", "params"), [("tied", {}), ("fastfood", {}), ("fastfood", {"stacked": False})]
)
@pytest.mark.parametrize(
    ("D", "d"), [(1, 1), (150, 20), (160, 20), (13, 13), (96, 32), (9000, 3), (9000, 700)]
)
def test_compiled_loops_agree_with_what_other_devices_compute(monkeypatch, name, params, D, d):
    P = build(Component(name=name, params=params), [D], d, 1)
    v, g = torch.linspace(-1, 1, d), torch.linspace(-1, 2, D)
    there, back = P.project(v), P.adjoint(g)
    monkeypatch.setattr(loops, "runs_here", lambda x: False)
    assert torch.allclose(P.project(v), there, rtol=1e-5, atol=1e-6)
    assert torch.allclose(P.adjoint(g), back, rtol=1e-5, atol=1e-5)


def test_layerwise_is_block_diagonal():
    P = build(Component(name="layerwise", params={"inner": "dense"}), [30, 3, 67], 10, 1)
    columns = P.project(torch.eye(10))
    assert P.shares == [3, 1, 6]
    assert columns[:3, 30:].abs().max() == 0
    assert columns[3, :30].abs().max() == 0
    assert columns[4:, :33].abs().max() == 0


@pytest.mark.parametrize(
    ("d", "sizes", "shares"),
    [
        (10, [30, 3, 67], [3, 1, 6]),
        (2, [30, 3, 67], [1, 0, 1]),
        (100, [30, 3, 67], [30, 3, 67]),
        (5, [1, 1, 1, 1, 1], [1, 1, 1, 1, 1]),
        (6, [1, 1, 1, 1, 96], [1, 1, 1, 1, 2]),
    ],
)
def test_d_is_shared_out_by_size(d, sizes, shares):
    assert share_out(d, sizes) == shares


@pytest.mark.parametrize("inner", ["layerwise", "identity", {"density": 1}])
def test_layerwise_refuses_what_it_cannot_hold(inner):
    with pytest.raises(ComponentError, match="layerwise"):
        build(Component(name="layerwise", params={"inner": inner}), [10], 2, 0)


@pytest.mark.parametrize("density", [-1.0, 0.0, 1.5])
def test_a_density_that_is_none_is_refused(density):
    with pytest.raises(ComponentError, match="density"):
        build(Component(name="sparse", params={"density": density}), [10], 2, 0)


def test_unknown_parameters_are_refused():
    with pytest.raises(ComponentError, match="densty") as caught:
        build(Component(name="sparse", params={"densty": 0.1}), [10], 2, 0)
    assert caught.value.hint == "did you mean density?"


def test_the_check_sees_a_wrong_scale_and_each_layers_share():
    P = build(Component(name="tied"), [300, 700], 10, 0)
    seen = check.inspect(P, [("a", 300), ("b", 700)])
    assert seen.layer_share == pytest.approx({"a": 0.3, "b": 0.7}, abs=0.05)
    assert seen.coherence == 0
    assert seen.sampled == 10
    P.scale *= 1.01
    with pytest.raises(RunError, match=r"1\.01"):
        check.inspect(P, [("a", 300), ("b", 700)])


def test_a_P_that_is_too_large_to_make_is_refused_too(monkeypatch):
    free = {None: 30_000_000, torch.device("meta"): 10**12}
    monkeypatch.setattr(check, "free_bytes", lambda device=None: free[device])
    component = Component(name="dense", params={"orthogonal": True})
    with pytest.raises(CapacityError, match="while it is built"):
        check.check_fits(component, [10_000], 100, torch.device("meta"))


def test_columns_that_are_not_numbers_are_seen():
    P = build(Component(name="tied"), [100], 10, 0)
    P.scale[3] = float("nan")
    with pytest.raises(RunError):
        check.inspect(P, [("a", 100)])


def test_the_last_column_of_a_large_identity_can_be_looked_at():
    seen = check.inspect(build(Component(name="identity"), [16_777_220], 16_777_220, 0), [("a", 16_777_220)])
    assert seen.norm_min == seen.norm_max == 1


def test_one_column_has_no_coherence():
    assert check.inspect(build(Component(name="dense"), [9], 1, 0), [("a", 9)]).coherence is None


def test_a_P_that_does_not_fit_is_refused_with_those_that_do(monkeypatch):
    monkeypatch.setattr(check, "free_bytes", lambda device=None: 40_000_000)
    with pytest.raises(CapacityError, match=r"'dense' for D .* needs 4 GB; cpu has 40 MB free") as caught:
        check.check_fits(Component(name="dense"), [1_000_000], 1000, torch.device("cpu"))
    assert "tied (4 MB)" in caught.value.hint
    assert "sparse" not in caught.value.hint
    check.check_fits(Component(name="tied"), [1_000_000], 1000, torch.device("cpu"))


def test_every_kind_is_one_file():
    assert {REGISTRY.target(name).split(":")[0].rsplit(".", 1)[1] for name in REGISTRY} == set(REGISTRY)


@pytest.mark.parametrize("name", sorted(REGISTRY))
@pytest.mark.parametrize("d", [2.5, 3.0, "3", True])
def test_d_is_a_whole_number(name, d):
    with pytest.raises(ComponentError, match="d must be a whole number"):
        build(Component(name=name), [20, 30], d, 0)


def test_d_may_be_a_whole_number_of_numpy():
    v = torch.ones(5)
    one, same = (build(Component(name="tied"), [20, 30], d, 0) for d in (5, np.int64(5)))
    assert torch.equal(one.project(v), same.project(v))


@pytest.mark.parametrize("seed", [1.5, "0", True])
def test_a_seed_is_a_whole_number(seed):
    with pytest.raises(ComponentError, match="seed must be a whole number"):
        build(Component(name="tied"), [20, 30], 5, seed)


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_an_empty_batch_is_empty(name):
    P = build(Component(name=name), [20, 30], 50 if name == "identity" else 5, 0)
    assert P.project(torch.zeros(0, 2, P.d)).shape == (0, 2, 50)
    assert P.adjoint(torch.zeros(0, 50)).shape == (0, P.d)


@pytest.mark.parametrize("name", ["fastfood", "tied"])
def test_moving_a_P_never_loses_its_content(name):
    """A compiled loop would follow an index out of nowhere."""
    P, v = build(Component(name=name), [100], 7, 1), torch.ones(7)
    before = P.project(v)
    for moved in (P.to_empty(device="cpu"), P.type(torch.int8), P.half(), P.share_memory()):
        assert torch.equal(moved.project(v), before)
    with pytest.raises(ComponentError, match="meta device"):
        P.to("meta").to_empty(device="cpu")


@pytest.mark.parametrize(("d", "shares"), [(10, [3, 0, 7]), (2, [1, 0, 1]), (97, [30, 0, 67])])
def test_a_tensor_without_elements_has_no_coordinates(d, shares):
    assert share_out(d, [30, 0, 67]) == shares
    P = build(Component(name="layerwise"), [30, 0, 67], d, 1)
    assert torch.allclose(P.project(torch.eye(d)).norm(dim=1), torch.ones(d))


KINDS = [{"name": name} for name in sorted(REGISTRY)] + [{"name": "layerwise", "inner": "fastfood"}]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_P_is_invisible_to_whoever_walks_over_buffers(kind):
    P = build(kind, [40, 60], 100 if kind["name"] == "identity" else 7, 1)
    assert not [*P.buffers(), *P.parameters(), *P.state_dict()]
    assert sum(tensor.nbytes for tensor in P.held.values()) == P.cost().state_bytes


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_P_is_copied_and_pickled_whole(kind):
    P = build(kind, [40, 60], 100 if kind["name"] == "identity" else 7, 1)
    v, g = torch.linspace(-1, 1, P.d), torch.linspace(-1, 1, 100)
    for other in (copy.deepcopy(P), pickle.loads(pickle.dumps(P)), copy.deepcopy(P).double().float()):
        assert torch.equal(other.project(v), P.project(v))
        assert torch.equal(other.adjoint(g), P.adjoint(g))


@pytest.mark.parametrize("name", ["tied", "fastfood", "sparse"])
@pytest.mark.parametrize("value", [-1, 10_000_000, -(2**31)])
def test_an_index_out_of_range_is_told_and_never_followed(name, value):
    key = {"tied": "pick", "fastfood": "place", "sparse": "backward_index"}[name]
    for at in (0, 57, -1):
        P = build(Component(name=name), [200], 7, 1)
        P.adjoint(torch.ones(200))
        getattr(P, key)[at] = value
        with pytest.raises(ComponentError, match="out of range"):
            P.adjoint(torch.ones(200))
        if name != "sparse":
            with pytest.raises(ComponentError, match="out of range"):
                P.project(torch.ones(7))


@pytest.mark.parametrize("name", ["tied", "fastfood", "sparse"])
@pytest.mark.parametrize("value", [-1, 10_000_000])
def test_an_index_that_is_overwritten_through_data_is_never_followed(name, value):
    """Averages of weights write so, which no version counts; P was used and found sound before."""
    held = build(Component(name=name), [200], 7, 1).held
    for key in (key for key, tensor in held.items() if tensor.dtype in (torch.int32, torch.int64)):
        P = build(Component(name=name), [200], 7, 1)

        def used(P=P):
            P.project(torch.ones(7))
            P.adjoint(torch.ones(200))

        used()
        getattr(P, key).data[1] = value
        with pytest.raises(ComponentError, match="P was changed"):
            used()


@pytest.mark.parametrize("name", ["tied", "fastfood", "sparse", "dense"])
def test_a_P_of_another_shape_or_kind_is_told_so(name):
    for change in (lambda t: t[:-1], lambda t: t[None], lambda t: t.bool()):
        for key in build(Component(name=name), [200], 7, 1).held:
            P = build(Component(name=name), [200], 7, 1)
            setattr(P, key, change(getattr(P, key)))
            with pytest.raises(ComponentError, match="of P was changed"):
                P.project(torch.ones(7))
            with pytest.raises(ComponentError, match="of P was changed"):
                P.adjoint(torch.ones(200))


def test_a_P_that_lies_elsewhere_is_told_so():
    with pytest.raises(ComponentError, match="P is on meta, the vectors are on cpu"):
        build(Component(name="tied"), [200], 7, 1).to("meta").project(torch.ones(7))


def test_a_buffer_of_a_kind_of_ones_own_is_held_too():
    class Own(REGISTRY.open("identity")):
        def __init__(self, D: int, d: int, seed: int) -> None:
            super().__init__(D, d, seed)
            self.register_buffer("weights", torch.ones(D))

    P = Own(5, 5, 0)
    assert not list(P.buffers())
    assert P.double().weights.dtype == torch.float64
