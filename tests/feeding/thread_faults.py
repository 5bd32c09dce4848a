"""What may happen to a thread loader, again and again, in a process of its own.

    python thread_faults.py 60 early_stops 30       limit in seconds, function, times

Ends with a traceback of all threads where it hangs, and with an error where a thread is left, or
an element is lost, doubled or out of order. Run by ``test_thread_faults.py`` with small counts and
by ``tests/soak`` with large ones; the functions are named there.
"""

import contextlib
import faulthandler
import gc
import os
import random
import signal
import sys
import threading
import time
import warnings
from itertools import islice

import numpy as np

from course_utils.feeding import thread_epoch
from course_utils.feeding.threads import ItemError, ThreadLoader

NUMBER = np.zeros((), "int64")  # has a shape and a dtype, so it is a signature


def loader_of(choice, function, items, **more):
    """A loader with arguments drawn by chance."""
    thread_epoch.TURN = choice.choice([0, 0.001, 0.1])
    arguments = {
        "signature": NUMBER,
        "batch_size": choice.choice([None, 1, 3, 8]),
        "threads": choice.randint(1, 5),
        "ahead": choice.randint(1, 4),
    }
    return ThreadLoader(function, items, **(arguments | more))


def pausing(choice):
    """A function of a number that gives it back, at once or after a moment."""
    pauses = [choice.choice([None, None, 0, 0.0002, 0.001]) for _ in range(200)]

    def function(item):
        if pauses[item % 200] is not None:
            time.sleep(pauses[item % 200])
        return item

    return function


def flat(values):
    return [int(number) for value in values for number in np.atleast_1d(value)]


def no_loader_thread(limit=0.0):
    """Fail where a loader's thread is alive, after `limit` seconds."""
    end = time.monotonic() + limit
    while names := [t.name for t in threading.enumerate() if t.name.startswith("loader")]:
        assert time.monotonic() < end, names
        time.sleep(0.001)


# Plain loops


def early_stops(times):
    for seed in range(times):
        choice = random.Random(seed)
        loader = loader_of(choice, pausing(choice), range(200))
        stop, found = choice.randrange(40), []
        for value in loader():
            found.append(value)
            if len(found) > stop:
                break
        no_loader_thread()
        assert flat(found) == list(range(len(flat(found))))
        assert flat(loader()) == list(range(200)), "the epoch after it is whole"
        no_loader_thread()


def failing_items(times):
    for seed in range(times):
        choice = random.Random(seed)
        bad = set(choice.sample(range(200), choice.randint(1, 20)))
        pause, skip, ordered = pausing(choice), choice.random() < 0.5, choice.random() < 0.7

        def function(item, bad=bad, pause=pause):
            pause(item)
            if item in bad:
                raise OSError(f"{item} is bad")
            return item

        errors = "skip" if skip else "raise"
        loader = loader_of(choice, function, range(200), errors=errors, ordered=ordered)
        found, ended = [], None
        try:
            for value in loader():
                found.append(value)
        except ItemError as error:
            ended = error
        no_loader_thread()
        found = flat(found)
        good = [number for number in range(200) if number not in bad]
        if skip:
            assert ended is None
            assert (found if ordered else sorted(found)) == good
            assert list(loader.left_out) == sorted(bad)
        elif ordered:
            assert ended.place == min(bad)
            assert found == list(range(min(bad)))
        else:
            assert ended.place in bad
            assert len(set(found)) == len(found)
            assert set(found) <= set(good)


def forgotten(times):
    for seed in range(times):
        choice = random.Random(seed)
        epoch = loader_of(choice, pausing(choice), range(200))()
        next(epoch)
        in_a_circle = seed % 5 == 0
        if in_a_circle:
            circle = [epoch]
            circle.append(circle)
            del circle
        del epoch
        if in_a_circle:
            gc.collect()
        # Where a thread of the epoch itself was the collector, nobody waited.
        no_loader_thread(5.0 if in_a_circle else 0.0)


def interrupted_anywhere(times):
    """A signal after any time: in the wait, between two statements, in the leaving itself."""
    signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    interrupted = 0
    for seed in range(times):
        choice = random.Random(seed)
        loader = loader_of(choice, pausing(choice), range(200))
        try:
            try:
                signal.setitimer(signal.ITIMER_REAL, choice.uniform(1e-5, 5e-3))
                flat(loader())
                time.sleep(0.01)
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        except KeyboardInterrupt:
            interrupted += 1
        no_loader_thread(5.0)  # where the leaving was interrupted, nobody waited
        assert flat(loader()) == list(range(200))
    assert interrupted > times // 2


def two_at_once(times):
    for seed in range(times):
        choice = random.Random(seed)
        one = loader_of(choice, pausing(choice), range(200), batch_size=4)
        other = loader_of(choice, pausing(choice), range(200), batch_size=4)
        for left, right in ((one(), other()), (one(), one())):
            pairs = list(zip(left, right, strict=True))
            assert flat(value for value, _ in pairs) == list(range(200))
            assert flat(value for _, value in pairs) == list(range(200))
        found = [[], [], [], []]
        consumers = [
            threading.Thread(target=lambda loader, log: log.extend(loader()), args=(loader, log))
            for loader, log in zip([one, one, other, other], found)
        ]
        for consumer in consumers:
            consumer.start()
        for consumer in consumers:
            consumer.join()
        no_loader_thread()
        assert [flat(values) for values in found] == [list(range(200))] * 4


def blocked(times):
    """A source or a function that waits for an event: what can be delivered is, and it is named."""
    thread_epoch.PATIENCE = 0.05
    for seed in range(times):
        choice = random.Random(seed)
        blocks, go_on, of_source = threading.Event(), threading.Event(), seed % 2 == 0

        def wait(blocks=blocks, go_on=go_on):
            blocks.set()
            go_on.wait()

        def items(wait=wait, of_source=of_source):
            for number in range(100):
                if number == 24 and of_source:
                    wait()
                yield number

        def function(item, wait=wait, of_source=of_source):
            if item == 24 and not of_source:
                wait()
            return item

        loader = loader_of(choice, function, items, batch_size=8, ahead=4)
        epoch = loader()
        assert flat(islice(epoch, 3)) == list(range(24))
        if seed % 4 < 2:
            timer = threading.Timer(0.01, go_on.set)
            timer.start()
            assert flat(epoch) == list(range(24, 100)), "goes on as soon as it can"
            timer.join()
            continue
        assert blocks.wait(10)
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            epoch.close()
        what = "the items, which" if of_source else "the function, with 24"
        assert [f"at work: {what}" in str(one.message) for one in warned] == [True], warned
        go_on.set()
        no_loader_thread(5.0)


# Through TensorFlow


def early_stops_in_tensorflow(times):
    for seed in range(times):
        choice = random.Random(seed)
        if seed % 20 == 0:
            items = range(100)
            dataset = loader_of(choice, pausing(choice), items, batch_size=4).dataset()
        stop, found = choice.randrange(20), []
        for value in dataset:
            found.append(value)
            if len(found) > stop:
                break
        no_loader_thread(10.0)  # TensorFlow destroys an iterator when it likes
        assert flat(found) == list(range(4 * len(found)))
    assert flat(dataset) == list(items)


def in_tensorflow(times):
    for seed in range(times):
        choice = random.Random(seed)
        bad = choice.randrange(1, 200)
        pause = pausing(choice)

        def function(item, bad=bad, pause=pause):
            pause(item)
            if item == bad:
                raise OSError(f"{item} is bad")
            return item

        whole = loader_of(choice, pause, range(200), batch_size=8).dataset()
        assert flat(whole.take(3)) == list(range(24))
        assert flat(whole) == list(range(200))
        left, right = iter(whole), iter(whole.prefetch(2))
        pairs = list(zip(left, right))
        assert flat(value for value, _ in pairs) == flat(value for _, value in pairs)
        assert len(pairs) == 25
        no_loader_thread(10.0)
        failing = loader_of(choice, function, range(200), batch_size=8).dataset()
        found, text = [], ""
        try:
            for value in failing:
                found.append(value)
        except Exception as error:
            text = str(error)
        assert f"Item {bad} ({bad}) failed: OSError: {bad} is bad" in text
        assert flat(found) == list(range(bad)), "TensorFlow delivers what came before"
        no_loader_thread(10.0)
        if seed % 20 == 19:
            import keras

            keras.backend.clear_session()  # frees what each from_generator was given


# Ends of a process: these never return, or are interrupted


def interrupted_while_waiting(times):
    loop_until_interrupted(lambda item: time.sleep(0.05) or item, 64, at_work=0)


def interrupted_in_the_loop(times):
    loop_until_interrupted(lambda item: item, 8, at_work=0.05)


def main_thread_ends(times):
    """A thread of its own goes on to consume."""
    epoch = ThreadLoader(lambda item: item, range(10**6), NUMBER, 2, threads=2)()

    def consume():
        try:
            for _ in epoch:
                time.sleep(0.001)
        except RuntimeError as error:
            print(error, flush=True)

    next(epoch)
    threading.Thread(target=consume).start()


def loop_until_interrupted(function, batch_size, at_work):
    loader = ThreadLoader(function, range(10**6), NUMBER, batch_size, threads=4)
    try:
        for number, _ in enumerate(loader()):
            if number == 0:
                print("ready", flush=True)
            time.sleep(at_work)
    finally:
        no_loader_thread()
        print("no thread is left", flush=True)


def exit_with_a_plain_iterator(times):
    global kept
    kept = loader_of(random.Random(times), pausing(random.Random(times)), range(200))()
    next(kept)


def exit_with_slow_functions(times):
    global kept
    loader = ThreadLoader(lambda item: time.sleep(0.3) or item, range(10**6), NUMBER, threads=2)
    kept = loader()
    next(kept)
    loader = ThreadLoader(
        lambda item: time.sleep(0.001) or item, range(10**6), NUMBER, 100_000, ahead=9, threads=2
    )
    kept = kept, loader()
    wait_for(kept[1])
    time.sleep(0.1)


def wait_for(iterator):
    """Have a thread wait for the next element, which isn't there when the interpreter exits."""

    def wait():
        with contextlib.suppress(Exception):
            next(iterator)

    threading.Thread(target=wait, daemon=True).start()


def exit_with_an_error(times):
    for number in ThreadLoader(lambda item: 60 // (item - 20), range(200), NUMBER, threads=4)():
        print(int(number))


def exit_with_a_dataset(times):
    global kept
    choice = random.Random(times)
    datasets = [
        loader_of(choice, pausing(choice), range(10**6), batch_size=8).dataset(),
        loader_of(choice, pausing(choice), range(10**6), batch_size=8).dataset().prefetch(3),
        loader_of(choice, lambda item: time.sleep(0.05) or item, range(10**6), batch_size=64)
        .dataset()
        .prefetch(3),
    ]
    kept = [iter(dataset) for dataset in datasets]
    for iterator in kept[:2]:
        next(iterator)
    wait_for(kept[2])
    time.sleep(0.2)


def main(limit, *names_and_times):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    faulthandler.dump_traceback_later(float(limit), exit=True)
    for name, times in zip(names_and_times[::2], names_and_times[1::2]):
        globals()[name](int(times))
        if not name.startswith(("exit", "main_thread_ends")):
            no_loader_thread()
    print("done", flush=True)
    faulthandler.cancel_dump_traceback_later()  # the parent's limit is what counts for the exit


if __name__ == "__main__":
    main(*sys.argv[1:])
