"""How to make a report again: the commands, and what the runs were made with."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from idim_cli.recipe import trust
from idim_cli.reports.inputs.collect import Found
from idim_cli.reports.inputs.result import ResultSet
from idim_cli.runs import results
from idim_cli.thresholds import PAPER, Options, recorded
from idim_cli.thresholds.selection import ALL, Selection

_FLAGS = ("baseline", "fraction", "floor", "rule", "confidence", "centre")
_ENVIRONMENT = {
    "idim": "idim",
    "device": "device",
    "torch": "torch",
    "python": "Python",
    "threads": "threads",
}


def commands(found: Found, out: Path | None, given: Sequence[str] = ()) -> list[str]:
    """The commands that make the runs, read them and write this report, which had the options `given`."""
    made = [line for result in found.results if (line := _made(result))]
    read = [_line("threshold", one.path, flags=_flags(one)) for one in found.results if one.sections]
    where = ["--out", out] if out else []
    return [*made, *read, _line("report", *found.places, *where, flags=given)]


def given(
    options: Options | None,
    changes: Mapping[str, Any],
    log: bool | None,
    published: str | Path | None,
    selection: Selection = ALL,
) -> list[str]:
    """The command-line options of a report with these arguments."""
    paper = options is not None and options.interval == PAPER.interval
    # Options other than the paper's are given one by one: a recipe may say otherwise of each of them.
    whole = {name: getattr(options, name) for name in _FLAGS} if options else {}
    asked = {name: value for name, value in whole.items() if not paper or value != getattr(PAPER, name)}
    axis = {None: [], True: ["--log"], False: ["--linear"]}[log]
    behind = [] if published is None else ["--published", str(published)]
    paper_flag = ["--paper"] if paper else []
    return [*paper_flag, *_told({**asked, **changes}), *_chosen(selection), *axis, *behind]


def environment(result: ResultSet) -> dict[str, str]:
    """What the runs of one result were made with, by name; what is not recorded is left out."""
    told = [one for one in result.told.values() if one]
    found = {name: _counted(told, key) for key, name in _ENVIRONMENT.items()}
    notes = dict.fromkeys(
        note for one in told if isinstance(one.get("data"), list) for note in map(str, one["data"])
    )
    seconds = [float(one["seconds"]) for one in told if one.get("seconds") is not None]
    memory = [int(one["peak_memory_bytes"]) for one in told if one.get("peak_memory_bytes")]
    found["data"] = "; ".join(notes)
    found["training"] = (
        f"{_time(sum(seconds))}, {len(seconds)} run{'s' * (len(seconds) > 1)}" if seconds else ""
    )
    found["peak memory"] = f"{max(memory) / 2**20:,.0f} MiB" if memory else ""
    return {name: text for name, text in found.items() if text}


def _made(result: ResultSet) -> str:
    """The command that trains its runs; empty where no recipe tells."""
    recipe = result.path / results.RECIPE
    if recipe.is_file():
        return _safely(_line("sweep", recipe, "--out", os.path.normpath(result.path / "..")), recipe)
    run = next((f / results.RUN_RECIPE for f in result.folders.values() if result.lone), None)
    if run is None or not run.is_file():
        return ""
    below = run.resolve().parents[1].name == results.RUNS  # as `train` lays it: OUT/RECIPE/runs/RUN
    out = ["--out", os.path.normpath(run.parent / "../../..")] if below else []
    return _safely(_line("train", run, *out), run)


def _safely(line: str, recipe: Path) -> str:
    """The command, and behind it, as a comment, what it would run that others made."""
    strange = trust.warning(recipe)
    return f"{line}  # {strange}" if strange else line


def _flags(result: ResultSet) -> list[str]:
    """The options that neither the recipe nor the defaults hold."""
    options = result.options
    paper = options.interval == PAPER.interval
    usual = PAPER if paper else recorded(result.path)
    changed = [name for name in _FLAGS if getattr(options, name) != getattr(usual, name)]
    told = _told({name: getattr(options, name) for name in changed})
    return [*(["--paper"] if paper else []), *told, *_chosen(result.selection)]


def _chosen(selection: Selection) -> list[str]:
    """The options that choose rows and columns."""
    pairs = [("--column", f"{ours}={theirs}") for ours, theirs in selection.columns.items()]
    pairs += [("--where", f"{key}={value}") for key, values in selection.where.items() for value in values]
    pairs += [("--group-by", name) for name in selection.by or ()]
    return [part for pair in pairs for part in pair]


def _told(values: Mapping[str, Any]) -> list[str]:
    return [part for name, value in values.items() for part in (f"--{name}", str(value))]


def _line(verb: str, *parts: object, flags: Sequence[str] = ()) -> str:
    return shlex.join(["idim", verb, *map(str, parts), *flags])


def _counted(told: Sequence[Mapping[str, Any]], key: str) -> str:
    """A value, or several with the number of runs that had each."""
    values = Counter(str(one[key]) for one in told if one.get(key) is not None)
    if len(values) == 1:
        return next(iter(values))
    return ", ".join(f"{value} ({count} runs)" for value, count in sorted(values.items()))


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
