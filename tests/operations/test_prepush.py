from __future__ import annotations

from pathlib import Path

import pytest

from gitstage.errors import GitstageError
from gitstage.findings import Verdict
from gitstage.git import Repository, ShallowRepository
from gitstage.operations import prepush
from gitstage.operations.guarded import Update
from gitstage.operations.prepush import Pushed, updates_from
from tests.git.sandbox import git
from tests.operations.pictures import unchanged
from tests.operations.stories import Story, Team

NOTHING = "0" * 40


def judged(story: Story, *updates: Update, remote: str | None = "origin") -> Pushed:
    with unchanged(story.path), Repository.of_hook(story.path) as repo:
        return prepush.run(repo, updates, remote=remote, clock=lambda: story.now)


def to_trunk(story: Story, new: str | None = "HEAD", old: str | None = "origin/main") -> Update:
    return Update(
        ref="refs/heads/main",
        old=None if old is None else story.git("rev-parse", old),
        new=None if new is None else story.git("rev-parse", new),
    )


def said(pushed: Pushed) -> dict[str, list[str]]:
    """The rules that did not pass, by thing; those about refs, by ref."""
    found = {
        judgement.thing: [one.rule for one in judgement.findings if one.verdict is not Verdict.PASSED]
        for report in pushed.reports
        for judgement in report.judgements
    }
    return found | {objection.ref: [objection.rule] for objection in pushed.objections}


def test_what_git_says_is_read() -> None:
    a, b = "a" * 40, "b" * 40
    assert updates_from(
        f"refs/heads/main {a} refs/heads/main {b}\n"
        f"(delete) {NOTHING} refs/tags/x {b}\n"
        f"HEAD@{{1 day ago}} {a} refs/heads/new {NOTHING}\n"
    ) == (
        Update(ref="refs/heads/main", old=b, new=a),
        Update(ref="refs/tags/x", old=b, new=None),
        Update(ref="refs/heads/new", old=None, new=a),
    )
    assert updates_from("") == ()


@pytest.mark.parametrize("text", ["rubbish", "a b c", f"x {'a' * 40} refs/heads/main {'b' * 39}", "x y refs/z w"])
def test_what_git_never_says_is_an_error(text: str) -> None:
    with pytest.raises(GitstageError, match="is not what git says to a pre-push hook"):
        updates_from(text)


def test_a_good_change_of_the_trunk_passes_without_a_report(serving_team: tuple[Team, Story]) -> None:
    _, ada = serving_team
    ada.copy("models/fraud-detector/1.2.0.yaml", "production/fraud-detector.yaml")
    ada.commit("promote")
    assert judged(ada, to_trunk(ada)) == Pushed()


def test_what_would_be_left_open_is_refused(serving_team: tuple[Team, Story]) -> None:
    _, ada = serving_team
    ada.register("fraud-detector", "1.3.0")
    ada.copy("models/fraud-detector/1.3.0.yaml", "production/fraud-detector.yaml")
    ada.commit("by hand")
    pushed = judged(ada, to_trunk(ada))
    assert (said(pushed), pushed.exit_code) == ({"production/fraud-detector": ["stage-order"]}, 1)
    (report,) = pushed.reports
    assert (report.base, report.head, report.new_registry) == (
        ada.git("rev-parse", "origin/main"),
        ada.git("rev-parse", "HEAD"),
        False,
    )


def test_commits_are_judged_one_after_the_other_as_they_land(serving_team: tuple[Team, Story]) -> None:
    _, ada = serving_team
    ada.register("other", "1.0.0", to="staging")
    ada.copy("models/other/1.0.0.yaml", "production/other.yaml")
    ada.commit("and promoted")
    assert judged(ada, to_trunk(ada)) == Pushed()
    ada.copy("models/fraud-detector/1.0.0.yaml", "models/fraud-detector/1.1.0.yaml")
    ada.commit("a version is rewritten")
    found = said(judged(ada, to_trunk(ada)))
    assert {thing: set(rules) for thing, rules in found.items()} == {
        "records/fraud-detector": {"manifest-valid", "version-immutable"}
    }
    ada.git("revert", "--no-edit", "HEAD")
    assert judged(ada, to_trunk(ada)) == Pushed()


def test_what_would_only_wait_is_pending(tmp_path: Path) -> None:
    gated = {
        "    # gates: [standard]             # all of them must pass": (
            "    gates: [standard]\ngates: {standard: {soak: 24h}}"
        )
    }
    _, ada = Team.begun(tmp_path, gated)
    ada.register("m", "1.0.0", to="staging", push=True)
    ada.copy("models/m/1.0.0.yaml", "production/m.yaml")
    ada.commit("too early")
    pushed = judged(ada, to_trunk(ada))
    assert (said(pushed), pushed.exit_code) == ({"production/m": ["soak"]}, 4)
    assert judged(ada.later(hours=25), to_trunk(ada)).exit_code == 0


def test_what_was_open_before_is_held_against_nobody_else(serving_team: tuple[Team, Story]) -> None:
    _, ada = serving_team
    ada.copy("models/fraud-detector/1.0.0.yaml", "staging/fraud-detector.yaml")
    ada.commit("forgets archived/")
    ada.git("push", "--quiet", "origin", "main")
    ada.tag()
    assert ada.open_things() == ["staging/fraud-detector"]
    ada.register("other", "1.0.0")
    assert judged(ada, to_trunk(ada)) == Pushed()


def test_the_trunk_is_neither_deleted_nor_rewritten(serving_team: tuple[Team, Story]) -> None:
    _, ada = serving_team
    assert said(judged(ada, to_trunk(ada, None))) == {"refs/heads/main": ["trunk-continues"]}
    ada.git("commit", "--quiet", "--amend", "-m", "rewritten")
    pushed = judged(ada, to_trunk(ada))
    assert (said(pushed), pushed.exit_code) == ({"refs/heads/main": ["trunk-continues"]}, 1)
    assert pushed.objections[0].hint == "git fetch, then git rebase origin/main and push again"
    unknown = Update(ref="refs/heads/main", old="1" * 40, new=ada.git("rev-parse", "HEAD"))
    assert said(judged(ada, unknown)) == {"refs/heads/main": ["trunk-continues"]}


def test_tags_of_ours_are_never_moved_or_deleted_and_others_are_their_owners(
    serving_team: tuple[Team, Story],
) -> None:
    _, ada = serving_team
    head, ours = ada.git("rev-parse", "HEAD"), ["fraud-detector/v1.0.0", "fraud-detector/production/1", "policy/1"]
    moved = [Update(ref=f"refs/tags/{name}", old=ada.git("rev-parse", name), new=head) for name in ours]
    gone = [Update(ref=f"refs/tags/{name}", old=ada.git("rev-parse", name), new=None) for name in ours]
    assert [one.message for one in judged(ada, *moved).objections] == ["a tag of gitstage is never moved"] * 3
    assert [one.message for one in judged(ada, *gone).objections] == ["a tag of gitstage is never deleted"] * 3
    assert judged(ada, *gone).exit_code == 1
    mine = [Update(ref=f"refs/tags/{name}", old=head, new=None) for name in ("v1", "other/v1.0.0", "policies/1")]
    new = [Update(ref=f"refs/tags/{name}", old=None, new=head) for name in ours]
    assert judged(ada, *mine, *new) == judged(ada, *new) == judged(ada) == Pushed()


def test_the_ledger_is_never_deleted_or_rewound(serving_team: tuple[Team, Story]) -> None:
    _, ada = serving_team
    ref = next(ref for ref in ada.refs() if ref.startswith("refs/gitstage/"))
    tip, before = ada.git("rev-parse", ref), ada.git("rev-parse", f"{ref}^")
    assert [one.rule for one in judged(ada, Update(ref=ref, old=tip, new=None)).objections] == ["ledger"]
    assert [one.message for one in judged(ada, Update(ref=ref, old=tip, new=before)).objections] == [
        "the ledger would be rewound"
    ]
    assert judged(ada, Update(ref=ref, old=before, new=tip), Update(ref=ref, old=None, new=tip)) == Pushed()


def test_other_branches_are_proposals_and_other_remotes_are_others(serving_team: tuple[Team, Story]) -> None:
    _, ada = serving_team
    ada.copy("models/fraud-detector/1.0.0.yaml", "production/fraud-detector.yaml")
    ada.write("staging/x.txt", "1")
    ada.commit("by hand")
    head = ada.git("rev-parse", "HEAD")
    assert judged(ada, Update(ref="refs/heads/topic", old=None, new=head)) == Pushed()
    assert judged(ada, Update(ref="refs/heads/topic", old=head, new=None)) == Pushed()
    assert judged(ada, to_trunk(ada), remote="fork") == Pushed()
    for remote in ("origin", None):
        assert judged(ada, to_trunk(ada), remote=remote).exit_code == 1


def test_a_first_push_is_judged_from_the_first_commit(tmp_path: Path) -> None:
    story = Story.begun(tmp_path / "work")
    git("init", "--quiet", "--bare", "remote.git", cwd=tmp_path)
    story.git("remote", "add", "origin", str(tmp_path / "remote.git"))
    assert judged(story, to_trunk(story, old=None)) == Pushed()
    story.write("staging/x.txt", "1")
    story.commit("by hand")
    pushed = judged(story, to_trunk(story, old=None))
    assert said(pushed) == {"policy": ["known-path"]}
    assert [report.new_registry for report in pushed.reports] == [True]


def test_a_registry_that_cannot_be_read_is_not_pushed(tmp_path: Path) -> None:
    team = Team(tmp_path)
    git("init", "--quiet", "--bare", "remote.git", cwd=tmp_path)
    ada = team.member("ada")
    ada.write("gitstage.yaml", "x: [")
    ada.commit("broken")
    pushed = judged(ada, to_trunk(ada, old=None))
    assert (said(pushed), pushed.exit_code) == ({"refs/heads/main": ["manifest-valid"]}, 1)


def test_a_registry_that_cannot_be_read_is_a_proposal_on_another_branch(tmp_path: Path) -> None:
    team = Team(tmp_path)
    git("init", "--quiet", "--bare", "--initial-branch=trunk", "remote.git", cwd=tmp_path)
    ada = team.member("ada")
    ada.git("switch", "--quiet", "--orphan", "trunk")
    ada.write("train.py", "1")
    ada.commit("code")
    ada.git("push", "--quiet", "origin", "trunk")
    ada.git("remote", "set-head", "origin", "trunk")
    ada.write("gitstage.yaml", "x: [")
    ada.commit("broken")
    head = ada.git("rev-parse", "HEAD")
    assert judged(ada, Update(ref="refs/heads/topic", old=None, new=head)) == Pushed()
    for remote in ("origin", None):
        pushed = judged(ada, Update(ref="refs/heads/trunk", old=None, new=head), remote=remote)
        assert said(pushed) == {"refs/heads/trunk": ["manifest-valid"]}


def test_a_registry_is_not_taken_away_with_its_policy(serving_team: tuple[Team, Story]) -> None:
    _, ada = serving_team
    ada.git("rm", "--quiet", "-r", ".")
    ada.commit("away")
    pushed = judged(ada, to_trunk(ada))
    assert (pushed.exit_code, "nothing-removed" in said(pushed)["policy"]) == (1, True)


def test_a_ledger_that_speaks_of_what_is_not_here_stops_no_proposal(serving_team: tuple[Team, Story]) -> None:
    team, ada = serving_team
    ref = next(ref for ref in ada.refs() if ref.startswith("refs/gitstage/"))
    clone = team.folder / "shallow"
    git("clone", "--quiet", "--depth=1", f"file://{team.remote}", str(clone), cwd=team.folder)
    story = Story(clone, now=ada.now)
    story.git("fetch", "--quiet", "--depth=1", "origin", f"{ref}:{ref}")
    story.write("train.py", "1")
    story.commit("code")
    head = story.git("rev-parse", "HEAD")
    assert judged(story, Update(ref="refs/heads/topic", old=None, new=head)) == Pushed()
    with pytest.raises(ShallowRepository):
        judged(story, to_trunk(story))


def test_a_repository_without_a_registry_has_nothing_to_say(tmp_path: Path) -> None:
    team = Team(tmp_path)
    git("init", "--quiet", "--bare", "remote.git", cwd=tmp_path)
    ada = team.member("ada")
    ada.write("train.py", "1")
    ada.commit("code")
    assert judged(ada, to_trunk(ada, old=None), to_trunk(ada, new=None, old="HEAD")) == Pushed()
