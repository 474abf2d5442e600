"""MLflow: one of its runs for each run, in an experiment named after the recipe."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from idim_cli.core.errors import IdimError
from idim_cli.trackers.base import Figures, Settings, library

_NAME = "idim.name"
_SERVICES = ("databricks", "databricks-uc")  # stores by name, without a colon
# By default, MLflow retries for minutes when a server does not answer, and the training would wait for it.
_RETRIES = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
_HINT = "check the tracker's `uri` or MLFLOW_TRACKING_URI, and whether the server runs"
_BATCH = 100  # parameters in one call: the limit of MLflow


@dataclass
class _Open:
    """An open run: its id, its last step, and the figures that it had when it began or resumed."""

    run_id: str
    last: int
    figures: Figures


class MLflow:
    """Runs in a folder of files, in a database, or on a server.

    Args:
        folder: of the recipe's results.
        uri: of the store, or a folder; None is the environment's MLFLOW_TRACKING_URI, else the folder
            OUT/RECIPE/mlruns.
        experiment: None is the recipe's name.

    Raises:
        IdimError: the store does not exist, or does not answer.
    """

    def __init__(self, folder: Path, *, uri: str | None = None, experiment: str | None = None) -> None:
        library("mlflow", "mlflow")
        self.entities = library("mlflow.entities", "mlflow")
        # MLflow no longer develops its file store and requires this consent; other stores ignore it.
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        for setting, value in _RETRIES.items():
            os.environ.setdefault(setting, value)
        given = uri or os.environ.get("MLFLOW_TRACKING_URI")
        store = _store(given) if given else (folder / "mlruns").absolute().as_uri()
        self.experiment_name, self.experiment = experiment or folder.name, ""
        self.open: dict[str, _Open] = {}
        try:
            # A first request, so that a wrong store is an error before the first run.
            self.client = library("mlflow.tracking", "mlflow").MlflowClient(store)
            self.client.get_experiment_by_name(self.experiment_name)
        except Exception as error:
            why = str(error).partition("\n")[0]
            raise IdimError(f"cannot use the MLflow store: {why}", _HINT) from error

    def begin(self, name: str, settings: Settings) -> None:
        """Resume the run of that name, or create one."""
        # Created with the first run: a sweep that only reads leaves no empty experiment.
        self.experiment = self.experiment or self._experiment()
        found = self.client.search_runs([self.experiment], f"tags.`{_NAME}` = '{name}'", max_results=1)
        if found:
            run = found[0]
            self.client.update_run(run.info.run_id, status="RUNNING")
        else:
            run = self.client.create_run(self.experiment, tags={_NAME: name}, run_name=name)
            params = [self.entities.Param(key, str(value)) for key, value in settings.items()]
            for at in range(0, len(params), _BATCH):
                self.client.log_batch(run.info.run_id, params=params[at : at + _BATCH])
        # Every evaluation has an epoch, so its history has all steps that were sent.
        last = self._last_step(run.info.run_id, "epoch") if found else -1
        self.open[name] = _Open(run.info.run_id, last, dict(run.data.metrics))

    def row(self, name: str, step: int, figures: Figures) -> None:
        """One metric for each figure; steps that exist already are left out."""
        run = self.open[name]
        if step > run.last:
            self._log(run.run_id, step, figures)
            run.last = step

    def end(self, name: str, figures: Figures, status: str) -> None:
        """The figures as metrics, without those that exist already, and the status as a tag."""
        run = self.open.pop(name)
        # Sent again, a figure would appear twice in its history.
        new = {key: value for key, value in figures.items() if run.figures.get(key) != value}
        self._log(run.run_id, max(run.last, 0), new)
        self.client.set_tag(run.run_id, "idim.status", status)
        self.client.set_terminated(run.run_id, "FAILED" if status == "failed" else "FINISHED")

    def close(self) -> None:
        """Runs that have not ended were stopped."""
        for run in self.open.values():
            self.client.set_terminated(run.run_id, "KILLED")
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


def _store(given: str) -> str:
    """A store as MLflow names it; a name without a colon is a folder."""
    return given if ":" in given or given in _SERVICES else Path(given).expanduser().absolute().as_uri()
