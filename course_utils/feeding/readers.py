"""Read one photo from its file: what worker threads and worker processes run.

No TensorFlow here. A worker process that is started by "spawn" or "forkserver" imports this
module anew, and has to be at work in a fraction of a second.
"""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np

__all__ = ["UnreadablePicture", "read_bgr_float64", "read_photo"]


class UnreadablePicture(ValueError):
    """A file that can't be read as a picture.

    ``path`` is the file's path (str), ``reason`` says what is wrong with it (str). Travels
    between processes: both survive pickling.
    """

    def __init__(self, path: str | Path, reason: str) -> None:
        super().__init__(str(path), reason)
        self.path, self.reason = self.args

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


def read_photo(
    path: str | bytes | os.PathLike,
    height: int = 224,
    width: int = 224,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Read, decode and resize one photo.

    Args:
        path: the file. Any name works, non-ASCII ones too; bytes are what ``from_generator``'s
            ``args`` makes of a str.
        height: of the result, in pixels.
        width: of the result, in pixels.
        out: where to write the result: a C-contiguous uint8 array of shape (height, width, 3),
            for example one row of a batch. A new array if None.

    Returns:
        A uint8 array of shape (height, width, 3), RGB, 0 to 255; ``out`` where it was given.
        Whatever the file holds becomes that: grayscale is repeated in three channels, CMYK is
        converted, transparency is dropped, 16 bits are cut to 8, of an animation the first
        picture counts, and the rotation that EXIF asks for is applied (OpenCV's
        ``IMREAD_COLOR``). The sides' ratio isn't kept. The resize is bilinear
        (``INTER_LINEAR``), without smoothing before it.

    Raises:
        UnreadablePicture: no such file, no permission, an empty file, not a picture, or one that
            is cut short or damaged as far as OpenCV can tell.
        ValueError: a height or width below 1, or an ``out`` that doesn't fit.
    """
    if height < 1 or width < 1:
        raise ValueError(f"height and width must be at least 1 pixel, found {height} and {width}")
    if out is not None:
        _check_out(out, (height, width, 3))
    name = os.fsdecode(path)
    try:
        # Not cv2.imread: on Windows it can't open a name with non-ASCII letters.
        data = np.fromfile(name, dtype=np.uint8)
    except OSError as error:
        raise UnreadablePicture(name, _why_not_opened(error)) from error
    if data.size == 0:
        raise UnreadablePicture(name, "the file is empty (0 bytes)")
    try:
        # OpenCV's own order is BGR; this flag asks for RGB.
        photo = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)
    except cv2.error as error:
        raise UnreadablePicture(name, f"OpenCV refuses it: {error.err}") from error
    if photo is None:
        raise UnreadablePicture(name, _why_not_decoded(data))
    return cv2.resize(photo, (width, height), dst=out, interpolation=cv2.INTER_LINEAR)


def read_bgr_float64(path: str, height: int = 224, width: int = 224) -> np.ndarray:
    """Read one photo the way the worker function of 004-E3 does, its flaws included.

    Returns a float64 array of shape (height, width, 3), 0.0 to 1.0. The flaws:

    - The channels are in OpenCV's order, blue first. Nothing says so.
    - ``cv2.imread`` returns None for a file it can't read, and nobody looks: the error comes from
      ``cv2.resize``, as a ``cv2.error`` that doesn't name the file.
    - Dividing by a Python float makes float64: eight times the bytes of the uint8 photo, all of
      which a worker process sends back.
    """
    photo = cv2.imread(path)
    photo = cv2.resize(photo, (width, height))
    return photo / 255.0


def _check_out(out: np.ndarray, shape: tuple[int, int, int]) -> None:
    # OpenCV doesn't complain about an array of another shape: it returns a new one instead, and
    # the caller's batch would keep whatever was in it.
    if out.shape != shape or out.dtype != np.uint8:
        raise ValueError(
            f"out must be a uint8 array of shape {shape}, found {out.dtype} of shape {out.shape}"
        )
    if not (out.flags.c_contiguous and out.flags.writeable):
        raise ValueError("out must be C-contiguous and writeable: give a whole row of a batch")


def _why_not_opened(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, PermissionError):
        return "no permission to read it"
    if isinstance(error, IsADirectoryError):
        return "it is a folder, not a file"
    return f"it can't be opened ({error.strerror or error})"


def _why_not_decoded(data: np.ndarray) -> str:
    start = data[:8].tobytes()
    for name, signature in (("JPEG", b"\xff\xd8\xff"), ("PNG", b"\x89PNG"), ("GIF", b"GIF8")):
        if start.startswith(signature):
            return f"it starts as a {name} file and can't be decoded: cut short or damaged"
    return f"not a picture that OpenCV can decode ({data.size} bytes, the first are {start!r})"
