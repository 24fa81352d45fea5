"""Evidence: in-toto statements about a version, plain or in a signed envelope; test results are written here too.

Statement v1 and test-result v0.1 as in https://github.com/in-toto/attestation (spec/v1, spec/predicates), provenance v1
and verification summary v1 as in https://slsa.dev/spec/v1.1. Their parsing rules say that unknown fields are ignored and
that a producer may add fields with names of its own. Ours are in the predicate of a test result: `gitstageMade`, the
moment of the measurement in UTC (RFC 3339), and `gitstageMetrics`, numbers by name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from gitstage import validation
from gitstage.canonical import DocumentError, Problem, Unfit
from gitstage.envelopes import envelope_in, read_envelope
from gitstage.fields import Number, Part, some
from gitstage.strictjson import json_object
from gitstage.values import dataclass, field, replace

STATEMENT = "https://in-toto.io/Statement/v1"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
PROVENANCE = "https://slsa.dev/provenance/v1"
VERIFICATION_SUMMARY = "https://slsa.dev/verification_summary/v1"
SHORT_NAMES: Mapping[str, str] = MappingProxyType(
    {TEST_RESULT: "test-result", PROVENANCE: "provenance", VERIFICATION_SUMMARY: "verification-summary"}
)
WITH_A_RESULT = frozenset({TEST_RESULT, VERIFICATION_SUMMARY})
"""Types of predicates that say how something came out. Of every other it counts that it is there."""
ABOUT_ARTIFACTS = frozenset({PROVENANCE, VERIFICATION_SUMMARY})
"""Types of predicates that other tools make, who have never heard of manifests and speak of artifacts."""

Result = Literal["PASSED", "WARNED", "FAILED"]


def _moment(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})",
        value,
        re.ASCII,
    ):
        raise Unfit(f"must be a moment such as 2026-11-23T14:00:00Z, not {validation.kind_of(value)}")
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unfit(f"{value!r} is no moment") from None


Moment = Annotated[datetime, BeforeValidator(_moment)]


class _Part(Part):
    model_config = ConfigDict(extra="ignore")


class _Subject(_Part):
    digest: Annotated[Mapping[str, str], AfterValidator(some)]


class _TestResult(_Part):
    result: Result
    configuration: list[dict[str, Any]]
    gitstageMetrics: dict[str, Number] = Field(default_factory=dict)  # noqa: N815
    gitstageMade: Moment | None = None  # noqa: N815


class _BuildDefinition(_Part):
    buildType: Annotated[str, Field(min_length=1)]  # noqa: N815
    externalParameters: dict[str, Any]  # noqa: N815


class _Somebody(_Part):
    id: Annotated[str, Field(min_length=1)]


class _Metadata(_Part):
    finishedOn: Moment | None = None  # noqa: N815


class _RunDetails(_Part):
    builder: _Somebody
    metadata: _Metadata = _Metadata()


class _Provenance(_Part):
    buildDefinition: _BuildDefinition  # noqa: N815
    runDetails: _RunDetails  # noqa: N815


class _VerificationSummary(_Part):
    verifier: _Somebody
    resourceUri: Annotated[str, Field(min_length=1)]  # noqa: N815
    verificationResult: Literal["PASSED", "FAILED"]  # noqa: N815
    timeVerified: Moment | None = None  # noqa: N815


class _Statement(_Part):
    type_: Literal["https://in-toto.io/Statement/v1"] = Field(alias="_type")
    subject: Annotated[list[_Subject], AfterValidator(some)]
    predicateType: Annotated[str, Field(min_length=1)]  # noqa: N815
    predicate: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Statement:
    """What a statement says.

    `subjects` are the SHA-256 digests of what it is about, `result` and `metrics` what was found, `made` when (UTC).
    Of a predicate that is not known here only its type is, and `type` is its whole URI. What is not `readable` any more
    stands where it stood, and is no success.
    """

    subjects: frozenset[str]
    predicate_type: str
    result: Result | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    made: datetime | None = None
    readable: bool = True

    @property
    def type(self) -> str:
        """The short name of the predicate's type where it has one: `test-result`."""
        return SHORT_NAMES.get(self.predicate_type, self.predicate_type)

    @property
    def is_success(self) -> bool:
        """Whether it says PASSED, or is of a type that says no result, and is there."""
        if self.predicate_type in WITH_A_RESULT:
            return self.result == "PASSED"
        return self.readable

    def is_about(self, digest: str, artifacts: frozenset[str] = frozenset()) -> bool:
        """Whether it is bound to the manifest with the SHA-256 `digest`, whose artifacts have the digests `artifacts`.

        What other tools make is bound by the artifacts too: where every one of them is among the subjects. One of two
        would not do, or a version could be put together of a part that was looked at and one that was not.
        """
        if digest in self.subjects:
            return True
        return self.predicate_type in ABOUT_ARTIFACTS and bool(artifacts) and artifacts <= self.subjects


def predicate_type(kind: str) -> str:
    """The URI of a type of predicate, which a policy may call by its short name."""
    return next((uri for uri, short in SHORT_NAMES.items() if short == kind), kind)


def payload_of(data: bytes) -> bytes:
    """The statement, as it was signed, that a file of `evidence/` holds: plain, or in an envelope. Raises DocumentError."""
    envelope = read_envelope(data)
    return data if envelope is None else envelope.payload


def read_statement(data: bytes) -> Statement:
    """The statement that a file of `evidence/` holds, in JSON, plain or in an envelope. Raises DocumentError.

    Who signed it is another question, and so is whether they did.
    """
    document = json_object(data)
    envelope = envelope_in(document)
    if envelope is None:
        return _statement(document, data)
    try:
        return _statement(json_object(envelope.payload), envelope.payload)
    except DocumentError as error:
        # The payload is one line of the file, whatever its own lines are.
        raise DocumentError(
            Problem(f"in the payload: {problem.message}", None, problem.hint) for problem in error.problems
        ) from None


def _statement(document: Mapping[str, object], data: bytes) -> Statement:
    statement = validation.validated(_Statement, document, data)
    subjects = frozenset(subject.digest["sha256"] for subject in statement.subject if "sha256" in subject.digest)
    said = Statement(subjects=subjects, predicate_type=statement.predicateType)
    predicate = statement.predicate
    if said.predicate_type == TEST_RESULT:
        tested = validation.validated(_TestResult, predicate, data, within=("predicate",))
        metrics = MappingProxyType(tested.gitstageMetrics)
        return replace(said, result=tested.result, metrics=metrics, made=tested.gitstageMade)
    if said.predicate_type == PROVENANCE:
        built = validation.validated(_Provenance, predicate, data, within=("predicate",))
        return replace(said, made=built.runDetails.metadata.finishedOn)
    if said.predicate_type == VERIFICATION_SUMMARY:
        verified = validation.validated(_VerificationSummary, predicate, data, within=("predicate",))
        return replace(said, result=verified.verificationResult, made=verified.timeVerified)
    return said


def test_result(
    model: str,
    version: str,
    manifest_sha256: str,
    name: str,
    result: str,
    metrics: Mapping[str, float],
    made: datetime,
    *,
    configuration: Sequence[Mapping[str, object]] = (),  # noqa: PT028 - it makes a test's result, and is none
    url: str | None = None,  # noqa: PT028
) -> bytes:
    """A statement that the test `name` of a version, known by the digest of its manifest, came out as `result`.

    `result` is PASSED, WARNED or FAILED, and `made` has a time zone. `configuration` are in-toto resource descriptors of what configured the test, `url` leads
    to the run. Raises DocumentError where `read_statement` would.
    """
    tests = {"PASSED": "passedTests", "WARNED": "warnedTests", "FAILED": "failedTests"}
    predicate: dict[str, object] = {
        "result": result,
        "configuration": [dict(descriptor) for descriptor in configuration],
        tests.get(result, result): [name],
        "gitstageMade": made.astimezone(UTC).isoformat().replace("+00:00", "Z"),
    }
    if metrics:
        predicate["gitstageMetrics"] = dict(metrics)
    if url is not None:
        predicate["url"] = url
    statement = {
        "_type": STATEMENT,
        "subject": [{"name": f"{model}@{version}", "digest": {"sha256": manifest_sha256}}],
        "predicateType": TEST_RESULT,
        "predicate": predicate,
    }
    data = (json.dumps(statement, indent=2, sort_keys=True) + "\n").encode()
    read_statement(data)
    return data


def deciding(
    statements: Sequence[tuple[int, Statement]],
    *,
    digest: str,
    now: datetime,
    artifacts: frozenset[str] = frozenset(),
) -> tuple[int, Statement] | None:
    """Of numbered statements of one name the one that decides at `now` about a manifest.

    `digest` is the manifest's SHA-256 and `artifacts` those of its artifacts, as `Statement.is_about` takes them. Where
    only some people's statements count, only those are given. The highest number decides. One about something else, or dated in the future, does not count; one dated before
    another that is already there never outranks it, so that an old success cannot be brought in after a failure. One
    without a date cannot show that it is newer than one with a date, and outranks it only where it is no success.
    """
    decides: tuple[int, Statement] | None = None
    newest: datetime | None = None
    for number, statement in sorted(statements, key=lambda numbered: numbered[0]):
        made = statement.made
        if not statement.is_about(digest, artifacts) or (made is not None and made > now):
            continue
        if newest is None or (made >= newest if made is not None else not statement.is_success):
            decides = number, statement
            newest = made or newest
    return decides
