"""`idim recipes`: what it prints where, and with which exit code."""

import json

import pytest

from idim_cli.cli import recipes
from idim_cli.core.errors import FileError, IdimError, RecipeError
from idim_cli.recipe import find as finding

GOOD = "# A good recipe.\nname: good\ndataset: digits\nmodel: fc\ntraining: {epochs: 1}\n"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Two shipped recipes, and an empty folder to work in."""
    (tmp_path / "recipes" / "paper").mkdir(parents=True)
    (tmp_path / "recipes" / "good.yaml").write_text(GOOD)
    (tmp_path / "recipes" / "paper" / "bad.yaml").write_text("# A bad one.\nname: bad\n")
    (tmp_path / "idim_cli").mkdir()
    monkeypatch.setattr(finding, "_PACKAGE", tmp_path / "idim_cli")
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


@pytest.fixture
def run(capsys):
    """Run `idim recipes ...`; returns stdout and the exit code, IdimErrors pass through."""

    def call(*arguments):
        try:
            code = recipes.app(list(arguments), standalone_mode=False)
        except SystemExit as stop:
            code = stop.code
        return capsys.readouterr().out, code or 0

    return call


def test_list(run):
    assert run("list") == ("good       A good recipe.\npaper/bad  A bad one.\n", 0)


def test_list_json(run):
    listed = json.loads(run("list", "--json")[0])["recipes"]
    assert [(item["name"], item["description"]) for item in listed] == [
        ("good", "A good recipe."),
        ("paper/bad", "A bad one."),
    ]
    assert listed[0]["path"].endswith("good.yaml")


def test_show(run):
    assert run("show", "good") == (GOOD, 0)


def test_show_an_unknown_name(run):
    with pytest.raises(FileError) as caught:
        run("show", "god")
    assert caught.value.hint == "did you mean good?"


def test_copy_here_elsewhere_and_into_a_folder(run, home):
    assert run("copy", "good")[0] == "good.yaml\n"
    run("copy", "paper/bad", "mine.yaml")
    (home / "folder").mkdir()
    run("copy", "good", "folder")
    assert (home / "good.yaml").read_text() == (home / "folder" / "good.yaml").read_text() == GOOD
    assert "bad" in (home / "mine.yaml").read_text()


def test_copy_replaces_only_by_force(run, home):
    (home / "good.yaml").write_text("mine")
    with pytest.raises(FileError, match="exists already") as caught:
        run("copy", "good")
    assert "--force" in caught.value.hint
    assert (home / "good.yaml").read_text() == "mine"


def test_copy_by_force(run, home):
    (home / "mine.yaml").write_text("mine")
    run("copy", "good", "mine.yaml", "--force")
    assert (home / "mine.yaml").read_text() == GOOD


def test_copy_to_nowhere(run):
    with pytest.raises(FileError, match="cannot write"):
        run("copy", "good", "absent/mine.yaml")


def test_copy_into_a_folder_that_is_not_there(run, home):
    with pytest.raises(FileError, match="no folder absent/"):
        run("copy", "good", "absent/")
    assert not list(home.iterdir())


def test_check_one_good(run, home):
    told, code = run("check", "good")
    assert (told.splitlines()[0], code) == ("ok good", 0)
    (home / "whole.yaml").write_text(f"{GOOD}d: 3\nsweep: {{d: [1, 2]}}\n")
    assert run("check", "whole.yaml") == ("ok whole.yaml\n", 0)


@pytest.mark.parametrize(
    ("more", "missing"),
    [
        ("d: 3\nsweep: {baseline: {seeds: 2}}", ["sweep"]),
        ("sweep: {search: adaptive}", ["train"]),
        ("sweep: {d: [1]}\nprojector: identity", []),
        ("", ["train", "sweep"]),
    ],
)
def test_check_names_what_a_recipe_is_not_enough_for(run, home, more, missing):
    (home / "some.yaml").write_text(f"{GOOD}{more}\n")
    told, code = run("check", "some.yaml")
    assert code == 0
    assert [verb for verb in ("train", "sweep") if f"no d for `idim {verb}`" in told] == missing
    (file,) = json.loads(run("check", "some.yaml", "--json")[0])["files"]
    assert file["usable"] == [verb for verb in ("train", "sweep") if verb not in missing]


def test_check_names_all_faults_of_all_files(run, home, capsys):
    (home / "tab.yaml").write_text("a:\n\tb: 1\n")
    with pytest.raises(RecipeError) as caught:
        run("check", "good", "paper/bad", "tab.yaml", "absent.yaml")
    assert caught.value.exit_code == 2
    assert capsys.readouterr().out.splitlines()[0] == "ok good"
    lines = str(caught.value).splitlines()
    assert len(lines) == 5
    assert any(line.startswith("absent.yaml: no recipe 'absent.yaml'") for line in lines)
    assert sum("bad.yaml:2:1: " in line for line in lines) == 3
    assert "tab.yaml:2:1: a tab in the indentation (indent with spaces)" in lines


OWN = GOOD.replace("digits", "./mine.py:data").replace("model: fc", "model: {where}")


def test_check_looks_for_code_and_does_not_run_it(run, home):
    (home / "mine.py").write_text("raise SystemExit\ndef data(): ...\nif data:\n    Net = 1\n")
    for where in ("./mine.py:Net", "json:dumps", "torchvision.models:resnet18", "torchvision:resnet18"):
        (home / "own.yaml").write_text(OWN.replace("{where}", where))
        said, code = run("check", "own.yaml")
        assert (said.splitlines()[0], code) == ("ok own.yaml", 0)
        assert (f"  runs model {where}" in said) == (where != "torchvision:resnet18")


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("./file.py:x", "no file 'file.py' (did you mean mine.py?)"),
        ("./mine.py:ner", "./mine.py has no 'ner' (did you mean net?)"),
        ("./bad.py:x", "./bad.py cannot be read as Python: "),
        (
            "no_such.module:x",
            "no module 'no_such.module' (a file is named with its suffix",
        ),
        ("json:dumsp", "json has no 'dumsp' (did you mean dump or dumps?)"),
    ],
)
def test_check_names_code_that_is_not_there(run, home, where, message):
    (home / "mine.py").write_text("def net(): ...\ndata = net\n")
    (home / "bad.py").write_text("def net(:\n")
    (home / "own.yaml").write_text(OWN.replace("{where}", where))
    with pytest.raises(RecipeError) as caught:
        run("check", "own.yaml")
    assert str(caught.value).startswith(f"own.yaml:4:8: model: {message}")


def test_check_json(run):
    out, code = run("check", "good", "paper/bad", "--json")
    good, bad = json.loads(out)["files"]
    assert code == 2
    assert good == {"file": "good", "ok": True, "usable": [], "faults": [], "code": []}
    assert (bad["file"], bad["ok"], len(bad["faults"])) == ("paper/bad", False, 3)
    assert bad["faults"][0]["path"] == "dataset"
    assert run("check", "good", "--json")[1] == 0


def test_errors_have_the_usage_exit_code(run):
    with pytest.raises(IdimError) as caught:
        run("check", "no/such/file")
    assert caught.value.exit_code == 2
