from __future__ import annotations

from dataclasses import replace

import pytest

from gitstage.changes import Nothing
from gitstage.findings import Verdict
from gitstage.policy import Gate, read_policy
from gitstage.rules import metrics
from gitstage.rules.cases import Answer, SlotCase
from gitstage.rules.voices import Voices
from tests.registries import MONDAY, Content, believing, gated, manifest, peopled, signed_by, slot_case, statement

PASSED, REFUSED, PENDING = Verdict.PASSED, Verdict.REFUSED, Verdict.PENDING


def gate(**rule: object) -> Gate:
    written = {key.replace("_", "-"): value for key, value in {"name": "auc", **rule}.items()}
    return read_policy(gated(metrics=[written])).gates["standard"]


def case(before: object = None, after: object = None, **more: Content) -> SlotCase:
    """1.0.0 with one value of auc, replaced by 1.1.0 with another."""
    was = manifest("m", "1.0.0", **({} if before is None else {"auc": before}))
    now = manifest("m", "1.1.0", **({} if after is None else {"auc": after}))
    files: dict[str, Content] = {"models/m/1.0.0.yaml": was, "models/m/1.1.0.yaml": now}
    return slot_case({**files, **more})


@pytest.mark.parametrize(
    ("rule", "value", "verdict", "message"),
    [
        ({"min": 0.9}, 0.9, PASSED, "auc 0.9, min 0.9"),
        ({"min": 0.9}, 0.953, PASSED, "auc 0.953, min 0.9"),
        ({"min": 0.9}, 0.8999, REFUSED, "auc 0.8999, min 0.9"),
        ({"min": 0.9}, 0.8999999999, REFUSED, "auc 0.8999999999, min 0.9"),
        ({"min": 1}, 1, PASSED, "auc 1, min 1"),
        ({"min": 0}, -0.5, REFUSED, "auc -0.5, min 0"),
        ({"max": 20}, 20.0, PASSED, "auc 20, max 20"),
        ({"max": 20}, 20.1, REFUSED, "auc 20.1, max 20"),
        ({"max": 20}, 123456789, REFUSED, "auc 123456789, max 20"),
        ({"max": 20}, 999999999999999, REFUSED, "auc 999999999999999, max 20"),
        ({"max": 20}, 10**15, REFUSED, "auc 1e+15, max 20"),
        ({"max": 20}, 1e300, REFUSED, "auc 1e+300, max 20"),
        ({"min": 0.1 + 0.2}, 0.3, REFUSED, "auc 0.3, min 0.30000000000000004"),
    ],
)
def test_a_metric_lies_within_its_bounds(rule: dict[str, object], value: float, verdict: Verdict, message: str) -> None:
    text, _, threshold = message.removeprefix("auc ").partition(", ")
    assert list(metrics.gate(case(0.5, value), gate(**rule))) == [
        Answer(verdict=verdict, message=message, value=text, threshold=threshold, path="models/m/1.1.0.yaml")
    ]


@pytest.mark.parametrize(
    ("rule", "before", "after", "verdict", "message"),
    [
        ({"max_drop": 0.002}, 0.951, 0.953, PASSED, "auc 0.951 → 0.953, max-drop 0.002"),
        ({"max_drop": 0.002}, 0.951, 0.938, REFUSED, "auc 0.951 → 0.938, max-drop 0.002"),
        ({"max_drop": 0.002}, 0.951, 0.949, PASSED, "auc 0.951 → 0.949, max-drop 0.002"),
        ({"max_drop": 0.002}, 0.951, 0.9489999, REFUSED, "auc 0.951 → 0.949, max-drop 0.002"),
        ({"max_drop": 0}, 0.951, 0.951, PASSED, "auc 0.951 → 0.951, max-drop 0"),
        ({"max_drop": 0}, 0.951, 0.95099999999, REFUSED, "auc 0.951 → 0.95099999999, max-drop 0"),
        ({"max_drop": "2%"}, 100, 98, PASSED, "auc 100 → 98, max-drop 2%"),
        ({"max_drop": "2%"}, 100, 97.9, REFUSED, "auc 100 → 97.9, max-drop 2%"),
        ({"max_drop": "2%"}, -100, -102, PASSED, "auc -100 → -102, max-drop 2%"),
        ({"max_drop": "2%"}, 0, 0, PASSED, "auc 0 → 0, max-drop 2%"),
        ({"max_drop": "2%"}, 0, -1, REFUSED, "auc 0 → -1, max-drop 2%"),
        ({"max_rise": 5}, 10, 15, PASSED, "auc 10 → 15, max-rise 5"),
        ({"max_rise": 5}, 10, 15.5, REFUSED, "auc 10 → 15.5, max-rise 5"),
        ({"max_rise": "50%"}, 10, 15, PASSED, "auc 10 → 15, max-rise 50%"),
        ({"max_rise": "1.5%"}, 1000, 1016, REFUSED, "auc 1000 → 1016, max-rise 1.5%"),
        ({"max_rise": 0.1}, 1000000.2, 1000000.3, PASSED, "auc 1000000.2 → 1000000.3, max-rise 0.1"),
    ],
)
def test_a_metric_is_not_much_worse_than_the_incumbents(
    rule: dict[str, object], before: float, after: float, verdict: Verdict, message: str
) -> None:
    (answer,) = metrics.gate(case(before, after), gate(**rule))
    assert (answer.verdict, answer.message) == (verdict, message)
    assert f"auc {answer.value}, {answer.threshold}" == message


def test_every_bound_of_a_rule_answers() -> None:
    answers = metrics.gate(case(0.9, 0.9), gate(min=0.8, max=0.95, max_drop=0.1, max_rise="1%"))
    assert [answer.threshold for answer in answers] == ["min 0.8", "max 0.95", "max-drop 0.1", "max-rise 1%"]


def test_a_metric_that_is_missing_refuses() -> None:
    assert list(metrics.gate(case(0.9, None), gate(min=0.8, max_drop=0.1))) == [
        Answer(
            message="auc is missing",
            path="models/m/1.1.0.yaml",
            hint="register a version that has it: --metric auc=VALUE",
        )
    ]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (case(None, 0.9), "the incumbent 1.0.0 has no auc"),
        (slot_case({"models/m/1.1.0.yaml": manifest("m", "1.1.0", auc=0.9)}, incumbent=None), "no incumbent"),
        (replace(case(0.9, 0.9), base=Nothing()), "the incumbent 1.0.0 has no auc"),
    ],
)
def test_without_an_incumbents_value_a_comparison_passes_and_says_so(changed: SlotCase, why: str) -> None:
    assert list(metrics.gate(changed, gate(max_drop=0.1, max_rise=0.1))) == [
        Answer(
            verdict=PASSED,
            message=f"auc 0.9: {why} to compare with",
            value="0.9",
            path="models/m/1.1.0.yaml",
        )
    ]


def test_every_answer_says_of_which_metric_it_speaks() -> None:
    both = read_policy(gated(metrics=[{"name": "auc", "min": 0.8}, {"name": "f1", "min": 0.8}])).gates["standard"]
    assert [(answer.about, answer.message) for answer in metrics.gate(case(0.9, 0.9), both)] == [
        ("auc", "auc 0.9, min 0.8"),
        ("f1", "f1 is missing"),
    ]


def test_a_rule_that_warns_only_advises() -> None:
    (answer,) = metrics.gate(case(0.9, 0.5), gate(min=0.8, enforce="warn"))
    assert (answer.verdict, answer.advisory) == (REFUSED, True)


# What was measured in a piece of evidence.


def attested(version: str, number: int = 1, **values: float) -> dict[str, Content]:
    data = statement(manifest("m", version), "load-test", "PASSED", MONDAY, **values)
    return {f"evidence/m/{version}/load-test/{number}.json": data}


def test_a_value_of_evidence_counts_instead_of_the_registrants() -> None:
    changed = slot_case({**attested("1.0.0", auc=18.0), **attested("1.1.0", auc=19.5)})
    answers = list(metrics.gate(changed, gate(max=20, max_rise=1, evidence="load-test")))
    assert [(answer.verdict, answer.message, answer.path) for answer in answers] == [
        (PASSED, "auc 19.5, max 20", "evidence/m/1.1.0/load-test/1.json"),
        (REFUSED, "auc 18 → 19.5, max-rise 1", "evidence/m/1.1.0/load-test/1.json"),
    ]


@pytest.mark.parametrize(
    ("files", "path"),
    [({}, "evidence/m/1.1.0/load-test/"), (attested("1.1.0", x=1), "evidence/m/1.1.0/load-test/1.json")],
)
def test_a_value_that_is_missing_in_evidence_is_pending(files: dict[str, Content], path: str) -> None:
    assert list(metrics.gate(slot_case(files), gate(max=20, evidence="load-test"))) == [
        Answer(
            verdict=PENDING,
            message="auc is missing in evidence load-test",
            path=path,
            hint="gitstage attest m@1.1.0 --type test-result --name load-test --result passed --metric auc=VALUE",
        )
    ]


def test_what_a_change_says_of_the_incumbent_does_not_lower_the_bar() -> None:
    changed = slot_case({**attested("1.0.0", auc=0.95), **attested("1.1.0", auc=0.5)}, attested("1.0.0", 2, auc=0.4))
    (answer,) = metrics.gate(changed, gate(max_drop=0.01, evidence="load-test"))
    assert (answer.verdict, answer.message) == (REFUSED, "auc 0.95 → 0.5, max-drop 0.01")


def test_an_incumbent_without_evidence_is_not_compared_with() -> None:
    (answer,) = metrics.gate(slot_case(attested("1.1.0", auc=0.5)), gate(max_drop=0.01, evidence="load-test"))
    assert answer.message == "auc 0.5: the incumbent 1.0.0 has no auc to compare with"


def test_a_value_counts_unsigned_where_the_gates_ask_for_signatures_of_other_evidence_only() -> None:
    rules = {
        "metrics": [{"name": "p99", "max": 20, "evidence": "load-test"}],
        "evidence": [
            {"type": "test-result", "name": "load-test"},
            {"type": "test-result", "name": "other", "signed-by": "compliance"},
        ],
    }
    policy = peopled(rules)
    said = statement(manifest("m", "1.1.0"), "load-test", p99=10.0)
    voices = Voices(policy=read_policy(policy), now=MONDAY, signed_by=believing)
    case = slot_case(edits={"evidence/m/1.1.0/load-test/1.json": said}, policy=policy, voices=voices)
    (answer,) = metrics.gate(case, case.policy.gates["standard"])
    assert (answer.verdict, answer.message) == (Verdict.PASSED, "p99 10, max 20")


def test_a_value_counts_only_where_the_evidence_of_that_name_is_signed_as_a_gate_asks() -> None:
    rules = {
        "metrics": [{"name": "p99", "max": 20, "evidence": "load-test"}],
        "evidence": [
            {"type": "test-result", "name": "other", "signed-by": "compliance"},
            {"type": "test-result", "name": "load-test", "signed-by": "compliance"},
        ],
    }
    policy = peopled(rules)
    about = manifest("m", "1.1.0")
    folder = "evidence/m/1.1.0/load-test/"
    good, bad = statement(about, "load-test", p99=10.0), statement(about, "load-test", p99=30.0)
    edits: dict[str, Content | None] = {f"{folder}1.json": signed_by(bad, "bob"), f"{folder}2.json": good}
    voices = Voices(policy=read_policy(policy), now=MONDAY, signed_by=believing)
    case = slot_case(edits=edits, policy=policy, voices=voices)
    (answer,) = metrics.gate(case, case.policy.gates["standard"])
    assert (answer.verdict, answer.message, answer.path) == (Verdict.REFUSED, "p99 30, max 20", f"{folder}1.json")
