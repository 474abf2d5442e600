"""Scoring a solution, from a checkpoint or a compressed file, by the same steps."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from idim_cli.compression import from_checkpoint, recorded_scores
from idim_cli.compression.format import files, guard, solution
from idim_cli.compression.format.solution import Solution
from idim_cli.compression.rebuild import admit, rebuild, refuse_changed, refuse_edited
from idim_cli.core.errors import DataError, FileError
from idim_cli.datasets import base as datasets
from idim_cli.datasets.split import Data, Split
from idim_cli.models.base import compact
from idim_cli.runs import origin
from idim_cli.runs.results import as_path, checkpoint_of
from idim_cli.tasks import base as tasks

SplitName = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class Score:
    """The score of a solution.

    Attributes:
        split: the split it was scored on, and `examples`, its length.
        metrics: all metrics of the task by name.
        metric: the one that is the performance.
        D, d: native parameters and coordinates.
    """

    split: str
    examples: int
    metrics: dict[str, float]
    metric: str
    D: int
    d: int


def evaluate(
    path: str | Path,
    split: SplitName = "validation",
    data_root: str | None = None,
    device: str = "cpu",
    trust_code: bool = False,
) -> Score:
    """Score a solution. theta is computed in float32 on the CPU and only then moved to the device.

    So a checkpoint and a lossless file of it have the same metrics to the last digit on the same device.

    Args:
        path: an `.idim` file, a run folder, or its checkpoint.safetensors.
        split: of the data set that the solution was trained on.
        data_root: folder of the data; None takes that of the checkpoint's recipe, else IDIM_DATA.
        device: where to compute.
        trust_code: whether code named by an `.idim` file, or by a checkpoint of somebody else, may run.

    Raises:
        FileError: the file cannot be trusted, or is not what it claims to be.
        DataError: the data are missing, or there is no such split.
    """
    found = _read(as_path(path), trust_code)
    # Before anything that the solution names is built or run.
    refuse_edited(found)
    found = guard.permit(found, trust_code, origin.NEEDED)
    # Rebuilt on the CPU and then moved, so that all devices start from the same bits of theta.
    module = rebuild(found).module.to(device)
    data = _data(found, data_root)
    chosen = _split(data, split)
    refuse_changed(found, changed_data(found, data, split))
    with guard.as_file_error("task", found.spec.task, found.source):
        task = tasks.build(found.spec.task)
        metrics = task.evaluate(module, chosen.to(device))
    # Before the comparison with the recorded metrics, whose message would mislead here.
    if wrong := tasks.not_finite(metrics):
        raise FileError(f"{path}: {wrong} on the {split} split: the outputs of its network are not finite")
    known = (
        split if split in found.metrics else next(iter(found.metrics), split)
    )  # never recorded for the test split
    compared = chosen if known == split else _split(data, known)

    def again() -> dict[str, float]:
        return task.evaluate(module, compared.to(device))

    recorded_scores.refuse_other(
        found, known, metrics if known == split else again(), again, task.metric, len(compared)
    )
    return Score(split, len(chosen), metrics, task.metric, found.D, found.d)


def changed_data(found: Solution, data: Data, split: str = "validation") -> str:
    """Why a split, or one used in training, is not what the solution was trained on; empty if it is."""
    splits = dict.fromkeys(("train", "validation", split))
    return origin.other_data(
        found.origin, {name: data.digest(name) for name in splits}, found.spec.dataset.name
    )


def _read(path: Path, trust_code: bool) -> Solution:
    if not path.exists():
        raise FileError(f"no file {path}", "give an .idim file, a run folder, or its checkpoint.safetensors")
    # By its first bytes, because file names are changed by users.
    if files.is_compressed(path):
        return recorded_scores.with_record(solution.read(path, admit(trust_code, origin.NEEDED)), path)
    try:
        return from_checkpoint.read(checkpoint_of(path))
    except from_checkpoint.NotACheckpointError as error:
        raise FileError(f"{path} is neither an .idim file nor a checkpoint, or is damaged") from error


def _data(found: Solution, data_root: str | None) -> Data:
    # A file may name a data set with impossible parameters.
    with guard.as_file_error("dataset", found.spec.dataset, found.source):
        data = datasets.load(
            found.spec.dataset, data_root or (found.recipe.data_root if found.recipe else None)
        )
    with guard.as_file_error("task", found.spec.task, found.source):
        outputs = compact(tasks.build(found.spec.task).outputs(data))
    shape = json.loads(json.dumps(data.shape))  # with lists, as in the file
    # Before scoring, where a mismatch would be an error deep inside torch.
    if (shape, outputs) != (found.spec.shape, found.spec.classes):
        raise FileError(
            f"the model is for {found.spec.classes} outputs and examples of shape {found.spec.shape}, "
            f"the data have {outputs} and {shape}"
        )
    return data


def _split(data: Data, name: str) -> Split:
    if name not in get_args(SplitName):
        raise DataError(f"unknown split {name!r}", f"give one of {', '.join(get_args(SplitName))}")
    # A function, so that the test split is not even read unless it is requested.
    return data.test() if name == "test" else data.train if name == "train" else data.validation
