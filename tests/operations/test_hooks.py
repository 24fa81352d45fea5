"""Hooks put in place, and what stays as it was."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from gitstage.errors import GitstageError
from gitstage.git import Repository
from gitstage.git.creation import create
from gitstage.operations.hooks import MARK, Hook, install, script
from tests.git.sandbox import Sandbox, executable, git


@pytest.fixture
def box(tmp_path: Path) -> Sandbox:
    made = Sandbox.made(tmp_path / "work")
    made.commit("base", {"a": "1"})
    return made


def installed(path: Path, *names: str, dry_run: bool = False) -> dict[str, str]:
    with Repository.discover(path) as repo:
        return {hook.name: hook.state for hook in install(repo, names, dry_run=dry_run)}


def test_a_developers_hooks_are_written_once(box: Sandbox) -> None:
    assert installed(box.path) == {"pre-commit": "written", "pre-push": "written"}
    hooks = box.path / ".git" / "hooks"
    first = {name: (hooks / name).read_bytes() for name in ("pre-commit", "pre-push")}
    assert all(os.access(hooks / name, os.X_OK) for name in first)
    assert installed(box.path) == {"pre-commit": "kept", "pre-push": "kept"}
    assert {name: (hooks / name).read_bytes() for name in first} == first
    assert [path.name for path in hooks.iterdir() if path.name.startswith(".")] == []


def test_only_those_that_are_named_are_written(box: Sandbox) -> None:
    assert installed(box.path, "pre-push") == {"pre-push": "written"}
    assert not (box.path / ".git" / "hooks" / "pre-commit").exists()


def test_a_dry_run_writes_nothing(box: Sandbox) -> None:
    assert installed(box.path, dry_run=True) == {"pre-commit": "written", "pre-push": "written"}
    assert not (box.path / ".git" / "hooks" / "pre-commit").exists()


def test_in_a_bare_repository_it_is_the_servers_hook(tmp_path: Path) -> None:
    git("init", "--quiet", "--bare", "remote.git", cwd=tmp_path)
    assert installed(tmp_path / "remote.git") == {"pre-receive": "written"}
    assert (tmp_path / "remote.git" / "hooks" / "pre-receive").is_file()


@pytest.mark.parametrize("script", ["make lint", "# gitstage hook pre-commit", 'echo "gitstage hook pre-push"'])
def test_a_hook_that_is_there_is_never_overwritten(box: Sandbox, script: str) -> None:
    hook = executable(box.path / ".git" / "hooks" / "pre-commit", script)
    before = hook.read_bytes()
    with Repository.discover(box.path) as repo:
        (found,) = install(repo, ["pre-commit"])
    line = f'{shlex.quote(sys.executable)} -EP -m gitstage hook pre-commit "$@" || exit'
    assert found == Hook(name="pre-commit", path=hook, state="taken", line=line)
    assert hook.read_bytes() == before


def test_a_hook_that_calls_us_already_is_well(box: Sandbox) -> None:
    hook = executable(box.path / ".git" / "hooks" / "pre-commit", "make lint\ngitstage hook pre-commit || exit")
    assert installed(box.path, "pre-commit") == {"pre-commit": "kept"}
    hook.chmod(0o644)
    assert installed(box.path, "pre-commit") == {"pre-commit": "taken"}


def test_links_and_bytes_are_somebody_elses_and_folders_an_error(box: Sandbox) -> None:
    hooks = box.path / ".git" / "hooks"
    (hooks / "pre-commit").symlink_to("nowhere")
    assert installed(box.path, "pre-commit") == {"pre-commit": "taken"}
    (hooks / "pre-commit").unlink()
    (hooks / "pre-push").mkdir()
    with pytest.raises(GitstageError, match="cannot be read"):
        installed(box.path)
    (hooks / "pre-commit").write_bytes(b"\xff\xfe")
    assert installed(box.path, "pre-commit") == {"pre-commit": "taken"}


def test_a_hook_of_an_older_release_is_renewed(box: Sandbox) -> None:
    hook = executable(box.path / ".git" / "hooks" / "pre-commit", f"{MARK}\nexec old")
    assert installed(box.path, "pre-commit") == {"pre-commit": "renewed"}
    assert "exec old" not in hook.read_text(encoding="utf-8")
    hook.chmod(0o644)
    assert installed(box.path, "pre-commit") == {"pre-commit": "renewed"}
    assert os.access(hook, os.X_OK)


def test_the_hooks_of_a_linked_work_tree_are_those_of_its_repository(box: Sandbox, tmp_path: Path) -> None:
    box.git("worktree", "add", "--quiet", str(tmp_path / "linked"))
    assert installed(tmp_path / "linked", "pre-commit") == {"pre-commit": "written"}
    assert installed(box.path, "pre-commit") == {"pre-commit": "kept"}


def test_core_hooks_path_is_respected_inside_of_the_repository(box: Sandbox) -> None:
    box.git("config", "core.hooksPath", ".githooks")
    assert installed(box.path, "pre-commit") == {"pre-commit": "written"}
    assert (box.path / ".githooks" / "pre-commit").is_file()
    assert not (box.path / ".git" / "hooks" / "pre-commit").exists()


def test_a_folder_of_hooks_for_all_repositories_is_left_alone(box: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "all").mkdir()
    git("config", "--global", "core.hooksPath", str(tmp_path / "all"), cwd=box.path)
    with pytest.raises(GitstageError, match="which is not this repository's alone") as caught:
        installed(box.path)
    assert "git config --local core.hooksPath" in str(caught.value.hint)
    assert list((tmp_path / "all").iterdir()) == []


def test_what_cannot_be_written_is_said(box: Sandbox) -> None:
    box.git("config", "core.hooksPath", "a")  # which is a file
    with pytest.raises(GitstageError, match="cannot be"):
        installed(box.path, "pre-commit")
    box.git("config", "core.hooksPath", "a/hooks")
    with pytest.raises(GitstageError, match="cannot be"):
        installed(box.path, "pre-commit")


def test_a_failed_write_leaves_nothing(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*paths: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(GitstageError, match="No space left on device"):
        installed(box.path, "pre-commit")
    names = [path.name for path in (box.path / ".git" / "hooks").iterdir()]
    assert [name for name in names if not name.endswith(".sample")] == []


def test_the_script_runs_the_gitstage_that_wrote_it_and_fails_closed_without(
    box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = str(tmp_path / "gone's" / "python")
    monkeypatch.setattr(sys, "executable", gone)
    installed(box.path, "pre-commit")
    hook = box.path / ".git" / "hooks" / "pre-commit"
    done = subprocess.run(["/bin/sh", hook], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "gitstage is not where it was; install it, and type: gitstage hook install\n"
    executable(Path(gone), 'echo "as it was: $*"')
    done = subprocess.run(["/bin/sh", hook, "x y"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "as it was: -EP -m gitstage hook pre-commit x y\n")


def test_a_repository_says_nothing_of_what_is_imported(box: Sandbox) -> None:
    installed(box.path, "pre-commit")
    box.write({"gitstage/__init__.py": "print('taken over')", "click.py": "print('taken over')"})
    hook = box.path / ".git" / "hooks" / "pre-commit"
    variables = {**os.environ, "PYTHONPATH": str(box.path)}
    done = subprocess.run([hook], cwd=box.path, env=variables, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# on a server


@pytest.fixture
def server(tmp_path: Path) -> Repository:
    create(tmp_path / "models.git", branch="main", bare=True).close()
    return Repository.discover(tmp_path / "models.git", serves=True)


def test_a_hook_runs_gitstage_by_the_python_that_installed_it_and_imports_nothing_of_the_repository(
    server: Repository,
) -> None:
    path = server.git_dir / "hooks" / "pre-receive"
    (hook,) = install(server, ["pre-receive"], ["--trunk", "two words"])
    assert (hook.name, hook.path, hook.state) == ("pre-receive", path, "written")
    words = shlex.split(path.read_text("utf-8").splitlines()[-1])
    assert words == [
        "exec", sys.executable, "-EP", "-m", "gitstage", "hook", "pre-receive", "--trunk", "two words",
    ]  # fmt: skip
    assert os.access(path, os.X_OK)
    assert [file.name for file in path.parent.iterdir()] == ["pre-receive"]


def test_a_servers_hook_that_says_something_else_is_written_again(server: Repository) -> None:
    (hook,) = install(server, ["pre-receive"])
    assert [again.state for again in install(server)] == ["kept"]
    assert [again.state for again in install(server, ["pre-receive"], ["--trunk", "serving"])] == ["renewed"]
    assert hook.path.read_text("utf-8") == script("pre-receive", ["--trunk", "serving"])


def test_somebody_elses_hook_stays_and_one_is_told_what_to_add_to_it(server: Repository) -> None:
    path = executable(server.git_dir / "hooks" / "pre-receive", "echo theirs")
    (hook,) = install(server)
    assert hook.state == "taken"
    assert hook.line.endswith("-m gitstage hook pre-receive || exit")
    assert path.read_text("utf-8") == "#!/bin/sh\necho theirs\n"


def test_pre_receive_is_for_a_repository_that_people_push_to(tmp_path: Path) -> None:
    with Sandbox.made(tmp_path / "work").open() as repo, pytest.raises(GitstageError, match="has a work tree"):
        install(repo, ["pre-receive"])


def test_where_git_is_told_to_look_for_hooks_is_where_one_is_put(server: Repository, tmp_path: Path) -> None:
    Sandbox(server.git_dir).git("config", "core.hooksPath", str(tmp_path / "all"))
    with Repository.discover(server.git_dir) as again:
        assert [hook.path for hook in install(again)] == [tmp_path / "all" / "pre-receive"]
