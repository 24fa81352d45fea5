from __future__ import annotations

import pytest

from gitstage.changes import FILE, Entry, Nothing, Overlay
from gitstage.layout import Layout
from gitstage.operations.models import MANY, no_model


@pytest.mark.parametrize(
    ("models", "asked", "hint"),
    [
        (["fraud-detector", "other"], "fraud-detektor", "fraud-detector, if that was meant"),
        (["risk/fraud"], "risk/frod", "risk/fraud, if that was meant"),
        (["a", "b"], "zzz", "one of a, b"),
        ([f"m{number}" for number in range(MANY + 1)], "zzz", "gitstage status lists the models"),
        ([], "zzz", "gitstage register zzz@1.0.0 --artifact FILE"),
    ],
)
def test_a_model_that_is_not_there_is_said_with_those_that_are(models: list[str], asked: str, hint: str) -> None:
    snapshot = Overlay(Nothing(), {f"models/{model}/1.0.0.yaml": Entry(FILE, "0" * 40) for model in models}, {})
    error = no_model(snapshot, Layout(frozenset({"staging", "production"})), asked)
    assert (error.message, error.hint) == (f"there is no model {asked}", hint)
