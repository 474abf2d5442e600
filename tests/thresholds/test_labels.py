"""Short names of groups: what differs, in words."""

import json

import pytest

from idim_cli.thresholds.grouping import label
from idim_cli.thresholds.labels import named, setting_text, short_names


def names(key, *values):
    """The short names of these values of one key, as a table holds them."""
    cells = [json.dumps(one) if isinstance(one, dict | list) else one for one in values]
    return list(short_names([{key: cell} for cell in cells])[key].values())


@pytest.mark.parametrize(
    ("key", "values", "told"),
    [
        ("model.width", [20, 40], ["width 20", "width 40"]),
        ("model", ["fc", "lenet"], ["fc", "lenet"]),
        ("model", [{"name": "fc", "width": 20}, {"name": "fc", "width": 80}], ["width 20", "width 80"]),
        ("model", [{"name": "fc", "width": 20}, {"name": "lenet", "kernel": 3}], ["fc", "lenet"]),
        (
            "model",
            [{"name": "fc", "width": 20}, {"name": "fc", "width": 80}, "lenet"],
            ["fc, width 20", "fc, width 80", "lenet"],
        ),
        ("model", ["fc", {"name": "fc", "width": 80}], ["fc", "width 80"]),
        (
            "training.optimizer",
            [
                {"name": "adam", "lr": 0.1, "betas": [0.9, 0.99]},
                {"name": "adam", "lr": 0.01, "betas": [0.9, 0.99]},
            ],
            ["lr 0.1", "lr 0.01"],
        ),
        ("training.optimizer", ["fast", "slow"], ["fast", "slow"]),
        ("trainable", [["fc.*"], ["conv.*", "fc.*"]], ["fc.*", "conv.* + fc.*"]),
        ("projector", ["tied", {"name": "dense", "orthogonal": True}], ["tied", "dense"]),
    ],
)
def test_names_tell_what_differs(key, values, told):
    assert names(key, *values) == told


def test_values_in_words():
    assert setting_text('{"name": "fc", "width": 20, "inner": {"lr": 0.1}}') == "fc (width 20, inner.lr 0.1)"
    assert label({"model": '{"name": "fc", "depth": 1}', "task": "toy"}) == "model fc (depth 1), task toy"
    assert named("training.batch_size", "small") == "batch_size small"


@pytest.mark.parametrize("odd", ["{", "[" * 100_000, '{"a": ' * 400, "{}", "[]", '{"name": null}'])
def test_text_that_only_looks_like_json_stays_text(odd):
    assert isinstance(setting_text(odd), str)
    assert len(names("model", odd, "fc")) == 2
