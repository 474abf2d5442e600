import csv
import io
import json

import pandas as pd
import pytest
from rich.console import Console

from idim_cli.reports.inputs.section import sections
from idim_cli.reports.tables import group_table as tables
from idim_cli.thresholds import Options, facts


@pytest.fixture
def found(table):
    return sections(table)[0]


def test_rows_have_the_figures_of_their_runs(found, tied):
    row = next(row for row in tables.rows(found[0]) if row["d"] == 750)
    runs = tied.loc[tied["d"] == 750, "performance"]
    assert row["runs"] == 3
    assert [row[key] for key in ("mean", "sd", "min", "max")] == pytest.approx(
        [runs.mean(), runs.std(), runs.min(), runs.max()]
    )
    assert row["solved"] is True


def test_rows_ascend_and_end_with_the_direct_runs(found):
    rows = tables.rows(found[0])
    assert [row["d"] for row in rows] == [*found[0].reading.d_values, 199_210]
    assert [row["direct"] for row in rows] == [False] * (len(rows) - 1) + [True]
    assert [row["solved"] for row in rows[-4:]] == [False, True, True, None]


def test_a_failed_run_is_not_counted(found):
    assert [row["runs"] for row in tables.rows(found[1])][:2] == [2, 3]


def test_the_sd_of_one_run_is_unknown_not_zero():
    table = pd.DataFrame({"d": [1, 2, 3], "performance": [0.1, 0.5, 0.95]})
    found, _ = sections(table, Options(baseline=1.0), "points.csv")
    assert [row["sd"] for row in tables.rows(found[0])] == [None] * 3
    assert "  1     1  0.1000   -" in tables.text(found)
    assert next(csv.DictReader(io.StringIO(tables.to_csv(found))))["sd"] == ""


def test_direct_runs_of_unknown_size_are_named_all_the_same():
    table = pd.DataFrame({"d": [0, 1, 2, 3], "performance": [0.99, 0.1, 0.5, 0.95]})
    assert tables.text(sections(table, source="points.csv")[0]).endswith(
        "\n  direct     1  0.9900   -  0.9900  0.9900\n"
    )


def test_text_has_headline_and_rows_in_80_columns(found):
    text = tables.text(found)
    assert text.startswith("mnist, fc, tied, D = 199,210\n726 of 199,210 numbers (0.36 %) are enough; ")
    assert text.count("\nvalidation accuracy at each d:\n") == 2
    assert "\n              750     3  0.8864  0.0015  0.8850  0.8880      yes\n" in text
    assert max(map(len, text.splitlines())) <= 80
    assert text.isascii()


def test_terminal_shows_the_same_words(found):
    buffer = io.StringIO()
    tables.terminal(found, Console(file=buffer, width=80, force_terminal=True, color_system=None))
    shown = buffer.getvalue()
    for word in ("mnist, fc, tied, D = 199,210", "d_int90    726, reached", "0.8864", "199210 (direct)"):
        assert word in shown


def test_a_narrow_terminal_gets_fewer_columns_and_whole_numbers(found):
    buffer = io.StringIO()
    tables.terminal(found, Console(file=buffer, width=44, force_terminal=True, color_system=None))
    lines = buffer.getvalue().splitlines()
    (header, *_) = [line.split() for line in lines if line.split()[:2] == ["d", "runs"]]
    assert header == ["d", "runs", "mean", "reached"]
    assert ["750", "3", "0.8864", "yes"] in [line.split() for line in lines]  # no number is broken


def test_markdown_is_a_heading_a_list_and_a_pipe_table(found):
    lines = tables.markdown(found).splitlines()
    assert lines[0] == "## mnist, fc, tied, D = 199,210"
    assert lines[2].startswith("- d_int90: ")
    pipes = [line for line in lines if line.startswith("|")]
    assert {line.count("|") for line in pipes} == {8}
    assert "| 750 | 3 | 0.8864 | 0.0015 | 0.8850 | 0.8880 | yes |" in pipes


def test_markdown_escapes_what_it_would_take_for_markup():
    table = pd.DataFrame({"d": [10, 20, 30], "performance": [0.95, 0.96, 0.97]})
    found, _ = sections(table, Options(baseline=1.0), "a|b")
    assert tables.markdown(found).startswith("## a\\|b\n")
    assert "- d_int90: &lt;= 10; no interval; reached at the smallest d\n" in tables.markdown(found)


def test_csv_repeats_the_reading_in_every_row(found):
    rows = list(csv.DictReader(io.StringIO(tables.to_csv(found))))
    assert len(rows) == sum(len(tables.rows(section)) for section in found)
    assert {(row["projector"], row["d_int"]) for row in rows} == {
        (section.group["projector"], str(section.reading.value)) for section in found
    }
    for column in (
        "d_int_low",
        "d_int_high",
        "d_int100",
        "d_int100_sees",
        "d_int100_test",
        "baseline_kind",
        "fraction",
        "rule",
        "seeds",
        "verdict",
        "next",
    ):
        assert column in rows[0]
    assert float(rows[0]["mean"]) == tables.rows(found[0])[0]["mean"]


def test_as_dict_is_json(found):
    again = json.loads(json.dumps(tables.as_dict(found[0]), allow_nan=False))
    assert again["reading"]["value"] == found[0].reading.value
    assert again["rows"][-1]["direct"] is True


def test_every_form_says_the_same_facts(found):
    told, markdown = facts(found[0].reading), tables.markdown(found[:1])
    assert "d_int100" in told
    text = " ".join(tables.text(found[:1]).split())
    for key, value in told.items():
        assert f"- {key}: {value}".replace("<", "&lt;") in markdown
        assert key == "d_int90" or f"{key} {value}" in text


def test_solved_goes_by_the_centre_of_the_reading():
    table = pd.DataFrame({"d": [1, 1, 1, 2, 2, 2], "performance": [0.1, 0.1, 0.2, 0.95, 0.96, 0.1]})
    for centre, solved in (("mean", False), ("median", True)):
        found, _ = sections(table, Options(baseline=1.0, centre=centre))
        assert tables.rows(found[0])[1]["solved"] is solved
        assert found[0].curve.centre == centre
