"""JUnit's XML, as test runners write it: how many tests ran, and how many of them did not pass.

There is no one specification. What Ant, Maven, pytest, Jest, GoogleTest and Go's tools agree on is read: `testsuites`
and `testsuite` around `testcase`, in which `failure`, `error` or `skipped` says what became of it, and the totals in
the attributes of the suites. Cases are counted; where a suite claims more failures than its cases show, it is believed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from io import BytesIO
from typing import TYPE_CHECKING

from gitstage.canonical import DocumentError, Problem, shown
from gitstage.values import dataclass

if TYPE_CHECKING:
    from xml.parsers.expat import XMLParserType

MAX_BYTES = 50_000_000
MAX_DEPTH = 50
SUITES = ("testsuites", "testsuite")
OUTCOMES = ("error", "failure", "skipped")
"""What may stand in a test case, the worst first: a test that fails and then breaks while it tidies up broke."""


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How many tests there are, and how many of them failed, broke, or were not run."""

    tests: int
    failures: int
    errors: int
    skipped: int

    @property
    def result(self) -> str:
        """PASSED, where nothing failed or broke; else FAILED."""
        return "FAILED" if self.failures or self.errors else "PASSED"

    @property
    def metrics(self) -> Mapping[str, int]:
        return {"tests": self.tests, "failures": self.failures, "errors": self.errors, "skipped": self.skipped}


def read_junit(data: bytes) -> Counts:
    """The counts of a report. Raises DocumentError, also where no test of it ran, which says nothing of a version.

    A report declares no document type: no entity is expanded and nothing is fetched.
    """
    from xml.parsers import expat

    if len(data) > MAX_BYTES:
        raise DocumentError([Problem(f"the report has {len(data)} bytes; at most {MAX_BYTES} are read")])
    parser = expat.ParserCreate()
    reader = _Reader(parser)
    parser.StartDoctypeDeclHandler = reader.declares
    parser.StartElementHandler = reader.begins
    parser.EndElementHandler = reader.ends
    try:
        parser.ParseFile(BytesIO(data))
    except expat.ExpatError as error:
        message = f"this is not XML: {expat.ErrorString(error.code)}"
        raise DocumentError([Problem(message, error.lineno)]) from None
    except (LookupError, ValueError) as error:
        raise DocumentError([Problem(f"this is not XML that can be read here: {error}")]) from None
    return reader.counts()


class _Reader:
    """What is asked of a report while it goes by; of its text nothing is kept."""

    def __init__(self, parser: XMLParserType) -> None:
        self._parser = parser
        self._open: list[str] = []
        self._case: set[str] = set()
        self._found: Counter[str] = Counter()
        self._claimed: Counter[str] = Counter()

    def declares(self, *_: object) -> None:
        self._fail("a report declares no document type: its entities could be anything")

    def begins(self, name: str, attributes: Mapping[str, str]) -> None:
        if len(self._open) == MAX_DEPTH:
            self._fail(f"the report is nested more than {MAX_DEPTH} deep")
        if not self._open and name not in SUITES:
            self._fail(f"this is no JUnit report: it begins with {shown(name)}")
        if name in SUITES:
            self._suite(attributes)
        elif name == "testcase":
            self._case = set()
        elif self._open[-1] == "testcase" and name in OUTCOMES:
            self._case.add(name)
        self._open.append(name)

    def ends(self, name: str) -> None:
        self._open.pop()
        if name == "testcase":
            self._found["tests"] += 1
            self._found[next((outcome for outcome in OUTCOMES if outcome in self._case), "passed")] += 1

    def _suite(self, attributes: Mapping[str, str]) -> None:
        for key, outcome in (("failures", "failure"), ("errors", "error")):
            text = attributes.get(key, "").strip() or "0"
            if not re.fullmatch("[0-9]{1,9}", text):
                self._fail(f"{key} must be a number of tests, not {shown(text)}")
            self._claimed[outcome] = max(self._claimed[outcome], int(text))

    def counts(self) -> Counts:
        found, claimed = self._found, self._claimed
        if found["tests"] <= found["skipped"]:
            self._fail("no test of the report ran" if found["tests"] else "there is no test in the report")
        return Counts(
            tests=found["tests"],
            failures=max(found["failure"], claimed["failure"]),
            errors=max(found["error"], claimed["error"]),
            skipped=found["skipped"],
        )

    def _fail(self, message: str) -> None:
        raise DocumentError([Problem(message, self._parser.CurrentLineNumber)])
