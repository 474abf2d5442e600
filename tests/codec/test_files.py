import os
from pathlib import Path

import pytest
import safetensors.torch
import torch
from codec_cases import CONTENTS, DIGITS, compressed, few, write_checkpoint

from idim_cli.compression import expand
from idim_cli.compression import from_checkpoint as solutions
from idim_cli.compression.compress import compress
from idim_cli.compression.evaluate import evaluate
from idim_cli.compression.expand import expand as grow
from idim_cli.compression.format import container, files
from idim_cli.core.errors import CapacityError, FileError
from idim_cli.runs.checkpoint import load, save

TIED = DIGITS.replace("PROJECTOR", "tied")
SMALL = container.pack(CONTENTS["uniform"])


@pytest.mark.parametrize("content", [b"", b"\x1d", b"id", b"idim" * 9, b"PK\3\4" * 100, b"\x80\x02}q\x00."])
def test_other_files(content, tmp_path):
    path = tmp_path / "other.idim"
    path.write_bytes(content)
    assert not files.is_compressed(path)
    with pytest.raises(FileError, match="is not an"):
        grow(path)


def test_absent_file_and_folder(tmp_path):
    for function in (grow, files.is_compressed):
        with pytest.raises(FileError, match="cannot read"):
            function(tmp_path / "absent.idim")
    assert not files.is_compressed(tmp_path)
    with pytest.raises(FileError, match="is not an"):
        grow(tmp_path)


def test_a_file_larger_than_the_memory(tmp_path):
    path = tmp_path / "vast.idim"
    path.write_bytes(SMALL)
    os.truncate(path, 1 << 42)  # with a hole in it
    with pytest.raises(CapacityError, match=r"4\.4 TB"):
        files.load(path)


def test_a_pipe_is_refused(tmp_path):
    # It may have no end, or no beginning.
    path = tmp_path / "pipe.idim"
    os.mkfifo(path)
    for read in (files.load, files.is_compressed):
        with pytest.raises(FileError, match="not a regular file"):
            read(path)


def test_never_over_its_source(tmp_path):
    path = tmp_path / "small.idim"
    write_checkpoint(TIED, tmp_path)
    before = compressed(tmp_path, path).read_bytes()
    with pytest.raises(FileError, match="file to read"):
        expand.write(path, path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"\x00" * 5, b"no such thing " * 9])
def test_a_file_of_neither_kind(tmp_path, content):
    path = tmp_path / "x.idim"
    path.write_bytes(content)
    with pytest.raises(FileError, match=r"neither an \.idim file nor a checkpoint") as caught:
        evaluate(path)
    assert caught.value.hint == ""
    with pytest.raises(FileError, match="is not a checkpoint of idim"):
        compress(path)


@pytest.mark.parametrize("out", [".", "/dev/null"])
def test_out_must_be_a_plain_file(tmp_path, monkeypatch, out):
    monkeypatch.chdir(tmp_path)
    write_checkpoint(TIED, tmp_path)
    with pytest.raises(FileError, match=f"cannot write {out}: it is"):
        expand.write(compressed(tmp_path), Path(out))


def test_out_in_a_folder_that_is_not_there_is_reported_before_any_work(tmp_path, monkeypatch):
    write_checkpoint(TIED, tmp_path)
    made, out = compressed(tmp_path), tmp_path / "reslts" / "x"
    for work in ("idim_cli.compression.compress.Trials", "idim_cli.compression.expand.expand"):
        monkeypatch.setattr(work, None)
    for write, path in ((compress, tmp_path), (expand.write, made)):
        with pytest.raises(FileError, match=r"cannot write .*: no folder .*reslts") as caught:
            write(path, out)
        assert "--out" in caught.value.hint
    assert not out.parent.exists()


def test_checkpoints_that_are_none(tmp_path):
    with pytest.raises(FileError, match="no checkpoint"):
        compress(tmp_path)
    bad = tmp_path / "checkpoint.safetensors"
    for content in (b"", b"x" * 100, safetensors.torch.save({"coords": torch.zeros(2)})):
        bad.write_bytes(content)
        with pytest.raises(FileError):
            solutions.read(bad)


def spoilt(folder, text=TIED, said=(), **tensors):
    """A checkpoint with other tensors or metadata."""
    write_checkpoint(text, folder)
    path = folder / "checkpoint.safetensors"
    held, metadata = load(path)
    save(path, {**held, **tensors}, {**metadata, **dict(said)})
    return path


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_diverged_checkpoint(value, tmp_path):
    with pytest.raises(FileError, match="not finite"):
        solutions.read(spoilt(tmp_path, coords=torch.full([12], value)))


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ({"coords": torch.zeros(3, 4)}, ()),
        ({"coords": torch.zeros(0)}, ()),
        ({"coords": torch.zeros(())}, ()),
        ({"coords": torch.zeros(999)}, ()),
        ({}, [("D", "many")]),
        ({}, [("D", 0)]),
        ({}, [("classes", None)]),
        ({}, [("shape", [0])]),
    ],
)
def test_checkpoints_that_contradict_themselves(tensors, said, tmp_path):
    with pytest.raises(FileError, match="is not a checkpoint of idim"):
        solutions.read(spoilt(tmp_path, said=said, **tensors))


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"D": 999}, "parameters, the checkpoint states 999"),
        ({"recipe": {"model": "gone:Net"}}, "the checkpoint's model 'gone:Net' does not work"),
    ],
)
def test_what_is_wrong_with_a_checkpoint_is_not_said_of_a_file(said, message, tmp_path):
    write_checkpoint(TIED, tmp_path)
    _, before = load(tmp_path / "checkpoint.safetensors")
    recipe = before["recipe"] | said.get("recipe", {})
    spoilt(tmp_path, said={**said, "recipe": recipe}.items())
    for function in (compress, evaluate):
        with pytest.raises(FileError, match=message):
            function(tmp_path)


def test_a_book_of_other_levels(tmp_path):
    text = few(TIED, 4)
    with pytest.raises(FileError, match="3 values for 4 levels"):
        solutions.read(spoilt(tmp_path, text, book=torch.tensor([-1.0, 0.0, 1.0])))


def test_a_book_that_is_not_fitted_yet_leaves_coordinates_exact(tmp_path):
    text = few(TIED, 4)
    assert solutions.read(spoilt(tmp_path, text, book=torch.full([4], torch.nan))).stored.levels == 0
