import gc
import pickle
import random
import sys
import threading
import time
import warnings
import weakref
from collections import Counter, namedtuple
from contextlib import contextmanager
from itertools import islice

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.feeding import thread_epoch
from course_utils.feeding.threads import (
    ItemError,
    LeftOut,
    SourceError,
    ThreadLoader,
    TooManyLeftOut,
    WrongElement,
)

NUMBER = tf.TensorSpec((), tf.int64)
ROW = tf.TensorSpec((3,), tf.float32)
PAIR = (ROW, tf.TensorSpec((), tf.int32))
LARGE = tf.TensorSpec((64, 64), tf.uint8)


@pytest.fixture(autouse=True)
def _no_thread_is_left():
    yield
    left = loader_threads()
    if left:  # a failed test's traceback may hold an epoch
        gc.collect()
    assert not loader_threads(), left


def loader_threads():
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("loader")}


def until_error(kind, epoch):
    """The elements before the error, and the error."""
    found = []

    def draw():
        for value in epoch:
            found.append(np.asarray(value).tolist())

    with pytest.raises(kind) as caught:
        draw()
    return found, caught


@contextmanager
def switching_often():
    """Let Python change threads as often as it can, for as many orders of events as can be."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def pair(item):
    return np.full(3, item, "float32"), item


def large(item):
    return np.full((64, 64), item % 251, "uint8")


def write_large(item, out):
    out[...] = item % 251


def numbers(batches):
    return [batch.tolist() for batch in batches]


# What arrives


def test_batches_are_whole_and_in_order_every_epoch():
    loader = ThreadLoader(pair, range(10), PAIR, 4)
    for _ in range(3):
        batches = list(loader())
        assert [rows.shape for rows, _ in batches] == [(4, 3), (4, 3), (2, 3)]
        assert [rows.dtype for rows, _ in batches] == ["float32"] * 3
        assert [labels.tolist() for _, labels in batches] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
        assert all((rows == labels[:, None]).all() for rows, labels in batches)


def test_single_elements_arrive_as_the_function_returned_them():
    made = [np.full(3, number, "float32") for number in range(5)]
    loader = ThreadLoader(lambda number: (made[number], number), range(5), PAIR)
    for number, (row, label) in enumerate(loader()):
        assert row is made[number]
        assert type(label) is np.int32
        assert label == number


Boxes = namedtuple("Boxes", "corners count")


def test_structure_is_that_of_the_signature():
    signature = {"b": (ROW, Boxes(ROW, NUMBER)), "a": tf.TensorSpec((), tf.string)}

    def function(item):
        return {"a": f"é{item}", "b": (np.float32([item, 0, 0]), Boxes([1.0, 2, 3], item))}

    (batch,) = ThreadLoader(function, [7, 8], signature, 2)()
    assert list(batch) == ["b", "a"]
    assert batch["a"].tolist() == ["é7", "é8"]
    assert type(batch["b"][1]) is Boxes
    assert batch["b"][1].count.tolist() == [7, 8]
    loader = ThreadLoader(function, [7, 8], signature, 2)
    assert loader.output_signature["b"][1] == Boxes(
        tf.TensorSpec((None, 3), tf.float32), tf.TensorSpec((None,), tf.int64)
    )
    (arrived,) = loader.dataset().as_numpy_iterator()
    assert arrived["a"].tolist() == ["é7".encode(), "é8".encode()]


def test_into_writes_the_rows_of_the_batch():
    def function(item, out):
        row, label = out
        assert row.flags.c_contiguous
        row[:] = item
        label[...] = item

    loader = ThreadLoader(function, range(5), PAIR, 2, into=True)
    assert [labels.tolist() for _, labels in loader()] == [[0, 1], [2, 3], [4]]
    singles = list(ThreadLoader(function, range(5), PAIR, into=True)())
    assert [(row.tolist(), int(label)) for row, label in singles] == [
        ([number] * 3, number) for number in range(5)
    ]
    assert type(singles[0][1]) is np.int32


def test_a_function_that_returns_another_array_than_out_is_told():
    loader = ThreadLoader(lambda item, out: large(item), range(5), LARGE, 2, into=True)
    with pytest.raises(ItemError, match="`out` was not written"):
        list(loader())


def test_a_function_that_returns_its_element_beside_out_is_told():
    for signature, function in (
        (PAIR, lambda item, out: pair(item)),
        (NUMBER, lambda item, out: item),
        ({"a": ROW}, lambda item, out: {"a": np.zeros(3, "float32")}),
    ):
        loader = ThreadLoader(function, range(5), signature, 2, into=True)
        with pytest.raises(ItemError, match=r"`out` was not written.*Write into `out`, and"):
            list(loader())


def test_items_may_come_from_a_function_that_is_called_once_an_epoch():
    calls = []

    def items():
        calls.append(1)
        yield from range(len(calls) * 3)

    loader = ThreadLoader(lambda item: item, items, NUMBER, 4)
    assert numbers(loader()) == [[0, 1, 2]]
    assert numbers(loader()) == [[0, 1, 2, 3], [4, 5]]
    assert len(calls) == 2


@pytest.mark.parametrize(
    "items",
    [[5, 6, 7], (5, 6, 7), range(5, 8), np.array([5, 6, 7]), {5: "", 6: "", 7: ""}.keys()],
)
def test_items_may_be_whatever_can_be_iterated_anew(items):
    loader = ThreadLoader(int, items, NUMBER, 2)
    assert [numbers(loader()) for _ in range(2)] == [[[5, 6], [7]]] * 2


def test_no_items_are_an_empty_epoch():
    assert list(ThreadLoader(pair, [], PAIR, 4)()) == []
    assert list(ThreadLoader(pair, lambda: iter(()), PAIR)()) == []


def test_threads_start_with_the_first_element_and_have_names():
    names, together = set(), threading.Barrier(3)

    def function(item):
        names.add(threading.current_thread().name)
        together.wait(10)
        return item

    loader = ThreadLoader(function, range(21), NUMBER, 3, threads=3)
    epoch = loader()
    assert not loader_threads()
    next(epoch)
    assert names == loader_threads() == {f"loader-1_{thread}" for thread in range(3)}
    list(epoch)
    assert not loader_threads()


def test_epochs_at_once_have_threads_of_different_names():
    loader = ThreadLoader(pair, range(99), PAIR, 3, threads=1)
    for _ in range(2):
        one, other = loader(), loader()
        next(one)
        next(other)
        assert loader_threads() == {"loader-1_0", "loader-2_0"}
        one.close()
        third = loader()
        next(third)
        assert loader_threads() == {"loader-1_0", "loader-2_0"}
        third.close()
        other.close()


def test_functions_run_at_the_same_time():
    together = threading.Barrier(4)

    def function(item):
        together.wait(10)  # raises unless four are here
        return item

    for batch_size in (None, 2, 8):
        assert len(list(ThreadLoader(function, range(16), NUMBER, batch_size, threads=4)())) > 1


# The property that all of them share


def plain_loop(function, items, batch_size, skip, at_most):
    """What an epoch is, in a plain loop: its elements, the class of its end, what is left out."""
    values, left_out, end = [], {}, None
    iterator, place = iter(items), 0
    while end is None:
        try:
            item = next(iterator)
        except StopIteration:
            if left_out and not values:
                end = TooManyLeftOut
            break
        except ValueError:
            end = SourceError
            break
        try:
            values.append(function(item))
        except ValueError:
            if not skip:
                end = ItemError
            else:
                left_out[place] = item
                if at_most is not None and len(left_out) > at_most:
                    end = TooManyLeftOut
        place += 1
    if batch_size:
        values = [values[first : first + batch_size] for first in range(0, len(values), batch_size)]
    return values, end, left_out


def taken(epoch):
    values = []
    try:
        for value in epoch:
            values.append(value.tolist())
    except (ItemError, SourceError, TooManyLeftOut) as error:
        return values, type(error)
    return values, None


class Items:
    """Numbers, and where asked for an error instead of one."""

    def __init__(self, count, breaks):
        self.count, self.breaks = count, breaks

    def __iter__(self):
        for number in range(self.count):
            if number == self.breaks:
                raise ValueError("broken source")
            yield number


@settings(max_examples=300, deadline=None)
@given(
    count=st.integers(0, 40),
    failing=st.sets(st.integers(0, 40), max_size=12),
    breaks=st.none() | st.integers(0, 40),
    threads=st.integers(1, 6),
    ahead=st.integers(1, 4),
    batch_size=st.none() | st.integers(1, 9),
    ordered=st.booleans(),
    skip=st.booleans(),
    at_most=st.none() | st.integers(0, 6),
    into=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_any_loader_gives_what_a_plain_loop_gives(
    count, failing, breaks, threads, ahead, batch_size, ordered, skip, at_most, into, seed
):
    pauses = random.Random(seed).choices([None, 0, 0.0005], k=count)

    def function(item, out=None):
        if pauses[item] is not None:
            time.sleep(pauses[item])
        if item in failing:
            raise ValueError("broken item")
        if out is None:
            return item
        out[...] = item
        return None

    loader = ThreadLoader(
        function,
        Items(count, breaks),
        NUMBER,
        batch_size,
        threads=threads,
        ahead=ahead,
        ordered=ordered,
        errors="skip" if skip else "raise",
        at_most=at_most if skip else None,
        into=into,
    )
    values, end, left_out = plain_loop(function, Items(count, breaks), batch_size, skip, at_most)
    with switching_often():
        found, found_end = taken(loader())
    found_left_out = {place: left.item for place, left in loader.left_out.items()}
    if ordered:
        assert (found, found_end, found_left_out) == (values, end, left_out)
        return
    assert all(place == item for place, item in found_left_out.items())
    if batch_size:
        assert all(len(batch) == batch_size for batch in found[:-1])
        found, values = ([one for batch in some for one in batch] for some in (found, values))
    if end in (None, SourceError):
        assert (Counter(found), found_end) == (Counter(values), end)
        assert found_left_out == left_out
    else:  # what was finished before the error is a matter of chance
        assert found_end in (ItemError, TooManyLeftOut, SourceError)
        assert not Counter(found) - Counter(set(range(count)) - failing)


# Ahead of the consumer


@pytest.mark.parametrize(
    ("batch_size", "threads", "ahead", "most"),
    [(4, 2, 2, 12), (4, 2, 1, 8), (4, 8, 2, 16), (None, 2, 2, 4), (None, 3, 1, 4), (None, 1, 5, 6)],
)
def test_read_ahead_is_bounded(batch_size, threads, ahead, most):
    drawn, called = [], []

    def items():
        for number in range(100):
            drawn.append(number)
            yield number

    def function(item):
        called.append(item)
        return item

    epoch = ThreadLoader(function, items, NUMBER, batch_size, threads=threads, ahead=ahead)()
    for taken_so_far in range(1, 4):
        next(epoch)
        expected = most + taken_so_far * (batch_size or 1)
        end = time.monotonic() + 10
        while len(called) < expected and time.monotonic() < end:
            time.sleep(0.001)
        time.sleep(0.02)
        assert len(called) == len(drawn) == expected
    epoch.close()


def test_finished_batches_arrive_while_the_source_blocks():
    go_on = threading.Event()

    def items():
        yield from range(10)
        go_on.wait(30)
        yield from range(10, 12)

    for ordered in (True, False):
        go_on.clear()
        epoch = ThreadLoader(
            lambda item: item, items, NUMBER, 4, threads=2, ahead=3, ordered=ordered
        )()
        assert [next(epoch).tolist() for _ in range(2)] == [[0, 1, 2, 3], [4, 5, 6, 7]]
        assert not go_on.is_set()
        go_on.set()
        assert numbers(epoch) == [[8, 9, 10, 11]]


def test_as_completed_a_slow_item_holds_up_nothing_else():
    go_on = threading.Event()

    def function(item):
        if item == 1:
            go_on.wait(30)
        return item

    epoch = ThreadLoader(function, range(12), NUMBER, 3, threads=2, ordered=False)()
    assert [next(epoch).tolist() for _ in range(3)] == [[3, 4, 5], [6, 7, 8], [9, 10, 11]]
    go_on.set()
    assert numbers(epoch) == [[0, 1, 2]]


def test_the_order_costs_no_more_than_the_read_ahead():
    go_on, called = threading.Event(), []

    def function(item):
        called.append(item)
        if item == 0:
            go_on.wait(30)
        elif item == 8:
            go_on.set()
        return item

    epoch = ThreadLoader(function, range(20), NUMBER, 3, threads=2)()
    assert next(epoch).tolist() == [0, 1, 2]
    assert {0, 1, 2, 3, 4, 5, 6, 7, 8} <= set(called)
    assert numbers(epoch)[0] == [3, 4, 5]


# Memory


def loaders(**more):
    for function, into in ((large, False), (write_large, True)):
        yield ThreadLoader(function, range(200), LARGE, 8, threads=3, into=into, **more)


def address(array):
    return array.__array_interface__["data"][0]


def intact(batches):
    """Whether each batch holds what was written into it, 8 numbers in a row."""
    arrays = [np.asarray(batch) for batch in batches]
    expected = [[number % 251 for number in range(first, first + 8)] for first in range(0, 200, 8)]
    return [array.max((1, 2)).tolist() for array in arrays] == expected and [
        array.min((1, 2)).tolist() for array in arrays
    ] == expected


HELD = {
    "list of the plain loop": lambda loader: list(loader()),
    "memoryviews": lambda loader: [memoryview(batch) for batch in loader()],
    "slices": lambda loader: [batch[:5][3:] for batch in loader()],
    "tensors": lambda loader: [tf.convert_to_tensor(batch) for batch in loader()],
    "list": lambda loader: list(loader.dataset()),
    "arrays": lambda loader: list(loader.dataset().as_numpy_iterator()),
    "prefetch": lambda loader: list(loader.dataset().prefetch(5)),
    "cache": lambda loader: [list(epoch) for epoch in [loader.dataset().cache()] * 2][1],
    "no prefetch": lambda loader: list(loader.dataset().with_options(no_prefetch())),
    "map": lambda loader: list(
        loader.dataset().map(lambda batch: batch, num_parallel_calls=tf.data.AUTOTUNE)
    ),
    "map in place": lambda loader: [
        batch - 1 for batch in loader.dataset().map(lambda batch: batch + 1)
    ],
    "unbatch": lambda loader: list(loader.dataset().unbatch().batch(8)),
    "rebatch": lambda loader: list(loader.dataset().rebatch(100).rebatch(8)),
    "batch": lambda loader: [batch for batches in loader.dataset().batch(5) for batch in batches],
    "window": lambda loader: [
        batch for window in loader.dataset().window(3) for batch in list(window)
    ],
    "take": lambda loader: list(loader.dataset().take(10)) + list(loader.dataset().skip(10)),
}


def no_prefetch():
    options = tf.data.Options()
    options.experimental_optimization.inject_prefetch = False
    return options


@pytest.mark.parametrize("held", HELD)
def test_what_is_held_is_never_overwritten(held):
    for loader in loaders():
        batches = HELD[held](loader)
        if held == "slices":
            assert [batch.max() for batch in batches] == [
                (first + 4) % 251 for first in range(0, 200, 8)
            ]
            continue
        list(loader())
        list(loader.dataset())
        assert intact(batches)


def test_shuffled_batches_are_whole():
    for loader in loaders():
        batches = list(loader.dataset().shuffle(9, seed=3))
        list(loader())
        assert intact(sorted(batches, key=lambda batch: range(200).index(int(batch[0, 0, 0]))))


def test_elements_of_a_training_step_are_whole():
    """A graph that works on the batches, while the loader goes on: buffers may be forwarded."""

    @tf.function
    def step(batch):
        return tf.reduce_max(tf.cast(batch, tf.int32) + 1, (1, 2)) - 1

    for loader in loaders():
        found = [step(batch) for batch in loader.dataset()]
        assert np.concatenate(found).tolist() == list(range(200))


def test_a_steady_consumer_costs_no_allocation_after_the_first_batches():
    for loader in loaders():
        (buffers,) = loader.buffers
        seen = set()
        for _ in range(4):
            for batch in loader():
                assert address(batch) % 64 == 0
                seen.add(address(batch))
        assert buffers.allocated <= loader.under_way + 3
        assert len(seen) <= buffers.allocated
        before = buffers.allocated
        for batch in loader():
            assert address(batch) in seen
        assert buffers.allocated == before


def test_tensorflow_takes_batches_without_a_copy():
    for loader in loaders():
        addresses = set()

        def noted(loader=loader, addresses=addresses):
            for batch in loader():
                addresses.add(address(batch))
                yield batch

        dataset = tf.data.Dataset.from_generator(noted, output_signature=loader.output_signature)
        for batch in dataset:
            assert address(np.asarray(memoryview(batch))) in addresses


def test_a_second_epoch_through_tensorflow_allocates_little():
    for loader in loaders():
        dataset, (buffers,) = loader.dataset().prefetch(2), loader.buffers
        for _ in range(2):
            for _ in dataset:
                pass
        before = buffers.allocated
        for _ in range(3):
            for _ in dataset:
                pass
        assert buffers.allocated <= before + 2, "of 75 batches"


def test_memory_is_let_go_with_the_list_that_held_it():
    loader = ThreadLoader(write_large, range(4000), LARGE, 8, into=True)
    (buffers,) = loader.buffers
    held = list(loader())
    assert buffers.allocated >= 500
    assert len(buffers._kept) <= buffers.recent
    del held
    list(islice(loader(), 100))
    assert len(buffers._kept) <= buffers.recent


def test_two_epochs_at_once_share_memory_and_nothing_else():
    loader = ThreadLoader(write_large, range(200), LARGE, 8, threads=3, into=True)
    pairs = list(zip(loader(), loader()))
    assert intact([one for one, _ in pairs])
    assert intact([other for _, other in pairs])
    with switching_often():
        for (one, other), batch in zip(zip(loader(), loader()), pairs):
            assert np.array_equal(one, batch[0])
            assert np.array_equal(other, batch[0])
    zipped = tf.data.Dataset.zip(loader.dataset(), loader.dataset())
    both = list(zipped)
    assert intact([one for one, _ in both])
    assert intact([other for _, other in both])


@pytest.mark.parametrize("ends", ["function", "function, raise", "items"])
def test_an_epoch_left_early_leaves_nothing_to_the_garbage_collector(ends):
    far = threading.Event()

    def items():
        yield from range(14)
        far.set()
        if ends == "items":
            raise Odd("no more")
        yield from range(14, 200)

    def function(item):
        if item > 8 and ends != "items":
            raise Odd(item)
        far.set() if item > 8 else None
        return large(item)

    errors = "raise" if ends.endswith("raise") else "skip"
    loader = ThreadLoader(function, items, LARGE, 4, threads=2, errors=errors)
    gc.collect()
    gc.disable()
    try:
        for number in range(20):
            epoch = loader()
            next(epoch)
            assert ends.endswith("raise") or far.wait(10)
            time.sleep(0.005)  # until items fail that are not examined
            epoch.close()
            del epoch
            if number == 2:
                before = loader.buffers[0].allocated
        alive = [one for one in gc.get_objects() if type(one) is thread_epoch.ThreadEpoch]
    finally:
        gc.enable()
    assert not alive
    assert loader.buffers[0].allocated <= before + 2


# Errors


class Odd(ValueError):
    pass


def odd_fails(item):
    if item % 5 == 3:
        raise Odd(f"{item} is bad")
    return item


def test_an_error_comes_after_the_elements_before_it_and_names_its_item():
    for batch_size, expected in ((None, [0, 1, 2]), (2, [[0, 1], [2]]), (8, [[0, 1, 2]])):
        loader = ThreadLoader(odd_fails, range(20), NUMBER, batch_size, threads=3)
        epoch = loader()
        found, caught = until_error(ItemError, epoch)
        assert found == expected
        error = caught.value
        assert str(error) == "Item 3 (3) failed: Odd: 3 is bad"
        assert (error.place, error.item, error.reason) == (3, "3", "Odd: 3 is bad")
        assert type(error.__cause__) is Odd
        names = [entry.name for entry in caught.traceback]
        assert "odd_fails" not in names
        assert error.__cause__.__traceback__ is not None
        assert str(pickle.loads(pickle.dumps(error))) == str(error)
        with pytest.raises(StopIteration):
            next(epoch)
        assert loader.left_out == {}


def test_an_element_that_does_not_fit_names_its_item():
    loader = ThreadLoader(lambda path: np.zeros((3,)), ["a.jpg", "b.jpg"], ROW, 2)
    with pytest.raises(ItemError) as caught:
        list(loader())
    assert str(caught.value) == (
        "Item 0 ('a.jpg') failed: WrongElement: found an array of shape (3,) and dtype float64, "
        "expected shape (3,) and dtype float32. Convert it with astype('float32'), if that is what "
        "you mean"
    )
    assert type(caught.value.__cause__) is WrongElement


def test_an_error_without_a_text_is_no_further_error():
    class Silent(Exception):
        def __str__(self):
            raise RuntimeError

    def function(item):
        raise Silent

    with pytest.raises(ItemError) as caught:
        list(ThreadLoader(function, [7], NUMBER)())
    assert str(caught.value) == "Item 0 (7) failed: Silent"


def test_a_long_item_is_cut_and_one_without_a_repr_is_no_further_error():
    class Silent:
        def __repr__(self):
            raise RuntimeError

    def function(item):
        raise ValueError

    for item, text in (
        (np.arange(500), "Item 0 (array([ 0, 1,"),
        (Silent(), "Item 0 (an object of type Silent) failed: ValueError"),
    ):
        with pytest.raises(ItemError) as caught:
            list(ThreadLoader(function, lambda item=item: [item], NUMBER)())
        assert str(caught.value).startswith(text)
        assert len(str(caught.value)) < 130


@pytest.mark.parametrize("batch_size", [None, 4])
def test_through_from_generator_the_text_names_item_and_reason(batch_size):
    dataset = ThreadLoader(odd_fails, range(20), NUMBER, batch_size).dataset()
    found, caught = until_error(tf.errors.OpError, dataset)
    assert "ItemError: Item 3 (3) failed: Odd: 3 is bad" in str(caught.value)
    assert found == ([[0, 1, 2]] if batch_size else [0, 1, 2])


def test_failed_items_are_left_out_and_batches_stay_full():
    loader = ThreadLoader(odd_fails, range(20), NUMBER, 6, errors="skip")
    for _ in range(2):
        assert numbers(loader()) == [
            [0, 1, 2, 4, 5, 6],
            [7, 9, 10, 11, 12, 14],
            [15, 16, 17, 19],
        ]
        assert list(loader.left_out) == [3, 8, 13, 18]
        assert loader.left_out[8] == LeftOut(8, "Odd: 8 is bad")
    loader.left_out.clear()
    assert len(loader.left_out) == 4
    epoch = loader()
    assert loader.left_out == {}, "a new epoch"
    next(epoch)
    assert list(loader.left_out) == [3, 8], "6, 7 or later fill the first batch"


def test_too_many_end_the_epoch_after_the_elements_before():
    loader = ThreadLoader(odd_fails, range(40), NUMBER, 4, errors="skip", at_most=3)
    found, caught = until_error(TooManyLeftOut, loader())
    assert found == [[0, 1, 2, 4], [5, 6, 7, 9], [10, 11, 12, 14], [15, 16, 17]]
    assert str(caught.value) == (
        "4 of the first 19 items failed, and 3 may be left out. item 3 (3): Odd: 3 is bad; item 8 "
        "(8): Odd: 8 is bad; item 13 (13): Odd: 13 is bad; 1 more, see left_out. Mend or remove "
        "them, or raise at_most."
    )
    assert type(caught.value.__cause__) is Odd
    assert list(loader.left_out) == [3, 8, 13, 18]
    assert len(list(ThreadLoader(odd_fails, range(40), NUMBER, errors="skip", at_most=8)())) == 32


def test_if_every_item_fails_that_is_an_error():
    loader = ThreadLoader(odd_fails, [3, 8], NUMBER, 4, errors="skip")
    with pytest.raises(TooManyLeftOut, match="Every item failed, all 2, so the epoch has no elem"):
        list(loader())


@pytest.mark.parametrize("errors", ["raise", "skip"])
@pytest.mark.parametrize("batch_size", [None, 4])
def test_a_source_that_raises_says_so_after_what_it_gave(errors, batch_size):
    def items():
        yield from (0, 1, 2, 4, 5)
        raise Odd("no more")

    loader = ThreadLoader(odd_fails, items, NUMBER, batch_size, errors=errors)
    found, caught = until_error(SourceError, loader())
    assert found == ([[0, 1, 2, 4], [5]] if batch_size else [0, 1, 2, 4, 5])
    assert str(caught.value) == "The items raised after 5 had been drawn: Odd: no more"
    assert type(caught.value.__cause__) is Odd


def test_a_function_for_items_that_cannot_begin_says_so():
    made = iter([1, 2, 3])

    def used_up():
        return made

    def stops():
        raise StopIteration

    for items, text in (
        (lambda: None, "returned None"),
        (lambda: 7, "returned 7"),
        (stops, "raised after none had been drawn: StopIteration"),
    ):
        with pytest.raises(SourceError, match=text):
            list(ThreadLoader(odd_fails, items, NUMBER)())
    loader = ThreadLoader(odd_fails, used_up, NUMBER)
    assert [int(number) for number in islice(loader(), 2)] == [1, 2]
    with pytest.raises(SourceError, match=r"an epoch before has used up. Make it inside the func"):
        list(loader())


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("errors", ["raise", "skip"])
def test_what_is_meant_to_end_the_program_is_never_left_out(kind, errors):
    def function(item):
        if item == 5:
            raise kind("now")
        return item

    def items():
        yield from range(3)
        raise kind("now")

    for function_, items_ in ((function, range(20)), (odd_fails, items)):
        with pytest.raises(kind, match="now"):
            list(ThreadLoader(function_, items_, NUMBER, 2, errors=errors)())


def test_stop_iteration_in_the_function_ends_nothing_in_silence():
    with pytest.raises(ItemError, match=r"Item 0 .* failed: StopIteration"):
        list(ThreadLoader(lambda item: next(iter(())), range(5), NUMBER)())


def test_an_error_ends_the_drawing():
    drawn = []

    def items():
        for number in range(1000):
            drawn.append(number)
            yield number

    with pytest.raises(ItemError):
        list(ThreadLoader(odd_fails, items, NUMBER, 4, threads=2)())
    assert len(drawn) < 20


# The end


class Opened:
    """Items that can be closed, such as an open file."""

    def __init__(self):
        self.number, self.closed = 0, False

    def __iter__(self):
        return self

    def __next__(self):
        self.number += 1
        return self.number

    def close(self):
        self.closed = True


def test_what_the_function_for_the_items_opened_is_closed_and_let_go():
    opened, log = [], []

    def items():
        opened.append(Opened())
        weakref.finalize(opened[-1], log.append, "let go")
        return opened[-1]

    loader = ThreadLoader(lambda item: item, items, NUMBER, 2, threads=2)
    epoch = loader()
    next(epoch)
    epoch.close()
    assert opened[0].closed
    del epoch
    opened.clear()
    assert log == ["let go"]


@pytest.mark.parametrize("most", [0, 1, 2])
def test_where_no_further_thread_can_start_the_epoch_ends_at_once(monkeypatch, most):
    monkeypatch.setattr(thread_epoch, "PATIENCE", 5)
    start, begun, calls = threading.Thread.start, [], []

    def start_few(thread):
        if thread.name.startswith("loader"):
            if len(begun) == most:
                raise RuntimeError("can't start new thread")
            begun.append(thread)
        start(thread)

    def function(item):
        calls.append(item)
        time.sleep(0.05)
        return item

    loader = ThreadLoader(function, range(40), NUMBER, 8, threads=3)
    monkeypatch.setattr(threading.Thread, "start", start_few)
    began = time.monotonic()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeError, match="can't start new thread"):
            list(loader())
    assert time.monotonic() - began < 4
    assert not loader_threads()
    assert len(calls) < 8
    monkeypatch.setattr(threading.Thread, "start", start)
    assert len(list(loader())) == 5


def test_no_task_is_given_to_the_executor_once_the_epoch_is_left(monkeypatch):
    monkeypatch.setattr(thread_epoch, "TURN", 0)
    at_work, late = threading.Barrier(3), []

    def function(item):
        if item in (4, 5):
            at_work.wait(10)
            while not of_epoch.ended:
                time.sleep(0.001)
        return item

    epoch = ThreadLoader(function, range(100), NUMBER, 2, threads=2)()
    next(epoch)
    of_epoch = epoch.gi_frame.f_locals["self"]
    submit = of_epoch.executor.submit

    def noted(task):
        late.append(of_epoch.ended)
        return submit(task)

    monkeypatch.setattr(of_epoch.executor, "submit", noted)
    at_work.wait(10)
    epoch.close()
    assert not any(late)


def test_only_what_is_at_work_is_named(monkeypatch):
    monkeypatch.setattr(thread_epoch, "PATIENCE", 0.2)
    blocks, go_on = threading.Event(), threading.Event()

    def items():
        yield from range(8)
        blocks.set()
        go_on.wait(30)

    def function(item):
        time.sleep(0.002)
        return item

    epoch = ThreadLoader(function, items, NUMBER, 4, threads=4)()
    assert numbers(islice(epoch, 2)) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert blocks.wait(10)
    with pytest.warns(RuntimeWarning) as warned:
        epoch.close()
    assert [str(one.message) for one in warned] == [
        "The epoch was left 0.2 s ago, and its threads are still at work: the items, which give no "
        "next one. Nothing can end them from outside: they end when that returns, and the "
        "interpreter can't exit before."
    ]
    go_on.set()
    end = time.monotonic() + 10
    while loader_threads():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_leaving_waits_for_functions_at_work_and_closes_the_source():
    log, began = [], threading.Event()

    def items():
        try:
            yield from range(100)
        finally:
            log.append("closed")

    def function(item):
        began.set()
        time.sleep(0.05)
        log.append("returned")
        return item

    epoch = ThreadLoader(function, items, NUMBER, 2, threads=2)()
    threading.Thread(target=began.wait).start()
    next(epoch)
    epoch.close()
    assert log[-1] == "closed"
    length = len(log)
    time.sleep(0.1)
    assert len(log) == length


def test_a_forgotten_epoch_ends_its_threads():
    epoch = ThreadLoader(pair, range(100), PAIR, 4, threads=2)()
    next(epoch)
    assert "loader-1_0" in loader_threads()
    del epoch
    assert not loader_threads()


def test_an_epoch_that_is_collected_in_its_own_thread_waits_for_nothing(monkeypatch):
    monkeypatch.setattr(thread_epoch, "PATIENCE", 60)
    forgotten, collected = threading.Event(), threading.Event()

    def function(item):
        if item == 6:
            forgotten.wait(30)
            gc.collect()
            collected.set()
        return item

    gc.disable()
    try:
        epoch = ThreadLoader(function, range(1000), NUMBER, 2, threads=1)()
        next(epoch)
        circle = [epoch]
        circle.append(circle)
        del epoch, circle
        forgotten.set()
        assert collected.wait(10)
    finally:
        gc.enable()
    end = time.monotonic() + 10
    while loader_threads():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("blocks", ["function", "items"])
def test_what_never_returns_is_named_and_left(monkeypatch, blocks):
    monkeypatch.setattr(thread_epoch, "PATIENCE", 0.2)
    go_on = threading.Event()

    def items():
        yield from range(8)
        if blocks == "items":
            go_on.wait(30)
        yield from range(8, 100)

    def function(item):
        if blocks == "function" and item == 8:
            go_on.wait(30)
        return item

    epoch = ThreadLoader(function, items, NUMBER, 4, threads=2)()
    assert [next(epoch).tolist() for _ in range(2)] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    time.sleep(0.05)
    began = time.monotonic()
    what = "the function, with 8" if blocks == "function" else "the items, which give no next one"
    with pytest.warns(RuntimeWarning, match=f"left 0.2 s ago.* still at work: {what}. Nothing"):
        epoch.close()
    assert time.monotonic() - began < 5
    go_on.set()
    end = time.monotonic() + 10
    while loader_threads():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_loader_may_draw_from_another_one():
    inner = ThreadLoader(odd_fails, lambda: range(3), NUMBER, threads=2)
    outer = ThreadLoader(lambda item: int(item) * 10, inner, NUMBER, 2, threads=2)
    assert [numbers(outer()) for _ in range(2)] == [[[0, 10], [20]]] * 2
    epoch = outer()
    next(epoch)
    epoch.close()
    assert not loader_threads()


# In TensorFlow


def test_a_dataset_begins_anew_each_epoch_and_knows_its_length():
    loader = ThreadLoader(pair, range(10), PAIR, 4)
    dataset = loader.dataset()
    assert len(dataset) == len(loader) == 3
    assert dataset.element_spec == loader.output_signature
    assert dataset.element_spec[0] == tf.TensorSpec((None, 3), tf.float32)
    for _ in range(2):
        assert [labels.numpy().tolist() for _, labels in dataset] == [
            [0, 1, 2, 3],
            [4, 5, 6, 7],
            [8, 9],
        ]
    assert len(list(dataset.repeat(3))) == 9


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "bool", "complex64", "uint16"])
def test_output_signature_has_the_dtype_of_the_signature(dtype):
    signature = tf.TensorSpec((2,), dtype)
    loader = ThreadLoader(
        lambda item: np.zeros(2, signature.dtype.as_numpy_dtype), range(3), signature, 2
    )
    assert loader.output_signature == tf.TensorSpec((None, 2), dtype)
    assert [batch.dtype for batch in loader.dataset()] == [signature.dtype] * 2


def test_unknown_sizes_and_singles():
    signature = tf.TensorSpec((None, 2), tf.float32)
    loader = ThreadLoader(lambda item: np.zeros((item, 2), "float32"), range(1, 4), signature)
    assert loader.output_signature == signature
    assert [tuple(element.shape) for element in loader.dataset()] == [(1, 2), (2, 2), (3, 2)]


def test_length_is_known_where_nothing_can_change_it():
    assert len(ThreadLoader(pair, range(10), PAIR)) == 10
    assert bool(ThreadLoader(pair, [], PAIR))
    for loader in (
        ThreadLoader(pair, lambda: range(10), PAIR),
        ThreadLoader(pair, range(10), PAIR, errors="skip"),
        ThreadLoader(pair, Items(3, None), PAIR),
    ):
        with pytest.raises(TypeError, match="not known before its end"):
            len(loader)
        assert loader.dataset().cardinality() == tf.data.UNKNOWN_CARDINALITY
        assert len(list(loader.dataset())) == len(list(loader()))


def test_keras_trains_on_it():
    model = tf.keras.Sequential([tf.keras.Input((3,)), tf.keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    loader = ThreadLoader(pair, range(10), PAIR, 4)
    history = model.fit(loader.dataset(), epochs=2, verbose=0, shuffle=False)
    assert len(history.history["loss"]) == 2


def test_importing_it_does_not_import_tensorflow(ask_python):
    loaded = ask_python(
        "import sys, json, course_utils.feeding.threads\n"
        "from course_utils.feeding.threads import ThreadLoader\n"
        "import numpy as np\n"
        "list(ThreadLoader(lambda item: item, range(5), np.zeros((), int), 2)())\n"
        "print(json.dumps([name for name in ('tensorflow', 'keras', 'cv2', 'matplotlib') "
        "if name in sys.modules]))"
    )
    assert loaded == []


# Arguments


@pytest.mark.parametrize(
    ("more", "kind", "text"),
    [
        ({"function": 3}, TypeError, "function must be a function of one item, found 3"),
        ({"items": "abc"}, TypeError, "found a single text: 'abc'"),
        ({"items": iter([1])}, TypeError, "used up after one epoch. Give a list, or a function"),
        ({"items": (x for x in "a")}, TypeError, "of type generator that is used up after one"),
        ({"items": 7}, TypeError, "items is 7, which can't be iterated. Give a list or the like"),
        ({"items": {"a": 1}}, TypeError, "items is a dict. Give its keys, values or items"),
        ({"signature": [ROW]}, TypeError, "The signature is a list of 1, and a tf.TensorSpec"),
        ({"batch_size": 0}, ValueError, "batch_size must be 1 or more, found 0"),
        ({"batch_size": 2.0}, TypeError, "batch_size must be a whole number, found 2.0"),
        ({"threads": 0}, ValueError, "threads must be 1 or more, found 0"),
        ({"ahead": 0}, ValueError, "ahead must be 1 or more, found 0"),
        ({"ahead": True}, TypeError, "ahead must be a whole number, found True"),
        ({"errors": "ignore"}, ValueError, 'errors must be "raise" or "skip", found \'ignore\''),
        ({"errors": "skip", "at_most": -1}, ValueError, "at_most must be 0 or more, found -1"),
        ({"at_most": 3}, ValueError, 'at_most says how many items errors="skip" may leave out'),
        (
            {"signature": (ROW, tf.TensorSpec((None, 3), tf.uint8)), "batch_size": 2},
            ValueError,
            r"signature\[1\] has a size that is not known \(shape \(None, 3\) and dtype uint8\)",
        ),
        (
            {"signature": tf.TensorSpec(None, tf.uint8), "into": True},
            ValueError,
            r"The signature has a size that is not known \(any shape and dtype uint8\)",
        ),
    ],
)
def test_what_does_not_fit_is_refused_at_once(more, kind, text):
    arguments = {"function": pair, "items": range(3), "signature": PAIR} | more
    with pytest.raises(kind, match=text):
        ThreadLoader(**arguments)
