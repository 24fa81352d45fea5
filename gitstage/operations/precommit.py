"""Judge what is staged, before it is committed: the tree that the next commit would have."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from gitstage.changes import FILE, Entry, Overlay, Snapshot, joined
from gitstage.errors import GitstageError
from gitstage.findings import Report, Verdict
from gitstage.git import Head, Repository
from gitstage.layout import CONFIGURATION, RECORD_FOLDERS
from gitstage.operations.registries import DEEPEST_REGISTRY, Clock, NoRegistry, Registry, settled_identity, utc_now
from gitstage.values import dataclass

UNWRITTEN = "0" * 40
"""The id of a commit that is not there yet."""


@dataclass(frozen=True, kw_only=True)
class Staged:
    """What the judge says of the staged changes of one registry; `on_trunk` where they would be committed to its trunk."""

    report: Report
    on_trunk: bool

    @property
    def exit_code(self) -> int:
        """That of the report; but on a branch that is not the trunk, what only waits may be committed and proposed."""
        return 0 if self.report.verdict is Verdict.PENDING and not self.on_trunk else self.report.exit_code


def run(
    repo: Repository,
    *,
    folder: str | None = None,
    clock: Clock | None = None,
    plugins: frozenset[str] = frozenset(),
) -> tuple[Staged, ...]:
    """Judges what is staged, for each registry that it touches (only that in `folder`, if given); reads, writes nothing.

    The base is the trunk, as `check` has it, and only what this commit changes counts. Where no file of a registry is
    staged nothing is read but the index. `plugins` are the rules in Python that may run.
    """
    here = repo.head()
    staged = repo.staged(here.commit)
    if staged.unmerged:
        raise GitstageError(
            f"{staged.unmerged[0]} is not merged yet",
            hint=f"git add {staged.unmerged[0]}, once it holds what it should",
        )
    if not staged.edits:
        return ()
    touched = [
        found
        for found in _folders(repo, staged.edits)
        if folder in (None, found) and any(path.startswith(joined(found, "")) for path in staged.edits)
    ]
    if not touched:
        return ()
    before = repo.tree(here.commit) if here.commit is not None else repo.empty_tree()
    after = Overlay(before, staged.edits)
    registries = [_registry(repo, found, here.commit, after, clock or utc_now) for found in touched]
    for registry in registries:
        registry.allowed_plugins = plugins
    return tuple(
        _judged(registry, here, before, after)
        for registry in registries
        if registry.folder or any(registry.layout_owns(path) for path in staged.edits)
    )


def _judged(registry: Registry, here: Head, before: Snapshot, after: Snapshot) -> Staged:
    from gitstage.operations import check

    registry.here = here
    registry.refuse_shallow()
    own = [here.commit] if here.commit is not None else []
    proposal = check.Proposal(tree=after, parents=(*own, *registry.repo.merging()), commit=UNWRITTEN, before=before)
    report = check.judged(registry, registry.tip, proposal)
    return Staged(report=report, on_trunk=here.branch == f"refs/heads/{registry.identity.trunk}")


def _folders(repo: Repository, edits: Mapping[str, Entry | None]) -> list[str]:
    """Where registries lie in the index, and where this commit would take one away."""
    paths = {*repo.staged_files(CONFIGURATION), *(path for path in edits if path.rpartition("/")[2] == CONFIGURATION)}
    folders = {path.rpartition("/")[0] for path in paths}
    return sorted(folder for folder in folders if not folder or _may_be_one(folder.split("/")))


def _may_be_one(folders: list[str]) -> bool:
    return len(folders) <= DEEPEST_REGISTRY and not set(RECORD_FOLDERS) & set(folders)


def _registry(repo: Repository, folder: str, head: str | None, tree: Snapshot, clock: Clock) -> Registry:
    """The registry in a folder, as it is settled; one that is only staged as its own gitstage.yaml says."""
    try:
        return Registry(repo, folder, settled_identity(repo, folder, [head] if head is not None else []), clock)
    except NoRegistry:
        entry = tree.entry(joined(folder, CONFIGURATION))
        if entry is None or entry.mode != FILE:
            raise
        from gitstage.operations.identities import known_identity

        return Registry(repo, folder, known_identity(repo.common_dir, entry.oid, partial(repo.read, entry.oid)), clock)
