"""``key=value`` arguments, and values set from Python."""

import pytest

from idim_cli.core.errors import IdimError
from idim_cli.recipe.load import with_values
from idim_cli.recipe.override import split
from idim_cli.recipe.schema import Component, Seeds


def get(recipe, path):
    for part in path.split("."):
        is_parameter = isinstance(recipe, Component) and part not in ("name", "params")
        recipe = recipe.params[part] if is_parameter else getattr(recipe, part)
    return recipe


@pytest.mark.parametrize(
    ("argument", "path", "value"),
    [
        ("training.epochs=5", "training.epochs", 5),
        ("training.optimizer.lr=1e-3", "training.optimizer.lr", 1e-3),
        ("training.optimizer.lr=1", "training.optimizer.lr", 1.0),
        ("training.optimizer=adam", "training.optimizer.name", "adam"),
        ("training.schedule.name=constant", "training.schedule.name", "constant"),
        ("model.depth=3", "model.params", {"depth": 3}),
        ("model=lenet", "model.params", {}),
        ("model=./my file.py:make", "model.name", "./my file.py:make"),
        ("projector.name=dense", "projector.name", "dense"),
        ("projector={name: dense, orthogonal: true}", "projector.params", {"orthogonal": True}),
        ("projector={name: layerwise, inner: dense}", "projector.params", {"inner": "dense"}),
        ("d=500", "d", 500),
        ("d=", "d", None),
        ("seeds=3", "seeds", Seeds(theta0=3, projector=3, data=3)),
        ("seeds.projector=3", "seeds", Seeds(projector=3)),
        ("sweep={d: [5]}", "sweep.d", [5]),
        ("sweep.d=[20,10,20]", "sweep.d", [10, 20]),
        ("sweep.d={from: 1, to: 4, steps: 2}", "sweep.d", [1, 4]),
        ("threshold.baseline=0.5", "threshold.baseline", 0.5),
        ("data_root=/some/where", "data_root", "/some/where"),
        ("trainable=[a, b]", "trainable", ["a", "b"]),
    ],
)
def test_one_argument(small, argument, path, value):
    assert get(small("", argument).recipe, path) == value


def test_arguments_act_in_order(small):
    recipe = small("", "model=lenet", "model.kernel=3", "model.kernel=7", "seeds=4", "seeds.data=5").recipe
    assert recipe.model == Component(name="lenet", params={"kernel": 7})
    assert recipe.seeds == Seeds(theta0=4, projector=4, data=5)


def test_steps_replace_epochs_but_not_both(small, faults):
    training = small("", "training.steps=5").recipe.training
    assert (training.steps, training.epochs) == (5, None)
    (found,) = faults("", "training.steps=5", "training.epochs=5")
    assert "needs exactly one" in found


def test_keys_of_over_stay_whole(small):
    recipe = small(
        "", "sweep.d=[1]", "sweep.over.model.depth=[1, 2]", "sweep.baseline.set.model.depth=4"
    ).recipe
    assert recipe.sweep.over == {"model.depth": [1, 2]}
    assert recipe.sweep.baseline.set == {"model.depth": 4}
    assert split("sweep.over") == ("sweep", "over")


def test_an_inner_projector_opens(small):
    recipe = small("projector: {name: layerwise, inner: dense}", "projector.inner.orthogonal=true").recipe
    assert recipe.projector.params["inner"] == {"name": "dense", "orthogonal": True}


@pytest.mark.parametrize(
    ("argument", "fault"),
    [
        ("training.epochs=x", "training.epochs: should be a whole number, not 'x'"),
        ("sweep.d=[1, x]", "sweep.d[1]: should be a whole number, not 'x'"),
        ("traning.epochs=5", "traning: unknown key (did you mean training?)"),
        ("name.x=5", "name holds a value, so there is no name.x"),
        ("model=fcc", "model: unknown model 'fcc' (did you mean fc?)"),
        ("model.name=fcc", "model.name: unknown model 'fcc' (did you mean fc?)"),
        ("model.dpth=1", "model.dpth: unknown key (did you mean depth?)"),
        ("d=[1", "d: a list opened by '[' is not closed (add the missing ',' or ']')"),
        ("d={a: 1, a: 2}", "d: duplicate key, first given on line 1"),
        ("epochs", "should be key=value (for example training.epochs=5)"),
        ("=5", "should be key=value (for example training.epochs=5)"),
        ("a..b=5", "should be key=value (for example training.epochs=5)"),
        ("sweep.d.steps=5", "sweep.d holds a value, so there is no sweep.d.steps"),
    ],
)
def test_faults_name_the_argument(faults, argument, fault):
    (found,) = faults("sweep: {d: [1]}", argument)
    assert found == f"argument '{argument}': {fault}"


def test_a_long_argument_is_cut(faults):
    (found,) = faults("", f"d={'x' * 1000}")
    assert len(found) < 220


def test_faults_of_file_and_arguments_come_together(faults):
    found = faults("d: x", "training.epochs=y", "nonsense")
    assert [line.partition(":")[0] for line in found] == [
        "argument 'nonsense'",
        "argument 'training.epochs=y'",
        "small.yaml",
    ]


def test_with_values_returns_a_checked_copy(small):
    recipe = small("sweep: {d: [1, 2]}").recipe
    changed = with_values(recipe, {"model.depth": 3, "training.optimizer.lr": 1, "training.steps": 9})
    assert changed.model.params == {"depth": 3}
    assert changed.training.optimizer == Component(name="adam", params={"lr": 1.0})
    assert (changed.training.steps, changed.training.epochs) == (9, None)
    assert changed.sweep == recipe.sweep
    assert recipe.model.params == {"depth": 1}


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("model.depth", "x", "small: model.depth: should be a whole number, not 'x'"),
        ("modle", "fc", r"small: modle: unknown key \(did you mean model\?\)"),
        ("name.x", 1, "name holds a value"),
    ],
)
def test_with_values_refuses(small, key, value, message):
    with pytest.raises(IdimError, match=message):
        with_values(small().recipe, {key: value})
