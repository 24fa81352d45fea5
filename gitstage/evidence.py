"""Evidence: in-toto statements about a version, of which the test result is read and written here.

Statement v1 and test-result v0.1 as in https://github.com/in-toto/attestation (spec/v1, spec/predicates). Their parsing
rules say that unknown fields are ignored and that a producer may add fields with names of its own. Ours are in the
predicate: `gitstageMade`, the moment of the measurement in UTC (RFC 3339), and `gitstageMetrics`, numbers by name.
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
from gitstage.canonical import Unfit
from gitstage.fields import Number, Part, some
from gitstage.strictjson import json_object
from gitstage.values import dataclass, field

STATEMENT = "https://in-toto.io/Statement/v1"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
SHORT_NAMES: Mapping[str, str] = MappingProxyType({TEST_RESULT: "test-result"})

Result = Literal["PASSED", "WARNED", "FAILED"]


def _moment(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})",
        value,
        re.ASCII,
    ):
        raise Unfit(f"must be a moment such as 2026-11-23T14:00:00Z, not {validation.kind_of(value)}")
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unfit(f"{value!r} is no moment") from None


class _Part(Part):
    model_config = ConfigDict(extra="ignore")


class _Subject(_Part):
    digest: Annotated[Mapping[str, str], AfterValidator(some)]


class _TestResult(_Part):
    result: Result
    configuration: list[dict[str, Any]]
    gitstageMetrics: dict[str, Number] = Field(default_factory=dict)  # noqa: N815
    gitstageMade: Annotated[datetime, BeforeValidator(_moment)] | None = None  # noqa: N815


class _Statement(_Part):
    type_: Literal["https://in-toto.io/Statement/v1"] = Field(alias="_type")
    subject: Annotated[list[_Subject], AfterValidator(some)]
    predicateType: Annotated[str, Field(min_length=1)]  # noqa: N815
    predicate: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Statement:
    """What a statement says.

    `subjects` are the SHA-256 digests of what it is about, `result` and `metrics` what was found, `made` when (UTC).
    Of a predicate other than test-result only its type is known, and `type` is its whole URI.
    """

    subjects: frozenset[str]
    predicate_type: str
    result: Result | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    made: datetime | None = None

    @property
    def type(self) -> str:
        """The short name of the predicate's type where it has one: `test-result`."""
        return SHORT_NAMES.get(self.predicate_type, self.predicate_type)


def read_statement(data: bytes) -> Statement:
    """The statement that a file of `evidence/` holds, in JSON. Raises DocumentError."""
    statement = validation.validated(_Statement, json_object(data), data)
    subjects = frozenset(subject.digest["sha256"] for subject in statement.subject if "sha256" in subject.digest)
    if statement.predicateType != TEST_RESULT:
        return Statement(subjects=subjects, predicate_type=statement.predicateType)
    tested = validation.validated(_TestResult, statement.predicate, data, within=("predicate",))
    return Statement(
        subjects=subjects,
        predicate_type=TEST_RESULT,
        result=tested.result,
        metrics=MappingProxyType(tested.gitstageMetrics),
        made=tested.gitstageMade,
    )


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
    statements: Sequence[tuple[int, Statement]], *, digest: str, now: datetime
) -> tuple[int, Statement] | None:
    """Of numbered statements of one name the one that decides at `now` about the manifest with the SHA-256 `digest`.

    The highest number decides. One about something else, or dated in the future, does not count; one dated before
    another that is already there never outranks it, so that an old success cannot be brought in after a failure. One
    without a date cannot show that it is newer than one with a date, and outranks it only where it is no success.
    """
    decides: tuple[int, Statement] | None = None
    newest: datetime | None = None
    for number, statement in sorted(statements, key=lambda numbered: numbered[0]):
        made = statement.made
        if digest not in statement.subjects or (made is not None and made > now):
            continue
        if newest is None or (made >= newest if made is not None else statement.result != "PASSED"):
            decides = number, statement
            newest = made or newest
    return decides
