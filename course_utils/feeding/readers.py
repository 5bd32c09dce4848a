"""Read one photo from its file: what worker threads and worker processes run.

No TensorFlow here. A worker process that is started by "spawn" or "forkserver" imports this
module anew, and has to be at work in a fraction of a second.

A file of a few kilobytes may say that it has 30,000 x 30,000 pixels, and OpenCV would take 3 GiB to
find out what it holds. No file takes over 1 GiB here; 905 MiB was the most, measured with a TIFF
file of 8192 x 8192 pixels, 16 bits and 4 channels.

- ``course_utils`` sets the environment variable ``OPENCV_IO_MAX_IMAGE_PIXELS`` to 2**26 (67
  million, 8192 x 8192) where it isn't set. OpenCV reads it once, when it is loaded: import
  ``course_utils`` before ``cv2``, or set it before Python starts. There it can be raised as well;
  OpenCV's own limit is 2**30.
- A file of over 2**27 bytes is refused, and so is what that limit doesn't see: see ``headers``.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

import cv2
import numpy as np

from course_utils.feeding.arguments import whole_number
from course_utils.feeding.headers import damaged, first_picture, format_of, why_refused

__all__ = ["UnreadablePicture", "read_bgr_float64", "read_photo"]

MOST_BYTES = 2**27  # of a file
MOST_PIXELS = os.environ.get("OPENCV_IO_MAX_IMAGE_PIXELS", str(2**30))


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
        UnreadablePicture: no such file, no permission, an empty file, not a JPEG, PNG, GIF, BMP,
            WebP or TIFF file, one that would take too much memory, or one that OpenCV can't
            decode. From memory, as here, it notices in each of these formats that a file was cut;
            of a JPEG file that was cut, ``cv2.imread`` makes a picture that ends in grey. Flipped
            bits among the pixels are noticed for certain in PNG only, which has checksums.
        MemoryError: there isn't enough to decode it; the file may be all right.
        TypeError, ValueError: a height or width that isn't a whole number from 1, or an ``out``
            that doesn't fit.
    """
    height, width = whole_number("height", height), whole_number("width", width)
    if out is not None:
        _check_out(out, (height, width, 3))
    name = os.fsdecode(path)
    data = _content(name)
    if reason := why_refused(data):
        raise UnreadablePicture(name, reason)
    try:
        # OpenCV's own order is BGR; this flag asks for RGB.
        photo = cv2.imdecode(first_picture(data), cv2.IMREAD_COLOR_RGB)
    except cv2.error as error:
        # Not error.code nor error.err: they belong to the class cv2.error, and tell of the latest
        # one, which may be another thread's.
        if "(-4:" in str(error):  # cv2.Error.StsNoMem
            raise MemoryError(f"{name}: not enough memory to decode it") from error
        raise UnreadablePicture(name, _why_opencv_refused(str(error))) from error
    if photo is None:
        raise UnreadablePicture(name, damaged(format_of(data)))
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


def _content(name: str) -> np.ndarray:
    """The file's bytes: uint8, shape (number of bytes,), at least one."""
    try:
        found = os.stat(name)
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise UnreadablePicture(name, _why_not_opened(error)) from error
    # To open a pipe would wait for someone who writes to it; /dev/zero has no end.
    if not stat.S_ISREG(found.st_mode):
        raise UnreadablePicture(name, f"it is {_kind(found.st_mode)}, not a file")
    if found.st_size > MOST_BYTES:
        reason = f"it has {found.st_size:,} bytes, more than {MOST_BYTES:,}: make it smaller"
        raise UnreadablePicture(name, reason)
    try:
        # Not cv2.imread: on Windows it can't open a name with non-ASCII letters.
        data = np.fromfile(name, dtype=np.uint8)
    except OSError as error:
        raise UnreadablePicture(name, _why_not_opened(error)) from error
    if data.size == 0:
        raise UnreadablePicture(name, "the file is empty (0 bytes)")
    return data


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    return "a pipe" if stat.S_ISFIFO(mode) else "a device or a socket"


def _why_not_opened(error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, PermissionError):
        return "no permission to read it"
    return f"it can't be opened ({getattr(error, 'strerror', None) or error})"


def _why_opencv_refused(message: str) -> str:
    if "CV_IO_MAX_IMAGE_PIXELS" in message:
        most = f"{int(MOST_PIXELS):,}" if MOST_PIXELS.isdecimal() else MOST_PIXELS
        return (
            f"it has more than {most} pixels: make it smaller, or raise OPENCV_IO_MAX_IMAGE_PIXELS"
        )
    if "CV_IO_MAX_IMAGE_" in message:
        return "its longer side has more pixels than OpenCV allows: make it smaller"
    return f"OpenCV refuses it: {message.split('error: ')[-1].strip()}"
