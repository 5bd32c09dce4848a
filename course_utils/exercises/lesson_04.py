"""The exercises of lesson 04: a file, a whole photo in a square, a mask, files left out."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import tensorflow as tf

from course_utils.classroom.exercise import Exercise, Mistake, Wrong, first
from course_utils.feeding.pictures import broken_files, photo_set
from course_utils.feeding.readers import UnreadablePicture, read_photo

# ------------------------------------------------------------------------------------- 04.read

BGR_LEFT = (
    "The size is right, but red and blue have changed places. OpenCV reads blue first unless it is "
    "told otherwise, and nothing in the array says so. Ask for red first when you decode: "
    "`cv2.IMREAD_COLOR_RGB`."
)
SIZE_SWAPPED = (
    "Height and width have changed places in what came. OpenCV wants sizes as (width, height), the "
    "other way round than an array's shape: `cv2.resize(photo, (width, height))`."
)
NONE_UNSEEN = (
    "Of a file that can't be read OpenCV makes None, without an error, `cv2.imread` and "
    "`cv2.imdecode` alike. Yours went on with it, so the error comes from a later line and doesn't "
    "name the file. Look first: `if photo is None:`, and raise a ValueError that names the path."
)
EMPTY_UNSEEN = (
    "The file is empty, and for 0 bytes `cv2.imdecode` doesn't return None: it raises cv2.error, "
    "which is no ValueError and doesn't name the file. Look at the size of what was read first."
)
CUT_SHORT = (
    "Of a JPEG file whose second half is missing yours returns a picture all the same. "
    "`cv2.imread` does so: it fills up with gray, and a model would be trained on it without a "
    "word. Read the bytes, `np.fromfile(path, np.uint8)`, and give them to `cv2.imdecode`: of such "
    "a file it makes None."
)
RETURNS_NONE = (
    "For a file that can't be read yours returns None, as OpenCV does, and the next line that "
    "needs a photo stops without knowing which file it was. Raise a ValueError that names the path."
)
UNNAMED = (
    "A ValueError comes for a file that can't be read, but its text doesn't hold the path. Among "
    'ten thousand files nobody finds the bad one: put it in, `raise ValueError(f"{path}: ...")`.'
)
PICTURE_FOR_A_BAD_FILE = (
    "For a file that can't be read yours returns a picture all the same, and a model would be "
    "trained on it without a word. Raise a ValueError that names the path."
)
FRACTIONS = (
    "The pixels come as fractions of 255, in a float type: four or eight times the memory of "
    "uint8. Leave them as they are, from 0 to 255; a model can divide them itself."
)
NOT_RESIZED = (
    "The photo has the size that it has in its file. It should come as height by width: "
    "`cv2.resize(photo, (width, height))` returns a new array, which must be kept."
)
ONE_CHANNEL = (
    "A colour photo came as gray, with two dimensions. BGR2GRAY, and IMREAD_GRAYSCALE, throw the "
    "colours away: `cv2.IMREAD_COLOR_RGB` keeps them."
)
UNCHANGED = (
    "The grayscale file doesn't come with three channels: read as it is stored (IMREAD_UNCHANGED), "
    "it has one, and an array of two dimensions. `cv2.IMREAD_COLOR_RGB` makes three channels of "
    "every file."
)
READ_TENSOR = (
    "read_rgb gave back a tensor of TensorFlow's. It should be an array of NumPy's, as OpenCV "
    "makes it: what returns arrays also runs in processes that don't have TensorFlow."
)
ALIKE = 12.0  # pixel values, of 255, by which the means of parts of two pictures may differ


def read_rgb(path, height, width):
    """Return the picture in a file as uint8, shape (height, width, 3), red first."""
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise ValueError(f"{path}: it can't be opened") from error
    photo = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB) if data.size else None
    if photo is None:
        raise ValueError(f"{path}: it is empty, cut short, or no picture")
    return cv2.resize(photo, (width, height))


def check_read(answer: Callable) -> None:
    """Read two photos and a grayscale file, then files that can't be read."""
    with _temporary_folder() as folder:
        files = broken_files(folder)
        files["missing"] = folder / "missing.jpg"
        for path, height, width in (
            (_photos()["coffee"], 48, 80),
            (_photos()["rocket"], 90, 50),
            (files["grayscale"], 48, 80),
        ):
            found = _read(answer, path, height, width)
            _compare_read(found, path, height, width)
        for what in ("missing", "empty", "text", "truncated"):
            _judge_unreadable(answer, what, files[what])


def _photos() -> dict[str, Path]:
    """One real photo of each class."""
    return {path.parent.name: path for path in photo_set(8, packaged=True).paths}


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    # Windows can't remove a file that the learner's code has left open.
    with tempfile.TemporaryDirectory(prefix="photos_", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _read(answer: Callable, path: Path, height: int, width: int) -> object:
    try:
        return answer(os.fspath(path), height, width)
    except IndexError as error:
        # What NumPy says to `photo[:, :, ::-1]` where there are two dimensions.
        if path.stem == "grayscale" and "too many indices" in str(error):
            raise Wrong(UNCHANGED) from None
        raise


def _compare_read(found: object, path: Path, height: int, width: int) -> None:
    grayscale = path.stem == "grayscale"
    stored = _stored_size(path)
    if tf.is_tensor(found):
        raise Wrong(READ_TENSOR)
    _refuse_unless_array(found, "read_rgb")
    if found.ndim == 2:
        raise Wrong(UNCHANGED if grayscale else ONE_CHANNEL)
    if found.shape == (width, height, 3):
        raise Wrong(SIZE_SWAPPED)
    if found.shape == (*stored, 3):
        raise Wrong(NOT_RESIZED)
    if found.shape != (height, width, 3):
        raise Wrong(
            f"read_rgb(path, {height}, {width}) gave back an array of shape {found.shape}, and "
            f"should give ({height}, {width}, 3)."
        )
    if found.dtype.kind == "f" and found.max() <= 1:
        raise Wrong(FRACTIONS)
    if found.dtype != np.uint8:
        raise Wrong(f"The pixels come as {found.dtype}, and should come as uint8, from 0 to 255.")
    right = read_photo(path, height, width)
    if _distance(found, right) <= ALIKE:
        return
    if _distance(found[..., ::-1], right) <= ALIKE:
        raise Wrong(BGR_LEFT)
    raise Wrong(
        "The array has the right shape, but doesn't show the whole picture of the file, upright "
        "and in its colours."
    )


def _stored_size(path: Path) -> tuple[int, int]:
    """The height and the width of the picture in a file."""
    return cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_GRAYSCALE).shape


def _judge_unreadable(answer: Callable, what: str, path: Path) -> None:
    """Read a file that can't be read: a ValueError that names the path must come."""
    try:
        found = answer(os.fspath(path), 48, 80)
    except ValueError as error:
        if not _names(error, path):
            raise Wrong(UNNAMED) from None
        return
    except cv2.error as error:
        raise Wrong(EMPTY_UNSEEN if "imdecode" in str(error) else NONE_UNSEEN) from None
    except (AttributeError, TypeError) as error:
        if "NoneType" in str(error):
            raise Wrong(NONE_UNSEEN) from None
        raise
    except NameError:
        raise
    except Exception as error:
        raise Wrong(_no_value_error(what, error)) from None
    if found is None:
        raise Wrong(RETURNS_NONE)
    if hasattr(found, "shape"):
        raise Wrong(CUT_SHORT if what == "truncated" else PICTURE_FOR_A_BAD_FILE)
    raise Wrong(
        f"For a file that can't be read yours returns {_kind(found)}. Raise a ValueError that "
        "names the path."
    )


def _names(error: Exception, path: str | Path) -> bool:
    """Tell whether an error's text holds a path, as it is or as repr writes it."""
    text, path = str(error), os.fspath(path)
    return path in text or repr(path)[1:-1] in text


def _no_value_error(what: str, error: Exception) -> str:
    file = {
        "missing": "that is missing",
        "empty": "that is empty",
        "text": "full of text",
        "truncated": "that is cut short",
    }[what]
    kind = ", which is an OSError and no ValueError" if isinstance(error, OSError) else ""
    return (
        f"For a file {file} yours raises {type(error).__name__}{kind or ', which is no ValueError'}"
        ": whoever leaves bad files out with `except ValueError` is stopped by it. Catch it, and "
        "`raise ValueError(...) from error`."
    )


def _leaves_bgr(path, height, width):
    photo = cv2.imread(path)
    if photo is None:
        raise ValueError(f"{path}: not a picture")
    return cv2.resize(photo, (width, height))


def _gives_height_first(path, height, width):
    photo = cv2.imread(path, cv2.IMREAD_COLOR_RGB)
    if photo is None:
        raise ValueError(f"{path}: not a picture")
    return cv2.resize(photo, (height, width))


def _never_looks(path, height, width):
    photo = cv2.imread(path)
    photo = cv2.resize(photo, (width, height))
    return cv2.cvtColor(photo, cv2.COLOR_BGR2RGB)


def _returns_none(path, height, width):
    photo = cv2.imread(path)
    if photo is None:
        return None
    return cv2.cvtColor(cv2.resize(photo, (width, height)), cv2.COLOR_BGR2RGB)


def _names_no_file(path, height, width):
    photo = cv2.imread(path)
    if photo is None:
        raise ValueError("could not read the picture")
    return cv2.cvtColor(cv2.resize(photo, (width, height)), cv2.COLOR_BGR2RGB)


def _makes_fractions(path, height, width):
    photo = cv2.imread(path, cv2.IMREAD_COLOR_RGB)
    if photo is None:
        raise ValueError(f"{path}: not a picture")
    return cv2.resize(photo, (width, height)) / 255


def _forgets_to_resize(path, height, width):
    photo = cv2.imread(path)
    if photo is None:
        raise ValueError(f"{path}: not a picture")
    return cv2.cvtColor(photo, cv2.COLOR_BGR2RGB)


def _makes_it_gray(path, height, width):
    photo = cv2.imread(path)
    if photo is None:
        raise ValueError(f"{path}: not a picture")
    return cv2.cvtColor(cv2.resize(photo, (width, height)), cv2.COLOR_BGR2GRAY)


def _reads_unchanged(path, height, width):
    photo = cv2.imread(path, cv2.IMREAD_UNCHANGED)
    if photo is None:
        raise ValueError(f"{path}: not a picture")
    return cv2.resize(photo, (width, height))[..., ::-1]


def _returns_black(path, height, width):
    photo = cv2.imread(path)
    if photo is None:
        return np.zeros((height, width, 3), np.uint8)
    return cv2.cvtColor(cv2.resize(photo, (width, height)), cv2.COLOR_BGR2RGB)


def _reads_with_imread(path, height, width):
    photo = cv2.imread(path, cv2.IMREAD_COLOR_RGB)
    if photo is None:
        raise ValueError(f"{path}: not a picture")
    return cv2.resize(photo, (width, height))


def _opens_what_is_missing(path, height, width):
    data = np.fromfile(path, np.uint8)
    photo = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB) if data.size else None
    if photo is None:
        raise ValueError(f"{path}: not a picture")
    return cv2.resize(photo, (width, height))


def _decodes_no_bytes(path, height, width):
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise ValueError(f"{path}: no such file") from error
    photo = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)
    if photo is None:
        raise ValueError(f"{path}: not a picture")
    return cv2.resize(photo, (width, height))


# ------------------------------------------------------------------------------------ 04.whole

SQUEEZED = (
    "The photo fills the whole square, so one of its sides was stretched or squeezed more than the "
    "other, and a face in it gets broad or thin. Multiply both sides by one number, `side / "
    "max(height, width)`, and leave the rest black."
)
CROPPED = (
    "A part of the photo is cut off: its shorter side was made to `side`, and the longer one "
    "doesn't fit any more. The longer side must become `side`: multiply both by `side / "
    "max(height, width)`."
)
ONE_SIDE = (
    "The photo is larger than the square that it is put into. Divide by its longer side, whichever "
    "that is: `side / width` fits landscape photos only, `side / height` portrait ones. `side / "
    "max(height, width)` fits both."
)
SIDES_SWAPPED = (
    "Height and width have changed places, and a landscape photo is made a portrait one. An array's"
    " shape begins with the height, `height, width = photo.shape[:2]`, and cv2.resize wants "
    "(width, height)."
)
TOP_LEFT = (
    "The photo stands in the top left corner, and all the black is on one side of it. Half of the "
    "rows that are left over belong above it, `(side - new_height) // 2`, and so with the columns."
)
NOT_ENLARGED = (
    "A photo that is smaller than the square stays small in the middle of it. Its longer side "
    "should become `side` there, too: the scale may be more than 1."
)
FLOAT_TENSOR = (
    "You gave back a tensor of float32, as TensorFlow's resizers do with uint8 photos, also "
    "tf.image.resize_with_pad. Round it, `tf.cast(tf.round(...), tf.uint8)`, and make an array of "
    "it: `.numpy()`."
)
FLOAT_SQUARE = (
    "The square comes as float64: that is the type that `np.zeros` makes unless it is told another "
    "one, and eight times the memory. Say uint8: `np.zeros((side, side, 3), np.uint8)`."
)
NOT_BLACK = (
    "The photo is where it should be, but what is around it isn't black. Pixels that the photo "
    "doesn't have are 0 here: begin with a square of zeros, or pad with a constant 0 "
    "(cv2.BORDER_CONSTANT)."
)
TOO_THIN = (
    "Of a photo whose sides are 200 and 3 pixels nothing is left: in a square of 32 the shorter one"
    " comes to 0.48 pixels, less than a whole one. Keep one pixel at least: `max(1, round(...))`. "
    "Functions that find the size themselves, such as Pillow's `ImageOps.pad` and "
    "tf.image.resize_with_pad, don't do so: compute the size first, then resize to it."
)
CHANGED_COLOURS = (
    "The channels have changed places. The photo that is handed over has red first already: leave "
    "the order as it is."
)
BRIGHT = 40  # of 255; the photos of the check are brighter everywhere
# The height and the width of a photo, and the side of the square that it is put into.
PHOTOS_AND_SIDES = ((61, 120, 96), (151, 50, 96), (70, 70, 64), (24, 34, 95))


def whole(photo, side):
    """Return a black square with the whole photo in its middle: uint8, shape (side, side, 3)."""
    height, width = photo.shape[:2]
    scale = side / max(height, width)
    new_height, new_width = max(1, round(height * scale)), max(1, round(width * scale))
    resized = cv2.resize(photo, (new_width, new_height))
    top, left = (side - new_height) // 2, (side - new_width) // 2
    square = np.zeros((side, side, 3), np.uint8)
    square[top : top + new_height, left : left + new_width] = resized
    return square


def check_whole(answer: Callable) -> None:
    """Put photos of all proportions into squares, larger and smaller ones, then thin ones."""
    for height, width, side in PHOTOS_AND_SIDES:
        photo = _blocks(height, width)
        result = _into_a_square(answer, photo, side)
        _judge_square(result, photo, side)
    for height, width in ((3, 200), (200, 3)):
        photo = _blocks(height, width)
        try:
            result = answer(photo.copy(), 32)
        except (cv2.error, ValueError, tf.errors.InvalidArgumentError, ZeroDivisionError):
            raise Wrong(TOO_THIN) from None
        _check_square(result, photo, 32)
        if _box(result) is None:
            raise Wrong(TOO_THIN)
        _judge_place(result, photo, 32)


def _blocks(height: int, width: int, count: int = 4) -> np.ndarray:
    """A bright photo of count times count blocks, each of its own colour: much red, little blue."""
    rng = np.random.default_rng(9)
    levels = ((150, 250), (70, 160, 250), (70, 100))
    colours = np.stack([rng.choice(level, (count, count)) for level in levels], axis=-1)
    rows, columns = np.arange(height) * count // height, np.arange(width) * count // width
    return colours.astype(np.uint8)[rows][:, columns]


def _into_a_square(answer: Callable, photo: np.ndarray, side: int) -> object:
    given = photo.copy()
    try:
        result = answer(given, side)
    except ValueError as error:
        told = [tuple(map(int, two)) for two in re.findall(r"\((\d+),(\d+),3\)", str(error))]
        if len(told) == 2 and told[0] == told[1][::-1]:
            raise Wrong(SIDES_SWAPPED) from None
        too_large = len(told) == 2 and max(told[0]) > side
        # What np.pad and TensorFlow's pad_to_bounding_box say to fewer than 0 pixels.
        if too_large or re.search("negative values|must be >= 0", str(error)):
            raise Wrong(ONE_SIDE) from None
        raise
    except cv2.error as error:
        if "copyMakeBorder" in str(error):  # a border of less than 0 pixels
            raise Wrong(ONE_SIDE) from None
        raise
    if not np.array_equal(given, photo):
        raise Wrong("The photo that was handed over has changed itself. Make a new array.")
    return result


def _judge_square(result: object, photo: np.ndarray, side: int) -> None:
    _check_square(result, photo, side)
    right = whole(photo, side)
    apart = [(_distance(result, right), "")]
    apart += [(_distance(result, wrong), told) for told, wrong in _misunderstood(photo, side)]
    inside, is_black = _without_the_rest(result, right)
    if not is_black:
        apart.append((_distance(inside, right), NOT_BLACK))
    least, message = min(apart, key=lambda each: each[0])
    if message and least <= ALIKE:
        raise Wrong(message)
    _judge_place(result, photo, side)
    if _distance(result, right) > ALIKE:
        raise Wrong("What is in the square isn't the whole photo, upright and in its colours.")


def _judge_place(result: np.ndarray, photo: np.ndarray, side: int) -> None:
    expected, found = _box(whole(photo, side)), _box(result)
    height, width = photo.shape[:2]
    if found is None:
        raise Wrong(f"The square is black: of a photo {height} high and {width} wide, nothing.")
    if any(abs(one - other) > 1 for one, other in zip(found, expected)):
        raise Wrong(
            f"A photo {height} high and {width} wide, in a square of {side}, should fill "
            f"{_described(expected)}. Yours fills {_described(found)}."
        )


def _without_the_rest(result: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, bool]:
    """The square with black around the photo's place; and whether most was black there before."""
    top, bottom, left, end = _box(right)
    outside = np.ones(right.shape[:2], bool)
    # One pixel more on each side: the photo may be rounded up, and stand a pixel further.
    outside[max(0, top - 1) : bottom + 1, max(0, left - 1) : end + 1] = False
    inside = np.where(outside[..., None], np.uint8(0), result)
    filled = outside & (result.max(axis=2) > 16)  # an interpolation may overshoot a little
    return inside, filled.sum() <= outside.sum() / 2


def _check_square(result: object, photo: np.ndarray, side: int) -> None:
    """Look at the kind, the type and the shape of what came."""
    if tf.is_tensor(result):
        if result.dtype == tf.float32:
            raise Wrong(FLOAT_TENSOR)
        raise Wrong("whole gave back a tensor. It should be an array of NumPy's: `.numpy()`.")
    _refuse_unless_array(result, "whole")
    height, width = photo.shape[:2]
    rows, columns = _size_in(photo, side)
    if result.shape != (side, side, 3):
        if result.shape == (side - rows + columns, side - columns + rows, 3):
            raise Wrong(SIDES_SWAPPED)
        raise Wrong(
            f"whole(photo, {side}), of a photo {height} high and {width} wide, gave back an array "
            f"of shape {result.shape}. It should be ({side}, {side}, 3), whatever the photo's "
            "shape."
        )
    if result.dtype == np.float64:
        raise Wrong(FLOAT_SQUARE)
    if result.dtype != np.uint8:
        raise Wrong(f"The square comes as {result.dtype}, and should come as uint8.")


def _misunderstood(photo: np.ndarray, side: int) -> Iterator[tuple[str, np.ndarray]]:
    """The messages of mistakes, each with what the mistake makes of a photo."""
    height, width = photo.shape[:2]
    rows, columns = _size_in(photo, side)
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    yield SQUEEZED, cv2.resize(photo, (side, side))
    for middle in (photo[top : top + short, left : left + short], photo[:short, :short]):
        yield CROPPED, cv2.resize(middle, (side, side))
    yield SIDES_SWAPPED, _placed(cv2.resize(photo, (rows, columns)), side)
    yield TOP_LEFT, _placed(cv2.resize(photo, (columns, rows)), side, 0, 0)
    if max(height, width) < side:
        yield NOT_ENLARGED, _placed(photo, side)
    yield CHANGED_COLOURS, whole(photo, side)[..., ::-1]


def _size_in(photo: np.ndarray, side: int) -> tuple[int, int]:
    """The height and the width that a photo has in a square."""
    rows, columns = (max(1, round(each * side / max(photo.shape))) for each in photo.shape[:2])
    return rows, columns


def _placed(
    photo: np.ndarray, side: int, top: int | None = None, left: int | None = None
) -> np.ndarray:
    """A photo in a black square, in the middle unless it is told where."""
    height, width = photo.shape[:2]
    top = (side - height) // 2 if top is None else top
    left = (side - width) // 2 if left is None else left
    square = np.zeros((side, side, 3), np.uint8)
    square[top : top + height, left : left + width] = photo
    return square


def _box(square: np.ndarray) -> tuple[int, int, int, int] | None:
    """Where the bright pixels are: the first row, the row after the last, columns likewise."""
    bright = square.max(axis=2) > BRIGHT
    lines = [np.flatnonzero(bright.any(axis=axis)) for axis in (1, 0)]
    if not lines[0].size:
        return None
    rows, columns = ((int(each[0]), int(each[-1]) + 1) for each in lines)
    return (*rows, *columns)


def _described(box: tuple[int, int, int, int]) -> str:
    top, bottom, left, right = box
    return f"rows {top} to {bottom - 1} and columns {left} to {right - 1}"


def _squeezes(photo, side):
    return cv2.resize(photo, (side, side), interpolation=cv2.INTER_AREA)


def _crops(photo, side):
    height, width = photo.shape[:2]
    scale = side / min(height, width)
    resized = cv2.resize(photo, (round(width * scale), round(height * scale)))
    top, left = (resized.shape[0] - side) // 2, (resized.shape[1] - side) // 2
    return resized[top : top + side, left : left + side]


def _fits_the_width(photo, side):
    height, width = photo.shape[:2]
    new_height = max(1, round(height * side / width))
    top = (side - new_height) // 2
    square = np.zeros((side, side, 3), np.uint8)
    square[top : top + new_height] = cv2.resize(photo, (side, new_height))
    return square


def _takes_width_for_height(photo, side):
    width, height = photo.shape[:2]
    scale = side / max(height, width)
    new_height, new_width = max(1, round(height * scale)), max(1, round(width * scale))
    top, left = (side - new_height) // 2, (side - new_width) // 2
    square = np.zeros((side, side, 3), np.uint8)
    resized = cv2.resize(photo, (new_width, new_height))
    square[top : top + new_height, left : left + new_width] = resized
    return square


def _begins_at_the_corner(photo, side):
    height, width = photo.shape[:2]
    scale = side / max(height, width)
    new_height, new_width = max(1, round(height * scale)), max(1, round(width * scale))
    square = np.zeros((side, side, 3), np.uint8)
    square[:new_height, :new_width] = cv2.resize(photo, (new_width, new_height))
    return square


def _only_makes_smaller(photo, side):
    height, width = photo.shape[:2]
    scale = min(1, side / max(height, width))
    new_height, new_width = max(1, round(height * scale)), max(1, round(width * scale))
    top, left = (side - new_height) // 2, (side - new_width) // 2
    square = np.zeros((side, side, 3), np.uint8)
    resized = cv2.resize(photo, (new_width, new_height))
    square[top : top + new_height, left : left + new_width] = resized
    return square


def _resizes_with_pad(photo, side):
    return tf.image.resize_with_pad(photo, side, side)


def _leaves_the_type_out(photo, side):
    height, width = photo.shape[:2]
    scale = side / max(height, width)
    new_height, new_width = max(1, round(height * scale)), max(1, round(width * scale))
    top, left = (side - new_height) // 2, (side - new_width) // 2
    square = np.zeros((side, side, 3))
    resized = cv2.resize(photo, (new_width, new_height))
    square[top : top + new_height, left : left + new_width] = resized
    return square


def _repeats_the_edge(photo, side):
    height, width = photo.shape[:2]
    scale = side / max(height, width)
    new_height, new_width = max(1, round(height * scale)), max(1, round(width * scale))
    top, left = (side - new_height) // 2, (side - new_width) // 2
    bottom, right = side - new_height - top, side - new_width - left
    resized = cv2.resize(photo, (new_width, new_height))
    return cv2.copyMakeBorder(resized, top, bottom, left, right, cv2.BORDER_REPLICATE)


def _loses_a_thin_side(photo, side):
    height, width = photo.shape[:2]
    scale = side / max(height, width)
    new_height, new_width = int(height * scale), int(width * scale)
    top, left = (side - new_height) // 2, (side - new_width) // 2
    square = np.zeros((side, side, 3), np.uint8)
    resized = cv2.resize(photo, (new_width, new_height))
    square[top : top + new_height, left : left + new_width] = resized
    return square


# ------------------------------------------------------------------------------------- 04.mask

NEW_CLASSES = (
    "The mask holds classes now that weren't there. Resizers make values in between unless they are"
    " told otherwise, and halfway between class 2 and class 40 lies 21, another class. Tell "
    "`cv2.resize` to take one of the pixels, and do it by its name: "
    "`interpolation=cv2.INTER_NEAREST`. A flag in the third place, which is that of another "
    "argument, `dst`, changes nothing."
)
AVERAGED = (
    "INTER_AREA makes the mean of the pixels that it puts together, and the mean of class numbers "
    "is another class. It is good for the photo; the mask needs `interpolation=cv2.INTER_NEAREST`."
)
SNAPPED = (
    "On a border between two classes stands a third one now, and it was nowhere near. That happens "
    "where a smoothed mask is moved to the nearest class numbers: halfway between 0 and 7 it finds "
    "a 3, if there is one. Class numbers are names: take one of the pixels, "
    "`interpolation=cv2.INTER_NEAREST`."
)
JAGGED = (
    "The mask is right, but the photo was resized without any smoothing as well, so edges become "
    "stairs, and thin lines break. Nearest is for class numbers: take `cv2.INTER_AREA` or the "
    "default, INTER_LINEAR, for the photo."
)
MASK_SIZES_SWAPPED = (
    "Photo and mask are as high as they should be wide. `cv2.resize` wants the size as (width, "
    "height), the other way round than an array's shape."
)
MASK_WITH_CHANNEL = (
    "The mask has a third dimension, of size 1, as tf.image.resize needs it. Here its shape should "
    "be (height, width): take the last dimension off again, `mask[..., 0]`."
)
MASK_FLOAT = (
    "The classes are right, but they come as float32. They are numbers to count with, not to "
    "measure: leave the mask uint8, as it was."
)
PARTS_SWAPPED = "First comes the photo, then the mask, as in the arguments. Yours come swapped."
MASK_LEFT = (
    "Only the photo was resized. A mask says of each pixel of the photo what is there, so it must "
    "become as small: resize both."
)
PHOTO_LEFT = "Only the mask was resized, and it belongs to the photo pixel by pixel: resize both."
MASK_IN_A_LIST = (
    "You gave back a list, and to from_generator a list is one tensor. A photo and its mask are a "
    "tuple: `return photo, mask`."
)
CLASSES = (0, 2, 40, 200)


def smaller(photo, mask, height, width):
    """Return the photo and its mask, both resized to height by width."""
    photo = cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA)
    mask = cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST)
    return photo, mask


def check_smaller(answer: Callable) -> None:
    """Resize a photo and its mask, to a landscape and a portrait size and to the half."""
    for height, width in ((21, 33), (40, 28), (25, 35)):
        photo, mask = _blocks(50, 70, 8), _classes(50, 70)
        result = answer(photo.copy(), mask.copy(), height, width)
        found = _two_parts(result)
        _check_shapes(found, (photo, mask), (height, width))
        found = [part.numpy() if tf.is_tensor(part) else part for part in found]
        _judge_mask(found[1], mask)
        _judge_photo(found[0], photo)
        if any(map(tf.is_tensor, result)):
            raise Wrong("What came are tensors, and should be arrays of NumPy's: `.numpy()`.")


def _classes(height: int, width: int) -> np.ndarray:
    """A mask: uint8, four areas, each of its own class, one with a slanting border."""
    mask = np.full((height, width), CLASSES[0], np.uint8)
    mask[height // 5 :, : width // 3] = CLASSES[1]
    mask[: height // 2, width // 2 :] = CLASSES[2]
    rows, columns = np.indices((height, width))
    mask[(8 * rows + columns > 6.4 * height) & (columns >= width // 4)] = CLASSES[3]
    return mask


def _two_parts(result: object) -> tuple:
    if isinstance(result, list):
        raise Wrong(MASK_IN_A_LIST)
    if not (isinstance(result, tuple) and len(result) == 2):
        what = f"a tuple of {len(result)}" if isinstance(result, tuple) else _kind(result)
        raise Wrong(
            f"smaller gave back {what}. It should be a tuple of two arrays: `return photo, mask`."
        )
    for name, part in zip(("photo", "mask"), result):
        if not (isinstance(part, np.ndarray) or tf.is_tensor(part)):
            raise Wrong(f"The {name} came back as {_kind(part)}, and should be an array.")
    return result


def _check_shapes(found: tuple, given: tuple, size: tuple[int, int]) -> None:
    photo, mask = (tuple(part.shape) for part in found)
    if photo[:2] == mask[:2] == size[::-1]:
        raise Wrong(MASK_SIZES_SWAPPED)
    if photo == size and mask == (*size, 3):
        raise Wrong(PARTS_SWAPPED)
    if photo == (*size, 3) and mask == (*size, 1):
        raise Wrong(MASK_WITH_CHANNEL)
    if photo == (*size, 3) and mask == given[1].shape:
        raise Wrong(MASK_LEFT)
    if photo == given[0].shape and mask == size:
        raise Wrong(PHOTO_LEFT)
    if (photo, mask) != ((*size, 3), size):
        raise Wrong(
            f"The photo and the mask came with the shapes {photo} and {mask}. They should have "
            f"{(*size, 3)} and {size}."
        )


def _judge_mask(found: np.ndarray, mask: np.ndarray) -> None:
    height, width = found.shape
    if not np.isin(found, CLASSES).all():
        mean = cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA)
        raise Wrong(AVERAGED if np.array_equal(found, mean) else NEW_CLASSES)
    # Resizers differ in which pixel is the nearest: any class that is near will do.
    near = np.stack([_near(mask == each, found.shape) for each in CLASSES])
    strange = ~np.any(near & (found == np.array(CLASSES)[:, None, None]), axis=0)
    if strange.any():
        if np.all(near.sum(axis=0) > 1, where=strange):
            raise Wrong(SNAPPED)
        raise Wrong(
            "The mask holds the right classes at the wrong places: it must show what the whole "
            "mask showed, smaller."
        )
    if found.dtype == np.float32:
        raise Wrong(MASK_FLOAT)
    if found.dtype != np.uint8:
        raise Wrong(f"The mask comes as {found.dtype}, and should stay uint8.")


def _near(area: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Where an area is, or is a pixel of the smaller shape away: bool, of that shape."""
    reach = [2 * -(-big // small) + 1 for big, small in zip(area.shape, shape)]
    grown = cv2.dilate(area.astype(np.uint8), np.ones(reach, np.uint8))
    return cv2.resize(grown, shape[::-1], interpolation=cv2.INTER_NEAREST) > 0


def _judge_photo(found: np.ndarray, photo: np.ndarray) -> None:
    if found.dtype != np.uint8:
        raise Wrong(
            f"The photo comes as {found.dtype}, and should stay uint8. tf.image.resize gives "
            "float32: round it, and cast it."
        )
    right = cv2.resize(photo, found.shape[1::-1], interpolation=cv2.INTER_AREA)
    if _distance(found, right) > ALIKE:
        raise Wrong("What came isn't the whole photo, upright and in its colours, smaller.")
    if _colours(found) <= _colours(photo):
        raise Wrong(JAGGED)


def _colours(photo: np.ndarray) -> set[tuple[int, int, int]]:
    return set(map(tuple, photo.reshape(-1, 3).tolist()))


def _resizes_both_alike(photo, mask, height, width):
    return cv2.resize(photo, (width, height)), cv2.resize(mask, (width, height))


def _takes_area_for_both(photo, mask, height, width):
    size, area = (width, height), cv2.INTER_AREA
    return cv2.resize(photo, size, None, 0, 0, area), cv2.resize(mask, size, None, 0, 0, area)


def _moves_to_the_nearest_class(photo, mask, height, width):
    photo = cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA)
    smoothed, classes = cv2.resize(mask, (width, height)), np.unique(mask)
    distances = np.abs(smoothed[..., None].astype(int) - classes)
    return photo, classes[distances.argmin(axis=-1)]


def _takes_nearest_for_both(photo, mask, height, width):
    photo = cv2.resize(photo, (width, height), interpolation=cv2.INTER_NEAREST)
    mask = cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST)
    return photo, mask


def _gives_the_height_first(photo, mask, height, width):
    photo = cv2.resize(photo, (height, width), interpolation=cv2.INTER_AREA)
    mask = cv2.resize(mask, (height, width), interpolation=cv2.INTER_NEAREST)
    return photo, mask


def _keeps_a_channel(photo, mask, height, width):
    photo = cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA)
    mask = tf.image.resize(mask[..., None], (height, width), method="nearest")
    return photo, mask.numpy()


def _makes_the_mask_float(photo, mask, height, width):
    photo = cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA)
    mask = cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST)
    return photo, mask.astype(np.float32)


def _swaps_the_parts(photo, mask, height, width):
    photo = cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA)
    mask = cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST)
    return mask, photo


def _leaves_the_mask(photo, mask, height, width):
    return cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA), mask


def _returns_both_in_a_list(photo, mask, height, width):
    photo = cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA)
    mask = cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST)
    return [photo, mask]


# ------------------------------------------------------------------------------------- 04.skip

STOPS = (
    "After the first file that can't be read nothing comes any more, and no error either. A "
    "`return` or a `break` there ends the whole epoch, and so does a `try` around the whole loop. "
    "Put the `try` around the reading of one file, and go on with the next: `continue`."
)
NOT_CAUGHT = (
    "The first file that can't be read ended the epoch with its UnreadablePicture, though at_most "
    "allows some. Read inside a `try`, catch it with `except UnreadablePicture:`, and raise only "
    "where there are more than at_most."
)
YIELDS_NONE = (
    "In place of a photo that can't be read comes None. It is no photo, and TensorFlow would stop "
    "there with an InvalidArgumentError. Yield nothing for such a file."
)
YIELDS_BLACK = (
    "In place of a photo that can't be read comes a black one, and the model would be trained on "
    "it. Yield nothing for such a file."
)
YIELDS_TWICE = (
    "In place of a photo that can't be read the one before it comes again: after the `except` the "
    "name still holds the last photo, and it is yielded. Go on with `continue`, or yield in "
    "`else:`."
)
NOTHING_LISTED = (
    "The photos are right, but after the epoch left_out, the caller's list, is still empty. Add "
    "each path to that very list: `left_out.append(path)`. An assignment, such as `left_out = "
    "left_out + [path]`, makes another one, which the caller doesn't see."
)
LISTED_LATE = (
    "When the ValueError comes, left_out is empty: the files that were left out until then aren't "
    "in it. What stands after the loop isn't reached in such an epoch. Append each path where its "
    "file can't be read, in the `except`."
)
ERRORS_LISTED = (
    "left_out holds the errors or their texts, and should hold paths: whoever wants to look at the "
    "files, or delete them, needs the path alone. `left_out.append(path)`."
)
LAST_NOT_LISTED = (
    "The file at which the epoch stops can't be read either, and isn't in left_out. Append its path"
    " first, then look whether there are too many."
)
TOO_EARLY = (
    "With at_most = 3 the epoch stopped at the third file that can't be read, and three are "
    "allowed. Stop at one more than at_most: `>`, not `>=`."
)
COUNTS_ALL_EPOCHS = (
    "The second epoch stopped with an error, though no more files are bad than in the first, as "
    "if those of the first counted again. left_out grows over all epochs, so its length is no "
    "count of this one: count in a variable that begins with 0 in the function."
)
NEVER_STOPS = (
    "Three files can't be read, at_most is 2, and the epoch goes on to its end without an error. "
    "Count the files, and raise a ValueError as soon as there are more than at_most."
)
ENDS_IN_SILENCE = (
    "With at_most = 2 the epoch ends at the third file that can't be read, as it should, but "
    "without an error: the photos after it are missing, and nobody hears of it. `return` and "
    "`break` end an epoch like that. Raise a ValueError there."
)
STOPS_LATE = (
    "The ValueError comes after the last file only, so a whole epoch was read first. Look at the "
    "count each time that a file was left out."
)
LIMIT_UNNAMED = (
    "The ValueError comes at the right file, but its text doesn't hold that file's path. Whoever "
    'reads it wants to know where to look: `raise ValueError(f"... {path}")`.'
)
SWALLOWED = (
    "For one path came an error that has nothing to do with bad pictures, a RuntimeError here, "
    "and yours didn't let it pass. `except:` and `except Exception:` catch mistakes in the code "
    "as well: catch `UnreadablePicture` alone."
)
VALUE_ERROR_CAUGHT = (
    "For one path came a ValueError that is no UnreadablePicture, and yours didn't let it pass. "
    "UnreadablePicture is a kind of ValueError, so `except ValueError:` catches it, and the other "
    "kinds as well, such as that for a wrong argument: catch `UnreadablePicture` alone."
)
YIELD_IN_TRY = (
    "An UnreadablePicture that was thrown in at the `yield`, from outside, didn't pass through: it "
    "was taken for a bad file of yours. That happens where the `yield` stands inside the `try`. "
    "Keep the reading in the `try`, which may fail, and yield after it, or in `else:`."
)
PHOTOS_IN_A_LIST = (
    "readable gave back a list, so all photos are in memory before the first one is used. Give "
    "each with `yield`, in the loop."
)
READ_AHEAD = (
    "The second file was deleted when the first photo had come, and its photo still came: it had "
    "been read before its turn, alone or with those after it, and waited in memory. Read one, yield"
    " it, and only then read the next."
)


def readable(paths, left_out, at_most):
    """Yield the photos that can be read; append the paths of the others to left_out."""
    missed = 0
    for path in paths:
        try:
            photo = read_photo(path)
        except UnreadablePicture:
            left_out.append(path)
            missed += 1
            if missed > at_most:
                raise ValueError(f"more than {at_most} files can't be read: {path}") from None
        else:
            yield photo


def check_readable(answer: Callable) -> None:
    """Read a folder with bad files: whole, again, with lower limits, and with other errors."""
    with _temporary_folder() as folder:
        paths, good, bad = _a_folder(folder)
        photos = [read_photo(path) for path in good]
        left_out = []
        for epoch in (1, 2):
            drawn, error = _epoch(answer, paths, left_out, 3)
            _judge_end(drawn, error, epoch)
            _judge_photos(drawn, photos)
            _judge_left_out(left_out, bad * epoch)
        _judge_memory(answer, good)
        for at_most in (2, 0):
            _judge_limit(answer, paths, photos, bad, at_most)
        _judge_other_errors(answer, good)


def _a_folder(folder: Path) -> tuple[list[str], list[str], list[str]]:
    """Four photos, with a bad file after each but the last: all paths, the good, the bad ones."""
    broken = broken_files(folder / "broken")
    bad = [broken["empty"], broken["text"], folder / "missing.jpg"]
    good = [folder / f"{name}.jpg" for name in ("coffee", "rocket", "cat", "retina")]
    for path in good:
        shutil.copyfile(_photos()[path.stem], path)
    paths = [good[0]]
    for pair in zip(bad, good[1:]):
        paths.extend(pair)
    paths, good, bad = ([os.fspath(path) for path in each] for each in (paths, good, bad))
    return paths, good, bad


def _generator_of_photos(answer: Callable, paths: list, left_out: list, at_most: int) -> Iterable:
    result = answer(paths, left_out, at_most)
    if isinstance(result, (list, tuple)):
        raise Wrong(PHOTOS_IN_A_LIST)
    if isinstance(result, tf.data.Dataset):
        raise Wrong("readable gave back a dataset. Only the generator function is wanted here.")
    if result is None:
        raise Wrong("readable gave back None. Hand each photo over with `yield`, in the loop.")
    if callable(result) and not isinstance(result, Iterable):
        raise Wrong(
            "readable gave back a function, and nobody calls it. Put the `yield` into readable "
            "itself."
        )
    if isinstance(result, np.ndarray) or tf.is_tensor(result):
        raise Wrong(f"readable gave back {_kind(result)}. It should yield one photo at a time.")
    return result


def _epoch(
    answer: Callable, paths: list[str], left_out: list, at_most: int
) -> tuple[list, Exception | None]:
    """Draw one epoch; return what came, and the exception that ended it."""
    drawn = []
    try:
        result = _generator_of_photos(answer, list(paths), left_out, at_most)
        # `first` once for each element, to keep what came before an exception.
        iterator = iter(result) if isinstance(result, Iterable) else result
        for _ in range(2 * len(paths)):
            element = first(iterator, 1)
            if not element:
                break
            drawn += element
    except ValueError as error:
        return drawn, error
    return drawn, None


def _judge_end(drawn: list, error: Exception | None, epoch: int) -> None:
    """At most 3 files may be bad, and 3 are: nothing must be raised."""
    if error is None:
        return
    if epoch == 2:
        raise Wrong(COUNTS_ALL_EPOCHS)
    if isinstance(error, UnreadablePicture) and len(drawn) == 1:
        raise Wrong(NOT_CAUGHT)
    if len(drawn) == 3:
        raise Wrong(TOO_EARLY)
    raise error


def _judge_photos(drawn: list, photos: list[np.ndarray]) -> None:
    """Look at the photos of an epoch that none of them may end early."""
    if any(element is None for element in drawn):
        raise Wrong(YIELDS_NONE)
    for element in drawn:
        if not isinstance(element, np.ndarray):
            raise Wrong(f"Each element should be a photo, an array. Yours is {_kind(element)}.")
        if not element.any():
            raise Wrong(YIELDS_BLACK)
    found = [_place(element, photos) for element in drawn]
    if None in found:
        raise Wrong("A photo isn't what `read_photo(path)` returns: yield that, unchanged.")
    if found == [0]:
        raise Wrong(STOPS)
    if found == [0, 0, 1, 1, 2, 2, 3]:
        raise Wrong(YIELDS_TWICE)
    if found != [0, 1, 2, 3]:
        came = ", ".join(str(place + 1) for place in found) or "none"
        raise Wrong(
            "Of the 4 photos that can be read, each should come once, in the order of paths. Of "
            f"yours come: {came}."
        )


def _place(element: np.ndarray, photos: list[np.ndarray]) -> int | None:
    return next((n for n, photo in enumerate(photos) if np.array_equal(element, photo)), None)


def _judge_left_out(left_out: list, bad: list[str]) -> None:
    if not left_out:
        raise Wrong(NOTHING_LISTED)
    for entry in left_out:
        texts = str(entry).startswith(tuple(f"{path}:" for path in bad))
        if isinstance(entry, BaseException) or texts:
            raise Wrong(ERRORS_LISTED)
    found = [os.fspath(each) if isinstance(each, os.PathLike) else each for each in left_out]
    if found != bad:
        raise Wrong(
            f"left_out should hold the paths of {len(bad)} files now, as they stand in paths: "
            f"{_file_names(bad)}; of each epoch its own, after those of the one before. Yours "
            f"holds {len(found)}: {_file_names(found)}."
        )


def _file_names(paths: list) -> str:
    """The files' names, each with three dots for the folder that stands before it."""
    short = [re.sub(r"^.*[/\\]", ".../", path) if isinstance(path, str) else path for path in paths]
    return ", ".join(str(each) if isinstance(each, str) else repr(each) for each in short)


def _judge_limit(
    answer: Callable, paths: list[str], photos: list, bad: list[str], at_most: int
) -> None:
    """Allow fewer bad files than there are: a ValueError must come at the first one too many."""
    left_out = []
    try:
        drawn, error = _epoch(answer, paths, left_out, at_most)
    except (NameError, TypeError, AttributeError, Wrong):
        raise
    except Exception as other:
        raise Wrong(
            f"When too many files can't be read yours raises {type(other).__name__}, and should "
            "raise ValueError."
        ) from None
    if error is None:
        raise Wrong(_why_no_error(len(drawn), at_most))
    last = bad[at_most]
    if len(drawn) == len(photos):
        raise Wrong(STOPS_LATE)
    if len(drawn) != at_most + 1:
        raise Wrong(
            f"With at_most = {at_most} the epoch should stop at the bad file after photo "
            f"{at_most + 1}. Yours stops after {len(drawn)} photos."
        )
    if not _names(error, last):
        raise Wrong(LIMIT_UNNAMED)
    if at_most and not left_out:
        raise Wrong(LISTED_LATE)
    if left_out == bad[:at_most]:
        raise Wrong(LAST_NOT_LISTED)
    _judge_left_out(left_out, bad[: at_most + 1])


def _why_no_error(came: int, at_most: int) -> str:
    """What to say of an epoch that ended without an error, after so many photos of 4."""
    if at_most == 2 and came in (3, 4):
        return ENDS_IN_SILENCE if came == 3 else NEVER_STOPS
    return (
        f"With at_most = {at_most} a ValueError should come at bad file number {at_most + 1}. None "
        f"came: the epoch gave {came} of the 4 photos, and ended."
    )


class _Unreachable:
    """A path that can't even be looked at: an error that isn't a bad picture."""

    def __init__(self, kind: type[Exception]) -> None:
        self.kind, self.raised = kind, []

    def __fspath__(self) -> str:
        self.raised.append(self.kind("the drive doesn't answer"))
        raise self.raised[-1]

    __str__ = __fspath__


def _judge_other_errors(answer: Callable, good: list[str]) -> None:
    """Errors that are no UnreadablePicture of read_photo's must come out."""
    for kind, message in ((RuntimeError, SWALLOWED), (ValueError, VALUE_ERROR_CAUGHT)):
        path = _Unreachable(kind)
        try:
            first(_generator_of_photos(answer, [good[0], path, good[1]], [], 5), 9)
        except Exception as error:
            # One that was raised while ours was handled: ours had been caught.
            if not any(each in path.raised for each in _handled(error)):
                if error in path.raised:
                    continue
                raise
        raise Wrong(message)
    generator = iter(_generator_of_photos(answer, list(good), [], 5))
    next(generator, None)
    if not hasattr(generator, "throw"):
        return
    try:
        generator.throw(UnreadablePicture("other.jpg", "not a file of this generator's"))
    except UnreadablePicture:
        return
    except StopIteration:
        pass
    raise Wrong(YIELD_IN_TRY)


def _handled(error: BaseException) -> Iterator[BaseException]:
    """The errors that were being handled when this one was raised."""
    while (error := error.__context__) is not None:
        yield error


def _judge_memory(answer: Callable, good: list[str]) -> None:
    """Delete the second file after the first photo: whoever reads it in its turn misses it."""
    second = os.fspath(Path(good[1]).with_name("deleted.jpg"))
    shutil.copyfile(good[1], second)
    photo = read_photo(second)
    photos = iter(_generator_of_photos(answer, [good[0], second, *good[2:]], [], 5))
    next(photos, None)
    os.remove(second)
    if any(np.array_equal(element, photo) for element in first(photos, 9)):
        raise Wrong(READ_AHEAD)


def _stops_at_the_first(paths, left_out, at_most):
    for path in paths:
        try:
            photo = read_photo(path)
        except UnreadablePicture:
            left_out.append(path)
            return
        yield photo


def _yields_none(paths, left_out, at_most):
    missed = 0
    for path in paths:
        try:
            photo = read_photo(path)
        except UnreadablePicture:
            photo = None
            left_out.append(path)
            missed += 1
            if missed > at_most:
                raise ValueError(f"too many bad files: {path}") from None
        yield photo


def _yields_black(paths, left_out, at_most):
    missed = 0
    for path in paths:
        try:
            photo = read_photo(path)
        except UnreadablePicture:
            photo = np.zeros((224, 224, 3), np.uint8)
            left_out.append(path)
            missed += 1
            if missed > at_most:
                raise ValueError(f"too many bad files: {path}") from None
        yield photo


def _yields_the_one_before(paths, left_out, at_most):
    missed = 0
    for path in paths:
        try:
            photo = read_photo(path)
        except UnreadablePicture:
            left_out.append(path)
            missed += 1
            if missed > at_most:
                raise ValueError(f"too many bad files: {path}") from None
        yield photo


def _catches_everything(paths, left_out, at_most):
    missed = 0
    for path in paths:
        try:
            photo = read_photo(path)
        except Exception:
            left_out.append(path)
            missed += 1
            if missed > at_most:
                raise ValueError(f"too many bad files: {path}") from None
            continue
        yield photo


def _catches_value_errors(paths, left_out, at_most):
    missed = 0
    for path in paths:
        try:
            photo = read_photo(path)
        except ValueError:
            left_out.append(path)
            missed += 1
            if missed > at_most:
                raise ValueError(f"too many bad files: {path}") from None
            continue
        yield photo


def _counts_the_list(paths, left_out, at_most):
    for path in paths:
        try:
            photo = read_photo(path)
        except UnreadablePicture:
            left_out.append(path)
            if len(left_out) > at_most:
                raise ValueError(f"too many bad files: {path}") from None
            continue
        yield photo


def _raises_one_too_early(paths, left_out, at_most):
    missed = 0
    for path in paths:
        try:
            photo = read_photo(path)
        except UnreadablePicture:
            left_out.append(path)
            missed += 1
            if missed >= at_most:
                raise ValueError(f"too many bad files: {path}") from None
            continue
        yield photo


def _never_raises(paths, left_out, at_most):
    for path in paths:
        try:
            photo = read_photo(path)
        except UnreadablePicture:
            left_out.append(path)
            continue
        yield photo


def _returns_at_the_limit(paths, left_out, at_most):
    missed = 0
    for path in paths:
        try:
            photo = read_photo(path)
        except UnreadablePicture:
            left_out.append(path)
            missed += 1
            if missed > at_most:
                return
            continue
        yield photo


def _returns_a_list(paths, left_out, at_most):
    photos, missed = [], 0
    for path in paths:
        try:
            photos.append(read_photo(path))
        except UnreadablePicture:
            left_out.append(path)
            missed += 1
            if missed > at_most:
                raise ValueError(f"too many bad files: {path}") from None
    return photos


def _makes_another_list(paths, left_out, at_most):
    missed = 0
    for path in paths:
        try:
            photo = read_photo(path)
        except UnreadablePicture:
            left_out = left_out + [path]  # noqa: RUF005 as a learner writes it
            missed += 1
            if missed > at_most:
                raise ValueError(f"too many bad files: {path}") from None
            continue
        yield photo


def _lists_after_the_loop(paths, left_out, at_most):
    missed = []
    for path in paths:
        try:
            photo = read_photo(path)
        except UnreadablePicture:
            missed.append(path)
            if len(missed) > at_most:
                raise ValueError(f"too many bad files: {path}") from None
            continue
        yield photo
    left_out.extend(missed)


def _lists_the_errors(paths, left_out, at_most):
    missed = 0
    for path in paths:
        try:
            photo = read_photo(path)
        except UnreadablePicture as error:
            left_out.append(error)
            missed += 1
            if missed > at_most:
                raise ValueError(f"too many bad files: {path}") from error
            continue
        yield photo


def _yields_in_the_try(paths, left_out, at_most):
    missed = 0
    for path in paths:
        try:
            yield read_photo(path)
        except UnreadablePicture:
            left_out.append(path)
            missed += 1
            if missed > at_most:
                raise ValueError(f"too many bad files: {path}") from None


# ------------------------------------------------------------------------------------------------


def _distance(one: np.ndarray, other: np.ndarray) -> float:
    """How far two pictures are apart, in pixel values: of 8 by 8 parts, the means are compared.

    So an edge may be a pixel further, and any interpolation will do.
    """
    parts = [
        cv2.resize(np.ascontiguousarray(each), (8, 8), interpolation=cv2.INTER_AREA).astype(float)
        for each in (one, other)
    ]
    return float(np.abs(parts[0] - parts[1]).mean())


def _refuse_unless_array(value: object, name: str) -> None:
    if not isinstance(value, np.ndarray):
        forgotten = " Is `return` missing?" if value is None else ""
        raise Wrong(f"{name} gave back {_kind(value)}, and should return an array.{forgotten}")


def _kind(value: object) -> str:
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


EXERCISES = (
    Exercise(
        id="04.read",
        task=(
            "Write read_rgb(path, height, width): the picture in a file, as uint8 of shape "
            "(height, width, 3), red first; a ValueError that names the path where it can't be "
            "read, or is cut short."
        ),
        solution=read_rgb,
        check=check_read,
        hints=(
            "It takes three checks: is there a file, is there a byte in it, and is there a "
            "picture? And two orders of OpenCV's are its own: that of a size, and that of the "
            "channels.",
            "`np.fromfile(path, np.uint8)` reads the bytes, and raises an OSError where there is "
            "no file. Of 0 bytes `cv2.imdecode` raises cv2.error, so look at `data.size` first; of "
            "what is no picture, or cut short, it makes None.",
            "`data = np.fromfile(path, np.uint8)` in a `try:`, and `except OSError as error:`; "
            "then `photo = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB) if data.size else None`. In "
            'the `except` and where `photo is None`: `raise ValueError(f"{path}: ...")`. At the '
            "end `return cv2.resize(photo, (width, height))`.",
        ),
        mistakes=(
            Mistake(_leaves_bgr, BGR_LEFT),
            Mistake(_gives_height_first, SIZE_SWAPPED),
            Mistake(_never_looks, NONE_UNSEEN),
            Mistake(_returns_none, RETURNS_NONE),
            Mistake(_names_no_file, UNNAMED),
            Mistake(_makes_fractions, FRACTIONS),
            Mistake(_forgets_to_resize, NOT_RESIZED),
            Mistake(_makes_it_gray, ONE_CHANNEL),
            Mistake(_reads_unchanged, UNCHANGED),
            Mistake(_returns_black, PICTURE_FOR_A_BAD_FILE),
            Mistake(_opens_what_is_missing, _no_value_error("missing", FileNotFoundError())),
            Mistake(_decodes_no_bytes, EMPTY_UNSEEN),
            Mistake(_reads_with_imread, CUT_SHORT),
        ),
        right=(
            "the size, the colours, and an error that says which file, also of one that is cut "
            "short. What readers seldom notice is one bit that was flipped in the middle of a JPEG "
            "file: OpenCV and Pillow make a picture of it, with other pixels. Where that matters, "
            "compare checksums."
        ),
    ),
    Exercise(
        id="04.whole",
        task=(
            "Write whole(photo, side): a black square, uint8 of shape (side, side, 3), with the "
            "whole photo in its middle, its longer side as long as the square's, the shorter one "
            "rounded to a whole number."
        ),
        solution=whole,
        check=check_whole,
        hints=(
            "One number for both sides keeps their ratio. Which of the two sides must become "
            "`side`?",
            "`scale = side / max(height, width)`; the new sides are `round(height * scale)` and "
            "`round(width * scale)`, at least 1 each: `max(1, ...)`.",
            "`square = np.zeros((side, side, 3), np.uint8)`, and the photo goes into `square[top : "
            "top + new_height, left : left + new_width]`, where `top, left = (side - new_height) "
            "// 2, (side - new_width) // 2` and it was made with `cv2.resize(photo, (new_width, "
            "new_height))`.",
        ),
        mistakes=(
            Mistake(_squeezes, SQUEEZED),
            Mistake(_crops, CROPPED),
            Mistake(_fits_the_width, ONE_SIDE),
            Mistake(_takes_width_for_height, SIDES_SWAPPED),
            Mistake(_begins_at_the_corner, TOP_LEFT),
            Mistake(_only_makes_smaller, NOT_ENLARGED),
            Mistake(_resizes_with_pad, FLOAT_TENSOR),
            Mistake(_leaves_the_type_out, FLOAT_SQUARE),
            Mistake(_repeats_the_edge, NOT_BLACK),
            Mistake(_loses_a_thin_side, TOO_THIN),
        ),
        right=(
            "nothing is cut off, and nothing out of shape. The price is the black: a photo of 3 to "
            "2 leaves a third of its square empty, and the model computes that third as well."
        ),
    ),
    Exercise(
        id="04.mask",
        task=(
            "Write smaller(photo, mask, height, width): a tuple of the photo, resized smoothly, and"
            " its mask, resized without new classes."
        ),
        solution=smaller,
        check=check_smaller,
        hints=(
            "The numbers in a mask are names: what lies between two of them means something else. "
            "How should a resizer choose?",
            "`cv2.resize` has an argument `interpolation`: nearest takes over one of the pixels, "
            "area makes the mean of several.",
            "`cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST)` for the mask, "
            "`cv2.INTER_AREA` for the photo, and `return photo, mask`.",
        ),
        mistakes=(
            Mistake(_resizes_both_alike, NEW_CLASSES),
            Mistake(_takes_area_for_both, AVERAGED),
            Mistake(_moves_to_the_nearest_class, SNAPPED),
            Mistake(_takes_nearest_for_both, JAGGED),
            Mistake(_gives_the_height_first, MASK_SIZES_SWAPPED),
            Mistake(_keeps_a_channel, MASK_WITH_CHANNEL),
            Mistake(_makes_the_mask_float, MASK_FLOAT),
            Mistake(_swaps_the_parts, PARTS_SWAPPED),
            Mistake(_leaves_the_mask, MASK_LEFT),
            Mistake(_returns_both_in_a_list, MASK_IN_A_LIST),
        ),
        right=(
            "the photo is smooth, and the mask holds the classes it held. Nearest may lose a class "
            "that is one pixel wide: where thin things matter, look whether all classes are still "
            "there."
        ),
    ),
    Exercise(
        id="04.skip",
        task=(
            "Write a generator function readable(paths, left_out, at_most): it yields the photos "
            "that can be read, appends the paths of the others to left_out, and raises a "
            "ValueError when they are more than at_most in one epoch."
        ),
        solution=readable,
        check=check_readable,
        hints=(
            "The loop goes over `paths`. Two ways lead through its body: the file can be read, or "
            "it can't.",
            "`try:` with `photo = read_photo(path)` in it, and nothing else; `except "
            "UnreadablePicture:` for the files to leave out; `else:` with `yield photo`.",
            "Before the loop `missed = 0`. In the `except UnreadablePicture:` of `photo = "
            "read_photo(path)`: `left_out.append(path)`, `missed += 1`, and `if missed > at_most: "
            'raise ValueError(f"...{path}") from None`.',
        ),
        mistakes=(
            Mistake(_stops_at_the_first, STOPS),
            Mistake(_yields_none, YIELDS_NONE),
            Mistake(_yields_black, YIELDS_BLACK),
            Mistake(_yields_the_one_before, YIELDS_TWICE),
            Mistake(_catches_everything, SWALLOWED),
            Mistake(_catches_value_errors, VALUE_ERROR_CAUGHT),
            Mistake(_counts_the_list, COUNTS_ALL_EPOCHS),
            Mistake(_raises_one_too_early, TOO_EARLY),
            Mistake(_never_raises, NEVER_STOPS),
            Mistake(_returns_at_the_limit, ENDS_IN_SILENCE),
            Mistake(_returns_a_list, PHOTOS_IN_A_LIST),
            Mistake(_makes_another_list, NOTHING_LISTED),
            Mistake(_lists_after_the_loop, LISTED_LATE),
            Mistake(_lists_the_errors, ERRORS_LISTED),
            Mistake(_yields_in_the_try, YIELD_IN_TRY),
        ),
        right=(
            "a few bad files no longer stop an epoch, and many do. Without the limit, a folder "
            "that is no longer there would be an epoch of no photos at all, and of no error."
        ),
    ),
)
