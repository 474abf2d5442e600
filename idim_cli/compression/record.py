"""What is known of a compressed file that was written; the same is in FILE.idim.json next to it. No torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from idim_cli.compression.bounds import Bound
from idim_cli.runs import results

# Records are read from disk without trust, so each field says which values are possible (`reports.inputs`).
Count = Annotated[int, Field(gt=0)]
Levels = Annotated[int | None, Field(ge=2)]
Score = Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True)
class TrialRecord:
    """One of the files that were tried; `levels` is None for float32 coordinates."""

    d: Count
    levels: Levels
    how: str
    bytes: Count
    performance: Score | None
    run_id: str | None = None


@dataclass(frozen=True)
class StoredForm:
    """Another way to store the network, as `idim compress --compare` tries them."""

    form: str
    bytes: Count
    performance: Score | None


@dataclass(frozen=True)
class Compressed:
    """A file that was written.

    Attributes:
        path: the file.
        dataset, recipe, model, projector: names.
        D, d: native parameters and coordinates.
        levels: values that a coordinate takes; None if they are float32.
        how: ``exact``, ``rounded`` or ``trained`` coordinates.
        bytes: its size on disk.
        digest: of all of them.
        parts: bytes of header, book, coords, buffers, checks and checksum; they add up to `bytes`.
        performance: of the decoded network, in `metric`, on the split `score_on`; None without the data.
        metrics: all metrics there, by name.
        own: performance of the checkpoint.
        goal: what was requested, in words; ends in "; not reached" if the file, of a frontier, misses it.
        level: performance that the smallest file was requested for.
        max_bytes: size that the best file was requested for.
        baseline: performance that the target refers to.
        bound: what the size proves about errors on new data; None where performance is not accuracy.
        tried: all files that were tried.
        compared: other forms of the network.
        origin: what its run was made from (`idim_cli.runs.origin`); None if that is not known.
        warning: why the file may not expand elsewhere, or "".
    """

    path: Path
    dataset: str
    recipe: str
    model: str
    projector: str
    D: Count
    d: Count
    levels: Levels
    how: str
    bytes: Count
    digest: str
    parts: dict[str, int]
    performance: Score | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    own: Score | None = None
    metric: str | None = None
    score_on: str | None = None
    goal: str = ""
    level: Score | None = None
    max_bytes: Count | None = None
    baseline: Score | None = None
    bound: Bound | None = None
    tried: list[TrialRecord] = field(default_factory=list)
    compared: list[StoredForm] = field(default_factory=list)
    origin: Any = None
    warning: str = ""

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

    def as_dict(self) -> dict[str, Any]:
        """The fields as JSON can hold them, with `ratio` and the size of D float32 numbers."""
        return {**asdict(self), "path": str(self.path), "ratio": self.ratio, "native_bytes": 4 * self.D}

    def save(self) -> Compressed:
        """Write the record next to the file; returns itself."""
        text = json.dumps(self.as_dict(), indent=2, allow_nan=False)
        results.write_atomic(self.path.with_name(self.path.name + results.RECORD), text + "\n")
        return self
