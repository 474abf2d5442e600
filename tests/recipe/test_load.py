"""Loading: files, places in later stages, values in their final types."""

import subprocess
import sys

import pytest

from idim_cli.core.errors import ComponentError, FileError, RecipeError
from idim_cli.recipe.load import load, loads
from idim_cli.recipe.schema import Component, Recipe, Training


def test_a_file_by_path(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\ndataset: digits\nmodel: fc\ntraining: {steps: 3}\n")
    loaded = load(path, ["d=5"])
    assert loaded.recipe.d == 5
    assert str(loaded.source.fault("model", "too big")) == f"{path}:3:8: model: too big"


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("a/b.c.yaml", "b.c"),
        ("my recipe (1).yaml", "my-recipe-1"),
        ("<recipe>", "recipe"),
    ],
)
def test_a_recipe_without_a_name_has_that_of_its_file(file, name):
    assert loads("dataset: digits\nmodel: fc\ntraining: {steps: 3}\n", file).recipe.name == name


def test_names_that_differ_in_other_letters_never_share_a_folder():
    files = [
        "实验.yaml",
        "比较.yaml",
        "é.yaml",
        "мера-1.yaml",
        "цена-1.yaml",
        "\udc80.yaml",
        "a-é.yaml",
        "a-è.yaml",
    ]
    text = "dataset: digits\nmodel: fc\ntraining: {steps: 3}\n"
    names = [loads(text, file).recipe.name for file in files]
    assert len(set(names)) == len(files)
    assert all(name.isascii() for name in names)
    assert names[3].startswith("1-")
    assert names[6].startswith("a-")
    assert loads(text, "elsewhere/实验.yaml").recipe.name == names[0]


def test_faults_name_the_file(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\n\tmodel: x\n")
    with pytest.raises(RecipeError) as caught:
        load(str(path))
    assert str(caught.value) == f"{path}:2:1: a tab in the indentation (indent with spaces)"


def test_a_missing_file(tmp_path):
    with pytest.raises(FileError, match="neither a file nor a shipped name"):
        load(tmp_path / "absent.yaml")


def test_later_stages_make_faults_at_the_nearest_place_written(small):
    source = small("sweep:\n  d: [1, 20]\n", "model.width=9").source
    assert str(source.fault("sweep.d", "d > D")) == "small.yaml:8:6: sweep.d: d > D"
    assert str(source.fault("sweep.d[1]", "d > D")) == "small.yaml:8:10: sweep.d[1]: d > D"
    assert str(source.fault(("sweep", "d", 7), "d > D")) == "small.yaml:8:3: sweep.d[7]: d > D"
    assert str(source.fault("sweep.seeds", "few", "add")) == "small.yaml:7:1: sweep.seeds: few (add)"
    assert str(source.fault("model.width", "big")) == "argument 'model.width=9': model.width: big"
    assert str(source.fault("model.dropout", "big")) == "small.yaml:4:1: model.dropout: big"
    assert str(source.fault("projector.inner.x", "odd")) == "small.yaml:2:1: projector.inner.x: odd"
    assert str(source.fault("", "odd")) == "small.yaml:2:1: odd"


@pytest.mark.parametrize(
    ("grid", "expected"),
    [
        ("{from: 100, to: 1000, steps: 10}", list(range(100, 1001, 100))),
        ("{from: 1, to: 1000, steps: 4, scale: log}", [1, 10, 100, 1000]),
        ("{from: 1, to: 4, steps: 100, scale: log}", [1, 2, 3, 4]),
        ("{from: 5, to: 5, steps: 3}", [5]),
        ("{from: 5, to: 9, steps: 1}", [5]),
        ("[30, 10, 20, 10]", [10, 20, 30]),
    ],
)
def test_grids_of_d(small, grid, expected):
    assert small(f"sweep: {{d: {grid}}}").recipe.sweep.d == expected


def test_whole_numbers_become_fractions_where_those_are_meant(small):
    optimizer = small("  optimizer: {name: adam, lr: 1, betas: [0, 1]}\n  l2: 0\n").recipe.training.optimizer
    assert repr(optimizer.params) == "{'lr': 1.0, 'betas': [0.0, 1.0]}"


def test_defaults_stay_out_of_the_parameters(small):
    assert small().recipe.model == Component(name="fc", params={"depth": 1})


def test_a_recipe_made_in_python_is_held_to_the_same_rule():
    with pytest.raises(ValueError, match="exactly one of epochs and steps"):
        Training(epochs=1, steps=1)


def test_component_of():
    assert Component.of("fc") == Component(name="fc")
    assert Component.of({"name": "fc", "depth": 2}) == Component(name="fc", params={"depth": 2})
    with pytest.raises(ComponentError, match="needs a name"):
        Component.of({"depth": 2})


def test_recipes_are_frozen(small):
    with pytest.raises(ValueError, match="frozen"):
        small().recipe.d = 3
    assert isinstance(small().recipe, Recipe)


def test_nothing_heavy_is_imported():
    code = (
        "import sys, idim_cli.runs.plan, idim_cli.recipe.load as l\n"
        "from idim_cli.recipe.find import shipped\n"
        "from idim_cli.core import registry\n"
        "[registry.registry(kind).parameters(name)"
        " for kind in registry.ROOMS for name in registry.registry(kind)]\n"
        "assert list(shipped())\n"
        "print(sorted({'torch', 'scipy', 'pandas', 'matplotlib', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr
