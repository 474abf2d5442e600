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
# A server that does not answer: by itself, MLflow tries for minutes, inside a training.
_PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
_HINT = "see `uri` of the tracker, or MLFLOW_TRACKING_URI, and whether its server runs"
_AT_ONCE = 100  # parameters, or metrics, that MLflow takes in one call


@dataclass
class _Open:
    """A run under way: its id, its last step, and the figures that it had when it was taken up."""

    run_id: str
    last: int
    figures: Figures


class MLflow:
    """Runs in a folder of files, in a data base, or on a server.

    Args:
        folder: of the recipe's results.
        uri: of the store, or a folder; None is the environment's MLFLOW_TRACKING_URI, and without one
            the folder OUT/RECIPE/mlruns, in which each run has files of its own.
        experiment: None is the recipe's name.

    Raises:
        IdimError: there is no such store, or it does not answer.
    """

    def __init__(self, folder: Path, *, uri: str | None = None, experiment: str | None = None) -> None:
        library("mlflow", "mlflow")
        self.entities = library("mlflow.entities", "mlflow")
        # MLflow maintains its store of files no further and asks for this consent; other stores ignore it.
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        for setting, value in _PATIENCE.items():
            os.environ.setdefault(setting, value)
        given = uri or os.environ.get("MLFLOW_TRACKING_URI")
        store = _store(given) if given else (folder / "mlruns").absolute().as_uri()
        self.experiment_name, self.experiment = experiment or folder.name, ""
        self.open: dict[str, _Open] = {}
        try:
            self.client = library("mlflow.tracking", "mlflow").MlflowClient(store)
            self.client.get_experiment_by_name(self.experiment_name)
        except Exception as error:
            why = str(error).partition("\n")[0]
            raise IdimError(f"MLflow's store cannot be used: {why}", _HINT) from error

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
        last = self._last_step(run.info.run_id, "epoch") if found else -1
        self.open[name] = _Open(run.info.run_id, last, dict(run.data.metrics))

    def row(self, name: str, step: int, figures: Figures) -> None:
        """One metric for each figure; a step that is there already is left out."""
        run = self.open[name]
        if step > run.last:
            self._log(run.run_id, step, figures)
            run.last = step

    def end(self, name: str, figures: Figures, status: str) -> None:
        """The figures as metrics, but for those that stand there, and the status as a tag."""
        run = self.open.pop(name)
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
    """A store as MLflow names it; what has no colon is a folder."""
    return given if ":" in given or given in _SERVICES else Path(given).expanduser().absolute().as_uri()
