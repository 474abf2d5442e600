"""Marks that only this user can make."""

import os
import stat

import pytest

from idim_cli.core import signatures


@pytest.fixture(autouse=True)
def own(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    signatures._key.cache_clear()
    yield tmp_path / "idim"
    signatures._key.cache_clear()


def test_a_mark_is_of_one_statement_and_one_key(own):
    made = signatures.mark("a")
    assert signatures.fits("a", made)
    for other in ("", "b", made[:-1], None, 3, made + "é"):
        assert not signatures.fits("a", other)
    assert not signatures.fits("b", made)
    assert stat.S_IMODE((own / "key").stat().st_mode) == 0o600
    (own / "key").unlink()
    signatures._key.cache_clear()
    assert not signatures.fits("a", made)


def test_what_was_allowed_is_remembered(own):
    assert not signatures.remembered("a")
    signatures.remember("a")
    assert signatures.remembered("a")
    assert not signatures.remembered("b")


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
@pytest.mark.parametrize("harm", ["open", "short", "folder"])
def test_a_key_that_others_may_have_made_is_not_used(own, harm):
    own.mkdir()
    if harm == "folder":
        (own / "key").mkdir()
    else:
        (own / "key").write_bytes(bytes(32 if harm == "open" else 31))
        (own / "key").chmod(0o644 if harm == "open" else 0o600)
    assert signatures.mark("a") == ""
    assert not signatures.fits("a", "")
    signatures.remember("a")
    assert not signatures.remembered("a")


def test_without_a_place_for_the_key_there_are_no_marks(own, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", "/dev/null/nowhere")
    assert signatures.mark("a") == ""
    signatures.remember("a")
    assert not signatures.remembered("a")
