from __future__ import annotations

import json
from base64 import b64decode, b64encode, urlsafe_b64encode
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gitstage.canonical import DocumentError
from gitstage.envelopes import (
    BUNDLE_TYPES,
    MAX_BLOB,
    MAX_SIGNATURES,
    PAYLOAD_TYPE,
    Envelope,
    Signature,
    fingerprint,
    from_armor,
    holds_bundle,
    identity_key,
    known_as,
    pae,
    public_key,
    read_envelope,
    read_signature,
    write_envelope,
)

FOLDER = Path(__file__).parent / "golden"
GOLDEN = (FOLDER / "envelope.json").read_bytes()
PLAIN = (FOLDER / "test-result.json").read_bytes()
# What ssh-keygen said of the three keys that signed the golden envelope, in the order of their fingerprints.
ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDkaJ0Nj39NrPtbABh56tNZIVreImLqMVhMDzPwrZa/u"
ECDSA = (
    "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEStOvu2Hmo7tHOe0+kEUwlxZ98SMu3HoGoW42NOR"
    "Gx+OAdJ0E68JGEvQgSCwxB5S8OlLuxQQPlsXz6Y1SrErYw="
)
FINGERPRINTS = [
    "SHA256:BbGsOs4OcMZMQMBEmIFcyrvjs5f/287Pf6nXWvcZ0Ng",
    "SHA256:ZUDACTimNOIoG4Q0TYi8kFUXoBKtjJGdOM1IIDwJKpY",
    "SHA256:ZxSkDxSVrZMAwPghgv81I6xXwBDEiGSlR5HscUCYVYU",
]
ARMORED = b"""\
-----BEGIN SSH SIGNATURE-----
U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgORonQ2Pf02s+1sAGHnq01khWt4
iYuoxWEwPM/Ctlr+4AAAAIZ2l0c3RhZ2UAAAAAAAAABnNoYTUxMgAAAFMAAAALc3NoLWVk
MjU1MTkAAABAUnF3Sq4m4XOMRLawn3S9FCqN2MIDqZOcgXFRveJYhP4yJ7WSQHze8kKPm+
V8xycwqtjzTI3DhFhi5xd9C9jyDA==
-----END SSH SIGNATURE-----
"""
BLOB = from_armor(ARMORED).blob


def golden() -> Envelope:
    found = read_envelope(GOLDEN)
    assert found is not None
    return found


def document(**changes: Any) -> bytes:
    """The golden envelope with other fields; None leaves a field out."""
    said = {**json.loads(GOLDEN), **changes}
    return json.dumps({key: value for key, value in said.items() if value is not None}).encode()


def message_of(data: bytes) -> str:
    with pytest.raises(DocumentError) as caught:
        read_envelope(data)
    return caught.value.message


# The envelope


def test_the_form_of_an_envelope_is_the_golden_one() -> None:
    envelope = golden()
    assert (envelope.payload, envelope.payload_type) == (PLAIN, PAYLOAD_TYPE)
    assert write_envelope(envelope) == GOLDEN
    assert write_envelope(replace(envelope, signatures=envelope.signatures[::-1])) == GOLDEN
    assert [
        (one.key, one.keyid, one.namespace, one.hash_algorithm, one.problem) for one in envelope.signatures[::2]
    ] == [
        (ED25519, FINGERPRINTS[0], "gitstage", "sha512", None),
        (ECDSA, FINGERPRINTS[2], "gitstage", "sha512", None),
    ]
    assert str(envelope.signatures[1].key).startswith("ssh-rsa AAAAB3NzaC1yc2EA")
    assert [fingerprint(str(one.key)) for one in envelope.signatures] == FINGERPRINTS


def test_what_is_signed_is_the_example_of_the_protocol() -> None:
    """https://github.com/secure-systems-lab/dsse/blob/master/protocol.md, "Test vectors"."""
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    assert pae("", b"") == b"DSSEv1 0  0 "
    assert pae("é", b"\0\n") == b"DSSEv1 2 \xc3\xa9 2 \0\n"
    assert golden().pae == pae(PAYLOAD_TYPE, PLAIN)


@pytest.mark.parametrize("data", [PLAIN, b"{}", b'{"payload": ""}', b'{"payloadType": ""}', b'{"signatures": []}'])
def test_another_object_is_no_envelope(data: bytes) -> None:
    assert read_envelope(data) is None


def test_base64_may_be_safe_for_urls_and_fields_that_are_not_known_are_ignored() -> None:
    payload = b'{"?>": "\xc3\xbf~~~"}'
    assert {"+", "/"} & set(b64encode(payload).decode())
    safe = urlsafe_b64encode(payload).decode()
    signatures = [{"sig": urlsafe_b64encode(BLOB).decode(), "cert": "x"}]
    assert read_envelope(document(payload=safe, signatures=signatures, more=1)) == Envelope(
        payload, PAYLOAD_TYPE, (read_signature(BLOB),)
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"_type": "x"}, "the file says of itself that it is a statement and an envelope"),
        ({"payloadType": "text/plain"}, "payloadType must be application/vnd.in-toto+json"),
        ({"payloadType": ["application/vnd.in-toto+json"]}, "payloadType must be application/vnd.in-toto+json"),
        ({"payload": 1}, "payload must be base64"),
        ({"payload": "a"}, "payload must be base64"),
        ({"payload": "YQ"}, "payload must be base64"),
        ({"payload": "YWJj\n"}, "payload must be base64"),
        ({"payload": "YQ==YQ=="}, "payload must be base64"),
        ({"payload": "é==="}, "payload must be base64"),
        ({"payload": "++__"}, "payload must be base64"),
        ({"payload": "__//"}, "payload must be base64"),
        ({"payload": "-_-_-"}, "payload must be base64"),
        ({"signatures": None}, "signatures must be a list of at least one"),
        ({"signatures": []}, "signatures must be a list of at least one"),
        ({"signatures": {}}, "signatures must be a list of at least one"),
        ({"signatures": [{"sig": ""}] * (MAX_SIGNATURES + 1)}, "the envelope has 17 signatures; at most 16 are read"),
        ({"signatures": [{"sig": ""}, "x"]}, "signatures[1] must be an object with sig"),
        ({"signatures": [{"keyid": "x"}]}, "signatures[0] must be an object with sig"),
        ({"signatures": [{"sig": "YQ==", "keyid": 1}]}, "signatures[0].keyid must be text"),
        ({"signatures": [{"sig": "!"}]}, "signatures[0].sig must be base64"),
    ],
)
def test_an_envelope_that_is_not_right_is_refused(changes: dict[str, Any], message: str) -> None:
    assert message_of(document(**changes)).startswith(message)


def test_what_is_no_json_is_refused() -> None:
    assert message_of(b"{") == "line 1: this is not JSON: Expecting property name enclosed in double quotes"
    assert message_of(GOLDEN.replace(b'"payload"', b'"payload": "", "payload"')) == "duplicate key 'payload'"


def test_the_most_signatures_are_read() -> None:
    found = read_envelope(document(signatures=[{"sig": "YQ=="}] * MAX_SIGNATURES))
    assert found is not None
    assert len(found.signatures) == MAX_SIGNATURES


# One signature more


def test_one_key_signs_once_and_what_is_no_ssh_signature_stays_beside_it() -> None:
    foreign = read_signature(b"raw")
    first, second = read_signature(BLOB), read_signature(BLOB.replace(b"sha512", b"sha256"))
    assert first.key == second.key
    envelope = Envelope(PLAIN).signed(foreign).signed(first)
    assert envelope.signatures == (foreign, first)
    assert envelope.signed(second).signatures == (foreign, second)
    assert envelope.signed(foreign).signatures == (foreign, first, foreign)
    assert golden().signed(first).signatures == (*golden().signatures[1:], first)


def test_a_foreign_signature_is_written_as_it_was() -> None:
    signatures = [{"sig": "YQ=="}, {"keyid": "abc", "sig": "YWI="}]
    found = read_envelope(document(signatures=signatures))
    assert found is not None
    assert [(one.key, one.keyid, one.problem) for one in found.signatures] == [
        (None, None, "is no SSH signature"),
        (None, "abc", "is no SSH signature"),
    ]
    assert json.loads(write_envelope(found))["signatures"] == signatures


# An SSH signature


def string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def blob(
    *,
    magic: bytes = b"SSHSIG",
    version: int = 1,
    key: bytes | None = None,
    namespace: bytes = b"gitstage",
    reserved: bytes = b"",
    hashed: bytes = b"sha512",
    signature: bytes | None = None,
    rest: bytes = b"",
) -> bytes:
    """A signature in the form of PROTOCOL.sshsig."""
    parts = (
        string(b"ssh-ed25519") + string(b"k" * 32) if key is None else key,
        namespace,
        reserved,
        hashed,
        string(b"ssh-ed25519") + string(b"s" * 64) if signature is None else signature,
    )
    return magic + version.to_bytes(4, "big") + b"".join(map(string, parts)) + rest


WIRE = b64encode(string(b"ssh-ed25519") + string(b"k" * 32)).decode()


def test_a_signature_says_its_key_its_namespace_and_its_hash() -> None:
    made = blob(namespace="für git".encode(), reserved=b"whatever", hashed=b"sha256")
    keyid = fingerprint(f"ssh-ed25519 {WIRE}")
    assert read_signature(made) == Signature(made, f"ssh-ed25519 {WIRE}", "für git", "sha256", None, keyid)


@pytest.mark.parametrize(
    ("made", "problem"),
    [
        (b"", "is no SSH signature"),
        (blob(magic=b"SSHSIX"), "is no SSH signature"),
        (blob(namespace=b"\xff"), "is no SSH signature"),
        (blob(hashed=b"\xff"), "is no SSH signature"),
        (blob(key=b""), "is truncated"),
        (blob(key=string(b"")), "is no SSH signature"),
        (blob(key=string(b"ssh ed25519")), "is no SSH signature"),
        (blob(key=string(b"\xff")), "is no SSH signature"),
        (blob(key=string(b"x" * 101)), "is no SSH signature"),
        (blob(key=b"\0\0\0\x0cssh-ed25519"), "is truncated"),
        (blob(signature=b""), "is truncated"),
        (blob(signature=string(b"\n")), "is no SSH signature"),
        (blob()[:-1], "is truncated"),
        (blob()[:10], "is truncated"),
        (blob()[:6], "is truncated"),
        (b"SSHSIG\0\0\0\1" + b"\xff" * 8, "is truncated"),
        (blob(version=2), "is an SSH signature of a form that is not known here"),
        (blob(hashed=b"md5"), "is an SSH signature of a form that is not known here"),
        (blob(rest=b"\0"), "is an SSH signature of a form that is not known here"),
        (blob(rest=b"\0" * MAX_BLOB), f"has {len(blob()) + MAX_BLOB} bytes; at most {MAX_BLOB} are looked at"),
    ],
)
def test_what_is_no_signature_says_why_and_has_no_key(made: bytes, problem: str) -> None:
    assert read_signature(made) == Signature(made, problem=problem)


def test_the_largest_signature_is_looked_at() -> None:
    made = blob(reserved=b"\0" * (MAX_BLOB - len(blob())))
    assert len(made) == MAX_BLOB
    assert read_signature(made).problem is None


def test_armor_is_what_ssh_keygen_writes() -> None:
    signature = from_armor(ARMORED)
    assert (signature.key, signature.namespace, signature.problem) == (ED25519, "gitstage", None)
    assert signature.armored == ARMORED
    assert from_armor(b"\n" + ARMORED.replace(b"\n", b"\r\n")) == signature


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"U1NIU0lH",
        ARMORED.replace(b"END SSH", b"END PGP"),
        ARMORED.replace(b"BEGIN SSH", b"BEGIN PGP"),
        ARMORED.replace(b"U1", b"!!"),
    ],
)
def test_what_is_no_armor_is_no_signature(text: bytes) -> None:
    assert from_armor(text) == Signature(text, problem="is no SSH signature")


# A key


def test_a_key_is_the_same_key_whatever_its_comment() -> None:
    assert public_key(f" {ED25519}  alice@acme.dev of acme\n") == public_key(ED25519) == ED25519
    assert fingerprint(ED25519 + " alice") == FINGERPRINTS[0]


@pytest.mark.parametrize(
    "text",
    ["", "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-ed25519 !", "ssh-ed25519 é===", "x AAAAAXg", "ssh-rsa AAAAAQA="],
)
def test_what_is_no_key_is_refused(text: str) -> None:
    for asked in (public_key, fingerprint):
        with pytest.raises(DocumentError, match="a public key is written as TYPE BASE64"):
            asked(text)


def test_a_key_that_says_two_types_is_refused() -> None:
    with pytest.raises(DocumentError, match="a public key says its type twice, and here it says two"):
        public_key(ED25519.replace("ssh-ed25519", "ssh-rsa"))


# Whatever comes


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.integers(0, len(BLOB)))
def test_no_blob_makes_the_reader_raise(data: bytes, at: int) -> None:
    for made in (data, b"SSHSIG\0\0\0\1" + data, BLOB[:at] + data + BLOB[at + 1 :], BLOB[:at]):
        found = read_signature(made)
        assert (found.key is None) == (found.problem is not None)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_damaged_envelope_raises_nothing_but_a_document_error(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(GOLDEN)))
    end = data.draw(st.integers(start, min(len(GOLDEN), start + 40)))
    with suppress(DocumentError):
        read_envelope(GOLDEN[:start] + data.draw(st.binary(max_size=8)) + GOLDEN[end:])


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=100), st.lists(st.binary(max_size=40), min_size=1, max_size=4))
def test_what_is_written_is_read_again(payload: bytes, blobs: list[bytes]) -> None:
    envelope = Envelope(payload, signatures=tuple(map(read_signature, blobs)))
    written = write_envelope(envelope)
    found = read_envelope(written)
    assert found is not None
    assert (found.payload, write_envelope(found)) == (payload, written)
    assert b64decode(json.loads(written)["payload"]) == payload


# What others make of it


def theirs(data: bytes) -> Any:
    """An envelope as securesystemslib, which in-toto and TUF use, reads it."""
    return import_module("securesystemslib.dsse").Envelope.from_dict(json.loads(data))


def test_another_library_reads_what_we_write() -> None:
    ours, other = golden(), theirs(GOLDEN)
    assert (other.payload, other.payload_type, other.pae()) == (ours.payload, ours.payload_type, ours.pae)
    assert {keyid: bytes.fromhex(signature.signature) for keyid, signature in other.signatures.items()} == {
        signature.keyid: signature.blob for signature in ours.signatures
    }


def test_we_read_what_another_library_writes() -> None:
    written = json.dumps(theirs(GOLDEN).to_dict()).encode()
    assert read_envelope(written) == golden()


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.text(max_size=40))
def test_another_library_signs_the_same_bytes(payload: bytes, kind: str) -> None:
    assume(kind.isprintable())
    assert import_module("securesystemslib.dsse").Envelope(payload, kind, {}).pae() == pae(kind, payload)


# Sigstore bundles

BUNDLE: dict[str, Any] = {
    "mediaType": BUNDLE_TYPES[0],
    "verificationMaterial": {},
    "dsseEnvelope": {"payload": "aGk=", "payloadType": PAYLOAD_TYPE, "signatures": [{"sig": "AAEC"}]},
}


def in_a_bundle(**changes: Any) -> bytes:
    """A bundle with an envelope in which something is different."""
    return json.dumps({**BUNDLE, "dsseEnvelope": {**BUNDLE["dsseEnvelope"], **changes}}).encode()


@pytest.mark.parametrize("kind", BUNDLE_TYPES)
def test_a_bundle_holds_an_envelope_whose_signature_is_none_of_ssh(kind: str) -> None:
    data = json.dumps({**BUNDLE, "mediaType": kind}).encode()
    assert read_envelope(data) == Envelope(
        b"hi",
        PAYLOAD_TYPE,
        (Signature(b"\0\1\2", problem="is Sigstore's, and counts with its bundle"),),
        is_bundle=True,
    )
    assert holds_bundle(data)


def test_an_ssh_signature_in_a_bundle_is_none() -> None:
    """Or a bundle could count twice: as what it is, and as an envelope whose verification lies elsewhere."""
    found = read_envelope(in_a_bundle(signatures=[{"sig": b64encode(BLOB).decode(), "keyid": "k"}]))
    assert found is not None
    assert [(one.key, one.keyid) for one in found.signatures] == [(None, "k")]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mediaType": "application/vnd.dev.sigstore.bundle+json;version=0.2"}, "mediaType must be"),
        ({"mediaType": BUNDLE_TYPES[0] + " "}, "mediaType must be"),
        ({"mediaType": "application/vnd.dev.sigstore.bundle"}, "mediaType must be"),
        ({"messageSignature": None}, "the bundle signs a file, and holds no statement about it"),
        ({"_type": "https://in-toto.io/Statement/v1"}, "the bundle has a key '_type', which is not known here"),
        ({"payload": "", "payloadType": ""}, "the bundle has a key 'payload'"),
        ({"dsse_envelope": {}}, "the bundle has a key 'dsse_envelope'"),
        ({"dsseEnvelope": None}, "dsseEnvelope must be an object"),
        ({"dsseEnvelope": [{}]}, "dsseEnvelope must be an object"),
        ({"dsseEnvelope": {}}, "payloadType must be application/vnd.in-toto+json"),
        ({"dsseEnvelope": {"payloadType": PAYLOAD_TYPE}}, "payload must be base64"),
        ({"dsseEnvelope": {**BUNDLE["dsseEnvelope"], "note": 1}}, "dsseEnvelope has a key 'note'"),
    ],
)
def test_a_bundle_that_two_could_read_differently_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(DocumentError, match=message.replace("+", ".").replace(";", ".")):
        read_envelope(json.dumps({**BUNDLE, **change}).encode())


def test_a_bundle_has_at_most_as_many_signatures_as_an_envelope() -> None:
    most = read_envelope(in_a_bundle(signatures=[{"sig": "AAEC"}] * MAX_SIGNATURES))
    assert most is not None
    assert len(most.signatures) == MAX_SIGNATURES
    with pytest.raises(DocumentError, match="has 17 signatures; at most 16"):
        read_envelope(in_a_bundle(signatures=[{"sig": "AAEC"}] * (MAX_SIGNATURES + 1)))


@pytest.mark.parametrize(
    "data",
    [
        GOLDEN,
        PLAIN,
        b"",
        b'{"mediaType": 1}',
        b'{"mediaType": "text/plain"}',
        b'{"mediaType": "' + BUNDLE_TYPES[0].encode() + b'"',
        b'{"mediaType": "x", "mediaType": "' + BUNDLE_TYPES[0].encode() + b'"}',
        b'{"media\\u0054ype": "' + BUNDLE_TYPES[0].encode() + b'"}',
    ],
)
def test_what_does_not_say_plainly_that_it_is_a_bundle_is_none(data: bytes) -> None:
    assert not holds_bundle(data)


def test_who_is_known_by_an_identity_is_known_by_its_issuer_too() -> None:
    key = identity_key("https://accounts.google.com", "eve@acme.dev")
    assert key == "sigstore:https://accounts.google.com#eve@acme.dev"
    assert known_as(key) == "eve@acme.dev (https://accounts.google.com)"
    assert known_as(ED25519) == fingerprint(ED25519)


ALIKE = [
    ("a", "b#c"),
    ("a#b", "c"),
    ("a", "b%23c"),
    ("a%23b", "c"),
    ("a", "b c"),
    ("a", "b%20c"),
    ("A", "b"),
    ("a", "B"),
    ("a", "b\n"),
    ("a", "b\x00"),
    ("a", "\u0435"),
    ("a", "e"),
    ("a", "\udc80"),
    ("", ""),
]


def test_no_two_identities_are_one_key_and_none_is_an_ssh_key() -> None:
    keys = [identity_key(issuer, identity) for issuer, identity in ALIKE]
    assert len(set(keys)) == len(ALIKE)
    assert [key for key in keys if " " in key or not key.isascii() or not key.isprintable()] == []


@given(st.text(), st.text(), st.text(), st.text())
def test_a_key_says_whose_it_is(issuer: str, identity: str, other_issuer: str, other: str) -> None:
    same = (issuer, identity) == (other_issuer, other)
    assert (identity_key(issuer, identity) == identity_key(other_issuer, other)) is same
    assert identity_key(issuer, identity).count("#") == 1


@settings(max_examples=200)
@given(st.data())
def test_a_damaged_bundle_raises_nothing_but_a_document_error(data: st.DataObject) -> None:
    good = json.dumps(BUNDLE).encode()
    at = data.draw(st.integers(0, len(good) - 1))
    bad = good[:at] + data.draw(st.binary(max_size=3)) + good[at + data.draw(st.integers(0, 3)) :]
    with suppress(DocumentError):
        found = read_envelope(bad)
        assert found is None or all(one.key is None for one in found.signatures)
    assert holds_bundle(bad) in (True, False)
