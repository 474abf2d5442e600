"""Published points, such as those of a paper, that are drawn behind the runs of a report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from idim_cli.core.errors import FileError
from idim_cli.core.registry import did_you_mean
from idim_cli.recipe.find import home_of
from idim_cli.recipe.find import published as shipped
from idim_cli.reports.points import Curve
from idim_cli.runs import results
from idim_cli.thresholds.run_table import clean


@dataclass(frozen=True)
class PublishedNet:
    """A published network of D parameters, trained directly, and its performance."""

    D: int
    performance: float


@dataclass(frozen=True)
class Published:
    """Published points and their source.

    Attributes:
        curve: performance at each d.
        source: the publication.
        D: of the network; None if unknown. Points are drawn behind groups of the same D only.
        nets: small networks for the same problem, trained directly.
    """

    curve: Curve
    source: str
    D: int | None = None
    nets: tuple[PublishedNet, ...] = ()

    def behind(self, D: int | None) -> Curve | None:
        """The points, if they are comparable with runs of a network of `D` parameters."""
        return self.curve if self.D is None or D is None or self.D == D else None


def find(name_or_path: str | Path) -> Published:
    """Published points by a name that idim knows, or from a CSV file.

    Raises:
        IdimError: the name is unknown and no file, or the file is not such a table.
    """
    # Imported on use: few reports have published points.
    import yaml

    name, known = str(name_or_path), shipped()
    # A file of the user takes precedence over a name of idim.
    if name not in known or Path(name_or_path).is_file():
        path = Path(name_or_path)
        return Published(read(path), path.name)
    folder = home_of("docs/published")
    about = yaml.safe_load((folder / "index.yaml").read_text(encoding="utf-8"))[name]
    small = folder / "small-nets" / f"{name}.csv"
    nets: tuple[PublishedNet, ...] = ()
    if small.is_file():
        table = results.read(small)
        pairs = zip(table["D"], table["performance"], strict=True)
        nets = tuple(PublishedNet(int(D), float(y)) for D, y in pairs)
    return Published(read(known[name]), about["source"], about["D"], nets)


def read(path: Path) -> Curve:
    """The points of a CSV file with the columns d and performance, direct training left out.

    Raises:
        IdimError: the file cannot be read, lacks a column, or a cell is not a number.
    """
    if not path.is_file():
        raise FileError(
            f"no file {str(path)!r}",
            f"give a CSV of d and performance, or {did_you_mean(str(path), shipped())}",
        )
    table = results.read(path)
    lacking = [name for name in ("d", "performance") if name not in table]
    if lacking:
        have = ", ".join(str(column) for column in table.columns)
        raise FileError(f"{path} has no column {' and no column '.join(lacking)}", f"it has {have}")
    runs, rows = clean(table, str(path))
    return Curve.of({"d": runs.number("d")[rows.swept], "mean": runs.number("performance")[rows.swept]})
