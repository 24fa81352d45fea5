"""A report as SARIF 2.1.0, for code scanning and whatever else collects findings of many tools.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html, of which GitHub reads a part:
https://docs.github.com/en/code-security/reference/code-scanning/sarif-files/sarif-support
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

from gitstage.findings import Finding, Judgement, Report
from gitstage.layout import CONFIGURATION
from gitstage.reports import wording
from gitstage.rules import ALL, JUDGED_ELSEWHERE, Rule
from gitstage.sinks import json_document, visible

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
SHOWN = 5_000
"""So many results of a run does GitHub show; it refuses a file with more than 25,000."""
BYTES = 9_500_000
"""So many bytes do results take; GitHub takes 10 MB, compressed, and what cannot be compressed is not to count on it."""
CHARACTERS = 1_000
"""So many characters of one text are written; GitHub takes 1,024."""
LEVELS = {"refused": "error", "pending": "warning", "waived": "note", "warn": "note"}
"""What stands against each weight of a finding. What passed is no result: GitHub would show it as an alert."""
FINGERPRINT = "gitstage/v1"
ROOT = "%SRCROOT%"

INDENT = 8
"""So many blanks stand before each line of a result."""
_SETTLED = ("waived", "warn")


def render(report: Report, *, limit: int = SHOWN, room: int = BYTES) -> str:
    """One SARIF log with one run, in ASCII. Its results are the worst findings: at most `limit`, in `room` bytes."""
    return json_document(document(report, limit=limit, room=room))


def document(report: Report, *, limit: int = SHOWN, room: int = BYTES) -> dict[str, Any]:
    """What `render` writes, as dicts, lists, strings, numbers and booleans."""
    found = sorted(_found(report), key=lambda item: list(LEVELS).index(wording.weight(item[1])))
    rules = _rules(finding.rule for _, finding in found[:limit])
    places = {rule["id"]: index for index, rule in enumerate(rules)}
    results = list(_fitting(_results(report, found[:limit], places), room))
    count = len(found) - len(results)
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "gitstage", "semanticVersion": version("gitstage"), "rules": rules}},
                "automationDetails": {
                    "id": f"gitstage/{_clipped(report.registry)}/" if report.registry else "gitstage/"
                },
                "originalUriBaseIds": {ROOT: {"description": {"text": "The root of the repository."}}},
                "columnKind": "unicodeCodePoints",
                "invocations": [_invocation(report, count)],
                "results": results,
                "properties": {
                    "verdict": str(report.verdict),
                    **_said(report, ("registry", "base", "head")),
                    "found": len(found),
                },
            }
        ],
    }


def _found(report: Report) -> Iterator[tuple[Judgement, Finding]]:
    for judgement in report.judgements:
        for finding in judgement.findings:
            if wording.weight(finding) in LEVELS:
                yield judgement, finding


def _fitting(results: Iterable[dict[str, Any]], room: int) -> Iterator[dict[str, Any]]:
    for result in results:
        written = json_document(result)
        room -= len(written) + INDENT * written.count("\n")
        if room < 0:
            return
        yield result


def _invocation(report: Report, left_out: int) -> dict[str, Any]:
    """How it went: that there is an answer at all, and what a reader should know besides."""
    notes = [*([wording.NEW_REGISTRY] if report.new_registry else []), *report.notes]
    said = [("note", note) for note in notes]
    said += [
        ("warning", f"debt: {debt}") for judgement in report.judgements for debt in wording.debts(report, judgement)
    ]
    if left_out:
        said.append(("warning", wording.left_out(left_out, "GitHub shows 5,000 results of 10 MB")))
    return {
        "executionSuccessful": True,
        "exitCode": report.exit_code,
        "exitCodeDescription": _message(wording.conclusion(report)),
        "endTimeUtc": report.moment.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "toolExecutionNotifications": [{"level": level, "message": {"text": _message(text)}} for level, text in said],
    }


def _rules(found: Iterable[str]) -> list[dict[str, Any]]:
    """Every rule of the table, and those that a policy made up and that found something."""
    known = {rule.id: _described(rule.id, rule.summary, _page(rule)) for rule in ALL}
    known |= {name: _described(name, summary, "") for name, summary in JUDGED_ELSEWHERE.items()}
    for name in sorted({_rule_id(name) for name in found}):
        known.setdefault(name, _described(name, f"the policy's own rule {name}", ""))
    return list(known.values())


def _described(name: str, summary: str, page: str) -> dict[str, Any]:
    help_text = page or f"{summary}."
    return {
        "id": name,
        "name": name,
        "shortDescription": {"text": _message(summary)},
        "fullDescription": {"text": _message(page.partition("\n\n")[0] or summary)},
        "help": {"text": _braced(help_text), "markdown": _braced(help_text)},
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": ["gitstage", "policy"]},
    }


def _page(rule: Rule) -> str:
    """The rule's page in the manual: what it says of each kind of thing."""
    asked = (rule.policy, rule.records, rule.slot, rule.gate)
    pages = (inspect.getdoc(function) or "" for function in asked if function is not None)
    return "\n\n".join(dict.fromkeys(page for page in pages if page))


def _results(
    report: Report, found: Iterable[tuple[Judgement, Finding]], places: dict[str, int]
) -> Iterator[dict[str, Any]]:
    seen: Counter[str] = Counter()
    for judgement, finding in found:
        digest = _digest(report, judgement, finding)
        seen[digest] += 1
        yield _result(report, judgement, finding, places, f"{digest}:{seen[digest]}")


def _result(
    report: Report, judgement: Judgement, finding: Finding, places: dict[str, int], fingerprint: str
) -> dict[str, Any]:
    weight = wording.weight(finding)
    rule = _rule_id(finding.rule)
    written: dict[str, Any] = {
        "ruleId": rule,
        "ruleIndex": places[rule],
        "kind": "fail",
        "level": LEVELS[weight],
        "message": {"text": _text(report, judgement, finding)},
        "locations": [_location(report, judgement, finding)],
        # GitHub looks at the second only, and would else make one up from the line that it finds there.
        "partialFingerprints": {FINGERPRINT: fingerprint, "primaryLocationLineHash": fingerprint},
        "properties": {
            "verdict": weight,
            "thing": _clipped(judgement.thing),
            **_said(finding, ("gate", "value", "threshold")),
        },
    }
    if weight in _SETTLED:
        why = f"waived by {', '.join(finding.people)}" if weight == "waived" else "enforce: warn"
        written["suppressions"] = [{"kind": "external", "status": "accepted", "justification": _clipped(why)}]
    return written


def _said(value: Report | Finding, names: Iterable[str]) -> dict[str, str]:
    """Those of some fields that say something."""
    return {name: _clipped(text) for name in names if (text := getattr(value, name))}


def _text(report: Report, judgement: Judgement, finding: Finding) -> str:
    first = f"{wording.headline(judgement)}: {wording.weight(finding)}: {finding.message}"
    lines = (visible(line) for line in (first, *wording.next_steps(report, finding)))
    return _braced(wording.clipped("\n".join(lines), CHARACTERS))


def _location(report: Report, judgement: Judgement, finding: Finding) -> dict[str, Any]:
    path = wording.location(report, wording.shown_at(judgement, finding) or CONFIGURATION)
    assert path is not None
    physical: dict[str, Any] = {"artifactLocation": {"uri": uri_of(path), "uriBaseId": ROOT}}
    if finding.path is not None and finding.line is not None:
        physical["region"] = {"startLine": finding.line}
    return {
        "physicalLocation": physical,
        "logicalLocations": [{"fullyQualifiedName": _clipped(judgement.thing), "kind": "resource"}],
    }


def uri_of(path: str) -> str:
    """A path from the repository's root as a relative reference (RFC 3986), whatever bytes its names are made of."""
    names = path.removesuffix("/").split("/")
    return "/".join(quote(_bytes(name), safe="") or "%2F" for name in names)


def _bytes(name: str) -> bytes:
    try:
        return name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half a surrogate pair, which no name in a tree is read as
        return visible(name).encode()


def _digest(report: Report, judgement: Judgement, finding: Finding) -> str:
    """The same for the same problem in every run: nothing of it changes with time or with what was measured."""
    same = [
        report.registry,
        judgement.thing,
        judgement.after,
        finding.rule,
        finding.gate,
        finding.path,
        finding.threshold,
    ]
    return hashlib.sha256(json.dumps(same).encode()).hexdigest()[:32]


def _rule_id(name: str) -> str:
    return _clipped(name) or "unnamed"


def _message(text: str) -> str:
    return _braced(_clipped(text))


def _clipped(text: str) -> str:
    return wording.clipped(visible(text), CHARACTERS)


def _braced(text: str) -> str:
    """`text` in which nothing is a placeholder or a link (sections 3.11.5 and 3.11.6 of the standard)."""
    return text.replace("{", "{{").replace("}", "}}").replace("](", "]\\(")
