"""The page on recipes mentions every key, component and parameter there is."""

import re
from pathlib import Path

import pytest

from idim_cli.recipe import schema
from idim_cli.recipe.find import shipped
from idim_cli.recipe.load import load
from idim_cli.registry import ROOMS, registry

PAGE = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text(encoding="utf-8")
WORDS = set(re.findall(r"\w+", PAGE))


@pytest.mark.parametrize("part", ["Recipe", "Training", "Sweep", "Baseline", "Threshold", "Seeds"])
def test_every_key_is_there(part):
    keys = getattr(schema, part).model_fields
    assert set(keys) - WORDS == set()
    assert len(keys) >= 2


@pytest.mark.parametrize("kind", ROOMS)
def test_every_component_and_parameter_is_there(kind):
    names = set(registry(kind))
    known = {key for name in names for key in registry(kind).parameters(name).model_fields}
    assert (names | known) - WORDS == set()
    assert len(names) >= 2


def test_every_shipped_recipe_loads_and_opens_with_its_commands():
    recipes = shipped()
    assert len(recipes) >= 6
    for name, path in recipes.items():
        head = re.match(r"(#.*\n)+", path.read_text(encoding="utf-8"))
        assert head, name
        assert f"idim sweep {name}" in head[0]
        assert "Takes" in head[0]
        assert "paper" in head[0]
        assert load(name).recipe.sweep
