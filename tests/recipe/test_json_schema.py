"""The JSON Schema of recipes: it accepts what `check` accepts, and refuses the usual faults."""

import jsonschema
import pytest

from idim_cli.core.errors import RecipeError
from idim_cli.recipe import text
from idim_cli.recipe.find import shipped
from idim_cli.recipe.json_schema import json_schema
from idim_cli.recipe.load import loads
from idim_cli.recipe.text import Dumper

GOOD = {"dataset": "digits", "model": "fc", "training": {"epochs": 1}}
SCHEMA = json_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


@pytest.fixture(autouse=True)
def made_up_rooms():
    """The true registries, unlike in the other tests of this folder."""


def accepted(tree):
    """Whether `check` has nothing against it."""
    try:
        loads(text.yaml.dump(tree, Dumper=Dumper), "a.yaml")
    except RecipeError:
        return False
    return True


def test_it_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_all_shipped_recipes_are_valid():
    recipes = shipped()
    assert len(recipes) >= 6
    for name, path in recipes.items():
        tree = text.parse(text.read(path), name).value
        assert [error.message for error in VALIDATOR.iter_errors(tree)] == [], name


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"seeds": 3},
        {"seeds": {"theta0": 1}},
        {"name": "x"},
        {"projector": {"name": "sparse", "density": None}},
        {"projector": {"name": "layerwise", "inner": {"name": "sparse", "density": 0.1}}},
        {"model": "torchvision:resnet18"},
        {"model": {"name": "./mine.py:network", "depth": 3}},
        {"dataset": {"name": "a.b:data", "fraction": 0.5}},
        {"sweep": {"search": "adaptive"}},
        {"sweep": {"search": {"name": "adaptive", "precision": 0.2}}},
        {"sweep": {"d": [5, 20], "baseline": None}},
        {"sweep": {"baseline": {"seeds": 2}}},  # which is enough for `idim train`
        {"sweep": {"d": {"from": 5, "to": 20, "steps": 3}, "seeds": {"theta0": [1, 2]}}},
        {"training": {"steps": 10, "schedule": {"name": "step", "every": 2}}},
        {"threshold": {"baseline": 0.9, "rule": "curve"}},
    ],
)
def test_what_check_accepts_is_valid(change):
    assert accepted(GOOD | change)
    assert [error.message for error in VALIDATOR.iter_errors(GOOD | change)] == []


@pytest.mark.parametrize(
    "change",
    [
        {"modle": "fc"},
        {"model": None},
        {"model": {"name": "fc", "widht": 3}},
        {"model": {"name": "fc", "depth": "two"}},
        {"model": {"depth": 2}},
        {"projector": "tide"},
        {"projector": {"name": "layerwise", "inner": "identity"}},
        {"dataset": {"name": "digits", "fraction": 2}},
        {"seeds": -1},
        {"d": 0},
        {"device": "gpu"},
        {"training": {}},
        {"training": {"epochs": 1, "steps": 2}},
        {"training": {"epochs": 1, "schedule": "step"}},
        {"training": {"epochs": 1, "precision": "fp16"}},
        {"sweep": {"d": []}},
        {"sweep": {"d": {"from": 5, "to": 20}}},
        {"sweep": {"d": [5], "search": {"name": "adaptive", "precision": 2}}},
        {"threshold": {"rule": "best"}},
    ],
)
def test_the_usual_faults_are_not(change):
    assert not accepted(GOOD | change)
    assert not VALIDATOR.is_valid(GOOD | change)


def test_every_key_and_parameter_is_explained():
    parts = [SCHEMA, *SCHEMA["$defs"].values()]
    fields = [
        (key, field) for part in parts for key, field in part.get("properties", {}).items() if key != "name"
    ]
    assert len(fields) >= 70
    assert [key for key, field in fields if not field.get("description")] == []
