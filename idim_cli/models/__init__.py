"""Models: functions (shape of one example, number of classes, *, parameters) -> nn.Module."""

from idim_cli.core.registry import Registry

REGISTRY = Registry(
    "model",
    {
        "fc": "idim_cli.models.fc:fc",
        "lenet": "idim_cli.models.lenet:lenet",
        "resnet": "idim_cli.models.resnet:resnet",
        "toy": "idim_cli.models.toy:toy",
    },
)


def is_portable(name: str) -> bool:
    """Whether a model's theta0 comes from `idim_cli.core.rng`: see `idim_cli.models.base.portable`."""
    return name in REGISTRY and REGISTRY.target(name).startswith("idim_cli.")
