from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.github.actions import Actions
from tests.github.forge import READER, Forge, PullRequest
from tests.github.stories import REGISTRY, gs, make_registry, promote_by_hand
from tests.signatures.hands import make_key, public


def promotion(forge: Forge) -> PullRequest:
    """`good` into production, in two commits."""
    clone = forge.branch("promote-good")
    gs(clone, "promote", "good", "--to", "production")
    clone.commit("Say why", {"README.md": "Models, one of them better\n"})
    return forge.pull_request()


@pytest.mark.parametrize("button", ["merge", "squash", "rebase"])
def test_what_was_merged_takes_effect_at_the_commit_where_it_landed_and_only_once(
    forge: Forge, actions: Actions, button: str
) -> None:
    before = forge.refs()
    change = promotion(forge)
    landed = getattr(forge, button)(change)

    run = actions.pushed(forge)

    assert (run.conclusion, run.annotations) == ("success", ())
    assert run.printed.startswith("in effect  good: promote 1.1.0 to production\npushed ")
    assert run.summary.startswith("### gitstage: what has landed\n\n    in effect  good: promote 1.1.0 to production\n")
    at = forge.git("rev-parse", f"{landed}~1") if button == "rebase" else landed
    ledger = next(ref for ref in before if ref.startswith("refs/gitstage/"))
    after = forge.refs()
    assert {ref: after[ref] for ref in after if before.get(ref) != after[ref] and "/pull/" not in ref} == {
        "refs/heads/main": landed,
        "refs/heads/promote-good": change.head,
        "refs/tags/good/production/2": at,
        ledger: after[ledger],
    }
    assert forge.git("rev-parse", f"{ledger}~1") == before[ledger]
    tagger = forge.git("for-each-ref", "--format=%(taggername)", "refs/tags/good/production/2")
    assert tagger == "github-actions[bot]"

    again = actions.hourly(forge)
    assert (again.conclusion, again.annotations, again.printed) == ("success", (), "nothing new\n")
    assert forge.refs() == after


def test_two_runs_at_once_tag_once(forge: Forge, actions: Actions) -> None:
    (ledger,) = forge.refs("refs/gitstage/")
    before = int(forge.git("rev-list", "--count", ledger))
    landed = forge.merge(promotion(forge))

    # Who comes second finds nothing new; or, within one second, makes the very same objects.
    both = [actions.tagging(forge) for _ in range(2)]
    runs = [actions.finished(process) for process in both]

    assert [run.conclusion for run in runs] == ["success", "success"]
    assert forge.tags("good/production/")["good/production/2"] == landed
    assert set(forge.tags("good/production/")) == {"good/production/1", "good/production/2"}
    assert int(forge.git("rev-list", "--count", ledger)) == before + 1


def test_what_was_merged_too_early_waits_without_alarm_and_takes_effect_later(forge: Forge, actions: Actions) -> None:
    gs(forge.branch("early"), "promote", "patient", "--to", "production")
    forge.merge(forge.pull_request())

    run = actions.pushed(forge)
    said = "Something on the trunk waits for time or a person; the summary says for what."
    assert (run.conclusion, run.annotations) == ("success", (("notice", "gitstage", said),))
    assert re.match(rf"### gitstage: what has landed\n\n{said}\n\n    pending +production/patient\n", run.summary)
    assert forge.tags("patient/production/") == {}

    rehearsal = ("--type", "test-result", "--name", "shadow-traffic", "--result", "passed")
    gs(forge.branch("rehearsed"), "attest", "patient@1.0.0", *rehearsal)
    landed = forge.squash(forge.pull_request())
    assert actions.pushed(forge).annotations == ()
    assert forge.tags("patient/production/") == {"patient/production/1": landed}


def test_what_was_forced_takes_no_effect_and_is_red_until_it_is_put_right(forge: Forge, actions: Actions) -> None:
    promote_by_hand(forge.branch("worse"))
    forge.merge(forge.pull_request())

    said = "Something that landed takes no effect, or a tag does not count; the summary says what, and what to do."
    for run in (actions.pushed(forge), actions.hourly(forge)):
        assert (run.conclusion, run.errors) == ("failure", [("gitstage", said)])
        assert re.search(r"^    refused +production/bad\n +metrics: auc 0\.95 → 0\.93", run.summary, re.MULTILINE)
    assert set(forge.tags("bad/production/")) == {"bad/production/1"}

    gs(forge.branch("back"), "withdraw", "bad@production")
    forge.merge(forge.pull_request())
    assert (actions.pushed(forge).conclusion, actions.hourly(forge).printed) == ("success", "nothing new\n")


def test_a_ledger_may_be_a_branch_and_the_first_run_makes_it(empty_forge: Forge, actions: Actions) -> None:
    forge, ledger = empty_forge, "refs/heads/gitstage-ledger"
    clone = forge.branch("registry")
    make_registry(clone)
    path = f"{REGISTRY}/gitstage.yaml"
    clone.commit("A ledger to protect", {path: f"{clone.read(path)}ledger: {ledger}\n"})
    made = forge.squash(forge.pull_request())

    assert actions.pushed(forge).annotations == ()
    assert (forge.tags(), list(forge.refs("refs/gitstage/"))) == ({"policy/1": made}, [])
    first = forge.tip("gitstage-ledger")

    clone = forge.branch("first")
    clone.write({".git/model.onnx": "weights"})
    gs(clone, "register", "good@1.0.0", "--artifact", clone.path / ".git/model.onnx", "--to", "staging")
    change = forge.pull_request()
    assert actions.pull_request(forge, change).annotations == (("notice", "gitstage", "passed: 2 changes"),)

    landed = forge.merge(change)
    assert actions.pushed(forge).annotations == ()
    assert forge.tags("good/") == {"good/staging/1": landed, "good/v1.0.0": landed}
    assert forge.git("rev-parse", f"{ledger}~1") == first


def test_what_cannot_be_pushed_is_not_half_done_and_red(forge: Forge, actions: Actions) -> None:
    forge.merge(promotion(forge))
    before = forge.refs()

    run = actions.pushed(forge, token=READER)

    assert (run.conclusion, run.errors) == (
        "failure",
        [("gitstage", "Nothing was tagged (exit code 2); the summary says why.")],
    )
    assert "403" in run.summary
    assert READER not in run.printed + run.summary
    assert forge.refs() == before


def test_in_this_repository_the_trunks_own_code_tags(own_forge: Forge, actions: Actions) -> None:
    landed = own_forge.merge(promotion(own_forge))

    run = actions.pushed(own_forge)

    assert (run.conclusion, run.printed.splitlines()[0]) == (
        "success",
        "in effect  good: promote 1.1.0 to production",
    )
    assert own_forge.tags("good/production/")["good/production/2"] == landed
    assert actions.witnessed("judge") == f"{landed}\n"
    assert actions.witnessed("secrets") == ""
    assert f"\nREGISTRY={REGISTRY}\n" in actions.witnessed("environment")


def names_a_tagger(forge: Forge, key: Path) -> str:
    """From now on the policy names who signs tags; the commit at which it landed."""
    clone = forge.branch("taggers")
    text = clone.read(f"{REGISTRY}/gitstage.yaml")
    people = f"taggers: [ci-bot]\npeople:\n  ci-bot: {{keys: [{public(key)}]}}\nstages:\n"
    assert text.count("\nstages:\n") == 1
    clone.commit("Name who tags", {f"{REGISTRY}/gitstage.yaml": text.replace("stages:\n", people, 1)})
    return forge.squash(forge.pull_request())


def test_where_the_policy_names_taggers_the_workflow_signs_with_its_secret(
    forge: Forge, actions: Actions, tmp_path: Path
) -> None:
    key = make_key(tmp_path / "keys")
    actions.secrets["GITSTAGE_TAG_KEY"] = key.read_text("ascii")
    names_a_tagger(forge, key)
    assert actions.pushed(forge).conclusion == "success"
    forge.merge(promotion(forge))

    run = actions.pushed(forge)

    assert (run.conclusion, run.annotations) == ("success", ())
    allowed = tmp_path / "allowed"
    allowed.write_text(f"ci-bot {public(key)}\n", "ascii")
    for name in ("policy/3", "good/production/2"):
        forge.git("-c", f"gpg.ssh.allowedSignersFile={allowed}", "verify-tag", name)
    # The key lies in a file while the judge signs, readable for nobody else, and nowhere afterwards.
    secret = key.read_text("ascii").splitlines()[1]
    assert secret not in actions.witnessed("environment")
    assert "GITSTAGE_SIGN_TAGS=" in actions.witnessed("environment")
    left = [path for path in actions.folder.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
    assert left == []


@pytest.mark.parametrize("secret", [None, "another"])
def test_where_the_policy_names_taggers_nothing_is_tagged_without_their_key(
    forge: Forge, actions: Actions, tmp_path: Path, secret: str | None
) -> None:
    if secret is not None:
        actions.secrets["GITSTAGE_TAG_KEY"] = make_key(tmp_path / "keys", secret).read_text("ascii")
    names_a_tagger(forge, make_key(tmp_path / "keys"))
    before = forge.refs()

    run = actions.pushed(forge)

    said = "Nothing was tagged (exit code 2); the summary says why."
    assert (run.conclusion, run.errors) == ("failure", [("gitstage", said)])
    why = "it is not signed" if secret is None else "it is signed with a key that nobody in gitstage.yaml has"
    assert f"policy/3 would not count: {why}; the policy asks for the signature of ci-bot" in run.summary
    assert forge.refs() == before
