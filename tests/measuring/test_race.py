import gc
import os
import re
import subprocess
import sys
import time
from itertools import pairwise

import pytest

from course_utils.measuring.race import Race, _order, race
from course_utils.measuring.timing import Epoch


def test_a_race_measures_what_its_pipelines_cost(clock):
    found = race(
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


def test_times_are_compared_per_item_where_the_epochs_differ_in_length(clock):
    found = race(
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
    race({name: pipeline(name) for name in names}, control="b", rounds=4)
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
    orders = [_order(names, number) for number in range(10)]
    assert all(sorted(order) == names for order in orders)
    for name in names:
        assert {order.index(name) for order in orders} == set(range(5))
        before = {pair[0] for order in orders for pair in pairwise(order) if pair[1] == name}
        assert len(before) == 2


def test_without_warm_up_the_first_epoch_counts(clock):
    slow_start = {"a": clock.pipeline(1.0, noise=[50.0]), "b": clock.pipeline(1.0)}
    cold = race(slow_start, control="b", rounds=3, warm_up=False, clock=clock)
    assert max(cold.ratio("a", "b").values) == 50.0
    slow_start = {"a": clock.pipeline(1.0, noise=[50.0]), "b": clock.pipeline(1.0)}
    warm = race(slow_start, control="b", rounds=3, clock=clock)
    assert warm.ratio("a", "b").values == (1.0, 1.0, 1.0)


@pytest.fixture
def noisy_race(clock):
    """ "a" takes `noise[k]` times as long as the control in round k."""

    def run(rounds, most_rounds, noise):
        return race(
            {"a": clock.pipeline(1.0, noise=[1.0, *noise]), "b": clock.pipeline(1.0)},
            control="b",
            rounds=rounds,
            most_rounds=most_rounds,
            clock=clock,
        )

    return run


def test_noise_adds_rounds_until_the_verdict_falls(noisy_race):
    ratio = noisy_race(5, 15, [3, 1, 3, 3, 3, 3, 3, 3, 3]).ratio("a", "b")
    verdicts = [ratio.against(lambda r: r > 2)]
    while verdicts[-1] == "undecided":
        ratio = ratio.more()
        verdicts.append(ratio.against(lambda r: r > 2))
    assert verdicts == ["undecided", "undecided", "undecided", "holds"]
    assert ratio.values == (3, 1, 3, 3, 3, 3, 3, 3)


def test_noise_that_stays_ends_at_the_limit_undecided(noisy_race):
    ratio = noisy_race(5, 8, [1, 3] * 10).ratio("a", "b")
    last = ratio
    while (longer := last.more()) is not None:
        assert longer.against(lambda r: r > 2) == "undecided"
        last = longer
    assert len(last.values) == 8
    assert last.more() is None


def test_a_round_is_run_once_however_many_ask_for_it(noisy_race):
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

    found = race({"1": waits(1), "20": waits(20)}, control="1", rounds=3, warm_up=False)
    ratio = found.ratio("20", "1")
    # A busy machine may hold up one wait of 5 ms for long: then more rounds decide.
    while ratio.against(lambda r: r > 2) == "undecided" and (longer := ratio.more()):
        ratio = longer
    assert ratio.against(lambda r: r > 2) == "holds"


def test_cpu_time_is_compared_apart_from_waiting():
    def work(seconds, wait):
        def generate():
            until = time.process_time() + seconds
            while time.process_time() < until:
                pass
            time.sleep(wait)
            yield [0]

        return generate

    pipelines = {"works": work(0.1, 0), "waits": work(0.01, 0.2)}
    found = race(pipelines, control="waits", rounds=2, warm_up=False)
    assert found.ratio("works", "waits", of="cpu").low > 2


def test_a_dataset_is_raced_as_it_is(tensorflow_children):
    assert tensorflow_children[0]["race"] == [[4, 64]] * 3


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
        race(**arguments)


def test_a_pipeline_that_ends_is_named():
    once = iter([[1], [2]])
    with pytest.raises(ValueError, match="no element") as raised:
        race({"spent": lambda: once}, control="spent")
    assert raised.value.__notes__ == ["while the race timed the pipeline 'spent'"]


def test_a_ratio_of_what_did_not_run_names_what_did(noisy_race):
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
    assert rows[0] == ["pipeline", "pictures/s", "CPU ms per picture", "time (control = 1)"]
    assert rows[2:] == [
        ["decode & <resize>", "286", "3.5", "3.5 (3.0 to 4.0)"],
        ["the control", "1,000", "2", "1"],
        ["the control again", "1,000", "2", "1.00 (0.90 to 1.10)"],
        ["2 cores, Linux x86_64, 3 rounds, 2026-11-20: Python 3.11.7, TensorFlow 2.21.0"],
    ]


def test_a_races_plain_text_in_a_notebook_is_the_table(shown_race):
    assert repr(shown_race) == str(shown_race)
    assert "Epoch" not in repr(shown_race)


def test_a_race_is_a_table_in_a_notebook(shown_race):
    html = shown_race._repr_html_()
    assert html.count("<tr>") == 4
    assert "decode &amp; &lt;resize&gt;" in html
    assert "2 cores, Linux x86_64, 3 rounds" in html
    sides = re.findall(r'<t[hd] style="text-align: (\w+);">', html)
    assert sides == ["left", "right", "right", "left"] * 4


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
    assert axes.get_xlabel() == ("time per picture, relative to “the control” (shorter is faster)")


def test_the_items_can_be_given_for_each_pipeline():
    ways = {"a": [1, 2], "b": [[1, 2, 3]]}
    measured = race(ways, control="a", items={"a": 2, "b": 3}, rounds=1, warm_up=False)
    assert {name: run.items for name, run in measured.rounds[0].items()} == {
        "a": 2,
        "a again": 2,
        "b": 3,
    }
    with pytest.raises(ValueError, match="items= counts a, and the pipelines are a, b: give a"):
        race(ways, control="a", items={"a": 2})


def test_pipelines_far_apart_are_drawn_on_a_logarithmic_axis():
    names = ("slow", "fast", "slow again")
    seconds = {"slow": 1.0, "fast": 0.001, "slow again": 1.1}
    rounds = [{name: Epoch(4, 0.0, seconds[name], 1.0, 1000, 250) for name in names}] * 2
    shown = Race(names, "slow", "numbers", tuple(rounds), 2, {}, "Linux", "2026-01-01")
    axes = shown.figure().axes[0]
    assert axes.get_xscale() == "log"
    squares = [line.get_xdata() for line in axes.lines if line.get_marker() == "s"]
    assert [list(at) for at in squares] == [[1], pytest.approx([0.001]), pytest.approx([1.1])]
    assert list(axes.patches) == []
    ticks = [tick.get_text() for tick in axes.get_xticklabels()]
    assert ticks == ["0.001", "0.01", "0.1", "1"]
    assert shown.describe().startswith("Logarithmic chart: time per number of 3 pipelines")


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
    shown = Race(names, names[0], "pictures", tuple(rounds), 2, versions, "Linux", "2026-01-01")
    figure = shown.figure()
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
    code = "from course_utils.measuring.race import race\nrace({'a': [[1]]}, control='a', rounds=1)"
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
        "import sys, course_utils.measuring.race\n"
        "names = ('tensorflow', 'matplotlib', 'psutil', 'numpy', 'tabulate', 'tqdm')\n"
        "print([name for name in names if name in sys.modules])"
    )
    assert shown.strip() == "[]"


def test_a_race_freezes_what_lives_and_thaws_it_again(clock):
    gc.unfreeze()  # the module's fixture has frozen pytest's own objects
    seen = []

    def looking():
        seen.append(gc.get_freeze_count() > 0)
        yield from clock.pipeline(1)()

    def failing():
        raise OSError("no such disk")
        yield

    try:
        found = race({"a": looking}, control="a", rounds=1, clock=clock)
        assert gc.get_freeze_count() == 0
        found.more()
        assert gc.get_freeze_count() == 0
        with pytest.raises(OSError, match="no such disk"):
            race({"a": failing}, control="a", rounds=1, clock=clock)
        assert gc.get_freeze_count() == 0
        gc.freeze()  # what a program has frozen itself stays so
        race({"a": looking}, control="a", rounds=1, clock=clock)
        assert gc.get_freeze_count() > 0
    finally:
        gc.freeze()
    assert seen == [True] * 8  # a warm-up and a round; one round more; and the first again
