import base64
import html
import json
import re
import subprocess
import sys

import ipywidgets
import nbformat
import pytest
from nbclient import NotebookClient

from course_utils.classroom import figures
from course_utils.classroom.explorer import explore
from course_utils.measuring.simulate import Stage, simulate

VIEW = "application/vnd.jupyter.widget-view+json"


def drawn(explorer):
    """The SVG that the chart shows now."""
    data = re.search(r"base64,([^\"]+)", explorer.chart.value).group(1)
    return base64.b64decode(data).decode()


def lanes(explorer):
    return explorer.run.timeline.lanes


def test_it_begins_with_the_values_given():
    explorer = explore(read=30, decode=5, train=10, workers=2, buffer=3, cores=4)
    values = {name: control.value for name, control in explorer.controls.items()}
    assert values == {
        "read": 30,
        "decode": 5,
        "train": 10,
        "bursts": False,
        "prefetch": True,
        "workers": 2,
        "buffer": 3,
        "gil": "nobody",
        "cores": 4,
    }
    stages = [
        Stage("read", 0.03, workers=2),
        Stage("decode", 0.005, workers=2, ahead=3, computes=True),
    ]
    expected = simulate(stages, consumer=Stage("train", 0.01), items=12, cores=4)
    assert explorer.run.spans == expected.spans


def test_each_change_is_simulated_once(monkeypatch):
    called = []

    def counted(*args, **kwargs):
        called.append(kwargs)
        return simulate(*args, **kwargs)

    monkeypatch.setattr("course_utils.classroom.explorer.simulate", counted)
    explorer = explore()
    assert len(called) == 1
    explorer.controls["workers"].value = 4
    assert len(called) == 2
    explorer._repr_mimebundle_()
    assert len(called) == 2
    assert explorer.start.seconds > explorer.run.seconds


def test_a_slider_draws_the_chart_anew():
    explorer = explore(read=30, decode=10, train=10)
    before = drawn(explorer)
    assert "decode 2" not in before
    assert explorer.line.value.startswith("25 photos a second")
    explorer.controls["workers"].value = 4
    after = drawn(explorer)
    assert "decode 4" in after
    assert explorer.line.value.startswith("100 photos a second")
    assert lanes(explorer) == ("decode 1", "decode 2", "decode 3", "decode 4", "train")
    explorer.controls["workers"].value = 1
    assert drawn(explorer) == before


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("read", 60),
        ("decode", 40),
        ("train", 55),
        ("bursts", False),
        ("prefetch", False),
        ("workers", 3),
        ("buffer", 1),
        ("gil", "decode and train"),
        ("cores", 1),
    ],
)
def test_every_control_changes_the_chart_and_its_words(name, value):
    # Of what comes evenly, one place ahead is as good as two: so in bursts.
    explorer = explore(read=5, bursts=True, decode=30, train=20, workers=2, buffer=2, cores=2)
    shown = drawn(explorer), explorer.words.value, explorer.line.value
    explorer.controls[name].value = value
    assert drawn(explorer) != shown[0]
    assert explorer.words.value != shown[1]


def test_picture_words_and_line_say_the_same():
    explorer = explore(workers=3)
    explorer.controls["train"].value = 7
    words = explorer.run.describe()
    assert drawn(explorer) == figures.as_svg(explorer.run.figure(), words).svg
    assert html.unescape(re.search('alt="([^"]*)"', explorer.chart.value).group(1)) == words
    for line in words.splitlines():
        assert html.escape(line) in explorer.words.value
    share = f"{explorer.run.idle_share:.0%}"
    assert explorer.line.value.endswith(f"idle for {share} of the time after the first photo.")


def test_without_prefetch_the_step_calls_and_waits():
    explorer = explore(read=20, decode=10, train=20, workers=4)
    explorer.controls["prefetch"].value = False
    assert lanes(explorer) == ("train",)
    assert explorer.run.seconds == pytest.approx(12 * 0.05)
    assert [explorer.controls[name].disabled for name in ("workers", "buffer")] == [True, True]
    explorer.controls["prefetch"].value = True
    assert [explorer.controls[name].disabled for name in ("workers", "buffer")] == [False, False]
    assert lanes(explorer) == ("decode 1", "decode 2", "decode 3", "decode 4", "train")


def test_a_buffer_helps_where_photos_come_in_bursts():
    explorer = explore(read=10, decode=0, train=10, bursts=True, buffer=1)
    rates = []
    for places in (1, 3, 6):
        explorer.controls["buffer"].value = places
        rates.append(explorer.run.per_second)
    assert rates == pytest.approx([60, 75, 100], rel=0.01)
    explorer.controls["bursts"].value = False
    explorer.controls["buffer"].value = 1
    assert explorer.run.per_second == pytest.approx(100)


def test_who_holds_the_gil():
    explorer = explore(read=0, decode=20, train=20, workers=2, cores=8)
    overlap = {}
    for holder in ("nobody", "decode", "decode and train"):
        explorer.controls["gil"].value = holder
        timeline = explorer.run.timeline
        overlap[holder] = (
            timeline.most_at_once("decode"),
            timeline.overlap("decode", "train") > 0,
        )
    assert overlap == {
        "nobody": (2, True),
        "decode": (1, True),
        "decode and train": (1, False),
    }


def test_nothing_is_drawn_while_a_slider_moves():
    explorer = explore()
    sliders = [c for c in explorer.controls.values() if isinstance(c, ipywidgets.IntSlider)]
    assert len(sliders) == 6
    assert not any(slider.continuous_update for slider in sliders)


def test_the_widget_holds_controls_and_chart():
    explorer = explore()

    def inside(widget):
        yield widget
        for child in getattr(widget, "children", ()):
            yield from inside(child)

    everything = list(inside(explorer.widget()))
    shown = [*explorer.controls.values(), explorer.chart, explorer.line, explorer.words]
    assert all(any(each is one for one in everything) for each in shown)


def test_where_no_widget_runs_the_same_output_is_the_first_chart():
    explorer = explore(train=35)
    still = figures.as_svg(explorer.run.figure(), explorer.run.describe())
    explorer.controls["train"].value = 70
    bundle = explorer._repr_mimebundle_()
    assert bundle["image/svg+xml"] == still.svg
    assert bundle["text/plain"] == still.alt == repr(explorer)
    assert VIEW in bundle


def test_two_executed_notebooks_differ_in_nothing_that_is_compared():
    source = "from course_utils.classroom import explorer, figures\nfigures.style()\n"
    outputs = []
    for _ in range(2):
        cells = [nbformat.v4.new_code_cell(f"{source}explorer.explore(workers=2)")]
        book = nbformat.v4.new_notebook(cells=cells)
        NotebookClient(book, timeout=60, kernel_name="python3").execute()
        (output,) = book.cells[0].outputs
        assert set(output.data) == {VIEW, "image/svg+xml", "text/plain"}
        del output.data[VIEW]  # its id is random
        outputs.append(json.dumps(output.data, sort_keys=True))
    assert outputs[0] == outputs[1]


def test_it_imports_no_tensorflow():
    code = (
        "import sys; from course_utils.classroom.explorer import explore; print(explore()); "
        "print([name for name in ('tensorflow', 'keras') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Simulated: 12 items in ")
    assert done.stdout.endswith("[]\n")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"read": 101}, "read is 101. A whole number of milliseconds from 0 to 100"),
        ({"train": 0.02}, r"train is 0\.02"),
        ({"workers": 0}, "workers is 0. A whole number from 1 to 8"),
        ({"buffer": 9}, "buffer is 9"),
        ({"cores": True}, "cores is True"),
        ({"prefetch": 1}, "prefetch is True or False, not 1"),
        ({"gil": "train"}, "gil is one of 'nobody', 'decode', 'decode and train', not 'train'"),
    ],
)
def test_other_values_are_refused(values, words):
    with pytest.raises(ValueError, match=words):
        explore(**values)
