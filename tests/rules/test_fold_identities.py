"""People who sign with Sigstore: real bundles, judged from the policy's trusted root to the verdict."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import Any

import pytest

from gitstage.approvals import Said, written
from gitstage.errors import CannotVerify
from gitstage.findings import Finding, Verdict
from gitstage.layout import POLICY, evidence_folder, version_path
from tests.registries import MONDAY, OWNED, PEOPLE, ROLES, Story, manifest, peopled, statement
from tests.signatures.authority import GITHUB, WORKFLOW, Authority, Wish

ROOT = "trust/trusted_root.json"
BOT: Mapping[str, object] = {"identities": [{"identity": WORKFLOW, "issuer": GITHUB}]}
ASKED = {"evidence": [{"type": "test-result", "name": "shadow-traffic", "signed-by": "bot"}]}


@cache
def ours() -> Authority:
    return Authority()


@cache
def root() -> bytes:
    return ours().trusted_root()


def governed(
    gate: Mapping[str, object] | None = None,
    *,
    trusted: bytes | None = None,
    bot: Mapping[str, object] = BOT,
    **top: Any,
) -> bytes:
    """A policy that knows the bot by its identity, whose production asks what `gate` says."""
    sha256 = hashlib.sha256(root() if trusted is None else trusted).hexdigest()
    sigstore = {"trusted-root": ROOT, "sha256": sha256}
    production = top.pop("production", None)
    return peopled(
        ASKED if gate is None else gate,
        production,
        **{"people": {**PEOPLE, "bot": bot}, "roles": ROLES, "models": OWNED, "sigstore": sigstore, **top},
    )


def story(gate: Mapping[str, object] | None = None, **more: Any) -> Story:
    """1.0.0 of m serves; 1.1.0 is staged."""
    it = Story(governed(gate, **more)).outside(ROOT, root())
    it.register("m", "1.0.0").stage("m", "1.0.0").land("alice")
    return it.register("m", "1.1.0").stage("m", "1.1.0")


REFUSED = Verdict.REFUSED
FOLDER = "evidence/m/1.1.0/shadow-traffic"


def attested(it: Story, number: int = 1, result: Any = "PASSED", *, by: Authority | None = None, **wish: Any) -> Story:
    """Evidence about 1.1.0 in a bundle."""
    data = statement(it.read(version_path("m", "1.1.0")), "shadow-traffic", result, it.now)
    return it.write(f"{FOLDER}/{number}.json", (by or ours()).bundle(data, Wish(**wish)))


def promoted(it: Story, rule: str = "evidence") -> Finding:
    """What a rule says of the promotion of 1.1.0."""
    it.land("alice")
    it.promote("m", "1.1.0").land("alice")
    assert it.last is not None
    (judgement,) = [one for one in it.last.judgements if one.thing == "production/m"]
    (found,) = [one for one in judgement.findings if one.rule == rule]
    return found


def test_evidence_counts_that_an_identity_of_the_policy_signed() -> None:
    found = promoted(attested(story()))
    assert (found.verdict, found.message, found.people) == (
        Verdict.PASSED,
        f"shadow-traffic says PASSED, signed by {WORKFLOW} ({GITHUB})",
        ("bot",),
    )


def test_a_statement_that_is_missing_is_asked_for_as_those_can_make_it_who_may() -> None:
    plain = "gitstage attest m@1.1.0 --type test-result --name shadow-traffic"
    for people, hint in (
        ("bot", f"{plain} --file BUNDLE.json"),
        ("bob", f"{plain} --result passed --sign KEY"),
        ("both", f"{plain} --result passed --sign KEY"),
    ):
        gate = {"evidence": [{"type": "test-result", "name": "shadow-traffic", "signed-by": people}]}
        assert promoted(story(gate, roles={**ROLES, "both": ["bob", "bot"]})).hint == hint


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        ({"identity": WORKFLOW.replace("main", "next")}, "1.json: signed by https://github.com/acme/fraud/"),
        (
            {"identity": WORKFLOW.replace("acme", "Acme")},
            f"1.json: signed by {WORKFLOW.replace('acme', 'Acme')} ({GITHUB})",
        ),
        (
            {"issuer": "https://accounts.google.com"},
            f"signed by {WORKFLOW} (https://accounts.google.com), who is nobody",
        ),
        ({"issuer": f"{GITHUB}/"}, "who is nobody in gitstage.yaml"),
        ({"begins": MONDAY + timedelta(hours=1)}, f"1.json: a Sigstore bundle that is not good, going by {ROOT}"),
        ({"by": Authority()}, f"1.json: a Sigstore bundle that is not good, going by {ROOT}"),
    ],
)
def test_evidence_of_anybody_else_is_not_there(wish: Mapping[str, Any], why: str) -> None:
    found = promoted(attested(story(), **wish))
    assert found.verdict is Verdict.PENDING
    assert found.message.startswith("no test-result called shadow-traffic signed by bot; 1.json: ")
    assert why in found.message


def test_of_several_only_those_that_verify_are_ranked() -> None:
    it = attested(attested(story()), 2, "FAILED", by=Authority())
    assert promoted(it).verdict is Verdict.PASSED
    it = attested(attested(story(), by=Authority()), 2, "FAILED")
    assert (found := promoted(it)).verdict is Verdict.REFUSED
    assert found.message == "shadow-traffic says FAILED"


def test_a_bundle_is_bound_to_its_manifest_as_every_statement_is() -> None:
    it = story()
    other = statement(manifest("m", "1.0.0"), "shadow-traffic", "PASSED", it.now)
    it.write(f"{FOLDER}/1.json", ours().bundle(other)).land("alice")
    assert it.last is not None
    said = [(one.rule, one.path) for judged in it.last.judgements for one in judged.findings if one.verdict is REFUSED]
    assert said == [("manifest-valid", f"{FOLDER}/1.json")]


@pytest.mark.parametrize(
    ("time", "why"),
    [
        ({"valid-before": "20261123"}, "the identity of bot is no longer valid"),
        ({"valid-after": "20261231"}, "the identity of bot is not yet valid"),
    ],
)
def test_an_identity_counts_in_its_time_at_the_judged_moment(time: Mapping[str, str], why: str) -> None:
    bot = {"identities": [{"identity": WORKFLOW, "issuer": GITHUB, **time}]}
    found = promoted(attested(story(bot=bot)))
    assert found.message == f"no test-result called shadow-traffic signed by bot; 1.json: {why}"


def test_without_an_extra_the_rule_refuses_and_says_what_to_install() -> None:
    def cannot(data: bytes, trusted: bytes) -> frozenset[str]:
        raise CannotVerify("a Sigstore bundle needs an extra that is not installed", hint="pip install it")

    it = attested(story())
    it.vouched_for = cannot
    assert promoted(it) == Finding(
        rule="evidence",
        gate="standard",
        verdict=Verdict.REFUSED,
        message="no signature can be verified: a Sigstore bundle needs an extra that is not installed",
        hint="pip install it",
    )


def test_nothing_is_verified_that_no_rule_asks_for() -> None:
    def asked(data: bytes, trusted: bytes) -> frozenset[str]:
        raise AssertionError("nobody asked")

    it = story({"evidence": [{"type": "test-result", "name": "shadow-traffic"}]})
    it.vouched_for = asked
    assert promoted(attested(it)).message == "shadow-traffic says PASSED"
    without = Story(peopled({"evidence": [{"type": "test-result", "name": "shadow-traffic", "signed-by": "bob"}]}))
    without.vouched_for = asked
    without.register("m", "1.0.0").stage("m", "1.0.0").land("alice")
    found = promoted(attested(without.register("m", "1.1.0").stage("m", "1.1.0")))
    assert found.message.endswith("; 1.json: a Sigstore bundle, and gitstage.yaml has no sigstore")


# The root


def test_a_policy_without_the_root_that_it_names_never_takes_effect() -> None:
    for there in (None, root() + b"\n", b"{}"):
        it = Story(governed())
        if there is not None:
            it.outside(ROOT, there)
        it.land("alice")
        assert it.state.policy is None
        assert it.last is not None
        (found,) = [one for one in it.last.judgements[0].findings if one.verdict is not Verdict.PASSED]
        assert (found.rule, found.path) == ("manifest-valid", "gitstage.yaml")
        assert found.line is not None
        assert found.message.startswith(ROOT)
        it.outside(ROOT, root()).land("alice")
        assert it.state.policy is not None


def test_a_root_that_changes_alone_changes_nothing() -> None:
    it = attested(story(), by=(mallory := Authority()))
    it.outside(ROOT, mallory.trusted_root())
    assert promoted(it).message.endswith(f"1.json: a Sigstore bundle that is not good, going by {ROOT}")
    it = attested(story())
    it.remove_outside(ROOT)
    assert promoted(it).verdict is Verdict.PASSED


def test_a_new_root_counts_from_the_policy_on_that_names_it() -> None:
    other = Authority()
    it = attested(story(), by=other)
    before = it.elsewhere()
    assert promoted(before).verdict is Verdict.PENDING
    it.land("alice")
    it.outside(ROOT, other.trusted_root()).policy(governed(trusted=other.trusted_root())).land("alice")
    assert promoted(it).verdict is Verdict.PASSED


def test_a_change_cannot_bring_its_own_root() -> None:
    """A policy that has not been approved judges nothing, and its root vouches for nobody."""
    asked = [{"count": 1, "from": "bob"}]
    mallory = Authority()
    it = attested(story(governance=asked), by=mallory)
    it.outside(ROOT, mallory.trusted_root()).policy(governed(trusted=mallory.trusted_root(), governance=asked))
    assert promoted(it).message.endswith(f"1.json: a Sigstore bundle that is not good, going by {ROOT}")
    assert str(POLICY) in it.open


def test_a_policy_whose_root_is_gone_from_the_history_refuses() -> None:
    """As where somebody asks what another policy would have said."""
    it = attested(story())
    it.land("alice")
    assert it.state.policy is not None
    bare = it.trees[it.state.policy]
    it.remove_outside(ROOT)
    it.trees[it.state.policy] = it.tree
    found = promoted(it)
    assert bare is not None
    assert (found.verdict, found.hint) == (Verdict.REFUSED, f"git add {ROOT}")
    assert "the trusted root, is not there" in found.message


# What people say


def says(it: Story, kind: str, *, by: Authority | None = None, wish: Wish | None = None, **more: Any) -> Story:
    """Somebody says something of the promotion of 1.1.0, and signs it with Sigstore."""
    said = Said(kind=kind, about=it.about("m", "1.1.0"), made=it.now, **more)
    folder = f"{evidence_folder('m', '1.1.0')}/{kind}-bot"
    number = len(it.registry.listing(folder)) + 1
    return it.write(f"{folder}/{number}.json", (by or ours()).bundle(written(said), wish))


def test_an_approval_in_a_bundle_counts() -> None:
    gate = {"approvals": [{"count": 1, "from": "bot"}]}
    it = story(gate)
    it.land("alice")
    found = promoted(says(it, "approval"), "approvals")
    assert (found.verdict, found.message, found.people) == (Verdict.PASSED, "approved by bot (bot)", ("bot",))


def test_an_approval_by_another_identity_does_not_count_and_says_whose_it_is() -> None:
    gate = {"approvals": [{"count": 1, "from": "bot"}]}
    it = says(story(gate), "approval", wish=Wish(identity="eve@acme.dev"))
    found = promoted(it, "approvals")
    assert found.message == (
        f"1 approval by bot missing (bot could); approval-bot/1.json: signed by eve@acme.dev ({GITHUB}), "
        "who is nobody in gitstage.yaml"
    )


def test_somebody_with_a_key_and_an_identity_is_one_person() -> None:
    both = {**PEOPLE["bob"], **BOT}
    people = {**PEOPLE, "bob": both}
    it = story({"approvals": [{"count": 2, "from": "risk"}]}, bot={}, people={**people, "bot": {}})
    it.land("carol")
    says(it, "approval").approve("m", "1.1.0", "bob", reason="again")
    it.promote("m", "1.1.0").land("carol")
    assert it.last is not None
    (found,) = [one for judged in it.last.judgements for one in judged.findings if one.rule == "approvals"]
    assert (found.verdict, found.value) == (Verdict.PENDING, "1 of 2")


def test_a_waiver_in_a_bundle_waives() -> None:
    gate = {"soak": "72h"}
    it = story(gate, production={"waivers": {"by": ["bot"]}})
    it.land("alice")
    says(it, "waiver", rule="soak", reason="it burns", expires=it.now + timedelta(hours=8))
    found = promoted(it, "soak")
    assert (found.verdict, found.people) == (Verdict.WAIVED, ("bot",))


def test_a_waiver_in_a_bundle_that_is_not_good_waives_nothing() -> None:
    it = story({"soak": "72h"}, production={"waivers": {"by": ["bot"]}})
    it.land("alice")
    says(it, "waiver", by=Authority(), rule="soak", reason="it burns", expires=it.now + timedelta(hours=8))
    assert promoted(it, "soak").verdict is Verdict.PENDING
