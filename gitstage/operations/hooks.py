"""Hooks of git: putting those in place that have gitstage asked, beside whatever is there."""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from gitstage.errors import GitstageError
from gitstage.git import Repository
from gitstage.values import dataclass

MARK = "# Written by gitstage hook install; what it finds is told by gitstage."
OF_DEVELOPERS = ("pre-commit", "pre-push")
OF_SERVERS = ("pre-receive",)


@dataclass(frozen=True, kw_only=True)
class Hook:
    """What became of one hook.

    `state` is `written`, `renewed` (an older one of ours was there), `kept` (it is there already) or `taken`: there is
    somebody else's, which stays as it is. `line` is what to add to that one.
    """

    name: str
    path: Path
    state: str
    line: str


def install(
    repo: Repository, names: Sequence[str] = (), options: Sequence[str] = (), *, dry_run: bool = False
) -> tuple[Hook, ...]:
    """Puts hooks in place that run `gitstage hook NAME` with `options`, by the Python that runs this.

    Without a name they are a developer's, or in a bare repository a server's. Raises GitstageError where git looks
    for hooks in a place that cannot be written, or is not this repository's alone; and for `pre-receive` in a
    repository that nobody pushes to.
    """
    names = names or (OF_SERVERS if repo.is_bare else OF_DEVELOPERS)
    if not repo.is_bare:
        _refuse_what_is_for_servers(names)
        _refuse_what_is_for_all(repo)
    found = [_looked_at(repo.hooks_folder / name, script(name, options)) for name in names]
    for hook in found:
        if hook.state in ("written", "renewed") and not dry_run:
            try:
                _write(hook.path, script(hook.name, options))
            except OSError as error:
                raise GitstageError(f"{hook.path} cannot be written: {error.strerror}") from error
    return tuple(found)


def script(name: str, options: Sequence[str] = ()) -> str:
    """The hook's text. Where gitstage cannot be started the shell ends with an error, and git goes no further."""
    python = shlex.quote(sys.executable)
    gone = "gitstage is not where it was; install it, and type: gitstage hook install"
    return (
        f"#!/bin/sh\n{MARK}\n[ -x {python} ] || {{ echo {shlex.quote(gone)} >&2; exit 2; }}\n{_line(name, options)}\n"
    )


def _line(name: str, options: Sequence[str]) -> str:
    # -E and -P: neither variables nor what lies in the repository say what Python imports.
    words = [sys.executable, "-EP", "-m", "gitstage", "hook", name, *options]
    return f"exec {shlex.join(words)}" + (' "$@"' if name in OF_DEVELOPERS else "")


def _refuse_what_is_for_servers(names: Sequence[str]) -> None:
    for name in names:
        if name in OF_SERVERS:
            raise GitstageError(
                f"{name} guards a repository that people push to, and this one has a work tree",
                hint=f"on the server: gitstage -C REPOSITORY.git hook install {name}",
            )


def _refuse_what_is_for_all(repo: Repository) -> None:
    """A folder of hooks that lies elsewhere is there for all repositories of somebody."""
    tops = [top.resolve() for top in (repo.common_dir, repo.git_dir, repo.work_tree) if top is not None]
    folder = repo.hooks_folder
    if not any(folder.resolve().is_relative_to(top) for top in tops):
        raise GitstageError(
            f"core.hooksPath says {folder}, which is not this repository's alone",
            hint=f"git config --local core.hooksPath {shlex.quote(str(repo.common_dir / 'hooks'))}",
        )


def _looked_at(path: Path, text: str) -> Hook:
    name, line = path.name, text.splitlines()[-1].removeprefix("exec ")
    try:
        there = path.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return Hook(name=name, path=path, state="taken" if path.is_symlink() else "written", line=f"{line} || exit")
    except OSError as error:
        raise GitstageError(f"{path} cannot be read: {error.strerror}") from error
    runs = os.access(path, os.X_OK)
    if there == text:
        state = "kept" if runs else "renewed"
    elif MARK in there:
        state = "renewed"
    else:
        state = "kept" if runs and _calls(there, name) else "taken"
    return Hook(name=name, path=path, state=state, line=f"{line} || exit")


def _calls(text: str, name: str) -> bool:
    """Whether somebody's own hook has a line that asks gitstage, and is no comment."""
    return any(f"gitstage hook {name}" in line.partition("#")[0] for line in text.splitlines())


def _write(path: Path, text: str) -> None:
    """All of it or nothing: a hook that is cut off would let everything in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".", delete=False, encoding="utf-8") as file:
        file.write(text)
    try:
        os.chmod(file.name, 0o755)  # noqa: S103 - whoever serves the repository runs it
        os.replace(file.name, path)
    except OSError:
        with suppress(OSError):
            Path(file.name).unlink()
        raise
