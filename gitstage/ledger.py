"""What has taken effect and what has not: effects, which are tags, and the state that one run hands to the next.

The bodies of tags and the document below `refs/gitstage/ID` are JSON, named by a `schema` that is versioned;
`docs/reference/ledger.md` describes them key by key.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Protocol

from gitstage.errors import GitstageError
from gitstage.findings import Debt, Finding, Judgement, Verdict
from gitstage.layout import Records, Slot, Thing, thing_named
from gitstage.values import dataclass, field, replace

PROMOTION_SCHEMA = "gitstage/promotion/v1"
VERSION_SCHEMA = "gitstage/version/v1"
POLICY_SCHEMA = "gitstage/policy/v1"
LEDGER_SCHEMA = "gitstage/ledger/v1"
LEDGER_FILE = "ledger.json"


def text_of(moment: datetime) -> str:
    """A UTC moment as RFC 3339, to the microsecond where there is one."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def moment_of(text: str) -> datetime:
    """The UTC moment that `text_of` wrote. Raises ValueError where it is none."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} names no time zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{text!r} is out of the range of dates") from error


@dataclass(frozen=True, kw_only=True)
class Word:
    """What somebody said of a change that no clone shows, as far as it counted: the people who made and approved it.

    `by` is whose word it is: `github`, `gitlab`, or `server` for one that knows who pushes.
    """

    by: str
    authors: frozenset[str] = frozenset()
    approvers: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Effect:
    """One change of a slot that took effect: what a tag `MODEL/STAGE/NUMBER` says.

    `before` and `after` are versions, None where the slot was or is empty; the blobs are git object ids. `commit` is
    the commit at which it passed, `moment` when (UTC), `policy` the sha256 of the gitstage.yaml that judged it.
    `findings` are the answers it passed with, `debts` what somebody did alone and somebody else has to countersign, and
    `word` what a forge or a server said of it, where a rule asked (None: nobody had to say anything).
    """

    slot: Slot
    number: int
    action: str
    commit: str
    moment: datetime
    before: str | None
    after: str | None
    before_blob: str | None
    after_blob: str | None
    source: str | None = None
    policy: str = ""
    findings: tuple[Finding, ...] = ()
    debts: tuple[Debt, ...] = ()
    word: Word | None = None

    @property
    def approvers(self) -> tuple[str, ...]:
        """Who approved it."""
        return people_in(self.findings, ("approvals",))

    @property
    def is_waived(self) -> bool:
        """Whether something was waived, so that the version has not shown what the gates ask."""
        return any(found.verdict is Verdict.WAIVED for found in self.findings)

    @property
    def name(self) -> str:
        """The tag's name, without a registry's prefix."""
        return f"{self.slot.model}/{self.slot.stage}/{self.number}"

    def subject(self) -> str:
        """One line for people."""
        return subject_of(self.action, self.slot.model, self.slot.stage, self.after, self.before)


ACTIONS: Mapping[str, str] = {
    "promote": "promote {after} to {stage}",
    "adopt": "adopt {after} in {stage}",
    "rollback": "roll {stage} back to {after}",
    "archive": "archive {before}, {stage} is empty",
}
"""What can happen to a slot, in the words of a commit's subject."""


def people_in(findings: Iterable[Finding], rules: tuple[str, ...]) -> tuple[str, ...]:
    """The people by whom findings of some rules passed, each once, sorted."""
    passed = (found for found in findings if found.rule in rules and found.verdict is Verdict.PASSED)
    return tuple(sorted({person for found in passed for person in found.people}))


def subject_of(action: str, model: str, stage: str, after: str | None, before: str | None) -> str:
    """What happened to a slot, in the words of a commit's subject."""
    return f"{model}: {ACTIONS[action].format(after=after, before=before, stage=stage)}"


@dataclass(frozen=True, kw_only=True)
class Registered:
    """A version that passed: what a tag `MODEL/vVERSION` says."""

    model: str
    version: str
    blob: str
    commit: str
    moment: datetime

    @property
    def name(self) -> str:
        return f"{self.model}/v{self.version}"


@dataclass(frozen=True, kw_only=True)
class PolicyEffect:
    """A policy that took effect: what a tag `policy/NUMBER` says. `digest` is the sha256 of the file.

    `approvers` are the people who approved it, where the policy before asked for that, and `word` is as an Effect's.
    """

    number: int
    blob: str
    digest: str
    commit: str
    moment: datetime
    approvers: tuple[str, ...] = ()
    word: Word | None = None

    @property
    def name(self) -> str:
        return f"policy/{self.number}"


@dataclass(frozen=True, kw_only=True)
class Binding:
    """One change of one slot, which happens once.

    `registry` is its UUID, `manifest` the SHA-256 of the manifest that comes into the slot, `incumbent` of the one that
    is in effect there (None: it is empty), and `change` how many changes of the slot have taken effect before. Where
    the slot is emptied, both are those of the version that leaves.
    """

    registry: str
    model: str
    version: str
    manifest: str
    stage: str
    incumbent: str | None
    change: int


@dataclass(frozen=True, kw_only=True)
class Stood:
    """Who stood for what a file holds (an `unhold`, an emptied slot, a rollback): its blob, and the people.

    `landed` is the commit that brought it.
    """

    blob: str
    landed: str
    people: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Owed:
    """A debt that nobody has countersigned yet: of which change of which slot, as the countersignature is bound to it.

    `number` is that of the change's tag, `since` the moment (UTC) at which it took effect.
    """

    about: Binding
    number: int
    since: datetime
    debt: Debt

    @property
    def name(self) -> str:
        """The tag's name, without a registry's prefix."""
        return f"{self.about.model}/{self.about.stage}/{self.number}"


@dataclass(frozen=True, kw_only=True)
class Open:
    """A thing whose state on the trunk has not passed.

    `landed` is the commit that last changed it, `passed` the judged commit whose tree holds its last state that
    passed (None: it never had one); of a slot, the one whose tree holds the model's records as they had passed before
    it landed. `since` is the moment it was first found open. `sources` says, for a slot, where
    its version was before it landed (`registered`, `archived`, stages), and `with_policy` whether the policy changed
    in the same commit; both are facts of that commit, which no time and no later policy alters. `authors` are the people
    who made the change (None: nobody has said so, or it was not asked), `stood` says by path who stood for what, and
    `word` how much of both is somebody's word (None: they signed).
    """

    thing: Thing
    landed: str
    passed: str | None
    since: datetime
    verdict: Verdict
    findings: tuple[Finding, ...]
    sources: frozenset[str] = frozenset()
    with_policy: bool = False
    after: str | None = None
    authors: frozenset[str] | None = None
    stood: Mapping[str, Stood] = field(default_factory=dict)
    word: Word | None = None

    @property
    def way_back(self) -> str:
        """The command that declares again what passed."""
        if isinstance(self.thing, Slot):
            return f"gitstage withdraw {self.thing.model}@{self.thing.stage}"
        if isinstance(self.thing, Records):
            return f"gitstage withdraw {self.thing.model}"
        return "gitstage withdraw --policy"


@dataclass(frozen=True, kw_only=True)
class Ruling:
    """A policy that took effect, as far as signatures of tags go: where it passed, its file's blob, and when (UTC)."""

    commit: str
    blob: str
    since: datetime


@dataclass(frozen=True, kw_only=True)
class State:
    """How far the trunk has been judged, and what is open: what one run hands to the next.

    `judged` is a commit, `clock` the moment of the last run. `policy` is the commit whose gitstage.yaml is in effect
    (None while none ever passed), `policy_number` counts the policies that took effect, and `policy_since` is the moment
    (UTC) at which this one did. `owed` is what nobody has countersigned yet. `rulings` are the policies that took
    effect from the first on that names `taggers`; none where none ever did. `said` is, of models' records that passed
    in the last run and have no tag that could say so, what somebody's word on them was.
    What is not in `open` is, in the tree of `judged`, as it last passed.
    """

    judged: str | None = None
    clock: datetime | None = None
    policy: str | None = None
    policy_number: int = 0
    policy_since: datetime | None = None
    open: Mapping[str, Open] = field(default_factory=dict)
    owed: tuple[Owed, ...] = ()
    rulings: tuple[Ruling, ...] = ()
    said: Mapping[str, Word] = field(default_factory=dict)

    def passed_commit(self, thing: Thing) -> str | None:
        """The commit whose tree holds the last state of `thing` that passed."""
        waiting = self.open.get(str(thing)) if self.open else None
        return self.judged if waiting is None else waiting.passed

    def with_open(self, waiting: Open) -> State:
        return replace(self, open={**self.open, str(waiting.thing): waiting})

    def without(self, thing: Thing) -> State:
        if not self.open or str(thing) not in self.open:
            return self
        return replace(self, open={name: value for name, value in self.open.items() if name != str(thing)})

    def records_open(self, model: str) -> Open | None:
        return self.open.get(str(Records(model))) if self.open else None


class Past(Protocol):
    """What has taken effect, asked slot by slot."""

    def effects(self, slot: Slot) -> tuple[Effect, ...]:
        """The changes of a slot that took effect, oldest first."""

    def taken(self, slot: Slot) -> int:
        """The highest number that any tag of the slot uses, counting or not; 0 where there is none."""


def stay(effects: tuple[Effect, ...], version: str, now: datetime) -> tuple[datetime, datetime | None] | None:
    """The last stay of `version` in a slot: since when, and until when (None: it is there now).

    None where it never was there, or came only after `now`.
    """
    begun: datetime | None = None
    ended: datetime | None = None
    for effect in effects:
        if effect.moment > now:
            break
        if effect.after == version:
            begun, ended = (effect.moment, None) if begun is None or ended is not None else (begun, None)
        elif begun is not None and ended is None:
            ended = effect.moment
    return None if begun is None else (begun, ended)


def effect_at(effects: tuple[Effect, ...], when: datetime) -> Effect | None:
    """The last effect that was there at a moment."""
    return next((effect for effect in reversed(effects) if effect.moment <= when), None)


# What is written into tags and into the ledger's document, and read back.


def finding_document(finding: Finding) -> dict[str, object]:
    """A finding as JSON: what is None or false is left out."""
    document: dict[str, object] = {
        "rule": finding.rule,
        "verdict": str(finding.verdict),
        "message": finding.message,
        "gate": finding.gate,
        "value": finding.value,
        "threshold": finding.threshold,
        "path": finding.path,
        "line": finding.line,
        "opens": text_of(finding.opens) if finding.opens else None,
        "hint": finding.hint,
        "advisory": finding.advisory or None,
        "people": list(finding.people) or None,
    }
    return {key: value for key, value in document.items() if value is not None}


def finding_from(document: Mapping[str, Any]) -> Finding:
    """The finding that `finding_document` wrote. Raises KeyError, TypeError or ValueError where it wrote no such thing."""
    said = {name: value for name, value in document.items() if type(value) is str and name in _FINDING_TEXTS}
    if len(said) < len(document):  # nearly all say nothing else
        said |= _more_of_finding(document)
    return Finding(**{**_FINDING, **said, "verdict": _VERDICTS.get(said["verdict"]) or Verdict(said["verdict"])})


_FINDING: Mapping[str, Any] = {
    **{one.name: None for one in fields(Finding) if one.name not in ("rule", "message", "verdict")},
    "advisory": False,
    "people": (),
}
_FINDING_TEXTS = frozenset({"rule", "verdict", "message", "gate", "value", "threshold", "path", "hint"})
_VERDICTS = {str(verdict): verdict for verdict in Verdict}


def _more_of_finding(document: Mapping[str, Any]) -> dict[str, Any]:
    """What a finding says beside texts."""
    for name in _FINDING_TEXTS & document.keys():
        if not isinstance(document[name], str):
            raise TypeError(f"{name}: a text was expected")
    opens, line = document.get("opens"), document.get("line")
    if not isinstance(line, int | None):
        raise TypeError("line: a number was expected")
    return {
        "line": line,
        "opens": moment_of(opens) if opens else None,
        "advisory": bool(document.get("advisory")),
        "people": _texts(document.get("people", [])),
    }


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise TypeError("a list of texts was expected")
    return tuple(value)


def debt_document(debt: Debt) -> dict[str, object]:
    """A debt as JSON: what is None is left out."""
    document: dict[str, object] = {
        "kind": debt.kind,
        "by": list(debt.by),
        "due": text_of(debt.due) if debt.due else None,
        "rule": debt.rule,
        "gate": debt.gate,
        "reason": debt.reason,
        "expires": text_of(debt.expires) if debt.expires else None,
    }
    return {key: value for key, value in document.items() if value is not None}


def debt_from(document: Mapping[str, Any]) -> Debt:
    """The debt that `debt_document` wrote."""
    due, expires = document.get("due"), document.get("expires")
    return Debt(
        kind=str(document["kind"]),
        by=_texts(document["by"]),
        due=moment_of(due) if due else None,
        rule=document.get("rule"),
        gate=document.get("gate"),
        reason=document.get("reason"),
        expires=moment_of(expires) if expires else None,
    )


def word_document(word: Word | None) -> dict[str, object] | None:
    """What somebody said of a change, as JSON."""
    if word is None:
        return None
    return {"by": word.by, "authors": sorted(word.authors), "approvers": sorted(word.approvers)}


def word_from(document: Mapping[str, Any] | None) -> Word | None:
    """The word that `word_document` wrote. Raises TypeError and KeyError where it is none."""
    if document is None:
        return None
    (by,) = _texts([document["by"]])
    return Word(
        by=by, authors=frozenset(_texts(document["authors"])), approvers=frozenset(_texts(document["approvers"]))
    )


def _written(subject: str, document: Mapping[str, object]) -> str:
    return f"{subject}\n\n{json.dumps(document, indent=2, ensure_ascii=True)}\n"


def promotion_message(effect: Effect, registry: str) -> str:
    """The message of a promotion's tag: a line for people, then JSON. `registry` is the registry's id."""
    return _written(effect.subject(), promotion_document(effect, registry))


def promotion_document(effect: Effect, registry: str) -> dict[str, object]:
    """The JSON of a promotion's tag."""
    return {
        "schema": PROMOTION_SCHEMA,
        "registry": registry,
        "model": effect.slot.model,
        "stage": effect.slot.stage,
        "number": effect.number,
        "action": effect.action,
        "commit": effect.commit,
        "moment": text_of(effect.moment),
        "in": _occupant(effect.after, effect.after_blob),
        "out": _occupant(effect.before, effect.before_blob),
        "source": effect.source,
        "policy": effect.policy,
        "approvers": list(effect.approvers),
        "word": word_document(effect.word),
        "debts": [debt_document(debt) for debt in effect.debts],
        "findings": [finding_document(finding) for finding in effect.findings],
    }


def _occupant(version: str | None, blob: str | None) -> dict[str, str] | None:
    return None if version is None or blob is None else {"version": version, "blob": blob}


def _occupant_from(document: Mapping[str, Any] | None) -> tuple[str, str] | tuple[None, None]:
    if document is None:
        return None, None
    version, blob = document["version"], document["blob"]
    if not isinstance(version, str) or not isinstance(blob, str):
        raise TypeError("a version and a blob are texts")
    return version, blob


def version_message(registered: Registered, registry: str) -> str:
    """The message of a version's tag."""
    return _written(f"{registered.model}: register {registered.version}", version_document(registered, registry))


def version_document(registered: Registered, registry: str) -> dict[str, object]:
    """The JSON of a version's tag."""
    return {
        "schema": VERSION_SCHEMA,
        "registry": registry,
        "model": registered.model,
        "version": registered.version,
        "blob": registered.blob,
        "commit": registered.commit,
        "moment": text_of(registered.moment),
    }


def policy_message(policy: PolicyEffect, registry: str) -> str:
    """The message of a policy's tag."""
    return _written(f"policy: change {policy.number} takes effect", policy_document(policy, registry))


def policy_document(policy: PolicyEffect, registry: str) -> dict[str, object]:
    """The JSON of a policy's tag."""
    return {
        "schema": POLICY_SCHEMA,
        "registry": registry,
        "number": policy.number,
        "blob": policy.blob,
        "digest": policy.digest,
        "commit": policy.commit,
        "moment": text_of(policy.moment),
        "approvers": list(policy.approvers),
        "word": word_document(policy.word),
    }


def body_of(message: str) -> dict[str, Any]:
    """The JSON in a tag's message. Raises ValueError where there is none."""
    _, _, body = message.partition("\n\n")
    try:
        document = json.loads(body)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    except ValueError as error:
        raise ValueError("there is no JSON in its message") from error
    if not isinstance(document, dict):
        raise ValueError("not an object")
    return document


def effect_from(message: str, slot: Slot, number: int, registry: str) -> Effect:
    """What a tag claims. Raises ValueError where it says something else than its name, or nothing that we can read.

    Whether the claim is true is for the caller to find out: the slot in its commit must hold the blob.
    """
    try:
        document = body_of(message)
        said = (document["schema"], document["registry"], document["model"], document["stage"], document["number"])
        if said != (PROMOTION_SCHEMA, registry, slot.model, slot.stage, number):
            raise ValueError("it speaks of something else than its name")
        (after, after_blob), (before, before_blob) = _occupant_from(document["in"]), _occupant_from(document["out"])
        effect = Effect(
            slot=slot,
            number=number,
            action=document["action"],
            commit=document["commit"],
            moment=moment_of(document["moment"]),
            before=before,
            after=after,
            before_blob=before_blob,
            after_blob=after_blob,
            source=document.get("source"),
            policy=document["policy"],
            findings=tuple(finding_from(found) for found in document["findings"]),
            debts=tuple(debt_from(debt) for debt in document.get("debts", [])),
            word=word_from(document.get("word")),
        )
        if effect.action not in ACTIONS:
            raise ValueError(f"there is no action {effect.action!r}")
        texts = (document["commit"], document["policy"], document.get("source") or "")
        if not (isinstance(texts[0], str) and isinstance(texts[1], str) and isinstance(texts[2], str)):
            raise ValueError("a text was expected")
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"its body is not a {PROMOTION_SCHEMA}: {error}") from error
    return effect


def state_document(state: State, registry: str) -> bytes:
    """The ledger's document."""
    document = {
        "schema": LEDGER_SCHEMA,
        "registry": registry,
        "clock": text_of(state.clock) if state.clock else None,
        "judged": state.judged,
        "policy": {
            "commit": state.policy,
            "number": state.policy_number,
            "since": text_of(state.policy_since) if state.policy_since else None,
        },
        "taggers": [
            {"commit": ruling.commit, "blob": ruling.blob, "since": text_of(ruling.since)} for ruling in state.rulings
        ],
        "said": {thing: word_document(word) for thing, word in sorted(state.said.items())},
        "owed": [_owed_document(owed) for owed in state.owed],
        "open": [_open_document(state.open[name]) for name in sorted(state.open)],
    }
    return json.dumps(document, indent=2, ensure_ascii=True).encode() + b"\n"


def _open_document(waiting: Open) -> dict[str, object]:
    return {
        "thing": str(waiting.thing),
        "verdict": str(waiting.verdict),
        "landed": waiting.landed,
        "passed": waiting.passed,
        "since": text_of(waiting.since),
        "sources": sorted(waiting.sources),
        "with_policy": waiting.with_policy,
        "after": waiting.after,
        "authors": None if waiting.authors is None else sorted(waiting.authors),
        "stood": {
            path: {"blob": stood.blob, "landed": stood.landed, "people": sorted(stood.people)}
            for path, stood in sorted(waiting.stood.items())
        },
        "word": word_document(waiting.word),
        "findings": [finding_document(finding) for finding in waiting.findings],
    }


def _owed_document(owed: Owed) -> dict[str, object]:
    about = owed.about
    return {
        "model": about.model,
        "version": about.version,
        "manifest": about.manifest,
        "stage": about.stage,
        "incumbent": about.incumbent,
        "change": about.change,
        "number": owed.number,
        "since": text_of(owed.since),
        **debt_document(owed.debt),
    }


def _ruling_from(document: Mapping[str, Any]) -> Ruling:
    commit, blob = _texts([document["commit"], document["blob"]])
    return Ruling(commit=commit, blob=blob, since=moment_of(document["since"]))


def _owed_from(document: Mapping[str, Any], registry: str) -> Owed:
    keys = ("model", "version", "manifest", "stage", "incumbent", "change")
    return Owed(
        about=Binding(registry=registry, **{key: document[key] for key in keys}),
        number=document["number"],
        since=moment_of(document["since"]),
        debt=debt_from(document),
    )


def state_from(data: bytes, registry: str) -> State:
    """The state that `state_document` wrote. Raises GitstageError where the document is not one of this registry."""
    try:
        document = json.loads(data)
        if (document["schema"], document["registry"]) != (LEDGER_SCHEMA, registry):
            raise ValueError("it belongs to another registry, or to another release of gitstage")
        waiting = [_open_from(item) for item in document["open"]]
        return State(
            judged=document["judged"],
            clock=moment_of(document["clock"]) if document["clock"] else None,
            policy=document["policy"]["commit"],
            policy_number=document["policy"]["number"],
            policy_since=moment_of(since) if (since := document["policy"]["since"]) else None,
            rulings=tuple(_ruling_from(ruling) for ruling in document.get("taggers", [])),
            said={thing: word for thing, said in document.get("said", {}).items() if (word := word_from(said))},
            owed=tuple(_owed_from(owed, registry) for owed in document["owed"]),
            open={str(item.thing): item for item in waiting},
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise GitstageError(
            f"the ledger of registry {registry} cannot be read: {error}",
            hint="fetch it again: git fetch origin '+refs/gitstage/*:refs/gitstage/*'",
        ) from error


def _open_from(document: Mapping[str, Any]) -> Open:
    return Open(
        thing=thing_named(document["thing"]),
        landed=document["landed"],
        passed=document["passed"],
        since=moment_of(document["since"]),
        verdict=Verdict(document["verdict"]),
        findings=tuple(finding_from(found) for found in document["findings"]),
        sources=frozenset(document["sources"]),
        with_policy=document["with_policy"],
        after=document["after"],
        authors=None if document["authors"] is None else frozenset(document["authors"]),
        stood={
            path: Stood(blob=stood["blob"], landed=stood["landed"], people=frozenset(stood["people"]))
            for path, stood in document["stood"].items()
        },
        word=word_from(document.get("word")),
    )


@dataclass(frozen=True, kw_only=True)
class Folded:
    """What judging some commits came to: the new state, what took effect on the way, and what was said.

    `judgements` are what passed on the way and what was said of what is open in the end; what was refused or pending
    and is put back since is not spoken of. `redacted` counts the tombstones that were put up.
    """

    state: State
    effects: tuple[Effect, ...] = ()
    registered: tuple[Registered, ...] = ()
    policies: tuple[PolicyEffect, ...] = ()
    judgements: tuple[Judgement, ...] = ()
    notes: tuple[str, ...] = ()
    redacted: int = 0

    def then(self, *later: Folded) -> Folded:
        """This, and what was judged after it. Of one thing the last judgement stands."""
        parts = (self, *later)
        state = parts[-1].state
        said = {judgement.thing: judgement for part in parts for judgement in part.judgements}
        return Folded(
            state=state,
            effects=tuple(chain.from_iterable([part.effects for part in parts])),
            registered=tuple(chain.from_iterable([part.registered for part in parts])),
            policies=tuple(chain.from_iterable([part.policies for part in parts])),
            judgements=tuple(
                [one for one in said.values() if one.verdict is Verdict.PASSED or one.thing in state.open]
            ),
            notes=tuple(chain.from_iterable([part.notes for part in parts])),
            redacted=sum([part.redacted for part in parts]),
        )


def effects_by_slot(effects: Iterable[Effect]) -> dict[Slot, tuple[Effect, ...]]:
    """Effects sorted to their slots, each in the order of its numbers."""
    sorted_by: dict[Slot, list[Effect]] = {}
    for effect in sorted(effects, key=lambda effect: effect.number):
        sorted_by.setdefault(effect.slot, []).append(effect)
    return {slot: tuple(found) for slot, found in sorted_by.items()}
