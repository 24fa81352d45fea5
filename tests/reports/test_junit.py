from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from inline_snapshot import snapshot
from xmlschema import XMLSchema

from gitstage.findings import Finding, Judgement, Verdict
from gitstage.reports.junit import render
from tests.reports.stories import (
    EMPTY,
    FIRST,
    NEAR_MISS,
    PASSED,
    PENDING,
    REFUSED,
    SOAKS,
    STORIES,
    WAIVED,
    promotion,
    report,
)

SCHEMA = XMLSchema(str(Path(__file__).parent / "schemas" / "junit-10.xsd"))


@pytest.mark.parametrize("name", sorted(STORIES))
def test_every_story_is_valid_by_the_schema_of_jenkins(name: str) -> None:
    written = render(STORIES[name])
    SCHEMA.validate(written)
    assert written.isascii()


def test_the_schema_is_not_one_that_takes_anything() -> None:
    assert not SCHEMA.is_valid(render(REFUSED).replace("testcase", "case"))
    assert not SCHEMA.is_valid(render(REFUSED).replace(' errors="0"', ""))


def test_a_change_that_passed() -> None:
    assert render(report(promotion())) == snapshot("""\
<?xml version='1.0' encoding='us-ascii'?>
<testsuites name="gitstage" tests="1" failures="0" errors="0">
  <testsuite name="fraud-detector: production 1.0.0 &#8594; 1.1.0" tests="1" failures="0" errors="0" skipped="0" timestamp="2026-11-24T10:40:00">
    <properties>
      <property name="base" value="1a2b3c4d5e6f0000000000000000000000000000" />
      <property name="head" value="5d6e7f8a9b0c0000000000000000000000000000" />
      <property name="registry" value="registry.example" />
      <property name="verdict" value="passed" />
    </properties>
    <testcase name="passed" classname="production/fraud-detector" />
    <system-out>passed: 1 change</system-out>
  </testsuite>
</testsuites>
""")


def test_what_is_refused_or_pending_fails_and_advice_is_skipped() -> None:
    assert render(PENDING) == snapshot("""\
<?xml version='1.0' encoding='us-ascii'?>
<testsuites name="gitstage" tests="3" failures="1" errors="0">
  <testsuite name="fraud-detector: production 1.0.0 &#8594; 1.1.0" tests="3" failures="1" errors="0" skipped="1" timestamp="2026-11-24T10:40:00">
    <properties>
      <property name="base" value="1a2b3c4d5e6f0000000000000000000000000000" />
      <property name="head" value="5d6e7f8a9b0c0000000000000000000000000000" />
      <property name="registry" value="registry.example" />
      <property name="verdict" value="pending" />
    </properties>
    <testcase name="soak (gate standard): 24h" classname="production/fraud-detector">
      <failure type="pending" message="pending: 20 hours 40 minutes in staging of 24 hours">20 hours 40 minutes in staging of 24 hours
measured: 20h40m
asked: 24h
opens 2026-11-24 14:00 UTC (in 3h 20m)</failure>
    </testcase>
    <testcase name="metrics (gate fraud)" classname="production/fraud-detector">
      <skipped type="warn" message="warn: latency_p99_ms is missing">latency_p99_ms is missing
registry.example/models/fraud-detector/1.1.0.yaml
next: register a version that has it: --metric latency_p99_ms=VALUE</skipped>
    </testcase>
    <testcase name="metrics (gate fraud): min 0.9" classname="production/fraud-detector">
      <system-out>auc 0.953, min 0.9</system-out>
    </testcase>
    <system-out>pending until 2026-11-24 14:00 UTC (in 3h 20m): 1 of 1 change</system-out>
  </testsuite>
</testsuites>
""")


def test_an_answer_about_nothing_is_a_test_too() -> None:
    assert render(EMPTY) == snapshot("""\
<?xml version='1.0' encoding='us-ascii'?>
<testsuites name="gitstage" tests="1" failures="0" errors="0">
  <testsuite name="gitstage" tests="1" failures="0" errors="0" skipped="0" timestamp="2026-11-24T10:40:00">
    <properties>
      <property name="base" value="1a2b3c4d5e6f0000000000000000000000000000" />
      <property name="head" value="5d6e7f8a9b0c0000000000000000000000000000" />
      <property name="registry" value="registry.example" />
      <property name="verdict" value="passed" />
    </properties>
    <testcase name="nothing of a registry changes" classname="gitstage" />
    <system-out>passed: nothing of a registry changes</system-out>
  </testsuite>
</testsuites>
""")


def outcomes(written: str) -> list[tuple[str, str]]:
    """The name of each test case and how it ended."""
    cases = ET.fromstring(written).iter("testcase")
    found = ((case.get("name", ""), [child for child in case if child.tag != "system-out"]) for case in cases)
    return [(name, f"{child[0].tag}: {child[0].get('type')}" if child else "passed") for name, child in found]


def test_each_finding_is_a_case_and_the_counts_agree() -> None:
    written = render(REFUSED)
    assert outcomes(written) == snapshot(
        [
            ("passed", "passed"),
            ("metrics (gate fraud): max-drop 0.002", "failure: refused"),
            ("soak (gate standard): 24h", "failure: pending"),
            ("evidence (gate fraud): test-result shadow-traffic", "failure: pending"),
            ("metrics (gate fraud)", "skipped: warn"),
            ("soak (gate standard): 24h (2)", "passed"),
            ("manifest-valid", "failure: refused"),
            ("slot-matches-version", "failure: refused"),
        ]
    )
    whole = ET.fromstring(written)
    assert (whole.get("tests"), whole.get("failures"), whole.get("errors")) == ("8", "5", "0")
    for suite in whole:
        assert suite.get("tests") == str(len(suite.findall("testcase")))
        assert suite.get("failures") == str(len(suite.findall("testcase/failure")))
        assert suite.get("skipped") == str(len(suite.findall("testcase/skipped")))
        assert suite.get("timestamp") == "2026-11-24T10:40:00"


def test_a_failure_says_where_what_was_measured_and_what_to_do() -> None:
    finding = NEAR_MISS.bind(value="gatez", threshold="gates")
    failure = ET.fromstring(render(report(promotion(finding)))).find(".//failure")
    assert failure is not None
    assert failure.attrib == {"type": "refused", "message": "refused: gatez is no key of gitstage.yaml"}
    assert str(failure.text).splitlines() == [
        "gatez is no key of gitstage.yaml",
        "registry.example/gitstage.yaml:7",
        "measured: gatez",
        "asked: gates",
        "next: did you mean gates?",
    ]


def test_notes_stand_in_the_output_and_commits_in_the_properties() -> None:
    whole = ET.fromstring(render(REFUSED))
    assert {str(suite.findtext("system-out")) for suite in whole} == {
        "refused: 3 of 4 changes\nthree commits, brought in by one merge, judged as one step"
    }
    assert {item.get("name"): item.get("value") for item in whole.findall("testsuite[1]/properties/property")} == {
        "base": "1a2b3c4d5e6f" + "0" * 28,
        "head": "5d6e7f8a9b0c" + "0" * 28,
        "registry": "registry.example",
        "verdict": "refused",
    }
    assert "a new registry" in str(ET.fromstring(render(FIRST)).findtext("testsuite/system-out"))


def test_what_xml_forbids_is_an_escape() -> None:
    hostile = "]]> <![CDATA[ </failure> &amp; \x00\x0b\x1b[31m \ufffe \ud800 \u202e ::error::x ##[error]x"
    finding = Finding(rule=hostile, verdict=Verdict.REFUSED, message=hostile, path=hostile, hint=hostile, gate=hostile)
    written = render(report(Judgement(thing=hostile, action="x", findings=(finding,)), notes=(hostile,)))
    SCHEMA.validate(written)
    failure = ET.fromstring(written).find(".//failure")
    assert failure is not None
    assert failure.get("message") == (
        r"refused: ]]> <![CDATA[ </failure> &amp; \x00\x0b\x1b[31m \ufffe \ud800 \u202e ::error::x #\x23[error]x"
    )
    assert len(str(failure.text).splitlines()) == 3


def test_a_long_text_is_cut_and_says_so() -> None:
    finding = NEAR_MISS.bind(message="x" * 10_000)
    failure = ET.fromstring(render(report(promotion(finding)))).find(".//failure")
    assert failure is not None
    assert len(str(failure.get("message"))) <= 4_000
    assert str(failure.get("message")).endswith("more characters)")


def test_the_words_of_a_passing_change_are_all_there() -> None:
    assert outcomes(render(PASSED)) == snapshot(
        [
            ("passed", "passed"),
            ("metrics (gate fraud): min 0.9", "passed"),
            ("soak (gate standard): 24h", "passed"),
            ("passed", "passed"),
            ("passed", "passed"),
        ]
    )


def test_a_test_has_the_same_name_in_every_run_and_no_other_has_it() -> None:
    later = SOAKS.bind(message="22 hours", value="22h")
    assert outcomes(render(report(promotion(SOAKS, SOAKS)))) == outcomes(render(report(promotion(later, later))))
    assert [name for name, _ in outcomes(render(report(promotion(SOAKS, SOAKS))))] == [
        "soak (gate standard): 24h",
        "soak (gate standard): 24h (2)",
    ]


def test_what_was_waived_is_counted_and_stays_a_debt() -> None:
    assert render(WAIVED) == snapshot("""\
<?xml version='1.0' encoding='us-ascii'?>
<testsuites name="gitstage" tests="2" failures="0" errors="0">
  <testsuite name="fraud-detector: production 1.0.0 &#8594; 1.1.0" tests="2" failures="0" errors="0" skipped="1" timestamp="2026-11-24T10:40:00">
    <properties>
      <property name="base" value="1a2b3c4d5e6f0000000000000000000000000000" />
      <property name="head" value="5d6e7f8a9b0c0000000000000000000000000000" />
      <property name="registry" value="registry.example" />
      <property name="verdict" value="passed" />
    </properties>
    <testcase name="soak (gate standard): 24h" classname="production/fraud-detector">
      <skipped type="waived" message="waived: 20 hours 40 minutes in staging of 24 hours; waived by alice until 2026-11-25T10:40:00Z: outage">20 hours 40 minutes in staging of 24 hours; waived by alice until 2026-11-25T10:40:00Z: outage
measured: 20h40m
asked: 24h</skipped>
    </testcase>
    <testcase name="metrics (gate fraud): min 0.9" classname="production/fraud-detector">
      <system-out>auc 0.953, min 0.9</system-out>
    </testcase>
    <system-err>debt: alice waived soak of standard (outage): to be countersigned within 3d
debt: bob, carol rolled back: to be countersigned since 1h</system-err>
    <system-out>passed: 1 change, 1 waived</system-out>
  </testsuite>
</testsuites>
""")
