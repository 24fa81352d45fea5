"""A change of the policy changes no slot, and takes nothing away that is in effect."""

from __future__ import annotations

from gitstage.changes import blob_id, files
from gitstage.emptyslot import empty_slot
from gitstage.layout import CONFIGURATION, MODELS, README, model_problem_under
from gitstage.policy import Policy
from gitstage.rules.cases import Answer, Answers, PolicyCase, SlotCase


def policy(case: PolicyCase) -> Answers:
    """A policy is valid only if everything in effect is, under its stages and names.

    `id` and `tag-prefix` never change, a stage is never taken out of the file but only `retired: true` with empty
    slots, and the directory of a new stage holds nothing yet but a README.
    """
    if case.new is None:
        return
    if case.old is not None:
        yield from _never_changes(case.old, case.new)
        yield from _stages_stay(case.old, case.new)
    yield from _new_stages(case, case.new)
    yield from _retired(case, case.new)
    yield from _names(case, case.new)


def slot(case: SlotCase) -> Answers:
    """Who changes the rules does not use them in the same breath.

    Passes: a pull request that raises a threshold, then one that promotes. Refused: both in one commit of the trunk,
    a rollback too; the slot is refused, the policy is not.
    """
    if case.with_policy:
        here = f"gitstage withdraw {case.slot.model}@{case.slot.stage}"
        # It waits for a change of its file, and rolling back to what the file says already is none.
        again = f"then: gitstage rollback {case.slot.model}@{case.slot.stage} --reason …"
        yield Answer(
            message="the policy, or a path that it protects, changes in the same commit",
            path=case.slot.path,
            hint=f"{here}, {again}" if case.action == "rollback" else f"land the policy first; here: {here}",
        )


def _never_changes(old: Policy, new: Policy) -> Answers:
    for key, was, now in (("id", old.id, new.id), ("tag-prefix", old.tag_prefix, new.tag_prefix)):
        if was != now:
            yield Answer(message=f"{key} never changes: it was {was!r}", path=CONFIGURATION, line=new.line_of(key))


def _stages_stay(old: Policy, new: Policy) -> Answers:
    for name in old.stages:
        if name not in new.stages:
            yield Answer(
                message=f"the stage {name} is never taken out",
                path=CONFIGURATION,
                line=new.line_of("stages"),
                hint=f"empty its slots, then say: {name}: {{retired: true}}",
            )


def _new_stages(case: PolicyCase, new: Policy) -> Answers:
    if case.old is None:
        return
    for name in new.stages:
        if name in case.old.stages:
            continue
        for path, _ in files(case.after, name):
            if path != f"{name}/{README}":
                yield Answer(message=f"the directory of the new stage {name} holds something already", path=path)


def _retired(case: PolicyCase, new: Policy) -> Answers:
    for name, stage in new.stages.items():
        if not stage.retired or (case.old is not None and name in case.old.stages and case.old.stages[name].retired):
            continue
        for path, entry in files(case.after, name):
            model = path.removeprefix(f"{name}/").removesuffix(".yaml")
            if path != f"{name}/{README}" and entry.oid != blob_id(empty_slot(model)):
                yield Answer(message=f"the stage {name} retires only with empty slots", path=path)
        for slot in case.filled(name):
            yield Answer(
                message=f"a version of {slot.model} is in effect in {name}, which retires only with empty slots",
                path=slot.path,
                hint=f"gitstage archive {slot.model}@{name} --reason …",
            )


def _names(case: PolicyCase, new: Policy) -> Answers:
    old = case.old
    if old is None or (old.integer_versions == new.integer_versions and set(new.stages) <= set(old.stages)):
        return
    models = _models(case)
    if old.integer_versions != new.integer_versions and models:
        yield Answer(
            message="versions: is not changed once a version is registered",
            path=CONFIGURATION,
            line=new.line_of("versions"),
        )
    for model in sorted(models):
        problem = model_problem_under(model, frozenset(new.stages))
        if problem is not None:
            yield Answer(message=f"the model {model} could not be called so: {problem}", path=CONFIGURATION)
            return


def _models(case: PolicyCase) -> set[str]:
    """The models of the registry, and those whose files are taken away and who are there all the same."""
    layouts = [policy.layout for policy in (case.old, case.new) if policy]
    places = (layout.place(path) for path, _ in files(case.after, MODELS) for layout in layouts)
    return {*(str(place.model) for place in places if place.kind == "version"), *case.displaced}
