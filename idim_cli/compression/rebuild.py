"""From a solution back to the network: theta = theta0 + P theta_d, in float32 on the CPU."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from idim_cli.compression.format import guard
from idim_cli.compression.format.solution import Solution, to_bytes
from idim_cli.compression.format.spec import Spec
from idim_cli.core import rng
from idim_cli.core.errors import FileError
from idim_cli.core.machine import free_bytes, refuse_size
from idim_cli.core.shared_memory import put
from idim_cli.models import base as models
from idim_cli.projectors import base as projectors
from idim_cli.projectors.check import check_fits, expected
from idim_cli.projectors.native import native_parameters
from idim_cli.recipe import trust
from idim_cli.runs import origin
from idim_cli.runs.checkpoint import theta0 as start_of

# Bytes of a P that is held in memory as a whole; a larger one is drawn column by column, which is slower.
_HELD = 1 << 28
# Of the probe, relative: 4 steps of float16. Processors differ by less; another P is off by about 1.
_TOLERANCE = 2e-3


@dataclass(frozen=True)
class Rebuilt:
    """A network at its solution.

    Attributes:
        module: in evaluation mode, on the CPU.
        theta0: `checksum` of its start.
        probe: `probe` of its P theta_d.
    """

    module: nn.Module
    theta0: int
    probe: float


def rebuild(solution: Solution, trust_code: bool = False) -> Rebuilt:
    """Build the network of a solution and check it against the statements of the file.

    Args:
        solution: from a file or a checkpoint.
        trust_code: whether code named in it (``module:callable``) may run if somebody else made it.

    Raises:
        FileError: it names untrusted code, contradicts itself, or gives another theta0 or P.
        CapacityError: the network or P does not fit this machine's memory.
    """
    # Cheap refusals first: code, then size, before any of the network is built.
    refuse_edited(solution)
    guard.permit(solution, trust_code)
    refuse_size(solution.D)
    module = _start(solution)
    _compare_origin(module, solution)
    # theta0 is compared first: P of a wrong network would be wrong too, and takes longer.
    theta0 = checksum(module)
    _compare_start(solution, theta0)
    with guard.as_file_error("projector", solution.spec.projector, solution.source):
        step = _step(module, solution)
    sign = probe(step, solution)
    _move(module, step, solution)
    for name, buffer in _buffers(module, solution).items():
        put(buffer, solution.buffers[name])
    return Rebuilt(module.eval(), theta0, sign)


def refuse_changed(solution: Solution, why: str) -> None:
    """FileError if what a solution was made from has changed, as `why` says; nothing if that is empty."""
    if why:
        raise FileError(
            f"{solution.source} cannot be scored: {why}",
            "restore what it was trained with, or train again with `idim train`",
        )


def refuse_edited(solution: Solution) -> None:
    """FileError if the code that a solution names has changed since it was trained; none of it is run."""
    refuse_changed(solution, origin.other_code(solution.origin, origin.components(solution.spec)))


def _compare_origin(module: nn.Module, solution: Solution) -> None:
    if solution.origin is not None:
        other = origin.other_theta0(solution.origin, start_of(module), solution.spec.model.name)
        refuse_changed(solution, other)


def checksum(module: nn.Module) -> int:
    """The lower half of the CRC-32 of all parameters in the module's order, each once, little-endian."""
    total = 0
    for parameter in module.parameters():
        values = torch.view_as_real(parameter) if parameter.is_complex() else parameter
        # Always as float32, so that a model in bfloat16 has the checksum of its rounded numbers.
        total = zlib.crc32(to_bytes(values.detach().to(torch.float32)), total)
    # Two bytes detect an error with a probability of 1 - 1/65536, and files are small.
    return total & 0xFFFF


def probe(step: Tensor, solution: Solution) -> float:
    """P theta_d / |P theta_d| times fixed random signs, as float16; FileError if the file states another.

    It detects another P, and tolerates the last bits, in which processors differ.

    Args:
        step: P theta_d, [D].
        solution: states a probe if it was read from a file.
    """
    moves = step.numpy().astype(np.float64)
    if not np.isfinite(moves).all():
        raise FileError("P theta_d is not finite", "check whether the training diverged")
    size = math.sqrt(rng.fixed_sum(moves * moves))
    # float64 and a fixed order of summation: only P itself differs between processors.
    signed = rng.fixed_sum(moves * rng.Stream(0, "probe").signs(len(moves)))
    # All coordinates may be zero, in which case there is no direction.
    value = float(np.float16(signed / size if size else 0.0))
    if solution.checks and not abs(value - solution.checks[1]) <= _TOLERANCE * max(1.0, abs(value)):
        raise FileError(
            f"projector {solution.spec.projector.name!r} gives another P than when the file was written",
            f"use the version of idim that wrote the file; this one has random stream version {rng.VERSION}",
        )
    return value


def _start(solution: Solution) -> nn.Module:
    """The network at theta0; its size is checked on a skeleton first, which takes no memory."""
    spec, seed = solution.spec, solution.seeds.theta0
    with guard.as_file_error("model", spec.model, solution.source):
        if guard.runs_code(spec.model):
            # Trusted code may do anything, so limits on it would protect from nothing.
            return models.build(spec.model, spec.shape, spec.classes, seed)
        with _bounded(spec, solution.D):
            bare = _skeleton(spec, solution.D, solution.source)
            if bare is not None:
                # Wrong buffers are refused before the network takes memory.
                _buffers(bare, solution)
            return models.build(spec.model, spec.shape, spec.classes, seed)


def admit(trust_code: bool, kinds: Sequence[str] = ("model", "projector")) -> Callable[[Spec, int], None]:
    """A check of a file's description and D, which runs before its coordinates are decoded.

    Args:
        trust_code: whether code named in it may run.
        kinds: of components that will be built.
    """

    def check(spec: Spec, D: int) -> None:
        named = trust.of_components({kind: getattr(spec, kind) for kind in kinds})
        if named and not trust_code:
            trust.refuse("the file", named)
        refuse_size(D)
        if not guard.runs_code(spec.model):
            with guard.as_file_error("model", spec.model, "the file"), _bounded(spec, D):
                _skeleton(spec, D, "the file")

    return check


@contextmanager
def _bounded(spec: Spec, D: int) -> Iterator[None]:
    """Context in which building a model that is larger than D raises an error."""
    guard.refuse_numbers(spec.model, D)
    # Frozen parameters do not count in D, so the only limit then is the memory of the machine.
    # `bounded` admits 4 times as many numbers of 4 bytes: a quarter of the free memory.
    with guard.bounded(D if spec.trainable is None else free_bytes() // 64):
        yield


def _skeleton(spec: Spec, D: int, source: str) -> nn.Module | None:
    """The network without its numbers; FileError if it does not have D parameters."""
    bare = models.skeleton(spec.model, spec.shape, spec.classes)
    if bare is not None:
        _sizes(bare, spec, D, source)
        refuse_size(sum(parameter.numel() for parameter in bare.parameters()))
    return bare


def _compare_start(solution: Solution, theta0: int) -> None:
    if solution.checks and solution.checks[0] != theta0:
        cause = (
            f"random stream version {rng.VERSION} or this idim's model differs"
            if models.portable(solution.spec.model)
            else f"it depends on the model's code and on torch's version, here {torch.__version__}"
        )
        raise FileError("the model gives another theta0 than when the file was written", cause)


def _step(module: nn.Module, solution: Solution) -> Tensor:
    """P theta_d, float32 [D]; a P larger than `_HELD` is drawn column by column."""
    component, d, seed = solution.spec.projector, solution.d, solution.seeds.projector
    sizes = _sizes(module, solution.spec, solution.D, solution.source)
    cost = expected(component, sizes, d)
    # Only for files, which may state any d: a checkpoint exists because its P could be made.
    if solution.checks is not None:
        guard.refuse_work(cost)
    # Not every kind can be drawn by columns; the others are refused below if they do not fit.
    if cost.state_bytes > _HELD:
        params = projectors.params_of(component)
        streamed = projectors.kind(component).streamed(sum(sizes), d, seed, solution.coords, **params)
        if streamed is not None:
            return streamed
    check_fits(component, sizes, d, torch.device("cpu"))
    return projectors.build(component, sizes, d, seed).project(solution.coords)


def _sizes(module: nn.Module, spec: Spec, D: int, source: str) -> list[int]:
    """Sizes of the native parameters; FileError if they do not add up to D."""
    sizes = [parameter.numel() for _, parameter in native_parameters(module, spec.trainable)]
    if sum(sizes) != D:
        raise FileError(f"the model has D = {sum(sizes):,} parameters, {source} states {D:,}")
    return sizes


@torch.no_grad()
def _move(module: nn.Module, step: Tensor, solution: Solution) -> None:
    """Add P theta_d to the native parameters, in their order."""
    native = native_parameters(module, solution.spec.trainable)
    for (_, parameter), move in zip(native, step.split([p.numel() for _, p in native]), strict=True):
        parameter.add_(move.view(parameter.shape).to(parameter.dtype))


def _buffers(module: nn.Module, solution: Solution) -> dict[str, Tensor]:
    """The module's buffers that the solution holds; FileError if they do not fit."""
    # Non-persistent buffers are not in a state_dict, and not in a file.
    own, stored = dict(module.named_buffers()), solution.buffers
    missing = sorted((own.keys() & module.state_dict().keys()) - stored.keys())
    if missing:
        raise FileError(f"{solution.source} lacks the model's buffer {missing[0]!r}")
    for name, value in stored.items():
        if name not in own or own[name].shape != value.shape or own[name].dtype != value.dtype:
            raise FileError(f"{solution.source}'s buffer {name!r} does not fit the model")
    return {name: own[name] for name in stored}
