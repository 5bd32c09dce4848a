import gc
import itertools
import json
import math
import mmap
import multiprocessing
import os
import random
import re
import signal
import sys
import threading
import time
import traceback
import weakref
from collections import Counter
from contextlib import contextmanager
from functools import partial
from itertools import islice
from multiprocessing import resource_tracker
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.feeding import process_epoch, processes, shared_batches, worker_server
from course_utils.feeding.cores import usable_cores
from course_utils.feeding.processes import (
    ItemError,
    LeftOut,
    NoRoom,
    ProcessLoader,
    SourceError,
    TooManyLeftOut,
    WorkerError,
    WorkerLost,
    WrongElement,
    safe_start_method,
)
from course_utils.feeding.threads import ThreadLoader

sys.path.append(str(Path(__file__).parent))  # for workers, too

import process_functions
from process_functions import Boxes, Odd, large, odd_fails, pair, same, travelled, write_large

pytestmark = pytest.mark.skipif(os.name != "posix", reason="most of them fork")

NUMBER = tf.TensorSpec((), tf.int64)
FRACTION = tf.TensorSpec((), tf.float64)
ROW = tf.TensorSpec((3,), tf.float32)
TEXT = tf.TensorSpec((), tf.string)
PAIR = (ROW, tf.TensorSpec((), tf.int32))
LARGE = tf.TensorSpec((64, 64), tf.uint8)
START_METHODS = ["fork", "forkserver", "spawn"]
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")


there_before = set()  # processes of other tests, and those that `ask` keeps


def children():
    """The processes that this test has started, but for the helpers that stay."""
    helpers = {worker_server.pid(), resource_tracker._resource_tracker._pid}
    found = {child.pid for child in psutil.Process().children(recursive=True)}
    return found - helpers - there_before


@pytest.fixture(autouse=True)
def _no_process_is_left():
    there_before.clear()
    there_before.update(children())
    yield
    if children():  # a failed test's traceback may hold an epoch
        gc.collect()
    until(lambda: not children(), "the processes have ended", limit=5)


def until(condition, what="it is so", limit=20):
    """Wait for it; in workers, too."""
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end, f"not yet: {what}"
        time.sleep(0.001)


def forked(function, items, signature, batch_size=None, **more):
    """A loader whose processes start in no time, and take any function."""
    return ProcessLoader(
        function, items, signature, batch_size, **{"start_method": "fork", "processes": 2} | more
    )


def shared(count):
    """Numbers that forked workers share with this process."""
    return np.frombuffer(mmap.mmap(-1, 8 * count), np.int64)


@pytest.fixture
def kept():
    """Make persistent loaders that are closed after the test."""
    made = []

    def make(*arguments, **more):
        made.append(forked(*arguments, **more, persistent=True))
        return made[-1]

    yield make
    for loader in made:
        loader.close()


@pytest.fixture(scope="module")
def ask():
    """Ask a worker, which wasn't forked, what expressions are worth there."""
    questions = ["1"] * 2

    def answers(*expressions):
        questions[:] = expressions
        return [json.loads(text) for text in loader()]

    loader = ProcessLoader(
        process_functions.evaluated, lambda: questions, TEXT, processes=2, persistent=True
    )
    answers(*questions)
    yield answers
    loader.close()


def until_error(kind, epoch):
    """The elements before the error, and the error."""
    found = []

    def draw():
        for value in epoch:
            found.append(np.asarray(value).tolist())

    with pytest.raises(kind) as caught:
        draw()
    return found, caught


def numbers(batches):
    return [batch.tolist() for batch in batches]


def pids(loader):
    return {int(pid) for pid in loader()}


@contextmanager
def no_collection():
    """What goes without the garbage collector goes at once."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


# What arrives


@pytest.mark.parametrize("start_method", START_METHODS)
def test_batches_are_whole_and_in_order_every_epoch(start_method):
    loader = ProcessLoader(
        pair, range(10), PAIR, 4, processes=2, start_method=start_method, persistent=True
    )
    for _ in range(3):
        batches = list(loader())
        assert [rows.shape for rows, _ in batches] == [(4, 3), (4, 3), (2, 3)]
        assert [rows.dtype for rows, _ in batches] == ["float32"] * 3
        assert [labels.tolist() for _, labels in batches] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
        assert all((rows == labels[:, None]).all() for rows, labels in batches)
    loader.close()


def test_single_elements_arrive_as_the_function_returned_them():
    singles = list(forked(pair, range(9), PAIR)())
    for number, (row, label) in enumerate(singles):
        assert (row.shape, row.dtype) == ((3,), "float32")
        assert row.tolist() == [number] * 3
        assert type(label) is np.int32
        assert label == number
    assert len(singles) == 9


def test_structure_is_that_of_the_signature():
    signature = {"b": (ROW, Boxes(ROW, NUMBER)), "a": TEXT}
    loader = ProcessLoader(process_functions.structured, [7, 8], signature, 2, processes=1)
    (batch,) = loader()
    assert list(batch) == ["b", "a"]
    assert batch["a"].tolist() == ["é7", "é8"]
    assert batch["b"][0].tolist() == [[7, 0, 0], [8, 0, 0]]
    assert type(batch["b"][1]) is Boxes
    assert batch["b"][1].corners.tolist() == [[1, 2, 3]] * 2
    assert batch["b"][1].count.tolist() == [7, 8]
    assert loader.output_signature["b"][1] == Boxes(
        tf.TensorSpec((None, 3), tf.float32), tf.TensorSpec((None,), tf.int64)
    )


def test_structure_arrives_in_tensorflow():
    signature = {"b": (ROW, Boxes(ROW, NUMBER)), "a": TEXT}
    singles, batches = (
        forked(process_functions.structured, [7, 8], signature, size) for size in (None, 2)
    )
    (batch,) = batches.dataset().as_numpy_iterator()
    assert batch["a"].tolist() == ["é7".encode(), "é8".encode()]
    assert batch["b"][1].count.tolist() == [7, 8]
    assert [single["a"] for single in singles.dataset()] == ["é7".encode(), "é8".encode()]


def test_every_dtype_crosses():
    dtypes = ["bfloat16", "float16", "float64", "uint16", "int8", "complex64", "bool"]
    signature = tuple(tf.TensorSpec((), dtype) for dtype in dtypes)
    items = [(1.5, 2.5, 0.1, 65535, -128, 1 + 2j, True), (2.0, 0.5, 1e300, 0, 127, 1j, False)]
    loader = ProcessLoader(same, items, signature, 2, processes=1)
    (batch,) = loader()
    assert [array.dtype for array in batch] == [
        tf.as_dtype(dtype).as_numpy_dtype for dtype in dtypes
    ]
    assert list(zip(*(array.tolist() for array in batch))) == items
    assert [spec.dtype for spec in loader.output_signature] == dtypes


def test_unknown_sizes_and_text_arrive_singly():
    signature = (tf.TensorSpec((None, 2), tf.float32), TEXT, tf.TensorSpec((2,), tf.string), NUMBER)

    def function(item):
        return np.full((item, 2), item, "float32"), f"é{item}", [b"raw", str(item)], item

    loader = forked(function, range(5), signature)
    for number, (rows, text, texts, count) in enumerate(loader()):
        assert (rows.shape, rows.dtype, text) == ((number, 2), "float32", f"é{number}")
        assert (rows == number).all()
        assert texts.tolist() == [b"raw", str(number)]
        assert (type(count), count) == (np.int64, number)
    assert loader.output_signature == signature
    arrived = list(loader.dataset())
    assert [tuple(rows.shape) for rows, *_ in arrived] == [(number, 2) for number in range(5)]
    assert [text for _, text, *_ in arrived] == [f"é{number}".encode() for number in range(5)]


def test_any_shape_arrives_singly():
    shapes = [(), (3,), (2, 0), (1, 2, 3)]
    loader = forked(lambda shape: np.ones(shape), shapes, tf.TensorSpec(None, tf.float64))
    assert [np.asarray(value).shape for value in loader()] == shapes
    assert [np.asarray(value).sum() for value in loader()] == [1, 3, 0, 6]


def test_a_tensor_without_elements_arrives():
    signature = (tf.TensorSpec((0, 2), tf.float32), NUMBER)
    loader = forked(lambda item: (np.zeros((0, 2), "float32"), item), range(5), signature, 2)
    assert [(empty.shape, labels.tolist()) for empty, labels in loader()] == [
        ((2, 0, 2), [0, 1]),
        ((2, 0, 2), [2, 3]),
        ((1, 0, 2), [4]),
    ]


def test_into_writes_the_rows_of_the_batch():
    def function(item, out):
        row, label, text = out
        assert row.flags.c_contiguous
        row[:] = item
        label[...] = item
        text[...] = f"é{item}"

    signature = (*PAIR, TEXT)
    batches = list(forked(function, range(5), signature, 2, into=True)())
    assert [labels.tolist() for _, labels, _ in batches] == [[0, 1], [2, 3], [4]]
    assert [texts.tolist() for *_, texts in batches] == [["é0", "é1"], ["é2", "é3"], ["é4"]]
    singles = list(forked(function, range(5), signature, into=True)())
    assert [(row.tolist(), int(label), text) for row, label, text in singles] == [
        ([number] * 3, number, f"é{number}") for number in range(5)
    ]
    assert type(singles[0][1]) is np.int32


def test_a_function_that_returns_another_array_than_out_is_told():
    for signature, function in (
        (LARGE, lambda item, out: large(item)),
        (PAIR, lambda item, out: pair(item)),
        (NUMBER, lambda item, out: item),
    ):
        loader = forked(function, range(5), signature, 2, into=True)
        with pytest.raises(ItemError, match=r"`out` was not written.*Write into `out`, and"):
            list(loader())


def test_items_may_come_from_a_function_that_is_called_once_an_epoch():
    calls = []

    def items():
        calls.append(1)
        yield from range(len(calls) * 3)

    loader = forked(same, items, NUMBER, 4)
    assert numbers(loader()) == [[0, 1, 2]]
    assert numbers(loader()) == [[0, 1, 2, 3], [4, 5]]
    assert len(calls) == 2


@pytest.mark.parametrize(
    "items",
    [[5, 6, 7], (5, 6, 7), range(5, 8), np.array([5, 6, 7]), {5: "", 6: "", 7: ""}.keys()],
)
def test_items_may_be_whatever_can_be_iterated_anew(items, kept):
    loader = kept(int, items, NUMBER, 2)
    assert [numbers(loader()) for _ in range(2)] == [[[5, 6], [7]]] * 2


def test_no_items_are_an_empty_epoch_without_a_process(kept):
    loader = kept(pair, lambda: iter(()), PAIR)
    for _ in range(2):
        assert list(loader()) == []
        assert not children()
    assert list(forked(pair, [], PAIR, 4)()) == []


def test_more_processes_than_items():
    loader = forked(same, range(2), NUMBER, 4, processes=5)
    assert [numbers(loader()) for _ in range(2)] == [[[0, 1]]] * 2


def test_a_loader_may_draw_from_another_one():
    inner = forked(odd_fails, lambda: range(3), NUMBER)
    outer = forked(lambda item: int(item) * 10, inner, NUMBER, 2)
    assert [numbers(outer()) for _ in range(2)] == [[[0, 10], [20]]] * 2
    epoch = outer()
    next(epoch)
    epoch.close()
    assert not children()


# The property that all of them share


class Items:
    """Numbers, and where asked for an error instead of one."""

    def __init__(self, count, breaks):
        self.count, self.breaks = count, breaks

    def __iter__(self):
        for number in range(self.count):
            if number == self.breaks:
                raise ValueError("broken source")
            yield number


def taken(loader):
    """The elements of an epoch, how it ended, and which items were left out."""
    values, end = [], None
    try:
        for value in loader():
            values.append(value.tolist())
    except (ItemError, SourceError, TooManyLeftOut) as error:
        end = type(error)
    return values, end, {place: left.item for place, left in loader.left_out.items()}


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(0, 40),
    failing=st.sets(st.integers(0, 40), max_size=12),
    breaks=st.none() | st.integers(0, 40),
    workers=st.integers(1, 3),
    ahead=st.integers(1, 4),
    batch_size=st.none() | st.integers(1, 9),
    ordered=st.booleans(),
    skip=st.booleans(),
    at_most=st.none() | st.integers(0, 6),
    into=st.booleans(),
    persistent=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_any_loader_gives_what_one_thread_gives(
    count,
    failing,
    breaks,
    workers,
    ahead,
    batch_size,
    ordered,
    skip,
    at_most,
    into,
    persistent,
    seed,
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

    more = {
        "ahead": ahead,
        "errors": "skip" if skip else "raise",
        "at_most": at_most if skip else None,
        "into": into,
    }
    arguments = function, Items(count, breaks), NUMBER, batch_size
    values, end, left_out = taken(ThreadLoader(*arguments, threads=1, **more))
    loader = forked(*arguments, processes=workers, ordered=ordered, persistent=persistent, **more)
    for _ in range(1 + persistent):
        found, found_end, found_left_out = taken(loader)
        if ordered:
            assert (found, found_end, found_left_out) == (values, end, left_out)
            continue
        assert all(place == item for place, item in found_left_out.items())
        flat = found, values
        if batch_size:
            assert all(len(batch) == batch_size for batch in found[:-1])
            flat = [[one for batch in some for one in batch] for some in flat]
        if end in (None, SourceError):
            assert (Counter(flat[0]), found_end) == (Counter(flat[1]), end)
            assert found_left_out == left_out
        else:  # what was finished before the error is a matter of chance
            assert found_end in (ItemError, TooManyLeftOut, SourceError)
            assert not Counter(flat[0]) - Counter(set(range(count)) - failing)
    loader.close()


# Processes


def test_processes_start_with_the_first_element_and_end_with_the_last(kept):
    loader = forked(process_functions.process, range(12), NUMBER, processes=3)
    epoch = loader()
    assert not children()
    first = int(next(epoch))
    assert len(children()) == 3
    assert first in children()
    list(epoch)
    assert not children()


def test_as_many_as_there_are_usable_cores():
    assert ProcessLoader(same, range(3), NUMBER).workers == usable_cores()


@pytest.mark.parametrize("batch_size", [None, 1, 3])
def test_functions_run_at_the_same_time(batch_size):
    at_work = shared(3)

    def function(item):
        at_work[item % 3] = 1
        until(at_work.all, "three are at work")
        return os.getpid()

    items = range(0, 3) if batch_size != 3 else [0, 0, 0, 1, 1, 1, 2, 2, 2]
    loader = forked(function, items, NUMBER, batch_size, processes=3)
    found = [set(np.atleast_1d(batch).tolist()) for batch in loader()]
    assert [len(one) for one in found] == [1] * 3
    assert len(set.union(*found)) == 3


def test_epochs_have_processes_of_their_own():
    loader = forked(process_functions.process, range(12), NUMBER)
    first, second = pids(loader), pids(loader)
    assert len(first) == len(second) == 2
    assert not first & second


def test_persistent_processes_serve_every_epoch_until_closed(kept):
    loader = kept(process_functions.process, range(12), NUMBER)
    first = pids(loader)
    assert children() == first
    for _ in range(3):
        assert pids(loader) == first
    loader.close()
    assert not children()
    loader.close()
    second = pids(loader)
    assert not first & second
    assert children() == second


def test_persistent_processes_outlive_an_early_stop_and_an_error(kept):
    loader = kept(lambda item: 1 // (item - 8) and os.getpid(), range(20), NUMBER, 2)
    for _ in range(3):
        with pytest.raises(ItemError):
            list(loader())
        before = children()
        next(loader())
        assert children() == before
    assert len(before) == 2


def test_a_new_epoch_begins_while_the_one_before_is_still_computed(kept):
    go_on = shared(1)

    def function(item):
        if item[0] == 0 and item[1] > 1:
            until(go_on.any)
        return item[0] * 100 + item[1]

    loader = kept(function, lambda: [(len(begun), place) for place in range(12)], NUMBER)
    begun = []
    epoch = loader()
    assert [int(next(epoch)) for _ in range(2)] == [0, 1]
    epoch.close()
    begun.append(1)
    epoch = loader()
    threading.Timer(0.1, lambda: go_on.fill(1)).start()
    assert numbers(epoch) == [100 + place for place in range(12)]


def test_close_in_the_middle_of_an_epoch_keeps_nothing_after_it(kept):
    loader = kept(same, range(100), NUMBER, 4)
    epoch = loader()
    next(epoch)
    loader.close()
    assert len(children()) == 2, "the epoch goes on"
    assert len(list(epoch)) == 24
    assert not children()
    for _ in range(2):
        list(loader())
        assert len(children()) == 2, "those of later epochs are kept"


def test_persistent_processes_end_with_their_loader():
    with no_collection():
        loader = forked(same, range(12), NUMBER, 2, persistent=True)
        list(loader())
        assert len(children()) == 2
        del loader
        assert not children()


def test_a_forgotten_epoch_in_a_cycle_takes_its_persistent_processes_along(kept):
    loader = kept(same, range(100), NUMBER, 4)
    with no_collection():
        epoch = loader()
        next(epoch)
        circle = [epoch]
        circle.append(circle)
        del epoch, circle
        gc.collect()
        assert not children()
        assert sum(int(batch.sum()) for batch in loader()) == sum(range(100))
        assert len(children()) == 2


def test_processes_end_with_the_interpreter(start_python):
    """Those of an epoch that goes on, and those that wait for the next one."""
    child = start_python(
        "import sys, json, psutil, numpy as np\n"
        f"sys.path.append({str(Path(__file__).parent)!r})\n"
        "from course_utils.feeding.processes import ProcessLoader\n"
        "from process_functions import process\n"
        "waits, goes_on = (\n"
        "    ProcessLoader(process, range(40), np.zeros((), int), processes=1, persistent=True)\n"
        "    for _ in range(2)\n"
        ")\n"
        "pids = set(waits()) | {next(epoch := goes_on())}\n"
        "print(json.dumps([int(pid) for pid in pids]))\n"
    )
    out, err = child.communicate(timeout=60)
    assert (child.returncode, err) == (0, "")
    pids = json.loads(out)
    assert len(pids) == 2
    until(lambda: not any(psutil.pid_exists(pid) for pid in pids), "they have ended")


@pytest.mark.parametrize("start_method", ["forkserver", "spawn"])
def test_the_programs_own_processes_can_be_interrupted_as_before(start_python, start_method):
    child = start_python(
        "import sys, multiprocessing, numpy as np\n"
        f"sys.path.append({str(Path(__file__).parent)!r})\n"
        "from course_utils.feeding.processes import ProcessLoader\n"
        "from process_functions import blocked_signals, same\n"
        f"method = {start_method!r}\n"
        "number = np.zeros((), int)\n"
        "list(ProcessLoader(same, range(4), number, processes=1, start_method=method)())\n"
        "with multiprocessing.get_context(method).Pool(1) as pool:\n"
        "    print(pool.apply(blocked_signals))\n"
        "print(blocked_signals())\n"
    )
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out, err) == (0, "[]\n[]\n", "")


@pytest.mark.parametrize("after", [0.0, 0.1, 0.3])
def test_ctrl_c_does_not_end_workers_that_begin_where_the_program_goes_on(start_python, after):
    """As in a terminal, where all processes get it."""
    child = start_python(
        "import os, signal, sys, threading, time, numpy as np\n"
        f"sys.path.append({str(Path(__file__).parent)!r})\n"
        "from course_utils.feeding.processes import ProcessLoader\n"
        "from process_functions import same\n"
        "os.setpgrp()\n"
        "pressed = []\n"
        "signal.signal(signal.SIGINT, lambda *_: pressed.append(1))\n"
        f"threading.Timer({after}, lambda: os.killpg(0, signal.SIGINT)).start()\n"
        "loader = ProcessLoader(same, range(40), np.zeros((), int), 4, processes=2)\n"
        "count = len(list(loader()))\n"
        "while not pressed: time.sleep(0.01)\n"
        "print(count)\n"
    )
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out, err) == (0, "10\n", "")


@pytest.mark.skipif(not hasattr(signal, "SIGCHLD"), reason="this system has no such signal")
@pytest.mark.parametrize("start_method", ["fork", "forkserver"])
def test_an_epoch_ends_at_once_where_the_system_buries_the_children(start_python, start_method):
    child = start_python(
        "import signal, sys, time, numpy as np\n"
        f"sys.path.append({str(Path(__file__).parent)!r})\n"
        "from course_utils.feeding.processes import ProcessLoader\n"
        "from process_functions import same\n"
        "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
        f"more = {{'processes': 1, 'start_method': {start_method!r}}}\n"
        "epoch = ProcessLoader(same, range(4), np.zeros((), int), 4, **more)()\n"
        "next(epoch)\n"
        "began = time.process_time()\n"
        "list(epoch)\n"
        "print(time.process_time() - began)\n"
    )
    out, err = child.communicate(timeout=60)
    assert (child.returncode, err) == (0, "")
    assert float(out) < 1, "seconds of CPU: it waits for what has ended"


def test_a_forgotten_epoch_ends_its_processes():
    loader = forked(same, range(100), NUMBER, 4)
    with no_collection():
        epoch = loader()
        next(epoch)
        assert len(children()) == 2
        del epoch
        assert not children()
        epoch = loader()
        next(epoch)
        circle = [epoch]
        circle.append(circle)
        del epoch, circle
        assert len(children()) == 2
        gc.collect()
        assert not children()


def test_an_epoch_left_early_leaves_nothing_to_the_garbage_collector():
    def items():
        yield from range(30)
        raise Odd("no more")

    def function(item):
        return large(odd_fails(item))

    with no_collection():
        for items_, errors in ((range(60), "raise"), (range(60), "skip"), (items, "skip")):
            loader = forked(function, items_, LARGE, 2, errors=errors)
            for _ in range(3):
                epoch = loader()
                next(epoch)
                epoch.close()
                del epoch
        alive = [one for one in gc.get_objects() if type(one) is process_epoch.ProcessEpoch]
    assert not alive


def test_several_loaders_at_once(kept):
    loaders = [kept(large, range(first, 200, 2), LARGE, 8) for first in (0, 1)]
    for _ in range(2):
        for evens, odds in zip(*(loader() for loader in loaders), strict=True):
            assert (odds - evens == 1).all()
    assert len(children()) == 4


@pytest.mark.parametrize("persistent", [False, True])
def test_two_epochs_at_once_share_nothing(persistent):
    loader = forked(write_large, range(200), LARGE, 8, into=True, persistent=persistent)
    for _ in range(2):
        pairs = list(zip(loader(), loader(), strict=True))
        assert intact([one for one, _ in pairs])
        assert intact([other for _, other in pairs])
        assert len(children()) == 2 * persistent, "those of one epoch are kept"
    both = list(tf.data.Dataset.zip(loader.dataset(), loader.dataset()))
    assert intact([one for one, _ in both])
    assert intact([other for _, other in both])
    loader.close()


def test_a_loader_works_in_any_thread():
    found, loaders = [], []

    def make_and_use():
        loaders.append(forked(same, range(10), NUMBER, 4, persistent=True))
        found.append(numbers(loaders[0]()))

    def in_a_thread(function):
        thread = threading.Thread(target=function)
        thread.start()
        thread.join(30)
        assert not thread.is_alive()

    in_a_thread(make_and_use)
    found.append(numbers(loaders[0]()))
    in_a_thread(lambda: found.append(numbers(loaders[0]())))
    assert found == [[[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]] * 3
    assert len(children()) == 2
    in_a_thread(loaders[0].close)


def test_an_epoch_may_go_from_thread_to_thread():
    epoch, found = forked(same, range(8), NUMBER, 2)(), []
    for _ in range(4):
        thread = threading.Thread(target=lambda: found.append(next(epoch).tolist()))
        thread.start()
        thread.join(30)
    assert found == [[0, 1], [2, 3], [4, 5], [6, 7]]
    epoch.close()


# What a worker finds


def test_workers_are_what_they_are_said_to_be(ask):
    name = "multiprocessing.current_process().name"
    answers = ask(*[f"[{name}, multiprocessing.current_process().daemon]"] * 2)
    first, second = sorted(name for name, _ in answers)
    assert re.fullmatch(r"loader-\d+_0", first)
    assert second == first[:-1] + "1"
    assert [daemon for _, daemon in answers] == [True, True]
    assert ask("__import__('signal').getsignal(2) == __import__('signal').SIG_IGN") == [True]


def test_a_worker_that_is_ended_does_not_run_the_programs_own_handler():
    handled, begun = shared(1), shared(1)

    def function(item):
        begun[0] = 1
        time.sleep(60)

    before = signal.signal(signal.SIGTERM, lambda *_: handled.fill(1))
    try:
        epoch = forked(function, [0], NUMBER, processes=1)()
        thread = threading.Thread(target=lambda: until_error(WorkerLost, epoch))
        thread.start()
        until(begun.any, "the function runs")
        for pid in children():
            os.kill(pid, signal.SIGTERM)
        thread.join(20)
        assert not thread.is_alive()
        assert not handled.any()
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("start_method", ["fork", "forkserver"])
def test_a_loader_in_a_worker_is_refused(start_method):
    function = partial(process_functions.sum_of_a_loader, start_method)
    loader = forked(function, range(3), NUMBER, processes=1, start_method=start_method)
    _, caught = until_error(ItemError, loader())
    assert str(caught.value.__cause__) == (
        "An epoch was begun in a worker process, which can't have workers of its own. Use a "
        "ThreadLoader there."
    )


def test_workers_do_not_import_tensorflow(ask):
    for name in ("tensorflow", "keras", "matplotlib", "cv2"):
        assert ask(f"{name!r} in sys.modules") == [False], name


@pytest.mark.parametrize("start_method", START_METHODS)
def test_folder_and_environment_are_those_of_the_moment(start_method, tmp_path, monkeypatch, ask):
    """Also where the server that starts the processes was started long before."""
    asked = ["os.getcwd()", "os.environ.get('COURSE_TEST')", "os.environ.get('COURSE_OLD')"]
    loader = ProcessLoader(
        process_functions.evaluated, asked, TEXT, processes=1, start_method=start_method
    )
    for number in range(2):
        folder = tmp_path / f"é {number}"
        folder.mkdir()
        monkeypatch.chdir(folder)
        monkeypatch.setenv("COURSE_TEST", f"é {number}")
        found = [json.loads(text) for text in loader()]
        assert found == [str(folder), f"é {number}", None]


def test_a_variable_that_was_removed_is_gone_in_workers(monkeypatch, ask):
    """The server has it, since it was started in the middle of a test."""
    name = "PYTEST_CURRENT_TEST"
    assert name in forkserver_environment()
    monkeypatch.delenv(name)
    loader = ProcessLoader(
        process_functions.evaluated, [f"{name!r} in os.environ"], TEXT, processes=1
    )
    assert [json.loads(text) for text in loader()] == [False]


def forkserver_environment():
    return psutil.Process(worker_server.pid()).environ()


def test_opencv_has_one_thread_in_workers_and_as_many_as_before_here():
    before = cv2.getNumThreads()
    cv2.setNumThreads(3)
    try:
        function = partial(process_functions.called, cv2.getNumThreads)
        for start_method in ("fork", "forkserver"):
            loader = ProcessLoader(
                function, range(2), NUMBER, processes=1, start_method=start_method
            )
            assert [int(threads) for threads in loader()] == [1, 1]
        assert cv2.getNumThreads() == 3
    finally:
        cv2.setNumThreads(before)


@pytest.mark.timeout(60)
def test_a_fork_of_a_process_that_has_used_opencvs_threads_works():
    before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    try:
        photo = np.zeros((2000, 2000, 3), np.uint8)
        cv2.GaussianBlur(photo, (9, 9), 2)  # its helpers are there now
        loader = forked(lambda item: int(cv2.resize(photo, (2, 2)).sum()), range(4), NUMBER)
        assert [int(number) for number in loader()] == [0] * 4
    finally:
        cv2.setNumThreads(before)


def test_a_module_that_is_only_half_imported_is_no_reason_to_fail(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert numbers(forked(same, range(4), NUMBER, 2)()) == [[0, 1], [2, 3]]


def test_safe_start_method(monkeypatch):
    assert safe_start_method() == "forkserver"
    assert ProcessLoader(same, range(3), NUMBER).start_method == "forkserver"
    monkeypatch.setattr(processes, "get_all_start_methods", lambda: ["spawn"])
    assert safe_start_method() == "spawn"


# Ahead of the consumer


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize(
    ("batch_size", "workers", "ahead", "most"),
    [(4, 2, 2, 16), (4, 1, 1, 8), (3, 1, 4, 15), (None, 2, 2, 4), (None, 3, 1, 4)],
)
def test_read_ahead_is_bounded_and_needs_no_consumer(batch_size, workers, ahead, most, ordered):
    drawn, called = [], shared(100)

    def items():
        for number in range(100):
            drawn.append(number)
            yield number

    def function(item):
        called[item] += 1
        return item

    epoch = forked(
        function, items, NUMBER, batch_size, processes=workers, ahead=ahead, ordered=ordered
    )()
    assert not drawn
    for taken_so_far in range(1, 4):
        next(epoch)
        expected = most + taken_so_far * (batch_size or 1)
        assert len(drawn) == expected
        until(lambda expected=expected: called.sum() >= expected, "all that were drawn are done")
        time.sleep(0.02)
        assert called.sum() == len(drawn) == expected
    epoch.close()
    assert called.max() == 1


def test_read_ahead_goes_on_while_items_are_large():
    """More than a pipe holds, so that each must be sent when its worker is there to read it."""
    items = [bytes([number]) * 300_000 for number in range(8)]
    loader = forked(lambda item: item[0], items, NUMBER, ahead=2)
    assert numbers(loader()) == list(range(8))


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("batch_size", [None, 2])
def test_large_items_and_large_texts_cross(ordered, batch_size):
    items = [chr(97 + number) * 400_000 for number in range(14)]
    loader = forked(same, items, TEXT, batch_size, ordered=ordered, ahead=5)
    found = [text for batch in loader() for text in np.atleast_1d(batch).tolist()]
    assert (found if ordered else sorted(found)) == items


def test_a_long_read_ahead_of_small_items_and_large_texts_blocks_nobody():
    """The pipe to a worker is full of tasks, and the one back of texts that nobody reads yet."""
    loader = forked(lambda item: str(item) * 1000, range(900), TEXT, processes=1, ahead=800)
    lengths, done = [], threading.Event()

    def use():
        lengths.extend(len(text) for text in loader())
        done.set()

    threading.Thread(target=use, daemon=True).start()
    ended = done.wait(30)
    for pid in () if ended else children():
        os.kill(pid, 9)  # so that the thread ends
    assert ended, "it hangs"
    assert lengths == [len(str(item)) * 1000 for item in range(900)]


def test_as_completed_a_slow_item_holds_up_nothing_else():
    go_on = shared(1)

    def function(item):
        if item == 1:
            until(go_on.any)
        return item

    epoch = forked(function, range(12), NUMBER, 3, ordered=False)()
    found = [next(epoch).tolist() for _ in range(2)]
    assert [0, 1, 2] not in found
    go_on[0] = 1
    found.extend(numbers(epoch))
    assert sorted(found) == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]]


def test_an_endless_source_is_drawn_as_far_as_it_is_needed():
    drawn = []

    def items():
        for number in itertools.count():
            drawn.append(number)
            yield number

    loader = forked(same, items, NUMBER, 4, ahead=2)
    assert numbers(islice(loader(), 5)) == [list(range(4 * k, 4 * k + 4)) for k in range(5)]
    assert len(drawn) == (5 + 2 + 2) * 4


# Memory


@pytest.fixture
def loader(kept):
    """A persistent one: its second epoch writes into the memory of the first."""
    return kept(write_large, range(200), LARGE, 8, into=True)


def address(array):
    return array.__array_interface__["data"][0]


def intact(batches):
    """Whether each batch holds what was written into it, 8 numbers in a row."""
    arrays = [np.asarray(batch) for batch in batches]
    expected = [list(range(first, first + 8)) for first in range(0, 200, 8)]
    return [array.max((1, 2)).tolist() for array in arrays] == expected and [
        array.min((1, 2)).tolist() for array in arrays
    ] == expected


def no_prefetch():
    options = tf.data.Options()
    options.experimental_optimization.inject_prefetch = False
    return options


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


def write_another_number(loader):
    """Two epochs that go over whatever memory they may."""
    loader.items = [250] * len(loader.items)
    assert all((batch == 250).all() for batch in loader())
    assert all((np.asarray(batch) == 250).all() for batch in loader.dataset())


@pytest.mark.parametrize("held", HELD)
def test_what_is_held_is_never_overwritten(held, loader):
    batches = HELD[held](loader)
    write_another_number(loader)
    if held == "slices":
        assert [batch.max() for batch in batches] == [first + 4 for first in range(0, 200, 8)]
        assert [batch.min() for batch in batches] == [first + 3 for first in range(0, 200, 8)]
    else:
        assert intact(batches)


def test_shuffled_batches_are_whole(loader):
    batches = list(loader.dataset().shuffle(9, seed=3))
    write_another_number(loader)
    assert intact(sorted(batches, key=lambda batch: range(200).index(int(batch[0, 0, 0]))))


def test_elements_of_a_training_step_are_whole(loader):
    """A graph that works on the batches, while the loader goes on: buffers may be forwarded."""

    @tf.function
    def step(batch):
        return tf.reduce_max(tf.cast(batch, tf.int32) + 1, (1, 2)) - 1

    found = [step(batch) for batch in loader.dataset()]
    assert np.concatenate(found).tolist() == list(range(200))


def test_single_elements_are_held_as_well(kept):
    loader = kept(large, range(40), LARGE)
    held = list(loader())
    write_another_number(loader)
    assert [array.max() for array in held] == [array.min() for array in held] == list(range(40))


def test_batches_packed_from_gaps_are_held_as_well(kept):
    def function(item):
        return large(odd_fails(item))

    loader = kept(function, range(60), LARGE, 4, errors="skip")
    held = list(loader())
    write_another_number(loader)
    left = [number for number in range(60) if number % 5 != 3]
    assert [number for batch in held for number in batch.max((1, 2)).tolist()] == left
    assert [number for batch in held for number in batch.min((1, 2)).tolist()] == left


def test_a_steady_consumer_gets_the_shared_memory_itself(loader):
    seen = set()
    for _ in range(4):
        for batch in loader():
            assert address(batch) % 64 == 0
            assert batch.flags.writeable
            seen.add(address(batch))
    assert len(seen) <= loader.slots
    assert loader.copied == 0


def test_who_keeps_many_gets_copies(loader):
    held = []
    for number, batch in enumerate(loader(), 1):
        held.append(batch)
        assert loader.copied == max(0, number - processes.SPARE)
        assert address(batch) % 64 == 0
    assert len({address(batch) for batch in held}) == 25
    assert intact(held)
    before = loader.copied
    del held, batch
    for _ in loader():
        pass
    assert loader.copied == before, "there is room again"
    held = list(loader.dataset())
    assert loader.copied >= before + 25 - processes.SPARE
    del held


def test_a_training_loop_gets_hardly_a_copy(loader):
    for _ in range(4):
        for _ in loader.dataset().prefetch(2):
            pass
    assert loader.copied <= 20, "of 100"


def test_what_errors_hold_is_no_less_room(kept):
    """An exception that is kept holds what its epoch held: a persistent loader has enough."""
    loader = kept(lambda item: 1 // (item - 30), range(40), NUMBER, 2)
    errors = []
    for _ in range(20):
        try:
            list(loader())
        except ItemError as error:
            errors.append(error)
    assert [error.place for error in errors] == [30] * 20


def test_tensorflow_takes_batches_without_a_copy(loader):
    addresses = set()

    def noted():
        for batch in loader():
            addresses.add(address(batch))
            yield batch

    dataset = tf.data.Dataset.from_generator(noted, output_signature=loader.output_signature)
    for batch in dataset:
        assert address(np.asarray(memoryview(batch))) in addresses


def mappings():
    return sum("/pym-" in line for line in Path("/proc/self/maps").read_text().splitlines())


@LINUX
def test_memory_is_given_back_with_the_last_view():
    gc.collect()
    mapped, open_files = mappings(), len(os.listdir("/proc/self/fd"))
    with no_collection():
        loader = forked(large, range(40), LARGE, 8)
        assert mappings() == mapped, "it is taken with the first element"
        epoch = loader()
        batch = next(epoch)
        assert mappings() == mapped + 1
        assert not any(name.startswith(f"pym-{os.getpid()}-") for name in os.listdir("/dev/shm"))
        row = batch[3]
        epoch.close()
        del epoch, batch
        assert mappings() == mapped + 1
        assert (row == 3).all()
        del row
        assert mappings() == mapped
        assert len(os.listdir("/proc/self/fd")) == open_files
        held = list(loader())
        assert mappings() == mapped + 1
        del held
        assert mappings() == mapped


@LINUX
def test_persistent_memory_is_given_back_by_close():
    gc.collect()
    mapped, open_files = mappings(), len(os.listdir("/proc/self/fd"))
    with no_collection():
        loader = forked(large, range(40), LARGE, 8, persistent=True)
        for _ in range(3):
            list(loader())
            assert mappings() == mapped + 1
        loader.close()
        assert mappings() == mapped
        assert len(os.listdir("/proc/self/fd")) == open_files


def test_no_room_is_told_at_once():
    with pytest.raises(NoRoom) as caught:
        ProcessLoader(same, range(3), tf.TensorSpec((2**50,), tf.uint8), 2, processes=1, ahead=1)
    text = str(caught.value)
    assert text.startswith(
        "The loader needs 12,884,901,888.1 MiB of shared memory, for 6 batches of 2,147,483,648.0 "
        f"MiB, and {shared_batches.FOLDER} has "
    )
    assert text.endswith(
        " MiB free. Give it more (docker run --shm-size=1g; a Kubernetes emptyDir with medium: "
        "Memory), or need less: smaller batches, a smaller `ahead`, fewer processes, uint8 instead "
        "of float32."
    )


# Random numbers


def drawn_numbers(epochs=2, **more):
    """place -> the number that its item drew, of each epoch."""
    loader = ProcessLoader(
        **{
            "function": process_functions.drawn,
            "items": range(20),
            "signature": (NUMBER, FRACTION),
            "seed": 5,
            "start_method": "fork",
            "processes": 2,
        }
        | more
    )
    found = []
    for _ in range(epochs):
        arrived = [[np.atleast_1d(part) for part in element] for element in loader()]
        places, drawn = (np.concatenate(part).tolist() for part in zip(*arrived))
        found.append(dict(sorted(zip(places, drawn))))
    loader.close()
    return found


def test_each_item_and_epoch_draws_numbers_of_its_own():
    found = [number for epoch in drawn_numbers() for number in epoch.values()]
    assert len(found) == len(set(found)) == 40
    assert all(0 <= number < 1 for number in found)


def test_a_seed_gives_the_same_numbers_however_they_are_drawn(tmp_path):
    expected = drawn_numbers()
    killed = partial(process_functions.drawn_or_killed, tmp_path)
    for more in (
        {"processes": 1},
        {"processes": 3},
        {"batch_size": 1},
        {"batch_size": 3},
        {"batch_size": 32, "persistent": True},
        {"batch_size": 4, "ordered": False, "persistent": True},
        {"function": process_functions.write_drawn, "into": True, "batch_size": 7},
        {"ahead": 7, "seed": np.int64(5)},
        {"start_method": "forkserver"},
        {"function": killed, "lost": "restart", "batch_size": 3},
        {"items": lambda: iter(range(20)), "errors": "skip"},
    ):
        assert drawn_numbers(**more) == expected, more
    assert len(list(tmp_path.iterdir())) == 3, "so many were killed"


def test_another_seed_gives_other_numbers():
    seeds = [drawn_numbers(epochs=1, seed=seed)[0] for seed in (0, 1, 5, 2**70)]
    found = [number for epoch in seeds for number in epoch.values()]
    assert len(found) == len(set(found)) == 80


def test_without_a_seed_the_function_gets_none():
    loader = forked(lambda *items, **more: len(items) + len(more), range(3), NUMBER)
    assert [int(count) for count in loader()] == [1] * 3


def test_a_function_without_rng_is_told_of_the_seed():
    with pytest.raises(ItemError, match="got an unexpected keyword argument 'rng'"):
        list(forked(same, range(3), NUMBER, seed=3)())


@pytest.mark.parametrize("persistent", [False, True])
def test_global_random_numbers_differ_between_batches_workers_and_epochs(persistent):
    def function(item):
        return random.random(), np.random.random()

    loader = forked(function, range(12), (FRACTION, FRACTION), 3, persistent=persistent)
    here = random.getstate(), np.random.get_state()[1].tolist()
    found = [number for _ in range(2) for batch in loader() for part in batch for number in part]
    assert len(found) == len(set(found)) == 48
    assert (random.getstate(), np.random.get_state()[1].tolist()) == here
    loader.close()


def test_with_a_seed_global_random_numbers_are_the_same_for_the_same_batches():
    def function(item):
        return random.random(), np.random.random()

    def found(workers, seed):
        signature = FRACTION, FRACTION
        loader = forked(
            lambda item, rng: function(item), range(12), signature, 3, processes=workers, seed=seed
        )
        return [[part.tolist() for part in batch] for batch in loader()]

    assert found(1, 5) == found(3, 5)
    assert found(1, 5) != found(1, 6)


# Errors


def test_an_error_comes_after_the_elements_before_it_and_names_its_item():
    for batch_size, expected in ((None, [0, 1, 2]), (2, [[0, 1], [2]]), (8, [[0, 1, 2]])):
        loader = forked(odd_fails, range(20), NUMBER, batch_size, processes=1)
        epoch = loader()
        found, caught = until_error(ItemError, epoch)
        assert found == expected
        error = caught.value
        assert str(error) == "Item 3 (3) failed in worker 0: Odd: 3 is bad"
        assert (error.place, error.item, error.reason) == (3, "3", "Odd: 3 is bad")
        assert error.worker == 0
        assert (type(error.__cause__), str(error.__cause__)) == (Odd, "3 is bad")
        with pytest.raises(StopIteration):
            next(epoch)
        assert loader.left_out == {}


def test_the_worker_is_named():
    """The first two items go to two workers."""
    found = set()
    for bad in (0, 1):
        with pytest.raises(ItemError) as caught:
            list(forked(lambda item, bad=bad: 1 // (item - bad), range(2), NUMBER)())
        assert caught.value.place == bad
        found.add(caught.value.worker)
    assert found == {0, 1}


@pytest.mark.parametrize("start_method", ["fork", "forkserver"])
def test_the_cause_has_the_traceback_of_the_worker(start_method):
    loader = ProcessLoader(odd_fails, range(5), NUMBER, processes=1, start_method=start_method)
    with pytest.raises(ItemError) as caught:
        list(loader())
    (note,) = caught.value.__cause__.__notes__
    line = odd_fails.__code__.co_firstlineno + 2
    expected = (
        r"Traceback of worker 0 \(process \d+\):\n"
        r"Traceback \(most recent call last\):\n"
        rf'  File "{re.escape(process_functions.__file__)}", line {line}, in odd_fails\n'
        r'    raise Odd\(f"\{item\} is bad"\)\n'
        r"process_functions\.Odd: 3 is bad"
    )
    assert re.fullmatch(expected, note)
    assert note in "".join(traceback.format_exception(caught.value))


def test_notes_of_the_function_and_what_caused_its_error_are_kept():
    with pytest.raises(ItemError) as caught:
        list(forked(process_functions.noted, [7], NUMBER)())
    own, note = caught.value.__cause__.__notes__
    assert own == "a note of the function's own"
    assert "KeyError: 'deeper'" in note
    assert "The above exception was the direct cause of the following exception" in note
    assert note.endswith("process_functions.Odd: 7 is bad\na note of the function's own")


def raised(make):
    """The ItemError where the function raises what `make` makes."""
    with pytest.raises(ItemError) as caught:
        list(forked(partial(process_functions.raises, make), [7], NUMBER, processes=1)())
    return caught.value


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: OSError(2, "No such file", "a.jpg"), "FileNotFoundError: [Errno 2] No such"),
        (lambda: KeyError("a"), "KeyError: 'a'"),
        (lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), "UnicodeDecodeError: 'utf-8'"),
        (lambda: ExceptionGroup("two", [Odd("a"), KeyError("b")]), "ExceptionGroup: two (2 sub"),
        (lambda: StopIteration(3), "StopIteration: 3"),
        (lambda: ItemError(1, "x", "y"), "ItemError: Item 1 (x) failed: y"),
        (lambda: AssertionError, "AssertionError"),
    ],
)
def test_errors_arrive_as_they_were_raised(make, reason):
    error = raised(make)
    assert error.reason.startswith(reason)
    assert type(error.__cause__).__name__ == reason.split(":")[0]
    assert error.reason.removeprefix(type(error.__cause__).__name__).removeprefix(": ") == str(
        error.__cause__
    )


def test_attributes_of_errors_arrive():
    cause = raised(lambda: OSError(2, "No such file", "a.jpg")).__cause__
    assert (cause.errno, cause.filename) == (2, "a.jpg")
    cause = raised(lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad")).__cause__
    assert (cause.object, cause.reason) == (b"\xff", "bad")


def test_an_error_of_opencv_arrives():
    def function(item):
        return cv2.resize(np.zeros((0, 0)), (2, 2))

    with pytest.raises(ItemError) as here:
        list(ThreadLoader(function, [7], NUMBER)())
    with pytest.raises(ItemError) as there:
        list(forked(function, [7], NUMBER)())
    assert there.value.reason == here.value.reason
    assert "(-215:Assertion failed)" in there.value.reason


def local_error():
    class Local(Exception):
        pass

    return Local("a.jpg")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (
            lambda: process_functions.TwoArguments("a.jpg", "broken"),
            "TwoArguments: a.jpg: broken",
        ),
        (lambda: process_functions.HoldsFile("a.jpg"), "HoldsFile: a.jpg"),
        (local_error, "Local: a.jpg"),
        (lambda: Odd(threading.Lock()), "Odd: <unlocked _thread.lock object at"),
    ],
)
def test_an_error_that_cannot_travel_is_told_in_words(make, reason):
    error = raised(make)
    assert error.reason.startswith(reason)
    assert error.reason in str(error)
    assert type(error.__cause__) is WorkerError
    assert error.__cause__.reason == error.reason
    (note,) = error.__cause__.__notes__
    assert "in raises\n" in note
    assert note.endswith(error.reason)


def test_an_error_that_changes_on_its_way_is_told_in_its_first_words():
    error = raised(lambda: process_functions.NotFound("a.jpg"))
    assert error.reason == "NotFound: a.jpg not found"


def test_an_error_whose_copy_is_none_is_told_in_words():
    error = raised(lambda: process_functions.BecomesText("a.jpg"))
    assert error.reason == "BecomesText: a.jpg"


def test_an_error_without_a_text_is_no_further_error():
    error = raised(process_functions.Silent)
    assert str(error) == "Item 0 (7) failed in worker 0: Silent"


def test_errors_of_loaders_travel():
    error = travelled(ItemError(3, "'a.jpg'", "Odd: bad", 1))
    assert str(error) == "Item 3 ('a.jpg') failed in worker 1: Odd: bad"
    assert (error.place, error.item, error.reason, error.worker) == (3, "'a.jpg'", "Odd: bad", 1)
    assert str(travelled(ItemError(3, "x", "y"))) == "Item 3 (x) failed: y"
    assert travelled(ItemError(3, "x", "y")).worker is None
    assert travelled(WorkerError("Odd: bad")).reason == "Odd: bad"
    lost = travelled(WorkerLost("It is lost.", 1, 77, -9, [4, 5], 5))
    assert str(lost) == "It is lost."
    assert (lost.worker, lost.process, lost.exitcode) == (1, 77, -9)
    assert (lost.places, lost.at) == ([4, 5], 5)


def test_an_element_that_does_not_fit_names_its_item():
    loader = forked(lambda path: np.zeros((3,)), ["a.jpg", "b.jpg"], ROW, 2, processes=1)
    with pytest.raises(ItemError) as caught:
        list(loader())
    assert str(caught.value) == (
        "Item 0 ('a.jpg') failed in worker 0: WrongElement: found an array of shape (3,) and dtype "
        "float64, expected shape (3,) and dtype float32. Convert it with astype('float32'), if "
        "that is what you mean"
    )
    assert type(caught.value.__cause__) is WrongElement


@pytest.mark.parametrize("batch_size", [None, 4])
def test_through_from_generator_the_text_names_item_and_reason(batch_size):
    dataset = forked(odd_fails, range(20), NUMBER, batch_size, processes=1).dataset()
    found, caught = until_error(tf.errors.OpError, dataset)
    assert "ItemError: Item 3 (3) failed in worker 0: Odd: 3 is bad" in str(caught.value)
    assert found == ([[0, 1, 2]] if batch_size else [0, 1, 2])


def test_failed_items_are_left_out_and_batches_stay_full(kept):
    loader = kept(odd_fails, range(20), NUMBER, 6, errors="skip")
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
    epoch.close()


def test_what_is_left_out_of_text_and_singles_leaves_no_gap():
    def function(item):
        return f"é{odd_fails(item)}", odd_fails(item)

    loader = forked(function, range(10), (TEXT, NUMBER), 3, errors="skip")
    assert [(texts.tolist(), labels.tolist()) for texts, labels in loader()] == [
        (["é0", "é1", "é2"], [0, 1, 2]),
        (["é4", "é5", "é6"], [4, 5, 6]),
        (["é7", "é9"], [7, 9]),
    ]
    assert [
        int(number) for _, number in forked(function, range(5), (TEXT, NUMBER), errors="skip")()
    ] == [
        0,
        1,
        2,
        4,
    ]


def test_too_many_end_the_epoch_after_the_elements_before():
    loader = forked(odd_fails, range(40), NUMBER, 4, errors="skip", at_most=3)
    found, caught = until_error(TooManyLeftOut, loader())
    assert found == [[0, 1, 2, 4], [5, 6, 7, 9], [10, 11, 12, 14], [15, 16, 17]]
    assert str(caught.value) == (
        "4 of the first 19 items failed, and 3 may be left out. item 3 (3): Odd: 3 is bad; item 8 "
        "(8): Odd: 8 is bad; item 13 (13): Odd: 13 is bad; 1 more, see left_out. Mend or remove "
        "them, or raise at_most."
    )
    assert type(caught.value.__cause__) is Odd
    assert list(loader.left_out) == [3, 8, 13, 18]


def test_if_every_item_fails_that_is_an_error():
    loader = forked(odd_fails, [3, 8], NUMBER, 4, errors="skip")
    with pytest.raises(TooManyLeftOut, match="Every item failed, all 2, so the epoch has no elem"):
        list(loader())


@pytest.mark.parametrize("errors", ["raise", "skip"])
@pytest.mark.parametrize("batch_size", [None, 4])
def test_a_source_that_raises_says_so_after_what_it_gave(errors, batch_size):
    def items():
        yield from (0, 1, 2, 4, 5)
        raise Odd("no more")

    loader = forked(odd_fails, items, NUMBER, batch_size, errors=errors)
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
            list(forked(odd_fails, items, NUMBER)())
    loader = forked(odd_fails, used_up, NUMBER)
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
            list(forked(function_, items_, NUMBER, 2, errors=errors)())


@pytest.mark.parametrize("errors", ["raise", "skip"])
def test_what_is_meant_to_end_the_program_is_never_left_out_where_it_cannot_travel(errors):
    def function(item):
        if item == 5:
            raise process_functions.Stop("a.jpg", "now")
        return item

    with pytest.raises(BaseException, match=r"Stop: a\.jpg: now") as caught:
        list(forked(function, range(20), NUMBER, 2, errors=errors)())
    assert not isinstance(caught.value, TooManyLeftOut)


def test_an_error_ends_the_drawing():
    drawn = []

    def items():
        for number in range(1000):
            drawn.append(number)
            yield number

    with pytest.raises(ItemError):
        list(forked(odd_fails, items, NUMBER, 4)())
    assert len(drawn) <= 16


def test_an_item_that_cannot_be_sent_is_named():
    items = [1, threading.Lock(), 2]
    loader = forked(same, items, NUMBER, processes=1)
    found, caught = until_error(ItemError, loader())
    assert found == [1]
    assert re.sub(r"0x\w+", "0x7", str(caught.value)) == (
        "Item 1 (<unlocked _thread.lock object at 0x7>) failed in worker 0: TypeError: can't be "
        "sent to a worker process: cannot pickle '_thread.lock' object. Give items that can be "
        "pickled, such as paths, and open them in the function"
    )


def test_items_that_cannot_be_sent_or_received_are_left_out_singly():
    items = ["a", threading.Lock(), "b", process_functions.OpensHere("c"), "d"]
    loader = forked(str, items, TEXT, 5, errors="skip")
    (batch,) = loader()
    assert batch.tolist() == ["a", "b", "d"]
    assert [(place, one.item) for place, one in loader.left_out.items()] == [
        (1, items[1]),
        (3, items[3]),
    ]


def test_an_item_that_cannot_be_received_is_named():
    items = ["a", process_functions.OpensHere("b.jpg"), "c"]
    loader = forked(str, items, TEXT, processes=1)
    found, caught = until_error(ItemError, loader())
    assert found == ["a"]
    assert str(caught.value) == (
        "Item 1 (OpensHere('b.jpg')) failed in worker 0: FileNotFoundError: b.jpg is not here"
    )


# Processes that are lost


def lost(function, items, **more):
    loader = forked(function, items, NUMBER, 4, processes=1, **more)
    with pytest.raises(WorkerLost) as caught:
        list(loader())
    error = caught.value
    assert not psutil.pid_exists(error.process)
    return error, str(error).replace(f"process {error.process}", "process 7")


def test_a_process_that_exits_is_told():
    error, text = lost(process_functions.exits, range(8))
    assert text == (
        "Worker 0 (process 7) has exited with code 3. It held 4 items, from 4 to 7. It was at item "
        '5 (5). With lost="restart" a new worker does these items again.'
    )
    assert (error.worker, error.exitcode, error.places, error.at) == (0, 3, [4, 5, 6, 7], 5)


def test_a_process_that_is_killed_is_told():
    error, text = lost(process_functions.killed, range(8))
    assert text == (
        "Worker 0 (process 7) was ended by SIGKILL. It held 4 items, from 4 to 7. It was at item 5 "
        "(5). A system without free memory ends processes so (on Linux: `dmesg` tells). With "
        'lost="restart" a new worker does these items again.'
    )
    assert (error.exitcode, error.at) == (-9, 5)


def test_a_process_that_is_killed_is_told_soon_though_another_holds_its_pipe():
    """A child of its own, say: nothing tells of the end then, and others bring batches."""
    killed = shared(1)
    heirs = shared(1)

    def function(item):
        if item == 0:
            if (heir := os.fork()) == 0:
                time.sleep(60)
            heirs[0], killed[0] = heir, time.monotonic_ns()
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.1)
        return item

    try:
        _, caught = until_error(WorkerLost, forked(function, range(200), NUMBER, ordered=False)())
        assert (time.monotonic_ns() - killed[0]) / 1e9 < 5
        assert caught.value.at == 0
    finally:
        os.kill(int(heirs[0]), signal.SIGKILL)


@pytest.mark.parametrize("times", [1, 2, 3])
@pytest.mark.parametrize("error", [BrokenPipeError(32, "Broken pipe"), EOFError()])
def test_a_process_that_is_killed_while_it_is_started_is_told_or_replaced(
    monkeypatch, error, times
):
    start, failures = processes.Workers._start_once, []

    def fails_at_first(self, number):
        if len(failures) < times:
            failures.append(number)
            raise error
        start(self, number)

    monkeypatch.setattr(processes.Workers, "_start_once", fails_at_first)
    told = "Worker 0 has ended while it was started: it, or the server that it comes from, was"
    loader = forked(same, range(8), NUMBER, 4, lost="restart")
    if times < 3:
        assert numbers(loader()) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    else:
        _, caught = until_error(WorkerLost, loader())
        assert str(caught.value).startswith(told)
    failures.clear()
    _, caught = until_error(WorkerLost, forked(same, range(8), NUMBER, 4)())
    assert str(caught.value).startswith(told)
    assert (caught.value.process, caught.value.places) == (None, [])


def test_three_in_a_row_are_enough():
    error, text = lost(process_functions.exits, range(8), lost="restart")
    assert text == (
        "Worker 0 (process 7) has exited with code 3. It held 4 items, from 4 to 7. It was at item "
        "5 (5). 3 workers were lost in a row here, so no further one is started."
    )
    assert (error.worker, error.places, error.at) == (0, [4, 5, 6, 7], 5)


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("batch_size", [None, 3])
def test_a_new_worker_does_again_what_a_lost_one_held(tmp_path, ordered, batch_size, kept):
    def function(item):
        if item % 10 == 4 and process_functions.once(tmp_path, item):
            os.kill(os.getpid(), 9)
        return item

    loader = kept(function, range(40), NUMBER, batch_size, lost="restart", ordered=ordered)
    for _ in range(2):
        found = [int(number) for batch in loader() for number in np.atleast_1d(batch)]
        assert (found if ordered else sorted(found)) == list(range(40))
    assert len(list(tmp_path.iterdir())) == 4


def test_persistent_processes_that_were_lost_between_epochs_are_replaced(kept):
    loader = kept(process_functions.process, range(12), NUMBER)
    first = pids(loader)
    os.kill(min(first), 9)
    until(lambda: len([pid for pid in first if psutil.pid_exists(pid) and running(pid)]) == 1)
    second = pids(loader)
    assert len(second) == 2
    assert children() == second


def running(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


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

    loader = forked(same, items, NUMBER, 2)
    epoch = loader()
    next(epoch)
    epoch.close()
    assert opened[0].closed
    del epoch
    opened.clear()
    assert log == ["let go"]


def test_what_a_generator_opened_is_closed_after_the_processes(kept):
    log = []

    def items():
        try:
            yield from range(100)
        finally:
            log.append(len(children()))

    epoch = forked(same, items, NUMBER, 2)()
    next(epoch)
    epoch.close()
    assert log == [0]


def test_what_runs_gets_a_while_and_is_ended_then(monkeypatch):
    monkeypatch.setattr(processes.Workers.close.__globals__["worker"], "LOOK", 1.0)
    monkeypatch.setitem(processes.Workers.close.__globals__, "PATIENCE", 0.3)
    begun, returned = shared(4), shared(4)

    def function(item):
        begun[item] = 1
        if item:
            time.sleep(0.1 if item == 1 else 60)
        returned[item] = 1
        return item

    for number, item in enumerate((1, 2)):
        epoch = forked(function, [0, item, 3], NUMBER, processes=1)()
        assert next(epoch) == 0
        until(lambda item=item: begun[item], "the function runs")
        began = time.monotonic()
        epoch.close()
        assert time.monotonic() - began < 10
        assert not children()
        assert returned.tolist() == [1, 1, 0, 0], number


def test_an_epoch_that_was_left_is_not_worked_on(kept):
    called, go_on = shared(100), shared(1)

    def function(item):
        called[item] += 1
        if item == 5:
            until(go_on.any)
        return item

    loader = kept(function, range(100), NUMBER, 4, processes=1, ahead=5)
    epoch = loader()
    next(epoch)
    until(lambda: called[5])
    epoch.close()
    go_on[0] = 1
    assert len(list(loader())) == 25
    assert called.tolist() == [2] * 6 + [1] * 94


# In TensorFlow


def test_a_dataset_begins_anew_each_epoch_and_knows_its_length(kept):
    loader = kept(pair, range(10), PAIR, 4)
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


def test_length_is_known_where_nothing_can_change_it():
    assert len(forked(pair, range(10), PAIR)) == 10
    assert bool(forked(pair, [], PAIR))
    for loader in (
        forked(pair, lambda: range(10), PAIR),
        forked(pair, range(10), PAIR, errors="skip"),
        forked(pair, Items(3, None), PAIR),
    ):
        with pytest.raises(TypeError, match="not known before its end"):
            len(loader)
        assert loader.dataset().cardinality() == tf.data.UNKNOWN_CARDINALITY
        assert len(list(loader.dataset())) == len(list(loader()))


def test_keras_trains_on_it(kept):
    model = tf.keras.Sequential([tf.keras.Input((3,)), tf.keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    loader = kept(pair, range(10), PAIR, 4)
    history = model.fit(loader.dataset(), epochs=2, verbose=0, shuffle=False)
    assert len(history.history["loss"]) == 2


def test_a_dataset_that_is_left_early_leaves_no_process():
    dataset = forked(same, range(1000), NUMBER, 4).dataset()
    for _ in range(3):
        assert len(list(dataset.take(3))) == 3
        gc.collect()
        until(lambda: not children(), "the processes have ended")


def test_importing_it_does_not_import_tensorflow(ask_python):
    loaded = ask_python(
        "import sys, json, course_utils.feeding.processes\n"
        "from course_utils.feeding.processes import ProcessLoader\n"
        "import numpy as np\n"
        "list(ProcessLoader(len, ['a', 'b'], np.zeros((), int), 2, processes=1)())\n"
        "print(json.dumps([name for name in ('tensorflow', 'keras', 'cv2', 'matplotlib') "
        "if name in sys.modules]))"
    )
    assert loaded == []


# Arguments


@pytest.mark.parametrize(
    ("more", "kind", "text"),
    [
        ({"function": 3}, TypeError, "function must be a function of one item, found 3"),
        (
            {"items": "abc"},
            TypeError,
            "items must be a list or the like, found a single text: 'abc'",
        ),
        (
            {"items": iter([1])},
            TypeError,
            "items is an object of type list_iterator that is used up after one epoch. Give a "
            "list, or a function without arguments that makes it anew, such as `lambda: "
            "make_items()`.",
        ),
        (
            {"items": 7},
            TypeError,
            "items is 7, which can't be iterated. Give a list or the like, or a function without "
            "arguments that returns one.",
        ),
        (
            {"items": {"a": 1}},
            TypeError,
            "items is a dict. Give its keys, values or items() in a list.",
        ),
        (
            {"signature": [ROW]},
            TypeError,
            "The signature is a list of 1, and a tf.TensorSpec was expected, or a tuple or dict of "
            "them.",
        ),
        (
            {"signature": ()},
            TypeError,
            "The signature holds no spec. An element has at least one tensor.",
        ),
        ({"batch_size": 0}, ValueError, "batch_size must be 1 or more, found 0"),
        ({"batch_size": 2.0}, TypeError, "batch_size must be a whole number, found 2.0"),
        ({"processes": 0}, ValueError, "processes must be 1 or more, found 0"),
        ({"processes": "2"}, TypeError, "processes must be a whole number, found '2'"),
        ({"processes": True}, TypeError, "processes must be a whole number, found True"),
        ({"ahead": 0}, ValueError, "ahead must be 1 or more, found 0"),
        ({"ahead": None}, TypeError, "ahead must be a whole number, found None"),
        ({"errors": "ignore"}, ValueError, 'errors must be "raise" or "skip", found \'ignore\''),
        ({"errors": "skip", "at_most": -1}, ValueError, "at_most must be 0 or more, found -1"),
        (
            {"at_most": 3},
            ValueError,
            'at_most says how many items errors="skip" may leave out: give both',
        ),
        (
            {"start_method": "thread"},
            ValueError,
            'start_method must be one of "fork", "spawn", "forkserver", found \'thread\'',
        ),
        ({"lost": "ignore"}, ValueError, 'lost must be "raise" or "restart", found \'ignore\''),
        ({"lost": None}, ValueError, 'lost must be "raise" or "restart", found None'),
        ({"seed": -1}, ValueError, "seed must be 0 or more, found -1"),
        ({"seed": 1.5}, TypeError, "seed must be a whole number, found 1.5"),
        ({"seed": True}, TypeError, "seed must be a whole number, found True"),
        (
            {"signature": (ROW, tf.TensorSpec((None, 3), tf.uint8)), "batch_size": 2},
            ValueError,
            "signature[1] has a size that is not known (shape (None, 3) and dtype uint8), so "
            "memory for its rows can't be allocated beforehand. Give all sizes, or batch in "
            "TensorFlow with padded_batch or ragged_batch.",
        ),
        (
            {"signature": tf.TensorSpec(None, tf.uint8), "into": True},
            ValueError,
            "The signature has a size that is not known (any shape and dtype uint8), so memory for "
            "its rows can't be allocated beforehand. Give all sizes, or batch in TensorFlow with "
            "padded_batch or ragged_batch.",
        ),
    ],
)
def test_what_does_not_fit_is_refused_at_once(more, kind, text):
    arguments = {"function": pair, "items": range(3), "signature": PAIR} | more
    with pytest.raises(kind) as caught:
        ProcessLoader(**arguments)
    assert str(caught.value) == text


def test_whole_numbers_of_numpy_are_whole_numbers():
    more = {name: np.int64(2) for name in ("batch_size", "processes", "ahead", "seed", "at_most")}
    loader = ProcessLoader(pair, range(3), PAIR, errors="skip", **more)
    assert (loader.batch_size, loader.workers, loader.ahead, loader.seed) == (2, 2, 2, 2)
    assert math.isclose(loader.at_most, 2)


def test_an_epoch_begun_while_a_worker_imports_the_script_is_refused(monkeypatch):
    loader = forked(same, range(3), NUMBER)
    monkeypatch.setattr(multiprocessing.current_process(), "_inheriting", True, raising=False)
    with pytest.raises(RuntimeError) as caught:
        loader()
    assert str(caught.value) == (
        "An epoch was begun while a worker process imports the main script. In a script, "
        'everything that isn\'t a definition belongs behind `if __name__ == "__main__":`, since '
        "each worker imports the script."
    )
