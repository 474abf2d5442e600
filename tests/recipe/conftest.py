"""Rooms with made-up components, so that these tests do not change with the real ones."""

from pathlib import Path

import pytest

from idim_cli.core import registry
from idim_cli.core.registry import Registry
from idim_cli.recipe.load import Loaded, loads

COMPONENTS = """
from typing import Any, Literal

def shared(x, *, fraction: float = 1.0, shuffle_pixels: int | None = None): ...
def digits(root, *, validation: int = 300): ...
def fc(shape, classes, *, depth: int = 2, width: int = 200, dropout: float = 0.0): ...
def lenet(shape, classes, *, kernel: int | tuple[int, int] = 5): ...
def classify(*, score: Literal["validation", "train"] = "validation"): ...
def tied(D, d, seed): ...
def dense(D, d, seed, *, orthogonal: bool = False): ...
def layerwise(D, d, seed, *, inner: str | dict[str, Any] = "tied", _sizes=()): ...
def adam(p, *, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.99)): ...
def sgd(p, *, lr: float, nesterov: bool = False): ...
def constant(): ...
def gradient(objective): ...
def step(*, every: int, factor: float = 0.5): ...
"""
ROOMS = {
    "dataset": ["digits"],
    "model": ["fc", "lenet"],
    "task": ["classify"],
    "projector": ["tied", "dense", "layerwise"],
    "optimizer": ["adam", "sgd"],
    "schedule": ["constant", "step"],
    "method": ["gradient"],
}
BASE = """\
# A small recipe.
name: small
dataset: digits
model: {name: fc, depth: 1}
training:
  epochs: 2
"""


@pytest.fixture(autouse=True)
def made_up_rooms(tmp_path_factory, monkeypatch):
    """Replace every registry by one over `COMPONENTS`."""
    home: Path = tmp_path_factory.mktemp("rooms")
    module = f"made_up_{home.name.replace('-', '_')}"
    (home / f"{module}.py").write_text(COMPONENTS)
    monkeypatch.syspath_prepend(home)
    rooms = {
        kind: Registry(
            kind,
            {name: f"{module}:{name}" for name in names} | {"identity": f"{module}:tied"},
            shared=f"{module}:shared" if kind == "dataset" else "",
        )
        for kind, names in ROOMS.items()
    }
    monkeypatch.setattr(registry, "registry", rooms.__getitem__)


@pytest.fixture
def small():
    """Load a small recipe with more lines and overrides."""

    def load(more: str = "", *overrides: str, base: str = BASE) -> Loaded:
        return loads(base + more, "small.yaml", overrides)

    return load


@pytest.fixture
def faults(small):
    """The faults of a small recipe with more lines and overrides, as text."""

    def collect(more: str = "", *overrides: str, base: str = BASE) -> list[str]:
        from idim_cli.core.errors import RecipeError

        with pytest.raises(RecipeError) as caught:
            small(more, *overrides, base=base)
        assert caught.value.exit_code == 2
        return str(caught.value).splitlines()

    return collect
