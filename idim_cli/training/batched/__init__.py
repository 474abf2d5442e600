"""Several runs in one process: their networks as one batched network."""
