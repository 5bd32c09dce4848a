import json
import math
import multiprocessing
import os
import re
import subprocess
import sys
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.measuring import timing
from course_utils.measuring.timing import Epoch, Race, Ratio


class Clock:
    """Seconds that pass only where a pipeline says so: a race with it is exact."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now

    def pipeline(self, seconds, elements=4, noise=()):
        """Elements of 8 items, `seconds` apart; epoch k takes `noise[k]` times as long."""
        epochs = iter(noise)

        def generate():
            factor = next(epochs, 1.0)
            for _ in range(elements):
                self.now += seconds * factor
                yield [0] * 8

        return generate


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")


# CPU time


def burn(seconds):
    """Work until this process has used so much more CPU time."""
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass
    return os.getpid()


def burn_in_a_grandchild(seconds):
    code = (
        "import time\nuntil = time.process_time() + " + str(seconds) + "\n"
        "while time.process_time() < until: pass"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_cpu_time_of_this_process_counts_work_and_not_waiting():
    began = timing.cpu_seconds()
    burn(0.1)
    worked = timing.cpu_seconds() - began
    began = timing.cpu_seconds()
    time.sleep(0.3)
    waited = timing.cpu_seconds() - began
    assert 0.1 <= worked < 0.25
    assert waited < 0.15


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_cpu_time_of_living_and_ended_children_is_counted_once(method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no start method {method} here")
    began = timing.cpu_seconds()
    with multiprocessing.get_context(method).Pool(2) as pool:
        workers = set(pool.map(burn, [0.2, 0.2], chunksize=1))
        living = timing.cpu_seconds() - began
        pool.close()
        pool.join()
    ended = timing.cpu_seconds() - began
    assert workers.isdisjoint({os.getpid()})
    # Starting the workers costs CPU time too, so there is no upper bound to `living`; but what
    # is counted twice while they live would be missing when they have ended.
    assert living >= 0.38
    assert living - 0.1 <= ended < living + 0.5


def test_cpu_time_of_a_grandchild_is_counted_while_its_parent_lives_and_after():
    began = timing.cpu_seconds()
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        pool.map(burn_in_a_grandchild, [0.3])
        living = timing.cpu_seconds() - began
        pool.close()
        pool.join()
    assert living >= 0.28
    assert timing.cpu_seconds() - began >= 0.28


def test_children_that_vanish_while_they_are_counted_do_no_harm():
    children = [
        subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(0.05)"])
        for _ in range(8)
    ]
    last = timing.cpu_seconds()
    while any(child.poll() is None for child in children):
        last = timing.cpu_seconds()
    assert timing.cpu_seconds() >= last - 0.08


# One epoch


def test_an_epoch_times_the_first_element_apart_from_the_rest():
    clock = Clock()

    def generate():
        clock.now += 2.0
        yield [1, 2, 3]
        for _ in range(4):
            clock.now += 0.25
            yield [1, 2]
        clock.now += 0.5

    found = timing.epoch(generate(), len, clock=clock)
    assert (found.elements, found.items, found.first_items) == (5, 11, 3)
    assert (found.first_seconds, found.rest_seconds, found.seconds) == (2.0, 1.5, 3.5)
    assert found.per_second_overall == pytest.approx(11 / 3.5)
    assert found.per_second_after_first == pytest.approx(8 / 1.5)
    assert found.seconds_per_item == pytest.approx(3.5 / 11)
    assert found.cpu_ms_per_item == pytest.approx(1000 * found.cpu_seconds / 11)


def test_building_the_iterator_counts_to_the_first_element():
    clock = Clock()

    class Slow:
        def __iter__(self):
            clock.now += 3.0
            return iter([1, 2])

    assert timing.epoch(Slow(), clock=clock).first_seconds == 3.0


def test_without_a_function_each_element_is_one_item():
    found = timing.epoch(["ab", "cd", "ef"])
    assert (found.elements, found.items, found.first_items) == (3, 3, 1)


def test_an_epoch_of_one_element_has_the_overall_pace():
    clock = Clock()
    found = timing.epoch(clock.pipeline(2.0, elements=1)(), len, clock=clock)
    assert found.per_second_after_first == found.per_second_overall == 4.0


def test_an_empty_epoch_says_what_is_likely():
    spent = iter([1])
    list(spent)
    with pytest.raises(ValueError, match=r"no element.*fresh one"):
        timing.epoch(spent)


def test_items_that_count_nothing_are_refused():
    with pytest.raises(ValueError, match="counted 0 items in 2 elements"):
        timing.epoch([1, 2], lambda element: 0)


def test_waiting_and_working_show_in_the_real_clocks():
    def generate():
        for _ in range(4):
            time.sleep(0.02)
            yield 1
        burn(0.05)

    found = timing.epoch(generate())
    assert found.first_seconds >= 0.02
    assert found.rest_seconds >= 0.06 + 0.05
    assert 0.05 <= found.cpu_seconds < 0.2


def test_an_epoch_shows_itself():
    shown = str(Epoch(64, 0.25, 0.75, 2.0, 2048, 32))
    assert shown == (
        "64 elements, 2,048 items in 1 s (the first after 0.25 s): 2,050 items/s overall, "
        "2,690 after the first element; 0.977 CPU ms per item"
    )


class Shaped:
    def __init__(self, *shape):
        self.shape = shape


@pytest.mark.parametrize(
    ("element", "length"),
    [
        ([1, 2, 3], 3),
        ([], 0),
        (Shaped(32, 224, 224, 3), 32),
        ((Shaped(16, 2), Shaped(16)), 16),
        ({"image": Shaped(8, 2), "label": Shaped(8)}, 8),
        (((Shaped(4, 2), Shaped(4)), Shaped(4)), 4),
        (b"abcde", 5),
    ],
)
def test_the_length_of_a_batch_is_the_first_dimension_of_its_first_component(element, length):
    assert timing.batch_length(element) == length


@pytest.mark.parametrize("element", [7, Shaped(), Shaped(None, 3), (3, 4)])
def test_what_has_no_length_says_what_to_give(element):
    with pytest.raises(TypeError, match="items="):
        timing.batch_length(element)


# Ratios


def ratios(**limits):
    values = st.floats(1e-3, 1e3)
    return st.lists(values, min_size=1, max_size=25, **limits).map(tuple)


@given(ratios())
def test_the_interval_holds_the_median_and_lies_within_the_values(values):
    ratio = Ratio(values)
    assert ratio.low <= ratio.median * (1 + 1e-12)
    assert ratio.median <= ratio.high * (1 + 1e-12)
    assert min(values) <= ratio.low <= ratio.high <= max(values)
    assert ratio.low in values
    assert ratio.high in values


@given(ratios())
def test_the_ratio_the_other_way_round_is_the_inverse(values):
    one, other = Ratio(values), Ratio([1 / value for value in values])
    assert other.median == pytest.approx(1 / one.median)
    assert (other.low, other.high) == pytest.approx((1 / one.high, 1 / one.low))


@given(ratios(), st.floats(1e-3, 1e3))
def test_a_statement_and_its_opposite_are_never_decided_alike(values, bound):
    ratio = Ratio(values)
    above = ratio.against(lambda r: r > bound)
    below = ratio.against(lambda r: not r > bound)
    opposite = {"holds": "broken", "broken": "holds", "undecided": "undecided"}
    assert below == opposite[above]
    if above == "holds":
        assert ratio.median > bound


@given(ratios(), st.randoms())
def test_the_order_of_the_rounds_does_not_matter(values, random):
    shuffled = list(values)
    random.shuffle(shuffled)
    one, other = Ratio(values), Ratio(shuffled)
    assert (one.low, one.median, one.high) == (other.low, other.median, other.high)


@pytest.mark.parametrize(
    ("count", "low", "high", "coverage"),
    [
        (1, 1, 1, 0.0),
        (2, 1, 2, 0.5),
        (5, 1, 5, 1 - 2 / 2**5),
        (7, 1, 7, 1 - 2 / 2**7),
        (8, 2, 7, 1 - 2 * 9 / 2**8),
        (9, 2, 8, 1 - 2 * 10 / 2**9),
        (11, 3, 9, 1 - 2 * 67 / 2**11),
        (15, 4, 12, 1 - 2 * 576 / 2**15),
    ],
)
def test_which_values_bound_the_interval(count, low, high, coverage):
    ratio = Ratio(range(1, count + 1))
    assert (ratio.low, ratio.high) == (low, high)
    assert ratio.coverage == pytest.approx(coverage)
    if count >= 5:
        assert ratio.coverage >= 0.92


def test_the_median_of_an_even_number_is_the_geometric_mean_of_the_middle_two():
    assert Ratio([1, 2, 8, 9]).median == pytest.approx(4)


@pytest.mark.parametrize(
    ("values", "holds", "verdict"),
    [
        ([2.1, 2.2, 2.3, 2.4, 2.5], lambda r: r > 2, "holds"),
        ([2.1, 2.2, 2.3, 2.4, 2.5], lambda r: r > 3, "broken"),
        ([1.9, 2.2, 2.3, 2.4, 2.5], lambda r: r > 2, "undecided"),
        ([0.98, 0.99, 1.0, 1.01, 1.02], lambda r: 0.9 < r < 1.1, "holds"),
        ([0.5, 0.5, 2.0, 2.0, 2.0], lambda r: 0.9 < r < 1.1, "undecided"),
        ([2.0] * 5, lambda r: r > 2, "broken"),
    ],
)
def test_a_statement_is_decided_only_where_the_whole_interval_agrees(values, holds, verdict):
    assert Ratio(values).against(holds) == verdict


@pytest.mark.parametrize("values", [(), (1, 0), (-1,), (math.inf,), (math.nan, 1)])
def test_a_ratio_of_what_was_not_measured_is_refused(values):
    with pytest.raises(ValueError, match="at least one value"):
        Ratio(values)


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([7.6, 8.0, 8.1, 8.3, 8.8], "8.1 (7.6 to 8.8, 5 rounds)"),
        ([0.97, 1.0, 1.02, 1.03, 1.04], "1.02 (0.97 to 1.04, 5 rounds)"),
        ([0.0312], "0.031 (0.031 to 0.031, 1 round)"),
        ([1234.0, 165.2], "452 (165 to 1,234, 2 rounds)"),
    ],
)
def test_a_ratio_shows_its_spread(values, shown):
    assert str(Ratio(values)) == shown


def test_a_ratio_from_values_alone_has_no_more_rounds():
    ratio = Ratio([1.0, 2.0])
    assert ratio.more() is None
    assert ratio == Ratio((1.0, 2.0))


# Races


def test_a_race_measures_what_its_pipelines_cost():
    clock = Clock()
    found = timing.race(
        {"slow": clock.pipeline(3.0), "fast": clock.pipeline(0.5)},
        control="fast",
        rounds=3,
        clock=clock,
    )
    assert found.names == ("slow", "fast", "fast again")
    assert found.ratio("slow", "fast").values == (6.0, 6.0, 6.0)
    assert found.ratio("fast", "slow").median == pytest.approx(1 / 6)
    assert found.ratio("fast again", "fast").values == (1.0, 1.0, 1.0)
    assert [list(epochs) for epochs in found.rounds] == [list(found.names)] * 3
    assert all(epochs["slow"].items == 32 for epochs in found.rounds)


def test_times_are_compared_per_item_where_the_epochs_differ_in_length():
    clock = Clock()
    found = timing.race(
        {"long": clock.pipeline(1.0, elements=8), "short": clock.pipeline(1.0, elements=2)},
        control="short",
        rounds=1,
        clock=clock,
    )
    assert found.ratio("long", "short").values == (1.0,)


def test_each_round_has_another_order_and_the_control_runs_twice():
    ran = []

    def pipeline(name):
        def generate():
            ran.append(name)
            yield [1]

        return generate

    names = ["a", "b", "c"]
    timing.race({name: pipeline(name) for name in names}, control="b", rounds=4)
    assert ran[:3] == names
    rounds = [ran[3 + 4 * number :][:4] for number in range(4)]
    assert rounds == [
        ["a", "b", "c", "b"],
        ["b", "a", "b", "c"],
        ["c", "b", "a", "b"],
        ["b", "c", "b", "a"],
    ]


def test_no_pipeline_keeps_its_place_or_its_neighbour():
    names = list("abcde")
    orders = [timing._order(names, number) for number in range(10)]
    assert all(sorted(order) == names for order in orders)
    for name in names:
        assert {order.index(name) for order in orders} == set(range(5))
        before = {pair[0] for order in orders for pair in pairwise(order) if pair[1] == name}
        assert len(before) == 2


def test_without_warm_up_the_first_epoch_counts():
    clock = Clock()
    slow_start = {"a": clock.pipeline(1.0, noise=[50.0]), "b": clock.pipeline(1.0)}
    cold = timing.race(slow_start, control="b", rounds=3, warm_up=False, clock=clock)
    assert max(cold.ratio("a", "b").values) == 50.0
    slow_start = {"a": clock.pipeline(1.0, noise=[50.0]), "b": clock.pipeline(1.0)}
    warm = timing.race(slow_start, control="b", rounds=3, clock=clock)
    assert warm.ratio("a", "b").values == (1.0, 1.0, 1.0)


def noisy_race(rounds, most_rounds, noise):
    """ "a" takes `noise[k]` times as long as the control in round k."""
    clock = Clock()
    return timing.race(
        {"a": clock.pipeline(1.0, noise=[1.0, *noise]), "b": clock.pipeline(1.0)},
        control="b",
        rounds=rounds,
        most_rounds=most_rounds,
        clock=clock,
    )


def test_noise_adds_rounds_until_the_verdict_falls():
    ratio = noisy_race(5, 15, [3, 1, 3, 3, 3, 3, 3, 3, 3]).ratio("a", "b")
    verdicts = [ratio.against(lambda r: r > 2)]
    while verdicts[-1] == "undecided":
        ratio = ratio.more()
        verdicts.append(ratio.against(lambda r: r > 2))
    assert verdicts == ["undecided", "undecided", "undecided", "holds"]
    assert ratio.values == (3, 1, 3, 3, 3, 3, 3, 3)


def test_noise_that_stays_ends_at_the_limit_undecided():
    ratio = noisy_race(5, 8, [1, 3] * 10).ratio("a", "b")
    last = ratio
    while (longer := last.more()) is not None:
        assert longer.against(lambda r: r > 2) == "undecided"
        last = longer
    assert len(last.values) == 8
    assert last.more() is None


def test_a_round_is_run_once_however_many_ask_for_it():
    found = noisy_race(2, 4, [1, 2, 3, 4])
    longer = found.ratio("a", "b").more()
    again = found.ratio("a", "b").more()
    assert longer.values == again.values == (1, 2, 3)
    assert found.ratio("b again", "b").more().values == (1, 1, 1)
    assert found.more().ratio("a", "b").values == (1, 2, 3)
    assert len(found.rounds) == 2
    assert found.more().more().more() is None


def test_a_race_made_from_its_rounds_alone_has_no_more():
    epochs = {"a": Epoch(1, 1, 0, 2, 8, 8), "a again": Epoch(1, 2, 0, 1, 8, 8)}
    found = Race(("a", "a again"), "a", "rows", (epochs,), 2, {}, "Linux", "2026-01-01")
    assert found.more() is None
    assert found.ratio("a again", "a").values == (2.0,)
    assert found.ratio("a again", "a", of="cpu").values == (0.5,)
    assert found.ratio("a", "a again").more() is None


def test_waiting_twenty_times_as_long_takes_many_times_as_long():
    def waits(count):
        def generate():
            for _ in range(count):
                time.sleep(0.005)
            yield [0]

        return generate

    found = timing.race({"1": waits(1), "20": waits(20)}, control="1", rounds=3, warm_up=False)
    assert found.ratio("20", "1").against(lambda r: r > 2) == "holds"


def test_cpu_time_is_compared_apart_from_waiting():
    def work(seconds, wait):
        def generate():
            burn(seconds)
            time.sleep(wait)
            yield [0]

        return generate

    found = timing.race(
        {"works": work(0.1, 0), "waits": work(0.01, 0.2)}, control="waits", rounds=2
    )
    assert found.ratio("works", "waits", of="cpu").low > 2


def test_a_dataset_is_raced_as_it_is(python):
    shown = python("""
import json, numpy as np, tensorflow as tf
from course_utils.measuring.timing import race
dataset = tf.data.Dataset.from_tensor_slices((np.zeros((64, 2)), np.zeros(64))).batch(16)
found = race({"dataset": dataset, "made": lambda: dataset.map(lambda x, y: {"x": x, "y": y})},
             control="dataset", rounds=1)
epochs = found.rounds[0]
print(json.dumps([[epochs[name].elements, epochs[name].items] for name in found.names]))
""")
    assert json.loads(shown) == [[4, 64]] * 3


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"control": "z"}, ValueError, "control='z' is none of the pipelines: a, b"),
        ({"rounds": 0}, ValueError, "rounds=0"),
        ({"rounds": 9, "most_rounds": 8}, ValueError, "most_rounds=8"),
        ({"pipelines": {}}, ValueError, "none given"),
        ({"pipelines": {"a": (i for i in [1])}}, TypeError, "gives its elements once"),
        ({"pipelines": {"a": 3}}, TypeError, "'a' is a int"),
        ({"pipelines": {"a": [[1]], "a again": [[1]]}}, ValueError, "'a again' is kept"),
    ],
)
def test_a_race_that_cannot_be_run_says_why(arguments, error, words):
    arguments = {"pipelines": {"a": [[1]], "b": [[1]]}, "control": "a"} | arguments
    with pytest.raises(error, match=re.escape(words)):
        timing.race(**arguments)


def test_a_pipeline_that_ends_is_named():
    once = iter([[1], [2]])
    with pytest.raises(ValueError, match="no element") as raised:
        timing.race({"spent": lambda: once}, control="spent")
    assert raised.value.__notes__ == ["while the race timed the pipeline 'spent'"]


def test_a_ratio_of_what_did_not_run_names_what_did():
    found = noisy_race(1, 1, [1])
    with pytest.raises(ValueError, match=r"no pipeline 'c'.*a, b, b again"):
        found.ratio("a", "c")
    with pytest.raises(ValueError, match="of='wall'"):
        found.ratio("a", "b", of="wall")


# What a race shows


@pytest.fixture
def shown_race():
    def epochs(a, b, again):
        return {
            "decode & <resize>": Epoch(4, a / 4, 3 * a / 4, a, 1000, 250),
            "the control": Epoch(4, b / 4, 3 * b / 4, 2 * b, 1000, 250),
            "the control again": Epoch(4, again / 4, 3 * again / 4, 2 * again, 1000, 250),
        }

    rounds = (epochs(3, 1, 1.1), epochs(3.5, 1, 0.9), epochs(4, 1, 1))
    versions = {"Python": "3.11.7", "TensorFlow": "2.21.0"}
    names = tuple(rounds[0])
    return Race(names, names[1], "pictures", rounds, 2, versions, "Linux x86_64", "2026-11-20")


def test_a_race_is_a_table_in_a_terminal(shown_race):
    rows = [re.split(r" {2,}", line.strip()) for line in str(shown_race).splitlines()]
    assert rows[0] == ["pipeline", "pictures/s", "CPU ms per picture", "time, the control = 1"]
    assert rows[2:] == [
        ["decode & <resize>", "286", "3.5", "3.5 (3.0 to 4.0)"],
        ["the control", "1,000", "2", "1"],
        ["the control again", "1,000", "2", "1.00 (0.90 to 1.10)"],
        ["2 cores, Linux x86_64, 3 rounds, 2026-11-20: Python 3.11.7, TensorFlow 2.21.0"],
    ]


def test_a_race_is_a_table_in_a_notebook(shown_race):
    html = shown_race._repr_html_()
    assert html.count("<tr>") == 4
    assert "decode &amp; &lt;resize&gt;" in html
    assert "2 cores, Linux x86_64, 3 rounds" in html


def test_the_text_twin_says_what_the_figure_shows(shown_race):
    assert shown_race.describe().splitlines() == [
        "Bar chart: time per picture of 3 pipelines, as a ratio to the control, which is 1; "
        "shorter is faster.",
        "decode & <resize>: 3.5 (3.0 to 4.0), 286 pictures/s.",
        "the control: 1, 1,000 pictures/s.",
        "the control again: 1.00 (0.90 to 1.10), 1,000 pictures/s.",
        "Measured on 2 cores, Linux x86_64, 3 rounds, 2026-11-20: "
        "Python 3.11.7, TensorFlow 2.21.0.",
    ]


def test_the_figure_has_a_bar_for_each_pipeline_and_a_dot_for_each_round(shown_race):
    axes = shown_race.figure().axes[0]
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([3.5, 1, 1])
    assert len({bar.get_hatch() for bar in axes.patches}) == 3
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    assert [list(line.get_xdata()) for line in dots] == [
        pytest.approx([3, 3.5, 4]),
        pytest.approx([1.1, 0.9, 1]),
    ]
    assert "time per picture, the control = 1" in axes.get_xlabel()


LONG = "a generator that yields one picture per element and decodes it in Python"


@pytest.mark.parametrize(
    "names",
    [
        ("a", "b"),
        (LONG, "threads"),
        ("cost: $1 or $2", "averylongnamewithoutanyspaceinit" * 2),
        tuple("abcdefghijkl"),
    ],
)
@pytest.mark.parametrize("factor", [0.01, 1.0, 200.0])
def test_nothing_in_the_figure_is_clipped_or_overlaps(names, factor):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    names = (*names, f"{names[0]} again")
    rounds = [
        {
            name: Epoch(4, 0.0, (1 + noise) * factor ** (place % 2), 1.0, 1000, 250)
            for place, name in enumerate(names)
        }
        for noise in (0, 0.1, 0.4)
    ]
    versions = {"Python": "3.11.7", "TensorFlow": "2.21.0", "Keras": "3.15.1", "NumPy": "2.4.6"}
    race = Race(names, names[0], "pictures", tuple(rounds), 2, versions, "Linux", "2026-01-01")
    figure = race.figure()
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    axes = figure.axes[0]
    width, height = figure.bbox.width, figure.bbox.height
    texts = [*axes.get_yticklabels(), *axes.texts, axes.xaxis.label, *figure.texts]
    boxes = [text.get_window_extent(renderer) for text in texts if text.get_text()]
    assert len(boxes) == 2 * len(names) + 2
    for box in boxes:
        assert box.x0 >= 0
        assert box.x1 <= width
        assert box.y0 >= 0
        assert box.y1 <= height
    for index, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[index + 1 :])


@pytest.mark.parametrize(("disable", "shown"), [("", True), ("1", False)])
def test_the_progress_bar_goes_to_standard_error_and_can_be_turned_off(disable, shown):
    code = (
        "from course_utils.measuring.timing import race\nrace({'a': [[1]]}, control='a', rounds=1)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TQDM_DISABLE": disable}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == ""
    assert ("race" in done.stderr) == shown


def test_importing_brings_no_heavy_library(python):
    shown = python(
        "import sys, course_utils.measuring.timing\n"
        "names = ('tensorflow', 'matplotlib', 'psutil', 'numpy', 'tabulate', 'tqdm')\n"
        "print([name for name in names if name in sys.modules])"
    )
    assert shown.strip() == "[]"
