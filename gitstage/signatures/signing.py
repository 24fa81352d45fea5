"""A signature by a key in a file or in ssh-agent."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from gitstage.canonical import DocumentError
from gitstage.envelopes import NAMESPACE, Envelope, Signature, fingerprint, from_armor, public_key
from gitstage.errors import CannotVerify, GitstageError
from gitstage.signatures.keygen import Purpose, run
from gitstage.signatures.verifying import verified

MAX_KEY = 65_536
"""Bytes of a key's file."""
MAKE_ONE = "make one with: ssh-keygen -t ed25519"


class CannotSign(GitstageError):
    """A key is not there, is none, or its owner did not let it sign."""


class _Key(NamedTuple):
    """What ssh-keygen is told to sign with: a file, or what the agent holds."""

    path: str
    by_agent: bool
    aloud: bool = False


def sign_envelope(payload: bytes, keys: Sequence[str]) -> Envelope:
    """An envelope around `payload` with a signature by each of the `keys`, as `sign` takes them."""
    envelope = Envelope(payload)
    for key in keys:
        envelope = envelope.signed(sign(envelope.pae, key))
    return envelope


def sign(message: bytes, key: str, namespace: str = NAMESPACE) -> Signature:
    """A signature over `message`, in a namespace (ours unless given).

    `key` is the path of a private key, or a public key whose private half an ssh-agent holds: the path of its `.pub`
    file, or `ssh-ed25519 AAAA…` itself. Raises CannotSign, and CannotVerify where nothing can be verified here.
    """
    with tempfile.TemporaryDirectory(prefix="gitstage-") as folder:
        meant = _meant(key, folder)
        options = ["-U"] if meant.by_agent else []
        arguments = ["-q", "-Y", "sign", "-n", namespace, "-f", meant.path, *options]
        try:
            answer = run(arguments, message, Purpose.SIGNING, aloud=meant.aloud)
        except CannotVerify as error:
            raise CannotSign(error.message, hint=error.hint) from error
    signature = from_armor(answer.out)
    if answer.status != 0 or signature.key is None:
        said = f": {answer.err}" if answer.err else ""
        hint = "ssh-add -l lists what the agent holds; ssh-add KEY adds one" if meant.by_agent else None
        raise CannotSign(f"ssh-keygen did not sign with {key}{said}", hint=hint)
    if not verified(message, signature, namespace):
        raise CannotSign(f"ssh-keygen signed with {key}, and does not take {fingerprint(signature.key)} for good")
    return signature


def _meant(key: str, folder: str) -> _Key:
    """What a text names; a public key itself is put into `folder`, since ssh-keygen reads keys from files."""
    literal = _public(key) if " " in key else None
    if literal is not None:
        file = Path(folder, "key.pub")
        file.write_text(f"{literal}\n", encoding="ascii")
        return _Key(str(file), by_agent=True, aloud=literal.startswith("sk-"))
    path = Path(key).expanduser().absolute()
    text = _text_of(path, key)
    public = _public(text)
    if public is not None:
        private = path.with_suffix("")
        beside = path.suffix == ".pub" and private.is_file()
        return _Key(str(private if beside else path), by_agent=not beside, aloud=public.startswith("sk-"))
    if "PRIVATE KEY-----" not in text:
        raise CannotSign(f"{key} is no key that ssh-keygen signs with", hint=MAKE_ONE)
    return _Key(str(path), by_agent=False, aloud=_is_security_key(path))


def _text_of(path: Path, key: str) -> str:
    try:
        if not path.is_file():
            raise CannotSign(f"{key} is no file with a key", hint=MAKE_ONE)
        with path.open("rb") as file:
            return file.read(MAX_KEY).decode("ascii", "replace")
    except OSError as error:
        raise CannotSign(f"{key} cannot be read: {error.strerror}", hint=MAKE_ONE) from error


def _public(text: str) -> str | None:
    try:
        return public_key(text)
    except DocumentError:
        return None


def _is_security_key(path: Path) -> bool:
    """Whether a private key is a handle to a security key, as the public one beside it says."""
    public = path.with_name(f"{path.name}.pub")
    return public.is_file() and str(_public(_text_of(public, str(public)))).startswith("sk-")
