"""The executor for this machine: a pool of worker processes."""
