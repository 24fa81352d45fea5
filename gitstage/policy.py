"""The policy of a registry: what gitstage.yaml says of stages, gates, models and people, and what follows from it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, timedelta
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from itertools import chain, islice
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from gitstage import canonical, patterns, validation
from gitstage.canonical import DocumentError, Location, Problem, Unfit
from gitstage.durations import WRITTEN, duration
from gitstage.expressions import LONGEST
from gitstage.fields import MAX_NAME, Name, Number, Part, distinct, frozen, matching, nothing, some
from gitstage.layout import SLUG, SOURCES, Layout, stage_problem
from gitstage.people import PublicKey, matched, read_identity, read_key
from gitstage.values import dataclass, field

if TYPE_CHECKING:
    from gitstage.windows import Window

MAX_ALIKE = 300
"""Patterns that have to be compared with each other one by one."""
MAX_COUNT = 20
"""People that one requirement may ask for."""
MAX_REQUIREMENTS = 10
"""Requirements that one gate may have."""
MAX_WINDOWS = 50
MAX_RULES = 50
OWNERS = "owners"
"""In a gate's approvals this word stands for the owners of the model, so no role and nobody is called like it."""


Some = TypeVar("Some")


# What is written as text and is something else.


@dataclass(frozen=True)
class Tolerance:
    """By how much a metric may differ from the incumbent's: an amount, or so many percent of the incumbent's value."""

    amount: float
    percent: bool = False

    def allowed(self, incumbent: float) -> float:
        """The difference that is allowed from a value."""
        return abs(incumbent) * self.amount / 100 if self.percent else self.amount

    def __str__(self) -> str:
        return f"{self.amount:.15g}{'%' if self.percent else ''}"


def _tolerance(value: object) -> Tolerance:
    if isinstance(value, Tolerance):
        return value
    if isinstance(value, str) and (found := re.fullmatch(r"([0-9]{1,4}(?:\.[0-9]{1,9})?)%", value)):
        return Tolerance(float(found[1]), percent=True)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise Unfit(f"must be a number from 0 or a percentage such as 2%, not {validation.kind_of(value)}")
    return Tolerance(value)


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        hint = f"write its unit: {value}h" if isinstance(value, int) and not isinstance(value, bool) else None
        raise Unfit(f"must be a length of time such as 72h, not {validation.kind_of(value)}", hint)
    return duration(value)


def _date(value: object) -> date:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value, re.ASCII):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise Unfit(f"must be a day such as 2026-12-23, not {validation.kind_of(value)}")


# The kinds of text.


def _slug(text: str) -> str:
    if not SLUG.match(text) or len(text) > MAX_NAME:
        raise Unfit(
            f"{text!r} is not made of ASCII letters, digits, '.', '_' and '-', "
            "beginning and ending with a letter or digit"
        )
    return text


def _person(text: str) -> str:
    if text.lower() == OWNERS:
        raise Unfit(f"{text!r} stands for the owners of a model: nobody and no role is called like it")
    return _slug(text)


def _evidence_type(text: str) -> str:
    from gitstage.evidence import SHORT_NAMES

    known = sorted(SHORT_NAMES.values())
    if text not in known and not re.fullmatch(r"[a-z][a-z0-9+.-]*:[\x21-\x7e]+", text):
        near = validation.near_miss(text, known)
        raise Unfit(
            f"{text!r} is no kind of statement{near}", f"write {', '.join(known)}, or the URI of a predicate type"
        )
    return text


def _count(number: int) -> int:
    if not 1 <= number <= MAX_COUNT:
        raise Unfit(f"must be from 1 to {MAX_COUNT}, not {number}")
    return number


def _at_most(number: int) -> Callable[[tuple[Some, ...]], tuple[Some, ...]]:
    def few(items: tuple[Some, ...]) -> tuple[Some, ...]:
        if len(items) > number:
            raise Unfit(f"has {len(items)} items; at most {number} are read")
        return items

    return few


def _key_of_a_person(text: str) -> str:
    read_key(text)
    return text


def _moment_of_identity(value: object) -> str | None:
    """A moment as in front of a key; without quotes it is a number to YAML, and means the same."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int):
        raise Unfit(f'must be a moment such as "20261231", not {validation.kind_of(value)}')
    return str(value)


def _file(text: str) -> str:
    problem = patterns.path_pattern_problem(text)
    if problem is not None or text.startswith("/") or text.endswith("/") or re.search("[*?]", text):
        raise Unfit(f"{text!r} is no path of a file, from the repository's root", "such as trust/trusted_root.json")
    return text


def _stage(text: str) -> str:
    problem = stage_problem(text)
    if problem is not None:
        raise Unfit(problem)
    return text


def _ref_problem(ref: str) -> str | None:
    """Why `ref` is no name of a ref (https://git-scm.com/docs/git-check-ref-format); None where it is one."""
    if re.search(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//", ref) or ref.startswith("/") or ref.endswith(("/", ".")):
        return f"{ref!r} is no name that git allows"
    for part in ref.split("/"):
        if part.startswith(".") or part.endswith(".lock"):
            return f"{ref!r} is no name that git allows: a part begins with '.' or ends with '.lock'"
    return None


def _branch(text: str) -> str:
    problem = _ref_problem(f"refs/heads/{text}")
    if not text or problem or text.startswith("-") or text in ("HEAD", "@"):
        raise Unfit(f"{text!r} is no name of a branch")
    if text.startswith("refs/"):
        raise Unfit(f"{text!r} is a full name", f"write: {text.removeprefix('refs/heads/')}")
    return text


def _ledger(text: str) -> str:
    if not re.match(r"refs/(?:heads|gitstage)/[^/-]", text):
        raise Unfit(f"{text!r} does not begin with refs/heads/ or refs/gitstage/")
    problem = _ref_problem(text)
    if problem is not None:
        raise Unfit(problem)
    return text


def _tag_prefix(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/-]*", text, re.ASCII) or _ref_problem(f"refs/tags/{text}m"):
        raise Unfit(f"{text!r} cannot begin the name of a tag")
    return text


def _model_pattern(text: str) -> str:
    problem = patterns.model_pattern_problem(text)
    if problem is not None:
        raise Unfit(problem)
    return text


def _path_pattern(text: str) -> str:
    problem = patterns.path_pattern_problem(text)
    if problem is not None:
        raise Unfit(problem)
    return text


_DURATION_SCHEMA = {"type": "string", "pattern": f"^{WRITTEN}$", "examples": ["72h", "30d", "1d12h"]}
_TOLERANCE_SCHEMA = {
    "anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": r"^[0-9]{1,4}(\.[0-9]{1,9})?%$"}],
    "examples": [0.002, "2%"],
}

_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
Uuid = Annotated[
    str,
    AfterValidator(matching(_UUID, "a UUID in lower case, as `gitstage init` makes one")),
    WithJsonSchema({"type": "string", "pattern": f"^{_UUID}$"}),
]
Duration = Annotated[timedelta, PlainValidator(_duration), WithJsonSchema(_DURATION_SCHEMA)]
Allowance = Annotated[Tolerance, PlainValidator(_tolerance), WithJsonSchema(_TOLERANCE_SCHEMA)]
Day = Annotated[date, PlainValidator(_date), WithJsonSchema({"type": "string", "format": "date"})]
Slug = Annotated[str, AfterValidator(_slug)]
PersonOrRole = Annotated[str, AfterValidator(_person)]
StageName = Annotated[str, AfterValidator(_stage)]
Names = Annotated[tuple[str, ...], Field(strict=False), AfterValidator(distinct)]
Texts = Annotated[tuple[Name, ...], Field(strict=False), AfterValidator(distinct)]
Keys = Annotated[
    tuple[Annotated[str, AfterValidator(_key_of_a_person)], ...], Field(strict=False), AfterValidator(distinct)
]
_MOMENT_SCHEMA = {"type": ["string", "integer"], "examples": ["20261231", "20261231235959"]}
Moment = Annotated[str | None, PlainValidator(_moment_of_identity), WithJsonSchema(_MOMENT_SCHEMA)]
Digest = Annotated[
    str,
    AfterValidator(matching("[0-9a-f]{64}", "a SHA-256 in 64 lower-case digits")),
    WithJsonSchema({"type": "string", "pattern": "^[0-9a-f]{64}$"}),
]
Count = Annotated[int, AfterValidator(_count), Field(json_schema_extra={"minimum": 1, "maximum": MAX_COUNT})]
Enforce = Annotated[
    Literal["refuse", "warn"], Field(description="warn: what does not hold is reported, and refuses nothing.")
]


# The parts of the file.


def _key(attribute: str) -> str:
    return attribute.rstrip("_").replace("_", "-")


class _Part(Part):
    model_config = ConfigDict(alias_generator=_key)


class Alone(_Part):
    """Who may do a thing alone, and by when somebody else has to have countersigned it."""

    by: Annotated[Names, AfterValidator(some)] = Field(
        description="Roles, people, or owners: one of them suffices.", json_schema_extra={"minItems": 1}
    )
    settle: Duration | None = Field(
        default=None, description="How long a second one of them has to countersign what the first one did: 72h."
    )


class Stage(_Part):
    """A stage: one slot for each model."""

    from_: Names = Field(
        default=(), description="Where a version may come from: registered, archived, names of stages."
    )
    keep: Duration | None = Field(
        default=None, description="How long a version stays before the next promotion may replace it: 72h, 30d."
    )
    gates: Names = Field(default=(), description="Names of gates. All of them must pass.")
    rollback: Alone | None = Field(
        default=None, description="Who may roll back alone; without it a rollback needs the approvals of the gates."
    )
    waivers: Alone | None = Field(default=None, description="Who may waive a gate's rule alone; without it, nobody.")
    retired: bool = Field(
        default=False, description="The stage is used no more: nothing enters, and its slots are empty."
    )


class MetricRule(_Part):
    """Bounds of one metric."""

    name: Name = Field(description="The metric's name in the manifest, or in the evidence.")
    min: Number | None = Field(default=None, description="The smallest value that passes.")
    max: Number | None = Field(default=None, description="The largest value that passes.")
    max_drop: Allowance | None = Field(
        default=None, description="How far below the incumbent's value it may lie: an amount, or percent of that value."
    )
    max_rise: Allowance | None = Field(
        default=None, description="How far above the incumbent's value it may lie: an amount, or percent of that value."
    )
    evidence: Slug | None = Field(
        default=None,
        description="The name of the evidence that has the value; without it, the manifest's value counts.",
    )
    enforce: Enforce = "refuse"

    @model_validator(mode="after")
    def _bounded(self) -> MetricRule:
        if self.min is None and self.max is None and self.max_drop is None and self.max_rise is None:
            raise Unfit(f"the rule for {self.name!r} has no bound", "give it min, max, max-drop or max-rise")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise Unfit(f"min {self.min:.15g} is more than max {self.max:.15g}: nothing passes")
        return self


class EvidenceRule(_Part):
    """A piece of evidence that has to be there and to say PASSED."""

    type: Annotated[str, AfterValidator(_evidence_type)] = Field(
        description="What kind of statement: test-result, or the URI of another predicate type."
    )
    name: Slug = Field(description="The evidence's name: its folder below evidence/MODEL/VERSION/.")
    signed_by: Slug | None = Field(
        default=None,
        description="A role, a person, or owners: only statements that one of them signed count.",
    )
    max_age: Duration | None = Field(default=None, description="How old it may be at most: 30d.")
    enforce: Enforce = "refuse"


class Requirement(_Part):
    """So many people of a role."""

    count: Count = Field(description="How many different people.")
    from_: Slug = Field(description="A role or a person; in a gate also owners, the owners of the model.")


class ApprovalRule(Requirement):
    """So many people who approved, none of whom made the change."""

    enforce: Enforce = "refuse"


class WindowRule(_Part):
    """A time at which the gate is shut, or one of those at which it is open."""

    deny: str | None = Field(
        default=None, description="When nothing passes: Fri 16:00 - Mon 08:00, Sat-Sun, 2026-12-20 - 2027-01-06."
    )
    allow: str | None = Field(default=None, description="When something passes, and at no other time.")
    timezone: str = Field(default="UTC", description="Whose clock it is: Europe/Berlin.")

    @model_validator(mode="after")
    def _read(self) -> WindowRule:
        _ = self.window
        return self

    @cached_property
    def window(self) -> Window:
        """The window that is written here."""
        from gitstage.windows import window

        return window(deny=self.deny, allow=self.allow, timezone=self.timezone)


class CustomRule(_Part):
    """A rule that the policy writes itself: an expression, or a plug-in by its name."""

    name: Slug = Field(description="The rule's name; its findings are called rules/NAME.")
    expr: Annotated[str, Field(min_length=1, max_length=LONGEST)] | None = Field(
        default=None, description="In CEL, what must be true: version.labels.license != 'internal'."
    )
    python: Slug | None = Field(
        default=None,
        description="A plug-in, by its name among the entry points gitstage.rules; runs only where the operator allows it.",
    )
    message: Name | None = Field(default=None, description="What is said where it does not hold.")
    enforce: Enforce = "refuse"

    @model_validator(mode="after")
    def _asks_one_thing(self) -> CustomRule:
        if (self.expr is None) == (self.python is None):
            raise Unfit(f"the rule {self.name!r} is either one or the other", "write expr: or python:, and not both")
        return self


def _distinct_rules(rules: tuple[CustomRule, ...]) -> tuple[CustomRule, ...]:
    distinct(tuple(rule.name for rule in rules))
    return rules


class Gate(_Part):
    """What a version has to show before it enters a stage."""

    soak: Duration | None = Field(
        default=None,
        description="How long the version must have been in the stage that it comes from, without a break: 24h.",
    )
    metrics: Annotated[tuple[MetricRule, ...], Field(strict=False)] = Field(
        default=(), description="Bounds of metrics."
    )
    evidence: Annotated[tuple[EvidenceRule, ...], Field(strict=False)] = Field(
        default=(), description="What has to have been tested."
    )
    approvals: Annotated[tuple[ApprovalRule, ...], Field(strict=False), AfterValidator(_at_most(MAX_REQUIREMENTS))] = (
        Field(default=(), description="Who has to have approved, each requirement met by different people.")
    )
    windows: Annotated[tuple[WindowRule, ...], Field(strict=False), AfterValidator(_at_most(MAX_WINDOWS))] = Field(
        default=(), description="When something may take effect."
    )
    rules: Annotated[
        tuple[CustomRule, ...],
        Field(strict=False),
        AfterValidator(_at_most(MAX_RULES)),
        AfterValidator(_distinct_rules),
    ] = Field(default=(), description="Rules of your own, in CEL or as plug-ins.")
    signed_commits: bool = Field(
        default=False, description="Whether the commits that bring the change have to be signed by people of this file."
    )

    @model_validator(mode="after")
    def _asks_something(self) -> Gate:
        if not (
            self.soak is not None
            or self.metrics
            or self.evidence
            or self.approvals
            or self.windows
            or self.rules
            or self.signed_commits
        ):
            raise Unfit("the gate asks nothing", "give it soak, metrics, evidence, approvals, windows or rules")
        return self


class ModelRule(_Part):
    """What holds for the models whose names match a pattern."""

    owners: Names | None = Field(default=None, description="Roles or people who own these models.")
    gates: Annotated[Mapping[str, Names], AfterValidator(frozen)] = Field(
        default_factory=nothing, description="Gates by stage, in place of those that the stage names."
    )


class Identity(_Part):
    """Somebody as Sigstore knows them: what the issuer of an OpenID token says they are."""

    identity: str = Field(
        description="To the letter, what the certificate names: a mail address, or the URI of a workflow at a ref."
    )
    issuer: str = Field(description="Who says so, to the letter: https://token.actions.githubusercontent.com.")
    valid_after: Moment = Field(default=None, description='The first moment it is valid at (UTC): "20260101".')
    valid_before: Moment = Field(default=None, description='The last moment it is valid at (UTC): "20261231235959".')

    @model_validator(mode="after")
    def _read(self) -> Identity:
        _ = self.key
        return self

    @cached_property
    def key(self) -> PublicKey:
        """What stands for them where keys stand."""
        return read_identity(self.identity, self.issuer, self.valid_after, self.valid_before)


class Sigstore(_Part):
    """Whose word is taken for who signed a Sigstore bundle: certificate authorities and logs."""

    trusted_root: Annotated[str, AfterValidator(_file)] = Field(
        description="The file with them, from the repository's root: trust/trusted_root.json."
    )
    sha256: Digest = Field(description="Its SHA-256, so that it changes with this file and never alone.")


class Person(_Part):
    """Somebody, or something that signs, and by what they are known."""

    github: Name | None = Field(default=None, description="Account on GitHub.")
    gitlab: Name | None = Field(default=None, description="Account on GitLab.")
    emails: Texts = Field(default=(), description="Mail addresses.")
    keys: Keys = Field(
        default=(),
        description="Public keys as ssh-keygen prints them, ssh-ed25519 AAAA…; in front may stand "
        'valid-after="20260101",valid-before="20270101" (UTC).',
    )
    identities: Annotated[tuple[Identity, ...], Field(strict=False)] = Field(
        default=(), description="Who they are in Sigstore bundles, each an identity and its issuer."
    )


class _File(_Part):
    """The policy of a registry of models."""

    api_version: Literal["gitstage/v1"] = Field(
        default="gitstage/v1", alias="apiVersion", description="The version of this format."
    )
    kind: Literal["Registry"] = Field(default="Registry", description="What this document is.")
    id: Uuid = Field(description="The registry's own UUID, made by init; it never changes.")
    trunk: Annotated[str, AfterValidator(_branch)] = Field(
        default="main", description="The branch on which things land."
    )
    tags: Literal["ci"] | None = Field(
        default=None,
        description="ci: a workflow tags what has landed. Without it, the command that lands tags at once.",
    )
    adopt_until: Day | None = Field(
        default=None, description="Until this day models that serve already may be taken in with `gitstage adopt`."
    )
    tag_prefix: Annotated[str, AfterValidator(_tag_prefix)] = Field(
        default="", description="What the names of this registry's tags begin with, where a repository holds several."
    )
    protected: Annotated[
        tuple[Annotated[str, AfterValidator(_path_pattern)], ...], Field(strict=False), AfterValidator(distinct)
    ] = Field(
        default=(), description="Paths from the repository's root, as in .gitignore, that are guarded like this file."
    )
    governance: Annotated[tuple[Requirement, ...], Field(strict=False), AfterValidator(_at_most(MAX_REQUIREMENTS))] = (
        Field(default=(), description="Approvals that a change of this file or of a protected path needs.")
    )
    taggers: Names = Field(
        default=(), description="Roles or people: from here on a tag counts only if one of them signed it."
    )
    sigstore: Sigstore | None = Field(
        default=None, description="What Sigstore bundles are verified against; without it, they are signed by nobody."
    )
    versions: Literal["semver", "integer"] = Field(default="semver", description="How versions are written.")
    tag_versions: bool = Field(default=True, description="Whether a registered version gets a tag, MODEL/vVERSION.")
    ledger: Annotated[str, AfterValidator(_ledger)] | None = Field(
        default=None, description="The ref that says how far the trunk is judged: refs/gitstage/ID unless named here."
    )
    stages: Annotated[Mapping[StageName, Stage], AfterValidator(some), AfterValidator(frozen)] = Field(
        description="The stages, by name.", json_schema_extra={"minProperties": 1}
    )
    gates: Annotated[Mapping[Slug, Gate], AfterValidator(frozen)] = Field(
        default_factory=nothing, description="The gates, by name."
    )
    models: Annotated[Mapping[Annotated[str, AfterValidator(_model_pattern)], ModelRule], AfterValidator(frozen)] = (
        Field(default_factory=nothing, description="Owners and gates of models, by pattern; the most specific wins.")
    )
    people: Annotated[Mapping[PersonOrRole, Person], AfterValidator(frozen)] = Field(
        default_factory=nothing, description="People, by the name that this file has for them."
    )
    roles: Annotated[Mapping[PersonOrRole, Names], AfterValidator(frozen)] = Field(
        default_factory=nothing, description="Names for several people."
    )


# The policy.


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What a gitstage.yaml says. Mappings have the order of the file.

    `digest` is the SHA-256 of the file's bytes, `adopt_until` a day, `ledger_ref` and `trunk` are a full ref and the
    name of a branch.
    """

    id: str
    trunk: str
    tags_in_ci: bool
    adopt_until: date | None
    tag_prefix: str
    protected: tuple[str, ...]
    governance: tuple[Requirement, ...] = ()
    taggers: tuple[str, ...] = ()
    sigstore: Sigstore | None = None
    integer_versions: bool
    tag_versions: bool
    ledger_ref: str
    stages: Mapping[str, Stage]
    gates: Mapping[str, Gate]
    models: Mapping[str, ModelRule]
    people: Mapping[str, Person]
    roles: Mapping[str, tuple[str, ...]]
    digest: str
    data: bytes = field(repr=False, compare=False)

    def gates_for(self, model: str, stage: str) -> tuple[tuple[str, Gate], ...]:
        """The gates that a version of `model` has to pass to enter `stage`, with their names.

        Those of the most specific pattern that names gates for this stage, or else the stage's own.
        """
        names = next(
            (rule.gates[stage] for rule in self._rules_for(model) if stage in rule.gates), self.stages[stage].gates
        )
        return tuple((name, self.gates[name]) for name in names)

    def owners_of(self, model: str) -> tuple[str, ...]:
        """The people who own `model`: of the most specific pattern that names owners; none where none does."""
        owners = next((rule.owners for rule in self._rules_for(model) if rule.owners is not None), ())
        return self._expanded(owners)

    def people_named(self, *names: str, model: str | None = None) -> tuple[str, ...]:
        """The people whom names of roles and people stand for; `owners` are the owners of `model`."""
        if model is not None and OWNERS in names:
            own = self.owners_of(model)
            return self._expanded([other for name in names for other in (own if name == OWNERS else (name,))])
        return self._expanded(names)

    def _expanded(self, names: Iterable[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(person for name in names for person in self.roles.get(name, (name,))))

    @cached_property
    def keys(self) -> Mapping[str, tuple[str, PublicKey]]:
        """Whose each public key and each identity is: the person, and the key with the time that it is valid.

        By the key's type and base64, or by `sigstore:ISSUER#IDENTITY`.
        """
        found = ((name, read_key(text)) for name, person in self.people.items() for text in person.keys)
        known = ((name, one.key) for name, person in self.people.items() for one in person.identities)
        return {key.key: (name, key) for name, key in chain(found, known)}

    @cached_property
    def accounts(self) -> Mapping[tuple[str, str], str]:
        """Whose each account is, by the forge and the account in lower case."""
        found = {("github", person.github): name for name, person in self.people.items()}
        found |= {("gitlab", person.gitlab): name for name, person in self.people.items()}
        return {(forge, account.lower()): name for (forge, account), name in found.items() if account is not None}

    def is_protected(self, path: str) -> bool:
        """Whether a path, from the repository's root, is one of those that are guarded like gitstage.yaml itself."""
        parts = path.split("/")
        return any(patterns.matches(pattern, parts) for pattern in self._protected)

    @cached_property
    def layout(self) -> Layout:
        """What paths mean under this policy."""
        return Layout(frozenset(self.stages), self.integer_versions)

    def line_of(self, *location: str | int) -> int | None:
        """The line (from 1) of a key in the file, `line_of("stages", "production")`."""
        return canonical.line_of(self.data, location)

    def _rules_for(self, model: str) -> tuple[ModelRule, ...]:
        """What is said of a model, the most specific first; remembered, since each rule of each change asks for it."""
        found = self._rules.get(model)
        if found is None:
            found = self._rules[model] = tuple(self._matching(model))
        return found

    @cached_property
    def _rules(self) -> dict[str, tuple[ModelRule, ...]]:
        return {}

    def _matching(self, model: str) -> Iterator[ModelRule]:
        """The rules whose pattern matches; nothing is more specific than the whole name."""
        if model in self.models:
            yield self.models[model]
        parts = model.split("/")
        for pattern, rule in self._by_specificity:
            if patterns.matches(pattern, parts):
                yield rule

    @cached_property
    def _by_specificity(self) -> list[tuple[tuple[str, ...], ModelRule]]:
        """The patterns that are no names, the most specific first."""
        wild = [pattern for pattern in self.models if "*" in pattern or "?" in pattern]
        ordered = sorted(wild, key=patterns.specificity, reverse=True)
        return [(patterns.model_parts(pattern), self.models[pattern]) for pattern in ordered]

    @cached_property
    def _protected(self) -> list[tuple[str, ...]]:
        return [patterns.path_parts(pattern) for pattern in self.protected]


def read_policy(data: bytes) -> Policy:
    """The policy that the bytes of a gitstage.yaml say. Raises DocumentError with every problem that it has."""
    document = canonical.parse(data)
    validation.check_header(document, data, ["Registry"])
    problems = list(_contradictions(document, data))
    try:
        file = _File.model_validate(document, by_alias=True, by_name=False)
    except ValidationError as error:
        raise DocumentError([*validation.problems_of(error, _File, data), *problems]) from None
    if problems:
        raise DocumentError(problems)
    return _policy(file, data)


def _policy(file: _File, data: bytes) -> Policy:
    from hashlib import sha256

    return Policy(
        id=file.id,
        trunk=file.trunk,
        tags_in_ci=file.tags == "ci",
        adopt_until=file.adopt_until,
        tag_prefix=file.tag_prefix,
        protected=file.protected,
        governance=file.governance,
        taggers=file.taggers,
        sigstore=file.sigstore,
        integer_versions=file.versions == "integer",
        tag_versions=file.tag_versions,
        ledger_ref=file.ledger or f"refs/gitstage/{file.id}",
        stages=file.stages,
        gates=file.gates,
        models=file.models,
        people=file.people,
        roles=file.roles,
        digest=sha256(data).hexdigest(),
        data=data,
    )


def policy_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of gitstage.yaml."""
    schema = _File.model_json_schema(by_alias=True)
    schema["required"] = ["apiVersion", "kind", *schema["required"]]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "gitstage.yaml"}


# What a schema cannot see. Looks at the document as it was parsed, so that nothing waits for something else to be right.


def _contradictions(document: Mapping[str, object], data: bytes) -> Iterator[Problem]:
    contradictions = chain(
        _undefined(document),
        _stage_contradictions(_mapping(document.get("stages"))),
        _ties(_mapping(document.get("models"))),
        _people_contradictions(_mapping(document.get("people")), _mapping(document.get("roles"))),
        _identity_contradictions(document),
        _never_met(document),
        _ledger_contradictions(document),
    )
    found = list(islice(contradictions, canonical.MAX_PROBLEMS))
    if found:
        lines = canonical.lines_of(data)
        for where, message in found:
            yield Problem(f"{validation.path_in_words(where)}{message}", canonical.line_in(lines, where))


Contradictions = Iterator[tuple[Location, str]]


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _texts(value: object) -> Iterator[tuple[int, str]]:
    items = value if isinstance(value, list) else []
    return ((number, item) for number, item in enumerate(items) if isinstance(item, str))


def _mappings(value: object) -> Iterator[tuple[int, Mapping[str, object]]]:
    items: list[object] = value if isinstance(value, list) else []
    return ((number, item) for number, item in enumerate(items) if isinstance(item, dict))


def _undefined(document: Mapping[str, object]) -> Contradictions:
    """Names that are used and defined nowhere."""
    stages, gates, people, roles = (_mapping(document.get(key)) for key in ("stages", "gates", "people", "roles"))
    sources, known = dict.fromkeys([*SOURCES, *stages]), {**people, **roles}
    or_owners = {**known, OWNERS: None}
    for name, stage in stages.items():
        yield from _unknown(("stages", name, "from"), _mapping(stage).get("from"), sources, "stage")
        yield from _unknown(("stages", name, "gates"), _mapping(stage).get("gates"), gates, "gate")
        for key in ("rollback", "waivers"):
            by = _mapping(_mapping(stage).get(key)).get("by")
            yield from _unknown(("stages", name, key, "by"), by, or_owners, "role or person")
    for name, gate in gates.items():
        for key, who in (("approvals", "from"), ("evidence", "signed-by")):
            for number, rule in _mappings(_mapping(gate).get(key)):
                yield from _unknown_one(("gates", name, key, number, who), rule.get(who), or_owners)
    for number, rule in _mappings(document.get("governance")):
        yield from _unknown_one(("governance", number, "from"), rule.get("from"), known)
    yield from _unknown(("taggers",), document.get("taggers"), known, "role or person")
    for pattern, model in _mapping(document.get("models")).items():
        where: Location = ("models", pattern)
        yield from _unknown((*where, "owners"), _mapping(model).get("owners"), known, "role or person")
        for stage, names in _mapping(_mapping(model).get("gates")).items():
            if stage not in stages:
                yield (*where, "gates", stage), f"there is no stage {stage!r}{validation.near_miss(stage, stages)}"
            yield from _unknown((*where, "gates", stage), names, gates, "gate")
    for role, names in roles.items():
        yield from _unknown(("roles", role), names, people, "person")


def _unknown(where: Location, names: object, known: Mapping[str, object], what: str) -> Contradictions:
    for number, name in _texts(names):
        if name not in known:
            yield (*where, number), f"there is no {what} {name!r}{validation.near_miss(name, known)}"


def _unknown_one(where: Location, name: object, known: Mapping[str, object]) -> Contradictions:
    if isinstance(name, str) and name not in known:
        yield where, f"there is no role or person {name!r}{validation.near_miss(name, known)}"


def _never_met(document: Mapping[str, object]) -> Contradictions:
    """Requirements that all the people there are could not meet: what asks for them would never pass."""
    places: list[tuple[Location, object]] = [(("governance",), document.get("governance"))]
    for name, gate in _mapping(document.get("gates")).items():
        places.append((("gates", name, "approvals"), _mapping(gate).get("approvals")))
    people, roles = _mapping(document.get("people")), _mapping(document.get("roles"))
    for where, needs in places:
        asked = [_asked(rule, people, roles) for _, rule in islice(_mappings(needs), MAX_REQUIREMENTS)]
        known = [one for one in asked if one is not None]
        met = matched(known, frozenset(person for _, some_ in known for person in some_))
        if any(len(found) < count for found, (count, _) in zip(met, known, strict=True)):
            yield where, "asks for more different people than there are"


def _asked(
    rule: Mapping[str, object], people: Mapping[str, object], roles: Mapping[str, object]
) -> tuple[int, frozenset[str]] | None:
    """How many of whom a requirement asks for; None where that depends on a model, or is not right."""
    count, name = rule.get("count"), rule.get("from")
    if type(count) is not int or not 0 < count <= MAX_COUNT or not isinstance(name, str):
        return None
    if name in roles:
        return count, frozenset(person for _, person in _texts(roles[name]))
    return (count, frozenset({name})) if name in people else None


def _stage_contradictions(stages: Mapping[str, object]) -> Contradictions:
    lowered: dict[str, str] = {}
    for name, stage in stages.items():
        twin = lowered.setdefault(name.lower(), name)
        if twin != name:
            yield ("stages", name), f"differs from {twin!r} only in case"
        said = _mapping(stage)
        if isinstance(stage, dict) and not said.get("from") and said.get("retired") is not True:
            yield ("stages", name), "says not where a version may come from: it needs from, as [registered]"
    came_from = {
        name: [source for _, source in _texts(_mapping(stage).get("from")) if source not in SOURCES]
        for name, stage in stages.items()
    }
    try:
        TopologicalSorter(came_from).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        yield ("stages", circle[-1], "from"), f"the stages stand in a circle: {' → '.join(circle)}"


def _ties(models: Mapping[str, object]) -> Contradictions:
    alike: dict[object, list[str]] = {}
    for pattern in models:
        if "*" not in pattern and "?" not in pattern:
            continue
        others = alike.setdefault(patterns.ways_apart(pattern), [])
        if len(others) > MAX_ALIKE:
            yield ("models", pattern), f"more than {MAX_ALIKE} patterns are as specific as this one"
            return
        for other in others:
            if patterns.can_both_match(pattern, other):
                yield ("models", pattern), f"{other!r} is as specific, and both can match one model"
        others.append(pattern)


def _people_contradictions(people: Mapping[str, object], roles: Mapping[str, object]) -> Contradictions:
    for role in roles:
        if role in people:
            yield ("roles", role), f"{role!r} is also somebody in people"
    known: dict[tuple[str, str], str] = {}
    for name, person in people.items():
        for where, kind, account in _accounts(_mapping(person)):
            other = known.setdefault((kind, account), name)
            if other != name:
                yield ("people", name, *where), f"{other!r} has it too: people are counted, and this would count twice"


def _identity_contradictions(document: Mapping[str, object]) -> Contradictions:
    """Identities that stand there twice, and those of which nothing says against what they are verified."""
    known: dict[tuple[str, str], str] = {}
    for name, person in _mapping(document.get("people")).items():
        for number, one in _mappings(_mapping(person).get("identities")):
            where: Location = ("people", name, "identities", number)
            if "sigstore" not in document:
                yield where, "cannot be verified: the file needs sigstore, with trusted-root and sha256"
            said = str(one.get("identity")), str(one.get("issuer"))
            if said in known:
                yield where, f"{known[said]!r} has it already: people are counted, and this would count twice"
            known.setdefault(said, name)


def _accounts(person: Mapping[str, object]) -> Iterator[tuple[Location, str, str]]:
    """Everything by which somebody is known: where it stands, its kind, and what to compare."""
    for forge in ("github", "gitlab"):
        account = person.get(forge)
        if isinstance(account, str):
            yield (forge,), forge, account.lower()
    for number, address in _texts(person.get("emails")):
        yield ("emails", number), "email", address.lower()
    for number, key in _texts(person.get("keys")):
        try:
            yield ("keys", number), "key", read_key(key).key
        except Unfit:
            continue  # said where it is read


def _ledger_contradictions(document: Mapping[str, object]) -> Contradictions:
    ledger, trunk = document.get("ledger"), f"refs/heads/{document.get('trunk', 'main')}"
    if isinstance(ledger, str) and f"{ledger}/".startswith(f"{trunk}/"):
        yield ("ledger",), "is the trunk, or a name that git does not allow beside it"
    if isinstance(ledger, str) and trunk.startswith(f"{ledger}/"):
        yield ("ledger",), "is a name that git does not allow beside the trunk"
