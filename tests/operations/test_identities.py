"""Identities are read once: equal bytes say one thing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gitstage.errors import GitstageError
from gitstage.identity import Identity
from gitstage.operations.identities import known_identity

ID = "4f6c1c1e-8a39-4a0e-9d7e-2f1b7c0a5f11"
POLICY = f"id: {ID}\ntrunk: master\nstages:\n  staging: {{}}\n  production: {{}}\n".encode()
OID = "1" * 40
SAID = Identity(id=ID, trunk="master", ledger_ref=f"refs/gitstage/{ID}", stages=("staging", "production"))


def never() -> bytes:
    raise AssertionError("it was read before")


def test_what_was_read_once_is_not_read_again(tmp_path: Path) -> None:
    assert known_identity(tmp_path, OID, lambda: POLICY) == SAID
    assert known_identity(tmp_path, OID, never) == SAID


def test_another_file_is_read_for_itself(tmp_path: Path) -> None:
    known_identity(tmp_path, OID, lambda: POLICY)
    other = known_identity(tmp_path, "2" * 40, lambda: POLICY.replace(b"master", b"main"))
    assert other.trunk == "main"


@pytest.mark.parametrize("kept", [b"", b"nonsense", b"[]", b"{}", b'{"id": "x", "stages": [], "more": 1}'])
def test_what_is_kept_and_cannot_be_read_is_read_anew(tmp_path: Path, kept: bytes) -> None:
    known_identity(tmp_path, OID, lambda: POLICY)
    (file,) = (tmp_path / "gitstage" / "identities").iterdir()
    file.write_bytes(kept)
    assert known_identity(tmp_path, OID, lambda: POLICY) == SAID
    assert known_identity(tmp_path, OID, never) == SAID


def test_where_nothing_can_be_written_it_is_read_each_time(tmp_path: Path) -> None:
    (tmp_path / "gitstage").write_text("in the way")
    for _ in range(2):
        assert known_identity(tmp_path, OID, lambda: POLICY) == SAID


@pytest.mark.parametrize("read", [lambda: b"a: [", lambda: b"id: 7\n"])
def test_what_names_no_registry_is_kept_nowhere(tmp_path: Path, read: Callable[[], bytes]) -> None:
    with pytest.raises(GitstageError):
        known_identity(tmp_path, OID, read)
    assert not (tmp_path / "gitstage").exists()
