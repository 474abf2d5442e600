"""A compressed file that was written, and what is known of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from idim_cli.compression import write
from idim_cli.compression.bounds import Bound
from idim_cli.compression.format import container, files
from idim_cli.compression.search.trial import Trial
from idim_cli.runs import results


@dataclass(frozen=True)
class Compressed:
    """A file that was written; the same is in FILE.json beside it.

    Attributes:
        path: the file.
        bytes: its size on disk.
        digest: of all of them.
        D, d: native parameters and coordinates.
        levels: values that a coordinate takes; None if they are float32.
        how: ``exact``, ``rounded`` or ``trained`` coordinates.
        ratio: D x 4 bytes over `bytes`.
        parts: bytes of header, book, coords, buffers, checks and checksum; they add up to `bytes`.
        performance: of the decoded network, in `metric`, on the split `score_on`; None without the data.
        metrics: all figures there, by name.
        own: performance of the checkpoint.
        goal: what was asked, in words; ends in "; not reached" if the file, of a frontier, does not do it.
        level: performance that the smallest file was wanted for.
        max_bytes: size that the best file was wanted for.
        baseline: performance that the target refers to.
        bound: what the size proves about errors on new data; None where performance is not accuracy.
        tried: all files that were looked at.
        compared: other forms of the network: `form`, `bytes`, `performance`.
        dataset, model, projector, recipe: names.
        origin: what its run was made from (`idim_cli.runs.origin`); None if that is not known.
        warning: why the file may not expand elsewhere, or "".
    """

    path: Path
    bytes: int
    digest: str
    D: int
    d: int
    levels: int | None
    how: str
    ratio: float
    parts: dict[str, int]
    dataset: str
    model: str
    projector: str
    recipe: str
    performance: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    own: float | None = None
    metric: str | None = None
    score_on: str | None = None
    goal: str = ""
    level: float | None = None
    max_bytes: int | None = None
    baseline: float | None = None
    bound: Bound | None = None
    tried: list[dict[str, Any]] = field(default_factory=list)
    compared: list[dict[str, Any]] = field(default_factory=list)
    origin: Any = None
    warning: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "path": str(self.path), "native_bytes": 4 * self.D}


def note(done: Compressed) -> Compressed:
    """Write what is known of a file beside it."""
    text = json.dumps(done.as_dict(), indent=2, allow_nan=False)
    results.write_atomic(done.path.with_name(done.path.name + results.RECORD), text + "\n")
    return done


def save(trial: Trial, out: Path, source: Path, **known: Any) -> Compressed:
    """Write the file of a trial, never over its source; `known` are further fields of what comes back."""
    content, found = trial.content, trial.solution
    data = container.pack(content)
    size = files.save(out, data, source)
    return Compressed(
        path=out,
        bytes=size,
        digest=files.digest(out),
        D=content.D,
        d=content.coords.d,
        levels=content.coords.levels or None,
        how=trial.how,
        ratio=4 * content.D / size,
        parts=container.sizes(content),
        dataset=found.spec.dataset.name,
        model=found.spec.model.name,
        projector=found.spec.projector.name,
        metrics=dict(trial.metrics),
        origin=found.origin,
        warning=write.warning(found),
        **known,
    )
