import pandas as pd

from idim_cli.reports.inputs.section import sections
from idim_cli.thresholds import Options


def test_one_section_for_each_projector_with_names_that_distinguish_them(table):
    found, faults = sections(table)
    assert [section.slug for section in found] == ["tied", "sparse"]
    assert [section.title for section in found] == ["mnist, fc, tied", "mnist, fc, sparse"]
    assert found[0].heading == "mnist, fc, tied, D = 199,210"
    assert {section.performance for section in found} == {"validation accuracy"}
    assert faults == []


def test_options_reach_the_reading(table):
    found, _ = sections(table, Options(baseline="best", rule="first"))
    assert {section.reading.baseline_kind for section in found} == {"best"}
    assert {section.reading.rule for section in found} == {"first"}


def test_swept_keys_enter_title_and_slug(table):
    deep = table.assign(**{"recipe": "r"})
    deep.insert(list(table.columns).index("D"), "model.depth", 3)
    found, _ = sections(pd.concat([deep, deep.assign(**{"model.depth": 4})]))
    assert found[0].title == "mnist, fc, tied, model.depth = 3"
    assert [section.slug for section in found] == [
        "tied-depth-3",
        "sparse-depth-3",
        "tied-depth-4",
        "sparse-depth-4",
    ]


def test_slugs_are_safe_file_names_and_differ(table):
    long = '{"name": "dense/../x", "orthogonal": true' + " " * 100
    swept = table["projector"] != "identity"
    one, two = (table.assign(projector=table["projector"].where(~swept, long + end)) for end in ("}", "]"))
    slugs = [section.slug for section in sections(pd.concat([one, two]))[0]]
    assert len(set(slugs)) == 2
    assert all("/" not in slug and len(slug) < 90 for slug in slugs)


def test_a_foreign_table_is_one_section_named_by_its_source():
    table = pd.DataFrame({"d": [1, 2, 3], "performance": [0.1, 0.5, 0.95]})
    (section,), _ = sections(table, Options(baseline=1.0), "some/where/points.csv")
    assert (section.title, section.slug, section.performance) == ("points", "", "performance")


def test_a_group_that_cannot_be_read_does_not_hide_the_others(table):
    other = table[table["projector"] == "sparse"].assign(dataset="digits")
    found, faults = sections(pd.concat([table, other]))
    assert len(found) == 2
    assert [one.title for one in faults] == ["digits, fc, sparse"]
    assert "direct" in faults[0].problem


def test_groups_that_cannot_be_read_keep_their_runs_and_the_reason(table):
    found, (unread,) = sections(table[table["projector"] == "tied"])
    assert found == []
    assert "direct" in str(unread.error)
    assert len(unread.rows) == (table["projector"] == "tied").sum()
