from __future__ import annotations

from inline_snapshot import snapshot

from tests.cli.shell import Shell


def test_it_shows_what_took_effect_newest_first_and_why(gs: Shell) -> None:
    gs.story.later(hours=1).rollback("fraud-detector@production")
    assert gs("log", "fraud-detector") == snapshot("""\
when                  stage       what      version        tag
2026-03-01 17:00 UTC  production  rollback  1.1.0 → 1.0.0  fraud-detector/production/3
    why: it was bad
2026-03-01 16:00 UTC  staging     promote   1.1.0 → 1.2.0  fraud-detector/staging/3
2026-03-01 15:00 UTC  production  promote   1.0.0 → 1.1.0  fraud-detector/production/2
2026-03-01 14:00 UTC  staging     promote   1.0.0 → 1.1.0  fraud-detector/staging/2
2026-03-01 13:00 UTC  production  promote   – → 1.0.0      fraud-detector/production/1
2026-03-01 12:00 UTC  staging     promote   – → 1.0.0      fraud-detector/staging/1
""")
    assert gs("log", "fraud-detector@production") == snapshot("""\
when                  what      version        tag
2026-03-01 17:00 UTC  rollback  1.1.0 → 1.0.0  fraud-detector/production/3
    why: it was bad
2026-03-01 15:00 UTC  promote   1.0.0 → 1.1.0  fraud-detector/production/2
2026-03-01 13:00 UTC  promote   – → 1.0.0      fraud-detector/production/1
""")


def test_it_shows_what_had_taken_effect_then(gs: Shell) -> None:
    assert gs("log", "fraud-detector", "--at", "2026-03-01T13:30Z") == snapshot("""\
when                  stage       what     version    tag
2026-03-01 13:00 UTC  production  promote  – → 1.0.0  fraud-detector/production/1
2026-03-01 12:00 UTC  staging     promote  – → 1.0.0  fraud-detector/staging/1
""")


def test_a_model_of_which_nothing_took_effect(gs: Shell) -> None:
    gs.story.register("new-one", "1.0.0")
    assert gs("log", "new-one") == snapshot("nothing of new-one has taken effect\n")
    assert gs("log", "new-one@production") == snapshot("nothing of new-one@production has taken effect\n")


def test_a_tag_that_does_not_count_is_an_alarm(gs: Shell) -> None:
    gs.story.git("tag", "fraud-detector/production/9")
    assert gs("log", "fraud-detector@production") == snapshot("""\
when                  what     version        tag
2026-03-01 15:00 UTC  promote  1.0.0 → 1.1.0  fraud-detector/production/2
2026-03-01 13:00 UTC  promote  – → 1.0.0      fraud-detector/production/1
! alarm: refs/tags/fraud-detector/production/9: there is no JSON in its message
""")


def test_what_is_not_there_is_said(gs: Shell) -> None:
    assert gs("log", "fraud-detektor") == snapshot("""\
! error: there is no model fraud-detektor
!   try: gitstage status lists the models
[2]
""")
    assert gs("log", "fraud-detector@prod") == snapshot("""\
! error: there is no stage 'prod'
!   try: stages: staging, production
[2]
""")
