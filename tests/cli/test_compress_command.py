import json

import pytest
import safetensors.torch
import typer
from typer.testing import CliRunner

from idim_cli.cli import compress, evaluate, expand
from idim_cli.core.errors import FileError
from idim_cli.recipe.load import loads
from idim_cli.runs.plan import single
from idim_cli.training.run import Where, run

RECIPE = """
name: small
dataset: digits
model: {name: fc, depth: 1, width: 8}
d: 20
training: {epochs: 2}
"""
TOY = "{name: t, dataset: toy, model: toy, task: toy, projector: dense, d: 10, training: {steps: 1}}"

app = typer.Typer(pretty_exceptions_enable=False)
for module in (compress, expand, evaluate):
    app.command(module.__name__.rpartition(".")[2])(module.command)


def idim(*arguments):
    """Standard output of a command; errors come up as they are."""
    result = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run folder, and the content of its result.json."""
    folder = tmp_path_factory.mktemp("run")
    return folder, run(single(loads(RECIPE).recipe), folder, where=Where(device="cpu"))


def test_sizes_are_those_of_the_file(trained, tmp_path):
    folder, out = trained[0], tmp_path / "small.idim"
    said = json.loads(idim("compress", folder, "--out", out, "--lossless", "--json"))
    assert said["bytes"] == out.stat().st_size == sum(said["parts"].values())
    assert said["D"] == 65 * 8 + 9 * 10
    assert said["ratio"] == said["native_bytes"] / said["bytes"] == 4 * 610 / out.stat().st_size
    assert said["parts"]["coords"] == 80
    text = " ".join(idim("compress", folder, "--out", out, "--lossless").split())
    assert f"{said['bytes']} bytes" in text
    assert "D x 4 = 610 x 4 = 2,440" in text
    assert f"coords {said['parts']['coords']}, checks 4, checksum 4" in text


def test_default_names_keep_the_checkpoint(trained):
    folder = trained[0]
    before = (folder / "checkpoint.safetensors").read_bytes()
    idim("compress", folder)
    assert str(folder / "checkpoint.state.safetensors") in idim("expand", folder / "checkpoint.idim")
    assert (folder / "checkpoint.safetensors").read_bytes() == before


def test_expand_writes_every_tensor(trained, tmp_path):
    idim("compress", trained[0], "--out", tmp_path / "a.idim")
    said = json.loads(idim("expand", tmp_path / "a.idim", "--out", tmp_path / "state.st", "--json"))
    assert said["bytes"] == (tmp_path / "state.st").stat().st_size
    state = safetensors.torch.load_file(tmp_path / "state.st")
    assert said["tensors"] == len(state) == 4
    assert sum(tensor.numel() for tensor in state.values()) == 610


def test_evaluate_repeats_the_run_to_the_last_digit(trained, tmp_path):
    folder, result = trained
    idim("compress", folder, "--out", tmp_path / "a.idim", "--lossless")
    said = [
        idim("evaluate", path, "--device", "cpu")
        for path in (folder, folder / "checkpoint.safetensors", tmp_path / "a.idim")
    ]
    assert len(set(said)) == 1
    assert f"accuracy {result['performance']!r}\n" in said[0]
    test = json.loads(idim("evaluate", tmp_path / "a.idim", "--split", "test", "--device", "cpu", "--json"))
    assert test["split"] == "test"
    assert test["examples"] > 100


@pytest.mark.parametrize(
    ("text", "said"), [(RECIPE, "on the 1,197 examples of"), (TOY, "on the one example of")]
)
def test_evaluate_says_on_how_many(text, said, tmp_path):
    run(single(loads(text).recipe), tmp_path, where=Where(device="cpu"))
    result = CliRunner().invoke(app, ["evaluate", str(tmp_path), "--split", "train"])
    assert said in result.stderr


def test_few_values_and_what_the_size_proves(trained, tmp_path):
    out = tmp_path / "a.idim"
    text = idim(
        "compress", trained[0], "--out", out, "--levels", "4,16", "--target", ".2", "--baseline", ".5"
    )
    assert max(map(len, text.replace(str(out), "").splitlines())) <= 80
    text = " ".join(text.split())
    assert f"{out.stat().st_size} bytes" in text
    assert "20 coordinates, of " in text
    assert "target >= 0.2 x 0.5000 (baseline) = 0.1000" in text
    assert "of 1,197 training examples wrong" in text


@pytest.mark.parametrize(
    "wrong",
    [
        ["--levels", "1"],
        ["--levels", "2,x"],
        ["--levels", "300"],
        ["--d", "0"],
        ["--d", "few"],
        ["--epochs", "-1"],
    ],
)
def test_options_are_checked(wrong, trained):
    result = CliRunner().invoke(app, ["compress", str(trained[0]), *wrong])
    assert result.exit_code == 2
    assert wrong[0] in result.output


def test_errors_are_plain(tmp_path):
    for verb in ("compress", "expand", "evaluate"):
        with pytest.raises(FileError):
            idim(verb, tmp_path / "absent")
    (tmp_path / "text.idim").write_text("hello")
    for verb in ("compress", "expand", "evaluate"):
        with pytest.raises(FileError):
            idim(verb, tmp_path / "text.idim")
