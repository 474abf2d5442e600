"""The Walsh-Hadamard transform and other loops, compiled for the CPU or written in terms of torch."""
