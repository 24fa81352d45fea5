"""Keys, agents and signatures, made by the real ssh-keygen."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gitstage.envelopes import Envelope, Signature, from_armor, public_key


def make_key(folder: Path, name: str = "key", *, kind: str = "ed25519", passphrase: str = "") -> Path:
    """The path of a new private key, beside which lies the public one."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", f"{name} of a test", "-f", str(folder / name)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    return folder / name


def public(key: Path) -> str:
    """The public half of a key, `ssh-ed25519 AAAA…`."""
    return public_key(key.with_name(f"{key.name}.pub").read_text("ascii"))


def signature(message: bytes, key: Path, *, namespace: str = "gitstage", hash_name: str = "sha512") -> Signature:
    """A signature as somebody else makes it."""
    command = ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-O", f"hashalg={hash_name}", "-f", str(key)]
    made = from_armor(subprocess.run(command, input=message, check=True, capture_output=True).stdout)
    assert made.problem is None
    return made


def signed(payload: bytes, *keys: Path, namespace: str = "gitstage") -> Envelope:
    """An envelope that was signed by keys."""
    envelope = Envelope(payload)
    for key in keys:
        envelope = envelope.signed(signature(envelope.pae, key, namespace=namespace))
    return envelope


@contextmanager
def agent_with(*keys: Path) -> Iterator[str]:
    """An ssh-agent that holds keys: the path of its socket."""
    folder = keys[0].parent
    socket = folder / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        subprocess.run(
            ["ssh-add", "-q", *keys], env={"SSH_AUTH_SOCK": str(socket), "PATH": "/usr/bin:/bin"}, check=True
        )
        yield str(socket)
    finally:
        process.terminate()
        process.communicate()
