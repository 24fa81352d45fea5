"""Tests of a policy: what is given, what changes, at what moment, and what the judge is expected to say of it.

A file of them is YAML beside `gitstage.yaml`, called `gitstage.test.yaml`; `docs/reference/policy-tests.md` describes it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, PlainValidator, model_validator

from gitstage import canonical, validation
from gitstage.canonical import DocumentError, Location, Problem, Unfit
from gitstage.evidence import Result
from gitstage.fields import Name, Number, Part, distinct, frozen, nothing, some
from gitstage.ledger import moment_of
from gitstage.manifest import MAX_TEXT, Artifact, Data, ModelVersion, Param, Source, Text, canonical_bytes
from gitstage.policy import Duration, PersonOrRole, Slug, StageName
from gitstage.references import Reference, reference
from gitstage.values import dataclass

MAX_CASES = 1000
LONG_SINCE = timedelta(days=365)
"""How long what is in a stage has been there, where a test does not say."""
WHOLE = "verdict"
"""What stands for the verdict of the whole where a case names the rules that it expects something of."""
DEFAULT_ARTIFACT = {"path": "model.onnx", "uri": "s3://models/model.onnx", "sha256": "0" * 64, "size": 1}

Verdict = Literal["passed", "refused", "pending", "waived", "warned"]
VERDICTS = ("refused", "pending", "waived", "warned", "passed")
"""What a rule may say, the worst first. `warned` is what an `enforce: warn` would have refused."""


def _moment(value: object) -> datetime:
    """`2026-11-27T16:30:00Z`, or the clock of a zone: `2026-11-27 17:30 Europe/Berlin`."""
    if isinstance(value, datetime):
        return value
    if isinstance(value, str):
        local = re.fullmatch(r"([0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}) (\S+)", value, re.ASCII)
        try:
            if local is None:
                return moment_of(value)
            from gitstage.windows import zone

            return datetime.fromisoformat(local[1]).replace(tzinfo=zone(local[2])).astimezone(UTC)
        except Unfit:
            raise
        except (ValueError, OverflowError):
            pass
    raise Unfit(
        f"must be a moment such as 2026-11-27T16:30:00Z, not {validation.kind_of(value)}",
        "write it so, or by the clock of a zone: 2026-11-27 17:30 Europe/Berlin",
    )


def _version(value: object) -> Reference:
    """`MODEL@VERSION`, or `MODEL@STAGE`."""
    if isinstance(value, Reference):
        return value
    if not isinstance(value, str):
        raise Unfit(f"must be MODEL@VERSION, not {validation.kind_of(value)}")
    from gitstage.errors import GitstageError

    try:
        found = reference(value)
    except GitstageError as error:
        raise Unfit(error.message, error.hint) from None
    if found.name is None or found.back:
        raise Unfit(f"{value!r} names no version", f"write: {found.model}@1.0.0")
    return found


def _stay(value: object) -> object:
    return {"version": value} if isinstance(value, str) else value


def _review(value: object) -> object:
    return {"by": value} if isinstance(value, str) else value


def _people(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _expected(value: object) -> object:
    if isinstance(value, str) and value not in VERDICTS:
        near = validation.near_miss(value, VERDICTS)
        raise Unfit(f"must be one of {', '.join(VERDICTS)}, not {canonical.shown(value)}{near}")
    return {"verdict": value} if isinstance(value, str) else value


def _whole(value: object) -> object:
    return {WHOLE: value} if isinstance(value, str) else value


Moment = Annotated[datetime, PlainValidator(_moment)]
Versioned = Annotated[Reference, PlainValidator(_version)]
People = Annotated[tuple[PersonOrRole, ...], Field(strict=False), BeforeValidator(_people), AfterValidator(distinct)]


class _Part(Part):
    model_config = ConfigDict(alias_generator=lambda name: name.rstrip("_").replace("_", "-"))


class GivenVersion(_Part):
    """What a version's manifest says besides its name; what is left out is made up or missing."""

    artifacts: Annotated[tuple[Artifact, ...], Field(strict=False), AfterValidator(some)] | None = None
    format: Name | None = None
    metrics: Annotated[Mapping[Name, Number], AfterValidator(frozen)] = Field(default_factory=nothing)
    params: Annotated[Mapping[Name, Param], AfterValidator(frozen)] = Field(default_factory=nothing)
    data: Annotated[tuple[Data, ...], Field(strict=False)] = ()
    source: Source | None = None
    labels: Annotated[Mapping[Name, Annotated[str, Field(max_length=MAX_TEXT)]], AfterValidator(frozen)] = Field(
        default_factory=nothing
    )
    description: Text | None = None

    def manifest(self, model: str, version: str) -> bytes:
        """The bytes of the version's manifest."""
        said = {name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set}
        made = (Artifact(**DEFAULT_ARTIFACT),)  # type: ignore[arg-type]
        return canonical_bytes(
            ModelVersion(**{**said, "model": model, "version": version, "artifacts": self.artifacts or made})
        )


class Stay(_Part):
    """A version that came into a stage, and how long it stayed there, or has been there."""

    version: Versioned
    for_: Duration = LONG_SINCE


class GivenEvidence(_Part):
    """A statement about a version."""

    about: Versioned
    name: Slug
    result: Result = "PASSED"
    age: Duration = timedelta(hours=1)
    metrics: Annotated[Mapping[Name, Number], AfterValidator(frozen)] = Field(default_factory=nothing)
    signed_by: People = ()


class Review(_Part):
    """Somebody's approval of the change."""

    by: PersonOrRole
    age: Duration = timedelta(hours=1)


class GivenWaiver(_Part):
    """A waiver of a rule for the change, signed by somebody, and how long it is still good for."""

    rule: Annotated[str, Field(min_length=1)]
    by: PersonOrRole
    gate: Slug | None = None
    reason: Name = "as the case says"
    age: Duration = timedelta(hours=1)
    for_: Duration = timedelta(days=7)


class Given(_Part):
    """What is so before the change: stages by name, each with what came into it, one after the other."""

    stages: Annotated[
        Mapping[StageName, Annotated[tuple[Annotated[Stay, BeforeValidator(_stay)], ...], Field(strict=False)]],
        AfterValidator(frozen),
    ] = Field(default_factory=nothing)
    archived: Annotated[tuple[Versioned, ...], Field(strict=False)] = ()
    held: Annotated[tuple[Versioned, ...], Field(strict=False)] = ()
    evidence: Annotated[tuple[GivenEvidence, ...], Field(strict=False)] = ()
    approvals: Annotated[tuple[Annotated[Review, BeforeValidator(_review)], ...], Field(strict=False)] = ()
    waivers: Annotated[tuple[GivenWaiver, ...], Field(strict=False)] = ()

    def and_(self, more: Given) -> Given:
        """What is given here, and more: a stage that both name is as the latter says."""
        return Given(
            stages={**self.stages, **more.stages},
            archived=self.archived + more.archived,
            held=self.held + more.held,
            evidence=self.evidence + more.evidence,
            approvals=self.approvals + more.approvals,
            waivers=self.waivers + more.waivers,
        )


class Change(_Part):
    """What somebody proposes: one of these."""

    promote: Versioned | None = None
    rollback: Versioned | None = None
    archive: Versioned | None = None
    register_: Versioned | None = None
    unhold: Versioned | None = None
    to: Annotated[str, Field(min_length=1)] | None = None
    by: People = ()

    @model_validator(mode="after")
    def _one(self) -> Change:
        kinds = [name for name in CHANGES if getattr(self, CHANGES[name]) is not None]
        if len(kinds) != 1:
            raise Unfit(f"a change is one of {', '.join(CHANGES)}, not {' and '.join(kinds) or 'none of them'}")
        if (self.kind == "promote") != (self.to is not None) and self.kind != "rollback":
            raise Unfit(
                "a promotion goes to a stage" if self.to is None else f"{self.kind} goes to no stage",
                "write: {promote: MODEL@VERSION, to: production}",
            )
        return self

    @property
    def kind(self) -> str:
        """Which of them."""
        return next(name for name in CHANGES if getattr(self, CHANGES[name]) is not None)

    @property
    def what(self) -> Reference:
        """The version, or the slot."""
        found: Reference = getattr(self, CHANGES[self.kind])
        return found


CHANGES = {
    "promote": "promote",
    "rollback": "rollback",
    "archive": "archive",
    "register": "register_",
    "unhold": "unhold",
}


class ExpectedRule(_Part):
    """What a rule is expected to say: its verdict, words of its message, and when it opens."""

    verdict: Verdict
    says: Annotated[str, Field(min_length=1)] | None = None
    opens: Moment | None = None


Expected = Annotated[ExpectedRule, BeforeValidator(_expected)]


class Case(_Part):
    """One case."""

    name: Name
    now: Moment | None = None
    given: Given = Field(default_factory=Given)
    change: Change
    expect: Annotated[Mapping[Name, Expected], BeforeValidator(_whole), AfterValidator(some), AfterValidator(frozen)]

    @model_validator(mode="after")
    def _told(self) -> Case:
        if self.given.approvals and not self.change.by:
            raise Unfit("somebody approves a change that nobody made", "say in change who made it: by: alice")
        if self.given.waivers and self.change.kind != "promote":
            raise Unfit("only a promotion is waived anything")
        return self


class _File(_Part):
    """Tests of a policy."""

    api_version: Literal["gitstage/v1"] = Field(alias="apiVersion")
    kind: Literal["PolicyTest"]
    now: Moment
    versions: Annotated[Mapping[str, GivenVersion], AfterValidator(some), AfterValidator(frozen)]
    given: Given = Field(default_factory=Given)
    cases: Annotated[tuple[Case, ...], Field(strict=False), AfterValidator(some)]


@dataclass(frozen=True, kw_only=True)
class PolicyTest:
    """What a file says: the cases, each with all that is given, and the versions' manifests by model and version.

    `now` is the moment (UTC) of the cases that say no other.
    """

    now: datetime
    manifests: Mapping[tuple[str, str], bytes]
    cases: tuple[Case, ...]
    lines: Mapping[Location, int]

    def problem(self, message: str, *where: str | int, hint: str | None = None) -> Problem:
        """A problem with the line of the place that it is about."""
        return Problem(f"{validation.path_in_words(where)}{message}", canonical.line_in(self.lines, where), hint)


def read_policy_test(data: bytes) -> PolicyTest:
    """The tests that the bytes of a file say. Raises DocumentError with every problem, line and near miss."""
    document = canonical.parse(data)
    validation.check_header(document, data, ["PolicyTest"])
    file = validation.validated(_File, document, data)
    test = PolicyTest(
        now=file.now,
        manifests={},
        cases=tuple(case.model_copy(update={"given": file.given.and_(case.given)}) for case in file.cases),
        lines=canonical.lines_of(data),
    )
    manifests: dict[tuple[str, str], bytes] = {}
    problems: list[Problem] = []
    for name, said in file.versions.items():
        try:
            found = _version(name)
            manifests[found.model, str(found.name)] = said.manifest(found.model, str(found.name))
        except Unfit as error:
            problems.append(test.problem(str(error), "versions", name, hint=error.hint))
        except ValueError as error:  # pydantic's, of a name that is none
            problems.append(test.problem(_first(error), "versions", name))
    known = [f"{model}@{version}" for model, version in manifests]
    problems += [] if problems else _unknown(test, file, known)
    problems += _twice(test, file)
    if problems:
        raise DocumentError(problems)
    return PolicyTest(now=test.now, manifests=manifests, cases=test.cases, lines=test.lines)


def _first(error: Any) -> str:
    return str(error.errors()[0]["ctx"]["error"])


def _twice(test: PolicyTest, file: _File) -> list[Problem]:
    seen: set[str] = set()
    found = []
    for number, case in enumerate(file.cases):
        if case.name in seen:
            found.append(test.problem(f"{case.name!r} is there twice", "cases", number, "name"))
        seen.add(case.name)
    return found


def _unknown(test: PolicyTest, file: _File, known: list[str]) -> list[Problem]:
    """The versions that are named somewhere and stand not among the versions."""
    named: list[tuple[Location, Reference]] = list(_named(("given",), file.given))
    for number, case in enumerate(file.cases):
        named += _named(("cases", number, "given"), case.given)
        if case.change.kind in ("promote", "register", "unhold"):
            named.append((("cases", number, "change", case.change.kind), case.change.what))
        elif case.change.to is not None:
            named.append((("cases", number, "change", "to"), Reference(case.change.what.model, case.change.to)))
    return [
        test.problem(
            f"{found} is not among the versions{validation.near_miss(str(found), known)}",
            *where,
            hint=f"add it to versions, as {found}: {{}}",
        )
        for where, found in named
        if str(found) not in known
    ]


def _named(where: Location, given: Given) -> list[tuple[Location, Reference]]:
    found: list[tuple[Location, Reference]] = [
        ((*where, "stages", stage, number), stay.version)
        for stage, stays in given.stages.items()
        for number, stay in enumerate(stays)
    ]
    found += [((*where, "archived", number), version) for number, version in enumerate(given.archived)]
    found += [((*where, "held", number), version) for number, version in enumerate(given.held)]
    found += [((*where, "evidence", number, "about"), item.about) for number, item in enumerate(given.evidence)]
    return found
