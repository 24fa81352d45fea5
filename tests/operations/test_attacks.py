"""One history that somebody planted, four judges, one verdict: `check`, the server's hook, `tag` and `audit`."""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from gitstage.envelopes import write_envelope
from tests.operations.conftest import Told
from tests.operations.plots import MODEL, SLOT, TEST, Plot, Verdicts

RECORDS = f"records/{MODEL}"


@pytest.fixture
def plot(tmp_path: Path, told: Told) -> Plot:
    return Plot.copied(told("plot", Plot.laid), tmp_path)


def test_what_is_right_passes_all_four_judges_and_takes_effect(plot: Plot) -> None:
    """Each attack below is this, but for one thing."""
    plot.test()
    plot.approve("bob")
    plot.promote()
    plot.commit()
    assert (plot.checked(), plot.received(), plot.tagged(), plot.audited()) == ({}, {}, {}, {})
    assert plot.story.in_effect(MODEL) == "1.2.0"


# What is planted


@dataclass(frozen=True)
class Case:
    """What somebody does, and what every judge says of it; `at_once` is what `check` says where that differs.

    It judges the whole branch as one step, and the others each commit that lands.
    """

    does: Callable[[Plot], None]
    says: Verdicts
    at_once: Verdicts | None = None


LOOSER = {f"    evidence: [{{type: test-result, name: {TEST}, signed-by: evaluators}}]\n": ""}
NO_APPROVALS = {"    approvals: [{count: 1, from: owners}]\n": ""}


def promotes(*before: Callable[[Plot], object]) -> Callable[[Plot], None]:
    """All of that, and the promotion, in one commit."""

    def does(plot: Plot) -> None:
        for act in before:
            act(plot)
        plot.promote()
        plot.commit()

    return does


def tested(plot: Plot) -> None:
    plot.test()


def approved(plot: Plot) -> None:
    plot.approve("bob")


# the policy


NO_GATE = {"gates: [standard]\n    rollback": "gates: []\n    rollback"}


def loosened_in_the_commit_before(plot: Plot) -> None:
    plot.amend(NO_GATE)
    plot.commit("nobody needs this")
    plot.promote()
    plot.commit()


def loosened_and_approved_by_its_author(plot: Plot) -> None:
    plot.amend(NO_GATE)
    plot.commit("nobody needs this")
    plot.approve_policy("ada")
    plot.promote()
    plot.commit()


def forked_before_it_was_tightened(plot: Plot) -> None:
    """The branch knows no gate, and is merged as git merges it."""
    plot.story.git("switch", "--quiet", "-c", "old", "main~1")
    assert "gates: [standard]             #" in plot.story.read("gitstage.yaml"), "it is still a comment"
    plot.promote()
    plot.commit()
    plot.story.git("switch", "--quiet", "main")
    plot.story.git("merge", "--quiet", "--no-ff", "-m", "Merge old", "old")


def owners_changed_in_the_same_change(plot: Plot) -> None:
    plot.test()
    plot.approve("finn")
    plot.amend({"owners: [ada, bob, finn]": "owners: [finn]"})
    plot.promote()
    plot.commit()


# evidence


def passed_again_behind_a_failure(plot: Plot) -> None:
    plot.test()
    plot.test(result="FAILED", number=2)
    plot.commit("tested")
    plot.land()
    plot.put(plot.read(f"evidence/{MODEL}/1.2.0/{TEST}/1.json"), 3)


def held_back(plot: Plot) -> None:
    good = plot.sign(plot.statement(), "cara")
    plot.story.later(minutes=5)
    plot.test(result="FAILED")
    plot.commit("tested")
    plot.land()
    plot.put(good, 2)


def failed_after_it_had_passed(plot: Plot) -> None:
    plot.test()
    plot.commit("tested")
    plot.land()
    plot.test(result="FAILED", number=2)


def rewritten_and_staged(plot: Plot) -> None:
    text = plot.story.read(f"models/{MODEL}/1.0.0.yaml")
    plot.write(f"models/{MODEL}/1.0.0.yaml", text.replace("auc: 0.9", "auc: 0.99"))
    plot.commit("by force")
    plot.story.copy(f"models/{MODEL}/1.0.0.yaml", f"staging/{MODEL}.yaml")
    plot.story.copy(f"models/{MODEL}/1.2.0.yaml", f"archived/{MODEL}/1.2.0.yaml")
    plot.commit("stage it")


def edited(plot: Plot) -> None:
    plot.test(model="churn", number=1)
    plot.approve("bob", "finn", model="churn")
    plot.promote(model="churn")
    plot.commit()


def deleted(plot: Plot) -> None:
    (plot.story.path / f"evidence/churn/1.2.0/{TEST}/1.json").unlink()
    plot.approve("bob", "finn", model="churn")
    plot.promote(model="churn")
    plot.commit()


def of_another_version(plot: Plot) -> None:
    plot.put(plot.read(f"evidence/{MODEL}/1.1.0/{TEST}/1.json"))


def of_another_model(plot: Plot) -> None:
    plot.test("1.0.0", model="churn")
    plot.put(plot.read(f"evidence/churn/1.0.0/{TEST}/1.json"))


def of_another_registry(plot: Plot) -> None:
    """There, too, is a fraud-detector 1.2.0; it is made of other bytes."""
    path = f"models/{MODEL}/1.2.0.yaml"
    here = plot.story.read(path)
    plot.write(path, here + "description: theirs\n")
    plot.test()
    plot.write(path, here)


def signed_by(*names: str, namespace: str = "gitstage") -> Callable[[Plot], None]:
    def does(plot: Plot) -> None:
        plot.put(plot.sign(plot.statement(), *names, namespace=namespace))

    return does


def unsigned(plot: Plot) -> None:
    plot.put(plot.statement())


def by_a_key_that_was_taken_out(plot: Plot) -> None:
    plot.test()
    plot.amend({plot.story.read("gitstage.yaml").partition("  cara: ")[2].partition("\n")[0]: "{github: cara}"})
    plot.commit("her laptop was stolen")
    plot.approve_policy("bob")
    plot.land()


def with_another_bit(field: str) -> Callable[[Plot], None]:
    """A load test that Cara signed, of which one bit is another."""

    def does(plot: Plot) -> None:
        document = json.loads(write_envelope(plot.sign(plot.statement(p99=12.5), "cara")))
        holder = document if field == "payload" else document["signatures"][0]
        data = bytearray(b64decode(holder[field]))
        at = data.index(b"12.5") + 3 if field == "payload" else -1
        data[at] ^= 1
        holder[field] = b64encode(data).decode()
        plot.put(json.dumps(document).encode())

    return does


# approvals


def approved_by(*names: str, **otherwise: object) -> Callable[[Plot], None]:
    return lambda plot: plot.approve(*names, **otherwise)  # type: ignore[arg-type]


def of_another_blob(plot: Plot) -> None:
    plot.approve("bob", manifest=hashlib.sha256(plot.read(f"models/{MODEL}/1.1.0.yaml")).hexdigest())


def given_for_another_version(plot: Plot) -> None:
    plot.approve("bob", version="1.0.0")
    path = "approval-bob/1.json"
    plot.write(f"evidence/{MODEL}/1.2.0/{path}", plot.read(f"evidence/{MODEL}/1.0.0/{path}"))


def one_person_with_two_keys(plot: Plot) -> None:
    plot.test(model="churn", number=2)
    plot.approve("bob", model="churn")
    plot.approve("bob-2", model="churn")
    plot.promote(model="churn")
    plot.commit()


def one_envelope_with_two_keys(plot: Plot) -> None:
    plot.test(model="churn", number=2)
    plot.approve("bob", model="churn", together_with=["bob-2"])
    plot.promote(model="churn")
    plot.commit()


def used_again_after_a_rollback(plot: Plot) -> None:
    """Everything was right once. Finn, who is on call, takes it back and lets it in again; Ada promotes it again."""
    plot.test()
    plot.approve("bob")
    plot.promote()
    plot.commit()
    plot.land()
    plot.commits_as("finn")
    plot.story.rollback(f"{MODEL}@production", no_hold=True)
    plot.land()
    assert plot.story.in_effect(MODEL) == "1.1.0"
    plot.commits_as("ada")
    plot.promote()
    plot.commit()


CASES: dict[str, Case] = {
    "a policy loosened in the same change": Case(
        promotes(tested, lambda plot: plot.amend(NO_APPROVALS)),
        {SLOT: "refused approvals policy-alone", "policy": "pending governance"},
    ),
    "a policy loosened in the commit before": Case(
        loosened_in_the_commit_before,
        {SLOT: "pending approvals evidence", "policy": "pending governance"},
        at_once={SLOT: "refused approvals evidence policy-alone", "policy": "pending governance"},
    ),
    "a policy that its author approved herself": Case(
        loosened_and_approved_by_its_author,
        {SLOT: "pending approvals evidence", "policy": "pending governance"},
        at_once={SLOT: "refused approvals evidence policy-alone", "policy": "pending governance"},
    ),
    "a branch forked before the policy was tightened": Case(
        forked_before_it_was_tightened, {SLOT: "pending approvals evidence"}
    ),
    "owners changed in the same change": Case(
        owners_changed_in_the_same_change,
        {SLOT: "refused policy-alone", "policy": "pending governance"},
    ),
    "a success copied to the next number after a failure": Case(
        promotes(passed_again_behind_a_failure, approved),
        {SLOT: "refused evidence version-immutable", RECORDS: "refused version-immutable"},
    ),
    "a success held back and landed later": Case(promotes(held_back, approved), {SLOT: "refused evidence"}),
    "a failure after a success": Case(promotes(failed_after_it_had_passed, approved), {SLOT: "refused evidence"}),
    "a version rewritten by force and staged by the next good change": Case(
        rewritten_and_staged,
        {f"staging/{MODEL}": "pending version-immutable", RECORDS: "refused version-immutable"},
    ),
    "evidence edited": Case(
        edited,
        {"production/churn": "refused evidence version-immutable", "records/churn": "refused version-immutable"},
    ),
    "evidence deleted": Case(
        deleted, {"production/churn": "refused evidence nothing-removed", "records/churn": "refused nothing-removed"}
    ),
    "evidence of another version": Case(
        promotes(of_another_version, approved),
        {SLOT: "pending evidence manifest-valid", RECORDS: "refused manifest-valid"},
    ),
    "evidence of another model": Case(
        promotes(of_another_model, approved),
        {SLOT: "pending evidence manifest-valid", RECORDS: "refused manifest-valid"},
    ),
    "evidence of another registry": Case(
        promotes(of_another_registry, approved),
        {SLOT: "pending evidence manifest-valid", RECORDS: "refused manifest-valid"},
    ),
    "evidence that nobody signed": Case(promotes(unsigned, approved), {SLOT: "pending evidence"}),
    "evidence signed by an unknown key": Case(promotes(signed_by("eve"), approved), {SLOT: "pending evidence"}),
    "evidence signed by somebody who is not asked": Case(
        promotes(signed_by("bob"), approved), {SLOT: "pending evidence"}
    ),
    "evidence signed by an expired key": Case(promotes(signed_by("dora"), approved), {SLOT: "pending evidence"}),
    "evidence signed by a key of the future": Case(promotes(signed_by("dora-2"), approved), {SLOT: "pending evidence"}),
    "evidence signed by a revoked key": Case(
        promotes(by_a_key_that_was_taken_out, approved), {SLOT: "pending evidence"}
    ),
    "evidence signed in the namespace of files": Case(
        promotes(signed_by("cara", namespace="file"), approved), {SLOT: "pending evidence"}
    ),
    "evidence signed in the namespace of git": Case(
        promotes(signed_by("cara", namespace="git"), approved), {SLOT: "pending evidence"}
    ),
    "evidence with another bit in its payload": Case(
        promotes(with_another_bit("payload"), approved), {SLOT: "pending evidence"}
    ),
    "evidence with another bit in its signature": Case(
        promotes(with_another_bit("sig"), approved), {SLOT: "pending evidence"}
    ),
    "an approval by the author": Case(promotes(tested, approved_by("ada")), {SLOT: "pending approvals"}),
    "an approval by the author with another key": Case(
        promotes(tested, approved_by("ada-2")), {SLOT: "pending approvals"}
    ),
    "an approval by somebody who is not asked": Case(
        promotes(tested, approved_by("cara")), {SLOT: "pending approvals"}
    ),
    "an approval by nobody that anybody knows": Case(
        promotes(tested, approved_by("eve", put="bob")), {SLOT: "pending approvals"}
    ),
    "two approvals by one person with two keys": Case(
        one_person_with_two_keys, {"production/churn": "pending approvals"}
    ),
    "an approval that one person signed with two keys": Case(
        one_envelope_with_two_keys, {"production/churn": "pending approvals"}
    ),
    "an approval of another blob": Case(
        promotes(tested, of_another_blob),
        {SLOT: "pending approvals evidence manifest-valid", RECORDS: "refused manifest-valid"},
    ),
    "an approval of another version": Case(
        promotes(tested, given_for_another_version),
        {SLOT: "pending approvals evidence manifest-valid", RECORDS: "refused manifest-valid"},
    ),
    "an approval for another stage": Case(
        promotes(tested, approved_by("bob", stage="staging")), {SLOT: "pending approvals"}
    ),
    "an approval carried over from another registry": Case(
        promotes(tested, approved_by("bob", registry="11111111-1111-1111-1111-111111111111")),
        {SLOT: "pending approvals"},
    ),
    "an approval used a second time after a rollback": Case(used_again_after_a_rollback, {SLOT: "pending approvals"}),
}


def serving(plot: Plot) -> dict[str, str | None]:
    stages = ("staging", "production")
    return {f"{stage}/{model}": plot.story.in_effect(model, stage) for model in (MODEL, "churn") for stage in stages}


@pytest.mark.parametrize("name", CASES)
def test_every_judge_says_the_same_of_what_was_planted(plot: Plot, name: str) -> None:
    case = CASES[name]
    case.does(plot)
    before, tags = serving(plot), plot.story.tags()
    said = {"check": plot.checked(), "pre-receive": plot.received(), "tag": plot.tagged(), "audit": plot.audited()}
    assert said == {**dict.fromkeys(said, case.says), "check": case.at_once or case.says}
    assert (serving(plot), plot.story.tags()) == (before, tags), "nothing of it takes effect"
    if SLOT in case.says:
        assert plot.forged() == case.says[SLOT], "nor by a tag that claims so"
