"""Which sizes are tried for a goal, without any training."""

import itertools

import pytest

from idim_cli.compression.search.sizes import Size, descent, dimensions, fill, fitting, largest, steps
from idim_cli.compression.search.target import target_of
from idim_cli.core.errors import IdimError

DS, LEVELS = [100, 200, 300, 400, 600, 800], [2, 3, 4, 8, 16]


def test_goals_say_what_they_want():
    kept = target_of(0.9, None, None, None, False)
    assert kept.level == pytest.approx(0.891)
    assert "0.99 x 0.9000 (the run's own) = 0.8910" in kept.text
    share = target_of(0.5, 0.9, 0.98, None, False)
    assert share.level == pytest.approx(0.882)
    assert share.met(0.8821, 10**9)
    assert not share.met(0.8819, 1)
    room = target_of(0.9, None, None, 130, False)
    assert room.met(0.0, 130)
    assert not room.met(1.0, 131)
    assert target_of(0.9, None, None, None, True).met(0.0, 10**9)


@pytest.mark.parametrize("both", [(0.9, 130, False), (0.9, None, True), (None, 130, True)])
def test_two_goals_contradict(both):
    target, most, prove = both
    with pytest.raises(IdimError, match="exclude each other"):
        target_of(0.9, target, 1.0, most, prove)


def test_a_target_needs_its_baseline():
    with pytest.raises(IdimError, match="needs a baseline") as caught:
        target_of(0.9, 0.9, None, None, False)
    assert "--baseline" in caught.value.hint


@pytest.mark.parametrize("need", [120, 300, 500, 801, 1300, 2000, 5000])
def test_the_walk_finds_the_smallest_size_that_reaches(need):
    """Of sizes that reach a level together with all that have more of both."""
    asked = []

    def reached(size):
        asked.append(size)
        return size.d * (size.levels - 1) ** 0.5 >= need

    every = [Size(d, many) for d, many in itertools.product(DS, LEVELS)]
    good = [size for size in every if size.d * (size.levels - 1) ** 0.5 >= need]
    found = list(descent(DS, LEVELS, reached))
    assert set(found) <= set(good)
    assert min((size.bits for size in found), default=None) == min((s.bits for s in good), default=None)
    assert len(asked) == len(set(asked)) <= steps(DS, LEVELS)


def test_the_walk_leaves_out_what_is_no_smaller():
    assert list(descent(DS, LEVELS, lambda size: True, least=150)) == [Size(100, 2)]
    assert list(descent(DS, LEVELS, lambda size: True, least=150, listed=True)) == [Size(100, 2, True)]
    assert list(descent(DS, LEVELS, lambda size: True, least=130, listed=True)) == []
    assert list(descent(DS, LEVELS, lambda size: True, least=100)) == []
    tried = []
    list(descent(DS, LEVELS, lambda size: tried.append(size) or False, least=900))
    assert tried
    assert all(size.bits < 900 for size in tried)


def test_sizes_that_may_fit_down_to_one_that_does():
    # 600 coordinates of 2 values take 600 bits, 540 at best, and as many as 698 if they are coded badly.
    assert fitting([400, 500, 600], [2], 540 + 16) == [[Size(600, 2), Size(500, 2), Size(400, 2)]]
    assert fitting([400, 500, 600], [2], 598 + 16) == [[Size(600, 2), Size(500, 2)]]
    assert fitting([400, 500, 600], [2], 698 + 16) == [[Size(600, 2)]]
    assert fitting(DS, LEVELS, 99) == []


def test_a_free_book_takes_its_room():
    assert [ladder[0].d for ladder in fitting(DS, [2, 16], 800)] == [800, 200]
    assert [ladder[0].d for ladder in fitting(DS, [2, 16], 800, listed=True)] == [800, 100]
    assert fitting(DS, [16], 16 * 16 + 359, listed=True) == []
    assert Size(100, 16, True).bits == 16 * 16 + 400


@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize("levels", [2, 3, 16])
def test_the_largest_that_surely_fits(levels, listed):
    d = largest(levels, 900, listed)
    assert Size(d, levels, listed).most <= 900 < Size(d + 1, levels, listed).most
    assert largest(levels, 20, listed) == 0


def test_where_a_file_came_out_too_large_the_next_smaller_is_tried():
    asked = []

    def fits(sizes):
        asked.append(sizes)
        return {size for size in sizes if size.d * size.levels <= 600}

    fill([[Size(300, 2), Size(200, 2)], [Size(300, 3), Size(200, 3)], [Size(90, 8)]], fits)
    assert asked == [[Size(300, 2), Size(300, 3), Size(90, 8)], [Size(200, 3)]]


def test_dimensions_are_around_the_run():
    assert dimensions(128, 2410) == [64, 81, 102, 128, 161, 203, 256, 323]
    assert dimensions(4, 5) == [2, 3, 4, 5]
    assert dimensions(1, 1) == [1]


def test_a_level_above_what_an_accuracy_can_be_is_refused():
    with pytest.raises(IdimError, match=r"1\.1760 is above 1.*--target must be in \(0, 1\.02\]"):
        target_of(0.9, 1.2, 0.98, None, False, "accuracy")
    assert target_of(0.9, 1.2, 0.98, None, False, "nll").level == pytest.approx(1.176)
    assert target_of(0.9, 1.02, 0.98, None, False, "accuracy").level <= 1
