"""What every part rests on: errors, the registry, random numbers, this machine, user code, CSV files."""
