"""The whole command line in this process, with nothing of this machine's environment."""

import os

import pytest
from typer.testing import CliRunner

from idim_cli.cli import console
from idim_cli.cli.app import app


@pytest.fixture
def cli(monkeypatch, tmp_path):
    """Run `idim ...` in an empty folder; returns what CliRunner does. IdimErrors pass through."""
    for name in [name for name in os.environ if name.startswith("IDIM_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        console.messages.cache_clear()
        return CliRunner().invoke(app, list(arguments), catch_exceptions=False)

    yield run
    console.messages.cache_clear()
