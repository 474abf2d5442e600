"""Benchmarks: what projections, steps and packs cost, beside the floor of moving their bytes."""
