"""Which signatures of an envelope are good, and by which keys; whose keys those are is asked elsewhere."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path

from gitstage.canonical import DocumentError
from gitstage.envelopes import NAMESPACE, Envelope, Signature, fingerprint, from_armor, read_envelope
from gitstage.errors import CannotVerify
from gitstage.signatures.keygen import FLOOR, INSTALL, Purpose, program, run

AT_ONCE = 4
"""Processes of ssh-keygen at a time; each takes some 5 ms of one core."""

PROOF = from_armor(
    b"""-----BEGIN SSH SIGNATURE-----
U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgORonQ2Pf02s+1sAGHnq01khWt4
iYuoxWEwPM/Ctlr+4AAAAIZ2l0c3RhZ2UAAAAAAAAABnNoYTUxMgAAAFMAAAALc3NoLWVk
MjU1MTkAAABAUnF3Sq4m4XOMRLawn3S9FCqN2MIDqZOcgXFRveJYhP4yJ7WSQHze8kKPm+
V8xycwqtjzTI3DhFhi5xd9C9jyDA==
-----END SSH SIGNATURE-----
"""
)
PROOF_SIGNS = b"DSSEv1 4 test 2 hi"
"""A good signature, made once: an ssh-keygen that does not say so cannot tell."""


class Verifier:
    """Answers who signed what, and remembers it by the SHA-256 of what was asked about."""

    def __init__(self) -> None:
        self._known: dict[bytes, frozenset[str]] = {}
        self._proven = False

    def signed_by(self, data: bytes) -> frozenset[str]:
        """The public keys (`ssh-ed25519 AAAA…`) with a good signature for us in the envelope `data`.

        None for a plain statement and for what is no statement at all. Raises CannotVerify where it cannot be told.
        """
        digest = sha256(data).digest()
        if digest not in self._known:
            self._known[digest] = self._looked_at(data)
        return self._known[digest]

    def learn(self, files: Iterable[bytes]) -> None:
        """Finds out about many at once, so that `signed_by` has the answers. Raises CannotVerify as it does."""
        new = {digest: data for data in files if (digest := sha256(data).digest()) not in self._known}
        if len(new) < 2:
            self._known.update((digest, self._looked_at(data)) for digest, data in new.items())
            return
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(AT_ONCE) as pool:
            self._known.update(zip(new, pool.map(self._looked_at, new.values()), strict=True))

    def signer_of(self, message: bytes, armored: bytes, namespace: str) -> str | None:
        """The public key of a good signature, as ssh-keygen wrote it, over a message; None where it is none.

        `namespace` is what it has to be made for: `git` of what git signs. Raises CannotVerify.
        """
        signature = from_armor(armored)
        if signature.key is None or signature.namespace != namespace:
            return None
        digest = sha256(b"%d %b %b" % (len(armored), armored, message)).digest()
        if digest not in self._known:
            good = verified(message, signature, namespace)
            if not good and not self._proven:
                prove()
                self._proven = True
            self._known[digest] = frozenset({signature.key} if good else ())
        return next(iter(self._known[digest]), None)

    def signers_of(self, signed: Sequence[tuple[bytes, bytes]], namespace: str) -> list[str | None]:
        """The same of many messages and their signatures, some at a time."""
        if len(signed) < 2:
            return [self.signer_of(message, armored, namespace) for message, armored in signed]
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(lambda pair: self.signer_of(pair[0], pair[1], namespace), signed))

    def is_good(self, envelope: Envelope, signature: Signature) -> bool:
        """Whether a signature of an envelope is good, and made for us. Raises CannotVerify."""
        if signature.key is None or signature.namespace != NAMESPACE:
            return False
        if verified(envelope.pae, signature):
            return True
        if not self._proven:
            prove()
            self._proven = True
        return False

    def _looked_at(self, data: bytes) -> frozenset[str]:
        try:
            envelope = read_envelope(data)
        except DocumentError:
            return frozenset()
        good: set[str] = set()
        for signature in () if envelope is None else envelope.signatures:
            if envelope is not None and signature.key not in good and self.is_good(envelope, signature):
                good.add(str(signature.key))
        return frozenset(good)


def prove() -> str:
    """The path of the ssh-keygen here, which can verify. Raises CannotVerify where there is none, or it cannot."""
    found = program(os.environ)
    if not verified(PROOF_SIGNS, PROOF):
        raise CannotVerify(
            f"{found} cannot verify signatures: it is older than OpenSSH {FLOOR}, or broken", hint=INSTALL
        )
    return found


def verified(message: bytes, signature: Signature, namespace: str = NAMESPACE) -> bool:
    """Whether ssh-keygen says that the key in a signature made it over `message`, in a namespace (ours unless given)."""
    with tempfile.TemporaryDirectory(prefix="gitstage-") as folder:
        file = Path(folder, "signature")
        file.write_bytes(signature.armored)
        answer = run(["-Y", "check-novalidate", "-n", namespace, "-s", str(file)], message, Purpose.VERIFYING)
    # That it means the key which we read is asked as well: two readers of one blob could disagree.
    said = answer.out.decode("utf-8", "replace").split()
    return answer.status == 0 and fingerprint(str(signature.key)) in said
