from __future__ import annotations

from inline_snapshot import snapshot

from tests.cli.shell import Shell


def test_it_says_what_a_promotion_would_need_and_changes_nothing(gs: Shell) -> None:
    gs.story.register("fraud-detector", "1.3.0", auc=0.99)
    before = gs.state()
    assert gs("explain", "fraud-detector@1.3.0", "--to", "production") == snapshot("""\
fraud-detector: production 1.1.0 → 1.3.0  refused
  ✗ stage-order  1.3.0 enters production from staging; before this change it was in effect: registered
                 production/fraud-detector.yaml
                 type: gitstage withdraw fraud-detector@production; then gitstage promote fraud-detector@1.3.0 --to staging
         1.1.0  1.3.0
    auc   0.92   0.99  +0.07

refused: 1 of 1 change
[1]
""")
    assert gs.state() == before


def test_what_would_pass_exits_with_0(gs: Shell) -> None:
    assert gs("explain", "fraud-detector", "--to", "production") == snapshot("""\
fraud-detector: production 1.1.0 → 1.2.0  passed
         1.1.0  1.2.0
    auc   0.92   0.95  +0.03

passed: 1 change
""")


def test_what_is_there_already_needs_nothing(gs: Shell) -> None:
    assert gs("explain", "fraud-detector@1.1.0", "--to", "production") == snapshot(
        "nothing to promote: it is declared there already\n"
    )


def test_without_a_stage_there_is_an_example(gs: Shell) -> None:
    assert gs("explain", "fraud-detector@1.1.0") == snapshot("""\
! error: missing option '--to'
!   try: gitstage explain fraud-detector@1.1.0 --to production
[2]
""")
