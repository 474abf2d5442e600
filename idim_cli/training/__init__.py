"""Training one run: optimisers, learning-rate schedules, the loop, its checkpoints and its result."""

from idim_cli.registry import Registry

OPTIMIZERS = Registry(
    "optimizer",
    {
        "sgd": "idim_cli.training.optimizers:sgd",
        "adam": "idim_cli.training.optimizers:adam",
        "rmsprop": "idim_cli.training.optimizers:rmsprop",
    },
)
SCHEDULES = Registry(
    "schedule",
    {
        "constant": "idim_cli.training.schedules:constant",
        "linear": "idim_cli.training.schedules:linear",
        "cosine": "idim_cli.training.schedules:cosine",
        "step": "idim_cli.training.schedules:step",
    },
)
