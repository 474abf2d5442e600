"""Batches of a map-style dataset, read in this process or ahead of it by workers, with the same bits.

The workers are those of PyTorch's DataLoader. This module adds the seeds of the examples, errors that
name an example, and workers that handle signals and end with their training.
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
# These are sent to all processes of a group (Ctrl-C, `scancel`), but only the training is to handle them.
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
        words = self.stream.words(int(places.max()) + 1)  # in one call: one for each word takes 15 us
        seeds = torch.from_numpy(words.view(np.int64))[places]
        return [*torch.stack([places, seeds]).split(size, dim=1)]

    def __getitem__(self, group: Tensor) -> Any:
        """The batch of the examples of one of the `groups`, as tensors; or a `Failure`."""
        places, seeds = group.tolist()
        try:
            return _tensors(self.collate([*map(self._read, places, seeds)]))
        # Returned, not raised: the loader would wrap an error of a worker in a message with its traceback.
        except IdimError as error:
            return Failure(error.message, error.hint)
        except FOREIGN as error:
            what = f"the examples {places[0]} .. {places[-1]} cannot be collated: {described(error)}"
            return Failure(what, "each must be a pytree of tensors with the same shapes")

    def _read(self, place: int, seed: int) -> Any:
        # torch.manual_seed would also seed the generators of CUDA, which belong to the training.
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
        # Most datasets have no `name`, and one that fails must not hide the error that is reported.
        with contextlib.suppress(Exception):
            return f"example {place} ({self.dataset.name(place)})"
        return f"example {place}"


def read(reader: Any, groups: Sequence[Tensor], workers: int, pin: bool = False) -> Iterator[Any]:
    """``reader[group]`` of each group in turn; `workers` processes read ahead.

    The state of random generators in this process is kept. Workers end with the iterator.

    Args:
        reader: returns a pytree of tensors, or a `Failure`.
        groups: the arguments, one for each call.
        workers: processes; none are started for a single group, or where processes cannot be forked.
        pin: put batches into pinned memory, so that copies to a GPU are asynchronous.

    Raises:
        DataError: the reader returned a `Failure`, or a worker was killed.
    """
    workers = min(workers, len(groups)) if len(groups) > 1 and _can_fork() else 0
    for found in _ahead(reader, groups, workers, pin) if workers else map(_here(reader), groups):
        if isinstance(found, Failure):
            raise DataError(found.message, found.hint)
        yield found


def _can_fork() -> bool:
    # Only a fork passes on any dataset: one from a file of the user's cannot be pickled. Daemonic processes
    # may not have children.
    return sys.platform == "linux" and not multiprocessing.current_process().daemon


def _here(reader: Any) -> Callable[[Tensor], Any]:
    def one(group: Tensor) -> Any:
        # With one thread, as in workers: sums over several threads differ in their last bits.
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
    # From the loader itself, as a reader returns its errors.
    except (RuntimeError, OSError, EOFError) as error:
        for process in iterator._workers:
            process.kill()  # one that died may hold a lock that the others wait for
        reason = str(error).partition("\n")[0]
        hint = "check the memory, main and shared (/dev/shm); data_workers: 0 reads without processes"
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
            collate_fn=lambda batch: batch,  # it is one already
            pin_memory=pin,
            worker_init_fn=_begin,
            multiprocessing_context="fork",
            generator=torch.Generator(),  # else it draws from the global one
        )
        return iter(loader)


@contextlib.contextmanager
def _forking() -> Iterator[None]:
    """Block signals until workers have their handlers, and restore the handler that the loader replaces."""
    child = signal.getsignal(signal.SIGCHLD)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        with warnings.catch_warnings():
            # Workers do not use the threads that Python warns of, and there may be more workers than cores.
            warnings.filterwarnings("ignore", "This DataLoader will create")
            warnings.filterwarnings("ignore", ".*multi-threaded, use of fork")
            yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        with contextlib.suppress(ValueError):  # not in the main thread
            # The loader's handler raises wherever this process is at the moment, such as in saving a
            # checkpoint.
            signal.signal(signal.SIGCHLD, child)


def _begin(worker: int) -> None:
    # Workers leave signals to the training, which ends them. The kernel kills them if it dies without doing
    # so, even in a call that does not return.
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    # The first SIGTERM goes to the whole group; a second one comes from the loader, and has to end the
    # worker.
    signal.signal(signal.SIGTERM, lambda number, frame: signal.signal(number, signal.SIG_DFL))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


def _tensors(batch: Any) -> Any:
    """A collated batch, its pairs as tuples; DataError for parts that are not tensors."""
    batch = tuple(batch) if isinstance(batch, list) else batch
    wrong = next((leaf for leaf in batches.leaves(batch) if not isinstance(leaf, Tensor)), None)
    if wrong is not None:
        message = f"examples hold a {type(wrong).__name__}, which is not a tensor or number"
        raise DataError(message, "leave it out, or convert it")
    # Parameters are float32, and Python's and numpy's floats are float64.
    return batches.mapped(lambda leaf: leaf.float() if leaf.dtype == torch.float64 else leaf, batch)


def _line(error: BaseException) -> str:
    """Where in the user's code an error was raised, in words; empty if elsewhere."""
    # The innermost frame outside installed packages: the error itself is often raised deep inside numpy or
    # Pillow.
    frames = traceback.extract_tb(error.__traceback__)
    own = [one for one in frames if "site-packages" not in one.filename and one.filename != __file__]
    return f", at {own[-1].filename}:{own[-1].lineno}" if own else ""
