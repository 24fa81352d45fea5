from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitstage import expressions
from gitstage.errors import CannotEvaluate
from gitstage.expressions import INSTALL, LONGEST, VARIABLES, NoEngine, check, value

NOW = datetime(2026, 11, 27, 16, 30, tzinfo=UTC)
FACTS: dict[str, Any] = {
    "version": {
        "model": "risk/fraud",
        "version": "1.1.0",
        "format": "onnx",
        "description": "",
        "metrics": {"auc": 0.953},
        "params": {"max_depth": 6, "booster": "gbtree", "seeded": True},
        "labels": {"license": "cc-by"},
        "artifacts": [{"path": "model.onnx", "uri": "s3://acme/model.onnx", "sha256": "0" * 64, "size": 10}],
        "data": [{"name": "transactions"}],
        "source": {"commit": "9b70"},
    },
    "incumbent": {"exists": False},
    "change": {"action": "promote", "source": "staging", "number": 3, "soaked": timedelta(hours=25)},
    "stage": {"name": "production", "sources": ["staging"]},
    "evidence": {
        "shadow-traffic": {
            "number": 2,
            "type": "test-result",
            "result": "PASSED",
            "made": "2026-11-27T10:00:00Z",
            "metrics": {"p99": 18.5},
        }
    },
    "now": NOW,
}


def refusal(expression: str, facts: dict[str, Any] | None = None) -> tuple[str, str | None]:
    """What is said of an expression that has no value, and what to do about it."""
    with pytest.raises(CannotEvaluate) as caught:
        value(expression, FACTS if facts is None else facts)
    return caught.value.message, caught.value.hint


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("version.labels.license != 'internal'", True),
        ("version.labels.license == 'internal'", False),
        ("version.model.startsWith('risk/') && version.format == 'onnx'", True),
        ("version.metrics.auc >= 0.9", True),
        ("version.params.max_depth <= 6 && version.params.booster == 'gbtree'", True),
        ("version.artifacts.all(a, a.uri.startsWith('s3://acme/') && a.size < 100)", True),
        ("version.data.exists(d, d.name == 'census')", False),
        ("has(version.labels.team)", False),
        ("'license' in version.labels", True),
        ("version.source.commit.matches('^[0-9a-f]+$')", True),
        ("!incumbent.exists || version.metrics.auc > incumbent.metrics.auc", True),
        ("change.soaked > duration('24h') && change.number == 3 && change.source == 'staging'", True),
        ("stage.name == 'production' && 'staging' in stage.sources", True),
        ("evidence['shadow-traffic'].result == 'PASSED'", True),
        ("evidence['shadow-traffic'].metrics.p99 < 20.0", True),
        ("now - timestamp(evidence['shadow-traffic'].made) < duration('24h')", True),
        ("now.getDayOfWeek('Europe/Berlin') == 5 && now.getHours('Europe/Berlin') == 17", True),
        ("true", True),
    ],
)
def test_an_expression_says_something_of_the_facts(expression: str, expected: bool) -> None:
    assert value(expression, FACTS) is expected


def test_what_there_is_only_with_an_incumbent_can_be_compared() -> None:
    incumbent = {"exists": True, "since": NOW - timedelta(days=3), "version": "1.0.0", "metrics": {"auc": 0.96}}
    facts = {**FACTS, "incumbent": incumbent}
    assert value("!incumbent.exists || version.metrics.auc > incumbent.metrics.auc", facts) is False
    assert value("now - incumbent.since > duration('48h') && incumbent.version == '1.0.0'", facts) is True


@pytest.mark.parametrize(
    ("expression", "message", "hint"),
    [
        ("version.lables.team == 'a'", "1:15: there is no 'version.lables'; did you mean 'version.labels'?", None),
        ("verson.model == 'a'", "1:7: there is no 'verson.model'; did you mean 'version.model'?", None),
        ("change == stage", "1:1: 'change' is asked for a part of it: change.action, change.source, change.number, change.soaked", None),
        ("nothing_like_it", "1:1: there is no 'nothing_like_it'", None),
        ("true &&\n  nothing_like_it", "2:3: there is no 'nothing_like_it'", None),
        ("1 +", "1:4: Syntax error: mismatched input '<EOF>'", None),
        ("version.model", "it is string, and must be true or false", None),
        ("version.params.seeded", "it is dyn, and must be true or false", None),
        ("1", "it is int, and must be true or false", None),
        ("version.model > 1", "1:15: found no matching overload for '_>_' applied to '(string, int)'", None),
        ("version.metrics.auc > 1", "1:21: found no matching overload for '_>_' applied to '(double, int)'", "beside a metric a number has a fraction: > 20.0"),
        ("1 <= version.metrics.auc", "1:3: found no matching overload for '_<=_' applied to '(int, double)'", "beside a metric a number has a fraction: <= 20.0"),
        ("__import__('os').system('true') == 0", "1:11: there is no '__import__'", None),
        ("(" * 40 + "true" + ")" * 40, "Expression recursion limit exceeded. limit: 32", None),
        ("x" * (LONGEST + 1), "the expression has 1001 characters, and may have 1000", "write several rules"),
        ("true" + " && true" * 12_500, "the expression has 100004 characters, and may have 1000", "write several rules"),
    ],
)  # fmt: skip
def test_what_is_no_expression_of_ours_is_found_without_facts(expression: str, message: str, hint: str | None) -> None:
    with pytest.raises(CannotEvaluate) as caught:
        check(expression)
    assert (caught.value.message, caught.value.hint) == (message, hint)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("version.labels.team == 'risk'", 'there is no "team"'),
        ("version.metrics.f1 > 0.5", 'there is no "f1"'),
        ("evidence['load-test'].result == 'PASSED'", 'there is no "load-test"'),
        ("evidence['shadow-traffic'].resluts == 'PASSED'", 'there is no "resluts"'),
        ("incumbent.version == '1.0.0'", "there is no incumbent.version"),
        ("1 / 0 == 1", "divide by zero"),
        ("version.model.matches('(')", "invalid regular expression: missing ): ("),
        ("now.getHours('Mars/Base') == 1", "Invalid timezone"),
        ("timestamp(version.model) < now", "String to Timestamp conversion failed"),
        ("version.params.booster > 3", "No matching overloads found : _>_(string, int64)"),
        ("version.params.seeded == true && version.params.max_depth", "No matching overloads found : _&&_"),
    ],
)
def test_what_has_no_value_here_says_why(expression: str, message: str) -> None:
    said, _ = refusal(expression)
    assert said.startswith(message)


def test_facts_of_another_kind_than_their_types_are_refused_and_not_coerced() -> None:
    several: list[dict[str, Any]] = [
        {"version": {"labels": object()}},
        {"version": {"labels": {"license": 1}}},
        {"version": {}},
        {},
    ]
    for facts in several:
        with pytest.raises(CannotEvaluate):
            value("version.labels.license.startsWith('a')", facts)


# ------------------------------------------------------------------------------------------------------ the budget

TEN = "[1,2,3,4,5,6,7,8,9,10]"


def nested(depth: int, inner: str = "true") -> str:
    """A loop in a loop, ten times ten times ten."""
    for number in range(depth):
        inner = f"{TEN}.all(x{number}, {inner})"
    return inner


def took(expression: str, facts: dict[str, Any]) -> tuple[str, float]:
    begun = time.process_time()
    said, _ = refusal(expression, facts)
    return said, time.process_time() - begun


@pytest.mark.parametrize(
    "expression",
    [
        "version.artifacts.all(a, version.artifacts.all(b, int(a.size) + int(b.size) >= 0))",
        "version.artifacts.exists(a, version.artifacts.exists(b, int(a.size) + int(b.size) < 0))",
        "version.artifacts.filter(a, version.artifacts.exists_one(b, a == b)).size() > 0",
        "version.artifacts.map(a, version.artifacts.map(b, a)).size() > 0",
    ],
)
def test_an_expression_that_loops_a_million_times_is_refused_in_under_a_second(expression: str) -> None:
    thousand = {"version": {"artifacts": [{"size": number} for number in range(1000)]}}
    check(expression)  # it is the right type, and only its cost is not known before
    said, seconds = took(expression, thousand)
    assert said == "Iteration budget exceeded"
    assert seconds < 1


def test_ten_thousand_iterations_are_within_the_budget() -> None:
    thousands = {"version": {"artifacts": [{"size": number} for number in range(9000)]}}
    assert value("version.artifacts.all(a, a.size >= 0)", thousands) is True


def test_loops_are_counted_before_anything_runs() -> None:
    assert value(nested(3), {}) is True
    assert refusal(nested(6), {}) == ("it has 6 loops, and may have 3", "write several rules")


@pytest.mark.parametrize(
    "expression",
    [
        "['aaaaaaaaaa'].map(a, a + a).map(a, a + a).all(a, size(a) > 0)",
        "[b'aaaaaaaaaa'].map(a, a + a).all(a, size(a) > 0)",
        "[[1]].map(a, a + a).all(a, (a + a + a).size() > 0)",
        "version.artifacts.exists(a, a.path + a.path == 'x')",
        "version.artifacts . /**/ exists ( a , a.path + a.path == 'x')".replace(" /**/", "\n"),
    ],
)
def test_what_would_grow_with_every_turn_is_refused_before_it_runs(expression: str) -> None:
    with pytest.raises(CannotEvaluate, match="it puts texts or lists together in a loop"):
        check(expression)


@pytest.mark.parametrize(
    "pattern",
    [
        "'(((a|b){1,30}){1,30})c'",
        f"'{'a' * 101}'",
        "'a\\\\x7b30}'",
        "version.description",
        "version.description + 'a'",
        '"matches(\'" + version.description',
    ],
)
def test_in_a_loop_a_pattern_is_short_and_plain(pattern: str) -> None:
    for call in (f"a.path.matches({pattern})", f"matches(a.path, {pattern})"):
        with pytest.raises(CannotEvaluate, match=r"in a loop, matches takes a short pattern|puts texts or lists"):
            check(f"version.artifacts.all(a, {call})")
    assert value(f"version.model.matches({pattern}) || true", FACTS) is True


def test_a_call_between_the_quotes_of_two_texts_is_seen() -> None:
    with pytest.raises(CannotEvaluate, match="in a loop, matches takes a short pattern"):
        check('version.data.all(d, d.name == "matches(\'" || d.name.matches(d.name) || d.name == "\')")')


@pytest.mark.parametrize("pattern", ["'[.]onnx$'", "r'\\.onnx$'", '"^[a-z]+[.](onnx|bin)$"', 'r"\\.onnx$"', "'o' "])
def test_patterns_that_people_write_are_taken_in_loops(pattern: str) -> None:
    assert value(f"version.artifacts.all(a, a.path.matches({pattern}))", FACTS) is True


def test_texts_are_put_together_outside_of_loops_and_numbers_are_added_within() -> None:
    assert value("version.model + '@' + version.version == 'risk/fraud@1.1.0'", FACTS) is True
    assert value("version.artifacts.map(a, 1 + 1).size() == 1", FACTS) is True


def test_three_loops_at_their_worst_end_in_time() -> None:
    wide = 100
    texts = [f"[{','.join(name * wide)}]" for name in "abc"]
    expression = f"[[1]].map(a, {texts[0]}).map(b, {texts[1]}).all(c, {texts[2]} == {texts[2]})"
    begun = time.process_time()
    assert value(expression, {}) is True
    assert time.process_time() - begun < 1


@settings(max_examples=200, deadline=1000)
@given(st.text(max_size=60) | st.text("version.labels()[]{}'&|!<>=+-*/%?:ax01 ", max_size=60))
def test_any_text_is_true_false_or_refused(text: str) -> None:
    with contextlib.suppress(CannotEvaluate):
        assert isinstance(value(text, FACTS), bool)


# ------------------------------------------------------------------------------------------------------ the engine


@pytest.fixture
def anew() -> Iterator[None]:
    """Nothing is remembered of the engine, before and after."""
    for known in (expressions._programs, expressions._program):
        known.cache_clear()
    yield
    for known in (expressions._programs, expressions._program):
        known.cache_clear()


@pytest.mark.usefixtures("anew")
def test_without_an_engine_nothing_is_true_and_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cel_expr_python", None)
    for ask in (check, lambda text: value(text, FACTS)):
        with pytest.raises(NoEngine) as caught:
            ask("true")
        assert (caught.value.message, caught.value.hint) == ("what evaluates CEL is not installed here", INSTALL)


@pytest.mark.usefixtures("anew")
def test_an_engine_whose_loops_cannot_be_counted_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expressions, "_LOOP", b"@accumulator")
    assert refusal("true") == ("this release of cel-expr-python is not known here", INSTALL)


def test_the_engine_is_imported_where_an_expression_is_and_nowhere_else() -> None:
    look = "import sys; from gitstage import expressions, policy; assert 'cel_expr_python' not in sys.modules"
    subprocess.run([sys.executable, "-c", look], check=True)


def test_every_variable_is_one_that_the_engine_knows_with_a_type_and_a_meaning() -> None:
    assert len({variable.name for variable in VARIABLES}) == len(VARIABLES)
    for variable in VARIABLES:
        check(f"type({variable.name}) == type({variable.name})")
        assert variable.meaning


# What the documentation shows


def test_the_examples_of_the_manual_are_expressions() -> None:
    page = (Path(__file__).parents[1] / "docs" / "reference" / "expressions.md").read_text("utf-8")
    rows = page.partition("## Examples")[2].partition("## When")[0].splitlines()
    examples = [row.split(" | ")[0].strip("| `").replace("\\|", "|") for row in rows if row.startswith("| `")]
    assert len(examples) >= 8
    for example in examples:
        check(example)
