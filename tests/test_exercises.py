"""Every exercise proves itself, in its own place in the notebook, after the cells tagged `setup`.

The starter is not attempted, what is unsolved never counts as solved, each mistake gets its own
message, the solution passes. (That the untouched notebook runs from top to bottom is nbval's; that
no message depends on what was tried before is tests/exercises/test_every_exercise.py's.)
"""

import ast
import re
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest

from course_utils.classroom import exercise, manifest
from course_utils.classroom.source import source
from course_utils.project import notebooks

ROOT = Path(__file__).parents[1]
LESSONS = [
    lesson
    for lesson in manifest.load(ROOT).lessons
    if lesson.exercises and (ROOT / "notebooks" / f"{lesson.notebook}.ipynb").exists()
]
# In place of `____`: what people write who put the task off.
UNSOLVED = ("pass", "...", "return", "return None", "raise NotImplementedError")
SOLVED = "from course_utils.classroom import workspace\nprint(sorted(workspace.progress().solved))"
each_exercise = pytest.mark.parametrize(
    ("stem", "id"),
    [
        pytest.param(lesson.notebook, id, id=f"{lesson.notebook}-{id}")
        for lesson in LESSONS
        for id in lesson.exercises
    ],
)


def notebook(stem):
    return nbformat.read(ROOT / "notebooks" / f"{stem}.ipynb", as_version=4)


def starter_of(stem, task):
    """The starter's source as it stands in the notebook."""
    cell = notebooks.exercise_cell(notebook(stem), task.id).source
    found = notebooks.function_in(cell, task.solution.__name__)
    return "\n".join(cell.splitlines()[found.lineno - 1 : found.end_lineno])


def answers_to(stem, task):
    """What is tried, by name, in this order."""
    starter = starter_of(stem, task)
    answers = {"starter": starter}
    answers |= {words: starter.replace("____", words) for words in UNSOLVED}
    for mistake in task.mistakes:
        answers[mistake.answer.__name__] = source(mistake.answer).text
    return answers


@cache
def tried(stem):
    """Try every answer to every exercise of a lesson in one kernel; return what was shown.

    `wrong` and `right` hold what is shown below the cell, by exercise and name of the answer;
    `before` and `after` the exercises that count as solved, before and after the solutions.
    """
    stored = notebook(stem)
    tasks = exercise.of_lesson(stem[:2])
    wrong = [(t, name, code) for t in tasks for name, code in answers_to(stem, t).items()]
    right = [(t, name, code) for t in tasks for name, code in (
        ("solution", t.source), ("starter", starter_of(stem, t)))]  # fmt: skip
    copy = notebooks.answered(stored, [(task, code) for task, _, code in wrong + right])
    first = len(copy.cells) - len(wrong) - len(right)
    counted = [nbformat.v4.new_code_cell(SOLVED) for _ in range(2)]
    between = first + len(wrong)
    copy.cells = [*copy.cells[:between], counted[0], *copy.cells[between:], counted[1]]
    cells = notebooks.run(copy, ROOT / "notebooks").cells
    before, after = (ast.literal_eval(cells[at].outputs[0].text) for at in (between, -1))
    shown = [*map(text_of, cells[first:between]), *map(text_of, cells[between + 1 : -1])]
    names = [(task.id, name) for task, name, _ in wrong + right]
    told = list(zip(names, shown, strict=True))
    return SimpleNamespace(
        wrong=dict(told[: len(wrong)]), right=dict(told[len(wrong) :]), before=before, after=after
    )


def text_of(cell):
    """What a check showed below its cell: that, and nothing that the answer printed."""
    (found,) = cell.outputs
    return found.data["text/plain"]


@each_exercise
def test_the_starter_is_not_attempted(stem, id):
    shown = tried(stem).wrong[id, "starter"]
    assert shown.startswith("Not attempted"), f"{id}: the starter got: {shown}"


@each_exercise
@pytest.mark.parametrize("words", UNSOLVED)
def test_what_is_put_off_is_not_right(stem, id, words):
    shown = tried(stem).wrong[id, words]
    assert not shown.startswith("Right"), f"{id}: `{words}` in place of ____ got: {shown}"


@each_exercise
def test_nothing_counts_as_solved_before_the_solution(stem, id):
    assert id not in tried(stem).before, f"{id} counts as solved by a wrong answer"


@each_exercise
def test_each_mistake_gets_its_message(stem, id):
    for mistake in exercise.get(id).mistakes:
        name = mistake.answer.__name__
        shown = tried(stem).wrong[id, name]
        assert shown == f"Wrong — {mistake.message}", (
            f"{id}: the mistake {name} should get: Wrong — {mistake.message}\nIt got: {shown}"
        )


@each_exercise
def test_each_mistake_has_a_message_of_its_own(stem, id):
    messages = [mistake.message for mistake in exercise.get(id).mistakes]
    assert len(set(messages)) == len(messages) >= 5


@each_exercise
def test_the_solution_passes_in_its_place(stem, id):
    task = exercise.get(id)
    shown = tried(stem).right[id, "solution"]
    assert shown == f"Right — {task.right}", f"{id}: the solution got: {shown}"
    assert id in tried(stem).after
    # Who clears the cell again has still solved it once.
    assert tried(stem).right[id, "starter"].startswith("Not attempted")


@each_exercise
def test_the_hints_lead_to_the_solution_without_giving_it_at_once(stem, id):
    task = exercise.get(id)
    assert len(task.hints) >= 2
    assert len(set(task.hints)) == len(task.hints)
    body = re.sub(r"\s", "", task.source.splitlines()[-1])
    assert body not in re.sub(r"\s", "", task.hints[0])


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.notebook)
def test_the_manifest_lists_the_exercises_in_their_order(lesson):
    assert lesson.exercises == tuple(task.id for task in exercise.of_lesson(lesson.number))


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.notebook)
def test_the_exercises_stand_in_the_notebook_in_their_order(lesson):
    found = [tag for cell in notebook(lesson.notebook).cells for tag in notebooks.tags(cell)]
    found = tuple(tag[9:] for tag in found if tag.startswith("exercise:"))
    assert found == lesson.exercises


@each_exercise
def test_the_starter_is_the_solution_without_its_body(stem, id):
    task = exercise.get(id)
    cell = notebooks.exercise_cell(notebook(stem), id)
    name = task.solution.__name__
    starter = notebooks.function_in(cell.source, name)
    solution = notebooks.function_in(task.source, name)
    assert ast.unparse(starter.args) == ast.unparse(solution.args)
    assert ast.get_docstring(starter) == ast.get_docstring(solution)
    assert cell.source.count("____") == 1
    assert cell.source.endswith(f'check("{id}", {name})')
    # No answer stands in the notebook as it is handed out.
    assert text_of(cell).startswith("Not attempted")


def test_no_exercise_is_left_out_of_the_manifest():
    files = {path.stem[-2:] for path in (ROOT / "course_utils" / "exercises").glob("lesson_??.py")}
    assert files == {lesson.number for lesson in LESSONS}


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.notebook)
def test_what_the_exercises_need_stands_before_them(lesson):
    """`answered` runs all set-up cells first; the learner runs them where they stand."""
    tagged = [notebooks.tags(cell) for cell in notebook(lesson.notebook).cells]
    first = min(n for n, tags in enumerate(tagged) if any("exercise:" in tag for tag in tags))
    assert [n for n, tags in enumerate(tagged) if "setup" in tags and n > first] == []
