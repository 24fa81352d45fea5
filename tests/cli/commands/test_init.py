from __future__ import annotations

from importlib.metadata import entry_points

from inline_snapshot import snapshot

from gitstage.github.workflows import workflow_files
from tests.cli.shell import Shell


def test_a_registry_is_made_where_there_is_no_repository(new: Shell) -> None:
    (new.story.path.parent / "fresh").mkdir()
    assert new("-C", "../fresh", "init") == snapshot("""\
[main 000000000000] gitstage: make a registry (tagged policy/1)
! The registry is at the root of the repository; its policy is gitstage.yaml.
! Next:
!   gitstage register MODEL@1.0.0 --artifact FILE --metric NAME=VALUE --to staging
""")
    assert new("-C", "../fresh", "status") == snapshot(
        "no model is registered: gitstage register MODEL@1.0.0 --artifact FILE\n"
    )


def test_a_registry_is_made_in_a_folder_beside_another(new: Shell) -> None:
    assert new("init", "two", "--dry-run") == snapshot("""\
policy  passed

passed: 1 change
would commit: gitstage: make a registry
""")
    assert new("init", "two") == snapshot("""\
[main 000000000000] gitstage: make a registry (tagged two/policy/1)
! The registry is in two/; its policy is two/gitstage.yaml.
! Next:
!   gitstage register MODEL@1.0.0 --artifact FILE --metric NAME=VALUE --to staging
""")
    assert new("--registry", "two", "status") == snapshot(
        "no model is registered: gitstage register MODEL@1.0.0 --artifact FILE\n"
    )


def test_workflows_are_written_with_it(new: Shell) -> None:
    (new.story.path.parent / "fresh").mkdir()
    new("-C", "../fresh", "init", "--ci", "github")
    found = sorted(path.name for path in (new.story.path.parent / "fresh" / ".github" / "workflows").iterdir())
    assert found == ["gate.yml", "tag.yml"]


def test_the_one_who_writes_workflows_is_found_by_name(new: Shell) -> None:
    (writer,) = entry_points(group="gitstage.workflows")
    assert (writer.name, writer.load()) == ("github", workflow_files)
    new("init", "two", "--ci", "github")
    written = {path: new.story.read(path).encode() for path in workflow_files("two", "main")}
    assert written == workflow_files("two", "main")


def test_without_anybody_who_writes_workflows_nothing_is_made(new: Shell) -> None:
    new.patch.setattr("importlib.metadata.entry_points", lambda **_: ())
    before = new.state()
    assert new("init", "two", "--ci", "github") == snapshot("""\
! error: this gitstage was not installed whole: nothing here writes workflows for github
!   try: install it (pip install gitstage), or go on without --ci
[2]
""")
    assert new.state() == before


def test_a_registry_is_made_once(new: Shell) -> None:
    before = new.state()
    assert new("init") == snapshot("""\
! error: there is a registry in the root of this repository already
!   try: gitstage status; a second one: gitstage init FOLDER
[2]
""")
    assert new("init", "--ci", "gitlab") == snapshot("""\
! error: invalid value for '--ci': 'gitlab' is not 'github'
!   try: gitstage init
[2]
""")
    assert new.state() == before
