"""The parameters of a class or function, read from the text of its file: nothing is imported or run.

The text may be untrusted. Annotations are therefore not evaluated but translated, from the names of the
standard library that mean something in a recipe; anything else there is read as any value.
"""

from __future__ import annotations

import ast
import functools
import operator
import re
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from idim_cli.core import bounded_io, code_files
from idim_cli.core.code_files import CodeLocation
from idim_cli.core.errors import ComponentError, FileError

if typing.TYPE_CHECKING:
    import pydantic

Node = ast.ClassDef | ast.FunctionDef

#: The annotation of a parameter that names code of the user's, ``module:callable`` or ``./file.py:callable``.
Code = str
_CODE = "Code"
_MOST = 2**20  # bytes of a file that is parsed: larger ones are generated
_HOPS = 8  # imports from a name to its definition: torch needs one, packages few; cycles end here
_TYPES = {
    **{kind.__name__: kind for kind in (bool, dict, float, int, list, set, str, tuple)},
    **{name: getattr(typing, name) for name in ("Any", "Dict", "List", "Tuple")},
    "Sequence": Sequence,
    "Mapping": Mapping,
    "Iterable": Iterable,
    "Callable": Callable,
    "Path": Path,
    _CODE: str,
}


@dataclass(frozen=True)
class Parameter:
    """One parameter: its type for pydantic, its default and its description.

    `default` is ``...`` for a required parameter, and None if the default is no literal.
    """

    name: str
    annotation: Any
    default: Any
    description: str | None
    is_keyword_only: bool
    is_code: bool


@dataclass(frozen=True, eq=False)  # by identity, so that what is made of it can be kept
class Signature:
    """What a class or function takes.

    Attributes:
        parameters: those that can be given by name, in order.
        summary: first line of the docstring.
        is_whole: whether there are no others: no ``**rest``, no inherited ``__init__``, no decorator.
    """

    parameters: tuple[Parameter, ...]
    summary: str
    is_whole: bool


@functools.cache  # what is installed stays as it is, and a sweep's check asks thousands of times
def of(module: str, attribute: str) -> Signature:
    """The signature of what an installed module defines; ComponentError if it does not."""
    where = code_files.location(module)
    if where is None:
        raise ComponentError(f"no module {module!r} for component '{module}:{attribute}'")
    node = _defined(where, attribute)
    if node is None:
        raise ComponentError(f"{module} does not define {attribute!r} at its top level")
    return _signature(node)


def of_code(name: str) -> Signature | None:
    """The signature of ``module:callable`` or ``./file.py:callable``; None where it cannot be read."""
    where, _, attribute = name.rpartition(":")
    found = code_files.place(where)
    try:
        node = None if found is None else _defined(found, attribute)
    except ComponentError:  # importing it reports the error
        return None
    return None if node is None else _signature(node)


def definitions(path: Path) -> list[str]:
    """The public functions and classes at the top level of a file; none if it cannot be read."""
    try:
        found = [node.name for node in _body(path) if isinstance(node, Node)]
    except ComponentError:
        return []
    return [name for name in found if not name.startswith("_")]


def imported_classes(module: str) -> list[str]:
    """The names of classes, by their capital letter, that an installed package imports to its top level."""
    where = code_files.location(module)
    body = () if where is None else _body(where.path)
    names = (alias.name for node in body if isinstance(node, ast.ImportFrom) for alias in node.names)
    return sorted(name for name in names if name[0].isupper())


def _defined(where: CodeLocation, attribute: str, hops: int = _HOPS) -> Node | None:
    """The definition that a module has at its top level, or imports from another one."""
    for node in _body(where.path):
        if isinstance(node, Node) and node.name == attribute:
            return node
        if isinstance(node, ast.ImportFrom) and hops:
            taken = [alias.name for alias in node.names if (alias.asname or alias.name) == attribute]
            other = code_files.imported_from(where, node) if taken else None
            if other is not None:
                return _defined(other, taken[0], hops - 1)
    return None


def _body(path: Path) -> Sequence[ast.stmt]:
    try:
        return _parsed(bounded_io.read_bytes(path, _MOST))
    except (OSError, ValueError, FileError, SyntaxError, MemoryError, RecursionError) as error:
        raise ComponentError(f"{path} cannot be read as Python: {error}") from error


@functools.lru_cache(maxsize=64)  # by content: a file may be edited while a program runs
def _parsed(text: bytes) -> list[ast.stmt]:
    return ast.parse(text).body


@functools.lru_cache(maxsize=256)
def _signature(node: Node) -> Signature:
    about = ast.get_docstring(node) or ""
    described = _described(about)
    inits = [one for one in getattr(node, "body", ()) if isinstance(one, ast.FunctionDef)]
    init = next((one for one in inits if one.name == "__init__"), None)
    made = node if isinstance(node, ast.FunctionDef) else init
    is_whole = not node.decorator_list
    if made is None:  # a class without an __init__ takes nothing, or what its base takes
        return Signature((), about.partition("\n")[0], is_whole and not getattr(node, "bases", ()))
    found = tuple(_parameter(*one, described) for one in _arguments(made.args, made is not node))
    whole = is_whole and made.args.kwarg is None and not made.decorator_list
    return Signature(found, about.partition("\n")[0], whole)


def _arguments(given: ast.arguments, is_method: bool) -> Iterator[tuple[ast.arg, ast.expr | None, bool]]:
    """Each argument that has a name, its default, and whether it is keyword-only."""
    plain = [*given.posonlyargs, *given.args]
    missing: list[ast.expr | None] = [None] * (len(plain) - len(given.defaults))
    pairs = list(zip(plain, [*missing, *given.defaults], strict=True))
    yield from ((argument, default, False) for argument, default in pairs[is_method:])
    yield from ((a, default, True) for a, default in zip(given.kwonlyargs, given.kw_defaults, strict=True))


def _parameter(
    argument: ast.arg, default: ast.expr | None, is_keyword_only: bool, described: Mapping[str, str]
) -> Parameter:
    try:
        annotation = Any if argument.annotation is None else _type(argument.annotation)
    except Exception:  # an annotation may be any expression; one that is not understood allows every value
        annotation = Any
    try:
        value = ... if default is None else ast.literal_eval(default)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        value = None
    if value is None:  # a default such as `torch.relu`: leaving the parameter out must be valid
        annotation = annotation | None if annotation is not Any else Any
    is_code = argument.annotation is not None and any(
        isinstance(part, ast.Name) and part.id == _CODE for part in ast.walk(argument.annotation)
    )
    return Parameter(argument.arg, annotation, value, described.get(argument.arg), is_keyword_only, is_code)


def _described(docstring: str) -> dict[str, str]:
    """``name: meaning`` under ``Args:``, each meaning in one line."""
    section = re.search(r"^Args:\n((?:    .*\n?|\n)*)", docstring, re.MULTILINE)
    found = re.findall(r"^    (\w+): (.*(?:\n        .*)*)", section[1] if section else "", re.MULTILINE)
    return {name: re.sub(r"\s+", " ", text).replace("``", "`") for name, text in found}


def _type(node: ast.expr) -> Any:
    """An annotation as a type; an error for what it cannot be read as."""
    match node:
        case ast.Constant(value=None):
            return None
        case ast.Name(id=name) | ast.Attribute(value=ast.Name(id="typing"), attr=name):
            return _TYPES[name]
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _union([left, right])
        case ast.Subscript(value=ast.Name(id="Literal"), slice=inner):
            values = ast.literal_eval(inner)
            return Literal[values]
        case ast.Subscript(value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[kind, *more])):
            return Annotated[_type(kind), *map(_limit, more)]
        case ast.Subscript(value=ast.Name(id="Optional"), slice=inner):
            return _type(inner) | None
        case ast.Subscript(value=ast.Name(id="Union"), slice=ast.Tuple(elts=kinds)):
            return _union(kinds)
        case ast.Subscript(value=outer, slice=ast.Tuple(elts=kinds)):
            return _type(outer)[tuple(map(_inner, kinds))]
        case ast.Subscript(value=outer, slice=inner):
            return _type(outer)[_inner(inner)]
    raise ValueError(ast.dump(node))


def _inner(node: ast.expr) -> Any:
    return ... if isinstance(node, ast.Constant) and node.value is ... else _type(node)


def _union(nodes: Iterable[ast.expr]) -> Any:
    """Any of several types; one that no recipe can hold, such as a tensor, is left out."""
    found: list[Any] = []
    for node in nodes:
        try:
            found.append(_type(node))
        except (KeyError, ValueError):
            continue
    if found in ([], [None]):
        raise ValueError("no type of a recipe")
    return functools.reduce(operator.or_, found)


def _limit(node: ast.expr) -> pydantic.fields.FieldInfo:
    """``Field(gt=0)``, with limits that are plain values."""
    import pydantic

    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Field":
        given = {one.arg: _value(one.value) for one in node.keywords if one.arg}
        found: pydantic.fields.FieldInfo = pydantic.Field(**given)
        return found
    raise ValueError(ast.dump(node))


def _value(node: ast.expr) -> Any:
    """A plain value, or a power of two."""
    match node:
        case ast.BinOp(left=ast.Constant(value=2), op=ast.Pow(), right=ast.Constant(value=int(power))):
            return 2 ** min(power, 64)  # the text may be untrusted, and the power any number
    return ast.literal_eval(node)
