"""Warnings shown on purpose: `warns` is to a warning what `shows` is to an error."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from .messages import clean, shorten, wrapped

# Python shows these seldom: DeprecationWarning where the learner's own code is at fault, the
# others never. A ResourceWarning comes whenever garbage is collected, in whatever block that is.
SELDOM = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)

Said = list[tuple[str, str]]  # the kind of each warning, and its text


class Warned:
    """What `with warns(...) as warned` fills in: `warned.messages`, cleaned, as they came."""

    messages: tuple[str, ...] = ()


class warns:
    """Print what the block warns of on purpose; fail when it warns of nothing.

        with warns(contains="ran out of data"):
            model.fit(dataset, epochs=3, steps_per_epoch=6)

    contains: text that one of the warnings must hold.

    Catches Python's warnings, of all threads: what goes through `warnings.warn`, as Keras's and
    NumPy's do; nothing of it goes to standard error. As the block ends, each is printed with its
    kind, cleaned (see `clean`), at most 12 lines; what was said several times is printed once,
    with the number. What Python says once for each line of code is said each time the block runs.
    What a logger records, as TensorFlow's deprecations are, is not caught.

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
        self._kept = _warnings_kept(self._said)
        self._kept.__enter__()
        return self._warned

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._kept.__exit__(None, None, None)
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
def _warnings_kept(said: Said) -> Iterator[None]:
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
