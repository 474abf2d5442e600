"""What the user's code may do to a run, to the streams and to the process: nothing that is not named."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from in_process import idim, raw

from idim_cli.core.errors import described, printable

CODE = """
import ctypes, os, sys
import torch

class Unspeakable(Exception):
    def __str__(self):
        raise RuntimeError("no message")

def _do(how):
    if how == "print":
        print("LOUD")
    elif how == "exit 0":
        sys.exit(0)
    elif how == "exit 3":
        sys.exit(3)
    elif how == "_exit":
        os._exit(0)
    elif how == "C exit":
        ctypes.CDLL(None).exit(0)
    elif how == "surrogate":
        raise ValueError("half \\ud800 of it")
    elif how == "escape":
        raise ValueError("\\x1b]0;title\\x07 \\x9b31m")
    elif how == "bytes":
        raise ValueError(b"caf\\xe9".decode("utf-8", "surrogateescape"))
    elif how == "unspeakable":
        raise Unspeakable

class Net(torch.nn.Module):
    def __init__(self, how, late):
        super().__init__()
        self.inner, self.how, self.late, self.calls = torch.nn.Linear(64, 10), how, late, 0
        if not late:
            _do(how)

    def forward(self, x):
        self.calls += 1
        if self.late and self.calls > 6:
            _do(self.how)
        return self.inner(x.flatten(1))

def net(shape, classes, how="", late=False):
    return Net(how, late)
"""
RECIPE = """
dataset: digits
model: {{name: "./own.py:net", how: "{how}", late: {late}}}
device: cpu
d: 5
training: {{steps: 12, evaluate_every: 1000, batch_size: 64}}
sweep: {{d: [4, 5], seeds: 1, baseline: {{seeds: 1}}}}
"""
MESSAGES = {
    "exit 0": "asked to end|SystemExit",
    "exit 3": "asked to end|SystemExit",
    "surrogate": r"half \\ud800 of it",
    "escape": r"\\x1b]0;title\\x07 \\x9b31m",
    "bytes": r"caf\\udce9",
    "unspeakable": "without a readable message",
}


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("own.py").write_text(CODE)


def _recipe(how, late=False):
    Path("r.yaml").write_text(RECIPE.format(how=how, late=str(late).lower()))
    return "r.yaml"


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("how", MESSAGES)
def test_what_user_code_raises_is_a_failure_with_its_words(how, late):
    answer = idim("train", _recipe(how, late), "--json", "--trust-code")
    assert answer.code in (1, 2)
    assert answer.code == 1 or not how.startswith("exit")
    told = json.loads(answer.out)
    assert "Traceback" not in answer.err
    assert "fault of idim" not in answer.err
    assert raw(answer.out + answer.err) == []
    said = json.dumps(told) + answer.err
    assert any(part in said for part in MESSAGES[how].split("|")), said


@pytest.mark.parametrize("how", ["exit 3", "surrogate", "unspeakable"])
def test_a_run_that_fails_late_does_not_end_the_sweep(how):
    answer = idim("sweep", _recipe(how, True), "--json", "--trust-code", "--jobs", "1", "--pack", "1")
    assert answer.code == 1
    assert json.loads(answer.out)["runs"] == {"planned": 3, "ok": 0, "failed": 3}
    again = idim("threshold", "results/r", "--json")
    assert again.code == 2
    json.loads(again.out)


def test_what_user_code_prints_is_not_among_the_data():
    for late in (False, True):
        answer = idim("train", _recipe("print", late), "--json", "--trust-code")
        assert answer.code == 0
        json.loads(answer.out)
        assert "LOUD" in answer.err


def _started(*arguments, **settings):
    command = [sys.executable, "-m", "idim_cli.cli.start", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **settings)


def test_the_process_cannot_be_ended_unseen():
    done = _started("train", _recipe("_exit", True), "--json", "--trust-code")
    assert done.returncode == 1
    assert json.loads(done.stdout)["status"] == "failed"
    assert "os._exit(0)" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("late", [False, True])
def test_an_exit_below_python_is_a_failure_too(late):
    done = _started("train", _recipe("C exit", late), "--json", "--trust-code")
    assert done.returncode == 1
    assert "foreign code ended the program by C's exit()" in done.stderr


def test_a_worker_that_ends_below_python_fails_its_run():
    done = _started("sweep", _recipe("C exit", True), "--json", "--trust-code", "--jobs", "2", "--pack", "1")
    assert done.returncode == 1
    assert json.loads(done.stdout)["runs"] == {"planned": 3, "ok": 0, "failed": 3}
    assert "its process ended 3 times before it did: exit code 0" in done.stderr


def test_output_below_python_goes_to_stderr():
    text = CODE.replace('print("LOUD")', 'os.system("echo LOUD"); os.write(1, b"LOW")')
    Path("own.py").write_text(text)
    done = _started("train", _recipe("print"), "--json", "--trust-code")
    assert json.loads(done.stdout)["status"] == "ok"
    assert {"LOUD", "LOW"} <= set(done.stderr.replace("LOW", " LOW ").split())


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("OMP_NUM_THREADS=abc", "must be a number"),
        ("OMP_NUM_THREADS=0", "must be a number"),
        ("NUMBA_DISABLE_JIT=1", ""),
    ],
)
def test_odd_environments_are_named_or_heeded(setting, said):
    name, _, value = setting.partition("=")
    done = _started("train", "toy", "training.steps=3", "--json", env={**os.environ, name: value})
    assert "Traceback" not in done.stderr
    assert said in done.stderr
    assert done.returncode == (2 if said else 0)


def test_closed_streams_are_clear_errors():
    for closed, code in ((">&-", 2), ("2>&-", 0), (">&- 2>&-", 2)):
        command = f"{sys.executable} -m idim_cli.cli.start recipes list {closed}"
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
        assert done.returncode == code
        assert "Traceback" not in done.stderr


def test_little_address_space_is_a_clear_error():
    command = f"ulimit -v 400000; {sys.executable} -m idim_cli.cli.start train toy training.steps=3"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert done.stderr


def test_folders_that_are_not_utf_8_are_named():
    folder = os.fsdecode(b"caf\xe9\x1b")
    Path(folder).mkdir()
    for arguments in (["threshold", folder], ["recipes", "check", f"{folder}/r.yaml"]):
        answer = idim(*arguments, "--json")
        assert answer.code == 2
        json.loads(answer.out)
        assert raw(answer.err) == []
    answer = idim("train", "toy", "training.steps=3", "--out", folder, "--json")
    assert answer.code == 0
    json.loads(answer.out)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_in_the_first_moments_end_as_later_ones_do(number):
    code = 128 + number
    for wait in (0.05, 0.12, 0.2, 0.4, 0.8):
        running = subprocess.Popen(
            [sys.executable, "-m", "idim_cli.cli.start", "train", "toy", "training.steps=3000"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        time.sleep(wait)
        running.send_signal(number)
        _, err = running.communicate(timeout=60)
        if wait > 0.1:  # before that Python itself may not have begun
            assert running.returncode in (code, -number, 0), err
            assert "Traceback" not in err


def test_any_exception_can_be_described():
    class OddError(Exception):
        def __str__(self):
            raise SystemExit(0)

    assert described(OddError()) == "OddError without a readable message"
    assert described(ValueError("a\x1bb\nc")) == "ValueError: a\\x1bb\nc"
    assert described(KeyError()) == "KeyError"
    assert printable("a\u202e\x00\ufffeé😀\n") == "a\\u202e\\x00\\ufffeé😀\\n"
