"""Expressions: rules that a policy writes itself, in CEL (https://cel.dev), type-checked and with a budget.

The engine is Google's, https://github.com/cel-expr/cel-python, an extra that is imported where a policy has an
expression and nowhere else. All that is asked of it stands in `_programs`: another engine goes there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from gitstage.errors import CannotEvaluate
from gitstage.validation import near_miss

if TYPE_CHECKING:
    from cel_expr_python import cel

INSTALL = "pip install 'gitstage[cel]'"
LONGEST = 1000
"""Characters of an expression."""
MOST_LOOPS = 3
"""`all`, `exists`, `exists_one`, `map` and `filter` in one expression.

The engine counts iterations, and stops at 10,000; it does not count what one of them makes. Three loops that each put
together something longer from what the last one made are what a checker can bear.
"""


class Variable(NamedTuple):
    """What an expression may name: its name, its CEL type, and what it holds."""

    name: str
    type: str
    meaning: str


def _of_version(whose: str, what: str) -> tuple[Variable, ...]:
    return (
        Variable(f"{whose}.model", "string", f"the model's name, of {what}"),
        Variable(f"{whose}.version", "string", f"the number of {what}"),
        Variable(f"{whose}.format", "string", "what reads its files; empty where the manifest does not say"),
        Variable(f"{whose}.description", "string", "empty where the manifest has none"),
        Variable(f"{whose}.metrics", "map<string, double>", "what was measured, as the manifest says"),
        Variable(f"{whose}.params", "map<string, dyn>", "what it was made with: text, numbers, true or false"),
        Variable(f"{whose}.labels", "map<string, string>", "words to find it by"),
        Variable(
            f"{whose}.artifacts", "list<map<string, dyn>>", "its files, each with `path`, `uri`, `sha256` and `size`"
        ),
        Variable(
            f"{whose}.data", "list<map<string, dyn>>", "its data, each with `name` and, where known, `uri` and `sha256`"
        ),
        Variable(
            f"{whose}.source", "map<string, string>", "`repository`, `commit` and `run`, as far as they are known"
        ),
    )


VARIABLES: tuple[Variable, ...] = (
    *_of_version("version", "the version that comes in"),
    Variable("incumbent.exists", "bool", "whether a version is in the slot; what else it is can be asked only then"),
    Variable("incumbent.since", "timestamp", "since when it has been in effect there"),
    *_of_version("incumbent", "the version in the slot"),
    Variable("change.action", "string", "what happens to the slot: `promote`"),
    Variable("change.source", "string", "the stage that the version comes from, or `registered`, or `archived`"),
    Variable("change.number", "int", "which change of the slot this would be, from 1"),
    Variable("change.soaked", "duration", "how long the version's last stay in that stage has been"),
    Variable("stage.name", "string", "the stage that the version would enter"),
    Variable("stage.sources", "list<string>", "where versions of this stage may come from, its `from`"),
    Variable(
        "evidence",
        "map<string, map<string, dyn>>",
        "by its name, the statement that decides: `number`, `type`, `metrics` and, where it says so, `result` "
        "(`PASSED`, `WARNED` or `FAILED`) and `made` (text: `timestamp(evidence.NAME.made)`)",
    ),
    Variable("now", "timestamp", "the moment at which is judged"),
)
"""All that an expression may name."""

Facts = Mapping[str, Any]
"""What the variables hold: the part before the dot, then the one after it. What is not known is left out."""


class NoEngine(CannotEvaluate):
    """What evaluates expressions is not installed."""

    def __init__(self) -> None:
        super().__init__("what evaluates CEL is not installed here", hint=INSTALL)


def check(expression: str) -> None:
    """Nothing, where an expression is one of type bool over `VARIABLES`. Raises CannotEvaluate, which says why not."""
    _program(expression)


def value(expression: str, facts: Facts) -> bool:
    """What an expression says of facts. Raises CannotEvaluate where it says neither true nor false."""
    return _program(expression)(dict(_held(expression, facts)))


def _held(expression: str, facts: Facts) -> Iterator[tuple[str, Any]]:
    """The variables that an expression may mean, with what they hold."""
    for variable in VARIABLES:
        whole, _, part = variable.name.partition(".")
        if whole not in expression or whole not in facts:
            continue
        if not part:
            yield variable.name, facts[whole]
        elif part in facts[whole]:
            yield variable.name, facts[whole][part]


Program = Callable[[Mapping[str, Any]], bool]


@lru_cache(maxsize=512)
def _program(expression: str) -> Program:
    if len(expression) > LONGEST:
        raise CannotEvaluate(
            f"the expression has {len(expression)} characters, and may have {LONGEST}", hint="write several rules"
        )
    return _programs()(expression)


@lru_cache(maxsize=1)
def _programs() -> Callable[[str], Program]:
    """What makes an expression something to be asked: by Google's engine, the only one so far. Raises NoEngine."""
    try:
        from cel_expr_python import cel
    except ImportError:
        raise NoEngine from None
    environment = cel.NewEnv(variables={variable.name: cel.Type(variable.type) for variable in VARIABLES})
    if [environment.compile(text).serialize().count(_LOOP) for text in ("[true].all(a, a)", "true")] != [1, 0]:
        raise CannotEvaluate("this release of cel-expr-python is not known here", hint=INSTALL)

    def program(expression: str) -> Program:
        try:
            compiled = environment.compile(expression)
        except RuntimeError as error:
            raise _refusal(str(error)) from None
        if compiled.return_type() != cel.Type.BOOL:
            raise CannotEvaluate(f"it is {compiled.return_type().name().lower()}, and must be true or false")
        _refuse_costs(expression, compiled.serialize())
        return lambda held: _value(compiled, held)

    return program


def _value(compiled: cel.Expression, held: Mapping[str, Any]) -> bool:
    try:
        found = compiled.eval(data=held)
        said = found.value()
    except RuntimeError as error:
        raise _no_value(str(error)) from None
    if not isinstance(said, bool):
        raise _no_value(str(said))
    return said


# What the engine does not count. In the checked form of an expression (cel.expr.CheckedExpr, a protocol buffer) every
# loop names its accumulator, field 3 of a Comprehension, once; and each `+` names the overloads that it may mean.
# `map` and `filter` add to a list once each.

_LOOP = b"\x1a\x07@result"
_LISTS = b"add_list"
_TEXTS = (b"add_string", b"add_bytes")
_CHEAP = re.compile(
    r"matches\s*\(\s*(?:"
    r"'(?:(?!matches)[^'{\\\n]){0,100}'|r'(?:(?!matches)[^'{\n]){0,100}'|"
    r'"(?:(?!matches)[^"{\\\n]){0,100}"|r"(?:(?!matches)[^"{\n]){0,100}"'
    r")\s*\)"
)
"""A pattern that is compared with a text in no time: a short literal in which nothing is repeated by number."""


def _refuse_costs(expression: str, checked: bytes) -> None:
    loops = checked.count(_LOOP)
    if loops > MOST_LOOPS:
        raise CannotEvaluate(f"it has {loops} loops, and may have {MOST_LOOPS}", hint="write several rules")
    if loops and (any(text in checked for text in _TEXTS) or checked.count(_LISTS) > loops):
        raise CannotEvaluate(
            "it puts texts or lists together in a loop",
            hint="compare their parts; write int(a.size) for a number whose type is not known",
        )
    if loops and "matches" in _CHEAP.sub("", expression):
        raise CannotEvaluate(
            "in a loop, matches takes a short pattern in quotes and without {…}", hint="startsWith, endsWith, contains"
        )


# What the engine says, in our words.

_PLACE = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
_UNKNOWN = re.compile(r"undeclared reference to '([^']*)'")
_MIXED = re.compile(r"overload for '_(\S+)_' applied to '\((?:double, int|int, double)\)'")
_MISSING = re.compile(r"Key not found in map : (.*)|No value with name \"([^\"]*)\".*")
_STATUS = re.compile(r"\A[A-Z_]+: | \[[A-Z_]+\]\Z")


def _refusal(said: str) -> CannotEvaluate:
    found = _PLACE.search(said)
    if found is None:
        return CannotEvaluate(_tidy(said))
    line, column, message = found.groups()
    message = message.removesuffix(" [INVALID_ARGUMENT]").partition(" expecting {")[0]
    unknown = _UNKNOWN.match(message)
    if unknown is not None:
        message = _no_such(".".join(unknown[1].split(".")[:2]))
    mixed = _MIXED.search(message)
    hint = f"beside a metric a number has a fraction: {mixed[1]} 20.0" if mixed else None
    return CannotEvaluate(f"{line}:{column}: {message}", hint=hint)


def _no_such(name: str) -> str:
    known = [variable.name for variable in VARIABLES]
    parts = [variable for variable in known if variable.startswith(f"{name}.")]
    if parts:
        return f"'{name}' is asked for a part of it: {', '.join(parts)}"
    return f"there is no '{name}'{near_miss(name, known)}"


def _no_value(said: str) -> CannotEvaluate:
    line = _tidy(said)
    missing = _MISSING.fullmatch(line)
    if missing is None:
        return CannotEvaluate(line)
    return CannotEvaluate(
        f"there is no {missing[1] or missing[2]}",
        hint="register a version that says it, or ask with has(…) or in first",
    )


def _tidy(said: str) -> str:
    """One line without the engine's codes."""
    return _STATUS.sub("", " ".join(said.split()))
