"""Where a command's words go: streams that are closed, full, or read by nobody, and an interrupt at any call of git."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from gitstage.git import process
from tests.cli.shell import Shell
from tests.git.sandbox import git
from tests.operations.pictures import picture_of, unchanged
from tests.operations.stories import Story, Team

ROOT = Path(__file__).parents[2]
READING = {
    "status": 0,
    "status fraud-detector --json": 0,
    "resolve fraud-detector@production": 0,
    "show fraud-detector@production": 0,
    "log fraud-detector": 0,
    "diff fraud-detector@1.0.0 fraud-detector@1.1.0": 0,
    "check --base HEAD~1": 0,
    "check --format markdown": 0,
    "explain fraud-detector@1.2.0 --to production": 0,
    "audit": 0,
    "doctor": 0,
    "schema policy": 0,
    "promote fraud-detector@1.2.0 --to production --dry-run": 0,
    "promote --help": 0,
    "--version": 0,
    "nonsense": 2,
    "status --at nonsense": 2,
}
"""What is typed, and how it ends where its words can be read."""
UNWRITTEN = """\
error: the answer could not be written: No space left on device
  try: free space there; gitstage status says what has been done
"""
PROMOTE = "promote fraud-detector@1.2.0 --to production"


def typed(path: Path, line: str) -> subprocess.CompletedProcess[str]:
    """A line for a shell, in which `gitstage` is ours; what is left of stdout and stderr is read."""
    script = f'gitstage() {{ "{sys.executable}" -m gitstage "$@"; }}\n{line}\n'
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        ["bash", "-c", script], cwd=path, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("line", list(READING))
def test_closed_streams_change_no_exit_code_and_nothing_is_said_elsewhere(served: Story, line: str) -> None:
    with unchanged(served.path):
        heard = typed(served.path, f"gitstage {line}")
        for closed, out, err in ((">&-", "", heard.stderr), ("2>&-", heard.stdout, ""), ("<&- >&- 2>&-", "", "")):
            done = typed(served.path, f"gitstage {line} {closed}")
            assert (done.returncode, done.stdout, done.stderr) == (READING[line], out, err), closed


@pytest.mark.parametrize("line", list(READING))
def test_what_cannot_be_written_is_said_and_never_counted_as_an_answer(served: Story, line: str) -> None:
    with unchanged(served.path):
        done = typed(served.path, f"gitstage {line} > /dev/full")
        if READING[line]:
            assert done.returncode == READING[line]
            return
        assert (done.returncode, done.stderr) == (2, UNWRITTEN)
        assert typed(served.path, f"gitstage {line} > /dev/full 2>&1").returncode == 2
        assert typed(served.path, f"gitstage {line} 2> /dev/full").returncode == 0


@pytest.mark.parametrize("line", [line for line, code in READING.items() if code == 0])
def test_whoever_stops_reading_is_told_by_141_alone(served: Story, line: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        [sys.executable, "-m", "gitstage", *line.split()],
        cwd=served.path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (141, b"")


@pytest.mark.parametrize(("where", "code"), [(">&-", 0), ("> /dev/full", 2), ("2>&-", 0), ("2> /dev/full", 0)])
def test_what_was_changed_stays_changed_whoever_hears_of_it(served: Story, where: str, code: int) -> None:
    assert typed(served.path, f"gitstage {PROMOTE} {where}").returncode == code
    assert typed(served.path, "gitstage resolve fraud-detector@production").stdout == "1.2.0\n"
    assert served.git("status", "--porcelain") == ""
    assert "fraud-detector/production/3" in served.tags()


def test_a_note_that_cannot_be_written_stops_nothing(served: Story) -> None:
    served.hold("fraud-detector@1.2.0")
    served.copy("models/fraud-detector/1.0.0.yaml", "staging/fraud-detector.yaml")
    served.commit("by hand")
    done = typed(served.path, "gitstage status 2> /dev/full")
    assert (done.returncode, done.stdout.splitlines()[0].split()) == (0, ["model", "staging", "production", "archived"])


# an interrupt

COMMANDS = {
    "status": "status",
    "log": "log fraud-detector",
    "show": "show fraud-detector@production",
    "resolve": "resolve fraud-detector@production~1",
    "check": "check --base HEAD~1",
    "explain": "explain fraud-detector@1.2.0 --to production",
    "audit": "audit",
    "doctor": "doctor",
    "pull": "pull fraud-detector@production --to ../out",
    "tag": "tag",
    "register": "register other@1.0.0 --artifact ../model.onnx --to staging",
    "promote": PROMOTE,
    "rollback": "rollback fraud-detector@production --reason bad",
    "archive": "archive fraud-detector@production --reason old",
    "hold": "hold fraud-detector@1.2.0 --reason leaks",
    "attest": "attest fraud-detector@1.2.0 --name load-test --result passed",
    "redact": "redact fraud-detector@1.0.0 --reason secret",
}


@contextmanager
def interrupted_at(number: int) -> Iterator[list[int]]:
    """Ctrl-C before the n-th call of git; the number of calls there were, for whoever asks with 0."""
    count = [0]

    def watch(moment: str, _: Sequence[str]) -> None:
        if moment == "before":
            count[0] += 1
            if count[0] == number:
                signal.raise_signal(signal.SIGINT)

    process.WATCHERS.append(watch)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs us in the background ignores it
    try:
        yield count
    finally:
        signal.signal(signal.SIGINT, before)
        process.WATCHERS.remove(watch)


@pytest.mark.parametrize("name", list(COMMANDS))
def test_ctrl_c_ends_with_130_and_all_or_nothing_has_happened(gs: Shell, name: str) -> None:
    gs.write("model.onnx")
    words = COMMANDS[name].split()
    before = gs.state()
    with interrupted_at(0) as count:
        assert gs.run(*words, *(["--dry-run"] if name in list(COMMANDS)[9:] else [])).code == 0
    for number in sorted({1, 2, count[0] // 2, count[0]} - {0}):
        with interrupted_at(number):
            said = gs.run(*words)
        assert (said.code, said.out, said.err.strip()) == (130, "", "interrupted"), f"at {number} of {count[0]}"
        assert gs.state() == before, f"at {number} of {count[0]}"
    assert gs.run(*words).code == 0


@pytest.mark.parametrize("number", range(1, 40, 3))
def test_ctrl_c_at_any_call_of_a_promotion_leaves_nothing_half_done(gs: Shell, number: int) -> None:
    before = picture_of(gs.story.path)
    with interrupted_at(number) as count:
        said = gs.run(*PROMOTE.split())
    if count[0] < number:
        assert said.code == 0
    else:
        assert (said.code, said.err.strip()) == (130, "interrupted")
    now = picture_of(gs.story.path)
    landed = gs.story.git("show", "main:production/fraud-detector.yaml") == gs.story.git(
        "show", "main:models/fraud-detector/1.2.0.yaml"
    )
    assert (now == before) or landed
    gs.run(*PROMOTE.split())
    assert gs("resolve", "fraud-detector@production") == "1.2.0\n"
    assert gs.story.git("status", "--porcelain") == ""


@pytest.mark.parametrize("number", range(1, 60, 6))
def test_ctrl_c_while_landing_on_a_remote_leaves_it_whole(
    serving_team: tuple[Team, Story], ada: Shell, number: int
) -> None:
    team, _ = serving_team
    before = team.refs()
    with interrupted_at(number):
        ada.run(*PROMOTE.split(), "--push")
    after = team.refs()
    moved = {name for name in after if before.get(name) != after[name]}
    ledger = ada.story.registry().identity.ledger_ref
    assert moved in (set(), {"refs/heads/main", ledger, "refs/tags/fraud-detector/production/3"})
    assert ada.run(*PROMOTE.split(), "--push").code == 0
    assert git("--git-dir=.", "show", "main:production/fraud-detector.yaml", cwd=team.remote) == ada.story.read(
        "models/fraud-detector/1.2.0.yaml"
    ).rstrip("\n")
    assert ada("resolve", "fraud-detector@production") == "1.2.0\n"
