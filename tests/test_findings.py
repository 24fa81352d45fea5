from __future__ import annotations

import itertools

import pytest

from gitstage.findings import EXIT_CODES, Debt, Finding, Judgement, Report, Verdict, worst
from tests.registries import MONDAY

PASSED, PENDING, REFUSED = Verdict.PASSED, Verdict.PENDING, Verdict.REFUSED


def finding(verdict: Verdict, *, advisory: bool = False) -> Finding:
    return Finding(rule="soak", verdict=verdict, message="1h of 24h", advisory=advisory)


def judgement(*findings: Finding) -> Judgement:
    return Judgement(thing="production/m", action="promote", findings=findings)


@pytest.mark.parametrize(
    ("verdicts", "verdict"),
    [
        ([], PASSED),
        ([PASSED], PASSED),
        ([PASSED, PENDING], PENDING),
        ([PENDING, REFUSED, PASSED], REFUSED),
        ([PASSED, Verdict.WAIVED], PASSED),
        ([Verdict.WAIVED, PENDING], PENDING),
    ],
)
def test_refused_comes_before_pending_before_passed(verdicts: list[Verdict], verdict: Verdict) -> None:
    for order in itertools.permutations(verdicts):
        assert worst(list(order)) is verdict
        assert judgement(*map(finding, order)).verdict is verdict
        report = Report(judgements=tuple(judgement(finding(found)) for found in order), moment=MONDAY)
        assert (report.verdict, report.exit_code) == (verdict, EXIT_CODES[verdict])
        assert report.passed is (verdict is PASSED)


def test_what_is_advised_refuses_nothing() -> None:
    assert judgement(finding(REFUSED, advisory=True), finding(PENDING, advisory=True)).verdict is PASSED
    assert judgement(finding(REFUSED, advisory=True), finding(PENDING)).verdict is PENDING


def test_a_finding_is_bound_to_other_fields_and_stays_as_it_was() -> None:
    found = finding(REFUSED)
    assert found.bind(verdict=PENDING, path="x") == Finding(rule="soak", verdict=PENDING, message="1h of 24h", path="x")
    assert found == finding(REFUSED)


def test_exit_codes_are_those_of_the_manual() -> None:
    assert EXIT_CODES == {PASSED: 0, REFUSED: 1, PENDING: 4}
    assert [str(verdict) for verdict in Verdict] == ["passed", "refused", "pending", "waived"]


def test_a_debt_says_what_was_done_and_by_whom() -> None:
    assert Debt(kind="waiver", by=("alice", "bob"), rule="soak").in_words == "waiver of soak by alice, bob"
    assert Debt(kind="rollback", by=("carol",)).in_words == "rollback by carol"
