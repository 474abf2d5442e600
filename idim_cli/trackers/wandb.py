"""Weights & Biases: one of its runs for each run, in the group of the recipe."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import Any, Literal

from idim_cli.core.errors import IdimError
from idim_cli.trackers.base import Figures, Settings, library

_TOKEN = "token"


class WandB:
    """Runs on a W&B server, or in files that ``wandb sync`` uploads later.

    The files are in OUT/RECIPE/wandb. A run that resumes is the same run there: its id is its name and a
    token of the results folder, so that other folders never write into it.

    Args:
        folder: of the recipe's results.
        project: where the runs are shown.
        entity: the team that owns it; None is the user.
        mode: online, or offline for a later ``wandb sync``; None is WANDB_MODE, else online.

    Raises:
        IdimError: online without an API key.
    """

    def __init__(
        self,
        folder: Path,
        *,
        project: str = "idim",
        entity: str | None = None,
        mode: Literal["online", "offline"] | None = None,
    ) -> None:
        self.wandb = library("wandb", "wandb")
        self.where = {"project": project, "entity": entity, "group": folder.name, "dir": str(folder)}
        self.mode = mode or os.environ.get("WANDB_MODE", "online")
        # Without a prompt: a job on a cluster would wait for it forever.
        if self.mode == "online" and not self.wandb.login(prompt=False):
            raise IdimError(
                "Weights & Biases has no API key",
                "run `wandb login`, or use {name: wandb, mode: offline}",
            )
        self.state = folder / "wandb"
        self.token = _token(self.state / _TOKEN)
        self.open: dict[str, Any] = {}

    def begin(self, name: str, settings: Settings) -> None:
        """Open the record as a separate run; `console` off leaves stdout alone."""
        self.open[name] = self.wandb.init(
            **self.where,
            id=f"{self.token}-{name}",
            name=name,
            config=dict(settings),
            mode=self.mode,
            resume="allow",
            # Several runs of a pack are open at the same time.
            reinit="create_new",
            settings=self.wandb.Settings(silent=True, console="off"),
        )

    def row(self, name: str, step: int, figures: Figures) -> None:
        """One step, unless it was sent before."""
        last = self.state / f"{name}.step"  # offline, the library itself does not know earlier steps
        if step > (int(last.read_text()) if last.exists() else -1):
            self.open[name].log(dict(figures), step=step)
            # After the row: one that is sent twice does less harm than one that is lost.
            last.write_text(str(step))

    def end(self, name: str, figures: Figures, status: str) -> None:
        """The figures are the run's summary."""
        run = self.open.pop(name)
        run.summary.update({**figures, "status": status})
        run.finish(exit_code=int(status == "failed"))

    def close(self) -> None:
        """Runs that have not ended are marked as failed; they resume when they begin again."""
        for run in self.open.values():
            run.finish(exit_code=1)
        self.open.clear()


def _token(path: Path) -> str:
    """The token of a results folder, made by the first process that needs it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    own = path.with_name(f".{_TOKEN}.{os.getpid()}")
    own.write_text(secrets.token_hex(4))
    with contextlib.suppress(FileExistsError):
        path.hardlink_to(own)  # atomic: no process reads a half-written token
    own.unlink()
    # That of the first process, which may not be this one.
    return path.read_text()
