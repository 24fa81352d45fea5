from __future__ import annotations

import shlex
import sys

from inline_snapshot import snapshot

from tests.cli.shell import Shell
from tests.git.sandbox import executable


def test_hooks_are_installed_once(gs: Shell) -> None:
    assert gs("hook", "install", "--dry-run") == snapshot("""\
pre-commit: …/work/.git/hooks/pre-commit would be written
pre-push: …/work/.git/hooks/pre-push would be written
""")
    assert gs("hook", "install") == snapshot("""\
pre-commit: …/work/.git/hooks/pre-commit written
pre-push: …/work/.git/hooks/pre-push written
""")
    assert gs("hook", "install", "pre-push", "pre-push") == snapshot(
        "pre-push: …/work/.git/hooks/pre-push is there already\n"
    )


def test_a_hook_that_is_there_stays_and_is_told_what_to_add(gs: Shell) -> None:
    executable(gs.story.path / ".git" / "hooks" / "pre-commit", "make lint")
    said = gs("hook", "install").replace(shlex.quote(sys.executable), "PYTHON")
    assert said == snapshot("""\
pre-push: …/work/.git/hooks/pre-push written
! pre-commit: …/work/.git/hooks/pre-commit is another hook, and stays as it is; add this line to it:
!   PYTHON -EP -m gitstage hook pre-commit "$@" || exit
[1]
""")


def test_no_other_hook_is_installed(gs: Shell) -> None:
    assert gs("hook", "install", "pre-lunch") == snapshot("""\
! error: invalid value for '[HOOK]…': 'pre-lunch' is not one of 'pre-commit', 'pre-push', 'pre-receive'
!   try: gitstage hook install
[2]
""")
    assert gs("hook", "install", "pre-push", "--trunk", "x") == snapshot("""\
! error: --user-variable and --trunk are for pre-receive alone
!   try: gitstage hook install
[2]
""")
