"""Frozen values: the standard library's dataclasses, made without compiling six methods for each class.

Making a frozen dataclass takes half a millisecond, nearly all of it to compile its methods, and a command loads fifty
of them. Here the methods are written once, for all classes. `fields`, `replace` and `asdict` of the standard library
work.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import MISSING, FrozenInstanceError, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

__all__ = ["dataclass", "field", "lazy", "replace"]

T = TypeVar("T")

_set = object.__setattr__

if TYPE_CHECKING:
    from dataclasses import dataclass, replace
    from functools import cached_property as lazy
else:

    class lazy:  # noqa: N801 - it stands where `property` does
        """`functools.cached_property`, without the lock that it takes in Python 3.11: a value is of one thread."""

        def __init__(self, worked_out: Callable[[Any], object]) -> None:
            self._worked_out = worked_out
            self.__doc__ = worked_out.__doc__

        def __set_name__(self, owner: type, name: str) -> None:
            self._name = name

        def __get__(self, value: object, owner: type) -> object:
            if value is None:
                return self
            found = value.__dict__[self._name] = self._worked_out(value)
            return found

    def replace(value: T, /, **changes: object) -> T:
        """`dataclasses.replace`, without looking at each field: the same value with other fields."""
        names = getattr(type(value), "__plain_fields__", None)
        if names is None or not changes.keys() <= names:
            return dataclasses.replace(value, **changes)
        attributes = value.__dict__
        # What was only computed of the old value (cached properties lie there, too) stays behind.
        fields = attributes.copy() if len(attributes) == len(names) else {name: attributes[name] for name in names}
        fields.update(changes)
        new = object.__new__(type(value))
        _set(new, "__dict__", fields)
        return new

    def dataclass(*, frozen: bool, kw_only: bool = False) -> Callable[[type[T]], type[T]]:
        """`dataclasses.dataclass` for frozen classes: values compare, hash and print by their fields.

        A method that the class has itself stays. Raises TypeError where `frozen` is False; what changes is no value.
        """
        if not frozen:
            raise TypeError("a value is frozen")

        def made(cls: type[T]) -> type[T]:
            own = set(cls.__dict__)
            # Frozen, too, is what the methods below make it.
            dataclasses.dataclass(init=False, repr=False, eq=False, kw_only=kw_only)(cls)
            for name, method in {**METHODS, **_comparing(cls), "__init__": _init(cls)}.items():
                if name not in own:
                    setattr(cls, name, method)
            fields = dataclasses.fields(cls)
            plain = all(one.init for one in fields) and not own & {"__init__", "__post_init__"}
            cls.__plain_fields__ = frozenset(one.name for one in fields) if plain else None
            return cls

        return made


def _comparing(cls: type) -> dict[str, Callable[..., object]]:
    names = [one.name for one in dataclasses.fields(cls) if one.compare]
    compared: Callable[[object], object] = attrgetter(*names) if names else lambda value: ()

    def __eq__(self: object, other: object) -> object:  # noqa: N807
        if other.__class__ is not self.__class__:
            return NotImplemented
        return self is other or compared(self) == compared(other)

    def __hash__(self: object) -> int:  # noqa: N807
        return hash(compared(self))

    return {"__eq__": __eq__, "__hash__": __hash__}


def _repr(self: Any) -> str:
    shown = ", ".join(f"{one.name}={getattr(self, one.name)!r}" for one in dataclasses.fields(self) if one.repr)
    return f"{type(self).__qualname__}({shown})"


def _setattr(self: object, name: str, value: object) -> None:  # noqa: ARG001
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _delattr(self: object, name: str) -> None:  # noqa: ARG001
    raise FrozenInstanceError(f"cannot delete field {name!r}")


METHODS = {"__repr__": _repr, "__setattr__": _setattr, "__delattr__": _delattr}


def _misfit(cls: type, positional: tuple[str, ...], values: tuple[object, ...], named: dict[str, object]) -> TypeError:
    """What is wrong with what a value was to be made of."""
    taken = [one for one in dataclasses.fields(cls) if one.init]
    start = f"{cls.__name__}.__init__()"
    if len(values) > len(positional):
        return TypeError(f"{start} takes {len(positional)} positional arguments but {len(values)} were given")
    unknown = named.keys() - {one.name for one in taken}
    if unknown:
        return TypeError(f"{start} got an unexpected keyword argument {min(unknown)!r}")
    given = positional[: len(values)]
    twice = [name for name in given if name in named]
    if twice:
        return TypeError(f"{start} got multiple values for argument {twice[0]!r}")
    required = (one.name for one in taken if one.default is MISSING and one.default_factory is MISSING)
    missing = [repr(name) for name in required if name not in named and name not in given]
    return TypeError(f"{start} misses {', '.join(missing)}")


def _init(cls: type) -> Callable[..., None]:
    """`__init__` as the standard library would make it, but that it looks at the class's fields instead of being code."""
    taken = [one for one in dataclasses.fields(cls) if one.init]
    names = frozenset(one.name for one in taken)
    positional = tuple(one.name for one in taken if not one.kw_only)
    defaults = {one.name: one.default for one in taken if one.default is not MISSING}
    factories = {one.name: one.default_factory for one in taken if one.default_factory is not MISSING}
    finish = getattr(cls, "__post_init__", None)

    def __init__(self: object, *values: object, **named: object) -> None:  # noqa: N807
        # Most are made by name, with every field or with some that have a default. `named` is a dict of this call alone.
        attributes = named if len(named) == len(names) else {**defaults, **named}
        if values:
            attributes = {**attributes, **dict(zip(positional, values, strict=False))}
        for name, factory in factories.items():
            if name not in attributes:
                attributes[name] = factory()
        if attributes.keys() != names or len(values) > len(positional):
            raise _misfit(cls, positional, values, named)
        if values and named and not named.keys().isdisjoint(positional[: len(values)]):
            raise _misfit(cls, positional, values, named)
        _set(self, "__dict__", attributes)
        if finish is not None:
            finish(self)

    return __init__
