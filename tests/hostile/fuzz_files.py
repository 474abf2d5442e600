"""Damages recipes, result.json and plan.json in every way and reads them: soon, in little memory, or refused.

    python tests/hostile/fuzz_files.py recipe --mutations 100000 --seed 0
    python tests/hostile/fuzz_files.py result --mutations 100000 --seed 0
    python tests/hostile/fuzz_files.py plan --mutations 100000 --seed 0

Begins with the shipped recipes, the corpus of hostile ones, and a sound results folder. What is read must be
read again from what is written of it; every hundredth table is read to its d_int.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import random
import re
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recipe_cases import ACCEPTED, HEAD, REFUSED
from results_cases import NASTY, build, first

from idim_cli import thresholds
from idim_cli.core.errors import IdimError, printable
from idim_cli.recipe.dump import dump, to_yaml
from idim_cli.recipe.find import shipped
from idim_cli.recipe.load import from_plain, loads
from idim_cli.recipe.schema import Recipe
from idim_cli.runs import results

SECONDS, BYTES = 2.0, 1 << 28  #: of the processor for one file, and of memory for all, at most
_LARGEST = 20_000  # bytes of a file to begin with
_WORDS = [
    *("null", "true", "-1", "0", "1.5", "1e999", ".nan", "NaN", "Infinity", '""', "[]", "{}", "[", "]"),
    *("{", "}", ",", ":", ": ", "\n", "\n  ", "- ", "<<: ", "*a", "&a ", "!!int ", "? ", "| ", "> ", "'"),
    *("9" * 40, "9" * 400, "9" * 5000, "[" * 60, "{a: " * 60, "a." * 60 + "b", '"\\U00110000"', '"'),
    *("fc", "lenet", "layerwise", "adaptive", "./m.py:f", "os:abort", "__main__:x", "mnist", "../../x"),
    *("d", "seeds", "sweep", "over", "from", "to", "steps", "epochs", "name", "performance", "status"),
    *(json.dumps(NASTY), json.dumps(10**400), "1e308", "-1e308", "5e-324", "18446744073709551616", "\\ud800"),
]
_TOKEN = re.compile(rb'"[^"]*"|[\w.-]+|\s+|.', re.DOTALL)


def flip(rng: random.Random, data: bytearray, seeds: list[bytes]) -> bytearray:
    """One bit."""
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return data


def cut(rng: random.Random, data: bytearray, seeds: list[bytes]) -> bytearray:
    """The end is lost, or a piece from within."""
    start, stop = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    return data[:start] + (data[stop:] if rng.random() < 0.5 else b"")


def repeat(rng: random.Random, data: bytearray, seeds: list[bytes]) -> bytearray:
    """A piece of the file, many times."""
    start = rng.randrange(len(data) + 1)
    piece = data[start : start + rng.choice([1, 2, 5, 30])]
    return data[:start] + piece * rng.choice([1, 2, 50, 2000]) + data[start:]


def splice(rng: random.Random, data: bytearray, seeds: list[bytes]) -> bytearray:
    """The head of one file and the tail of another."""
    other = rng.choice(seeds)
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]


def word(rng: random.Random, data: bytearray, seeds: list[bytes]) -> bytearray:
    """Another word in the place of one, before it or behind it."""
    spans = [match.span() for match in _TOKEN.finditer(bytes(data))] or [(0, 0)]
    start, stop = rng.choice(spans)
    new = rng.choice(_WORDS).encode("utf-8", "surrogatepass")
    return data[: rng.choice([start, stop])] + new + data[rng.choice([stop, stop, start]) :]


MUTATIONS = [flip, cut, repeat, splice, word, word, word, word]


def mutate(rng: random.Random, seeds: list[bytes]) -> bytes:
    """A damaged file."""
    data = bytearray(rng.choice(seeds))
    for _ in range(rng.choice([1, 1, 2, 3, 6])):
        data = rng.choice(MUTATIONS)(rng, data, seeds)
    return bytes(data)


def recipe(data: bytes) -> str:
    """How a recipe fares; what is read must come back from YAML and from JSON."""
    try:
        found = loads(data.decode("utf-8", "replace"), "fuzz.yaml").recipe
    except IdimError as error:
        return _refused(error)
    again = [loads(to_yaml(found)).recipe, from_plain(json.loads(json.dumps(dump(found))), "again").recipe]
    assert {_content(one) for one in again} == {_content(found)}, "it does not come back"
    return "read"


def _content(recipe: Recipe) -> str:
    """As text, because NaN equals nothing; the order of a mapping's keys means nothing."""
    return repr(_ordered(recipe.model_dump()))


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value)}
    return [_ordered(one) for one in value] if isinstance(value, list | tuple) else value


class Folder:
    """A results folder of which one file is damaged."""

    def __init__(self, name: str) -> None:
        self.folder = build(Path("small"))
        self.path = first(self.folder) if name == "result" else self.folder / results.PLAN
        self.turn = 0

    def __call__(self, data: bytes) -> str:
        """How the folder fares."""
        self.path.write_bytes(data)
        self.turn += 1
        try:
            table = results.table(self.folder)
            text = results.to_csv(table)
            assert printable(text, "\n") == text, "a cell that cannot be printed"
            if self.turn % 100 == 0:
                for one in thresholds.threshold(table, thresholds.Options()):
                    json.dumps(one.as_dict(), allow_nan=False)
        except IdimError as error:
            return _refused(error)
        return f"read {len(table)} runs"


def _refused(error: IdimError) -> str:
    assert error.exit_code in (2, 3), error
    return "refused: " + re.sub(r"'.*'|\".*\"|\d[\d,.]*", "#", str(error).splitlines()[0])[:50]


def starts(kind: str) -> list[bytes]:
    """What to begin with."""
    if kind == "recipe":
        own = [
            HEAD,
            *ACCEPTED.values(),
            *REFUSED.values(),
            *(path.read_text() for path in shipped().values()),
        ]
        whole = [text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass") for text in own]
        return [data for data in whole if len(data) < _LARGEST]
    return [Folder(kind).path.read_bytes()]


def fuzz(kind: str, mutations: int, seed: int) -> tuple[Counter[str], float, int]:
    """So many damaged files; AssertionError, with its bytes, for one that is met in a wrong way.

    Returns:
        how they fared, the seconds of the slowest, and the bytes by which memory grew.
    """
    rng, seeds, fared = random.Random(seed), starts(kind), Counter[str]()
    examine: Callable[[bytes], str] = recipe if kind == "recipe" else Folder(kind)
    for data in seeds:
        met(examine, data)  # so that all is imported
    before, slowest = _most_bytes(), 0.0
    for _ in range(mutations):
        how, spent = met(examine, mutate(rng, seeds))
        fared[how] += 1
        slowest = max(slowest, spent)
        assert _most_bytes() - before < BYTES, f"memory grew by {_most_bytes() - before:,} bytes"
    return fared, slowest, _most_bytes() - before


def met(examine: Callable[[bytes], str], data: bytes) -> tuple[str, float]:
    """How one file fares, and the seconds that it took."""
    start = time.process_time()
    try:
        how = examine(data)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise AssertionError(f"{type(error).__name__}: {error}\n--replay {data.hex()}") from error
    spent = time.process_time() - start
    assert spent < SECONDS, f"{spent:.1f} s for one file\n--replay {data.hex()}"
    return how, spent


def _most_bytes() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    """Print how the files fared, and the limits that were met, as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("kind", choices=["recipe", "result", "plan"])
    parser.add_argument("--mutations", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--replay", type=bytes.fromhex, help="one file, in hexadecimal")
    given = parser.parse_args()
    logging.getLogger("idim_cli").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        os.environ.pop("IDIM_DATA", None)
        if given.replay is not None:
            print((recipe if given.kind == "recipe" else Folder(given.kind))(given.replay))
            return
        fared, slowest, grown = fuzz(given.kind, given.mutations, given.seed)
    for how, count in fared.most_common(40):
        print(f"{count:9,}  {how}")
    print(json.dumps({"files": given.mutations, "slowest_s": round(slowest, 3), "grown_bytes": grown}))


if __name__ == "__main__":
    main()
