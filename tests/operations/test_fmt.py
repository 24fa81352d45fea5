from __future__ import annotations

from pathlib import Path

import pytest

from gitstage.errors import GitstageError
from gitstage.operations import fmt
from tests.operations.stories import Story

LOOSE = b"""\
# a comment
kind: Hold
apiVersion: gitstage/v1
model: "m"
version: 1.0.0
reason: 'it drifts'
state: held
"""
CANONICAL = b"apiVersion: gitstage/v1\nkind: Hold\nmodel: m\nversion: 1.0.0\nstate: held\nreason: it drifts\n"


def test_a_document_is_rewritten_in_its_canonical_form(tmp_path: Path) -> None:
    file, other = tmp_path / "1.0.0.yaml", tmp_path / "1.1.0.yaml"
    file.write_bytes(LOOSE)
    file.chmod(0o640)
    other.write_bytes(CANONICAL)
    done = fmt.run([file, other])
    assert (done.changed, done.unchanged, done.problems) == ((file,), (other,), ())
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (CANONICAL, 0o640)
    assert fmt.run([file]).unchanged == (file,)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.0.0.yaml", "1.1.0.yaml"]


def test_it_may_only_say_what_would_change(tmp_path: Path) -> None:
    file = tmp_path / "1.0.0.yaml"
    file.write_bytes(LOOSE)
    assert fmt.run([file], check=True).changed == (file,)
    assert file.read_bytes() == LOOSE


def test_what_is_no_document_is_a_problem_with_its_line(tmp_path: Path) -> None:
    file, good = tmp_path / "bad.yaml", tmp_path / "good.yaml"
    file.write_bytes(b"apiVersion: gitstage/v1\nkind: Hold\nmodell: m\n")
    good.write_bytes(LOOSE)
    done = fmt.run([file, good])
    assert done.changed == (good,)
    assert {path for path, _ in done.problems} == {file}
    assert 3 in [problem.line for _, problem in done.problems]


def test_the_policy_keeps_its_form(story: Story) -> None:
    with pytest.raises(GitstageError, match="is for people"):
        fmt.run([story.path / "gitstage.yaml"])


@pytest.mark.parametrize("name", ["nowhere.yaml", "."])
def test_a_file_that_cannot_be_read_is_said(tmp_path: Path, name: str) -> None:
    with pytest.raises(GitstageError, match="cannot be read"):
        fmt.run([tmp_path / name])


def test_a_file_that_cannot_be_replaced_is_said_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "1.0.0.yaml"
    file.write_bytes(LOOSE)

    def fails(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(GitstageError, match="cannot be written: Permission denied"):
        fmt.run([file])
    assert file.read_bytes() == LOOSE
    assert [path.name for path in tmp_path.iterdir()] == ["1.0.0.yaml"]
