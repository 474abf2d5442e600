"""Methods: what moves the coordinates between two evaluations; optimizers and learning-rate schedules."""

from idim_cli.core.registry import Library, Registry

# Classes of torch.optim that cannot update one dense vector from one gradient per step.
_REFUSED = {
    "LBFGS": "its step evaluates the loss several times",
    "Muon": "it takes matrices, and the coordinates are a vector",
    "Optimizer": "it is the base class of the others",
    "SparseAdam": "it takes sparse gradients, and those of the coordinates are dense",
}

# Paths instead of classes: a list of the registered names must not import torch, which takes a second.
# `given` counts the leading arguments that come from the caller, not from the recipe.
METHODS = Registry(
    "method",
    {"gradient": "idim_cli.methods.gradient:Gradient", "es": "idim_cli.methods.es:EvolutionStrategy"},
    given=1,
)
OPTIMIZERS = Registry(
    "optimizer",
    {name: f"idim_cli.methods.optimizers:{name}" for name in ("sgd", "adam", "rmsprop")},
    given=1,
    libraries={"torch": Library("torch.optim", _REFUSED)},
)
SCHEDULES = Registry(
    "schedule",
    {name: f"idim_cli.methods.schedules:{name}" for name in ("constant", "linear", "cosine", "step")},
    given=2,
)
