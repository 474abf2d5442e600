"""Splits read by worker processes: the same bits whoever reads them, and clean ends."""

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from torch.utils.data import Subset

from idim_cli.core.errors import DataError
from idim_cli.datasets.split import Order
from idim_cli.datasets.streamed import Streamed

EVERYTHING = torch.arange(40)


class Noisy:
    """Examples that draw from all three generators; `plain` ones draw nothing."""

    def __init__(self, n=40):
        self.n = n
        self.targets = [i % 3 for i in range(n)]

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        return torch.rand(2) + random.random() + np.random.rand(), i % 3

    def plain(self, i):
        return torch.full((2,), float(i)), i % 3


class Failing(Noisy):
    def __getitem__(self, i):
        if i == 17:
            raise ValueError("no such thing")
        return super().__getitem__(i)

    def name(self, i):
        return f"file-{i}.jpg"


class Killed(Noisy):
    def __getitem__(self, i):
        if i == 17:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getitem__(i)


def inputs(split, order, size=8):
    return torch.cat([x for x, _ in split.batches(order, size, "cpu")])


def no_children():
    return multiprocessing.active_children() == []


def generators():
    return torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist()


@pytest.mark.parametrize("workers", [1, 4])
def test_workers_read_the_same_bits(workers):
    order = Order(EVERYTHING.flip(0), 3, 2)
    alone = inputs(Streamed(Noisy()), order)
    assert torch.equal(inputs(Streamed(Noisy(), workers=workers), order), alone)
    assert no_children()


def test_an_example_depends_on_seed_epoch_and_place_alone():
    split = Streamed(Noisy())
    whole = inputs(split, Order(EVERYTHING, 3, 2))
    rest = inputs(split, Order(EVERYTHING[24:], 3, 2), size=5)
    assert torch.equal(rest, whole[24:])
    assert torch.equal(inputs(split.take(EVERYTHING[24:]), Order(torch.arange(16), 3, 2)), whole[24:])
    for other in (Order(EVERYTHING, 4, 2), Order(EVERYTHING, 3, 1)):
        assert not (inputs(split, other) == whole).any()


@pytest.mark.parametrize("workers", [0, 2])
def test_generators_stay_as_they_were(workers):
    before = generators()
    inputs(Streamed(Noisy(), workers=workers), Order(EVERYTHING, 0, 0))
    assert generators() == before


def test_evaluations_read_plain_examples_and_keep_them():
    split = Streamed(Noisy(), workers=2)
    expected = EVERYTHING[:, None].expand(-1, 2).float()
    first = [x for x, _ in split.batches(Order(), 8, "cpu")]
    assert torch.equal(torch.cat(first), expected)
    first[0].zero_()  # as a model may do
    split.dataset.plain = None  # nothing is read again
    assert torch.equal(inputs(split, Order()), expected)


def test_examples_that_are_always_the_same_are_read_once(monkeypatch):
    class Same(Noisy):
        augmented, read = False, 0

        def __getitem__(self, i):
            self.read += 1
            return self.plain(i)

        def plain(self, i):
            self.read += 1
            return super().plain(i)

    split = Streamed(Same())
    first = inputs(split, Order(EVERYTHING.flip(0), 0, 0))
    read = split.dataset.read
    again = inputs(split, Order(EVERYTHING.flip(0), 0, 1))
    assert split.dataset.read == read
    monkeypatch.setattr("idim_cli.datasets.streamed._KEPT_BYTES", 0)
    assert torch.equal(first, inputs(Streamed(Same()), Order(EVERYTHING.flip(0), 0, 0)))
    assert torch.equal(first, again)


def test_a_dataset_without_plain_is_read_as_it_is_but_always_the_same():
    class Bare:
        __len__, __getitem__ = Noisy.__len__, Noisy.__getitem__
        n = 40

    assert torch.equal(inputs(Streamed(Bare()), Order()), inputs(Streamed(Bare(), workers=2), Order()))


@pytest.mark.parametrize("workers", [0, 2])
def test_an_example_that_fails_is_named(workers):
    with pytest.raises(DataError, match=r"example 17 \(file-17.jpg\): ValueError: no such thing") as caught:
        inputs(Streamed(Failing(), workers=workers), Order(EVERYTHING, 0, 0))
    assert f"at {__file__}:" in caught.value.message
    assert no_children()


def test_a_worker_that_is_killed_is_an_error():
    with pytest.raises(DataError, match="process that reads examples ended") as caught:
        inputs(Streamed(Killed(), workers=2), Order(EVERYTHING, 0, 0))
    assert "data_workers" in caught.value.hint
    assert no_children()


def test_workers_end_with_the_iterator():
    batches = Streamed(Noisy(), workers=2).batches(Order(EVERYTHING, 0, 0), 4, "cpu")
    next(batches)
    assert not no_children()
    batches.close()
    assert no_children()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_to_the_group_leave_the_training_to_decide(tmp_path, number):
    """Workers read on when all processes of a group are sent a signal, which the training catches."""
    program = tmp_path / "read.py"
    program.write_text(
        "import os, signal, sys, time, torch\n"
        "from idim_cli.datasets.split import Order\n"
        "from idim_cli.datasets.streamed import Streamed\n"
        "class Slow:\n"
        "    def __len__(self): return 40\n"
        "    def __getitem__(self, i): time.sleep(.01); return torch.zeros(1)\n"
        "seen = []\n"
        f"signal.signal({int(number)}, lambda *_: seen.append(1))\n"
        "count = 0\n"
        "for batch in Streamed(Slow(), workers=2).batches(Order(torch.arange(40), 0, 0), 4, 'cpu'):\n"
        f"    if not count: os.killpg(0, {int(number)})\n"
        "    count += len(batch)\n"
        "print(count, len(seen))\n"
    )
    ran = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, timeout=60, start_new_session=True
    )
    assert (ran.stdout.split(), ran.stderr) == (["40", "1"], "")


def test_workers_of_a_killed_training_end(tmp_path):
    program = tmp_path / "read.py"
    program.write_text(
        "import multiprocessing, os, torch\n"
        "from idim_cli.datasets.split import Order\n"
        "from idim_cli.datasets.streamed import Streamed\n"
        "class Some:\n"
        "    def __len__(self): return 40\n"
        "    def __getitem__(self, i): return torch.zeros(1)\n"
        "batches = Streamed(Some(), workers=2).batches(Order(torch.arange(40), 0, 0), 1, 'cpu')\n"
        "next(batches)\n"
        "print(*[child.pid for child in multiprocessing.active_children()], flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    ran = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=60)
    pids = [int(word) for word in ran.stdout.split()]
    assert len(pids) == 2
    for _ in range(50):
        if not any(_alive(pid) for pid in pids):
            return
        time.sleep(0.1)
    pytest.fail("workers are left")


def _alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_targets_are_those_of_the_dataset():
    split = Streamed(Noisy())
    assert split.targets.tolist() == Noisy().targets
    assert split.take(EVERYTHING[5:8]).targets.tolist() == [2, 0, 1]
    assert Streamed(Subset(Noisy(), [5, 6, 7])).targets.tolist() == [2, 0, 1]
    other = Noisy()
    other.targets = np.array(other.targets, dtype=np.int32)
    assert Streamed(other).targets.tolist() == Noisy().targets
    other.plain = lambda i: (torch.zeros(2), 1 - i % 3)  # as a target_transform
    assert Streamed(other).targets is None
    del other.plain, other.targets
    assert Streamed(other).targets is None


def test_other_targets_take_their_place():
    split = Streamed(Noisy()).with_targets(torch.arange(40) + 100)
    some = split.take(torch.tensor([7, 3]))
    assert some.targets.tolist() == [107, 103]
    (_, y), *_ = some.batches(Order(torch.tensor([1, 0]), 0, 0), 8, "cpu")
    assert y.tolist() == [103, 107]


def test_forms_of_examples():
    class Dicts(Noisy):
        def __getitem__(self, i):
            return {"ids": np.arange(3), "weight": 0.5, "labels": i}

        plain = __getitem__

    class Words(Noisy):
        plain = None

        def __getitem__(self, i):
            return torch.zeros(1), "a word"

    batch = next(Streamed(Dicts()).batches(Order(EVERYTHING, 0, 0), 4, "cpu"))
    assert {key: leaf.dtype for key, leaf in batch.items()} == {
        "ids": torch.int64,
        "weight": torch.float32,
        "labels": torch.int64,
    }
    with pytest.raises(DataError, match="str, which is not a tensor"):
        inputs(Streamed(Words()), Order(EVERYTHING, 0, 0))


def test_an_empty_split_has_no_batches():
    empty = Streamed(Noisy()).take(EVERYTHING[:0])
    assert (len(empty), list(empty.batches(Order(), 8, "cpu"))) == (0, [])


def test_digests():
    same, split = Streamed(Noisy(), workers=2).digest(), Streamed(Noisy())
    assert same == split.digest()
    others = [Streamed(Noisy(41)), split.take(EVERYTHING[1:]), split.with_targets(EVERYTHING)]
    assert len({same, *(other.digest() for other in others)}) == 4
