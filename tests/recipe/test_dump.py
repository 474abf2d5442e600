"""A recipe written out reads back as the same recipe."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from idim_cli.recipe.dump import dump, filled, to_yaml
from idim_cli.recipe.load import loads
from idim_cli.recipe.schema import (
    Baseline,
    Component,
    Recipe,
    SeedLists,
    Seeds,
    Sweep,
    Threshold,
    Training,
)

counts = st.integers(1, 10**6)
seeds = st.integers(0, 2**63 - 1)
positive = st.floats(1e-300, 1e300)
seed_lists = st.lists(seeds, min_size=1, max_size=3)
sweep_seeds = (
    st.integers(1, 5)
    | seed_lists
    | st.builds(SeedLists, theta0=seed_lists, projector=seed_lists, data=seed_lists)
)


def component(name, **params):
    keys = st.fixed_dictionaries({}, optional=params)
    return st.builds(Component, name=st.just(name), params=keys)


models = component("fc", depth=counts, dropout=st.floats(0, 1)) | component("lenet", kernel=counts)
code = st.builds(
    Component,
    name=st.just("./my file.py:make"),
    params=st.dictionaries(
        st.text(min_size=1).filter(lambda key: key != "name"),
        st.text() | st.none() | st.booleans() | st.lists(st.integers(), max_size=3),
        max_size=3,
    ),
)
projectors = component("tied") | component("dense", orthogonal=st.booleans())
layerwise = component("layerwise", inner=st.just("dense") | st.just({"name": "dense", "orthogonal": True}))
optimizers = component("adam", lr=positive, betas=st.lists(positive, min_size=2, max_size=2))
trainings = st.builds(
    Training,
    optimizer=optimizers,
    epochs=counts,
    l2=st.just(0.0) | positive,
    clip_norm=st.none() | positive,
    precision=st.sampled_from(["float32", "bf16"]),
)
sweeps = st.builds(
    Sweep,
    d=st.lists(counts, min_size=1, max_size=5),
    seeds=sweep_seeds,
    over=st.just({}) | st.just({"model": ["fc", {"name": "fc", "depth": 2}]}),
    baseline=st.none() | st.builds(Baseline, seeds=sweep_seeds, set=st.just({"training.epochs": 3})),
)
recipes = st.builds(
    Recipe,
    name=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", fullmatch=True),
    dataset=st.just(Component(name="digits")) | code,
    model=models | code,
    projector=projectors | layerwise,
    d=st.none() | counts,
    trainable=st.none() | st.lists(st.text(max_size=200), min_size=1, max_size=3),
    seeds=st.builds(Seeds, theta0=seeds, data=seeds),
    training=trainings,
    sweep=st.none() | sweeps,
    threshold=st.builds(Threshold, baseline=st.just("best") | positive, fraction=st.floats(1e-300, 2)),
    data_root=st.none() | st.text(),
    data_workers=st.none() | st.integers(0, 1024),
)


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(recipes)
def test_any_recipe_reads_back(recipe):
    assert loads(to_yaml(recipe)).recipe == recipe


def test_the_filled_form_says_everything_and_reads_back(small):
    recipe = filled(small("projector: {name: layerwise, inner: dense}").recipe)
    text = to_yaml(recipe, defaults=True)
    assert loads(text).recipe == recipe
    assert recipe.model.params == {"depth": 1, "width": 200, "dropout": 0.0}
    assert recipe.training.optimizer.params == {"lr": 1e-3, "betas": [0.9, 0.99]}
    assert recipe.projector.params == {"inner": {"name": "dense", "orthogonal": False}}
    assert "batch_size: 128" in text
    assert dump(recipe, defaults=True).keys() == Recipe.model_fields.keys()


def test_code_stays_as_it_was_written(small):
    recipe = small("", "model={name: ./a.py:make, x: 1}").recipe
    assert filled(recipe).model == recipe.model


def test_the_short_form(small):
    recipe = small("projector: tied\nsweep: {d: [1], baseline: null}\n").recipe
    assert dump(recipe) == {
        "name": "small",
        "dataset": "digits",
        "model": {"name": "fc", "depth": 1},
        "training": {"epochs": 2},
        "sweep": {"d": [1], "baseline": None},
    }


def test_words_that_look_like_other_things_are_quoted(small):
    recipe = small(
        base="name: '1e3'\ndataset: digits\nmodel: {name: 'a:b', x: 'null'}\ntraining: {epochs: 1}"
    ).recipe
    assert to_yaml(recipe).startswith("name: '1e3'\ndataset: digits\nmodel:\n  name: a:b\n  x: 'null'\n")
