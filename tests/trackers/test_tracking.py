"""What trackers receive, and that none of them ever disturbs a run."""

import sys

import pytest

from idim_cli.core.errors import IdimError, MissingExtraError, RecipeError
from idim_cli.execute.sweep import sweep
from idim_cli.recipe.load import loads
from idim_cli.runs.plan import single
from idim_cli.trackers import REGISTRY, tracking
from idim_cli.trackers.wandb import WandB
from idim_cli.training.run import train

RECIPE = """
name: toy
dataset: toy
model: toy
task: toy
device: cpu
d: 5
trackers: notes
training: {steps: 30, evaluate_every: 10, optimizer: {name: adam, lr: 0.5}}
sweep: {d: [5, 20], seeds: 1, baseline: {set: {training.optimizer.lr: 0.05}}}
"""


class Notes:
    """Keeps what it receives; raises an error when it receives `fails`."""

    received: list

    def __init__(self, folder, *, fails: str | None = None):
        self.folder, self.fails = folder, fails
        Notes.received = []

    def _note(self, *what):
        Notes.received.append(what)
        if what[0] == self.fails:
            raise OSError("no space left")

    def begin(self, name, settings):
        self._note("begin", name, dict(settings))

    def row(self, name, step, figures):
        self._note("row", name, step, dict(figures))

    def end(self, name, figures, status):
        self._note("end", name, dict(figures), status)

    def close(self):
        self._note("close")


@pytest.fixture(autouse=True)
def notes(monkeypatch):
    """The recipe's trackers are one that keeps notes."""
    monkeypatch.setitem(REGISTRY._targets, "notes", f"{__name__}:Notes")
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])


def of(what):
    return [call for call in Notes.received if call[0] == what]


def recipe(*overrides):
    return loads(RECIPE, "toy.yaml", overrides)


def test_each_run_begins_has_its_rows_and_ends(tmp_path):
    result = train(recipe(), tmp_path)
    begin, *rows, end, close = Notes.received
    assert begin[:2] == ("begin", result["run_id"])
    assert {"D": 1000, "d": 5, "model": "toy", "seeds.data": 0}.items() <= begin[2].items()
    assert not {"sweep", "threshold", "trackers", "data_root"} & {key.split(".")[0] for key in begin[2]}
    assert [row[2] for row in rows] == [10, 20, 30]
    assert end[3] == "ok"
    assert end[2]["performance"] == result["performance"] == rows[-1][3]["train_exp_minus_loss"]
    assert close == ("close",)


def test_what_is_done_is_not_reported_again_but_d_int_is(tmp_path):
    sweep(recipe(), tmp_path)
    assert len(of("begin")) == 4
    sweep(recipe(), tmp_path)
    assert [call[1] for call in of("begin")] == ["d_int90"]


def test_one_record_for_each_group(tmp_path):
    outcome = sweep(recipe("sweep.over={model.std: [0.1, 0.2]}", "training.steps=10"), tmp_path)
    names = [call[1] for call in of("begin") if call[1].startswith("d_int")]
    assert [name[-len("model.std-0.1") :] for name in names] == ["model.std-0.1", "model.std-0.2"]
    assert [call[2]["model.std"] for call in of("begin") if call[1] in names] == [0.1, 0.2]
    assert len(outcome.estimates) == 2


def test_d_int_of_coordinates_of_few_values_says_so(tmp_path):
    sweep(recipe("quantise={levels: 3}", "training.steps=10"), tmp_path)
    (settings,) = (call[2] for call in of("begin") if call[1] == "d_int90")
    assert (settings["quantise.levels"], settings["coords"][:17]) == (3, "quantise.levels 3")


def test_a_run_that_diverges_has_failed(tmp_path):
    train(recipe("training.optimizer={name: sgd, lr: 1.0e+30}"), tmp_path)
    assert of("end")[0][3] == "failed"
    assert of("end")[0][2] == {}


def test_a_run_that_fails_before_its_first_step_is_reported_of_once_each_time_it_is_tried(
    tmp_path, monkeypatch
):
    def problem(*given):
        raise OSError("not today")

    monkeypatch.setattr("idim_cli.training.run.problem", problem)
    for _ in range(2):
        result = train(recipe(), tmp_path)
        assert "not today" in result["reason"]
        assert [call[:2] for call in Notes.received[:1]] == [("begin", result["run_id"])]
        assert of("end") == [("end", result["run_id"], {}, "failed")]
    sweep(recipe(), tmp_path)
    assert [call[3] for call in of("end")[:-1]] == ["failed"] * 3


def test_a_run_that_diverged_immediately_is_not_reported_again(tmp_path):
    again = recipe("training.optimizer={name: sgd, lr: 1.0e+30}", "training.evaluate_every=30")
    for count in (1, 0):
        train(again, tmp_path)
        assert len(of("end")) == count


def test_nothing_is_remembered_of_runs_that_have_ended(tmp_path):
    with tracking.Tracking(recipe().recipe.trackers, tmp_path / "toy") as tracked:
        run = single(recipe().recipe)
        tracked.going(run, 1000)
        tracked.ended(run, {"status": "ok"})
    assert tracked.steps == tracked.due == {}


@pytest.mark.parametrize("when", ["begin", "row", "end", "close"])
def test_one_that_fails_is_left_out_and_the_runs_go_on(when, tmp_path, caplog):
    outcome = sweep(recipe(f"trackers=[{{name: notes, fails: {when}}}]"), tmp_path)
    assert outcome.ok == 3
    assert outcome.estimates[0].reading
    (message,) = caplog.messages
    assert message.startswith("tracker notes failed")
    assert message.endswith("no space left")
    assert len(of(when)) == (2 if when == "close" else 1)
    assert Notes.received[-1] == ("close",)


def test_the_others_go_on(tmp_path, caplog):
    first = "{name: notes, fails: begin}"
    train(recipe(f"trackers=[{first}, notes]"), tmp_path)
    assert len(of("row")) == 3
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("name", ["tensorboard", "wandb", "mlflow"])
def test_a_missing_library_is_reported_before_the_first_run(name, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=repr(name)) as error:
        sweep(recipe(f"trackers={name}"), tmp_path)
    assert error.value.hint == f"pip install 'idim-cli[{name}]'"
    assert not list(tmp_path.rglob("runs"))


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        ("[tensorbord]", "trackers[0]: unknown tracker 'tensorbord' (did you mean tensorboard?)"),
        ("[notes, {name: wandb, projekt: x}]", "trackers[1].projekt: unknown key"),
        ("{name: wandb, mode: of}", "trackers.mode: "),
        ("7", "trackers: should name one tracker"),
    ],
)
def test_faults_have_their_place(spec, fault):
    with pytest.raises(RecipeError) as error:
        recipe(f"trackers={spec}")
    assert fault in str(error.value)


def test_without_an_api_key_wandb_says_so_before_the_first_run(tmp_path, monkeypatch):
    class Library:
        @staticmethod
        def login(prompt):
            assert prompt is False

    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.setitem(sys.modules, "wandb", Library)
    with pytest.raises(IdimError, match="API key") as error:
        WandB(tmp_path)
    assert "offline" in error.value.hint


def test_without_trackers_no_curve_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(tracking.results, "metrics", None)
    train(recipe("trackers=[]"), tmp_path)


@pytest.mark.parametrize("damage", [b"\xff\xfe", b"epoch,loss\n1,2\n", b"step,loss\nx,1\n", b"step\n\n"])
def test_a_damaged_curve_stops_nothing(damage, tmp_path, monkeypatch):
    folder = tmp_path / "toy" / "runs" / "one"
    folder.mkdir(parents=True)
    (folder / "metrics.csv").write_bytes(damage)
    with tracking.Tracking(recipe().recipe.trackers, tmp_path / "toy") as tracked:
        tracked.steps["one"] = -1
        tracked._curve("one")
    assert of("row") == []
