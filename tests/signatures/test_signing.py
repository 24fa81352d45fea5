from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from gitstage.envelopes import write_envelope
from gitstage.errors import GitstageError
from gitstage.signatures import Verifier, sign, sign_envelope
from gitstage.signatures.signing import CannotSign
from tests.signatures.hands import agent_with, make_key, public
from tests.signatures.test_keygen import pretend

AGENT_HINT = "ssh-add -l lists what the agent holds; ssh-add KEY adds one"


def test_a_private_key_signs(tmp_path: Path) -> None:
    key = make_key(tmp_path)
    made = sign(b"hello", str(key))
    assert (made.key, made.namespace, made.problem) == (public(key), "gitstage", None)


def test_a_key_signs_for_another_use(tmp_path: Path) -> None:
    key = make_key(tmp_path)
    made = sign(b"a tag", str(key), "git")
    assert (made.key, made.namespace) == (public(key), "git")
    verifier = Verifier()
    assert verifier.signer_of(b"a tag", made.armored, "git") == public(key)
    assert verifier.signer_of(b"a tag", made.armored, "gitstage") is None
    assert verifier.signer_of(b"a nag", made.armored, "git") is None


def test_a_public_key_signs_where_its_private_half_lies_beside_it(tmp_path: Path) -> None:
    key = make_key(tmp_path)
    assert sign(b"hello", f"{key}.pub").key == public(key)


def test_a_public_key_signs_where_an_agent_holds_its_private_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = make_key(tmp_path)
    with agent_with(key) as socket:
        key.unlink()
        monkeypatch.setenv("SSH_AUTH_SOCK", socket)
        for text in (f"{key}.pub", public(key), f"{public(key)} ada"):
            assert sign(b"hello", text).key == public(key)
        other = make_key(tmp_path, "other")
        other.unlink()
        with pytest.raises(CannotSign) as caught:
            sign(b"hello", f"{other}.pub")
    assert caught.value.message == f"ssh-keygen did not sign with {other}.pub: Couldn't find key in agent"
    assert caught.value.hint == AGENT_HINT


def test_without_an_agent_a_public_key_cannot_sign(tmp_path: Path) -> None:
    key = make_key(tmp_path)
    key.unlink()
    with pytest.raises(CannotSign) as caught:
        sign(b"hello", public(key))
    assert caught.value.message == f"ssh-keygen did not sign with {public(key)}: Couldn't get agent socket"
    assert caught.value.hint == AGENT_HINT


def test_a_home_and_a_place_below_it_are_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = make_key(tmp_path / "home", "a key")
    monkeypatch.setenv("HOME", str(key.parent))
    monkeypatch.chdir(tmp_path)
    assert sign(b"hello", "~/a key").key == sign(b"hello", "home/a key").key == public(key)


def test_a_passphrase_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = make_key(tmp_path, passphrase="open sesame")
    ask = tmp_path / "ask"
    ask.write_text("#!/bin/sh\necho open sesame\n", encoding="ascii")
    ask.chmod(0o755)
    monkeypatch.setenv("SSH_ASKPASS_REQUIRE", "force")
    monkeypatch.setenv("SSH_ASKPASS", "/bin/false")
    with pytest.raises(CannotSign, match="incorrect passphrase"):
        sign(b"hello", str(key))
    monkeypatch.setenv("SSH_ASKPASS", str(ask))
    assert sign(b"hello", str(key)).key == public(key)


def test_what_is_no_key_is_said(tmp_path: Path) -> None:
    text, broken = tmp_path / "text", tmp_path / "broken"
    text.write_text("hello", encoding="ascii")
    broken.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nx\n-----END OPENSSH PRIVATE KEY-----\n", encoding="ascii")
    broken.chmod(0o600)
    for key, why in (
        ("nowhere", "nowhere is no file with a key"),
        (str(tmp_path), f"{tmp_path} is no file with a key"),
        ("x" * 300, f"{'x' * 300} cannot be read: File name too long"),
        ("ssh-ed25519 AAAA", "ssh-ed25519 AAAA is no file with a key"),
        (str(text), f"{text} is no key that ssh-keygen signs with"),
    ):
        with pytest.raises(CannotSign) as caught:
            sign(b"hello", key)
        assert (caught.value.message, caught.value.hint) == (why, "make one with: ssh-keygen -t ed25519")
    with pytest.raises(CannotSign, match=f"ssh-keygen did not sign with {broken}: "):
        sign(b"hello", str(broken))


def test_a_key_that_others_can_read_is_refused_in_ssh_keygens_words(tmp_path: Path) -> None:
    key = make_key(tmp_path)
    key.chmod(0o644)
    with pytest.raises(CannotSign) as caught:
        sign(b"hello", str(key))
    assert caught.value.message == (
        f"ssh-keygen did not sign with {key}: WARNING: UNPROTECTED PRIVATE KEY FILE!; "
        f"Permissions 0644 for '{key}' are too open; It is required that your private key files are NOT accessible by "
        f'others; This private key will be ignored; No private key found for "{key}"'
    )


def test_a_key_that_begins_with_a_dash_is_no_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = make_key(tmp_path, "key").rename(tmp_path / "-n file")
    monkeypatch.chdir(tmp_path)
    assert sign(b"hello", "-n file").namespace == "gitstage"
    assert key.is_file()


def test_without_ssh_keygen_nobody_signs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = make_key(tmp_path)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(CannotSign) as caught:
        sign(b"hello", str(key))
    assert caught.value.message == "ssh-keygen is not installed, or not on the PATH"
    assert caught.value.hint == "install OpenSSH 8.2 or newer (Debian: apt-get install openssh-client)"


def test_what_ssh_keygen_signs_must_be_what_it_verifies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = make_key(tmp_path)
    armor = sign(b"something else", str(key)).armored
    (tmp_path / "armor").write_bytes(armor)
    script = f'case "$*" in *check*) exec /usr/bin/ssh-keygen "$@";; *) cat {tmp_path}/armor;; esac'
    monkeypatch.setenv("PATH", f"{pretend(tmp_path / 'a', script).parent}:{os.environ['PATH']}")
    with pytest.raises(GitstageError, match=f"ssh-keygen signed with {key}, and does not take SHA256:.* for good"):
        sign(b"hello", str(key))


@pytest.mark.parametrize("name", ["{key}.pub", "{key}"])
def test_a_security_key_says_what_it_waits_for(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    key = make_key(tmp_path)
    wire = "AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABHNzaDo="
    (tmp_path / "key.pub").write_text(f"sk-ssh-ed25519@openssh.com {wire}\n", encoding="ascii")
    monkeypatch.setenv("PATH", f"{pretend(tmp_path / 'a', 'echo touch >&2; exit 1').parent}:{os.environ['PATH']}")
    with pytest.raises(CannotSign, match=r"ssh-keygen did not sign with .*key(\.pub)?$"):
        sign(b"hello", name.format(key=key))
    assert capfd.readouterr().err == "touch\n"


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = make_key(tmp_path / "keys")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    sign(b"hello", str(key))
    with pytest.raises(CannotSign):
        sign(b"hello", public(make_key(tmp_path / "keys", "other")))
    assert list((tmp_path / "temporary").iterdir()) == []
    assert sorted(file.name for file in (tmp_path / "keys").iterdir()) == ["key", "key.pub", "other", "other.pub"]


def test_one_envelope_carries_several_signatures_and_one_of_each_key(tmp_path: Path) -> None:
    ada, bob = make_key(tmp_path, "ada"), make_key(tmp_path, "bob")
    envelope = sign_envelope(b"{}", [str(ada), str(bob), f"{ada}.pub"])
    assert sorted(str(one.key) for one in envelope.signatures) == sorted([public(ada), public(bob)])
    assert Verifier().signed_by(write_envelope(envelope)) == {public(ada), public(bob)}
