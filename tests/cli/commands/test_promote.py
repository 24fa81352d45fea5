from __future__ import annotations

from inline_snapshot import snapshot

from tests.cli.shell import Shell


def test_it_commits_and_says_what_took_effect(gs: Shell) -> None:
    assert gs("promote", "fraud-detector", "--to", "production", "--reason", "it is better") == snapshot(
        "[main 000000000000] fraud-detector: promote 1.2.0 to production (tagged fraud-detector/production/3)\n"
    )
    assert gs("status") == snapshot("""\
model           staging  production  archived
fraud-detector  1.2.0    1.2.0              2
""")


def test_promoting_twice_is_once(gs: Shell) -> None:
    gs("promote", "fraud-detector@1.2.0", "--to", "production")
    before = gs.state()
    assert gs("promote", "fraud-detector@1.2.0", "--to", "production") == snapshot(
        "nothing to change: it is declared already\n"
    )
    assert gs.state() == before


def test_a_dry_run_shows_the_judges_answer_and_changes_nothing(gs: Shell) -> None:
    before = gs.state()
    assert gs("promote", "fraud-detector@1.2.0", "--to", "production", "--dry-run") == snapshot("""\
fraud-detector: production 1.1.0 → 1.2.0  passed
         1.1.0  1.2.0
    auc   0.92   0.95  +0.03

passed: 1 change
would commit: fraud-detector: promote 1.2.0 to production
""")
    assert gs.state() == before


def test_a_refused_promotion_changes_nothing(gs: Shell) -> None:
    gs.story.register("fraud-detector", "1.3.0")
    before = gs.state()
    assert gs("promote", "fraud-detector@1.3.0", "--to", "production") == snapshot("""\
fraud-detector: production 1.1.0 → 1.3.0  refused
  ✗ stage-order  1.3.0 enters production from staging; before this change it was in effect: registered
                 production/fraud-detector.yaml
                 type: gitstage withdraw fraud-detector@production; then gitstage promote fraud-detector@1.3.0 --to staging
         1.1.0  1.3.0
    auc   0.92

refused: 1 of 1 change
! refused; nothing was changed
[1]
""")
    assert gs.state() == before


def test_what_has_to_wait_is_not_committed_on_the_trunk_and_is_on_a_branch(gs: Shell) -> None:
    gs.story.amend(
        {
            "    # gates: [standard]             # all of them must pass\n": "    gates: [rest]\n\ngates:\n  rest:\n    soak: 24h\n",
        }
    )
    before = gs.state()
    assert gs("promote", "fraud-detector@1.2.0", "--to", "production") == snapshot("""\
fraud-detector: production 1.1.0 → 1.2.0  pending
  … soak  0s in staging of 1d  gate rest
          opens 2026-03-02 16:00 UTC (in 1d)
         1.1.0  1.2.0
    auc   0.92   0.95  +0.03

pending until 2026-03-02 16:00 UTC (in 1d): 1 of 1 change
! pending; nothing was changed
[4]
""")
    assert gs.state() == before
    gs.story.git("switch", "--quiet", "--create", "topic")
    assert gs("promote", "fraud-detector@1.2.0", "--to", "production") == snapshot("""\
fraud-detector: production 1.1.0 → 1.2.0  pending
  … soak  0s in staging of 1d  gate rest
          opens 2026-03-02 16:00 UTC (in 1d)
         1.1.0  1.2.0
    auc   0.92   0.95  +0.03

pending until 2026-03-02 16:00 UTC (in 1d): 1 of 1 change
[topic 000000000000] fraud-detector: promote 1.2.0 to production
""")


def test_several_models_are_one_commit(gs: Shell) -> None:
    for model in ("risk/a", "risk/b"):
        gs.story.register(model, "1.0.0")
    assert gs("promote", "risk/*", "--to", "staging") == snapshot(
        "[main 000000000000] gitstage: promote 2 versions to staging (tagged risk/a/staging/1, risk/b/staging/1)\n"
    )
    assert gs.story.git("log", "-1", "--format=%s") == snapshot("gitstage: promote 2 versions to staging")


def test_it_lands_on_the_remote(ada: Shell) -> None:
    assert ada("promote", "fraud-detector", "--to", "production", "--push") == snapshot(
        "[main 000000000000] fraud-detector: promote 1.2.0 to production (tagged fraud-detector/production/3)\n"
    )
    assert ada("promote", "fraud-detector", "--to", "production", "--push") == snapshot(
        "nothing to change: it is declared already\n"
    )


def test_in_a_clone_it_commits_and_nothing_takes_effect_yet(ada: Shell) -> None:
    assert ada("promote", "fraud-detector", "--to", "production") == snapshot(
        "[main 000000000000] fraud-detector: promote 1.2.0 to production\n"
    )


def test_a_stage_without_its_option_is_understood_and_told(gs: Shell) -> None:
    before = gs.state()
    assert gs("promote", "fraud-detector", "production") == snapshot("""\
! error: promote needs a stage
!   try: gitstage promote fraud-detector --to production
[2]
""")
    assert gs("promote", "fraud-detector@1.2.0") == snapshot("""\
! error: promote needs a stage
!   try: gitstage promote fraud-detector@1.2.0 --to STAGE
[2]
""")
    assert gs("promote") == snapshot("""\
! error: missing argument 'MODEL[@VERSION|@STAGE]…'
!   try: gitstage promote fraud-detector@1.1.0 --to staging
[2]
""")
    assert gs.state() == before


def test_what_is_not_there_is_said_and_nothing_is_changed(gs: Shell) -> None:
    before = gs.state()
    assert gs("promote", "fraud-detector", "--to", "prod") == snapshot("""\
! error: there is no stage 'prod'
!   try: stages: staging, production
[2]
""")
    assert gs("promote", "fraud-detector@7.0.0", "--to", "staging") == snapshot("""\
! error: fraud-detector has no version 7.0.0
!   try: registered: 1.0.0, 1.1.0, 1.2.0; register it with: gitstage register fraud-detector@7.0.0 --artifact FILE
[2]
""")
    assert gs("promote", "fraud-detektor@1.0.0", "--to", "staging") == snapshot("""\
! error: there is no model fraud-detektor
!   try: fraud-detector, if that was meant
[2]
""")
    assert gs("promote", "risk/*", "--to", "staging") == snapshot("""\
! error: no model is called like 'risk/*'
!   try: gitstage status
[2]
""")
    assert gs("promote", "two words", "--to", "staging") == snapshot("""\
! error: 'two words' names no model: 'two words' is not made of ASCII letters, digits, '.', '_' and '-', beginning and ending with a letter or digit
!   try: a reference looks like fraud-detector@1.1.0
[2]
""")
    assert gs.state() == before


def test_local_edits_are_not_written_over(gs: Shell) -> None:
    gs.story.write("production/fraud-detector.yaml", "mine\n")
    before = gs.state()
    assert gs("promote", "fraud-detector", "--to", "production") == snapshot("""\
! error: production/fraud-detector.yaml: changed here and not committed
!   try: commit, stash or undo those changes first
[2]
""")
    assert gs.state() == before
    assert gs.story.read("production/fraud-detector.yaml") == "mine\n"


def test_other_local_edits_stay_as_they_are(gs: Shell) -> None:
    gs.story.write("README.md", "mine\n")
    assert gs("promote", "fraud-detector", "--to", "production") == snapshot(
        "[main 000000000000] fraud-detector: promote 1.2.0 to production (tagged fraud-detector/production/3)\n"
    )
    assert gs.story.git("status", "--porcelain=v1") == "?? README.md"
