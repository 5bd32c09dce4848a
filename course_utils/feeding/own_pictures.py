"""The learner's own pictures: a folder with one folder for each class."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

Size = tuple[int, int]  # width and height in pixels

ENDINGS = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff")


def own_pictures(
    folder: Path, count: int, seed: int, source: str
) -> tuple[tuple[str, ...], dict[Path, tuple[Size | None, int]]]:
    """Return the classes, and of each picture path -> size and number of bytes.

    The size is None where it can't be read. ``source`` tells the messages who named the folder:
    "folder" or "COURSE_PICTURES". For the order and the errors see ``pictures.photo_set``.
    """
    import numpy as np

    files = _pictures_by_class(folder, source)
    shuffled = {}
    for position, (name, paths) in enumerate(files.items()):
        order = np.random.default_rng([seed, position]).permutation(len(paths))
        shuffled[name] = [paths[place] for place in order]
        _check_one_decodes(name, shuffled[name], folder, source)
    drawn = _drawn_evenly(list(shuffled.values()), count, seed)
    return tuple(files), {path: (_size(path), path.stat().st_size) for path in drawn}


def first_names(names: Sequence[str], at_most: int = 5) -> str:
    """The first names in one line, and how many more there are."""
    more = f" and {len(names) - at_most} more" if len(names) > at_most else ""
    return ", ".join(names[:at_most]) + more


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
        found = f"only folders without pictures directly in them: {first_names(empty)}"
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


def _drawn_evenly(paths: list[list[Path]], count: int, seed: int) -> list[Path]:
    """Up to ``count`` of them: in rounds, one of each class that has any left."""
    import numpy as np

    rng = np.random.default_rng([seed, len(paths), 1])
    drawn = []
    for place in range(max(map(len, paths))):
        for label in rng.permutation(len(paths)):
            if place < len(paths[label]):
                drawn.append(paths[label][place])
        if len(drawn) >= count:
            break
    return drawn[:count]


def _size(path: Path) -> Size | None:
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
