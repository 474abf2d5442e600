"""Buffers in a file: exact, or in a narrower dtype that loses nothing that counts."""

import dataclasses
import struct

import pytest
import torch
from codec_cases import CONTENTS, FC

from idim_cli.compression.format import container, solution
from idim_cli.compression.format.spec import Buffer
from idim_cli.core.errors import FileError

WHOLE = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


def read(buffers, exact=True):
    """What a file of these buffers holds."""
    table = solution.table(buffers, exact)
    spec = FC.model_copy(update={"buffers": table})
    content = dataclasses.replace(CONTENTS["described"], spec=spec, buffers=solution.stored(table, buffers))
    return solution.of(container.unpack(container.pack(content)))


def same(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and solution.to_bytes(a) == solution.to_bytes(b)


@pytest.mark.parametrize("dtype", solution.DTYPES.values(), ids=solution.DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 1, 2), (2, 0)])
def test_exact_buffers_come_back_bit_for_bit(dtype, shape):
    numbers = torch.arange(12).reshape(3, 4)[: len(shape) + 1].flatten()[: torch.Size(shape).numel()]
    value = (
        (numbers.reshape(shape) / 3 - 1).to(dtype)
        if dtype.is_floating_point
        else numbers.reshape(shape).to(dtype)
    )
    assert same(read({"b": value}).buffers["b"], value)


def test_fractions_that_no_half_can_hold():
    special = torch.tensor([float("nan"), float("inf"), -float("inf"), -0.0, 1e-45, 3e38])
    for value in (special, special.double()):
        assert same(read({"b": value}).buffers["b"], value)
        # Beside quantised coordinates too: no float16 number is near.
        assert same(read({"b": value}, exact=False).buffers["b"], value)
    large = torch.tensor([65520.0])
    assert same(read({"b": large}, exact=False).buffers["b"], large)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_fractions_are_rounded_to_half_next_to_quantised_coordinates(dtype):
    value = torch.randn(50, generator=torch.Generator().manual_seed(0), dtype=dtype)
    found = read({"b": value}, exact=False)
    assert same(found.buffers["b"], value.half().to(dtype))
    assert found.spec.buffers == [
        Buffer(name="b", dtype="F32" if dtype.itemsize == 4 else "F64", shape=[50], stored="F16")
    ]
    assert found.spec.buffer_bytes == 100
    assert same(read({"b": value}).buffers["b"], value)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_halves_stay_as_they_are(dtype):
    value = torch.randn(50, generator=torch.Generator().manual_seed(0)).to(dtype)
    for exact in (True, False):
        assert same(read({"b": value}, exact).buffers["b"], value)


@pytest.mark.parametrize(
    ("value", "stored"),
    [(0, "U8"), (255, "U8"), (256, "I16"), (-1, "I16"), (-(2**15), "I16"), (2**15, "I32"), (2**31, None)],
)
def test_whole_numbers_take_the_narrowest_dtype_and_are_exact(value, stored):
    for exact in (True, False):
        tensor = torch.tensor([value, 0, 1])
        found = read({"b": tensor}, exact)
        assert found.spec.buffers[0].stored == stored
        assert same(found.buffers["b"], tensor)


@pytest.mark.parametrize("dtype", WHOLE)
def test_the_ends_of_every_dtype_of_whole_numbers(dtype):
    info = torch.iinfo(dtype)
    for numbers in ([info.min, info.max], [info.max], [0, min(info.max, 200)]):
        value = torch.tensor(numbers, dtype=dtype)
        found = read({"b": value})
        assert same(found.buffers["b"], value)
        assert found.spec.buffer_bytes <= value.numel() * value.element_size()


def test_several_are_back_to_back():
    norm = torch.nn.BatchNorm1d(3)
    norm(torch.randn(5, 3, generator=torch.Generator().manual_seed(0)))
    buffers = dict(norm.named_buffers())
    found = read(buffers)
    assert found.spec.buffer_bytes == 12 + 12 + 1
    assert found.buffers.keys() == buffers.keys()
    assert all(same(found.buffers[name], value) for name, value in buffers.items())


def test_true_and_false_are_one_and_zero():
    spec = FC.model_copy(update={"buffers": [Buffer(name="mask", dtype="BOOL", shape=[3])]})
    for data, sound in ((b"\0\1\1", True), (b"\0\2\1", False), (b"\xff\0\0", False)):
        content = dataclasses.replace(CONTENTS["described"], spec=spec, buffers=data)
        unpacked = container.unpack(container.pack(content))
        if sound:
            assert solution.of(unpacked).buffers["mask"].tolist() == [False, True, True]
        else:
            with pytest.raises(FileError, match="not boolean"):
                solution.of(unpacked)


def test_what_a_file_cannot_hold():
    for value in (torch.zeros(2, dtype=torch.complex64), torch.zeros(2, dtype=torch.uint16)):
        with pytest.raises(FileError, match="cannot hold"):
            solution.table({"b": value})


def test_bytes_are_little_endian_rows():
    value = torch.tensor([[1, 2], [3, 300]])
    assert solution.stored(solution.table({"b": value}), {"b": value}) == struct.pack("<4h", 1, 2, 3, 300)
    assert solution.to_bytes(value.T[:1]) == struct.pack("<2q", 1, 3)
