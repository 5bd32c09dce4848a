"""What is particular to lesson 01's exercises: right answers other than ours, and odd ones."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from course_utils.classroom import workspace
from course_utils.classroom.exercise import check

PAIR = (tf.TensorSpec((), tf.int32), tf.TensorSpec((), tf.float32))
promise = tf.data.experimental.assert_cardinality


@pytest.fixture(autouse=True)
def no_workspace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(workspace, "_progress", {})


def said(id, answer):
    shown = check(id, answer)
    return f"{shown.status}: {shown.message}"


class PairsRight:
    def by_a_lambda(n):
        return tf.data.Dataset.from_generator(
            lambda: ((k, k**0.5) for k in range(n)), output_signature=PAIR
        )

    def by_arrays(n):
        def pairs():
            for k in np.arange(n, dtype=np.int32):
                yield k, np.sqrt(np.float32(k))

        return tf.data.Dataset.from_generator(pairs, output_signature=PAIR)

    def in_the_older_form(n):
        def pairs():
            yield from ((k, k**0.5) for k in range(n))

        return tf.data.Dataset.from_generator(
            pairs, output_types=(tf.int32, tf.float32), output_shapes=((), ())
        )

    def with_names(n):
        named = (tf.TensorSpec((), tf.int32, "number"), tf.TensorSpec((), tf.float32, "root"))
        return tf.data.Dataset.from_generator(
            lambda: ((k, k**0.5) for k in range(n)), output_signature=named
        )

    def promised(n):
        dataset = PairsRight.by_a_lambda(n)
        return dataset.apply(promise(n))


class OneEpochRight:
    def whole_list(dataset, n):
        every = [int(number) for number in dataset]
        return every[:n], every[n:]

    def with_islice(dataset, n):
        iterator = dataset.as_numpy_iterator()
        return list(itertools.islice(iterator, n)), list(iterator)

    def tuples(dataset, n):
        iterator = iter(dataset)
        head = tuple(next(iterator).numpy() for _ in range(n))
        return [head, tuple(number.numpy() for number in iterator)]


class ReadingsRight:
    def with_finally(path):
        file = open(path)  # noqa: SIM115
        try:
            for line in file:
                yield float(line)
        finally:
            file.close()

    def with_readline(path):
        with Path(path).open() as file:
            while line := file.readline():
                yield float(line.strip())

    def by_delegation(path):
        with open(path) as file:
            yield from map(float, file)


class KnownLengthRight:
    def promised_before_the_cut(numbers, batch_size, steps):
        return numbers.batch(batch_size).apply(promise(steps)).take(steps)

    def cut_before_the_batch(numbers, batch_size, steps):
        return numbers.take(steps * batch_size).apply(promise(steps * batch_size)).batch(batch_size)

    def repeated(numbers, batch_size, steps):
        return numbers.repeat().batch(batch_size).take(steps)

    def with_the_remainder_dropped(numbers, batch_size, steps):
        batches = numbers.batch(batch_size, drop_remainder=True).take(steps)
        return batches.apply(promise(steps))


RIGHT = {
    "01.pairs": PairsRight,
    "01.one_epoch": OneEpochRight,
    "01.readings": ReadingsRight,
    "01.known_length": KnownLengthRight,
}


@pytest.mark.parametrize(
    ("id", "name"),
    [(id, name) for id, each in RIGHT.items() for name in vars(each) if name[0] != "_"],
)
def test_other_right_answers_are_right(id, name):
    assert said(id, getattr(RIGHT[id], name)).startswith("Right")


def only_four(n):
    return tf.data.Dataset.from_generator(
        lambda: ((k, k**0.5) for k in range(4)), output_signature=PAIR
    )


def endless_pairs(n):
    return tf.data.Dataset.from_generator(
        lambda: ((k, k**0.5) for k in itertools.count()), output_signature=PAIR
    )


def one_tensor(n):
    return tf.data.Dataset.range(n)


def roots_of_the_next(n):
    return tf.data.Dataset.from_generator(
        lambda: ((k, (k + 1) ** 0.5) for k in range(n)), output_signature=PAIR
    )


def raises_in_the_generator(n):
    def pairs():
        yield 0, 0.0
        raise KeyError("no such number")

    return tf.data.Dataset.from_generator(pairs, output_signature=PAIR)


def from_one(n):
    return tf.data.Dataset.from_generator(
        lambda: ((k, k**0.5) for k in range(1, n + 1)), output_signature=PAIR
    )


def kinds_swapped(n):
    return tf.data.Dataset.from_generator(
        lambda: ((k**0.5, k) for k in range(n)), output_signature=PAIR[::-1]
    )


def iterators(dataset, n):
    iterator = iter(dataset)
    return [int(next(iterator)) for _ in range(n)], iterator


def by_value(dataset, n):
    every = [int(number) for number in dataset]
    return [x for x in every if x < n], [x for x in every if x >= n]


def datasets(dataset, n):
    return dataset.take(n), dataset.skip(n)


def closed_only_when_left(path):
    file = open(path)  # noqa: SIM115
    try:
        for line in file:
            yield float(line)
    except GeneratorExit:
        file.close()
        raise


def kept_in_a_list(path, kept=[]):  # noqa: B006 the shared list is the mistake
    kept.append(open(path))  # noqa: SIM115
    for line in kept[-1]:
        yield float(line)


def works_once(numbers, batch_size, steps):
    shared = iter(numbers.batch(batch_size).take(steps))
    spec = tf.TensorSpec((None,), tf.int32)
    once = tf.data.Dataset.from_generator(lambda: shared, output_signature=spec)
    return once.apply(promise(steps))


def a_function(path):
    def numbers():
        yield 1.5

    return numbers


def head_only(dataset, n):
    return [int(number) for number in dataset.take(n)]


def swapped(dataset, n):
    every = [int(number) for number in dataset]
    return every[n:], every[:n]


def texts(dataset, n):
    return ["a"] * n, []


def numbers_not_lists(dataset, n):
    return 1, 2


def skips_a_line(path):
    with open(path) as file:
        next(file)
        yield from map(float, file)


def once_only(path, read=[]):  # noqa: B006 the shared list is the mistake
    if not read:
        read.append(path)
        with open(path) as file:
            yield from map(float, file)


def whole_text_at_once(path):
    yield from map(float, Path(path).read_text().split())


@pytest.mark.parametrize(
    ("id", "answer", "words"),
    [
        ("01.pairs", only_four, "make_pairs(7) should give (0, 0), (1, 1), (2, 1.41)"),
        ("01.pairs", endless_pairs, "(5, 2.24), and more."),
        ("01.pairs", one_tensor, "should be pairs, an int32 and a float32 of shape ()"),
        ("01.pairs", roots_of_the_next, "In its first epoch yours gives (0, 1), (1, 1.41)"),
        ("01.pairs", raises_in_the_generator, "KeyError: 'no such number'\nin line "),
        ("01.pairs", lambda n: None, "gave back None, not a dataset. Is `return` missing?"),
        ("01.pairs", lambda n: [(0, 0.0)], "gave back a list, not a dataset."),
        ("01.one_epoch", head_only, "gave back a list. It should return two lists"),
        ("01.pairs", from_one, "should give (0, 0), (1, 1), (2, 1.41), (3, 1.73). In its first"),
        (
            "01.pairs",
            kinds_swapped,
            "The elements are described as\nTensorSpec(shape=(), dtype=tf.fl",
        ),
        ("01.readings", kept_in_a_list, "closes a file that was read to its end"),
        (
            "01.known_length",
            lambda n, b, s: n.batch(b).take(s).apply(promise(s + 1)),
            "epoch_of(numbers, 4, 3) has a length of 4 and should have one of 3.",
        ),
        ("01.known_length", works_once, "In its second epoch yours gives nothing."),
        ("01.one_epoch", swapped, "Yours returns [2, 9, 5, 1, 8] and [3, 10, 6]."),
        ("01.one_epoch", iterators, "The rest is an OwnedIterator, and should be a list of ints."),
        ("01.one_epoch", by_value, "should return [3, 10, 6] and [2, 9, 5, 1, 8]. Yours returns"),
        ("01.one_epoch", datasets, "The first part is a _TakeDataset, and should be a list of"),
        ("01.readings", closed_only_when_left, "closes a file that was read to its end"),
        ("01.readings", a_function, "gave back a function, and nobody calls it."),
        ("01.one_epoch", texts, "The first part holds something else than ints."),
        ("01.one_epoch", numbers_not_lists, "The first part is an int, and should be a list"),
        ("01.one_epoch", lambda dataset, n: None, "gave back None."),
        ("01.readings", skips_a_line, "Yours yields 2.5, 3.5."),
        ("01.readings", once_only, "A second call of readings(path) must read the file from"),
        ("01.readings", whole_text_at_once, "only after the whole file had been read"),
        ("01.readings", lambda path: 1.5, "gave back a float, which can't be iterated."),
        ("01.readings", lambda path: iter([]), "Yours yields nothing."),
        ("01.known_length", lambda n, b, s: None, "epoch_of gave back None, not a dataset."),
        ("01.known_length", lambda n, b, s: n.batch(b), "yours gives [100, 101, 102, 103], [104,"),
        (
            "01.known_length",
            lambda n, b, s: n.batch(4).take(3).apply(promise(3)),
            "epoch_of(numbers, 5, 2) should give [100, 101, 102, 103, 104], [105, 106, 107, 108,",
        ),
        (
            "01.known_length",
            lambda n, b, s: tf.data.Dataset.range(b * s).batch(b),
            "should give [100, 101, 102, 103], [104,",
        ),
    ],
)
def test_other_wrong_answers_are_told_how(id, answer, words):
    shown = said(id, answer)
    assert shown.startswith("Wrong")
    assert words in shown


def test_what_others_left_open_is_not_the_answers_fault(tmp_path):
    (tmp_path / "other.txt").write_text("1\n")
    cycle = [open(tmp_path / "other.txt")]  # noqa: SIM115
    cycle.append(cycle)
    del cycle
    assert said("01.readings", ReadingsRight.by_delegation).startswith("Right")
