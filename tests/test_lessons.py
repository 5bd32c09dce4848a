"""What must hold of every stored lesson, beside its outputs, which nbval compares."""

import re
from pathlib import Path

import nbformat
import pytest

from course_utils.classroom import manifest
from course_utils.project import compared, hygiene, notebooks, readme

ROOT = Path(__file__).parents[1]
COURSE = manifest.load(ROOT)
# A lesson without its notebook fails in the test of the manifest, once, and nowhere else.
LESSONS = [x for x in COURSE.lessons if (ROOT / "notebooks" / f"{x.notebook}.ipynb").exists()]
STEMS = [lesson.notebook for lesson in LESSONS]


def stored(stem):
    return nbformat.read(ROOT / "notebooks" / f"{stem}.ipynb", as_version=4)


@pytest.mark.parametrize("lesson", LESSONS, ids=STEMS)
def test_hygiene(lesson):
    found = hygiene.problems(ROOT / "notebooks" / f"{lesson.notebook}.ipynb", lesson)
    # In a message, since pytest shows the first of several alone.
    assert not found, "\n".join(found)


def test_the_manifest_and_the_folder_list_the_same():
    found = COURSE.problems()
    assert not found, "\n".join(found)


def test_outputs_compared_over_the_course():
    counts = [compared.outputs_compared(stored(stem)) for stem in STEMS]
    held, shown = map(sum, zip(*counts, strict=True))
    assert held >= hygiene.COMPARED_IN_THE_COURSE * shown, f"{held} of {shown}"


@pytest.mark.parametrize("lesson", LESSONS, ids=STEMS)
def test_stored_file_is_as_execute_writes_it(lesson, tmp_path):
    path = ROOT / "notebooks" / f"{lesson.notebook}.ipynb"
    copy = tmp_path / path.name
    notebooks.write(stored(lesson.notebook), copy)
    assert copy.read_bytes() == path.read_bytes(), "make execute"


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
