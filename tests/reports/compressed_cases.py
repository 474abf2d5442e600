"""Compressed files as `idim compress` leaves them: real ones, trained on the digits within a second."""

import json

from idim_cli.compression.compress import CompressOptions, compress
from idim_cli.recipe.load import loads
from idim_cli.runs.plan import single
from idim_cli.training.run import Where, run

CPU = Where(device="cpu")
DIGITS = """
name: {name}
dataset: digits
model: {{name: fc, depth: 1, width: {width}}}
d: 100
training: {{epochs: 8, optimizer: {{name: adam, lr: 0.1}}}}
"""
TOY = """
name: sums
dataset: toy
model: toy
task: toy
d: 12
training: {steps: 60, evaluate_every: 20, optimizer: {name: adam, lr: 0.5}}
"""
#: Six trainings: two d with three numbers of values.
ALL = CompressOptions(target=0.5, baseline=0.9, d=[50, 100], levels=[2, 3, 6], epochs=6, frontier=True)


def trained(folder, text):
    """A results folder with one run, and the folder of that."""
    recipe = loads(text).recipe
    home = folder / recipe.name
    run(single(recipe), home / "runs" / "only", where=CPU)
    return home


def digits(folder, name="small", width=24, options=ALL):
    """A results folder with one run and its compressed file; the path of that."""
    home = trained(folder, DIGITS.format(name=name, width=width))
    return compress(home / "runs" / "only", options=options, where=CPU).path


def record_of(file):
    """The path of the record of a file."""
    return file.with_name(file.name + ".json")


def change(file, **fields):
    """Change what the record of a file says; `...` takes a field away."""
    record = json.loads(record_of(file).read_text()) | fields
    kept = {name: value for name, value in record.items() if value is not ...}
    record_of(file).write_text(json.dumps(kept))
