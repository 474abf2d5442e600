"""MLflow: one of its runs for each run, in an experiment named after the recipe."""

from __future__ import annotations

import os
import time
from pathlib import Path

from idim_cli.trackers.base import Figures, Settings, library

_NAME = "idim.name"
_AT_ONCE = 100  # parameters, or metrics, that MLflow takes in one call


class MLflow:
    """Runs in a folder of files, in a data base, or on a server.

    Args:
        folder: of the recipe's results.
        uri: of the store, or a folder; None is the environment's MLFLOW_TRACKING_URI, and without one
            the folder OUT/RECIPE/mlruns, in which each run has files of its own.
        experiment: None is the recipe's name.
    """

    def __init__(self, folder: Path, *, uri: str | None = None, experiment: str | None = None) -> None:
        library("mlflow", "mlflow")
        self.entities = library("mlflow.entities", "mlflow")
        # MLflow maintains its store of files no further and asks for this consent; other stores ignore it.
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        store = uri or os.environ.get("MLFLOW_TRACKING_URI") or str(folder / "mlruns")
        path = Path(store).expanduser().absolute()
        self.client = library("mlflow.tracking", "mlflow").MlflowClient(
            store if ":" in store else path.as_uri()
        )
        self.experiment_name, self.experiment = experiment or folder.name, ""
        self.open: dict[str, tuple[str, int]] = {}  # id of the run, and the last step that it has

    def begin(self, name: str, settings: Settings) -> None:
        """Take up the run of that name, or make one."""
        self.experiment = self.experiment or self._experiment()
        found = self.client.search_runs([self.experiment], f"tags.`{_NAME}` = '{name}'", max_results=1)
        if found:
            run = found[0]
            self.client.update_run(run.info.run_id, status="RUNNING")
        else:
            run = self.client.create_run(self.experiment, tags={_NAME: name}, run_name=name)
            params = [self.entities.Param(key, str(value)) for key, value in settings.items()]
            for at in range(0, len(params), _AT_ONCE):
                self.client.log_batch(run.info.run_id, params=params[at : at + _AT_ONCE])
        self.open[name] = run.info.run_id, self._last_step(run.info.run_id, "epoch") if found else -1

    def row(self, name: str, step: int, figures: Figures) -> None:
        """One metric for each figure; a step that is there already is left out."""
        run_id, last = self.open[name]
        if step > last:
            self._log(run_id, step, figures)
            self.open[name] = run_id, step

    def end(self, name: str, figures: Figures, status: str) -> None:
        """The figures as metrics, and the status as a tag."""
        run_id, last = self.open.pop(name)
        self._log(run_id, max(last, 0), figures)
        self.client.set_tag(run_id, "idim.status", status)
        self.client.set_terminated(run_id, "FAILED" if status == "failed" else "FINISHED")

    def close(self) -> None:
        """Runs that have not ended were stopped."""
        for run_id, _ in self.open.values():
            self.client.set_terminated(run_id, "KILLED")
        self.open.clear()

    def _experiment(self) -> str:
        found = self.client.get_experiment_by_name(self.experiment_name)
        return str(found.experiment_id if found else self.client.create_experiment(self.experiment_name))

    def _last_step(self, run_id: str, figure: str) -> int:
        return max((one.step for one in self.client.get_metric_history(run_id, figure)), default=-1)

    def _log(self, run_id: str, step: int, figures: Figures) -> None:
        now = int(time.time() * 1000)
        metrics = [self.entities.Metric(key, value, now, step) for key, value in figures.items()]
        self.client.log_batch(run_id, metrics=metrics)
