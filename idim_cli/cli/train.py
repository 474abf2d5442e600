"""`idim train`: one run of a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import typer

from idim_cli.cli import console, dryrun, options, short, watch
from idim_cli.core.errors import RUN_FAILED
from idim_cli.runs.results import LOG


def command(
    recipe: options.RecipeArgument,
    overrides: options.OverridesArgument = None,
    d: short.OneDOption = None,
    seeds: short.OneSeedOption = None,
    epochs: short.EpochsOption = None,
    out: options.OutOption = Path("results"),
    data: options.DataOption = None,
    device: options.DeviceOption = None,
    download: options.DownloadOption = False,
    tracker: options.TrackerOption = None,
    dry_run: options.DryRunOption = False,
    trust_code: options.TrustCodeOption = False,
    as_json: options.JsonOption = False,
) -> None:
    """Train one run: the recipe's model in its subspace of dimension d.

    The same command continues after an interruption, and prints the result
    again when the run is done. Direct training: projector=identity. --dry-run
    estimates time and memory.

    Example: idim train mnist-fc d=500 seeds=1

    Exit code: 0; 1 when the run failed; 2 for an invalid recipe or missing data;
    75, 130 or 143 when stopped.
    """
    from idim_cli.recipe.load import load
    from idim_cli.runs.plan import single

    loaded = load(recipe, [*short.of_run(overrides, d, seeds, epochs), *options.trackers(tracker)])
    run = single(loaded.recipe)
    console.say(f"{loaded.recipe.name}: 1 run; loading torch ...")  # takes a second or more
    from idim_cli.training.finished import run_folder
    from idim_cli.training.prepare import Where
    from idim_cli.training.run import train

    where = Where(options.device(device, loaded.recipe), data, download)
    # The display and the forecast of a single run must not see the sweep of its recipe.
    one = replace(loaded, recipe=loaded.recipe.model_copy(update={"sweep": None}))
    if dry_run:
        # One job and no pack: there is a single run.
        return dryrun.show(one, out, where, jobs=1, pack=1, as_json=as_json, trust_code=trust_code)
    with console.resumable(), watch.shown(one.recipe, out) as watcher:
        report = partial(watcher.progress, run)
        result = train(loaded, out, where=where, on_step=report, trust_code=trust_code)
    folder = run_folder(out, run)
    if as_json:
        console.document("train/1", {**result, "folder": folder})
    # After the JSON, which scripts get in either case.
    if result["status"] != "ok":
        console.fail(f"{run.run_id} failed: {result['reason']}", _hint(result, folder))
        raise typer.Exit(RUN_FAILED)
    if not as_json:
        console.out("\n".join(_lines(result, folder)))


def _hint(result: Mapping[str, Any], folder: Path) -> str:
    return "; ".join(filter(None, [result.get("hint"), f"see {folder / LOG}"]))


def _lines(result: Mapping[str, Any], folder: Path) -> list[str]:
    of = f"{result['performance_is']}, epoch {result['epoch']} of {result['epochs']}"
    size = f"D = {result['D']:,}, d = {result['d']:,}, projector {result['projector']}"
    return [
        f"{result['score_on']} {result['metric']} {result['performance']:.4f} ({of})",
        f"{size}, {result['seconds']:.1f} s on {result['device']}",
        f"results: {folder}",
    ]
