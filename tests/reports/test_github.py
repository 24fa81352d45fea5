from __future__ import annotations

import pytest
from inline_snapshot import snapshot

from gitstage.findings import Judgement
from gitstage.reports.github import render
from tests.reports.runner import annotation, commands_in
from tests.reports.stories import (
    ADVISED,
    AUC_DROPPED,
    EMPTY,
    FIRST,
    PASSED,
    PENDING,
    REFUSED,
    SOAKS,
    STORIES,
    UNKNOWN_WHEN,
    WAIVED,
    promotion,
    report,
)


@pytest.mark.parametrize("name", sorted(STORIES))
def test_every_line_but_the_last_is_an_annotation_by_the_manuals_grammar(name: str) -> None:
    *lines, last = render(STORIES[name]).splitlines()
    assert [annotation(line) for line in lines] == commands_in("\n".join(lines))
    assert last.startswith("gitstage: ")


@pytest.mark.parametrize(
    "line",
    [
        "::fatal::x",
        "::error",
        "::error file=a,b::x",
        "::error file=a,file=b::x",
        "::error line=0::x",
        "::error colour=red::x",
        "::error title=100%::x",
        "::error title=a:b::x",
        "::error::100%",
        "::error file=::x",
        " ::error::x",
    ],
)
def test_the_grammar_is_not_one_that_takes_anything(line: str) -> None:
    with pytest.raises(AssertionError):
        annotation(line)


def test_a_change_that_passed() -> None:
    assert render(PASSED) == snapshot("""\
::notice title=gitstage::passed: 4 changes
gitstage: passed: 4 changes
""")


def test_a_change_that_was_refused() -> None:
    assert render(REFUSED) == snapshot("""\
::error file=registry.example/models/fraud-detector/1.1.0.yaml,title=metrics refused (fraud-detector%3A production 1.0.0 → 1.1.0)::auc 0.951 → 0.938, max-drop 0.002
::error file=registry.example/gitstage.yaml,line=7,title=manifest-valid refused (policy)::gatez is no key of gitstage.yaml%0Anext: did you mean gates?
::error file=registry.example/production/toy.yaml,title=slot-matches-version refused (toy%3A production empty → no registered version)::is byte for byte none of the registered versions of toy%0Atype: gitstage withdraw toy@production
::warning file=registry.example/production/fraud-detector.yaml,title=soak pending (fraud-detector%3A production 1.0.0 → 1.1.0)::20 hours 40 minutes in staging of 24 hours%0Aopens 2026-11-24 14:00 UTC (in 3h 20m)
::warning file=registry.example/production/fraud-detector.yaml,title=evidence pending (fraud-detector%3A production 1.0.0 → 1.1.0)::no test-result called shadow-traffic%0Atype: gitstage attest fraud-detector@1.1.0 --type test-result --name shadow-traffic --result passed
::warning file=registry.example/models/fraud-detector/1.1.0.yaml,title=metrics warn (fraud-detector%3A production 1.0.0 → 1.1.0)::latency_p99_ms is missing%0Anext: register a version that has it: --metric latency_p99_ms=VALUE
::notice title=gitstage::refused: 3 of 4 changes%0Athree commits, brought in by one merge, judged as one step
gitstage: refused: 3 of 4 changes; three commits, brought in by one merge, judged as one step
""")


def test_a_change_that_time_will_open() -> None:
    assert render(PENDING) == snapshot("""\
::warning file=registry.example/production/fraud-detector.yaml,title=soak pending (fraud-detector%3A production 1.0.0 → 1.1.0)::20 hours 40 minutes in staging of 24 hours%0Aopens 2026-11-24 14:00 UTC (in 3h 20m)
::warning file=registry.example/models/fraud-detector/1.1.0.yaml,title=metrics warn (fraud-detector%3A production 1.0.0 → 1.1.0)::latency_p99_ms is missing%0Anext: register a version that has it: --metric latency_p99_ms=VALUE
::notice title=gitstage::pending until 2026-11-24 14:00 UTC (in 3h 20m): 1 of 1 change
gitstage: pending until 2026-11-24 14:00 UTC (in 3h 20m): 1 of 1 change
""")


def test_a_change_that_waits_for_a_person_too() -> None:
    assert render(UNKNOWN_WHEN) == snapshot("""\
::warning file=registry.example/production/fraud-detector.yaml,title=soak pending (fraud-detector%3A production 1.0.0 → 1.1.0)::20 hours 40 minutes in staging of 24 hours%0Aopens 2026-11-24 14:00 UTC (in 3h 20m)
::warning file=registry.example/production/fraud-detector.yaml,title=evidence pending (fraud-detector%3A production 1.0.0 → 1.1.0)::no test-result called shadow-traffic%0Atype: gitstage attest fraud-detector@1.1.0 --type test-result --name shadow-traffic --result passed
::notice title=gitstage::pending: 1 of 1 change
gitstage: pending: 1 of 1 change
""")


def test_a_change_that_touches_no_registry() -> None:
    assert render(EMPTY) == snapshot("""\
::notice title=gitstage::passed: nothing of a registry changes
gitstage: passed: nothing of a registry changes
""")


def test_a_new_registry_is_said() -> None:
    assert render(FIRST) == snapshot("""\
::notice title=gitstage::passed: 1 change%0Aa new registry: there is none at the base, so its own policy judges it
gitstage: passed: 1 change; a new registry: there is none at the base, so its own policy judges it
""")


def test_of_more_than_ten_of_a_type_the_worst_ten_are_shown_and_the_rest_is_counted() -> None:
    pending = [promotion(SOAKS, ADVISED) for _ in range(7)]
    refused = [promotion(AUC_DROPPED.bind(message=f"finding {n}")) for n in range(12)]
    lines = render(report(*pending, *refused)).splitlines()
    assert [line.split(" ")[0] for line in lines] == ["::error"] * 10 + ["::warning"] * 10 + ["::notice", "gitstage:"]
    assert [line.rpartition("::")[2] for line in lines[:10]] == [f"finding {n}" for n in range(10)]
    assert [line for line in lines if "soak pending" in line] == lines[10:17]
    unshown = "6 more findings are left out: GitHub shows 10 annotations of a type; all of them: gitstage check"
    assert lines[-2:] == [
        f"::notice title=gitstage::refused: 12 of 19 changes%0A{unshown}",
        f"gitstage: refused: 12 of 19 changes; {unshown}",
    ]


def test_one_more_than_ten_is_one() -> None:
    judged = report(*(promotion(AUC_DROPPED) for _ in range(11)))
    said = "; 1 more finding is left out: GitHub shows 10 annotations of a type; all of them: gitstage check\n"
    assert render(judged).endswith(said)
    assert "left out" not in render(report(*judged.judgements[1:]))


def test_titles_and_messages_are_no_longer_than_github_takes() -> None:
    long = AUC_DROPPED.bind(rule="r" * 300, message="m" * 100_000, hint="h" * 100_000)
    error, notice = commands_in(render(report(promotion(long), notes=("n" * 100_000,))))
    assert len(error[1]["title"]) <= 255
    assert [(len(line) <= 4_000, line.endswith(" more characters)")) for line in error[2].split("\n")] == [
        (True, True)
    ] * 2
    assert len(notice[2]) < 5_000


def test_a_finding_without_a_file_stands_at_the_slot_or_nowhere() -> None:
    somewhere = SOAKS.bind(line=3)
    nowhere = Judgement(thing="policy", action="policy", findings=(somewhere,))
    assert [properties for _, properties, _ in commands_in(render(report(promotion(somewhere), nowhere)))] == [
        {
            "file": "registry.example/production/fraud-detector.yaml",
            "title": "soak pending (fraud-detector: production 1.0.0 → 1.1.0)",
        },
        {"title": "soak pending (policy)"},
        {"title": "gitstage"},
    ]


def test_what_was_waived_is_counted_and_stays_a_debt() -> None:
    assert render(WAIVED) == snapshot("""\
::warning file=registry.example/production/fraud-detector.yaml,title=soak waived (fraud-detector%3A production 1.0.0 → 1.1.0)::20 hours 40 minutes in staging of 24 hours; waived by alice until 2026-11-25T10:40:00Z: outage
::notice title=gitstage::passed: 1 change, 1 waived%0Adebt: alice waived soak of standard (outage): to be countersigned within 3d%0Adebt: bob, carol rolled back: to be countersigned since 1h
gitstage: passed: 1 change, 1 waived; debt: alice waived soak of standard (outage): to be countersigned within 3d; debt: bob, carol rolled back: to be countersigned since 1h
""")
