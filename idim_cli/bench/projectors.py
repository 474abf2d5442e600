"""The cost of P: forward and adjoint of each projector, compared with a copy of D numbers (Table S4)."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from idim_cli.bench.base import BenchRow, How, complete
from idim_cli.bench.limits import Pace, Room
from idim_cli.bench.timing import Call, Timing, interleaved
from idim_cli.core import user_code
from idim_cli.core.errors import ComponentError, IdimError
from idim_cli.projectors import REGISTRY
from idim_cli.projectors.base import Cost, Projector, kind
from idim_cli.projectors.identity import Identity
from idim_cli.recipe.schema import Component

COLUMNS = (
    "projector", "D", "d", "build_s", "state_bytes", "bytes_per_parameter", "rounds",
    "forward_s", "forward_min_s", "forward_spread", "adjoint_s", "adjoint_min_s", "adjoint_spread",
    "both_s", "both_min_s", "both_spread", "floor_s", "floor_spread", "to_floor", "times_faster", "than",
    "skipped",
)  # fmt: skip
_PARTS = ("forward", "adjoint", "both")
# -1 is the index of no projector.
_FLOOR = (-1, "floor")
# Assumed bytes for each parameter of a class without `expected_cost`: more than any shipped kind but dense.
_ASSUMED_BYTES = 64
# Small enough to take no time, and unequal, so that a transposed P is noticed.
_TRIAL = (96, 8)  # D and d at which a class of the user is tried


@dataclass(frozen=True)
class Contestant:
    """A class of projectors and its name in the table."""

    name: str
    cls: Callable[[int, int, int], Any]

    def dimension(self, D: int, share: float) -> int:
        """The d at which it is measured; ComponentError if that is less than one."""
        if self.cls is Identity:
            # Direct training has no d of its own.
            return D
        if round(share * D) < 1:
            raise ComponentError(f"D = {D:,} is too small for d = {share:g} x D", "give a larger D or d")
        return min(round(share * D), D)

    def cost(self, D: int, d: int) -> Cost:
        """The cost that it states, or a high guess."""
        stated = getattr(self.cls, "expected_cost", None)
        return stated(D, d) if stated else Cost(_ASSUMED_BYTES * D, _ASSUMED_BYTES * D, 0)

    def make(self, D: int, d: int) -> Any:
        """Its P with seed 0."""
        return user_code.call(self.name, self.cls, {}, {"D": D, "d": d, "seed": 0})


@dataclass(frozen=True)
class _Made:
    """A P that is ready to be timed."""

    contestant: Contestant
    D: int
    d: int
    projector: Any
    build_s: float

    def calls(self, g: Tensor) -> dict[str, Call]:
        v, P = torch.linspace(-1, 1, self.d, device=g.device), self.projector
        return {
            "forward": partial(P.project, v),
            "adjoint": partial(P.adjoint, g),
            "both": lambda: P.adjoint(P.project(v)),
        }


def contestants(names: Sequence[str]) -> list[Contestant]:
    """Projectors by their names in recipes; all if there are none. ComponentError for an unknown one."""
    return [Contestant(name, kind(Component(name=name))) for name in names or list(REGISTRY)]


def outsider(reference: str) -> Contestant:
    """A class called ``module:class`` or ``./file.py:class``, constructed as ``(D, d, seed)`` and tried once.

    Raises:
        ComponentError: there is none, or it is not a projector.
    """
    one = Contestant(reference.rpartition(":")[2], user_code.find(reference))
    _try(reference, one.make(*_TRIAL), *_TRIAL)
    return one


def measure(
    those: Sequence[Contestant],
    sizes: Sequence[int],
    share: float,
    how: How,
    *,
    reference: Sequence[Contestant] = (),
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[BenchRow]:
    """A row of `COLUMNS` for each projector at each D, with d = `share` of D.

    Projectors of one D are timed in the same rounds if they fit into memory together. `to_floor` is the time
    of a forward and an adjoint divided by that of copying D float32 there and back, and `times_faster` the
    quotient of two such ratios.

    Args:
        those: projectors to measure.
        sizes: the values of D.
        share: of D.
        how: device and time.
        reference: more of them; the first is the one that all are compared to.
        say: receives messages on progress.

    Raises:
        ComponentError: a D is too small.
    """
    # The reference first: the rows of the others are compared with it as they are made.
    every, pace = [*reference, *those], Pace(how.limit)
    # All d are computed first, so that a D that is too small is an error before any measurement.
    planned = [(D, deque((one, one.dimension(D, share)) for one in every)) for D in sizes]
    for D, waiting in planned:
        compared, room = _Compared(reference[0].name if reference else None), Room.now(how.device)
        while waiting:
            made, skipped = _ready(waiting, D, how, room, pace)
            yield from (complete(row, COLUMNS) for row in skipped)
            if made:
                say(f"D = {D:,}: timing {', '.join(one.contestant.name for one in made)}")
                yield from (complete(compared(row), COLUMNS) for row in _timed(made, D, how))
            del made  # frees their memory for the next ones


class _Compared:
    """Adds to each row how it compares with the reference, which is measured first."""

    def __init__(self, than: str | None) -> None:
        self.than = than
        self.to_floor: float | None = None

    def __call__(self, row: BenchRow) -> BenchRow:
        if row["projector"] == self.than:
            self.to_floor = row["to_floor"]
        if self.to_floor is None:
            return row
        return row | {"times_faster": self.to_floor / row["to_floor"], "than": self.than}


def _ready(
    waiting: deque[tuple[Contestant, int]], D: int, how: How, room: Room, pace: Pace
) -> tuple[list[_Made], list[BenchRow]]:
    """Construct as many of the next ones as fit together, and skip those that never fit."""
    made: list[_Made] = []
    skipped: list[BenchRow] = []
    while waiting:
        one, d = waiting[0]
        cost = one.cost(D, d)
        reason = room.shortage(cost) or pace.excess(one.name, cost)
        # It fits alone, but not together with those already constructed: they are timed first.
        if not reason and made and Room.now(how.device).shortage(cost):
            break
        waiting.popleft()
        try:
            # As an error, so that it is reported in the same way as a failed construction.
            if reason:
                raise IdimError(reason)
            made.append(_make(one, D, d, how.device))
            pace.learn(one.name, cost, made[-1].build_s)
        # torch reports a lack of memory as a RuntimeError.
        except (IdimError, RuntimeError, MemoryError) as error:
            skipped.append({"projector": one.name, "D": D, "d": d, "skipped": str(error).partition("\n")[0]})
    return made, skipped


def _make(one: Contestant, D: int, d: int, device: torch.device) -> _Made:
    began = time.perf_counter()
    projector = one.make(D, d)
    # Without the transfer to the device, which happens once per run.
    build_s = time.perf_counter() - began
    projector = projector.to(device) if isinstance(projector, nn.Module) else projector
    _try(one.name, projector, D, d, device)
    return _Made(one, D, d, projector, build_s)


@torch.no_grad()
def _try(name: str, P: Any, D: int, d: int, device: torch.device | None = None) -> None:
    """ComponentError if P does not project R^d to R^D and back."""
    missing = [part for part in ("project", "adjoint") if not callable(getattr(P, part, None))]
    if missing:
        raise ComponentError(
            f"{name} has no method {missing[0]}()", "a projector needs project(v) and adjoint(g)"
        )
    for part, given, wanted in (("project", d, D), ("adjoint", D, d)):
        try:
            found = tuple(getattr(P, part)(torch.zeros(given, device=device)).shape)
        except Exception as error:
            raise ComponentError(f"{name}.{part}() failed: {type(error).__name__}: {error}") from error
        if found != (wanted,):
            raise ComponentError(f"{name}.{part}() of {given} numbers has the shape {found}, not ({wanted},)")


@torch.no_grad()
def _timed(made: Sequence[_Made], D: int, how: How) -> Iterator[BenchRow]:
    # No random numbers: speed is independent of them, and drawing 60 million takes time.
    g = torch.linspace(-1, 1, D, device=how.device)
    other = torch.empty_like(g)
    # There and back, as forward and adjoint have to pass over D numbers each.
    calls: dict[tuple[int, str], Call] = {_FLOOR: lambda: (other.copy_(g), g.copy_(other))}
    for i, one in enumerate(made):
        calls |= {(i, part): call for part, call in one.calls(g).items()}
    # Each row has three calls, which share its seconds.
    timings = interleaved(calls, how.seconds / len(_PARTS), how.device)
    for i, one in enumerate(made):
        yield _row(one, {part: timings[i, part] for part in _PARTS}, timings[_FLOOR])


def _row(one: _Made, parts: dict[str, Timing], floor: Timing) -> BenchRow:
    size = _state_bytes(one.projector)
    row: BenchRow = {
        "projector": one.contestant.name,
        "D": one.D,
        "d": one.d,
        "build_s": one.build_s,
        "state_bytes": size,
        "bytes_per_parameter": size / one.D,
        "rounds": len(floor.samples),
    }
    for part, timing in parts.items():
        row |= timing.columns(part)
    to_floor = parts["both"].median / floor.median
    return row | {"floor_s": floor.median, "floor_spread": floor.spread, "to_floor": to_floor}


def _state_bytes(projector: Any) -> int:
    """Memory that P holds."""
    if isinstance(projector, Projector):
        held: list[Any] = list(projector.held.values())
    elif isinstance(projector, nn.Module):
        held = [*projector.buffers(), *projector.parameters()]
    else:
        held = list(vars(projector).values())
    return sum(tensor.nbytes for tensor in held if isinstance(tensor, Tensor))
