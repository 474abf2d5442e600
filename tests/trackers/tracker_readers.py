"""What trackers have written, read back by their own libraries into one form."""

import json
import struct
import time
from dataclasses import dataclass, field
from pathlib import Path

BLOCK, HEAD, FULL, FIRST, LAST = 32768, 7, 1, 2, 4


@dataclass
class Record:
    """One record: its settings, its curve as (step, value) by figure, its figures, its status."""

    settings: dict = field(default_factory=dict)
    curve: dict = field(default_factory=dict)
    figures: dict = field(default_factory=dict)
    status: str | None = None

    def add(self, name, step, value):
        self.curve.setdefault(name, []).append((step, value))


def tensorboard(folder: Path) -> dict[str, Record]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = {}
    for home in sorted((folder / "tensorboard").iterdir()):
        events, record = EventAccumulator(str(home)), Record()
        events.Reload()
        for tag in events.Tags()["scalars"]:
            values = [(event.step, event.value) for event in events.Scalars(tag)]
            if tag.startswith("result/"):
                record.figures[tag.removeprefix("result/")] = values[-1][1]
            else:
                record.curve[tag] = values
        text = {
            tag: str(events.Tensors(tag)[-1].tensor_proto.string_val[0], "utf-8") for tag in _texts(events)
        }
        lines = text["settings/text_summary"].splitlines()
        record.settings = dict(line.strip().split(": ", 1) for line in lines)
        record.status = text.get("status/text_summary")
        found[home.name] = record
    return found


def _texts(events):
    return [tag for tag in events.Tags()["tensors"] if tag.endswith("text_summary")]


def mlflow(folder: Path) -> dict[str, Record]:
    from mlflow.tracking import MlflowClient

    client, found = MlflowClient((folder / "mlruns").absolute().as_uri()), {}
    home = client.get_experiment_by_name(folder.name)
    for run in client.search_runs([home.experiment_id]):
        record = Record(run.data.params, {}, dict(run.data.metrics), run.data.tags.get("idim.status"))
        for name in run.data.metrics:
            for one in client.get_metric_history(run.info.run_id, name):
                record.add(name, one.step, one.value)
        assert run.info.run_name not in found
        found[run.info.run_name] = record
    return found


def wandb(folder: Path) -> dict[str, Record]:
    """All of its offline files, as `wandb sync` would upload them one after the other."""
    found, ids = {}, {}
    for path in sorted((folder / "wandb").rglob("run-*.wandb")):
        record = None
        for message in _whole(path):
            kind = message.WhichOneof("record_type")
            if kind == "run" and record is None:
                record = found.setdefault(message.run.display_name, Record())
                assert ids.setdefault(message.run.display_name, message.run.run_id) == message.run.run_id
                record.settings |= {i.key: json.loads(i.value_json) for i in message.run.config.update}
            elif kind == "history":
                for item in message.history.item:
                    name = item.key or "/".join(item.nested_key)
                    record.add(name, message.history.step.num, json.loads(item.value_json))
            elif kind == "summary":
                record.figures |= {
                    (i.key or "/".join(i.nested_key)): json.loads(i.value_json)
                    for i in message.summary.update
                }
        record.status = record.figures.get("status")
    return found


def _whole(path: Path):
    """The messages of a file; its library's own process writes on for a moment after a run was finished."""
    for _ in range(300):
        found = list(_messages(path))
        if any(message.WhichOneof("record_type") == "exit" for message in found):
            return found
        time.sleep(0.1)
    raise AssertionError(f"{path} has no end")


def _messages(path: Path):
    from wandb.proto.wandb_internal_pb2 import Record as Message

    for content in _contents(path.read_bytes()):
        message = Message()
        message.ParseFromString(content)
        yield message


def _contents(data: bytes):
    """The records of a file of W&B: a head, then blocks in which a record may lie in pieces."""
    assert data[:4] in (b":W&B", b"")
    at, parts = HEAD, []
    while at + HEAD <= len(data):
        if BLOCK - at % BLOCK < HEAD:
            at += BLOCK - at % BLOCK
            continue
        _, length, kind = struct.unpack("<IHB", data[at : at + HEAD])
        if at + HEAD + length > len(data):  # is being written
            return
        if kind in (FULL, FIRST):
            parts = []
        parts.append(data[at + HEAD : at + HEAD + length])
        at += HEAD + length
        if kind in (FULL, LAST):
            yield b"".join(parts)


READERS = {"tensorboard": tensorboard, "mlflow": mlflow, "wandb": wandb}
