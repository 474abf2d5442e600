"""Signatures that only this user can make: a hash with a key in the user's state folder."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import hmac
import logging
import os
import secrets
import stat
from pathlib import Path

_BYTES = 32  # of the key: as long as the hash, SHA-256
_log = logging.getLogger(__name__)


def folder() -> Path:
    """Folder of the key and of permissions: ``$XDG_STATE_HOME/idim``, else ``~/.local/state/idim``."""
    # The specification of XDG: a relative path is to be ignored.
    given = os.environ.get("XDG_STATE_HOME", "")
    return (Path(given) if os.path.isabs(given) else Path.home() / ".local" / "state") / "idim"


def mark(statement: str) -> str:
    """The signature of a statement, in hexadecimal; empty if no key can be stored."""
    key = _key(folder())
    return hmac.new(key, statement.encode(), hashlib.sha256).hexdigest() if key else ""


def fits(statement: str, given: object) -> bool:
    """Whether this user made the signature `given` of this statement."""
    made = mark(statement)
    # In constant time, so that a signature cannot be guessed letter by letter.
    return bool(made) and isinstance(given, str) and hmac.compare_digest(made.encode(), given.encode())


def remember(statement: str) -> None:
    """Record that the user allowed this statement; does nothing if that cannot be written."""
    if made := mark(statement):
        with contextlib.suppress(OSError):
            allowed = folder() / "allowed"
            allowed.mkdir(mode=0o700, exist_ok=True)
            # The name of the file counts; its content is for people.
            (allowed / made).write_text(statement + "\n", encoding="utf-8")


def remembered(statement: str) -> bool:
    """Whether the user allowed this statement before."""
    made = mark(statement)
    return bool(made) and (folder() / "allowed" / made).is_file()


@functools.cache
def _key(place: Path) -> bytes:
    """The key, made at the first use; empty if there is none, or if others could have made it."""
    path = place / "key"
    try:
        if not path.exists():
            _make(path)
        if _of_this_user(path) and len(key := path.read_bytes()) == _BYTES:
            return key
    except (OSError, RuntimeError) as error:  # no home, or a disk that cannot be written to
        _log.debug("no key for signatures at %s: %s", path, error)
        return b""
    _log.warning("%s is ignored: it must be a file of %d bytes that only you can read", path, _BYTES)
    return b""


def _of_this_user(path: Path) -> bool:
    """Whether it is a file that no other user can read or could have made."""
    about = path.lstat()
    # Windows has no such permissions; a home folder is private there.
    others = os.name == "posix" and (about.st_uid != os.geteuid() or about.st_mode & 0o077)
    return stat.S_ISREG(about.st_mode) and not others


def _make(path: Path) -> None:
    """Make a key; of two processes that do so at the same time, the first wins."""
    # Private from the start: between creation and chmod, others could read the key.
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A hard link is made completely or not at all, and never replaces a file.
    temporary = path.with_name(f".key.{secrets.token_hex(8)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(_BYTES))
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
