"""What a server lets in, pushed by plain git and by gitstage to a repository with the hook."""

from __future__ import annotations

import pytest

from gitstage.errors import GitstageError
from gitstage.operations.guarded import Update
from gitstage.operations.receive import updates_from
from tests.operations.guards import Guard
from tests.operations.stories import Story, Team

MODEL = "fraud-detector"
NOTHING, SOME, OTHER = "0" * 40, "a" * 40, "b" * 40


@pytest.fixture
def guard(serving_team: tuple[Team, Story]) -> Guard:
    """The server of a team of which 1.1.0 serves and 1.2.0 is staged, from now on with the hook."""
    team, ada = serving_team
    guard = Guard.over(team, ada)
    guard.tick()
    return guard


@pytest.fixture
def ada(guard: Guard) -> Story:
    return guard.story


def amend(guard: Guard, replacements: dict[str, str]) -> None:
    """A change of the policy that lands and is tagged."""
    story = guard.story
    text = story.read("gitstage.yaml")
    for old, new in replacements.items():
        assert old in text
        text = text.replace(old, new)
    story.write("gitstage.yaml", text)
    story.commit("policy")
    guard.lets_in("main")
    assert story.tag().exit_code == 0


# what git says to the hook


def test_what_git_says_to_the_hook_is_read_line_by_line() -> None:
    text = f"{NOTHING} {SOME} refs/heads/main\n{SOME} {NOTHING} refs/tags/a b\n{SOME} {OTHER} refs/heads/x\n"
    assert updates_from(text) == (
        Update(ref="refs/heads/main", old=None, new=SOME),
        Update(ref="refs/tags/a b", old=SOME, new=None),
        Update(ref="refs/heads/x", old=SOME, new=OTHER),
    )


@pytest.mark.parametrize(
    "text", ["x", f"{SOME} {OTHER}", f"{SOME} {OTHER} main", f"{SOME[:39]} {OTHER} refs/heads/x", "\n"]
)
def test_anything_else_on_stdin_is_no_answer(text: str) -> None:
    with pytest.raises(GitstageError, match="is not what git says to a pre-receive hook"):
        updates_from(text)


# good pushes


def test_a_promotion_is_let_in_with_its_tag_and_the_ledger(guard: Guard, ada: Story) -> None:
    before = guard.refs()
    outcome = ada.promote(MODEL, to="production", push=True)
    assert outcome.exit_code == 0
    after = guard.refs()
    assert sorted(after.keys() - before.keys()) == [f"refs/tags/{MODEL}/production/3"]
    assert min(ref for ref in before if after[ref] != before[ref]) == "refs/gitstage/" + ada.registry().identity.id
    assert ada.in_effect(MODEL) == "1.2.0"


def test_a_rollback_is_let_in(guard: Guard, ada: Story) -> None:
    assert ada.rollback(f"{MODEL}@production", push=True).landed
    assert ada.in_effect(MODEL) == "1.0.0"


def test_a_new_version_is_let_in_and_tagged(guard: Guard, ada: Story) -> None:
    assert ada.register("churn", "1.0.0", to="staging", push=True).landed
    assert {"refs/tags/churn/v1.0.0", "refs/tags/churn/staging/1"} < guard.refs().keys()


def test_a_merge_of_a_branch_is_let_in_and_tagged_by_somebody_later(guard: Guard, ada: Story) -> None:
    ada.git("switch", "--quiet", "-c", "topic")
    ada.promote(MODEL, to="production")
    ada.git("switch", "--quiet", "main")
    ada.git("merge", "--quiet", "--no-ff", "-m", "Merge topic", "topic")
    guard.lets_in("main")
    assert ada.in_effect(MODEL) == "1.1.0"
    ada.later(minutes=30)
    guard.tick()
    assert ada.tag().pushed
    assert ada.in_effect(MODEL) == "1.2.0"


def test_what_has_nothing_to_do_with_the_registry_is_let_in(guard: Guard, ada: Story) -> None:
    ada.write("src/train.py", "print()\n")
    ada.commit("code")
    ada.git("tag", "v1")
    ada.git("tag", f"{MODEL}/notes")
    ada.git("tag", "-a", "-m", "{}", "release/staging/7")
    guard.lets_in("main", "v1", f"{MODEL}/notes", "release/staging/7", "main:refs/heads/topic")
    guard.lets_in("--delete", "v1", "topic")


def test_a_branch_may_hold_what_the_trunk_may_not(guard: Guard, ada: Story) -> None:
    (ada.path / f"models/{MODEL}/1.0.0.yaml").unlink()
    ada.commit("removed")
    guard.lets_in("main:refs/heads/topic")


def test_two_commits_of_which_the_second_puts_back_what_the_first_broke_leave_nothing_open(
    guard: Guard, ada: Story
) -> None:
    text = ada.read(f"models/{MODEL}/1.0.0.yaml")
    ada.write(f"models/{MODEL}/1.0.0.yaml", text + "# why\n")
    ada.commit("broken")
    ada.write(f"models/{MODEL}/1.0.0.yaml", text)
    ada.commit("mended")
    guard.lets_in("main")


# what the judge refuses


def test_a_rewritten_version_is_refused_and_the_pusher_is_told_which_rule_and_file(guard: Guard, ada: Story) -> None:
    ada.write(f"models/{MODEL}/1.0.0.yaml", "kind: ModelVersion\n")
    ada.commit("rewritten")
    said = guard.refuses("main", user="alice")
    assert "gitstage: refused, nothing of this push is let in (pushed by alice)" in said
    assert "version-immutable" in said
    assert f"models/{MODEL}/1.0.0.yaml" in said


def test_what_was_smuggled_onto_a_branch_first_is_judged_when_the_trunk_goes_there(guard: Guard, ada: Story) -> None:
    ada.copy(f"models/{MODEL}/1.0.0.yaml", f"staging/{MODEL}.yaml")
    (ada.path / f"models/{MODEL}/1.1.0.yaml").unlink()
    ada.commit("evil")
    guard.lets_in("main:refs/heads/innocent")
    assert "nothing-removed" in guard.refuses("main")


def test_a_pending_promotion_is_refused_until_its_soak_is_over(guard: Guard, ada: Story) -> None:
    amend(
        guard,
        {
            "# gates: [standard]": "gates: [standard]",
            "# gates:\n#   standard:\n#     soak: 24h": "gates:\n  standard:\n    soak: 24h",
        },
    )
    ada.copy(f"models/{MODEL}/1.2.0.yaml", f"production/{MODEL}.yaml")
    ada.copy(f"models/{MODEL}/1.1.0.yaml", f"archived/{MODEL}/1.1.0.yaml")
    ada.commit("promote")
    said = guard.refuses("main")
    assert "soak" in said
    assert "pending" in said
    ada.later(hours=25)
    guard.lets_in("main")
