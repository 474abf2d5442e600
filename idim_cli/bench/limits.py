"""Limits of what is measured: a P must fit into memory, and be constructed in time."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from idim_cli.core.machine import free_bytes, in_units
from idim_cli.projectors.base import Cost


@dataclass(frozen=True)
class Room:
    """Free memory in bytes: main memory, in which P is constructed, and that of the device."""

    main: int
    device: int

    @classmethod
    def now(cls, device: torch.device) -> Room:
        """The free memory now."""
        return cls(free_bytes(), free_bytes(device))

    def shortage(self, cost: Cost) -> str:
        """Why a P of this cost does not fit; empty if it does."""
        # Constructed in main memory first, then moved to the device.
        for need, free in ((cost.build_bytes, self.main), (cost.state_bytes, self.device)):
            if need > free:
                return f"needs {in_units(need)}, but {in_units(free)} are free"
        return ""


@dataclass
class Pace:
    """Seconds to construct a kind of P, extrapolated from smaller ones of the same kind."""

    limit: float
    known: dict[str, float] = field(default_factory=dict)

    def learn(self, name: str, cost: Cost, seconds: float) -> None:
        """Record that constructing a P of this `cost` took `seconds`."""
        # In proportion to the size of P, which dominates for all kinds.
        self.known[name] = seconds / max(cost.state_bytes, 1)

    def excess(self, name: str, cost: Cost) -> str:
        """Why constructing it would take too long; empty if it does not, or nothing is known."""
        # A kind that is not known yet is tried: its smallest P shows its pace.
        expected = self.known.get(name, 0.0) * cost.state_bytes
        if expected <= self.limit:
            return ""
        return f"takes about {expected:,.0f} s to construct, more than --limit {self.limit:g}"
