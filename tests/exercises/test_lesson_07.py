"""What is particular to lesson 07's exercises: other right answers, odd ones, threads left."""

import contextlib
import itertools
import queue
import random
import subprocess
import sys
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from course_utils.classroom import workspace
from course_utils.classroom.exercise import check, get, of_lesson
from course_utils.exercises import lesson_07
from course_utils.feeding.readers import read_photo
from course_utils.feeding.threads import ThreadLoader

EVERY = of_lesson("07")
SCALAR = tf.TensorSpec((), tf.int64)
PAIR = (tf.TensorSpec((32, 32, 3), tf.uint8), SCALAR)
from_generator = tf.data.Dataset.from_generator


@pytest.fixture(autouse=True)
def no_workspace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(workspace, "_progress", {})


@pytest.fixture(autouse=True)
def nothing_left(capsys):
    """No check leaves a thread, prints anything, or keeps the hook for errors in threads."""
    before, hook = set(threading.enumerate()), threading.excepthook
    yield
    deadline = time.monotonic() + 5
    while (left := threads_since(before)) and time.monotonic() < deadline:
        time.sleep(0.01)  # a pool that nobody refers to any more, the timer of check's limit
    assert left == []
    assert threading.excepthook is hook
    assert capsys.readouterr() == ("", "")


def threads_since(before):
    """Threads that weren't there, without those that TensorFlow brings along."""
    there = [thread for thread in threading.enumerate() if thread not in before]
    return [thread for thread in there if not thread.name.startswith("Dummy-")]


def said(id, answer):
    began = time.monotonic()
    shown = check(id, answer)
    assert time.monotonic() - began < 9  # far from the limit that would stop it
    return f"{shown.status}: {shown.message}"


# ------------------------------------------------------------------------------- right answers


class Ahead:
    """The elements of one epoch, as an iterator of a class's own."""

    def __init__(self, source, ahead):
        self.source, self.ahead = source, ahead
        self.made, self.changed = deque(), threading.Condition()
        self.stopped = self.ended = False
        self.error = None
        self.thread = threading.Thread(target=self.fill, daemon=True)
        self.thread.start()

    def fill(self):
        try:
            for element in self.source:
                with self.changed:
                    self.made.append(element)
                    self.changed.notify_all()
                    self.changed.wait_for(lambda: len(self.made) <= self.ahead or self.stopped)
                    if self.stopped:
                        return
        except Exception as error:
            self.error = error
        finally:
            with self.changed:
                self.ended = True
                self.changed.notify_all()

    def __iter__(self):
        return self

    def __next__(self):
        with self.changed:
            self.changed.wait_for(lambda: self.made or self.ended)
            if self.made:
                element = self.made.popleft()
                self.changed.notify_all()
                return element
        self.close()
        if self.error:
            raise self.error
        raise StopIteration

    def close(self):
        with self.changed:
            self.stopped = True
            self.changed.notify_all()
        self.thread.join()
        self.source.close()


class Begun:
    """Begins with the first element, so that an epoch that nobody asks for has no thread."""

    def __init__(self, make, ahead):
        self.make, self.ahead, self.epoch = make, ahead, None

    def __iter__(self):
        return self

    def __next__(self):
        if self.epoch is None:
            self.epoch = Ahead(self.make(), self.ahead)
        return next(self.epoch)

    def close(self):
        if self.epoch is not None:
            self.epoch.close()

    __del__ = close


class PreloadRight:
    def by_futures(make, ahead):
        def elements():
            source, end = make(), object()
            pool = ThreadPoolExecutor(1)
            try:
                drawn = deque(pool.submit(next, source, end) for _ in range(ahead))
                while True:
                    drawn.append(pool.submit(next, source, end))
                    element = drawn.popleft().result()
                    if element is end:
                        return
                    yield element
            finally:
                pool.shutdown(cancel_futures=True)
                source.close()

        return elements

    def by_a_put_that_looks_up(make, ahead):
        def elements():
            made, stop = queue.Queue(ahead), threading.Event()

            def put(told):
                while not stop.is_set():
                    with contextlib.suppress(queue.Full):
                        made.put(told, timeout=0.01)
                        return

            def fill():
                try:
                    for element in make():
                        put(("element", element))
                        if stop.is_set():
                            return
                    put(("end", None))
                except Exception as error:
                    put(("error", error))

            thread = threading.Thread(target=fill, name="preloader")
            thread.start()
            try:
                while (told := made.get())[0] == "element":
                    yield told[1]
                if told[0] == "error":
                    raise told[1]
            finally:
                stop.set()
                thread.join()

        return elements

    def as_in_the_lesson(make, ahead):
        def fill(made, stop):
            try:
                for element in make():
                    made.put(("element", element))
                    if stop.is_set():
                        return
                made.put(("end", None))
            except Exception as error:
                made.put(("error", error))

        def elements():
            made, stop = queue.Queue(maxsize=ahead), threading.Event()
            thread = threading.Thread(target=fill, args=(made, stop), daemon=True)
            thread.start()
            try:
                while (told := made.get())[0] == "element":
                    yield told[1]
                if told[0] == "error":
                    raise told[1]
            finally:
                stop.set()
                while thread.is_alive():
                    with contextlib.suppress(queue.Empty):
                        made.get(timeout=0.01)

        return elements

    def by_a_semaphore(make, ahead):
        def elements():
            room, made, stop = threading.Semaphore(ahead), queue.SimpleQueue(), []

            def fill():
                with contextlib.closing(make()) as source:
                    try:
                        for element in source:
                            made.put([element])
                            room.acquire()
                            if stop:
                                return
                        made.put(None)
                    except Exception as error:
                        made.put(error)

            thread = threading.Thread(target=fill)
            thread.start()
            try:
                while isinstance(told := made.get(), list):
                    room.release()
                    yield told[0]
                if told is not None:
                    raise RuntimeError("the source failed") from told
            finally:
                stop.append(True)
                room.release()
                thread.join()

        return elements

    def by_a_class(make, ahead):
        return partial(Begun, make, ahead)

    def without_a_join(make, ahead):
        def elements():
            made, stop, end = queue.Queue(ahead), threading.Event(), object()

            def fill():
                error = None
                try:
                    for element in make():
                        made.put((element, None))
                        if stop.is_set():
                            return
                except Exception as raised:
                    error = raised
                made.put((end, error))

            threading.Thread(target=fill, daemon=True).start()
            try:
                while True:
                    element, error = made.get()
                    if error:
                        raise error
                    if element is end:
                        return
                    yield element
            finally:
                stop.set()
                while not made.empty():
                    made.get()

        return elements


class InOrderRight:
    def submits_after_the_yield(function, items, threads, ahead):
        items, pool = iter(items), ThreadPoolExecutor(threads)
        try:
            waiting = deque(
                pool.submit(function, i) for i in itertools.islice(items, threads + ahead)
            )
            while waiting:
                yield waiting.popleft().result()
                waiting.extend(pool.submit(function, i) for i in itertools.islice(items, 1))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def without_waiting_at_the_end(function, items, threads, ahead):
        waiting, pool = deque(), ThreadPoolExecutor(threads)
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > threads + ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def cancels_each(function, items, threads, ahead):
        items, end, waiting = iter(items), object(), deque()
        with ThreadPoolExecutor(threads) as pool:
            try:
                while True:
                    while len(waiting) < threads + ahead and (item := next(items, end)) is not end:
                        waiting.append(pool.submit(function, item))
                    if not waiting:
                        return
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    def with_numbered_futures(function, items, threads, ahead):
        numbered, futures = enumerate(items), {}
        pool = ThreadPoolExecutor(max_workers=threads)
        try:
            for place in itertools.count():
                for number, item in itertools.islice(numbered, threads + ahead - len(futures)):
                    futures[number] = pool.submit(function, item)
                if place not in futures:
                    return
                yield futures.pop(place).result()
        finally:
            pool.shutdown(cancel_futures=True)

    def with_threads_of_its_own(function, items, threads, ahead):
        tasks, stop = queue.SimpleQueue(), threading.Event()

        def work():
            while (task := tasks.get()) is not None:
                item, place = task
                if stop.is_set():
                    continue
                try:
                    place.put((function(item), None))
                except Exception as error:
                    place.put((None, error))
                del task, item, place

        workers = [threading.Thread(target=work) for _ in range(threads)]
        for worker in workers:
            worker.start()
        items, places = iter(items), deque()
        try:
            while True:
                for item in itertools.islice(items, threads + ahead - len(places)):
                    places.append(queue.SimpleQueue())
                    tasks.put((item, places[-1]))
                if not places:
                    return
                result, error = places.popleft().get()
                if error is not None:
                    raise error
                yield result
                del result
        finally:
            stop.set()
            for _ in workers:
                tasks.put(None)
            for worker in workers:
                worker.join()

    def names_the_item(function, items, threads, ahead):
        results = lesson_07.mapped(function, items, threads, ahead)
        try:
            yield from results
        except Exception as error:
            raise RuntimeError("an item failed") from error


def pool_of(threads):
    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    return options


class InterleavedRight:
    def by_numbers(names, read, threads):
        def numbers(place):
            return read(names[place])

        return (
            tf.data.Dataset.range(len(names))
            .interleave(
                lambda n: from_generator(numbers, args=(n,), output_signature=SCALAR),
                threads,
                num_parallel_calls=threads,
                deterministic=False,
            )
            .with_options(pool_of(threads + 1))
        )

    def as_many_as_it_likes(names, read, threads):
        def numbers(name):
            return read(tf.compat.as_str(name))

        def of_one(name):
            return from_generator(numbers, args=[name], output_signature=SCALAR)

        calls = tf.data.AUTOTUNE
        dataset = tf.data.Dataset.from_tensor_slices(tf.constant(names))
        dataset = dataset.with_options(pool_of(threads))
        return dataset.interleave(of_one, cycle_length=threads, num_parallel_calls=calls)

    def in_blocks(names, read, threads):
        def numbers(name):
            yield from map(np.int64, read(str(name, "utf-8")))

        def of_one(name):
            return from_generator(numbers, args=(name,), output_signature=SCALAR).prefetch(2)

        return (
            tf.data.Dataset.from_tensor_slices(np.array(names))
            .interleave(of_one, threads, block_length=3, num_parallel_calls=threads)
            .with_options(pool_of(64 + threads))
        )

    def by_one_generator_and_a_pool(names, read, threads):
        """Without interleave: every name is read in a thread, and the results come in turn."""

        def numbers():
            with ThreadPoolExecutor(threads) as pool:
                for future in [pool.submit(lambda name=name: list(read(name))) for name in names]:
                    yield from future.result()

        return from_generator(numbers, output_signature=SCALAR)


def read_pair(item):
    path, label = item
    return read_photo(path, 32, 32), label


class Orders:
    def __init__(self, pairs, seed):
        self.pairs, self.seed, self.epoch = pairs, seed, -1

    def __call__(self):
        self.epoch += 1
        mixed = list(self.pairs)
        random.Random(f"{self.seed} {self.epoch}").shuffle(mixed)
        return mixed


class LoaderRight:
    def by_places(paths, labels, seed):
        epochs = itertools.count()

        def order():
            return np.random.default_rng((seed, next(epochs))).permutation(len(paths))

        def read(place):
            return read_photo(paths[place], 32, 32), np.int64(labels[place])

        return ThreadLoader(read, order, PAIR, batch_size=4, errors="skip", threads=3)

    def drawn_one_by_one(paths, labels, seed):
        rng = np.random.default_rng(seed)  # all orders are drawn when an epoch begins

        def items():
            for place in rng.permutation(len(paths)):
                yield paths[place], labels[place]

        at_most = len(paths)
        return ThreadLoader(read_pair, items, PAIR, 4, errors="skip", ahead=1, at_most=at_most)

    def by_a_class(paths, labels, seed):
        orders = Orders(list(zip(paths, labels)), seed)
        return ThreadLoader(read_pair, orders, PAIR, 4, errors="skip")

    def far_ahead(paths, labels, seed):
        orders = Orders(list(zip(paths, labels)), seed)
        return ThreadLoader(read_pair, orders, PAIR, 4, errors="skip", threads=16, ahead=6)

    def into_the_batch(paths, labels, seed):
        def read(item, out):
            photo, label = out
            read_photo(item[0], 32, 32, out=photo)
            label[...] = item[1]

        orders = Orders(list(zip(paths, labels)), seed)
        return ThreadLoader(read, orders, PAIR, 4, errors="skip", into=True)


RIGHT = {
    "07.preload": PreloadRight,
    "07.in_order": InOrderRight,
    "07.interleaved": InterleavedRight,
    "07.loader": LoaderRight,
}


@pytest.mark.parametrize(
    ("id", "name"),
    [(id, name) for id, each in RIGHT.items() for name in vars(each) if name[0] != "_"],
)
def test_other_right_answers_are_right(id, name):
    answer = getattr(RIGHT[id], name)
    assert said(id, answer) == f"Right: {get(id).right}"


# ------------------------------------------------------- the same mistake in another guise


def makes_its_thread_in_the_first_epoch(make, ahead):
    made, threads = queue.Queue(ahead), []

    def fill():
        for element in make():
            made.put([element])
        made.put(None)

    def elements():
        if not threads:
            threads.append(threading.Thread(target=fill, daemon=True))
            threads[0].start()
        while (told := made.get()) is not None:
            yield told[0]

    return elements


def ends_at_what_is_false(make, ahead):
    def elements():
        made = queue.Queue(ahead)

        def fill():
            for element in make():
                made.put(element)
            made.put(None)

        threading.Thread(target=fill).start()
        while element := made.get():
            yield element

    return elements


def preloading(ending, put_errors=True, begin=None):
    """An answer that is right but for how it ends; `begin` makes what is shared, if anything."""

    def answer(make, ahead):
        shared = begin() if begin else None

        def elements():
            source, made = make(), queue.Queue(ahead)
            stop, end = shared or threading.Event(), object()

            def fill():
                error = None
                try:
                    for element in source:
                        made.put((element, None))
                        if stop.is_set():
                            return
                except Exception as raised:
                    error = raised if put_errors else None
                made.put((end, error))

            thread = threading.Thread(target=fill)
            thread.start()
            try:
                while True:
                    element, error = made.get()
                    if error:
                        raise error
                    if element is end:
                        return
                    yield element
            finally:
                ending(thread, stop, made)

        return elements

    return answer


def sharing_its_queue(ending, daemon=False):
    """An answer that makes its queue once, and has a faulty end besides, or none."""

    def answer(make, ahead):
        made = queue.Queue(ahead)

        def elements():
            stop, end = threading.Event(), object()

            def fill():
                error = None
                try:
                    for element in make():
                        made.put((element, None, False))
                        if stop.is_set():
                            return
                except Exception as raised:
                    error = raised
                made.put((end, error, True))

            thread = threading.Thread(target=fill, daemon=daemon)
            thread.start()
            try:
                while True:
                    element, error, ended = made.get()
                    if error:
                        raise error
                    if ended:
                        return
                    yield element
            finally:
                ending(thread, stop, made)

        return elements

    return answer


def does_nothing(thread, stop, made):
    pass


def one_less_ahead(make, ahead):
    return lesson_07.preloaded(make, ahead - 1)


def none_ahead_of_one(make, ahead):
    return make if ahead == 1 else lesson_07.preloaded(make, ahead)


def drains_without_a_stop(thread, stop, made):
    while thread.is_alive():
        with contextlib.suppress(queue.Empty):
            made.get(timeout=0.01)


def stops_without_making_room(thread, stop, made):
    stop.set()
    thread.join()


def stops_and_goes(thread, stop, made):
    stop.set()


def ends_well(thread, stop, made):
    stop.set()
    while not made.empty():
        made.get()
    thread.join()


def is_a_generator_itself(make, ahead):
    made = queue.Queue(ahead)

    def fill():
        for element in make():
            made.put([element])
        made.put(None)

    threading.Thread(target=fill, daemon=True).start()
    while (told := made.get()) is not None:
        yield told[0]


def lists_before_the_thread(make, ahead):
    def elements():
        made, everything = queue.Queue(ahead), list(make())

        def fill():
            for element in everything:
                made.put([element])
            made.put(None)

        threading.Thread(target=fill, daemon=True).start()
        while (told := made.get()) is not None:
            yield told[0]

    return elements


def begins_when_called(make, ahead):
    """Its thread runs before the first element is asked for; a generator can't be told then."""

    def called():
        made, stop = queue.Queue(ahead), threading.Event()

        def fill():
            try:
                for element in make():
                    made.put((element, None))
                    if stop.is_set():
                        return
                made.put((None, StopIteration()))
            except Exception as error:
                made.put((None, error))

        thread = threading.Thread(target=fill)
        thread.start()

        def elements():
            try:
                while True:
                    element, error = made.get()
                    if isinstance(error, StopIteration):
                        return
                    if error:
                        raise error
                    yield element
            finally:
                ends_well(thread, stop, made)

        return elements()

    return called


def hands_over_what_make_gives(make, ahead):
    return make


def waits_for_all_futures(function, items, threads, ahead):
    with ThreadPoolExecutor(threads) as pool:
        for future in [pool.submit(function, item) for item in items]:
            yield future.result()


def as_many_threads_as_it_likes(function, items, threads, ahead):
    items, waiting = iter(items), deque()
    with ThreadPoolExecutor(32) as pool:
        for item in itertools.islice(items, threads + ahead):
            waiting.append(pool.submit(function, item))
        while waiting:
            result = waiting.popleft().result()
            for item in itertools.islice(items, 1):
                waiting.append(pool.submit(function, item))
            yield result


def mapping(take, cancel=True, wait=True):
    """An answer that is right but for what it takes of a future, or for how it ends."""

    def answer(function, items, threads, ahead):
        items, waiting, pool = iter(items), deque(), ThreadPoolExecutor(threads)
        try:
            for item in itertools.islice(items, threads + ahead):
                waiting.append(pool.submit(function, item))
            while waiting:
                result = take(waiting.popleft(), waiting)
                for item in itertools.islice(items, 1):
                    waiting.append(pool.submit(function, item))
                yield result
        finally:
            pool.shutdown(wait=wait, cancel_futures=cancel)

    return answer


def the_result(future, waiting):
    return future.result()


def the_error_or_the_result(future, waiting):
    return future.exception() or future.result()


def any_error_first(future, waiting):
    result = future.result()
    for other in waiting:
        if other.done():
            other.result()
    return result


def ends_at_what_is_no_item(function, items, threads, ahead):
    items, pool, waiting = iter(items), ThreadPoolExecutor(threads), deque()
    try:
        while True:
            while len(waiting) < threads + ahead and (item := next(items, None)):
                waiting.append(pool.submit(function, item))
            if not waiting:
                return
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def lists_the_last(function, items, threads, ahead):
    with ThreadPoolExecutor(threads) as pool:
        waiting = deque()
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) == threads + ahead:
                yield waiting.popleft().result()
        yield from [future.result() for future in waiting]


def pairs_up(function, items, threads, ahead):
    """Two chunks: the next one is submitted when the one before has been taken."""
    items = iter(items)
    pool = ThreadPoolExecutor(threads)
    try:
        while chunk := [
            pool.submit(function, item) for item in itertools.islice(items, threads + ahead)
        ]:
            for future in chunk:
                yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def reading(interleave, options=pool_of, decode=bytes.decode):
    """An answer that is right but for the way in which the names' datasets become one."""

    def answer(names, read, threads):
        def numbers(name):
            yield from read(decode(name))

        def of_one(name):
            return from_generator(numbers, args=(name,), output_signature=SCALAR)

        dataset = tf.data.Dataset.from_tensor_slices(names)
        return interleave(dataset, of_one, threads).with_options(options(threads))

    return answer


def in_turn(dataset, of_one, threads):
    return dataset.interleave(of_one, 3, block_length=1)


def in_parallel(dataset, of_one, threads):
    return dataset.interleave(of_one, threads, num_parallel_calls=threads)


def in_a_short_cycle(dataset, of_one, threads):
    return dataset.interleave(of_one, threads - 1, num_parallel_calls=threads)


def one_by_one(dataset, of_one, threads):
    return dataset.interleave(of_one, 1)


def no_pool(threads):
    return tf.data.Options()


def concatenated(names, read, threads):
    datasets = [from_generator(partial(read, name), output_signature=SCALAR) for name in names]
    whole = datasets[0]
    for dataset in datasets[1:]:
        whole = whole.concatenate(dataset)
    return whole


def by_one_generator(names, read, threads):
    def numbers():
        for name in names:
            yield from read(name)

    return from_generator(numbers, output_signature=SCALAR)


def by_a_partial(names, read, threads):
    dataset = tf.data.Dataset.from_tensor_slices(names)
    return dataset.interleave(
        lambda name: from_generator(partial(read, name), output_signature=SCALAR),
        threads,
        num_parallel_calls=threads,
    ).with_options(pool_of(threads))


def cut_names(names, read, threads):
    return lesson_07.from_files(names[:threads], read, threads)


def loading(items, function=read_pair, signature=PAIR, **options):
    """An answer that is right but for its items, made of pairs and the seed, or its options."""

    def answer(paths, labels, seed):
        pairs = list(zip(paths, labels))
        given = {"batch_size": 4, "errors": "skip", **options}
        return ThreadLoader(function, items(pairs, seed), signature, **given)

    return answer


def seeded_alike(pairs, seed):
    def order():
        rng = np.random.default_rng(seed)
        return [pairs[place] for place in rng.permutation(len(pairs))]

    return order


def by_pythons_shuffle(pairs, seed):
    def order():
        random.seed(seed + len(pairs))
        random.shuffle(pairs)
        return list(pairs)

    return order


def in_one_list(pairs, seed):
    def order():
        random.Random(f"{seed} {next(epochs)}").shuffle(mixed)
        return mixed

    epochs, mixed = itertools.count(), list(pairs)
    return order


def out_of_one_list(pairs, seed):
    def order():
        rng.shuffle(pairs)
        yield from pairs

    rng = np.random.default_rng(seed)
    return order


def by_one_list_of_places(pairs, seed):
    def order():
        rng.shuffle(places)
        return (pairs[place] for place in places)

    rng, places = np.random.default_rng(seed), np.arange(len(pairs))
    return order


def by_a_multiple(pairs, seed):
    """Of seed 4, epoch 0 has the order of seed 3, epoch 2."""
    epochs = itertools.count()

    def order():
        rng = np.random.default_rng(2 * seed + next(epochs))
        return [pairs[place] for place in rng.permutation(len(pairs))]

    return order


def or_a_grey_photo(item):
    with contextlib.suppress(ValueError):
        return read_pair(item)
    return np.full((32, 32, 3), 128, np.uint8), item[1]


def labels_by_place(paths, labels, seed):
    orders, places = Orders(paths, seed), itertools.cycle(range(len(labels)))

    def read(path):
        return read_photo(path, 32, 32), labels[next(places)]

    return ThreadLoader(read, orders, PAIR, 4, errors="skip", threads=1)


GUISES = [
    (makes_its_thread_in_the_first_epoch, "07.preload", lesson_07.MADE_ONCE),
    (ends_at_what_is_false, "07.preload", lesson_07.FALSE_ENDS),
    (preloading(drains_without_a_stop), "07.preload", lesson_07.NEVER_LEFT),
    (preloading(stops_without_making_room), "07.preload", lesson_07.NEVER_LEFT),
    (preloading(stops_and_goes), "07.preload", lesson_07.THREAD_LEFT),
    (begins_when_called, "07.preload", lesson_07.THREAD_LEFT),
    (preloading(ends_well, put_errors=False), "07.preload", lesson_07.ERROR_LOST),
    (preloading(ends_well, begin=threading.Event), "07.preload", lesson_07.MIXED),
    (sharing_its_queue(does_nothing, daemon=True), "07.preload", lesson_07.MIXED),
    (sharing_its_queue(stops_and_goes), "07.preload", lesson_07.MIXED),
    (sharing_its_queue(ends_well), "07.preload", lesson_07.MIXED),
    (one_less_ahead, "07.preload", lesson_07.ENDLESS_AT_ONE),
    (none_ahead_of_one, "07.preload", lesson_07.NOT_AHEAD),
    (is_a_generator_itself, "07.preload", lesson_07.CALLED_ALREADY),
    (lists_before_the_thread, "07.preload", lesson_07.LISTED),
    (hands_over_what_make_gives, "07.preload", lesson_07.NOT_AHEAD),
    (waits_for_all_futures, "07.in_order", lesson_07.ALL_SUBMITTED),
    (as_many_threads_as_it_likes, "07.in_order", lesson_07.TOO_MANY_THREADS),
    (mapping(the_error_or_the_result), "07.in_order", lesson_07.ERROR_AS_RESULT),
    (mapping(any_error_first), "07.in_order", lesson_07.RAISED_TOO_EARLY),
    (mapping(the_result, cancel=False), "07.in_order", lesson_07.RUNS_THE_REST),
    (mapping(the_result, cancel=False, wait=False), "07.in_order", lesson_07.POOL_LEFT),
    (ends_at_what_is_no_item, "07.in_order", lesson_07.NONE_ENDS_ITEMS),
    (pairs_up, "07.in_order", lesson_07.IN_CHUNKS),
    (lists_the_last, "07.in_order", lesson_07.KEEPS_THE_LAST),
    (reading(in_turn), "07.interleaved", lesson_07.ONE_AT_A_TIME),
    (reading(one_by_one), "07.interleaved", lesson_07.NAME_BY_NAME),
    (concatenated, "07.interleaved", lesson_07.NAME_BY_NAME),
    (by_one_generator, "07.interleaved", lesson_07.NAME_BY_NAME),
    (reading(in_parallel, lambda threads: pool_of(2)), "07.interleaved", lesson_07.POOL_TOO_SMALL),
    (reading(in_a_short_cycle), "07.interleaved", lesson_07.CYCLE_TOO_SHORT),
    (by_a_partial, "07.interleaved", lesson_07.NAME_IS_SYMBOLIC),
    (reading(in_parallel, decode=repr), "07.interleaved", lesson_07.NAME_WRITTEN_DOWN),
    (cut_names, "07.interleaved", lesson_07.NAMES_LOST),
    (loading(seeded_alike), "07.loader", lesson_07.SHUFFLED_ONCE),
    (loading(by_pythons_shuffle), "07.loader", lesson_07.NUMBERS_OF_ALL),
    (loading(by_a_multiple), "07.loader", lesson_07.ORDERS_SHARED),
    (loading(in_one_list), "07.loader", lesson_07.LIST_SHARED),
    (loading(in_one_list, threads=16, ahead=6), "07.loader", lesson_07.LIST_SHARED),
    (loading(out_of_one_list), "07.loader", lesson_07.LIST_SHARED),
    (loading(by_one_list_of_places), "07.loader", lesson_07.LIST_SHARED),
    (loading(Orders, at_most=0), "07.loader", lesson_07.TOO_FEW_ALLOWED),
    (loading(Orders, at_most=3), "07.loader", lesson_07.TOO_FEW_ALLOWED),
    (loading(Orders, or_a_grey_photo), "07.loader", lesson_07.BLACK_PHOTOS),
    (labels_by_place, "07.loader", lesson_07.LABELS_MIXED_UP),
]


@pytest.mark.parametrize(
    ("answer", "id", "message"),
    [pytest.param(*each, id=f"{each[1]}-{n}") for n, each in enumerate(GUISES)],
)
def test_the_same_mistake_in_another_guise_gets_the_same_message(answer, id, message):
    assert said(id, answer) == f"Wrong: {message}"


@pytest.mark.parametrize(
    ("task", "mistake"),
    [
        pytest.param(task, mistake, id=f"{task.id}-{mistake.answer.__name__}")
        for task in EVERY
        for mistake in task.mistakes
        if mistake.message not in {message for _, _, message in GUISES}
    ],
)
def test_of_the_other_mistakes_nothing_is_left_either(task, mistake):
    """Of all mistakes the messages are tried in test_every_exercise.py, twice each."""
    assert said(task.id, mistake.answer) == f"Wrong: {mistake.message}"


# ------------------------------------------------------------------------------- odd answers


def nothing(*arguments):
    return None


def a_dataset(*arguments):
    return tf.data.Dataset.range(5)


def a_number(*arguments):
    return 1.5


def an_array(*arguments):
    return np.zeros(3)


def a_function(*arguments):
    return lambda: None


def raises(*arguments):
    raise LookupError("no idea")


def raises_later(*arguments):
    raise LookupError("no idea")
    yield


def elements_that(given):
    """A callable for from_generator that gives back something."""
    return lambda make, ahead: lambda: given(make)


def wants_an_argument(make, ahead):
    def elements(make):
        yield from make()

    return elements


def backwards(make):
    yield from reversed(list(itertools.islice(make(), 41)))


def a_slip_in_the_thread(make, ahead):
    def elements():
        made = queue.Queue(ahead)

        def fill():
            for element in make():
                made.putt(element)

        threading.Thread(target=fill).start()
        while (element := made.get()) is not None:
            yield element

    return elements


def one_ahead_only(make, ahead):
    return lesson_07.preloaded(make, 1)


def more_than_it_should(make, ahead):
    return lesson_07.preloaded(make, ahead + 1)


def two_at_least(make, ahead):
    return lesson_07.preloaded(make, max(ahead, 2))


def with_a_sign_for_the_end(make, ahead):
    source = lesson_07.preloaded(make, ahead)
    return lambda: with_an_end(source())


def with_an_end(elements):
    with contextlib.closing(elements):
        yield from elements
        yield "end"


def changing(change):
    def answer(make, ahead):
        source = lesson_07.preloaded(make, ahead)

        def elements():
            with contextlib.closing(source()) as epoch:
                yield from map(change, epoch)

        return elements

    return answer


def short_of_two(make, ahead):
    source = lesson_07.preloaded(make, max(1, ahead - 2))

    def elements():
        waiting = deque()
        with contextlib.closing(source()) as epoch:
            for element in epoch:
                waiting.append(element)
                if len(waiting) > 2:
                    yield waiting.popleft()

    return elements


def hangs_as_a_source(make, ahead):
    def elements():
        if threading.current_thread().name.startswith("Dummy"):
            queue.Queue().get()
        yield from lesson_07.preloaded(make, ahead)()

    return elements


def leaves_its_thread_at_an_error(make, ahead):
    def elements():
        stop = threading.Event()
        thread = threading.Thread(target=stop.wait, args=(20,), daemon=True)
        thread.start()
        epoch = lesson_07.preloaded(make, ahead)()
        try:
            yield from epoch
        except GeneratorExit:
            stop.set()
            raise
        stop.set()

    return elements


def never_gives_anything(make, ahead):
    def elements():
        threading.Event().wait()
        yield

    return elements


def no_results(function, items, threads, ahead):
    yield from (None for _ in items)


def items_themselves(function, items, threads, ahead):
    yield from items


def half_of_the_threads(function, items, threads, ahead):
    return lesson_07.mapped(function, items, 2, threads + ahead - 2)


def submits_ahead_only(function, items, threads, ahead):
    items, waiting = iter(items), deque()
    with ThreadPoolExecutor(threads) as pool:
        for item in itertools.islice(items, ahead):
            waiting.append(pool.submit(function, item))
        while waiting:
            result = waiting.popleft().result()
            for item in itertools.islice(items, 1):
                waiting.append(pool.submit(function, item))
            yield result


def twice_each(function, items, threads, ahead):
    for result in lesson_07.mapped(function, items, threads, ahead):
        yield result
        yield result


def never_comes_back(function, items, threads, ahead):
    results = lesson_07.mapped(function, items, threads, ahead)
    try:
        yield from results
    finally:
        threading.Event().wait()


def keeps_a_thread(function, items, threads, ahead):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    yield from lesson_07.mapped(function, items, threads, ahead)


def hangs_at_an_error(function, items, threads, ahead):
    try:
        yield from lesson_07.mapped(function, items, threads, ahead)
    except lesson_07.TornFile:
        threading.Event().wait()


def datasets(dataset, of_one, threads):
    return dataset.map(of_one)


def six_at_most(dataset, of_one, threads):
    return dataset.interleave(of_one, min(threads, 2), num_parallel_calls=min(threads, 2))


def in_vectors(dataset, of_one, threads):
    return dataset.interleave(of_one, threads, num_parallel_calls=threads).batch(2)


def in_pairs(dataset, of_one, threads):
    numbers = dataset.interleave(of_one, threads, num_parallel_calls=threads)
    return tf.data.Dataset.zip(numbers, numbers)


def for_ever(dataset, of_one, threads):
    return dataset.interleave(of_one, threads, num_parallel_calls=threads).repeat()


def sorted_down(names, read, threads):
    return lesson_07.from_files(names, lambda name: sorted(read(name), reverse=True), threads)


def one_less(names, read, threads):
    return lesson_07.from_files(names, lambda name: itertools.islice(read(name), 8), threads)


def asks_the_tensor(names, read, threads):
    dataset = tf.data.Dataset.from_tensor_slices(names)
    return dataset.interleave(
        lambda name: from_generator(partial(read, name.numpy().decode()), output_signature=SCALAR)
    )


def other_names(names, read, threads):
    return lesson_07.from_files([f"{name}.txt" for name in names], read, threads)


def read_ahead_of_all(names, read, threads):
    made = [read(name) for name in names]

    def numbers(place):
        yield from made[place]

    return tf.data.Dataset.range(len(names)).flat_map(
        lambda place: from_generator(numbers, args=(place,), output_signature=SCALAR)
    )


def as_floats(item):
    photo, label = read_pair(item)
    return photo / 255, label


def of_another_size(item):
    return read_photo(item[0]), item[1]


def in_bgr(item):
    photo, label = read_pair(item)
    return photo[..., ::-1].copy(), label


def two_of_each(pairs, seed):
    return Orders(pairs * 2, seed)


def batches_of_five(paths, labels, seed):
    return loading(Orders, batch_size=5)(paths, labels, seed)


ODD = [
    ("07.preload", nothing, "preloaded gave back None, and should return a function that from_ge"),
    ("07.preload", a_dataset, "preloaded gave back a dataset. Only the callable for it is wanted"),
    ("07.preload", a_number, "preloaded gave back a float, and should return a function that fr"),
    ("07.preload", raises, "LookupError: no idea\nin line "),
    ("07.preload", raises_later, "preloaded gave back a generator, the elements of one epoch."),
    (
        "07.preload",
        a_function,
        "was called, and gave back None, which can't be iterated. Is `yield`",
    ),
    ("07.preload", elements_that(lambda make: 3), "was called, and gave back an int, which can't"),
    ("07.preload", elements_that(raises), "LookupError: no idea\nin line "),
    ("07.preload", elements_that(raises_later), "LookupError: no idea\nin line "),
    (
        "07.preload",
        elements_that(lambda make: []),
        "doesn't call `make`. The elements should be 1, ",
    ),
    (
        "07.preload",
        elements_that(lambda make: iter([9])),
        "6, ..., as `make` gives them. Yours are 9.",
    ),
    ("07.preload", elements_that(backwards), "The first element comes when all have been made"),
    (
        "07.preload",
        wants_an_argument,
        "wants an argument, and from_generator calls it without any.",
    ),
    (
        "07.preload",
        a_slip_in_the_thread,
        "AttributeError: 'Queue' object has no attribute 'putt'\nin line ",
    ),
    ("07.preload", one_ahead_only, "With ahead = 3, only 2 elements more than were taken are made"),
    ("07.preload", more_than_it_should, "With ahead = 3, 5 elements more than were taken are"),
    ("07.preload", two_at_least, "With ahead = 1, 3 elements more than were taken are made. It sh"),
    ("07.preload", with_a_sign_for_the_end, "After the last element comes 'end', which isn't one."),
    (
        "07.preload",
        changing(lambda each: np.array([each])),
        "Yours are a ndarray, a ndarray, a nda",
    ),
    ("07.preload", changing(tf.constant), "Yours are an EagerTensor, an EagerTensor, an Eager"),
    ("07.preload", changing(lambda each: each + 1), "Yours are 2, 9, 16, 23, 30, 37, ...."),
    ("07.preload", short_of_two, "Of 41 elements that `make` gives, 39 arrive"),
    ("07.preload", hangs_as_a_source, "As a source of from_generator it hangs."),
    ("07.preload", leaves_its_thread_at_an_error, "arrived as it should, but the thread is still"),
    (
        "07.preload",
        never_gives_anything,
        "Your code waits for something that never comes: after 1 s",
    ),
    ("07.in_order", nothing, "mapped gave back None, which can't be iterated. Is `yield` missing?"),
    ("07.in_order", a_dataset, "mapped gave back a dataset. Only the generator is wanted here."),
    ("07.in_order", a_function, "mapped gave back a function. Put the `yield` into mapped itself."),
    ("07.in_order", a_number, "mapped gave back a float, which can't be iterated."),
    ("07.in_order", an_array, "A result came as a float64, and should be what function(item) ret"),
    ("07.in_order", raises, "LookupError: no idea\nin line "),
    ("07.in_order", raises_later, "LookupError: no idea\nin line "),
    (
        "07.in_order",
        no_results,
        "A result came as None, and should be what function(item) returned",
    ),
    ("07.in_order", items_themselves, "A result came as an int, and should be what function(item)"),
    ("07.in_order", half_of_the_threads, "With threads = 3, only 2 calls of the function run at t"),
    (
        "07.in_order",
        submits_ahead_only,
        "only 2 calls of the function run at the same time. It takes `ThreadPoolExecutor(threads)`,"
        " and `threads + ahead` items submitted before the first result",
    ),
    (
        "07.in_order",
        twice_each,
        "Of the items 1, 2, 3, 4, 5, 6, ... the results should come in tha",
    ),
    ("07.in_order", lambda *a: iter(()), "The last results never come"),
    ("07.in_order", never_comes_back, "Your code waits for something that never comes"),
    ("07.in_order", keeps_a_thread, "All results have come, and threads are still there."),
    ("07.in_order", hangs_at_an_error, "error for one item, and from there on it hangs."),
    (
        "07.interleaved",
        nothing,
        "from_files gave back None, and should return a dataset. Is `retur",
    ),
    ("07.interleaved", a_function, "from_files gave back a function, and should return a dataset."),
    ("07.interleaved", raises, "LookupError: no idea\nin line "),
    (
        "07.interleaved",
        raises_later,
        "from_files gave back a generator, and should return a dataset",
    ),
    (
        "07.interleaved",
        a_dataset,
        "the dataset should give the 25 numbers of 6 names, 100, 101, 102,",
    ),
    ("07.interleaved", reading(datasets), "The elements are datasets, one for each name, as `map`"),
    ("07.interleaved", reading(in_vectors), "The elements are of the shape (None,) and of int64,"),
    ("07.interleaved", reading(in_pairs), "The elements are a tuple of several parts, and should"),
    (
        "07.interleaved",
        reading(for_ever),
        "Of 6 names with 25 numbers together came more. Each nam",
    ),
    ("07.interleaved", reading(six_at_most), "only 6 names are read at the same time, even in a"),
    ("07.interleaved", sorted_down, "The numbers of one name come in another order than `read`"),
    (
        "07.interleaved",
        one_less,
        "the dataset should give the 25 numbers of 6 names, 100, 101, 102",
    ),
    ("07.interleaved", asks_the_tensor, "The name that `interleave` hands to your function has no"),
    (
        "07.interleaved",
        other_names,
        ".txt', and should be called with a str, one of the names.",
    ),
    (
        "07.interleaved",
        read_ahead_of_all,
        "The second epoch is empty: it goes through generators of",
    ),
    (
        "07.loader",
        nothing,
        "loader gave back None, and should return a ThreadLoader. Is `return` mis",
    ),
    ("07.loader", a_function, "loader gave back a function, and should return a ThreadLoader."),
    ("07.loader", raises, "LookupError: no idea\nin line "),
    (
        "07.loader",
        loading(Orders, as_floats),
        "no bad files, the first one with: WrongElement: [0]:",
    ),
    (
        "07.loader",
        loading(Orders, of_another_size),
        "no bad files, the first one with: WrongElement",
    ),
    ("07.loader", loading(Orders, in_bgr), "A photo isn't what `read_photo(path, 32, 32)` returns"),
    (
        "07.loader",
        loading(two_of_each),
        "each of the 11 photos that can be read once. Yours holds 22",
    ),
    (
        "07.loader",
        batches_of_five,
        "11 photos should come in batches of 4, 4, 3. Yours are of 5, 5,",
    ),
    ("07.loader", loading(lambda pairs, seed: iter(pairs)), "TypeError: items is a"),
    ("07.loader", loading(Orders, signature=list(PAIR)), "TypeError"),
    ("07.loader", loading(Orders, signature=PAIR[0]), "An element should be a tuple of two, photo"),
]


@pytest.mark.parametrize(
    ("id", "answer", "words"), [pytest.param(*o, id=f"{o[0]}-{n}") for n, o in enumerate(ODD)]
)
def test_other_wrong_answers_are_told_how(id, answer, words):
    shown = said(id, answer)
    assert shown.startswith("Wrong")
    assert words in shown


# ------------------------------------------------------------------------- what a check leaves


@pytest.mark.parametrize(
    "answer", [lesson_07.loader, lesson_07._draws_from_all, loading(by_pythons_shuffle), raises]
)
def test_the_numbers_that_everybody_shares_stay_as_they_were(answer):
    np.random.seed(11)
    random.seed(12)
    expected = np.random.random(), random.random()
    np.random.seed(11)
    random.seed(12)
    said("07.loader", answer)
    assert (np.random.random(), random.random()) == expected


def test_what_another_thread_draws_meanwhile_is_not_the_answers_fault():
    calls = []

    def answer(paths, labels, seed):
        calls.append(None)
        if len(calls) == 1:
            np.random.random()
        return lesson_07.loader(paths, labels, seed)

    assert said("07.loader", answer).startswith("Right")


def test_an_interrupted_check_ends_what_it_began():
    with pytest.raises(KeyboardInterrupt), lesson_07._watching() as watch:  # noqa: PT012
        epoch = watch.keep(lesson_07._joins_without_a_stop(itertools.count, 2)())
        assert watch.draw(epoch, 3) == [0, 1, 2]
        raise KeyboardInterrupt


def test_a_thread_that_was_there_before_is_left_alone(monkeypatch):
    """Neither is it ended, nor are its errors taken for the answer's."""
    begun, go_on, told = threading.Event(), threading.Event(), []

    def work():
        begun.set()
        go_on.wait(20)
        raise OSError("of the learner's own thread")

    thread = threading.Thread(target=work)
    thread.start()
    begun.wait(20)
    assert said("07.preload", lesson_07._joins_without_a_stop).startswith("Wrong")
    assert thread.is_alive()
    with monkeypatch.context() as patch:
        patch.setattr(threading, "excepthook", told.append)
        with lesson_07._watching() as watch:
            go_on.set()
            thread.join(20)
            assert watch.errors == []
    assert [str(each.exc_value) for each in told] == ["of the learner's own thread"]


# --------------------------------------------------------------- what the praise says is true


@pytest.mark.parametrize(("daemon", "ends"), [(False, False), (True, True)])
def test_python_waits_for_a_thread_that_waits_in_put(daemon, ends):
    code = (
        "import queue, threading\n"
        "full = queue.Queue(1)\n"
        "full.put(0)\n"
        f"threading.Thread(target=full.put, args=(1,), daemon={daemon}).start()\n"
        "print('done', flush=True)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "done\n"
        if ends:
            assert process.wait(30) == 0
        else:
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.5)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("ahead", [1, 5])
def test_behind_a_slow_item_the_threads_go_on(ahead):
    go_on, done, changed = threading.Event(), [], threading.Condition()

    def function(item):
        if item == 0:
            go_on.wait(20)
        with changed:
            done.append(item)
            changed.notify_all()

    results = lesson_07.mapped(function, itertools.count(), 2, ahead)
    first = threading.Thread(target=next, args=(results,))
    first.start()
    with changed:
        assert changed.wait_for(lambda: len(done) == 2 + ahead - 1, 20)
    assert done == list(range(1, 2 + ahead))  # one thread did all that was under way
    go_on.set()
    first.join()
    results.close()


def test_interleave_opens_names_ahead_of_their_turn():
    names = [f"n{number}" for number in range(1, 30)]
    with lesson_07._watching() as watch:
        together = lesson_07._Reading(watch, dict.fromkeys(names, 3), 12, 20)
        one_more = lesson_07._Reading(watch, dict.fromkeys(names, 3), 13, 0.5)
        for reading_of in (together, one_more):

            def numbers(name, reading_of=reading_of):
                yield from reading_of.read(name.decode())

            def of_one(name, numbers=numbers):
                return from_generator(numbers, args=(name,), output_signature=SCALAR)

            dataset = tf.data.Dataset.from_tensor_slices(names)
            dataset = dataset.interleave(of_one, cycle_length=4, num_parallel_calls=4)
            drawn = lesson_07._numbers(dataset.with_options(pool_of(40)), reading_of, 100)
            assert len(drawn) == 3 * len(names)
        assert together.met
        assert not one_more.met


def test_what_is_left_out_makes_no_gap():
    def function(item):
        if item % 3 == 0:
            raise OSError("broken")
        return item

    epoch = ThreadLoader(function, range(20), SCALAR, 4, errors="skip", threads=3)
    assert [len(batch) for batch in epoch()] == [4, 4, 4, 1]
