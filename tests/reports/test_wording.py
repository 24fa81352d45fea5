from __future__ import annotations

from datetime import timedelta

import pytest

from gitstage.findings import Finding, Judgement, Report, Verdict
from gitstage.reports import wording
from tests.reports.stories import (
    ADVISED,
    AUC_DROPPED,
    AUC_IN_BOUNDS,
    BY_HAND,
    EMPTIED,
    EMPTY,
    NOT_TESTED,
    NOW,
    PASSED,
    PENDING,
    POLICY,
    REFUSED,
    REGISTERED,
    ROLLED_BACK,
    SOAKED,
    SOAKS,
    UNKNOWN_WHEN,
    promotion,
    report,
)

ADOPTED = Judgement(thing="production/toy", action="adopt", model="toy", stage="production", after="1.0.0", findings=())

NEW_VERSION = Judgement(thing="records/toy", action="register", model="toy", after="1.0.0", findings=())
NEW_VERSIONS = Judgement(thing="records/toy", action="register", model="toy", findings=())


@pytest.mark.parametrize(
    ("judgement", "said"),
    [
        (promotion(), "fraud-detector: production 1.0.0 → 1.1.0"),
        (ROLLED_BACK, "risk/churn: production 2.0.0 → 1.9.0 (rollback)"),
        (ADOPTED, "toy: production empty → 1.0.0 (adopt)"),
        (EMPTIED, "toy: staging 0.1.0 → empty"),
        (NEW_VERSION, "toy: registers 1.0.0"),
        (NEW_VERSIONS, "toy: registers versions"),
        (BY_HAND, "toy: production empty → no registered version"),
        (REGISTERED, "fraud-detector: records"),
        (POLICY, "policy"),
    ],
)
def test_a_headline_says_what_becomes_of_what(judgement: Judgement, said: str) -> None:
    assert wording.headline(judgement) == said


def test_advice_that_has_passed_is_only_passed() -> None:
    findings = [AUC_IN_BOUNDS.bind(advisory=True), ADVISED, NOT_TESTED.bind(advisory=True), SOAKS, AUC_DROPPED]
    assert [wording.weight(finding) for finding in findings] == ["passed", "warn", "warn", "pending", "refused"]


def test_what_weighs_most_comes_first_and_else_the_order_stays() -> None:
    found = (AUC_IN_BOUNDS, ADVISED, SOAKS, SOAKED, AUC_DROPPED, NOT_TESTED)
    assert wording.by_weight(found) == [AUC_DROPPED, SOAKS, NOT_TESTED, ADVISED, AUC_IN_BOUNDS, SOAKED]
    pending = promotion(SOAKS)
    assert wording.by_verdict([REGISTERED, pending, POLICY, EMPTIED, BY_HAND]) == [
        POLICY,
        BY_HAND,
        pending,
        REGISTERED,
        EMPTIED,
    ]


def test_a_path_is_told_from_the_repositorys_root() -> None:
    assert wording.location(PASSED, "gitstage.yaml") == "registry.example/gitstage.yaml"
    assert wording.location(PASSED, None) is None
    assert wording.location(Report(judgements=(), moment=NOW), "gitstage.yaml") == "gitstage.yaml"


def test_an_opening_says_when_and_how_long_that_is() -> None:
    assert wording.opening(NOW + timedelta(days=2), NOW) == "2026-11-26 10:40 UTC (in 2d)"
    assert wording.opening(NOW + timedelta(seconds=9), NOW) == "2026-11-24 10:40 UTC (in less than a minute)"
    assert wording.opening(NOW, NOW) == "2026-11-24 10:40 UTC (any moment)"


def test_a_hint_has_its_verb() -> None:
    assert wording.todo("gitstage withdraw m@production") == "type: gitstage withdraw m@production"
    assert wording.todo("did you mean gates?") == "next: did you mean gates?"


LATER = SOAKS.bind(rule="keep", opens=NOW + timedelta(hours=5))
ADVISED_LATER = SOAKS.bind(opens=NOW + timedelta(days=9), advisory=True)


@pytest.mark.parametrize(
    ("judged", "said"),
    [
        (EMPTY, "passed: nothing of a registry changes"),
        (PASSED, "passed: 4 changes"),
        (report(REGISTERED), "passed: 1 change"),
        (REFUSED, "refused: 3 of 4 changes"),
        (report(promotion(SOAKS), POLICY), "refused: 1 of 2 changes"),
        (PENDING, "pending until 2026-11-24 14:00 UTC (in 3h 20m): 1 of 1 change"),
        (
            report(REGISTERED, promotion(SOAKS), promotion(SOAKS, LATER, ADVISED_LATER)),
            "pending until 2026-11-24 15:40 UTC (in 5h): 2 of 3 changes",
        ),
        (UNKNOWN_WHEN, "pending: 1 of 1 change"),
    ],
)
def test_the_conclusion_counts_what_is_at_fault(judged: Report, said: str) -> None:
    assert wording.conclusion(judged) == said


def test_a_judgement_is_refused_by_a_finding_and_by_nothing_else() -> None:
    assert report(promotion(ADVISED)).verdict is Verdict.PASSED
    assert wording.conclusion(report(promotion(ADVISED, Finding(rule="x", verdict=Verdict.REFUSED, message="y")))) == (
        "refused: 1 of 1 change"
    )
