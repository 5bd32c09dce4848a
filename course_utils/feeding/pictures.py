"""The course's photos: real ones, offline, with labels; or the learner's own folder of pictures.

    photos = photo_set(512)
    photos.paths, photos.labels, photos.classes

The packaged photographs of scikit-image are cut into JPEG files of differing size, once, and kept
in the user's cache. Where they come from, and their licences: ``data/README.md``.
"""

from __future__ import annotations

import errno
import json
import operator
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

__all__ = ["PhotoSet", "broken_files", "photo_set"]

ENDINGS = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff")

# Class name -> file that scikit-image's wheel contains. Read by path: skimage.data's functions
# would download a file that is missing.
SOURCES = {
    "astronaut": "astronaut.png",
    "cat": "chelsea.png",
    "coffee": "coffee.png",
    "galaxies": "hubble_deep_field.jpg",
    "motorcycle": "motorcycle_left.png",
    "retina": "retina.jpg",
    "rocket": "rocket.jpg",
    "tissue": "ihc.png",
}

FORMAT = 1  # to be raised with every change of what a crop contains: old caches are then left alone
QUALITY = 91  # of the JPEG files: 36 KB on average
WIDTHS, HEIGHTS = (280, 520), (230, 430)  # pixels, both ends included


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
        names = _some(self.classes, 10)
        text = f"{len(self)} photos of {len(self.classes)} classes: {names}"
        text += f"\n{self.megabytes:.1f} MB"
        known = sorted((size for size in self.sizes if size), key=lambda size: size[0] * size[1])
        if known:
            text += ", {}x{} to {}x{} pixels".format(*known[0], *known[-1])
        return text


def photo_set(count: int = 512, seed: int = 0, folder: str | Path | None = None) -> PhotoSet:
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

    Raises:
        ValueError, TypeError: a count or seed that is no such number; a folder without class
            folders, with one class only, or with a class of which no picture can be decoded.
        FileNotFoundError, NotADirectoryError, PermissionError: a folder that isn't there, isn't a
            folder or can't be read.
        OSError, PermissionError: the cache is on a full disk or can't be written. What was made
            so far is removed again.
    """
    count = _whole_number("count", count, 1)
    seed = _whole_number("seed", seed, 0)
    if folder is not None:
        return _own_pictures(Path(folder).expanduser().absolute(), count, seed, "folder")
    named = os.environ.get("COURSE_PICTURES", "").strip()
    if named:
        return _own_pictures(Path(named).expanduser().absolute(), count, seed, "COURSE_PICTURES")
    return _packaged_photographs(count, seed)


def broken_files(folder: str | Path) -> dict[str, Path]:
    """Write the broken and the odd files that real folders hold, made from one real photo.

    Args:
        folder: where to write them; made if it isn't there. Files of the same names are replaced.

    Returns:
        What it is -> its file. Broken: "empty" (0 bytes), "truncated" (the first half of a JPEG
        file), "text" (text in a file named .jpg). Odd, and readable: "grayscale" and "cmyk" (JPEG
        files with 1 and 4 channels), "png16" (16 bits per channel), "exif_rotated" (a JPEG file
        that is stored lying on its side, with the EXIF note to turn it), "animated_gif" (three
        pictures). The photo is 240 wide and 160 high.
    """
    from io import BytesIO

    import cv2
    import numpy as np
    from PIL import Image

    bgr = np.ascontiguousarray(_source("cat")[40:200, 60:300])
    photo = Image.fromarray(bgr[:, :, ::-1])
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)

    def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
        buffer = BytesIO()
        image.save(buffer, kind, **options)
        return buffer.getvalue()

    jpeg = encoded(photo, "JPEG", quality=90)
    turned = Image.Exif()
    turned[0x0112] = 6  # EXIF's Orientation: turn by 90 degrees clockwise to see it upright
    frames = [photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT), photo]
    contents = {
        "empty": ("empty.jpg", b""),
        "truncated": ("truncated.jpg", jpeg[: len(jpeg) // 2]),
        "text": ("text.jpg", b"This is not a photo, whatever the name of the file says.\n"),
        "grayscale": ("grayscale.jpg", encoded(photo.convert("L"), "JPEG", quality=90)),
        "cmyk": ("cmyk.jpg", encoded(photo.convert("CMYK"), "JPEG", quality=90)),
        # 257 = 65535 / 255: the full range of 16 bits.
        "png16": ("png16.png", cv2.imencode(".png", bgr.astype(np.uint16) * 257)[1].tobytes()),
        "exif_rotated": (
            "exif_rotated.jpg",
            encoded(photo.transpose(Image.Transpose.ROTATE_90), "JPEG", quality=90, exif=turned),
        ),
        "animated_gif": (
            "animated.gif",
            encoded(photo, "GIF", save_all=True, append_images=frames, duration=200),
        ),
    }
    files = {}
    for what, (name, content) in contents.items():
        files[what] = folder / name
        files[what].write_bytes(content)
    return files


# --- the packaged photographs


def _packaged_photographs(count: int, seed: int) -> PhotoSet:
    import numpy as np
    from filelock import FileLock

    cache = _cache()
    folder = cache / f"photos-{count}-seed{seed}-v{FORMAT}"
    try:
        index = _read_index(folder)
        # Without the lock first: a cache that is whole may well be read-only.
        if len(index) != count or any(_damaged(folder, index)):
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(cache / f"{folder.name}.lock"):
                index = _build(folder, count, seed)
    except OSError as error:
        raise _cache_error(error, cache, count) from error
    classes = tuple(SOURCES)
    labels = np.array([classes.index(name.split("/")[0]) for name in index], dtype=np.int32)
    labels.setflags(write=False)
    return PhotoSet(
        paths=tuple(folder / name for name in index),
        labels=labels,
        classes=classes,
        folder=folder,
        source="packaged photographs",
        sizes=tuple((width, height) for _, width, height in index.values()),
        megabytes=sum(size for size, _, _ in index.values()) / 1e6,
    )


def _build(folder: Path, count: int, seed: int) -> dict[str, list[int]]:
    """Make what is missing in ``folder``, and return the index. Called with the lock held."""
    import cv2
    from tqdm import tqdm

    names = [_name(seed, number) for number in range(count)]
    index = _read_index(folder)  # again: another process may have finished while this one waited
    if set(index) != set(names):
        # No index, or not ours. A file may be whole all the same, but nothing vouches for it.
        index = {}
    known = set(index) - set(_damaged(folder, index))
    todo = [number for number, name in enumerate(names) if name not in known]
    if not todo:
        return index
    sources = {name: _source(name) for name in SOURCES}
    for name in sources:
        (folder / name).mkdir(exist_ok=True)
    made = {}
    try:
        # Only what lasts longer than half a second gets a bar, on stderr, gone when done.
        for number in tqdm(todo, desc="cutting photos", unit="photo", leave=False, delay=0.5):
            name = names[number]
            crop = _crop(sources[name.split("/")[0]], seed, number)
            jpeg = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
            made[name] = [len(jpeg), crop.shape[1], crop.shape[0]]
            _write_whole(folder / name, jpeg)
        # The index comes last: without it nothing in the folder counts.
        index = {name: made.get(name) or index[name] for name in names}
        _write_whole(folder / "index.json", json.dumps({"photos": index}).encode())
    except OSError:
        for name in made:  # the disk may be full: don't leave it so
            (folder / name).unlink(missing_ok=True)
        raise
    return index


def _name(seed: int, number: int) -> str:
    """The photo's file. Depends on the seed and the number alone, whatever the count."""
    import numpy as np

    block, place = divmod(number, len(SOURCES))
    # Each run of eight photos holds every class once, in an order of its own.
    order = np.random.default_rng([seed, block, 1]).permutation(len(SOURCES))
    return f"{list(SOURCES)[order[place]]}/{number:05d}.jpg"


def _crop(source: np.ndarray, seed: int, number: int) -> np.ndarray:
    import numpy as np

    rng = np.random.default_rng([seed, number])
    height, width = source.shape[:2]
    crop_width = rng.integers(WIDTHS[0], min(WIDTHS[1], width), endpoint=True)
    crop_height = rng.integers(HEIGHTS[0], min(HEIGHTS[1], height), endpoint=True)
    left = rng.integers(0, width - crop_width, endpoint=True)
    top = rng.integers(0, height - crop_height, endpoint=True)
    return source[top : top + crop_height, left : left + crop_width]


def _source(name: str) -> np.ndarray:
    """The whole photograph of a class: uint8, shape (height, width, 3), BGR."""
    import cv2
    import numpy as np

    found = find_spec("skimage")
    if found is None or found.origin is None:
        raise ModuleNotFoundError(
            "The photos are cut from photographs that scikit-image ships, and scikit-image isn't "
            "installed. Install it (pip install scikit-image), or set COURSE_PICTURES to a folder "
            "of your own pictures."
        )
    path = Path(found.origin).parent / "data" / SOURCES[name]
    if not path.is_file():
        raise FileNotFoundError(
            f"This scikit-image has no photograph {SOURCES[name]}; version 0.26 ships it. Install "
            "that version, or set COURSE_PICTURES to a folder of your own pictures."
        )
    return cv2.imdecode(np.fromfile(path, dtype=np.uint8), cv2.IMREAD_COLOR)


def _read_index(folder: Path) -> dict[str, list[int]]:
    """File name -> [bytes, width, height]; empty where there is no index, or an unusable one."""
    try:
        index = json.loads((folder / "index.json").read_text(encoding="utf-8"))["photos"]
        return {
            name: [int(size), int(width), int(height)]
            for name, (size, width, height) in index.items()
        }
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _damaged(folder: Path, index: dict[str, list[int]]) -> Iterator[str]:
    for name, (size, _, _) in index.items():
        try:
            whole = os.stat(folder / name).st_size == size
        except (FileNotFoundError, NotADirectoryError):
            whole = False
        if not whole:
            yield name


def _write_whole(path: Path, content: bytes) -> None:
    """Write all of it or nothing: nobody ever sees half a file under the final name."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(content)
        os.replace(part, path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _cache() -> Path:
    named = os.environ.get("COURSE_CACHE", "").strip()
    if named:
        return Path(named).expanduser().absolute()
    from platformdirs import user_cache_path

    return user_cache_path("feeding-tensorflow", appauthor=False)


def _cache_error(error: OSError, cache: Path, count: int) -> OSError:
    """The same error in a sentence that names the folder and what to do."""
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        kind, found, cure = OSError, "The disk is full", "Free some space"
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        kind, found, cure = PermissionError, "No permission to write", "Change its permissions"
    elif error.errno in (errno.ENOTDIR, errno.EEXIST, errno.EISDIR):
        kind, found, cure = type(error), "A file is in the way", "Move that file"
    else:
        return error
    named = kind(
        f"{found} in the folder that keeps the photos, {cache}. Expected: a folder that can be "
        f"written, with about {count * 0.037 + 0.1:.1f} MB of space for {count} photos. {cure}, or "
        "name another folder in the environment variable COURSE_CACHE."
    )
    named.errno = error.errno
    return named


# --- the learner's own pictures


def _own_pictures(folder: Path, count: int, seed: int, source: str) -> PhotoSet:
    import numpy as np

    files = _pictures_by_class(folder, source)
    shuffled = {}
    for position, (name, paths) in enumerate(files.items()):
        order = np.random.default_rng([seed, position]).permutation(len(paths))
        shuffled[name] = [paths[place] for place in order]
        _check_one_decodes(name, shuffled[name], folder, source)
    classes = tuple(files)
    drawn = _drawn_evenly(list(shuffled.values()), count, seed)
    labels = np.array([label for label, _ in drawn], dtype=np.int32)
    labels.setflags(write=False)
    paths = tuple(path for _, path in drawn)
    return PhotoSet(
        paths=paths,
        labels=labels,
        classes=classes,
        folder=folder,
        source=source,
        sizes=tuple(_size(path) for path in paths),
        megabytes=sum(path.stat().st_size for path in paths) / 1e6,
    )


def _pictures_by_class(folder: Path, source: str) -> dict[str, list[Path]]:
    folders, loose = _listing(folder, source)
    files, empty = {}, []
    for class_folder in folders:
        pictures = _listing(class_folder, source)[1]
        if pictures:
            files[class_folder.name] = pictures
        else:
            empty.append(class_folder.name)
    if len(files) >= 2:
        return files
    if files:
        (name,) = files
        found = f"one class folder with pictures ({name})"
    elif empty:
        found = f"only folders without pictures directly in them: {_some(empty)}"
    elif loose:
        found = f"no class folders, only {len(loose)} loose picture{'s' * (len(loose) > 1)}"
    else:
        found = "neither folders nor pictures"
    raise ValueError(_sentence(folder, source, f"holds {found}"))


def _listing(folder: Path, source: str) -> tuple[list[Path], list[Path]]:
    """The folders and the pictures in ``folder``, each sorted, hidden ones left out."""
    folders, pictures = [], []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir():
                    folders.append(folder / entry.name)
                elif entry.name.lower().endswith(ENDINGS) and entry.is_file():
                    pictures.append(folder / entry.name)
    except FileNotFoundError as error:
        raise FileNotFoundError(_sentence(folder, source, "doesn't exist")) from error
    except NotADirectoryError as error:
        raise NotADirectoryError(_sentence(folder, source, "is a file")) from error
    except PermissionError as error:
        raise PermissionError(_sentence(folder, source, "can't be read: no permission")) from error
    return sorted(folders), sorted(pictures)


def _check_one_decodes(name: str, paths: list[Path], folder: Path, source: str) -> None:
    from course_utils.feeding.readers import UnreadablePicture, read_photo

    reason = ""
    for path in paths:
        try:
            read_photo(path, 8, 8)
            return
        except UnreadablePicture as error:
            reason = reason or f"{path.name}: {error.reason}"
    found = f"holds no readable picture of class {name}: {len(paths)} tried, the first {reason}"
    raise ValueError(_sentence(folder, source, found))


def _drawn_evenly(paths: list[list[Path]], count: int, seed: int) -> list[tuple[int, Path]]:
    """Up to ``count`` pairs of label and path: in rounds, one of each class that has any left."""
    import numpy as np

    rng = np.random.default_rng([seed, len(paths), 1])
    drawn = []
    for place in range(max(map(len, paths))):
        for label in rng.permutation(len(paths)):
            if place < len(paths[label]):
                drawn.append((int(label), paths[label][place]))
        if len(drawn) >= count:
            break
    return drawn[:count]


def _size(path: Path) -> tuple[int, int] | None:
    import warnings

    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow: a picture is very large; it isn't decoded
            with Image.open(path) as image:  # reads the header alone
                return image.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _sentence(folder: Path, source: str, found: str) -> str:
    which = "COURSE_PICTURES: the folder" if source == "COURSE_PICTURES" else "The folder"
    without = "unset COURSE_PICTURES" if source == "COURSE_PICTURES" else "leave folder out"
    return (
        f"{which} {folder} {found}. Expected: a folder with two or more class folders, "
        f"with pictures directly in each, as in pictures/cat/1.jpg and pictures/dog/1.jpg. Name "
        f"such a folder, or {without} to use the packaged photographs."
    )


def _some(names: Sequence[str], at_most: int = 5) -> str:
    more = f" and {len(names) - at_most} more" if len(names) > at_most else ""
    return ", ".join(names[:at_most]) + more


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
