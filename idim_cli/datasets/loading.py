"""Batches of a map-style dataset, read in this process or ahead of it by workers, with the same bits.

The workers are those of PyTorch's DataLoader. This module adds what it leaves open: the seeds that examples
draw from, which error is shown, and what signals and the end of a training do to the workers.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import random
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, default_collate

from idim_cli.core.errors import FOREIGN, DataError, IdimError, described
from idim_cli.core.rng import Stream
from idim_cli.core.user_code import seeded
from idim_cli.datasets import batch as batches

_PR_SET_PDEATHSIG = 1  # of Linux' prctl
# Of a group of processes all are sent these (Ctrl-C, `scancel`); what they mean is the training's business.
_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name)]


@dataclass(frozen=True)
class Failure:
    """Why a batch could not be read: an error that crosses processes."""

    message: str
    hint: str = ""


class Reader:
    """Reads batches of a dataset, each example with generators seeded from (seed, epoch, its place).

    Args:
        dataset: map-style, see `streamed.Streamed`.
        seed, epoch: as in `Order`; without an epoch ``dataset.plain`` is read, if there is one.
    """

    def __init__(self, dataset: Any, seed: int, epoch: int | None) -> None:
        self.dataset = dataset
        self.stream = Stream(seed, "example" if epoch is None else f"example/{epoch}")
        augmented: Callable[[int], Any] = dataset.__getitem__
        plain = getattr(dataset, "plain", None) or augmented
        self.example = plain if epoch is None else augmented
        self.collate = getattr(dataset, "collate", default_collate)

    def groups(self, places: Tensor, size: int) -> list[Tensor]:
        """Places of the dataset [n] in groups for batches of `size`, each with its seed: [2, size]."""
        words = self.stream.words(int(places.max()) + 1)  # all at once: a word by itself takes 15 us
        seeds = torch.from_numpy(words.view(np.int64))[places]
        return [*torch.stack([places, seeds]).split(size, dim=1)]

    def __getitem__(self, group: Tensor) -> Any:
        """The batch of the examples of one of the `groups`, as tensors; or a `Failure`."""
        places, seeds = group.tolist()
        try:
            return _tensors(self.collate([*map(self._read, places, seeds)]))
        except IdimError as error:
            return Failure(error.message, error.hint)
        except FOREIGN as error:
            what = f"the examples {places[0]} .. {places[-1]} cannot be put together: {described(error)}"
            return Failure(what, "each should be a pytree of tensors of the same shapes")

    def _read(self, place: int, seed: int) -> Any:
        torch.default_generator.manual_seed(seed)
        np.random.seed(seed % 2**32)
        random.seed(seed)
        try:
            return self.example(place)
        except IdimError as error:
            raise DataError(f"{self._name(place)}: {error.message}", error.hint) from error
        except FOREIGN as error:
            raise DataError(f"{self._name(place)}: {described(error)}{_line(error)}") from error

    def _name(self, place: int) -> str:
        with contextlib.suppress(Exception):
            return f"example {place} ({self.dataset.name(place)})"
        return f"example {place}"


def read(reader: Any, groups: Sequence[Tensor], workers: int, pin: bool = False) -> Iterator[Any]:
    """``reader[group]`` of each group in turn; `workers` processes read ahead.

    Generators of random numbers in this process stay as they were. Workers end with the iterator.

    Args:
        reader: returns a pytree of tensors, or a `Failure`.
        groups: what it is asked for.
        workers: processes; none are started for a single group, or where processes cannot be forked.
        pin: put batches into memory from which a GPU copies them by itself.

    Raises:
        DataError: what a `Failure` says, or a worker was killed.
    """
    workers = min(workers, len(groups)) if len(groups) > 1 and _can_fork() else 0
    for found in _ahead(reader, groups, workers, pin) if workers else map(_here(reader), groups):
        if isinstance(found, Failure):
            raise DataError(found.message, found.hint)
        yield found


def _can_fork() -> bool:
    """Whether workers can be had: only a fork takes along any dataset, such as one of the user's file."""
    return sys.platform == "linux" and not multiprocessing.current_process().daemon


def _here(reader: Any) -> Callable[[Tensor], Any]:
    def one(group: Tensor) -> Any:
        # With one thread, as in workers: sums of several threads have other last bits.
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with seeded(0):
                return reader[group]
        finally:
            torch.set_num_threads(threads)

    return one


def _ahead(reader: Any, groups: Sequence[Tensor], workers: int, pin: bool) -> Iterator[Any]:
    iterator = _started(reader, groups, workers, pin)
    try:
        yield from iterator
    except (RuntimeError, OSError, EOFError) as error:  # of the loader itself: a reader raises nothing
        for process in iterator._workers:
            process.kill()  # one that died may hold a lock that the others wait for
        reason = str(error).partition("\n")[0]
        hint = "out of memory, main or shared (/dev/shm)? data_workers: 0 reads without processes"
        raise DataError(f"a process that reads examples ended: {reason}", hint) from error
    finally:
        iterator._shutdown_workers()
        for process in iterator._workers:
            process.kill()  # one that did not end when asked
            process.join()


def _started(reader: Any, groups: Sequence[Tensor], workers: int, pin: bool) -> Any:
    """An iterator of a DataLoader whose workers have been forked."""
    with _forking():
        loader = DataLoader(
            reader,
            batch_size=None,
            sampler=groups,
            num_workers=workers,
            collate_fn=_as_it_is,
            pin_memory=pin,
            worker_init_fn=_begin,
            multiprocessing_context="fork",
            generator=torch.Generator(),  # else it draws from the global one
        )
        return iter(loader)


@contextlib.contextmanager
def _forking() -> Iterator[None]:
    """No signal meets a worker that has no handler for it yet, and the loader's own handler does not stay."""
    child = signal.getsignal(signal.SIGCHLD)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        with warnings.catch_warnings():
            # Workers use none of the threads that Python warns of, and may be more than the cores.
            warnings.filterwarnings("ignore", "This DataLoader will create")
            warnings.filterwarnings("ignore", ".*multi-threaded, use of fork")
            yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        with contextlib.suppress(ValueError):  # not in the main thread
            # It raises errors wherever this process is at the moment, as in saving a checkpoint.
            signal.signal(signal.SIGCHLD, child)


def _begin(worker: int) -> None:
    """In a worker: the first signals to end are for the training, which will end its workers.

    They end with it, however it ends, also in the middle of a call that does not return.
    """
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _the_next_ends)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


def _the_next_ends(number: int, frame: object) -> None:
    signal.signal(number, signal.SIG_DFL)


def _as_it_is(batch: Any) -> Any:
    return batch


def _tensors(batch: Any) -> Any:
    """A collated batch, its pairs as tuples; DataError for parts that are no tensors."""
    batch = tuple(batch) if isinstance(batch, list) else batch
    wrong = next((leaf for leaf in batches.leaves(batch) if not isinstance(leaf, Tensor)), None)
    if wrong is not None:
        message = f"examples hold a {type(wrong).__name__}, which is no tensor or number"
        raise DataError(message, "leave it out, or convert it")
    # Parameters are float32, and Python's and numpy's floats are float64.
    return batches.mapped(lambda leaf: leaf.float() if leaf.dtype == torch.float64 else leaf, batch)


def _line(error: BaseException) -> str:
    """Where in the user's code an error arose, in words; empty if in none."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [one for one in frames if "site-packages" not in one.filename and one.filename != __file__]
    return f", at {own[-1].filename}:{own[-1].lineno}" if own else ""
