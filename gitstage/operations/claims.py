"""What the tags of a registry claim: listed at once, read some at a time, and looked up by where they stand."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from gitstage.git import Repository, Tag
from gitstage.identity import Identity
from gitstage.layout import NUMBER, Slot
from gitstage.ledger import (
    POLICY_SCHEMA,
    PROMOTION_SCHEMA,
    VERSION_SCHEMA,
    Effect,
    PolicyEffect,
    Registered,
    body_of,
    moment_of,
    policy_document,
    promotion_document,
    version_document,
)
from gitstage.operations.past import tag_parts
from gitstage.values import dataclass

POLICY_TAGS = "policy/"
SOME = 512
"""Tags that are read at once."""

Taken = Effect | Registered | PolicyEffect
"""What took effect, and gets a tag."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A tag in the registry's names, and what it says.

    `oid` is the tag's object, `target` the commit it stands on; `thing` is what it is about (a slot's name, `policy`,
    or a version's tag). `problem` says why it is no tag of ours, and then nothing else counts.
    """

    ref: str
    oid: str
    target: str
    thing: str
    moment: datetime | None = None
    document: Mapping[str, Any] | None = None
    problem: str | None = None

    @property
    def name(self) -> str:
        return self.ref.removeprefix("refs/tags/")

    @property
    def has_moved(self) -> bool:
        """Whether it stands on another commit than it says."""
        return self.document is not None and self.document.get("commit") != self.target

    @property
    def text(self) -> str:
        """The tag's message, as far as its claims go."""
        return f"\n\n{json.dumps(self.document)}"

    @property
    def number(self) -> int | None:
        """The number of the change in its slot, of a promotion's tag."""
        number = None if self.document is None else self.document.get("number")
        return number if isinstance(number, int) else None


def thing_of(taken: Taken) -> str:
    """What the tag of something that took effect is about."""
    if isinstance(taken, Effect):
        return str(taken.slot)
    return taken.name if isinstance(taken, Registered) else "policy"


def document_of(taken: Taken, registry: str) -> dict[str, object]:
    """What the tag of something that took effect says."""
    if isinstance(taken, Effect):
        return promotion_document(taken, registry)
    return version_document(taken, registry) if isinstance(taken, Registered) else policy_document(taken, registry)


class Claims:
    """The tags in a registry's names. Their texts are read commit by commit, and kept until they are `taken`."""

    def __init__(self, repo: Repository, identity: Identity) -> None:
        self._repo = repo
        self._identity = identity
        self.rows: list[tuple[str, str, str]] = []
        self._unread: dict[str, list[int]] = {}
        self._standing: dict[tuple[str, str], list[Claim]] = {}
        self._moments: dict[str, set[datetime]] = {}
        self._when: list[datetime | None] = []
        for ref, oid, target in repo.tag_objects(identity.tag_ref("")):
            if self._thing(ref, tag_parts(identity, ref)) is None:
                continue
            self._unread.setdefault(target or oid, []).append(len(self.rows))
            self.rows.append((ref, oid, target or oid))
            self._when.append(None)

    def __len__(self) -> int:
        return len(self.rows)

    def load(self, commits: Iterable[str]) -> None:
        """Reads what stands on some commits, in one go."""
        numbers = [number for commit in commits for number in self._unread.pop(commit, ())]
        self._load(numbers)

    def load_rest(self) -> None:
        """Reads what stands anywhere else."""
        numbers = [number for found in self._unread.values() for number in found]
        self._unread.clear()
        for at in range(0, len(numbers), SOME):
            self._load(numbers[at : at + SOME])

    def _load(self, numbers: list[int]) -> None:
        if not numbers:
            return
        tags = self._repo.tags_by_id({self.rows[number][1] for number in numbers})
        for number in numbers:
            ref, oid, target = self.rows[number]
            claim = self._claim(ref, oid, target, tags.get(oid))
            self._when[number] = claim.moment
            self._standing.setdefault((claim.thing, target), []).append(claim)
            if claim.moment is not None and not claim.has_moved:
                self._moments.setdefault(target, set()).add(claim.moment)

    def _thing(self, ref: str, parts: tuple[str, str, str] | None) -> str | None:
        """What a tag is about, by its name and that taken apart (`tag_parts`); None where it is not in our names."""
        if ref.removeprefix(self._identity.tag_ref("")).startswith(POLICY_TAGS):
            return "policy"
        if parts is None:
            return None
        return str(Slot(parts[0], parts[1])) if parts[1] else f"{parts[0]}/{parts[2]}"

    def _claim(self, ref: str, oid: str, target: str, tag: Tag | None) -> Claim:
        parts = tag_parts(self._identity, ref)
        thing = str(self._thing(ref, parts))
        try:
            if tag is None:
                raise ValueError("it is no annotated tag, or a broken one")
            document = body_of(tag.message)
            self._check_name(ref, parts, document)
            moment = moment_of(document["moment"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            said = f"its text has no {error}" if isinstance(error, KeyError) else str(error)
            return Claim(ref=ref, oid=oid, target=target, thing=thing, problem=said)
        return Claim(ref=ref, oid=oid, target=target, thing=thing, moment=moment, document=document)

    def _check_name(self, ref: str, parts: tuple[str, str, str] | None, document: Mapping[str, Any]) -> None:
        """Raises ValueError where a tag speaks of something else than its name."""
        last = ref.rpartition("/")[2]
        wanted: dict[str, object]
        if parts is not None and parts[1]:
            model, stage, last = parts
            wanted = {"schema": PROMOTION_SCHEMA, "model": model, "stage": stage, "number": _number(last)}
        elif parts is not None:
            wanted = {"schema": VERSION_SCHEMA, "model": parts[0], "version": parts[2][1:]}
        else:
            wanted = {"schema": POLICY_SCHEMA, "number": _number(last)}
        wanted["registry"] = self._identity.id
        for key, value in wanted.items():
            if document[key] != value:
                raise ValueError(f"it speaks of something else than its name: {key} is {document[key]!r}")

    def moments(self, commit: str) -> list[datetime]:
        """When something took effect at a commit, as the tags on it say; asked once, after they were read."""
        return sorted(self._moments.pop(commit, ()))

    def standing(self, thing: str, commit: str) -> list[Claim]:
        """What was read and not taken yet, about one thing, on one commit."""
        return self._standing.get((thing, commit), [])

    def take(self, claim: Claim) -> None:
        """A claim that was looked at: what is left in the end claims what is not so."""
        key = (claim.thing, claim.target)
        self._standing[key].remove(claim)
        if not self._standing[key]:
            del self._standing[key]

    def until(self, clock: datetime | None, repo: Repository | None = None, tip: str = "") -> list[tuple[str, str]]:
        """Names and ids of the tags of ours, all of which were read, that are not newer than `clock`.

        With a `repo`, only those that stand in the history of `tip`.
        """
        found = [
            row
            for row, moment in zip(self.rows, self._when, strict=True)
            if moment is not None and clock is not None and moment <= clock
        ]
        elsewhere = repo.unreachable({target for _, _, target in found}, tip) if repo is not None and found else set()
        return [(ref, oid) for ref, oid, target in found if target not in elsewhere]

    def left(self) -> Iterator[Claim]:
        """What was read and not taken, by name."""
        yield from sorted((claim for found in self._standing.values() for claim in found), key=lambda claim: claim.ref)


def _number(text: str) -> int:
    if not NUMBER.match(text):
        raise ValueError("it is in the names of gitstage, and no number")
    return int(text)
