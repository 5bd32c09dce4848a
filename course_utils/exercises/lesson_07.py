"""The exercises of lesson 07: a thread that makes elements ahead, several, interleave, a loader."""

from __future__ import annotations

import concurrent.futures.thread
import contextlib
import ctypes
import gc
import itertools
import os
import queue
import random
import sys
import tempfile
import threading
import time
import types
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import tensorflow as tf

from course_utils.classroom.exercise import Exercise, Mistake, Wrong
from course_utils.feeding.readers import UnreadablePicture, read_photo
from course_utils.feeding.threads import ItemError, ThreadLoader, TooManyLeftOut

# ---------------------------------------------------------------------------------- 07.preload

MADE_ONCE = (
    "The second epoch hangs: its first element never comes. The thread, or the generator that it "
    "goes through, is made once, and at the end of the first epoch it has ended. Make the queue, "
    "the generator and the thread in the inner function: TensorFlow calls it for every epoch."
)
STARTED_TWICE = (
    "The second epoch starts the thread of the first one again, and a thread can be started only "
    "once. Make a new one for each epoch, in the inner function."
)
SECOND_IS_EMPTY = (
    "The second epoch is empty: it goes through the generator of the first one, which is used up. "
    "Call `make()` in the inner function, for every epoch."
)
MIXED = (
    "Two epochs get in each other's way: what one leaves behind, or still uses, meets the next, "
    "such as elements in a queue, or an event that is set. Make all of it in the inner function: "
    "each epoch needs a queue, a generator, a thread and an event of its own."
)
ERROR_HANGS = (
    "The generator raises an error after its third element, and whoever waits for the fourth waits "
    "for ever: the thread has died, and nothing comes into the queue any more. Catch the error in "
    "the thread, put it into the queue, and raise it where the elements are taken out."
)
ERROR_LOST = (
    "The generator raises an error after its third element, and the epoch ends as if it were "
    "complete: nobody hears of it. Hand the error over in the queue, and raise it where the "
    "elements are taken out."
)
ERROR_TOO_EARLY = (
    "The generator made three elements and then raised an error. The error came before the "
    "elements that were waiting, and they are lost. Put it into the queue, behind them."
)
ERROR_YIELDED = (
    "The generator's error came as an element. Raise it where the elements are taken out of the "
    "queue: `raise error`."
)
FALSE_ENDS = (
    "The epoch ends at an element such as 0 or None, as if that were the sign for the end. Any "
    "element may come. Compare with something that no generator can yield: `end = object()`, "
    "and `if element is end`."
)
UNBOUNDED = (
    "The thread doesn't stop at `ahead` elements: it goes on as far as it can, and everything "
    "waits in memory. Give the queue a size: in `queue.Queue(ahead)`, `put` waits for room."
)
ENDLESS_AT_ONE = (
    "With ahead = 3 the thread stops in time, with ahead = 1 it doesn't stop at all. A queue of "
    "the size 0 has no limit, and that is what `queue.Queue(ahead - 1)` is then. Give it the size "
    "`ahead`: the element in the thread's hand may come on top."
)
LISTED = (
    "The first element comes when all have been made: `list(make())`, or a loop that ends before "
    "anything is handed over. Put each element into the queue as soon as it is made."
)
NOT_AHEAD = (
    "An element is made when it is asked for, and not before: while the consumer works, nothing is "
    "made. Let a thread go through `make()` and put the elements into a queue."
)
IN_THE_CONSUMER = (
    "The elements are made in the consumer's own thread, which can't do its work meanwhile. A "
    "thread of its own must go through `make()`: `threading.Thread(target=...)`, and `start()`."
)
NEVER_LEFT = (
    "The consumer left early, and `close()` never returned. The thread waits in `put` for room "
    "that nobody makes, or goes on making elements, so `join()` waits for ever. In `finally`: set "
    "an event that the thread looks at after each `put`, empty the queue, and then join."
)
THREAD_LEFT = (
    "The consumer left early, and the thread is still there: it waits in `put`, or goes on making "
    "elements that nobody takes. `daemon=True` doesn't end it before Python itself ends. In "
    "`finally`: set an event that the thread looks at after each `put`, empty the queue, and join."
)
SOURCE_OPEN = (
    "The consumer left early, the thread ended, and the generator that `make()` returned was not "
    "closed: its `finally`, which closes files, didn't run. Something outside of the epoch still "
    "holds it. Keep it in the inner function, and close it there: `source.close()`."
)
CLOSED_WHILE_RUNNING = (
    "The consumer left while an element was being made, and a generator that runs in one thread "
    "can't be closed in another: `generator already executing`. Join the thread first, then close."
)
CALLED_ALREADY = (
    "preloaded gave back a generator, the elements of one epoch. from_generator needs something to "
    "call at the start of each: put the `yield` into a function inside, and return that function "
    "without parentheses."
)
TAKEN_APART = (
    "An element comes together with something else, as it lay in the queue. Unpack it where it is "
    "taken out, and yield the element alone."
)


def preloaded(make, ahead):
    """Return a callable for from_generator: a thread makes the elements, `ahead` of them early."""

    def elements():
        source, made, stop = make(), queue.Queue(ahead), threading.Event()
        end = object()

        def fill():
            error = None
            try:
                for element in source:
                    made.put((element, None))
                    if stop.is_set():
                        return
            except Exception as raised:
                error = raised
            made.put((end, error))

        thread = threading.Thread(target=fill)
        thread.start()
        try:
            while True:
                element, error = made.get()
                if error is not None:
                    raise error
                if element is end:
                    return
                yield element
        finally:
            stop.set()
            while not made.empty():
                made.get()
            thread.join()
            source.close()

    return elements


ALL = 41  # elements of a source, more than any bound


class TornFile(Exception):
    """What the check's own sources raise."""


class _Epoch:
    """What one generator of a `_Making` did."""

    def __init__(self):
        self.made, self.threads = 0, set()
        self.waited_in_vain = self.wanted = self.closed = self.raised = False


class _Making:
    """Gives `make`: a generator function that notes what is made, when, and in which thread."""

    def __init__(self, watch, elements, error=None):
        self.watch, self.elements, self.error = watch, elements, error
        self.epochs: list[_Epoch] = []
        self.changed = threading.Condition()
        self.pause = {}  # by place of an element: a condition to wait for, and the limit in seconds
        self.taken = 0

    def make(self):
        notes = _Epoch()
        self.epochs.append(notes)
        return self._elements(notes)

    def _elements(self, notes: _Epoch) -> Iterator:
        try:
            for place, element in enumerate(self.elements):
                with self.changed:
                    notes.wanted = place + 1
                    self.changed.notify_all()
                    if place in self.pause:
                        self._wait(notes, *self.pause[place])
                    if self.watch.over.is_set():
                        return
                    notes.made += 1
                    notes.threads.add(threading.get_ident())
                    self.changed.notify_all()
                yield element
            if self.error is not None:
                notes.raised = True
                raise self.error
        finally:
            with self.changed:
                notes.closed = True
                self.changed.notify_all()

    def _wait(self, notes: _Epoch, condition: Callable, seconds: float) -> None:
        if not self.changed.wait_for(lambda: self.watch.over.is_set() or condition(), seconds):
            notes.waited_in_vain = True

    def take(self, iterator: Iterator, count: int) -> list:
        """Take some elements, fewer where they end."""
        drawn = self.watch.draw(iterator, count)
        with self.changed:
            self.taken += len(drawn)
            self.changed.notify_all()
        return drawn

    def until(self, condition: Callable, seconds: float = 1.0) -> bool:
        with self.changed:
            return self.changed.wait_for(condition, seconds)


def check_preload(answer: Callable) -> None:
    """Draw epochs: whole, again, odd, torn, left early, side by side, and by from_generator."""
    with _watching() as watch:
        _judge_read_ahead(answer, watch)
        _judge_odd_elements(answer, watch)
        _judge_two_at_once(answer, watch)
        _judge_an_error(answer, watch)
        _judge_left_early(answer, watch)
        _judge_left_while_making(answer, watch)
        _judge_one_ahead(answer, watch)
        _judge_as_a_source(answer, watch)


def _epochs_of(answer: Callable, making: _Making, ahead: int) -> Callable:
    """Call the answer; return the callable that it should give back."""
    result = making.watch.call(answer, making.make, ahead)
    if isinstance(result, Iterator):
        making.watch.keep(result)
        raise Wrong(CALLED_ALREADY)
    if isinstance(result, tf.data.Dataset):
        raise Wrong("preloaded gave back a dataset. Only the callable for it is wanted here.")
    if not callable(result):
        forgotten = " Is `return` missing?" if result is None else ""
        raise Wrong(
            f"preloaded gave back {_kind(result)}, and should return a function that from_generator"
            f" can call.{forgotten}"
        )
    return result


def _begun(source: Callable, watch: _Watch) -> Iterator:
    try:
        result = watch.call(source)
    except TypeError as error:
        if "required positional argument" in str(error):
            raise Wrong(
                "What preloaded gave back wants an argument, and from_generator calls it without "
                "any. The inner function knows `make` and `ahead` already."
            ) from None
        raise
    except RuntimeError as error:
        _judge_runtime_error(error)
        raise
    if not isinstance(result, Iterable):
        forgotten = " Is `yield` missing?" if result is None else ""
        raise Wrong(
            f"What preloaded gave back was called, and gave back {_kind(result)}, which can't be "
            f"iterated.{forgotten}"
        )
    return watch.keep(watch.call(iter, result))


def _judge_runtime_error(error: RuntimeError) -> None:
    if "threads can only be started once" in str(error):
        raise Wrong(STARTED_TWICE) from None


def _judge_read_ahead(answer: Callable, watch: _Watch) -> None:
    """Take one element and look how far the thread goes, take more, and then a second epoch."""
    ahead, elements = 3, [7 * number % ALL + 1 for number in range(ALL)]
    making = _Making(watch, elements)
    making.pause[ahead + 1] = (lambda: making.taken > 0, 0.5)
    source = _epochs_of(answer, making, ahead)
    iterator = _begun(source, watch)
    drawn = making.take(iterator, 1)
    if not making.epochs:
        raise Wrong(_other_elements(elements, drawn, "preloaded(make, 3) doesn't call `make`. "))
    if not drawn:
        raise Wrong(_other_elements(elements, drawn))
    notes = making.epochs[0]
    if notes.waited_in_vain:
        all_made = notes.made == len(elements)
        raise Wrong(IN_THE_CONSUMER if watch.ident in notes.threads and not all_made else LISTED)
    for _ in range(2):
        _judge_how_far(making, notes, len(drawn), ahead)
        drawn += making.take(iterator, 3)
    drawn += watch.draw(iterator, len(elements))
    _judge_elements(drawn, elements)
    making.pause.clear()
    _judge_second_epoch(source, watch, elements)


def _judge_how_far(
    making: _Making, notes: _Epoch, taken: int, ahead: int, unbounded: str = UNBOUNDED
) -> None:
    """Wait until the thread has made as much as it may, and look that it makes no more."""
    if not making.until(lambda: notes.made >= taken + ahead):
        if notes.made <= taken:
            raise Wrong(NOT_AHEAD)
        raise Wrong(
            f"With ahead = {ahead}, only {notes.made - taken} elements more than were taken are "
            f"made while the consumer works. Let the thread go on until {ahead} wait, also after "
            "some were taken."
        )
    if making.watch.ident in notes.threads:
        raise Wrong(IN_THE_CONSUMER)
    if making.until(lambda: notes.made > taken + ahead + 1, 0.05):
        if making.until(lambda: notes.made >= ALL, 0.3):
            raise Wrong(unbounded)
        raise Wrong(
            f"With ahead = {ahead}, {notes.made - taken} elements more than were taken are made. "
            f"It should be {ahead + 1} at most: `ahead` that wait, and one in the thread's hand."
        )


def _judge_elements(drawn: list, elements: list[int]) -> None:
    for each in drawn:
        if isinstance(each, (tuple, list)) and any(part is elements[0] for part in each):
            raise Wrong(TAKEN_APART)
    if drawn and not isinstance(drawn[0], int):
        raise Wrong(_other_elements(elements, drawn))
    if len(drawn) == len(elements) and all(one is other for one, other in zip(drawn, elements)):
        return
    drawn = [each if isinstance(each, int) else _short(each) for each in drawn]
    if drawn == elements[: len(drawn)]:
        count = len(drawn) or "none"
        raise Wrong(
            f"Of {len(elements)} elements that `make` gives, {count} arrive, and the last ones are "
            "missing. Take out of the queue all that was put in, up to the sign for the end."
        )
    if drawn[: len(elements)] == elements:
        raise Wrong(
            f"After the last element comes {drawn[len(elements)]}, which isn't one. Look for the "
            "sign for the end before you yield."
        )
    if sorted(map(repr, drawn)) == sorted(map(repr, elements)):
        raise Wrong("The elements come in another order than `make` gives them. Keep it.")
    raise Wrong(_other_elements(elements, drawn))


def _other_elements(elements: list, drawn: list, before: str = "") -> str:
    return (
        f"{before}The elements should be {_some(elements)}, as `make` gives them. Yours are "
        f"{_some(drawn)}."
    )


def _judge_second_epoch(source: Callable, watch: _Watch, elements: list) -> None:
    drawn = []
    try:
        iterator = _begun(source, watch)
        for _ in range(len(elements) + 1):
            drawn += watch.draw(iterator, 1)
    except RuntimeError as error:
        _judge_runtime_error(error)
        raise
    except _Hangs:
        raise Wrong(MIXED if drawn else MADE_ONCE) from None
    if not drawn:
        raise Wrong(SECOND_IS_EMPTY)
    _judge_elements(drawn, elements)


def _judge_odd_elements(answer: Callable, watch: _Watch) -> None:
    """Elements that could be taken for the end of an epoch, and epochs of one and of none."""
    odd = [5, 0, None, "", (), np.zeros(3), (1, None), {}, StopIteration, False, "end"]
    for elements in (odd, ["alone"], []):
        iterator = _begun(_epochs_of(answer, _Making(watch, elements), 2), watch)
        drawn = watch.draw(iterator, len(elements) + 1)
        same = [one is other for one, other in zip(drawn, elements)]
        if all(same) and len(drawn) == len(elements):
            continue
        if all(same) and len(drawn) < len(elements):
            raise Wrong(FALSE_ENDS)
        if False in same and isinstance(drawn[same.index(False)], tuple):
            raise Wrong(TAKEN_APART)
        raise Wrong(
            f"The elements should be {_some(elements)}, the very ones that `make` gives. Yours are "
            f"{_some(drawn)}."
        )


def _judge_an_error(answer: Callable, watch: _Watch) -> None:
    """A source that raises after three elements, and one that raises at once."""
    for elements in ([4, 5, 6], []):
        making = _Making(watch, elements, TornFile("the file is torn"))
        iterator = _begun(_epochs_of(answer, making, 3), watch)
        drawn, error = [], None
        try:
            if elements:
                drawn.append(watch.next(iterator))
                making.until(lambda making=making: making.epochs[0].raised)
                time.sleep(0.02)  # for who notes the error in a variable of all threads
            for _ in range(len(elements) + 2):
                drawn += watch.draw(iterator, 1)
        except TornFile as torn:
            error = torn
        except _Hangs:
            raise Wrong(ERROR_HANGS) from None
        except Exception as other:
            error = other
            if not _comes_from(other, TornFile):
                raise
        if any(isinstance(each, BaseException) for each in drawn):
            raise Wrong(ERROR_YIELDED)
        if error is None:
            raise Wrong(ERROR_LOST)
        if drawn == elements[: len(drawn)] and len(drawn) < len(elements):
            raise Wrong(ERROR_TOO_EARLY)
        if drawn != elements:
            raise Wrong(_other_elements(elements, drawn))
        if watch.left():
            raise Wrong(
                "The generator raised an error, which arrived as it should, but the thread is "
                "still there. It should end with the epoch, in whatever way that ends."
            )


def _comes_from(error: BaseException | None, kind: type) -> bool:
    while error is not None and not isinstance(error, kind):
        error = error.__cause__ or error.__context__
    return error is not None


def _judge_left_early(answer: Callable, watch: _Watch) -> None:
    """Leave a long epoch: after two elements, and before the first one."""
    for taken in (2, 0):
        making = _Making(watch, itertools.count())
        source = _epochs_of(answer, making, 2)  # which is kept, and what it keeps
        iterator = _begun(source, watch)
        watch.draw(iterator, taken)
        if taken:
            notes = making.epochs[0]
            making.until(lambda notes=notes: notes.made >= 2 + 2)
            making.until(lambda notes=notes: notes.made > 2 + 2, 0.05)  # and waits in put
        _leave(iterator, watch)
        if watch.left():
            raise Wrong(THREAD_LEFT)
        del iterator
        for notes in making.epochs:
            if not making.until(lambda notes=notes: notes.closed or not notes.wanted, 0.5):
                raise Wrong(SOURCE_OPEN)


def _leave(iterator: Iterator, watch: _Watch) -> None:
    try:
        watch.close(iterator)
    except _Hangs:
        raise Wrong(NEVER_LEFT) from None
    except ValueError as error:
        if "generator already executing" in str(error):
            raise Wrong(CLOSED_WHILE_RUNNING) from None
        raise


def _judge_left_while_making(answer: Callable, watch: _Watch) -> None:
    """Leave while the thread is in the middle of an element; then begin again."""
    making = _Making(watch, range(100))
    making.pause[3] = (lambda: False, 0.2)
    source = _epochs_of(answer, making, 4)
    iterator = _begun(source, watch)
    watch.draw(iterator, 1)
    notes = making.epochs[0]
    making.until(lambda: notes.wanted >= 4)
    _leave(iterator, watch)
    if watch.left():
        raise Wrong(THREAD_LEFT)
    making.pause.clear()
    iterator = _begun(source, watch)
    try:
        drawn = watch.draw(iterator, 10)
    except _Hangs:
        raise Wrong(MIXED) from None
    if drawn != list(range(10)):
        raise Wrong(MIXED)
    _leave(iterator, watch)


def _judge_one_ahead(answer: Callable, watch: _Watch) -> None:
    """The smallest `ahead`, and a source without an end: one element early, two at most."""
    making = _Making(watch, itertools.count())
    iterator = _begun(_epochs_of(answer, making, 1), watch)
    for count in (1, 2):
        making.take(iterator, count)
        _judge_how_far(making, making.epochs[0], making.taken, 1, ENDLESS_AT_ONE)
    _leave(iterator, watch)


def _judge_two_at_once(answer: Callable, watch: _Watch) -> None:
    """Draw from two epochs in turns; the first is as far ahead as it may be when one begins."""
    elements = list(range(1, 21))
    making = _Making(watch, elements)
    source = _epochs_of(answer, making, 2)
    epochs = [_begun(source, watch) for _ in range(2)]
    try:
        for expected in [*elements, None]:
            for iterator in epochs:
                if watch.draw(iterator, 1) != ([] if expected is None else [expected]):
                    raise Wrong(MIXED)
                if expected == 1:
                    making.until(lambda: making.epochs and making.epochs[0].made >= 3)
    except (_Hangs, RuntimeError, ValueError):
        raise Wrong(MIXED) from None


def _judge_as_a_source(answer: Callable, watch: _Watch) -> None:
    """Let a real from_generator draw two epochs, and leave a third one."""
    elements = list(range(30))
    source = _epochs_of(answer, _Making(watch, elements), 2)

    def epochs():
        signature = tf.TensorSpec((), tf.int64)
        dataset = tf.data.Dataset.from_generator(source, output_signature=signature)
        drawn = [[int(number) for number in dataset] for _ in range(2)]
        return [*drawn, [int(number) for number in itertools.islice(dataset, 2)]]

    try:
        drawn = watch.call(epochs, limit=2 * STEP)
    except _Hangs:
        raise Wrong(
            "Called directly, your function does what it should. As a source of from_generator it "
            "hangs. There the parts of an epoch may run in different threads."
        ) from None
    if drawn != [elements, elements, elements[:2]] or watch.left():
        raise Wrong(
            "Called directly, your function does what it should. As a source of from_generator it "
            "gives other elements, or leaves a thread. There the parts of an epoch may run in "
            "different threads."
        )


def _makes_all_once(make, ahead):
    made = queue.Queue(ahead)

    def fill():
        for element in make():
            made.put((element,))
        made.put(None)

    threading.Thread(target=fill, daemon=True).start()

    def elements():
        while (packed := made.get()) is not None:
            yield packed[0]

    return elements


def _starts_one_thread(make, ahead):
    made = queue.Queue(ahead)

    def fill():
        for element in make():
            made.put((element,))
        made.put(None)

    thread = threading.Thread(target=fill, daemon=True)

    def elements():
        thread.start()
        while (packed := made.get()) is not None:
            yield packed[0]

    return elements


def _calls_make_once(make, ahead):
    source, end = make(), object()

    def elements():
        with ThreadPoolExecutor(1) as pool:
            drawn = deque(pool.submit(next, source, end) for _ in range(ahead + 1))
            while (element := drawn.popleft().result()) is not end:
                drawn.append(pool.submit(next, source, end))
                yield element

    return elements


def _shares_the_queue(make, ahead):
    made = queue.Queue(ahead)

    def elements():
        source, stop = make(), threading.Event()

        def fill():
            error = None
            try:
                for element in source:
                    made.put((element, False, None))
                    if stop.is_set():
                        return
            except Exception as raised:
                error = raised
            made.put((None, True, error))

        thread = threading.Thread(target=fill)
        thread.start()
        try:
            while True:
                element, ended, error = made.get()
                if error is not None:
                    raise error
                if ended:
                    return
                yield element
        finally:
            stop.set()
            while not made.empty():
                made.get()
            thread.join()
            source.close()

    return elements


def _swallows_the_error(make, ahead):
    def elements():
        made, end = queue.Queue(ahead), object()

        def fill():
            for element in make():
                made.put(element)
            made.put(end)

        threading.Thread(target=fill, daemon=True).start()
        while (element := made.get()) is not end:
            yield element

    return elements


def _ends_at_the_error(make, ahead):
    def elements():
        made, end = queue.Queue(ahead), object()

        def fill():
            try:
                for element in make():
                    made.put(element)
            finally:
                made.put(end)

        threading.Thread(target=fill, daemon=True).start()
        while (element := made.get()) is not end:
            yield element

    return elements


def _looks_for_the_error_first(make, ahead):
    def elements():
        made, end, errors = queue.Queue(ahead), object(), []

        def fill():
            try:
                for element in make():
                    made.put(element)
            except Exception as error:
                errors.append(error)
            made.put(end)

        threading.Thread(target=fill, daemon=True).start()
        while True:
            if errors:
                raise errors[0]
            element = made.get()
            if errors and element is end:
                raise errors[0]
            if element is end:
                return
            yield element

    return elements


def _yields_the_error(make, ahead):
    def elements():
        made, end = queue.Queue(ahead), object()

        def fill():
            try:
                for element in make():
                    made.put(element)
            except Exception as error:
                made.put(error)
            made.put(end)

        threading.Thread(target=fill, daemon=True).start()
        while (element := made.get()) is not end:
            yield element

    return elements


def _ends_at_none(make, ahead):
    def elements():
        made = queue.Queue(ahead)

        def fill():
            for element in make():
                made.put(element)
            made.put(None)

        threading.Thread(target=fill, daemon=True).start()
        while (element := made.get()) is not None:
            yield element

    return elements


def _knows_no_bound(make, ahead):
    def elements():
        made, end = queue.Queue(), object()

        def fill():
            for element in make():
                made.put(element)
            made.put(end)

        thread = threading.Thread(target=fill)
        thread.start()
        while (element := made.get()) is not end:
            yield element
        thread.join()

    return elements


def _joins_without_a_stop(make, ahead):
    def elements():
        made, end = queue.Queue(ahead), object()

        def fill():
            error = None
            try:
                for element in make():
                    made.put((element, None))
            except Exception as raised:
                error = raised
            made.put((end, error))

        thread = threading.Thread(target=fill)
        thread.start()
        try:
            while True:
                element, error = made.get()
                if error is not None:
                    raise error
                if element is end:
                    return
                yield element
        finally:
            thread.join()

    return elements


def _leaves_a_daemon(make, ahead):
    def elements():
        made, end = queue.Queue(ahead), object()

        def fill():
            error = None
            try:
                for element in make():
                    made.put((element, None))
            except Exception as raised:
                error = raised
            made.put((end, error))

        threading.Thread(target=fill, daemon=True).start()
        while True:
            element, error = made.get()
            if error is not None:
                raise error
            if element is end:
                return
            yield element

    return elements


def _keeps_the_source(make, ahead):
    sources = []

    def elements():
        made, stop = queue.Queue(ahead), threading.Event()
        source, end = make(), object()
        sources.append(source)

        def fill():
            error = None
            try:
                for element in source:
                    made.put((element, None))
                    if stop.is_set():
                        return
            except Exception as raised:
                error = raised
            made.put((end, error))

        thread = threading.Thread(target=fill)
        thread.start()
        try:
            while True:
                element, error = made.get()
                if error is not None:
                    raise error
                if element is end:
                    return
                yield element
        finally:
            stop.set()
            while not made.empty():
                made.get()
            thread.join()

    return elements


def _closes_a_running_source(make, ahead):
    def elements():
        source, made, stop = make(), queue.Queue(ahead), threading.Event()
        end = object()

        def fill():
            error = None
            try:
                for element in source:
                    made.put((element, None))
                    if stop.is_set():
                        return
            except Exception as raised:
                error = raised
            made.put((end, error))

        thread = threading.Thread(target=fill)
        thread.start()
        try:
            while True:
                element, error = made.get()
                if error is not None:
                    raise error
                if element is end:
                    return
                yield element
        finally:
            stop.set()
            while not made.empty():
                made.get()
            source.close()
            thread.join()

    return elements


def _has_a_queue_of_zero(make, ahead):
    def elements():
        source, made, stop = make(), queue.Queue(maxsize=ahead - 1), threading.Event()
        end = object()

        def fill():
            error = None
            try:
                for element in source:
                    made.put((element, None))
                    if stop.is_set():
                        return
            except Exception as raised:
                error = raised
            made.put((end, error))

        thread = threading.Thread(target=fill)
        thread.start()
        try:
            while True:
                element, error = made.get()
                if error is not None:
                    raise error
                if element is end:
                    return
                yield element
        finally:
            stop.set()
            while not made.empty():
                made.get()
            thread.join()
            source.close()

    return elements


def _lists_first(make, ahead):
    def elements():
        made, end = queue.Queue(ahead), object()

        def fill():
            for element in list(make()):
                made.put(element)
            made.put(end)

        threading.Thread(target=fill, daemon=True).start()
        while (element := made.get()) is not end:
            yield element

    return elements


def _has_no_thread(make, ahead):
    def elements():
        yield from make()

    return elements


def _draws_ahead_itself(make, ahead):
    def elements():
        source, end = make(), object()
        drawn = deque(next(source, end) for _ in range(ahead + 1))
        while drawn[0] is not end:
            drawn.append(next(source, end))
            yield drawn.popleft()

    return elements


def _returns_the_generator(make, ahead):
    made, end = queue.Queue(ahead), object()

    def fill():
        for element in make():
            made.put(element)
        made.put(end)

    def elements():
        threading.Thread(target=fill, daemon=True).start()
        while (element := made.get()) is not end:
            yield element

    return elements()


def _yields_pairs(make, ahead):
    def elements():
        made = queue.Queue(ahead)

        def fill():
            for element in make():
                made.put((element, None))
            made.put(None)

        threading.Thread(target=fill, daemon=True).start()
        while (packed := made.get()) is not None:
            yield packed

    return elements


# --------------------------------------------------------------------------------- 07.in_order

ALL_SUBMITTED = (
    "All items are drawn, and all of them computed, before the consumer has taken a second result: "
    "`pool.map` does that, and a list of all futures. With items that have no end it hangs. Submit "
    "`threads + ahead` of them, and one more for each result that you hand over."
)
LISTED_ITEMS = (
    "All items are drawn before the first result comes, as `list(items)` does; with items that "
    "have no end it hangs. Draw one when you submit it: `itertools.islice(items, 1)`, or `next`, "
    "of an iterator `items = iter(items)`."
)
NOT_IN_ORDER = (
    "The results come as they are ready, and should come in the order of the items. Keep the "
    "futures in a deque, and always wait for the oldest one: `waiting.popleft().result()`."
)
ONE_BY_ONE = (
    "No two calls of the function run at the same time: each result is waited for before the next "
    "item is submitted. Submit `threads + ahead` items first, then wait for the oldest one."
)
NOT_IN_THREADS = (
    "The function runs in the consumer's own thread, and one call after the other. Hand it to a "
    "pool: `pool = ThreadPoolExecutor(threads)`, and `pool.submit(function, item)`."
)
TOO_MANY_THREADS = (
    "More than `threads` calls of the function run at the same time. `ahead` counts items that "
    "wait, not threads: `ThreadPoolExecutor(threads)`, and submit `threads + ahead` items."
)
RUNS_THE_REST = (
    "The consumer left early, and `close()` returned only after all items that waited had been "
    "computed, for nobody. The end of `with` waits for everything that was submitted. In "
    "`finally`: `pool.shutdown(cancel_futures=True)`."
)
POOL_LEFT = (
    "The consumer left early, and the pool went on without it: items that had not begun were "
    "computed after `close()` had returned. In `finally`: `pool.shutdown(cancel_futures=True)`."
)
ERROR_SKIPPED = (
    "The function raises an error for one item, and the results go on behind it, as if that item "
    "had never been. Let the error through: `result()` raises it in the consumer."
)
ERROR_ENDS = (
    "The function raises an error for one item, and the results end there as if they were "
    "complete. Let the error through: `result()` raises it in the consumer."
)
RAISED_TOO_EARLY = (
    "The error of one item arrives before the results of the items ahead of it, which are lost. "
    "It belongs in its item's place: `result()` of that future raises it."
)
ERROR_AS_RESULT = (
    "The error of one item came as a result. Raise it: `result()` of the future does, where "
    "`exception()` only returns it."
)
FUTURES = (
    "The results are futures: what `submit` returns at once. Wait for what they hold: "
    "`future.result()`."
)
KEEPS_RESULTS = (
    "Results that the consumer has let go of are still in memory: a list of all results or of all "
    "futures keeps them. Take each future out of its deque: `waiting.popleft()`."
)
KEEPS_THE_LAST = (
    "When the items have ended, results that the consumer has let go of stay in memory: a loop "
    "such as `for future in waiting` takes nothing out of the deque. Take them out there too: "
    "`while waiting: yield waiting.popleft().result()`."
)
TAIL_LOST = (
    "The last results never come: when the items end, futures still wait in the deque. Go on "
    "until it is empty: `while waiting:`."
)
NONE_ENDS_ITEMS = (
    "An item such as None or 0 is taken for the end of the items, so its result never comes. Any "
    "item may come. Use `for item in itertools.islice(items, 1):`, which needs no sign for the end."
)
STOP_ITERATION = (
    "At the end of the items, `next(items)` raises StopIteration, and of that Python makes a "
    "RuntimeError inside of a generator. Use `for item in itertools.islice(items, 1):`, which ends "
    "by itself."
)
AHEAD_UNUSED = (
    "While the consumer works, fewer items are drawn than may be: `ahead` isn't used. Submit "
    "`threads + ahead` of them at first, and one for each result that you hand over."
)
IN_CHUNKS = (
    "Now and then nothing is under way: a whole chunk of items is waited for, and the next one is "
    "submitted when the consumer has taken them all. Submit one item for each result that you hand "
    "over."
)
BEGINS_AGAIN = (
    "Where `items` is a list, `itertools.islice(items, 1)` takes its first item again and again: "
    "each call begins at the beginning. An iterator goes on where it stopped: `items = "
    "iter(items)`, before all else."
)
RESULTS_IN_A_LIST = (
    "mapped gave back a list, so all results exist before the first one is used. Give each with "
    "`yield`, in the loop."
)


def mapped(function, items, threads, ahead):
    """Yield function(item) for each item, in order, computed in `threads` threads."""
    items = iter(items)
    pool = ThreadPoolExecutor(threads)
    try:
        begun = itertools.islice(items, threads + ahead)
        waiting = deque(pool.submit(function, item) for item in begun)
        while waiting:
            result = waiting.popleft().result()
            for item in itertools.islice(items, 1):
                waiting.append(pool.submit(function, item))
            yield result
    finally:
        pool.shutdown(cancel_futures=True)


MANY = 1_500  # items, where an answer that takes all of them is to be told from one that doesn't


class _Result:
    """A result of which a weak reference tells whether it is still in memory."""

    def __init__(self, item):
        self.item = item


class _Calls:
    """Gives `function` and `items`, and notes which items were drawn, begun and ended."""

    def __init__(self, watch, items):
        self.watch, self.values = watch, items
        self.changed = threading.Condition()
        self.drawn = self.begun = self.running = self.most = 0
        self.ended, self.threads, self.results = set(), set(), []
        self.pause: Callable = lambda item: None  # called inside of `function`, with the item

    def items(self) -> Iterator:
        for item in self.values:
            with self.changed:
                if self.watch.over.is_set():
                    return
                self.drawn += 1
                self.changed.notify_all()
            yield item

    def function(self, item: object) -> _Result:
        with self.changed:
            self.begun += 1
            self.running += 1
            self.most = max(self.most, self.running)
            self.threads.add(threading.get_ident())
            self.changed.notify_all()
        try:
            self.pause(item)
            result = _Result(item)
            self.results.append(weakref.ref(result))
            return result
        finally:
            with self.changed:
                self.running -= 1
                self.ended.add(id(item))
                self.changed.notify_all()

    def until(self, condition: Callable, seconds: float = 1.0) -> bool:
        with self.changed:
            return self.changed.wait_for(lambda: condition() or self.watch.over.is_set(), seconds)

    def kept(self) -> int:
        return sum(reference() is not None for reference in self.results)

    def keeps(self, most: int) -> bool:
        """Tell whether more results are in memory than there may be."""
        if self.kept() <= most:
            return False
        gc.collect(1)  # what the check has made is young; older garbage may take a minute
        return self.kept() > most


def check_in_order(answer: Callable) -> None:
    """Map several items: at the same time, in order, lazily, left early, with errors."""
    with _watching() as watch:
        _judge_at_once(answer, watch)
        _judge_most_threads(answer, watch)
        _judge_how_many_drawn(answer, watch)
        _judge_ends(answer, watch)
        _judge_what_the_last_keep(answer, watch)
        _judge_left_with_items_waiting(answer, watch)
        _judge_an_item_that_fails(answer, watch)


def _mapping(
    answer: Callable, calls: _Calls, threads: int, ahead: int, given: list | None = None
) -> Iterator:
    """Call the answer, with a generator of items unless something else is given."""
    watch = calls.watch
    items = calls.items() if given is None else given
    result = watch.call(answer, calls.function, items, threads, ahead)
    if isinstance(result, (list, tuple)):
        raise Wrong(RESULTS_IN_A_LIST)
    if isinstance(result, tf.data.Dataset):
        raise Wrong("mapped gave back a dataset. Only the generator is wanted here.")
    if callable(result) and not isinstance(result, Iterable):
        raise Wrong("mapped gave back a function. Put the `yield` into mapped itself.")
    if not isinstance(result, Iterable):
        forgotten = " Is `yield` missing?" if result is None else ""
        raise Wrong(f"mapped gave back {_kind(result)}, which can't be iterated.{forgotten}")
    return watch.keep(watch.call(iter, result))


def _results(calls: _Calls, iterator: Iterator, count: int) -> list:
    """Draw results; return the items that they are of."""
    try:
        drawn = calls.watch.draw(iterator, count)
    except RuntimeError as error:
        if "StopIteration" in str(error):
            raise Wrong(STOP_ITERATION) from None
        raise
    return [_item_of(result) for result in drawn]


def _item_of(result: object) -> object:
    if isinstance(result, Future):
        raise Wrong(FUTURES)
    if isinstance(result, BaseException):
        raise Wrong(ERROR_AS_RESULT)
    if not isinstance(result, _Result):
        raise Wrong(
            f"A result came as {_kind(result)}, and should be what function(item) returned, and "
            "nothing else."
        )
    return result.item


def _judge_at_once(answer: Callable, watch: _Watch) -> None:
    """As many calls as threads must meet; the first item is the last of them to be ready."""
    threads, items = 3, list(range(1, 10))
    calls, in_vain = _Calls(watch, items), []
    others = set(map(id, items[1:threads]))

    def pause(item):
        if item <= threads and not in_vain and not calls.until(lambda: calls.most >= threads, 0.7):
            in_vain.append(item)
        if item == items[0] and not in_vain:
            calls.until(lambda: others <= calls.ended, 0.5)
            time.sleep(0.02)  # until who takes what is ready has taken it

    calls.pause = pause
    drawn = _results(calls, _mapping(answer, calls, threads, 2), len(items) + 1)
    if watch.ident in calls.threads:
        raise Wrong(NOT_IN_THREADS)
    if calls.most == 1:
        raise Wrong(ONE_BY_ONE)
    if sorted(drawn) == items != drawn:
        raise Wrong(NOT_IN_ORDER)
    _judge_items(drawn, items)
    if calls.most < threads:
        raise Wrong(
            f"With threads = {threads}, only {calls.most} calls of the function run at the same "
            "time. It takes `ThreadPoolExecutor(threads)`, and `threads + ahead` items submitted "
            "before the first result is waited for."
        )


def _judge_items(drawn: list, items: list) -> None:
    if len(drawn) == len(items) and all(one is other for one, other in zip(drawn, items)):
        return
    if drawn == items[: len(drawn)]:
        raise Wrong(TAIL_LOST)
    raise Wrong(
        f"Of the items {_some(items)} the results should come in that order, each once. Yours are "
        f"those of {_some(drawn)}."
    )


def _judge_most_threads(answer: Callable, watch: _Watch) -> None:
    """No more calls at the same time than there may be threads."""
    threads, items = 2, list(range(1, 9))
    calls = _Calls(watch, items)
    calls.pause = lambda item: item <= threads and calls.until(lambda: calls.most > threads, 0.1)
    _judge_items(_results(calls, _mapping(answer, calls, threads, 3), len(items) + 1), items)
    if calls.most > threads:
        raise Wrong(TOO_MANY_THREADS)


def _judge_how_many_drawn(answer: Callable, watch: _Watch) -> None:
    """Take a few results, and look how many items were drawn each time."""
    threads, ahead = 2, 4
    calls = _Calls(watch, range(1, MANY))
    iterator = _mapping(answer, calls, threads, ahead)
    enough, most = threads + ahead - 1, threads + ahead
    for taken in range(1, 14):
        _results(calls, iterator, 1)
        if not calls.until(lambda taken=taken: calls.drawn >= taken + enough, 0.5):
            raise Wrong(AHEAD_UNUSED if taken == 1 else IN_CHUNKS)
        wait = 0.05 if taken in (1, 13) else 0
        if calls.until(lambda taken=taken: calls.drawn > taken + most, wait):
            more = calls.until(lambda taken=taken: calls.begun > taken + most, 0.3)
            raise Wrong(ALL_SUBMITTED if more else LISTED_ITEMS)
    _results(calls, iterator, 20)
    if calls.keeps(most + 2):
        raise Wrong(KEEPS_RESULTS)
    watch.close(iterator)


def _judge_what_the_last_keep(answer: Callable, watch: _Watch) -> None:
    """Take all results but one; one more may be in a variable, and one in each thread."""
    threads, ahead, items = 3, 12, list(range(1, 31))
    calls = _Calls(watch, items)
    iterator = _mapping(answer, calls, threads, ahead)
    drawn = _results(calls, iterator, len(items) - 1)
    if len(drawn) == len(items) - 1 and calls.keeps(1 + 1 + threads):
        raise Wrong(KEEPS_THE_LAST)
    _judge_items(drawn + _results(calls, iterator, 2), items)


def _judge_ends(answer: Callable, watch: _Watch) -> None:
    """Few items, many, none, and items that could be taken for the end."""
    for items in ([1], [], list(range(1, 6)), [4, None, 0, "", (), False, StopIteration, 7] * 2):
        for given in (None, list(items)):
            calls = _Calls(watch, items)
            drawn = _results(calls, _mapping(answer, calls, 2, 3, given), len(items) + 1)
            if given and len(drawn) > len(items):
                raise Wrong(BEGINS_AGAIN)
            if len(items) > 8 and len(drawn) < len(items):
                raise Wrong(NONE_ENDS_ITEMS)
            _judge_items(drawn, items)
    if watch.left():
        raise Wrong(
            "All results have come, and threads are still there. Shut the pool down in `finally`: "
            "`pool.shutdown(cancel_futures=True)`."
        )


def _judge_an_item_that_fails(answer: Callable, watch: _Watch) -> None:
    """One item of several raises an error, after those behind it are ready."""
    items = list(range(1, 13))
    calls = _Calls(watch, items)

    def pause(item):
        if item == 3:  # the error of 4 is there first
            calls.until(lambda: id(4) in calls.ended, 0.3)
            time.sleep(0.02)
        if item == 4:
            raise TornFile("the file is torn")

    calls.pause = pause
    iterator = _mapping(answer, calls, 2, 3)
    drawn, error = [], None
    try:
        for _ in range(len(items) + 1):
            drawn += _results(calls, iterator, 1)
    except TornFile as torn:
        error = torn
    except _Hangs:
        raise Wrong(
            "The function raises an error for one item, and from there on it hangs."
        ) from None
    except Exception as other:
        error = other
        if not _comes_from(other, TornFile):
            raise
    if error is None and drawn == items[:3]:
        raise Wrong(ERROR_ENDS)
    if error is None:
        raise Wrong(ERROR_SKIPPED)
    if drawn == items[: len(drawn)] and len(drawn) < 3:
        raise Wrong(RAISED_TOO_EARLY)
    _judge_items(drawn, items[:3])
    if watch.left():
        raise Wrong(
            "The error of an item arrives as it should, but threads are still there. Shut the pool "
            "down in `finally`: `pool.shutdown(cancel_futures=True)`."
        )


def _judge_left_with_items_waiting(answer: Callable, watch: _Watch) -> None:
    """Leave while two calls run and others wait; the two may end, the others must not begin."""
    threads, ahead = 2, 4
    calls, gate = _Calls(watch, range(1, MANY)), threading.Event()
    calls.pause = lambda item: item > 1 and calls.until(gate.is_set, 2.0)
    iterator = _mapping(answer, calls, threads, ahead)
    _results(calls, iterator, 1)
    calls.until(lambda: calls.running == threads and calls.drawn >= threads + ahead)
    begun = calls.begun
    answered = watch.ask(_closing(iterator))
    early = watch.wait(answered, 0.2)
    gate.set()
    with calls.changed:
        calls.changed.notify_all()
    if not watch.wait(answered, STEP):
        raise Wrong("The consumer left early, and `close()` never returned.")
    left = watch.left()
    if calls.begun > begun:
        raise Wrong(POOL_LEFT if early else RUNS_THE_REST)
    if left:
        raise Wrong(
            "The consumer left early, and threads are still there. Shut the pool down in "
            "`finally`: `pool.shutdown(cancel_futures=True)`."
        )


def _maps(function, items, threads, ahead):
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(function, items)


def _lists_the_items(function, items, threads, ahead):
    items, pool = list(items), ThreadPoolExecutor(threads)
    waiting = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= threads + ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _takes_what_is_ready(function, items, threads, ahead):
    from concurrent.futures import FIRST_COMPLETED, wait

    items, pool = iter(items), ThreadPoolExecutor(threads)
    try:
        waiting = {pool.submit(function, item) for item in itertools.islice(items, threads + ahead)}
        while waiting:
            ready, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in ready:
                waiting |= {pool.submit(function, item) for item in itertools.islice(items, 1)}
                yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _waits_for_each(function, items, threads, ahead):
    with ThreadPoolExecutor(threads) as pool:
        for item in items:
            yield pool.submit(function, item).result()


def _maps_without_threads(function, items, threads, ahead):
    for item in items:
        yield function(item)


def _has_more_threads(function, items, threads, ahead):
    items = iter(items)
    pool = ThreadPoolExecutor(threads + ahead)
    try:
        begun = itertools.islice(items, threads + ahead)
        waiting = deque(pool.submit(function, item) for item in begun)
        while waiting:
            result = waiting.popleft().result()
            for item in itertools.islice(items, 1):
                waiting.append(pool.submit(function, item))
            yield result
    finally:
        pool.shutdown(cancel_futures=True)


def _waits_for_the_rest(function, items, threads, ahead):
    items = iter(items)
    with ThreadPoolExecutor(threads) as pool:
        begun = itertools.islice(items, threads + ahead)
        waiting = deque(pool.submit(function, item) for item in begun)
        while waiting:
            result = waiting.popleft().result()
            for item in itertools.islice(items, 1):
                waiting.append(pool.submit(function, item))
            yield result


def _leaves_the_pool(function, items, threads, ahead):
    items = iter(items)
    pool = ThreadPoolExecutor(threads)
    begun = itertools.islice(items, threads + ahead)
    waiting = deque(pool.submit(function, item) for item in begun)
    while waiting:
        result = waiting.popleft().result()
        for item in itertools.islice(items, 1):
            waiting.append(pool.submit(function, item))
        yield result


def _skips_the_error(function, items, threads, ahead):
    items = iter(items)
    pool = ThreadPoolExecutor(threads)
    try:
        begun = itertools.islice(items, threads + ahead)
        waiting = deque(pool.submit(function, item) for item in begun)
        while waiting:
            future = waiting.popleft()
            for item in itertools.islice(items, 1):
                waiting.append(pool.submit(function, item))
            if future.exception() is None:
                yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _ends_at_an_error(function, items, threads, ahead):
    items = iter(items)
    pool = ThreadPoolExecutor(threads)
    try:
        begun = itertools.islice(items, threads + ahead)
        waiting = deque(pool.submit(function, item) for item in begun)
        while waiting:
            try:
                result = waiting.popleft().result()
            except Exception:
                return
            for item in itertools.islice(items, 1):
                waiting.append(pool.submit(function, item))
            yield result
    finally:
        pool.shutdown(cancel_futures=True)


def _yields_futures(function, items, threads, ahead):
    items = iter(items)
    pool = ThreadPoolExecutor(threads)
    try:
        begun = itertools.islice(items, threads + ahead)
        waiting = deque(pool.submit(function, item) for item in begun)
        while waiting:
            for item in itertools.islice(items, 1):
                waiting.append(pool.submit(function, item))
            yield waiting.popleft()
    finally:
        pool.shutdown(cancel_futures=True)


def _keeps_the_futures(function, items, threads, ahead):
    items, futures = iter(items), []
    pool = ThreadPoolExecutor(threads)
    try:
        for item in itertools.islice(items, threads + ahead):
            futures.append(pool.submit(function, item))
        place = 0
        while place < len(futures):
            for item in itertools.islice(items, 1):
                futures.append(pool.submit(function, item))
            yield futures[place].result()
            place += 1
    finally:
        pool.shutdown(cancel_futures=True)


def _keeps_the_last(function, items, threads, ahead):
    waiting = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= threads + ahead:
                yield waiting.popleft().result()
        for future in waiting:
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _loses_the_last(function, items, threads, ahead):
    waiting = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= threads + ahead:
                yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _ends_at_an_item(function, items, threads, ahead):
    items = iter(items)
    pool = ThreadPoolExecutor(threads)
    try:
        begun = itertools.islice(items, threads + ahead)
        waiting = deque(pool.submit(function, item) for item in begun)
        while waiting:
            item = next(items, None)
            if item is not None:
                waiting.append(pool.submit(function, item))
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _stops_with_an_error(function, items, threads, ahead):
    items = iter(items)
    pool = ThreadPoolExecutor(threads)
    try:
        begun = itertools.islice(items, threads + ahead)
        waiting = deque(pool.submit(function, item) for item in begun)
        while waiting:
            result = waiting.popleft().result()
            waiting.append(pool.submit(function, next(items)))
            yield result
    finally:
        pool.shutdown(cancel_futures=True)


def _never_makes_an_iterator(function, items, threads, ahead):
    pool = ThreadPoolExecutor(threads)
    try:
        begun = itertools.islice(items, threads + ahead)
        waiting = deque(pool.submit(function, item) for item in begun)
        while waiting:
            result = waiting.popleft().result()
            for item in itertools.islice(items, 1):
                waiting.append(pool.submit(function, item))
            yield result
    finally:
        pool.shutdown(cancel_futures=True)


def _ignores_ahead(function, items, threads, ahead):
    items = iter(items)
    pool = ThreadPoolExecutor(threads)
    try:
        begun = itertools.islice(items, threads)
        waiting = deque(pool.submit(function, item) for item in begun)
        while waiting:
            result = waiting.popleft().result()
            for item in itertools.islice(items, 1):
                waiting.append(pool.submit(function, item))
            yield result
    finally:
        pool.shutdown(cancel_futures=True)


def _works_in_chunks(function, items, threads, ahead):
    items = iter(items)
    with ThreadPoolExecutor(threads) as pool:
        while chunk := list(itertools.islice(items, threads + ahead)):
            yield from pool.map(function, chunk)


def _lists_the_results(function, items, threads, ahead):
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, items))


# ------------------------------------------------------------------------------- 07.interleaved

NAME_IS_BYTES = (
    "`read` was called with bytes, b'n7', where it expects a str: what goes through `args` "
    "arrives as bytes. Decode it in a function of your own: `yield from read(name.decode())`."
)
NAME_WRITTEN_DOWN = (
    "`read` was called with a text that holds the b and the quotation marks of b'n7': str() writes "
    "bytes down as Python code would. What makes text of bytes is `name.decode()`."
)
NAME_IS_SYMBOLIC = (
    "The name that `interleave` hands to your function has no value: the function is called once, "
    "with a stand-in for all names. So `name.numpy()` fails, and a function inside that uses the "
    "name gets the stand-in. Hand it over: `from_generator(..., args=(name,))`."
)
SHARED_GENERATOR = (
    "Two threads asked the same generator for an element at the same time, and Python refused: "
    "`generator already executing`. Each name needs its own: call `read` in the function that "
    "from_generator gets, with the name that arrives by `args`."
)
NAMES_LOST = (
    "Only the first names are read. `threads` says how many are read at the same time, not how "
    "many there are: give all names to `interleave`, which takes the next one when one is done."
)
SHORTEST_ENDS = (
    "Every name ends where the shortest one does, as with `zip`, and the rest of the others is "
    "lost. `interleave` goes on with the others, and takes the next name in place of one that is "
    "done."
)
ONE_AT_A_TIME = (
    "No two names are read at the same time: while `read` waits for one, all others wait too. "
    "Several in turn isn't at the same time: only with `num_parallel_calls=threads` does "
    "`interleave` read in several threads."
)
NAME_BY_NAME = (
    "One name is read after the other, and no two at the same time, as `flat_map` does it. Use "
    "`interleave` with `cycle_length=threads` and `num_parallel_calls=threads`."
)
CYCLE_OF_ONE = (
    "The elements come one name after the other, and not `threads` names are read at the same "
    "time. `cycle_length` tells how many names take turns: `cycle_length=threads`."
)
CYCLE_TOO_SHORT = (
    "TensorFlow refuses `num_parallel_calls=threads`, because fewer names than that take turns. "
    "Without `cycle_length`, `interleave` decides by the machine's cores how many do. Give it "
    "both: `cycle_length=threads, num_parallel_calls=threads`."
)
POOL_TOO_SMALL = (
    "Fewer than `threads` names are read at the same time: tf.data's thread pool has as many "
    "threads as the machine has cores, unless you give the dataset its own, "
    "`options.threading.private_threadpool_size = threads`. (Options count once they are handed "
    "over: `dataset = dataset.with_options(options)`.)"
)
NOT_INT64 = (
    "The elements are {found}, and should be single int64 numbers: "
    "`output_signature=tf.TensorSpec((), tf.int64)`."
)


def from_files(names, read, threads):
    """Return a dataset of the numbers that read(name) yields, of `threads` names at a time."""

    def numbers(name):
        yield from read(name.decode())

    def numbers_of(name):
        signature = tf.TensorSpec((), tf.int64)
        return tf.data.Dataset.from_generator(numbers, args=(name,), output_signature=signature)

    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    dataset = tf.data.Dataset.from_tensor_slices(names)
    dataset = dataset.interleave(numbers_of, cycle_length=threads, num_parallel_calls=threads)
    return dataset.with_options(options)


class _Reading:
    """Gives `read`, whose generators wait for one another, and notes how many ran at once."""

    def __init__(self, watch, lengths, meeting=0, patience=0.4):
        self.watch, self.lengths = watch, lengths
        self.meeting, self.patience = meeting, patience
        self.changed = threading.Condition()
        self.running = self.most = 0
        self.given_up = False
        self.arrived: list = []  # in place of a name
        self.read_names: list = []

    @property
    def met(self) -> bool:
        return self.most >= self.meeting

    def read(self, name: str) -> Iterator[int]:
        if not isinstance(name, str) or name not in self.lengths:
            self.arrived.append(name)
            raise LookupError(f"there is nothing to read with the name {name!r}")
        self.read_names.append(name)
        for number in self.numbers(name):
            if number % 100 == 0:
                self._meet()
            yield number

    def numbers(self, name: str) -> list[int]:
        """Of "n7" with a length of 3: 700, 701, 702."""
        return [int(name[1:]) * 100 + place for place in range(self.lengths[name])]

    def _meet(self) -> None:
        """Wait until enough are here at the same time, or no other has come for a while."""
        with self.changed:
            self.running += 1
            self.most = max(self.most, self.running)
            self.changed.notify_all()
            while not (self.met or self.given_up or self.watch.over.is_set()):
                running = self.running
                if not self.changed.wait_for(
                    lambda running=running: self.running != running or self.given_up or self.met,
                    self.patience,
                ):
                    self.given_up = True
            self.running -= 1
            self.changed.notify_all()


def check_interleaved(answer: Callable) -> None:
    """Read names of several lengths, then many that must meet, in more threads than cores."""
    with _watching() as watch:
        _judge_all_numbers(answer, watch)
        _judge_meeting(answer, watch)


def _dataset(answer: Callable, names: list, reading: _Reading, threads: int) -> tf.data.Dataset:
    try:
        dataset = reading.watch.call(answer, list(names), reading.read, threads, limit=LONG)
    except LookupError:
        _judge_names_that_arrived(reading)
        raise
    except AttributeError as error:
        if "SymbolicTensor" in str(error) and "numpy" in str(error):
            raise Wrong(NAME_IS_SYMBOLIC) from None
        raise
    except tf.errors.InvalidArgumentError as error:
        _judge_the_cycle(error)
        raise
    if not isinstance(dataset, tf.data.Dataset):
        if isinstance(dataset, Iterator):
            reading.watch.keep(dataset)
        forgotten = " Is `return` missing?" if dataset is None else ""
        raise Wrong(
            f"from_files gave back {_kind(dataset)}, and should return a dataset.{forgotten}"
        )
    spec = dataset.element_spec
    if isinstance(spec, tf.data.DatasetSpec):
        raise Wrong(
            "The elements are datasets, one for each name, as `map` gives them. `interleave` takes "
            "the elements out of them."
        )
    if not isinstance(spec, tf.TensorSpec) or spec.dtype != tf.int64 or spec.shape.rank != 0:
        raise Wrong(NOT_INT64.format(found=_described(spec)))
    return dataset


def _judge_names_that_arrived(reading: _Reading) -> None:
    for name in reading.arrived:
        if isinstance(name, bytes):
            raise Wrong(NAME_IS_BYTES) from None
        if tf.is_tensor(name) and not hasattr(name, "numpy"):
            raise Wrong(NAME_IS_SYMBOLIC) from None
        if isinstance(name, str) and name.startswith(("b'", 'b"')):
            raise Wrong(NAME_WRITTEN_DOWN) from None
        shown = repr(name) if isinstance(name, str) else _kind(name)
        raise Wrong(
            f"`read` was called with {shown}, and should be called with a str, one of the names."
        ) from None


def _numbers(dataset: tf.data.Dataset, reading: _Reading, most: int) -> list[int]:
    def draw():
        return [int(number) for number in itertools.islice(dataset, most)]

    try:
        return reading.watch.call(draw, limit=LONG)
    except tf.errors.OpError as error:
        _judge_names_that_arrived(reading)
        if "generator already executing" in str(error):
            raise Wrong(SHARED_GENERATOR) from None
        _judge_the_cycle(error)
        raise


def _judge_the_cycle(error: tf.errors.OpError) -> None:
    """Known at once for a cycle of a given length, and else when an epoch begins."""
    if all(name in str(error) for name in ("cycle_length", "num_parallel_calls")):
        raise Wrong(CYCLE_TOO_SHORT) from None


def _judge_all_numbers(answer: Callable, watch: _Watch) -> None:
    """Two epochs over names of different lengths, one of them twice, and one of them empty."""
    lengths = {"n7": 2, "n3": 5, "n4": 1, "n1": 9, "n9": 3, "n2": 0}
    for given, threads in ((["n7", "n3", "n4", "n1", "n3", "n9"], 2), (["n2", "n7"], 3)):
        reading = _Reading(watch, lengths, 2 if threads == 2 else 0, 0.2)
        dataset = _dataset(answer, given, reading, threads)
        whole = sorted(number for name in given for number in reading.numbers(name))
        for epoch in ("first", "second"):
            drawn = _numbers(dataset, reading, len(whole) + 1)
            _judge_numbers(drawn, whole, given, reading, threads, epoch)


def _judge_numbers(
    drawn: list[int],
    whole: list[int],
    names: list[str],
    reading: _Reading,
    threads: int,
    epoch: str,
) -> None:
    """Look that all numbers of all names are there, those of each name in order."""
    if epoch == "second" and not drawn:
        raise Wrong(
            "The second epoch is empty: it goes through generators of the first one, which are used"
            " up. Call `read` in the function that from_generator gets."
        )
    if len(drawn) > len(whole):
        raise Wrong(
            f"Of {len(names)} names with {len(whole)} numbers together came more. Each name is "
            "read once in an epoch."
        )
    for name in set(names):
        seen = [number for number in drawn if number // 100 == int(name[1:])]
        if names.count(name) == 1 and seen != sorted(seen):
            raise Wrong("The numbers of one name come in another order than `read` yields them.")
    if sorted(drawn) == whole:
        return
    first_names = [number for name in names[:threads] for number in reading.numbers(name)]
    if sorted(drawn) == sorted(first_names):
        raise Wrong(NAMES_LOST)
    shortest = min(len(reading.numbers(name)) for name in names)
    if sorted(drawn) == sorted(n for name in names for n in reading.numbers(name)[:shortest]):
        raise Wrong(SHORTEST_ENDS)
    raise Wrong(
        f"In its {epoch} epoch the dataset should give the {len(whole)} numbers of {len(names)} "
        f"names, {_some(whole)}, in any order among the names. Yours, sorted, are "
        f"{_some(sorted(drawn))}."
    )


def _judge_meeting(answer: Callable, watch: _Watch) -> None:
    """More names are read at once than the machine has cores, and than turn by turn would be."""
    threads = 3 * _cores() + 2
    names = [f"n{number}" for number in range(threads + 3)]
    reading = _Reading(watch, dict.fromkeys(names, 2), threads)
    dataset = _dataset(answer, names, reading, threads)
    drawn = _numbers(dataset, reading, 2 * len(names) + 1)
    _judge_numbers(drawn, sorted(drawn), names, reading, threads, "first")
    if reading.met:
        return
    one_by_one = drawn == sorted(drawn)
    pool = dataset.options().threading.private_threadpool_size
    if pool and pool < threads:
        raise Wrong(POOL_TOO_SMALL)
    if not pool:  # would it do in a larger one?
        reading = _Reading(watch, reading.lengths, threads)
        options = tf.data.Options()
        options.threading.private_threadpool_size = 4 * threads
        roomy = _dataset(answer, names, reading, threads).with_options(options)
        _numbers(roomy, reading, len(drawn))
    if reading.met:
        raise Wrong(POOL_TOO_SMALL)
    if reading.most == 1:
        raise Wrong(NAME_BY_NAME if one_by_one else ONE_AT_A_TIME)
    if one_by_one:
        raise Wrong(CYCLE_OF_ONE)
    raise Wrong(
        f"With threads = {threads}, only {reading.most} names are read at the same time, even in a "
        "large thread pool. Give `interleave` both `cycle_length=threads` and "
        "`num_parallel_calls=threads`."
    )


def _cores() -> int:
    """As many threads as tf.data's own pool has, or more."""
    return max(os.cpu_count() or 1, tf.config.threading.get_inter_op_parallelism_threads())


def _described(spec: object) -> str:
    if isinstance(spec, tf.TensorSpec):
        return f"of the shape {spec.shape} and of {spec.dtype.name}"
    return f"{_kind(spec)} of several parts"


def _reads_in_turn(names, read, threads):
    def numbers(name):
        yield from read(name.decode())

    def numbers_of(name):
        signature = tf.TensorSpec((), tf.int64)
        return tf.data.Dataset.from_generator(numbers, args=(name,), output_signature=signature)

    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    dataset = tf.data.Dataset.from_tensor_slices(names)
    dataset = dataset.interleave(numbers_of, cycle_length=threads)
    return dataset.with_options(options)


def _reads_name_by_name(names, read, threads):
    def numbers(name):
        yield from read(name.decode())

    def numbers_of(name):
        signature = tf.TensorSpec((), tf.int64)
        return tf.data.Dataset.from_generator(numbers, args=(name,), output_signature=signature)

    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    dataset = tf.data.Dataset.from_tensor_slices(names).flat_map(numbers_of)
    return dataset.with_options(options)


def _has_a_cycle_of_one(names, read, threads):
    def numbers(name):
        yield from read(name.decode())

    def numbers_of(name):
        signature = tf.TensorSpec((), tf.int64)
        return tf.data.Dataset.from_generator(numbers, args=(name,), output_signature=signature)

    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    dataset = tf.data.Dataset.from_tensor_slices(names)
    dataset = dataset.interleave(numbers_of, cycle_length=1, num_parallel_calls=tf.data.AUTOTUNE)
    return dataset.with_options(options)


def _has_no_cycle_length(names, read, threads):
    def numbers(name):
        yield from read(name.decode())

    def numbers_of(name):
        signature = tf.TensorSpec((), tf.int64)
        return tf.data.Dataset.from_generator(numbers, args=(name,), output_signature=signature)

    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    dataset = tf.data.Dataset.from_tensor_slices(names)
    dataset = dataset.interleave(numbers_of, num_parallel_calls=threads)
    return dataset.with_options(options)


def _has_no_pool(names, read, threads):
    def numbers(name):
        yield from read(name.decode())

    def numbers_of(name):
        signature = tf.TensorSpec((), tf.int64)
        return tf.data.Dataset.from_generator(numbers, args=(name,), output_signature=signature)

    dataset = tf.data.Dataset.from_tensor_slices(names)
    return dataset.interleave(numbers_of, cycle_length=threads, num_parallel_calls=threads)


def _closes_over_the_name(names, read, threads):
    def numbers_of(name):
        signature = tf.TensorSpec((), tf.int64)
        return tf.data.Dataset.from_generator(lambda: read(name), output_signature=signature)

    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    dataset = tf.data.Dataset.from_tensor_slices(names)
    dataset = dataset.interleave(numbers_of, cycle_length=threads, num_parallel_calls=threads)
    return dataset.with_options(options)


def _never_decodes_the_name(names, read, threads):
    def numbers_of(name):
        signature = tf.TensorSpec((), tf.int64)
        return tf.data.Dataset.from_generator(read, args=(name,), output_signature=signature)

    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    dataset = tf.data.Dataset.from_tensor_slices(names)
    dataset = dataset.interleave(numbers_of, cycle_length=threads, num_parallel_calls=threads)
    return dataset.with_options(options)


def _writes_the_name_down(names, read, threads):
    def numbers(name):
        yield from read(str(name))

    def numbers_of(name):
        signature = tf.TensorSpec((), tf.int64)
        return tf.data.Dataset.from_generator(numbers, args=(name,), output_signature=signature)

    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    dataset = tf.data.Dataset.from_tensor_slices(names)
    dataset = dataset.interleave(numbers_of, cycle_length=threads, num_parallel_calls=threads)
    return dataset.with_options(options)


def _shares_one_generator(names, read, threads):
    everything = (number for name in names for number in read(name))

    def numbers_of(name):
        signature = tf.TensorSpec((), tf.int64)
        return tf.data.Dataset.from_generator(lambda: everything, output_signature=signature)

    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    dataset = tf.data.Dataset.from_tensor_slices(names)
    dataset = dataset.interleave(numbers_of, cycle_length=threads, num_parallel_calls=threads)
    return dataset.with_options(options)


def _takes_the_first_names(names, read, threads):
    def numbers(name):
        yield from read(name.decode())

    def numbers_of(name):
        signature = tf.TensorSpec((), tf.int64)
        return tf.data.Dataset.from_generator(numbers, args=(name,), output_signature=signature)

    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    dataset = tf.data.Dataset.from_tensor_slices(names).take(threads)
    dataset = dataset.interleave(numbers_of, cycle_length=threads, num_parallel_calls=threads)
    return dataset.with_options(options)


def _zips(names, read, threads):
    signature = tf.TensorSpec((), tf.int64)
    of_each = [
        tf.data.Dataset.from_generator(lambda name=name: read(name), output_signature=signature)
        for name in names
    ]
    dataset = tf.data.Dataset.zip(tuple(of_each))
    return dataset.flat_map(lambda *row: tf.data.Dataset.from_tensor_slices(tf.stack(row)))


def _says_int32(names, read, threads):
    def numbers(name):
        yield from read(name.decode())

    def numbers_of(name):
        signature = tf.TensorSpec((), tf.int32)
        return tf.data.Dataset.from_generator(numbers, args=(name,), output_signature=signature)

    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    dataset = tf.data.Dataset.from_tensor_slices(names)
    dataset = dataset.interleave(numbers_of, cycle_length=threads, num_parallel_calls=threads)
    return dataset.with_options(options)


# ----------------------------------------------------------------------------------- 07.loader

NOT_SKIPPED = (
    "The first file that can't be read ended the epoch with an ItemError: that is what a "
    'ThreadLoader does unless it is told otherwise. Say `errors="skip"`.'
)
TOO_FEW_ALLOWED = (
    "The epoch ended with TooManyLeftOut: more files can't be read than `at_most` allows, and no "
    "limit is asked for here. Leave `at_most` out."
)
BLACK_PHOTOS = (
    "In place of a photo that can't be read comes another array, with that file's label, and the "
    'model would be trained on it. Let the error of `read_photo` through: with `errors="skip"` the '
    "loader leaves the item out and notes why."
)
TRIED_BEFORE = (
    "The photos are right, but the loader's `left_out` is empty: the bad files were looked for "
    "beforehand, so that each file is read twice, or their errors were caught. Let the error of "
    "`read_photo` through: the loader leaves the item out and notes why."
)
NO_BATCHES = (
    "The photos come one by one, and should come in batches of 4: give the loader its batch size, "
    "`ThreadLoader(function, items, signature, 4, ...)`."
)
ONE_EPOCH = (
    "loader gave back the batches of one epoch. Return the ThreadLoader itself, without calling "
    "it: each call of it is an epoch."
)
LOADERS_DATASET = (
    "loader gave back a dataset. Return the ThreadLoader: who gets it can call its `dataset()`, or "
    "go through it without TensorFlow, and look into its `left_out`."
)
LABELS_MIXED_UP = (
    "Photos come with labels of other photos: the paths were shuffled, and the labels were not, or "
    "in another way. Make pairs, and shuffle those: an item may be a tuple `(path, label)`."
)
IN_THEIR_ORDER = (
    "The photos come in the order of `paths`. Shuffle the items: `items` may be a function without "
    "arguments, which the loader calls once an epoch."
)
SHUFFLED_ONCE = (
    "Every epoch has the same order. A list of items is shuffled once, and a generator of random "
    "numbers that begins with the same seed gives the same order again. Hand over a function as "
    "items, and let the epoch's number into the seed: `np.random.default_rng([seed, epoch])`."
)
OTHER_ORDERS = (
    "A second loader with the same seed has other orders, so no run can be repeated. What an epoch "
    "draws must come from the seed and the epoch's number: `np.random.default_rng([seed, epoch])`, "
    "with a count of the epochs that begins in `loader`."
)
SEED_IGNORED = (
    "Two seeds give the same orders: yours don't depend on `seed`. Put it into the generator of "
    "random numbers: `np.random.default_rng([seed, epoch])`."
)
ORDERS_SHARED = (
    "An epoch of one seed has the order of another epoch of the next seed. One number made of "
    "both, such as `seed + epoch`, mixes up what a list keeps apart: "
    "`np.random.default_rng([seed, epoch])`."
)
LISTS_CHANGED = (
    "The caller's lists have changed: `shuffle` works in place. Leave them as they are, and draw "
    "an order: `rng.permutation(len(paths))`."
)
LIST_SHARED = (
    "Two epochs at the same time get in each other's way: one of them had photos twice, and others "
    "not at all. `shuffle` works in place, so the second epoch changed the list that the first one "
    "was still drawing from. Return a new list in each call: `[pairs[place] for place in "
    "rng.permutation(len(pairs))]`."
)
NUMBERS_OF_ALL = (
    "Your code draws from the random numbers that everybody shares, or seeds them, as np.random.* "
    "and random.* do. Make a generator of your own for each epoch: "
    "`np.random.default_rng([seed, epoch])`."
)
AS_COMPLETED = (
    "With `ordered=False` the batches come as they are ready, which no seed can repeat. Leave it "
    "out: the threads work ahead in any case."
)

SIDE, SEED, EPOCHS = 32, 3, 3


def loader(paths, labels, seed):
    """Return a ThreadLoader of shuffled batches of 4 photos, 32 by 32, and their labels."""
    epochs = itertools.count()

    def items():
        rng = np.random.default_rng([seed, next(epochs)])
        return [(paths[place], labels[place]) for place in rng.permutation(len(paths))]

    def read(item):
        path, label = item
        return read_photo(path, 32, 32), label

    signature = (tf.TensorSpec((32, 32, 3), tf.uint8), tf.TensorSpec((), tf.int64))
    return ThreadLoader(read, items, signature, 4, errors="skip")


def check_loader(answer: Callable) -> None:
    """Load a few photos, some of them broken: several epochs, again, and with the next seed."""
    with _watching() as watch, _numbers_kept(), tempfile.TemporaryDirectory() as folder:
        files = _files(Path(folder))
        epochs = _orders(answer, files, SEED, watch)
        _judge_orders(answer, files, epochs, watch)
        few = _Files(files.paths[:6], files.labels[:6], files.photos, 0)
        _orders(answer, few, SEED, watch)
        _judge_epochs_at_once(answer, files, watch)
        if watch.left():
            raise Wrong("The epochs are over, and threads of yours are still there.")


@dataclass(frozen=True)
class _Files:
    """Paths and labels, the photos by label, and how many files can't be read."""

    paths: list[str]
    labels: list[int]
    photos: dict[int, np.ndarray]
    bad: int


def _files(folder: Path) -> _Files:
    """Fourteen small files, three of them bad. Their labels tell them apart."""
    paths, photos, bad = [], {}, {7: b"", 9: b"no photo", 12: None}
    labels = [3 * place + 10 for place in range(14)]
    rng = np.random.default_rng(7)
    for place, label in enumerate(labels):
        path = folder / f"{place}.jpg"
        pixels = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        content = bad.get(place, cv2.imencode(".jpg", cv2.resize(pixels, (48, 40)))[1].tobytes())
        if content is not None:
            path.write_bytes(content)
        if place not in bad:
            photos[label] = read_photo(path, SIDE, SIDE)
        paths.append(os.fspath(path))
    return _Files(paths, labels, photos, len(bad))


def _orders(answer: Callable, files: _Files, seed: int, watch: _Watch) -> list[list[int]]:
    """Make a loader; return the labels of several epochs, each once it was found to be right.

    Others may draw from the shared random numbers meanwhile: what changes twice is the answer's.
    """
    for others in (501, 502):
        random.seed(others)
        np.random.seed(others)
        shared, paths, labels = _numbers_of_all(), list(files.paths), list(files.labels)
        found = _loader(watch.call(answer, paths, labels, seed), watch)
        epochs = [_labels_of_an_epoch(found, files, watch) for _ in range(EPOCHS)]
        if (paths, labels) != (files.paths, files.labels):
            raise Wrong(LISTS_CHANGED)
        if _numbers_of_all() == shared:
            return epochs
    raise Wrong(NUMBERS_OF_ALL)


def _loader(found: object, watch: _Watch) -> ThreadLoader:
    if isinstance(found, Iterator):
        watch.keep(found)
        raise Wrong(ONE_EPOCH)
    if isinstance(found, tf.data.Dataset):
        raise Wrong(LOADERS_DATASET)
    if not isinstance(found, ThreadLoader):
        forgotten = " Is `return` missing?" if found is None else ""
        raise Wrong(
            f"loader gave back {_kind(found)}, and should return a ThreadLoader.{forgotten}"
        )
    if not found.ordered:
        raise Wrong(AS_COMPLETED)
    spec = found.output_signature
    if not isinstance(spec, tuple) or len(spec) != 2:
        raise Wrong(
            "An element should be a tuple of two, photo and label, and so should the signature: "
            "`(tf.TensorSpec((32, 32, 3), tf.uint8), tf.TensorSpec((), tf.int64))`."
        )
    described = [(tuple(each.shape), each.dtype) for each in spec]
    if described == [((SIDE, SIDE, 3), tf.uint8), ((), tf.int64)]:
        raise Wrong(NO_BATCHES)
    if described != [((None, SIDE, SIDE, 3), tf.uint8), ((None,), tf.int64)]:
        raise Wrong(
            "The signature is that of one element, a photo of 32 by 32 pixels and a label: "
            "`(tf.TensorSpec((32, 32, 3), tf.uint8), tf.TensorSpec((), tf.int64))`."
        )
    return found


def _labels_of_an_epoch(found: ThreadLoader, files: _Files, watch: _Watch) -> list[int]:
    batches = _batches(found, files, watch)
    labels = [int(label) for _, labels in batches for label in labels]
    photos = [photo for photos, _ in batches for photo in photos]
    for label, photo in zip(labels, photos):
        _judge_photo(label, photo, files)
    right = [label for label in files.labels if label in files.photos]
    if sorted(labels) != right:
        raise Wrong(
            f"An epoch should hold each of the {len(right)} photos that can be read once. Yours "
            f"holds {len(labels)}."
        )
    sizes = [len(labels) for _, labels in batches]
    expected = [min(4, len(right) - start) for start in range(0, len(right), 4)]
    if sizes != expected:
        raise Wrong(
            f"{len(right)} photos should come in batches of {_some(expected)}. Yours are of "
            f"{_some(sizes)}."
        )
    if len(found.left_out) != files.bad:
        raise Wrong(TRIED_BEFORE)
    return labels


def _batches(found: ThreadLoader, files: _Files, watch: _Watch) -> list[tuple]:
    epoch = watch.keep(watch.call(found))
    return _drawn(found, epoch, len(files.paths) + 1, watch)


def _drawn(found: ThreadLoader, epoch: Iterator, count: int, watch: _Watch) -> list[tuple]:
    try:
        batches = watch.draw(epoch, count)
    except ItemError as error:
        if isinstance(error.__cause__, UnreadablePicture):
            raise Wrong(NOT_SKIPPED) from None
        raise
    except TooManyLeftOut:
        reasons = {left.reason for left in found.left_out.values()}
        others = sorted(each for each in reasons if not each.startswith("UnreadablePicture"))
        if not others:
            raise Wrong(TOO_FEW_ALLOWED) from None
        raise Wrong(f"Items fail that are no bad files, the first one with: {others[0]}") from None
    return [(np.array(photos), np.array(labels)) for photos, labels in batches]


def _judge_photo(label: int, photo: np.ndarray, files: _Files) -> None:
    if label in files.photos and np.array_equal(photo, files.photos[label]):
        return
    if label in files.labels and label not in files.photos:
        known = any(np.array_equal(photo, other) for other in files.photos.values())
        raise Wrong(LABELS_MIXED_UP if known else BLACK_PHOTOS)
    if any(np.array_equal(photo, other) for other in files.photos.values()):
        raise Wrong(LABELS_MIXED_UP)
    raise Wrong("A photo isn't what `read_photo(path, 32, 32)` returns of its file.")


def _judge_orders(answer: Callable, files: _Files, epochs: list[list[int]], watch: _Watch) -> None:
    """Compare the orders of several epochs, with those of a second loader and of another seed."""
    if all(epoch == sorted(epoch) for epoch in epochs):
        raise Wrong(IN_THEIR_ORDER)
    again = _orders(answer, files, SEED, watch)
    if epochs[0] == epochs[1]:
        raise Wrong(SHUFFLED_ONCE if again[0] == epochs[0] else OTHER_ORDERS)
    if again != epochs:
        raise Wrong(OTHER_ORDERS)
    of_next = _orders(answer, files, SEED + 1, watch)
    if of_next == epochs:
        raise Wrong(SEED_IGNORED)
    if any(one == other for one in epochs for other in of_next):
        raise Wrong(ORDERS_SHARED)


def _judge_epochs_at_once(answer: Callable, files: _Files, watch: _Watch) -> None:
    """Begin two epochs of so many files that the first still draws when the second begins."""
    found = _loader(watch.call(answer, list(files.paths), list(files.labels), SEED), watch)
    under_way = 4 * (found.under_way + 1) + found.workers  # good photos, at most
    many = _many(files, 2 * (under_way + len(files.paths)))
    found = _loader(watch.call(answer, list(many.paths), list(many.labels), SEED), watch)
    _labels_of_an_epoch(found, many, watch)
    epochs = [watch.keep(watch.call(found)) for _ in range(2)]
    begun = [_drawn(found, epoch, 1, watch) for epoch in epochs]
    for epoch, batches in zip(epochs, begun):
        batches += _drawn(found, epoch, len(many.paths), watch)
        if sorted(int(label) for _, labels in batches for label in labels) != sorted(many.photos):
            raise Wrong(LIST_SHARED)


def _many(files: _Files, count: int) -> _Files:
    """The same files again and again, each time with a label of its own."""
    places = [number % len(files.paths) for number in range(count)]
    labels = [1000 + number for number in range(count)]
    photos = {
        label: files.photos[files.labels[place]]
        for label, place in zip(labels, places)
        if files.labels[place] in files.photos
    }
    paths = [files.paths[place] for place in places]
    return _Files(paths, labels, photos, count - len(photos))


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


def _stops_at_bad_files(paths, labels, seed):
    epochs = itertools.count()

    def items():
        rng = np.random.default_rng([seed, next(epochs)])
        return [(paths[place], labels[place]) for place in rng.permutation(len(paths))]

    def read(item):
        path, label = item
        return read_photo(path, 32, 32), label

    signature = (tf.TensorSpec((32, 32, 3), tf.uint8), tf.TensorSpec((), tf.int64))
    return ThreadLoader(read, items, signature, 4)


def _allows_two(paths, labels, seed):
    epochs = itertools.count()

    def items():
        rng = np.random.default_rng([seed, next(epochs)])
        return [(paths[place], labels[place]) for place in rng.permutation(len(paths))]

    def read(item):
        path, label = item
        return read_photo(path, 32, 32), label

    signature = (tf.TensorSpec((32, 32, 3), tf.uint8), tf.TensorSpec((), tf.int64))
    return ThreadLoader(read, items, signature, 4, errors="skip", at_most=2)


def _gives_black_photos(paths, labels, seed):
    epochs = itertools.count()

    def items():
        rng = np.random.default_rng([seed, next(epochs)])
        return [(paths[place], labels[place]) for place in rng.permutation(len(paths))]

    def read(item):
        path, label = item
        try:
            return read_photo(path, 32, 32), label
        except ValueError:
            return np.zeros((32, 32, 3), np.uint8), label

    signature = (tf.TensorSpec((32, 32, 3), tf.uint8), tf.TensorSpec((), tf.int64))
    return ThreadLoader(read, items, signature, 4, errors="skip")


def _tries_before(paths, labels, seed):
    epochs, pairs = itertools.count(), []
    for path, label in zip(paths, labels):
        try:
            read_photo(path, 32, 32)
        except ValueError:
            continue
        pairs.append((path, label))

    def items():
        rng = np.random.default_rng([seed, next(epochs)])
        return [pairs[place] for place in rng.permutation(len(pairs))]

    def read(item):
        path, label = item
        return read_photo(path, 32, 32), label

    signature = (tf.TensorSpec((32, 32, 3), tf.uint8), tf.TensorSpec((), tf.int64))
    return ThreadLoader(read, items, signature, 4)


def _makes_no_batches(paths, labels, seed):
    epochs = itertools.count()

    def items():
        rng = np.random.default_rng([seed, next(epochs)])
        return [(paths[place], labels[place]) for place in rng.permutation(len(paths))]

    def read(item):
        path, label = item
        return read_photo(path, 32, 32), label

    signature = (tf.TensorSpec((32, 32, 3), tf.uint8), tf.TensorSpec((), tf.int64))
    return ThreadLoader(read, items, signature, errors="skip")


def _returns_an_epoch(paths, labels, seed):
    epochs = itertools.count()

    def items():
        rng = np.random.default_rng([seed, next(epochs)])
        return [(paths[place], labels[place]) for place in rng.permutation(len(paths))]

    def read(item):
        path, label = item
        return read_photo(path, 32, 32), label

    signature = (tf.TensorSpec((32, 32, 3), tf.uint8), tf.TensorSpec((), tf.int64))
    return ThreadLoader(read, items, signature, 4, errors="skip")()


def _returns_the_dataset(paths, labels, seed):
    epochs = itertools.count()

    def items():
        rng = np.random.default_rng([seed, next(epochs)])
        return [(paths[place], labels[place]) for place in rng.permutation(len(paths))]

    def read(item):
        path, label = item
        return read_photo(path, 32, 32), label

    signature = (tf.TensorSpec((32, 32, 3), tf.uint8), tf.TensorSpec((), tf.int64))
    return ThreadLoader(read, items, signature, 4, errors="skip").dataset()


def _shuffles_the_paths(paths, labels, seed):
    epochs = itertools.count()

    def items():
        rng = np.random.default_rng([seed, next(epochs)])
        return list(zip(rng.permutation(paths).tolist(), labels))

    def read(item):
        path, label = item
        return read_photo(path, 32, 32), label

    signature = (tf.TensorSpec((32, 32, 3), tf.uint8), tf.TensorSpec((), tf.int64))
    return ThreadLoader(read, items, signature, 4, errors="skip")


def _never_shuffles(paths, labels, seed):
    def read(item):
        path, label = item
        return read_photo(path, 32, 32), label

    signature = (tf.TensorSpec((32, 32, 3), tf.uint8), tf.TensorSpec((), tf.int64))
    return ThreadLoader(read, list(zip(paths, labels)), signature, 4, errors="skip")


def _shuffles_once(paths, labels, seed):
    rng = np.random.default_rng(seed)
    items = [(paths[place], labels[place]) for place in rng.permutation(len(paths))]

    def read(item):
        path, label = item
        return read_photo(path, 32, 32), label

    signature = (tf.TensorSpec((32, 32, 3), tf.uint8), tf.TensorSpec((), tf.int64))
    return ThreadLoader(read, items, signature, 4, errors="skip")


def _leaves_the_seed_out(paths, labels, seed):
    def items():
        rng = np.random.default_rng()
        return [(paths[place], labels[place]) for place in rng.permutation(len(paths))]

    def read(item):
        path, label = item
        return read_photo(path, 32, 32), label

    signature = (tf.TensorSpec((32, 32, 3), tf.uint8), tf.TensorSpec((), tf.int64))
    return ThreadLoader(read, items, signature, 4, errors="skip")


def _seeds_with_the_epoch(paths, labels, seed):
    epochs = itertools.count()

    def items():
        rng = np.random.default_rng(next(epochs))
        return [(paths[place], labels[place]) for place in rng.permutation(len(paths))]

    def read(item):
        path, label = item
        return read_photo(path, 32, 32), label

    signature = (tf.TensorSpec((32, 32, 3), tf.uint8), tf.TensorSpec((), tf.int64))
    return ThreadLoader(read, items, signature, 4, errors="skip")


def _adds_the_epoch(paths, labels, seed):
    epochs = itertools.count()

    def items():
        rng = np.random.default_rng(seed + next(epochs))
        return [(paths[place], labels[place]) for place in rng.permutation(len(paths))]

    def read(item):
        path, label = item
        return read_photo(path, 32, 32), label

    signature = (tf.TensorSpec((32, 32, 3), tf.uint8), tf.TensorSpec((), tf.int64))
    return ThreadLoader(read, items, signature, 4, errors="skip")


def _shuffles_in_place(paths, labels, seed):
    rng, label_of = np.random.default_rng(seed), dict(zip(paths, labels))

    def items():
        rng.shuffle(paths)
        return [(path, label_of[path]) for path in paths]

    def read(item):
        path, label = item
        return read_photo(path, 32, 32), label

    signature = (tf.TensorSpec((32, 32, 3), tf.uint8), tf.TensorSpec((), tf.int64))
    return ThreadLoader(read, items, signature, 4, errors="skip")


def _shuffles_its_list(paths, labels, seed):
    rng, pairs = np.random.default_rng(seed), list(zip(paths, labels))

    def order():
        rng.shuffle(pairs)
        return pairs

    def read(item):
        path, label = item
        return read_photo(path, 32, 32), label

    signature = (tf.TensorSpec((32, 32, 3), tf.uint8), tf.TensorSpec((), tf.int64))
    return ThreadLoader(read, order, signature, 4, errors="skip")


def _draws_from_all(paths, labels, seed):
    np.random.seed(seed)

    def items():
        return [(paths[place], labels[place]) for place in np.random.permutation(len(paths))]

    def read(item):
        path, label = item
        return read_photo(path, 32, 32), label

    signature = (tf.TensorSpec((32, 32, 3), tf.uint8), tf.TensorSpec((), tf.int64))
    return ThreadLoader(read, items, signature, 4, errors="skip")


def _takes_them_as_completed(paths, labels, seed):
    epochs = itertools.count()

    def items():
        rng = np.random.default_rng([seed, next(epochs)])
        return [(paths[place], labels[place]) for place in rng.permutation(len(paths))]

    def read(item):
        path, label = item
        return read_photo(path, 32, 32), label

    signature = (tf.TensorSpec((32, 32, 3), tf.uint8), tf.TensorSpec((), tf.int64))
    return ThreadLoader(read, items, signature, 4, errors="skip", ordered=False)


# ------------------------------------------------------------------------------------------------

STEP = 1.0  # seconds that one step of an answer may take; each takes less than a thousandth
LONG = 4.0  # seconds for a step through TensorFlow, which has its own tracing to do
ENDED = object()


class _Hangs(Wrong):
    """A step of the answer's was not over in time."""


class _Watch:
    """Runs an answer in a thread of the check's own, step by step, each with a limit.

    So an answer that hangs doesn't hang the learner's kernel. It knows which threads there were
    before, and which generators were begun, and ends them when the check is over.
    """

    def __init__(self):
        self.over = threading.Event()  # what the check's own sources look at
        self.errors = []  # that ended one of the answer's threads
        self._frames, self._threads = set(_frames()), set(threading.enumerate())
        self._begun: list[Iterator] = []
        self._asked = queue.SimpleQueue()
        self._consumer = threading.Thread(target=self._serve, name="consumer", daemon=True)
        self._consumer.start()

    @property
    def ident(self) -> int:
        """Of the thread in which the answer's generators are consumed."""
        return self._consumer.ident

    def call(self, work: Callable, *arguments: object, limit: float = STEP) -> object:
        """Return work(*arguments), which runs in the consumer's thread."""
        future = self.ask(lambda: work(*arguments))
        if not self.wait(future, limit):
            raise _Hangs(
                f"Your code waits for something that never comes: after {limit:g} s it was stopped."
            )
        return future.result()

    def ask(self, work: Callable) -> Future:
        """Let the consumer's thread do something, without waiting for it."""
        future = Future()
        self._asked.put((future, work))
        return future

    @staticmethod
    def wait(future: Future, seconds: float) -> bool:
        """Tell whether something is done, after some time at most."""
        return bool(wait_for([future], seconds).done)

    def keep(self, iterator: Iterator) -> Iterator:
        """Remember an iterator, to close it at the end of the check."""
        self._begun.append(iterator)
        return iterator

    def next(self, iterator: Iterator) -> object:
        """Return the next element, ENDED where there is none."""
        return self.call(next, iterator, ENDED)

    def draw(self, iterator: Iterator, count: int) -> list:
        """Return the next elements, fewer where it ends."""
        drawn = []
        while len(drawn) < count and (element := self.next(iterator)) is not ENDED:
            drawn.append(element)
        return drawn

    def close(self, iterator: Iterator) -> None:
        """Leave an epoch, as happens to a generator when nobody refers to it any more."""
        self.call(_closing(iterator))

    def left(self, seconds: float = 1.0) -> list[threading.Thread]:
        """Return the answer's threads that don't end within some time."""
        limit = time.monotonic() + seconds
        for thread in self._others():
            thread.join(max(0, limit - time.monotonic()))
        return self._others()

    def end(self, patience: float = 0.25, limit: float = 1.25) -> None:
        """Close what was begun; end all threads, those too that wait for ever."""
        self.over.set()
        for iterator in self._begun:
            self.ask(_closing(iterator))
        self._asked.put(None)
        began, times = time.monotonic(), 0
        # By number and by time: a machine that stands still for a second has interrupted nobody.
        while (there := self._strays()) and (times < 100 or time.monotonic() < began + limit):
            if time.monotonic() > began + patience:
                times += 1
                for ident in there:
                    _interrupt(ident)
            time.sleep(0.005)
        if self._consumer.is_alive():
            _STUCK.append(self)

    def note(self, otherwise: Callable) -> Callable:
        """Return an excepthook for threads that keeps the errors of the answer's."""

        def hook(told):
            if told.thread in self._threads:
                otherwise(told)
            elif told.exc_value is not None and not isinstance(told.exc_value, SystemExit):
                self.errors.append(told.exc_value)

        return hook

    def _others(self) -> list[threading.Thread]:
        """The answer's threads; those of TensorFlow's, Dummy-1 and so on, don't count."""
        known = self._threads | {self._consumer}
        there = [thread for thread in threading.enumerate() if thread not in known]
        return [thread for thread in there if not thread.name.startswith("Dummy-")]

    def _strays(self) -> set[int]:
        """The threads that run Python now and didn't before, by their idents.

        Without a pool's threads that wait for work: they end with their pool, or with Python.
        """
        there = _frames().items()
        idle = concurrent.futures.thread._worker.__code__
        return {
            ident for ident, frame in there if ident not in self._frames and frame.f_code != idle
        }

    def _serve(self) -> None:
        while (asked := self._asked.get()) is not None:
            future, work = asked
            try:
                future.set_result(work())
            except BaseException as error:  # handed over to who asked
                future.set_exception(error)
            del asked, future, work  # or they would keep a result until the next one


_STUCK = []  # watches whose thread can't be ended: their generators must not be closed elsewhere


@contextlib.contextmanager
def _watching() -> Iterator[_Watch]:
    """Give a watch; an error that ended one of the answer's threads is what went wrong first."""
    watch, before = _Watch(), threading.excepthook
    threading.excepthook = watch.note(before)
    try:
        yield watch
    except Wrong:
        for error in watch.errors:
            if not isinstance(error, TornFile) and "already executing" not in str(error):
                raise error from None
        raise
    finally:
        watch.end()
        threading.excepthook = before


def _closing(iterator: Iterator) -> Callable:
    return getattr(iterator, "close", lambda: None)


def _frames() -> dict[int, types.FrameType]:
    """What each thread runs now, by its ident; without a garbage collection meanwhile.

    Python 3.11.7 holds a lock of the interpreter's meanwhile, and a collection that begins then
    may wait for that lock for ever.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        return sys._current_frames()
    finally:
        if collects:
            gc.enable()


def _interrupt(ident: int) -> None:
    """End a thread as Ctrl+C would end the main one, also where it waits in a queue or for one."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(SystemExit))
    frame = _frames().get(ident)
    if frame is not None and frame.f_code is threading.Condition.wait.__code__:
        with contextlib.suppress(KeyError, RuntimeError):
            frame.f_locals["waiter"].release()  # or it would notice when it is woken only


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
        id="07.preload",
        task=(
            "Write preloaded(make, ahead): a callable for from_generator whose elements a thread "
            "makes, `ahead` of them before they are taken."
        ),
        solution=preloaded,
        check=check_preload,
        hints=(
            "What belongs to one epoch is made in the function inside: the generator, a queue of "
            "the size `ahead`, an event that says stop, and the thread. Three things end an epoch: "
            "the last element, an error, the consumer that leaves, and nothing else.",
            "The thread puts pairs into the queue, `made.put((element, None))`, and at the end "
            "`made.put((end, error))`, with `end = object()` and the error or None. After each "
            "`put` it looks at `stop.is_set()`.",
            "The consumer's loop, `element, error = made.get()`, stands in a `try`. In its "
            "`finally`: `stop.set()`, then `while not made.empty(): made.get()`, which wakes a "
            "thread that waits in `put`, then `thread.join()` and `source.close()`.",
        ),
        mistakes=(
            Mistake(_makes_all_once, MADE_ONCE),
            Mistake(_starts_one_thread, STARTED_TWICE),
            Mistake(_calls_make_once, SECOND_IS_EMPTY),
            Mistake(_shares_the_queue, MIXED),
            Mistake(_swallows_the_error, ERROR_HANGS),
            Mistake(_ends_at_the_error, ERROR_LOST),
            Mistake(_looks_for_the_error_first, ERROR_TOO_EARLY),
            Mistake(_yields_the_error, ERROR_YIELDED),
            Mistake(_ends_at_none, FALSE_ENDS),
            Mistake(_knows_no_bound, UNBOUNDED),
            Mistake(_has_a_queue_of_zero, ENDLESS_AT_ONE),
            Mistake(_lists_first, LISTED),
            Mistake(_has_no_thread, NOT_AHEAD),
            Mistake(_draws_ahead_itself, IN_THE_CONSUMER),
            Mistake(_joins_without_a_stop, NEVER_LEFT),
            Mistake(_leaves_a_daemon, THREAD_LEFT),
            Mistake(_keeps_the_source, SOURCE_OPEN),
            Mistake(_closes_a_running_source, CLOSED_WHILE_RUNNING),
            Mistake(_returns_the_generator, CALLED_ALREADY),
            Mistake(_yields_pairs, TAKEN_APART),
        ),
        right=(
            "it can be left at any element, and nothing stays behind. A thread that waits in `put` "
            "for ever keeps Python itself from ending, unless it has `daemon=True`: Python waits "
            "for all threads but daemons."
        ),
    ),
    Exercise(
        id="07.in_order",
        task=(
            "Write a generator function mapped(function, items, threads, ahead): function(item) "
            "for each item, in order, computed in `threads` threads."
        ),
        solution=mapped,
        check=check_in_order,
        hints=(
            "A deque holds the futures of the items that are under way, the oldest on the left. "
            "Fill it first; then take one out, put one in, and yield, until it is empty.",
            "`items = iter(items)`, and `itertools.islice(items, threads + ahead)` are the items "
            "to begin with; `for item in itertools.islice(items, 1):` draws one more, or none "
            "where they end. `waiting.popleft().result()` waits for the oldest.",
            "The loop is `while waiting:`, in a `try`. In it `result = waiting.popleft().result()`,"
            " then `for item in itertools.islice(items, 1): waiting.append(pool.submit(function, "
            "item))`, then `yield result`. In `finally`: `pool.shutdown(cancel_futures=True)`.",
        ),
        mistakes=(
            Mistake(_maps, ALL_SUBMITTED),
            Mistake(_lists_the_items, LISTED_ITEMS),
            Mistake(_takes_what_is_ready, NOT_IN_ORDER),
            Mistake(_waits_for_each, ONE_BY_ONE),
            Mistake(_maps_without_threads, NOT_IN_THREADS),
            Mistake(_has_more_threads, TOO_MANY_THREADS),
            Mistake(_waits_for_the_rest, RUNS_THE_REST),
            Mistake(_leaves_the_pool, POOL_LEFT),
            Mistake(_skips_the_error, ERROR_SKIPPED),
            Mistake(_ends_at_an_error, ERROR_ENDS),
            Mistake(_yields_futures, FUTURES),
            Mistake(_keeps_the_futures, KEEPS_RESULTS),
            Mistake(_keeps_the_last, KEEPS_THE_LAST),
            Mistake(_loses_the_last, TAIL_LOST),
            Mistake(_ends_at_an_item, NONE_ENDS_ITEMS),
            Mistake(_stops_with_an_error, STOP_ITERATION),
            Mistake(_never_makes_an_iterator, BEGINS_AGAIN),
            Mistake(_ignores_ahead, AHEAD_UNUSED),
            Mistake(_works_in_chunks, IN_CHUNKS),
            Mistake(_lists_the_results, RESULTS_IN_A_LIST),
        ),
        right=(
            "the order costs waiting only where one item takes much longer than the others: the "
            "results behind it wait, and the threads go on until `threads + ahead` items are "
            "under way. The larger `ahead`, the longer such an item may take."
        ),
    ),
    Exercise(
        id="07.interleaved",
        task=(
            "Write from_files(names, read, threads): a dataset of the int64 numbers that the "
            "generators read(name) yield, `threads` of them running at the same time."
        ),
        solution=from_files,
        check=check_interleaved,
        hints=(
            "`interleave` makes a dataset of each name, and takes their elements in turn. The "
            "function that you give it gets a name without a value, so the name must travel to "
            "the generator by `args`.",
            "`tf.data.Dataset.from_tensor_slices(names).interleave(numbers_of, "
            "cycle_length=threads, num_parallel_calls=threads)`, and a pool of its own: "
            "`options.threading.private_threadpool_size = threads`.",
            "`def numbers(name): yield from read(name.decode())` is what `numbers_of(name)` gives "
            "to `tf.data.Dataset.from_generator(numbers, args=(name,), output_signature="
            "tf.TensorSpec((), tf.int64))`. The last line is `return dataset.with_options(options)`"
            ", with `options = tf.data.Options()` and `options.threading.private_threadpool_size "
            "= threads`, after `dataset = dataset.interleave(numbers_of, cycle_length=threads, "
            "num_parallel_calls=threads)`.",
        ),
        mistakes=(
            Mistake(_reads_in_turn, ONE_AT_A_TIME),
            Mistake(_reads_name_by_name, NAME_BY_NAME),
            Mistake(_has_a_cycle_of_one, CYCLE_OF_ONE),
            Mistake(_has_no_cycle_length, CYCLE_TOO_SHORT),
            Mistake(_has_no_pool, POOL_TOO_SMALL),
            Mistake(_closes_over_the_name, NAME_IS_SYMBOLIC),
            Mistake(_never_decodes_the_name, NAME_IS_BYTES),
            Mistake(_writes_the_name_down, NAME_WRITTEN_DOWN),
            Mistake(_shares_one_generator, SHARED_GENERATOR),
            Mistake(_takes_the_first_names, NAMES_LOST),
            Mistake(_zips, SHORTEST_ENDS),
            Mistake(_says_int32, NOT_INT64.format(found="of the shape () and of int32")),
        ),
        right=(
            "all names arrive, `threads` at a time. One more to know: `interleave` opens names "
            "ahead of their turn, up to three times `cycle_length` at once, and in a larger pool "
            "it reads more of them at the same time than `num_parallel_calls` says."
        ),
    ),
    Exercise(
        id="07.loader",
        task=(
            "Write loader(paths, labels, seed): a ThreadLoader of shuffled batches of 4 photos, 32 "
            "by 32, and their labels, without the files that can't be read."
        ),
        solution=loader,
        check=check_loader,
        hints=(
            "An item is a pair of path and label, and the function takes one such pair. What "
            "shuffles is the items: a function without arguments, called once an epoch, that "
            "returns the pairs in a new order.",
            "`epochs = itertools.count()` stands in loader; the first line of `items` is `rng = "
            "np.random.default_rng([seed, next(epochs)])`, and `rng.permutation(len(paths))` gives "
            "the places in a new order.",
            "`items` returns `[(paths[place], labels[place]) for place in "
            "rng.permutation(len(paths))]`, with `rng = np.random.default_rng([seed, "
            "next(epochs)])`; `read(item)` returns `read_photo(path, 32, 32), label`; and the last "
            'line is `return ThreadLoader(read, items, signature, 4, errors="skip")`, where '
            "`signature` is that of one photo and one label: `(tf.TensorSpec((32, 32, 3), "
            "tf.uint8), tf.TensorSpec((), tf.int64))`.",
        ),
        mistakes=(
            Mistake(_stops_at_bad_files, NOT_SKIPPED),
            Mistake(_allows_two, TOO_FEW_ALLOWED),
            Mistake(_gives_black_photos, BLACK_PHOTOS),
            Mistake(_tries_before, TRIED_BEFORE),
            Mistake(_makes_no_batches, NO_BATCHES),
            Mistake(_returns_an_epoch, ONE_EPOCH),
            Mistake(_returns_the_dataset, LOADERS_DATASET),
            Mistake(_shuffles_the_paths, LABELS_MIXED_UP),
            Mistake(_never_shuffles, IN_THEIR_ORDER),
            Mistake(_shuffles_once, SHUFFLED_ONCE),
            Mistake(_leaves_the_seed_out, OTHER_ORDERS),
            Mistake(_seeds_with_the_epoch, SEED_IGNORED),
            Mistake(_adds_the_epoch, ORDERS_SHARED),
            Mistake(_shuffles_in_place, LISTS_CHANGED),
            Mistake(_shuffles_its_list, LIST_SHARED),
            Mistake(_draws_from_all, NUMBERS_OF_ALL),
            Mistake(_takes_them_as_completed, AS_COMPLETED),
        ),
        right=(
            "several threads read, and the order is that of the seed all the same: it is decided "
            "when the items are drawn, and what is left out makes no gap, so every batch but the "
            "last one is full."
        ),
    ),
)
