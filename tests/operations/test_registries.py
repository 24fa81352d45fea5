from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from gitstage.canonical import DocumentError
from gitstage.errors import GitstageError
from gitstage.git import GitError, NotARepository
from gitstage.ledger import State
from gitstage.operations import init, resolve, status
from gitstage.operations.registries import NoRegistry, TrunkRewritten, open_registry, utc_now
from tests.git.sandbox import Sandbox, git
from tests.operations.pictures import unchanged
from tests.operations.stories import NOON, Story, Team


@pytest.fixture
def two(tmp_path: Path) -> Sandbox:
    """Two registries in one repository."""
    box = Sandbox.made(tmp_path / "work")
    box.commit("code", {"src/train.py": ""})
    for folder in ("eu", "teams/us"):
        init.run(box.path, folder, clock=lambda: NOON)
    return box


# Which registry is meant.


def test_the_only_one_is_meant_from_anywhere(tmp_path: Path) -> None:
    box = Sandbox.made(tmp_path / "work")
    box.commit("code", {"src/deep/train.py": ""})
    init.run(box.path, "ml/registry", clock=lambda: NOON)
    for place in (".", "src/deep", "ml", "ml/registry/staging"):
        assert open_registry(str(box.path / place)).folder == "ml/registry"


def test_the_nearest_one_above_is_meant_where_there_are_several(two: Sandbox) -> None:
    assert open_registry(str(two.path / "eu")).folder == "eu"
    assert open_registry(str(two.path / "teams/us/staging")).folder == "teams/us"


def test_several_and_none_named_are_listed(two: Sandbox) -> None:
    for place in (".", "src", "teams"):
        with unchanged(two.path), pytest.raises(NoRegistry, match="several registries: eu, teams/us") as caught:
            open_registry(str(two.path / place))
        assert caught.value.hint == "name one: gitstage --registry eu …"


@pytest.mark.parametrize("folder", ["teams/us", "teams/us/", "/teams/us"])
def test_one_can_be_named(two: Sandbox, folder: str) -> None:
    assert open_registry(str(two.path / "src"), folder=folder).folder == "teams/us"


@pytest.mark.parametrize("folder", ["src", "nowhere", ".", "", "src/train.py"])
def test_a_folder_that_holds_none_is_said(two: Sandbox, folder: str) -> None:
    with pytest.raises(NoRegistry, match="there is no registry in") as caught:
        open_registry(str(two.path), folder=folder)
    assert "gitstage init" in str(caught.value.hint)


def test_two_registries_live_side_by_side(two: Sandbox) -> None:
    eu, us = Story(two.path, folder="eu"), Story(two.path, folder="teams/us")
    for story, version in ((eu, "1.0.0"), (us, "2.0.0")):
        story.register("m", version, to="staging")
        story.promote("m", to="production")
    assert (eu.in_effect("m"), us.in_effect("m")) == ("1.0.0", "2.0.0")
    assert sorted(tag for tag in two.git("tag").splitlines() if "production" in tag) == [
        "m/production/1",
        "teams-us/m/production/1",
    ]
    assert len([ref for ref in two.refs() if ref.startswith("refs/gitstage/")]) == 2
    # What is wrong in one stops nobody in the other.
    two.commit("by force", {"eu/models/m/1.0.0.yaml": "rewritten", "eu/gitstage.yaml": "nonsense"})
    assert eu.tag().exit_code == 1
    assert us.register("m", "2.1.0", to="staging").exit_code == 0
    assert us.tag().exit_code == 0
    assert us.check("HEAD~1").passed


def test_one_change_may_touch_both(two: Sandbox) -> None:
    eu, us = Story(two.path, folder="eu"), Story(two.path, folder="teams/us")
    eu.register("m", "1.0.0")
    us.register("m", "1.0.0")
    eu.copy("models/m/1.0.0.yaml", "staging/m.yaml")
    us.copy("models/m/1.0.0.yaml", "staging/m.yaml")
    two.commit("both at once")
    assert eu.tag().tags == ("refs/tags/m/staging/1",)
    assert us.tag().tags == ("refs/tags/teams-us/m/staging/1",)


# Where there is none.


def test_no_repository_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotARepository, match="there is no Git repository here"):
        open_registry(str(tmp_path))
    with pytest.raises(NotARepository, match="is not a directory"):
        open_registry(str(tmp_path / "nowhere"))


def test_a_repository_without_a_registry_is_said(tmp_path: Path) -> None:
    box = Sandbox.made(tmp_path / "work")
    with pytest.raises(NoRegistry, match="no commit yet"):
        open_registry(str(box.path))
    box.commit("code", {"train.py": ""})
    with pytest.raises(NoRegistry, match="there is no registry in this repository") as caught:
        open_registry(str(box.path))
    assert caught.value.hint == "make one with: gitstage init"


def test_a_sha_256_repository_is_said_to_be_one(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", "--object-format=sha256", str(tmp_path / "w")], check=True)
    with pytest.raises(GitError, match="SHA-1 repositories only"):
        open_registry(str(tmp_path / "w"))


def test_a_registry_that_lies_too_deep_must_be_named(tmp_path: Path) -> None:
    box = Sandbox.made(tmp_path / "work")
    box.commit("code", {"train.py": ""})
    init.run(box.path, "a/b/c/d", clock=lambda: NOON)
    with pytest.raises(NoRegistry):
        open_registry(str(box.path))
    assert open_registry(str(box.path), folder="a/b/c/d").folder == "a/b/c/d"


def test_a_folder_called_gitstage_yaml_is_no_registry(tmp_path: Path) -> None:
    box = Sandbox.made(tmp_path / "work")
    box.commit("odd", {"gitstage.yaml/x": ""})
    with pytest.raises(GitstageError):
        open_registry(str(box.path))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x: [",
        "id: 5\nstages: {}",
        "id: Z\nstages: {}",
        "id: abc\nstages: []",
        "id: abc\ntrunk: [x]",
        "id: abc\nstages: {a b: {}}",
    ],
)
def test_a_gitstage_yaml_that_cannot_be_used_is_said(tmp_path: Path, text: str) -> None:
    box = Sandbox.made(tmp_path / "work")
    box.commit("wrong", {"gitstage.yaml": text})
    with pytest.raises((GitstageError, DocumentError)) as caught:
        open_registry(str(box.path))
    assert caught.value.exit_code == 2


# Who it is.


def test_a_registry_is_who_its_policy_in_effect_says(served: Story) -> None:
    before = served.registry().identity
    text = served.read("gitstage.yaml")
    for wrong in ("nonsense: [", text.replace("trunk: main", "trunk: other").replace("id: ", "id: 0")):
        served.write("gitstage.yaml", wrong)
        served.commit("never passes")
        assert served.registry().identity == before
        assert served.tag().exit_code == 1
        assert served.registry().identity == before
    assert served.promote("fraud-detector", to="production").exit_code == 0


def test_a_stage_that_was_taken_out_of_the_file_is_still_there(served: Story) -> None:
    text = served.read("gitstage.yaml")
    served.write("gitstage.yaml", text.replace("  production:\n    from: [staging]\n", ""))
    served.commit("without production")
    outcome = served.tag()
    assert [found.rule for found in outcome.state.open["policy"].findings] == ["policy-alone"]
    assert served.registry().identity.stages == ("staging", "production")
    assert resolve.run(served.registry(), "fraud-detector@production").version == "1.1.0"


def test_a_new_policy_that_passed_is_who_it_is(served: Story) -> None:
    text = served.read("gitstage.yaml")
    served.write("gitstage.yaml", text.replace("  production:\n", "  canary:\n    from: [staging]\n  production:\n"))
    served.commit("canary")
    served.tag()
    assert served.registry().identity.stages == ("staging", "canary", "production")
    assert served.promote("fraud-detector", to="canary").tags == ("refs/tags/fraud-detector/canary/1",)


def test_a_fresh_clone_of_a_broken_trunk_asks_the_ledger_who_it_is(serving_team: tuple[Team, Story]) -> None:
    team, ada = serving_team
    ada.write("gitstage.yaml", "nonsense: [")
    ada.commit("by force")
    ada.git("push", "--quiet", "origin", "main")
    bob = team.member("bob", now=ada.now)
    assert bob.registry().identity == ada.registry().identity
    assert bob.promote("fraud-detector", to="production", push=True).landed


def test_a_registry_whose_gitstage_yaml_was_removed_is_still_there(served: Story) -> None:
    identity = served.registry().identity
    served.git("rm", "--quiet", "gitstage.yaml")
    served.commit("gone")
    for folder in (None, ".", ""):
        found = open_registry(str(served.path), folder=folder)
        assert (found.folder, found.identity) == ("", identity)
    assert served.in_effect("fraud-detector") == "1.1.0"
    report = served.check(base="HEAD~1")
    assert [(found.rule, found.path) for found in report.judgements[0].findings] == [
        ("nothing-removed", "gitstage.yaml")
    ]
    assert served.tag().exit_code == 1
    # The policy that passed still judges.
    assert served.promote("fraud-detector", to="production").exit_code == 0
    assert served.withdraw(policy=True).exit_code == 0
    assert served.open_things() == []


def test_a_fresh_clone_of_a_trunk_without_its_gitstage_yaml_asks_the_ledger(
    serving_team: tuple[Team, Story], tmp_path: Path
) -> None:
    team, ada = serving_team
    ada.git("rm", "--quiet", "gitstage.yaml")
    ada.commit("gone")
    ada.git("push", "--quiet", "origin", "main")
    bob = team.member("bob", now=ada.now)
    assert bob.in_effect("fraud-detector") == "1.1.0"
    assert bob.withdraw(policy=True, push=True).landed
    # Without tags of a registry nobody is asked.
    empty = tmp_path / "other"
    git("clone", "--quiet", "--no-tags", str(team.remote), str(empty), cwd=tmp_path)
    git("rm", "--quiet", "gitstage.yaml", cwd=empty)
    git("commit", "--quiet", "-m", "gone", cwd=empty)
    git("update-ref", "-d", "refs/remotes/origin/main", cwd=empty)
    git("update-ref", "-d", "refs/remotes/origin/HEAD", cwd=empty)
    with pytest.raises(NoRegistry, match="there is no registry in this repository"):
        open_registry(str(empty))


def test_from_a_branch_that_is_older_than_the_registry_the_registry_is_found(tmp_path: Path) -> None:
    box = Sandbox.made(tmp_path / "work", "--initial-branch=main")
    box.commit("code", {"train.py": "x"})
    box.git("branch", "older")
    init.run(box.path, "ml/registry", clock=lambda: NOON)
    story = Story(box.path)
    story.folder = "ml/registry"
    story.register("m", "1.0.0", to="staging")
    box.git("switch", "--quiet", "older")
    found = open_registry(str(box.path))
    assert (found.folder, resolve.run(found, "m@staging").version) == ("ml/registry", "1.0.0")
    with pytest.raises(GitstageError, match="there is a registry in ml/registry, and its gitstage.yaml is not here"):
        init.run(box.path)
    assert box.git("status", "--porcelain") == ""


def test_a_ledger_that_says_nothing_is_no_registry(served: Story) -> None:
    ledger = served.registry().identity.ledger_ref
    empty = served.git("commit-tree", "-m", "nothing", served.git("mktree", "--missing", "-z"))
    served.git("update-ref", ledger, empty)
    served.git("rm", "--quiet", "gitstage.yaml")
    served.commit("gone")
    with pytest.raises(NoRegistry, match="there is no registry in this repository"):
        served.registry()
    with pytest.raises(NoRegistry, match="there is no registry in the root of this repository"):
        open_registry(str(served.path), folder=".")


def test_a_branch_whose_name_is_also_a_tag_is_a_branch(served: Story) -> None:
    served.git("tag", "main", "HEAD~2")
    served.git("tag", "refs/heads/main", "HEAD~3")
    registry = served.registry()
    assert registry.tip == served.git("rev-parse", "refs/heads/main") == registry.head
    assert served.promote("fraud-detector", to="production").landed


# The trunk and its ledger.


def test_the_remotes_trunk_is_meant_where_there_is_one(serving_team: tuple[Team, Story]) -> None:
    team, ada = serving_team
    ada.git("commit", "--quiet", "--allow-empty", "-m", "not pushed")
    registry = ada.registry()
    assert registry.tip == team.refs()["refs/heads/main"] != registry.head
    assert (registry.remote, registry.lands_here) == ("origin", False)


def test_the_remote_is_that_of_the_trunk(serving_team: tuple[Team, Story]) -> None:
    team, ada = serving_team
    ada.git("remote", "rename", "origin", "upstream")
    ada.git("remote", "add", "fork", str(team.remote))
    assert ada.registry().remote == "upstream"
    assert ada.promote("fraud-detector", to="production", push=True).landed


def test_how_far_the_trunk_has_been_judged(served: Story) -> None:
    registry = served.registry()
    head = served.git("rev-parse", "HEAD")
    assert (registry.state.judged, registry.is_behind) == (head, False)
    assert registry.state.clock == NOON + timedelta(hours=4)
    line = served.git("rev-list", "--reverse", "HEAD").splitlines()
    for commit in line[1:]:
        assert served.registry().state_before(commit).judged == commit
    served.git("commit", "--quiet", "--allow-empty", "-m", "code")
    assert served.registry().is_behind
    assert served.registry().state_before(served.git("rev-parse", "HEAD")).judged == head


def test_before_the_first_run_nothing_has_been_judged(served: Story) -> None:
    first = served.git("rev-list", "--max-parents=0", "HEAD")
    orphan = served.git("commit-tree", "-m", "elsewhere", f"{first}^{{tree}}")
    assert served.registry().state_before(orphan) == State()


def test_what_came_before_the_registry_is_not_judged(tmp_path: Path) -> None:
    box = Sandbox.made(tmp_path / "work")
    for number in range(5):
        box.commit(f"code {number}", {"train.py": str(number), "staging/old.txt": str(number)})
    init.run(box.path, clock=lambda: NOON)
    story = Story(box.path)
    assert story.tag().exit_code == 0
    registry = story.registry()
    head = story.git("rev-parse", "HEAD")
    assert [step.commit for step in registry.steps(None, head)] == [head]
    assert list(registry.steps(None, story.git("rev-parse", "HEAD~1"))) == []
    assert list(registry.steps(head, head)) == []


def test_a_trunk_that_was_rewritten_is_no_ground_for_anything(served: Story) -> None:
    served.git("reset", "--quiet", "--hard", "HEAD~2")
    served.git("commit", "--quiet", "--allow-empty", "-m", "another history")
    for act in (served.tag, served.check, lambda: served.promote("fraud-detector", to="production")):
        with pytest.raises(TrunkRewritten) as caught:
            act()
        assert caught.value.exit_code == 1
    # What served is read from tags, of which some stand on commits that are no more.
    assert served.in_effect("fraud-detector") == "1.0.0"


def test_a_ledger_without_its_document_is_said(served: Story) -> None:
    ref = served.registry().identity.ledger_ref
    served.git("update-ref", ref, "HEAD~1")
    with pytest.raises(GitstageError, match="holds no"):
        served.tag()


def test_a_ledger_of_another_registry_is_said(served: Story) -> None:
    ref = served.registry().identity.ledger_ref
    name = served.git("ls-tree", "--name-only", ref)
    text = served.git("show", f"{ref}:{name}").replace("gitstage/ledger/v1", "gitstage/ledger/v9")
    blob = git("hash-object", "-w", "--stdin", cwd=served.path, stdin=text.encode())
    tree = git("mktree", cwd=served.path, stdin=f"100644 blob {blob}\t{name}\n".encode())
    served.git("update-ref", ref, served.git("commit-tree", "-m", "x", "-p", ref, tree))
    with pytest.raises(GitstageError, match="cannot be read") as caught:
        served.tag()
    assert "git fetch" in str(caught.value.hint)


def test_asked_again_it_is_never_earlier(story: Story) -> None:
    moments = iter([NOON, NOON - timedelta(hours=1), NOON + timedelta(hours=1)])
    again = open_registry(str(story.path), clock=lambda: next(moments)).again()
    assert (again.now, again.again().now) == (NOON, NOON + timedelta(hours=1))


def test_the_clock_is_utc_to_the_second() -> None:
    now = utc_now()
    assert (now.utcoffset(), now.microsecond) == (timedelta(), 0)


def test_where_neither_head_nor_the_trunk_is_there_every_question_says_so(tmp_path: Path) -> None:
    story = Story.begun(tmp_path / "work", {"trunk: main": "trunk: release"})
    for ref in story.refs():
        if ref.startswith(("refs/gitstage/", "refs/tags/")):
            story.git("update-ref", "-d", ref)
    story.git("switch", "--quiet", "--orphan", "empty")
    registry = story.registry()
    assert (registry.head, registry.tip, registry.state) == (None, None, State())
    assert status.run(registry).models == ()
    asked: list[tuple[Callable[[], object], str]] = [
        (story.check, "there is no commit to judge"),
        (story.tag, "there is no release yet"),
        (lambda: resolve.run(registry, "m@1.0.0"), "there is no commit yet"),
        (lambda: resolve.run(registry, "m@latest"), "there is no commit yet"),
        (lambda: resolve.run(registry, "m@staging", declared=True), "there is no commit yet"),
        (lambda: resolve.run(registry, "m@staging"), "there is no model m"),
    ]
    for ask, why in asked:
        with pytest.raises(GitstageError, match=why) as caught:
            ask()
        assert caught.value.hint is not None


def test_a_status_in_a_folder_is_that_of_the_folder(two: Sandbox) -> None:
    eu, us = Story(two.path, folder="eu"), Story(two.path, folder="teams/us")
    eu.register("m", "1.0.0", to="staging")
    us.register("n", "2.0.0", to="staging")
    us.register("n", "2.1.0", to="staging")
    for story, model, version, archived in ((eu, "m", "1.0.0", ()), (us, "n", "2.1.0", ("2.0.0",))):
        for declared in (False, True):
            (row,) = status.run(story.registry(), declared=declared).models
            assert (row.model, row.slots["staging"].version, row.archived) == (model, version, archived)
            (alone,) = status.run(story.registry(), model, declared=declared).models
            assert (alone.slots["staging"].version, alone.versions, alone.archived) == (version, row.versions, archived)


def test_whoever_lacks_the_ledger_reads_by_the_tags_and_is_not_called_late(served: Story) -> None:
    served.git("update-ref", "-d", served.registry().identity.ledger_ref)
    registry = served.registry()
    assert not registry.is_behind
    assert resolve.run(registry, "fraud-detector@production").version == "1.1.0"
    with pytest.raises(GitstageError, match="is not here, and there are tags of this registry"):
        _ = registry.state


def test_of_a_long_merge_the_other_way_round_the_merge_is_found(team: tuple[Team, Story]) -> None:
    group, ada = team
    bob = group.member("bob", now=ada.now)
    # Bob's line becomes the first one: what Ada landed meanwhile is merged into it, and he goes on.
    for number in range(4):
        bob.write(f"notes/{number}.txt", "x")
        bob.commit(f"before {number}")
    ada.register("m", "1.0.0", to="staging", push=True)
    bob.git("pull", "--quiet", "--no-rebase", "--no-edit", "origin", "main")
    merge = bob.git("rev-parse", "HEAD")
    for number in range(5):
        bob.write(f"later/{number}.txt", "x")
        bob.commit(f"after {number}")
    judged = ada.git("rev-parse", "HEAD")
    steps = list(bob.registry().steps(judged, bob.git("rev-parse", "HEAD")))
    assert steps[0].commit == merge
    assert (
        steps[0].note == f"{merge[:12]} merged the trunk the other way round: what it brought in is judged as one step"
    )
    assert [step.commit for step in steps[1:]] == bob.git("rev-list", "--reverse", f"{merge}..HEAD").splitlines()


def test_a_registry_is_opened_as_another_commit_has_it(served: Story) -> None:
    served.git("switch", "--quiet", "--orphan", "elsewhere")
    served.write("README.md", "x")
    here = served.commit("no registry")
    found = open_registry(str(served.path), commit="main")
    assert (found.folder, found.identity.trunk, found.head) == ("", "main", here)
    with pytest.raises(GitError, match="there is no revision 'nonsense'"):
        open_registry(str(served.path), commit="nonsense")


def test_a_remote_that_cannot_be_asked_leaves_a_broken_policy_a_broken_policy(
    serving_team: tuple[Team, Story],
) -> None:
    team, ada = serving_team
    ada.write("gitstage.yaml", "stages: [\n")
    ada.commit("broken")
    ada.git("push", "--quiet", "origin", "main")
    bob = team.member("bob", now=ada.now)
    bob.git("remote", "set-url", "origin", "/nowhere/there")
    with pytest.raises(DocumentError, match="this is not YAML"):
        bob.registry()
    bob.git("remote", "remove", "origin")
    with pytest.raises(DocumentError, match="this is not YAML"):
        bob.registry()
