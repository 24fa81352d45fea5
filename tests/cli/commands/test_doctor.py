from __future__ import annotations

import shutil

from inline_snapshot import snapshot

from tests.cli.shell import Shell


def test_a_registry_that_is_well(gs: Shell) -> None:
    gs.patch.setattr("gitstage.operations.doctor.FLOOR", (2, 0))
    said = gs("doctor").replace(gs.story.git("--version"), "git version 2.x")
    assert said.replace(str(shutil.which("ssh-keygen")), "/usr/bin/ssh-keygen") == snapshot("""\
✓ git         git version 2.x
✓ signatures  verified by /usr/bin/ssh-keygen
✓ registry    the root, id <id>
✓ history     complete
✓ identity    Cleo Committer <cleo@example.com>
✓ attributes  .gitattributes is there
✓ ledger      judged to 000000000000
""")


def test_what_is_missing_is_said_with_what_to_do(gs: Shell) -> None:
    gs.patch.setattr("gitstage.operations.doctor.FLOOR", (99, 0))
    gs.patch.chdir(gs.story.path.parent)
    assert "✗ git" in gs("doctor")
    assert gs("-C", "..", "doctor").splitlines()[-1] == "[1]"


def test_marks_are_ascii_where_the_terminal_is(gs: Shell) -> None:
    gs.patch.setattr("gitstage.cli.commands.doctor.ascii_only", lambda: True)
    assert [line[:2] for line in gs("doctor").splitlines()][:2] == ["ok", "ok"]


def test_whoever_git_does_not_know_reads_how_to_introduce_themselves(gs: Shell) -> None:
    for name in ("AUTHOR_NAME", "AUTHOR_EMAIL", "COMMITTER_NAME", "COMMITTER_EMAIL"):
        gs.patch.delenv(f"GIT_{name}")
    said = gs("doctor")
    assert "– identity    git does not know who you are: no email was given and auto-detection is disabled" in said
    assert 'try: git config --global user.name "Your Name"; git config --global user.email you@example.com' in said
    assert "[" not in said.splitlines()[-1]  # it is worth knowing, and stops nobody who only reads
