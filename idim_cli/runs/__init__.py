"""Runs and what they leave: plans, identities, results folders, checkpoints, early stopping."""
