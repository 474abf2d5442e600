"""Models of torchvision, with pretrained weights if a recipe asks for them."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch
from torch import Tensor, nn

from idim_cli.core import user_code
from idim_cli.core.errors import ComponentError
from idim_cli.core.registry import did_you_mean
from idim_cli.recipe.components import TORCHVISION

_FORCE = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"  # which torch.load heeds
_FILES = (".pth", ".pt", ".bin", ".safetensors")
_INSIDE = ("state_dict", "model", "model_state_dict")  # where training scripts keep the weights in a file
_NAMED = 3  # tensors that an error names


def torchvision_model(name: str, params: dict[str, Any], classes: int, download: bool) -> Any:
    """A classification model of torchvision; one whose weights know other classes gets a new output layer.

    Args:
        name: ``torchvision:NAME``.
        params: of torchvision's builder. ``weights`` is one of its names, such as DEFAULT or IMAGENET1K_V1,
            or a file with a state_dict.
        classes: number of classes. Where the weights have another number, the output layer starts as torch's
            generator makes it.
        download: whether weights may be fetched; otherwise they have to be in torch's cache.

    Raises:
        ComponentError: there is no such model, no such weights, or they do not fit.
    """
    import torchvision

    wanted = name.removeprefix(TORCHVISION)
    known = torchvision.models.list_models(module=torchvision.models)
    if wanted not in known:
        raise ComponentError(
            f"torchvision has no classification model {wanted!r}", did_you_mean(wanted, known)
        )
    builder = torchvision.models.get_model_builder(wanted)

    def fresh(**given: Any) -> Any:
        return user_code.call(name, lambda **all_given: builder(**all_given), given, {})

    rest = {"num_classes": classes, **{key: value for key, value in params.items() if key != "weights"}}
    weights = params.get("weights")
    if weights is None:
        return fresh(weights=None, **rest)
    if torch.empty(0).is_meta:  # a skeleton has no numbers to load
        raise NotImplementedError
    with _weights_only():
        if _is_file(weights):
            return _loaded(fresh(weights=None, **rest), _state(Path(weights)), str(weights))
        chosen = _chosen(torchvision.models.get_model_weights(wanted), str(weights), name)
        _require(chosen, name, download)
        wanted_classes = rest.pop("num_classes")
        with _fetching(chosen, name):
            trained = fresh(weights=chosen, **rest)
        return _with_head(trained, fresh(weights=None, num_classes=wanted_classes, **rest))


def _is_file(weights: object) -> bool:
    text = str(weights)
    return text.endswith(_FILES) or os.sep in text


def _chosen(known: Any, weights: str, name: str) -> Any:
    """The weights of a name, with or without that of their class."""
    member = weights.rpartition(".")[2]
    names = {"DEFAULT", *known.__members__}
    if member not in names:
        raise ComponentError(f"{name} has no weights {weights!r}", did_you_mean(member, names))
    return known[member]


def _require(chosen: Any, name: str, download: bool) -> None:
    """ComponentError, which says where they are looked for, for weights that may not be fetched."""
    path = _cached(chosen)
    if not download and not path.is_file():
        message = f"the weights {chosen.name} of {name} are not on this machine: no file {path}"
        raise ComponentError(message, "fetch them with --download, or name a file: weights: ./FILE.pth")


def _cached(chosen: Any) -> Path:
    """Where torch keeps weights that were fetched."""
    return Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(chosen.url).path).name


@contextmanager
def _fetching(chosen: Any, name: str) -> Iterator[None]:
    """Errors of the network and of damaged files as a ComponentError."""
    try:
        yield
    except ComponentError as error:
        cause = error.__cause__
        if isinstance(cause, OSError | RuntimeError | EOFError | pickle.UnpicklingError):
            place, reason = _cached(chosen), str(cause).partition("\n")[0]
            message = (
                f"the weights {chosen.name} of {name} cannot be had from {place} or {chosen.url}: {reason}"
            )
            raise ComponentError(message, "remove that file if it is damaged, or name another one") from error
        raise


def _with_head(trained: nn.Module, new: nn.Module) -> nn.Module:
    """`trained` with the layers of `new` whose tensors have another shape: those that know the classes."""
    shapes = {key: tensor.shape for key, tensor in new.named_parameters()}
    differing = [key for key, tensor in trained.named_parameters() if shapes.get(key) != tensor.shape]
    for layer in dict.fromkeys(key.rpartition(".")[0] for key in differing):
        parent, _, own = layer.rpartition(".")
        setattr(trained.get_submodule(parent), own, new.get_submodule(layer))
    return trained


def _state(path: Path) -> dict[str, Tensor]:
    """The tensors of a file, without what training scripts put around them."""
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        held = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ComponentError(f"cannot read the weights {path}: {error}".partition("\n")[0]) from error
    for key in _INSIDE:
        if isinstance(held, Mapping) and isinstance(held.get(key), Mapping):
            held = held[key]
    if not isinstance(held, Mapping) or not all(isinstance(one, Tensor) for one in held.values()):
        raise ComponentError(f"{path} holds no state_dict", "save model.state_dict() there")
    return {key.removeprefix("module."): tensor for key, tensor in held.items()}


def _loaded(module: nn.Module, state: dict[str, Tensor], where: str) -> nn.Module:
    """The module with the tensors of a file; only the output layer may be of another number of classes."""
    own = module.state_dict()
    odd = [key for key in {**own, **state} if key not in own or key not in state]
    other = [key for key in own if key in state and own[key].shape != state[key].shape]
    body = [key for key in other if own[key].shape[1:] != state[key].shape[1:]]
    layers = {key.rpartition(".")[0] for key in other}
    if odd or body or len(layers) > 1:
        named = ", ".join([*odd, *body, *other][:_NAMED])
        raise ComponentError(f"the weights {where} do not fit the model: {named}", "are they of another one?")
    module.load_state_dict({**own, **{key: state[key] for key in own if key not in other}})
    return module


@contextmanager
def _weights_only() -> Iterator[None]:
    """Within it files of weights are read as tensors alone, however they are asked for: pickles hold code."""
    before = os.environ.get(_FORCE)
    os.environ[_FORCE] = "1"
    try:
        yield
    finally:
        os.environ.pop(_FORCE)
        if before is not None:
            os.environ[_FORCE] = before
