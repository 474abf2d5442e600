"""Training one run: its problem, the loop, its checkpoints and its result."""
