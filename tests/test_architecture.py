"""The structure of the package: imports go down only, and the light half stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import idim_cli

ROOT = Path(__file__).parents[1]
HEAVY = {"torch", "scipy", "pandas", "matplotlib", "sklearn"}


def test_imports_go_down_only():
    lint = Path(sys.executable).parent / "lint-imports"
    if not lint.exists():
        pytest.skip(reason="import-linter is not installed")
    done = subprocess.run([str(lint), "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "module",
    [
        "idim_cli",
        "cli.app",
        "recipe.load",
        "runs.plan",
        "runs.results",
        "thresholds",
        "reports",
        "core.registry",
        "core.errors",
    ],
)
def test_the_light_half_imports_nothing_heavy(module):
    name = module if module == "idim_cli" else f"idim_cli.{module}"
    code = f"import sys, {name}; print(*sorted({HEAVY!r} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert out.stdout.strip() == ""


def test_the_command_line_knows_its_commands_without_reading_recipes():
    known = {"pydantic", "yaml", "rich", "idim_cli.recipe.schema"}  # half of the time that completion took
    code = f"import sys, idim_cli.cli.app; print(*sorted({known!r} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert out.stdout.strip() == ""


def test_every_module_says_what_lives_there():
    modules = sorted((ROOT / "idim_cli").rglob("*.py"))
    silent = [str(m) for m in modules if not ast.get_docstring(ast.parse(m.read_text(encoding="utf-8")))]
    assert silent == []
    assert len(modules) > 50


def definitions():
    """All public classes of the package by name, and the names that each `__init__` offers."""
    classes, offered = {}, {}
    for path in sorted((ROOT / "idim_cli").rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and node.name[0] != "_":
                classes.setdefault(node.name, []).append(str(path))
            if isinstance(node, ast.ImportFrom) and path.name == "__init__.py":
                offered.setdefault(path, set()).update(one.asname or one.name for one in node.names)
    return classes, offered


def test_no_two_types_share_a_name():
    assert {name: paths for name, paths in definitions()[0].items() if len(paths) > 1} == {}


def test_no_module_is_shadowed_by_a_name_of_its_package():
    for path, names in definitions()[1].items():
        below = {one.stem for one in path.parent.iterdir() if one.is_dir() or one.suffix == ".py"}
        assert names & below == set(), path
    assert not {path.name for path in (ROOT / "idim_cli").iterdir()} & set(idim_cli.__all__)
