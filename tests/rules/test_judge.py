from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gitstage.changes import Nothing
from gitstage.errors import CannotVerify
from gitstage.findings import Debt, Finding, Judgement, Verdict
from gitstage.layout import POLICY, Records, Slot
from gitstage.ledger import Open
from gitstage.policy import read_policy
from gitstage.rules import ALL, JUDGED_ELSEWHERE
from gitstage.rules.judge import judge_policy, judge_records, judge_slot, slot_of
from gitstage.rules.voices import CommitBy, Voices
from tests.registries import (
    MONDAY,
    PEOPLE,
    ROLES,
    STAGES,
    Content,
    effect,
    gated,
    manifest,
    peopled,
    policy_case,
    policy_file,
    public_key,
    records_case,
    slot_case,
    statement,
)

ONE, TWO = manifest("m", "1.0.0", auc=0.951, f1=1), manifest("m", "1.1.0", auc=0.938, p99=7)
FILES: dict[str, Content] = {"models/m/1.0.0.yaml": ONE, "models/m/1.1.0.yaml": TWO}
ARCHIVED: dict[str, Content | None] = {"archived/m/1.0.0.yaml": ONE, "production/m.yaml": TWO}
GATED = gated(metrics=[{"name": "auc", "max-drop": 0.002}, {"name": "p99", "max": 10, "enforce": "warn"}])


def waiting(*findings: Finding) -> Open:
    return Open(thing=Records("m"), landed="c", passed=None, since=MONDAY, verdict=Verdict.REFUSED, findings=findings)


def test_a_promotion_is_judged_by_the_facts_and_by_its_gates() -> None:
    from gitstage.changes import blob_id

    case = slot_case(FILES, ARCHIVED, policy=GATED, before_blob=blob_id(ONE))
    assert judge_slot(case) == Judgement(
        thing="production/m",
        action="promote",
        model="m",
        stage="production",
        source="staging",
        before="1.0.0",
        after="1.1.0",
        findings=(
            Finding(
                rule="metrics",
                gate="standard",
                verdict=Verdict.REFUSED,
                message="auc 0.951 → 0.938, max-drop 0.002",
                value="0.951 → 0.938",
                threshold="max-drop 0.002",
                path="models/m/1.1.0.yaml",
            ),
            Finding(
                rule="metrics",
                gate="standard",
                verdict=Verdict.PASSED,
                message="p99 7, max 10",
                value="7",
                threshold="max 10",
                path="models/m/1.1.0.yaml",
                advisory=True,
            ),
        ),
        metrics={"auc": (0.951, 0.938), "f1": (1, None), "p99": (None, 7)},
    )


@pytest.mark.parametrize("action", ["rollback", "adopt", "archive"])
def test_only_a_promotion_has_to_pass_the_gates(action: str) -> None:
    incoming = None if action == "archive" else "1.1.0"
    policy = GATED + b'adopt-until: "2026-12-23"\n'
    files: dict[str, Content | None] = {"archived/m/1.0.0.yaml": manifest("m", "1.0.0")}
    sources = [] if action == "adopt" else ["staging"]
    was = [effect(Slot("m", "production"), 2, "1.1.0"), effect(Slot("m", "production"), 3, "1.0.0")]
    past = was if action == "rollback" else []
    case = slot_case({}, files, policy=policy, action=action, incoming=incoming, sources=sources, past=past)
    judgement = judge_slot(case)
    assert (judgement.verdict, judgement.source) == (Verdict.PASSED, None)
    assert [found.rule for found in judgement.findings] == (["stage-order"] if action == "adopt" else [])


def test_while_the_records_of_a_model_are_open_its_slots_wait() -> None:
    said = Finding(
        rule="version-immutable", verdict=Verdict.REFUSED, message="a version never changes", path="p", line=3
    )
    passed = Finding(rule="known-path", verdict=Verdict.PASSED, message="fine")
    case = slot_case({}, {"archived/m/1.0.0.yaml": manifest("m", "1.0.0")}, records_open=waiting(passed, said))
    assert judge_slot(case).findings == (
        said.bind(verdict=Verdict.PENDING, message="the records of m are open: a version never changes"),
    )
    assert judge_slot(replace(case, action="rollback")).findings == ()


def test_records_that_are_open_without_a_word_hold_up_their_slots_too() -> None:
    case = slot_case({}, {"archived/m/1.0.0.yaml": manifest("m", "1.0.0")}, records_open=waiting())
    assert judge_slot(case).findings == (
        Finding(rule="manifest-valid", verdict=Verdict.PENDING, message="the records of m are open"),
    )


def test_a_version_whose_manifest_cannot_be_read_passes_no_gate() -> None:
    case = slot_case({}, {"archived/m/1.0.0.yaml": manifest("m", "1.0.0")}, policy=GATED, passed=Nothing())
    assert judge_slot(case).findings == (
        Finding(
            rule="manifest-valid",
            verdict=Verdict.REFUSED,
            message="cannot be read",
            path="models/m/1.1.0.yaml",
        ),
    )
    said = Finding(rule="known-path", verdict=Verdict.REFUSED, message="is none of ours")
    held_up = judge_slot(replace(case, records_open=waiting(said)))
    assert [found.verdict for found in held_up.findings] == [Verdict.PENDING]


def test_a_slot_that_matches_nothing_is_asked_no_gate_and_has_no_metrics() -> None:
    case = slot_case({}, {"archived/m/1.0.0.yaml": manifest("m", "1.0.0")}, policy=GATED, matched=False, after=None)
    judgement = judge_slot(case)
    assert ([found.rule for found in judgement.findings], judgement.metrics) == (["slot-matches-version"], {})


def test_a_slot_that_stays_empty_answers_for_its_name_only() -> None:
    case = slot_case(incoming=None, incumbent=None, action="archive", with_policy=True, model="ghost")
    assert [found.rule for found in judge_slot(case).findings] == ["known-path"]
    case = slot_case(FILES, incoming=None, incumbent=None, action="archive", with_policy=True, records_open=waiting())
    assert judge_slot(case).findings == ()


def test_a_change_of_the_records_is_judged_by_the_facts() -> None:
    judgement = judge_records(records_case(FILES, {"models/m/1.0.0.yaml": None, "models/m/x": "x"}))
    assert (judgement.thing, judgement.action, judgement.model, judgement.verdict) == (
        "records/m",
        "records",
        "m",
        Verdict.REFUSED,
    )
    assert [(found.rule, found.path) for found in judgement.findings] == [
        ("nothing-removed", "models/m/1.0.0.yaml"),
        ("known-path", "models/m/x"),
    ]


def test_a_change_of_the_policy_is_judged_by_the_facts() -> None:
    judgement = judge_policy(policy_case({"gitstage.yaml": policy_file()}, {"gitstage.yaml": None, "x": "x"}))
    assert (judgement.thing, judgement.action, judgement.verdict) == (str(POLICY), "policy", Verdict.REFUSED)
    assert [(found.rule, found.path) for found in judgement.findings] == [
        ("nothing-removed", "gitstage.yaml"),
        ("known-path", "x"),
    ]


def test_what_passes_has_nothing_to_say() -> None:
    assert judge_policy(policy_case({}, {"gitstage.yaml": policy_file()})).findings == ()
    assert judge_records(records_case({}, {"models/m/1.0.0.yaml": ONE})).findings == ()
    assert judge_slot(slot_case(incumbent=None)).findings == ()


def test_a_judgement_knows_its_slot() -> None:
    assert slot_of(judge_slot(slot_case())) == Slot("m", "production")
    assert slot_of(judge_records(records_case({}, {}))) is None
    assert slot_of(judge_policy(policy_case({}, {}))) is None


def test_every_rule_of_the_table_asks_something_and_says_which_fact_it_protects() -> None:
    for rule in ALL:
        assert any((rule.policy, rule.records, rule.slot, rule.gate)), rule.id
        assert rule.summary
    assert not {rule.id for rule in ALL} & JUDGED_ELSEWHERE.keys()


def test_what_registers_versions_and_does_nothing_else_is_called_so() -> None:
    new = {"models/m/2.0.0.yaml": "x", "artifacts/m/2.0.0/model.onnx": "x"}
    judgement = judge_records(records_case(FILES, new))
    assert (judgement.action, judgement.after) == ("register", "2.0.0")
    judgement = judge_records(records_case(FILES, {**new, "models/m/2.1.0.yaml": "x"}))
    assert (judgement.action, judgement.after) == ("register", None)
    judgement = judge_records(records_case(FILES, {**new, "archived/m/1.0.0.yaml": "x"}))
    assert (judgement.action, judgement.after) == ("records", None)


# What could be a promotion and is a rollback


WEEKEND: dict[str, Any] = {"windows": [{"deny": "Fri 16:00 - Mon 08:00", "timezone": "UTC"}]}
SUNDAY = MONDAY - timedelta(days=1)
ONCALL: dict[str, Any] = {"rollback": {"by": ["oncall"], "settle": "72h"}}


def back(*by: str, production: dict[str, Any] = ONCALL, **more: Any) -> Judgement:
    """What is said when 1.1.0 is back, in a commit that these people signed: it sits in staging still."""
    policy = more.pop("policy", None) or peopled(WEEKEND, production)
    signed = CommitBy(frozenset(map(public_key, by)), frozenset({"production/m.yaml"}))
    slot = Slot("m", "production")
    fields: dict[str, Any] = {
        "policy": policy,
        "action": "rollback",
        "past": [effect(slot, 2, "1.1.0"), effect(slot, 3, "1.0.0")],
        "now": MONDAY,
        **more,
    }
    voices = Voices(
        policy=read_policy(policy), now=fields["now"], commit="c", landed="c", commit_signers=lambda *_: (signed,)
    )
    return judge_slot(slot_case({}, {"archived/m/1.0.0.yaml": manifest("m", "1.0.0")}, voices=voices, **fields))


def told(found: Judgement) -> tuple[str, str | None, Verdict, list[tuple[str, Verdict]]]:
    return found.action, found.source, found.verdict, [(said.rule, said.verdict) for said in found.findings]


def test_a_change_that_could_be_both_passes_if_it_passes_as_either() -> None:
    assert told(back("dave")) == ("rollback", None, Verdict.PASSED, [("approvals", Verdict.PASSED)])
    assert told(back()) == ("promote", "staging", Verdict.PASSED, [("windows", Verdict.PASSED)])
    assert told(back("dave", now=SUNDAY)) == ("rollback", None, Verdict.PASSED, [("approvals", Verdict.PASSED)])


def test_a_change_that_passes_as_neither_is_the_one_that_is_nearer_and_else_a_rollback() -> None:
    assert told(back(now=SUNDAY)) == ("rollback", None, Verdict.PENDING, [("approvals", Verdict.PENDING)])
    assert told(back(now=SUNDAY, sources=[])) == ("rollback", None, Verdict.PENDING, [("approvals", Verdict.PENDING)])
    never = back(with_policy=True)
    assert (never.action, never.verdict) == ("rollback", Verdict.REFUSED)
    assert [found.rule for found in never.findings] == ["policy-alone", "approvals"]


def test_whoever_rolls_back_alone_owes_a_second_one() -> None:
    assert back("dave").debts == (Debt(kind="rollback", by=("dave",), due=MONDAY + timedelta(hours=72)),)
    two: dict[str, Any] = {"rollback": {"by": ["risk", "oncall"], "settle": "72h"}}
    assert back("dave", "alice", production=two).debts == ()
    assert back("dave", production={"rollback": {"by": ["oncall"]}}).debts == ()
    assert back().debts == (), "a promotion is no rollback"
    assert back(now=SUNDAY).debts == (), "nobody has rolled back yet"


def test_a_promotion_that_one_person_approved_leaves_no_debt() -> None:
    policy = peopled({"approvals": [{"count": 1, "from": "risk"}], "signed-commits": True}, ONCALL)
    signed = CommitBy(frozenset({public_key("carol")}), frozenset({"production/m.yaml"}))
    voices = Voices(policy=read_policy(policy), now=MONDAY, commit="c", landed="c", commit_signers=lambda *_: (signed,))
    archived: dict[str, Content | None] = {"archived/m/1.0.0.yaml": manifest("m", "1.0.0")}
    judgement = judge_slot(slot_case({}, archived, policy=policy, voices=voices))
    assert [(found.rule, found.people) for found in judgement.findings] == [
        ("approvals", ()),
        ("signed-commits", ("carol",)),
    ]
    assert judgement.debts == ()


def test_a_rollback_where_nobody_is_named_for_it_needs_the_approvals_of_every_gate() -> None:
    asked = {"approvals": [{"count": 1, "from": "risk"}], **WEEKEND}
    other = {"approvals": [{"count": 1, "from": "oncall"}]}
    stages = {**STAGES, "production": {"from": ["staging"], "gates": ["one", "two"]}}
    policy = policy_file(stages, {"one": asked, "two": other}, people=PEOPLE, roles=ROLES)
    rolled = back(policy=policy, now=SUNDAY, sources=[])
    assert [(found.rule, found.gate, found.threshold) for found in rolled.findings] == [
        ("approvals", "one", "1 from risk"),
        ("approvals", "two", "1 from oncall"),
    ]
    assert back(action="archive", incoming=None, sources=[], policy=policy).findings == ()


def test_what_was_here_by_a_waiver_only_comes_back_through_the_gates() -> None:
    slot = Slot("m", "production")
    waived = Finding(rule="windows", gate="standard", verdict=Verdict.WAIVED, message="it burns")
    by_waiver = replace(effect(slot, 2, "1.1.0"), findings=(waived,))
    rolled = back("dave", now=SUNDAY, sources=[], past=[by_waiver, effect(slot, 3, "1.0.0")])
    assert [(found.rule, found.gate, found.verdict) for found in rolled.findings] == [
        ("approvals", None, Verdict.PASSED),
        ("windows", "standard", Verdict.PENDING),
    ]


def test_where_no_signature_can_be_verified_the_rule_that_asked_refuses() -> None:
    def cannot(data: bytes) -> frozenset[str]:
        raise CannotVerify("ssh-keygen is not installed", hint="apt install openssh-client")

    policy = peopled({"evidence": [{"type": "test-result", "name": "load-test", "signed-by": "risk"}]})
    files: dict[str, Content | None] = {
        "archived/m/1.0.0.yaml": manifest("m", "1.0.0"),
        "evidence/m/1.1.0/load-test/1.json": statement(manifest("m", "1.1.0"), "load-test"),
    }
    voices = Voices(policy=read_policy(policy), now=MONDAY, signed_by=cannot)
    assert judge_slot(slot_case({}, files, policy=policy, voices=voices)).findings == (
        Finding(
            rule="evidence",
            gate="standard",
            verdict=Verdict.REFUSED,
            message="no signature can be verified: ssh-keygen is not installed",
            hint="apt install openssh-client",
        ),
    )


def test_where_nobody_can_tell_who_signed_a_commit_a_rollback_is_refused() -> None:
    def cannot(base: str | None, commit: str) -> None:
        raise CannotVerify("ssh-keygen is not installed", hint="apt install openssh-client")

    policy = peopled(None, ONCALL)
    slot = Slot("m", "production")
    archived: dict[str, Content | None] = {"archived/m/1.0.0.yaml": manifest("m", "1.0.0")}
    past = [effect(slot, 2, "1.1.0"), effect(slot, 3, "1.0.0")]
    voices = Voices(policy=read_policy(policy), now=MONDAY, commit_signers=cannot)
    case = slot_case({}, archived, policy=policy, action="rollback", sources=[], past=past, voices=voices)
    assert judge_slot(case).findings == (
        Finding(
            rule="approvals",
            verdict=Verdict.REFUSED,
            message="no signature can be verified: ssh-keygen is not installed",
            hint="apt install openssh-client",
        ),
    )


def test_a_finding_says_all_that_the_rule_said() -> None:
    archived: dict[str, Content | None] = {"archived/m/1.0.0.yaml": manifest("m", "1.0.0")}
    (shut,) = judge_slot(slot_case({}, archived, policy=gated(**WEEKEND), now=SUNDAY)).findings
    assert shut == Finding(
        rule="windows",
        gate="standard",
        verdict=Verdict.PENDING,
        message="shut: deny Fri 16:00 - Mon 08:00, UTC",
        value="opens in 22h",
        threshold="deny Fri 16:00 - Mon 08:00, UTC",
        opens=MONDAY - timedelta(hours=2),
    )
    rule = {"name": "licensed", "expr": "false", "message": "needs a licence", "enforce": "warn"}
    (own,) = judge_slot(slot_case({}, archived, policy=gated(rules=[rule]))).findings
    assert (own.rule, own.verdict, own.message, own.advisory) == (
        "rules/licensed",
        Verdict.REFUSED,
        "needs a licence",
        True,
    )
    measured = gated(metrics=[{"name": "auc", "min": 0.5}])
    (metric,) = judge_slot(
        slot_case({"models/m/1.1.0.yaml": TWO}, {**archived, "production/m.yaml": TWO}, policy=measured)
    ).findings
    assert (metric.about, metric.path) == ("auc", "models/m/1.1.0.yaml")
    (wrong,) = judge_policy(policy_case({}, {"gitstage.yaml": policy_file() + b"colour: red\n"})).findings
    assert (wrong.rule, wrong.path, wrong.line) == ("manifest-valid", "gitstage.yaml", 5)
