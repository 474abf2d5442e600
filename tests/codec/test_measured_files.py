"""The files that docs/results.md tells of: their sizes, and on real MNIST what they decode to."""

from pathlib import Path

import pytest

from idim_cli.codec import container
from idim_cli.codec.evaluate import evaluate

FILES = Path(__file__).parents[2] / "docs" / "measured" / "files"
#: bytes, d, values, accuracy on the validation split and on the test split
MEASURED = {
    "mnist-fc": (217, 1000, 3, 0.8874, 0.8817),
    "mnist-lenet": (108, 450, 3, 0.8903, 0.8857),
    "mnist-lenet-bound": (314, 1400, 3, 0.969, 0.9609),
}


def test_all_files_are_here():
    assert {path.stem for path in FILES.iterdir()} == set(MEASURED)


@pytest.mark.parametrize("name", MEASURED)
def test_sizes_are_as_told(name):
    data = (FILES / f"{name}.idim").read_bytes()
    content = container.unpack(data)
    assert (len(data), content.coords.d, content.coords.levels) == MEASURED[name][:3]
    assert container.pack(content) == data


@pytest.mark.data
@pytest.mark.parametrize("name", MEASURED)
def test_accuracies_are_as_told(name, data_root):
    path = FILES / f"{name}.idim"
    for split, told in zip(("validation", "test"), MEASURED[name][3:], strict=True):
        # Other processors add in another order: a few images of ten thousand may fall to the other side.
        assert evaluate(path, split, str(data_root)).metrics["accuracy"] == pytest.approx(told, abs=0.002)
