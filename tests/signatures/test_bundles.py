from __future__ import annotations

import base64
import hashlib
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache
from importlib import resources
from typing import Any, NoReturn

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st

from gitstage.envelopes import identity_key, read_envelope
from gitstage.errors import CannotVerify
from gitstage.signatures.bundles import INSTALL, Bundles, prove
from tests.signatures.authority import (
    GITHUB,
    ISSUER,
    MONDAY,
    WORKFLOW,
    Authority,
    Wish,
    b64,
    changed,
    new_key,
    text_der,
    written,
)
from tests.signatures.timestamps import TimestampAuthority

STATEMENT = b'{"_type": "https://in-toto.io/Statement/v1", "predicateType": "https://example.com/p"}'
WHO = identity_key(GITHUB, WORKFLOW)

Change = Callable[[dict[str, Any]], object]


@cache
def ours() -> Authority:
    return Authority()


@cache
def root() -> bytes:
    return ours().trusted_root()


def asked(data: bytes, trusted: bytes | None = None) -> tuple[frozenset[str], str]:
    """Who signed, and why nobody did."""
    bundles = Bundles()
    found = root() if trusted is None else trusted
    return bundles.vouched_for(data, found), bundles.why_not(data, found)


def made(**wish: Any) -> bytes:
    return ours().bundle(STATEMENT, Wish(**wish))


def altered(change: Change, **wish: Any) -> bytes:
    parts = ours().parts(STATEMENT, Wish(**wish))
    change(parts)
    return written(parts)


# What is good


@pytest.mark.parametrize(
    ("identity", "issuer"),
    [
        (WORKFLOW, GITHUB),
        ("eve@acme.dev", "https://accounts.google.com"),
        ("https://gitlab.com/acme/fraud//.gitlab-ci.yml@refs/heads/main", "https://gitlab.com"),
        (f"https://example.com/{'long/' * 30}", f"https://{'long.' * 20}example.com/{'a' * 40}"),
    ],
)
def test_whoever_signed_is_an_identity_and_who_vouches_for_it(identity: str, issuer: str) -> None:
    assert asked(made(identity=identity, issuer=issuer)) == (frozenset({identity_key(issuer, identity)}), "")


@pytest.mark.parametrize("others", [0, 1, 2, 7, 12, 100])
def test_a_log_may_hold_any_number_of_entries(others: int) -> None:
    assert asked(made(others=others)) == (frozenset({WHO}), "")


def test_the_other_name_of_the_same_form_is_read() -> None:
    same = altered(lambda parts: parts.update(mediaType="application/vnd.dev.sigstore.bundle+json;version=0.3"))
    assert asked(same) == (frozenset({WHO}), "")


def test_what_is_verified_is_what_is_read() -> None:
    for payload in (STATEMENT, b"{}", b"\xff\xfe", b"", b" " * 10_000):
        data = ours().bundle(payload)
        found = read_envelope(data)
        assert found is not None
        assert (found.payload, found.is_bundle) == (payload, True)
        assert asked(data) == (frozenset({WHO}), "")


def test_base64_that_is_safe_for_urls_is_the_same_payload() -> None:
    payload = b'{"a": "\xfb\xff\xbf\xfe>>>???"}'
    parts = ours().parts(payload)
    parts["dsseEnvelope"]["payload"] = base64.urlsafe_b64encode(payload).decode()
    found = read_envelope(written(parts))
    assert found is not None
    assert found.payload == payload
    # The library decodes it to something else, and never sees a signature of that.
    assert asked(written(parts))[0] == frozenset()


def test_what_the_library_reads_and_we_read_otherwise_is_not_good() -> None:
    """It drops what is no base64 in its eyes: what was signed would be verified, and something else believed."""
    parts = ours().parts(STATEMENT)
    honest = parts["dsseEnvelope"]["payload"]
    parts["dsseEnvelope"]["payload"] = f"{honest[:40]}----{honest[40:]}"
    assert "+" not in honest
    assert "/" not in honest
    found = read_envelope(written(parts))
    assert found is not None
    assert found.payload != STATEMENT
    assert asked(written(parts)) == (frozenset(), "what was signed is not what is read")


# What was changed afterwards


def bit_of(*path: str | int, at: int = -1) -> Change:
    """Changes a bit of what stands there in base64."""

    def change(parts: Any) -> None:
        *way, last = path
        for step in way:
            parts = parts[step]
        parts[last] = b64(changed(base64.b64decode(parts[last]), at))

    return change


def said(value: object, *path: str | int) -> Change:
    def change(parts: Any) -> None:
        *way, last = path
        for step in way:
            parts = parts[step]
        parts[last] = value

    return change


ENTRY = ("verificationMaterial", "tlogEntries", 0)
PROOF = (*ENTRY, "inclusionProof")
CERTIFICATE = ("verificationMaterial", "certificate", "rawBytes")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (bit_of("dsseEnvelope", "payload", at=0), "DSSE: invalid signature"),
        (bit_of("dsseEnvelope", "payload"), "DSSE: invalid signature"),
        (bit_of("dsseEnvelope", "signatures", 0, "sig"), "DSSE: invalid signature"),
        (bit_of(*CERTIFICATE), "certificate"),
        (bit_of(*PROOF, "hashes", 0), "inclusion proof contains invalid root hash"),
        (bit_of(*PROOF, "hashes", 1, at=0), "inclusion proof contains invalid root hash"),
        (bit_of(*PROOF, "rootHash"), "inclusion proof contains invalid root hash"),
        (said("0", *PROOF, "logIndex"), "inclusion proof contains invalid root hash"),
        (said("9", *PROOF, "treeSize"), "inclusion proof has wrong size"),
        (said([], *PROOF, "hashes"), "inclusion proof has wrong size"),
        (bit_of(*ENTRY, "canonicalizedBody"), "inclusion proof contains invalid root hash"),
        (bit_of(*ENTRY, "inclusionPromise", "signedEntryTimestamp"), "invalid inclusion promise"),
        (said("1795000000", *ENTRY, "integratedTime"), "certificate"),
        (said(str(int(MONDAY.timestamp()) + 1), *ENTRY, "integratedTime"), "invalid inclusion promise"),
        (said("7", *ENTRY, "logIndex"), "invalid inclusion promise"),
        (bit_of(*ENTRY, "logId", "keyId", at=0), "Signature not found for log ID"),
        (bit_of(*ENTRY, "logId", "keyId"), "invalid inclusion promise"),
        (said("", *PROOF, "checkpoint", "envelope"), "note must contain one blank line"),
    ],
)
def test_not_a_bit_of_a_bundle_may_change(change: Change, why: str) -> None:
    signers, reason = asked(altered(change))
    assert signers == frozenset()
    assert why in reason


def test_no_byte_of_the_certificate_may_change() -> None:
    parts = ours().parts(STATEMENT)
    certificate = base64.b64decode(parts["verificationMaterial"]["certificate"]["rawBytes"])
    for at in range(0, len(certificate), 23):
        assert asked(altered(bit_of(*CERTIFICATE, at=at)))[0] == frozenset(), at


def test_a_checkpoint_has_to_be_signed() -> None:
    def change(parts: dict[str, Any]) -> None:
        checkpoint = parts["verificationMaterial"]["tlogEntries"][0]["inclusionProof"]["checkpoint"]
        note, _, signature = checkpoint["envelope"].rpartition(" ")
        checkpoint["envelope"] = f"{note} {b64(changed(base64.b64decode(signature)))}\n"

    assert asked(altered(change)) == (
        frozenset(),
        "invalid log entry: checkpoint: invalid signature: keyring: invalid signature",
    )


def test_the_signature_and_the_proof_of_another_statement_are_not_this_ones() -> None:
    one, other = ours().parts(STATEMENT), ours().parts(b"{}")
    mixed = {**one, "dsseEnvelope": other["dsseEnvelope"]}
    assert asked(written(mixed)) == (frozenset(), "DSSE: invalid signature")
    mixed = {**one, "verificationMaterial": other["verificationMaterial"]}
    assert asked(written(mixed)) == (frozenset(), "DSSE: invalid signature")
    entry = other["verificationMaterial"]["tlogEntries"]
    mixed = {**one, "verificationMaterial": {**one["verificationMaterial"], "tlogEntries": entry}}
    assert asked(written(mixed)) == (frozenset(), "log entry payload hash does not match bundle")


@cache
def good() -> bytes:
    return made()


PIECES = st.sampled_from(
    [b"", b"-", b"_", b"=", b"A", b"\n", b" ", b'"', b"{", b"0", b"\xff", b"\\u0041", b'"keyid": "",']
)


@settings(max_examples=300)
@given(at=st.integers(0, 5500), cut=st.integers(0, 4), piece=PIECES)
def test_whatever_is_done_to_a_bundle_what_is_vouched_for_is_what_was_signed(at: int, cut: int, piece: bytes) -> None:
    data = good()[:at] + piece + good()[at + cut :]
    signers, _ = asked(data)
    assert signers in (frozenset(), {WHO})
    if signers:
        found = read_envelope(data)
        assert found is not None
        assert found.payload == STATEMENT


# What was wrong from the beginning


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        ({"begins": MONDAY + timedelta(seconds=1)}, "certificate"),
        ({"begins": MONDAY - timedelta(minutes=11)}, "certificate"),
        ({"usage": ExtendedKeyUsageOID.SERVER_AUTH}, "Extended usage does not contain `code signing`"),
        ({"forgets": frozenset({"sct"})}, "does not contain a signed certificate timestamp"),
        ({"ct_log": new_key()}, "SCT verify failed: keyring: invalid signature"),
        ({"log": new_key()}, "invalid log entry: checkpoint"),
        ({"forgets": frozenset({"inclusionPromise"})}, "must contain an inclusion promise or signed timestamp"),
        ({"forgets": frozenset({"integratedTime"})}, "not enough sources of verified time"),
        ({"forgets": frozenset({"inclusionProof"})}, "inclusionProof"),
        ({"logged": lambda payload: payload + b" "}, "log entry payload hash does not match bundle"),
        ({"payload_type": "text/plain"}, "payloadType must be application/vnd.in-toto+json"),
        ({"extensions": ()}, "No <ObjectIdentifier(oid=1.3.6.1.4.1.57264.1.8"),
        ({"extensions": ((ISSUER, GITHUB.encode()),)}, "the certificate's issuer is no text"),
        ({"extensions": ((ISSUER, b""),)}, "index out of range"),
        ({"extensions": ((ISSUER, text_der(GITHUB) + b"x"),)}, "the certificate's issuer is no text"),
        ({"extensions": ((ISSUER, b"\x0c\x81\x03abc"),)}, "the certificate's issuer is no text"),
        ({"extensions": ((ISSUER, b"\x0c\x02\xff\xfe"),)}, "can't decode byte"),
        ({"names": (x509.DNSName("acme.dev"),)}, "must have one name, which is a mail address or a URI"),
        (
            {"names": (x509.RFC822Name("eve@acme.dev"), x509.UniformResourceIdentifier(WORKFLOW))},
            "must have one name, which is a mail address or a URI",
        ),
    ],
)
def test_what_is_not_as_sigstore_makes_it_is_not_good(wish: Mapping[str, Any], why: str) -> None:
    signers, reason = asked(made(**wish))
    assert signers == frozenset()
    assert why in reason


def test_a_certificate_is_good_at_its_ends_and_not_beside_them() -> None:
    for begins, good in (
        (MONDAY, True),
        (MONDAY + timedelta(seconds=1), False),
        (MONDAY - timedelta(minutes=10), True),
        (MONDAY - timedelta(minutes=10, seconds=1), False),
    ):
        assert (asked(made(begins=begins))[0] == {WHO}) is good, begins


def test_a_root_that_is_not_ours_vouches_for_nobody() -> None:
    other = Authority()
    assert asked(made(), other.trusted_root())[0] == frozenset()
    assert asked(other.bundle(STATEMENT))[0] == frozenset()
    assert asked(other.bundle(STATEMENT), other.trusted_root())[0] == {WHO}


@pytest.mark.parametrize("part", ["ctlogs", "tlogs", "certificateAuthorities"])
def test_every_part_of_the_root_has_to_be_ours(part: str) -> None:
    mixed = {**json.loads(root()), part: json.loads(Authority().trusted_root())[part]}
    assert asked(made(), written(mixed))[0] == frozenset()


def test_the_identity_is_the_certificates_to_the_letter() -> None:
    signers, _ = asked(made(identity=WORKFLOW.upper()))
    assert signers == {identity_key(GITHUB, WORKFLOW.upper())} != {WHO}


# The second version of the log, which knows no time: a timestamp authority does


LATE = timedelta(minutes=9, seconds=1)


def test_a_timestamp_says_when_where_the_log_does_not() -> None:
    for stamped in ((MONDAY,), (MONDAY, MONDAY + timedelta(minutes=1))):
        assert asked(made(stamped=stamped)) == (frozenset({WHO}), "")


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        ({"stamped": (MONDAY + LATE,)}, "certificate"),
        ({"stamped": (MONDAY - timedelta(minutes=2),)}, "certificate"),
        ({"stamped": (MONDAY, MONDAY + LATE)}, "certificate"),
        ({"stamped": (MONDAY,), "stamps": TimestampAuthority()}, "not enough sources of verified time"),
        ({"stamped": (MONDAY,), "logged": lambda pae: pae + b" "}, "log entry is inconsistent with other materials"),
        ({"stamped": (MONDAY,), "log": new_key()}, "invalid log entry: checkpoint"),
        ({"stamped": (MONDAY,), "ct_log": new_key()}, "SCT verify failed"),
        ({"stamped": (MONDAY,) * 33}, "too many signed timestamp: 33 > 32"),
    ],
)
def test_a_timestamp_that_is_not_right_shows_nothing(wish: Mapping[str, Any], why: str) -> None:
    signers, reason = asked(made(**wish))
    assert signers == frozenset()
    assert why in reason


STAMP = ("verificationMaterial", "timestampVerificationData", "rfc3161Timestamps", 0, "signedTimestamp")


def test_what_a_timestamp_bears_witness_to_may_not_change() -> None:
    """Its certificate may: it is the root's that counts."""
    parts = ours().parts(STATEMENT, Wish(stamped=(MONDAY,)))
    stamps = parts["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"]
    stamp = base64.b64decode(stamps[0]["signedTimestamp"])
    signature = base64.b64decode(parts["dsseEnvelope"]["signatures"][0]["sig"])
    for witnessed in (hashlib.sha256(signature).digest(), b"20261123090000Z", stamp[-8:]):
        at = stamp.index(witnessed) + len(witnessed) - 2
        stamps[0]["signedTimestamp"] = b64(changed(stamp, at))
        assert asked(written(parts))[0] == frozenset(), witnessed
    stamps[0]["signedTimestamp"] = b64(stamp)
    assert asked(written(parts))[0] == {WHO}


def test_the_timestamp_of_another_signature_is_not_this_ones() -> None:
    other = ours().stamps.stamp(b"another signature", MONDAY)
    assert asked(altered(said(b64(other), *STAMP), stamped=(MONDAY,))) == (
        frozenset(),
        "not enough sources of verified time",
    )


def test_a_root_without_timestamp_authorities_trusts_none() -> None:
    bare = ours().trusted_root(timestampAuthorities=[])
    assert asked(made(stamped=(MONDAY,)), bare)[1].startswith("no Timestamp Authorities have been provided")
    assert asked(made(), bare)[0] == {WHO}


def test_a_timestamp_alone_without_a_log_is_not_enough() -> None:
    """As GitHub signs for private repositories: the library asks for an entry in a log."""
    found = altered(said([], "verificationMaterial", "tlogEntries"), stamped=(MONDAY,))
    assert asked(found) == (frozenset(), "expected exactly one log entry in bundle")


# The roots of the public instance and of its rehearsal, as the library brings them


@pytest.mark.parametrize("instance", ["sigstore", "sigstage"])
def test_a_real_root_can_be_used_and_vouches_for_nobody_of_ours(instance: str) -> None:
    folder = f"https%3A%2F%2Ftuf-repo-cdn.{instance}.dev"
    real = resources.files("sigstore").joinpath("_store", folder, "trusted_root.json").read_bytes()
    prove(real)
    signers, reason = asked(made(), real)
    assert signers == frozenset()
    assert "certificate" in reason


# Hostile files


def test_a_signature_of_a_file_is_no_statement() -> None:
    def change(parts: dict[str, Any]) -> None:
        del parts["dsseEnvelope"]
        parts["messageSignature"] = {"messageDigest": {"algorithm": "SHA2_256", "digest": "AA=="}, "signature": "AA=="}

    assert asked(altered(change))[1].startswith("the bundle signs a file, and holds no statement about it")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (said("application/vnd.dev.sigstore.bundle+json;version=0.1", "mediaType"), "mediaType must be"),
        (said("application/vnd.dev.sigstore.bundle.v0.4+json", "mediaType"), "mediaType must be"),
        (said({}, "dsse_envelope"), "the bundle has a key 'dsse_envelope'"),
        (said("", "dsseEnvelope", "payload_type"), "dsseEnvelope has a key 'payload_type'"),
        (said([], "dsseEnvelope"), "dsseEnvelope must be an object"),
        (said([], "dsseEnvelope", "signatures"), "signatures must be a list of at least one"),
        (said([{"sig": "AAAA"}] * 17, "dsseEnvelope", "signatures"), "has 17 signatures; at most 16"),
        (said([{"sig": "AAAA"}] * 2, "dsseEnvelope", "signatures"), "exactly one signature"),
        (said([{"sig": ""}], "dsseEnvelope", "signatures"), "signature must be non-empty"),
        (said({}, "verificationMaterial"), "failed to load bundle"),
        (said("AAAA", *CERTIFICATE), "asn1"),
        (said([], "verificationMaterial", "tlogEntries"), "expected exactly one log entry"),
        (said("9" * 5000, *ENTRY, "logIndex"), "failed to load bundle"),
        (said({"hint": "k"}, "verificationMaterial", "publicKey"), "failed to load bundle"),
        (said({"kind": "dsse", "version": "0.0.9"}, *ENTRY, "kindVersion"), "Expected log entry version"),
        (said({"kind": "intoto", "version": "0.0.2"}, *ENTRY, "kindVersion"), "Integrated time only supported"),
    ],
)
def test_a_bundle_of_another_form_is_nobodys(change: Change, why: str) -> None:
    signers, reason = asked(altered(change))
    assert signers == frozenset()
    assert why in reason


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "this is not JSON"),
        (b"[]", "is no JSON object"),
        (b"{}", "is no Sigstore bundle"),
        (
            b'{"payload": "e30=", "payloadType": "application/vnd.in-toto+json", "signatures": [{"sig": ""}]}',
            "is no Sigsto",
        ),
        (b'{"mediaType": "a", "mediaType": "b"}', "duplicate key"),
        (b'{"mediaType": ' * 50_000, "nested too deep"),
        (b'{"mediaType": "' + b"x" * 1_000_000 + b'"}', "at most 1000000 are read"),
    ],
)
def test_what_is_no_bundle_is_signed_by_nobody(data: bytes, why: str) -> None:
    signers, reason = asked(data)
    assert signers == frozenset()
    assert why in reason


def test_a_key_that_stands_there_twice_is_refused_wherever_it_stands() -> None:
    data = made()
    for key in (b'"payload":', b'"rawBytes":', b'"sig":', b'"hashes":'):
        twice = data.replace(key, key + b' "AAAA", ' + key, 1)
        assert asked(twice) == (frozenset(), f"duplicate key '{key[1:-2].decode()}'")


def test_a_certificate_for_another_kind_of_key_breaks_nothing() -> None:
    """The library takes every key for one on an elliptic curve."""
    certificate = x509.load_der_x509_certificate(
        base64.b64decode(ours().parts(STATEMENT)["verificationMaterial"]["certificate"]["rawBytes"])
    )
    for other in (ours().root, ours().intermediate, certificate):
        assert asked(altered(said(b64(other.public_bytes(Encoding.DER)), *CERTIFICATE)))[0] == frozenset()


def test_what_the_library_says_is_one_short_line() -> None:
    data = altered(said(f"\x1b[31m{'x' * 5000}\n\n— a b\n", *PROOF, "checkpoint", "envelope"))
    signers, reason = asked(data)
    assert signers == frozenset()
    assert len(reason) <= 300
    assert reason.isprintable()


# The root, and the library


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"certificateAuthorities": []}, "Fulcio certificates not found"),
        ({"tlogs": []}, "no transparency log instances"),
        ({"mediaType": "application/json"}, "mediaType"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_root_that_the_library_cannot_use_is_said(change: Mapping[str, object], why: str) -> None:
    broken = written({**json.loads(root()), **change})
    with pytest.raises(CannotVerify, match="the trusted root cannot be used: ") as caught:
        Bundles().vouched_for(made(), broken)
    assert why in caught.value.message


def test_without_the_extra_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sigstore.verify", None)
    trusted = Authority().trusted_root()  # one that nobody has used yet
    with pytest.raises(CannotVerify) as caught:
        Bundles().vouched_for(made(), trusted)
    assert (caught.value.message, caught.value.hint) == (
        "a Sigstore bundle needs an extra that is not installed",
        INSTALL,
    )
    assert INSTALL == "pip install 'gitstage[sigstore]'"


def test_what_cannot_be_told_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    bundles, trusted, data = Bundles(), root() + b" ", made()
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "sigstore.models", None)
        with pytest.raises(CannotVerify):
            bundles.vouched_for(data, trusted)
    assert bundles.vouched_for(data, trusted) == {WHO}


def test_what_was_found_out_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    bundles, data, bad = Bundles(), made(), made(log=new_key())
    first = [bundles.vouched_for(one, root()) for one in (data, bad)]
    monkeypatch.setitem(sys.modules, "sigstore.models", None)
    assert [bundles.vouched_for(one, root()) for one in (data, bad)] == first == [{WHO}, frozenset()]


def test_nothing_is_fetched_and_nothing_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*asked: object, **also: object) -> NoReturn:
        raise AssertionError(f"a connection was asked for: {asked}")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)
    trusted = Authority()
    assert Bundles().vouched_for(trusted.bundle(STATEMENT), trusted.trusted_root()) == {WHO}
    assert Bundles().vouched_for(made(log=new_key()), trusted.trusted_root()) == frozenset()


def test_what_is_no_bundle_imports_nothing_of_sigstore() -> None:
    code = (
        "import sys\n"
        "from gitstage.operations.signers import bundles\n"
        "print(bundles().vouched_for(b'{}', b'{}'), {'sigstore', 'cryptography', 'requests'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "frozenset() set()\n"
