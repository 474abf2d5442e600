"""The bytes of an `.idim` file: packing them, and reading them back without trusting any of them.

The layout is described in docs/file-format.md. Nothing here needs torch.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import NoReturn

from idim_cli import rng
from idim_cli.codec.spec import Spec
from idim_cli.errors import FileError
from idim_cli.recipe.schema import Seeds

MAGIC = b"idim"
VERSION = 1
RAW = 0  #: quantiser: the coordinates as float32, little-endian
QUANTISERS = (RAW,)

_CHECKSUM = 4


@dataclass(frozen=True)
class Content:
    """All that a file says.

    Attributes:
        D: number of native parameters that the projection acts on.
        d: subspace dimension.
        seeds: of theta0, of P and of the data order.
        theta0: CRC-32 of the start, see `idim_cli.codec.rebuild.checksum`.
        probe: one number that P theta_d must reproduce, see `idim_cli.codec.rebuild.probe`.
        spec: names and parameters of the components, shapes, and the table of buffers.
        coords: theta_d as the quantiser wrote it.
        buffers: the buffers of the table, back to back.
        rng_version: version of the random streams that theta0 and P are drawn from.
        quantiser: how `coords` is written; 0 is float32.
    """

    D: int
    d: int
    seeds: Seeds
    theta0: int
    probe: float
    spec: Spec
    coords: bytes
    buffers: bytes = b""
    rng_version: int = rng.VERSION
    quantiser: int = RAW


def pack(content: Content) -> bytes:
    """The file's bytes."""
    body = _header(content) + content.coords + content.buffers
    return body + struct.pack("<I", zlib.crc32(body))


def sizes(content: Content) -> dict[str, int]:
    """Bytes of each part of the packed file; they add up to its length."""
    return {
        "header": len(_header(content)),
        "coords": len(content.coords),
        "buffers": len(content.buffers),
        "checksum": _CHECKSUM,
    }


def unpack(data: bytes) -> Content:
    """What a file says; FileError if it is damaged, of another version, or contradicts itself.

    No memory is reserved on the word of the file: its length must agree with every size that it states.
    """
    reader = _Reader(data)
    if reader.take(len(MAGIC)) != MAGIC:
        _damaged("it does not begin with the mark of an .idim file")
    _known("file format", reader.varint(), (VERSION,))
    body, stated = data[:-_CHECKSUM], data[-_CHECKSUM:]
    if struct.pack("<I", zlib.crc32(body)) != stated:
        _damaged("its checksum does not match")
    return _content(_Reader(body, reader.at))


def _header(content: Content) -> bytes:
    spec, seeds = content.spec.pack(), content.seeds
    return b"".join(
        [
            MAGIC,
            _varint(VERSION),
            _varint(content.rng_version),
            _varint(content.quantiser),
            *(_varint(n) for n in (content.D, content.d, seeds.theta0, seeds.projector, seeds.data)),
            struct.pack("<If", content.theta0, content.probe),
            _varint(len(spec)),
            spec,
        ]
    )


def _content(reader: _Reader) -> Content:
    version = _known("random stream", reader.varint(), (rng.VERSION,))
    quantiser = _known("quantiser", reader.varint(), QUANTISERS)
    D, d, *seeds = (reader.varint() for _ in range(5))
    if not 1 <= d <= D:
        _damaged(f"d = {d} is not within 1 .. D = {D}")
    theta0, probe = struct.unpack("<If", reader.take(8))
    spec = Spec.unpack(reader.take(reader.varint()))
    coords, buffers = _payload(reader.rest(), d, spec)
    named = Seeds(**dict(zip(("theta0", "projector", "data"), seeds, strict=True)))
    return Content(D, d, named, theta0, probe, spec, coords, buffers, version, quantiser)


def _payload(rest: bytes, d: int, spec: Spec) -> tuple[bytes, bytes]:
    """Coordinates and buffers, which must fill the rest of the file exactly."""
    size = len(rest) - spec.buffer_bytes
    if size != 4 * d:
        _damaged(f"{len(rest)} bytes follow the header, but {4 * d + spec.buffer_bytes} are stated")
    return rest[:size], rest[size:]


class _Reader:
    """Takes bytes from the front; never more than there are."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data, self.at = data, at

    def take(self, size: int) -> bytes:
        if size > len(self.data) - self.at:
            _damaged("it ends too early")
        self.at += size
        return self.data[self.at - size : self.at]

    def rest(self) -> bytes:
        return self.take(len(self.data) - self.at)

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        # One number has one spelling: no padding with zero groups.
        if value >= 2**63 or (shift > 7 and byte == 0):
            _damaged("a number in its header is out of range")
        return value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _known(what: str, version: int, known: tuple[int, ...]) -> int:
    if version not in known:
        raise FileError(
            f"this .idim file has {what} version {version}, which this idim does not know",
            f"known: {', '.join(map(str, known))}; a newer idim may read it, or the file is damaged",
        )
    return version


def _damaged(why: str) -> NoReturn:
    raise FileError(
        f"not a sound .idim file: {why}", "compress the checkpoint again, or fetch the file again"
    )
