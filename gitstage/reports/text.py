"""A report as a person reads it at a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gitstage.findings import Finding, Judgement, Report, Verdict
from gitstage.reports import wording
from gitstage.reports.figures import columns, difference, number, padded, width_of
from gitstage.sinks import terminal
from gitstage.values import dataclass

_MARKS = {"passed": "✓", "refused": "✗", "pending": "…", "waived": "~", "warn": "!"}
_ASCII_MARKS = {"passed": "+", "refused": "x", "pending": ".", "waived": "~", "warn": "!"}
_COLOURS = {"passed": "green", "refused": "red", "pending": "yellow", "waived": "magenta", "warn": "yellow"}


@dataclass(frozen=True)
class _Pen:
    """How text is put on the page: with which characters, and whether in colour."""

    colour: bool
    ascii_only: bool

    def plain(self, text: str) -> str:
        return terminal(text, ascii_only=self.ascii_only)

    def weighed(self, text: str, weight: str) -> str:
        return self._styled(text, fg=_COLOURS[weight], bold=weight != "passed" or None)

    def strong(self, text: str) -> str:
        return self._styled(text, bold=True)

    def faint(self, text: str) -> str:
        return self._styled(text, dim=True)

    def mark(self, weight: str) -> str:
        return self.weighed((_ASCII_MARKS if self.ascii_only else _MARKS)[weight], weight)

    def _styled(self, text: str, **style: object) -> str:
        text = self.plain(text)
        return _click_style()(text, **style) if self.colour else text


def _click_style() -> Callable[..., str]:
    from click import style

    return style


def render(report: Report, *, colour: bool = False, ascii_only: bool = False) -> str:
    """The lines of a report. `colour` writes the terminal's codes, `ascii_only` does without what is not ASCII.

    What is open elsewhere in the registry is not among them: that goes to stderr, and this to stdout.
    """
    pen = _Pen(colour, ascii_only)
    return "".join(f"{line}\n" for line in _lines(report, pen))


def _lines(report: Report, pen: _Pen) -> Iterator[str]:
    was_short = True
    for judgement in report.judgements:
        lines = list(_judgement(report, judgement, pen))
        is_short = len(lines) == 1
        if judgement is not report.judgements[0] and not (was_short and is_short):
            yield ""
        yield from lines
        was_short = is_short
    if report.judgements:
        yield ""
    for note in (*((wording.NEW_REGISTRY,) if report.new_registry else ()), *report.notes):
        yield f"note: {pen.plain(note)}"
    yield pen.weighed(wording.conclusion(report), str(report.verdict))


def _judgement(report: Report, judgement: Judgement, pen: _Pen) -> Iterator[str]:
    verdict = str(judgement.verdict)
    yield f"{pen.strong(wording.headline(judgement))}  {pen.weighed(verdict, verdict)}"
    findings = wording.by_weight(judgement.findings)
    indent = max((width_of(pen.plain(finding.rule)) for finding in findings), default=0)
    for finding in findings:
        yield from _finding(report, finding, indent, pen)
    for debt in wording.debts(report, judgement):
        yield f"  {pen.mark('waived')} debt: {pen.plain(debt)}"
    if judgement.metrics:
        yield from _metrics(judgement, pen)


def _finding(report: Report, finding: Finding, indent: int, pen: _Pen) -> Iterator[str]:
    weight = wording.weight(finding)
    message = pen.plain(f"warn: {finding.message}" if weight == "warn" else finding.message)
    gate = f"  {pen.faint(f'gate {finding.gate}')}" if finding.gate else ""
    yield f"  {pen.mark(weight)} {padded(pen.plain(finding.rule), indent)}  {message}{gate}"
    if finding.verdict is Verdict.PASSED:
        return
    below = " " * (indent + 6)
    where = wording.location(report, finding.path)
    if where is not None:
        yield f"{below}{pen.faint(where if finding.line is None else f'{where}:{finding.line}')}"
    if finding.opens is not None:
        yield f"{below}opens {wording.opening(finding.opens, report.moment)}"
    if finding.hint is not None:
        yield f"{below}{pen.plain(wording.todo(finding.hint))}"


def _metrics(judgement: Judgement, pen: _Pen) -> Iterator[str]:
    rows = [("", judgement.before or "before", judgement.after or "after", "")]
    rows += [
        (name, number(before), number(after), difference(before, after))
        for name, (before, after) in sorted(judgement.metrics.items())
    ]
    written = [tuple(pen.plain(cell) for cell in row) for row in rows]
    yield from (f"    {line}" for line in columns(written, right=frozenset({1, 2, 3})))
