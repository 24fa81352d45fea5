"""What people sign: approvals, waivers, rollbacks, countersignatures, and approvals of a policy.

They are in-toto statements (https://github.com/in-toto/attestation, spec/v1) with predicate types of our own, which
`docs/reference/approvals.md` describes. Each is bound to one change of one slot, so that none fits twice: to the
registry, the manifest, the stage, what is in the slot, and how many changes of the slot have taken effect. They are
written in one form and read in no other: JSON, indented by two, keys sorted, a newline at the end. Who signed one
stands in the envelope around it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from gitstage.canonical import HIDDEN, shown
from gitstage.envelopes import envelope_in
from gitstage.layout import (
    APPROVAL,
    CONFIGURATION,
    KINDS,
    ROLLBACK,
    SETTLE,
    SLUG,
    WAIVER,
    evidence_path,
    model_problem,
    policy_evidence_path,
    stage_problem,
    version_problem,
)
from gitstage.ledger import Binding, moment_of, text_of
from gitstage.strictjson import fail, json_object

__all__ = [
    "APPROVAL",
    "KINDS",
    "MAX_FILES",
    "MAX_REASON",
    "POLICY_APPROVAL",
    "ROLLBACK",
    "SETTLE",
    "STATEMENT",
    "TYPES",
    "WAIVER",
    "Binding",
    "PolicyChange",
    "PolicySaid",
    "Said",
    "policy_approval_path",
    "policy_unfit",
    "predicate_type",
    "read_said",
    "said_path",
    "unfit",
    "written",
]

STATEMENT = "https://in-toto.io/Statement/v1"
TYPES = "https://gitstage.dev/attestation"
"""What our predicate types begin with. They are names: nothing is fetched from there."""
POLICY_APPROVAL = "policy-approval"
MAX_REASON = 1000
MAX_FILES = 1000

_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_RULE = re.compile(r"[a-z][a-z0-9-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*)?\Z")


def predicate_type(kind: str) -> str:
    """The URI of a predicate type of ours: of `approval`, `https://gitstage.dev/attestation/approval/v1`."""
    return f"{TYPES}/{kind}/v1"


@dataclass(frozen=True, kw_only=True)
class Said:
    """What somebody says of one change of a slot: `kind` is one of KINDS, `made` and `expires` are moments (UTC).

    A waiver names the `rule` that it waives, and the gate whose rule it is (None: `keep`, or the rule in every gate).
    """

    kind: str
    about: Binding
    made: datetime
    reason: str | None = None
    expires: datetime | None = None
    rule: str | None = None
    gate: str | None = None


@dataclass(frozen=True, kw_only=True)
class PolicyChange:
    """One change of the policy or of what it protects, which happens once.

    `policy` is the SHA-256 of the gitstage.yaml that is to be in effect, `base` of the one that is, `number` how many
    policies have taken effect. `files` are the protected paths that change, from the repository's root, with the
    SHA-256 of what they will hold (None: nothing).
    """

    registry: str
    policy: str
    base: str
    number: int
    files: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class PolicySaid:
    """That somebody approves a change of the policy."""

    about: PolicyChange
    made: datetime
    reason: str | None = None
    expires: datetime | None = None


def unfit(said: Said, about: Binding, now: datetime) -> str | None:
    """Why something that was said does not count for a change at a moment; None where it does."""
    was = said.about
    if was.registry != about.registry:
        return "is for another registry"
    if (was.model, was.version, was.manifest) != (about.model, about.version, about.manifest):
        return f"is for another manifest than that of {about.model}@{about.version}"
    if was.stage != about.stage:
        return f"is for {was.stage}, not for {about.stage}"
    if (was.change, was.incumbent) != (about.change, about.incumbent):
        return "was given before the slot changed"
    return _out_of_time(said.made, said.expires, now)


def policy_unfit(said: PolicySaid, about: PolicyChange, now: datetime) -> str | None:
    """Why an approval does not count for a change of the policy at a moment; None where it does."""
    was = said.about
    if was.registry != about.registry:
        return "is for another registry"
    if (was.policy, dict(was.files)) != (about.policy, dict(about.files)):
        return "is for another content"
    if (was.base, was.number) != (about.base, about.number):
        return "was given before the policy changed"
    return _out_of_time(said.made, said.expires, now)


def _out_of_time(made: datetime, expires: datetime | None, now: datetime) -> str | None:
    if made > now:
        return f"is dated in the future ({text_of(made)})"
    return f"has expired ({text_of(expires)})" if expires is not None and expires <= now else None


# Where they lie.


def said_path(kind: str, model: str, version: str, person: str, number: int) -> str:
    """Where something that was said lies: `evidence/MODEL/VERSION/approval-PERSON/NUMBER.json`."""
    return evidence_path(model, version, f"{kind}-{person}", number)


def policy_approval_path(digest: str, person: str, number: int) -> str:
    """Where an approval of a gitstage.yaml lies: `evidence/policy/SHA256/approval-PERSON/NUMBER.json`."""
    return policy_evidence_path(digest, f"{APPROVAL}-{person}", number)


# Writing


def written(said: Said | PolicySaid) -> bytes:
    """The statement, to be signed. Raises DocumentError where it could not be read."""
    data = _policy_form(said) if isinstance(said, PolicySaid) else _form(said)
    read_said(data)
    return data


def _form(said: Said) -> bytes:
    about = said.about
    predicate = {
        "registry": about.registry,
        "stage": about.stage,
        "incumbent": about.incumbent,
        "change": about.change,
        "reason": said.reason,
        "rule": said.rule,
        "gate": said.gate,
    }
    subjects = {f"{about.model}@{about.version}": about.manifest}
    return _statement(said.kind, subjects, predicate, said.made, said.expires)


def _policy_form(said: PolicySaid) -> bytes:
    about = said.about
    predicate = {
        "registry": about.registry,
        "base": about.base,
        "number": about.number,
        "reason": said.reason,
        "removed": sorted(path for path, digest in about.files.items() if digest is None),
    }
    kept = {f"/{path}": digest for path, digest in about.files.items() if digest is not None}
    return _statement(POLICY_APPROVAL, {CONFIGURATION: about.policy, **kept}, predicate, said.made, said.expires)


def _statement(
    kind: str, subjects: Mapping[str, str], predicate: Mapping[str, object], made: datetime, expires: datetime | None
) -> bytes:
    times = {"made": text_of(made), "expires": None if expires is None else text_of(expires)}
    document = {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": subjects[name]}} for name in sorted(subjects)],
        "predicateType": predicate_type(kind),
        "predicate": {key: value for key, value in {**predicate, **times}.items() if value is not None},
    }
    return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()


# Reading


def read_said(data: bytes) -> Said | PolicySaid | None:
    """What a file of `evidence/`, signed or plain, says of a change; None where it is a statement of another type.

    Raises DocumentError where it is one of ours and not as we write it, or no JSON object at all.
    """
    document = json_object(data)
    envelope = envelope_in(document)
    if envelope is not None:
        data, document = envelope.payload, json_object(envelope.payload)
    kind = _kind(document)
    if kind is None:
        return None
    if document.get("_type") != STATEMENT:
        fail(f"_type must be {STATEMENT}")
    predicate, subjects = document.get("predicate"), _subjects(document.get("subject"))
    if not isinstance(predicate, dict):
        fail("predicate must be an object")
    said = _policy_said(predicate, subjects) if kind == POLICY_APPROVAL else _said(kind, predicate, subjects)
    if data != (_policy_form(said) if isinstance(said, PolicySaid) else _form(said)):
        fail("it says more than it should, or is not in the form in which gitstage writes it")
    return said


def _kind(document: Mapping[str, object]) -> str | None:
    """Which of ours a statement is; None where its predicate type is another's."""
    named = document.get("predicateType")
    if not isinstance(named, str) or not named.startswith(f"{TYPES}/"):
        return None
    known = {predicate_type(kind): kind for kind in (*KINDS, POLICY_APPROVAL)}
    if named not in known:
        fail(f"{shown(named)} is none of gitstage's predicate types; a newer release may know it")
    return known[named]


def _subjects(value: object) -> dict[str, str]:
    """The digests of what a statement is about, by name."""
    found: dict[str, str] = {}
    for item in value if isinstance(value, list) else []:
        digest = item.get("digest") if isinstance(item, dict) else None
        name = item.get("name") if isinstance(item, dict) else None
        if not isinstance(name, str) or not isinstance(digest, dict):
            fail("a subject has a name and a digest")
        found[name] = _digest(digest.get("sha256"), "the sha256 of a subject")
    if not 0 < len(found) <= MAX_FILES:
        fail(f"subject must be a list of 1 to {MAX_FILES}")
    return found


def _said(kind: str, predicate: Mapping[str, object], subjects: Mapping[str, str]) -> Said:
    ((name, manifest),) = subjects.items() if len(subjects) == 1 else fail("it is about one version")
    model, _, version = name.partition("@")
    if model_problem(model) or (version_problem(version) and version_problem(version, integer=True)):
        fail(f"{shown(name)} is no MODEL@VERSION")
    stage, incumbent = predicate.get("stage"), predicate.get("incumbent")
    if not isinstance(stage, str) or stage_problem(stage):
        fail("stage must be the name of a stage")
    about = Binding(
        registry=_registry(predicate),
        model=model,
        version=version,
        manifest=manifest,
        stage=stage,
        incumbent=None if incumbent is None else _digest(incumbent, "incumbent"),
        change=_number(predicate, "change"),
    )
    rule, gate = predicate.get("rule"), predicate.get("gate")
    expires = _moment(predicate, "expires")
    if kind == WAIVER:
        if not isinstance(rule, str) or not _RULE.match(rule):
            fail("rule must be the id of a rule, such as soak")
        if gate is not None and (not isinstance(gate, str) or not SLUG.match(gate)):
            fail("gate must be the name of a gate")
        if expires is None or _reason(predicate) is None:
            fail("a waiver says why, and until when: it needs reason and expires")
    return Said(
        kind=kind,
        about=about,
        made=_made(predicate, expires),
        reason=_reason(predicate),
        expires=expires,
        rule=str(rule) if kind == WAIVER else None,
        gate=str(gate) if kind == WAIVER and gate is not None else None,
    )


def _policy_said(predicate: Mapping[str, object], subjects: Mapping[str, str]) -> PolicySaid:
    removed = predicate.get("removed")
    if not isinstance(removed, list) or not all(isinstance(path, str) for path in removed):
        fail("removed must be a list of paths")
    others = {name: digest for name, digest in subjects.items() if name != CONFIGURATION}
    if CONFIGURATION not in subjects or not all(name.startswith("/") for name in others):
        fail(f"its subjects are {CONFIGURATION}, and paths from the root such as /CODEOWNERS")
    files: dict[str, str | None] = {name[1:]: digest for name, digest in others.items()}
    expires = _moment(predicate, "expires")
    return PolicySaid(
        about=PolicyChange(
            registry=_registry(predicate),
            policy=subjects[CONFIGURATION],
            base=_digest(predicate.get("base"), "base"),
            number=_number(predicate, "number"),
            files=MappingProxyType({**files, **dict.fromkeys(removed)}),
        ),
        made=_made(predicate, expires),
        reason=_reason(predicate),
        expires=expires,
    )


def _digest(value: object, what: str) -> str:
    if not isinstance(value, str) or not _SHA256.match(value):
        fail(f"{what} must be 64 hexadecimal digits")
    return value


def _registry(predicate: Mapping[str, object]) -> str:
    value = predicate.get("registry")
    if not isinstance(value, str) or not _UUID.match(value):
        fail("registry must be the id of a registry")
    return value


def _number(predicate: Mapping[str, object], key: str) -> int:
    value = predicate.get(key)
    if type(value) is not int or value < 0:
        fail(f"{key} must be a whole number from 0")
    return value


def _reason(predicate: Mapping[str, object]) -> str | None:
    value = predicate.get("reason")
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_REASON or HIDDEN.search(value):
        fail(f"reason must be text that shows, of 1 to {MAX_REASON} characters")
    return value


def _made(predicate: Mapping[str, object], expires: datetime | None) -> datetime:
    made = _moment(predicate, "made")
    if made is None:
        fail("made must be a moment such as 2026-11-23T14:00:00Z")
    if expires is not None and expires <= made:
        fail("it expires before it is made")
    return made


def _moment(predicate: Mapping[str, object], key: str) -> datetime | None:
    value = predicate.get(key)
    if value is None:
        return None
    try:
        return moment_of(value if isinstance(value, str) else "")
    except ValueError:
        fail(f"{key} must be a moment such as 2026-11-23T14:00:00Z")
