"""The parts of check.sh, which describes the file that they are written to."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DEVICE, SMALL = os.environ.get("DEVICE") or "cuda", os.environ.get("SMALL") == "1"
BUDGET = float(os.environ.get("BUDGET") or 470)
Figures = dict[str, Any]
_BEGAN = time.monotonic()
#: Relative difference from the CPU of sums in float32, which are taken in another order.
_CLOSE = 1e-4
_TESTS = [
    "tests/bench",
    "tests/codec/test_devices.py",
    "tests/suites",
    "tests/test_subspace.py",
    "tests/training",
]
RECIPE = """
name: noise
dataset: {name: "idim_cli.bench.synthetic:images", n: 10000}
model: {name: fc, depth: 2, width: 200}
training: {batch_size: 128, epochs: 1, optimizer: {name: adam, lr: 0.01}}
projector: tied
sweep: {d: [750], seeds: 64, baseline: {seeds: 1}}
"""


class SkippedError(Exception):
    """A part that cannot run here."""


class FailedError(Exception):
    """A part that ran, and whose figures are wrong."""

    def __init__(self, why: str, figures: Figures) -> None:
        super().__init__(why)
        self.figures = figures


def left() -> float:
    """Seconds of the budget."""
    return BUDGET - (time.monotonic() - _BEGAN)


def idim(*arguments: str, accept: tuple[int, ...] = (0,)) -> Figures:
    """The JSON document that a verb prints; in this process, as starting torch anew takes seconds."""
    from typer.testing import CliRunner

    from idim_cli.cli.app import app

    done = CliRunner().invoke(app, [*arguments, "--json", "-q"])
    if done.exit_code not in accept:
        raise RuntimeError(f"idim {arguments[0]}: {done.exception or done.stderr[-600:]}")
    found: Figures = json.loads(done.stdout)
    return found


def machine() -> Figures:
    """What is measured on."""
    import torch

    from idim_cli.bench.machine import here

    gpu = torch.cuda.get_device_properties(DEVICE) if DEVICE.startswith("cuda") else None
    return {
        **here(torch.device(DEVICE)).as_dict(),
        "python": platform.python_version(),
        "cuda": torch.version.cuda,
        "memory_bytes": gpu and gpu.total_memory,
        "capability": gpu and f"{gpu.major}.{gpu.minor}",
    }


def tests(scratch: Path) -> Figures:
    """The tests marked gpu."""
    try:
        import pytest  # noqa: F401
    except ImportError:
        raise SkippedError("pytest is not installed") from None
    paths = [str(ROOT / "tests" / name) for name in (_TESTS[:1] if SMALL else _TESTS)]
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider", *paths]
    said = subprocess.run(command, capture_output=True, text=True, cwd=ROOT).stdout
    words = ("passed", "failed", "errors?", "skipped")
    counts = {word.rstrip("s?"): sum(map(int, re.findall(rf"(\d+) {word}\b", said))) for word in words}
    if counts["failed"] or counts["error"]:
        raise FailedError("; ".join(re.findall(r"^(?:FAILED|ERROR) (.*)$", said, re.MULTILINE))[:600], counts)
    if not counts["passed"]:
        raise SkippedError(f"none of {counts['skipped']} tests runs on {DEVICE}")
    return counts


def bits(scratch: Path) -> Figures:
    """P of every kind, made on the CPU and moved: its tensors, its columns, its products."""
    import torch

    from idim_cli.projectors import REGISTRY
    from idim_cli.projectors.base import build

    D, d = (3_001, 100) if SMALL else (100_003, 300)
    found, wrong = Figures(), []
    for name in REGISTRY:
        width = D if name == "identity" else d
        here, there = (build(name, [D // 3, D - D // 3], width, 0) for _ in range(2))
        there = there.to(DEVICE)
        v, g = torch.linspace(-1, 1, width), torch.linspace(-1, 1, D)
        units = torch.eye(width)[: min(width, 4)] if width <= d else torch.eye(4, width)
        columns = here.project(units), there.project(units.to(DEVICE)).cpu()
        found[name] = {
            "state_equal": _same_state(here, there),
            "columns_equal": torch.equal(*columns),
            "columns_off": float((columns[0] - columns[1]).abs().max()),
            "forward_off": _off(here.project(v), there.project(v.to(DEVICE)).cpu()),
            "adjoint_off": _off(here.adjoint(g), there.adjoint(g.to(DEVICE)).cpu()),
        }
        one = found[name]
        if not one["state_equal"] or max(one["columns_off"], one["forward_off"], one["adjoint_off"]) > _CLOSE:
            wrong.append(name)
    if wrong:
        raise FailedError(f"other than on the CPU: {', '.join(wrong)}", {"projectors": found})
    return {"projectors": found}


def _same_state(one: Any, other: Any) -> bool:
    """Whether all tensors that P holds, also within its parts, have the same bits."""
    import torch

    pairs = [(one, other), *zip(one.children(), other.children(), strict=True)]
    for here, there in pairs:
        for name, value in vars(here).items():
            if isinstance(value, torch.Tensor) and not torch.equal(value, vars(there)[name].cpu()):
                return False
    return True


def _off(here: Any, there: Any) -> float:
    return float((here - there).abs().max() / here.abs().max())


def expand(scratch: Path) -> Figures:
    """Files expanded by a process that sees the GPU and by one that does not; P theta_d on the device."""
    import torch

    from idim_cli.compression.format import solution
    from idim_cli.compression.rebuild import rebuild
    from idim_cli.projectors.base import build

    files = sorted((ROOT / "tests/codec/golden").glob("*-*.idim"))
    chosen = [file for file in files if file.name.startswith(("digits-", "mnist-fc", "mnist-lenet"))]
    chosen = chosen[:3] if SMALL else chosen
    torch.zeros(1, device=DEVICE)  # it is in use from here on
    here = digests(chosen)
    env = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, __file__, "digests", *map(str, chosen)]
    without = json.loads(subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout)
    found, wrong = Figures(), []
    for file in chosen:
        equal = here[file.stem] == without[file.stem]
        content = solution.read(file)
        sizes = [parameter.numel() for parameter in rebuild(content).module.parameters()]
        P = build(content.spec.projector, sizes, content.d, content.seeds.projector)
        with torch.no_grad():
            step = P.project(content.coords)
            there = P.to(DEVICE).project(content.coords.to(DEVICE)).cpu()
        found[file.stem] = {"equal": equal, "step_off": _off(step, there)}
        if not equal or found[file.stem]["step_off"] > _CLOSE:
            wrong.append(file.stem)
    if wrong:
        raise FailedError(f"other than on the CPU: {', '.join(wrong)}", {"files": found})
    return {"files": found}


def digests(files: Sequence[Path]) -> dict[str, str]:
    """Of the state_dicts that compressed files expand to."""
    import safetensors.torch

    import idim_cli

    states = {file.stem: safetensors.torch.save(idim_cli.expand(file)) for file in files}
    return {name: hashlib.sha256(state).hexdigest() for name, state in states.items()}


def bench(name: str, *arguments: str) -> Callable[[Path], Figures]:
    """A part that runs `idim bench NAME`."""

    def part(scratch: Path) -> Figures:
        out = ["--out", str(scratch / "bench")]
        document = idim("bench", name, "--seconds", "0" if SMALL else "0.2", *arguments, *out)
        return {key: document[key] for key in ("machine", "rows")}

    return part


def sweep(scratch: Path) -> Figures:
    """A sweep over noise of MNIST's size, in packs of different sizes."""
    file, overrides = scratch / "noise.yaml", ()
    file.write_text(RECIPE)
    sizes = (1, 2, 4) if SMALL else (1, 16, 64)
    if SMALL:
        overrides = ("dataset.n=300", "model.width=8", "sweep.d=[20]", "sweep.seeds=4")
    found: Figures = {}
    scores: dict[int, dict[str, float]] = {}
    for size in sizes:
        out, began = scratch / f"pack{size}", time.monotonic()
        options = ("--out", str(out), "--jobs", "1", "--pack", str(size), "--device", DEVICE, "--trust-code")
        idim("sweep", str(file), *overrides, *options, accept=(0, 3))
        results = [json.loads(path.read_text()) for path in (out / "noise/runs").glob("*/result.json")]
        scores[size] = {
            one["run_id"]: one["performance"] for one in results if one["projector"] != "identity"
        }
        seconds = time.monotonic() - began
        off = max((abs(scores[size][key] - value) for key, value in scores[1].items()), default=0.0)
        found[str(size)] = {
            "seconds": round(seconds, 3),
            "seconds_per_run": round(seconds / len(results), 5),
            "score": sum(scores[size].values()) / len(scores[size]),
            "score_off": off,
        }
    first = results[0]
    return {
        "D": first["D"],
        "d": 20 if SMALL else 750,
        "runs": len(results),
        "steps": first["steps"],
        "packs": found,
    }


def devices(scratch: Path) -> Figures:
    """The same run on both devices."""
    few = ("training.epochs=2",) if SMALL else ()
    found = {}
    for key, device in (("device", DEVICE), ("cpu", "cpu")):
        out = str(scratch / f"train-{key}")
        found[key] = idim("train", "quickstart", *few, "--device", device, "--out", out)["performance"]
    if abs(found["device"] - found["cpu"]) > 0.05:
        raise FailedError("another performance than on the CPU", found)
    return found


def search(scratch: Path) -> Figures:
    """An adaptive search."""
    few = ("training.epochs=2", "sweep.search.max_runs=4") if SMALL else ()
    began, out = time.monotonic(), str(scratch / "search")
    options = ("--adaptive", "--precision", "20%", "--device", DEVICE, "--out", out)
    document = idim("sweep", "quickstart", *few, *options, accept=(0, 3))
    return {"seconds": round(time.monotonic() - began, 3), "runs": document["runs"]["planned"]}


_SIZES = "3k" if SMALL else "100k,1M,10M"
_FAST = ("--projector", "tied", "--projector", "sparse")
PARTS: dict[str, Callable[[Path], Figures]] = {
    "tests": tests,
    "bits": bits,
    "expand": expand,
    "bench-projectors": bench(
        "projectors", "--D", _SIZES, "--device", DEVICE, "--limit", "15", *(_FAST if SMALL else ())
    ),
    "bench-step": bench(
        "step", "--d", "20" if SMALL else "750,10000", "--device", DEVICE, *_FAST,
        *(("model.width=8", "dataset.n=300") if SMALL else ("--projector", "fastfood")),
    ),
    "bench-pack": bench("pack", "--runs", "1,2" if SMALL else "1,16,64", "--device", DEVICE),
    "sweep": sweep,
    "devices": devices,
    "search": search,
}  # fmt: skip


def _late(*_: object) -> None:
    raise TimeoutError(f"not done after {BUDGET:g} s in all")


def main(out: Path, scratch: Path) -> int:
    """Run all parts; the exit code."""
    signal.signal(signal.SIGALRM, _late)
    whole: Figures = {"schema": "idim/gpu-check/1", "device": DEVICE, "small": SMALL}
    try:
        whole |= {"ok": True, "seconds": 0.0, "machine": machine(), "parts": []}
    except Exception as error:
        print(f"error: no device {DEVICE!r}: {error}", file=sys.stderr)
        return 2
    for name, part in PARTS.items():
        one: Figures = {"name": name, "status": "ok", "seconds": 0.0, "why": "", "figures": {}}
        began = time.monotonic()
        try:
            if left() <= 0:
                raise SkippedError(f"no time left after {BUDGET:g} s")
            signal.setitimer(signal.ITIMER_REAL, left())
            one["figures"] = part(scratch)
        except SkippedError as why:
            one |= {"status": "skipped", "why": str(why)}
        except FailedError as why:
            one |= {"status": "failed", "why": str(why), "figures": why.figures}
        except Exception as error:
            one |= {"status": "failed", "why": f"{type(error).__name__}: {error}"}
        signal.setitimer(signal.ITIMER_REAL, 0)
        one["seconds"] = round(time.monotonic() - began, 3)
        whole["parts"].append(one)
        whole["ok"] = all(done["status"] != "failed" for done in whole["parts"])
        whole["seconds"] = round(time.monotonic() - _BEGAN, 3)
        out.write_text(json.dumps(whole, indent=2) + "\n")
        print(f"{one['status']:8} {name:18} {one['seconds']:7.1f} s  {one['why']}".rstrip(), flush=True)
    print(f"wrote {out}")
    return 0 if whole["ok"] else 1


if __name__ == "__main__":
    if sys.argv[1] == "digests":
        print(json.dumps(digests([Path(name) for name in sys.argv[2:]])))
    else:
        sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
