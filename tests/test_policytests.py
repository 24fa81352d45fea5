from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gitstage.canonical import DocumentError
from gitstage.manifest import read_version
from gitstage.policytests import (
    Case,
    Change,
    ExpectedRule,
    Given,
    GivenEvidence,
    Stay,
    read_policy_test,
)
from gitstage.references import Reference

FULL = """\
apiVersion: gitstage/v1
kind: PolicyTest
now: 2026-11-25 10:00 Europe/Berlin
versions:
  risk/fraud@1.0.0: {metrics: {auc: 0.95}}
  risk/fraud@1.1.0:
    metrics: {auc: 0.96}
    params: {depth: 6}
    labels: {license: cc-by}
    format: onnx
    description: Better.
    data: [{name: transactions}]
    source: {repository: https://example.com/fraud}
    artifacts:
    - {path: a.bin, uri: "file:///a.bin", sha256: "%s", size: 7}
given:
  stages:
    production: [risk/fraud@1.0.0]
  archived: [risk/fraud@1.0.0]
cases:
- name: a better one serves
  given:
    stages:
      staging: [{version: risk/fraud@1.1.0, for: 30h}]
    held: [risk/fraud@1.0.0]
    evidence:
    - {about: risk/fraud@1.1.0, name: shadow, result: FAILED, age: 2d, metrics: {p99: 18}}
    - {about: risk/fraud@1.1.0, name: shadow}
  change: {promote: risk/fraud@1.1.0, to: production}
  expect: passed
- name: another moment
  now: 2026-11-27T17:30:00+01:00
  change: {archive: risk/fraud@production}
  expect:
    owner: refused
    windows: {verdict: pending, says: deny, opens: 2026-11-30T07:00:00Z}
""" % ("1" * 64)  # fmt: skip

OLD, NEW = Reference("risk/fraud", "1.0.0"), Reference("risk/fraud", "1.1.0")
NOW = datetime(2026, 11, 25, 9, tzinfo=UTC)


def problems(text: str) -> list[tuple[str, int | None, str | None]]:
    with pytest.raises(DocumentError) as caught:
        read_policy_test(text.encode())
    return [(problem.message, problem.line, problem.hint) for problem in caught.value.problems]


def least(cases: str, *, versions: str = "{m@1.0.0: {}}", more: str = "") -> str:
    """A file with some cases; the cases begin in line 6."""
    head = f"apiVersion: gitstage/v1\nkind: PolicyTest\nnow: 2026-11-25T09:00:00Z\nversions: {versions}\ncases:{more}\n"
    return head + cases


def case(change: str = "{promote: m@1.0.0, to: production}", *, more: str = "", expect: str = "passed") -> str:
    return f"- name: one\n  change: {change}\n  expect: {expect}\n{more}"


def test_everything_that_a_file_can_say_is_read() -> None:
    test = read_policy_test(FULL.encode())
    common = {"production": (Stay(version=OLD),)}
    assert test.now == NOW
    assert test.cases == (
        Case(
            name="a better one serves",
            given=Given(
                stages={**common, "staging": (Stay(version=NEW, for_=timedelta(hours=30)),)},
                archived=(OLD,),
                held=(OLD,),
                evidence=(
                    GivenEvidence(
                        about=NEW, name="shadow", result="FAILED", age=timedelta(days=2), metrics={"p99": 18}
                    ),
                    GivenEvidence(about=NEW, name="shadow"),
                ),
            ),
            change=Change(promote=NEW, to="production"),
            expect={"verdict": ExpectedRule(verdict="passed")},
        ),
        Case(
            name="another moment",
            now=datetime(2026, 11, 27, 16, 30, tzinfo=UTC),
            given=Given(stages=common, archived=(OLD,)),
            change=Change(archive=Reference("risk/fraud", "production")),
            expect={
                "owner": ExpectedRule(verdict="refused"),
                "windows": ExpectedRule(verdict="pending", says="deny", opens=datetime(2026, 11, 30, 7, tzinfo=UTC)),
            },
        ),
    )


def test_versions_are_manifests() -> None:
    manifests = read_policy_test(FULL.encode()).manifests
    assert list(manifests) == [("risk/fraud", "1.0.0"), ("risk/fraud", "1.1.0")]
    old, new = (read_version(data) for data in manifests.values())
    assert (old.model, old.version, dict(old.metrics), len(old.artifacts)) == ("risk/fraud", "1.0.0", {"auc": 0.95}, 1)
    assert (new.format, new.description, dict(new.params), dict(new.labels)) == (
        "onnx", "Better.", {"depth": 6}, {"license": "cc-by"},
    )  # fmt: skip
    assert ([data.name for data in new.data], new.artifacts[0].path) == (["transactions"], "a.bin")
    assert new.source is not None


def test_a_stage_that_a_case_names_is_as_the_case_says() -> None:
    text = least(case(more="  given: {stages: {production: []}}\n"), more="").replace(
        "cases:", "given: {stages: {production: [m@1.0.0], staging: [m@1.0.0]}}\ncases:"
    )
    (only,) = read_policy_test(text.encode()).cases
    assert only.given.stages == {"production": (), "staging": (Stay(version=Reference("m", "1.0.0")),)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            least(case(expect="passd")),
            [("cases[0].expect.verdict: must be one of refused, pending, waived, warned, passed, not 'passd'; did you mean 'passed'?", 8, None)],
        ),
        (least(case(expect="{soak: maybe}")), [("cases[0].expect.soak: must be one of refused, pending, waived, warned, passed, not 'maybe'", 8, None)]),
        (least(case(expect="{}")), [("must not be empty", 8, None)]),
        (least(case(more="  givn: {}\n")), [("in cases[0]: unknown key 'givn'; did you mean 'given'?", 9, None)]),
        (least("- {name: one, expect: passed}\n"), [("in cases[0]: the key 'change' is missing", 6, None)]),
        (
            least(case("{}")),
            [("cases[0].change: a change is one of promote, rollback, archive, register, unhold, not none of them", 7, None)],
        ),
        (
            least(case("{promote: m@1.0.0, archive: m@staging, to: staging}")),
            [("cases[0].change: a change is one of promote, rollback, archive, register, unhold, not promote and archive", 7, None)],
        ),
        (
            least(case("{promote: m@1.0.0}")),
            [("cases[0].change: a promotion goes to a stage", 7, "write: {promote: MODEL@VERSION, to: production}")],
        ),
        (
            least(case("{register: m@1.0.0, to: staging}")),
            [("cases[0].change: register goes to no stage", 7, "write: {promote: MODEL@VERSION, to: production}")],
        ),
        (
            least(case("{promote: m, to: production}")),
            [("cases[0].change.promote: 'm' names no version", 7, "write: m@1.0.0")],
        ),
        (least(case("{promote: 7, to: production}")), [("cases[0].change.promote: must be MODEL@VERSION, not the number 7", 7, None)]),
        (
            least(case("{rollback: m@production~1}")),
            [("cases[0].change.rollback: 'm@production~1' names no version", 7, "write: m@1.0.0")],
        ),
        (least(case("{archive: ../m@staging}")), [("cases[0].change.archive: '../m@staging' names no model", 7, "a reference looks like fraud-detector@1.1.0")]),
        (
            least(case("{promote: m@1.0.1, to: production}")),
            [("cases[0].change.promote: m@1.0.1 is not among the versions; did you mean 'm@1.0.0'?", 7, "add it to versions, as m@1.0.1: {}")],
        ),
        (
            least(case("{rollback: m@production, to: 0.9.0}")),
            [("cases[0].change.to: m@0.9.0 is not among the versions", 7, "add it to versions, as m@0.9.0: {}")],
        ),
        (
            least(case(more="  given: {archived: [n@1.0.0], held: [n@1.0.0], evidence: [{about: n@1.0.0, name: x}], stages: {a: [n@1.0.0]}}\n")),
            [(f"cases[0].given.{where}: n@1.0.0 is not among the versions", 9, "add it to versions, as n@1.0.0: {}") for where in ("stages.a[0]", "archived[0]", "held[0]", "evidence[0].about")],
        ),
        (
            least(case() + case()),
            [("cases[1].name: 'one' is there twice", 9, None)],
        ),
        (least(case(), versions="{m: {}}"), [("versions.m: 'm' names no version", 4, "write: m@1.0.0")]),
        (least(case(), versions="{m@one: {}}"), [("versions.m@one: 'one' is not a semantic version such as 1.2.0", 4, None)]),
        (
            least(case(), versions="{m@1.0.0: {metrcs: {}}}"),
            [("in versions.m@1.0.0: unknown key 'metrcs'; did you mean 'metrics'?", 4, None)],
        ),
        (
            least(case(more="  now: tomorrow\n")),
            [("cases[0].now: must be a moment such as 2026-11-27T16:30:00Z, not 'tomorrow'", 9, "write it so, or by the clock of a zone: 2026-11-27 17:30 Europe/Berlin")],
        ),
        (least(case(more="  now: 2026-11-27T16:30:00\n")), [("cases[0].now: must be a moment such as 2026-11-27T16:30:00Z", 9, "write it so, or by the clock of a zone: 2026-11-27 17:30 Europe/Berlin")]),
        (least(case(more="  now: 2026-13-27 16:30 UTC\n")), [("cases[0].now: must be a moment such as 2026-11-27T16:30:00Z", 9, "write it so, or by the clock of a zone: 2026-11-27 17:30 Europe/Berlin")]),
        (least(case(more="  now: 7\n")), [("cases[0].now: must be a moment such as 2026-11-27T16:30:00Z, not the number 7", 9, "write it so, or by the clock of a zone: 2026-11-27 17:30 Europe/Berlin")]),
        (least(case(more="  now: 2026-11-27 16:30 Europe/Berln\n")), [("cases[0].now: 'Europe/Berln' is no time zone; did you mean 'Europe/Berlin'?", 9, "names are those of the IANA database: Europe/Berlin, UTC")]),
        ("apiVersion: gitstage/v1\nkind: PolicyTests\n", [("kind must be PolicyTest, not 'PolicyTests'; did you mean 'PolicyTest'?", 2, "write: kind: PolicyTest")]),
        (
            least(case(more="  given: {approvals: [bob]}\n")),
            [("cases[0]: somebody approves a change that nobody made", 6, "say in change who made it: by: alice")],
        ),
        (
            least(case("{archive: m@staging}", more="  given: {waivers: [{rule: soak, by: bob}]}\n")),
            [("cases[0]: only a promotion is waived anything", 6, None)],
        ),
        (least(case("{promote: m@1.0.0, to: production, by: [a, a]}")), [("cases[0].change.by: 'a' is there twice", 7, None)]),
        (least("", more=" []"), [("cases: must not be empty", 5, None)]),
    ],
)  # fmt: skip
def test_what_is_no_test_is_refused_with_its_line(
    text: str, expected: list[tuple[str, int | None, str | None]]
) -> None:
    found = problems(text)
    assert [(line, hint) for _, line, hint in found] == [(line, hint) for _, line, hint in expected]
    for (message, _, _), (said, _, _) in zip(found, expected, strict=True):
        assert said in message


def test_the_example_of_the_manual_is_a_test() -> None:
    page = (Path(__file__).parents[1] / "docs" / "reference" / "policy-tests.md").read_text("utf-8")
    (example,) = (block.split("```")[0] for block in page.split("```yaml\n")[1:])
    assert len(read_policy_test(example.encode()).cases) >= 2
