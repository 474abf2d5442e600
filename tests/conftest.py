"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest

# Several tests run side by side, and the processes that they start heed it too: threads that wait for each
# other on shared cores cost more than they bring.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture
def data_root() -> Path:
    """The folder of real data sets named by IDIM_DATA; the test is skipped without it."""
    root = os.environ.get("IDIM_DATA")
    if not root:
        pytest.skip(reason="real data are needed: set IDIM_DATA")
    return Path(root)
