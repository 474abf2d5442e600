"""A folder laid out with what hostile files name, and the command line within it."""

import os

import in_process
import pytest


@pytest.fixture(scope="session")
def furnished(tmp_path_factory):
    """A folder with files of code in all sorts of disorder."""
    folder = tmp_path_factory.mktemp("hostile")
    in_process.furnish(folder)
    return folder


@pytest.fixture
def inside(furnished, monkeypatch):
    """Work in that folder, with nothing of this machine's environment."""
    for name in [name for name in os.environ if name.startswith("IDIM_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(furnished)
    return furnished
