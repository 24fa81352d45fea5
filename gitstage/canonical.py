"""The form of a registry's documents: strict YAML in, canonical YAML out.

What is read is a small, safe part of YAML: mappings, sequences, text, numbers, true and false. What readers of YAML
understand differently (`NO`, `010`, `1:20`, `1e-5`) is refused rather than guessed. What is written is the one canonical
form of a value, specified in docs/reference/manifest.md; it belongs to `gitstage/v1`, is written by the few functions
below and by no library, and must never change.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache, lru_cache
from typing import Any, NamedTuple, NoReturn

from gitstage.errors import GitstageError

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
    "\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f"  # control characters, the tab too, about which PyYAML's two readers disagree
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # reorder what is shown
    "\u2028\u2029\ufeff\ufffe\uffff"  # end a line in YAML 1.1 only, as \x85; byte order mark; no characters
)
_INVISIBLE = (
    "\n\r\xa0\xad\u034f\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164"
    "\ufe00-\ufe0f\ufff0-\ufffb\uffa0\ud800-\udfff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff\U000f0000-\U0010ffff"
)
UNREADABLE = re.compile(f"[{_UNREADABLE}]|\r(?!\n)")
"""What may stand nowhere in a document, not even in a comment; in text it is written as an escape."""
HIDDEN = re.compile(f"[{_UNREADABLE}{_INVISIBLE}]")
"""What does not show, or shows as something else: the canonical form writes it as an escape, and no name has it."""
_HALF = re.compile("[\ud800-\udfff]")

# Plain scalars.

_NOT_TEXT = re.compile(
    r"""
      (?P<null>   | ~ | null | Null | NULL)
    | (?P<bool>   true | True | TRUE | false | False | FALSE)
    | (?P<int>    [-+]? (?: 0 | [1-9][0-9]*))
    | (?P<float>  [-+]? [0-9]+ \. [0-9]* (?: [eE][-+][0-9]+)?)
    | (?P<unsure> [-+]? (?: [0-9][0-9_]* (?: \.[0-9_]*)? | \.[0-9][0-9_]*) (?: [eE][-+]?[0-9]+)?
                | [-+]? [0-9][0-9_]* (?: : [0-5]?[0-9])+ (?: \.[0-9_]*)?
                | [-+]? 0 (?: [xX][0-9a-fA-F_]+ | [oO][0-7_]+ | [bB][01_]+)
                | [-+]? \. (?: inf | Inf | INF | nan | NaN | NAN)
                | yes | Yes | YES | no | No | NO | on | On | ON | off | Off | OFF
                | << | =)
    """,
    re.VERBOSE | re.ASCII,
)
"""What stands unquoted and is not text to every reader; `unsure` where YAML 1.1 and 1.2 do not agree what it is.

No alternative here or below can match a text in two ways: a long one is decided in one pass.
"""
_NOT_TEXT_BEGINS = "~tTfFnNyYoO<=+-.0123456789"
"""The characters with which that can begin, if it is not empty."""

_PLAIN = re.compile(
    r"""
    (?! (?i: null | true | false | yes | no | on | off | y | n) \Z
      | [0-9][0-9_,]* (?: \.[0-9_]*)? (?: [eE][-+]?[0-9]+)? \Z
      | [0-9][0-9_]* (?: :[0-5]?[0-9])+ (?: \.[0-9_]*)? \Z
      | 0 [xXoObB][0-9a-fA-F_]+ \Z
      | [0-9]{4}-[0-9]{1,2}-[0-9]{1,2} (?: [Tt ] | \Z))
    [^\x00-.:-@\[-^`{-\x7f]            # a letter, digit, '_' or '/', or beyond ASCII
    [^\x00-\x20":\[-\]`{}\x7f]*
    (?: (?: : (?! [ ] | \Z) | [ ] (?! [ #] | \Z))
        [^\x00-\x20":\[-\]`{}\x7f]*
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
    """The line (from 1) of a key or item, or of what lies deepest on the way to it; None where nothing could be read.

    It reads the document once more: ask only when something is wrong.
    """
    return line_in(lines_of(data), tuple(location))


def lines_of(data: bytes) -> dict[Location, int]:
    """The line (from 1) of every key and item of a document, as far as it can be read."""
    lines: dict[Location, int] = {}
    with suppress(DocumentError):
        _read(data, len(data), lines)
    return lines


def line_in(lines: Mapping[Location, int], where: Location) -> int | None:
    """The line of `where`, or of what lies deepest on the way to it."""
    while where and where not in lines:
        where = where[:-1]
    return lines.get(where)


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
    if text.startswith("%") or "\n%" in text:
        _fail("a directive (%) is not allowed", _line_at(text, f"\n{text}".index("\n%")))
    found = UNREADABLE.search(text)
    if found is not None:
        tab = found[0] == "\t"
        _fail(
            "the document has a tab" if tab else f"the document has a control character, U+{ord(found[0]):04X}",
            _line_at(text, found.start()),
            'use spaces; in text write "\\t"' if tab else f'in text, write it as an escape: "{_escaped(found)}"',
        )


def _line_at(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


@cache
def _loader_class() -> Any:
    """PyYAML's reader in C where there is one; the one in Python gives the same events, ten times slower."""
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _syntax_problem(error: Any) -> Problem:
    mark = getattr(error, "problem_mark", None)
    said = getattr(error, "problem", None) or str(error)
    hint = "quote text that begins with a sign" if "cannot start any token" in said else None
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
                # Only the reader in Python lets an escape make half a surrogate pair.
                if event.style and not event.value.isascii() and _HALF.search(event.value):
                    self.refuse("half of a surrogate pair is no character", event, None)
                if self.wants_key():
                    self.take_key(event)
                else:
                    self.place(self.scalar(event), event)
            elif kind is yaml.MappingStartEvent:
                self.begin({}, event)
            elif kind is yaml.SequenceStartEvent:
                self.begin([], event)
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                self.open.pop()
            elif kind is yaml.AliasEvent:
                self.stop("an alias (*) is not allowed", event, "write out what it stands for")
            elif kind is yaml.DocumentStartEvent:
                documents += 1
                if documents > 1:
                    self.stop("a second document is not allowed", event, "remove what follows '---'")
            elif kind is yaml.StreamEndEvent:
                return

    def wants_key(self) -> bool:
        """Whether what comes next is the key of a mapping."""
        return bool(self.open) and self.open[-1].key is None and type(self.open[-1].value) is dict

    def stop(self, message: str, event: Any, hint: str | None = None) -> NoReturn:
        self.refuse(message, event, hint)
        raise DocumentError(self.problems)

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
            self.refuse(f"the key {shown(key)} is not text to every reader", event, f"quote it: {quoted(key)}")
        elif key in container.value:
            self.refuse(f"duplicate key {shown(key)}", event, "keep one of them")
        container.key = key
        if self.lines is not None:
            self.lines[(*container.where, key)] = event.start_mark.line + 1

    def scalar(self, event: Any) -> Scalar | None:
        text: str = event.value
        if event.style:
            return text
        found = _NOT_TEXT.fullmatch(text)
        if found is None:
            return text
        kind = found.lastgroup
        if kind == "null":
            key = self.open[-1].key if self.open else None
            said = f"the key {shown(key)} has no value" if key is not None else "a value is missing"
            self.refuse(
                said, event, "give it one, or leave it out" if not text else f"quote it if it is text: {quoted(text)}"
            )
            return None
        if kind == "bool":
            return text[0] in "tT"
        if kind == "int":
            if len(text) < 21 and -BIGGEST <= (number := int(text)) < BIGGEST:
                return number
            self.refuse(f"the number {shown(text)} is too big for 64 bits", event, "quote it if it is text")
            return None
        if kind == "float" and (value := float(text)) not in (float("inf"), float("-inf")):
            return value
        self.refuse(f"{shown(text)} means different things to different readers", event, _unsure_hint(text))
        return None

    def begin(self, value: dict[str, object] | list[object], event: Any) -> None:
        self.check(event)
        if self.wants_key():
            self.stop("a key must be text", event)
        if len(self.open) >= MAX_DEPTH:
            self.stop(f"the document is nested deeper than {MAX_DEPTH} levels", event)
        self.open.append(_Open(value, self.place(value, event)))

    def place(self, value: object, event: Any) -> Location:
        """Puts a value where it belongs; answers where that is, if lines are wanted."""
        step: Location = ()
        where: Location = ()
        if not self.open:
            self.root = value
        else:
            container = self.open[-1]
            where = container.where
            if isinstance(container.value, dict):
                assert container.key is not None
                step = (container.key,)
                container.value[container.key] = value
                container.key = None
            else:
                step = (len(container.value),)
                container.value.append(value)
        if self.lines is None:
            return ()
        where = (*where, *step)
        self.lines.setdefault(where, event.start_mark.line + 1)
        return where


def _unsure_hint(text: str) -> str:
    quote = f"if it is text, quote it: {quoted(text)}"
    try:
        meant = _MEANT.get(text.lower()) or (repr_of(float(text)) if re.search("[.eE]", text) else str(int(text, 0)))
    except (ValueError, DocumentError):
        return quote
    return f"write {meant}, or {quote}"


_MEANT = {"yes": "true", "on": "true", "no": "false", "off": "false"}


def shown(text: str) -> str:
    """A text for a message: quoted, with escapes for what does not print, and not too long."""
    return repr(text if len(text) <= 60 else f"{text[:60]}…")


# Reading what is canonical, most likely.

SHORT = 100
"""Characters; scalars that are shorter are remembered: of a registry's documents most lines stand in many of them."""

_LINE = re.compile(r"( *)(- )?([^:\n]+):(?: (.+))?")


def quick(data: bytes) -> dict[str, object] | None:
    """What a document says if it is, beyond doubt, what `dump` writes of that; None where it is unsure.

    Nothing is refused here, and five times as fast as by `parse`. It goes line by line, and a line counts only if its
    key and its value are written as they would be written again, where they would be: by its own indentation, right
    below what it belongs to, and nowhere twice.
    """
    if len(data) > MAX_BYTES:
        return None
    try:
        text = data.decode()
        return _quick(text) if text.endswith("\n") else None
    except (ValueError, DocumentError):
        return None


def _quick(text: str) -> dict[str, object]:
    root: dict[str, object] = {}
    # Mappings that are open, with how far their keys are indented, and the key of the last whose value has not begun.
    inside: list[tuple[int, dict[str, object]]] = [(0, root)]
    waiting: str | None = None
    for line in text[:-1].split("\n"):
        found = _LINE.fullmatch(line)
        if found is None:
            raise ValueError(line)
        spaces, dash, key, value = found.groups()
        indent = len(spaces)
        if dash is not None:
            _begin_item(inside, waiting, indent)
            indent += 2
        elif waiting is not None:
            _begin_mapping(inside, waiting, indent)
        else:
            _end_deeper(inside, indent)
        mapping = inside[-1][1]
        # As `dump` counts, a mapping in a list is two levels, and so at most as deep as it is indented.
        if key in mapping or _key(key) != key or indent >= MAX_DEPTH:
            raise ValueError(line)
        waiting = None if value is not None else key
        if value is not None:
            mapping[key] = _known_scalar(value) if len(value) < SHORT else _quick_scalar(value)
    if waiting is not None:
        raise ValueError(waiting)
    return root


def _begin_mapping(inside: list[tuple[int, dict[str, object]]], key: str, indent: int) -> None:
    """A mapping as the value of a key of the last one."""
    outer, mapping = inside[-1]
    if indent != outer + 2:
        raise ValueError(key)
    inner: dict[str, object] = {}
    mapping[key] = inner
    inside.append((indent, inner))


def _begin_item(inside: list[tuple[int, dict[str, object]]], key: str | None, indent: int) -> None:
    """A mapping in a sequence, which begins as the value of a key, or is the last value at this indentation."""
    items: list[object]
    if key is not None:
        if indent != inside[-1][0]:
            raise ValueError(key)
        items = []
        inside[-1][1][key] = items
    else:
        _end_deeper(inside, indent)
        mapping = inside[-1][1]
        last = mapping[next(reversed(mapping))] if mapping else None
        if not isinstance(last, list):
            raise ValueError("there is no sequence here")
        items = last
    item: dict[str, object] = {}
    items.append(item)
    inside.append((indent + 2, item))


def _end_deeper(inside: list[tuple[int, dict[str, object]]], indent: int) -> None:
    """Ends what is indented deeper; there has to be something that is indented so."""
    while inside[-1][0] > indent:
        inside.pop()
    if inside[-1][0] != indent:
        raise ValueError("nothing is indented like that")


def _quick_scalar(text: str) -> Scalar:
    """What a scalar says that is written as it would be written again. Raises ValueError, DocumentError."""
    value: Scalar
    found = _NOT_TEXT.fullmatch(text) if text[:1] in _NOT_TEXT_BEGINS else None
    if found is None:
        value = str(json.loads(text)) if text.startswith('"') else text
    elif found.lastgroup == "bool":
        value = text == "true"
    else:
        value = int(text) if found.lastgroup == "int" else float(text)
    if scalar(value) != text:
        raise ValueError(text)
    return value


_known_scalar = lru_cache(maxsize=2048)(_quick_scalar)


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
        return _known_text(value) if len(value) < SHORT else _text(value)
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


def _text(value: str) -> str:
    plain = _PLAIN.match(value) and (value.isascii() or not HIDDEN.search(value))
    return value if plain else quoted(value)


_known_text = lru_cache(maxsize=2048)(_text)


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


@lru_cache(maxsize=512)  # nearly all keys are those of the format
def _key(key: str) -> str:
    written = scalar(key)
    if len(written) > MAX_KEY:
        _fail(f"the key {shown(key)} is longer than {MAX_KEY} characters")
    return written


def _write_mapping(mapping: Mapping[str, object], indent: str, lead: str, lines: list[str], depth: int) -> None:
    if not mapping or depth > MAX_DEPTH:
        _fail("an empty mapping cannot be written" if not mapping else f"more than {MAX_DEPTH} levels")
    for key, value in mapping.items():
        if not isinstance(key, str):
            _fail(f"the key {key!r} is not text")
        written = _key(key)
        head = f"{lead}{written}:"
        if isinstance(value, (str, int, float)):
            lines.append(f"{head} {scalar(value)}")
        elif isinstance(value, Mapping):
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
    for line, (written, should) in enumerate(zip(found, wanted, strict=False), 1):
        if written != should:
            # What a long line and the right one begin with says nothing.
            start = next((at for at, (a, b) in enumerate(zip(written, should, strict=False)) if a != b), 0) // 40 * 40
            said = f"it says {shown(written[start:])} and not {shown(should[start:])}"
            _fail(f"not in canonical form: {said}", line, hint)
    missing = len(found) < len(wanted)
    said = "a line feed at the end is missing" if missing else "it goes on where it should end"
    _fail(f"not in canonical form: {said}", min(len(found), len(wanted)), hint)
