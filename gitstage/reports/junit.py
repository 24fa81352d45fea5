"""A report as JUnit's XML, which every CI system shows as a list of tests.

The form is that of `junit-10.xsd` of Jenkins' xUnit plug-in, which GitLab, Azure and others read as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from gitstage.findings import Finding, Judgement, Report
from gitstage.reports import wording
from gitstage.sinks import terminal

CHARACTERS = 4_000
"""So many characters of one text are written."""
# A gate that is not met yet is no test that was left out: whoever looks at the colour only must not see green.
_ELEMENTS = {"refused": "failure", "pending": "failure", "waived": "skipped", "warn": "skipped"}


def render(report: Report) -> str:
    """One suite for each judgement, one case for each finding; XML in ASCII, with references for all other characters.

    What is refused or pending is a failure of that type, what is waived or advice is skipped.
    """
    suites = Element("testsuites", name="gitstage")
    for judgement in report.judgements:
        suite = _suite(report, judgement)
        owed = [f"debt: {debt}" for debt in wording.debts(report, judgement)]
        if owed:
            SubElement(suite, "system-err").text = _lines(owed)
        suites.append(suite)
    if not report.judgements:
        suites.append(_filled(_named("testsuite", "gitstage"), [_case("gitstage", wording.NOTHING)]))
    _counted(suites, suites.iter("testsuite"), ("tests", "failures", "errors"))
    said = [
        wording.conclusion(report),
        *([wording.NEW_REGISTRY] if report.new_registry else []),
        *report.notes,
    ]
    for suite in suites:
        suite.set("timestamp", report.moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"))
        suite.insert(0, _properties(report))
        SubElement(suite, "system-out").text = _lines(said)
    indent(suites)
    written: bytes = tostring(suites, encoding="us-ascii", xml_declaration=True)
    return written.decode("ascii") + "\n"


def _suite(report: Report, judgement: Judgement) -> Element:
    suite = _named("testsuite", wording.headline(judgement))
    names: Counter[str] = Counter()
    cases = []
    for finding in wording.by_weight(judgement.findings):
        name = _name(finding)
        names[name] += 1
        told = name if names[name] == 1 else f"{name} ({names[name]})"
        cases.append(_told(report, finding, _case(judgement.thing, told)))
    return _filled(suite, cases or [_case(judgement.thing, str(judgement.verdict))])


def _filled(suite: Element, cases: Iterable[Element]) -> Element:
    suite.extend(cases)
    for name, element in (("tests", "testcase"), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(sum(1 for _ in suite.iter(element))))
    return suite


def _counted(whole: Element, suites: Iterable[Element], names: Iterable[str]) -> None:
    counts = [dict(suite.attrib) for suite in suites]
    for name in names:
        whole.set(name, str(sum(int(count[name]) for count in counts)))


def _properties(report: Report) -> Element:
    properties = Element("properties")
    for name in ("base", "head", "registry"):
        value = getattr(report, name)
        if value:
            SubElement(properties, "property", name=name, value=_text(value))
    SubElement(properties, "property", name="verdict", value=str(report.verdict))
    return properties


def _name(finding: Finding) -> str:
    """What was asked, which is the same in every run: CI systems know a test by its name."""
    gate = f" (gate {finding.gate})" if finding.gate else ""
    return f"{finding.rule}{gate}: {finding.threshold}" if finding.threshold else f"{finding.rule}{gate}"


def _told(report: Report, finding: Finding, case: Element) -> Element:
    weight = wording.weight(finding)
    if weight in _ELEMENTS:
        outcome = SubElement(case, _ELEMENTS[weight], type=weight, message=_text(f"{weight}: {finding.message}"))
        outcome.text = _lines(_details(report, finding))
    else:
        SubElement(case, "system-out").text = _text(finding.message)
    return case


def _details(report: Report, finding: Finding) -> Iterator[str]:
    yield finding.message
    where = wording.location(report, finding.path)
    if where is not None:
        yield where if finding.line is None else f"{where}:{finding.line}"
    if finding.value is not None:
        yield f"measured: {finding.value}"
    if finding.threshold is not None:
        yield f"asked: {finding.threshold}"
    yield from wording.next_steps(report, finding)


def _case(thing: str, name: str) -> Element:
    case = _named("testcase", name)
    case.set("classname", _text(thing))
    return case


def _named(tag: str, name: str) -> Element:
    return Element(tag, name=_text(name))


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(_text(line) for line in lines)


def _text(text: str) -> str:
    """One line, in which XML allows every character: what it forbids is nothing that can be seen."""
    return wording.clipped(terminal(text), CHARACTERS)
