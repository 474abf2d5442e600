"""Importing user code as if run from its own folder: neighbours, packages and relative imports work."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType

from idim_cli.core.code_files import is_installed

_kept: dict[Path, dict[str, ModuleType]] = {}  # modules of each folder from which code was imported
_last: list[str] = []  # the folder at the end of the path
_seen: dict[Path, tuple[int, int]] = {}  # modification time and size of their files at import


@contextmanager
def imports_from(root: Path) -> Iterator[None]:
    """Context in which imports start at the folder `root`.

    Modules of the same name in different folders never mix, and a module whose file has changed is imported
    again. After the context the folder is last in the path, for imports that run with the model.
    """
    # Python finds modules by name alone: two folders may each have a `model.py`.
    away = _away(root)
    for name in away:
        del sys.modules[name]
    while _last:
        _leave(_last.pop())
    files = (_file(module) for module in _kept.get(root, {}).values())
    if any(path is not None and _seen[path] != _state(path) for path in files):
        # All of them, as they import each other.
        for name, module in _kept.pop(root).items():
            if sys.modules.get(name) is module:
                del sys.modules[name]
    sys.modules.update(_kept.get(root, {}))
    before, writes = set(sys.modules), sys.dont_write_bytecode
    # Cached bytecode is matched to its source by seconds and size, so it may be outdated after an edit.
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(root))
    # The import system caches the content of folders, and misses files made within the same second.
    importlib.invalidate_caches()
    try:
        yield
    finally:
        _leave(str(root))
        # Last, not first: nothing installed is hidden while other code runs.
        if str(root) not in sys.path:
            sys.path.append(str(root))
            _last.append(str(root))
        sys.dont_write_bytecode = writes
        # Kept for the next import from this folder, so that classes stay identical.
        _keep(root, set(sys.modules) - before)
        sys.modules.update(away)


def _leave(folder: str) -> None:
    with suppress(ValueError):  # the user's code may have changed the path
        sys.path.remove(folder)


def _away(root: Path) -> dict[str, ModuleType]:
    """Modules from other folders with the names of modules in `root`."""
    files = {name: _file(module) for name, module in sys.modules.items() if "." not in name}
    others = [
        n for n, path in files.items() if path and not path.is_relative_to(root) and not is_installed(path)
    ]
    tops = {name for name in others if (root / f"{name}.py").is_file() or (root / name).is_dir()}
    return {name: module for name, module in sys.modules.items() if name.partition(".")[0] in tops}


def _keep(root: Path, names: set[str]) -> None:
    """Record which of these modules are below `root`, and the state of their files."""
    for name in names:
        path = _file(sys.modules.get(name))
        if path is not None and path.is_relative_to(root) and not is_installed(path):
            _kept.setdefault(root, {})[name] = sys.modules[name]
            _seen[path] = _state(path)


def _state(path: Path) -> tuple[int, int]:
    try:
        about = path.stat()
    except OSError:  # it was removed
        return 0, 0
    return about.st_mtime_ns, about.st_size


def _file(module: ModuleType | None) -> Path | None:
    """The file of a module; for a package without an ``__init__.py`` its folder."""
    path = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), None)
    return Path(path) if isinstance(path, str) else None
