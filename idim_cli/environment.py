"""What this machine has: versions, devices, memory, disk, data sets, extras."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import time
from pathlib import Path
from typing import Any

PACKAGES = ("idim", "torch", "torchvision", "numpy", "pandas", "pydantic", "scikit-learn", "typer")
EXTRAS = {"hf": "datasets"}
#: Files by which a data set is known to be there, below the data root.
DATASETS = {
    "mnist": "MNIST/raw/train-images-idx3-ubyte",
    "fashion_mnist": "FashionMNIST/raw/train-images-idx3-ubyte",
    "cifar10": "cifar-10-batches-py/data_batch_1",
}


def describe(data_root: str | None = None) -> dict[str, Any]:
    """Everything about this machine that bears on a run; `problems` lists what is needed and missing."""
    packages = versions()
    found = {
        "versions": packages,
        "devices": devices(),
        "memory": memory(),
        "disk_free_bytes": shutil.disk_usage(".").free,
        "data": data(data_root),
        "extras": {extra: importlib.util.find_spec(package) is not None for extra, package in EXTRAS.items()},
        "speed": speed(),
    }
    missing = [name for name, version in packages.items() if version is None]
    return {**found, "problems": [f"the package {name!r} is not installed" for name in missing]}


def versions() -> dict[str, str | None]:
    """Versions of Python, the system and the packages that matter; None where one is missing."""
    return {"python": platform.python_version(), "system": platform.platform(), **_packages()}


def devices() -> list[dict[str, Any]]:
    """The devices that `device: auto` chooses from, best first."""
    import torch

    found: list[dict[str, Any]] = [
        {
            "device": f"cuda:{i}",
            "name": torch.cuda.get_device_name(i),
            "free_bytes": torch.cuda.mem_get_info(i)[0],
        }
        for i in range(torch.cuda.device_count())
    ]
    if torch.backends.mps.is_available():
        found.append({"device": "mps", "name": platform.processor() or platform.machine()})
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return [*found, {"device": "cpu", "cores": cores, "threads": torch.get_num_threads()}]


def memory() -> dict[str, int]:
    """Main memory in bytes, in all and free."""
    import psutil

    status = psutil.virtual_memory()
    return {"total_bytes": int(status.total), "free_bytes": int(status.available)}


def data(data_root: str | None = None) -> dict[str, Any]:
    """The data root and which data sets lie below it."""
    root = data_root or os.environ.get("IDIM_DATA")
    found = {name: bool(root) and (Path(root or "") / file).is_file() for name, file in DATASETS.items()}
    return {"root": root, "found": {"digits": True, "toy": True, **found}}


def speed(seconds: float = 0.5) -> dict[str, float]:
    """A short probe of the CPU: float32 matrix products in GFLOP/s and copies in GB/s."""
    import torch

    a, size = torch.ones(512, 512), 1 << 24
    source, target = torch.ones(size), torch.empty(size)
    return {
        "matmul_gflops": 2 * 512**3 * _rate(lambda: a @ a, seconds / 2) / 1e9,
        "copy_gb_per_s": 8 * size * _rate(lambda: target.copy_(source), seconds / 2) / 1e9,
    }


def _rate(call: Any, seconds: float) -> float:
    """Calls a second."""
    call()
    start, count = time.perf_counter(), 0
    while (spent := time.perf_counter() - start) < seconds:
        call()
        count += 1
    return count / spent


def _packages() -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found
