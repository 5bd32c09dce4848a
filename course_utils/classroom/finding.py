"""Statements that the course proves each time it runs: findings and errors shown on purpose.

`finding` prints one line that is the same on every machine, and raises when a measurement
contradicts it. `shows` prints an error that a cell provokes on purpose, without what differs from
machine to machine. `bounded`, for code that may hang, lives in its own module.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, runtime_checkable

from .bounded import Bounded, bounded
from .messages import clean, shorten, wrapped

__all__ = [
    "Bound", "Bounded", "Finding", "FindingBroken", "Inconclusive", "Ratio", "Shown", "at_least",
    "at_most", "between", "bounded", "clean", "finding", "findings", "shorten", "shows",
]  # fmt: skip

CLAIM_ID = re.compile(r"\d{3}-C\d+")
LESSON_ID = re.compile(r"\d{2}\.[a-z][a-z0-9_]*")
NOT_TESTABLE = "not testable: "


class FindingBroken(AssertionError):
    """A measurement contradicts what the finding states."""


class Inconclusive(AssertionError):
    """The measurement is too noisy to hold or to break the bound."""


@runtime_checkable
class Ratio(Protocol):
    """A noisy ratio that can measure itself again, such as `measuring.ratio.Ratio`."""

    def against(self, holds: Callable[[float], bool]) -> str:
        """Return "holds", "broken" or "undecided"."""

    def more(self) -> Ratio | None:
        """Measure one more round, or return None when the limit is reached."""


@dataclass(frozen=True)
class Bound:
    """What a measured number must satisfy: at least `low` and at most `high`."""

    low: float | None
    high: float | None

    def holds(self, value: float) -> bool:
        """Tell whether `value` lies within the bound, ends included."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def __str__(self) -> str:
        if self.high is None:
            return f"at least {self.low:.12g}"
        if self.low is None:
            return f"at most {self.high:.12g}"
        return f"between {self.low:.12g} and {self.high:.12g}"


def at_least(low: float) -> Bound:
    """Bound a measurement from below. Raises TypeError or ValueError unless `low` is a number."""
    return Bound(_number(low, "at_least"), None)


def at_most(high: float) -> Bound:
    """Bound a measurement from above. Raises TypeError or ValueError unless `high` is a number."""
    return Bound(None, _number(high, "at_most"))


def between(low: float, high: float) -> Bound:
    """Bound a measurement on both sides; both ends belong to it.

    Raises TypeError unless both are numbers, ValueError when `low` is above `high`.
    """
    low, high = _number(low, "between"), _number(high, "between")
    if low > high:
        raise ValueError(f"between({low:g}, {high:g}) holds nothing: give the lower number first.")
    return Bound(low, high)


@dataclass(frozen=True)
class Finding:
    """One finding of this process. It was printed when it was made, so it isn't displayed again.

    state: "holds", "broken", "inconclusive" or "not testable".
    """

    id: str
    bound: str
    verdict: str
    state: str

    def __str__(self) -> str:
        if self.state == "not testable":
            return f"– {self.id} {self.verdict}"
        sign = {"holds": "✓", "broken": "✗"}.get(self.state, "?")
        return f"{sign} {self.id} {self.bound}: {self.verdict}"

    __repr__ = __str__

    def _ipython_display_(self) -> None:
        """Show nothing: as the last expression of a cell the line would appear twice."""


_findings: dict[tuple[str, str], Finding] = {}


def finding(id: str, measured: Any, bound: Any, verdict: str) -> Finding:
    """Print one finding when `measured` satisfies `bound`; raise when it doesn't.

    id: "001-C6" for a claim of a text, "00.pictures" for what a lesson states itself (two digits,
        a dot, a name in small letters).
    measured: a number, a NumPy scalar or a ratio such as `Race.ratio()` gives, for the bounds
        `at_least`, `at_most` and `between`; for any other bound the value itself.
    bound: `at_least(3)`, `at_most(1.1)`, `between(0.9, 1.1)`, or the exact value: a bool, int,
        string, bytes, or a list, tuple or dict of those.
    verdict: the sentence that the measurement proves.

    The line holds the bound, never a number that differs from run to run:
        ✓ 001-C6 (between 0.9 and 1.1): The three forms cost the same.
        ✓ 00.pictures = 512: Every photo arrives once.
    An undecided ratio measures more rounds, up to its own limit.

    What can't be tested is `finding(id, None, None, "not testable: <reason>")`, counted apart.

    Raises FindingBroken with what was measured and expected, Inconclusive when noise hides the
    answer, ValueError or TypeError when the finding itself is wrong.
    """
    _check_words(id, verdict)
    if measured is None and bound is None:
        return _not_testable(id, verdict)
    if bound is None:
        raise ValueError(
            f"{id}: {measured!r} was measured, but no bound was given. Give at_least(...), "
            "at_most(...), between(...) or the exact value."
        )
    if measured is None:
        raise ValueError(f"{id}: nothing was measured (None), so {_words(bound)} can't be tested.")
    if verdict.startswith(NOT_TESTABLE.rstrip()):
        raise ValueError(f"{id}: the verdict says 'not testable', but something was measured.")

    if isinstance(bound, Bound):
        state, figures = _against(id, measured, bound)
        expected, shown = str(bound), f"({bound})"
    else:
        _check_exact(id, bound)
        value = _plain(measured)
        if isinstance(value, Ratio):
            raise TypeError(
                f"{id}: a ratio of times is never exact. Use between(...) as its bound."
            )
        state = "holds" if _same(value, bound) else "broken"
        expected, shown, figures = f"exactly {_short(bound)}", f"= {_short(bound)}", _short(value)

    found = _keep(Finding(id, shown, verdict, state))
    if state == "broken":
        if figures == _short(bound):
            figures += f" of type {type(value).__name__}"
        raise FindingBroken(f"{id}: measured {figures}, expected {expected}: {verdict}")
    if state != "holds":
        raise Inconclusive(
            f"{id}: measured {figures}, which neither holds nor breaks {expected}, and the limit "
            "of rounds is reached. Is the machine busy with something else?"
        )
    print(found)
    return found


def findings() -> tuple[Finding, ...]:
    """Return the findings of this process in the order of their first run.

    A finding that runs again takes the place of its earlier run.
    """
    return tuple(_findings.values())


class Shown:
    """What `with shows(...) as shown` fills in: `shown.name` and `shown.message`, cleaned."""

    name: str = ""
    message: str = ""


class shows:
    """Print an error that the block raises on purpose; fail when it raises none.

        with shows(tf.errors.InvalidArgumentError, contains="expected type"):
            list(dataset)

    exceptions: the classes expected, one or more subclasses of Exception.
    contains: text that the message must hold.

    Prints the class and the cleaned message (see `clean`), at most 12 lines. Raises AssertionError
    when nothing was raised or when the text is missing. Any other exception passes through.
    """

    def __init__(self, *exceptions: type[Exception], contains: str | None = None) -> None:
        if not exceptions:
            raise TypeError("shows() was given no exception class. Say which one is expected.")
        for one in exceptions:
            if not (isinstance(one, type) and issubclass(one, Exception)):
                raise TypeError(f"shows() expects subclasses of Exception and was given {one!r}.")
        if contains is not None and not (isinstance(contains, str) and contains):
            raise TypeError(f"contains is a text of the message, not {contains!r}.")
        self._exceptions = exceptions
        self._contains = contains
        self._shown = Shown()

    def __enter__(self) -> Shown:
        return self._shown

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        expected = " or ".join(one.__name__ for one in self._exceptions)
        if error is None:
            raise AssertionError(f"{expected} was expected here, but nothing was raised.")
        if not isinstance(error, self._exceptions):
            return False
        message = str(error)
        self._shown.name = type(error).__name__
        self._shown.message = shorten(clean(message))
        if self._contains is not None and self._contains not in message:
            raise AssertionError(
                f"{type(error).__name__} was raised as expected, but its message doesn't contain "
                f"{self._contains!r}:\n{self._shown.message}"
            ) from error
        print(wrapped(f"{self._shown.name}: {self._shown.message}".removesuffix(": ")))
        return True


def _check_words(id: str, verdict: str) -> None:
    if not (isinstance(id, str) and (CLAIM_ID.fullmatch(id) or LESSON_ID.fullmatch(id))):
        raise ValueError(
            f"A finding's id is a claim such as '001-C6' or the lesson's own such as "
            f"'00.pictures' (small letters, digits and _), not {id!r}."
        )
    if not (isinstance(verdict, str) and verdict.strip()):
        raise ValueError(f"{id}: the verdict is empty. Say in a sentence what was found.")
    if verdict != verdict.strip() or "\n" in verdict:
        raise ValueError(f"{id}: the verdict is one line without spaces around it: {verdict!r}")


def _not_testable(id: str, verdict: str) -> Finding:
    if not (verdict.startswith(NOT_TESTABLE) and verdict[len(NOT_TESTABLE) :].strip()):
        raise ValueError(
            f"{id}: nothing was measured and no bound given. That is allowed only with the verdict "
            f"'{NOT_TESTABLE}<reason>'; this one is {verdict!r}."
        )
    found = _keep(Finding(id, "", verdict, "not testable"))
    print(found)
    return found


def _keep(found: Finding) -> Finding:
    _findings[found.id, found.verdict] = found
    return found


def _against(id: str, measured: Any, bound: Bound) -> tuple[str, str]:
    """Return the state and the measured figures in words."""
    if isinstance(measured, Ratio):
        state = measured.against(bound.holds)
        while state == "undecided" and (longer := measured.more()) is not None:
            measured = longer
            state = measured.against(bound.holds)
        if state not in ("holds", "broken", "undecided"):
            raise ValueError(f"{id}: the ratio answered {state!r}.")
        return ("inconclusive" if state == "undecided" else state), str(measured)
    value = _number(_plain(measured), id)
    return ("holds" if bound.holds(value) else "broken"), f"{value:.6g}"


def _number(value: Any, where: str) -> float:
    value = _plain(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{where}: a number was expected, but {_short(value)} was given.")
    if math.isnan(value):
        raise ValueError(f"{where}: NaN (not a number) can't be compared with anything.")
    if math.isinf(value):
        raise ValueError(f"{where}: {value} is not a measurement. Was something divided by zero?")
    return value


def _plain(value: Any) -> Any:
    """Turn a tensor, an array or a NumPy scalar into Python's own values; leave the rest."""
    if callable(getattr(value, "numpy", None)):
        value = value.numpy()
    # Asked by attribute, because importing NumPy costs more than this module may.
    if hasattr(value, "dtype") and callable(getattr(value, "tolist", None)):
        return value.tolist()
    if type(value) in (list, tuple):
        return type(value)(_plain(one) for one in value)
    if type(value) is dict:
        return {_plain(key): _plain(one) for key, one in value.items()}
    return value


def _check_exact(id: str, bound: Any) -> None:
    if isinstance(bound, float) or hasattr(bound, "dtype"):
        raise TypeError(
            f"{id}: {bound!r} can't be an exact bound: floating-point numbers differ in their last "
            "digits, and arrays don't print as one line. Use between(...), or an int or a list."
        )
    if isinstance(bound, dict):
        for one in (*bound, *bound.values()):
            _check_exact(id, one)
    elif isinstance(bound, (list, tuple)):
        for one in bound:
            _check_exact(id, one)
    elif not (bound is None or isinstance(bound, (bool, int, str, bytes))):
        raise TypeError(
            f"{id}: an exact bound is a bool, int, string, bytes, or a list, tuple or dict of "
            f"those, not {type(bound).__name__}."
        )


def _same(a: Any, b: Any) -> bool:
    """Compare as == does, but True is not 1 and False is not 0, at any depth."""
    if isinstance(a, bool) or isinstance(b, bool):
        return isinstance(a, bool) and isinstance(b, bool) and a == b
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        alike = isinstance(a, list) == isinstance(b, list) and len(a) == len(b)
        return alike and all(map(_same, a, b))
    return bool(a == b)


def _words(bound: Any) -> str:
    return str(bound) if isinstance(bound, Bound) else f"exactly {_short(bound)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:50]} … {text[-25:]}"
