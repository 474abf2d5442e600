"""Damaged checkpoints are read or refused: a short run of fuzz_checkpoints.py, whose long one is by hand."""

import random

import fuzz
import fuzz_checkpoints
import pytest

from idim_cli.compression import from_checkpoint


@pytest.fixture(autouse=True)
def apart():
    with fuzz.apart():
        yield


def test_some_hundred_damaged_checkpoints():
    report = fuzz_checkpoints.run(400, seed=1)
    fared = report.as_dict()
    assert min(fared[way] for way in ("grown", "read", "refused")) > 10
    assert fared["kinds"] > 20


def test_those_that_it_begins_with_are_sound():
    for data in fuzz_checkpoints.starts():
        assert fuzz_checkpoints.examine(data, build=True) == "grown"
        assert fuzz_checkpoints.examine(fuzz_checkpoints.sealed(data), build=True) == "grown"
        assert fuzz_checkpoints.whole(*fuzz_checkpoints.parts(data))[-8:] == data[-8:]


def test_what_is_met_in_a_wrong_way_is_reported(monkeypatch):
    data, how = fuzz_checkpoints.starts()[0], fuzz_checkpoints.examine
    monkeypatch.setattr(fuzz, "BYTES", -1)
    with pytest.raises(AssertionError, match="of memory for one file"):
        fuzz.met(data, False, fuzz.Report(), how)
    monkeypatch.undo()

    def failing(path):
        raise KeyError("odd")

    monkeypatch.setattr(from_checkpoint, "read", failing)
    with pytest.raises(AssertionError, match=f"KeyError: 'odd'\n--replay {data.hex()}"):
        fuzz.met(data, False, fuzz.Report(), how)


def test_a_run_can_be_repeated():
    first, again = (random.Random(5) for _ in range(2))
    seeds = list(fuzz_checkpoints.starts())
    made = [fuzz_checkpoints.mutate(first, seeds) for _ in range(30)]
    assert made == [fuzz_checkpoints.mutate(again, seeds) for _ in range(30)]
