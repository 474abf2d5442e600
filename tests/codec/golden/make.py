"""Writes golden files that are not there yet, and their facts into index.json; those that are there stay.

    python tests/codec/golden/make.py

A file here stands for those in the world: it must be read for ever, as it was read when it was made.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from idim_cli.compression import from_checkpoint, write
from idim_cli.compression.format import container, shipped, solution
from idim_cli.compression.format.coordinates import Coords, Exact
from idim_cli.compression.format.solution import Solution
from idim_cli.compression.format.spec import Spec
from idim_cli.compression.rebuild import rebuild
from idim_cli.core.rng import Stream
from idim_cli.models import base as models
from idim_cli.projectors.native import native_parameters
from idim_cli.projectors.quantiser import Quantiser
from idim_cli.recipe.schema import Component, Seeds

HERE = Path(__file__).parent
INDEX = HERE / "index.json"
OWN = Component(name="./own.py:net")


def described(model: Component, projector: Component, shape: list[int], classes: int, **more: Any) -> Spec:
    """A spec that has no number."""
    dataset = Component(name="digits", params={"fraction": 0.5})
    return Spec(
        model=model,
        projector=projector,
        dataset=dataset,
        task=Component(name="classify", params={"score": "validation"}),
        shape=shape,
        classes=classes,
        **more,
    )


def component(name: str, **params: Any) -> Component:
    return Component(name=name, params=params)


SMALL = component("fc", depth=1, width=5, dropout=0.0)
TIED = component("tied")
#: Name: spec (or the number of one), d, levels (0 is exact), kind of book, seeds of theta0 and P.
CASES: dict[str, tuple[Spec | int, int, int, str, tuple[int, int]]] = {
    "digits-tied-exact": (48, 20, 0, "", (0, 0)),
    "digits-tied-uniform-256": (48, 90, 256, "uniform", (2**63 - 1, 2**63 - 2)),
    "digits-sparse-uniform-3": (49, 60, 3, "uniform", (1, 2)),
    "digits-fastfood-uniform-2": (50, 50, 2, "uniform", (3, 300)),
    "digits-dense-uniform-16": (51, 40, 16, "uniform", (5, 6)),
    "digits-direct-uniform-3": (52, 2410, 3, "uniform", (7, 0)),
    "digits-truncated-kmeans-4": (53, 33, 4, "kmeans", (8, 9)),
    "digits-layerwise-kmeans-5": (54, 30, 5, "kmeans", (10, 11)),
    "mnist-fc-tied-uniform-3": (16, 100, 3, "uniform", (1, 1)),
    "mnist-fc-fastfood-kmeans-16": (18, 80, 16, "kmeans", (12, 13)),
    "mnist-lenet-tied-uniform-4": (32, 70, 4, "uniform", (14, 15)),
    "cifar10-lenet-sparse-exact": (65, 7, 0, "", (16, 17)),
    "cifar10-fc-tied-kmeans-2": (80, 64, 2, "kmeans", (18, 19)),
    "fashion-fc-layerwise-uniform-3": (102, 40, 3, "uniform", (20, 21)),
    "fashion-lenet-dense-uniform-3": (115, 12, 3, "uniform", (22, 23)),
    "user-shape-exact": (described(SMALL, TIED, [7, 2], 3), 4, 0, "", (24, 25)),
    "user-width-uniform-3": (
        described(component("fc", depth=3, width=9, dropout=0.5), component("sparse", density=0.2), [5], 2),
        30, 3, "uniform", (26, 27),
    ),
    "frozen-part-kmeans-3": (
        described(SMALL, component("fastfood", stacked=True), [6], 4, trainable=["output.*"]),
        9, 3, "kmeans", (28, 29),
    ),
    "layers-of-sparse-exact": (
        described(SMALL, component("layerwise", inner={"name": "sparse", "density": 0.5}), [6], 4),
        8, 0, "", (30, 31),
    ),
    "dense-orthogonal-uniform-4": (
        described(SMALL, component("dense", orthogonal=True), [6], 4), 10, 4, "uniform", (32, 33),
    ),
    "own-buffers-exact": (described(OWN, TIED, [6], 4), 5, 0, "", (34, 35)),
    "own-buffers-uniform-4": (described(OWN, TIED, [6], 4), 20, 4, "uniform", (36, 37)),
}  # fmt: skip


def main() -> None:
    """Add what is missing."""
    os.chdir(HERE)  # where ./own.py lies
    index = json.loads(INDEX.read_text()) if INDEX.exists() else {}
    for name in [name for name in CASES if name not in index]:
        data = container.pack(content_of(name))
        (HERE / f"{name}.idim").write_bytes(data)
        index[name] = facts(data)
        print(name, len(data))
    rows = [f"{json.dumps(name)}: {json.dumps(said)}" for name, said in sorted(index.items())]
    INDEX.write_text("{\n" + ",\n".join(rows) + "\n}\n")


def content_of(name: str) -> container.Content:
    """What the file of a case says."""
    named, d, levels, codebook, (theta0, projector) = CASES[name]
    spec = shipped.named(named)[0] if isinstance(named, int) else named
    module = models.build(spec.model, spec.shape, spec.classes, theta0)
    D = sum(parameter.numel() for _, parameter in native_parameters(module, spec.trainable))
    buffers = {key: value.clone() for key, value in sorted(module.named_buffers())}
    for key, value in buffers.items():
        if value.is_floating_point():
            value.copy_(torch.from_numpy(Stream(1, f"golden/{key}").normals(value.numel())).abs())
    if "norm.num_batches_tracked" in buffers:
        buffers["norm.num_batches_tracked"].fill_(200)
    seeds = Seeds(theta0=theta0, projector=projector)
    return write.content(Solution(spec, D, seeds, _coords(name, d, levels, codebook), buffers))


def _coords(name: str, d: int, levels: int, codebook: Any) -> Coords:
    values = (0.7 * Stream(0, f"golden/{name}").normals(d)).astype(np.float32)
    if not levels:
        return Exact(values)
    quantiser = Quantiser(levels, codebook)
    quantiser.fit(torch.from_numpy(values))
    return from_checkpoint.quantised(quantiser, torch.from_numpy(values))


def facts(data: bytes) -> dict[str, Any]:
    """What a file is read as; run in the folder of own.py."""
    content = container.unpack(data)
    spec, coords = content.spec, content.coords
    start = models.build(spec.model, spec.shape, spec.classes, content.seeds.theta0)
    module = rebuild(solution.of(content), trust_code=True).module
    theta = torch.cat([parameter.detach().flatten() for parameter in module.parameters()]).double()
    at = sorted({round(share * (len(theta) - 1)) for share in (0, 0.1, 0.25, 0.5, 0.61803, 0.75, 0.9, 1)})
    return {
        "bytes": len(data),
        "number": shipped.number(spec, content.D),
        "spec": json.loads(json.dumps(spec._row())),
        "D": content.D,
        "d": coords.d,
        "levels": coords.levels,
        "seeds": [content.seeds.theta0, content.seeds.projector],
        "values": [float(value) for value in np.unique(coords.values())[:5]],
        "coords_crc32": zlib.crc32(coords.values().astype("<f4").tobytes()),
        "theta0_crc32": _crc32(start),
        "theta_sum": round(float(theta.sum()), 4),
        "theta_square": round(float(theta.square().sum()), 4),
        "theta": {str(place): round(float(theta[place]), 7) for place in at},
        "buffers": dict(_listed(module)),
    }


def read_all() -> dict[str, dict[str, Any]]:
    """The facts of every file."""
    return {name: facts((HERE / f"{name}.idim").read_bytes()) for name in CASES}


def _crc32(module: torch.nn.Module) -> int:
    total = 0
    for parameter in module.parameters():
        total = zlib.crc32(parameter.detach().numpy().astype("<f4").tobytes(), total)
    return total


def _listed(module: torch.nn.Module) -> Iterator[tuple[str, Any]]:
    for name, buffer in module.named_buffers():
        yield name, [round(value, 7) for value in buffer.flatten().tolist()]


if __name__ == "__main__":
    main()
