from __future__ import annotations

from inline_snapshot import snapshot

from tests.cli.shell import Shell


def test_it_empties_a_slot(gs: Shell) -> None:
    assert gs("archive", "fraud-detector@production", "--reason", "replaced by rules") == snapshot(
        "[main 000000000000] fraud-detector: archive 1.1.0, production is empty (tagged fraud-detector/production/3)\n"
    )
    assert gs("archive", "fraud-detector@production", "--reason", "replaced by rules") == snapshot("""\
! error: production of fraud-detector is empty
!   try: gitstage status fraud-detector
[2]
""")
    assert gs("status") == snapshot("""\
model           staging  production  archived
fraud-detector  1.2.0    –                  2
""")


def test_it_archives_a_version_that_is_in_no_slot(gs: Shell) -> None:
    gs.story.register("fraud-detector", "1.3.0")
    assert gs("archive", "fraud-detector@1.3.0", "--reason", "never good enough") == snapshot(
        "[main 000000000000] fraud-detector: archive 1.3.0\n"
    )


def test_mistakes_are_told_and_change_nothing(gs: Shell) -> None:
    before = gs.state()
    assert gs("archive", "fraud-detector@production") == snapshot("""\
! error: missing option '--reason'
!   try: gitstage archive fraud-detector@production --reason 'replaced by rules'
[2]
""")
    assert gs("archive", "fraud-detector", "--reason", "x") == snapshot("""\
! error: fraud-detector names neither a stage nor a version
!   try: gitstage archive fraud-detector@STAGE …
[2]
""")
    assert gs("archive", "fraud-detector@1.1.0", "--reason", "x") == snapshot("""\
! error: fraud-detector@1.1.0 is in production
!   try: empty that slot: gitstage archive fraud-detector@production --reason …
[2]
""")
    assert gs("archive", "fraud-detector@9.9.9", "--reason", "x") == snapshot("""\
! error: fraud-detector has no version 9.9.9
!   try: registered: 1.0.0, 1.1.0, 1.2.0; register it with: gitstage register fraud-detector@9.9.9 --artifact FILE
[2]
""")
    assert gs.state() == before
