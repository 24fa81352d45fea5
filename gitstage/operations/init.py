"""Make a registry: its policy, its folders, and one commit of what was written, and of nothing else."""

from __future__ import annotations

import itertools
import re
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import TypedDict

from gitstage.canonical import parse
from gitstage.changes import FILE, Entry, Snapshot, blob_id, joined
from gitstage.errors import GitstageError
from gitstage.git import NotARepository, Repository
from gitstage.git.creation import create
from gitstage.identity import identity_of
from gitstage.layout import ATTRIBUTES, CONFIGURATION, MODELS, README
from gitstage.operations.landing import Outcome, carry_out
from gitstage.operations.registries import (
    Clock,
    Registry,
    folders_by_ledger,
    folders_with_registry,
    identity_in,
    utc_now,
)
from gitstage.plans import Plan, Scene, Step
from gitstage.values import dataclass, replace

ADOPTION = timedelta(days=30)
"""How long models that serve already may be taken in."""

ATTRIBUTES_TEXT = b"# Bytes are bytes: no text conversion, no line merge.\n* -text merge=binary\n"

STAGE_TEXTS = {
    "staging": "The dress rehearsal: what is here is tested in conditions like production's.\n",
    "production": "What serves real users. Nothing gets here without having been in staging.\n",
    "archived": "What is no longer used, and is kept: for audit, comparison and rollback.\n",
}

POLICY_TEXT = """\
# The policy of this registry: stages, gates, people. It is judged like everything else: a change of it
# takes effect when it has passed, and never together with a promotion.
apiVersion: gitstage/v1
kind: Registry
id: {id}    # made once, never changes
trunk: {trunk}
{prefix}{tags}adopt-until: {adopt_until}    # until then, models that serve already are taken in: gitstage adopt
{protected}
stages:
  staging:
    from: [registered, archived]
    # keep: 72h                     # what is being tested is not pushed out by the next candidate before that
  production:
    from: [staging]
    # gates: [standard]             # all of them must pass
    # rollback: {{by: [owners], settle: 72h}}        # one of these may roll back alone; a second one settles it later
    # waivers: {{by: [owners], settle: 72h}}         # who may break the glass; without it, nobody

# gates:
#   standard:
#     soak: 24h                     # in the stage it comes from, without a break
#     metrics:
#     - {{name: auc, min: 0.90, max-drop: 0.002}}    # max-drop, max-rise: against the version in the slot
#     evidence:
#     - {{type: test-result, name: shadow-traffic, max-age: 30d}}
#     windows:
#     - {{deny: "Fri 16:00 - Mon 08:00", timezone: Europe/Berlin}}
#     rules:                        # in CEL, for what no table foresees: pip install 'gitstage[cel]'
#     - {{name: licensed-data, expr: "version.labels.license != 'internal'", message: needs a data licence}}
#     approvals: [{{count: 1, from: owners}}]        # by somebody who did not make the change, and signed or reviewed it

# models:                           # the most specific pattern wins
#   "**": {{owners: [platform]}}
#   risk/**: {{owners: [risk], gates: {{production: [standard]}}}}

# people:
#   alice: {{github: alice-acme, emails: [alice@example.com]}}
# roles:
#   platform: [alice]
#   risk: [alice]
"""


Workflows = Callable[[str, str], Mapping[str, bytes]]
"""From the registry's folder and the trunk's name: files beside the registry, by their path from the repository's root."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """What `init` did: where the registry lies, whether it made the repository, and the commit's outcome."""

    folder: str
    work_tree: Path | None
    new_repository: bool
    outcome: Outcome


def run(
    directory: Path,
    folder: str | None = None,
    *,
    ci: str | None = None,
    workflows: Workflows | None = None,
    dry_run: bool = False,
    clock: Clock | None = None,
) -> Made:
    """Makes a registry in `folder` of the repository at `directory`, and a repository where there is none.

    Without `folder` it is the repository's root where nothing was committed yet, else `registry/`. `workflows` makes
    files beside the registry (for `ci`). Raises GitstageError where there is a registry already, or one of those files.
    """
    try:
        repo = Repository.discover(directory)
    except NotARepository:
        top = directory if folder is None else directory / folder
        return _in_new_repository(top, ci=ci, workflows=workflows, dry_run=dry_run, clock=clock or utc_now)
    return _made(repo, folder, ci=ci, workflows=workflows, dry_run=dry_run, clock=clock or utc_now)


def _in_new_repository(top: Path, *, ci: str | None, workflows: Workflows | None, dry_run: bool, clock: Clock) -> Made:
    """Makes the repository first; for a dry run in a place where it does not stay."""
    options: _Options = {"ci": ci, "workflows": workflows, "dry_run": dry_run, "clock": clock}
    if dry_run:
        with tempfile.TemporaryDirectory() as temporary, create(Path(temporary), branch="main") as repo:
            return replace(_made(repo, ".", **options), work_tree=top, new_repository=True)
    try:
        repo = create(top, branch="main")
    except OSError as error:
        raise GitstageError(
            f"{top} cannot be made: {error.strerror}", hint="name another folder: gitstage init DIR"
        ) from error
    return replace(_made(repo, ".", **options), new_repository=True)


class _Options(TypedDict):
    ci: str | None
    workflows: Workflows | None
    dry_run: bool
    clock: Clock


def _made(
    repo: Repository, folder: str | None, *, ci: str | None, workflows: Workflows | None, dry_run: bool, clock: Clock
) -> Made:
    head = repo.head()
    if repo.is_bare:
        raise GitstageError(
            "a registry is made in a work tree, and pushed", hint="git clone the repository, then init there"
        )
    if head.branch is None:
        raise GitstageError("HEAD is detached: there is no branch to commit to", hint="git switch -c main")
    if folder is None and head.commit is not None:
        _refuse_a_second(repo, repo.tree(head.commit))
    where = _folder(repo, folder, head.commit)
    if head.commit is not None and repo.tree(head.commit).entry(joined(where, CONFIGURATION)) is not None:
        raise GitstageError(f"there is a registry in {where or 'this folder'} already", hint="gitstage status")
    files = registry_files(
        registry_id=str(uuid.uuid4()),
        trunk=_trunk(repo, head.branch.removeprefix("refs/heads/")),
        today=clock().date(),
        ci=ci,
        prefix=_prefix(repo, where, head.commit),
    )
    identity = identity_of(parse(files[CONFIGURATION]))
    registry = Registry(repo, where, identity, clock, is_new=True)
    beside = {} if workflows is None else workflows(where, identity.trunk)
    _refuse_to_overwrite(repo, head.commit, beside)

    def planner(scene: Scene) -> Plan:
        plan = Plan(subject="gitstage: make a registry", steps=(Step(action="init", model=where or "."),))
        for path, data in files.items():
            if path.rpartition("/")[2] not in (README, ATTRIBUTES) or scene.registry.entry(path) is None:
                plan = plan.with_file(path, data)
        for path, data in beside.items():
            plan = plan.with_file_beside(path, data)
        return plan

    outcome = carry_out(registry, planner, dry_run=dry_run)
    return Made(folder=where, work_tree=repo.work_tree, new_repository=False, outcome=outcome)


def _refuse_a_second(repo: Repository, tree: Snapshot) -> None:
    """A second registry is made where somebody names its folder, and not where `init` is typed twice."""
    there = [""] if tree.entry(CONFIGURATION) is not None else list(folders_with_registry(tree))
    if there:
        where = there[0] or "the root of this repository"
        raise GitstageError(
            f"there is a registry in {where} already", hint="gitstage status; a second one: gitstage init FOLDER"
        )
    gone = folders_by_ledger(repo)
    if gone:
        raise GitstageError(
            f"there is a registry in {gone[0] or 'the root of this repository'}, and its {CONFIGURATION} is not here",
            hint="where it was removed: gitstage withdraw --policy; where this branch lacks it: git merge the trunk",
        )


def _trunk(repo: Repository, current: str) -> str:
    """The branch on which things will land: the remote's default, or main or master; else the current one.

    For a new registry is often proposed on a branch of its own.
    """
    remote = repo.remote()
    prefix = "refs/heads/" if remote is None else f"refs/remotes/{remote}/"
    branches = {ref.removeprefix(prefix): oid for ref, oid in repo.refs(prefix).items()}
    default = branches.pop("HEAD", None) if remote is not None else None
    usual = [name for name, oid in branches.items() if default in (None, oid)]
    # Which of several branches at one commit is the default, refs do not say.
    chosen = next((name for name in ("main", "master", current) if name in usual), None)
    return chosen or (usual[0] if default is not None and usual else current)


def _refuse_to_overwrite(repo: Repository, head: str | None, files: Mapping[str, bytes]) -> None:
    """What somebody wrote is theirs: another registry's gate, say."""
    for path, data in files.items():
        entry = repo.tree(head).entry(path) if head is not None else None
        if entry not in (None, Entry(FILE, blob_id(data))):
            raise GitstageError(
                f"{path} is there already, and says something else",
                hint="move it out of the way, or go on without --ci and add what you need to it",
            )


def _prefix(repo: Repository, where: str, head: str | None) -> str:
    """With what the registry's tags begin: nothing, unless this repository holds another registry."""
    if head is None:
        return ""
    tree = repo.tree(head)
    others = [*([""] if tree.entry(CONFIGURATION) is not None else []), *folders_with_registry(tree)]
    if not others:
        return ""
    taken = set()
    for folder in others:
        with suppress(GitstageError):  # what cannot be read has no tags that we could know of
            taken.add(identity_in(repo, folder, [head]).tag_prefix)
    # No model of another registry, and no namespace, may be called so.
    taken |= {f"{name}/" for folder in others for name in tree.listing(joined(folder, MODELS))}
    slug = re.sub(r"[^A-Za-z0-9_-]+", "-", where).strip("-") or "registry"
    return next(prefix for prefix in _numbered(slug) if prefix not in taken)


def _numbered(slug: str) -> Iterator[str]:
    yield f"{slug}/"
    yield from (f"{slug}-{number}/" for number in itertools.count(2))


def _folder(repo: Repository, folder: str | None, head: str | None) -> str:
    if folder is None:
        return "" if head is None and not repo.prefix else joined(repo.prefix.strip("/"), "registry")
    path = Path(repo.prefix or ".", folder)
    if path.is_absolute():
        top = repo.work_tree or Path()
        try:
            path = path.resolve().relative_to(top.resolve())
        except ValueError as error:
            raise GitstageError(f"{folder} does not lie in this repository") from error
    parts = [part for part in path.as_posix().split("/") if part not in ("", ".")]
    if ".." in parts or ".git" in [part.lower() for part in parts]:
        raise GitstageError(f"{folder} does not lie in this repository")
    return "/".join(parts)


def registry_files(*, registry_id: str, trunk: str, today: date, ci: str | None, prefix: str = "") -> dict[str, bytes]:
    """The files of a new registry, by their path in it. Its tags' names begin with `prefix`."""
    policy = POLICY_TEXT.format(
        id=registry_id,
        trunk=trunk,
        prefix=f"tag-prefix: {prefix}    # another registry of this repository has tags, too\n" if prefix else "",
        adopt_until=(today + ADOPTION).isoformat(),
        tags="tags: ci    # a workflow tags what has landed\n"
        if ci
        else "# tags: ci    # with it, only a workflow tags what has landed\n",
        protected="protected: [.github/**, CODEOWNERS]" if ci else "# protected: [.github/**, CODEOWNERS]",
    )
    files = {CONFIGURATION: policy.encode(), ATTRIBUTES: ATTRIBUTES_TEXT}
    for stage, text in STAGE_TEXTS.items():
        files[f"{stage}/{README}"] = f"# {stage}\n\n{text}".encode()
    return files
