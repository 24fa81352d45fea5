from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from gitstage.envelopes import fingerprint
from gitstage.manifest import tombstone
from gitstage.operations import approve, attest, rollback, settle, show, waive
from gitstage.operations.signers import verifier
from gitstage.operations.weighing import Signer
from tests.operations.signatories import make_keys, policy
from tests.operations.stories import Story
from tests.registries import provenance
from tests.signatures.hands import make_key, public

WHAT = "fraud-detector@1.2.0"
FOLDER = "evidence/fraud-detector/1.2.0"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return make_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def ruled(served: Story, keys: dict[str, Path]) -> Story:
    """The story of `served`, in which a load test has to be signed by who is on call."""
    rule = "[{type: test-result, name: load-test, signed-by: oncall}, {type: provenance, name: build}]"
    served.amend(policy(keys, evidence=rule))
    return served.later(hours=1)


def measured(story: Story, name: str, *keys: Path, result: str = "passed", what: str = WHAT) -> None:
    sign = [str(key) for key in keys]
    story.later(minutes=1)
    attest.run(story.registry(), what, kind="test-result", name=name, result=result, sign=sign)


def approved(story: Story, key: Path, **options: Any) -> None:
    approve.run(story.registry(), [WHAT], **{"stage": "production", "sign": [str(key)], **options})


def weighed(story: Story, what: str = WHAT) -> list[tuple[str, str, bool, str]]:
    """Each piece of evidence: where, who signed it, whether it counts, and why."""
    found = show.run(story.registry(), what).evidence
    return [(f"{item.name}/{item.number}", ", ".join(map(str, item.signers)), item.counts, item.why) for item in found]


def test_what_no_rule_asks_for_decides_unsigned(ruled: Story) -> None:
    measured(ruled, "smoke")
    measured(ruled, "smoke", result="failed")
    assert weighed(ruled) == [("smoke/1", "", False, "outranked by 2.json"), ("smoke/2", "", True, "decides")]


def test_where_somebody_has_to_sign_only_theirs_counts(ruled: Story, keys: dict[str, Path]) -> None:
    measured(ruled, "load-test", keys["cara"])
    measured(ruled, "load-test", keys["ada"], result="failed")
    measured(ruled, "load-test", keys["cara"], keys["eve"])
    measured(ruled, "load-test", result="failed")
    both = sorted(["cara", fingerprint(public(keys["eve"]))], key=lambda name: name)
    found = weighed(ruled)
    assert [(where, counts, why) for where, _, counts, why in found] == [
        ("load-test/1", False, "outranked by 3.json"),
        ("load-test/2", False, "not signed by oncall, as standard asks"),
        ("load-test/3", True, "decides for standard"),
        ("load-test/4", False, "not signed by oncall, as standard asks"),
    ]
    assert [sorted(who.split(", ")) for _, who, _, _ in found] == [["cara"], ["ada"], sorted(both), [""]]


def test_a_signer_is_a_person_while_the_key_is_valid(ruled: Story, keys: dict[str, Path]) -> None:
    measured(ruled, "load-test", keys["cara"])
    key = public(keys["cara"])
    ruled.amend({f"[{key}]": f"['valid-before=\"20260301\" {key}']"})
    (item,) = show.run(ruled.registry(), WHAT).evidence
    assert item.signers == (Signer(key=fingerprint(key), person="cara", valid=False),)
    assert (str(item.signers[0]), item.counts, item.why) == (
        "cara (key not valid now)",
        False,
        "not signed by oncall, as standard asks",
    )


def test_what_is_about_something_else_or_of_tomorrow_does_not_count(ruled: Story) -> None:
    measured(ruled, "smoke", what="fraud-detector@1.1.0")
    measured(ruled, "later")
    ruled.copy("evidence/fraud-detector/1.1.0/smoke/1.json", f"{FOLDER}/smoke/1.json")
    ruled.commit("copied")
    registry = ruled.later(hours=-1).registry()
    found = {item.name: (item.counts, item.why) for item in show.run(registry, WHAT).evidence}
    assert found == {"smoke": (False, "is about something else"), "later": (False, "is dated in the future")}


def test_a_provenance_about_the_artifacts_decides(ruled: Story) -> None:
    (artifact,) = show.run(ruled.registry(), WHAT).manifest["artifacts"]
    ruled.write(f"{FOLDER}/build/1.json", provenance(artifact["sha256"], made=ruled.now).decode())
    ruled.write(f"{FOLDER}/build/2.json", provenance("0" * 64, made=ruled.now).decode())
    ruled.commit("by hand")
    assert weighed(ruled) == [
        ("build/1", "", True, "decides for standard"),
        ("build/2", "", False, "is about something else"),
    ]


def test_an_approval_counts_for_the_next_change_only(ruled: Story, keys: dict[str, Path]) -> None:
    approved(ruled, keys["bob"], expires="2d")
    approved(ruled, keys["bob"], stage="staging")
    assert weighed(ruled) == [
        ("approval-bob/1", "bob", True, "approves the next change of production"),
        ("approval-bob/2", "bob", True, "approves the next change of staging"),
    ]
    ruled.later(days=3)
    assert weighed(ruled)[0] == ("approval-bob/1", "bob", False, "has expired (2026-03-03T17:00:00Z)")


def test_an_approval_of_what_took_effect_says_of_what(served: Story, keys: dict[str, Path]) -> None:
    served.amend(policy(keys, soak="1h"))
    served.later(hours=1)
    approved(served, keys["bob"])
    served.promote(WHAT, to="production")
    why = "was for fraud-detector/production/3, which has taken effect"
    assert weighed(served) == [("approval-bob/1", "bob", False, why)]
    rolled_back(served, keys["cara"])
    assert weighed(served) == [("approval-bob/1", "bob", False, why)]


def rolled_back(story: Story, key: Path) -> None:
    rollback.run(story.registry(), "fraud-detector@production", reason="it was bad", sign=[str(key)])


def test_an_approval_of_what_was_overtaken_says_so(served: Story, keys: dict[str, Path]) -> None:
    served.amend(policy(keys, soak="1h"))
    served.later(hours=1)
    approved(served, keys["bob"])
    rolled_back(served, keys["cara"])
    assert weighed(served) == [("approval-bob/1", "bob", False, "was given before the slot changed")]


def test_a_countersignature_says_of_what(served: Story, keys: dict[str, Path]) -> None:
    served.amend(policy(keys, soak="1h"))
    rolled_back(served.later(hours=1), keys["cara"])
    served.later(hours=1)
    settle.run(served.registry(), "fraud-detector/production/3", sign=[str(keys["ada"])])
    assert weighed(served, "fraud-detector@1.0.0") == [
        ("rollback-cara/1", "cara", False, "was for fraud-detector/production/3, which has taken effect"),
        ("settle-ada/1", "ada", True, "countersigns fraud-detector/production/3"),
    ]


def test_a_waiver_counts_where_its_signer_may(ruled: Story, keys: dict[str, Path]) -> None:
    options = {"rule": "evidence", "stage": "production", "until": "2d", "reason": "it burns"}
    waive.run(ruled.registry(), WHAT, **options, sign=[str(keys["ada"])])  # type: ignore[arg-type]
    assert weighed(ruled) == [("waiver-ada/1", "ada", True, "waives evidence for production")]
    ruled.amend({"waivers: {by: [owners]": "waivers: {by: [oncall]"})
    assert weighed(ruled) == [("waiver-ada/1", "ada", False, "ada may waive nothing in production")]


def test_what_nobody_signed_or_a_stranger_did_does_not_count(ruled: Story, keys: dict[str, Path]) -> None:
    approved(ruled, keys["bob"])
    path = f"{FOLDER}/approval-bob/1.json"
    ruled.amend({public(keys["bob"]): public(make_key(keys["bob"].parent, f"bob-{os.urandom(2).hex()}"))})
    assert weighed(ruled) == [
        (
            "approval-bob/1",
            fingerprint(public(keys["bob"])),
            False,
            "signed with a key that nobody in gitstage.yaml has",
        )
    ]
    text = ruled.read(path)
    ruled.write(f"{FOLDER}/approval-ada/1.json", text.replace('"sig": "', '"sig": "AAAA'))
    ruled.commit("forged")
    assert weighed(ruled)[0] == ("approval-ada/1", "", False, "not signed")


def test_what_says_more_than_it_should_does_not_count(ruled: Story, keys: dict[str, Path]) -> None:
    unknown = (
        provenance("0" * 64)
        .decode()
        .replace("https://slsa.dev/provenance/v1", "https://gitstage.dev/attestation/approval/v1")
    )
    ruled.write(f"{FOLDER}/approval-bob/1.json", unknown)
    ruled.commit("by hand")
    ((where, _, counts, why),) = weighed(ruled)
    assert (where, counts, why) == ("approval-bob/1", False, "'file-0' is no MODEL@VERSION")


def test_what_was_redacted_says_why(ruled: Story) -> None:
    measured(ruled, "smoke")
    path = f"{FOLDER}/smoke/1.json"
    ruled.write(path, tombstone(ruled.read(path).encode(), "it named a person").decode())
    ruled.commit("redacted")
    assert weighed(ruled) == [("smoke/1", "", False, "was redacted: it named a person")]


def test_without_ssh_keygen_what_is_signed_cannot_be_weighed(
    ruled: Story, keys: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier.cache_clear()  # what it has seen it remembers
    measured(ruled, "load-test", keys["cara"])
    measured(ruled, "smoke")
    (tmp_path / "bin").mkdir()
    for program in ("git", "env"):
        (tmp_path / "bin" / program).symlink_to(f"/usr/bin/{program}")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    why = "its signatures cannot be verified: ssh-keygen is not installed, or not on the PATH"
    assert weighed(ruled) == [("load-test/1", "", False, why), ("smoke/1", "", True, "decides")]


def test_where_the_ledger_cannot_be_asked_the_declared_policy_says_who_people_are(
    ruled: Story, keys: dict[str, Path]
) -> None:
    measured(ruled, "load-test", keys["cara"])
    ruled.git("update-ref", "-d", f"refs/gitstage/{ruled.registry().identity.id}")
    assert weighed(ruled) == [("load-test/1", "cara", True, "decides for standard")]


def test_without_a_policy_nobody_is_anybody(ruled: Story, keys: dict[str, Path]) -> None:
    measured(ruled, "load-test", keys["cara"])
    approved(ruled, keys["bob"])
    ruled.git("update-ref", "-d", f"refs/gitstage/{ruled.registry().identity.id}")
    ruled.write("gitstage.yaml", f"{ruled.read('gitstage.yaml')}nonsense: 1\n")
    ruled.commit("broken")
    assert weighed(ruled) == [
        ("approval-bob/1", fingerprint(public(keys["bob"])), False, "no policy says who may say this of production"),
        ("load-test/1", fingerprint(public(keys["cara"])), True, "decides"),
    ]
