"""The story of `gitstage demo`: three models, two people, and a workflow that tags."""

from __future__ import annotations

from gitstage.cli.demo.example import BIOPSY, DIGITS
from gitstage.cli.demo.teller import Command, Step

ADA, GRACE, CI = "ada", "grace", "ci"
SERVED = "ed148f32402c1d129a468ec1c200a3d2eeeca479635047d4af71aed26bece0d1"
"""The digest of vision/digit-reader 1.1.0."""


def _registered(model: str, version: str, description: str, *, features: int) -> Command:
    folder = f"../trained/{model}/{version}"
    return Command(
        ADA,
        f"gitstage register {model}@{version} --artifact {folder}/model.onnx --metrics {folder}/metrics.json"
        f" --param features={features} --description '{description}' --to staging --push",
        says=(f"{model}: register {version} and promote it to staging",),
    )


def _attested(model: str, version: str, test: str, *, result: str = "passed") -> Command:
    return Command(
        ADA,
        f"gitstage attest {model}@{version} --name {test} --result {result}"
        f" --file ../trained/{model}/{version}/{test}.json --push",
        says=(f"{model}: attest {test} of {version}",),
    )


def _tagged(*says: str, ends: int = 0) -> Command:
    return Command(CI, "gitstage tag", ends=ends, says=says)


def _merged(branch: str) -> tuple[Command, ...]:
    return (
        Command(GRACE, "git switch --quiet main"),
        Command(GRACE, f"git merge --no-ff --quiet --message 'Merge {branch}' {branch}"),
        Command(GRACE, "git push --quiet origin main"),
    )


STORY = (
    Step(
        "What is there",
        (Command(ADA, "gitstage status", says=(BIOPSY, DIGITS, "diabetes-progression")),),
        "A stage is a folder of this repository, with one file for each model. What is in effect is what was tagged: "
        "these versions serve, and nobody has to ask a server.",
    ),
    Step(
        "Ada has trained a smaller biopsy-screener, and registers it",
        (
            _registered(BIOPSY, "1.3.0", "Leaves out ten measurements of thirty", features=20),
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
            Command(ADA, "git switch --quiet --create serve-1.3.0"),
            Command(
                ADA,
                f"gitstage promote {BIOPSY}@1.3.0 --to production",
                ends=1,
                says=("production 1.2.0 → 1.3.0", "refused", "auc 0.9911 → 0.9753", "nothing was changed"),
                lines=11,
            ),
        ),
        "The gate compares with the version that serves. Twenty measurements are not as good as thirty: refused, and "
        "nothing was changed.",
    ),
    Step(
        "She copies the file herself, and opens a pull request",
        (
            Command(ADA, f"cp staging/{BIOPSY}.yaml production/{BIOPSY}.yaml"),
            Command(ADA, "git commit --quiet --all --message 'Serve the smaller biopsy-screener'"),
            Command(
                CI,
                "gitstage check --base origin/main --format markdown",
                ends=1,
                says=("refused: 1 of 1 change", "| auc | 0.9911 | 0.9753 |", "auc 0.9911 → 0.9753"),
                lines=24,
            ),
        ),
        "A promotion is nothing but this file. So the same judge looks at a pull request however it was made, by the "
        "policy of its base, and this is the report that a reviewer reads.",
    ),
    Step(
        "The mend: the ten measurements that 1.3.0 left out are the ones that matter",
        (
            Command(ADA, "git switch --quiet main"),
            _registered(BIOPSY, "2.0.0", "Keeps only the ten that 1.3.0 left out", features=10),
            _attested(BIOPSY, "2.0.0", "shadow-traffic"),
            _attested(BIOPSY, "2.0.0", "load-test"),
            _tagged(f"in effect {BIOPSY}: promote 2.0.0 to staging"),
            Command(ADA, f"gitstage diff {BIOPSY}@1.2.0 {BIOPSY}@2.0.0", says=("auc 0.9911 0.9964 +0.0053",), lines=8),
        ),
        "1.3.0 gave way in staging and is archived: it has never served, and it is not lost.",
    ),
    Step(
        "On a branch: promote, and look at what the gate says",
        (
            Command(ADA, "git switch --quiet --create serve-2.0.0"),
            Command(
                ADA,
                f"gitstage promote {BIOPSY}@2.0.0 --to production",
                says=(f"{BIOPSY}: promote 2.0.0 to production",),
            ),
            Command(
                CI,
                "gitstage check --base origin/main",
                says=("production 1.2.0 → 2.0.0 passed", "auc 0.9911 → 0.9964"),
            ),
        ),
        "One commit: the slot's file, and the version that goes out listed in archived/. The pull request is green.",
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
            Command(ADA, "git switch --quiet --create serve-digits"),
            Command(
                ADA,
                f"gitstage promote {DIGITS}@2.0.0 --to production",
                says=("production 1.1.0 → 2.0.0 pending", "no test-result called shadow-traffic"),
                lines=6,
            ),
            *_merged("serve-digits"),
            _tagged(f"pending production/{DIGITS}", "no test-result called shadow-traffic", ends=4),
            Command(GRACE, f"gitstage status {DIGITS}", says=("1.1.0", "(2.0.0", "production waits")),
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
            Command(
                GRACE,
                f"gitstage rollback {DIGITS}@production --reason 'misreads one faint scan in five' --push",
                says=(f"{DIGITS}: roll production back to 1.1.0", f"tagged {DIGITS}/production/3"),
            ),
        ),
        "One commit on the trunk, tagged in the same push: an incident waits for no gate and no workflow, as 1.1.0 "
        "has passed them before. 2.0.0 is held, so nothing promotes it again by oversight.",
    ),
    Step(
        "It is taken out of staging as well",
        (
            Command(
                ADA,
                f"gitstage archive {DIGITS}@staging --reason '2.1.0 will bring faint scans to full contrast' --push",
                says=(f"{DIGITS}: archive 2.0.0, staging is empty",),
            ),
            _tagged(f"in effect {DIGITS}: archive 2.0.0, staging is empty"),
            Command(ADA, "gitstage status", says=(f"{BIOPSY} 2.0.0 2.0.0 4", f"{DIGITS} – 1.1.0 2")),
        ),
        "Archived is not deleted: manifest, artifact, evidence and hold stay, for audit, comparison and rollback.",
    ),
    Step(
        "How a server reads what serves, and what served then",
        (
            Command(CI, f"gitstage resolve {DIGITS}@production --field sha256", says=(SERVED,)),
            Command(
                CI,
                f"gitstage pull {DIGITS}@production --to ../served",
                says=(f"{DIGITS}@1.1.0 pulled and verified",),
            ),
            Command(GRACE, f"gitstage resolve {DIGITS}@production --at {{then}}", says=("2.0.0",)),
        ),
        "Only what is in effect is delivered, and nothing is in place before every digest has been verified. For any "
        "moment, tags answer, in any clone.",
    ),
    Step(
        "Who, when and why",
        (
            Command(
                GRACE,
                f"gitstage log {DIGITS}@production",
                says=("rollback", "promote", "adopt", "1.1.0", "2.0.0", "misreads"),
                lines=16,
            ),
            Command(
                GRACE,
                f"git log --format='%h %an: %s' -- production/{DIGITS}.yaml",
                says=(
                    f"Grace: {DIGITS}: roll production back to 1.1.0",
                    f"Ada: {DIGITS}: promote 2.0.0 to production",
                ),
            ),
        ),
        "The log is made of tags, with what each rule had measured; who typed it is what Git knows anyway.",
    ),
)
