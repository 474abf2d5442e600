"""Splits that are read example by example from a map-style dataset, by worker processes that read ahead."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten
from torch.utils.data import Subset

from idim_cli.core import tensor_digest
from idim_cli.datasets import batch as batches
from idim_cli.datasets import loading
from idim_cli.datasets.split import Order, Split, Tensors

#: Examples that a digest reads of a dataset without a digest of its own, evenly spread: seconds, not hours.
DIGESTED = 100
#: Bytes of a batch in an evaluation, on whose size nothing depends; and bytes up to which examples that are
#: the same each time are kept in memory.
_BATCH_BYTES, _KEPT_BYTES = 1 << 26, 1 << 28
_EVALUATION = Order()
_CHECKED = 4  # examples compared with the `targets` of their dataset: enough to show a `target_transform`


@dataclass(frozen=True, eq=False)
class Streamed(Split):
    """A split over any map-style dataset: an object with ``len`` and ``dataset[i]``, as PyTorch defines it.

    Examples are pytrees of tensors, arrays and numbers, collated by `default_collate`; float64 becomes
    float32. Before each is read torch, numpy and random are seeded from (seed, epoch, its place in the
    dataset), so that it is the same whichever process reads it. A dataset may also define

    - ``plain(i)``: example i without augmentation, read in evaluations instead of ``dataset[i]``;
    - ``augmented``: False if ``dataset[i]`` is always the same, so that small datasets are read once;
    - ``targets``: the targets of all examples, known without reading them;
    - ``name(i)``: the name of example i in messages, such as its file;
    - ``collate(examples)``: a batch, in the process that reads; ``finish(batch)``: the batch as the model
      gets it, in the process that trains, on its device;
    - ``digest()``: a digest of its content, the same in every process.

    Attributes:
        dataset: read from.
        index: int64 [n], the indices into the dataset that make up this split; None is all of them.
        relabelled: [n], targets in place of the dataset's own.
        workers: processes that read ahead; 0 reads in the process that trains.
    """

    dataset: Any
    index: Tensor | None = None
    relabelled: Tensor | None = None
    workers: int = 0

    def __len__(self) -> int:
        return len(self.dataset) if self.index is None else len(self.index)

    def batches(self, order: Order, size: int, device: str | torch.device) -> Iterator[Any]:
        """The examples of `order`; in an evaluation of the whole split in batches of at most 64 MB.

        Raises:
            DataError: an example cannot be read; names it. Or a worker was killed.
        """
        device = torch.device(device)
        places = torch.arange(len(self)) if order.examples is None else order.examples.cpu()
        if not len(places):  # the first example, needed below, does not exist
            return
        whole = order.epoch is None and order.examples is None
        size = min(size, max(1, _BATCH_BYTES // _bytes(self._first))) if whole else size
        # Of a training only if the dataset declares that it is not augmented.
        always = order.epoch is not None and not getattr(self.dataset, "augmented", True)
        if self._small and (whole or always):
            read = self._kept.batches(Order(places), size, "cpu")
        else:
            read = self._read(places, size, order, device.type == "cuda")
        for some, batch in zip(torch.split(places, size), read, strict=True):
            yield self._finished(some, batch, device)

    def take(self, index: Tensor | slice) -> Streamed:
        """A split of the examples at `index`."""
        own = torch.arange(len(self.dataset)) if self.index is None else self.index
        labels = None if self.relabelled is None else self.relabelled[index]
        # Indices of the dataset, not of this split: augmentation depends on them, and must not change with a
        # split.
        return replace(self, index=own[index], relabelled=labels)

    def with_targets(self, targets: Tensor) -> Streamed:
        """The same examples with other targets [n]."""
        return replace(self, relabelled=targets)

    def read_by(self, workers: int) -> Streamed:
        """The same split read by so many processes."""
        return replace(self, workers=workers)

    @property
    def shape(self) -> Any:
        """Shape of one example's inputs, see `batch.shape`."""
        return batches.shape(self._first)

    @property
    def targets(self) -> Tensor | None:
        """The targets of all examples, if the dataset has `targets` and its examples hold the same."""
        if self.relabelled is not None:
            return self.relabelled
        return self._known if self._known is None or self.index is None else self._known[self.index]

    def digest(self) -> str:
        """A digest of the dataset's own, or of up to `DIGESTED` examples, and of the indices of the split."""
        held = {"index": self.index, "targets": self.relabelled}
        content = self.dataset.digest() if hasattr(self.dataset, "digest") else self._sample()
        tensors = {name: tensor for name, tensor in held.items() if tensor is not None}
        return tensor_digest.of(tensors, [len(self.dataset), content])

    def _read(
        self, places: Tensor, size: int, order: Order = _EVALUATION, pin: bool = False
    ) -> Iterator[Any]:
        """Batches of the examples at `places` of this split, before `finish`."""
        reader = loading.Reader(self.dataset, order.seed, order.epoch)
        groups = reader.groups(places if self.index is None else self.index[places], size)
        return loading.read(reader, groups, self.workers, pin)

    @property
    def _small(self) -> bool:
        return len(self.dataset) * _bytes(self._first) <= _KEPT_BYTES

    @functools.cached_property
    def _kept(self) -> Tensors:
        """All examples as evaluations read them, before `finish`."""
        # In batches of bounded size, so that workers share the reading.
        size = max(1, _BATCH_BYTES // _bytes(self._first))
        read, treespec = zip(*map(tree_flatten, self._read(torch.arange(len(self)), size)), strict=True)
        return Tensors(tree_unflatten([torch.cat(leaves) for leaves in zip(*read, strict=True)], treespec[0]))

    @functools.cached_property
    def _known(self) -> Tensor | None:
        """The targets of the whole dataset, some of them compared with its examples."""
        if (known := _targets(self.dataset)) is None:
            return None
        places = torch.linspace(0, len(known) - 1, min(_CHECKED, len(known))).long()
        whole = replace(self, index=None)  # `targets` are those of the whole dataset
        batch = next(whole._read(places, len(places)))
        found = batches.parts(batch).targets
        same = isinstance(found, Tensor) and found.shape == known[places].shape
        # torchvision stores `targets` as they are before `target_transform`.
        return known.to(found.dtype) if same and torch.equal(found, known[places].to(found.dtype)) else None

    def _finished(self, places: Tensor, batch: Any, device: torch.device) -> Any:
        """A batch as the model gets it."""
        # `non_blocking` has an effect only on pinned memory, see `loading.read`.
        copied = batches.mapped(lambda leaf: leaf.to(device, non_blocking=True), batch)
        finish = getattr(self.dataset, "finish", None)
        done = copied if finish is None else finish(copied)
        if self.relabelled is None:
            return done
        return batches.with_targets(done, self.relabelled[places].to(device))

    @functools.cached_property
    def _first(self) -> Any:
        """The first example, as a batch of one."""
        place = torch.zeros(1, dtype=torch.int64)
        return self._finished(place, next(self._read(place, 1)), torch.device("cpu"))

    def _sample(self) -> str:
        """A digest of some examples, as an evaluation reads them."""
        # Without augmentation: the digest must not depend on an epoch.
        places = torch.linspace(0, len(self) - 1, min(DIGESTED, len(self)), dtype=torch.float64).long()
        found = (tensor_digest.of(batches.tensors(batch)) for batch in self._read(places, 1))
        return tensor_digest.of({}, [*found])


def _targets(dataset: Any) -> Tensor | None:
    """The `targets` of a dataset, or of the dataset that it is a subset of."""
    if isinstance(dataset, Subset):
        known = _targets(dataset.dataset)
        return None if known is None else known[torch.as_tensor(dataset.indices, dtype=torch.int64)]
    known = getattr(dataset, "targets", None)
    if known is None or len(known) != len(dataset):
        return None
    try:
        return torch.as_tensor(known)
    except (TypeError, ValueError):  # words or lists of several lengths: examples hold them in another form
        return None


def _bytes(batch: Any) -> int:
    return sum(leaf.nbytes for leaf in batches.leaves(batch))
