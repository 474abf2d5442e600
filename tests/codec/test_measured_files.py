"""The files that docs/results.md tells of: their sizes, and on real data what they decode to."""

from pathlib import Path

import pytest

from idim_cli.compression.evaluate import evaluate
from idim_cli.compression.format import container
from idim_cli.core.errors import DataError

FILES = Path(__file__).parents[2] / "docs" / "measured" / "files"
#: bytes, d, values, accuracy on the validation split and on the test split
MEASURED = {
    "cifar10-lenet": (878, 3500, 4, 0.5628, 0.5595),
    "cifar10-resnet-bound": (459, 2000, 3, 0.6100, 0.5932),
    "mnist-fc": (196, 900, 3, 0.8874, 0.8811),
    "mnist-lenet": (105, 350, 4, 0.9022, 0.8980),
    "mnist-lenet-bound": (294, 1300, 3, 0.9760, 0.9708),
}


def test_all_files_are_here():
    assert {path.stem for path in FILES.iterdir()} == set(MEASURED)


@pytest.mark.parametrize("name", MEASURED)
def test_sizes_are_as_reported(name):
    data = (FILES / f"{name}.idim").read_bytes()
    content = container.unpack(data)
    assert (len(data), content.coords.d, content.coords.levels) == MEASURED[name][:3]
    assert container.pack(content) == data


@pytest.mark.data
@pytest.mark.parametrize("name", MEASURED)
def test_accuracies_are_as_reported(name, data_root):
    path = FILES / f"{name}.idim"
    for split, told in zip(("validation", "test"), MEASURED[name][3:], strict=True):
        # Other processors add in another order: a few images of ten thousand may fall to the other side.
        assert _score(path, split, data_root) == pytest.approx(told, abs=0.002)


def _score(path, split, data_root):
    try:
        return evaluate(path, split, str(data_root)).metrics["accuracy"]
    except DataError as error:
        pytest.skip(reason=f"IDIM_DATA has other data sets than that of {path.stem}: {error}")
