from __future__ import annotations

from inline_snapshot import snapshot

from tests.cli.shell import Shell


def test_a_model_that_serves_already_is_taken_in(new: Shell) -> None:
    new.story.register("fraud-detector", "3.2.0")
    assert new("adopt", "fraud-detector@3.2.0", "--stage", "production") == snapshot(
        "[main 000000000000] fraud-detector: adopt 3.2.0 in production (tagged fraud-detector/production/1)\n"
    )
    assert new("status") == snapshot("""\
model           staging  production  archived
fraud-detector  –        3.2.0       –
""")


def test_only_what_never_held_anything_takes_one_in(gs: Shell) -> None:
    assert gs("adopt", "fraud-detector@1.2.0", "--stage", "production") == snapshot("""\
! error: production of fraud-detector has held something before: what comes now is promoted
!   try: gitstage promote fraud-detector@1.2.0 --to production
[2]
""")
    assert gs("adopt", "fraud-detector@1.2.0") == snapshot("""\
! error: missing option '--stage'
!   try: gitstage adopt fraud-detector@3.2.0 --stage production
[2]
""")
    assert gs("adopt", "fraud-detector@1.2.0", "--stage", "prod") == snapshot("""\
! error: there is no stage 'prod'
!   try: stages: staging, production
[2]
""")
