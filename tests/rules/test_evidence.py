from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from gitstage.evidence import Result
from gitstage.findings import Verdict
from gitstage.policy import Gate, read_policy
from gitstage.rules import evidence
from gitstage.rules.cases import Answer
from gitstage.rules.voices import Voices
from tests.registries import (
    MONDAY,
    Content,
    believing,
    gated,
    manifest,
    peopled,
    provenance,
    signed_by,
    slot_case,
    statement,
)

TWO = manifest("m", "1.1.0")
FOLDER = "evidence/m/1.1.0/shadow-traffic/"
HINT = "gitstage attest m@1.1.0 --type test-result --name shadow-traffic --result passed"


def gate(**more: str) -> Gate:
    rule = {"type": "test-result", "name": "shadow-traffic", **more}
    return read_policy(gated(evidence=[rule])).gates["standard"]


def said(files: dict[str, Content], asked: Gate) -> list[Answer]:
    case = slot_case(edits={f"{FOLDER}{name}": content for name, content in files.items()})
    return list(evidence.gate(case, asked))


def test_evidence_that_passed_passes() -> None:
    assert said({"1.json": statement(TWO)}, gate()) == [
        Answer(
            verdict=Verdict.PASSED,
            message="shadow-traffic says PASSED",
            value="PASSED",
            threshold="PASSED",
            path=f"{FOLDER}1.json",
        )
    ]


@pytest.mark.parametrize("result", ["FAILED", "WARNED"])
def test_anything_but_passed_refuses(result: Result) -> None:
    assert said({"1.json": statement(TWO), "2.json": statement(TWO, result=result)}, gate()) == [
        Answer(
            message=f"shadow-traffic says {result}",
            value=result,
            threshold="PASSED",
            path=f"{FOLDER}2.json",
        )
    ]


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"1.json": statement(manifest("m", "1.0.0"))},
        {"1.json": statement(TWO, made=MONDAY + timedelta(hours=1))},
    ],
)
def test_evidence_that_is_missing_is_pending(files: dict[str, Content]) -> None:
    assert said(files, gate()) == [
        Answer(
            verdict=Verdict.PENDING,
            message="no test-result called shadow-traffic",
            path=FOLDER,
            threshold="test-result shadow-traffic",
            hint=HINT,
        )
    ]


@pytest.mark.parametrize(
    ("made", "answer"),
    [
        (
            MONDAY - timedelta(days=30),
            Answer(
                verdict=Verdict.PASSED,
                message="shadow-traffic says PASSED",
                value="PASSED",
                threshold="PASSED",
                path=f"{FOLDER}1.json",
            ),
        ),
        (
            MONDAY - timedelta(days=30, hours=1),
            Answer(
                verdict=Verdict.PENDING,
                message="shadow-traffic is 30d1h old, at most 30d",
                value="30d1h",
                threshold="30d",
                path=f"{FOLDER}1.json",
                hint=HINT,
            ),
        ),
        (None, Answer(message="shadow-traffic does not say when it was made", path=f"{FOLDER}1.json", hint=HINT)),
    ],
)
def test_evidence_grows_old(made: datetime | None, answer: Answer) -> None:
    assert said({"1.json": statement(TWO, made=made)}, gate(**{"max-age": "30d"})) == [answer]


def test_evidence_without_a_date_is_good_where_no_age_is_asked() -> None:
    (answer,) = said({"1.json": statement(TWO, made=None)}, gate())
    assert answer.verdict is Verdict.PASSED


def test_a_rule_that_warns_only_advises() -> None:
    (answer,) = said({"1.json": statement(TWO, result="FAILED")}, gate(enforce="warn"))
    assert (answer.verdict, answer.advisory) == (Verdict.REFUSED, True)


def test_a_statement_that_says_nothing_we_know_refuses() -> None:
    other = statement(TWO).replace(b"test-result/v0.1", b"vuln/v0.1")
    (answer,) = said({"1.json": other}, gate())
    assert answer.message == "no test-result called shadow-traffic"


def test_every_rule_of_a_gate_answers() -> None:
    rules = [{"type": "test-result", "name": name} for name in ("shadow-traffic", "load-test")]
    asked = read_policy(gated(evidence=rules)).gates["standard"]
    answers = [(answer.about, answer.verdict) for answer in said({"1.json": statement(TWO)}, asked)]
    assert answers == [("shadow-traffic", Verdict.PASSED), ("load-test", Verdict.PENDING)]


def test_only_the_records_that_passed_are_read() -> None:
    case = slot_case(edits={f"{FOLDER}1.json": statement(TWO)})
    case = slot_case(edits={f"{FOLDER}1.json": statement(TWO)}, passed=case.base)
    (answer,) = evidence.gate(case, gate())
    assert answer.verdict is Verdict.PENDING


def test_a_statement_that_cannot_be_read_any_more_refuses() -> None:
    (answer,) = said({"1.json": statement(TWO), "2.json": "{"}, gate())
    assert (answer.message, answer.verdict) == ("shadow-traffic says nothing", Verdict.REFUSED)


BUILD = "https://slsa.dev/provenance/v1"


def test_a_kind_of_statement_that_says_no_result_has_to_be_there() -> None:
    there = Answer(
        verdict=Verdict.PASSED,
        message="shadow-traffic is there",
        value="there",
        threshold="there",
        path=f"{FOLDER}1.json",
    )
    assert said({"1.json": provenance("0" * 64)}, gate(type="provenance")) == [there]
    assert said({"1.json": provenance("0" * 64)}, gate(type=BUILD)) == [there]
    missing = Answer(
        verdict=Verdict.PENDING,
        message="no provenance called shadow-traffic",
        path=FOLDER,
        threshold="provenance shadow-traffic",
        hint="gitstage attest m@1.1.0 --type provenance --name shadow-traffic --file STATEMENT.json",
    )
    assert said({"1.json": provenance("1" * 64)}, gate(type="provenance")) == [missing]
    assert said({"1.json": statement(TWO)}, gate(type="provenance")) == [missing]


def test_one_that_cannot_be_read_any_more_is_not_there() -> None:
    files: dict[str, Content] = {"1.json": provenance("0" * 64), "2.json": "{"}
    assert said(files, gate(type="provenance")) == [
        Answer(message="shadow-traffic says nothing", value="nothing", threshold="PASSED", path=f"{FOLDER}2.json")
    ]


# Who signed it


def signed(files: dict[str, Content], by: str = "compliance", **top: Any) -> list[Answer]:
    rule = {"type": "test-result", "name": "shadow-traffic", "signed-by": by}
    policy = peopled({"evidence": [rule]}, **top)
    voices = Voices(policy=read_policy(policy), now=MONDAY, signed_by=believing)
    edits: dict[str, Content | None] = {f"{FOLDER}{name}": content for name, content in files.items()}
    case = slot_case(edits=edits, policy=policy, voices=voices)
    return list(evidence.gate(case, case.policy.gates["standard"]))


@pytest.mark.parametrize(
    ("files", "verdict", "message"),
    [
        ({"1.json": signed_by(statement(TWO), "bob")}, Verdict.PASSED, "shadow-traffic says PASSED"),
        ({"1.json": signed_by(statement(TWO), "alice", "bob")}, Verdict.PASSED, "shadow-traffic says PASSED"),
        (
            {"1.json": statement(TWO)},
            Verdict.PENDING,
            "no test-result called shadow-traffic signed by compliance; 1.json: not signed",
        ),
        (
            {"1.json": signed_by(statement(TWO), "alice")},
            Verdict.PENDING,
            "no test-result called shadow-traffic signed by compliance; 1.json: signed by alice",
        ),
        (
            {"1.json": signed_by(statement(TWO), "mallory")},
            Verdict.PENDING,
            (
                "no test-result called shadow-traffic signed by compliance; "
                "1.json: signed with a key that nobody in gitstage.yaml has"
            ),
        ),
        (
            {"1.json": signed_by(statement(TWO), "bob"), "2.json": signed_by(statement(TWO, result="FAILED"), "carol")},
            Verdict.REFUSED,
            "shadow-traffic says FAILED",
        ),
        (
            {"1.json": signed_by(statement(TWO), "bob"), "2.json": statement(TWO, result="FAILED")},
            Verdict.PASSED,
            "shadow-traffic says PASSED",
        ),
        (
            {"1.json": signed_by(statement(TWO, result="FAILED"), "bob"), "2.json": statement(TWO)},
            Verdict.REFUSED,
            "shadow-traffic says FAILED",
        ),
        (
            {"1.json": signed_by(statement(manifest("m", "1.0.0")), "bob")},
            Verdict.PENDING,
            "no test-result called shadow-traffic signed by compliance",
        ),
    ],
)
def test_only_what_those_people_signed_is_ranked(files: dict[str, Content], verdict: Verdict, message: str) -> None:
    (answer,) = signed(files)
    assert (answer.verdict, answer.message) == (verdict, message)


def test_owners_are_those_of_the_model() -> None:
    (answer,) = signed({"1.json": signed_by(statement(TWO), "carol")}, by="owners")
    assert answer == Answer(
        verdict=Verdict.PENDING,
        message="no test-result called shadow-traffic signed by owners; 1.json: signed by carol",
        path=FOLDER,
        threshold="test-result shadow-traffic",
        hint=f"{HINT} --sign KEY",
    )
    others = {"**": {"owners": ["risk"]}, "m": {"owners": ["compliance"]}}
    (answer,) = signed({"1.json": signed_by(statement(TWO), "carol")}, by="owners", models=others)
    assert answer.verdict is Verdict.PASSED


def test_of_many_that_do_not_count_some_are_named() -> None:
    (answer,) = signed({f"{number}.json": statement(TWO, x=number) for number in range(1, 6)})
    assert answer.message == (
        "no test-result called shadow-traffic signed by compliance; "
        "1.json: not signed; 2.json: not signed; 3.json: not signed"
    )
    (answer,) = signed({"1.json": signed_by(statement(TWO), "dave", "alice")})
    assert answer.message == "no test-result called shadow-traffic signed by compliance; 1.json: signed by alice, dave"
