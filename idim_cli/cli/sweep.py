"""`idim sweep`: the runs of a recipe's grid or search, and d_int at the end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from idim_cli.cli import adaptive, console, dryrun, options, short, watch
from idim_cli.cli.plots import plot
from idim_cli.core.errors import NOT_REACHED, RUN_FAILED, SOME_FAILED
from idim_cli.runs.results import FAILED

if TYPE_CHECKING:
    from idim_cli.execute.outcome import Outcome


def command(
    recipe: options.RecipeArgument,
    overrides: options.OverridesArgument = None,
    d: short.DimensionsOption = None,
    seeds: short.SeedsOption = None,
    epochs: short.EpochsOption = None,
    out: options.OutOption = Path("results"),
    data: options.DataOption = None,
    device: options.DeviceOption = None,
    download: options.DownloadOption = False,
    jobs: options.JobsOption = None,
    pack: options.PackOption = None,
    adaptively: adaptive.AdaptiveOption = False,
    precision: adaptive.PrecisionOption = None,
    max_runs: adaptive.MaxRunsOption = None,
    max_epochs: adaptive.MaxEpochsOption = None,
    max_time: adaptive.MaxTimeOption = None,
    no_early_stop: adaptive.NoEarlyStopOption = False,
    lr: adaptive.RatesOption = None,
    tracker: options.TrackerOption = None,
    dry_run: options.DryRunOption = False,
    trust_code: options.TrustCodeOption = False,
    keep_going: options.KeepGoingOption = False,
    as_json: options.JsonOption = False,
) -> None:
    """Train the recipe's grid of d and seeds with its direct baseline, and estimate d_int.

    --adaptive chooses d and seeds, stops runs early whose outcome is clear, and
    ends when the requested precision is reached.

    results.csv is updated after every run. The same command continues after an
    interruption, and prints the summary again when all runs are done. A run that
    fails does not stop the others. --dry-run estimates time and memory.

    --jobs processes share the runs, and each trains up to --pack of them as one
    batched network. Packed runs agree with single ones up to rounding; --pack 1
    gives the same bits every time.

    Example: idim sweep mnist-fc 'sweep.d=[500, 600, 700]' sweep.seeds=5
    Example: idim sweep mnist-fc --adaptive --precision 5%

    Exit code: 0; 1 when a run failed (4 under --keep-going); 2 for an invalid
    recipe or missing data, found before the first run; 3 when some d_int is
    beyond the grid; 75, 130 or 143 when stopped.
    """
    from idim_cli.recipe.load import load

    changes = short.of_sweep(overrides, d, seeds, epochs)
    search = adaptive.overrides(
        adaptively,
        precision=precision,
        max_runs=max_runs,
        max_epochs=max_epochs,
        max_time=max_time,
        early_stop=False if no_early_stop else None,
        lr=lr,
    )
    # All errors of the recipe are reported before torch is imported.
    loaded = load(recipe, [*changes, *search, *options.trackers(tracker)])
    if loaded.recipe.sweep:
        short.unused(changes, loaded.recipe.sweep.search.name)
    from idim_cli.execute.local.executor import Local
    from idim_cli.execute.sweep import sweep
    from idim_cli.training.where import Where

    where = Where(options.device(device, loaded.recipe), data, download)
    if dry_run:
        return dryrun.show(loaded, out, where, jobs, pack, as_json, trust_code=trust_code)
    # The executor is closed first, while the view can still show its messages.
    with console.resumable(), watch.shown(loaded.recipe, out) as watcher, Local(jobs, pack) as executor:
        outcome = sweep(loaded, out, where=where, executor=executor, watcher=watcher, trust_code=trust_code)
    from idim_cli.thresholds import TableOrigin  # with numpy, for which the first line must not wait

    # With all options that matter, so that the suggested command continues this sweep.
    words = [recipe, *changes, *search, *options.given(out, data, device, jobs, pack, tracker)]
    outcome = outcome.following(TableOrigin(words, loaded.recipe))
    if as_json:
        console.document("sweep/1", outcome.as_dict())
    else:
        console.out(_text(outcome))
    # Failed runs take precedence over levels that are not reached, as they may be the reason.
    if outcome.failed:
        console.fail(f"{outcome.failed} of {outcome.planned} runs failed", _where(outcome))
        raise typer.Exit(SOME_FAILED if keep_going else RUN_FAILED)
    if outcome.not_reached:
        raise typer.Exit(NOT_REACHED)


def _text(outcome: Outcome) -> str:
    """The summary: for each group a plot and its reading in words, or why it has none."""
    titled, detailed = len(outcome.estimates) > 1, console.level() >= console.VERBOSE
    blocks = [
        one.describe(plot(one.sample, one.reading), titled, console.text_width(), detailed)
        for one in outcome.estimates
    ]
    return "\n\n".join([*blocks, f"results: {outcome.folder}"])


def _where(outcome: Outcome) -> str:
    failed = outcome.table.loc[outcome.table["status"] == FAILED, "run_id"]
    return f"see log.txt in {outcome.folder / 'runs' / failed.iloc[0]}"
