from __future__ import annotations

from inline_snapshot import snapshot

from tests.cli.shell import Shell


def test_a_version_that_is_held_no_longer_is_let_in(gs: Shell) -> None:
    gs("hold", "fraud-detector@1.2.0", "--reason", "leaks a feature")
    assert gs("unhold", "fraud-detector@1.2.0", "--reason", "it was harmless") == snapshot(
        "[main 000000000000] fraud-detector: unhold 1.2.0\n"
    )
    assert gs("promote", "fraud-detector@1.2.0", "--to", "production") == snapshot(
        "[main 000000000000] fraud-detector: promote 1.2.0 to production (tagged fraud-detector/production/3)\n"
    )


def test_what_is_not_held_is_not_let_in_again(gs: Shell) -> None:
    assert gs("unhold", "fraud-detector@1.2.0", "--reason", "x") == snapshot("""\
! error: fraud-detector@1.2.0 is not held
!   try: gitstage status fraud-detector
[2]
""")
    assert gs("unhold", "fraud-detector@1.2.0") == snapshot("""\
! error: missing option '--reason'
!   try: gitstage unhold fraud-detector@1.2.0 --reason 'the feature was harmless'
[2]
""")
