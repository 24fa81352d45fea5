from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gitstage.errors import GitstageError, NoSuchThing
from gitstage.findings import Finding, Judgement, Verdict
from gitstage.layout import Slot
from gitstage.operations import explain
from gitstage.operations.explain import Row, Way
from gitstage.policy import Stage
from tests.operations.stories import Story

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
JUDGED = Judgement(thing="production/m", action="promote", findings=(), model="m", stage="production", after="1.1.0")
PRODUCTION = Stage.model_validate({"from": ["registered", "staging"]}, by_alias=True)
WAIVED = Stage.model_validate({"from": ["staging"], "waivers": {"by": ["owners", "oncall"]}}, by_alias=True)
FIRST = Stage.model_validate({"from": ["registered"]}, by_alias=True)
WAIVE = "gitstage waive m@1.1.0 --rule {} --for production --until DATE --reason … --sign KEY"


def finding(rule: str, verdict: Verdict = Verdict.REFUSED, **fields: object) -> Finding:
    return Finding(rule=rule, verdict=verdict, message="so it is").bind(**fields)


def test_each_rule_of_a_promotion_has_a_row(served: Story) -> None:
    before = served.refs()
    found = explain.run(served.registry(), "fraud-detector@1.2.0", to="production")
    assert (found.slot, found.verdict, found.rows, found.silent, found.effect, found.waiver) == (
        Slot("fraud-detector", "production"),
        Verdict.PASSED,
        (),
        ("slot-matches-version", "stage-order", "leaves-archived", "held", "known-path", "policy-alone"),
        None,
        None,
    )
    assert found.moment == served.now
    assert found.judgement is not None
    assert (found.judgement.before, found.judgement.after, found.judgement.source) == ("1.1.0", "1.2.0", "staging")
    assert served.refs() == before


def test_what_is_wrong_with_the_models_records_is_a_row_too(served: Story) -> None:
    served.write("models/fraud-detector/notes.txt", "notes\n")
    served.commit("notes")
    found = explain.run(served.registry(), "fraud-detector@1.2.0", to="production")
    assert found.verdict is not Verdict.PASSED
    assert "known-path" in {row.finding.rule for row in found.rows}
    assert "known-path" not in found.silent


def test_what_the_trunk_changed_otherwise_is_a_row_too(served: Story) -> None:
    served.git("switch", "--quiet", "--create", "topic")
    served.register("fraud-detector", "1.3.0", auc=0.96)
    served.git("switch", "--quiet", "main")
    served.register("fraud-detector", "1.3.0", auc=0.97)
    served.git("switch", "--quiet", "topic")
    found = explain.run(served.registry(), "fraud-detector@1.2.0", to="production")
    assert ("conflict", "models/fraud-detector/1.3.0.yaml") in {
        (row.finding.rule, row.finding.path) for row in found.rows
    }
    assert found.verdict is Verdict.REFUSED


def test_what_is_in_effect_already_says_since_when(served: Story) -> None:
    found = explain.run(served.registry(), "fraud-detector@1.1.0", to="production")
    assert found.judgement is None
    assert found.effect is not None
    assert (found.effect.after, found.verdict, found.rows) == ("1.1.0", Verdict.PASSED, ())


def test_what_is_not_there_cannot_be_explained(served: Story) -> None:
    with pytest.raises(NoSuchThing):
        explain.run(served.registry(), "fraud-detector@9.9.9", to="production")
    with pytest.raises(NoSuchThing):
        explain.run(served.registry(), "fraud-detector", to="live")
    for pattern in ("*", "fraud-?etector", "fraud-*@staging"):
        with pytest.raises(GitstageError, match="one promotion is explained at a time"):
            explain.run(served.registry(), pattern, to="production")


@pytest.mark.parametrize(
    ("said", "stage", "ways"),
    [
        (finding("metrics", Verdict.PASSED, hint="gitstage status"), PRODUCTION, []),
        (finding("soak", Verdict.PENDING, opens=NOON), PRODUCTION, []),
        (finding("soak"), PRODUCTION, [Way(words="a stay in staging", command="gitstage promote m@1.1.0 --to staging")]),
        (
            finding("stage-order", hint="gitstage withdraw m@production"),
            PRODUCTION,
            [Way(words="to take effect in staging first", command="gitstage promote m@1.1.0 --to staging")],
        ),
        (finding("stage-order", hint="gitstage withdraw m@production"), FIRST, [Way(words="this", command="gitstage withdraw m@production")]),
        (finding("stage-order"), None, []),
        (finding("metrics", threshold="min 0.9"), PRODUCTION, [Way(words="a version that keeps to min 0.9")]),
        (
            finding("metrics", about="auc", hint="register a version that has it"),
            PRODUCTION,
            [Way(words="a version that has it", command="gitstage register m@next … --metric auc=VALUE")],
        ),
        (
            finding("metrics", Verdict.PENDING, hint="gitstage attest m@1.1.0"),
            PRODUCTION,
            [Way(words="a value", command="gitstage attest m@1.1.0")],
        ),
        (
            finding("evidence", about="shadow", threshold="PASSED"),
            PRODUCTION,
            [
                Way(
                    words="a newer statement that says PASSED",
                    command="gitstage attest m@1.1.0 --type test-result --name shadow --result passed",
                )
            ],
        ),
        (
            finding("approvals", Verdict.PENDING, threshold="1 from owners", hint="sign the commits"),
            PRODUCTION,
            [
                Way(
                    words="approval, 1 from owners, by who did not make the change",
                    command="gitstage approve m@1.1.0 --for production --sign KEY",
                )
            ],
        ),
        (finding("metrics", Verdict.WAIVED, threshold="min 0.9"), PRODUCTION, []),
        (finding("windows", Verdict.PENDING), PRODUCTION, [Way(words="other windows in gitstage.yaml: these leave no time")]),
        (finding("rules/own", threshold="true"), PRODUCTION, [Way(words="a version for which it holds: true")]),
        (finding("rules/own", hint="pip install 'gitstage[cel]'"), PRODUCTION, [Way(words="pip install 'gitstage[cel]'")]),
        (finding("rules/own"), PRODUCTION, []),
        (finding("held", hint="gitstage unhold m@1.1.0"), PRODUCTION, [Way(words="its release", command="gitstage unhold m@1.1.0")]),
        (finding("known-path"), PRODUCTION, []),
    ],
)  # fmt: skip
def test_what_would_make_a_rule_pass(said: Finding, stage: Stage | None, ways: list[Way]) -> None:
    assert explain._ways(said, JUDGED, stage) == ways
    assert Row(finding=said).ways == ()


@pytest.mark.parametrize(
    ("said", "stage", "rule"),
    [
        ([finding("soak", Verdict.PENDING, gate="a")], WAIVED, "soak"),
        ([finding("soak", gate="a"), finding("soak", gate="b")], WAIVED, "soak"),
        ([finding("soak", gate="a"), finding("metrics", gate="a")], WAIVED, "RULE"),
        ([finding("keep", Verdict.PENDING)], WAIVED, "keep"),
        ([finding("stage-order")], WAIVED, None),
        ([finding("soak", Verdict.PASSED, gate="a")], WAIVED, None),
        ([finding("soak", Verdict.WAIVED, gate="a")], WAIVED, None),
        ([finding("soak", gate="a", advisory=True)], WAIVED, None),
        ([finding("soak", gate="a")], PRODUCTION, None),
        ([finding("soak", gate="a")], None, None),
        ([], WAIVED, None),
    ],
)
def test_what_a_gate_asks_may_be_waived_where_the_stage_says_by_whom(
    said: list[Finding], stage: Stage | None, rule: str | None
) -> None:
    expected = None if rule is None else Way(words="owners or oncall", command=WAIVE.format(rule))
    assert explain._waiver(said, JUDGED, stage) == expected
