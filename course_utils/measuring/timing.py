"""Time an epoch; race pipelines against a control; ratios with their spread.

One timing of one pipeline says little: the machine's clock rate, its other programs and the
first epoch's tracing all change it. So pipelines are raced in rounds, each round measures every
pipeline once, and what is reported is the ratio of two times of the same round. The control runs
twice a round: its ratio to itself, which should be 1, shows the noise of this machine today.
"""

from __future__ import annotations

import gc
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from html import escape
from math import comb, inf, isfinite, sqrt
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Clock = Callable[[], float]
Pipeline = Callable[[], Iterable[Any]] | Iterable[Any]
Verdict = Literal["holds", "broken", "undecided"]


def cpu_seconds() -> float:
    """CPU time, user and system, of this process and all its descendants, living and ended.

    This process is counted exactly, all threads included. On Linux other processes are counted in
    steps of 10 ms (a clock tick), elsewhere as finely as the system tells. Not counted: a
    descendant that ended and was not waited for by its parent, one whose own parent ended before
    it, and work that another process does on this one's behalf (a server, a kernel thread).
    """
    return time.process_time() + _descendants_cpu_seconds()


def batch_length(element: Any) -> int:
    """The length of a batch: the first dimension of the element's first component.

    A tuple or dict is opened, as `tf.data` does, so `(images, labels)` counts its images; a list
    is one component.

    Raises:
        TypeError: the element has no first dimension; it is one item, not a batch.
    """
    component = element
    while isinstance(component, (tuple, Mapping)) and component:
        parts = component.values() if isinstance(component, Mapping) else component
        component = next(iter(parts))
    shape = getattr(component, "shape", None)
    try:
        return int(shape[0] if shape is not None else len(component))
    except (IndexError, TypeError, ValueError):
        raise TypeError(
            f"can't tell how many items this element holds: its first component is a "
            f"{type(component).__name__} without a first dimension. Give items=, a function "
            "from an element to its number of items (lambda element: 1 where it is one)"
        ) from None


@dataclass(frozen=True)
class Epoch:
    """One pass over a pipeline.

    `first_seconds` runs from asking for the iterator to the first element, `rest_seconds` from
    there until the iterator said that it has no more; `cpu_seconds` covers both, of this process
    and its descendants. `items` is what the elements hold together (pictures, say), `first_items`
    what the first one holds; without a function to count them, each element is one item.
    """

    elements: int
    first_seconds: float
    rest_seconds: float
    cpu_seconds: float
    items: int
    first_items: int

    @property
    def seconds(self) -> float:
        """Wall time of the whole epoch."""
        return self.first_seconds + self.rest_seconds

    @property
    def per_second_overall(self) -> float:
        """Items per second over the whole epoch, start-up included."""
        return _divide(self.items, self.seconds)

    @property
    def per_second_after_first(self) -> float:
        """Items per second over all elements but the first: the pace once it runs.

        What the pipeline prepared while the first element was awaited counts as free. An epoch of
        one element has no rest; then it is `per_second_overall`.
        """
        if self.elements == 1:
            return self.per_second_overall
        return _divide(self.items - self.first_items, self.rest_seconds)

    @property
    def seconds_per_item(self) -> float:
        """Wall time for one item, over the whole epoch."""
        return self.seconds / self.items

    @property
    def cpu_ms_per_item(self) -> float:
        """CPU milliseconds, of all processes, for one item."""
        return 1000 * self.cpu_seconds / self.items

    def __str__(self) -> str:
        return (
            f"{self.elements:,} elements, {self.items:,} items in {self.seconds:.3g} s "
            f"(the first after {self.first_seconds:.3g} s): "
            f"{_three_digits(self.per_second_overall)} items/s overall, "
            f"{_three_digits(self.per_second_after_first)} after the first element; "
            f"{self.cpu_ms_per_item:.3g} CPU ms per item"
        )


def epoch(
    elements: Iterable[Any],
    items: Callable[[Any], int] | None = None,
    *,
    clock: Clock = time.perf_counter,
) -> Epoch:
    """Iterate once through `elements` and time it.

    Args:
        elements: a `tf.data.Dataset`, a generator, a list: whatever can be iterated.
        items: a function from an element to the number of items it holds, such as
            `batch_length`; it runs inside the timed loop, so it should be cheap. None counts
            each element as one item.
        clock: a function that returns seconds.

    Raises:
        ValueError: there was no element, or no item.
    """
    # In this order, reading the other processes' times is no part of this one's.
    others_began = _descendants_cpu_seconds()
    own_began = time.process_time()
    began = first = clock()
    count = item_count = first_items = 0
    for element in elements:
        if count == 0:
            first = clock()
        count += 1
        item_count += 1 if items is None else items(element)
        if count == 1:
            first_items = item_count
    ended = clock()
    own_cpu = time.process_time() - own_began
    others_cpu = _descendants_cpu_seconds() - others_began
    if count == 0:
        raise ValueError(
            "there is nothing to time: the epoch had no element. A generator object gives its "
            "elements once; make a fresh one for each epoch"
        )
    if item_count <= 0:
        raise ValueError(
            f"items= counted {item_count} items in {count:,} elements; "
            "it should return the number of items in each element"
        )
    return Epoch(
        elements=count,
        first_seconds=first - began,
        rest_seconds=ended - first,
        cpu_seconds=own_cpu + others_cpu,
        items=item_count,
        first_items=first_items,
    )


@dataclass(frozen=True)
class Ratio:
    """How many times one pipeline's time is another's: one value for each round of a race.

    `low` to `high` is the interval that two of the sorted values span so that it holds the true
    median with a probability of at least 92 % (`coverage` says how much; 94 % for 5 rounds,
    96 % for 9), whatever the distribution of the noise. Fewer than 5 rounds give all they can:
    from the lowest value to the highest. The probability is that of a number of rounds chosen
    beforehand: adding rounds until a verdict falls makes it somewhat smaller.
    """

    values: tuple[float, ...]
    _more: Callable[[], Ratio | None] | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(float(value) for value in self.values))
        if not self.values or not all(isfinite(v) and v > 0 for v in self.values):
            raise ValueError(
                f"a ratio needs at least one value, each above 0 and finite; found {self.values}. "
                "Where a time was measured as 0, the epoch is too short for the clock"
            )

    @property
    def median(self) -> float:
        """The middle value; of two middle values the geometric mean.

        So the median of b to a is always 1 over the median of a to b.
        """
        low, high = statistics.median_low(self.values), statistics.median_high(self.values)
        return low if low == high else sqrt(low) * sqrt(high)

    @property
    def low(self) -> float:
        """The lower end of the interval of the median."""
        return sorted(self.values)[_rank(len(self.values)) - 1]

    @property
    def high(self) -> float:
        """The upper end of the interval of the median."""
        return sorted(self.values)[-_rank(len(self.values))]

    @property
    def coverage(self) -> float:
        """The probability, before the race, that `low` to `high` will hold the true median."""
        return _coverage(len(self.values), _rank(len(self.values)))

    def against(self, holds: Callable[[float], bool]) -> Verdict:
        """Hold a statement about the ratio, such as `lambda ratio: ratio > 2`, against it.

        "holds" when it is true over the whole interval from `low` to `high`, "broken" when it is
        false over the whole interval, "undecided" in between. It is tried at 101 points of the
        interval and at the measured values inside it.
        """
        low, high = self.low, self.high
        points = [low * (high / low) ** (step / 100) for step in range(101)]
        points += [value for value in self.values if low <= value <= high]
        answers = {bool(holds(point)) for point in points}
        if len(answers) > 1:
            return "undecided"
        return "holds" if answers.pop() else "broken"

    def more(self) -> Ratio | None:
        """Run one more round of the race and return the ratio with it.

        None when the race may run no more rounds, or when there is no race: a ratio made from
        values alone.
        """
        return self._more() if self._more else None

    def __str__(self) -> str:
        rounds = "1 round" if len(self.values) == 1 else f"{len(self.values)} rounds"
        low, median, high = map(_ratio_digits, (self.low, self.median, self.high))
        return f"{median} ({low} to {high}, {rounds})"


def race(
    pipelines: Mapping[str, Pipeline],
    *,
    control: str,
    rounds: int = 5,
    most_rounds: int = 15,
    items: Callable[[Any], int] | None = batch_length,
    unit: str = "pictures",
    warm_up: bool = True,
    clock: Clock = time.perf_counter,
) -> Race:
    """Time each pipeline once a round, for some rounds.

    The control is run twice a round, the second time under the name "<control> again". Each round
    begins with the next pipeline, and every second round runs backwards, so no pipeline always has
    the same place or follows the same neighbour. Before each epoch garbage is
    collected, so that none pays for the objects of the one before; Python's collector stays on,
    because in an epoch of one's own it is part of the price.

    Args:
        pipelines: name to a function that returns a fresh iterable for one epoch, or to something
            that can be iterated many times, such as a `tf.data.Dataset`. A function is called
            before the clock starts; a generator's code runs at the first element.
        control: the name of the pipeline that all others are compared with.
        rounds: how many rounds to run now.
        most_rounds: how many rounds `Race.more` and `Ratio.more` may reach.
        items: counts the items of an element, as in `epoch`; the first dimension by default.
        unit: what an item is, in the plural.
        warm_up: run each pipeline once, unmeasured, before the first round: tracing, the page
            cache and thread pools are then not part of the times.
        clock: a function that returns seconds.

    Raises:
        ValueError, TypeError: of a wrong argument, or a pipeline without elements; named.
    """
    _check_race(pipelines, control, rounds, most_rounds)
    contest = _Contest(
        pipelines={**pipelines, _again(control): pipelines[control]},
        control=control,
        most_rounds=most_rounds,
        items=items,
        unit=unit,
        clock=clock,
    )
    with _progress(len(contest.pipelines) * rounds + warm_up * len(pipelines)) as bar:
        if warm_up:
            for name in pipelines:
                contest.run(name)
                bar.update()
        contest.reach(rounds, bar.update)
    return contest.race(rounds)


@dataclass(frozen=True)
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
    _contest: _Contest | None = field(default=None, repr=False, compare=False)

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
            _divide(time_of(epochs[slower]), time_of(epochs[faster])) for epochs in self.rounds
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
        self._contest.reach(len(self.rounds) + 1)
        return self._contest.race(len(self.rounds) + 1)

    def median(self, name: str, value: Callable[[Epoch], float]) -> float:
        """The median over the rounds of a value of one pipeline's epochs."""
        return statistics.median(value(epochs[name]) for epochs in self.rounds)

    def figure(self) -> Figure:
        """Draw the time per item of each pipeline: bars are medians, dots are rounds."""
        return _draw(self)

    def describe(self) -> str:
        """The figure in words."""
        lines = [
            f"Bar chart: time per {_singular(self.unit)} of {len(self.names)} pipelines, as a "
            f"ratio to {self.control}, which is 1; shorter is faster."
        ]
        for name in self.names:
            lines.append(f"{name}: {self._time_words(name)}, {self._speed_words(name)}.")
        return "\n".join([*lines, f"Measured on {self.caption}."])

    @property
    def caption(self) -> str:
        """Where and how it was measured, in one line."""
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        rounds = "1 round" if len(self.rounds) == 1 else f"{len(self.rounds)} rounds"
        cores = "1 core" if self.cores == 1 else f"{self.cores} cores"
        return f"{cores}, {self.system}, {rounds}, {self.date}: {versions}"

    def __str__(self) -> str:
        return f"{self._table('simple')}\n{self.caption}"

    def _repr_html_(self) -> str:
        return f"{self._table('html')}\n<p><small>{escape(self.caption)}</small></p>"

    def _table(self, form: str) -> str:
        import tabulate

        rows = [
            [
                name,
                _three_digits(self.median(name, lambda run: run.per_second_overall)),
                f"{self.median(name, lambda run: run.cpu_ms_per_item):.3g}",
                self._time_words(name),
            ]
            for name in self.names
        ]
        headers = [
            "pipeline",
            f"{self.unit}/s",
            f"CPU ms per {_singular(self.unit)}",
            f"time, {self.control} = 1",
        ]
        return tabulate.tabulate(
            rows,
            headers,
            tablefmt=form,
            disable_numparse=True,
            colalign=("left", "right", "right", "left"),
        )

    def _time_words(self, name: str) -> str:
        if name == self.control:
            return "1"
        ratio = self.ratio(name, self.control)
        low, median, high = map(_ratio_digits, (ratio.low, ratio.median, ratio.high))
        return f"{median} ({low} to {high})"

    def _speed_words(self, name: str) -> str:
        speed = self.median(name, lambda run: run.per_second_overall)
        return f"{_three_digits(speed)} {self.unit}/s"


class _Contest:
    """The pipelines of a race, and the log of its rounds, to which rounds are only added."""

    def __init__(
        self,
        pipelines: Mapping[str, Pipeline],
        control: str,
        most_rounds: int,
        items: Callable[[Any], int] | None,
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
            "cores": _cores(),
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
        try:
            return epoch(elements, self._items, clock=self._clock)
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


def _progress(total: int):
    from tqdm import tqdm

    return tqdm(total=total, desc="race", unit="epoch", leave=False, file=sys.stderr)


def _rank(count: int) -> int:
    """How many values from either end the interval of the median of `count` values begins."""
    rank = 1
    while rank < (count + 1) // 2 and _coverage(count, rank + 1) >= 0.92:
        rank += 1
    return rank


def _coverage(count: int, rank: int) -> float:
    """The probability that the `rank`-th values from both ends enclose the median.

    Each value is below the true median as often as a tossed coin shows heads, so the number of
    values below it is binomial (H. A. David, H. N. Nagaraja: Order Statistics, chapter 7.1).
    """
    return max(0.0, 1 - 2 * sum(comb(count, below) for below in range(rank)) / 2**count)


def _descendants_cpu_seconds() -> float:
    import psutil

    # A child that ends while the living are added up moves from one sum to the other; then
    # nobody knows whether it was counted twice, once or not at all, and the count is repeated.
    for _ in range(10):
        ended = _ended_children_seconds()
        living = sum(
            _process_seconds(process) for process in psutil.Process().children(recursive=True)
        )
        if _ended_children_seconds() == ended:
            break
    return ended + living


def _ended_children_seconds() -> float:
    times = os.times()
    return times.children_user + times.children_system


def _process_seconds(process: Any) -> float:
    """CPU time of a process and of its children that ended; 0 when it has vanished."""
    import psutil

    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    # Windows doesn't tell the time of ended children.
    ended = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return times.user + times.system + ended


def _cores() -> int:
    """The cores that this process may use, which a container can make fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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


def _divide(amount: float, seconds: float) -> float:
    return amount / seconds if seconds else inf


def _three_digits(number: float) -> str:
    """1234.5 as 1,230; 12.345 as 12.3."""
    if not isfinite(number):
        return str(number)
    return f"{float(f'{number:.3g}'):,.0f}" if number >= 100 else f"{number:.3g}"


def _ratio_digits(ratio: float) -> str:
    """As many digits as a ratio of times deserves: 0.053, 0.97, 1.02, 8.1, 23."""
    if ratio >= 10:
        return f"{ratio:,.0f}"
    if ratio >= 2:
        return f"{ratio:.1f}"
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.2g}"


def _singular(unit: str) -> str:
    for ending in ("ches", "shes", "sses", "xes"):
        if unit.endswith(ending):
            return unit.removesuffix("es")
    return unit.removesuffix("s")


def _axis_words(race: Race) -> str:
    return f"time per {_singular(race.unit)}, {race.control} = 1 (shorter is faster)"


def _plain(text: str) -> str:
    """Text in which Matplotlib sees no formula."""
    return text.replace("$", r"\$")


# Colours that stay apart for colour-blind eyes and in grey (Okabe and Ito's blue and black);
# the hatches tell the same without colour.
_BAR = {"facecolor": "#56a0d3", "hatch": ""}
_CONTROL_BAR = {"facecolor": "#d9d9d9", "hatch": "//"}
_AGAIN_BAR = {"facecolor": "#f2f2f2", "hatch": ".."}


def _draw(race: Race) -> Figure:
    import textwrap

    from matplotlib.figure import Figure

    labels = [textwrap.fill(_plain(name), 26) for name in race.names]
    lines = [label.count("\n") + 1 for label in labels]
    caption = textwrap.fill(race.caption, 105)
    height = 0.9 + sum(0.34 + 0.16 * count for count in lines) + 0.18 * (caption.count("\n") + 2)
    figure = Figure(figsize=(7, height), layout="constrained")
    axes = figure.subplots()
    widest = 0.0
    position = 0.0
    ticks = []
    for name, line_count in zip(race.names, lines, strict=True):
        ratio = race.ratio(name, race.control)
        room = 0.34 + 0.16 * line_count
        position += room / 2
        ticks.append(position)
        look = _BAR
        if name == race.control:
            look = _CONTROL_BAR
        elif name == _again(race.control):
            look = _AGAIN_BAR
        axes.barh(position, ratio.median, 0.3, edgecolor="#333333", linewidth=0.8, **look)
        end = ratio.median
        if name != race.control:
            # The dots lie a little apart, in the order of the rounds, so that equal ones show.
            spread = len(ratio.values) - 1 or 1
            heights = [position + 0.16 * (i / spread - 0.5) for i in range(len(ratio.values))]
            axes.plot(
                ratio.values,
                heights,
                linestyle="none",
                marker="o",
                markersize=4,
                markerfacecolor="white",
                markeredgecolor="black",
                markeredgewidth=0.8,
            )
            end = max(end, *ratio.values)
        axes.annotate(
            _plain(f"{race._time_words(name)}\n{race._speed_words(name)}"),
            (end, position),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            linespacing=1.25,
            # So that the line at 1 doesn't run through the numbers.
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
        )
        widest = max(widest, end)
        position += room / 2
    axes.axvline(1, color="#333333", linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    axes.set_yticks(ticks, labels, fontsize=10)
    axes.set_ylim(position, 0)
    # A third of the width is for the numbers behind the longest bar.
    axes.set_xlim(0, widest * 1.5)
    axes.set_xticks([tick for tick in axes.get_xticks() if 0 <= tick <= widest * 1.05])
    axes.spines["bottom"].set_bounds(0, widest)
    axes.set_xlabel(textwrap.fill(_plain(_axis_words(race)), 65), loc="left")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_title("Bars: median of the rounds. Dots: the rounds.", fontsize=9, loc="left")
    figure.supxlabel(caption, fontsize=8, color="#555555", x=0.01, ha="left")
    return figure
