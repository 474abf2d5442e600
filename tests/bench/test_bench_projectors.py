"""Rows of P's cost: complete, with ratios of their own times, and with the reason where there is none."""

import csv
import io

import pytest
import torch
from torch import nn

from idim_cli.bench import projectors as bench
from idim_cli.bench.base import How
from idim_cli.bench.limits import Pace, Room
from idim_cli.core.errors import ComponentError
from idim_cli.projectors import REGISTRY
from idim_cli.projectors.base import Cost
from idim_cli.projectors.tied import Tied

HOW = How(torch.device("cpu"), seconds=0.0)


def rows_of(names=(), sizes=(400,), share=0.01, how=HOW, **options):
    return list(bench.measure(bench.contestants(names), sizes, share, how, **options))


def test_every_projector_has_a_complete_row_at_every_size():
    rows = rows_of(sizes=(400, 900))
    assert [(row["projector"], row["D"]) for row in rows] == [(n, D) for D in (400, 900) for n in REGISTRY]
    for row in rows:
        assert tuple(row) == bench.COLUMNS
        assert row["d"] == (row["D"] if row["projector"] == "identity" else row["D"] // 100)
        assert row["skipped"] is None
        assert row["bytes_per_parameter"] == row["state_bytes"] / row["D"]
        assert all(row[f"{part}_min_s"] <= row[f"{part}_s"] for part in ("forward", "adjoint", "both"))
        assert row["to_floor"] == row["both_s"] / row["floor_s"]
        assert (row["times_faster"], row["than"]) == (None, None)
    assert [row["bytes_per_parameter"] for row in rows if row["projector"] == "identity"] == [0, 0]


def test_what_is_next_to_comes_first_and_all_are_compared_to_it():
    references = [bench.Contestant("One", Tied), bench.Contestant("Two", Tied)]
    rows = rows_of(["tied", "sparse"], reference=references)
    assert [row["projector"] for row in rows] == ["One", "Two", "tied", "sparse"]
    assert rows[0]["times_faster"] == 1
    for row in rows:
        assert row["than"] == "One"
        assert row["times_faster"] == pytest.approx(rows[0]["both_s"] / row["both_s"])


def test_what_does_not_fit_the_memory_is_skipped_and_the_others_are_measured(monkeypatch):
    monkeypatch.setattr(Room, "now", lambda device: Room(6_000_000, 6_000_000))
    dense, tied = rows_of(["dense", "tied"], sizes=(40_000,))
    assert dense["skipped"].startswith("needs 70.8 MB")
    assert dense["both_s"] is None
    assert tied["both_s"] > 0


def test_projectors_that_do_not_fit_side_by_side_are_made_one_after_the_other(monkeypatch):
    held = []

    class Large(Tied):
        def __init__(self, D, d, seed):
            super().__init__(D, d, seed)
            held.append(self.register_buffer("mark", torch.zeros(1)))

        @classmethod
        def expected_cost(cls, D, d):
            return Cost(80, 80, 0)

    free = iter([100, 20, 100, 100])
    monkeypatch.setattr(Room, "now", lambda device: Room(*[next(free, 100)] * 2))
    said = []
    references = [bench.Contestant("A", Large), bench.Contestant("B", Large)]
    rows = list(bench.measure([], [400], 0.01, HOW, reference=references, say=said.append))
    assert [row["projector"] for row in rows] == ["A", "B"]
    assert said == ["D = 400: timing A", "D = 400: timing B"]
    assert rows[1]["times_faster"] == pytest.approx(rows[0]["to_floor"] / rows[1]["to_floor"])


def test_what_takes_too_long_to_make_is_skipped():
    pace = Pace(10.0)
    small, large = Cost(100, 0, 0), Cost(1000, 0, 0)
    assert pace.excess("dense", large) == ""
    pace.learn("dense", small, 2.0)
    assert pace.excess("dense", small) == ""
    assert pace.excess("dense", large).startswith("takes about 20 s")
    rows = rows_of(["tied"], sizes=(400, 900), how=How(HOW.device, 0.0, limit=0.0))
    assert rows[0]["skipped"] is None
    assert "more than --limit 0" in rows[1]["skipped"]


def test_a_failure_while_one_is_made_is_the_reason_of_its_row():
    def broken(D, d, seed):
        raise MemoryError("no room\nfor more")

    rows = list(bench.measure([], [400], 0.01, HOW, reference=[bench.Contestant("Broken", broken)]))
    assert rows[0]["skipped"] == "Broken failed: MemoryError: no room"


def test_a_size_without_one_coordinate_is_refused_before_anything_is_measured():
    with pytest.raises(ComponentError, match=r"D = 40 is too small for d = 0.01 x D"):
        rows_of(sizes=(400, 40))


def test_an_unknown_projector_is_named():
    with pytest.raises(ComponentError, match="fastfod"):
        bench.contestants(["fastfod"])


GOOD = """
import torch
class Repeat:
    def __init__(self, D, d, seed):
        self.D, self.d, self.table = D, d, torch.zeros(D)
    def project(self, v):
        return v.repeat(-(-self.D // self.d))[: self.D]
    def adjoint(self, g):
        return torch.zeros(self.d)
class Cut(Repeat):
    def project(self, v):
        return v
class Wide(Repeat):
    def __init__(self, D, d, seed, width):
        super().__init__(D, d, seed)
class Half:
    def __init__(self, D, d, seed):
        pass
    def project(self, v):
        return v
class Raises(Repeat):
    def adjoint(self, g):
        raise ValueError("not today")
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(GOOD)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_class_from_a_file_is_measured_even_if_it_is_no_module_and_reports_no_cost(folder):
    one = bench.outsider("./mine.py:Repeat")
    assert one.name == "Repeat"
    (row,) = bench.measure([], [400], 0.01, HOW, reference=[one])
    assert row["state_bytes"] == 1600
    assert row["both_s"] > 0


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("./mine.py:Repaet", "has no 'Repaet'"),
        ("./his.py:Repeat", "no file"),
        ("nowhere:Repeat", "no module 'nowhere'"),
        ("./mine.py:Wide", "missing a required argument: 'width'"),
        ("./mine.py:Half", r"has no method adjoint\(\)"),
        ("./mine.py:Cut", r"project\(\) of 8 numbers has the shape \(8,\), not \(96,\)"),
        ("./mine.py:Raises", r"adjoint\(\) failed: ValueError: not today"),
        ("torch:nn", "not a function or class"),
    ],
)
def test_what_is_no_projector_is_refused_immediately(folder, reference, message):
    with pytest.raises(ComponentError, match=message):
        bench.outsider(reference)


def test_buffers_and_parameters_are_the_state():
    class Held(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(3))
            self.register_buffer("index", torch.zeros(2, dtype=torch.int64))

    assert bench._state_bytes(Held()) == 3 * 4 + 2 * 8


def test_csv_has_the_machine_in_each_row_and_empty_cells_for_the_unknown(tmp_path):
    from idim_cli.bench import files, machine

    rows = rows_of(["tied"])
    files.write_csv(tmp_path / "a" / "b.csv", bench.COLUMNS, rows, machine.here(HOW.device))
    (read,) = csv.DictReader(io.StringIO((tmp_path / "a" / "b.csv").read_text()))
    assert list(read)[: len(bench.COLUMNS)] == list(bench.COLUMNS)
    assert float(read["to_floor"]) == pytest.approx(rows[0]["to_floor"], rel=1e-4)
    assert (read["times_faster"], read["torch"]) == ("", torch.__version__)
