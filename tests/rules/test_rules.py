from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from gitstage import expressions
from gitstage.changes import Nothing
from gitstage.errors import CannotEvaluate
from gitstage.expressions import VARIABLES, check
from gitstage.findings import Finding, Verdict
from gitstage.layout import Slot
from gitstage.manifest import Artifact, Data, Source
from gitstage.policy import Gate, read_policy
from gitstage.rules import rules
from gitstage.rules.cases import Answer, SlotCase
from gitstage.rules.judge import judge_slot
from tests.registries import MONDAY, Content, effect, gated, manifest, slot_case, statement

PATH = "models/m/1.1.0.yaml"


def gate(**rule: object) -> Gate:
    return read_policy(gated(rules=[{"name": "own", **rule}])).gates["standard"]


def case(labels: Mapping[str, str] | None = None, **more: Any) -> SlotCase:
    """1.0.0 in production, and 1.1.0 that would replace it, staged since Monday."""
    fields: dict[str, object] = {"auc": 0.953}
    if labels is not None:
        fields["labels"] = labels
    staged = effect(Slot("m", "staging"), after="1.1.0")
    files = {PATH: manifest("m", "1.1.0", **fields), "models/m/1.0.0.yaml": manifest("m", "1.0.0", auc=0.951)}
    return slot_case(files, past=[staged], **{"now": MONDAY + timedelta(hours=3), **more})


def answer(case: SlotCase, **rule: object) -> Answer:
    """What the one rule of a gate answers."""
    (found,) = rules.gate(case, gate(**rule))
    return found


def running(plugin: Callable[[dict[str, Any]], object], **more: Any) -> SlotCase:
    """A case in which a plug-in `acme` may run."""
    return replace(case(**more), plugin={"acme": plugin}.__getitem__)


# ------------------------------------------------------------------------------------------------------------ CEL

LICENSED = "version.labels.license != 'internal'"


def test_a_rule_in_cel_holds_or_does_not() -> None:
    asked = {"expr": LICENSED, "message": "needs a data licence"}
    assert answer(case({"license": "cc-by"}), **asked) == Answer(
        verdict=Verdict.PASSED, message=LICENSED, value="true", threshold=LICENSED, path=PATH, name="own"
    )
    assert answer(case({"license": "internal"}), **asked) == Answer(
        message="needs a data licence", value="false", threshold=LICENSED, path=PATH, name="own"
    )


def test_a_rule_without_a_message_says_what_was_asked() -> None:
    assert answer(case({"license": "internal"}), expr=LICENSED).message == LICENSED


def test_a_label_that_is_missing_refuses() -> None:
    assert answer(case({"team": "risk"}), expr=LICENSED) == Answer(
        message='cannot be evaluated: there is no "license"',
        hint="register a version that says it, or ask with has(…) or in first",
        path=PATH,
        name="own",
    )


def test_a_rule_that_warns_is_reported_and_refuses_nothing() -> None:
    for labels in ({"license": "internal"}, {"team": "risk"}):
        found = answer(case(labels), expr=LICENSED, enforce="warn")
        assert (found.verdict, found.advisory) == (Verdict.REFUSED, True)


def test_a_finding_is_called_by_the_name_of_its_rule() -> None:
    policy = gated(rules=[{"name": "licensed-data", "expr": LICENSED}, {"name": "always", "expr": "true"}])
    judged = judge_slot(case({"license": "internal"}, policy=policy))
    assert [finding for finding in judged.findings if finding.rule.startswith("rules")] == [
        Finding(
            rule="rules/licensed-data",
            verdict=Verdict.REFUSED,
            message=LICENSED,
            path=PATH,
            gate="standard",
            value="false",
            threshold=LICENSED,
        ),
        Finding(
            rule="rules/always",
            verdict=Verdict.PASSED,
            message="true",
            path=PATH,
            gate="standard",
            value="true",
            threshold="true",
        ),
    ]


def test_without_an_engine_a_rule_refuses_and_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for known in (expressions._programs, expressions._program):
        known.cache_clear()
    monkeypatch.setitem(sys.modules, "cel_expr_python", None)
    assert answer(case({"license": "cc-by"}), expr=LICENSED) == Answer(
        message="cannot be evaluated: what evaluates CEL is not installed here",
        hint="pip install 'gitstage[cel]'",
        path=PATH,
        name="own",
    )


@pytest.mark.parametrize(
    "expr",
    [
        "version.metrics.auc > incumbent.metrics.auc",
        "version.version == '1.1.0' && incumbent.version == '1.0.0' && incumbent.exists",
        "change.action == 'promote' && change.source == 'staging' && change.number == 2",
        "change.soaked == duration('3h')",
        "now - incumbent.since == duration('3h')",
        "stage.name == 'production' && stage.sources == ['staging']",
        "version.artifacts[0].uri.startsWith('s3://models/m/1.1.0/')",
        "evidence.size() == 0 && version.params.size() == 0 && version.source.size() == 0 && version.data.size() == 0",
    ],
)
def test_the_facts_are_those_of_the_case(expr: str) -> None:
    assert answer(case(), expr=expr).verdict is Verdict.PASSED


def test_without_an_incumbent_there_is_nothing_to_be_asked_of_it() -> None:
    alone = case(incumbent=None)
    assert answer(alone, expr="incumbent.exists").verdict is Verdict.REFUSED
    assert (
        answer(alone, expr="incumbent.version == '1.0.0'").message
        == "cannot be evaluated: there is no incumbent.version"
    )
    assert answer(alone, expr="change.number == 1").verdict is Verdict.PASSED


def test_a_version_that_never_was_in_a_stage_before_has_soaked_for_no_time() -> None:
    assert (
        answer(case(sources=()), expr="change.soaked == duration('0s') && change.source == ''").verdict
        is Verdict.PASSED
    )
    archived = case(
        sources=("archived",), policy=gated({"production": {"from": ["archived"], "gates": ["standard"]}}, soak="1h")
    )
    assert answer(archived, expr="change.source == 'archived'").verdict is Verdict.PASSED


def test_the_soak_of_one_that_has_left_the_stage_ends_there() -> None:
    left = effect(Slot("m", "staging"), 2, after="1.2.0", before="1.1.0", moment=MONDAY + timedelta(hours=1))
    stayed = case()
    past = type(stayed.past)(*stayed.past.in_order(), left)  # type: ignore[attr-defined, call-arg]
    assert answer(replace(stayed, past=past), expr="change.soaked == duration('1h')").verdict is Verdict.PASSED


def test_all_that_a_manifest_and_its_evidence_say_can_be_asked() -> None:
    said = manifest(
        "m",
        "1.1.0",
        artifacts=(Artifact(path="a.bin", uri="file:///a.bin", sha256="1" * 64, size=7),),
        format="onnx",
        description="Retrained.",
        params={"depth": 6, "seeded": True, "booster": "gbtree"},
        labels={"team": "risk"},
        data=(Data(name="transactions"),),
        source=Source(repository="https://example.com/fraud", commit="9" * 40),
        auc=1,
    )
    files: dict[str, Content] = {
        PATH: said,
        "evidence/m/1.1.0/shadow/1.json": statement(said, "shadow", "FAILED"),
        "evidence/m/1.1.0/shadow/2.json": statement(said, "shadow", p99=18.5),
        "evidence/m/1.1.0/undated/1.json": statement(said, "undated", made=None),
        "evidence/m/1.1.0/later/1.json": statement(said, "later", made=MONDAY + timedelta(days=9)),
        "evidence/m/1.1.0/README.md": "not a name",
    }
    facts = rules.facts_of(slot_case(files, incumbent=None))
    assert facts == {
        "version": {
            "model": "m",
            "version": "1.1.0",
            "format": "onnx",
            "description": "Retrained.",
            "metrics": {"auc": 1.0},
            "params": {"depth": 6, "seeded": True, "booster": "gbtree"},
            "labels": {"team": "risk"},
            "artifacts": [{"path": "a.bin", "uri": "file:///a.bin", "sha256": "1" * 64, "size": 7}],
            "data": [{"name": "transactions"}],
            "source": {"repository": "https://example.com/fraud", "commit": "9" * 40},
        },
        "incumbent": {"exists": False},
        "change": {"action": "promote", "source": "staging", "number": 1, "soaked": timedelta()},
        "stage": {"name": "production", "sources": ["staging"]},
        "evidence": {
            "shadow": {
                "number": 2,
                "type": "test-result",
                "result": "PASSED",
                "made": "2026-11-23T10:00:00Z",
                "metrics": {"p99": 18.5},
            },
            "undated": {"number": 1, "type": "test-result", "result": "PASSED", "metrics": {}},
        },
        "now": MONDAY,
    }


def test_what_a_manifest_does_not_say_is_empty() -> None:
    facts = rules.facts_of(slot_case({PATH: manifest("m", "1.1.0")}))
    assert facts["version"] == {
        "model": "m",
        "version": "1.1.0",
        "format": "",
        "description": "",
        "metrics": {},
        "params": {},
        "labels": {},
        "artifacts": [{"path": "model.onnx", "uri": "s3://models/m/1.1.0/model.onnx", "sha256": "0" * 64, "size": 4}],
        "data": [],
        "source": {},
    }
    assert rules.facts_of(slot_case(passed=Nothing()))["version"] == {}


def test_a_statement_that_cannot_be_read_has_no_result() -> None:
    files: dict[str, Content] = {PATH: manifest("m", "1.1.0"), "evidence/m/1.1.0/shadow/1.json": "{"}
    facts = rules.facts_of(slot_case(files))
    assert facts["evidence"] == {"shadow": {"number": 1, "type": "", "metrics": {}}}


def test_every_variable_has_its_fact() -> None:
    facts = rules.facts_of(case())
    for variable in VARIABLES:
        whole, _, part = variable.name.partition(".")
        assert part in facts[whole] if part else whole in facts
    assert sum(
        len(held) if isinstance(held, dict) and whole != "evidence" else 1 for whole, held in facts.items()
    ) == len(VARIABLES)


# -------------------------------------------------------------------------------------------------------- plug-ins


def test_a_plug_in_that_nobody_allowed_does_not_run() -> None:
    assert answer(case(), python="acme") == Answer(
        message="cannot be evaluated: the plug-in 'acme' is not allowed to run here",
        hint="gitstage --allow-plugin acme …, or GITSTAGE_PLUGINS=acme",
        path=PATH,
        name="own",
    )


def test_a_plug_in_is_asked_about_the_facts() -> None:
    seen: list[dict[str, Any]] = []

    def plugin(facts: dict[str, Any]) -> bool:
        seen.append(facts)
        return bool(facts["version"]["metrics"]["auc"] > 0.9)

    found = answer(running(plugin), python="acme")
    assert found == Answer(
        verdict=Verdict.PASSED,
        message="the plug-in 'acme' says true",
        value="true",
        threshold="acme",
        path=PATH,
        name="own",
    )
    assert seen == [rules.facts_of(case())]


@pytest.mark.parametrize(
    ("said", "message", "expected"),
    [
        (False, None, "the plug-in 'acme' says false"),
        (False, "not licensed", "not licensed"),
        ("the licence ended in May", None, "the licence ended in May"),
        ("the licence ended in May", "not licensed", "the licence ended in May"),
    ],
)
def test_a_plug_in_refuses_with_false_or_with_a_reason(said: object, message: str | None, expected: str) -> None:
    asked = {"python": "acme", **({"message": message} if message else {})}
    assert answer(running(lambda facts: said), **asked) == Answer(
        message=expected, value="false", threshold="acme", path=PATH, name="own"
    )


def test_a_plug_in_that_names_a_moment_to_come_is_pending_until_then() -> None:
    tomorrow = datetime(2026, 11, 24, 9, tzinfo=timezone(timedelta(hours=1)))
    found = answer(running(lambda facts: tomorrow), python="acme")
    assert found == Answer(
        verdict=Verdict.PENDING,
        message="the plug-in 'acme' asks to wait",
        threshold="acme",
        opens=datetime(2026, 11, 24, 8, tzinfo=UTC),
        path=PATH,
        name="own",
    )
    assert found.opens is not None
    assert found.opens.tzinfo is UTC, "not that of the machine"
    assert answer(running(lambda facts: tomorrow), python="acme", message="quota").message == "quota"


@pytest.mark.parametrize(
    "nonsense",
    [
        None,
        1,
        0,
        "",
        "  ",
        [],
        {"passed": True},
        MONDAY,
        MONDAY + timedelta(hours=3),  # is now, and so has come
        MONDAY.replace(tzinfo=None) + timedelta(days=900),
        object(),
    ],
)
def test_a_plug_in_that_answers_nonsense_refuses(nonsense: object) -> None:
    found = answer(running(lambda facts: nonsense), python="acme")
    assert (found.verdict, found.message, found.hint) == (
        Verdict.REFUSED,
        f"cannot be evaluated: the plug-in 'acme' answered {type(nonsense).__name__}",
        "a rule answers True, False, a text that says what is wrong, or a moment to come that has a time zone",
    )


@pytest.mark.parametrize("error", [ValueError("no licence server"), SystemExit(0), CannotEvaluate("no licence server")])
def test_a_plug_in_that_raises_refuses(error: BaseException) -> None:
    def plugin(facts: dict[str, Any]) -> bool:
        raise error

    found = answer(running(plugin), python="acme")
    assert (found.verdict, found.message) == (
        Verdict.REFUSED,
        f"cannot be evaluated: the plug-in 'acme' raised {type(error).__name__}: {error}",
    )


def test_what_one_plug_in_does_to_its_facts_no_other_rule_sees() -> None:
    def spoil(facts: dict[str, Any]) -> bool:
        facts["version"]["labels"]["license"] = "cc-by"
        facts.clear()
        return True

    asked = read_policy(gated(rules=[{"name": "first", "python": "acme"}, {"name": "second", "expr": LICENSED}]))
    found = list(rules.gate(running(spoil, labels={"license": "internal"}), asked.gates["standard"]))
    assert [item.verdict for item in found] == [Verdict.PASSED, Verdict.REFUSED]


def test_a_gate_without_rules_of_its_own_says_nothing() -> None:
    assert list(rules.gate(case(), read_policy(gated(soak="1h")).gates["standard"])) == []


def test_the_examples_of_the_page_are_expressions() -> None:
    assert rules.gate.__doc__ is not None
    assert LICENSED in rules.gate.__doc__
    check(LICENSED)
