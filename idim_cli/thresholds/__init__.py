"""From rows of runs to d_int: value, interval, verdict, and what to run next."""

from idim_cli.thresholds.estimate import estimate, read
from idim_cli.thresholds.estimates import Estimate, require_any, threshold
from idim_cli.thresholds.groups import Group, groups, label, select
from idim_cli.thresholds.next_step import Origin
from idim_cli.thresholds.options import PAPER, Options
from idim_cli.thresholds.reading import Reading
from idim_cli.thresholds.readings import readings
from idim_cli.thresholds.recorded import made, recorded, swept
from idim_cli.thresholds.sample import Points, Sample, points, sample
from idim_cli.thresholds.text import describe, facts, number

__all__ = [
    "PAPER",
    "Estimate",
    "Group",
    "Options",
    "Origin",
    "Points",
    "Reading",
    "Sample",
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
