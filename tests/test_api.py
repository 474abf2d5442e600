"""The Python API: every name is there, light to import, and does the main job without the command line."""

import subprocess
import sys
from pathlib import Path

import idim_cli


def test_every_name_can_be_had():
    assert set(idim_cli.__all__) == set(idim_cli._HOMES)
    assert len(idim_cli.__all__) >= 10
    for name in idim_cli.__all__:
        assert callable(getattr(idim_cli, name)), name


def test_an_unknown_name_is_an_attribute_error():
    assert not hasattr(idim_cli, "nothing_of_the_kind")


def test_the_example_in_the_docs_runs():
    page = Path(__file__).parents[1] / "docs" / "projectors.md"
    code = page.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    check = code + "\nassert model(torch.ones(3, 20)).shape == (3, 2) and model.D == 1152 and model.d == 30\n"
    subprocess.run([sys.executable, "-W", "error", "-c", check], check=True)


def test_the_main_job(tmp_path):
    short = ["sweep.d=[20, 200]", "sweep.seeds=2", "training.epochs=3"]
    outcome = idim_cli.sweep(idim_cli.load_recipe("quickstart", short), tmp_path)
    assert outcome.ok == len(outcome.table) == 8
    one, *more = idim_cli.estimates(idim_cli.read_results(outcome.folder))
    assert not more
    assert one.reading.d_values == (20, 200)
