"""What is particular to lesson 08's exercises: other right answers, odd ones, processes left."""

import builtins
import concurrent.futures
import contextlib
import hashlib
import multiprocessing
import os
import pickle
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from fractions import Fraction
from functools import partial
from multiprocessing import forkserver, resource_tracker

import numpy as np
import psutil
import pytest

from course_utils.classroom import workspace
from course_utils.classroom.exercise import check, get, of_lesson
from course_utils.exercises import lesson_08
from course_utils.feeding import worker_server
from course_utils.feeding.readers import read_photo
from course_utils.measuring.simulate import Stage, simulate

EVERY = of_lesson("08")


@pytest.fixture(autouse=True)
def no_workspace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(workspace, "_progress", {})


@pytest.fixture(autouse=True)
def nothing_left(capfd):
    """No check leaves a process or a thread, prints anything, or another `hash` or `getpid`."""
    threads, own = set(threading.enumerate()), (builtins.hash, os.getpid)
    processes = running()
    yield
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        left = [thread for thread in threading.enumerate() if thread not in threads]
        if not left and running() <= processes:
            break
        time.sleep(0.01)  # the timer of check's limit, a process that has ended and isn't reaped
    assert left == []
    assert running() <= processes
    assert (builtins.hash, os.getpid) == own
    assert capfd.readouterr() == ("", "")


def running():
    """The processes below this one, without the helpers that stay: executors' and loaders'."""
    servers = {forkserver._forkserver._forkserver_pid, worker_server.pid()}
    helpers = servers | {resource_tracker._resource_tracker._pid}
    below = psutil.Process().children(recursive=True)
    return {each for each in below if each.pid not in helpers}


def said(id, answer):
    began = time.monotonic()
    shown = check(id, answer)
    assert time.monotonic() - began < 9  # far from the limit that would stop it
    return f"{shown.status}: {shown.message}"


@pytest.fixture
def my_readers(tmp_path, monkeypatch):
    """A module that a worker can import, as `%%writefile` would make one."""
    (tmp_path / "my_readers.py").write_text(MY_READERS)
    monkeypatch.syspath_prepend(tmp_path)
    import my_readers

    yield my_readers
    del sys.modules["my_readers"]


MY_READERS = """
from course_utils.feeding.readers import read_photo

prepared = False


def read_at(size, path):
    return read_photo(path, *size)


def read_prepared(path, height, width):
    if not prepared:
        raise LookupError("not prepared")
    return read_photo(path, height, width)


class Reader:
    def __init__(self, size):
        self.height, self.width = size

    def __call__(self, path):
        return read_photo(path, self.height, self.width)

    def read(self, path):
        return self(path)


class Opened(Reader):
    def __init__(self, size):
        super().__init__(size)
        self.log = open(__file__)
"""

# ------------------------------------------------------------------------------- right answers


class BreakEvenRight:
    def of_whole_batches(cost, batch_size, per_batch, per_item, workers):
        made, taken = batch_size * cost / workers, per_batch + batch_size * per_item
        return (made if made > taken else taken) / batch_size

    def by_items_a_second(cost, batch_size, per_batch, per_item, workers):
        made, taken = workers / cost, batch_size / (per_batch + batch_size * per_item)
        return 1 / min(made, taken)

    def by_numpy(cost, batch_size, per_batch, per_item, workers):
        return np.maximum(np.divide(cost, workers), per_item + np.divide(per_batch, batch_size))

    def as_an_array(cost, batch_size, per_batch, per_item, workers):
        return np.array(BreakEvenRight.by_numpy(cost, batch_size, per_batch, per_item, workers))

    def in_fractions(cost, batch_size, per_batch, per_item, workers):
        consumer = Fraction(per_item) + Fraction(per_batch) / batch_size
        return max(Fraction(cost) / workers, consumer)


class ImportableRight:
    def in_two_steps(size):
        return partial(partial(read_photo, height=size[0]), width=size[1])

    def from_a_dict(size):
        return partial(read_photo, **dict(zip(("height", "width"), size)))

    def a_function_of_a_file(size):
        from my_readers import read_at

        return partial(read_at, size)

    def an_object_of_a_file(size):
        from my_readers import Reader

        return Reader(size)

    def a_method_of_a_file(size):
        from my_readers import Reader

        return Reader(size).read


class StreamsRight:
    def by_a_tuple(seed, epoch, place):
        return np.random.default_rng((place, epoch, seed))

    def as_the_loader_does(seed, epoch, place):
        return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(epoch, place)))

    def as_a_child(seed, epoch, place):
        return np.random.default_rng([seed, epoch]).spawn(place + 1)[place]

    def as_a_grandchild(seed, epoch, place):
        of_epoch = np.random.SeedSequence(seed).spawn(epoch + 1)[epoch]
        return np.random.default_rng(of_epoch.spawn(place + 1)[place])

    def by_a_digest(seed, epoch, place):
        digest = hashlib.sha256(f"{seed} {epoch} {place}".encode()).digest()
        return np.random.default_rng(int.from_bytes(digest, "big"))

    def in_one_number(seed, epoch, place):
        return np.random.default_rng((seed << 64) + (epoch << 32) + place)

    def by_another_algorithm(seed, epoch, place):
        return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, epoch, place])))

    def by_an_old_algorithm(seed, epoch, place):
        return np.random.Generator(np.random.MT19937([seed, epoch, place]))

    def by_a_counter(seed, epoch, place):
        return np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, epoch, place]))

    def drawn_from_a_little(seed, epoch, place):
        rng = np.random.default_rng([seed, epoch, place])
        rng.random(3)
        return rng


class AgainRight:
    def one_future_at_a_time(function, items, start):
        results, missing, in_vain = {}, list(range(len(items))), 0
        while missing:
            with start() as executor:
                futures = []
                for place in missing:
                    try:
                        futures.append((place, executor.submit(function, items[place])))
                    except BrokenExecutor:
                        break
            for place, future in futures:
                if not isinstance(future.exception(), BrokenExecutor):
                    results[place] = future.result()
            left = [place for place in missing if place not in results]
            in_vain = in_vain + 1 if len(left) == len(missing) else 0
            if in_vain >= 3:
                raise RuntimeError(f"no way to compute {len(left)} items")
            missing = left
        return [results[place] for place in sorted(results)]

    def as_completed(function, items, start):
        nothing = object()
        results, in_vain = [nothing] * len(items), 0
        while any(each is nothing for each in results):
            executor, futures, got_on = start(), {}, False
            try:
                for place, item in enumerate(items):
                    if results[place] is nothing:
                        futures[executor.submit(function, item)] = place
            except BrokenProcessPool as error:
                broken = error
            try:
                for future in concurrent.futures.as_completed(futures):
                    try:
                        results[futures[future]] = future.result()
                        got_on = True
                    except BrokenProcessPool as error:
                        broken = error
            finally:
                executor.shutdown(cancel_futures=True)
            in_vain = 0 if got_on else in_vain + 1
            if in_vain == 3:
                raise broken
        return results

    def by_itself(function, items, start, in_vain=0):
        if not items:
            return []
        if in_vain == 3:
            raise BrokenProcessPool("again and again")
        futures = []
        with start() as executor, contextlib.suppress(BrokenProcessPool):
            futures += (executor.submit(function, item) for item in items)
        done = {}
        for place, future in enumerate(futures):
            with contextlib.suppress(BrokenProcessPool):
                done[place] = future.result()
        places = [place for place in range(len(items)) if place not in done]
        others = AgainRight.by_itself(
            function, [items[place] for place in places], start, 0 if done else in_vain + 1
        )
        done |= dict(zip(places, others))
        return [done[place] for place in range(len(items))]

    def with_callbacks(function, items, start):
        results, errors = {}, []

        def keep(place, future):
            try:
                results[place] = future.result()
            except BrokenProcessPool:
                pass
            except Exception as error:
                errors.append(error)

        deaths = 0
        while len(results) < len(items) and not errors:
            before = len(results)
            executor = start()
            for place, item in enumerate(items):
                if place in results:
                    continue
                try:
                    future = executor.submit(function, item)
                except BrokenProcessPool:
                    break
                future.add_done_callback(partial(keep, place))
            executor.shutdown()
            deaths = 0 if len(results) > before else deaths + 1
            if deaths > 2:
                raise SystemError("too many deaths")
        if errors:
            raise errors[0]
        return [results[place] for place in range(len(items))]

    def waits_for_all(function, items, start):
        futures = [None] * len(items)
        missing, in_vain = range(len(items)), 0
        while missing and in_vain < 3:
            executor = start()
            try:
                try:
                    for place in missing:
                        futures[place] = executor.submit(function, items[place])
                except BrokenProcessPool:
                    pass
                concurrent.futures.wait([futures[place] for place in missing if futures[place]])
            finally:
                executor.shutdown(wait=False)
            left = [
                place
                for place in missing
                if futures[place] is None
                or isinstance(futures[place].exception(), BrokenProcessPool)
            ]
            in_vain = in_vain + 1 if len(left) == len(missing) else 0
            missing = left
        return [future.result() for future in futures]


RIGHT = {
    "08.break_even": BreakEvenRight,
    "08.importable": ImportableRight,
    "08.streams": StreamsRight,
    "08.again": AgainRight,
}


@pytest.mark.parametrize(
    ("id", "name"),
    [(id, name) for id, each in RIGHT.items() for name in vars(each) if name[0] != "_"],
)
def test_other_right_answers_are_right(id, name, my_readers):
    answer = getattr(RIGHT[id], name)
    assert said(id, answer) == f"Right: {get(id).right}"


# ------------------------------------------------------- the same mistake in another guise


def waits_in_turns(cost, batch_size, per_batch, per_item, workers):
    return (batch_size * cost / workers + per_batch + batch_size * per_item) / batch_size


def pays_for_each_item(cost, batch_size, per_batch, per_item, workers):
    consumer = per_batch + per_item
    return cost / workers if cost / workers > consumer else consumer


def a_lambda_in_a_partial(size):
    return partial(lambda path, height, width: read_photo(path, height, width), *[], **sides(size))


def sides(size):
    return {"height": size[0], "width": size[1]}


def an_inner_function_in_a_partial(size):
    def read(path, height, width):
        return read_photo(path, height, width)

    return partial(read, **sides(size))


def a_method_of_an_inner_class(size):
    class Reader:
        def read(self, path):
            return read_photo(path, *size)

    return Reader().read


def an_object_with_an_open_file(size):
    from my_readers import Opened

    return Opened(size)


def a_method_with_an_open_file(size):
    from my_readers import Opened

    return Opened(size).read


def a_partial_with_a_lock(size):
    reader = partial(read_photo, **sides(size))
    reader.lock = threading.Lock()
    return reader


def a_partial_called_at_once(size):
    return partial(read_photo, **sides(size))()


def cv2s_order(size):
    return partial(read_photo, height=size[-1], width=size[-2])


def an_array_in_a_closure(size):
    out = np.empty((*size, 3), np.uint8)

    def read(path):
        return read_photo(path, *size, out=out)

    return read


def numpys_module(seed, epoch, place):
    np.random.seed([seed, epoch, place])
    return np.random


def pythons_module(seed, epoch, place):
    random.seed(f"{seed} {epoch} {place}")
    return np.random.default_rng(random.getrandbits(64))


def from_the_clock(seed, epoch, place):
    return np.random.default_rng([seed, epoch, place, time.perf_counter_ns()])


class Spawns:
    def __init__(self):
        self.rng = np.random.default_rng(3)

    def __call__(self, seed, epoch, place):
        return self.rng.spawn(1)[0]


class Keeps:
    def __init__(self):
        self.made = {}

    def __call__(self, *numbers):
        return self.made.setdefault(numbers, np.random.default_rng(numbers))


def advanced(steps):
    def answer(seed, epoch, place):
        bits = np.random.PCG64([seed, epoch])
        bits.advance(steps * place)
        return np.random.Generator(bits)

    return answer


def hashes_a_tuple(seed, epoch, place):
    return np.random.default_rng(abs(hash(("item", seed, epoch, place))))


def by_the_process(seed, epoch, place):
    pid = psutil.os.getpid() + seed
    return np.random.default_rng([pid, epoch, place])


def weighed(of_seed, of_epoch):
    def answer(seed, epoch, place):
        return np.random.default_rng(of_seed * seed + of_epoch * epoch + place)

    return answer


def seed_with_epoch(of_seed):
    def answer(seed, epoch, place):
        return np.random.default_rng([of_seed * seed + epoch, place])

    return answer


def multiplies(seed, epoch, place):
    return np.random.default_rng([seed, (epoch + 1) * (place + 1)])


def stops_looking(function, items, start):
    results = {}
    while len(results) < len(items):
        futures = {}
        with start() as executor:
            for place, item in enumerate(items):
                if place not in results:
                    futures[place] = executor.submit(function, item)
        for place, future in futures.items():
            if future.exception() is not None:
                break
            results[place] = future.result()
    return [results[place] for place in range(len(items))]


def all_of_it_by_itself(function, items, start):
    try:
        with start() as executor:
            futures = [executor.submit(function, item) for item in items]
            return [future.result() for future in futures]
    except BrokenProcessPool:
        return all_of_it_by_itself(function, items, start)


def whatever_happens(function, items, start):
    while True:
        try:
            with start() as executor:
                return list(executor.map(function, items))
        except:  # noqa: E722
            pass


def one_broken_executor(function, items, start):
    executor = start()
    futures = [executor.submit(function, item) for item in items]
    results = []
    for item, future in zip(items, futures):
        try:
            results.append(future.result())
        except BrokenProcessPool:
            results.append(executor.submit(function, item).result())
    return results


def for_ever_with_a_broken_one(function, items, start):
    executor, results = start(), {}
    while len(results) < len(items):
        for place, item in enumerate(items):
            if place not in results:
                with contextlib.suppress(BrokenProcessPool):
                    results[place] = executor.submit(function, item).result()
    return [results[place] for place in range(len(items))]


def tries_the_first_here(function, items, start):
    return [function(item) for item in items[:1]] + lesson_08.finish(function, items[1:], start)


def in_threads(function, items, start):
    with ThreadPoolExecutor(2) as executor:
        return list(executor.map(function, items))


def in_its_own_processes(function, items, start):
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as executor:
        return list(executor.map(function, items))


def leaves_its_own_processes(function, items, start):
    context = multiprocessing.get_context("fork")
    kept.append(ProcessPoolExecutor(1, mp_context=context))
    kept[-1].submit(abs, -1).result()
    return lesson_08._never_catches(function, items, start)


kept = []


def by_a_lambda(function, items, start):
    with start() as executor:
        futures = [executor.submit(lambda item=item: function(item)) for item in items]
    return [future.result() for future in futures]


def waits_for_each_by_wait(function, items, start):
    results = []
    with start() as executor:
        for item in items:
            future = executor.submit(function, item)
            concurrent.futures.wait([future])
            results.append(future.result())
    return results


def looks_again_and_again(function, items, start):
    results = []
    with start() as executor:
        for item in items:
            future = executor.submit(function, item)
            while not future.done():
                time.sleep(0.01)
            results.append(future.result())
    return results


def an_executor_each(function, items, start):
    results = []
    for item in items:
        while True:
            with start() as executor, contextlib.suppress(BrokenProcessPool):
                results.append(executor.submit(function, item).result())
                break
    return results


def finishing(**changed):
    """Answers that are right but for one thing: see the names of the arguments."""

    def answer(function, items, start):
        results, in_vain = {}, 0
        at = changed.get("key", lambda place, item: place)
        while len(results) < len(items):
            futures, before = {}, len(results)
            executor = start()
            try:
                with contextlib.suppress(BrokenProcessPool):
                    for place, item in enumerate(items):
                        if at(place, item) not in results:
                            futures[at(place, item)] = executor.submit(function, item)
                for key, future in futures.items():
                    with contextlib.suppress(*changed.get("caught", (BrokenProcessPool,))):
                        results[key] = future.result()
            except changed.get("replaced", ()):
                raise OSError("no result") from None
            finally:
                if not (changed.get("open_when_broken") and len(results) < len(items)):
                    executor.shutdown()
            in_vain = in_vain + 1 if len(results) == before or changed.get("all") else 0
            if in_vain == changed.get("most", 3):
                raise RuntimeError("no way")
        return [results[at(place, item)] for place, item in enumerate(items)]

    return answer


GUISES = [
    ("08.break_even", waits_in_turns, lesson_08.ADDED),
    ("08.break_even", pays_for_each_item, lesson_08.BATCH_FORGOTTEN),
    ("08.importable", a_lambda_in_a_partial, lesson_08.LAMBDA),
    ("08.importable", an_inner_function_in_a_partial, lesson_08.INNER_FUNCTION),
    ("08.importable", a_method_of_an_inner_class, lesson_08.INSTANCE),
    ("08.importable", an_object_with_an_open_file, lesson_08.HOLDS_ITS_OWN),
    ("08.importable", a_method_with_an_open_file, lesson_08.HOLDS_ITS_OWN),
    ("08.importable", a_partial_with_a_lock, lesson_08.HOLDS_ITS_OWN),
    ("08.importable", a_partial_called_at_once, lesson_08.CALLED_AT_ONCE),
    ("08.importable", cv2s_order, lesson_08.SWAPPED),
    ("08.importable", an_array_in_a_closure, lesson_08.ONE_ARRAY),
    ("08.streams", numpys_module, lesson_08.OF_EVERYBODY),
    ("08.streams", pythons_module, lesson_08.OF_EVERYBODY),
    ("08.streams", from_the_clock, lesson_08.NOT_SEEDED),
    ("08.streams", Spawns(), lesson_08.NOT_SEEDED),
    ("08.streams", Keeps(), lesson_08.GOES_ON),
    ("08.streams", advanced(1), lesson_08.OVERLAP),
    ("08.streams", advanced(1000), lesson_08.OVERLAP),
    ("08.streams", hashes_a_tuple, lesson_08.HASHED),
    ("08.streams", by_the_process, lesson_08.OF_THIS_PROCESS),
    ("08.streams", weighed(10**9, 10**6), lesson_08._shared_by((0, 0, 10**6), (0, 1, 0))),
    ("08.streams", weighed(2**32, 2**16), lesson_08._shared_by((0, 0, 2**16), (0, 1, 0))),
    ("08.streams", weighed(2**40, 2**20), lesson_08._shared_by((0, 0, 2**20), (0, 1, 0))),
    ("08.streams", weighed(10**8, 60_000), lesson_08._shared_by((0, 0, 60_000), (0, 1, 0))),
    ("08.streams", seed_with_epoch(1), lesson_08._shared_by((0, 1, 0), (1, 0, 0))),
    ("08.streams", seed_with_epoch(100), lesson_08._shared_by((0, 100, 0), (1, 0, 0))),
    ("08.streams", seed_with_epoch(10**4), lesson_08._shared_by((0, 10**4, 0), (1, 0, 0))),
    ("08.streams", multiplies, lesson_08._shared_by((0, 0, 1), (0, 1, 0))),
    ("08.again", stops_looking, lesson_08.READY_DROPPED),
    ("08.again", all_of_it_by_itself, lesson_08.ALL_AGAIN),
    ("08.again", whatever_happens, lesson_08.ALL_AGAIN),
    ("08.again", one_broken_executor, lesson_08.SAME_EXECUTOR),
    ("08.again", for_ever_with_a_broken_one, lesson_08.WAITS_EARLY),
    ("08.again", tries_the_first_here, lesson_08.IN_THIS_PROCESS),
    ("08.again", in_threads, lesson_08.IN_THIS_PROCESS),
    ("08.again", in_its_own_processes, lesson_08.NEVER_STARTED),
    ("08.again", leaves_its_own_processes, lesson_08.NOT_CAUGHT),
    ("08.again", by_a_lambda, lesson_08.WRAPPED),
    ("08.again", waits_for_each_by_wait, lesson_08.NOT_CAUGHT),
    ("08.again", an_executor_each, lesson_08.WAITS_EARLY),
    ("08.again", finishing(caught=(Exception,)), lesson_08.ERROR_REPEATED),
    ("08.again", finishing(caught=(BrokenProcessPool, LookupError)), lesson_08.ERROR_REPEATED),
    ("08.again", finishing(replaced=LookupError), lesson_08.OTHER_ERROR),
    ("08.again", finishing(all=True), lesson_08.COUNTS_ALL),
    ("08.again", finishing(most=None), lesson_08.FOR_EVER),
    ("08.again", finishing(open_when_broken=True), lesson_08.LEFT_OPEN),
    ("08.again", finishing(key=lambda place, item: str(item)), lesson_08.EQUAL_ITEMS),
    ("08.again", finishing(key=lambda place, item: item), lesson_08.ITEMS_AS_KEYS),
]


@pytest.mark.parametrize(
    ("id", "answer", "message"), [pytest.param(*g, id=f"{g[0]}-{n}") for n, g in enumerate(GUISES)]
)
def test_the_same_mistake_gets_the_same_message(id, answer, message, my_readers):
    assert said(id, answer) == f"Wrong: {message}"
    while kept:
        kept.pop().shutdown()


# --------------------------------------------------------------------------------- odd answers


def nothing(*arguments):
    pass


def raises(*arguments):
    raise LookupError("no idea")


def a_text(*arguments):
    return "0.5"


def a_generator(*arguments):
    yield 1.0


def an_array(*arguments):
    return np.zeros((2, 2))


def rounded(cost, batch_size, per_batch, per_item, workers):
    return round(lesson_08.seconds_per_item(cost, batch_size, per_batch, per_item, workers), 3)


def reading(change):
    """A reader of a closure: how it reads is looked at before whether it travels."""

    def answer(size):
        def read(path):
            return change(read_photo(path, *size))

        return read

    return answer


def one_side_alone(size):
    return partial(read_photo, height=size[0])


def at_the_last_size(size):
    last[:] = size
    return lambda path: read_photo(path, *last)


last = []


def ready_in_this_process_alone(size):
    import my_readers

    my_readers.prepared = True
    return partial(my_readers.read_prepared, **sides(size))


def of_a_file_that_is_gone(size):
    import my_readers

    with contextlib.suppress(FileNotFoundError):
        os.remove(my_readers.__file__)
    return partial(my_readers.read_at, size)


def an_old_generator(seed, epoch, place):
    return np.random.RandomState([seed, epoch, place])


def bits_alone(seed, epoch, place):
    return np.random.PCG64([seed, epoch, place])


def numbers_themselves(seed, epoch, place):
    return np.random.default_rng([seed, epoch, place]).random(3)


def changing(change):
    def answer(function, items, start):
        return change(lesson_08.finish(function, items, start))

    return answer


def as_they_are_submitted(function, items, start):
    with start() as executor:
        return [executor.submit(function, item) for item in items]


def yields_them(function, items, start):
    yield from lesson_08.finish(function, items, start)


def tells_start_how_many(function, items, start):
    with start(2) as executor:
        return list(executor.map(function, items))


def right_but_for_processes(function, items, start):
    """Knows a scripted executor when it sees one."""
    found = lesson_08.finish(function, items, start)
    return found if isinstance(function, lesson_08._Sent) else found[::-1]


def leaves_the_real_one(function, items, start):
    def started():
        executors.append(start())
        return executors[-1]

    executors = []
    if isinstance(function, lesson_08._Sent):
        return lesson_08.finish(function, items, start)
    kept.append(executors)
    return lesson_08._leaves_them_open(function, items, started)


def never_enough(function, items, start):
    while True:
        start().shutdown()


ODD = [
    ("08.break_even", nothing, "gave back None, and should return a number of seconds. Is `return"),
    ("08.break_even", a_text, "gave back a str, and should return a number of seconds."),
    ("08.break_even", an_array, "gave back a ndarray, and should return a number of seconds."),
    ("08.break_even", a_generator, "gave back a generator, and should return a number of"),
    ("08.break_even", lambda *a: True, "gave back a bool, and should return a number of seconds."),
    ("08.break_even", lambda *a: float("nan"), "should be 0.01: together the workers need 0.01 s"),
    ("08.break_even", raises, "LookupError: no idea\nin line "),
    ("08.break_even", rounded, "should be 0.00025: together the workers need 5e-05 s for an item"),
    ("08.break_even", lambda *a: int(lesson_08.seconds_per_item(*a)), "should be 0.01: together"),
    ("08.importable", nothing, "reader_of gave back None, and should return a function of a path."),
    ("08.importable", an_array, "reader_of gave back a ndarray, and should return a function of"),
    ("08.importable", a_text, "reader_of gave back a str, and should return a function of a path."),
    ("08.importable", raises, "LookupError: no idea\nin line "),
    ("08.importable", lambda size: raises, "LookupError: no idea\nin line "),
    ("08.importable", lambda size: nothing, "gave back None, and should return the photo, an arra"),
    ("08.importable", reading(lambda photo: photo.tolist()), "Your reader gave back a list, and"),
    ("08.importable", reading(lambda photo: photo / 255), "should be a uint8 array of the shape "),
    ("08.importable", reading(lambda photo: photo[..., ::-1]), "A photo isn't what `read_photo(pa"),
    ("08.importable", one_side_alone, "the shape (48, 36, 3). Yours is of uint8 and of the shape "),
    ("08.importable", at_the_last_size, lesson_08.SIZE_SHARED),
    ("08.importable", ready_in_this_process_alone, "In a worker it raises LookupError: not prepar"),
    ("08.importable", of_a_file_that_is_gone, lesson_08.NOT_IN_A_FILE),
    (
        "08.streams",
        nothing,
        "gave back None, and should return a NumPy Generator, such as `np.rand",
    ),
    ("08.streams", an_old_generator, "gave back a RandomState, and should return a NumPy Generato"),
    ("08.streams", bits_alone, "gave back a PCG64, and should return a NumPy Generator"),
    ("08.streams", numbers_themselves, "gave back a ndarray, and should return a NumPy Generator"),
    ("08.streams", a_generator, "gave back a generator, and should return a NumPy Generator"),
    ("08.streams", raises, "LookupError: no idea\nin line "),
    ("08.again", nothing, "NEVER_STARTED"),
    ("08.again", raises, "LookupError: no idea\nin line "),
    ("08.again", a_generator, "NEVER_STARTED"),
    ("08.again", yields_them, "NEVER_STARTED"),
    ("08.again", as_they_are_submitted, lesson_08.FUTURES),
    ("08.again", changing(tuple), "finish gave back a tuple, and should return a list of the res"),
    ("08.again", changing(nothing), "gave back None, and should return a list of the results. Is"),
    ("08.again", changing(iter), "finish gave back a list_iterator, and should return a list"),
    ("08.again", changing(lambda found: found[:-1]), lesson_08.RESULTS_LOST),
    ("08.again", changing(lambda found: found * 2), "should be 30, 10, 40, 150, 90, 20, .... Your"),
    ("08.again", changing(sorted), lesson_08.OTHER_ORDER),
    ("08.again", tells_start_how_many, "takes 1 positional argument but 2 were given\nin line "),
    ("08.again", looks_again_and_again, lesson_08.NOT_CAUGHT),
    ("08.again", finishing(most=1), "gave up after one executor. It should go on until three in"),
    ("08.again", finishing(most=2), "gave up after 2 executors. It should go on until three in a "),
    ("08.again", finishing(most=4), "gave up after 5 executors. It should go on until three in a "),
    ("08.again", never_enough, lesson_08.STARTS_FOR_EVER),
    ("08.again", right_but_for_processes, "With real processes, one of which dies, the results sh"),
    ("08.again", leaves_the_real_one, lesson_08.LEFT_OPEN),
]


@pytest.mark.parametrize(
    ("id", "answer", "words"), [pytest.param(*o, id=f"{o[0]}-{n}") for n, o in enumerate(ODD)]
)
def test_other_wrong_answers_are_told_how(id, answer, words, my_readers):
    shown = said(id, answer)
    assert shown.startswith("Wrong")
    assert (lesson_08.NEVER_STARTED if words == "NEVER_STARTED" else words) in shown
    kept.clear()


def test_a_function_of_a_cell_is_not_found_in_a_worker():
    """What is typed in, or stands in a notebook's cell, belongs to `__main__`."""
    done = subprocess.run([sys.executable, "-c", TYPED_IN], capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [f"Wrong: {lesson_08.NOT_IN_A_FILE}"] * 2 + ["Right"]


TYPED_IN = """
from functools import partial

from course_utils.classroom.exercise import check
from course_utils.feeding.readers import read_photo


def read_at(path, height, width):
    return read_photo(path, height, width)


class Reader:
    def __init__(self, size):
        self.size = size

    def __call__(self, path):
        return read_photo(path, *self.size)


def reader_of(size):
    return partial(read_at, height=size[0], width=size[1])


def right(size):
    return partial(read_photo, height=size[0], width=size[1])


for answer in (reader_of, Reader):
    shown = check("08.importable", answer)
    print(f"{shown.status}: {shown.message}")
print(check("08.importable", right).status)
"""

# ------------------------------------------------------------------------- what a check leaves


def sleeps_beside_its_workers(function, items, start):
    if isinstance(function, lesson_08._Sent):
        return lesson_08.finish(function, items, start)
    executor = start()
    assert executor.submit(function, 7).result() == 49
    at_work.set()
    time.sleep(60)


at_work = threading.Event()


def test_a_check_that_is_stopped_ends_the_processes_it_began():
    def stop():
        assert at_work.wait(20)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    threading.Thread(target=stop).start()
    with pytest.raises(KeyboardInterrupt):
        lesson_08.check_again(sleeps_beside_its_workers)
    assert at_work.is_set()


@pytest.mark.parametrize("answer", [lesson_08.stream, lesson_08._seeds_numpy, pythons_module])
def test_the_numbers_that_everybody_shares_stay_as_they_were(answer):
    np.random.seed(11)
    random.seed(12)
    expected = np.random.random(), random.random()
    np.random.seed(11)
    random.seed(12)
    said("08.streams", answer)
    assert (np.random.random(), random.random()) == expected


def test_other_threads_get_the_hash_and_the_process_that_they_know():
    expected, found, asked = (hash("text"), os.getpid()), [], threading.Event()

    def look():
        found.append((hash("text"), os.getpid()))

    def other(real, *arguments):
        if not asked.is_set():
            asked.set()
            thread = threading.Thread(target=look)
            thread.start()
            thread.join()
        return real(*arguments) + 1

    with lesson_08._elsewhere(builtins, "hash", other):
        assert hash("text") == expected[0] + 1
    asked.clear()
    with lesson_08._elsewhere(os, "getpid", other):
        assert os.getpid() == expected[1] + 1
    assert found == [expected] * 2


# ---------------------------------------------------------------- a scripted executor is like one


def real_executor(items, folder):
    """Dies at the item -1, when those before it are done."""
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")), death


def scripted_executor(items, folder):
    done = set(range(items.index(-1))) if -1 in items else lesson_08.NO_DEATH
    script = lesson_08._Script(items, lambda place: death(items[place]), [done])
    return script.start(), lesson_08._Sent(script)


def death(item):
    if item == -1:
        os._exit(1)
    if item == -2:
        raise LookupError("torn")
    return item + 1


@pytest.mark.parametrize("make", [real_executor, scripted_executor])
def test_an_executor_that_breaks(make, tmp_path):
    executor, function = make([5, 6, -1, 7], tmp_path)
    with executor:
        futures = [executor.submit(function, item) for item in (5, 6, -1, 7)]
        assert [future.result() for future in futures[:2]] == [6, 7]
        for future in futures[2:]:
            assert type(future.exception()) is BrokenProcessPool
            with pytest.raises(BrokenProcessPool, match="terminated abruptly"):
                future.result()
        with pytest.raises(BrokenProcessPool, match="not usable anymore"):
            executor.submit(function, 8)
    assert [future.result() for future in futures[:2]] == [6, 7]
    with pytest.raises(BrokenProcessPool):
        executor.submit(function, 8)


@pytest.mark.parametrize("make", [real_executor, scripted_executor])
def test_an_executor_that_breaks_in_the_middle_of_map(make, tmp_path):
    executor, function = make([5, -1, 7], tmp_path)
    with executor:
        results = executor.map(function, [5, -1, 7])
        assert next(results) == 6
        with pytest.raises(BrokenProcessPool):
            next(results)


@pytest.mark.parametrize("make", [real_executor, scripted_executor])
def test_an_executor_that_does_not_break(make, tmp_path):
    executor, function = make([5, -2, 7], tmp_path)
    with executor:
        futures = [executor.submit(function, item) for item in (5, -2, 7)]
        unpicklable = executor.submit(lambda: function(5))
        with pytest.raises(LookupError, match="torn"):
            futures[1].result()
        found = dict(enumerate(futures))
        assert {found[n].result() for n in (0, 2)} == {6, 8}
        assert unpicklable.exception() is not None
    assert all(future.done() for future in futures)
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        executor.submit(function, 5)


@pytest.mark.parametrize("make", [real_executor, scripted_executor])
@pytest.mark.parametrize("waits", ["wait", "as_completed", "result", "exception", "done"])
def test_whoever_waits_before_all_is_submitted_gets_a_result(make, waits, tmp_path):
    executor, function = make([5, 6, 7], tmp_path)
    with executor:
        future = executor.submit(function, 5)
        if waits == "wait":
            concurrent.futures.wait([future])
        elif waits == "as_completed":
            assert list(concurrent.futures.as_completed([future])) == [future]
        elif waits == "exception":
            assert future.exception() is None
        while waits == "done" and not future.done():
            time.sleep(0.01)
        assert future.result() == 6
        assert executor.submit(function, 6).result() == 7


# --------------------------------------------------------------- what the praise says is true


@pytest.mark.parametrize("case", lesson_08.CASES)
def test_the_slower_part_sets_the_pace(case):
    """As in a simulation, where the workers and the consumer are on one clock."""
    cost, batch_size, per_batch, per_item, workers = case
    scale = 1e-3 / max(
        cost, per_batch
    )  # the simulation counts in seconds of a stage, up to an hour
    work = Stage("work", scale * batch_size * cost, workers=workers, ahead=4 * workers)
    taken = Stage("take", scale * (per_batch + batch_size * per_item))
    runs = [simulate([work], consumer=taken, items=items) for items in (480, 960)]
    per_item_simulated = (runs[1].seconds - runs[0].seconds) / 480 / batch_size / scale
    assert per_item_simulated == pytest.approx(lesson_08.seconds_per_item(*case), rel=1e-3)


@pytest.mark.parametrize("workers", [2, 3, 16])
def test_where_processes_begin_to_pay_does_not_depend_on_how_many_there_are(workers):
    batch_size, per_batch, per_item = 32, 0.002, 0.0001
    point = per_item + per_batch / batch_size

    def seconds(cost, workers=workers):
        return lesson_08.seconds_per_item(cost, batch_size, per_batch, per_item, workers)

    assert seconds(0.99 * point) > 0.99 * point
    assert seconds(1.01 * point) < 1.01 * point
    assert seconds(1.01 * point, workers=1) == 1.01 * point
    assert seconds(100 * point) >= seconds(100 * point, workers=workers + 1)


@pytest.mark.parametrize("size", [(48, 36), (1000, 2000), (10**6, 10**6)])
def test_a_reader_that_travels_is_small(size):
    assert len(pickle.dumps(lesson_08.reader_of(size))) < 150


def test_what_is_missing_in_a_seed_counts_as_0():
    def drawn(seed):
        return np.random.default_rng(seed).random(9).tolist()

    assert drawn([7]) == drawn([7, 0]) == drawn([7, 0, 0])
    assert drawn([7]) != drawn([0, 7])


def begin(folder, item):
    with open(folder / str(item), "a") as file:
        file.write("x")
    died = folder / "died"
    if item == 3 and not died.exists():
        died.touch()
        os._exit(1)
    return item


def test_what_was_under_way_is_begun_a_second_time(tmp_path):
    context = multiprocessing.get_context("fork")
    start = partial(ProcessPoolExecutor, 1, context)
    items = [1, 2, 3, 4]
    assert lesson_08.finish(partial(begin, tmp_path), items, start) == items
    assert [(tmp_path / str(item)).read_text() for item in items] == ["x", "x", "xx", "x"]
