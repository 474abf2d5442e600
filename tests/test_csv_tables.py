"""CSV tables of other programs and countries."""

import pytest

from idim_cli.core.csv_io import line_of, read_csv
from idim_cli.core.errors import FileError
from idim_cli.core.number_formats import kind


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12", "whole"), ("-1e5", "whole"), ("1 234 567", "whole"), ("0.5", "."), ("0,5", ","),
        ("1e-3", "whole"),
        ("1,234", "either"), ("1.234", "either"), ("0,234", ","), ("1,234.5", "."), ("1.234,5", ","),
        ("1,234,567", "."), ("1.234.567", ","), ("1 234,5", ","), ("1'234.5", "."), ("12,34,56", "words"),
        ("5 %", "whole"), ("27,5%", ","), ("%", "words"), ("5 % of all", "words"),
        ("2026-01-01", "words"), ("", "words"), ("1,2.3,4", "words"), ("v1.2", "words"),
        ("\u0663", "words"), ("0.\u0663", "words"),
    ],
)  # fmt: skip
def test_kinds_of_numbers(text, expected):
    assert kind(text) == expected


@pytest.mark.parametrize(
    ("text", "d", "y"),
    [
        ("d;y\n10;0,5\n1 000;0,95\n", [10, 1000], [0.5, 0.95]),
        ("d;y\n10;,5\n1.000.000;0,95\n", [10, 1000000], [0.5, 0.95]),
        ('d,y\n10,0.5\n"1,200",0.95\n', [10, 1200], [0.5, 0.95]),
        ("d;y\n10;1,234\n20;0,95\n", [10, 20], [1.234, 0.95]),
        ("d\ty\n10\t0,5\n20\t\n", [10, 20], [0.5, None]),
    ],
)
def test_numbers_in_other_writing(tmp_path, text, d, y):
    path = tmp_path / "a.csv"
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        path.write_text(text, encoding=encoding)
        table = read_csv(path)
        assert table["d"].tolist() == d
        assert [None if value != value else value for value in table["y"]] == y


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('d,y\n10,5\n"1,200",9\n', "a.csv:3: column 'd': '1,200' is ambiguous"),
        ("d;y\n10;0,5\n1.200;0,95\n", "a.csv:3: column 'd': '1.200' is ambiguous"),
        ('d,y\n10,"0,5"\n\n20,0.9\n', "column 'y' has two decimal signs: '0,5' .*:2: .* and '0.9' .*:4: "),
        ("d,y, y\n1,2,3\n", "a.csv:1: there are 2 columns 'y'"),
    ],
)
def test_numbers_that_can_be_read_in_two_ways(tmp_path, text, message):
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(FileError, match=message):
        read_csv(path)


def test_percentages_are_shares(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("d;y;z\n10;27 %;0,5\n20;91,5%;0,25\n40;0,95;7 %\n")
    table = read_csv(path)
    assert table["y"].tolist() == pytest.approx([0.27, 0.915, 0.95])
    assert table["z"].tolist() == pytest.approx([0.5, 0.25, 0.07])


@pytest.mark.parametrize(
    "before",
    [
        "sep=;\n",
        '"sep=;"\r\n',
        "# made by hand; in a hurry\n",
        "\n# one\n#two, three, four\nsep=;\n",
        "#\n\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_lines_before_the_header(tmp_path, before, encoding):
    path = tmp_path / "a.csv"
    path.write_text(f"{before}d;y\n10;0,5\n\n20;0,9\n", encoding=encoding)
    table = read_csv(path)
    assert table.to_dict("list") == {"d": [10, 20], "y": [0.5, 0.9]}
    lines = before.count("\n")
    assert [line_of(path, row) for row in (0, 1)] == [lines + 2, lines + 4]
    path.write_text(f"{before}d;y;y\n1;2;3\n", encoding=encoding)
    with pytest.raises(FileError, match=f"a.csv:{lines + 1}: there are 2 columns 'y'"):
        read_csv(path)


def test_a_separator_that_is_told_is_taken(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("sep=,\nd,a;b;c\n10,5\n")
    assert read_csv(path).to_dict("list") == {"d": [10], "a;b;c": [5]}


def test_columns_of_words_stay_as_they_are(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('d,note\n10,"1,5"\n20,see above\n')
    assert read_csv(path)["note"].tolist() == ["1,5", "see above"]


def test_lines_of_rows(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('d,y\n\n1,"a\nb"\n\n2,3\n')
    assert [line_of(path, row) for row in (0, 1)] == [3, 6]
    assert line_of(tmp_path / "absent.csv", 4) == 6
