"""The display of progress: a live view on a terminal, lines elsewhere, nothing with --quiet."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from idim_cli.cli import console, progress

if TYPE_CHECKING:
    from pathlib import Path

    from idim_cli.execute.base import Watcher
    from idim_cli.recipe.schema import Recipe


def shown(recipe: Recipe | None, out: Path) -> AbstractContextManager[Watcher]:
    """The display for a sweep with results below `out`, or for runs without a recipe."""
    if console.level() == console.QUIET:
        from idim_cli.execute.base import Silent

        return nullcontext(Silent())
    if not console.drawable():
        # rich would print one bar at the very end: a log of a cluster would stay silent for hours.
        return progress.Plain()
    # Imports rich, which only the live view needs.
    from idim_cli.cli.live import Live
    from idim_cli.execute.running_estimate import Running

    return Live(Running(recipe, out / recipe.name) if recipe and recipe.sweep else None)
