"""A Sigstore of the tests' own: authorities, a certificate log and a log of signatures, and the bundles that they vouch for.

Everything is made here, and nothing of it is faked for the library: what it verifies is what Fulcio, a CT log, Rekor and
a signer would have written, under other keys. Each step can be told to go wrong.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from tests.signatures.timestamps import TimestampAuthority

MONDAY = datetime(2026, 11, 23, 9, tzinfo=UTC)
"""When a signature is made, unless it is said otherwise."""
WORKFLOW = "https://github.com/acme/fraud/.github/workflows/test.yml@refs/heads/main"
GITHUB = "https://token.actions.githubusercontent.com"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
IN_TOTO = "application/vnd.in-toto+json"
SCTS = ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
ISSUER = ObjectIdentifier("1.3.6.1.4.1.57264.1.8")

Key = ec.EllipticCurvePrivateKey


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def der_of(key: Key) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def key_id(key: Key) -> bytes:
    """RFC 6962, 3.2."""
    return hashlib.sha256(der_of(key)).digest()


def new_key() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


def signed(key: Key, message: bytes) -> bytes:
    return key.sign(message, ec.ECDSA(hashes.SHA256()))


def text_der(text: str) -> bytes:
    """A UTF8String (X.690, 8.1)."""
    data = text.encode()
    length = bytes([len(data)]) if len(data) < 128 else bytes([0x81, len(data)])
    return b"\x0c" + length + data


def changed(data: bytes, at: int = -1) -> bytes:
    """With one bit that is another."""
    at %= len(data)
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@dataclass
class Wish:
    """What a certificate and its log entries say, and where they go wrong.

    `names` and `extensions` stand in the certificate, which `begins` and `lasts`. `made` is when the log took the
    entry, and `stamped` are the moments at which a timestamp authority saw the signature: with some, the log is one of
    Rekor's second version, which promises nothing and knows no time. `signer`, `log`, `ct_log` and `stamps` are others
    than the authority's own, `logged` is what the log got instead of the payload, and `forgets` names what is left out.
    """

    identity: str = WORKFLOW
    issuer: str = GITHUB
    names: tuple[x509.GeneralName, ...] | None = None
    extensions: tuple[tuple[ObjectIdentifier, bytes], ...] | None = None
    made: datetime = MONDAY
    begins: datetime = MONDAY - timedelta(minutes=1)
    lasts: timedelta = timedelta(minutes=10)
    payload_type: str = IN_TOTO
    usage: ObjectIdentifier = ExtendedKeyUsageOID.CODE_SIGNING
    others: int = 3
    forgets: frozenset[str] = frozenset()
    ct_log: Key | None = None
    log: Key | None = None
    signer: Key | None = None
    logged: Callable[[bytes], bytes] = field(default=lambda payload: payload)
    stamped: tuple[datetime, ...] = ()
    stamps: TimestampAuthority | None = None


class Authority:
    """Authorities and logs, each with a key of its own."""

    def __init__(self) -> None:
        self.root_key, self.key, self.ct_log, self.log = new_key(), new_key(), new_key(), new_key()
        self.stamps = TimestampAuthority()
        self.root = _authority("root", self.root_key, None, self.root_key)
        self.intermediate = _authority("intermediate", self.key, self.root, self.root_key)

    def trusted_root(self, **other: object) -> bytes:
        """The trusted_root.json that trusts these."""
        document = {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [_instance("https://log.test", self.log)],
            "certificateAuthorities": [_chain("https://ca.test", self.intermediate, self.root)],
            "ctlogs": [_instance("https://ct.test", self.ct_log)],
            "timestampAuthorities": [_chain("https://timestamps.test", *self.stamps.chain)],
            **other,
        }
        return (json.dumps(document, indent=2) + "\n").encode()

    def bundle(self, payload: bytes, wish: Wish | None = None) -> bytes:
        """A bundle around a statement, as JSON."""
        return written(self.parts(payload, wish))

    def parts(self, payload: bytes, wish: Wish | None = None) -> dict[str, Any]:
        """A bundle around a statement, to be changed."""
        wish = wish or Wish()
        key = wish.signer or new_key()
        certificate = self.certificate(key, wish)
        kind = wish.payload_type.encode()
        pae = b" ".join([b"DSSEv1", b"%d" % len(kind), kind, b"%d" % len(payload), payload])
        signature = signed(key, pae)
        if wish.stamped:
            entry = self.entry(_hashed(wish.logged(pae), signature, certificate), wish)
        else:
            entry = self.entry(_dsse(wish.logged(payload), signature, certificate), wish)
        stamps = [(wish.stamps or self.stamps).stamp(signature, moment) for moment in wish.stamped]
        return {
            "mediaType": BUNDLE,
            "verificationMaterial": {
                "certificate": {"rawBytes": b64(certificate.public_bytes(Encoding.DER))},
                "tlogEntries": [entry],
                "timestampVerificationData": {"rfc3161Timestamps": [{"signedTimestamp": b64(one)} for one in stamps]},
            },
            "dsseEnvelope": {
                "payload": b64(payload),
                "payloadType": wish.payload_type,
                "signatures": [{"sig": b64(signature)}],
            },
        }

    def certificate(self, key: Key, wish: Wish) -> x509.Certificate:
        """What Fulcio gives for a token: short-lived, with an entry in the certificate log."""
        names = wish.names or (_name(wish.identity),)
        extensions = wish.extensions if wish.extensions is not None else ((ISSUER, text_der(wish.issuer)),)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(self.intermediate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(wish.begins)
            .not_valid_after(wish.begins + wish.lasts)
            .add_extension(_usage(ca=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([wish.usage]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()),
                critical=False,
            )
            .add_extension(x509.SubjectAlternativeName(names), critical=True)
        )
        for oid, value in extensions:
            builder = builder.add_extension(x509.UnrecognizedExtension(oid, value), critical=False)
        if "sct" in wish.forgets:
            return builder.sign(self.key, hashes.SHA256())
        before = builder.sign(self.key, hashes.SHA256()).tbs_certificate_bytes
        scts = _scts(wish.ct_log or self.ct_log, key_id(self.key), before, wish.begins)
        return builder.add_extension(x509.UnrecognizedExtension(SCTS, scts), critical=False).sign(
            self.key, hashes.SHA256()
        )

    def entry(self, body: bytes, wish: Wish) -> dict[str, Any]:
        """The entry of a signature in the log, which holds some others as well."""
        log, index = wish.log or self.log, wish.others // 2
        leaves = [hashlib.sha256(b"\0other %d" % other).digest() for other in range(wish.others)]
        leaves.insert(index, hashlib.sha256(b"\0" + body).digest())
        root, proof = _tree(leaves, index)
        note = f"log.test\n{len(leaves)}\n{b64(root)}\n"
        checkpoint = f"{note}\n— log.test {b64(key_id(log)[:4] + signed(log, note.encode()))}\n"
        integrated = int(wish.made.timestamp())
        promised = {"body": b64(body), "integratedTime": integrated, "logID": key_id(log).hex(), "logIndex": index}
        promise = json.dumps(promised, sort_keys=True, separators=(",", ":")).encode()
        entry = {
            "logIndex": str(index),
            "logId": {"keyId": b64(key_id(log))},
            "kindVersion": {"kind": "dsse", "version": "0.0.1"},
            "integratedTime": str(integrated),
            "inclusionPromise": {"signedEntryTimestamp": b64(signed(log, promise))},
            "inclusionProof": {
                "logIndex": str(index),
                "rootHash": b64(root),
                "treeSize": str(len(leaves)),
                "hashes": [b64(one) for one in proof],
                "checkpoint": {"envelope": checkpoint},
            },
            "canonicalizedBody": b64(body),
        }
        forgets = wish.forgets
        if wish.stamped:
            entry["kindVersion"] = {"kind": "hashedrekord", "version": "0.0.2"}
            forgets |= {"integratedTime", "inclusionPromise"}
        return {name: value for name, value in entry.items() if name not in forgets}


def written(document: Mapping[str, object]) -> bytes:
    return (json.dumps(document, indent=2) + "\n").encode()


def not_ecdsa() -> rsa.RSAPrivateKey:
    """A key of a kind that the library does not take in a bundle."""
    return rsa.generate_private_key(65537, 2048)


def _name(identity: str) -> x509.GeneralName:
    return x509.UniformResourceIdentifier(identity) if "://" in identity else x509.RFC822Name(identity)


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _authority(name: str, key: Key, issuer: x509.Certificate | None, by: Key) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2036, 1, 1, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(ca=True, path_length=1 if issuer is None else 0), critical=True)
        .add_extension(_usage(ca=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
        .sign(by, hashes.SHA256())
    )


def _instance(url: str, key: Key) -> dict[str, object]:
    return {
        "baseUrl": url,
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": b64(der_of(key)),
            "keyDetails": "PKIX_ECDSA_P256_SHA_256",
            "validFor": {"start": "2020-01-01T00:00:00Z"},
        },
        "logId": {"keyId": b64(key_id(key))},
    }


def _chain(uri: str, *certificates: x509.Certificate) -> dict[str, object]:
    """An authority of a trusted root."""
    chain = [{"rawBytes": b64(one.public_bytes(Encoding.DER))} for one in certificates]
    return {
        "subject": {"organization": "test", "commonName": "root"},
        "uri": uri,
        "certChain": {"certificates": chain},
        "validFor": {"start": "2020-01-01T00:00:00Z"},
    }


def _scts(log: Key, issuer: bytes, certificate: bytes, moment: datetime) -> bytes:
    """A list of one signed certificate timestamp (RFC 6962, 3.2 and 3.3), as the value of its extension."""
    stamp = int(moment.timestamp() * 1000)
    length = len(certificate).to_bytes(3, "big")
    entry = struct.pack("!BBQH", 0, 0, stamp, 1) + issuer + length + certificate + b"\0\0"
    signature = signed(log, entry)
    sct = b"\0" + key_id(log) + struct.pack("!QHBBH", stamp, 0, 4, 3, len(signature)) + signature
    listed = struct.pack("!HH", len(sct) + 2, len(sct)) + sct
    return b"\x04" + (bytes([len(listed)]) if len(listed) < 128 else bytes([0x81, len(listed)])) + listed


def _dsse(payload: bytes, signature: bytes, certificate: x509.Certificate) -> bytes:
    """Rekor's entry of the kind `dsse`, version 0.0.1."""
    digest = {"algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest()}
    spec = {
        "envelopeHash": digest,
        "payloadHash": digest,
        "signatures": [{"signature": b64(signature), "verifier": b64(certificate.public_bytes(Encoding.PEM))}],
    }
    return json.dumps({"apiVersion": "0.0.1", "kind": "dsse", "spec": spec}, sort_keys=True).encode()


def _hashed(pae: bytes, signature: bytes, certificate: x509.Certificate) -> bytes:
    """The entry of Rekor's second version for an envelope: the kind `hashedrekord`, version 0.0.2."""
    verifier = {
        "x509Certificate": {"rawBytes": b64(certificate.public_bytes(Encoding.DER))},
        "keyDetails": "PKIX_ECDSA_P256_SHA_256",
    }
    spec = {
        "data": {"algorithm": "SHA2_256", "digest": b64(hashlib.sha256(pae).digest())},
        "signature": {"content": b64(signature), "verifier": verifier},
    }
    document = {"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": {"hashedRekordV002": spec}}
    return json.dumps(document, sort_keys=True).encode()


def _tree(leaves: list[bytes], index: int) -> tuple[bytes, list[bytes]]:
    """The root of a Merkle tree (RFC 6962, 2.1) and the path of a leaf, from below."""
    if len(leaves) == 1:
        return leaves[0], []
    half = 1 << (len(leaves) - 1).bit_length() - 1
    left, right = leaves[:half], leaves[half:]
    if index < half:
        here, path = _tree(left, index)
        other, _ = _tree(right, 0)
        return _node(here, other), [*path, other]
    here, path = _tree(right, index - half)
    other, _ = _tree(left, 0)
    return _node(other, here), [*path, other]


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()
