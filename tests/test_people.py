from __future__ import annotations

import base64
import hashlib
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitstage.canonical import Unfit
from gitstage.envelopes import identity_key
from gitstage.people import KEY_TYPES, PublicKey, matched, read_identity, read_key, signers, why_nobody
from gitstage.policy import Policy, read_policy
from tests.registries import MONDAY, policy_file, public_key

ALICE, BOB = public_key("alice"), public_key("bob")


def moment(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


# Keys


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (ALICE, PublicKey(key=ALICE)),
        (f"  {ALICE}  alice@laptop and more ", PublicKey(key=ALICE)),
        (ALICE.replace(" ", "   "), PublicKey(key=ALICE)),
        (f'valid-after="20260101" {ALICE}', PublicKey(key=ALICE, valid_after=moment(2026, 1, 1))),
        (f'valid-before="202612312359" {ALICE}', PublicKey(key=ALICE, valid_before=moment(2026, 12, 31, 23, 59))),
        (
            f'valid-before="20261231235958Z",valid-after="20260101Z" {ALICE} comment',
            PublicKey(key=ALICE, valid_after=moment(2026, 1, 1), valid_before=moment(2026, 12, 31, 23, 59, 58)),
        ),
        (
            f'valid-after="20260101",valid-before="20260101" {ALICE}',
            PublicKey(key=ALICE, valid_after=moment(2026, 1, 1), valid_before=moment(2026, 1, 1)),
        ),
    ],
)
def test_a_key_is_its_type_and_its_base64_and_when_it_is_valid(text: str, key: PublicKey) -> None:
    assert read_key(text) == key


BLOB = base64.b64decode(ALICE.split()[1])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "'' is no public key"),
        ("ssh-ed25519", "'ssh-ed25519' is no public key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "is no type of a public key that signs"),
        (ALICE.replace("ssh-ed25519", "ssh-dss"), "'ssh-dss' is no type of a public key that signs"),
        (
            ALICE.replace("ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com"),
            "'ssh-ed25519-cert-v01@openssh.com' is no type of a public key that signs",
        ),
        (f"cert-authority,x {ALICE}", "'cert-authority,x' is no option of a key; there are valid-after"),
        (f'namespaces="git" {ALICE}', "is no option of a key"),
        (f'valid-after="20260101",x="1" {ALICE}', "is no option of a key"),
        (f"valid-after=20260101 {ALICE}", "is no option of a key"),
        (f'valid-after="20260101"{ALICE}', "is no option of a key"),
        (f'valid-after="20260101",valid-after="20260101" {ALICE}', "valid-after is there twice"),
        (f'valid-after="20260102",valid-before="20260101" {ALICE}', "the key is never valid"),
        (f'valid-after="soon" {ALICE}', "'soon' is no moment such as 20261231"),
        (f'valid-after="20260230" {ALICE}', "'20260230' is no moment"),
        (f'valid-after="2026-01-01" {ALICE}', "'2026-01-01' is no moment"),
        (f'valid-after="202601012" {ALICE}', "'202601012' is no moment"),
        ("ssh-ed25519 AAAA", "this is no ssh-ed25519 key: its base64 says something else"),
        ("ssh-ed25519 AAAA…", "the base64 of this ssh-ed25519 key is broken"),
        (f"ssh-ed25519 {ALICE.split()[1][:-1]}", "the base64 of this ssh-ed25519 key is broken"),
        (f"ssh-ed25519 !{ALICE.split()[1]}", "the base64 of this ssh-ed25519 key is broken"),
        (f"ssh-rsa {ALICE.split()[1]}", "this is no ssh-rsa key: its base64 says something else"),
        (f"ssh-ed25519 {base64.b64encode(BLOB[:15]).decode()}", "this is no ssh-ed25519 key"),
        (f"{ALICE}\n{BOB}", "a key is one line"),
        (f"{ALICE} a\u202eb", "a key is one line"),
        (f"{ALICE} {'x' * 4000}", "a key has at most 4000 characters"),
    ],
)
def test_what_is_no_key_is_said(text: str, said: str) -> None:
    with pytest.raises(Unfit) as caught:
        read_key(text)
    assert said in str(caught.value)


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_what_ssh_keygen_makes_is_read(tmp_path: Path, kind: str) -> None:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "somebody@there", "-f", tmp_path / "key"], check=True
    )
    line = (tmp_path / "key.pub").read_text("utf-8")
    found = read_key(line.rstrip("\n"))
    assert found == PublicKey(key=line.rpartition(" ")[0])
    assert found.key.split()[0] in KEY_TYPES


@pytest.mark.parametrize(
    ("now", "valid"),
    [
        (moment(2025, 12, 31, 23, 59, 59), False),
        (moment(2026, 1, 1), True),
        (moment(2026, 12, 31), True),
        (moment(2026, 12, 31, 0, 0, 1), False),
    ],
)
def test_a_key_is_valid_from_its_first_moment_to_its_last(now: datetime, valid: bool) -> None:
    key = read_key(f'valid-after="20260101",valid-before="20261231" {ALICE}')
    assert key.is_valid(now) is valid
    assert read_key(ALICE).is_valid(now)


# Whose they are

OLD, NEW, EXPIRED = public_key("old"), public_key("new"), public_key("expired")


def people() -> Policy:
    day = "%Y%m%d%H%M%S"
    after = (MONDAY + timedelta(hours=1)).strftime(day)
    before = (MONDAY - timedelta(hours=1)).strftime(day)
    return read_policy(
        policy_file(
            people={
                "alice": {"keys": [ALICE, OLD]},
                "bob": {"keys": [BOB, f'valid-after="{after}" {NEW}', f'valid-before="{before}" {EXPIRED}']},
                "carol": {},
            }
        )
    )


@pytest.mark.parametrize(
    ("keys", "found", "why"),
    [
        ([], set(), "not signed"),
        ([public_key("stranger")], set(), "signed with a key that nobody in gitstage.yaml has"),
        ([ALICE, OLD], {"alice"}, "signed with a key that nobody in gitstage.yaml has"),
        ([ALICE, BOB, public_key("stranger")], {"alice", "bob"}, "signed with a key that nobody in gitstage.yaml has"),
        ([NEW], set(), "the key of bob is not yet valid"),
        ([EXPIRED], set(), "the key of bob is no longer valid"),
    ],
)
def test_keys_are_those_of_people_who_could_sign_then(keys: list[str], found: set[str], why: str) -> None:
    assert signers(people(), frozenset(keys), MONDAY) == found
    assert why_nobody(people(), frozenset(keys), MONDAY) == why


def test_a_key_that_is_renewed_counts_in_its_own_time() -> None:
    policy = people()
    assert signers(policy, [NEW, EXPIRED], MONDAY + timedelta(hours=1)) == {"bob"}
    assert signers(policy, [NEW, EXPIRED], MONDAY - timedelta(hours=1)) == {"bob"}
    assert signers(policy, [NEW, EXPIRED], MONDAY) == frozenset()


# How many different people


@pytest.mark.parametrize(
    ("needs", "there", "found"),
    [
        ([], "abc", []),
        ([(1, "ab")], "", [""]),
        ([(1, "ab")], "b", ["b"]),
        ([(2, "abc")], "abc", ["ab"]),
        ([(1, "a"), (1, "a")], "a", ["a", ""]),
        ([(1, "ab"), (1, "a")], "ab", ["b", "a"]),
        ([(1, "ab"), (1, "bc"), (1, "a")], "abc", ["b", "c", "a"]),
        ([(2, "abc"), (1, "a"), (1, "b")], "abc", ["bc", "a", ""]),
        ([(1, "z"), (2, "ab")], "ab", ["", "ab"]),
    ],
)
def test_nobody_meets_two_needs(needs: list[tuple[int, str]], there: str, found: list[str]) -> None:
    asked = [(count, frozenset(people)) for count, people in needs]
    assert ["".join(met) for met in matched(asked, frozenset(there))] == found


def best(needs: list[tuple[int, frozenset[str]]], there: frozenset[str]) -> int:
    """How many places can be filled at most, found by trying everything."""
    places = [people for count, people in needs for _ in range(count)]
    empty = ("",) * len(places)

    def filled(order: Iterable[str]) -> int:
        return sum(person in people for person, people in zip(order, places, strict=False))

    return max(filled(order) for order in permutations((*there, *empty), len(places)))


names = st.frozensets(st.sampled_from("abcd"))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 2), names), max_size=2), names)
def test_no_other_way_finds_more_people(needs: list[tuple[int, frozenset[str]]], there: frozenset[str]) -> None:
    found = matched(needs, there)
    everybody = [person for met in found for person in met]
    assert len(everybody) == len(set(everybody)) == best(needs, there)
    for met, (count, people) in zip(found, needs, strict=True):
        assert len(met) <= count
        assert set(met) <= people & there


def test_a_large_role_takes_no_time() -> None:
    crowd = frozenset(f"p{number}" for number in range(100_000))
    met = matched([(20, crowd)] * 10, crowd)
    assert [len(found) for found in met] == [20] * 10


def test_a_key_is_the_same_whoever_writes_it() -> None:
    assert public_key("alice") == ALICE
    assert hashlib.sha256(b"alice").digest() in base64.b64decode(ALICE.split()[1])


# Identities

GITHUB = "https://token.actions.githubusercontent.com"
WORKFLOW = "https://github.com/acme/fraud/.github/workflows/test.yml@refs/heads/main"


def test_an_identity_is_its_letters_its_issuer_and_when_it_is_valid() -> None:
    assert read_identity(WORKFLOW, GITHUB, None, None) == PublicKey(key=identity_key(GITHUB, WORKFLOW))
    assert read_identity("eve@acme.dev", GITHUB, "20260101", "202612312359Z") == PublicKey(
        key=identity_key(GITHUB, "eve@acme.dev"),
        valid_after=moment(2026, 1, 1),
        valid_before=moment(2026, 12, 31, 23, 59),
    )


@pytest.mark.parametrize(
    ("identity", "issuer", "after", "before", "said"),
    [
        ("", GITHUB, None, None, "'' is not written as it stands in a certificate"),
        (f" {WORKFLOW}", GITHUB, None, None, "is not written as it stands in a certificate"),
        ("eve@acme.dev\u200b", GITHUB, None, None, "is not written as it stands in a certificate"),
        ("e" * 4001, GITHUB, None, None, "is not written as it stands in a certificate"),
        (WORKFLOW, "", None, None, "'' is not written as it stands in a certificate"),
        ("https://github.com/acme/*", GITHUB, None, None, "looks like a pattern, and an identity counts to the letter"),
        ("^https://github.com/acme/.+$", GITHUB, None, None, "looks like a pattern"),
        (WORKFLOW, "token.actions.githubusercontent.com", None, None, "is no issuer"),
        (WORKFLOW, "http://accounts.google.com", None, None, "is no issuer"),
        (WORKFLOW, "https://\u0430ccounts.google.com", None, None, "is no issuer"),
        (WORKFLOW, GITHUB, "soon", None, "'soon' is no moment such as 20261231"),
        (WORKFLOW, GITHUB, None, "20261301", "'20261301' is no moment"),
        (WORKFLOW, GITHUB, "20260102", "20260101", "valid-after is later than valid-before: the identity is never"),
    ],
)
def test_what_is_no_identity_is_said(
    identity: str, issuer: str, after: str | None, before: str | None, said: str
) -> None:
    with pytest.raises(Unfit) as caught:
        read_identity(identity, issuer, after, before)
    assert said in str(caught.value)


def known_by_identity() -> Policy:
    def identity(name: str, **more: str) -> dict[str, object]:
        return {"identities": [{"identity": f"{name}@acme.dev", "issuer": GITHUB, **more}]}

    people = {
        "eve": identity("eve"),
        "old": identity("old", **{"valid-before": "20260101"}),
        "new": identity("new", **{"valid-after": "20270101"}),
        "alice": {"keys": [ALICE]},
    }
    root = {"trusted-root": "trust/root.json", "sha256": "0" * 64}
    return read_policy(policy_file(people=people, sigstore=root))


@pytest.mark.parametrize(
    ("identity", "issuer", "found", "why"),
    [
        ("eve@acme.dev", GITHUB, {"eve"}, ""),
        ("Eve@acme.dev", GITHUB, set(), f"signed by Eve@acme.dev ({GITHUB}), who is nobody in gitstage.yaml"),
        ("eve@acme.dev", f"{GITHUB}/", set(), f"signed by eve@acme.dev ({GITHUB}/), who is nobody in gitstage.yaml"),
        ("eve@acme.dev", GITHUB.upper(), set(), f"signed by eve@acme.dev ({GITHUB.upper()}), who is nobody"),
        ("eve@acme.dev\n", GITHUB, set(), f"signed by eve@acme.dev%0A ({GITHUB}), who is nobody in gitstage.yaml"),
        ("old@acme.dev", GITHUB, set(), "the identity of old is no longer valid"),
        ("new@acme.dev", GITHUB, set(), "the identity of new is not yet valid"),
    ],
)
def test_somebody_is_known_by_an_identity_to_the_letter(identity: str, issuer: str, found: set[str], why: str) -> None:
    keys = [identity_key(issuer, identity)]
    assert signers(known_by_identity(), keys, MONDAY) == found
    assert found or why_nobody(known_by_identity(), keys, MONDAY).startswith(why)
