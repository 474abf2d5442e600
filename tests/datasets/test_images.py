"""Images of any depth keep their differences, or are refused with the row and the reason."""

import io

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from PIL import Image

from idim_cli.core.errors import DataError
from idim_cli.datasets.base import load
from idim_cli.recipe.schema import Component

pytest.importorskip("datasets")
N = 12


def coded(array, kind="PNG"):
    file = io.BytesIO()
    (array if isinstance(array, Image.Image) else Image.fromarray(array)).save(file, kind)
    return file.getvalue()


def ramp(dtype, first, last, n=N):
    """n images of 2 x 2 whose pixels are all alike, rising from the first to the last."""
    return [np.full((2, 2), value, dtype=dtype) for value in np.linspace(first, last, n)]


def read(folder, images, test=None):
    for name, some in (("train", images), ("test", test or images)):
        rows = [{"bytes": one, "path": None} for one in some]
        table = pyarrow.table({"image": rows, "label": [k % 2 for k in range(len(rows))]})
        pyarrow.parquet.write_table(table, folder / f"{name}.parquet")
    return load(Component(name="hf", params={"path": str(folder), "validation": 1}))


@pytest.mark.parametrize(
    ("dtype", "kind", "first", "last"),
    [
        (np.uint16, "PNG", 1000, 3200),
        (np.uint16, "TIFF", 60000, 65535),
        (np.int32, "TIFF", -500, 60000),
        (np.float32, "TIFF", 0.25, 0.75),
        (np.float32, "TIFF", -3.0, 900.0),
    ],
)
def test_deep_pixels_are_scaled_by_the_range_of_the_training_split(tmp_path, dtype, kind, first, last):
    images = [coded(one, kind) for one in ramp(dtype, first, last)]
    below = dtype(first - (last - first) / 4)
    beyond = [coded(np.full((2, 2), below), kind)]
    data = read(tmp_path, images, beyond)
    assert data.train.x.shape == (N - 1, 1, 2, 2)
    assert data.train.x[:, 0, 0, 0].tolist() == pytest.approx(
        [(float(one[0, 0]) - first) / (last - first) for one in ramp(dtype, first, last)][:-1], abs=1e-6
    )
    assert data.validation.x.unique().tolist() == [1.0]
    scaled = (float(below) - first) / (last - first)
    assert data.test().x.unique().tolist() == pytest.approx([scaled], abs=1e-5)
    assert f"pixels: {np.dtype(dtype)}, {first:g} .. {last:g} of the training split" in data.notes[0]


def test_eight_bits_go_from_0_to_255(tmp_path):
    data = read(tmp_path, [coded(one) for one in ramp(np.uint8, 0, 110)])
    assert data.train.x[:, 0, 0, 0].tolist() == pytest.approx([10 * k / 255 for k in range(N - 1)])
    assert "pixels" not in data.notes[0]


def test_grey_among_colour_gets_three_equal_channels(tmp_path):
    images = [coded(one) for one in ramp(np.uint8, 0, 110)]
    images[3] = coded(np.array([[[10, 20, 30]] * 2] * 2, dtype=np.uint8))
    data = read(tmp_path, images, [coded(np.full((2, 2), 51, dtype=np.uint8))])
    assert data.train.x.shape == (N - 1, 3, 2, 2)
    assert (255 * data.train.x[3, :, 0, 0]).round().tolist() == [10, 20, 30]
    assert (255 * data.train.x[2, :, 0, 0]).round().tolist() == [20, 20, 20]
    assert data.test().x.shape == (1, 3, 2, 2)
    assert data.test().x.unique().tolist() == pytest.approx([0.2])


def test_colour_in_the_test_alone_is_refused(tmp_path):
    colour = coded(np.zeros((2, 2, 3), dtype=np.uint8))
    data = read(tmp_path, [coded(one) for one in ramp(np.uint8, 0, 110)], [colour])
    with pytest.raises(DataError, match=r"2 x 2 x 3 .height, width, channels., but 2 x 2 x 1 in training"):
        data.test()


def alpha():
    """Black in every pixel, and the picture in its alpha channel."""
    return [
        coded(Image.merge("LA", [Image.new("L", (2, 2)), Image.new("L", (2, 2), 20 * k)])) for k in range(N)
    ]


def deep_colour():
    """A PNG of 16 bits a channel, written by hand: Pillow reads such files and does not write them."""
    import struct
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" + struct.pack(">3H", 10, 20, 30))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


GREY = [coded(one) for one in ramp(np.uint8, 0, 110)]


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (alpha(), "every pixel of all images is 0"),
        ([coded(one) for one in ramp(np.uint16, 7, 7)], "every pixel of all images is 7"),
        ([*GREY[:2], coded(ramp(np.uint16, 7, 9)[0])], "of one depth: uint8 in row 1, uint16 in row 3"),
        ([*GREY[:4], deep_colour()], "row 5: column 'image': a colour image of 16 bits a channel"),
        ([*GREY[:4], b"no image"], "row 5: column 'image': bytes that are not an image"),
        ([*GREY[:4], GREY[0][:-30]], "row 5: column 'image': a damaged image"),
        ([*GREY[:4], None], "row 5: column 'image': nothing where an image is expected"),
        ([coded(ramp(np.float32, np.nan, 1)[0], "TIFF")], "row 1: column 'image': .* NaN or infinite"),
    ],
)
def test_images_that_cannot_be_told_apart_or_read_are_refused(tmp_path, images, message):
    with pytest.raises(DataError, match=message):
        read(tmp_path, images)
