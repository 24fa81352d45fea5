from __future__ import annotations

from inline_snapshot import snapshot

from tests.cli.shell import Shell


def test_it_shows_what_is_in_each_stage(gs: Shell) -> None:
    assert gs("status") == snapshot("""\
model           staging  production  archived
fraud-detector  1.2.0    1.1.0              1
""")


def test_one_model_is_shown_with_its_versions_since_when_they_are_there_and_by_which_tag(gs: Shell) -> None:
    gs.story.hold("fraud-detector@1.2.0")
    assert gs("status", "fraud-detector") == snapshot("""\
fraud-detector
stage       in effect  since                 tag
staging     1.2.0      2026-03-01 16:00 UTC  fraud-detector/staging/3
production  1.1.0      2026-03-01 15:00 UTC  fraud-detector/production/2
versions  1.2.0, 1.1.0, 1.0.0
archived  1.0.0
held      1.2.0: leaks a feature
""")


def test_it_shows_what_was_in_effect_then(gs: Shell) -> None:
    assert gs("status", "--at", "2026-03-01T13:30Z") == snapshot("""\
model           staging  production
fraud-detector  1.0.0    1.0.0
""")
    assert gs("status", "fraud-detector", "--at", "fraud-detector/production/1") == snapshot("""\
fraud-detector
stage       in effect  since                 tag
staging     1.0.0      2026-03-01 12:00 UTC  fraud-detector/staging/1
production  1.0.0      2026-03-01 13:00 UTC  fraud-detector/production/1
""")
    assert gs("status", "--at", "2020-01-01") == snapshot("nothing had taken effect at 2020-01-01\n")
    assert gs("status", "fraud-detector", "--at", "2020-01-01") == snapshot("""\
! error: nothing of fraud-detector had taken effect at 2020-01-01
!   try: gitstage log fraud-detector
[2]
""")


def test_it_shows_what_a_tree_declares(gs: Shell) -> None:
    gs.story.copy("staging/fraud-detector.yaml", "production/fraud-detector.yaml")
    gs.story.git("switch", "--quiet", "--create", "topic")
    gs.story.commit("promote by hand")
    assert gs("status", "--declared") == snapshot("""\
model           staging  production  archived
fraud-detector  1.2.0    1.2.0              2
""")
    assert gs("status", "--declared", "--at", "main") == snapshot("""\
model           staging  production  archived
fraud-detector  1.2.0    1.1.0              1
""")
    assert gs("status") == snapshot("""\
model           staging  production  archived
fraud-detector  1.2.0    1.1.0              1
""")


def test_what_landed_and_waits_is_shown_with_why(gs: Shell) -> None:
    gs.story.register("fraud-detector", "1.3.0")
    gs.story.copy("models/fraud-detector/1.3.0.yaml", "production/fraud-detector.yaml")
    gs.story.commit("promote by hand")
    assert gs("status") == snapshot("""\
model           staging  production              archived
fraud-detector  1.2.0    1.1.0 (1.3.0 declared)         1
! note: commits on the trunk are not judged yet: gitstage tag
""")
    gs.story.tag()
    assert gs("status") == snapshot("""\
model           staging  production              archived
fraud-detector  1.2.0    1.1.0 (1.3.0 declared)         1
fraud-detector: production waits: stage-order: 1.3.0 enters production from staging; before this change it was in effect: registered
""")
    assert gs("status", "fraud-detector") == snapshot("""\
fraud-detector
stage       in effect               since                 tag
staging     1.2.0                   2026-03-01 16:00 UTC  fraud-detector/staging/3
production  1.1.0 (1.3.0 declared)  2026-03-01 15:00 UTC  fraud-detector/production/2
versions  1.3.0, 1.2.0, 1.1.0, 1.0.0
archived  1.0.0
fraud-detector: production waits: stage-order: 1.3.0 enters production from staging; before this change it was in effect: registered
""")


def test_a_policy_and_records_that_wait_are_shown(gs: Shell) -> None:
    gs.story.write("gitstage.yaml", "apiVersion: nonsense\n")
    gs.story.write("models/fraud-detector/9.9.9.yaml", "nonsense\n")
    gs.story.commit("break it")
    gs.story.tag()
    assert gs("status") == snapshot("""\
model           staging  production  archived
fraud-detector  1.2.0    1.1.0              1
fraud-detector: its records are open: manifest-valid: the document is not a mapping of keys to values
policy waits: manifest-valid: apiVersion 'nonsense' is not known here and 1 more
""")


def test_a_registry_that_holds_nothing_says_how_to_begin(new: Shell) -> None:
    assert new("status") == snapshot("no model is registered: gitstage register MODEL@1.0.0 --artifact FILE\n")
    assert new("status", "--declared") == snapshot("no model is declared at 000000000000\n")


def test_a_model_that_is_not_there_is_said_with_the_one_that_was_meant(gs: Shell) -> None:
    assert gs("status", "fraud-detektor") == snapshot("""\
! error: there is no model fraud-detektor
!   try: fraud-detector, if that was meant
[2]
""")
    assert gs("status", "zzz") == snapshot("""\
! error: there is no model zzz
!   try: one of fraud-detector
[2]
""")


def test_a_model_that_nobody_registered_says_how_to(new: Shell) -> None:
    assert new("status", "fraud-detector") == snapshot("""\
! error: there is no model fraud-detector
!   try: gitstage register fraud-detector@1.0.0 --artifact FILE
[2]
""")


def test_a_moment_that_is_none_is_said(gs: Shell) -> None:
    assert gs("status", "--at", "yesterday") == snapshot("""\
! error: 'yesterday' is no moment, commit or tag
!   try: --at 2026-03-01, --at 2026-03-01T14:00Z, --at COMMIT
[2]
""")
