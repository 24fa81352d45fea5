"""A repository whose configuration would run something wherever git looks: no command of ours makes git run any of it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.cli.shell import Shell
from tests.git.sandbox import executable, git
from tests.operations.conftest import Told
from tests.operations.plots import SLOT, Plot

MODEL = "fraud-detector"

PROGRAMS = (
    *("core.fsmonitor", "core.pager", "core.editor", "core.sshCommand", "core.askPass", "core.gitProxy"),
    *("core.alternateRefsCommand", "sequence.editor", "diff.external", "diff.trap.textconv", "diff.trap.command"),
    *("filter.trap.clean", "filter.trap.smudge", "filter.trap.process", "merge.trap.driver", "mergetool.trap.cmd"),
    *("gpg.program", "gpg.ssh.program", "gpg.x509.program", "gpg.ssh.defaultKeyCommand", "credential.helper"),
    *("trailer.x.command", "trailer.x.cmd", "uploadpack.packObjectsHook", "interactive.diffFilter", "browser.x.cmd"),
    *("alias.rev-parse", "alias.cat-file", "alias.log", "alias.show", "alias.status", "pager.log", "pager.show"),
)
"""Keys whose value git would run, each in its place."""
SETTINGS = {
    "log.showSignature": "true",
    "merge.renormalize": "true",
    "filter.trap.required": "true",
    "core.autocrlf": "true",
    "core.untrackedCache": "true",
    "status.submoduleSummary": "true",
    "diff.renames": "copies",
    "diff.noprefix": "true",
    "diff.mnemonicPrefix": "true",
    "diff.orderFile": "/dev/null",
    "log.follow": "true",
    "log.mailmap": "true",
    "i18n.logOutputEncoding": "UTF-16",
    "core.quotePath": "true",
    "core.abbrev": "4",
    "core.precomposeUnicode": "true",
    "protocol.ext.allow": "always",
    "gpg.ssh.allowedSignersFile": "/nowhere",
    "gpg.ssh.revocationFile": "/nowhere",
    "transfer.hideRefs": "refs/tags",
    "uploadpack.hideRefs": "refs/gitstage",
    "log.excludeDecoration": "*",
    "versionsort.suffix": "0",
    "tag.sort": "-version:refname",
    "column.ui": "always",
    "color.ui": "always",
}
"""What turns such a thing on, or makes git say something else than it says."""
ATTRIBUTES = "* filter=trap diff=trap merge=trap text eol=crlf ident working-tree-encoding=UTF-16\n"
HOOKS = (
    *("pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "post-checkout", "post-merge", "pre-push"),
    *("reference-transaction", "post-index-change", "fsmonitor-watchman", "pre-auto-gc", "post-rewrite"),
)


class Trap:
    """A program that remembers that it ran, and every place in a repository that could name one."""

    def __init__(self, folder: Path) -> None:
        self.sprung = folder / "sprung"
        self.program = executable(folder / "trap", f'echo "$0 $*" >> {self.sprung}; cat')
        self.hooks = folder / "hooks"
        for name in HOOKS:
            executable(self.hooks / name, f'echo "hook {name}" >> {self.sprung}')

    def set(self, repository: Path, *, hooks: bool = True) -> None:
        """Everything that a configuration may name, in the files of a repository and in one that they include."""
        place = repository / ".git" if (repository / ".git").is_dir() else repository
        bare = () if place != repository else ("--git-dir=.",)
        included = self.sprung.parent / "included"
        for key in PROGRAMS:
            git("config", "--file", str(included), key, str(self.program), cwd=repository)
        git(*bare, "config", "include.path", str(included), cwd=repository)
        for key, value in (*SETTINGS.items(), ("core.attributesFile", str(place / "info" / "attributes"))):
            git(*bare, "config", key, value, cwd=repository)
        git(*bare, "config", f"url.ext::{self.program}.insteadOf", "https://", cwd=repository)
        (place / "info").mkdir(exist_ok=True)
        (place / "info" / "attributes").write_text(ATTRIBUTES, encoding="ascii")
        if hooks:
            git(*bare, "config", "core.hooksPath", str(self.hooks), cwd=repository)

    def what_ran(self) -> str:
        return self.sprung.read_text() if self.sprung.exists() else ""


@pytest.fixture
def trap(tmp_path: Path) -> Trap:
    (tmp_path / "traps").mkdir()
    return Trap(tmp_path / "traps")


READING = [
    ("status",),
    ("status", MODEL),
    ("status", "--declared"),
    ("status", "--at", "2026-03-01T14:30:00Z"),
    ("show", f"{MODEL}@1.1.0"),
    ("log", MODEL),
    ("diff", f"{MODEL}@1.0.0", f"{MODEL}@1.1.0"),
    ("resolve", f"{MODEL}@production"),
    ("pull", f"{MODEL}@production", "--to", "../pulled"),
    ("explain", f"{MODEL}@1.2.0", "--to", "production"),
    ("check", "--base", "HEAD~1"),
    ("audit",),
    ("tag", "--dry-run"),
    ("promote", MODEL, "--to", "production", "--dry-run"),
    ("doctor",),
]


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_reading_runs_nothing_and_says_the_same(gs: Shell, trap: Trap, words: tuple[str, ...]) -> None:
    calm = gs.run(*words)
    assert calm.code == 0, calm
    if words[0] == "pull":
        (gs.story.path.parent / "pulled").rename(gs.story.path.parent / "before")
    gs.story.write(".gitattributes", ATTRIBUTES)
    trap.set(gs.story.path)
    said = gs.run(*words)
    assert trap.what_ran() == ""
    assert said == calm or words == ("doctor",)


def test_plain_git_would_have_run_it(gs: Shell, trap: Trap) -> None:
    trap.set(gs.story.path)
    gs.story.write("gitstage.yaml", gs.story.read("gitstage.yaml") + "# more\n")
    subprocess.run(["git", "diff"], cwd=gs.story.path, capture_output=True)
    assert "/trap " in trap.what_ran()


CHANGING = [
    ("register", "churn@1.0.0", "--artifact", "{file}", "--metric", "auc=0.9", "--to", "staging"),
    ("promote", MODEL, "--to", "production", "--reason", "better"),
    ("rollback", f"{MODEL}@production", "--reason", "worse"),
    ("archive", f"{MODEL}@staging", "--reason", "old"),
    ("hold", f"{MODEL}@1.2.0", "--reason", "leaks"),
    ("attest", f"{MODEL}@1.2.0", "--name", "load-test", "--result", "passed"),
    ("tag",),
    ("withdraw", MODEL),
]


@pytest.mark.parametrize("words", CHANGING, ids=lambda words: words[0])
def test_changing_runs_no_more_than_the_hooks_that_git_has_for_it(
    gs: Shell, trap: Trap, words: tuple[str, ...]
) -> None:
    """Whose hooks those are, and who signs, is the user's own business; nobody here does either."""
    if words[0] in ("tag", "withdraw"):
        gs.story.write(f"models/{MODEL}/1.0.0.yaml", "junk\n")
        gs.story.commit("by hand")
        if words[0] == "withdraw":
            gs.run("tag")
    trap.set(gs.story.path, hooks=False)
    file = gs.write("model.onnx")
    said = gs.run(*(word.format(file=file) for word in words))
    assert trap.what_ran() == ""
    assert said.code == (1 if words[0] == "tag" else 0), said
    for path in gs.story.git("--no-pager", "-c", "core.fsmonitor=false", "ls-files").splitlines():
        blob = git("cat-file", "blob", f":{path}", cwd=gs.story.path)
        assert gs.story.read(path).removesuffix("\n") == blob, "what lies in the work tree was not converted"


def test_the_judges_ask_nobody_whom_a_configuration_names(tmp_path: Path, told: Told, trap: Trap) -> None:
    """Commits and evidence are signed here, and are verified; the server's configuration is hostile, too."""
    plot = Plot.copied(told("plot", Plot.laid), tmp_path)
    plot.test()
    plot.promote()
    plot.commit()
    plot.story.git("config", "commit.gpgsign", "false")
    trap.set(plot.story.path)
    trap.set(plot.team.remote, hooks=False)
    waits = {SLOT: "pending approvals"}
    assert plot.checked() == waits
    assert plot.audited() == {}
    assert trap.what_ran() == ""
    # Plain git pushes here, and runs the pusher's own hooks.
    plot.story.git("config", "core.hooksPath", str(tmp_path / "nowhere"))
    assert plot.received() == waits
    assert (plot.tagged(), plot.audited()) == (waits, waits)
    assert [line for line in trap.what_ran().splitlines() if "gpg" in line or "ssh" in line] == []
