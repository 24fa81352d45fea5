from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gitstage.errors import CannotEvaluate
from gitstage.operations.plugins import plugins

SOURCE = "def licensed(facts):\n    return facts['asked']\n\nnumber = 7\n"


def distribution(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str = "acme", entries: str = "acme = acme_rules:licensed"
) -> None:
    """An installed package whose entry points bring rules."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[gitstage.rules]\n{entries}\n", encoding="utf-8")
    (folder / "acme_rules.py").write_text(SOURCE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "acme_rules", raising=False)


def refusal(allowed: set[str], name: str = "acme") -> tuple[str, str | None]:
    with pytest.raises(CannotEvaluate) as caught:
        plugins(allowed)(name)
    return caught.value.message, caught.value.hint


def test_a_rule_that_is_allowed_is_the_one_that_a_package_brings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distribution(tmp_path, monkeypatch)
    rule = plugins({"acme", "other"})("acme")
    assert (rule({"asked": True}), rule({"asked": False})) == (True, False)


def test_a_rule_that_is_not_allowed_is_not_even_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distribution(tmp_path, monkeypatch)
    assert refusal({"other"}) == (
        "the plug-in 'acme' is not allowed to run here",
        "gitstage --allow-plugin acme …, or GITSTAGE_PLUGINS=acme",
    )
    assert "acme_rules" not in sys.modules


def test_a_rule_that_nobody_brings_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distribution(tmp_path, monkeypatch)
    assert refusal({"nobody"}, "nobody") == (
        "no package that is installed here brings the plug-in 'nobody'",
        "install the one whose entry points 'gitstage.rules' name 'nobody'",
    )


def test_a_name_that_two_packages_bring_is_nobodys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distribution(tmp_path / "one", monkeypatch)
    distribution(tmp_path / "other", monkeypatch, "evil", "acme = acme_rules:number")
    assert refusal({"acme"})[0] == "2 packages bring a plug-in 'acme': which one is meant is not certain"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("acme = no_such_module:rule", "the plug-in 'acme' cannot be loaded: ModuleNotFoundError: No module named 'no_such_module'"),
        ("acme = acme_rules:nothing", "the plug-in 'acme' cannot be loaded: AttributeError: module 'acme_rules' has no attribute 'nothing'"),
        ("acme = acme_rules:number", "the plug-in 'acme' is no function"),
    ],
)  # fmt: skip
def test_what_cannot_be_loaded_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: str, message: str
) -> None:
    distribution(tmp_path, monkeypatch, entries=entry)
    assert refusal({"acme"})[0] == message


def test_a_module_that_ends_the_process_ends_only_its_own_loading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distribution(tmp_path, monkeypatch)
    (tmp_path / "acme_rules.py").write_text("raise SystemExit(0)\n", encoding="utf-8")
    assert refusal({"acme"})[0] == "the plug-in 'acme' cannot be loaded: SystemExit: 0"
