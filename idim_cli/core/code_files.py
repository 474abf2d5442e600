"""Locating user code without importing it: the file of a module, the root of its imports, what it imports."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
import json
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path

from idim_cli.core import bounded_io
from idim_cli.core.errors import FileError

# Limits on the time of a digest, which is computed for every plan.
MAX_SOURCE = 2**24  # bytes of a source file that is read
_MAX_PARSED = 2**20  # bytes of a file whose imports are followed: larger ones are generated
_MAX_FILES = 1000  # whose imports are followed
_INIT = "__init__.py"
_INSTALLED = {"site-packages", "dist-packages"}


@dataclass(frozen=True)
class CodeLocation:
    """The location of a module.

    Attributes:
        path: its file.
        root: the folder where its imports start, as if a program ran there.
        module: its dotted name from there.
    """

    path: Path
    root: Path
    module: str

    @property
    def packaged(self) -> bool:
        """Whether it is in a package, so that relative imports work."""
        return "." in self.module or self.path.name == _INIT

    @property
    def installed(self) -> bool:
        """Whether it belongs to Python or an installed package: its neighbours are not user code then."""
        return is_installed(self.path.absolute())


def place(where: str) -> CodeLocation | None:
    """The location of a module, or of ``path/to/file.py`` from the working folder; None if there is none."""
    if not where.endswith(".py"):
        # First in the working folder, as with `python -m`, but nothing there replaces the standard library.
        own = all(where.split(".")) and where.partition(".")[0] not in sys.stdlib_module_names
        path = (_inside(Path.cwd(), where) if own else None) or _installed(where)
        return None if path is None else CodeLocation(path, _root(path, where), where)
    path = Path(where)
    try:
        return _of_file(path) if path.is_file() else None
    except (OSError, ValueError):  # a name too long, or with a NUL
        return None


def within(folder: Path, where: str) -> Path | None:
    """The file of a module, or of ``path/to/file.py``, from a folder; None if there is none."""
    if not where.endswith(".py"):
        return None if where.partition(".")[0] in sys.stdlib_module_names else _inside(folder, where)
    try:
        return None if Path(where).is_absolute() or not (folder / where).is_file() else folder / where
    except (OSError, ValueError):
        return None


def canonical(name: str) -> str:
    """``module:object`` for a name of code, independent of the folder and the way in which it is named."""
    where, _, attribute = name.rpartition(":")
    found = place(where)
    return name if found is None else f"{found.module}:{attribute}"


def digest(name: str) -> str:
    """A digest of the file of ``module:object`` and of its imports below the same root; empty without a file.

    Of installed code only the file itself counts, as it does not change while a user works. Imports are found
    in the text, including ``import_module("name")``; names that are computed at run time, and code read from
    a file, are not seen.
    """
    found = place(name.rpartition(":")[0])
    try:
        content = {} if found is None else _contents(found)
    except (OSError, ValueError, FileError):
        return ""
    # A single file has the plain digest of its bytes.
    if len(content) < 2:
        return next(iter(content.values()), "")
    return _digest(json.dumps(content, sort_keys=True).encode())


@functools.lru_cache(maxsize=4096)
def is_installed(path: Path) -> bool:
    """Whether a file belongs to Python or an installed package."""
    absolute = path.absolute()
    library = sysconfig.get_path("stdlib")
    return bool(_INSTALLED & set(absolute.parts)) or absolute.is_relative_to(library)


def _of_file(path: Path) -> CodeLocation:
    """By its packages: folders with an ``__init__.py``, or as many as relative imports need."""
    folder, parts = path.absolute().parent, [] if path.name == _INIT else [path.stem]
    levels = _levels(path)
    while (folder / _INIT).is_file() or levels > len(parts):
        if folder == folder.parent:
            break
        parts, folder = [folder.name, *parts], folder.parent
    return CodeLocation(path, folder, ".".join(parts))


def _levels(path: Path) -> int:
    """How many packages its relative imports need, the file itself counted as one; 0 without any."""
    try:
        nodes = _imports(_read(path))
    except FileError:  # too large, or not a file
        return 0
    return max((level + 1 for level, _, _ in nodes if level), default=0)


def location(module: str) -> CodeLocation | None:
    """The location of an installed module; None if there is none, or it has no file."""
    path = _installed(module)
    return None if path is None else CodeLocation(path, _root(path, module), module)


def _installed(module: str) -> Path | None:
    """The file of a module on the import path; its packages are not imported."""
    top, *below = module.split(".")
    # An empty part, as in "a..b", which find_spec would take as relative.
    if not all([top, *below]):
        return None
    try:
        spec = importlib.util.find_spec(top)
        for depth in range(len(below)):
            if spec is None:
                return None
            inside = list(spec.submodule_search_locations or [])
            spec = PathFinder.find_spec(".".join([top, *below[: depth + 1]]), inside)
    except (ImportError, ValueError):  # a module without a spec, such as __main__
        return None
    return Path(spec.origin) if spec is not None and spec.has_location and spec.origin else None


def imported_from(where: CodeLocation, node: ast.ImportFrom) -> CodeLocation | None:
    """The module that an import statement of a module takes names from; None if it has no file."""
    package = where.module.split(".") if where.path.name == _INIT else where.module.split(".")[:-1]
    above = package[: len(package) - node.level + 1] if node.level else []
    module = ".".join([*above, *(node.module.split(".") if node.module else [])])
    own = _inside(where.root, module)
    return CodeLocation(own, where.root, module) if own else None if node.level else location(module)


def _root(path: Path, module: str) -> Path:
    return path.absolute().parents[len(module.split(".")) - (path.name != _INIT)]


def _inside(root: Path, module: str) -> Path | None:
    """The file of a module below a folder."""
    base = root.joinpath(*module.split("."))
    try:
        return next((p for p in (base / _INIT, base.with_name(f"{base.name}.py")) if p.is_file()), None)
    except (OSError, ValueError):
        return None


def _contents(start: CodeLocation) -> dict[str, str]:
    """Digests of a file and of its direct and indirect imports below its root, by path from there."""
    waiting, found = {start.module: start.path}, dict[str, str]()
    seen = set(waiting)
    while waiting and len(found) < _MAX_FILES:
        module, path = waiting.popitem()
        content = _read(path)
        found[path.absolute().relative_to(start.root).as_posix()] = _digest(content)
        # Neighbours of installed code are other packages.
        if start.installed:
            break
        # Only below the root: installed packages are identified by their version.
        for name in _imported(module, path, content):
            # Names without a file below the root are installed modules, or attributes.
            if name not in seen and (other := _inside(start.root, name)):
                waiting[name] = other
            seen.add(name)
    return found


def _imported(module: str, path: Path, content: bytes) -> Iterator[str]:
    """The modules that a file may import, by dotted name from its root, and the packages above each."""
    package = module.split(".") if path.name == _INIT else module.split(".")[:-1]
    above = [module]
    # `from a import b` may mean the module a.b; importing it runs a as well.
    for level, source, names in _imports(content):
        base = [*package[: len(package) - level + 1], *source] if level else source
        above += [".".join(base), *(".".join([*base, name]) for name in names)]
    for name in above:
        parts = name.split(".")
        yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1) if parts[0])


def _imports(content: bytes) -> list[tuple[int, list[str], list[str]]]:
    """The import statements of a file: dots before the module, its parts, and the imported names."""
    return _parsed(content) if len(content) <= _MAX_PARSED and b"import" in content else []


@functools.lru_cache(maxsize=256)
def _parsed(content: bytes) -> list[tuple[int, list[str], list[str]]]:
    try:
        nodes = list(ast.walk(ast.parse(content)))
    except (SyntaxError, ValueError, MemoryError, RecursionError):  # importing it reports the error
        return []
    found: list[tuple[int, list[str], list[str]]] = []
    for node in nodes:
        if isinstance(node, ast.Import):
            found += [(0, alias.name.split("."), []) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            source = node.module.split(".") if node.module else []
            found.append((node.level, source, [alias.name for alias in node.names if alias.name != "*"]))
        elif isinstance(node, ast.Call) and (name := _called_for(node)):
            bare = name.lstrip(".")
            found.append((len(name) - len(bare), bare.split("."), []))
    return found


def _called_for(node: ast.Call) -> str:
    """The module that a call of `importlib.import_module` or `__import__` names literally, else empty."""
    function = getattr(node.func, "attr", getattr(node.func, "id", ""))
    first = node.args[0] if node.args else None
    if function in ("import_module", "__import__") and isinstance(first, ast.Constant):
        return first.value if isinstance(first.value, str) else ""
    return ""


def _read(path: Path) -> bytes:
    return bounded_io.read_bytes(path, MAX_SOURCE)


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=8).hexdigest()
