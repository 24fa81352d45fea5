from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import unquote

import pytest
from inline_snapshot import snapshot
from jsonschema import Draft4Validator, FormatChecker

from gitstage.findings import Finding, Judgement, Report, Verdict
from gitstage.reports.sarif import LEVELS, document, render, uri_of
from gitstage.rules import ALL, JUDGED_ELSEWHERE
from tests.reports.stories import (
    AUC_DROPPED,
    FIRST,
    NEAR_MISS,
    NOW,
    PASSED,
    PENDING,
    REFUSED,
    SOAKS,
    STORIES,
    WAIVED,
    promotion,
    report,
)

SCHEMA = json.loads((Path(__file__).parent / "schemas" / "sarif-2.1.0-rtm.5.json").read_text("utf-8"))
VALIDATOR = Draft4Validator(SCHEMA, format_checker=FormatChecker())


def problems(log: Any) -> list[str]:
    """What the schema of the standard has against a log."""
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(log)]


def run_of(told: Report, **options: int) -> Any:
    log = document(told, **options)
    assert problems(log) == []
    (run,) = log["runs"]
    return run


@pytest.mark.parametrize("name", sorted(STORIES))
def test_every_story_is_valid_sarif(name: str) -> None:
    written = render(STORIES[name])
    assert problems(json.loads(written)) == []
    assert json.loads(written) == document(STORIES[name])
    assert written.isascii()


def test_the_schema_is_not_one_that_takes_anything() -> None:
    log = document(REFUSED)
    log["runs"][0]["results"][0]["level"] = "refused"
    del log["runs"][0]["tool"]["driver"]["name"]
    assert sorted(problem.partition(":")[0] for problem in problems(log)) == [
        "$.runs[0].results[0].level",
        "$.runs[0].tool.driver",
    ]


def test_what_was_refused_is_an_error_what_waits_a_warning_and_advice_a_note() -> None:
    results = run_of(REFUSED)["results"]
    assert [(result["ruleId"], result["level"], result["properties"]["verdict"]) for result in results] == snapshot(
        [
            ("metrics", "error", "refused"),
            ("manifest-valid", "error", "refused"),
            ("slot-matches-version", "error", "refused"),
            ("soak", "warning", "pending"),
            ("evidence", "warning", "pending"),
            ("metrics", "note", "warn"),
        ]
    )


def test_a_result_says_what_was_found_where_and_what_to_do() -> None:
    result = run_of(report(promotion(SOAKS)))["results"][0]
    fingerprint = result["partialFingerprints"].pop("gitstage/v1")
    assert result["partialFingerprints"] == {"primaryLocationLineHash": fingerprint}
    assert len(fingerprint) == 34
    rule = result.pop("ruleIndex")
    assert run_of(report(promotion(SOAKS)))["tool"]["driver"]["rules"][rule]["id"] == "soak"
    del result["partialFingerprints"]
    assert result == snapshot(
        {
            "ruleId": "soak",
            "kind": "fail",
            "level": "warning",
            "message": {
                "text": """\
fraud-detector: production 1.0.0 → 1.1.0: pending: 20 hours 40 minutes in staging of 24 hours
opens 2026-11-24 14:00 UTC (in 3h 20m)\
"""
            },
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {
                            "uri": "registry.example/production/fraud-detector.yaml",
                            "uriBaseId": "%SRCROOT%",
                        }
                    },
                    "logicalLocations": [{"fullyQualifiedName": "production/fraud-detector", "kind": "resource"}],
                }
            ],
            "properties": {
                "verdict": "pending",
                "thing": "production/fraud-detector",
                "gate": "standard",
                "value": "20h40m",
                "threshold": "24h",
            },
        }
    )


def test_a_line_is_a_region_and_what_has_no_file_is_about_gitstage_yaml() -> None:
    nowhere = Finding(rule="conflict", verdict=Verdict.REFUSED, message="no merge base", line=3)
    results = run_of(report(Judgement(thing="policy", action="policy", findings=(NEAR_MISS, nowhere))))["results"]
    assert [result["locations"][0]["physicalLocation"] for result in results] == [
        {
            "artifactLocation": {"uri": "registry.example/gitstage.yaml", "uriBaseId": "%SRCROOT%"},
            "region": {"startLine": 7},
        },
        {"artifactLocation": {"uri": "registry.example/gitstage.yaml", "uriBaseId": "%SRCROOT%"}},
    ]


def test_advice_is_suppressed_and_says_so() -> None:
    results = run_of(PENDING)["results"]
    assert [result.get("suppressions") for result in results] == [
        None,
        [{"kind": "external", "status": "accepted", "justification": "enforce: warn"}],
    ]


def test_what_was_waived_is_suppressed_by_whom_and_stays_a_debt() -> None:
    run = run_of(WAIVED)
    assert [
        (result["level"], result["properties"]["verdict"], result["suppressions"]) for result in run["results"]
    ] == [("note", "waived", [{"kind": "external", "status": "accepted", "justification": "waived by alice"}])]
    (invocation,) = run["invocations"]
    assert (invocation["exitCode"], invocation["exitCodeDescription"]) == (0, "passed: 1 change, 1 waived")
    assert [(one["level"], one["message"]["text"]) for one in invocation["toolExecutionNotifications"]] == snapshot(
        [
            ("warning", "debt: alice waived soak of standard (outage): to be countersigned within 3d"),
            ("warning", "debt: bob, carol rolled back: to be countersigned since 1h"),
        ]
    )


def test_what_passed_is_no_result() -> None:
    run = run_of(PASSED)
    assert run["results"] == []
    assert run["invocations"] == [
        {
            "executionSuccessful": True,
            "exitCode": 0,
            "exitCodeDescription": "passed: 4 changes",
            "endTimeUtc": "2026-11-24T10:40:00Z",
            "toolExecutionNotifications": [],
        }
    ]
    assert (run["properties"]["verdict"], run["properties"]["found"]) == ("passed", 0)


def test_runs_of_several_registries_in_one_repository_are_kept_apart() -> None:
    assert [run_of(told)["automationDetails"] for told in (PASSED, FIRST)] == [
        {"id": "gitstage/registry.example/"},
        {"id": "gitstage/"},
    ]


def test_notes_are_notifications() -> None:
    said = [run_of(told)["invocations"][0]["toolExecutionNotifications"] for told in (FIRST, REFUSED)]
    assert [[(one["level"], one["message"]["text"]) for one in notes] for notes in said] == [
        [("note", "a new registry: there is none at the base, so its own policy judges it")],
        [("note", "three commits, brought in by one merge, judged as one step")],
    ]


def test_every_rule_of_the_table_is_there_with_its_page() -> None:
    rules = {rule["id"]: rule for rule in run_of(PASSED)["tool"]["driver"]["rules"]}
    assert list(rules) == [*(rule.id for rule in ALL), *JUDGED_ELSEWHERE]
    assert rules["soak"]["shortDescription"] == {"text": "a version stays in the stage before for a while"}
    assert rules["soak"]["fullDescription"] == {"text": "What was in staging for an hour has met an hour of the world."}
    assert "Passes: 1.1.0 in effect" in rules["soak"]["help"]["text"]
    assert rules["conflict"]["help"]["text"].startswith("both sides changed one file differently")
    assert {len(rule["properties"]["tags"]) for rule in rules.values()} == {2}


def test_a_rule_that_a_policy_made_up_is_described_where_it_found_something() -> None:
    run = run_of(report(promotion(AUC_DROPPED.bind(rule="rules/licensed-data"), AUC_DROPPED.bind(rule=""))))
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules[-2:]] == ["rules/licensed-data", "unnamed"]
    assert rules[-2]["shortDescription"] == {"text": "the policy's own rule rules/licensed-data"}
    assert [rules[result["ruleIndex"]]["id"] for result in run["results"]] == ["rules/licensed-data", "unnamed"]


def fingerprints(told: Report) -> list[str]:
    return [result["partialFingerprints"]["primaryLocationLineHash"] for result in run_of(told)["results"]]


def test_the_same_problem_has_the_same_fingerprint_in_every_run() -> None:
    later = SOAKS.bind(message="22 hours in staging of 24 hours", value="22h")
    again = Report(
        judgements=(promotion(later, AUC_DROPPED.bind(value="0.9", message="x", line=3)),),
        moment=NOW.replace(year=2027),
        registry="registry.example",
        base="0" * 40,
        head="1" * 40,
    )
    assert fingerprints(again) == fingerprints(report(promotion(SOAKS, AUC_DROPPED)))


def test_different_problems_have_different_fingerprints() -> None:
    others = [
        SOAKS,
        SOAKS.bind(gate="fraud"),
        SOAKS.bind(rule="keep"),
        SOAKS.bind(path="models/x.yaml"),
        SOAKS.bind(threshold="48h"),
        SOAKS,
    ]
    found = fingerprints(report(promotion(*others)))
    assert len(set(found)) == len(others)
    assert found[-1] == found[0].replace(":1", ":2")


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("models/fraud-detector/1.1.0.yaml", "models/fraud-detector/1.1.0.yaml"),
        ("models/a b/ü%.yaml", "models/a%20b/%C3%BC%25.yaml"),
        ("https://evil.example/x", "https%3A/%2F/evil.example/x"),
        ("//evil.example/x", "%2F/%2F/evil.example/x"),
        ("a?b#c", "a%3Fb%23c"),
        ("new\nline", "new%0Aline"),
        (b"caf\xe9.yaml".decode("utf-8", "surrogateescape"), "caf%E9.yaml"),
        ("half\ud800", "half%5Cud800"),
        ("evidence/m/1.0.0/", "evidence/m/1.0.0"),
        ("", "%2F"),
    ],
)
def test_a_path_is_percent_encoded_byte_by_byte(path: str, uri: str) -> None:
    assert uri_of(path) == uri
    assert uri.isascii()
    if "//" not in path and "\ud800" not in path and path:
        assert unquote(uri, errors="surrogateescape") == path.removesuffix("/")


def test_no_more_results_than_github_takes_and_the_worst_of_them() -> None:
    many = report(promotion(SOAKS, *[SOAKS.bind(path=f"models/m/{n}.yaml") for n in range(6)], AUC_DROPPED))
    run = run_of(many, limit=3)
    assert [result["ruleId"] for result in run["results"]] == ["metrics", "soak", "soak"]
    assert run["properties"]["found"] == 8
    assert [note["message"]["text"] for note in run["invocations"][0]["toolExecutionNotifications"]] == [
        "5 more findings are left out: GitHub shows 5,000 results of 10 MB; all of them: gitstage check"
    ]
    one = run_of(many, limit=7)["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"]
    assert one.startswith("1 more finding is left out")


def test_of_25_000_findings_5_000_are_results() -> None:
    many = report(promotion(*[SOAKS.bind(path=f"models/m/{n}.yaml") for n in range(25_001)]))
    log = document(many)
    assert len(log["runs"][0]["results"]) == 5_000
    assert log["runs"][0]["properties"]["found"] == 25_001


def test_no_more_bytes_than_github_takes_whatever_a_repository_says() -> None:
    chance = Random(1)
    texts = ["".join(chr(chance.randrange(0x4E00, 0x9FFF)) for _ in range(1_000)) for _ in range(50)]
    many = [SOAKS.bind(path=text, message=text, value=text, threshold=text, gate=text) for text in texts * 20]
    written = render(report(promotion(*many, AUC_DROPPED)))
    assert len(written) < 10_000_000
    (run,) = json.loads(written)["runs"]
    assert run["results"][0]["ruleId"] == "metrics"
    left_out = run["properties"]["found"] - len(run["results"])
    assert 0 < left_out < 1_001
    assert run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"].startswith(f"{left_out} more")


def test_the_room_for_results_is_counted_as_it_is_written() -> None:
    one, two, three = (report(promotion(*[SOAKS] * count)) for count in (1, 2, 3))
    size = len(render(two)) - len(render(one)) - len(",")
    assert len(document(three, room=2 * size)["runs"][0]["results"]) <= 2
    assert len(document(three, room=2 * size + 50)["runs"][0]["results"]) == 2
    assert len(document(three, room=2 * size - 50)["runs"][0]["results"]) == 1


def test_a_long_text_is_cut_and_says_so() -> None:
    text = run_of(report(promotion(SOAKS.bind(message="x" * 5_000))))["results"][0]["message"]["text"]
    assert len(text) <= 1_000
    assert text.endswith("more characters)")


def test_a_text_is_neither_a_link_nor_a_placeholder() -> None:
    text = run_of(report(promotion(SOAKS.bind(message="[click](https://x.org) {0} {{1}}"))))["results"][0]["message"]
    assert "[click]\\(https://x.org) {{0}} {{{{1}}}}" in text["text"]


def test_every_weight_that_is_not_passed_has_a_level() -> None:
    assert {str(verdict) for verdict in Verdict} - {"passed"} <= LEVELS.keys()
