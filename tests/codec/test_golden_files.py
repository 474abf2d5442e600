"""Files that were written once: what they are read as never changes."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from golden import make

from idim_cli.compression import write
from idim_cli.compression.format import container, shipped
from idim_cli.compression.format import solution as solutions
from idim_cli.compression.format.binary import ByteReader

HERE = make.HERE
ROOT = Path(__file__).parents[2]
INDEX = json.loads(make.INDEX.read_text())
EXACTLY = ("bytes", "number", "spec", "D", "d", "levels", "seeds", "values", "coords_crc32", "theta0_crc32")


@pytest.fixture(params=INDEX, ids=str)
def name(request, monkeypatch):
    monkeypatch.chdir(HERE)  # where ./own.py lies
    return request.param


def data_of(name):
    return (HERE / f"{name}.idim").read_bytes()


def compare(found, frozen):
    """Drawn and stored numbers are exact; the last bits of P theta_d may differ between processors."""
    assert {key: found[key] for key in EXACTLY} == {key: frozen[key] for key in EXACTLY}
    assert found["theta"] == pytest.approx(frozen["theta"], abs=1e-6)
    assert found["theta_square"] == pytest.approx(frozen["theta_square"], rel=1e-6, abs=1e-4)
    assert found["theta_sum"] == pytest.approx(frozen["theta_sum"], rel=1e-6, abs=2e-3)
    assert found["buffers"] == frozen["buffers"]


def without_description(data):
    """A file without its checksum, and without what zlib has deflated, which others may deflate otherwise."""
    reader = ByteReader(data, 2)
    if reader.varint():
        return data[:-4]
    reader.varint()
    reader.take(reader.varint())
    return data[:3] + data[reader.at : -4]


def test_every_file_is_known():
    assert {path.stem for path in HERE.glob("*.idim")} == INDEX.keys() == make.CASES.keys()
    assert sum(len(data_of(name)) for name in INDEX) < 3000


def test_they_are_of_every_kind():
    contents = [container.unpack(data_of(name)) for name in INDEX]
    assert {content.spec.projector.name for content in contents} == {
        "tied", "sparse", "fastfood", "dense", "identity", "layerwise",
    }  # fmt: skip
    slots = {
        shipped.number(content.spec, content.D) % 16 for content in contents if content.spec.dataset.name
    }
    assert slots >= set(range(7))
    assert {shipped.number(content.spec, content.D) // 16 for content in contents} == set(range(8))
    assert {content.coords.levels for content in contents} >= {0, 2, 3, 4, 5, 16, 256}


def test_it_is_read_as_it_was(name):
    compare(make.facts(data_of(name)), INDEX[name])


def test_its_bytes_are_written_again(name):
    data = data_of(name)
    content = container.unpack(data)
    again = container.pack(content)
    assert without_description(again) == without_description(data)
    assert shipped.number(content.spec, content.D) == 0 or again == data
    assert container.pack(container.unpack(again)) == again


def test_its_checks_are_computed_again(name):
    content = container.unpack(data_of(name))
    again = write.content(dataclasses.replace(solutions.of(content), trusted=True))
    assert again.theta0 == content.theta0
    assert again.probe == pytest.approx(content.probe, abs=1e-3)
    assert (again.buffers, again.spec.buffers) == (content.buffers, content.spec.buffers)


def test_a_clean_process_reads_them_all(tmp_path):
    # Another number of threads, another hash seed, and nothing that this process holds.
    script = "import json; from golden import make; print(json.dumps(make.read_all()))"
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(HERE.parent)]),
        "PYTHONHASHSEED": "7",
        "OMP_NUM_THREADS": "2",
    }
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=HERE, env=environment, check=True, capture_output=True, text=True
    )
    found = json.loads(done.stdout)
    for name, frozen in INDEX.items():
        compare(found[name], frozen)
