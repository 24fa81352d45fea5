from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gitstage.approvals import Said, written
from gitstage.canonical import DocumentError
from gitstage.changes import FILE, Snapshot, blob_id, files
from gitstage.evidence import test_result as attested
from gitstage.findings import Verdict
from gitstage.forges import Forge, ForgeChange, Review
from gitstage.layout import Slot
from gitstage.ledger import Binding, Effect, Folded, State
from gitstage.manifest import read_version
from gitstage.policy import read_policy
from gitstage.policytests import PolicyTest, read_policy_test
from gitstage.rules import fold as folding
from gitstage.rules import rehearse
from gitstage.rules.fold import Step, World, fold
from gitstage.rules.rehearse import Difference, Rehearsed, rehearsed
from tests.registries import ID, PEOPLE, STAGES, empty_slot, gated, hold, peopled, policy_file, public_key

NOW = "2026-11-25T09:00:00Z"
VERSIONS = {"m@1.0.0": {"metrics": {"auc": 0.95}}, "m@1.1.0": {"metrics": {"auc": 0.96}}, "m@1.2.0": {}}
PROMOTE = {"promote": "m@1.1.0", "to": "production"}
STAGED = {"stages": {"production": ["m@1.0.0"], "staging": ["m@1.1.0"]}}
GATED = gated(soak="24h", metrics=[{"name": "auc", "min": 0.9, "max-drop": 0}])


def document(*cases: dict[str, Any], **more: object) -> bytes:
    named = [{"name": f"case {number}", **case} for number, case in enumerate(cases)]
    said = {"apiVersion": "gitstage/v1", "kind": "PolicyTest", "now": NOW, "versions": VERSIONS, "cases": named, **more}
    return json.dumps(said, indent=1).encode()


def play(policy: bytes, *cases: dict[str, Any], **more: object) -> list[Rehearsed]:
    return list(rehearsed(read_policy_test(document(*cases, **more)), policy))


def differences(policy: bytes, **case: Any) -> list[Difference]:
    """How the one case differs from what is expected."""
    (only,) = play(policy, {"given": STAGED, "change": PROMOTE, **case})
    assert only.passed == (not only.differences)
    return list(only.differences)


def problems(policy: bytes, **case: Any) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        play(policy, {"given": STAGED, "change": PROMOTE, "expect": "passed", **case})
    assert all(problem.line for problem in caught.value.problems)
    return [problem.message for problem in caught.value.problems]


# --------------------------------------------------------------------------------------------------- what is given


@pytest.mark.parametrize(
    ("given", "change", "expect"),
    [
        # What is in a stage has been there for long.
        (STAGED, PROMOTE, {"soak": "passed", "metrics": "passed"}),
        ({"stages": {"staging": [{"version": "m@1.1.0", "for": "1h"}]}}, PROMOTE, {"soak": "pending"}),
        ({"stages": {"staging": [{"version": "m@1.1.0", "for": "24h"}]}}, PROMOTE, "passed"),
        # What came after another replaced it.
        ({"stages": {"staging": ["m@1.1.0", "m@1.0.0"]}}, PROMOTE, {"stage-order": "refused", "soak": "refused"}),
        ({}, PROMOTE, {"stage-order": "refused", "soak": "refused"}),
        ({**STAGED, "held": ["m@1.1.0"]}, PROMOTE, {"held": "refused"}),
        # A rollback goes where the slot has been.
        ({"stages": {"production": ["m@1.0.0", "m@1.1.0"]}}, {"rollback": "m@production"}, "passed"),
        ({"stages": {"production": ["m@1.0.0", "m@1.2.0", "m@1.1.0"]}, "held": ["m@1.2.0"]}, {"rollback": "m@production"}, "passed"),
        ({"stages": {"production": ["m@1.0.0", "m@1.1.0"]}, "held": ["m@1.0.0"]}, {"rollback": "m@production", "to": "1.0.0"}, {"held": "refused"}),
        (STAGED, {"archive": "m@staging"}, "passed"),
        ({}, {"register": "m@1.2.0"}, "passed"),
        ({"held": ["m@1.2.0"]}, {"unhold": "m@1.2.0"}, "passed"),
        ({"archived": ["m@1.0.0"]}, {"promote": "m@1.0.0", "to": "staging"}, "passed"),
        ({}, {"promote": "m@1.0.0", "to": "staging"}, "passed"),
    ],
)  # fmt: skip
def test_a_case_is_judged_as_a_registry_would_be(given: Any, change: Any, expect: Any) -> None:
    assert differences(GATED, given=given, change=change, expect=expect) == []


def test_evidence_is_as_old_as_it_is_said_and_numbered_in_its_order() -> None:
    policy = gated(evidence=[{"type": "test-result", "name": "shadow", "max-age": "2d"}])
    about = {"about": "m@1.1.0", "name": "shadow"}
    for evidence, expected in (
        ([], "pending"),
        ([about], "passed"),
        ([{**about, "about": "m@1.0.0"}], "pending"),
        ([{**about, "age": "3d"}], "pending"),
        ([{**about, "result": "FAILED"}], "refused"),
        ([{**about, "result": "FAILED"}, about], "passed"),
        ([about, {**about, "result": "FAILED"}], "refused"),
    ):
        given = {**STAGED, "evidence": evidence}
        found = differences(policy, given=given, expect={"evidence": {"verdict": expected}, "verdict": "passed"})
        assert [one.rule for one in found if one.rule == "evidence"] == [], evidence


def test_measured_values_come_from_evidence() -> None:
    policy = gated(metrics=[{"name": "p99", "max": 20, "evidence": "load"}])
    for value, expected in ((18.5, "passed"), (25, "refused")):
        evidence = [{"about": "m@1.1.0", "name": "load", "metrics": {"p99": value}}]
        assert differences(policy, given={**STAGED, "evidence": evidence}, expect={"metrics": expected}) == []


def test_a_case_has_the_moment_of_the_file_or_its_own() -> None:
    windows = gated(windows=[{"deny": "Fri 16:00 - Mon 08:00", "timezone": "Europe/Berlin"}])
    cases = [
        {"given": STAGED, "change": PROMOTE, "expect": "passed"},
        {"given": STAGED, "change": PROMOTE, "expect": "passed", "now": "2026-11-27 17:30 Europe/Berlin"},
    ]
    assert [f"{case.moment:%Y-%m-%dT%H:%M:%SZ}" for case in play(windows, *cases)] == [NOW, "2026-11-27T16:30:00Z"]


def test_a_model_may_have_a_namespace_and_versions_may_be_numbers() -> None:
    policy = policy_file(versions="integer")
    versions: dict[str, object] = {"risk/m@1": {}, "risk/m@2": {}}
    given = {"stages": {"production": ["risk/m@1"], "staging": ["risk/m@2"]}}
    (only,) = play(
        policy,
        {"given": given, "change": {"promote": "risk/m@2", "to": "production"}, "expect": "passed"},
        versions=versions,
    )
    assert only.passed
    assert [(judged.thing, judged.before, judged.after) for judged in only.judgements if judged.stage] == [
        ("production/risk/m", "1", "2")
    ]


def test_a_rule_of_the_policys_own_is_asked_by_its_name() -> None:
    policy = gated(rules=[{"name": "small", "expr": "version.metrics.auc < 0.96", "message": "too good to be true"}])
    assert differences(policy, expect={"rules/small": {"verdict": "refused", "says": "too good"}}) == []
    assert differences(gated(rules=[{"name": "own", "python": "acme"}]), expect={"rules/own": "refused"}) == []


def test_a_plug_in_that_is_allowed_runs() -> None:
    test = read_policy_test(document({"given": STAGED, "change": PROMOTE, "expect": "passed"}))
    policy = gated(rules=[{"name": "own", "python": "acme"}])
    (only,) = rehearsed(test, policy, plugin={"acme": lambda facts: facts["version"]["version"] == "1.1.0"}.__getitem__)
    assert only.passed


# ------------------------------------------------------------------------------------------------ what is expected


def test_what_came_is_compared_with_what_was_expected() -> None:
    soaked = {"stages": {"production": ["m@1.0.0"], "staging": [{"version": "m@1.1.0", "for": "1h"}]}}
    waits = "1h in staging of 1d"
    opens = "2026-11-26T08:00:00Z"
    for expect, expected in (
        ({"soak": "pending"}, []),
        ({"soak": {"verdict": "pending", "says": "of 1d", "opens": opens}}, []),
        ({"verdict": "pending"}, []),
        ("pending", []),
        ("passed", [Difference(rule="verdict", expected="passed", found="pending", message=f"soak {waits}")]),
        ({"soak": "refused"}, [Difference(rule="soak", expected="refused", found="pending", message=waits)]),
        ({"metrics": "passed"}, [Difference(rule="soak", expected=None, found="pending", message=waits)]),
        ({"metrics": "passed", "verdict": "pending"}, []),
        (
            {"soak": "pending", "evidence": "passed"},
            [Difference(rule="evidence", expected="passed", found=None)],
        ),
        (
            {"soak": {"verdict": "pending", "says": "2h"}},
            [Difference(rule="soak", expected="pending, says '2h'", found=f"pending, says {waits!r}")],
        ),
        (
            {"soak": {"verdict": "pending", "opens": NOW}},
            [Difference(rule="soak", expected=f"pending, opens {NOW}", found=f"pending, opens {opens}")],
        ),
    ):
        assert differences(GATED, given=soaked, expect=expect) == expected


def test_a_whole_that_passed_has_nothing_to_say() -> None:
    assert differences(GATED, expect="refused") == [Difference(rule="verdict", expected="refused", found="passed")]


def test_what_opens_at_no_moment_says_so() -> None:
    policy = gated(evidence=[{"type": "test-result", "name": "shadow"}])
    expect = {"evidence": {"verdict": "pending", "opens": NOW}}
    assert differences(policy, expect=expect) == [
        Difference(rule="evidence", expected=f"pending, opens {NOW}", found="pending, opens no moment")
    ]


def test_of_several_rules_and_several_moments_each_is_told() -> None:
    gates = {"short": {"soak": "2h", "metrics": [{"name": "f1", "min": 0.5}]}, "long": {"soak": "3h"}}
    policy = policy_file({**STAGES, "production": {"from": ["staging"], "gates": ["short", "long"]}}, gates)
    soaked = {"stages": {"staging": [{"version": "m@1.1.0", "for": "1h"}]}, "held": ["m@1.1.0"]}
    assert differences(policy, given=soaked, expect="passed") == [
        Difference(
            rule="verdict",
            expected="passed",
            found="refused",
            message="held 1.1.0 is held: as the case says; metrics f1 is missing",
        )
    ]
    expect = {"verdict": "refused", "soak": {"verdict": "pending", "opens": NOW}}
    assert differences(policy, given=soaked, expect=expect) == [
        Difference(
            rule="soak",
            expected=f"pending, opens {NOW}",
            found="pending, opens 2026-11-25T10:00:00Z, 2026-11-25T11:00:00Z",
        )
    ]


def test_what_would_only_warn_and_has_nothing_to_warn_of_passed() -> None:
    policy = gated(metrics=[{"name": "auc", "min": 0.9, "enforce": "warn"}])
    assert differences(policy, expect={"metrics": "passed"}) == []


def test_what_only_warns_is_said_to() -> None:
    policy = gated(metrics=[{"name": "auc", "min": 0.99, "enforce": "warn"}, {"name": "auc", "min": 0.9}])
    assert differences(policy, expect={"metrics": {"verdict": "warned", "says": "0.99"}}) == []
    assert differences(policy, expect="passed") == []
    assert differences(policy, expect={"stage-order": "passed"})[1:] == [
        Difference(rule="metrics", expected=None, found="warned", message="auc 0.96, min 0.99")
    ]


def test_of_several_things_that_a_rule_says_the_worst_counts() -> None:
    policy = gated(metrics=[{"name": "auc", "min": 0.9}, {"name": "auc", "min": 0.99}, {"name": "f1", "min": 0.5}])
    (found,) = differences(policy, expect={"metrics": "passed"})
    assert found == Difference(
        rule="metrics", expected="passed", found="refused", message="auc 0.96, min 0.99; f1 is missing"
    )


def test_a_case_knows_its_line_and_what_the_judge_said() -> None:
    first, second = play(GATED, *[{"given": STAGED, "change": PROMOTE, "expect": "passed"}] * 2)
    text = document(*[{"given": STAGED, "change": PROMOTE, "expect": "passed"}] * 2).decode().splitlines()
    assert [text[(case.line or 0) - 1].strip() for case in (first, second)] == [
        '"name": "case 0",',
        '"name": "case 1",',
    ]
    (slot,) = (judged for judged in first.judgements if judged.stage)
    assert (slot.thing, slot.verdict, {finding.rule for finding in slot.findings}) == (
        "production/m",
        Verdict.PASSED,
        {"soak", "metrics"},
    )


# --------------------------------------------------------------------------------------------- what cannot be played


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ({"given": {"stages": {"prodution": []}}}, ["cases[0].given.stages.prodution: there is no stage 'prodution'; did you mean 'production'?"]),
        ({"change": {"promote": "m@1.1.0", "to": "live"}}, ["cases[0].change.to: there is no stage 'live'"]),
        ({"change": {"archive": "m@live"}}, ["cases[0].change.archive: there is no stage 'live'"]),
        ({"change": {"rollback": "m@1.0.0"}}, ["cases[0].change.rollback: there is no stage '1.0.0'"]),
        ({"expect": {"soaked": "passed", "rules/own": "passed"}}, [
            "cases[0].expect.soaked: there is no rule 'soaked'; did you mean 'soak'?",
            "cases[0].expect.rules/own: there is no rule 'rules/own'",
        ]),
        ({"expect": {"rules": "passed"}}, ["cases[0].expect.rules: there is no rule 'rules'"]),
        ({"given": {}, "change": {"archive": "m@production"}}, ["cases[0].change: production of m is empty"]),
        ({"given": {}, "change": {"rollback": "m@production"}}, ["cases[0].change: nothing is in effect in production of m"]),
        ({"given": {"stages": {"production": ["m@1.0.0", "m@1.1.0"]}, "held": ["m@1.0.0"]}, "change": {"rollback": "m@production"}}, [
            "cases[0].change: production of m has held nothing to go back to (skipped 1.0.0: held)",
        ]),
        ({"change": {"promote": "m@1.0.0", "to": "production"}}, ["cases[0].change: nothing would change"]),
    ],
)  # fmt: skip
def test_a_case_that_cannot_be_played_is_named_with_its_line(case: dict[str, Any], expected: list[str]) -> None:
    found = problems(GATED, **case)
    assert [message[: len(said)] for message, said in zip(found, expected, strict=True)] == expected


def test_what_a_command_would_advise_is_advised_here() -> None:
    with pytest.raises(DocumentError) as caught:
        play(GATED, {"given": {}, "change": {"archive": "m@production"}, "expect": "passed"})
    (problem,) = caught.value.problems
    assert (problem.message, problem.hint) == (
        "cases[0].change: production of m is empty",
        "gitstage status m",
    )


def test_a_policy_that_cannot_be_read_plays_nothing() -> None:
    with pytest.raises(DocumentError):
        play(b"kind: Nothing\n", {"given": STAGED, "change": PROMOTE, "expect": "passed"})


def test_cases_take_milliseconds() -> None:
    cases = [{"given": STAGED, "change": PROMOTE, "expect": "passed"}] * 200
    begun = time.process_time()
    assert all(case.passed for case in play(GATED, *cases))
    assert time.process_time() - begun < 2


# --------------------------------------------------------------------------------------------------- what people do

APPROVED = {"approvals": [{"count": 1, "from": "owners"}]}
BY_ALICE = {**PROMOTE, "by": "alice"}


@pytest.mark.parametrize(
    ("given", "change", "expected"),
    [
        ({}, PROMOTE, {"verdict": "pending", "says": "nobody can tell who made this change"}),
        ({}, BY_ALICE, {"verdict": "pending", "says": "1 approval by owners missing"}),
        ({"approvals": ["bob"]}, BY_ALICE, "passed"),
        ({"approvals": [{"by": "bob", "age": "2d"}]}, BY_ALICE, "passed"),
        ({"approvals": ["alice"]}, BY_ALICE, {"verdict": "pending", "says": "alice made the change"}),
        ({"approvals": ["bob"]}, {**PROMOTE, "by": ["alice", "bob"]}, {"verdict": "pending", "says": "bob made the change"}),
        ({"approvals": ["carol"]}, BY_ALICE, "pending"),
        ({"approvals": [{"by": "bob", "age": "400d"}]}, BY_ALICE, {"verdict": "pending", "says": "before the slot changed"}),
    ],
)  # fmt: skip
def test_somebody_approves_what_somebody_else_made(given: Any, change: Any, expected: Any) -> None:
    assert (
        differences(peopled(APPROVED), given={**STAGED, **given}, change=change, expect={"approvals": expected}) == []
    )


def test_evidence_counts_by_who_signed_it() -> None:
    policy = peopled({"evidence": [{"type": "test-result", "name": "shadow", "signed-by": "compliance"}]})
    for signed_by, expected in (
        (None, "pending"),
        ("bob", "passed"),
        (["alice", "bob"], "passed"),
        (["alice"], "pending"),
    ):
        about = {"about": "m@1.1.0", "name": "shadow", **({"signed-by": signed_by} if signed_by else {})}
        found = differences(policy, given={**STAGED, "evidence": [about]}, expect={"evidence": expected})
        assert (signed_by, found) == (signed_by, [])


def test_in_a_test_of_a_policy_whoever_has_an_identity_signs_too() -> None:
    """Nothing is verified there, so no root is read, and no extra is needed."""
    bot = {"identities": [{"identity": "bot@acme.dev", "issuer": "https://issuer.test"}]}
    policy = peopled(
        {"evidence": [{"type": "test-result", "name": "shadow", "signed-by": "bot"}]},
        people={**PEOPLE, "bot": bot},
        sigstore={"trusted-root": "trust/root.json", "sha256": "0" * 64},
    )
    for signed_by, expected in (("bot", "passed"), ("bob", "pending")):
        given = {**STAGED, "evidence": [{"about": "m@1.1.0", "name": "shadow", "signed-by": signed_by}]}
        assert differences(policy, given=given, expect={"evidence": expected}) == []


def test_a_rule_is_waived_by_somebody_who_may() -> None:
    policy = peopled({"soak": "24h"}, {"waivers": {"by": ["owners"], "settle": "72h"}})
    young = {"stages": {"production": ["m@1.0.0"], "staging": [{"version": "m@1.1.0", "for": "1h"}]}}
    for waiver, expected in (
        ({"rule": "soak", "by": "alice", "reason": "an incident"}, {"verdict": "waived", "says": "an incident"}),
        ({"rule": "soak", "by": "alice", "gate": "standard"}, "waived"),
        ({"rule": "soak", "by": "alice", "gate": "other"}, "pending"),
        ({"rule": "metrics", "by": "alice"}, "pending"),
        ({"rule": "soak", "by": "dave"}, "pending"),
    ):
        assert differences(policy, given={**young, "waivers": [waiver]}, expect={"soak": expected}) == [], waiver
    first = {"stages": {"staging": [{"version": "m@1.1.0", "for": "1h"}]}, "waivers": [{"rule": "soak", "by": "alice"}]}
    assert differences(policy, given=first, expect={"soak": "waived"}) == []


def test_one_of_those_on_call_rolls_back() -> None:
    policy = peopled({"soak": "24h"}, {"rollback": {"by": ["oncall"]}})
    given = {"stages": {"production": ["m@1.0.0", "m@1.1.0"]}}
    assert differences(policy, given=given, change={"rollback": "m@production", "by": "dave"}, expect="passed") == []
    assert differences(policy, given=given, change={"rollback": "m@production", "by": "carol"}, expect="pending") == []


def test_an_owner_empties_a_slot_and_releases_a_hold() -> None:
    policy = peopled({"soak": "24h"})
    for change, given in (
        ({"archive": "m@production"}, {"stages": {"production": ["m@1.0.0"]}}),
        ({"unhold": "m@1.1.0"}, {"held": ["m@1.1.0"]}),
    ):
        assert differences(policy, given=given, change={**change, "by": "alice"}, expect="passed") == []
        assert differences(policy, given=given, change={**change, "by": "dave"}, expect={"owner": "pending"}) == []


def test_people_and_rules_that_nobody_knows_are_named_with_their_line() -> None:
    given = {
        **STAGED,
        "evidence": [{"about": "m@1.1.0", "name": "shadow", "signed-by": "evie"}],
        "approvals": ["bobby"],
        "waivers": [{"rule": "soaked", "by": "nobody"}],
    }
    assert problems(peopled(APPROVED), given=given, change={**PROMOTE, "by": "alicia"}) == [
        "cases[0].given.evidence: there is no person 'evie'",
        "cases[0].given.approvals: there is no person 'bobby'; did you mean 'bob'?",
        "cases[0].given.waivers: there is no person 'nobody'",
        "cases[0].given.waivers: there is no rule 'soaked'; did you mean 'soak'?",
        "cases[0].change.by: there is no person 'alicia'; did you mean 'alice'?",
    ]


def test_who_had_a_key_signed_with_the_one_that_was_valid_then(monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = f'valid-before="20261101" {public_key("old")}', f'valid-after="20261101" {public_key("new")}'
    policy = policy_file(people={"eve": {"keys": [public_key("eve")]}, "ada": {"keys": [old, new]}})
    shadow = {"about": "m@1.1.0", "name": "shadow", "signed-by": "ada"}
    given = {**STAGED, "evidence": [shadow]}
    for now, owner in ((NOW, "new"), ("2026-10-01T09:00:00Z", "old")):
        _, _, _, world, _ = folded(monkeypatch, policy, given=given, now=now)
        data = held_at(world.trees("given"))["evidence/m/1.1.0/shadow/1.json"]
        assert world.signed_by(data) == frozenset({public_key(owner)})
    gone = policy_file(people={"ada": {"keys": [old]}})
    assert problems(gone, given=given) == [
        "cases[0].name: ada has no key in gitstage.yaml that is valid then, and cannot have signed"
    ]


def test_who_has_no_key_cannot_have_signed() -> None:
    policy = policy_file(people={"ada": {"github": "ada"}})
    given = {**STAGED, "evidence": [{"about": "m@1.1.0", "name": "shadow", "signed-by": "ada"}]}
    assert problems(policy, given=given) == [
        "cases[0].name: ada has no key in gitstage.yaml that is valid then, and cannot have signed"
    ]


# ------------------------------------------------------------------------------------------------ the registry that is judged


def folded(
    monkeypatch: pytest.MonkeyPatch, policy: bytes, **case: Any
) -> tuple[PolicyTest, State, Step, World, Rehearsed]:
    """The test, what its one case gives to the fold, and what came of it."""
    given: list[Any] = []

    def watched(state: State, steps: list[Step], world: World) -> Folded:
        given.append((state, steps, world))
        return fold(state, steps, world)

    monkeypatch.setattr(rehearse, "fold", watched)
    test = read_policy_test(document({"given": STAGED, "change": PROMOTE, "expect": "passed", **case}))
    (only,) = rehearsed(test, policy)
    ((state, (step,), world),) = given
    return test, state, step, world, only


def held_at(tree: Snapshot) -> dict[str, bytes]:
    """The files of a tree."""
    return {path: tree.read(entry.oid) for path, entry in files(tree) if entry.mode == FILE}


def test_a_case_becomes_a_registry_with_a_past(monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime(2026, 11, 25, 9, tzinfo=UTC)
    policy = peopled({"soak": "24h"}, {"waivers": {"by": ["owners"], "settle": "72h"}})
    shadow = {"about": "m@1.1.0", "name": "shadow"}
    given = {
        "stages": {
            "production": [{"version": "m@1.0.0", "for": "30d"}, {"version": "m@1.2.0", "for": "2d"}],
            "staging": [{"version": "m@1.1.0", "for": "1h"}],
        },
        "archived": ["m@1.1.0"],
        "held": ["m@1.0.0"],
        "evidence": [
            {**shadow, "age": "3h", "metrics": {"p99": 18.5}},
            {**shadow, "result": "FAILED", "signed-by": ["bob", "carol"]},
            {"about": "m@1.0.0", "name": "shadow", "age": "1d", "signed-by": "carol"},
        ],
        "approvals": [{"by": "bob", "age": "2h"}, "carol"],
        "waivers": [
            {"rule": "soak", "by": "alice", "reason": "an incident", "gate": "standard", "age": "10m", "for": "2h"},
            {"rule": "metrics", "by": "bob"},
        ],
    }
    test, state, step, world, only = folded(monkeypatch, policy, given=given, change={**PROMOTE, "by": "alice"})
    one, two, three = (test.manifests["m", version] for version in ("1.0.0", "1.1.0", "1.2.0"))
    sha = {version: hashlib.sha256(test.manifests["m", version]).hexdigest() for version in ("1.0.0", "1.1.0", "1.2.0")}
    assert state == State(judged="given", policy="given", policy_number=1, policy_since=now - timedelta(days=3650))
    assert (world.folder, world.now, world.tip) == ("", now, world.trees("given"))
    about = Binding(
        registry=ID,
        model="m",
        version="1.1.0",
        manifest=sha["1.1.0"],
        stage="production",
        incumbent=sha["1.2.0"],
        change=2,
    )
    waivers = [
        written(
            Said(
                kind="waiver",
                about=about,
                made=now - timedelta(minutes=10),
                expires=now + timedelta(hours=2),
                reason="an incident",
                rule="soak",
                gate="standard",
            )
        ),
        written(
            Said(
                kind="waiver",
                about=about,
                made=now - test.cases[0].given.waivers[1].age,
                expires=now + test.cases[0].given.waivers[1].for_,
                reason=test.cases[0].given.waivers[1].reason,
                rule="metrics",
            )
        ),
    ]
    evidence = [
        attested("m", "1.1.0", sha["1.1.0"], "shadow", "PASSED", {"p99": 18.5}, now - timedelta(hours=3)),
        attested("m", "1.1.0", sha["1.1.0"], "shadow", "FAILED", {}, now - test.cases[0].given.evidence[1].age),
        attested("m", "1.0.0", sha["1.0.0"], "shadow", "PASSED", {}, now - timedelta(days=1)),
    ]
    there = {
        "gitstage.yaml": policy,
        "models/m/1.0.0.yaml": one,
        "models/m/1.1.0.yaml": two,
        "models/m/1.2.0.yaml": three,
        "production/m.yaml": three,
        "staging/m.yaml": two,
        "archived/m/1.0.0.yaml": one,
        "archived/m/1.1.0.yaml": two,
        "holds/m/1.0.0.yaml": hold("m", "1.0.0", "as the case says"),
        "evidence/m/1.1.0/shadow/1.json": evidence[0],
        "evidence/m/1.1.0/shadow/2.json": evidence[1],
        "evidence/m/1.0.0/shadow/1.json": evidence[2],
        "evidence/m/1.1.0/waiver-alice/1.json": waivers[0],
        "evidence/m/1.1.0/waiver-bob/2.json": waivers[1],
    }
    assert held_at(world.trees("given")) == there
    assert (step, world.trees("changed")) == (Step("changed", step.tree), step.tree)
    assert held_at(step.tree) == {**there, "production/m.yaml": two, "archived/m/1.2.0.yaml": three}
    assert world.past.effects(Slot("m", "production")) == (
        Effect(
            slot=Slot("m", "production"),
            number=1,
            action="promote",
            commit="given",
            moment=now - timedelta(days=32),
            before=None,
            before_blob=None,
            after="1.0.0",
            after_blob=blob_id(one),
        ),
        Effect(
            slot=Slot("m", "production"),
            number=2,
            action="promote",
            commit="given",
            moment=now - timedelta(days=2),
            before="1.0.0",
            before_blob=blob_id(one),
            after="1.2.0",
            after_blob=blob_id(three),
        ),
    )
    assert [world.past.taken(Slot("m", stage)) for stage in ("production", "staging", "other")] == [2, 1, 0]
    assert world.past.effects(Slot("n", "production")) == ()
    keys = {person: public_key(person) for person in ("alice", "bob", "carol")}
    assert [world.signed_by(data) for data in (*evidence, *waivers, b"x")] == [
        frozenset(),
        frozenset({keys["bob"], keys["carol"]}),
        frozenset({keys["carol"]}),
        frozenset({keys["alice"]}),
        frozenset({keys["bob"]}),
        frozenset(),
    ]
    assert world.forge == Forge(
        kind="server",
        changes=(
            ForgeChange(
                authors=frozenset({"alice"}),
                approvals=(
                    Review(account="bob", commit="changed", moment=now - timedelta(hours=2)),
                    Review(account="carol", commit="changed", moment=now - test.cases[0].given.approvals[1].age),
                ),
            ),
        ),
    )
    assert (only.case, only.moment) == (test.cases[0], now)
    assert [judged.thing for judged in only.judgements] == ["records/m", "production/m"]


def test_a_case_without_people_has_no_forge_and_a_version_to_register_is_not_there_yet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    test, _, step, world, only = folded(monkeypatch, GATED, given={}, change={"register": "m@1.2.0"})
    there = held_at(world.trees("given"))
    assert (world.forge, list(there)) == (None, ["gitstage.yaml", "models/m/1.0.0.yaml", "models/m/1.1.0.yaml"])
    assert held_at(step.tree) == {**there, "models/m/1.2.0.yaml": test.manifests["m", "1.2.0"]}
    assert [(judged.thing, judged.action, judged.after) for judged in only.judgements] == [
        ("records/m", "register", "1.2.0")
    ]


@pytest.mark.parametrize(
    ("given", "change", "edits"),
    [
        ({"held": ["m@1.2.0"]}, {"unhold": "m@1.2.0"}, {"holds/m/1.2.0.yaml": hold("m", "1.2.0", "as the case says", state="released")}),
        (STAGED, {"archive": "m@staging"}, {"staging/m.yaml": empty_slot("m"), "archived/m/1.1.0.yaml": "1.1.0"}),
        ({"stages": {"production": ["m@1.0.0", "m@1.1.0"]}}, {"rollback": "m@production"}, {"production/m.yaml": "1.0.0", "archived/m/1.1.0.yaml": "1.1.0"}),
        ({"stages": {"production": ["m@1.2.0", "m@1.0.0", "m@1.1.0"]}, "held": ["m@1.0.0"]}, {"rollback": "m@production"}, {"production/m.yaml": "1.2.0", "archived/m/1.1.0.yaml": "1.1.0"}),
        ({"stages": {"production": ["m@1.2.0", "m@1.0.0", "m@1.1.0"]}}, {"rollback": "m@production", "to": "1.2.0"}, {"production/m.yaml": "1.2.0", "archived/m/1.1.0.yaml": "1.1.0"}),
    ],
)  # fmt: skip
def test_a_change_edits_what_its_command_would(
    monkeypatch: pytest.MonkeyPatch, given: Any, change: Any, edits: dict[str, Any]
) -> None:
    test, _, step, world, _ = folded(monkeypatch, GATED, given=given, change=change)
    expected = {path: test.manifests["m", to] if isinstance(to, str) else to for path, to in edits.items()}
    assert held_at(step.tree) == {**held_at(world.trees("given")), **expected}


def test_what_was_read_once_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bytes] = []

    def reading(reader: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
        def reads(data: bytes) -> Any:
            read.append(data)
            return reader(data)

        return reads

    monkeypatch.setattr(folding, "read_policy", reading(read_policy))
    monkeypatch.setattr(folding, "read_version", reading(read_version))
    assert all(case.passed for case in play(GATED, *[{"given": STAGED, "change": PROMOTE, "expect": "passed"}] * 3))
    assert sorted(read) == sorted({*read}), "each of them once"
    assert len(read) == 3, "the policy, what comes in and what is there"
