"""Fetch a version's artifacts, and put them in place only once every digest is verified."""

from __future__ import annotations

import hashlib
import ipaddress
import os
import socket
import tempfile
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO

from gitstage.changes import FILE
from gitstage.errors import GitstageError
from gitstage.layout import version_path
from gitstage.manifest import Artifact, read_lfs_pointer, read_version
from gitstage.operations.registries import Registry
from gitstage.operations.resolve import Resolved
from gitstage.operations.resolve import run as resolve
from gitstage.values import dataclass

CHUNK = 1 << 20
"""Bytes read at once."""
PATIENCE = 60
"""Seconds without an answer after which a server is given up."""
MANIFEST = "gitstage-version.yaml"
"""The manifest, put beside what it names, unless an artifact is called so."""


@dataclass(frozen=True, kw_only=True)
class Pulled:
    """What lies in the folder now: the version, and its files with their sizes in bytes."""

    resolved: Resolved
    folder: Path
    files: tuple[tuple[str, int], ...]
    unchanged: bool = False


def run(
    registry: Registry,
    text: str,
    folder: Path,
    *,
    at: str | None = None,
    declared: bool = False,
    allow_private: bool = False,
    progress: Callable[[str, int, int], None] = lambda path, done, size: None,
) -> Pulled:
    """Pulls what a reference names into `folder`, whole or not at all.

    Everything is fetched beside `folder` and verified (size and SHA-256) before anything takes its place. A folder
    that holds something else already is refused. No redirect is followed to another scheme, nor, unless
    `allow_private`, to a loopback, link-local or private address. `progress` is called with a path, the bytes so far
    and the bytes in all. Raises GitstageError.
    """
    resolved = resolve(registry, text, at=at, declared=declared)
    version = read_version(resolved.manifest)
    if (version.model, version.version) != (resolved.model, resolved.version):
        raise GitstageError(f"{version_path(resolved.model, resolved.version)} speaks of another version")
    files = tuple((artifact.path, artifact.size) for artifact in version.artifacts)
    if folder.exists():
        if _is_there(folder, version.artifacts, resolved.manifest):
            return Pulled(resolved=resolved, folder=folder, files=files, unchanged=True)
        if not folder.is_dir() or any(folder.iterdir()):
            raise GitstageError(
                f"{folder} is not empty, and holds something else than {resolved.model}@{resolved.version}",
                hint="name a new folder: --to DIR",
            )
    _fetch_into(registry, resolved, version.artifacts, folder, allow_private=allow_private, progress=progress)
    return Pulled(resolved=resolved, folder=folder, files=files)


def _fetch_into(
    registry: Registry,
    resolved: Resolved,
    artifacts: tuple[Artifact, ...],
    folder: Path,
    *,
    allow_private: bool,
    progress: Callable[[str, int, int], None],
) -> None:
    parent = folder.absolute().parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=parent, prefix=f".{folder.name}.") as temporary:
            place = Path(temporary, "whole")
            for artifact in artifacts:
                target = place / artifact.path
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("xb") as out:
                    chunks = _chunks(registry, resolved, artifact, allow_private=allow_private)
                    _copy_verified(chunks, out, artifact, progress)
            if not (place / MANIFEST).exists():
                (place / MANIFEST).write_bytes(resolved.manifest)
            if folder.exists():
                folder.rmdir()
            os.replace(place, folder)
    except OSError as error:
        raise GitstageError(f"{folder} cannot be written: {error.strerror or error}") from error


def _copy_verified(
    chunks: Iterator[bytes], out: IO[bytes], artifact: Artifact, progress: Callable[[str, int, int], None]
) -> None:
    digest, done = hashlib.sha256(), 0
    for chunk in chunks:
        done += len(chunk)
        if done > artifact.size:
            break
        digest.update(chunk)
        out.write(chunk)
        progress(artifact.path, done, artifact.size)
    if done != artifact.size:
        raise GitstageError(
            f"{artifact.uri} has not the {artifact.size} bytes that the manifest says; nothing was put in place"
        )
    if digest.hexdigest() != artifact.sha256:
        raise GitstageError(
            f"{artifact.uri} has sha256 {digest.hexdigest()}, and the manifest says {artifact.sha256}; "
            "nothing was put in place",
            hint="the artifact was changed after it was registered: find out by whom",
        )


def _is_there(folder: Path, artifacts: tuple[Artifact, ...], manifest: bytes) -> bool:
    """Whether a folder holds these artifacts and the manifest that names them, and nothing else."""
    if not folder.is_dir():
        return False
    wanted = {artifact.path: artifact.sha256 for artifact in artifacts}
    # Two versions may have the same files: which one it is, the manifest beside them says.
    wanted.setdefault(MANIFEST, hashlib.sha256(manifest).hexdigest())
    found = {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()
    }
    return found == wanted.keys() and all(_has_digest(folder / path, sha256) for path, sha256 in wanted.items())


def _has_digest(path: Path, sha256: str) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256


def _chunks(registry: Registry, resolved: Resolved, artifact: Artifact, *, allow_private: bool) -> Iterator[bytes]:
    scheme = artifact.uri.partition("://")[0] if "://" in artifact.uri else ""
    if not scheme:
        yield from _kept(registry, resolved, artifact)
    elif scheme == "file":
        yield from _from_file(artifact)
    elif scheme == "https":
        yield from _from_https(artifact, allow_private=allow_private)
    else:
        raise GitstageError(
            f"{artifact.uri}: gitstage cannot fetch from {scheme} yet",
            hint="fetch it with the store's own client, and compare its sha256 with the manifest's",
        )


def _kept(registry: Registry, resolved: Resolved, artifact: Artifact) -> Iterator[bytes]:
    """The bytes of an artifact that is kept in the registry, as it was at the commit that is pulled."""
    snapshot = registry.at(resolved.commit)
    entry = snapshot.entry(artifact.uri)
    if entry is None or entry.mode != FILE:
        raise GitstageError(f"{artifact.uri} is not in the registry at {resolved.commit[:12]}")
    data = snapshot.read(entry.oid)
    pointer = read_lfs_pointer(data) if len(data) < 1024 else None
    if pointer is None:
        yield data
        return
    path = registry.repo.common_dir / "lfs" / "objects" / pointer[0][:2] / pointer[0][2:4] / pointer[0]
    if not path.exists():
        raise GitstageError(
            f"{artifact.uri} is in Git LFS and not in this clone", hint="git lfs fetch --all, then again"
        )
    yield from _file_chunks(path)


def _from_file(artifact: Artifact) -> Iterator[bytes]:
    parsed = urllib.parse.urlsplit(artifact.uri)
    if parsed.netloc not in ("", "localhost"):
        raise GitstageError(f"{artifact.uri} names a file on another machine", hint="file:///path/to/file")
    yield from _file_chunks(Path(urllib.request.url2pathname(parsed.path)))


def _file_chunks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk
    except OSError as error:
        raise GitstageError(f"{path} cannot be read: {error.strerror}") from error


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirect only to the same scheme, and only to addresses that may be asked."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        parsed = urllib.parse.urlsplit(newurl)
        if parsed.scheme != urllib.parse.urlsplit(req.full_url).scheme:
            raise GitstageError(f"{req.full_url} redirects to {parsed.scheme}, which is not followed")
        if not self._allow_private:
            refuse_private(parsed.hostname or "", newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def refuse_private(host: str, url: str) -> None:
    """Raises GitstageError where a host is, or resolves to, a loopback, link-local or private address."""
    try:
        addresses = {str(info[4][0]) for info in socket.getaddrinfo(host, None)}
    except OSError as error:
        raise GitstageError(f"{url}: {host} cannot be found") from error
    for text in addresses:
        address = ipaddress.ip_address(text.partition("%")[0])
        if not address.is_global or address.is_multicast:
            raise GitstageError(
                f"{url} redirects to {address}, which is not a public address",
                hint="if that is meant: gitstage pull … --allow-private",
            )


def _from_https(artifact: Artifact, *, allow_private: bool) -> Iterator[bytes]:
    opener = urllib.request.build_opener(_Redirects(allow_private=allow_private))
    request = urllib.request.Request(artifact.uri, headers={"User-Agent": "gitstage"})  # noqa: S310 - https only
    try:
        with opener.open(request, timeout=PATIENCE) as answer:
            while chunk := answer.read(CHUNK):
                yield chunk
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise GitstageError(f"{artifact.uri} cannot be fetched: {reason}") from error
