"""PyYAML's syntax errors in plain words."""

from __future__ import annotations

import yaml

from idim_cli.core.errors import Fault

# Beginning of PyYAML's message -> message and hint. The first that fits counts: "found character" is last.
_WORDS = {
    "found character '\\t'": ("a tab where YAML needs spaces", "replace the tab by spaces"),
    "mapping values are not allowed": (
        "a ':' that cannot start a value here",
        "check the indentation, and quote text that holds ': '",
    ),
    "could not find expected ':'": ("a key without its ':'", "write 'key: value'"),
    "expected <block end>": ("does not line up with the lines above", "check the indentation and the quotes"),
    "expected ',' or ']'": ("a list opened by '[' is not closed", "add the missing ',' or ']'"),
    "expected ',' or '}'": ("a mapping opened by '{' is not closed", "add the missing ',' or '}'"),
    "found unexpected end of stream": ("a quote is not closed", "add the closing quote"),
    "but found another document": ("more than one YAML document", "remove everything from the '---' on"),
    "found undefined alias": ("an alias '*name' without its anchor '&name'", "quote text that begins with *"),
    "expected the node content": ("a value is missing, or a bracket not closed", "quote text with [ ] { } ,"),
    "expected '<document start>'": ("text after the end", "check the indentation and the brackets"),
    "sequence entries are not allowed": (
        "a '- ' that is not allowed here",
        "put each '- ' on a line of its own",
    ),
    "found unknown escape": (
        "an unknown escape after a backslash",
        "put text with backslashes in 'single quotes'",
    ),
    "expected alphabetic or numeric": (
        "an anchor or alias without a name",
        "quote text that begins with & or *",
    ),
    "expected a comment or a line break": ("text after '|' or '>'", "quote text that begins with | or >"),
    "found character": ("text cannot start with this character", "quote it"),
}


def syntax_fault(error: yaml.YAMLError, text: str, file: str) -> Fault:
    """PyYAML's `error` about `text` as a fault in `file`."""
    if isinstance(error, yaml.reader.ReaderError):
        before = text[: error.position]
        line, column = before.count("\n") + 1, error.position - before.rfind("\n")
        character = f"U+{ord(text[error.position]):04X}"
        return Fault(file, line, column, "", f"the character {character} is not text", "is this a YAML file?")
    mark = getattr(error, "problem_mark", None)
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    # PyYAML's message about a tab depends on what comes before it.
    if mark and "\t" in _indentation(text, mark.line):
        return Fault(file, line, 1, "", "a tab in the indentation", "indent with spaces")
    problem = getattr(error, "problem", None) or str(error)
    words = next((ours for theirs, ours in _WORDS.items() if problem.startswith(theirs)), (problem, ""))
    return Fault(file, line, column, "", *words)


def _indentation(text: str, line: int) -> str:
    row = [*text.splitlines(), *[""] * (line + 1)][line]  # an error may be one line after the last
    return row[: len(row) - len(row.lstrip())]
