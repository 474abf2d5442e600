"""One step of several trainings at once: their networks are one batched network, each with a P of its own."""

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
    """The batched step of R trainings that are `alike`; d, seeds, optimiser and schedule are each one's own.

    The forward pass is one `vmap` over the stacked parameters [R, ...]; the gradients of the coordinates come
    from the adjoints, as in a single run. Sums are taken in another order than there. So a step agrees with a
    single run's to the rounding of float32, and trainings drift apart as they do between two machines.

    Args:
        loops: the trainings.
        say: told why steps on CUDA cannot be captured as a graph, if that is so.
    """

    def __init__(self, loops: Sequence[Loop], say: Callable[[str], None] = lambda message: None) -> None:
        first, spaces = loops[0], [loop.subspace for loop in loops]
        self.loops, self.device = tuple(loops), first.device
        self.methods = [_gradient_method(loop) for loop in loops]
        train = first.problem.data.train
        assert isinstance(train, Tensors)  # `obstacle` has refused any other
        self.data = train
        self.blocks = Blocks([space.projector for space in spaces])
        self.spaces, self.coords = spaces, [space.coords for space in spaces]
        self.sizes = [size for _, size in spaces[0].sizes]
        self.shapes = {name: spaces[0].module.get_parameter(name).shape for name, _ in spaces[0].sizes}
        every = [_tensors(loop) for loop in loops]
        self.start = torch.stack(
            [torch.cat([own[name].reshape(-1) for name in self.shapes]) for own in every]
        )
        # What does not move: frozen parameters, and buffers.
        still = [name for name in every[0] if name not in self.shapes]
        self.still = {name: torch.stack([own[name] for own in every]) for name in still}
        self.losses = vmap(self.methods[0].loss)
        self.pace: list[int] = []
        self.compute = replayed(self._compute, say) if self.device.type == "cuda" else self._compute

    def step(self, batches: Sequence[PendingStep]) -> Tensor:
        """Make a step of each training; returns the losses [R]. For `batches` see `gradients`."""
        losses = self.gradients(batches)
        for method, waiting in zip(self.methods, batches, strict=True):
            method.before_step(waiting.step.number)
        for first, optimizer in self._optimizers():
            optimizer.param_groups[0]["lr"] = first.param_groups[0]["lr"]
            optimizer.step()
        return losses

    def gradients(self, batches: Sequence[PendingStep]) -> Tensor:
        """Put the gradient of each training's batch into its `coords.grad`; returns the losses [R].

        Args:
            batches: one of each training, in their order, all of the same size.
        """
        at = torch.cat([examples(waiting) for waiting in batches])
        lead = len(batches), len(examples(batches[0]))
        chosen = mapped(lambda t: t.index_select(0, at).to(self.device).unflatten(0, lead), self.data.data)
        leaves, self.form = pytree.tree_flatten(chosen)
        with torch.no_grad():
            coords = torch.cat([space.coords for space in self.spaces])
        losses, gradient = self.compute(coords, *leaves)
        for own, part in zip(self.coords, gradient.split(self.blocks.shares), strict=True):
            own.grad = part
        return losses

    def _optimizers(self) -> list[tuple[Optimizer, Optimizer]]:
        """The first of each group of optimisers that always have the same settings, and the group as one."""
        steps = [loop.state.step for loop in self.loops]
        pace = [step - steps[0] for step in steps]
        if pace != self.pace:
            groups = defaultdict(list)
            for loop, method, step in zip(self.loops, self.methods, steps, strict=True):
                training = loop.training
                rounding = method.rounding and method.rounding.settings
                settings = repr((training.optimizer, training.schedule, loop.steps, step, rounding))
                # Of an optimizer with state of its own making nothing is known: it steps by itself.
                own = "" if optimizers.joinable(method.optimizer) else id(loop)
                groups[settings, own].append(method.optimizer)
            self.joined = [(group[0], optimizers.joined(group)) for group in groups.values()]
            self.pace = pace
        return self.joined

    def _compute(self, coords: Tensor, *leaves: Tensor) -> tuple[Tensor, Tensor]:
        """Losses [R] and the gradient of all coordinates [sum of d]."""
        theta = (self.start + self.blocks.project(coords)).requires_grad_()
        pieces = zip(self.shapes.items(), theta.split(self.sizes, dim=1), strict=True)
        native = {name: piece.view(len(self.loops), *shape) for (name, shape), piece in pieces}
        losses = self.losses({**native, **self.still}, pytree.tree_unflatten(leaves, self.form))
        (gradient,) = torch.autograd.grad(losses.sum(), theta)
        return losses.detach(), self.blocks.adjoint(gradient)


def alike(loop: Loop, other: Loop) -> bool:
    """Whether two trainings may share a pack."""
    return _shape(loop) == _shape(other) and loop.problem.data is other.problem.data


def _shape(loop: Loop) -> object:
    training = loop.training
    shapes = {name: (tensor.shape, tensor.dtype) for name, tensor in _tensors(loop).items()}
    recipe = training.batch_size, training.l2, training.precision
    return (
        loop.device,
        type(loop.subspace.projector),
        loop.subspace.sizes,
        shapes,
        recipe,
        loop.problem.method,
    )


def _tensors(loop: Loop) -> dict[str, Tensor]:
    """Parameters and buffers of the network by name, a tied one in each of its places."""
    return dict(places(loop.subspace.module))


def obstacle(batch: PendingStep, leader: Loop | None = None) -> str | None:
    """Why a training cannot be one of a pack, found by trying its first batch; None if it can.

    What a network does in its own code is not known beforehand: dropout, statistics of batches, recurrent
    layers, decisions by value, noise of another source, numbers of its own that are no buffers. All of it
    shows in one gradient taken both ways.

    Args:
        batch: the first of the training.
        leader: the first of the pack, whose code is run for all; None if there is none yet.
    """
    loop = batch.loop
    if not loop.method.batched:
        return f"method {loop.problem.method.name} makes its steps by itself"
    if not isinstance(loop.problem.data.train, Tensors):
        return "its data are read while it trains"
    if any(parameter._backward_hooks for parameter in loop.subspace.module.parameters()):
        return "its parameters have gradient hooks"
    if leader is not None and not alike(loop, leader):
        return "its shape differs"
    pack = Pack([loop])
    pack.losses = vmap(_gradient_method(leader or loop).loss)
    try:
        with warnings.catch_warnings():
            # An operation without a batched form would go one by one all the same.
            warnings.filterwarnings("error", "There is a performance drop")
            pack.gradients([batch])
    except FOREIGN as error:
        return described(error).partition("\n")[0]
    buffers = loop.subspace.module.named_buffers()
    if any(not torch.equal(pack.still[name][0], buffer) for name, buffer in buffers):
        return "its buffers change in training"
    batched = _gradient(loop)
    _gradient_method(loop).gradient(batch.step)
    single = _gradient(loop)
    if (batched - single).norm() > TOLERANCE[loop.training.precision] * single.norm():
        return "its gradient is another one when it is batched"
    return None


def examples(waiting: PendingStep) -> Tensor:
    """Which examples of the training split a step of `methods.gradient` is made on, [B]."""
    found = waiting.step.examples
    assert found is not None
    return found


def _gradient_method(loop: Loop) -> Gradient:
    assert isinstance(loop.method, Gradient)
    return loop.method


def _gradient(loop: Loop) -> Tensor:
    gradient = loop.subspace.coords.grad
    assert gradient is not None
    return gradient
