"""docs/format.md is what files are: its tables, its decoder and the files that it takes apart."""

import json
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from idim_cli.compression.format import container, coordinates, shipped, spec
from idim_cli.compression.format.dictionary import DICTIONARY
from idim_cli.core.rng import Stream
from idim_cli.recipe.schema import Component, Seeds

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "format.md").read_text(encoding="utf-8")
GOLDEN = ROOT / "tests" / "codec" / "golden"
CODE = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| (\d+) \| `([0-9a-f ]+)` \| (.*) \|$", re.MULTILINE)
PARTS = dict(zip(*[iter(re.split(r"`tests/codec/golden/([\w-]+)\.idim`", PAGE)[1:])] * 2, strict=True))


def rows(name):
    """(place, bytes, meaning) of each row about a golden file."""
    found = ROW.findall(PARTS[name])
    return [(int(at), bytes.fromhex(data), meaning) for at, data, meaning in found]


def reader():
    """The page's own decoder."""
    names = {}
    exec(CODE[0], names)
    return names["decode"]


@pytest.mark.parametrize("name", PARTS)
def test_a_dissected_file_is_the_file(name):
    data, at = (GOLDEN / f"{name}.idim").read_bytes(), 0
    for place, part, meaning in rows(name):
        assert place == at
        assert data[at : at + len(part)] == part, meaning
        at += len(part)
    assert at == len(data)


def test_the_numbered_file_means_what_is_said():
    content = container.unpack(b"".join(part for _, part, _ in rows("mnist-fc-tied-uniform-3")))
    said = " ".join(meaning for _, _, meaning in rows("mnist-fc-tied-uniform-3"))
    values = re.findall(r"-?\d\.\d+", said)
    assert float(values[0]) == content.coords.book[0] == struct.unpack("<f", bytes.fromhex("0000493f"))[0]
    assert content.coords.table().tolist() == [float(values[1]), 0.0, float(values[2])]
    assert content.theta0 == int("5338", 16)
    assert content.probe == float(values[3])
    assert (content.D, content.coords.d, content.coords.levels) == (199_210, 100, 3)
    assert shipped.number(content.spec, content.D) == 16
    assert "37 bytes for 199,210 parameters" in PAGE


def test_the_described_file_means_what_is_said():
    found = rows("user-shape-exact")
    content = container.unpack(b"".join(part for _, part, _ in found))
    text = found[4][2].partition("`")[2].rstrip("`")
    assert zlib.decompressobj(-15, DICTIONARY).decompress(found[4][1]).decode() == text
    assert content.spec._row() == json.loads(text)
    assert content.coords.values().tolist() == np.float32([float(row[2]) for row in found[9:13]]).tolist()
    assert content.theta0 == int("ceac", 16)
    assert f"probe: {content.probe}" in found[14][2]
    assert f"D = {content.D}" in found[2][2]


def test_the_page_s_decoder_reads_every_golden_file():
    decode, read = reader(), 0
    for path in GOLDEN.glob("*.idim"):
        coords = container.unpack(path.read_bytes()).coords
        if coords.levels:
            read += 1
            assert bytes(decode(coords.code(), coords.d, coords.levels)) == coords.symbols
    assert read > 10


@pytest.mark.parametrize("levels", [2, 3, 16, 255, 256])
def test_the_page_s_decoder_reads_any_code(levels):
    symbols = Stream(0, "page").integers(700, levels).astype(np.uint8).tobytes()
    few = coordinates.Quantised((1.0,), symbols, levels)
    assert bytes(reader()(few.code(), 700, levels)) == symbols


def test_the_first_symbols_by_hand():
    (number,) = re.findall(r"2\^48 // 13 = ([\d,]+)", PAGE)
    unit = int(number.replace(",", ""))
    value = int("29d6e0e5a6a9", 16)
    assert unit == 2**48 // 13
    assert f"{value:,}, which is {value // unit} units" in PAGE
    assert (
        f"`unit` becomes {4 * unit // 15:,}, `value` is {value // (4 * unit // 15)} of them"
        in PAGE.replace("\n", " ")
    )


def test_what_a_block_says_that_it_prints(capsys):
    exec("\n".join(CODE), {})
    assert capsys.readouterr().out.strip() == CODE[1].rpartition("# ")[2].strip()


def test_the_table_of_problems():
    table = re.findall(
        r"^\| (\d+) \| (fc|lenet)(?:, depth (\d), width (\d+))? \| (\w+) \| ([\dx ]+) \| ([\d,]+) \|$",
        PAGE,
        re.MULTILINE,
    )
    listed = {}
    for number, model, depth, width, dataset, shape, D in table:
        params = {"depth": int(depth), "width": int(width)} if depth else {}
        listed[int(number)] = (
            Component(name=model, params={**params, "dropout": 0.0}),
            dataset,
            [int(size) for size in shape.split("x")],
            int(D.replace(",", "")),
        )
    numbers = [number for number in shipped.numbers() if number % 16 == 0]
    assert listed.keys() == set(numbers)
    for number in numbers:
        found, D = shipped.named(number)
        assert listed[number] == (found.model, found.dataset.name, found.shape, D)


def test_the_table_of_projectors():
    table = re.findall(
        r"^\| (\d) \| (\w+)(.*) \|$", PAGE.partition("| plus |")[2].partition("\n\n")[0], re.MULTILINE
    )
    forms = {
        "": {},
        ", density 1/sqrt(D)": {"density": None},
        ", stacked": {"stacked": True},
        ", not stacked": {"stacked": False},
        ", not orthogonal": {"orthogonal": False},
        " (direct training: d = D)": {},
        ", of tied": {"inner": "tied"},
    }
    listed = {int(slot): Component(name=name, params=forms[form]) for slot, name, form in table}
    assert listed == {n - 16: shipped.named(n)[0].projector for n in shipped.numbers() if n < 32}


def test_limits():
    assert container.VERSION == 1
    for text in (
        f"at most\n{spec.LIMIT:,} bytes",
        f"at most {spec._AXES} axes",
        f"nesting deeper than {spec._DEPTH}",
        f"a byte for every {coordinates.MOST_PER_BYTE} coordinates",
        f"more than {coordinates.MOST_PER_BYTE} coordinates for each byte",
        f"L is 2 .. {coordinates.MOST_LEVELS}",
    ):
        assert text in PAGE


def test_sizes_of_the_paper_s_network():
    named, D = shipped.named(16)
    coords = Stream(0, "page/sizes").normals(750).astype(np.float32)
    content = container.Content(D, Seeds(), named, coordinates.Exact(coords), 0, 0.0)
    assert f"{4 * D:,} bytes" in PAGE
    assert f"every bit of theta_d has {len(container.pack(content)):,}" in PAGE.replace("\n", " ")
    symbols = np.clip(np.round(coords / 1.224) + 1, 0, 2).astype(np.uint8).tobytes()
    small = container.Content(D, Seeds(), named, coordinates.Quantised((1.0,), symbols, 3), 0, 0.0)
    (about,) = re.findall(r"it has about (\d+)", PAGE)
    assert len(container.pack(small)) == pytest.approx(int(about), abs=2)
    rest = len(container.pack(small)) - container.sizes(small)["coords"]
    assert f"everything else {rest} bytes" in PAGE
