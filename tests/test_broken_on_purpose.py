"""What `make test` says of a course that is broken on purpose.

A copy of the course is broken, and the course's own checks run there, in a process of their own.
The one that must notice has to fail, in words that tell what is wrong, and no other. Breaks that
the same run can tell apart share a copy, since each kernel takes seconds to start.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pytest

from course_utils.classroom import exercise
from course_utils.project import cell_code, compared, notebooks

ROOT = Path(__file__).parents[1]
# The lesson that is broken. It has a figure, an exact finding, an exercise and a prediction.
LESSON = "00_start_here"
FIRST = exercise.of_lesson(LESSON[:2])[0]
MISTYPED = f"{LESSON[:2]}.mistyped"
# What is run, and the tests that are to notice.
STORED = ("tests/test_lessons.py",)
EXERCISES = ("tests/test_exercises.py", "--lesson", LESSON)
HYGIENE = f"test_hygiene[{LESSON}]"
LISTED = "test_the_manifest_and_the_folder_list_the_same"
SOLVES = "test_the_solution_passes_in_its_place"
MISTAKES = "test_each_mistake_gets_its_message"
UNSOLVED = "test_what_is_put_off_is_not_right"
COUNTED = "test_nothing_counts_as_solved_before_the_solution"
# Answers without anything in them.
EMPTY = ("pass", "...", "return", "return None")
# What an outer pytest or make would hand on, and what changes how much a failure tells.
OUTER = ("PYTEST", "MAKE", "MFLAGS", "FORCE_COLOR", "PY_COLORS")
OPTIONS = {"ARGS", "LESSON", "JUNIT", "CI", "PYTHONSAFEPATH"}
LIMIT = 240  # seconds for one run of the checks
COLOUR = re.compile(r"(?:\x1b|#x1B)\[[\d;]*m")

outputs_are_compared = pytest.mark.skipif(
    sys.platform != "linux" or sys.version_info[:2] != (3, 11),
    reason="outputs are compared on Linux with Python 3.11",
)


def listed_by_git():
    """Return the files that git knows or would add; None where ROOT is no git checkout."""
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        return None
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True)
    if done.returncode:
        return None
    names = done.stdout.decode().split("\0")
    return {Path(name) for name in names if name and (ROOT / name).is_file()}


def found_in_the_folders():
    """Return the files that .gitignore doesn't name, for a downloaded archive of the course."""
    patterns = (ROOT / ".gitignore").read_text(encoding="utf-8").replace("/", "").split()
    ignored = shutil.ignore_patterns(".git", *patterns)
    found = set()
    for folder, folders, files in os.walk(ROOT):
        left_out = ignored(folder, folders + files)
        folders[:] = set(folders) - left_out
        found |= {(Path(folder) / name).relative_to(ROOT) for name in set(files) - left_out}
    return found


def copied(folder):
    """Copy the course to a folder, but for this file: a copy must not break copies of its own."""
    for name in (listed_by_git() or found_in_the_folders()) - {Path(__file__).relative_to(ROOT)}:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    return folder


@pytest.fixture
def copy(tmp_path):
    return copied(tmp_path / "course")


@dataclass(frozen=True)
class Results:
    """What pytest found: the names that passed, and each that failed with what it said."""

    passed: set[str]
    failed: dict[str, str]
    output: str


def checks(copy, *selection):
    """Run the checks in a copy, as `make test` does, and return what they found."""
    report = copy.parent / "results.xml"
    variables = {k: v for k, v in os.environ.items() if not k.startswith(OUTER)}
    variables = {k: v for k, v in variables.items() if k not in OPTIONS}
    # The environment's course_utils is the checkout's. A kernel starts in the notebooks' folder,
    # so that the working directory alone would not give it the copy's.
    paths = [str(copy), *filter(None, [os.environ.get("PYTHONPATH")])]
    variables |= {"PYTHONPATH": os.pathsep.join(paths), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-m", "pytest", *selection, f"--junit-xml={report}"]
    # Without a folder of its own, each run would push one that pytest keeps for the user out.
    command += [f"--basetemp={copy.parent / 'temporary'}"]
    done = subprocess.run(
        command,
        cwd=copy,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=LIMIT,
    )
    assert done.returncode in (0, 1), f"pytest ended with {done.returncode}:\n{done.stdout}"
    passed, failed = set(), {}
    for case in ElementTree.parse(report).iter("testcase"):
        said = [each.text or "" for kind in ("failure", "error") for each in case.iter(kind)]
        if said:
            failed[case.get("name")] = COLOUR.sub("", "\n".join(said))
        elif case.find("skipped") is None:
            passed.add(case.get("name"))
    return Results(passed, failed, done.stdout)


def noticed(results, test, *words, also=()):
    """Expect that one test failed and said the words, and that no other failed than `also`."""
    assert set(results.failed) == {test, *also}, results.output
    assert [each for each in words if each not in results.failed[test]] == [], results.output


@contextmanager
def lesson_of(copy):
    """Give a copy's lesson to be changed, and store it as `make execute` does."""
    path = copy / "notebooks" / f"{LESSON}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    yield notebook
    notebooks.write(notebook, path)


def code_of(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def measuring(notebook):
    """Return the numbers, as nbval counts them, of the cells that measure or use a measurement.

    A race takes half of a lesson's time, and what is broken here stands outside of it.
    """
    numbers, names = [], set()
    for number, cell in enumerate(code_of(notebook)):
        tree = cell_code.parsed(cell.source)
        measures = compared.IGNORED in notebooks.tags(cell) and "facts" not in notebooks.tags(cell)
        if measures or names & cell_code.names_loaded(tree):
            numbers.append(number)
            names |= set().union(*map(cell_code.names_bound, tree.body))
    return numbers


def compared_cells(copy):
    """Return what selects a lesson's cells in pytest, but for those that measure."""
    path = f"notebooks/{LESSON}.ipynb"
    left_out = measuring(nbformat.read(copy / path, as_version=4))
    return [path, *(f"--deselect={path}::Cell {number}" for number in left_out)]


def test_a_copy_made_without_git_misses_nothing():
    by_git = listed_by_git()
    if by_git is None:
        pytest.skip("this is no git checkout")
    found = found_in_the_folders()
    assert by_git - found == set()
    assert not any(path.parts[0] in (".git", ".venv") for path in found)


def test_the_copy_is_what_is_tested(copy, monkeypatch):
    """Pytest and the kernels import the copy's course_utils; nothing of the outer run leaks in."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    monkeypatch.setenv("PYTEST_ADDOPTS", "--collect-only")
    here = copy / "course_utils" / "__init__.py"
    asks = f"import course_utils\n\nassert course_utils.__file__ == {str(here)!r}"
    (copy / "tests" / "test_where.py").write_text(
        f"{asks}\n\n\ndef test_where():\n    pass\n", encoding="utf-8"
    )
    cell = nbformat.v4.new_code_cell(asks, execution_count=1)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), copy / "notebooks" / "where.ipynb")
    results = checks(copy, "tests/test_where.py", "notebooks/where.ipynb")
    assert results.failed == {}, results.output
    assert results.passed == {"test_where", "Cell 0"}
    assert not (copy / Path(__file__).relative_to(ROOT)).exists()


def test_the_untouched_copy_passes(copy):
    """The control: what is expected to fail below passes as long as nothing is broken."""
    selected = [*compared_cells(copy), "tests/test_lessons.py", "tests/test_exercises.py"]
    results = checks(copy, *selected, "-k", f"test_lessons or {LESSON}")
    assert results.failed == {}, results.output
    # What fails below goes by these names.
    ran = {name.partition("[")[0] for name in results.passed}
    assert {"Cell 0", LISTED, SOLVES, MISTAKES, UNSOLVED, COUNTED} <= ran
    assert HYGIENE in results.passed


def break_printed(cells):
    """Change what a cell is said to have printed; return its name and what must be told."""
    name, output = next(
        (name, output)
        for name, cell in cells.items()
        for output in cell.outputs
        if output.get("text")
    )
    line = output.text.strip().splitlines()[0]
    output.text = output.text.replace(line, f"{line}!", 1)
    return name, ("Cell outputs differ", f"mismatch '{output.name}'", f"{line[-9:]}!")


def break_figure(cells):
    """Change one label of a figure."""
    name, data = next(
        (name, output.data)
        for name, cell in cells.items()
        for output in cell.outputs
        if "image/svg+xml" in output.get("data", {})
    )
    svg = data["image/svg+xml"]
    label = re.search(r">([^<>\n]+)</text>", svg).group(1)
    data["image/svg+xml"] = svg.replace(f"{label}</text>", f"{label}!</text>", 1)
    return name, ("Cell outputs differ", "mismatch 'image/svg+xml'", f"{label[-9:]}!</text>")


def break_bound(cells):
    """Put another bound into a finding that states an exact one."""
    for name, cell in cells.items():
        tree = cell_code.parsed(cell.source)
        for call in cell_code.calls(tree, "finding"):
            _, measured, bound, _ = call.args
            exact = isinstance(bound, (ast.Constant, ast.List, ast.Tuple, ast.Dict))
            if exact and cell_code.names_loaded(measured):
                call.args[2] = ast.Constant("something else")
                cell.source = ast.unparse(tree)
                told = f"FindingBroken: {cell_code.id_of(call)}: measured "
                return name, (told, "expected exactly 'something else'")
    raise LookupError("no finding states an exact bound")


def strip_outputs(cells):
    """Store a cell that prints as if it had printed nothing."""
    name, cell = next(each for each in cells.items() if compared.has_compared_output(each[1]))
    cell.outputs = []
    return name, ("Cell outputs differ", "Unexpected output fields from running code: {")


@pytest.fixture(scope="module")
def broken_cells(tmp_path_factory):
    """Break four cells of a lesson and run it, once for all.

    Return the results, and for each break the cell's name and what must be told.
    """
    copy = copied(tmp_path_factory.mktemp("broken_cells") / "course")
    with lesson_of(copy) as notebook:
        left_out = measuring(notebook)
        cells = {f"Cell {n}": cell for n, cell in enumerate(code_of(notebook)) if n not in left_out}
        broken = {}
        for spoil in (break_bound, break_figure, break_printed, strip_outputs):
            broken[spoil] = spoil(cells)
            del cells[broken[spoil][0]]
    return checks(copy, *compared_cells(copy)), broken


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(break_printed, marks=outputs_are_compared),
        pytest.param(break_figure, marks=outputs_are_compared),
        pytest.param(strip_outputs, marks=outputs_are_compared),
        break_bound,
    ],
)
def test_a_broken_cell_fails(broken_cells, spoil):
    results, broken = broken_cells
    name, words = broken[spoil]
    assert [each for each in words if each not in results.failed.get(name, "")] == [], (
        results.output
    )


def test_no_cell_fails_but_the_broken_ones(broken_cells):
    results, broken = broken_cells
    assert set(results.failed) <= {name for name, _ in broken.values()}, results.output
    assert len(results.passed) > len(broken)


def tag_a_claim(copy):
    """Say that a cell tries a claim, where nothing is found."""
    path = copy / "notebooks" / "course.toml"
    before, name, own = path.read_text(encoding="utf-8").partition(f'notebook = "{LESSON}"')
    own = own.replace("claims = [", 'claims = ["999-C1", ', 1)
    path.write_text(f"{before}{name}{own}", encoding="utf-8")
    with lesson_of(copy) as notebook:
        code_of(notebook)[0].metadata.setdefault("tags", []).append("claim:999-C1")


def measure_for_nothing(copy):
    """Time something, and state nothing about it."""
    cell = nbformat.v4.new_code_cell("import time\n\nstarted = time.perf_counter()")
    cell.update(execution_count=1, metadata={"tags": [compared.IGNORED]})
    with lesson_of(copy) as notebook:
        notebook.cells.append(cell)


def print_a_path(copy):
    """Print where the course lies on somebody's machine."""
    with lesson_of(copy) as notebook:
        cell = next(cell for cell in code_of(notebook) if cell.outputs)
        cell.outputs.append(nbformat.v4.new_output("stream", text="read /home/ada/course/1.jpg\n"))


def mistype_a_tag(copy):
    """Tag a cell with a word that nothing knows."""
    with lesson_of(copy) as notebook:
        code_of(notebook)[0].metadata.setdefault("tags", []).append("set-up")


def lose_a_starter(copy):
    """Take the tag off an exercise's cell."""
    with lesson_of(copy) as notebook:
        notebooks.exercise_cell(notebook, FIRST.id).metadata = {}


def mistype_a_prediction(copy):
    """Ask for a prediction by another name than its cell's tag and the manifest say."""
    with lesson_of(copy) as notebook:
        cell = next(cell for cell in code_of(notebook) if "predict(" in cell.source)
        cell.source = re.sub(r'predict\("\d\d\.\w+"', f'predict("{MISTYPED}"', cell.source)


# What is told of each: words of one sentence, or of two.
UNTIDY = {
    tag_a_claim: ["tagged claim:999-C1, but no finding of that name is called in it"],
    measure_for_nothing: ["is not compared, and what it measures feeds no finding"],
    print_a_path: ["an output holds a path of a machine: /home/ada/course"],
    mistype_a_tag: ["unknown tag 'set-up'"],
    lose_a_starter: [
        f"course.toml lists exercise {FIRST.id}, but no cell is tagged exercise:{FIRST.id}"
    ],
    mistype_a_prediction: [
        "is called in 0 cells, and should be in one, tagged predict:",
        f"prediction {MISTYPED} is not listed in course.toml",
    ],
}


@pytest.fixture(scope="module")
def untidy(tmp_path_factory):
    """Make a lesson untidy in all these ways, and check its stored file once for all."""
    copy = copied(tmp_path_factory.mktemp("untidy") / "course")
    for spoil in UNTIDY:
        spoil(copy)
    return checks(copy, *STORED)


def sentences(said):
    """Return the lines of a failed assertion's message."""
    lines = [line.removeprefix("E").strip() for line in said.splitlines() if line.startswith("E")]
    lines = [line.removeprefix("AssertionError: ") for line in lines]
    return [line for line in lines if not line.startswith("assert not [")]


@pytest.mark.parametrize("spoil", UNTIDY)
def test_untidiness_is_told(untidy, spoil):
    told = sentences(untidy.failed.get(HYGIENE, ""))
    for words in UNTIDY[spoil]:
        assert len([each for each in told if words in each]) == 1, untidy.output


def test_nothing_else_is_told(untidy):
    assert list(untidy.failed) == [HYGIENE], untidy.output
    assert len(sentences(untidy.failed[HYGIENE])) == sum(map(len, UNTIDY.values()))


def test_a_notebook_without_outputs_is_told(copy):
    """As JupyterLab saves it after "Clear Outputs of All Cells"."""
    with lesson_of(copy) as notebook:
        for cell in code_of(notebook):
            cell.update(outputs=[], execution_count=None)
    results = checks(copy, *STORED)
    sentence = "never executed, so nothing in it is compared; run `make execute`"
    noticed(results, HYGIENE, sentence)
    told = [each for each in sentences(results.failed[HYGIENE]) if each.endswith(sentence)]
    assert len(told) == len(code_of(notebook))


def test_a_manifest_that_lists_other_notebooks_is_told(copy):
    """One that isn't there, and not one that is."""
    path = copy / "notebooks" / "course.toml"
    text = path.read_text(encoding="utf-8")
    last = text.rpartition("[[lesson]]")[2]
    renamed = re.sub('notebook = ".+"', 'notebook = "99_missing"', last)
    new = re.sub(r"= \[.*?\]", "= []", renamed, flags=re.DOTALL)
    path.write_text(f"{text}\n[[lesson]]{new}", encoding="utf-8")
    there = copy / "notebooks" / f"{LESSON}.ipynb"
    shutil.copy(there, there.with_stem("98_forgotten"))
    noticed(
        checks(copy, *STORED),
        LISTED,
        "course.toml lists 99_missing, but there is no notebooks/99_missing.ipynb: "
        "add the notebook, or take the lesson out.",
        "notebooks/98_forgotten.ipynb is not in course.toml: "
        "give it a [[lesson]], or move it elsewhere.",
        also=["test_readme_shows_the_manifest"],
    )


# What is added below the exercises of a lesson. Nothing but the check tells an answer without
# anything in it, such as `pass`, from a right one.
SPOILED = """

from dataclasses import replace

sound, *others = EXERCISES
one, other, *more = sound.mistakes
swapped = (replace(one, message=other.message), replace(other, message=one.message), *more)


def lenient(answer):
    code = answer.__code__
    if code.co_names or set(code.co_consts) - {None, answer.__doc__}:
        sound.check(answer)


EXERCISES = (replace(sound, mistakes=swapped, check=lenient), *others)
"""


@pytest.fixture(scope="module")
def broken_exercise(tmp_path_factory):
    """Break a lesson's first exercise in three ways, and try it once for all.

    The solution doesn't end where it should, two mistakes are promised each other's message, and
    the check lets an empty answer pass.
    """
    copy = copied(tmp_path_factory.mktemp("broken_exercise") / "course")
    path = copy / "course_utils" / "exercises" / f"lesson_{LESSON[:2]}.py"
    lines = path.read_text(encoding="utf-8").splitlines()
    solution = notebooks.function_in("\n".join(lines), FIRST.solution.__name__)
    lines.insert(solution.end_lineno, "    yield None")
    path.write_text("\n".join(lines) + SPOILED, encoding="utf-8")
    return checks(copy, *EXERCISES)


def of_first(proof, words=""):
    """Return the name of a proof of the lesson's first exercise."""
    return f"{proof}[{words}{LESSON}-{FIRST.id}]"


def test_a_solution_that_no_longer_solves_is_told(broken_exercise):
    told = broken_exercise.failed.get(of_first(SOLVES), "")
    assert f"{FIRST.id}: the solution got: Wrong — " in told, broken_exercise.output


def test_a_mistake_that_gets_the_wrong_message_is_told(broken_exercise):
    told = broken_exercise.failed.get(of_first(MISTAKES), "")
    one, other = FIRST.mistakes[:2]
    should = f"the mistake {one.answer.__name__} should get: Wrong — {other.message}"
    assert f"{FIRST.id}: {should}" in told, broken_exercise.output
    assert f"It got: Wrong — {one.message}" in told


@pytest.mark.parametrize("words", EMPTY)
def test_an_exercise_that_passes_unsolved_is_told(broken_exercise, words):
    """With `____` still in it the answer isn't attempted: that is found before the check runs."""
    told = broken_exercise.failed.get(of_first(UNSOLVED, f"{words}-"), "")
    assert f"{FIRST.id}: `{words}` in place of ____ got: Right — " in told, broken_exercise.output


def test_an_exercise_that_counts_as_solved_unsolved_is_told(broken_exercise):
    told = broken_exercise.failed.get(of_first(COUNTED), "")
    assert f"{FIRST.id} counts as solved by a wrong answer" in told, broken_exercise.output


def test_no_other_proof_fails(broken_exercise):
    meant = {of_first(proof) for proof in (SOLVES, MISTAKES, COUNTED)}
    meant |= {of_first(UNSOLVED, f"{words}-") for words in EMPTY}
    assert set(broken_exercise.failed) <= meant, broken_exercise.output
    assert broken_exercise.passed
