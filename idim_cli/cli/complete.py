"""Completion in the shell: recipes, recipe keys and their values, components, results.

Each function takes the context and the word so far. They must be fast and never fail: after any error there
are no completions.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

Completer = Callable[[Any, str], list[str]]


def _safe(offer: Callable[[Any, str], Iterable[str]]) -> Completer:
    @functools.wraps(offer)
    def completer(ctx: Any, incomplete: str) -> list[str]:
        try:
            return list(offer(ctx, incomplete))
        # An error message in the middle of the command line would be worse than no completion.
        except Exception:
            return []

    return completer


@_safe
def recipe(ctx: Any, incomplete: str) -> Iterable[str]:
    """Shipped recipes by name, and the user's files."""
    # Imports are inside the functions: completion must not wait for modules that it does not need.
    from idim_cli.recipe.find import shipped

    return _with_paths(shipped(), incomplete, ".yaml", ".yml")


@_safe
def results(ctx: Any, incomplete: str) -> Iterable[str]:
    """Results folders below the default folder, and CSV files."""
    return _results(incomplete, ".csv")


@_safe
def run_folder(ctx: Any, incomplete: str) -> Iterable[str]:
    """Folders of runs with a checkpoint, and paths."""
    # Only runs with a checkpoint can be compressed or evaluated.
    return _with_paths(_below(_out(), "*/runs/*/checkpoint.safetensors"), incomplete, ".safetensors")


@_safe
def solution(ctx: Any, incomplete: str) -> Iterable[str]:
    """Compressed files."""
    return _with_paths([], incomplete, ".idim")


@_safe
def scored(ctx: Any, incomplete: str) -> Iterable[str]:
    """What can be evaluated: compressed files and runs."""
    return [*solution(ctx, incomplete), *run_folder(ctx, incomplete)]


@_safe
def reported(ctx: Any, incomplete: str) -> Iterable[str]:
    """What can be reported: results and compressed files."""
    return _results(incomplete, ".csv", ".idim")


def component(kind: str) -> Completer:
    """A completer of the components of a kind, by name and by file."""

    @_safe
    def names(ctx: Any, incomplete: str) -> Iterable[str]:
        from idim_cli.core.registry import registry

        return [*registry(kind).names(), *_code(incomplete)]

    return names


def words(*known: str) -> Completer:
    """A completer of these words."""
    return lambda ctx, incomplete: list(known)


@_safe
def override(ctx: Any, incomplete: str) -> Iterable[str]:
    """``key=`` of every recipe key, then its possible values.

    bash treats ``key``, ``=`` and the value as three words, and replaces only the last one.
    """
    from idim_cli.recipe.keys import Keys

    # bash passes "=" as a word of its own.
    given = [word for word in ctx.params.get("overrides") or [] if word != "="]
    keys = Keys(ctx.params.get("recipe"))
    if given and "=" not in given[-1] and given[-1] in keys:
        return keys.values(given[-1])
    key, equals, value = incomplete.partition("=")
    if equals:
        return [f"{key}={value}" for value in [*keys.values(key), *_code(value)]]
    fitting = [key for key in keys if key.startswith(incomplete)]
    # The shell adds a space to a single completion; with values as further ones, it stops after the "=".
    further = [f"{fitting[0]}={value}" for value in keys.values(fitting[0])] if len(fitting) == 1 else []
    return [*(f"{key}=" for key in fitting), *further]


def _code(incomplete: str) -> Iterator[str]:
    """``./file.py:`` of files that begin so, and behind the colon what is defined there."""
    from idim_cli.core.source_signature import definitions

    file, colon, _ = incomplete.partition(".py:")
    if colon:
        yield from (f"{file}.py:{name}" for name in definitions(Path(f"{file}.py")))
    # A word without a slash is the name of a component; all files would hide those.
    elif "/" in incomplete or incomplete == ".":
        for path in _paths("./" if incomplete == "." else incomplete, (".py",)):
            yield path if path.endswith("/") else f"{path}:"


def _results(incomplete: str, *endings: str) -> list[str]:
    return _with_paths(_below(_out(), "*/plan.json"), incomplete, *endings)


def _out() -> Path:
    return Path(os.environ.get("IDIM_OUT", "results"))


def _below(folder: Path, pattern: str) -> Iterator[str]:
    """The folders below `folder` with a file of this pattern."""
    return (str(path.parent) for path in sorted(folder.glob(pattern)))


def _with_paths(known: Iterable[str], incomplete: str, *endings: str) -> list[str]:
    """The `known` ones, and paths.

    bash adds a space to a single folder; with its content as further completions, it stops after the "/".
    """
    found = [path for path in known if path.startswith(incomplete)]
    found += [path for path in _paths(incomplete, endings) if path.rstrip("/") not in found]
    further = _paths(found[0], endings) if len(found) == 1 and found[0].endswith("/") else ()
    return [*found, *further]


def _paths(incomplete: str, endings: tuple[str, ...]) -> Iterator[str]:
    """Files with these endings and folders whose path starts with `incomplete`."""
    head, _, start = incomplete.rpartition("/")
    folder = f"{head}/" if "/" in incomplete else ""
    for path in sorted(Path(folder or ".").iterdir()):
        # Hidden files are offered only after a dot was typed, as in shells.
        if path.name.startswith(start) and not (path.name.startswith(".") and not start):
            if path.is_dir():
                yield f"{folder}{path.name}/"
            elif path.name.endswith(endings):
                yield f"{folder}{path.name}"
