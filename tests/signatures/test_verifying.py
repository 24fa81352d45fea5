from __future__ import annotations

import os
import shutil
import tempfile
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from gitstage.envelopes import MAX_BLOB, Envelope, read_envelope, read_signature, write_envelope
from gitstage.errors import CannotVerify
from gitstage.signatures import Verifier, verifying
from gitstage.signatures.keygen import Answer, Purpose, run
from gitstage.signatures.verifying import PROOF, prove
from tests.signatures.hands import make_key, public, signature, signed
from tests.signatures.test_keygen import pretend

GOLDEN = Path(__file__).parents[1] / "golden"
PAYLOAD = b'{"_type": "https://in-toto.io/Statement/v1"}'


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("keys")
    return make_key(folder, "ada"), make_key(folder, "bob")


def signed_by(envelope: Envelope) -> frozenset[str]:
    return Verifier().signed_by(write_envelope(envelope))


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def test_every_key_that_signed_is_named(keys: tuple[Path, Path]) -> None:
    assert signed_by(signed(PAYLOAD, *keys)) == {public(key) for key in keys}
    assert signed_by(signed(PAYLOAD, keys[0])) == {public(keys[0])}


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_every_kind_of_key_is_good(tmp_path: Path, kind: str) -> None:
    key = make_key(tmp_path, kind=kind)
    assert signed_by(signed(PAYLOAD, key)) == {public(key)}


def test_the_signatures_of_the_golden_envelope_are_good() -> None:
    data = (GOLDEN / "envelope.json").read_bytes()
    found = read_envelope(data)
    assert found is not None
    assert Verifier().signed_by(data) == {one.key for one in found.signatures}
    assert len(found.signatures) == 3


@pytest.mark.parametrize(
    "data", [(GOLDEN / "test-result.json").read_bytes(), b"", b"{", b'{"payload": 1, "payloadType": 2}']
)
def test_a_plain_statement_and_nonsense_are_signed_by_nobody(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert Verifier().signed_by(data) == frozenset()


def test_another_payload_is_not_what_was_signed(keys: tuple[Path, Path]) -> None:
    envelope = signed(PAYLOAD, *keys)
    for payload in (PAYLOAD + b" ", flipped(PAYLOAD, 5), b""):
        assert signed_by(replace(envelope, payload=payload)) == frozenset()


def test_no_bit_of_a_signature_may_change(keys: tuple[Path, Path]) -> None:
    """But in the field that PROTOCOL.sshsig tells readers to ignore, which is empty here: then its length changes."""
    envelope = signed(PAYLOAD, keys[0])
    blob = envelope.signatures[0].blob
    for at in [*range(90), *range(90, len(blob), 7)]:
        changed = replace(envelope, signatures=(read_signature(flipped(blob, at)),))
        assert public(keys[0]) not in signed_by(changed), at


@pytest.mark.parametrize("namespace", ["git", "file", "gitstage2", "Gitstage", "gitstage\n"])
def test_a_signature_for_something_else_is_not_good(keys: tuple[Path, Path], namespace: str) -> None:
    envelope = signed(PAYLOAD, keys[0], namespace=namespace)
    assert envelope.signatures[0].namespace == namespace
    assert signed_by(envelope) == frozenset()
    # Nor where it only claims to be ours.
    blob = envelope.signatures[0].blob.replace(
        len(namespace).to_bytes(4, "big") + namespace.encode(), b"\0\0\0\x08gitstage", 1
    )
    claiming = replace(envelope, signatures=(read_signature(blob),))
    assert claiming.signatures[0].namespace == "gitstage"
    assert signed_by(claiming) == frozenset()


def test_a_key_that_is_put_into_another_ones_signature_has_not_signed(keys: tuple[Path, Path]) -> None:
    wires = [signature(b"", key).blob[10:65] for key in keys]
    envelope = signed(PAYLOAD, keys[0])
    forged = read_signature(envelope.signatures[0].blob.replace(wires[0], wires[1]))
    assert forged.key == public(keys[1])
    assert signed_by(replace(envelope, signatures=(forged,))) == frozenset()


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"raw",
        b"SSHSIG",
        PROOF.blob[:-1],
        PROOF.blob + b"\0",
        b"\0" * (MAX_BLOB + 1),
        PROOF.blob.replace(b"ssh-ed25519", b"ssh-ed99999"),
        PROOF.blob.replace(b"sha512", b"sha256"),
        PROOF.blob.replace(b"sha512", b"sha999"),
    ],
)
def test_what_is_no_signature_of_this_is_not_good(blob: bytes) -> None:
    assert signed_by(Envelope(PAYLOAD, signatures=(read_signature(blob),))) == frozenset()


def test_a_bad_signature_does_not_hide_a_good_one_by_the_same_key(keys: tuple[Path, Path]) -> None:
    envelope = signed(PAYLOAD, keys[0])
    bad = signature(b"something else", keys[0])
    for signatures in ((bad, *envelope.signatures), (*envelope.signatures, bad)):
        assert signed_by(replace(envelope, signatures=signatures)) == {public(keys[0])}


def test_a_signature_that_hashes_with_sha256_is_good(keys: tuple[Path, Path]) -> None:
    envelope = Envelope(PAYLOAD)
    made = signature(envelope.pae, keys[0], hash_name="sha256")
    assert made.hash_algorithm == "sha256"
    assert signed_by(envelope.signed(made)) == {public(keys[0])}


# What is remembered


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    """The arguments of every ssh-keygen that is started."""
    started: list[Sequence[str]] = []

    def counted(arguments: Sequence[str], stdin: bytes, purpose: Purpose) -> Answer:
        started.append(arguments)
        return run(arguments, stdin, purpose)

    monkeypatch.setattr(verifying, "run", counted)
    return started


def test_what_was_asked_once_is_known(keys: tuple[Path, Path], runs: list[Sequence[str]]) -> None:
    verifier, data = Verifier(), write_envelope(signed(PAYLOAD, *keys))
    answers = {verifier.signed_by(data) for _ in range(3)}
    assert (answers, len(runs)) == ({frozenset(map(public, keys))}, 2)


def test_many_are_learned_at_once(keys: tuple[Path, Path], runs: list[Sequence[str]]) -> None:
    files = [write_envelope(signed(b"%d" % number, keys[number % 2])) for number in range(7)]
    verifier = Verifier()
    verifier.learn(files[:1])
    verifier.learn([*files, files[0], b"{}"])
    verifier.learn([])
    assert len(runs) == 7
    assert [verifier.signed_by(data) for data in files] == [frozenset({public(keys[n % 2])}) for n in range(7)]
    assert (len(runs), verifier.signed_by(b"{}")) == (7, frozenset())


def test_nothing_is_left_behind(
    keys: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runs: list[Sequence[str]]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert signed_by(signed(PAYLOAD, keys[0])) == {public(keys[0])}
    assert runs[0][-1].startswith(f"{tmp_path}/gitstage-")
    assert list(tmp_path.iterdir()) == []


# What cannot be told


def test_without_ssh_keygen_nothing_is_good_and_nothing_bad(
    keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_envelope(signed(PAYLOAD, keys[0]))
    verifier = Verifier()
    with monkeypatch.context() as away:
        away.setenv("PATH", "/nowhere")
        for ask in (
            verifier.signed_by,
            lambda data: verifier.learn([data]),
            lambda data: verifier.learn([data, data + b" "]),
        ):
            with pytest.raises(CannotVerify, match="ssh-keygen is not installed"):
                ask(data)
    assert verifier.signed_by(data) == {public(keys[0])}


@pytest.mark.parametrize(
    "script", ["exit 0", "exit 255", "echo 'unknown option -- Y' >&2; exit 1", "echo Good; exit 0"]
)
def test_an_ssh_keygen_that_is_too_old_or_broken_is_said(
    script: str, keys: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_envelope(signed(PAYLOAD, keys[0]))
    file = pretend(tmp_path / "a", script)
    monkeypatch.setenv("PATH", f"{file.parent}:{os.environ['PATH']}")
    with pytest.raises(CannotVerify) as caught:
        Verifier().signed_by(data)
    assert caught.value.message == f"{file} cannot verify signatures: it is older than OpenSSH 8.2, or broken"
    assert caught.value.hint == "install OpenSSH 8.2 or newer (Debian: apt-get install openssh-client)"


def test_an_ssh_keygen_that_says_good_of_another_key_is_not_believed(
    keys: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_envelope(signed(PAYLOAD, keys[0]))
    said = f'Good "gitstage" signature with ED25519 key {PROOF.keyid}'
    monkeypatch.setenv("PATH", f"{pretend(tmp_path / 'a', f'echo {said!r}').parent}:{os.environ['PATH']}")
    assert Verifier().signed_by(data) == frozenset()


def test_a_bad_signature_asks_once_whether_ssh_keygen_can_tell(
    keys: tuple[Path, Path], runs: list[Sequence[str]]
) -> None:
    verifier = Verifier()
    for number in range(3):
        bad = replace(signed(PAYLOAD, keys[0]), payload=b"%d" % number)
        assert verifier.signed_by(write_envelope(bad)) == frozenset()
    assert len(runs) == 4
    assert prove() == shutil.which("ssh-keygen")
    assert b64encode(PROOF.blob) in PROOF.armored.replace(b"\n", b"")
