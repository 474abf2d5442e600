"""The user's own code: what it imports from beside it, and the digest of all that."""

import hashlib
import pathlib
import sys

import pytest
from torch.nn.modules import loss

from idim_cli.core import user_code
from idim_cli.core.code_files import canonical, digest
from idim_cli.core.errors import ComponentError
from idim_cli.recipe.load import load


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package that cannot be imported, with a module and a package inside."""
    for path in ("idim_mine/__init__.py", "idim_mine/inner/__init__.py", "idim_mine/net.py", "alone.py"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(f"raise RuntimeError('{path}')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "idim_mine"


def of(path):
    return hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest()


def test_of_a_file_and_of_modules(package):
    assert digest("./alone.py:Net") == digest("alone:Net") == of(package.parent / "alone.py")
    assert digest("idim_mine:Net") == of(package / "__init__.py")
    assert digest("./idim_mine/net.py:Net") == digest("idim_mine.net:Net") != of(package / "net.py")
    assert "idim_mine" not in sys.modules


def test_of_what_is_installed_the_file_alone_counts():
    assert digest("torch.nn.modules.loss:MSELoss") == of(pathlib.Path(loss.__file__))


def test_it_follows_the_content(package):
    before = digest("./idim_mine/net.py:Net")
    (package / "net.py").write_text("")
    assert digest("./idim_mine/net.py:Net") != before


@pytest.mark.parametrize(
    "name",
    ["./no.py:x", "no_such:x", "idim_mine.no:x", "idim_mine.no.deeper:x", "sys:x", ".up:x", ":x", "x"],
)
def test_without_a_source_it_is_empty(package, name):
    assert digest(name) == ""


def write(folder, **files):
    """Files of Python, by their path without the suffix."""
    for name, text in files.items():
        path = folder / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({"net": "from parts import x", "parts": "x = 1"}, "./net.py:x"),
        ({"net": "from parts import x", "parts": "x = 1"}, "net:x"),
        ({"net": "import a.parts\nx = a.parts.x", "a/__init__": "", "a/parts": "x = 1"}, "./net.py:x"),
        ({"net": "from a.parts import x", "a/parts": "x = 1"}, "./net.py:x"),
        ({"pkg/__init__": "", "pkg/net": "from .parts import x", "pkg/parts": "x = 1"}, "pkg.net:x"),
        ({"pkg/__init__": "", "pkg/net": "from . import parts\nx = parts.x", "pkg/parts": "x = 1"},
         "./pkg/net.py:x"),
        ({"pkg/__init__": "", "pkg/sub/__init__": "", "pkg/sub/net": "from ..parts import x",
          "pkg/parts": "from pkg.deep import x", "pkg/deep": "x = 1"}, "./pkg/sub/net.py:x"),
        ({"loose/net": "from .parts import x", "loose/parts": "x = 1"}, "./loose/net.py:x"),
        ({"net": "import importlib\nx = importlib.import_module('parts').x", "parts": "x = 1"}, "./net.py:x"),
        ({"net": "x = __import__('parts').x", "parts": "x = 1"}, "net:x"),
        ({"pkg/__init__": "", "pkg/net": "from importlib import import_module\n"
          "x = import_module('.parts', __package__).x", "pkg/parts": "x = 1"}, "pkg.net:x"),
    ],
)  # fmt: skip
def test_neighbours_are_imported_and_count(here, files, name):
    write(here, **files)
    assert user_code.find(name) == 1
    before = digest(name)
    last = list(files)[-1]
    write(here, **{last: "x = 2"})
    assert digest(name) != before
    assert user_code.find(name) == 2


def test_functions_may_import_when_they_are_called(here):
    write(here, net="def make():\n    from parts import x\n    return x", parts="x = 1")
    function = user_code.find("./net.py:make")
    assert user_code.call("./net.py:make", function, {}, {}) == 1


def test_neighbours_of_one_name_in_two_folders_never_mix(here):
    for folder, value in (("a", 1), ("b", 2)):
        write(here / folder, net="from parts import x\ndef make():\n    import parts\n    return x, parts.x")
        write(here / folder, parts=f"x = {value}")
    made = {name: user_code.find(f"./{name}/net.py:make") for name in "ab"}
    assert [user_code.call(f"./{name}/net.py:make", made[name], {}, {}) for name in "aba"] == [
        (1, 1), (2, 2), (1, 1)
    ]  # fmt: skip
    assert digest("./a/net.py:make") != digest("./b/net.py:make")


def test_the_name_is_the_same_from_every_folder(here, monkeypatch):
    write(here, **{"pkg/net": "x = 1", "alone": "x = 1"})
    (here / "pkg" / "__init__.py").touch()
    assert canonical("./pkg/net.py:x") == canonical("pkg.net:x") == "pkg.net:x"
    monkeypatch.chdir(here / "pkg")
    assert canonical("./net.py:x") == "pkg.net:x"
    assert canonical("../alone.py:x") == "alone:x"


@pytest.mark.parametrize("call", [user_code.find, user_code.look])
def test_the_program_that_runs_is_no_module(call):
    with pytest.raises(ComponentError, match="is the program that runs") as caught:
        call("__main__:x")
    assert "./file.py" in caught.value.hint


RECIPE = """
dataset: digits
model: {name: NAME, depth: 2}
d: 60
training: {epochs: 2, optimizer: adam}
sweep: {d: [10], over: {model: ["NAME", {name: "NAME"}]}, baseline: {set: {model: "NAME"}}}
"""


@pytest.mark.parametrize(
    ("name", "seen"),
    [("./net.py:make", "exp/net.py:make"), ("net:make", "exp/net.py:make"), ("json:loads", "json:loads"),
     ("./other.py:make", "./other.py:make")],
)  # fmt: skip
def test_code_is_looked_for_beside_the_recipe_first(here, name, seen):
    write(here / "exp", net="def make(depth=1): ...", json="")
    write(here, net="def other(depth=1): ...", other="def make(depth=1): ...")
    (here / "exp" / "r.yaml").write_text(RECIPE.replace("NAME", name))
    recipe = load("exp/r.yaml").recipe
    assert recipe.model.name == seen
    assert [getattr(one, "get", lambda _, one=one: one)("name") for one in recipe.sweep.over["model"]] == [
        seen, seen
    ]  # fmt: skip
    assert recipe.sweep.baseline.set["model"] == seen
    assert load("exp/r.yaml", ["model=./net.py:make"]).recipe.model.name == "./net.py:make"
