"""Training of one run: preparation, the loop, checkpoints and the result."""
