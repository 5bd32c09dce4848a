"""Check what readers and pipelines are given, before anything is read."""

from __future__ import annotations

import operator
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np


def paths_and_labels(
    paths: Sequence[str | Path], labels: Sequence[int] | np.ndarray
) -> tuple[list[str], np.ndarray]:
    """Return the paths as a list of str and the labels as an int32 array of the same length.

    Raises:
        ValueError, TypeError: no paths, a single path, or labels that aren't one whole number for
            each path, or that int32 can't hold.
    """
    if isinstance(paths, (str, bytes, os.PathLike)):
        raise TypeError(f"paths must be a sequence of paths, found a single one: {paths!r}")
    paths = [os.fsdecode(path) for path in paths]
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iu" and labels.size:
        raise TypeError(f"labels must be whole numbers, found an array of {labels.dtype}")
    if labels.ndim != 1 or len(labels) != len(paths):
        raise ValueError(
            f"expected one label for each path: found {len(paths)} paths and labels of shape "
            f"{labels.shape}"
        )
    if not paths:
        raise ValueError("found no paths: an epoch would be empty. Give at least one")
    as_int32 = labels.astype(np.int32)
    if np.any(changed := as_int32 != labels):
        raise ValueError(
            f"labels must be from {-(2**31)} to {2**31 - 1}, which is what an int32 holds: found "
            f"{labels[changed][0]}"
        )
    return paths, as_int32


def whole_number(name: str, number: int, least: int = 1) -> int:
    """Return the number as an int; raises where it isn't a whole one, or is below ``least``."""
    try:
        if isinstance(number, bool):
            raise TypeError
        whole = operator.index(number)
    except TypeError:
        raise TypeError(f"{name} must be a whole number, found {number!r}") from None
    if whole < least:
        raise ValueError(f"{name} must be {least} or more, found {whole}")
    return whole
