"""Published points that come with idim, and the recipe key that names them."""

import pytest
import yaml

from idim_cli.core.errors import IdimError, RecipeError
from idim_cli.recipe import find as finding
from idim_cli.recipe.json_schema import json_schema
from idim_cli.recipe.load import load, loads
from idim_cli.reports.inputs.published import find
from idim_cli.runs.plan import plan

TEXT = "dataset: digits\nmodel: fc\nd: 10\ntraining: {epochs: 1}\n"


def test_every_shipped_file_has_an_entry_and_points():
    names = list(finding.published())
    assert len(names) >= 4
    assert names == sorted(yaml.safe_load((finding.home_of("docs/published") / "index.yaml").read_text()))
    for name in names:
        found = find(name)
        assert len(found.curve.d) > 20
        assert found.source.startswith("Li et al. 2018")
        assert found.D in (199_210, 44_426)


def test_points_are_behind_networks_of_their_own_D_alone():
    points = find("mnist-fc")
    assert points.behind(199_210) is points.curve
    assert points.behind(None) is points.curve
    assert points.behind(44_426) is None


def test_small_networks_are_there_for_both_families():
    fc, lenet = find("mnist-fc").nets, find("mnist-lenet").nets
    assert len(fc) > 100
    assert len(lenet) > 1000
    assert all(0 < net.performance < 1 and net.D < 50_000 for net in (*fc, *lenet))
    assert find("mnist-fc-shuffled-pixels").nets == ()


def test_shipped_recipes_name_the_points_of_their_network():
    for name in finding.published():
        assert load(name).recipe.published == name


def test_the_schema_names_every_shipped_file():
    description = json_schema()["properties"]["published"]["description"]
    assert [name for name in finding.published() if f"`{name}`" not in description] == []


def test_a_wheel_has_them_inside(tmp_path, monkeypatch):
    (tmp_path / "_published").mkdir()
    (tmp_path / "_published" / "only.csv").write_text("d,performance\n1,1\n")
    monkeypatch.setattr(finding, "_PACKAGE", tmp_path)
    assert list(finding.published()) == ["only"]


def test_the_recipe_key_is_checked_and_no_part_of_a_run():
    assert loads(TEXT + "published: mnist-lenet\n").recipe.published == "mnist-lenet"
    assert loads(TEXT + "published: my/points.csv\n").recipe.published == "my/points.csv"
    with pytest.raises(RecipeError, match=r"<recipe>:5:12: published: .*did you mean mnist-fc"):
        loads(TEXT + "published: mnist-fx\n")
    with pytest.raises(RecipeError, match="published"):
        loads(TEXT + "published: 3\n")
    plain, named = loads(TEXT).recipe, loads(TEXT + "published: mnist-fc\n").recipe
    assert [run.run_id for run in plan(plain)] == [run.run_id for run in plan(named)]


def test_neither_a_name_nor_a_file_is_an_error():
    with pytest.raises(IdimError, match="no file 'mnist-fz'") as caught:
        find("mnist-fz")
    assert "did you mean mnist-fc" in caught.value.hint
