"""The schema of recipes: the typed, frozen form of their YAML."""

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
    Tag,
    model_validator,
)
from pydantic_core import PydanticCustomError

from idim_cli.core.registry import split
from idim_cli.recipe.choices import MAX_FRACTION, BaselineWord, FloorWord, Rule

# A plan is held in memory and written to one file: 100,000 runs take some 25 MB.
MAX_RUNS = 100_000
#: Largest dimension, number of epochs, steps or examples: beyond any machine, and exact as a float.
MAX_COUNT = 10**12
MAX_NAME = 100  # letters of a results folder: file systems take 255 bytes, and names get suffixes
# Every pattern is matched with every parameter name.
_MAX_PATTERN, _MAX_PATTERNS = 200, 1000
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
DEVICE_PATTERN = r"^(auto|cpu|mps|cuda(:[0-9]+)?)$"
PATTERNS = {
    NAME_PATTERN: "letters, digits, '.', '_' and '-', starting with a letter or digit",
    DEVICE_PATTERN: "one of auto, cpu, mps, cuda, cuda:0, cuda:1, ...",
}
# Path of each component in a recipe -> its kind. The order is that of dumped text and of faults.
COMPONENTS = {
    ("dataset",): "dataset",
    ("model",): "model",
    ("task",): "task",
    ("projector",): "projector",
    ("method",): "method",
    ("training", "optimizer"): "optimizer",
    ("training", "schedule"): "schedule",
    ("sweep", "search"): "search",
}
#: The key that holds a list of components, and their kind.
TRACKERS, TRACKER = "trackers", "tracker"
EPOCHS_OR_STEPS = "needs exactly one of epochs and steps"

Seed = Annotated[int, Field(ge=0, lt=2**63)]  # an int64 in tables
Count = Annotated[int, Field(gt=0, le=MAX_COUNT)]
Patterns = Annotated[
    list[Annotated[str, Field(max_length=_MAX_PATTERN)]], Field(min_length=1, max_length=_MAX_PATTERNS)
]


class Frozen(BaseModel):
    """Base of all parts: immutable, no unknown keys, no silent conversion of types, finite numbers only."""

    # Docstrings of attributes are the descriptions in JSON Schema and on the reference page.
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class Component(Frozen):
    """A component by name with its parameters; in YAML ``fc`` or ``{name: fc, depth: 2}``."""

    name: str
    params: dict[str, Any] = {}

    @classmethod
    def of(cls, spec: Component | str | dict[str, Any]) -> Component:
        """The component of a name or a mapping; ComponentError without a name."""
        if isinstance(spec, Component):
            return spec
        name, params = split(spec)
        return cls(name=name, params=params)


#: The default method, which is left out of a run's identity (`runs.plan`).
GRADIENT = Component(name="gradient")


class Seeds(Frozen):
    """The seeds of one run: of the start theta0, of the projection P, of the data order and dropout."""

    theta0: Seed = 0
    """Of the start theta0."""
    projector: Seed = 0
    """Of the projection P."""
    data: Seed = 0
    """Of the order of the examples, and of dropout."""


class Training(Frozen):
    """How one run is trained; exactly one of `epochs` and `steps` is given."""

    optimizer: Component = Component(name="adam")
    """Optimizer of the d coordinates, or of all D parameters in direct training."""
    schedule: Component = Component(name="constant")
    """Schedule of the learning rate."""
    batch_size: Count = 128
    """Examples per step; a last, partial batch is kept, and tested before the first run (BatchNorm fails on a
    single example)."""
    epochs: Count | None = None
    """The budget in passes over the training examples; give this or `steps`."""
    steps: Count | None = None
    """The budget in steps; give this or `epochs`."""
    l2: NonNegativeFloat = 0.0
    """`l2 * sum(theta^2)` over kernels in the full space, added to the loss, as the paper's authors did; an
    optimizer's `weight_decay` acts on what is trained instead."""
    clip_norm: PositiveFloat | None = None
    """Largest norm of the gradient; null does not clip."""
    precision: Literal["float32", "bf16"] = "float32"
    """`bf16` is autocast: P and theta_d stay float32."""
    performance: Literal["final", "best"] = "final"
    """Epoch whose performance counts: `final`, as in the paper, or `best`."""
    evaluate_every: Count = 1
    """Epochs between evaluations; the last epoch is always evaluated."""

    @model_validator(mode="after")
    def _epochs_or_steps(self) -> Training:
        # A custom error, so that `check` can recognise it among pydantic's.
        if (self.epochs is None) == (self.steps is None):
            raise PydanticCustomError("epochs_or_steps", EPOCHS_OR_STEPS)
        return self


class Quantise(Frozen):
    """Coordinates that take few values, so that a compressed file is small."""

    levels: Annotated[int, Field(ge=2, le=256)]
    """Number of values."""
    codebook: Literal["uniform", "kmeans"] = "uniform"
    """`uniform` values are multiples of a step; `kmeans` values are free and stored one by one."""
    after: Annotated[float, Field(ge=0, lt=1)] = 0.25
    """Share of the budget before the first coordinates are rounded; at the end all are rounded."""
    order: Literal["nearest", "steepest"] = "nearest"
    """Coordinates that are rounded first: those `nearest` to their values, or also the `steepest`, on which
    the loss depends most: for networks where few coordinates matter far more than all others."""


SeedList = Annotated[list[Seed], Field(min_length=1)]


class SeedLists(Frozen):
    """Seeds that vary independently: every combination of the three lists is run."""

    theta0: SeedList = [0]
    """Of the start theta0."""
    projector: SeedList = [0]
    """Of the projection P."""
    data: SeedList = [0]
    """Of the order of the examples, and of dropout."""


def _kind(value: Any) -> str | None:
    """The form of a union's value."""
    # With it pydantic reports the faults of that form alone. bool comes first: it is an int.
    forms = {bool: None, int: "<number>", float: "<number>", list: "<list>", dict: "<lists>", str: "<word>"}
    return "<lists>" if isinstance(value, SeedLists) else forms.get(type(value))


# Discriminated unions: a fault in one form is reported alone, not together with the faults of all others.
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
    """Direct runs of the same model: their seeds, and recipe keys that differ from the sweep's."""

    seeds: SweepSeeds = 1
    """As in `sweep`."""
    set: dict[str, Any] = {}
    """Recipe keys that differ from the sweep's, such as `{training.optimizer.lr: 0.001}`."""


def _ascending(values: list[int]) -> list[int]:
    return sorted(set(values))


OverValues = Annotated[
    Annotated[list[Any], Field(min_length=1), Tag("<list>")]
    | Annotated[dict[str, Any], Field(min_length=1), Tag("<lists>")],
    Discriminator(
        _kind,
        custom_error_type="over",
        custom_error_message="should be a list of values, or a mapping of labels to values",
    ),
]


class Sweep(Frozen):
    """Subspace dimensions x seeds x any recipe keys: a whole grid, or the runs that a search chooses."""

    search: Component = Component(name="grid")
    """How runs are chosen: `grid` makes all of `d` x `seeds`; others choose d and seeds themselves."""
    d: Annotated[list[Count], Field(min_length=1), AfterValidator(_ascending)] = []
    """Subspace dimensions: a list, or `{from, to, steps, scale}`; required by a grid."""
    seeds: SweepSeeds = 3
    """A number or a list sets all three seeds together; `{theta0: [..], projector: [..], data: [..]}`
    combines them."""
    over: dict[str, OverValues] = {}
    """Recipe keys with lists of values, such as `{model.depth: [1, 2], projector: [tied, sparse]}`, or with
    values by your own labels, `{model: {small: {name: fc, width: 20}, big: {name: fc, width: 80}}}`, which
    are shown in tables and figures; each combination has its own estimate."""
    baseline: Baseline | None = Baseline()
    """Direct runs of the same model, which are the 100 %; null for none."""

    def choices(self) -> dict[str, list[tuple[Any, Any]]]:
        """The values of each key of `over`, each with its label (or itself as one)."""
        return {
            key: list(values.items() if isinstance(values, dict) else zip(values, values, strict=True))
            for key, values in self.over.items()
        }


class DimensionRange(Frozen):
    """Subspace dimensions by range: about `steps` whole numbers, evenly spaced on a linear or log scale."""

    start: Count = Field(alias="from")
    """Smallest d."""
    to: Count
    """Largest d."""
    steps: Annotated[int, Field(gt=0, le=10_000)]
    """Approximate number of d."""
    scale: Literal["linear", "log"] = "linear"
    """How they are spaced."""

    def values(self) -> list[int]:
        """The dimensions, ascending, both ends included (`steps: 1` gives the start alone)."""
        # Fewer than `steps` where rounding makes two of them equal.
        parts = [i / max(self.steps - 1, 1) for i in range(self.steps)]
        if self.scale == "log":
            return _ascending([round(self.start * (self.to / self.start) ** part) for part in parts])
        return _ascending([round(self.start + (self.to - self.start) * part) for part in parts])


_NUMBER = Annotated[float, Tag("<number>")]
BaselineLevel = Annotated[
    Annotated[BaselineWord, Tag("<word>")] | _NUMBER,
    Discriminator(_kind, custom_error_type="level", custom_error_message="should be model, best or a number"),
]
Floor = Annotated[
    Annotated[FloorWord, Tag("<word>")] | _NUMBER,
    Discriminator(_kind, custom_error_type="level", custom_error_message="should be chance, min or a number"),
]


class Threshold(Frozen):
    """How d_int is read from the runs; `rule` is isotonic for a grid, and curve for other searches."""

    baseline: BaselineLevel = "model"
    """What 100 % means: `model` (mean of the direct runs), `best` (highest mean of the sweep) or a fixed
    performance."""
    fraction: Annotated[float, Field(gt=0, le=MAX_FRACTION)] = 0.9
    """Position of the level between floor and baseline: level = floor + fraction x (baseline - floor)."""
    floor: Floor = 0.0
    """What 0 % means: a performance, `chance` (the performance of a constant answer, where it is known) or
    `min` (lowest mean of the sweep, as for rewards)."""
    rule: Rule | None = None
    """How d_int is computed from the runs at each d; null is `isotonic` for a grid, `curve` for a search."""
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.95
    """Confidence of the interval and of the test for d_int100."""

    @model_validator(mode="after")
    def _baseline_above_floor(self) -> Threshold:
        if isinstance(self.baseline, str) or isinstance(self.floor, str):  # known after the runs
            return self
        if self.baseline <= self.floor:
            text = "has a baseline of {baseline}, which is not above the floor {floor}"
            raise PydanticCustomError("level", text, {"baseline": self.baseline, "floor": self.floor})
        return self


class Recipe(Frozen):
    """A whole recipe.

    `device`, `data_root`, `data_workers`, `trackers` and `published` are not part of a run's identity.
    """

    name: str = Field(pattern=NAME_PATTERN, max_length=MAX_NAME)
    """Name of the results folder; by default that of the file."""
    dataset: Component
    """The data set."""
    model: Component
    """The network that is trained."""
    task: Component = Component(name="classify")
    """The loss and the performance."""
    projector: Component = Component(name="tied")
    """The kind of P."""
    method: Component = GRADIENT
    """How the coordinates are trained: `gradient` (by `training.optimizer`) or another, such as `es`."""
    d: Count | None = None
    """Subspace dimension of the one run of `idim train`."""
    trainable: Patterns | None = None
    """Shell patterns of the parameters that train, such as `[fc.*]`; the others stay frozen. null is all."""
    quantise: Quantise | None = None
    """Coordinates of few values, as `{levels: 3}`; null leaves them free. Not for direct training."""
    start: str | None = None
    """A run of the same network, d and seeds, or its checkpoint.safetensors, whose coordinates training
    starts from; null starts at zero."""
    seeds: Seeds = Seeds()
    """Seeds of the one run of `idim train`; one number sets all three."""
    training: Training
    """How each run is trained."""
    sweep: Sweep | None = None
    """The runs of `idim sweep`."""
    threshold: Threshold = Threshold()
    """How d_int is read from the runs."""
    published: str | None = None
    """Points that `idim report` draws in the background: a CSV of d and performance, or shipped ones:
    `mnist-fc`, `mnist-lenet`, `mnist-fc-shuffled-pixels`, `mnist-lenet-shuffled-pixels`."""
    device: str = Field("auto", pattern=DEVICE_PATTERN)
    """`auto` (CUDA, MPS, CPU), `cpu`, `cuda`, `cuda:1`, `mps`; `--device` overrides it."""
    data_root: str | None = None
    """Folder of the data sets; `--data` overrides it; null is the environment variable IDIM_DATA."""
    data_workers: Annotated[int, Field(ge=0, le=1024)] | None = None
    """Processes that read examples ahead for each training, of a data set that is not held in memory; null is
    the environment variable IDIM_DATA_WORKERS, else the cores that training leaves free. Results are the same
    with any number."""
    trackers: list[Component] = []
    """Trackers that record the runs in addition to the results folder: one, or a list of them."""

    @property
    def usable(self) -> list[str]:
        """The commands that the recipe is complete for: ``train`` needs d, ``sweep`` d values or a search."""
        sweep = self.sweep
        one = self.d is not None or self.projector.name == "identity"
        many = sweep is not None and bool(sweep.d or sweep.search.name != "grid")
        return [verb for verb, ready in (("train", one), ("sweep", many)) if ready]

    def reading(self) -> dict[str, Any]:
        """How d_int is read from the runs, with the rule that fits the search."""
        complete = self.sweep is None or self.sweep.search.name == "grid"
        fitting = "isotonic" if complete else "curve"
        return {**self.threshold.model_dump(), "rule": self.threshold.rule or fitting}
