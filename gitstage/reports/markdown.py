"""A report as Markdown: the summary of a job, or a comment on a pull request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, takewhile

from gitstage.findings import Finding, Judgement, Report, Verdict
from gitstage.reports import wording
from gitstage.reports.figures import clock, difference, number
from gitstage.sinks import markdown, markdown_code

_MARKS = {"passed": "✅", "refused": "❌", "pending": "⏳", "waived": "🔓", "warn": "⚠️"}
_OVERVIEW = 50
"""So many changes are listed at the top: of a thousand the reader wants those that were refused."""
_CELL = 500
"""So many characters of one text are shown."""
_Block = tuple[str, int]
"""A piece of the page, and of how many findings it tells."""


def render(report: Report, *, limit: int = 65_536) -> str:
    """A headline, the changes with their verdicts, then each with its metrics and findings; what passed is folded.

    Never longer than `limit` characters (GitHub takes 65,536 in a comment): what does not fit is left out whole, from
    the end, which says so.
    """
    return _fitted(_blocks(report), limit)


def _fitted(blocks: Iterable[_Block], limit: int) -> str:
    blocks = list(blocks)
    texts = [text for text, _ in blocks]
    if sum(map(len, texts)) <= limit:
        return "".join(texts)
    room = limit - len(_cut(sum(count for _, count in blocks)))
    if room < 0:
        return ""
    fitting = len(list(takewhile(lambda length: length <= room, accumulate(map(len, texts)))))
    return "".join([*texts[:fitting], _cut(sum(count for _, count in blocks[fitting:]))])


def _cut(findings: int) -> str:
    """The last line of a page that goes on."""
    what = f"{findings:,} finding{'' if findings == 1 else 's'}" if findings else "What is missing here"
    return f"\n*{what} did not fit. All of it:* `gitstage check`\n"


def _blocks(report: Report) -> Iterator[_Block]:
    """Pieces that may follow each other, or end, anywhere between two of them."""
    yield f"### {_MARKS[report.verdict]} gitstage: {_text(wording.conclusion(report))}\n", 0
    yield f"\n{_judged(report)}\n", 0
    for note in _notes(report):
        yield f"\n{note}\n", 0
    judgements = wording.by_verdict(report.judgements)
    if judgements:
        yield from ((row, 0) for row in _overview(judgements))
    for judgement in judgements:
        if not _is_plain(judgement):
            yield f"\n#### {_headline(judgement)}\n", 0
            yield from _body(report, judgement)
    for judgement in judgements:
        if _is_plain(judgement) and (body := list(_body(report, judgement))):
            told = "".join(text for text, _ in body)
            yield (
                f"\n<details>\n<summary>{_headline(judgement)}</summary>\n{told}\n</details>\n",
                len(judgement.findings),
            )
    if report.elsewhere:
        yield "\nOpen elsewhere in the registry:\n\n", 0
        yield from ((f"- {_text(line)}\n", 0) for line in report.elsewhere)


def _is_plain(judgement: Judgement) -> bool:
    """Whether it passed, and nobody took anything on themselves for that."""
    waived = any(finding.verdict is Verdict.WAIVED for finding in judgement.findings)
    return judgement.verdict is Verdict.PASSED and not waived and not judgement.debts


def _judged(report: Report) -> str:
    commits = [markdown_code(commit[:12]) for commit in (report.base, report.head) if commit is not None]
    registry = [markdown_code(_clipped(report.registry))] if report.registry else []
    return " · ".join([*registry, *([" → ".join(commits)] if commits else []), f"judged {clock(report.moment)}"])


def _notes(report: Report) -> Iterator[str]:
    if report.new_registry:
        yield f"This is {wording.NEW_REGISTRY}."
    yield from (f"Note: {_text(note)}" for note in report.notes)


def _overview(judgements: Sequence[Judgement]) -> Iterator[str]:
    rows = [
        (
            _text(wording.subject(judgement)),
            _text(wording.step(judgement)),
            f"{_MARKS[judgement.verdict]} {judgement.verdict}",
        )
        for judgement in judgements[:_OVERVIEW]
    ]
    more = len(judgements) - len(rows)
    if more:
        rows.append((f"and {more} more", "", ""))
    yield from _table(("change", "from → to", "verdict"), rows)


def _headline(judgement: Judgement) -> str:
    return f"{_MARKS[judgement.verdict]} {_text(wording.headline(judgement))}"


def _body(report: Report, judgement: Judgement) -> Iterator[_Block]:
    if judgement.metrics:
        heads = ["metric", _text(judgement.before or "before"), _text(judgement.after or "after"), "difference"]
        rows = [
            (_text(name), number(before), number(after), difference(before, after))
            for name, (before, after) in sorted(judgement.metrics.items())
        ]
        yield from ((row, 0) for row in _table(heads, rows, right=frozenset({1, 2, 3})))
    if judgement.findings:
        heads = ["rule", "verdict", "what was found", "measured", "asked", "what to do next"]
        found = [_row(report, finding) for finding in wording.by_weight(judgement.findings)]
        yield from ((row, 1) for row in _table(heads, found))
    for debt in wording.debts(report, judgement):
        yield f"\n{_MARKS['waived']} Debt: {_text(debt)}\n", 0


def _row(report: Report, finding: Finding) -> tuple[str, ...]:
    weight = wording.weight(finding)
    gate = f", gate {markdown_code(_clipped(finding.gate))}" if finding.gate else ""
    return (
        f"{markdown_code(_clipped(finding.rule))}{gate}",
        f"{_MARKS[weight]} {weight}",
        f"{_text(finding.message)}{_place(report, finding)}",
        _text(finding.value or ""),
        _text(finding.threshold or ""),
        "<br>".join(_next(report, finding)),
    )


def _place(report: Report, finding: Finding) -> str:
    where = wording.location(report, finding.path)
    if where is None or finding.verdict is Verdict.PASSED:
        return ""
    where = _clipped(where)
    return f"<br>{markdown_code(where if finding.line is None else f'{where}:{finding.line}')}"


def _next(report: Report, finding: Finding) -> Iterator[str]:
    if finding.verdict is Verdict.PASSED:
        return
    if finding.opens is not None:
        yield f"wait: opens {wording.opening(finding.opens, report.moment)}"
    if finding.hint is not None:
        hint = _clipped(finding.hint)
        yield markdown_code(hint) if hint.startswith("gitstage ") else _text(hint)


def _table(
    heads: Sequence[str], rows: Iterable[Sequence[str]], *, right: frozenset[int] = frozenset()
) -> Iterator[str]:
    """A table, which may end after any of its rows."""
    head = f"\n{_line(heads)}{_line(['---:' if place in right else '---' for place in range(len(heads))])}"
    for row in rows:
        yield f"{head}{_line(row)}"
        head = ""


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _text(text: str) -> str:
    return markdown(_clipped(text))


def _clipped(text: str) -> str:
    return text if len(text) <= _CELL else f"{text[:_CELL]}…"
