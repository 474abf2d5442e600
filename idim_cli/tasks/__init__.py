"""Tasks: what a training minimises, and what its performance means."""

from idim_cli.core.registry import Registry

REGISTRY = Registry(
    "task",
    {
        "classify": "idim_cli.tasks.classify:Classify",
        "toy": "idim_cli.tasks.toy:Toy",
    },
)
