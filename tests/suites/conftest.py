"""Components of the user's own, by file and by entry point, for the suites that run over all of a kind."""

import sys
from pathlib import Path

import pytest

from idim_cli.core.registry import registry

# The made-up problems that searches are tested on.
sys.path.append(str(Path(__file__).parents[1] / "search"))


@pytest.fixture
def own_file(tmp_path, monkeypatch):
    """A working folder; writes a file of code and returns its name."""
    monkeypatch.chdir(tmp_path)

    def write(text, name="mine.py"):
        (tmp_path / name).write_text(text)
        return f"./{name}"

    return write


@pytest.fixture
def entry_point(tmp_path_factory, monkeypatch):
    """Installs a module whose components join a kind by an entry point."""
    kinds = []

    def install(kind, name, text):
        home = tmp_path_factory.mktemp("site")
        module = f"idim_entry_{kind}_{name}"
        (home / f"{module}.py").write_text(text)
        about = home / f"{module}-1.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1\n")
        (about / "entry_points.txt").write_text(f"[idim.{kind}]\n{name} = {module}:{name}\n")
        monkeypatch.syspath_prepend(home)
        registry(kind).__dict__.pop("_targets", None)
        kinds.append(kind)
        return name

    yield install
    monkeypatch.undo()
    for kind in kinds:
        registry(kind).__dict__.pop("_targets", None)
