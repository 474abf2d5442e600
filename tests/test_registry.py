"""Registries: names, signatures read from source, summaries, near misses."""

import importlib.metadata
import subprocess
import sys

import pydantic
import pytest

from idim_cli.core.errors import ComponentError
from idim_cli.core.registry import ROOMS, Registry, did_you_mean, registry
from idim_cli.projectors import REGISTRY

SOURCE = '''
"""Made-up components; importing this fails."""
from typing import Literal
raise RuntimeError("imported")

class Plain:
    """A class without parameters.

    More.
    """

class Full:
    def __init__(self, D, *, depth: int, mode: Literal["a", "b"] = "a", copy: float = 0.5, _own: int = 3): ...

def shared(x, *, depth: str = "deep", fraction: float = 1.0): ...
'''


@pytest.fixture
def made_up(tmp_path, monkeypatch):
    (tmp_path / "made_up_components.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    module = "made_up_components"
    entries = {"plain": f"{module}:Plain", "full": f"{module}:Full"}
    return Registry(
        "thing", {**entries, "gone": f"{module}:Gone", "lost": "no_such_module:X"}, f"{module}:shared"
    )


def test_parameters_are_read_without_importing(made_up):
    fields = made_up.parameters("full").model_fields
    assert set(fields) == {"depth", "mode", "copy", "fraction"}
    assert fields["depth"].is_required()
    assert fields["depth"].annotation is int
    assert fields["copy"].default == 0.5


def test_shared_parameters_join_those_of_all(made_up):
    assert set(made_up.parameters("plain").model_fields) == {"depth", "fraction"}


@pytest.mark.parametrize(
    "bad", [{}, {"depth": "1"}, {"depth": 1, "mode": "c"}, {"depth": 1, "x": 1}, {"depth": True}]
)
def test_parameters_are_checked(made_up, bad):
    with pytest.raises(pydantic.ValidationError):
        made_up.parameters("full").model_validate(bad)


def test_filled_gives_all_parameters_as_json_would(made_up):
    assert made_up.filled("full", {"depth": 2, "copy": 1}) == {
        "depth": 2, "mode": "a", "copy": 1.0, "fraction": 1.0,
    }  # fmt: skip
    betas = registry("optimizer").filled("adam", {"betas": (0, 1)})["betas"]
    assert betas == [0.0, 1.0]


@pytest.mark.parametrize(
    ("params", "message", "hint"),
    [
        ({"depth": 1, "fractoin": 1.0}, "thing 'full' has no parameter 'fractoin'", "did you mean fraction?"),
        ({}, "thing 'full': depth: field required", ""),
        ({"depth": 1, "mode": "c"}, "thing 'full': mode: input should be 'a' or 'b'", ""),
        ({"depth": object()}, "thing 'full': Object of type object is not JSON", ""),
        ({"depth": 1, "copy": float("nan")}, "thing 'full': copy: ", ""),
    ],
)
def test_filled_says_what_does_not_fit(made_up, params, message, hint):
    with pytest.raises(ComponentError) as caught:
        made_up.filled("full", params)
    assert str(caught.value).startswith(message)
    assert caught.value.hint == hint


def test_an_inner_component_is_filled_too():
    filled = registry("projector").filled
    assert filled("layerwise", {}) == {"inner": "tied"}
    whole = {"inner": {"name": "dense", "orthogonal": False}}
    assert filled("layerwise", {"inner": "dense"}) == filled("layerwise", whole) == whole


@pytest.mark.parametrize(
    "inner", ["layerwise", "identity", {"density": 1}, "nothing", {"name": "sparse", "densty": 1}]
)
def test_an_inner_component_is_checked_too(inner):
    with pytest.raises(ComponentError):
        registry("projector").filled("layerwise", {"inner": inner})


def test_summary(made_up):
    assert made_up.summary("plain") == "A class without parameters."
    assert made_up.summary("full") == ""


def test_unknown_names(made_up):
    with pytest.raises(ComponentError, match="unknown thing 'ful'") as caught:
        made_up.open("ful")
    assert caught.value.hint == "did you mean full?"


@pytest.mark.parametrize("name", ["gone", "lost"])
def test_entries_that_lead_nowhere(made_up, name):
    with pytest.raises(ComponentError):
        made_up.parameters(name)


def test_entry_points_join_but_do_not_replace(monkeypatch):
    points = [
        importlib.metadata.EntryPoint("mine", "pkg:Mine", "idim.thing"),
        importlib.metadata.EntryPoint("own", "pkg:Other", "idim.thing"),
    ]
    monkeypatch.setattr(
        importlib.metadata, "entry_points", lambda group: points if group == "idim.thing" else []
    )
    things = Registry("thing", {"own": "idim:Own"})
    assert list(things) == ["mine", "own"]
    assert "mine" in things
    assert (things.target("mine"), things.target("own")) == ("pkg:Mine", "idim:Own")


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("fastfod", "did you mean fastfood?"),
        ("tide", "did you mean tied?"),
        ("xyz", "known: dense, fastfood, identity, layerwise, sparse, tied"),
    ],
)
def test_did_you_mean(word, hint):
    assert did_you_mean(word, REGISTRY) == hint


def test_did_you_mean_names_two_when_both_are_as_near():
    assert did_you_mean("fig0", ["fig1", "fig2", "table"]) == "did you mean fig2 or fig1?"


@pytest.mark.parametrize("kind", ROOMS)
def test_every_listed_component_is_there_with_a_summary(kind):
    for name in registry(kind):
        assert registry(kind).summary(name).endswith("."), (kind, name)
        assert isinstance(registry(kind).parameters(name).model_fields, dict)


def test_signatures_are_those_of_the_opened_objects():
    code = (
        "import inspect, idim_cli.core.registry as r\n"
        "for kind in r.ROOMS:\n"
        "    for name in (room := r.registry(kind)):\n"
        "        taken = inspect.signature(room.open(name)).parameters.values()\n"
        "        own = {p.name for p in taken if p.kind == p.KEYWORD_ONLY and p.name[0] != '_'}\n"
        "        assert own <= set(room.parameters(name).model_fields), (kind, name)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
