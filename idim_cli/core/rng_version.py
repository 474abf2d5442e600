"""The version of the random bits, apart from `rng`, which brings numpy along: plans need the number alone."""

#: Of every derivation in `idim_cli.core.rng`; stored in compressed files, and part of each run's identity.
VERSION = 1
