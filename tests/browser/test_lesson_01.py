"""Lesson 01 as a learner meets it: predictions, "Run All", each exercise wrong and then right."""

import re

import pytest

from course_utils.classroom.exercise import of_lesson

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]
GUESSES = {
    "01.second_epoch": '"the same numbers again"',
    "01.ahead": "1",
    "01.break": '"nothing is lost"',
    "01.cost": '"twice as long"',
}


def test_lesson_01_in_jupyterlab(open_lesson):
    lesson = open_lesson("01_numbers")
    assert [cell for cell in lesson.cells() if cell.get("outputs")] == []

    # Predictions, typed before anything is measured.
    for text in ("%load_ext course_utils", "import itertools"):
        lesson.run(lesson.index_of(text))
    for id, guess in GUESSES.items():
        place = lesson.index(f"predict:{id}")
        source = lesson.cells()[place]["source"].replace("____", guess)
        assert guess.strip('"') in lesson.answer(place, source)

    lesson.run_all()
    code = [cell for cell in lesson.cells() if cell["cell_type"] == "code"]
    errors = [out for cell in code for out in cell["outputs"] if out["output_type"] == "error"]
    assert errors == []
    lesson.screenshots()
    # Each guess stands beside its outcome.
    for id, guess in GUESSES.items():
        compared = lesson.shown(lesson.index_of(f'outcome("{id}"'))
        told = rf"You predicted\s+{re.escape(guess.strip(chr(34)))}\s+Measured\s+\w"
        assert re.search(told, compared), compared

    for task in of_lesson("01"):
        lesson.exercise(task)

    # Another notebook's kernel, which knows of nothing but the file: the board counts them.
    start = open_lesson("00_start_here")
    for text in ("%load_ext course_utils", "course = manifest.load()", "manifest.board("):
        start.run(start.index_of(text))
    board = start.shown(start.index_of("manifest.board("))
    assert re.search(r"01 Numbers\s+■■■■ 4 of 4\s+–\s+4 of 4", board), board
    assert {host.split(":")[0] for host in lesson.hosts if host} == {"127.0.0.1"}
