from __future__ import annotations

from dataclasses import replace

from click import unstyle
from inline_snapshot import snapshot

from gitstage.reports.text import render
from tests.reports.stories import (
    EMPTY,
    FIRST,
    PASSED,
    PENDING,
    REFUSED,
    UNKNOWN_WHEN,
    WAIVED,
)


def test_a_change_that_passed() -> None:
    assert render(PASSED) == snapshot("""\
fraud-detector: records  passed

fraud-detector: production 1.0.0 → 1.1.0  passed
  ✓ metrics  auc 0.953, min 0.9  gate fraud
  ✓ soak     26 hours in staging of 24 hours  gate standard
                    1.0.0  1.1.0
    auc             0.951  0.953  +0.002
    f1                       0.5
    latency_p99_ms     12

risk/churn: production 2.0.0 → 1.9.0 (rollback)  passed
toy: staging 0.1.0 → empty  passed

passed: 4 changes
""")


def test_a_change_that_was_refused() -> None:
    assert render(REFUSED) == snapshot("""\
fraud-detector: records  passed

fraud-detector: production 1.0.0 → 1.1.0  refused
  ✗ metrics   auc 0.951 → 0.938, max-drop 0.002  gate fraud
              registry.example/models/fraud-detector/1.1.0.yaml
  … soak      20 hours 40 minutes in staging of 24 hours  gate standard
              opens 2026-11-24 14:00 UTC (in 3h 20m)
  … evidence  no test-result called shadow-traffic  gate fraud
              registry.example/evidence/fraud-detector/1.1.0/shadow-traffic/
              type: gitstage attest fraud-detector@1.1.0 --type test-result --name shadow-traffic --result passed
  ! metrics   warn: latency_p99_ms is missing  gate fraud
              registry.example/models/fraud-detector/1.1.0.yaml
              next: register a version that has it: --metric latency_p99_ms=VALUE
  ✓ soak      26 hours in staging of 24 hours  gate standard
                    1.0.0  1.1.0
    auc             0.951  0.938  −0.013
    f1                       0.5
    latency_p99_ms     12

policy  refused
  ✗ manifest-valid  gatez is no key of gitstage.yaml
                    registry.example/gitstage.yaml:7
                    next: did you mean gates?

toy: production empty → no registered version  refused
  ✗ slot-matches-version  is byte for byte none of the registered versions of toy
                          registry.example/production/toy.yaml
                          type: gitstage withdraw toy@production

note: three commits, brought in by one merge, judged as one step
refused: 3 of 4 changes
""")


def test_a_change_that_time_will_open() -> None:
    assert render(PENDING) == snapshot("""\
fraud-detector: production 1.0.0 → 1.1.0  pending
  … soak     20 hours 40 minutes in staging of 24 hours  gate standard
             opens 2026-11-24 14:00 UTC (in 3h 20m)
  ! metrics  warn: latency_p99_ms is missing  gate fraud
             registry.example/models/fraud-detector/1.1.0.yaml
             next: register a version that has it: --metric latency_p99_ms=VALUE
  ✓ metrics  auc 0.953, min 0.9  gate fraud
                    1.0.0  1.1.0
    auc             0.951  0.953  +0.002
    f1                       0.5
    latency_p99_ms     12

pending until 2026-11-24 14:00 UTC (in 3h 20m): 1 of 1 change
""")


def test_a_change_that_waits_for_a_person_too() -> None:
    assert render(UNKNOWN_WHEN) == snapshot("""\
fraud-detector: production 1.0.0 → 1.1.0  pending
  … soak      20 hours 40 minutes in staging of 24 hours  gate standard
              opens 2026-11-24 14:00 UTC (in 3h 20m)
  … evidence  no test-result called shadow-traffic  gate fraud
              registry.example/evidence/fraud-detector/1.1.0/shadow-traffic/
              type: gitstage attest fraud-detector@1.1.0 --type test-result --name shadow-traffic --result passed
                    1.0.0  1.1.0
    auc             0.951  0.953  +0.002
    f1                       0.5
    latency_p99_ms     12

pending: 1 of 1 change
""")


def test_a_change_that_touches_no_registry() -> None:
    assert render(EMPTY) == snapshot("passed: nothing of a registry changes\n")


def test_a_new_registry_is_said() -> None:
    assert render(FIRST) == snapshot("""\
policy  passed

note: a new registry: there is none at the base, so its own policy judges it
passed: 1 change
""")


def test_where_only_ascii_can_be_shown_nothing_else_is() -> None:
    assert render(REFUSED, ascii_only=True) == snapshot("""\
fraud-detector: records  passed

fraud-detector: production 1.0.0 -> 1.1.0  refused
  x metrics   auc 0.951 -> 0.938, max-drop 0.002  gate fraud
              registry.example/models/fraud-detector/1.1.0.yaml
  . soak      20 hours 40 minutes in staging of 24 hours  gate standard
              opens 2026-11-24 14:00 UTC (in 3h 20m)
  . evidence  no test-result called shadow-traffic  gate fraud
              registry.example/evidence/fraud-detector/1.1.0/shadow-traffic/
              type: gitstage attest fraud-detector@1.1.0 --type test-result --name shadow-traffic --result passed
  ! metrics   warn: latency_p99_ms is missing  gate fraud
              registry.example/models/fraud-detector/1.1.0.yaml
              next: register a version that has it: --metric latency_p99_ms=VALUE
  + soak      26 hours in staging of 24 hours  gate standard
                    1.0.0  1.1.0
    auc             0.951  0.938  -0.013
    f1                       0.5
    latency_p99_ms     12

policy  refused
  x manifest-valid  gatez is no key of gitstage.yaml
                    registry.example/gitstage.yaml:7
                    next: did you mean gates?

toy: production empty -> no registered version  refused
  x slot-matches-version  is byte for byte none of the registered versions of toy
                          registry.example/production/toy.yaml
                          type: gitstage withdraw toy@production

note: three commits, brought in by one merge, judged as one step
refused: 3 of 4 changes
""")


def test_colour_is_the_terminals_own() -> None:
    assert render(PENDING, colour=True) == snapshot("""\
\x1b[1mfraud-detector: production 1.0.0 → 1.1.0\x1b[0m  \x1b[33m\x1b[1mpending\x1b[0m
  \x1b[33m\x1b[1m…\x1b[0m soak     20 hours 40 minutes in staging of 24 hours  \x1b[2mgate standard\x1b[0m
             opens 2026-11-24 14:00 UTC (in 3h 20m)
  \x1b[33m\x1b[1m!\x1b[0m metrics  warn: latency_p99_ms is missing  \x1b[2mgate fraud\x1b[0m
             \x1b[2mregistry.example/models/fraud-detector/1.1.0.yaml\x1b[0m
             next: register a version that has it: --metric latency_p99_ms=VALUE
  \x1b[32m✓\x1b[0m metrics  auc 0.953, min 0.9  \x1b[2mgate fraud\x1b[0m
                    1.0.0  1.1.0
    auc             0.951  0.953  +0.002
    f1                       0.5
    latency_p99_ms     12

\x1b[33m\x1b[1mpending until 2026-11-24 14:00 UTC (in 3h 20m): 1 of 1 change\x1b[0m
""")
    assert unstyle(render(REFUSED, colour=True)) == render(REFUSED)


def test_what_is_open_elsewhere_is_not_among_the_results() -> None:
    assert REFUSED.elsewhere
    assert render(REFUSED) == render(replace(REFUSED, elsewhere=()))


def test_what_was_waived_is_counted_and_stays_a_debt() -> None:
    assert render(WAIVED) == snapshot("""\
fraud-detector: production 1.0.0 → 1.1.0  passed
  ~ soak     20 hours 40 minutes in staging of 24 hours; waived by alice until 2026-11-25T10:40:00Z: outage  gate standard
  ✓ metrics  auc 0.953, min 0.9  gate fraud
  ~ debt: alice waived soak of standard (outage): to be countersigned within 3d
  ~ debt: bob, carol rolled back: to be countersigned since 1h
                    1.0.0  1.1.0
    auc             0.951  0.953  +0.002
    f1                       0.5
    latency_p99_ms     12

passed: 1 change, 1 waived
""")
