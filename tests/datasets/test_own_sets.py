"""A data set of the user's own: its tensors are looked at, and what every data set takes holds for it too."""

import pytest
import torch

from idim_cli.core.errors import CapacityError, ComponentError, DataError, RecipeError
from idim_cli.datasets.base import load
from idim_cli.datasets.split import Source, Split
from idim_cli.models.base import build
from idim_cli.projectors.native import native_parameters
from idim_cli.recipe.dump import to_yaml
from idim_cli.recipe.load import loads
from idim_cli.recipe.schema import Component
from idim_cli.runs.plan import single
from idim_cli.tasks import base as tasks
from idim_cli.training import prepare
from idim_cli.training.preflight import preflight
from idim_cli.training.where import Where

CODE = """
import torch
from idim_cli.datasets.split import Source, Split


def data(n=20):
    split = Split(torch.rand(n, 3), torch.arange(n) % 2)
    return Source(split, lambda: split, classes=2, validation=5)
"""
RECIPE = "name: r\ndataset: {name: ./own.py:data, %s}\nmodel: fc\nd: 2\ntraining: {epochs: 1}\n"
X, Y = torch.rand(6, 3), torch.tensor([0, 1, 0, 1, 0, 1])


@pytest.fixture(autouse=True)
def own_file(tmp_path, monkeypatch):
    (tmp_path / "own.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)


def given(split: Split, **changes: object) -> str:
    """The name under which `load` finds a data set with this training split."""
    made = Source(**{"train": split, "test": lambda: split, "classes": 2, "validation": 2, **changes})
    globals()["made"] = lambda: made
    return f"{__name__}:made"


@pytest.mark.parametrize(
    ("split", "flaw"),
    [
        (Split(X.double(), Y), "x should be float32"),
        (Split(X.half(), Y), "x should be float32 .* not float16"),
        (Split(X.numpy(), Y), "x should be a torch.Tensor, not a ndarray"),
        (Split(X, Y[:5]), "one entry for each example"),
        (Split({"x": X, "labels": Y.tolist()}), "labels.0 should be a torch.Tensor"),
        (Split({"x": X, "labels": Y / 0}), "labels holds NaN"),
        (Split(X * torch.nan, Y), "NaN or infinite"),
        (Split(X / 0, Y), "NaN or infinite"),
        (Split(X[:0], Y[:0]), "no examples"),
    ],
)
def test_unsound_tensors_are_named(split, flaw):
    with pytest.raises(DataError, match=flaw) as caught:
        load(Component(name=given(split)))
    assert "training split" in str(caught.value)


def test_every_split_is_looked_at():
    with pytest.raises(DataError, match="made: validation split: x holds NaN"):
        load(Component(name=given(Split(X, Y), validation=Split(X / 0, Y))))
    data = load(Component(name=given(Split(X, Y), test=lambda: Split(X.double(), Y))))
    with pytest.raises(DataError, match="made: test split: x should be float32"):
        data.test()


@pytest.mark.parametrize(
    ("split", "flaw"),
    [
        (Split(X, Y.float()), "y should be int64"),
        (Split(X, Y[:, None]), "y should be int64"),
        (Split(X, Y + 1), "labels should lie in 0 .. 1, found 1 .. 2"),
        (Split(X, Y - 1), "labels should lie in 0 .. 1, found -1 .. 0"),
    ],
)
def test_targets_are_the_tasks_business(split, flaw):
    """Any data set may have them; a classification of two classes refuses them before training."""
    found = load(Component(name=given(split)))
    with pytest.raises(DataError, match=flaw):
        tasks.build(Component(name="classify")).check(found.train, 2)
    prepare._load_data.cache_clear()  # its key is the name alone
    source = f"name: r\ndataset: {given(split)}\nmodel: fc\nd: 2\ntraining: {{epochs: 1}}\n"
    with pytest.raises(RecipeError, match=rf":2:\d+: dataset: .*training split: {flaw}"):
        preflight([single(loads(source).recipe)], Where(device="cpu"), loads(source).source)


def test_tokens_may_be_whole_numbers():
    data = load(Component(name=given(Split(torch.arange(24).reshape(6, 4), Y))))
    assert data.train.x.dtype == torch.int64


@pytest.mark.parametrize("changes", [{"classes": 0}, {"classes": torch.tensor(2)}, {"test": None}])
def test_the_rest_of_a_source_is_looked_at(changes):
    with pytest.raises(DataError, match=f"made: {next(iter(changes))} "):
        load(Component(name=given(Split(X, Y), **changes)))


def test_a_recipe_may_say_what_is_held_out_where_the_source_does_not():
    name = given(Split(X, Y), validation=None)
    assert len(load(Component(name=name, params={"validation": 2})).validation) == 2
    assert len(load(Component(name=name)).validation) == 1  # a tenth, at least one


def test_a_run_is_the_same_with_shared_defaults_written_or_not():
    plain, written = (single(loads(RECIPE % more).recipe) for more in ("n: 20", "n: 20, fraction: 1"))
    assert plain == written
    assert single(loads(to_yaml(plain.recipe)).recipe).run_id == plain.run_id
    assert single(loads(RECIPE % "n: 20, fraction: 0.5").recipe).run_id != plain.run_id


def test_nothing_held_out_is_refused():
    with pytest.raises(DataError, match="validation: 0 cannot be held out"):
        load(Component(name=given(Split(X, Y), validation=0)))


def test_shared_parameters_hold_for_it():
    found = load(Component(name="./own.py:data", params={"n": 30, "validation": 10, "fraction": 0.5}))
    assert (len(found.train), len(found.validation)) == (10, 10)


@pytest.mark.parametrize("wrong", ["validation: 0", "fraction: 1.5", "fraction: 0", "shuffle_labels: true"])
def test_shared_parameters_are_checked_with_their_line(wrong):
    with pytest.raises(RecipeError, match=rf"recipe>:2:\d+: dataset.{wrong.partition(':')[0]}"):
        loads(RECIPE % wrong)


def test_a_file_without_a_name_in_it_is_told():
    with pytest.raises(RecipeError, match=r"write \./own\.py:NAME"):
        loads((RECIPE % "n: 3").replace("./own.py:data", "./own.py"))


def test_models_that_cannot_be():
    with pytest.raises(CapacityError, match="does not fit the main memory"):
        build(Component(name="fc", params={"width": 10**12}), (1, 28, 28), 10, 0)
    with pytest.raises(ComponentError, match="the model has no parameters"):
        native_parameters(torch.nn.ReLU())


DRAWN = """
import numpy, torch
from idim_cli.datasets.split import Source, Split
def data():
    x = torch.from_numpy(numpy.random.random((20, 3)).astype("float32"))
    order = numpy.random.permutation(20)
    def test():
        return Split(x[numpy.random.permutation(20)[:5]], torch.arange(5) % 2)
    return Source(Split(x[order], torch.arange(20) % 2), test, classes=2, validation=5)
"""


def test_a_split_that_is_drawn_is_the_same_each_time(tmp_path):
    (tmp_path / "drawn.py").write_text(DRAWN)
    first, again = (load(Component(name="./drawn.py:data")) for _ in range(2))
    assert torch.equal(first.train.x, again.train.x)
    assert torch.equal(first.test().x, again.test().x)


def test_targets_without_an_order_are_no_fault_of_holding_out():
    complex_targets = Split(X, torch.view_as_complex(torch.rand(6, 2)))
    assert len(load(Component(name=given(complex_targets))).validation) == 2
