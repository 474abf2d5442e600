"""Trackers: places beside the results folder where learning curves, results and d_int can be looked at."""

from idim_cli.core.registry import Registry

REGISTRY = Registry(
    "tracker",
    {
        "tensorboard": "idim_cli.trackers.tensorboard:TensorBoard",
        "wandb": "idim_cli.trackers.wandb:WandB",
        "mlflow": "idim_cli.trackers.mlflow:MLflow",
    },
    given=1,
)
