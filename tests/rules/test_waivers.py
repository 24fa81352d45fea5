from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from gitstage.errors import CannotVerify
from gitstage.findings import Debt, Finding, Verdict
from gitstage.layout import Slot
from gitstage.rules.waivers import in_words
from tests.registries import MONDAY, Story, peopled

GATE: dict[str, Any] = {"soak": "24h", "metrics": [{"name": "auc", "min": 0.95}]}
GLASS: dict[str, Any] = {"waivers": {"by": ["owners"], "settle": "72h"}}


def story(gate: dict[str, Any] | None = None, production: dict[str, Any] | None = None, **more: Any) -> Story:
    """1.0.0 serves; 1.1.0 came into staging an hour ago, and its auc is too low."""
    it = Story(peopled(gate or GATE, GLASS if production is None else production, **more))
    it.register("m", "1.0.0", auc=0.99).stage("m", "1.0.0").land()
    it.wait(hours=24).promote("m", "1.0.0").land()
    assert it.open == {}
    it.register("m", "1.1.0", auc=0.96).stage("m", "1.1.0").land()
    return it.wait(hours=1).promote("m", "1.1.0")


def findings(it: Story) -> list[tuple[str, str, str]]:
    return [(found.rule, str(found.verdict), found.message) for found in it.said("production/m")]


SOAKED = "1h in staging of 1d"
UNTIL = "waived by alice until 2026-11-24T19:00:00Z: it burns"


def test_one_of_those_who_may_waives_a_rule_for_one_promotion() -> None:
    it = story().waive("m", "1.1.0", "soak", "alice", gate="standard")
    it.land()
    assert (it.open, it.serves("m")) == ({}, "1.1.0")
    assert it.said("production/m")[0] == Finding(
        rule="soak",
        gate="standard",
        verdict=Verdict.WAIVED,
        message=f"{SOAKED}; {UNTIL}",
        value="1h",
        threshold="1d",
        people=("alice",),
    )
    debt = Debt(
        kind="waiver",
        by=("alice",),
        due=it.now + timedelta(hours=72),
        rule="soak",
        gate="standard",
        reason="it burns",
        expires=it.now + timedelta(hours=8),
    )
    effect = it.past.effects(Slot("m", "production"))[-1]
    assert (effect.debts, effect.is_waived, effect.action) == ((debt,), True, "promote")
    assert [(owed.name, owed.debt) for owed in it.state.owed] == [("m/production/2", debt)]
    assert it.last.judgements[0].verdict is Verdict.PASSED


def test_one_that_lands_after_the_refusal_lets_the_promotion_take_effect() -> None:
    it = story()
    it.land()
    assert it.open == {"production/m": ["pending", "soak"]}
    it.waive("m", "1.1.0", "soak", "bob").land()
    assert it.open == {}
    refused = story({"metrics": [{"name": "auc", "min": 0.98}]})
    refused.land()
    assert refused.open == {"production/m": ["refused", "metrics"]}
    refused.waive("m", "1.1.0", "metrics", "bob").land()
    assert refused.open == {}


@pytest.mark.parametrize(
    ("waiver", "why"),
    [
        ({"by": ()}, "; waiver-nobody/1.json: not signed"),
        ({"by": ("mallory",)}, "; waiver-mallory/1.json: signed with a key that nobody in gitstage.yaml has"),
        ({"by": ("carol",)}, "; waiver-carol/1.json is signed by carol, who may not"),
        ({"by": ("dave", "carol")}, "; waiver-dave/1.json is signed by carol, dave, who may not"),
        ({"rule": "metrics"}, ""),
        ({"gate": "other"}, ""),
        (
            {"made": MONDAY + timedelta(days=3), "hours": 100},
            "; waiver-alice/1.json is dated in the future (2026-11-26T10:00:00Z)",
        ),
        ({"hours": 0.5}, "; waiver-alice/1.json has expired (2026-11-24T11:30:00Z)"),
    ],
)
def test_not_every_waiver_waives(waiver: dict[str, Any], why: str) -> None:
    it, waiver = story(), dict(waiver)
    it.waive("m", "1.1.0", waiver.pop("rule", "soak"), *waiver.pop("by", ("alice",)), **waiver)
    it.wait(hours=1).land()
    assert findings(it)[0] == ("soak", "pending", f"2h in staging of 1d{why}")


def test_a_waiver_fits_no_second_promotion() -> None:
    it = story().waive("m", "1.1.0", "soak", "alice", hours=100)
    it.land()
    it.rollback("m", hold_it=False).land("alice")
    assert it.serves("m") == "1.0.0"
    it.promote("m", "1.1.0").land()
    assert findings(it)[0][2] == f"{SOAKED}; waiver-alice/1.json was given before the slot changed"
    assert it.said("production/m")[0].verdict is Verdict.PENDING


def test_without_waivers_nobody_waives() -> None:
    it = story(production={}).waive("m", "1.1.0", "soak", "alice")
    it.land()
    assert it.open == {"production/m": ["pending", "soak"]}


@pytest.mark.parametrize("rule", ["stage-order", "held", "slot-matches-version", "policy-alone", "leaves-archived"])
def test_a_fact_is_waived_by_nobody(rule: str) -> None:
    it = story()
    it.waive("m", "1.1.0", "soak", "alice").waive("m", "1.1.0", rule, "bob").hold("m", "1.1.0").land()
    assert it.open == {"production/m": ["refused", "held"]}


def test_keep_can_be_waived() -> None:
    it = story(None, {**GLASS, "keep": "1000h"})
    it.waive("m", "1.1.0", "soak", "alice", hours=1000).land()
    assert it.open == {"production/m": ["pending", "keep"]}
    it.waive("m", "1.1.0", "keep", "bob", hours=1000).land()
    assert it.open == {}
    assert [(debt.rule, debt.by) for debt in it.past.effects(Slot("m", "production"))[-1].debts] == [
        ("keep", ("bob",)),
        ("soak", ("alice",)),
    ]


def test_approvals_and_what_only_warns() -> None:
    gate = {
        "approvals": [{"count": 1, "from": "compliance"}],
        "metrics": [{"name": "auc", "min": 0.98, "enforce": "warn"}],
    }
    it = Story(peopled(gate, GLASS))
    it.register("m", "1.0.0", auc=0.9).stage("m", "1.0.0").land()
    it.promote("m", "1.0.0").waive("m", "1.0.0", "approvals", "alice").waive("m", "1.0.0", "metrics", "alice").land()
    assert [(found.rule, found.verdict, found.advisory) for found in it.said("production/m")] == [
        ("metrics", Verdict.REFUSED, True),
        ("approvals", Verdict.WAIVED, False),
    ]
    assert [debt.rule for debt in it.past.effects(Slot("m", "production"))[-1].debts] == ["approvals"]


def test_a_rule_of_the_policy_s_own_is_waived_by_its_name() -> None:
    gate = {"rules": [{"name": "licensed", "expr": "version.labels.license != 'internal'", "message": "needs one"}]}
    it = Story(peopled(gate, GLASS))
    it.register("m", "1.0.0", labels={"license": "internal"}).stage("m", "1.0.0").land()
    it.promote("m", "1.0.0").waive("m", "1.0.0", "rules/licensed", "alice").land()
    assert (it.open, it.said("production/m")[0].verdict) == ({}, Verdict.WAIVED)


def test_where_nothing_can_be_verified_nothing_is_waived() -> None:
    def cannot(data: bytes) -> frozenset[str]:
        raise CannotVerify("ssh-keygen is not installed")

    it = story().waive("m", "1.1.0", "soak", "alice")
    it.signed_by = cannot
    it.land()
    assert findings(it)[0] == (
        "soak",
        "pending",
        f"{SOAKED}; no waiver can be verified: ssh-keygen is not installed",
    )


def test_what_passed_needs_no_waiver_and_does_not_say_that_none_can_be_verified() -> None:
    def cannot(data: bytes) -> frozenset[str]:
        raise CannotVerify("ssh-keygen is not installed")

    it = story().waive("m", "1.1.0", "soak", "alice")
    it.signed_by = cannot
    it.land()
    other = story()
    other.land()
    assert findings(it)[1][:2] == ("metrics", "passed")
    assert findings(it)[1:] == findings(other)[1:]


def test_without_settle_a_waiver_is_to_be_countersigned_and_never_overdue() -> None:
    it = story(production={"waivers": {"by": ["owners"]}}).waive("m", "1.1.0", "soak", "alice")
    it.land()
    assert (it.open, it.serves("m")) == ({}, "1.1.0")
    (debt,) = it.past.effects(Slot("m", "production"))[-1].debts
    assert (debt.rule, debt.by, debt.due) == ("soak", ("alice",), None)


def test_a_waived_approval_names_all_who_waived_it_and_no_command_to_type() -> None:
    it = Story(peopled({"approvals": [{"count": 1, "from": "compliance"}]}, GLASS))
    it.register("m", "1.0.0").stage("m", "1.0.0").land()
    it.promote("m", "1.0.0").waive("m", "1.0.0", "approvals", "alice", "bob").land()
    (found,) = [found for found in it.said("production/m") if found.rule == "approvals"]
    assert (found.verdict, found.hint, found.people) == (Verdict.WAIVED, None, ("alice", "bob"))
    assert "; waived by alice, bob until " in found.message


def test_a_stay_by_waiver_does_not_count_for_a_rollback() -> None:
    it = story({"metrics": [{"name": "auc", "min": 0.98}]}, {**GLASS, "rollback": {"by": ["oncall"]}})
    it.waive("m", "1.1.0", "metrics", "alice").land()
    it.register("m", "1.2.0", auc=0.99).stage("m", "1.2.0").land()
    it.promote("m", "1.2.0").land()
    assert (it.open, it.serves("m")) == ({}, "1.2.0")
    it.rollback("m", to="1.1.0").land("dave")
    assert it.open == {"production/m": ["refused", "metrics"]}
    it.waive("m", "1.1.0", "metrics", "bob").land()
    assert (it.open, it.serves("m")) == ({}, "1.1.0")
    other = it.elsewhere()
    other.unhold("m", "1.2.0").land("alice")
    other.rollback("m", to="1.2.0").land("dave")
    assert (other.open, other.serves("m")) == ({}, "1.2.0")


@pytest.mark.parametrize(
    ("debt", "hours", "words"),
    [
        (
            Debt(kind="waiver", by=("alice",), due=MONDAY, rule="soak", gate="standard", reason="it burns"),
            -1,
            "alice waived soak of standard (it burns): to be countersigned within 1h",
        ),
        (
            Debt(kind="waiver", by=("alice", "bob"), due=MONDAY, rule="keep", expires=MONDAY),
            1,
            "alice, bob waived keep: to be countersigned since 1h, expired",
        ),
        (
            Debt(kind="waiver", by=("alice",), due=MONDAY, rule="keep", expires=MONDAY),
            0,
            "alice waived keep: to be countersigned since 0s, expired",
        ),
        (Debt(kind="rollback", by=("dave",), expires=None), 0, "dave rolled back: to be countersigned"),
    ],
)
def test_a_debt_is_said_in_words(debt: Debt, hours: float, words: str) -> None:
    now = MONDAY + timedelta(hours=hours)
    assert in_words(debt, now) == words
    assert debt.is_overdue(now) is ("since" in words)
