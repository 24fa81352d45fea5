"""Git, spoken here and nowhere else: repositories, their objects and refs, remotes and the work tree."""

from __future__ import annotations

from gitstage.git.checkout import Checkout
from gitstage.git.errors import (
    CannotSign,
    GitError,
    LocalEdits,
    NoIdentity,
    NoSuchRevision,
    NotARepository,
    PushRefused,
    RefLocked,
    RefMoved,
    ShallowRepository,
)
from gitstage.git.history import Difference
from gitstage.git.objects import Commit, Tag
from gitstage.git.refs import RefUpdate
from gitstage.git.repository import Head, Repository
from gitstage.git.trees import Tree

__all__ = [
    "CannotSign",
    "Checkout",
    "Commit",
    "Difference",
    "GitError",
    "Head",
    "LocalEdits",
    "NoIdentity",
    "NoSuchRevision",
    "NotARepository",
    "PushRefused",
    "RefLocked",
    "RefMoved",
    "RefUpdate",
    "Repository",
    "ShallowRepository",
    "Tag",
    "Tree",
]
