"""Damaged files are read or refused: a short run of fuzz.py, whose long one is by hand."""

import random

import fuzz
import pytest

from idim_cli.compression.format import container
from idim_cli.core.errors import FileError, IdimError, RunError


@pytest.fixture(autouse=True)
def apart():
    with fuzz.apart():
        yield


def test_some_thousand_damaged_files():
    report = fuzz.fuzz(3000, seed=1)
    assert sum(report.fared.values()) == 3000
    fared = report.as_dict()
    # They reach far enough: networks are built, and refusals are of many kinds.
    assert min(fared[way] for way in ("grown", "read", "refused")) > 50
    assert fared["kinds"] > 20


def test_a_run_can_be_repeated():
    first, again = (random.Random(5) for _ in range(2))
    seeds = fuzz.starts()
    assert [fuzz.mutate(first, seeds) for _ in range(50)] == [fuzz.mutate(again, seeds) for _ in range(50)]


def test_the_corpus_is_small():
    files = list((fuzz.HERE / "corpus").glob("*.idim"))
    assert 10 < len(files) < 60
    assert sum(path.stat().st_size for path in files) < 100_000


def test_what_is_met_in_a_wrong_way_is_reported(monkeypatch):
    # Errors that are no refusal, another spelling, code that runs, and too much time.
    data = fuzz.starts()[0]

    def failing(error):
        def unpack(data):
            raise error

        return unpack

    for error in (ValueError("odd"), SystemExit("was run"), MemoryError(), IdimError("?"), RunError("?")):
        monkeypatch.setattr(container, "unpack", failing(error))
        with pytest.raises(AssertionError, match=f"--replay {data.hex()}"):
            fuzz.met(data, False, fuzz.Report())
    monkeypatch.setattr(container, "unpack", failing(FileError("cut")))
    fuzz.met(data, False, fuzz.Report())
    monkeypatch.setattr(fuzz, "SECONDS", -1.0)
    with pytest.raises(AssertionError, match="for one file"):
        fuzz.met(data, False, fuzz.Report())
    monkeypatch.undo()
    other = container.pack(container.unpack(fuzz.starts()[1]))
    monkeypatch.setattr(container, "pack", lambda content: other)
    with pytest.raises(AssertionError, match=r"written again|two spellings"):
        fuzz.met(data, False, fuzz.Report())
