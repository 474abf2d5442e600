"""What is read of compressed files, and what is left out."""

import json
import math
from types import SimpleNamespace

import pytest
from compressed_cases import TOY, CompressOptions, change, compress, record_of, trained

from idim_cli.compression import bounds
from idim_cli.compression.format.files import digest
from idim_cli.core.errors import FileError
from idim_cli.reports.inputs import records
from idim_cli.reports.inputs.records import find, read

RATES = [("a", 0.5), ("b", 0.4)]


def test_a_record_says_what_is_next_to_it(small):
    one = read(record_of(small))
    assert one.path == small
    assert one.bytes == small.stat().st_size
    assert one.ratio == 4 * one.D / one.bytes
    assert one.measure == "validation accuracy"
    assert one.level == 0.5 * 0.9
    assert one.bits == one.bound.bits
    assert [trial.how for trial in one.trained] == ["trained"] * 6
    assert (one.bytes, one.performance) in [(trial.bytes, trial.performance) for trial in one.tried]


def test_files_are_found_below_folders_and_by_name_each_once(packed, small):
    found, faults = find([packed])
    assert [one.recipe for one in found] == ["small", "wide", "sums"]
    assert faults == []
    for places in ([small], [record_of(small)], [small, record_of(small), packed / "small"]):
        assert [one.path for one in find(places)[0]] == [small]
    assert find([packed / "nowhere"]) == ([], [])


def test_files_come_problem_by_problem_and_the_smallest_first(packed, small):
    for name, size in (("a", 900), ("b", 90)):
        copy = small.with_name(f"{name}.idim")
        copy.write_bytes(bytes(size))
        record = json.loads(record_of(small).read_text()) | {"bytes": size, "digest": digest(copy)}
        record_of(copy).write_text(json.dumps(record))
    found = find([packed])[0]
    assert [(one.dataset, one.path.stem) for one in found if one.bytes in (90, 900)][-1] == ("digits", "a")
    sizes = {kind: [one.bytes for one in found if one.dataset == kind] for kind in ("digits", "toy")}
    assert len(sizes["digits"]) == 4
    assert [*sizes["digits"], *sizes["toy"]] == [one.bytes for one in found]
    assert sizes["digits"] == sorted(sizes["digits"])


def test_without_a_bound_the_bits_are_those_of_the_file(packed):
    (toy,) = find([packed / "sums"])[0]
    assert toy.bound is None
    assert toy.bits == 8 * toy.bytes


@pytest.mark.parametrize(
    "fields",
    [
        {"bytes": ...}, {"bytes": "78"}, {"bytes": -78}, {"D": True}, {"d": 10**9}, {"levels": 1},
        {"dataset": None}, {"performance": math.nan}, {"performance": math.inf}, {"tried": None},
        {"tried": [{"d": 1}]}, {"bound": []},
        {"bound": {"n": 10, "wrong": 11, "bits": 1.0, "delta": 0.05, "binomial": 0.5, "pac_bayes": 0.5}},
        {"bound": {"n": 0, "wrong": 0, "bits": 1.0, "delta": 0.05, "binomial": 0.5, "pac_bayes": 0.5}},
        {"bound": {"n": 10, "wrong": 1, "bits": math.nan, "delta": 0.05, "binomial": 0.5, "pac_bayes": 0.5}},
        {"bound": {"n": 10, "wrong": 1, "bits": 1.0, "delta": 0.0, "binomial": 0.5, "pac_bayes": 0.5}},
        {"bound": {"n": 10, "wrong": 1, "bits": 1.0, "delta": 0.05, "binomial": 50, "pac_bayes": 0.5}},
    ],
)  # fmt: skip
def test_a_damaged_record_is_left_out_with_a_message(packed, small, fields):
    change(small, **fields)
    found, faults = find([packed])
    assert [one.recipe for one in found] == ["wide", "sums"]
    (fault,) = faults
    assert str(record_of(small)) in str(fault)
    assert "damaged" in str(fault)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 5000])
def test_what_is_no_record_at_all_is_left_out_too(small, content):
    record_of(small).write_bytes(content)
    assert find([small])[0] == []
    with pytest.raises(FileError, match="damaged"):
        read(record_of(small))


def test_a_file_that_is_missing_or_another_one_is_left_out(small):
    with small.open("ab") as file:
        file.write(b"x")
    with pytest.raises(FileError, match=rf"describes .* bytes, but {small.name} has"):
        read(record_of(small))
    small.unlink()
    with pytest.raises(FileError, match="is missing"):
        read(record_of(small))
    record_of(small).unlink()
    with pytest.raises(FileError, match="No such file"):
        read(record_of(small))


def test_fields_of_a_later_version_are_passed_over(small):
    change(small, more=1, bound={**json.loads(record_of(small).read_text())["bound"], "other": 2})
    assert read(record_of(small)).bound.n > 1000


def test_the_record_of_another_file_of_the_same_size_is_left_out(packed, small):
    data = bytearray(small.read_bytes())
    data[-1] ^= 1
    small.write_bytes(bytes(data))
    assert "another" in str(find([small])[1][0])


def test_the_record_of_another_sound_file_of_the_same_size_is_left_out(tmp_path):
    """Each ends in its own CRC-32, so that the CRC-32 of all its bytes is the same for all."""
    one, other = (trained(tmp_path / name, TOY.replace("lr: 0.5", f"lr: {rate}")) for name, rate in RATES)
    found = [
        compress(home / "runs" / "only", options=CompressOptions(lossless=True)) for home in (one, other)
    ]
    files = [done.path for done in found]
    assert files[0].stat().st_size == files[1].stat().st_size
    assert len(find([tmp_path])[0]) == 2
    files[0].write_bytes(files[1].read_bytes())
    assert "another" in str(find([files[0]])[1][0])


def test_a_bound_that_does_not_follow_is_left_out(packed, small):
    record = json.loads(record_of(small).read_text())
    record["bound"]["binomial"] /= 2
    record_of(small).write_text(json.dumps(record))
    assert "contradict" in str(find([small])[1][0])


def test_a_record_of_more_examples_than_there_are_is_refused_immediately():
    said = bounds.Bound(n=10**9 + 1, wrong=10**8, bits=100.0, delta=0.05, binomial=0.2, pac_bayes=0.2)
    assert not records._possible(SimpleNamespace(bound=said, d=1, D=2))
