import contextlib
import logging
import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import nbformat
import pytest

from course_utils.classroom import warns

ROOT = Path(__file__).parents[2]
# Loggers below those that are caught: to make one named "absl" here would be in absl's way.
NAMES = ("tensorflow.test", "absl.test", "keras.test")
LOGS = [logging.getLogger(name) for name in NAMES]


def warn(text="one", category=UserWarning):
    warnings.warn(text, category, stacklevel=2)


def test_each_warning_is_printed_with_its_kind(capsys):
    with warns() as warned:
        warn("one")
        warn("two", RuntimeWarning)
    assert capsys.readouterr() == ("UserWarning: one\nRuntimeWarning: two\n", "")
    assert warned.messages == ("one", "two")


def test_log_records_are_warnings_too(capsys, caplog):
    with warns() as warned:
        LOGS[0].warning("%d of %d", 1, 2)
        LOGS[1].error("bad")
        LOGS[2].warning("three")
        warn("four")
    assert capsys.readouterr() == ("WARNING: 1 of 2\nERROR: bad\nWARNING: three\n"
                                   "UserWarning: four\n", "")  # fmt: skip
    assert warned.messages == ("1 of 2", "bad", "three", "four")
    assert caplog.records == []


def test_other_records_go_where_they_go(capsys, caplog):
    caplog.set_level(logging.INFO)
    with warns() as warned:
        LOGS[0].info("loading")
        logging.getLogger("tensorflows").warning("of somebody else")
        warn()
    assert [record.getMessage() for record in caplog.records] == ["loading", "of somebody else"]
    assert warned.messages == ("one",)


def test_what_is_said_again_is_counted(capsys, tmp_path):
    with warns() as warned:
        for number in range(3):
            warn(f"no photo in {tmp_path}/{number}/a.jpg")
            if number:
                LOGS[0].warning("slow")
    assert capsys.readouterr().out == (
        "UserWarning: no photo in …/a.jpg (3 times)\nWARNING: slow (2 times)\n"
    )
    assert len(warned.messages) == 5


def test_warnings_are_cleaned_wrapped_and_cut(capsys):
    with warns() as warned:
        warn("in /data/photos/a.jpg at 0x7f12ab34cd56")
        warn("one two three four " * 10)
        warn("\n".join(map(str, range(50))))
        warn("")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "UserWarning: in …/a.jpg at 0x…"
    assert max(map(len, lines)) <= 92
    assert "[… 39 lines left out …]" in lines
    assert lines[-2:] == ["49", "UserWarning"]
    assert len(lines) == 1 + 3 + 12 + 1
    assert warned.messages[0] == "in …/a.jpg at 0x…"


def test_the_place_of_the_call_is_left_out_of_tensorflows_records(capsys):
    with warns() as warned:
        LOGS[0].warning("From %s: calling f is deprecated.\nUse g", "/a b/c: d/e.py:12")
        LOGS[0].warning("From /tmp/ipykernel_12/345.py:1: calling f is deprecated.\nUse g")
        LOGS[0].warning(r"From C:\Users\Jane Doe\e.py:7: calling f is deprecated." "\nUse g")
        LOGS[0].warning("From 3: no place")
    assert capsys.readouterr().out == (
        "WARNING: calling f is deprecated.\nUse g (3 times)\nWARNING: From 3: no place\n"
    )
    assert warned.messages[0] == "calling f is deprecated.\nUse g"


def test_the_same_line_of_code_warns_each_time(capsys):
    for _ in range(2):
        with warns() as warned:
            for _ in range(2):
                warn()
        assert warned.messages == ("one", "one")
    assert capsys.readouterr().out == "UserWarning: one (2 times)\n" * 2


def test_what_a_cell_before_has_ignored_or_silenced_is_said(capsys, monkeypatch):
    monkeypatch.setattr(LOGS[0], "level", logging.CRITICAL)
    monkeypatch.setattr(LOGS[1], "filters", [lambda record: False])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with warns() as warned:
            warn()
            LOGS[0].warning("two")
            LOGS[1].warning("three")
    assert warned.messages == ("one", "two", "three")


def test_warnings_that_are_errors_are_warnings_here():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with warns() as warned:
            warn()
        assert warned.messages == ("one",)
        with pytest.raises(UserWarning):
            warn()


def test_of_deprecations_those_of_the_learners_own_code_are_shown(capsys):
    call = "import warnings; warnings.warn({text!r}, {kind}, stacklevel=1)"
    with warns() as warned:
        for kind in ("DeprecationWarning", "PendingDeprecationWarning", "ResourceWarning"):
            for name in ("__main__", "keras.core"):
                exec(call.format(text=f"{kind} in {name}", kind=kind), {"__name__": name})
        exec(call.format(text="future", kind="FutureWarning"), {"__name__": "keras.core"})
    assert warned.messages == ("DeprecationWarning in __main__", "future")


def test_warnings_of_other_threads_are_caught(capsys):
    def run():
        warn()
        LOGS[0].warning("two")

    with warns() as warned:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    assert warned.messages == ("one", "two")
    assert capsys.readouterr().err == ""


def test_nothing_warned_of_fails(capsys):
    with (
        pytest.raises(AssertionError, match=r"^A warning was expected here, but none was given"),
        warns(),
    ):
        LOGS[0].info("loading")
    assert capsys.readouterr().out == ""


def test_a_part_of_the_text_is_asked_for(capsys):
    with warns(contains="own"):
        warn("brown")
        warn("blue")
    assert capsys.readouterr().out == "UserWarning: brown\nUserWarning: blue\n"
    with (
        pytest.raises(AssertionError, match=r"contains 'red' was .*does:\nUserWarning: blue$"),
        warns("red"),
    ):
        warn("blue")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("contains", ["", 3, UserWarning])
def test_what_is_asked_for_is_a_text(contains):
    with pytest.raises(TypeError, match="contains is a text of the warning, not"):
        warns(contains)


@pytest.mark.parametrize("kind", [ValueError, AssertionError, KeyboardInterrupt])
def test_an_exception_passes_through_after_the_warnings(capsys, kind):
    error = kind("mine")

    def fail():
        warn()
        raise error

    with pytest.raises(kind) as caught, warns(contains="never said") as warned:
        fail()
    assert caught.value is error
    assert capsys.readouterr().out == "UserWarning: one\n"
    assert warned.messages == ("one",)
    with pytest.raises(kind) as caught, warns():
        raise error
    assert caught.value is error


def test_the_inner_of_two_blocks_catches(capsys):
    with warns() as outer:
        with warns() as inner:
            warn()
            LOGS[0].warning("two")
        warn("three")
        LOGS[0].warning("four")
    assert inner.messages == ("one", "two")
    assert outer.messages == ("three", "four")


@pytest.mark.parametrize("error", [None, ValueError])
def test_everything_is_as_before(error, monkeypatch):
    def state():
        logs = [(log.level, list(log.filters), list(log.handlers), log.propagate) for log in LOGS]
        python = list(warnings.filters), warnings.showwarning
        return logs, python, list(logging.root.handlers)

    monkeypatch.setattr(LOGS[0], "level", logging.ERROR)
    monkeypatch.setattr(LOGS[1], "filters", [lambda record: True])
    before = state()
    with contextlib.suppress(ValueError), warns():
        warn()
        LOGS[0].setLevel(logging.DEBUG)
        # As absl does where the root logger has no handler.
        logging.root.addHandler(logging.StreamHandler())
        if error:
            raise error
    assert state() == before


# TensorFlow's own warnings

PREPARE = """
import os
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf
from course_utils.classroom import warns

def numbers():
    yield 1

def rows():
    for _ in range(3):
        yield np.ones((2, 1), np.float32), np.ones((2, 1), np.float32)
"""
PROVOKE = """
with warns(contains="output_types is deprecated") as warned:
    tf.data.Dataset.from_generator(numbers, output_types=tf.int32, output_shapes=())
assert len(warned.messages) == 2
signature = (tf.TensorSpec((None, 1)),) * 2
dataset = tf.data.Dataset.from_generator(rows, output_signature=signature)
model = tf.keras.Sequential([tf.keras.layers.Input((1,)), tf.keras.layers.Dense(1)])
model.compile("sgd", "mse")
with warns(contains="ran out of data"):
    model.fit(dataset, epochs=2, shuffle=False, verbose=0)
with warns(contains="shuffle=True"):
    model.fit(dataset.take(2), shuffle=True, verbose=0)
"""
SHOWN = """\
WARNING: calling DatasetV2.from_generator (from tensorflow.python.data.ops.dataset_ops) with
output_types is deprecated and will be removed in a future version.
Instructions for updating:
Use output_signature instead
WARNING: calling DatasetV2.from_generator (from tensorflow.python.data.ops.dataset_ops) with
output_shapes is deprecated and will be removed in a future version.
Instructions for updating:
Use output_signature instead
UserWarning: Your input ran out of data; interrupting training. Make sure that your dataset
or generator can generate at least `steps_per_epoch * epochs` batches. You may need to use
the `.repeat()` function when building your dataset. (2 times)
UserWarning: `shuffle=True` was passed, but will be ignored since the data `x` was provided
as a tf.data.Dataset. The Dataset is expected to already be shuffled (via
`.shuffle(buffer_size)`).
UserWarning: Your input ran out of data; interrupting training. Make sure that your dataset
or generator can generate at least `steps_per_epoch * epochs` batches. You may need to use
the `.repeat()` function when building your dataset.
"""
# absl gives the root logger a handler, and what TensorFlow has said before is not forgotten.
RESTORED = """
import logging
from absl import logging as absl_log
from tensorflow.python.util import deprecation, is_in_graph_mode

with warns():
    tf.data.Dataset.from_generator(numbers, output_types=tf.int32)
    said = dict(deprecation._PRINTED_WARNING)
assert len(said) == 1
deprecation._PRINTED_WARNING.update(said)  # as if no block had caught it
asked = is_in_graph_mode.IS_IN_GRAPH_MODE
with warns():
    absl_log.warning("said by absl")
    tf.data.Dataset.from_generator(numbers, output_types=tf.int32, output_shapes=())
assert deprecation._PRINTED_WARNING == said
assert is_in_graph_mode.IS_IN_GRAPH_MODE is asked
assert logging.root.handlers == []
tf.get_logger().warning("said afterwards")

# Another version of TensorFlow may have neither.
del deprecation._PRINTED_WARNING, is_in_graph_mode.IS_IN_GRAPH_MODE
with warns():
    tf.get_logger().warning("said without")
assert not hasattr(is_in_graph_mode, "IS_IN_GRAPH_MODE")
"""


def test_tensorflows_warnings_are_the_same_everywhere(tmp_path):
    """At the start of a process, after TensorFlow has computed, in a file and in a cell."""
    script = tmp_path / "provoke.py"
    script.write_text(PREPARE + PROVOKE * 2 + RESTORED, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    try:
        cells = in_a_notebook(tmp_path)
        out, errors = process.communicate(timeout=240)
    finally:
        process.kill()
    assert process.returncode == 0, errors[-2000:]
    assert out.startswith(SHOWN * 2)
    one, two = SHOWN.splitlines(keepends=True)[:4], SHOWN.splitlines(keepends=True)[4:8]
    absl, last = "WARNING: said by absl\n", "WARNING: said without\n"
    assert out.removeprefix(SHOWN * 2) == "".join([*one, absl, *one, *two, last])
    assert [line for line in errors.splitlines() if "said" in line] == [
        "WARNING:tensorflow:said afterwards"
    ]
    assert not [word for word in ("deprecated", "ran out", "shuffle") if word in errors]
    for outputs in cells:
        assert {one.name for one in outputs} == {"stdout"}
        assert "".join(one.text for one in outputs) == SHOWN


def in_a_notebook(folder):
    """Run the same cell twice, as a learner does, in a lesson; return the outputs of both."""
    from nbclient import NotebookClient

    path = f"import sys; sys.path.insert(0, {str(ROOT)!r})"
    sources = (f"{path}\n%load_ext course_utils", PREPARE, PROVOKE, PROVOKE)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in sources])
    NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(folder)}}).execute()
    return [cell.outputs for cell in notebook.cells[2:]]
