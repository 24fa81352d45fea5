"""A forge in small: a bare repository behind git's smart HTTP that asks for a token, pull requests, and merge buttons.

Reading takes the token READER, pushing takes WRITER; without one there is nothing to see, as with a private repository
of GitHub.
"""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from tests.git.sandbox import Sandbox, git

OWNER_AND_NAME = "acme/models"
READER, WRITER = "ghs_reader", "ghs_writer"


@dataclass(frozen=True)
class PullRequest:
    """A branch's commit that somebody wants merged into `base`; `merge` is the commit in which the forge tried it."""

    number: int
    base: str
    head: str
    merge: str


class Forge:
    """A repository `acme/models`, and a clone of it in which people work."""

    def __init__(self, folder: Path) -> None:
        self.url = ""
        self.bare = folder / "served" / OWNER_AND_NAME
        self.clone = Sandbox(folder / "clone")
        self.numbers = iter(range(1, 100))

    @classmethod
    def made(cls, folder: Path) -> Forge:
        forge = cls(folder)
        forge.bare.mkdir(parents=True, exist_ok=True)
        git("init", "--quiet", "--bare", "--initial-branch=main", ".", cwd=forge.bare)
        forge.git("config", "http.receivepack", "true")
        forge.git("config", "uploadpack.allowAnySHA1InWant", "true")  # as GitHub does
        git("clone", "--quiet", forge.bare, forge.clone.path, cwd=folder)
        return forge

    def at(self, url: str) -> Forge:
        """The forge, being served there."""
        self.url = url
        return self

    def git(self, *arguments: str) -> str:
        return git("--git-dir=.", *arguments, cwd=self.bare)

    def refs(self, *prefixes: str) -> dict[str, str]:
        """The commits that refs lead to."""
        rows = self.git("for-each-ref", "--format=%(refname) %(objectname) %(*objectname)", *prefixes).splitlines()
        return {name: commits.split()[-1] for name, commits in (row.split(" ", 1) for row in rows)}

    def tags(self, folder: str = "") -> dict[str, str]:
        """The tags below a folder, and the commits that they stand at."""
        return {name.removeprefix("refs/tags/"): commit for name, commit in self.refs(f"refs/tags/{folder}").items()}

    def tip(self, branch: str = "main") -> str:
        return self.git("rev-parse", f"refs/heads/{branch}")

    def file(self, commit: str, path: str) -> bytes:
        return self.git("cat-file", "blob", f"{commit}:{path}").encode() + b"\n"

    # People's doings

    def branch(self, name: str, start: str = "origin/main") -> Sandbox:
        """The clone, on a new branch."""
        self.clone.git("fetch", "--quiet", "origin")
        self.clone.git("switch", "--quiet", "--no-track", "-c", name, start)
        return self.clone

    def pull_request(self, *, base: str = "main", fork: bool = False) -> PullRequest:
        """What the clone has checked out, pushed and proposed; from a fork, no branch here leads to it."""
        number = next(self.numbers)
        head = self.clone.git("rev-parse", "HEAD")
        refs = [f"HEAD:refs/pull/{number}/head", *([] if fork else ["HEAD"])]
        self.clone.git("push", "--quiet", "origin", *refs)
        merge = self._merged(f"origin/{base}", "--no-ff", head)
        self.clone.git("push", "--quiet", "origin", f"{merge}:refs/pull/{number}/merge")
        return PullRequest(number, base, head, merge)

    def merge(self, change: PullRequest) -> str:
        """The button "Create a merge commit"."""
        return self._land(self._merged(f"origin/{change.base}", "--no-ff", change.head))

    def squash(self, change: PullRequest) -> str:
        """The button "Squash and merge"."""
        return self._land(self._merged(f"origin/{change.base}", "--squash", change.head))

    def rebase(self, change: PullRequest) -> str:
        """The button "Rebase and merge"."""
        self.clone.git("fetch", "--quiet", "origin")
        self.clone.git("switch", "--quiet", "--detach", f"origin/{change.base}")
        self.clone.git("cherry-pick", f"origin/{change.base}..{change.head}")
        return self._land(self.clone.git("rev-parse", "HEAD"))

    def _merged(self, base: str, how: str, head: str) -> str:
        self.clone.git("fetch", "--quiet", "origin")
        self.clone.git("switch", "--quiet", "--detach", base)
        self.clone.git("merge", "--quiet", "--no-edit", how, head)
        if how == "--squash":
            self.clone.git("commit", "--quiet", "-m", "Squashed (#1)")
        return self.clone.git("rev-parse", "HEAD")

    def _land(self, commit: str) -> str:
        self.clone.git("push", "--quiet", "origin", f"{commit}:refs/heads/main")
        return commit


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address at which the forge in `folder` gives its repositories to whoever has a token."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(folder / "served"))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(folder: Path) -> type[BaseHTTPRequestHandler]:
    return type("Handler", (_Backend,), {"folder": folder})


class _Backend(BaseHTTPRequestHandler):
    """Git's own `http-backend`, for whoever has a token."""

    protocol_version = "HTTP/1.1"
    folder = Path()

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            self._answer(b"".join(iter(self._chunk, b"")))
        else:
            self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def _chunk(self) -> bytes:
        size = int(self.rfile.readline().split(b";")[0], 16)
        data = self.rfile.read(size)
        self.rfile.readline()
        return data

    def _answer(self, body: bytes) -> None:
        token = self._token()
        if token is None:
            self._send(401, {"WWW-Authenticate": 'Basic realm="git"'}, b"")
        elif "git-receive-pack" in self.path and token != WRITER:
            self._send(403, {}, b"")
        else:
            self._run(token, body)

    def _token(self) -> str | None:
        kind, _, words = self.headers.get("Authorization", "").partition(" ")
        user, _, token = base64.b64decode(words).decode().partition(":") if kind == "Basic" else ("", "", "")
        return token if user == "x-access-token" and token in (READER, WRITER) else None

    def _run(self, token: str, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        names = {"HTTP_CONTENT_ENCODING": "Content-Encoding", "HTTP_GIT_PROTOCOL": "Git-Protocol"}
        variables = {
            "PATH": os.environ["PATH"],
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_PROJECT_ROOT": str(self.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REMOTE_USER": token,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            **{name: self.headers[header] for name, header in names.items() if header in self.headers},
        }
        done = subprocess.run(["git", "http-backend"], input=body, capture_output=True, env=variables)
        head, _, data = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.decode().split(": ", 1) for line in head.split(b"\r\n") if line)
        self._send(int(headers.pop("Status", "200").split()[0]), headers, data)

    def _send(self, status: int, headers: dict[str, str], data: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
