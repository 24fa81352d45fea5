"""How a person names a version: `fraud-detector@1.1.0`, `@production`, `@production~1`, `@latest`, `@next`."""

from __future__ import annotations

import re

from gitstage.errors import GitstageError
from gitstage.layout import model_problem
from gitstage.values import dataclass

_BACK = re.compile(r"(?P<name>[^~]+)~(?P<back>[0-9]{1,6})\Z")


@dataclass(frozen=True)
class Reference:
    """A model, and which version of it is meant.

    `name` is a version, a stage, `latest`, `next` or, where a command takes a model alone, None. `back` counts the
    changes of a stage that took effect: `production~1` is what was in effect before what is.
    """

    model: str
    name: str | None = None
    back: int = 0

    def __str__(self) -> str:
        if self.name is None:
            return self.model
        return f"{self.model}@{self.name}" + (f"~{self.back}" if self.back else "")


def reference(text: str) -> Reference:
    """What a person typed. Raises GitstageError where it names no model."""
    model, at, name = text.partition("@")
    problem = model_problem(model)
    if problem is not None:
        raise GitstageError(f"{text!r} names no model: {problem}", hint="a reference looks like fraud-detector@1.1.0")
    if not at:
        return Reference(model)
    if not name:
        raise GitstageError(f"{text!r} names no version", hint=f"{model}@VERSION, {model}@STAGE or {model}@latest")
    found = _BACK.match(name)
    if found is not None:
        return Reference(model, found["name"], int(found["back"]))
    return Reference(model, name)
