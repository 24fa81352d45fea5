"""Whose signature a tag needs: from the policy on that names `taggers`, a tag counts only if one of them signed it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from gitstage.errors import GitstageError
from gitstage.git import NoSuchRevision, Repository
from gitstage.git.objects import Signed
from gitstage.ledger import Ruling, moment_of, text_of
from gitstage.operations.identities import keep
from gitstage.operations.signers import IN_GIT, verifier
from gitstage.people import PublicKey, signers, why_nobody
from gitstage.values import dataclass

FORM = 1
"""The form of what is kept of a policy; a release that reads more out of gitstage.yaml raises it."""
KNOWN = "signed-tags-1"
"""The file in which is kept who signed which tag well: a line each, the SHA-256 of the tag's object, the key, a full stop."""


class Stamp(NamedTuple):
    """A tag of ours as far as its signature goes: its object, the commit it stands on, and the moment (UTC) it says."""

    oid: str
    commit: str
    moment: datetime


@dataclass(frozen=True)
class Asked:
    """What one policy asks: that one of the people `taggers` signed; nobody where there are none. `keys` are everybody's."""

    taggers: tuple[str, ...]
    keys: Mapping[str, tuple[str, PublicKey]]

    def why_not(self, key: str | None, *, signed: bool, moment: datetime) -> str | None:
        """Why a tag of that moment does not count; `key` is the one with a good signature on it, None for none."""
        if not self.taggers:
            return None
        wanted = f"the policy asks for the signature of {' or '.join(self.taggers)}"
        if key is None:
            return f"its signature is not good; {wanted}" if signed else f"it is not signed; {wanted}"
        people = signers(self, [key], moment)
        if people & frozenset(self.taggers):
            return None
        if people:
            return f"{min(people)} signed it; {wanted}"
        said = why_nobody(self, [key], moment)
        return f"{said if said.startswith('the key') else f'it is {said}'}; {wanted}"


class Taggers:
    """Whether tags are signed as the policies ask under which they were made.

    `rulings` are the policies that took effect, from the first on that asks. Which of them judged a tag is decided by
    the moment that the tag says, and, where that is none after the last policy, by where it stands: what was judged
    before a policy passed stands where that policy passed, or before. So nobody calls a tag older than it is who cannot
    put it on an old commit as well.
    """

    def __init__(self, repo: Repository, rulings: Sequence[Ruling]) -> None:
        self._repo = repo
        self.rulings = tuple(rulings)
        self._asked: dict[str, Asked] = {}
        self._keys: dict[str, tuple[str | None, bool]] = {}

    @property
    def since(self) -> datetime:
        """The moment (UTC) from which on tags are signed: what is not newer may be unsigned."""
        return self.rulings[0].since

    def why_not(self, stamps: Sequence[Stamp]) -> list[str | None]:
        """Why each tag does not count; None where it does, as far as its signature goes. Raises CannotVerify."""
        ruled = self._ruled(stamps)
        self.learn(
            stamp.oid
            for stamp, ruling in zip(stamps, ruled, strict=True)
            if isinstance(ruling, Ruling) and self._asked_by(ruling).taggers
        )
        return [
            ruling if not isinstance(ruling, Ruling) else self._why_not(stamp, self._asked_by(ruling))
            for stamp, ruling in zip(stamps, ruled, strict=True)
        ]

    def learn(self, oids: Iterable[str]) -> None:
        """Finds out who signed some tags, together; what is known already is not asked again. Raises CannotVerify."""
        new = [oid for oid in dict.fromkeys(oids) if oid not in self._keys]
        if not new:
            return
        found = self._repo.signed_tags(new)
        known = _Known(self._repo.common_dir)
        unknown: dict[str, Signed] = {}
        for oid in new:
            part = found.get(oid)
            if part is None or part.signature is None:
                self._keys[oid] = (None, False)
            elif (key := known.key_of(part)) is not None:
                self._keys[oid] = (key, True)
            else:
                unknown[oid] = part
        keys = verifier().signers_of([(part.payload, part.signature or b"") for part in unknown.values()], IN_GIT)
        for (oid, part), key in zip(unknown.items(), keys, strict=True):
            self._keys[oid] = (key, True)
            if key is not None:
                known.add(part, key)
        known.write()

    def signer(self, stamp: Stamp) -> str | None:
        """The person whose signature made a tag count; None where it counts without one, or does not."""
        (ruling,) = self._ruled([stamp])
        if not isinstance(ruling, Ruling) or self.why_not([stamp]) != [None]:
            return None
        asked = self._asked_by(ruling)
        key, _ = self._keys.get(stamp.oid, (None, False))
        return min(signers(asked, [key] if key else [], stamp.moment) & frozenset(asked.taggers), default=None)

    def _why_not(self, stamp: Stamp, asked: Asked) -> str | None:
        key, signed = self._keys.get(stamp.oid, (None, False))
        return asked.why_not(key, signed=signed, moment=stamp.moment)

    def _ruled(self, stamps: Sequence[Stamp]) -> list[Ruling | str | None]:
        """The policy that judged each tag; None where it was before the first; why that cannot be."""
        at = [sum(ruling.since < stamp.moment for ruling in self.rulings) for stamp in stamps]
        false: dict[int, str] = {}
        for number, ruling in enumerate(self.rulings):
            older = [here for here, stamp in enumerate(stamps) if at[here] == number]
            behind = self._repo.unreachable({stamps[here].commit for here in older}, ruling.commit) if older else set()
            for here in older:
                _, commit, moment = stamps[here]
                if moment == ruling.since and (commit in behind or commit == ruling.commit):
                    at[here] += 1  # of the same run, and judged after it
                elif commit in behind:
                    false[here] = (
                        f"it says {text_of(moment)}, and stands behind the policy that took effect at "
                        f"{text_of(ruling.since)}"
                    )
        return [false.get(here, self.rulings[number - 1] if number else None) for here, number in enumerate(at)]

    def _asked_by(self, ruling: Ruling) -> Asked:
        if ruling.blob not in self._asked:
            self._asked[ruling.blob] = asked_by(self._repo, ruling.blob)
        return self._asked[ruling.blob]


def asked_by(repo: Repository, oid: str) -> Asked:
    """What a gitstage.yaml asks, by its blob; read once, and kept beside the repository's objects.

    Equal bytes have one id and say one thing. Raises GitstageError where it is not here, DocumentError.
    """
    path = repo.common_dir / "gitstage" / "taggers" / f"{oid}-{FORM}.json"
    kept = _kept(path)
    if kept is not None:
        return kept
    from gitstage.policy import read_policy

    try:
        policy = read_policy(repo.read(oid))
    except NoSuchRevision as error:
        raise GitstageError(
            f"the policy that says who signs tags, blob {oid[:12]}, is not here",
            hint="git fetch --unshallow" if repo.is_shallow else "git fetch",
        ) from error
    asked = Asked(policy.people_named(*policy.taggers), policy.keys)
    keys = {
        key: [person, *(moment and text_of(moment) for moment in (public.valid_after, public.valid_before))]
        for key, (person, public) in asked.keys.items()
    }
    keep(path, {"taggers": list(asked.taggers), "keys": keys})
    return asked


def _kept(path: Path) -> Asked | None:
    try:
        document = json.loads(path.read_bytes())
        keys = {key: (person, _public(key, after, before)) for key, (person, after, before) in document["keys"].items()}
        return Asked(tuple(document["taggers"]), keys)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _public(key: str, after: str | None, before: str | None) -> PublicKey:
    return PublicKey(
        key=key,
        valid_after=None if after is None else moment_of(after),
        valid_before=None if before is None else moment_of(before),
    )


class _Known:
    """Who signed which tag well, as found out earlier. Kept by what was signed and the signature, it is never stale.

    Only what is good is kept, so that a broken file costs time and nothing else.
    """

    def __init__(self, common_dir: Path) -> None:
        self._path = common_dir / "gitstage" / KNOWN
        self._new: list[str] = []
        self._known: dict[bytes, bytes] = {}
        with suppress(OSError):
            for line in self._path.read_bytes().split(b"\n"):
                digest, _, key = line.partition(b" ")
                if key.endswith(b" ."):  # else it was cut off
                    self._known[digest] = key[:-2]

    def key_of(self, part: Signed) -> str | None:
        """The key with a good signature on a tag; None where that is not known."""
        found = self._known.get(_digest(part).encode())
        return None if found is None else found.decode("ascii", "replace")

    def add(self, part: Signed, key: str) -> None:
        self._new.append(f"{_digest(part)} {key} .\n")

    def write(self) -> None:
        """Keeps what is new. Another process may do the same: each line stands for itself."""
        if self._new:
            with suppress(OSError):
                self._path.parent.mkdir(exist_ok=True)
                with self._path.open("ab") as file:
                    file.write("".join(["\n", *self._new]).encode())


def _digest(part: Signed) -> str:
    return sha256(part.payload + (part.signature or b"")).hexdigest()
