"""The command line as a whole: quick, quiet where it should be, errors as messages with exit codes."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from idim_cli.cli import app, console, doctor
from idim_cli.core import machine
from idim_cli.core.errors import FileError, RunError
from idim_cli.training.stop import SIGNALS

ROOT = Path(app.__file__).parents[2]
COMMANDS = ["train", "sweep", "threshold", "compress", "expand", "evaluate", "report", "recipes", "doctor"]


def call(*arguments, **settings):
    command = [sys.executable, "-m", "idim_cli.cli.app", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, **settings)


@pytest.fixture
def idim(monkeypatch, capsys):
    """Run the command line in this process: exit code, stdout, stderr."""
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["idim", *arguments])
        console.messages.cache_clear()
        with pytest.raises(SystemExit) as stop:
            app.main()
        said = capsys.readouterr()
        return stop.value.code or 0, said.out, said.err

    yield run
    console.messages.cache_clear()
    for number, handler in before.items():
        signal.signal(number, handler)


def test_help_names_every_command_and_imports_nothing_heavy():
    code = (
        "import sys; sys.argv = ['idim', '--help']\n"
        "from idim_cli.cli import app\n"
        "try: app.main()\n"
        "finally: print(*{'torch', 'numpy', 'pandas', 'scipy', 'matplotlib', 'sklearn'} & set(sys.modules),"
        " file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert done.stderr.strip() == ""
    listed = re.findall(r"^\W*([a-z]+)  ", done.stdout, flags=re.MULTILINE)
    assert [name for name in listed if name in COMMANDS] == [*COMMANDS[:7], "doctor", "recipes"]


def test_help_is_not_cut_on_a_narrow_terminal():
    done = call("sweep", "--help", env={**os.environ, "COLUMNS": "40"})
    assert done.returncode == 0
    assert "…" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 40
    assert "Folder of all results; these go to OUT/RECIPE." in " ".join(done.stdout.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(idim, command):
    code, out, err = idim(command, "--help")
    assert (code, err) == (0, "")
    assert "Usage: idim " + command in out


def leaves(command, name=""):
    """Name and command of all that is no group of commands."""
    below = getattr(command, "commands", None)
    if below is None:
        return [(name, command)]
    return [leaf for word, inner in below.items() for leaf in leaves(inner, f"{name} {word}".strip())]


@pytest.mark.parametrize(("name", "command"), leaves(typer.main.get_command(app.app)))
def test_help_names_the_exit_codes_and_says_what_each_option_is_for(name, command):
    assert re.search(r"\bExit code: 0", command.help), name
    for parameter in command.params:
        if parameter.name not in ("help", "install_completion", "show_completion"):
            assert getattr(parameter, "help", None), f"{name}: {parameter.name}"


def test_json_is_worded_alike_everywhere():
    texts = {
        parameter.help
        for _, command in leaves(typer.main.get_command(app.app))
        for parameter in command.params
        if "--json" in parameter.opts
    }
    assert texts == {"Print JSON on stdout."}


def test_version(idim, monkeypatch):
    monkeypatch.setattr(machine, "version", lambda: "1.2.3")
    assert idim("--version") == (0, "idim 1.2.3\n", "")


def test_usage_errors_exit_with_2(idim):
    for arguments in (["swep"], ["sweep"], ["train", "quickstart", "--no-such-option"]):
        assert idim(*arguments)[0] == 2


@pytest.mark.parametrize(
    ("error", "code"), [(FileError("no file 'x'", "look again"), 2), (RunError("it diverged"), 1)]
)
def test_errors_are_one_message_with_a_hint_and_a_code(idim, monkeypatch, error, code):
    def fail(data, out):
        raise error

    monkeypatch.setattr("idim_cli.cli.doctor.describe", fail)
    expected = f"error: {error.message}\n" + (f"hint: {error.hint}\n" if error.hint else "")
    assert idim("doctor") == (code, "", expected)


@pytest.mark.parametrize(
    "error", [PermissionError(13, "Permission denied", "a/b"), OSError(28, "No space left on device", "a/b")]
)
def test_an_error_of_the_file_system_is_one_message(idim, monkeypatch, error):
    def fail(data, out):
        raise error

    monkeypatch.setattr("idim_cli.cli.doctor.describe", fail)
    assert idim("doctor") == (2, "", f"error: cannot use a/b: {error.strerror}\n")


@pytest.mark.parametrize("command", ["sweep", "train", "report", "compress", "expand"])
def test_an_empty_out_is_refused(idim, command):
    code, out, err = idim(command, "toy", "--out", "")
    assert (code, out) == (2, "")
    assert err.startswith("error: --out is empty\n")


@pytest.mark.parametrize("command", ["sweep", "train", "report"])
def test_an_out_that_is_no_folder_is_refused(idim, command, tmp_path):
    path = tmp_path / "file"
    path.touch()
    assert idim(command, "toy", "--out", str(path)) == (2, "", f"error: --out {path} is not a folder\n")


def test_a_folder_that_cannot_be_made_is_one_message(idim, tmp_path):
    (tmp_path / "file").touch()
    table, out = tmp_path / "a.csv", tmp_path / "file" / "sub"
    table.write_text("d,performance\n10,.5\n20,.95\n0,1\n")
    code, _, err = idim("report", str(table), "--out", str(out))
    assert code == 2
    assert err == f"error: cannot use {out}: Not a directory\n"


def test_talk_wraps_at_words_on_a_terminal_and_not_elsewhere(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "40")
    for on_terminal, most in (("1", 40), ("", 200)):
        monkeypatch.setenv("FORCE_COLOR", on_terminal)
        console.messages.cache_clear()
        console.fail("one message of more than forty columns in all", "/a/path/" + "x" * 50)
        lines = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().err).splitlines()
        assert " ".join(lines).startswith(
            "error: one message of more than forty columns in all hint: /a/path"
        )
        assert lines[-1].endswith("/a/path/" + "x" * 50)
        assert len(lines) == (4 if most == 40 else 2)
    console.messages.cache_clear()


@pytest.mark.parametrize("terminal", ["1", ""])
def test_what_is_said_is_neither_markup_nor_emoji(monkeypatch, capsys, terminal):
    monkeypatch.setenv("FORCE_COLOR", terminal)
    console.messages.cache_clear()
    console.say("[bold]a:smile:b")
    assert capsys.readouterr().err == "[bold]a:smile:b\n"
    console.messages.cache_clear()


def test_recipe_faults_each_have_their_line(idim, tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text("dataset: digits\nmodel: {name: fc, widht: 3}\ntraining: {epochs: 0}\n")
    code, out, err = idim("train", str(path))
    assert (code, out) == (2, "")
    first, second = err.splitlines()
    assert first.startswith(f"error: {path}:2:19: model.widht: ")
    assert second.startswith(f"error: {path}:3:")


def test_a_reader_that_leaves_is_no_error():
    done = subprocess.run(
        f"{sys.executable} -m idim_cli.cli.app recipes list | true",
        shell=True, cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.stderr == ""


def test_json_output_is_strict(capsys):
    console.out_json({"a": float("nan"), "b": (1, Path("x")), "c": {"d": float("inf")}})
    assert (
        capsys.readouterr().out
        == '{\n  "a": null,\n  "b": [\n    1,\n    "x"\n  ],\n  "c": {\n    "d": null\n  }\n}\n'
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_text_beyond_the_encoding_of_stdout_is_no_crash(encoding):
    code = "from idim_cli.cli import console; print(console.unicode('─é')); console.out('é ─ \\udc80')"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, timeout=60,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    expected = {"ascii": r"\xe9 \u2500", "latin-1": r"é \u2500", "utf-8": "é ─"}[encoding]
    assert done.stdout.decode(encoding).split("\n")[:2] == [str(encoding == "utf-8"), expected + r" \udc80"]


def test_json_lists_a_set_in_the_same_order_every_time(capsys):
    console.out_json({"b", "a", "c"})
    assert json.loads(capsys.readouterr().out) == ["a", "b", "c"]


def test_no_color(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    console.messages.cache_clear()
    with console.messages().capture() as shown:
        console.fail("x", "y")
    assert "\x1b[" in shown.get()
    monkeypatch.setenv("NO_COLOR", "1")
    console.messages.cache_clear()
    with console.messages().capture() as shown:
        console.fail("x", "y")
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", shown.get())
    console.messages.cache_clear()


def test_doctor_is_a_command():
    assert doctor.command


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="there is no such signal on this system")
def test_a_notice_that_comes_while_the_process_ends_changes_nothing():
    code = (
        "import atexit, os, signal, sys; sys.argv = ['idim', '--version']\n"
        "atexit.register(os.kill, os.getpid(), signal.SIGUSR1)\n"
        "from idim_cli.cli import app; app.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_doctor_keeps_its_column(idim):
    lines = idim("doctor")[1].splitlines()
    (column,) = {line.rindex(value) for line in lines if (value := line.split()[-1]) in ("yes", "no")}
    assert all(line[column - 1] == " " != line[column] for line in lines)
