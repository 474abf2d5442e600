"""What a report reads: runs, readings, compressed files and published points."""
