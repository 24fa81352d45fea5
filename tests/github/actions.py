"""GitHub Actions in small: act runs a workflow of the forge's repository, with stubs for what would be downloaded.

The stubs are no mocks of git: the one for actions/checkout clones from the forge with the token that it is given, and
keeps it in .git/config unless it is told not to, as the original does.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.git.sandbox import executable
from tests.github.forge import OWNER_AND_NAME, READER, WRITER, Forge, PullRequest
from tests.github.house import HOUSE
from tests.reports.runner import commands_in

BIN = Path(sys.executable).parent
"""Where the packages of the dev group put their programs, act among them."""

CHECKOUT = """\
name: checkout
description: clones from the forge
inputs:
  ref: {description: "", required: true}
  path: {description: "", default: .}
  persist-credentials: {description: "", default: "true"}
  token: {description: "", default: "${{ github.token }}"}
runs:
  using: composite
  steps:
    - shell: bash
      env:
        URL: ${{ github.server_url }}
        REF: ${{ inputs.ref }}
        FOLDER: ${{ inputs.path }}
        PERSIST: ${{ inputs.persist-credentials }}
        TOKEN: ${{ inputs.token }}
      run: |
        header="Authorization: Basic $(printf 'x-access-token:%s' "$TOKEN" | base64 --wrap=0)"
        git init --quiet "$FOLDER"
        git -C "$FOLDER" -c "http.$URL/.extraheader=$header" fetch --quiet --depth=1 "$URL/$GITHUB_REPOSITORY" "$REF"
        git -C "$FOLDER" checkout --quiet --detach FETCH_HEAD
        if [ "$PERSIST" = true ]; then git -C "$FOLDER" config "http.$URL/.extraheader" "$header"; fi
"""
SETUP_PYTHON = """\
name: setup-python
description: puts a python on the PATH
inputs:
  python-version: {description: "", required: true}
runs:
  using: composite
  steps:
    - shell: bash
      run: echo "@shims@" >> "$GITHUB_PATH"
"""
# act now and then loses what a step prints just before it ends.
BASH = f"""\
{shutil.which("bash")} "$@" > "$STEP_LOG-$$" 2>&1
code=$?
cat "$STEP_LOG-$$" >> "$STEP_LOG"
exit $code
"""
SECRETS = "|".join(
    word
    for token in (READER, WRITER)
    for word in (token, base64.b64encode(f"x-access-token:{token}".encode()).decode())
)


@dataclass(frozen=True)
class Run:
    """What came of a run: `conclusion` as GitHub shows it, annotations as (command, title, message), the summary.

    `printed` are the lines that steps wrote to their log, commands left out.
    """

    conclusion: str
    annotations: tuple[tuple[str, str, str], ...]
    summary: str
    printed: str

    @property
    def errors(self) -> list[tuple[str, str]]:
        """The titles and messages of the errors among the annotations."""
        return [(title, message) for command, title, message in self.annotations if command == "error"]


@dataclass(frozen=True)
class Started:
    """A run under way, and the file in which its steps' output gathers."""

    process: subprocess.Popen[bytes]
    log: Path


class Actions:
    """A runner on this machine. `witnessed` is what the judge found around itself whenever it was called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.secrets: dict[str, str] = {}
        self.witness = folder / "witness"
        self.witness.mkdir(parents=True)
        (self.witness / "patterns").write_text(SECRETS, encoding="utf-8")
        self.count = 0
        stubs = folder / "stubs"
        for name, text in (("checkout", CHECKOUT), ("setup-python", SETUP_PYTHON)):
            (stubs / name).mkdir(parents=True)
            (stubs / name / "action.yml").write_text(text.replace("@shims@", str(stubs / "shims")), encoding="utf-8")
        executable(stubs / "shell" / "bash", BASH)
        executable(stubs / "gitstage", _gitstage(self.witness))
        executable(stubs / "install", _install(stubs / "gitstage"))
        executable(stubs / "shims" / "python", _python(stubs / "install", self.witness))

    # Events

    def pull_request(
        self, forge: Forge, change: PullRequest, *, action: str = "opened", workflow_of: str | None = None
    ) -> Run:
        """The gate's run for a pull request: with the workflow of the merge commit, unless of another one."""
        request = {"number": change.number, "base": {"ref": change.base}, "head": {"sha": change.head}}
        event = {"action": action, "number": change.number, "pull_request": request}
        return self.run(forge, "gate", "pull_request", event, workflow_of or change.merge)

    def merge_group(self, forge: Forge, head: str, base: str) -> Run:
        """The gate's run for a commit that the merge queue made onto `base`."""
        group = {"head_sha": head, "base_sha": base, "base_ref": "refs/heads/main", "head_ref": "refs/heads/queue"}
        return self.run(forge, "gate", "merge_group", {"action": "checks_requested", "merge_group": group}, head)

    def pushed(self, forge: Forge, *, token: str = WRITER) -> Run:
        """The tagging run after a push to the trunk."""
        return self.finished(self.tagging(forge, token=token))

    def hourly(self, forge: Forge) -> Run:
        """The tagging run that the clock starts."""
        return self.run(forge, "tag", "schedule", {}, forge.tip(), token=WRITER)

    def run(
        self, forge: Forge, workflow: str, event: str, payload: Mapping[str, Any], commit: str, *, token: str = READER
    ) -> Run:
        """Runs a workflow as it is at a commit; `token` is what the permissions of its job amount to."""
        return self.finished(self.started(forge, workflow, event, payload, commit, token=token))

    def tagging(self, forge: Forge, *, token: str = WRITER) -> Started:
        """A tagging run that has only just begun."""
        event = {"ref": "refs/heads/main", "after": forge.tip()}
        return self.started(forge, "tag", "push", event, forge.tip(), token=token)

    def started(
        self, forge: Forge, workflow: str, event: str, payload: Mapping[str, Any], commit: str, *, token: str
    ) -> Started:
        """A run that has only just begun."""
        self.count += 1
        place = self.folder / f"run-{self.count}"
        home = place / "home"
        home.mkdir(parents=True)
        file = place / f"{workflow}.yml"
        file.write_bytes(forge.file(commit, f".github/workflows/{workflow}.yml"))
        (place / "event.json").write_text(json.dumps({**payload, "repository": {"full_name": OWNER_AND_NAME}}))
        words = [
            *(BIN / "act", event, "--json", "--workflows", file, "--eventpath", place / "event.json"),
            *("--action-offline-mode", "--no-cache-server", "--no-skip-checkout", "--secret", f"GITHUB_TOKEN={token}"),
            *("--env", f"GITHUB_SERVER_URL={forge.url}", "--env", f"GITHUB_REPOSITORY={OWNER_AND_NAME}"),
            *("--env", f"STAND_IN={self.folder / 'stubs' / 'install'}", "--platform", "ubuntu-24.04=-self-hosted"),
        ]
        for action in re.findall(rb"uses: actions/(\S+@[0-9a-f]{40})", file.read_bytes()):
            name = action.decode().partition("@")[0]
            words += ["--local-repository", f"actions/{action.decode()}={self.folder / 'stubs' / name}"]
        # In a file that is not the runner's: what stands in its environment every step would see.
        secrets = self.folder.with_name("secrets")
        secrets.write_text("".join(f"{name}={json.dumps(text)}\n" for name, text in self.secrets.items()))
        words += ["--secret-file", secrets]
        path = f"{self.folder / 'stubs' / 'shell'}:{os.environ['PATH']}"
        machine = {
            "PATH": path,
            "STEP_LOG": str(place / "log"),
            "HOME": str(home),
            "LC_ALL": "C.UTF-8",
            "GIT_CONFIG_NOSYSTEM": "1",
        }
        process = subprocess.Popen(
            [str(word) for word in words], cwd=place, env=machine, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        return Started(process, place / "log")

    def finished(self, run: Started) -> Run:
        out, _ = run.process.communicate(timeout=60)
        found = [json.loads(line) for line in out.splitlines() if line.startswith(b"{")]
        results = [item["jobResult"] for item in found if "jobResult" in item]
        assert results, out.decode()
        summary = "".join(item["content"] for item in found if item.get("command") == "summary")
        log = run.log.read_text(encoding="utf-8")
        annotations = tuple(
            (name, properties.get("title", ""), message)
            for name, properties, message in commands_in(log)
            if name in ("error", "warning", "notice")
        )
        printed = "".join(line for line in log.splitlines(keepends=True) if not commands_in(line))
        return Run(results[-1], annotations, summary, printed)

    # What the judge saw

    def witnessed(self, what: str) -> str:
        """What the judge's calls found: `environment`, `secrets` (files of the runner that hold one), `judge` (its
        code's commit), `installed`."""
        files = sorted(self.witness.glob(f"{what}-*"))
        return "".join(path.read_text(encoding="utf-8") for path in files)


def _gitstage(witness: Path) -> str:
    """A gitstage that writes down what it finds around itself: CODE ARGUMENT…; without CODE it is the one here."""
    return f"""\
[ -z "$1" ] || git -C "$1" rev-parse HEAD > {witness}/judge-$$
env > {witness}/environment-$$
grep -rlFf {witness}/patterns "$GITHUB_WORKSPACE" "$RUNNER_TEMP" > {witness}/secrets-$$
export PYTHONPATH="${{1:-{HOUSE}}}"
shift
exec {sys.executable} -P -m gitstage "$@"
"""


def _install(gitstage: Path) -> str:
    """Puts that gitstage into DIR/bin, with the python that it runs in: DIR [CODE]."""
    return f"""\
mkdir -p "$1/bin"
printf '#!/bin/sh\\nexec {gitstage} "%s" "$@"\\n' "$2" > "$1/bin/gitstage"
printf '#!/bin/sh\\nexec {sys.executable} "$@"\\n' > "$1/bin/python"
chmod +x "$1/bin/gitstage" "$1/bin/python"
"""


def _python(install: Path, witness: Path) -> str:
    """A `python -m venv DIR` whose `pip install` writes down what it was asked for."""
    return f"""\
[ "$1 $2" = "-m venv" ] || exit 3
{install} "$3"
printf '#!/bin/sh\\necho "$@" >> {witness}/installed-$$\\n' > "$3/bin/pip"
chmod +x "$3/bin/pip"
"""
