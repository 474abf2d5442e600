"""Carrying out the runs of a plan: executors, and the sweep that hands runs to them."""
