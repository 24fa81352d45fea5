from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gitstage.canonical import parse
from gitstage.emptyslot import empty_slot
from gitstage.manifest import EmptySlot, canonical_bytes, read_slot

GOLDEN = Path(__file__).parent / "golden"


def test_an_empty_slot_has_always_the_same_bytes() -> None:
    assert empty_slot("risk/fraud-detector") == (GOLDEN / "empty-slot.yaml").read_bytes()


@pytest.mark.parametrize(
    "model", ["fraud-detector", "risk/fraud-detector", "on", "12x", "null", "a/yes", "1e5x", "0b1-1"]
)
def test_it_is_the_canonical_form_of_what_it_says(model: str) -> None:
    data = empty_slot(model)
    assert parse(data) == {"apiVersion": "gitstage/v1", "kind": "EmptySlot", "model": model}
    assert canonical_bytes(EmptySlot(model=model)) == data
    assert read_slot(data) == EmptySlot(model=model)


def test_its_bytes_cost_no_import_of_pydantic() -> None:
    code = "import sys, gitstage.emptyslot as e; e.empty_slot('m'); print('pydantic' in sys.modules, 'yaml' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"
