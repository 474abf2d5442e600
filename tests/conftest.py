"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest


@pytest.fixture
def data_root() -> Path:
    """The folder of real data sets named by IDIM_DATA; the test is skipped without it."""
    root = os.environ.get("IDIM_DATA")
    if not root:
        pytest.skip(reason="real data are needed: set IDIM_DATA")
    return Path(root)
