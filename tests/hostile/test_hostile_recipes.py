"""Hostile recipes are refused with their faults, soon and in little memory; odd ones are read."""

import json
from pathlib import Path

import pytest
from in_process import BYTES, SECONDS, idim, most_bytes, raw
from recipe_cases import ACCEPTED, HEAD, REFUSED

from idim_cli.core.errors import IdimError
from idim_cli.recipe.dump import dump, to_yaml
from idim_cli.recipe.load import from_plain, load, loads

_LONGEST = 50_000  # letters of what is said of one file


def _file(name, content):
    path = Path(f"{name}.yaml")
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    return str(path)


def _checked(name, content):
    """What `idim recipes check --json` says of one recipe, within the limits."""
    file, before = _file(name, content), most_bytes()
    answer = idim("recipes", "check", file, "--json")
    assert answer.seconds < SECONDS
    assert most_bytes() - before < BYTES
    assert "Traceback" not in answer.err
    assert "fault of idim itself" not in answer.err
    assert raw(answer.out + answer.err) == []
    assert len(answer.out) + len(answer.err) < _LONGEST
    (told,) = json.loads(answer.out)["files"]
    return answer.code, told["faults"]


def test_the_corpus_is_large():
    assert len(REFUSED) + len(ACCEPTED) >= 280


@pytest.mark.parametrize("name", REFUSED)
def test_hostile_recipes_are_refused(inside, name):
    code, faults = _checked(name, REFUSED[name])
    assert code == 2
    assert 1 <= len(faults) <= 51
    assert all(fault["message"] for fault in faults)


@pytest.mark.parametrize("name", ACCEPTED)
def test_odd_recipes_are_read(inside, name):
    assert _checked(name, ACCEPTED[name]) == (0, [])


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_is_read_is_read_again_from_what_is_written_of_it(inside, name):
    """As run.yaml keeps it, and as the metadata of a checkpoint do (JSON)."""
    recipe = load(_file(name, ACCEPTED[name])).recipe
    again = [loads(to_yaml(recipe, defaults=whole), "again.yaml") for whole in (False, True)]
    again.append(from_plain(json.loads(json.dumps(dump(recipe))), "again"))
    assert {repr(one.recipe) for one in again} == {repr(recipe)}  # NaN is no other NaN's equal


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a" + ".a" * 2000 + "=1"], "levels deep"),
        (["training" + ".a" * 2000 + "=1"], "levels deep"),
        (["d=" + "[" * 5000], "levels deep"),
        (["d=" + "9" * 5000], "cannot be read as int"),
        (['d="\\U00110000"'], "no character"),
        (["\x1b[31m=1"], "unknown key"),
        (["<x=1"], "unknown key"),
        (["=" * 5000], "key=value"),
        (["."], "key=value"),
        (["sweep.over.model" + ".a" * 100 + "=[1]", "sweep.d=[1]"], "levels deep"),
        (["sweep.d={from: 1, to: 1" + "0" * 400 + ", steps: 3}"], "at most"),
        (["sweep.d={from: 1, to: 9, steps: 1000000000000000000}"], "at most 10000"),
        (["training.epochs=1e999"], "whole number"),
        (["model=" + "x" * 100_000], "unknown model"),
    ],
)
def test_hostile_arguments_are_refused(inside, arguments, said):
    answer = idim("sweep", _file("small", HEAD), *arguments, "--dry-run", "--json")
    told = json.loads(answer.out)
    assert (answer.code, told["schema"]) == (2, "idim/error/1")
    assert said in told["message"]
    assert answer.seconds < SECONDS
    assert raw(answer.out + answer.err) == []


MERGED = {
    "task: {<<: {name: classify, score: train}}": {"name": "classify", "score": "train"},
    "task: {<<: {name: x, score: train}, name: classify}": {"name": "classify", "score": "train"},
    "task: {<<: [{name: classify}, {name: x, score: train}]}": {"name": "classify", "score": "train"},
    "task: {name: classify, <<: {<<: {score: train}, name: x}}": {"name": "classify", "score": "train"},
    "task: {<<: {<<: {score: validation}, score: train}, name: classify}": {
        "name": "classify",
        "score": "train",
    },
}


@pytest.mark.parametrize(("line", "task"), MERGED.items())
def test_merge_keys_bring_what_is_not_there(line, task):
    recipe = loads(HEAD + line).recipe
    assert {"name": recipe.task.name, **recipe.task.params} == task


def test_merged_anchors_of_a_whole_part():
    text = HEAD.replace("{epochs: 1}", "&t {epochs: 1, batch_size: 8}")
    over = loads(
        f"{text}sweep: {{d: [1], over: {{training: [{{<<: *t, batch_size: 4}}]}}}}"
    ).recipe.sweep.over
    assert over["training"] == [{"epochs": 1, "batch_size": 4}]


def test_a_fault_in_a_merged_mapping_is_named_where_it_stands():
    with pytest.raises(IdimError, match=r"5:40: training.batch_size: should be a whole number") as caught:
        loads(
            HEAD.replace("training: {epochs: 1}\n", "") + "d: 1\ntraining: {epochs: 1, <<: {batch_size: x}}\n"
        )
    assert str(caught.value).count("\n") == 0


def test_characters_beyond_the_first_plane_and_numbers_beyond_all_come_back():
    text = "{name: ./m.py:f, word: '\U0001f600', a: .inf, b: -.inf, c: [.nan], d: {e: '\U0010ffff'}}"
    recipe = loads(HEAD.replace("model: fc", f"model: {text}")).recipe
    again = from_plain(dump(recipe), "again").recipe.model.params
    assert (again["word"], again["a"], again["b"]) == ("\U0001f600", float("inf"), float("-inf"))
    assert again["c"][0] != again["c"][0]
    assert again["d"] == {"e": "\U0010ffff"}
