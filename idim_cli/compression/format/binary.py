"""Whole numbers as bytes, and a reader of untrusted bytes. No torch here."""

from __future__ import annotations

from typing import NoReturn

from idim_cli.core.errors import FileError


def varint(value: int) -> bytes:
    """A number from 0 in groups of seven bits, lowest first; every byte but the last has its top bit set."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


class ByteReader:
    """Takes bytes from the front; FileError if there are too few."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data, self.at = data, at

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        if size > len(self.data) - self.at:
            damaged("it ends too early")
        self.at += size
        return self.data[self.at - size : self.at]

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(len(self.data) - self.at)

    def varint(self) -> int:
        """A number below 2^63 in its shortest encoding."""
        value = 0
        # At most nine groups: a longer run of continuation bytes is not a number.
        for shift in range(0, 63, 7):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if shift and not byte:  # not the shortest encoding
                    damaged("a number in its header is not in canonical form")
                return value
        damaged("a number in its header is out of range")


def damaged(why: str) -> NoReturn:
    """Raise FileError for bytes that `idim` cannot have written."""
    raise FileError(f"damaged .idim file: {why}", "compress the checkpoint again, or fetch the file again")
