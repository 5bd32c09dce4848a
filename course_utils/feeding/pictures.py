"""The course's photos: real ones, offline, with labels; or the learner's own folder of pictures.

    photos = photo_set(512)
    photos.paths, photos.labels, photos.classes

The packaged photographs of scikit-image are cut into JPEG files of differing size, once, and kept
in the user's cache. Where they come from, and their licences: ``data/README.md``.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from course_utils.feeding.broken_files import broken_files
from course_utils.feeding.own_pictures import first_names, own_pictures
from course_utils.feeding.packaged import SOURCES, packaged_photographs

if TYPE_CHECKING:
    import numpy as np

__all__ = ["PhotoSet", "broken_files", "photo_set"]


@dataclass(frozen=True, repr=False)
class PhotoSet:
    """Photos in files, with their labels."""

    paths: tuple[Path, ...]
    """The files, classes mixed."""
    labels: np.ndarray = field(compare=False)
    """int32, shape (number of photos,): the position of the photo's class in ``classes``."""
    classes: tuple[str, ...]
    """The names of the classes, sorted; also the names of the folders that the files are in."""
    folder: Path
    """The folder of class folders."""
    source: str
    """Either "packaged photographs", "COURSE_PICTURES" (that environment variable) or "folder"."""
    sizes: tuple[tuple[int, int] | None, ...]
    """(width, height) in pixels as stored, before a rotation by EXIF; None where unreadable."""
    megabytes: float
    """All files together, in 10**6 bytes."""

    def __len__(self) -> int:
        return len(self.paths)

    def __repr__(self) -> str:
        names = first_names(self.classes, 10)
        text = f"{len(self)} photos of {len(self.classes)} classes: {names}"
        text += (
            f"\n{self.megabytes:.1f} MB"
            if self.megabytes >= 1
            else (f"\n{self.megabytes * 1000:.0f} kB")
        )
        known = [size for size in self.sizes if size]
        if known:
            widths, heights = zip(*known, strict=True)
            text += f"; {_range(widths)} pixels wide, {_range(heights)} high"
        return text


def photo_set(
    count: int = 512,
    seed: int = 0,
    folder: str | Path | None = None,
    packaged: bool = False,
) -> PhotoSet:
    """Return ``count`` real photos in files, with labels.

    Without ``folder`` and without the environment variable ``COURSE_PICTURES`` these are crops of
    eight photographs that scikit-image ships, each labelled by the photograph it comes from: JPEG
    files of 280 to 520 pixels wide and 230 to 430 high, 36 KB on average. Crops of one class
    overlap, so held-out crops aren't unseen photographs. They are made on first use (in about a
    second for 512) in the user's cache, or in the folder that the environment variable
    ``COURSE_CACHE`` names. Every later call checks that each file is there with its size, and makes
    what is missing or cut short again.

    ``folder``, or else ``COURSE_PICTURES`` where it is set and not empty, replaces them by the
    learner's own pictures: a folder with one folder for each class, the pictures directly in it,
    known by their ending (.jpg .jpeg .png .gif .bmp .webp .tif .tiff, also in capitals). Hidden
    files, other files and folders without pictures are left out. Single files that can't be
    decoded stay in the set.

    Args:
        count: how many photos, at least 1. Of the learner's own: at most so many.
        seed: 0 or more. The same seed gives the same photos in the same order, and a smaller
            count gives the first photos of a larger one. Classes are mixed and balanced: no two
            differ by more than one photo, as long as the learner's own folder holds enough.
        folder: the learner's own pictures; goes before ``COURSE_PICTURES``.
        packaged: the packaged photographs, whatever ``COURSE_PICTURES`` says: for figures that
            are to mean the same to everybody.

    Raises:
        ValueError, TypeError: a count or seed that is no such number; both a folder and
            ``packaged``; a folder without class folders, with one class only, or with a class of
            which no picture can be decoded.
        FileNotFoundError, NotADirectoryError, PermissionError: a folder that isn't there, isn't a
            folder or can't be read.
        OSError, PermissionError: the cache is on a full disk or can't be written. What was made
            so far is removed again.
    """
    count = _whole_number("count", count, 1)
    seed = _whole_number("seed", seed, 0)
    if packaged and folder is not None:
        raise ValueError(f"found a folder ({folder}) and packaged=True: give one of them")
    source = "folder"
    named = os.environ.get("COURSE_PICTURES", "").strip()
    if folder is None and named and not packaged:
        folder, source = named, "COURSE_PICTURES"
    if folder is not None:
        folder = Path(folder).expanduser().absolute()
        classes, files = own_pictures(folder, count, seed, source)
    else:
        source = "packaged photographs"
        folder, files = packaged_photographs(count, seed)
        classes = tuple(SOURCES)
    return PhotoSet(
        paths=tuple(files),
        labels=_labels(files, classes),
        classes=classes,
        folder=folder,
        source=source,
        sizes=tuple(size for size, _ in files.values()),
        megabytes=sum(length for _, length in files.values()) / 1e6,
    )


def _range(numbers: Iterable[int]) -> str:
    least, most = min(numbers), max(numbers)
    return f"{least}" if least == most else f"{least} to {most}"


def _labels(paths: Iterable[Path], classes: tuple[str, ...]) -> np.ndarray:
    """The place of each photo's class, which is the name of its folder; can't be written to."""
    import numpy as np

    place = {name: number for number, name in enumerate(classes)}
    labels = np.array([place[path.parent.name] for path in paths], dtype=np.int32)
    labels.setflags(write=False)
    return labels


def _whole_number(name: str, value: object, least: int) -> int:
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise TypeError(
            f"{name} must be a whole number, found {value!r} ({type(value).__name__})"
        ) from None
    if number < least:
        raise ValueError(f"{name} must be {least} or more, found {number}")
    return number
