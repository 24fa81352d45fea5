"""What somebody may plot who may push to a registry with gates, and four judges at whom every plot has to stop.

Ada makes every change here. Production asks for a load test that Cara or Dora signed, and for an owner who approves
and is not Ada; a change of the policy asks for an owner, too.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gitstage.approvals import Binding, Said, written
from gitstage.envelopes import Envelope, write_envelope
from gitstage.evidence import Result, test_result
from gitstage.findings import Finding
from gitstage.layout import Slot
from gitstage.operations import approve, audit, tag
from tests.git.sandbox import git
from tests.operations.guards import Guard
from tests.operations.stories import Story, Team
from tests.signatures.hands import make_key, public, signed

MODEL = "fraud-detector"
SLOT = f"production/{MODEL}"
TEST = "load-test"

Verdicts = dict[str, str]
"""What is not passed: by thing, the verdict and the rules that say so."""

GATES = "    # gates: [standard]             # all of them must pass"


def amendments(keys: Mapping[str, Path]) -> dict[str, str]:
    """What the policy of a plot says instead of what `init` writes."""
    key = {name: public(path) for name, path in keys.items()}
    return {
        GATES: f"""\
    gates: [standard]
    rollback: {{by: [oncall], settle: 72h}}
gates:
  standard:
    evidence: [{{type: test-result, name: {TEST}, signed-by: evaluators}}]
    approvals: [{{count: 1, from: owners}}]
  double:
    approvals: [{{count: 2, from: owners}}]
models:
  "**": {{owners: [ada, bob, finn]}}
  churn: {{gates: {{production: [standard, double]}}}}
governance: [{{count: 1, from: platform}}]
protected: [CODEOWNERS]
people:
  ada: {{keys: [{key["ada"]}, {key["ada-2"]}]}}
  bob: {{keys: [{key["bob"]}, {key["bob-2"]}]}}
  finn: {{keys: [{key["finn"]}]}}
  cara: {{keys: [{key["cara"]}]}}
  dora: {{keys: ['valid-before="20260301120000" {key["dora"]}', 'valid-after="20270101" {key["dora-2"]}']}}
roles:
  platform: [ada, bob]
  evaluators: [cara, dora]
  oncall: [finn]""",
    }


NAMES = ("ada", "ada-2", "bob", "bob-2", "finn", "cara", "dora", "dora-2", "eve")
"""Whose keys there are: Ada and Bob have two each, Dora's are not valid any more or not yet, nobody has heard of Eve."""


class Plot:
    """Ada's clone, in which she prepares what she wants to land."""

    def __init__(self, folder: Path) -> None:
        self.team = Team(folder)
        self.story = Story(folder / "ada")
        self.story.later(hours=10)
        self.keys = {name: folder / "keys" / name for name in NAMES}

    @classmethod
    def laid(cls, folder: Path) -> None:
        """Everything as it is before anybody plots: of two models one version serves and the next is staged."""
        keys = {name: make_key(folder / "keys", name) for name in NAMES}
        _, ada = Team.begun(folder)
        for model in (MODEL, "churn"):
            for version in ("1.0.0", "1.1.0"):
                ada.register(model, version, to="staging", push=True, auc=0.9)
                ada.later(minutes=30).promote(model, to="production", push=True)
            ada.register(model, "1.2.0", to="staging", push=True, auc=0.95)
        plot = cls(folder)
        plot.story.now = ada.now
        for name, value in (("gpg.format", "ssh"), ("commit.gpgsign", "true")):
            ada.git("config", name, value)
        plot.commits_as("ada")
        plot.test("1.1.0")
        plot.test("1.2.0", model="churn", result="FAILED")
        text = ada.read("gitstage.yaml")
        plot.write("gitstage.yaml", re.sub(r"adopt-until: \S+ .*\n", "", _amended(text, amendments(keys))))
        plot.commit("policy")
        plot.land()

    @classmethod
    def copied(cls, source: Path, folder: Path) -> Plot:
        """One of its own, of the plot that was laid elsewhere."""
        shutil.copytree(source, folder, dirs_exist_ok=True)
        git("remote", "set-url", "origin", str(folder / "remote.git"), cwd=folder / "ada")
        plot = cls(folder)
        plot.commits_as("ada")
        return plot

    # what Ada does

    def commits_as(self, name: str) -> None:
        """From now on somebody signs the commits."""
        self.story.git("config", "user.signingkey", f"{self.keys[name]}.pub")

    def write(self, path: str, content: str | bytes) -> None:
        self.story.write(path, content.decode() if isinstance(content, bytes) else content)

    def read(self, path: str) -> bytes:
        return self.story.read(path).encode()

    def commit(self, message: str = "by hand") -> str:
        self.story.later(minutes=1)
        return self.story.commit(message)

    def land(self) -> None:
        """What is right so far lands, and takes effect."""
        self.story.git("push", "--quiet", "origin", "refs/heads/main")
        assert tag.run(self.story.registry()).exit_code == 0
        self.story.later(minutes=1)

    def statement(
        self, version: str = "1.2.0", result: Result = "PASSED", *, model: str = MODEL, **metrics: float
    ) -> bytes:
        """A load test that nobody has signed yet."""
        digest = hashlib.sha256(self.read(f"models/{model}/{version}.yaml")).hexdigest()
        return test_result(model, version, digest, TEST, result, metrics, self.story.now)

    def sign(self, payload: bytes, *names: str, namespace: str = "gitstage") -> Envelope:
        return signed(payload, *(self.keys[name] for name in names), namespace=namespace)

    def put(self, data: bytes | Envelope, number: int = 1, *, version: str = "1.2.0", model: str = MODEL) -> None:
        """A file of evidence in its place, by hand."""
        content = write_envelope(data) if isinstance(data, Envelope) else data
        self.write(f"evidence/{model}/{version}/{TEST}/{number}.json", content)

    def test(
        self,
        version: str = "1.2.0",
        *signers: str,
        result: Result = "PASSED",
        number: int = 1,
        model: str = MODEL,
        **metrics: float,
    ) -> None:
        """A load test that Cara signed, or whoever is named."""
        said = self.statement(version, result, model=model, **metrics)
        self.put(self.sign(said, *(signers or ("cara",))), number, version=version, model=model)
        self.story.later(minutes=1)

    def about(self, version: str = "1.2.0", *, model: str = MODEL) -> Binding:
        """The change that puts a version into production, as an approval is bound to it."""
        registry = self.story.registry()
        path = "production/" + model + ".yaml"
        return Binding(
            registry=registry.identity.id,
            model=model,
            version=version,
            manifest=hashlib.sha256(self.read(f"models/{model}/{version}.yaml")).hexdigest(),
            stage="production",
            incumbent=hashlib.sha256(self.story.git("show", f"origin/main:{path}").encode() + b"\n").hexdigest(),
            change=len(registry.past.effects(Slot(model, "production"))),
        )

    def approve(
        self,
        *signers: str,
        version: str = "1.2.0",
        model: str = MODEL,
        put: str | None = None,
        together_with: Sequence[str] = (),
        **otherwise: Any,
    ) -> None:
        """An approval that these sign, each in a file of their own; `otherwise` is what it is bound to instead."""
        about = replace(self.about(version, model=model), **otherwise)
        said = Said(kind="approval", about=about, made=self.story.now)
        for name in signers:
            data = write_envelope(self.sign(written(said), name, *together_with))
            self.write(f"evidence/{model}/{version}/approval-{put or name}/1.json", data)

    def approve_policy(self, *signers: str) -> None:
        """Somebody approves the gitstage.yaml that is committed here."""
        keys = [str(self.keys[name]) for name in signers]
        approve.run_policy(self.story.registry(), sign=keys)

    def promote(self, version: str = "1.2.0", *, model: str = MODEL) -> None:
        """Into production, by hand."""
        for before in ("1.1.0", "1.2.0"):
            if self.read(f"production/{model}.yaml") == self.read(f"models/{model}/{before}.yaml"):
                self.story.copy(f"models/{model}/{before}.yaml", f"archived/{model}/{before}.yaml")
        self.story.copy(f"models/{model}/{version}.yaml", f"production/{model}.yaml")

    def amend(self, replacements: Mapping[str, str]) -> None:
        self.write("gitstage.yaml", _amended(self.story.read("gitstage.yaml"), replacements))

    def forge_tag(self) -> str:
        """A tag that looks like ours and says that what lies in production at the tip took effect; its name."""
        number = max(
            int(name.rpartition("/")[2]) for name in self.story.tags() if name.startswith(f"{MODEL}/production/")
        )
        like = self.story.git("tag", "--list", "--format=%(contents:body)", f"{MODEL}/production/{number}")
        name = f"{MODEL}/production/{number + 1}"
        head = self.story.git("rev-parse", "HEAD")
        blob = self.story.git("rev-parse", f"HEAD:production/{MODEL}.yaml")
        body = {**json.loads(like), "number": number + 1, "commit": head, "in": {"version": "1.2.0", "blob": blob}}
        self.story.git("tag", "--annotate", "--message", f"promote\n\n{json.dumps(body)}", name)
        return name

    def forged(self) -> str:
        """What an audit says of such a tag: the verdict, and the rules that say so."""
        ref = f"refs/tags/{self.forge_tag()}"
        ((kind, message),) = [
            (one.kind, one.message) for one in audit.run(self.story.registry()).faults if one.ref == ref
        ]
        found = re.fullmatch(r"nothing took effect there: (\w+) \((.*)\)", message)
        assert (kind, found is not None) == ("tag-unfounded", True), message
        assert found is not None
        return " ".join([found[1], *sorted(found[2].split(", "))])

    # what the judges say

    def checked(self) -> Verdicts:
        """`check`, of everything at once, against the trunk of the remote."""
        report = self.story.check()
        return _verdicts((one.thing, one.verdict, one.findings) for one in report.judgements)

    def received(self, *options: str) -> Verdicts:
        """The server's hook, asked by a real push; it changes nothing."""
        guard = Guard.over(self.team, self.story)
        before, head = guard.refs(), self.story.git("rev-parse", "--verify", "refs/heads/main")
        went, said = guard.push(*options, f"{head}:refs/heads/main", user="ada")
        (guard.path / "hooks" / "pre-receive").unlink()
        if went:
            guard.git("update-ref", "refs/heads/main", before["refs/heads/main"])
            self.story.git("update-ref", "refs/remotes/origin/main", before["refs/heads/main"])
            return {}
        assert guard.refs() == before
        return told(said)

    def tagged(self, *, one_by_one: bool = True) -> Verdicts:
        """`tag`, after each commit of the trunk that landed all the same, or after the last one."""
        span = "refs/remotes/origin/main..refs/heads/main"
        variables = {"GIT_NO_REPLACE_OBJECTS": "1"}
        line = git("rev-list", "--reverse", "--first-parent", span, cwd=self.story.path, variables=variables).split()
        for commit in (line if one_by_one else line[-1:]) or ["refs/heads/main"]:
            self.story.git("push", "--quiet", "--force", "origin", f"{commit}:refs/heads/main")
            tag.run(self.story.registry())
            self.story.later(minutes=1)
        state = self.story.registry().state
        return _verdicts((thing, item.verdict, item.findings) for thing, item in state.open.items())

    def audited(self) -> Verdicts:
        """`audit`, of what still waits when everything has been judged."""
        result = audit.run(self.story.registry())
        waits = [item for item in result.untaken if item.until is None]
        refused = {item.thing for item in waits if str(item.verdict) == "refused"}
        assert {(one.kind, one.thing) for one in result.faults} == {("open-refused", thing) for thing in refused}
        return _verdicts((item.thing, item.verdict, item.findings) for item in waits)


def _amended(text: str, replacements: Mapping[str, str]) -> str:
    for old, new in replacements.items():
        assert old in text, f"the policy does not say {old!r}"
        text = text.replace(old, new)
    return text


def _verdicts(found: Iterable[tuple[str, object, Iterable[Finding]]]) -> Verdicts:
    return {
        thing: " ".join([str(verdict), *sorted(_rules(findings))])
        for thing, verdict, findings in found
        if str(verdict) not in ("passed", "waived")
    }


def _rules(findings: Iterable[Finding]) -> set[str]:
    return {one.rule for one in findings if str(one.verdict) in ("refused", "pending") and not one.advisory}


HEADLINE = re.compile(
    r"(?:(?P<model>\S+): (?P<place>[\w-]+)|(?P<policy>policy)).*  (?P<verdict>refused|pending)(?: .*)?"
)
FINDING = re.compile(r"  [✗…] (?P<rule>\S+) .*")
OBJECTION = re.compile(r"(?P<ref>refs/\S+): (?P<rule>[a-z-]+): .*")


def told(said: str) -> Verdicts:
    """What a pusher is told, read back."""
    found: dict[str, tuple[str, set[str]]] = {}
    thing = ""
    for line in said.splitlines():
        if (head := HEADLINE.fullmatch(line)) is not None:
            thing = head["policy"] or f"{head['place']}/{head['model']}"
            found[thing] = (head["verdict"], set())
        elif (finding := FINDING.fullmatch(line)) is not None:
            found[thing][1].add(finding["rule"])
        elif (objection := OBJECTION.fullmatch(line)) is not None:
            found.setdefault(objection["ref"], ("refused", set()))[1].add(objection["rule"])
    assert found, said
    return {thing: " ".join([verdict, *sorted(rules)]) for thing, (verdict, rules) in found.items()}
