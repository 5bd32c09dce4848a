"""The work that every contestant does: read a JPEG file, decode it, resize it, fill a batch.

One decoder and one resizer for all who let us choose: OpenCV's, bilinear, RGB. A contestant that
brings its own decoder (tf.data's recipe, SPDL's FFmpeg) makes nearly the same pixels; how nearly
is measured, and stated in the table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from course_utils.feeding.pictures import photo_set

SIDE = 224
SHAPE = (SIDE, SIDE, 3)
BATCH = 32
CROPS = 512
DTYPES = ("uint8", "float32")

# A photo of this size is resized by one thread whatever is set here: OpenCV divides from 65,536
# pixels on. Its documentation asks for it where a program brings its own threads:
# https://docs.opencv.org/4.x/db/de0/group__core__utils.html (setNumThreads)
cv2.setNumThreads(1)


def crops(pictures: int) -> list[str]:
    """The files of an epoch of so many pictures: the course's 512 crops, again and again."""
    files = [str(path) for path in photo_set(min(pictures, CROPS), packaged=True).paths]
    return [files[place % len(files)] for place in range(pictures)]


def batches_of(paths: list[str]) -> list[list[str]]:
    """The paths of each batch, in order; the last batch may be smaller."""
    return [paths[start : start + BATCH] for start in range(0, len(paths), BATCH)]


def read(path: str) -> np.ndarray:
    """Read, decode and resize one photo: uint8, shape (224, 224, 3), RGB."""
    return cv2.resize(cv2.imread(path, cv2.IMREAD_COLOR_RGB), (SIDE, SIDE))


def read_into(path: str, out: np.ndarray) -> None:
    """The same, written into ``out``: uint8, or float32 with the same values, 0 to 255."""
    photo = cv2.imread(path, cv2.IMREAD_COLOR_RGB)
    if out.dtype == np.uint8:
        cv2.resize(photo, (SIDE, SIDE), dst=out)
    else:
        np.copyto(out, cv2.resize(photo, (SIDE, SIDE)))


@dataclass(frozen=True)
class Work:
    """What is to be done: ``into(path, row)`` writes a row, an array of this shape."""

    into: Callable[[str, np.ndarray], object]
    shape: tuple[int, ...]


PHOTOS = Work(read_into, SHAPE)
