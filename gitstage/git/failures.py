"""What git's failures mean to somebody who typed a command of ours, and what to type next."""

from __future__ import annotations

import re
from typing import NamedTuple

from gitstage.git.objects import FSCK


class Failure(NamedTuple):
    """A failure of git: how it is known by what git said, and what is said instead.

    `message` and `hint` may name groups of `said`, as in `re.Match.expand`. Without a message git's own words stay.
    """

    said: re.Pattern[str]
    message: str | None
    hint: str


def _known(said: str, message: str | None, hint: str) -> Failure:
    return Failure(re.compile(said, re.MULTILINE), message, hint)


HERE = (
    _known(
        r"not a git repository \(or any",
        "there is no Git repository here, nor in a folder above",
        "gitstage init makes one, -C DIR names another",
    ),
    _known(
        r"not a git repository: (.+)",
        r".git is a file here that points at \1, where no repository is",
        "git worktree repair, in the repository that this one belongs to",
    ),
    _known(
        r"invalid gitfile format: (.+)",
        r"\1 is a file, and does not say where the repository is",
        "remove it, or make the clone again",
    ),
    _known(
        r"detected dubious ownership in repository at '(.+)'",
        r"\1 belongs to another user, and git trusts no repository of others",
        r"if you do: git config --global --add safe.directory \1",
    ),
    _known(
        r"bad config line (\d+) in file (.+)",
        r"git cannot read line \1 of \2",
        "mend that line in an editor; git config --list says whether it can be read then",
    ),
    _known(
        r"(?:unknown repository extensions? found|Expected git repo version)",
        None,
        "a newer git made this repository: gitstage uses the first git on the PATH (git --version)",
    ),
    _known(
        r"cannot use bare repository '(.+?)' \(",
        r"\1 is a bare repository, and git is told to use none that is not named (safe.bareRepository)",
        r"name it: gitstage -C \1 …",
    ),
    _known(
        r"missing object|bad object|loose object .+ is corrupt|unable to (?:read|unpack)|inflate: |packfile .+ cannot",
        None,
        f"{FSCK}; what is missing comes back with a fresh clone",
    ),
    _known(r"No space left on device|Disk quota exceeded", None, "make room, and run the command again"),
    _known(
        r"Permission denied|Read-only file system|insufficient permission|Operation not permitted",
        None,
        "may you write there? ls -ld names the owner",
    ),
)
"""Failures of a repository on this machine; the first one that fits."""

THERE = (
    _known(
        r"Authentication failed|could not read (?:Username|Password)|terminal prompts disabled|Permission denied"
        r"|Host key verification failed|returned error: 40[13]",
        None,
        "git ls-remote REMOTE must work without asking: a credential helper, an ssh key, or a token",
    ),
    _known(
        r"unable to access '.+': (.+)|ssh: (.+)|Could not resolve (?:host|proxy).*|.*(?:timed out|Connection re\w+).*",
        None,
        "git ls-remote REMOTE asks it for the same: is the address right, and the network there?",
    ),
    _known(
        r"does not appear to be a git repository|[Rr]epository .*not found|is not a git command|returned error: 404",
        None,
        "git remote -v says where it is looked for; git remote set-url REMOTE URL says it anew",
    ),
    _known(
        r"pre-receive hook declined|protected branch|GH006|not allowed to push|hook declined",
        None,
        "propose it instead: without --push, on a branch (git switch -c NAME), for a pull request",
    ),
    _known(
        r"\A(?:failed to push some refs to .+)\Z",
        "the push was stopped by a hook in this clone (pre-push), which said no more",
        "git rev-parse --git-path hooks/pre-push says where it lies",
    ),
)
"""Failures of a remote, or on the way to it."""

SAYS_NOTHING = re.compile(
    r"(?:Could not read from remote repository\.|Please make sure you have the correct access rights"
    r"|and the repository exists\.|hint: .*|See 'git --help'\.)"
)
"""Lines that git says after each failure of a remote, and its own advice."""


def explained(said: str, otherwise: str, *, remote: str | None = None) -> tuple[str, str | None]:
    """A message and a hint for what git said; `otherwise` is the message where it said nothing.

    `remote` is the one that was spoken with, by name or address.
    """
    lines = said.splitlines() if remote is None else [line for line in said.splitlines() if not _is_empty(line)]
    text = "\n".join(lines) or otherwise
    for failure in HERE if remote is None else (*THERE, *HERE):
        found = failure.said.search(text)
        if found is not None:
            message = text if failure.message is None else found.expand(failure.message)
            return message, found.expand(failure.hint).replace("REMOTE", remote or "")
    return text, None


def _is_empty(line: str) -> bool:
    return SAYS_NOTHING.fullmatch(line) is not None
