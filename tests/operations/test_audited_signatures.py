"""An audit, and a server, find the tags that nobody signed who had to; with real git and real ssh-keygen."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstage.errors import CannotVerify
from gitstage.operations import audit
from gitstage.operations.audit import Audit
from gitstage.operations.tagging import written
from gitstage.signatures import Verifier
from tests.git.sandbox import git
from tests.operations.forgers import ASKS, FORGERIES, MODEL, body_of, claim, past_the_gate, payload_of, put
from tests.operations.guards import Guard
from tests.operations.signatories import make_keys, taggers
from tests.operations.stories import Story, Team
from tests.operations.test_audit import checkpoint_of, rewrite_ledger
from tests.signatures.hands import make_key, signature

SERVING = f"{MODEL}/production/3"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("keys")
    return {**make_keys(folder), "stranger": make_key(folder / "strange")}


@pytest.fixture
def signed(served: Story, keys: dict[str, Path]) -> Story:
    """The story of `served`, in which from now on Ada signs the tags, and does; 1.2.0 went to production."""
    served.tag_keys = (str(keys["ada"]),)
    served.later(hours=1).amend(taggers(known(keys), "ada"))
    served.later(hours=1).promote(MODEL, to="production")
    return served.later(hours=1)


def known(keys: dict[str, Path]) -> dict[str, Path]:
    """The keys of the people in gitstage.yaml."""
    return {name: key for name, key in keys.items() if name != "stranger"}


def found(story: Story) -> list[tuple[str, str | None, str]]:
    """Kind, tag (or thing) and message of each fault."""
    return [
        (one.kind, one.ref.removeprefix("refs/tags/") if one.ref else one.thing, one.message)
        for one in audit.run(story.registry()).faults
    ]


def test_a_history_that_is_signed_as_it_has_to_be_has_no_fault(signed: Story, keys: dict[str, Path]) -> None:
    signed.amend({"taggers: [ada]": "taggers: [bob, ada]"})
    signed.tag_keys = (str(keys["bob"]),)
    signed.later(hours=1).rollback(f"{MODEL}@production")
    signed.later(hours=1).amend({"taggers: [bob, ada]\n": ""})
    signed.tag_keys = ()
    signed.later(hours=1).archive(f"{MODEL}@production")
    result = audit.run(signed.registry())
    assert (result.faults, result.trusted, result.exit_code) == ((), (), 0)
    assert (result.counts["promotions"], result.counts["policies"]) == (8, 4)
    assert result.checkpoint is not None
    assert result.checkpoint.state.rulings == signed.registry().state.rulings
    assert len(result.checkpoint.state.rulings) == 3


@pytest.mark.parametrize("how", FORGERIES)
def test_a_tag_that_was_replaced_is_found(signed: Story, keys: dict[str, Path], how: str) -> None:
    sign, why = FORGERIES[how]
    body = body_of(signed, SERVING)
    payload = payload_of(SERVING, body["commit"], body)
    put(signed, SERVING, payload, sign(payload, keys))
    assert found(signed) == ([] if why is None else [("tag-unsigned", SERVING, why)])


@pytest.mark.parametrize("how", FORGERIES)
def test_a_tag_for_what_never_took_effect_is_found(signed: Story, keys: dict[str, Path], how: str) -> None:
    sign, why = FORGERIES[how]
    commit, claims = past_the_gate(signed)
    name, payload = claim(signed, 4, commit, **claims)
    put(signed, name, payload, sign(payload, keys))
    faults = {kind: (ref, message) for kind, ref, message in found(signed)}
    nothing = "nothing took effect there: refused (stage-order, leaves-archived)"
    if why is None:
        assert faults["tag-unfounded"] == (name, nothing)
    else:
        assert faults["tag-unsigned"] == (name, f"{why}; {nothing}")
    assert faults.keys() - {"tag-unsigned", "tag-unfounded"} == {"open-refused"}


def test_the_tag_that_counts_is_told_from_its_copies(signed: Story) -> None:
    """A copy under a higher number, made before the true one's audit, takes nothing away from it."""
    body = body_of(signed, SERVING)
    name, payload = claim(signed, 4, body["commit"])
    put(signed, name, payload)
    assert found(signed) == [("tag-unsigned", name, f"it is not signed; {ASKS}; nothing took effect there")]


@pytest.mark.parametrize("name", ["policy/2", f"{MODEL}/v1.3.0"])
def test_the_tags_of_policies_and_versions_are_looked_at_too(signed: Story, keys: dict[str, Path], name: str) -> None:
    signed.register(MODEL, "1.3.0")
    assert found(signed) == []
    body = body_of(signed, name)
    payload = payload_of(name, body["commit"], body)
    put(signed, name, payload, signature(payload, keys["bob"], namespace="git").armored)
    assert found(signed) == [("tag-unsigned", name, f"bob signed it; {ASKS}")]
    put(signed, name, payload, signature(payload, keys["ada"], namespace="git").armored)
    assert found(signed) == []


def test_a_key_that_had_expired_is_found(served: Story, keys: dict[str, Path]) -> None:
    served.tag_keys = (str(keys["ada"]),)
    served.later(hours=1).amend(taggers(known(keys), "ada", ada='valid-before="202603011730" '))
    served.later(minutes=15).promote(MODEL, to="production")
    served.later(hours=1)
    assert found(served) == []
    body = body_of(served, SERVING)
    for moment, why in (
        ("2026-03-01T17:30:01Z", f"the key of ada is no longer valid; {ASKS}"),
        ("2026-03-01T17:30:00Z", None),
    ):
        name, payload = claim(served, 4, body["commit"], moment=moment)
        put(served, name, payload, signature(payload, keys["ada"], namespace="git").armored)
        (fault,) = (fault for fault in found(served) if fault[1] == name)
        # The ledger's last run was before it.
        assert fault[0] == "ledger-changed"
        assert (why is None) == (served.in_effect(MODEL) is not None and _counts(served, 4))


def _counts(story: Story, number: int) -> bool:
    from gitstage.layout import Slot

    return number in {effect.number for effect in story.registry().past.effects(Slot(MODEL, "production"))}


def test_the_signature_of_another_tag_and_a_changed_bit_are_found(signed: Story) -> None:
    whole = git("cat-file", "tag", SERVING, cwd=signed.path).encode() + b"\n"
    other = git("cat-file", "tag", "policy/2", cwd=signed.path).encode() + b"\n"
    begin = whole.index(b"-----BEGIN")
    put(signed, SERVING, whole[:begin] + other[other.index(b"-----BEGIN") :])
    assert found(signed) == [("tag-unsigned", SERVING, f"its signature is not good; {ASKS}")]
    for at in (whole.index(b"tagger ") + 8, begin + len(b"-----BEGIN SSH SIGNATURE-----\n") + 60):
        put(signed, SERVING, whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert found(signed) == [("tag-unsigned", SERVING, f"its signature is not good; {ASKS}")]
    put(signed, SERVING, whole)
    assert found(signed) == []


def test_a_ledger_that_says_that_nobody_signs_is_found(signed: Story) -> None:
    commit = signed.registry().state.rulings[0].commit
    rewrite_ledger(signed, lambda document: document.update(taggers=[]))
    assert found(signed) == [
        ("ledger-changed", "taggers", f"says that tags are signed by the policies of none; it is {commit[:12]}")
    ]


def test_an_audit_that_goes_on_knows_who_signs(signed: Story) -> None:
    start = checkpoint_of(signed)
    assert len(start.state.rulings) == 1
    signed.rollback(f"{MODEL}@production")
    assert audit.run(signed.registry(), start=start).faults == ()
    name = f"{MODEL}/production/4"
    body = body_of(signed, name)
    put(signed, name, payload_of(name, body["commit"], body))
    (fault,) = audit.run(signed.registry(), start=start).faults
    assert (fault.kind, fault.ref, fault.commit) == ("tag-unsigned", f"refs/tags/{name}", body["commit"])


def test_an_audit_that_cannot_verify_gives_no_answer(
    signed: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (signed.path / ".git" / "gitstage" / "signed-tags-1").unlink()
    monkeypatch.setattr("gitstage.operations.taggers.verifier", Verifier)
    monkeypatch.setattr("gitstage.signatures.keygen.PROGRAM", "no-such-ssh-keygen")
    with pytest.raises(CannotVerify, match="no-such-ssh-keygen is not installed"):
        audit.run(signed.registry())


def test_an_audit_looks_at_many_signatures_some_at_a_time(signed: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    signed.rollback(f"{MODEL}@production")
    whole: Audit = audit.run(signed.registry())
    monkeypatch.setattr("gitstage.operations.replay.AT_ONCE", 1)
    assert audit.run(signed.registry()).faults == whole.faults == ()
    body = body_of(signed, SERVING)
    put(signed, SERVING, payload_of(SERVING, body["commit"], body))
    assert [kind for kind, _, _ in found(signed)] == ["tag-unsigned"]


# The server


@pytest.fixture
def guard(serving_team: tuple[Team, Story], keys: dict[str, Path]) -> Guard:
    """A server with the hook, and a policy that names Ada, who tags."""
    team, ada = serving_team
    guard = Guard.over(team, ada)
    ada.tag_keys = (str(keys["ada"]),)
    ada.later(hours=1)
    ada.write("gitstage.yaml", ada.read("gitstage.yaml").replace(*next(iter(taggers(known(keys), "ada").items()))))
    ada.commit("policy")
    guard.lets_in("main")
    assert ada.tag().tags == ("refs/tags/policy/2",)
    ada.later(hours=1)
    guard.tick()
    return guard


def test_a_server_lets_in_what_the_tagger_signed(guard: Guard) -> None:
    ada = guard.story
    assert ada.promote(MODEL, to="production", push=True).tags == (f"refs/tags/{SERVING}",)
    assert f"refs/tags/{SERVING}" in guard.refs()
    assert ada.in_effect(MODEL) == "1.2.0"


@pytest.mark.parametrize("how", [how for how in FORGERIES if how != "by the tagger"])
def test_a_server_refuses_what_no_tagger_signed(guard: Guard, keys: dict[str, Path], how: str) -> None:
    sign, why = FORGERIES[how]
    ada = guard.story
    ada.copy(f"models/{MODEL}/1.2.0.yaml", f"production/{MODEL}.yaml")
    ada.copy(f"models/{MODEL}/1.1.0.yaml", f"archived/{MODEL}/1.1.0.yaml")
    ada.commit("promote by hand")
    guard.lets_in("main")
    registry = ada.registry()
    folded, _ = registry.folded(registry.tip, lands=True)
    tagged = written(registry, folded)
    registry.repo.transact(tagged.updates, reason="only here")
    whole = git("cat-file", "tag", SERVING, cwd=ada.path).encode() + b"\n"
    payload = whole[: whole.index(b"-----BEGIN")]
    put(ada, SERVING, payload, sign(payload, keys))
    ledger = registry.identity.ledger_ref
    said = guard.refuses("--atomic", f"refs/tags/{SERVING}", ledger)
    assert f"refs/tags/{SERVING}" in said
    assert str(why) in said
    assert "gitstage tag --sign KEY" in said
    put(ada, SERVING, whole)
    guard.lets_in("--atomic", f"refs/tags/{SERVING}", ledger)


def test_a_server_folds_with_what_counts_and_leaves_out_what_nobody_signed(guard: Guard) -> None:
    """Somebody with a shell on the server put a tag there before the hook could see it."""
    ada = guard.story
    body = body_of(ada, f"{MODEL}/production/1")
    name = f"{MODEL}/production/3"
    commit = ada.git("rev-parse", "HEAD")
    put(ada, name, payload_of(name, commit, {**body, "number": 3, "commit": commit}))
    guard.git("fetch", "--quiet", str(ada.path), f"refs/tags/{name}:refs/tags/{name}")
    ada.git("update-ref", "-d", f"refs/tags/{name}")
    assert ada.promote(MODEL, to="production", push=True).tags == (f"refs/tags/{MODEL}/production/4",)
    assert ada.in_effect(MODEL) == "1.2.0"
