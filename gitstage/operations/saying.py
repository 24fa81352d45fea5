"""What a person says of a change and signs: bound to that change, in a folder that is called after them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, time

from gitstage.approvals import Binding, PolicySaid, Said, read_said, written
from gitstage.canonical import DocumentError
from gitstage.changes import Snapshot
from gitstage.durations import duration
from gitstage.envelopes import fingerprint, read_envelope
from gitstage.errors import GitstageError, NoSuchThing
from gitstage.layout import Slot
from gitstage.operations.signing import Pen, nothing_new
from gitstage.people import signers, why_nobody
from gitstage.plans import Plan, Scene, Step, write_down
from gitstage.policy import Policy
from gitstage.values import dataclass, replace

LONGEST_REASON = 1000
"""Characters, in what is signed."""
WHEN = "--expires 30d, --until 2026-12-01, or --until 2026-12-01T14:00Z"


def policy_of(scene: Scene) -> Policy:
    """The policy in effect, which says who people are. Raises GitstageError where there is none yet."""
    if scene.policy is None:
        raise GitstageError("no policy is in effect yet, and so nobody can say anything", hint="gitstage tag")
    return scene.policy


def binding(scene: Scene, slot: Slot, version: str) -> Binding:
    """The change that brings a version into a slot next, or, where it is in effect there, takes it out.

    Raises NoSuchThing where the version is not registered, or the policy in effect has no such stage.
    """
    if slot.stage not in policy_of(scene).stages:
        raise NoSuchThing(
            f"{slot.stage} is no stage of the policy in effect",
            hint="it is one when the policy that names it has taken effect: gitstage status",
        )
    effects = scene.effects.get(slot, ())
    before = effects[-1].after_blob if effects else None
    return Binding(
        registry=policy_of(scene).id,
        model=slot.model,
        version=version,
        manifest=_sha256(scene.registry, scene.blob_of(slot.model, version)),
        stage=slot.stage,
        incumbent=None if before is None else _sha256(scene.registry, before),
        change=len(effects),
    )


def _sha256(registry: Snapshot, blob: str) -> str:
    return hashlib.sha256(registry.read(blob)).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Word:
    """Something that is to be said: where it goes, by whom it may be said, and how its commit is called.

    It lies in the folder `FOLDER/CALLED-PERSON`. `may` are the people who may say it; None: anybody in gitstage.yaml.
    `asked` are those whose word is asked for, and `nobody_asked` is noted where it is said by nobody of them.
    """

    said: Said | PolicySaid
    folder: str
    called: str
    subject: str
    step: Step
    may: frozenset[str] | None = None
    asked: frozenset[str] | None = None
    nobody_asked: str = ""


def plan_of(scene: Scene, word: Word, pen: Pen) -> Plan:
    """The plan that writes down what somebody says, signed.

    Nothing changes where they have said the same of the same change already. Raises CannotSign, and GitstageError
    where nobody would count what the keys sign.
    """
    data, now = pen.signed(written(word.said)), word.said.made
    people = _people(policy_of(scene), data, now)
    allowed = people if word.may is None else people & word.may
    if not allowed:
        raise GitstageError(
            f"{' and '.join(sorted(people))} may not: it has to be {_either(word.may or frozenset())}",
            hint="gitstage.yaml says who may",
        )
    for path, other in _there(scene.registry, word.folder, word.called):
        if _same(other, word.said) and people <= _signed(policy_of(scene), scene.registry, path, now):
            return nothing_new(word.subject, path)
    folder = f"{word.folder}/{word.called}-{min(allowed)}"
    plan = write_down(scene.registry, folder, data, subject=word.subject, step=word.step)
    if word.asked is None or people & word.asked:
        return plan
    return replace(plan, notes=(f"{word.nobody_asked} {_either(people)}",))


def _people(policy: Policy, data: bytes, now: datetime) -> frozenset[str]:
    """The people whose keys have just signed. Raises GitstageError where one of the keys is nobody's."""
    envelope = read_envelope(data)
    keys = [] if envelope is None else [str(signature.key) for signature in envelope.signatures]
    for key in keys:
        if not signers(policy, [key], now):
            raise GitstageError(
                f"{fingerprint(key)}: {why_nobody(policy, [key], now)}, so it would not count",
                hint=f"under people: in gitstage.yaml: keys: [{key}]",
            )
    return signers(policy, keys, now)


def _either(people: frozenset[str]) -> str:
    return " or ".join(sorted(people)) or "nobody"


def _there(registry: Snapshot, folder: str, called: str) -> Iterator[tuple[str, Said | PolicySaid]]:
    """What people have said in a folder so far; what cannot be read is left out."""
    for name, entry in registry.listing(folder).items():
        if entry.is_folder and name.startswith(f"{called}-"):
            for file, found in registry.listing(f"{folder}/{name}").items():
                with suppress(DocumentError, KeyError):
                    said = None if found.is_folder else read_said(registry.read(found.oid))
                    if said is not None:
                        yield f"{folder}/{name}/{file}", said


def _same(other: Said | PolicySaid, said: Said | PolicySaid) -> bool:
    """Whether two say the same, and the one that is there counts at least as long."""
    if isinstance(other, Said) and isinstance(said, Said):
        alike = replace(other, made=said.made, expires=said.expires) == said
    else:
        alike = other.about == said.about and other.reason == said.reason and isinstance(other, type(said))
    lasts = other.expires is None or (said.expires is not None and said.expires <= other.expires)
    return alike and lasts and other.made <= said.made


def _signed(policy: Policy, registry: Snapshot, path: str, now: datetime) -> frozenset[str]:
    from gitstage.operations.signers import signed_by

    entry = registry.entry(path)
    assert entry is not None
    return signers(policy, signed_by(registry.read(entry.oid)), now)


def ends(text: str, now: datetime) -> datetime:
    """The moment (UTC) that a length of time from now, a date (00:00 UTC) or a moment names. Raises GitstageError."""
    found = next(filter(None, (read(text, now) for read in (_in, _on, _at))), None)
    if found is None:
        raise GitstageError(f"{text!r} is no length of time, date or moment", hint=WHEN)
    if found <= now:
        raise GitstageError(f"{text} is over: it is {now:%Y-%m-%dT%H:%MZ}", hint=WHEN)
    return found


def _in(text: str, now: datetime) -> datetime | None:
    try:
        return now + duration(text)
    except (ValueError, OverflowError):
        return None


def _on(text: str, now: datetime) -> datetime | None:  # noqa: ARG001 - a date is the same whenever it is read
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC) if len(text) == 10 else None
    except ValueError:
        return None


def _at(text: str, now: datetime) -> datetime | None:  # noqa: ARG001 - so is a moment
    try:
        found = datetime.fromisoformat(text) if "-" in text and len(text) >= 16 else None
        return found and (found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC))
    except (ValueError, OverflowError):
        return None
