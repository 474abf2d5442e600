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
METHODS = Registry(
    "method",
    {
        "gradient": "idim_cli.methods.gradient:Gradient",
        "es": "idim_cli.methods.es:EvolutionStrategy",
    },
    given=1,  # the objective comes from the caller, not from the recipe
)
OPTIMIZERS = Registry(
    "optimizer",
    {
        "sgd": "idim_cli.methods.optimizers:sgd",
        "adam": "idim_cli.methods.optimizers:adam",
        "rmsprop": "idim_cli.methods.optimizers:rmsprop",
    },
    given=1,  # the parameters
    libraries={"torch": Library("torch.optim", _REFUSED)},
)
SCHEDULES = Registry(
    "schedule",
    {
        "constant": "idim_cli.methods.schedules:constant",
        "linear": "idim_cli.methods.schedules:linear",
        "cosine": "idim_cli.methods.schedules:cosine",
        "step": "idim_cli.methods.schedules:step",
    },
    given=2,  # steps in total and per epoch
)
