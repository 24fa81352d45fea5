from __future__ import annotations

from inline_snapshot import snapshot

from tests.cli.shell import Shell


def test_a_tombstone_is_put_up(gs: Shell) -> None:
    assert gs("redact", "fraud-detector@1.0.0", "--reason", "a name") == snapshot(
        "[main 000000000000] fraud-detector: redact 1.0.0\n"
    )
    assert gs("show", "fraud-detector@1.0.0") == snapshot("""\
fraud-detector@1.0.0  archived
its manifest cannot be read: redacted: a name

when                  stage       what     tag
2026-03-01 12:00 UTC  staging     promote  fraud-detector/staging/1
2026-03-01 13:00 UTC  production  promote  fraud-detector/production/1
2026-03-01 14:00 UTC  staging     promote  fraud-detector/staging/2
2026-03-01 15:00 UTC  production  promote  fraud-detector/production/2
""")


def test_mistakes_are_told(gs: Shell) -> None:
    assert gs("redact", "fraud-detector@1.0.0") == snapshot("""\
! error: missing option '--reason'
!   try: gitstage redact fraud-detector@0.9.0 --reason 'a name in the description'
[2]
""")
    assert gs("redact", "fraud-detector", "--reason", "x") == snapshot("""\
! error: fraud-detector names no version
!   try: gitstage redact fraud-detector@VERSION --reason …
[2]
""")
    assert gs("redact", "fraud-detector@1.1.0", "--reason", "x") == snapshot("""\
! error: fraud-detector@1.1.0 is in production
!   try: empty that slot: gitstage archive fraud-detector@production --reason …
[2]
""")
    assert gs("redact", "fraud-detector@1.0.0", "--evidence", "load-test/7", "--reason", "x") == snapshot("""\
! error: there is no file evidence/fraud-detector/1.0.0/load-test/7.json
!   try: --evidence NAME/NUMBER, --artifact PATH as the manifest says it
[2]
""")
