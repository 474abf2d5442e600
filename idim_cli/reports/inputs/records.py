"""Finding and reading the records of compressed files, without trust in what they say."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from idim_cli.compression import bounds
from idim_cli.compression.format import files as compressed
from idim_cli.compression.record import Compressed
from idim_cli.core import bounded_io, untrusted_text
from idim_cli.core.errors import FileError
from idim_cli.runs import results

_ENDING = results.COMPRESSED + results.RECORD
_AGAIN = "write the file again with `idim compress`"
_BYTES = 2**22  # of a record; those of a frontier of hundreds of trainings have some 100 kB
# Training examples of a bound: computing it takes time and memory that grow with a count made up by others.
_EXAMPLES = 10**9


def is_compressed(place: Path) -> bool:
    """Whether a path names one compressed file, or the record of one, and not runs."""
    return place.name.endswith((results.COMPRESSED, _ENDING)) and not place.is_dir()


def find(places: Iterable[Path]) -> tuple[list[Compressed], list[FileError]]:
    """The records at these paths and below them, each once, and the errors of those left out.

    They are sorted by problem, the smallest file of each first.
    """
    found, faults = [], []
    unique: dict[Path, Path] = {}  # a file may be given twice, or by itself and with its folder
    for path in (path for place in places for path in files(place)):
        unique.setdefault(path.resolve(), path)
    for path in unique.values():
        try:
            found.append(read(path))
        except FileError as error:
            faults.append(error)
    return sorted(found, key=lambda one: (one.dataset, one.model, one.bytes, one.path)), faults


def files(place: Path) -> list[Path]:
    """The records at a path and below it, whether or not they can be read."""
    if place.is_dir():
        return sorted(place.rglob(f"*{_ENDING}"))
    if not is_compressed(place):
        return []
    return [place if place.name.endswith(_ENDING) else place.with_name(place.name + results.RECORD)]


def read(path: Path) -> Compressed:
    """The record of a file; `path` is its own.

    Raises:
        FileError: it is damaged, or its file is missing or another one.
    """
    file = path.with_name(path.name.removesuffix(results.RECORD))
    try:
        # Through `untrusted_text`, which makes names of others safe to print.
        text = json.dumps(untrusted_text.loads(bounded_io.read_bytes(path, _BYTES)))
        # strict: a text is no number, and a number no truth value.
        found = TypeAdapter(Compressed).validate_json(text, strict=True)
    except OSError as error:
        raise FileError(f"{path}: {error.strerror}", _AGAIN) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        reason = f"{where}: {first['msg']}" if where else first["msg"]
        raise FileError(f"{path} is damaged: {reason}", _AGAIN) from error
    except ValueError as error:
        raise FileError(f"{path} is damaged: {error}", _AGAIN) from error
    if not _possible(found):
        raise FileError(f"{path} is damaged: its numbers contradict each other", _AGAIN)
    if not file.is_file():
        raise FileError(f"{path}: the file {file.name} is missing", _AGAIN)
    # Before the digest, which reads the whole file.
    if (size := file.stat().st_size) != found.bytes:
        raise FileError(f"{path} describes {found.bytes:,} bytes, but {file.name} has {size:,}", _AGAIN)
    if compressed.digest(file) != found.digest:
        raise FileError(f"{path} describes another {file.name}", _AGAIN)
    # File and record may have been moved together since they were written.
    return replace(found, path=file)


def _possible(found: Compressed) -> bool:
    """Whether its numbers can be those of a file; NaN is in no range."""
    said = found.bound
    if said is None or found.d > found.D:
        return found.d <= found.D
    counts = 0 <= said.wrong <= said.n > 0 and said.n <= _EXAMPLES and 0 < said.bits < math.inf
    if not counts or not 0 < said.delta < 1:
        return False
    # The bounds must be those that the counts and bits prove.
    proved = bounds.bound(said.wrong, said.n, said.bits, said.delta)
    pairs = (said.binomial, proved.binomial), (said.pac_bayes, proved.pac_bayes)
    # 1e-6: special functions differ in their last digits between versions of scipy.
    return all(math.isclose(one, other, rel_tol=1e-6) for one, other in pairs)
