"""Choosing d and the number of values of a compressed file."""
