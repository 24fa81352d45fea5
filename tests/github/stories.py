"""What the tests of the workflows start from, and what people propose to it."""

from __future__ import annotations

import contextlib
import functools
import io
import re
import shutil
from pathlib import Path

from gitstage.cli.main import run
from gitstage.github.workflows import released, workflow_files
from gitstage.operations import init
from tests.git.sandbox import Sandbox, executable
from tests.github.forge import Forge
from tests.github.house import HOUSE, own_files

POLICY = """\
stages:
  staging: {from: [registered, archived]}
  production: {from: [staging], gates: [measured]}
gates:
  measured:
    metrics:
    - {name: auc, min: 0.90, max-drop: 0.002}
  rehearsed:
    evidence:
    - {type: test-result, name: shadow-traffic}
models:
  patient: {gates: {production: [measured, rehearsed]}}
"""
INSTALL = """\
[ "$*" = run ] || exit 3
cd "$(dirname "$0")/.." && exec "$STAND_IN" "$PWD/.venv" "$PWD"
"""


def gs(place: Sandbox, *arguments: str | Path, code: int = 0) -> str:
    """What a gitstage command prints in a clone."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        found = run(["-C", str(place.path), *map(str, arguments)])
    assert found == code, f"gitstage {arguments}: {found}\n{out.getvalue()}"
    return out.getvalue()


REGISTRY = "registry.example"


def made(folder: Path) -> Path:
    """A forge in a folder, to be copied: three models, two of which serve, and everything is tagged.

    `good` has a better version in staging, `bad` a worse one, and `patient` one that was not rehearsed yet.
    """
    forge = Forge.made(folder)
    clone = forge.clone
    clone.commit("Start", {"README.md": "Models\n"})
    make_registry(clone)
    clone.git("push", "--quiet", "--set-upstream", "origin", "main")
    for model in ("good", "bad", "patient"):
        _register(clone, model, "1.0.0", "0.950")
    _land_and_tag(clone)
    gs(clone, "promote", "good", "bad", "--to", "production")
    _land_and_tag(clone)
    _register(clone, "good", "1.1.0", "0.960")
    _register(clone, "bad", "1.1.0", "0.930")
    _land_and_tag(clone)
    return folder


def made_own(folder: Path, template: Path) -> Path:
    """The same as this repository: its workflows and package, and an installation that downloads nothing."""
    forge = copied(template, folder)
    clone = forge.clone
    for path in own_files():
        shutil.copyfile(HOUSE / path, clone.path / path)
    shutil.copytree(HOUSE / "gitstage", clone.path / "gitstage", ignore=shutil.ignore_patterns("__pycache__"))
    executable(clone.path / ".ci" / "install", INSTALL)
    clone.commit("This repository")
    _land_and_tag(clone)
    return folder


def copied(template: Path, folder: Path) -> Forge:
    shutil.copytree(template, folder, symlinks=True, dirs_exist_ok=True)
    forge = Forge(folder)
    forge.clone.git("remote", "set-url", "origin", str(forge.bare))
    return forge


def make_registry(clone: Sandbox) -> None:
    """What `gitstage init --ci github` does, in a release that the tests know, and then the team writes its policy."""
    workflows = functools.partial(workflow_files, judge=released("1.2.3"))
    init.run(clone.path, REGISTRY, ci="github", workflows=workflows)
    path = f"{REGISTRY}/gitstage.yaml"
    kept = re.findall(r"^(?:apiVersion|kind|id|trunk|tags|adopt-until|protected):.*\n", clone.read(path), re.MULTILINE)
    clone.commit("Our policy", {path: "".join(kept) + POLICY})


def promote_by_hand(clone: Sandbox, model: str = "bad") -> None:
    """1.1.0 into production without asking anybody, by copying what `promote` would write."""
    top = clone.path / REGISTRY
    (top / "archived" / model).mkdir(exist_ok=True)
    shutil.copyfile(top / f"models/{model}/1.0.0.yaml", top / f"archived/{model}/1.0.0.yaml")
    shutil.copyfile(top / f"models/{model}/1.1.0.yaml", top / f"production/{model}.yaml")
    clone.commit(f"{model}: promote 1.1.0 to production")


def _register(clone: Sandbox, model: str, version: str, auc: str) -> None:
    artifact = clone.path / ".git" / "model.onnx"
    artifact.write_text(f"{model} {version}", encoding="utf-8")
    gs(clone, "register", f"{model}@{version}", "--artifact", artifact, "--metric", f"auc={auc}", "--to", "staging")


def _land_and_tag(clone: Sandbox) -> None:
    clone.git("push", "--quiet")
    gs(clone, "tag")
