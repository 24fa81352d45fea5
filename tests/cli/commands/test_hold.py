from __future__ import annotations

from inline_snapshot import snapshot

from tests.cli.shell import Shell


def test_a_held_version_enters_no_stage(gs: Shell) -> None:
    assert gs("hold", "fraud-detector@1.2.0", "--reason", "leaks a feature") == snapshot(
        "[main 000000000000] fraud-detector: hold 1.2.0\n"
    )
    assert gs("promote", "fraud-detector@1.2.0", "--to", "production") == snapshot("""\
fraud-detector: production 1.1.0 → 1.2.0  refused
  ✗ held  1.2.0 is held: leaks a feature
          holds/fraud-detector/1.2.0.yaml
          type: gitstage unhold fraud-detector@1.2.0 --reason …
         1.1.0  1.2.0
    auc   0.92   0.95  +0.03

refused: 1 of 1 change
! refused; nothing was changed
[1]
""")


def test_mistakes_are_told(gs: Shell) -> None:
    assert gs("hold", "fraud-detector@1.2.0") == snapshot("""\
! error: missing option '--reason'
!   try: gitstage hold fraud-detector@1.2.0 --reason 'leaks a feature'
[2]
""")
    assert gs("hold", "fraud-detector", "--reason", "x") == snapshot("""\
! error: fraud-detector names no version
!   try: gitstage hold fraud-detector@VERSION --reason …
[2]
""")
    assert gs("hold", "fraud-detector@9.9.9", "--reason", "x") == snapshot("""\
! error: fraud-detector has no version 9.9.9
!   try: registered: 1.0.0, 1.1.0, 1.2.0; register it with: gitstage register fraud-detector@9.9.9 --artifact FILE
[2]
""")
