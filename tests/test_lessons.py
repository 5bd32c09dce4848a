"""What must hold of every stored lesson, beside its outputs, which nbval compares."""

import re
from pathlib import Path

import nbformat
import pytest

from course_utils.classroom import exercise, manifest
from course_utils.project import hygiene, notebooks, readme

ROOT = Path(__file__).parents[1]
COURSE = manifest.load(ROOT)
STEMS = [lesson.notebook for lesson in COURSE.lessons]


def stored(stem):
    return nbformat.read(ROOT / "notebooks" / f"{stem}.ipynb", as_version=4)


@pytest.mark.parametrize("lesson", COURSE.lessons, ids=STEMS)
def test_hygiene(lesson):
    assert hygiene.problems(ROOT / "notebooks" / f"{lesson.notebook}.ipynb", lesson) == []


def test_the_manifest_and_the_folder_list_the_same():
    assert COURSE.problems() == []


def test_outputs_compared_over_the_course():
    counts = [hygiene.outputs_compared(stored(stem)) for stem in STEMS]
    compared, shown = map(sum, zip(*counts, strict=True))
    assert compared >= hygiene.COMPARED_IN_THE_COURSE * shown, f"{compared} of {shown}"


@pytest.mark.parametrize("lesson", COURSE.lessons, ids=STEMS)
def test_stored_file_is_as_execute_writes_it(lesson, tmp_path):
    path = ROOT / "notebooks" / f"{lesson.notebook}.ipynb"
    copy = tmp_path / path.name
    notebooks.write(stored(lesson.notebook), copy)
    assert copy.read_bytes() == path.read_bytes(), "make execute"


@pytest.mark.parametrize("lesson", COURSE.lessons, ids=STEMS)
def test_exercises_are_starters_in_the_notebook(lesson):
    for exercise_id in lesson.exercises:
        task = exercise.get(exercise_id)
        cell = notebooks.exercise_cell(stored(lesson.notebook), exercise_id)
        name = task.solution.__name__
        starter = notebooks.function_in(cell.source, name)
        solution = notebooks.function_in(task.source, name)
        assert [a.arg for a in starter.args.args] == [a.arg for a in solution.args.args]
        assert "____" in cell.source
        assert f'check("{exercise_id}", {name})' in cell.source
        # No answer stands in the notebook as it is handed out.
        shown = "".join(str(output) for output in cell.outputs)
        assert "Not attempted" in shown
        assert "Right" not in shown


@pytest.mark.parametrize(
    "lesson", [x for x in COURSE.lessons if x.exercises], ids=lambda x: x.notebook
)
def test_solutions_pass_in_their_places(lesson):
    tasks = [exercise.get(each) for each in lesson.exercises]
    solved = notebooks.run(notebooks.solved(stored(lesson.notebook), tasks), ROOT / "notebooks")
    for task in tasks:
        outputs = notebooks.exercise_cell(solved, task.id).outputs
        shown = [output.data["text/plain"] for output in outputs if "data" in output]
        assert len(shown) == 1, outputs
        assert shown[0].startswith("Right"), shown[0]


def test_readme_shows_the_manifest():
    assert (ROOT / "README.md").read_text(encoding="utf-8") == readme.refreshed(ROOT), (
        "make execute"
    )


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "data/README.md"])
def test_links_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = [t for t in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in t]
    missing = [t for t in targets if not (ROOT / page).parent.joinpath(t).exists()]
    assert missing == []


def test_every_make_target_is_documented():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.search(r"\.PHONY: (.*)", makefile).group(1).split()) - {"help", "python"}
    documented = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert {t for t in targets if f"| `make {t}" not in documented} == set()
