"""What a contestant is: a row of the race."""

from __future__ import annotations

import importlib.util
import multiprocessing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from benchmarks.work import DTYPES

Epoch = Callable[[], Iterator[Any]]
"""Begins an epoch: every call returns a new iterator over the batches."""

Kind = Literal["floor", "ours", "peer", "aside"]


@dataclass(frozen=True)
class Contestant:
    """A way to feed batches of photos.

    ``start(paths, dtype)`` makes what lives longer than an epoch (datasets, worker processes) and
    returns a function that begins an epoch. A batch is whatever its users get: a NumPy array, a
    tensor of TensorFlow or of PyTorch; uint8 or float32 with the same values, 0 to 255.
    """

    name: str
    kind: Kind
    start: Callable[[list[str], str], Epoch]
    how: str
    """What it does, in a few words, for the table."""
    needs: tuple[str, ...] = ()
    """The modules it imports beyond NumPy and OpenCV."""
    tables: tuple[str, ...] = DTYPES
    same_pixels: bool = True
    """Whether it uses OpenCV to decode and resize, so that every pixel must be equal."""
    pixels: Callable[[np.ndarray], np.ndarray] = lambda photos: photos
    """Makes RGB, 0 to 255, of a batch that comes otherwise."""
    best: bool = True
    """Whether it is in the usual race; a variant that was slower here runs with --all."""
    often: bool = False
    """Whether it also runs in the short rounds, for which time is left after the whole ones."""
    why_not: Callable[[], str | None] = lambda: None
    """A sentence when it can't run here for another reason than a missing module."""

    def obstacle(self) -> str | None:
        """Why it can't run here, None where it can."""
        missing = [name for name in self.needs if importlib.util.find_spec(name) is None]
        if missing:
            return f"not installed: {', '.join(missing)}"
        return self.why_not()


def without_forkserver() -> str | None:
    """A sentence where workers can't be started by a server process, as on Windows."""
    if "forkserver" in multiprocessing.get_all_start_methods():
        return None
    return 'this system has no start method "forkserver"'
