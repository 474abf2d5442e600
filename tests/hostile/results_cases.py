"""Results folders as a broken disk or an adversary would leave them: name -> what is done to a sound one.

Each damage is a function of the folder. `SOUND_LEFT` says for which of them a reading is still due.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

Damage = Callable[[Path], object]
HALF = "\ud800"
NASTY = "\x1b]0;t\a\x7f\x9b31m\x00\x0b\ufffe\n=1|<b>$\\frac$&amp;_%#{}~^"  # what each output must not obey


def build(folder: Path) -> Path:
    """A sweep of 2 direct runs and 8 in subspaces, as `idim sweep` leaves it, without checkpoints."""
    runs = []
    for d, scores in {
        None: (0.9, 0.92),
        10: (0.3, 0.35),
        20: (0.6, 0.7),
        40: (0.85, 0.86),
        80: (0.9, 0.89),
    }.items():
        for seed, score in enumerate(scores):
            where = f"d{d}-s{seed}.{seed}.{seed}" if d else f"s{seed}.{seed}"
            name = f"{'tied' if d else 'direct'}-{where}-0123456{seed}"
            result = _result(name, d, seed, score)
            _write(folder / "runs" / name / "result.json", result)
            metrics = "epoch,step,accuracy,seconds\n1,10,0.2,0.1\n2,20," + f"{score},0.2\n"
            (folder / "runs" / name / "metrics.csv").write_text(metrics)
            runs.append({"run_id": name, "over": {}, "baseline_config": "direct-c" if d else None})
    _write(folder / "plan.json", {"recipe": "small", "runs": runs})
    (folder / "recipe.yaml").write_text("name: small\ndataset: digits\nmodel: fc\ntraining: {epochs: 2}\n")
    return folder


def _result(name: str, d: int | None, seed: int, score: float) -> dict[str, Any]:
    return {
        "run_id": name, "recipe": "small", "status": "ok", "direct": d is None, "dataset": "digits",
        "model": "fc", "projector": "tied" if d else "identity", "task": "classify", "seed_theta0": seed,
        "seed_projector": seed if d else None, "seed_data": seed, "performance_is": "final",
        "config": "tied-c" if d else "direct-c", "coords": {}, "torch": "2", "python": "3", "threads": 1,
        "D": 1000, "d": d or 1000, "performance": score, "metric": "accuracy", "score_on": "validation",
        "epoch": 2, "epochs": 2, "steps": 20, "peak": score, "stop_level": None, "jitter": 0.01,
        "forecast": None, "metrics": {"loss": 0.5}, "column_norm_min": 1.0, "column_norm_max": 1.0,
        "coherence": 0.1, "columns_sampled": 10, "layer_share": {"a": 1.0}, "data": [], "device": "cpu",
        "seconds": 1.0, "peak_memory_bytes": 1000,
    }  # fmt: skip


def _write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def first(folder: Path) -> Path:
    """The result.json that is damaged: one of d = 40."""
    return next((folder / "runs").glob("tied-d40-s0*/result.json"))


def _change(**changes: Any) -> Damage:
    """Fields of one result.json set to other values; `...` removes one."""

    def damage(folder: Path) -> None:
        path = first(folder)
        content = {**json.loads(path.read_text()), **changes}
        _write(path, {key: value for key, value in content.items() if value is not ...})

    return damage


def _everywhere(**changes: Any) -> Damage:
    """The same in each result.json."""

    def damage(folder: Path) -> None:
        for path in (folder / "runs").glob("*/result.json"):
            _write(path, {**json.loads(path.read_text()), **changes})

    return damage


def _raw(content: bytes | str, name: str = "") -> Damage:
    """A file with other content: of the one result, or the file called `name`."""

    def damage(folder: Path) -> None:
        path = folder / name if name else first(folder)
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))

    return damage


def _text(old: str, new: str) -> Damage:
    """Other text within one result.json."""

    def damage(folder: Path) -> None:
        path = first(folder)
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new, 1))

    return damage


def _instead(make: Callable[[Path], object], name: str = "") -> Damage:
    """Something else than a file in its place."""

    def damage(folder: Path) -> None:
        path = folder / name if name else first(folder)
        path.unlink()
        make(path)

    return damage


def _plan(change: Callable[[dict[str, Any]], object]) -> Damage:
    def damage(folder: Path) -> None:
        content = json.loads((folder / "plan.json").read_text())
        change(content)
        _write(folder / "plan.json", content)

    return damage


def _planned(**changes: Any) -> Damage:
    return _plan(lambda plan: plan["runs"][4].update(changes))


def _no_runs(folder: Path) -> None:
    shutil.rmtree(folder / "runs")
    (folder / "runs").mkdir()


_DEEP = "[" * 100_000
_OWN = {"task": "./mine.py:Mine"}  # whose performance may be any number
DAMAGES: dict[str, Damage] = {
    # --- one result.json that is none
    "empty": _raw(b""),
    "one-nul": _raw(b"\0"),
    "nuls": _raw(bytes(100_000)),
    "a-comma-lost": _text('"recipe": "small", ', '"recipe": "small" '),
    "half": lambda folder: os.truncate(first(folder), 200),
    "not-utf-8": _raw(b'{"run_id": "\xff"}'),
    "utf-16": _raw("{}".encode("utf-16")),
    "a-list": _raw(b"[]"),
    "a-number": _raw(b"3"),
    "null": _raw(b"null"),
    "an-empty-mapping": _raw(b"{}"),
    "deep-lists": _raw(_DEEP),
    "deep-mappings": _raw('{"a":' * 50_000),
    "deep-and-closed": _raw(_DEEP + "]" * 100_000),
    "deep-field": _text('"data": []', f'"data": {"[" * 900}{"]" * 900}'),
    "deeper-field": _text('"data": []', f'"data": {"[" * 5000}{"]" * 5000}'),
    "large": _raw(b'{"run_id": "' + b"a" * 40_000_000 + b'"}'),
    "duplicate-keys": _text('"d": 40', '"d": 40, "d": 41'),
    "a-folder": _instead(Path.mkdir),
    "a-pipe": _instead(os.mkfifo),
    "an-endless-device": _instead(lambda path: path.symlink_to("/dev/zero")),
    "a-link-to-itself": _instead(lambda path: path.symlink_to(path.name)),
    "a-link-to-nothing": _instead(lambda path: path.symlink_to("nothing")),
    "a-link-to-a-password": _instead(lambda path: path.symlink_to("/etc/passwd")),
    # --- its numbers
    "d-null": _change(d=None),
    "d-missing": _change(d=...),
    "d-text": _change(d="40"),
    "d-real": _change(d=40.0),
    "d-true": _change(d=True),
    "d-zero": _change(d=0),
    "d-negative": _change(d=-40),
    "d-of-another-run": _change(d=41),
    "d-2-to-62": _change(d=2**62),
    "d-2-to-64": _change(d=2**64),
    "d-10-to-400": _text('"d": 40', f'"d": {10**400}'),
    "d-10-to-5000": _text('"d": 40', f'"d": {"9" * 5000}'),
    "d-a-list": _change(d=[40]),
    "D-null": _change(D=None),
    "D-negative": _change(D=-1),
    "D-below-d": _change(D=3),
    "D-10-to-400": _text('"D": 1000', f'"D": {10**400}'),
    "performance-unlike-its-metric": _change(performance=0.99, metrics={"validation_accuracy": 0.19}),
    "performance-unlike-its-curve": _change(performance=0.99, curve=[0.1, 0.19]),
    "performance-unlike-its-best": _change(performance=0.19, performance_is="best", curve=[0.5, 0.19]),
    "accuracy-of-5": _change(performance=5.0),
    "accuracy-below-0": _change(performance=-3.0),
    "chance-above-1": _change(chance=1.5),
    "metric-without-a-figure": _change(metric="d", metrics={"validation_accuracy": 0.85}),
    "epoch-beyond-all": _change(epoch=3),
    "epoch-before-the-last": _change(epoch=1),
    "direct-in-a-subspace": _change(direct=True),
    "another-projector": _change(projector="dense"),
    "D-unlike-the-others": _change(D=2000),
    "performance-null": _change(performance=None),
    "performance-missing": _change(performance=...),
    "performance-text": _change(performance="0.85"),
    "performance-nan": _text('"performance": 0.85', '"performance": NaN'),
    "performance-infinite": _text('"performance": 0.85', '"performance": -Infinity'),
    "performance-1e308": _change(performance=1e308),
    "performance-minus-1e308": _change(performance=-1e308),
    "performance-1e400": _text('"performance": 0.85', '"performance": 1e400'),
    "performance-10-to-400": _text('"performance": 0.85', f'"performance": {10**400}'),
    "performance-a-list": _change(performance=[0.85]),
    "all-performances-1e308": _everywhere(**_OWN, performance=1e308),
    "all-performances-1e99": _everywhere(**_OWN, performance=1e99),
    "all-performances-zero": _everywhere(**_OWN, performance=0.0),
    "all-performances-negative": _everywhere(**_OWN, performance=-1.0),
    "all-performances-tiny": _everywhere(**_OWN, performance=5e-324),
    "seed-10-to-400": _text('"seed_data": 0', f'"seed_data": {10**400}'),
    "seed-negative": _change(seed_data=-1),
    "seconds-nan": _text('"seconds": 1.0', '"seconds": NaN'),
    "epoch-text": _change(epoch="two"),
    "jitter-1e308": _change(jitter=1e308),
    "peak-nan": _text('"peak": 0.85', '"peak": NaN'),
    "layer-share-infinite": _text('"layer_share": {"a": 1.0}', '"layer_share": {"a": Infinity}'),
    "metric-1e308": _change(metrics={"loss": 1e308}),
    # --- its words
    "run-id-null": _change(run_id=None),
    "run-id-of-another": _change(run_id="tied-d20-s0.0.0-01234560"),
    "run-id-with-a-way-out": _change(run_id="../../../etc"),
    "status-unknown": _change(status="splendid"),
    "status-null": _change(status=None),
    "status-number": _change(status=3),
    "failed-without-reason": _change(status="failed", performance=None),
    "failed-nastily": _change(status="failed", reason=NASTY, hint=NASTY, performance=None),
    "solved-without-level": _change(status="solved"),
    "direct-text": _change(direct="no"),
    "metrics-a-list": _change(metrics=[1]),
    "metrics-nested": _change(metrics={"loss": {"a": 1}}),
    "metrics-text": _change(metrics={"loss": "low"}),
    "metric-called-d": _everywhere(metrics={"d": 3.0, "performance": 0.1, "status": 1.0, "run_id": 7.0}),
    "metric-of-nasty-name": _everywhere(metrics={NASTY: 0.5}),
    "many-metrics": _change(metrics={f"m{i}": 0.5 for i in range(20_000)}),
    "half-character": _text('"device": "cpu"', '"device": "\\ud800"'),
    "half-character-in-a-metric": _text('"metrics": {"loss"', '"metrics": {"\\udc80"'),
    "nasty-metric": _everywhere(metric=NASTY),
    "nasty-model": _everywhere(model=NASTY),
    "nasty-dataset": _everywhere(dataset=NASTY),
    "nasty-projector": _change(projector=NASTY),
    "nasty-recipe": _everywhere(recipe=NASTY),
    "nasty-device": _everywhere(device=NASTY),
    "nasty-score": _everywhere(score_on=NASTY),
    "nasty-task": _everywhere(task=NASTY),
    "nasty-coords": _everywhere(coords={NASTY: NASTY}),
    "nasty-notes": _everywhere(data=[NASTY]),
    "nasty-layer": _everywhere(layer_share={NASTY: 0.5}),
    "maths-in-the-metric": _everywhere(metric="$\\frac$"),
    "a-dollar-in-the-model": _everywhere(model="a$b"),
    "long-metric": _everywhere(metric="m" * 20_000),
    "long-model": _everywhere(model="m" * 20_000),
    "wide-metric": _everywhere(metric="\U0001f600" * 300),
    "right-to-left-metric": _everywhere(metric="\u202eevil\u2066"),
    "models-that-differ": _change(model=NASTY),
    # --- plan.json
    "plan-empty": _raw(b"", "plan.json"),
    "plan-nuls": _raw(bytes(1000), "plan.json"),
    "plan-not-utf-8": _raw(b"\xff", "plan.json"),
    "plan-a-list": _raw(b"[]", "plan.json"),
    "plan-without-runs": _raw(b'{"recipe": "x"}', "plan.json"),
    "plan-of-numbers": _raw(b'{"runs": [1, 2]}', "plan.json"),
    "plan-of-null": _raw(b'{"runs": null}', "plan.json"),
    "plan-of-nothing": _raw(b'{"runs": []}', "plan.json"),
    "plan-deep": _raw(_DEEP, "plan.json"),
    "plan-a-folder": _instead(Path.mkdir, "plan.json"),
    "plan-a-pipe": _instead(os.mkfifo, "plan.json"),
    "plan-an-endless-device": _instead(lambda path: path.symlink_to("/dev/zero"), "plan.json"),
    "plan-with-an-absolute-run": _planned(run_id="/etc"),
    "plan-with-a-way-out": _planned(run_id="../../outside"),
    "plan-with-nul": _planned(run_id="a\0b"),
    "plan-with-a-long-name": _planned(run_id="a" * 5000),
    "plan-with-half-a-character": _planned(run_id=HALF),
    "plan-with-a-number": _planned(run_id=3),
    "plan-with-null": _planned(run_id=None),
    "plan-with-a-list": _planned(run_id=[1]),
    "plan-with-a-run-twice": _plan(lambda plan: plan["runs"].extend(plan["runs"])),
    "plan-with-over-a-list": _planned(over=[1]),
    "plan-with-over-null": _planned(over=None),
    "plan-with-over-text": _planned(over="x"),
    "plan-with-nasty-over": _planned(over={NASTY: NASTY}),
    "plan-with-deep-over": _planned(over={"model.depth": [[[[[[1]]]]]]}),
    "plan-with-half-over": _planned(over={"model.depth": HALF}),
    "plan-with-large-over": _planned(over={"model.depth": 10**400}),
    "plan-with-a-baseline-number": _planned(baseline_config=3),
    "plan-with-a-baseline-list": _planned(baseline_config=[1]),
    "plan-with-a-nasty-baseline": _planned(baseline_config=NASTY),
    "plan-with-over-called-d": _planned(over={"d": 3, "performance": 7}),
    # --- what lies beside
    "metrics-not-utf-8": lambda folder: (first(folder).parent / "metrics.csv").write_bytes(b"\xff\xfe,\n1\n"),
    "metrics-of-text": lambda folder: (first(folder).parent / "metrics.csv").write_text("epoch,a\nx,y\n"),
    "metrics-of-nuls": lambda folder: (first(folder).parent / "metrics.csv").write_bytes(bytes(1000)),
    "metrics-nasty": lambda folder: (first(folder).parent / "metrics.csv").write_text(
        f'epoch,step,"{NASTY}"\n1,1,0.5\n'
    ),
    "metrics-a-folder": lambda folder: (
        (first(folder).parent / "metrics.csv").unlink(),
        (first(folder).parent / "metrics.csv").mkdir(),
    ),
    "recipe-deep": _raw(_DEEP, "recipe.yaml"),
    "recipe-nuls": _raw(bytes(100), "recipe.yaml"),
    "recipe-nasty": _raw(f"name: small\n# {NASTY}\n", "recipe.yaml"),
    "recipe-a-pipe": _instead(os.mkfifo, "recipe.yaml"),
    "no-recipe": lambda folder: (folder / "recipe.yaml").unlink(),
    "no-plan": lambda folder: (folder / "plan.json").unlink(),
    "no-runs": _no_runs,
    "a-run-that-is-a-file": lambda folder: (folder / "runs" / "tied-d40-s9.9.9-01234569").write_text("x"),
    "a-run-without-a-result": lambda folder: first(folder).unlink(),
}
