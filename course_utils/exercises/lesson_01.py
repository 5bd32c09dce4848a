"""The exercises of lesson 01: a dataset of pairs, one epoch, a file, a known length."""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import re
import tempfile
import warnings
from collections.abc import Callable, Generator, Iterable
from numbers import Integral
from pathlib import Path

import psutil
import tensorflow as tf

from course_utils.classroom.exercise import Exercise, Mistake, Wrong, first

# ------------------------------------------------------------------------------------ 01.pairs

GIVEN_A_GENERATOR = (
    "from_generator was given a generator, the result of a call. It must be given the function,"
    " to call it once an epoch: write its name without the parentheses."
)
PAIRS_ONCE = (
    "The second epoch is empty. Every call of what you gave to from_generator hands over the "
    "same generator, and that one is used up: make the generator inside."
)
PAIRS_IN_A_LIST = (
    "TensorFlow found one tensor where the signature promises two. A list counts as a single "
    "tensor: yield a tuple, `yield number, root`."
)
ROOTS_CUT_OFF = (
    "The root of 2 arrives as 1: the signature says int32 for it, and TensorFlow cuts off the "
    "rest without a word. Roots need tf.float32."
)
SHAPE_OF_ONE = (
    "The signature says shape (1,), a vector that holds one number. A number by itself has the "
    "shape ()."
)
WANTS_N = (
    "TensorFlow calls what you give it without arguments, and your function wants one. Define "
    "it inside of make_pairs, without arguments: there it knows n."
)
ONE_BY_ONE = (
    "TensorFlow was given a number by itself where the signature promises two. One `yield` "
    "gives one element: yield both at once, `yield number, root`."
)
YIELDS_ITSELF = (
    "make_pairs(4) gave back a generator: `yield` stands in make_pairs itself. Put it into a "
    "function inside, and give that one to from_generator."
)
NOT_A_DATASET = (
    "make_pairs(4) gave back a function. Give that function to tf.data.Dataset.from_generator, "
    "with a signature, and return the dataset."
)

PAIR = (tf.TensorSpec((), tf.int32), tf.TensorSpec((), tf.float32))


def make_pairs(n):
    """Return a dataset of the numbers 0 to n - 1, each with its square root."""

    def pairs():
        for number in range(n):
            yield number, number**0.5

    signature = (tf.TensorSpec((), tf.int32), tf.TensorSpec((), tf.float32))
    return tf.data.Dataset.from_generator(pairs, output_signature=signature)


def check_pairs(answer: Callable) -> None:
    """Look at the signature, then draw two epochs of a short dataset, and one of a longer one."""
    dataset = _pairs(answer, 4)
    for epoch in ("first", "second"):
        drawn = _drawn_pairs(dataset, 4)
        if epoch == "second" and not drawn:
            raise Wrong(PAIRS_ONCE)
        _compare_pairs(drawn, 4, epoch)
    # Another length, since an answer may have been made for 4 alone.
    _compare_pairs(_drawn_pairs(_pairs(answer, 7), 7), 7, "first")


def _pairs(answer: Callable, n: int) -> tf.data.Dataset:
    try:
        dataset = answer(n)
    except TypeError as error:
        if "must be a Python callable" in str(error):
            raise Wrong(GIVEN_A_GENERATOR) from None
        raise
    if isinstance(dataset, Generator):
        raise Wrong(YIELDS_ITSELF)
    if not isinstance(dataset, tf.data.Dataset):
        if callable(dataset):
            raise Wrong(NOT_A_DATASET)
        raise Wrong(_no_dataset(f"make_pairs({n})", dataset))
    spec = dataset.element_spec
    if _all_specs(spec, lambda part: part.shape.rank == 1 and part.shape[0] == 1):
        raise Wrong(SHAPE_OF_ONE)
    plain = [(part.shape, part.dtype) for part in tf.nest.flatten(spec)]
    if isinstance(spec, tuple) and plain == [((), tf.int32), ((), tf.int32)]:
        raise Wrong(ROOTS_CUT_OFF)
    if not isinstance(spec, tuple) or plain != [(part.shape, part.dtype) for part in PAIR]:
        raise Wrong(
            f"The elements are described as\n{_described(spec)}\n"
            f"They should be pairs, an int32 and a float32 of shape ():\n{_described(PAIR)}"
        )
    return dataset


def _drawn_pairs(dataset: tf.data.Dataset, n: int) -> list[tuple[int, float]]:
    try:
        return [(int(number), float(root)) for number, root in first(dataset, n + 3)]
    except tf.errors.InvalidArgumentError as error:
        told = str(error)
        if "the yielded element was [" in told:
            raise Wrong(PAIRS_IN_A_LIST) from None
        if re.search(r"the yielded element was [\d.]+\.$", told, re.MULTILINE):
            raise Wrong(ONE_BY_ONE) from None
        if "missing 1 required positional argument" in told:
            raise Wrong(WANTS_N) from None
        raise


def _compare_pairs(drawn: list, n: int, epoch: str) -> None:
    right = [(number, number**0.5) for number in range(n)]
    same = len(drawn) == n and all(
        number == other and abs(root - real) < 1e-4
        for (number, root), (other, real) in zip(drawn, right, strict=True)
    )
    if not same:
        yours = _listed(drawn[: n + 2]) + (", and more" if len(drawn) > n + 2 else "")
        raise Wrong(
            f"make_pairs({n}) should give {_listed(right)}. In its {epoch} epoch yours gives "
            f"{yours or 'nothing'}."
        )


def _listed(pairs: list) -> str:
    return ", ".join(f"({number}, {root:.3g})" for number, root in pairs)


def _gives_the_generator(n):
    def pairs():
        for number in range(n):
            yield number, number**0.5

    signature = (tf.TensorSpec((), tf.int32), tf.TensorSpec((), tf.float32))
    return tf.data.Dataset.from_generator(pairs(), output_signature=signature)


def _gives_the_same_generator(n):
    pairs = ((number, number**0.5) for number in range(n))
    signature = (tf.TensorSpec((), tf.int32), tf.TensorSpec((), tf.float32))
    return tf.data.Dataset.from_generator(lambda: pairs, output_signature=signature)


def _yields_lists(n):
    def pairs():
        for number in range(n):
            yield [number, number**0.5]

    signature = (tf.TensorSpec((), tf.int32), tf.TensorSpec((), tf.float32))
    return tf.data.Dataset.from_generator(pairs, output_signature=signature)


def _says_int_for_both(n):
    def pairs():
        for number in range(n):
            yield number, number**0.5

    signature = (tf.TensorSpec((), tf.int32), tf.TensorSpec((), tf.int32))
    return tf.data.Dataset.from_generator(pairs, output_signature=signature)


def _says_shape_of_one(n):
    def pairs():
        for number in range(n):
            yield number, number**0.5

    signature = (tf.TensorSpec((1,), tf.int32), tf.TensorSpec((1,), tf.float32))
    return tf.data.Dataset.from_generator(pairs, output_signature=signature)


def _wants_n(n):
    def pairs(n):
        for number in range(n):
            yield number, number**0.5

    signature = (tf.TensorSpec((), tf.int32), tf.TensorSpec((), tf.float32))
    return tf.data.Dataset.from_generator(pairs, output_signature=signature)


def _yields_twice(n):
    def pairs():
        for number in range(n):
            yield number
            yield number**0.5

    signature = (tf.TensorSpec((), tf.int32), tf.TensorSpec((), tf.float32))
    return tf.data.Dataset.from_generator(pairs, output_signature=signature)


def _yields_itself(n):
    for number in range(n):
        yield number, number**0.5


def _returns_the_function(n):
    def pairs():
        for number in range(n):
            yield number, number**0.5

    return pairs


# --------------------------------------------------------------------------------- 01.one_epoch

BEGINS_AGAIN = (
    "The rest begins with the first element again. Each `for` over the dataset is a new epoch: "
    "make one iterator with `iter(dataset)`, and take both parts from it."
)
TWO_EPOCHS = (
    "The numbers are right, but the generator was started twice, and made the first elements "
    "twice. Make one iterator with `iter(dataset)`, and take both parts from it."
)
DRAWN_AND_DROPPED = (
    "One element, the first of the rest, is in neither part. The loop had drawn it already when"
    " it found that it had enough: look whether there are enough before you ask for the next "
    "one."
)
TENSORS = "The parts hold tensors, and should hold numbers: `int(element)` makes one of a tensor."
PAST_THE_END = (
    "next() was called where nothing was left, and raised StopIteration. For the rest, a `for` "
    "over the iterator ends by itself."
)
NO_REST = (
    "The rest is empty. After the first part the iterator still holds the others: go on with "
    "that same iterator."
)


def split(dataset, n):
    """Return the first n elements and the rest, two lists of ints, from one epoch."""
    iterator = iter(dataset)
    head = [int(next(iterator)) for _ in range(n)]
    rest = [int(number) for number in iterator]
    return head, rest


def check_split(answer: Callable) -> None:
    """Split two datasets, and count how often their generators were started."""
    for n, count in ((3, 8), (2, 5)):
        values = [(7 * place + 3) % 11 for place in range(count)]  # in no order: 3, 10, 6, 2, ...
        right = values[:n], values[n:]
        started = []
        try:
            head, rest = _two_lists(answer(_noting_starts(values, started), n))
        except StopIteration:
            raise Wrong(PAST_THE_END) from None
        if head + rest == [*values[:n], *values]:
            raise Wrong(BEGINS_AGAIN)
        if (head, rest) == (values[:n], values[n + 1 :]):
            raise Wrong(DRAWN_AND_DROPPED)
        if (head, rest) == (values[:n], []):
            raise Wrong(NO_REST)
        if (head, rest) != right:
            raise Wrong(
                f"Of a dataset of {', '.join(map(str, values))}, split(dataset, {n}) should return "
                f"{right[0]} and {right[1]}. Yours returns {head} and {rest}."
            )
        if len(started) > 1:
            raise Wrong(TWO_EPOCHS)


def _noting_starts(values: list[int], started: list) -> tf.data.Dataset:
    """A dataset of some values whose generator notes each start."""

    def numbers():
        started.append(len(values))
        yield from values

    signature = tf.TensorSpec((), tf.int32)
    return tf.data.Dataset.from_generator(numbers, output_signature=signature)


def _two_lists(result: object) -> tuple[list, list]:
    if not (isinstance(result, (tuple, list)) and len(result) == 2):
        raise Wrong(
            f"split(dataset, n) gave back {_kind(result)}. It should return two lists: "
            "`return head, rest`."
        )
    for name, part in zip(("first part", "rest"), result, strict=True):
        if not isinstance(part, (list, tuple)):
            raise Wrong(f"The {name} is {_kind(part)}, and should be a list of ints.")
        if any(tf.is_tensor(each) for each in part):
            raise Wrong(TENSORS)
        if not all(isinstance(each, Integral) for each in part):
            raise Wrong(f"The {name} holds something else than ints.")
    return list(result[0]), list(result[1])


def _two_loops(dataset, n):
    head = []
    for number in dataset:
        head.append(int(number))
        if len(head) == n:
            break
    rest = [int(number) for number in dataset]
    return head, rest


def _takes_and_skips(dataset, n):
    head = [int(number) for number in dataset.take(n)]
    rest = [int(number) for number in dataset.skip(n)]
    return head, rest


def _draws_one_too_many(dataset, n):
    iterator = iter(dataset)
    head = []
    for number in iterator:
        if len(head) == n:
            break
        head.append(int(number))
    rest = [int(number) for number in iterator]
    return head, rest


def _keeps_tensors(dataset, n):
    iterator = iter(dataset)
    head = [next(iterator) for _ in range(n)]
    return head, list(iterator)


def _runs_past_the_end(dataset, n):
    iterator = iter(dataset)
    head = [int(next(iterator)) for _ in range(n)]
    rest = []
    while True:
        rest.append(int(next(iterator)))
    return head, rest


def _forgets_the_rest(dataset, n):
    iterator = iter(dataset)
    head = [int(next(iterator)) for _ in range(n)]
    return head, []


# ---------------------------------------------------------------------------------- 01.readings

READINGS_A_LIST = (
    "readings(path) gave back a list, so the whole file was read before the first number is "
    "used. Loop over the file and `yield` each number."
)
NOT_LAZY = (
    "The first number came only after the whole file had been read. A file can be looped over, "
    "line by line: `for line in file:`."
)
CLOSED_AT_THE_END_ONLY = (
    "Nothing in your code closes the file of an epoch that is left early: what stands after the"
    " loop never runs. Python does it, sooner or later. Open the file with `with open(path) as "
    "file:`, which closes it on every way out."
)
NEVER_CLOSED = (
    "Nothing in your code closes a file that was read to its end: Python does it, sooner or "
    "later. Open it with `with open(path) as file:`, which closes it on every way out."
)
TEXT = (
    "The first element is the text '1.5\\n', and should be the number 1.5: float(line) makes "
    "one of it, the end of the line included."
)
CLOSED_TOO_EARLY = (
    "The file was closed before its first line was read: `return` leaves the `with` at once, "
    "and the lines are asked for later. Loop inside the `with`, and `yield` there."
)
GIVES_A_DATASET = (
    "readings(path) gave back a dataset. Only the generator is wanted here: a function with "
    "`yield` in it, which yields numbers."
)
READINGS_PRINTED = (
    "readings(path) gave back None. A number that is printed can't be used by anyone: put "
    "`yield` in place of `print`."
)


def readings(path):
    """Yield the numbers of a text file, one a line, and close the file on every way out."""
    with open(path) as file:
        for line in file:
            yield float(line)


def check_readings(answer: Callable) -> None:
    """Read a real file: whole, left early, and one that grows while it is read."""
    with tempfile.TemporaryDirectory(prefix="readings_") as folder:
        path = Path(folder, "readings.txt")
        path.write_text("1.5\n2.5\n3.5\n", encoding="utf-8")
        found, left_open = _watching(lambda: _all_of(answer, path), path)
        if found != [1.5, 2.5, 3.5]:
            raise Wrong(
                f"The file holds 1.5, 2.5 and 3.5, one a line. Yours yields "
                f"{', '.join(map(repr, found)) or 'nothing'}."
            )
        if left_open:
            raise Wrong(NEVER_CLOSED)
        again, _ = _watching(lambda: _all_of(answer, path), path)
        if again != found:
            raise Wrong("A second call of readings(path) must read the file from the start.")
        late, _ = _watching(lambda: _grown(answer, path), path)
        if late != 4.5:
            raise Wrong(NOT_LAZY)
        _, left_open = _watching(lambda: _left_early(answer, path), path)
        if left_open:
            raise Wrong(CLOSED_AT_THE_END_ONLY)


def _watching(run: Callable[[], object], path: Path) -> tuple[object, bool]:
    """Run something; return its result, and whether the file was left for Python to close."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ResourceWarning)
        result = run()
    warned = any(
        issubclass(each.category, ResourceWarning) and path.parent.name in str(each.message)
        for each in caught
    )
    still_open = path.resolve() in {Path(each.path) for each in psutil.Process().open_files()}
    return result, warned or still_open


def _opened(answer: Callable, path: Path) -> Iterable:
    with contextlib.redirect_stdout(io.StringIO()):
        result = answer(os.fspath(path))
    if isinstance(result, (list, tuple)):
        raise Wrong(READINGS_A_LIST)
    if isinstance(result, tf.data.Dataset):
        raise Wrong(GIVES_A_DATASET)
    if result is None:
        raise Wrong(READINGS_PRINTED)
    if callable(result) and not isinstance(result, Iterable):
        raise Wrong(
            "readings(path) gave back a function, and nobody calls it. Put the `yield` into "
            "readings itself."
        )
    if not isinstance(result, Iterable):
        raise Wrong(f"readings(path) gave back {_kind(result)}, which can't be iterated.")
    return result


def _all_of(answer: Callable, path: Path) -> list:
    try:
        found = first(_opened(answer, path), 10)
    except ValueError as error:
        if "closed file" in str(error):
            raise Wrong(CLOSED_TOO_EARLY) from None
        raise
    if found and found[0] == "1.5\n":
        raise Wrong(TEXT)
    return found


def _grown(answer: Callable, path: Path) -> object:
    """Let the file grow after the first number; return the fourth one."""
    path.write_text("1.5\n2.5\n3.5\n", encoding="utf-8")
    numbers = iter(_opened(answer, path))
    next(numbers)
    with path.open("a", encoding="utf-8") as file:
        file.write("4.5\n")
    return dict(enumerate(first(numbers, 10))).get(2)


def _left_early(answer: Callable, path: Path) -> None:
    numbers = iter(_opened(answer, path))
    next(numbers)
    if hasattr(numbers, "close"):
        numbers.close()  # as happens when the last reference to it goes


def _returns_a_list(path):
    with open(path) as file:
        return [float(line) for line in file]


def _reads_all_first(path):
    with open(path) as file:
        lines = file.readlines()
    for line in lines:
        yield float(line)


def _closes_after_the_loop(path):
    file = open(path)  # noqa: SIM115 the mistake
    for line in file:
        yield float(line)
    file.close()


def _never_closes(path):
    for line in open(path):  # noqa: SIM115 the mistake
        yield float(line)


def _yields_text(path):
    with open(path) as file:
        for line in file:  # noqa: UP028 a loop, as a learner writes it
            yield line


def _leaves_the_with(path):
    with open(path) as file:
        return (float(line) for line in file)


def _makes_a_dataset(path):
    def numbers():
        with open(path) as file:
            for line in file:
                yield float(line)

    return tf.data.Dataset.from_generator(numbers, output_signature=tf.TensorSpec((), tf.float32))


def _prints(path):
    with open(path) as file:
        for line in file:
            print(float(line))


# -------------------------------------------------------------------------------- 01.known_length

UNKNOWN = (
    "The batches are right, but their number is unknown: len() raises, because TensorFlow can't"
    " look into a generator, and take() changes nothing about that. Promise the number with "
    "assert_cardinality."
)
TOOK_NUMBERS = (
    "take(3) came before batch(4), so it took 3 numbers, and they make a single batch. Make the"
    " batches first, then take 3 of them."
)
PROMISED_NUMBERS = (
    "The length says 12, the count of the numbers, but there are 3 elements: after batch(4) an "
    "element is a batch. Promise the count of batches."
)
ENDLESS = (
    "After 3 batches a fourth one comes, and TensorFlow raises FailedPreconditionError: "
    "assert_cardinality promises a length, it doesn't cut. Cut with take."
)
DRAWN_EARLY = (
    "The batches were made while the dataset was built, and all lie in memory. Chain the steps "
    "instead: a dataset makes its batches when they are asked for."
)
A_LIST_OF_BATCHES = (
    "epoch_of gave back a list of batches. They are all in memory, and nothing can be done to "
    "them as a dataset: return a dataset."
)
NO_BATCHES = (
    "The elements are single numbers, of shape (). Put them together with batch(batch_size) first."
)


def epoch_of(numbers, batch_size, steps):
    """Return a dataset of `steps` batches whose length is known, from an endless dataset."""
    batches = numbers.batch(batch_size).take(steps)
    return batches.apply(tf.data.experimental.assert_cardinality(steps))


FIRST = 100  # the first number that it is given: not those that range would give


def check_epoch_of(answer: Callable) -> None:
    """Ask for two sizes; look at the length that is promised, then at what comes."""
    for batch_size, steps in ((4, 3), (5, 2)):
        drawn_early = []
        dataset = answer(_endless(drawn_early), batch_size, steps)
        if isinstance(dataset, list):
            raise Wrong(A_LIST_OF_BATCHES)
        if not isinstance(dataset, tf.data.Dataset):
            raise Wrong(_no_dataset("epoch_of", dataset))
        if drawn_early:
            raise Wrong(DRAWN_EARLY)
        length = int(dataset.cardinality())
        for epoch in ("first", "second"):
            drawn, kept = _until_broken(dataset, steps + 2)
            _judge_batches(drawn, length, kept, batch_size, steps, epoch)


def _until_broken(dataset: tf.data.Dataset, most: int) -> tuple[list, bool]:
    """Draw at most so many elements; return them, and whether the promised length was kept."""
    drawn = []
    try:
        for element in itertools.islice(dataset, most):
            drawn.append(element)
    except tf.errors.FailedPreconditionError:
        return drawn, False
    return drawn, True


def _judge_batches(
    drawn: list, length: int, kept: bool, batch_size: int, steps: int, epoch: str
) -> None:
    if any(batch.shape.rank == 0 for batch in drawn):
        raise Wrong(NO_BATCHES)
    batches = [batch.numpy().tolist() for batch in drawn]
    right = [
        list(range(first, first + batch_size))
        for first in range(FIRST, FIRST + steps * batch_size, batch_size)
    ]
    if (batch_size, steps) == (4, 3):
        if batches == [[FIRST, FIRST + 1, FIRST + 2]]:
            raise Wrong(TOOK_NUMBERS)
        if batches == right and length == 12:
            raise Wrong(PROMISED_NUMBERS)
        if batches == right and length == 3 and not kept:
            raise Wrong(ENDLESS)
    called = f"epoch_of(numbers, {batch_size}, {steps})"
    if batches != right:
        more = ", and more" if len(batches) > steps + 1 else ""
        yours = (_batches(batches[: steps + 1]) or "nothing") + more
        raise Wrong(
            f"{called} should give {_batches(right)}. In its {epoch} epoch yours gives {yours}."
        )
    if length < 0:
        raise Wrong(UNKNOWN)
    if length != steps or not kept:
        raise Wrong(f"{called} has a length of {length} and should have one of {steps}.")


def _batches(batches: list) -> str:
    return ", ".join(map(str, batches))


def _endless(drawn: list) -> tf.data.Dataset:
    """The numbers from 100 on; notes each one that it makes."""

    def numbers():
        for number in itertools.count(FIRST):
            drawn.append(number)
            yield number

    return tf.data.Dataset.from_generator(numbers, output_signature=tf.TensorSpec((), tf.int32))


def _promises_nothing(numbers, batch_size, steps):
    return numbers.batch(batch_size).take(steps)


def _takes_before_it_batches(numbers, batch_size, steps):
    batches = numbers.take(steps).batch(batch_size)
    return batches.apply(tf.data.experimental.assert_cardinality(steps))


def _promises_numbers(numbers, batch_size, steps):
    batches = numbers.batch(batch_size).take(steps)
    return batches.apply(tf.data.experimental.assert_cardinality(batch_size * steps))


def _promises_without_a_cut(numbers, batch_size, steps):
    batches = numbers.batch(batch_size)
    return batches.apply(tf.data.experimental.assert_cardinality(steps))


def _lists_the_batches(numbers, batch_size, steps):
    return list(numbers.batch(batch_size).take(steps))


def _collects_first(numbers, batch_size, steps):
    batches = list(numbers.batch(batch_size).take(steps))
    return tf.data.Dataset.from_tensor_slices(batches)


def _never_batches(numbers, batch_size, steps):
    return numbers.take(steps).apply(tf.data.experimental.assert_cardinality(steps))


# ------------------------------------------------------------------------------------------------


def _kind(value: object) -> str:
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def _no_dataset(call: str, value: object) -> str:
    forgotten = " Is `return` missing?" if value is None else ""
    return f"{call} gave back {_kind(value)}, not a dataset.{forgotten}"


def _all_specs(spec: object, holds: Callable) -> bool:
    parts = tf.nest.flatten(spec)
    return bool(parts) and all(isinstance(part, tf.TensorSpec) and holds(part) for part in parts)


def _described(spec: object) -> str:
    return ", ".join(str(part).replace(", name=None", "") for part in tf.nest.flatten(spec))


EXERCISES = (
    Exercise(
        id="01.pairs",
        task=(
            "Write make_pairs(n): a dataset of the numbers 0 to n - 1, each with its square root, "
            "an int32 and a float32."
        ),
        solution=make_pairs,
        check=check_pairs,
        hints=(
            "Three parts: a generator function without arguments inside of make_pairs, which knows "
            "n; a signature; from_generator with both.",
            "The generator yields a tuple: `yield number, number**0.5`. The signature is a tuple, "
            "too: of two tf.TensorSpec, in the same order.",
            "`return tf.data.Dataset.from_generator(pairs, output_signature=signature)`, where the "
            "signature is `(tf.TensorSpec((), tf.int32), tf.TensorSpec((), tf.float32))`.",
        ),
        mistakes=(
            Mistake(_gives_the_generator, GIVEN_A_GENERATOR),
            Mistake(_gives_the_same_generator, PAIRS_ONCE),
            Mistake(_yields_lists, PAIRS_IN_A_LIST),
            Mistake(_says_int_for_both, ROOTS_CUT_OFF),
            Mistake(_says_shape_of_one, SHAPE_OF_ONE),
            Mistake(_wants_n, WANTS_N),
            Mistake(_yields_twice, ONE_BY_ONE),
            Mistake(_returns_the_function, NOT_A_DATASET),
            Mistake(_yields_itself, YIELDS_ITSELF),
        ),
        right=(
            "each epoch gets a fresh generator, and each part arrives with the type that it needs."
        ),
    ),
    Exercise(
        id="01.one_epoch",
        task=(
            "Write split(dataset, n): the first n elements and the rest, two lists of ints, from "
            "one epoch."
        ),
        solution=split,
        check=check_split,
        hints=(
            "Each `for` over a dataset begins a new epoch. What can be gone through in two parts "
            "is an iterator.",
            "`iterator = iter(dataset)`, then n times `next(iterator)`; int() makes a number of a "
            "tensor.",
            "The rest is `[int(number) for number in iterator]`: a `for` over an iterator goes on "
            "where it stands.",
        ),
        mistakes=(
            Mistake(_two_loops, BEGINS_AGAIN),
            Mistake(_takes_and_skips, TWO_EPOCHS),
            Mistake(_draws_one_too_many, DRAWN_AND_DROPPED),
            Mistake(_keeps_tensors, TENSORS),
            Mistake(_runs_past_the_end, PAST_THE_END),
            Mistake(_forgets_the_rest, NO_REST),
        ),
        right=(
            "one iterator is one epoch: the generator was started once, and made each element once."
        ),
    ),
    Exercise(
        id="01.readings",
        task=(
            "Write a generator function readings(path) that yields the numbers of a text file, one "
            "a line, and closes the file even when the epoch is left early."
        ),
        solution=readings,
        check=check_readings,
        hints=(
            "A file that is open can be looped over: each round gives one line, as text.",
            "`with open(path) as file:` closes the file however its block is left, and a generator "
            "that is closed leaves its block.",
            "Three lines: the `with`, in it `for line in file:`, in it `yield float(line)`.",
        ),
        mistakes=(
            Mistake(_closes_after_the_loop, CLOSED_AT_THE_END_ONLY),
            Mistake(_never_closes, NEVER_CLOSED),
            Mistake(_reads_all_first, NOT_LAZY),
            Mistake(_returns_a_list, READINGS_A_LIST),
            Mistake(_leaves_the_with, CLOSED_TOO_EARLY),
            Mistake(_yields_text, TEXT),
            Mistake(_makes_a_dataset, GIVES_A_DATASET),
            Mistake(_prints, READINGS_PRINTED),
        ),
        right=(
            "each line was read when its number was asked for, and your code closed the file both "
            "ways: at the end, and when the epoch was left."
        ),
    ),
    Exercise(
        id="01.known_length",
        task=(
            "Write epoch_of(numbers, batch_size, steps): of an endless dataset, an epoch of "
            "`steps` batches whose length TensorFlow knows."
        ),
        solution=epoch_of,
        check=check_epoch_of,
        hints=(
            "Three steps, one after the other: make batches, cut, promise the length.",
            "`batch(batch_size)`, then `take(steps)`. Only the promise is missing now: the length "
            "of a generator is never known.",
            "`batches.apply(tf.data.experimental.assert_cardinality(steps))`: after batch, the "
            "length counts batches.",
        ),
        mistakes=(
            Mistake(_promises_nothing, UNKNOWN),
            Mistake(_takes_before_it_batches, TOOK_NUMBERS),
            Mistake(_promises_numbers, PROMISED_NUMBERS),
            Mistake(_promises_without_a_cut, ENDLESS),
            Mistake(_lists_the_batches, A_LIST_OF_BATCHES),
            Mistake(_collects_first, DRAWN_EARLY),
            Mistake(_never_batches, NO_BATCHES),
        ),
        right=(
            "whoever asks for the length now gets it, and every epoch keeps it: `steps` batches, "
            "none of them short."
        ),
    ),
)
