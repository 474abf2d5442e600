"""A small table of runs as `idim sweep` writes it: FC on MNIST, two projectors, one failed run."""

from pathlib import Path

import pandas as pd
import pytest

from idim_cli.thresholds import estimate, points


@pytest.fixture(scope="session")
def runs_csv() -> Path:
    return Path(__file__).with_name("mnist-fc.csv")


@pytest.fixture
def table(runs_csv):
    return pd.read_csv(runs_csv)


@pytest.fixture
def tied(table):
    """The runs of one projector, with the direct ones."""
    return table[table["projector"].isin(["tied", "identity"])]


@pytest.fixture
def tied_points(tied):
    return points(tied)


@pytest.fixture
def tied_reading(tied):
    return estimate(tied)


@pytest.fixture
def curve_of():
    """Points and reading of made-up runs, one at each d, against the fixed baseline 1."""

    def make(d, performance, runs=1, **options):
        rows = [{"d": a, "performance": b} for a, b in zip(d, performance, strict=True) for _ in range(runs)]
        frame = pd.DataFrame(rows)
        return points(frame), estimate(frame, **{"baseline": 1.0, **options})

    return make
