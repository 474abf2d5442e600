"""Searches: which runs to ask for next, given the results of those before."""

from idim_cli.core.registry import Registry

REGISTRY = Registry(
    "search",
    {
        "grid": "idim_cli.search.grid:Grid",
        "adaptive": "idim_cli.search.adaptive:Adaptive",
    },
    given=2,
)
