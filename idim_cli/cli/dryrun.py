"""`--dry-run`: the planned runs with their estimated time and memory, as a table on stdout."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from idim_cli.cli import console
from idim_cli.core.machine import in_units
from idim_cli.core.plain_text import aligned, duration

if TYPE_CHECKING:
    from idim_cli.execute.forecast import Forecast, Kind
    from idim_cli.recipe.load import Loaded
    from idim_cli.training.prepare import Where

_HEAD = ("", "d", "runs", "done", "D", "P", "training", "time")


def show(
    loaded: Loaded,
    out: Path,
    where: Where,
    jobs: int | None,
    pack: int | None,
    as_json: bool,
    trust_code: bool = False,
) -> None:
    """Print the result of `idim_cli.execute.forecast`, and the code that would run."""
    # Imports torch, which errors of the recipe must not wait for.
    from idim_cli.execute.forecast import forecast
    from idim_cli.recipe import trust

    found, code = forecast(loaded, out, where, jobs, pack, trust_code), trust.listed(loaded)
    if as_json:
        console.document("dry-run/1", {**found.as_dict(), "code": [one.as_dict() for one in code]})
    else:
        console.out("\n".join([*text(found), *(f"it runs {one}" for one in code)]))


def text(found: Forecast) -> list[str]:
    """A forecast in lines of at most 80 columns, but for long names."""
    from idim_cli.thresholds import labels

    # The projector has its own place in the label.
    over = [{key: value for key, value in kind.over.items() if key != "projector"} for kind in found.kinds]
    names = labels.joined(over, {key for one in over for key in one})
    rows = [_HEAD, *(_row(kind, name) for kind, name in zip(found.kinds, names, strict=True))]
    return [*aligned(rows), "", *_summary(found)]


def _row(kind: Kind, group: str) -> tuple[str, ...]:
    name = "direct" if kind.projector == "identity" else kind.projector
    # All of its runs are done, so nothing was measured.
    if kind.seconds is None:
        measured = ["", "", "", ""]
    else:
        measured = [
            f"{kind.D:,}",
            in_units(kind.state_bytes) if kind.state_bytes else "",
            in_units(kind.memory_bytes or 0),
            duration(kind.seconds),
        ]
    most = "<= " if kind.at_most else ""
    return (
        " ".join(filter(None, (name, group))),
        _span(kind),
        f"{most}{kind.runs}",
        str(kind.done),
        *measured,
    )


def _span(kind: Kind) -> str:
    """The values of d: one, or the first and the last."""
    # A search chooses d as it goes, so there is no list yet.
    if kind.at_most or not kind.d:
        return ""
    return str(kind.d[0]) if len(kind.d) == 1 else f"{kind.d[0]} .. {kind.d[-1]}"


def _summary(found: Forecast) -> list[str]:
    left = found.runs - found.done
    if not left:
        return [f"all {found.runs} runs are done; results: {found.folder}"]
    processes = "1 process" if found.workers == 1 else f"{found.workers} processes"
    packs = sorted({kind.pack for kind in found.kinds if kind.pack})
    side = f", up to {packs[-1]} runs in a pack" if packs[-1] > 1 else ""
    most = "at most " if found.at_most else ""
    return [
        *_typical(found),
        f"to do: {most}{left} of {found.runs} runs, {found.flops:.2g} FLOPs, about {duration(found.seconds)}",
        f"by {processes}{side}; nothing was written",
    ]


def _typical(found: Forecast) -> list[str]:
    """What a search typically takes; nothing for a grid."""
    if found.typical_runs is None or found.typical_seconds is None:
        return []
    return [f"typical: {found.typical_runs} runs, about {duration(found.typical_seconds)}"]
