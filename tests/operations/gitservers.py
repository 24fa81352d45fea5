"""Servers of git on loopback: smart HTTP with users and passwords, and OpenSSH with a key for each user."""

from __future__ import annotations

import getpass
import os
import shlex
import shutil
import socket
import subprocess
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from tests.github.forge import _Backend

USERS = {"alice": "secret", "bob": "hunter2"}
SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


class _Users(_Backend):
    """Git's own `http-backend` behind a password; it hands the user's name on as `REMOTE_USER`."""

    def _answer(self, body: bytes) -> None:
        user = self._token()
        if user is None:
            self._send(401, {"WWW-Authenticate": 'Basic realm="git"'}, b"")
        else:
            self._run(user, body)

    def _token(self) -> str | None:
        kind, _, words = self.headers.get("Authorization", "").partition(" ")
        user, _, password = b64decode(words).decode().partition(":") if kind == "Basic" else ("", "", "")
        return user if USERS.get(user) == password else None


@contextmanager
def http(folder: Path) -> Iterator[str]:
    """The address below which the repositories in a folder are served; `{user}` in it is to be filled in."""
    handler = type("Handler", (_Users,), {"folder": folder})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://{{user}}@127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def as_http_user(url: str, user: str) -> str:
    """The address with a user's name and password."""
    return url.format(user=f"{user}:{USERS[user]}")


class Ssh:
    """OpenSSH's server, in which each user has a key that may run `git-shell` and nothing else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0

    def key(self, user: str) -> Path:
        return self.folder / f"id_{user}"

    def command(self, user: str) -> str:
        """What git is to use as ssh (`GIT_SSH_COMMAND`) to be this user."""
        options = ("IdentitiesOnly=yes", "IdentityAgent=none", "StrictHostKeyChecking=no", "LogLevel=ERROR")
        known = ("-o", f"UserKnownHostsFile={self.folder / 'known_hosts'}", "-F", os.devnull)
        words = ["ssh", *known, *(word for option in options for word in ("-o", option)), "-i", str(self.key(user))]
        return shlex.join(words)

    def url(self, repository: Path) -> str:
        return f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}{repository}"

    def configure(self) -> Path:
        """The server's keys and its configuration; it listens on a port of its own."""
        self.folder.mkdir()
        lines = []
        for name in ("host", *USERS):
            path = self.folder / "host" if name == "host" else self.key(name)
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)], check=True)
            if name != "host":
                command = f'REMOTE_USER={name} git-shell -c \\"$SSH_ORIGINAL_COMMAND\\"'
                lines.append(f'restrict,command="{command}" {path.with_suffix(".pub").read_text("utf-8")}')
        (self.folder / "authorized_keys").write_text("".join(lines), encoding="utf-8")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        settings = self.folder / "sshd_config"
        settings.write_text(
            f"ListenAddress 127.0.0.1:{self.port}\n"
            f"HostKey {self.folder / 'host'}\n"
            f"AuthorizedKeysFile {self.folder / 'authorized_keys'}\n"
            "PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
            "PermitRootLogin forced-commands-only\nAcceptEnv GIT_PROTOCOL\nLogLevel ERROR\n",
            encoding="utf-8",
        )
        return settings


@contextmanager
def ssh(folder: Path) -> Iterator[Ssh]:
    """A server of OpenSSH, which ends with the test."""
    assert SSHD is not None
    server = Ssh(folder)
    settings = server.configure()
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where it locks itself in; it wants to be asked by root
    process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(settings)], stderr=subprocess.PIPE)
    try:
        for _ in range(200):
            with socket.socket() as door:
                if door.connect_ex(("127.0.0.1", server.port)) == 0:
                    break
            time.sleep(0.02)
        yield server
    finally:
        process.terminate()
        process.communicate()
