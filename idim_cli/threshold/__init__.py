"""From rows of runs to d_int: value, interval, verdict, and what to run next."""

from idim_cli.threshold.estimate import estimate, read
from idim_cli.threshold.estimates import Estimate, estimates, require_any
from idim_cli.threshold.groups import Group, groups, label, select
from idim_cli.threshold.options import PAPER, Options
from idim_cli.threshold.reading import Reading
from idim_cli.threshold.readings import readings
from idim_cli.threshold.sample import Points, Sample, points, sample
from idim_cli.threshold.text import describe, facts, number

__all__ = [
    "PAPER",
    "Estimate",
    "Group",
    "Options",
    "Points",
    "Reading",
    "Sample",
    "describe",
    "estimate",
    "estimates",
    "facts",
    "groups",
    "label",
    "number",
    "points",
    "read",
    "readings",
    "require_any",
    "sample",
    "select",
]
