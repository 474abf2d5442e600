"""`idim doctor`: what this machine has, and what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from idim_cli.cli import console, options
from idim_cli.core.errors import DISTRIBUTION, RUN_FAILED
from idim_cli.core.machine import describe, in_units


def command(
    data: options.DataRootOption = None,
    out: options.OutOption = Path("results"),
    as_json: options.JsonOption = False,
) -> None:
    """Show versions, devices, memory, disk, data sets and extras, and probe the speed.

    Exit code: 0, or 1 when a requirement of idim is missing.
    """
    found = describe(data, out)
    console.document("doctor/1", found) if as_json else console.out("\n".join(_lines(found)))
    # After the output, which names them.
    if found["problems"]:
        raise typer.Exit(RUN_FAILED)


def _lines(found: dict[str, Any]) -> list[str]:
    memory, disk, data = found["memory"], found["disk"], found["data"]
    rows = [(name, version or "MISSING") for name, version in found["versions"].items()]
    rows += [("device", _device(device)) for device in found["devices"]]
    rows += [
        ("memory", f"{in_units(memory['free_bytes'])} free of {in_units(memory['total_bytes'])}"),
        ("disk", f"{in_units(disk['free_bytes'])} free in {disk['folder']}"),
        ("speed", "{matmul_gflops:.0f} GFLOP/s, copies {copy_gb_per_s:.1f} GB/s".format(**found["speed"])),
        ("data root", data["root"] or "not set (--data or IDIM_DATA)"),
    ]
    rows += [(name, "found" if there else "missing") for name, there in data["found"].items()]
    rows += [(f"{DISTRIBUTION}[{name}]", "yes" if there else "no") for name, there in found["extras"].items()]
    # Last, next to the prompt, where they are read.
    rows += [("PROBLEM", problem) for problem in found["problems"]]
    width = max(len(name) for name, _ in rows)
    return [f"{name:<{width}} {value}" for name, value in rows]


def _device(device: dict[str, Any]) -> str:
    if "cores" in device:
        return f"cpu ({device['cores']} cores, {device['threads']} threads)"
    free = f", {in_units(device['free_bytes'])} free" if "free_bytes" in device else ""
    return f"{device['device']} ({device['name']}{free})"
