"""What a server lets in, pushed by plain git and by gitstage to a repository with the hook."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from gitstage.errors import GitstageError
from gitstage.git import Repository
from gitstage.git.creation import create
from gitstage.operations import init, receive
from gitstage.operations.guarded import Update
from gitstage.operations.receive import updates_from
from gitstage.operations.registries import Registry
from gitstage.operations.tagging import written
from gitstage.rules.fold import Step, continued
from tests.git.sandbox import executable, git
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


def test_where_another_part_of_the_hook_has_read_what_git_says_nothing_is_let_in(guard: Guard, ada: Story) -> None:
    with pytest.raises(GitstageError, match="another part of the hook has read it"):
        updates_from("")
    script = (guard.path / "hooks" / "pre-receive").read_text("utf-8").splitlines()[-1]
    executable(guard.path / "hooks" / "pre-receive", f"cat > /dev/null\n{script}")
    ada.write("src/a.py", "1")
    ada.commit("innocent")
    assert "another part of the hook has read it" in guard.refuses("main")


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


def test_what_was_open_before_is_not_held_against_somebody_who_pushes_something_else(
    serving_team: tuple[Team, Story],
) -> None:
    team, ada = serving_team
    text = ada.read(f"models/{MODEL}/1.0.0.yaml")
    ada.write(f"models/{MODEL}/1.0.0.yaml", text + "# why\n")
    ada.commit("rewritten before there was a hook")
    ada.git("push", "--quiet", "origin", "main")
    guard = Guard.over(team, ada)
    ada.register("churn", "1.0.0", to="staging")
    guard.lets_in("main")
    ada.copy("models/churn/1.0.0.yaml", f"models/{MODEL}/9.0.0.yaml")
    ada.commit("more of what is open")
    assert "manifest-valid" in guard.refuses("main")
    ada.git("reset", "--quiet", "--hard", "HEAD~1")
    ada.write(f"models/{MODEL}/1.0.0.yaml", text)
    ada.commit("put back")
    guard.lets_in("main")


def test_a_hold_on_what_has_landed_and_was_not_tagged_yet_is_let_in(guard: Guard, ada: Story) -> None:
    ada.git("switch", "--quiet", "-c", "topic")
    ada.promote(MODEL, to="production")
    ada.git("switch", "--quiet", "main")
    ada.git("merge", "--quiet", "--ff-only", "topic")
    guard.lets_in("main")
    ada.git("switch", "--quiet", "-C", "topic")
    ada.hold(f"{MODEL}@1.2.0")
    ada.git("switch", "--quiet", "main")
    ada.git("merge", "--quiet", "--ff-only", "topic")
    guard.lets_in("main")
    ada.tag()
    assert ada.in_effect(MODEL) == "1.1.0"


def soaked(guard: Guard) -> None:
    """From now on production asks for a day of soak."""
    gate = {"# gates: [standard]": "gates: [standard]", "# gates:\n#   standard:\n": "gates:\n  standard:\n"}
    amend(guard, {**gate, "#     soak: 24h": "    soak: 24h"})


def loosen(ada: Story) -> None:
    ada.write("gitstage.yaml", ada.read("gitstage.yaml").replace("gates: [standard]", "# gates: [standard]"))


def promote_by_hand(ada: Story) -> None:
    ada.copy(f"models/{MODEL}/1.2.0.yaml", f"production/{MODEL}.yaml")
    ada.copy(f"models/{MODEL}/1.1.0.yaml", f"archived/{MODEL}/1.1.0.yaml")


def test_a_policy_loosened_in_the_same_commit_loosens_nothing(guard: Guard, ada: Story) -> None:
    soaked(guard)
    loosen(ada)
    promote_by_hand(ada)
    ada.commit("both at once")
    assert "policy-alone" in guard.refuses("main")


def test_a_policy_loosened_in_the_commit_before_is_two_steps_where_nobody_governs_it(guard: Guard, ada: Story) -> None:
    """Whoever may change the policy alone may loosen it first; `governance`, or the forge's rules, stand in the way."""
    soaked(guard)
    loosen(ada)
    ada.commit("first the one")
    promote_by_hand(ada)
    ada.commit("then the other")
    report = ada.check(base="origin/main")
    assert {found.rule for one in report.judgements for found in one.findings if str(found.verdict) == "refused"} == {
        "policy-alone"
    }
    guard.lets_in("main")


def test_where_the_engine_of_a_rule_is_missing_nothing_passes_it(guard: Guard, ada: Story) -> None:
    pytest.importorskip("cel_expr_python")
    rule = "    rules:\n    - {name: r, expr: \"version.version != '0.0.1'\", message: m}"
    gate = {"# gates: [standard]": "gates: [standard]", "# gates:\n#   standard:\n": "gates:\n  standard:\n"}
    amend(guard, {**gate, "#     soak: 24h": rule})
    ada.copy(f"models/{MODEL}/1.2.0.yaml", f"production/{MODEL}.yaml")
    ada.copy(f"models/{MODEL}/1.1.0.yaml", f"archived/{MODEL}/1.1.0.yaml")
    ada.commit("promote")
    team = Team(guard.path.parent)
    without = Guard.over(team, ada, first="import sys; sys.modules['cel_expr_python'] = None; ")
    assert "pip install 'gitstage[cel]'" in without.refuses("main")
    Guard.over(team, ada).lets_in("main")


@pytest.mark.parametrize(
    ("replacements", "said"),
    [
        ({"trunk: main": "trunk: other"}, "policy-alone: trunk: is main"),
        ({"trunk: main": "trunk: main\nledger: refs/heads/ledger"}, "policy-alone: ledger: is refs/gitstage/"),
    ],
)
def test_a_policy_that_moves_what_is_guarded_elsewhere_is_refused(
    guard: Guard, ada: Story, replacements: dict[str, str], said: str
) -> None:
    text = ada.read("gitstage.yaml")
    for old, new in replacements.items():
        assert old in text
        text = text.replace(old, new)
    ada.write("gitstage.yaml", text)
    ada.commit("elsewhere")
    assert said in guard.refuses("main")


def test_a_registry_whose_policy_is_taken_away_is_still_guarded(guard: Guard, ada: Story) -> None:
    ada.git("rm", "--quiet", "gitstage.yaml")
    ada.commit("freedom")
    assert "nothing-removed" in guard.refuses("main")


def test_a_registry_that_is_moved_to_another_folder_is_still_guarded(guard: Guard, ada: Story) -> None:
    (ada.path / "elsewhere").mkdir()
    ada.git("mv", "gitstage.yaml", "models", "staging", "production", "archived", "artifacts", "elsewhere")
    ada.commit("moved")
    assert "has the id of the registry in the root" in guard.refuses("main")


# what the trunk may not become


def foxtrot(ada: Story) -> None:
    """What `git pull` makes of a clone that is behind: a merge whose first parent is one's own work."""
    ada.write("src/a.py", "1")
    ada.commit("landed")
    ada.git("push", "--quiet", "origin", "main")
    ada.git("reset", "--quiet", "--hard", "HEAD~1")
    ada.write("src/b.py", "1")
    ada.commit("mine")
    ada.git("merge", "--quiet", "-m", "Merge branch 'main' of server", "origin/main")


def test_a_trunk_that_is_deleted_is_refused(guard: Guard, ada: Story) -> None:
    assert "refs/heads/main: trunk-continues: the trunk is never deleted" in guard.refuses("--delete", "main")


def test_a_trunk_that_is_pushed_by_force_is_refused(guard: Guard, ada: Story) -> None:
    ada.git("commit", "--quiet", "--amend", "-m", "another history")
    said = guard.refuses("--force", "main")
    assert "refs/heads/main: trunk-continues: the trunk would be rewritten" in said
    assert "try: git fetch, then git rebase origin/main and push again" in said


def test_a_trunk_that_is_rewound_is_refused(guard: Guard, ada: Story) -> None:
    assert "the trunk would be rewritten" in guard.refuses("--force", "main~1:main")


def test_a_foxtrot_merge_is_refused(guard: Guard, ada: Story) -> None:
    guard.tick()
    foxtrot(ada)
    assert "the trunk was merged into another branch" in guard.refuses("main")
    ada.git("reset", "--quiet", "--hard", "HEAD~1")
    ada.git("rebase", "--quiet", "origin/main")
    guard.lets_in("main")


def test_a_trunk_of_unrelated_history_is_refused(guard: Guard, ada: Story) -> None:
    alone = ada.git("commit-tree", "-m", "new beginning", "HEAD^{tree}")
    assert "the trunk would be rewritten" in guard.refuses("--force", f"{alone}:refs/heads/main")


def merge_of(ada: Story, tree: str, *others: str) -> None:
    parents = [word for parent in ("HEAD", *others) for word in ("-p", parent)]
    ada.git("reset", "--quiet", "--hard", ada.git("commit-tree", "-m", "merge", *parents, tree))


def test_a_merge_with_content_of_its_own_is_judged_by_its_content(guard: Guard, ada: Story) -> None:
    ada.git("switch", "--quiet", "-c", "topic")
    ada.write("src/a.py", "1")
    ada.commit("innocent")
    ada.copy(f"models/{MODEL}/1.0.0.yaml", f"staging/{MODEL}.yaml")
    (ada.path / f"models/{MODEL}/1.2.0.yaml").unlink()
    evil = ada.commit("evil")
    ada.git("switch", "--quiet", "main")
    merge_of(ada, f"{evil}^{{tree}}", "topic~1")
    assert "nothing-removed" in guard.refuses("main")


def test_an_octopus_is_judged_by_what_it_holds(guard: Guard, ada: Story) -> None:
    one = ada.git("commit-tree", "-m", "one", "-p", "HEAD", "HEAD^{tree}")
    two = ada.git("commit-tree", "-m", "two", "HEAD^{tree}")
    tree = ada.git("rev-parse", "HEAD^{tree}")
    (ada.path / f"models/{MODEL}/1.2.0.yaml").unlink()
    evil = ada.commit("evil")
    ada.git("reset", "--quiet", "--hard", "HEAD~1")
    merge_of(ada, f"{evil}^{{tree}}", one, two)
    assert "nothing-removed" in guard.refuses("main")
    ada.git("reset", "--quiet", "--hard", "HEAD~1")
    merge_of(ada, tree, one, two)
    guard.lets_in("main")


def test_a_trunk_that_is_named_by_another_name_is_guarded_all_the_same(guard: Guard, ada: Story) -> None:
    guard.git("symbolic-ref", "refs/heads/alias", "refs/heads/main")
    (ada.path / f"models/{MODEL}/1.2.0.yaml").unlink()
    ada.commit("evil")
    assert "refs/heads/alias: trunk-continues: it stands for refs/heads/main" in guard.refuses("main:refs/heads/alias")


def test_what_the_trunk_only_stands_for_is_guarded_all_the_same(guard: Guard, ada: Story) -> None:
    guard.git("branch", "--move", "main", "master")
    guard.git("symbolic-ref", "refs/heads/main", "refs/heads/master")
    (ada.path / f"models/{MODEL}/1.2.0.yaml").unlink()
    ada.commit("evil")
    said = guard.refuses("main:refs/heads/master")
    assert "refs/heads/master: trunk-continues: refs/heads/main stands for it" in said
    assert "nothing-removed" in guard.refuses("main")


def test_a_branch_that_differs_from_the_trunk_only_in_case_is_refused(guard: Guard, ada: Story) -> None:
    assert "it differs from refs/heads/main only in case" in guard.refuses("main:refs/heads/Main")


def test_names_that_look_like_the_trunk_change_nothing(guard: Guard, ada: Story) -> None:
    ada.git("switch", "--quiet", "-c", "topic")
    (ada.path / f"models/{MODEL}/1.2.0.yaml").unlink()
    ada.commit("evil")
    guard.lets_in("topic:refs/tags/main", "topic:refs/heads/origin/main", "topic:refs/remotes/origin/main")
    ada.git("switch", "--quiet", "main")
    ada.write("src/a.py", "1")
    ada.commit("innocent")
    guard.lets_in("refs/heads/main:refs/heads/main")
    assert "the trunk would be rewritten" in guard.refuses("--force", "topic:refs/heads/main")


def test_replacements_are_refused(guard: Guard, ada: Story) -> None:
    tip, old = ada.git("rev-parse", "HEAD"), ada.git("rev-parse", "HEAD~1")
    ref = f"refs/replace/{tip}"
    assert f"{ref}: known-path: a replacement would show others another history" in guard.refuses(f"{old}:{ref}")


def test_replacements_that_are_there_already_are_not_seen(guard: Guard, ada: Story) -> None:
    good = ada.git("rev-parse", "HEAD")
    (ada.path / f"models/{MODEL}/1.2.0.yaml").unlink()
    evil = ada.commit("evil")
    guard.git("fetch", "--quiet", str(ada.path), good, "main:refs/heads/topic")
    guard.git("update-ref", f"refs/replace/{evil}", good)
    (guard.path / "info").mkdir(exist_ok=True)
    (guard.path / "info" / "grafts").write_text(f"{evil}\n", encoding="ascii")
    assert "nothing-removed" in guard.refuses("main")


def test_a_push_that_names_another_old_tip_than_there_is_is_refused(guard: Guard, ada: Story) -> None:
    with guard.open() as repo:
        tip = ada.git("rev-parse", "HEAD")
        update = Update(ref="refs/heads/main", old=None, new=tip)
        received = receive.run(repo, (update,), clock=lambda: ada.now)
    assert [objection.message for objection in received.objections] == ["somebody was first, it is not where it was"]


def test_what_is_refused_because_somebody_was_first_meanwhile_is_to_be_pushed_again(
    guard: Guard, ada: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ada.path / f"models/{MODEL}/1.2.0.yaml").unlink()
    ada.commit("evil")
    guard.git("fetch", "--quiet", str(ada.path), "main:refs/heads/topic")
    tip, old = ada.git("rev-parse", "HEAD"), ada.git("rev-parse", "HEAD~1")
    folded = Registry.folded

    def meanwhile(self: Registry, commit: str | None, *, lands: bool = False) -> object:
        answer = folded(self, commit, lands=lands)
        guard.git("update-ref", "refs/heads/main", f"{old}~1")
        return answer

    monkeypatch.setattr(Registry, "folded", meanwhile)
    with guard.open() as repo:
        received = receive.run(repo, (Update(ref="refs/heads/main", old=old, new=tip),), clock=lambda: ada.now)
    assert [(objection.ref, objection.message) for objection in received.objections] == [
        ("refs/heads/main", "somebody was first, it is not where it was")
    ]


def test_of_several_who_promote_at_once_all_land(guard: Guard, ada: Story) -> None:
    guard.git("config", "receive.autogc", "false")
    for model in ("a", "b", "c", "d"):
        ada.register(model, "1.0.0", to="staging", push=True)
    now = f"lambda: datetime.fromisoformat({ada.now.isoformat()!r})"
    program = (
        "import sys; from datetime import datetime; from gitstage.operations import registries; "
        f"registries.utc_now = {now}; from gitstage.cli.main import main; sys.exit(main())"
    )
    guard.tick()
    clones = [Team(guard.path.parent).member(f"member-{model}").path for model in ("a", "b", "c", "d")]
    promoters = [
        subprocess.Popen(
            [sys.executable, "-P", "-c", program, "promote", clone.name[-1], "--to", "production", "--push"],
            cwd=clone,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for clone in clones
    ]
    said = [promoter.communicate()[0].decode() for promoter in promoters]
    assert [promoter.returncode for promoter in promoters] == [0, 0, 0, 0], said
    assert {f"refs/tags/{model}/production/1" for model in "abcd"} < guard.refs().keys()


def test_a_ledger_of_a_registry_that_is_not_here_is_refused(guard: Guard, ada: Story) -> None:
    assert "there is no registry here that keeps its ledger there" in guard.refuses("main:refs/gitstage/12-34")


def test_nothing_is_tagged_before_there_is_a_trunk(guard: Guard, ada: Story) -> None:
    guard.git("update-ref", "-d", "refs/heads/main")
    ledger = f"refs/gitstage/{ada.registry().identity.id}"
    assert f"{ledger}: trunk-continues: there is no main yet" in guard.refuses("--force", f"{ledger}~1:{ledger}")


def test_a_trunk_that_comes_back_must_hold_what_was_judged(guard: Guard, ada: Story) -> None:
    guard.git("update-ref", "-d", "refs/heads/main")
    alone = ada.git("commit-tree", "-m", "new beginning", "HEAD^{tree}")
    assert "trunk-continues: the commit judged last" in guard.refuses(f"{alone}:refs/heads/main")
    guard.lets_in("main")


def test_where_the_ledger_was_lost_nothing_is_judged(guard: Guard, ada: Story) -> None:
    guard.git("update-ref", "-d", f"refs/gitstage/{ada.registry().identity.id}")
    ada.write("src/a.py", "1")
    ada.commit("innocent")
    assert "this push could not be judged, and is not let in" in guard.refuses("main")


# first pushes


def empty(folder: Path, story: Story) -> Guard:
    """An empty server with the hook, which is the story's `origin`."""
    create(folder / "remote.git", branch="main", bare=True).close()
    return Guard.over(Team(folder), story)


def test_a_new_registry_is_let_in_to_an_empty_server(tmp_path: Path) -> None:
    ada = Story.begun(tmp_path / "ada")
    guard = empty(tmp_path, ada)
    ada.git("remote", "add", "origin", str(guard.path))
    guard.lets_in("main")


def test_a_registry_with_a_past_brings_its_tags_and_its_ledger_along(served: Story, tmp_path: Path) -> None:
    guard = empty(tmp_path, served)
    served.git("remote", "add", "origin", str(guard.path))
    served.later(hours=100)
    guard.lets_in("--atomic", "main", "refs/tags/*", "refs/gitstage/*")
    assert guard.refs() == {ref: oid for ref, oid in served.refs().items() if not ref.startswith("refs/remotes/")}
    served.register("churn", "1.0.0", push=True)
    assert "refs/tags/churn/v1.0.0" in guard.refs()


def test_of_a_past_that_is_brought_along_every_run_is_folded_again(served: Story, tmp_path: Path) -> None:
    guard = empty(tmp_path, served)
    served.git("remote", "add", "origin", str(guard.path))
    first = f"refs/tags/{MODEL}/production/1"
    served.git("update-ref", first, served.git("rev-parse", f"{MODEL}/production/2"))
    assert f"{first}: ledger: it stands on" in guard.refuses("--atomic", "main", "refs/tags/*", "refs/gitstage/*")


def test_a_past_that_is_brought_to_a_trunk_that_is_there_is_backdated(served: Story, tmp_path: Path) -> None:
    guard = empty(tmp_path, served)
    served.git("remote", "add", "origin", str(guard.path))
    guard.lets_in("main")
    served.later(hours=1)
    assert "it is backdated" in guard.refuses("refs/tags/*", "refs/gitstage/*")


def test_a_broken_registry_is_not_let_in_to_an_empty_server(tmp_path: Path) -> None:
    ada = Story.begun(tmp_path / "ada")
    guard = empty(tmp_path, ada)
    ada.git("remote", "add", "origin", str(guard.path))
    good = ada.read("gitstage.yaml")
    ada.write("gitstage.yaml", "stages: {\n")
    ada.commit("broken")
    assert "refs/heads/main: manifest-valid: " in guard.refuses("main")
    ada.write("gitstage.yaml", good + "more: 1\n")
    ada.commit("still broken")
    assert "manifest-valid" in guard.refuses("main")


def test_a_registry_that_was_broken_before_there_was_a_hook_may_be_mended(tmp_path: Path) -> None:
    ada = Story.begun(tmp_path / "ada")
    good = ada.read("gitstage.yaml")
    ada.write("gitstage.yaml", "stages: {\n")
    ada.commit("broken")
    guard = empty(tmp_path, ada)
    ada.git("remote", "add", "origin", str(guard.path))
    guard.git("fetch", "--quiet", "--no-tags", str(ada.path), "main:main")
    ada.write("src/a.py", "1")
    ada.commit("something else")
    guard.lets_in("main")
    said = guard.refuses("refs/tags/policy/1", f"{ada.registry().identity.ledger_ref}")
    assert "there is no registry here that keeps its ledger there" in said
    assert "refs/tags/policy/1: known-path: it speaks of a registry" in said
    ada.write("gitstage.yaml", good)
    ada.commit("mended")
    guard.lets_in("main")


def test_a_tag_of_gitstage_is_refused_where_there_is_no_registry(served: Story, tmp_path: Path) -> None:
    guard = empty(tmp_path, served)
    served.git("remote", "add", "origin", str(guard.path))
    assert "it speaks of a registry" in guard.refuses(f"refs/tags/{MODEL}/production/1")
    guard.lets_in("main:refs/heads/topic")
    assert "it speaks of a registry" in guard.refuses(f"refs/tags/{MODEL}/production/1")


def test_where_the_default_branch_is_another_one_the_first_run_of_tag_is_let_in_all_the_same(
    team: tuple[Team, Story],
) -> None:
    team_, ada = team
    guard = Guard.over(team_, ada)
    for ref in list(guard.refs()):
        guard.git("update-ref", "-d", ref)
    guard.git("symbolic-ref", "HEAD", "refs/heads/master")
    bob = team_.folder / "bob"
    git("clone", "--quiet", str(ada.path), str(bob), cwd=team_.folder)
    story = Story(bob, now=ada.now)
    for ref in story.tags():
        story.git("tag", "-d", ref)
    story.git("remote", "set-url", "origin", str(guard.path))
    guard.lets_in("main", by=story)
    assert story.tag().pushed
    assert "refs/tags/policy/1" in guard.refs()


def test_a_registry_of_somebody_elses_stands_in_nobodys_way(guard: Guard, ada: Story) -> None:
    """Its models are called like another registry's tags begin: what each claims is held against what each says."""
    init.run(ada.path, "eu", clock=lambda: ada.now)
    guard.lets_in("main")
    eu = Story(ada.path, now=ada.now, folder="eu")
    assert eu.tag().pushed
    assert ada.register("eu/churn", "1.0.0", to="staging", push=True).landed
    assert "refs/tags/eu/churn/v1.0.0" in guard.refs()
    ada.git("fetch", "--quiet", "--tags")
    assert eu.register("churn", "2.0.0", to="staging", push=True).landed
    assert {"refs/tags/eu/churn/staging/1", "refs/tags/eu/churn/staging/2"} < guard.refs().keys()


def test_a_push_that_is_none_of_the_registrys_business_loads_no_judge(guard: Guard, ada: Story) -> None:
    script = (guard.path / "hooks" / "pre-receive").read_text("utf-8")
    assert "sys.exit(main())" in script
    asked = script.replace("sys.exit(main())", 'code = run(); sys.exit(code or "pydantic" in sys.modules)')
    (guard.path / "hooks" / "pre-receive").write_text(asked.replace("import main;", "import run;"), encoding="utf-8")
    ada.git("tag", "v1")
    guard.lets_in("main:refs/heads/topic", "v1")


# what the server is made of


def test_what_landed_and_is_on_hold_by_now_is_not_put_into_effect_by_a_run_that_looks_away(
    guard: Guard, ada: Story
) -> None:
    """A ledger as a command would have made it that landed the hold, and saw the promotion before it pass."""
    ada.git("switch", "--quiet", "-c", "topic")
    ada.promote(MODEL, to="production")
    ada.git("push", "--quiet", str(ada.path), "topic:refs/heads/promoted")
    ada.hold(f"{MODEL}@1.2.0")
    ada.git("switch", "--quiet", "main")
    ada.git("merge", "--quiet", "--ff-only", "promoted")
    guard.lets_in("main")
    ada.git("merge", "--quiet", "--ff-only", "topic")
    guard.lets_in("main")
    identity, tip, before = ada.registry().identity, ada.git("rev-parse", "main"), ada.git("rev-parse", "main~1")

    def with_tip(commit: str) -> Registry:
        registry = Registry(repo, "", identity, lambda: ada.now)
        registry.tip = commit
        return registry

    with Repository.discover(ada.path, serves=True) as repo:
        folded, _ = with_tip(before).folded(before, lands=True)
        whole = with_tip(tip)
        after = continued(folded, [Step(tip, repo.tree(tip))], whole.world())
        assert [effect.name for effect in after.effects] == [f"{MODEL}/production/3"]
        repo.transact(written(whole, after).updates, reason="forged")
    said = guard.refuses(identity.ledger_ref, f"refs/tags/{MODEL}/production/3")
    assert "it says something else than folding does" in said


def test_a_configuration_of_the_server_that_would_run_something_runs_nothing(guard: Guard, ada: Story) -> None:
    ran = guard.path / "ran"
    program = executable(guard.path / "evil", f'echo "$0 $*" >> {shlex.quote(str(ran))}')
    for key in (
        "core.fsmonitor", "core.sshCommand", "core.pager", "core.editor", "core.askPass", "core.gitProxy",
        "core.alternateRefsCommand", "gpg.program", "gpg.ssh.program", "gpg.ssh.defaultKeyCommand", "diff.external",
        "diff.evil.textconv", "diff.evil.command", "filter.evil.clean", "filter.evil.smudge", "filter.evil.process",
        "merge.evil.driver", "credential.helper", "uploadpack.packObjectsHook", "alias.rev-parse", "trailer.x.command",
    ):  # fmt: skip
        guard.git("config", key, str(program))
    guard.git("config", "remote.origin.url", f"ext::{program}")
    guard.git("config", "remote.origin.promisor", "true")
    guard.git("config", "protocol.ext.allow", "always")
    (guard.path / "info").mkdir(exist_ok=True)
    (guard.path / "info" / "attributes").write_text("* filter=evil diff=evil merge=evil\n", encoding="ascii")
    hook, moment = guard.path / "hooks" / "pre-receive", guard.path / "now"
    tip = ada.git("rev-parse", "HEAD~1")
    guard.tick()
    assert moment.exists()
    # By hand, so that only what the hook itself starts is seen.
    zero = "0" * 40
    for line, code in ((f"{zero} {tip} refs/heads/topic\n", 0), (f"{zero} {zero[:-1]}1 refs/heads/topic\n", 1)):
        done = subprocess.run([str(hook)], cwd=guard.path, input=line.encode(), capture_output=True)
        assert (done.returncode, ran.exists()) == (code, False), done.stderr.decode()


def test_a_repository_with_a_work_tree_that_people_push_to_is_guarded_too(tmp_path: Path) -> None:
    server = Story.begun(tmp_path / "remote.git")
    server.git("config", "receive.denyCurrentBranch", "updateInstead")
    server.git("remote", "add", "upstream", "ext::false")
    ada = Team(tmp_path).member("ada")
    guard = Guard.over(Team(tmp_path), ada)
    executable(
        server.path / ".git/hooks/pre-receive", (guard.path / "hooks/pre-receive").read_text("utf-8").splitlines()[-1]
    )
    (server.path / ".git" / "now").write_text(ada.now.isoformat(), encoding="ascii")
    (ada.path / "gitstage.yaml").unlink()
    ada.commit("evil")
    went, said = guard.push("main")
    assert not went
    assert "nothing-removed" in said


def test_objects_by_sha_256_are_not_judged_and_nothing_is_let_in(tmp_path: Path) -> None:
    path = tmp_path / "remote.git"
    git("init", "--quiet", "--bare", "--object-format=sha256", str(path), cwd=tmp_path)
    git("init", "--quiet", "--object-format=sha256", "ada", cwd=tmp_path)
    ada = Story(tmp_path / "ada")
    guard = Guard.over(Team(tmp_path), ada)
    ada.git("remote", "add", "origin", str(path))
    ada.write("a", "1")
    ada.commit("one")
    assert "names its objects by sha256" in guard.refuses("main")


def test_what_a_shallow_clone_pushes_is_judged(guard: Guard, ada: Story) -> None:
    git("clone", "--quiet", "--depth=1", f"file://{guard.path}", "shallow", cwd=guard.path.parent)
    bob = Story(guard.path.parent / "shallow", now=ada.now)
    bob.write("src/a.py", "1")
    bob.commit("innocent")
    guard.lets_in("main", by=bob)
    (bob.path / f"models/{MODEL}/1.2.0.yaml").unlink()
    bob.commit("evil")
    assert "nothing-removed" in guard.refuses("main", by=bob)


def test_a_shallow_server_is_not_judged_and_nothing_is_let_in(guard: Guard, ada: Story) -> None:
    tip = ada.git("rev-parse", "HEAD")
    ada.write("src/a.py", "1")
    ada.commit("innocent")
    (guard.path / "shallow").write_text(f"{tip}\n", encoding="ascii")
    assert "could not be judged" in guard.refuses("main")


def test_a_hook_whose_gitstage_is_gone_lets_nothing_in(guard: Guard, ada: Story) -> None:
    executable(guard.path / "hooks" / "pre-receive", "exec /nowhere/python -m gitstage hook pre-receive")
    ada.write("src/a.py", "1")
    ada.commit("innocent")
    guard.refuses("main")


def test_several_registries_are_each_judged(guard: Guard, ada: Story) -> None:
    init.run(ada.path, "eu", clock=lambda: ada.now)
    guard.lets_in("main")
    eu = Story(ada.path, now=ada.now, folder="eu")
    assert eu.tag().pushed
    assert eu.register("churn", "1.0.0", to="staging", push=True).landed
    assert {"refs/tags/eu/churn/staging/1", f"refs/tags/{MODEL}/production/2"} < guard.refs().keys()
    (ada.path / "eu/models/churn/1.0.0.yaml").unlink()
    ada.commit("evil in one of them")
    said = guard.refuses("main")
    assert "eu/models/churn/1.0.0.yaml" in said
    assert MODEL not in said
    ada.git("reset", "--quiet", "--hard", "HEAD~1")
    assert "refs/tags/eu: conflict" in guard.refuses("main:refs/tags/eu")
    assert "is never deleted" in guard.refuses("--delete", "refs/tags/eu/churn/staging/1")
