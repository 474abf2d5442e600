"""Points of others, such as a paper's, to be drawn behind one's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from idim_cli.core.errors import FileError
from idim_cli.core.registry import did_you_mean
from idim_cli.recipe.find import home_of
from idim_cli.recipe.find import published as shipped
from idim_cli.reports.points import Curve
from idim_cli.runs import results
from idim_cli.thresholds.run_table import clean


@dataclass(frozen=True)
class Net:
    """A network of D parameters that others trained directly, and what it came to."""

    D: int
    performance: float


@dataclass(frozen=True)
class Published:
    """Published points and whose they are.

    Attributes:
        curve: performance at each d.
        source: who published what.
        D: of the network; None if it is not known. Points and nets lie behind groups of that D alone.
        nets: small networks for the same problem, trained directly.
    """

    curve: Curve
    source: str
    D: int | None = None
    nets: tuple[Net, ...] = ()

    def behind(self, D: int | None) -> Curve | None:
        """The points, if they may be compared with runs of a network of `D` parameters."""
        return self.curve if self.D is None or D is None or self.D == D else None


def find(name_or_path: str | Path) -> Published:
    """Published points by the name under which they come with idim, or as a CSV file of one's own.

    Raises:
        IdimError: there is neither, or the file is no such table.
    """
    name, known = str(name_or_path), shipped()
    if name not in known or Path(name_or_path).is_file():
        path = Path(name_or_path)
        return Published(read(path), path.name)
    about = _index()[name]
    return Published(read(known[name]), about["source"], about["D"], _nets(name))


def read(path: Path) -> Curve:
    """The points of a CSV file with the columns d and performance, direct training left out.

    Raises:
        IdimError: the file cannot be read, lacks a column, or a cell is not a number.
    """
    if not path.is_file():
        raise FileError(
            f"no file {str(path)!r}", f"a CSV of d and performance, or {did_you_mean(str(path), shipped())}"
        )
    table = results.read(path)
    lacking = [name for name in ("d", "performance") if name not in table]
    if lacking:
        have = ", ".join(str(column) for column in table.columns)
        raise FileError(f"{path} has no column {' and no column '.join(lacking)}", f"it has {have}")
    runs, rows = clean(table, str(path))
    return Curve.of({"d": runs.number("d")[rows.swept], "mean": runs.number("performance")[rows.swept]})


def _index() -> dict[str, dict[str, Any]]:
    import yaml

    found = yaml.safe_load((home_of("docs/published") / "index.yaml").read_text(encoding="utf-8"))
    return dict(found)


def _nets(name: str) -> tuple[Net, ...]:
    path = home_of("docs/published") / "small-nets" / f"{name}.csv"
    if not path.is_file():
        return ()
    table = results.read(path)
    return tuple(Net(int(D), float(y)) for D, y in zip(table["D"], table["performance"], strict=True))
