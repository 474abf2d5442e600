"""The user's own code by name: ``module:object`` or ``./file.py:object``, and calls into it."""

from __future__ import annotations

import ast
import contextlib
import ctypes
import difflib
import hashlib
import importlib
import importlib.util
import inspect
import os
import symtable
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from idim_cli.core import bounded_io, user_imports
from idim_cli.core.code_files import MAX_SOURCE, place
from idim_cli.core.errors import (
    FOREIGN,
    RUN_FAILED,
    ComponentError,
    ExitedError,
    FileError,
    IdimError,
    brief,
    described,
)  # fmt: skip
from idim_cli.core.near_misses import did_you_mean

_UNSEEN = b"error: foreign code ended the program by C's exit(): the run under way has failed"


def find(name: str) -> Any:
    """The object called `name`: ``module:object``, or ``path/to/file.py:object`` from the working folder.

    Raises:
        ComponentError: the module, file or object is missing or cannot be imported.
    """
    where, _, attribute = name.rpartition(":")
    module = _module(where)
    if not hasattr(module, attribute):
        raise _no_object(where, attribute, [key for key, value in vars(module).items() if callable(value)])
    return getattr(module, attribute)


def call(
    name: str,
    function: Callable[..., Any],
    params: Mapping[str, Any],
    context: Mapping[str, Any],
    given: Sequence[Any] = (),
) -> Any:
    """Call the outside `function` with the user's `params` and what of `context` its signature names.

    What is `given` comes first, by position.

    Raises:
        ComponentError: the parameters do not fit its signature, or it raised an error.
    """
    signature = _signature(name, function)
    named = {key: value for key, value in context.items() if key in signature.parameters} | dict(params)
    try:
        signature.bind(*given, **named)
    except TypeError as error:
        raise ComponentError(f"{name}: {error}", f"its signature is {signature}") from error
    found = place(name.rpartition(":")[0])
    with nullcontext() if found is None or found.installed else user_imports.imports_from(found.root):
        return guarded(name, lambda: function(*given, **named))


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the global generators of torch (on the CPU), numpy and random; afterwards they are as before."""
    import random

    import numpy as np
    import torch

    kept, python = np.random.get_state(), random.getstate()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        np.random.seed(seed % 2**32)
        random.seed(seed)
        try:
            yield
        finally:
            np.random.set_state(kept)
            random.setstate(python)


def no_exit() -> None:
    """From now on `os._exit` in this process is an error, so that foreign code cannot end it unseen.

    Processes that are forked from it end as they want.
    """
    this, end = os.getpid(), os._exit

    def refuse(status: int) -> NoReturn:
        if os.getpid() != this:
            end(status)
        raise SystemExit(f"os._exit({status})")

    os._exit = refuse


def no_c_exit() -> None:
    """From now on `exit` of C in this process, unless `ending` was said, has the exit code 1 and says so.

    Foreign code comes to it past Python. The hooks are functions of C: there may be no interpreter by then.
    """
    _at_c_exit(("_exit", RUN_FAILED), ("warnx", _UNSEEN))


def ending(code: int) -> None:
    """The process is about to end in order, with this exit code."""
    _at_c_exit(("_exit", code), ("fflush", None))


def _at_c_exit(*calls: tuple[str, Any]) -> None:
    """Functions of C, each with its one argument, for the end of the process; the last one runs first."""
    with contextlib.suppress(AttributeError, OSError, TypeError):  # a system without them
        libc = ctypes.CDLL(None)
        register = libc.__cxa_atexit
        register.argtypes = [ctypes.c_void_p] * 3
        for name, argument in calls:
            register(ctypes.cast(getattr(libc, name), ctypes.c_void_p), argument, None)


def look(name: str) -> None:
    """See whether the object called `name` can be found, as far as its source tells; nothing is imported.

    Raises:
        ComponentError: there is no such module or file, it is no Python, or does not define the object.
    """
    where, _, attribute = name.rpartition(":")
    found = place(where)
    if where == "__main__":
        raise _no_main()
    if where.endswith(".py"):
        path = _existing(Path(where))
    elif found and found.path.suffix == ".py":
        path = found.path
    elif found or _is_module(where.partition(".")[0]):
        return  # compiled, or made by code: only importing it would tell
    else:
        raise _no_module(where)
    try:
        names, open_end = _defined(path)
    except (FileError, OSError, ValueError, SyntaxError, MemoryError, RecursionError) as error:
        # A parser out of its stack raises MemoryError without a word.
        told = str(error) or "it is nested too deeply"
        raise ComponentError(f"{where} cannot be read as Python: {told}") from error
    if attribute not in names and not open_end:
        raise _no_object(where, attribute, names)


def _defined(path: Path) -> tuple[set[str], bool]:
    """The names at the top level of a file, and whether it may have others, which its text does not tell."""
    text = bounded_io.read_bytes(path, MAX_SOURCE).decode("utf-8-sig")
    names = {one.get_name() for one in symtable.symtable(text, str(path), "exec").get_symbols()}
    stars = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom))
    return names, "__getattr__" in names or any(node.names[0].name == "*" for node in stars)


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):  # __main__, which has no spec; a name that is none
        return False


def _existing(path: Path) -> Path:
    try:
        is_file = path.is_file()
    except (OSError, ValueError) as error:  # a name too long, or with a NUL
        raise ComponentError(f"no file can be called {brief(str(path), 80)!r}") from error
    if not is_file:
        near = [str(other) for other in path.parent.glob("*.py")]
        raise ComponentError(f"no file {str(path)!r}", did_you_mean(str(path), near) if near else "")
    return path


def _no_main() -> ComponentError:
    return ComponentError(
        "__main__ is the program that runs, which other processes do not have",
        "put the code into a file and write ./file.py:NAME",
    )


def _no_module(where: str) -> ComponentError:
    return ComponentError(f"no module {where!r}", "a file is named with its suffix: ./file.py:object")


def _no_object(where: str, attribute: str, known: Iterable[str]) -> ComponentError:
    names = [key for key in known if key[0] != "_"]
    near = difflib.get_close_matches(attribute, names, n=10, cutoff=0.3)
    return ComponentError(f"{where} has no {attribute!r}", did_you_mean(attribute, near or names[:10]))


def _signature(name: str, function: object) -> inspect.Signature:
    if not callable(function):
        raise ComponentError(f"{name} is a {type(function).__name__}, not a function or class")
    try:
        return inspect.signature(function)
    except ValueError as error:
        raise ComponentError(f"{name} does not tell its parameters") from error


def guarded(name: str, action: Callable[[], Any]) -> Any:
    """The result of `action`; any error of the foreign code becomes a ComponentError."""
    try:
        return action()
    except IdimError:
        raise
    except SystemExit as end:
        raise ExitedError(f"{name} asked to end the program: {described(end)}") from end
    except Exception as error:
        raise ComponentError(f"{name} failed: {described(error)}") from error


def _module(where: str) -> ModuleType:
    """The module `where` names, and all that it imports from beside it."""
    if where.endswith(".py"):
        _existing(Path(where))
    elif where == "__main__":
        raise _no_main()
    found = place(where)
    if found is None or (found.installed and not where.endswith(".py")):
        return _imported(where, where)
    with user_imports.imports_from(found.root):
        alone = where.endswith(".py") and not found.packaged
        return _run(found.path) if alone else _imported(where, found.module)


def _imported(where: str, module: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if f"{where}.".startswith(f"{error.name}."):
            raise _no_module(where) from error
        raise ComponentError(f"{where} cannot be imported: {error}") from error
    except FOREIGN as error:
        raise ComponentError(f"{where!r} cannot be imported: {described(error)}") from error


def _run(path: Path) -> ModuleType:
    """Run the file afresh, under a module name of its own, so that files of one name never mix."""
    unique = f"_idim_{path.stem}_{hashlib.blake2b(str(path.resolve()).encode(), digest_size=6).hexdigest()}"
    spec = importlib.util.spec_from_file_location(unique, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[unique] = module
    guarded(str(path), lambda: spec.loader.exec_module(module))  # type: ignore[union-attr]
    return module
