import pytest
import torch

from idim_cli.core.errors import DataError
from idim_cli.core.registry import registry
from idim_cli.core.rng import Stream
from idim_cli.datasets.split import Source, Split
from idim_cli.datasets.transform import transform


def numbered(n=100, shape=(2, 3, 4)):
    """Example k is filled with k + a pattern that tells channel and position; its label is k."""
    pattern = torch.arange(2 * 12).reshape(shape) / 100
    x = torch.arange(n, dtype=torch.float32).reshape(n, 1, 1, 1) + pattern
    return Split(x, torch.arange(n))


def source(validation=10):
    return Source(numbered(), lambda: numbered(20), 100, validation)


def test_by_default_the_last_examples_are_held_out():
    data = transform(source())
    assert data.train.y.tolist() == list(range(90))
    assert data.validation.y.tolist() == list(range(90, 100))
    assert data.shape == (2, 3, 4)


def test_a_seed_holds_out_random_ones_and_loses_none():
    data = transform(source(), validation=30, validation_seed=1)
    again = transform(source(), validation=30, validation_seed=1)
    assert torch.equal(data.validation.y, again.validation.y)
    assert sorted([*data.train.y.tolist(), *data.validation.y.tolist()]) == list(range(100))
    assert data.validation.y.tolist() != list(range(70, 100))


def test_a_validation_split_of_its_own_is_used_unless_a_number_is_given():
    own = numbered(7)
    assert transform(source(own)).validation is own
    assert len(transform(source(own)).train) == 100
    assert len(transform(source(own), validation=25).validation) == 25


def test_shuffled_labels_leave_images_and_validation_alone():
    plain, shuffled = transform(source()), transform(source(), shuffle_labels=3)
    assert torch.equal(plain.train.x, shuffled.train.x)
    assert torch.equal(plain.validation.y, shuffled.validation.y)
    assert not torch.equal(plain.train.y, shuffled.train.y)
    assert sorted(shuffled.train.y.tolist()) == plain.train.y.tolist()
    assert not torch.equal(shuffled.train.y, transform(source(), shuffle_labels=4).train.y)


def test_a_fraction_takes_the_first_with_the_labels_of_the_whole():
    whole, part = transform(source(), shuffle_labels=3), transform(source(), shuffle_labels=3, fraction=0.1)
    assert len(part.train) == 9
    assert torch.equal(part.train.y, whole.train.y[:9])
    assert len(part.validation) == 10


def test_one_permutation_of_pixels_for_all_splits_and_channels():
    plain, moved = transform(source()), transform(source(), shuffle_pixels=5)
    pairs = [
        (plain.train, moved.train),
        (plain.validation, moved.validation),
        (plain.test(), moved.test()),
    ]
    order = moved.train.x[0, 0].flatten().mul(100).round().long()
    assert order.tolist() != list(range(12))
    for before, after in pairs:
        assert torch.equal(before.x.flatten(2)[..., order], after.x.flatten(2))
        assert torch.equal(before.y, after.y)


def test_pixels_of_flat_examples_are_entries():
    flat = Split(torch.arange(12.0).reshape(2, 6), torch.tensor([0, 1]))
    data = transform(Source(flat, lambda: flat, 2, 1), shuffle_pixels=0)
    assert sorted(data.train.x[0].tolist()) == [0, 1, 2, 3, 4, 5]
    assert data.train.x[0].tolist() != [0, 1, 2, 3, 4, 5]


def test_everything_held_out_is_refused():
    with pytest.raises(DataError, match="100 cannot be held out of 100"):
        transform(source(), validation=100)


def test_the_notes_tell_what_was_done():
    told = "; ".join(transform(source(), shuffle_labels=3, shuffle_pixels=5, fraction=0.5).notes)
    for word in ("last 10 of 100", "seed 3", "seed 5", "first 45"):
        assert word in told


def test_every_data_set_takes_them_in_a_recipe():
    for name in registry("dataset"):
        fields = registry("dataset").parameters(name).model_fields
        assert {"validation", "fraction", "shuffle_pixels", "shuffle_labels"} <= set(fields)
    with pytest.raises(ValueError, match="less than or equal to 1"):
        registry("dataset").parameters("mnist")(fraction=1.5)


def by_class(*sizes):
    """Examples sorted by class, each numbered."""
    y = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    split = Split(torch.arange(len(y), dtype=torch.float32)[:, None], y)
    return Source(split, lambda: split, len(sizes), validation=len(y) // 5)


def test_of_data_sorted_by_class_the_last_of_each_class_are_held_out():
    data = transform(by_class(50, 30, 20))
    assert data.validation.x.flatten().tolist() == [*range(40, 50), *range(74, 80), *range(96, 100)]
    assert data.train.x.flatten().tolist() == [*range(40), *range(50, 74), *range(80, 96)]
    assert "the last of each class, 20 of 100" in data.warnings[0]
    # A seed holds out random ones, whatever the order.
    assert not transform(by_class(50, 30, 20), validation_seed=0).warnings


def test_of_data_sorted_by_class_a_fraction_takes_the_first_of_each_class():
    data = transform(by_class(50, 30, 20), fraction=0.25)
    assert data.train.x.flatten().tolist() == [*range(10), *range(50, 56), *range(80, 84)]
    assert "training on the first of each class, 20" in data.notes[-1]


@pytest.mark.parametrize("sizes", [(40, 40), (300, 5), (10,) * 10])
def test_an_order_that_is_mixed_is_left_alone(sizes):
    split = by_class(*sizes).train
    mixed = split.take(torch.from_numpy(Stream(3, "mixed").permutation(len(split))))
    data = transform(Source(mixed, lambda: mixed, len(sizes), validation=len(mixed) // 5), fraction=0.5)
    assert not data.warnings
    assert torch.equal(data.validation.y, mixed.y[-(len(mixed) // 5) :])


def test_other_targets_leave_an_input_named_y_as_it_is():
    split = Split({"x": torch.zeros(3, 2), "y": torch.ones(3, 2), "labels": torch.arange(3)})
    shuffled = split.with_targets(torch.tensor([5, 6, 7]))
    assert shuffled.targets.tolist() == [5, 6, 7]
    assert torch.equal(shuffled.data["y"], torch.ones(3, 2))
