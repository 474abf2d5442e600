"""From rows of runs to d_int: value, interval, verdict, and what to run next."""

from idim_cli.thresholds.all_readings import readings
from idim_cli.thresholds.estimation import estimate, read
from idim_cli.thresholds.grouping import Group, groups, label, select
from idim_cli.thresholds.next_step import TableOrigin
from idim_cli.thresholds.options import PAPER, Options
from idim_cli.thresholds.reading import Reading
from idim_cli.thresholds.results_folder import made, recorded, swept
from idim_cli.thresholds.samples import Points, Sample, points, sample
from idim_cli.thresholds.table_estimates import Estimate, require_any, threshold
from idim_cli.thresholds.text import describe, facts, number

__all__ = [
    "PAPER",
    "Estimate",
    "Group",
    "Options",
    "Points",
    "Reading",
    "Sample",
    "TableOrigin",
    "describe",
    "estimate",
    "facts",
    "groups",
    "label",
    "made",
    "number",
    "points",
    "read",
    "readings",
    "recorded",
    "require_any",
    "sample",
    "select",
    "swept",
    "threshold",
]
