from __future__ import annotations

from inline_snapshot import snapshot

from tests.cli.shell import Shell

GATE = """\
    gates: [standard]
    waivers: {by: [owners, oncall]}

gates:
  standard:
    soak: 24h
    metrics:
    - {name: auc, min: 0.93, max-drop: 0.01}
    - {name: f1, min: 0.5, enforce: warn}
    - {name: p99, max: 20, evidence: load-test}
    evidence:
    - {type: test-result, name: shadow-traffic}
    - {type: test-result, name: replay}
    approvals: [{count: 1, from: oncall}]
    windows:
    - {deny: "Sat-Sun", timezone: Europe/Berlin}
    rules:
    - {name: named-team, expr: "version.labels.team == 'risk'"}
    - {name: young, expr: "version.version.startsWith('1.')"}

people:
  ada: {github: ada}
roles:
  oncall: [ada]
"""


def gated(gs: Shell) -> None:
    """Production asks many things."""
    text = gs.story.read("gitstage.yaml")
    head = text.partition("    # gates: [standard]")[0]
    gs.story.write("gitstage.yaml", head + GATE)
    gs.story.commit("policy")
    gs.story.tag()
    assert gs.story.open_things() == []


def test_each_rule_says_what_it_found_what_it_asked_and_what_it_needs(gs: Shell) -> None:
    gated(gs)
    gs.story.attest("fraud-detector@1.2.0", "replay", result="failed")
    before = gs.state()
    assert gs("explain", "fraud-detector@1.2.0", "--to", "production") == snapshot("""\
fraud-detector: production 1.1.0 → 1.2.0, from staging

   rule                     gate      found        asked
…  soak                     standard  0s           1d
    0s in staging of 1d
    passes by itself at 2026-03-02 16:00 UTC (in 1d)
✓  metrics auc              standard  0.95         min 0.93
✓  metrics auc              standard  0.92 → 0.95  max-drop 0.01
!  metrics f1               standard
    warns only: f1 is missing
    needs a version that has it: gitstage register fraud-detector@next … --metric f1=VALUE
…  metrics p99              standard
    p99 is missing in evidence load-test
    needs a value: gitstage attest fraud-detector@1.2.0 --type test-result --name load-test --result passed --metric p99=VALUE
…  evidence shadow-traffic  standard               test-result shadow-traffic
    no test-result called shadow-traffic
    needs a statement that says so: gitstage attest fraud-detector@1.2.0 --type test-result --name shadow-traffic --result passed
✗  evidence replay          standard  FAILED       PASSED
    replay says FAILED
    needs a newer statement that says PASSED: gitstage attest fraud-detector@1.2.0 --type test-result --name replay --result passed
✗  rules/named-team         standard
    cannot be evaluated: there is no "team"
    next: register a version that says it, or ask with has(…) or in first
✓  rules/young              standard  true         version.version.startsWith('1.')
…  approvals                standard  0 of 1       1 from oncall
    1 approval by oncall missing: nobody can tell who made this change
    needs approval, 1 from oncall, by who did not make the change: gitstage approve fraud-detector@1.2.0 --for production --sign KEY
…  windows                  standard  opens in 7h  deny Sat-Sun, Europe/Berlin
    shut: deny Sat-Sun, Europe/Berlin
    passes by itself at 2026-03-01 23:00 UTC (in 7h)
✓  facts
    slot-matches-version, stage-order, leaves-archived, held, known-path, policy-alone

metric  1.1.0  1.2.0  difference
auc      0.92   0.95       +0.03

it would be refused
what a gate asks can be waived by owners or oncall: gitstage waive fraud-detector@1.2.0 --rule RULE --for production --until DATE --reason … --sign KEY
[1]
""")
    assert gs.state() == before


def test_a_rule_that_needs_something_installed_says_what_comes_next(gs: Shell) -> None:
    text = gs.story.read("gitstage.yaml").partition("    # gates: [standard]")[0]
    gs.story.write(
        "gitstage.yaml", f"{text}    gates: [own]\ngates: {{own: {{rules: [{{name: own, python: acme}}]}}}}\n"
    )
    gs.story.commit("policy")
    gs.story.tag()
    lines = gs("--allow-plugin", "acme", "explain", "fraud-detector", "--to", "production").splitlines()
    assert lines[4:6] == snapshot(
        [
            "    cannot be evaluated: no package that is installed here brings the plug-in 'acme'",
            "    next: install the one whose entry points 'gitstage.rules' name 'acme'",
        ]
    )


def test_what_only_time_can_change_says_when(gs: Shell) -> None:
    text = gs.story.read("gitstage.yaml").partition("    # gates: [standard]")[0]
    gs.story.write("gitstage.yaml", f"{text}    gates: [rest]\ngates: {{rest: {{soak: 24h}}}}\n")
    gs.story.commit("policy")
    gs.story.tag()
    assert gs("explain", "fraud-detector", "--to", "production") == snapshot("""\
fraud-detector: production 1.1.0 → 1.2.0, from staging

   rule   gate  found  asked
…  soak   rest  0s     1d
    0s in staging of 1d
    passes by itself at 2026-03-02 16:00 UTC (in 1d)
✓  facts
    slot-matches-version, stage-order, leaves-archived, held, known-path, policy-alone

metric  1.1.0  1.2.0  difference
auc      0.92   0.95       +0.03

it would be pending until 2026-03-02 16:00 UTC (in 1d)
[4]
""")


def test_a_version_that_was_never_staged_is_told_the_way(gs: Shell) -> None:
    gs.story.register("fraud-detector", "1.3.0", auc=0.99)
    before = gs.state()
    assert gs("explain", "fraud-detector@1.3.0", "--to", "production") == snapshot("""\
fraud-detector: production 1.1.0 → 1.3.0

   rule         gate  found  asked
✗  stage-order
    1.3.0 enters production from staging; before this change it was in effect: registered
    needs to take effect in staging first: gitstage promote fraud-detector@1.3.0 --to staging
✓  facts
    slot-matches-version, leaves-archived, held, known-path, policy-alone

metric  1.1.0  1.3.0  difference
auc      0.92   0.99       +0.07

it would be refused
[1]
""")
    assert gs.state() == before


def test_what_is_held_is_told_so(gs: Shell) -> None:
    gs.story.hold("fraud-detector@1.2.0")
    assert gs("explain", "fraud-detector@1.2.0", "--to", "production") == snapshot("""\
fraud-detector: production 1.1.0 → 1.2.0, from staging

   rule   gate  found  asked
✗  held
    1.2.0 is held: leaks a feature
    needs its release: gitstage unhold fraud-detector@1.2.0 --reason …
✓  facts
    slot-matches-version, stage-order, leaves-archived, known-path, policy-alone

metric  1.1.0  1.2.0  difference
auc      0.92   0.95       +0.03

it would be refused
[1]
""")


def test_what_would_pass_exits_with_0(gs: Shell) -> None:
    assert gs("explain", "fraud-detector", "--to", "production") == snapshot("""\
fraud-detector: production 1.1.0 → 1.2.0, from staging

   rule   gate  found  asked
✓  facts
    slot-matches-version, stage-order, leaves-archived, held, known-path, policy-alone

metric  1.1.0  1.2.0  difference
auc      0.92   0.95       +0.03

it would pass
""")


def test_what_is_there_already_needs_nothing(gs: Shell) -> None:
    assert gs("explain", "fraud-detector@1.1.0", "--to", "production") == snapshot(
        "fraud-detector: 1.1.0 is what production declares, in effect since 2026-03-01 15:00 UTC, 1 hour ago; nothing is asked\n"
    )


def test_what_is_declared_and_waits_is_explained_as_well(gs: Shell) -> None:
    text = gs.story.read("gitstage.yaml").partition("    # gates: [standard]")[0]
    gs.story.write("gitstage.yaml", f"{text}    gates: [rest]\ngates: {{rest: {{soak: 24h}}}}\n")
    gs.story.commit("policy")
    gs.story.tag()
    gs.story.copy("staging/fraud-detector.yaml", "production/fraud-detector.yaml")
    gs.story.copy("models/fraud-detector/1.1.0.yaml", "archived/fraud-detector/1.1.0.yaml")
    gs.story.commit("promote by hand")
    gs.story.tag()
    assert gs("explain", "fraud-detector@1.2.0", "--to", "production") == snapshot("""\
fraud-detector: production 1.1.0 → 1.2.0, from staging

   rule   gate  found  asked
…  soak   rest  0s     1d
    0s in staging of 1d
    passes by itself at 2026-03-02 16:00 UTC (in 1d)
✓  facts
    slot-matches-version, stage-order, leaves-archived, held, known-path, policy-alone

metric  1.1.0  1.2.0  difference
auc      0.92   0.95       +0.03

it would be pending until 2026-03-02 16:00 UTC (in 1d)
[4]
""")


def test_an_empty_slot_and_a_version_that_was_there_before(gs: Shell) -> None:
    gs.story.register("other", "1.0.0", to="staging")
    assert gs("explain", "other", "--to", "production") == snapshot("""\
other: production empty → 1.0.0, from staging

   rule   gate  found  asked
✓  facts
    slot-matches-version, stage-order, leaves-archived, held, known-path, policy-alone

it would pass
""")
    assert gs("explain", "fraud-detector@1.0.0", "--to", "production") == snapshot("""\
fraud-detector: production 1.1.0 → 1.0.0, a rollback: it has been there

   rule   gate  found  asked
✓  facts
    slot-matches-version, stage-order, leaves-archived, held, known-path, policy-alone

metric  1.1.0  1.0.0  difference
auc      0.92    0.9       −0.02

it would pass
""")


def test_one_promotion_is_explained_at_a_time(gs: Shell) -> None:
    assert gs("explain", "*", "--to", "production") == snapshot("""\
! error: one promotion is explained at a time
!   try: gitstage promote '*' --to production --dry-run
[2]
""")


def test_without_a_stage_there_is_an_example(gs: Shell) -> None:
    assert gs("explain", "fraud-detector@1.1.0") == snapshot("""\
! error: missing option '--to'
!   try: gitstage explain fraud-detector@1.1.0 --to production
[2]
""")


def test_where_only_ascii_can_be_shown_marks_are_ascii(gs: Shell) -> None:
    gs.patch.setattr("gitstage.cli.commands.explain.ascii_only", lambda: True)
    assert gs("explain", "fraud-detector", "--to", "production").splitlines()[2:5] == snapshot(
        [
            "   rule   gate  found  asked",
            "+  facts",
            "    slot-matches-version, stage-order, leaves-archived, held, known-path, policy-alone",
        ]
    )
