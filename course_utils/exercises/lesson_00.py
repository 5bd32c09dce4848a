"""The exercise of lesson 00: a first generator, to see how exercises work."""

from __future__ import annotations

import contextlib
import io
import reprlib
from collections.abc import Callable, Generator
from numbers import Integral

from course_utils.classroom.exercise import Exercise, Mistake, Wrong, first

A_LIST = (
    "countdown(5) gave back a list, so all the numbers exist before the first one is used. "
    "Give each number with `yield`, in the loop, and leave the list out."
)
PRINTED = (
    "countdown(5) prints the numbers and gives back None. What is printed can't be used by "
    "anyone: put `yield` in place of `print`."
)
UPWARDS = "countdown(5) counts up: 1, 2, 3, 4, 5. Begin with n and go down."
WITHOUT_ONE = (
    "countdown(5) stops at 2. The end of a `range` is left out: to have 1 in it, the end must be 0."
)
TO_ZERO = "countdown(5) goes on to 0. The last number is 1: the loop must end one step earlier."
ONE_ELEMENT = (
    "countdown(5) yields a single element, a list of all the numbers. One `yield` gives one "
    "element: yield inside the loop, a number each time."
)
ONCE = (
    "The second call of countdown(5) doesn't begin anew. A generator can be used once, and an "
    "epoch needs a fresh one: each call must make its own."
)


def countdown(n):
    """Yield n, n - 1, ... down to 1."""
    while n > 0:
        yield n
        n -= 1


def check_countdown(answer: Callable) -> None:
    """Draw from the answer as an epoch does, twice, and look at what comes."""
    one, other = _called(answer), _called(answer)
    drawn = first(one, 15)
    right = range(5, 0, -1)
    if one is other or (_is(drawn, right) and not _is(first(other, 15), right)):
        raise Wrong(ONCE)
    # 17, since an answer may have been made for the small numbers alone.
    for n, numbers in ((5, drawn), (1, None), (3, None), (17, None)):
        numbers = first(_called(answer, n), n + 10) if numbers is None else numbers
        if not _is(numbers, range(n, 0, -1)):
            raise Wrong(_misconception(n, numbers))


def _called(answer: Callable, n: int = 5) -> Generator:
    """Call the answer. Raises Wrong where what it gives back is no generator."""
    printed = io.StringIO()
    # A generator function runs nothing yet: what is printed here comes from a plain function.
    with contextlib.redirect_stdout(printed):
        result = answer(n)
    if isinstance(result, list):
        raise Wrong(A_LIST)
    if result is None:
        raise Wrong(PRINTED if printed.getvalue() else "countdown(5) gives back None: no `yield`.")
    if not isinstance(result, Generator):
        raise Wrong(
            f"countdown({n}) gave back an object of type {type(result).__name__}, not a "
            "generator. A function with `yield` in it gives back a generator."
        )
    return result


def _misconception(n: int, numbers: list) -> str:
    """What to say of numbers that aren't those of a countdown."""
    if n == 5:
        for wrong, message in (
            (range(1, 6), UPWARDS),
            (range(5, 1, -1), WITHOUT_ONE),
            (range(5, -1, -1), TO_ZERO),
        ):
            if _is(numbers, wrong):
                return message
    if len(numbers) == 1 and isinstance(numbers[0], (list, tuple, range)):
        return ONE_ELEMENT
    more = ", and more" if len(numbers) == n + 10 else ""
    expected = ", ".join(map(str, range(n, 0, -1)))
    yielded = ", ".join(map(reprlib.repr, numbers[: n + 3])) or "nothing"
    if len(numbers) > n + 3:
        more = ", and more"
    return f"countdown({n}) should yield {expected}. Yours yields {yielded}{more}."


def _is(numbers: list, expected: range) -> bool:
    """Tell whether the numbers are those expected: whole ones, Python's or NumPy's."""
    return len(numbers) == len(expected) and all(
        isinstance(number, Integral) and not isinstance(number, bool) and number == right
        for number, right in zip(numbers, expected, strict=True)
    )


def _returns_a_list(n):
    return list(range(n, 0, -1))


def _prints(n):
    while n > 0:
        print(n)
        n -= 1


def _counts_up(n):
    yield from range(1, n + 1)


def _forgets_one(n):
    yield from range(n, 1, -1)


def _goes_to_zero(n):
    while n >= 0:
        yield n
        n -= 1


def _yields_the_whole_list(n):
    numbers = []
    while n > 0:
        numbers.append(n)
        n -= 1
    yield numbers


def _works_once(n, made={}):  # noqa: B006 the shared dict is the mistake
    if n not in made:
        made[n] = (number for number in range(n, 0, -1))
    return made[n]


EXERCISES = (
    Exercise(
        id="00.countdown",
        task="Write a generator function countdown(n) that yields n, n - 1, ... down to 1.",
        solution=countdown,
        check=check_countdown,
        hints=(
            "A function with `yield` in it is a generator function: each `yield` gives one element "
            "and waits until the next one is asked for.",
            "Loop while n is above 0. In the loop, yield n, then make n smaller by 1.",
            "The loop begins `while n > 0:` and holds two lines: `yield n` and `n -= 1`.",
        ),
        mistakes=(
            Mistake(_returns_a_list, A_LIST),
            Mistake(_prints, PRINTED),
            Mistake(_counts_up, UPWARDS),
            Mistake(_forgets_one, WITHOUT_ONE),
            Mistake(_goes_to_zero, TO_ZERO),
            Mistake(_yields_the_whole_list, ONE_ELEMENT),
            Mistake(_works_once, ONCE),
        ),
        right=(
            "each number was handed over when it was asked for, and each call began anew. "
            "That is all that TensorFlow needs of a generator."
        ),
    ),
)
