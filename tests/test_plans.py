from __future__ import annotations

from collections.abc import Mapping

import pytest

from gitstage import plans
from gitstage.changes import EXECUTABLE, FILE, LINK, Entry, Overlay, Snapshot, blob_id, files
from gitstage.errors import GitstageError, NoSuchThing
from gitstage.layout import Layout, Slot
from gitstage.ledger import Effect
from gitstage.plans import Plan, Scene, Step
from tests.registries import Content, effect, empty_slot, hold, manifest, policy_file, tree

Files = Mapping[str, Content]
STAGES = ("staging", "canary", "production")
LAYOUT = Layout(frozenset(STAGES))
PRODUCTION, STAGING = Slot("m", "production"), Slot("m", "staging")
ONE, TWO, THREE = (manifest("m", version) for version in ("1.0.0", "1.1.0", "1.2.0"))
MODELS: dict[str, Content] = {
    "models/m/1.0.0.yaml": ONE,
    "models/m/1.1.0.yaml": TWO,
    "models/m/1.2.0.yaml": THREE,
    "models/m/README.md": "A card.",
}
EMPTY = empty_slot("m")


def plain(data: bytes) -> Entry:
    return Entry(FILE, blob_id(data))


def scene(
    files: Mapping[str, Content] | None = None,
    *effects: Effect,
    passed: Mapping[str, Content] | None = None,
    stages: tuple[str, ...] = STAGES,
) -> Scene:
    """What lies in the registry besides three versions of m, what took effect, and what passed where it differs."""
    sorted_by: dict[Slot, tuple[Effect, ...]] = {}
    for found in effects:
        sorted_by[found.slot] = (*sorted_by.get(found.slot, ()), found)
    return Scene(
        registry=tree({**MODELS, **(files or {})}),
        layout=LAYOUT,
        stages=dict.fromkeys(stages),
        passed={} if passed is None else {"m": tree(passed)},
        effects=sorted_by,
    )


def serving(*versions: str | None, more: Mapping[str, Content] | None = None) -> Scene:
    """Production after these versions, one after the other (None: it was emptied)."""
    effects: list[Effect] = []
    for number, version in enumerate(versions, start=1):
        effects.append(effect(PRODUCTION, number, version, effects[-1].after if effects else None))
    last = versions[-1]
    slot = EMPTY if last is None else manifest("m", last)
    return scene({"production/m.yaml": slot, **(more or {})}, *effects)


# Plans as values.


def test_a_plan_is_told_to_people_and_to_tools() -> None:
    steps = (
        Step(
            action="promote",
            model="risk/m",
            version="1.1.0",
            source="staging",
            stage="production",
            replaces="1.0.0",
            manifest="b" * 40,
        ),
        Step(action="withdraw", model="n"),
    )
    plan = Plan(
        subject="risk/m: promote 1.1.0 to production", steps=steps, reason=" better\n\nGitstage-From:  nowhere "
    )
    assert plan.message() == (
        "risk/m: promote 1.1.0 to production\n"
        "\n"
        "better Gitstage-From: nowhere\n"
        "\n"
        "Gitstage-Action: promote\n"
        "Gitstage-Version: risk/m@1.1.0\n"
        "Gitstage-From: staging\n"
        "Gitstage-To: production\n"
        "Gitstage-Replaces: 1.0.0\n"
        f"Gitstage-Manifest: {'b' * 40}\n"
        "Gitstage-Action: withdraw\n"
        "Gitstage-Version: n\n"
        "Gitstage-Reason: better Gitstage-From: nowhere\n"
    )


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (Plan(subject="s"), "s\n"),
        (Plan(subject="s", reason=" \n"), "s\n"),
        (Plan(subject="s", steps=(Step(action="a", model="m"),)), "s\n\nGitstage-Action: a\nGitstage-Version: m\n"),
    ],
)
def test_what_a_plan_does_not_know_it_does_not_say(plan: Plan, message: str) -> None:
    assert plan.message() == message


def test_a_plan_takes_files_in() -> None:
    plan = Plan(subject="s").with_file("a", b"1").with_file_beside("b", b"2")
    assert (plan.edits, plan.beside) == ({"a": plain(b"1")}, {"b": plain(b"2")})
    assert plan.blobs == {blob_id(b"1"): b"1", blob_id(b"2"): b"2"}
    assert [Plan(subject="s").is_empty, plan.is_empty, Plan(subject="s", beside={"x": None}).is_empty] == [
        True,
        False,
        False,
    ]


def test_two_plans_become_one() -> None:
    one = Plan(subject="one", steps=(Step(action="a", model="m"),), notes=("n1",)).with_file("a", b"1")
    two = Plan(subject="two", steps=(Step(action="b", model="m"),), notes=("n2",), reason="r").with_file("b", b"2")
    both = one.and_then(two)
    assert both == Plan(
        subject="one",
        edits={"a": plain(b"1"), "b": plain(b"2")},
        blobs={blob_id(b"1"): b"1", blob_id(b"2"): b"2"},
        steps=(*one.steps, *two.steps),
        notes=("n1", "n2"),
        reason="r",
    )
    assert two.and_then(one).reason == "r"


def test_a_plan_leaves_out_what_is_there() -> None:
    plan = Plan(subject="s", edits={"a": plain(b"1"), "b": plain(b"2"), "c": None, "d": None})
    there = tree({"a": "1", "b": "1", "c": "1"})
    assert plan.without_what_is_there(there).edits == {"b": plain(b"2"), "c": None}


@pytest.mark.parametrize(
    ("there", "edits"),
    [
        ({"a": "1"}, {"a": None, "a/b/c": plain(b"2")}),
        ({"a/b": Entry(LINK, "l" * 40)}, {"a/b": None, "a/b/c": plain(b"2")}),
        ({"a/b/x": "1"}, {"a/b/c": plain(b"2")}),
        ({"a/b/c/d": "1"}, {"a/b/c": plain(b"2")}),
        ({}, {"a/b/c": plain(b"2")}),
    ],
)
def test_a_plan_takes_away_what_stands_in_the_way(there: Files, edits: dict[str, Entry | None]) -> None:
    plan = Plan(subject="s", edits={"a/b/c": plain(b"2"), "x/y": None})
    assert plan.without_what_is_there(tree(there)).edits == edits


# Scenes.


def test_a_scene_knows_what_is_declared_and_what_is_in_effect() -> None:
    there = serving("1.0.0", "1.1.0", more={"staging/m.yaml": ONE, "canary/m.yaml": EMPTY, "production/n.yaml": "junk"})
    assert there.in_effect(PRODUCTION) == effect(PRODUCTION, 2, "1.1.0", "1.0.0")
    assert there.in_effect(STAGING) is None
    assert there.declared(PRODUCTION) == ("1.1.0", blob_id(TWO))
    assert there.declared(STAGING) == ("1.0.0", blob_id(ONE))
    empty = [there.declared(slot) for slot in (Slot("m", "canary"), Slot("n", "production"), Slot("n", "staging"))]
    assert empty == [None, None, None]
    assert sorted(there.versions("m")) == ["1.0.0", "1.1.0", "1.2.0"]
    assert there.versions("n") == ()


def test_bytes_are_those_that_passed_where_there_are_such() -> None:
    other = manifest("m", "1.0.0", auc=1.0)
    there = scene({"models/m/1.0.0.yaml": other, "models/m/x.yaml": "x"}, passed={"models/m/1.0.0.yaml": ONE})
    assert there.blob_of("m", "1.0.0") == blob_id(ONE)
    assert there.blob_of("m", "1.1.0") == blob_id(TWO)
    assert there.version_of("m", blob_id(ONE)) == there.version_of("m", blob_id(other)) == "1.0.0"
    assert there.version_of("m", blob_id(b"x")) is None
    assert there.passed_version_of("m", blob_id(ONE)) == "1.0.0"
    assert there.passed_version_of("m", blob_id(other)) is None


def test_a_version_that_is_not_there_is_said_so() -> None:
    with pytest.raises(NoSuchThing, match=r"^m has no version 9.0.0$") as raised:
        scene().blob_of("m", "9.0.0")
    hint = "registered: 1.0.0, 1.1.0, 1.2.0; register it with: gitstage register m@9.0.0 --artifact FILE"
    assert raised.value.hint == hint
    with pytest.raises(NoSuchThing) as raised:
        scene().blob_of("n", "1.0.0")
    assert str(raised.value.hint).startswith("registered: none;")


# Promotions.


def test_a_promotion_fills_a_slot() -> None:
    there = scene({"staging/m.yaml": ONE}, effect(STAGING))
    assert plans.promote(there, PRODUCTION, "1.0.0", reason="ready") == Plan(
        subject="m: promote 1.0.0 to production",
        edits={"production/m.yaml": plain(ONE)},
        steps=(
            Step(
                action="promote",
                model="m",
                version="1.0.0",
                source="staging",
                stage="production",
                manifest=blob_id(ONE),
            ),
        ),
        reason="ready",
    )


def test_a_promotion_archives_what_is_in_effect_and_what_is_declared() -> None:
    there = serving("1.0.0", more={"production/m.yaml": TWO})
    plan = plans.promote(there, PRODUCTION, "1.2.0")
    assert plan.edits == {
        "production/m.yaml": plain(THREE),
        "archived/m/1.0.0.yaml": plain(ONE),
        "archived/m/1.1.0.yaml": plain(TWO),
    }
    assert (plan.steps[0].replaces, plan.steps[0].source) == ("1.0.0", None)


@pytest.mark.parametrize(
    ("more", "edits"),
    [
        ({"archived/m/1.0.0.yaml": ONE}, {"production/m.yaml"}),
        ({"archived/m/1.0.0.yaml": "junk"}, {"production/m.yaml", "archived/m/1.0.0.yaml"}),
        ({"production/m.yaml": TWO}, {"archived/m/1.0.0.yaml"}),
        ({"production/m.yaml": TWO, "archived/m/1.0.0.yaml": ONE}, set()),
        ({"production/m.yaml": "junk"}, {"production/m.yaml", "archived/m/1.0.0.yaml"}),
        ({"production/m.yaml": Entry(EXECUTABLE, blob_id(TWO))}, {"production/m.yaml", "archived/m/1.0.0.yaml"}),
    ],
)
def test_a_promotion_changes_what_is_not_so_already(more: Mapping[str, Content], edits: set[str]) -> None:
    assert set(plans.promote(serving("1.0.0", more=more), PRODUCTION, "1.1.0").edits) == edits


def test_bytes_that_never_passed_are_not_archived() -> None:
    other = manifest("m", "1.0.0", auc=1.0)
    passed: dict[str, Content] = {**MODELS, "archived/m/1.0.0.yaml": ONE}
    declared: dict[str, Content] = {
        "models/m/1.0.0.yaml": other,
        "production/m.yaml": other,
        "archived/m/1.0.0.yaml": ONE,
    }
    there = scene(declared, effect(PRODUCTION, after="1.1.0"), passed=passed)
    assert plans.promote(there, PRODUCTION, "1.2.0").edits == {
        "production/m.yaml": plain(THREE),
        "archived/m/1.1.0.yaml": plain(TWO),
    }


def test_what_is_in_effect_already_is_promoted_without_an_edit() -> None:
    assert plans.promote(serving("1.0.0"), PRODUCTION, "1.0.0").is_empty


def test_an_adoption_says_so() -> None:
    plan = plans.promote(scene(), PRODUCTION, "1.0.0", action="adopt")
    assert (plan.subject, plan.steps[0].action) == ("m: adopt 1.0.0 in production", "adopt")


# Rollbacks.


def rolled_back(there: Scene, *, to: str | None = None, held: tuple[str, ...] = (), holds: bool = False) -> Plan:
    versions = ("1.0.0", "1.1.0", "1.2.0")
    return plans.rollback(
        there,
        PRODUCTION,
        to=to,
        held=dict.fromkeys(held, "it drifts"),
        holds={version: hold("m", version) for version in versions} if holds else {},
        reason="false positives",
    )


def test_a_rollback_goes_back_archives_and_holds() -> None:
    plan = rolled_back(serving("1.0.0", "1.1.0", more={"archived/m/1.0.0.yaml": ONE}), holds=True)
    assert plan == Plan(
        subject="m: roll production back to 1.0.0",
        edits={
            "production/m.yaml": plain(ONE),
            "archived/m/1.1.0.yaml": plain(TWO),
            "holds/m/1.1.0.yaml": plain(hold("m", "1.1.0")),
        },
        blobs={blob_id(hold("m", "1.1.0")): hold("m", "1.1.0")},
        steps=(
            Step(
                action="rollback",
                model="m",
                version="1.0.0",
                source="archived",
                stage="production",
                replaces="1.1.0",
                manifest=blob_id(ONE),
            ),
        ),
        reason="false positives",
    )


@pytest.mark.parametrize(
    ("history", "held", "target", "notes"),
    [
        (["1.0.0", "1.1.0"], [], "1.0.0", []),
        (["1.0.0", "1.1.0", "1.2.0"], ["1.1.0"], "1.0.0", ["skipped 1.1.0: it drifts"]),
        (["1.0.0", "1.1.0", "1.0.0"], [], "1.1.0", []),
        (["1.0.0", "1.1.0", None, "1.2.0"], [], "1.1.0", []),
        (["1.0.0", "1.1.0", "1.2.0", "1.1.0", "1.2.0"], ["1.1.0"], "1.0.0", ["skipped 1.1.0: it drifts"]),
        (["1.2.0", "1.0.0", "1.2.0", "1.1.0"], ["1.2.0"], "1.0.0", ["skipped 1.2.0: it drifts"]),
    ],
)
def test_a_rollback_leaves_what_is_in_effect_for_the_latest_earlier_version_that_is_not_held(
    history: list[str | None], held: list[str], target: str, notes: list[str]
) -> None:
    plan = rolled_back(serving(*history), held=tuple(held))
    assert (plan.steps[0].version, list(plan.notes)) == (target, notes)
    assert plan.edits["production/m.yaml"] == plain(manifest("m", target))


def test_a_rollback_goes_to_the_version_that_is_named() -> None:
    there = serving("1.0.0", "1.1.0", "1.2.0")
    assert rolled_back(there, to="1.0.0").edits["production/m.yaml"] == plain(ONE)


def test_a_rollback_holds_what_is_declared_and_waits_too() -> None:
    there = serving("1.0.0", "1.1.0", more={"production/m.yaml": THREE})
    plan = rolled_back(there, holds=True)
    assert set(plan.edits) == {
        "production/m.yaml",
        "archived/m/1.1.0.yaml",
        "archived/m/1.2.0.yaml",
        "holds/m/1.1.0.yaml",
        "holds/m/1.2.0.yaml",
    }
    waits = serving("1.0.0", "1.1.0", more={"production/m.yaml": ONE})
    assert "holds/m/1.0.0.yaml" not in rolled_back(waits, holds=True).edits, "what is gone back to is not held"


@pytest.mark.parametrize(
    ("there", "to", "held", "message", "hint"),
    [
        (scene(), None, (), "nothing is in effect in production of m", "gitstage log m"),
        (serving("1.0.0", None), None, (), "nothing is in effect in production of m", "gitstage log m"),
        (
            serving("1.0.0"),
            None,
            (),
            "production of m has held nothing to go back to",
            "empty it with: gitstage archive m@production --reason …",
        ),
        (
            serving("1.0.0", "1.1.0"),
            None,
            ("1.0.0",),
            "production of m has held nothing to go back to (skipped 1.0.0: it drifts)",
            "empty it with: gitstage archive m@production --reason …",
        ),
        (serving("1.0.0", "1.1.0"), "1.1.0", (), "1.1.0 is what is in effect in production of m", None),
        (
            serving("1.0.0", None, "1.1.0"),
            "1.2.0",
            (),
            "1.2.0 has never been in effect in production of m",
            "it has held: 1.1.0, 1.0.0; something new is promoted, not rolled back to",
        ),
    ],
)
def test_a_rollback_that_cannot_be_says_why(
    there: Scene, to: str | None, held: tuple[str, ...], message: str, hint: str | None
) -> None:
    with pytest.raises(NoSuchThing) as raised:
        rolled_back(there, to=to, held=held)
    assert (raised.value.message, raised.value.hint) == (message, hint)


# Archiving.


def test_an_emptied_slot_archives_what_goes_out() -> None:
    there = serving("1.0.0", more={"production/m.yaml": TWO})
    assert plans.empty(there, PRODUCTION, EMPTY, reason="unused") == Plan(
        subject="m: archive 1.0.0, production is empty",
        edits={
            "production/m.yaml": plain(EMPTY),
            "archived/m/1.0.0.yaml": plain(ONE),
            "archived/m/1.1.0.yaml": plain(TWO),
        },
        blobs={blob_id(EMPTY): EMPTY},
        steps=(Step(action="archive", model="m", version="1.0.0", stage="archived", source="production"),),
        reason="unused",
    )


def test_a_slot_that_only_declares_something_is_emptied_too() -> None:
    plan = plans.empty(scene({"production/m.yaml": TWO}), PRODUCTION, EMPTY, reason="unused")
    assert (plan.subject, set(plan.edits)) == (
        "m: archive 1.1.0, production is empty",
        {"production/m.yaml", "archived/m/1.1.0.yaml"},
    )


@pytest.mark.parametrize("there", [scene(), serving("1.0.0", None)])
def test_an_empty_slot_is_not_emptied(there: Scene) -> None:
    with pytest.raises(NoSuchThing, match="^production of m is empty$"):
        plans.empty(there, PRODUCTION, EMPTY, reason="unused")


def test_a_version_that_sits_nowhere_is_shelved() -> None:
    assert plans.shelve(serving("1.0.0"), "m", "1.1.0", reason="unused") == Plan(
        subject="m: archive 1.1.0",
        edits={"archived/m/1.1.0.yaml": plain(TWO)},
        steps=(Step(action="archive", model="m", version="1.1.0", stage="archived", manifest=blob_id(TWO)),),
        reason="unused",
    )


@pytest.mark.parametrize("there", [serving("1.1.0"), serving("1.0.0", more={"production/m.yaml": TWO})])
def test_a_version_that_is_in_a_slot_or_declared_there_is_not_shelved(there: Scene) -> None:
    with pytest.raises(GitstageError, match=r"^m@1.1.0 is in production$") as raised:
        plans.shelve(there, "m", "1.1.0", reason="unused")
    assert raised.value.hint == "empty that slot: gitstage archive m@production --reason …"


# Withdrawals.


@pytest.mark.parametrize(
    ("there", "edits"),
    [
        (serving("1.0.0", more={"production/m.yaml": TWO}), {"production/m.yaml": plain(ONE)}),
        (serving("1.0.0"), {}),
        (serving("1.0.0", None), {}),
        (serving("1.0.0", None, more={"production/m.yaml": TWO}), {"production/m.yaml": plain(EMPTY)}),
        (scene(), {}),
        (scene({"production/m.yaml": TWO}), {"production/m.yaml": plain(EMPTY)}),
        (scene({"production/m.yaml": EMPTY}), {}),
        (scene({"production/m.yaml": "junk", "production/M.yaml": "junk"}), {"production/m.yaml": None}),
        (scene({"production/m.yaml": TWO}, passed={"models/m/README.md": "A card."}), {"production/m.yaml": None}),
    ],
)
def test_a_withdrawn_slot_declares_what_is_in_effect(there: Scene, edits: dict[str, Entry | None]) -> None:
    plan = plans.withdraw_slot(there, PRODUCTION, EMPTY)
    assert (plan.subject, plan.edits) == ("m: withdraw what production declares", edits)
    last = there.in_effect(PRODUCTION)
    version = None if last is None else last.after
    assert plan.steps == (Step(action="withdraw", model="m", stage="production", version=version),)


def test_a_slot_of_a_namespace_with_a_twin_goes_away() -> None:
    names = {"models/Risk/m/1.0.0.yaml": "x", "production/risk/n.yaml": "x", "production/Risk/m.yaml": "junk"}
    plan = plans.withdraw_slot(scene(names), Slot("Risk/m", "production"), empty_slot("Risk/m"))
    assert plan.edits == {"production/Risk/m.yaml": None}


def withdrawn(declared: Mapping[str, Content], passed: Mapping[str, Content], *effects: Effect) -> dict[str, str]:
    """The files of the registry once the records of m are withdrawn."""
    there = Scene(
        registry=tree(declared),
        layout=LAYOUT,
        stages=dict.fromkeys(STAGES),
        passed={"m": tree(passed)},
        effects={PRODUCTION: effects, Slot("n", "production"): (effect(Slot("n", "production"), 2, "2.0.0", "1.0.0"),)},
    )
    plan = plans.withdraw_records(there, "m")
    assert (plan.subject, plan.steps) == ("m: withdraw what never passed", (Step(action="withdraw", model="m"),))
    return texts(Overlay(there.registry, plan.edits, {oid: oid.encode() for oid in _oids(passed)}))


def _oids(contents: Mapping[str, Content]) -> list[str]:
    return [content.oid if isinstance(content, Entry) else blob_id(_bytes(content)) for content in contents.values()]


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def texts(snapshot: Snapshot) -> dict[str, str]:
    return {path: entry.oid for path, entry in files(snapshot)}


def oids(contents: Mapping[str, Content]) -> dict[str, str]:
    return dict(zip(contents, _oids(contents), strict=True))


PASSED: dict[str, Content] = {
    "models/m/1.0.0.yaml": ONE,
    "models/m/1.1.0.yaml": TWO,
    "archived/m/1.0.0.yaml": ONE,
    "evidence/m/1.0.0/x/1.json": "{}",
    "holds/m/1.0.0.yaml": hold("m", "1.0.0", state="released"),
    "artifacts/m/1.0.0/x": "weights",
}


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"models/m/1.0.0.yaml": "junk", "models/m/notes.txt": "junk", "models/m/9.0.0.yaml": "junk"},
        {"archived/m/1.1.0.yaml": "junk", "evidence/m/1.0.0/x/2.json": "junk", "artifacts/m/1.0.0/y": "junk"},
        {"holds/m/1.0.0.yaml": "junk", "holds/m/1.1.0.yaml": hold("m", "1.0.0")},
        {"holds/m/9.0.0.yaml": hold("m", "9.0.0"), "holds/m/1.1.0.yaml": hold("m", "1.1.0", state="released")},
        {"holds/m/1.1.0.yaml": Entry(EXECUTABLE, blob_id(hold("m", "1.1.0")))},
    ],
)
def test_withdrawn_records_are_as_they_passed(changed: Mapping[str, Content]) -> None:
    declared: dict[str, Content] = {
        **PASSED,
        **changed,
        "models/n/1.0.0.yaml": "untouched",
        "models/m/n/1.0.0.yaml": "n",
    }
    expected = {**PASSED, "models/n/1.0.0.yaml": "untouched", "models/m/n/1.0.0.yaml": "n"}
    assert withdrawn(declared, PASSED) == oids(expected)


def test_withdrawn_records_put_back_what_was_removed() -> None:
    assert withdrawn({"models/m/1.0.0.yaml": ONE}, PASSED) == oids(PASSED)


def test_withdrawn_records_keep_what_has_left_a_slot_and_what_a_rollback_held() -> None:
    bad: dict[str, Content] = {"holds/m/1.1.0.yaml": hold("m", "1.1.0"), "holds/m/1.0.0.yaml": hold("m", "1.0.0")}
    left = effect(PRODUCTION, 2, "1.0.0", "1.1.0")
    first = effect(PRODUCTION, 1, "1.1.0")
    assert withdrawn({**PASSED, **bad}, PASSED, first, left) == oids({**PASSED, **bad, "archived/m/1.1.0.yaml": TWO})


def test_a_withdrawn_policy_is_as_it_passed() -> None:
    passed = tree({"gitstage.yaml": policy_file(), "staging/README.md": "x", "models/m/1.0.0.yaml": ONE})
    declared = tree(
        {
            "gitstage.yaml": "junk",
            "notes.txt": "junk",
            "models/m/1.0.0.yaml": "left to the records",
            "staging/m.yaml": "left to the slot",
            "src/main.py": "outside",
        }
    )
    layouts = (LAYOUT, Layout(frozenset({*STAGES, "src"})))
    inside = plans.withdraw_policy(declared, passed, layouts, at_root=False)
    assert inside == Plan(
        subject="gitstage: withdraw what never passed of the policy",
        edits={
            "gitstage.yaml": plain(policy_file()),
            "notes.txt": None,
            "staging/README.md": plain(b"x"),
            "src/main.py": None,
        },
        steps=(Step(action="withdraw", model="gitstage.yaml"),),
    )
    at_root = plans.withdraw_policy(declared, passed, (LAYOUT,), at_root=True)
    assert set(at_root.edits) == {"gitstage.yaml", "staging/README.md"}
    new_stage = plans.withdraw_policy(declared, passed, layouts, at_root=True)
    assert set(new_stage.edits) == {"gitstage.yaml", "staging/README.md", "src/main.py"}


# Records.


def test_a_version_is_registered_with_the_artifacts_that_are_kept() -> None:
    path = "artifacts/m/2.0.0/model.onnx"
    assert plans.register(scene(), "m", "2.0.0", b"manifest", {path: b"weights"}, reason="new") == Plan(
        subject="m: register 2.0.0",
        edits={"models/m/2.0.0.yaml": plain(b"manifest"), path: plain(b"weights")},
        blobs={blob_id(b"manifest"): b"manifest", blob_id(b"weights"): b"weights"},
        steps=(Step(action="register", model="m", version="2.0.0", manifest=blob_id(b"manifest")),),
        reason="new",
    )


def test_registering_twice_is_once() -> None:
    assert plans.register(scene(), "m", "1.0.0", ONE, {}).is_empty


def test_a_hold_is_put_and_released() -> None:
    data = hold("m", "1.0.0")
    assert plans.put_hold("m", "1.0.0", data, action="hold", reason="it drifts") == Plan(
        subject="m: hold 1.0.0",
        edits={"holds/m/1.0.0.yaml": plain(data)},
        blobs={blob_id(data): data},
        steps=(Step(action="hold", model="m", version="1.0.0"),),
        reason="it drifts",
    )


@pytest.mark.parametrize(
    ("there", "number"),
    [
        ([], 1),
        (["1.json"], 2),
        (["1.json", "10.json", "9.json"], 11),
        (["1.json", "²", "x.json", "7.txt", "01.json"], 2),
    ],
)
def test_evidence_takes_the_next_number_of_its_name(there: list[str], number: int) -> None:
    registry = tree({f"evidence/m/1.0.0/load-test/{name}": "x" for name in there})
    assert plans.attest(registry, "m", "1.0.0", "load-test", b"{}") == Plan(
        subject="m: attest load-test of 1.0.0",
        edits={f"evidence/m/1.0.0/load-test/{number}.json": plain(b"{}")},
        blobs={blob_id(b"{}"): b"{}"},
        steps=(Step(action="attest", model="m", version="1.0.0"),),
    )


def test_all_models_are_those_with_a_version() -> None:
    there = tree({**MODELS, "models/a/b/1.0.0.yaml": "x", "models/c/README.md": "x", "models/d/x.yaml": "x"})
    assert plans.all_models(there, LAYOUT) == ["a/b", "m"]
