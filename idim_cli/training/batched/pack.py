"""A step of several trainings together: their networks form one batched network, each with its own P."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.func import vmap
from torch.optim import Optimizer
from torch.utils import _pytree as pytree

from idim_cli.core.errors import FOREIGN, described
from idim_cli.datasets.batch import mapped
from idim_cli.datasets.split import Tensors
from idim_cli.methods import optimizers
from idim_cli.methods.gradient import Gradient
from idim_cli.projectors.blocks import Blocks
from idim_cli.projectors.native import places
from idim_cli.training.batched.cuda_graph import replayed
from idim_cli.training.loop import TOLERANCE, Loop, PendingStep


class Pack:
    """The batched step of R `compatible` trainings; d, seeds, optimizer and schedule may differ.

    The forward pass is one `vmap` over the stacked parameters [R, ...]; the gradients of the coordinates come
    from the adjoints, as in a single run. The order of summation differs, so a step agrees with that of a
    single run up to the rounding of float32, and the trainings diverge as they do between two machines.

    Args:
        loops: the trainings.
        say: receives the reason if steps on CUDA cannot be captured as a graph.
    """

    def __init__(self, loops: Sequence[Loop], say: Callable[[str], None] = lambda message: None) -> None:
        first, spaces = loops[0], [loop.subspace for loop in loops]
        self.loops, self.device = tuple(loops), first.device
        self.methods = [_gradient_method(loop) for loop in loops]
        train = first.problem.data.train
        assert isinstance(train, Tensors)  # checked by `unbatchable_reason`
        self.data = train
        self.blocks = Blocks([space.projector for space in spaces])
        self.coords = [space.coords for space in spaces]
        self.sizes = [size for _, size in spaces[0].sizes]
        self.shapes = {name: spaces[0].module.get_parameter(name).shape for name, _ in spaces[0].sizes}
        every = [_tensors(loop) for loop in loops]
        self.start = torch.stack(
            [torch.cat([own[name].reshape(-1) for name in self.shapes]) for own in every]
        )
        # Frozen parameters and buffers are not trained, but may differ between seeds.
        fixed = [name for name in every[0] if name not in self.shapes]
        self.fixed = {name: torch.stack([own[name] for own in every]) for name in fixed}
        self.losses = vmap(self.methods[0].loss)
        self.offsets: list[int] = []
        # On CUDA the launches of many small kernels take longer than the kernels themselves.
        self.compute = replayed(self._compute, say) if self.device.type == "cuda" else self._compute

    def step(self, batches: Sequence[PendingStep]) -> Tensor:
        """Make a step of each training; returns the losses [R]. For `batches` see `gradients`."""
        losses = self.gradients(batches)
        for method, pending in zip(self.methods, batches, strict=True):
            method.before_step(pending.step.number)
        for first, optimizer in self._optimizers():
            # `before_step` has set the rate of each single optimizer, not that of the joined one.
            optimizer.param_groups[0]["lr"] = first.param_groups[0]["lr"]
            optimizer.step()
        return losses

    def gradients(self, batches: Sequence[PendingStep]) -> Tensor:
        """Write the gradient of each training's batch to its `coords.grad`; returns the losses [R].

        Args:
            batches: one of each training, in their order, all of the same size.
        """
        # One index for all: R gathers from the training data would launch R times as many kernels.
        at = torch.cat([_examples(pending) for pending in batches])
        lead = len(batches), len(at) // len(batches)
        chosen = mapped(lambda t: t.index_select(0, at).to(self.device).unflatten(0, lead), self.data.data)
        leaves, self.tree = pytree.tree_flatten(chosen)
        with torch.no_grad():
            coords = torch.cat([*self.coords])
        losses, gradient = self.compute(coords, *leaves)
        for own, part in zip(self.coords, gradient.split(self.blocks.shares), strict=True):
            own.grad = part
        return losses

    def _optimizers(self) -> list[tuple[Optimizer, Optimizer]]:
        """For each group of optimizers with equal settings its first one, and the group joined as one."""
        steps = [loop.state.step for loop in self.loops]
        offsets = [step - steps[0] for step in steps]
        # Trainings at different steps have different rates; the groups change when one step is made alone.
        if offsets != self.offsets:
            groups = defaultdict(list)
            for loop, method, step in zip(self.loops, self.methods, steps, strict=True):
                training = loop.training
                rounding = method.rounding and method.rounding.settings
                settings = repr((training.optimizer, training.schedule, loop.steps, step, rounding))
                # An optimizer that is not joinable forms a group by itself.
                own = "" if optimizers.joinable(method.optimizer) else id(loop)
                groups[settings, own].append(method.optimizer)
            self.joined = [(group[0], optimizers.joined(group)) for group in groups.values()]
            self.offsets = offsets
        return self.joined

    def _compute(self, coords: Tensor, *leaves: Tensor) -> tuple[Tensor, Tensor]:
        """Losses [R] and the gradient of all coordinates [sum of d]."""
        theta = (self.start + self.blocks.project(coords)).requires_grad_()
        pieces = zip(self.shapes.items(), theta.split(self.sizes, dim=1), strict=True)
        native = {name: piece.view(len(self.loops), *shape) for (name, shape), piece in pieces}
        losses = self.losses({**native, **self.fixed}, pytree.tree_unflatten(leaves, self.tree))
        # The gradient of the sum is that of each loss: no loss depends on another training's parameters.
        (gradient,) = torch.autograd.grad(losses.sum(), theta)
        return losses.detach(), self.blocks.adjoint(gradient)


def compatible(loop: Loop, other: Loop) -> bool:
    """Whether two trainings may share a pack."""
    return _shape(loop) == _shape(other) and loop.problem.data is other.problem.data


def _shape(loop: Loop) -> object:
    training, subspace = loop.training, loop.subspace
    shapes = {name: (tensor.shape, tensor.dtype) for name, tensor in _tensors(loop).items()}
    recipe = training.batch_size, training.l2, training.precision, loop.problem.method
    return loop.device, type(subspace.projector), subspace.sizes, shapes, recipe


def _tensors(loop: Loop) -> dict[str, Tensor]:
    """Parameters and buffers of the network by name; a tied one under each of its names."""
    return dict(places(loop.subspace.module))


def unbatchable_reason(pending: PendingStep, leader: Loop | None = None) -> str | None:
    """Why a training cannot join a pack, found by its first step; None if it can.

    Args:
        pending: the first step of the training.
        leader: the first of the pack, whose code is run for all; None if there is none yet.
    """
    loop = pending.loop
    if not loop.method.batched:
        return f"method {loop.problem.method.name} makes its own steps"
    if not isinstance(loop.problem.data.train, Tensors):
        return "its data are not in memory"
    if any(parameter._backward_hooks for parameter in loop.subspace.module.parameters()):
        return "its parameters have gradient hooks"
    if leader is not None and not compatible(loop, leader):
        return "its shape differs"
    # What the code of a network does is unknown: dropout, batch statistics, recurrent layers, branches on
    # values, other sources of noise, state outside of buffers. All of it changes the gradient of a batch.
    pack, method = Pack([loop]), _gradient_method(loop)
    pack.losses = vmap(_gradient_method(leader or loop).loss)
    try:
        with warnings.catch_warnings():
            # An operation without a batching rule runs in a loop over the runs, which gains nothing.
            warnings.filterwarnings("error", "There is a performance drop")
            pack.gradients([pending])
    except FOREIGN as error:
        return described(error).partition("\n")[0]
    buffers = loop.subspace.module.named_buffers()
    if any(not torch.equal(pack.fixed[name][0], buffer) for name, buffer in buffers):
        return "its buffers change in training"
    batched = loop.subspace.coords.grad
    method.gradient(pending.step)
    single = loop.subspace.coords.grad
    assert batched is not None
    assert single is not None
    if (batched - single).norm() > TOLERANCE[loop.training.precision] * single.norm():
        return "its gradient differs when it is batched"
    return None


def _examples(pending: PendingStep) -> Tensor:
    assert pending.step.examples is not None  # as for every step of `methods.gradient`
    return pending.step.examples


def _gradient_method(loop: Loop) -> Gradient:
    assert isinstance(loop.method, Gradient)  # the one method that is `batched`
    return loop.method
