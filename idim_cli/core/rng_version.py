"""The version of the random bits, in a module of its own: `rng` imports numpy, which plans do not need."""

#: Of every derivation in `idim_cli.core.rng`; stored in compressed files, and part of each run's identity.
VERSION = 1
