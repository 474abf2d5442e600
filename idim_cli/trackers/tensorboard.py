"""TensorBoard: one folder of event files for each run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from idim_cli.trackers.base import Figures, Settings, library


class TensorBoard:
    """Event files for ``tensorboard --logdir OUT/RECIPE/tensorboard``.

    Args:
        folder: of the recipe's results.
        logdir: another folder for the event files.
    """

    def __init__(self, folder: Path, *, logdir: str | None = None) -> None:
        library("tensorboard", "tensorboard")
        self.writers_of = library("torch.utils.tensorboard", "tensorboard").SummaryWriter
        self.hparams = library("torch.utils.tensorboard.summary", "tensorboard").hparams
        self.logdir = Path(logdir).expanduser() / folder.name if logdir else folder / "tensorboard"
        self.open: dict[str, tuple[Any, Settings]] = {}

    def begin(self, name: str, settings: Settings) -> None:
        """Open the record's folder; what an earlier process wrote is hidden, because it is sent again."""
        writer = self.writers_of(str(self.logdir / name), purge_step=0)
        # Indented by four spaces, which Markdown shows as a block of code.
        lines = (f"    {key}: {value}" for key, value in settings.items())
        writer.add_text("settings", "\n".join(lines), 0)
        self.open[name] = writer, settings

    def row(self, name: str, step: int, figures: Figures) -> None:
        """One scalar for each figure."""
        writer, _ = self.open[name]
        for key, value in figures.items():
            writer.add_scalar(key, value, step)

    def end(self, name: str, figures: Figures, status: str) -> None:
        """The figures with the settings, for the tab of hyperparameters."""
        writer, settings = self.open.pop(name)
        # Step 0: results have no place on the axis of a learning curve.
        writer.add_text("status", status, 0)
        metrics = {f"result/{key}": value for key, value in figures.items()}
        # Not by `add_hparams`, which opens a second file that readers may mistake for an earlier one.
        for summary in self.hparams(dict(settings), metrics):
            writer.file_writer.add_summary(summary, 0)
        for key, value in metrics.items():
            writer.add_scalar(key, value, 0)
        writer.close()

    def close(self) -> None:
        """Write what is left."""
        for writer, _ in self.open.values():
            writer.close()
        self.open.clear()
