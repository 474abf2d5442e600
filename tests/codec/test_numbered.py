"""The table of problems that files name by number: it never changes, and is what idim builds."""

import json
import zlib

import pytest

from idim_cli.compression.format import shipped
from idim_cli.compression.format.spec import KINDS
from idim_cli.models import base as models
from idim_cli.recipe.components import filled
from idim_cli.recipe.find import find
from idim_cli.recipe.load import load

NUMBERS = list(shipped.numbers())
#: The rows of the first release. Those that are added have tests of their own.
FIRST = [16 * problem + slot for problem in range(1, 8) for slot in range(7)]


def text(number):
    spec, D = shipped.named(number)
    return json.dumps([number, D, spec._row()])


def test_rows_never_change():
    assert zlib.crc32("\n".join(map(text, FIRST)).encode()) == 1949626808
    assert NUMBERS == FIRST


def test_numbers_are_those_of_specs_and_differ():
    assert all(shipped.number(*shipped.named(number)) == number for number in NUMBERS)
    assert len({text(number).partition(",")[2] for number in NUMBERS}) == len(NUMBERS)
    spec, D = shipped.named(16)
    assert shipped.number(spec, D + 1) == 0
    assert shipped.number(spec.model_copy(update={"classes": 11}), D) == 0
    assert all(number < 128 for number in NUMBERS if number < 16 * 8), "one byte"


@pytest.mark.parametrize("number", [0, 1, 15, 23, 31, 16 * 8, 2**62, -16])
def test_numbers_that_are_none(number):
    with pytest.raises(KeyError):
        shipped.named(number)


@pytest.mark.parametrize("number", NUMBERS)
def test_parameters_are_all_written_out_and_fit(number):
    spec, _ = shipped.named(number)
    for kind in KINDS:
        component = getattr(spec, kind)
        assert filled(component, kind) == component


@pytest.mark.parametrize("number", [n for n in NUMBERS if n % 16 == 0])
def test_D_is_that_of_the_model(number):
    spec, D = shipped.named(number)
    model = models.build(spec.model, spec.shape, spec.classes, seed=0)
    assert sum(parameter.numel() for parameter in model.parameters()) == D
    assert not list(model.named_buffers())


def test_mutable_parts_are_copies():
    before, (spec, _) = text(16), shipped.named(16)
    spec.model.params["depth"] = 7
    spec.shape.append(1)
    assert text(16) == before


@pytest.mark.parametrize(("name", "number"), [("mnist-fc", 16), ("mnist-lenet", 32), ("quickstart", 48)])
def test_shipped_recipes_have_numbers(name, number):
    recipe = load(find(name)).recipe
    parts = {kind: filled(getattr(recipe, kind), kind) for kind in KINDS}
    spec, _ = shipped.named(number)
    assert parts == {kind: getattr(spec, kind) for kind in KINDS}
