"""Damages files in every way and decodes them: each must be read or refused, soon and in little memory.

    python tests/codec/fuzz.py --mutations 1000000 --seed 0

Each file may take two seconds of the processor and 256 MB more memory than all before it;
fuzz_checkpoints.py does the same to checkpoints.

Begins with the golden files and with those of corpus/, which were found by watching which lines of the
decoder a file reaches. Most get a new checksum, so that what lies behind it is met; networks that are small
enough are built, half of them as if the file's other checks were right too, as an adversary would make them.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import resource
import struct
import tempfile
import time
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from idim_cli.compression import rebuild
from idim_cli.compression.format import container, shipped, solution
from idim_cli.compression.format.binary import ByteReader, varint
from idim_cli.compression.format.dictionary import DICTIONARY
from idim_cli.core.errors import CapacityError, DataError, FileError, IdimError

HERE = Path(__file__).parent
SECONDS, BYTES = 2.0, 1 << 28  #: of the processor and of memory for one file, at most; of memory for all too
_SMALL, _WORK = 20_000, 10_000_000  # D, and D x d, of networks that are built
_NUMBERS = [
    0,
    1,
    2,
    3,
    7,
    16,
    48,
    63,
    64,
    65,
    127,
    128,
    255,
    256,
    257,
    511,
    512,
    513,
    514,
    2410,
    65_535,
    199_210,
]
_NUMBERS += [2**20, 2**31, 2**32, 2**48, 2**62, 2**63 - 1, 2**63, 2**64]
_WORDS = [
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "null",
    "true",
    "-1",
    "0",
    "1.5",
    "1e999",
    "NaN",
    '""',
    '"fc"',
    '"toy"',
    "é",
]
_WORDS += [
    '"lenet"',
    '"width":',
    '"depth":',
    '"D":',
    '"dense"',
    '"identity"',
    '"layerwise"',
    '"inner":',
    "[[],[]]",
]
_WORDS += [
    '"./own.py:net"',
    '"os:abort"',
    '"torchvision:resnet18"',
    '"torchvision:alexnet"',
    '"pretrained":true',
]
_WORDS += ['"F32"', '"F16"', '"I64"', '"BOOL"', '["b","BOOL",[1]]', '"\\ud800"', "9" * 40, "[" * 40]

Data = bytearray
Mutation = Callable[[random.Random, Data, list[bytes]], Data]


def flip(rng: random.Random, data: Data, seeds: list[bytes]) -> Data:
    """One bit."""
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return data


def put(rng: random.Random, data: Data, seeds: list[bytes]) -> Data:
    """One byte, often one at an end of a range."""
    if data:
        data[rng.randrange(len(data))] = rng.choice([0, 1, 0x7F, 0x80, 0xFE, 0xFF, rng.randrange(256)])
    return data


def cut(rng: random.Random, data: Data, seeds: list[bytes]) -> Data:
    """The end is lost, or a piece from within."""
    start, stop = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    return data[:start] + (data[stop:] if rng.random() < 0.5 else b"")


def insert(rng: random.Random, data: Data, seeds: list[bytes]) -> Data:
    """Bytes from nowhere, or a piece of the file once more, or many times."""
    at, size = rng.randrange(len(data) + 1), rng.choice([1, 2, 4, 9, 30])
    piece = data[at : at + size] if rng.random() < 0.5 else rng.randbytes(size)
    return data[:at] + piece * rng.choice([1, 1, 1, 2, 40]) + data[at:]


def splice(rng: random.Random, data: Data, seeds: list[bytes]) -> Data:
    """The head of one file and the tail of another."""
    other = rng.choice(seeds)
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]


def number(rng: random.Random, data: Data, seeds: list[bytes]) -> Data:
    """Another number in the header."""
    if not (parts := fields(bytes(data))):
        return flip(rng, data, seeds)
    spelt = varint(rng.choice(_NUMBERS))
    if rng.random() < 0.1:  # a group too many
        spelt = spelt[:-1] + bytes([spelt[-1] | 0x80, 0])
    names = [name for name in ("number", "D", "d", "theta0", "projector", "kind") if name in parts]
    return Data(b"".join({**parts, rng.choice(names): spelt}.values()))


def describe(rng: random.Random, data: Data, seeds: list[bytes]) -> Data:
    """Other words in the description."""
    parts = fields(bytes(data))
    if "spec" not in parts:
        return number(rng, data, seeds)
    try:
        text = zlib.decompressobj(-15, DICTIONARY).decompress(parts["spec"], 1 << 16).decode("latin-1")
    except zlib.error:
        return flip(rng, data, seeds)
    for _ in range(rng.choice([1, 1, 2, 4])):
        start, stop = rng.choice(
            [match.span() for match in re.finditer(r'"[^"]*"|[\w.-]+|.', text)] or [(0, 0)]
        )
        text = (
            text[:start] + rng.choice([*_WORDS, "", text[start:stop] * 2]) + text[rng.choice([start, stop]) :]
        )
    squeeze = zlib.compressobj(rng.choice([0, 9]), zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, DICTIONARY)
    spec = squeeze.compress(text.encode("utf-8", "replace")) + squeeze.flush()
    return Data(b"".join({**parts, "length": varint(len(spec)), "spec": spec}.values()))


def fields(body: bytes) -> dict[str, bytes]:
    """The parts of a file without its checksum; empty if its header is none."""
    reader = ByteReader(body, 2)

    def one() -> bytes:
        start = reader.at
        reader.varint()
        return body[start : reader.at]

    try:
        parts = {"mark": body[:2], "number": one()}
        if parts["number"] == b"\0":
            parts["D"], parts["length"] = one(), one()
            parts["spec"] = reader.take(ByteReader(parts["length"]).varint())
        parts |= {name: one() for name in ("d", "theta0", "projector", "kind")}
    except FileError:
        return {}
    return {**parts, "rest": reader.rest()}


MUTATIONS: list[Mutation] = [flip, flip, put, cut, insert, splice, number, number, describe, describe]


def mutate(rng: random.Random, seeds: list[bytes]) -> bytes:
    """A damaged file; three of four have the checksum that belongs to them."""
    seed = rng.choice(seeds)
    body, checksum = Data(seed[:-4]), seed[-4:]
    for _ in range(rng.choice([1, 1, 1, 2, 3, 6])):
        body = rng.choice(MUTATIONS)(rng, body, seeds)
    if rng.random() < 0.95:  # else little is met but the lack of a mark
        body[:2] = seed[:2]
    return bytes(body) + (struct.pack("<I", zlib.crc32(body)) if rng.random() < 0.75 else checksum)


def examine(data: bytes, as_if_right: bool = False) -> str:
    """How a file fares, in a few words; any error but a refusal comes up.

    Args:
        data: the file.
        as_if_right: build its network as if its start and its P were as it states.
    """
    try:
        content = container.unpack(data)
    except IdimError as error:
        return refused(error)
    packed = container.pack(content)
    assert container.pack(container.unpack(packed)) == packed, "it changes when it is written again"
    if shipped.number(content.spec, content.D) and fields(data)["number"] != b"\0":
        assert packed == data, "it has two spellings"
    try:
        found = solution.of(container.unpack(data, rebuild.admit(False)))
        if content.D > _SMALL or content.D * content.coords.d > _WORK:
            return "read"
        with right(found) if as_if_right else nullcontext():
            rebuild.rebuild(found)
    except IdimError as error:
        return refused(error)
    return "grown"


@contextmanager
def right(found: solution.Solution) -> Iterator[None]:
    """Within it the checks of a solution are those that would be computed."""
    assert found.checks is not None
    with (
        mock.patch.object(rebuild, "checksum", return_value=found.checks[0]),
        mock.patch.object(rebuild, "_TOLERANCE", float("inf")),
    ):
        yield


def refused(error: IdimError) -> str:
    """The kind of a refusal, without its numbers and names."""
    assert isinstance(error, FileError | CapacityError | DataError), f"{type(error).__name__}: {error}"
    assert "Warning" not in str(error), error
    words = re.sub(r"'.*'|\".*\"|\[.*\]|\d[\d,.]*", "#", str(error))
    return "refused: " + words.removeprefix("damaged .idim file: ")[:60]


@dataclass
class Report:
    """What a run met: how files fared, the slowest of them, and how much memory grew."""

    fared: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    grown_bytes: int = 0

    def as_dict(self) -> dict[str, object]:
        count = {word: sum(n for how, n in self.fared.items() if how.startswith(word)) for word in _WAYS}
        return {
            **count,
            "slowest_s": round(self.slowest, 3),
            "grown_bytes": self.grown_bytes,
            "kinds": len(self.fared),
        }


_WAYS = ("grown", "read", "refused")


def starts() -> list[bytes]:
    """Corpus, and golden files three times as often, in order of name."""
    folders = ("golden", "golden", "golden", "corpus")
    return [path.read_bytes() for folder in folders for path in sorted((HERE / folder).glob("*.idim"))]


def fuzz(
    mutations: int,
    seed: int,
    seeds: list[bytes] | None = None,
    how: Callable[[bytes, bool], str] | None = None,
    damage: Callable[[random.Random, list[bytes]], bytes] | None = None,
) -> Report:
    """So many damaged files; AssertionError for one that is met in a wrong way, with its bytes.

    Args:
        mutations, seed: how many, and which.
        seeds, how, damage: the files to begin with, how one fares, and what damages them; .idim files.
    """
    seeds, how, damage = seeds or starts(), how or examine, damage or mutate
    rng, report = random.Random(seed), Report()
    for data in seeds:
        met(data, False, report, how)  # so that all is imported and compiled
    before, report = _most_bytes(), Report()
    for turn in range(mutations):
        met(damage(rng, seeds), turn % 2 == 0, report, how)
    report.grown_bytes = _most_bytes() - before
    assert report.grown_bytes < BYTES, f"memory grew by {report.grown_bytes:,} bytes"
    return report


def met(
    data: bytes, as_if_right: bool, report: Report, how: Callable[[bytes, bool], str] | None = None
) -> None:
    """Examine one file."""
    start, before = time.process_time(), _most_bytes()
    try:
        fared = (how or examine)(data, as_if_right)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too, which code of a file might raise
        raise AssertionError(f"{type(error).__name__}: {error}\n--replay {data.hex()}") from error
    spent, grown = time.process_time() - start, _most_bytes() - before
    assert spent < SECONDS, f"{spent:.1f} s for one file\n--replay {data.hex()}"
    assert grown < BYTES, f"{grown:,} bytes of memory for one file\n--replay {data.hex()}"
    report.fared[fared] += 1
    report.slowest = max(report.slowest, spent)


def _most_bytes() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@contextmanager
def apart() -> Iterator[None]:
    """A folder where code that a file names would end the process; sums that overflow are errors."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        Path(folder, "own.py").write_text("raise SystemExit('code of a file was run')\n")
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)


def main(
    about: str,
    how: Callable[[bytes, bool], str] = examine,
    run: Callable[[int, int], Report] = fuzz,
) -> None:
    """Print what was met as JSON, and each way with its number."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--mutations", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--replay", type=bytes.fromhex, help="one file, in hexadecimal")
    given = parser.parse_args()
    with apart():
        if given.replay is not None:
            print(how(given.replay, False), how(given.replay, True), sep="\n")
            return
        start = time.perf_counter()
        report = run(given.mutations, given.seed)
    for fared, count in report.fared.most_common():
        print(f"{count:9,}  {fared}")
    print(json.dumps({**report.as_dict(), "seconds": round(time.perf_counter() - start, 1)}))


if __name__ == "__main__":
    main((__doc__ or "").splitlines()[0])
