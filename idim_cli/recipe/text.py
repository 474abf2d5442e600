"""From YAML text to plain values with the place of each, within limits against mistakes and attacks."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from idim_cli.core import bounded_io
from idim_cli.core.errors import Fault, FileError, RecipeError
from idim_cli.recipe.source import KeyPath, Place, SourceMap, show
from idim_cli.recipe.syntax import syntax_fault

# Far above any real recipe: they bound the time and memory of a mistake or an attack.
MAX_BYTES = 2**20
MAX_NODES = 20_000  # entries, each use of an alias counted in full: a few lines of them expand to billions
MAX_DEPTH = 40  # levels: reading recurses
MAX_KEY = 1000  # letters: places are kept by the full path of a key
MAX_DIGITS = 3000  # of a whole number; Python writes no more than 4300

_MERGE = "<<"

_TAG = "tag:yaml.org,2002:"
_NUMBER = r"[0-9]+(?:_[0-9]+)*"
# YAML 1.2's plain scalars (so `1e-3` is a number, `on` and `no` are text), and Python's 10_000.
_PLAIN = [
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", rf"[-+]?{_NUMBER}|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "float",
        rf"[-+]?(?:\.[0-9]+|{_NUMBER}(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
]


def _resolvers() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    table: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    for tag, pattern, firsts in _PLAIN:
        for first in firsts:
            table.setdefault(first, []).append((_TAG + tag, re.compile(rf"(?:{pattern})\Z")))
    return table


def _error(mark: Any, message: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=message, problem_mark=mark)


class Loader(yaml.SafeLoader):
    """Composes nodes within `MAX_NODES` and `MAX_DEPTH`, aliases counted as often as they are used."""

    # PyYAML's own follow YAML 1.1, where `1e-3` is text and `on` is true.
    yaml_implicit_resolvers = _resolvers()

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._count = self._depth = 0
        self._sizes: dict[int, int] = {}

    def fetch_more_tokens(self) -> None:
        """Scan the next tokens; MarkedYAMLError for an escape that Python cannot convert."""
        try:
            super().fetch_more_tokens()
        except (ValueError, OverflowError):
            message = "an escape beyond U+10FFFF (no character), or a number too long"
            raise _error(self.get_mark(), message) from None

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Compose the next node; MarkedYAMLError beyond the limits."""
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]
        before = self._count
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _error(event.start_mark, f"nested more than {MAX_DEPTH} levels deep")
        node = super().compose_node(parent, index)
        self._depth -= 1
        self._count += 1
        if isinstance(event, yaml.AliasEvent):
            # A node has its size when it is complete, so an alias inside it finds none.
            if id(node) not in self._sizes:
                raise _error(event.start_mark, f"the alias *{event.anchor} contains itself")
            self._count += self._sizes[id(node)]
        self._sizes[id(node)] = self._count - before
        if self._count > MAX_NODES:
            raise _error(event.start_mark, f"more than {MAX_NODES} entries, aliases included")
        return node


class Dumper(yaml.SafeDumper):
    """Writes YAML that `Loader` reads back unchanged."""

    yaml_implicit_resolvers = _resolvers()

    def ignore_aliases(self, data: Any) -> bool:
        """Write repeated objects out in full."""
        return True

    def represent_str(self, data: str) -> yaml.ScalarNode:
        """Text, in double quotes if it has line breaks or other control characters."""
        # PyYAML's other styles change some of them.
        plain = data.isprintable() and data != _MERGE
        return self.represent_scalar(f"{_TAG}str", data, style=None if plain else '"')


Dumper.add_representer(str, Dumper.represent_str)


class Document(NamedTuple):
    """Plain values, their places, and faults that did not stop the reading (duplicate keys)."""

    value: Any
    source: SourceMap
    faults: list[Fault]


def read(path: Path) -> str:
    """The text of a recipe file; FileError if it cannot be read, RecipeError if too large or not UTF-8."""
    if path.is_dir():
        raise FileError(f"{path} is a directory, not a recipe")
    try:
        data = bounded_io.read_bytes(path, MAX_BYTES)
    except bounded_io.TooLargeError:
        raise RecipeError([Fault(str(path), 0, 0, "", "larger than 1 MiB, so not a recipe")]) from None
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        fault = Fault(str(path), line, 0, "", "not UTF-8 text", "save the recipe as UTF-8")
        raise RecipeError([fault]) from None


def parse(text: str, file: str) -> Document:
    """Read one YAML document; RecipeError, with the place, for text that is not YAML."""
    try:
        loader = Loader(text)
        node = loader.get_single_node()
    except yaml.YAMLError as error:
        raise RecipeError([syntax_fault(error, text, file)]) from None
    reader = _Reader(file)
    value = None if node is None else reader.value(node, ())
    reader.source.values.setdefault("", Place(file, 1, 1))
    return Document(value, reader.source, reader.faults)


class _Reader:
    """Converts the nodes of one document to plain values."""

    def __init__(self, file: str) -> None:
        self.source = SourceMap(file)
        self.faults: list[Fault] = []

    def value(self, node: yaml.Node, path: KeyPath) -> Any:
        self.source.values[show(path)] = self._place(node)
        if len(path) > MAX_DEPTH:
            return self._fault(node, path, f"nested more than {MAX_DEPTH} levels deep")
        if node.tag not in _KNOWN_TAGS:
            return self._fault(node, path, f"the tag {node.tag} is not used in recipes")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(child, (*path, i)) for i, child in enumerate(node.value)]
        return self._scalar(node, path)

    def _scalar(self, node: yaml.Node, path: KeyPath) -> Any:
        try:
            return _SCALARS[node.tag.removeprefix(_TAG)](_text(node.value))
        except UnicodeDecodeError:
            return self._fault(node, path, _HALF)
        except (KeyError, ValueError):
            return self._fault(node, path, f"cannot be read as {node.tag.removeprefix(_TAG)}")

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        """The node's own keys, then the merged keys that it does not have itself."""
        found: dict[str, Any] = {}
        merges: list[yaml.Node] = []
        for key_node, value_node in node.value:
            if _merges(key_node):
                merges.append(value_node)
            elif (key := self._key(key_node, path)) in found:
                first = self.source.keys[show((*path, key))].line
                self._fault(key_node, (*path, key), f"duplicate key, first given on line {first}")
            elif key is not None:
                found[key] = self._entry(key_node, value_node, (*path, key))
        # Last: own keys win over merged ones, wherever the merge key is written.
        for merged in merges:
            self._merge(merged, path, found)
        return found

    def _entry(self, key_node: yaml.Node, value_node: yaml.Node, path: KeyPath) -> Any:
        self.source.keys[show(path)] = self._place(key_node)
        return self.value(value_node, path)

    def _key(self, node: yaml.Node, path: KeyPath) -> str | None:
        """The text of a key; None, with a fault, if it is not text."""
        if not isinstance(node, yaml.ScalarNode) or node.tag not in _KNOWN_TAGS:
            fault = "a key should be plain text"
        elif len(node.value) > MAX_KEY:
            fault = f"a key of more than {MAX_KEY} letters"
        else:
            try:
                return _text(node.value)
            except UnicodeDecodeError:
                fault = f"a key with {_HALF}"
        self._fault(node, path, fault)
        return None

    def _merge(self, node: yaml.Node, path: KeyPath, found: dict[str, Any]) -> None:
        """Add to `found` the keys that `<<` merges: of a mapping, or of several, the first of which wins."""
        if isinstance(node, yaml.SequenceNode) and node.value:
            for child in node.value:
                self._merge(child, path, found)
        elif isinstance(node, yaml.MappingNode):
            for key_node, value_node in node.value:
                key = None if _merges(key_node) else self._key(key_node, path)
                if key is not None and key not in found:
                    found[key] = self._entry(key_node, value_node, (*path, key))
            for key_node, value_node in node.value:
                if _merges(key_node):
                    self._merge(value_node, path, found)
        else:
            self._fault(node, (*path, _MERGE), "only mappings can be merged, such as <<: *name")

    def _place(self, node: yaml.Node) -> Place:
        return Place(self.source.file, node.start_mark.line + 1, node.start_mark.column + 1)

    def _fault(self, node: yaml.Node, path: KeyPath, message: str) -> None:
        self.faults.append(Fault(*self._place(node), show(path), message))


def _merges(key: yaml.Node) -> bool:
    """Whether a key is YAML's merge key; in quotes it is an ordinary key."""
    return isinstance(key, yaml.ScalarNode) and key.value == _MERGE and key.style is None


def _text(written: str) -> str:
    """Text with pairs of surrogates joined to characters; UnicodeDecodeError for a lone surrogate."""
    # JSON escapes a character beyond U+FFFF as two surrogates, and JSON is read as YAML.
    return written.encode("utf-16-le", "surrogatepass").decode("utf-16-le")


def _int(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError("too many digits")
    return int(text, {"0x": 16, "0o": 8}.get(text[:2], 10))


def _float(text: str) -> float:
    # YAML writes .inf and .nan, Python inf and nan.
    return float(text.lower().replace(".i", "i").replace(".n", "n"))


_SCALARS: dict[str, Callable[[str], Any]] = {
    # Other texts can come with an explicit tag, such as `!!null 3`: KeyError.
    "null": dict.fromkeys(("~", "null", "Null", "NULL", "")).__getitem__,
    "bool": lambda text: {"true": True, "false": False}[text.lower()],
    "int": _int,
    "float": _float,
    "str": str,
}
_HALF = "half a character (a lone surrogate)"
_KNOWN_TAGS = {_TAG + name for name in (*_SCALARS, "seq", "map")}
