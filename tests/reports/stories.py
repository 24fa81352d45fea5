"""Reports that the tests of all formats tell: one that passed, was refused, is pending, is empty, is the first."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from gitstage.findings import Debt, Finding, Judgement, Report, Verdict

NOW = datetime(2026, 11, 24, 10, 40, tzinfo=UTC)
BASE, HEAD = "1a2b3c4d5e6f" + "0" * 28, "5d6e7f8a9b0c" + "0" * 28
MANIFEST = "models/fraud-detector/1.1.0.yaml"

REGISTERED = Judgement(thing="records/fraud-detector", action="records", model="fraud-detector", findings=())
AUC_IN_BOUNDS = Finding(
    rule="metrics",
    verdict=Verdict.PASSED,
    message="auc 0.953, min 0.9",
    path=MANIFEST,
    gate="fraud",
    value="0.953",
    threshold="min 0.9",
)
SOAKED = Finding(
    rule="soak",
    verdict=Verdict.PASSED,
    message="26 hours in staging of 24 hours",
    gate="standard",
    value="26h",
    threshold="24h",
)
AUC_DROPPED = Finding(
    rule="metrics",
    verdict=Verdict.REFUSED,
    message="auc 0.951 → 0.938, max-drop 0.002",
    path=MANIFEST,
    gate="fraud",
    value="0.951 → 0.938",
    threshold="max-drop 0.002",
)
SOAKS = Finding(
    rule="soak",
    verdict=Verdict.PENDING,
    message="20 hours 40 minutes in staging of 24 hours",
    gate="standard",
    value="20h40m",
    threshold="24h",
    opens=NOW + timedelta(hours=3, minutes=20),
)
NOT_TESTED = Finding(
    rule="evidence",
    verdict=Verdict.PENDING,
    message="no test-result called shadow-traffic",
    path="evidence/fraud-detector/1.1.0/shadow-traffic/",
    gate="fraud",
    threshold="test-result shadow-traffic",
    hint="gitstage attest fraud-detector@1.1.0 --type test-result --name shadow-traffic --result passed",
)
ADVISED = Finding(
    rule="metrics",
    verdict=Verdict.REFUSED,
    message="latency_p99_ms is missing",
    path=MANIFEST,
    gate="fraud",
    hint="register a version that has it: --metric latency_p99_ms=VALUE",
    advisory=True,
)
NEAR_MISS = Finding(
    rule="manifest-valid",
    verdict=Verdict.REFUSED,
    message="gatez is no key of gitstage.yaml",
    path="gitstage.yaml",
    line=7,
    hint="did you mean gates?",
)


def promotion(*findings: Finding, auc: float = 0.953) -> Judgement:
    """The judgement of fraud-detector's promotion from 1.0.0 to 1.1.0, with what was found."""
    return Judgement(
        thing="production/fraud-detector",
        action="promote",
        model="fraud-detector",
        stage="production",
        source="staging",
        before="1.0.0",
        after="1.1.0",
        metrics={"latency_p99_ms": (12.0, None), "auc": (0.951, auc), "f1": (None, 0.5)},
        findings=findings,
    )


def report(*judgements: Judgement, notes: tuple[str, ...] = (), elsewhere: tuple[str, ...] = ()) -> Report:
    """A report about a registry in a folder."""
    return Report(
        judgements=judgements,
        moment=NOW,
        registry="registry.example",
        base=BASE,
        head=HEAD,
        notes=notes,
        elsewhere=elsewhere,
    )


ROLLED_BACK = Judgement(
    thing="production/risk/churn",
    action="rollback",
    model="risk/churn",
    stage="production",
    before="2.0.0",
    after="1.9.0",
    findings=(),
)
EMPTIED = Judgement(thing="staging/toy", action="archive", model="toy", stage="staging", before="0.1.0", findings=())
BY_HAND = Judgement(
    thing="production/toy",
    action="promote",
    model="toy",
    stage="production",
    findings=(
        Finding(
            rule="slot-matches-version",
            verdict=Verdict.REFUSED,
            message="is byte for byte none of the registered versions of toy",
            path="production/toy.yaml",
            hint="gitstage withdraw toy@production",
        ),
    ),
)
POLICY = Judgement(thing="policy", action="policy", findings=(NEAR_MISS,))

PASSED = report(REGISTERED, promotion(AUC_IN_BOUNDS, SOAKED), ROLLED_BACK, EMPTIED)
REFUSED = report(
    REGISTERED,
    promotion(SOAKS, AUC_DROPPED, NOT_TESTED, ADVISED, SOAKED, auc=0.938),
    POLICY,
    BY_HAND,
    notes=("three commits, brought in by one merge, judged as one step",),
    elsewhere=("risk/churn: production waits for soak",),
)
PENDING = report(promotion(SOAKS, ADVISED, AUC_IN_BOUNDS))
UNKNOWN_WHEN = report(promotion(SOAKS, NOT_TESTED))
EMPTY = report()
FIRST = Report(
    judgements=(Judgement(thing="policy", action="policy", findings=()),), moment=NOW, head=HEAD, new_registry=True
)

WAIVED_SOAK = SOAKS.bind(
    verdict=Verdict.WAIVED,
    message="20 hours 40 minutes in staging of 24 hours; waived by alice until 2026-11-25T10:40:00Z: outage",
    opens=None,
    people=("alice",),
)
OWED = (
    Debt(kind="waiver", by=("alice",), due=NOW + timedelta(hours=72), rule="soak", gate="standard", reason="outage"),
    Debt(kind="rollback", by=("bob", "carol"), due=NOW - timedelta(hours=1)),
)
WAIVED = report(replace(promotion(WAIVED_SOAK, AUC_IN_BOUNDS), debts=OWED))

STORIES = {
    "passed": PASSED,
    "refused": REFUSED,
    "pending": PENDING,
    "unknown when": UNKNOWN_WHEN,
    "empty": EMPTY,
    "first": FIRST,
    "waived": WAIVED,
}
