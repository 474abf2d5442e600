"""Runs side by side: the numbers of single runs, whatever the neighbours do."""

import os
import signal
from dataclasses import dataclass, replace

import pytest
import torch

from idim_cli.recipe.load import loads
from idim_cli.runs import checkpoint, results
from idim_cli.runs.plan import plan, single
from idim_cli.training import session, stop
from idim_cli.training.batched.pack import Pack, unbatchable_reason
from idim_cli.training.batched.scheduler import train_many
from idim_cli.training.finished import run_folder
from idim_cli.training.loop import Loop
from idim_cli.training.prepare import Where, problem
from idim_cli.training.run import run as train_one

HERE = Where(device="cpu")
TIMES = ("seconds", "peak_memory_bytes", "date")
DIGITS = """
name: digits
dataset: digits
model: {name: fc, depth: 1, width: 16}
d: 40
training: {epochs: 2, batch_size: 64, optimizer: {name: adam, lr: 0.1}, schedule: linear}
"""
MODELS = '''
import random
import torch
from torch import nn
from idim_cli.datasets.split import Source, Split

def images(n: int = 30):
    """Small images with a pattern for each of three classes."""
    y = torch.arange(n) % 3
    x = torch.sin(torch.arange(n * 256.0).reshape(n, 1, 16, 16)) + y[:, None, None, None]
    split = Split(x, y)
    return Source(split, lambda: split, 3, 10)

class Recurrent(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.cell, self.head = nn.GRU(16, 4, batch_first=True), nn.Linear(4, classes)
    def forward(self, x):
        return self.head(self.cell(x[:, 0])[0][:, -1])

class Choosing(nn.Module):
    """Decides by the values that it meets."""
    def __init__(self, classes):
        super().__init__()
        self.head = nn.Linear(256, classes)
    def forward(self, x):
        out = self.head(x.flatten(1))
        return out if out.sum() > 0 else -out

class Noisy(Choosing):
    """Noise that torch does not know of."""
    def forward(self, x):
        return self.head(x.flatten(1)) * random.random()

class Hidden(Choosing):
    """Numbers of its own that no state_dict knows."""
    def __init__(self, classes):
        super().__init__(classes)
        self.order = torch.randperm(256)
        self.scale = nn.Parameter(torch.tensor(1.0))
    def forward(self, x):
        return self.head(x.flatten(1)[:, self.order]) * self.scale

class Frozen(nn.Module):
    """A random feature map, as a buffer and as a layer that is not trained."""
    def __init__(self, classes):
        super().__init__()
        self.register_buffer("map", torch.randn(256, 8))
        self.body, self.head = nn.Linear(8, 8), nn.Linear(8, classes)
    def forward(self, x):
        return self.head(self.body(x.flatten(1) @ self.map).tanh())

def dropout(classes):
    return nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(256, classes))

def norm(classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(256, 8), nn.BatchNorm1d(8), nn.Linear(8, classes))
'''


@pytest.fixture
def small(tmp_path):
    """Makes a recipe on small images: 20 training examples, 3 batches an epoch."""
    path = tmp_path / "models.py"
    path.write_text(MODELS)

    def make(model="lenet", *overrides):
        name = model if model == "lenet" else f"{path}:{model}"
        text = f"""
name: small
dataset: {{name: '{path}:images'}}
model: {{name: '{name}'}}
d: 12
training: {{epochs: 3, batch_size: 8, optimizer: {{name: adam, lr: 0.02}}}}
"""
        return loads(text, "small.yaml", overrides)

    return make


def several(loaded, *changes):
    """A run for each of `changes`, all with seeds of their own."""
    runs = []
    for seed, change in enumerate(changes):
        again = loads(text(loaded), "x.yaml", [f"seeds.{kind}={seed}" for kind in SEEDS] + list(change))
        runs.append(single(again.recipe))
    return runs


SEEDS = ("theta0", "projector", "data")


def text(loaded):
    from idim_cli.recipe.dump import to_yaml

    return to_yaml(loaded.recipe)


def loops_of(runs):
    return [Loop(problem(run, HERE), run.recipe.training, run.recipe.seeds.data) for run in runs]


def steps(runs, number, side_by_side):
    """The losses of the first steps, [steps][R], and where the coordinates are then."""
    loops, losses, ended = loops_of(runs), [], lambda *_: None
    trainings = [loop.stepwise(ended, ended) for loop in loops]
    batches, pack = [next(training) for training in trainings], Pack(loops) if side_by_side else None
    for _ in range(number):
        sums = [loop.loss_sum.item() for loop in loops]
        made = pack.step(batches) if pack else [None] * len(loops)
        batches = [training.send(loss) for training, loss in zip(trainings, made, strict=True)]
        losses.append([loop.loss_sum.item() - old for loop, old in zip(loops, sums, strict=True)])
    for training in trainings:
        training.close()
    return torch.tensor(losses), [loop.subspace.coords.detach() for loop in loops]


def same_way(runs, number=8, rtol=1e-5, drift=1e-4):
    alone, packed = steps(runs, number, False), steps(runs, number, True)
    torch.testing.assert_close(packed[0], alone[0], rtol=rtol, atol=1e-7)
    for one, other in zip(alone[1], packed[1], strict=True):
        assert one.norm() > 0
        assert (one - other).norm() <= drift * one.norm()


def many(runs, out, size=8, say=None, on_step=lambda run, progress: None):
    said = []
    ended = list(train_many(runs, out, size, HERE, on_step, say or said.append))
    assert say or not said
    return {run.run_id: result for run, result in ended}


def without_times(result):
    return {key: value for key, value in result.items() if key not in TIMES}


PROJECTORS = ["tied", "dense", "sparse", "fastfood", "{name: layerwise, inner: dense}"]


@pytest.mark.parametrize("projector", PROJECTORS)
def test_a_step_is_that_of_single_runs_for_every_projector(projector):
    same_way(several(loads(DIGITS, overrides=[f"projector={projector}"]), [], ["d=17"], ["d=150"], []))


@pytest.mark.parametrize(
    "training",
    [
        ["training.optimizer={name: sgd, lr: 0.5}", "training.l2=0.01"],
        ["training.optimizer={name: adam, lr: 0.05}", "training.clip_norm=0.1"],
        ["training.optimizer={name: rmsprop, lr: 0.01}", "training.schedule=cosine"],
    ],
)
def test_every_training_keeps_its_optimizer_rate_and_schedule(training):
    others = [
        ["training.optimizer={name: sgd, lr: 0.01}"],
        ["training.optimizer={name: adam, lr: 0.2}"],
        ["training.schedule=cosine"],
    ]
    same_way(several(loads(DIGITS, overrides=training), [], [], *others))


def test_direct_training_is_the_same_too():
    direct = ["projector=identity", "d=null", "training.optimizer.lr=0.01"]
    same_way(several(loads(DIGITS, overrides=direct), [], [], []))


def test_lenet_is_the_same_too(small):
    same_way(several(small(), [], ["d=30"], []), number=3)


def test_what_is_frozen_and_what_is_a_buffer_is_each_runs_own(small):
    same_way(several(small("Frozen", "trainable=['head.*']"), [], ["d=5"], []), number=3)


def test_a_parameter_without_axes_can_be_batched(small):
    (loop,) = loops_of(several(small("Hidden"), []))
    assert unbatchable_reason(next(loop.stepwise())) is None


def test_toy_is_the_same_too():
    toy = "{name: toy, dataset: toy, model: toy, task: toy, d: 10, training: {steps: 20, batch_size: 1}}"
    losses = [steps(several(loads(toy), [], ["d=3"], []), 1, packed)[0] for packed in (False, True)]
    torch.testing.assert_close(*losses, rtol=1e-5, atol=0)


def test_bf16_agrees_to_its_own_precision():
    runs = several(loads(DIGITS, overrides=["training.precision=bf16"]), [], [], [])
    same_way(runs, rtol=2e-2, drift=0.1)


def test_steps_out_of_step_keep_their_own_rates():
    """A training that is further on than another has another rate; the pack notices."""
    ends = []
    for packed in (False, True):
        loops = loops_of(several(loads(DIGITS), [], []))
        trainings = [loop.stepwise() for loop in loops]
        batches = [next(training) for training in trainings]
        pack = Pack(loops)
        for number in range(6):
            alone = not packed or number in (2, 3)
            made = [None, None] if alone else pack.step(batches)
            for at in (0,) if number == 2 else (1,) if number == 3 else (0, 1):
                batches[at] = trainings[at].send(made[at])
            if number == 2:
                batches[0] = trainings[0].send(None)
        ends.append([loop.subspace.coords.detach() for loop in loops])
        assert [loop.state.step for loop in loops] == [6, 5]
    for one, other in zip(*ends, strict=True):
        assert (one - other).norm() <= 1e-4 * one.norm()


def test_whole_runs_come_to_the_results_of_single_runs(tmp_path):
    """Eight runs in a pack of three: of other lengths, so that they leave and join at any time."""
    changes = [[f"d={d}", f"training.epochs={epochs}"] for d in (20, 60) for epochs in (1, 3, 2, 4)]
    runs = several(loads(DIGITS), *changes)
    packed = many(runs, tmp_path / "packed", size=3)
    assert set(packed) == {run.run_id for run in runs}
    for run in runs:
        alone, folder = (
            train_one(run, run_folder(tmp_path / "alone", run)),
            run_folder(tmp_path / "packed", run),
        )
        result = packed[run.run_id]
        assert abs(result["performance"] - alone["performance"]) <= 1.01 / 300
        assert result["metrics"] == pytest.approx(alone["metrics"], rel=2e-2, abs=1e-3)
        ends = [
            checkpoint.load(run_folder(tmp_path / way, run) / results.CHECKPOINT)
            for way in ("alone", "packed")
        ]
        assert ends[0][1]["state"]["step"] == ends[1][1]["state"]["step"] == alone["steps"]
        coords = [tensors["coords"] for tensors, _ in ends]
        assert (coords[0] - coords[1]).norm() <= 1e-3 * coords[0].norm()
        assert len((folder / results.METRICS).read_text().splitlines()) == 1 + alone["epochs"]


def test_packs_of_one_are_single_runs_to_the_last_bit(tmp_path):
    runs = several(loads(DIGITS), [], ["d=7"])
    packed = many(runs, tmp_path / "packed", size=1)
    for run in runs:
        alone = train_one(run, run_folder(tmp_path / "alone", run))
        assert without_times(packed[run.run_id]) == without_times(alone)


@pytest.mark.parametrize("model", ["dropout", "norm", "Choosing", "Noisy", "Hidden"])
def test_what_cannot_be_batched_is_trained_one_by_one(small, tmp_path, model):
    import random

    runs, said = several(small(model), [], [], []), []
    random.seed(3)
    packed = many(runs, tmp_path / "packed", say=said.append)
    assert len(said) == 1
    assert model in said[0]
    if model == "Noisy":
        return
    for run in runs:
        alone = train_one(run, run_folder(tmp_path / "alone", run))
        assert without_times(packed[run.run_id]) == without_times(alone)


def test_a_recurrent_network_is_batched_rightly_or_not_at_all(small, tmp_path):
    runs, said = several(small("Recurrent"), [], []), []
    packed = many(runs, tmp_path / "packed", say=said.append)
    for run in runs:
        alone = train_one(run, run_folder(tmp_path / "alone", run))
        assert packed[run.run_id]["metrics"] == pytest.approx(alone["metrics"], rel=1e-3)


def test_trying_whether_a_run_can_be_batched_changes_nothing(small):
    ends = []
    for look in (False, True):
        (loop,) = loops_of(several(small("norm"), []))
        training = loop.stepwise()
        batch = next(training)
        if look:
            assert unbatchable_reason(batch) == "its buffers change in training"
        training.send(None)
        ends.append(loop.tensors())
        training.close()
    assert {name: t.tolist() for name, t in ends[0].items()} == {
        name: t.tolist() for name, t in ends[1].items()
    }


def test_a_run_that_diverges_harms_no_other(tmp_path):
    bad = ["training.optimizer={name: sgd, lr: 1e30}"]
    runs = several(loads(DIGITS), [], bad, [])
    packed = many(runs, tmp_path / "packed")
    assert [packed[run.run_id]["status"] for run in runs] == ["ok", "failed", "ok"]
    assert "diverged" in packed[runs[1].run_id]["reason"]
    for run in (runs[0], runs[2]):
        alone = train_one(run, run_folder(tmp_path / "alone", run))
        assert packed[run.run_id]["performance"] == pytest.approx(alone["performance"], abs=1.01 / 300)


def test_runs_that_go_astray_in_their_last_step_have_failed(tmp_path):
    bad = ["training.optimizer={name: sgd, lr: 1e300}"]
    runs = several(loads(DIGITS, overrides=["training.batch_size=2000", "training.epochs=1"]), bad, [], bad)
    packed = many(runs, tmp_path)
    assert [packed[run.run_id]["status"] for run in runs] == ["failed", "ok", "failed"]
    assert "coordinates are not finite" in packed[runs[0].run_id]["reason"]
    assert "performance" not in packed[runs[0].run_id]


def test_a_run_that_cannot_be_made_harms_no_other(tmp_path):
    runs = several(loads(DIGITS), [], ["d=100000"], [])
    packed = many(runs, tmp_path / "packed")
    assert [packed[run.run_id]["status"] for run in runs] == ["ok", "failed", "ok"]


def test_a_signal_saves_all_and_the_same_call_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(session, "REPORT_SECONDS", -1.0)
    runs = several(loads(DIGITS), [], [], ["training.epochs=1"])

    def ask(run, progress):
        if (run, progress.step) == (runs[1], 7):
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(stop.StoppedError, match="3 runs") as caught:
        many(runs, tmp_path, on_step=ask)
    assert caught.value.exit_code == 143
    assert signal.getsignal(signal.SIGTERM) is before
    for run in runs:
        at = checkpoint.load(run_folder(tmp_path, run) / results.CHECKPOINT)[1]["state"]["step"]
        assert at in (7, 8)
    packed = many(runs, tmp_path)
    assert {result["status"] for result in packed.values()} == {"ok"}
    assert "resumes at step" in (run_folder(tmp_path, runs[0]) / "log.txt").read_text()


def test_a_signal_begins_nothing_new(tmp_path, monkeypatch):
    monkeypatch.setattr(session, "REPORT_SECONDS", -1.0)
    runs = several(loads(DIGITS), ["training.epochs=1"], [], [])

    def ask(run, progress):
        # Told after its last step and again after its evaluation; then it ends, and leaves room.
        if (run, progress.step, bool(progress.figures)) == (runs[0], 19, True):
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(stop.StoppedError):
        many(runs, tmp_path, size=2, on_step=ask)
    assert not run_folder(tmp_path, runs[2]).exists()


def test_an_error_of_the_caller_lets_go_of_all_folders(tmp_path, monkeypatch):
    monkeypatch.setattr(session, "REPORT_SECONDS", -1.0)
    runs = several(loads(DIGITS), [], [])

    def crash(run, progress):
        if progress.step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        many(runs, tmp_path, on_step=crash)
    for run in runs:
        with results.sole_writer(run_folder(tmp_path, run)):
            assert caught.traceback


def test_what_another_process_holds_is_passed_by(tmp_path):
    runs = several(loads(DIGITS), [], [])
    with results.sole_writer(run_folder(tmp_path, runs[0])):
        assert list(many(runs, tmp_path)) == [runs[1].run_id]


def test_what_is_done_is_only_read(tmp_path, monkeypatch):
    runs = several(loads(DIGITS), [], [])
    first = many(runs, tmp_path)
    monkeypatch.setattr("idim_cli.training.run.problem", lambda *_: pytest.fail("trained again"))
    assert many(runs, tmp_path) == first


@dataclass(frozen=True)
class AtOnce:
    """A goal that every run reaches at its first evaluation."""

    level: float = 0.0

    def verdict(self, curve):
        return "solved"

    def final(self, curve):
        return curve[-1], curve[-1]


def test_a_run_that_its_goal_ends_leaves_and_is_replaced_at_once(tmp_path):
    changes = [["training.epochs=3"]] * 4
    runs = [replace(run, goal=AtOnce()) for run in several(loads(DIGITS), *changes)]
    runs[0] = replace(runs[0], goal=None)
    at_work, begun = {}, []

    def seen(run, progress):
        if run not in begun:
            begun.append(run)
            at_work[run.run_id] = progress.step

    ended = [
        (run, result["status"], result["epoch"])
        for run, result in train_many(runs, tmp_path, 2, HERE, seen, print)
    ]
    assert [(status, epoch) for run, status, epoch in ended if run is not runs[0]] == [("solved", 1)] * 3
    assert [run.run_id for run in begun] == [run.run_id for run in runs]
    assert (runs[0], "ok", 3) in ended


def test_runs_are_taken_when_there_is_room_and_kinds_do_not_mix(tmp_path):
    recipe = loads(DIGITS + "sweep: {d: [5, 9], seeds: 2, baseline: {seeds: 2}}").recipe
    planned, taken, ended = plan(recipe), [], []

    def source():
        for run in planned:
            taken.append(run)
            yield run

    for run, result in train_many(source(), tmp_path, 3, HERE, lambda run, progress: None, print):
        ended.append(run)
        assert result["status"] == "ok"
        assert len(taken) - len(ended) <= 3
    assert sorted(run.run_id for run in ended) == sorted(run.run_id for run in planned)
    assert all(run.direct for run in ended[:2])


def test_the_seconds_of_all_runs_add_up_to_the_time_that_passed(tmp_path):
    import time

    began = time.monotonic()
    packed = many(several(loads(DIGITS), [], [], ["training.epochs=1"]), tmp_path)
    rounded = 0.0005 * len(packed)  # to milliseconds
    assert sum(result["seconds"] for result in packed.values()) <= time.monotonic() - began + rounded


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_graphs_on_cuda_give_what_calls_give():
    said = []
    where, ends = Where(device="cuda"), []
    for side_by_side in (False, True):
        runs = several(loads(DIGITS), [], ["d=17"], [])
        loops = [Loop(problem(run, where), run.recipe.training, run.recipe.seeds.data) for run in runs]
        trainings = [loop.stepwise() for loop in loops]
        batches, pack = [next(training) for training in trainings], Pack(loops, said.append)
        for _ in range(30):  # past the warm-up, and past an epoch with its partial batch
            losses = pack.step(batches) if side_by_side else [None] * len(loops)
            batches = [training.send(loss) for training, loss in zip(trainings, losses, strict=True)]
        ends.append([loop.subspace.coords.detach() for loop in loops])
    assert not said
    for one, other in zip(*ends, strict=True):
        assert (one - other).norm() <= 1e-2 * one.norm()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_what_cannot_be_captured_goes_on_as_it_is():
    from idim_cli.training.batched.cuda_graph import WARM_UP, replayed

    said, x = [], torch.ones(3, device="cuda")
    doubled = replayed(lambda x: (x * 2 * bool(x.sum() > 0),), said.append)  # looks at a value
    for _ in range(WARM_UP + 3):
        assert doubled(x)[0].tolist() == [2, 2, 2]
    assert len(said) == 1
