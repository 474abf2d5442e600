"""Measure the intrinsic dimension of trainable problems: the Python API on one page."""
