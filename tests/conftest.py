"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest

# Several tests run side by side, and the processes that they start heed it too: threads that wait for each
# other on shared cores cost more than they bring.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True, scope="session")
def state(tmp_path_factory):
    """The user's key and what was allowed lie in a folder of the tests, also for processes they start."""
    before = os.environ.get("XDG_STATE_HOME")
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))
    yield
    if before is None:
        del os.environ["XDG_STATE_HOME"]
    else:
        os.environ["XDG_STATE_HOME"] = before


@pytest.fixture
def data_root() -> Path:
    """The folder of real data sets named by IDIM_DATA; the test is skipped without it."""
    root = os.environ.get("IDIM_DATA")
    if not root:
        pytest.skip(reason="real data are needed: set IDIM_DATA")
    return Path(root)
