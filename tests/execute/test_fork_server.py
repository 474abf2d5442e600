"""The warm process: its workers, how they ended, and what becomes of them when it is killed."""

import os
import signal
import time
from multiprocessing import Pipe

import pytest

from idim_cli.execute.local import fork_server
from idim_cli.execute.local.fork_server import ForkServer, usable

pytestmark = pytest.mark.skipif(not usable(), reason="needs pidfd_open")


@pytest.fixture
def warm():
    made = ForkServer({"OMP_NUM_THREADS": "1"})
    yield made
    made.process.kill()
    made.close()


def worker(warm):
    ours, theirs = Pipe()
    with theirs:
        return ours, warm.fork(theirs.fileno())


def test_workers_are_forks_that_tell_how_they_ended(warm):
    (first, one), (second, two) = worker(warm), worker(warm)
    assert len({os.getpid(), warm.process.pid, one.pid, two.pid}) == 4
    assert one.poll() is None
    first.close()  # a worker without a parent ends
    assert one.wait() == 0
    two.kill()
    assert (two.wait(), two.poll()) == (-signal.SIGKILL, -signal.SIGKILL)
    two.kill()  # which is no other process now
    second.close()


def test_a_worker_outlives_its_fork_server_and_is_known_to_be_alive(warm):
    ours, one = worker(warm)
    assert one.pid
    warm.process.kill()
    warm.process.wait()
    until = time.monotonic() + 60
    while not warm.gone and time.monotonic() < until:
        assert one.poll() is None
    ours.close()
    assert one.wait() == -signal.SIGKILL  # how it ended is not known


@pytest.mark.parametrize("unread", [False, True])
def test_a_fork_server_whose_parent_is_killed_ends_in_silence(warm, unread, capfd):
    """It answers into a connection that is closed, or was closed with an answer unread."""
    (_, one), (_, two) = worker(warm), worker(warm)
    if unread:
        assert one.pid
        assert two.pid
        two.kill()  # how it ended is told, and not heard
        time.sleep(0.5)
    warm.socket.close()
    assert warm.process.wait(60) == 0
    assert capfd.readouterr().err == ""


def test_a_fork_server_that_cannot_start_is_missing(monkeypatch):
    monkeypatch.setattr(fork_server, "_PROGRAM", "raise SystemExit(3)")
    cold = ForkServer({})
    _, one = worker(cold)
    assert (one.pid, one.wait(), cold.gone) == (0, 3, True)
    cold.close()
