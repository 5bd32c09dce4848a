"""Lesson 00 as a learner meets it: opened by `make lab`, "Run All", its exercise answered."""

import re

import pytest

from course_utils.classroom.exercise import get

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]


def test_lesson_00_in_jupyterlab(open_lesson, address):
    assert "/lab/tree/00_start_here.ipynb?" in address  # what `make lab` opens
    lesson = open_lesson("00_start_here")
    # No answer stands under its question before the learner has run it.
    assert [cell for cell in lesson.cells() if cell.get("outputs")] == []

    # A prediction, typed over its gap before anything is measured.
    guess = lesson.index("predict:00.race")
    cell = lesson.cells()[guess]["source"]
    told = lesson.answer(guess, cell.replace("____", '"3 times as long"'))
    assert told.startswith("→ Your prediction — 3 times as long")

    lesson.run_all()
    code = [cell for cell in lesson.cells() if cell["cell_type"] == "code"]
    errors = [out for cell in code for out in cell["outputs"] if out["output_type"] == "error"]
    assert errors == []
    assert sum(bool(cell["outputs"]) for cell in code) >= 17
    lesson.screenshots()
    lesson.picture("predict:00.race")
    compared = lesson.shown(lesson.index_of('outcome("00.race"'))
    assert re.search(r"You predicted\s+3 times as long\s+Measured\s+\d", compared), compared

    # The toy exercise: wrong and right, then what the board says of it.
    lesson.exercise(get("00.countdown"))
    board = lesson.index_of("manifest.board(")
    shown = lesson.answer(board, lesson.cells()[board]["source"])
    assert re.search(r"00 Start here\s+■ 1 of 1", shown), shown

    assert {host.split(":")[0] for host in lesson.hosts if host} == {"127.0.0.1"}
