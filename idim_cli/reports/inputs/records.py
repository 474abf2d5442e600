"""What lies beside each compressed file: its record, read without trust in what it says."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from idim_cli.compression import bounds
from idim_cli.compression.bounds import Bound
from idim_cli.compression.format import files as compressed
from idim_cli.core import bounded_io, untrusted_text
from idim_cli.core.errors import FileError
from idim_cli.runs import results

_ENDING = results.COMPRESSED + results.RECORD
_AGAIN = "write the file anew with `idim compress`"
_BYTES = 2**22  # of a record
_EXAMPLES = 10**9  # in a training split
_Count = Annotated[int, Field(gt=0)]
_Levels = Annotated[int | None, Field(ge=2)]
_Score = Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True)
class TrialRecord:
    """A file that was looked at on the way: values of each coordinate (None: float32), size, performance."""

    d: _Count
    levels: _Levels
    how: str
    bytes: _Count
    performance: _Score | None
    run_id: str | None = None


@dataclass(frozen=True)
class StoredForm:
    """Another way to store the network, as `idim compress --compare` tried it."""

    form: str
    bytes: _Count
    performance: _Score | None


@dataclass(frozen=True)
class CompressedRecord:
    """What `idim compress` knows of a file that it wrote; field by field as documents.yaml says."""

    path: Path
    bytes: _Count
    digest: str
    D: _Count
    d: _Count
    levels: _Levels
    how: str
    dataset: str
    model: str
    projector: str
    recipe: str
    performance: _Score | None
    own: _Score | None
    metric: str | None
    score_on: str | None
    goal: str
    baseline: _Score | None
    bound: Bound | None
    tried: list[TrialRecord]
    level: _Score | None = None
    max_bytes: _Count | None = None
    compared: list[StoredForm] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """How many times smaller than D numbers of four bytes."""
        return 4 * self.D / self.bytes

    @property
    def bits(self) -> float:
        """Length of a description of the network: its prefix-free code, or the whole file without a bound."""
        return self.bound.bits if self.bound else 8 * self.bytes

    @property
    def measure(self) -> str:
        """What the performance is, such as "validation accuracy"."""
        return " ".join(filter(None, (self.score_on, self.metric))) or "performance"

    @property
    def trained(self) -> list[TrialRecord]:
        """The trainings with few values that were scored."""
        return [one for one in self.tried if one.how == "trained" and one.performance is not None]


def alone(place: Path) -> bool:
    """Whether a path names one compressed file, or the record of one, and not runs."""
    return place.name.endswith((results.COMPRESSED, _ENDING)) and not place.is_dir()


def find(places: Iterable[Path]) -> tuple[list[CompressedRecord], list[FileError]]:
    """The records at these places and below them, each once, and what is wrong with those left out.

    They are in the order of their problems, the smallest file of each first.
    """
    found, faults, seen = [], [], set()
    for path in (path for place in places for path in files(place)):
        if path.resolve() in seen:
            continue
        seen.add(path.resolve())
        try:
            found.append(read(path))
        except FileError as error:
            faults.append(error)
    return sorted(found, key=lambda one: (one.dataset, one.model, one.bytes, one.path)), faults


def files(place: Path) -> list[Path]:
    """The records at a place and below it, whether or not they can be read."""
    if place.is_dir():
        return sorted(place.rglob(f"*{_ENDING}"))
    if not alone(place):
        return []
    return [place if place.name.endswith(_ENDING) else place.with_name(place.name + results.RECORD)]


def read(path: Path) -> CompressedRecord:
    """The record of a file; `path` is its own.

    Raises:
        FileError: it is damaged, or its file is gone or another one.
    """
    file = path.with_name(path.name.removesuffix(results.RECORD))
    try:
        found = TypeAdapter(CompressedRecord).validate_json(_text(path), strict=True)
    except OSError as error:
        raise FileError(f"{path}: {error.strerror}", _AGAIN) from error
    except ValueError as error:
        if not isinstance(error, ValidationError):
            raise FileError(f"{path} is damaged: {error}", _AGAIN) from error
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise FileError(
            f"{path} is damaged: {where + ': ' if where else ''}{first['msg']}", _AGAIN
        ) from error
    if not _possible(found):
        raise FileError(f"{path} is damaged: its numbers contradict each other", _AGAIN)
    if not file.is_file():
        raise FileError(f"{path}: the file {file.name} is gone", _AGAIN)
    if (size := file.stat().st_size) != found.bytes:
        raise FileError(f"{path} tells of {found.bytes:,} bytes, {file.name} has {size:,}", _AGAIN)
    if compressed.digest(file) != found.digest:
        raise FileError(f"{path} tells of another {file.name}", _AGAIN)
    return replace(found, path=file)


def _text(path: Path) -> str:
    return json.dumps(untrusted_text.loads(bounded_io.read_bytes(path, _BYTES)))


def _possible(found: CompressedRecord) -> bool:
    """Whether its numbers can be those of a file; NaN is in no range."""
    bound = found.bound
    if bound is None or found.d > found.D:
        return found.d <= found.D
    counts = 0 <= bound.wrong <= bound.n > 0 and bound.n <= _EXAMPLES and 0 < bound.bits < math.inf
    return counts and 0 < bound.delta < 1 and _follows(bound)


def _follows(said: Bound) -> bool:
    """Whether the bounds are what the counts and bits prove."""
    proved = bounds.bound(said.wrong, said.n, said.bits, said.delta)
    pairs = (said.binomial, proved.binomial), (said.pac_bayes, proved.pac_bayes)
    return all(math.isclose(one, other, rel_tol=1e-6) for one, other in pairs)
