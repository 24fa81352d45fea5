"""What a tree would be once another is merged into it: a whole-file three-way merge, without git's merge programs."""

from __future__ import annotations

from collections.abc import Callable

from gitstage.changes import Entry, Overlay, Snapshot, changes_between, files
from gitstage.values import dataclass


@dataclass(frozen=True)
class Merged:
    """The tree that a merge would give, and the paths that both sides changed differently since they parted."""

    tree: Overlay
    conflicts: tuple[str, ...]


def merged(
    base: Snapshot, ours: Snapshot, theirs: Snapshot, owned: Callable[[str], bool] = lambda path: True
) -> Merged:
    """`ours` with what `theirs` changed since `base`, file by file.

    Only paths for which `owned` holds are looked at; all others are as in `ours`. A file that both sides changed
    differently is a conflict, and so is a file on one side where the other has a folder; in the tree it is as in
    `ours`. No attribute, driver or rename detection plays a part.
    """
    wanted = {change.path: change for change in changes_between(base, theirs) if owned(change.path)}
    edits: dict[str, Entry | None] = {}
    conflicts: list[str] = []
    for path, change in wanted.items():
        here = ours.entry(path)
        if here is not None and here.is_folder:
            here = None
        if here == change.after:
            continue
        if here == change.before:
            edits[path] = change.after
        else:
            conflicts.append(path)
    added = [path for path, entry in edits.items() if entry is not None]
    blocked = {path for path in added if _is_blocked(path, ours, edits)}
    conflicts.extend(blocked)
    kept = {path: entry for path, entry in edits.items() if path not in blocked}
    return Merged(Overlay(ours, kept), tuple(sorted(conflicts)))


def _is_blocked(path: str, ours: Snapshot, edits: dict[str, Entry | None]) -> bool:
    """Whether a file cannot be added because a folder is in its place, or a file in the place of its folder."""
    present = ours.entry(path)
    if present is not None and present.is_folder and _has_files(ours, path, edits):
        return True
    folder = path.rpartition("/")[0]
    while folder:
        above = edits[folder] if folder in edits else ours.entry(folder)
        if above is not None and not above.is_folder:
            return True
        folder = folder.rpartition("/")[0]
    return False


def _has_files(ours: Snapshot, folder: str, edits: dict[str, Entry | None]) -> bool:
    return any(edits.get(path, entry) is not None for path, entry in files(ours, folder))
