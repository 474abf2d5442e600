"""What only reading many files can say, kept for the next time: a digest, and which are damaged."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from idim_cli.core.machine import data_cache

#: Bytes of content that a digest reads; of more, whole files evenly spread over the list. A second or so.
MOST_BYTES = 1 << 29
_BYTES = 16


def digest(root: Path, files: Sequence[str]) -> str:
    """A digest of names, sizes and content: of all files up to `MOST_BYTES`, beyond that of some of them.

    It is the same wherever the files lie. One that only leaves the size of a file as it was may be missed
    where not all contents are read.
    """
    return str(kept("digest", root, files, lambda: _digest(root, files)))


def kept(what: str, root: Path, files: Sequence[str], find: Callable[[], Any]) -> Any:
    """What `find` returns, as JSON; from the user's cache while names, sizes and times are the same."""
    listing = hashlib.blake2b(str(root.resolve()).encode(), digest_size=_BYTES)
    for name in files:
        status = (root / name).stat()
        listing.update(json.dumps([name, status.st_size, status.st_mtime_ns]).encode())
    path = data_cache().parent / "files" / f"{what}-{listing.hexdigest()}.json"
    with contextlib.suppress(OSError, ValueError):
        return json.loads(path.read_text(encoding="utf-8"))
    found = find()
    with contextlib.suppress(OSError):  # a cache that cannot be written is no fault
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f"{path.name}.{os.getpid()}")
        new.write_text(json.dumps(found), encoding="utf-8")
        new.replace(path)
    return found


def _digest(root: Path, files: Sequence[str]) -> str:
    sizes = [(root / name).stat().st_size for name in files]
    total = hashlib.blake2b(json.dumps([*zip(files, sizes, strict=True)]).encode(), digest_size=_BYTES)
    for name in _some(files, sizes):
        total.update((root / name).read_bytes())
    return total.hexdigest()


def _some(files: Sequence[str], sizes: Sequence[int]) -> Iterable[str]:
    """All files, or every k-th, so that not much more than `MOST_BYTES` is read."""
    return files[:: -(-sum(sizes) // MOST_BYTES) or 1]
