"""Full batches from batches with gaps, where items were left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

Arrays = tuple[np.ndarray, ...]


class Packing:
    """Move rows forward, so that every batch but the last is full, and the order is kept.

    A batch without gaps, and with none before it, passes as it is. From the first gap on, rows are
    copied.
    """

    def __init__(self, batch_size: int) -> None:
        self.batch_size = batch_size
        self._begun: Arrays | None = None  # a batch with `_filled` rows
        self._filled = 0

    def add(self, arrays: Arrays, rows: Sequence[int]) -> Iterator[Arrays]:
        """Take those rows of a batch, in their order; yield the batch that is full now, if any."""
        rows = list(rows)
        if self._begun is not None:
            more = rows[: self.batch_size - self._filled]
            for begun, array in zip(self._begun, arrays):
                begun[self._filled : self._filled + len(more)] = array[more]
            self._filled += len(more)
            rows = rows[len(more) :]
            if self._filled == self.batch_size:
                yield self._handed_over()
        if rows:
            if rows != list(range(len(rows))):
                for array in arrays:
                    array[: len(rows)] = array[rows]
            self._begun, self._filled = arrays, len(rows)
            if self._filled == self.batch_size:
                yield self._handed_over()

    def rest(self) -> Iterator[Arrays]:
        """Yield what is left at the end of an epoch: a smaller batch, or nothing."""
        if self._begun is not None:
            yield self._handed_over()

    def _handed_over(self) -> Arrays:
        arrays, filled = self._begun, self._filled
        self._begun, self._filled = None, 0
        return tuple(array[:filled] for array in arrays)
