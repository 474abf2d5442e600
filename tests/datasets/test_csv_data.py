"""CSV files of others as data: read rightly, or refused with the file, the line and the column."""

import re

import pytest

from idim_cli.core.errors import IdimError
from idim_cli.datasets.base import load
from idim_cli.recipe.schema import Component

HEADER = "a,b,label"
ROWS = [f"{k % 7 / 7:.3f},{k % 5 / 5:.3f},{'yes' if k % 2 else 'no'}" for k in range(40)]


def write(folder, rows=ROWS, header=HEADER, name="train", encoding="utf-8"):
    (folder / f"{name}.csv").write_text("\n".join([header, *rows]) + "\n", encoding=encoding)


def read(folder, **params):
    return load(Component(name="hf", params={"path": str(folder), **params}))


def changed(row, cells):
    return [*ROWS[:row], cells, *ROWS[row + 1 :]]


@pytest.mark.parametrize(
    ("row", "cells", "place"),
    [
        (0, ",0.2,no", "train.csv:2: column 'a' is empty"),
        (7, ",0.2,no", "train.csv:9: column 'a' is empty"),
        (7, "0.1,,no", "train.csv:9: column 'b' is empty"),
        (7, "0.1,inf,no", "train.csv:9: column 'b' inf is not a finite number"),
        (7, "0.1,1e300,no", "train.csv:9: column 'b' 1e+300 is not a finite number"),
        (7, "n/a,0.2,no", "train.csv:9: column 'a': 'n/a' is not a number"),
        (7, "0.1,0.2,", "train.csv:9: column 'label': the label is empty"),
        (7, "0.1,0.2, ", "train.csv:9: column 'label': the label is empty"),
        (0, "0.1,0.2,", "train.csv:2: column 'label': the label is empty"),
    ],
)
def test_a_gap_is_refused_with_its_place(tmp_path, row, cells, place):
    write(tmp_path, changed(row, cells))
    with pytest.raises(IdimError, match=re.escape(place)):
        read(tmp_path)


def test_a_gap_in_the_test_split_is_refused_with_its_place(tmp_path):
    write(tmp_path)
    write(tmp_path, [",0.5,no", "0.1,0.5,no"], name="test")
    with pytest.raises(IdimError, match=r"test.csv:2: column 'a' is empty"):
        read(tmp_path).test()


def test_the_line_is_counted_over_empty_lines_and_over_several_files(tmp_path):
    write(tmp_path, name="train-1")
    write(tmp_path, ["0.1,0.2,no", "", '0.1,0.3,"no"', "0.1,,no"], name="train-2")
    with pytest.raises(IdimError, match=r"train-2.csv:5: column 'b' is empty"):
        read(tmp_path)


def test_words_that_mean_nothing_elsewhere_are_classes(tmp_path):
    write(tmp_path, [row.replace("yes", "NA").replace("no", "None") for row in ROWS])
    assert read(tmp_path).classes == 2


def test_labels_lose_the_spaces_around_them(tmp_path):
    write(tmp_path, changed(7, "0.1,0.2,yes "))
    assert read(tmp_path).classes == 2


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_encodings_and_separators(tmp_path, encoding, separator):
    rows = [row.replace(",", separator) for row in ROWS]
    write(tmp_path, rows, HEADER.replace(",", separator), encoding=encoding)
    data = read(tmp_path)
    assert data.train.x[6].tolist() == pytest.approx([0.857, 0.2])


def test_decimal_commas_and_thousands(tmp_path):
    rows = [row.replace(",", ";").replace(".", ",") for row in ROWS]
    write(tmp_path, ["0,5;1.234,5;no", *rows[1:]], HEADER.replace(",", ";"))
    assert read(tmp_path).train.x[0].tolist() == [0.5, 1234.5]
    write(tmp_path, ['0.5,"1,234.5",no', *ROWS[1:]])
    assert read(tmp_path).train.x[0].tolist() == [0.5, 1234.5]


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        (",a,b,label", [f"{k},{row}" for k, row in enumerate(ROWS)]),
        (",a,b,label", [f"{(7 * k) % 40},{row}" for k, row in enumerate(ROWS)]),
        ("id,a,b,label", [f"{k + 1},{row}" for k, row in enumerate(ROWS)]),
        ("t,a,b,label", [f"{k},{row}" for k, row in enumerate(ROWS)]),
    ],
)
def test_a_column_that_counts_the_rows_is_no_feature(tmp_path, header, rows):
    write(tmp_path, rows, header)
    write(tmp_path, rows[:3], header, name="test")
    data = read(tmp_path)
    assert (data.shape, data.test().x.shape) == ((2,), (3, 2))
    name = header.partition(",")[0] or "Unnamed: 0"
    assert f"columns left out, as they only count the rows: {name}" in data.warnings
    assert data.warnings[0] in data.notes
    if name != "Unnamed: 0":
        assert read(tmp_path, features=[name, "a"]).train.x[5].tolist() == pytest.approx(
            [float(rows[5].split(",")[0]), 0.714]
        )


def test_columns_of_words_and_without_content_are_left_out_and_named(tmp_path):
    write(tmp_path, [f"{row},x{k % 3}," for k, row in enumerate(ROWS)], f"{HEADER},colour,")
    data = read(tmp_path)
    assert data.shape == (2,)
    assert data.warnings == (
        "columns left out, as they hold words: colour",
        "columns left out, as they are empty: Unnamed: 4",
    )


def test_the_test_split_has_the_columns_of_the_training_split(tmp_path):
    write(tmp_path)
    write(tmp_path, ["0.1,no"], "a,label", name="test")
    with pytest.raises(IdimError, match="there is no column 'b'"):
        read(tmp_path).test()
    write(tmp_path, ["0.2,x,0.1,no"], "b,c,a,label", name="test")
    assert read(tmp_path).test().x[0].tolist() == pytest.approx([0.1, 0.2])


def test_no_library_is_needed_for_csv(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "datasets", None)
    write(tmp_path)
    assert read(tmp_path).shape == (2,)


def test_text_that_is_not_utf_8_is_refused_with_its_line(tmp_path):
    write(tmp_path, changed(7, "0.1,0.2,caf\xe9"), encoding="latin-1")
    with pytest.raises(IdimError, match=r"train.csv:9: the text is not UTF-8"):
        read(tmp_path)


def test_rows_sorted_by_class_are_held_out_from_each_class(tmp_path):
    write(tmp_path, sorted(ROWS, key=lambda row: row.rpartition(",")[2]))
    data = read(tmp_path)
    assert data.validation.y.tolist() == [0, 0, 1, 1]
    assert (data.train.y.bincount().tolist(), len(data.warnings)) == ([18, 18], 1)
    assert "the last of each class, 4 of 40" in data.warnings[0]
