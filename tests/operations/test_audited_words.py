"""What rests on the word of a forge: the tag says it, and an audit believes no more of it than what can be so."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gitstage.cli.commands import audit as command
from gitstage.forges import Forge, ForgeChange, Review, pushed_by
from gitstage.ledger import Word
from gitstage.operations import approve, audit
from gitstage.operations import tag as tagging
from gitstage.operations.replay import OnWord
from gitstage.operations.tag import TagOutcome
from tests.git.sandbox import git
from tests.operations.forgers import MODEL, body_of, payload_of, put
from tests.operations.signatories import make_keys, policy
from tests.operations.stories import Story
from tests.signatures.hands import signature

THIRD = f"{MODEL}/production/3"
OWNERS = "[{count: 1, from: owners}]"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return make_keys(tmp_path_factory.mktemp("keys"))


def on_github(said: dict[str, str]) -> dict[str, str]:
    """The same policy, in which Ada and Bob have an account there."""
    text = {old: new.replace("  bob: {", "  bob: {github: bob-acme, ") for old, new in said.items()}
    return {old: new.replace("  ada: {", "  ada: {github: ada-acme, ") for old, new in text.items()}


@pytest.fixture
def asked(served: Story, keys: dict[str, Path]) -> Story:
    """The story of `served`, in which production needs an owner's approval."""
    served.amend(on_github(policy(keys, approvals=OWNERS)))
    return served.later(hours=1)


def proposed(story: Story, *, to: str = "production") -> str:
    """A promotion on a branch, and merged; the commit that was reviewed is on no branch any more."""
    story.git("switch", "--quiet", "-c", "promotion")
    story.promote(f"{MODEL}@1.2.0", to=to)
    reviewed = story.git("rev-parse", "HEAD")
    story.git("switch", "--quiet", "main")
    story.git("merge", "--quiet", "--squash", "promotion")
    story.git("commit", "--quiet", "-m", "merged on the forge")
    story.git("branch", "--quiet", "-D", "promotion")
    return reviewed


def tagged(story: Story, reviewed: str, *, by: str = "bob-acme", author: str = "ada-acme") -> TagOutcome:
    """A run of `tag` that is told what GitHub says."""
    registry = story.registry()
    review = Review(account=by, commit=reviewed, moment=story.now - timedelta(minutes=1))
    landed = frozenset({story.git("rev-parse", "HEAD")})
    change = ForgeChange(authors=frozenset({author}), approvals=(review,), commits=landed)
    registry.forge = Forge(kind="github", changes=(change,))
    return tagging.run(registry)


@pytest.fixture
def approved(asked: Story) -> Story:
    """A promotion that Ada proposed and Bob approved, both on GitHub, took effect."""
    assert tagged(asked, proposed(asked)).exit_code == 0
    return asked


def retagged(story: Story, name: str, *, key: Path | None = None, **claims: Any) -> None:
    """The same tag, which claims something else."""
    body = {**body_of(story, name), **claims}
    payload = payload_of(name, body["commit"], body)
    put(story, name, payload, signature(payload, key, namespace="git").armored if key else b"")


def faults(story: Story) -> dict[str, str]:
    """Messages of the faults, by kind."""
    return {fault.kind: fault.message for fault in audit.run(story.registry()).faults}


def test_a_promotion_that_rests_on_a_forge_is_taken_on_trust_and_listed(approved: Story, tmp_path: Path) -> None:
    assert body_of(approved, THIRD)["word"] == {"by": "github", "authors": ["ada"], "approvers": ["bob"]}
    assert body_of(approved, THIRD)["approvers"] == ["bob"]
    git("clone", "--quiet", "--mirror", str(approved.path), str(tmp_path / "clone.git"), cwd=tmp_path)
    for story in (approved, Story(tmp_path / "clone.git", now=approved.now)):
        found = audit.run(story.registry())
        assert (found.faults, found.trusted, found.exit_code) == ((), (), 0)
        assert found.words == (
            OnWord(
                tag=THIRD,
                word=Word(by="github", authors=frozenset({"ada"}), approvers=frozenset({"bob"})),
                moment=approved.now,
                signer=None,
            ),
        )
    assert len(audit.run(approved.registry(), since=approved.now).words) == 1
    assert audit.run(approved.registry(), since=approved.now + timedelta(seconds=1)).words == ()


def test_what_no_rule_asked_anybody_about_rests_on_nobody(served: Story) -> None:
    registry = served.registry()
    registry.forge = pushed_by("ada", [served.git("rev-parse", "HEAD")])
    served.promote(MODEL, to="production")
    assert body_of(served, THIRD)["word"] is None
    assert body_of(served, "policy/1")["word"] is None
    assert audit.run(served.registry()).words == ()


def test_it_is_told_whose_word_and_who_signed_the_tag(approved: Story, capsys: pytest.CaptureFixture[str]) -> None:
    found = audit.run(approved.registry())
    command._tell(found)
    line = f"on trust   who made and approved it, on the word of github, in tags signed by nobody: {THIRD}"
    assert capsys.readouterr().out.splitlines()[0] == line
    assert command.document(found)["words"] == [
        {"tag": THIRD, "by": "github", "authors": ["ada"], "approvers": ["bob"], "signed_by": None}
    ]
    (word,) = found.words
    command._tell_words((word,) * 7)
    assert capsys.readouterr().out == f"{line}{f', {THIRD}' * 4} and 2 others\n"
    command._tell_words((word,) * 6)
    assert capsys.readouterr().out.endswith(" and 1 other\n")
    command._tell_words(())
    assert capsys.readouterr().out == ""


FALSE: dict[str, tuple[dict[str, Any], str]] = {
    "an approver whom the policy does not name": ({"by": "github", "authors": ["ada"], "approvers": ["mallory"]}, ""),
    "an approver who made it": ({"by": "github", "authors": ["ada", "bob"], "approvers": ["bob"]}, ""),
    "an approver who is not asked": ({"by": "github", "authors": ["ada"], "approvers": ["cara"]}, ""),
    "nobody": ({"by": "github", "authors": ["ada"], "approvers": []}, ""),
    "no word": ({}, ""),
    "no authors": ({"by": "github", "approvers": ["bob"]}, ""),
    "authors that are no list": ({"by": "github", "authors": "ada", "approvers": ["bob"]}, ""),
    "nobody's word": ({"by": None, "authors": ["ada"], "approvers": ["bob"]}, ""),
}


@pytest.mark.parametrize("claim", FALSE)
def test_a_word_that_cannot_be_so_is_a_fault(approved: Story, claim: str) -> None:
    word, _ = FALSE[claim]
    retagged(approved, THIRD, word=word or None)
    found = faults(approved)
    assert found["tag-unfounded"] == "nothing took effect there: pending (approvals)"
    assert audit.run(approved.registry()).words == ()


def test_a_word_that_says_something_else_than_the_tag_is_a_fault(approved: Story) -> None:
    retagged(approved, THIRD, approvers=["ada"])
    assert faults(approved) == {"tag-false": "approvers is , and was "} or "tag-false" in faults(approved)
    retagged(approved, THIRD, approvers=["bob"], word={"by": "github", "authors": ["ada"], "approvers": ["bob", "eve"]})
    assert list(faults(approved)) == ["tag-false"]


def test_fewer_than_the_gate_asks_for_are_a_fault(asked: Story) -> None:
    asked.amend({f"approvals: {OWNERS}": "approvals: [{count: 2, from: owners}]"})
    asked.later(hours=1)
    assert tagged(asked, proposed(asked), author="cara-acme").exit_code == 4
    asked.amend({"approvals: [{count: 2, from: owners}]": f"approvals: {OWNERS}"})
    name, body = THIRD, body_of(asked, f"{MODEL}/production/2")
    assert asked.tags().count(name) == 0
    commit = asked.git("rev-parse", "HEAD~1")
    blob = asked.git("rev-parse", f"HEAD:models/{MODEL}/1.2.0.yaml")
    moment = asked.registry().state.clock
    assert moment is not None
    forged = {
        **body,
        "number": 3,
        "commit": commit,
        "moment": moment.isoformat().replace("+00:00", "Z"),
        "out": body["in"],
        "in": {"version": "1.2.0", "blob": blob},
        "approvers": ["bob"],
        "word": {"by": "github", "authors": [], "approvers": ["bob"]},
    }
    put(asked, name, payload_of(name, commit, forged))
    assert "tag-unfounded" in faults(asked)


def test_in_a_signed_tag_it_is_the_word_of_whoever_signed(asked: Story, keys: dict[str, Path]) -> None:
    asked.tag_keys = (str(keys["cara"]),)
    asked.amend({"roles:\n  oncall": "taggers: [cara]\nroles:\n  oncall"})
    asked.later(hours=1)
    reviewed = proposed(asked)
    asked.later(hours=1)
    outcome = tagged(asked, reviewed)
    assert outcome.exit_code == 0, outcome.state.open
    (word,) = audit.run(asked.registry()).words
    assert (word.tag, word.signer) == (THIRD, "cara")
    # What somebody says in a tag that nobody signed who had to is not believed.
    retagged(asked, THIRD, key=keys["bob"])
    assert faults(asked).keys() == {"ledger-changed", "tag-unsigned"}
    assert faults(asked)["tag-unsigned"].endswith("nothing took effect there: pending (approvals)")
    retagged(asked, THIRD, key=keys["cara"])
    assert faults(asked) == {}


def test_who_made_it_is_remembered_with_whose_word_it_is(asked: Story, keys: dict[str, Path]) -> None:
    """GitHub says who made it while it waits; later Bob signs, and GitHub is not asked."""
    reviewed = proposed(asked)
    assert tagged(asked, reviewed, by="mallory").exit_code == 4
    (waiting,) = asked.registry().state.open.values()
    assert (waiting.authors, waiting.word) == (frozenset({"ada"}), Word(by="github", authors=frozenset({"ada"})))
    asked.later(hours=1)
    approve.run(asked.registry(), [f"{MODEL}@1.2.0"], stage="production", sign=[str(keys["bob"])])
    assert asked.in_effect(MODEL) == "1.2.0"
    assert body_of(asked, THIRD)["word"] == {"by": "github", "authors": ["ada"], "approvers": []}
    found = audit.run(asked.registry())
    assert (found.faults, [word.tag for word in found.words]) == ((), [THIRD])


def test_what_people_signed_rests_on_nobodys_word(asked: Story, keys: dict[str, Path]) -> None:
    for name, value in {"gpg.format": "ssh", "user.signingkey": str(keys["ada"]), "commit.gpgsign": "true"}.items():
        asked.git("config", name, value)
    proposed(asked)
    assert asked.tag().exit_code == 4
    (waiting,) = asked.registry().state.open.values()
    assert (waiting.authors, waiting.word) == (frozenset({"ada"}), None)
    asked.later(hours=1)
    approve.run(asked.registry(), [f"{MODEL}@1.2.0"], stage="production", sign=[str(keys["bob"])])
    assert asked.in_effect(MODEL) == "1.2.0"
    assert body_of(asked, THIRD)["word"] is None
    assert (faults(asked), audit.run(asked.registry()).words) == ({}, ())


def by_hand(story: Story, *copies: tuple[str, str], **files: str) -> str:
    for source, target in copies:
        story.copy(source, target)
    for name, text in files.items():
        story.write(name, text)
    return story.commit("by hand")


@pytest.mark.parametrize("approver", ["bob-acme", "mallory"])
def test_a_rollback_that_somebody_on_call_proposed_on_a_forge(asked: Story, approver: str) -> None:
    commit = by_hand(
        asked,
        (f"models/{MODEL}/1.0.0.yaml", f"production/{MODEL}.yaml"),
        (f"models/{MODEL}/1.1.0.yaml", f"archived/{MODEL}/1.1.0.yaml"),
    )
    assert tagged(asked, commit, by=approver, author="ada-acme").exit_code == 0
    body = body_of(asked, THIRD)
    assert (body["action"], body["word"]["by"]) == ("rollback", "github")
    assert "ada" in body["word"]["authors"]
    found = audit.run(asked.registry())
    assert (found.faults, [word.tag for word in found.words]) == ((), [THIRD])
    retagged(asked, THIRD, word={"by": "github", "authors": ["eve"], "approvers": []})
    assert faults(asked)["tag-unfounded"] == "nothing took effect there: pending (approvals)"


def test_a_policy_that_was_approved_on_a_forge(served: Story, keys: dict[str, Path]) -> None:
    said = policy(keys, soak="1h")
    text = {
        old: f"{new}\n  platform: [ada, bob]\ngovernance: [{{count: 1, from: platform}}]" for old, new in said.items()
    }
    served.amend(on_github(text))
    served.later(hours=1)
    served.write("gitstage.yaml", served.read("gitstage.yaml").replace("soak: 1h", "soak: 2h"))
    commit = served.commit("longer")
    assert served.tag().exit_code == 4
    served.later(hours=1)
    assert tagged(served, commit, author="cara-acme").exit_code == 0
    assert body_of(served, "policy/3")["word"] == {"by": "github", "authors": [], "approvers": ["bob"]}
    found = audit.run(served.registry())
    assert (found.faults, [word.tag for word in found.words]) == ((), ["policy/3"])
    for word in ({"by": "github", "authors": ["bob"], "approvers": ["bob"]}, None):
        retagged(served, "policy/3", word=word)
        assert faults(served)["tag-unfounded"] == "nothing took effect there: pending (governance)"


def test_a_slot_that_somebody_emptied_on_a_forge(asked: Story) -> None:
    commit = by_hand(
        asked,
        (f"models/{MODEL}/1.1.0.yaml", f"archived/{MODEL}/1.1.0.yaml"),
        **{f"production/{MODEL}.yaml": f"apiVersion: gitstage/v1\nkind: EmptySlot\nmodel: {MODEL}\n"},
    )
    assert asked.tag().exit_code == 4
    asked.later(hours=1)
    assert tagged(asked, commit, author="bob-acme", by="mallory").exit_code == 0
    assert body_of(asked, THIRD)["word"] == {"by": "github", "authors": ["bob"], "approvers": []}
    assert faults(asked) == {}
    retagged(asked, THIRD, word={"by": "github", "authors": ["cara"], "approvers": []})
    assert faults(asked)["tag-unfounded"] == "nothing took effect there: pending (owner)"


def test_who_stood_for_it_while_it_waited_is_remembered_with_whose_word_it_is(asked: Story) -> None:
    """Bob proposed on GitHub to empty the slot; something else kept it from passing until later."""
    card = asked.read(f"models/{MODEL}/1.0.0.yaml")
    commit = by_hand(
        asked,
        **{
            f"production/{MODEL}.yaml": f"apiVersion: gitstage/v1\nkind: EmptySlot\nmodel: {MODEL}\n",
            f"models/{MODEL}/1.0.0.yaml": card.replace("1.0.0", "1.0.1"),
        },
    )
    assert tagged(asked, commit, author="bob-acme", by="mallory").exit_code == 1
    (stood,) = asked.registry().state.open[f"production/{MODEL}"].stood.values()
    assert stood.people == frozenset({"bob"})
    asked.later(hours=1)
    by_hand(asked, **{f"models/{MODEL}/1.0.0.yaml": card})
    assert asked.tag().exit_code == 0
    assert body_of(asked, THIRD)["word"] == {"by": "github", "authors": ["bob"], "approvers": []}
    assert faults(asked) == {}


def test_what_waits_for_time_and_was_approved_on_a_forge_waits_in_an_audit_for_the_same(
    served: Story, keys: dict[str, Path]
) -> None:
    served.amend(on_github(policy(keys, approvals=OWNERS, soak="240h")))
    asked = served.later(hours=1)
    assert tagged(asked, proposed(asked)).exit_code == 4
    (waiting,) = asked.registry().state.open.values()
    assert [finding.rule for finding in waiting.findings] == ["soak"]
    assert waiting.word == Word(by="github", authors=frozenset({"ada"}), approvers=frozenset({"bob"}))
    found = audit.run(asked.registry())
    assert (found.faults, found.words) == ((), ())
    asked.later(hours=240)
    assert asked.tag().exit_code == 4, "who approved it is asked again"


def test_of_two_runs_at_one_moment_each_has_what_it_was_told(asked: Story) -> None:
    reviewed = proposed(asked)
    assert asked.tag().exit_code == 4
    assert tagged(asked, reviewed).exit_code == 0
    found = audit.run(asked.registry())
    assert (found.faults, [word.tag for word in found.words]) == ((), [THIRD])


def test_of_two_changes_in_one_run_the_first_has_its_word_while_the_second_waits(asked: Story) -> None:
    reviewed = proposed(asked)
    first = asked.git("rev-parse", "HEAD")
    by_hand(
        asked,
        (f"models/{MODEL}/1.0.0.yaml", f"production/{MODEL}.yaml"),
        (f"models/{MODEL}/1.2.0.yaml", f"archived/{MODEL}/1.2.0.yaml"),
    )
    registry = asked.registry()
    review = Review(account="bob-acme", commit=reviewed, moment=asked.now - timedelta(minutes=1))
    change = ForgeChange(authors=frozenset({"ada-acme"}), approvals=(review,), commits=frozenset({first}))
    registry.forge = Forge(kind="github", changes=(change,))
    assert tagging.run(registry).exit_code == 4
    assert asked.open_things() == [f"production/{MODEL}"]
    found = audit.run(asked.registry())
    assert (found.faults, [word.tag for word in found.words]) == ((), [THIRD])


def test_a_hold_that_was_released_on_a_forge(asked: Story) -> None:
    asked.hold(f"{MODEL}@1.0.0")
    asked.later(hours=1)
    name = f"holds/{MODEL}/1.0.0.yaml"
    commit = by_hand(asked, **{name: asked.read(name).replace("state: held", "state: released")})
    assert asked.tag().exit_code == 4
    asked.later(hours=1)
    assert tagged(asked, commit, author="bob-acme", by="mallory").exit_code == 0
    said = {f"records/{MODEL}": Word(by="github", authors=frozenset({"bob"}))}
    assert asked.registry().state.said == said
    assert faults(asked) == {}
    asked.later(hours=1).register(MODEL, "1.4.0")
    assert asked.registry().state.said == {}
    assert faults(asked) == {}


def test_a_word_in_a_tag_that_cannot_be_read_does_not_count(approved: Story) -> None:
    assert approved.in_effect(MODEL) == "1.2.0"
    for word in ("github", {"by": 1, "authors": [], "approvers": []}, {"by": "github"}, ["github"]):
        retagged(approved, THIRD, word=word)
        assert approved.in_effect(MODEL) == "1.1.0"
        past = approved.registry().past
        past.load_all()
        (alarm,) = past.alarms
        assert alarm.why.startswith("its body is not a gitstage/promotion/v1: ")
    assert json.loads(json.dumps(body_of(approved, THIRD)["word"])) == ["github"]
