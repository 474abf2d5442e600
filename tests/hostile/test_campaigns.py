"""The fuzzer and the kill campaign, shortly; their long forms are commands of their own."""

import logging

import fuzz_files
import kill
import pytest

from idim_cli.runs.results import clear_temporaries, sole_writer


@pytest.mark.parametrize("kind", ["recipe", "result", "plan"])
def test_damaged_files_are_met_within_the_limits(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logging.getLogger("idim_cli"), "disabled", True)
    fared, slowest, grown = fuzz_files.fuzz(kind, 300, seed=7)
    assert sum(fared.values()) == 300
    assert len(fared) >= 2
    assert slowest < fuzz_files.SECONDS
    assert grown < fuzz_files.BYTES


@pytest.mark.slow
def test_killed_sweeps_lose_and_double_nothing(tmp_path):
    ended = kill.campaign(tmp_path, 2, seed=1)
    assert sum(ended.values()) >= 2


def test_files_of_killed_writers_are_swept_up(tmp_path):
    (tmp_path / ".result.json.0123abcd.tmp").write_text("{")
    clear_temporaries(tmp_path, seconds=60)
    assert len(list(tmp_path.iterdir())) == 1
    with sole_writer(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == ["log.txt"]
