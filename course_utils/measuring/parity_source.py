"""What elements come from, epoch by epoch: a dataset, a PyDataset, a function, a list."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import contextmanager
from itertools import count
from typing import Any

import numpy as np

from course_utils.feeding.values import article, described

OLD, NEW = "the old one", "the new one"
END = object()  # no element
CURE = (
    "Give a tf.data.Dataset, a PyDataset, a list, or a function that returns a fresh iterable, "
    "such as the generator function itself."
)


class Source:
    """Gives the elements of one epoch after the other.

    given: a `tf.data.Dataset`; a Keras `PyDataset` (`Sequence` and the image iterators are that,
        too); a list or another iterable that can be begun anew; a function without arguments that
        returns a fresh iterable for each epoch. A function that returns a dataset or a PyDataset
        is called once.
    name: for errors, such as "the old one".

    A PyDataset's items are drawn in order, 0 to `num_batches`, and its methods are called as `fit`
    does: `on_epoch_end` before the first epoch, then `on_epoch_begin` before each epoch and
    `on_epoch_end` after it. (Read in Keras 3.15, `trainers/epoch_iterator.py`. `fit` also looks at
    items 0 and 1 beforehand, once, and throws them away; that isn't repeated here.) No worker is
    started. What is walked is moved on, as by a training of so many epochs.

    Each source has the random numbers of `random` and of `numpy.random` to itself: they begin as
    they were found when it was made, whoever else draws meanwhile. Not so what a dataset draws
    ahead (`prefetch`), at moments of its own. The prefetch that TensorFlow adds to a dataset by
    itself is left out.

    Raises TypeError, in a sentence, for anything else. What a source raises itself passes, with a
    note that tells at which element.
    """

    def __init__(self, given: Any, name: str) -> None:
        self.name = name
        self._random = _random_state()
        self._made: Any = END
        self._last: Any = None
        check_source(given, name)
        if callable(given) and not is_py_dataset(given):
            with self._own_random(f"called {name}, a function"):
                made = given()
            if is_py_dataset(made) or is_dataset(made):
                given = made
            else:
                self._made = made
        self.given = _without_reading_ahead(given) if is_dataset(given) else given
        self.is_py_dataset = is_py_dataset(given)
        self.others_calls = 0  # of on_epoch_end, while it is `watched`
        self._on_epoch_end = getattr(given, "on_epoch_end", None)
        self._begun = False

    def elements(self, epoch: int) -> Iterator[Any]:
        """Yield the elements of the next epoch, whose number is for errors."""
        with self._own_random(f"began epoch {epoch} of {self.name}"):
            iterator = self._iterator()
        try:
            for number in count():
                with self._own_random(f"drew element {number} of epoch {epoch} from {self.name}"):
                    element = next(iterator, END)
                if element is END:
                    return
                yield element
                del element
        finally:
            # A generator of Python's ends now, not whenever garbage is collected.
            if callable(close := getattr(iterator, "close", None)):
                close()

    def end(self, epoch: int) -> None:
        """End the epoch, as far as it was drawn."""
        if self.is_py_dataset:
            with self._own_random(f"called on_epoch_end of {self.name} after epoch {epoch}"):
                self._on_epoch_end()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Count who else calls a PyDataset's `on_epoch_end`, such as a dataset that reads it."""
        if not self.is_py_dataset:
            yield
            return
        own = vars(self.given).get("on_epoch_end")

        def counted() -> None:
            self.others_calls += 1
            self._on_epoch_end()

        self.given.on_epoch_end = counted
        try:
            yield
        finally:
            del self.given.on_epoch_end
            if own is not None:
                self.given.on_epoch_end = own

    def _iterator(self) -> Iterator[Any]:
        if self.is_py_dataset:
            if not self._begun:
                self._on_epoch_end()
                self._begun = True
            self.given.on_epoch_begin()
            batches = self.given.num_batches
            return (self.given[at] for at in (count() if batches is None else range(batches)))
        if not callable(self.given):
            return iter(self.given)
        made = self.given() if self._made is END else self._made
        self._made = END
        if made is not None and made is self._last:
            raise TypeError(
                f"The function, {self.name}, returned the same {type(made).__name__} for two "
                "epochs, and it gives its elements once. Make a fresh one in the function."
            )
        self._last = made if isinstance(made, Iterator) else None
        try:
            return iter(made)
        except TypeError:
            returned = f"The function, {self.name}, returned {described(made)}"
            lost = " Has it lost its `yield` or its `return`?" if made is None else ""
            raise TypeError(f"{returned}, which can't be iterated.{lost}") from None

    @contextmanager
    def _own_random(self, doing: str) -> Iterator[None]:
        """Give the source its own random numbers; if it fails, note what it was doing."""
        others = _random_state()
        _set_random_state(self._random)
        try:
            yield
        except Exception as error:
            error.add_note(f"while parity {doing}")
            raise
        finally:
            self._random = _random_state()
            _set_random_state(others)


def is_py_dataset(value: Any) -> bool:
    """Whether it is a Keras PyDataset; without importing Keras."""
    keras = sys.modules.get("keras")  # not imported: then there is none
    return keras is not None and isinstance(value, keras.utils.PyDataset)


def is_dataset(value: Any) -> bool:
    """Whether it is a `tf.data.Dataset`; without importing TensorFlow."""
    tensorflow = sys.modules.get("tensorflow")
    return tensorflow is not None and isinstance(value, tensorflow.data.Dataset)


def check_source(given: Any, name: str) -> None:
    """Raise TypeError, in a sentence, where it is nothing that epochs can be drawn from."""
    if is_py_dataset(given) or is_dataset(given) or callable(given):
        return
    if isinstance(given, Iterator):
        raise TypeError(
            f"{name.capitalize()} is {article(type(given).__name__)}, which gives its elements "
            f"once, and each epoch needs them anew. {CURE}"
        )
    if isinstance(given, (str, bytes, Mapping, Set)) or not _iterable(given):
        raise TypeError(f"{name.capitalize()} is {described(given)}. {CURE}")


def _iterable(value: Any) -> bool:
    return isinstance(value, Iterable) or hasattr(type(value), "__getitem__")


def _without_reading_ahead(dataset: Any) -> Any:
    """The dataset, asked for an element only when one is drawn from it."""
    options = sys.modules["tensorflow"].data.Options()
    options.experimental_optimization.inject_prefetch = False
    options.autotune.enabled = False  # whose thread an epoch's end may wait for
    return dataset.with_options(options)


def _random_state() -> tuple[Any, Any]:
    return random.getstate(), np.random.get_state()


def _set_random_state(state: tuple[Any, Any]) -> None:
    random.setstate(state[0])
    np.random.set_state(state[1])
