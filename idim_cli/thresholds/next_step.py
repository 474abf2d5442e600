"""What to run next after a reading, as a whole command where `idim` made the runs."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from idim_cli.thresholds.advice import NOTHING, WIDE, Advice
from idim_cli.thresholds.reading import Reading

if TYPE_CHECKING:
    from idim_cli.recipe.schema import Recipe

_SEEDS, _SEARCH = "sweep.seeds=", "sweep.search."
# Recipe keys of a search as the options of `idim sweep` that set them.
_OPTIONS = {
    "precision": "--precision",
    "max_runs": "--max-runs",
    "max_epochs": "--max-epochs",
    "max_time": "--max-time",
    "lr": "--lr",
}


@dataclass(frozen=True)
class TableOrigin:
    """How the runs of a table were made, for the command that continues; empty for foreign tables.

    Attributes:
        words: of the command after ``idim sweep``: a recipe, overrides, options.
        recipe: of the sweep; None if unknown.
        left: progress of a sweep that was stopped; empty if it has ended.
        note: comment behind the command: code of other people that it would run.
    """

    words: Sequence[str] = ()
    recipe: Recipe | None = None
    left: str = ""
    note: str = ""

    def command(self, arguments: Sequence[str] = ()) -> str:
        """`idim sweep` with its words and these arguments, quoted for the shell; empty without words.

        An argument replaces an earlier word for the same key.
        """
        if not self.words:
            return ""
        # sweep.seeds=5 replaces sweep.seeds.projector=3 too, which is a part of it.
        set_ = tuple(f"{one.partition('=')[0]}." for one in arguments)
        words = map(_as_option, self.words)
        kept = [word for word in words if not f"{word.partition('=')[0]}.".startswith(set_)]
        # Recipe and overrides first, then options.
        line = shlex.join(["idim", "sweep", *sorted([*kept, *arguments], key=lambda word: word[:2] == "--")])
        return f"{line}  # {self.note}" if self.note else line

    @property
    def unfinished(self) -> Advice:
        """Progress of a stopped sweep, and that its command continues it; nothing if it has ended."""
        if not self.left or not self.words:
            return Advice(self.left)
        return Advice(f"{self.left}; continue with", same=True)

    @property
    def warning(self) -> str:
        """The same with the command, in one line."""
        advice = self.unfinished
        return f"{advice.words}: {self.command()}" if advice.same else advice.words


def decide(reading: Reading, origin: TableOrigin) -> Reading:
    """The reading with what to run next: in words, and as a whole command where `idim` made its runs."""
    advice = Advice(reading.next_words, reading.next_arguments)
    if origin.left:  # first, as the runs that are missing may change the reading
        advice = origin.unfinished
    # After a search the advice is about its limits, not about a grid.
    elif advice.arguments and (search := _search(origin.recipe)) is not None:
        advice = _of_search(reading, search)
    arguments = tuple(_as_option(_fitting(one, origin.recipe)) for one in advice.arguments)
    command = origin.command(arguments) if arguments or advice.same else ""
    how = command or " ".join(arguments)
    text = f"{advice.words}: {how}" if how else advice.words
    return replace(reading, next=text, next_arguments=arguments, next_command=command)


def _of_search(reading: Reading, search: Mapping[str, Any]) -> Advice:
    """How to continue an adaptive search that has ended; `search` are its parameters, defaults included."""
    share, runs = search["precision"], search["max_runs"]
    if is_precise(reading, share):
        if (reading.high or 0) <= WIDE * (reading.low or 0):
            return NOTHING
        words = f"requested precision reached (±{100 * share:.3g} %); for a narrower interval"
        return Advice(words, (f"{_SEARCH}precision={share / 2:.3g}",))
    r = reading
    if r.baseline_runs + r.runs + r.solved + r.unsolved + r.left_out >= runs:
        return Advice(f"the search used all {runs} runs; allow more", (f"{_SEARCH}max_runs={2 * runs}",))
    if search["max_epochs"]:
        words = f"the search used its {search['max_epochs']:,} epochs; allow more"
        return Advice(words, (f"{_SEARCH}max_epochs={2 * search['max_epochs']}",))
    # All learning rates but the best one are dropped before they are known precisely.
    if search["lr"]:
        return NOTHING
    return Advice("the search ended before the requested precision; continue with", same=True)


def is_precise(r: Reading, share: float) -> bool:
    """Whether the interval reaches no further than this share below and above the value."""
    if r.value is None or r.low is None or r.high is None:
        return False
    return (1 - share) * r.value <= r.low and r.high <= (1 + share) * r.value


def _search(recipe: Recipe | None) -> Mapping[str, Any] | None:
    """The parameters of an adaptive search, defaults included; None for a grid or the user's own search."""
    from idim_cli.core.registry import registry

    search = recipe.sweep.search if recipe and recipe.sweep else None
    if search is None or search.name != "adaptive":
        return None
    return registry("search").filled(search.name, search.params)


def _as_option(word: str) -> str:
    """A key of the search as the option that sets it; any other word as it is."""
    key, _, value = word.removeprefix(_SEARCH).partition("=")
    if not word.startswith(_SEARCH):
        return word
    # Options are shorter, and are what the user most likely typed.
    if (key, value) == ("name", "adaptive"):
        return "--adaptive"
    if (key, value) == ("early_stop", "false"):
        return "--no-early-stop"
    if key == "precision":
        value = f"{100 * float(value):.10g}%"
    if key == "lr":
        value = value.strip("[]").replace(" ", "")
    return f"{_OPTIONS[key]}={value}" if key in _OPTIONS else word


def _fitting(argument: str, recipe: Recipe | None) -> str:
    """An argument in the form that the recipe has: for a list of seeds, a longer list."""
    seeds = recipe.sweep.seeds if recipe and recipe.sweep else None
    if not argument.startswith(_SEEDS) or seeds is None or isinstance(seeds, int):
        return argument
    # Listed seeds are kept, so that the finished runs still belong to the sweep.
    listed, key = (seeds, _SEEDS) if isinstance(seeds, list) else (seeds.projector, "sweep.seeds.projector=")
    more = max(int(argument.removeprefix(_SEEDS)) - len(listed), 1)
    return f"{key}[{','.join(map(str, [*listed, *range(max(listed) + 1, max(listed) + 1 + more)]))}]"
