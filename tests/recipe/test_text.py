"""YAML text: which value each plain word is, where it stands, and what is refused."""

import contextlib
import time

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from idim_cli.core.errors import FileError, RecipeError
from idim_cli.recipe import text
from idim_cli.recipe.text import MAX_DEPTH, MAX_NODES, Dumper, parse, read

PLAIN = {
    "1e-3": 1e-3,
    "1.5E+2": 150.0,
    ".5": 0.5,
    "5.": 5.0,
    "1_000": 1000,
    "1_000.5": 1000.5,
    "010": 10,
    "0x1F": 31,
    "0o17": 15,
    "-3": -3,
    "+3": 3,
    "true": True,
    "False": False,
    "yes": "yes",
    "no": "no",
    "on": "on",
    "off": "off",
    "null": None,
    "~": None,
    "": None,
    "1:30": "1:30",
    "2020-01-01": "2020-01-01",
    "1e": "1e",
    "1__0": "1__0",
    "'1'": "1",
    "-.inf": float("-inf"),
    ".INF": float("inf"),
    "=": "=",
    "<<": "<<",
    "!!str 1": "1",
}


@pytest.mark.parametrize(("written", "value"), PLAIN.items())
def test_plain_words_are_read_by_yaml_1_2(written, value):
    found = parse(f"a: {written}", "f").value["a"]
    assert found == value
    assert type(found) is type(value)


def test_nan_is_a_number():
    assert parse("a: .nan", "f").value["a"] != parse("a: .NaN", "f").value["a"]


def test_every_key_and_value_has_its_place():
    source = parse("a:\n  b: [1, 22]\nc: x\n", "f").source
    assert source.keys["a.b"] == ("f", 2, 3)
    assert source.values["a.b"] == ("f", 2, 6)
    assert source.values["a.b[1]"] == ("f", 2, 10)
    assert source.keys["c"] == ("f", 3, 1)


def test_duplicate_keys_are_all_found_and_the_first_stays():
    document = parse("a: 1\nb: {c: 1, c: 2}\na: 3\n", "f")
    assert list(map(str, document.faults)) == [
        "f:2:11: b.c: duplicate key, first given on line 2",
        "f:3:1: a: duplicate key, first given on line 1",
    ]
    assert document.value == {"a": 1, "b": {"c": 1}}


SYNTAX = {
    "a:\n\tb: 1": "f:2:1: a tab in the indentation (indent with spaces)",
    "a: 1\n\tb: 2": "f:2:1: a tab in the indentation (indent with spaces)",
    "a: \t1": "f:1:4: a tab where YAML needs spaces (replace the tab by spaces)",
    "a: [1": "f:1:6: a list opened by '[' is not closed (add the missing ',' or ']')",
    "a: {b: 1\nc: 2": "f:2:2: a mapping opened by '{' is not closed (add the missing ',' or '}')",
    "a: b: c": "f:1:5: a ':' that cannot start a value here"
    " (check the indentation, and quote text that holds ': ')",
    "a: 'b": "f:1:6: a quote is not closed (add the closing quote)",
    "a: @b": "f:1:4: text cannot start with this character (quote it)",
    "a: *b": "f:1:4: an alias '*name' without its anchor '&name' (quote text that begins with *)",
    "a: 1\n---\nb: 2": "f:2:1: more than one YAML document (remove everything from the '---' on)",
    "a: 1\nb\nc: 1": "f:3:1: a key without its ':' (write 'key: value')",
    "a:\n  b: 1\n c: 2": "f:3:2: does not line up with the lines above"
    " (check the indentation and the quotes)",
    "a: x\0y": "f:1:5: the character U+0000 is not text (is this a YAML file?)",
    "a: [\n": "f:2:1: a value is missing, or a bracket not closed (quote text with [ ] { } ,)",
    "{a: 1}\nb: 2": "f:2:1: text after the end (check the indentation and the brackets)",
    "a: - 1": "f:1:4: a '- ' that is not allowed here (put each '- ' on a line of its own)",
    'a: "\\q"': "f:1:6: an unknown escape after a backslash (put text with backslashes in 'single quotes')",
    "a: *": "f:1:5: an anchor or alias without a name (quote text that begins with & or *)",
    "a: > b": "f:1:6: text after '|' or '>' (quote text that begins with | or >)",
    "a: &x [1, *x]": "f:1:11: the alias *x contains itself",
    "[" * 100: f"f:1:{MAX_DEPTH + 1}: nested more than {MAX_DEPTH} levels deep",
    "- " * 100: f"f:1:{2 * MAX_DEPTH + 1}: nested more than {MAX_DEPTH} levels deep",
}


@pytest.mark.parametrize(("broken", "fault"), SYNTAX.items())
def test_broken_text_gives_one_clear_fault(broken, fault):
    with pytest.raises(RecipeError) as caught:
        parse(broken, "f")
    assert str(caught.value) == fault


ODD = {
    "a: !!python/object:os.system x": "a: the tag tag:yaml.org,2002:python/object:os.system"
    " is not used in recipes",
    "a: !thing x": "a: the tag !thing is not used in recipes",
    "a: !!int x": "a: cannot be read as int",
    "a: !!bool maybe": "a: cannot be read as bool",
    'a: "\\ud800"': "a: half a character (a lone surrogate)",
    f"a: {'9' * 5000}": "a: cannot be read as int",
    "[1, 2]: 3": "a key should be plain text",
}


@pytest.mark.parametrize(("odd", "fault"), ODD.items())
def test_odd_values_are_faults_with_a_place(odd, fault):
    (found,) = parse(odd, "f").faults
    assert str(found).startswith("f:1:")
    assert str(found).endswith(fault)


def test_aliases_may_be_used():
    assert parse("a: &x {b: 1}\nc: *x", "f").value == {"a": {"b": 1}, "c": {"b": 1}}


@pytest.mark.parametrize("fan_out", [2, 10])
def test_a_bomb_of_aliases_is_refused_at_once(fan_out):
    levels = ["a0: &a0 [x, x]"]
    levels += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * fan_out)}]" for i in range(1, 60)]
    start = time.process_time()
    with pytest.raises(RecipeError, match=f"more than {MAX_NODES} entries"):
        parse("\n".join(levels), "f")
    assert time.process_time() - start < 2


def test_a_ladder_of_aliases_is_too_deep_rather_than_a_recursion_error():
    rungs = ["a0: &a0 [x]", *(f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 120))]
    faults = parse("\n".join(rungs), "f").faults
    assert "levels deep" in str(faults[0])


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0", ":1: not UTF-8 text (save the recipe as UTF-8)"),
        ("näme: x\n".encode("utf-16"), ":1: not UTF-8 text (save the recipe as UTF-8)"),
        (b"a: 1\nb: \xff\n", ":2: not UTF-8 text (save the recipe as UTF-8)"),
        (b"a: 1\n" * 2_000_000, ": larger than 1 MiB, so not a recipe"),
    ],
    ids=["binary", "utf-16", "latin-1", "10 MB"],
)
def test_files_that_are_no_recipes(tmp_path, content, fault):
    path = tmp_path / "r.yaml"
    path.write_bytes(content)
    with pytest.raises(RecipeError) as caught:
        read(path)
    assert str(caught.value) == f"{path}{fault}"


def test_a_big_file_is_not_read_to_its_end(tmp_path):
    path = tmp_path / "sparse.yaml"
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(RecipeError, match="larger than 1 MiB"):
        read(path)


def test_a_byte_order_mark_is_skipped(tmp_path):
    path = tmp_path / "r.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1")
    assert read(path) == "a: 1"


def test_a_directory_is_no_recipe(tmp_path):
    with pytest.raises(FileError, match="is a directory"):
        read(tmp_path)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@settings(deadline=None)
@given(values)
def test_what_is_dumped_reads_back(value):
    written = yaml.dump({"a": value}, Dumper=Dumper, allow_unicode=True)
    document = parse(written, "f")
    assert document.value == {"a": value}
    assert not document.faults


@settings(deadline=None)
@given(
    st.text(st.characters(codec="utf-8"), max_size=60) | st.from_regex(r"([-\[\]{}:,*&!#'\"ab \n\t]){0,40}")
)
def test_any_text_is_read_or_refused_with_a_fault(anything):
    with contextlib.suppress(RecipeError):
        text.parse(anything, "f")
