"""People: whose a key or an identity is at a moment, who stands in a role, and how many different ones meet what is asked.

People are counted, not keys and not accounts: whoever signs with two keys, or from two accounts, is one.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

from gitstage.canonical import HIDDEN, Unfit, shown
from gitstage.values import dataclass

KEY_TYPES = frozenset(
    {
        "ssh-ed25519",
        "ssh-rsa",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "sk-ssh-ed25519@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
    }
)
"""The types of public keys that `ssh-keygen -Y sign` makes signatures with (sshd(8), AUTHORIZED_KEYS FILE FORMAT)."""
MAX_KEY = 4000
"""Characters of one key, its options and its comment."""
MOMENT = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})(?:([0-9]{2})([0-9]{2})([0-9]{2})?)?Z?\Z")
"""A moment as in allowed_signers(5), ssh-keygen(1): YYYYMMDD[Z] or YYYYMMDDHHMM[SS][Z]. Ours are always UTC."""
OPTION = re.compile(r'(valid-after|valid-before)="([^"]*)"(?:,(?=[a-z])|(?=[ \t]))')


@dataclass(frozen=True, kw_only=True)
class PublicKey:
    """What somebody signs with, and the first and the last moment (UTC) it is valid at.

    `key` is a public key, `ssh-ed25519 AAAA…` without a comment, or stands for an identity, `sigstore:ISSUER#IDENTITY`.
    """

    key: str
    valid_after: datetime | None = None
    valid_before: datetime | None = None

    def is_valid(self, now: datetime) -> bool:
        """Whether the key is valid at a moment; both ends count, as in allowed_signers(5)."""
        begun = self.valid_after is None or self.valid_after <= now
        return begun and (self.valid_before is None or now <= self.valid_before)


class KnowsKeys(Protocol):
    """What says whose public keys are, as a policy does."""

    @property
    def keys(self) -> Mapping[str, tuple[str, PublicKey]]:
        """By its type and base64, the person and the key with the time that it is valid."""


def read_key(text: str) -> PublicKey:
    """The public key in a line as `ssh-keygen` prints it; a comment behind it means nothing.

    In front of it may stand the options `valid-after` and `valid-before` of allowed_signers(5). Raises Unfit.
    """
    if len(text) > MAX_KEY:
        raise Unfit(f"a key has at most {MAX_KEY} characters")
    if not text.isprintable():
        raise Unfit("a key is one line, and has no control characters")
    options, rest = _options(text.strip())
    words = rest.split(None, 2)
    if len(words) < 2:
        raise Unfit(f"{shown(text)} is no public key", "write it as in a .pub file: ssh-ed25519 AAAA…")
    kind, body = words[0], words[1]
    if kind not in KEY_TYPES:
        raise Unfit(_unknown_kind(kind), "write it as in a .pub file: ssh-ed25519 AAAA…")
    return PublicKey(key=f"{kind} {_body(kind, body)}", **options)


def _options(text: str) -> tuple[dict[str, datetime], str]:
    """The options in front of a key, and the rest of the line."""
    found: dict[str, datetime] = {}
    while (option := OPTION.match(text)) is not None:
        name = option[1].replace("-", "_")
        if name in found:
            raise Unfit(f"{option[1]} is there twice")
        found[name] = _moment(option[2])
        text = text[option.end() :].lstrip()
    _some_time(found.get("valid_after"), found.get("valid_before"), "the key")
    return found, text


def read_identity(identity: str, issuer: str, after: str | None, before: str | None) -> PublicKey:
    """What stands for somebody whom an issuer of OpenID tokens knows by an identity; both count to the letter.

    `after` and `before` are moments as in front of a key. Raises Unfit.
    """
    from gitstage.envelopes import identity_key

    example = "https://github.com/OWNER/REPO/.github/workflows/FILE.yml@refs/heads/main"
    for text in (identity, issuer):
        if not text or len(text) > MAX_KEY or HIDDEN.search(text) or text != text.strip():
            raise Unfit(f"{shown(text)} is not written as it stands in a certificate")
    if "*" in identity or identity.startswith("^"):
        raise Unfit(f"{shown(identity)} looks like a pattern, and an identity counts to the letter", f"as in {example}")
    if not issuer.startswith("https://") or not issuer.isascii():
        raise Unfit(f"{shown(issuer)} is no issuer", "write it as the certificate has it: https://accounts.google.com")
    found = {"valid_after": after, "valid_before": before}
    key = PublicKey(
        key=identity_key(issuer, identity), **{name: _moment(text) for name, text in found.items() if text is not None}
    )
    _some_time(key.valid_after, key.valid_before, "the identity")
    return key


def _some_time(after: datetime | None, before: datetime | None, what: str) -> None:
    if after is not None and before is not None and after > before:
        raise Unfit(f"valid-after is later than valid-before: {what} is never valid")


def _moment(text: str) -> datetime:
    found = MOMENT.match(text)
    try:
        if found is not None:
            return datetime(*(int(part or 0) for part in found.groups()), tzinfo=UTC)  # type: ignore[misc,arg-type]
    except ValueError:
        pass
    raise Unfit(f"{shown(text)} is no moment such as 20261231 or 20261231235959 (UTC)")


def _unknown_kind(kind: str) -> str:
    if "=" in kind or "," in kind:
        return f'{shown(kind)} is no option of a key; there are valid-after="20260101" and valid-before="20270101"'
    return f"{shown(kind)} is no type of a public key that signs"


def _body(kind: str, body: str) -> str:
    """The base64 of a key, written in the one way in which it can be; it says its type itself (RFC 4253, 6.6)."""
    try:
        data = binascii.a2b_base64(body.encode("ascii"), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError):
        raise Unfit(f"the base64 of this {kind} key is broken") from None
    name = kind.encode()
    if not data.startswith(len(name).to_bytes(4, "big") + name) or len(data) < len(name) + 12:
        raise Unfit(f"this is no {kind} key: its base64 says something else")
    return binascii.b2a_base64(data, newline=False).decode()


def signers(policy: KnowsKeys, keys: Iterable[str], now: datetime) -> frozenset[str]:
    """The people of a policy whose keys these are, and who could sign with them at a moment (UTC)."""
    found = (policy.keys.get(key) for key in keys)
    return frozenset(person for known in found if known is not None for person, key in [known] if key.is_valid(now))


def why_nobody(policy: KnowsKeys, keys: Iterable[str], now: datetime) -> str:
    """Why none of some keys stands for somebody at a moment."""
    from gitstage.envelopes import AS_SIGSTORE, known_as

    ordered = sorted(keys)
    for key in ordered:
        known = policy.keys.get(key)
        if known is not None and not known[1].is_valid(now):
            late = known[1].valid_before is not None and now > known[1].valid_before
            what = "identity" if key.startswith(AS_SIGSTORE) else "key"
            return f"the {what} of {known[0]} {'is no longer' if late else 'is not yet'} valid"
    if ordered and ordered[0].startswith(AS_SIGSTORE):
        return f"signed by {known_as(ordered[0])}, who is nobody in gitstage.yaml"
    return "signed with a key that nobody in gitstage.yaml has" if ordered else "not signed"


Need = tuple[int, frozenset[str]]
"""How many different people of whom."""


def matched(needs: Sequence[Need], there: frozenset[str]) -> list[list[str]]:
    """For each need the people who meet it, as many as can be found; nobody meets two.

    Needs in front come first: what they have got is not taken from them for one behind. (A maximum matching, found by
    augmenting paths: H. W. Kuhn, The Hungarian method for the assignment problem, 1955.)
    """
    places = [need for need, (count, _) in enumerate(needs) for _ in range(count)]
    # Of more people than there are places any so many will do.
    candidates = [sorted(people & there)[: len(places)] for _, people in needs]
    taken: dict[str, int] = {}

    def finds(place: int, tried: set[str]) -> bool:
        for person in candidates[places[place]]:
            if person not in tried:
                tried.add(person)
                if person not in taken or finds(taken[person], tried):
                    taken[person] = place
                    return True
        return False

    for place in range(len(places)):
        finds(place, set())
    found: list[list[str]] = [[] for _ in needs]
    for person, place in sorted(taken.items()):
        found[places[place]].append(person)
    return found
