"""What is refused before the first run starts, and where the recipe is to be mended."""

import pytest

from idim_cli.core.errors import IdimError, RecipeError
from idim_cli.core.machine import pick_device
from idim_cli.runs.plan import plan
from idim_cli.training.preflight import preflight
from idim_cli.training.prepare import Where, load_data


def faults(loaded, key="sweep.d", **where):
    """The faults of a recipe's plan."""
    with pytest.raises(RecipeError) as caught:
        preflight(plan(loaded.recipe), Where(**where), loaded.source, key)
    return caught.value.faults


def test_d_above_D_is_found_for_every_model_at_its_line(loaded):
    models = "over: {model.width: [1, 4]}"
    recipe = loaded("model=fc", "model.depth=1", extra=f"sweep: {{d: [5, 10, 50], {models}}}")
    found = faults(recipe)
    assert sorted(fault.message for fault in found) == [
        "d = 10 is more than D = 7, the parameters of fc",
        "d = 50 is more than D = 22, the parameters of fc",
        "d = 50 is more than D = 7, the parameters of fc",
    ]
    assert {(fault.file, fault.line, fault.path) for fault in found} == {("small.yaml", 8, "sweep.d")}


def test_missing_data(loaded, tmp_path):
    found = faults(loaded("dataset=mnist", "model=fc"), data_root=tmp_path)
    assert [fault.path for fault in found] == ["dataset"]
    assert "train-images-idx3-ubyte" in found[0].message


def test_faults_of_several_parts_come_together(loaded, code):
    recipe = loaded(
        f"model.name={code}:nosy", "training.optimizer={name: sgd, momentum: 0.0, nesterov: true}"
    )
    found = {fault.path: fault for fault in faults(recipe)}
    assert set(found) == {"model", "training.optimizer"}
    assert "noisy" in found["model"].hint


def test_a_model_that_cannot_take_the_data(loaded):
    found = faults(loaded("dataset=toy"))
    assert [fault.path for fault in found] == ["model"]


def test_a_model_without_parameters(loaded, code):
    found = faults(loaded(f"model.name={code}:idle"))
    assert [(fault.path, fault.message) for fault in found] == [("model", "the model has no parameters")]


def test_a_model_too_large_to_be_made(loaded, code):
    for model in ("{name: fc, width: 1000000000000}", f"{{name: '{code}:vast', width: 1000000000000}}"):
        (fault,) = faults(loaded(f"model={model}"))
        assert fault.path == "model"
        assert "does not fit the main memory" in fault.message


def test_data_that_nothing_can_be_trained_on(loaded, code):
    code.write_text(code.read_text().replace("(x[:, 0] > x[:, 1]).long()", "(x[:, 0] > x[:, 1]).float()"))
    (fault,) = faults(loaded("dataset.n=80"))
    assert fault.path == "dataset"
    assert "points: training split: y should be int64 [n], not float32 of shape [40]" in fault.message


def test_a_pattern_that_matches_no_parameter(loaded):
    found = faults(loaded("trainable=['head.*']"))
    assert [fault.path for fault in found] == ["trainable"]


def test_a_projector_that_does_not_fit(loaded, monkeypatch):
    monkeypatch.setattr("idim_cli.projectors.check.free_bytes", lambda device=None: 1000 if device else 10**9)
    found = faults(loaded("projector=dense"))
    assert [fault.path for fault in found] == ["projector"]
    assert "these fit: tied" in found[0].hint


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "meta:x"])
def test_no_such_device(name):
    with pytest.raises(IdimError, match=f"no device '{name}'"):
        pick_device(name)


def test_runs_share_the_data(loaded):
    device = pick_device("cpu")
    first, again = (load_data(loaded(f"d={d}").recipe, Where(), device) for d in (5, 6))
    assert first is again


def test_many_faults_of_one_kind_are_reported_as_one(loaded):
    recipe = loaded("model=fc", "model.depth=1", "model.width=1", extra="sweep: {d: [5, 10, 20, 30, 40]}")
    (fault,) = faults(recipe)
    assert fault.message == "d = 10 is more than D = 7, the parameters of fc, and 3 more faults of this kind"
