"""Properties of this machine: versions, devices, memory, disk, data sets, extras."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import platform
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from idim_cli.core.errors import DISTRIBUTION, CapacityError, IdimError, printable

if TYPE_CHECKING:
    import torch

_log = logging.getLogger(__name__)
#: Extras for developers of idim.
_DEVELOPERS = ("dev", "test")
# Options of mallopt in glibc.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
#: Environment variable: processes that read examples for each training.
DATA_WORKERS = "IDIM_DATA_WORKERS"
_MOST_DATA_WORKERS = 8  # of one training: with more, the disk or the training itself is the limit
#: A file of each data set, below the data root, whose existence shows that it is there.
DATASETS = {
    "mnist": "MNIST/raw/train-images-idx3-ubyte",
    "fashion_mnist": "FashionMNIST/raw/train-images-idx3-ubyte",
    "cifar10": "cifar-10-batches-py/data_batch_1",
}


def describe(root: str | None = None, out: str | Path = ".") -> dict[str, Any]:
    """Everything about this machine that affects runs; `problems` lists missing requirements.

    Args:
        root: folder of the data sets, as for `data_root`.
        out: folder of the results, which need not exist yet.
    """
    found = {
        "versions": versions(),
        "devices": devices(),
        "memory": memory(),
        "disk": disk(out),
        "data": data(root),
        "extras": extras(),
        "speed": speed(),
    }
    return {**found, "problems": list(_problems(found))}


def _problems(found: dict[str, Any]) -> Iterator[str]:
    for name, version in found["versions"].items():
        if version is None:
            yield f"the package {name!r} is not installed"
    if not found["disk"]["writable"]:
        yield f"cannot write results in {found['disk']['folder']}"
    # No root is no problem: digits and toy need none.
    root = found["data"]["root"]
    if root is not None and not Path(root).is_dir():
        yield f"the folder of the data sets, {root}, does not exist"


def disk(folder: str | Path) -> dict[str, Any]:
    """The folder, or the nearest existing one above: free bytes, and whether it can be written to."""
    # The folder of the results is made by the first run, so its parent decides.
    here = Path(folder).absolute()
    while not here.exists():
        here = here.parent
    free = shutil.disk_usage(here).free
    try:
        # Permissions alone do not show it: the disk may be read-only, or /proc.
        with tempfile.TemporaryFile(dir=here):
            writable = True
    except OSError:
        writable = False
    return {"folder": str(here), "free_bytes": free, "writable": writable}


def extras() -> dict[str, bool]:
    """The extras of `idim`, and whether all packages of each are installed."""
    needed: dict[str, list[str]] = {}
    for line in _requires():
        if (extra := re.search(r"""extra == ['"]([^'"]+)""", line)) and extra[1] not in _DEVELOPERS:
            needed.setdefault(extra[1], []).append(_name(line))
    return {extra: all(map(_version, names)) for extra, names in sorted(needed.items())}


@functools.cache  # it is written into every result
def version() -> str:
    """The version of idim; ``unknown`` if it is not installed."""
    return _version(DISTRIBUTION) or "unknown"


def versions() -> dict[str, str | None]:
    """Versions of Python, the system and the required packages; None for missing ones."""
    required = {_name(line) for line in _requires() if "extra ==" not in line}
    packages = {name: _version(name) for name in [DISTRIBUTION, *sorted(required)]}
    return {"python": platform.python_version(), "system": platform.platform(), **packages}


def check_variables() -> None:
    """IdimError for values of environment variables with which torch and others would crash."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        value = os.environ.get(name, "")
        # OpenMP allows a list, a number for each level.
        if value and not re.fullmatch(r" *[0-9]*[1-9][0-9]* *(, *[0-9]*[1-9][0-9]* *)*", value):
            raise IdimError(f"{name} must be a number, got {printable(value)}", f"unset it, or {name}=1")


def keep_freed_memory() -> None:
    """Let this process keep the memory of freed tensors for the next ones (glibc only).

    By default each large tensor gets new pages, which the system fills with zeros: for six copies of 10M
    floats that took six times as long as copying. The price is that the process never shrinks.
    """
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        set_option = ctypes.CDLL(None).mallopt
        # No mapping of single tensors, no return of the heap's end, and growth by 64 MiB.
        for option, value in ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, 2**31 - 1), (_TOP_PAD, 1 << 26)):
            set_option(option, value)


def pick_device(name: str) -> torch.device:
    """The device `name`; ``auto`` is CUDA, else MPS, else the CPU. IdimError if it does not exist."""
    import torch

    if name == "auto":
        has_mps = torch.backends.mps.is_available()
        name = "cuda" if torch.cuda.is_available() else "mps" if has_mps else "cpu"
    try:
        device = torch.device(name)
        # Only an allocation shows whether the device works, and not just its name.
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        if not re.fullmatch(r"cpu|mps|cuda(:\d+)?", name):  # torch would list every device type that it knows
            raise IdimError(f"no device {name!r}", "known: auto, cpu, cuda, cuda:N, mps") from error
        reason = str(error).partition("\n")[0]
        raise IdimError(f"no device {name!r} here: {reason}", "use device=auto") from error
    _log.debug("device %s, %d torch threads", device, torch.get_num_threads())
    return device


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
    return [*found, {"device": "cpu", "cores": cores(), "threads": torch.get_num_threads()}]


def cores() -> int:
    """CPU cores that this process may use, limited by its affinity and the quota of its container."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    # A container may have all cores in its affinity, and time for two of them.
    quota = _quota()
    return allowed if quota is None else max(1, min(allowed, quota))


def _quota(root: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Whole CPUs that the control group (version 2 or 1) grants; None without a limit."""
    for names in (["cpu.max"], ["cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"]):
        with contextlib.suppress(OSError, ValueError):  # no such file, or "max"
            quota, period = " ".join((root / name).read_text() for name in names).split()
            return int(quota) // int(period) if int(quota) > 0 else None
    return None


def memory() -> dict[str, int]:
    """Main memory in bytes, total and free."""
    import psutil

    status = psutil.virtual_memory()
    return {"total_bytes": int(status.total), "free_bytes": int(status.available)}


def resident_bytes() -> int:
    """Main memory that this process holds now."""
    import psutil

    return int(psutil.Process().memory_info().rss)


def reset_peak() -> None:
    """Reset the peak of this process's memory, if the system can.

    Memory kept for reuse (`keep_freed_memory`) is returned first, as it would hide new allocations.
    """
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_bytes() -> int:
    """Peak of main memory since `reset_peak`; if unknown, the memory held now."""
    # Not getrusage: its maximum cannot be reset.
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("VmHWM:")).split()[1])
    return resident_bytes()


def free_bytes(device: torch.device | None = None) -> int:
    """Free memory of a device in bytes; None is main memory."""
    if device is None or device.type != "cuda":
        return memory()["free_bytes"]
    import torch

    # Memory that torch keeps for reuse counts as used for the driver, but is available here.
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(torch.cuda.mem_get_info(device)[0]) + unused


def refuse_size(D: int) -> None:
    """CapacityError for a network that does not fit into the free memory."""
    # theta0, P theta_d, theta and one more copy, in float32.
    need, free = 16 * D, free_bytes()
    if need > free:
        raise CapacityError(
            f"D = {D:,} parameters need {in_units(need)}, but {in_units(free)} are free",
            "use a machine with more memory",
        )


def in_units(size: float) -> str:
    """A number of bytes in decimal units."""
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.3g} {unit}"


def data_root(root: str | Path | None = None) -> Path | None:
    """The folder of all data sets: `root`, else the environment variable IDIM_DATA, else None."""
    chosen = root or os.environ.get("IDIM_DATA")
    _log.debug("data sets in %s", chosen or "no folder: none is set")
    return Path(chosen).expanduser() if chosen else None


def data_workers(jobs: int = 1) -> int:
    """Processes that read examples for each of `jobs` trainings: IDIM_DATA_WORKERS, else the free cores."""
    asked = os.environ.get(DATA_WORKERS, "")
    if asked and not asked.isdecimal():
        raise IdimError(
            f"{DATA_WORKERS} must be a number, got {printable(asked)}", f"unset it, or {DATA_WORKERS}=2"
        )
    # One core of each training's share is left for the training itself.
    return int(asked) if asked else max(0, min(cores() // jobs - 1, _MOST_DATA_WORKERS))


def data_cache() -> Path:
    """Default folder for downloaded data sets: ``idim/data`` in the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "idim" / "data"


def data(root: str | None = None) -> dict[str, Any]:
    """The data root and the data sets in it."""
    folder = data_root(root)
    found = {name: folder is not None and (folder / file).is_file() for name, file in DATASETS.items()}
    return {"root": str(folder) if folder else None, "found": {"digits": True, "toy": True, **found}}


def speed(seconds: float = 1.0) -> dict[str, float]:
    """A short probe of the CPU: float32 matrix products in GFLOP/s and copies in GB/s."""
    import torch

    # 512 x 512 fits the cache, so arithmetic is the limit; copies of 64 MB do not, so memory is.
    a, size = torch.ones(512, 512), 1 << 24
    source, target = torch.ones(size), torch.empty(size)
    return {
        "matmul_gflops": 2 * 512**3 * _rate(lambda: a @ a, seconds / 2) / 1e9,
        "copy_gb_per_s": 8 * size * _rate(lambda: target.copy_(source), seconds / 2) / 1e9,
    }


def _rate(call: Any, seconds: float) -> float:
    """Calls per second."""
    call()
    # After one call, which allocates and starts threads.
    start, count = time.perf_counter(), 0
    while (spent := time.perf_counter() - start) < seconds:
        call()
        count += 1
    return count / spent


def _requires() -> list[str]:
    """The requirements of idim, including extras; empty if it is not installed."""
    from importlib import metadata

    try:
        return metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return []


def _name(requirement: str) -> str:
    return re.split(r"[\s<>=!~;\[]", requirement)[0]


def _version(package: str) -> str | None:
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
