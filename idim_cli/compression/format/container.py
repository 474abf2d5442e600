"""The bytes of an `.idim` file: packing and unpacking, without trust in any of them.

docs/format.md describes the layout. No torch here.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from idim_cli.compression.format import shipped
from idim_cli.compression.format.binary import ByteReader, damaged, varint
from idim_cli.compression.format.coordinates import (
    MOST_LEVELS,
    Coords,
    Exact,
    Quantised,
    from_bfloat16,
    to_bfloat16,
)
from idim_cli.compression.format.spec import Spec
from idim_cli.core.errors import FileError
from idim_cli.recipe.schema import Seeds

Admit = Callable[[Spec, int], None]
VERSION = 1  #: of the layout, of the coder and of the random streams that theta0 and P are drawn from

_MAGIC, _VERSIONS = 0x1D, 0xD0  # the first byte; the second is _VERSIONS + VERSION
# Bytes of the mark and of the CRC-32; checks: a 16-bit checksum and a float16.
_MARK, _CHECKSUM, _CHECKS = 2, 4, "<He"


@dataclass(frozen=True)
class Content:
    """The content of a file.

    Attributes:
        D: number of native parameters that the projection acts on.
        seeds: of theta0 and of P; that of the data order is not stored.
        spec: names and parameters of the components, shapes, and the table of buffers.
        coords: theta_d.
        theta0: 16 bits of the start's checksum, see `idim_cli.compression.rebuild.checksum`.
        probe: a number that P theta_d must reproduce, see `idim_cli.compression.rebuild.probe`.
        buffers: the buffers of the table, back to back.
    """

    D: int
    seeds: Seeds
    spec: Spec
    coords: Coords
    theta0: int
    probe: float
    buffers: bytes = b""


def pack(content: Content) -> bytes:
    """The file's bytes."""
    body = b"".join(_parts(content).values())
    return body + struct.pack("<I", zlib.crc32(body))


def sizes(content: Content) -> dict[str, int]:
    """Bytes of each part of the packed file; they add up to its length."""
    return {name: len(part) for name, part in _parts(content).items()} | {"checksum": _CHECKSUM}


def naming_bytes(content: Content) -> int:
    """Bytes that identify the network: all but the mark, and the checks, which follow from the rest."""
    return sum(map(len, _parts(content).values())) - _MARK - struct.calcsize(_CHECKS)


def is_marked(start: bytes) -> bool:
    """Whether a file that starts with these bytes claims to be an `.idim` file of any version."""
    return len(start) == _MARK and start[0] == _MAGIC and start[1] & 0xF0 == _VERSIONS


def unpack(data: bytes, admit: Admit | None = None) -> Content:
    """The content of a file; FileError if it is damaged, of another version, or contradicts itself.

    The length of the file bounds the memory and the work, whatever it states.

    Args:
        data: the file.
        admit: called with the spec and D before the coordinates are decoded, which takes longest; may raise.
    """
    reader = ByteReader(data)
    if not is_marked(mark := reader.take(_MARK)):
        damaged("it does not begin with the mark of an .idim file")
    version = mark[1]
    if version != _VERSIONS + VERSION:
        raise FileError(
            f"this .idim file has format version {version - _VERSIONS}, which this idim does not know",
            f"upgrade idim, unless the file is damaged; known version: {VERSION}",
        )
    # The checksum covers accidents only; a malicious file has a valid one, so everything below is checked
    # too.
    body, stated = data[:-_CHECKSUM], data[-_CHECKSUM:]
    if struct.pack("<I", zlib.crc32(body)) != stated:
        damaged("its checksum does not match")
    return _content(ByteReader(body, reader.at), admit)


def _parts(content: Content) -> dict[str, bytes]:
    coords = content.coords
    book = coords.book if isinstance(coords, Quantised) else ()
    values = to_bfloat16(np.array(book, dtype=np.float32))
    return {
        "header": _header(content),
        "book": values.astype("<u2").tobytes(),
        "coords": coords.code(),
        "buffers": content.buffers,
        "checks": struct.pack(_CHECKS, content.theta0, content.probe),
    }


def _header(content: Content) -> bytes:
    coords, seeds = content.coords, content.seeds
    # One varint for both facts: a byte for up to 63 values.
    kind = 2 * coords.levels + (isinstance(coords, Quantised) and not coords.uniform)
    fields = b"".join(map(varint, (coords.d, seeds.theta0, seeds.projector, kind)))
    return bytes([_MAGIC, _VERSIONS + VERSION]) + _named(content) + fields


def _named(content: Content) -> bytes:
    """The problem and the projector: by number, or by 0, D and a description."""
    # Shipped problems take a byte or two instead of a description.
    if number := shipped.number(content.spec, content.D):
        return varint(number)
    text = content.spec.pack()
    return varint(0) + varint(content.D) + varint(len(text)) + text


def _content(reader: ByteReader, admit: Admit | None) -> Content:
    spec, D = _read_named(reader)
    d, theta0, projector, kind = (reader.varint() for _ in range(4))
    if not 1 <= d <= D:
        damaged(f"d = {d} is not within 1 .. D = {D}")
    levels, listed = divmod(kind, 2)
    # One value for all coordinates is never written; accepting it would give a second encoding.
    if levels > MOST_LEVELS or levels == 1 or (levels == 0 and listed):
        damaged(f"coordinates cannot have {levels} values")
    # A uniform grid stores its step alone, and float32 coordinates have no book.
    book = _book(reader.take(2 * (levels if listed else min(levels, 1))), levels)
    code, buffers, checks = _payload(reader.rest(), spec)
    if admit is not None:
        # Here, because decoding the coordinates takes longest.
        admit(spec, D)
    return Content(
        D=D,
        seeds=Seeds(theta0=theta0, projector=projector),
        spec=spec,
        coords=_coords(book, code, d, levels),
        theta0=checks[0],
        probe=checks[1],
        buffers=buffers,
    )


def _read_named(reader: ByteReader) -> tuple[Spec, int]:
    number = reader.varint()
    if not number:
        D = reader.varint()
        return Spec.unpack(reader.take(reader.varint())), D
    try:
        return shipped.named(number)
    except KeyError as error:
        raise FileError(
            f"this .idim file is of problem number {number}, which this idim does not know",
            "a newer idim may know it, or the file is damaged",
        ) from error


def _book(data: bytes, levels: int) -> tuple[float, ...]:
    """The values as they are stored; decoded, they must be finite and rise."""
    book = tuple(from_bfloat16(np.frombuffer(data, dtype="<u2").astype(np.uint16)).tolist())
    if book:
        with np.errstate(all="ignore"):  # of a step that is none, or too large
            table = Quantised(book, b"", levels).table()
        if not (np.isfinite(table).all() and (table[1:] > table[:-1]).all()):
            damaged("the values of its coordinates are not finite and rising")
    return book


def _payload(rest: bytes, spec: Spec) -> tuple[bytes, bytes, tuple[int, float]]:
    """Code of the coordinates, buffers, and checks, which fill the rest of the file."""
    # The code takes what the others leave: stating its length would cost bytes.
    code = len(rest) - spec.buffer_bytes - struct.calcsize(_CHECKS)
    if code < 0:
        damaged(f"{len(rest)} bytes follow the header, but {spec.buffer_bytes} of buffers are stated")
    reader = ByteReader(rest)
    coords, buffers = reader.take(code), reader.take(spec.buffer_bytes)
    theta0, probe = struct.unpack(_CHECKS, reader.rest())
    if not math.isfinite(probe):
        damaged("one of its checks is not finite")
    return coords, buffers, (theta0, probe)


def _coords(book: tuple[float, ...], code: bytes, d: int, levels: int) -> Coords:
    if levels:
        try:
            return Quantised.read(book, code, d, levels)
        except ValueError as error:
            damaged(str(error))
    if len(code) != 4 * d:
        damaged(f"{len(code)} bytes of coordinates, but {4 * d} are stated")
    return Exact(np.frombuffer(code, dtype="<f4").astype(np.float32))
