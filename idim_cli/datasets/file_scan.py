"""Results that need many files to be read, cached: a digest, and which files are damaged."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from idim_cli.core.machine import data_cache

#: Bytes of content that a digest reads, about a second's worth; of more, whole files spread over the list.
MOST_BYTES = 1 << 29
_BYTES = 16


def digest(root: Path, files: Sequence[str]) -> str:
    """A digest of names, sizes and content: of all files up to `MOST_BYTES`, beyond that of some of them.

    It is the same wherever the files lie. Where not all contents are read, a change that keeps the size of a
    file may be missed.
    """
    return str(kept("digest", root, files, lambda: _digest(root, files)))


def kept(what: str, root: Path, files: Sequence[str], find: Callable[[], Any]) -> Any:
    """What `find` returns, as JSON; from the user's cache while names, sizes and times are the same."""
    listing = hashlib.blake2b(str(root.resolve()).encode(), digest_size=_BYTES)
    for name in files:  # the times of files stand in for their contents, which would take too long to read
        status = (root / name).stat()
        listing.update(json.dumps([name, status.st_size, status.st_mtime_ns]).encode())
    path = data_cache().parent / "files" / f"{what}-{listing.hexdigest()}.json"
    with contextlib.suppress(OSError, ValueError):
        return json.loads(path.read_text(encoding="utf-8"))
    found = find()
    with contextlib.suppress(OSError):  # without a cache it is only slower
        path.parent.mkdir(parents=True, exist_ok=True)
        # Several runs of a sweep may write it at the same time: each replaces it as a whole.
        new = path.with_name(f"{path.name}.{os.getpid()}")
        new.write_text(json.dumps(found), encoding="utf-8")
        new.replace(path)
    return found


def _digest(root: Path, files: Sequence[str]) -> str:
    sizes = [(root / name).stat().st_size for name in files]
    total = hashlib.blake2b(json.dumps([*zip(files, sizes, strict=True)]).encode(), digest_size=_BYTES)
    # Every k-th file, k rounded up; spread over the list, as it is sorted by class.
    for name in files[:: -(-sum(sizes) // MOST_BYTES) or 1]:
        total.update((root / name).read_bytes())
    return total.hexdigest()
