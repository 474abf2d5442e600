import json
import math
import zlib

import pytest
from codec_cases import FC, deflated
from pydantic import ValidationError

from idim_cli.compression.format import solution, spec
from idim_cli.compression.format.dictionary import DICTIONARY
from idim_cli.compression.format.spec import LIMIT, NARROWER, WIDTHS, Buffer, Spec
from idim_cli.core.errors import FileError
from idim_cli.recipe.schema import Component

ROW = json.loads(zlib.decompressobj(-15, DICTIONARY).decompress(FC.pack()))


def part(at, value):
    return json.dumps([*ROW[:at], value, *ROW[at + 1 :]])


def nested(depth):
    return part(0, ["fc", {"a": "NEST"}]).replace('"NEST"', "[" * depth + "]" * depth)


def test_round_trip():
    buffers = [
        Buffer(name="é", dtype="I64", shape=[2, 0], stored="I16"),
        Buffer(name="", dtype="BOOL", shape=[]),
    ]
    full = FC.model_copy(update={"trainable": ["a.*"], "buffers": buffers})
    for one in (FC, full):
        assert Spec.unpack(one.pack()) == one
    assert full.buffer_bytes == 0 + 1


def test_what_specs_usually_say_is_short():
    assert len(FC.pack()) < 40


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        '"abcdefgh"',
        "[" * 100_000,
        json.dumps(ROW) + " []",
        json.dumps(ROW[:-1]),
        json.dumps([*ROW, 1]),
        part(0, "fc"),
        part(0, ["fc", []]),
        part(0, ["fc", {}, 1]),
        part(0, [1, {}]),
        part(0, ["fc", {"width": float("nan")}]),
        part(0, ["fc", {"width": 0}]).replace("0", "1e999", 1),
        part(0, ["fc", {"width": 0}]).replace("0", "9" * 5000, 1),
        part(4, [1.5]),
        part(4, [-1]),
        part(4, [0]),
        part(4, [True]),
        part(4, [2**48]),
        part(4, [9] * 65),
        part(4, "123"),
        part(5, "10"),
        part(5, None),
        part(5, True),
        part(5, 0),
        part(5, 2**48),
        part(6, [1]),
        part(7, [["b", "F33", [1]]]),
        part(7, [["b", "F32", [-1]]]),
        part(7, [["b", "F32", [1] * 65]]),
        part(7, [["b", "F32"]]),
        part(7, [["b", "F32", [], "F16", 1]]),
        part(7, [["b", "F32", [], None, 1]]),
        part(7, ["bFs"]),
        part(7, [7]),
        part(7, [["b", "F32", []], ["b", "F32", []]]),
        part(7, [["b", "F32", [2**24, 2**24]]]),
        part(7, [["b", "F32", [0, 2**47, 2**47]]]),
    ],
)
def test_unsound_specs(text):
    with pytest.raises(FileError, match="cannot be read"):
        Spec.unpack(deflated(text.encode()))


def test_depth_is_limited():
    assert Spec.unpack(deflated(nested(15).encode())).model.name == "fc"
    for depth in (30, 900):
        with pytest.raises(FileError):
            Spec.unpack(deflated(nested(depth).encode()))


def test_no_key_is_twice():
    text = part(0, ["fc", {"width": 1, "WIDTH": 2}])
    assert Spec.unpack(deflated(text.encode())).model.params == {"width": 1, "WIDTH": 2}
    with pytest.raises(FileError):
        Spec.unpack(deflated(text.replace("WIDTH", "width").encode()))


def test_text_is_utf_8():
    text = part(0, ["fc", {"path": "ü"}])
    for sound in (text, text.replace("\\u00fc", "ü")):
        assert Spec.unpack(deflated(sound.encode())).model.params == {"path": "ü"}
    bad = [text.encode("utf-16"), text.encode("utf-8-sig"), text.replace("\\u00fc", "ü").encode("latin-1")]
    bad += [text.replace("\\u00fc", half).encode() for half in ("\\ud800", "\\udc00")]
    bad += [text.replace("path", "\\ud800").encode()]
    for data in bad:
        with pytest.raises(FileError):
            Spec.unpack(deflated(data))


@pytest.mark.parametrize("dtype", WIDTHS)
@pytest.mark.parametrize("stored", WIDTHS)
def test_elements_are_stored_as_they_are_or_narrower(dtype, stored):
    text = part(7, [["b", dtype, [1], stored]])
    if stored in NARROWER.get(dtype, ()):
        assert WIDTHS[stored] < WIDTHS[dtype]
        assert Spec.unpack(deflated(text.encode())).buffer_bytes == WIDTHS[stored]
    else:
        with pytest.raises(FileError):
            Spec.unpack(deflated(text.encode()))


def test_every_dtype_has_a_width():
    assert {name: dtype.itemsize for name, dtype in solution.DTYPES.items()} == WIDTHS
    with pytest.raises(ValidationError):
        Buffer(name="b", dtype="F8", shape=[])


def test_a_bomb_is_refused():
    for data in (b" " * (LIMIT + 1), b'["' + b"a" * LIMIT + b'"]'):
        assert len(deflated(data)) < 2000
        with pytest.raises(FileError):
            Spec.unpack(deflated(data))


def test_a_description_too_long_is_not_written():
    long = FC.model_copy(update={"model": Component(name="fc", params={"path": "a" * LIMIT})})
    with pytest.raises(FileError, match="too long"):
        long.pack()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", {"\ud800": 1}, [[[]]]])
def test_what_could_not_be_read_is_not_written(value):
    if isinstance(value, list):
        for _ in range(30):
            value = [value]
    odd = FC.model_copy(update={"model": Component.model_construct(name="fc", params={"a": value})})
    with pytest.raises(FileError, match="does not fit"):
        odd.pack()


def test_the_largest_description_is_bounded_work():
    # A megabyte of numbers, which two kilobytes inflate to: refused before anybody multiplies them.
    text = part(4, [9]).replace("[9]", "[" + "9," * 400_000 + "9]")
    with pytest.raises(FileError):
        Spec.unpack(deflated(text.encode()))
    assert math.prod([2**48 - 1] * spec._AXES).bit_length() <= 48 * 64


def test_it_must_end_where_it_says():
    for data in (FC.pack() + b"\0", FC.pack()[:-1], b"", b"\xff\xff", deflated(b"[]")[:-1]):
        with pytest.raises(FileError):
            Spec.unpack(data)


def test_the_dictionary_is_frozen():
    # Files of format 1 exist: a change here would make them unreadable.
    assert zlib.crc32(DICTIONARY) == 3494126041
