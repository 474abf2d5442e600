"""The reference pages are what the code says, and leave nothing out."""

import importlib.util
import re
from pathlib import Path

import pytest

from idim_cli.cli import documents
from idim_cli.core.errors import EXIT_CODES
from idim_cli.core.registry import ROOMS, registry
from idim_cli.recipe import schema
from idim_cli.recipe.find import shipped
from idim_cli.recipe.load import load

FOLDER = Path(__file__).parents[2] / "docs" / "reference"


def maker():
    spec = importlib.util.spec_from_file_location("make_reference", FOLDER / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKER = maker()
TEXTS = {name: (FOLDER / name).read_text(encoding="utf-8") for name in MAKER.PAGES}


def test_pages_are_found():
    assert sorted(TEXTS) == sorted(path.name for path in FOLDER.glob("*.md"))
    assert len(TEXTS) == 4


@pytest.mark.parametrize("name", TEXTS)
def test_a_page_is_what_the_code_says(name):
    assert TEXTS[name] == MAKER.PAGES[name]() + "\n", "run: python docs/reference/make.py"


def test_every_command_option_and_exit_code_is_there():
    page = TEXTS["cli.md"]
    commands = list(MAKER.leaves(MAKER.typer.main.get_command(MAKER.app), "idim"))
    assert len(commands) >= 18
    for name, command in commands:
        (part,) = re.findall(rf"^## {name}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
        for option in (p for p in command.params if p.name not in MAKER.SHARED):
            assert option.param_type_name == "argument" or max(option.opts, key=len) in part
    assert all(f"| {code} |" in page for code in EXIT_CODES)


@pytest.mark.parametrize(
    "part", ["Recipe", "Training", "Sweep", "Baseline", "Threshold", "Seeds", "DimensionRange"]
)
def test_every_recipe_key_is_there_and_explained(part):
    keys = getattr(schema, part).model_fields
    assert len(keys) >= 2
    for name, field in keys.items():
        assert re.search(
            rf"^\| `{field.alias or name}` \| .+ \| .* \| \S.* \|$", TEXTS["recipe.md"], re.MULTILINE
        )
        assert field.description


@pytest.mark.parametrize("kind", ROOMS)
def test_every_component_and_parameter_is_there_and_explained(kind):
    assert len(list(registry(kind))) >= 2
    for name in registry(kind):
        assert f"### `{name}`\n" in TEXTS["recipe.md"]
        for key, field in registry(kind).parameters(name).model_fields.items():
            assert f"| `{key}` |" in TEXTS["recipe.md"]
            assert field.description, f"{kind} {name}: {key} is not under Args: in its docstring"


def test_every_document_is_there():
    assert all(f"## idim/{name}\n" in TEXTS["json.md"] for name in documents.documents())


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
