"""Run the tests of a policy: files beside a `gitstage.yaml`, without git."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar

from gitstage.canonical import MAX_BYTES, DocumentError, Problem
from gitstage.errors import GitstageError, NoSuchThing
from gitstage.layout import CONFIGURATION, POLICY_TESTS
from gitstage.operations.plugins import plugins
from gitstage.values import dataclass

if TYPE_CHECKING:
    from gitstage.rules.rehearse import Rehearsed


Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True)
class Tested:
    """A file of tests as it came out: the policy it was held against, each case, and the milliseconds that each took."""

    path: Path
    policy: Path
    cases: tuple[Rehearsed, ...]
    milliseconds: tuple[float, ...]

    @property
    def passed(self) -> bool:
        """Whether every case came out as expected."""
        return all(case.passed for case in self.cases)


def run(
    files: Sequence[Path],
    *,
    directory: Path,
    policy: Path | None = None,
    allowed_plugins: frozenset[str] = frozenset(),
    timer: Callable[[], float] = perf_counter,
) -> tuple[Tested, ...]:
    """The tests in some files, or else those of the registries in `directory`.

    Each is held against the `gitstage.yaml` beside it, or against `policy`. Raises NoSuchThing where there is no such
    file, and DocumentError, with the file's name in each problem, where one cannot be read.
    """
    return tuple(
        _tested(path, policy or path.parent / CONFIGURATION, allowed_plugins, timer)
        for path in (files or _found(directory))
    )


def _found(directory: Path) -> list[Path]:
    here = directory / POLICY_TESTS
    found = [here] if here.is_file() else sorted(directory.glob(f"*/{POLICY_TESTS}"))
    if not found:
        raise NoSuchThing(
            f"there is no {POLICY_TESTS} in {directory} or in a folder of it",
            hint="name a file: gitstage policy test FILE; what it says: docs/how-to/test-a-policy.md",
        )
    return found


def _tested(path: Path, policy: Path, allowed: frozenset[str], timer: Callable[[], float]) -> Tested:
    from gitstage.policy import read_policy
    from gitstage.policytests import read_policy_test
    from gitstage.rules.rehearse import rehearsed

    test = _named(path, lambda: read_policy_test(_bytes(path)))
    data = _bytes(policy)
    _named(policy, lambda: read_policy(data))
    cases: list[Rehearsed] = []
    times: list[float] = []

    def play() -> None:
        begun = timer()
        for case in rehearsed(test, data, plugin=plugins(allowed)):
            cases.append(case)
            times.append((timer() - begun) * 1000)
            begun = timer()

    _named(path, play)
    return Tested(path=path, policy=policy, cases=tuple(cases), milliseconds=tuple(times))


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise GitstageError(f"{path} cannot be read: {error.strerror}") from error


def _named(path: Path, read: Callable[[], Value]) -> Value:
    """What is read; where that fails, with the file's name before the line of each problem."""
    try:
        return read()
    except DocumentError as error:
        problems = [
            Problem(f"{path}:{problem.line or 1}: {problem.message}", None, problem.hint) for problem in error.problems
        ]
        raise DocumentError(problems) from None
