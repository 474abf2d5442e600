"""What is known of a compressed file that was written; the same is in FILE.idim.json next to it. No torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field

from idim_cli.compression.bounds import Bound
from idim_cli.runs import results

# Records are read from disk without trust, so each field says which values are possible (`reports.inputs`).
Count = Annotated[int, Field(gt=0)]
Levels = Annotated[int | None, Field(ge=2)]
Score = Annotated[float, Field(allow_inf_nan=False)]


# For the JSON Schema that `cli.documents` makes of these classes.
_CONFIG = {"use_attribute_docstrings": True}


@dataclass(frozen=True)
class TrialRecord:
    """One of the files that were tried; the texts below the fields are also those of the documents."""

    __pydantic_config__: ClassVar[dict[str, bool]] = _CONFIG

    d: Count
    """number of coordinates"""
    levels: Levels
    """values that a coordinate takes; null if they are float32"""
    how: str
    """`exact`, `rounded` or `trained`"""
    bytes: Count
    """size of the file"""
    performance: Score | None
    """of the decoded network"""
    run_id: str | None = None
    """of the training with few values"""


@dataclass(frozen=True)
class StoredForm:
    """Another way to store the network, as `idim compress --compare` tries them."""

    __pydantic_config__: ClassVar[dict[str, bool]] = _CONFIG

    form: str
    """what it is"""
    bytes: Count
    """its size"""
    performance: Score | None
    """of the network in it"""


@dataclass(frozen=True)
class Compressed:
    """A file that was written; its record."""

    __pydantic_config__: ClassVar[dict[str, bool]] = _CONFIG

    path: Path
    """the file"""
    dataset: str
    """by name"""
    recipe: str
    """of the run, by name"""
    model: str
    """by name"""
    projector: str
    """by name"""
    D: Count
    """number of native parameters"""
    d: Count
    """number of coordinates"""
    levels: Levels
    """values that a coordinate takes; null if they are float32"""
    how: str
    """`exact`, `rounded` or `trained` coordinates"""
    bytes: Count
    """its size on disk"""
    digest: str
    """of all its bytes, BLAKE2b of 16 bytes as hex digits"""
    parts: dict[str, int]
    """bytes of header, book, coords, buffers, checks and checksum; they add up to bytes"""
    performance: Score | None = None
    """of the decoded network; null without the data"""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """all metrics of the decoded network on that split; empty without the data"""
    own: Score | None = None
    """performance of the checkpoint"""
    metric: str | None = None
    """what the performance is"""
    score_on: str | None = None
    """the split it was measured on"""
    goal: str = ""
    """the target in words, or empty; ends in `not reached` if the file of a frontier misses it"""
    level: Score | None = None
    """performance that the smallest file was requested for"""
    max_bytes: Count | None = None
    """size that the best file was requested for"""
    baseline: Score | None = None
    """performance that the target refers to"""
    bound: Bound | None = None
    """what the size proves; null where performance is not accuracy"""
    tried: list[TrialRecord] = field(default_factory=list)
    """all files that were tried"""
    compared: list[StoredForm] = field(default_factory=list)
    """other forms of the network, with `--compare`"""
    origin: Mapping[str, Any] | None = None
    """digests of theta_0, data and code that its run was made from; null if unknown"""
    warning: str = ""
    """why the file may not expand elsewhere, or empty"""

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
        # allow_nan=False: strict JSON, which every reader accepts.
        text = json.dumps(self.as_dict(), indent=2, allow_nan=False)
        results.write_atomic(self.path.with_name(self.path.name + results.RECORD), text + "\n")
        return self
