"""Who signed a Sigstore bundle, by the library of Sigstore and without a network; it is an extra, imported here alone.

What the library is given is a bundle and a trusted root, both as bytes: it fetches nothing, and looks for nothing on the
machine. It holds the certificate against the authorities of the root at the moments that a timestamp authority or the
log bear witness to, its entry in the certificate log, the entry of the signature in the log with its inclusion proof and
checkpoint, and the signature itself (https://github.com/sigstore/architecture-docs, client-spec.md).
"""

from __future__ import annotations

import json
import logging
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from gitstage.canonical import DocumentError
from gitstage.envelopes import PAYLOAD_TYPE, envelope_in, identity_key, is_bundle
from gitstage.errors import CannotVerify
from gitstage.strictjson import json_object

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from sigstore.verify import Verifier

INSTALL = "pip install 'gitstage[sigstore]'"
ISSUER = "1.3.6.1.4.1.57264.1.8"
"""The extension of a certificate that names the issuer of the token (https://github.com/sigstore/fulcio, oid-info.md)."""


class Bundles:
    """Answers who signed which bundle, under which trusted root, and remembers it by the SHA-256 of both."""

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, bytes], tuple[str | None, str]] = {}

    def vouched_for(self, data: bytes, root: bytes) -> frozenset[str]:
        """Who signed the bundle `data`, as `sigstore:ISSUER#IDENTITY`: one, or none where it does not verify.

        None, too, for what is no bundle. Raises CannotVerify where it cannot be told: the extra is not installed, or
        the library cannot use the root.
        """
        signer, _ = self._answer(data, root)
        return frozenset(() if signer is None else (signer,))

    def why_not(self, data: bytes, root: bytes) -> str:
        """Why a bundle does not verify, in the words of the library, which are for people and change with it."""
        return self._answer(data, root)[1]

    def _answer(self, data: bytes, root: bytes) -> tuple[str | None, str]:
        key = sha256(data).digest(), sha256(root).digest()
        if key not in self._known:
            self._known[key] = _verified(data, root)
        return self._known[key]


def _verified(data: bytes, root: bytes) -> tuple[str | None, str]:
    """The one who signed, or why nobody did."""
    try:
        document = json_object(data)
        envelope = envelope_in(document)
    except DocumentError as error:
        return None, error.problems[0].message
    if envelope is None or not is_bundle(document):
        return None, "is no Sigstore bundle"
    verifier = _verifier(root)
    from sigstore.models import Bundle

    whoever = _Whoever()
    try:
        # As we read it, and not as it was written: the library, too, reads what is not there twice.
        verified = verifier.verify_dsse(Bundle.from_json(json.dumps(document)), whoever)
    except Exception as error:  # noqa: BLE001 - a bundle is hostile: whatever it makes the library raise, it is not good
        return None, _said(error)
    if verified != (PAYLOAD_TYPE, envelope.payload):
        return None, "what was signed is not what is read"
    return whoever.key, ""


def prove(root: bytes) -> None:
    """Raises CannotVerify where bundles cannot be verified here against a trusted root."""
    _verifier(root)


class _Whoever:
    """Takes anybody whose certificate names one identity and its issuer, and remembers them: who may, is asked elsewhere."""

    key: str | None = None

    def verify(self, cert: Certificate) -> None:
        """Raises whatever there is to raise where it names nobody, or two."""
        self.key = identity_key(_issuer(cert), _identity(cert))


def _identity(certificate: Certificate) -> str:
    from cryptography.x509 import RFC822Name, SubjectAlternativeName, UniformResourceIdentifier

    names = list(certificate.extensions.get_extension_for_class(SubjectAlternativeName).value)
    if len(names) != 1 or not isinstance(names[0], RFC822Name | UniformResourceIdentifier):
        raise ValueError("the certificate must have one name, which is a mail address or a URI")
    return names[0].value


def _issuer(certificate: Certificate) -> str:
    """DER of a UTF8String (X.690, 8.1): a tag, a length, and the text."""
    from cryptography.x509 import ObjectIdentifier

    extension: Any = certificate.extensions.get_extension_for_oid(ObjectIdentifier(ISSUER)).value
    der: bytes = extension.value
    length, start = (der[2], 3) if der[1:2] == b"\x81" else (der[1], 2)
    if der[:1] != b"\x0c" or len(der) != start + length or (start == 2) != (length < 128):
        raise ValueError("the certificate's issuer is no text")
    return der[start:].decode()


@lru_cache(maxsize=8)
def _verifier(root: bytes) -> Verifier:
    """The library, trusting a root. Raises CannotVerify where one of the two is of no use."""
    try:
        from sigstore.models import ClientTrustConfig
        from sigstore.verify import Verifier
    except ImportError as error:
        raise CannotVerify("a Sigstore bundle needs an extra that is not installed", hint=INSTALL) from error
    # It would write its warnings to stderr, with text out of bundles.
    logging.getLogger("sigstore").addHandler(logging.NullHandler())
    config = {
        "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
        "trustedRoot": json.loads(root),
        "signingConfig": {"mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json"},
    }
    try:
        return Verifier(trusted_root=ClientTrustConfig.from_json(json.dumps(config)).trusted_root)
    except Exception as error:
        raise CannotVerify(f"the trusted root cannot be used: {_said(error)}") from error


def _said(error: Exception) -> str:
    """What an error says, on one line, fit for a terminal, and not too long."""
    text = " ".join(str(error).split())[:300]
    return "".join(char if char.isprintable() else "?" for char in text) or type(error).__name__
