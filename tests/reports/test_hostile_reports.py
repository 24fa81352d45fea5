"""Whatever a repository writes into its files: no format says more than one report, or commands anybody."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree as ET

from click import unstyle
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from gitstage.findings import Debt, Finding, Judgement, Report, Verdict
from gitstage.reports import as_json, github, junit, markdown, sarif, text
from gitstage.sinks import terminal
from tests.reports.runner import annotation, commands_in
from tests.reports.stories import NOW
from tests.reports.test_junit import SCHEMA as JUNIT
from tests.reports.test_sarif import problems
from tests.test_sinks import HOSTILE

MAYBE = st.none() | HOSTILE
VERDICTS = st.sampled_from(list(Verdict))
MOMENTS = st.none() | st.integers(-5, 5000).map(lambda minutes: NOW + timedelta(minutes=minutes))
FINDINGS = st.builds(
    Finding,
    rule=HOSTILE,
    verdict=VERDICTS,
    message=HOSTILE,
    path=MAYBE,
    line=st.none() | st.integers(1, 9),
    gate=MAYBE,
    value=MAYBE,
    threshold=MAYBE,
    opens=MOMENTS,
    hint=MAYBE | HOSTILE.map(lambda text: f"gitstage {text}"),
    advisory=st.booleans(),
    people=st.lists(HOSTILE, max_size=2).map(tuple),
)
DEBTS = st.builds(
    Debt,
    kind=st.sampled_from(["waiver", "rollback"]) | HOSTILE,
    by=st.lists(HOSTILE, max_size=2).map(tuple),
    due=MOMENTS,
    rule=MAYBE,
    gate=MAYBE,
    reason=MAYBE,
    expires=MOMENTS,
)
NUMBERS = st.none() | st.floats()
JUDGEMENTS = st.builds(
    Judgement,
    thing=HOSTILE,
    action=st.sampled_from(["promote", "archive", "rollback"]) | HOSTILE,
    model=MAYBE,
    stage=MAYBE,
    source=MAYBE,
    before=MAYBE,
    after=MAYBE,
    metrics=st.dictionaries(HOSTILE, st.tuples(NUMBERS, NUMBERS), max_size=2),
    findings=st.lists(FINDINGS, max_size=3).map(tuple),
    debts=st.lists(DEBTS, max_size=2).map(tuple),
)
REPORTS = st.builds(
    Report,
    judgements=st.lists(JUDGEMENTS, max_size=3).map(tuple),
    moment=st.just(NOW),
    registry=HOSTILE,
    base=MAYBE,
    head=MAYBE,
    new_registry=st.booleans(),
    elsewhere=st.lists(HOSTILE, max_size=2).map(tuple),
    notes=st.lists(HOSTILE, max_size=2).map(tuple),
)
hostile = settings(suppress_health_check=[HealthCheck.too_slow], max_examples=200)


def tamed(report: Report) -> Report:
    """The same report with an x for each text that is not empty."""
    return replace(
        report,
        registry=_x(report.registry),
        base=_x(report.base),
        head=_x(report.head),
        elsewhere=tuple(map(_x, report.elsewhere)),
        notes=tuple(map(_x, report.notes)),
        judgements=tuple(map(_tamed_judgement, report.judgements)),
    )


def _tamed_judgement(judgement: Judgement) -> Judgement:
    return replace(
        judgement,
        thing=_x(judgement.thing),
        action=judgement.action if judgement.action in ("promote", "archive", "rollback") else "x",
        model=_x(judgement.model),
        stage=_x(judgement.stage),
        source=_x(judgement.source),
        before=_x(judgement.before),
        after=_x(judgement.after),
        metrics={f"x{number}": values for number, values in enumerate(judgement.metrics.values())},
        findings=tuple(map(_tamed_finding, judgement.findings)),
        debts=tuple(map(_tamed_debt, judgement.debts)),
    )


def _tamed_finding(finding: Finding) -> Finding:
    texts = ("rule", "message", "path", "gate", "value", "threshold", "hint")
    return finding.bind(people=tuple(map(_x, finding.people)), **{name: _x(getattr(finding, name)) for name in texts})


def _tamed_debt(debt: Debt) -> Debt:
    return replace(
        debt,
        kind=debt.kind if debt.kind in ("waiver", "rollback") else "x",
        by=tuple(map(_x, debt.by)),
        rule=_x(debt.rule),
        gate=_x(debt.gate),
        reason=_x(debt.reason),
    )


def _x(text: Any) -> Any:
    return "x" if text else text


@hostile
@given(REPORTS, st.booleans())
def test_text_has_the_lines_of_a_tame_report_and_nothing_that_a_terminal_obeys(
    report: Report, ascii_only: bool
) -> None:
    written = text.render(report, ascii_only=ascii_only)
    assert len(written.splitlines()) == written.count("\n") == text.render(tamed(report)).count("\n")
    assert written.replace("\n", "").isprintable()
    assert written.isascii() or not ascii_only
    assert commands_in(written) == []
    assert unstyle(text.render(report, colour=True, ascii_only=ascii_only)) == written


@hostile
@given(REPORTS)
def test_github_gets_our_commands_and_no_others(report: Report) -> None:
    written = github.render(report)
    counted = [
        "error" if finding.verdict is Verdict.REFUSED and not finding.advisory else "warning"
        for judgement in report.judgements
        for finding in judgement.findings
        if finding.verdict is not Verdict.PASSED
    ]
    commands = commands_in(written)
    assert [name for name, _, _ in commands] == [*sorted(counted), "notice"]
    assert [annotation(line) for line in written.splitlines()[:-1]] == commands
    assert {key for _, properties, _ in commands for key in properties} <= {"file", "line", "title"}
    assert written.count("\n") == len(written.splitlines()) == len(commands) + 1
    assert written.splitlines()[-1].startswith("gitstage: ")
    assert written.replace("\n", "").isprintable()
    messages = [message.split("\n")[0] for _, _, message in commands]
    for judgement in report.judgements:
        for finding in judgement.findings:
            assert finding.verdict is Verdict.PASSED or terminal(finding.message) in messages


PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
OURS = [
    "h3",
    "h4",
    "p",
    "ul",
    "li",
    "details",
    "summary",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "code",
    "span",
    "br",
]


@hostile
@given(REPORTS)
def test_markdown_has_the_lines_and_cells_and_tags_of_a_tame_report(report: Report) -> None:
    written, tame = markdown.render(report), markdown.render(tamed(report))
    assert written.count("\n") == len(written.splitlines()) == tame.count("\n")
    assert [line.count("|") for line in written.splitlines()] == [line.count("|") for line in tame.splitlines()]
    assert written.replace("\n", "").replace("\ufe0f", "").isprintable()
    assert commands_in(written) == []
    assert _structure(written) == _structure(tame)


def _structure(page: str) -> list[str]:
    """The tags of a page in their order; code and what keeps text apart may be there or not."""
    tags: list[str] = re.findall(r"<(/?\w+)", PARSER.render(page))
    assert {tag.removeprefix("/") for tag in tags} <= set(OURS)
    return [tag for tag in tags if tag.removeprefix("/") not in ("code", "span")]


@hostile
@given(REPORTS)
def test_json_says_what_the_report_says(report: Report) -> None:
    written = as_json.render(report)
    said = json.loads(written)
    assert said == as_json.document(report)
    assert written.isascii()
    assert commands_in(written) == []
    assert [said[name] for name in ("registry", "base", "head", "notes")] == [
        report.registry,
        report.base,
        report.head,
        list(report.notes),
    ]
    assert [finding["message"] for judgement in said["judgements"] for finding in judgement["findings"]] == [
        finding.message for judgement in report.judgements for finding in judgement.findings
    ]


@settings(hostile, max_examples=60)  # what takes long is the schema
@given(REPORTS)
def test_sarif_is_valid_and_says_of_each_finding_what_a_tame_report_says(report: Report) -> None:
    written = sarif.render(report)
    log = json.loads(written)
    assert problems(log) == []
    assert written.isascii()
    assert commands_in(written) == []
    assert _shape(log["runs"][0]["results"]) == _shape(sarif.document(tamed(report))["runs"][0]["results"])
    assert all(said.replace("\n", "").isprintable() for said in _texts(log))
    for message in _messages(log):
        assert "](" not in message
        assert re.search(r"(?<!\{)(?:\{\{)*\{(?!\{)", message) is None
    for result in log["runs"][0]["results"]:
        uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert re.fullmatch(r"(?:[A-Za-z0-9._~/-]|%[0-9A-F]{2})+", uri)
        assert not uri.startswith("/")


def _shape(results: list[dict[str, Any]]) -> list[tuple[object, ...]]:
    """How results weigh, and which of the things that may be missing each has; where they are equal the order may differ."""
    return [
        (result["level"], result["properties"]["verdict"], "suppressions" in result, sorted(result["properties"]))
        for result in results
    ]


def _messages(value: Any) -> list[str]:
    """The texts in which SARIF looks for links and placeholders."""
    if isinstance(value, dict):
        own = [text for key, text in value.items() if key in ("text", "markdown")]
        return own + [text for inner in value.values() for text in _messages(inner)]
    return [text for inner in value for text in _messages(inner)] if isinstance(value, list) else []


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for inner in value.values() for text in _texts(inner)]
    return [text for inner in value for text in _texts(inner)] if isinstance(value, list) else []


@hostile
@given(REPORTS)
def test_junit_is_valid_and_has_the_elements_of_a_tame_report(report: Report) -> None:
    written = junit.render(report)
    JUNIT.validate(written)
    assert written.isascii()
    assert commands_in(written) == []
    elements = list(ET.fromstring(written).iter())
    assert [item.tag for item in elements] == [item.tag for item in ET.fromstring(junit.render(tamed(report))).iter()]
    for item in elements:
        for said in (*item.attrib.values(), item.text or ""):
            assert said.replace("\n", "").isprintable()
