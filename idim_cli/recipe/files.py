"""Reading recipe files, and writing new ones without overwriting others."""

from __future__ import annotations

from pathlib import Path

from idim_cli.core import bounded_io
from idim_cli.core.errors import FileError
from idim_cli.recipe.text import MAX_BYTES


def read_text(path: Path) -> str:
    """The text of a file; FileError if it cannot be read."""
    try:
        return bounded_io.read_bytes(path, MAX_BYTES).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"cannot read {path}: {error}") from None


def write_new(path: Path, text: str, force: bool = False) -> None:
    """Write a file; FileError if it cannot be written, or exists and `force` is not given."""
    try:
        # "x" and no check before: another process may create the file in between.
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise FileError(f"{path} exists already", "give another name, or --force to replace it") from None
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror}") from None
