"""Results folders that are damaged or hostile: a reading of what is sound, or one clear error, soon."""

import csv
import io
import json
import os
import xml.etree.ElementTree
from pathlib import Path

import pytest
from in_process import BYTES, SECONDS, idim, most_bytes, raw
from results_cases import DAMAGES, NASTY, build, first

from idim_cli.runs.results import to_csv

#: Damages that leave nothing to be read, or no baseline; each is one clear error.
UNREADABLE = {
    "all-performances-1e308",
    "all-performances-zero",
    "all-performances-negative",
    "no-runs",
    "plan-of-nothing",
    "recipe-deep",
    "recipe-nuls",
    "recipe-nasty",
}
_LONGEST = 20_000


def _damaged(name):
    folder = build(Path(name))
    DAMAGES[name](folder)
    return str(folder)


def _checked(*arguments, seconds=SECONDS):
    before = most_bytes()
    answer = idim(*arguments)
    assert answer.seconds < seconds
    assert most_bytes() - before < BYTES
    assert "Traceback" not in answer.err
    assert "fault of idim itself" not in answer.err
    assert raw(answer.out + answer.err) == []
    assert len(answer.err) < _LONGEST
    return answer


def test_the_corpus_is_large():
    assert len(DAMAGES) >= 140


@pytest.fixture(autouse=True)
def _empty(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", DAMAGES)
def test_what_is_sound_is_read_and_the_rest_named(name):
    answer = _checked("threshold", _damaged(name), "--json")
    told = json.loads(answer.out)
    if name in UNREADABLE:
        assert (answer.code, told["schema"]) == (2, "idim/error/1")
        return
    assert answer.code in (0, 3)
    values = [one.get("value") for one in told["estimates"]]
    assert any(value is not None and 20 <= value <= 80 for value in values) or name in LESS


#: Damages that make the fields of one result contradict each other, or other runs: the words that tell.
CONTRADICTIONS = {
    "performance-unlike-its-metric": "performance is 0.99, but metrics.validation_accuracy 0.19",
    "performance-unlike-its-curve": "performance is 0.99, but the last of curve 0.19",
    "performance-unlike-its-best": "performance is 0.19, but the best of curve 0.5",
    "accuracy-of-5": "performance is 5, which is no accuracy",
    "accuracy-below-0": "performance is -3, which is no accuracy",
    "chance-above-1": "chance is 1.5, which is no accuracy",
    "metric-without-a-figure": "metrics holds no figure of this metric and split",
    "epoch-beyond-all": "epoch is 3 and epochs 2, with status ok",
    "epoch-before-the-last": "epoch is 1 and epochs 2, with status ok",
    "direct-in-a-subspace": "d is 40 and D 1,000",
    "another-projector": "has another projector than its run",
    "D-unlike-the-others": "has D = 2,000, unlike other runs of its kind",
    "D-below-d": "d is 40 and D 3",
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_a_result_that_contradicts_itself_is_left_out_and_named(name):
    answer = _checked("threshold", _damaged(name), "--json")
    assert answer.err.count(CONTRADICTIONS[name]) == 1
    assert "the run is left out (run the same sweep again: it repeats the run)" in answer.err
    assert json.loads(answer.out)["estimates"][0]["runs"] == 7
    assert "9 of 10 planned runs are done" in answer.err


def test_chance_is_the_same_on_the_same_examples():
    folder = build(Path("chance"))
    for path in (folder / "runs").glob("*/result.json"):
        told = {"chance": 0.1, "origin": {"data": {"validation": "ab12"}}}
        path.write_text(json.dumps(json.loads(path.read_text()) | told))
    assert "warning" not in _checked("threshold", str(folder)).err
    path = first(folder)
    path.write_text(path.read_text().replace('"chance": 0.1', '"chance": 0.99'))
    answer = _checked("threshold", str(folder), "--json")
    assert "has chance = 0.99, unlike other runs of its kind" in answer.err
    assert json.loads(answer.out)["estimates"][0]["runs"] == 7


#: Damages that touch every run, so that another number is right.
LESS = {"all-performances-1e99", "all-performances-tiny"}
DRAWN = [
    name for name in DAMAGES if name.startswith(("nasty-me", "nasty-mo", "nasty-no", "nasty-co", "maths"))
]
DRAWN += ["long-metric", "wide-metric", "models-that-differ", "plan-with-nasty-over", "metric-of-nasty-name"]


@pytest.mark.parametrize("name", DRAWN)
def test_names_are_obeyed_by_nobody(name):
    folder = _damaged(name)
    answer = _checked("report", folder, "--format", "markdown", seconds=10)
    assert answer.code == 0
    page = next(Path(folder).rglob("*.html")).read_text()
    assert raw(page) == []
    assert "<b>$" not in page
    assert "<b>$" not in answer.out
    figures = list(Path(folder).rglob("*.svg"))
    assert figures
    for figure in figures:
        xml.etree.ElementTree.parse(figure)
        assert raw(figure.read_text()) == []


@pytest.mark.parametrize(
    "name", ["nasty-model", "plan-with-nasty-over", "nasty-coords", "models-that-differ"]
)
@pytest.mark.parametrize("form", ["csv", "latex", "table"])
def test_tables_hold_no_commands(name, form):
    answer = _checked("threshold", _damaged(name), "--json")
    assert json.loads(answer.out)["estimates"]
    shown = _checked("report", name, "--format", form, seconds=10)
    assert shown.code == 0
    if form == "latex":
        assert "\\frac" not in shown.out
    if form == "csv":
        rows = list(csv.reader(io.StringIO(shown.out)))
        assert {len(row) for row in rows} == {len(rows[0])}
        assert not [cell for row in rows for cell in row if cell[:1] in ("=", "+", "@")]


def test_cells_that_begin_as_formulas_are_shielded_and_read_back():
    Path("runs.csv").write_text(
        "net,d,performance\n=1+1,10,.5\n=1+1,20,.95\n@x,10,.5\n@x,20,.95\n+y,10,.9\n+y,20,.95\n"
    )
    arguments = ("report", "runs.csv", "--group-by", "net", "--format", "csv", "--baseline", "1")
    rows = list(csv.DictReader(io.StringIO(_checked(*arguments, seconds=10).out)))
    assert {row["net"] for row in rows} == {"'=1+1", "'@x", "'+y"}
    import pandas as pd

    from idim_cli.core.csv_io import read_csv

    frame = pd.DataFrame({"=a": ["=1", "@", "+1", "'=1", "-1", None, "x"], "b": [-1.0, 2, 3, 4, 5, 6, 7]})
    Path("shielded.csv").write_text(to_csv(frame))
    assert Path("shielded.csv").read_text().splitlines()[:2] == ["'=a,b", "'=1,-1.0"]
    again = read_csv(Path("shielded.csv"))
    assert list(again.columns) == ["=a", "b"]
    assert again["=a"].tolist()[:3] == ["=1", "@", "+1"]


@pytest.mark.parametrize("text", [NASTY, "a\u202eb", "\ufdd0", "a\rb", "a\tb"])
def test_a_csv_of_others_is_printable_in_every_column(text):
    with Path("runs.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["net", "d", "performance", text])
        for net in ("a", text.replace("\0", "")):
            writer.writerows([[net, 10, 0.5, text.replace("\0", "")], [net, 20, 0.95, "x"]])
    answer = _checked("threshold", "runs.csv", "--group-by", "net", "--baseline", "1", "--json")
    assert answer.code in (0, 2, 3)
    json.loads(answer.out)


_ENDLESS = {
    "pipe": os.mkfifo,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "loop": lambda path: path.symlink_to(path),
}


@pytest.mark.parametrize("make", _ENDLESS)
@pytest.mark.parametrize(
    "command", ["threshold", "report", "evaluate", "expand", "compress", "recipes check", "sweep", "train"]
)
def test_what_has_no_end_is_no_file(make, command):
    path = Path("x.csv")
    _ENDLESS[make](path)
    answer = _checked(*command.split(), str(path), "--json", seconds=8)
    assert answer.code == 2
    json.loads(answer.out)
