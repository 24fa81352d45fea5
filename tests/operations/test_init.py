from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gitstage.errors import GitstageError
from gitstage.expressions import check
from gitstage.git import NoIdentity, NotARepository
from gitstage.git.creation import create
from gitstage.operations import init
from gitstage.operations.registries import open_registry
from gitstage.policy import read_policy
from tests.git.sandbox import Sandbox, git
from tests.operations.pictures import unchanged
from tests.operations.stories import NOON, Story, Team

FILES = [
    ".gitattributes",
    "archived/README.md",
    "gitstage.yaml",
    "production/README.md",
    "staging/README.md",
]


def made(path: Path, folder: str | None = None, **options: object) -> init.Made:
    return init.run(path, folder, clock=lambda: NOON, **options)  # type: ignore[arg-type]


def committed(path: Path, rev: str = "HEAD") -> list[str]:
    return git("ls-tree", "-r", "--name-only", rev, cwd=path).splitlines()


def test_where_there_is_no_repository_one_is_made_and_its_root_is_the_registry(tmp_path: Path) -> None:
    found = made(tmp_path / "new")
    assert (found.folder, found.new_repository, found.work_tree) == ("", True, tmp_path / "new")
    assert (found.outcome.landed, found.outcome.branch, found.outcome.exit_code) == (True, "refs/heads/main", 0)
    assert committed(tmp_path / "new") == FILES
    assert git("status", "--porcelain", cwd=tmp_path / "new") == ""
    assert git("tag", cwd=tmp_path / "new") == "policy/1"
    assert git("log", "-1", "--format=%s%n%b", cwd=tmp_path / "new") == (
        "gitstage: make a registry\nGitstage-Action: init\nGitstage-Version: .\n"
    )


def test_the_policy_that_is_written_is_valid_and_lets_models_be_taken_in_for_a_month(tmp_path: Path) -> None:
    made(tmp_path)
    policy = read_policy((tmp_path / "gitstage.yaml").read_bytes())
    assert list(policy.stages) == ["staging", "production"]
    assert str(policy.adopt_until) == "2026-03-31"
    assert policy.gates == {}


def test_two_registries_have_two_ids(tmp_path: Path) -> None:
    made(tmp_path / "a")
    made(tmp_path / "b")
    ids = {open_registry(str(tmp_path / name)).identity.id for name in "ab"}
    assert len(ids) == 2


def test_a_folder_that_is_named_in_no_repository_becomes_the_repository(tmp_path: Path) -> None:
    found = made(tmp_path, "models")
    assert (found.folder, found.work_tree) == ("", tmp_path / "models")
    assert committed(tmp_path / "models") == FILES


def test_in_a_repository_that_holds_something_it_goes_into_a_folder_of_its_own(tmp_path: Path) -> None:
    box = Sandbox.made(tmp_path / "work")
    box.commit("code", {"train.py": "print()"})
    found = made(box.path)
    assert (found.folder, found.new_repository) == ("registry", False)
    assert committed(box.path) == [*(f"registry/{name}" for name in FILES), "train.py"]
    assert open_registry(str(box.path)).folder == "registry"


def test_in_a_repository_without_a_commit_it_is_the_root(tmp_path: Path) -> None:
    box = Sandbox.made(tmp_path / "work")
    assert made(box.path).folder == ""
    assert committed(box.path) == FILES


def test_below_the_top_the_folder_is_meant_from_there(tmp_path: Path) -> None:
    box = Sandbox.made(tmp_path / "work")
    box.commit("code", {"team/train.py": ""})
    assert made(box.path / "team").folder == "team/registry"
    assert made(box.path / "team", "other").folder == "team/other"


@pytest.mark.parametrize("folder", ["..", "../outside", "a/../../b", ".git/x", "/elsewhere"])
def test_a_folder_outside_of_the_repository_is_refused(tmp_path: Path, folder: str) -> None:
    box = Sandbox.made(tmp_path / "work")
    box.commit("code", {"train.py": ""})
    with unchanged(box.path), pytest.raises(GitstageError, match="does not lie in this repository"):
        made(box.path, folder)


@pytest.mark.parametrize("folder", [".", "./", "./models/", "models"])
def test_a_folder_may_be_written_in_several_ways(tmp_path: Path, folder: str) -> None:
    box = Sandbox.made(tmp_path / "work")
    assert made(box.path, folder).folder == ("" if folder in (".", "./") else "models")


def test_an_absolute_folder_of_the_repository_is_taken(tmp_path: Path) -> None:
    box = Sandbox.made(tmp_path / "work")
    assert made(box.path, str(box.path / "models")).folder == "models"


def test_only_what_it_wrote_is_committed(tmp_path: Path) -> None:
    box = Sandbox.made(tmp_path / "work")
    box.commit("code", {"train.py": "1"})
    box.write({"train.py": "2", "new.py": "3", "staged.py": "4"})
    box.git("add", "staged.py")
    made(box.path)
    assert [line for line in committed(box.path) if not line.startswith("registry/")] == ["train.py"]
    assert box.status().splitlines() == ["A  staged.py", " M train.py", "?? new.py"]


def test_a_second_registry_of_a_repository_gets_tags_of_its_own(tmp_path: Path) -> None:
    box = Sandbox.made(tmp_path / "work")
    box.commit("code", {"a/gitstage.yaml": "nonsense: [", "b-c/models/team/x.yaml": ""})
    first = made(box.path, "b-c")
    second = made(box.path, "b/c")
    third = made(box.path, "team")
    assert [found.outcome.tags for found in (first, second, third)] == [
        ("refs/tags/b-c/policy/1",),
        ("refs/tags/b-c-2/policy/1",),
        # A model of the first may be called team/…
        ("refs/tags/team-2/policy/1",),
    ]
    assert "tag-prefix: team-2/" in box.read("team/gitstage.yaml")
    assert open_registry(str(box.path), folder="b/c").identity.tag_prefix == "b-c-2/"


def test_a_readme_that_is_there_already_stays(tmp_path: Path) -> None:
    box = Sandbox.made(tmp_path / "work")
    box.commit("code", {"registry/staging/README.md": "ours", "registry/.gitattributes": "* text"})
    made(box.path)
    assert box.read("registry/staging/README.md") == "ours"
    assert box.read("registry/.gitattributes") == "* text"


def test_a_second_time_is_refused(story: Story) -> None:
    with unchanged(story.path), pytest.raises(GitstageError, match="there is a registry in this folder already"):
        made(story.path, ".")


def test_a_file_in_the_work_tree_that_nobody_committed_is_not_overwritten(tmp_path: Path) -> None:
    box = Sandbox.made(tmp_path / "work")
    box.commit("code", {"train.py": "1"})
    box.write({"registry/gitstage.yaml": "mine"})
    with unchanged(box.path), pytest.raises(GitstageError, match="registry/gitstage.yaml: changed here"):
        made(box.path)


def test_a_dry_run_of_a_repository_that_is_there_changes_nothing(tmp_path: Path) -> None:
    box = Sandbox.made(tmp_path / "work")
    box.commit("code", {"train.py": "1"})
    with unchanged(box.path):
        found = made(box.path, dry_run=True)
    assert sorted(found.outcome.plan.edits) == FILES
    assert (found.outcome.commit, found.outcome.dry_run) == (None, True)


def test_a_dry_run_makes_no_repository(tmp_path: Path) -> None:
    found = made(tmp_path / "new", dry_run=True)
    assert (found.new_repository, found.outcome.commit, (tmp_path / "new").exists()) == (True, None, False)
    assert sorted(found.outcome.plan.edits) == FILES


def test_files_beside_the_registry_come_with_it_and_are_protected(tmp_path: Path) -> None:
    box = Sandbox.made(tmp_path / "work")
    box.commit("code", {"train.py": "1"})
    found = made(
        box.path, ci="github", workflows=lambda where, trunk: {".github/gate.yml": f"{where} {trunk}".encode()}
    )
    assert box.read(".github/gate.yml") == "registry main"
    assert ".github/gate.yml" in committed(box.path)
    policy = read_policy((box.path / "registry/gitstage.yaml").read_bytes())
    assert policy.tags_in_ci
    assert policy.is_protected(".github/gate.yml")
    assert found.outcome.tags == ()


def test_a_file_of_somebody_elses_beside_the_registry_is_not_overwritten(tmp_path: Path) -> None:
    box = Sandbox.made(tmp_path / "work")
    box.commit("code", {".github/gate.yml": "ours"})
    with unchanged(box.path), pytest.raises(GitstageError, match=r"\.github/gate\.yml is there already"):
        made(box.path, ci="github", workflows=lambda where, trunk: {".github/gate.yml": b"theirs"})
    same = made(box.path, ci="github", workflows=lambda where, trunk: {".github/gate.yml": b"ours"})
    assert same.outcome.exit_code == 0


def test_a_new_registry_may_be_proposed_on_a_branch(tmp_path: Path) -> None:
    box = Sandbox.made(tmp_path / "work")
    box.commit("code", {"train.py": "1"})
    box.git("switch", "--quiet", "--create", "proposal")
    found = made(box.path)
    assert (found.outcome.branch, found.outcome.landed, found.outcome.tags) == ("refs/heads/proposal", False, ())
    assert "trunk: main\n" in box.read("registry/gitstage.yaml")
    assert box.git("tag") == ""


@pytest.mark.parametrize("trunk", ["master", "develop"])
def test_the_trunk_is_the_branch_on_which_things_land(tmp_path: Path, trunk: str) -> None:
    box = Sandbox.made(tmp_path / "work", f"--initial-branch={trunk}")
    box.commit("code", {"train.py": "1"})
    assert made(box.path).outcome.landed
    assert f"trunk: {trunk}\n" in box.read("registry/gitstage.yaml")


def test_the_trunk_is_the_remotes_default_branch(tmp_path: Path) -> None:
    create(tmp_path / "remote.git", branch="develop", bare=True).close()
    seed = Sandbox.made(tmp_path / "seed", "--initial-branch=develop")
    seed.commit("code", {"train.py": "1"})
    seed.git("push", "--quiet", str(tmp_path / "remote.git"), "develop", "develop:old")
    git("clone", "--quiet", str(tmp_path / "remote.git"), "clone", cwd=tmp_path)
    box = Sandbox(tmp_path / "clone")
    box.git("switch", "--quiet", "--create", "proposal")
    found = made(box.path)
    assert "trunk: develop\n" in box.read("registry/gitstage.yaml")
    assert (found.outcome.landed, found.outcome.branch) == (False, "refs/heads/proposal")


def test_an_empty_clone_has_the_branch_that_is_checked_out_as_trunk(tmp_path: Path) -> None:
    team = Team(tmp_path)
    create(team.remote, branch="main", bare=True).close()
    ada = team.member("ada")
    found = made(ada.path)
    assert (found.folder, found.outcome.branch, found.outcome.landed) == ("", "refs/heads/main", False)
    assert ada.tags() == []


def test_a_bare_repository_has_no_place_to_write_to(tmp_path: Path) -> None:
    create(tmp_path / "bare.git", branch="main", bare=True).close()
    with unchanged(tmp_path / "bare.git"), pytest.raises(GitstageError, match="in a work tree"):
        made(tmp_path / "bare.git")


def test_a_detached_head_is_no_branch_to_commit_to(tmp_path: Path) -> None:
    box = Sandbox.made(tmp_path / "work")
    box.commit("code", {"train.py": "1"})
    box.git("checkout", "--quiet", "--detach")
    with unchanged(box.path), pytest.raises(GitstageError, match="HEAD is detached"):
        made(box.path)


def test_without_a_name_nothing_is_committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    box = Sandbox.made(tmp_path / "work")
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.delenv(f"GIT_{name}_NAME")
        monkeypatch.delenv(f"GIT_{name}_EMAIL")
    with unchanged(box.path), pytest.raises(NoIdentity, match="does not know who you are"):
        made(box.path)


def test_a_file_is_no_place_for_a_registry(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises((GitstageError, OSError)) as caught:
        made(tmp_path / "file")
    assert isinstance(caught.value, GitstageError)


def test_a_sha_256_repository_is_said_to_be_one(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", "--object-format=sha256", str(tmp_path / "w")], check=True)
    with pytest.raises(GitstageError, match="SHA-1 repositories only") as caught:
        made(tmp_path / "w")
    assert not isinstance(caught.value, NotARepository)


def test_adoption_is_counted_from_the_day_of_the_clock(tmp_path: Path) -> None:
    init.run(tmp_path, clock=lambda: datetime(2030, 12, 31, 23, 59, tzinfo=UTC))
    assert "adopt-until: 2031-01-30" in (tmp_path / "gitstage.yaml").read_text()


def test_all_that_init_writes_as_comments_can_be_switched_on(story: Story) -> None:
    head, gates, tail = story.read("gitstage.yaml").partition("\n# gates:\n")
    head = re.sub(r"(?m)^    # (?=keep|gates|rollback|waivers)", "    ", head)
    tail = "\n".join(line.removeprefix("# ") for line in (gates + tail).splitlines())
    policy = read_policy(f"{head}{tail}\n".encode())
    gate = policy.gates["standard"]
    assert policy.stages["production"].gates == ("standard",)
    assert None not in (gate.soak, policy.stages["staging"].keep, policy.stages["production"].rollback)
    assert all((gate.metrics, gate.evidence, gate.windows, gate.rules, gate.approvals))
    assert policy.owners_of("risk/fraud") == ("alice",)
    for rule in gate.rules:
        check(str(rule.expr))


def test_typed_twice_it_makes_no_second_registry(tmp_path: Path) -> None:
    story = Story.begun(tmp_path / "work")
    with unchanged(story.path), pytest.raises(GitstageError) as caught:
        init.run(story.path)
    assert (caught.value.message, caught.value.hint) == (
        "there is a registry in the root of this repository already",
        "gitstage status; a second one: gitstage init FOLDER",
    )
    # Somebody who names a folder means it.
    assert init.run(story.path, "second").folder == "second"
    with unchanged(story.path), pytest.raises(GitstageError, match="there is a registry in second already"):
        init.run(story.path, "second")
