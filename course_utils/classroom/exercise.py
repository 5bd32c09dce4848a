"""The verbs of an exercise: predict and outcome, check, hint and solution."""

from __future__ import annotations

import gc
import importlib
import inspect
import numbers
import pkgutil
import re
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

from course_utils.classroom import manifest, workspace
from course_utils.classroom.callout import Callout, box, inline
from course_utils.classroom.limit import OutOfTime, limited
from course_utils.classroom.placeholder import (
    NAME,
    STILL_THERE,
    NotAttempted,
    ____,
    files_of,
    is_placeholder,
    place,
    raised_by_placeholder,
    source_line,
    text_of,
    unfinished,
)
from course_utils.classroom.source import fenced, source

NOT_ATTEMPTED, WRONG, RIGHT = "Not attempted", "Wrong", "Right"
KIND = {NOT_ATTEMPTED: "open", WRONG: "wrong", RIGHT: "right"}

ID = re.compile(r"(\d\d)\.[a-z][a-z0-9_]*")
LIMIT = 10.0  # seconds that a check may take; all of them together take less than one
LONGEST = 300  # characters of an exception's message or of a guess that are shown


class Wrong(Exception):
    """Raised by an exercise's check: the answer is wrong, and the message says how."""


class UnknownId(ValueError):
    """There is no exercise, or no prediction, with this id; the message says which there are."""


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that people give, and the exact message that it must get."""

    answer: Callable
    message: str

    def __post_init__(self):
        _refuse_unless(_is_function(self.answer), "a mistake's answer must be a def function")
        _refuse_unless(_is_text(self.message), "a mistake's message must be a sentence")


@dataclass(frozen=True)
class Exercise:
    """One exercise, defined once in `course_utils/exercises/lesson_NN.py`.

    `solution` and the answers of `mistakes` are functions that stand on their own: a test puts
    their source in the starter's place in the notebook. `check` takes the learner's answer and
    returns None, or raises `Wrong(message)`. Raises ValueError where a part is missing or of the
    wrong kind.
    """

    id: str  # "00.countdown": the lesson's number and a name
    task: str
    solution: Callable
    check: Callable[[Callable], None]
    hints: tuple[str, ...]
    mistakes: tuple[Mistake, ...]
    right: str  # what is said of a right answer: praise that teaches one thing
    limit: float = LIMIT  # seconds

    def __post_init__(self):
        _check_id(self.id)
        for name in ("task", "right"):
            _refuse_unless(
                _is_text(getattr(self, name)), f"{self.id}: {name} must be a sentence or two"
            )
        _refuse_unless(
            _is_function(self.solution),
            f"{self.id}: solution must be a def function: its source is shown, and tested",
        )
        _refuse_unless(
            unfinished(self.solution) is None, f"{self.id}: the solution still holds {NAME}"
        )
        _refuse_unless(callable(self.check), f"{self.id}: check must be a function of the answer")
        _refuse_unless(
            isinstance(self.hints, tuple) and self.hints and all(map(_is_text, self.hints)),
            f"{self.id}: hints must be a tuple of at least one sentence",
        )
        _refuse_unless(
            isinstance(self.mistakes, tuple)
            and self.mistakes
            and all(isinstance(mistake, Mistake) for mistake in self.mistakes),
            f"{self.id}: mistakes must be a tuple of at least one Mistake",
        )
        _refuse_unless(
            isinstance(self.limit, (int, float)) and self.limit > 0,
            f"{self.id}: limit must be a number of seconds above 0",
        )

    @property
    def source(self) -> str:
        """The source of the solution, without its indentation."""
        return source(self.solution).text


@dataclass(frozen=True, repr=False)
class Outcome(Callout):
    """What a check found: `status` is "Not attempted", "Wrong" or "Right"."""

    @property
    def status(self) -> str:
        """The status, which is also the heading."""
        return self.heading


@dataclass(frozen=True, repr=False)
class Solution(Callout):
    """The source of a solution; a notebook shows it with Python's colours."""

    _repr_html_ = None  # Markdown is what JupyterLab colours

    def __repr__(self) -> str:
        """Return the heading and the source."""
        text = f"{self.heading}\n\n{self.message}"
        return f"{text}\n\n({self.note})" if self.note else text

    def _repr_markdown_(self) -> str:
        text = f"**{self.heading}**\n\n{fenced(self.message)}"
        return f"{text}\n\n({self.note})" if self.note else text


@dataclass(frozen=True, repr=False)
class Compared(Callout):
    """A prediction beside what was measured."""

    predicted: str = ""
    measured: str = ""

    def _repr_html_(self) -> str:
        cells = "".join(
            f'<div style="flex: 1; min-width: 12em"><strong>{head}</strong><br>{inline(text)}</div>'
            for head, text in (
                ("→ You predicted", self.predicted),
                ("Measured", self.measured),
            )
        )
        columns = f'<div style="display: flex; flex-wrap: wrap; gap: 0.4em 1.5em">{cells}</div>'
        return box("note", columns, self.note)


def check(id: str, answer: object = ____) -> Outcome:
    """Check an answer and tell "Not attempted", "Wrong" or "Right".

    Not attempted: `____` still stands in the answer's code or in what that code gives, or was
    used. Wrong: the message says which misconception, or which exception came from which line.
    Raises UnknownId for an id that no lesson has.
    """
    exercise = get(id)
    progress = workspace.progress()
    status, message = _judge(exercise, answer)
    if status != NOT_ATTEMPTED:
        progress.record_attempt(id, status == RIGHT)
    return Outcome(status, message, KIND[status], progress.notes())


def hint(id: str) -> Callout:
    """Return the next hint, one more at each call; after the last one all of them again."""
    exercise = get(id)
    progress = workspace.progress()
    most = len(exercise.hints)
    number = progress.record_hint(id, most + 1)
    if number <= most:
        heading, message = f"Hint {number} of {most}", exercise.hints[number - 1]
    else:
        listed = "\n".join(f"{count}. {text}" for count, text in enumerate(exercise.hints, 1))
        heading = "No more hints"
        message = f'to see an answer: `solution("{id}")`. The hints were:\n{listed}'
    return Callout(heading, message, "note", progress.notes())


def solution(id: str) -> Solution:
    """Return the source of a right answer: the very function that the tests run."""
    exercise = get(id)
    progress = workspace.progress()
    progress.record_solution(id)
    return Solution(f"Solution of {id}", exercise.source, "note", progress.notes())


def predict(id: str, guess: object = ____) -> Callout:
    """Keep a guess, to be shown beside the outcome. Never blocks: no guess is answered kindly.

    Until the outcome is seen, the last guess counts; a different one after that is kept beside it.
    Raises UnknownId for an id that the manifest doesn't list.
    """
    _check_prediction(id)
    text = _guess_text(guess)
    if text is None:
        return Callout(
            "No prediction yet",
            f"replace {NAME} with your guess and run this cell again.",
            "open",
        )
    progress = workspace.progress()
    entry = progress.record_guess(id, text)
    message = entry["guess"] or entry["later"]
    heading = "Your prediction" if entry["guess"] else "Your guess, after seeing the outcome"
    if entry["guess"] and entry["later"]:
        message += f"\nAfter seeing the outcome: {entry['later']}"
    return Callout(heading, message, "note", progress.notes())


def outcome(id: str, measured: str | float) -> Compared:
    """Show the prediction beside what was measured.

    `measured` is given in words where the cell's output is compared, since a number that varies
    from run to run can't be; a float is shown with three digits. Where guess and outcome are
    numbers, it says by what factor the guess was off. Raises UnknownId for an id
    that the manifest doesn't list, ValueError where nothing was measured.
    """
    _check_prediction(id)
    if is_placeholder(measured):
        raise ValueError(f'outcome("{id}", ...) needs what was measured, in words or as a number')
    progress = workspace.progress()
    entry = progress.record_outcome(id)
    guess, later = entry["guess"], entry["later"]
    if guess:
        predicted = f"{guess}\n(after seeing the outcome: {later})" if later else guess
    else:
        predicted = f"{later}\n(after seeing the outcome)" if later else ""
    told = f"You predicted: {predicted}" if predicted else "No prediction was made."
    found = f"{measured:.3g}" if isinstance(measured, float) else str(measured)
    found += off_by(guess, measured)
    return Compared(
        "Outcome",
        f"{told}\nMeasured: {found}",
        "note",
        progress.notes(),
        predicted=predicted or "No prediction was made.",
        measured=found,
    )


def off_by(guess: str | None, measured: str | float) -> str:
    """Return " (you were off by a factor of 1.4)" where both are positive numbers, else ""."""
    found = [re.match(r"\s*(\d+(?:\.\d+)?)", str(each or "")) for each in (guess, measured)]
    if isinstance(measured, str) or not all(found):
        return ""
    low, high = sorted(float(number.group(1)) for number in found)
    return f" (you were off by a factor of {high / low:.2g})" if low else ""


def get(id: str) -> Exercise:
    """Return the exercise with this id. Raises UnknownId, with the ids that there are."""
    _check_id(id)
    there = of_lesson(id[:2])
    for exercise in there:
        if exercise.id == id:
            return exercise
    ids = ", ".join(exercise.id for exercise in there)
    raise UnknownId(f'Lesson {id[:2]} has no exercise "{id}". It has: {ids or "none"}.')


def of_lesson(number: str) -> tuple[Exercise, ...]:
    """Return the exercises of a lesson, such as "00", in their order."""
    package = importlib.import_module("course_utils.exercises")
    name = f"lesson_{number}"
    there = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    if name not in there:
        lessons = ", ".join(each.removeprefix("lesson_") for each in there)
        raise UnknownId(f"Lesson {number} has no exercises. Lessons with some: {lessons}.")
    exercises = importlib.import_module(f"{package.__name__}.{name}").EXERCISES
    ids = [exercise.id for exercise in exercises]
    if len(set(ids)) < len(ids) or any(each[:2] != number for each in ids):
        raise ValueError(f"{name}.py: each id must occur once and begin with {number}: {ids}")
    return tuple(exercises)


def first(elements: Iterable, count: int) -> list:
    """Return the first `count` elements, fewer where it ends earlier: for checks.

    A check draws with this, never with list(), since an answer may never end. Raises Wrong where
    there is nothing to iterate, NotAttempted where an element is the placeholder.
    """
    try:
        iterator = iter(elements)
    except TypeError:
        raise Wrong(
            f"Your function gave back {_named(elements)}, which can't be iterated."
        ) from None
    drawn = list(islice(iterator, count))
    if is_placeholder(drawn):
        raise NotAttempted(STILL_THERE)
    return drawn


def _judge(exercise: Exercise, answer: object) -> tuple[str, str]:
    """Return the status of an answer and the message."""
    call = f'check("{exercise.id}", {exercise.solution.__name__})'
    if is_placeholder(answer):
        return NOT_ATTEMPTED, f"write your answer, run its cell, then call `{call}`."
    where = unfinished(answer)
    if where:
        return NOT_ATTEMPTED, f"`{NAME}` is still there, {where}: put your own code in its place."
    if not callable(answer):
        return WRONG, f"hand over the function itself, without calling it: `{call}`."
    try:
        with _garbage_of_its_own():
            limited(exercise.limit, lambda: exercise.check(answer))
    except Wrong as wrong:
        if raised_by_placeholder(wrong):
            return NOT_ATTEMPTED, f"{STILL_THERE}."
        return WRONG, text_of(wrong)
    except OutOfTime:
        return WRONG, (
            f"it was still running after {exercise.limit:g} s and was stopped. "
            "Look for a loop that never ends."
        )
    except KeyboardInterrupt:
        raise  # the learner stopped it
    except BaseException as error:  # whatever the learner's code raises, exit() included
        if raised_by_placeholder(error):
            return NOT_ATTEMPTED, f"{STILL_THERE}."
        return WRONG, _in_words(error, answer)
    return RIGHT, exercise.right


@contextmanager
def _garbage_of_its_own() -> Iterator[None]:
    """Keep the garbage of earlier cells out of a check's time, and leave none of its own.

    Letting go of a TensorFlow iterator may wait for the autotuner's next turn, the longer the
    older the iterator is: ten seconds and more. Where such iterators lie in reference cycles, the
    garbage collector lets go of them whenever it happens to run, in the middle of a check too, and
    the check would be stopped at its limit. So it doesn't run during a check. What the check has
    made is young still at its end, and the young alone are collected then: all would take a
    quarter of a second, at every check.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.collect(1)
        if collects:
            gc.enable()


def _in_words(error: BaseException, answer: object) -> str:
    """An exception of the learner's code in two lines: what, and from which line."""
    message = re.sub(r"^\{\{.*?\}\}\s*", "", text_of(error).strip())  # TensorFlow's node name
    message = _short((message.splitlines() or [""])[0])
    told = f"{type(error).__name__}: {message}" if message else type(error).__name__
    at = _learners_line(error, files_of(answer))
    if at is None:
        return told
    filename, line = at
    code = _short(source_line(filename, line))
    return f"{told}\nin {place(filename, line)}" + (f": `{code}`" if code else "")


def _learners_line(error: BaseException, files: set[str]) -> tuple[str, int] | None:
    """The last line of the learner's code that an exception passed through."""
    passed = [
        (frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    # TensorFlow keeps the traceback of a generator as text; what it tells is further inside.
    passed += [
        (filename, int(line))
        for filename, line in re.findall(r'File "(.+?)", line (\d+)', text_of(error))
    ]
    return next((each for each in reversed(passed) if each[0] in files), None)


def _guess_text(guess: object) -> str | None:
    """A guess as it is kept, None where there is none."""
    if guess is None or is_placeholder(guess):
        return None
    try:
        text = " ".join(str(guess).split())
    except Exception:  # an odd object must not stop "Run all"
        return None
    return _short(text) if text and NAME not in text else None


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def _named(value: object) -> str:
    """A value as a message names it: short, and without an address."""
    if value is None or isinstance(value, (numbers.Number, str)):
        return _short(repr(value))
    kind = type(value).__name__
    return f"{'an' if kind[:1].lower() in 'aeiou' else 'a'} {kind}"


def _check_id(id: str) -> None:
    if not isinstance(id, str) or not ID.fullmatch(id):
        raise UnknownId(
            f'{id!r} is no id: expected the lesson\'s number and a name, such as "00.countdown".'
        )


def _check_prediction(id: str) -> None:
    _check_id(id)
    try:
        course = manifest.load()
    except (OSError, manifest.ManifestError):
        return  # whoever uses course_utils without the course may predict what they like
    there = [each for one in course.lessons if one.number == id[:2] for each in one.predictions]
    if id not in there:
        raise UnknownId(
            f'Lesson {id[:2]} has no prediction "{id}". It has: {", ".join(there) or "none"}.'
        )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_function(value: object) -> bool:
    return inspect.isfunction(value) and value.__name__ != "<lambda>"


def _refuse_unless(holds: object, message: str) -> None:
    if not holds:
        raise ValueError(message)
