"""What a sweep would set is checked when the recipe is read."""

import time

import pytest

OVER = "sweep:\n  d: [1]\n  over:\n"
SET = "sweep:\n  d: [1]\n  baseline:\n    set:\n"


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("    model.depth: [1, x]", "10:22: sweep.over.model.depth[1]: should be a whole number, not 'x'"),
        (
            "    model.depth: 3",
            "10:18: sweep.over.model.depth: should be a list of values, or a mapping of labels to values",
        ),
        (
            "    model.depth: {one: 1, two: x}",
            "10:32: sweep.over.model.depth.two: should be a whole number, not 'x'",
        ),
        (
            "    model: {small: {name: fc, dpth: 1}}",
            "10:31: sweep.over.model.small.dpth: unknown key (did you mean depth?)",
        ),
        (
            "    model.depth: []",
            "10:18: sweep.over.model.depth: should be a list of at least 1, not an empty list",
        ),
        ("    model.dpth: [1]", "10:18: sweep.over.model.dpth[0]: unknown key (did you mean depth?)"),
        ("    model: [fc, fcc]", "10:17: sweep.over.model[1]: unknown model 'fcc' (did you mean fc?)"),
        (
            "    model: [{name: lenet, depth: 1}]",
            "10:27: sweep.over.model[0].depth: unknown key (known: kernel)",
        ),
        (
            "    modle.depth: [1]",
            "10:5: sweep.over.modle.depth: not a recipe key that may be set here (did you mean",
        ),
        ("    d: [1]", "10:5: sweep.over.d: not a recipe key that may be set here (use sweep.d)"),
        (
            "    seeds.data: [1]",
            "10:5: sweep.over.seeds.data: not a recipe key that may be set here (use sweep.seeds)",
        ),
        ("    name: [a]", "10:5: sweep.over.name: not a recipe key that may be set here (known: "),
        (
            "    training.epocs: [1]",
            "10:22: sweep.over.training.epocs[0]: unknown key (did you mean epochs?)",
        ),
        (
            "    training.epochs: [1, 0]",
            "10:26: sweep.over.training.epochs[1]: should be greater than 0, not 0",
        ),
        (
            "    training.epochs.x: [1]",
            "10:25: sweep.over.training.epochs.x[0]: training.epochs holds a value, so",
        ),
        (
            "    training.optimizer.betas: [[0.9, x]]",
            "10:38: sweep.over.training.optimizer.betas[0][1]: should be a number, not 'x'",
        ),
    ],
)
def test_every_key_and_value_of_over(faults, line, fault):
    (found,) = faults(f"{OVER}{line}\n")
    assert found.startswith(f"small.yaml:{fault}")


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("      model.depth: x", "11:20: sweep.baseline.set.model.depth: should be a whole number, not 'x'"),
        (
            "      projector: dense",
            "11:7: sweep.baseline.set.projector: not a recipe key that may be set here (direct",
        ),
        ("      model: fcc", "11:14: sweep.baseline.set.model: unknown model 'fcc' (did you mean fc?)"),
    ],
)
def test_every_key_and_value_of_the_baseline(faults, line, fault):
    (found,) = faults(f"{SET}{line}\n")
    assert found.startswith(f"small.yaml:{fault}")


def test_values_are_checked_together(small, faults):
    together = "    model: [lenet]\n    model.kernel: [3, [5, 5]]\n"
    assert small(OVER + together).recipe.sweep.over["model.kernel"] == [3, [5, 5]]
    assert faults(OVER + together.replace("[lenet]", "[lenet, fc]")) == [
        "small.yaml:11:20: sweep.over.model.kernel[0]: unknown key (known: depth, dropout, width)",
        "small.yaml:11:23: sweep.over.model.kernel[1]: unknown key (known: depth, dropout, width)",
    ]


def test_a_baseline_is_checked_with_every_group(faults):
    lines = "    model: [fc, lenet]\n  baseline: {set: {model.kernel: 3}}\n"
    assert faults(OVER + lines) == [
        "small.yaml:11:34: sweep.baseline.set.model.kernel: unknown key (known: depth, dropout, width)"
    ]


def test_faults_outside_the_sweep_are_not_repeated(faults):
    found = faults(
        f"{OVER}    model.depth: [1, 2, x]\n",
        base="name: x\ndataset: no\nmodel: fc\nextra: 1\ntraining: {}\n",
    )
    assert len(found) == 4


def test_checking_leaves_the_values_as_they_are(small):
    lines = "    model: [{name: fc, depth: 1}]\n    model.width: [7]\n  baseline: {set: {model.depth: 3}}\n"
    assert small(OVER + lines).recipe.sweep.over["model"] == [{"name": "fc", "depth": 1}]


def test_steps_may_be_swept_in_a_recipe_with_epochs(small):
    small(f"{OVER}    training.steps: [10, 20]\n")


def test_a_huge_grid_is_checked_in_a_moment(faults):
    lines = "".join(f"    model.{key}: {list(range(1, 200))}\n" for key in ("depth", "width"))
    start = time.process_time()
    (found,) = faults(OVER + lines)
    assert "asks for 118803 runs" in found
    assert time.process_time() - start < 10
