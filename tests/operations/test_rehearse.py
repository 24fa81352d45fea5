from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import pytest

from gitstage.canonical import DocumentError
from gitstage.errors import GitstageError, NoSuchThing
from gitstage.operations import rehearse

EXAMPLE = Path(__file__).parents[2] / "registry.example"


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    """A folder with the policy and the tests of the example, and no repository around it."""
    folder = tmp_path / "registry"
    folder.mkdir()
    for name in ("gitstage.yaml", "gitstage.test.yaml"):
        shutil.copyfile(EXAMPLE / name, folder / name)
    return folder


def test_the_tests_of_the_example_come_out_as_they_should(registry: Path) -> None:
    ticks = itertools.count()
    (tested,) = rehearse.run([registry / "gitstage.test.yaml"], directory=registry, timer=lambda: next(ticks) / 1000)
    assert [case.case.name for case in tested.cases if not case.passed] == []
    assert tested.passed
    assert (tested.path, tested.policy) == (registry / "gitstage.test.yaml", registry / "gitstage.yaml")
    assert tested.milliseconds == pytest.approx([1.0] * len(tested.cases))


def test_without_a_name_those_of_the_folder_or_of_the_folders_in_it_are_run(registry: Path) -> None:
    for directory in (registry, registry.parent):
        (tested,) = rehearse.run([], directory=directory)
        assert tested.path == registry / "gitstage.test.yaml"
    shutil.copytree(registry, registry.parent / "other")
    assert [tested.path.parent.name for tested in rehearse.run([], directory=registry.parent)] == ["other", "registry"]


def test_another_policy_is_held_against_the_same_cases(registry: Path) -> None:
    stricter = registry.parent / "stricter.yaml"
    text = (registry / "gitstage.yaml").read_text("utf-8")
    stricter.write_text(text.replace("auc, min: 0.95", "auc, min: 0.995"), encoding="utf-8")
    (tested,) = rehearse.run([], directory=registry, policy=stricter)
    assert not tested.passed
    assert [case.case.name for case in tested.cases if not case.passed] == [
        "a version that was rehearsed and is no worse serves",
        "a large model is worth a word, and a test that passed in the end is no obstacle",
        "nothing serves that was not rehearsed",
    ]


def test_where_there_are_no_tests_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(NoSuchThing, match="there is no gitstage.test.yaml in"):
        rehearse.run([], directory=tmp_path)


def test_a_file_that_is_not_there_is_named(registry: Path) -> None:
    with pytest.raises(GitstageError, match=r"nothing.yaml cannot be read: No such file or directory"):
        rehearse.run([registry / "nothing.yaml"], directory=registry)
    (registry / "gitstage.yaml").unlink()
    with pytest.raises(GitstageError, match=r"gitstage.yaml cannot be read: No such file or directory"):
        rehearse.run([], directory=registry)


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("gitstage.test.yaml", "kind: PolicyTest", "kind: Policy", ":4: kind must be PolicyTest"),
        ("gitstage.test.yaml", "expect: passed", "expect: {soaked: passed}", ":30: cases[0].expect.soaked: there is no rule 'soaked'"),
        ("gitstage.yaml", "soak: 24h", "soak: 24", "gates.a-day-in-staging.soak: must be a length of time"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_named_with_the_line(
    registry: Path, name: str, old: str, new: str, message: str
) -> None:
    path = registry / name
    path.write_text(path.read_text("utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DocumentError) as caught:
        rehearse.run([], directory=registry)
    (problem,) = caught.value.problems
    assert problem.message.startswith(f"{path}:")
    assert message in problem.message


def test_a_rule_in_python_does_not_run_unless_it_is_allowed(registry: Path) -> None:
    path = registry / "gitstage.yaml"
    text = path.read_text("utf-8").replace("    soak: 24h\n", "    soak: 24h\n    rules: [{name: own, python: acme}]\n")
    path.write_text(text, encoding="utf-8")
    (tested,) = rehearse.run([], directory=registry, allowed_plugins=frozenset({"other"}))
    (case,) = (case for case in tested.cases if not case.passed)
    assert [(one.rule, one.found) for one in case.differences] == [("rules/own", "refused")]
