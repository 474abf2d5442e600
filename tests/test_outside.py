"""The user's own code: the digest of its source, taken without running it."""

import hashlib
import sys

import pytest

from idim_cli.outside import digest


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package that cannot be imported, with a module and a package inside."""
    for path in ("idim_mine/__init__.py", "idim_mine/inner/__init__.py", "idim_mine/net.py"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(f"raise RuntimeError('{path}')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "idim_mine"


def of(path):
    return hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest()


def test_of_a_file_and_of_modules(package):
    assert digest("./idim_mine/net.py:Net") == of(package / "net.py")
    assert digest("idim_mine:Net") == of(package / "__init__.py")
    assert digest("idim_mine.net:Net") == of(package / "net.py")
    assert digest("idim_mine.inner:Net") == of(package / "inner" / "__init__.py")
    assert "idim_mine" not in sys.modules


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
