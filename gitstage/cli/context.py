"""What holds for every command of one call: where it runs, which registry, how to print."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gitstage.errors import GitstageError
from gitstage.values import dataclass

if TYPE_CHECKING:
    from gitstage.forges import Forge
    from gitstage.operations.registries import Registry


@dataclass(frozen=True)
class Context:
    """The options that stand before a command."""

    directory: str = "."
    repo: str | None = None
    folder: str | None = None
    verbose: bool = False
    plugins: frozenset[str] = frozenset()
    tag_keys: tuple[str, ...] = ()

    def registry(self, *, revision: str | None = None) -> Registry:
        """The registry that is meant, as `revision` has it, or else what is checked out."""
        from gitstage.operations.registries import open_registry

        registry = open_registry(self.where, folder=self.folder, commit=revision)
        registry.allowed_plugins = self.plugins
        registry.tag_keys = self.tag_keys
        # Where several commands run in one process, each lets go of the git that it kept.
        click.get_current_context().call_on_close(registry.repo.close)
        if self.verbose:
            from gitstage.cli.output import print_line

            print_line(f"registry {registry.folder or '.'} of {registry.repo.git_dir}", err=True)
            print_line(f"trunk {registry.identity.trunk} at {registry.tip or 'no commit'}", err=True)
            print_line(f"remote {registry.remote or 'none'}, moment {registry.now:%Y-%m-%dT%H:%M:%SZ}", err=True)
        return registry

    @property
    def where(self) -> str:
        """The path or URL of the repository."""
        if self.repo is None or "://" in self.repo:
            return self.repo or self.directory
        return os.path.join(self.directory, self.repo) if not _is_scp_like(self.repo) else self.repo


def _is_scp_like(text: str) -> bool:
    """Whether a text names a repository as ssh does, `git@host:path`."""
    before, colon, _ = text.partition(":")
    return bool(colon) and "@" in before and "/" not in before


_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?P<rest>(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)")
_LONGEST_WHOLE = 18
"""Characters; what has more is no count of anything, and kept as a float."""

F = TypeVar("F", bound=Callable[..., Any])

pass_context = click.make_pass_decorator(Context)


def json_option(function: F) -> F:
    """`--json`: a documented, stable shape that names its schema."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON that names its schema.")(function)


def dry_run_option(function: F) -> F:
    """`--dry-run`: judge and show, change nothing."""
    return click.option("--dry-run", is_flag=True, help="Judge and show, change nothing.")(function)


def approvals_option(function: F) -> F:
    """`--approvals`: what a forge says of who made and approved changes."""
    return click.option(
        "--approvals",
        type=click.Path(path_type=Path, dir_okay=False, exists=True),
        metavar="FILE",
        help="Who made and who approved changes, as the forge says: JSON.",
    )(function)


def forge_in(file: Path | None, *, landed: bool) -> Forge | None:
    """What the file of `--approvals` says. Raises GitstageError where it cannot be read, or says nothing of the kind."""
    if file is None:
        return None
    from gitstage.canonical import DocumentError
    from gitstage.forges import read_forge

    try:
        return read_forge(file.read_bytes(), landed=landed)
    except DocumentError as error:
        raise GitstageError(f"{file}: {error.message}", hint=error.hint) from error
    except OSError as error:
        raise GitstageError(f"{file} cannot be read: {error.strerror}") from error


def push_option(function: F) -> F:
    """`--push`: land on the trunk of the remote."""
    return click.option("--push", is_flag=True, help="Land on the remote's trunk; plan again while others are first.")(
        function
    )


def at_options(function: F) -> F:
    """`--at` and `--declared`, for commands that read."""
    function = click.option(
        "--at", metavar="WHEN", help="What was in effect then: a moment, a date, a commit or a tag."
    )(function)
    return click.option(
        "--declared", is_flag=True, help="Read the tree (HEAD, or --at COMMIT), not what is in effect."
    )(function)


def changing(function: F) -> F:
    """The options of every command that changes something."""
    return json_option(dry_run_option(push_option(function)))


def sign_option(*, required: bool = False) -> Callable[[F], F]:
    """`--sign`: by whose key the statement is signed."""
    text = "An SSH key to sign with: a private one, or a public one whose other half an ssh-agent holds; may be given again."
    return click.option("--sign", multiple=True, required=required, metavar="KEY", help=text)


def reason_option(*, required: bool) -> Callable[[F], F]:
    """`--reason`: why, in the commit."""
    return click.option("--reason", metavar="TEXT", required=required, help="Why; it stands in the commit.")


def pairs(texts: tuple[str, ...], option: str) -> dict[str, str]:
    """`K=V` texts as a mapping. Raises GitstageError where one is none, or says again what another said."""
    found: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise GitstageError(f"{option} takes KEY=VALUE, not {text!r}", hint=f"{option} {key or 'KEY'}=VALUE")
        if key in found:
            raise GitstageError(f"{option} says {key} twice: {found[key]!r} and {value!r}")
        found[key] = value
    return found


def numbers(texts: tuple[str, ...], option: str) -> dict[str, int | float]:
    """`K=NUMBER` texts as a mapping. Raises GitstageError where one is none."""
    found: dict[str, int | float] = {}
    for key, value in pairs(texts, option).items():
        number = _number(value)
        if number is None:
            raise GitstageError(f"{option} {key}={value}: {value!r} is no finite number", hint=f"{option} {key}=0.95")
        found[key] = number
    return found


def scalars(texts: tuple[str, ...], option: str) -> dict[str, str | int | float | bool]:
    """`K=V` texts as a mapping in which numbers, true and false are what they look like."""
    return {key: _scalar(value) for key, value in pairs(texts, option).items()}


def _scalar(value: str) -> str | int | float | bool:
    if value in ("true", "false"):
        return value == "true"
    number = _number(value)
    return value if number is None else number


def _number(text: str) -> int | float | None:
    """What JSON calls a number; `007`, `1_000`, `nan` and a number too large for a float are none."""
    found = _NUMBER.fullmatch(text)
    if found is None:
        return None
    if found["rest"] or len(text) > _LONGEST_WHOLE:
        value = float(text)
        return value if isfinite(value) else None
    return int(text)
