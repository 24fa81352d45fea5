from __future__ import annotations

import random
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from gitstage.errors import GitstageError
from gitstage.findings import Verdict
from gitstage.git import (
    CannotSign,
    GitError,
    LocalEdits,
    NoIdentity,
    PushRefused,
    RefLocked,
    RefMoved,
    RefUpdate,
    Repository,
)
from gitstage.git.creation import create
from gitstage.operations import init, landing, promote, tag
from gitstage.operations.landing import LONGEST_PAUSE, Tries
from gitstage.operations.registries import TrunkRewritten, open_registry
from tests.git.sandbox import executable, git
from tests.operations.pictures import unchanged
from tests.operations.stories import Story, Team

LOST = RefMoved("somebody was first")


def test_who_was_not_first_waits_longer_each_time_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    now, waited = [100.0], list[float]()
    monkeypatch.setattr(landing, "monotonic", lambda: now[0])
    monkeypatch.setattr(landing, "sleep", waited.append)
    monkeypatch.setattr(random, "uniform", lambda least, most: least + most)
    tries = Tries(aside=True)
    for _ in range(5):
        now[0] += 3
        tries.again(LOST)
    assert waited == [3.0, 6.0, 12.0, 24.0, LONGEST_PAUSE]


def test_how_long_is_waited_is_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    now, waited = [100.0], list[float]()
    monkeypatch.setattr(landing, "monotonic", lambda: now[0])
    monkeypatch.setattr(landing, "sleep", waited.append)
    tries = Tries(aside=True)
    for _ in range(20):
        now[0] += 40
        tries.again(LOST)
    assert len(set(waited)) > 1
    assert all(0 <= pause <= LONGEST_PAUSE for pause in waited)


def test_in_one_repository_nobody_is_waited_for_and_the_tries_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landing, "sleep", lambda pause: pytest.fail("nobody is waited for"))
    monkeypatch.setattr(landing, "ATTEMPTS", 4)
    tries = Tries(aside=False)
    for _ in range(3):
        tries.again(LOST)
    with pytest.raises(RefMoved, match="somebody else was first, 4 times") as caught:
        tries.again(LOST)
    assert caught.value.hint == "run the command again"


def test_a_lock_that_stays_is_a_forgotten_one(monkeypatch: pytest.MonkeyPatch) -> None:
    locked = RefLocked("refs/heads/main.lock: File exists", hint="remove it")
    tries = Tries(aside=False)
    for error in (locked, locked, LOST, *[locked] * (landing.LOCKED - 1)):
        tries.again(error)
    with pytest.raises(RefLocked) as caught:
        tries.again(locked)
    assert caught.value is locked


@pytest.mark.parametrize("what", ["promote", "tag"])
def test_a_forgotten_lock_is_named_and_nothing_is_changed(
    served: Story, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing, "LOCKED", 2)
    lock = served.path / ".git" / f"{served.registry().identity.ledger_ref}.lock"
    served.copy("models/fraud-detector/1.2.0.yaml", "production/fraud-detector.yaml")
    served.commit("by hand")
    lock.touch()
    with unchanged(served.path), pytest.raises(RefLocked) as caught:
        served.tag() if what == "tag" else served.register("other", "1.0.0")
    assert str(lock) in caught.value.message
    assert caught.value.hint == "where no other git is running, remove that .lock file"
    lock.unlink()
    assert "refs/tags/fraud-detector/production/3" in (
        served.tag().tags if what == "tag" else served.register("other", "1.0.0").tags
    )


# Landing on a remote's trunk.

VERSIONS = ("1.0.0", "1.1.0")


def line_is_straight(team: Team, since: str) -> bool:
    """Whether every commit of the remote's trunk since another has one parent."""
    parents = git("--git-dir=.", "log", "--format=%P", f"{since}..main", cwd=team.remote).splitlines()
    return all(len(line.split()) == 1 for line in parents)


def landed_subjects(team: Team, since: str) -> list[str]:
    return git("--git-dir=.", "log", "--format=%s", "--reverse", f"{since}..main", cwd=team.remote).splitlines()


def test_a_ledger_that_was_read_after_somebody_landed_is_no_rewritten_trunk(served: Story) -> None:
    """The trunk is read, somebody lands, and then the ledger is read."""
    before = served.git("rev-parse", "HEAD")
    served.register("churn", "1.0.0")
    for run in (tag.run, lambda late: promote.run(late, ["fraud-detector"], to=["production"])):
        late = served.registry()
        late.__dict__["tip"] = before
        assert late.state.judged == served.git("rev-parse", "HEAD")
        assert run(late).exit_code == 0
    assert served.in_effect("fraud-detector") == "1.2.0"


def test_a_trunk_that_was_taken_back_is_landed_on_no_further(served: Story) -> None:
    served.register("churn", "1.0.0")
    served.git("reset", "--quiet", "--hard", "HEAD~1")
    for command in (served.tag, lambda: served.register("churn", "2.0.0"), lambda: served.hold("fraud-detector@1.2.0")):
        with unchanged(served.path), pytest.raises(TrunkRewritten):
            command()


def test_the_loser_of_a_race_plans_and_judges_again(
    serving_team: tuple[Team, Story], monkeypatch: pytest.MonkeyPatch
) -> None:
    team, ada = serving_team
    bob = team.member("bob", now=ada.now)
    since = team.refs()["refs/heads/main"]
    raced: list[bool] = []

    def first(repo: Repository, remote: str, updates: Mapping[str, str]) -> None:
        if not raced:
            raced.append(True)
            ada.promote("fraud-detector", to="production", push=True)
        return push(repo, remote, updates)

    push = Repository.push
    monkeypatch.setattr(landing, "sleep", lambda pause: None)
    monkeypatch.setattr(Repository, "push", first)
    outcome = bob.register("other", "1.0.0", to="staging", push=True)
    assert outcome.tags == ("refs/tags/other/v1.0.0", "refs/tags/other/staging/1")
    assert landed_subjects(team, since) == [
        "fraud-detector: promote 1.2.0 to production",
        "other: register 1.0.0 and promote it to staging",
    ]
    assert line_is_straight(team, since)
    assert bob.in_effect("fraud-detector") == "1.2.0"
    assert ada.tag().tags == ()


def test_what_somebody_else_did_first_is_judged_and_may_refuse(
    serving_team: tuple[Team, Story], monkeypatch: pytest.MonkeyPatch
) -> None:
    team, ada = serving_team
    bob = team.member("bob", now=ada.now)
    raced: list[bool] = []

    def first(repo: Repository, remote: str, updates: Mapping[str, str]) -> None:
        if not raced:
            raced.append(True)
            ada.hold("fraud-detector@1.2.0", push=True)
        return push(repo, remote, updates)

    push = Repository.push
    monkeypatch.setattr(landing, "sleep", lambda pause: None)
    monkeypatch.setattr(Repository, "push", first)
    outcome = bob.promote("fraud-detector", to="production", push=True)
    assert (outcome.exit_code, outcome.commit, outcome.landed) == (1, None, False)
    assert [found.rule for found in outcome.report.judgements[0].findings if found.verdict is Verdict.REFUSED] == [
        "held"
    ]
    assert team.refs()["refs/heads/main"] == ada.git("rev-parse", "HEAD")


def test_the_same_promotion_by_two_at_once_lands_once(
    serving_team: tuple[Team, Story], monkeypatch: pytest.MonkeyPatch
) -> None:
    team, ada = serving_team
    bob = team.member("bob", now=ada.now)
    ada.promote("fraud-detector", to="production", push=True)
    before = team.refs()
    outcome = bob.promote("fraud-detector@1.2.0", to="production", push=True)
    assert (outcome.exit_code, outcome.commit, outcome.plan.is_empty) == (0, None, True)
    assert team.refs() == before


def test_who_is_never_first_is_told_so_and_nothing_is_changed(
    serving_team: tuple[Team, Story], monkeypatch: pytest.MonkeyPatch
) -> None:
    team, ada = serving_team

    def moved(*_: object) -> None:
        raise RefMoved("somebody was first")

    monkeypatch.setattr(landing, "sleep", lambda pause: None)
    monkeypatch.setattr(landing, "ATTEMPTS", 3)
    monkeypatch.setattr(Repository, "push", moved)
    with unchanged(ada.path, team.remote), pytest.raises(RefMoved, match="somebody else was first, 3 times"):
        ada.promote("fraud-detector", to="production", push=True)


def promoters_at_once(team: Team, ada: Story, number: int) -> None:
    models = [f"model-{index:02}x" for index in range(number)]
    # One commit stages them all: what is slow here is not what is tried.
    for model in models:
        ada.register(model, "1.0.0")
    ada.promote("model-*@1.0.0", to="staging")
    ada.git("push", "--quiet", "origin", "main")
    ada.tag()
    since = team.refs()["refs/heads/main"]
    stories = [team.member(f"clone-{model}", now=ada.now) for model in models]
    failures: list[BaseException] = []
    outcomes: list[landing.Outcome] = []

    def run(story: Story, model: str) -> None:
        try:
            outcomes.append(story.promote(model, to="production", push=True))
        except BaseException as error:  # noqa: BLE001 - shown below
            failures.append(error)

    threads = [threading.Thread(target=run, args=pair) for pair in zip(stories, models, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(landed_subjects(team, since)) == [f"{model}: promote 1.0.0 to production" for model in models]
    assert line_is_straight(team, since)
    assert {tag for outcome in outcomes for tag in outcome.tags} == {
        f"refs/tags/{model}/production/1" for model in models
    }
    ada.git("fetch", "--quiet", "--tags", "origin")
    assert [ada.in_effect(model) for model in models] == ["1.0.0"] * number
    git("--git-dir=.", "fsck", "--strict", "--no-dangling", cwd=team.remote)
    assert ada.tag().tags == ()


def test_ten_promoters_at_once_all_land_in_one_line(team: tuple[Team, Story]) -> None:
    promoters_at_once(*team, number=10)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_fifty_promoters_at_once_all_land_in_one_line(team: tuple[Team, Story]) -> None:
    promoters_at_once(*team, number=50)


def test_a_remote_that_refuses_changes_nothing_here_or_there(serving_team: tuple[Team, Story]) -> None:
    team, ada = serving_team
    executable(team.remote / "hooks" / "pre-receive", 'echo "not on Fridays" >&2; exit 1')
    with unchanged(ada.path, team.remote), pytest.raises(PushRefused, match="not on Fridays"):
        ada.promote("fraud-detector", to="production", push=True)
    (team.remote / "hooks" / "pre-receive").unlink()
    assert ada.promote("fraud-detector", to="production", push=True).landed


def test_a_remote_that_refuses_one_ref_takes_none(serving_team: tuple[Team, Story]) -> None:
    team, ada = serving_team
    executable(team.remote / "hooks" / "update", 'case "$1" in refs/gitstage/*) exit 1;; esac')
    with unchanged(ada.path, team.remote), pytest.raises(PushRefused):
        ada.promote("fraud-detector", to="production", push=True)


def test_a_push_hook_of_the_users_own_is_heard(serving_team: tuple[Team, Story]) -> None:
    team, ada = serving_team
    executable(ada.path / ".git" / "hooks" / "pre-push", 'echo "tests fail" >&2; exit 1')
    with unchanged(ada.path, team.remote), pytest.raises(GitError, match="tests fail"):
        ada.promote("fraud-detector", to="production", push=True)


def test_a_remote_that_is_gone_is_said(serving_team: tuple[Team, Story]) -> None:
    team, ada = serving_team
    team.remote.rename(team.folder / "moved.git")
    with unchanged(ada.path), pytest.raises(GitError):
        ada.promote("fraud-detector", to="production", push=True)
    ada.git("remote", "set-url", "origin", str(team.folder / "moved.git"))
    assert ada.promote("fraud-detector", to="production", push=True).landed


def test_a_tag_that_is_another_on_the_remote_is_said_with_what_to_type(serving_team: tuple[Team, Story]) -> None:
    team, ada = serving_team
    git("--git-dir=.", "tag", "--force", "fraud-detector/production/2", "main", cwd=team.remote)
    with (
        unchanged(ada.path, team.remote),
        pytest.raises(GitError, match="origin has another fraud-detector/production/2") as caught,
    ):
        ada.promote("fraud-detector", to="production", push=True)
    command = str(caught.value.hint).partition("take the remote's: ")[2]
    assert command.startswith("git fetch origin ")
    ada.git(*command.replace("'", "").split()[1:])
    # Then it is what it is on the remote: a tag that does not count.
    outcome = ada.promote("fraud-detector", to="production", push=True)
    assert outcome.tags == ("refs/tags/fraud-detector/production/3",)
    assert outcome.report.judgements[0].before == "1.0.0"


# What a clone does after it has pushed.


def test_the_trunk_here_follows_with_its_work_tree(serving_team: tuple[Team, Story]) -> None:
    _, ada = serving_team
    ada.write("notes.txt", "mine")
    outcome = ada.promote("fraud-detector", to="production", push=True)
    assert ada.git("rev-parse", "HEAD", "origin/main").split() == [outcome.commit, outcome.commit]
    assert ada.git("status", "--porcelain") == "?? notes.txt"
    assert ada.read("production/fraud-detector.yaml") == ada.read("models/fraud-detector/1.2.0.yaml")


def test_a_trunk_with_commits_of_its_own_stays_where_it_is(serving_team: tuple[Team, Story]) -> None:
    team, ada = serving_team
    ada.write("notes.txt", "mine")
    mine = ada.commit("not pushed")
    outcome = ada.promote("fraud-detector", to="production", push=True)
    assert (ada.git("rev-parse", "HEAD"), ada.git("status", "--porcelain")) == (mine, "")
    assert outcome.commit is not None
    # What was not pushed was not pushed.
    assert "notes.txt" not in git("--git-dir=.", "ls-tree", "--name-only", "main", cwd=team.remote).splitlines()
    assert ada.in_effect("fraud-detector") == "1.2.0"


def test_a_trunk_whose_files_are_being_edited_stays_where_it_is(serving_team: tuple[Team, Story]) -> None:
    _, ada = serving_team
    before = ada.git("rev-parse", "HEAD")
    ada.write("production/fraud-detector.yaml", "half done")
    assert ada.promote("fraud-detector", to="production", push=True).landed
    assert ada.git("rev-parse", "HEAD") == before
    assert ada.git("status", "--porcelain").strip() == "M production/fraud-detector.yaml"


def test_from_another_branch_the_trunk_moves_and_the_work_tree_does_not(serving_team: tuple[Team, Story]) -> None:
    _, ada = serving_team
    ada.git("switch", "--quiet", "--create", "work")
    outcome = ada.promote("fraud-detector", to="production", push=True)
    assert ada.git("rev-parse", "main") == outcome.commit
    assert ada.git("rev-parse", "HEAD") == outcome.report.base
    assert ada.git("status", "--porcelain") == ""


def test_a_detached_head_lands_with_push(serving_team: tuple[Team, Story]) -> None:
    _, ada = serving_team
    ada.git("switch", "--quiet", "--detach")
    outcome = ada.promote("fraud-detector", to="production", push=True)
    assert (outcome.landed, ada.git("rev-parse", "main")) == (True, outcome.commit)
    assert ada.git("status", "--porcelain") == ""


def test_a_trunk_that_a_linked_work_tree_has_checked_out_is_left_alone(
    serving_team: tuple[Team, Story], tmp_path: Path
) -> None:
    _, ada = serving_team
    before = ada.git("rev-parse", "main")
    ada.git("worktree", "add", "--quiet", "-b", "work", str(tmp_path / "linked"))
    linked = Story(tmp_path / "linked", now=ada.now)
    outcome = linked.promote("fraud-detector", to="production", push=True)
    assert outcome.landed
    assert (ada.git("rev-parse", "main"), ada.git("status", "--porcelain")) == (before, "")
    assert ada.git("rev-parse", "origin/main") == outcome.commit
    assert ada.in_effect("fraud-detector") == "1.2.0"


def test_in_a_linked_work_tree_a_commit_goes_to_its_branch(served: Story, tmp_path: Path) -> None:
    served.git("worktree", "add", "--quiet", "-b", "work", str(tmp_path / "linked"))
    linked = Story(tmp_path / "linked", now=served.now)
    before = served.git("rev-parse", "main")
    outcome = linked.promote("fraud-detector", to="production")
    assert (outcome.branch, outcome.landed) == ("refs/heads/work", False)
    assert linked.git("status", "--porcelain") == served.git("status", "--porcelain") == ""
    assert served.git("rev-parse", "main") == before


def test_without_a_push_a_clone_commits_and_nothing_has_landed(serving_team: tuple[Team, Story]) -> None:
    team, ada = serving_team
    before = team.refs()
    outcome = ada.promote("fraud-detector", to="production")
    assert (outcome.landed, outcome.tags, outcome.branch) == (False, (), "refs/heads/main")
    assert team.refs() == before
    assert ada.in_effect("fraud-detector") == "1.1.0"
    ada.git("push", "--quiet", "origin", "main")
    assert ada.tag().tags == ("refs/tags/fraud-detector/production/3",)


def test_without_a_remote_push_is_an_ordinary_commit(served: Story) -> None:
    outcome = served.promote("fraud-detector", to="production", push=True)
    assert (outcome.landed, outcome.tags) == (True, ("refs/tags/fraud-detector/production/3",))


def test_the_first_push_of_a_registry_brings_its_history_along(tmp_path: Path) -> None:
    team = Team(tmp_path)
    create(team.remote, branch="main", bare=True).close()
    ada = team.member("ada")
    init.run(ada.path, clock=lambda: ada.now)
    outcome = ada.register("m", "1.0.0", to="staging", push=True)
    assert outcome.landed
    assert sorted(name for name in team.refs() if name.startswith("refs/tags/")) == [
        "refs/tags/m/staging/1",
        "refs/tags/m/v1.0.0",
        "refs/tags/policy/1",
    ]


def test_what_is_on_no_branch_of_the_remote_is_never_tagged(tmp_path: Path) -> None:
    team = Team(tmp_path)
    create(team.remote, branch="main", bare=True).close()
    ada = team.member("ada")
    init.run(ada.path, clock=lambda: ada.now)
    ada.register("m", "1.0.0")
    with unchanged(team.remote), pytest.raises(GitstageError, match="origin has no main yet") as caught:
        ada.tag()
    assert caught.value.hint == "git push origin main"
    assert ada.tags() == []


def test_what_landed_untagged_before_is_tagged_with_it(team: tuple[Team, Story]) -> None:
    _, ada = team
    ada.register("m", "1.0.0", to="staging")
    ada.git("push", "--quiet", "origin", "main")
    outcome = ada.promote("m", to="production", push=True)
    assert outcome.tags == ("refs/tags/m/v1.0.0", "refs/tags/m/staging/1", "refs/tags/m/production/1")


# Landing in the repository at hand.


def test_edits_of_ones_own_are_in_nobodys_way(served: Story) -> None:
    served.write("train.py", "1")
    served.git("add", "train.py")
    served.write("train.py", "2")
    served.write("staging/README.md", "edited")
    assert served.promote("fraud-detector", to="production").landed
    assert served.git("status", "--porcelain").splitlines() == [" M staging/README.md", "AM train.py"]


@pytest.mark.parametrize("staged", [False, True])
def test_a_file_that_is_touched_and_has_local_edits_is_refused(served: Story, *, staged: bool) -> None:
    served.write("production/fraud-detector.yaml", "mine")
    if staged:
        served.git("add", "--all")
    with (
        unchanged(served.path),
        pytest.raises(LocalEdits, match="production/fraud-detector.yaml: changed here") as caught,
    ):
        served.promote("fraud-detector", to="production")
    assert caught.value.paths == ("production/fraud-detector.yaml",)


def test_a_file_that_nobody_knows_is_not_overwritten(served: Story) -> None:
    served.write("models/other/1.0.0.yaml", "mine")
    with unchanged(served.path), pytest.raises(LocalEdits, match="models/other/1.0.0.yaml"):
        served.register("other", "1.0.0")


def test_a_detached_head_is_no_branch(served: Story) -> None:
    served.git("switch", "--quiet", "--detach")
    with unchanged(served.path), pytest.raises(GitstageError, match="HEAD is detached") as caught:
        served.promote("fraud-detector", to="production")
    assert "git switch main" in str(caught.value.hint)


def test_a_bare_repository_is_promoted_in(serving_team: tuple[Team, Story]) -> None:
    team, ada = serving_team
    registry = open_registry(str(team.remote), clock=lambda: ada.now)
    outcome = promote.run(registry, ["fraud-detector"], to=["production"])
    assert (outcome.landed, outcome.tags) == (True, ("refs/tags/fraud-detector/production/3",))
    assert team.refs()["refs/heads/main"] == outcome.commit


def test_without_a_name_or_a_key_nothing_is_changed(served: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    served.git("config", "commit.gpgsign", "true")
    served.git("config", "user.signingkey", "nobody")
    with unchanged(served.path), pytest.raises(CannotSign, match="could not sign"):
        served.promote("fraud-detector", to="production")
    served.git("config", "commit.gpgsign", "false")
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.delenv(f"GIT_{name}_NAME")
        monkeypatch.delenv(f"GIT_{name}_EMAIL")
    with unchanged(served.path), pytest.raises(NoIdentity, match="does not know who you are"):
        served.promote("fraud-detector", to="production")
    assert served.in_effect("fraud-detector") == "1.1.0"


def test_a_trunk_that_moved_meanwhile_is_looked_at_again(served: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    transact = Repository.transact
    raced: list[bool] = []

    def first(repo: Repository, updates: Sequence[RefUpdate], *, reason: str) -> None:
        if not raced:
            raced.append(True)
            served.git("commit", "--quiet", "--allow-empty", "-m", "somebody was first")
        transact(repo, updates, reason=reason)

    monkeypatch.setattr(Repository, "transact", first)
    outcome = served.promote("fraud-detector", to="production")
    assert outcome.landed
    assert served.git("log", "-2", "--format=%s").splitlines() == [
        "fraud-detector: promote 1.2.0 to production",
        "somebody was first",
    ]
    assert served.git("status", "--porcelain") == ""


def test_two_merge_bases_are_nothing_to_plan_on(serving_team: tuple[Team, Story]) -> None:
    _, ada = serving_team
    ada.git("switch", "--quiet", "--create", "a")
    ada.git("commit", "--quiet", "--allow-empty", "-m", "a")
    ada.git("switch", "--quiet", "--create", "b", "main")
    ada.git("commit", "--quiet", "--allow-empty", "-m", "b")
    ada.git("merge", "--quiet", "--no-edit", "a")
    ada.git("push", "--quiet", "origin", "b:main")
    ada.git("switch", "--quiet", "--detach", "a")
    ada.git("merge", "--quiet", "--no-edit", "b~1")
    ada.git("switch", "--quiet", "--create", "work")
    ada.git("commit", "--quiet", "--allow-empty", "-m", "work")
    with unchanged(ada.path), pytest.raises(GitstageError, match="have 2 merge bases") as caught:
        ada.promote("fraud-detector", to="production")
    assert caught.value.hint == "git merge main, then try again"


def test_a_branch_that_is_behind_is_judged_as_it_would_be_merged(serving_team: tuple[Team, Story]) -> None:
    _, ada = serving_team
    ada.git("switch", "--quiet", "--create", "work", "HEAD~1")
    assert ada.promote("fraud-detector@1.1.0", to="staging").exit_code == 0  # it is there already, here
    ada.git("switch", "--quiet", "main")
    ada.archive("fraud-detector@production", push=True)
    ada.git("switch", "--quiet", "work")
    outcome = ada.promote("fraud-detector@1.0.0", to="production")
    conflicts = [
        found.path
        for judgement in outcome.report.judgements
        for found in judgement.findings
        if found.rule == "conflict"
    ]
    assert (outcome.exit_code, conflicts) == (1, ["production/fraud-detector.yaml"])


def test_a_remote_that_was_asked_while_its_refs_moved_is_asked_again(
    team: tuple[Team, Story], monkeypatch: pytest.MonkeyPatch
) -> None:
    party, ada = team

    def bare(*words: str) -> None:
        git("--git-dir=.", *words, cwd=party.remote)

    bob = party.member("bob", now=ada.now)
    ada.register("m", "1.0.0")
    ada.git("push", "--quiet", "origin", "main")
    old = party.refs()["refs/heads/main"]
    ada.write("card.txt", "x")
    ada.git("add", "card.txt")
    ada.git("commit", "--quiet", "-m", "another")
    ada.git("push", "--quiet", "origin", "main")
    ada.tag()
    new = party.refs()["refs/heads/main"]
    # The ledger has moved and the trunk has not yet, as whoever looks in between sees it.
    bare("update-ref", "refs/heads/main", old)
    asked: list[float] = []

    def moves_meanwhile(pause: float) -> None:
        asked.append(pause)
        bare("update-ref", "refs/heads/main", new)

    monkeypatch.setattr(landing, "sleep", moves_meanwhile)
    landing.bring_up_to_date(bob.registry(), ())
    assert asked == [landing.TORN[0]]
    assert bob.registry().tip == new
    bare("update-ref", "refs/heads/main", old)
    monkeypatch.setattr(landing, "sleep", asked.append)
    # Over a transport that brings nothing but what the trunk has.
    git("clone", "--quiet", party.remote.as_uri(), "eve", cwd=party.folder)
    landing.bring_up_to_date(Story(party.folder / "eve", now=ada.now).registry(), ())
    assert asked == [landing.TORN[0], *landing.TORN]


def test_tags_of_many_models_are_asked_for_together(team: tuple[Team, Story], monkeypatch: pytest.MonkeyPatch) -> None:
    group, ada = team
    for number in range(4):
        ada.register(f"m{number}", "1.0.0", to="staging", push=True)
    bob = group.member("bob", now=ada.now)
    ada.promote("m*", to="production", push=True)
    ada.register("m0", "1.1.0", to="staging", push=True)
    asked: list[list[str]] = []

    def seen(repo: Repository, remote: str, refspecs: Sequence[str], *, depth: int | None = None) -> None:
        asked.append([spec for spec in refspecs if spec.startswith("refs/tags/")])
        fetch(repo, remote, refspecs, depth=depth)

    fetch = Repository.fetch
    monkeypatch.setattr(Repository, "fetch", seen)
    monkeypatch.setattr(landing, "MANY_MODELS", 3)
    outcome = bob.promote("m0", "m1", "m2", "m3", to="production", push=True)
    assert outcome.tags == ("refs/tags/m0/production/2",)
    assert ["refs/tags/*:refs/tags/*"] in asked
    assert [bob.in_effect(f"m{number}") for number in range(4)] == ["1.1.0", "1.0.0", "1.0.0", "1.0.0"]
