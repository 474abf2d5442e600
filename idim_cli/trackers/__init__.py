"""Trackers: services that show learning curves, results and d_int while runs train."""

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
