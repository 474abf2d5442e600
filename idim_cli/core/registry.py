"""Components by name: where each is defined, which parameters it takes, how it is made.

A component is listed as ``name: "module:object"`` in the registry of its package's ``__init__``, joins by an
entry point, or is the user's own code, ``module:callable`` or ``./file.py:callable``. It is imported when it
is used. Its parameters are read from the source text, so that checking a recipe imports neither torch nor
code of others.
"""

from __future__ import annotations

import functools
import importlib
import json
import typing
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from idim_cli.core import source_signature
from idim_cli.core.errors import ComponentError
from idim_cli.core.near_misses import did_you_mean as did_you_mean
from idim_cli.core.source_signature import Parameter, Signature

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


@dataclass(frozen=True)
class Library:
    """Components that another library has, named ``PREFIX:NAME``.

    Attributes:
        module: that imports them.
        refused: those that cannot be used here, each with the reason.
    """

    module: str
    refused: Mapping[str, str] = field(default_factory=dict)

    def names(self) -> list[str]:
        """Those that can be used."""
        return [name for name in source_signature.imported_classes(self.module) if name not in self.refused]

    def target(self, kind: str, name: str) -> str:
        """Where ``PREFIX:NAME`` is defined; ComponentError if it is not there or cannot be used."""
        _, _, own = name.partition(":")
        if own in self.refused:
            raise ComponentError(f"{kind} {name!r} cannot be used: {self.refused[own]}", "choose another one")
        if own not in (known := self.names()):
            hint = did_you_mean(own, known)
            raise ComponentError(f"{self.module} has no {kind} {own!r}", hint)
        return f"{self.module}:{own}"


class Registry:
    """The components of one kind.

    Args:
        kind: what they are, in the singular; outside packages join by entry points in ``idim.<kind>``.
        entries: name -> ``"module:object"``.
        shared: a further ``"module:object"`` whose keyword-only parameters every component of this kind takes
            too, such as the transformations of data sets; a component's own parameter of that name wins.
        given: how many positional arguments idim passes.
        libraries: by prefix.
    """

    def __init__(
        self,
        kind: str,
        entries: Mapping[str, str],
        shared: str = "",
        *,
        given: int = 0,
        libraries: Mapping[str, Library] | None = None,
    ) -> None:
        self.kind, self.shared, self.given, self.libraries = kind, shared, given, libraries or {}
        self._own = dict(entries)

    def __iter__(self) -> typing.Iterator[str]:
        return iter(sorted(self._targets))

    def __contains__(self, name: object) -> bool:
        return name in self._own or name in self._targets

    @functools.cached_property
    def _targets(self) -> dict[str, str]:
        """Those of outside packages, for which all that is installed is searched, and our own."""
        from importlib import metadata

        outside = metadata.entry_points(group=f"idim.{self.kind}")
        return {**{entry.name: entry.value for entry in outside}, **self._own}

    def names(self) -> list[str]:
        """All that can be named: registered ones, and those of libraries."""
        return [*self, *(f"{p}:{name}" for p, library in self.libraries.items() for name in library.names())]

    def library(self, name: str) -> Library | None:
        """The library that a name such as ``torch:NAdam`` is of."""
        return self.libraries.get(name.partition(":")[0]) if ":" in name else None

    def is_code(self, name: str) -> bool:
        """Whether a name points to code, such as ``module:callable``; ``torchvision:NAME`` counts too."""
        return ":" in name and self.library(name) is None

    def target(self, name: str) -> str:
        """Where `name` is defined, as ``"module:object"``; ComponentError with near misses if unknown."""
        if name in self._own:  # at once: nothing replaces them
            return self._own[name]
        if self.is_code(name):
            return name
        if (library := self.library(name)) is not None:
            return library.target(self.kind, name)
        if name not in self._targets:
            raise ComponentError(f"unknown {self.kind} {name!r}", did_you_mean(name, self))
        return self._targets[name]

    def open(self, name: str) -> Any:
        """Import the component `name` and return its object."""
        if self.is_code(name):
            from idim_cli.core import user_code

            return user_code.find(name)
        module, _, attribute = self.target(name).partition(":")
        return getattr(importlib.import_module(module), attribute)

    def make(self, name: str, params: Mapping[str, Any], *given: Any, **context: Any) -> Any:
        """Make the component `name`: call it with what idim passes and with its parameters.

        Args:
            name: registered, of a library, or code.
            params: by name; those that are left out have their defaults.
            given: positional arguments.
            context: what the user's own code gets besides, where its signature names it.

        Raises:
            ComponentError: unknown; the parameters do not fit; or the user's code raised an error.
        """
        filled = self.filled(name, params)
        if self.is_code(name):
            from idim_cli.core import user_code

            return user_code.call(name, user_code.find(name), filled, context, given)
        return self.open(name)(*given, **filled)

    def summary(self, name: str) -> str:
        """First line of the component's docstring, read without importing it."""
        library = self.library(name)
        # torch puts its docstrings together while it is imported.
        other = f"See the documentation of {library.module}." if library else ""
        return self._signature(name).summary or other

    def code_parameters(self, name: str) -> list[str]:
        """Names of the parameters that themselves name code of the user's."""
        if self.is_code(name) or name not in self:
            return []
        return [one.name for one in self._signature(name).parameters if one.is_code]

    def shared_parameters(self) -> frozenset[str]:
        """Names of the parameters that all of this kind take."""
        module, _, attribute = self.shared.partition(":")
        return frozenset(
            one.name
            for one in (source_signature.of(module, attribute).parameters if module else ())
            if one.is_keyword_only
        )

    def parameters(self, name: str) -> type[pydantic.BaseModel]:
        """A pydantic model of the parameters of `name`; unknown keys are forbidden, where all are known.

        Each field is described as under ``Args:`` in the component's docstring. Those of the user's own code
        are never required: what it needs is known when it is called.
        """
        is_code = self.is_code(name)
        given = self.given if is_code or self.library(name) else None
        return _model(self._signature(name), self.shared, given, is_code)

    def _signature(self, name: str) -> Signature:
        if self.is_code(name):
            return source_signature.of_code(name) or _UNKNOWN
        module, _, attribute = self.target(name).partition(":")
        return source_signature.of(module, attribute)

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

    def plain(self, name: str, params: Mapping[str, Any], *, defaults: bool = False) -> dict[str, Any]:
        """`params`, checked, as plain JSON values; with `defaults` those of the other parameters too.

        Parameters of the user's own code stay as they are written, and its defaults are left to it: they may
        be no plain values. Errors are those of `validated`.
        """
        included = None if defaults else set(params)
        found = self.validated(name, params).model_dump(mode="json", include=included)
        if not self.is_code(name):
            return found
        shared = self.shared_parameters()
        return {**params, **{key: value for key, value in found.items() if key in shared}}

    def filled(self, name: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """All parameters of `name` as plain JSON values: `params`, checked, and the defaults of the others.

        An inner component is filled too.

        Raises:
            ComponentError: the name or a parameter is unknown, or a value does not fit.
        """
        import pydantic

        try:
            plain = self.plain(name, params, defaults=True)
        except pydantic.ValidationError as error:
            raise self._misfit(name, error.errors(include_url=False)[0]) from error
        if INNER in plain and not self.is_code(name):
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


_UNKNOWN = Signature((), "", False)


@functools.lru_cache(maxsize=256)
def _model(signature: Signature, shared: str, given: int | None, is_code: bool) -> type[pydantic.BaseModel]:
    """The parameters as a pydantic model: keyword-only ones, or all behind so many positional ones."""
    import pydantic

    fields = _fields(source_signature.of(*shared.split(":")), None, False) if shared else {}
    fields |= _fields(signature, given, is_code)
    config = pydantic.ConfigDict(
        extra="forbid" if signature.is_whole or not is_code else "allow",
        strict=True,
        arbitrary_types_allowed=True,
        allow_inf_nan=False,
        protected_namespaces=(),
    )
    with warnings.catch_warnings():
        # A parameter may share its name with a method of pydantic's models, such as `copy`.
        warnings.simplefilter("ignore", UserWarning)
        try:
            return pydantic.create_model("Parameters", __config__=config, **fields)
        except Exception:
            if not is_code:
                raise
            # A stranger's names and limits may be any text; calling the code will say what is wrong.
            return pydantic.create_model("Parameters", __config__=pydantic.ConfigDict(extra="allow"))


def _fields(signature: Signature, given: int | None, is_optional: bool) -> dict[str, Any]:
    """Name -> type and field. Names with a leading underscore are passed by our own code, not by recipes."""
    positional = [one for one in signature.parameters if not one.is_keyword_only]
    taken = [] if given is None else positional[given:]
    taken += [one for one in signature.parameters if one.is_keyword_only]
    return {one.name: _field(one, is_optional) for one in taken if not one.name.startswith("_")}


def _field(one: Parameter, is_optional: bool) -> tuple[Any, Any]:
    import pydantic

    default = None if is_optional and one.default is ... else one.default
    return one.annotation, pydantic.Field(default, description=one.description)
