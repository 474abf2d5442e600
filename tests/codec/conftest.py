"""Fixtures of the codec's tests."""

from pathlib import Path

import pytest
from codec_cases import USER_CODE


@pytest.fixture
def user_code(tmp_path, monkeypatch) -> Path:
    """A model of the user's own, as ./own.py:tied, in the working folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "own.py"
    path.write_text(USER_CODE)
    return path
