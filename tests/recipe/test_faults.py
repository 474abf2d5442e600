"""Wrong recipes: every fault at once, each with its place, in plain words and with a hint."""

import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from idim_cli.core.errors import RecipeError
from idim_cli.recipe.check import validate
from idim_cli.recipe.load import loads
from idim_cli.recipe.source import SourceMap

ONE = {
    # more lines of the small recipe (they begin at line 7) -> the fault
    "threshold: {fraction: 90}": "7:23: threshold.fraction: should be at most 2, not 90 (did you mean 0.9?)",
    "epoch: 3": "7:1: epoch: unknown key (known: d, data_root, ",
    "modle: fc": "7:1: modle: unknown key (did you mean model?)",
    "d: ten": "7:4: d: should be a whole number, not 'ten'",
    "d: 1.5": "7:4: d: should be a whole number, not 1.5",
    "d: true": "7:4: d: should be a whole number, not true",
    "d: 0": "7:4: d: should be greater than 0, not 0",
    "d: '7'": "7:4: d: should be a whole number, not '7' (remove the quotes)",
    "  l2: -1": "7:7: training.l2: should be at least 0, not -1",
    "  l2: .nan": "7:7: training.l2: should be a finite number, not nan",
    "  clip_norm: .inf": "7:14: training.clip_norm: should be a finite number, not inf",
    "  steps: 5": "5:1: training: needs exactly one of epochs and steps",
    "  precision: fp32": (
        "7:14: training.precision: should be 'float32' or 'bf16', not 'fp32' (known: bf16, float32)"
    ),
    "  performance: finl": (
        "7:16: training.performance: should be 'final' or 'best', not 'finl' (did you mean final?)"
    ),
    "  optimizer: adm": "7:14: training.optimizer: unknown optimizer 'adm' (did you mean adam?)",
    "  optimizer: {lr: 1}": "7:3: training.optimizer.name: is missing (write the name of the optimizer)",
    "  optimizer: {name: 3}": "7:21: training.optimizer.name: should be text, not 3",
    "  optimizer: [adam]": (
        "7:14: training.optimizer: should name one optimizer,"
        " alone or in a mapping with its parameters, not a list of 1"
    ),
    "  optimizer: sgd": "7:3: training.optimizer.lr: is missing",
    "  optimizer: {name: sgd}": "7:3: training.optimizer.lr: is missing",
    "  optimizer: {name: adam, lr: 1e}": "7:31: training.optimizer.lr: should be a number, not '1e'",
    "  optimizer: {name: adam, lr: '1e-3'}": (
        "7:31: training.optimizer.lr: should be a number, not '1e-3' (remove the quotes)"
    ),
    "  optimizer: {name: adam, lr: .inf}": (
        "7:31: training.optimizer.lr: should be a finite number, not inf"
    ),
    "  optimizer: {name: adam, betas: [0.9]}": "7:27: training.optimizer.betas[1]: is missing",
    "  optimizer: {name: adam, betas: [0.9, x]}": (
        "7:40: training.optimizer.betas[1]: should be a number, not 'x'"
    ),
    "  optimizer: {name: sgd, lr: 1, nesterov: yes}": (
        "7:43: training.optimizer.nesterov: should be true or false, not 'yes' (write true or false)"
    ),
    "projector: {name: tied, x: 1}": "7:25: projector.x: unknown key (it takes no parameters)",
    "projector: {name: dense, orthogonl: true}": (
        "7:26: projector.orthogonl: unknown key (did you mean orthogonal?)"
    ),
    "projector: {name: layerwise, inner: dens}": (
        "7:37: projector.inner: unknown projector 'dens' (did you mean dense?)"
    ),
    "projector: {name: layerwise, inner: {name: dense, x: 1}}": (
        "7:51: projector.inner.x: unknown key (known: orthogonal)"
    ),
    "projector: {name: layerwise, inner: 3}": (
        "7:37: projector.inner: should be text or a mapping of keys to values, not 3"
    ),
    "projector: {name: layerwise, inner: layerwise}": (
        "7:37: projector.inner: layerwise cannot be the inner projector"
    ),
    "projector:": (
        "7:11: projector: should name one projector, alone or in a mapping with its parameters, not nothing"
    ),
    "task: {name: classify, score: test}": (
        "7:31: task.score: should be 'validation' or 'train', not 'test' (known: train, validation)"
    ),
    "seeds: [1]": "7:8: seeds: should be a mapping of keys to values, not a list of 1",
    "seeds: {theta: 1}": "7:9: seeds.theta: unknown key (did you mean theta0?)",
    "seeds: -1": "7:8: seeds: should be a whole number from 0 to 2**63 - 1, not -1",
    "trainable: conv1": "7:12: trainable: should be a list, not 'conv1'",
    "trainable: []": "7:12: trainable: should be a list of at least 1, not an empty list",
    "trainable: [1]": "7:13: trainable[0]: should be text, not 1",
    "device: gpu": ("7:9: device: should be one of auto, cpu, mps, cuda, cuda:0, cuda:1, ..., not 'gpu'"),
    "threshold: {baseline: mine}": (
        "7:23: threshold.baseline: should be 'model' or 'best', not 'mine' (known: best, model)"
    ),
    "threshold: {baseline: true}": "7:23: threshold.baseline: should be model, best or a number",
    "threshold: {confidence: 95}": (
        "7:25: threshold.confidence: should be less than 1, not 95 (did you mean 0.95?)"
    ),
    "epochs: 3": "7:1: epochs: unknown key (did you mean training.epochs?)",
    "sweep:": "",
    "sweep: 3": "7:8: sweep: should be a mapping of keys to values, not 3",
    "sweep: {d: []}": "7:12: sweep.d: should be a list of at least 1, not an empty list",
    "sweep: {d: [1, -1]}": "7:16: sweep.d[1]: should be greater than 0, not -1",
    "sweep: {d: 5}": "7:12: sweep.d: should be a list, not 5",
    "sweep: {d: {from: 1, to: 9, steps: 3, skale: log}}": (
        "7:39: sweep.d.skale: unknown key (did you mean scale?)"
    ),
    "sweep: {d: {from: 9, to: 1, steps: 3}}": "7:26: sweep.d.to: should be at least 9 (from)",
    "sweep: {d: {from: 1, to: 9, steps: 1000000000}}": (
        "7:36: sweep.d.steps: should be at most 10000, not 1000000000"
    ),
    "sweep: {d: [1], seeds: three}": "7:24: sweep.seeds: should be a number of seeds, a list",
    "sweep: {d: [1], seeds: true}": "7:24: sweep.seeds: should be a number of seeds, a list",
    "sweep: {d: [1], seeds: []}": "7:24: sweep.seeds: should be a list of at least 1, not an empty list",
    "sweep: {d: [1], seeds: 0}": "7:24: sweep.seeds: should be greater than 0, not 0",
    "sweep: {d: [1], seeds: {theta0: [1, x]}}": (
        "7:37: sweep.seeds.theta0[1]: should be a whole number, not 'x'"
    ),
    "sweep: {d: [1], seeds: {projektor: [1]}}": (
        "7:25: sweep.seeds.projektor: unknown key (did you mean projector?)"
    ),
    "sweep: {d: [1], seeds: 100000, over: {model.depth: [1, 2]}}": (
        "7:8: sweep: asks for 200000 runs, more than 100000"
    ),
}


@pytest.mark.parametrize(("more", "fault"), ONE.items())
def test_one_wrong_line_gives_one_fault(faults, small, more, fault):
    if not fault:
        assert small(more).recipe.sweep is None
        return
    (found,) = faults(more)
    assert found.startswith(f"small.yaml:{fault}")


def test_all_faults_come_at_once_in_the_order_of_the_file(faults):
    broken = """\
name: a b
dataset: digit
model: {name: fc, depth: x, widht: 3}
training: {epochs: 1, steps: 2, batch_size: 0, optimizer: {name: adam, lr: hi}}
name: again
sweep: {d: [0], over: {model.depth: [y], nothing: [1]}}
extra: 1
"""
    assert faults(base=broken) == [
        "small.yaml:1:7: name: should be letters, digits, '.', '_' and '-', starting with a letter or digit,"
        " not 'a b'",
        "small.yaml:2:10: dataset: unknown dataset 'digit' (did you mean digits?)",
        "small.yaml:3:26: model.depth: should be a whole number, not 'x'",
        "small.yaml:3:29: model.widht: unknown key (did you mean width?)",
        "small.yaml:4:1: training: needs exactly one of epochs and steps",
        "small.yaml:4:45: training.batch_size: should be greater than 0, not 0",
        "small.yaml:4:76: training.optimizer.lr: should be a number, not 'hi'",
        "small.yaml:5:1: name: duplicate key, first given on line 1",
        "small.yaml:6:13: sweep.d[0]: should be greater than 0, not 0",
        "small.yaml:6:38: sweep.over.model.depth[0]: should be a whole number, not 'y'",
        "small.yaml:6:42: sweep.over.nothing: not a recipe key that may be set here (known: dataset, method,"
        " model, projector, quantise, task, trainable, training)",
        "small.yaml:7:1: extra: unknown key (known: d, data_root, data_workers, dataset, device, method,"
        " model, name, projector, published, quantise, seeds, start, sweep, task, threshold, trackers,"
        " trainable, training)",
    ]


def test_missing_keys_are_reported_at_their_parents(faults):
    assert faults(base="# nothing but this\nname: x\ntraining:\n  l2: 0\n") == [
        "small.yaml:2:1: dataset: is missing",
        "small.yaml:2:1: model: is missing",
        "small.yaml:3:1: training: needs exactly one of epochs and steps",
    ]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("", "the file is empty"),
        ("# only a comment\n", "the file is empty"),
        ("- a\n", "should hold 'key: value' lines"),
        ("just words\n", "should hold 'key: value' lines"),
        ("3\n", "should hold 'key: value' lines"),
    ],
)
def test_files_without_keys(content, fault):
    with pytest.raises(RecipeError) as caught:
        loads(content, "r.yaml")
    assert str(caught.value) == f"r.yaml:1:1: {fault} (see: idim recipes show quickstart)"


@pytest.mark.parametrize("name", ["pkg.mod:make", "./file.py:make", "torchvision:resnet18"])
def test_models_and_data_from_code_take_any_parameters(small, name):
    recipe = small(f"dataset: {{name: '{name}', x: [1]}}", base=small_without("dataset")).recipe
    assert recipe.dataset.name == name
    assert recipe.dataset.params == {"x": [1]}


@pytest.mark.parametrize("name", [":make", "pkg.mod:"])
def test_code_needs_a_module_and_a_callable(faults, name):
    (found,) = faults(f"dataset: '{name}'", base=small_without("dataset"))
    assert f"dataset: '{name}' is not 'module:callable'" in found


@pytest.mark.parametrize("key", ["projector", "task", "dataset", "model"])
def test_a_file_is_not_a_component(faults, key):
    (found,) = faults(f"{key}: ./mine.py", base=small_without(key))
    assert "write ./mine.py:NAME" in found


def test_shared_parameters_are_checked_too(small, faults):
    base = small_without("dataset")
    assert small("dataset: {name: digits, fraction: 1}", base=base).recipe.dataset.params == {"fraction": 1.0}
    (found,) = faults("dataset: {name: digits, fracton: 1}", base=base)
    assert found.endswith("unknown key (did you mean fraction?)")


keys = st.sampled_from(
    [
        *(
            "name",
            "dataset",
            "model",
            "task",
            "projector",
            "d",
            "seeds",
            "training",
            "sweep",
            "threshold",
            "x",
        ),
        *(
            "over",
            "baseline",
            "set",
            "theta0",
            "lr",
            "depth",
            "inner",
            "epochs",
            "steps",
            "optimizer",
            "from",
        ),
        *("to", "scale", "model.depth", "training.epochs", "trainable", "projector.inner.orthogonal"),
    ]
)
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["fc", "layerwise", "a:b", ":"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=25,
)


@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=100)
@given(st.dictionaries(keys, anything), st.dictionaries(keys, anything, max_size=4))
def test_nothing_but_faults_comes_of_nonsense(tree, sweep):
    with contextlib.suppress(RecipeError):
        validate({"name": "x", "sweep": sweep, **tree}, SourceMap("f"))


def small_without(key: str) -> str:
    return "".join(
        f"{line}\n"
        for line in ["name: small", "dataset: digits", "model: fc", "training: {epochs: 1}"]
        if not line.startswith(key)
    )
