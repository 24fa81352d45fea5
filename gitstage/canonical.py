"""The form of a registry's documents: strict YAML in, canonical YAML out.

What is read is a small, safe part of YAML: mappings, sequences, text, numbers, true and false. What different readers of
YAML understand differently (`NO`, `010`, `1:20`, `1e-5`) is refused rather than guessed. What is written is the one canonical form of a value, specified in docs/reference/manifest.md; it belongs to `gitstage/v1`, is written by the few
functions below and by no library, and must never change.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeVar

from gitstage.errors import GitstageError

if TYPE_CHECKING:
    from pydantic import BaseModel

MAX_BYTES = 1_000_000
MAX_DEPTH = 20
MAX_KEY = 1000
"""YAML readers look for the colon of a key in 1,024 characters only."""
MAX_PROBLEMS = 50
BIGGEST = 2**63
"""Whole numbers lie between -BIGGEST and BIGGEST - 1, which every reader of YAML and JSON can hold in 64 bits."""

Location = tuple[str | int, ...]
Scalar = str | int | float | bool


class Problem(NamedTuple):
    """What is wrong in a document, on which line (from 1), and what to do about it."""

    message: str
    line: int | None = None
    hint: str | None = None

    def __str__(self) -> str:
        return self.message if self.line is None else f"line {self.line}: {self.message}"


class Unfit(ValueError):
    """A value that does not fit its key, and what to do about it; raised where pydantic asks, which collects them."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class DocumentError(GitstageError):
    """A document that cannot be taken; `problems` are in the order of their lines."""

    problems: tuple[Problem, ...]

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line or 0))
        hints = {problem.hint for problem in self.problems}
        if len(hints) == 1:
            super().__init__("\n".join(map(str, self.problems)), hint=hints.pop())
            return
        super().__init__(
            "\n".join(f"{problem} ({problem.hint})" if problem.hint else str(problem) for problem in self.problems)
        )


def _fail(message: str, line: int | None = None, hint: str | None = None) -> NoReturn:
    raise DocumentError([Problem(message, line, hint)])


# Characters. The tables are our own and not Python's `isprintable`, whose answer changes with every Unicode version.

_UNREADABLE = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # control characters; \x85 ends a line in YAML 1.1 only
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # reorder what is shown
    "\u2028\u2029\ufeff\ufffe\uffff"  # end a line in YAML 1.1 only; byte order marks; no characters
)
_INVISIBLE = (
    "\t\n\r\xa0\xad\u034f\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\u3164"
    "\ufe00-\ufe0f\ufff0-\ufffb\uffa0\ud800-\udfff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff\U000f0000-\U0010ffff"
)
UNREADABLE = re.compile(f"[{_UNREADABLE}]|\r(?!\n)")
"""What may stand nowhere in a document, not even in a comment; in text it is written as an escape."""
HIDDEN = re.compile(f"[{_UNREADABLE}{_INVISIBLE}]")
"""What does not show, or shows as something else: the canonical form writes it as an escape, and no name has it."""

# Plain scalars.

_NOT_TEXT = re.compile(
    r"""
      (?P<null>   | ~ | null | Null | NULL)
    | (?P<bool>   true | True | TRUE | false | False | FALSE)
    | (?P<int>    [-+]? (?: 0 | [1-9][0-9]*))
    | (?P<float>  [-+]? [0-9]+ \. [0-9]* (?: [eE][-+][0-9]+)?)
    | (?P<unsure> [-+]? \.? [0-9][0-9_]* \.? [0-9_]* (?: [eE][-+]?[0-9]+)?
                | [-+]? [0-9][0-9_]* (?: : [0-5]?[0-9])+ (?: \.[0-9_]*)?
                | [-+]? 0 (?: [xX][0-9a-fA-F_]+ | [oO][0-7_]+ | [bB][01_]+)
                | [-+]? \. (?: inf | Inf | INF | nan | NaN | NAN)
                | yes | Yes | YES | no | No | NO | on | On | ON | off | Off | OFF
                | << | =)
    """,
    re.VERBOSE | re.ASCII,
)
"""What stands unquoted and is not text to every reader; `unsure` where YAML 1.1 and 1.2 do not agree what it is."""

_PLAIN = re.compile(
    r"""
    (?! (?i: null | true | false | yes | no | on | off | y | n) \Z
      | [0-9][0-9_,]* \.? [0-9_]* (?: [eE][-+]?[0-9]+)? \Z
      | [0-9][0-9_]* (?: :[0-5]?[0-9])+ (?: \.[0-9_]*)? \Z
      | 0 [xXoObB][0-9a-fA-F_]+ \Z
      | [0-9]{4}-[0-9]{1,2}-[0-9]{1,2} (?: [Tt ] | \Z))
    [^\x00-.:-@\[-^`{-\x7f]            # a letter, digit, '_' or '/', or beyond ASCII
    (?: [^\x00-\x20":\[-\]`{}\x7f]
      | : (?! [ ] | \Z)
      | [ ] (?! [ #] | \Z)
    )* \Z
    """,
    re.VERBOSE | re.ASCII,
)
"""Text that may stand without quotes where nothing in it is hidden: every reader of YAML takes it for that text."""


# Reading.


def parse(data: bytes, *, limit: int = MAX_BYTES) -> dict[str, object]:
    """The mapping that a document says, made of dict, list, str, int, float and bool.

    Raises DocumentError: larger than `limit` bytes, not UTF-8, byte order mark, control character, no mapping, a
    second document, duplicate key, a key without a value, anchor, alias, merge key, tag, deeper than 20 levels, a
    number that 64 bits do not hold, or something that readers of YAML do not agree about.
    """
    return _read(data, limit, None)


def line_of(data: bytes, location: Sequence[str | int]) -> int | None:
    """The line (from 1) of a key or item, or of what lies deepest on the way to it.

    None where the document cannot be read. It reads the document once more: ask only when something is wrong.
    """
    lines = lines_of(data)
    for length in range(len(location), -1, -1):
        line = lines.get(tuple(location[:length]))
        if line is not None:
            return line
    return None


def lines_of(data: bytes) -> dict[Location, int]:
    """The line (from 1) of every key and item of a document; empty where it cannot be read."""
    lines: dict[Location, int] = {}
    try:
        _read(data, len(data), lines)
    except DocumentError:
        return {}
    return lines


def _read(data: bytes, limit: int, lines: dict[Location, int] | None) -> dict[str, object]:
    _check_bytes(data, limit)
    import yaml

    loader = _loader_class()(data)
    reader = _Reader(lines)
    try:
        reader.read(loader)
    except yaml.YAMLError as error:
        reader.problems.append(_syntax_problem(error))
    finally:
        loader.dispose()
    if reader.problems:
        raise DocumentError(reader.problems)
    root = reader.root
    if root is None:
        _fail("the document is empty", 1)
    if not isinstance(root, dict):
        _fail("the document is not a mapping of keys to values", 1, "begin with: apiVersion: gitstage/v1")
    return root


def _check_bytes(data: bytes, limit: int) -> None:
    if len(data) > limit:
        _fail(f"the document has {len(data)} bytes; at most {limit} are read")
    if data.startswith(b"\xef\xbb\xbf"):
        _fail("the document begins with a byte order mark", 1, "save it as UTF-8 without BOM")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        _fail("the document is not UTF-8", data.count(b"\n", 0, error.start) + 1, "save it as UTF-8")
    found = UNREADABLE.search(text)
    if found is not None:
        _fail(
            f"the document has a control character, U+{ord(found[0]):04X}",
            text.count("\n", 0, found.start()) + 1,
            f'in text, write it as an escape: "{_escaped(found)}"',
        )


@cache
def _loader_class() -> Any:
    """PyYAML's reader in C where there is one; the one in Python gives the same events, ten times slower."""
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _syntax_problem(error: Any) -> Problem:
    mark = getattr(error, "problem_mark", None)
    said = getattr(error, "problem", None) or str(error)
    hint = "indent with spaces, and quote text that begins with a sign" if "cannot start any token" in said else None
    return Problem(f"this is not YAML: {said}", None if mark is None else mark.line + 1, hint)


class _Open:
    """A mapping or sequence whose end has not been read."""

    __slots__ = ("key", "value", "where")

    def __init__(self, value: dict[str, object] | list[object], where: Location) -> None:
        self.value = value
        self.where = where
        self.key: str | None = None


class _Reader:
    """Makes values of PyYAML's events.

    Of events and not of PyYAML's nodes: nothing is called recursively, so that no document exhausts the stack, and
    everything that is refused is seen with its line. It is also twice as fast.
    """

    def __init__(self, lines: dict[Location, int] | None) -> None:
        self.lines = lines
        self.problems: list[Problem] = []
        self.root: object = None
        self.open: list[_Open] = []

    def read(self, loader: Any) -> None:
        import yaml

        documents = 0
        while len(self.problems) < MAX_PROBLEMS:
            event = loader.get_event()
            kind = type(event)
            if kind is yaml.ScalarEvent:
                self.check(event)
                if self.open and self.open[-1].key is None and type(self.open[-1].value) is dict:
                    self.take_key(event)
                else:
                    self.place(self.scalar(event), event)
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                self.check(event)
                self.begin({} if kind is yaml.MappingStartEvent else [], event)
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                self.open.pop()
            elif kind is yaml.AliasEvent:
                self.refuse("an alias (*) is not allowed", event, "write out what it stands for")
                if self.open and self.open[-1].key is None and type(self.open[-1].value) is dict:
                    self.open[-1].key = ""
                else:
                    self.place(None, event)
            elif kind is yaml.DocumentStartEvent:
                documents += 1
                if documents > 1:
                    self.refuse("a second document is not allowed", event, "remove what follows '---'")
                    return
                if event.version or event.tags:
                    self.refuse("a directive (%) is not allowed", event, None)
            elif kind is yaml.StreamEndEvent:
                return

    def refuse(self, message: str, event: Any, hint: str | None) -> None:
        self.problems.append(Problem(message, event.start_mark.line + 1, hint))

    def check(self, event: Any) -> None:
        if event.anchor is not None:
            self.refuse("an anchor (&) is not allowed", event, "write the value out where it is needed")
        if event.tag is not None:
            self.refuse("a tag (!) is not allowed", event, "remove it, or quote the text")

    def take_key(self, event: Any) -> None:
        container = self.open[-1]
        key = event.value
        found = None if event.style else _NOT_TEXT.fullmatch(key)
        if key == "<<" and found is not None:
            self.refuse("a merge key (<<) is not allowed", event, "write out what it stands for")
        elif found is not None:
            self.refuse(f"the key {_shown(key)} is not text to every reader", event, f"quote it: {quoted(key)}")
        elif key in container.value:
            self.refuse(f"duplicate key {_shown(key)}", event, "keep one of them")
        container.key = key
        if self.lines is not None:
            self.lines[(*container.where, key)] = event.start_mark.line + 1

    def scalar(self, event: Any) -> Scalar | None:
        text: str = event.value
        if event.style:
            # Only the reader in Python lets an escape make half a surrogate pair.
            if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
                self.refuse("half of a surrogate pair is no character", event, None)
            return text
        found = _NOT_TEXT.fullmatch(text)
        if found is None:
            return text
        kind = found.lastgroup
        if kind == "null":
            key = self.open[-1].key if self.open else None
            said = f"the key {_shown(key)} has no value" if key is not None else "a value is missing"
            self.refuse(
                said, event, "give it one, or leave it out" if not text else f"quote it if it is text: {quoted(text)}"
            )
            return None
        if kind == "bool":
            return text[0] in "tT"
        if kind == "int":
            if len(text) < 21 and -BIGGEST <= (number := int(text)) < BIGGEST:
                return number
            self.refuse(f"the number {_shown(text)} is too big for 64 bits", event, "quote it if it is text")
            return None
        if kind == "float" and (value := float(text)) not in (float("inf"), float("-inf")):
            return value
        self.refuse(f"{_shown(text)} means different things to different readers", event, _unsure_hint(text))
        return None

    def begin(self, value: dict[str, object] | list[object], event: Any) -> None:
        if self.open and self.open[-1].key is None and type(self.open[-1].value) is dict:
            self.refuse("a key must be text", event, None)
            raise DocumentError(self.problems)
        if len(self.open) >= MAX_DEPTH:
            self.refuse(f"the document is nested deeper than {MAX_DEPTH} levels", event, None)
            raise DocumentError(self.problems)
        where = self.place(value, event)
        self.open.append(_Open(value, where))

    def place(self, value: object, event: Any) -> Location:
        if not self.open:
            self.root = value
            where: Location = ()
        else:
            container = self.open[-1]
            if isinstance(container.value, dict):
                assert container.key is not None
                container.value[container.key] = value
                if self.lines is None:
                    container.key = None
                    return ()
                where = (*container.where, container.key)
                container.key = None
                return where
            container.value.append(value)
            where = (*container.where, len(container.value) - 1)
        if self.lines is not None:
            self.lines[where] = event.start_mark.line + 1
        return where


def _unsure_hint(text: str) -> str:
    try:
        number = repr_of(float(text))
    except (ValueError, DocumentError):
        return f"if it is text, quote it: {quoted(text)}"
    return f"write {number}, or, if it is text, quote it: {quoted(text)}"


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:60]}…")


# Writing.


def dump(document: Mapping[str, object]) -> bytes:
    """The canonical form of a mapping of text, int, float, bool, mappings and sequences; keys keep their order.

    Raises DocumentError where the form has no place for a value: None, an empty mapping or sequence (whoever has
    none leaves out the key), NaN, an infinity, a number that 64 bits do not hold, half a surrogate pair, a key that
    is no text or is too long, or more than 20 levels.
    """
    lines: list[str] = []
    _write_mapping(document, "", "", lines, 1)
    lines.append("")
    return "\n".join(lines).encode()


def scalar(value: object) -> str:
    """How one text, number or truth value is written."""
    if isinstance(value, str):
        plain = _PLAIN.match(value) and (value.isascii() or not HIDDEN.search(value))
        return value if plain else quoted(value)
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, int):
        if not -BIGGEST <= value < BIGGEST:
            _fail("a number is too big for 64 bits")
        return str(int(value))
    if isinstance(value, float):
        return repr_of(value)
    _fail(f"a {type(value).__name__} cannot be written")


def quoted(text: str) -> str:
    """`text` in double quotes: a JSON string, in which whatever does not show is an escape."""
    return HIDDEN.sub(_escaped, json.dumps(text, ensure_ascii=False))


def repr_of(number: float) -> str:
    """The shortest decimal that reads back as `number`, always with a point, so that YAML 1.1 sees a number too."""
    if number != number or number in (float("inf"), float("-inf")):
        _fail(f"{number} is not a number that can be written")
    mantissa, e, exponent = repr(float(number)).partition("e")
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}{e}{exponent}"


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xD800 <= code <= 0xDFFF:
        _fail("half of a surrogate pair is no character")
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _write_mapping(mapping: Mapping[str, object], indent: str, lead: str, lines: list[str], depth: int) -> None:
    if not mapping or depth > MAX_DEPTH:
        _fail("an empty mapping cannot be written" if not mapping else f"more than {MAX_DEPTH} levels")
    for key, value in mapping.items():
        if not isinstance(key, str):
            _fail(f"the key {key!r} is not text")
        written = scalar(key)
        if len(written) > MAX_KEY:
            _fail(f"the key {_shown(key)} is longer than {MAX_KEY} characters")
        head = f"{lead}{written}:"
        if isinstance(value, Mapping):
            lines.append(head)
            _write_mapping(value, indent + "  ", indent + "  ", lines, depth + 1)
        elif isinstance(value, list | tuple):
            lines.append(head)
            _write_sequence(value, indent, indent, lines, depth + 1)
        else:
            lines.append(f"{head} {scalar(value)}")
        lead = indent


def _write_sequence(items: Sequence[object], indent: str, lead: str, lines: list[str], depth: int) -> None:
    if not items or depth > MAX_DEPTH:
        _fail("an empty sequence cannot be written" if not items else f"more than {MAX_DEPTH} levels")
    for item in items:
        if isinstance(item, Mapping):
            _write_mapping(item, indent + "  ", f"{lead}- ", lines, depth + 1)
        elif isinstance(item, list | tuple):
            _write_sequence(item, indent + "  ", f"{lead}- ", lines, depth + 1)
        else:
            lines.append(f"{lead}- {scalar(item)}")
        lead = indent


def check_canonical(data: bytes, canonical: bytes) -> None:
    """Raises DocumentError, with the first line that differs, unless `data` is `canonical` already."""
    if data == canonical:
        return
    hint = "run: gitstage fmt FILE"
    if data.replace(b"\r\n", b"\n") == canonical:
        _fail("not in canonical form: lines end with CRLF, and must end with LF", 1, hint)
    found, wanted = data.decode().split("\n"), canonical.decode().split("\n")
    for line, (is_, should) in enumerate(zip(found, wanted, strict=False), 1):
        if is_ != should:
            _fail(f"not in canonical form: it says {_shown(is_)} and not {_shown(should)}", line, hint)
    line = min(len(found), len(wanted))
    _fail("not in canonical form: " + ("the end is missing" if len(found) < line + 1 else "it goes on"), line, hint)


# Checking a document against a model.

API_VERSION = "gitstage/v1"


def check_header(document: Mapping[str, object], data: bytes, kinds: Sequence[str]) -> str:
    """The document's kind. Raises DocumentError unless it is of our apiVersion and one of `kinds`."""
    problems = []
    found = document.get("apiVersion")
    if found != API_VERSION:
        said = "the key 'apiVersion' is missing" if found is None else f"apiVersion {found!r} is not known here"
        hint = f"write: apiVersion: {API_VERSION}" + ("" if found is None else ", or use a newer gitstage")
        problems.append(Problem(said, line_of(data, ["apiVersion"]), hint))
    kind = document.get("kind")
    if kind not in kinds:
        wanted = " or ".join(kinds)
        said = "the key 'kind' is missing" if kind is None else f"kind must be {wanted}, not {kind!r}"
        near = near_miss(str(kind), kinds)
        problems.append(Problem(f"{said}{near}", line_of(data, ["kind"]), f"write: kind: {wanted}"))
    if problems:
        raise DocumentError(problems)
    return str(kind)


Model = TypeVar("Model", bound="BaseModel")


def validated(model: type[Model], document: Mapping[str, object], data: bytes, *, within: Location = ()) -> Model:
    """`document`, which was parsed from `data`, as a value of a pydantic model. Raises DocumentError with lines.

    `within` says where in `data` the document stands, if it is not the whole.
    """
    from pydantic import ValidationError

    try:
        return model.model_validate(document, by_alias=True, by_name=False)
    except ValidationError as error:
        raise DocumentError(problems_of(error, model, data, within)) from None


def problems_of(error: Any, model: type[BaseModel], data: bytes, within: Location = ()) -> list[Problem]:
    """What a pydantic ValidationError says, in our words and with the lines of `data`."""
    lines = lines_of(data)
    problems = []
    for found in error.errors(include_url=False):
        where = tuple(step for step in found["loc"] if step != "[key]")
        message, hint = _said(found, where, within, model)
        problems.append(Problem(message, line_in(lines, (*within, *where)), hint))
    return problems


def line_in(lines: Mapping[Location, int], where: Location) -> int | None:
    """The line of `where`, or of what lies deepest on the way to it."""
    while where not in lines:
        if not where:
            return None
        where = where[:-1]
    return lines[where]


NOUNS = {
    "string": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "tuple": "a list",
    "list": "a list",
    "dict": "a mapping of keys to values",
    "model": "a mapping of keys to values",
    "mapping": "a mapping of keys to values",
}


def _said(
    found: Mapping[str, Any], where: Location, within: Location, model: type[BaseModel]
) -> tuple[str, str | None]:
    kind: str = found["type"]
    context: Mapping[str, Any] = found.get("ctx", {})
    value = found["input"]
    whole = path_in_words((*within, *where))
    parent = path_in_words((*within, *where[:-1]), "in ")
    if kind == "missing":
        return f"{parent}the key '{where[-1]}' is missing", None
    if kind == "extra_forbidden":
        return f"{parent}{unknown_key(where[-1], _keys_at(model, where[:-1]))}", None
    if kind == "value_error":
        return f"{whole}{context['error']}", getattr(context["error"], "hint", None)
    noun = NOUNS.get(kind.removesuffix("_type"))
    if noun is not None:
        return f"{whole}must be {noun}, not {kind_of(value)}", quote_hint(noun, value)
    if kind == "literal_error":
        near = near_miss(str(value), re.findall(r"'([^']*)'", context["expected"]))
        return f"{whole}must be {context['expected']}, not {kind_of(value)}{near}", None
    if kind == "string_pattern_mismatch":
        return f"{whole}{_shown(value)} does not match {context['pattern']}", None
    if kind == "too_short":
        return f"{whole}needs at least {context['min_length']}", None
    return f"{whole}{found['msg']}", None


def quote_hint(noun: str, value: object) -> str | None:
    """What to do about a value that is no text where text was wanted."""
    if noun != "text" or isinstance(value, Mapping | list | tuple):
        return None
    if value is None or isinstance(value, bool):
        return "quote it"
    return f'quote it: "{value}"'


def kind_of(value: object) -> str:
    """A value in words, short enough for a message."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, Mapping):
        return "a mapping of keys to values"
    if isinstance(value, list | tuple):
        return "a list"
    return _shown(str(value))


def path_in_words(where: Location, before: str = "") -> str:
    """`('artifacts', 0, 'uri')` as `artifacts[0].uri: `; nothing for the document itself."""
    said = ""
    for step in where:
        said += f"[{step}]" if isinstance(step, int) else f".{step}" if said else step
    return f"{before}{said}: " if said else ""


def unknown_key(key: object, known: Iterable[str]) -> str:
    """What is said of a key that nobody knows, with the known one that may be meant."""
    return f"unknown key '{key}'{near_miss(str(key), known)}"


def near_miss(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'soak'?` where one of the known words is close to `word`."""
    from difflib import get_close_matches

    close = get_close_matches(word.lower(), list(known), 1, 0.6)
    return f"; did you mean '{close[0]}'?" if close else ""


def _keys_at(model: type[BaseModel], where: Location) -> list[str]:
    """The keys that a pydantic model knows at a location."""
    from pydantic import BaseModel

    kinds: list[Any] = [model]
    for step in where:
        kinds = [inner for kind in kinds for inner in _inside(kind, step)]
    return [
        field.alias or name
        for kind in kinds
        if isinstance(kind, type) and issubclass(kind, BaseModel)
        for name, field in kind.model_fields.items()
    ]


def _inside(kind: Any, step: str | int) -> list[Any]:
    """The types that lie at one step into a type."""
    from typing import get_args

    if hasattr(kind, "model_fields"):
        found = [field.annotation for name, field in kind.model_fields.items() if (field.alias or name) == step]
    else:
        found = [get_args(kind)[-1]]
    return [inner for annotation in found for inner in _flat(annotation)]


def _flat(annotation: Any) -> list[Any]:
    """The members of a union, without None and without what an Annotated says besides."""
    from types import NoneType, UnionType
    from typing import Annotated, Union, get_args, get_origin

    if get_origin(annotation) is Annotated:
        return _flat(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [inner for member in get_args(annotation) for inner in _flat(member)]
    return [] if annotation is NoneType else [annotation]
