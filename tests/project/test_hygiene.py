"""Each rule of hygiene catches a notebook that breaks it, and passes one that doesn't."""

import nbformat
import pytest

from course_utils.classroom.manifest import Lesson
from course_utils.project import hygiene

NEW = nbformat.v4


def lesson(**given):
    fields = {
        "notebook": "99_example",
        "title": "An example",
        "question": "Does it hold?",
        "teach": 1,
        "practise": 1,
        "exercises": (),
        "seeds": (),
        "claims": (),
        "problems": (),
        "needs": (),
    }
    return Lesson(**fields | given)


def code(source, *tags, text="done", **given):
    outputs = [NEW.new_output("stream", text=text)] if text else []
    cell = NEW.new_code_cell(source, execution_count=1, outputs=outputs, **given)
    cell.metadata = {"tags": list(tags)} if tags else {}
    return cell


def good_cells():
    return [
        NEW.new_markdown_cell("# 99 · An example\n\n**Does it hold?**"),
        code("%load_ext course_utils\nfrom x import finding, race", "setup", text=""),
        code("result = race({})", "nbval-ignore-output"),
        code('ratio = result.ratio("a", "b")\nfinding("99.ratio", ratio, 3, "Slower.")'),
        code("machine()", "nbval-ignore-output", "facts"),
        code("machine().verdict()"),
        *[code(f"print({n})") for n in range(4)],
    ]


def problems(tmp_path, cells, given=None):
    path = tmp_path / "99_example.ipynb"
    nbformat.write(NEW.new_notebook(cells=cells), path)
    return hygiene.problems(path, given or lesson())


def test_a_good_notebook_passes(tmp_path):
    assert problems(tmp_path, good_cells()) == []


BROKEN = {
    "never executed": lambda cells: cells[5].update(execution_count=None),
    "an empty code cell": lambda cells: cells.append(code("  ")),
    "16 lines; over 15": lambda cells: cells.append(code("\n".join(["x = 1"] * 16))),
    "an error that nothing says is meant: KeyError": lambda cells: cells[5].outputs.append(
        NEW.new_output("error", ename="KeyError", evalue="'a'", traceback=[])
    ),
    "holds a path of a machine: /home/ada/course": lambda cells: cells[5].outputs.append(
        NEW.new_output("stream", text="saved to /home/ada/course")
    ),
    "holds a path of a machine: site-packages": lambda cells: cells[5].outputs.append(
        NEW.new_output("display_data", {"text/html": "<p>lib/site-packages/keras</p>"})
    ),
    r"holds a path of a machine: C:\Users": lambda cells: cells[5].outputs.append(
        NEW.new_output("execute_result", {"text/plain": r"C:\Users\ada"}, execution_count=1)
    ),
    "unknown tag 'nbval-skip'": lambda cells: cells[5].metadata.update(tags=["nbval-skip"]),
    "unknown tag 'claim:1-C1'": lambda cells: cells[5].metadata.update(tags=["claim:1-C1"]),
    "tagged claim:001-C6, but no finding of that name": lambda cells: cells[3].metadata.update(
        tags=["claim:001-C6"]
    ),
    "feeds no finding": lambda cells: cells[3].update(source="print('no finding')"),
    "facts without a compared verdict": lambda cells: cells[5].metadata.update(
        tags=["nbval-ignore-output"]
    ),
    "tagged facts, but not nbval-ignore-output": lambda cells: cells[4].metadata.update(
        tags=["facts"]
    ),
    "the first cell does not hold the manifest's 'Does it hold?'": lambda cells: cells[0].update(
        source="# An example"
    ),
    "course.toml does not list": lambda cells: cells[5].metadata.update(tags=["seed:001-E1"]),
    "1.2 MB; a notebook stays under 1 MB": lambda cells: cells[5].outputs.append(
        NEW.new_output("display_data", {"image/jpeg": "x" * 1_200_000})
    ),
    "3 of 8 outputs are compared": lambda cells: [
        cells[n].metadata.update(tags=["nbval-ignore-output"]) for n in (6, 7, 8)
    ],
}


@pytest.mark.parametrize("sentence", BROKEN)
def test_each_broken_rule_is_named(tmp_path, sentence):
    cells = good_cells()
    BROKEN[sentence](cells)
    found = problems(tmp_path, cells)
    assert any(sentence in each for each in found), found


@pytest.mark.parametrize("kind", ["exercises", "seeds", "claims", "problems"])
def test_what_the_manifest_lists_must_be_tagged(tmp_path, kind):
    names = {"exercises": "99.x", "seeds": "001-E1", "claims": "001-C6", "problems": "P042"}
    found = problems(tmp_path, good_cells(), lesson(**{kind: (names[kind],)}))
    assert len(found) == 1
    assert (
        f"course.toml lists {kind.removesuffix('s')} {names[kind]}, but no cell is tagged"
        in found[0]
    )


def test_a_finding_reached_through_other_names_counts():
    later = [code("a = measured.ratio()"), code("b, c = a, 1"), code('finding("x", b, 1, "y")')]
    assert hygiene.feeds_a_finding("measured = race()", later)
    assert not hygiene.feeds_a_finding("other = race()", later)


def test_a_finding_that_is_itself_ignored_does_not_count():
    later = [code('finding("x", measured, 1, "y")', "nbval-ignore-output")]
    assert not hygiene.feeds_a_finding("measured = race()", later)


def test_pictures_alone_are_not_compared():
    cell = code("show()", text="")
    cell.outputs = [NEW.new_output("display_data", {"image/png": "aa"})]
    assert hygiene.outputs_compared(NEW.new_notebook(cells=[cell])) == (0, 1)
    cell.outputs.append(NEW.new_output("stream", text="mean 128"))
    assert hygiene.outputs_compared(NEW.new_notebook(cells=[cell])) == (1, 1)
    cell.outputs = [NEW.new_output("display_data", {"image/svg+xml": "<svg/>"})]
    assert hygiene.outputs_compared(NEW.new_notebook(cells=[cell])) == (1, 1)
