"""From rows of runs to d_int: value, interval, verdict, and what to run next."""

from idim_cli.threshold.estimate import estimate, estimates, read, samples
from idim_cli.threshold.groups import Group, groups, label, select
from idim_cli.threshold.options import PAPER, Options
from idim_cli.threshold.reading import Reading
from idim_cli.threshold.readings import readings
from idim_cli.threshold.sample import Points, Sample, points, sample
from idim_cli.threshold.text import describe

__all__ = [
    "PAPER",
    "Group",
    "Options",
    "Points",
    "Reading",
    "Sample",
    "describe",
    "estimate",
    "estimates",
    "groups",
    "label",
    "points",
    "read",
    "readings",
    "sample",
    "samples",
    "select",
]
