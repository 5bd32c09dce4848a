"""What ran when: spans of time from threads and processes, on one clock.

A span is a piece of work with a name, in a lane: the thread that did it. Spans are recorded by
wrapping code in `with timeline.span("decode"):`, which costs about a microsecond, so a timeline
can watch the threads of a loader without changing what it measures.

The clock is `time.perf_counter`. Python's documentation calls it system-wide, on Windows since
3.10: every process reads the same one, so spans of a child process need no conversion.

Times are kept as whole nanoseconds, and `began` and `ended` are these divided by 10^9: what
`overlap`, `covered` and `most_at_once` return is exact.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import itertools
import os
import re
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, TypeVar

from course_utils.measuring import timeline_processes as processes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

T = TypeVar("T")
NANO = 10**9


@dataclass(frozen=True)
class Span:
    """One piece of work.

    name: what was done, such as "decode": one colour and hatch in the figure.
    lane: who did it, by default the thread: one row in the figure.
    began, ended: seconds since the timeline's start. `ended` is None where the work has not ended.
    item: what it was done to, a text or a whole number, such as "photo 7"; or None.
    """

    name: str
    lane: str
    began: float
    ended: float | None
    item: str | int | None = None

    @property
    def seconds(self) -> float:
        """How long it took. Raises ValueError for a span that has not ended."""
        if self.ended is None:
            raise ValueError(f"The span {self.name!r} in the lane {self.lane!r} has not ended.")
        return self.ended - self.began


class Timeline:
    """Spans on one clock, which starts when the timeline is made.

        timeline = Timeline()
        with timeline.span("decode", item="photo 7"):
            ...
        read = timeline.wrap(read_photo, "read")        # every call is a span
        for batch in timeline.waits(dataset, "wait"):   # every next() is a span
            ...
        figures.show(timeline)

    Any number of threads may record at once. A timeline may be given to a child process, as an
    argument or by fork: what the child records is among the parent's `spans` as soon as it is
    recorded, whether the child ends, is killed or goes on. In the child, `spans` are its own. A
    process that is started in another way records with `Timeline.at(timeline.address)`. A timeline
    that a child made itself and returns arrives with its spans.

    spans: records from elsewhere to begin with, such as a simulation's.

    Raises ValueError or TypeError for spans that are none.
    """

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        self._given = [_checked(span) for span in spans]
        self._recorded: list[_Recording] = []
        self._start = perf_counter_ns()
        self._owner = os.getpid()
        self._process: int | None = self._owner  # where this object is; None: just unpickled
        self._made_by_child = False
        self._lanes = _Lanes()
        self._reader = processes.Reader()
        self._folder = self._reader.folder
        self._writer: processes.Writer | None = None
        _timelines[self._folder] = self
        weakref.finalize(self, self._reader.close)

    def span(
        self, name: str, *, lane: str | None = None, item: str | int | None = None
    ) -> _Recording:
        """Return a context manager: its block is one span, also where the block raises.

        name: what is done.
        lane: who does it; by default the thread's name, in a child process after the process's.
            Threads that Python did not start, such as TensorFlow's, are "foreign thread 1" ...
        item: what it is done to; anything but a text or a whole number is kept as its text.
        """
        if not isinstance(name, str):
            raise TypeError(f"A span's name is a text such as 'decode', not {name!r}.")
        if not (lane is None or isinstance(lane, str)):
            raise TypeError(f"A span's lane is a text such as 'worker 1', not {lane!r}.")
        return _Recording(self, name, lane, item)

    def wrap(self, function: Callable[..., T], name: str | None = None) -> Callable[..., T]:
        """Return the function with every call recorded as a span.

        name: by default the function's own.

        A generator function is refused: its call only makes the generator. See `waits`.
        """
        if inspect.isgeneratorfunction(function) or inspect.iscoroutinefunction(function):
            raise TypeError(
                f"{_name_of(function)} is a generator function or a coroutine: its call returns "
                "before its work begins. For a generator, record what its consumer waits for with "
                "timeline.waits(generator, name)."
            )
        return _Wrapped(self, function, name if name is not None else _name_of(function))

    def waits(self, iterable: Iterable[T], name: str = "wait") -> Iterator[T]:
        """Yield what the iterable yields, each `next` recorded as a span in the caller's lane.

        The span's item is the element's number, from 0. The last `next`, which finds the end, is a
        span as well, so there is one more than there are elements. The first includes `iter`.
        """
        iterator = None
        for number in itertools.count():
            with self.span(name, item=number):
                try:
                    iterator = iter(iterable) if iterator is None else iterator
                    element = next(iterator)
                except StopIteration:
                    return
            yield element

    @contextlib.contextmanager
    def tf_data(self) -> Iterator[None]:
        """Profile TensorFlow while the block runs, and add the spans of tf.data's operations.

            with timeline.tf_data():
                for batch in dataset:
                    ...

        What they are called is told in `timeline_tensorflow`. Raises RuntimeError where another
        profile is running.
        """
        from course_utils.measuring.timeline_tensorflow import profile

        records: list[processes.Record] = []
        try:
            with profile(records):
                yield
        finally:
            self.add(_relative(record, self._start) for record in records)

    def add(self, spans: Iterable[Span]) -> None:
        """Add spans that are on this timeline's clock."""
        self._settle()
        added = [_checked(span) for span in spans]
        self._given.extend(added)
        if self._writer is not None:
            for span in added:
                slot = self._writer.prepare(span.name, span.lane, span.item)
                self._writer.begin(slot, self._start + _nano(span.began))
                if span.ended is not None:
                    self._writer.end(slot, self._start + _nano(span.ended))

    @property
    def address(self) -> str:
        """What another process needs in order to record for this timeline: see `at`."""
        self._reader.shared = True
        return f"{self._owner} {self._start} {self._folder}"

    @classmethod
    def at(cls, address: str) -> Timeline:
        """Return a timeline that records for the one of this address, in another process.

            code = f"timeline = Timeline.at({timeline.address!r}) ..."
            bounded(code, limit=5)

        Its lanes are the threads' names, without the process's.
        """
        found = re.fullmatch(r"(\d+) (\d+) (.+)", address, re.DOTALL)
        if not found:
            raise ValueError(f"{address!r} is no address of a timeline, see timeline.address.")
        timeline = cls()
        timeline._record_for(int(found[1]), int(found[2]), found[3])
        return timeline

    @property
    def spans(self) -> tuple[Span, ...]:
        """The spans that have ended, in the order in which they began, outer before inner."""
        return tuple(span for span in self._all() if span.ended is not None)

    @property
    def open(self) -> tuple[Span, ...]:
        """The spans that have not ended: at work, hanging, or killed with their process."""
        return tuple(span for span in self._all() if span.ended is None)

    @property
    def lanes(self) -> tuple[str, ...]:
        """The lanes, in the order of their first spans."""
        return tuple(dict.fromkeys(span.lane for span in self._all()))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of spans, in the order of their first spans."""
        return tuple(dict.fromkeys(span.name for span in self._all()))

    def count(self, name: str) -> int:
        """Return how many spans of this name have ended."""
        return sum(span.name == name for span in self.spans)

    def seconds(self, name: str) -> float:
        """Return the sum of the spans' seconds; where two ran at once, both count."""
        return sum(end - begin for begin, end in self._times([name])[name]) / NANO

    def covered(self, name: str) -> float:
        """Return the seconds in which at least one span of this name ran."""
        return _nanoseconds(self._times([name]), lambda run: run[name] > 0) / NANO

    def overlap(self, a: str, b: str) -> float:
        """Return the seconds in which both ran; for one name twice, in which two of it ran.

        Spans that touch don't overlap.
        """
        times = self._times([a, b])
        if a == b:
            return _nanoseconds(times, lambda run: run[a] > 1) / NANO
        return _nanoseconds(times, lambda run: run[a] > 0 and run[b] > 0) / NANO

    def most_at_once(self, name: str | None = None) -> int:
        """Return the largest number of spans that ran at one moment: of this name, or of all.

        Spans that touch don't run at once, and one without length never runs. Of all spans, one
        inside another counts as well.
        """
        times = self._times(self.names if name is None else [name])
        return max((sum(run.values()) for _, run in _moments(times)), default=0)

    def part(
        self,
        began: float = 0.0,
        ended: float = float("inf"),
        *,
        lanes: Iterable[str] | None = None,
        names: Iterable[str] | None = None,
    ) -> Timeline:
        """Return what ran between two times, cut off there: to draw it larger.

        began, ended: seconds since the start.
        lanes, names: only these; all by default.

        Raises ValueError where the times are not in order, or no span has such a lane or name.
        """
        if not 0 <= began < ended:
            raise ValueError(f"A part ends after it began: not from {began} to {ended} seconds.")
        lanes = _chosen(lanes, self.lanes, "lane")
        names = _chosen(names, self.names, "name")
        kept = []
        for span in self._all():
            inside = span.began < ended and (_end(span) > began or span.began >= began)
            if inside and span.lane in lanes and span.name in names:
                end = None if span.ended is None else min(span.ended, ended)
                kept.append(Span(span.name, span.lane, max(span.began, began), end, span.item))
        return Timeline(kept)

    def figure(self, title: str | None = None) -> Figure:
        """Draw a row for each lane and a bar for each span: 7 inches wide, as high as the rows.

        Raises ValueError where there are too many lanes or spans for a figure: draw a `part`.
        """
        from course_utils.measuring.timeline_figure import draw

        return draw(self._all(), title)

    def describe(self) -> str:
        """The figure in words: each lane's spans, their number, seconds and share of the time."""
        from course_utils.measuring.timeline_figure import describe

        return describe(self._all())

    def __repr__(self) -> str:
        return self.describe()

    def _all(self) -> list[Span]:
        """All spans, ended or not, in order."""
        self._settle()
        here = [one.record() for one in list(self._recorded) if one.began is not None]
        spans = [_relative(record, self._start) for record in here + self._reader.records()]
        return sorted(spans + self._given, key=_in_order)

    def _times(self, names: Sequence[str]) -> dict[str, list[tuple[int, int]]]:
        """The nanoseconds at which the spans of these names began and ended."""
        spans = self._all()
        _chosen(names, tuple(dict.fromkeys(span.name for span in spans)), "name")
        times: dict[str, list[tuple[int, int]]] = {name: [] for name in names}
        for span in spans:
            if span.name in times and span.ended is not None:
                times[span.name].append((_nano(span.began), _nano(span.ended)))
        return times

    def _record_for(self, owner: int, start: int, folder: str, process_name: str = "") -> None:
        """From now on record for another process's timeline, on its clock."""
        self._owner, self._start, self._folder = owner, start, folder
        self._recorded = []
        self._lanes = _Lanes(process_name)
        self._reader = processes.Reader()
        self._writer = processes.Writer.of(folder, owner)

    def _settle(self) -> None:
        """Find out for whom to record, where this object has come to a new process.

        Not when it is unpickled: a child doesn't know yet then that it is one.
        """
        here = os.getpid()
        with _settling:
            if self._process == here:
                return
            returned = self._made_by_child and self._owner != processes.parent()
            forked = self._process is not None
            if forked or (processes.in_child() and not returned):
                name = processes.process_name()
                self._record_for(self._owner, self._start, self._folder, name)
            else:
                self._owner, self._folder = here, self._reader.folder
            self._process = here

    def __reduce__(self) -> tuple:
        # A child process gets the place to record at. What a child has made itself takes its
        # spans along: they are on their way to the parent.
        self._settle()
        made_here = processes.in_child() and self._writer is None
        given = tuple(self._all() if made_here else self._given)
        self._reader.shared = True
        return _restored, (self._owner, self._start, self._folder, given, made_here)


def tf_data_spans(dataset: Any, step: Callable[[Any], Any] | None = None) -> Timeline:
    """Run one epoch of a `tf.data.Dataset` under TensorFlow's profiler; return its timeline.

    dataset: its transformations, and the operations in their functions, become spans; what they
        are called is told in `timeline_tensorflow`.
    step: called with each element, such as a training step: spans "step" in the caller's lane.
    """
    timeline = Timeline()
    with timeline.tf_data():
        for element in dataset:
            if step is not None:
                with timeline.span("step"):
                    step(element)
    return timeline


class _Recording:
    """A span that is being recorded, from where its block begins to where it ends."""

    __slots__ = ("_slot", "_timeline", "began", "ended", "item", "lane", "name")

    def __init__(self, timeline: Timeline, name: str, lane: str | None, item: Any) -> None:
        self._timeline: Timeline | None = timeline
        self.name = name
        self.lane = lane
        self.item = item if item is None or isinstance(item, (str, int)) else str(item)
        self.began: int | None = None
        self.ended: int | None = None

    def __enter__(self) -> _Recording:
        timeline = self._timeline
        if timeline is None or self.began is not None:
            raise RuntimeError(
                f"This span {self.name!r} has been used. Each block needs one of its own: "
                "`with timeline.span(name):`."
            )
        if timeline._process != os.getpid():
            timeline._settle()
        if self.lane is None:
            self.lane = timeline._lanes.of_this_thread()
        writer = timeline._writer
        if writer is not None:
            self._slot = writer.prepare(self.name, self.lane, self.item)
        timeline._recorded.append(self)  # atomic: no lock is needed
        self.began = perf_counter_ns()
        if writer is not None:
            writer.begin(self._slot, self.began)
        return self

    def __exit__(self, *_: object) -> None:
        self.ended = perf_counter_ns()
        # Let go of the timeline: it holds this span, and would be freed late.
        writer, self._timeline = self._timeline._writer, None
        if writer is not None:
            writer.end(self._slot, self.ended)
            self._slot = None

    def record(self) -> processes.Record:
        return self.name, self.lane, self.item, self.began, self.ended


class _Lanes:
    """The lanes of threads: their names.

    `threading.current_thread` would not do: for a thread that Python did not start it makes an
    object that stays in `threading.enumerate()`, and a timeline must not change what others count.
    """

    def __init__(self, process_name: str = "") -> None:
        self._process_name = process_name
        self._known = threading.local()
        self._foreign: dict[int, str] = {}
        self._lock = threading.Lock()

    def of_this_thread(self) -> str:
        try:
            return self._known.lane
        except AttributeError:
            return self._find()

    def _find(self) -> str:
        ident = threading.get_ident()
        for thread in threading.enumerate():
            main = thread is threading.main_thread()
            # Python may have made an object for a foreign thread meanwhile, called Dummy-1.
            foreign = isinstance(thread, threading._DummyThread) and not main
            if thread.ident == ident and not foreign:
                whole = self._process_name and main
                self._known.lane = self._process_name if whole else self._named(thread.name)
                return self._known.lane
        # By number: what `threading.local` keeps for such a thread is gone after each call.
        with self._lock:
            if ident not in self._foreign:
                self._foreign[ident] = self._named(f"foreign thread {len(self._foreign) + 1}")
            return self._foreign[ident]

    def _named(self, thread: str) -> str:
        return f"{self._process_name}, {thread}" if self._process_name else thread


class _Wrapped:
    """A function whose calls are spans. A class, so that it can be pickled for a child process."""

    def __init__(self, timeline: Timeline, function: Callable, name: str) -> None:
        functools.update_wrapper(self, function)
        self._timeline, self._function, self._name = timeline, function, name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with self._timeline.span(self._name):
            return self._function(*args, **kwargs)


def _new_lock() -> None:
    global _settling
    _settling = threading.Lock()


_new_lock()
if hasattr(os, "register_at_fork"):
    # Another thread of the parent's may have held it.
    os.register_at_fork(after_in_child=_new_lock)
_timelines: weakref.WeakValueDictionary[str, Timeline] = weakref.WeakValueDictionary()


def _restored(
    owner: int, start: int, folder: str, given: tuple[Span, ...], made_by_child: bool
) -> Timeline:
    """Unpickle a timeline: in its own process itself, elsewhere one that will `_settle`."""
    timeline = _timelines.get(folder)
    if timeline is None:
        timeline = _timelines[folder] = Timeline(given)
        timeline._owner, timeline._start, timeline._folder = owner, start, folder
        timeline._made_by_child, timeline._process = made_by_child, None
    return timeline


def _name_of(function: Callable) -> str:
    return getattr(function, "__name__", type(function).__name__)


def _nano(seconds: float) -> int:
    return round(seconds * NANO)


def _relative(record: processes.Record, start: int) -> Span:
    name, lane, item, began, ended = record
    return Span(
        name, lane, (began - start) / NANO, None if ended is None else (ended - start) / NANO, item
    )


def _in_order(span: Span) -> tuple[float, float]:
    return span.began, -_end(span)


def _end(span: Span) -> float:
    return float("inf") if span.ended is None else span.ended


def _chosen(chosen: Iterable[str] | None, there: tuple[str, ...], what: str) -> set[str]:
    names = set(there if chosen is None else chosen)
    if missing := sorted(names.difference(there), key=repr):
        raise ValueError(f"No span has the {what} {missing[0]!r}. There are: {_listed(there)}.")
    return names


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names)) or "no spans"


def _checked(span: Span) -> Span:
    """Return the span with its times as whole nanoseconds: so that what touches does."""
    if not isinstance(span, Span):
        raise TypeError(f"A timeline is made of Span(name, lane, began, ended), not of {span!r}.")
    texts = isinstance(span.name, str) and isinstance(span.lane, str)
    times = [span.began] if span.ended is None else [span.began, span.ended]
    if not texts or not all(isinstance(time, (int, float)) and isfinite(time) for time in times):
        raise TypeError(f"A span's name and lane are texts, its times are seconds: not {span!r}.")
    if not 0 <= times[0] <= times[-1]:
        raise ValueError(f"A span begins at 0 s or later and ends after it began: not {span!r}.")
    began, ended = _nano(times[0]) / NANO, _nano(times[-1]) / NANO
    return Span(span.name, span.lane, began, None if span.ended is None else ended, span.item)


def _moments(times: dict[str, list[tuple[int, int]]]) -> Iterator[tuple[int, Counter[str]]]:
    """Yield each stretch of time in which the same spans run: its length, and how many of each.

    times: for each name the nanoseconds at which its spans began and ended.
    """
    changes: dict[int, Counter[str]] = {}
    for name, spans in times.items():
        for began, ended in spans:
            changes.setdefault(began, Counter())[name] += 1
            changes.setdefault(ended, Counter())[name] -= 1
    running: Counter[str] = Counter()
    instants = sorted(changes)
    for instant, following in itertools.pairwise(instants):
        running.update(changes[instant])
        yield following - instant, running


def _nanoseconds(
    times: dict[str, list[tuple[int, int]]], condition: Callable[[Counter[str]], bool]
) -> int:
    """Return for how long the condition held of how many spans of each name ran."""
    return sum(length for length, running in _moments(times) if condition(running))
