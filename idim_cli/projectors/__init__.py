"""Projectors: linear maps P from R^d into R^D with unit-length columns over the whole network."""

from idim_cli.core.registry import Registry

REGISTRY = Registry(
    "projector",
    {
        "identity": "idim_cli.projectors.identity:Identity",
        "dense": "idim_cli.projectors.dense:Dense",
        "sparse": "idim_cli.projectors.sparse:Sparse",
        "fastfood": "idim_cli.projectors.fastfood:Fastfood",
        "tied": "idim_cli.projectors.tied:Tied",
        "layerwise": "idim_cli.projectors.layerwise:Layerwise",
    },
    given=3,  # D, d, seed: positional arguments that no recipe writes
)
