"""Signed statements: DSSE envelopes with SSH signatures, and Sigstore bundles, read here and verified elsewhere.

The envelope is https://github.com/secure-systems-lab/dsse (envelope.md, protocol.md, version 1.0.2). What is signed is
its pre-authentication encoding. A signature is the binary blob of OpenSSH's PROTOCOL.sshsig, in base64, and `keyid` the
fingerprint of its key as `ssh-keygen -l` prints it. Whether a signature is good, only ssh-keygen says.

A bundle (https://github.com/sigstore/protobuf-specs, sigstore_bundle.proto, v0.3) holds such an envelope, with what shows
who signed it and when. Whether it does, only the library of Sigstore says.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from contextlib import suppress
from hashlib import sha256
from typing import NamedTuple

from gitstage.canonical import DocumentError, Problem, shown
from gitstage.strictjson import fail, json_object
from gitstage.values import dataclass, replace

PAYLOAD_TYPE = "application/vnd.in-toto+json"
"""https://github.com/in-toto/attestation/blob/main/spec/v1/envelope.md"""
NAMESPACE = "gitstage"
"""What our signatures are made for: one that a key's owner made for git, files or mail is none of ours."""
MAX_SIGNATURES = 16
"""Each takes a process to verify, whoever put it there."""
MAX_BLOB = 32_768
"""Bytes of one signature: an RSA key of 16,384 bits and its signature take 4,200."""

BUNDLE_TYPES = (
    "application/vnd.dev.sigstore.bundle.v0.3+json",
    "application/vnd.dev.sigstore.bundle+json;version=0.3",
)
"""The `mediaType` of the bundles that are read; the two mean one form."""
AS_SIGSTORE = "sigstore:"
"""What a signer begins with who is known by an identity. No SSH key does, and each of those has a space in it."""

_BUNDLE = "application/vnd.dev.sigstore.bundle"
_MAGIC = b"SSHSIG"
_BEGIN, _END = b"-----BEGIN SSH SIGNATURE-----", b"-----END SSH SIGNATURE-----"
_HASHES = ("sha256", "sha512")
_KEY_TYPE = re.compile(r"[a-z0-9][a-z0-9@.-]{0,99}\Z")


@dataclass(frozen=True)
class Signature:
    """One signature of an envelope.

    `key` is the public key that stands in it, `ssh-ed25519 AAAA…` without a comment, `namespace` what it was made for
    and `hash_algorithm` what it hashed with. `blob` is the signature as ssh-keygen made it. Where it is no SSH
    signature `key` is None and `problem` says why; those of other tools lie beside ours and count for nothing.
    """

    blob: bytes
    key: str | None = None
    namespace: str | None = None
    hash_algorithm: str | None = None
    problem: str | None = None
    keyid: str | None = None

    @property
    def armored(self) -> bytes:
        """The signature as `ssh-keygen -Y` reads and writes it."""
        text = b64encode(self.blob).decode()
        lines = [text[at : at + 70].encode() for at in range(0, len(text), 70)]
        return b"\n".join([_BEGIN, *lines, _END, b""])


@dataclass(frozen=True)
class Envelope:
    """A payload, and who signed it. That `signatures` are good is not known yet.

    One that `is_bundle` was read from a Sigstore bundle, whose signature says nothing without what lay around it.
    """

    payload: bytes
    payload_type: str = PAYLOAD_TYPE
    signatures: tuple[Signature, ...] = ()
    is_bundle: bool = False

    @property
    def pae(self) -> bytes:
        """The bytes that were signed."""
        return pae(self.payload_type, self.payload)

    def signed(self, signature: Signature) -> Envelope:
        """The envelope with one more signature; one by the same key makes way for it."""
        others = (other for other in self.signatures if other.key is None or other.key != signature.key)
        return replace(self, signatures=(*others, signature))


def pae(payload_type: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding, version 1."""
    kind = payload_type.encode()
    return b" ".join([b"DSSEv1", b"%d" % len(kind), kind, b"%d" % len(payload), payload])


def fingerprint(key: str) -> str:
    """`SHA256:…` of a public key `TYPE BASE64`, as `ssh-keygen -l` prints it. Raises DocumentError where it is none."""
    _, wire = _wire_key(key)
    return _fingerprint(wire)


def public_key(text: str) -> str:
    """The key of a line `TYPE BASE64 [COMMENT]`, without its comment: what two lines of one key have in common.

    Raises DocumentError where it is none.
    """
    kind, wire = _wire_key(text)
    return _named(kind, wire)


def identity_key(issuer: str, identity: str) -> str:
    """`sigstore:ISSUER#IDENTITY`: what stands for somebody whom an issuer knows by an identity, where keys stand.

    Whatever is no printable ASCII, and what separates the two, is escaped, so that no two are written alike.
    """
    return f"{AS_SIGSTORE}{_escaped(issuer)}#{_escaped(identity)}"


def known_as(key: str) -> str:
    """What people know a signer by: the fingerprint of a public key, or `IDENTITY (ISSUER)`. Raises DocumentError."""
    if not key.startswith(AS_SIGSTORE):
        return fingerprint(key)
    issuer, _, identity = key.removeprefix(AS_SIGSTORE).partition("#")
    return f"{identity} ({issuer})"


def _escaped(text: str) -> str:
    return re.sub(
        r"[^!-~]|[%#]", lambda one: "".join(f"%{byte:02X}" for byte in one[0].encode("utf-8", "surrogatepass")), text
    )


def _wire_key(text: str) -> tuple[str, bytes]:
    words = text.split(None, 2)
    if len(words) < 2:
        fail("a public key is written as TYPE BASE64, such as ssh-ed25519 AAAA…")
    try:
        wire = b64decode(words[1], validate=True)
        kind = _type_of(wire)
    except (ValueError, _Truncated):
        fail("a public key is written as TYPE BASE64, such as ssh-ed25519 AAAA…")
    if kind != words[0]:
        fail("a public key says its type twice, and here it says two")
    return kind, wire


def _fingerprint(wire: bytes) -> str:
    return f"SHA256:{b64encode(sha256(wire).digest()).decode().rstrip('=')}"


def _named(kind: str, wire: bytes) -> str:
    return f"{kind} {b64encode(wire).decode()}"


# Reading


def read_envelope(data: bytes) -> Envelope | None:
    """The envelope that a file of `evidence/` is; None where it is another JSON object, such as a plain statement.

    Raises DocumentError where it is neither.
    """
    return envelope_in(json_object(data))


def envelope_in(document: Mapping[str, object]) -> Envelope | None:
    """The envelope that a JSON object is, or, where it is a Sigstore bundle, holds; None where it is something else.

    Raises DocumentError where it is half one.
    """
    if is_bundle(document):
        return replace(_envelope(_content(document), _of_sigstore), is_bundle=True)
    if "payload" not in document or "payloadType" not in document:
        return None
    if "_type" in document:
        fail("the file says of itself that it is a statement and an envelope: readers would not agree which")
    return _envelope(document, read_signature)


def is_bundle(document: Mapping[str, object]) -> bool:
    """Whether a JSON object says that it is a Sigstore bundle, of whatever version."""
    kind = document.get("mediaType")
    return isinstance(kind, str) and kind.startswith(_BUNDLE)


def holds_bundle(data: bytes) -> bool:
    """Whether a file is a Sigstore bundle that a reader could take for nothing else. Raises nothing."""
    if b'"mediaType"' not in data:
        return False
    try:
        return is_bundle(json_object(data))
    except DocumentError:
        return False


def _content(bundle: Mapping[str, object]) -> Mapping[str, object]:
    """The envelope in a bundle, as JSON. Nothing else may stand there: a second reader could take it for something."""
    if bundle["mediaType"] not in BUNDLE_TYPES:
        fail(f"mediaType must be {BUNDLE_TYPES[0]}: bundles of other versions are not read")
    if "messageSignature" in bundle:
        fail(
            "the bundle signs a file, and holds no statement about it (cosign attest-blob makes one, sign-blob does not)"
        )
    _nothing_but(bundle, "the bundle", ("mediaType", "verificationMaterial", "dsseEnvelope"))
    content = bundle.get("dsseEnvelope")
    if not isinstance(content, dict):
        fail("dsseEnvelope must be an object")
    _nothing_but(content, "dsseEnvelope", ("payload", "payloadType", "signatures"))
    return content


def _nothing_but(document: Mapping[str, object], where: str, known: tuple[str, ...]) -> None:
    for key in sorted(document.keys() - set(known)):
        fail(f"{where} has a key {shown(key)}, which is not known here")


def _envelope(document: Mapping[str, object], read: Callable[[bytes], Signature]) -> Envelope:
    """The envelope that an object is, each signature as `read` reads its blob."""
    kind = document.get("payloadType")
    if kind != PAYLOAD_TYPE:
        fail(f"payloadType must be {PAYLOAD_TYPE}, which holds a statement")
    payload = _base64(document.get("payload"), "payload")
    signatures = document.get("signatures")
    if not isinstance(signatures, list) or not signatures:
        fail("signatures must be a list of at least one")
    if len(signatures) > MAX_SIGNATURES:
        fail(f"the envelope has {len(signatures)} signatures; at most {MAX_SIGNATURES} are read")
    return Envelope(payload, PAYLOAD_TYPE, tuple(_signature(one, at, read) for at, one in enumerate(signatures)))


def _of_sigstore(blob: bytes) -> Signature:
    """A signature in a bundle: it is not made with SSH, and the bundle says with what else."""
    return Signature(blob, problem="is Sigstore's, and counts with its bundle")


def _base64(text: object, where: str) -> bytes:
    """Base64, standard or safe for URLs, but not a mixture of both."""
    if isinstance(text, str) and not (re.search("[-_]", text) and re.search("[+/]", text)):
        with suppress(ValueError):
            return b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    raise DocumentError([Problem(f"{where} must be base64")])


def _signature(document: object, at: int, read: Callable[[bytes], Signature]) -> Signature:
    if not isinstance(document, dict) or "sig" not in document:
        fail(f"signatures[{at}] must be an object with sig")
    keyid = document.get("keyid")
    if keyid is not None and not isinstance(keyid, str):
        fail(f"signatures[{at}].keyid must be text")
    signature = read(_base64(document["sig"], f"signatures[{at}].sig"))
    return replace(signature, keyid=keyid or signature.keyid)


class _Truncated(Exception):
    """A blob ends before it has said everything."""


class _Field(NamedTuple):
    value: bytes
    rest: bytes


def _string(data: bytes) -> _Field:
    """SSH's `string`: four bytes of length, then so many (RFC 4251, section 5)."""
    length = int.from_bytes(data[:4], "big")
    if len(data) < 4 + length or len(data) < 4:
        raise _Truncated
    return _Field(data[4 : 4 + length], data[4 + length :])


def _type_of(wire: bytes) -> str:
    """The type that a key says it has at its beginning. Raises ValueError and _Truncated."""
    kind = _string(wire).value.decode("ascii")
    if not _KEY_TYPE.match(kind):
        raise ValueError(kind)
    return kind


def read_signature(blob: bytes) -> Signature:
    """What an SSH signature says of itself; where it is none, `problem` says why. Raises nothing."""
    if len(blob) > MAX_BLOB:
        return Signature(blob, problem=f"has {len(blob)} bytes; at most {MAX_BLOB} are looked at")
    if not blob.startswith(_MAGIC):
        return Signature(blob, problem="is no SSH signature")
    version, rest = blob[6:10], blob[10:]
    try:
        key, rest = _string(rest)
        namespace, rest = _string(rest)
        _, rest = _string(rest)  # reserved: to be ignored
        hashed, rest = _string(rest)
        signature, rest = _string(rest)
        _type_of(signature)
        kind = _type_of(key)
        words = namespace.decode(), hashed.decode("ascii")
    except _Truncated:
        return Signature(blob, problem="is truncated")
    except ValueError:
        return Signature(blob, problem="is no SSH signature")
    if version != b"\0\0\0\1" or rest or words[1] not in _HASHES:
        return Signature(blob, problem="is an SSH signature of a form that is not known here")
    return Signature(blob, _named(kind, key), *words, keyid=_fingerprint(key))


def from_armor(text: bytes) -> Signature:
    """The signature that `ssh-keygen -Y sign` wrote; where it is none, `problem` says why. Raises nothing."""
    inner = text.strip()
    try:
        if not (inner.startswith(_BEGIN) and inner.endswith(_END)):
            raise ValueError
        blob = b64decode(b"".join(inner[len(_BEGIN) : -len(_END)].split()), validate=True)
    except ValueError:
        return Signature(text, problem="is no SSH signature")
    return read_signature(blob)


# Writing


def write_envelope(envelope: Envelope) -> bytes:
    """The envelope in the one form that we write: keys sorted, standard base64, signatures in the order of their keys."""
    signatures = sorted(envelope.signatures, key=lambda signature: (signature.keyid or "", signature.blob))
    document = {
        "payload": b64encode(envelope.payload).decode(),
        "payloadType": envelope.payload_type,
        "signatures": [_written(signature) for signature in signatures],
    }
    return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()


def _written(signature: Signature) -> dict[str, str]:
    sig = b64encode(signature.blob).decode()
    return {"sig": sig} if signature.keyid is None else {"keyid": signature.keyid, "sig": sig}
