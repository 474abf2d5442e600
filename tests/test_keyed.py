"""Marks that only this user can make."""

import os
import stat

import pytest

from idim_cli import keyed


@pytest.fixture(autouse=True)
def own(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    keyed._key.cache_clear()
    yield tmp_path / "idim"
    keyed._key.cache_clear()


def test_a_mark_is_of_one_statement_and_one_key(own):
    made = keyed.mark("a")
    assert keyed.fits("a", made)
    for other in ("", "b", made[:-1], None, 3, made + "é"):
        assert not keyed.fits("a", other)
    assert not keyed.fits("b", made)
    assert stat.S_IMODE((own / "key").stat().st_mode) == 0o600
    (own / "key").unlink()
    keyed._key.cache_clear()
    assert not keyed.fits("a", made)


def test_what_was_allowed_is_remembered(own):
    assert not keyed.remembered("a")
    keyed.remember("a")
    assert keyed.remembered("a")
    assert not keyed.remembered("b")


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
@pytest.mark.parametrize("harm", ["open", "short", "folder"])
def test_a_key_that_others_may_have_made_is_not_used(own, harm):
    own.mkdir()
    if harm == "folder":
        (own / "key").mkdir()
    else:
        (own / "key").write_bytes(bytes(32 if harm == "open" else 31))
        (own / "key").chmod(0o644 if harm == "open" else 0o600)
    assert keyed.mark("a") == ""
    assert not keyed.fits("a", "")
    keyed.remember("a")
    assert not keyed.remembered("a")


def test_without_a_place_for_the_key_there_are_no_marks(own, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", "/dev/null/nowhere")
    assert keyed.mark("a") == ""
    keyed.remember("a")
    assert not keyed.remembered("a")
