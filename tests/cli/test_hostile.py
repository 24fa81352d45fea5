"""Text that somebody else wrote into a registry, and every command that shows it: it acts on no terminal and no log."""

from __future__ import annotations

import json
import re

import pytest

from tests.cli.shell import Said, Shell

EVIL = "a\x1b[31m\x07 \u202eb\u200b ##[error]c\r\n::error::d"
ACTS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]|##\[|^\s*::", re.MULTILINE)
"""What a terminal or a runner would act on; a line end is ours, as long as nothing of theirs stands behind it."""


def harmless(said: Said) -> bool:
    return not ACTS.search(said.out) and not ACTS.search(said.err)


def quoted(text: str) -> str:
    return json.dumps(text)


@pytest.fixture
def evil(gs: Shell) -> Shell:
    """A registry into which somebody wrote EVIL wherever a text may stand, by hand where no command lets them."""
    story = gs.story
    file = gs.write("model.onnx")
    gs.run(
        *("register", "m@1.0.0", "--artifact", f"{file}", "--description", EVIL, "--label", f"team={EVIL}"),
        *("--param", f"kernel={EVIL}", "--metric", "auc=0.9", "--to", "staging"),
    )
    gs.run("register", "m@1.1.0", "--artifact", f"{file}", "--metric", "auc=0.8", "--run", "https://x.example.com/r")
    gs.run("attest", "m@1.0.0", "--name", "load-test", "--result", "passed", "--metric", f"{EVIL}=1")
    gs.run("promote", "m", "--to", "production", "--reason", EVIL)
    gs.run("hold", "m@1.1.0", "--reason", EVIL)
    story.write("models/m/2.0.0.yaml", f"apiVersion: gitstage/v1\nkind: ModelVersion\n{quoted(EVIL)}: {quoted(EVIL)}\n")
    story.write("gitstage.yaml", f"apiVersion: gitstage/v1\n{quoted(EVIL)}: {quoted(EVIL)}\n")
    story.write("archived/a\x1b[31m::error::.yaml", "x\n")
    story.copy("models/m/1.1.0.yaml", "production/m.yaml")
    story.commit(EVIL)
    story.git("tag", "--annotate", "--message", EVIL, "m/production/7")
    story.git("tag", "--annotate", "--message", f"x\n\n{quoted(EVIL)}", "m/staging/8")
    return gs


COMMANDS = [
    ("status",),
    ("status", "m"),
    ("status", "--declared"),
    ("show", "m@1.0.0"),
    ("show", "m@2.0.0"),
    ("show", "m@1.1.0"),
    ("log", "m"),
    ("diff", "m@1.0.0", "m@1.1.0", "--all"),
    ("check", "--base", "HEAD~1"),
    ("check", "--base", "HEAD~1", "--format", "markdown"),
    ("explain", "m@1.1.0", "--to", "production"),
    ("tag", "--dry-run"),
    ("tag",),
    ("doctor",),
    ("promote", "m@1.1.0", "--to", "production"),
    ("fmt", "models/m/2.0.0.yaml"),
    ("resolve", "m@1.0.0"),
    ("resolve", "m@1.0.0", "--field", "uri"),
    ("resolve", f"m@{EVIL}"),
    ("resolve", EVIL),
    ("promote", EVIL, "--to", EVIL),
    ("--registry", EVIL, "status"),
    ("-C", "a\x1b[31m", "status"),
    (EVIL,),
    ("status", f"--{EVIL}"),
    ("status", "--at", EVIL),
    ("register", "m@3.0.0", "--artifact", EVIL),
    ("register", "m@3.0.0", "--artifact", "x", "--metric", f"a={EVIL}"),
    ("attest", "m@1.0.0", "--name", "x", "--result", EVIL),
]


def test_nothing_that_somebody_wrote_acts_on_a_terminal_in_any_command(evil: Shell) -> None:
    said = {words: evil.run(*words) for words in COMMANDS}
    assert [words for words, found in said.items() if not harmless(found)] == []
    assert [words for words, found in said.items() if found.code == 3] == []
    assert "a\\x1b[31m\\x07" in said["show", "m@1.0.0"].out
    assert "a\\x1b[31m\\x07" in said["log", "m"].out


def test_nothing_that_somebody_wrote_acts_on_a_log_in_json(evil: Shell) -> None:
    commands = [words for words in COMMANDS[:14] if "--format" not in words]
    said = {words: evil.run(*words, "--json") for words in commands}
    assert [words for words, found in said.items() if not harmless(found) or not found.out.isascii()] == []
    assert json.loads(said["show", "m@1.0.0"].out)["manifest"]["labels"] == {"team": EVIL}
