"""No file that is read hangs or fills the memory: pipes, endless devices, content that claims too much."""

import os
import subprocess
import sys
import time

import pytest

import idim_cli
from idim_cli.compression import bounds
from idim_cli.compression.evaluate import evaluate
from idim_cli.core import bounded_io
from idim_cli.core.csv_io import read_csv
from idim_cli.core.errors import FileError, IdimError
from idim_cli.recipe.files import read_text
from idim_cli.reports.inputs import records
from idim_cli.reports.page import figure_files
from idim_cli.runs import checkpoint, results

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pipes and devices are those of POSIX")


def pipe(path):
    os.mkfifo(path)


def endless(path):
    os.symlink("/dev/zero", path)


#: Everything that reads a file which somebody else may have made: its name, and the reading.
READERS = {
    "recipe": ("r.yaml", idim_cli.load_recipe),
    "text of a recipe": ("r.yaml", read_text),
    "result.json": ("result.json", lambda path: results.read_result(path.parent)),
    "plan.json": ("plan.json", lambda path: list(results.finished(path.parent))),
    "metrics.csv": ("metrics.csv", lambda path: results.metrics(path.parent)),
    "checkpoint": ("checkpoint.safetensors", checkpoint.load),
    "idim": ("x.idim", evaluate),
    "expand": ("x.idim", idim_cli.expand),
    "record": ("x.idim.json", records.read),
    "table": ("x.csv", read_csv),
    "run": ("run", evaluate),
    "page": ("report.html", figure_files.listed_in),
}


@pytest.mark.parametrize("make", [pipe, endless])
@pytest.mark.parametrize("reader", READERS)
def test_what_has_no_end_is_refused_at_once(reader, make, tmp_path, caplog):
    name, read = READERS[reader]
    make(tmp_path / name)
    start = time.process_time()
    if reader in ("metrics.csv", "page"):
        assert read(tmp_path / name) == []  # what is only drawn is left out
    elif reader == "plan.json":
        assert read(tmp_path / name) == []  # runs are read without their plan too
        assert "not a regular file" in caplog.text
    else:
        with pytest.raises(IdimError, match=r"regular file|no checkpoint|neither a file"):
            read(tmp_path / name)
    assert time.process_time() - start < 2


@pytest.mark.parametrize("name", [results.LOG, results.METRICS])
def test_what_is_written_to_is_no_pipe(name, tmp_path):
    os.mkfifo(tmp_path / name)
    with pytest.raises(FileError, match="not a regular file"), results.sole_writer(tmp_path):
        pass


def test_json_of_too_many_values_and_levels():
    assert bounded_io.parse_json(b'{"a": [1, 2]}') == {"a": [1, 2]}
    for text in ("[" * 100_000, "[" + "[]," * 2_000_000 + "1]", b"[1" + b",1" * 2_000_001 + b"]"):
        with pytest.raises(ValueError, match=r"nested too deeply|more than 2,000,000 values"):
            bounded_io.parse_json(text)


def test_files_that_are_too_large(tmp_path, caplog):
    for name in ("result.json", "plan.json", "x.csv"):
        with open(tmp_path / name, "wb") as file:
            file.truncate(2**40)  # without a block on the disk
    with pytest.raises(FileError, match="larger than"):
        results.read_result(tmp_path)
    assert list(results.finished(tmp_path)) == []
    assert "larger than" in caplog.text
    with pytest.raises(FileError, match="larger than"):
        read_csv(tmp_path / "x.csv")


@pytest.mark.parametrize("text", ["a," * 5000 + "a\n1\n", "," * 4999 + "\n" * 5000, "a" * 2**21 + "\n1\n"])
def test_tables_whose_cells_would_fill_the_memory(text, tmp_path):
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(FileError, match="larger than a table of runs"):
        read_csv(tmp_path / "x.csv")


def test_a_compressed_table_is_not_inflated(tmp_path):
    import gzip

    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress(b"d,performance\n" + b"1,1\n" * 10))
    with pytest.raises(IdimError):
        read_csv(path)


def test_bounds_of_many_examples_take_no_time():
    start = time.process_time()
    assert bounds.binomial_inverse(3 * 10**8, 10**9, 5000.0) == pytest.approx(0.30145, abs=1e-5)
    assert time.process_time() - start < 5
    # As the sum of all terms has it, to the last digits.
    assert bounds.binomial_inverse(1234, 60_000, 500.0) == pytest.approx(0.044343439267484186, rel=1e-12)
    assert bounds.binomial_inverse(5000, 10_000, 0.01) == pytest.approx(0.48841073992956385, rel=1e-12)
    assert bounds.binomial_inverse(99, 100, 0.01) == pytest.approx(0.9549448773751807, rel=1e-12)


def header(size):
    return size.to_bytes(8, "little")


@pytest.mark.parametrize("size", [2**25 + 1, 2**40, 2**63])
def test_a_checkpoint_with_a_header_beyond_bounds(size, tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    with open(path, "wb") as file:
        file.write(header(size) + b" ")
        file.truncate(2**26)
    with pytest.raises(FileError, match="its header has"):
        checkpoint.load(path)


CODE_OF_ZEROS = """
import dataclasses, sys, struct, zlib
from idim_cli.compression.format import container, shipped
from idim_cli.compression.format.coordinates import Quantised
from idim_cli.compression.format.binary import varint
from idim_cli.compression.format.spec import Spec
from idim_cli.recipe.schema import Component, Seeds

spec = shipped.named(16)[0].model_copy(update={"shape": [7], "trainable": None})
class Zeros(Quantised):
    d = property(lambda self: int(sys.argv[2]))
    def code(self):
        return bytes(100_000)
content = container.Content(int(sys.argv[3]), Seeds(), spec, Zeros((0.25,), b"", 3), 0, 0.5)
open(sys.argv[1], "wb").write(container.pack(content))
"""


@pytest.mark.parametrize("D", [2**40, 6_400_000])
def test_a_long_code_is_not_decoded_for_a_network_of_another_size(D, tmp_path, monkeypatch):
    path = tmp_path / "x.idim"
    command = [sys.executable, "-c", CODE_OF_ZEROS, str(path), "6400000", str(D)]
    subprocess.run(command, check=True)
    assert path.stat().st_size > 100_000
    monkeypatch.setattr(
        "idim_cli.compression.format.entropy.decode", lambda *given: pytest.fail("was decoded")
    )
    for read in (idim_cli.expand, evaluate):
        with pytest.raises(IdimError, match="D = "):
            read(path)


LIMITS = """
import resource, sys, time
import torch
from idim_cli.cli.app import app
from idim_cli.compression import evaluate, expand
from typer.testing import CliRunner
from idim_cli.core.errors import IdimError
warm = ["train", "quickstart", "training.epochs=1", "--out", "warm", "-q"]
CliRunner().invoke(app, warm, catch_exceptions=False)
before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
try:
    done = CliRunner().invoke(app, sys.argv[1:], catch_exceptions=False)
    print("exit", done.exit_code)
except IdimError as error:
    print(type(error).__name__, str(error)[:200].replace(chr(10), " "))
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(time.process_time() - start, grown / 1024)
"""
RECIPE = "dataset: digits\nd: 5\ntraining: {epochs: 1}\n"
HARMFUL = {
    "patterns": RECIPE + "model: fc\ntrainable: ['" + "[" * 40_000 + "']\n",
    "many patterns": RECIPE
    + "model: {name: fc, depth: 1000, width: 2}\ntrainable:\n"
    + "".join(f"- '{'[' * 190}{k}*'\n" for k in range(1000)),
    "deep": RECIPE + "model: {name: fc, depth: 40000}\n",
    "deeper": RECIPE + "model: {name: fc, depth: 1000000000}\n",
    "wide": RECIPE + "model: {name: fc, depth: 1000, width: 1000000}\n",
    "widest": RECIPE + "model: {name: fc, depth: 2, width: 1000000000000}\n",
    "convolutions": RECIPE + "model: {name: resnet, depth: 2000, width: 1000000}\n",
}


@pytest.mark.parametrize("name", HARMFUL)
def test_a_recipe_that_is_refused_takes_little(name, tmp_path):
    (tmp_path / "r.yaml").write_text(HARMFUL[name])
    command = [sys.executable, "-c", LIMITS, "train", "r.yaml", "--dry-run"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    said, numbers = done.stdout.splitlines()[-2:]
    seconds, grown = map(float, numbers.split())
    assert "exit 0" not in said, said
    assert seconds < 2
    assert grown < 256
