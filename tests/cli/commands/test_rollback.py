from __future__ import annotations

from inline_snapshot import snapshot

from tests.cli.shell import Shell


def test_it_goes_back_and_holds_what_went_out(gs: Shell) -> None:
    assert gs("rollback", "fraud-detector@production", "--reason", "it was bad") == snapshot(
        "[main 000000000000] fraud-detector: roll production back to 1.0.0 (tagged fraud-detector/production/3)\n"
    )
    assert gs("status", "fraud-detector") == snapshot("""\
fraud-detector
stage       in effect  since                 tag
staging     1.2.0      2026-03-01 16:00 UTC  fraud-detector/staging/3
production  1.0.0      2026-03-01 16:00 UTC  fraud-detector/production/3
versions  1.2.0, 1.1.0, 1.0.0
archived  1.1.0
held      1.1.0: it was bad
""")


def test_a_dry_run_changes_nothing(gs: Shell) -> None:
    before = gs.state()
    assert gs("rollback", "fraud-detector@production", "--reason", "it was bad", "--dry-run") == snapshot("""\
fraud-detector: production 1.1.0 → 1.0.0 (rollback)  passed
         1.1.0  1.0.0
    auc   0.92    0.9  −0.02

fraud-detector: records  passed

passed: 2 changes
would commit: fraud-detector: roll production back to 1.0.0
""")
    assert gs.state() == before


def test_everything_that_one_promotion_changed_is_rolled_back(gs: Shell) -> None:
    assert gs("rollback", "--change", "fraud-detector/production/2", "--no-hold", "--reason", "x") == snapshot(
        "[main 000000000000] fraud-detector: roll production back to 1.0.0 (tagged fraud-detector/production/3)\n"
    )


def test_it_lands_on_the_remote(ada: Shell) -> None:
    assert ada("rollback", "fraud-detector@production", "--reason", "it was bad", "--push") == snapshot(
        "[main 000000000000] fraud-detector: roll production back to 1.0.0 (tagged fraud-detector/production/3)\n"
    )


def test_mistakes_are_told_with_what_to_type_and_change_nothing(gs: Shell) -> None:
    before = gs.state()
    assert gs("rollback") == snapshot("""\
! error: missing option '--reason'
!   try: gitstage rollback fraud-detector@production --reason 'false positives since 14:00' --push
[2]
""")
    assert gs("rollback", "--reason", "x") == snapshot("""\
! error: what is to be rolled back?
!   try: gitstage rollback MODEL@STAGE --reason …
[2]
""")
    assert gs("rollback", "fraud-detector", "--reason", "x") == snapshot("""\
! error: fraud-detector names no stage
!   try: gitstage rollback fraud-detector@production --reason …
[2]
""")
    assert gs("rollback", "fraud-detector@production", "--reason", " ") == snapshot("""\
! error: a reason has 1 to 10000 characters
!   try: --reason 'false positives since 14:00'
[2]
""")
    assert gs("rollback", "fraud-detector@production", "--to", "9.9.9", "--reason", "x") == snapshot("""\
! error: 9.9.9 has never been in effect in production of fraud-detector
!   try: it has held: 1.1.0, 1.0.0; something new is promoted, not rolled back to
[2]
""")
    assert gs("rollback", "fraud-detector@prod", "--reason", "x") == snapshot("""\
! error: there is no stage 'prod'
!   try: stages: staging, production
[2]
""")
    assert gs("rollback", "--change", "nix", "--reason", "x") == snapshot("""\
! error: there is no tag nix
!   try: gitstage log MODEL shows the tags
[2]
""")
    assert gs.state() == before
