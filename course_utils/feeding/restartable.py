"""Draw a generator's first elements to look at them, and tell what that does to it.

A dataset asks a generator function anew for each epoch. What is made anew can be looked at without
harm; what is kept outside of the function, such as an open file, is used up by looking.
"""

from __future__ import annotations

import inspect
import io
import operator
import warnings
from collections.abc import (
    Callable,
    Iterable,
    Iterator,
    MutableMapping,
    MutableSequence,
    MutableSet,
)
from contextlib import contextmanager
from itertools import islice
from numbers import Number
from types import GeneratorType
from typing import Any

from course_utils.feeding.outside import keeps_its_place, kept_outside
from course_utils.feeding.values import described

CURE = "Make it inside the function, so that each call begins anew, or pass advance=True."


class NotRestartable(ValueError):
    """To draw elements may use them up, so none was drawn."""


class SourceAdvanced(UserWarning):
    """Elements were drawn, and something that the generator keeps outside is different now."""


@contextmanager
def drawing(
    make: Callable[[], Iterable[Any]], count: int, advance: bool = False
) -> Iterator[Iterator[Any]]:
    """Give the first elements that `make` makes, at most `count`; in the end, close the generator.

        with drawing(make, 8) as elements:
            for element in elements: ...

    Warns (`SourceAdvanced`) where the drawing changed a number that the function keeps outside, in
    a global, a closure or an attribute, or shortened a container there. What grows is no loss.

    What is looked into: the function's code and what is nested in it, its closure, defaults and
    bound object, `functools.partial`, and functions and methods of the same module that it calls.
    What can't be seen: code of other modules and in C, such as a database's position; containers in
    containers; numbers within a container; a remote service.

    `make` is called twice where it isn't a generator function, to see whether both calls share
    an iterator.

    Args:
        make: a callable without arguments that returns an iterable.
        count: elements, 1 or more.
        advance: draw in any case, without refusal or warning. What was made outside stays open.

    Raises:
        NotRestartable: elements would be lost. Nothing has been drawn.
        TypeError: `make` can't be called so, or returned what can't be iterated.
        ValueError: `count` is below 1.
    """
    _check_count(count)
    _check_callable(make)
    outside = {} if advance else kept_outside(make)
    before = {label: _measure(value) for label, value in outside.items()}
    for label, value in outside.items():
        if kind := keeps_its_place(value):
            raise NotRestartable(
                f"The function uses {label}, {kind} made outside of it, and to look at elements "
                f"may use them up. {CURE}"
            )
    made = make()
    if not advance:
        _check_made_anew(make, made)
    iterator = _iterator(made)
    elements = _Counted(islice(iterator, count))
    try:
        yield elements
    finally:
        if not advance or inspect.isgeneratorfunction(make):
            _close(iterator)
        if not advance:
            _warn_of_changes(before, kept_outside(make), elements.count)


def _measure(value: Any) -> Number | int | None:
    """The value of a number, or the length of a container that can shrink."""
    if isinstance(value, Number):
        return value
    if isinstance(value, (MutableSequence, MutableMapping, MutableSet)):
        return len(value)
    return None


def _warn_of_changes(before: dict[str, Any], after: dict[str, Any], count: int) -> None:
    changes = []
    for label, old in before.items():
        value = after.get(label)
        new = _measure(value)
        if old is None or new is None or old == new or (old != old and new != new):
            continue
        if isinstance(value, Number):
            changes.append(f"{label} went from {described(old)} to {described(new)}")
        elif new < old:
            changes.append(f"{label} shrank from {old} to {new}")
    if changes:
        warnings.warn(
            f"Drawing {count} element{'s' * (count != 1)} changed what the function keeps "
            f"outside: {', '.join(changes)}. If the elements depend on it, the next epoch goes on "
            "from there.",
            SourceAdvanced,
            stacklevel=5,  # the line that called what draws
        )


class _Counted:
    def __init__(self, elements: Iterator[Any]) -> None:
        self.elements, self.count = elements, 0

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        element = next(self.elements)
        self.count += 1
        return element


def _check_made_anew(make: Callable, made: Any) -> None:
    if not isinstance(made, Iterator):
        return  # a list, a range: can be iterated again
    if isinstance(made, GeneratorType) and inspect.getgeneratorstate(made) != inspect.GEN_CREATED:
        raise NotRestartable(f"The function returned a generator that has begun already. {CURE}")
    if inspect.isgeneratorfunction(make):
        return
    again = make()
    if _iterators(made) & _iterators(again):
        raise NotRestartable(
            f"Two calls of the function share one {type(made).__name__}, and to look at its "
            f"elements may use them up. {CURE}"
        )
    _close(again)


def _close(iterator: Any) -> None:
    if isinstance(iterator, (GeneratorType, io.IOBase)):
        iterator.close()


def _iterators(made: Any) -> set[int]:
    """Its identity, and those of the iterators that a generator was given."""
    inner = made.gi_frame.f_locals.values() if isinstance(made, GeneratorType) else ()
    return {id(made), *(id(value) for value in inner if isinstance(value, Iterator))}


def _check_count(count: int) -> None:
    try:
        whole = operator.index(count)
    except TypeError:
        raise TypeError(f"count must be a whole number, found {described(count)}") from None
    if whole < 1 or isinstance(count, bool):
        raise ValueError(f"count must be 1 or more, found {count}")


def _check_callable(make: Any) -> None:
    if isinstance(make, GeneratorType):
        name = make.gi_code.co_name
        cure = f"Give `{name}` in place of `{name}()`" if name.isidentifier() else "Give a function"
        raise TypeError(f"Found a generator, which can be used once. {cure}: it is called anew.")
    if not callable(make):
        cure = "a function without arguments that returns an iterable was expected."
        if isinstance(make, Iterable) and not isinstance(make, Iterator):
            cure = "it can't be called. Give `lambda: elements`, a function that returns it."
        raise TypeError(f"Found {described(make)}: {cure}")
    try:
        inspect.signature(make).bind()
    except TypeError as error:
        raise TypeError(
            f"The function can't be called without arguments ({error}). Give "
            "functools.partial(function, ...) or a lambda."
        ) from None
    except ValueError:  # some of those written in C don't tell
        pass


def _iterator(made: Any) -> Iterator[Any]:
    if made is None:
        raise TypeError("The function returned None. Has it lost its `yield` or its `return`?")
    try:
        return iter(made)
    except TypeError:
        raise TypeError(
            f"The function returned {described(made)}, which can't be iterated."
        ) from None
