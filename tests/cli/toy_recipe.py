"""A sweep of the toy problem that takes a second."""

RECIPE = """
dataset: toy
model: toy
task: toy
device: cpu
training: {steps: 150, evaluate_every: 50, optimizer: {name: adam, lr: 0.5}}
sweep:
  d: [5, 20]
  seeds: 1
  baseline: {set: {training.optimizer.lr: 0.05}}
"""
