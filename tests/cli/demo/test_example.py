from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path

import pytest

import gitstage
from gitstage.cli.demo import example
from gitstage.errors import GitstageError
from gitstage.manifest import read_slot, read_version
from gitstage.policy import read_policy

HOUSE = Path(__file__).parents[3]
ID = "0d9f6f0e-3f77-4a55-9d2b-8a1f6b0c2d4e"


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return example.files_of(HOUSE / "registry.example")


@pytest.fixture(scope="module")
def before(files: dict[str, bytes]) -> dict[str, bytes]:
    return example.some_weeks_ago(files, registry_id=ID, today=date(2031, 12, 24))


def test_the_example_lies_beside_the_package_in_a_checkout() -> None:
    assert example.folder() == HOUSE / "registry.example"


def test_the_example_lies_in_the_package_where_it_was_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "gitstage" / "registry.example"
    installed.mkdir(parents=True)
    (installed / "gitstage.yaml").touch()
    monkeypatch.setattr(gitstage, "__file__", str(tmp_path / "gitstage" / "__init__.py"))
    assert example.folder() == installed


def test_an_installation_without_the_example_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gitstage, "__file__", str(tmp_path / "gitstage" / "__init__.py"))
    with pytest.raises(GitstageError, match="missing from this installation"):
        example.folder()


def test_files_are_read_by_their_path_from_the_folder(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c.txt").write_bytes(b"c\r\n")
    (tmp_path / ".d").write_bytes(b"d")
    assert example.files_of(tmp_path) == {"a/b/c.txt": b"c\r\n", ".d": b"d"}


def test_what_was_trained_is_what_the_registry_keeps(files: dict[str, bytes]) -> None:
    found = example.trained(files, "vision/digit-reader", "2.0.0")
    manifest = read_version(files["models/vision/digit-reader/2.0.0.yaml"])
    assert set(found.files) == {
        "model.onnx",
        "metrics.json",
        "faint-scans.json",
        "load-test.json",
        "shadow-traffic.json",
    }
    assert found.files["model.onnx"] == files["artifacts/vision/digit-reader/2.0.0/model.onnx"]
    assert json.loads(found.files["metrics.json"]) == manifest.metrics
    assert json.loads(found.files["faint-scans.json"]) == {
        "accuracy": 0.7858,
        "incumbent_accuracy": 0.8609,
        "requests": 719,
    }


def test_some_weeks_ago_the_story_had_not_happened(files: dict[str, bytes], before: dict[str, bytes]) -> None:
    gone = {re.sub(r"(evidence|artifacts)(/.+/[\d.]+)/.*", r"\1\2", path) for path in set(files) - set(before)}
    assert gone == {
        *(
            path
            for version in ("1.3.0", "2.0.0")
            for path in (
                f"models/biopsy-screener/{version}.yaml",
                f"evidence/biopsy-screener/{version}",
                f"artifacts/biopsy-screener/{version}",
            )
        ),
        "archived/biopsy-screener/1.2.0.yaml",
        "models/vision/digit-reader/2.1.0.yaml",
        "evidence/vision/digit-reader/2.1.0",
        "artifacts/vision/digit-reader/2.1.0",
        "evidence/vision/digit-reader/2.0.0",
        "archived/vision/digit-reader/2.0.0.yaml",
        "holds/vision/digit-reader/2.0.0.yaml",
    }
    assert [path for path in before if path.startswith("evidence/vision/digit-reader/2.0.0/")] == [
        "evidence/vision/digit-reader/2.0.0/load-test/1.json"
    ]


def test_some_weeks_ago_other_versions_were_in_the_stages(files: dict[str, bytes], before: dict[str, bytes]) -> None:
    changed = {path for path in before if before[path] != files.get(path)}
    assert changed == {"staging/biopsy-screener.yaml", "staging/vision/digit-reader.yaml", "gitstage.yaml"}
    slots = [path for path in before if path.startswith(("staging/", "production/")) and path.endswith(".yaml")]
    assert {path: getattr(read_slot(before[path]), "version", None) for path in slots} == {
        "production/biopsy-screener.yaml": "1.2.0",
        "production/diabetes-progression.yaml": "1.2.0",
        "production/vision/digit-reader.yaml": "1.1.0",
        "staging/biopsy-screener.yaml": "1.2.0",
        "staging/diabetes-progression.yaml": "1.3.0",
        "staging/vision/digit-reader.yaml": "2.0.0",
    }


def test_the_demo_has_an_id_of_its_own_and_a_month_to_take_models_in_in_any_year(
    files: dict[str, bytes], before: dict[str, bytes]
) -> None:
    was, now = read_policy(files["gitstage.yaml"]), read_policy(before["gitstage.yaml"])
    assert (now.id, now.adopt_until) == (ID, date(2032, 1, 23))
    assert (now.stages, now.gates, now.trunk) == (was.stages, was.gates, was.trunk)
    different = zip(files["gitstage.yaml"].splitlines(), before["gitstage.yaml"].splitlines(), strict=True)
    assert [new for old, new in different if old != new] == [
        f"id: {ID}      # this registry's own, forever".encode(),
        b"adopt-until: 2032-01-23",
    ]


@pytest.mark.parametrize("policy", [b"trunk: main\n", b"id: 1\nadopt-until: 2\nid: 3\n"])
def test_an_example_that_says_it_twice_or_never_is_not_taken(files: dict[str, bytes], policy: bytes) -> None:
    with pytest.raises(GitstageError, match="lines for id"):
        example.some_weeks_ago({**files, "gitstage.yaml": policy}, registry_id=ID, today=date(2031, 1, 1))
