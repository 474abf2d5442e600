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

_FORCE = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"  # read by torch.load
_FILES = (".pth", ".pt", ".bin", ".safetensors")
_INSIDE = ("state_dict", "model", "model_state_dict")  # keys under which training scripts save the weights
_NAMED = 3  # tensors in an error: enough to recognise the model that the weights belong to


def torchvision_model(name: str, params: dict[str, Any], classes: int, download: bool) -> Any:
    """A classification model of torchvision; weights for other classes get a new output layer.

    Args:
        name: ``torchvision:NAME``.
        params: of torchvision's builder. ``weights`` is one of its names, such as DEFAULT or IMAGENET1K_V1,
            or a file with a state_dict.
        classes: number of classes. If the weights have another number, torch's generator initialises the
            output layer.
        download: whether weights may be downloaded; otherwise they must be in torch's cache.

    Raises:
        ComponentError: an unknown model or weights, or weights that do not fit.
    """
    import torchvision

    model = name.removeprefix(TORCHVISION)
    known = torchvision.models.list_models(module=torchvision.models)
    if model not in known:
        raise ComponentError(f"torchvision has no classification model {model!r}", did_you_mean(model, known))
    builder = torchvision.models.get_model_builder(model)

    def fresh(**given: Any) -> Any:
        return user_code.call(name, lambda **all_given: builder(**all_given), given, {})

    rest = {"num_classes": classes, **{key: value for key, value in params.items() if key != "weights"}}
    weights = params.get("weights")
    if weights is None:
        return fresh(weights=None, **rest)
    if torch.empty(0).is_meta:  # the meta device has no values to load: see `base.skeleton`
        raise NotImplementedError
    with _weights_only():
        if str(weights).endswith(_FILES) or os.sep in str(weights):
            return _loaded(fresh(weights=None, **rest), _state(Path(weights)), str(weights))
        chosen = _chosen(torchvision.models.get_model_weights(model), str(weights), name)
        path = Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(chosen.url).path).name
        if not download and not path.is_file():
            message = f"the weights {chosen.name} of {name} are not on this machine: no file {path}"
            raise ComponentError(message, "add --download, or name a file: weights: ./FILE.pth")
        # torchvision refuses its own weights for another number of classes, so the output layer comes after.
        classes = rest.pop("num_classes")
        with _fetching(f"{chosen.name} of {name}", f"{path} or {chosen.url}"):
            trained = fresh(weights=chosen, **rest)
        return _with_head(trained, fresh(weights=None, num_classes=classes, **rest))


def _chosen(known: Any, weights: str, name: str) -> Any:
    """The weights of a name, which may begin with the name of their class."""
    member = weights.rpartition(".")[2]
    names = {"DEFAULT", *known.__members__}  # an alias, which the members do not list
    if member not in names:
        raise ComponentError(f"{name} has no weights {weights!r}", did_you_mean(member, names))
    return known[member]


@contextmanager
def _fetching(weights: str, source: str) -> Iterator[None]:
    """Turn errors of the network and of damaged files into a ComponentError that names the file."""
    try:
        yield
    except ComponentError as error:
        cause = error.__cause__
        if isinstance(cause, OSError | RuntimeError | EOFError | pickle.UnpicklingError):
            message = f"cannot read the weights {weights} from {source}: {str(cause).partition(chr(10))[0]}"
            raise ComponentError(message, "remove the file if it is damaged, or name another one") from error
        raise


def _with_head(trained: nn.Module, new: nn.Module) -> nn.Module:
    """`trained` with the layers of `new` whose tensors have another shape: the output layers."""
    shapes = {key: tensor.shape for key, tensor in new.named_parameters()}
    differing = [key for key, tensor in trained.named_parameters() if shapes.get(key) != tensor.shape]
    for layer in dict.fromkeys(key.rpartition(".")[0] for key in differing):
        parent, _, own = layer.rpartition(".")
        setattr(trained.get_submodule(parent), own, new.get_submodule(layer))
    return trained


def _state(path: Path) -> dict[str, Tensor]:
    """The tensors of a file, also of a training script's checkpoint that contains a state_dict."""
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
    # "module." is what DataParallel puts before every name.
    return {key.removeprefix("module."): tensor for key, tensor in held.items()}


def _loaded(module: nn.Module, state: dict[str, Tensor], where: str) -> nn.Module:
    """The module with the tensors of a file; only the output layer may have another number of classes."""
    own = module.state_dict()
    odd = [key for key in {**own, **state} if key not in own or key not in state]
    other = [key for key in own if key in state and own[key].shape != state[key].shape]
    # Another number of classes changes the first axis alone, of the weight and bias of one layer.
    body = [key for key in other if own[key].shape[1:] != state[key].shape[1:]]
    layers = {key.rpartition(".")[0] for key in other}
    if odd or body or len(layers) > 1:
        named = ", ".join([*odd, *body, *other][:_NAMED])
        hint = "use weights of the same architecture"
        raise ComponentError(f"the weights {where} do not fit the model: {named}", hint)
    module.load_state_dict({**own, **{key: state[key] for key in own if key not in other}})
    return module


@contextmanager
def _weights_only() -> Iterator[None]:
    """Let torch.load read tensors only within the block, also where torchvision calls it."""
    # An unrestricted pickle can run code.
    before = os.environ.get(_FORCE)
    os.environ[_FORCE] = "1"
    try:
        yield
    finally:
        os.environ.pop(_FORCE)
        if before is not None:
            os.environ[_FORCE] = before
