"""JSON from outside, read strictly: what two readers could understand differently is refused and not guessed."""

from __future__ import annotations

import json
from collections import Counter
from typing import NoReturn

from gitstage import canonical
from gitstage.canonical import DocumentError, Problem

MAX_BYTES = 1_000_000
"""Of one document."""


def json_object(data: bytes, *, noun: str = "the statement") -> dict[str, object]:
    """The JSON object that `data` is: every key once, numbers that 64 bits hold, text that is text.

    `noun` is what a message calls it. Raises DocumentError.
    """
    if len(data) > MAX_BYTES:
        fail(f"{noun} has {len(data)} bytes; at most {MAX_BYTES} are read")
    try:
        document = json.loads(
            data.decode(), object_pairs_hook=_distinct, parse_constant=_no_number, parse_int=_whole, parse_float=_finite
        )
        if b"\\u" in data:
            json.dumps(document, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise DocumentError([Problem(f"this is not JSON: {error.msg}", error.lineno)]) from None
    except UnicodeError:
        fail(f"{noun} is not UTF-8, or has half of a surrogate pair in it")
    except RecursionError:
        fail(f"{noun} is nested too deep")
    except ValueError as error:
        fail(str(error))
    if not isinstance(document, dict):
        fail(f"{noun} is no JSON object")
    return document


def fail(message: str) -> NoReturn:
    """Raises DocumentError with one problem."""
    raise DocumentError([Problem(message)])


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        (twice, _) = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"duplicate key {canonical.shown(twice)}")
    return found


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _whole(text: str) -> int:
    if len(text) > 20 or not -canonical.BIGGEST <= int(text) < canonical.BIGGEST:
        raise ValueError(f"the number {canonical.shown(text)} is too big for 64 bits")
    return int(text)


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"the number {text} is too big")
    return number
