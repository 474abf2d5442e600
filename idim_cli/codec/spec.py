"""The part of a compressed file that names things: components, shapes and the table of buffers.

It is compact JSON, deflated with a preset dictionary of what such specs usually say. No torch here.
"""

from __future__ import annotations

import json
import math
import zlib
from typing import Annotated, Any, Literal, NoReturn

from pydantic import Field, PositiveInt, ValidationError

from idim_cli.codec.dictionary import DICTIONARY
from idim_cli.errors import FileError
from idim_cli.recipe.schema import Component, Frozen

KINDS = ("model", "projector", "dataset", "task")  #: in the order of the file
LIMIT = 1 << 20  #: bytes of JSON that are inflated at most
WIDTHS = {
    "BOOL": 1, "U8": 1, "I8": 1, "I16": 2, "F16": 2, "BF16": 2, "I32": 4, "F32": 4, "I64": 8, "F64": 8,
}  # fmt: skip

Dtype = Literal["BOOL", "U8", "I8", "I16", "F16", "BF16", "I32", "F32", "I64", "F64"]
Size = Annotated[int, Field(ge=0, lt=2**48)]


class Buffer(Frozen):
    """One buffer of the model: name, dtype as safetensors writes it, shape, and dtype in the file."""

    name: str
    dtype: Dtype
    shape: list[Size] = Field(max_length=64)
    stored: Dtype | None = None

    @property
    def written(self) -> Dtype:
        """The dtype of its elements in the file."""
        return self.stored or self.dtype

    @property
    def bytes(self) -> int:
        """Its size in the file."""
        return WIDTHS[self.written] * math.prod(self.shape)


class Spec(Frozen):
    """Everything of a solution that has a name.

    Attributes:
        model, projector, dataset, task: the components with all their parameters, defaults included, so
            that a later change of a default does not change what the file means.
        shape: of one example; with `classes`, what the model was built for.
        trainable: which parameters P acts on, as in the recipe; None is all.
        buffers: in the order of their bytes.
    """

    model: Component
    projector: Component
    dataset: Component
    task: Component
    shape: list[PositiveInt]
    classes: PositiveInt
    trainable: list[str] | None = None
    buffers: list[Buffer] = Field([])

    @property
    def buffer_bytes(self) -> int:
        """Bytes of all buffers."""
        return sum(buffer.bytes for buffer in self.buffers)

    def pack(self) -> bytes:
        """Deflated JSON."""
        text = json.dumps(self._row(), separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
        if len(text) > LIMIT:
            raise FileError("the model's description is too long for an .idim file", f"limit: {LIMIT} bytes")
        squeeze = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, DICTIONARY)
        return squeeze.compress(text) + squeeze.flush()

    @classmethod
    def unpack(cls, data: bytes) -> Spec:
        """The inverse of `pack`; FileError for anything else."""
        try:
            return cls._of(_parse(_inflate(data)))
        except (ValidationError, RecursionError, ValueError, TypeError) as error:
            raise FileError(
                "not a sound .idim file: its description of the model cannot be read", "fetch the file again"
            ) from error

    def _row(self) -> list[Any]:
        parts = [getattr(self, kind) for kind in KINDS]
        table = [_entry(buffer) for buffer in self.buffers]
        return [*([p.name, p.params] for p in parts), self.shape, self.classes, self.trainable, table]

    @classmethod
    def _of(cls, row: Any) -> Spec:
        *parts, shape, classes, trainable, table = row
        named = {k: {"name": name, "params": params} for k, (name, params) in zip(KINDS, parts, strict=True)}
        keys = ("name", "dtype", "shape", "stored")
        buffers = [dict(zip(keys, (*entry, None)[:4], strict=True)) for entry in table]
        return cls.model_validate(
            {**named, "shape": shape, "classes": classes, "trainable": trainable, "buffers": buffers}
        )


def _entry(buffer: Buffer) -> list[Any]:
    entry = [buffer.name, buffer.dtype, buffer.shape]
    return [*entry, buffer.stored] if buffer.stored else entry


def _inflate(data: bytes) -> bytes:
    grow = zlib.decompressobj(-15, DICTIONARY)
    try:
        text = grow.decompress(data, LIMIT + 1)
    except zlib.error as error:
        raise ValueError("not deflated") from error
    if len(text) > LIMIT or not grow.eof or grow.unused_data:
        raise ValueError("too long, cut off, or followed by other bytes")
    return text


def _parse(text: bytes) -> Any:
    return json.loads(text, parse_constant=_no_constant, parse_float=_finite)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is not finite")
    return value


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not finite")
