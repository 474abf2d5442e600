"""Damages checkpoints in every way and reads them: each must be read or refused, soon and in little memory.

    python tests/codec/fuzz_checkpoints.py --mutations 100000 --seed 0

Most get the checksum that belongs to them, as a stranger would make it, so that what lies behind it is met.
Half of those that are read are built; code that they name would end the process. Limits are those of fuzz.py.
"""

from __future__ import annotations

import json
import random
import re
import tempfile
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import fuzz
import safetensors.torch
import torch
from codec_cases import DIGITS, NUMBERED, few, write_checkpoint

from idim_cli.compression import from_checkpoint, rebuild
from idim_cli.core import tensor_digest
from idim_cli.core.errors import USAGE, IdimError
from idim_cli.runs.checkpoint import FORMAT
from idim_cli.runs.results import CHECKPOINT

_SMALL, _WORK = 20_000, 10_000_000  # D, and D x d, of networks that are built
_KEYS = ("recipe", "D", "d", "shape", "classes", "state", "run_id", "format", "mark")
_VALUES: list[Any] = [
    None,
    True,
    -1,
    0,
    1,
    2,
    48,
    2410,
    2**31,
    2**40,
    2**63,
    10**400,
    0.5,
    1e308,
    "",
    "x",
    [],
    {},
]
_VALUES += [
    [1, 8, 8],
    [2**40],
    [-1],
    [[1]],
    {"a": 1},
    ["*"],
    ["[" * 199],
    ["[" * 40_000],
    "os:abort",
    "./own.py:net",
]
_VALUES += [
    {"name": "fc", "depth": 40_000},
    {"name": "fc", "depth": 1000, "width": 10**6},
    "torchvision:resnet18",
]
_VALUES += [
    {"name": "os:abort", "x": 1},
    {"name": "layerwise", "inner": "os:abort"},
    {"levels": 3},
    "toy",
    "dense",
]
_DTYPES = ("F32", "F64", "F16", "BF16", "I64", "I8", "U8", "BOOL", "F8_E4M3", "C64", "X")
Damage = Callable[[random.Random, dict[str, Any], bytes], tuple[dict[str, Any], bytes]]


@cache
def starts() -> tuple[bytes, ...]:
    """Checkpoints of each kind."""
    texts = [DIGITS.replace("PROJECTOR", kind) for kind in ("tied", "sparse", "fastfood", "dense")]
    texts += [few(texts[0], 3), few(texts[0], 16, "kmeans"), NUMBERED.replace("PROJECTOR", "tied")]
    texts += [
        texts[0] + "trainable: ['output.*']\n",
        DIGITS.replace("PROJECTOR", "identity").replace("d: 12", ""),
    ]
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for text in texts:
            write_checkpoint(text, Path(folder))
            found.append((Path(folder) / CHECKPOINT).read_bytes())
    return tuple(found)


def parts(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Header and bytes of the tensors; an empty header if there is none."""
    size = int.from_bytes(data[:8], "little")
    try:
        header = json.loads(data[8 : 8 + size]) if size < len(data) else {}
    except (ValueError, RecursionError):
        header = {}
    return (header if isinstance(header, dict) else {}), data[8 + size :]


def whole(header: dict[str, Any], tensors: bytes) -> bytes:
    """The file of both."""
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + tensors


def said(rng: random.Random, header: dict[str, Any], tensors: bytes) -> tuple[dict[str, Any], bytes]:
    """Another value somewhere in the metadata, or none."""
    text = header.setdefault("__metadata__", {})
    key = rng.choice(_KEYS)
    if key == "recipe" or rng.random() < 0.5:
        recipe = tree(text.get("recipe", "{}"))
        node = recipe
        while isinstance(node, dict) and node:
            name = rng.choice([*node, "start", "trainable", "quantise"])
            if isinstance(node.get(name), dict) and rng.random() < 0.6:
                node = node[name]
            else:
                node[name] = rng.choice(_VALUES)
                break
        text["recipe"] = json.dumps(recipe)
    elif rng.random() < 0.2:
        text.pop(key, None)
    else:
        text[key] = json.dumps(rng.choice(_VALUES))
    return header, tensors


def tree(text: object) -> Any:
    """The values of a piece of metadata; none if it is no JSON."""
    try:
        return json.loads(str(text))
    except (ValueError, RecursionError):
        return {}


def words(rng: random.Random, header: dict[str, Any], tensors: bytes) -> tuple[dict[str, Any], bytes]:
    """Other words in the metadata."""
    text = header.setdefault("__metadata__", {})
    if not text:
        return header, tensors
    key = rng.choice(list(text))
    spans = [found.span() for found in re.finditer(r'"[^"]*"|[\w.-]+|.', str(text[key]))] or [(0, 0)]
    start, stop = rng.choice(spans)
    text[key] = str(text[key])[:start] + rng.choice([*fuzz._WORDS, ""]) + str(text[key])[stop:]
    return header, tensors


def described(rng: random.Random, header: dict[str, Any], tensors: bytes) -> tuple[dict[str, Any], bytes]:
    """A tensor of another name, dtype, shape or place."""
    names = [name for name in header if name != "__metadata__"]
    if not names:
        return header, tensors
    name = rng.choice(names)
    entry = header[name] if isinstance(header[name], dict) else {}
    what = rng.choice(["name", "dtype", "shape", "data_offsets", "gone"])
    if what in ("name", "gone"):
        header.pop(name)
        if what == "name":
            header[rng.choice(["coords", "book", "buffer/x", "", "loss_sum"])] = entry
    else:
        entry[what] = {
            "dtype": rng.choice(_DTYPES),
            "shape": rng.choice([[], [0], [2**40], [1, 12], [3, 4], [-1], [12], [2**63]]),
            "data_offsets": [rng.choice(fuzz._NUMBERS), rng.choice(fuzz._NUMBERS)],
        }[what]
    return header, tensors


def numbers(rng: random.Random, header: dict[str, Any], tensors: bytes) -> tuple[dict[str, Any], bytes]:
    """Other bits in the tensors."""
    return header, bytes(
        rng.choice([fuzz.flip, fuzz.put, fuzz.cut, fuzz.insert])(rng, bytearray(tensors), [tensors])
    )


def mutate(rng: random.Random, seeds: list[bytes]) -> bytes:
    """A damaged checkpoint; three of four have the checksum that belongs to them, where they can have one."""
    data = rng.choice(seeds)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        if rng.random() < 0.25:
            data = bytes(
                rng.choice([fuzz.flip, fuzz.put, fuzz.cut, fuzz.insert, fuzz.splice])(
                    rng, bytearray(data), seeds
                )
            )
        else:
            header, tensors = parts(data)
            data = whole(*rng.choice([said, said, said, words, described, numbers])(rng, header, tensors))
    return sealed(data) if rng.random() < 0.75 else data


def sealed(data: bytes) -> bytes:
    """The same with the right checksum, if its tensors can be read."""
    header, tensors = parts(data)
    text = header.get("__metadata__")
    if not isinstance(text, dict) or not all(isinstance(value, str) for value in text.values()):
        return data
    try:
        held = safetensors.torch.load(data)
        stated = {key: value for key, value in text.items() if key not in ("format", "checksum")}
        text["checksum"] = tensor_digest.of(held, stated)
    except Exception:  # it is damaged: there is nothing to seal
        return data
    return whole({**header, "__metadata__": {**text, "format": FORMAT}}, tensors)


def examine(data: bytes, build: bool = False) -> str:
    """How a checkpoint fares, in a few words; any error but a refusal comes up."""
    path = Path(CHECKPOINT)
    path.write_bytes(data)
    try:
        found = from_checkpoint.read(path)
        if not build or found.D > _SMALL or found.D * found.d > _WORK:
            return "read"
        rebuild.rebuild(found)
    except IdimError as error:
        return refused(error)
    return "grown"


def refused(error: IdimError) -> str:
    """The kind of a refusal, without its numbers and names."""
    assert error.exit_code == USAGE, f"{type(error).__name__}: {error}"
    first = re.sub(r"'.*'|\".*\"|\[.*\]|/\S*|\d[\d,.]*", "#", str(error).splitlines()[0])
    return f"refused: {first[:60]}"


def run(mutations: int, seed: int) -> fuzz.Report:
    """So many damaged checkpoints, as `fuzz.fuzz`."""
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of numbers that overflow: they are damaged
        return fuzz.fuzz(mutations, seed, list(starts()), examine, mutate)


if __name__ == "__main__":
    fuzz.main((__doc__ or "").splitlines()[0], examine, run)
