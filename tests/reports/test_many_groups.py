"""Reports of many groups: figures of each on request alone, and what is never drawn is never read."""

import pandas as pd
import pytest

from idim_cli.reports.page.panels import MOST_DRAWN
from idim_cli.reports.plots.chart import Chart
from idim_cli.reports.report import report
from idim_cli.runs import results


@pytest.fixture
def drawn(monkeypatch):
    """The names of what was drawn, which takes no time."""
    names = []
    monkeypatch.setattr(Chart, "files", lambda self, *form: names.append(self.slug) or {"png": b""})
    monkeypatch.setattr(Chart, "inline", lambda self: names.append(self.slug) or "<svg></svg>")
    return names


@pytest.fixture
def many(table, tmp_path):
    """A file of more groups than are drawn unasked, each of two projectors."""
    at = list(table.columns).index("D")
    parts = []
    for width in range(MOST_DRAWN // 2 + 1):
        parts.append(table.assign(recipe="r"))
        parts[-1].insert(at, "model.width", width)
    path = tmp_path / "many.csv"
    pd.concat(parts).to_csv(path, index=False)
    return path


def test_many_groups_are_drawn_on_request_alone(many, drawn):
    said = []
    made = report(many, many.parent / "out", say=said.append)
    assert not [name for name in drawn if "width" in name]
    groups = 2 * (MOST_DRAWN // 2 + 1)
    (message,) = said
    assert message.startswith(f"{groups} groups")
    assert "`--figures`" in message
    page = made.page.read_text()
    assert 'drawn with <code class="short">--figures</code>' in page
    assert page.count('class="missing"></p>') == 0
    assert "idim report" in page
    report(many, many.parent / "out", figures=True)
    assert len([name for name in drawn if "width" in name]) >= groups
    assert "--figures" in made.page.read_text()  # the command that makes the page again


def test_figures_of_few_groups_can_be_left_out(table, tmp_path, drawn):
    table.to_csv(tmp_path / "few.csv", index=False)
    report(tmp_path / "few.csv", tmp_path / "out", figures=False)
    assert {*drawn} == {"mnist-fc-all", "mnist-fc-problems"}  # of all groups together
    report(tmp_path / "few.csv", tmp_path / "out")
    assert drawn


def test_learning_curves_that_are_not_drawn_are_not_read(many, drawn, monkeypatch):
    monkeypatch.setattr(results, "metrics", lambda folder: pytest.fail("metrics.csv was read"))
    report(many, many.parent / "out")
