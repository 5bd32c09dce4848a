"""Race pipelines against a control.

One timing of one pipeline says little: the machine's clock rate, its other programs and the
first epoch's tracing all change it. So pipelines are raced in rounds, each round measures every
pipeline once, and what is reported is the ratio of two times of the same round. The control runs
twice a round: its ratio to itself, which should be 1, shows the noise of this machine today.
"""

from __future__ import annotations

import gc
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from html import escape
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal

from course_utils.feeding.cores import usable_cores
from course_utils.measuring.display import html_table, ratio_digits, singular, three_digits
from course_utils.measuring.ratio import Ratio
from course_utils.measuring.timing import (
    Clock,
    Epoch,
    batch_length,
    divide,
    epoch,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Pipeline = Callable[[], Iterable[Any]] | Iterable[Any]

FAR_APART = 50  # times: from here on a race's figure has a logarithmic axis
_ALIGN = ("left", "right", "right", "left")  # the columns of a race's table


def race(
    pipelines: Mapping[str, Pipeline],
    *,
    control: str,
    rounds: int = 5,
    most_rounds: int = 15,
    items: Callable[[Any], int] | int | Mapping[str, int] | None = batch_length,
    unit: str = "pictures",
    warm_up: bool = True,
    clock: Clock = time.perf_counter,
) -> Race:
    """Time each pipeline once a round, for some rounds.

    The control is run twice a round, the second time under the name "<control> again". Each round
    begins with the next pipeline, and every second round runs backwards, so no pipeline always has
    the same place or follows the same neighbour. Before each epoch garbage is collected, so that
    none pays for the objects of the one before; Python's collector stays on, because in an epoch
    of one's own it is part of the price. (What lives when the race begins is frozen until it
    ends, as `gc.freeze` does: to look through all of TensorFlow takes a fifth of a second.)

    Args:
        pipelines: name to a function that returns a fresh iterable for one epoch, or to something
            that can be iterated many times, such as a `tf.data.Dataset`. A function is called
            before the clock starts; a generator's code runs at the first element.
        control: the name of the pipeline that all others are compared with.
        rounds: how many rounds to run now.
        most_rounds: how many rounds `Race.more` and `Ratio.more` may reach.
        items: counts the items of an element, as in `epoch`; the first dimension by default. A
            number is what each pipeline delivers in an epoch; a mapping from names to numbers
            serves pipelines so far apart that equal epochs would be too short for one or too
            long for another.
        unit: what an item is, in the plural.
        warm_up: run each pipeline once, unmeasured, before the first round: tracing, the page
            cache and thread pools are then not part of the times.
        clock: a function that returns seconds.

    Raises:
        ValueError, TypeError: of a wrong argument, or a pipeline without elements; named.
    """
    _check_race(pipelines, control, rounds, most_rounds)
    if isinstance(items, Mapping) and set(items) != set(pipelines):
        raise ValueError(
            f"items= counts {', '.join(items) or 'none'}, and the pipelines are "
            f"{', '.join(pipelines)}: give a number for each"
        )
    contest = _Contest(
        pipelines={**pipelines, _again(control): pipelines[control]},
        control=control,
        most_rounds=most_rounds,
        items=items,
        unit=unit,
        clock=clock,
    )
    epochs = len(contest.pipelines) * rounds + warm_up * len(pipelines)
    with _progress(epochs) as bar, _frozen():
        if warm_up:
            for name in pipelines:
                contest.run(name)
                bar.update()
        contest.reach(rounds, bar.update)
    return contest.race(rounds)


@dataclass(frozen=True, repr=False)
class Race:
    """The record of a race: every epoch of every round, and where it was run.

    `names` are the pipelines as given, then the control's second run. `rounds` holds for each
    round a dict from name to `Epoch`. `cores` are those this process may use, `system` is the
    operating system and processor kind, `date` is ISO 8601.
    """

    names: tuple[str, ...]
    control: str
    unit: str
    rounds: tuple[dict[str, Epoch], ...]
    cores: int
    versions: dict[str, str]
    system: str
    date: str
    _contest: _Contest | None = field(default=None, compare=False)

    def ratio(self, slower: str, faster: str, of: Literal["seconds", "cpu"] = "seconds") -> Ratio:
        """How many times the time per item of `faster` is that of `slower`, round by round.

        `of="seconds"` compares wall time, `of="cpu"` CPU time.

        Raises:
            ValueError: a name is not in this race, or `of` is something else.
        """
        for name in (slower, faster):
            if name not in self.names:
                raise ValueError(
                    f"no pipeline {name!r} in this race; its pipelines: {', '.join(self.names)}"
                )
        if of not in ("seconds", "cpu"):
            raise ValueError(f'of={of!r}: it should be "seconds" (wall time) or "cpu"')
        time_of = attrgetter("seconds_per_item" if of == "seconds" else "cpu_ms_per_item")
        values = tuple(
            divide(time_of(epochs[slower]), time_of(epochs[faster])) for epochs in self.rounds
        )

        def more() -> Ratio | None:
            longer = self.more()
            return longer and longer.ratio(slower, faster, of)

        return Ratio(values, more)

    def more(self) -> Race | None:
        """The race with one more round; None when it has run as many as it may.

        A round that another ratio of this race has asked for already is not run again.
        """
        if self._contest is None or len(self.rounds) >= self._contest.most_rounds:
            return None
        with _frozen():
            self._contest.reach(len(self.rounds) + 1)
        return self._contest.race(len(self.rounds) + 1)

    def median(self, name: str, value: Callable[[Epoch], float]) -> float:
        """The median over the rounds of a value of one pipeline's epochs."""
        return statistics.median(value(epochs[name]) for epochs in self.rounds)

    def figure(self) -> Figure:
        """Draw the time per item of each pipeline: bars are medians, dots are rounds."""
        from course_utils.measuring.race_figure import draw

        return draw(self)

    def describe(self) -> str:
        """The figure in words."""
        lines = [
            f"{'Logarithmic chart' if self.far_apart else 'Bar chart'}: time per "
            f"{singular(self.unit)} of {len(self.names)} pipelines, as a "
            f"ratio to {self.control}, which is 1; shorter is faster."
        ]
        for name in self.names:
            lines.append(f"{name}: {self.time_words(name)}, {self.speed_words(name)}.")
        return "\n".join([*lines, f"Measured on {self.caption}."])

    @property
    def far_apart(self) -> bool:
        """Whether one pipeline takes so much longer than another that bars can't show both."""
        medians = [self.ratio(name, self.control).median for name in self.names]
        return max(medians) > FAR_APART * min(medians)

    @property
    def again(self) -> str:
        """The name of the control's second run."""
        return _again(self.control)

    @property
    def caption(self) -> str:
        """Where and how it was measured, in one line."""
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        rounds = "1 round" if len(self.rounds) == 1 else f"{len(self.rounds)} rounds"
        cores = "1 core" if self.cores == 1 else f"{self.cores} cores"
        return f"{cores}, {self.system}, {rounds}, {self.date}: {versions}"

    def time_words(self, name: str) -> str:
        """The time per item of a pipeline as a ratio to the control's: "0.97 (0.95 to 1.02)"."""
        if name == self.control:
            return "1"
        ratio = self.ratio(name, self.control)
        low, median, high = map(ratio_digits, (ratio.low, ratio.median, ratio.high))
        return f"{median} ({low} to {high})"

    def speed_words(self, name: str) -> str:
        """The items per second of a pipeline, the median of the rounds: "1,230 pictures/s"."""
        return f"{self._speed(name)} {self.unit}/s"

    def __repr__(self) -> str:
        from tabulate import tabulate

        table = tabulate(self._rows(), self._headers(), disable_numparse=True, colalign=_ALIGN)
        return f"{table}\n{self.caption}"

    def _repr_html_(self) -> str:
        table = html_table(self._rows(), self._headers(), _ALIGN)
        return f"{table}\n<p><small>{escape(self.caption)}</small></p>"

    def _headers(self) -> list[str]:
        return [
            "pipeline",
            f"{self.unit}/s",
            f"CPU {self._cpu_unit()[1]} per {singular(self.unit)}",
            "time (control = 1)",
        ]

    def _cpu_unit(self) -> tuple[int, str]:
        """The factor that milliseconds need for the table, and its unit: µs where all are short."""
        most = max(self.median(name, lambda run: run.cpu_ms_per_item) for name in self.names)
        return (1, "ms") if most >= 1 else (1000, "µs")

    def _rows(self) -> list[list[str]]:
        times, _ = self._cpu_unit()
        return [
            [
                name,
                self._speed(name),
                three_digits(self.median(name, lambda run: run.cpu_ms_per_item) * times),
                self.time_words(name),
            ]
            for name in self.names
        ]

    def _speed(self, name: str) -> str:
        return three_digits(self.median(name, lambda run: run.per_second_overall))


class _Contest:
    """The pipelines of a race, and the log of its rounds, to which rounds are only added."""

    def __init__(
        self,
        pipelines: Mapping[str, Pipeline],
        control: str,
        most_rounds: int,
        items: Callable[[Any], int] | int | Mapping[str, int] | None,
        unit: str,
        clock: Clock,
    ) -> None:
        self.pipelines = dict(pipelines)
        self.control = control
        self.most_rounds = most_rounds
        self._items = items
        self._unit = unit
        self._clock = clock
        self._rounds: list[dict[str, Epoch]] = []
        self._where = {
            "cores": usable_cores(),
            "versions": _versions(),
            "system": f"{platform.system()} {platform.machine()}",
            "date": date.today().isoformat(),
        }

    def reach(self, rounds: int, done: Callable[[], object] = lambda: None) -> None:
        """Run rounds until there are this many, calling `done` after each epoch."""
        while len(self._rounds) < rounds:
            measured = {}
            for name in _order(list(self.pipelines), len(self._rounds)):
                measured[name] = self.run(name)
                done()
            self._rounds.append({name: measured[name] for name in self.pipelines})

    def run(self, name: str) -> Epoch:
        pipeline = self.pipelines[name]
        gc.collect()
        elements = pipeline() if callable(pipeline) else pipeline
        items = self._items
        if isinstance(items, Mapping):
            items = items[self.control if name == _again(self.control) else name]
        try:
            return epoch(elements, items, clock=self._clock)
        except (TypeError, ValueError) as error:
            error.add_note(f"while the race timed the pipeline {name!r}")
            raise

    def race(self, rounds: int) -> Race:
        return Race(
            names=tuple(self.pipelines),
            control=self.control,
            unit=self._unit,
            rounds=tuple(self._rounds[:rounds]),
            **self._where,
            _contest=self,
        )


def _check_race(
    pipelines: Mapping[str, Pipeline], control: str, rounds: int, most_rounds: int
) -> None:
    if control not in pipelines:
        raise ValueError(
            f"control={control!r} is none of the pipelines: {', '.join(pipelines) or 'none given'}"
        )
    if _again(control) in pipelines:
        raise ValueError(
            f"the name {_again(control)!r} is kept for the control's second run: "
            "give that pipeline another one"
        )
    if not 1 <= rounds <= most_rounds:
        raise ValueError(
            f"rounds={rounds} with most_rounds={most_rounds}: "
            "rounds should be at least 1 and at most most_rounds"
        )
    for name, pipeline in pipelines.items():
        if isinstance(pipeline, Iterator):
            raise TypeError(
                f"pipeline {name!r} is a {type(pipeline).__name__}, which gives its elements "
                "once, and a race needs them in each round: give a function that returns a "
                "fresh one, such as the generator function itself"
            )
        if not callable(pipeline) and not isinstance(pipeline, Iterable):
            raise TypeError(
                f"pipeline {name!r} is a {type(pipeline).__name__}: give a function that returns "
                "a fresh iterable for each epoch, or a tf.data.Dataset"
            )


def _again(control: str) -> str:
    return f"{control} again"


def _order(names: list[str], number: int) -> list[str]:
    """The names, in each round from the next one on, every second round backwards."""
    ways = names[::-1] if number % 2 else names
    start = ways.index(names[number % len(names)])
    return ways[start:] + ways[:start]


@contextmanager
def _frozen() -> Iterator[None]:
    """Keep what lives now out of the collector's sight, so that each collection is short."""
    others = gc.get_freeze_count()  # frozen by the program itself: not ours to thaw
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        if not others:
            gc.unfreeze()


def _progress(total: int):
    from tqdm import tqdm

    return tqdm(total=total, desc="race", unit="epoch", leave=False, file=sys.stderr)


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {"Python": platform.python_version()}
    for name, module, package in (
        ("TensorFlow", "tensorflow", "tensorflow"),
        ("Keras", "keras", "keras"),
        ("NumPy", "numpy", "numpy"),
        ("OpenCV", "cv2", "opencv-python"),
    ):
        imported = getattr(sys.modules.get(module), "__version__", None)
        try:
            found[name] = imported or version(package)
        except PackageNotFoundError:
            continue
    return found
