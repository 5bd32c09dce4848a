"""The packaged photographs: cut into photos once, and kept whole in the user's cache."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

Size = tuple[int, int]  # width and height in pixels

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


def packaged_photographs(count: int, seed: int) -> tuple[Path, dict[Path, tuple[Size, int]]]:
    """Return the folder of class folders, and of each photo path -> size and number of bytes.

    What is missing or cut short is made. For the errors see ``pictures.photo_set``.
    """
    from filelock import FileLock

    cache = cache_folder()
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
    return folder, {
        folder / name: ((width, height), size) for name, (size, width, height) in index.items()
    }


def cache_folder() -> Path:
    """Return the folder that keeps the photos, there or not: COURSE_CACHE, or the user's cache."""
    named = os.environ.get("COURSE_CACHE", "").strip()
    if named:
        return Path(named).expanduser().absolute()
    from platformdirs import user_cache_path

    return user_cache_path("feeding-tensorflow", appauthor=False)


def photograph(name: str) -> np.ndarray:
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
    sources = {name: photograph(name) for name in SOURCES}
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
