"""Recipes by name and by path."""

import pytest

from idim_cli.core.errors import FileError
from idim_cli.recipe import find as finding
from idim_cli.recipe.find import description, find, shipped


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A package folder with two shipped recipes beside it, and the working folder elsewhere."""
    package = tmp_path / "site" / "idim_cli"
    package.mkdir(parents=True)
    recipes = tmp_path / "site" / "recipes"
    (recipes / "paper").mkdir(parents=True)
    (recipes / "quickstart.yaml").write_text("#\n# Digits in a minute.\n# More.\nname: q\n")
    (recipes / "paper" / "fig2.yaml").write_text("name: f\n# late\n")
    (recipes / "notes.txt").write_text("no recipe")
    monkeypatch.setattr(finding, "_PACKAGE", package)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return recipes


def test_shipped_recipes_are_walked(home):
    assert shipped() == {"paper/fig2": home / "paper" / "fig2.yaml", "quickstart": home / "quickstart.yaml"}


def test_a_wheel_has_them_inside(home):
    inside = finding._PACKAGE / "_recipes"
    inside.mkdir()
    (inside / "only.yaml").write_text("")
    assert list(shipped()) == ["only"]


def test_by_name_and_by_path(home):
    assert find("paper/fig2") == home / "paper" / "fig2.yaml"
    assert find(home / "quickstart.yaml") == home / "quickstart.yaml"


def test_a_file_goes_before_a_shipped_name_but_a_folder_does_not(home, tmp_path):
    folder = tmp_path / "work" / "quickstart"
    folder.mkdir()
    assert find("quickstart") == home / "quickstart.yaml"
    folder.rmdir()
    folder.write_text("")
    assert find("quickstart").absolute() == folder


@pytest.mark.parametrize("name", ["quikstart", "quickstart.yml"])
def test_near_misses(home, name):
    with pytest.raises(FileError, match="no recipe") as caught:
        find(name)
    assert caught.value.hint == "did you mean quickstart?"


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", ""])
def test_names_that_no_file_can_have(home, name):
    with pytest.raises(FileError):
        find(name)


def test_a_folder(home, tmp_path):
    with pytest.raises(FileError, match="is a directory"):
        find(tmp_path)


def test_description(home):
    assert description(home / "quickstart.yaml") == "Digits in a minute."
    assert description(home / "paper" / "fig2.yaml") == "late"
