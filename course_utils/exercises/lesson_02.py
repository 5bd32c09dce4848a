"""The exercises of lesson 02: a dtype's limits, padding, a signature, inputs and targets."""

from __future__ import annotations

import ast
import itertools
import re
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator

import keras
import numpy as np
import tensorflow as tf

from course_utils.classroom.exercise import Exercise, Mistake, Wrong, first

GIVEN_A_GENERATOR = (
    "from_generator was given a generator, the result of `make()`. It must be given the function, "
    "to call it once an epoch: write `make`, without the parentheses."
)
FROZEN = (
    "`make` wasn't started anew for each epoch: its elements were read once and kept, as a list or "
    "`cache` keeps them. So every epoch gives the same ones, and all of them fill the memory. Give "
    "`make` itself to from_generator, which calls it at the start of each epoch."
)
STARTED_EARLY = (
    "`make` was started while the dataset was built, before anybody asked for an element, and it "
    "may be slow to start. What you must know of the elements stands in the task: write it down, "
    "and leave `make` to from_generator, which calls it at the start of each epoch."
)
LIST_IN_SIGNATURE = (
    "There is a list in the signature, and from_generator takes none there: to TensorFlow a list "
    "is one tensor. One array, whatever its shape, is one tf.TensorSpec; several parts are a tuple "
    "or a dict."
)

# ---------------------------------------------------------------------------------- 02.brighter

WRAPPED = (
    "250 brighter by 20 came out as 14: uint8 ends at 255, and NumPy begins again at 0 without a "
    "word. Limiting it afterwards finds nothing any more. Add in a wider type, limit the sum to "
    "0..255 there, and go back to uint8 last."
)
NOT_LIMITED = (
    "250 brighter by 20 came out as 270. A photo's pixels end at 255, and the next step to uint8, "
    "such as TensorFlow's, would wrap it: limit the sum with `np.clip`."
)
BELOW_ZERO = (
    "5 brighter by -20 came out as 241: the sum was limited at 255, but not at 0, and -15 in uint8 "
    "begins again at the top. Limit both ends."
)
REFUSED = (
    "by may be negative, and NumPy refuses an int beside uint8 that uint8 can't hold, with an "
    "OverflowError. Make the photo wider first, `photo.astype(np.int16)`: then 5 + -20 is -15."
)
NOT_UINT8 = (
    "The values are right, but they come in another type than uint8, and a wider type takes two to "
    "eight times the memory. Go back with `.astype(np.uint8)` at the end."
)
FRACTIONS = (
    "The pixels come as fractions of 255. Photos stay uint8 here, from 0 to 255: don't divide, and "
    "add `by` as it is."
)
IN_PLACE = (
    "The photos that were handed over have changed themselves. In the next epoch they would come "
    "brighter still: make a new array."
)
ITSELF = (
    "With by = 0, yours yields the very photo that was handed over. Who writes into what came out "
    "then changes what was given: yield an array of its own there, too, such as `photo.copy()`."
)
SHARED = (
    "Each photo is right when it comes, but a later one is written over it, into the same array: "
    "`list(brighter(photos, 20))` would hold one photo several times. Make a new array for each."
)
ONE_SIZE = (
    "The photos differ in size, and NumPy can't put one into an array that was made for another: "
    "it raises ValueError. Make a new array for each photo."
)
TENSORS = (
    "Each element should be an array of NumPy's, as the photos are. Yours is a tensor of "
    "TensorFlow's: `.numpy()` makes an array of it."
)
PHOTOS_A_LIST = (
    "brighter gave back a list, so all photos are in memory before the first one is used. Give "
    "each with `yield`, in the loop."
)
PHOTOS_COLLECTED = (
    "All photos were taken before the first one was yielded. Loop over `photos`, and yield each "
    "one when it is ready."
)
LATE = (
    "A photo was ready, but it came only after the next one had been taken from `photos`. From a "
    "camera, that is one photo late: yield each one before the loop goes on."
)

BY = 20  # what the messages count with


def brighter(photos, by):
    """Yield each photo brighter by `by`, as uint8: what passes 255 stays 255, and 0 at least."""
    for photo in photos:
        wide = photo.astype(np.int16) + by
        yield np.clip(wide, 0, 255).astype(np.uint8)


def check_brighter(answer: Callable) -> None:
    """Brighten and darken photos; look at values, types, memory, and what became of the given."""
    for by in (BY, -BY, 0, 255, -255):
        photos, came = _photos(), []
        drawn = _drawn_photos(answer, photos, by, came)
        _compare_photos(drawn, by)
        if not all(map(np.array_equal, photos, _photos())):
            raise Wrong(IN_PLACE)
        if any(np.shares_memory(*pair) for pair in itertools.product(_elements(came), photos)):
            raise Wrong(ITSELF)
        if not all(map(np.array_equal, _elements(came), drawn)):
            raise Wrong(SHARED)
        _judge_waiting([taken for _, taken in came], len(photos))
    _judge_memory(answer)


def _judge_waiting(taken: list[int], count: int) -> None:
    """Judge how many photos were taken by the time that the first, second, ... one came out."""
    if taken[0] == count:
        raise Wrong(PHOTOS_COLLECTED)
    if taken != list(range(1, count + 1)):
        raise Wrong(LATE)


def _judge_memory(answer: Callable) -> None:
    """Photos of one size, as a camera makes them, could all be written into one array."""
    photos, came = [np.full((2, 2, 3), number, np.uint8) for number in range(5)], []
    first(_copied(_generator_of_photos(answer, iter(photos), BY), [], came), len(photos))
    arrays = [each for each in _elements(came) if isinstance(each, np.ndarray)]
    if any(np.shares_memory(*pair) for pair in itertools.combinations(arrays, 2)):
        raise Wrong(SHARED)


def _photos() -> list[np.ndarray]:
    """Three photos, each of its own size, with pixels near both ends."""
    pixels = np.array([250, 5, 100, 0, 255, 130, 20, 235, 236, 19, 1, 254], np.uint8)
    return [
        np.tile(pixels, 1).reshape(2, 2, 3),
        np.tile(pixels, 2).reshape(4, 2, 3),
        np.tile(pixels, 3).reshape(3, 4, 3),
    ]


def _noting(photos: list, taken: list) -> Iterator[np.ndarray]:
    """The photos, one at a time; notes each one that is taken."""
    for photo in photos:
        taken.append(photo)
        yield photo


def _drawn_photos(answer: Callable, photos: list, by: int, came: list) -> list:
    """A copy of each photo as it comes; `came` is filled as `_copied` does."""
    taken = []
    result = _generator_of_photos(answer, _noting(photos, taken), by)
    try:
        return first(_copied(result, taken, came), len(photos) + 2)
    except OverflowError as error:
        if "out of bounds for uint8" in str(error):
            raise Wrong(REFUSED) from None
        raise
    except ValueError as error:
        if "broadcast" in str(error):
            _judge_memory(answer)
            raise Wrong(ONE_SIZE) from None
        raise


def _copied(result: Iterable, taken: list, came: list) -> Iterator[object]:
    """A copy of each element as it comes; keeps itself, and how many photos were taken by then."""
    for element in result:
        came.append((element, len(taken)))
        yield np.array(element) if isinstance(element, (np.ndarray, np.generic)) else element


def _elements(came: list) -> list:
    return [element for element, _ in came]


def _generator_of_photos(answer: Callable, photos: Iterator, by: int) -> Iterable:
    result = answer(photos, by)
    if isinstance(result, (list, tuple)):
        raise Wrong(PHOTOS_A_LIST)
    if isinstance(result, tf.data.Dataset):
        raise Wrong("brighter gave back a dataset. Only the generator function is wanted here.")
    if result is None:
        raise Wrong("brighter gave back None. Hand each photo over with `yield`, in the loop.")
    if callable(result) and not isinstance(result, Iterable):
        raise Wrong(
            "brighter gave back a function, and nobody calls it. Put the `yield` into brighter "
            "itself."
        )
    if isinstance(result, np.ndarray) or not isinstance(result, Iterable):
        raise Wrong(f"brighter gave back {_kind(result)}. It should yield one photo at a time.")
    return result


def _compare_photos(drawn: list, by: int) -> None:
    given = _photos()
    for found, photo in zip(drawn, given, strict=False):
        if tf.is_tensor(found):
            raise Wrong(TENSORS)
        if not isinstance(found, np.ndarray) or found.dtype.kind not in "buif":
            raise Wrong(f"Each element should be a uint8 array. Yours is {_kind(found)}.")
        if found.shape != photo.shape:
            raise Wrong(
                f"A photo of shape {photo.shape} came out with the shape {found.shape}: brightness "
                "leaves the shape as it is."
            )
        _compare_pixels(found, photo, by)
    if len(drawn) != len(given):
        raise Wrong(
            f"Of {len(given)} photos yours yields {_at_most(len(drawn), len(given) + 2)}: each "
            "photo should come out, once."
        )


def _compare_pixels(found: np.ndarray, photo: np.ndarray, by: int) -> None:
    exact = photo.astype(np.int64) + by
    right = np.clip(exact, 0, 255)
    if np.array_equal(found, right):
        if found.dtype != np.uint8:
            raise Wrong(NOT_UINT8)
        return
    if found.dtype.kind == "f" and _near(found * 255, exact, right):
        raise Wrong(FRACTIONS)
    if by == BY and np.array_equal(found, exact % 256):
        raise Wrong(WRAPPED)
    if by == BY and _near(found, exact):
        raise Wrong(NOT_LIMITED)
    if by == -BY and _near(found, exact % 256, np.minimum(exact, 255)):
        raise Wrong(BELOW_ZERO)
    at = tuple(np.argwhere(found != right)[0])
    raise Wrong(
        f"A pixel of {photo[at]} brighter by {by} should be {right[at]}. Yours is "
        f"{float(found[at]):g}."
    )


def _near(found: np.ndarray, *others: np.ndarray) -> bool:
    return any(np.allclose(found, other, atol=0.5) for other in others)


def _adds(photos, by):
    for photo in photos:
        yield photo + by


def _forgets_to_limit(photos, by):
    for photo in photos:
        yield photo.astype(np.float32) + by


def _limits_at_the_top_only(photos, by):
    for photo in photos:
        yield np.minimum(photo.astype(np.int16) + by, 255).astype(np.uint8)


def _works_for_positive_numbers(photos, by):
    for photo in photos:
        yield np.where(photo > 255 - by, np.uint8(255), photo + by)


def _stays_wide(photos, by):
    for photo in photos:
        yield np.clip(photo.astype(np.int16) + by, 0, 255)


def _makes_fractions(photos, by):
    for photo in photos:
        yield np.clip(photo / 255 + by / 255, 0, 1)


def _writes_into_the_photo(photos, by):
    for photo in photos:
        photo[:] = np.clip(photo.astype(np.int16) + by, 0, 255)
        yield photo


def _returns_a_list_of_photos(photos, by):
    return [np.clip(photo.astype(np.int16) + by, 0, 255).astype(np.uint8) for photo in photos]


def _collects_the_photos(photos, by):
    wide = [photo.astype(np.int16) + by for photo in photos]
    for photo in wide:
        yield np.clip(photo, 0, 255).astype(np.uint8)


# ------------------------------------------------------------------------------------ 02.padded

UNPADDED = (
    "`batch` can't put sentences of different lengths into one tensor, and raises "
    "InvalidArgumentError: Cannot batch tensors with different shapes. `padded_batch` makes them "
    "equally long first."
)
ZEROS = (
    "The sentences are padded with 0, as `padded_batch` does unless it is told otherwise. Here 0 "
    "is a word, and nobody can tell it from the padding: add `padding_values=-1`."
)
ZEROS_REPLACED = (
    "The word 0 has become -1 as well. Once the padding is 0, nobody can tell the two apart: pad "
    "with -1 from the start, `padding_values=-1`."
)
ONE_LENGTH = (
    "All batches are padded to one length. A longer sentence would stop the epoch with an error, "
    "and short ones carry padding for nothing. Each batch should be as long as its own longest "
    "sentence: leave `padded_shapes` out, or write None for the length."
)
STAYS_RAGGED = (
    "A ragged batch holds each sentence at its own length, without padding. Here each batch should "
    "be a rectangle: use `padded_batch`, or give `.to_tensor(-1)` to `map`."
)
LAST_DROPPED = (
    "The last batch is missing, and its sentences with it: `drop_remainder=True` throws away what "
    "doesn't fill a batch. Leave it out."
)
SENTENCES_REORDERED = (
    "The sentences are all there, but in another order than `make` yields them, as `shuffle` or "
    "`bucket_by_sequence_length` makes it. They should stay in theirs."
)
PADDED_BEFORE = (
    "The padding stands before the words, where `keras.utils.pad_sequences` puts it unless it is "
    'told otherwise. It belongs at the end: `padding="post"`, or `padded_batch`.'
)
A_NUMBER = (
    "The signature says shape (), a single number, and an element is a whole sentence: TensorFlow "
    "refuses it. A vector of any length has the shape (None,)."
)
LENGTH_FIXED = (
    "The signature fixes the length of a sentence, and TensorFlow refuses the first one of another "
    "length. A vector of any length has the shape (None,)."
)
NO_RANK = (
    "The signature gives no shape, so `padded_batch` doesn't know how many dimensions to pad, and "
    "raises ValueError. A vector of any length has the shape (None,)."
)
OTHER_DTYPE = (
    "`padding_values` must have the dtype of what it pads, and is never converted: -1 is an int32, "
    "-1.0 a float32. Describe the sentences as tf.int32, and pad with -1."
)
ALL_IN_ONE = (
    "All sentences are in one batch, padded to the longest of them all. Put `batch_size` sentences "
    "into a batch."
)
NO_BATCH = "The elements are single sentences. Make batches of them with `padded_batch`."

SENTENCES = (
    # Word 70000 is more than 16 bits hold, 300 more than 8.
    (2, ([3, 0, 300], [5], [7, 7, 70000, 7, 2], [1, 0], [9])),
    (3, ([4, 4], [0, 6, 1, 0], [8], [2] * 12, [1, 2, 3], [5, 0], [6, 6, 6, 6], [7, 1, 7])),
)


def padded(make, batch_size):
    """Return a dataset of batches of sentences, padded with -1 to the longest of each batch."""
    signature = tf.TensorSpec((None,), tf.int32)
    sentences = tf.data.Dataset.from_generator(make, output_signature=signature)
    return sentences.padded_batch(batch_size, padding_values=-1)


def check_padded(answer: Callable) -> None:
    """Batch some sentences, and others in batches of another size; two epochs each."""
    for batch_size, sentences in SENTENCES:
        call, started = f"padded(make, {batch_size})", []
        make = _noting_starts(_sentences(sentences), started)
        dataset = _padded(call, answer, make, batch_size)
        starts = [len(started)]
        right = [
            _rectangle(sentences[start : start + batch_size])
            for start in range(0, len(sentences), batch_size)
        ]
        for epoch in ("first", "second"):
            _compare_batches(_drawn_batches(dataset, len(right) + 2), right, call, epoch)
            starts.append(len(started))
        _judge_starts(starts)


def _sentences(sentences: Iterable[list[int]]) -> Callable[[], Iterator[np.ndarray]]:
    def make():
        for words in sentences:
            yield np.array(words, np.int32)

    return make


def _rectangle(sentences: Iterable[list[int]], padding: int = -1, end: bool = True) -> list:
    longest = max(map(len, sentences))
    rows = [(words, [padding] * (longest - len(words))) for words in sentences]
    return [words + rest if end else rest + words for words, rest in rows]


def _padded(call: str, answer: Callable, make: Callable, batch_size: int) -> tf.data.Dataset:
    try:
        dataset = _made(call, answer, make, batch_size)
    except ValueError as error:
        if "has unknown rank" in str(error):
            raise Wrong(NO_RANK) from None
        raise
    except TypeError as error:
        if "Invalid `padding_values`" in str(error):
            raise Wrong(OTHER_DTYPE) from None
        raise
    spec = dataset.element_spec
    if isinstance(spec, tf.RaggedTensorSpec):
        raise Wrong(STAYS_RAGGED)
    if not isinstance(spec, tf.TensorSpec):
        raise Wrong(f"Each batch should be one tensor of int32. Yours is {_described(spec)}.")
    return dataset


def _drawn_batches(dataset: tf.data.Dataset, most: int) -> list[np.ndarray]:
    try:
        return [batch.numpy() for batch in first(dataset, most)]
    except tf.errors.DataLossError as error:
        if "pad to a smaller size" in str(error):
            raise Wrong(ONE_LENGTH) from None
        raise
    except tf.errors.InvalidArgumentError as error:
        told = str(error)
        if "Cannot batch tensors with different shapes" in told:
            raise Wrong(UNPADDED) from None
        if "where an element of shape () was expected" in told:
            raise Wrong(A_NUMBER) from None
        if re.search(r"where an element of shape \(\d+,\) was expected", told):
            raise Wrong(LENGTH_FIXED) from None
        _name_structures(told)
        raise


def _compare_batches(drawn: list[np.ndarray], right: list, call: str, epoch: str) -> None:
    found = [batch.tolist() for batch in drawn]
    if found == right:
        if any(batch.dtype != np.int32 for batch in drawn):
            raise Wrong(f"The numbers are right, but they come as {drawn[0].dtype}, not as int32.")
        return
    for batch in drawn:
        if batch.ndim == 1:
            raise Wrong(NO_BATCH)
        if batch.ndim != 2:
            raise Wrong(
                f"A batch should have two dimensions, sentences and words. Yours has {batch.ndim}."
            )
    sentences = [[[n for n in row if n != -1] for row in batch] for batch in right]
    everyone = [words for batch in sentences for words in batch]
    for message, other in (
        (ZEROS, [_rectangle(batch, 0) for batch in sentences]),
        (ZEROS_REPLACED, [[[n or -1 for n in row] for row in batch] for batch in right]),
        (PADDED_BEFORE, [_rectangle(batch, end=False) for batch in sentences]),
        (PADDED_BEFORE, [_rectangle(batch, 0, end=False) for batch in sentences]),
        (ALL_IN_ONE, [_rectangle(everyone)]),
        (ALL_IN_ONE, [_rectangle(everyone, 0)]),
        (LAST_DROPPED, right[:-1]),
    ):
        if found == other:
            raise Wrong(message)
    if len(found) == len(right) and all(map(_is_only_longer, found, right)):
        raise Wrong(ONE_LENGTH)
    rows = [[n for n in row if n != -1] for batch in found for row in batch]
    if rows != everyone and sorted(rows) == sorted(everyone):
        raise Wrong(SENTENCES_REORDERED)
    yours = ", then ".join(map(str, found[: len(right) + 1])) or "nothing"
    more = ", and more" if len(found) > len(right) + 1 else ""
    raise Wrong(
        f"{call} should give {', then '.join(map(str, right))}. In its {epoch} epoch yours gives "
        f"{yours}{more}."
    )


def _is_only_longer(found: list, right: list) -> bool:
    """Whether the sentences of a batch are the right ones, with other padding behind them."""
    return len(found) == len(right) and all(
        row[: len(real)] == real and set(row[len(real) :]) <= {-1, 0}
        for row, real in zip(found, right, strict=True)
    )


def _only_batches(make, batch_size):
    signature = tf.TensorSpec((None,), tf.int32)
    sentences = tf.data.Dataset.from_generator(make, output_signature=signature)
    return sentences.batch(batch_size)


def _pads_with_zeros(make, batch_size):
    signature = tf.TensorSpec((None,), tf.int32)
    sentences = tf.data.Dataset.from_generator(make, output_signature=signature)
    return sentences.padded_batch(batch_size)


def _replaces_the_zeros(make, batch_size):
    signature = tf.TensorSpec((None,), tf.int32)
    sentences = tf.data.Dataset.from_generator(make, output_signature=signature)
    batches = sentences.padded_batch(batch_size)
    return batches.map(lambda batch: tf.where(batch == 0, -1, batch))


def _pads_to_one_length(make, batch_size):
    signature = tf.TensorSpec((None,), tf.int32)
    sentences = tf.data.Dataset.from_generator(make, output_signature=signature)
    return sentences.padded_batch(batch_size, padded_shapes=(20,), padding_values=-1)


def _leaves_it_ragged(make, batch_size):
    signature = tf.TensorSpec((None,), tf.int32)
    sentences = tf.data.Dataset.from_generator(make, output_signature=signature)
    return sentences.ragged_batch(batch_size)


def _drops_the_last(make, batch_size):
    signature = tf.TensorSpec((None,), tf.int32)
    sentences = tf.data.Dataset.from_generator(make, output_signature=signature)
    return sentences.padded_batch(batch_size, padding_values=-1, drop_remainder=True)


def _pads_before_the_words(make, batch_size):
    def batches():
        sentences = list(make())
        for start in range(0, len(sentences), batch_size):
            yield keras.utils.pad_sequences(sentences[start : start + batch_size], value=-1)

    signature = tf.TensorSpec((None, None), tf.int32)
    return tf.data.Dataset.from_generator(batches, output_signature=signature)


def _says_a_number(make, batch_size):
    signature = tf.TensorSpec((), tf.int32)
    sentences = tf.data.Dataset.from_generator(make, output_signature=signature)
    return sentences.padded_batch(batch_size, padding_values=-1)


def _says_no_shape(make, batch_size):
    sentences = tf.data.Dataset.from_generator(make, output_types=tf.int32)
    return sentences.padded_batch(batch_size, padding_values=-1)


# ---------------------------------------------------------------------------------- 02.describe

SIZES_FIXED = (
    "The signature fixes the height and width of the image, and each image has its own: TensorFlow "
    "raises InvalidArgumentError at the first one of another size. Write None for a size that "
    "differs."
)
NO_SHAPE = (
    "A part of the signature has no shape. TensorFlow then lets anything through, and what comes "
    "later doesn't even know the number of dimensions. Give each part its shape, with None only "
    "for the sizes that differ."
)
CHANNELS_OPEN = (
    "The signature leaves the channels open, and they are always 3. A grey photo would come "
    "through, and a convolution can't be built without their number. None is for what differs: "
    "here the height and the width."
)
FLOAT_PIXELS = (
    "The images are uint8 and the signature says a float: TensorFlow converts every pixel without "
    "a word. 200 becomes 200.0, nothing is scaled to 0..1, and float32 takes four times the "
    "memory. Write tf.uint8."
)
BOX_CUT = (
    "The numbers of the box are floats and the signature says an integer: TensorFlow cuts off what "
    "stands after the point, without a word. 1.5 arrives as 1. Write tf.float32."
)
BOX_DOUBLE = (
    "float64 loses nothing of the box, but it takes twice the memory, and TensorFlow refuses to "
    "multiply float64 by float32: the error would come later, elsewhere. The numbers are float32, "
    "so write tf.float32."
)
BOX_SCALAR = (
    "The signature gives the box the shape (), that of a single number, and TensorFlow refuses an "
    "array. The box is one array of four numbers: its shape is (4,)."
)
BOX_OPEN = (
    "(None,) lets a box of any length through, also a broken one of three numbers. It always holds "
    "four: its shape is (4,)."
)
NAME_NUMBER = (
    "A name is text and the signature says a number: TensorFlow can't convert 'cat' and raises "
    "InvalidArgumentError. The dtype of text is tf.string."
)
NAME_VECTOR = (
    "For TensorFlow a str is one element, however many characters it has: its shape is (), and its "
    "dtype tf.string."
)
PICTURES_REORDERED = (
    "The pictures are all there, but in another order than `make` yields them, as `shuffle` makes "
    "it. They should stay in theirs: leave it out."
)
A_TUPLE = (
    "The elements are described as a tuple, and should be dicts, as `make` yields them: "
    "from_generator compares the structure as well. Write the signature as a dict with the same "
    "keys."
)

WHAT_IT_IS = {
    "image": "An image is a uint8 array of three dimensions: height, width and 3 channels.",
    "name": "A name is a str: tf.string, of shape ().",
    "box": "A box is one array of four float32 numbers.",
}


def records(make):
    """Return a dataset of what `make` yields: dicts of an image, a name and a box."""
    signature = {
        "image": tf.TensorSpec((None, None, 3), tf.uint8),
        "name": tf.TensorSpec((), tf.string),
        "box": tf.TensorSpec((4,), tf.float32),
    }
    return tf.data.Dataset.from_generator(make, output_signature=signature)


def check_records(answer: Callable) -> None:
    """Look at the signature, then draw two epochs, and those of another generator."""
    for count in (2, 4):
        make, started = _pictures(count), []
        dataset = _made("records(make)", answer, _noting_starts(make, started))
        _judge_description(dataset.element_spec)
        starts = [len(started)]
        for epoch in ("first", "second"):
            _compare_records(_drawn_pictures(dataset, count + 2), list(make()), epoch)
            starts.append(len(started))
        _judge_starts(starts)


def _pictures(count: int) -> Callable[[], Iterator[dict]]:
    """A generator function of so many pictures, each of its own size."""

    def make():
        for number in range(count):
            yield {
                "image": np.full((4 + number, 6 - number, 3), 200 + number, np.uint8),
                "name": f"cat {number}" if number else "café",
                "box": np.array([0.25, 1.5, 2.75, 3.1 + number], np.float32),
            }

    return make


def _judge_description(spec: object) -> None:
    if isinstance(spec, tuple):
        raise Wrong(A_TUPLE)
    if not isinstance(spec, dict):
        raise Wrong(
            f"The elements are described as {_described(spec)}. They should be dicts: write the "
            "signature as a dict with the keys of an element."
        )
    if set(spec) != set(WHAT_IT_IS):
        raise Wrong(f"The dict of the signature {_has_keys(spec, WHAT_IT_IS)}")
    for name, part in spec.items():
        if not isinstance(part, tf.TensorSpec):
            raise Wrong(_another_part(name, part))
    if any(part.shape.rank is None for part in spec.values()):
        raise Wrong(NO_SHAPE)
    if [spec[name].shape.rank for name in WHAT_IT_IS] == [4, 1, 2]:
        raise Wrong(
            f'"image" is described as {_described(spec["image"])}, and each part has a dimension '
            "too many in front: that of a batch. The pictures should come one by one: leave "
            "`batch` out, and let the signature describe a single one."
        )
    _judge_image(spec["image"])
    _judge_name(spec["name"])
    _judge_box(spec["box"])


def _judge_image(part: tf.TensorSpec) -> None:
    if part.dtype.is_floating:
        raise Wrong(FLOAT_PIXELS)
    if part.dtype == tf.uint8 and part.shape.rank == 3:
        height, width, channels = part.shape
        if channels == 3 and (height or width):
            raise Wrong(SIZES_FIXED)
        if channels is None and height != 3:  # 3 first: another order, not open channels
            raise Wrong(CHANNELS_OPEN)
    if part.dtype != tf.uint8 or part.shape.as_list() != [None, None, 3]:
        raise Wrong(_another_part("image", part))


def _judge_name(part: tf.TensorSpec) -> None:
    if part.dtype != tf.string:
        raise Wrong(NAME_NUMBER)
    if part.shape.rank != 0:
        raise Wrong(NAME_VECTOR)


def _judge_box(part: tf.TensorSpec) -> None:
    if part.dtype.is_integer:
        raise Wrong(BOX_CUT)
    if part.shape.rank == 0:
        raise Wrong(BOX_SCALAR)
    if part.shape.as_list() == [None]:
        raise Wrong(BOX_OPEN)
    if part.shape.as_list() == [4] and part.dtype == tf.float64:
        raise Wrong(BOX_DOUBLE)
    if part.dtype != tf.float32 or part.shape.as_list() != [4]:
        raise Wrong(_another_part("box", part))


def _another_part(name: str, part: object) -> str:
    return f'The signature describes "{name}" as {_described(part)}. {WHAT_IT_IS[name]}'


def _drawn_pictures(dataset: tf.data.Dataset, most: int) -> list[dict]:
    try:
        return first(dataset, most)
    except tf.errors.InvalidArgumentError as error:
        _name_structures(str(error))
        raise


def _compare_records(drawn: list[dict], given: list[dict], epoch: str) -> None:
    if len(drawn) != len(given):
        raise Wrong(
            f"Of {len(given)} pictures your dataset gives {_at_most(len(drawn), len(given) + 2)} "
            f"in its {epoch} epoch."
        )
    names = [element["name"].numpy() for element in drawn]
    wanted = [picture["name"].encode() for picture in given]
    if names != wanted and sorted(names) == sorted(wanted):
        raise Wrong(PICTURES_REORDERED)
    for number, (element, picture) in enumerate(zip(drawn, given, strict=True)):
        for name, value in picture.items():
            arrived = element[name].numpy()
            wanted = value.encode() if name == "name" else value
            if not np.array_equal(arrived, wanted):
                raise Wrong(
                    f'"{name}" of element {number} arrives changed in the {epoch} epoch: hand '
                    "`make` over as it is."
                )


def _fixes_the_sizes(make):
    height, width, channels = next(make())["image"].shape
    signature = {
        "image": tf.TensorSpec((height, width, channels), tf.uint8),
        "name": tf.TensorSpec((), tf.string),
        "box": tf.TensorSpec((4,), tf.float32),
    }
    return tf.data.Dataset.from_generator(make, output_signature=signature)


def _gives_types_only(make):
    types = {"image": tf.uint8, "name": tf.string, "box": tf.float32}
    return tf.data.Dataset.from_generator(make, output_types=types)


def _leaves_the_channels_open(make):
    signature = {
        "image": tf.TensorSpec((None, None, None), tf.uint8),
        "name": tf.TensorSpec((), tf.string),
        "box": tf.TensorSpec((4,), tf.float32),
    }
    return tf.data.Dataset.from_generator(make, output_signature=signature)


def _says_float_for_the_image(make):
    signature = {
        "image": tf.TensorSpec((None, None, 3), tf.float32),
        "name": tf.TensorSpec((), tf.string),
        "box": tf.TensorSpec((4,), tf.float32),
    }
    return tf.data.Dataset.from_generator(make, output_signature=signature)


def _says_int_for_the_box(make):
    signature = {
        "image": tf.TensorSpec((None, None, 3), tf.uint8),
        "name": tf.TensorSpec((), tf.string),
        "box": tf.TensorSpec((4,), tf.int32),
    }
    return tf.data.Dataset.from_generator(make, output_signature=signature)


def _says_scalar_for_the_box(make):
    signature = {
        "image": tf.TensorSpec((None, None, 3), tf.uint8),
        "name": tf.TensorSpec((), tf.string),
        "box": tf.TensorSpec((), tf.float32),
    }
    return tf.data.Dataset.from_generator(make, output_signature=signature)


def _says_bytes_for_the_name(make):
    signature = {
        "image": tf.TensorSpec((None, None, 3), tf.uint8),
        "name": tf.TensorSpec((None,), tf.uint8),
        "box": tf.TensorSpec((4,), tf.float32),
    }
    return tf.data.Dataset.from_generator(make, output_signature=signature)


def _describes_a_tuple(make):
    signature = (
        tf.TensorSpec((None, None, 3), tf.uint8),
        tf.TensorSpec((), tf.string),
        tf.TensorSpec((4,), tf.float32),
    )
    return tf.data.Dataset.from_generator(make, output_signature=signature)


def _calls_make(make):
    signature = {
        "image": tf.TensorSpec((None, None, 3), tf.uint8),
        "name": tf.TensorSpec((), tf.string),
        "box": tf.TensorSpec((4,), tf.float32),
    }
    return tf.data.Dataset.from_generator(make(), output_signature=signature)


# -------------------------------------------------------------------------------- 02.two_inputs

ONE_PART = (
    "An element should be a tuple of two parts, (inputs, targets). Of a dict by itself fit takes "
    "everything as inputs, and finds nothing to learn from."
)
FLAT = (
    "fit takes a tuple of at most three parts: inputs, targets, weights. It refuses four. Put "
    "together what belongs together: (inputs, targets), each of them a dict or a tuple."
)
AS_WEIGHTS = (
    "fit takes the third part of a tuple as the weights of the examples. There should be two "
    "parts, (inputs, targets), and kind and price both belong to the targets."
)
LISTS = (
    "TensorFlow takes a list as one tensor, and can't make one of photo and age, nor find two "
    "targets in it. Use a tuple, `(photo, age)`, or a dict."
)
SWAPPED = (
    "The targets came first, where fit expects the inputs. The order is (inputs, targets): what "
    "the model is given, then what it should answer."
)
NOT_BATCHED = (
    "The elements are single examples, and fit refuses them: a model works on batches, with the "
    "examples along the first dimension. Add `.batch(batch_size)`."
)
BATCHED_TWICE = (
    "The photos have five dimensions, one too many. Each call of `batch` adds one in front, so "
    "call it once; and the signature describes a single example, without that dimension."
)
TARGETS_CROSSED = (
    "kind and price are interchanged. Keras takes a tuple of targets in the order of the model's "
    "outputs, kind first, and where the values fit it learns the wrong ones without a word. A "
    "dict with the names can't be mixed up like that."
)
INPUTS_CROSSED = (
    "photo and age are interchanged. Keras takes a tuple of inputs in the order of the model's "
    "inputs, photo first. A dict with the names can't be mixed up like that."
)
CUT_OFF = (
    "What stands after the point is gone: a price of 1.75 arrives as 1. Where the signature says "
    "an integer, TensorFlow cuts without a word. age and price are floats: write tf.float32."
)
UNKNOWN_SHAPES = (
    "A part has no shape, and fit raises ValueError: as_list() is not defined on an unknown "
    "TensorShape. Give each part its shape in the signature."
)
REORDERED = (
    "The photos are all there, but in another order than `make` yields them, as `shuffle` makes "
    "it. The values should stay in their order: leave it out."
)
NUMBER_FOR_VECTOR = (
    "A number by itself, of shape (), was yielded where the signature says (1,), a vector of one. "
    "Declare (): where a model's input has the shape (1,), as for age, Keras adds that dimension "
    "by itself. Or yield a vector, `[age]` or `np.array([age])`, in a generator of your own."
)
VECTOR_FOR_NUMBER = (
    "A vector of one, of shape (1,), was yielded where the signature says (), a number by itself. "
    "Yield the number without brackets, or declare (1,)."
)

INPUTS, TARGETS = ("photo", "age"), ("kind", "price")
AS_MADE = '{"photo": ..., "age": ..., "kind": ..., "price": ...}'
AS_A_PAIR = '({"photo": ..., "age": ...}, {"kind": ..., "price": ...})'


def for_model(make, batch_size):
    """Return batches of (inputs, targets) for a model with two inputs and two outputs."""
    number = tf.TensorSpec((), tf.float32)
    signature = {
        "photo": tf.TensorSpec((8, 8, 3), tf.float32),
        "age": number,
        "kind": tf.TensorSpec((), tf.int32),
        "price": number,
    }
    examples = tf.data.Dataset.from_generator(make, output_signature=signature)

    def in_two(example):
        inputs = {"photo": example["photo"], "age": example["age"]}
        targets = {"kind": example["kind"], "price": example["price"]}
        return inputs, targets

    return examples.map(in_two).batch(batch_size)


def check_for_model(answer: Callable) -> None:
    """Look at structure, shapes and values, two epochs; then train a real model on a batch."""
    for count, batch_size in ((5, 2), (4, 3)):
        make, started = _examples(count), []
        dataset = _batches_for_model(answer, _noting_starts(make, started), batch_size)
        _judge_parts(dataset.element_spec)
        starts = [len(started)]
        for epoch in ("first", "second"):
            drawn = _drawn_examples(dataset, count + 2)
            _compare_examples(drawn, list(make()), batch_size, epoch)
            starts.append(len(started))
        _judge_starts(starts)
    _train(dataset)


def _examples(count: int) -> Callable[[], Iterator[dict]]:
    def make():
        for number in range(count):
            yield {
                "photo": np.full((8, 8, 3), (number + 1) / 8, np.float32),
                "age": 20.5 + number,
                "kind": (2, 0, 1, 1, 0)[number],
                "price": 1.75 + number / 4,
            }

    return make


def _batches_for_model(answer: Callable, make: Callable, batch_size: int) -> tf.data.Dataset:
    try:
        return _made(f"for_model(make, {batch_size})", answer, make, batch_size)
    except TypeError as error:
        if re.search(r"Unsupported return value from function .*\[", str(error)):
            raise Wrong(LISTS) from None
        raise


def _judge_parts(spec: object) -> None:
    """Judge an element's structure and number of dimensions."""
    if not isinstance(spec, tuple) or len(spec) < 2:
        raise Wrong(ONE_PART)
    if len(spec) > 3:
        raise Wrong(FLAT)
    if any(isinstance(part, tf.TensorSpec) for part in tf.nest.flatten(spec[2:])):
        raise Wrong(AS_WEIGHTS)
    inputs, targets = spec[:2]
    if isinstance(targets, tf.TensorSpec) and targets.shape.rank and targets.shape[-1] == 2:
        raise Wrong(LISTS)
    if _holds_photo(targets) and not _holds_photo(inputs):
        raise Wrong(SWAPPED)
    parts = {
        **_by_name(inputs, INPUTS, "inputs", more=True),
        **_by_name(targets, TARGETS, "targets"),
    }
    for name, part in parts.items():
        if not isinstance(part, tf.TensorSpec):
            raise Wrong(f"{name} should be one tensor. Yours is {_described(part)}.")
    rank = {name: part.shape.rank for name, part in parts.items()}
    if None in rank.values():
        raise Wrong(UNKNOWN_SHAPES)
    if rank["age"] >= 3 > rank["photo"]:
        raise Wrong(INPUTS_CROSSED)
    if rank["photo"] == 3:
        raise Wrong(NOT_BATCHED)
    if rank["photo"] == 5:
        raise Wrong(BATCHED_TWICE)
    if rank["photo"] != 4:
        yours = _described(parts["photo"])
        raise Wrong(f"A batch of photos has four dimensions. Yours is {yours}.")


def _holds_photo(part: object) -> bool:
    if isinstance(part, dict):
        return "photo" in part
    tensors = (each for each in tf.nest.flatten(part) if isinstance(each, tf.TensorSpec))
    return any((each.shape.rank or 0) >= 3 for each in tensors)


def _by_name(part: object, names: tuple, called: str, more: bool = False) -> dict:
    """Inputs or targets by their names. Keras leaves aside what more a dict of inputs holds."""
    if isinstance(part, dict):
        if not set(part) >= set(names) or (set(part) > set(names) and not more):
            raise Wrong(_wrong_names(called, part, names))
        return {name: part[name] for name in names}
    if not isinstance(part, tuple) or len(part) != len(names):
        have = f"a tuple of {len(part)}" if isinstance(part, tuple) else _described(part)
        raise Wrong(
            f"The {called} are {have}, and the model has two: {' and '.join(names)}. Give them as "
            "a dict, or as a tuple in this order."
        )
    return dict(zip(names, part, strict=True))


def _wrong_names(called: str, found: Iterable[str], names: Iterable[str]) -> str:
    return (
        f"The dict of the {called} {_has_keys(found, names)} Keras finds its {called} by the names "
        "that the model gave them."
    )


def _drawn_examples(dataset: tf.data.Dataset, most: int) -> list[dict[str, np.ndarray]]:
    """The batches, each as a dict of four arrays."""
    try:
        drawn = first(dataset, most)
    except tf.errors.InvalidArgumentError as error:
        _judge_refused_example(str(error))
        raise
    named = [
        {**_by_name(each[0], INPUTS, "inputs", True), **_by_name(each[1], TARGETS, "targets")}
        for each in drawn
    ]
    return [{name: part.numpy() for name, part in each.items()} for each in named]


def _judge_refused_example(told: str) -> None:
    """Raise Wrong where TensorFlow tells that what was yielded isn't what the signature says."""
    structures = _structures(told)
    if structures:
        described, yielded = structures
        if yielded == AS_MADE and described.startswith("("):
            raise Wrong(_only_described(described)) from None
        if yielded.startswith("[") or "[..., ...]" in yielded:
            raise Wrong(LISTS) from None
    if re.search(r"converted .* the yielded element was \[", told):
        raise Wrong(LISTS) from None
    shapes = re.search(r"element of shape (\(.*?\)) where an element of shape (\(.*?\)) was", told)
    if shapes:
        raise Wrong(_other_shape(*shapes.groups())) from None
    _name_structures(told)


def _only_described(described: str) -> str:
    return (
        f"`make` yields `{AS_MADE}`, and the signature says `{described}`. A signature describes "
        "an element, it doesn't rearrange it. Describe the dict as it is, and let a function in "
        "`map` return (inputs, targets); or loop over `make()` in a generator of your own that "
        "yields them."
    )


def _other_shape(yielded: str, described: str) -> str:
    if (yielded, described) == ("()", "(1,)"):
        return NUMBER_FOR_VECTOR
    if (yielded, described) == ("(1,)", "()"):
        return VECTOR_FOR_NUMBER
    return (
        f"A part of shape {yielded} was yielded where the signature says {described}. It describes "
        "a single example, before `batch`: a photo has the shape (8, 8, 3), and a number the "
        "shape ()."
    )


def _compare_examples(drawn: list[dict], given: list[dict], batch_size: int, epoch: str) -> None:
    right = [given[start : start + batch_size] for start in range(0, len(given), batch_size)]
    if _reordered([batch["photo"] for batch in drawn], given):
        raise Wrong(REORDERED)
    sizes = [len(batch["photo"]) for batch in drawn]
    if sizes != list(map(len, right)):
        raise Wrong(
            f"Of {len(given)} examples, for_model(make, {batch_size}) should make batches of "
            f"{_listed(map(len, right))}. In its {epoch} epoch yours makes "
            f"{f'batches of {_listed(sizes)}' if sizes else 'none'}."
        )
    for batch, examples in zip(drawn, right, strict=True):
        _compare_example_batch(batch, examples)


def _reordered(batches: list[np.ndarray], given: list[dict]) -> bool:
    """Whether the photos are those of `make` in another order: their sums tell them apart."""
    if any(batch.dtype.kind in "OSUc" for batch in batches):
        return False  # no numbers that a sum could be compared of: told elsewhere
    sums = [float(photo.astype(np.float64).sum()) for batch in batches for photo in batch]
    wanted = [float(each["photo"].sum()) for each in given]
    return sums != wanted and sorted(sums) == sorted(wanted)


def _compare_example_batch(batch: dict[str, np.ndarray], examples: list[dict]) -> None:
    right = {name: np.array([each[name] for each in examples]) for name in examples[0]}
    for name, found in batch.items():
        shape = right[name].shape
        if found.dtype.kind not in "buif" and found.dtype != tf.bfloat16.as_numpy_dtype:
            raise Wrong(f"{name} arrives as {_kind(found.flat[0])}. It should be a number.")
        # Keras adds the last dimension of 1 where it is missing, and takes it where it is there.
        if found.shape not in (shape, (*shape, 1)):
            raise Wrong(
                f"A batch of {len(examples)} holds {name} in the shape {found.shape}. It should "
                f"be {shape if name == 'photo' else (*shape, 1)}."
            )
    found = {name: batch[name].astype(np.float64).reshape(right[name].shape) for name in right}
    if _same(found["kind"], right["price"]) and _same(found["price"], right["kind"]):
        raise Wrong(TARGETS_CROSSED)
    for name, wanted in right.items():
        if _same(found[name], wanted):
            continue
        if name in ("age", "price") and _same(found[name], np.trunc(wanted)):
            raise Wrong(CUT_OFF)
        yours = found[name].flat[np.flatnonzero(found[name] != wanted)[0]]
        real = wanted.flat[np.flatnonzero(found[name] != wanted)[0]]
        raise Wrong(f"{name} arrives changed: {real:g} has become {yours:g}.")


def _same(found: np.ndarray, wanted: np.ndarray) -> bool:
    return np.allclose(found, wanted, atol=1e-3)


def _train(dataset: tf.data.Dataset) -> None:
    """Train the real model on the first batch; it must take it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras remarks on an epoch of unknown length
        try:
            _model().fit(dataset.take(1), verbose=0, shuffle=False)
        except Exception as error:
            told = re.sub(r"\x1b\[[\d;]*m", "", str(error)).strip().splitlines() or [""]
            raise Wrong(
                f"model.fit refuses a batch: {type(error).__name__}: {told[0][:200]}"
            ) from None


def _model() -> keras.Model:
    """Two named inputs, two named outputs.

    Names and initial values are given, so that neither the learner's next layer is named
    differently nor their random numbers change. Eager, since each new function of TensorFlow's
    would count towards its warning of too many tracings.
    """
    photo, age = keras.Input((8, 8, 3), name="photo"), keras.Input((1,), name="age")
    flat = keras.layers.Flatten(name="flat")(photo)
    both = keras.layers.Concatenate(name="both")([flat, age])
    kind = keras.layers.Dense(3, "softmax", kernel_initializer="zeros", name="kind")(both)
    price = keras.layers.Dense(1, kernel_initializer="zeros", name="price")(both)
    model = keras.Model([photo, age], [kind, price], name="two_inputs")
    losses = ["sparse_categorical_crossentropy", "mean_squared_error"]
    model.compile(keras.optimizers.SGD(0.001, name="sgd"), loss=losses, run_eagerly=True)
    return model


def _leaves_it_as_it_is(make, batch_size):
    number = tf.TensorSpec((), tf.float32)
    photo, kind = tf.TensorSpec((8, 8, 3), tf.float32), tf.TensorSpec((), tf.int32)
    signature = {"photo": photo, "age": number, "kind": kind, "price": number}
    examples = tf.data.Dataset.from_generator(make, output_signature=signature)
    return examples.batch(batch_size)


def _makes_it_flat(make, batch_size):
    def examples():
        for one in make():
            yield one["photo"], one["age"], one["kind"], one["price"]

    number = tf.TensorSpec((), tf.float32)
    photo, kind = tf.TensorSpec((8, 8, 3), tf.float32), tf.TensorSpec((), tf.int32)
    signature = (photo, number, kind, number)
    return tf.data.Dataset.from_generator(examples, output_signature=signature).batch(batch_size)


def _uses_lists(make, batch_size):
    def examples():
        for one in make():
            yield [one["photo"], one["age"]], [one["kind"], one["price"]]

    number = tf.TensorSpec((), tf.float32)
    photo, kind = tf.TensorSpec((8, 8, 3), tf.float32), tf.TensorSpec((), tf.int32)
    signature = ((photo, number), (kind, number))
    return tf.data.Dataset.from_generator(examples, output_signature=signature).batch(batch_size)


def _gives_the_targets_first(make, batch_size):
    def examples():
        for one in make():
            inputs = {"photo": one["photo"], "age": one["age"]}
            targets = {"kind": one["kind"], "price": one["price"]}
            yield targets, inputs

    number = tf.TensorSpec((), tf.float32)
    photo, kind = tf.TensorSpec((8, 8, 3), tf.float32), tf.TensorSpec((), tf.int32)
    signature = ({"kind": kind, "price": number}, {"photo": photo, "age": number})
    return tf.data.Dataset.from_generator(examples, output_signature=signature).batch(batch_size)


def _uses_other_names(make, batch_size):
    def examples():
        for one in make():
            yield {"image": one["photo"], "age": one["age"]}, (one["kind"], one["price"])

    number = tf.TensorSpec((), tf.float32)
    photo, kind = tf.TensorSpec((8, 8, 3), tf.float32), tf.TensorSpec((), tf.int32)
    signature = ({"image": photo, "age": number}, (kind, number))
    return tf.data.Dataset.from_generator(examples, output_signature=signature).batch(batch_size)


def _crosses_the_targets(make, batch_size):
    def examples():
        for one in make():
            yield (one["photo"], one["age"]), (one["price"], one["kind"])

    number = tf.TensorSpec((), tf.float32)
    photo, kind = tf.TensorSpec((8, 8, 3), tf.float32), tf.TensorSpec((), tf.int32)
    signature = ((photo, number), (number, kind))
    return tf.data.Dataset.from_generator(examples, output_signature=signature).batch(batch_size)


def _never_batches(make, batch_size):
    def examples():
        for one in make():
            yield (one["photo"], one["age"]), (one["kind"], one["price"])

    number = tf.TensorSpec((), tf.float32)
    photo, kind = tf.TensorSpec((8, 8, 3), tf.float32), tf.TensorSpec((), tf.int32)
    signature = ((photo, number), (kind, number))
    return tf.data.Dataset.from_generator(examples, output_signature=signature)


def _nests_the_signature_only(make, batch_size):
    number = tf.TensorSpec((), tf.float32)
    photo, kind = tf.TensorSpec((8, 8, 3), tf.float32), tf.TensorSpec((), tf.int32)
    signature = ({"photo": photo, "age": number}, {"kind": kind, "price": number})
    return tf.data.Dataset.from_generator(make, output_signature=signature).batch(batch_size)


def _cuts_the_price(make, batch_size):
    def examples():
        for one in make():
            yield (one["photo"], one["age"]), (one["kind"], one["price"])

    photo, age = tf.TensorSpec((8, 8, 3), tf.float32), tf.TensorSpec((), tf.float32)
    integer = tf.TensorSpec((), tf.int32)
    signature = ((photo, age), (integer, integer))
    return tf.data.Dataset.from_generator(examples, output_signature=signature).batch(batch_size)


# ------------------------------------------------------------------------------------------------


def _made(call: str, answer: Callable, *given: object) -> tf.data.Dataset:
    """The dataset that an answer gives back. Raises Wrong where it is none."""
    try:
        result = answer(*given)
    except TypeError as error:
        if "must be a Python callable" in str(error):
            raise Wrong(GIVEN_A_GENERATOR) from None
        if "found <class 'list'>" in str(error):
            raise Wrong(LIST_IN_SIGNATURE) from None
        raise
    except ValueError as error:
        found = re.search(UNSUPPORTED, str(error))
        if found:
            raise Wrong(_no_tensor(found[1])) from None
        raise
    if isinstance(result, tf.data.Dataset):
        return result
    if isinstance(result, Generator):
        raise Wrong(
            f"{call} gave back a generator. Give the generator function to "
            "tf.data.Dataset.from_generator, and return the dataset."
        )
    forgotten = " Is `return` missing?" if result is None else ""
    raise Wrong(f"{call} gave back {_kind(result)}, not a dataset.{forgotten}")


# What from_tensor_slices and the like write, after whole arrays.
UNSUPPORTED = r"unsupported type \(<class '(dict|list|tuple|function|generator)'>\) to a Tensor"


def _no_tensor(kind: str) -> str:
    return (
        f"TensorFlow was given a {kind} to make a tensor of, and can't. Give `make` itself to "
        "tf.data.Dataset.from_generator, with a signature that describes an element."
    )


def _noting_starts(function: Callable, started: list) -> Callable[[], Iterator]:
    """The same generator function; notes each start, which is when the first element is drawn."""

    def make():
        started.append(function)
        yield from function()

    return make


def _judge_starts(starts: list[int]) -> None:
    """Judge how often `make` had been started when the dataset was built, and after each epoch."""
    if any(later == sooner for sooner, later in itertools.pairwise(starts)):
        raise Wrong(FROZEN)
    if starts[0]:
        raise Wrong(STARTED_EARLY)


def _name_structures(told: str) -> None:
    """Raise Wrong where TensorFlow tells what was yielded by writing out whole arrays."""
    structures = _structures(told)
    if structures:
        described, yielded = structures
        raise Wrong(
            "`generator` yielded an element that did not match the expected structure. The "
            f"signature describes `{described}`, and the element is `{yielded}`. Both must be "
            "nested alike: a tuple for a tuple, and for a dict a dict with the same keys."
        ) from None
    found = re.search(rf"The expected type was (\w+), {YIELDED}", told, re.DOTALL)
    if found:
        dtype, printed = found.groups()
        short = printed if len(printed) <= 40 else _outline(printed)
        uneven = ": its parts differ in shape" if "inhomogeneous" in told else ""
        raise Wrong(
            f"`generator` yielded `{short}` where the signature says {dtype}, and TensorFlow can't "
            f"make one tensor of it{uneven}. Yield what the signature describes."
        ) from None


# What TensorFlow writes; the traceback follows.
YIELDED = r"but the yielded element was (.+?)\.\n(?=Traceback|[A-Z]\w*Error)"


def _structures(told: str) -> tuple[str, str] | None:
    """How an element is described and how it was yielded, where TensorFlow says that they differ.

    Each as Python would write it, with `...` for every value.
    """
    found = re.search(f"The expected structure was (.+?), {YIELDED}", told, re.DOTALL)
    return (_outline(found[1]), _outline(found[2])) if found else None


def _outline(printed: str) -> str:
    """The structure of a printed element: its tuples, lists and dicts, without the values."""
    # What isn't printed as Python: <tf.Tensor: shape=(), dtype=int32, numpy=1>
    printed = re.sub(r"<[^<>]*>", "None", printed)
    try:
        return _outline_of(ast.parse(printed.strip(), mode="eval").body)
    except (SyntaxError, ValueError, RecursionError):  # such as an array by itself: [1 2]
        return {"(": "(...)", "{": "{...}"}.get(printed[0], "...")


def _outline_of(node: ast.expr) -> str:
    match node:
        case ast.Dict():
            pairs = zip(node.keys, node.values, strict=True)
            parts = [f"{ast.unparse(key)}: {_outline_of(value)}" for key, value in pairs]
            return "{" + ", ".join(parts).replace("'", '"') + "}"
        case ast.Tuple():
            parts = ", ".join(map(_outline_of, node.elts))
            return f"({parts},)" if len(node.elts) == 1 else f"({parts})"
        case ast.List() if len(node.elts) < 5:
            return f"[{', '.join(map(_outline_of, node.elts))}]"
        case ast.List():
            return "[...]"
        case ast.Call(func=ast.Name(id="OrderedDict")):
            return "OrderedDict(...)"
    return "..."


def _kind(value: object) -> str:
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def _described(spec: object) -> str:
    return str(spec).replace(", name=None", "")


def _has_keys(found: Iterable, wanted: Iterable) -> str:
    return f"has the keys {_listed(sorted(map(str, found)))}. It should have {_listed(wanted)}."


def _listed(names: Iterable) -> str:
    *most, last = [str(name) for name in names] or ["none"]
    return f"{', '.join(most)} and {last}" if most else last


def _at_most(count: int, most: int) -> str:
    return f"more than {most - 1}" if count >= most else str(count or "none")


EXERCISES = (
    Exercise(
        id="02.brighter",
        task=(
            "Write a generator function brighter(photos, by) that yields each uint8 photo brighter "
            "by `by`, as uint8, and never passes 0 or 255."
        ),
        solution=brighter,
        check=check_brighter,
        hints=(
            "In uint8 there is no room for the sum: 250 + 20 begins again at 0. It needs a type "
            "that holds -255 to 510.",
            "First widen with `astype(np.int16)` and add, then limit the sum to 0..255: `np.clip`.",
            "In the loop: `wide = photo.astype(np.int16) + by`, then `yield np.clip(wide, 0, "
            "255).astype(np.uint8)`.",
        ),
        mistakes=(
            Mistake(_adds, WRAPPED),
            Mistake(_forgets_to_limit, NOT_LIMITED),
            Mistake(_limits_at_the_top_only, BELOW_ZERO),
            Mistake(_works_for_positive_numbers, REFUSED),
            Mistake(_stays_wide, NOT_UINT8),
            Mistake(_makes_fractions, FRACTIONS),
            Mistake(_writes_into_the_photo, IN_PLACE),
            Mistake(_returns_a_list_of_photos, PHOTOS_A_LIST),
            Mistake(_collects_the_photos, PHOTOS_COLLECTED),
        ),
        right=(
            "the sum has room, is limited there, and goes back to a byte a pixel last. In "
            "TensorFlow, tf.saturate_cast does the last two steps in one."
        ),
    ),
    Exercise(
        id="02.padded",
        task=(
            "Write padded(make, batch_size): batches of sentences, each padded with -1 at the end "
            "to its own longest sentence."
        ),
        solution=padded,
        check=check_padded,
        hints=(
            "Two steps: a dataset of sentences, whose signature leaves the length open, then "
            "batches of it.",
            "A vector of any length is a `tf.TensorSpec((None,), tf.int32)`. A dataset has a "
            "method that pads while it batches: `padded_batch`.",
            "`sentences = tf.data.Dataset.from_generator(make, output_signature=signature)`, with "
            "`signature = tf.TensorSpec((None,), tf.int32)`; then `return "
            "sentences.padded_batch(batch_size, padding_values=-1)`.",
        ),
        mistakes=(
            Mistake(_only_batches, UNPADDED),
            Mistake(_pads_with_zeros, ZEROS),
            Mistake(_replaces_the_zeros, ZEROS_REPLACED),
            Mistake(_pads_to_one_length, ONE_LENGTH),
            Mistake(_leaves_it_ragged, STAYS_RAGGED),
            Mistake(_drops_the_last, LAST_DROPPED),
            Mistake(_pads_before_the_words, PADDED_BEFORE),
            Mistake(_says_a_number, A_NUMBER),
            Mistake(_says_no_shape, NO_RANK),
        ),
        right=(
            "each batch is as long as it must be, and no word is taken for padding. The length "
            "differs from batch to batch, so the dataset's element_spec says (None, None)."
        ),
    ),
    Exercise(
        id="02.describe",
        task=(
            "Write records(make): a dataset of the dicts that `make` yields, with a signature that "
            "says all that holds of every element."
        ),
        solution=records,
        check=check_records,
        hints=(
            "What TensorFlow must know of a part is its shape and its type. The signature has the "
            "structure of an element: a dict with the same keys, a tf.TensorSpec for each.",
            "None stands for a size that differs, and for nothing else: the number of channels is "
            "known. A single text has the shape `()`, four numbers have `(4,)`.",
            "The image is `tf.TensorSpec((None, None, 3), tf.uint8)`, the name `tf.TensorSpec((), "
            "tf.string)`, the box `tf.TensorSpec((4,), tf.float32)`. With them in a dict: `return "
            "tf.data.Dataset.from_generator(make, output_signature=signature)`.",
        ),
        mistakes=(
            Mistake(_fixes_the_sizes, SIZES_FIXED),
            Mistake(_gives_types_only, NO_SHAPE),
            Mistake(_leaves_the_channels_open, CHANNELS_OPEN),
            Mistake(_says_float_for_the_image, FLOAT_PIXELS),
            Mistake(_says_int_for_the_box, BOX_CUT),
            Mistake(_says_scalar_for_the_box, BOX_SCALAR),
            Mistake(_says_bytes_for_the_name, NAME_NUMBER),
            Mistake(_describes_a_tuple, A_TUPLE),
            Mistake(_calls_make, GIVEN_A_GENERATOR),
        ),
        right=(
            "what is always the same is checked in every element, and None leaves open what "
            "differs. The name arrives as bytes: `.numpy().decode()` makes a str of them."
        ),
    ),
    Exercise(
        id="02.two_inputs",
        task=(
            "Write for_model(make, batch_size): batches of (inputs, targets) for a model with the "
            "inputs photo and age and the outputs kind and price."
        ),
        solution=for_model,
        check=check_for_model,
        hints=(
            "fit wants elements of two parts: a tuple, (inputs, targets). Which of the four belong "
            "to which?",
            "Describe the dict of `make` in a signature first. Then `map` with a function of one "
            "example that returns `inputs, targets`, two dicts with the model's names; then "
            "`batch`.",
            '`inputs = {"photo": example["photo"], "age": example["age"]}` and `targets = {"kind": '
            'example["kind"], "price": example["price"]}`. At the end: `return '
            "examples.map(in_two).batch(batch_size)`.",
        ),
        mistakes=(
            Mistake(_leaves_it_as_it_is, ONE_PART),
            Mistake(_makes_it_flat, FLAT),
            Mistake(_uses_lists, LISTS),
            Mistake(_gives_the_targets_first, SWAPPED),
            Mistake(_uses_other_names, _wrong_names("inputs", ("image", "age"), INPUTS)),
            Mistake(_crosses_the_targets, TARGETS_CROSSED),
            Mistake(_never_batches, NOT_BATCHED),
            Mistake(_nests_the_signature_only, _only_described(AS_A_PAIR)),
            Mistake(_cuts_the_price, CUT_OFF),
        ),
        right=(
            "a model trained on a batch of yours. Dicts go by name, tuples by order; and where an "
            "input has the shape (1,), Keras adds that dimension to plain numbers by itself."
        ),
    ),
)
