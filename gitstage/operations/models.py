"""Which models a registry has, said to somebody who asked for one that it has not."""

from __future__ import annotations

from difflib import get_close_matches

from gitstage.changes import Snapshot
from gitstage.errors import NoSuchThing
from gitstage.layout import Layout
from gitstage.plans import all_models

MANY = 8
"""Where a registry has more models, they are not listed in a hint."""


def no_model(snapshot: Snapshot, layout: Layout, model: str) -> NoSuchThing:
    """The error for a model that is not registered: with the one that was probably meant, or those that there are."""
    models = all_models(snapshot, layout)
    near = get_close_matches(model, models, n=1)
    if near:
        hint = f"{near[0]}, if that was meant"
    elif not models:
        hint = f"gitstage register {model}@1.0.0 --artifact FILE"
    elif len(models) <= MANY:
        hint = f"one of {', '.join(models)}"
    else:
        hint = "gitstage status lists the models"
    return NoSuchThing(f"there is no model {model}", hint=hint)
