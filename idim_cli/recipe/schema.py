"""What a recipe may say: the typed, frozen form of its YAML."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    Tag,
    model_validator,
)
from pydantic_core import PydanticCustomError

from idim_cli.registry import split

MAX_RUNS = 100_000
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
DEVICE_PATTERN = r"^(auto|cpu|mps|cuda(:[0-9]+)?)$"
PATTERNS = {
    NAME_PATTERN: "letters, digits, '.', '_' and '-', starting with a letter or digit",
    DEVICE_PATTERN: "one of auto, cpu, mps, cuda, cuda:0, cuda:1, ...",
}
# Where components stand in a recipe, and of which kind they are.
COMPONENTS = {
    ("dataset",): "dataset",
    ("model",): "model",
    ("task",): "task",
    ("projector",): "projector",
    ("training", "optimizer"): "optimizer",
    ("training", "schedule"): "schedule",
    ("sweep", "search"): "search",
}
#: The key that holds a list of components, and their kind.
TRACKERS, TRACKER = "trackers", "tracker"
EPOCHS_OR_STEPS = "needs exactly one of epochs and steps"

Seed = Annotated[int, Field(ge=0, lt=2**63)]  # an int64 in tables


class Frozen(BaseModel):
    """Base of all parts: immutable, no unknown keys, no silent conversion of types, finite numbers only."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Component(Frozen):
    """A component by name with its parameters; in YAML ``fc`` or ``{name: fc, depth: 2}``."""

    name: str
    params: dict[str, Any] = {}

    @classmethod
    def of(cls, spec: str | dict[str, Any]) -> Component:
        """The component that `spec` stands for; ComponentError for a mapping without a `name`."""
        name, params = split(spec)
        return cls(name=name, params=params)


class Seeds(Frozen):
    """The seeds of one run: of the start theta0, of the projection P, of the data order and dropout."""

    theta0: Seed = 0
    projector: Seed = 0
    data: Seed = 0


class Training(Frozen):
    """How one run is trained; exactly one of `epochs` and `steps` is given."""

    optimizer: Component = Component(name="adam")
    schedule: Component = Component(name="constant")
    batch_size: PositiveInt = 128
    epochs: PositiveInt | None = None
    steps: PositiveInt | None = None
    l2: NonNegativeFloat = 0.0
    clip_norm: PositiveFloat | None = None
    precision: Literal["float32", "bf16"] = "float32"
    performance: Literal["final", "best"] = "final"
    evaluate_every: PositiveInt = 1

    @model_validator(mode="after")
    def _epochs_or_steps(self) -> Training:
        if (self.epochs is None) == (self.steps is None):
            raise PydanticCustomError("epochs_or_steps", EPOCHS_OR_STEPS)
        return self


SeedList = Annotated[list[Seed], Field(min_length=1)]


class SeedLists(Frozen):
    """Seeds that vary apart: every combination of the three lists is run."""

    theta0: SeedList = [0]
    projector: SeedList = [0]
    data: SeedList = [0]


def _kind(value: Any) -> str | None:
    """Which form a union's value has, so that its faults are those of that form alone."""
    forms = {bool: None, int: "<number>", float: "<number>", list: "<list>", dict: "<lists>", str: "<word>"}
    return "<lists>" if isinstance(value, SeedLists) else forms.get(type(value))


SweepSeeds = Annotated[
    Annotated[Annotated[int, Field(gt=0, le=MAX_RUNS)], Tag("<number>")]
    | Annotated[SeedList, Tag("<list>")]
    | Annotated[SeedLists, Tag("<lists>")],
    Discriminator(
        _kind,
        custom_error_type="seeds",
        custom_error_message="should be a number of seeds, a list of seeds, "
        "or lists of seeds for theta0, projector and data",
    ),
]


class Baseline(Frozen):
    """Direct runs of the same model: on which seeds, and recipe keys that differ from the sweep's."""

    seeds: SweepSeeds = 1
    set: dict[str, Any] = {}


def _ascending(values: list[int]) -> list[int]:
    return sorted(set(values))


class Sweep(Frozen):
    """Subspace dimensions x seeds x any recipe keys: all of a grid, or what a search asks for.

    `search` says which runs are made. A ``grid`` needs `d`; others choose d and seeds themselves.
    `d` is a list, in YAML also ``{from: 100, to: 1000, steps: 10, scale: log}`` (see `Grid`).
    `seeds` as a number or a list moves theta0, P and data order together; as three lists it crosses them.
    `over` maps recipe keys to lists of values; each combination gets an estimate of its own.
    `baseline: null` leaves the direct runs out.
    """

    search: Component = Component(name="grid")
    d: Annotated[list[PositiveInt], Field(min_length=1), AfterValidator(_ascending)] = []
    seeds: SweepSeeds = 3
    over: dict[str, Annotated[list[Any], Field(min_length=1)]] = {}
    baseline: Baseline | None = Baseline()


class Grid(Frozen):
    """Subspace dimensions by range: about `steps` whole numbers, evenly spread on a linear or log scale."""

    start: PositiveInt = Field(alias="from")
    to: PositiveInt
    steps: Annotated[int, Field(gt=0, le=10_000)]
    scale: Literal["linear", "log"] = "linear"

    def values(self) -> list[int]:
        """The dimensions, ascending, both ends included (`steps: 1` gives the start alone)."""
        parts = [i / max(self.steps - 1, 1) for i in range(self.steps)]
        if self.scale == "log":
            return _ascending([round(self.start * (self.to / self.start) ** part) for part in parts])
        return _ascending([round(self.start + (self.to - self.start) * part) for part in parts])


Level = Annotated[
    Annotated[Literal["model", "best"], Tag("<word>")] | Annotated[PositiveFloat, Tag("<number>")],
    Discriminator(_kind, custom_error_type="level", custom_error_message="should be model, best or a number"),
]


class Threshold(Frozen):
    """How d_int is read from the runs; `rule` is isotonic for a grid, and curve for other searches."""

    baseline: Level = "model"
    fraction: PositiveFloat = 0.9
    rule: Literal["first", "interpolate", "isotonic", "curve"] | None = None
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.95


class Recipe(Frozen):
    """A whole recipe. `device`, `data_root` and `trackers` say where, and do not enter a run's identity.

    Nor does `published`: points of others that reports draw behind its runs, by shipped name or as a CSV.
    """

    name: str = Field(pattern=NAME_PATTERN)
    dataset: Component
    model: Component
    task: Component = Component(name="classify")
    projector: Component = Component(name="tied")
    d: PositiveInt | None = None
    trainable: Annotated[list[str], Field(min_length=1)] | None = None
    seeds: Seeds = Seeds()
    training: Training
    sweep: Sweep | None = None
    threshold: Threshold = Threshold()
    published: str | None = None
    device: str = Field("auto", pattern=DEVICE_PATTERN)
    data_root: str | None = None
    trackers: list[Component] = []
    """Where runs are shown beside the results folder: one tracker, or a list of them."""

    def reading(self) -> dict[str, Any]:
        """How d_int is read from its runs, with the rule that fits its search."""
        complete = self.sweep is None or self.sweep.search.name == "grid"
        fitting = "isotonic" if complete else "curve"
        return {**self.threshold.model_dump(), "rule": self.threshold.rule or fitting}
