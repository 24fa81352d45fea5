"""The story of `gitstage demo`: two models, three people, and a workflow that tags."""

from __future__ import annotations

from collections.abc import Sequence

from gitstage.cli.demo.example import BIOPSY, DIGITS
from gitstage.cli.demo.teller import Command, Step

ADA, GRACE, CI = "ada", "grace", "ci"


def _gitstage(who: str, *words: str, ends: int = 0, says: Sequence[str] = (), lines: int = 12) -> Command:
    return Command(who, ("gitstage", *words), ends, tuple(says), lines)


def _git(who: str, *words: str, says: Sequence[str] = (), lines: int = 3) -> Command:
    return Command(who, ("git", *words), 0, tuple(says), lines)


def _registered(model: str, version: str, description: str, *params: str) -> Command:
    folder = f"../trained/{model}/{version}"
    return _gitstage(
        ADA, "register", f"{model}@{version}", "--artifact", f"{folder}/model.onnx",
        "--metrics", f"{folder}/metrics.json",
        *(word for param in params for word in ("--param", param)),
        "--description", description, "--to", "staging", "--push",
        says=[f"{model}: register {version} and promote it to staging"],
    )  # fmt: skip


def _attested(model: str, version: str, test: str, *, result: str = "passed") -> Command:
    return _gitstage(
        ADA, "attest", f"{model}@{version}", "--name", test, "--result", result,
        "--file", f"../trained/{model}/{version}/{test}.json", "--push",
        says=[f"{model}: attest {test} of {version}"],
    )  # fmt: skip


def _tagged(*says: str, ends: int = 0) -> Command:
    return _gitstage(CI, "tag", says=says, ends=ends)


def _merged(branch: str) -> tuple[Command, ...]:
    return (
        _git(GRACE, "switch", "--quiet", "main"),
        _git(GRACE, "merge", "--no-ff", "--quiet", "--message", f"Merge {branch}", branch),
        _git(GRACE, "push", "--quiet", "origin", "main"),
    )


STORY = (
    Step(
        "What is there",
        (_gitstage(ADA, "status", says=[BIOPSY, DIGITS, "diabetes-progression"]),),
        "A stage is a folder of this repository, with one file for each model. What is in effect is what was tagged: "
        "these versions serve, and nobody has to ask a server.",
    ),
    Step(
        "Ada has trained a smaller biopsy-screener, and registers it",
        (
            _registered(
                BIOPSY,
                "1.3.0",
                "Leaves out ten measurements",
                "algorithm=logistic-regression",
                "features=20",
            ),
            _attested(BIOPSY, "1.3.0", "shadow-traffic"),
            _attested(BIOPSY, "1.3.0", "load-test"),
            _tagged(f"in effect {BIOPSY}: promote 1.3.0 to staging"),
        ),
        "The artifact's digest and size are measured, the manifest never changes from now on, and the rehearsal's "
        "results are bound to it. What left staging is listed in archived/.",
    ),
    Step(
        "She wants it to serve",
        (
            _git(ADA, "switch", "--quiet", "--create", "serve-1.3.0"),
            _gitstage(
                ADA,
                "promote",
                f"{BIOPSY}@1.3.0",
                "--to",
                "production",
                ends=1,
                says=["production 1.2.0 → 1.3.0", "auc 0.9911 → 0.9753", "refused"],
                lines=9,
            ),
        ),
        "The gate compares with the version that serves. Twenty measurements are not as good as thirty: refused, and "
        "nothing was changed.",
    ),
    Step(
        "She copies the file herself, and opens a pull request",
        (
            Command(ADA, ("cp", f"staging/{BIOPSY}.yaml", f"production/{BIOPSY}.yaml")),
            _git(ADA, "commit", "--quiet", "--all", "--message", "Serve the smaller biopsy-screener"),
            _gitstage(
                CI,
                "check",
                "--base",
                "origin/main",
                "--format",
                "markdown",
                ends=1,
                says=["auc", "0.9911", "0.9753", "refused"],
                lines=24,
            ),
        ),
        "A promotion is nothing but this file. So the same judge looks at a pull request however it was made, by the "
        "policy of its base, and this is the report that a reviewer reads.",
    ),
    Step(
        "The mend: the ten measurements that 1.3.0 left out are the ones that matter",
        (
            _git(ADA, "switch", "--quiet", "main"),
            _registered(
                BIOPSY,
                "2.0.0",
                "Keeps only these ten",
                "algorithm=logistic-regression",
                "features=10",
            ),
            _attested(BIOPSY, "2.0.0", "shadow-traffic"),
            _attested(BIOPSY, "2.0.0", "load-test"),
            _tagged(f"in effect {BIOPSY}: promote 2.0.0 to staging"),
            _gitstage(ADA, "diff", f"{BIOPSY}@1.2.0", f"{BIOPSY}@2.0.0", says=["auc", "0.9911", "0.9964"], lines=8),
        ),
        "1.3.0 gave way in staging and is archived: it has never served, and it is not lost.",
    ),
    Step(
        "On a branch: promote, and look at what the gate says",
        (
            _git(ADA, "switch", "--quiet", "--create", "serve-2.0.0"),
            _gitstage(
                ADA,
                "promote",
                f"{BIOPSY}@2.0.0",
                "--to",
                "production",
                says=[f"{BIOPSY}: promote 2.0.0 to production"],
            ),
            _gitstage(
                CI,
                "check",
                "--base",
                "origin/main",
                says=["production 1.2.0 → 2.0.0", "auc 0.9911 → 0.9964", "passed"],
                lines=12,
            ),
        ),
        "One commit: the slot's file, and the version that goes out added to archived/. The pull request is green.",
    ),
    Step(
        "Grace merges it, and the workflow tags",
        (*_merged("serve-2.0.0"), _tagged(f"in effect {BIOPSY}: promote 2.0.0 to production")),
        "A merge declares, a tag puts into effect: what has landed is judged once more, and only what passes is "
        "tagged. The tag says what came, what went, and what each rule had measured.",
    ),
    Step(
        "Somebody merges too early: the digit reader's rehearsal is not over",
        (
            _git(ADA, "switch", "--quiet", "--create", "serve-digits"),
            _gitstage(
                ADA,
                "promote",
                f"{DIGITS}@2.0.0",
                "--to",
                "production",
                says=["no test-result called shadow-traffic", "pending"],
                lines=8,
            ),
            *_merged("serve-digits"),
            _tagged(f"pending production/{DIGITS}", "no test-result called shadow-traffic", ends=4),
            _gitstage(
                GRACE,
                "status",
                DIGITS,
                says=["1.1.0", "2.0.0 declared"],
            ),
        ),
        "It is on the trunk, and it is not in effect: 1.1.0 serves, 2.0.0 waits, and everybody can see for what.",
    ),
    Step(
        "The rehearsal is over",
        (
            _attested(DIGITS, "2.0.0", "shadow-traffic"),
            _tagged(f"in effect {DIGITS}: promote 2.0.0 to production"),
        ),
        "What waited was judged again, and took effect. Nobody had to merge it twice.",
        remembers="then",
    ),
    Step(
        "Production is bad: faint scans are misread",
        (
            _attested(DIGITS, "2.0.0", "faint-scans", result="failed"),
            _gitstage(
                GRACE,
                "rollback",
                f"{DIGITS}@production",
                "--reason",
                "misreads one faint scan in five",
                "--push",
                says=[f"{DIGITS}: roll production back to 1.1.0", f"tagged {DIGITS}/production/3"],
            ),
        ),
        "One commit on the trunk, tagged in the same push: an incident waits for no gate and no workflow, as 1.1.0 "
        "has passed them before. 2.0.0 is held, so nothing promotes it again by oversight.",
    ),
    Step(
        "It is taken out of staging as well",
        (
            _gitstage(
                ADA,
                "archive",
                f"{DIGITS}@staging",
                "--reason",
                "2.1.0 will bring faint scans to full contrast",
                "--push",
                says=[f"{DIGITS}: archive 2.0.0"],
            ),
            _tagged("in effect"),
            _gitstage(ADA, "status", says=[DIGITS, "1.1.0"]),
        ),
        "Archived is not deleted: manifest, artifact, evidence and hold stay, for audit, comparison and rollback.",
    ),
    Step(
        "What served then, and what has happened since?",
        (
            _gitstage(GRACE, "resolve", f"{DIGITS}@production", "--at", "{then}", says=["2.0.0"]),
            _gitstage(GRACE, "log", f"{DIGITS}@production", says=["1.1.0", "2.0.0", "misreads one faint scan in five"]),
            _git(
                GRACE,
                "log",
                "--format=%h %an: %s",
                "-4",
                "--",
                f"production/{DIGITS}.yaml",
                says=["Grace: vision/digit-reader: roll production back to 1.1.0"],
                lines=4,
            ),
        ),
        "Answered from tags, at any moment, in any clone; who typed it is what Git knows anyway.",
    ),
    Step(
        "How a server reads it",
        (
            _gitstage(CI, "resolve", f"{DIGITS}@production", "--field", "sha256"),
            _gitstage(
                CI,
                "pull",
                f"{DIGITS}@production",
                "--to",
                "../served",
                says=[f"{DIGITS}@1.1.0 pulled and verified"],
            ),
        ),
        "Only what is in effect is delivered, and nothing is in place before every digest has been verified.",
    ),
)
