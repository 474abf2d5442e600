"""`idim compress --frontier` and what `idim report` makes of compressed files, on real ones."""

import csv
import json
from pathlib import Path

import jsonschema
import pytest

from idim_cli.cli import documents
from idim_cli.core.errors import IdimError

RECIPE = """
name: small
dataset: digits
model: {name: fc, depth: 1, width: 24}
device: cpu
d: 100
training: {epochs: 8, optimizer: {name: adam, lr: 0.1}}
"""
FLAGS = [
    "--frontier",
    "--target",
    "0.5",
    "--baseline",
    "0.9",
    "--d",
    "50,100",
    "--levels",
    "2,3",
    "--epochs",
    "6",
]


@pytest.fixture
def trained(cli):
    """The folder of a run."""
    Path("small.yaml").write_text(RECIPE)
    assert cli("train", "small.yaml", "-q").exit_code == 0
    (run,) = Path("results/small/runs").iterdir()
    return run


def compressed(cli, run, *flags):
    done = cli("compress", str(run), "-o", "small.idim", "--jobs", "1", *flags)
    assert done.exit_code == 0, done.output
    return done


def test_a_frontier_is_drawn_next_to_the_file_and_on_the_terminal(cli, trained):
    done = compressed(cli, trained, *FLAGS)
    files = [f"small-frontier.{kind}" for kind in ("csv", "png", "svg", "pdf")]
    assert f"wrote {', '.join(files)}" in done.stderr
    assert "validation accuracy against bytes (log axis)" in done.stdout
    assert "this file" in done.stdout
    rows = Path("small-frontier.csv").read_text().splitlines()
    assert sum(",trained," in row for row in rows) == 4
    before = [Path(name).read_bytes() for name in files]
    told = json.loads(compressed(cli, trained, *FLAGS, "--json").stdout)  # the trainings are not made twice
    assert [Path(name).read_bytes() for name in files] == before
    jsonschema.validate(told, documents.schema("compress/3"), jsonschema.Draft202012Validator)
    assert told["frontier"] == files
    assert told["level"] == 0.45
    assert "frontier" not in json.loads(Path("small.idim.json").read_text())


def test_a_frontier_is_drawn_where_nothing_reaches_the_goal(cli, trained):
    flags = [*FLAGS, "--target", "1.1"]  # the last one counts
    with pytest.raises(IdimError, match=r"no file reaches .*; written to small.idim") as caught:
        cli("compress", str(trained), "-o", "small.idim", "--jobs", "1", *flags)
    assert caught.value.exit_code == 3
    rows = Path("small-frontier.csv").read_text().splitlines()
    assert sum(",trained," in row for row in rows) == 4
    assert Path("small-frontier.png").exists()
    assert Path("small-frontier.svg").exists()
    done = cli("report", "small.idim")
    assert done.exit_code == 0
    assert "Compressed files" in done.stdout


def test_without_the_option_nothing_is_drawn(cli, trained):
    done = compressed(cli, trained, "--epochs", "0")
    assert "against bytes" not in done.stdout
    assert sorted(path.name for path in Path().glob("small*")) == [
        "small.idim",
        "small.idim.json",
        "small.yaml",
    ]


def test_a_frontier_goes_over_many_d_by_default(cli, trained):
    flags = ["--frontier", "--max-bytes", "1000", "--levels", "16", "--epochs", "1", "--json"]
    told = json.loads(compressed(cli, trained, *flags).stdout)
    assert len({trial["d"] for trial in told["tried"]}) == 8


def test_a_frontier_of_every_bit_is_none(cli, trained):
    with pytest.raises(IdimError, match="cannot be combined") as caught:
        cli("compress", str(trained), "--frontier", "--lossless", "-o", "small.idim")
    assert caught.value.exit_code == 2
    assert not Path("small.idim").exists()


@pytest.mark.parametrize(
    ("form", "start", "word"),
    [
        ("table", "Compressed files\n", "% confidence"),
        ("markdown", "## Compressed files\n", "| digits | fc |"),
        ("latex", "% needs", r"digits & fc & tied"),
        ("csv", "path,dataset,recipe,model", "small.idim,digits,small,fc,tied"),
    ],
)
def test_report_reports_of_files_in_every_form(cli, trained, form, start, word):
    compressed(cli, trained, "--epochs", "0")
    done = cli("report", "small.idim", "--format", form)
    assert done.exit_code == 0
    assert done.stdout.startswith(start)
    assert word in done.stdout


def test_report_of_a_sweep_has_its_files_below_the_readings(cli, trained):
    sweep = [
        "sweep",
        "small.yaml",
        "sweep.d=[50,100]",
        "sweep.seeds=1",
        "sweep.baseline.seeds=1",
        "--jobs",
        "1",
    ]
    assert cli(*sweep, "-q").exit_code == 3  # not reached: what counts is that there is a reading
    assert cli("compress", str(trained), "--epochs", "0", "-q").exit_code == 0
    readings, _, files = cli("report", "results/small").stdout.partition("\nCompressed files\n")
    assert "d_int90" in readings
    assert files.startswith("digits, fc: ")
    assert len(files.splitlines()) <= 4
    done = cli("report", "results/small", "--format", "csv")
    assert len({len(row) for row in csv.reader(done.stdout.splitlines())}) == 1
    assert "for a CSV of compressed files" in done.stderr
    told = json.loads(cli("report", "results/small", "--json").stdout)
    jsonschema.validate(told, documents.schema("report/1"), jsonschema.Draft202012Validator)
    (file,) = told["compressed"]
    assert file["bytes"] == (trained / "checkpoint.idim").stat().st_size
    assert file["bound"]["n"] == 1197


def test_report_says_on_stderr_what_is_left_out(cli, trained):
    compressed(cli, trained, "--epochs", "0")
    Path("small.idim").unlink()
    done = cli("report", "results/small", "small.idim.json", "--out", "out")
    assert done.exit_code == 0
    assert done.stderr.startswith("left out: small.idim.json: the file small.idim is missing (")
    assert "Compressed" not in done.stdout
