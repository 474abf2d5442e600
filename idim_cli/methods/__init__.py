"""Methods: what moves the coordinates between two evaluations; optimizers and learning-rate schedules."""

from idim_cli.core.registry import Registry

METHODS = Registry(
    "method",
    {
        "gradient": "idim_cli.methods.gradient:Gradient",
        "es": "idim_cli.methods.es:EvolutionStrategy",
    },
)
OPTIMIZERS = Registry(
    "optimizer",
    {
        "sgd": "idim_cli.methods.optimizers:sgd",
        "adam": "idim_cli.methods.optimizers:adam",
        "rmsprop": "idim_cli.methods.optimizers:rmsprop",
    },
)
SCHEDULES = Registry(
    "schedule",
    {
        "constant": "idim_cli.methods.schedules:constant",
        "linear": "idim_cli.methods.schedules:linear",
        "cosine": "idim_cli.methods.schedules:cosine",
        "step": "idim_cli.methods.schedules:step",
    },
)
