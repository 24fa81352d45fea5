from __future__ import annotations

import random

import pytest

from gitstage.operations import landing
from gitstage.operations.landing import LONGEST_PAUSE, Tries


def test_who_was_not_first_waits_longer_each_time_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    now, waited = [100.0], list[float]()
    monkeypatch.setattr(landing, "monotonic", lambda: now[0])
    monkeypatch.setattr(landing, "sleep", waited.append)
    monkeypatch.setattr(random, "uniform", lambda least, most: least + most)
    tries = Tries()
    for _ in range(5):
        now[0] += 3
        tries.again()
    assert waited == [3.0, 6.0, 12.0, 24.0, LONGEST_PAUSE]


def test_how_long_is_waited_is_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    now, waited = [100.0], list[float]()
    monkeypatch.setattr(landing, "monotonic", lambda: now[0])
    monkeypatch.setattr(landing, "sleep", waited.append)
    tries = Tries()
    for _ in range(20):
        now[0] += 40
        tries.again()
    assert len(set(waited)) > 1
    assert all(0 <= pause <= LONGEST_PAUSE for pause in waited)
