"""What somebody who may push, or only propose, could try: each a story that ends where it began."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from gitstage.changes import EXECUTABLE, LINK, SUBMODULE, Entry, blob_id
from gitstage.layout import Slot
from tests.registries import MONDAY, STAGES, Content, Story, empty_slot, gated, hold, manifest, policy_file, statement

BOMB = b"a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\n"
GOOD = manifest("m", "1.2.0", auc=0.9)


def in_use(policy: bytes | None = None) -> Story:
    """m with 1.0.0, and then 1.1.0, in production; n with 1.0.0."""
    story = Story(policy or policy_file())
    for model, version in (("m", "1.0.0"), ("n", "1.0.0"), ("m", "1.1.0")):
        story.register(model, version, auc=0.9).stage(model, version).land()
        story.promote(model, version).land()
    assert story.open == {}
    return story


def serving(story: Story) -> dict[str, str | None]:
    return {f"{model}@{stage}": story.serves(model, stage) for model in ("m", "n") for stage in STAGES}


# Bytes.


@pytest.mark.parametrize(
    "content",
    [
        GOOD + b"model: m\n",
        GOOD + b"...\n---\n" + GOOD,
        GOOD.replace(b"model: m\n", b"model: &m m\n"),
        GOOD.replace(b"0.9", b".inf"),
        GOOD.replace(b"0.9", b"!!python/object/apply:os.system ['true']"),
        GOOD.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + GOOD,
        b"\x00" * 100,
        BOMB,
        b"[" * 50_000,
        b"a: " * 10_000,
        b"x" * 10_000_000,
        b"",
    ],
)
@pytest.mark.parametrize(
    "path",
    [
        "models/m/1.2.0.yaml",
        "staging/m.yaml",
        "holds/m/1.1.0.yaml",
        "archived/m/1.1.0.yaml",
        "evidence/m/1.1.0/load-test/1.json",
        "gitstage.yaml",
    ],
)
def test_bytes_in_which_anything_could_hide_take_no_effect_and_are_taken_back(content: bytes, path: str) -> None:
    story = in_use()
    before = serving(story)
    story.write(path, content).land()
    assert [verdict for verdict, *_ in story.open.values()] == ["refused"]
    assert serving(story) == before
    story.withdraw_all().land()
    assert (story.open, serving(story)) == ({}, before)


@pytest.mark.parametrize(
    "entry", [Entry(LINK, blob_id(b"x")), Entry(SUBMODULE, "d" * 40), Entry(EXECUTABLE, blob_id(b"x"))]
)
@pytest.mark.parametrize(
    "path",
    [
        "models",
        "models/m",
        "models/m/1.1.0.yaml",
        "staging",
        "staging/README.md",
        "production/m.yaml",
        "archived/m",
        "archived/m/1.0.0.yaml",
        "evidence",
        "evidence/m/1.1.0/load-test/1.json",
        "holds/m/1.1.0.yaml",
        "artifacts/m/1.1.0/model.onnx",
        "gitstage.yaml",
        ".gitattributes",
    ],
)
def test_what_is_no_plain_file_takes_no_effect_wherever_it_lies(entry: Entry, path: str) -> None:
    story = in_use()
    before = serving(story)
    story.shelf.put(b"x")
    story.write(path, entry).land()
    assert story.open
    assert {verdict for verdict, *_ in story.open.values()} == {"refused"}
    assert serving(story) == before
    story.withdraw_all().land()
    assert (story.open, serving(story)) == ({}, before)


@pytest.mark.parametrize("entry", [Entry(LINK, blob_id(b"x")), Entry(SUBMODULE, "d" * 40)])
@pytest.mark.parametrize("path", ["production", "archived", "archived/m", "models", "models/m", "holds", "holds/m"])
def test_nothing_in_the_way_stops_a_rollback(entry: Entry, path: str) -> None:
    story = in_use()
    story.shelf.put(b"x")
    story.write(path, entry).land()
    story.rollback("m").land()
    assert story.serves("m") == "1.0.0"
    story.withdraw_all().land()
    assert (story.open, story.serves("m")) == ({}, "1.0.0")


# Versions.


def test_a_version_that_never_passed_may_be_registered_with_other_bytes() -> None:
    story = in_use()
    story.write("models/m/1.2.0.yaml", "junk").land()
    story.withdraw_all().land()
    story.register("m", "1.2.0").land()
    assert (story.open, story.registered[-1].version) == ({}, "1.2.0")


def test_a_version_twice_is_a_conflict_or_one() -> None:
    for auc, conflicts in ((0.9, ()), (0.8, ("registry/models/m/1.2.0.yaml",))):
        story = in_use()
        one, two = story.fork().register("m", "1.2.0", auc=0.9), story.fork().register("m", "1.2.0", auc=auc)
        assert story.merge(one) == ()
        story.land()
        assert story.merge(two) == conflicts
        story.land()
        assert ([found.version for found in story.registered].count("1.2.0"), story.open) == (1, {})


@pytest.mark.parametrize(
    "version", ["1", "1.0", "v1.0.0", "1.0.0+x", "01.0.0", "latest", "..", "-1.0.0", "1.0.0 ", "1.0.0\n"]
)
def test_what_is_no_version_is_registered_nowhere(version: str) -> None:
    story = in_use()
    story.write(f"models/m/{version}.yaml", GOOD.replace(b"1.2.0", version.encode())).land()
    assert story.open == {"records/m": ["refused", "known-path"]}


@pytest.mark.parametrize(
    "name", ["a b", "..", "-m", "m\nn", "größe", "m.yaml", "m.lock", "staging", "policy", "1.0.0", ".m"]
)
def test_what_is_no_name_is_no_model(name: str) -> None:
    story = in_use()
    story.write(f"models/{name}/1.0.0.yaml", "x").write(f"staging/{name}.yaml", "x").land()
    assert story.open == {"policy": ["refused", "known-path"]}
    story.withdraw_all().land()
    assert story.open == {}


def test_two_slots_do_not_swap_their_models() -> None:
    story = in_use()
    story.copy("production/m.yaml", "staging/x.yaml").copy("production/n.yaml", "production/m.yaml")
    story.copy("staging/x.yaml", "production/n.yaml").remove("staging/x.yaml").land()
    assert story.open == {slot: ["refused", "slot-matches-version"] for slot in ("production/m", "production/n")}


def test_a_manifest_of_another_model_is_no_version_of_this_one() -> None:
    story = in_use()
    story.copy("models/m/1.1.0.yaml", "models/n/1.1.0.yaml").copy("models/m/1.1.0.yaml", "staging/n.yaml").land()
    assert story.open == {
        "records/n": ["refused", "manifest-valid"],
        "staging/n": ["refused", "manifest-valid", "leaves-archived"],
    }


# Rollbacks and archives.


def test_a_rollback_reads_its_bytes_from_the_records_that_passed() -> None:
    story = in_use()
    story.remove("models/m/1.0.0.yaml").remove("archived/m/1.0.0.yaml").land()
    story.rollback("m").land()
    assert story.serves("m") == "1.0.0"
    assert story.open == {"records/m": ["refused", "nothing-removed"]}
    story.withdraw_all().land()
    assert (story.open, story.serves("m")) == ({}, "1.0.0")


def test_a_hold_that_a_rollback_put_outlives_the_mending_of_the_records() -> None:
    story = in_use()
    story.write("models/m/notes.txt", "junk").land()
    story.rollback("m").land()
    story.withdraw("records/m").land()
    story.promote("m", "1.1.0").land()
    assert story.open == {"production/m": ["refused", "held"]}


def test_a_rollback_to_a_version_that_is_held_is_refused() -> None:
    story = in_use()
    story.hold("m", "1.0.0").land()
    story.fill("m", "1.0.0").copy("models/m/1.1.0.yaml", "archived/m/1.1.0.yaml").land()
    assert story.open == {"production/m": ["refused", "held"]}


def test_a_rollback_by_hand_that_archives_nothing_is_refused_and_mended() -> None:
    story = in_use()
    story.fill("m", "1.0.0").land()
    assert story.open == {"production/m": ["refused", "leaves-archived"]}
    story.copy("models/m/1.1.0.yaml", "archived/m/1.1.0.yaml").land()
    assert (story.open, story.serves("m")) == ({}, "1.0.0")


@pytest.mark.parametrize(
    "listing", [manifest("m", "1.1.0", auc=0.1), Entry(EXECUTABLE, blob_id(manifest("m", "1.1.0", auc=0.9))), b""]
)
def test_what_leaves_is_archived_with_its_very_bytes(listing: Content) -> None:
    story = in_use()
    story.fill("m", "1.0.0").write("archived/m/1.1.0.yaml", listing).land()
    assert story.open["production/m"] == ["refused", "leaves-archived"]
    assert story.serves("m") == "1.1.0"


def test_a_version_is_not_brought_back_past_staging() -> None:
    story = in_use()
    story.register("m", "1.2.0").copy("models/m/1.2.0.yaml", "archived/m/1.2.0.yaml").land()
    story.promote("m", "1.2.0").land()
    assert story.open == {"production/m": ["refused", "stage-order"]}


def test_a_stay_in_one_slot_is_no_stay_in_another() -> None:
    story = in_use()
    story.register("m", "1.2.0").stage("m", "1.2.0").land()
    story.stage("m", "1.1.0").land()
    story.promote("m", "1.2.0").land()
    assert story.open == {"production/m": ["refused", "stage-order"]}, "1.2.0 was in staging, and never in production"


# Evidence and gates.

TESTED: dict[str, Any] = {"evidence": [{"type": "test-result", "name": "shadow-traffic", "max-age": "30d"}]}


def waiting_for_evidence() -> Story:
    story = Story(gated(**TESTED))
    story.register("m", "1.0.0").stage("m", "1.0.0").land()
    story.promote("m", "1.0.0").land()
    assert story.open == {"production/m": ["pending", "evidence"]}
    return story


def test_a_failure_is_not_covered_up_by_an_older_success() -> None:
    story = waiting_for_evidence()
    story.wait(hours=2).attest("m", "1.0.0", result="FAILED", number=1).land()
    assert story.open == {"production/m": ["refused", "evidence"]}
    story.attest("m", "1.0.0", number=2, made=MONDAY).land()
    assert story.open == {"production/m": ["refused", "evidence"]}
    story.wait(hours=1).attest("m", "1.0.0", number=3).land()
    assert (story.open, story.serves("m")) == ({}, "1.0.0")


def test_the_same_success_is_not_put_again_behind_a_failure() -> None:
    story = waiting_for_evidence()
    about = story.read("models/m/1.0.0.yaml")
    for number, result in enumerate(("FAILED", "FAILED", "PASSED"), start=1):
        if number != 2:
            story.attest("m", "1.0.0", result=result, number=number)  # type: ignore[arg-type]
    again = statement(about, result="FAILED", made=story.now)
    story.write("evidence/m/1.0.0/shadow-traffic/2.json", again).land()
    assert story.open["records/m"] == ["refused", "version-immutable"]
    assert "says the same as 1.json" in [found.message for found in story.said("records/m")]


def test_evidence_of_other_bytes_says_nothing() -> None:
    story = waiting_for_evidence()
    other = manifest("m", "1.0.0", auc=1.0)
    story.write("evidence/m/1.0.0/shadow-traffic/1.json", statement(other, made=story.now)).land()
    assert story.open == {
        "production/m": ["pending", "manifest-valid", "evidence"],
        "records/m": ["refused", "manifest-valid"],
    }


def test_evidence_of_another_version_says_nothing() -> None:
    story = waiting_for_evidence()
    story.register("m", "1.1.0").attest("m", "1.1.0").land()
    assert story.open == {"production/m": ["pending", "evidence"]}


def test_evidence_grows_old_while_a_promotion_waits_for_something_else() -> None:
    story = Story(gated(soak="60d", **TESTED))
    story.register("m", "1.0.0").stage("m", "1.0.0").attest("m", "1.0.0").land()
    story.promote("m", "1.0.0").land()
    story.wait(days=60).tag()
    assert story.open == {"production/m": ["pending", "evidence"]}
    story.attest("m", "1.0.0", number=2).land()
    assert (story.open, story.serves("m")) == ({}, "1.0.0")


def test_a_change_of_the_gate_loosens_nothing_in_its_own_commit() -> None:
    story = waiting_for_evidence()
    story.withdraw("production/m").land()
    story.promote("m", "1.0.0").policy(policy_file()).land()
    assert story.open == {"production/m": ["refused", "policy-alone"]}


def test_the_most_specific_gate_counts() -> None:
    stages = {**STAGES, "production": {"from": ["staging"], "gates": ["strict"]}}
    gates = {name: {"metrics": [{"name": "auc", "min": least}]} for name, least in (("strict", 0.9), ("loose", 0.5))}
    models = {"**": {}, "toys/**": {"gates": {"production": ["loose"]}}, "toys/free": {"gates": {"production": []}}}
    story = Story(policy_file(stages, gates, models=models))
    for model in ("m", "toys/a", "toys/free", "toys"):
        if model != "toys":
            story.register(model, "1.0.0", auc=0.6).stage(model, "1.0.0")
    story.land()
    for model in ("m", "toys/a", "toys/free"):
        story.promote(model, "1.0.0")
    story.land()
    assert story.open == {"production/m": ["refused", "metrics"]}
    gates_asked = {found.slot.model: [finding.gate for finding in found.findings] for found in story.last.effects}
    assert gates_asked == {"toys/a": ["loose"], "toys/free": []}


def test_all_gates_of_a_stage_must_pass() -> None:
    stages = {**STAGES, "production": {"from": ["staging"], "gates": ["one", "two"]}}
    gates = {"one": {"soak": "1h"}, "two": {"metrics": [{"name": "auc", "min": 0.9}]}}
    story = Story(policy_file(stages, gates))
    story.register("m", "1.0.0", auc=0.5).stage("m", "1.0.0").land()
    story.promote("m", "1.0.0").land()
    assert [(found.gate, found.rule) for found in story.said("production/m")] == [("one", "soak"), ("two", "metrics")]
    story.wait(hours=1).tag()
    assert story.open == {"production/m": ["refused", "metrics"]}


def test_a_metric_is_compared_with_what_is_in_effect_and_not_with_what_is_declared() -> None:
    story = in_use(gated(metrics=[{"name": "auc", "max-drop": 0.05}]))
    story.register("m", "1.2.0", auc=0.5).stage("m", "1.2.0").land()
    story.promote("m", "1.2.0").land()
    story.register("m", "1.3.0", auc=0.46).stage("m", "1.3.0").land()
    story.promote("m", "1.3.0").land()
    assert [found.message for found in story.said("production/m")] == ["auc 0.9 → 0.46, max-drop 0.05"]


# Time.


def test_a_clock_that_was_set_forward_takes_nothing_back() -> None:
    story = Story(gated(soak="24h"))
    story.register("m", "1.0.0").stage("m", "1.0.0").land()
    story.promote("m", "1.0.0").land()
    story.now = MONDAY + timedelta(days=4000)
    story.tag()
    story.now = MONDAY
    story.register("m", "1.1.0").stage("m", "1.1.0").land()
    story.promote("m", "1.1.0").land()
    assert story.open == {"production/m": ["pending", "soak"]}, "it has soaked for nothing, by the ledger's clock"
    assert story.past.effects(Slot("m", "staging"))[-1].moment == MONDAY + timedelta(days=4000)


def test_leaving_and_coming_back_begins_a_new_stay() -> None:
    story = Story(gated(soak="24h"))
    story.register("m", "1.0.0").register("m", "1.1.0").stage("m", "1.0.0").land()
    story.wait(hours=23).stage("m", "1.1.0").land()
    story.wait(hours=1).stage("m", "1.0.0").land()
    story.promote("m", "1.0.0").land()
    assert story.state.open["production/m"].findings[0].opens == story.now + timedelta(hours=24)


# Who withdraws.

MISCHIEF: dict[str, Callable[[Story], Story]] = {
    "a rewritten version": lambda story: story.write("models/m/1.0.0.yaml", "junk"),
    "a removed model": lambda story: story.remove("models/m/1.0.0.yaml").remove("models/m/1.1.0.yaml"),
    "a removed archive": lambda story: story.remove("archived/m/1.0.0.yaml"),
    "an emptied slot": lambda story: story.write("production/m.yaml", empty_slot("m")),
    "a removed slot": lambda story: story.remove("staging/m.yaml"),
    "a twin": lambda story: story.register("M", "1.0.0").fill("M", "1.0.0", "staging"),
    "a namespace": lambda story: story.register("m/x", "1.0.0").fill("m/x", "1.0.0", "staging"),
    "a stage": lambda story: story.policy(policy_file({**STAGES, "x": {"from": ["staging"]}})).write(
        "x/m.yaml", "junk"
    ),
    "a hold in the wrong place": lambda story: story.write("holds/m/1.0.0.yaml", hold("n", "1.0.0")),
    "a backdoor": lambda story: story.write("artifacts/m/1.1.0/backdoor", "junk"),
    "a lost policy": lambda story: story.remove("gitstage.yaml"),
    "a stranger": lambda story: story.write("production/\udcff", "junk"),
}


@pytest.mark.parametrize("first", MISCHIEF)
@pytest.mark.parametrize("second", MISCHIEF)
@pytest.mark.parametrize("at_once", [False, True])
def test_whatever_two_people_do_nothing_of_it_takes_effect_and_all_of_it_is_taken_back(
    first: str, second: str, at_once: bool
) -> None:
    story = in_use()
    before, tags = serving(story), story.tags
    MISCHIEF[first](story)
    if not at_once:
        story.land()
    MISCHIEF[second](story)
    story.land()
    story.outside("x", "x").wait(days=3).land()
    assert (serving(story), story.tags) == (before, tags)
    assert story.open
    story.withdraw_all().land()
    assert (story.open, serving(story), story.tags) == ({}, before, tags)
