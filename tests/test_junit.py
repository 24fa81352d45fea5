from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitstage import junit
from gitstage.canonical import DocumentError, Problem
from gitstage.junit import Counts, read_junit

GOLDEN = (Path(__file__).parent / "golden" / "junit-pytest.xml").read_bytes()
PASSING = '<testsuite tests="1" failures="0" errors="0"><testcase name="a"/></testsuite>'


def counts(tests: int, failures: int = 0, errors: int = 0, skipped: int = 0) -> Counts:
    return Counts(tests=tests, failures=failures, errors=errors, skipped=skipped)


def problem_of(data: bytes) -> Problem:
    with pytest.raises(DocumentError) as caught:
        read_junit(data)
    (problem,) = caught.value.problems
    return problem


def test_a_report_of_pytest_is_counted() -> None:
    found = read_junit(GOLDEN)
    assert found == counts(5, failures=1, errors=1, skipped=1)
    assert found.metrics == {"tests": 5, "failures": 1, "errors": 1, "skipped": 1}
    assert found.result == "FAILED"


def test_what_pytest_writes_today_is_counted(tmp_path: Path) -> None:
    tests = "import pytest\ndef test_a(): pass\ndef test_b(): assert 0\n@pytest.mark.skip\ndef test_c(): pass\n"
    (tmp_path / "test_it.py").write_text(tests, encoding="ascii")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junit-xml=report.xml", "test_it.py"]
    subprocess.run(command, cwd=tmp_path, check=False, capture_output=True)
    assert read_junit((tmp_path / "report.xml").read_bytes()) == counts(3, failures=1, skipped=1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PASSING, counts(1)),
        ("<testsuite><testcase/><testcase/></testsuite>", counts(2)),
        ("<testsuites><testsuite><testcase/></testsuite><testsuite><testcase/></testsuite></testsuites>", counts(2)),
        ("<testsuite><testsuite><testcase><failure/></testcase></testsuite></testsuite>", counts(1, failures=1)),
        # a test that fails twice, or fails and then breaks, is one test
        ("<testsuite><testcase><failure/><failure/></testcase></testsuite>", counts(1, failures=1)),
        ("<testsuite><testcase><failure/><error/></testcase></testsuite>", counts(1, errors=1)),
        ("<testsuite><testcase><skipped/><failure/></testcase></testsuite>", counts(1, failures=1)),
        ("<testsuite><testcase><skipped/></testcase><testcase/></testsuite>", counts(2, skipped=1)),
        # what a case failed at before it was run again (Surefire), and what only looks like an outcome
        ("<testsuite><testcase><flakyFailure/><rerunFailure/></testcase></testsuite>", counts(1)),
        ("<testsuite><failure/><testcase><system-out><failure/></system-out></testcase></testsuite>", counts(1)),
        # a suite that claims more than its cases show is believed
        ('<testsuite errors="2" failures="3"><testcase/></testsuite>', counts(1, failures=3, errors=2)),
        (
            '<testsuites failures="2"><testsuite failures="1"><testcase/></testsuite></testsuites>',
            counts(1, failures=2),
        ),
        (
            '<testsuites failures="1"><testsuite failures="2"><testcase/></testsuite></testsuites>',
            counts(1, failures=2),
        ),
        ('<testsuite failures="0"><testcase><failure/></testcase></testsuite>', counts(1, failures=1)),
        ('<testsuite failures="" errors=" 1 "><testcase/></testsuite>', counts(1, errors=1)),
        ('<?xml version="1.0" encoding="ISO-8859-1"?><testsuite name="\xe9"><testcase/></testsuite>', counts(1)),
    ],
)
def test_what_the_cases_say_counts(text: str, expected: Counts) -> None:
    found = read_junit(text.encode("latin-1"))
    assert found == expected
    assert found.result == ("FAILED" if expected.failures + expected.errors else "PASSED")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", Problem("this is not XML: no element found", 1)),
        ("<testsuite>\n<testcase>", Problem("this is not XML: no element found", 2)),
        ("<testsuite/>", Problem("there is no test in the report", 1)),
        ('<testsuite tests="7"/>', Problem("there is no test in the report", 1)),
        ("<testsuite><testcase><skipped/></testcase></testsuite>", Problem("no test of the report ran", 1)),
        ("<html/>", Problem("this is no JUnit report: it begins with 'html'", 1)),
        ('<testsuite xmlns="a"/>', Problem("there is no test in the report", 1)),
        ('<a:testsuite xmlns:a="a"/>', Problem("this is no JUnit report: it begins with 'a:testsuite'", 1)),
        (
            '\n<testsuite failures="-1"><testcase/></testsuite>'.lstrip(),
            Problem("failures must be a number of tests, not '-1'", 1),
        ),
        ('<testsuite errors="none"/>', Problem("errors must be a number of tests, not 'none'", 1)),
        ('<testsuite failures="1000000000"/>', Problem("failures must be a number of tests, not '1000000000'", 1)),
        ('<testsuite failures="٣"/>', Problem("failures must be a number of tests, not '٣'", 1)),
        ("<testsuite>&nothing;</testsuite>", Problem("this is not XML: undefined entity", 1)),
        ("<testsuite>" * 51, Problem("the report is nested more than 50 deep", 1)),
        (
            '<?xml version="1.0" encoding="utf-99"?><testsuite/>',
            Problem("this is not XML that can be read here: unknown encoding: utf-99"),
        ),
        (
            '<?xml version="1.0" encoding="utf-7"?><testsuite/>',
            Problem("this is not XML that can be read here: multi-byte encodings are not supported"),
        ),
        ("<testsuite>\0</testsuite>", Problem("this is not XML: not well-formed (invalid token)", 1)),
    ],
)
def test_what_is_no_report_is_refused(text: str, problem: Problem) -> None:
    assert problem_of(text.encode()) == problem


DECLARED = Problem("a report declares no document type: its entities could be anything", 2)


@pytest.mark.parametrize(
    "declaration",
    [
        "<!DOCTYPE testsuite>",
        '<!DOCTYPE testsuite SYSTEM "http://127.0.0.1:9/x.dtd">',
        '<!DOCTYPE testsuite PUBLIC "x" "file:///etc/passwd">',
        '<!DOCTYPE testsuite [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE testsuite [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE testsuite [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x"> %x;]>',
        '<!DOCTYPE testsuite [<!ATTLIST testsuite failures CDATA "0">]>',
    ],
)
def test_a_report_that_declares_a_document_type_is_refused_before_anything_expands(declaration: str) -> None:
    text = f'<?xml version="1.0"?>\n{declaration}<testsuite>&a;&b;&x;<testcase/></testsuite>'
    assert problem_of(text.encode()) == DECLARED


def test_a_large_report_is_read_and_a_larger_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "<testsuite>" + '<testcase name="x"/>' * 100_000 + "</testsuite>"
    assert read_junit(text.encode()) == counts(100_000)
    monkeypatch.setattr(junit, "MAX_BYTES", len(text))
    assert read_junit(text.encode()) == counts(100_000)
    message = f"the report has {len(text) + 1} bytes; at most {len(text)} are read"
    assert problem_of(text.encode() + b" ") == Problem(message)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_bytes_make_the_reader_raise_anything_else(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(GOLDEN)))
    end = data.draw(st.integers(start, min(len(GOLDEN), start + 40)))
    with suppress(DocumentError):
        read_junit(GOLDEN[:start] + data.draw(st.binary(max_size=12)) + GOLDEN[end:])
    with suppress(DocumentError):
        read_junit(data.draw(st.binary(max_size=60)))
