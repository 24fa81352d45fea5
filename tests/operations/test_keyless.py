"""Evidence that was signed with Sigstore, from the file that a workflow made to the tag, the audit and the hook."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gitstage.errors import GitstageError
from gitstage.findings import Verdict
from gitstage.operations import approve, attest, audit, doctor, init, show
from gitstage.operations.landing import Outcome
from gitstage.operations.signers import bundles
from gitstage.operations.weighing import Signer
from gitstage.signatures.bundles import INSTALL
from tests.git.sandbox import git
from tests.operations.guards import Guard
from tests.operations.keyless import FOLDER, ROOT, WHAT, asking, bundle, load_test, ours, trusting
from tests.operations.pictures import unchanged
from tests.operations.stories import Story, Team
from tests.signatures.authority import GITHUB, WORKFLOW, Authority, Wish
from tests.signatures.hands import make_key

WHO = f"{WORKFLOW} ({GITHUB})"
MISSING = "no signature can be verified: a Sigstore bundle needs an extra that is not installed"


@pytest.fixture
def keyless(served: Story) -> Story:
    return trusting(served)


def attested(story: Story, file: Path, **options: Any) -> Outcome:
    options = {"kind": "test-result", "name": "load-test", "result": None, "report": file, **options}
    return attest.run(story.registry(), WHAT, **options)


def promoted(story: Story) -> Outcome:
    return story.promote(WHAT, to="production")


def without(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the extra is not installed; what was found out before is forgotten."""
    from gitstage.signatures import bundles as room

    room._verifier.cache_clear()
    bundles.cache_clear()
    monkeypatch.setitem(sys.modules, "sigstore.models", None)


def test_a_bundle_goes_from_the_workflow_to_the_tag(keyless: Story) -> None:
    file = bundle(keyless)
    outcome = attested(keyless, file)
    assert (outcome.exit_code, outcome.landed) == (0, True)
    assert keyless.read(f"{FOLDER}/1.json").encode() == file.read_bytes()
    outcome = promoted(keyless)
    assert (outcome.exit_code, outcome.tags) == (0, ("refs/tags/fraud-detector/production/3",))
    body = keyless.git("for-each-ref", "--format=%(contents)", "refs/tags/fraud-detector/production/3")
    assert f"load-test says PASSED, signed by {WHO}" in body
    assert audit.run(keyless.registry()).faults == ()


def test_show_says_who_signed(keyless: Story) -> None:
    attested(keyless, bundle(keyless))
    (item,) = show.run(keyless.registry(), WHAT).evidence
    assert item.signers == (Signer(key=WHO, person="bot", valid=True),)
    assert (item.result, item.metrics, item.counts, item.why) == (
        "PASSED",
        {"latency": 12.5},
        True,
        "decides for standard",
    )


STRANGER = f"eve@acme.dev ({GITHUB})"
NOT_GOOD = "not signed by bot, as standard asks (its Sigstore bundle is not good: "


@pytest.mark.parametrize(
    ("wish", "signers", "why"),
    [
        ({"identity": "eve@acme.dev"}, STRANGER, "not signed by bot, as standard asks"),
        ({"issuer": "https://accounts.google.com"}, f"{WORKFLOW} (https://accounts.google.com)", "not signed by bot"),
        (
            {"identity": WORKFLOW.replace("main", "Main")},
            f"{WORKFLOW.replace('main', 'Main')} ({GITHUB})",
            "not signed",
        ),
        ({"by": Authority()}, "", NOT_GOOD),
        ({"lasts": timedelta(0), "made": NOT_GOOD}, "", NOT_GOOD),
    ],
)
def test_what_anybody_else_signed_promotes_nothing(
    keyless: Story, wish: Mapping[str, Any], signers: str, why: str
) -> None:
    late = {"made": keyless.now + timedelta(seconds=1)} if "made" in wish else {}
    attested(keyless, bundle(keyless, **{**wish, **late}))
    (item,) = show.run(keyless.registry(), WHAT).evidence
    assert (", ".join(map(str, item.signers)), item.counts) == (signers, False)
    assert item.why.startswith(why)
    assert promoted(keyless).landed is False
    assert keyless.in_effect("fraud-detector") == "1.1.0"


def test_an_identity_that_is_over_is_said_to_be(served: Story) -> None:
    story = trusting(served, more=", valid-before: 20260301180000")
    attested(story, bundle(story))
    assert [str(one) for one in show.run(story.registry(), WHAT).evidence[0].signers] == ["bot"]
    story.later(hours=2)
    (item,) = show.run(story.registry(), WHAT).evidence
    assert (str(item.signers[0]), item.counts) == ("bot (identity not valid now)", False)
    assert promoted(story).landed is False


def test_nobody_signed_it_where_the_policy_names_no_root(served: Story) -> None:
    attested(served, bundle(served))
    (item,) = show.run(served.registry(), WHAT).evidence
    assert (item.signers, item.counts, item.why) == (
        (),
        True,
        "decides (a Sigstore bundle, and gitstage.yaml has no sigstore)",
    )


# Where the extra is not installed


def test_without_the_extra_nothing_passes_that_asks_who_signed(keyless: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    attested(keyless, bundle(keyless))
    without(monkeypatch)
    outcome = promoted(keyless)
    assert (outcome.landed, outcome.exit_code) == (False, 1)
    assert outcome.report is not None
    (said,) = [one for judged in outcome.report.judgements for one in judged.findings if one.rule == "evidence"]
    assert (said.verdict, said.message, said.hint) == (Verdict.REFUSED, MISSING, INSTALL)
    (item,) = show.run(keyless.registry(), WHAT).evidence
    assert (item.signers, item.counts) == ((), False)
    assert item.why == "its signatures cannot be verified: a Sigstore bundle needs an extra that is not installed"


def test_without_the_extra_everything_else_goes_on(keyless: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch)
    assert attested(keyless, bundle(keyless)).landed is True
    keyless.register("fraud-detector", "1.3.0", to="staging")
    assert keyless.in_effect("fraud-detector", "staging") == "1.3.0"
    assert keyless.open_things() == []


def test_doctor_says_whether_bundles_can_be_verified(keyless: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    def check() -> doctor.Check:
        (found,) = [one for one in doctor.run(str(keyless.path)) if one.name == "sigstore"]
        return found

    assert check() == doctor.Check(name="sigstore", well=True, found=f"verified against {ROOT}")
    without(monkeypatch)
    message = "a Sigstore bundle needs an extra that is not installed"
    assert check() == doctor.Check(name="sigstore", well=False, found=message, hint=INSTALL)
    keyless.write(ROOT, "{}")
    keyless.commit("another root")
    assert check().found == f"{ROOT} is not the trusted root that gitstage.yaml names"


def test_doctor_says_nothing_of_it_where_nobody_asks(served: Story) -> None:
    assert [one.name for one in doctor.run(str(served.path)) if one.name == "sigstore"] == []


# What `attest` takes


def test_a_bundle_is_not_signed_once_more(keyless: Story, tmp_path: Path) -> None:
    key = make_key(tmp_path / "keys", "ada")
    with (
        unchanged(keyless.path),
        pytest.raises(GitstageError, match="a Sigstore bundle carries its one signature") as caught,
    ):
        attested(keyless, bundle(keyless), sign=[str(key)])
    assert caught.value.hint == "leave out --sign, or sign the statement itself"


def test_the_same_statement_is_attested_once_whatever_lies_around_it(keyless: Story) -> None:
    attested(keyless, bundle(keyless))
    again = attested(keyless, bundle(keyless))
    assert (again.landed, again.plan.notes) == (False, (f"{FOLDER}/1.json says the same",))
    plain = keyless.path.parent / "statement.json"
    plain.write_bytes(load_test(keyless))
    assert attested(keyless, plain).plan.notes == (f"{FOLDER}/1.json says the same",)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"messageSignature": {}}, "the bundle signs a file, and holds no statement about it"),
        (
            {"mediaType": "application/vnd.dev.sigstore.bundle+json;version=0.1"},
            "bundles of other versions are not read",
        ),
        ({"dsseEnvelope": None}, "dsseEnvelope must be an object"),
        ({"payload": "e30="}, "the bundle has a key 'payload'"),
    ],
)
def test_a_bundle_that_is_no_evidence_is_refused_before_it_is_written(
    keyless: Story, change: Mapping[str, object], said: str
) -> None:
    file = bundle(keyless)
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with unchanged(keyless.path), pytest.raises(GitstageError, match="bundle.json: ") as caught:
        attested(keyless, file)
    assert said in caught.value.message


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"kind": "provenance"}, "is a statement of the type test-result"),
        ({"result": "failed"}, "says PASSED, and --result says FAILED"),
        ({"metrics": {"x": 1.0}}, "says itself what was measured"),
    ],
)
def test_a_bundle_says_everything_itself(keyless: Story, options: Mapping[str, Any], said: str) -> None:
    with unchanged(keyless.path), pytest.raises(GitstageError) as caught:
        attested(keyless, bundle(keyless), **options)
    assert said in caught.value.message


def test_what_is_to_be_signed_elsewhere_is_what_attest_would_write(keyless: Story) -> None:
    options: dict[str, Any] = {"kind": "test-result", "name": "load-test", "result": "passed", "metrics": {"p99": 3.5}}
    with unchanged(keyless.path):
        data = attest.statement(keyless.registry(), WHAT, **options)
    file = keyless.path.parent / "bundle.json"
    file.write_bytes(ours().bundle(data, Wish(made=keyless.now, begins=keyless.now)))
    attested(keyless, file)
    (item,) = show.run(keyless.registry(), WHAT).evidence
    assert (item.metrics, item.made, item.counts) == ({"p99": 3.5}, "2026-03-01T17:00:00+00:00", True)
    with pytest.raises(GitstageError, match=f"{FOLDER}/1.json says the same"):
        attest.statement(keyless.registry(), WHAT, **options)


def test_a_statement_in_a_bundle_that_is_none_is_refused(keyless: Story) -> None:
    file = keyless.path.parent / "bundle.json"
    for payload, said in (
        (b"{", "in the payload: this is not JSON"),
        (b'{"a": 1, "a": 2}', "in the payload: duplicate key 'a'"),
        (b"{}", "in the payload: "),
    ):
        file.write_bytes(ours().bundle(payload, Wish()))
        with pytest.raises(GitstageError) as caught:
            attested(keyless, file)
        assert said in caught.value.message


def test_a_bundle_pushed_by_hand_that_is_no_statement_never_takes_effect(keyless: Story) -> None:
    """What `attest` would not write, somebody pushes all the same."""
    file = json.loads(bundle(keyless).read_text())
    keyless.write(f"{FOLDER}/1.json", json.dumps({**file, "mediaType": file["mediaType"].replace("0.3", "0.9")}))
    keyless.commit("by hand")
    keyless.tag()
    assert keyless.open_things() == ["records/fraud-detector"]


# Where it is judged


def test_the_same_is_judged_in_a_pull_request(keyless: Story) -> None:
    keyless.git("checkout", "--quiet", "-b", "promotion")
    attested(keyless, bundle(keyless))
    assert promoted(keyless).exit_code == 0
    assert keyless.check(base="main", head="promotion").verdict is Verdict.PASSED
    keyless.git("checkout", "--quiet", "main")
    keyless.git("merge", "--quiet", "--no-ff", "promotion", "-m", "merged")
    keyless.tag()
    assert keyless.in_effect("fraud-detector") == "1.2.0"


def test_a_pull_request_cannot_bring_its_own_root(keyless: Story) -> None:
    mallory = Authority()
    old, new = ours().trusted_root(), mallory.trusted_root()
    keyless.git("checkout", "--quiet", "-b", "promotion")
    attested(keyless, bundle(keyless, by=mallory))
    promoted(keyless)
    keyless.write(ROOT, new.decode())
    keyless.commit("our root")
    report = keyless.check(base="main", head="promotion")
    (said,) = [one.message for judged in report.judgements for one in judged.findings if one.rule == "evidence"]
    missing = "no test-result called load-test signed by bot"
    assert said == f"{missing}; 1.json: a Sigstore bundle that is not good, going by {ROOT}"
    assert old != new


def test_a_root_comes_with_its_policy_on_a_branch_that_the_trunk_has_left_behind(tmp_path: Path) -> None:
    """It lies outside the registry's folder, of which a merge is foretold file by file."""
    path = tmp_path / "work"
    path.mkdir()
    git("init", "--quiet", "--initial-branch=main", cwd=path)
    story = Story(path, folder="registry")
    (path / "README.md").write_text("ours\n")
    story.commit("before there was a registry")
    init.run(path, clock=lambda: story.now)
    story.git("checkout", "--quiet", "-b", "keyless")
    story.write("gitstage.yaml", amended(story, asking(ours().trusted_root())))
    story.commit("the policy without its root")
    story.git("checkout", "--quiet", "main")
    story.register("other", "1.0.0")
    (judgement,) = story.check(base="main", head="keyless").judgements
    assert (judgement.thing, judgement.verdict) == ("policy", Verdict.REFUSED)
    story.git("checkout", "--quiet", "keyless")
    (path / "trust").mkdir()
    (path / ROOT).write_bytes(ours().trusted_root())
    story.commit("its root")
    assert story.check(base="main", head="keyless").verdict is Verdict.PASSED
    story.git("checkout", "--quiet", "main")
    story.git("merge", "--quiet", "--no-ff", "keyless", "-m", "merged")
    story.tag()
    assert story.open_things() == []


def amended(story: Story, replacements: Mapping[str, str]) -> str:
    text = story.read("gitstage.yaml")
    for old, new in replacements.items():
        assert old in text
        text = text.replace(old, new)
    return text


def test_a_server_needs_the_extra_too(serving_team: tuple[Team, Story]) -> None:
    team, ada = serving_team
    trusting(ada)
    ada.git("push", "--quiet", "origin", "main", "--tags")
    ada.git("push", "--quiet", "origin", "refs/gitstage/*:refs/gitstage/*")
    ada.later(hours=1)
    attested(ada, bundle(ada))
    assert promoted(ada).exit_code == 0
    lacking = Guard.over(team, ada, first="import sys; sys.modules['sigstore.models'] = None; ")
    assert INSTALL in lacking.refuses("main")
    Guard.over(team, ada).lets_in("main")


def test_what_nobody_asks_about_imports_nothing_of_sigstore(keyless: Story) -> None:
    """47 MB, and a third of a second: a check of evidence that was signed with keys, or by nobody, needs none of it."""
    keyless.register("other", "1.0.0", to="staging")
    script = (
        "import sys\n"
        "from gitstage.cli.main import run\n"
        "code = run(sys.argv[1:])\n"
        "print(code, sorted({'sigstore', 'cryptography', 'requests', 'tuf'} & sys.modules.keys()))"
    )

    def imported(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", script, "-C", str(keyless.path), *words],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        return done.stdout.splitlines()[-1]

    for words in (("check",), ("status",), ("show", "other@1.0.0"), ("explain", WHAT, "--to", "production")):
        assert imported(*words).endswith(" []"), words
    attested(keyless, bundle(keyless))
    assert "sigstore" in imported("explain", WHAT, "--to", "production")


# What people say


def test_who_signs_with_a_key_may_approve_beside_it(keyless: Story, tmp_path: Path) -> None:
    """`approve --sign` signs with keys; whoever has only an identity is told so."""
    key = make_key(tmp_path / "keys", "bot")
    with pytest.raises(GitstageError, match="signed with a key that nobody in gitstage.yaml has"):
        approve.run(keyless.registry(), [WHAT], stage="production", sign=[str(key)])


def test_an_envelope_beside_a_bundle_is_weighed_by_its_keys(keyless: Story) -> None:
    attested(keyless, bundle(keyless))
    other = keyless.path.parent / "other.json"
    other.write_bytes(load_test(keyless.later(minutes=1), "FAILED"))
    attested(keyless, other)
    found = [(item.number, item.counts, item.why) for item in show.run(keyless.registry(), WHAT).evidence]
    assert found == [(1, True, "decides for standard"), (2, False, "not signed by bot, as standard asks")]
