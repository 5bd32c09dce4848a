"""What holds of every exercise, also of one whose notebook is still to come.

In their places in the notebooks they are tried by tests/test_exercises.py.
"""

import ast
import re
from pathlib import Path

import pytest

from course_utils import exercises
from course_utils.classroom import workspace
from course_utils.classroom.exercise import check, of_lesson

FILES = sorted(Path(exercises.__file__).parent.glob("lesson_??.py"))
EVERY = [task for file in FILES for task in of_lesson(file.stem[-2:])]
# "lesson_01-pairs", so that `make test LESSON=01` takes it.
NAMES = [f"lesson_{task.id[:2]}-{task.id[3:]}" for task in EVERY]
each_exercise = pytest.mark.parametrize("task", EVERY, ids=NAMES)
# Their answers wait, train, start threads and processes: a second time only in the soak tests.
SLOW = ("03", "06", "07", "08", "09")


@pytest.fixture(autouse=True)
def no_workspace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(workspace, "_progress", {})


def said(task, answer):
    shown = check(task.id, answer)
    return shown.status, shown.message


def is_told_the_same(task, mistakes):
    for mistake in mistakes:
        assert said(task, mistake.answer) == ("Wrong", mistake.message), mistake.answer.__name__
    assert workspace.progress().solved == set()
    assert [said(task, task.solution) for _ in range(2)] == [("Right", task.right)] * 2
    assert workspace.progress().solved == {task.id}


@pytest.mark.parametrize(
    "task",
    [pytest.param(each, marks=pytest.mark.soak if each.id[:2] in SLOW else ()) for each in EVERY],
    ids=NAMES,
)
def test_each_answer_is_told_the_same_backwards(task):
    """Each mistake gets its message, from the last to the first: in a kernel they run forwards.

    What a check leaves behind must not matter, nor what was tried before.
    """
    is_told_the_same(task, reversed(task.mistakes))


@pytest.mark.soak
@each_exercise
def test_each_answer_is_told_the_same_again(task):
    """Also when the very same function is checked again: nothing may be worn out."""
    is_told_the_same(task, (*task.mistakes, *reversed(task.mistakes)))


def words(code):
    return set(re.findall(r"[^\W\d]\w*", code))


@each_exercise
def test_the_hints_come_closer_to_the_solution(task):
    """The last hint quotes the most of it, the first one less."""
    (function,) = ast.parse(task.source).body
    # Without its docstring, which is no part of the answer.
    body = function.body[ast.get_docstring(function) is not None :]
    answer = words("\n".join(map(ast.unparse, body)))
    quoted = [len(answer & words(" ".join(re.findall("`([^`]+)`", hint)))) for hint in task.hints]
    assert quoted[0] < quoted[-1] == max(quoted), quoted
