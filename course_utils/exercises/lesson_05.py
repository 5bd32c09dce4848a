"""The exercises of lesson 05: arguments that arrive, sources in a list, flips, whole batches."""

from __future__ import annotations

import contextlib
import itertools
import random
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import tensorflow as tf

from course_utils.classroom.exercise import Exercise, Mistake, Wrong, first
from course_utils.classroom.placeholder import NotAttempted

# ---------------------------------------------------------------------------------- 05.arrives

ASKS_IS_TRUE = (
    "As a source, nothing is reversed: there `reverse` arrives as np.True_, which isn't Python's "
    "True, so `reverse is True` is never true. Ask for its truth: `if reverse:`."
)
ASKS_IS_NP_TRUE = (
    "Called directly, nothing is reversed: there `reverse` is Python's True, which isn't NumPy's "
    "np.True_. Ask for its truth, which both have: `if reverse:`."
)
DECODES_ALWAYS = (
    "Called directly, your function tries to decode a str, which only bytes can do. Decode where "
    "there is something to decode: `if isinstance(text, bytes):`."
)
BYTES_TAKEN_FOR_STR = (
    "As a source, your function raised an error that it doesn't raise when it's called directly: "
    "there the text arrives as bytes, b'abcdef', and what works with a str often doesn't with "
    "bytes. Decode it first: `if isinstance(text, bytes): text = text.decode()`."
)
STR_OF_BYTES = (
    "As a source, the pieces hold the b and the quotation marks of \"b'abcdef'\": str() writes "
    "bytes down as Python code would. What makes text of bytes is `text.decode()`."
)
NEVER_DECODED = (
    "As a source, the pieces are bytes: the text arrives as bytes and was never decoded. "
    "TensorFlow makes the same of bytes and str, so with English nobody notices; but in bytes an "
    "ü counts as two. Decode first: `if isinstance(text, bytes): text = text.decode()`."
)
CUT_IN_BYTES = (
    "As a source, Zürich is cut inside of its ü, which is one character and two bytes. Decode the "
    "whole text before you cut it, so that you count characters."
)
YIELDS_BYTES = (
    "Called directly, the pieces are bytes, and should be str. Make a str of what arrives as bytes,"
    " never bytes of what is a str: `if isinstance(text, bytes): text = text.decode()`."
)
PIECES_IN_A_LIST = (
    "windows gave back a list, so all the pieces exist before the first one is used. Give each "
    "piece with `yield`, in the loop."
)
LAST_PIECE_LOST = (
    "The last piece never comes where it is shorter than the others. Begin a piece at every "
    "position of `range(0, len(text), size)`: a slice that goes past the end stops there by itself."
)
OVERLAPPING = (
    "The pieces overlap: a new one begins at every character. Each should begin where the one "
    "before ended, so count in steps of size: `range(0, len(text), size)`."
)
REVERSED_AS_A_WHOLE = (
    "The whole text was reversed and then cut, so the last piece comes first. Cut first, and "
    "reverse each piece: `piece[::-1]`."
)

TEXTS = (
    ("abcdef", 2, True),
    ("two words", 4, False),  # one character is left over, and one is a space
    ("Zürich", 2, True),
    ("abc", 5, True),
)


def windows(text, size, reverse):
    """Yield the pieces of `size` characters of a text, as str, each reversed if `reverse`."""
    if isinstance(text, bytes):
        text = text.decode()
    for start in range(0, len(text), size):
        piece = text[start : start + size]
        yield piece[::-1] if reverse else piece


def check_arrives(answer: Callable) -> None:
    """Cut several texts, each directly and as a source whose arguments TensorFlow hands over."""
    for given in TEXTS:
        _judge_directly(answer, given, _called_directly(answer, given))
        _judge_as_a_source(given, _called_as_a_source(answer, given))


def _called_directly(answer: Callable, given: tuple) -> list:
    try:
        return first(_iterable(answer(*given), "windows", PIECES_IN_A_LIST), _most(given))
    except (AttributeError, TypeError) as error:
        if "decod" in str(error):  # of text.decode(), bytes.decode(text) and str(text, "utf-8")
            raise Wrong(DECODES_ALWAYS) from None
        raise


def _called_as_a_source(answer: Callable, given: tuple) -> list:
    """Let a real from_generator hand over the arguments; return what was yielded then.

    What is yielded is noted here: behind TensorFlow a str and its bytes look the same.
    """
    yielded, raised = [], []

    def noting(*arrived):
        try:
            made = _iterable(answer(*arrived), "windows", PIECES_IN_A_LIST)
            yielded.extend(first(made, _most(given)))
        except Exception as error:  # raised again below: TensorFlow would make one of its own of it
            raised.append(error)
        yield len(yielded)

    signature = tf.TensorSpec((), tf.int32)
    first(tf.data.Dataset.from_generator(noting, args=given, output_signature=signature), 1)
    if raised:
        _judge_error_of_a_source(raised[0])
    return yielded


def _judge_error_of_a_source(error: Exception) -> None:
    if isinstance(error, (NotAttempted, Wrong)):
        raise error
    if isinstance(error, UnicodeDecodeError) and re.fullmatch("utf.?8", error.encoding.lower()):
        raise Wrong(CUT_IN_BYTES)
    if isinstance(error, UnicodeDecodeError):
        raise Wrong(
            f"As a source, the text can't be decoded as {error.encoding}. TensorFlow keeps text in"
            " UTF-8, which is what `text.decode()` without an argument expects."
        )
    if isinstance(error, (AttributeError, TypeError)) and re.search("bytes|str", str(error)):
        raise Wrong(BYTES_TAKEN_FOR_STR)
    raise Wrong(
        f"As a source, your function raised {type(error).__name__}: {error}. There the text "
        "arrives as bytes, size as an np.int32, and reverse as an np.bool_."
    )


def _judge_directly(answer: Callable, given: tuple, found: list) -> None:
    if any(isinstance(piece, bytes) for piece in found):
        raise Wrong(YIELDS_BYTES)
    _refuse_no_str(found, "Called directly")
    text, size, reverse = given
    right = _pieces(*given)
    if found == right:
        return
    if reverse and found == _pieces(text, size, False):
        if _called_as_a_source(answer, given) == right:
            raise Wrong(ASKS_IS_NP_TRUE)
        raise Wrong("Where `reverse` is true, each piece is to be reversed. Yours never are.")
    if found == right[:-1] and len(text) % size:
        raise Wrong(LAST_PIECE_LOST)
    if len(found) > 1 and found == _overlapping(*given)[: len(found)]:
        raise Wrong(OVERLAPPING)
    if reverse and found == _pieces(text[::-1], size, False):
        raise Wrong(REVERSED_AS_A_WHOLE)
    raise Wrong(_other_pieces("Called directly", given, found))


def _judge_as_a_source(given: tuple, found: list) -> None:
    if any(isinstance(piece, bytes) for piece in found):
        raise Wrong(NEVER_DECODED)
    _refuse_no_str(found, "As a source")
    text, size, reverse = given
    if found == _pieces(*given):
        return
    if reverse and found == _pieces(text, size, False):
        raise Wrong(ASKS_IS_TRUE)
    together = "".join(found)
    if "'" in together:
        raise Wrong(STR_OF_BYTES)
    if "ü" in text and ("\N{REPLACEMENT CHARACTER}" in together or together.isascii()):
        raise Wrong(CUT_IN_BYTES)  # what can't be decoded was replaced or left out
    raise Wrong(_other_pieces("As a source", given, found))


def _refuse_no_str(found: list, how: str) -> None:
    for piece in found:
        if not isinstance(piece, str):
            raise Wrong(f"{how}, a piece comes as {_kind(piece)}, and should be a str.")


def _pieces(text: str, size: int, reverse: bool) -> list[str]:
    return list(windows(text, size, reverse))


def _overlapping(text: str, size: int, reverse: bool) -> list[str]:
    pieces = [text[start : start + size] for start in range(len(text))]
    return [piece[::-1] if reverse else piece for piece in pieces]


def _most(given: tuple) -> int:
    """More than any text here has pieces, were each of them a single byte."""
    return len(given[0]) + 5


def _other_pieces(how: str, given: tuple, found: list) -> str:
    more = ", and more" if len(found) == _most(given) else ""
    yours = f"{', '.join(map(repr, found)) or 'nothing'}{more}"
    called = f"windows({', '.join(map(repr, given))})"
    return f"{how}, {called} should yield {_listed(map(repr, _pieces(*given)))}. Yours: {yours}."


def _asks_is_true(text, size, reverse):
    if isinstance(text, bytes):
        text = text.decode()
    for start in range(0, len(text), size):
        piece = text[start : start + size]
        yield piece[::-1] if reverse is True else piece


def _asks_is_np_true(text, size, reverse):
    if isinstance(text, bytes):
        text = text.decode()
    for start in range(0, len(text), size):
        piece = text[start : start + size]
        yield piece[::-1] if reverse is np.True_ else piece


def _decodes_always(text, size, reverse):
    text = text.decode()
    for start in range(0, len(text), size):
        piece = text[start : start + size]
        yield piece[::-1] if reverse else piece


def _joins_what_is_bytes(text, size, reverse):
    for start in range(0, len(text), size):
        piece = text[start : start + size]
        yield "".join(reversed(piece)) if reverse else piece


def _writes_bytes_down(text, size, reverse):
    text = str(text)
    for start in range(0, len(text), size):
        piece = text[start : start + size]
        yield piece[::-1] if reverse else piece


def _never_decodes(text, size, reverse):
    for start in range(0, len(text), size):
        piece = text[start : start + size]
        yield piece[::-1] if reverse else piece


def _cuts_then_decodes(text, size, reverse):
    for start in range(0, len(text), size):
        piece = text[start : start + size]
        if isinstance(piece, bytes):
            piece = piece.decode()
        yield piece[::-1] if reverse else piece


def _encodes(text, size, reverse):
    if isinstance(text, str):
        text = text.encode()
    for start in range(0, len(text), size):
        piece = text[start : start + size]
        yield piece[::-1] if reverse else piece


def _lists_the_pieces(text, size, reverse):
    if isinstance(text, bytes):
        text = text.decode()
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    return [piece[::-1] for piece in pieces] if reverse else pieces


def _loses_the_last_piece(text, size, reverse):
    if isinstance(text, bytes):
        text = text.decode()
    for number in range(len(text) // size):
        piece = text[number * size : (number + 1) * size]
        yield piece[::-1] if reverse else piece


def _slides_along(text, size, reverse):
    if isinstance(text, bytes):
        text = text.decode()
    for start in range(len(text) - size + 1):
        piece = text[start : start + size]
        yield piece[::-1] if reverse else piece


def _reverses_the_whole(text, size, reverse):
    if isinstance(text, bytes):
        text = text.decode()
    if reverse:
        text = text[::-1]
    for start in range(0, len(text), size):
        yield text[start : start + size]


# ---------------------------------------------------------------------------------- 05.sources

ALL_THE_LAST = (
    "Every source reads the last name. A function that is made in a loop looks the name up when "
    "it is called, and by then the loop has ended: bind it at once, `partial(read, name)`."
)
GENERATORS = (
    "The list holds generators, the results of `read(name)`, and each of them can be gone through "
    "once. Put callables into it, which make a new generator at each call: `partial(read, name)`."
)
LOOKED_UP_LATER = (
    "The caller changed `names` afterwards, and the sources read the new names: they look into the "
    "caller's list when they are called. Bind the name itself, `partial(read, name)`, not its "
    "position or the list."
)
READ_WITHOUT_A_NAME = (
    "`read` is called without a name, since nothing binds the name to it. Bind it: "
    "`partial(read, name)`."
)
WANTS_THE_NAME = (
    "A source wants an argument, and from_generator calls it without any. The name must be bound "
    "already: `partial(read, name)`, or a function without arguments that knows its name."
)
NO_LIST_OF_SOURCES = (
    "sources gave back an iterator over the callables, which is used up after one pass, and has no "
    "length. Return a list."
)
ONE_SOURCE = (
    "sources gave back a single function: `return` in the loop ends it at the first name. Collect "
    "the functions in a list, and return the list after the loop."
)
SAME_ITERATOR = (
    "A source hands over the same iterator at each call, so the second epoch is empty, or two "
    "share the elements. `read(name)` must be called anew each time, inside of the source."
)
READ_AT_ONCE = (
    "Everything was read while the sources were made, before anybody asked for an element, and it "
    "is all in memory. A source should call `read(name)` when it is called."
)
READ_AHEAD = (
    "A source reads elements that nobody has asked for yet, as `list(read(name))` does with all of "
    "them. Hand over the iterator that `read(name)` returns: it reads when it's asked."
)
RETURNS_NOTHING = (
    "A source gave back None: it calls `read(name)` and throws the result away. It must return it: "
    "`return read(name)`."
)
YIELDS_THE_ITERATOR = (
    "A source yields an iterator as its one element. Hand over what the iterator gives: `return "
    "read(name)`, or `yield from read(name)`."
)

LINES = 20  # the elements that each name here has


def sources(names, read):
    """Return a list of callables, one a name: each call returns a new iterator over it."""
    return [partial(read, name) for name in names]


def check_sources(answer: Callable) -> None:
    """Call each source several times, before and after the caller changes the names."""
    for given, others in (
        (["anna", "ben", "anna", "cleo"], ["dora", "emil", "fritz", "gina"]),
        (["zoe"], ["yuri"]),
    ):
        names, made = list(given), []

        def read(name, made=made):
            for number in range(LINES):
                made.append(name)
                yield f"{name} {number}"

        found = _sources(answer(names, read), len(given))
        if made:
            raise Wrong(READ_AT_ONCE)
        for position, source in enumerate(found):
            _judge_source(source, position, given, read, made)
        names[:] = others
        for position, source in enumerate(found):
            _judge_source(source, position, given, read, made, others)


def _sources(result: object, count: int) -> list:
    if isinstance(result, Iterator):
        raise Wrong(NO_LIST_OF_SOURCES)
    if isinstance(result, tf.data.Dataset):
        raise Wrong("sources gave back a dataset. Only the list of callables is wanted here.")
    if callable(result):
        raise Wrong(ONE_SOURCE)
    if not isinstance(result, (list, tuple)):
        forgotten = " Is `return` missing?" if result is None else ""
        raise Wrong(f"sources gave back {_kind(result)}, and should return a list.{forgotten}")
    for source in result:
        if isinstance(source, Iterator) and not callable(source):
            raise Wrong(GENERATORS)
        if not callable(source):
            raise Wrong(f"The list holds {_kind(source)}, and should hold callables.")
    if len(result) != count:
        raise Wrong(
            f"Of {count} names there should be {count} sources, also where a name comes twice. "
            f"Yours are {len(result)}."
        )
    return list(result)


def _judge_source(
    source: Callable,
    position: int,
    given: list[str],
    read: Callable,
    made: list,
    others: list[str] | None = None,
) -> None:
    """Draw from one source twice at the same time; `others` are the names by now, if changed."""
    made.clear()
    one, other = (iter(_called(source, read)) for _ in range(2))
    if one is other:
        raise Wrong(SAME_ITERATOR)
    if made:
        raise Wrong(READ_AHEAD)
    pairs = first(zip(one, other), 1)
    if len(made) > 2:
        raise Wrong(READ_AHEAD)
    pairs += first(zip(one, other), LINES + 2)
    drawn, beside = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    if drawn and isinstance(drawn[0], Iterator):
        raise Wrong(YIELDS_THE_ITERATOR)
    _judge_names(drawn, position, given, others)
    if beside != drawn:
        raise Wrong("Two iterators of one source give different elements. Each begins anew.")


def _judge_names(drawn: list, position: int, given: list[str], others: list[str] | None) -> None:
    right = _lines(given[position])
    if drawn == right:
        return
    if others and drawn == _lines(others[position]):
        raise Wrong(LOOKED_UP_LATER)
    if drawn == _lines(given[-1]):
        raise Wrong(ALL_THE_LAST)
    if drawn and drawn == right[::2]:
        raise Wrong(SAME_ITERATOR)  # each of two iterators got every second element
    yours = "nothing" if not drawn else f"{len(drawn)} elements, first {drawn[0]!r}"
    raise Wrong(
        f"The source of {given[position]!r}, number {position}, should give the {LINES} elements "
        f"of read({given[position]!r}), first {right[0]!r}. Yours gives {yours}."
    )


def _called(source: Callable, read: Callable) -> Iterable:
    try:
        result = source()
    except TypeError as error:
        if f"{read.__qualname__}() missing" in str(error):
            raise Wrong(READ_WITHOUT_A_NAME) from None
        if "required positional argument" in str(error):
            raise Wrong(WANTS_THE_NAME) from None
        raise
    if result is None:
        raise Wrong(RETURNS_NOTHING)
    if not isinstance(result, Iterable):
        raise Wrong(f"A source gave back {_kind(result)}, and should give back an iterator.")
    return result


def _lines(name: str) -> list[str]:
    return [f"{name} {number}" for number in range(LINES)]


def _binds_late(names, read):
    made = []
    for name in names:
        made.append(lambda: read(name))  # noqa: B023 the mistake
    return made


def _calls_read(names, read):
    return [read(name) for name in names]


def _binds_the_position(names, read):
    return [lambda k=k: read(names[k]) for k in range(len(names))]


def _binds_no_name(names, read):
    return [partial(read) for name in names]


def _leaves_the_name_open(names, read):
    return [lambda name: read(name) for name in names]


def _makes_them_one_by_one(names, read):
    return (partial(read, name) for name in names)


def _returns_in_the_loop(names, read):
    for name in names:
        return partial(read, name)


def _keeps_the_iterator(names, read):
    made = []
    for name in names:
        iterator = read(name)
        made.append(lambda iterator=iterator: iterator)
    return made


def _reads_at_once(names, read):
    made = []
    for name in names:
        lines = list(read(name))
        made.append(lambda lines=lines: iter(lines))
    return made


def _reads_as_a_whole(names, read):
    return [lambda name=name: iter(list(read(name))) for name in names]


def _forgets_to_return(names, read):
    def source_of(name):
        def source():
            read(name)

        return source

    return [source_of(name) for name in names]


def _yields_the_iterator(names, read):
    def source_of(name):
        def source():
            yield read(name)

        return source

    return [source_of(name) for name in names]


# ------------------------------------------------------------------------------------ 05.flips

DRAWN_FROM_ALL = (
    "Your code draws from the numbers that everybody shares, those of np.random or random, so it "
    "changes what others draw there, and they change what it draws. Make a generator of your own "
    "for each epoch of training, `np.random.default_rng([seed, epoch])`; validation needs none."
)
SEEDED_FOR_ALL = (
    "Your code seeds the numbers that everybody shares, as np.random.seed does: whoever else draws "
    "there now gets others. Make a generator of your own for each epoch of training, "
    "`np.random.default_rng([seed, epoch])`; validation needs none."
)
ALWAYS_THE_SAME_FLIPS = (
    "Every epoch has the same flips: they are drawn once, or from a generator that begins with the "
    "same seed in each epoch, so the model never sees the other side of a photo. Let the epoch's "
    "number into the seed: `np.random.default_rng([seed, epoch])`."
)
NOT_AGAIN = (
    "A second flips(photos, seed) with the same seed gives other flips, so no run can be repeated: "
    "they come from `default_rng()` without a seed, or from something outside of flips that goes "
    "on, such as a counter of the epochs. Make the counter inside of flips, and use "
    "`np.random.default_rng([seed, epoch])`."
)
SEED_UNUSED = (
    "Two seeds give the same flips: yours don't depend on `seed`. Put it into the seed of the "
    "generator, `np.random.default_rng([seed, epoch])`."
)
SHARED_BY_SEEDS = (
    "Two seeds share flips: {epoch} epoch of seed {seed} has those of {other_epoch} epoch of seed "
    "{other_seed}. One number made of both, such as `seed + epoch`, mixes up what a list keeps "
    "apart: `np.random.default_rng([seed, epoch])`."
)
ONE_RNG = (
    "All epochs draw from one generator of random numbers, so the flips of an epoch depend on how "
    "far the one before had come when it was left. Make a generator for each epoch: "
    "`np.random.default_rng([seed, epoch])`."
)
STATE_SHARED = (
    "Two epochs that run at the same time disturb each other: what belongs to one epoch, such as "
    "its generator of random numbers, is kept where the other one finds it and puts its own in "
    "place. Keep it in a local variable of the generator function."
)
COUNTED_AT_THE_END = (
    "An epoch that was broken off, or is still running, isn't counted, so the next one has the "
    "same flips again. Count an epoch when it begins, not when it ends."
)
FLIPPED_IN_PLACE = (
    "The photos that were given have changed: `photo[:] = ...` writes into them. Leave them as "
    "they are: `photo[:, ::-1]` is a new view, mirrored."
)
UPSIDE_DOWN = (
    "A photo comes upside down: the first axis of an array (height, width, 3) is its height. "
    "Mirror the second one: `photo[:, ::-1]`."
)
COLOURS_TURNED = (
    "The colours of a photo have changed, red for blue: its last axis was turned, as "
    "`photo[..., ::-1]` does, or np.flip without an axis. Mirror the second one: `photo[:, ::-1]`."
)
VALIDATION_FLIPPED = (
    "Validation gives mirrored photos. It measures the model on the photos as they are: only "
    "training mirrors."
)
ALL_OR_NONE = (
    "In each epoch either all photos are mirrored or none: the number is drawn once an epoch. Draw "
    "one for each photo, in the loop."
)
NEVER_FLIPPED = (
    "Training never mirrors a photo. Draw once for each photo, such as `rng.random() < 0.5`. (Of "
    "`rng.integers(0, 1)` nothing but 0 comes: its end is left out.)"
)
EVERY_SECOND = (
    "Training mirrors every second photo, which isn't random. Draw for each photo: "
    "`rng.random() < 0.5`."
)
IN_PAIRS = (
    "Of two photos that follow one another, the first and second, the third and fourth and so on, "
    "one tells what the other does: they are always mirrored alike, or never alike. Draw a number "
    "for each photo, in the loop: `rng.random() < 0.5`."
)
BOTH_SIDES = (
    "Training gives more photos than there are, each also mirrored. Give every photo once, as it is"
    " or mirrored: over the epochs the model sees both."
)
CALLED_ALREADY = (
    "flips gave back generators, and from_generator needs something to call at the start of each "
    "epoch. Return the functions themselves, without parentheses: `return training, validation`."
)

AS_IT_IS, MIRRORED = "as it is", "mirrored"
PHOTOS, EPOCHS, SEED = 40, 6, 3
RANKS = ("the first", "the second", "the third", "the fourth", "the fifth", "the sixth")
FEWEST = 70  # of 240 photos; fewer mirrored ones, or photos left as they are, are no fair draw


def flips(photos, seed):
    """Return two callables, training, which mirrors at random, and validation, which doesn't."""
    epochs = itertools.count()

    def training():
        rng = np.random.default_rng([seed, next(epochs)])
        for photo in photos:
            yield photo[:, ::-1] if rng.random() < 0.5 else photo

    def validation():
        yield from photos

    return training, validation


def check_flips(answer: Callable) -> None:
    """Draw epochs one after the other, again, broken off and side by side; compare their flips.

    What differs from process to process, such as the hash() of a str, can't be seen from here.
    """
    album = _album(PHOTOS)
    with _numbers_kept():
        _judge_validation(answer, album)
        epochs = _watched_epochs(answer, album)
        _judge_draws(epochs)
        _judge_repeated(answer, album, epochs)
        _judge_next_seed(answer, album, epochs)
        _judge_broken_off(answer, album, epochs)
        _judge_side_by_side(answer, album, epochs)
        _judge_as_sources(answer, album, epochs)
        _first_epochs(answer, _album(1), SEED, 2)


@dataclass(frozen=True)
class _Album:
    """Photos, and what each of them is known by: its number, and how it was turned."""

    photos: list[np.ndarray]
    known: dict[tuple, tuple[int, str]]


def _album(count: int) -> _Album:
    """Small photos of random pixels, of several sizes: none looks like its mirror image."""
    rng = np.random.default_rng(5)
    photos = [
        rng.integers(0, 256, (2 + number % 3, 3 + number % 2, 3), dtype=np.uint8)
        for number in range(count)
    ]
    known = {}
    for number, photo in enumerate(photos):
        for way, turned in (
            (AS_IT_IS, photo),
            (MIRRORED, photo[:, ::-1]),
            (UPSIDE_DOWN, photo[::-1]),
            (COLOURS_TURNED, photo[..., ::-1]),
            (COLOURS_TURNED, np.flip(photo)),
        ):
            known[_key(turned)] = number, way
    return _Album(photos, known)


def _key(photo: np.ndarray) -> tuple:
    return photo.shape, photo.tobytes()


def _two(answer: Callable, photos: list, seed: int) -> tuple[Callable, Callable]:
    result = answer(photos, seed)
    if not (isinstance(result, (tuple, list)) and len(result) == 2):
        raise Wrong(
            f"flips(photos, seed) gave back {_kind(result)}. It should return two functions: "
            "`return training, validation`."
        )
    for each in result:
        if isinstance(each, Iterator):
            raise Wrong(CALLED_ALREADY)
        if not callable(each):
            raise Wrong(f"flips gave back {_kind(each)}, where a function is expected.")
    return tuple(result)


def _first_epochs(answer: Callable, album: _Album, seed: int, count: int) -> list[list[bool]]:
    training, _ = _two(answer, album.photos, seed)
    return [_epoch(training, album) for _ in range(count)]


def _epoch(make: Callable, album: _Album, name: str = "training") -> list[bool]:
    """Draw one epoch; return which of its photos are mirrored."""
    elements = _begun(make, name)
    seen = first((_recognised(each, album, name) for each in elements), 2 * len(album.photos) + 1)
    return _flipped(seen, album, name)


def _begun(make: Callable, name: str) -> Iterator:
    try:
        result = make()
    except TypeError as error:
        if "required positional argument" in str(error):
            raise Wrong(
                f"{name} wants an argument, and from_generator calls it without any. What it must "
                "know it finds in flips, where it is made."
            ) from None
        raise
    if not isinstance(result, Iterable):
        raise Wrong(f"{name}() gave back {_kind(result)}, which can't be iterated.")
    return iter(result)


def _recognised(photo: object, album: _Album, name: str) -> tuple[int, str]:
    """Return the number of a photo, and whether it is mirrored."""
    if not (isinstance(photo, np.ndarray) or tf.is_tensor(photo)):
        raise Wrong(f"{name} gives {_kind(photo)}, and should give photos: uint8 arrays.")
    array = np.asarray(photo)
    if array.dtype != np.uint8:
        raise Wrong(f"{name} gives photos of {array.dtype}, and should give uint8, as they came.")
    number, way = album.known.get(_key(array), (None, None))
    if number is None:
        raise Wrong(f"{name} gives something that is neither a photo nor its mirror image.")
    if way not in (AS_IT_IS, MIRRORED):
        raise Wrong(way)
    return number, way


def _flipped(seen: list[tuple[int, str]], album: _Album, name: str) -> list[bool]:
    """Tell which photos of an epoch are mirrored, once each came once and in order."""
    count = len(album.photos)
    if any(album.known.get(_key(photo)) != (n, AS_IT_IS) for n, photo in enumerate(album.photos)):
        raise Wrong(FLIPPED_IN_PLACE)
    if len(seen) == 2 * count == len(set(seen)) and name == "training":
        raise Wrong(BOTH_SIDES)
    numbers = [number for number, _ in seen]
    if numbers[:count] != list(range(count))[: len(seen)]:
        raise Wrong(f"{name} gives the photos in another order. Each should come once, in order.")
    if len(seen) != count:
        found = len(seen) if len(seen) < count else f"more than {count}"
        raise Wrong(
            f"Each call of {name} is an epoch, and should give each of {count} photos once. Of one "
            f"came {found}."
        )
    return [way == MIRRORED for _, way in seen]


def _judge_validation(answer: Callable, album: _Album) -> None:
    """Draw validation before and after training: it never mirrors."""
    with _numbers_kept():
        training, validation = _two(answer, album.photos, SEED)
        for _ in range(2):
            mirrored = any(_epoch(validation, album, "validation"))
            trained = [any(_epoch(training, album)) for _ in range(EPOCHS if mirrored else 1)]
            if mirrored and any(trained):
                raise Wrong(VALIDATION_FLIPPED)
            if mirrored:
                raise Wrong("The two are in the wrong order: `return training, validation`.")


def _watched_epochs(answer: Callable, album: _Album) -> list[list[bool]]:
    """Draw epochs; refuse what draws from the numbers that everybody shares, or seeds them.

    Others may draw there at the same time, in another thread: what changes twice is the answer's.
    """
    states = []
    for others in (501, 502):
        with _numbers_kept():
            random.seed(others)
            np.random.seed(others)
            before = _numbers_of_all()
            training, validation = _two(answer, album.photos, SEED)
            epochs = [_epoch(training, album) for _ in range(EPOCHS)]
            _epoch(validation, album, "validation")
            states.append(_numbers_of_all())
        if states[-1] == before:
            return epochs
    seeded = any(one == other != start for one, other, start in zip(*states, before))
    raise Wrong(SEEDED_FOR_ALL if seeded else DRAWN_FROM_ALL)


def _judge_draws(epochs: list[list[bool]]) -> None:
    """Look whether the flips are ones that fair draws would hardly give."""
    count = sum(map(sum, epochs))
    whole = len(epochs) * len(epochs[0])
    if count == 0:
        raise Wrong(NEVER_FLIPPED)
    if count == whole:
        raise Wrong(
            "Training mirrors all photos, always. Draw for each photo: `rng.random() < 0.5`."
        )
    if all(len(set(epoch)) == 1 for epoch in epochs):
        raise Wrong(ALL_OR_NONE)
    if all(one != other for epoch in epochs for one, other in itertools.pairwise(epoch)):
        raise Wrong(EVERY_SECOND)
    if all(epoch == epochs[0] for epoch in epochs):
        raise Wrong(ALWAYS_THE_SAME_FLIPS)
    pairs = [epoch[n] == epoch[n + 1] for epoch in epochs for n in range(0, PHOTOS, 2)]
    if len(set(pairs)) == 1:
        raise Wrong(IN_PAIRS)
    if len(set(map(tuple, epochs))) < len(epochs):
        raise Wrong("Some epochs have the same flips. Each should have flips of its own.")
    if not FEWEST <= count <= whole - FEWEST:
        raise Wrong(
            f"Of {whole} photos, {count} are mirrored. It should be about half of them: draw "
            "`rng.random() < 0.5`."
        )


def _judge_repeated(answer: Callable, album: _Album, epochs: list[list[bool]]) -> None:
    """Run again with the same seed, with validation between the epochs, and with another seed."""
    count = 2
    training, validation = _two(answer, album.photos, SEED)
    again = []
    for _ in range(count):
        again.append(_epoch(training, album))
        _epoch(validation, album, "validation")
    if again != epochs[:count]:
        if _first_epochs(answer, album, SEED, count) != epochs[:count]:
            raise Wrong(NOT_AGAIN)
        raise Wrong(
            "A round of validation between two epochs changes the flips of training. Only the "
            "epochs of training count."
        )
    if _first_epochs(answer, album, 2024, count) == epochs[:count]:
        raise Wrong(SEED_UNUSED)


def _judge_next_seed(answer: Callable, album: _Album, epochs: list[list[bool]]) -> None:
    """Look whether an epoch of the next seed, whichever it is, has the flips of one of these."""
    others = _first_epochs(answer, album, SEED + 1, EPOCHS)
    for (number, epoch), (other, flips_of_other) in itertools.product(
        enumerate(epochs), enumerate(others)
    ):
        if epoch == flips_of_other:
            raise Wrong(_shared_by_seeds(number, SEED, other, SEED + 1))


def _shared_by_seeds(epoch: int, seed: int, other_epoch: int, other_seed: int) -> str:
    return SHARED_BY_SEEDS.format(
        epoch=RANKS[epoch], seed=seed, other_epoch=RANKS[other_epoch], other_seed=other_seed
    )


def _judge_broken_off(answer: Callable, album: _Album, epochs: list[list[bool]]) -> None:
    """Leave the first epoch early; the next one is the second all the same."""
    training, _ = _two(answer, album.photos, SEED)
    left = _begun(training, "training")
    first(left, 3)
    if hasattr(left, "close"):
        left.close()  # as happens when the last reference to it goes
    epoch = _epoch(training, album)
    if epoch == epochs[0]:
        raise Wrong(COUNTED_AT_THE_END)
    if epoch != epochs[1]:
        raise Wrong(ONE_RNG)


def _judge_side_by_side(answer: Callable, album: _Album, epochs: list[list[bool]]) -> None:
    """Draw from two epochs in turns."""
    training, _ = _two(answer, album.photos, SEED)
    running, seen = [], ([], [])
    for at in range(len(album.photos)):
        for number in range(2):
            if at == 0:
                running.append(_begun(training, "training"))
            photo = next(running[number], None)
            seen[number].append(_recognised(photo, album, "training"))
    one, other = (_flipped(each, album, "training") for each in seen)
    if one == other == epochs[0]:
        raise Wrong(COUNTED_AT_THE_END)
    if [one, other] != epochs[:2]:
        raise Wrong(STATE_SHARED)


def _judge_as_sources(answer: Callable, album: _Album, epochs: list[list[bool]]) -> None:
    """Let a real from_generator draw an epoch of each."""
    right = (epochs[0], [False] * PHOTOS)
    made = zip(("training", "validation"), _two(answer, album.photos, SEED), right)
    for name, source, flips_expected in made:
        signature = tf.TensorSpec((None, None, 3), tf.uint8)
        dataset = tf.data.Dataset.from_generator(source, output_signature=signature)
        if _epoch(partial(iter, dataset), album, name) != flips_expected:
            raise Wrong(
                f"As a source of from_generator, {name} gives other flips than when it's called "
                "directly. They should depend on the seed and the epoch alone."
            )


NO_GLOBAL_SEED = 87654321  # what TensorFlow says where none is set


@contextlib.contextmanager
def _numbers_kept() -> Iterator[None]:
    """Leave the random numbers that everybody shares as they were."""
    of_python, of_numpy, of_tensorflow = random.getstate(), np.random.get_state(), _global_seed()
    try:
        yield
    finally:
        random.setstate(of_python)
        np.random.set_state(of_numpy)
        if _global_seed() != of_tensorflow:
            tf.random.set_seed(of_tensorflow)


def _numbers_of_all() -> tuple:
    """The states of the numbers that everybody shares, Python's, NumPy's and TensorFlow's."""
    name, keys, *rest = np.random.get_state()
    return random.getstate(), (name, keys.tobytes(), *rest), _global_seed()


def _global_seed() -> int | None:
    """TensorFlow's global seed, None where none is set."""
    seed = tf.compat.v1.random.get_seed(0)[0]
    return None if seed == NO_GLOBAL_SEED else seed


def _draws_from_numpy(photos, seed):
    def training():
        for photo in photos:
            yield photo[:, ::-1] if np.random.random() < 0.5 else photo

    def validation():
        yield from photos

    return training, validation


def _seeds_numpy(photos, seed):
    epochs = itertools.count()

    def training():
        np.random.seed(seed + next(epochs))
        for photo in photos:
            yield photo[:, ::-1] if np.random.random() < 0.5 else photo

    def validation():
        yield from photos

    return training, validation


def _begins_with_the_seed(photos, seed):
    def training():
        rng = np.random.default_rng(seed)
        for photo in photos:
            yield photo[:, ::-1] if rng.random() < 0.5 else photo

    def validation():
        yield from photos

    return training, validation


def _forgets_the_seed(photos, seed):
    def training():
        rng = np.random.default_rng()
        for photo in photos:
            yield photo[:, ::-1] if rng.random() < 0.5 else photo

    def validation():
        yield from photos

    return training, validation


def _has_its_own_seed(photos, seed):
    epochs = itertools.count()

    def training():
        rng = np.random.default_rng([42, next(epochs)])
        for photo in photos:
            yield photo[:, ::-1] if rng.random() < 0.5 else photo

    def validation():
        yield from photos

    return training, validation


def _adds_seed_and_epoch(photos, seed):
    epochs = itertools.count()

    def training():
        rng = np.random.default_rng(seed + next(epochs))
        for photo in photos:
            yield photo[:, ::-1] if rng.random() < 0.5 else photo

    def validation():
        yield from photos

    return training, validation


def _shares_one_rng(photos, seed):
    rng = np.random.default_rng(seed)

    def training():
        for photo in photos:
            yield photo[:, ::-1] if rng.random() < 0.5 else photo

    def validation():
        yield from photos

    return training, validation


def _keeps_the_rng_outside(photos, seed):
    epochs, rng = itertools.count(), None

    def training():
        nonlocal rng
        rng = np.random.default_rng([seed, next(epochs)])
        for photo in photos:
            yield photo[:, ::-1] if rng.random() < 0.5 else photo

    def validation():
        yield from photos

    return training, validation


def _counts_at_the_end(photos, seed):
    epoch = 0

    def training():
        nonlocal epoch
        rng = np.random.default_rng([seed, epoch])
        for photo in photos:
            yield photo[:, ::-1] if rng.random() < 0.5 else photo
        epoch += 1

    def validation():
        yield from photos

    return training, validation


def _flips_in_place(photos, seed):
    epochs = itertools.count()

    def training():
        rng = np.random.default_rng([seed, next(epochs)])
        for photo in photos:
            if rng.random() < 0.5:
                photo[:] = photo[:, ::-1]
            yield photo

    def validation():
        yield from photos

    return training, validation


def _flips_upside_down(photos, seed):
    epochs = itertools.count()

    def training():
        rng = np.random.default_rng([seed, next(epochs)])
        for photo in photos:
            yield photo[::-1] if rng.random() < 0.5 else photo

    def validation():
        yield from photos

    return training, validation


def _flips_all_axes(photos, seed):
    epochs = itertools.count()

    def training():
        rng = np.random.default_rng([seed, next(epochs)])
        for photo in photos:
            yield np.flip(photo) if rng.random() < 0.5 else photo

    def validation():
        yield from photos

    return training, validation


def _flips_validation_too(photos, seed):
    epochs = itertools.count()

    def training():
        rng = np.random.default_rng([seed, next(epochs)])
        for photo in photos:
            yield photo[:, ::-1] if rng.random() < 0.5 else photo

    return training, training


def _draws_once_an_epoch(photos, seed):
    epochs = itertools.count()

    def training():
        rng = np.random.default_rng([seed, next(epochs)])
        mirrors = rng.random() < 0.5
        for photo in photos:
            yield photo[:, ::-1] if mirrors else photo

    def validation():
        yield from photos

    return training, validation


def _draws_integers_below_one(photos, seed):
    epochs = itertools.count()

    def training():
        rng = np.random.default_rng([seed, next(epochs)])
        for photo in photos:
            yield photo[:, ::-1] if rng.integers(0, 1) else photo

    def validation():
        yield from photos

    return training, validation


def _draws_once_for_two(photos, seed):
    epochs = itertools.count()

    def training():
        rng = np.random.default_rng([seed, next(epochs)])
        for number, photo in enumerate(photos):
            if number % 2 == 0:
                mirrors = rng.random() < 0.5
            yield photo[:, ::-1] if mirrors else photo

    def validation():
        yield from photos

    return training, validation


def _flips_every_second(photos, seed):
    def training():
        for number, photo in enumerate(photos):
            yield photo[:, ::-1] if number % 2 else photo

    def validation():
        yield from photos

    return training, validation


def _gives_both_sides(photos, seed):
    def training():
        for photo in photos:
            yield photo
            yield photo[:, ::-1]

    def validation():
        yield from photos

    return training, validation


def _returns_generators(photos, seed):
    epochs = itertools.count()

    def training():
        rng = np.random.default_rng([seed, next(epochs)])
        for photo in photos:
            yield photo[:, ::-1] if rng.random() < 0.5 else photo

    def validation():
        yield from photos

    return training(), validation()


# ---------------------------------------------------------------------------------- 05.batches

ONE_BUFFER = (
    "All the batches are one array, which is filled again for each: a batch changes in the "
    "receiver's hands as soon as the next one is made. Yield a copy, `buffer.copy()`, or make a "
    "new array for each batch."
)
SLICE_OF_THE_BUFFER = (
    "A batch changes as soon as the next one is made: of an array a slice, `buffer[:]`, is a view "
    "into the same memory, not a copy as of a list. Yield `buffer.copy()`, or make a new array for "
    "each batch."
)
SEVERAL_BUFFERS = (
    "A batch stays what it is while the next one is made, but changes some batches later: the "
    "memory is used in turns. Who reads ahead, or keeps batches, holds more of them than you have "
    "buffers. Make a new array for each batch."
)
VIEWS_OF_THE_ROWS = (
    "The caller changed `rows` afterwards, and batches that had been yielded changed with it: a "
    "slice of an array is a view into its memory. Yield a copy of the slice: "
    "`rows[start : start + size].copy()`."
)
ALL_THE_LAST_BATCH = (
    "Every batch holds the last rows: one array was collected again and again, and it was filled "
    "anew each time. Yield each batch when it is full, as a copy: `buffer.copy()`."
)
BATCHES_OF_ROWS_IN_LISTS = (
    "A batch comes as a list of rows, and should be one array of shape (size, k). Copy a slice of "
    "`rows`, or make an array of the list: `np.array(batch)`."
)
LAST_BATCH_PADDED = (
    "The last batch is as large as the others, filled up with old rows or zeros. Yield only the "
    "part that was filled: `buffer[:filled].copy()`."
)
LAST_BATCH_DROPPED = (
    "Of 100 rows in batches of 3, the last one never comes. The last batch may be smaller: begin a "
    "batch at every position of `range(0, len(rows), size)`."
)
EMPTY_BATCH = (
    "Where the rows come out even, an empty batch follows the last one. Yield what is left over "
    "only if there is something left."
)
FLOAT64 = (
    "The batches are float64, twice the memory: np.empty and np.zeros make float64 unless they are "
    "told. Give the type: `np.empty((size, k), np.float32)`, or copy a slice, which keeps its type."
)
BATCHES_IN_A_LIST = (
    "batches gave back a list, so all the batches exist before the first one is used. Give each "
    "batch with `yield`, in the loop."
)
OVERWRITTEN_BY_AN_EPOCH = (
    "Batches of the first call changed when batches was called again: both calls write into the "
    "same memory, which is kept outside of the call. Who kept a batch of one epoch holds rows of "
    "the next. Make a new array for each batch."
)


def batches(rows, size):
    """Yield the rows in float32 batches of `size`, each of which stays what it is."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size].copy()


def check_batches(answer: Callable) -> None:
    """Keep every batch; look whether it still holds its rows when others and the caller went on."""
    # 60 batches, so that a few dozen buffers in turns are filled anew as well
    for n, size, columns in ((100, 3, 16), (120, 2, 3), (3, 5, 2)):
        rows = _aligned_rows(n, columns)
        given = rows.copy()
        kept, seen, changed = _kept(answer(rows, size), rows, size)
        if not np.array_equal(rows, given):
            raise Wrong(
                "Your function changes the `rows` that it is given. Leave them as they are."
            )
        _judge_batches(seen, given, size)
        _judge_changes(kept, changed)
        rows += 1000
        if _first_changed(kept, seen) is not None:
            raise Wrong(VIEWS_OF_THE_ROWS)
        _, again, _ = _kept(answer(rows, size), rows, size)
        if not _same(again, _right_batches(rows, size)):
            raise Wrong(
                "The first call of batches gave the right batches, and a second one, after `rows` "
                "had changed, doesn't. Each call should begin anew, with the rows as they are."
            )
        if _first_changed(kept, seen) is not None:
            raise Wrong(OVERWRITTEN_BY_AN_EPOCH)


def _aligned_rows(n: int, columns: int) -> np.ndarray:
    """Rows that begin at a multiple of 64 bytes: TensorFlow makes a tensor of these uncopied."""
    memory = np.empty(n * columns + 16, np.float32)
    start = -memory.ctypes.data % 64 // memory.itemsize
    rows = memory[start : start + n * columns].reshape(n, columns)
    rows[:] = np.arange(n * columns).reshape(n, columns)
    return rows


def _kept(result: object, rows: np.ndarray, size: int) -> tuple[list, list, tuple | None]:
    """Draw all batches, and keep them.

    Returns the batches, a copy of each as it came, and the first that changed while others were
    made: its number, and the number of the batch that was made then.
    """
    kept, seen, changed = [], [], None
    most = -(-len(rows) // size) + 2

    def noting():
        nonlocal changed
        for number, batch in enumerate(_iterable(result, "batches", BATCHES_IN_A_LIST)):
            if changed is None and (early := _first_changed(kept, seen)) is not None:
                changed = early, number
            _check_batch(batch, rows)
            kept.append(batch)
            seen.append(np.array(batch))
            yield number

    first(noting(), most)
    if changed is None and (early := _first_changed(kept, seen)) is not None:
        changed = early, len(kept)
    return kept, seen, changed


def _check_batch(batch: object, rows: np.ndarray) -> None:
    if isinstance(batch, (list, tuple)):
        raise Wrong(BATCHES_OF_ROWS_IN_LISTS)
    if not (isinstance(batch, np.ndarray) or tf.is_tensor(batch)):
        raise Wrong(f"A batch came as {_kind(batch)}, and should be an array.")
    shape, columns = tuple(batch.shape), rows.shape[1]
    if shape == (columns,):
        raise Wrong("The rows come one by one. A batch is an array of several, (size, k).")
    if len(shape) != 2 or shape[1] != columns:
        raise Wrong(f"A batch has the shape {shape}, and should have (size, {columns}).")
    dtype = np.asarray(batch).dtype
    if dtype == np.float64:
        raise Wrong(FLOAT64)
    if dtype != np.float32:
        raise Wrong(f"A batch holds {dtype}, and should hold float32.")


def _judge_batches(seen: list[np.ndarray], rows: np.ndarray, size: int) -> None:
    """Look at the batches as they came."""
    right = _right_batches(rows, size)
    if _same(seen, right):
        return
    sizes = [len(batch) for batch in seen]
    if _same(seen, right[:-1]) and len(rows) == 100:
        raise Wrong(LAST_BATCH_DROPPED)
    if _same(seen[:-1], right) and sizes[-1] == 0:
        raise Wrong(EMPTY_BATCH)
    if _same(seen[:-1], right[:-1]) and sizes[-1:] == [size]:
        raise Wrong(LAST_BATCH_PADDED)
    starts = {batch[:1].tobytes() for batch in seen}
    if len(seen) > 1 and len(starts) == 1 and (seen[0][0] == rows[-size:]).all(axis=1).any():
        raise Wrong(ALL_THE_LAST_BATCH)
    expected = [len(batch) for batch in right]
    if sizes == expected:
        raise Wrong(
            f"Of {len(rows)} rows in batches of {size}, a batch holds other rows than it should "
            "when it comes. They should come in order, each row once."
        )
    count = f"more than {len(right) + 1}" if len(seen) > len(right) + 1 else len(seen) or "none"
    raise Wrong(
        f"Of {len(rows)} rows in batches of {size} there should be {len(right)} batches, of "
        f"{size} rows, the last one of {expected[-1]}. Yours are {count}"
        f"{f', of {_listed(sizes[:5])}' if seen else ''}{', ...' if len(seen) > 5 else ''}."
    )


def _judge_changes(kept: list, changed: tuple | None) -> None:
    if changed is None:
        return
    early, number = changed
    if number == len(kept):
        raise Wrong("A batch changed after the last one had come. Each needs its own memory.")
    if number - early > 1:
        raise Wrong(SEVERAL_BUFFERS)
    raise Wrong(ONE_BUFFER if kept[early] is kept[early + 1] else SLICE_OF_THE_BUFFER)


def _first_changed(kept: list, seen: list[np.ndarray]) -> int | None:
    """The number of the first batch that is no longer what it was."""
    for number, (batch, before) in enumerate(zip(kept, seen)):
        if not np.array_equal(np.asarray(batch), before):
            return number
    return None


def _right_batches(rows: np.ndarray, size: int) -> list[np.ndarray]:
    return list(batches(rows, size))


def _same(found: list[np.ndarray], right: list[np.ndarray]) -> bool:
    return len(found) == len(right) and all(map(np.array_equal, found, right))


def _yields_one_buffer(rows, size):
    buffer = np.empty((size, rows.shape[1]), np.float32)
    filled = 0
    for row in rows:
        buffer[filled] = row
        filled += 1
        if filled == size:
            yield buffer
            filled = 0
    if filled:
        yield buffer[:filled]


def _slices_one_buffer(rows, size):
    buffer = np.empty((size, rows.shape[1]), np.float32)
    filled = 0
    for row in rows:
        buffer[filled] = row
        filled += 1
        if filled == size:
            yield buffer[:]
            filled = 0
    if filled:
        yield buffer[:filled]


def _takes_turns(rows, size):
    buffers = np.empty((2, size, rows.shape[1]), np.float32)
    for number, start in enumerate(range(0, len(rows), size)):
        part = rows[start : start + size]
        batch = buffers[number % 2, : len(part)]
        batch[:] = part
        yield batch


def _keeps_its_buffers(rows, size, buffers={}):  # noqa: B006 the mistake
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        batch = buffers.setdefault((start, part.shape), np.empty(part.shape, np.float32))
        batch[:] = part
        yield batch


def _yields_views(rows, size):
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _collects_one_buffer(rows, size):
    buffer = np.empty((size, rows.shape[1]), np.float32)
    made = []
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        buffer[: len(part)] = part
        made.append(buffer[: len(part)])
    yield from made


def _yields_lists_of_rows(rows, size):
    for start in range(0, len(rows), size):
        yield list(rows[start : start + size])


def _pads_with_old_rows(rows, size):
    buffer = np.empty((size, rows.shape[1]), np.float32)
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        buffer[: len(part)] = part
        yield buffer.copy()


def _drops_the_last_batch(rows, size):
    for number in range(len(rows) // size):
        yield rows[number * size : (number + 1) * size].copy()


def _ends_with_an_empty_batch(rows, size):
    buffer = np.empty((size, rows.shape[1]), np.float32)
    filled = 0
    for row in rows:
        buffer[filled] = row
        filled += 1
        if filled == size:
            yield buffer.copy()
            filled = 0
    yield buffer[:filled].copy()


def _makes_float64(rows, size):
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        batch = np.empty(part.shape)
        batch[:] = part
        yield batch


def _lists_the_batches(rows, size):
    return [rows[start : start + size].copy() for start in range(0, len(rows), size)]


# ------------------------------------------------------------------------------------------------


def _iterable(result: object, name: str, a_list: str) -> Iterable:
    """What a generator function gave back; `a_list` is the message for a list."""
    if isinstance(result, (list, tuple)):
        raise Wrong(a_list)
    if isinstance(result, tf.data.Dataset):
        raise Wrong(
            f"{name} gave back a dataset. Only the generator is wanted here: a function with "
            "`yield` in it."
        )
    if callable(result) and not isinstance(result, Iterable):
        raise Wrong(
            f"{name} gave back a function, and nobody calls it. Put the `yield` into {name} itself."
        )
    if not isinstance(result, Iterable):
        forgotten = " Is `yield` missing?" if result is None else ""
        raise Wrong(f"{name} gave back {_kind(result)}, which can't be iterated.{forgotten}")
    return result


def _kind(value: object) -> str:
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def _listed(things: Iterable) -> str:
    return ", ".join(map(str, things))


EXERCISES = (
    Exercise(
        id="05.arrives",
        task=(
            "Write a generator function windows(text, size, reverse) that yields the pieces of a "
            "text as str, called directly or by TensorFlow with args."
        ),
        solution=windows,
        check=check_arrives,
        hints=(
            "By way of `args` the text arrives as bytes, and `reverse` as a NumPy bool. Make a "
            "str of the text before anything else, but only where it is bytes.",
            "`isinstance(text, bytes)` tells, and `text.decode()` makes the str. A piece begins "
            "at each position of `range(0, len(text), size)`.",
            "After `if isinstance(text, bytes): text = text.decode()`, loop `for start in range(0, "
            "len(text), size):`, take `piece = text[start : start + size]`, and "
            "`yield piece[::-1] if reverse else piece`.",
        ),
        mistakes=(
            Mistake(_asks_is_true, ASKS_IS_TRUE),
            Mistake(_asks_is_np_true, ASKS_IS_NP_TRUE),
            Mistake(_decodes_always, DECODES_ALWAYS),
            Mistake(_joins_what_is_bytes, BYTES_TAKEN_FOR_STR),
            Mistake(_writes_bytes_down, STR_OF_BYTES),
            Mistake(_never_decodes, NEVER_DECODED),
            Mistake(_cuts_then_decodes, CUT_IN_BYTES),
            Mistake(_encodes, YIELDS_BYTES),
            Mistake(_lists_the_pieces, PIECES_IN_A_LIST),
            Mistake(_loses_the_last_piece, LAST_PIECE_LOST),
            Mistake(_slides_along, OVERLAPPING),
            Mistake(_reverses_the_whole, REVERSED_AS_A_WHOLE),
        ),
        right=(
            "it takes Python's values and those that TensorFlow hands over. And one more to know: "
            'args is a tuple, and a str in its place is taken apart, so `args="ab"` is two '
            "arguments, b'a' and b'b'."
        ),
    ),
    Exercise(
        id="05.sources",
        task=(
            "Write sources(names, read): a list of callables, one for each name; each call returns "
            "a new iterator over read(name)."
        ),
        solution=sources,
        check=check_sources,
        hints=(
            "Each entry of the list must know its own name, and it must be called before anything "
            "is read. A function made in a loop doesn't keep the name of its round.",
            "`partial(read, name)` is a callable without arguments that calls `read(name)`. It "
            "takes the name at once, when it is made.",
            "One line: `return [partial(read, name) for name in names]`.",
        ),
        mistakes=(
            Mistake(_binds_late, ALL_THE_LAST),
            Mistake(_calls_read, GENERATORS),
            Mistake(_binds_the_position, LOOKED_UP_LATER),
            Mistake(_binds_no_name, READ_WITHOUT_A_NAME),
            Mistake(_leaves_the_name_open, WANTS_THE_NAME),
            Mistake(_makes_them_one_by_one, NO_LIST_OF_SOURCES),
            Mistake(_returns_in_the_loop, ONE_SOURCE),
            Mistake(_keeps_the_iterator, SAME_ITERATOR),
            Mistake(_reads_at_once, READ_AT_ONCE),
            Mistake(_reads_as_a_whole, READ_AHEAD),
            Mistake(_forgets_to_return, RETURNS_NOTHING),
            Mistake(_yields_the_iterator, YIELDS_THE_ITERATOR),
        ),
        right=(
            "each source keeps its own name, and begins anew at each call. A partial of a "
            "module's function can also be pickled, so that another process can run it; a lambda "
            "can't."
        ),
    ),
    Exercise(
        id="05.flips",
        task=(
            "Write flips(photos, seed): two callables, training, which mirrors each photo or not, "
            "at random and repeatably, and validation, which never does."
        ),
        solution=flips,
        check=check_flips,
        hints=(
            "What an epoch draws may depend on two things only: the seed, and which epoch it is. "
            "So count the epochs as they begin, outside of the generator.",
            "`epochs = itertools.count()` stands outside of training; the first line inside is "
            "`rng = np.random.default_rng([seed, next(epochs)])`, one generator for this epoch.",
            "With `epochs = itertools.count()`, training begins with `rng = "
            "np.random.default_rng([seed, next(epochs)])` and does `for photo in photos: yield "
            "photo[:, ::-1] if rng.random() < 0.5 else photo`; validation does `yield from "
            "photos`, and flips ends with `return training, validation`.",
        ),
        mistakes=(
            Mistake(_draws_from_numpy, DRAWN_FROM_ALL),
            Mistake(_seeds_numpy, SEEDED_FOR_ALL),
            Mistake(_begins_with_the_seed, ALWAYS_THE_SAME_FLIPS),
            Mistake(_forgets_the_seed, NOT_AGAIN),
            Mistake(_has_its_own_seed, SEED_UNUSED),
            Mistake(_adds_seed_and_epoch, _shared_by_seeds(1, SEED, 0, SEED + 1)),
            Mistake(_shares_one_rng, ONE_RNG),
            Mistake(_keeps_the_rng_outside, STATE_SHARED),
            Mistake(_counts_at_the_end, COUNTED_AT_THE_END),
            Mistake(_flips_in_place, FLIPPED_IN_PLACE),
            Mistake(_flips_upside_down, UPSIDE_DOWN),
            Mistake(_flips_all_axes, COLOURS_TURNED),
            Mistake(_flips_validation_too, VALIDATION_FLIPPED),
            Mistake(_draws_once_an_epoch, ALL_OR_NONE),
            Mistake(_draws_integers_below_one, NEVER_FLIPPED),
            Mistake(_flips_every_second, EVERY_SECOND),
            Mistake(_draws_once_for_two, IN_PAIRS),
            Mistake(_gives_both_sides, BOTH_SIDES),
            Mistake(_returns_generators, CALLED_ALREADY),
        ),
        right=(
            "the flips of an epoch depend on the seed and its number alone. With "
            "`default_rng([seed, epoch])`, a training that was stopped can even go on in any epoch "
            "without drawing those before it again: the number is all that it has to remember."
        ),
    ),
    Exercise(
        id="05.batches",
        task=(
            "Write a generator function batches(rows, size): float32 batches of `size` rows, which "
            "stay what they are after they were yielded."
        ),
        solution=batches,
        check=check_batches,
        hints=(
            "Who receives a batch keeps it for a while. So each needs memory of its own: neither "
            "that of `rows` nor that of another batch.",
            "`rows[start : start + size]` is a view into the memory of `rows`, and `copy()` makes "
            "an array of its own of it.",
            "`for start in range(0, len(rows), size):`, and in it "
            "`yield rows[start : start + size].copy()`.",
        ),
        mistakes=(
            Mistake(_yields_one_buffer, ONE_BUFFER),
            Mistake(_slices_one_buffer, SLICE_OF_THE_BUFFER),
            Mistake(_takes_turns, SEVERAL_BUFFERS),
            Mistake(_keeps_its_buffers, OVERWRITTEN_BY_AN_EPOCH),
            Mistake(_yields_views, VIEWS_OF_THE_ROWS),
            Mistake(_collects_one_buffer, ALL_THE_LAST_BATCH),
            Mistake(_yields_lists_of_rows, BATCHES_OF_ROWS_IN_LISTS),
            Mistake(_pads_with_old_rows, LAST_BATCH_PADDED),
            Mistake(_drops_the_last_batch, LAST_BATCH_DROPPED),
            Mistake(_ends_with_an_empty_batch, EMPTY_BATCH),
            Mistake(_makes_float64, FLOAT64),
            Mistake(_lists_the_batches, BATCHES_IN_A_LIST),
        ),
        right=(
            "what you yielded stayed what it was, through later batches, a second call and a "
            "change of `rows`. from_generator wouldn't have saved you: it takes an array uncopied "
            "whose memory begins at a multiple of 64 bytes, and copies others. So memory that is "
            "written again corrupts batches on one day and goes unnoticed on another."
        ),
    ),
)
