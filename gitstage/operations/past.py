"""What has taken effect, read from the registry's tags: which of them count, and which are an alarm."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from gitstage.changes import FILE, Entry, blob_id, joined
from gitstage.emptyslot import empty_slot
from gitstage.errors import GitstageError
from gitstage.git import GitError, NoSuchRevision, Repository, Tag
from gitstage.identity import Identity
from gitstage.layout import NUMBER, Slot
from gitstage.ledger import Effect, effect_from
from gitstage.values import dataclass

if TYPE_CHECKING:
    from gitstage.operations.taggers import Taggers

Claimed = tuple[Effect, Tag]


@dataclass(frozen=True)
class Alarm:
    """A tag in our names that does not count, and why."""

    ref: str
    why: str


class TagPast:
    """The past of a registry's slots, read model by model and kept.

    `tip` is the trunk's tip: a tag counts only if its commit is in the trunk's history, and the slot in that commit
    holds the blob that the tag claims. `remote` is where tags come from that a clone was made without. `taggers` says
    whose signatures tags need (None: nobody's), and is asked once a tag is looked at.
    """

    def __init__(
        self,
        repo: Repository,
        identity: Identity,
        folder: str,
        tip: str | None,
        remote: str | None = None,
        taggers: Callable[[], Taggers | None] = lambda: None,
    ) -> None:
        self._repo = repo
        self._identity = identity
        self._folder = folder
        self._tip = tip
        self._remote = remote
        self._ask_taggers = taggers
        self._claims: dict[Slot, tuple[Claimed, ...]] = {}
        self._effects: dict[Slot, tuple[Effect, ...]] = {}
        self._taken: dict[Slot, int] = {}
        self._versions: dict[str, dict[str, str]] = {}
        self._loaded: set[str] = set()
        self._alarms: list[Alarm] = []
        self._blocked: dict[str, str | None] = {}
        self._seen: set[str] = set()
        self._blobs: dict[tuple[str, str], str | None] = {}
        self._expected: tuple[list[tuple[str, str]], Callable[[], list[str | None]]] | None = None

    def effects(self, slot: Slot) -> tuple[Effect, ...]:
        """The changes of a slot that took effect, oldest first."""
        self.load({slot.model})
        if slot not in self._claims:
            return ()
        if slot not in self._effects:
            # All that were read, and not this one alone: it is the trunk's history that takes time, once a question.
            self.verify()
        return self._effects[slot]

    def current(self, slot: Slot) -> Effect | None:
        """The last change of a slot that took effect; cheaper than all of them."""
        self.load({slot.model})
        claims = self._claims.get(slot, ())
        if claims and self._is_plain(claims[-1][0]) and self._is_signed(claims):
            return claims[-1][0]
        effects = self.effects(slot)
        return effects[-1] if effects else None

    def taken(self, slot: Slot) -> int:
        """The highest number that a tag of the slot uses, whether it counts or not."""
        self.load({slot.model})
        return self._taken.get(slot, 0)

    def version_tags(self, model: str) -> dict[str, str]:
        """The tags `MODEL/v…`: full ref name to object id."""
        self.load({model})
        return self._versions.get(model, {})

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """The tags in our names that do not count, of all models that have been read."""
        self.verify()
        return tuple(sorted(self._alarms, key=lambda alarm: alarm.ref))

    def until(self, clock: datetime) -> _Until:
        """The past as it was at a moment."""
        return _Until(self, clock)

    def expect(self, models: Iterable[str]) -> None:
        """As `load`, for those who will ask for all that took effect: git looks at the claims while they go on."""
        self.load(models)
        places = [self._place(effect) for effect in self.claimed() if self._place(effect) not in self._blobs]
        self._expected = (places, self._repo.blobs_ahead(places))

    def load(self, models: Iterable[str]) -> None:
        """Reads the tags of models that have not been read yet, in one go."""
        wanted = sorted(set(models) - self._loaded)
        if not wanted:
            return
        self._loaded.update(wanted)
        folders = [self._identity.tag_ref(f"{model}/") for model in wanted]
        if self._repo.is_shallow:
            self._fetch_newest(folders)
        tags = self._repo.tags(*folders)
        if not tags and self._is_without_tags():
            self._fetch(folders)
            tags = self._repo.tags(*folders)
        self._take_in(tags, set(wanted))

    def _is_without_tags(self) -> bool:
        """Whether this is a clone that was made without tags: not even the first policy's is here."""
        return self._remote is not None and self._repo.ref(self._identity.tag_ref("policy/1")) is None

    def _fetch(self, folders: Sequence[str]) -> None:
        assert self._remote is not None
        with suppress(GitError):  # the remote is not there yet, or cannot be reached: then it is as if it had none
            self._repo.fetch(self._remote, [f"{folder}*:{folder}*" for folder in folders])

    def _fetch_newest(self, folders: Sequence[str]) -> None:
        """Brings into a shallow clone the newest tag of each slot, each with one commit and no history."""
        if self._remote is None:
            return
        newest: dict[str, int] = {}
        try:
            there = self._repo.remote_refs(self._remote, *(f"{folder}*" for folder in folders))
            for ref in there:
                folder, _, last = ref.rpartition("/")
                if NUMBER.match(last):
                    newest[folder] = max(newest.get(folder, 0), int(last))
            wanted = {f"{folder}/{number}" for folder, number in newest.items()}
            missing = sorted(wanted - self._repo.refs(*sorted(wanted)).keys()) if wanted else []
            # A commit that is fetched with a depth ends the history here: one that is here must not be.
            here = [ref for ref in missing if self._has(there[ref])]
            for refs, depth in ((here, None), ([ref for ref in missing if ref not in here], 1)):
                if refs:
                    self._repo.fetch(self._remote, [f"{ref}:{ref}" for ref in refs], depth=depth)
        except GitError as error:
            if not self._repo.refs(*folders):
                specs = " ".join(f"'{folder}*:{folder}*'" for folder in folders)
                raise GitstageError(
                    f"this clone is shallow and lacks tags, which could not be fetched: {error.message}",
                    hint=f"git fetch --depth=1 {self._remote} {specs}",
                ) from error

    def _has(self, commit: str) -> bool:
        try:
            self._repo.commits([commit])
        except NoSuchRevision:
            return False
        return True

    def verify(self) -> None:
        """Finds out, in one go, which of the tags read so far count; the others are alarms."""
        slots = [slot for slot in self._claims if slot not in self._effects]
        claims = [(slot, effect, tag) for slot in slots for effect, tag in self._claims[slot]]
        counted: dict[Slot, list[Effect]] = {slot: [] for slot in slots}
        said = self._why_false([(effect, tag) for _, effect, tag in claims])
        for (slot, effect, tag), why in zip(claims, said, strict=True):
            if why is None and self._taggers is not None and counted[slot]:
                why = self._why_out_of_order(self._taggers, counted[slot][-1], effect)
            if why is None:
                counted[slot].append(effect)
            else:
                self._alarms.append(Alarm(tag.ref, why))
        self._effects.update({slot: tuple(found) for slot, found in counted.items()})

    def _why_false(self, claims: Sequence[Claimed]) -> list[str | None]:
        """Why each claim is not so; None where it is."""
        effects = [effect for effect, _ in claims]
        elsewhere = self._not_on_trunk([effect.commit for effect in effects])
        blobs = self._blobs_of(effects)
        said = [_why_false(effect, blob, elsewhere) for effect, blob in zip(effects, blobs, strict=True)]
        so = [claim for claim, why in zip(claims, said, strict=True) if why is None]
        unsigned = iter(self._why_unsigned(so))
        return [next(unsigned) if why is None else why for why in said]

    # signatures

    @cached_property
    def _taggers(self) -> Taggers | None:
        return self._ask_taggers()

    def _why_unsigned(self, claims: Sequence[Claimed]) -> list[str | None]:
        """Why each claim does not count for its signature; None where it does, or needs none."""
        if self._taggers is None:
            return [None] * len(claims)
        from gitstage.operations.taggers import Stamp

        return self._taggers.why_not([Stamp(tag.oid, effect.commit, effect.moment) for effect, tag in claims])

    def _is_signed(self, claims: Sequence[Claimed]) -> bool:
        """Whether the last of a slot's claims is signed as it has to be, and none before it has to be looked at for that."""
        return not self._needs_all(claims) and self._why_unsigned(claims[-1:]) == [None]

    def _needs_all(self, claims: Sequence[Claimed]) -> bool:
        """Whether the last of a slot's claims is none that was signed later than any other: then their order decides."""
        if self._taggers is None:
            return False
        last = claims[-1][0].moment
        return last <= self._taggers.since or any(effect.moment > last for effect, _ in claims)

    def _why_out_of_order(self, taggers: Taggers, before: Effect, after: Effect) -> str | None:
        """Why a change cannot have come after another; None where it can.

        Without a signature somebody could call a tag older than the policy that asks for one, and bring back what was
        there long ago.
        """
        if after.moment < before.moment:
            return f"it is dated before {before.name}"
        if after.moment <= taggers.since and not self._repo.is_ancestor(before.commit, after.commit):
            return f"it stands before {before.name}"
        return None

    def _blobs_of(self, effects: Sequence[Effect]) -> list[str | None]:
        """What the slot of each claim holds in the claim's commit."""
        if self._expected is not None:
            places, found = self._expected
            self._expected = None
            self._blobs.update(zip(places, found(), strict=True))
        places = [place for effect in effects if (place := self._place(effect)) not in self._blobs]
        self._blobs.update(zip(places, self._repo.blobs_at(places), strict=True))
        return [self._blobs[self._place(effect)] for effect in effects]

    def _place(self, effect: Effect) -> tuple[str, str]:
        return effect.commit, joined(self._folder, effect.slot.path)

    def claimed(self) -> list[Effect]:
        """What the tags read so far say, whether it is so or not."""
        return [effect for claims in self._claims.values() for effect, _ in claims]

    def last(self, had: Callable[[Effect], bool]) -> dict[Slot, Effect]:
        """Of each slot read so far, the last change of those that `had` taken effect; cheaper than all of them."""
        newest = {
            slot: said
            for slot, claims in self._claims.items()
            if (said := next((claim for claim in reversed(claims) if had(claim[0])), None)) is not None
        }
        found = {}
        for (slot, (effect, _)), why in zip(newest.items(), self._why_false(list(newest.values())), strict=True):
            plain = why is None and not self._needs_all(self._claims[slot])
            counted = effect if plain else next((one for one in reversed(self.effects(slot)) if had(one)), None)
            if counted is not None:
                found[slot] = counted
        return found

    def newest(self, had: Callable[[Effect], bool]) -> dict[Slot, Effect]:
        """As `last`, of all slots of the registry: their tags are read from the newest on, as far as it takes."""
        if self._taggers is not None:
            self.load_all()  # the order of all of them decides
            return self.last(had)
        newest: dict[Slot, Claimed] = {}
        unsure: list[Slot] = []
        unread = self._numbered()
        while unread:
            now = {slot: left.pop() for slot, left in unread.items()}
            tags = self._repo.tags_by_id(oid for _, oid in now.values())
            for slot, (number, oid) in now.items():
                claim = self._plainly_said(tags.get(oid), slot, number)
                if claim is None:
                    unsure.append(slot)
                elif had(claim[0]):
                    newest[slot] = claim
                if claim is None or slot in newest or not unread[slot]:
                    del unread[slot]
        said = self._why_false(list(newest.values()))
        found = {slot: effect for (slot, (effect, _)), why in zip(newest.items(), said, strict=True) if why is None}
        # Where a tag is not what it seems, all tags of the slot are looked at.
        unsure += newest.keys() - found.keys()
        self.load({slot.model for slot in unsure})
        for slot in unsure:
            counted = next((one for one in reversed(self.effects(slot)) if had(one)), None)
            if counted is not None:
                found[slot] = counted
        return found

    def _numbered(self) -> dict[Slot, list[tuple[int, str]]]:
        """The tags of all slots, which need not be read for it: their numbers in order, and their objects."""
        folders: dict[str, Slot | None] = {}
        found: dict[Slot, list[tuple[int, str]]] = {}
        for ref, oid in self._repo.refs(self._identity.tag_ref("")).items():
            folder, _, last = ref.rpartition("/")
            if not NUMBER.match(last):
                continue
            if folder not in folders:
                parts = tag_parts(self._identity, ref)
                folders[folder] = Slot(parts[0], parts[1]) if parts is not None and parts[2] == last else None
            slot = folders[folder]
            if slot is not None:
                found.setdefault(slot, []).append((int(last), oid))
        for tags in found.values():
            tags.sort()
        return found

    def _plainly_said(self, tag: Tag | None, slot: Slot, number: int) -> Claimed | None:
        """What a tag claims; None where that is not plain, and may still be so."""
        try:
            effect = None if tag is None else effect_from(tag.message, slot, number, self._identity.id)
        except ValueError:
            return None
        return (effect, tag) if tag is not None and effect is not None and effect.commit == tag.target else None

    def blocked(self, model: str) -> str | None:
        """Why git allows no tags below a model's name: a tag is called like it, its namespace, or one of its slots."""
        if model not in self._blocked:
            # Of all models that were read, in one go.
            models = {model, *self._loaded} - self._blocked.keys()
            # Git has made tags below the names of these: no tag is called like one of them or its namespaces.
            with_tags = {slot.model for slot in self._taken} | self._versions.keys()
            names = {
                other: self._slots_of(other) if other in with_tags else self._above_tags_of(other) for other in models
            }
            unknown = {name for other in models - with_tags for name in names[other]}
            found = {*self._seen, *(self._repo.refs(*unknown) if unknown else ())}
            for other, above in names.items():
                ref = next((name for name in above if name in found), None)
                said = None if ref is None else f"the tag {ref.removeprefix('refs/tags/')} stands in the way"
                self._blocked[other] = None if said is None else f"{said} of {other}'s tags"
        return self._blocked[model]

    def _above_tags_of(self, model: str) -> list[str]:
        """The names that no tag may have where a model is to have tags."""
        name = self._identity.tag_prefix + model
        return [*(f"refs/tags/{above}" for above in (*_folders(name), name)), *self._slots_of(model)]

    def _slots_of(self, model: str) -> list[str]:
        """The refs that would be tags called like a slot."""
        return [self._identity.tag_ref(f"{model}/{stage}") for stage in self._identity.stages]

    def may_tag(self, name: str) -> bool:
        """Whether a tag of ours that belongs to no model can be made; one in its way is an alarm."""
        ref = self._identity.tag_ref(name)
        above = [f"refs/tags/{folder}" for folder in _folders(ref.removeprefix("refs/tags/"))]
        found = self._repo.refs(ref, *above, f"{ref}/")
        self._alarms.extend(Alarm(other, f"it stands in the way of {name}") for other in found)
        return not found

    def load_all(self) -> None:
        """Reads every tag of the registry, in one go."""
        tags = self._repo.tags(self._identity.tag_ref(""))
        self._seen.update(tag.ref for tag in tags)
        models = {found[0] for tag in tags if (found := tag_parts(self._identity, tag.ref)) is not None}
        self._take_in(
            [tag for tag in tags if (parts := tag_parts(self._identity, tag.ref)) and parts[0] not in self._loaded],
            models,
        )
        self._loaded.update(models)

    def models(self) -> set[str]:
        """The models that have been read and have a tag that says that something took effect."""
        return {slot.model for slot in self._claims}

    def _take_in(self, tags: list[Tag], models: set[str]) -> None:
        claims: dict[Slot, list[tuple[Effect, Tag]]] = {}
        slots: dict[tuple[str, str], Slot] = {}
        self._seen.update(tag.ref for tag in tags)
        for tag in tags:
            parts = tag_parts(self._identity, tag.ref)
            if parts is None or parts[0] not in models:
                continue
            model, stage, last = parts
            if not stage:
                self._versions.setdefault(model, {})[self._identity.tag_ref(f"{model}/{last}")] = tag.oid
                continue
            slot = slots.get((model, stage)) or slots.setdefault((model, stage), Slot(model, stage))
            effect = self._claim(tag, slot, last)
            if effect is not None:
                claims.setdefault(slot, []).append((effect, tag))
        for slot, found in claims.items():
            self._claims[slot] = tuple(sorted(found, key=lambda pair: pair[0].number))

    def _is_plain(self, effect: Effect) -> bool:
        """Whether the trunk's tip holds what a claim says, and the claim's commit does."""
        if self._tip is None or effect.after_blob is None:
            return False
        path = joined(self._folder, effect.slot.path)
        entry = Entry(FILE, effect.after_blob)
        if self._repo.tree(self._tip).entry(path) != entry:
            return False
        try:
            return self._repo.tree(effect.commit).entry(path) == entry
        except NoSuchRevision:  # it stands on no commit
            return False

    def _claim(self, tag: Tag, slot: Slot, last: str) -> Effect | None:
        first = last.partition("/")[0]
        if NUMBER.match(first):
            self._taken[slot] = max(self._taken.get(slot, 0), int(first))
        if not NUMBER.match(last):
            if self._is_ours(slot.model):
                self._alarms.append(Alarm(tag.ref, "it is in the names of gitstage, and no number"))
            return None
        number = int(last)
        try:
            effect = effect_from(tag.message, slot, number, self._identity.id)
        except ValueError as error:
            if self._is_ours(slot.model):
                self._alarms.append(Alarm(tag.ref, str(error)))
            return None
        if effect.commit != tag.target:
            self._alarms.append(Alarm(tag.ref, "it claims another commit than it stands on"))
            return None
        return effect

    def _is_ours(self, model: str) -> bool:
        """Whether a name is a model of this registry, and not one of another's, or of something else altogether."""
        if self._tip is None:
            return False
        return self._repo.tree(self._tip).entry(joined(self._folder, f"models/{model}")) is not None

    def _not_on_trunk(self, commits: list[str]) -> set[str]:
        if self._tip is None or not commits:
            return set(commits)
        return self._repo.not_in_trunk(commits, self._tip)


def tag_parts(identity: Identity, ref: str) -> tuple[str, str, str] | None:
    """Model, stage ("" for a version's tag) and what comes after of a ref in our names; None for any other."""
    parts = ref.removeprefix(identity.tag_ref("")).split("/")
    # No part of a model's name is called like a stage, or looks like a version.
    for at, part in enumerate(parts[1:], start=1):
        if part in identity.stages and at + 1 < len(parts):
            return "/".join(parts[:at]), part, "/".join(parts[at + 1 :])
        if part.startswith("v") and identity.layout.is_version(part[1:]):
            return "/".join(parts[:at]), "", part
    return None


def _folders(name: str) -> list[str]:
    """What a name lies below: `a/b/c` below `a` and `a/b`."""
    parts = name.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts))]


def _why_false(effect: Effect, blob: str | None, elsewhere: set[str]) -> str | None:
    """Why a claim is not so, given what its slot holds in its commit; None where it is."""
    if effect.commit in elsewhere:
        return "its commit is not in the trunk's history"
    if effect.after_blob is None:
        empty = blob is None or blob == blob_id(empty_slot(effect.slot.model))
        return None if empty else "the slot in its commit is not empty"
    return None if blob == effect.after_blob else "the slot in its commit holds something else"


@dataclass(frozen=True)
class _Until:
    """The past up to a moment."""

    past: TagPast
    clock: datetime

    def effects(self, slot: Slot) -> tuple[Effect, ...]:
        return tuple(effect for effect in self.past.effects(slot) if effect.moment <= self.clock)

    def taken(self, slot: Slot) -> int:
        return self.past.taken(slot)
