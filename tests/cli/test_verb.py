"""What all verbs share: how much is said, JSON, help, and a quiet end when the reader leaves."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from idim_cli.cli import app, console
from idim_cli.core import machine
from idim_cli.core.errors import EXIT_CODES, IdimError
from idim_cli.recipe.find import shipped


def leaves(command, name=""):
    """Name and command of all that is no group of commands."""
    below = getattr(command, "commands", None)
    if below is None:
        return [(name, command)]
    return [leaf for word, inner in below.items() for leaf in leaves(inner, f"{name} {word}".strip())]


VERBS = leaves(typer.main.get_command(app.app))
ids = [name for name, _ in VERBS]


def test_verbs_are_found():
    assert len(VERBS) >= 18


@pytest.mark.parametrize(("name", "command"), VERBS, ids=ids)
def test_every_verb_takes_the_shared_options(name, command):
    options = {word for parameter in command.params for word in parameter.opts}
    assert {"-q", "--quiet", "-v", "--verbose", "--json"} <= options


@pytest.mark.parametrize(("name", "command"), VERBS, ids=ids)
def test_every_help_names_exit_codes_that_there_are(name, command):
    import re

    told = re.search(r"Exit code: (.*)", command.help, re.DOTALL)
    codes = {int(code) for code in re.findall(r"\b(\d+)\b", told[1])}
    assert 0 in codes
    assert codes <= set(EXIT_CODES)
    assert codes & {1, 2, 3, 4} or name in ("recipes list", "recipes schema")


def test_quiet_says_nothing_but_errors(cli):
    Path("a.csv").write_text("d,performance,net\n10,.5,a\n20,.95,b\n30,.96,b\n0,1,a\n")
    assert "note: all rows are read as one problem" in cli("threshold", "a.csv").stderr
    quiet = cli("threshold", "a.csv", "-q")
    assert quiet.stderr == ""
    assert "d_int90" in quiet.stdout
    with pytest.raises(IdimError):
        cli("threshold", "absent.csv", "-q")


def test_verbose_says_what_is_loaded_and_how_long_it_took(cli, monkeypatch):
    monkeypatch.setenv("IDIM_OUT", "here")
    said = cli("train", "toy", "training.steps=20", "-v").stderr
    assert said.startswith(f"idim {machine.version()}, Python ")
    assert "  IDIM_OUT=here\n" in said
    assert "toy.yaml with training.steps=20\n" in said
    assert said.count("  device cpu, ") == 1
    assert " s with torch " in said
    assert "recipe" not in cli("train", "toy", "training.steps=20").stderr  # the next verb is itself again
    assert console.level() == console.NORMAL


@pytest.mark.parametrize(("name", "command"), VERBS, ids=ids)
def test_usage_lines_say_once_what_may_be_repeated(name, command):
    arguments = [one.metavar or "" for one in command.params if one.param_type_name == "argument"]
    assert not [metavar for metavar in arguments if set("[].") & set(metavar)]


def test_what_is_wrong_but_no_error_is_a_warning_unless_quiet(cli):
    said = cli("sweep", "toy", "sweep.d=[4]", "training.steps=20", "--json").stdout
    folder = Path(json.loads(said)["folder"])
    next((folder / "runs").glob("direct-*/result.json")).write_text("[]")
    read = cli("threshold", str(folder), "--baseline", "1")
    assert read.exit_code in (0, 3)
    assert read.stderr.startswith("warning: ")
    assert "left out" in read.stderr
    assert cli("threshold", str(folder), "--baseline", "1", "-q").stderr == ""


def test_quiet_and_verbose_exclude_each_other(cli):
    done = cli("recipes", "list", "-q", "-v")
    assert done.exit_code == 2
    assert "exclude each other" in done.stderr


def test_the_environment_gives_defaults(cli, monkeypatch):
    shown = " ".join(cli("sweep", "--help").stdout.split())
    for name in ("IDIM_OUT", "IDIM_DEVICE", "IDIM_JOBS", "IDIM_PACK", "IDIM_DATA"):
        assert name in shown
    monkeypatch.setenv("IDIM_DEVICE", "gpu")
    with pytest.raises(IdimError, match="no device 'gpu'"):
        cli("train", "toy")
    with pytest.raises(IdimError, match="no device 'gpu'"):
        cli("bench", "projectors", "--D", "1k")


def test_what_is_said_goes_before_the_environment(cli, monkeypatch):
    monkeypatch.setenv("IDIM_DEVICE", "gpu")
    assert cli("train", "toy", "device=cpu").exit_code == 0
    assert cli("sweep", "toy", "sweep.d=[4]", "device=cpu", "--dry-run").exit_code == 0
    Path("mine.yaml").write_text(f"{shipped()['toy'].read_text()}\ndevice: cpu\n")
    assert cli("train", "mine.yaml").exit_code == 0
    assert cli("train", "toy", "--device", "cpu").exit_code == 0
    with pytest.raises(IdimError, match="no device 'abacus'"):
        cli("train", "toy", "device=cpu", "--device", "abacus", "d=3")


def test_the_recipe_stored_in_a_run_goes_before_the_environment_too(cli, monkeypatch):
    said = json.loads(cli("train", "toy", "device=cpu", "--json").stdout)
    left = json.loads(cli("train", "toy", "d=3", "--json").stdout)
    monkeypatch.setenv("IDIM_DEVICE", "gpu")
    for command, *more in (("evaluate", "--split", "train"), ("compress", "--lossless", "--out", "a.idim")):
        assert cli(command, said["folder"], *more).exit_code == 0
        with pytest.raises(IdimError, match="no device 'gpu'"):
            cli(command, left["folder"], *more)
        with pytest.raises(IdimError, match="no device 'abacus'"):
            cli(command, said["folder"], *more, "--device", "abacus")
    with pytest.raises(IdimError, match="no device 'gpu'"):
        cli("evaluate", "a.idim", "--split", "train")


@pytest.mark.skipif(not hasattr(signal, "SIGPIPE"), reason="no SIGPIPE here")
@pytest.mark.parametrize("arguments", ["recipes list", "recipes schema", "sweep --help", "--help", "doctor"])
def test_a_reader_that_leaves_ends_it_quietly(arguments):
    command = f"{sys.executable} -m idim_cli.cli.app {arguments} | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    assert done.stdout.strip() in (str(128 + signal.SIGPIPE), "0")  # 0: all was written before it left


@pytest.mark.skipif(not hasattr(signal, "SIGPIPE"), reason="no SIGPIPE here")
def test_head_gets_its_line():
    command = f"{sys.executable} -m idim_cli.cli.app recipes schema | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("{\n", "")


@pytest.mark.skipif(not hasattr(signal, "SIGPIPE"), reason="no SIGPIPE here")
def test_a_closed_pipe_is_the_systems_own_end():
    command = [sys.executable, "-m", "idim_cli.cli.app", "recipes", "list"]
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, timeout=60)
    os.close(writer)
    assert (done.returncode, done.stderr) == (-signal.SIGPIPE, b"")


@pytest.mark.parametrize("group", [(), ("recipes",), ("bench",)])
def test_without_a_command_the_help_is_printed_and_that_is_no_mistake(cli, group):
    done = cli(*group)
    assert done.exit_code == 0
    assert "Usage: " in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(("name", "command"), [("", None), *VERBS], ids=["idim", *ids])
def test_help_has_plain_types_and_80_columns(cli, monkeypatch, name, command):
    monkeypatch.setenv("COLUMNS", "80")
    shown = cli(*name.split(), "--help").stdout
    assert not set(re.findall(r"<\w+", shown)), "no <bool>, <str>, <list[str]>"
    assert max(map(len, shown.splitlines())) <= 80


def test_help_has_sections(cli):
    shown = cli("sweep", "--help").stdout
    for section in ("Where and how", "Short forms of recipe keys", "Adaptive search"):
        assert f"─ {section} ─" in shown
    assert "─ How to read d_int ─" in cli("threshold", "--help").stdout


def test_what_is_not_there_is_reported_with_what_is_taken(cli):
    with pytest.raises(IdimError, match=r"no file absent.idim \(give an .idim file, a run folder, or its"):
        cli("evaluate", "absent.idim")


def test_code_that_is_not_there_is_a_fault_wherever_a_recipe_names_it(cli):
    Path("a.yaml").write_text(
        "dataset: digits\nmodel: fc\ntraining: {epochs: 1}\n"
        "sweep: {d: [1], over: {model: [fc, './gone.py:net']}}\n"
    )
    with pytest.raises(IdimError, match=r"a\.yaml:4:.*sweep\.over\.model.*gone\.py"):
        cli("recipes", "check", "a.yaml")
