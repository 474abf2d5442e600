"""A report of chosen rows and columns, as `idim threshold` chooses them."""

import pytest
from typer.testing import CliRunner

from idim_cli.cli.app import app
from idim_cli.reports.inputs.collect import collect
from idim_cli.reports.page import reproduce
from idim_cli.thresholds.selection import Selection


@pytest.fixture
def export(tmp_path):
    """Runs of two networks, as MLflow exports them."""
    rows = [
        f"{d},{seed},{score - shift},FINISHED,{net}"
        for net, shift in (("a", 0.0), ("b", 0.05))
        for d, scores in {10: (0.3, 0.32), 20: (0.6, 0.61), 40: (0.95, 0.94), 0: (1.0, 0.99)}.items()
        for seed, score in enumerate(scores)
    ]
    path = tmp_path / "runs.csv"
    path.write_text("\n".join(["params.d,params.seed,metrics.acc,status,params.net", *rows]))
    return path


def test_rows_columns_and_groups(export):
    chosen = Selection({"seed_projector": "seed"}, {"net": ["a", "b"]}, ["net"])
    found = collect([export], None, chosen)
    assert [one.section.group for one in found.entries] == [{"net": "a"}, {"net": "b"}]
    assert {one.section.reading.seeds for one in found.entries} == {"P (2 values)"}
    assert found.notes == (f"{export}: column 'acc' is read as performance",)
    only = collect([export], None, Selection(where={"net": ["b"]}))
    assert [one.section.reading.baseline for one in only.entries] == [pytest.approx(0.945)]


def test_the_command_that_makes_the_report_again_has_them(export, tmp_path):
    chosen = Selection({"seed_projector": "seed"}, {"net": ["a"]}, ["net"])
    found = collect([export], None, chosen)
    words = ["--column", "seed_projector=seed", "--where", "net=a", "--group-by", "net"]
    read, made = reproduce.commands(found, tmp_path, reproduce.given(None, {}, None, None, chosen))
    for line in (read, made):
        assert line.endswith(" ".join(words))


def test_report_and_threshold_share_their_options(export, tmp_path):
    options = ["--column", "seed_projector=seed", "--where", "net=a", "--group-by", "net"]
    for verb, more in (("threshold", []), ("report", ["--out", str(tmp_path / "out")])):
        done = CliRunner().invoke(app, [verb, str(export), *options, *more])
        assert done.exit_code == 0, done.output
        assert "net" in done.stdout
        assert "0.9950" in done.stdout  # the baseline of a alone
    wrong = CliRunner().invoke(app, ["report", str(export), "--where", "net"])
    assert "--where must be NAME=VALUE" in str(wrong.exception)
