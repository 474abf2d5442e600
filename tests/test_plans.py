"""From a recipe to runs: how many, in which order, under which names."""

import pydantic
import pytest

from idim_cli.core.errors import IdimError
from idim_cli.core.registry import Registry
from idim_cli.recipe.dump import to_yaml
from idim_cli.recipe.load import loads
from idim_cli.recipe.schema import Component, Seeds
from idim_cli.runs.plan import plan, single

BASE = """
name: small
dataset: digits
model: {name: fc, depth: 1}
training: {epochs: 2, optimizer: {name: adam, lr: 0.01}}
"""


def recipe(more="", *overrides):
    return loads(BASE + more, "small.yaml", overrides).recipe


def brief(runs):
    return [("direct" if r.direct else r.recipe.d, r.recipe.seeds.theta0) for r in runs]


def test_direct_runs_come_first_then_d_then_seeds():
    runs = plan(recipe("sweep: {d: [20, 10], seeds: 2, baseline: {seeds: [5, 6]}}"))
    assert brief(runs) == [("direct", 5), ("direct", 6), (10, 0), (10, 1), (20, 0), (20, 1)]


def test_a_single_run_is_self_contained():
    run = plan(recipe("sweep: {d: [10], seeds: 1, baseline: null}"))[0]
    assert run.recipe.sweep is None
    assert (run.recipe.d, run.recipe.seeds, run.direct, run.group) == (10, Seeds(), False, {})
    for defaults in (False, True):
        assert single(loads(to_yaml(run.recipe, defaults=defaults)).recipe) == run


def test_direct_runs_have_neither_d_nor_projector_seed():
    run = plan(recipe("sweep: {d: [10], baseline: {seeds: [7]}}"))[0]
    assert run.recipe.projector == Component(name="identity")
    assert run.recipe.d is None
    assert run.recipe.seeds == Seeds(theta0=7, projector=0, data=7)
    assert run.run_id.startswith("direct-s7.7-")


def test_run_ids():
    runs = plan(recipe("sweep: {d: [10, 20], seeds: {theta0: [0, 1], projector: [3], data: [4, 5]}}"))
    ids = [run.run_id for run in runs]
    assert len(set(ids)) == 9
    assert [i.rpartition("-")[0] for i in ids[1:5]] == [
        "tied-d10-s0.3.4",
        "tied-d10-s0.3.5",
        "tied-d10-s1.3.4",
        "tied-d10-s1.3.5",
    ]


def test_groups_in_order_with_a_baseline_each():
    runs = plan(recipe("sweep: {d: [10], seeds: 1, over: {model.depth: [1, 2], model.width: [5, 6]}}"))
    assert [(run.direct, run.group["model.depth"], run.group["model.width"]) for run in runs] == [
        (direct, depth, width) for depth in (1, 2) for width in (5, 6) for direct in (True, False)
    ]
    assert runs[-1].recipe.model.params == {"depth": 2, "width": 6, "dropout": 0.0}


def test_projectors_share_their_baseline():
    runs = plan(recipe("sweep: {d: [10], seeds: 1, over: {projector: [tied, dense], model.depth: [1, 2]}}"))
    direct = [run for run in runs if run.direct]
    assert [run.group for run in direct] == [{"model.depth": 1}, {"model.depth": 2}]
    assert len(runs) == 2 + 4


def test_keys_fixed_for_the_baseline_share_it():
    more = (
        "sweep: {d: [10], seeds: 1, over: {training.optimizer.lr: [0.1, 0.2]},"
        " baseline: {set: {training.optimizer: adam}}}"
    )
    direct, *rest = plan(recipe(more))
    assert (direct.group, direct.recipe.training.optimizer.params["lr"]) == ({}, 0.001)
    assert [run.group for run in rest] == [{"training.optimizer.lr": 0.1}, {"training.optimizer.lr": 0.2}]


def test_a_baseline_that_two_groups_ask_for_names_what_they_have_in_common():
    more = (
        "sweep: {d: [10], seeds: 1, over: {model: [fc, {name: fc, depth: 3}], training.l2: [0, 1]},"
        " baseline: {set: {model.depth: 2}}}"
    )
    direct = [run for run in plan(recipe(more)) if run.direct]
    assert [run.group for run in direct] == [{"training.l2": 0}, {"training.l2": 1}]


@pytest.mark.parametrize(
    ("over", "groups"),
    [
        ("{}", [{"quantise.levels": 3, "quantise.codebook": "kmeans"}]),
        (
            "{quantise.levels: [2, 4]}",
            [{"quantise.levels": n, "quantise.codebook": "kmeans"} for n in (2, 4)],
        ),
        ("{quantise: [null, {levels: 2}]}", [{"quantise": None}, {"quantise": {"levels": 2}}]),
    ],
)
def test_coordinates_of_few_values_are_told_of_each_group_and_not_of_direct_runs(over, groups):
    made = plan(
        recipe(f"quantise: {{levels: 3, codebook: kmeans}}\nsweep: {{d: [10], seeds: 1, over: {over}}}")
    )
    assert [run.group for run in made if not run.direct] == groups
    assert [run.group for run in made if run.direct] == [{}]


def test_the_run_that_training_starts_from_is_told(tmp_path):
    (tmp_path / "checkpoint.safetensors").write_bytes(b"any")
    made = plan(recipe(f"start: {tmp_path}\nsweep: {{d: [10], seeds: 1}}"))
    assert [run.group for run in made] == [{}, {"start": str(tmp_path)}]


def test_identity_in_a_sweep_is_the_baseline():
    runs = plan(recipe("sweep: {d: [10, 20], seeds: 1, over: {projector: [identity, tied]}}"))
    assert brief(runs) == [("direct", 0), (10, 0), (20, 0)]


def test_equal_runs_are_planned_once():
    runs = plan(recipe("sweep: {d: [10], seeds: [1, 1], over: {model.depth: [1, 1]}, baseline: null}"))
    assert brief(runs) == [(10, 1)]


@pytest.mark.parametrize(
    ("override", "same"),
    [
        ("name=other", True),
        ("device=cpu", True),
        ("data_root=/x", True),
        ("data_workers=2", True),
        ("threshold.fraction=0.5", True),
        ("training.optimizer.lr=1e-2", True),
        ("training.l2=0", True),
        ("training.optimizer.eps=1e-8", True),
        ("model.dropout=0", True),
        ("training.optimizer.eps=1e-7", False),
        ("training.epochs=3", False),
        ("model.depth=2", False),
        ("dataset.validation=100", False),
    ],
)
def test_only_what_a_run_is_enters_its_name(override, same):
    sweep = "sweep: {d: [10], seeds: 1}"
    before, after = plan(recipe(sweep)), plan(recipe(sweep, override))
    assert ([r.run_id for r in before] == [r.run_id for r in after]) is same
    assert ([r.config for r in before] == [r.config for r in after]) is same


def test_run_ids_stay_the_same_for_ever():
    direct, first, *_ = plan(recipe("sweep: {d: [10], seeds: 1}"))
    assert direct.run_id == "direct-s0.0-a04ef98a"
    assert first.run_id == "tied-d10-s0.0.0-889e7f86"


def test_config_leaves_out_d_and_seeds():
    runs = plan(recipe("sweep: {d: [10, 20], seeds: 2, baseline: null}"))
    assert len({run.config for run in runs}) == 1


def test_without_a_sweep_there_is_one_run():
    assert brief(plan(recipe("d: 30\nseeds: 4"))) == [(30, 4)]


def test_single_needs_d():
    with pytest.raises(IdimError, match="d is missing") as caught:
        single(recipe())
    assert "d=500" in caught.value.hint
    assert single(recipe("projector: identity")).direct


def test_the_parts_of_a_component_in_a_component_count_too():
    short, long, other = (
        single(recipe("d: 5", f"projector={{name: layerwise, inner: {inner}}}")).run_id
        for inner in ("dense", "{name: dense, orthogonal: false}", "{name: dense, orthogonal: true}")
    )
    assert short == long != other


def test_another_default_is_another_run(monkeypatch):
    before = single(recipe("d: 5"))
    parameters = Registry.parameters

    def later(self, name):
        model = parameters(self, name)
        if name != "fc":
            return model
        return pydantic.create_model("fc", __config__=model.model_config, depth=(int, 2), width=(int, 201))

    monkeypatch.setattr(Registry, "parameters", later)
    assert single(recipe("d: 5")).run_id != before.run_id


def test_another_random_stream_is_another_run(monkeypatch):
    before = single(recipe("d: 5"))
    monkeypatch.setattr("idim_cli.core.rng_version.VERSION", 99)
    assert single(recipe("d: 5")).run_id != before.run_id


def test_code_that_changed_is_another_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file, one = tmp_path / "mine.py", recipe("d: 5", "model={name: ./mine.py:network}")
    ids = []
    for text in ("network = 1", "network = 2", "network = 1"):
        file.write_text(text)
        ids.append(single(one).run_id)
    assert ids[0] == ids[2] != ids[1]


def test_every_run_names_the_direct_runs_that_are_its_100_per_cent():
    more = "sweep: {d: [10], seeds: 1, over: {model.depth: [1, 2], projector: [tied, dense]}}"
    direct, others = [], []
    for run in plan(recipe(more)):
        (direct if run.direct else others).append(run)
    configs = {run.group["model.depth"]: run.config for run in direct}
    assert [run.baseline for run in others] == [configs[run.group["model.depth"]] for run in others]
    assert {run.baseline for run in direct} == {None}
    assert plan(recipe("sweep: {d: [10], baseline: null}"))[0].baseline is None


def test_labels_stand_for_the_values_of_over_and_change_no_run():
    values = "{name: fc, depth: 1, width: 8}, {name: fc, depth: 1, width: 16}"
    plain = plan(recipe(f"sweep: {{d: [5], seeds: 1, over: {{model: [{values}]}}}}"))
    small, big = values.split(", {")
    told = plan(recipe(f"sweep: {{d: [5], seeds: 1, over: {{model: {{small: {small}, big: {{{big}}}}}}}"))
    assert [run.group["model"] for run in told] == ["small", "small", "big", "big"]
    assert [run.run_id for run in told] == [run.run_id for run in plain]
    again = recipe(f"sweep: {{d: [5], seeds: 1, over: {{model: {{small: {small}}}}}}}")
    assert loads(to_yaml(again)).recipe == again
