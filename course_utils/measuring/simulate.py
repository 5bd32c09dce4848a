"""What a pipeline would do: a prediction, to hold against a measurement.

    run = simulate(
        [Stage("read", 0.02, workers=2, ahead=2)], consumer=Stage("train", 0.02), items=12
    )
    run.seconds, run.per_second, run.idle_share
    figures.show(run)

A pipeline is a row of stages with a consumer at its end. A stage makes item 0, then item 1, and so
on, from the items of the stage before, and they are delivered in this order. Each thread of the
pipeline is a generator here: it runs to its next `yield`, where it says what it waits for. The
clock then moves on to the next moment at which something ends. There is no chance in it, and time
is counted in whole nanoseconds: equal arguments give equal results on every machine.

How real parts are written as stages (each was run beside its simulation, see the tests):

    a generator, asked by a loop                   Stage(...)
    a thread that puts items into Queue(n)         Stage(..., ahead=n)
    threads that call next() on one generator      Stage(...), Stage(..., workers=t, ahead=n)
    dataset.prefetch(n)                            Stage(..., ahead=n, reserves=True)
    dataset.map(..., num_parallel_calls=n)         Stage(..., workers=n, ahead=n, reserves=True)

Work that waits was within a tenth of its simulation in 19 such pipelines: the tests run them again.
Work that holds the GIL is run in five, and must take no less than 93 % of its simulation. How much
longer it takes is not tested, nor how cores are shared: that takes a machine of one's own.

What is left out, so that a real pipeline takes longer, or another way:

- What it costs to hand an item over: to wake a thread up (0.1 ms), to cross into TensorFlow (0.2 ms
  to 1 ms an element), to sleep (`time.sleep` oversleeps by about 0.1 ms). Stages of milliseconds
  hide it. Stages of microseconds are all cost, and are not predicted.
- What an epoch costs before its first item: `from_generator` takes 6 ms, with a prefetch behind it
  20 ms to 50 ms. Compare what comes after: `seconds - first_seconds`.
- Memory: page faults, caches, and cores that share one path to it.
- Other programs, a clock rate that changes, a core that is one of two hyperthreads.
- Work that does both: here a stage waits, or it computes. What does both is two stages. And C code
  in many short calls asks for the GIL after each, which is far slower beside a Python stage than
  the one long call that is meant here.
- In which order threads get the GIL or a core. Here those that compute take turns of 5 ms, first
  come, first served; 5 ms is CPython's switch interval. The operating system may choose otherwise.
- What TensorFlow decides as it runs: AUTOTUNE's buffers and parallelism grow with time, and the
  prefetch that it injects is there only where a stage says so.

simpy, a well-kept library, could be the loop. But the loop is what is taught here: it has fewer
lines than simpy's use would need explanation, threads that lose the GIL in the middle of their work
would be interrupts in simpy, and a dependency less is a dependency less.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from math import isfinite, lcm
from numbers import Real
from typing import TYPE_CHECKING

from course_utils.measuring.display import three_digits
from course_utils.measuring.timeline import Span, Timeline

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TURN = 5_000_000  # nanoseconds: CPython's switch interval, sys.getswitchinterval()
MOST_ITEMS = 10_000
MOST_WORKERS = 64  # of a stage
LONGEST = 3600.0  # seconds that an item may take in a stage


@dataclass(frozen=True)
class Stage:
    """A part of a pipeline: what it does to an item, how many at once, and the buffer behind it.

    Args:
        name: what stands in the figure; another one for each stage.
        seconds: how long it takes for an item; or a sequence, which is repeated item by item:
            `[0.06, 0, 0]` is a source that reads three items at once.
        workers: how many items it may have in work at the same time.
        holds_gil: it is Python code that computes, so only one of all such stages (and of their
            workers) works at a time.
        computes: it occupies one of the `cores` of `simulate` while it works, as decoding in C
            does. What holds the GIL computes in any case. Otherwise it waits, as reading from a
            disk does or `time.sleep`, and any number can wait at once.
        ahead: how many finished items wait in the buffer behind it. The stage has threads of its
            own then, `workers` of them. A worker whose item finds no place waits, holding it.
            0: no buffer and no thread. Whoever is behind calls the stage and waits for it, so the
            times of both add up; more than one worker helps only where several threads call.
        reserves: a worker begins an item only once there is a place for it, so `ahead` counts the
            items in work, too. This is how tf.data counts.
    """

    name: str
    seconds: float | Sequence[float]
    workers: int = 1
    holds_gil: bool = False
    ahead: int = 0
    computes: bool = False
    reserves: bool = False

    def __post_init__(self) -> None:
        _check_name(self.name)
        object.__setattr__(self, "seconds", _checked_seconds(self.name, self.seconds))
        _check_whole(f"workers of the stage {self.name!r}", self.workers, 1, MOST_WORKERS)
        _check_whole(f"ahead of the stage {self.name!r}", self.ahead, 0, MOST_ITEMS)
        if self.reserves and not self.ahead:
            raise ValueError(
                f"The stage {self.name!r} reserves places in a buffer that has none: give it "
                "ahead=1 or more."
            )
        object.__setattr__(self, "computes", bool(self.computes or self.holds_gil))

    def nanoseconds(self, item: int) -> int:
        """Return how long the stage takes for an item, counted from 0."""
        times = _times(self)
        return round(times[item % len(times)] * 1e9)


def simulate(
    stages: Sequence[Stage], *, consumer: Stage, items: int, cores: int | None = None
) -> Run:
    """Let items flow through the stages, in order, to the consumer.

    Args:
        stages: from the source to the last one before the consumer; one at least.
        consumer: what is done with each item, such as a training step. It works on one item at a
            time and takes the next one when it is done.
        items: how many, 1 to 10 000.
        cores: how many may compute at once; None: as many as want to. Threads that only wait need
            none.

    Raises TypeError or ValueError, in a sentence, for anything else.
    """
    stages = tuple(stages)
    _check_pipeline(stages, consumer)
    _check_whole("items", items, 1, MOST_ITEMS)
    if cores is not None:
        _check_whole("cores", cores, 1, 1024)
    simulation = _Simulation(stages, consumer, items, cores)
    simulation.run()
    return Run(
        stages=stages,
        consumer=consumer,
        items=items,
        cores=cores,
        spans=tuple(simulation.spans()),
        asked=tuple(simulation.asked),
        arrived=tuple(simulation.arrived),
        finished=tuple(simulation.finished),
    )


@dataclass(frozen=True, repr=False)
class Run:
    """What `simulate` predicts.

    `spans` are the times at which each thread worked (`measuring.timeline.Span`, in seconds since
    the start, `item` is its number); where there is none, the thread waited. A lane is a thread: it
    has its stage's name, with a number where there are several. Work that gave way to another in
    between is in several spans. `asked`, `arrived` and `finished` say for each item, in
    nanoseconds, when the consumer asked for it, when it had it, and when it was done with it.
    """

    stages: tuple[Stage, ...]
    consumer: Stage
    items: int
    cores: int | None
    spans: tuple[Span, ...]
    asked: tuple[int, ...]
    arrived: tuple[int, ...]
    finished: tuple[int, ...]

    @property
    def seconds(self) -> float:
        """From the start until the consumer is done with the last item."""
        return self.finished[-1] / 1e9

    @property
    def first_seconds(self) -> float:
        """From the start until the consumer has the first item."""
        return self.arrived[0] / 1e9

    @property
    def waits(self) -> tuple[float, ...]:
        """Seconds that the consumer waited for each item: what `next()` would take."""
        pairs = zip(self.asked, self.arrived, strict=True)
        return tuple((arrived - asked) / 1e9 for asked, arrived in pairs)

    @property
    def idle_share(self) -> float:
        """Share of the time after the first item in which the consumer didn't work, 0 to 1.

        It waited for an item or, where it computes, for the GIL or a core.
        """
        after = self.finished[-1] - self.arrived[0]
        work = sum(self.consumer.nanoseconds(item) for item in range(self.items))
        return (after - work) / after if after else 0.0

    @property
    def per_second(self) -> float:
        """Items a second once it runs steadily: the beginning is left out.

        Counted over the second half of the items, more or less: whole rounds of all workers and
        of all repeated times. Where the items are too few for a round, over all but the first.
        """
        whole = lcm(*(n for stage in self._all() for n in (len(_times(stage)), stage.workers)))
        last = self.items - 1
        counted = max(whole, self.items // 2 // whole * whole)
        counted = counted if counted <= last else last
        if counted == 0:
            counted, took = 1, self.finished[0]
        else:
            took = self.finished[last] - self.finished[last - counted]
        return counted * 1e9 / took if took else float("inf")

    @cached_property
    def timeline(self) -> Timeline:
        """The spans, to be drawn and counted as measured ones are."""
        return Timeline(spans=self.spans)

    def figure(self) -> Figure:
        """Draw what each thread did: the timeline, and a line above with the idle share."""
        return self.timeline.figure(title=self._headline())

    def describe(self) -> str:
        """The figure in words."""
        words = f"Simulated: {self._headline()}\n{self.timeline.describe()}"
        if len(self.spans) > self.items * (len(self.stages) + 1):
            words += "\nWork that gave way to another's in between counts once for each part."
        return words

    def __repr__(self) -> str:
        return f"Simulated: {self._headline()}"

    def _headline(self) -> str:
        number = f"{self.items} item{'s' * (self.items > 1)}"
        return (
            f"{number} in {three_digits(self.seconds)} s, {three_digits(self.per_second)} a "
            f"second. After the first, {self.consumer.name} is idle {self.idle_share:.0%} of the "
            "time."
        )

    def _all(self) -> tuple[Stage, ...]:
        return (*self.stages, self.consumer)


@dataclass(frozen=True)
class _Work:
    """What a thread asks for when it has something to do."""

    stage: Stage
    item: int


@dataclass(eq=False)
class _Thread:
    """A worker of a stage, or the consumer."""

    lane: str
    steps: Iterator[_Work | Callable[[], bool]]
    waits_for: Callable[[], bool] | None = None  # goes on when this is true
    work: _Work | None = None
    left: int = 0  # nanoseconds of work
    began: int | None = None  # when it was let work; None: it isn't
    turn: int = 0  # when its turn began
    spans: list[tuple[_Work, int, int]] = field(default_factory=list)

    @property
    def computes(self) -> bool:
        return self.work.stage.computes


class _Simulation:
    """The threads, the buffers between them, and the clock."""

    def __init__(
        self, stages: tuple[Stage, ...], consumer: Stage, items: int, cores: int | None
    ) -> None:
        self.stages, self.consumer, self.items, self.cores = stages, consumer, items, cores
        self.now = 0  # nanoseconds
        self.begun = [0] * len(stages)  # items that a stage's own threads have begun
        self.made: list[set[int]] = [set() for _ in stages]  # items in the buffer behind it
        self.taken = [0] * len(stages)  # items that left it
        self.asked: list[int] = []
        self.arrived: list[int] = []
        self.finished: list[int] = []
        self.working: list[_Thread] = []  # those with something to do, in the order they asked
        # A thread that has waited runs some lines of Python before it works or waits again. For
        # them it needs the GIL: a moment, but one that it may have to wait for.
        self.go_on = _Work(Stage("go on", 0, holds_gil=True), 0)
        self.shares_gil = any(stage.holds_gil for stage in (*stages, consumer))
        self.short_since: int | None = None  # since when one of them gets no GIL or no core
        self.threads = [
            _Thread(lane, self._worker(place))
            for place, stage in enumerate(stages)
            for lane in _lanes(stage)
        ]
        self.threads.append(_Thread(consumer.name, self._consumer()))

    # The threads. Each `yield` gives work to do, or a question whose answer is waited for.

    def _worker(self, place: int) -> Iterator[_Work | Callable[[], bool]]:
        stage = self.stages[place]
        while self.begun[place] < self.items:
            item = self.begun[place]
            self.begun[place] += 1
            if stage.reserves:
                yield partial(self._has_room, place, item)
            yield from self._get(place - 1, item)
            yield _Work(stage, item)
            yield partial(self._has_room, place, item)
            self.made[place].add(item)

    def _get(self, place: int, item: int) -> Iterator[_Work | Callable[[], bool]]:
        """Get an item from a stage: out of its buffer, or by doing its work, as a call does."""
        if place < 0:
            return
        stage = self.stages[place]
        if stage.ahead:
            yield partial(self._is_next, place, item)
            self.made[place].remove(item)
        else:
            yield partial(self._may_enter, place, item)
            yield from self._get(place - 1, item)
            yield _Work(stage, item)
        self.taken[place] += 1

    def _consumer(self) -> Iterator[_Work | Callable[[], bool]]:
        for item in range(self.items):
            self.asked.append(self.now)
            yield from self._get(len(self.stages) - 1, item)
            self.arrived.append(self.now)
            yield _Work(self.consumer, item)
            self.finished.append(self.now)

    def _has_room(self, place: int, item: int) -> bool:
        return item < self.taken[place] + self.stages[place].ahead

    def _is_next(self, place: int, item: int) -> bool:
        return item == self.taken[place] and item in self.made[place]

    def _may_enter(self, place: int, item: int) -> bool:
        return item < self.taken[place] + self.stages[place].workers

    # The clock.

    def run(self) -> None:
        for thread in self.threads:
            self._advance(thread)
        self._go_on()
        while self.working:
            self._pass_time()
            self._go_on()

    def spans(self) -> list[Span]:
        """Return what each thread did, by the time it began; at the same time, sources first."""
        found = [
            Span(work.stage.name, thread.lane, began / 1e9, ended / 1e9, work.item)
            for thread in self.threads
            for work, began, ended in thread.spans
        ]
        return sorted(found, key=lambda span: span.began)

    def _go_on(self) -> None:
        """Let those go on that have what they wait for, until all wait or work."""
        moved = True
        while moved:
            moved = False
            for thread in self.threads:
                if thread.waits_for is not None and thread.waits_for():
                    thread.waits_for = None
                    if self.shares_gil:
                        self._give(thread, self.go_on)
                    else:
                        self._advance(thread)
                    moved = True

    def _advance(self, thread: _Thread) -> None:
        """Let a thread run to where it has work to do, or has to wait."""
        request = next(thread.steps, None)
        while callable(request) and request():
            request = next(thread.steps, None)
        if isinstance(request, _Work):
            self._give(thread, request)
        else:
            thread.waits_for = request
            if thread in self.working:
                self.working.remove(thread)

    def _give(self, thread: _Thread, work: _Work) -> None:
        thread.work, thread.left = work, work.stage.nanoseconds(work.item)
        if thread not in self.working:
            self.working.append(thread)

    def _pass_time(self) -> None:
        """Move the clock to the next moment at which work ends, or a turn does."""
        running = self._running()
        moments = [self.now + thread.left for thread in running]
        moments += [self._turn_ends(thread) for thread in running if self._has_turns(thread)]
        moment = min(moments)
        for thread in running:
            thread.left -= moment - self.now
        self.now = moment
        for thread in running:
            if thread.left == 0:
                self._end_work(thread)
            elif self._turn_is_over(thread):
                # To the end of the row. It goes on without a gap if nobody takes its place.
                thread.turn = moment
                self.working.remove(thread)
                self.working.append(thread)

    def _end_work(self, thread: _Thread) -> None:
        self._stop(thread)
        computed, work = thread.computes, thread.work
        if self.shares_gil and not work.stage.holds_gil:
            self.working.remove(thread)
            self._give(thread, self.go_on)
            return
        self._advance(thread)
        if computed and thread in self.working and thread.computes:
            thread.began = self.now  # its turn goes on: Python doesn't look where an item ends

    def _running(self) -> list[_Thread]:
        """Start and stop threads, so that those run which may: first come, first served."""
        running = []
        cores = len(self.threads) if self.cores is None else self.cores
        gil = 1
        for thread in self.working:
            stage = thread.work.stage
            if stage.computes <= cores and stage.holds_gil <= gil:
                cores -= stage.computes
                gil -= stage.holds_gil
                running.append(thread)
            elif thread.began is not None:
                self._stop(thread)
        for thread in running:
            if thread.began is None:
                thread.began = thread.turn = self.now
        if len(running) == len(self.working):
            self.short_since = None
        elif self.short_since is None:
            self.short_since = self.now
        return running

    def _has_turns(self, thread: _Thread) -> bool:
        return self.short_since is not None and thread.computes

    def _turn_ends(self, thread: _Thread) -> int:
        return max(thread.turn, self.short_since) + TURN

    def _turn_is_over(self, thread: _Thread) -> bool:
        return self._has_turns(thread) and self._turn_ends(thread) == self.now

    def _stop(self, thread: _Thread) -> None:
        if thread.work is not self.go_on:
            thread.spans.append((thread.work, thread.began, self.now))
        thread.began = None


def _lanes(stage: Stage) -> list[str]:
    """Name the stage's own threads; it has none where it is called."""
    if not stage.ahead:
        return []
    if stage.workers == 1:
        return [stage.name]
    return [f"{stage.name} {number}" for number in range(1, stage.workers + 1)]


def _times(stage: Stage) -> tuple[float, ...]:
    return stage.seconds if isinstance(stage.seconds, tuple) else (stage.seconds,)


def _check_name(name: object) -> None:
    if not (isinstance(name, str) and name.strip() and name.isprintable() and len(name) <= 24):
        raise ValueError(f"A stage's name is a text of 1 to 24 characters, not {name!r}.")


def _checked_seconds(name: str, seconds: object) -> float | tuple[float, ...]:
    """Return Python's own numbers, which never change: a float, or a tuple of floats."""
    if isinstance(seconds, Real):
        return _checked_time(name, seconds)
    try:
        times = tuple(_checked_time(name, each) for each in seconds)
    except TypeError:
        times = ()
    if not times:
        raise ValueError(
            f"seconds of the stage {name!r} is {seconds!r}. A number was expected, or a sequence "
            "of numbers that is repeated item by item."
        )
    return times


def _checked_time(name: str, seconds: object) -> float:
    number = float(seconds) if isinstance(seconds, Real) else float("nan")
    if isinstance(seconds, bool) or not (isfinite(number) and 0 <= number <= LONGEST):
        raise ValueError(
            f"The stage {name!r} takes {seconds!r} for an item. Seconds are a number from 0 to "
            f"{LONGEST:,.0f}."
        )
    return number


def _check_whole(what: str, number: object, least: int, most: int) -> None:
    if type(number) is not int or not least <= number <= most:
        raise ValueError(
            f"{what} is {number!r}. A whole number from {least} to {most} was expected."
        )


def _check_pipeline(stages: tuple[object, ...], consumer: object) -> None:
    for stage in (*stages, consumer):
        if not isinstance(stage, Stage):
            raise TypeError(f'A pipeline is made of Stage("name", seconds), not of {stage!r}.')
    if not stages:
        raise ValueError("No stage was given. The first one is the source, such as a generator.")
    if consumer.workers > 1 or consumer.ahead:
        raise ValueError(
            f"The consumer {consumer.name!r} works on one item at a time, and no buffer is behind "
            "it: leave workers and ahead out."
        )
    lanes = [consumer.name, *(lane for stage in stages for lane in {stage.name, *_lanes(stage)})]
    twice = sorted({lane for lane in lanes if lanes.count(lane) > 1})
    if twice:
        raise ValueError(f"The name {twice[0]!r} stands for two parts of the pipeline. Change one.")
