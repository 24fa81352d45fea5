"""What somebody may put into a registry by hand: seen, named with file and line, in effect nowhere, and taken back."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import Shell
from tests.git.sandbox import git
from tests.operations.stories import Story

NEXT = "models/fraud-detector/2.0.0.yaml"
SLOT = "production/fraud-detector.yaml"
KEPT = "artifacts/fraud-detector/1.2.0/fraud-detector-1.2.0.bin"

Change = Callable[[Story], object]


def manifest(story: Story) -> str:
    """What a good manifest of the next version would say, but for where its artifact lies."""
    return story.read("models/fraud-detector/1.2.0.yaml").replace("version: 1.2.0", "version: 2.0.0")


def says(change: Callable[[str], str | bytes]) -> Change:
    """The next version's manifest, with a mistake in it."""

    def by_hand(story: Story) -> None:
        text = change(manifest(story))
        (story.path / NEXT).write_bytes(text if isinstance(text, bytes) else text.encode())

    return by_hand


def writes(path: str, text: str) -> Change:
    return lambda story: story.write(path, text)


def removes(path: str) -> Change:
    return lambda story: (story.path / path).unlink()


def amends(path: str, old: str, new: str) -> Change:
    def by_hand(story: Story) -> None:
        text = story.read(path)
        assert old in text
        story.write(path, text.replace(old, new))

    return by_hand


def copies(source: str, target: str) -> Change:
    return lambda story: story.copy(source, target)


def links(path: str, target: str) -> Change:
    def by_hand(story: Story) -> None:
        (story.path / path).unlink(missing_ok=True)
        (story.path / path).symlink_to(target)

    return by_hand


def makes_executable(path: str) -> Change:
    return lambda story: (story.path / path).chmod(0o755)


def adds_a_submodule(path: str) -> Change:
    def by_hand(story: Story) -> None:
        inner = story.path / path
        inner.mkdir(parents=True)
        git("init", "--quiet", cwd=inner)
        git("commit", "--quiet", "--allow-empty", "-m", "inner", cwd=inner)

    return by_hand


def names(raw: bytes) -> Change:
    """A file whose name no good text can be made of."""
    return lambda story: Path(os.fsdecode(os.fsencode(story.path) + b"/" + raw)).write_bytes(b"x\n")


def both(*changes: Change) -> Change:
    def by_hand(story: Story) -> None:
        for change in changes:
            change(story)

    return by_hand


def another_model(story: Story) -> None:
    text = manifest(story).replace(KEPT, "s3://acme/m.bin")
    story.write(
        "models/other/1.0.0.yaml", text.replace("model: fraud-detector", "model: other").replace("2.0.0", "1.0.0")
    )


CASES: dict[str, Change] = {
    # manifests that are not what they seem
    "a key twice": says(lambda text: text + "version: 2.0.0\n"),
    "an anchor": says(lambda text: text.replace("version: 2.0.0", "version: &v 2.0.0")),
    "an alias": says(lambda text: text.replace("version: 2.0.0", "version: *v")),
    "an alias bomb": says(
        lambda text: (
            "a: &a [x, x]\n"
            + "".join(f"{new}: &{new} [*{old}, *{old}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True))
        )
    ),
    "a tag": says(lambda text: text.replace("version: 2.0.0", "version: !!python/object:os.system 2.0.0")),
    "a second document": says(lambda text: text + "---\nkind: Other\n"),
    "not a number": says(lambda text: text.replace("auc: 0.95", "auc: .nan")),
    "infinity": says(lambda text: text.replace("auc: 0.95", "auc: .inf")),
    "a text for a number": says(lambda text: text.replace("auc: 0.95", "auc: high")),
    "line ends of Windows": says(lambda text: text.replace("\n", "\r\n")),
    "a byte order mark": says(lambda text: "\ufeff" + text),
    "bytes that are no text": says(lambda text: text.encode() + b"description: \xff\xfe\n"),
    "a comment": says(lambda text: text + "# and a remark\n"),
    "a tab": says(lambda text: text.replace("metrics:\n", "metrics:\t\n")),
    "no end of line": says(lambda text: text.removesuffix("\n")),
    "an unknown key": says(lambda text: text.replace("metrics:", "metric:")),
    "no artifacts": says(lambda text: "apiVersion: gitstage/v1\nkind: ModelVersion\nmodel: fraud-detector\n"),
    "another kind": says(lambda text: text.replace("kind: ModelVersion", "kind: Hold")),
    "another model's name": says(lambda text: text.replace("model: fraud-detector", "model: other")),
    "another version": says(lambda text: text.replace("2.0.0", "2.0.1")),
    "a digest that is none": says(lambda text: text.replace("sha256: ", "sha256: 00")),
    "a password in an address": says(
        lambda text: text.replace("uri: artifacts/fraud-detector/1.2.0/", "uri: https://me:secret@example.com/")
    ),
    "a path that leads out": says(lambda text: text.replace("- path: ", "- path: ../../")),
    "nothing at all": says(lambda text: ""),
    "ten megabytes": says(lambda text: text + "description: " + "x" * 10_000_000 + "\n"),
    "brackets a thousand deep": says(lambda text: "a: " + "[" * 1000 + "]" * 1000 + "\n"),
    # files that are none
    "a link for a manifest": links(NEXT, "1.2.0.yaml"),
    "a link for a slot": links(SLOT, "../models/fraud-detector/1.2.0.yaml"),
    "a manifest that can be executed": makes_executable("models/fraud-detector/1.2.0.yaml"),
    "a submodule for a version": adds_a_submodule("models/fraud-detector/2.0.0"),
    "a name that is not UTF-8": names(b"models/fraud-detector/caf\xe9.yaml"),
    "a name with a newline": names(b"models/fraud-detector/1.3.0\n.yaml"),
    "a name with a space": writes("models/fraud detector/1.0.0.yaml", "x\n"),
    "a name like an option": writes("models/-rf/1.0.0.yaml", "x\n"),
    "a name that differs in case only": copies("models/fraud-detector/1.0.0.yaml", "models/Fraud-Detector/1.0.0.yaml"),
    "a version that is none": writes("models/fraud-detector/latest.yaml", "x\n"),
    "a stray file": writes("production/notes.txt", "x\n"),
    "a slot of no model": copies("models/fraud-detector/1.0.0.yaml", "production/nobody.yaml"),
    # what was there
    "a version rewritten": amends("models/fraud-detector/1.0.0.yaml", "auc: 0.9\n", "auc: 0.99\n"),
    "a version removed": removes("models/fraud-detector/1.0.0.yaml"),
    "an archived version removed": removes("archived/fraud-detector/1.0.0.yaml"),
    "an artifact rewritten": writes("artifacts/fraud-detector/1.0.0/fraud-detector-1.0.0.bin", "worse"),
    "an archived version that is none": copies(
        "models/fraud-detector/1.2.0.yaml", "archived/fraud-detector/7.0.0.yaml"
    ),
    "a hold on nothing": writes(
        "holds/fraud-detector/7.0.0.yaml",
        "apiVersion: gitstage/v1\nkind: Hold\nmodel: fraud-detector\nversion: 7.0.0\nstate: held\nreason: leaks\n",
    ),
    "a hold that is none": writes("holds/fraud-detector/1.0.0.yaml", "held\n"),
    "evidence that is none": writes("evidence/fraud-detector/1.2.0/load-test/1.json", "{}\n"),
    "evidence of a version that is none": writes("evidence/fraud-detector/7.0.0/load-test/1.json", "{}\n"),
    "evidence numbered otherwise": writes("evidence/fraud-detector/1.2.0/load-test/7.json", "{}\n"),
    # slots
    "a slot edited by hand": amends(SLOT, "auc: 0.92", "auc: 0.99"),
    "a slot removed": removes(SLOT),
    "a folder for a slot": both(removes(SLOT), writes(f"{SLOT}/x", "x\n")),
    "a slot emptied otherwise": writes(
        SLOT, "apiVersion: gitstage/v1\nkind: EmptySlot\nmodel: fraud-detector\nwhy: tired\n"
    ),
    "a slot emptied for another model": writes(SLOT, "apiVersion: gitstage/v1\nkind: EmptySlot\nmodel: other\n"),
    "a version of another model": both(another_model, copies("models/other/1.0.0.yaml", SLOT)),
    "a promotion that leaves nothing archived": both(
        removes("archived/fraud-detector/1.1.0.yaml"), copies("models/fraud-detector/1.2.0.yaml", SLOT)
    ),
    "a promotion that skips staging": both(
        says(lambda text: text.replace(KEPT, "s3://acme/m.bin")), copies(NEXT, SLOT)
    ),
    "a promotion together with its policy": both(
        copies("models/fraud-detector/1.2.0.yaml", SLOT),
        amends("gitstage.yaml", "    from: [staging]\n", "    from: [staging, registered]\n"),
    ),
    # the policy
    "the policy removed": removes("gitstage.yaml"),
    "a stage taken out": amends("gitstage.yaml", "  production:\n    from: [staging]\n", ""),
    "an id that is none": writes("gitstage.yaml", ""),
    "a key of the policy misspelt": amends("gitstage.yaml", "trunk: main", "trunc: main"),
    "stages in a circle": amends("gitstage.yaml", "from: [registered, archived]", "from: [production]"),
    "a policy that is no YAML": writes("gitstage.yaml", "stages: [\n"),
}

REFUSED: dict[str, str] = {
    "a key twice": """\
records/fraud-detector: manifest-valid models/fraud-detector/2.0.0.yaml:12: duplicate key 'version'
→ gitstage withdraw fraud-detector
""",
    "an anchor": """\
records/fraud-detector: manifest-valid models/fraud-detector/2.0.0.yaml:4: an anchor (&) is not allowed
→ gitstage withdraw fraud-detector
""",
    "an alias": """\
records/fraud-detector: manifest-valid models/fraud-detector/2.0.0.yaml:4: an alias (*) is not allowed
→ gitstage withdraw fraud-detector
""",
    "an alias bomb": """\
records/fraud-detector: manifest-valid models/fraud-detector/2.0.0.yaml:1: an anchor (&) is not allowed
records/fraud-detector: manifest-valid models/fraud-detector/2.0.0.yaml:2: an anchor (&) is not allowed
records/fraud-detector: manifest-valid models/fraud-detector/2.0.0.yaml:2: an alias (*) is not allowed
→ gitstage withdraw fraud-detector
""",
    "a tag": """\
records/fraud-detector: manifest-valid models/fraud-detector/2.0.0.yaml:4: a tag (!) is not allowed
→ gitstage withdraw fraud-detector
""",
    "a second document": """\
records/fraud-detector: manifest-valid models/fraud-detector/2.0.0.yaml:12: a second document is not allowed
→ gitstage withdraw fraud-detector
""",
    "not a number": """\
records/fraud-detector: manifest-valid models/fraud-detector/2.0.0.yaml:11: '.nan' means different things to different readers
→ gitstage withdraw fraud-detector
""",
    "infinity": """\
records/fraud-detector: manifest-valid models/fraud-detector/2.0.0.yaml:11: '.inf' means different things to different readers
→ gitstage withdraw fraud-detector
""",
    "a text for a number": """\
records/fraud-detector: manifest-valid models/fraud-detector/2.0.0.yaml:11: metrics.auc: must be a number, not 'high'
→ gitstage withdraw fraud-detector
""",
    "line ends of Windows": """\
records/fraud-detector: manifest-valid models/fraud-detector/2.0.0.yaml:1: not in canonical form: lines end with CRLF, and must end with LF
→ gitstage withdraw fraud-detector
""",
    "a byte order mark": """\
records/fraud-detector: manifest-valid models/fraud-detector/2.0.0.yaml:1: the document begins with a byte order mark
→ gitstage withdraw fraud-detector
""",
    "bytes that are no text": """\
records/fraud-detector: manifest-valid models/fraud-detector/2.0.0.yaml:12: the document is not UTF-8
→ gitstage withdraw fraud-detector
""",
    "a comment": """\
records/fraud-detector: manifest-valid models/fraud-detector/2.0.0.yaml:12: not in canonical form: it says '# and a remark' and not ''
→ gitstage withdraw fraud-detector
""",
    "a tab": """\
records/fraud-detector: manifest-valid models/fraud-detector/2.0.0.yaml:10: the document has a tab
→ gitstage withdraw fraud-detector
""",
    "no end of line": """\
records/fraud-detector: manifest-valid models/fraud-detector/2.0.0.yaml:11: not in canonical form: a line feed at the end is missing
→ gitstage withdraw fraud-detector
""",
    "an unknown key": """\
records/fraud-detector: manifest-valid models/fraud-detector/2.0.0.yaml:10: unknown key 'metric'; did you mean 'metrics'?
→ gitstage withdraw fraud-detector
""",
    "no artifacts": """\
records/fraud-detector: manifest-valid models/fraud-detector/2.0.0.yaml:1: the key 'version' is missing
records/fraud-detector: manifest-valid models/fraud-detector/2.0.0.yaml:1: the key 'artifacts' is missing
→ gitstage withdraw fraud-detector
""",
    "another kind": """\
records/fraud-detector: manifest-valid models/fraud-detector/2.0.0.yaml:2: kind must be ModelVersion, not 'Hold'
→ gitstage withdraw fraud-detector
""",
    "another model's name": """\
records/fraud-detector: manifest-valid models/fraud-detector/2.0.0.yaml: says other@2.0.0, and its path says fraud-detector@2.0.0
records/fraud-detector: manifest-valid models/fraud-detector/2.0.0.yaml: its artifact artifacts/fraud-detector/1.2.0/fraud-detector-1.2.0.bin does not lie below artifacts/fraud-detector/2.0.0/
→ gitstage withdraw fraud-detector
""",
    "another version": """\
records/fraud-detector: manifest-valid models/fraud-detector/2.0.0.yaml: says fraud-detector@2.0.1, and its path says fraud-detector@2.0.0
records/fraud-detector: manifest-valid models/fraud-detector/2.0.0.yaml: its artifact artifacts/fraud-detector/1.2.0/fraud-detector-1.2.0.bin does not lie below artifacts/fraud-detector/2.0.0/
→ gitstage withdraw fraud-detector
""",
    "a digest that is none": """\
records/fraud-detector: manifest-valid models/fraud-detector/2.0.0.yaml:8: artifacts[0].sha256: must be 64 lower-case hexadecimal digits, not '00c495903acafc0e89f07b2aa54a3815859d3f0bf63ab3cb2e966cab2df0…'
→ gitstage withdraw fraud-detector
""",
    "a password in an address": """\
records/fraud-detector: manifest-valid models/fraud-detector/2.0.0.yaml:7: artifacts[0].uri: has a password in it; nothing in a registry can be taken back
→ gitstage withdraw fraud-detector
""",
    "a path that leads out": """\
records/fraud-detector: manifest-valid models/fraud-detector/2.0.0.yaml:6: artifacts[0].path: a path has no part '..'
→ gitstage withdraw fraud-detector
""",
    "nothing at all": """\
records/fraud-detector: manifest-valid models/fraud-detector/2.0.0.yaml:1: the document is empty
→ gitstage withdraw fraud-detector
""",
    "ten megabytes": """\
records/fraud-detector: manifest-valid models/fraud-detector/2.0.0.yaml: has 10000308 bytes; no document of a registry has more than 1000000
→ gitstage withdraw fraud-detector
""",
    "brackets a thousand deep": """\
records/fraud-detector: manifest-valid models/fraud-detector/2.0.0.yaml:1: the document is nested deeper than 20 levels
→ gitstage withdraw fraud-detector
""",
    "a link for a manifest": """\
records/fraud-detector: known-path models/fraud-detector/2.0.0.yaml: is a symbolic link; only plain files lie in a registry
→ gitstage withdraw fraud-detector
""",
    "a link for a slot": """\
production/fraud-detector: slot-matches-version production/fraud-detector.yaml: is byte for byte none of the registered versions of fraud-detector
production/fraud-detector: known-path production/fraud-detector.yaml: is a symbolic link; only plain files lie in a registry
→ gitstage withdraw fraud-detector@production
""",
    "a manifest that can be executed": """\
records/fraud-detector: version-immutable models/fraud-detector/1.2.0.yaml: a version never changes
records/fraud-detector: known-path models/fraud-detector/1.2.0.yaml: has the executable bit; only plain files lie in a registry
→ gitstage withdraw fraud-detector
""",
    "a submodule for a version": """\
records/fraud-detector: known-path models/fraud-detector/2.0.0: is none of the files that lie in a registry
→ gitstage withdraw fraud-detector
""",
    "a name that is not UTF-8": """\
records/fraud-detector: known-path models/fraud-detector/caf\udce9.yaml: is none of the files that lie in a registry (its name has characters that cannot be shown)
→ gitstage withdraw fraud-detector
""",
    "a name with a newline": """\
records/fraud-detector: known-path models/fraud-detector/1.3.0
.yaml: is none of the files that lie in a registry (its name has characters that cannot be shown)
→ gitstage withdraw fraud-detector
""",
    "a name with a space": """\
policy: known-path models/fraud detector/1.0.0.yaml: is none of the files that lie in a registry
→ gitstage withdraw --policy
""",
    "a name like an option": """\
policy: known-path models/-rf/1.0.0.yaml: is none of the files that lie in a registry
→ gitstage withdraw --policy
""",
    "a name that differs in case only": """\
records/Fraud-Detector: manifest-valid models/Fraud-Detector/1.0.0.yaml: says fraud-detector@1.0.0, and its path says Fraud-Detector@1.0.0
records/Fraud-Detector: manifest-valid models/Fraud-Detector/1.0.0.yaml: its artifact artifacts/fraud-detector/1.0.0/fraud-detector-1.0.0.bin does not lie below artifacts/Fraud-Detector/1.0.0/
records/Fraud-Detector: known-path models/Fraud-Detector/1.0.0.yaml: models/Fraud-Detector differs only in case from 'fraud-detector' beside it
→ gitstage withdraw Fraud-Detector
""",
    "a version that is none": """\
records/fraud-detector: known-path models/fraud-detector/latest.yaml: is none of the files that lie in a registry
→ gitstage withdraw fraud-detector
""",
    "a stray file": """\
policy: known-path production/notes.txt: is none of the files that lie in a registry
→ gitstage withdraw --policy
""",
    "a slot of no model": """\
production/nobody: slot-matches-version production/nobody.yaml: is byte for byte none of the registered versions of nobody
→ gitstage withdraw nobody@production
""",
    "a version rewritten": """\
records/fraud-detector: version-immutable models/fraud-detector/1.0.0.yaml: a version never changes
→ gitstage withdraw fraud-detector
""",
    "a version removed": """\
records/fraud-detector: nothing-removed models/fraud-detector/1.0.0.yaml: nothing is removed from a registry
→ gitstage withdraw fraud-detector
""",
    "an archived version removed": """\
records/fraud-detector: nothing-removed archived/fraud-detector/1.0.0.yaml: nothing is removed from a registry
records/fraud-detector: leaves-archived archived/fraud-detector/1.0.0.yaml: 1.0.0 has left a slot and is not in archived/
→ gitstage withdraw fraud-detector
""",
    "an artifact rewritten": """\
records/fraud-detector: version-immutable artifacts/fraud-detector/1.0.0/fraud-detector-1.0.0.bin: an artifact never changes
→ gitstage withdraw fraud-detector
""",
    "an archived version that is none": """\
records/fraud-detector: slot-matches-version archived/fraud-detector/7.0.0.yaml: fraud-detector 7.0.0 is not registered
→ gitstage withdraw fraud-detector
""",
    "a hold on nothing": """\
records/fraud-detector: manifest-valid holds/fraud-detector/7.0.0.yaml: holds 7.0.0, which is not registered
→ gitstage withdraw fraud-detector
""",
    "a hold that is none": """\
records/fraud-detector: manifest-valid holds/fraud-detector/1.0.0.yaml:1: the document is not a mapping of keys to values
→ gitstage withdraw fraud-detector
""",
    "evidence that is none": """\
records/fraud-detector: manifest-valid evidence/fraud-detector/1.2.0/load-test/1.json:1: the key '_type' is missing
records/fraud-detector: manifest-valid evidence/fraud-detector/1.2.0/load-test/1.json:1: the key 'subject' is missing
records/fraud-detector: manifest-valid evidence/fraud-detector/1.2.0/load-test/1.json:1: the key 'predicateType' is missing
→ gitstage withdraw fraud-detector
""",
    "evidence of a version that is none": """\
records/fraud-detector: manifest-valid evidence/fraud-detector/7.0.0/load-test/1.json:1: the key '_type' is missing
records/fraud-detector: manifest-valid evidence/fraud-detector/7.0.0/load-test/1.json:1: the key 'subject' is missing
records/fraud-detector: manifest-valid evidence/fraud-detector/7.0.0/load-test/1.json:1: the key 'predicateType' is missing
→ gitstage withdraw fraud-detector
""",
    "evidence numbered otherwise": """\
records/fraud-detector: manifest-valid evidence/fraud-detector/1.2.0/load-test/7.json:1: the key '_type' is missing
records/fraud-detector: manifest-valid evidence/fraud-detector/1.2.0/load-test/7.json:1: the key 'subject' is missing
records/fraud-detector: manifest-valid evidence/fraud-detector/1.2.0/load-test/7.json:1: the key 'predicateType' is missing
records/fraud-detector: version-immutable evidence/fraud-detector/1.2.0/load-test/7.json: the next number of load-test is 1
→ gitstage withdraw fraud-detector
""",
    "a slot edited by hand": """\
production/fraud-detector: slot-matches-version production/fraud-detector.yaml: is byte for byte none of the registered versions of fraud-detector
→ gitstage withdraw fraud-detector@production
""",
    "a slot removed": """\
production/fraud-detector: nothing-removed production/fraud-detector.yaml: a slot's file is not removed
→ gitstage withdraw fraud-detector@production
""",
    "a folder for a slot": """\
policy: known-path production/fraud-detector.yaml/x: is none of the files that lie in a registry
production/fraud-detector: slot-matches-version production/fraud-detector.yaml: is byte for byte none of the registered versions of fraud-detector
production/fraud-detector: known-path production/fraud-detector.yaml: is no regular file; only plain files lie in a registry
→ gitstage withdraw --policy
→ gitstage withdraw fraud-detector@production
""",
    "a slot emptied otherwise": """\
production/fraud-detector: slot-matches-version production/fraud-detector.yaml: is byte for byte none of the registered versions of fraud-detector
→ gitstage withdraw fraud-detector@production
""",
    "a slot emptied for another model": """\
production/fraud-detector: slot-matches-version production/fraud-detector.yaml: is byte for byte none of the registered versions of fraud-detector
→ gitstage withdraw fraud-detector@production
""",
    "a version of another model": """\
production/fraud-detector: slot-matches-version production/fraud-detector.yaml: is byte for byte none of the registered versions of fraud-detector
→ gitstage withdraw fraud-detector@production
""",
    "a promotion that leaves nothing archived": """\
production/fraud-detector: nothing-removed archived/fraud-detector/1.1.0.yaml: the records of fraud-detector are open: nothing is removed from a registry
production/fraud-detector: leaves-archived archived/fraud-detector/1.1.0.yaml: the records of fraud-detector are open: 1.1.0 has left a slot and is not in archived/
production/fraud-detector: leaves-archived archived/fraud-detector/1.1.0.yaml: 1.1.0 leaves production and is not in archived/
records/fraud-detector: nothing-removed archived/fraud-detector/1.1.0.yaml: nothing is removed from a registry
records/fraud-detector: leaves-archived archived/fraud-detector/1.1.0.yaml: 1.1.0 has left a slot and is not in archived/
→ gitstage withdraw fraud-detector@production
→ gitstage withdraw fraud-detector
""",
    "a promotion that skips staging": """\
production/fraud-detector: stage-order production/fraud-detector.yaml: 2.0.0 enters production from staging; before this change it was in effect: registered
→ gitstage withdraw fraud-detector@production
""",
    "a promotion together with its policy": """\
production/fraud-detector: policy-alone production/fraud-detector.yaml: the policy, or a path that it protects, changes in the same commit
→ gitstage withdraw fraud-detector@production
""",
    "the policy removed": """\
policy: nothing-removed gitstage.yaml: the registry's policy is not removed
→ gitstage withdraw --policy
""",
    "a stage taken out": """\
policy: policy-alone gitstage.yaml:10: the stage production is never taken out
→ gitstage withdraw --policy
""",
    "an id that is none": """\
policy: manifest-valid gitstage.yaml:1: the document is empty
→ gitstage withdraw --policy
""",
    "a key of the policy misspelt": """\
policy: manifest-valid gitstage.yaml:6: unknown key 'trunc'; did you mean 'trunk'?
→ gitstage withdraw --policy
""",
    "stages in a circle": """\
policy: manifest-valid gitstage.yaml:12: stages.staging.from: the stages stand in a circle: staging → production → staging
→ gitstage withdraw --policy
""",
    "a policy that is no YAML": """\
policy: manifest-valid gitstage.yaml:2: this is not YAML: did not find expected node content
→ gitstage withdraw --policy
""",
}
"""What check says of each, line by line: which thing, which rule, where, and why; and what takes it back."""

STAYS = {
    "a promotion that skips staging": [NEXT],
    "a version of another model": ["models/other/1.0.0.yaml"],
    "a promotion together with its policy": ["gitstage.yaml"],
}
"""What was good about a change, and stays."""


def told(document: Any) -> str:
    """The refusals of a report."""
    lines = []
    for judgement in document["judgements"]:
        for found in judgement["findings"]:
            if found["verdict"] != "passed":
                where = f"{found['path']}:{found['line']}" if found["line"] else found["path"]
                lines.append(f"{judgement['thing']}: {found['rule']} {where}: {found['message']}")
    return "".join(f"{line}\n" for line in lines)


def served_by(gs: Shell) -> list[str]:
    """What a server would be given, whatever lies in the tree."""
    stages = ("staging", "production", "production~1")
    return [gs.run("resolve", f"fraud-detector@{stage}", "--field", "blob").out for stage in stages]


@pytest.mark.parametrize("name", list(CASES))
def test_it_is_refused_named_in_effect_nowhere_and_taken_back(gs: Shell, name: str) -> None:
    story = gs.story
    before, serving = story.git("rev-parse", "HEAD"), served_by(gs)
    CASES[name](story)
    story.commit("by hand")
    checked = gs.run("check", "--base", before, "--format", "json")
    tagged = gs.run("tag", "--json")
    ways = [item["way_back"] for item in json.loads(tagged.out)["open"]]
    assert told(json.loads(checked.out)) + "".join(f"→ {way}\n" for way in ways) == REFUSED[name]
    assert (checked.code, tagged.code, served_by(gs)) == (1, 1, serving)
    for way in ways:
        assert gs.run(*shlex.split(way)[1:]).code == 0
    assert (story.open_things(), gs.run("tag").code, served_by(gs)) == ([], 0, serving)
    assert story.git("diff", "--name-only", before, "HEAD").splitlines() == STAYS.get(name, [])
    # As git does, gitstage leaves alone what lies in a submodule.
    left = "?? models/fraud-detector/2.0.0/" if name == "a submodule for a version" else ""
    assert story.git("status", "--porcelain") == left
