"""Lessons as a learner meets them: predictions, "Run All", each exercise wrong and then right."""

import re

import pytest

from course_utils.classroom import manifest
from course_utils.classroom.exercise import of_lesson

EACH_TIME = ("01_numbers",)  # the others in the soak tests
NAMES = [
    each.notebook
    if each.notebook in EACH_TIME
    else pytest.param(each.notebook, marks=pytest.mark.soak)
    for each in manifest.load().lessons
    if each.predictions and each.number != "00"  # which has a test of its own
]
pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]


@pytest.mark.parametrize("name", NAMES)
def test_a_lesson_in_jupyterlab(open_lesson, name):
    (listed,) = [each for each in manifest.load().lessons if each.notebook == name]
    lesson = open_lesson(name)
    assert [cell for cell in lesson.cells() if cell.get("outputs")] == []

    # Predictions, typed before anything is measured.
    for place in lesson.indices("setup"):
        lesson.run(place)
    assert listed.predictions
    guesses = {id: f"my guess of {id}" for id in listed.predictions}
    guesses[listed.predictions[0]] = 123  # a number will do as well
    for id, guess in guesses.items():
        place = lesson.index(f"predict:{id}")
        source = lesson.cells()[place]["source"].replace("____", repr(guess))
        assert str(guess) in lesson.answer(place, source)

    lesson.run_all()
    code = [cell for cell in lesson.cells() if cell["cell_type"] == "code"]
    errors = [out for cell in code for out in cell["outputs"] if out["output_type"] == "error"]
    assert errors == []
    lesson.screenshots()
    # Each guess stands beside its outcome.
    for id, guess in guesses.items():
        (place,) = (
            place
            for place, cell in enumerate(lesson.cells())
            if re.search(rf'outcome\(\s*"{re.escape(id)}"', cell["source"])
        )
        compared = lesson.shown(place)
        told = rf"You predicted\s+{re.escape(str(guess))}\s+Measured\s+\w"
        assert re.search(told, compared), compared

    for task in of_lesson(listed.number):
        lesson.exercise(task)

    # Another notebook's kernel, which knows of nothing but the file: the board counts them.
    start = open_lesson("00_start_here")
    for text in ("%load_ext course_utils", "course = manifest.load()", "manifest.board("):
        start.run(start.index_of(text))
    board = start.shown(start.index_of("manifest.board("))
    all_of = [f"{len(ids)} of {len(ids)}" for ids in (listed.exercises, listed.predictions)]
    told = rf"{listed.number} {re.escape(listed.title)}\s+■+ {all_of[0]}\s+–\s+{all_of[1]}"
    assert re.search(told, board), board
    assert {host.split(":")[0] for host in lesson.hosts if host} == {"127.0.0.1"}
