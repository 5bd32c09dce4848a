import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from course_utils.classroom.manifest import (
    Board,
    BoardRow,
    Course,
    Lesson,
    ManifestError,
    board,
    load,
    replace_between_markers,
    table,
)

ROOT = Path(__file__).parents[2]

TWO = """
title = "A course"
[[lesson]]
notebook = "00_start"
title = "Start"
question = "Ready?"
teach = 15
practise = 10
exercises = ["00.countdown", "00.up"]
predictions = []
seeds = ["004-E3"]
claims = ["001-C6"]
problems = ["P042"]
needs = []
[[lesson]]
notebook = "01_numbers"
title = "Numbers"
question = "How many | which?"
teach = 20
practise = 5
exercises = ["01.cost"]
predictions = ["01.a", "01.b", "01.c"]
seeds = []
claims = []
problems = []
needs = ["00_start"]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "course.toml"
    path.write_text(text, encoding="utf-8")
    return path


def problems_of(folder: Path, text: str) -> str:
    with pytest.raises(ManifestError) as caught:
        load(write(folder, text))
    return str(caught.value)


def test_the_course_itself_loads():
    course = load(ROOT)
    assert course.lessons[0].notebook == "00_start_here"
    assert course.lessons[0].number == "00"


@pytest.mark.parametrize("place", ["", "notebooks", "notebooks/course.toml"])
def test_it_is_found_from_the_root_its_folder_or_itself(tmp_path, place):
    (tmp_path / "notebooks").mkdir()
    write(tmp_path / "notebooks", TWO)
    course = load(tmp_path / place)
    assert [one.notebook for one in course.lessons] == ["00_start", "01_numbers"]
    assert course.folder == tmp_path / "notebooks"
    assert course.lessons[0].exercises == ("00.countdown", "00.up")
    assert course.lessons[1].needs == ("00_start",)


def test_no_manifest_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no manifest at .*Expected course\.toml"):
        load(tmp_path)


def test_what_is_not_toml_is_said(tmp_path):
    assert "can't be read as TOML" in problems_of(tmp_path, "title = ")
    (tmp_path / "course.toml").write_bytes(b"title = '\xff'")
    with pytest.raises(ManifestError, match="can't be read"):
        load(tmp_path)


def test_everything_wrong_is_listed_at_once(tmp_path):
    text = (
        TWO.replace('title = "A course"', 'title = ""\ncolour = "red"')
        .replace("teach = 15", 'teach = "15"\nminutes = 3')
        .replace('"004-E3"', '"4-E3", "004-E3", "004-E3"')
        .replace('question = "How many | which?"\n', "")
        .replace('needs = ["00_start"]', 'needs = ["02_later"]')
    )
    message = problems_of(tmp_path, text)
    assert message.splitlines()[0] == "course.toml has 8 problems:"
    for expected in (
        "unknown key 'colour' at the top",
        "title must be one line of text",
        "lesson 1 (00_start): unknown key 'minutes'",
        "lesson 1 (00_start): 'teach' is '15'. Expected whole minutes",
        "lesson 1 (00_start): 'seeds' holds '4-E3', expected the form '004-E3'",
        "lesson 1 (00_start): 'seeds' holds '004-E3' more than once",
        "lesson 2 (01_numbers): 'question' is missing",
        "lesson 2 (01_numbers): it needs '02_later', which the manifest does not list",
    ):
        assert expected in message


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"01_numbers"', '"00_numbers"', "2 lessons have the number '00'"),
        ('"01_numbers"', '"00_start"', "2 lessons have the notebook '00_start'"),
        ('"01_numbers"', '"Numbers!"', "'notebook' is 'Numbers!'. Expected the file's stem"),
        ('"01_numbers"', "7", "'notebook' is 7. Expected"),
        ('["01.cost"]', '["00.countdown"]', "exercise '00.countdown' is in 00_start and 01_"),
        ('["01.cost"]', '["02.cost"]', "its number must be that of 01_numbers"),
        ('"01.a"', '"02.a"', "prediction '02.a' is not one of this lesson's"),
        ('"01.b", "01.c"', '"01.a"', "'predictions' holds '01.a' more than once"),
        ('"01.a"', '"a"', "'predictions' holds 'a', expected the form '00.race'"),
        ('["01.cost"]', '"01.cost"', "'exercises' is '01.cost'. Expected a list"),
        ('["01.cost"]', "[1]", "'exercises' holds 1, expected the form '00.countdown'"),
        ('["00_start"]', '["01_numbers"]', "which does not come before it"),
        ("teach = 20", "teach = true", "'teach' is True. Expected whole minutes"),
        ("teach = 20", "teach = -1", "'teach' is -1"),
        ("teach = 20", "teach = 2.5", "'teach' is 2.5"),
        ('["001-C6"]', '["001-E6"]', "expected the form '001-C6'"),
        ('["P042"]', '["P42"]', "expected the form 'P042'"),
        ('title = "Numbers"', 'title = "a\\nb"', "Expected one line of text"),
    ],
)
def test_each_mistake_gets_its_sentence(tmp_path, old, new, expected):
    assert old in TWO
    assert expected in problems_of(tmp_path, TWO.replace(old, new))


@pytest.mark.parametrize(
    "text", ['title = "A"', 'title = "A"\nlesson = 3', 'title="A"\nlesson=[3]']
)
def test_a_manifest_without_lessons_is_refused(tmp_path, text):
    assert "there is no lesson" in problems_of(tmp_path, text)


def test_notebooks_and_manifest_are_held_against_each_other(tmp_path):
    course = load(write(tmp_path, TWO))
    (tmp_path / "00_start.ipynb").touch()
    (tmp_path / "07_extra.ipynb").touch()
    missing, extra = course.problems()
    assert "lists 01_numbers, but there is no" in missing
    assert "07_extra.ipynb is not in course.toml" in extra
    (tmp_path / "07_extra.ipynb").rename(tmp_path / "01_numbers.ipynb")
    assert course.problems() == []


@pytest.mark.parametrize("name", ["01", "1", "01_numbers", "01_numbers.ipynb"])
def test_a_lesson_is_found_by_each_of_its_names(tmp_path, name):
    assert load(write(tmp_path, TWO)).find(name).title == "Numbers"


@pytest.mark.parametrize("name", ["7", "", "numbers"])
def test_an_unknown_lesson_is_told_what_there_is(tmp_path, name):
    course = load(write(tmp_path, TWO + TWO.split("[[lesson]]")[0].replace("title", "#")))
    with pytest.raises(ValueError, match=r"There are: 00_start, 01_numbers\."):
        course.find(name)


def test_an_index_has_no_number(tmp_path):
    index = """
[[lesson]]
notebook = "claims_on_trial"
title = "Claims on trial"
question = "Which hold?"
teach = 0
practise = 0
exercises = []
predictions = []
seeds = []
claims = []
problems = []
needs = []
"""
    course = load(write(tmp_path, TWO + index))
    assert course.find("claims_on_trial").number == ""
    assert "[Claims on trial](notebooks/claims_on_trial.ipynb)" in table(course)
    rows = board(course, SimpleNamespace(solved=[], attempted=[], predicted=[])).rows
    assert len(rows) == 2


def test_the_table_is_github_markdown(tmp_path):
    lines = table(load(write(tmp_path, TWO))).splitlines()
    assert [cell.strip() for cell in lines[0].strip("|").split("|")] == [
        "lesson", "question", "teach, min", "practise, min", "exercises",
    ]  # fmt: skip
    assert set(lines[1]) <= set("|-: ")
    assert "[00 Start](notebooks/00_start.ipynb)" in lines[2]
    assert "How many \\| which?" in lines[3]
    assert len(lines) == 4


def test_text_between_markers_is_replaced_again_and_again():
    text = "before\n<!-- a:begin -->\nold\n<!-- a:end -->\nafter\n"
    once = replace_between_markers(text, "a", "new \\1\n")
    assert once == "before\n<!-- a:begin -->\nnew \\1\n<!-- a:end -->\nafter\n"
    assert replace_between_markers(once, "a", "new \\1") == once


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nothing", "a:begin --> 0 times"),
        ("<!-- a:begin -->", "a:end --> 0 times"),
        ("<!-- a:begin --><!-- a:begin --><!-- a:end -->", "a:begin --> 2 times"),
        ("<!-- a:end --><!-- a:begin -->", "comes before"),
    ],
)
def test_missing_markers_are_said(text, expected):
    with pytest.raises(ValueError, match=expected):
        replace_between_markers(text, "a", "new")


def test_the_board_counts_by_lesson(tmp_path):
    course = load(write(tmp_path, TWO))
    marks = SimpleNamespace(
        solved={"00.up", "00.gone"},
        attempted={"00.up", "01.cost"},
        predicted={"01.a", "01.b", "01.z"},
    )
    found = board(course, marks)
    assert [r.__dict__ for r in found.rows] == [
        {"lesson": "00 Start", "solved": 1, "attempted": 0, "exercises": 2}
        | {"predicted": 0, "predictions": 0},
        {"lesson": "01 Numbers", "solved": 0, "attempted": 1, "exercises": 1}
        | {"predicted": 2, "predictions": 3},
    ]
    assert [line.split()[-3:] for line in repr(found).splitlines()[-2:]] == [
        ["2", "–", "–"],
        ["2", "of", "3"],
    ]
    assert repr(found).splitlines()[0] == "1 of 3 exercises solved."
    assert "■□ 1 of 2" in repr(found)
    assert "<table>" in found._repr_html_()
    assert "■□ 1 of 2" in found._repr_html_()


def test_on_the_board_text_stands_left_and_numbers_right():
    shown = Board((BoardRow("00 a", 1, 1, 2, 0, 3),))._repr_html_()
    sides = re.findall(r'<t[hd] style="text-align: (\w+);">', shown)
    assert sides == ["left", "left", "right", "right"] * 2
    assert shown.count("<th") - shown.count("<thead") + shown.count("<td") == 8


def test_the_board_escapes_titles():
    course = Course("C", (Lesson("00_a", "a <b> & c", "?", 1, 1),))
    found = board(course, SimpleNamespace(solved=[], attempted=[], predicted=[]))
    assert "<b>" not in found._repr_html_()
    assert repr(found).startswith("0 of 0 exercises solved.")


def test_the_board_reads_a_learners_progress(tmp_path):
    from course_utils.classroom.progress import Progress

    found = board(load(write(tmp_path, TWO)), Progress(None))
    assert found.solved == 0
    assert found.exercises == 3
