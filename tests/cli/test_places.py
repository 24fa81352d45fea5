"""Where a registry may lie: on a disk that is full, in a place that nobody may write to, under any umask and in odd folders."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.git.sandbox import git
from tests.operations.pictures import picture_of
from tests.operations.stories import Story

ROOT = Path(__file__).parents[2]
OWN = ("unshare", "--map-root-user", "--mount")
"""What gives a process mounts of its own, without rights that it did not have."""


def _may_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    return (
        subprocess.run([*OWN, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False).returncode
        == 0
    )


mounts = pytest.mark.skipif(not _may_mount(), reason="this machine lets nobody mount anything")
READING = ("status", "log fraud-detector", "show fraud-detector@production", "check --base HEAD~1", "audit")
PROMOTE = "promote fraud-detector@1.2.0 --to production"


def scripted(path: Path, script: str, *, own_mounts: bool = False, umask: int = -1) -> subprocess.CompletedProcess[str]:
    """A script for a shell in which `gitstage` is ours."""
    head = f'set -u\ngitstage() {{ "{sys.executable}" -m gitstage "$@"; }}\n'
    return subprocess.run(
        [*(OWN if own_mounts else ()), "bash", "-c", head + script],
        cwd=path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        umask=umask,
        check=False,
    )


@mounts
@pytest.mark.parametrize("line", [PROMOTE, "register other@1.0.0 --artifact ../model.onnx --to staging"])
def test_on_a_full_disk_nothing_has_happened_and_it_completes_once_there_is_room(served: Story, line: str) -> None:
    (served.path.parent / "model.onnx").write_bytes(b"weights" * 1000)
    before = served.refs()
    script = f"""
        mount -t tmpfs -o size=4m tmpfs /mnt && cp -a "$PWD" /mnt/work && cp ../model.onnx /mnt/ && cd /mnt/work
        dd if=/dev/zero of=../filler bs=64k count=100 2> /dev/null; dd if=/dev/zero of=../filler2 bs=1 count=4096 2> /dev/null
        gitstage {line} > ../out 2> "$TMPDIR/err"; echo "code $?"
        git for-each-ref --format='%(refname) %(objectname)'
        git status --porcelain; git fsck --strict --no-dangling
        gitstage status | head -1
        rm ../filler ../filler2
        gitstage {line} > /dev/null 2>&1; echo "code $?"
        git status --porcelain; git fsck --strict --no-dangling
        gitstage resolve fraud-detector@production; gitstage resolve other@staging 2> /dev/null; true
    """
    (served.path.parent / "tmp").mkdir()
    done = scripted(served.path, f'export TMPDIR="{served.path.parent / "tmp"}"\n{script}', own_mounts=True)
    refs = [f"{name} {oid}" for name, oid in before.items()]
    after = ["1.2.0"] if line == PROMOTE else ["1.1.0", "1.0.0"]
    assert done.stdout.splitlines() == [
        "code 2",
        *refs,
        "model           staging  production  archived",
        "code 0",
        *after,
    ], done.stderr
    said = (served.path.parent / "tmp" / "err").read_text()
    assert "No space left on device" in said
    assert "Traceback" not in said


@mounts
def test_whoever_may_only_read_is_answered_and_changes_nothing(served: Story) -> None:
    written = [scripted(served.path, f"gitstage {line}").stdout for line in READING]
    script = 'mount --bind "$PWD" "$PWD" && mount -o remount,bind,ro "$PWD" "$PWD" && cd "$PWD" || exit 9\n'
    for line, expected in zip(READING, written, strict=True):
        done = scripted(served.path, f"{script}gitstage {line}", own_mounts=True)
        assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")
    before = picture_of(served.path)
    done = scripted(served.path, f"{script}gitstage {PROMOTE}", own_mounts=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert "Read-only file system" in done.stderr
    assert "Traceback" not in done.stderr
    assert picture_of(served.path) == before


@pytest.mark.parametrize("umask", [0o002, 0o022, 0o027, 0o077])
def test_files_get_the_modes_that_git_would_give_them(served: Story, umask: int) -> None:
    done = scripted(served.path, f"gitstage {PROMOTE}", umask=umask)
    assert done.returncode == 0, done.stderr
    slot = served.path / "production" / "fraud-detector.yaml"
    mode = stat.S_IMODE(slot.stat().st_mode)
    slot.unlink()
    subprocess.run(["git", "checkout", "--", "production"], cwd=served.path, umask=umask, check=True)
    assert mode == stat.S_IMODE(slot.stat().st_mode) == 0o666 & ~umask
    assert served.git("ls-files", "--stage", "production/fraud-detector.yaml").startswith("100644 ")
    assert served.git("status", "--porcelain") == ""


def test_what_several_people_write_to_stays_writable_for_them(served: Story) -> None:
    served.git("config", "core.sharedRepository", "group")
    done = scripted(served.path, f"gitstage {PROMOTE}", umask=0o077)
    assert done.returncode == 0, done.stderr
    ref = served.path / ".git" / "refs" / "heads" / "main"
    assert stat.S_IMODE(ref.stat().st_mode) & 0o060 == 0o060


@pytest.mark.parametrize(
    "name", ["with blanks", "größer", "-C", "a'b\"c", "$HOME", "a;b", "[x]*?", "..dots", "\x1b[31m"]
)
def test_the_folder_may_be_called_anything(served: Story, name: str) -> None:
    moved = served.path.parent / name
    served.path.rename(moved)
    done = scripted(moved, f"gitstage {PROMOTE} && gitstage resolve fraud-detector@production && gitstage audit")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1] == "1.2.0"
    assert git("status", "--porcelain", cwd=moved) == ""
    below = scripted(moved / "models" / "fraud-detector", "gitstage resolve fraud-detector@staging")
    assert (below.stdout, below.stderr) == ("1.2.0\n", "")


def test_a_folder_reached_by_a_link_is_the_same_registry(served: Story) -> None:
    link = served.path.parent / "link"
    link.symlink_to(served.path)
    done = scripted(link, f"gitstage {PROMOTE} && gitstage -C ../link/models resolve fraud-detector@production")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "1.2.0")
    assert served.git("status", "--porcelain") == ""


def test_in_a_folder_that_is_gone_it_says_so(served: Story) -> None:
    (served.path / "gone").mkdir()
    done = scripted(served.path, "cd gone && rmdir ../gone && gitstage status")
    told = "error: the folder that you are in is not there any more\n  try: cd to another one\n"
    assert (done.returncode, done.stdout, done.stderr.endswith(told)) == (2, "", True)


@pytest.mark.parametrize(
    "variables",
    ["LANG=C LC_ALL=C", "LC_ALL=POSIX PYTHONUTF8=0", "TZ=Pacific/Kiritimati", "HOME=/nowhere"],
)
def test_no_language_time_zone_or_home_changes_an_answer(served: Story, variables: str) -> None:
    for line in ("resolve fraud-detector@production", "status fraud-detector", "check --base HEAD~1 --format json"):
        asked = scripted(served.path, f"gitstage {line} | grep -v moment")
        other = scripted(served.path, f"export {variables}; gitstage {line} | grep -v moment")
        assert (other.stdout.replace("->", "→"), other.stderr) == (asked.stdout, asked.stderr)
