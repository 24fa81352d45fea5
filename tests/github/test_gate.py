from __future__ import annotations

import re

import pytest

from tests.github.actions import Actions, Run
from tests.github.forge import READER, Forge
from tests.github.house import HOUSE
from tests.github.stories import REGISTRY, gs, make_registry, promote_by_hand

REFUSED = (
    "metrics refused (bad: production 1.0.0 → 1.1.0)",
    "auc 0.95 → 0.93, max-drop 0.002",
)


def headline(run: Run) -> str:
    return run.summary.partition("\n")[0]


def test_a_good_promotion_is_green_and_says_what_it_compared(forge: Forge, actions: Actions) -> None:
    gs(forge.branch("promote-good"), "promote", "good", "--to", "production")

    run = actions.pull_request(forge, forge.pull_request())

    assert (run.conclusion, run.annotations) == ("success", (("notice", "gitstage", "passed: 1 change"),))
    assert headline(run) == "### ✅ gitstage: passed: 1 change"
    assert "| good: production | 1.0.0 → 1.1.0 | ✅ passed |" in run.summary
    assert "| auc | 0.95 | 0.96 | +0.01 |" in run.summary


def test_the_judge_is_a_pinned_release_and_sees_no_credentials(forge: Forge, actions: Actions) -> None:
    gs(forge.branch("promote-good"), "promote", "good", "--to", "production")

    run = actions.pull_request(forge, forge.pull_request())

    assert run.conclusion == "success"
    assert actions.witnessed("installed") == "install --quiet --disable-pip-version-check gitstage==1.2.3\n"
    environment = actions.witnessed("environment")
    assert f"\nREGISTRY={REGISTRY}\n" in environment
    assert not re.search(rf"{READER}|TOKEN|extraheader", environment)
    assert actions.witnessed("secrets") == ""


def test_a_worse_version_from_a_fork_is_red_and_the_annotation_stands_at_the_slot(
    forge: Forge, actions: Actions
) -> None:
    promote_by_hand(forge.branch("worse"))

    run = actions.pull_request(forge, forge.pull_request(fork=True))

    assert run.conclusion == "failure"
    assert run.errors == [REFUSED]
    assert headline(run) == "### ❌ gitstage: refused: 1 of 1 change"


def test_a_change_without_promotions_is_judged_and_green(forge: Forge, actions: Actions) -> None:
    forge.branch("words").commit("Say more", {"README.md": "Models, and what they are for\n"})

    run = actions.pull_request(forge, forge.pull_request())

    assert (run.conclusion, run.errors) == ("success", [])
    assert headline(run).startswith("### ✅ gitstage:")


def test_what_goes_elsewhere_than_to_the_trunk_is_red_until_its_base_is_changed(forge: Forge, actions: Actions) -> None:
    forge.branch("develop").git("push", "--quiet", "origin", "develop")
    gs(forge.branch("promote-good"), "promote", "good", "--to", "production")

    run = actions.pull_request(forge, forge.pull_request(base="develop"))
    said = "This would be merged into develop. Only main is judged and takes effect: change the base to main."
    assert (run.conclusion, run.annotations) == ("failure", (("error", "gitstage", said),))
    assert run.summary == f"\n{said}\n"
    assert actions.witnessed("environment") == ""

    forge.clone.git("switch", "--quiet", "promote-good")
    assert actions.pull_request(forge, forge.pull_request(), action="edited").conclusion == "success"


def test_what_only_waits_is_red_and_says_so(forge: Forge, actions: Actions) -> None:
    gs(forge.branch("early"), "promote", "patient", "--to", "production")
    change = forge.pull_request()

    run = actions.pull_request(forge, change)

    said = "It lacks what only time or a person can give: run this check again once that is there."
    assert (run.conclusion, run.errors) == ("failure", [("gitstage", said)])
    assert [title for command, title, _ in run.annotations if command == "warning"] == [
        "evidence pending (patient: production empty → 1.0.0)"
    ]
    assert run.summary.endswith(f"\n{said}\n")


def test_a_team_may_let_through_what_only_waits(forge: Forge, actions: Actions) -> None:
    clone = forge.branch("trusting")
    path = ".github/workflows/gate.yml"
    clone.commit("Trust", {path: clone.read(path).replace("PENDING: refuse", "PENDING: allow")})
    forge.merge(forge.pull_request())
    gs(forge.branch("early"), "promote", "patient", "--to", "production")

    run = actions.pull_request(forge, forge.pull_request())

    assert (run.conclusion, run.errors) == ("success", [])
    assert ("notice", "gitstage", "It may be merged, and takes effect once it has what it lacks.") in run.annotations


def test_a_merge_queue_is_judged_onto_what_stands_before_it(forge: Forge, actions: Actions) -> None:
    gs(forge.branch("promote-good"), "promote", "good", "--to", "production")
    first = forge.pull_request()
    promote_by_hand(forge.branch("worse"))
    second = forge.pull_request()
    forge.clone.git("switch", "--quiet", "--detach", first.merge)
    forge.clone.git("merge", "--quiet", "--no-edit", "--no-ff", second.head)
    forge.clone.git("push", "--quiet", "origin", "HEAD:refs/heads/queue")
    queued = forge.clone.git("rev-parse", "HEAD")

    run = actions.merge_group(forge, first.merge, forge.tip())
    assert (run.conclusion, run.annotations) == ("success", (("notice", "gitstage", "passed: 1 change"),))

    run = actions.merge_group(forge, queued, first.merge)
    assert (run.conclusion, run.errors) == ("failure", [REFUSED])
    assert "good: production" not in run.summary


def test_a_new_registry_is_judged_by_its_own_policy(empty_forge: Forge, actions: Actions) -> None:
    make_registry(empty_forge.branch("registry"))

    run = actions.pull_request(empty_forge, empty_forge.pull_request())

    assert (run.conclusion, run.errors) == ("success", [])
    assert "This is a new registry" in run.summary


@pytest.mark.parametrize("text", ["", 'trunk: "main\\n::notice::all is well"', "trunk: [main"])
def test_no_registry_is_no_answer_and_so_red(empty_forge: Forge, actions: Actions, text: str) -> None:
    clone = empty_forge.branch("registry")
    make_registry(clone)
    clone.commit("We have no policy", {f"{REGISTRY}/gitstage.yaml": text})

    run = actions.pull_request(empty_forge, empty_forge.pull_request())

    said = f"There is no gitstage.yaml in {REGISTRY} that can be read."
    assert (run.conclusion, run.annotations) == ("failure", (("error", "gitstage", said),))


def test_a_judge_that_cannot_answer_is_red_and_says_where_to_look(forge: Forge, actions: Actions) -> None:
    (ledger,) = forge.refs("refs/gitstage/")
    forge.git("update-ref", "-d", ledger)
    gs(forge.branch("promote-good"), "hold", "good@1.1.0", "--reason", "let us see", "--dry-run")

    run = actions.pull_request(forge, forge.pull_request())

    said = "There is no answer (exit code 2): the log of this step says why."
    assert (run.conclusion, run.errors) == ("failure", [("gitstage", said)])
    assert f"error: the ledger {ledger} is not here" in run.printed


# A change that would let itself through. What runs here is the gate of the base, as a ruleset that requires the
# workflow from there does; docs/how-to/github.md says what to switch on.


def test_this_repository_is_judged_by_the_code_of_its_trunk(own_forge: Forge, actions: Actions) -> None:
    gs(own_forge.branch("promote-good"), "promote", "good", "--to", "production")

    run = actions.pull_request(own_forge, own_forge.pull_request())

    assert (run.conclusion, run.annotations) == ("success", (("notice", "gitstage", "passed: 1 change"),))
    assert actions.witnessed("secrets") == ""
    assert actions.witnessed("judge") == 2 * f"{own_forge.tip()}\n"


@pytest.mark.parametrize("path", ["gitstage/__main__.py", "gitstage/rules/judge.py", "gitstage/github/gate.py"])
def test_a_judge_that_comes_with_the_change_is_not_asked(own_forge: Forge, actions: Actions, path: str) -> None:
    clone = own_forge.branch("my-own-judge")
    clone.write({path: "raise SystemExit(0)\n", ".ci/install": "#!/bin/sh\ntouch gitstage; exit 0\n"})
    promote_by_hand(clone)

    run = actions.pull_request(own_forge, own_forge.pull_request())

    assert (run.conclusion, run.errors) == ("failure", [REFUSED])


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (
            ".github/workflows/gate.yml",
            "on: pull_request\njobs: {gate: {runs-on: ubuntu-24.04, steps: [{run: exit}]}}\n",
        ),
        (f"{REGISTRY}/gitstage.yaml", "production: {from: [staging]}"),
    ],
)
def test_a_policy_or_a_gate_that_comes_with_a_promotion_is_refused_and_puts_nothing_into_effect(
    forge: Forge, actions: Actions, path: str, text: str
) -> None:
    clone = forge.branch("my-own-rules")
    if path.endswith("gitstage.yaml"):
        text = clone.read(path).replace("production: {from: [staging], gates: [measured]}", text)
    clone.write({path: text})
    promote_by_hand(clone)
    change, before = forge.pull_request(), forge.tags()

    run = actions.pull_request(forge, change, workflow_of=forge.tip())
    assert run.conclusion == "failure"
    assert "policy-alone refused (bad: production 1.0.0 → 1.1.0)" in [title for title, _ in run.errors]

    forge.merge(change)
    assert actions.pushed(forge).conclusion == "failure"
    assert forge.tags("bad/production/") == {"bad/production/1": before["bad/production/1"]}


def test_the_workflow_here_is_the_one_that_was_tested(own_forge: Forge) -> None:
    path = ".github/workflows/gate.yml"
    assert own_forge.file(own_forge.tip(), path) == (HOUSE / path).read_bytes()
