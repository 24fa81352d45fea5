from __future__ import annotations

from inline_snapshot import snapshot

from tests.cli.shell import Shell


def test_what_landed_takes_effect(ada: Shell) -> None:
    ada.story.register("other", "1.0.0", to="staging")
    ada.story.git("push", "--quiet", "origin", "main")
    assert ada("tag", "--dry-run") == snapshot("""\
in effect  other: promote 1.0.0 to staging
tagged     other/v1.0.0
""")
    assert ada("tag") == snapshot("""\
in effect  other: promote 1.0.0 to staging
tagged     other/v1.0.0
! pushed 2 tags and the ledger
""")
    assert ada("tag") == snapshot("nothing new\n")


def test_what_is_refused_stays_open_with_the_way_back(gs: Shell) -> None:
    gs.story.register("fraud-detector", "1.3.0", auc=0.93)
    gs.story.copy("models/fraud-detector/1.3.0.yaml", "production/fraud-detector.yaml")
    gs.story.commit("promote by hand")
    assert gs("tag") == snapshot("""\
refused    production/fraud-detector
           stage-order: 1.3.0 enters production from staging; before this change it was in effect: registered
           production/fraud-detector.yaml
           try: gitstage withdraw fraud-detector@production; then gitstage promote fraud-detector@1.3.0 --to staging
           to take it back: gitstage withdraw fraud-detector@production
[1]
""")
    assert gs("tag") == snapshot("""\
refused    production/fraud-detector
           stage-order: 1.3.0 enters production from staging; before this change it was in effect: registered
           production/fraud-detector.yaml
           try: gitstage withdraw fraud-detector@production; then gitstage promote fraud-detector@1.3.0 --to staging
           to take it back: gitstage withdraw fraud-detector@production
[1]
""")


def test_what_waits_says_until_when(gs: Shell) -> None:
    gs.story.amend(
        {
            "    # gates: [standard]             # all of them must pass\n": "    gates: [rest]\n\ngates:\n  rest:\n    soak: 24h\n"
        }
    )
    gs.story.copy("staging/fraud-detector.yaml", "production/fraud-detector.yaml")
    gs.story.commit("promote by hand")
    assert gs("tag") == snapshot("""\
pending    production/fraud-detector
           soak: 0s in staging of 1d, opens 2026-03-02 16:00 UTC
           to take it back: gitstage withdraw fraud-detector@production
[4]
""")
    gs.story.later(hours=24)
    assert gs("tag") == snapshot("in effect  fraud-detector: promote 1.2.0 to production\n")


def test_a_tag_that_does_not_count_is_an_alarm(gs: Shell) -> None:
    gs.story.git("tag", "fraud-detector/production/9")
    gs.story.copy("staging/fraud-detector.yaml", "production/fraud-detector.yaml")
    gs.story.commit("promote by hand")
    assert gs("tag") == snapshot("""\
in effect  fraud-detector: promote 1.2.0 to production
alarm      refs/tags/fraud-detector/production/9: there is no JSON in its message
[1]
""")


def test_going_on_after_a_rewritten_trunk_needs_a_reason(gs: Shell) -> None:
    gs.story.git("reset", "--quiet", "--hard", "HEAD~2")
    gs.story.git("commit", "--quiet", "--allow-empty", "-m", "another past")
    assert gs("tag") == snapshot("""\
! error: trunk-continues: the commit judged last, 000000000000, is not in the history of 000000000000: the trunk was rewritten
!   try: put it back (git push --force-with-lease origin 000000000000:refs/heads/TRUNK), or go on knowingly: gitstage tag --rewritten --reason …
[1]
""")
    assert gs("tag", "--rewritten") == snapshot("""\
! error: --rewritten needs a reason
!   try: gitstage tag --rewritten --reason '…'
[2]
""")
