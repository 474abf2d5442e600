import dataclasses
import json
import struct
import zlib

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from idim_cli.codec import container
from idim_cli.codec.container import Content, pack, sizes, unpack
from idim_cli.codec.dictionary import DICTIONARY
from idim_cli.codec.spec import LIMIT, Buffer, Spec
from idim_cli.errors import FileError
from idim_cli.recipe.schema import Component, Seeds

FC = Spec(
    model=Component(name="fc", params={"depth": 2, "width": 200, "dropout": 0.0}),
    projector=Component(name="tied"),
    dataset=Component(name="digits", params={"fraction": 0.5}),
    task=Component(name="classify", params={"score": "validation"}),
    shape=[1, 28, 28],
    classes=10,
)
NORM = Buffer(name="norm.running_mean", dtype="F32", shape=[3])
STEPS = Buffer(name="norm.num_batches_tracked", dtype="I64", shape=[])
SMALL = Content(
    D=300,
    d=2,
    seeds=Seeds(theta0=1, projector=2, data=2**63 - 1),
    theta0=0xDEADBEEF,
    probe=0.5,
    spec=FC.model_copy(update={"buffers": [NORM, STEPS]}),
    coords=struct.pack("<2f", 1.0, -2.0),
    buffers=bytes(range(20)),
)


def sealed(body: bytes) -> bytes:
    """With the checksum that an adversary would compute."""
    return body + struct.pack("<I", zlib.crc32(body))


def deflated(text: bytes, dictionary: bytes = DICTIONARY) -> bytes:
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, dictionary)
    return squeeze.compress(text) + squeeze.flush()


def test_round_trip():
    assert unpack(pack(SMALL)) == SMALL


@settings(max_examples=60, deadline=None)
@given(
    d=st.integers(1, 40),
    extra=st.integers(0, 2**40),
    seeds=st.tuples(*[st.integers(0, 2**63 - 1)] * 3),
    theta0=st.integers(0, 2**32 - 1),
    probe=st.floats(width=32, allow_nan=False),
    text=st.text(max_size=20),
    shape=st.lists(st.integers(1, 4), max_size=3),
)
def test_round_trip_of_anything(d, extra, seeds, theta0, probe, text, shape):
    buffer = Buffer(name=text, dtype="F64", shape=shape)
    spec = FC.model_copy(update={"trainable": [text], "buffers": [buffer]})
    named = Seeds(theta0=seeds[0], projector=seeds[1], data=seeds[2])
    content = Content(d + extra, d, named, theta0, probe, spec, bytes(4 * d), bytes(buffer.bytes))
    assert unpack(pack(content)) == content


def test_parts_add_up():
    assert sum(sizes(SMALL).values()) == len(pack(SMALL))
    assert sizes(SMALL)["buffers"] == 3 * 4 + 8


def test_every_cut_is_noticed():
    data = pack(SMALL)
    for size in range(len(data)):
        with pytest.raises(FileError):
            unpack(data[:size])


def test_every_cut_is_noticed_when_resealed():
    data = pack(SMALL)
    for size in range(len(data) - 4):
        with pytest.raises(FileError):
            unpack(sealed(data[:size]))


def test_every_flipped_bit_is_noticed():
    data = pack(SMALL)
    for at in range(len(data)):
        for bit in range(8):
            with pytest.raises(FileError):
                unpack(data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :])


def test_every_resealed_byte_reads_or_is_refused():
    # The values differ, of course; what must not happen is any other exception.
    body = pack(SMALL)[:-4]
    refused = 0
    for at in range(len(body)):
        for value in (0, 0x7F, 0x80, 0xFF, body[at] ^ 1):
            try:
                unpack(sealed(body[:at] + bytes([value]) + body[at + 1 :]))
            except FileError:
                refused += 1
    assert refused > len(body)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80))
def test_noise_behind_a_good_start_is_refused(noise):
    for data in (noise, container.MAGIC + noise, sealed(container.MAGIC + b"\x01\x01\x00" + noise)):
        with pytest.raises(FileError):
            unpack(data)


@pytest.mark.parametrize("tail", [b"\0", b"more", pack(SMALL)])
def test_bytes_behind_the_end(tail):
    with pytest.raises(FileError):
        unpack(pack(SMALL) + tail)
    with pytest.raises(FileError):
        unpack(sealed(pack(SMALL)[:-4] + tail))


@pytest.mark.parametrize(("at", "what"), [(4, "file format"), (5, "random stream"), (6, "quantiser")])
def test_unknown_versions_are_named(at, what):
    body = bytearray(pack(SMALL)[:-4])
    body[at] = 9
    with pytest.raises(FileError, match=f"{what} version 9"):
        unpack(sealed(bytes(body)))


@pytest.mark.parametrize("changes", [{"D": 1}, {"d": 0}, {"d": 2**60, "D": 2**61}, {"d": 3}, {"coords": b""}])
def test_sizes_that_contradict(changes):
    with pytest.raises(FileError):
        unpack(pack(dataclasses.replace(SMALL, **changes)))


def test_huge_buffer_is_refused_without_reserving_memory():
    vast = FC.model_copy(update={"buffers": [Buffer(name="b", dtype="F64", shape=[2**47, 2**47])]})
    with pytest.raises(FileError, match="stated"):
        unpack(pack(dataclasses.replace(SMALL, spec=vast)))


def test_numbers_have_one_spelling():
    body = pack(SMALL)[:-4]
    assert body[7:9] == b"\xac\x02"  # D = 300
    for spelling in (b"\xac\x82\x00", b"\xff" * 10 + b"\x01", b"\x80" * 70 + b"\x01"):
        with pytest.raises(FileError):
            unpack(sealed(body[:7] + spelling + body[9:]))


def test_bomb_is_refused():
    with pytest.raises(FileError):
        Spec.unpack(deflated(b" " * (LIMIT + 1)))


ROW = json.loads(zlib.decompressobj(-15, DICTIONARY).decompress(FC.pack()))


def with_part(at, value):
    return json.dumps([*ROW[:at], value, *ROW[at + 1 :]])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        "[" * 100_000,
        json.dumps(ROW) + " []",
        json.dumps(ROW[:-1]),
        json.dumps([*ROW, 1]),
        with_part(0, "fc"),
        with_part(0, ["fc", []]),
        with_part(0, [1, {}]),
        with_part(0, ["fc", {"width": float("nan")}]),
        with_part(0, ["fc", {"width": 0}]).replace("0", "1e999", 1),
        with_part(0, ["fc", {"width": 0}]).replace("0", "9" * 5000, 1),
        with_part(4, [1.5]),
        with_part(4, [-1]),
        with_part(4, "123"),
        with_part(5, "10"),
        with_part(5, None),
        with_part(5, True),
        with_part(6, [1]),
        with_part(7, [["b", "F33", [1]]]),
        with_part(7, [["b", "F32", [-1]]]),
        with_part(7, [["b", "F32", [1] * 65]]),
        with_part(7, [["b", "F32"]]),
    ],
)
def test_unsound_specs(text):
    with pytest.raises(FileError):
        Spec.unpack(deflated(text.encode()))


def test_spec_must_end_where_it_says():
    for data in (FC.pack() + b"\0", FC.pack()[:-1], b"", b"\xff\xff", deflated(b"[]")[:-1]):
        with pytest.raises(FileError):
            Spec.unpack(data)


def test_dictionary_is_frozen():
    # Files of format 1 exist: a change here would make them unreadable.
    assert zlib.crc32(DICTIONARY) == 3494126041


def test_golden_file():
    # The bytes of docs/file-format.md, as another writer would make them with stored deflate blocks.
    text = json.dumps(ROW, separators=(",", ":")).encode()
    spec = b"\x01" + struct.pack("<HH", len(text), len(text) ^ 0xFFFF) + text
    body = b"idim" + bytes([1, 1, 0, 0x80, 0x80, 0x04, 1, 0, 1, 2]) + struct.pack("<If", 7, 0.25)
    length = bytes([len(spec) & 0x7F | 0x80, len(spec) >> 7])
    content = unpack(sealed(body + length + spec + struct.pack("<f", 3.0)))
    assert content == Content(65536, 1, Seeds(theta0=0, projector=1, data=2), 7, 0.25, FC, b"\0\0\x40\x40")
