"""The compressed file: the d coordinates of a solution, and what grows them back into a network."""
