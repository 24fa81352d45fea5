from __future__ import annotations

from inline_snapshot import snapshot

from tests.cli.shell import Shell


def test_what_is_in_effect_is_fetched_and_verified(gs: Shell) -> None:
    assert gs("pull", "fraud-detector@production", "--to", "../served") == snapshot(
        "fraud-detector@1.1.0 pulled and verified: ../served\n"
    )
    assert (gs.story.path.parent / "served" / "fraud-detector-1.1.0.bin").read_bytes() == b"fraud-detector@1.1.0"
    assert gs("pull", "fraud-detector@production", "--to", "../served") == snapshot(
        "fraud-detector@1.1.0 is there already: ../served\n"
    )


def test_commits_that_nobody_judged_are_named(gs: Shell) -> None:
    gs.story.git("commit", "--quiet", "--allow-empty", "-m", "something else")
    assert gs("pull", "fraud-detector@production", "--to", "../served") == snapshot("""\
fraud-detector@1.1.0 pulled and verified: ../served
! note: commits on the trunk are not judged yet: gitstage tag
""")


def test_progress_is_shown_on_a_terminal(gs: Shell) -> None:
    import sys

    gs.patch.setattr(sys.stderr, "isatty", lambda: True)
    assert "100 %" in gs.run("pull", "fraud-detector@production", "--to", "../served").err


def test_mistakes_are_told(gs: Shell) -> None:
    assert gs("pull", "fraud-detector@production") == snapshot("""\
! error: missing option '--to'
!   try: gitstage pull fraud-detector@production --to /srv/models/fraud-detector
[2]
""")
    assert gs("pull", "fraud-detector@9.9.9", "--to", "../served") == snapshot("""\
! error: fraud-detector has no version or stage 9.9.9
!   try: versions: 1.0.0, 1.1.0, 1.2.0; stages: staging, production
[2]
""")
    assert gs("pull", "fraud-detector@production", "--to", "gitstage.yaml") == snapshot("""\
! error: invalid value for '--to': Directory 'gitstage.yaml' is a file
!   try: gitstage pull fraud-detector@production --to /srv/models/fraud-detector
[2]
""")
