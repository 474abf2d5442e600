"""Tasks: what training minimizes, and what the performance of a run is."""

from idim_cli.core.registry import Registry

REGISTRY = Registry(
    "task",
    {
        "classify": "idim_cli.tasks.classify:Classify",
        "loss": "idim_cli.tasks.loss:Loss",
        "multilabel": "idim_cli.tasks.multilabel:Multilabel",
        "next_token": "idim_cli.tasks.next_token:NextToken",
        "regress": "idim_cli.tasks.regress:Regress",
        "segment": "idim_cli.tasks.segment:Segment",
        "toy": "idim_cli.tasks.toy:Toy",
    },
)
