"""The words that options of a reading may be, for recipes, the command line and Python alike."""

from typing import Literal

GridRule = Literal["first", "interpolate", "isotonic"]
Rule = Literal[GridRule, "curve"]
BaselineWord = Literal["model", "best"]
FloorWord = Literal["chance", "min"]
Centre = Literal["mean", "median"]
#: Largest fraction of a baseline that may be asked for.
MAX_FRACTION = 2.0
