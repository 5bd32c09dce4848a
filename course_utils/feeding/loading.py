"""What every loader has in common: its arguments, its signature, its dataset, what it left out.

The loaders are ``threads.ThreadLoader`` and ``processes.ProcessLoader``. No TensorFlow is imported
before a dataset or its signature is asked for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from weakref import ref

from course_utils.feeding.arguments import whole_number
from course_utils.feeding.item_errors import LeftOut
from course_utils.feeding.layout import TEXT, Layout
from course_utils.feeding.values import described

if TYPE_CHECKING:
    import tensorflow as tf


class Loader(ABC):
    """A function and its items as a callable that ``from_generator`` starts anew every epoch.

    See ``threads.ThreadLoader`` for the arguments.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        items: Iterable[Any] | Callable[[], Iterable[Any]],
        signature: Any,
        batch_size: int | None,
        *,
        workers: int,
        ahead: int,
        ordered: bool,
        errors: str,
        at_most: int | None,
        into: bool,
    ) -> None:
        if not callable(function):
            raise TypeError(f"function must be a function of one item, found {described(function)}")
        check_items(items)
        self.function, self.items, self.into = function, items, bool(into)
        self.layout = Layout(signature)
        self.batch_size = None if batch_size is None else whole_number("batch_size", batch_size)
        self.workers = workers
        self.ahead = whole_number("ahead", ahead)
        self.ordered = bool(ordered)
        self.errors = errors
        self.at_most = None if at_most is None else whole_number("at_most", at_most, least=0)
        if errors not in ("raise", "skip"):
            raise ValueError(f'errors must be "raise" or "skip", found {errors!r}')
        if at_most is not None and errors == "raise":
            raise ValueError('at_most says how many items errors="skip" may leave out: give both')
        if self.batch_size or self.into:
            self._check_sizes()
        self._left_out: dict[int, LeftOut] = {}
        self._made_before: Callable[[], Any] = lambda: None

    @abstractmethod
    def __call__(self) -> Iterator[Any]:
        """Begin an epoch."""

    @property
    def left_out(self) -> dict[int, LeftOut]:
        """Place of the item, from 0 -> the item and the reason, in their order; a copy.

        Tells of the epoch begun last, as far as its elements were taken. Empty with
        ``errors="raise"``.
        """
        return dict(sorted(self._left_out.items()))

    @property
    def output_signature(self) -> Any:
        """The signature of what it yields, in ``tf.TensorSpec``; a batch's size is None."""
        import tensorflow as tf

        def spec(leaf):
            shape = leaf.shape
            if self.batch_size:
                shape = (None, *shape)
            return tf.TensorSpec(shape, tf.string if leaf.dtype == TEXT else leaf.dtype)

        return self.layout.structure(map(spec, self.layout.leaves))

    def dataset(self) -> tf.data.Dataset:
        """A dataset of its elements, with their number where that is known.

        Make one and keep it: TensorFlow keeps what each ``from_generator`` was given, until
        ``keras.backend.clear_session()``. The loader reads ahead itself; where nothing behind it is
        left to tune, ``options.autotune.enabled = False`` saves TensorFlow's own prefetch.
        """
        import tensorflow as tf

        dataset = tf.data.Dataset.from_generator(self, output_signature=self.output_signature)
        try:
            return dataset.apply(tf.data.experimental.assert_cardinality(len(self)))
        except TypeError:
            return dataset

    def __len__(self) -> int:
        """Elements an epoch: batches, where there is a batch size.

        Raises:
            TypeError: not known, because the items have no length, come from a function, or may be
                left out.
        """
        if self.errors == "skip" or callable(self.items) or not hasattr(self.items, "__len__"):
            raise TypeError("How many elements an epoch has is not known before its end.")
        return -(-len(self.items) // (self.batch_size or 1))

    def __bool__(self) -> bool:
        return True

    def begin_source(self) -> Iterator[Any]:
        """Begin an epoch's items anew; TypeError where they can't be iterated, or not again."""
        made = self.items() if callable(self.items) else self.items
        if not _iterable(made):
            raise TypeError(f"the function for the items returned {described(made)}")
        if isinstance(made, Iterator):
            if made is self._made_before():
                raise TypeError(
                    f"the function for the items returned {described(made)} that an epoch before "
                    "has used up. Make it inside the function, so that each call begins anew"
                )
            self._made_before = _reference(made)
        return iter(made)

    def end_source(self, source: Iterator[Any]) -> None:
        """Close what ``begin_source`` gave, where it is the loader's own and can be closed."""
        if isinstance(source, Generator) or (callable(self.items) and hasattr(source, "close")):
            source.close()

    def _check_sizes(self) -> None:
        for leaf in self.layout.leaves:
            if not leaf.whole:
                where = f"signature{leaf.place}" if leaf.place else "The signature"
                raise ValueError(
                    f"{where} has a size that is not known ({leaf}), so memory for its rows can't "
                    "be allocated beforehand. Give all sizes, or batch in TensorFlow with "
                    "padded_batch or ragged_batch."
                )


def check_items(items: Any) -> None:
    """Raise TypeError for what gives no items, or gives them once only."""
    if isinstance(items, (str, bytes)):
        raise TypeError(f"items must be a list or the like, found a single text: {items!r}")
    if isinstance(items, Iterator):
        raise TypeError(
            f"items is {described(items)} that is used up after one epoch. Give a list, or a "
            "function without arguments that makes it anew, such as `lambda: make_items()`."
        )
    if not callable(items) and not _iterable(items):
        raise TypeError(
            f"items is {described(items)}, which can't be iterated. Give a list or the like, or a "
            "function without arguments that returns one."
        )
    if isinstance(items, Mapping):
        raise TypeError("items is a dict. Give its keys, values or items() in a list.")


def _iterable(items: Any) -> bool:
    return isinstance(items, Iterable) or hasattr(items, "__getitem__")


def _reference(made: Any) -> Callable[[], Any]:
    """A function that returns the object, weakly where that can be: it may hold an open file."""
    try:
        return ref(made)
    except TypeError:  # such as a list's iterator
        return lambda: made
