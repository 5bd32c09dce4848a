import contextlib
import logging
import threading
import warnings

import pytest
import tensorflow as tf

from course_utils.classroom import warns


def warn(text="one", category=UserWarning):
    warnings.warn(text, category, stacklevel=2)


def test_each_warning_is_printed_with_its_kind(capsys):
    with warns() as warned:
        warn("one")
        warn("two", RuntimeWarning)
    assert capsys.readouterr() == ("UserWarning: one\nRuntimeWarning: two\n", "")
    assert warned.messages == ("one", "two")


def test_what_is_said_again_is_counted(capsys, tmp_path):
    with warns() as warned:
        for number in range(3):
            warn(f"no photo in {tmp_path}/{number}/a.jpg")
    assert capsys.readouterr().out == ("UserWarning: no photo in …/a.jpg (3 times)\n")
    assert len(warned.messages) == 3


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


def test_the_same_line_of_code_warns_each_time(capsys):
    for _ in range(2):
        with warns() as warned:
            for _ in range(2):
                warn()
        assert warned.messages == ("one", "one")
    assert capsys.readouterr().out == "UserWarning: one (2 times)\n" * 2


def test_what_a_cell_before_has_ignored_is_said():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with warns() as warned:
            warn()
    assert warned.messages == ("one",)


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
    with warns() as warned:
        thread = threading.Thread(target=warn)
        thread.start()
        thread.join()
    assert warned.messages == ("one",)
    assert capsys.readouterr().err == ""


def test_nothing_warned_of_fails(capsys):
    with (
        pytest.raises(AssertionError, match=r"^A warning was expected here, but none was given"),
        warns(),
    ):
        logging.getLogger("tensorflow").info("loading")
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
        warn("two")
    assert inner.messages == ("one",)
    assert outer.messages == ("two",)


@pytest.mark.parametrize("error", [None, ValueError])
def test_everything_is_as_before(error):
    before = list(warnings.filters), warnings.showwarning
    with contextlib.suppress(ValueError), warns():
        warn()
        if error:
            raise error
    assert (list(warnings.filters), warnings.showwarning) == before


def test_keras_warnings(capsys):
    """What lesson 03 shows is told each time, of an epoch each, and nothing goes to stderr."""
    import keras
    import numpy as np

    def rows():
        for _ in range(3):
            yield np.ones((2, 1), np.float32), np.ones((2, 1), np.float32)

    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    signature = (tf.TensorSpec((None, 1)),) * 2
    dataset = tf.data.Dataset.from_generator(rows, output_signature=signature)
    for _ in range(2):
        with warns(contains="ran out of data") as warned:
            model.fit(dataset, epochs=2, shuffle=False, verbose=0)
        assert len(warned.messages) == 2
    out, err = capsys.readouterr()
    assert out.count("UserWarning: Your input ran out of data") == 2
    assert out.count("(2 times)") == 2
    assert "ran out" not in err
