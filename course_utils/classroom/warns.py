"""Warnings shown on purpose: `warns` is to a warning what `shows` is to an error.

How TensorFlow 2.21 and Keras 3.15 warn: of a deprecated argument in a record of the logger
"tensorflow", which begins with the file and the line of the call; in `fit` with `warnings.warn`;
where a model is saved or loaded, also in a record of the logger "absl".
"""

from __future__ import annotations

import logging
import re
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType

from .messages import clean, shorten, wrapped

LOGGERS = ("tensorflow", "absl", "keras")
# Python shows these seldom: DeprecationWarning where the learner's own code is at fault, the
# others never. A ResourceWarning comes whenever garbage is collected, in whatever block that is.
SELDOM = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)
_PLACE_OF_CALL = re.compile(r"\AFrom .+?:\d+: ")

Said = list[tuple[str, str]]  # the kind of each warning, and its text


class Warned:
    """What `with warns(...) as warned` fills in: `warned.messages`, cleaned, as they came."""

    messages: tuple[str, ...] = ()


class warns:
    """Print what the block warns of on purpose; fail when it warns of nothing.

        with warns(contains="output_types is deprecated"):
            dataset = tf.data.Dataset.from_generator(numbers, output_types=tf.int32)

    contains: text that one of the warnings must hold.

    Catches, in all threads, Python's warnings and what the loggers of TensorFlow, absl and Keras
    record of level WARNING and above; nothing of it goes to standard error. As the block ends,
    each is printed with its kind, cleaned (see `clean`), at most 12 lines; what was said several
    times is printed once, with the number. What TensorFlow says only at the start of a process,
    and Python once for each line of code, is said each time the block runs. Import TensorFlow
    before the block; what its C++ code writes is not caught.

    Raises AssertionError when nothing was warned of or when the text is missing. An exception of
    the block passes through, once the warnings before it are printed.
    """

    def __init__(self, contains: str | None = None) -> None:
        if contains is not None and not (isinstance(contains, str) and contains):
            raise TypeError(f"contains is a text of the warning, not {contains!r}.")
        self._contains = contains

    def __enter__(self) -> Warned:
        self._said: Said = []
        self._warned = Warned()
        with ExitStack() as entered:
            entered.enter_context(_python_warnings_kept(self._said))
            entered.enter_context(_log_records_kept(self._said))
            entered.enter_context(_deprecations_said_anew())
            self._entered = entered.pop_all()
        return self._warned

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._entered.close()
        cleaned = [(name, shorten(clean(text))) for name, text in self._said]
        self._warned.messages = tuple(text for _, text in cleaned)
        numbers = Counter(f"{name}: {text}".removesuffix(": ") for name, text in cleaned)
        if error is None:
            self._check(list(numbers))
        for text, number in numbers.items():
            print(wrapped(f"{text} ({number} times)" if number > 1 else text))

    def _check(self, given: list[str]) -> None:
        if not given:
            raise AssertionError("A warning was expected here, but none was given.")
        if self._contains and not any(self._contains in text for _, text in self._said):
            raise AssertionError(
                f"A warning that contains {self._contains!r} was expected here, and none of these "
                "does:\n" + "\n".join(given)
            )


@contextmanager
def _python_warnings_kept(said: Said) -> Iterator[None]:
    def keep(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
        said.append((category.__name__, str(message)))

    with warnings.catch_warnings():
        # Python's own rules, whatever another cell has set, but each time instead of once. A rule
        # goes before those that were set earlier.
        warnings.simplefilter("always")
        for category in SELDOM:
            warnings.simplefilter("ignore", category)
        warnings.filterwarnings("always", category=DeprecationWarning, module="__main__")
        warnings.showwarning = keep
        yield


@contextmanager
def _log_records_kept(said: Said) -> Iterator[None]:
    def keep(record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        # Where the call stands differs from machine to machine, and between a file and a cell.
        said.append((record.levelname, _PLACE_OF_CALL.sub("", record.getMessage())))
        return False

    # Those that are there: asking for absl's before absl does would make one of another class.
    loggers = [
        one
        for one in logging.root.manager.loggerDict.values()
        if isinstance(one, logging.Logger) and one.name.split(".")[0] in LOGGERS
    ]
    levels = [one.level for one in loggers]
    handlers = logging.root.handlers[:]
    for one in loggers:
        one.filters.insert(0, keep)  # before one that may let nothing through
        if one.getEffectiveLevel() > logging.WARNING:
            one.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for one, level in zip(loggers, levels, strict=True):
            one.removeFilter(keep)
            one.setLevel(level)
        # absl gives the root logger a handler where it has none: from then on, everything that
        # TensorFlow says would be written twice.
        for handler in logging.root.handlers[:]:
            if handler not in handlers:
                logging.root.removeHandler(handler)


@contextmanager
def _deprecations_said_anew() -> Iterator[None]:
    """Let TensorFlow warn of deprecations as it does at the start of a process.

    It warns of each one once, and of a deprecated argument only until it first looks at a device
    or computes something: up to then it holds eager mode for graph mode. Both are private, and
    another version may have neither.
    """
    deprecation = sys.modules.get("tensorflow.python.util.deprecation")
    said_before = getattr(deprecation, "_PRINTED_WARNING", None)
    said_before = said_before if isinstance(said_before, dict) else {}
    kept = dict(said_before)
    mode = sys.modules.get("tensorflow.python.util.is_in_graph_mode")
    asked = getattr(mode, "IS_IN_GRAPH_MODE", None)
    said_before.clear()
    if asked is not None:
        mode.IS_IN_GRAPH_MODE = lambda: True
    try:
        yield
    finally:
        if asked is not None:
            mode.IS_IN_GRAPH_MODE = asked
        said_before.clear()
        said_before.update(kept)
