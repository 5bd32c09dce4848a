"""The exercises of lesson 08: when processes pay, what can travel, random numbers, lost workers.

No TensorFlow here: worker processes import this module.
"""

from __future__ import annotations

import builtins
import contextlib
import math
import multiprocessing
import numbers
import os
import pickle
import random
import tempfile
import threading
import time
import types
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np

from course_utils.classroom.exercise import Exercise, Mistake, Wrong
from course_utils.feeding import importable
from course_utils.feeding.processes import ItemError, ProcessLoader, WorkerLost, safe_start_method
from course_utils.feeding.readers import read_photo

STARTS = 20.0  # seconds that a check may take that starts processes

# ------------------------------------------------------------------------------- 08.break_even

ADDED = (
    "The workers' part and the consumer's part are added up, as if one waited while the other "
    "works. They work at the same time, so the slower one sets the pace: `max(..., ...)`."
)
DONE_ALONE = (
    "This is what one process would take that does everything itself, one thing after the other. "
    "The work is divided among the workers, `cost / workers`, and the consumer does its part at "
    "the same time: `max(..., ...)`."
)
ALL_DIVIDED = (
    "Everything is divided by the number of workers. They share the work, `cost`, and nothing "
    "else: the journey and what an item costs on its way are paid by the consumer, and there is "
    "one consumer."
)
JOURNEY_DIVIDED = (
    "What the consumer pays is divided by the number of workers. It takes one batch after the "
    "other, however many workers there are. Divide `cost` alone."
)
BATCH_FORGOTTEN = (
    "Every item pays a whole journey here. One journey brings a batch, so an item's share of it is "
    "`per_batch / batch_size`."
)
ITEMS_SHARE_TOO_MUCH = (
    "`per_item` is divided by the batch size. That is for an item already; the journey alone is "
    "shared: `per_item + per_batch / batch_size`."
)
ITEM_FORGOTTEN = (
    "`per_item` is missing: beside its share of the journey, the consumer pays it for each item."
)
THREE_APART = (
    "The consumer's two parts are compared with each other. It pays both, one after the other: "
    "`per_item + per_batch / batch_size`. Only workers and consumer work at the same time."
)
PER_BATCH = "This is what a batch takes. What an item takes is asked for: divide by `batch_size`."
FASTER_COUNTS = (
    "The faster part sets the pace here, and it can't: it has to wait for the slower one. Take "
    "`max`, not `min`."
)
WHOLE_NUMBERS = (
    "The division drops what comes after the point: `//` does, and so does `int`. Of 3 seconds "
    "for 2 workers it makes 1. Divide with `/`."
)
WORKERS_FORGOTTEN = (
    "More workers don't help here. Each makes batches of its own at the same time as the others, "
    "so together they need `cost / workers` for an item."
)
BATCH_SHARED = (
    "The workers don't share a batch: each makes one of its own. So more workers than a batch has "
    "items help, too: together they need `cost / workers` for an item."
)
CONSUMER_FORGOTTEN = (
    "The consumer's part is missing: however many workers there are, no item comes faster than "
    "the consumer can take it, in `per_item + per_batch / batch_size`."
)
PER_SECOND = (
    "These are items a second. The seconds that an item takes are asked for, which is 1 divided "
    "by that."
)
TIMES_FASTER = (
    "This says how many times faster it is than a loop. The seconds that an item takes are asked "
    "for: `max(cost / workers, ...)` itself."
)


def seconds_per_item(cost, batch_size, per_batch, per_item, workers):
    """Return the seconds from one item to the next, in the long run."""
    return max(cost / workers, per_item + per_batch / batch_size)


# Work that takes longer than the journey, and the other way round; also whole numbers, one worker,
# batches of one, both parts equal, and more workers than a batch has items.
CASES = (
    (0.02, 32, 0.001, 0.0001, 2),
    (0.0001, 32, 0.0016, 0.0002, 2),
    (3, 4, 2, 1, 2),
    (1, 4, 3, 1, 3),
    (7, 3, 1, 1, 2),
    (2, 3, 4, 3, 1),
    (0.004, 1, 0.003, 0.002, 4),
    (0.5, 64, 0.25, 0.001, 16),
    (0.01, 8, 0.004, 0.0005, 1),
    (5, 2, 9, 2, 8),
    (9, 2, 1, 0.5, 8),
)


def check_break_even(answer: Callable) -> None:
    """Compare the answer with the model, and where it differs with what people take for it."""
    found = [_seconds(answer(*case)) for case in CASES]
    expected = [seconds_per_item(*case) for case in CASES]
    if _equal(found, expected):
        return
    for mistake in BREAK_EVEN_MISTAKES:
        if _equal(found, [mistake.answer(*case) for case in CASES]):
            raise Wrong(mistake.message)
    case, right, wrong = next(
        each for each in zip(CASES, expected, found) if not _equal([each[1]], [each[2]])
    )
    cost, batch_size, per_batch, per_item, workers = case
    raise Wrong(
        f"seconds_per_item{case} should be {right:.10g}: together the workers need "
        f"{cost / workers:.10g} s for an item, the consumer needs "
        f"{per_item + per_batch / batch_size:.10g} s. Yours is {wrong:.10g}."
    )


def _seconds(value: object) -> float:
    if isinstance(value, np.ndarray) and value.shape == ():
        value = value[()]
    if isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_)):
        return float(value)
    forgotten = " Is `return` missing?" if value is None else ""
    raise Wrong(
        f"seconds_per_item gave back {_kind(value)}, and should return a number of seconds."
        f"{forgotten}"
    )


def _equal(found: list[float], expected: list[float]) -> bool:
    return all(math.isclose(one, other, rel_tol=1e-9) for one, other in zip(found, expected))


def _adds(cost, batch_size, per_batch, per_item, workers):
    return cost / workers + per_item + per_batch / batch_size


def _does_everything_itself(cost, batch_size, per_batch, per_item, workers):
    return cost + per_item + per_batch / batch_size


def _divides_everything(cost, batch_size, per_batch, per_item, workers):
    return (cost + per_item + per_batch / batch_size) / workers


def _divides_the_journey(cost, batch_size, per_batch, per_item, workers):
    return max(cost, per_item + per_batch / batch_size) / workers


def _forgets_the_batch(cost, batch_size, per_batch, per_item, workers):
    return max(cost / workers, per_item + per_batch)


def _divides_the_item_too(cost, batch_size, per_batch, per_item, workers):
    return max(cost / workers, (per_item + per_batch) / batch_size)


def _forgets_the_item(cost, batch_size, per_batch, per_item, workers):
    return max(cost / workers, per_batch / batch_size)


def _counts_a_batch(cost, batch_size, per_batch, per_item, workers):
    return max(batch_size * cost / workers, batch_size * per_item + per_batch)


def _takes_the_faster(cost, batch_size, per_batch, per_item, workers):
    return min(cost / workers, per_item + per_batch / batch_size)


def _divides_whole_numbers(cost, batch_size, per_batch, per_item, workers):
    return max(cost // workers, per_item + per_batch // batch_size)


def _forgets_the_workers(cost, batch_size, per_batch, per_item, workers):
    return max(cost, per_item + per_batch / batch_size)


def _forgets_the_consumer(cost, batch_size, per_batch, per_item, workers):
    return cost / workers


def _shares_a_batch(cost, batch_size, per_batch, per_item, workers):
    return max(cost / min(workers, batch_size), per_item + per_batch / batch_size)


def _returns_items_a_second(cost, batch_size, per_batch, per_item, workers):
    return 1 / max(cost / workers, per_item + per_batch / batch_size)


def _returns_the_gain(cost, batch_size, per_batch, per_item, workers):
    return cost / max(cost / workers, per_item + per_batch / batch_size)


def _three_apart(cost, batch_size, per_batch, per_item, workers):
    return max(cost / workers, per_batch / batch_size, per_item)


BREAK_EVEN_MISTAKES = (
    Mistake(_three_apart, THREE_APART),
    Mistake(_adds, ADDED),
    Mistake(_does_everything_itself, DONE_ALONE),
    Mistake(_divides_everything, ALL_DIVIDED),
    Mistake(_divides_the_journey, JOURNEY_DIVIDED),
    Mistake(_forgets_the_batch, BATCH_FORGOTTEN),
    Mistake(_divides_the_item_too, ITEMS_SHARE_TOO_MUCH),
    Mistake(_forgets_the_item, ITEM_FORGOTTEN),
    Mistake(_counts_a_batch, PER_BATCH),
    Mistake(_takes_the_faster, FASTER_COUNTS),
    Mistake(_divides_whole_numbers, WHOLE_NUMBERS),
    Mistake(_forgets_the_workers, WORKERS_FORGOTTEN),
    Mistake(_shares_a_batch, BATCH_SHARED),
    Mistake(_forgets_the_consumer, CONSUMER_FORGOTTEN),
    Mistake(_returns_items_a_second, PER_SECOND),
    Mistake(_returns_the_gain, TIMES_FASTER),
)

# ------------------------------------------------------------------------------- 08.importable

LAMBDA = (
    "What reader_of gave back can't be pickled: a lambda has no name, and a function goes to a "
    "worker as its module and its name. Take a function that has both, and give it the size with "
    "`partial`, by name: `partial(read_photo, height=..., width=...)`."
)
INNER_FUNCTION = (
    "What reader_of gave back can't be pickled: a function goes to a worker as its module and its "
    "name, and one that is defined inside of another can't be found there. Take one at the top "
    "level of a module, and give it the size with `partial`, by name: `partial(read_photo, "
    "height=..., width=...)`."
)
INSTANCE = (
    "What reader_of gave back can't be pickled: an object goes to a worker as the name of its "
    "class and its attributes, and a class that is defined inside of a function can't be found "
    "there. The class would have to stand in a `.py` file. `partial` is such a class, ready made: "
    "`partial(read_photo, height=..., width=...)`."
)
HOLDS_ITS_OWN = (
    "What reader_of gave back can't be pickled: it holds something that belongs to this process "
    "alone, such as an open file, a lock or a generator. Give it what the worker needs to make one "
    "of its own, such as a path; here a height and a width are enough."
)
NOT_IN_A_FILE = (
    "In this process your reader reads photos. In a worker it isn't found: it travels as a module "
    "and a name, and a function or class of a notebook's cell is in no file that a worker could "
    "import. `read_photo` is in one: `partial(read_photo, height=..., width=...)`."
)
CALLED_AT_ONCE = (
    "reader_of calls the function that reads a photo, and there is no photo yet: the path comes "
    "later, from the loader. `partial` keeps the size and doesn't call: `partial(read_photo, "
    "height=..., width=...)`, with a comma after the function."
)
BOUND_FROM_THE_LEFT = (
    "Called with a path, your reader raises an error. `partial(read_photo, ...)` fills in the "
    "arguments from the left, and the first one is the path: give the size by name, `height=...` "
    "and `width=...`."
)
SWAPPED = (
    "Height and width are swapped. A size is a pair `(height, width)` here, as in the shape of an "
    "array. OpenCV's own functions want the width first, `read_photo` doesn't."
)
SIZE_IGNORED = (
    "Your reader reads every photo at 224 by 224, which is what `read_photo` does where it isn't "
    "told a size. Give it both: `height=...` and `width=...`."
)
SIZE_SHARED = (
    "A reader that was made first reads at the size of one that was made later: the size is kept "
    "outside of the reader, in a variable that all of them share. Each reader needs its own, which "
    "goes to the worker with it: `partial(read_photo, height=..., width=...)`."
)
ONE_ARRAY = (
    "Your reader writes every photo into the same array, so a photo that somebody still holds "
    "becomes the next one. Leave `out` out: then each photo gets an array of its own."
)
SIZES = ((48, 36), (20, 32))  # height, width


def reader_of(size):
    """Return a function of a path that reads a photo at a size, (height, width)."""
    height, width = size
    return partial(read_photo, height=height, width=width)


def check_importable(answer: Callable) -> None:
    """Read two photos at two sizes here, then with one of the readers in a worker."""
    with tempfile.TemporaryDirectory() as folder:
        paths = _photos(Path(folder))
        readers = [_reader(answer, size) for size in SIZES]
        for reader, size in zip(readers, SIZES):
            _judge_photos(_read_here(reader, paths), paths, size)
        _judge_pickled(readers[-1])
        _judge_in_a_worker(readers[-1], paths, SIZES[-1])


def _photos(folder: Path) -> list[str]:
    """Two small photos that differ."""
    paths, rng = [], np.random.default_rng(8)
    for name in ("one.png", "two.png"):
        pixels = rng.integers(0, 256, (24, 30, 3), dtype=np.uint8)
        path = folder / name
        path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
        paths.append(os.fspath(path))
    return paths


def _reader(answer: Callable, size: tuple[int, int]) -> Callable:
    try:
        reader = answer(size)
    except TypeError as error:
        if "missing 1 required positional argument: 'path'" in str(error):
            raise Wrong(CALLED_AT_ONCE) from None
        raise
    if not callable(reader):
        forgotten = " Is `return` missing?" if reader is None else ""
        raise Wrong(
            f"reader_of gave back {_kind(reader)}, and should return a function of a path."
            f"{forgotten}"
        )
    return reader


def _read_here(reader: Callable, paths: list[str]) -> list[np.ndarray]:
    try:
        photos = [reader(path) for path in paths]
    except TypeError:
        if isinstance(reader, partial) and reader.args:
            raise Wrong(BOUND_FROM_THE_LEFT) from None
        raise
    if any(np.shares_memory(photos[0], each) for each in photos[1:] if _is_array(each)):
        raise Wrong(ONE_ARRAY)
    return photos


def _is_array(value: object) -> bool:
    return isinstance(value, np.ndarray)


def _judge_photos(photos: list, paths: list[str], size: tuple[int, int]) -> None:
    height, width = size
    for photo, path in zip(photos, paths):
        if not _is_array(photo):
            forgotten = " Is `return` missing in it?" if photo is None else ""
            raise Wrong(
                f"Your reader gave back {_kind(photo)}, and should return the photo, an array."
                f"{forgotten}"
            )
        if _same(photo, read_photo(path, height, width)):
            continue
        if _same(photo, read_photo(path, width, height)):
            raise Wrong(SWAPPED)
        if _same(photo, read_photo(path)):
            raise Wrong(SIZE_IGNORED)
        if any(_same(photo, read_photo(path, *other)) for other in SIZES):
            raise Wrong(SIZE_SHARED)
        if photo.shape != (height, width, 3) or photo.dtype != np.uint8:
            raise Wrong(
                f"With the size {size}, a photo should be a uint8 array of the shape "
                f"{(height, width, 3)}. Yours is of {photo.dtype} and of the shape {photo.shape}."
            )
        raise Wrong(
            f"A photo isn't what `read_photo(path, {height}, {width})` returns of its file."
        )


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    return one.dtype == other.dtype and np.array_equal(one, other)


def _judge_pickled(reader: Callable) -> None:
    if not _can_be_pickled(reader):
        raise Wrong(_why_not_pickled(reader))


def _can_be_pickled(value: object) -> bool:
    try:
        pickle.dumps(value)
    except Exception:
        return False
    return True


def _why_not_pickled(reader: object) -> str:
    while isinstance(reader, partial):
        reader = reader.func
    if isinstance(reader, types.FunctionType):
        if reader.__name__ == "<lambda>":
            return LAMBDA
        if "<locals>" in reader.__qualname__:
            return INNER_FUNCTION
        return HOLDS_ITS_OWN if _can_be_pickled(reader) else NOT_IN_A_FILE
    holder = reader.__self__ if isinstance(reader, types.MethodType) else reader
    return INSTANCE if "<locals>" in type(holder).__qualname__ else HOLDS_ITS_OWN


def _judge_in_a_worker(reader: Callable, paths: list[str], size: tuple[int, int]) -> None:
    """Read the photos in a process that has been started anew."""
    spec = SimpleNamespace(shape=(*size, 3), dtype=np.dtype(np.uint8))
    try:
        loader = ProcessLoader(reader, paths, spec, processes=1)
        with contextlib.closing(loader()) as epoch:
            photos = [photo.copy() for photo in epoch]
    except TypeError as error:
        if "defined in a notebook cell" in str(error):
            raise Wrong(NOT_IN_A_FILE) from None
        raise
    except WorkerLost as lost:
        if isinstance(lost.__cause__, (AttributeError, ImportError)):
            raise Wrong(NOT_IN_A_FILE) from None
        raise
    except ItemError as error:
        raise Wrong(
            "In this process your reader reads photos. In a worker it raises "
            f"{type(error.__cause__).__name__}: {error.__cause__}"
        ) from None
    _judge_photos(photos, paths, size)


def _returns_a_lambda(size):
    height, width = size
    return lambda path: read_photo(path, height, width)


def _returns_an_inner_function(size):
    height, width = size

    def read(path):
        return read_photo(path, height, width)

    return read


def _returns_an_object(size):
    class Reader:
        def __init__(self, height, width):
            self.height, self.width = height, width

        def __call__(self, path):
            return read_photo(path, self.height, self.width)

    return Reader(*size)


def _holds_an_open_file(size):
    height, width = size
    reader = partial(read_photo, height=height, width=width)
    reader.log = open(os.devnull, "w")  # noqa: SIM115
    return reader


def _uses_a_function_of_a_cell(size):
    global read_at  # as if it stood in a cell of its own

    def read_at(path, height, width):
        return read_photo(path, height, width)

    height, width = size
    return partial(read_at, height=height, width=width)


def _calls_it_at_once(size):
    height, width = size
    return read_photo(height=height, width=width)


def _gives_the_size_without_names(size):
    height, width = size
    return partial(read_photo, height, width)


def _swaps_the_sides(size):
    width, height = size
    return partial(read_photo, height=height, width=width)


def _forgets_the_size(size):
    return read_photo


def _shares_an_array(size):
    height, width = size
    out = np.empty((height, width, 3), np.uint8)
    return partial(read_photo, height=height, width=width, out=out)


# ---------------------------------------------------------------------------------- 08.streams

OF_EVERYBODY = (
    "Your code uses the random numbers that everybody shares, those of np.random or random: "
    "whoever else draws there changes what you draw, and a forked worker begins with a copy of "
    "them, as all others do. Make a generator of its own for each item: `np.random.default_rng`."
)
NOT_SEEDED = (
    "Called again with the same three numbers, stream gives other random numbers: they come from "
    "`default_rng()` without a seed, from the clock, or from something else that goes on. All that "
    "goes into the seed are `seed`, `epoch` and `place`."
)
GOES_ON = (
    "Called again with the same three numbers, stream gives back the very same generator, and it "
    "goes on where it was: what an item gets depends on who drew before. Make a new generator in "
    "each call, `np.random.default_rng(...)`."
)
SEED_ALONE = (
    "Every item of every epoch gets the same random numbers: only the seed goes into the "
    "generator. Let all three numbers in, in a list."
)
SAME_IN_EVERY_EPOCH = (
    "An item gets the same random numbers in every epoch: yours don't depend on `epoch`. The model "
    "would see each photo in one way only. Let all three numbers in, in a list."
)
SAME_FOR_EVERY_ITEM = (
    "All items of an epoch get the same random numbers: yours don't depend on `place`. Let all "
    "three numbers in, in a list."
)
SEED_IGNORED = (
    "Two seeds give the same random numbers: yours don't depend on `seed`. Let all three numbers "
    "in, in a list."
)
SHARED_BY_TWO = (
    "Two items share their random numbers: {one} and {other} are the same. One number made of the "
    "three, such as their sum, is the same for others as well. A list keeps them apart: "
    "`default_rng` takes one as its seed."
)
OVERLAP = (
    "Random numbers of one item are drawn for another as well, only at another place in the row: "
    "all items share one sequence, and each begins a bit further on. An item that needs more "
    "numbers gets those of the next. Seed a generator for each item instead, with all three "
    "numbers."
)
HASHED = (
    "In another process the same three numbers would give other random numbers: Python's `hash` of "
    "a text differs from process to process, unless PYTHONHASHSEED is set. Numbers need no hash: "
    "put all three into a list, and that into the generator."
)
OF_THIS_PROCESS = (
    "In another process the same three numbers would give other random numbers: the number of the "
    "process, `os.getpid()`, goes into the seed. Then the workers differ, but which of them gets "
    "an item is luck, and no epoch can be repeated. Let `place` tell the items apart."
)


def stream(seed, epoch, place):
    """Return a NumPy Generator: the random numbers of one item in one epoch."""
    return np.random.default_rng([seed, epoch, place])


SOME = 16  # numbers drawn of each stream
MANY = 5_000  # where an overlap may begin further on
NEAR = [(s, e, p) for s in (0, 1, 2, 12) for e in (0, 1, 2, 11) for p in (*range(13), 111, 112)]
FAR = [
    (s, e, p)
    for s in (0, 1, 10, 1000)
    for e in (0, 1, 2, 10, 100)
    for p in (0, 1, 10, 100, 256, 1000, 1024)
]
# Numbers that people multiply by: round ones, powers of 2, sizes of known data sets.
STEPS = (128, 512, 2**11, 2**12, 10**4, 50_000, 60_000, 2**16, 10**5, 10**6, 2**20, 10**7, 10**8)
FURTHER = [
    (s, e, p)
    for s in (0, 1, 2**16, 10**6, 2**32 - 1)
    for e in (0, 1, 10**3, 10**4, 10**5, 2**16, 10**6)
    for p in (0, 1, *STEPS, 10**9, 2**31, 2**32 - 1)
]


def check_streams(answer: Callable) -> None:
    """Draw from streams again and again, from neighbours, from far ones, as in other processes."""
    with _numbers_kept():
        _judge_shared_numbers(answer)
        _judge_again(answer)
        _judge_what_counts(answer)
        _judge_other_processes(answer)
        _judge_apart(answer, NEAR, SOME)
        _judge_apart(answer, [(3, 4, place) for place in range(4)], MANY)
        if _is_spawned(_stream(answer, 3, 4, 5)):
            # Its child number n may be made with all n before it, which takes long.
            _judge_apart(answer, [each for each in FAR if each[0] == 0], SOME)
        else:
            _judge_apart(answer, FAR, SOME)
            _judge_apart(answer, FURTHER, SOME)


def _stream(answer: Callable, *numbers: int) -> np.random.Generator:
    """Call the answer; return the generator that it should give back."""
    found = answer(*numbers)
    if isinstance(found, np.random.Generator):
        return found
    if any(found is shared for shared in (np.random, np.random.mtrand._rand, random)):
        raise Wrong(OF_EVERYBODY)
    forgotten = " Is `return` missing?" if found is None else ""
    raise Wrong(
        f"stream gave back {_kind(found)}, and should return a NumPy Generator, such as "
        f"`np.random.default_rng` makes.{forgotten}"
    )


def _drawn(answer: Callable, numbers: Iterable[int], count: int = SOME) -> list[int]:
    """Draw from a stream; whole numbers of 64 bits, which don't meet by chance."""
    return _next(_stream(answer, *numbers), count)


def _next(found: np.random.Generator, count: int = SOME) -> list[int]:
    return found.integers(0, 2**64, count, dtype=np.uint64).tolist()


def _is_spawned(found: np.random.Generator) -> bool:
    return bool(getattr(getattr(found.bit_generator, "seed_seq", None), "spawn_key", ()))


def _judge_shared_numbers(answer: Callable) -> None:
    """Others may draw from the shared numbers meanwhile: what changes twice is the answer's."""
    for others in (501, 502):
        random.seed(others)
        np.random.seed(others)
        before = _numbers_of_all()
        for place in range(3):
            _drawn(answer, (5, 1, place))
        if _numbers_of_all() == before:
            return
    raise Wrong(OF_EVERYBODY)


def _judge_again(answer: Callable) -> None:
    """Draw from two streams of the same item in turns, with others between, and in reverse."""
    places = range(6)
    first = {place: _drawn(answer, (5, 2, place)) for place in places}
    one, other = _stream(answer, 5, 2, 3), _stream(answer, 5, 2, 3)
    if one is other:
        raise Wrong(GOES_ON)
    halves = [[], []]
    for _ in range(2):
        for half, found in zip(halves, (one, other)):
            half += _next(found, SOME // 2)
    again = {place: _drawn(answer, (5, 2, place)) for place in reversed(places)}
    random.seed(77)
    np.random.seed(77)  # what others do with the shared numbers changes nothing
    if again != first or halves != [first[3]] * 2 or _drawn(answer, (5, 2, 3)) != first[3]:
        raise Wrong(NOT_SEEDED)


def _judge_what_counts(answer: Callable) -> None:
    """Change one of the three numbers at a time."""
    first = _drawn(answer, (5, 2, 7))
    epochs = all(_drawn(answer, (5, epoch, 7)) == first for epoch in (0, 1, 3, 40))
    places = all(_drawn(answer, (5, 2, place)) == first for place in (0, 1, 8, 300))
    seeds = all(_drawn(answer, (seed, 2, 7)) == first for seed in (0, 1, 6, 500))
    if epochs and places:
        raise Wrong(SEED_ALONE)
    if epochs:
        raise Wrong(SAME_IN_EVERY_EPOCH)
    if places:
        raise Wrong(SAME_FOR_EVERY_ITEM)
    if seeds:
        raise Wrong(SEED_IGNORED)


def _judge_other_processes(answer: Callable) -> None:
    """Draw as if in another process, where a text has another hash, and the process a number."""
    for numbers_of_one in ((5, 2, 7), (0, 0, 0)):
        here = _drawn(answer, numbers_of_one)
        with _elsewhere(builtins, "hash", _other_hash):
            if _drawn(answer, numbers_of_one) != here:
                raise Wrong(HASHED)
        with _elsewhere(os, "getpid", lambda real: real() + 1):
            if _drawn(answer, numbers_of_one) != here:
                raise Wrong(OF_THIS_PROCESS)


@contextlib.contextmanager
def _elsewhere(module: types.ModuleType, name: str, other: Callable) -> Iterator[None]:
    """Have this thread call `other(real, ...)` meanwhile, where it would call the real one."""
    real, thread = getattr(module, name), threading.get_ident()

    def called(*arguments):
        if threading.get_ident() != thread:
            return real(*arguments)
        return other(real, *arguments)

    setattr(module, name, called)
    try:
        yield
    finally:
        setattr(module, name, real)


def _other_hash(real: Callable, value: object) -> int:
    return real(value) + 8_675_309 if _holds_text(value) else real(value)


def _holds_text(value: object) -> bool:
    if isinstance(value, (tuple, frozenset)):
        return any(map(_holds_text, value))
    return isinstance(value, (str, bytes))


def _judge_apart(answer: Callable, numbers_of_all: list[tuple], count: int) -> None:
    """No two streams have a number in common."""
    met: dict[int, tuple[tuple, int]] = {}
    for each in numbers_of_all:
        for at, number in enumerate(_drawn(answer, each, count)):
            other, there = met.setdefault(number, (each, at))
            if other != each:
                if at != there:
                    raise Wrong(OVERLAP)
                raise Wrong(_shared_by(other, each))


def _shared_by(one: tuple, other: tuple) -> str:
    return SHARED_BY_TWO.format(one=f"stream{one}", other=f"stream{other}")


@contextlib.contextmanager
def _numbers_kept() -> Iterator[None]:
    """Leave the random numbers that everybody shares as they were."""
    of_python, of_numpy = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(of_python)
        np.random.set_state(of_numpy)


def _numbers_of_all() -> tuple:
    """The states of the random numbers that everybody shares, Python's and NumPy's."""
    name, keys, *rest = np.random.get_state()
    return random.getstate(), (name, keys.tobytes(), *rest)


def _seeds_numpy(seed, epoch, place):
    np.random.seed([seed, epoch, place])
    return np.random.default_rng(np.random.randint(2**31))


def _seeds_nothing(seed, epoch, place):
    return np.random.default_rng()


def _has_one_for_all(seed, epoch, place, rng=np.random.default_rng(8)):  # noqa: B008
    return rng


def _takes_the_seed_alone(seed, epoch, place):
    return np.random.default_rng(seed)


def _forgets_the_epoch(seed, epoch, place):
    return np.random.default_rng([seed, place])


def _forgets_the_place(seed, epoch, place):
    return np.random.default_rng([seed, epoch])


def _forgets_the_seed(seed, epoch, place):
    return np.random.default_rng([epoch, place])


def _adds_them_up(seed, epoch, place):
    return np.random.default_rng(seed + epoch + place)


def _adds_thousands(seed, epoch, place):
    return np.random.default_rng(1_000_000 * seed + 1_000 * epoch + place)


def _puts_digits_together(seed, epoch, place):
    return np.random.default_rng(int(f"{seed}{epoch}{place}"))


def _goes_on_a_bit(seed, epoch, place):
    rng = np.random.default_rng([seed, epoch])
    rng.random(place)
    return rng


def _hashes_a_text(seed, epoch, place):
    return np.random.default_rng(abs(hash(f"{seed} {epoch} {place}")))


def _adds_the_process(seed, epoch, place):
    return np.random.default_rng([seed, epoch, place, os.getpid()])


# ------------------------------------------------------------------------------------ 08.again

NOT_CAUGHT = (
    "A worker died, and its BrokenProcessPool ended finish. `result()` raises it for every item "
    "that had no result yet: catch it there, and give those items to a new executor."
)
SUBMIT_RAISES = (
    "A worker died early, while items were still being submitted: then `submit` itself raises "
    "BrokenProcessPool, and that ended finish. Catch it there as well."
)
ALL_AGAIN = (
    "After a worker died, everything was computed again, the items too that had a result. Look "
    "into each future: those that were done have their results still. Submit only the others."
)
READY_DROPPED = (
    "Items that had a result were computed again: at the first future that raises "
    "BrokenProcessPool, the ones behind it weren't looked at any more. Catch it for each future by "
    "itself, and go on to the next one."
)
RESULTS_LOST = (
    "A worker died, and the results of the items that had none yet are missing. Submit those items "
    "again, to a new executor, until each has its result."
)
OTHER_ORDER = (
    "All results are there, in another order than the items. Keep each by the place of its item: "
    "`results[place] = future.result()`, and put them in order at the end."
)
SAME_EXECUTOR = (
    "After a worker died, items were submitted to the same executor again. It is broken for good, "
    "and refuses everything: call `start()` for a new one."
)
IN_THIS_PROCESS = (
    "The function is called in this process. What kills a worker would kill the notebook. Leave "
    "every call to an executor: `executor.submit(function, item)`."
)
NEVER_STARTED = (
    "start() is never called. It makes the executors that items are submitted to: `with start() as "
    "executor:`."
)
ERROR_REPEATED = (
    "The function raised a LookupError for an item, and the item was computed again. That is no "
    "worker that died, and it would raise again. Catch BrokenProcessPool alone, and let all other "
    "errors through."
)
ERROR_LOST = (
    "The function raised a LookupError for an item, and finish ended as if it hadn't. Catch "
    "BrokenProcessPool alone, and let all other errors through."
)
OTHER_ERROR = (
    "The function raised a LookupError for an item, and another error came out of finish, which "
    "says nothing of it. Catch BrokenProcessPool alone, and let all other errors through."
)
FOR_EVER = (
    "An item that kills every worker is tried again and again, without an end. Count the executors "
    "in a row that brought no new result, and raise an error after the third."
)
COUNTS_ALL = (
    "finish gave up although it got on: between two deaths there were new results. Count the "
    "executors in a row that brought none, and begin anew at 0 where one brought a result."
)
GIVEN_UP_EARLY = (
    "finish gave up after {starts}. It should go on until three in a row have brought no new "
    "result."
)
GIVEN_UP_LATE = (
    "finish gave up after {starts}. It should go on until three in a row have brought no new "
    "result, and no longer."
)
STARTS_FOR_EVER = "finish starts one executor after the other, without an end."
GIVEN_UP_SILENTLY = (
    "An item kills every worker, and finish gave back a list all the same, as if it were complete. "
    "After three executors in a row without a new result, raise an error."
)
NONE_COUNTS = (
    "Items whose result is None or 0 are taken for items without one, and computed again. Any "
    "result may come. Keep the results in a dict, and ask whether the place is in it: `if place "
    "not in results`."
)
ITEMS_AS_KEYS = (
    "Items are used as keys, and an item may be something that can't be one, such as a list. Use "
    "their places: `for place, item in enumerate(items)`."
)
EQUAL_ITEMS = (
    "Two items are equal, and are taken for one, so a result is missing or stands in the wrong "
    "place. Tell items apart by their places: `for place, item in enumerate(items)`."
)
LEFT_OPEN = (
    "All results have come, and an executor was never shut down: its processes go on waiting for "
    "work. `with start() as executor:` shuts it down in any case."
)
LEFT_OPEN_AT_AN_ERROR = (
    "Where finish ends with an error, an executor isn't shut down: its processes go on waiting for "
    "work. `with start() as executor:` shuts it down in any case."
)
WAITS_EARLY = (
    "Items are waited for before all have been submitted, so workers stand idle. Submit every item "
    "that has no result, and then wait for the first."
)
WRAPPED = (
    "What you submit can't be pickled: a function of your own goes to a worker as its module and "
    "its name, and one of a notebook's cell, a lambda or an inner one isn't found there. Submit "
    "what you were given: `executor.submit(function, item)`."
)
FUTURES = (
    "The list holds futures, what `submit` returns at once. Wait for what they hold: "
    "`future.result()`."
)


def finish(function, items, start):
    """Return function(item) for each item, in order, also where workers die on the way."""
    from concurrent.futures.process import BrokenProcessPool

    results, in_vain = {}, 0
    while len(results) < len(items):
        futures, before = {}, len(results)
        with start() as executor:
            try:
                for place, item in enumerate(items):
                    if place not in results:
                        futures[place] = executor.submit(function, item)
            except BrokenProcessPool:
                pass  # what was submitted before is in futures
        for place, future in futures.items():
            try:
                results[place] = future.result()
            except BrokenProcessPool:
                continue
        in_vain = in_vain + 1 if len(results) == before else 0
        if in_vain == 3:
            raise RuntimeError("three executors in a row died without a new result")
    return [results[place] for place in range(len(items))]


NO_DEATH = None
MOST_STARTS = 30  # of an answer that doesn't give up; from then on nobody dies
MOST_REFUSED = 100  # items by a broken executor
BROKEN = "A process in the process pool was terminated abruptly while the future was running."
UNUSABLE = "A child process terminated abruptly, the process pool is not usable anymore"


def check_again(answer: Callable) -> None:
    """Have executors break as a script says, in this process; then a real one, with processes."""
    before = set(multiprocessing.active_children())
    try:
        _judge_a_death(answer)
        _judge_a_death_while_submitting(answer)
        _judge_odd_results(answer)
        _judge_odd_items(answer)
        _judge_an_error(answer)
        _judge_slow_progress(answer)
        _judge_giving_up(answer)
        _judge_no_items(answer)
        _judge_processes(answer)
    finally:
        for child in set(multiprocessing.active_children()) - before:
            child.kill()
            child.join()


class Torn(LookupError):
    """What the check's own function raises."""


class _WorkerDied(BaseException):
    """Ends a call as the death of its process would: no result, and no exception."""


class _NoEnd(BaseException):
    """Ends an answer that goes on and on."""


class _Script:
    """A function, and executors that end its calls as a script says.

    `gives` says what the function returns, or raises, for the item at a place. `finishes` has an
    entry for each executor: the places of the items that get done before a worker dies; NO_DEATH,
    or nothing more, where none dies. The first executor breaks when it has got `breaks_at` items.

    Processes would take seconds, and die at moments of their own: here all answers get the same.
    """

    def __init__(
        self,
        items: list,
        gives: Callable[[int], object] | None = None,
        finishes: Iterable = (),
        breaks_at: int | None = None,
    ) -> None:
        self.items, self.finishes, self.breaks_at = items, list(finishes), breaks_at
        self.gives = gives or (lambda place: 10 * items[place])
        self.executors: list[_Scripted] = []
        self.at_work: _Scripted | None = None
        self.done: list[int] = []  # places whose call has come to an end, in this order
        self.called_here = self.cant_travel = self.was_pickled = False

    def start(self) -> _Scripted:
        """What the answer calls for a new executor."""
        number = len(self.executors)
        if number >= 2 * MOST_STARTS:
            raise _NoEnd
        died = number < min(len(self.finishes), MOST_STARTS)
        self.executors.append(
            _Scripted(
                self,
                finishes=self.finishes[number] if died else NO_DEATH,
                expected=len(self.items) - len(set(self.done)),
                breaks_at=None if number else self.breaks_at,
            )
        )
        return self.executors[-1]

    def function(self, item: object) -> object:
        """What the answer's items are given to."""
        place = self._place(item)
        if self.at_work is None:
            self.called_here = True
        elif self.at_work.finishes is not NO_DEATH and place not in self.at_work.finishes:
            raise _WorkerDied
        self.done.append(place)
        return "no more" if len(self.executors) >= MOST_STARTS else self.gives(place)

    def _place(self, item: object) -> int:
        """The place of the very item, or else of one that is equal."""
        for place, each in enumerate(self.items):
            if each is item:
                return place
        return self.items.index(item)

    def run(self, answer: Callable, endless: str = "") -> object:
        """Let the answer finish the items; what it raises comes through."""
        try:
            results = answer(_Sent(self), list(self.items), self.start)
        except _NoEnd:
            raise Wrong(endless or STARTS_FOR_EVER) from None
        except Exception:
            self._judge_calls(by_itself=self.was_pickled)
            raise
        finally:
            for executor in self.executors:
                executor.end()
        self._judge_calls()
        return results

    def _judge_calls(self, by_itself: bool = True) -> None:
        """Raise Wrong for what is wrong in every case."""
        if self.cant_travel:
            raise Wrong(WRAPPED)
        if self.called_here:
            raise Wrong(IN_THIS_PROCESS)
        if self.items and by_itself and not self.executors:
            raise Wrong(NEVER_STARTED)

    def judge_results(self, results: object, expected: list | None = None) -> None:
        """Look whether it is the list of the results, in the order of the items."""
        if expected is None:
            expected = list(map(self.gives, range(len(self.items))))
        if not isinstance(results, list):
            forgotten = " Is `return` missing?" if results is None else ""
            raise Wrong(
                f"finish gave back {_kind(results)}, and should return a list of the results."
                f"{forgotten}"
            )
        if any(isinstance(each, Future) for each in results):
            raise Wrong(FUTURES)
        if results == expected:
            return
        if sorted(map(repr, results)) == sorted(map(repr, expected)):
            raise Wrong(OTHER_ORDER)
        there = [each for each in results if each is not None]
        if len(there) < len(expected) and all(each in expected for each in there):
            raise Wrong(RESULTS_LOST)
        raise Wrong(
            f"The results of the items {_some(self.items)} should be {_some(expected)}. Yours are "
            f"{_some(results)}."
        )

    def judge_closed(self, message: str) -> None:
        """Look whether all executors were shut down."""
        if not all(executor.closed for executor in self.executors):
            raise Wrong(message)


class _Sent:
    """The function as an answer gets it: it can be pickled, as one of a module can."""

    def __init__(self, script: _Script | None) -> None:
        self.script = script

    def __call__(self, item):
        return self.script.function(item)

    def __reduce__(self):
        self.script.was_pickled = True
        return _Sent, (None,)


class _Scripted(Executor):
    """Does in this process what is submitted: when all is there, or when somebody waits for it."""

    def __init__(
        self, script: _Script, finishes: set | None, expected: int, breaks_at: int | None
    ) -> None:
        self.script, self.finishes, self.expected = script, finishes, expected
        self.breaks_at = breaks_at
        self.submitted = self.refused = 0
        self.broken = self.closed = self.waited_early = False
        self.waiting: list[tuple[Future, Callable]] = []
        self.lock, self.ended = threading.RLock(), threading.Event()
        self.watcher: threading.Thread | None = None

    def submit(self, function, /, *arguments, **named):
        with self.lock:
            if self.broken:
                self.refused += 1
                if self.refused < MOST_REFUSED:
                    raise BrokenProcessPool(UNUSABLE)
                self.broken, self.finishes = False, NO_DEATH
            if self.closed:
                raise RuntimeError("cannot schedule new futures after shutdown")
            future = _Asked(self)
            self.submitted += 1
            if self._travels(future, function, arguments, named):
                self.waiting.append((future, partial(function, *arguments, **named)))
            if self.submitted == self.breaks_at or self.submitted >= self.expected:
                self.work()
            elif self.watcher is None:
                self.watcher = threading.Thread(target=self._watch, daemon=True)
                self.watcher.start()
        return future

    def shutdown(self, wait=True, *, cancel_futures=False):
        with self.lock:
            if cancel_futures:
                for future, _ in self.waiting:
                    future.cancel()
            self.work()
            self.closed = True
            self.ended.set()

    def work(self) -> None:
        """Do what waits; where a worker is to die, the rest of it is broken."""
        with self.lock:
            waiting, self.waiting = self.waiting, []
            lost = [future for future, call in waiting if not self._finished(future, call)]
            self.broken = self.broken or bool(lost) or self.submitted == self.breaks_at
            for future in lost:
                future.set_exception(BrokenProcessPool(BROKEN))

    def asked(self) -> None:
        """Somebody waits for a result that isn't there."""
        with self.lock:
            self.waited_early = self.waited_early or self.submitted < self.expected
            self.work()

    def end(self) -> None:
        """At the end of the check: nobody may wait any more."""
        self.ended.set()
        if self.watcher is not None:
            self.watcher.join()
        for future, _ in self.waiting:
            future.cancel()

    def _watch(self) -> None:
        """For who waits unseen, by concurrent.futures.wait, or looks again and again.

        Counted, and not by the clock: a machine may stand still for a while.
        """
        seen, quiet = 0, 0
        while not self.ended.wait(0.03):
            still = self.waiting and self.submitted == seen
            quiet, seen = quiet + 1 if still else 0, self.submitted
            if quiet == 20:
                quiet = 0
                self.asked()

    def _travels(self, future: Future, function, arguments: tuple, named: dict) -> bool:
        """Whether it could be pickled; where not, the future tells, as in a real executor."""
        try:
            importable.packed((function, arguments, named), function, safe_start_method())
        except Exception as error:
            self.script.cant_travel = True
            future.set_exception(error)
            return False
        return True

    def _finished(self, future: Future, call: Callable) -> bool:
        if not future.set_running_or_notify_cancel():
            return True
        self.script.at_work = self
        try:
            future.set_result(call())
        except _WorkerDied:
            return False
        except BaseException as error:  # handed over to who asked
            future.set_exception(error)
        finally:
            self.script.at_work = None
        return True


class _Asked(Future):
    """Tells its executor when somebody waits for it."""

    def __init__(self, executor: _Scripted) -> None:
        super().__init__()
        self._executor = executor

    def result(self, timeout=None):
        if not self.done():
            self._executor.asked()
        return super().result(timeout)

    def exception(self, timeout=None):
        if not self.done():
            self._executor.asked()
        return super().exception(timeout)


def _judge_a_death(answer: Callable) -> None:
    """A worker dies in the middle: items before and behind its own are done, others wait."""
    done = {0, 2, 3, 6}
    script = _Script([3, 1, 4, 15, 9, 2, 6, 5], finishes=[done])
    try:
        results = script.run(answer)
    except Exception as error:
        if script.executors and script.executors[0].refused:
            raise Wrong(SAME_EXECUTOR) from None
        if _comes_from(error, BrokenProcessPool):
            raise Wrong(NOT_CAUGHT) from None
        raise
    first = script.executors[0]
    if first.waited_early:
        raise Wrong(WAITS_EARLY)
    if first.refused:
        raise Wrong(SAME_EXECUTOR)
    if all(script.done.count(place) > 1 for place in done):
        raise Wrong(ALL_AGAIN)
    if len(script.done) > len(set(script.done)):
        raise Wrong(READY_DROPPED)
    script.judge_results(results)
    script.judge_closed(LEFT_OPEN)


def _judge_a_death_while_submitting(answer: Callable) -> None:
    """The executor breaks when half of the items are submitted."""
    script = _Script([8, 5, 13, 2, 1, 21], finishes=[{1}], breaks_at=3)
    try:
        results = script.run(answer)
    except Exception as error:
        if _comes_from(error, BrokenProcessPool):
            raise Wrong(SUBMIT_RAISES) from None
        raise
    script.judge_results(results)


def _judge_odd_results(answer: Callable) -> None:
    """Results that could be taken for none."""
    given = [None, 0, False, (), "", None]
    script = _Script(list(range(6)), given.__getitem__, [{0, 1, 5}])
    try:
        results = script.run(answer, NONE_COUNTS)
    except Wrong:
        raise
    except Exception:
        if len(script.done) > len(given):
            raise Wrong(NONE_COUNTS) from None
        raise
    if len(script.done) > len(given) or results != given:
        raise Wrong(NONE_COUNTS)


def _judge_odd_items(answer: Callable) -> None:
    """Items that are equal, and none that could be a key."""
    script = _Script([[4], [7], [4], [1], [7], [4]], lambda place: place, [{1, 2}])
    try:
        results = script.run(answer, EQUAL_ITEMS)
    except TypeError as error:
        if "unhashable" in str(error):
            raise Wrong(ITEMS_AS_KEYS) from None
        raise
    except (LookupError, RuntimeError):
        raise Wrong(EQUAL_ITEMS) from None
    if results != [0, 1, 2, 3, 4, 5]:
        raise Wrong(EQUAL_ITEMS)


def _judge_an_error(answer: Callable) -> None:
    """The function raises for an item; no worker dies."""

    def gives(place):
        if place == 2:
            raise Torn("item 6 is torn")
        return place

    script = _Script([2, 4, 6, 8], gives)
    error = None
    try:
        script.run(answer, ERROR_REPEATED)
    except Wrong:
        raise
    except Exception as raised:
        error = raised
    if script.done.count(2) > 1:
        raise Wrong(ERROR_REPEATED)
    if error is None:
        raise Wrong(ERROR_LOST)
    if not _comes_from(error, Torn):
        raise Wrong(OTHER_ERROR)
    script.judge_closed(LEFT_OPEN_AT_AN_ERROR)


def _comes_from(error: BaseException | None, kind: type) -> bool:
    """Tell whether an error is of this kind, or was raised from or while handling such a one."""
    while error is not None and not isinstance(error, kind):
        hidden = error.__suppress_context__
        error = error.__cause__ if hidden else error.__context__
    return error is not None


def _judge_slow_progress(answer: Callable) -> None:
    """Two executors in vain, and then one that gets something done, again and again."""
    none = set()
    finishes = [none, none, {2}, none, none, {0, 2}, none, none, {0, 2, 3}, none, none]
    script = _Script([5, 3, 8, 1], finishes=finishes)
    try:
        results = script.run(answer)
    except Wrong:
        raise
    except Exception:
        starts = len(script.executors)
        if starts < 3:
            raise Wrong(GIVEN_UP_EARLY.format(starts=_executors(starts))) from None
        if starts < len(finishes):
            raise Wrong(COUNTS_ALL) from None
        raise
    script.judge_results(results)


def _judge_giving_up(answer: Callable) -> None:
    """An item kills every worker; all others get done at once."""
    script = _Script([5, 3, 8, 1], finishes=[{0, 1, 3}] * MOST_STARTS)
    raised = False
    try:
        script.run(answer, FOR_EVER)
    except Wrong:
        raise
    except Exception:
        raised = True
    starts = len(script.executors)
    if starts >= MOST_STARTS:
        raise Wrong(FOR_EVER)
    if not raised:
        raise Wrong(GIVEN_UP_SILENTLY)
    if starts != 4:
        told = GIVEN_UP_EARLY if starts < 4 else GIVEN_UP_LATE
        first = " Here the first of all brought some, so the fourth is the last."
        raise Wrong(told.format(starts=_executors(starts)) + first)
    script.judge_closed(LEFT_OPEN_AT_AN_ERROR)


def _executors(count: int) -> str:
    return "one executor" if count == 1 else f"{count} executors"


def _judge_no_items(answer: Callable) -> None:
    script = _Script([])
    script.judge_results(script.run(answer))
    script.judge_closed(LEFT_OPEN)


def _judge_processes(answer: Callable) -> None:
    """Real processes, one of which ends itself as if it had been killed."""
    context = multiprocessing.get_context(safe_start_method())
    executors, before = [], set(multiprocessing.active_children())

    def start():
        executors.append(ProcessPoolExecutor(1, mp_context=context))
        return executors[-1]

    items = [7, 2, 9, 4]
    try:
        with tempfile.TemporaryDirectory() as folder:
            results = answer(partial(_square, folder), list(items), start)
        expected = [item * item for item in items]
        if results != expected:
            raise Wrong(
                f"With real processes, one of which dies, the results should be {_some(expected)}."
                f" Yours are {_some(results) if isinstance(results, list) else _kind(results)}."
            )
        deadline = time.monotonic() + 3
        while set(multiprocessing.active_children()) - before:
            if time.monotonic() > deadline:
                raise Wrong(LEFT_OPEN)
            time.sleep(0.01)
    finally:
        for executor in executors:
            for process in list((executor._processes or {}).values()):
                process.kill()
            executor.shutdown(cancel_futures=True)


def _square(folder: str, item: int) -> int:
    """In a worker: the first one that gets to 9 dies there."""
    died = Path(folder) / "died"
    if item == 9 and not died.exists():
        died.touch()
        os._exit(9)
    return item * item


def _never_catches(function, items, start):
    with start() as executor:
        futures = [executor.submit(function, item) for item in items]
        return [future.result() for future in futures]


def _guards_the_results_alone(function, items, start):
    from concurrent.futures.process import BrokenProcessPool

    results, in_vain = {}, 0
    while len(results) < len(items):
        before = len(results)
        with start() as executor:
            futures = {}
            for place, item in enumerate(items):
                if place not in results:
                    futures[place] = executor.submit(function, item)
        for place, future in futures.items():
            try:
                results[place] = future.result()
            except BrokenProcessPool:
                continue
        in_vain = in_vain + 1 if len(results) == before else 0
        if in_vain == 3:
            raise RuntimeError("three executors in a row died without a new result")
    return [results[place] for place in range(len(items))]


def _begins_anew(function, items, start):
    from concurrent.futures.process import BrokenProcessPool

    for _ in range(3):
        try:
            with start() as executor:
                return list(executor.map(function, items))
        except BrokenProcessPool:
            continue
    raise RuntimeError("three executors in a row died")


def _stops_at_the_first(function, items, start):
    from concurrent.futures.process import BrokenProcessPool

    results, in_vain = {}, 0
    while len(results) < len(items):
        before = len(results)
        try:
            with start() as executor:
                futures = {}
                for place, item in enumerate(items):
                    if place not in results:
                        futures[place] = executor.submit(function, item)
                for place, future in futures.items():
                    results[place] = future.result()
        except BrokenProcessPool:
            in_vain = in_vain + 1 if len(results) == before else 0
            if in_vain == 3:
                raise
    return [results[place] for place in range(len(items))]


def _skips_what_broke(function, items, start):
    from concurrent.futures.process import BrokenProcessPool

    results = []
    with start() as executor:
        futures = [executor.submit(function, item) for item in items]
        for future in futures:
            try:
                results.append(future.result())
            except BrokenProcessPool:
                continue
    return results


def _appends_as_they_come(function, items, start):
    from concurrent.futures.process import BrokenProcessPool

    results, missing, in_vain = [], list(items), 0
    while missing:
        with start() as executor:
            futures = [executor.submit(function, item) for item in missing]
        broken = []
        for item, future in zip(missing, futures):
            try:
                results.append(future.result())
            except BrokenProcessPool:
                broken.append(item)
        in_vain = in_vain + 1 if len(broken) == len(missing) else 0
        if in_vain == 3:
            raise RuntimeError("three executors in a row died without a new result")
        missing = broken
    return results


def _keeps_the_broken_one(function, items, start):
    from concurrent.futures.process import BrokenProcessPool

    results, in_vain = {}, 0
    with start() as executor:
        while len(results) < len(items):
            before, futures = len(results), {}
            try:
                for place, item in enumerate(items):
                    if place not in results:
                        futures[place] = executor.submit(function, item)
            except BrokenProcessPool:
                pass
            for place, future in futures.items():
                try:
                    results[place] = future.result()
                except BrokenProcessPool:
                    continue
            in_vain = in_vain + 1 if len(results) == before else 0
            if in_vain == 3:
                raise RuntimeError("died three times in a row without a new result")
    return [results[place] for place in range(len(items))]


def _does_the_rest_itself(function, items, start):
    from concurrent.futures.process import BrokenProcessPool

    results = []
    with start() as executor:
        futures = [executor.submit(function, item) for item in items]
        for item, future in zip(items, futures):
            try:
                results.append(future.result())
            except BrokenProcessPool:
                results.append(function(item))
    return results


def _catches_every_error(function, items, start):
    results, in_vain = {}, 0
    while len(results) < len(items):
        futures, before = {}, len(results)
        with start() as executor:
            try:
                for place, item in enumerate(items):
                    if place not in results:
                        futures[place] = executor.submit(function, item)
            except Exception:
                pass
        for place, future in futures.items():
            try:
                results[place] = future.result()
            except Exception:
                continue
        in_vain = in_vain + 1 if len(results) == before else 0
        if in_vain == 3:
            raise RuntimeError("three executors in a row died without a new result")
    return [results[place] for place in range(len(items))]


def _tries_for_ever(function, items, start):
    from concurrent.futures.process import BrokenProcessPool

    results = {}
    while len(results) < len(items):
        futures = {}
        with start() as executor:
            try:
                for place, item in enumerate(items):
                    if place not in results:
                        futures[place] = executor.submit(function, item)
            except BrokenProcessPool:
                pass
        for place, future in futures.items():
            try:
                results[place] = future.result()
            except BrokenProcessPool:
                continue
    return [results[place] for place in range(len(items))]


def _counts_all_deaths(function, items, start):
    from concurrent.futures.process import BrokenProcessPool

    results = {}
    for _ in range(4):
        futures = {}
        with start() as executor:
            try:
                for place, item in enumerate(items):
                    if place not in results:
                        futures[place] = executor.submit(function, item)
            except BrokenProcessPool:
                pass
        for place, future in futures.items():
            try:
                results[place] = future.result()
            except BrokenProcessPool:
                continue
        if len(results) == len(items):
            return [results[place] for place in range(len(items))]
    raise RuntimeError("four executors died")


def _gives_back_what_there_is(function, items, start):
    from concurrent.futures.process import BrokenProcessPool

    results, in_vain = {}, 0
    while len(results) < len(items) and in_vain < 3:
        futures, before = {}, len(results)
        with start() as executor:
            try:
                for place, item in enumerate(items):
                    if place not in results:
                        futures[place] = executor.submit(function, item)
            except BrokenProcessPool:
                pass
        for place, future in futures.items():
            try:
                results[place] = future.result()
            except BrokenProcessPool:
                continue
        in_vain = in_vain + 1 if len(results) == before else 0
    return [results.get(place) for place in range(len(items))]


def _takes_none_for_missing(function, items, start):
    from concurrent.futures.process import BrokenProcessPool

    results, in_vain = [None] * len(items), 0
    while None in results:
        futures, before = {}, results.count(None)
        with start() as executor:
            try:
                for place, item in enumerate(items):
                    if results[place] is None:
                        futures[place] = executor.submit(function, item)
            except BrokenProcessPool:
                pass
        for place, future in futures.items():
            try:
                results[place] = future.result()
            except BrokenProcessPool:
                continue
        in_vain = in_vain + 1 if results.count(None) == before else 0
        if in_vain == 3:
            raise RuntimeError("three executors in a row died without a new result")
    return results


def _keeps_them_by_item(function, items, start):
    from concurrent.futures.process import BrokenProcessPool

    results, in_vain = {}, 0
    while len(results) < len(items):
        futures, before = {}, len(results)
        with start() as executor:
            try:
                for item in items:
                    if item not in results:
                        futures[item] = executor.submit(function, item)
            except BrokenProcessPool:
                pass
        for item, future in futures.items():
            try:
                results[item] = future.result()
            except BrokenProcessPool:
                continue
        in_vain = in_vain + 1 if len(results) == before else 0
        if in_vain == 3:
            raise RuntimeError("three executors in a row died without a new result")
    return [results[item] for item in items]


def _leaves_them_open(function, items, start):
    from concurrent.futures.process import BrokenProcessPool

    results, in_vain = {}, 0
    while len(results) < len(items):
        executor, futures, before = start(), {}, len(results)
        try:
            for place, item in enumerate(items):
                if place not in results:
                    futures[place] = executor.submit(function, item)
        except BrokenProcessPool:
            pass
        for place, future in futures.items():
            try:
                results[place] = future.result()
            except BrokenProcessPool:
                continue
        in_vain = in_vain + 1 if len(results) == before else 0
        if in_vain == 3:
            raise RuntimeError("three executors in a row died without a new result")
    return [results[place] for place in range(len(items))]


def _closes_when_all_went_well(function, items, start):
    from concurrent.futures.process import BrokenProcessPool

    results, in_vain = {}, 0
    while len(results) < len(items):
        executor, futures, before = start(), {}, len(results)
        try:
            for place, item in enumerate(items):
                if place not in results:
                    futures[place] = executor.submit(function, item)
        except BrokenProcessPool:
            pass
        for place, future in futures.items():
            try:
                results[place] = future.result()
            except BrokenProcessPool:
                continue
        executor.shutdown()
        in_vain = in_vain + 1 if len(results) == before else 0
        if in_vain == 3:
            raise RuntimeError("three executors in a row died without a new result")
    return [results[place] for place in range(len(items))]


def _waits_for_each(function, items, start):
    from concurrent.futures.process import BrokenProcessPool

    results, in_vain = {}, 0
    while len(results) < len(items):
        before = len(results)
        with start() as executor:
            for place, item in enumerate(items):
                if place not in results:
                    try:
                        results[place] = executor.submit(function, item).result()
                    except BrokenProcessPool:
                        break
        in_vain = in_vain + 1 if len(results) == before else 0
        if in_vain == 3:
            raise RuntimeError("three executors in a row died without a new result")
    return [results[place] for place in range(len(items))]


def _submits_a_function_of_its_own(function, items, start):
    from concurrent.futures.process import BrokenProcessPool

    def one(place):
        return place, function(items[place])

    results, in_vain = {}, 0
    while len(results) < len(items):
        before = len(results)
        missing = [place for place in range(len(items)) if place not in results]
        with start() as executor:
            futures = [executor.submit(one, place) for place in missing]
        for future in futures:
            try:
                place, results[place] = future.result()
            except BrokenProcessPool:
                continue
        in_vain = in_vain + 1 if len(results) == before else 0
        if in_vain == 3:
            raise RuntimeError("three executors in a row died without a new result")
    return [results[place] for place in range(len(items))]


# ------------------------------------------------------------------------------------- words


def _kind(value: object) -> str:
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def _some(values: Iterable, most: int = 6) -> str:
    """The first few values, as a message names them."""
    values = list(values)
    shown = ", ".join(map(_short, values[:most]))
    return f"{shown}, ..." if len(values) > most else shown or "none"


def _short(value: object) -> str:
    plain = isinstance(value, (int, float, str, bytes, tuple, list, dict, type(None)))
    text = repr(value) if plain else _kind(value)
    return text if len(text) <= 30 else f"{text[:27]}..."


EXERCISES = (
    Exercise(
        id="08.break_even",
        task=(
            "Write seconds_per_item(cost, batch_size, per_batch, per_item, workers): the seconds "
            "from one item to the next where worker processes make batches for one consumer."
        ),
        solution=seconds_per_item,
        check=check_break_even,
        hints=(
            "There are two parts that work at the same time. How many seconds does an item take "
            "where only the workers count, and how many where only the consumer does?",
            "The workers need `cost / workers` for an item, since each makes another batch. Of the "
            "journey an item pays its share, `per_batch / batch_size`.",
            "The slower of the two sets the pace, the other one waits for it: `max` of `cost / "
            "workers` and of the consumer's part, which is `per_item` and the share together.",
        ),
        mistakes=BREAK_EVEN_MISTAKES,
        right=(
            "the slower part sets the pace. A loop in one process takes `cost`, so two workers or "
            "more are faster than that where `cost` is above `per_item + per_batch / batch_size`. "
            "More workers don't move that point; beyond it they may gain more."
        ),
    ),
    Exercise(
        id="08.importable",
        task=(
            "Write reader_of(size): a function of a path that reads a photo at the size (height, "
            "width), and that worker processes can import."
        ),
        solution=reader_of,
        check=check_importable,
        hints=(
            "`read_photo` stands in a module, so a worker finds it. What is missing is the size, "
            "and it must travel with the function, as data.",
            "`functools.partial` makes an object of a function and some of its arguments. It is "
            "pickled as both: the function's name, and the arguments.",
            "With `height, width = size`, it is `partial(read_photo, height=height, "
            "width=width)` that you `return`.",
        ),
        mistakes=(
            Mistake(_returns_a_lambda, LAMBDA),
            Mistake(_returns_an_inner_function, INNER_FUNCTION),
            Mistake(_returns_an_object, INSTANCE),
            Mistake(_holds_an_open_file, HOLDS_ITS_OWN),
            Mistake(_uses_a_function_of_a_cell, NOT_IN_A_FILE),
            Mistake(_calls_it_at_once, CALLED_AT_ONCE),
            Mistake(_gives_the_size_without_names, BOUND_FROM_THE_LEFT),
            Mistake(_swaps_the_sides, SWAPPED),
            Mistake(_forgets_the_size, SIZE_IGNORED),
            Mistake(_shares_an_array, ONE_ARRAY),
        ),
        right=(
            "a worker that was started anew has read photos with it. What travels is a name and "
            "two numbers, under 150 bytes, once for each worker. What the function needs besides, "
            "the worker imports itself."
        ),
        limit=STARTS,
    ),
    Exercise(
        id="08.streams",
        task=(
            "Write stream(seed, epoch, place): a NumPy Generator with the random numbers of one "
            "item in one epoch, whichever process asks for it, and when."
        ),
        solution=stream,
        check=check_streams,
        hints=(
            "The random numbers of an item may depend on three things and on nothing that goes on: "
            "so each call makes a new generator, and the three go into its seed.",
            "`np.random.default_rng` takes a list of whole numbers as its seed, which keeps them "
            "apart: 1 and 23 make another seed than 12 and 3.",
            "`return np.random.default_rng(...)`, with the list `[seed, epoch, place]` in it.",
        ),
        mistakes=(
            Mistake(_seeds_numpy, OF_EVERYBODY),
            Mistake(_seeds_nothing, NOT_SEEDED),
            Mistake(_has_one_for_all, GOES_ON),
            Mistake(_takes_the_seed_alone, SEED_ALONE),
            Mistake(_forgets_the_epoch, SAME_IN_EVERY_EPOCH),
            Mistake(_forgets_the_place, SAME_FOR_EVERY_ITEM),
            Mistake(_forgets_the_seed, SEED_IGNORED),
            Mistake(_adds_them_up, _shared_by((0, 0, 1), (0, 1, 0))),
            Mistake(_adds_thousands, _shared_by((0, 0, 1000), (0, 1, 0))),
            Mistake(_puts_digits_together, _shared_by((0, 0, 10), (0, 1, 0))),
            Mistake(_goes_on_a_bit, OVERLAP),
            Mistake(_hashes_a_text, HASHED),
            Mistake(_adds_the_process, OF_THIS_PROCESS),
        ),
        right=(
            "no item shares its random numbers with another, and no epoch with another. The list "
            "must always hold as many numbers: what is missing counts as 0, so `[7]` and `[7, 0]` "
            "are the same seed."
        ),
    ),
    Exercise(
        id="08.again",
        task=(
            "Write finish(function, items, start): a list of function(item) for each item, in "
            "order, computed by executors of processes, also where workers die on the way."
        ),
        solution=finish,
        check=check_again,
        hints=(
            "A dict of results, by the place of the item, says what is done and what is missing. "
            "As long as something is missing: a new executor for that, and for nothing else.",
            "`with start() as executor:` submits what is missing, and at its end waits for all of "
            "it. Behind it, look into every future by itself: `try`, `results[place] = "
            "future.result()`, `except BrokenProcessPool`.",
            "In `while len(results) < len(items):` note `before = len(results)`; for each `place, "
            "item in enumerate(items)` where `place not in results`, and in a `try` as well, "
            "`futures[place] = executor.submit(function, item)`; look into `futures.items()`; then "
            "`in_vain = in_vain + 1 if len(results) == before else 0`, and at 3 `raise "
            "RuntimeError`. At last `[results[place] for place in range(len(items))]`.",
        ),
        mistakes=(
            Mistake(_never_catches, NOT_CAUGHT),
            Mistake(_guards_the_results_alone, SUBMIT_RAISES),
            Mistake(_begins_anew, ALL_AGAIN),
            Mistake(_stops_at_the_first, READY_DROPPED),
            Mistake(_skips_what_broke, RESULTS_LOST),
            Mistake(_appends_as_they_come, OTHER_ORDER),
            Mistake(_keeps_the_broken_one, SAME_EXECUTOR),
            Mistake(_does_the_rest_itself, IN_THIS_PROCESS),
            Mistake(_catches_every_error, ERROR_REPEATED),
            Mistake(_tries_for_ever, FOR_EVER),
            Mistake(_counts_all_deaths, COUNTS_ALL),
            Mistake(_gives_back_what_there_is, GIVEN_UP_SILENTLY),
            Mistake(_takes_none_for_missing, NONE_COUNTS),
            Mistake(_keeps_them_by_item, ITEMS_AS_KEYS),
            Mistake(_leaves_them_open, LEFT_OPEN),
            Mistake(_closes_when_all_went_well, LEFT_OPEN_AT_AN_ERROR),
            Mistake(_waits_for_each, WAITS_EARLY),
            Mistake(_submits_a_function_of_its_own, WRAPPED),
        ),
        right=(
            "no result is lost, and none is computed twice that had arrived. What was under way "
            "when a worker died is begun a second time, so a function that writes a file should "
            "bear that: write under another name, and rename at the end."
        ),
        limit=STARTS,
    ),
)
