import asyncio
import contextlib
import gc
import inspect
import json
import math
import operator
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from course_utils.classroom import exercise, placeholder, workspace
from course_utils.classroom.callout import Callout
from course_utils.classroom.exercise import (
    Exercise,
    Mistake,
    UnknownId,
    Wrong,
    check,
    first,
    hint,
    outcome,
    predict,
    solution,
)
from course_utils.classroom.limit import OutOfTime, limited
from course_utils.classroom.placeholder import NotAttempted, Placeholder, ____
from course_utils.classroom.progress import Progress

ID = "00.countdown"


@pytest.fixture(autouse=True)
def no_workspace(tmp_path, monkeypatch):
    """Each test begins with empty progress in memory, in a folder that is no workspace."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(workspace, "_progress", {})


@pytest.fixture
def in_workspace(tmp_path, monkeypatch):
    folder = tmp_path / "my_notebooks"
    (folder / ".course").mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


def right(n):
    yield from range(n, 0, -1)


def exercise_of(check_function, **changed):
    parts = {
        "id": "00.test",
        "task": "Do it.",
        "solution": right,
        "check": check_function,
        "hints": ("Think.",),
        "mistakes": (Mistake(right, "No."),),
        "right": "well done.",
    }
    return Exercise(**{**parts, **changed})


def judged(check_function, answer, **changed):
    return exercise._judge(exercise_of(check_function, **changed), answer)


# ---- the placeholder

USES = {
    "call": lambda x: x(1),
    "attribute": lambda x: x.shape,
    "set attribute": lambda x: setattr(x, "a", 1),
    "delete attribute": lambda x: delattr(x, "a"),
    "add": lambda x: x + 1,
    "reflected": lambda x: 2 - x,
    "power": lambda x: pow(2, x),
    "matrix": lambda x: np.ones(2) @ x,
    "with an array": lambda x: np.ones(2) * x,
    "in place": lambda x: operator.iadd(x, 1),
    "in place of a list": lambda x: operator.iadd([], x),
    "negative": lambda x: -x,
    "equal": lambda x: x == 1,
    "equal on the right": lambda x: operator.eq(1, x),
    "unequal": lambda x: x != 1,
    "less": lambda x: x < 1,
    "not": lambda x: not x,
    "if": lambda x: 1 if x else 2,
    "for": lambda x: [y for y in x],  # noqa: C416
    "star": lambda x: [*x],
    "two stars": lambda x: dict(**x),
    "next": lambda x: next(x),
    "reversed": lambda x: reversed(x),
    "len": lambda x: len(x),
    "range": lambda x: range(x),
    "index": lambda x: [1, 2][x],
    "subscript": lambda x: x[0],
    "set item": lambda x: operator.setitem(x, 0, 1),
    "delete item": lambda x: operator.delitem(x, 0),
    "slice": lambda x: [1, 2][:x],
    "key": lambda x: {x: 1},
    "member": lambda x: x in {1, 2},
    "contains": lambda x: 1 in x,
    "list member": lambda x: x in [1, 2],
    "hash": lambda x: hash(x),
    "int": lambda x: int(x),
    "float": lambda x: float(x),
    "complex": lambda x: complex(x),
    "round": lambda x: round(x),
    "floor": lambda x: math.floor(x),
    "sin": lambda x: math.sin(x),
    "str": lambda x: str(x),
    "format": lambda x: f"{x}",
    "percent": lambda x: "%s" % x,  # noqa: UP031
    "bytes": lambda x: bytes(x),
    "array": lambda x: np.asarray(x),
    "array of dtype": lambda x: np.array([x], dtype="float32"),
    "path": lambda x: os.fspath(x),
    "isinstance": lambda x: isinstance(1, x),
    "base class": lambda x: derived_from(x),
    "sum": lambda x: sum([1, x]),
    "max": lambda x: max(1, x),
    "sorted": lambda x: sorted([1, x]),
    "json": lambda x: json.dumps({x: 1}),
}


def derived_from(base):
    class Derived(base):
        pass

    return Derived


@pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
def test_any_use_of_the_placeholder_is_refused(use):
    with pytest.raises(NotAttempted):
        use(____)


def test_the_placeholder_in_with_and_await():
    with pytest.raises(NotAttempted), ____:
        pass

    async def waits():
        await ____

    async def async_with():
        async with ____:
            pass

    async def async_for():
        async for _ in ____:
            pass

    for coroutine in (waits, async_with, async_for):
        with pytest.raises(NotAttempted):
            asyncio.run(coroutine())


def test_the_placeholder_can_be_shown_and_named():
    assert repr(____) == "____"
    assert ____ is ____
    assert isinstance(____, Placeholder)
    assert repr([____]) == "[____]"


def test_the_placeholder_in_tensorflow():
    tf = pytest.importorskip("tensorflow")
    with pytest.raises(NotAttempted):
        tf.constant(____)
    with pytest.raises(NotAttempted):
        tf.constant(1) + ____


# ---- not attempted


def bare(n):
    """Docstring."""
    ____  # noqa: B018 as in a starter


def returned(n):
    return ____


def yielded(n):
    yield ____


def within(n):
    while n > ____:
        yield n


def unreachable(n):
    yield from range(n, 0, -1)
    return
    ____  # noqa: B018 as in a starter


def inner(n):
    def helper():
        return ____

    yield from range(n, 0, -1)


def swallowed(n):
    with contextlib.suppress(Exception):
        ____()
    yield from range(n, 0, -1)


def default(n, step=____):
    yield from range(n, 0, -1)


def helping(n):
    return ____


def uses_a_helper(n):
    yield from helping(n)


def assigned(n):
    ____ = 1
    yield from range(n, 0, -1)


closed_over = ____


def through_a_name(n):
    return closed_over


def raised(n):
    raise ____


class Callable_:
    def __call__(self, n):
        return ____


@pytest.mark.parametrize(
    "answer",
    [
        ____,
        [____],
        {"a": (1, ____)},
        bare,
        returned,
        yielded,
        within,
        unreachable,
        inner,
        swallowed,
        default,
        uses_a_helper,
        assigned,
        through_a_name,
        raised,
        Callable_,
        Callable_(),
        Callable_().__call__,
        lambda n: ____,
        within(3),
    ],
    ids=lambda answer: type(answer).__name__,
)
def test_a_starter_is_never_attempted_whatever_its_check_accepts(answer):
    status, message = judged(lambda answer: None, answer)
    assert status == "Not attempted"
    assert message


def test_not_attempted_names_the_line():
    line = inspect.getsourcelines(within)[1] + 1
    _, message = judged(lambda answer: None, within)
    assert message == (
        f"`____` is still there, in line {line} of test_exercise.py: "
        "put your own code in its place."
    )


@pytest.mark.parametrize("answer", [right, lambda n: "____"])
def test_an_answer_without_it_is_attempted(answer):
    assert judged(lambda answer: None, answer)[0] == "Right"


@pytest.mark.parametrize("answer", [3, None, "____", [1], iter(range(3))])
def test_what_was_called_already_is_told_so(answer):
    status, message = judged(lambda answer: None, answer)
    assert status == "Wrong"
    assert message.startswith("hand over the function itself, without calling it: `check(")


def hidden(n):
    # Not seen in the code: the name is looked up at run time.
    return placeholder.__dict__["_" * 4] + n


def test_an_exception_of_the_placeholder_is_not_attempted_wherever_it_was_wrapped():
    def wraps(answer):
        try:
            answer(1)
        except NotAttempted as error:
            raise RuntimeError("wrapped") from error

    def in_the_context(answer):
        try:
            answer(1)
        except NotAttempted:
            raise KeyError("other")  # noqa: B904

    def in_a_group(answer):
        try:
            answer(1)
        except NotAttempted as error:
            raise ExceptionGroup("several", [ValueError(), error]) from None

    def only_the_text(answer):
        try:
            answer(1)
        except NotAttempted as error:
            raise RuntimeError(f"InvalidArgumentError: {error}") from None

    def as_wrong(answer):
        try:
            answer(1)
        except NotAttempted as error:
            raise Wrong("no") from error

    for wrapping in (wraps, in_the_context, in_a_group, only_the_text, as_wrong, lambda a: a(1)):
        assert judged(wrapping, hidden)[0] == "Not attempted", wrapping


def test_a_placeholder_inside_a_dataset_is_not_attempted():
    tf = pytest.importorskip("tensorflow")

    def draws(answer):
        dataset = tf.data.Dataset.from_generator(
            lambda: iter([hidden(1)]), output_signature=tf.TensorSpec((), tf.int32)
        )
        return list(dataset)

    assert judged(draws, right)[0] == "Not attempted"


def test_first_takes_no_placeholder():
    with pytest.raises(NotAttempted):
        first([1, placeholder.__dict__["_" * 4]], 3)


# ---- wrong


def test_an_exception_is_told_with_its_line_of_the_learners_code():
    def divides(n):
        return n / 0

    status, message = judged(lambda answer: answer(1), divides)
    line = inspect.getsourcelines(divides)[1] + 1
    assert status == "Wrong"
    assert message == (
        f"ZeroDivisionError: division by zero\nin line {line} of test_exercise.py: `return n / 0`"
    )


def test_an_exception_inside_a_dataset_is_told_with_the_line_of_the_generator():
    tf = pytest.importorskip("tensorflow")

    def broken():
        yield 1
        yield 1 // 0

    def draws(answer):
        return list(
            tf.data.Dataset.from_generator(answer, output_signature=tf.TensorSpec((), tf.int32))
        )

    status, message = judged(draws, broken)
    line = inspect.getsourcelines(broken)[1] + 2
    assert status == "Wrong"
    assert "ZeroDivisionError" in message
    assert message.endswith(f"in line {line} of test_exercise.py: `yield 1 // 0`")
    assert "node" not in message


def test_whatever_the_learners_code_raises_is_an_outcome():
    class Silent(Exception):
        def __str__(self):
            raise ValueError("even this")

    def exits(n):
        sys.exit(3)

    def recurses(n):
        return recurses(n)

    def long(n):
        raise ValueError("x" * 5000)

    def silent(n):
        raise Silent

    def stops(n):
        raise GeneratorExit

    for answer, start in (
        (exits, "SystemExit: 3"),
        (recurses, "RecursionError"),
        (long, "ValueError: xxx"),
        (silent, "Silent\n"),
        (stops, "GeneratorExit"),
    ):
        status, message = judged(lambda answer: answer(1), answer)
        assert status == "Wrong"
        assert message.startswith(start)
        assert len(message) < 500


def test_an_endless_loop_is_stopped_and_an_interrupt_is_passed_on():
    def loops(n):
        while True:
            pass

    def sleeps(n):
        threading.Event().wait()

    for answer in (loops, sleeps):
        status, message = judged(lambda answer: answer(1), answer, limit=0.3)
        assert status == "Wrong"
        assert message.startswith("it was still running after 0.3 s")

    def interrupted(n):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        judged(lambda answer: answer(1), interrupted)


def test_a_time_limit_that_is_not_reached_leaves_nothing_behind():
    for number in range(20):
        assert limited(30, lambda number=number: number) == number
    assert not [thread for thread in threading.enumerate() if thread.name == "limit"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_that_gets_lost_is_sent_again():
    """An exception in `__del__` goes no further, and garbage collection may call that anywhere."""

    class Swallows:
        def __del__(self):
            while True:
                pass

    went_on = []

    def answer():
        swallows = Swallows()
        del swallows
        went_on.append(True)
        while True:
            pass

    with pytest.raises(OutOfTime):
        limited(0.2, answer)
    assert went_on


class Slow:
    """Takes its time to be let go of, as an old iterator of TensorFlow's may, in a cycle."""

    gone = 0

    def __init__(self):
        self.itself = self

    def __del__(self):
        time.sleep(0.4)
        Slow.gone += 1


def test_the_garbage_of_earlier_cells_takes_none_of_a_checks_time():
    gc.collect()
    Slow()
    before = Slow.gone

    def answer():
        cycles = [[] for _ in range(200_000)]  # so many new ones that a collection is due
        for cycle in cycles:
            cycle.append(cycle)
        assert Slow.gone == before

    assert judged(lambda answer: answer(), answer, limit=0.3)[0] == "Right"
    assert Slow.gone == before + 1


@pytest.mark.parametrize("collects", [True, False])
def test_a_checks_own_garbage_is_gone_after_it_and_takes_none_of_its_time(collects):
    if not collects:
        gc.disable()
    try:
        before = Slow.gone
        assert judged(lambda answer: answer(), lambda: Slow(), limit=0.2)[0] == "Right"
        assert Slow.gone == before + 1
        assert gc.isenabled() is collects
    finally:
        gc.enable()


def test_a_time_limit_strikes_inside_or_not_at_all():
    # The end of the code and of the limit meet, at every distance; an interrupt that arrives
    # after it would end the test run.
    ended = []
    for number in range(300):
        with contextlib.suppress(OutOfTime):
            limited(0.0005, lambda number=number: ended.append(sum(range(number * 100))))
        sum(range(1_000))
    assert ended


def test_in_another_thread_the_check_works_without_a_limit():
    found = []
    thread = threading.Thread(target=lambda: found.append(judged(lambda a: first(a(3), 5), right)))
    thread.start()
    thread.join(10)
    assert found == [("Right", "well done.")]


def test_first_draws_no_more_than_asked_and_says_what_cant_be_iterated():
    def endless():
        while True:
            yield 1

    assert first(endless(), 3) == [1, 1, 1]
    assert first([1], 3) == [1]
    for value, named in ((None, "None"), (3, "3"), (object(), "an object")):
        with pytest.raises(Wrong, match=f"gave back {named}, which can't be iterated"):
            first(value, 3)


# ---- outcomes as they are shown


def test_an_outcome_is_the_same_words_in_text_and_notebook():
    shown = check(ID, right)
    assert shown.status == "Right"
    assert repr(shown).startswith("Right — each number was handed")
    assert "✓ Right</strong> — each number was handed" in shown._repr_html_()
    assert "border-left" in shown._repr_html_()
    starter = check(ID)
    assert repr(starter) == (
        "Not attempted — write your answer, run its cell, then call "
        '`check("00.countdown", countdown)`.'
    )
    assert "○ Not attempted" in starter._repr_html_()
    assert "✗ Wrong" in check(ID, lambda n: None)._repr_html_()


def test_html_is_escaped():
    html = Callout("Wrong", "<script> `a < b`\nnext", "wrong", "a & b")._repr_html_()
    assert "<script>" not in html
    assert "<code>a &lt; b</code><br>" in html
    assert "a &amp; b" in html


def test_hints_come_one_at_a_time_then_name_the_solution():
    hints = exercise.get(ID).hints
    for number, text in enumerate(hints, 1):
        assert repr(hint(ID)) == f"Hint {number} of 3 — {text}"
    for _ in range(2):
        shown = repr(hint(ID))
        assert 'solution("00.countdown")' in shown
        assert all(text in shown for text in hints)


def test_the_solution_is_the_source_in_colour():
    shown = solution(ID)
    source = inspect.getsource(exercise.get(ID).solution).rstrip()
    assert source in repr(shown)
    assert shown._repr_markdown_() == f"**Solution of {ID}**\n\n```python\n{source}\n```"
    from IPython.core.formatters import DisplayFormatter

    bundle, _ = DisplayFormatter().format(shown)
    assert sorted(bundle) == ["text/markdown", "text/plain"]


def test_unknown_ids_are_told_what_there_is():
    with pytest.raises(UnknownId, match=r'no exercise "00.other". It has: 00.countdown'):
        check("00.other", right)
    with pytest.raises(UnknownId, match=r"Lesson 77 has no exercises. Lessons with some: 00"):
        hint("77.other")
    for bad in ("countdown", "", 3, None, "00.Countdown", "00.", "../00.a", "0.a"):
        with pytest.raises(UnknownId, match="is no id"):
            check(bad, right)
        with pytest.raises(UnknownId, match="is no id"):
            predict(bad, "x")


# ---- predictions


@pytest.mark.parametrize(
    "guess",
    [____, None, "", "  ", "____ times slower", [____]],
    ids=lambda guess: type(guess).__name__,
)
def test_no_guess_never_blocks(guess):
    assert repr(predict("00.race", guess)) == (
        "No prediction yet — replace ____ with your guess and run this cell again."
    )
    assert repr(outcome("00.race", "3 times")) == (
        "Outcome — No prediction was made.\nMeasured: 3 times"
    )


@pytest.mark.parametrize("verb", [predict, outcome])
def test_a_mistyped_prediction_is_told_which_there_are(verb):
    with pytest.raises(UnknownId, match=r'no prediction "00.rcae". It has: 00.race'):
        verb("00.rcae", "twice")
    with pytest.raises(UnknownId, match=r"Lesson 99 has no prediction .* It has: none"):
        verb("99.race", "twice")
    with pytest.raises(UnknownId, match="'race' is no id"):
        verb("race", "twice")


@pytest.mark.parametrize("text", [None, b"title = ", b"\xff"])
def test_where_the_manifest_cant_be_read_any_prediction_is_taken(monkeypatch, tmp_path, text):
    if text is not None:
        (tmp_path / "course.toml").write_bytes(text)
    load = exercise.manifest.load
    monkeypatch.setattr(exercise.manifest, "load", lambda: load(tmp_path))
    assert predict("99.mine", "twice").heading == "Your prediction"


def test_a_guess_is_shown_beside_the_outcome():
    assert repr(predict("00.race", "twice")) == "Your prediction — twice"
    assert repr(predict("00.race", 3)) == "Your prediction — 3"
    shown = outcome("00.race", "about 5 times")
    assert repr(shown) == "Outcome — You predicted: 3\nMeasured: about 5 times"
    html = shown._repr_html_()
    assert html.index("You predicted") < html.index("Measured")
    assert "flex" in html


def test_a_guess_after_the_outcome_stands_beside_the_first():
    predict("00.race", "twice")
    outcome("00.race", 5.0)
    assert repr(predict("00.race", "5 times")) == (
        "Your prediction — twice\nAfter seeing the outcome: 5 times"
    )
    assert repr(outcome("00.race", 5.123456)) == (
        "Outcome — You predicted: twice\n(after seeing the outcome: 5 times)\nMeasured: 5.12"
    )
    # The same cell run again says the same as at first.
    assert repr(predict("00.race", "twice")) == "Your prediction — twice"


def test_a_first_guess_after_the_outcome_is_marked():
    outcome("00.race", 5)
    assert repr(predict("00.race", "5")).startswith("Your guess, after seeing the outcome — 5")
    assert "(after seeing the outcome)" in repr(outcome("00.race", 5))
    assert workspace.progress().predicted == set()


@pytest.mark.parametrize(
    ("guess", "measured", "words"),
    [
        ("3", 4.5, " (you were off by a factor of 1.5)"),
        ("9 times", 3, " (you were off by a factor of 3)"),
        ("3 times", 3, " (you were off by a factor of 1)"),
        ("a lot", 3, ""),
        ("3", "3 to 4 times", ""),
        ("0", 3, ""),
        (None, 3, ""),
    ],
)
def test_a_guess_that_is_a_number_is_scored(guess, measured, words):
    assert exercise.off_by(guess, measured) == words


def test_an_outcome_needs_a_measurement():
    with pytest.raises(ValueError, match="needs what was measured"):
        outcome("00.race", ____)


def test_a_guess_that_cant_be_written_is_no_guess():
    class Mute:
        def __str__(self):
            raise RuntimeError

    assert predict("00.race", Mute()).heading == "No prediction yet"
    assert len(repr(predict("00.race", "x" * 9999))) < 400


# ---- what is kept


def test_what_is_kept_of_checks_hints_and_solutions(in_workspace):
    check(ID)
    check(ID, bare)
    assert workspace.progress().attempted == set()
    check(ID, lambda n: None)
    assert workspace.progress().attempted == {ID}
    assert workspace.progress().solved == set()
    check(ID, right)
    check(ID, lambda n: None)
    kept = Progress(in_workspace / ".course" / "progress.json")
    assert kept.solved == kept.solved_unaided == {ID}
    assert kept.exercise(ID)["attempts"] == 3
    hint(ID)
    assert kept.exercise(ID)["hints"] == 1


def test_solved_after_the_solution_was_seen(in_workspace):
    solution(ID)
    check(ID, right)
    assert workspace.progress().solved == {ID}
    assert workspace.progress().solved_unaided == set()


def test_hints_go_on_after_a_restart(in_workspace, monkeypatch):
    hint(ID)
    monkeypatch.setattr(workspace, "_progress", {})
    assert hint(ID).heading == "Hint 2 of 3"


def test_without_a_workspace_nothing_is_written(tmp_path):
    check(ID, right)
    hint(ID)
    predict("00.race", 3)
    assert list(tmp_path.iterdir()) == []
    assert workspace.progress().solved == {ID}


def test_a_damaged_file_is_told_once_with_the_outcome(in_workspace):
    (in_workspace / ".course" / "progress.json").write_text("{", encoding="utf-8")
    shown = check(ID, right)
    assert shown.status == "Right"
    assert "was damaged" in repr(shown)
    assert "was damaged" in shown._repr_html_()
    assert "damaged" not in repr(check(ID, right))


# ---- definitions


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"id": "countdown"}, "is no id"),
        ({"task": " "}, "task must be"),
        ({"right": ""}, "right must be"),
        ({"solution": lambda n: n}, "must be a def function"),
        ({"solution": 3}, "must be a def function"),
        ({"solution": bare}, "still holds ____"),
        ({"check": None}, "check must be"),
        ({"hints": ()}, "hints must be"),
        ({"hints": "Think."}, "hints must be"),
        ({"hints": ("",)}, "hints must be"),
        ({"mistakes": ()}, "mistakes must be"),
        ({"mistakes": (right,)}, "mistakes must be"),
        ({"limit": 0}, "limit must be"),
    ],
)
def test_a_definition_is_checked(changed, message):
    with pytest.raises(ValueError, match=message):
        exercise_of(lambda answer: None, **changed)


def test_a_mistake_is_checked():
    with pytest.raises(ValueError, match="def function"):
        Mistake(lambda n: n, "No.")
    with pytest.raises(ValueError, match="a sentence"):
        Mistake(right, "")


def test_the_import_is_light():
    code = (
        "import sys, course_utils.classroom.exercise, course_utils.classroom.workspace,"
        "course_utils.classroom.lesson\n"
        "print([m for m in ('tensorflow', 'matplotlib', 'cv2', 'numpy', 'psutil', 'filelock')"
        " if m in sys.modules])"
    )
    root = os.path.dirname(os.path.dirname(os.path.dirname(exercise.__file__)))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=root
    )
    assert done.stdout == "[]\n", done.stderr
