from __future__ import annotations

import os
import shutil
import subprocess
from datetime import date
from pathlib import Path

import pytest

from gitstage.cli.demo import playground
from gitstage.errors import GitstageError


def said(where: Path, *words: str) -> str:
    place = [f"--git-dir={where}"] if where.suffix == ".git" else ["-C", str(where)]
    return subprocess.run(["git", *place, *words], check=True, capture_output=True, text=True).stdout.strip()


def test_a_folder_that_is_new_or_empty_is_taken(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    playground.refuse_what_is_not_empty(tmp_path / "empty")
    playground.refuse_what_is_not_empty(tmp_path / "new")


def test_what_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "nowhere").symlink_to(tmp_path / "missing")
    for path in (tmp_path, tmp_path / "file", tmp_path / "nowhere"):
        with pytest.raises(GitstageError, match="there already, and not an empty folder"):
            playground.refuse_what_is_not_empty(path)


def test_a_folder_that_cannot_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(self: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", closed)
    with pytest.raises(GitstageError, match="cannot be read: Permission denied"):
        playground.refuse_what_is_not_empty(tmp_path)


@pytest.fixture
def place(tmp_path: Path) -> playground.Playground:
    return playground.built(tmp_path, date(2031, 12, 24))


def test_a_playground_is_a_server_a_clone_and_what_was_trained(place: playground.Playground) -> None:
    assert sorted(path.name for path in place.top.iterdir()) == ["clone", "remote.git", "trained"]
    assert said(place.remote, "rev-parse", "--is-bare-repository") == "true"
    assert said(place.clone, "rev-parse", "--abbrev-ref", "HEAD@{upstream}") == "origin/main"
    assert said(place.clone, "rev-parse", "HEAD") == said(place.remote, "rev-parse", "refs/heads/main")
    assert said(place.clone, "status", "--porcelain") == ""
    assert said(place.remote, "fsck", "--strict") == ""
    for model, version in playground.STORY:
        assert (place.trained(model, version) / "model.onnx").stat().st_size > 500


def test_two_playgrounds_are_two_registries(
    place: playground.Playground, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = playground.built(tmp_path_factory.mktemp("other"), date(2031, 12, 24))
    ours, theirs = ((found.clone / "gitstage.yaml").read_text(encoding="utf-8") for found in (place, other))
    assert ours != theirs
    assert [line for line in ours.splitlines() if line not in theirs.splitlines()] == [
        next(line for line in ours.splitlines() if line.startswith("id: "))
    ]


def test_whoever_goes_on_playing_needs_no_name_and_no_key(place: playground.Playground) -> None:
    assert [said(place.clone, "config", "--local", key) for key in ("user.name", "user.email", "commit.gpgSign")] == [
        "Ada",
        "ada@example.com",
        "false",
    ]


def test_what_git_says_against_it_is_told(tmp_path: Path) -> None:
    with pytest.raises(GitstageError, match="git switch ended with 128: fatal: not a git repository"):
        playground.git(tmp_path, "switch", "main")


def test_a_program_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(GitstageError, match="no-such-program is not installed"):
        playground.typed(tmp_path, ("no-such-program", "--help"))


def test_what_a_program_says_comes_with_how_it_ended(tmp_path: Path) -> None:
    script = "echo out; echo \N{LATIN SMALL LETTER E WITH ACUTE} >&2; printf '\\377'; exit 7"
    assert playground.typed(tmp_path, ("sh", "-c", script)) == (7, "out\né\n\N{REPLACEMENT CHARACTER}")


def test_the_seal_keeps_out_what_this_users_git_is_told_and_is_lifted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", "/elsewhere")
    before = dict(os.environ)
    with playground.sealed():
        inside = {name: value for name, value in os.environ.items() if name.startswith("GIT_")}
        os.environ["LEFT_BEHIND"] = "1"
    assert inside == {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
    assert dict(os.environ) == before


def test_the_seal_is_lifted_where_the_story_breaks_off() -> None:
    before = dict(os.environ)
    with pytest.raises(KeyboardInterrupt), playground.sealed():
        raise KeyboardInterrupt
    assert dict(os.environ) == before


def test_what_a_person_commits_is_theirs(place: playground.Playground) -> None:
    with playground.sealed():
        before = dict(os.environ)
        with playground.typing("grace", columns=77):
            columns = shutil.get_terminal_size().columns
            playground.git(place.clone, "commit", "--quiet", "--allow-empty", "--message", "hers")
        assert dict(os.environ) == before
        playground.git(place.clone, "commit", "--quiet", "--allow-empty", "--message", "whose clone it is")
    assert columns == 77
    assert said(place.clone, "log", "-2", "--format=%an <%ae>, %cn <%ce>: %s").splitlines() == [
        "Ada <ada@example.com>, Ada <ada@example.com>: whose clone it is",
        "Grace <grace@example.com>, Grace <grace@example.com>: hers",
    ]
