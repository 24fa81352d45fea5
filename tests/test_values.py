"""Frozen values: like the standard library's in everything but what they cost to define."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitstage.values import dataclass, field, lazy, replace


@dataclass(frozen=True)
class Point:
    """A place."""

    x: int
    y: int = 0


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Some places with a name."""

    name: str
    points: list[Point] = field(default_factory=list)
    note: str = field(default="", compare=False)
    secret: str = field(default="s", repr=False)
    count: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "count", len(self.points))


@dataclass(frozen=True)
class Standing:
    """A value that compares by its own rule."""

    left: int

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Standing) and abs(self.left - other.left) < 2

    def __hash__(self) -> int:
        return 7


@dataclass(frozen=True)
class Nothing:
    """A value without fields."""


@dataclasses.dataclass(frozen=True)
class StandardPoint:
    """What the standard library would make of it."""

    x: int
    y: int = 0


def test_a_value_is_made_by_position_or_by_name_and_has_its_defaults() -> None:
    assert (Point(1), Point(1, 2), Point(y=2, x=1)) == (Point(1, 0), Point(x=1, y=2), Point(1, 2))
    assert vars(Point(3)) == {"x": 3, "y": 0}


@pytest.mark.parametrize(
    ("values", "named", "said"),
    [
        ((), {}, "Point.__init__() misses 'x'"),
        ((), {"y": 1}, "Point.__init__() misses 'x'"),
        ((1, 2, 3), {}, "Point.__init__() takes 2 positional arguments but 3 were given"),
        ((1,), {"x": 1}, "Point.__init__() got multiple values for argument 'x'"),
        ((1, 2), {"x": 1}, "Point.__init__() got multiple values for argument 'x'"),
        ((1,), {"z": 1}, "Point.__init__() got an unexpected keyword argument 'z'"),
        ((), {"z": 1}, "Point.__init__() got an unexpected keyword argument 'z'"),
    ],
)
def test_what_does_not_fit_is_refused(values: tuple[int, ...], named: dict[str, int], said: str) -> None:
    with pytest.raises(TypeError) as refused:
        Point(*values, **named)
    assert str(refused.value) == said
    with pytest.raises(TypeError):
        StandardPoint(*values, **named)


def test_names_places_and_defaults_mix() -> None:
    @dataclass(frozen=True)
    class Mixed:
        first: int
        second: list[int] = field(default_factory=list)
        third: int = field(default=3, kw_only=True)
        fourth: str = field(kw_only=True)
        total: int = field(init=False)

        def __post_init__(self) -> None:
            object.__setattr__(self, "total", self.first + self.third)

    made = [Mixed(1, fourth="a"), Mixed(1, [2], fourth="a", third=4), Mixed(fourth="b", first=1)]
    assert [vars(one) for one in made] == [
        {"first": 1, "second": [], "third": 3, "fourth": "a", "total": 4},
        {"first": 1, "second": [2], "third": 4, "fourth": "a", "total": 5},
        {"first": 1, "second": [], "third": 3, "fourth": "b", "total": 4},
    ]
    assert made[0].second is not made[2].second
    assert made[0] == replace(made[1], second=[], third=3)
    with pytest.raises(TypeError, match="takes 2 positional arguments but 3 were given"):
        Mixed(1, [], "a")  # type: ignore[call-arg, arg-type]
    with pytest.raises(TypeError, match="unexpected keyword argument 'total'"):
        Mixed(1, fourth="a", total=2)  # type: ignore[call-arg]


def test_what_is_lazy_is_worked_out_once_and_left_behind_by_replace() -> None:
    asked = []

    @dataclass(frozen=True)
    class Word:
        text: str

        @lazy
        def length(self) -> int:
            """How long it is."""
            asked.append(self.text)
            return len(self.text)

    word = Word("four")
    assert (word.length, word.length, asked) == (4, 4, ["four"])
    assert (replace(word, text="three").length, asked) == (5, ["four", "three"])
    assert word == Word("four")
    assert Word.__dict__["length"].__doc__ == "How long it is."
    assert Word.length is Word.__dict__["length"]


def test_what_takes_names_only_takes_no_positions() -> None:
    with pytest.raises(TypeError, match="takes 0 positional arguments but 1 were given"):
        Shape("a")  # type: ignore[call-arg]
    assert Shape(name="a").name == "a"


def test_each_value_has_a_list_of_its_own() -> None:
    one, other = Shape(name="a"), Shape(name="a")
    assert one.points == other.points
    assert one.points is not other.points
    given = [Point(1)]
    assert Shape(name="a", points=given).points is given


def test_what_is_worked_out_afterwards_is_there_and_cannot_be_given() -> None:
    assert Shape(name="a", points=[Point(1), Point(2)]).count == 2
    with pytest.raises(TypeError, match="count"):
        Shape(name="a", count=3)  # type: ignore[call-arg]


def test_what_is_worked_out_is_worked_out_where_every_field_is_given() -> None:
    assert Shape(name="a", points=[Point(1)], note="n", secret="t").count == 1


def test_nothing_of_a_value_changes() -> None:
    point = Point(1)
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'x'"):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'other'"):
        point.other = 2  # type: ignore[attr-defined]
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'x'"):
        del point.x
    assert point == Point(1)


def test_values_are_equal_where_their_compared_fields_are() -> None:
    assert Shape(name="a", note="one") == Shape(name="a", note="other")
    assert Shape(name="a") != Shape(name="b")
    assert Shape(name="a", secret="t") != Shape(name="a")
    other: object = StandardPoint(1)
    assert Point(1) != other
    assert Point(1).__eq__(1) is NotImplemented
    assert Nothing() == Nothing()
    assert {Nothing(), Nothing()} == {Nothing()}


def test_equal_values_are_found_in_a_set() -> None:
    assert {Point(1), Point(1, 0), Point(2)} == {Point(2), Point(1)}
    with pytest.raises(TypeError, match="unhashable"):
        hash(Shape(name="a"))


def test_a_class_keeps_the_methods_of_its_own() -> None:
    assert Standing(1) == Standing(2)
    assert Standing(1) != Standing(3)
    assert hash(Standing(1)) == 7


def test_a_value_prints_as_it_would_be_written() -> None:
    assert repr(Shape(name="a", points=[Point(1)])) == "Shape(name='a', points=[Point(x=1, y=0)], note='', count=1)"
    assert repr(Nothing()) == "Nothing()"


def test_the_standard_library_takes_it_for_one_of_its_own() -> None:
    assert dataclasses.is_dataclass(Point)
    assert [one.name for one in dataclasses.fields(Shape)] == ["name", "points", "note", "secret", "count"]
    assert dataclasses.asdict(Point(1, 2)) == {"x": 1, "y": 2}
    assert replace(Point(1, 2), x=3) == Point(3, 2)
    assert copy.deepcopy(Point(1, 2)) == Point(1, 2)
    assert pickle.loads(pickle.dumps(Point(1, 2))) == Point(1, 2)
    match Point(1, 2):
        case Point(x, y):
            assert (x, y) == (1, 2)


def test_what_changes_is_no_value() -> None:
    with pytest.raises(TypeError, match="a value is frozen"):
        dataclass(frozen=False)


@given(st.integers(), st.integers(), st.integers(), st.integers())
def test_it_compares_hashes_and_prints_as_the_standard_librarys(a: int, b: int, c: int, d: int) -> None:
    ours, theirs = (Point(a, b), Point(c, d)), (StandardPoint(a, b), StandardPoint(c, d))
    assert (ours[0] == ours[1]) is (theirs[0] == theirs[1])
    assert (hash(ours[0]), hash(ours[1])) == (hash(theirs[0]), hash(theirs[1]))
    assert repr(ours[0]) == repr(theirs[0]).replace("StandardPoint", "Point")


def test_defining_a_value_compiles_nothing() -> None:
    code = """
import builtins
from gitstage.values import dataclass
compiled = []
real = builtins.exec
builtins.exec = lambda *words: (compiled.append(words[0]), real(*words))
made = dataclass(frozen=True)(type("C", (), {"__annotations__": {"a": "int"}, "__doc__": "."}))
made(1) == made(2), hash(made(1)), repr(made(1))
print(compiled)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@given(st.lists(st.integers(), max_size=3), st.dictionaries(st.sampled_from("xyz"), st.integers()))
def test_it_takes_what_the_standard_librarys_takes(values: list[int], named: dict[str, int]) -> None:
    try:
        theirs = StandardPoint(*values, **named)
    except TypeError:
        with pytest.raises(TypeError):
            Point(*values, **named)
    else:
        assert vars(Point(*values, **named)) == vars(theirs)


def test_replacing_a_field_that_is_not_there_is_an_error() -> None:
    with pytest.raises(TypeError):
        replace(Point(1), z=2)  # type: ignore[call-arg]


def test_a_field_may_be_called_like_what_is_replaced() -> None:
    @dataclass(frozen=True)
    class Measured:
        value: str
        changes: str = ""

    assert replace(Measured("1"), value="2", changes="x") == Measured("2", "x")
