from __future__ import annotations

from typing import Any

import pytest

from gitstage.errors import NoSuchThing
from gitstage.operations import diff, register
from gitstage.operations.diff import Difference
from tests.operations.pictures import unchanged
from tests.operations.stories import Story


def registered(story: Story, version: str, **wanted: Any) -> None:
    file = story.path.parent / "m.onnx"
    file.write_bytes(version.encode())
    register.run(story.registry(), f"m@{version}", register.Wanted(artifacts=(str(file),), **wanted))


@pytest.fixture
def two(story: Story) -> Story:
    registered(
        story,
        "1.0.0",
        metrics={"auc": 0.9, "latency": 12},
        params={"depth": 6, "fast": True},
        data=({"name": "spring", "sha256": "0" * 64}, {"name": "winter", "uri": "s3://w"}),
        labels={"team": "risk"},
        run="https://run/1",
    )
    registered(
        story,
        "1.1.0",
        metrics={"auc": 0.95, "f1": 0.5},
        params={"depth": 6, "fast": 1},
        data=({"name": "spring", "sha256": "1" * 64},),
        run="https://run/2",
        description="better",
    )
    return story


def rows(story: Story, before: str, after: str) -> dict[tuple[str, str], Difference]:
    found = diff.run(story.registry(), before, after)
    return {(row.group, row.name): row for row in found.rows}


def test_two_versions_side_by_side(two: Story) -> None:
    with unchanged(two.path):
        found = rows(two, "m@1.0.0", "m@1.1.0")
    said = {key: (row.before, row.after) for key, row in found.items() if not row.same}
    assert said.pop(("artifacts", "m.onnx sha256"))[0] != ""
    assert said.pop(("artifacts", "m.onnx uri")) == ("artifacts/m/1.0.0/m.onnx", "artifacts/m/1.1.0/m.onnx")
    assert said == {
        ("metrics", "auc"): (0.9, 0.95),
        ("metrics", "f1"): (None, 0.5),
        ("metrics", "latency"): (12, None),
        ("params", "fast"): (True, 1),
        ("data", "spring sha256"): ("0" * 64, "1" * 64),
        ("data", "winter uri"): ("s3://w", None),
        ("source", "run"): ("https://run/1", "https://run/2"),
        ("labels", "team"): ("risk", None),
        ("", "description"): (None, "better"),
    }
    assert [key for key, row in found.items() if row.same] == [
        ("params", "depth"),
        ("artifacts", "m.onnx size"),
        ("", "format"),
    ]


def test_only_numbers_rise(two: Story) -> None:
    found = rows(two, "m@1.0.0", "m@1.1.0")
    assert found["metrics", "auc"].rise == pytest.approx(0.05)
    assert found["params", "depth"].rise == 0
    for key in (("metrics", "f1"), ("params", "fast"), ("labels", "team")):
        assert found[key].rise is None


def test_stages_and_other_models_can_be_compared(served: Story) -> None:
    served.register("other", "3.0.0", auc=0.1)
    found = diff.run(served.registry(), "fraud-detector@production", "other@latest")
    assert (found.before.version, found.after.version) == ("1.1.0", "3.0.0")
    assert found.rows[0] == Difference(group="metrics", name="auc", before=0.92, after=0.1)
    then = diff.run(served.registry(), "fraud-detector@production", "fraud-detector@staging", at="2026-03-01T14:00Z")
    assert (then.before.version, then.after.version) == ("1.0.0", "1.1.0")


def test_a_version_is_like_itself(two: Story) -> None:
    assert all(row.same for row in rows(two, "m@1.0.0", "m@1.0.0").values())


def test_what_is_not_there_is_said(two: Story) -> None:
    with pytest.raises(NoSuchThing):
        rows(two, "m@1.0.0", "m@9.9.9")
