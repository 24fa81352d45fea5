"""The way of an audit: along the runs of the ledger, or the tags, whatever became of the trunk."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from gitstage.operations.claims import Claims
from gitstage.operations.route import SOME, Leg, Route, is_here, runs
from gitstage.values import replace
from tests.git.sandbox import git
from tests.operations.stories import NOON, Story


class Reports:
    """What was reported."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def __call__(self, kind: str, message: str, **fields: Any) -> None:
        self.said.append((kind, message))


def route(story: Story, start: str | None = None) -> tuple[Route, list[Leg], Reports]:
    """The way from a commit to the tip, its legs, and what was wrong with it."""
    registry, report = story.registry(), Reports()
    assert registry.tip is not None
    assert registry.ledger_commit is not None
    way = Route(registry, Claims(registry.repo, registry.identity), start, registry.tip, report)
    legs = list(way.legs(runs(registry, registry.ledger_commit, None, report), resumed=False))
    return way, legs, report


def test_each_run_is_a_leg_at_its_own_moment(served: Story) -> None:
    way, legs, report = route(served)
    line = served.git("rev-list", "--reverse", "HEAD").split()
    assert [pair for leg in legs for pair in leg.pairs] == list(zip(line, [None, *line], strict=False))
    # The first run goes by its tags, and ends with what the ledger says.
    assert [leg.now for leg in legs] == [NOON, NOON, *(NOON + timedelta(hours=hour) for hour in range(5))]
    assert [leg.run is not None for leg in legs] == [False, *[True] * 6]
    assert (way.length, way.unjudged, way.judged, way.trusted, report.said) == (6, 0, line[-1], [], [])


def test_a_run_over_many_commits_is_one_leg(story: Story) -> None:
    for name in ("one", "two", "three"):
        story.write("staging/README.md", name)
        story.commit(name)
    story.later(hours=1).tag()
    _, legs, _ = route(story)
    assert [len(leg.pairs) for leg in legs] == [1, 0, 3]
    assert legs[-1].tip == story.git("rev-parse", "HEAD")


def test_a_long_leg_is_gone_in_parts_that_know_where_it_begins_and_ends() -> None:
    pairs = tuple((f"{number + 1:040}", f"{number:040}") for number in range(2 * SOME + 1))
    leg = Leg(now=NOON, pairs=pairs, note="how it landed")
    parts = list(leg.parts())
    assert [len(part.pairs) for part in parts] == [SOME, SOME, 1]
    assert tuple(pair for part in parts for pair in part.pairs) == pairs
    assert [(part.begins, part.ends) for part in parts] == [(True, False), (False, False), (False, True)]
    assert {(part.now, part.tip, part.note) for part in parts} == {(NOON, pairs[-1][0], "how it landed")}
    assert list(replace(leg, pairs=pairs[:SOME]).parts()) == [replace(leg, pairs=pairs[:SOME])]
    assert list(replace(leg, pairs=()).parts()) == [replace(leg, pairs=())]
    assert {part.tip for part in replace(leg, tip="a" * 40).parts()} == {"a" * 40}


def test_a_run_that_judged_what_is_gone_is_passed_over(served: Story) -> None:
    registry = served.registry()
    gone = "1" * 40
    head = served.git("rev-parse", registry.identity.ledger_ref)
    document = served.git("show", f"{head}:ledger.json").replace(str(registry.state.judged), gone)
    blob = _blob(served, document)
    tree = _tree(served, blob)
    served.git("update-ref", registry.identity.ledger_ref, served.git("commit-tree", tree, "-p", head, "-m", "x"))
    way, legs, report = route(served)
    assert [kind for kind, _ in report.said] == ["trunk-rewritten"]
    assert way.judged == served.git("rev-parse", "HEAD")
    assert all(leg.tip != gone for leg in legs)


def test_a_run_that_merges_and_one_without_a_document_are_reported(served: Story) -> None:
    ref = served.registry().identity.ledger_ref
    head = served.git("rev-parse", ref)
    empty = served.git("hash-object", "-t", "tree", "/dev/null", "-w")
    served.git("update-ref", ref, served.git("commit-tree", empty, "-p", head, "-p", "HEAD", "-m", "x"))
    _, _, report = route(served)
    assert report.said == [
        ("ledger-changed", "a run does not follow the one before it"),
        ("ledger-changed", "a run of the ledger cannot be read: it holds no ledger.json"),
    ]


def test_a_trunk_without_a_registry_has_no_way(served: Story) -> None:
    registry = served.registry()
    served.git("switch", "--quiet", "--orphan", "bare")
    served.write("notes.txt", "no registry")
    other = served.commit("elsewhere")
    way = Route(registry, Claims(registry.repo, registry.identity), None, other, Reports())
    assert (way.length, way.base, list(way.legs_by_tags(NOON))) == (0, None, [])


def test_without_a_ledger_the_tags_say_when(served: Story) -> None:
    registry = served.registry()
    served.write("models/fraud-detector/README.md", "A card.\n")
    tip = served.commit("a card")
    way = Route(registry, Claims(registry.repo, registry.identity), None, tip, Reports())
    legs = list(way.legs_by_tags(NOON))
    assert [leg.now for leg in legs] == [NOON, *(NOON + timedelta(hours=hour) for hour in (0, 1, 2, 3, 4, 4))]
    assert [len(leg.pairs) for leg in legs] == [1] * 7
    assert way.judged == tip


def test_a_tag_that_is_out_of_order_does_not_lead_the_way(served: Story) -> None:
    registry = served.registry()
    text = served.git("for-each-ref", "--format=%(contents)", "refs/tags/fraud-detector/production/1")
    name = "fraud-detector/production/1"
    target = served.git("rev-parse", f"{name}^{{commit}}")
    served.git("tag", "--force", "--annotate", "--message", text.replace("T13:", "T11:"), name, target)
    way = Route(registry, Claims(registry.repo, registry.identity), None, str(registry.tip), Reports())
    legs = list(way.legs_by_tags(NOON))
    assert [leg.now for leg in legs] == [NOON, NOON, *(NOON + timedelta(hours=hour) for hour in (2, 3, 4))]
    assert [len(leg.pairs) for leg in legs] == [1, 1, 2, 1, 1]


def test_a_commit_is_here_or_it_is_not(served: Story) -> None:
    assert is_here(served.registry(), served.git("rev-parse", "HEAD"))
    assert not is_here(served.registry(), "1" * 40)


def _blob(story: Story, text: str) -> str:
    path = story.path.parent / "ledger.json"
    path.write_text(text + "\n", encoding="utf-8")
    return story.git("hash-object", "-w", str(path))


def _tree(story: Story, blob: str) -> str:
    return git("mktree", cwd=story.path, stdin=f"100644 blob {blob}\tledger.json\n".encode())
