"""Benchmarks of projections, steps, packs and start-up, compared with the cost of the bare minimum."""
