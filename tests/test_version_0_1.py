"""Run folders, tables, checkpoints and compressed files that version 0.1 made are read as they were."""

import json
import shutil
from pathlib import Path

import pytest

import idim_cli
from idim_cli.compression import expand
from idim_cli.recipe.load import load
from idim_cli.runs.plan import plan, single
from idim_cli.training.prepare import Where
from idim_cli.training.run import run

HERE = Path(__file__).parent / "v01"
CPU = Where(device="cpu")


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(HERE / "small", tmp_path / "out" / "small")


def results(folder):
    return {path.parent.name: json.loads(path.read_text()) for path in folder.glob("runs/*/result.json")}


def test_the_same_recipe_asks_for_the_same_runs():
    assert {run.run_id for run in plan(HERE / "small.yaml")} == results(HERE / "small").keys()


def test_a_finished_sweep_is_read_and_nothing_is_trained_again(folder):
    before = {path: path.stat().st_mtime_ns for path in folder.glob("runs/*/*")}
    done = idim_cli.sweep(HERE / "small.yaml", folder.parent, where=CPU)
    assert {path: path.stat().st_mtime_ns for path in folder.glob("runs/*/*")} == before
    summary = json.loads((HERE / "small" / "summary.json").read_text())
    for estimate, then in zip(done.estimates, summary["estimates"], strict=True):
        now = estimate.reading
        assert (now.value, now.low, now.high, now.level) == (
            then["value"], then["low"], then["high"], then["level"],
        )  # fmt: skip


@pytest.mark.parametrize("where", ["small", "small/results.csv"])
def test_its_reading_is_what_it_was(where):
    (estimate,) = idim_cli.threshold(HERE / where)
    (then,) = json.loads((HERE / "small" / "summary.json").read_text())["estimates"]
    assert (estimate.reading.value, estimate.reading.low) == (then["value"], then["low"])


def test_its_runs_come_out_the_same_today(tmp_path):
    then = results(HERE / "small")
    for one in plan(HERE / "small.yaml"):
        if one.recipe.d in (20, None):
            now = run(one, tmp_path / one.run_id, where=CPU)
            known = then[one.run_id]
            for key in ("performance", "curve", "D", "config", "origin", "performance_start", "chance"):
                assert now[key] == known[key], key


def test_an_interrupted_run_goes_on_to_the_same_result(tmp_path):
    one = single(load(HERE / "small.yaml", ["d=30", "training.performance=best"]).recipe)
    shutil.copytree(HERE / "stopped", tmp_path / one.run_id)
    now = run(one, tmp_path / one.run_id, where=CPU)
    then = json.loads((HERE / "whole" / "result.json").read_text())
    assert "resumes at step 32 of 60" in (tmp_path / one.run_id / "log.txt").read_text()
    assert (now["performance"], now["curve"], now["epoch"]) == (
        then["performance"], then["curve"], then["epoch"],
    )  # fmt: skip


def test_a_checkpoint_and_a_compressed_file_score_and_expand(tmp_path):
    record = json.loads((HERE / "small.idim.json").read_text())
    score = idim_cli.evaluate(HERE / "small.idim")
    assert score.metrics["accuracy"] == pytest.approx(record["performance"])
    shutil.copy(HERE / "small.idim", tmp_path)
    assert expand.write(tmp_path / "small.idim").path.exists()
    (checkpoint,) = (HERE / "small").glob("runs/tied-d40-s0.0.0-*/checkpoint.safetensors")
    then = json.loads((checkpoint.parent / "result.json").read_text())
    assert idim_cli.evaluate(checkpoint).metrics["accuracy"] == then["performance"]


def test_a_report_of_it_can_be_made(folder, tmp_path):
    made = idim_cli.report([folder], out=tmp_path / "page")
    assert made.page.exists()
