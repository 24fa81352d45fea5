"""Everything that a command could have changed, taken down whole, to be compared before and after."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.git.sandbox import git


@dataclass(frozen=True)
class Picture:
    """One repository: its refs and HEAD, its index, and every file of its work tree with its mode."""

    refs: str
    head: str
    index: str
    files: tuple[tuple[str, int, bytes], ...]


def picture_of(path: Path) -> Picture:
    """The picture of a work tree or of a bare repository."""
    bare = (path / "HEAD").is_file()
    where = ["--git-dir=."] if bare else []
    return Picture(
        refs=git(*where, "for-each-ref", "--format=%(refname) %(objectname)", cwd=path),
        head=(path / ("HEAD" if bare else ".git/HEAD")).read_text() if bare or (path / ".git").is_dir() else "linked",
        index="" if bare else git("ls-files", "--stage", cwd=path),
        files=() if bare else tuple(_files(path)),
    )


def _files(path: Path) -> Iterator[tuple[str, int, bytes]]:
    for file in sorted(path.rglob("*")):
        name = file.relative_to(path).as_posix()
        if file.is_symlink():
            yield name, 0, str(file.readlink()).encode()
        elif file.is_file() and not name.startswith(".git/") and name != ".git":
            yield name, file.stat().st_mode & 0o777, file.read_bytes()


@contextmanager
def unchanged(*paths: Path) -> Iterator[None]:
    """What is done inside leaves these repositories as they were: refs, index and work tree."""
    before = [picture_of(path) for path in paths]
    yield
    assert [picture_of(path) for path in paths] == before
