"""A timestamp authority of the tests' own: it bears witness that it has seen a signature at a moment (RFC 3161)."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SHA256 = "2.16.840.1.101.3.4.2.1"
ECDSA_WITH_SHA256 = "1.2.840.10045.4.3.2"
SIGNED_DATA = "1.2.840.113549.1.7.2"
TST_INFO = "1.2.840.113549.1.9.16.1.4"
CONTENT_TYPE = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.47"
POLICY = "1.3.6.1.4.1.57264.2"


def der(tag: int, *parts: bytes) -> bytes:
    """A value in DER (X.690, 8.1)."""
    body = b"".join(parts)
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8 or 1, "big")
    return bytes([tag]) + (length if len(body) < 128 else bytes([0x80 | len(length)]) + length) + body


def sequence(*parts: bytes) -> bytes:
    return der(0x30, *parts)


def set_of(*parts: bytes) -> bytes:
    return der(0x31, *sorted(parts))


def octets(data: bytes) -> bytes:
    return der(0x04, data)


def integer(number: int) -> bytes:
    return der(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def oid(name: str) -> bytes:
    first, second, *others = (int(part) for part in name.split("."))
    data = b""
    for part in (40 * first + second, *others):
        digits = [part & 0x7F]
        while part := part >> 7:
            digits.insert(0, part & 0x7F | 0x80)
        data += bytes(digits)
    return der(0x06, data)


class TimestampAuthority:
    """A root, and a certificate for timestamps under it."""

    def __init__(self) -> None:
        self.root_key, self.key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        self.root = self._certificate("timestamp root", self.root_key, ca=True)
        self.leaf = self._certificate("timestamps", self.key, ca=False)

    def _certificate(self, name: str, key: ec.EllipticCurvePrivateKey, *, ca: bool) -> x509.Certificate:
        def called(text: str) -> x509.Name:
            return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

        builder = (
            x509.CertificateBuilder()
            .subject_name(called(name))
            .issuer_name(called("timestamp root"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
            .not_valid_after(datetime(2036, 1, 1, tzinfo=UTC))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.root_key.public_key()), critical=False
            )
        )
        if not ca:
            usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
            builder = builder.add_extension(usage, critical=True)
        return builder.sign(self.root_key, hashes.SHA256())

    @property
    def chain(self) -> tuple[x509.Certificate, x509.Certificate]:
        """The certificates, from the leaf to the root."""
        return self.leaf, self.root

    def stamp(self, message: bytes, moment: datetime) -> bytes:
        """The response to a request for a timestamp on a message."""
        sha256 = sequence(oid(SHA256))
        info = sequence(
            integer(1),
            oid(POLICY),
            sequence(sha256, octets(hashlib.sha256(message).digest())),
            integer(7),
            der(0x18, f"{moment.astimezone(UTC):%Y%m%d%H%M%SZ}".encode()),
        )
        leaf = self.leaf.public_bytes(Encoding.DER)
        attributes = (
            sequence(oid(CONTENT_TYPE), set_of(oid(TST_INFO))),
            sequence(oid(MESSAGE_DIGEST), set_of(octets(hashlib.sha256(info).digest()))),
            sequence(
                oid(SIGNING_CERTIFICATE),
                set_of(sequence(sequence(sequence(octets(hashlib.sha256(leaf).digest()))))),
            ),
        )
        signed = set_of(*attributes)
        signer = sequence(
            integer(1),
            sequence(self.leaf.issuer.public_bytes(), integer(self.leaf.serial_number)),
            sha256,
            b"\xa0" + signed[1:],
            sequence(oid(ECDSA_WITH_SHA256)),
            octets(self.key.sign(signed, ec.ECDSA(hashes.SHA256()))),
        )
        data = sequence(
            integer(3),
            set_of(sha256),
            sequence(oid(TST_INFO), der(0xA0, octets(info))),
            der(0xA0, leaf),
            set_of(signer),
        )
        return sequence(sequence(integer(0)), sequence(oid(SIGNED_DATA), der(0xA0, data)))
