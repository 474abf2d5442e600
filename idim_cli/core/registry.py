"""Components by name: where each is defined, which parameters it takes, what it was perhaps meant to be.

A component is listed as ``name: "module:object"`` in the ``REGISTRY`` of its room's ``__init__`` and is
imported only when it is used. Its parameters are the keyword-only arguments of its signature, which is
read from the source text, so that checking a recipe never imports torch.
"""

from __future__ import annotations

import ast
import difflib
import functools
import importlib
import importlib.util
import json
import re
import typing
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from idim_cli.core.errors import ComponentError

if TYPE_CHECKING:
    import pydantic

ROOMS = {
    "projector": "idim_cli.projectors",
    "model": "idim_cli.models",
    "dataset": "idim_cli.datasets",
    "task": "idim_cli.tasks",
    "method": "idim_cli.methods",
    "optimizer": "idim_cli.methods",
    "schedule": "idim_cli.methods",
    "search": "idim_cli.search",
    "tracker": "idim_cli.trackers",
}
#: A parameter of this name holds another component of the same kind ...
INNER = "inner"
#: ... but none of these, which work on the whole network alone.
NEVER_INNER = ("layerwise", "identity")
_WORD = 60  # letters of a word that may be meant for another
_NAMES = {
    **vars(typing),
    "Sequence": Sequence,
    "Mapping": Mapping,
    "Callable": Callable,
    "Iterable": Iterable,
    "Path": Path,
}


class Registry:
    """The components of one kind.

    Args:
        kind: what they are, in the singular; outside packages join by entry points in ``idim.<kind>``.
        entries: name -> ``"module:object"``.
        shared: a further ``"module:object"`` whose keyword-only parameters every component of this kind takes
            too, such as the transformations of data sets; a component's own parameter of that name wins.
    """

    def __init__(self, kind: str, entries: Mapping[str, str], shared: str = "") -> None:
        self.kind = kind
        self.shared = shared
        self._own = dict(entries)

    def __iter__(self) -> typing.Iterator[str]:
        return iter(sorted(self._targets))

    def __contains__(self, name: object) -> bool:
        return name in self._own or name in self._targets

    @functools.cached_property
    def _targets(self) -> dict[str, str]:
        """Those of outside packages, which take a look at all that is installed, and our own."""
        from importlib import metadata

        outside = metadata.entry_points(group=f"idim.{self.kind}")
        return {**{entry.name: entry.value for entry in outside}, **self._own}

    def target(self, name: str) -> str:
        """Where `name` is defined, as ``"module:object"``; ComponentError with near misses if unknown."""
        if name in self._own:  # at once: nothing replaces them
            return self._own[name]
        if name not in self._targets:
            raise ComponentError(f"unknown {self.kind} {name!r}", did_you_mean(name, self))
        return self._targets[name]

    def open(self, name: str) -> Any:
        """Import the component `name` and return its object."""
        module, _, attribute = self.target(name).partition(":")
        return getattr(importlib.import_module(module), attribute)

    def summary(self, name: str) -> str:
        """First line of the component's docstring, read without importing it."""
        return (ast.get_docstring(_definition(self.target(name))) or "").partition("\n")[0]

    def parameters(self, name: str) -> type[pydantic.BaseModel]:
        """A pydantic model of the keyword-only parameters of `name`; unknown keys are forbidden.

        Each field is described as under ``Args:`` in the component's docstring.
        """
        return _parameters(self.target(name), self.shared)

    def validated(self, name: str, params: Mapping[str, Any]) -> pydantic.BaseModel:
        """`params` checked, as JSON: a list may stand for a tuple and text for a path.

        Raises:
            ComponentError: the name is unknown, or a value is none that a recipe could hold.
            pydantic.ValidationError: they do not fit the signature.
        """
        model = self.parameters(name)
        try:
            text = json.dumps(params)
        except (TypeError, ValueError) as error:
            raise ComponentError(f"{self.kind} {name!r}: {error}") from error
        return model.model_validate_json(text)

    def filled(self, name: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """All parameters of `name` as plain JSON values: `params`, checked, and the defaults of the others.

        An inner component is filled too.

        Raises:
            ComponentError: the name or a parameter is unknown, or a value does not fit.
        """
        import pydantic

        try:
            plain = self.validated(name, params).model_dump(mode="json")
        except pydantic.ValidationError as error:
            raise self._misfit(name, error.errors(include_url=False)[0]) from error
        if INNER in plain:
            try:
                plain[INNER] = self._inner(plain[INNER])
            except ComponentError as error:
                raise ComponentError(f"{self.kind} {name!r}: {INNER}: {error.message}", error.hint) from error
        return plain

    def _inner(self, spec: str | dict[str, Any]) -> str | dict[str, Any]:
        name, params = split(spec)
        if name in NEVER_INNER:
            raise ComponentError(f"{name} cannot be the inner {self.kind}", "it works on the whole network")
        return short(name, self.filled(name, params))

    def _misfit(self, name: str, fault: Mapping[str, Any]) -> ComponentError:
        """Pydantic's `fault` as an error with a hint."""
        where = ".".join(map(str, fault["loc"]))
        if fault["type"] == "extra_forbidden":
            known = self.parameters(name).model_fields
            hint = did_you_mean(where, known) if known else "it takes no parameters"
            return ComponentError(f"{self.kind} {name!r} has no parameter {where!r}", hint)
        message = fault["msg"][:1].lower() + fault["msg"][1:]
        return ComponentError(f"{self.kind} {name!r}: {where}: {message}")


def registry(kind: str) -> Registry:
    """The registry of `kind`, one of `ROOMS`."""
    room = importlib.import_module(ROOMS[kind])
    return typing.cast(Registry, getattr(room, "REGISTRY", None) or getattr(room, f"{kind.upper()}S"))


def split(spec: str | Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Name and parameters of a component written as a name, or as a mapping with a `name`."""
    if isinstance(spec, str):
        return spec, {}
    name = spec.get("name") if isinstance(spec, Mapping) else spec
    if not isinstance(name, str):
        raise ComponentError(f"a component needs a name, not {name!r}", "write {name: ..., parameter: value}")
    return name, {key: value for key, value in spec.items() if key != "name"}


def short(name: str, params: dict[str, Any]) -> str | dict[str, Any]:
    """The shortest way to write a component; the inverse of `split`."""
    return {"name": name, **params} if params else name


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint that names the nearest of the `known` words (two when as near), or all when none is near."""
    known = sorted(known)
    # The comparison is quadratic, and a word of so many letters is no slip of the pen.
    word = word if len(word) <= _WORD else ""
    near = difflib.get_close_matches(word, known, n=2, cutoff=0.6)
    if len(near) == 2 and _likeness(word, near[1]) < _likeness(word, near[0]) - 0.1:
        near.pop()
    return f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}"


def _likeness(word: str, other: str) -> float:
    return difflib.SequenceMatcher(None, other, word).ratio()


@functools.cache
def _definition(target: str) -> ast.ClassDef | ast.FunctionDef:
    module, _, attribute = target.partition(":")
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ComponentError(f"no module {module!r} for component {target!r}")
    for node in ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == attribute:
            return node
    raise ComponentError(f"{module} does not define {attribute!r} at its top level")


@functools.cache
def _parameters(target: str, shared: str) -> type[pydantic.BaseModel]:
    import pydantic

    fields = {**(_fields(shared) if shared else {}), **_fields(target)}
    config = pydantic.ConfigDict(
        extra="forbid",
        strict=True,
        arbitrary_types_allowed=True,
        allow_inf_nan=False,
        protected_namespaces=(),
    )
    with warnings.catch_warnings():
        # A parameter may share its name with a method of pydantic's models, such as `copy`.
        warnings.simplefilter("ignore", UserWarning)
        return pydantic.create_model(target.partition(":")[2], __config__=config, **fields)


def _fields(target: str) -> dict[str, Any]:
    arguments = _signature(_definition(target))
    about = _described(ast.get_docstring(_definition(target)) or "")
    pairs = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return {
        argument.arg: (_annotation(argument), _field(default, about.get(argument.arg)))
        for argument, default in pairs
        if not argument.arg.startswith("_")  # passed by our own code, not by recipes
    }


def _described(docstring: str) -> dict[str, str]:
    """``name: meaning`` under ``Args:``, each meaning in one line."""
    section = re.search(r"^Args:\n((?:    .*\n?|\n)*)", docstring, re.MULTILINE)
    found = re.findall(r"^    (\w+): (.*(?:\n        .*)*)", section[1] if section else "", re.MULTILINE)
    return {name: re.sub(r"\s+", " ", text).replace("``", "`") for name, text in found}


def _signature(node: ast.ClassDef | ast.FunctionDef) -> ast.arguments:
    if isinstance(node, ast.FunctionDef):
        return node.args
    found = [n.args for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"]
    return found[0] if found else _no_arguments


_no_arguments = typing.cast(ast.FunctionDef, ast.parse("def f(): ...").body[0]).args


def _field(default: ast.expr | None, description: str | None) -> Any:
    import pydantic

    value = ... if default is None else ast.literal_eval(default)
    return pydantic.Field(value, description=description)


def _annotation(argument: ast.arg) -> Any:
    import pydantic

    if argument.annotation is None:
        return Any
    return eval(ast.unparse(argument.annotation), {**_NAMES, "Field": pydantic.Field})
