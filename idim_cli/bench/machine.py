"""The machine of a measurement, and its load."""

from __future__ import annotations

import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from idim_cli.core.machine import cores


@dataclass(frozen=True)
class Machine:
    """The machine of a measurement.

    Attributes:
        device, device_name: that was computed on.
        cpu, cores, threads: of the host; cores and torch threads that this process may use.
        torch: version.
        load: mean number of running processes over the minute before the measurement; None if unknown.
    """

    device: str
    device_name: str
    cpu: str
    cores: int
    threads: int
    torch: str
    load: float | None

    def as_dict(self) -> dict[str, Any]:
        """By field."""
        return asdict(self)


def here(device: torch.device) -> Machine:
    """This machine as it is now."""
    cpu = _cpu_name()
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else cpu
    return Machine(str(device), name, cpu, cores(), torch.get_num_threads(), torch.__version__, load())


def load() -> float | None:
    """Mean number of running processes over the last minute; None if the system does not report it."""
    try:
        return round(os.getloadavg()[0], 2)
    # Windows has no load average.
    except (OSError, AttributeError):
        return None


def _cpu_name() -> str:
    try:
        # On Linux, `platform.processor` is empty or names the architecture only.
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
