"""What reaches git from the surroundings: a list of what may pass, and git's own variables inside a hook."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstage.git.environment import Purpose, fixed, from_a_hook, passes

READING, WRITING, TRANSPORT = Purpose.READING, Purpose.WRITING, Purpose.TRANSPORT


@pytest.mark.parametrize(
    ("name", "purposes"),
    [
        ("PATH", {READING, WRITING, TRANSPORT}),
        ("HOME", {READING, WRITING, TRANSPORT}),
        ("GIT_CONFIG_GLOBAL", {READING, WRITING, TRANSPORT}),
        ("GIT_CEILING_DIRECTORIES", {READING, WRITING, TRANSPORT}),
        ("GIT_AUTHOR_NAME", {WRITING, TRANSPORT}),
        ("GIT_COMMITTER_DATE", {WRITING, TRANSPORT}),
        ("EMAIL", {WRITING, TRANSPORT}),
        ("GIT_CONFIG_COUNT", {WRITING, TRANSPORT}),
        ("GIT_CONFIG_KEY_0", {WRITING, TRANSPORT}),
        ("GIT_CONFIG_PARAMETERS", {WRITING, TRANSPORT}),
        ("GNUPGHOME", {WRITING, TRANSPORT}),
        ("SSH_AUTH_SOCK", {WRITING, TRANSPORT}),
        ("https_proxy", {WRITING, TRANSPORT}),
        ("GIT_ASKPASS", {TRANSPORT}),
        ("GIT_SSH_COMMAND", {TRANSPORT}),
        ("GIT_SSL_CAINFO", {TRANSPORT}),
        ("GIT_HTTP_USER_AGENT", {TRANSPORT}),
        ("GIT_DIR", set()),
        ("GIT_WORK_TREE", set()),
        ("GIT_INDEX_FILE", set()),
        ("GIT_OBJECT_DIRECTORY", set()),
        ("GIT_NAMESPACE", set()),
        ("GIT_TRACE", set()),
        ("GIT_EXTERNAL_DIFF", set()),
        ("GIT_PREFIX", set()),
        ("GIT_LITERAL_PATHSPECS", set()),
    ],
)
def test_a_variable_passes_for_these_purposes_and_no_other(name: str, purposes: set[Purpose]) -> None:
    assert {purpose for purpose in Purpose if passes(name, purpose)} == purposes


def test_nothing_of_the_surroundings_reaches_a_reading_git_unless_it_is_on_the_list() -> None:
    assert not passes("LD_PRELOAD", READING)
    assert not passes("ANYTHING", READING)


def test_replace_refs_prompts_locks_and_grafts_are_off_for_every_purpose() -> None:
    always = {
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_GRAFT_FILE": "/dev/null/grafts",
    }
    apart = {**always, "GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1"}
    assert [fixed(purpose) for purpose in (READING, WRITING, TRANSPORT)] == [apart, apart, always]


def test_a_pre_receive_hook_sees_the_objects_in_quarantine(tmp_path: Path) -> None:
    incoming = tmp_path / "objects" / "incoming"
    surroundings = {
        "GIT_DIR": ".",
        "GIT_OBJECT_DIRECTORY": str(tmp_path / "." / "objects" / "incoming"),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(tmp_path / "objects"),
        "GIT_QUARANTINE_PATH": str(incoming),
        "GIT_PUSH_OPTION_COUNT": "0",
    }
    assert from_a_hook(surroundings, tmp_path, tmp_path, tmp_path) == {
        "GIT_OBJECT_DIRECTORY": str(incoming),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(tmp_path / "objects"),
        "GIT_QUARANTINE_PATH": str(incoming),
    }


def test_a_pre_commit_hook_sees_the_index_that_is_being_committed(tmp_path: Path) -> None:
    git_dir = tmp_path / ".git"
    kept = from_a_hook({"GIT_INDEX_FILE": ".git/next-index-1.lock"}, git_dir, git_dir, tmp_path)
    assert kept == {"GIT_INDEX_FILE": str(git_dir / "next-index-1.lock")}


def test_an_object_directory_of_the_repository_passes_without_any_quarantine(tmp_path: Path) -> None:
    kept = from_a_hook({"GIT_OBJECT_DIRECTORY": "objects"}, tmp_path, tmp_path, tmp_path)
    assert kept == {"GIT_OBJECT_DIRECTORY": str(tmp_path / "objects")}


def test_variables_of_another_repository_are_not_passed_on(tmp_path: Path) -> None:
    other = tmp_path / "other" / ".git"
    surroundings = {
        "GIT_DIR": str(other),
        "GIT_INDEX_FILE": str(other / "index"),
        "GIT_OBJECT_DIRECTORY": str(other / "objects"),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(other / "objects"),
        "GIT_QUARANTINE_PATH": str(other / "objects" / "incoming"),
    }
    ours = tmp_path / "ours" / ".git"
    assert from_a_hook(surroundings, ours, ours, tmp_path) == {}


def test_outside_a_hook_there_is_nothing_to_keep(tmp_path: Path) -> None:
    assert from_a_hook({"PATH": "/usr/bin", "GIT_INDEX_FILE": ""}, tmp_path, tmp_path, tmp_path) == {}
