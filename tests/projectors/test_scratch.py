"""Memory for passing results: two stretches in turn, kept from use to use, one set for each thread."""

import threading

import torch

from idim_cli.projectors.base import build
from idim_cli.projectors.scratch import Scratch, memory
from idim_cli.recipe.schema import Component

CPU = torch.device("cpu")


def test_a_result_outlives_the_next_step_and_no_more():
    room = Scratch(5, torch.ones(1))
    first, second, third = room(5), room(3), room(4)
    assert first.data_ptr() == third.data_ptr() != second.data_ptr()
    assert (len(first), len(second), len(third)) == (5, 3, 4)


def test_it_is_kept_and_grows():
    first = memory("test", 10, torch.float32, CPU)
    assert memory("test", 7, torch.float32, CPU).data_ptr() == first.data_ptr()
    assert memory("test", 7, torch.float64, CPU).data_ptr() != first.data_ptr()
    assert len(memory("test", 1000, torch.float32, CPU)) == 1000


def test_each_thread_has_its_own():
    mine, theirs = memory("test", 10, torch.float32, CPU), []
    other = threading.Thread(target=lambda: theirs.append(memory("test", 10, torch.float32, CPU)))
    other.start()
    other.join()
    assert mine.data_ptr() != theirs[0].data_ptr()


def test_what_inference_mode_made_can_be_used_outside():
    P = build(Component(name="fastfood"), [100_000], 9, 1).double()
    v = torch.ones(9, dtype=torch.float64)
    with torch.inference_mode():
        there = P.project(v)
    assert torch.equal(P.project(v), there)
    assert P.adjoint(there.clone()).shape == (9,)
