"""The columns of results.csv in one list: order, kind and meaning, from which the reference page is made."""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["text", "flag", "whole", "real", "any"]


class Column(NamedTuple):
    """One column that every table of runs has.

    Attributes:
        name: in the header; in result.json too, unless the plan of the sweep fills it.
        kind: ``whole`` and ``real`` are numbers, ``any`` is a number or a word.
        meaning: in one line.
        unit: of a number; empty where it has none.
    """

    name: str
    kind: Kind
    meaning: str
    unit: str = ""


# Columns of the keys that are swept come after HEAD, those of further metrics after BODY.
HEAD = (
    Column("run_id", "text", "unique within a recipe, the same whenever the run is the same"),
    Column("recipe", "text", "name of the recipe"),
    Column("status", "text", "`ok`, `failed`, or `solved` and `unsolved` for a run that was stopped early"),
    Column("direct", "flag", "whether all D parameters were trained"),
    Column("dataset", "text", "data set, by name or label"),
    Column("model", "text", "model, by name or label"),
    Column("projector", "text", "projector, by name or label; `identity` for direct training"),
    Column("task", "text", "task, by name or label"),
)
BODY = (
    Column("D", "whole", "number of native parameters"),
    Column("d", "whole", "subspace dimension; D for direct training"),
    Column("seed_theta0", "whole", "seed of the starting point theta0"),
    Column("seed_projector", "whole", "seed of P; empty for direct training"),
    Column("seed_data", "whole", "seed of the order of the examples, and of dropout"),
    Column("performance", "real", "the score; higher is better", "of `metric`"),
    Column("performance_is", "text", "`final` or `best` epoch"),
    Column("metric", "text", "what the score is"),
    Column("score_on", "text", "split that was scored"),
    Column("chance", "real", "performance of the best constant answer", "of `metric`"),
    Column("performance_start", "real", "performance before the first step", "of `metric`"),
    Column("floor", "any", "`threshold.floor` of the recipe: a number, `chance` or `min`", "of `metric`"),
    Column("method", "text", "what moved the coordinates"),
    Column("optimizer", "text", "optimizer, by name"),
    Column("lr", "real", "learning rate at the start; empty where the optimizer has no parameter `lr`"),
    Column("schedule", "text", "schedule of the learning rate, by name"),
    Column("epoch", "whole", "epoch that is reported; of a run that was stopped early, its last", "epochs"),
    Column("epochs", "whole", "training budget", "epochs"),
    Column("steps", "whole", "training budget", "steps"),
    Column("stop_level", "real", "level that ended the run early", "of `metric`"),
    Column("final_low", "real", "lower bound of the final performance of a run stopped early", "of `metric`"),
    Column("final_high", "real", "upper bound of the same", "of `metric`"),
)
TAIL = (
    Column("column_norm_min", "real", "length of the shortest column of P in the sample"),
    Column("column_norm_max", "real", "length of the longest"),
    Column("coherence", "real", "largest inner product of two columns in the sample"),
    Column("seconds", "real", "time of training and evaluation", "s"),
    Column("peak_memory_bytes", "whole", "most memory held", "bytes"),
    Column("device", "text", "where the run was trained"),
    Column("idim", "text", "version"),
    Column("date", "text", "end of the run, UTC, ISO 8601"),
    Column("torch", "text", "version"),
    Column("config", "text", "names everything that the run is except for d and seeds"),
    Column(
        "baseline_config", "text", "`config` of the direct runs that are its baseline in the present plan"
    ),
)
ALL = (*HEAD, *BODY, *TAIL)
NAMES = tuple(column.name for column in ALL)


def of_kind(kind: Kind) -> tuple[str, ...]:
    """The names of all columns of one kind."""
    return tuple(column.name for column in ALL if column.kind == kind)
