import contextlib
import dataclasses
import json
import struct

import hypothesis.strategies as st
import numpy as np
import pytest
from codec_cases import CONTENTS, FC, sealed
from hypothesis import given, settings

from idim_cli.compression.format import container, shipped
from idim_cli.compression.format.binary import ByteReader, varint
from idim_cli.compression.format.container import Content, pack, sizes, unpack
from idim_cli.compression.format.coordinates import Exact, Quantised
from idim_cli.compression.format.spec import Buffer
from idim_cli.core.errors import FileError
from idim_cli.recipe.schema import Seeds

MARK = b"\x1d\xd1"
DESCRIBED, EXACT = CONTENTS["described"], CONTENTS["exact"]
CHECKS = struct.pack("<He", 7, 0.25)


@pytest.fixture(params=CONTENTS, ids=str)
def content(request):
    return CONTENTS[request.param]


def numbered(d=b"\x05", kind=b"\x00", rest=bytes(20), number=b"\x10"):
    """A file of a shipped problem from the bytes of its fields; the seeds are 1 and 2."""
    return sealed(MARK + number + d + b"\x01\x02" + kind + rest + CHECKS)


def bfloat16(*values):
    return np.array(values, dtype=np.float32).view(np.uint32).__rshift__(16).astype("<u2").tobytes()


def test_round_trip(content):
    read = unpack(pack(content))
    assert pack(read) == pack(content)
    assert (read.D, read.seeds, read.spec) == (content.D, content.seeds, content.spec)
    assert (read.theta0, read.probe, read.buffers) == (content.theta0, content.probe, content.buffers)
    assert read.coords.values().tolist() == content.coords.values().tolist()
    assert type(read.coords) is type(content.coords)


@settings(max_examples=80, deadline=None)
@given(
    extra=st.integers(0, 2**40),
    seeds=st.tuples(*[st.integers(0, 2**63 - 1)] * 2),
    theta0=st.integers(0, 2**16 - 1),
    probe=st.floats(width=16, allow_nan=False, allow_infinity=False),
    text=st.text(max_size=20),
    shape=st.lists(st.integers(0, 4), max_size=3),
    symbols=st.binary(min_size=1, max_size=300),
    few=st.booleans(),
)
def test_round_trip_of_anything(extra, seeds, theta0, probe, text, shape, symbols, few):
    buffer = Buffer(name=text, dtype="F64", shape=shape)
    spec = FC.model_copy(update={"trainable": [text], "buffers": [buffer]})
    named = Seeds(theta0=seeds[0], projector=seeds[1])
    coords = (
        Quantised((0.5,), symbols, 256) if few else Exact(np.frombuffer(symbols, np.uint8) / np.float32(3))
    )
    content = Content(len(symbols) + extra, named, spec, coords, theta0, probe, bytes(buffer.bytes))
    data = pack(content)
    read = unpack(data)
    assert pack(read) == data
    assert dataclasses.replace(read, coords=coords) == content
    assert read.coords.values().tobytes() == coords.values().tobytes()


def test_parts_add_up(content):
    assert sum(sizes(content).values()) == len(pack(content))
    assert sizes(content)["buffers"] == len(content.buffers)
    assert container.naming_bytes(content) == len(pack(content)) - 2 - 4 - 4


def test_a_shipped_problem_takes_one_byte():
    # Mark, problem, d, two seeds (300 takes two bytes), kind; coordinates; checks; checksum.
    assert len(pack(EXACT)) == 2 + 1 + 1 + 1 + 2 + 1 + 20 + 4 + 4
    assert pack(EXACT)[:9] == MARK + bytes([16, 5, 1, 0xAC, 2, 0, 0])


def test_every_cut_is_noticed(content):
    data = pack(content)
    for size in range(len(data)):
        with pytest.raises(FileError):
            unpack(data[:size])


def test_every_cut_is_noticed_when_resealed():
    for content in (DESCRIBED, EXACT):
        data = pack(content)
        for size in range(len(data) - 4):
            with pytest.raises(FileError):
                unpack(sealed(data[:size]))


def test_every_flipped_bit_is_noticed(content):
    data = pack(content)
    for at in range(len(data)):
        for bit in range(8):
            with pytest.raises(FileError):
                unpack(data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :])


def test_every_resealed_byte_reads_or_is_refused(content):
    # The values differ, of course; what must not happen is any other exception, or a second spelling.
    body = pack(content)[:-4]
    refused = 0
    for at in range(len(body)):
        for value in {0, 0x7F, 0x80, 0xFF, body[at] ^ 1, body[at] ^ 0x10} - {body[at]}:
            data = sealed(body[:at] + bytes([value]) + body[at + 1 :])
            try:
                read = unpack(data)
            except FileError:
                refused += 1
            else:
                assert shipped.number(read.spec, read.D) == 0 or pack(read) == data
    assert refused > len(body)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80))
def test_noise_behind_a_good_start_is_refused_or_spelled_so(noise):
    for start in (b"", MARK, MARK + b"\x10", MARK + b"\x00"):
        data = sealed(start + noise)
        with contextlib.suppress(FileError):
            assert pack(unpack(data)) == data


@pytest.mark.parametrize("tail", [b"\0", b"more", pack(EXACT)])
def test_bytes_behind_the_end(tail, content):
    with pytest.raises(FileError):
        unpack(pack(content) + tail)
    with pytest.raises(FileError):
        unpack(sealed(pack(content)[:-4] + tail))


@pytest.mark.parametrize("data", [b"", b"\x1d", MARK, MARK + b"\0\0\0", b"\xd1\x1d" + bytes(30), bytes(100)])
def test_what_is_no_file_at_all(data):
    with pytest.raises(FileError):
        unpack(data)


@pytest.mark.parametrize("version", [0, 2, 15])
def test_other_versions_are_named(version, content):
    body = b"\x1d" + bytes([0xD0 + version]) + pack(content)[2:-4]
    assert container.is_marked(body[:2])
    with pytest.raises(FileError, match=f"format version {version}, ") as caught:
        unpack(sealed(body))
    assert "known version: 1" in caught.value.hint


@pytest.mark.parametrize("number", [1, 15, 23, 16 * 8, 2**40])
def test_unknown_problems_are_named(number):
    with pytest.raises(FileError, match=f"problem number {number},"):
        unpack(numbered(number=varint(number)))


@pytest.mark.parametrize(
    ("d", "kind", "rest"),
    [
        (0, 0, bytes(20)),
        (199_211, 0, bytes(20)),
        (2**60, 0, bytes(20)),
        (4, 0, bytes(20)),
        (6, 0, bytes(20)),
        (5, 0, bytes(19)),
        (5, 0, b""),
        (5, 4, b""),
        (5, 4, bfloat16(1)),
        (65, 4, bfloat16(1) + b"\x01"),
        (199_210, 4, bfloat16(1) + b"\x01"),
    ],
)
def test_sizes_that_contradict(d, kind, rest):
    with pytest.raises(FileError):
        unpack(numbered(varint(d), varint(kind), rest))


@pytest.mark.parametrize("kind", [1, 2, 3, 2 * 257, 2 * 257 + 1, 2**62])
def test_numbers_of_levels_that_there_are_not(kind):
    with pytest.raises(FileError, match="cannot have"):
        unpack(numbered(kind=varint(kind), rest=bytes(2000)))


NAN, INF, LARGE = float("nan"), float("inf"), 3.3895313892515355e38


@pytest.mark.parametrize("levels", [2, 3, 256])
@pytest.mark.parametrize("step", [0.0, -0.0, -1.0, NAN, INF, -INF])
def test_steps_that_are_none(levels, step):
    with pytest.raises(FileError, match="finite and rising"):
        unpack(numbered(kind=varint(2 * levels), rest=bfloat16(step) + b"\0"))


def test_a_step_whose_multiples_overflow():
    assert unpack(numbered(kind=varint(4), rest=bfloat16(LARGE) + b"\0")).coords.levels == 2
    with pytest.raises(FileError, match="finite and rising"):
        unpack(numbered(kind=varint(512), rest=bfloat16(LARGE) + b"\0"))


@pytest.mark.parametrize(
    "book",
    [(1, 1, 2), (1, 0, 2), (NAN, 1, 2), (0, NAN, 1), (-INF, 0, 1), (0, 1, INF), (-0.0, 0.0, 1), (2, 1, 0)],
)
def test_books_that_do_not_rise(book):
    with pytest.raises(FileError, match="finite and rising"):
        unpack(numbered(kind=varint(7), rest=bfloat16(*book) + b"\0"))


def test_a_book_of_all_levels_and_the_widest():
    book = [-LARGE, *range(254), LARGE]
    rounded = np.array(book, dtype=np.float32)
    read = unpack(numbered(kind=varint(513), rest=bfloat16(*rounded) + b"\0"))
    assert read.coords.table().tolist() == rounded.tolist()


@pytest.mark.parametrize("bits", [0x7C00, 0xFC00, 0x7E00, 0x7C01])
def test_a_probe_that_is_not_finite(bits):
    body = pack(EXACT)[:-6] + struct.pack("<H", bits)
    with pytest.raises(FileError, match="not finite"):
        unpack(sealed(body))


def test_nothing_is_hidden_behind_a_code():
    content = CONTENTS["uniform"]
    start, code = numbered(kind=b"\x06", rest=bfloat16(0.25))[:-8], content.coords.code()
    assert unpack(sealed(start + code + CHECKS)).coords == content.coords
    for other in (code + b"\0", code + b"\x01", code + b"hidden", code + bytes(64)):
        with pytest.raises(FileError, match="canonical"):
            unpack(sealed(start + other + CHECKS))


def test_buffers_as_large_as_the_world_reserve_no_memory():
    vast = FC.model_copy(
        update={"buffers": [Buffer(name=f"{i}", dtype="F64", shape=[2**47]) for i in range(99)]}
    )
    with pytest.raises(FileError, match="stated"):
        unpack(pack(dataclasses.replace(DESCRIBED, spec=vast)))


def test_numbers_have_one_spelling():
    body = pack(DESCRIBED)[:-4]
    assert body[2:5] == b"\x00\xac\x02"  # D = 300
    for spelling in (
        b"\xac\x82\x00",
        b"\xff" * 8 + b"\x80\x01",
        b"\xff" * 10 + b"\x01",
        b"\x80" * 70 + b"\x01",
    ):
        with pytest.raises(FileError):
            unpack(sealed(body[:3] + spelling + body[5:]))


@given(st.integers(0, 2**63 - 1))
def test_numbers_come_back(value):
    reader = ByteReader(varint(value) + b"rest")
    assert reader.varint() == value
    assert reader.rest() == b"rest"


def test_a_number_without_an_end_is_left_early():
    # Its digits would make a number of megabytes, each of which takes as long to add as all before it.
    reader = ByteReader(b"\xff" * 1_000_000)
    with pytest.raises(FileError, match="out of range"):
        reader.varint()
    assert reader.at == 9


def test_another_writer():
    # Stored deflate blocks instead of compressed ones, and a description in a spelling of its own.
    row = [
        ["fc", {"depth": 2, "width": 200, "dropout": 0.0}],
        ["tied", {}],
        ["digits", {"fraction": 0.5}],
        ["classify", {"score": "validation"}],
        [1, 28, 28],
        10,
        None,
        [],
    ]
    text = json.dumps(row, indent=1).encode()
    spec = b"\x01" + struct.pack("<HH", len(text), len(text) ^ 0xFFFF) + text
    body = (
        MARK + b"\x00\x80\x80\x04" + varint(len(spec)) + spec + b"\x01\x00\x01\x00" + struct.pack("<f", 3.0)
    )
    read = unpack(sealed(body + CHECKS))
    assert (read.D, read.spec, read.seeds) == (65536, FC, Seeds(theta0=0, projector=1))
    assert (read.coords.values().tolist(), read.theta0, read.probe) == ([3.0], 7, 0.25)


def test_what_has_a_number_may_be_described():
    # A writer may know fewer problems than a reader.
    spec = EXACT.spec.pack()
    body = pack(EXACT)[:-4]
    described = sealed(MARK + b"\0" + varint(EXACT.D) + varint(len(spec)) + spec + body[3:])
    assert pack(unpack(described)) == pack(EXACT)
