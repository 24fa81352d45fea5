"""From the policy on that names `taggers`, a tag counts only if one of them signed it; with real git and ssh-keygen."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gitstage.errors import CannotVerify, GitstageError
from gitstage.layout import Slot
from gitstage.ledger import Ruling
from gitstage.operations import tag
from gitstage.operations.past import Alarm
from gitstage.operations.taggers import KNOWN, Asked, Stamp, Taggers, asked_by
from gitstage.operations.tagging import Unsigned
from gitstage.signatures import Verifier
from tests.git.sandbox import git
from tests.operations.forgers import ASKS, FORGERIES, MODEL, SLOT, body_of, claim, past_the_gate, payload_of, put
from tests.operations.signatories import make_keys, taggers
from tests.operations.stories import NOON, Story, Team
from tests.signatures.hands import make_key, public, signature


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return make_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def signed(served: Story, keys: dict[str, Path]) -> Story:
    """The story of `served`, in which from now on Ada signs the tags, and does; 1.2.0 went to production."""
    served.tag_keys = (str(keys["ada"]),)
    served.later(hours=1).amend(taggers(keys, "ada"))
    served.later(hours=1).promote(MODEL, to="production")
    served.later(hours=1)
    return served


def in_effect(story: Story) -> str | None:
    return story.in_effect(MODEL)


def effects(story: Story) -> list[int]:
    return [effect.number for effect in story.registry().past.effects(SLOT)]


def alarms(story: Story) -> dict[str, str]:
    past = story.registry().past
    past.load_all()
    return {alarm.ref.removeprefix("refs/tags/"): alarm.why for alarm in past.alarms}


def test_a_run_with_the_key_signs_what_git_verifies(signed: Story, keys: dict[str, Path], tmp_path: Path) -> None:
    allowed = tmp_path / "allowed"
    allowed.write_text(f'cleo@example.com namespaces="git" {public(keys["ada"])}\n', encoding="ascii")
    signed.git("config", "gpg.ssh.allowedSignersFile", str(allowed))
    for name in ("policy/2", f"{MODEL}/production/3"):
        signed.git("verify-tag", name)
    assert in_effect(signed) == "1.2.0"
    assert effects(signed) == [1, 2, 3]
    assert alarms(signed) == {}


# What is not signed as it has to be


@pytest.mark.parametrize("how", FORGERIES)
def test_a_tag_that_no_tagger_signed_does_not_count(
    signed: Story, keys: dict[str, Path], tmp_path: Path, how: str
) -> None:
    sign, why = FORGERIES[how]
    commit, claims = past_the_gate(signed)
    name, payload = claim(signed, 4, commit, **claims)
    put(signed, name, payload, sign(payload, {**keys, "stranger": make_key(tmp_path / "strange")}))
    if why is None:
        assert (in_effect(signed), effects(signed), alarms(signed)) == ("1.3.0", [1, 2, 3, 4], {})
        return
    assert (in_effect(signed), effects(signed)) == ("1.2.0", [1, 2, 3])
    assert alarms(signed) == {name: why}
    # Its number is out of use, and what counts has the next one.
    signed.later(hours=1).rollback(f"{MODEL}@production")
    assert effects(signed) == [1, 2, 3, 5]
    signed.later(hours=1).copy(f"models/{MODEL}/1.3.0.yaml", f"production/{MODEL}.yaml")
    signed.commit("and again")
    assert tag.run(signed.registry()).alarms == (Alarm(f"refs/tags/{name}", why),)


def test_the_signature_of_another_tag_is_none(signed: Story) -> None:
    commit, claims = past_the_gate(signed)
    name, payload = claim(signed, 4, commit, **claims)
    whole = git("cat-file", "tag", f"{MODEL}/production/3", cwd=signed.path).encode() + b"\n"
    put(signed, name, payload, whole[whole.index(b"-----BEGIN") :])
    assert alarms(signed) == {name: f"its signature is not good; {ASKS}"}
    # The whole of another tag, signature and all, speaks of something else than its name.
    put(signed, name, whole)
    assert alarms(signed) == {name: "it speaks of something else than its name"}
    assert in_effect(signed) == "1.2.0"


def test_one_bit_that_changed_is_seen(signed: Story) -> None:
    name = f"{MODEL}/production/3"
    whole = git("cat-file", "tag", name, cwd=signed.path).encode() + b"\n"
    at = whole.index(b"tagger Cleo") + 8
    put(signed, name, whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    assert alarms(signed) == {name: f"its signature is not good; {ASKS}"}
    assert in_effect(signed) == "1.1.0"
    put(signed, name, whole)
    assert (in_effect(signed), alarms(signed)) == ("1.2.0", {})


def test_a_key_counts_at_the_moments_at_which_it_is_valid(served: Story, keys: dict[str, Path]) -> None:
    served.tag_keys = (str(keys["ada"]),)
    said = taggers(keys, "ada", ada='valid-after="20260301",valid-before="202603011730" ')
    served.later(hours=1).amend(said)
    served.promote(MODEL, to="production")
    assert in_effect(served) == "1.2.0"
    before = served.refs()
    served.later(hours=1)
    with pytest.raises(Unsigned) as caught:
        served.rollback(f"{MODEL}@production")
    assert caught.value.message == f"{MODEL}/production/4 would not count: the key of ada is no longer valid; {ASKS}"
    assert served.refs() == before
    # Whoever has the key still cannot date a tag back: the next one is later than the last.
    commit = body_of(served, f"{MODEL}/production/3")["commit"]
    name, payload = claim(served, 4, commit, moment="2026-03-01T17:10:00Z")
    put(served, name, payload, signature(payload, keys["ada"], namespace="git").armored)
    assert effects(served) == [1, 2, 3, 4]
    name, payload = claim(served, 5, commit, moment="2026-03-01T17:05:00Z")
    put(served, name, payload, signature(payload, keys["ada"], namespace="git").armored)
    name_of_late, late = claim(served, 6, commit, moment="2026-03-01T17:31:00Z")
    put(served, name_of_late, late, signature(late, keys["ada"], namespace="git").armored)
    assert effects(served) == [1, 2, 3, 4]
    assert alarms(served) == {
        name: f"it is dated before {MODEL}/production/4",
        name_of_late: f"the key of ada is no longer valid; {ASKS}",
    }


# What was there before


def test_what_was_tagged_before_stays_as_it_was(served: Story, keys: dict[str, Path]) -> None:
    served.tag_keys = (str(keys["ada"]),)
    served.later(hours=1).amend(taggers(keys, "ada"))
    assert (in_effect(served), effects(served), alarms(served)) == ("1.1.0", [1, 2], {})
    assert served.registry().state.rulings == (
        Ruling(
            commit=served.git("rev-parse", "HEAD"),
            blob=served.git("rev-parse", "HEAD:gitstage.yaml"),
            since=served.now,
        ),
    )


def test_nobody_calls_a_tag_older_than_it_is(signed: Story) -> None:
    commit, claims = past_the_gate(signed)
    since = signed.registry().state.rulings[0].since
    for moment in ("2026-03-01T16:30:00Z", "2026-03-01T17:00:00Z"):
        name, payload = claim(signed, 4, commit, **{**claims, "moment": moment})
        put(signed, name, payload)
        why = (
            f"it is not signed; {ASKS}"
            if moment.startswith(f"{since:%Y-%m-%dT%H:%M}")
            else f"it says {moment}, and stands behind the policy that took effect at 2026-03-01T17:00:00Z"
        )
        assert alarms(signed) == {name: why}
        assert in_effect(signed) == "1.2.0"


@pytest.mark.parametrize("stage", ["production", "staging"])
def test_nobody_brings_back_without_a_signature_what_was_there_long_ago(signed: Story, stage: str) -> None:
    """Production has a tag that is signed by now, staging none."""
    slot = Slot(MODEL, stage)
    old = body_of(signed, f"{MODEL}/{stage}/1")
    name, payload = claim(
        signed,
        4,
        old["commit"],
        slot,
        like=1,
        moment="2026-03-01T16:59:00Z",
        out=body_of(signed, f"{MODEL}/{stage}/3")["in"],
    )
    put(signed, name, payload)
    word = "is dated" if stage == "production" else "stands"
    assert alarms(signed) == {name: f"it {word} before {MODEL}/{stage}/3"}
    registry = signed.registry()
    current = registry.past.current(slot)
    assert current is not None
    assert current.after == "1.2.0"
    registry = signed.registry()
    registry.past.load([MODEL])
    assert {key: effect.number for key, effect in registry.past.last(lambda effect: True).items()} == {
        SLOT: 3,
        Slot(MODEL, "staging"): 3,
    }


def test_other_people_may_sign_from_the_next_policy_on(signed: Story, keys: dict[str, Path]) -> None:
    signed.tag_keys = (str(keys["bob"]),)
    signed.amend({"taggers: [ada]": "taggers: [bob]"})
    signed.later(hours=1).rollback(f"{MODEL}@production")
    assert (in_effect(signed), effects(signed), alarms(signed)) == ("1.1.0", [1, 2, 3, 4], {})
    signed.later(hours=1)
    signed.tag_keys = (str(keys["ada"]),)
    with pytest.raises(Unsigned, match="ada signed it; the policy asks for the signature of bob"):
        signed.archive(f"{MODEL}@production")
    # What Bob signed in Ada's time does not count, however good his signature is now.
    commit = body_of(signed, f"{MODEL}/production/3")["commit"]
    name, payload = claim(signed, 3, commit)
    put(signed, name, payload, signature(payload, keys["bob"], namespace="git").armored)
    assert alarms(signed) == {name: f"bob signed it; {ASKS}"}


def test_where_nobody_has_to_sign_any_more_what_did_not_count_still_does_not(
    signed: Story, keys: dict[str, Path]
) -> None:
    commit, claims = past_the_gate(signed)
    name, payload = claim(signed, 4, commit, **claims)
    put(signed, name, payload)
    signed.later(hours=1).withdraw(f"{MODEL}@production")
    signed.later(hours=1).amend({"taggers: [ada]\n": ""})
    assert len(signed.registry().state.rulings) == 2
    signed.tag_keys = ()
    signed.later(hours=1).rollback(f"{MODEL}@production")
    assert (in_effect(signed), effects(signed)) == ("1.1.0", [1, 2, 3, 5])
    assert alarms(signed) == {name: f"it is not signed; {ASKS}"}


def test_which_policy_judged_a_tag_is_told_by_its_moment_and_by_where_it_stands(
    story: Story, keys: dict[str, Path]
) -> None:
    """Two policies passed in one run at five, at `two` and at `four`; a third one at six, at `five`."""
    one, two, three, four, five, six = (story.commit(f"{story.write('x', str(at)).name} {at}") for at in range(6))
    five_oclock, six_oclock = NOON.replace(hour=17), NOON.replace(hour=18)

    def blob(*names: str) -> str:
        story.write("policy", story.read("gitstage.yaml").replace("stages:", f"taggers: [{', '.join(names)}]\nstages:"))
        return story.git("hash-object", "-w", "policy")

    story.write("gitstage.yaml", story.read("gitstage.yaml").replace(*next(iter(taggers(keys, "ada").items()))))
    story.write("gitstage.yaml", story.read("gitstage.yaml").replace("taggers: [ada]\n", ""))
    rulings = [
        Ruling(commit=two, blob=blob("ada"), since=five_oclock),
        Ruling(commit=four, blob=blob("bob"), since=five_oclock),
        Ruling(commit=five, blob=blob("cara"), since=six_oclock),
    ]
    with story.open() as repo:
        found = Taggers(repo, rulings)

        def asked(commit: str, hour: int, minute: int = 0) -> str:
            (why,) = found.why_not([Stamp("0" * 40, commit, NOON.replace(hour=hour, minute=minute))])
            return "nobody" if why is None else why.rpartition(" ")[2] if "asks for" in why else "false"

        at_four = [asked(commit, 16) for commit in (one, two, three, four, five, six)]
        assert at_four == ["nobody", "nobody", "false", "false", "false", "false"]
        at_five = [asked(commit, 17) for commit in (one, two, three, four, five, six)]
        assert at_five == ["nobody", "ada", "ada", "bob", "bob", "false"]
        at_half_past = [asked(commit, 17, 30) for commit in (one, two, three, four, five, six)]
        assert at_half_past == ["bob", "bob", "bob", "bob", "bob", "false"]
        at_six = [asked(commit, 18) for commit in (one, two, three, four, five, six)]
        assert at_six == ["bob", "bob", "bob", "bob", "cara", "cara"]
        assert [asked(commit, 19) for commit in (one, two, three, four, five, six)] == ["cara"] * 6
        assert found.since == five_oclock


# What it costs


def test_where_no_policy_asks_nothing_of_it_is_loaded(served: Story) -> None:
    import subprocess
    import sys

    words = f"""
import sys
from gitstage.cli.main import run
assert run(["-C", {str(served.path)!r}, "resolve", "{MODEL}@production"]) == 0
assert run(["-C", {str(served.path)!r}, "promote", "{MODEL}", "--to", "production", "--dry-run"]) == 0
print(sorted(name for name in sys.modules if "taggers" in name or name.startswith("gitstage.signatures")))
"""
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_a_lookup_verifies_the_one_tag_it_stands_on_and_only_once(
    signed: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def counted(self: object, found: list[tuple[bytes, bytes]], namespace: str) -> list[str | None]:
        asked.append(len(found))
        return real(self, found, namespace)

    real: Callable[..., list[str | None]] = Verifier.signers_of
    shutil.rmtree(signed.path / ".git" / "gitstage")
    monkeypatch.setattr(Verifier, "signers_of", counted)
    assert in_effect(signed) == "1.2.0"
    assert asked == [1]
    assert in_effect(signed) == "1.2.0"
    assert asked == [1, 0]
    assert effects(signed) == [1, 2, 3]
    assert asked == [1, 0, 0]


def test_what_is_kept_and_broken_is_found_out_again(signed: Story) -> None:
    assert effects(signed) == [1, 2, 3]
    kept = signed.path / ".git" / "gitstage" / KNOWN
    good = kept.read_bytes()
    for broken in (b"", b"\0\xff\n", good[:-20], good.replace(b" .\n", b"\n"), good.replace(b" ssh-", b"ssh-")):
        kept.write_bytes(broken)
        assert (effects(signed), alarms(signed)) == ([1, 2, 3], {})
        assert kept.read_bytes().endswith(good.split(b"\n")[-2] + b"\n") or broken == b""
    for file in (signed.path / ".git" / "gitstage" / "taggers").iterdir():
        for broken in (b"", b"[]", b"{}", b'{"taggers": [], "keys": {"a": 1}}'):
            file.write_bytes(broken)
            assert (effects(signed), alarms(signed)) == ([1, 2, 3], {})
    shutil.rmtree(kept.parent)
    kept.parent.write_text("a file lies where things are kept")
    assert (effects(signed), alarms(signed)) == ([1, 2, 3], {})


def test_what_a_policy_asks_is_kept_with_the_times_at_which_keys_are_valid(
    served: Story, keys: dict[str, Path]
) -> None:
    said = taggers(keys, "ada", ada='valid-after="20260301",valid-before="20270301" ')
    served.tag_keys = (str(keys["ada"]),)
    served.amend(said)
    blob = served.git("rev-parse", "HEAD:gitstage.yaml")
    with served.open() as repo:
        first = asked_by(repo, blob)
        again = asked_by(repo, blob)
    assert first == again
    assert first.taggers == ("ada",)
    person, key = first.keys[public(keys["ada"])]
    assert (person, key.valid_after, key.valid_before) == (
        "ada",
        datetime(2026, 3, 1, tzinfo=UTC),
        datetime(2027, 3, 1, tzinfo=UTC),
    )
    assert Asked((), {}).why_not(None, signed=False, moment=NOON) is None


def test_a_policy_that_is_not_here_is_asked_for(signed: Story) -> None:
    with signed.open() as repo, pytest.raises(GitstageError) as caught:
        asked_by(repo, "1" * 40)
    assert caught.value.message == "the policy that says who signs tags, blob 111111111111, is not here"
    assert caught.value.hint == "git fetch"


def test_who_cannot_verify_gets_no_answer(signed: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(signed.path / ".git" / "gitstage")
    monkeypatch.setattr("gitstage.operations.taggers.verifier", Verifier)
    (tmp_path / "bin").mkdir()
    for name in ("git", "env"):
        (tmp_path / "bin" / name).symlink_to(str(shutil.which(name)))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(CannotVerify, match="ssh-keygen is not installed"):
        in_effect(signed)


# Making tags


def left_alone(story: Story, refs: dict[str, str]) -> bool:
    """Whether nothing has happened: no ref moved, and the work tree is as it was."""
    return story.refs() == refs and story.git("status", "--porcelain") == ""


@pytest.mark.parametrize("with_workflow", [False, True])
def test_without_a_key_nothing_is_done_and_it_says_what_to_type(
    served: Story, keys: dict[str, Path], *, with_workflow: bool
) -> None:
    served.tag_keys = (str(keys["ada"]),)
    said = taggers(keys, "ada")
    served.later(hours=1).amend({old: f"{new}{'tags: ci' if with_workflow else ''}\n" for old, new in said.items()})
    served.tag_keys = ()
    refs = served.refs()
    served.later(hours=1)
    if with_workflow:
        # The command leaves the tag to the workflow, and that one has no key either.
        assert served.promote(MODEL, to="production").landed
        refs = served.refs()
        with pytest.raises(Unsigned) as caught:
            served.tag()
    else:
        with pytest.raises(Unsigned) as caught:
            served.promote(MODEL, to="production")
    assert left_alone(served, refs)
    assert caught.value.message == (
        f"{MODEL}/production/3 would not count: it is not signed; {ASKS}, and no key was given"
    )
    assert caught.value.hint == "gitstage --sign-tags KEY …, or GITSTAGE_SIGN_TAGS=KEY" + (
        "" if with_workflow else "; or leave tags to a workflow: tags: ci in gitstage.yaml"
    )
    assert caught.value.exit_code == 2
    # Judging needs no key, and neither does what puts nothing into effect.
    assert tag.run(served.registry(), dry_run=True).exit_code == 0
    assert served.check().exit_code == 0
    assert served.attest(f"{MODEL}@1.2.0", "load-test").landed


def test_the_policy_that_asks_is_signed_itself(served: Story, keys: dict[str, Path]) -> None:
    refs = served.refs()
    with pytest.raises(Unsigned, match="policy/2 would not count: it is not signed"):
        served.amend(taggers(keys, "ada"))
    assert {ref: oid for ref, oid in served.refs().items() if ref != "refs/heads/main"} == {
        ref: oid for ref, oid in refs.items() if ref != "refs/heads/main"
    }
    assert served.registry().state.rulings == ()
    served.tag_keys = (str(keys["bob"]),)
    with pytest.raises(Unsigned, match=f"policy/2 would not count: bob signed it; {ASKS}"):
        served.tag()
    served.tag_keys = (str(keys["ada"]),)
    assert served.tag().tags == ("refs/tags/policy/2",)


def test_what_landed_with_the_policy_is_judged_in_one_run(served: Story, keys: dict[str, Path]) -> None:
    """A promotion before the policy, one run for both: the key of the new policy signs all."""
    served.tag_keys = (str(keys["ada"]),)
    served.later(hours=1).copy(f"production/{MODEL}.yaml", f"archived/{MODEL}/1.1.0.yaml")
    served.copy(f"models/{MODEL}/1.2.0.yaml", f"production/{MODEL}.yaml")
    served.commit("by hand")
    served.amend(taggers(keys, "ada"))
    assert (in_effect(served), effects(served), alarms(served)) == ("1.2.0", [1, 2, 3], {})


def test_of_several_keys_each_tag_is_signed_by_one_that_counts(signed: Story, keys: dict[str, Path]) -> None:
    signed.tag_keys = (str(keys["bob"]), f"{keys['ada']}.pub")
    signed.rollback(f"{MODEL}@production")
    assert (in_effect(signed), effects(signed)) == ("1.1.0", [1, 2, 3, 4])
    signed.tag_keys = (str(keys["bob"]), str(keys["cara"]))
    refs = signed.refs()
    with pytest.raises(Unsigned, match=f"production/5 would not count: cara signed it; {ASKS}") as caught:
        signed.archive(f"{MODEL}@production")
    assert caught.value.hint == "sign with a key of theirs that is valid now"
    assert left_alone(signed, refs)


def test_where_nobody_asks_a_key_signs_all_the_same(served: Story, keys: dict[str, Path], tmp_path: Path) -> None:
    served.tag_keys = (str(keys["eve"]),)
    served.later(hours=1).promote(MODEL, to="production")
    allowed = tmp_path / "allowed"
    allowed.write_text(f"eve@example.com {public(keys['eve'])}\n", encoding="ascii")
    served.git("config", "gpg.ssh.allowedSignersFile", str(allowed))
    served.git("verify-tag", f"{MODEL}/production/3")
    assert (in_effect(served), alarms(served)) == ("1.2.0", {})


def test_the_users_own_configuration_signs_and_the_repositorys_does_not(signed: Story, keys: dict[str, Path]) -> None:
    signed.tag_keys = ()
    settings = {"tag.gpgSign": "true", "gpg.format": "ssh", "user.signingKey": str(keys["ada"])}
    for name, value in settings.items():
        signed.git("config", name, value)
    signed.git("config", "gpg.ssh.program", "/bin/false")
    with pytest.raises(Unsigned, match="and no key was given"):
        signed.rollback(f"{MODEL}@production")
    for name, value in settings.items():
        signed.git("config", "--global", name, value)
    signed.rollback(f"{MODEL}@production")
    assert (in_effect(signed), effects(signed)) == ("1.1.0", [1, 2, 3, 4])


def test_a_rollback_does_not_wait_for_a_key_where_a_workflow_tags(
    team: tuple[Team, Story], keys: dict[str, Path]
) -> None:
    _, ada = team
    ada.tag_keys = (str(keys["ada"]),)
    said = {old: f"{new}tags: ci\n" for old, new in taggers(keys, "ada").items()}
    ada.register("m", "1.0.0", to="staging", push=True)
    ada.promote("m", to="production", push=True)
    ada.register("m", "1.1.0", to="staging", push=True)
    ada.promote("m", to="production", push=True)
    ada.later(hours=1)
    text = ada.read("gitstage.yaml")
    for old, new in said.items():
        text = text.replace(old, new)
    ada.write("gitstage.yaml", text)
    ada.commit("policy")
    ada.git("push", "--quiet", "origin", "main")
    assert ada.tag().pushed
    ada.tag_keys = ()
    ada.later(hours=1)
    outcome = ada.rollback("m@production", push=True)
    assert (outcome.landed, outcome.tags) == (True, ())
    assert outcome.notes[-1] == (
        f"the workflow will tag it: m/production/3 would not count: it is not signed; {ASKS}, and no key was given"
    )
    assert ada.in_effect("m") == "1.1.0"
    ada.tag_keys = (str(keys["ada"]),)
    ada.tag()
    assert ada.in_effect("m") == "1.0.0"


def test_a_fresh_clone_asks_its_remote_who_signs(
    team: tuple[Team, Story], keys: dict[str, Path], tmp_path: Path
) -> None:
    made, ada = team
    ada.tag_keys = (str(keys["ada"]),)
    ada.register("m", "1.0.0", to="staging", push=True)
    ada.later(hours=1)
    ada.write("gitstage.yaml", ada.read("gitstage.yaml").replace(*next(iter(taggers(keys, "ada").items()))))
    ada.commit("policy")
    ada.git("push", "--quiet", "origin", "main")
    ada.later(hours=1).tag()
    ada.promote("m", to="production", push=True)
    commit = ada.git("rev-parse", "HEAD")
    name = "m/production/2"
    body = {**body_of(ada, "m/production/1"), "number": 2}
    put(ada, name, payload_of(name, commit, body))
    ada.git("push", "--quiet", "origin", f"refs/tags/{name}")
    fresh = made.member("bob", now=ada.now)
    assert "refs/gitstage/" not in " ".join(fresh.refs())
    (effect,) = fresh.registry().past.effects(Slot("m", "production"))
    assert effect.number == 1
    assert "refs/gitstage/" in " ".join(fresh.refs())
    away = made.member("cara", now=ada.now)
    shutil.move(made.remote, tmp_path / "away.git")
    with pytest.raises(GitstageError, match="the ledger refs/gitstage/.* is not here, and could not be fetched"):
        away.in_effect("m")


def test_a_ledger_that_cannot_be_read_stops_those_whose_policy_asks(served: Story, keys: dict[str, Path]) -> None:
    def spoil() -> None:
        blob = git("hash-object", "-w", "--stdin", cwd=served.path, stdin=b"nothing")
        tree = git("mktree", cwd=served.path, stdin=f"100644 blob {blob}\tledger.json\n".encode())
        commit = served.git("commit-tree", tree, "-m", "spoilt")
        served.git("update-ref", served.registry().identity.ledger_ref, commit)

    ref = served.registry().identity.ledger_ref
    good = served.git("rev-parse", ref)
    spoil()
    assert in_effect(served) == "1.1.0"
    served.git("update-ref", ref, good)
    served.tag_keys = (str(keys["ada"]),)
    served.amend(taggers(keys, "ada"))
    assert in_effect(served) == "1.1.0"
    spoil()
    with pytest.raises(GitstageError, match="the ledger of registry .* cannot be read"):
        in_effect(served)


def test_a_shallow_clone_knows_the_policy_by_the_tree_that_it_has(
    team: tuple[Team, Story], keys: dict[str, Path], tmp_path: Path
) -> None:
    made, ada = team
    ada.tag_keys = (str(keys["ada"]),)
    ada.register("m", "1.0.0", to="staging", push=True)
    ada.write("gitstage.yaml", ada.read("gitstage.yaml").replace(*next(iter(taggers(keys, "ada").items()))))
    ada.commit("policy")
    ada.git("push", "--quiet", "origin", "main")
    ada.later(hours=1).tag()
    ada.later(hours=1).promote("m", to="production", push=True)
    git("clone", "--quiet", "--depth=1", f"file://{made.remote}", str(tmp_path / "shallow"), cwd=tmp_path)
    shallow = Story(tmp_path / "shallow", now=ada.now)
    assert shallow.in_effect("m") == "1.0.0"
