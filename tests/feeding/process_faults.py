"""What may happen to a process loader, again and again, in a process of its own.

    python process_faults.py 60 fork early_stops 30

That is a limit in seconds, a start method, a function and how often. The start method may be
"mixed": mostly "fork", which starts in 10 ms. Ends with a traceback of all
threads where it hangs, and with an error where a process, shared memory, a temporary file or an
open file is left, or an element is lost, doubled or out of order. Run by ``test_process_faults.py``
with small counts and by ``tests/soak`` with large ones; the functions are named there. Workers
import this script, so it imports no TensorFlow at its top level.
"""

import contextlib
import faulthandler
import gc
import importlib
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from functools import partial
from itertools import islice
from multiprocessing import active_children, get_all_start_methods, resource_tracker
from pathlib import Path

import numpy as np
import process_work as work
import psutil

from course_utils.feeding import worker_server
from course_utils.feeding.processes import ItemError, NoRoom, ProcessLoader, WorkerLost

NUMBER = np.zeros((), "int64")  # has a shape and a dtype, so it is a signature
TEXT = np.zeros((), object)
LARGE = np.zeros((64, 1024), "uint8")
COUNT = 200
NOBODY = 65534
WHOLE = list(range(COUNT))
METHODS = []  # to choose from
BEFORE = {}  # what was there before a function began
SPANS = {}  # start method -> seconds of an epoch


def loader_of(choice, function, items=WHOLE, **more):
    """A loader with arguments drawn by chance."""
    arguments = {
        "signature": NUMBER,
        "batch_size": choice.choice([None, 1, 3, 8]),
        "processes": choice.randint(1, 3),
        "ahead": choice.randint(1, 4),
        "start_method": choice.choice(METHODS),
        "persistent": choice.random() < 0.5,
        "lost": choice.choice(["raise", "restart"]),
    }
    return ProcessLoader(function, items, **(arguments | more))


def flat(values):
    return [int(number) for value in values for number in np.atleast_1d(value)]


def drawn(epoch):
    """The numbers of an epoch, and the error that ended it."""
    found = []
    try:
        for value in epoch:
            found += flat([value])
    except (Exception, SystemExit) as error:
        return found, bare(error)
    return found, None


def bare(error):
    """The error without tracebacks: their frames hold arrays, as long as the error is held."""
    one = error
    while one is not None:
        one.__traceback__ = None
        one = one.__cause__ or one.__context__
    return error


def helpers():
    """The processes that stay until Python exits."""
    return {worker_server.pid(), resource_tracker._resource_tracker._pid}


def workers():
    """All processes that this one has started, and they, but for Python's helpers."""
    python = helpers()
    return [one for one in psutil.Process().children(recursive=True) if one.pid not in python]


def there():
    """What a loader might leave behind."""
    maps = Path("/proc/self/maps")  # only Linux has it
    memory = maps.read_text().splitlines() if maps.exists() else []
    return {
        "processes": sorted(map(str, workers())),
        "names in shared memory": [*Path("/dev/shm").glob(f"pym-{os.getpid()}-*")],
        "mapped memory": [line for line in memory if "/pym-" in line],
        "temporary files": sorted(os.listdir(tempfile.gettempdir())),
        "open files": psutil.Process().num_fds(),
    }


def nothing_is_left(limit=0.0):
    """Fail where more is there than before, after `limit` seconds."""
    end = time.monotonic() + limit
    while (now := there()) != BEFORE:
        if time.monotonic() >= end:
            gc.collect()
            held = there() == BEFORE
            more = {what: (BEFORE[what], now[what]) for what in now if now[what] != BEFORE[what]}
            assert held, more
            assert not held, f"a cycle holds {more}"
        time.sleep(0.002)


def switching_often(choice):
    """Let Python change threads as often as it can, now and then."""
    sys.setswitchinterval(choice.choice([1e-6, 1e-4, 0.005]))


# Plain loops


def early_stops(times):
    for seed in range(times):
        choice = random.Random(seed)
        loader = loader_of(choice, work.Pausing(choice))
        stop, found = choice.randrange(40), []
        for value in loader():
            found += flat([value])
            if len(found) > stop:
                break
        del value
        if not loader.persistent:
            nothing_is_left()
        assert found == WHOLE[: len(found)]
        assert drawn(loader()) == (WHOLE, None), "the epoch after it is whole"
        loader.close()
        nothing_is_left()


def failing_items(times):
    for seed in range(times):
        choice = random.Random(seed)
        bad = choice.sample(WHOLE, choice.randint(1, 20))
        skip, ordered = choice.random() < 0.5, choice.random() < 0.7
        loader = loader_of(
            choice,
            work.Failing(choice, bad),
            errors="skip" if skip else "raise",
            ordered=ordered,
        )
        for _ in range(1 + loader.persistent):  # the epoch after it is the same
            found, ended = drawn(loader())
            good = [number for number in WHOLE if number not in bad]
            if skip:
                assert ended is None
                assert (found if ordered else sorted(found)) == good
                assert list(loader.left_out) == sorted(bad)
                continue
            assert isinstance(ended, ItemError), ended
            assert isinstance(ended.__cause__, OSError)
            assert f"OSError: {ended.place} is bad" in ended.__cause__.__notes__[0]
            if ordered:
                assert ended.place == min(bad)
                assert found == WHOLE[: min(bad)]
            else:
                assert ended.place in bad
                assert len(set(found)) == len(found)
                assert set(found) <= set(good)
        ended = None
        loader.close()
        nothing_is_left()


def forgotten(times):
    """An iterator or a loader that is let go, without a close."""
    for seed in range(times):
        choice = random.Random(seed)
        loader = loader_of(choice, work.Pausing(choice))
        epoch = loader()
        for _ in range(choice.randint(0, 3)):
            next(epoch)
        in_a_circle = seed % 5 == 0
        if in_a_circle:
            circle = [epoch, loader]
            circle.append(circle)
            del circle
        if choice.random() < 0.5:
            del epoch, loader
        else:
            del loader, epoch
        if in_a_circle:
            gc.collect()
        nothing_is_left()


def interrupted_anywhere(times):
    """A signal after any time: at the start, in the wait, between two statements, in leaving."""
    _interrupted(times, lambda: signal.raise_signal(signal.SIGINT))


def interrupted_as_in_a_terminal(times):
    """All processes get it, as Ctrl+C gives it to all of a terminal."""
    assert os.getpgrp() == os.getpid(), "needs a group of its own"
    _interrupted(times, lambda: os.killpg(0, signal.SIGINT))


def _interrupted(times, interrupt):
    signal.signal(signal.SIGALRM, lambda *_: interrupt())
    interrupted = 0
    for seed in range(times):
        choice = random.Random(seed)
        loader = loader_of(choice, work.Pausing(choice))
        latest = span(loader.start_method) * choice.choice([0.2, 1, 2])
        try:
            try:
                signal.setitimer(signal.ITIMER_REAL, choice.uniform(1e-5, latest))
                drawn(loader())
                drawn(loader())
                time.sleep(0.02)
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        except KeyboardInterrupt:
            interrupted += 1
        if not loader.persistent:
            nothing_is_left(5.0)  # where the leaving was interrupted, nobody waited
        assert drawn(loader()) == (WHOLE, None)
        loader.close()
        nothing_is_left(5.0)
    assert interrupted > times // 3, interrupted
    signal.signal(signal.SIGALRM, signal.SIG_DFL)


def interrupted_again_and_again(times):
    """Somebody who presses Ctrl+C three times, also while the first one takes effect."""
    for seed in range(times):
        choice = random.Random(seed)
        loader = loader_of(choice, work.Pausing(choice))
        latest = span(loader.start_method) * choice.choice([0.2, 1])
        left = iter(range(3))

        def interrupt(signal_number, frame, left=left):
            if frame.f_code.co_filename != __file__ and next(left, None) is not None:
                signal.raise_signal(signal.SIGINT)

        signal.signal(signal.SIGALRM, interrupt)
        gap = choice.choice([0.0005, 0.002, 0.01, 0.1])
        signal.setitimer(signal.ITIMER_REAL, choice.uniform(1e-4, latest), gap)
        try:
            drawn(loader())
            drawn(loader())
        except KeyboardInterrupt:
            pass
        signal.setitimer(signal.ITIMER_REAL, 0)
        assert drawn(loader()) == (WHOLE, None)
        loader.close()
        del loader
        gc.collect()
        active_children()  # Python buries a child late, and leaves a file open, where it is
        # interrupted while it does so.
        more = there()["open files"] - BEFORE["open files"]
        BEFORE["open files"] += more if more in (1, 2) else 0
        nothing_is_left(5.0)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)


def two_at_once(times):
    for seed in range(times):
        choice = random.Random(seed)
        switching_often(choice)
        one = loader_of(choice, work.Pausing(choice), batch_size=4)
        other = loader_of(choice, work.Pausing(choice), batch_size=4)
        for left, right in ((one(), other()), (one(), one())):
            pairs = list(zip(left, right, strict=True))
            assert flat(value for value, _ in pairs) == WHOLE
            assert flat(value for _, value in pairs) == WHOLE
        found = [[], [], [], []]
        consumers = [
            threading.Thread(target=lambda loader, log: log.append(drawn(loader())), args=pair)
            for pair in zip([one, one, other, other], found)
        ]
        for consumer in consumers:
            consumer.start()
        for consumer in consumers:
            consumer.join()
        assert found == [[(WHOLE, None)]] * 4
        del pairs, left, right
        if choice.random() < 0.5:
            one.close()
            other.close()
        del one, other, consumers, consumer
        nothing_is_left()
    sys.setswitchinterval(0.005)


def many_threads(times):
    """Short epochs of one persistent loader, begun by four threads again and again."""
    for seed in range(times):
        choice = random.Random(seed)
        sys.setswitchinterval(1e-6)
        loader = loader_of(
            choice, work.itself, range(4), batch_size=1, processes=1, persistent=True
        )
        found = []

        def consume(loader=loader, found=found):
            for _ in range(5):
                found.append(drawn(loader()))

        consumers = [threading.Thread(target=consume) for _ in range(4)]
        for consumer in consumers:
            consumer.start()
        for consumer in consumers:
            consumer.join()
        assert found == [(list(range(4)), None)] * 20, found
        loader.close()
        nothing_is_left()
    sys.setswitchinterval(0.005)


# Workers that end


class Kill:
    """Kill one worker, or all of them, after so many seconds: the main thread does, at its work."""

    def __init__(self, choice, seconds, everyone=False):
        self.choice, self.seconds, self.everyone = choice, seconds, everyone
        self.pids, self.at = set(), None

    def __enter__(self):
        signal.signal(signal.SIGALRM, lambda *_: self.now())
        signal.setitimer(signal.ITIMER_REAL, self.seconds)
        return self

    def __exit__(self, *_):
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)

    def now(self):
        crew = workers()
        if not crew:  # none has been started yet
            signal.setitimer(signal.ITIMER_REAL, 0.002)
            return
        for one in crew if self.everyone else [self.choice.choice(crew)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one.pid, signal.SIGKILL)
                self.pids.add(one.pid)
        self.at = time.monotonic()


def span(start_method):
    """Seconds that an epoch takes, its start included."""
    if start_method not in SPANS:
        choice = random.Random(0)
        more = {"start_method": start_method, "processes": 2, "batch_size": 3}
        began = time.monotonic()
        drawn(loader_of(choice, work.Pausing(choice), persistent=False, **more)())
        SPANS[start_method] = time.monotonic() - began
    return SPANS[start_method]


def killed_and_told(times):
    """WorkerLost within two seconds, or a whole epoch where the kill came after its end."""
    told = 0
    for seed in range(times):
        choice = random.Random(seed)
        loader = loader_of(choice, work.Pausing(choice), lost="raise")
        if loader.persistent:
            assert drawn(loader()) == (WHOLE, None)
        after = choice.uniform(0, span(loader.start_method))
        with Kill(choice, after, everyone=seed % 3 == 0) as kill:
            found, ended = drawn(loader())
            seconds = time.monotonic() - (kill.at or 0)
        assert found == WHOLE[: len(found)]
        if ended is None:
            assert found == WHOLE
        else:
            told += 1
            assert seconds < 2, seconds
            examine(ended, kill, found)
        if not loader.persistent:
            nothing_is_left()
        settled_dead(kill)
        assert drawn(loader()) == (WHOLE, None), "the epoch after it is whole"
        ended = None
        loader.close()
        nothing_is_left()
    assert told >= times // 4, told


def killed_beside_slow_ones(times):
    """WorkerLost doesn't wait for the functions of the others."""
    for seed in range(times):
        choice = random.Random(seed)
        more = {"processes": 3, "batch_size": 8, "lost": "raise"}
        loader = loader_of(choice, work.very_slowly, **more)
        # By then all three are at work.
        with Kill(choice, 2 * span(loader.start_method) + 0.2) as kill:
            found, ended = drawn(loader())
            seconds = time.monotonic() - kill.at
        assert found == []
        examine(ended, kill, found)
        assert ended.at % 8 == 0, ended
        assert seconds < 2, seconds
        ended = None
        nothing_is_left()


def examine(ended, kill, found):
    """Whether WorkerLost tells of one that was killed, and of items that did not arrive."""
    assert isinstance(ended, WorkerLost), ended
    text = str(ended)
    if "has ended while it was started" in text:  # hit in the first moment
        assert (ended.process, ended.places) == (None, []), text
        return
    assert ended.process in kill.pids, text
    assert ended.exitcode == -signal.SIGKILL, text
    who = f"Worker {ended.worker} (process {ended.process}) was ended by SIGKILL"
    assert text.startswith(who), text
    if "before it was ready" in text:
        assert not ended.places, text
        return
    assert set(ended.places).isdisjoint(found), (text, found)
    held = {0: "no item", 1: f"item {ended.places and ended.places[0]}"}
    held = held.get(
        len(ended.places), f"{len(ended.places)} items, from {min(ended.places, default=0)}"
    )
    assert f"It held {held}" in text, text
    if ended.at is not None:
        assert ended.at in ended.places, text
        assert f"It was at item {ended.at} ({ended.at})." in text


def settled_dead(kill):
    """Wait until those that were killed are gone: for the system that takes a moment."""
    end = time.monotonic() + 5
    while any(psutil.pid_exists(one) and not zombie(one) for one in kill.pids):
        assert time.monotonic() < end
        time.sleep(0.001)
    time.sleep(0.02)  # the server of forkserver tells of it after that


def zombie(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def killed_and_replaced(times):
    """Every element exactly once, in order where that is promised."""
    kills = 0
    for seed in range(times):
        choice = random.Random(seed)
        ordered = choice.random() < 0.7
        loader = loader_of(choice, work.Pausing(choice), lost="restart", ordered=ordered)
        if loader.persistent:
            assert sorted(drawn(loader())[0]) == WHOLE
        for _ in range(2):
            after = choice.uniform(0, span(loader.start_method))
            with Kill(choice, after, everyone=seed % 3 == 0) as kill:
                found, ended = drawn(loader())
            assert ended is None, ended
            assert (found if ordered else sorted(found)) == WHOLE, found
            kills += len(kill.pids)
        loader.close()
        nothing_is_left()
    assert kills >= times // 2, kills


def killed_again_and_again(times):
    """A storm: whole, or it says that it gives up."""
    gave_up = 0
    for seed in range(times):
        choice = random.Random(seed)
        loader = loader_of(choice, work.Pausing(choice), lost="restart", processes=3)
        pause = span(loader.start_method) * choice.choice([0.1, 0.5])
        with Kill(choice, pause, everyone=seed % 2 == 0) as kill:

            def again(*_, kill=kill, pause=pause):
                kill.now()
                signal.setitimer(signal.ITIMER_REAL, pause)

            signal.signal(signal.SIGALRM, again)
            found, ended = drawn(loader())
        if ended is None:
            assert found == WHOLE
        else:
            gave_up += 1
            assert found == WHOLE[: len(found)]
            assert isinstance(ended, WorkerLost), ended
            gives_up = "3 workers were lost in a row here, so no further one is started."
            assert gives_up in str(ended) or "before it was ready" in str(ended), ended
        ended = None
        settled_dead(kill)
        assert drawn(loader()) == (WHOLE, None)
        loader.close()
        nothing_is_left()
    assert times < 20 or 0 < gave_up < times, gave_up


def killed_between_epochs(times):
    for seed in range(times):
        choice = random.Random(seed)
        loader = loader_of(choice, work.Pausing(choice), persistent=True)
        assert drawn(loader()) == (WHOLE, None)
        for _ in range(2):
            kill = Kill(choice, 0, everyone=choice.random() < 0.5)
            kill.now()
            settled_dead(kill)
            assert len(kill.pids) == (loader.workers if kill.everyone else 1)
            assert drawn(loader()) == (WHOLE, None)
        loader.close()
        nothing_is_left()


def server_killed(times):
    """The server that workers come from."""
    for seed in range(times):
        choice = random.Random(seed)
        loader = loader_of(choice, work.Pausing(choice), start_method="forkserver")
        epoch = loader()
        found = flat(islice(epoch, 3))
        server = worker_server.pid()
        os.kill(server, signal.SIGKILL)
        while not zombie(server):
            time.sleep(0.001)
        more, ended = drawn(epoch)
        found += more
        if ended is None:
            assert found == WHOLE
        else:
            assert isinstance(ended, WorkerLost), ended
            assert found == WHOLE[: len(found)]
        del epoch
        ended = None
        # Its processes are nobody's children now: they end when their pipe does.
        assert drawn(loader()) == (WHOLE, None)
        loader.close()
        nothing_is_left(2.0)


def server_killed_beside_slow_ones(times):
    """Workers that work on for seconds, though nobody can tell of their end, are ended at once."""
    for _ in range(times):
        epoch = ProcessLoader(work.asleep, [0, *[30] * 9], NUMBER, processes=2)()
        next(epoch)
        begun = workers()
        assert len(begun) == 2
        os.kill(worker_server.pid(), signal.SIGKILL)
        _, ended = drawn(epoch)
        assert isinstance(ended, WorkerLost), ended
        ended = None
        _, alive = psutil.wait_procs(begun, 1)
        assert not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]
        del epoch
        # A new server.
        assert drawn(ProcessLoader(work.asleep, [0, 0], NUMBER, processes=2)()) == ([0, 0], None)
        nothing_is_left(2.0)


def ended_by_the_function(times):
    """os._exit, abort, a closed pipe: the item is named, and a new worker does it if that helps."""
    folder = Path(tempfile.gettempdir())
    for seed in range(times):
        choice = random.Random(seed)
        at, how = choice.randrange(COUNT), ["exit", "abort", "close"][seed % 3]
        log, most = str(folder / "log"), choice.choice([1, 2, 100])
        function = work.Ending(choice, at, how, log, most)
        loader = loader_of(choice, function)
        found, ended = drawn(loader())
        if loader.lost == "restart" and most < 3:
            assert (found, ended) == (WHOLE, None)
            assert work.noted(log) == most
        else:
            assert isinstance(ended, WorkerLost), ended
            assert found == WHOLE[: len(found)]
            assert at in ended.places
            if how != "close":  # there it goes on, until it has something to tell
                assert ended.at == at
                assert f"It was at item {at} ({at})." in str(ended)
                assert ended.exitcode == {"exit": 7, "abort": -signal.SIGABRT}[how], ended
            assert work.noted(log) == (3 if loader.lost == "restart" else 1)
        ended = None
        os.unlink(log)
        loader.close()
        nothing_is_left(2.0)


def ended_with_system_exit(times):
    """It is no matter of the item: it ends the epoch as it would in this process."""
    for seed in range(times):
        choice = random.Random(seed)
        at = choice.randrange(COUNT)
        errors = choice.choice(["raise", "skip"])
        loader = loader_of(choice, work.Failing(choice, [at], SystemExit), errors=errors)
        for _ in range(2):
            found, ended = drawn(loader())
            assert isinstance(ended, SystemExit), ended
            assert str(ended) == f"{at} is bad"
            assert "in __call__" in ended.__notes__[0]
            assert found == WHOLE[:at]
        ended = None
        loader.close()
        nothing_is_left()


def stdout_of_workers(times):
    """What they print, and one that closes it."""
    for seed in range(times):
        choice = random.Random(seed)
        loader = loader_of(choice, work.without_stdout)
        assert drawn(loader()) == (WHOLE, None)
        assert drawn(loader()) == (WHOLE, None)
        loader.close()
        nothing_is_left()


# What has to travel


def large_results(times):
    _large(times, work.long_text, range(8))


def large_items(times):
    items = [work.long_item(number) for number in range(24)]
    _large(times, work.number_of, items, NUMBER)


def large_both_ways(times):
    items = [work.long_item(number) for number in range(8)]
    _large(times, work.long_text_of, items)


def _large(times, function, items, signature=TEXT):
    for seed in range(times):
        choice = random.Random(seed)
        ordered = choice.random() < 0.5
        loader = loader_of(
            choice,
            function,
            items,
            signature=signature,
            batch_size=choice.choice([None, 1, 3]),
            ordered=ordered,
        )
        found = [int(value[:8]) if isinstance(value, str) else value for value in texts(loader())]
        assert (found if ordered else sorted(found)) == list(range(len(items)))
        epoch = loader()
        next(epoch)
        epoch.close()  # while others are written
        began = time.monotonic()
        epoch = loader()
        assert len(list(texts(islice(epoch, 2)))) > 1
        del epoch
        loader.close()
        assert time.monotonic() - began < 20
        nothing_is_left()


def texts(epoch):
    for value in epoch:
        yield from np.atleast_1d(value).tolist()


def many_small_batches(times):
    """Hundreds of batches on their way to one worker, whose results are larger than they are."""
    for seed in range(times):
        choice = random.Random(seed)
        loader = loader_of(
            choice,
            work.some_text,
            range(1500),
            signature=TEXT,
            batch_size=None,
            processes=1,
            ahead=1000,
        )
        assert [int(value[:8]) for value in texts(loader())] == list(range(1500))
        loader.close()
        nothing_is_left()


def large_arguments(times):
    """A function with an argument of 4 MB, and workers that end before they have read it."""
    for seed in range(times):
        choice = random.Random(seed)
        table = work.table(COUNT, 4 * work.MIB)
        loader = loader_of(choice, partial(work.at_index, table), persistent=False)
        assert drawn(loader()) == (WHOLE, None)
        killer = threading.Thread(target=kill_the_first, daemon=True)
        killer.start()
        found, ended = drawn(loader())
        killer.join()
        assert found == WHOLE[: len(found)]
        assert isinstance(ended, WorkerLost) if ended else found == WHOLE, repr(ended)
        ended = None
        nothing_is_left()


def kill_the_first():
    """Kill the first worker that is there, as soon as it is."""
    end = time.monotonic() + 5
    while not (crew := workers()) and time.monotonic() < end:
        pass
    for one in crew[:1]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(one.pid, signal.SIGKILL)


def items_that_cannot_travel(times):
    """Such as can't be pickled, or not unpickled by the worker: that item fails, and no other."""
    with module_that_is_away() as away:
        for seed in range(times):
            choice = random.Random(seed)
            place, skip = choice.randrange(COUNT), choice.random() < 0.5
            odd, why = (lambda: 0), "can't be sent to a worker process"
            loader = loader_of(choice, work.Pausing(choice), errors="skip" if skip else "raise")
            if choice.random() < 0.5 and loader.start_method != "fork":
                odd, why = away.Away(), "No module named 'away'"
            loader.items = [*WHOLE[:place], odd, *WHOLE[place + 1 :]]
            found, ended = drawn(loader())
            if skip:
                assert ended is None, ended
                assert found == [number for number in WHOLE if number != place]
                assert list(loader.left_out) == [place]
                assert why in loader.left_out[place].reason
            else:
                assert isinstance(ended, ItemError), ended
                assert ended.place == place, ended
                assert found == WHOLE[:place]
                assert why in str(ended)
            ended = None
            loader.close()
            nothing_is_left()


def functions_that_cannot_travel(times):
    """Of a module that a worker doesn't find: no worker begins, and each says why."""
    with module_that_is_away() as away:
        for seed in range(times):
            loader = loader_of(random.Random(seed), away.back)
            found, ended = drawn(loader())
            if loader.start_method == "fork":
                assert (found, ended) == (WHOLE, None)
            else:
                assert found == []
                assert isinstance(ended, WorkerLost), ended
                assert "can't begin: ModuleNotFoundError: No module named 'away'" in str(ended)
            ended = None
            loader.close()
            nothing_is_left()


@contextlib.contextmanager
def module_that_is_away():
    """A module that this process has imported, from a folder that is on nobody's path any more."""
    source = "class Away:\n    pass\n\n\ndef back(item):\n    return item\n"
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "away.py").write_text(source)
        sys.path.insert(0, folder)
        module = importlib.import_module("away")
        sys.path.remove(folder)
    yield module
    del sys.modules["away"]


def files_run_out(times):
    """No more than so many files may be open: told, and nothing is left.

    Not with "forkserver": Python's server dies of it.
    """
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    refused = 0
    for seed in range(times):
        choice = random.Random(seed)
        loader = loader_of(choice, work.Pausing(choice))
        free = max(int(name) for name in os.listdir("/dev/fd"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (free + seed % 12, before[1]))
        try:
            found, ended = drawn(loader())
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        if ended is None:
            assert found == WHOLE
        else:
            refused += 1
            assert isinstance(ended, (OSError, WorkerLost)), repr(ended)
        ended = None
        assert drawn(loader()) == (WHOLE, None)
        loader.close()
        # Python loses a pipe where there is no room for the next one that it needs.
        lost = there()["open files"] - BEFORE["open files"]
        assert lost in (0, 2), lost
        BEFORE["open files"] += lost
        nothing_is_left()
    assert refused or times < 5


def forked_beside(times):
    """A process that the user forks in the middle of an epoch, and that ends as Python does."""
    for seed in range(times):
        choice = random.Random(seed)
        loader = loader_of(choice, work.Pausing(choice))
        epoch = loader()
        found = flat(islice(epoch, 2))
        if (child := os.fork()) == 0:
            if seed % 4 == 0:
                epoch.close()
            elif seed % 4 == 1:
                del epoch, loader
            elif seed % 4 == 2:
                drawn(epoch)
            os._exit(0)
        assert os.waitpid(child, 0) == (child, 0)
        assert (found + drawn(epoch)[0]) == WHOLE
        del epoch
        loader.close()
        del loader
        nothing_is_left()


# A small /dev/shm: in a namespace of its own


def small_memory(times):
    """4 MiB in all: refused with a sentence, at once or when the epoch begins; no bus error."""
    for seed in range(times):
        choice = random.Random(seed)
        pages = choice.randint(1, 40)
        large = np.zeros((pages, 4096), "uint8")
        more = {"signature": large, "batch_size": 4, "into": True}
        loader, refused = made(choice, work.rows_of, range(64), **more)
        if refused:
            assert str(refused).startswith("The loader needs "), refused
            assert "MiB free. Give it more" in str(refused)
            continue
        room = os.statvfs("/dev/shm")
        if loader.slots * 4 * large.nbytes > room.f_bfree * room.f_bsize - 64 * 1024:
            continue  # it needs a page beside the batches
        fill = choice.choice([0, room.f_bfree // 2, room.f_bfree])
        try:
            Path("/dev/shm/other").write_bytes(bytes(fill * room.f_bsize))
            sums, ended = sums_of(loader())
        finally:
            Path("/dev/shm/other").unlink(missing_ok=True)
        if ended is None:
            assert sums == [pages * 4096 * number for number in range(64)]
        else:
            assert isinstance(ended, NoRoom), ended
            assert "/dev/shm has" in str(ended)
            ended = None
        sums, ended = sums_of(loader())
        assert ended is None, ended
        assert sums == [pages * 4096 * number for number in range(64)]
        kept = list(loader())  # copies, where there are no more slots
        assert [int(batch[0, 0, 0]) for batch in kept] == list(range(0, 64, 4))
        del kept
        loader.close()
        assert os.listdir("/dev/shm") == []
        nothing_is_left()


def made(choice, *arguments, **more):
    """A loader, or the error that refuses it."""
    try:
        return loader_of(choice, *arguments, **more), None
    except NoRoom as error:
        return None, bare(error)


def sums_of(epoch):
    found = []
    try:
        for batch in epoch:
            found += batch.sum((1, 2), dtype="int64").tolist()
    except Exception as error:
        return found, bare(error)
    return found, None


def closed_memory(times):
    """A /dev/shm where nothing can be written is refused with a sentence."""
    for seed in range(times):
        found, ended = drawn(loader_of(random.Random(seed), work.itself)())
        assert found == []
        assert isinstance(ended, NoRoom), repr(ended)
        assert str(ended).startswith("The loader needs shared memory, and can't make it in ")
        ended = None
        nothing_is_left()


def another_user(times):
    """One without rights of its own: the loader works as for everybody."""
    import numpy.random  # noqa: F401 - that user may not reach what is imported later

    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    early_stops(times)
    killed_and_replaced(times)


def closed_memory_for_another_user(times):
    import numpy.random  # noqa: F401

    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    closed_memory(times)


# Through TensorFlow


def early_stops_in_tensorflow(times):
    for seed in range(times):
        choice = random.Random(seed)
        if seed % 20 == 0:
            more = {"batch_size": 4, "processes": 2, "persistent": seed % 40 == 0}
            loader = loader_of(choice, work.Pausing(choice), range(100), **more)
            dataset = loader.dataset()
        stop, found = choice.randrange(20), []
        for value in dataset:
            found += flat([value])
            if len(found) > 4 * stop:
                break
        del value
        if not loader.persistent:
            nothing_is_left(10.0)  # TensorFlow destroys an iterator when it likes
        assert found == WHOLE[: len(found)]
        if seed % 20 == 19 or seed == times - 1:
            assert flat(dataset) == WHOLE[:100]
            del dataset
            forget()
            loader.close()
            nothing_is_left(10.0)


def forget():
    """What TensorFlow keeps of each from_generator."""
    import keras

    keras.backend.clear_session()
    gc.collect()


def in_tensorflow(times):
    for seed in range(times):
        choice = random.Random(seed)
        bad = choice.randrange(1, COUNT)
        persistent = seed % 2 == 0
        loader = loader_of(choice, work.Pausing(choice), batch_size=8, persistent=persistent)
        whole = loader.dataset()
        assert flat(whole.take(3)) == WHOLE[:24]
        assert flat(whole) == WHOLE
        left, right = iter(whole), iter(whole.prefetch(2))
        pairs = list(zip(left, right))
        assert flat(value for value, _ in pairs) == flat(value for _, value in pairs) == WHOLE
        kept = list(whole)
        cached = whole.cache()
        mixed = cached.shuffle(100, seed=seed)
        assert sorted(flat(mixed)) == WHOLE
        assert sorted(flat(mixed)) == WHOLE
        assert flat(cached) == WHOLE
        assert flat(whole.repeat(2)) == WHOLE + WHOLE
        assert flat(kept) == WHOLE, "what is kept stays as it was"
        assert loader.copied > 0
        del left, right, pairs, kept, cached, mixed, whole
        failing = loader_of(choice, work.Failing(choice, [bad]), batch_size=8).dataset()
        found, text = drawn(failing)
        assert f"Item {bad} ({bad}) failed in worker " in str(text)
        assert f"OSError: {bad} is bad" in str(text)
        assert found == WHOLE[:bad], "TensorFlow delivers what came before"
        del failing, text
        loader.close()
        forget()
        nothing_is_left(10.0)


def fit_in_tensorflow(times):
    """Several epochs of a training, with validation, as Keras asks for them."""
    import keras

    for seed in range(times):
        choice = random.Random(seed)
        persistent = seed % 2 == 0
        more = {"signature": work.PAIR, "batch_size": 8, "persistent": persistent}
        loader = loader_of(choice, work.pair, **more)
        keras.utils.set_random_seed(seed)
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        seen = []
        train = loader.dataset()

        class Batches(keras.callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None, seen=seen):
                seen.append(batch)

        model.fit(train, validation_data=train.take(3), epochs=3, verbose=0, callbacks=[Batches()])
        assert seen == list(range(25)) * 3
        del train, model
        forget()
        loader.close()
        nothing_is_left(10.0)


# Ends of a process: these never return, are interrupted or killed


def interrupted_while_waiting(times):
    loop_until_interrupted(work.slowly, 64, at_work=0)


def interrupted_in_the_loop(times):
    loop_until_interrupted(work.itself, 8, at_work=0.05)


def loop_until_interrupted(function, batch_size, at_work):
    loader = loader_of(
        random.Random(0), function, range(10**6), batch_size=batch_size, persistent=False
    )
    try:
        print("ready", flush=True)
        for _ in loader():
            time.sleep(at_work)
    finally:
        assert not workers()  # the interrupt's traceback holds memory still
        print("no process is left", flush=True)


def loop_until_killed(function, seconds=0.0, **more):
    """Say so after the first element, and go on."""
    epoch = loader_of(random.Random(0), function, range(10**6), **more)()
    next(epoch)
    print("ready", flush=True)
    for _ in epoch:
        time.sleep(seconds)


def killed_at_work(times):
    loop_until_killed(work.itself, processes=3, batch_size=8)


def killed_with_slow_functions(times):
    loop_until_killed(work.slowly, processes=3, ahead=4, batch_size=2)


def killed_with_slow_batches(times):
    """Each takes half a minute, and each item of it half a second."""
    loader = loader_of(random.Random(0), work.slowly, range(10**6), batch_size=64)
    threading.Timer(0.8, lambda: print("ready", flush=True)).start()
    next(loader())


def killed_with_large_results(times):
    """Nobody reads them: the workers wait in the middle of a message."""
    loop_until_killed(work.long_text, 1000, signature=TEXT, processes=3, batch_size=1, ahead=4)


def killed_while_idle(times):
    loader = loader_of(random.Random(0), work.itself, persistent=True)
    drawn(loader())
    print("ready", flush=True)
    time.sleep(1000)


def killed_at_the_start(times):
    loader = loader_of(random.Random(0), work.itself, range(10**6), processes=3)
    print("ready", flush=True)
    for _ in loader():
        pass


def parents_killed(times):
    """Another process that does one of these: all that it has started ends by itself."""
    kinds = [
        killed_at_work,
        killed_with_slow_functions,
        killed_with_slow_batches,
        killed_with_large_results,
        killed_while_idle,
        killed_at_the_start,
    ]
    for seed in range(times):
        choice, kind = random.Random(seed), kinds[seed % len(kinds)]
        command = [sys.executable, __file__, "60", METHODS[0], kind.__name__, "1"]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
        try:
            assert child.stdout.readline() == b"ready\n"
            time.sleep(choice.choice([0, 0.01, 0.1, 1]) * choice.random())
            child.kill()
            child.wait()
            end = time.monotonic() + 5
            while left := alive_in(child.pid):
                assert time.monotonic() < end, (kind, left)
                time.sleep(0.01)
        finally:
            child.stdout.close()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
        for left in Path(tempfile.gettempdir()).glob("pymp-*"):
            if left.name not in BEFORE["temporary files"]:  # Python's own: it was killed
                shutil.rmtree(left)
        nothing_is_left()


def alive_in(group):
    """The processes of a group that are alive."""
    found = []
    for one in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
            if os.getpgid(one.pid) == group and one.status() != psutil.STATUS_ZOMBIE:
                found.append(one)
    return found


def main_thread_ends(times):
    """A thread of its own goes on to consume."""
    epoch = loader_of(random.Random(0), work.itself, range(1000), batch_size=2)()
    next(epoch)
    threading.Thread(target=lambda: print(len(drawn(epoch)[0]), flush=True)).start()


def exit_with_half_an_epoch(times):
    global kept
    kept = loader_of(random.Random(times), work.itself)()
    next(kept)


def exit_with_idle_workers(times):
    global kept
    kept = loader_of(random.Random(times), work.itself, persistent=True)
    drawn(kept())


def exit_with_slow_functions(times):
    global kept
    kept = loader_of(random.Random(times), work.slowly, batch_size=64, processes=2)()
    wait_for(kept)
    time.sleep(0.3)


def exit_in_the_middle(times):
    for number in loader_of(random.Random(times), work.itself, batch_size=8)():
        if number[0] == 8:
            sys.exit(3)


def exit_with_a_thread_at_work(times):
    """A daemon thread waits for the next element when the interpreter exits."""
    global kept
    more = {"batch_size": 2, "processes": 2, "lost": "restart"}
    kept = loader_of(random.Random(times), work.a_bit_slowly, range(10**6), **more)()

    threading.Thread(target=drawn, args=(kept,), daemon=True).start()
    time.sleep(0.5)


def wait_for(iterator):
    """Have a thread wait for the next element, which isn't there when the interpreter exits."""

    def wait():
        with contextlib.suppress(Exception):
            next(iterator)

    threading.Thread(target=wait, daemon=True).start()


def exit_with_an_error(times):
    function = work.Failing(random.Random(times), [20])
    for value in loader_of(random.Random(times), function, batch_size=None)():
        print(int(value))


def exit_with_a_dataset(times):
    global kept
    choice = random.Random(times)
    datasets = [
        loader_of(choice, work.Pausing(choice), range(10**6), batch_size=8).dataset(),
        loader_of(choice, work.Pausing(choice), range(10**6), batch_size=8).dataset().prefetch(3),
        loader_of(choice, work.a_bit_slowly, range(10**6), batch_size=64).dataset().prefetch(3),
    ]
    kept = [iter(dataset) for dataset in datasets]
    for iterator in kept[:2]:
        next(iterator)
    wait_for(kept[2])
    time.sleep(0.2)


def begin(method, names):
    """Start Python's helpers, and what else stays, before anything is counted."""
    methods = get_all_start_methods()
    METHODS[:] = ["fork"] * 36 + ["forkserver", "spawn"] if method == "mixed" else [method]
    for one in set(METHODS) & set(methods):
        span(one)
    if any("tensorflow" in name or "dataset" in name for name in names):
        choice = random.Random(0)
        more = {"start_method": METHODS[0], "persistent": False}
        list(loader_of(choice, work.itself, range(9), **more).dataset())
        forget()
    gc.collect()


def main(limit, method, *names_and_times):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    faulthandler.dump_traceback_later(float(limit), exit=True)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
    names = names_and_times[::2]
    begin(method, names)
    for name, times in zip(names, names_and_times[1::2]):
        BEFORE.update(there())
        globals()[name](int(times))
        if not name.startswith(("exit", "main_thread_ends")):
            nothing_is_left()
    print("done", flush=True)
    faulthandler.cancel_dump_traceback_later()  # the parent's limit is what counts for the exit


if __name__ == "__main__":
    main(*sys.argv[1:])
