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
    """Whether a model's theta0 comes from `idim_cli.core.rng`: the same bits on every machine, from its seed.

    True for the shipped models. Others start as torch's generator makes them, which may differ between
    versions of torch, so their theta0 is certain only on the machine of the run.
    """
    # Here and not in `base`, which imports torch.
    return name in REGISTRY and REGISTRY.target(name).startswith("idim_cli.")
