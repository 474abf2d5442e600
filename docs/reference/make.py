"""Writes the reference pages beside this file: `python docs/reference/make.py`. A test compares them."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import typer

from idim_cli.cli import documents
from idim_cli.cli.app import app
from idim_cli.core.errors import EXIT_CODES
from idim_cli.core.registry import ROOMS, registry
from idim_cli.recipe.json_schema import json_schema
from idim_cli.runs import columns

HERE = Path(__file__).parent
MADE = "*Made by `docs/reference/make.py`; a test compares it with the code.*"
COMPLETION = """\
## Completion

`idim --install-completion` sets up the shell that it is called from (bash, zsh, fish, PowerShell), from its
next start on; `idim --show-completion` prints what would be installed. TAB then completes commands and
options, recipes by name and by file, recipe keys (`training.ep<TAB>`) and what may stand behind them
(`projector=<TAB>`), components, and folders of results and runs."""
COMMON = """\
What a command finds goes to stdout, what it says on the way to stderr. Every command takes `-q` (say
nothing but errors), `-v` (say what is loaded and decided, and how long it took) and `--json` ([one
document](json.md) on stdout). On a terminal a training is shown live; elsewhere, and with `TERM=dumb`,
there is a line for each finished run and one a minute. `NO_COLOR` is heeded. A reader of stdout that
leaves, as `head` does, ends the command quietly, by SIGPIPE as for the system's own tools."""
EDITOR = """\
This page says what is in the JSON Schema that `idim recipes schema` prints; [recipes](../recipes.md) says
how they are used. An editor with a YAML language server completes and checks a recipe that begins with the
schema's place:

```sh
idim recipes schema > idim.schema.json
```

```yaml
# yaml-language-server: $schema=idim.schema.json
```"""


DOCUMENTS = """\
Every command prints one document under `--json`, on stdout, in strict JSON: an unknown number is `null`. Its
key `schema` names it and its version; the version goes up when a key is taken away or changes its meaning,
and not when one is added. `idim_cli.cli.documents.schema("compress/1")` is the JSON Schema of one. Errors go
to stderr, as without `--json`, and stdout stays empty unless there is a result to tell."""
#: Options that all commands have; they are told once.
SHARED = ("help", "as_json", "quiet", "verbose")
#: Where the parts of a recipe stand, and how its schema calls them.
PARTS = {
    "quantise": "Quantise",
    "seeds": "Seeds",
    "training": "Training",
    "sweep": "Sweep",
    "sweep.d": "DimensionRange",
    "sweep.seeds": "SeedLists",
    "sweep.baseline": "Baseline",
    "threshold": "Threshold",
}
WORDS = {
    "integer": "integer",
    "number": "number",
    "string": "text",
    "boolean": "true or false",
    "object": "mapping",
    "null": "`null`",
}
KINDS = {
    "text": "text",
    "flag": "True or False",
    "whole": "integer",
    "real": "number",
    "any": "number or text",
}
RESULTS = """\
One row for each finished run of a results folder, in the order of its plan. The file is derived from
plan.json and the result.json of each run; an unknown value is an empty cell. Two kinds of columns are added
to those below:

- each recipe key that is swept, named after it, such as `training.optimizer.lr` or `model.depth`. A swept
  component, such as `model`, is in the column of that name. plan.json says which keys these are;
- each further metric of the reported epoch, such as `validation_nll`.

Tables of version 0.1, which lack some columns, are read too. [The number](../read-the-number.md) says how
tables of other programs are read."""
PLURALS = {"dataset": "Data sets", "search": "Searches"}


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table; empty without rows."""
    lines = [head, tuple("---" for _ in head), *rows] if rows else []
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def code(text: Any) -> str:
    """As code; nothing where there is nothing."""
    return f"`{text}`" if text not in (None, "") else ""


# The command line


def leaves(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Name and command of all that is no group of commands."""
    below = getattr(command, "commands", None)
    if below is None:
        yield name, command
    for word, inner in (below or {}).items():
        yield from leaves(inner, f"{name} {word}")


def cli() -> str:
    """The page on the command line."""
    commands = list(leaves(typer.main.get_command(app), "idim"))
    codes = [(str(number), meaning) for number, meaning in EXIT_CODES.items()]
    return "\n\n".join(
        [
            "# Command line",
            MADE,
            COMMON,
            "## Exit codes",
            table(("code", "meaning"), codes),
            "## Environment variables",
            table(("variable", "stands in for"), variables(commands)),
            COMPLETION,
            *(command_section(name, command) for name, command in commands),
        ]
    )


def variables(commands: list[tuple[str, Any]]) -> list[tuple[str, ...]]:
    """Each environment variable, and the options that it is a default of."""
    found: dict[str, tuple[str, str]] = {}
    for _, command in commands:
        for parameter in command.params:
            if isinstance(parameter.envvar, str):
                found[parameter.envvar] = (max(parameter.opts, key=len), parameter.help)
    return [(code(name), f"{code(option)}: {meaning}") for name, (option, meaning) in sorted(found.items())]


def command_section(name: str, command: Any) -> str:
    """One command: how it is called, what it does, its arguments and options."""
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and p.name not in SHARED]
    usage = " ".join([name, *(shown(p) for p in arguments), "[OPTIONS]"])
    rows = [*map(argument_row, arguments), *map(option_row, options)]
    parts = [f"## {name}", f"```text\n{usage}\n```", *paragraphs(command.help)]
    return "\n\n".join([*parts, table(("", "meaning", "default"), rows)])


def paragraphs(text: str) -> Iterator[str]:
    """The help's paragraphs, examples as code."""
    for part in inspect.cleandoc(text).split("\n\n"):
        if re.match("Examples?:", part):
            found = re.findall(r"idim [^;\n]+", part)
            yield "```sh\n" + "\n".join(line.strip() for line in found) + "\n```"
        else:
            yield part


def shown(argument: Any) -> str:
    """An argument in the line of usage."""
    name = argument.metavar or argument.name.upper()
    name = name if argument.required else f"[{name}]"
    return name + "..." * (argument.nargs != 1)


def argument_row(argument: Any) -> tuple[str, ...]:
    """An argument in the table."""
    return code(argument.metavar or argument.name.upper()), argument.help, ""


def option_row(option: Any) -> tuple[str, ...]:
    """An option in the table."""
    names = ", ".join([*option.opts, *option.secondary_opts])
    metavar = "" if option.is_flag else option.metavar or choices(option)
    return code(f"{names} {metavar}".strip()), option.help, default(option)


def choices(option: Any) -> str:
    """What may stand behind an option that does not say so itself."""
    annotation = option.type_descriptor.annotation
    members = getattr(annotation, "__members__", None)
    return "|".join(one.value for one in members.values()) if members else ""


def default(option: Any) -> str:
    """What holds when an option is not given, and the environment says nothing."""
    if isinstance(option.show_default, str):
        return option.show_default
    value = option.default
    return "" if value is None or isinstance(value, bool) else code(getattr(value, "value", value))


# Recipes


def recipe() -> str:
    """The page on the keys of a recipe."""
    schema = json_schema()
    defs = schema["$defs"]
    parts = {"Top level": schema} | {code(key): defs[name] for key, name in PARTS.items()}
    keys = [f"## {title}\n\n{part['description']}\n\n{keys_table(part)}" for title, part in parts.items()]
    kinds = [f"## {heading(kind)}\n\n{''.join(components(kind, defs))}".rstrip() for kind in ROOMS]
    return "\n\n".join(["# Recipe keys", MADE, EDITOR, *keys, *kinds])


def heading(kind: str) -> str:
    """A kind of component in the plural."""
    return PLURALS.get(kind, f"{kind.capitalize()}s")


def keys_table(part: dict[str, Any], but: Collection[str] = ()) -> str:
    """The keys of a part of a recipe."""
    required = part.get("required", [])
    rows = [
        (code(name), kind_of(field), "required" if name in required else code(preset(field)), about(field))
        for name, field in part["properties"].items()
        if name not in but and "const" not in field
    ]
    return table(("key", "holds", "default", "meaning"), rows)


def components(kind: str, defs: dict[str, Any]) -> Iterator[str]:
    """The components of a kind, each with its parameters; first those that all of them have."""
    those = {name.partition(" ")[2]: part for name, part in defs.items() if name.startswith(f"{kind} ")}
    alike = set.intersection(*(set(part["properties"]) for part in those.values())) - {"name"}
    if alike and registry(kind).shared:
        one = next(iter(those.values()))
        yield f"### every {kind}, also your own\n\n{keys_table(one, set(one['properties']) - alike)}\n\n"
    else:
        alike = set()
    for name, part in those.items():
        yield f"### {code(name)}\n\n{part['description']}\n\n"
        if rows := keys_table(part, alike):
            yield f"{rows}\n\n"


def kind_of(field: dict[str, Any]) -> str:
    """What may stand at a key, in words."""
    if "$ref" in field:
        kind = field["$ref"].rpartition("/")[2].removeprefix("inner ")
        return f"[{kind}](#{heading(kind).lower().replace(' ', '-')})" if kind in ROOMS else "mapping"
    if "enum" in field:
        return " or ".join(code(value) for value in field["enum"])
    if choices := [*field.get("anyOf", ()), *field.get("oneOf", ())]:
        return " or ".join(dict.fromkeys(map(kind_of, choices)))
    if field.get("type") == "array":
        return f"list ({kind_of(field['items'])})" if field.get("items") else "list"
    return WORDS.get(field.get("type", ""), "anything") + bounds(field)


def bounds(field: dict[str, Any]) -> str:
    """The range of a number."""
    signs = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    found = [f"{sign} {limit(field[name])}" for name, sign in signs.items() if name in field]
    return f" {', '.join(found)}" if found else ""


def limit(value: float) -> str:
    """A bound, large powers of two as such."""
    power = int(value).bit_length() - 1
    return f"2^{power}" if value == 2**power and power > 30 else f"{value:g}"


def preset(field: dict[str, Any]) -> str:
    """The default as a recipe writes it."""
    if "default" not in field:
        return ""
    value = field["default"]
    return "" if isinstance(value, dict) else value if isinstance(value, str) else json.dumps(value)


def about(field: dict[str, Any]) -> str:
    """What a key means, in one line."""
    return " ".join(field.get("description", "").split())


# JSON


def documents_page() -> str:
    """The page on what --json prints."""
    found = documents.documents()
    parts = [f"## idim/{name}\n\n{one['about']}\n\n{fields(one['fields'])}" for name, one in found.items()]
    inner = [f"## {name}\n\n{fields(one)}" for name, one in documents.parts().items()]
    return "\n\n".join(["# JSON documents", MADE, DOCUMENTS, *parts, "# Parts of documents", *inner])


def fields(those: documents.Fields) -> str:
    """The fields of a document or a part."""
    rows = []
    for name, text in those.items():
        kind, meaning = documents.split(text)
        link = re.sub(r"[A-Z]\w+", lambda part: f"[{part[0]}](#{part[0].lower()})", kind)
        if name == "*?":
            rows.append(("", link, "unless there is an error, all of its fields"))
        else:
            absent = "may be absent; " if name.endswith("?") else ""
            rows.append((code(name.removesuffix("?")), link, absent + meaning))
    return table(("key", "type", "meaning"), rows)


# results.csv


def results_page() -> str:
    """The page on the columns of results.csv."""
    rows = [(code(one.name), KINDS[one.kind], one.unit, one.meaning) for one in columns.ALL]
    return "\n\n".join(["# results.csv", MADE, RESULTS, table(("column", "holds", "unit", "meaning"), rows)])


PAGES = {"cli.md": cli, "recipe.md": recipe, "json.md": documents_page, "results.md": results_page}

if __name__ == "__main__":
    for file, page in PAGES.items():
        (HERE / file).write_text(page() + "\n", encoding="utf-8")
