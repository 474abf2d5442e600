"""The part of a compressed file that names things: components, shapes and the table of buffers.

It is compact JSON, deflated with a preset dictionary of frequent strings. No torch here.
"""

from __future__ import annotations

import json
import math
import zlib
from typing import Annotated, Any, Literal, NoReturn

from pydantic import Field, ValidationError, model_validator

from idim_cli.compression.format.dictionary import DICTIONARY
from idim_cli.core.errors import FileError
from idim_cli.recipe.schema import Component, Frozen, Patterns

KINDS = ("model", "projector", "dataset", "task")  #: in the order of the file
#: Bytes of JSON that are inflated at most: without a limit, a small file could inflate to gigabytes.
LIMIT = 1 << 20
# Not from torch, which takes a second to import.
WIDTHS = {
    "BOOL": 1, "U8": 1, "I8": 1, "I16": 2, "F16": 2, "BF16": 2, "I32": 4, "F32": 4, "I64": 8, "F64": 8,
}  # fmt: skip

#: Narrower types in which the elements of a buffer may be stored.
NARROWER = {
    "I16": ("U8",), "I32": ("U8", "I16"), "I64": ("U8", "I16", "I32"), "F32": ("F16",), "F64": ("F16",),
}  # fmt: skip

Dtype = Literal["BOOL", "U8", "I8", "I16", "F16", "BF16", "I32", "F32", "I64", "F64"]
Size = Annotated[int, Field(ge=0, lt=2**48)]
Count = Annotated[int, Field(gt=0, lt=2**48)]
_AXES = 64  # of a tensor at most, as in torch
_PARTS = 64  # tensors of an example at most
Axes = Annotated[list[Count], Field(max_length=_AXES)]
_DEPTH = 20  # of nested lists in JSON, well below the recursion limit of Python
#: Of one tensor, of several, or of tensors by name.
Shape = Annotated[
    Axes
    | Annotated[list[Axes], Field(max_length=_PARTS)]
    | Annotated[dict[str, Axes], Field(max_length=_PARTS)],
    Field(union_mode="left_to_right"),
]


class Buffer(Frozen):
    """One buffer of the model: name, dtype as safetensors writes it, shape, and dtype in the file."""

    name: str
    dtype: Dtype
    shape: list[Size] = Field(max_length=_AXES)
    stored: Dtype | None = None

    @model_validator(mode="after")
    def _storable(self) -> Buffer:
        """The dtype in the file is a narrower one, and no product of sizes overflows, even next to a 0."""
        if self.stored and self.stored not in NARROWER.get(self.dtype, ()):
            raise ValueError(f"{self.dtype} cannot be stored as {self.stored}")
        if math.prod(size or 1 for size in self.shape) >= 2**48:
            raise ValueError("too large")
        return self

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
            that the file keeps its meaning when a default changes.
        shape: of one example's inputs; with `classes`, what the model was built for.
        classes: how many numbers it returns, or all outputs that its task states.
        trainable: which parameters P acts on, as in the recipe; None is all.
        buffers: in the order of their bytes.
    """

    model: Component
    projector: Component
    dataset: Component
    task: Component
    shape: Shape
    classes: Count | dict[str, Any]
    trainable: Patterns | None = None
    buffers: list[Buffer] = Field([])

    @model_validator(mode="after")
    def _named_once(self) -> Spec:
        if len({buffer.name for buffer in self.buffers}) < len(self.buffers):
            raise ValueError("two buffers have the same name")
        return self

    @property
    def buffer_bytes(self) -> int:
        """Bytes of all buffers."""
        return sum(buffer.bytes for buffer in self.buffers)

    def pack(self) -> bytes:
        """Deflated JSON; FileError for what `unpack` would refuse."""
        try:
            text = json.dumps(
                self._row(), separators=(",", ":"), ensure_ascii=False, allow_nan=False
            ).encode()
            # By the rules of the reader: what is written must be readable.
            _parse(text)
        except (RecursionError, ValueError) as error:
            raise FileError(f"the model's description does not fit an .idim file: {error}") from error
        if len(text) > LIMIT:
            raise FileError("the model's description is too long for an .idim file", f"limit: {LIMIT} bytes")
        # Raw deflate (negative window): a zlib header and checksum would take 6 bytes more.
        squeeze = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, DICTIONARY)
        return squeeze.compress(text) + squeeze.flush()

    @classmethod
    def unpack(cls, data: bytes) -> Spec:
        """The inverse of `pack`; FileError for anything else."""
        try:
            return cls._of(_parse(_inflate(data)))
        except (ValidationError, RecursionError, ValueError, TypeError) as error:
            raise FileError(
                "damaged .idim file: its description of the model cannot be read", "fetch the file again"
            ) from error

    def _row(self) -> list[Any]:
        parts = [getattr(self, kind) for kind in KINDS]
        table = [_entry(buffer) for buffer in self.buffers]
        return [*([p.name, p.params] for p in parts), self.shape, self.classes, self.trainable, table]

    @classmethod
    def _of(cls, row: Any) -> Spec:
        *parts, shape, classes, trainable, table = row
        named = {k: {"name": name, "params": params} for k, (name, params) in zip(KINDS, parts, strict=True)}
        keys = ("name", "dtype", "shape", "stored")  # `stored` is left out where it is None
        buffers = [dict(zip(keys, entry, strict=len(entry) != 3)) for entry in table]
        return cls.model_validate(
            {**named, "shape": shape, "classes": classes, "trainable": trainable, "buffers": buffers}
        )


def _entry(buffer: Buffer) -> list[Any]:
    entry = [buffer.name, buffer.dtype, buffer.shape]
    return [*entry, buffer.stored] if buffer.stored else entry


def _inflate(data: bytes) -> bytes:
    grow = zlib.decompressobj(-15, DICTIONARY)
    try:
        # One byte above the limit is enough to know that there is more.
        text = grow.decompress(data, LIMIT + 1)
    except zlib.error as error:
        raise ValueError("not deflated") from error
    # Bytes behind the end could hide data, or make two files of one content.
    if len(text) > LIMIT or not grow.eof or grow.unused_data:
        raise ValueError("too long, cut off, or followed by other bytes")
    return text


def _parse(text: bytes) -> Any:
    row = json.loads(
        text.decode(), parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_unique_keys
    )
    _plain(row, _DEPTH)
    return row


def _plain(value: Any, depth: int) -> None:
    """ValueError for deeper nesting, and for text that is not Unicode (halves of surrogate pairs)."""
    if isinstance(value, str):
        value.encode()
    elif isinstance(value, dict):
        _plain([*value, *value.values()], depth)
    elif isinstance(value, list):
        if not depth:
            raise ValueError("nested too deeply")
        for item in value:
            _plain(item, depth - 1)


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object without duplicate keys, of which another program might take the other value."""
    if len(found := dict(pairs)) < len(pairs):
        raise ValueError("duplicate key")
    return found


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is not finite")
    return value


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not finite")
