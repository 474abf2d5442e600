"""`idim bench`: table, CSV, figure and JSON; what is skipped, warned of and refused."""

import csv
import json

import pytest
from typer.testing import CliRunner

from idim_cli.bench import machine
from idim_cli.cli import bench
from idim_cli.core.errors import IdimError

QUICK = ("--seconds", "0")
SMALL = ("model.width=4", "dataset.n=300", *QUICK)


@pytest.fixture
def call(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(machine, "load", lambda: 0.0)

    def run(*arguments):
        result = CliRunner().invoke(bench.app, [str(argument) for argument in arguments])
        if isinstance(result.exception, IdimError):
            raise result.exception
        return result

    return run


def read(path):
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("name", "arguments", "rows"),
    [
        ("projectors", ("--D", "400,1k", "--projector", "tied", "--projector", "sparse", *QUICK), 4),
        ("step", (*SMALL, "--d", "5,9", "--projector", "tied"), 2),
        ("pack", ("--runs", "1,2", *QUICK), 2),
        ("data", ("--workers", "0,2", "--examples", "40", "dataset.size=16", *QUICK), 2),
    ],
)
def test_table_on_stdout_csv_and_figure_next_to(call, tmp_path, name, arguments, rows):
    done = call(name, *arguments)
    assert done.exit_code == 0, done.output
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "load 0 before the start" in done.stdout
    found = read(tmp_path / "results" / "bench" / f"{name}.csv")
    assert len(found) == rows
    assert (tmp_path / "results" / "bench" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.suffix for path in (tmp_path / "results" / "bench").iterdir()) == [".csv", ".png"]


@pytest.mark.slow
def test_starts_are_timed_and_a_second_process_compiles_nothing(call, tmp_path):
    done = call("start", "--rounds", "1")
    assert done.exit_code == 0, done.output
    assert max(map(len, done.stdout.splitlines())) <= 80
    rows = {row["start"]: row for row in read(tmp_path / "results" / "bench" / "start.csv")}
    assert float(rows["import torch"]["to_torch"]) == 1
    marks = [float(row["start_s"]) for name, row in rows.items() if name.startswith("sweep")]
    assert len(marks) == 3
    assert 0 < marks[0] < marks[1] < marks[2]
    compiled = [int(row["compiled"]) for row in rows.values() if row["compiled"]]
    assert compiled[0] > 0
    assert compiled[1] == 0
    assert [path.name for path in (tmp_path / "results" / "bench").iterdir()] == ["start.csv"]


def test_the_environment_says_where_results_go_and_on_which_device(call, tmp_path, monkeypatch):
    monkeypatch.setenv("IDIM_OUT", "mine")
    monkeypatch.setenv("IDIM_DEVICE", "abacus")
    assert call("step", *SMALL, "--d", "5", "--projector", "tied", "device=cpu").exit_code == 0
    assert (tmp_path / "mine" / "bench" / "step.csv").is_file()
    with pytest.raises(IdimError, match="no device 'abacus'"):
        call("step", *SMALL, "--d", "5", "--projector", "tied")


def test_json_has_rows_machine_and_files(call, tmp_path):
    done = call("projectors", "--D", "400", "--projector", "tied", "--json", "--out", "here", *QUICK)
    printed = json.loads(done.stdout)
    assert (printed["schema"], printed["machine"]["load"]) == ("idim/bench-projectors/1", 0.0)
    (row,) = printed["rows"]
    assert (row["projector"], row["than"]) == ("tied", None)
    assert row["to_floor"] == row["both_s"] / row["floor_s"]
    assert [(tmp_path / path).exists() for path in printed["files"]] == [True, True]


def test_a_skipped_row_says_why_in_table_and_csv(call, tmp_path):
    done = call("step", *SMALL, "--d", "1M", "--projector", "tied", "--projector", "dense")
    assert "tied: skipped, d = 1000000 is not in 1 .. D" in done.stdout
    reasons = [row["skipped"] for row in read(tmp_path / "results" / "bench" / "step.csv")]
    assert len(reasons) == 2
    assert all(reasons)


def test_next_to_is_in_the_table_with_its_ratio(call):
    references = "idim_cli.projectors.fastfood:Fastfood"
    done = call("projectors", "--D", "1k", "--projector", "tied", "--reference", references, *QUICK)
    assert "faster: how many times faster than Fastfood" in done.stdout
    assert done.stdout.index("Fastfood  ") < done.stdout.index("tied  ")


def test_rows_are_written_as_they_come_and_kept_when_stopped(call, tmp_path, monkeypatch):
    from idim_cli.bench import projectors

    def two_and_a_stop(*arguments, **options):
        yield {"projector": "tied", "D": 1, "d": 1, "both_s": 1.0, "skipped": None}
        assert len(read(tmp_path / "results" / "bench" / "projectors.csv")) == 1
        yield {"projector": "dense", "D": 1, "d": 1, "both_s": None, "skipped": "no room"}
        raise KeyboardInterrupt

    monkeypatch.setattr(projectors, "measure", two_and_a_stop)
    done = call("projectors", "--D", "400")
    assert done.exit_code == 130
    assert "measurements so far: results/bench/projectors.csv" in done.stderr
    assert [row["skipped"] for row in read(tmp_path / "results" / "bench" / "projectors.csv")] == [
        "",
        "no room",
    ]


def test_a_busy_machine_and_unsteady_rows_are_warned_of(call, monkeypatch):
    from idim_cli.bench import show

    monkeypatch.setattr(machine, "load", lambda: 99.0)
    monkeypatch.setattr(show, "UNSTEADY", -1.0)
    done = call("projectors", "--D", "400", "--projector", "tied", *QUICK)
    assert "warning: the machine was busy before the start (load 99 on " in done.stderr
    assert "warning: 1 of 1 rows vary by over " in done.stderr
    assert "warning" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("projectors", "--D", "40"), "too small"),
        (("projectors", "--D", "ten"), "--D must be a list of whole numbers"),
        (("projectors", "--D", "0"), "--D must be"),
        (("projectors", "--D", "400", "--reference", "./none.py:Mine"), "no file"),
        (("projectors", "--D", "400", "--projector", "tide"), "tide"),
        (("projectors", "--device", "abacus"), "no device 'abacus'"),
        (("step", "--d", "-1"), "must be a list"),
        (("step", "--recipe", "quickstrat"), "quickstrat"),
        (("step", "model.widht=3"), "widht"),
        (("pack", "--runs", "1;2"), "must be a list"),
    ],
)
def test_faulty_options_are_usage_errors(call, tmp_path, arguments, message):
    with pytest.raises(IdimError, match=message) as caught:
        call(*arguments)
    assert caught.value.exit_code == 2
    assert not list(tmp_path.rglob("*.csv"))


@pytest.mark.parametrize(
    ("value", "text"),
    [(1234.0, "1,234 s"), (1.0, "1 s"), (0.99961, "1 s"), (0.0123, "12.3 ms"), (4.56e-6, "4.56 us")],
)
def test_times_have_three_digits(value, text):
    from idim_cli.bench.show import seconds

    assert seconds(value) == text


def test_a_figure_of_the_same_rows_has_the_same_bytes():
    from idim_cli.reports.plots import lines

    points = {"tied": [(100, 1e-3), (10, 1e-4)], "dense": []}
    drawn = [lines.draw(points, {"floor": [(10, 1e-5)]}, title="a", x="b", y="c") for _ in range(2)]
    assert drawn[0] == drawn[1]
