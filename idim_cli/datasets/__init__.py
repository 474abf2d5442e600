"""Data sets: functions (root, download, *, parameters) -> Source; `transform` is shared by all of them."""

from idim_cli.core.registry import Registry

REGISTRY = Registry(
    "dataset",
    {
        "cifar10": "idim_cli.datasets.cifar:cifar10",
        "digits": "idim_cli.datasets.digits:digits",
        "fashion_mnist": "idim_cli.datasets.mnist:fashion_mnist",
        "folder": "idim_cli.datasets.folder:folder",
        "hf": "idim_cli.datasets.hf:hf",
        "mnist": "idim_cli.datasets.mnist:mnist",
        "toy": "idim_cli.datasets.toy:toy",
    },
    shared="idim_cli.datasets.transform:transform",
)
