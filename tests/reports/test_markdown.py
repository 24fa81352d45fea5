from __future__ import annotations

import re

import pytest
from inline_snapshot import snapshot

from gitstage.findings import Report, Verdict
from gitstage.reports.markdown import render
from tests.reports.stories import (
    AUC_DROPPED,
    EMPTY,
    FIRST,
    PASSED,
    PENDING,
    REFUSED,
    UNKNOWN_WHEN,
    WAIVED,
    promotion,
    report,
)


def test_a_change_that_passed() -> None:
    assert render(PASSED) == snapshot("""\
### ✅ gitstage: passed: 4 changes

`registry.example` · `1a2b3c4d5e6f` → `5d6e7f8a9b0c` · judged 2026-11-24 10:40 UTC

| change | from → to | verdict |
| --- | --- | --- |
| fraud-detector: records |  | ✅ passed |
| fraud-detector: production | 1.0.0 → 1.1.0 | ✅ passed |
| risk/churn: production | 2.0.0 → 1.9.0 (rollback) | ✅ passed |
| toy: staging | 0.1.0 → empty | ✅ passed |

<details>
<summary>✅ fraud-detector: production 1.0.0 → 1.1.0</summary>

| metric | 1.0.0 | 1.1.0 | difference |
| --- | ---: | ---: | ---: |
| auc | 0.951 | 0.953 | +0.002 |
| f1 |  | 0.5 |  |
| latency_p99_ms | 12 |  |  |

| rule | verdict | what was found | measured | asked | what to do next |
| --- | --- | --- | --- | --- | --- |
| `metrics`, gate `fraud` | ✅ passed | auc 0.953, min 0.9 | 0.953 | min 0.9 |  |
| `soak`, gate `standard` | ✅ passed | 26 hours in staging of 24 hours | 26h | 24h |  |

</details>
""")


def test_a_change_that_was_refused() -> None:
    assert render(REFUSED) == snapshot("""\
### ❌ gitstage: refused: 3 of 4 changes

`registry.example` · `1a2b3c4d5e6f` → `5d6e7f8a9b0c` · judged 2026-11-24 10:40 UTC

Note: three commits, brought in by one merge, judged as one step

| change | from → to | verdict |
| --- | --- | --- |
| fraud-detector: production | 1.0.0 → 1.1.0 | ❌ refused |
| policy |  | ❌ refused |
| toy: production | empty → no registered version | ❌ refused |
| fraud-detector: records |  | ✅ passed |

#### ❌ fraud-detector: production 1.0.0 → 1.1.0

| metric | 1.0.0 | 1.1.0 | difference |
| --- | ---: | ---: | ---: |
| auc | 0.951 | 0.938 | −0.013 |
| f1 |  | 0.5 |  |
| latency_p99_ms | 12 |  |  |

| rule | verdict | what was found | measured | asked | what to do next |
| --- | --- | --- | --- | --- | --- |
| `metrics`, gate `fraud` | ❌ refused | auc 0.951 → 0.938, max-drop 0.002<br>`registry.example/models/fraud-detector/1.1.0.yaml` | 0.951 → 0.938 | max-drop 0.002 |  |
| `soak`, gate `standard` | ⏳ pending | 20 hours 40 minutes in staging of 24 hours | 20h40m | 24h | wait: opens 2026-11-24 14:00 UTC (in 3h 20m) |
| `evidence`, gate `fraud` | ⏳ pending | no test-result called shadow-traffic<br>`registry.example/evidence/fraud-detector/1.1.0/shadow-traffic/` |  | test-result shadow-traffic | `gitstage attest fraud-detector@1.1.0 --type test-result --name shadow-traffic --result passed` |
| `metrics`, gate `fraud` | ⚠️ warn | latency_p99_ms is missing<br>`registry.example/models/fraud-detector/1.1.0.yaml` |  |  | register a version that has it: --metric latency_p99_ms=VALUE |
| `soak`, gate `standard` | ✅ passed | 26 hours in staging of 24 hours | 26h | 24h |  |

#### ❌ policy

| rule | verdict | what was found | measured | asked | what to do next |
| --- | --- | --- | --- | --- | --- |
| `manifest-valid` | ❌ refused | gatez is no key of gitstage.yaml<br>`registry.example/gitstage.yaml:7` |  |  | did you mean gates? |

#### ❌ toy: production empty → no registered version

| rule | verdict | what was found | measured | asked | what to do next |
| --- | --- | --- | --- | --- | --- |
| `slot-matches-version` | ❌ refused | is byte for byte none of the registered versions of toy<br>`registry.example/production/toy.yaml` |  |  | `gitstage withdraw toy@production` |

Open elsewhere in the registry:

- risk/churn: production waits for soak
""")


def test_a_change_that_time_will_open() -> None:
    assert render(PENDING) == snapshot("""\
### ⏳ gitstage: pending until 2026-11-24 14:00 UTC (in 3h 20m): 1 of 1 change

`registry.example` · `1a2b3c4d5e6f` → `5d6e7f8a9b0c` · judged 2026-11-24 10:40 UTC

| change | from → to | verdict |
| --- | --- | --- |
| fraud-detector: production | 1.0.0 → 1.1.0 | ⏳ pending |

#### ⏳ fraud-detector: production 1.0.0 → 1.1.0

| metric | 1.0.0 | 1.1.0 | difference |
| --- | ---: | ---: | ---: |
| auc | 0.951 | 0.953 | +0.002 |
| f1 |  | 0.5 |  |
| latency_p99_ms | 12 |  |  |

| rule | verdict | what was found | measured | asked | what to do next |
| --- | --- | --- | --- | --- | --- |
| `soak`, gate `standard` | ⏳ pending | 20 hours 40 minutes in staging of 24 hours | 20h40m | 24h | wait: opens 2026-11-24 14:00 UTC (in 3h 20m) |
| `metrics`, gate `fraud` | ⚠️ warn | latency_p99_ms is missing<br>`registry.example/models/fraud-detector/1.1.0.yaml` |  |  | register a version that has it: --metric latency_p99_ms=VALUE |
| `metrics`, gate `fraud` | ✅ passed | auc 0.953, min 0.9 | 0.953 | min 0.9 |  |
""")


def test_a_change_that_waits_for_a_person_too() -> None:
    assert render(UNKNOWN_WHEN) == snapshot("""\
### ⏳ gitstage: pending: 1 of 1 change

`registry.example` · `1a2b3c4d5e6f` → `5d6e7f8a9b0c` · judged 2026-11-24 10:40 UTC

| change | from → to | verdict |
| --- | --- | --- |
| fraud-detector: production | 1.0.0 → 1.1.0 | ⏳ pending |

#### ⏳ fraud-detector: production 1.0.0 → 1.1.0

| metric | 1.0.0 | 1.1.0 | difference |
| --- | ---: | ---: | ---: |
| auc | 0.951 | 0.953 | +0.002 |
| f1 |  | 0.5 |  |
| latency_p99_ms | 12 |  |  |

| rule | verdict | what was found | measured | asked | what to do next |
| --- | --- | --- | --- | --- | --- |
| `soak`, gate `standard` | ⏳ pending | 20 hours 40 minutes in staging of 24 hours | 20h40m | 24h | wait: opens 2026-11-24 14:00 UTC (in 3h 20m) |
| `evidence`, gate `fraud` | ⏳ pending | no test-result called shadow-traffic<br>`registry.example/evidence/fraud-detector/1.1.0/shadow-traffic/` |  | test-result shadow-traffic | `gitstage attest fraud-detector@1.1.0 --type test-result --name shadow-traffic --result passed` |
""")


def test_a_change_that_touches_no_registry() -> None:
    assert render(EMPTY) == snapshot("""\
### ✅ gitstage: passed: nothing of a registry changes

`registry.example` · `1a2b3c4d5e6f` → `5d6e7f8a9b0c` · judged 2026-11-24 10:40 UTC
""")


def test_a_new_registry_is_said() -> None:
    assert render(FIRST) == snapshot("""\
### ✅ gitstage: passed: 1 change

`5d6e7f8a9b0c` · judged 2026-11-24 10:40 UTC

This is a new registry: there is none at the base, so its own policy judges it.

| change | from → to | verdict |
| --- | --- | --- |
| policy |  | ✅ passed |
""")


def many(count: int, verdict: Verdict = Verdict.REFUSED) -> Report:
    return report(*(promotion(AUC_DROPPED.bind(verdict=verdict, message=f"finding {n}")) for n in range(count)))


def test_of_many_changes_the_first_fifty_are_listed_and_the_rest_is_counted() -> None:
    listed = [line for line in render(many(60)).splitlines() if line.startswith("| fraud-detector: production |")]
    assert len(listed) == 50
    assert "\n| and 10 more |  |  |\n" in render(many(60))
    assert "more" not in render(many(50))


@pytest.mark.parametrize("verdict", list(Verdict))
def test_what_does_not_fit_is_left_out_whole_and_said(verdict: Verdict) -> None:
    judged = many(5, verdict)
    whole = render(judged, limit=10**9)
    for limit in (*range(100, len(whole), 37), len(whole) - 1):
        written = render(judged, limit=limit)
        kept, _, said = written.rpartition("\n*")
        assert len(written) <= limit
        told = len(re.findall(r"^\| `metrics`", kept, re.MULTILINE))
        what = f"{5 - told} finding{'' if told == 4 else 's'}" if told < 5 else "What is missing here"
        assert said == f"{what} did not fit. All of it:* `gitstage check`\n"
        assert whole.startswith(kept)
        assert kept.count("<details>") == kept.count("</details>")
        assert all(line.endswith(" |") for line in kept.splitlines() if line.startswith("|"))
    assert render(judged, limit=len(whole)) == whole


def test_githubs_own_limit_is_the_default() -> None:
    assert 64_000 < len(render(many(300))) <= 65_536


def test_the_summary_of_a_job_takes_it_too_whatever_is_written_there() -> None:
    judged = report(*(promotion(AUC_DROPPED.bind(message="😀" * 400)) for _ in range(300)))
    assert len(render(judged).encode()) < 1024 * 1024


def test_where_not_even_the_excuse_fits_nothing_is_said() -> None:
    assert render(PASSED, limit=10) == ""


def test_a_text_without_end_is_cut() -> None:
    written = render(report(promotion(AUC_DROPPED.bind(message="x" * 100_000, path="y" * 100_000))))
    assert f" {'x' * 500}…<br>`registry.example/{'y' * 483}…` |" in written
    assert len(written) < 3000


def test_what_was_waived_is_counted_and_stays_a_debt() -> None:
    assert render(WAIVED) == snapshot("""\
### ✅ gitstage: passed: 1 change, 1 waived

`registry.example` · `1a2b3c4d5e6f` → `5d6e7f8a9b0c` · judged 2026-11-24 10:40 UTC

| change | from → to | verdict |
| --- | --- | --- |
| fraud-detector: production | 1.0.0 → 1.1.0 | ✅ passed |

#### ✅ fraud-detector: production 1.0.0 → 1.1.0

| metric | 1.0.0 | 1.1.0 | difference |
| --- | ---: | ---: | ---: |
| auc | 0.951 | 0.953 | +0.002 |
| f1 |  | 0.5 |  |
| latency_p99_ms | 12 |  |  |

| rule | verdict | what was found | measured | asked | what to do next |
| --- | --- | --- | --- | --- | --- |
| `soak`, gate `standard` | 🔓 waived | 20 hours 40 minutes in staging of 24 hours; waived by alice until 2026-11-25T10:&#8203;40:&#8203;00Z: outage | 20h40m | 24h |  |
| `metrics`, gate `fraud` | ✅ passed | auc 0.953, min 0.9 | 0.953 | min 0.9 |  |

🔓 Debt: alice waived soak of standard (outage): to be countersigned within 3d

🔓 Debt: bob, carol rolled back: to be countersigned since 1h
""")
