"""What is particular to lesson 04's exercises: right answers other than ours, and odd ones."""

import io
import itertools
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageFile, ImageOps

from course_utils.classroom import workspace
from course_utils.classroom.exercise import check, of_lesson
from course_utils.exercises import lesson_04 as lesson
from course_utils.feeding.pictures import broken_files, photo_set
from course_utils.feeding.readers import UnreadablePicture, read_photo

EVERY = of_lesson("04")


@pytest.fixture(autouse=True)
def no_workspace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(workspace, "_progress", {})


def said(id, answer):
    shown = check(id, answer)
    return f"{shown.status}: {shown.message}"


# --------------------------------------------------------------------------- other right answers


def decoded(path, flag=cv2.IMREAD_COLOR_RGB):
    """The picture in a file, None where there is none: as imread, but not of a file cut short."""
    if not os.path.exists(path) or os.path.getsize(path) == 0:
        return None
    return cv2.imdecode(np.fromfile(path, np.uint8), flag)


def reading(how):
    """An answer to 04.read that is right, whichever way it resizes."""

    def read_rgb(path, height, width):
        photo = decoded(path)
        if photo is None:
            raise ValueError(f"{path}: no picture")
        return cv2.resize(photo, (width, height), interpolation=how)

    return read_rgb


class ReadRight:
    nearest = reading(how=cv2.INTER_NEAREST)
    area = reading(how=cv2.INTER_AREA)
    cubic = reading(how=cv2.INTER_CUBIC)
    lanczos = reading(how=cv2.INTER_LANCZOS4)

    def turned_by_a_slice(path, height, width):
        photo = decoded(path, cv2.IMREAD_COLOR)
        if photo is None:
            raise ValueError(f"{path!r} can't be read")
        return cv2.resize(photo, (width, height))[..., ::-1]

    def turned_by_opencv(path, height, width):
        photo = decoded(path, cv2.IMREAD_COLOR)
        if photo is None:
            raise ValueError("not a picture", path)
        return cv2.cvtColor(cv2.resize(photo, (width, height)), cv2.COLOR_BGR2RGB)

    def with_one_try(path, height, width):
        try:
            data = np.frombuffer(Path(path).read_bytes(), np.uint8)
            photo = cv2.resize(cv2.imdecode(data, cv2.IMREAD_COLOR), (width, height))
        except (OSError, cv2.error) as error:
            raise ValueError(f"{path}: {error}") from error
        return photo[..., ::-1]

    def looks_for_the_end_first(path, height, width):
        """A JPEG file ends with two bytes of its own; then imread will do."""
        if not os.path.exists(path) or Path(path).read_bytes()[-2:] != b"\xff\xd9":
            raise ValueError(f"{path} is no JPEG file, or cut short")
        return cv2.resize(cv2.imread(path, cv2.IMREAD_COLOR_RGB), (width, height))

    def with_tensorflow(path, height, width):
        try:
            photo = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)
        except tf.errors.OpError as error:
            raise ValueError(f"{path}: {error.message}") from None
        return tf.cast(tf.round(tf.image.resize(photo, (height, width))), tf.uint8).numpy()

    def with_pillow(path, height, width):
        try:
            with Image.open(path) as picture:
                return np.asarray(picture.convert("RGB").resize((width, height)))
        except OSError as error:
            raise ValueError(f"{path}: {error}") from error

    def with_the_courses_reader(path, height, width):
        return read_photo(Path(path), height, width)

    def with_the_courses_error(path, height, width):
        photo = decoded(path)
        if photo is None:
            raise UnreadablePicture(path, "no picture")
        return cv2.resize(photo, (width, height))

    def as_stored_then_converted(path, height, width):
        """OpenCV's cvtColor makes three channels of one, since OpenCV 5."""
        photo = decoded(path, cv2.IMREAD_UNCHANGED)
        if photo is None:
            raise ValueError(path)
        return cv2.cvtColor(cv2.resize(photo, (width, height)), cv2.COLOR_BGR2RGB)

    def channel_by_channel(path, height, width):
        try:
            bgr = cv2.resize(decoded(path, cv2.IMREAD_COLOR), (width, height))
        except cv2.error as error:
            raise ValueError(f"{path}: {error}") from None
        blue, green, red = cv2.split(bgr)
        return np.stack([red, green, blue], axis=-1)


def in_a_square(how=cv2.INTER_LINEAR, rounded=round, more_before=0):
    """An answer to 04.whole that is right, whichever way it resizes, rounds and centres."""

    def whole(photo, side):
        rows, columns = (max(1, rounded(n * side / max(photo.shape))) for n in photo.shape[:2])
        above, left = (side - rows + more_before) // 2, (side - columns + more_before) // 2
        resized = cv2.resize(photo, (columns, rows), interpolation=how)
        below, right = side - rows - above, side - columns - left
        return cv2.copyMakeBorder(resized, above, below, left, right, cv2.BORDER_CONSTANT)

    return whole


class WholeRight:
    nearest = in_a_square(cv2.INTER_NEAREST)
    area = in_a_square(cv2.INTER_AREA)
    cubic = in_a_square(cv2.INTER_CUBIC)
    lanczos = in_a_square(cv2.INTER_LANCZOS4)
    rounded_down = in_a_square(rounded=int)
    rounded_up = in_a_square(rounded=lambda number: int(-(-number // 1)))
    more_above = in_a_square(more_before=1)

    def by_positions(photo, side):
        height, width = photo.shape[:2]
        longer = max(height, width)
        places = (np.arange(side) + 0.5) * longer / side - longer / 2
        rows, columns = np.floor(places + height / 2), np.floor(places + width / 2)
        if height < longer / side:
            rows = np.where(np.arange(side) == side // 2, 0, -1)
        if width < longer / side:
            columns = np.where(np.arange(side) == side // 2, 0, -1)
        inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
        rows, columns = rows.clip(0, height - 1), columns.clip(0, width - 1)
        square = photo[rows.astype(int)][:, columns.astype(int)]
        square[~inside] = 0
        return square

    def padded_first(photo, side):
        height, width = photo.shape[:2]
        longer = max(height, width)
        above, left = (longer - height) // 2, (longer - width) // 2
        square = np.zeros((longer, longer, 3), np.uint8)
        square[above : above + height, left : left + width] = photo
        return cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA)

    def with_pillow(photo, side):
        height, width = photo.shape[:2]
        rows, columns = (max(1, round(n * side / max(height, width))) for n in (height, width))
        square = Image.new("RGB", (side, side))
        resized = Image.fromarray(photo).resize((columns, rows))
        square.paste(resized, ((side - columns) // 2, (side - rows) // 2))
        return np.asarray(square)

    def with_tensorflow(photo, side):
        height, width = photo.shape[:2]
        rows, columns = (max(1, round(n * side / max(height, width))) for n in (height, width))
        resized = tf.image.resize(photo, (rows, columns), antialias=True)
        above, left = (side - rows) // 2, (side - columns) // 2
        square = tf.image.pad_to_bounding_box(resized, above, left, side, side)
        return tf.cast(tf.round(square), tf.uint8).numpy()


class SkipRight:
    def continues(paths, left_out, at_most):
        missed = 0
        for path in paths:
            try:
                photo = read_photo(path)
            except UnreadablePicture:
                missed += 1
                left_out += [path]
                if missed <= at_most:
                    continue
                raise  # UnreadablePicture is a kind of ValueError, and its text names the file
            yield photo

    def counts_from_the_lists_length(paths, left_out, at_most):
        before = len(left_out)
        for path in paths:
            try:
                photo = read_photo(path)
            except UnreadablePicture as error:
                left_out.append(error.path)
            else:
                yield photo
            if len(left_out) - before > at_most:
                raise ValueError(f"too many: {left_out[before:]}")

    def passes_other_value_errors_on(paths, left_out, at_most):
        missed = 0
        for path in paths:
            try:
                photo = read_photo(path)
            except Exception as error:
                if not isinstance(error, UnreadablePicture):
                    raise
                left_out.append(path)
                missed += 1
                if missed > at_most:
                    raise error from None
            else:
                yield photo

    def looks_for_the_file_itself(paths, left_out, at_most):
        """`os.path.exists` takes a ValueError for a file that isn't there; read_photo doesn't."""
        missed = 0
        for path in paths:
            there = os.path.exists(path)
            try:
                photo = read_photo(path)
            except UnreadablePicture:
                left_out.append(path)
                missed += 1
                if missed > at_most:
                    raise ValueError(f"{path}, which is {'bad' if there else 'gone'}") from None
            else:
                yield photo

    def lists_in_the_end(paths, left_out, at_most):
        """After the loop, but in a `finally`: it is reached whichever way the loop ends."""
        missed = []
        try:
            for path in paths:
                try:
                    photo = read_photo(path)
                except UnreadablePicture:
                    missed.append(path)
                    if len(missed) > at_most:
                        raise ValueError(path) from None
                else:
                    yield photo
        finally:
            left_out.extend(missed)

    def with_a_generator_inside(paths, left_out, at_most):
        def photos():
            missed = []
            for path in map(Path, paths):
                try:
                    photo = read_photo(path)
                except UnreadablePicture as error:
                    left_out.append(path)
                    missed.append(path)
                    if len(missed) > at_most:
                        raise UnreadablePicture(error.path, "and too many others") from error
                else:
                    yield photo

        return photos()

    def as_a_class(paths, left_out, at_most):
        class Photos:
            def __init__(self):
                self.paths, self.missed = iter(paths), 0

            def __iter__(self):
                return self

            def __next__(self):
                for path in self.paths:
                    try:
                        return read_photo(path)
                    except UnreadablePicture:
                        left_out.append(path)
                        self.missed += 1
                        if self.missed > at_most:
                            raise ValueError(path) from None
                raise StopIteration

        return Photos()


def both(photo_how=cv2.INTER_LINEAR, mask_how=cv2.INTER_NEAREST):
    """An answer to 04.mask with two interpolations of OpenCV's."""

    def smaller(photo, mask, height, width):
        size = (width, height)
        return (
            cv2.resize(photo, size, interpolation=photo_how),
            cv2.resize(mask, size, interpolation=mask_how),
        )

    return smaller


class MaskRight:
    bilinear = both()
    exact = both(cv2.INTER_LINEAR_EXACT, cv2.INTER_NEAREST_EXACT)
    cubic = both(cv2.INTER_CUBIC)
    lanczos = both(cv2.INTER_LANCZOS4)
    area = both(cv2.INTER_AREA)

    def with_tensorflow(photo, mask, height, width):
        photo = tf.image.resize(photo, (height, width))
        mask = tf.image.resize(mask[..., None], (height, width), method="nearest")
        return tf.cast(tf.round(photo), tf.uint8).numpy(), mask[..., 0].numpy()

    def with_tensorflow_cut_off(photo, mask, height, width):
        photo = tf.image.resize(photo, (height, width), method="area")
        mask = tf.image.resize(mask[..., None], (height, width), method="nearest")
        return photo.numpy().astype(np.uint8), mask.numpy().squeeze()

    def with_pillow(photo, mask, height, width):
        size = (width, height)
        photo = Image.fromarray(photo).resize(size, Image.Resampling.BILINEAR)
        mask = Image.fromarray(mask).resize(size, Image.Resampling.NEAREST)
        return np.asarray(photo), np.asarray(mask)

    def by_first_positions(photo, mask, height, width):
        rows = np.arange(height) * mask.shape[0] // height
        columns = np.arange(width) * mask.shape[1] // width
        return cv2.resize(photo, (width, height)), mask[rows][:, columns]

    def by_positions_from_end_to_end(photo, mask, height, width):
        rows = np.linspace(0, mask.shape[0] - 1, height).round().astype(int)
        columns = np.linspace(0, mask.shape[1] - 1, width).round().astype(int)
        return cv2.resize(photo, (width, height)), mask[np.ix_(rows, columns)]

    def by_votes(photo, mask, height, width):
        """Each class resized by itself, and the strongest one taken."""
        size, classes = (width, height), np.unique(mask)
        votes = [
            cv2.resize((mask == each).astype(np.float32), size, interpolation=cv2.INTER_AREA)
            for each in classes
        ]
        return cv2.resize(photo, size), classes[np.argmax(votes, axis=0)]


RIGHT = {
    "04.read": ReadRight,
    "04.whole": WholeRight,
    "04.skip": SkipRight,
    "04.mask": MaskRight,
}


@pytest.mark.parametrize(
    ("id", "name"),
    [(id, name) for id, each in RIGHT.items() for name in vars(each) if name[0] != "_"],
)
def test_other_right_answers_are_right(id, name):
    shown = said(id, vars(RIGHT[id])[name])
    assert shown.startswith("Right"), shown


@pytest.mark.parametrize("how", ["with_tensorflow", "with_tensorflow_cut_off"])
def test_a_step_of_one_pixel_more_or_less_is_nearest_too(how):
    """Where the new size divides the old one, a slice with a step takes every second pixel."""
    photo, mask = lesson._blocks(50, 70, 8), lesson._classes(50, 70)
    lesson._judge_mask(mask[::2, ::2], mask)
    lesson._judge_mask(mask[1::2, 1::2], mask)
    lesson._judge_photo(vars(MaskRight)[how](photo, mask, 25, 35)[0], photo)


# ------------------------------------------------- the same mistakes in another guise, odd ones


def with_bad(what):
    """An answer to 04.read that reads, and does something of its own with what can't be read."""

    def read_rgb(path, height, width):
        photo = cv2.imread(path, cv2.IMREAD_COLOR_RGB)
        if photo is None:
            return what(path)
        return cv2.resize(photo, (width, height))

    return read_rgb


def raising(error):
    def raises(path):
        raise error(path)

    return with_bad(raises)


def slices_none(path, height, width):
    return cv2.resize(cv2.imread(path)[..., ::-1].copy(), (width, height))


def asks_none_for_its_shape(path, height, width):
    photo = cv2.imread(path)
    if photo.shape[:2] != (height, width):
        photo = cv2.resize(photo, (width, height))
    return cv2.cvtColor(photo, cv2.COLOR_BGR2RGB)


def converts_none(path, height, width):
    return cv2.resize(cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB), (width, height))


def unchanged_then_turned(path, height, width):
    photo = cv2.imread(path, cv2.IMREAD_UNCHANGED)
    if photo is None:
        raise ValueError(path)
    return cv2.resize(photo, (width, height))[:, :, ::-1]


def decodes_nothing(path, height, width):
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise ValueError(path) from error
    photo = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)
    if photo is None:
        raise ValueError(path)
    return cv2.resize(photo, (width, height))


def opens_it(path, height, width):
    with open(path, "rb") as file:
        data = np.frombuffer(file.read(), np.uint8)
    return cv2.resize(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB), (width, height))


def imread_caught(path, height, width):
    try:
        return cv2.resize(cv2.imread(path, cv2.IMREAD_COLOR_RGB), (width, height))
    except cv2.error as error:
        raise ValueError(path) from error


def never_looks_at_what_is_decoded(path, height, width):
    data = np.fromfile(path, np.uint8) if os.path.exists(path) else np.zeros(0, np.uint8)
    if data.size == 0:
        raise ValueError(path)
    return cv2.resize(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB), (width, height))


def pillow_that_fills_up(path, height, width):
    try:
        with Image.open(path) as picture, pytest.MonkeyPatch.context() as patch:
            patch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
            return np.asarray(picture.convert("RGB").resize((width, height)))
    except OSError as error:
        raise ValueError(path) from error


def tensorflow_that_fills_up(path, height, width):
    try:
        data = tf.io.read_file(path)
        photo = tf.io.decode_jpeg(data, channels=3, try_recover_truncated=True)
    except tf.errors.OpError as error:
        raise ValueError(path) from error
    return cv2.resize(photo.numpy(), (width, height))


def raises_another_where_it_is_cut(path, height, width):
    photo = cv2.imread(path, cv2.IMREAD_COLOR_RGB)
    if photo is None:
        raise ValueError(path)
    if (photo[-1] == 128).all():
        raise EOFError(path)
    return cv2.resize(photo, (width, height))


def with_pillow_alone(path, height, width):
    return np.asarray(Image.open(path).convert("RGB").resize((width, height)))


def with_tensorflow_alone(path, height, width):
    photo = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)
    return tf.image.resize(photo, (height, width))


def upside_down(path, height, width):
    return read_photo(path, height, width)[::-1]


def with_an_alpha(path, height, width):
    return cv2.cvtColor(read_photo(path, height, width), cv2.COLOR_RGB2RGBA)


def read_as(kind):
    return lambda path, height, width: read_photo(path, height, width).astype(kind)


def only_one_size(path, height, width):
    return read_photo(path, 48, 80)


def mistyped(path, height, width):
    photo = cv2.imread(path, cv2.IMREAD_COLOR_RGB)
    if photo is None:
        raise ValueErorr(path)  # noqa: F821 the mistake
    return cv2.resize(photo, (width, height))


def yields_the_picture(path, height, width):
    yield read_photo(path, height, width)


READ_WRONG = [
    (slices_none, lesson.NONE_UNSEEN),
    (asks_none_for_its_shape, lesson.NONE_UNSEEN),
    (converts_none, lesson.NONE_UNSEEN),
    (unchanged_then_turned, lesson.UNCHANGED),
    (decodes_nothing, lesson.EMPTY_UNSEEN),
    (imread_caught, lesson.CUT_SHORT),
    (pillow_that_fills_up, lesson.CUT_SHORT),
    (tensorflow_that_fills_up, lesson.CUT_SHORT),
    (raises_another_where_it_is_cut, "is cut short yours raises EOFError, which is no ValueError"),
    (never_looks_at_what_is_decoded, lesson.NONE_UNSEEN),
    (opens_it, "is missing yours raises FileNotFoundError, which is an OSError and no ValueError"),
    (with_pillow_alone, "is missing yours raises FileNotFoundError, which is an OSError and no "),
    (raising(FileNotFoundError), "raises FileNotFoundError, which is an OSError and no ValueError"),
    (
        raising(RuntimeError),
        "is missing yours raises RuntimeError, which is no ValueError: whoever",
    ),
    (raising(AssertionError), "raises AssertionError, which is no ValueError"),
    (raising(lambda path: ValueError(Path(path).name)), lesson.UNNAMED),
    (raising(lambda path: ValueError()), lesson.UNNAMED),
    (with_tensorflow_alone, lesson.READ_TENSOR),
    (upside_down, "doesn't show the whole picture of the file, upright"),
    (with_an_alpha, "an array of shape (48, 80, 4), and should give (48, 80, 3)."),
    (read_as(np.float32), "The pixels come as float32, and should come as uint8, from 0 to 255."),
    (read_as(np.int64), "The pixels come as int64, and should come as uint8"),
    (read_as(object), "The pixels come as object, and should come as uint8"),
    (lambda path, height, width: np.full((height, width, 3), np.nan), "come as float64"),
    (lambda path, height, width: np.zeros((height, width, 3), np.uint8), "doesn't show the whole"),
    (lambda path, height, width: np.zeros((0, 0, 3), np.uint8), "an array of shape (0, 0, 3)"),
    (lambda path, height, width: np.float32(3), "gave back a float32, and should return an array"),
    (lambda path, height, width: None, "gave back None, and should return an array. Is `return`"),
    (lambda path, height, width: [1, 2], "gave back a list, and should return an array."),
    (lambda path, height, width: (), "gave back a tuple, and should return an array."),
    (yields_the_picture, "gave back a generator, and should return an array."),
    (only_one_size, "read_rgb(path, 90, 50) gave back an array of shape (48, 80, 3)"),
    (mistyped, "NameError: name 'ValueErorr' is not defined"),
    (with_bad(lambda path: print(end="")), lesson.RETURNS_NONE),
    (with_bad(lambda path: f"{path} is bad"), "can't be read yours returns a str. Raise a Value"),
    (with_bad(lambda path: np.zeros(0)), lesson.PICTURE_FOR_A_BAD_FILE),
    (with_bad(lambda path: np.random.rand(48, 80, 3)), lesson.PICTURE_FOR_A_BAD_FILE),
    (lambda path: None, "TypeError: "),
]


def shape_swapped_for_the_resizer(photo, side):
    height, width = photo.shape[:2]
    scale = side / max(height, width)
    rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
    top, left = (side - rows) // 2, (side - columns) // 2
    square = np.zeros((side, side, 3), np.uint8)
    resized = cv2.resize(photo, (rows, columns))
    square[top : top + rows, left : left + columns] = resized
    return square


def swapped_with_a_border(photo, side):
    height, width = photo.shape[:2]
    scale = side / max(height, width)
    rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
    top, left = (side - rows) // 2, (side - columns) // 2
    below, right = side - rows - top, side - columns - left
    resized = cv2.resize(photo, (rows, columns))
    return cv2.copyMakeBorder(resized, top, below, left, right, cv2.BORDER_CONSTANT)


def fits_the_width_with_a_border(photo, side):
    rows = max(1, round(photo.shape[0] * side / photo.shape[1]))
    top = (side - rows) // 2
    resized = cv2.resize(photo, (side, rows))
    return cv2.copyMakeBorder(resized, top, side - rows - top, 0, 0, cv2.BORDER_CONSTANT)


def fits_the_height(photo, side):
    columns = max(1, round(photo.shape[1] * side / photo.shape[0]))
    left = (side - columns) // 2
    square = np.zeros((side, side, 3), np.uint8)
    square[:, left : left + columns] = cv2.resize(photo, (columns, side))
    return square


def fits_the_width_with_numpy(photo, side):
    rows = max(1, round(photo.shape[0] * side / photo.shape[1]))
    top = (side - rows) // 2
    resized = cv2.resize(photo, (side, rows))
    return np.pad(resized, ((top, side - rows - top), (0, 0), (0, 0)))


def fits_the_width_with_tensorflow(photo, side):
    rows = max(1, round(photo.shape[0] * side / photo.shape[1]))
    resized = tf.image.resize(photo, (rows, side))
    square = tf.image.pad_to_bounding_box(resized, (side - rows) // 2, 0, side, side)
    return tf.cast(square, tf.uint8).numpy()


def never_resizes(photo, side):
    height, width = photo.shape[:2]
    top, left = (side - height) // 2, (side - width) // 2
    square = np.zeros((side, side, 3), np.uint8)
    square[top : top + height, left : left + width] = photo
    return square


def cut_square_first(photo, side):
    short = min(photo.shape[:2])
    return cv2.resize(photo[:short, :short], (side, side))


def cut_out_of_the_middle(photo, side):
    rows, columns = photo.shape[:2]
    short = min(rows, columns)
    top, left = (rows - short) // 2, (columns - short) // 2
    middle = photo[top : top + short, left : left + short]
    return tf.cast(tf.image.resize(middle, (side, side)), tf.uint8).numpy()


def bordered(kind, value=0):
    def answer(photo, side):
        rows, columns = (max(1, round(n * side / max(photo.shape))) for n in photo.shape[:2])
        top, left = (side - rows) // 2, (side - columns) // 2
        below, right = side - rows - top, side - columns - left
        resized = cv2.resize(photo, (columns, rows))
        return cv2.copyMakeBorder(resized, top, below, left, right, kind, value=[value] * 3)

    return answer


def not_padded(photo, side):
    rows, columns = (max(1, round(n * side / max(photo.shape))) for n in photo.shape[:2])
    return cv2.resize(photo, (columns, rows))


def with_resize_with_pad(photo, side):
    square = tf.image.resize_with_pad(photo, side, side)
    return tf.cast(tf.round(square), tf.uint8).numpy()


def with_pillows_pad(photo, side):
    return np.asarray(ImageOps.pad(Image.fromarray(photo), (side, side)))


def with_pillows_contain(photo, side):
    resized = np.asarray(ImageOps.contain(Image.fromarray(photo), (side, side)))
    rows, columns = resized.shape[:2]
    top, left = (side - rows) // 2, (side - columns) // 2
    square = np.zeros((side, side, 3), np.uint8)
    square[top : top + rows, left : left + columns] = resized
    return square


def pasted_after_pillows_contain(photo, side):
    square = Image.new("RGB", (side, side))
    resized = ImageOps.contain(Image.fromarray(photo), (side, side))
    square.paste(resized, ((side - resized.width) // 2, (side - resized.height) // 2))
    return np.asarray(square)


def padded_without_smoothing(photo, side):
    longer = max(photo.shape)
    return cv2.resize(never_resizes(photo, longer), (side, side))


def of_the_right_one(change):
    return lambda photo, side: change(lesson.whole(photo, side))


def paints_it(photo, side):
    square = lesson.whole(photo, side)
    photo[:] = 0
    return square


WHOLE_WRONG = [
    (shape_swapped_for_the_resizer, lesson.SIDES_SWAPPED),
    (swapped_with_a_border, lesson.SIDES_SWAPPED),
    (fits_the_width_with_a_border, lesson.ONE_SIDE),
    (fits_the_height, lesson.ONE_SIDE),
    (fits_the_width_with_numpy, lesson.ONE_SIDE),
    (fits_the_width_with_tensorflow, lesson.ONE_SIDE),
    (never_resizes, lesson.ONE_SIDE),
    (cut_square_first, lesson.CROPPED),
    (cut_out_of_the_middle, lesson.CROPPED),
    (bordered(cv2.BORDER_CONSTANT, 255), lesson.NOT_BLACK),
    (bordered(cv2.BORDER_CONSTANT, 128), lesson.NOT_BLACK),
    (bordered(cv2.BORDER_CONSTANT, 20), lesson.NOT_BLACK),
    (bordered(cv2.BORDER_REFLECT_101), lesson.NOT_BLACK),
    (bordered(cv2.BORDER_WRAP), lesson.NOT_BLACK),
    (not_padded, "high and 120 wide, gave back an array of shape (49, 96, 3). It should be (96, "),
    (with_resize_with_pad, lesson.TOO_THIN),
    (with_pillows_pad, lesson.TOO_THIN),
    (with_pillows_contain, lesson.TOO_THIN),
    (pasted_after_pillows_contain, lesson.TOO_THIN),
    (padded_without_smoothing, lesson.TOO_THIN),
    (of_the_right_one(lambda square: square / 255), lesson.FLOAT_SQUARE),
    (of_the_right_one(lambda square: square.astype(np.float32)), "The square comes as float32"),
    (of_the_right_one(lambda square: tf.constant(square)), "gave back a tensor. It should be an"),
    (of_the_right_one(lambda square: square[..., ::-1]), lesson.CHANGED_COLOURS),
    (of_the_right_one(lambda square: square[::-1]), "What is in the square isn't the whole photo"),
    (of_the_right_one(lambda square: np.roll(square, 2, axis=0)), "should fill rows 23 to 71 and "),
    (of_the_right_one(lambda square: square * 0), "The square is black"),
    (of_the_right_one(lambda square: square[:-1]), "gave back an array of shape (95, 96, 3)."),
    (of_the_right_one(lambda square: None), "gave back None, and should return an array. Is `ret"),
    (of_the_right_one(lambda square: square.tolist()), "gave back a list, and should return an ar"),
    (of_the_right_one(lambda square: np.float64(1)), "gave back a float64, and should return an"),
    (paints_it, "The photo that was handed over has changed itself. Make a new array."),
    (lambda photo, side: 1 / 0, "ZeroDivisionError: division by zero"),
]


def reads(at_a_bad_file, limit=lambda missed, at_most: missed > at_most, text="{path}"):
    """An answer to 04.skip that does something of its own at a bad file."""

    def readable(paths, left_out, at_most):
        missed = 0
        for path in paths:
            try:
                photo = read_photo(path)
            except UnreadablePicture as error:
                missed += 1
                at_a_bad_file(left_out, error)
                if limit(missed, at_most):
                    raise ValueError(text.format(path=path)) from error
            else:
                yield photo

    return readable


def appends(left_out, error):
    left_out.append(error.path)


def catches_nothing(paths, left_out, at_most):
    for path in paths:
        yield read_photo(path)


def breaks(paths, left_out, at_most):
    for path in paths:
        try:
            photo = read_photo(path)
        except UnreadablePicture:
            left_out.append(path)
            break
        yield photo


def tries_the_whole_loop(paths, left_out, at_most):
    try:
        for path in paths:
            yield read_photo(path)
    except UnreadablePicture:
        left_out.append(path)


def leaves_at_the_limit(paths, left_out, at_most):
    missed = 0
    for path in paths:
        try:
            photo = read_photo(path)
        except UnreadablePicture:
            left_out.append(path)
            missed += 1
            if missed > at_most:
                break
        else:
            yield photo


def catches(*kinds, then):
    """An answer to 04.skip that catches some kinds, and does something with what it caught."""

    def readable(paths, left_out, at_most):
        missed = 0
        for path in paths:
            try:
                photo = read_photo(path)
            except kinds as error:
                then(error, path)
                left_out.append(path)
                missed += 1
                if missed > at_most:
                    raise ValueError(path) from error
            else:
                yield photo

    return readable


def raises_another(error, path):
    if not isinstance(error, UnreadablePicture):
        raise LookupError("that is no file") from error


def makes_a_list_first(paths, left_out, at_most):
    yield from lesson.readable(paths, left_out or [], at_most)


def extends_in_the_end(paths, left_out, at_most):
    missed = []
    yield from lesson.readable(paths, missed, at_most)
    left_out += missed


def bare(paths, left_out, at_most):
    missed = 0
    for path in paths:
        try:
            yield read_photo(path)
        except:  # noqa: E722 the mistake
            left_out.append(path)
            missed += 1
            if missed > at_most:
                raise ValueError(path) from None


def keeps_the_count(paths, left_out, at_most, missed=[]):  # noqa: B006 the shared list is the mistake
    for path in paths:
        try:
            photo = read_photo(path)
        except UnreadablePicture:
            left_out.append(path)
            missed.append(path)
            if len(missed) > at_most:
                raise ValueError(path) from None
        else:
            yield photo


def raises_at_the_end(paths, left_out, at_most):
    before = len(left_out)
    for path in paths:
        try:
            yield read_photo(path)
        except UnreadablePicture:
            left_out.append(path)
    if len(left_out) - before > at_most:
        raise ValueError(left_out[-1])


def looks_before_it_appends(paths, left_out, at_most):
    missed = 0
    for path in paths:
        try:
            photo = read_photo(path)
        except UnreadablePicture:
            missed += 1
            if missed > at_most:
                raise ValueError(path) from None
            left_out.append(path)
        else:
            yield photo


def clears(paths, left_out, at_most):
    left_out.clear()
    yield from lesson.readable(paths, left_out, at_most)


def collects(paths, left_out, at_most):
    yield from list(lesson.readable(paths, left_out, at_most))


def collects_and_hides_it(paths, left_out, at_most):
    return iter(list(lesson.readable(paths, left_out, at_most)))


def one_ahead(paths, left_out, at_most):
    """At one bad file too many it stops at once, and the photo that waits is lost."""
    photos = lesson.readable(paths, left_out, at_most)
    before = next(photos)
    for photo in photos:
        yield before
        before = photo
    yield before


def one_ahead_and_gives_it(paths, left_out, at_most):
    before, missed = None, 0
    for path in paths:
        try:
            photo = read_photo(path)
        except UnreadablePicture as error:
            left_out.append(path)
            missed += 1
            if missed > at_most:
                if before is not None:
                    yield before
                raise ValueError(path) from error
            continue
        if before is not None:
            yield before
        before = photo
    if before is not None:
        yield before


def some_ahead(count):
    def readable(paths, left_out, at_most):
        photos = lesson.readable(paths, left_out, at_most)
        while group := list(itertools.islice(photos, count)):
            yield from group

    return readable


def backwards(paths, left_out, at_most):
    yield from lesson.readable(paths[::-1], left_out, at_most)


def each(change):
    def readable(paths, left_out, at_most):
        for photo in lesson.readable(paths, left_out, at_most):
            yield change(photo)

    return readable


def for_ever(paths, left_out, at_most):
    while True:
        yield from lesson.readable(paths, [], 99)


def another_kind(paths, left_out, at_most):
    try:
        yield from lesson.readable(paths, left_out, at_most)
    except ValueError as error:
        raise RuntimeError(str(error)) from None


def stops_in_silence(paths, left_out, at_most):
    missed = 0
    for path in paths:
        try:
            photo = read_photo(path)
        except UnreadablePicture:
            left_out.append(path)
            missed += 1
            if missed > at_most:
                return
        else:
            yield photo


def raises_stop_iteration(paths, left_out, at_most):
    for path in paths:
        try:
            photo = read_photo(path)
        except UnreadablePicture:
            raise StopIteration from None
        yield photo


def zero_is_no_limit(missed, at_most):
    return bool(at_most) and missed > at_most


def a_function(paths, left_out, at_most):
    return lambda: lesson.readable(paths, left_out, at_most)


def a_dataset(paths, left_out, at_most):
    spec = tf.TensorSpec((224, 224, 3), tf.uint8)
    return tf.data.Dataset.from_generator(
        lambda: lesson.readable(paths, left_out, at_most), output_signature=spec
    )


SKIP_WRONG = [
    (catches_nothing, lesson.NOT_CAUGHT),
    (breaks, lesson.STOPS),
    (tries_the_whole_loop, lesson.STOPS),
    (stops_in_silence, lesson.ENDS_IN_SILENCE),
    (leaves_at_the_limit, lesson.ENDS_IN_SILENCE),
    (extends_in_the_end, lesson.LISTED_LATE),
    (makes_a_list_first, lesson.NOTHING_LISTED),
    (catches(ValueError, then=lambda error, path: error.path), lesson.VALUE_ERROR_CAUGHT),
    (catches(ValueError, then=lambda error, path: str(path)), lesson.VALUE_ERROR_CAUGHT),
    (catches(ValueError, then=raises_another), lesson.VALUE_ERROR_CAUGHT),
    (catches(ValueError, OSError, then=lambda error, path: 0), lesson.VALUE_ERROR_CAUGHT),
    (catches(Exception, then=lambda error, path: error.reason), lesson.SWALLOWED),
    (catches(Exception, then=lambda error, path: f"{path}"), lesson.SWALLOWED),
    (catches(Exception, then=raises_another), lesson.SWALLOWED),
    (bare, lesson.SWALLOWED),
    (keeps_the_count, lesson.COUNTS_ALL_EPOCHS),
    (raises_at_the_end, lesson.STOPS_LATE),
    (looks_before_it_appends, lesson.LAST_NOT_LISTED),
    (clears, "hold the paths of 6 files now, as they stand in paths: .../empty.jpg, .../text.jpg,"),
    (collects, lesson.READ_AHEAD),
    (collects_and_hides_it, lesson.READ_AHEAD),
    (one_ahead, lesson.READ_AHEAD),
    (one_ahead_and_gives_it, lesson.READ_AHEAD),
    (some_ahead(2), lesson.READ_AHEAD),
    (some_ahead(3), lesson.READ_AHEAD),
    (backwards, "each should come once, in the order of paths. Of yours come: 4, 3, 2, 1."),
    (each(lambda photo: None), lesson.YIELDS_NONE),
    (each(lambda photo: photo / 255), "A photo isn't what `read_photo(path)` returns"),
    (each(lambda photo: photo[..., ::-1]), "A photo isn't what `read_photo(path)` returns"),
    (each(lambda photo: [photo]), "Each element should be a photo, an array. Yours is a list."),
    (each(lambda photo: (photo, "a.jpg")), "an array. Yours is a tuple."),
    (each(tf.constant), "Each element should be a photo, an array. Yours is an EagerTensor."),
    (each(lambda photo: "a.jpg"), "an array. Yours is a str."),
    (each(lambda photo: float("nan")), "an array. Yours is a float."),
    (for_ever, "Of yours come: 1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4, 1, 2."),
    (another_kind, "can't be read yours raises RuntimeError, and should raise ValueError."),
    (raises_stop_iteration, "RuntimeError: generator raised StopIteration"),
    (reads(lambda left_out, error: None), lesson.NOTHING_LISTED),
    (reads(lambda left_out, error: left_out.append(str(error))), lesson.ERRORS_LISTED),
    (reads(lambda left_out, error: left_out.append(None)), "Yours holds 3: None, None, None."),
    (reads(lambda left_out, error: left_out.append(0.5)), "Yours holds 3: 0.5, 0.5, 0.5."),
    (reads(lambda left_out, error: left_out.insert(0, error.path)), "Yours holds 3: .../missing.j"),
    (reads(lambda left_out, error: left_out.extend(error.path)), "Yours holds "),
    (reads(appends, text="too many"), lesson.LIMIT_UNNAMED),
    (reads(appends, text="missing.jpg"), lesson.LIMIT_UNNAMED),
    (
        reads(appends, zero_is_no_limit),
        "With at_most = 0 a ValueError should come at bad file number 1. None came: the epoch gave "
        "4 of the 4 photos, and ended.",
    ),
    (reads(appends, lambda missed, at_most: missed > 2), lesson.TOO_EARLY),
    (reads(appends, lambda missed, at_most: missed > at_most + 1), lesson.NEVER_STOPS),
    (a_function, "gave back a function, and nobody calls it."),
    (a_dataset, "gave back a dataset. Only the generator function is wanted here."),
    (lambda paths, left_out, at_most: None, "gave back None. Hand each photo over with `yield`"),
    (lambda paths, left_out, at_most: read_photo(paths[0]), "gave back a ndarray. It should yield"),
    (lambda paths, left_out, at_most: 3, "gave back 3, which can't be iterated."),
    (lambda paths, left_out, at_most: iter([]), "Of yours come: none."),
]


def parts(change):
    """What `change` makes of the right answer's two parts."""
    return lambda *given: change(*lesson.smaller(*given))


def resizes_in_memory(photo, mask, height, width):
    return cv2.resize(photo, (width, height)), np.resize(mask, (height, width))


def tensors(photo, mask, height, width):
    photo = tf.cast(tf.round(tf.image.resize(photo, (height, width))), tf.uint8)
    return photo, tf.image.resize(mask[..., None], (height, width), method="nearest")[..., 0]


def keeps_a_tensor_with_a_channel(photo, mask, height, width):
    photo = tf.cast(tf.round(tf.image.resize(photo, (height, width))), tf.uint8)
    return photo, tf.image.resize(mask[..., None], (height, width), method="nearest")


def bilinear_mask_of_tensorflow(photo, mask, height, width):
    photo = cv2.resize(photo, (width, height))
    return photo, tf.image.resize(mask[..., None], (height, width))[..., 0].numpy()


def photo_of_tensorflow(photo, mask, height, width):
    return tf.image.resize(photo, (height, width)), both()(photo, mask, height, width)[1]


def every_second(photo, mask, height, width):
    down, right = mask.shape[0] // height, mask.shape[1] // width
    return cv2.resize(photo, (width, height)), mask[::down, ::right]


def upper_left(photo, mask, height, width):
    return cv2.resize(photo, (width, height)), mask[:height, :width]


def photo_by_positions(photo, mask, height, width):
    rows = np.arange(height) * photo.shape[0] // height
    columns = np.arange(width) * photo.shape[1] // width
    return photo[rows][:, columns], cv2.resize(mask, (width, height), None, 0, 0, 0)


def flag_in_the_third_place(photo, mask, height, width):
    size = (width, height)
    return cv2.resize(photo, size), cv2.resize(mask, size, cv2.INTER_NEAREST)


NEAREST, BELOW, ABOVE = "nearest", "below", "above"


def moved(resize, to=NEAREST):
    """An answer to 04.mask whose mask is smoothed, then moved to the nearest class, or the next."""

    def smaller(photo, mask, height, width):
        smoothed, classes = resize(mask.astype(np.float32), height, width), np.unique(mask)
        smoothed = np.round(smoothed).clip(0, 255)[..., None]
        if to == NEAREST:
            places = np.abs(smoothed - classes).argmin(axis=-1)
        elif to == BELOW:
            places = np.sum(smoothed >= classes, axis=-1) - 1
        else:
            places = np.sum(smoothed > classes, axis=-1).clip(0, len(classes) - 1)
        return both()(photo, mask, height, width)[0], classes[places]

    return smaller


def of_opencv(how):
    return lambda mask, height, width: cv2.resize(mask, (width, height), interpolation=how)


def of_tensorflow(**options):
    return lambda mask, height, width: tf.image.resize(mask[..., None], (height, width), **options)[
        ..., 0
    ].numpy()


def of_pillow(how):
    return lambda mask, height, width: np.asarray(
        Image.fromarray(mask).resize((width, height), how)
    )


SMOOTH = {
    "linear": of_opencv(cv2.INTER_LINEAR),
    "area": of_opencv(cv2.INTER_AREA),
    "cubic": of_opencv(cv2.INTER_CUBIC),
    "TensorFlow": of_tensorflow(),
    "TensorFlow, antialias": of_tensorflow(antialias=True),
    "TensorFlow, area": of_tensorflow(method="area"),
    "Pillow, bilinear": of_pillow(Image.Resampling.BILINEAR),
    "Pillow, box": of_pillow(Image.Resampling.BOX),
}


@pytest.mark.parametrize("how", SMOOTH)
def test_a_smoothed_mask_moved_to_a_class_is_seen(how):
    assert said("04.mask", moved(SMOOTH[how])) == f"Wrong: {lesson.SNAPPED}"
    # A wide kernel changes pixels further off as well, which is another message's.
    for to in (BELOW, ABOVE):
        told = said("04.mask", moved(SMOOTH[how], to))
        assert told == f"Wrong: {lesson.SNAPPED}" or "right classes at the wrong places" in told


MASK_WRONG = [
    (flag_in_the_third_place, lesson.NEW_CLASSES),
    (both(cv2.INTER_AREA, cv2.INTER_LINEAR), lesson.NEW_CLASSES),
    (both(cv2.INTER_AREA, cv2.INTER_CUBIC), lesson.NEW_CLASSES),
    (bilinear_mask_of_tensorflow, lesson.NEW_CLASSES),
    (both(cv2.INTER_NEAREST_EXACT), lesson.JAGGED[:20]),
    (both(cv2.INTER_NEAREST_EXACT, cv2.INTER_NEAREST_EXACT), lesson.JAGGED),
    (photo_by_positions, lesson.JAGGED),
    (keeps_a_tensor_with_a_channel, lesson.MASK_WITH_CHANNEL),
    (parts(lambda photo, mask: (photo, mask[..., None])), lesson.MASK_WITH_CHANNEL),
    (parts(lambda photo, mask: [(photo, mask)]), lesson.MASK_IN_A_LIST),
    (parts(lambda photo, mask: (photo, mask.astype(np.int64))), "comes as int64, and should stay"),
    (parts(lambda photo, mask: (photo, mask > 0)), lesson.NEW_CLASSES[:20]),
    (parts(lambda photo, mask: (photo / 255, mask)), "The photo comes as float64, and should stay"),
    (
        photo_of_tensorflow,
        "The photo comes as float32, and should stay uint8. tf.image.resize give",
    ),
    (parts(lambda photo, mask: (photo[:, ::-1], mask)), "isn't the whole photo, upright"),
    (parts(lambda photo, mask: (photo[..., ::-1], mask)), "isn't the whole photo, upright and in"),
    (parts(lambda photo, mask: (photo, mask[::-1])), "the right classes at the wrong places"),
    (parts(lambda photo, mask: (photo, mask * 0)), "the right classes at the wrong places"),
    (parts(lambda photo, mask: (photo, mask * np.nan)), lesson.NEW_CLASSES[:20]),
    (parts(lambda photo, mask: photo), "gave back a ndarray. It should be a tuple of two arrays"),
    (parts(lambda photo, mask: (photo, mask, 1)), "gave back a tuple of 3. It should be a tuple"),
    (parts(lambda photo, mask: {"photo": photo, "mask": mask}), "gave back a dict. It should be"),
    (parts(lambda photo, mask: None), "gave back None. It should be a tuple of two arrays"),
    (parts(lambda photo, mask: (photo, None)), "The mask came back as None, and should be an ar"),
    (parts(lambda photo, mask: (photo.tolist(), mask)), "The photo came back as a list, and shou"),
    (resizes_in_memory, "the right classes at the wrong places"),
    (upper_left, "the right classes at the wrong places"),
    (tensors, "What came are tensors, and should be arrays of NumPy's: `.numpy()`."),
    (every_second, "and the mask came with the shapes (21, 33, 3) and (25, 35). They should have"),
    (lambda photo, mask, height, width: (photo, mask), "the shapes (50, 70, 3) and (50, 70). They"),
    (
        lambda photo, mask, height, width: (
            photo,
            cv2.resize(mask, (width, height), None, 0, 0, 0),
        ),
        lesson.PHOTO_LEFT,
    ),
]


@pytest.mark.parametrize(
    ("id", "answer", "words"),
    [
        (f"04.{name}", *case)
        for name, cases in (
            ("read", READ_WRONG),
            ("whole", WHOLE_WRONG),
            ("skip", SKIP_WRONG),
            ("mask", MASK_WRONG),
        )
        for case in cases
    ],
)
def test_other_wrong_answers_are_told_how(id, answer, words):
    shown = said(id, answer)
    assert shown.startswith("Wrong")
    assert words in shown


# ------------------------------------------------------------------------------- the photos


@pytest.mark.parametrize("name", ["coffee", "rocket"])
def test_the_photos_tell_their_channels_apart(name):
    """Far enough that no interpolation makes one order look like the other."""
    path = lesson._photos()[name]
    ways = (cv2.INTER_NEAREST, cv2.INTER_AREA, cv2.INTER_LANCZOS4)
    for height, width in ((48, 80), (90, 50)):
        right = read_photo(path, height, width)
        for how in ways:
            found = reading(how=how)(str(path), height, width)
            assert lesson._distance(found, right) < lesson.ALIKE / 2
            assert lesson._distance(found[..., ::-1], right) > 1.5 * lesson.ALIKE


@pytest.mark.parametrize("size", lesson.PHOTOS_AND_SIDES, ids=str)
def test_what_mistakes_make_of_a_photo_is_told_apart(size):
    """Each square is unlike every other, and all are further still from the right one."""
    height, width, side = size
    photo = lesson._blocks(height, width)
    squares = [(None, lesson.whole(photo, side)), *lesson._misunderstood(photo, side)]
    for one, other in itertools.combinations(squares, 2):
        apart = lesson._distance(one[1], other[1])
        least = lesson.ALIKE * (1 if one[0] else 1.5)
        # Of a square photo some mistakes make what is right, or what another one makes.
        assert apart == 0 or one[0] == other[0] or apart > least, (one[0], other[0])


@pytest.mark.parametrize("size", lesson.PHOTOS_AND_SIDES, ids=str)
def test_a_square_that_is_right_but_for_a_pixel_is_near_the_right_one(size):
    height, width, side = size
    photo = lesson._blocks(height, width)
    for name in (name for name in vars(WholeRight) if name[0] != "_"):
        found = vars(WholeRight)[name](photo, side)
        assert lesson._distance(found, lesson.whole(photo, side)) < lesson.ALIKE * 0.7, name


def test_a_check_leaves_no_files_and_no_seed_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", os.fspath(tmp_path))
    np.random.seed(0)
    before = np.random.get_state()[1].tolist()
    for task in EVERY:
        assert said(task.id, task.solution).startswith("Right")
    assert list(tmp_path.iterdir()) == []
    assert np.random.get_state()[1].tolist() == before


# --------------------------------------------------------------------- what a right answer is told


def test_a_bit_flipped_in_the_middle_of_a_jpeg_makes_another_picture_and_no_error():
    rng = np.random.default_rng(0)
    for path in photo_set(8, packaged=True).paths:
        data = np.fromfile(path, np.uint8)
        for where in rng.integers(len(data) // 4, len(data) * 3 // 4, 5):
            flipped = data.copy()
            flipped[where] ^= 1 << rng.integers(8)
            by_opencv = cv2.imdecode(flipped, cv2.IMREAD_COLOR_RGB)
            by_pillow = np.asarray(Image.open(io.BytesIO(flipped.tobytes())).convert("RGB"))
            whole = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)
            for found in (by_opencv, by_pillow):
                assert found.shape == whole.shape
                assert not np.array_equal(found, whole)


def test_a_photo_of_3_to_2_leaves_a_third_of_its_square_empty():
    square = lesson.whole(np.full((200, 300, 3), 255, np.uint8), 96)
    assert np.mean(square == 0) == pytest.approx(1 / 3)


def test_without_a_limit_a_folder_that_is_gone_is_an_epoch_of_nothing(tmp_path):
    left_out = []
    paths = [tmp_path / "gone" / f"{n}.jpg" for n in range(3)]
    assert list(lesson._never_raises(paths, left_out, 0)) == []
    assert left_out == paths


def test_nearest_may_lose_a_class_that_is_one_pixel_wide():
    mask = np.zeros((50, 70), np.uint8)
    mask[:, 1] = 7
    photo = np.zeros((50, 70, 3), np.uint8)
    assert not lesson.smaller(photo, mask, 25, 35)[1].any()


# ------------------------------------------------------------------------- what the messages say


def test_none_is_what_imread_gives_and_empty_bytes_raise(tmp_path):
    (tmp_path / "empty.jpg").touch()
    assert cv2.imread(os.fspath(tmp_path / "empty.jpg")) is None
    assert cv2.imread(os.fspath(tmp_path / "missing.jpg")) is None
    with pytest.raises(cv2.error, match="imdecode"):
        cv2.imdecode(np.zeros(0, np.uint8), cv2.IMREAD_COLOR)


def test_imread_fills_up_a_file_that_is_cut_short_and_imdecode_makes_none_of_it(tmp_path):
    path = broken_files(tmp_path)["truncated"]
    assert (cv2.imread(os.fspath(path))[-1] == 128).all()
    assert cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR_RGB) is None


@pytest.mark.parametrize("flag", [cv2.INTER_NEAREST, cv2.INTER_AREA])
def test_a_flag_in_the_third_place_changes_nothing(flag):
    mask = lesson._classes(50, 70)
    assert np.array_equal(cv2.resize(mask, (33, 21), flag), cv2.resize(mask, (33, 21)))


def test_halfway_between_0_and_7_the_nearest_class_is_3():
    mask = np.array([[0, 7, 3, 3]], np.uint8)
    photo = np.zeros((1, 4, 3), np.uint8)
    assert lesson._moves_to_the_nearest_class(photo, mask, 1, 2)[1].tolist() == [[3, 3]]


def test_half_of_2_and_40_is_21():
    mask = np.array([[2, 40]], np.uint8)
    assert cv2.resize(mask, (1, 1)).item() == 21
