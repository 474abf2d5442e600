"""Bytes of the same network in other forms, at the performance of its file or better."""

from __future__ import annotations

import lzma
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from idim_cli.compression import from_checkpoint
from idim_cli.compression.baseline import direct_runs
from idim_cli.compression.format.coordinates import Exact
from idim_cli.compression.format.solution import to_bytes
from idim_cli.compression.rebuild import rebuild
from idim_cli.compression.record import StoredForm
from idim_cli.compression.search.trial import Trials
from idim_cli.core.errors import MissingExtraError
from idim_cli.core.rng import Stream
from idim_cli.datasets.split import Order

_HALVINGS = 8  # of the interval of log2(share of weights kept), 12 wide: the share is found to 3 %
# Of training the weights that are kept: short, as it is repeated for each share that is tried.
_EPOCHS, _RATE, _BATCH = 2, 1e-3, 128


def compare(trials: Trials, level: float, run_id: str) -> list[StoredForm]:
    """Bytes of other forms of the run's network, and of its directly trained one after pruning.

    Args:
        trials: of the run; its solution has free coordinates.
        level: performance that the pruned network must reach.
        run_id: of the run, whose direct runs are in the same folder.

    Raises:
        MissingExtraError: zstandard is not installed.
    """
    zstd = zstandard()
    module = rebuild(trials.found).module
    coords, state = to_bytes(trials.found.coords), _bytes(module)
    own = _score(trials, module)
    # As a file of float16 coordinates would decode: rounded before P is applied.
    half = Exact(trials.found.coords.half().float().numpy())
    halved = _score(trials, rebuild(replace(trials.found, stored=half)).module)
    rows = [
        _form("coords alone, float32", coords, own),
        _form("coords alone, float16", to_bytes(trials.found.coords.half()), halved),
        _form("coords alone, float32, zstd", zstd(coords), own),
        _form("coords alone, float32, xz", _xz(coords), own),
        _form("state_dict, float32", state, own),
        _form("state_dict, float32, zstd", zstd(state), own),
        _form("state_dict, float32, xz", _xz(state), own),
        _form("state_dict, float16", *_halved(trials, module)),
    ]
    # One direct run is enough: pruning all of them would take as long as training them.
    for path in direct_runs(trials.out, run_id, trials.found.spec)[:1]:
        direct = rebuild(from_checkpoint.read(path), trials.trust_code).module
        rows += _pruned(trials, direct, level, zstd)
    return rows


def _form(name: str, data: bytes, performance: float | None) -> StoredForm:
    return StoredForm(name, len(data), performance)


def _score(trials: Trials, module: nn.Module) -> float:
    return trials.metrics(module)[trials.task.metric]


def _halved(trials: Trials, module: nn.Module) -> tuple[bytes, float]:
    """The network as float16, in place, and its performance with the weights rounded so."""
    # In place, as a second copy of a large network may not fit into memory.
    data = _bytes(module.half())
    return data, _score(trials, module.float())


def _bytes(module: nn.Module) -> bytes:
    return b"".join(to_bytes(value) for value in module.state_dict().values())


def zstandard() -> Callable[[bytes], bytes]:
    """The compression of zstandard at its strongest; MissingExtraError if it is not installed."""
    try:
        import zstandard as library
    except ImportError as error:
        raise MissingExtraError("zstandard", "zstd") from error
    compress: Callable[[bytes], bytes] = library.ZstdCompressor(level=22).compress
    return compress


def _xz(data: bytes) -> bytes:
    # The strongest presets here and for zstandard: only sizes are compared, not speed.
    return lzma.compress(data, preset=9 | lzma.PRESET_EXTREME)


def _pruned(
    trials: Trials, module: nn.Module, level: float, zstd: Callable[[bytes], bytes]
) -> Iterator[StoredForm]:
    """The direct network with the fewest weights that reach the level, as float16.

    The smallest of all weights are set to zero in one step, and the others trained further; the share that is
    kept is found by bisection (Han et al., NeurIPS 2015, in one step).
    """
    # Each share starts at the trained weights, so that the order of trials does not matter.
    start = {name: value.clone() for name, value in module.state_dict().items()}
    few, many, best = -12.0, 0.0, None  # log2 of the share: 0.02 % to all weights
    for _ in range(_HALVINGS):
        # In the logarithm, because useful shares span three orders of magnitude.
        middle = (few + many) / 2
        module.load_state_dict(start)
        _prune(trials, module, 2.0**middle)
        data, performance = _halved(trials, module)
        if performance >= level:
            many, best = middle, (data, performance, 2.0**middle)
        else:
            few = middle
    # Otherwise no share of the weights reaches the level after this short training.
    if best is not None:
        data, performance, share = best
        yield _form(f"direct, {share:.2%} of the weights kept, float16, zstd", zstd(data), performance)
        yield _form(f"direct, {share:.2%} of the weights kept, float16, xz", _xz(data), performance)


def _prune(trials: Trials, module: nn.Module, share: float) -> None:
    """Keep this share of all weights, the largest ones, and train them further."""
    # The training of an earlier share has frozen them at its end.
    parameters = [parameter.requires_grad_() for parameter in module.parameters()]
    sizes = torch.cat([parameter.detach().abs().flatten() for parameter in parameters])
    # One threshold for the whole network: shares for each layer would have to be tuned.
    least = sizes.kthvalue(max(1, round((1 - share) * len(sizes)))).values
    # Applied before each step as well as at the end: Adam moves pruned weights by its momentum.
    masks = [(parameter.detach().abs() > least).float() for parameter in parameters]
    train, task = trials.data.train, trials.task
    optimizer = torch.optim.Adam(parameters, _RATE)
    steps = _EPOCHS * -(-len(train) // _BATCH)
    # Down to 1 % of the rate, so that so short a training ends in a minimum and not in noise.
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.01, steps)
    module.to(trials.device).train()
    for examples in _batches(len(train)):
        _mask(parameters, masks)
        optimizer.zero_grad()
        batch = next(train.batches(Order(examples), len(examples), trials.device))
        loss = task.loss(module, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    _mask(parameters, masks)
    module.eval().requires_grad_(False)


@torch.no_grad()
def _mask(parameters: Sequence[Tensor], masks: list[Tensor]) -> None:
    for parameter, mask in zip(parameters, masks, strict=True):
        parameter.mul_(mask.to(parameter.device))


def _batches(n: int) -> Iterator[Tensor]:
    for epoch in range(_EPOCHS):
        # A fixed stream: the comparison is the same whenever it is repeated.
        yield from torch.from_numpy(Stream(0, f"prune/{epoch}").permutation(n)).split(_BATCH)
