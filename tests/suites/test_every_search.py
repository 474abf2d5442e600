"""What holds for every search: registered, the user's own, and by an entry point."""

import pytest
from synthetic import Problem, carried_out

from idim_cli.core.errors import ComponentError, IdimError
from idim_cli.core.registry import registry
from idim_cli.recipe.load import loads
from idim_cli.search import REGISTRY
from idim_cli.search.base import build

OWN = """
from idim_cli.recipe.schema import Seeds
from idim_cli.runs.plan import groups
from idim_cli.search.base import Ask

class Doubling:
    \"\"\"Doubles d until a run reaches 90 % of the direct one.\"\"\"

    def __init__(self, recipe, native, *, first: int = 50):
        self.group, = groups(recipe)
        self.d, self.limit = first, native(self.group)

    def ask(self, results):
        if not results:
            return Ask(self.group.direct([Seeds()]), ["the baseline"])
        best = max(one["performance"] for one in results.values() if one["direct"])
        reached = [one for one in results.values() if not one["direct"] and one["performance"] > 0.9 * best]
        if reached or self.d > self.limit:
            return None
        runs, self.d = self.group.at([(self.d, Seeds())]), 2 * self.d
        return Ask(runs, [f"d = {self.d // 2}"])

    def most(self):
        return []
"""
PROBLEM = Problem(truth=300, shape="power", D=20_000, noise=0.002, direct_noise=0.001, jitter=0.001)
LIMITS = {"adaptive": ["sweep.search.max_runs=12"], "grid": ["sweep.d=[100, 200, 400]"]}


@pytest.fixture(params=[*registry("search"), "own", "entry"])
def name(request, own_file, entry_point):
    if request.param == "own":
        return own_file(OWN) + ":Doubling"
    return entry_point("search", "Doubling", OWN) if request.param == "entry" else request.param


def search(name):
    return carried_out(PROBLEM, 1, f"sweep.search={name}", *LIMITS.get(name, []))


def test_it_ends_and_asks_for_each_run_once(name):
    results, _ = search(name)
    assert any(result["direct"] for result in results.values())
    assert any(not result["direct"] for result in results.values())
    assert all((result["d"] or 1) <= PROBLEM.D for result in results.values())


def test_the_same_results_lead_to_the_same_questions(name):
    first, second = search(name), search(name)
    assert list(first[0]) == list(second[0])
    assert first[1] == second[1]


def test_wrong_parameters_are_refused(name):
    with pytest.raises(ComponentError, match="frist"):
        REGISTRY.filled(name, {"frist": 1})


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("return 1 / 0", "division by zero"),
        ("return [1]", "returned a list"),
        ("raise SystemExit(3)", "asked to end"),
    ],
)
def test_what_an_own_search_does_wrong_is_said(own_file, body, why):
    text = f"class Mine:\n    def __init__(self, recipe, native): pass\n    def ask(self, results): {body}\n"
    name = own_file(text) + ":Mine"
    recipe = loads(
        f"dataset: digits\nmodel: fc\ntraining: {{epochs: 1}}\nsweep: {{search: '{name}'}}", "r.yaml"
    ).recipe
    with pytest.raises(IdimError, match=why):
        build(recipe, lambda group: 10).ask({})
