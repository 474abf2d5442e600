import dataclasses
import math

import pytest
import torch
from codec_cases import DIGITS, NUMBERED, USER_CODE, compressed, few, write_checkpoint

from idim_cli.compression.evaluate import evaluate
from idim_cli.compression.expand import expand
from idim_cli.compression.format import container
from idim_cli.core.errors import DataError, FileError
from idim_cli.models import base as models
from idim_cli.recipe.load import loads
from idim_cli.recipe.schema import Component
from idim_cli.runs.plan import single
from idim_cli.training.run import Where, run

TOY = """
name: toy
dataset: toy
model: toy
task: toy
projector: dense
d: 10
training: {steps: 1}
"""
MNIST = """
name: mnist-fc
dataset: mnist
model: fc
d: 750
training: {epochs: 1}
"""


def trained(text, folder):
    """A real run on the CPU: the content of its result.json."""
    return run(single(loads(text).recipe), folder, where=Where(device="cpu"))


def respecified(path, **changes):
    content = container.unpack(path.read_bytes())
    spec = content.spec.model_copy(update=changes)
    path.write_bytes(container.pack(dataclasses.replace(content, spec=spec)))
    return path


@pytest.mark.parametrize("projector", ["tied", "fastfood"])
def test_same_figures_from_training_checkpoint_and_file(projector, tmp_path):
    result = trained(DIGITS.replace("PROJECTOR", projector), tmp_path)
    before, after = evaluate(tmp_path), evaluate(compressed(tmp_path))
    assert before == after
    assert after.metrics[after.metric] == result["performance"]
    assert after.metrics["nll"] == result["metrics"]["validation_nll"]
    assert (after.D, after.d) == (result["D"], 12)


@pytest.mark.parametrize("codebook", ["uniform", "kmeans"])
def test_same_figures_with_few_values(codebook, tmp_path):
    text = few(NUMBERED.replace("PROJECTOR", "tied").replace("d: 12", "d: 60"), 4, codebook)
    result = trained(text.replace("epochs: 1", "epochs: 4"), tmp_path)
    before, after = evaluate(tmp_path), evaluate(compressed(tmp_path))
    assert before == after
    assert after.metrics[after.metric] == pytest.approx(result["performance"], abs=0.01)
    assert after.metrics["nll"] == pytest.approx(result["metrics"]["validation_nll"], rel=1e-4)
    assert (tmp_path / "checkpoint.idim").stat().st_size < 50


@pytest.mark.parametrize("split", ["tset", "Test", None])
def test_a_split_that_is_none_is_refused(split, tmp_path):
    write_checkpoint(DIGITS.replace("PROJECTOR", "tied"), tmp_path)
    with pytest.raises(DataError, match="unknown split"):
        evaluate(compressed(tmp_path), split)


def test_batchnorm_and_tied_weights(tmp_path, user_code):
    text = DIGITS.replace("{name: fc, depth: 1, width: 6}", "./own.py:tied").replace("PROJECTOR", "tied")
    result = trained(text, tmp_path / "run")
    assert result["status"] == "ok"
    path = compressed(tmp_path / "run")
    score = evaluate(path, trust_code=True)
    assert score == evaluate(tmp_path / "run" / "checkpoint.safetensors")
    assert score.metrics["accuracy"] == result["performance"]
    with pytest.raises(FileError, match="run code"):
        evaluate(path)


def test_direct_training_and_toy(tmp_path):
    result = trained(TOY, tmp_path / "toy")
    assert evaluate(compressed(tmp_path / "toy")).metrics["exp_minus_loss"] == result["performance"]
    text = DIGITS.replace("PROJECTOR", "identity").replace("d: 12\n", "")
    result = trained(text, tmp_path / "direct")
    assert evaluate(compressed(tmp_path / "direct")).metrics["accuracy"] == result["performance"]


def test_splits_and_expanded_state_agree(tmp_path):
    write_checkpoint(DIGITS.replace("PROJECTOR", "sparse"), tmp_path)
    path = compressed(tmp_path)
    scores = {split: evaluate(path, split) for split in ("train", "validation", "test")}
    assert len({score.examples for score in scores.values()}) > 1
    assert all(0 <= score.metrics["accuracy"] <= 1 for score in scores.values())
    component = Component(name="fc", params={"depth": 1, "width": 6})
    module = models.build(component, (1, 8, 8), 10, seed=99)
    module.load_state_dict(expand(path))
    from idim_cli.datasets.base import load

    test = load(Component(name="digits")).test()
    with torch.no_grad():
        right = (module.eval()(test.x).argmax(1) == test.y).double().mean().item()
    assert math.isclose(right, scores["test"].metrics["accuracy"])


@pytest.mark.parametrize(
    "changes",
    [
        {"dataset": Component(name="nothing")},
        {"dataset": Component(name="digits", params={"fraction": 7.0})},
        {"dataset": Component(name="digits", params={"validation": 10**9})},
        {"dataset": Component(name="digits", params={"shuffle_labels": -1})},
        {"dataset": Component(name="toy")},
        {"task": Component(name="nothing")},
        {"task": Component(name="os:abort")},
        {"task": Component(name="classify", params={"score": "all"})},
        {"dataset": Component(name="os:abort")},
    ],
)
def test_files_that_do_not_fit_together(changes, tmp_path, monkeypatch):
    monkeypatch.setattr("os.abort", lambda **given: pytest.fail("was run"))
    write_checkpoint(DIGITS.replace("PROJECTOR", "tied"), tmp_path)
    with pytest.raises((FileError, DataError)):
        evaluate(respecified(compressed(tmp_path), **changes))


def test_a_model_that_fits_no_such_examples(tmp_path):
    write_checkpoint(DIGITS.replace("PROJECTOR", "tied"), tmp_path, shape=(3, 5))
    with pytest.raises(FileError, match=r"examples of shape \[3, 5\]"):
        evaluate(compressed(tmp_path))


def test_code_of_a_data_set_is_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.py").write_text("raise SystemExit('was run')\n" + USER_CODE)
    write_checkpoint(DIGITS.replace("PROJECTOR", "tied"), tmp_path)
    path = respecified(compressed(tmp_path), dataset=Component(name="./bad.py:data"))
    with pytest.raises(FileError, match="run code"):
        evaluate(path)


@pytest.mark.data
def test_mnist(tmp_path, data_root):
    write_checkpoint(MNIST, tmp_path, shape=(1, 28, 28))
    path = compressed(tmp_path)
    assert path.stat().st_size == 3016
    score = evaluate(path, data_root=str(data_root))
    assert score == evaluate(tmp_path, data_root=str(data_root))
    assert score.examples == 10_000


def test_absent_data(tmp_path, monkeypatch):
    monkeypatch.delenv("IDIM_DATA", raising=False)
    write_checkpoint(MNIST, tmp_path, shape=(1, 28, 28))
    with pytest.raises(DataError):
        evaluate(compressed(tmp_path))
