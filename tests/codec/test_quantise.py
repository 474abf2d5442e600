import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import example, given

from idim_cli.compression.format import entropy
from idim_cli.compression.format.coordinates import (
    MOST_PER_BYTE,
    Exact,
    Quantised,
    from_bfloat16,
    grid,
    listed,
    to_bfloat16,
)
from idim_cli.projectors.quantiser import Quantiser

HALVES = np.arange(2**16, dtype=np.uint16)


def test_every_bfloat16_number_comes_back():
    values = from_bfloat16(HALVES)
    theirs = torch.from_numpy(HALVES.view(np.int16)).view(torch.bfloat16).float().numpy()
    assert values.tobytes() == theirs.tobytes()
    finite = np.isfinite(values)
    assert (to_bfloat16(values)[finite] == HALVES[finite]).all()


@given(st.floats(width=32, allow_nan=False, min_value=-(2.0**127), max_value=2.0**127))
@example(1 + 2**-8)  # ties, to even: down ...
@example(1 + 3 * 2**-8)  # ... and up
@example(-(1 + 2**-8))
@example(-0.0)
@example(1e-45)
def test_bfloat16_is_rounded_as_torch_does(value):
    ours = from_bfloat16(to_bfloat16(np.array([value], dtype=np.float32)))
    assert ours.tobytes() == torch.tensor([value]).bfloat16().float().numpy().tobytes()


@pytest.mark.parametrize("levels", range(2, 257))
def test_a_uniform_grid_is_symmetric_and_exact(levels):
    assert (np.diff(grid(levels)) == 1).all()
    assert (grid(levels) == -grid(levels)[::-1]).all()
    step = float(from_bfloat16(to_bfloat16(np.array([0.3], dtype=np.float32)))[0])
    table = Quantised((step,), b"", levels).table()
    # Each value is a float32 number without rounding: another program may compute it in any way.
    assert table.dtype == np.float32
    assert (table.astype(np.float64) == step * grid(levels)).all()


def test_values_are_those_of_the_table():
    few = Quantised((-1.0, 0.5, 2.0), bytes([2, 0, 0, 1]), 3)
    assert few.values().tolist() == [2.0, -1.0, -1.0, 0.5]
    assert (few.d, few.levels, few.uniform) == (4, 3, False)
    exact = Exact(np.array([1.5, -2.0], dtype=np.float32))
    assert (exact.d, exact.levels, exact.code().hex()) == (2, 0, "0000c03f000000c0")


@pytest.mark.parametrize("codebook", ["uniform", "kmeans"])
@pytest.mark.parametrize("levels", [2, 3, 16, 256])
@pytest.mark.parametrize("d", [1, 5, 700])
def test_what_the_quantiser_makes_is_listed(codebook, levels, d):
    coords = torch.randn(d, generator=torch.Generator().manual_seed(d))
    quantiser = Quantiser(levels, codebook)
    quantiser.fit(coords)
    values = quantiser.values(coords).numpy()
    few = listed(values, quantiser.book.numpy(), codebook == "uniform")
    assert few.values().tobytes() == values.tobytes()
    assert few.levels <= levels
    assert few.uniform == (codebook == "uniform")
    # The book survives bfloat16.
    book = np.array(few.book, dtype=np.float32)
    assert from_bfloat16(to_bfloat16(book)).tobytes() == book.tobytes()


def test_unused_values_of_a_free_book_go():
    book = np.array([-1, 0, 1, 2], dtype=np.float32)
    few = listed(book[[3, 0, 3]], book, uniform=False)
    assert (few.book, few.symbols, few.levels) == ((-1.0, 2.0), b"\1\0\1", 2)
    # Those of a grid stay: it is one number anyway.
    assert listed(book[[3, 0, 3]], book, uniform=True).levels == 4


@pytest.mark.parametrize("value", [0.0, 1.0, -2.5, 1e10, 3e38, -1e-30])
def test_a_lone_value_gets_company(value):
    value = float(torch.tensor(value).bfloat16())
    book = np.full(3, value, dtype=np.float32)
    few = listed(book[[0, 0]], book, uniform=False)
    assert few.values().tolist() == [value, value]
    assert few.levels == 2
    assert few.book[0] < few.book[1]
    assert Quantised.read(few.book, few.code(), 2, 2) == few


@pytest.mark.parametrize("d", [1, MOST_PER_BYTE, MOST_PER_BYTE + 1, 10_000])
def test_a_byte_of_code_counts_for_so_many_coordinates(d):
    few = Quantised((1.0,), bytes(d), 3)
    assert len(few.code()) == -(-d // MOST_PER_BYTE) > len(entropy.encode(few.symbols, 3))
    assert Quantised.read(few.book, few.code(), d, 3) == few
    with pytest.raises(ValueError, match="too few"):
        Quantised.read(few.book, few.code()[1:], d, 3)
    with pytest.raises(ValueError, match="canonical"):
        Quantised.read(few.book, few.code() + b"\0", d, 3)


@given(
    st.integers(2, 256).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.integers(0, n - 1), min_size=1)))
)
def test_codes_come_back(case):
    few = Quantised((1.0,), bytes(case[1]), case[0])
    assert Quantised.read(few.book, few.code(), few.d, few.levels) == few


def test_coordinates_take_a_byte_each_in_memory():
    few = Quantised.read((1.0,), bytes(100), 100 * MOST_PER_BYTE, 256)
    assert isinstance(few.symbols, bytes)
    assert len(few.symbols) == 100 * MOST_PER_BYTE
