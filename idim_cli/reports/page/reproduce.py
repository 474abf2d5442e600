"""The commands that make a report again, and the environment of its runs."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from idim_cli.core.plain_text import duration
from idim_cli.recipe import trust
from idim_cli.reports.inputs.collect import Inputs
from idim_cli.reports.inputs.result import ResultSet
from idim_cli.runs import results
from idim_cli.thresholds import PAPER, Options, recorded_options
from idim_cli.thresholds.selection import ALL, Selection

_FLAGS = ("baseline", "fraction", "floor", "rule", "confidence", "centre")
_ENVIRONMENT = {
    "idim": "idim",
    "device": "device",
    "torch": "torch",
    "python": "Python",
    "threads": "threads",
}


def commands(inputs: Inputs, out: Path | None, given: Sequence[str] = ()) -> list[str]:
    """The commands that make the runs, read them and write this report, which had the options `given`."""
    runs = [line for result in inputs.results if (line := _training(result))]
    read = [_line("threshold", one.path, flags=_flags(one)) for one in inputs.results if one.sections]
    where = ["--out", out] if out else []
    return [*runs, *read, _line("report", *inputs.places, *where, flags=given)]


def given(
    options: Options | None,
    changes: Mapping[str, Any],
    log: bool | None,
    published: str | Path | None,
    selection: Selection = ALL,
) -> list[str]:
    """The command-line options of a report with these arguments."""
    # The paper's reading is recognised by its bootstrap, which no other option sets.
    paper = options is not None and options.interval == PAPER.interval
    # Options other than the paper's are given one by one: a recipe may set any of them.
    whole = {name: getattr(options, name) for name in _FLAGS} if options else {}
    own = {name: value for name, value in whole.items() if not paper or value != getattr(PAPER, name)}
    axis = {None: [], True: ["--log"], False: ["--linear"]}[log]
    behind = [] if published is None else ["--published", str(published)]
    return [*_as_flags(paper, {**own, **changes}, selection), *axis, *behind]


def environment(result: ResultSet) -> dict[str, str]:
    """What the runs of one result were made with, by name; what is not recorded is left out."""
    known = [one for one in result.outcomes.values() if one]
    found = {key.replace("python", "Python"): _counted(known, key) for key in _ENVIRONMENT}
    notes = [note for one in known if isinstance(one.get("data"), list) for note in map(str, one["data"])]
    seconds = [float(one["seconds"]) for one in known if one.get("seconds") is not None]
    memory = [int(one["peak_memory_bytes"]) for one in known if one.get("peak_memory_bytes")]
    found["data"] = "; ".join(dict.fromkeys(notes))
    if seconds:
        found["training"] = f"{duration(sum(seconds))}, {len(seconds)} run{'s' * (len(seconds) > 1)}"
    if memory:
        found["peak memory"] = f"{max(memory) / 2**20:,.0f} MiB"
    return {name: text for name, text in found.items() if text}


def _training(result: ResultSet) -> str:
    """The command that trains its runs; empty if there is no recipe."""
    recipe = result.path / results.RECIPE
    if recipe.is_file():
        return _with_warning(_line("sweep", recipe, "--out", os.path.normpath(result.path / "..")), recipe)
    run = next((f / results.RUN_RECIPE for f in result.folders.values() if result.lone), None)
    if run is None or not run.is_file():
        return ""
    below = run.resolve().parents[1].name == results.RUNS  # `train` makes OUT/RECIPE/runs/RUN
    out = ["--out", os.path.normpath(run.parent / "../../..")] if below else []
    return _with_warning(_line("train", run, *out), run)


def _with_warning(line: str, recipe: Path) -> str:
    """The command, with a comment if it would run code of somebody else."""
    warning = trust.warning(recipe)
    return f"{line}  # {warning}" if warning else line


def _flags(result: ResultSet) -> list[str]:
    """The options that are set neither in the recipe nor by default."""
    options = result.options
    paper = options.interval == PAPER.interval
    # `idim threshold` reads the recipe itself, so only differences are needed.
    usual = PAPER if paper else recorded_options(result.path)
    changed = [name for name in _FLAGS if getattr(options, name) != getattr(usual, name)]
    return _as_flags(paper, {name: getattr(options, name) for name in changed}, result.selection)


def _as_flags(paper: bool, values: Mapping[str, Any], selection: Selection) -> list[str]:
    pairs = [(f"--{name}", str(value)) for name, value in values.items()]
    pairs += [("--column", f"{ours}={theirs}") for ours, theirs in selection.columns.items()]
    pairs += [("--where", f"{key}={value}") for key, values in selection.where.items() for value in values]
    pairs += [("--group-by", name) for name in selection.by or ()]
    return [*(["--paper"] if paper else []), *(part for pair in pairs for part in pair)]


def _line(verb: str, *parts: object, flags: Sequence[str] = ()) -> str:
    return shlex.join(["idim", verb, *map(str, parts), *flags])


def _counted(known: Sequence[Mapping[str, Any]], key: str) -> str:
    """A value, or several with the number of runs that had each."""
    values = Counter(str(one[key]) for one in known if one.get(key) is not None)
    if len(values) == 1:
        return next(iter(values))
    return ", ".join(f"{value} ({count} runs)" for value, count in sorted(values.items()))
