from __future__ import annotations

import pytest

from gitstage.changes import EXECUTABLE, LINK, SUBMODULE, Entry, blob_id
from gitstage.rules import known_path
from gitstage.rules.cases import Answer
from tests.registries import (
    Content,
    empty_slot,
    manifest,
    policy_case,
    policy_file,
    records_case,
    slot_case,
    tree,
)

ONE = manifest("m", "1.0.0")
KNOWN: dict[str, Content] = {"gitstage.yaml": policy_file(), "models/m/1.0.0.yaml": ONE}
STRAY = "is none of the files that lie in a registry"
HINT = "move it out of the registry's folder"
SPECIAL = [
    (Entry(LINK, "d" * 40), "is a symbolic link"),
    (Entry(SUBMODULE, "d" * 40), "is a submodule"),
    (Entry(EXECUTABLE, "d" * 40), "has the executable bit"),
    (Entry(0o100664, "d" * 40), "is no regular file"),
]


@pytest.mark.parametrize(
    "path",
    [
        "models/m/README.md",
        "models/m/1.1.0.yaml",
        "archived/m/1.0.0.yaml",
        "holds/m/1.0.0.yaml",
        "evidence/m/1.0.0/load-test/12.json",
        "artifacts/m/1.0.0/deep/model.onnx",
        "artifacts/m/1.0.0/größe.onnx",
    ],
)
def test_the_files_of_a_model_have_their_places(path: str) -> None:
    assert list(known_path.records(records_case(KNOWN, {path: "x"}))) == []


@pytest.mark.parametrize(
    "path",
    [
        "models/m/notes.txt",
        "models/m/1.0.yaml",
        "models/m/1.1.0.yml",
        "models/m/1.1.0.YAML",
        "models/m/readme.md",
        "archived/m/README.md",
        "holds/m/README.md",
        "evidence/m/1.0.0/load-test/01.json",
        "evidence/m/1.0.0/load-test/x.json",
        "evidence/m/1.0.0/load-test/².json",
        "evidence/m/1.0.0/load-test/1.txt",
        "evidence/m/1.0.0/1.json",
        "evidence/m/1.0.0/load-test/deep/1.json",
        "evidence/m/1.0.0/-x/1.json",
        "artifacts/m/1.0.0/.git/config",
        "artifacts/m/1.0.0/a\\b",
    ],
)
def test_what_has_no_place_among_a_models_files_is_refused(path: str) -> None:
    odd = " (its name has characters that cannot be shown)" if "\\" in path else ""
    assert list(known_path.records(records_case(KNOWN, {path: "x"}))) == [
        Answer(message=STRAY + odd, path=path, hint=HINT)
    ]


@pytest.mark.parametrize(
    "path",
    [
        "notes.txt",
        "models/x.yaml",
        "models/1.0.0/1.0.0.yaml",
        "models/a b/1.0.0.yaml",
        "models/../1.0.0.yaml",
        "models/-m/1.0.0.yaml",
        "models/m.lock/1.0.0.yaml",
        "models/staging/1.0.0.yaml",
        "models/Production/x/1.0.0.yaml",
        "models/policy/1.0.0.yaml",
        "models/readme.md/1.0.0.yaml",
        "models/README.md",
        "staging/m.yml",
        "staging/m/1.0.0.yaml",
        "staging/notes.txt",
        "staging/.gitattributes",
        "staging/m.yaml/x",
        "Staging/m.yaml",
        "evidence/m/load-test/1.json",
        "artifacts/model.onnx",
        "canary/m.yaml",
        "canary/README.md",
        "holds/README.md",
        "models",
    ],
)
def test_what_has_no_place_in_a_registry_is_refused(path: str) -> None:
    before = {} if path == "models" else KNOWN
    messages = [found.message for found in known_path.policy(policy_case(before, {path: "x"})) if found.path == path]
    assert messages[:1] == [STRAY]


@pytest.mark.parametrize("path", ["bad\udcff", "staging/new\nline.yaml", "a\tb", "\u202egnp.x", "\u2028"])
def test_a_name_that_cannot_be_shown_is_seen_and_refused(path: str) -> None:
    assert list(known_path.policy(policy_case(KNOWN, {path: "x"}))) == [
        Answer(message=f"{STRAY} (its name has characters that cannot be shown)", path=path, hint=HINT)
    ]


@pytest.mark.parametrize(
    "path", ["README.md", "staging/README.md", "archived/README.md", ".gitattributes", "gitstage.yaml"]
)
def test_what_explains_a_registry_has_its_place(path: str) -> None:
    assert list(known_path.policy(policy_case({}, {path: policy_file()}))) == []


@pytest.mark.parametrize(("entry", "what"), SPECIAL)
@pytest.mark.parametrize("path", ["README.md", "staging/README.md", "gitstage.yaml", ".gitattributes"])
def test_only_plain_files_explain_a_registry(entry: Entry, what: str, path: str) -> None:
    case = policy_case({"models/m/1.0.0.yaml": ONE}, {path: "x"})
    changes = tuple((change._replace(after=entry), place) for change, place in case.changes)
    answers = list(known_path._unknown(changes))
    assert answers == [Answer(message=f"{what}; only plain files lie in a registry", path=path)]


@pytest.mark.parametrize(("entry", "what"), SPECIAL)
@pytest.mark.parametrize(
    "path",
    [
        "models/m/1.1.0.yaml",
        "models/m/README.md",
        "archived/m/1.0.0.yaml",
        "holds/m/1.0.0.yaml",
        "evidence/m/1.0.0/x/1.json",
        "artifacts/m/1.0.0/model.onnx",
    ],
)
def test_only_plain_files_belong_to_a_model(entry: Entry, what: str, path: str) -> None:
    assert list(known_path.records(records_case(KNOWN, {path: entry}))) == [
        Answer(message=f"{what}; only plain files lie in a registry", path=path)
    ]


@pytest.mark.parametrize(("entry", "what"), SPECIAL)
def test_only_a_plain_file_is_a_slot(entry: Entry, what: str) -> None:
    case = slot_case(edits={"production/m.yaml": entry})
    assert list(known_path.slot(case)) == [
        Answer(message=f"{what}; only plain files lie in a registry", path="production/m.yaml")
    ]


def test_a_folder_is_no_slot() -> None:
    case = slot_case(edits={"production/m.yaml/x": "x"})
    assert [found.message for found in known_path.slot(case)] == [
        "is no regular file; only plain files lie in a registry"
    ]


def test_what_is_taken_away_has_no_place_to_answer_for() -> None:
    before: dict[str, Content] = {**KNOWN, "notes.txt": "x", "models/m/notes.txt": "x"}
    assert list(known_path.policy(policy_case(before, {"notes.txt": None}))) == []
    assert list(known_path.records(records_case(before, {"models/m/notes.txt": None}))) == []


def test_what_comes_beside_what_is_taken_away_is_looked_at() -> None:
    before: dict[str, Content] = {**KNOWN, "models/m/a.txt": "x", "models/m/1.0.1.yaml": "x"}
    edits: dict[str, Content | None] = {"models/m/1.0.1.yaml": None, "models/m/a.txt": None, "models/m/b.txt": "x"}
    assert list(known_path.records(records_case(before, edits))) == [
        Answer(message=STRAY, path="models/m/b.txt", hint=HINT)
    ]


# Twins.


def test_a_file_that_was_there_stays_good_though_a_twin_stands_beside_it() -> None:
    before: dict[str, Content] = {**KNOWN, "staging/README.md": "x", "Staging/x": "refused already"}
    assert list(known_path.policy(policy_case(before, {"staging/README.md": "another"}))) == []


def test_a_name_that_differs_in_case_is_said_once_for_all_that_lies_below_it() -> None:
    before: dict[str, Content] = {**KNOWN, "artifacts/m/1.0.0/a/x": "x"}
    edits: dict[str, Content | None] = {f"artifacts/m/1.0.0/A/{name}": "x" for name in ("one", "two", "ONE")}
    assert [(found.path, found.message) for found in known_path.records(records_case(before, edits))] == [
        ("artifacts/m/1.0.0/A/ONE", "artifacts/m/1.0.0/A/ONE differs only in case from 'one' beside it"),
        ("artifacts/m/1.0.0/A/ONE", "artifacts/m/1.0.0/A differs only in case from 'a' beside it"),
        ("artifacts/m/1.0.0/A/one", "artifacts/m/1.0.0/A/one differs only in case from 'ONE' beside it"),
    ]


def test_of_three_names_each_other_one_is_said() -> None:
    before: dict[str, Content] = {**KNOWN, "artifacts/m/1.0.0/AB": "x", "artifacts/m/1.0.0/Ab": "x"}
    case = records_case(before, {"artifacts/m/1.0.0/ab": "x"})
    assert [found.message for found in known_path.records(case)] == [
        f"artifacts/m/1.0.0/ab differs only in case from {other!r} beside it" for other in ("AB", "Ab")
    ]


@pytest.mark.parametrize(
    ("path", "name", "twin"),
    [
        ("models/M/1.0.0.yaml", "models/M", "m"),
        ("artifacts/M/1.0.0/x", "artifacts/M", "m"),
    ],
)
def test_a_model_whose_name_differs_only_in_case_is_refused(path: str, name: str, twin: str) -> None:
    before: dict[str, Content] = {**KNOWN, "artifacts/m/1.0.0/x": "x"}
    assert list(known_path.records(records_case(before, {path: "x"}, model="M"))) == [
        Answer(message=f"{name} differs only in case from {twin!r} beside it", path=path)
    ]


@pytest.mark.parametrize(
    ("path", "name", "twin"),
    [
        ("models/m/1.0.0-RC.1.yaml", "models/m/1.0.0-RC.1.yaml", "1.0.0-rc.1.yaml"),
        ("evidence/m/1.0.0/LOAD/1.json", "evidence/m/1.0.0/LOAD", "load"),
        ("artifacts/m/1.0.0/A/y", "artifacts/m/1.0.0/A", "a"),
        ("artifacts/m/1.0.0/GRÖSSE", "artifacts/m/1.0.0/GRÖSSE", "größe"),
        ("artifacts/m/1.0.0/e\u0301", "artifacts/m/1.0.0/e\u0301", "\u00e9"),
    ],
)
def test_two_files_of_a_model_that_differ_only_in_case_are_refused(path: str, name: str, twin: str) -> None:
    before: dict[str, Content] = {
        **KNOWN,
        "models/m/1.0.0-rc.1.yaml": "x",
        "evidence/m/1.0.0/load/1.json": "x",
        "artifacts/m/1.0.0/a/x": "x",
        "artifacts/m/1.0.0/größe": "x",
        "artifacts/m/1.0.0/\u00e9": "x",
    }
    assert list(known_path.records(records_case(before, {path: "x"}))) == [
        Answer(message=f"{name} differs only in case from {twin!r} beside it", path=path)
    ]


def test_of_two_twins_the_newcomer_is_refused() -> None:
    before: dict[str, Content] = {**KNOWN, "models/M/1.0.0.yaml": "x", "evidence/M/1.0.0/load/1.json": "x"}
    edits: dict[str, Content | None] = {"models/m/1.1.0.yaml": "x", "evidence/m/1.0.0/load/1.json": "x"}
    assert [found.path for found in known_path.records(records_case(before, edits))] == [
        "evidence/m/1.0.0/load/1.json"
    ], "the model's own name is good, a folder that is new is not"


def test_two_twins_that_come_together_are_both_refused_and_each_is_said_once() -> None:
    edits: dict[str, Content | None] = {f"models/{model}/{v}.0.0.yaml": "x" for model in ("m", "M") for v in (1, 2)}
    for model, other in (("m", "M"), ("M", "m")):
        assert [found.message for found in known_path.records(records_case({}, edits, model=model))] == [
            f"models/{model} differs only in case from {other!r} beside it"
        ]


def test_a_namespace_that_differs_only_in_case_is_refused_again_and_again() -> None:
    before: dict[str, Content] = {"models/risk/a/1.0.0.yaml": "x", "models/Risk/b/1.0.0.yaml": "refused already"}
    case = records_case(before, {"models/Risk/c/1.0.0.yaml": "x"}, model="Risk/c")
    assert [found.message for found in known_path.records(case)] == [
        "models/Risk differs only in case from 'risk' beside it"
    ]


def test_a_readme_that_differs_only_in_case_is_refused() -> None:
    case = policy_case({**KNOWN, "staging/README.md": "x"}, {"staging/Readme.md": "x"})
    assert [found.message for found in known_path.policy(case)] == [
        STRAY,
        "staging/Readme.md differs only in case from 'README.md' beside it",
    ]


def test_a_twin_is_looked_for_in_the_folder_where_the_name_lies() -> None:
    case = records_case({**KNOWN, "M/x": "x"}, {"models/M/1.0.0.yaml": "x"}, model="M")
    assert list(known_path.records(case)) == [
        Answer(message="models/M differs only in case from 'm' beside it", path="models/M/1.0.0.yaml")
    ]


def test_a_slot_whose_name_differs_only_in_case_is_refused() -> None:
    case = slot_case(edits={"production/M.yaml": "x"}, incumbent=None)
    assert list(known_path.slot(case)) == [
        Answer(message="production/m.yaml differs only in case from 'M.yaml' beside it", path="production/m.yaml")
    ]


def test_a_slot_in_which_something_took_effect_stays_good_whatever_is_put_beside_it() -> None:
    assert list(known_path.slot(slot_case(edits={"production/M.yaml": "x", "Production/x": "x"}))) == []


# Namespaces.


def test_no_namespace_is_itself_a_model() -> None:
    for above in ("m", "m/deep"):
        known: dict[str, Content] = {f"models/{above}/1.0.0.yaml": ONE}
        case = records_case(known, {"models/m/deep/er/1.0.0.yaml": "x"}, model="m/deep/er")
        assert list(known_path.records(case)) == [
            Answer(message=f"{above} is a model, and so no namespace of models", path="models/m/deep/er")
        ]


def test_no_model_is_itself_a_namespace() -> None:
    before: dict[str, Content] = {"models/risk/README.md": "x", "models/risk/a/1.0.0.yaml": "x"}
    case = records_case(before, {"models/risk/1.0.0.yaml": "x"}, model="risk")
    assert list(known_path.records(case)) == [
        Answer(message="risk is a namespace (of risk/a), and so no model", path="models/risk")
    ]


def test_a_model_stays_good_whatever_is_put_below_it() -> None:
    before: dict[str, Content] = {**KNOWN, "models/m/below/1.0.0.yaml": "refused already"}
    assert list(known_path.records(records_case(before, {"models/m/1.1.0.yaml": "x"}))) == []


def test_a_card_makes_no_model_and_a_stray_file_no_namespace() -> None:
    before: dict[str, Content] = {"models/risk/README.md": "x", "models/a/b/README.md": "x"}
    for model in ("risk/a", "a"):
        case = records_case(before, {f"models/{model}/1.0.0.yaml": "x"}, model=model)
        assert list(known_path.records(case)) == []


@pytest.mark.parametrize(
    ("model", "displaced", "message"),
    [
        ("M", ["m"], "M differs only in case from 'm', which is registered"),
        ("Risk/a", ["risk/b", "x"], "Risk/a differs only in case from 'risk/b', which is registered"),
        ("risk/A", ["risk/a"], "risk/A differs only in case from 'risk/a', which is registered"),
        ("m/deep", ["m"], "m cannot be a model and the namespace of m/deep"),
        ("risk", ["risk/a/b"], "risk cannot be a model and the namespace of risk/a/b"),
        ("risk/a", ["risk/b", "risky", "a", "risk/b/a"], None),
        ("m", ["m"], None),
    ],
)
def test_a_model_that_passed_is_in_the_way_though_its_files_are_taken_away(
    model: str, displaced: list[str], message: str | None
) -> None:
    case = records_case({}, {f"models/{model}/1.0.0.yaml": "x"}, model=model, displaced=displaced)
    expected = [] if message is None else [Answer(message=message, path=f"models/{model}")]
    assert list(known_path.records(case)) == expected
    known = records_case({f"models/{model}/1.0.0.yaml": "x"}, {f"models/{model}/1.1.0.yaml": "x"}, model, (), displaced)
    assert list(known_path.records(known)) == [], "it was there before"
    card = records_case({}, {f"models/{model}/README.md": "x"}, model=model, displaced=displaced)
    assert list(known_path.records(card)) == [], "it is no model"


# A slot that is empty and always was.


def test_an_empty_slot_of_a_model_that_is_none_is_refused() -> None:
    case = slot_case(incoming=None, incumbent=None, action="archive", model="ghost")
    assert list(known_path.slot(case)) == [Answer(message="there is no model ghost", path="production/ghost.yaml")]


def test_an_empty_slot_of_a_model_is_none_the_worse() -> None:
    case = slot_case({"models/m/1.0.0.yaml": ONE}, incoming=None, incumbent=None, action="archive")
    assert case.entry == Entry(0o100644, blob_id(empty_slot("m")))
    assert list(known_path.slot(case)) == []


def test_a_slot_without_a_file_has_no_name() -> None:
    assert list(known_path.slot(slot_case(incoming=None, incumbent=None, entry=None, head=tree({})))) == []
