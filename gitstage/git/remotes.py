"""Fetching from remotes and pushing to them, without prompts and without force."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from gitstage.git.environment import Purpose
from gitstage.git.errors import GitError, NoSuchRevision, PushRefused, RefMoved
from gitstage.git.process import NO_HOOKS, Answer, Processes
from gitstage.git.refs import LOST, check_update

NO_REMOTE_REF = re.compile(r"couldn't find remote ref (\S+)")
FIRST = re.compile(
    r"non-fast-forward|fetch first|already exists|stale info|needs force|would clobber existing tag"
    r"|incorrect old value provided|failed to lock"
)
"""Why git, here or there, rejects a ref that somebody else has moved or made meanwhile."""
IN_TRANSACTION = re.compile(r"transaction failed|failed to update ref|cannot lock ref")
"""What a remote says about a ref when its own transaction failed; why, is among the lines that it printed."""
FIRST_SAYS_HOOK = re.compile(r"^remote: .*\bsomebody was first\b", re.MULTILINE)
"""What gitstage's own hook says on a server, where it looked at a ref before git did."""
CLOBBERED = re.compile(r"-> (\S+) +\(would clobber existing tag\)")
"""What git says of a tag that is not the same here and there."""
FETCH = (
    "fetch",
    "--no-tags",
    "--no-prune-tags",
    "--no-write-fetch-head",
    "--recurse-submodules=no",
    "--no-auto-maintenance",
)


def fetch(
    processes: Processes, remote: str, refspecs: Sequence[str], *, prune: bool = False, depth: int | None = None
) -> None:
    """Fetch exactly `refspecs`. A ref that the remote does not have raises NoSuchRevision.

    `prune` removes what `refspecs` would fetch and the remote no longer has. `depth` is for a shallow clone: no more
    than so many commits of each ref, which are then where the clone's history ends.
    """
    answer = processes.run(
        *FETCH,
        *(() if depth is None else (f"--depth={depth}",)),
        # Said either way: where the user's configuration prunes, tags that are not pushed yet would go.
        "--prune" if prune else "--no-prune",
        "--end-of-options",
        remote,
        *refspecs,
        options=NO_HOOKS,
        purpose=Purpose.TRANSPORT,
        accept=(0, 1, 128),
    )
    if answer.status == 0:
        return
    clobbered = CLOBBERED.findall(answer.err)
    if clobbered:
        raise GitError(
            f"{remote} has another {', '.join(clobbered)} than this repository",
            hint=f"find out who moved it; to take the remote's: git fetch {remote} '+refs/tags/{clobbered[0]}:refs/tags/{clobbered[0]}'",
        )
    missing = NO_REMOTE_REF.search(answer.err)
    if missing:
        raise NoSuchRevision(f"{remote} has no {missing[1]}")
    raise _failed(answer, f"git could not fetch from {remote}", remote)


def listed(processes: Processes, remote: str, patterns: Sequence[str]) -> dict[str, str]:
    """The refs of a remote that match `patterns` (full names, in which `*` stands for anything), and their objects.

    Of a tag it is the object behind it.
    """
    words = ("ls-remote", "--quiet", "--end-of-options", remote, *patterns)
    answer = processes.run(*words, purpose=Purpose.TRANSPORT, accept=(0, 1, 128))
    if answer.status != 0:
        raise _failed(answer, f"git could not ask {remote}", remote)
    rows = (line.split("\t") for line in answer.out.decode("utf-8", "surrogateescape").splitlines())
    # What is behind a tag comes right after it.
    return {name.removesuffix("^{}"): oid for oid, name in rows}


def fetch_objects(processes: Processes, remote: str, oids: Sequence[str]) -> None:
    """Bring objects that a partial clone lacks, in one request, as git itself asks for them."""
    answer = processes.run(
        *FETCH,
        "--no-prune",
        "--filter=blob:none",
        "--stdin",
        "--end-of-options",
        remote,
        options=(*NO_HOOKS, "-c", "fetch.negotiationAlgorithm=noop"),
        stdin="".join(f"{oid}\n" for oid in oids).encode(),
        purpose=Purpose.TRANSPORT,
        accept=(0, 1, 128),
    )
    if answer.status != 0:
        raise _failed(answer, f"git could not fetch objects from {remote}", remote)


def clone(processes: Processes, url: str, place: str) -> None:
    """A bare partial clone of `url` in a folder that is not there yet. Raises GitError where it cannot be had."""
    words = ("clone", "--bare", "--quiet", "--template=", "--filter=blob:none", "--end-of-options", url, place)
    answer = processes.run(*words, options=NO_HOOKS, purpose=Purpose.TRANSPORT, accept=(0, 1, 128))
    if answer.status != 0:
        raise _failed(answer, f"git could not clone {url}", url)


def push(processes: Processes, remote: str, updates: Mapping[str, str]) -> None:
    """Push objects to full ref names of the remote: all of them or none, nothing by force."""
    for ref, oid in updates.items():
        check_update(ref, oid)
    answer = processes.run(
        "push", "--atomic", "--porcelain", "--no-follow-tags", "--recurse-submodules=no", "--end-of-options", remote,
        *(f"{oid}:{ref}" for ref, oid in updates.items()),
        purpose=Purpose.TRANSPORT,
        accept=(0, 1, 128),
    )  # fmt: skip
    if answer.status == 0:
        return
    rejected = [line for line in answer.out.decode("utf-8", "replace").splitlines() if line.startswith("!\t")]
    reasons = [line.rpartition("\t")[2] for line in rejected]
    failed = _failed(answer, f"{remote} did not take what was pushed", remote, *dict.fromkeys(reasons))
    if any(_is_race(reason, answer) for reason in reasons):
        raise RefMoved(failed.message, hint="fetch, and run the command again")
    if rejected or answer.status == 1:
        raise PushRefused(failed.message, hint=failed.hint)
    raise failed


def _is_race(reason: str, answer: Answer) -> bool:
    if "hook declined" in reason:
        return FIRST_SAYS_HOOK.search(answer.err) is not None
    if FIRST.search(reason) or LOST.search(reason):
        return True
    return IN_TRANSACTION.search(reason) is not None and LOST.search(answer.err) is not None


def _failed(answer: Answer, otherwise: str, remote: str, *reasons: str) -> GitError:
    """What a failure of a remote is to the user: what git and the remote said, without git's own advice.

    `reasons` are what git says of refs beside that.
    """
    from gitstage.git.failures import explained

    message, hint = explained("\n".join((answer.err, *reasons)).strip("\n"), otherwise, remote=remote)
    return GitError(message, hint=hint)
