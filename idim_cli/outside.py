"""The user's own code by name: ``module:object`` or ``./file.py:object``, calls into it, its digest."""

from __future__ import annotations

import ast
import difflib
import hashlib
import importlib
import importlib.util
import inspect
import symtable
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from idim_cli.errors import ComponentError, IdimError
from idim_cli.registry import did_you_mean


def find(name: str) -> Any:
    """The object called `name`: ``module:object``, or ``path/to/file.py:object`` from the working folder.

    Raises:
        ComponentError: the module, file or object is missing or cannot be imported.
    """
    where, _, attribute = name.rpartition(":")
    module = _from_file(Path(where)) if where.endswith(".py") else _from_module(where)
    if not hasattr(module, attribute):
        raise _no_object(where, attribute, [key for key, value in vars(module).items() if callable(value)])
    return getattr(module, attribute)


def call(
    name: str, function: Callable[..., Any], params: Mapping[str, Any], context: Mapping[str, Any]
) -> Any:
    """Call the outside `function` with the user's `params` and what of `context` its signature names.

    Raises:
        ComponentError: the parameters do not fit its signature, or it raised an error.
    """
    signature = _signature(name, function)
    given = {key: value for key, value in context.items() if key in signature.parameters} | dict(params)
    try:
        signature.bind(**given)
    except TypeError as error:
        raise ComponentError(f"{name}: {error}", f"its signature is {signature}") from error
    return _guarded(name, lambda: function(**given))


def digest(name: str) -> str:
    """A digest of the source file of the object called `name`; empty when there is none to be read.

    Nothing is imported, and what the file itself imports does not count.
    """
    path = source(name)
    try:
        return hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest() if path else ""
    except OSError:
        return ""


def source(name: str) -> Path | None:
    """The file that the object called `name` would be taken from, if it can be told; nothing is imported."""
    where = name.rpartition(":")[0]
    return Path(where) if where.endswith(".py") else _source_of(where)


def look(name: str) -> None:
    """See whether the object called `name` can be found, as far as its source tells; nothing is imported.

    Raises:
        ComponentError: there is no such module or file, it is no Python, or does not define the object.
    """
    where, _, attribute = name.rpartition(":")
    if where.endswith(".py"):
        path = _existing(Path(where))
    elif found := _source_of(where):
        path = found
    elif importlib.util.find_spec(where.partition(".")[0]) is None:
        raise _no_module(where)
    else:
        return
    try:
        names, open_end = _defined(path)
    except (OSError, ValueError, SyntaxError) as error:
        raise ComponentError(f"{where} cannot be read as Python: {error}") from error
    if attribute not in names and not open_end:
        raise _no_object(where, attribute, names)


def _defined(path: Path) -> tuple[set[str], bool]:
    """The names at the top level of a file, and whether it may have others, which its text does not tell."""
    text = path.read_text("utf-8")
    names = {one.get_name() for one in symtable.symtable(text, str(path), "exec").get_symbols()}
    stars = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom))
    return names, "__getattr__" in names or any(node.names[0].name == "*" for node in stars)


def _existing(path: Path) -> Path:
    if not path.is_file():
        near = [str(other) for other in path.parent.glob("*.py")]
        raise ComponentError(f"no file {str(path)!r}", did_you_mean(str(path), near) if near else "")
    return path


def _no_module(where: str) -> ComponentError:
    return ComponentError(f"no module {where!r}", "a file is named with its suffix: ./file.py:object")


def _no_object(where: str, attribute: str, known: Iterable[str]) -> ComponentError:
    names = [key for key in known if key[0] != "_"]
    near = difflib.get_close_matches(attribute, names, n=10, cutoff=0.3)
    return ComponentError(f"{where} has no {attribute!r}", did_you_mean(attribute, near or names[:10]))


def _source_of(module: str) -> Path | None:
    """Where the source of a module lies; found by the paths of the packages above, without importing them."""
    top, *below = module.split(".")
    try:
        spec = importlib.util.find_spec(top) if top else None
        for depth in range(len(below)):
            if spec is None:
                return None
            inside = list(spec.submodule_search_locations or [])
            spec = PathFinder.find_spec(".".join([top, *below[: depth + 1]]), inside)
    except (ImportError, ValueError):  # a module without a spec, such as __main__
        return None
    return Path(spec.origin) if spec is not None and spec.has_location and spec.origin else None


def _signature(name: str, function: object) -> inspect.Signature:
    if not callable(function):
        raise ComponentError(f"{name} is a {type(function).__name__}, not a function or class")
    try:
        return inspect.signature(function)
    except ValueError as error:
        raise ComponentError(f"{name} does not tell its parameters") from error


def _guarded(name: str, action: Callable[[], Any]) -> Any:
    """The result of `action`; any error of the foreign code becomes a ComponentError."""
    try:
        return action()
    except IdimError:
        raise
    except Exception as error:
        raise ComponentError(f"{name} failed: {type(error).__name__}: {error}") from error


def _from_module(where: str) -> ModuleType:
    try:
        return importlib.import_module(where)
    except ModuleNotFoundError as error:
        if f"{where}.".startswith(f"{error.name}."):
            raise _no_module(where) from error
        raise ComponentError(f"{where} cannot be imported: {error}") from error
    except Exception as error:
        raise ComponentError(f"{where!r} cannot be imported: {type(error).__name__}: {error}") from error


def _from_file(path: Path) -> ModuleType:
    """Run the file afresh, under a module name of its own, so that files of one name never mix."""
    _existing(path)
    unique = f"_idim_{path.stem}_{hashlib.blake2b(str(path.resolve()).encode(), digest_size=6).hexdigest()}"
    spec = importlib.util.spec_from_file_location(unique, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[unique] = module
    _guarded(str(path), lambda: spec.loader.exec_module(module))  # type: ignore[union-attr]
    return module
