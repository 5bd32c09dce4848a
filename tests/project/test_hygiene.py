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
        "predictions": (),
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


def stream(text):
    return NEW.new_output("stream", text=text)


def data(**kinds):
    return NEW.new_output("display_data", {k.replace("__", "/"): v for k, v in kinds.items()})


def widget():
    return NEW.new_output("display_data", {"application/vnd.jupyter.widget-view+json": {}})


def printing(text):
    return lambda cells: cells[5].outputs.append(stream(text))


def adding(source, *tags):
    return lambda cells: cells.append(code(source, *tags))


def saying(text):
    return lambda cells: cells.append(NEW.new_markdown_cell(text))


def tagged(number, *tags):
    return lambda cells: cells[number].metadata.update(tags=list(tags))


def reading(number, source):
    return lambda cells: cells[number].update(source=source)


BROKEN = [
    ("never executed", lambda cells: cells[5].update(execution_count=None)),
    ("an empty code cell", adding("  ")),
    ("16 lines; over 15", adding("\n".join(["x = 1"] * 16))),
    (
        "an error that nothing says is meant: KeyError",
        lambda cells: cells[5].outputs.append(
            NEW.new_output("error", ename="KeyError", evalue="'a'", traceback=[])
        ),
    ),
    ("tagged raises-exception, but raises nothing", tagged(6, "raises-exception")),
    # Comments that nbval obeys as it does tags.
    ("a comment for nbval, NBVAL_SKIP", adding("# NBVAL_SKIP\nprint(1)")),
    ("a comment for nbval, NBVAL_IGNORE_OUTPUT", adding("print(1)\n  ## NBVAL_IGNORE_OUTPUT")),
    ("a comment for nbval, PYTEST_VALIDATE", adding("#PYTEST_VALIDATE_IGNORE_OUTPUT\nprint(1)")),
    # Paths, in outputs, sources and text.
    ("an output holds a path of a machine: /home/ada/course", printing("to /home/ada/course")),
    ("an output holds a path of a machine: /home/a.b-c/x", printing("to /home/a.b-c/x")),
    (
        "an output holds a path of a machine: site-packages",
        lambda cells: cells[5].outputs.append(data(text__html="<p>lib/site-packages/keras</p>")),
    ),
    (
        r"an output holds a path of a machine: C:\Users",
        lambda cells: cells[5].outputs.append(data(text__plain=r"C:\Users\ada")),
    ),
    *[
        (f"an output holds a path of a machine: /{root}/x", printing(f"saved to '/{root}/x'"))
        for root in ("mnt", "data", "Volumes", "workspace", "media", "srv", "scratch")
    ],
    (r"an output holds a path of a machine: D:\x", printing(r"saved to D:\x")),
    ("its text holds a path of a machine: /mnt/share", adding('open("/mnt/share/x.txt")')),
    (r"its text holds a path of a machine: D:\\temp", adding(r'open("D:\\temp\\x.txt")')),
    ("its text holds a path of a machine: /home/ada/x", saying("It lies in `/home/ada/x`.")),
    ("its text holds a path of a machine: /home/ada/x", saying("[here](file:///home/ada/x)")),
    # Tags.
    ("unknown tag 'nbval-skip'", tagged(5, "nbval-skip")),
    ("unknown tag 'claim:1-C1'", tagged(5, "claim:1-C1")),
    ("tagged claim:001-C6, but no finding of that name", tagged(3, "claim:001-C6")),
    # Findings that can't fail.
    ("finding '99.x' is given a literal as measured", adding('finding("99.x", 3, 3, "y")')),
    ("finding '99.x' is given a literal", adding('finding("99.x", [1, -2], [1, -2], "y")')),
    ("finding '99.x' is given a literal", adding('finding("99.x", (1, {"a": 2}), x, "y")')),
    ("finding '99.x' is given a literal", adding('finding("99.x", None, None, "Slower.")')),
    ("finding '99.x' is given a literal", adding('finding("99.x", 3, 3, "not testable: y")')),
    (
        "finding '99.x' is given a literal",
        adding('finding(id="99.x", bound=3, measured=3, verdict="y")'),
    ),
    # Findings with one id.
    (
        "finding '99.ratio' stands in cell 3 already",
        adding('finding("99.ratio", ratio, 3, "Slower.")'),
    ),
    (
        "finding '99.x' has two verdicts",
        adding('finding("99.x", x, 1, "Slower.")\nfinding("99.x", x, 1, "Faster.")'),
    ),
    # Measurements that reach no finding.
    ("feeds no finding", reading(3, "print('no finding')")),
    ("feeds no finding", reading(3, 'result = 3\nfinding("99.x", result, 3, "y")')),
    ("feeds no finding", reading(3, 'import x as result\nfinding("99.x", result.n, 3, "y")')),
    ("feeds no finding", reading(3, 'def result(): ...\nfinding("99.x", result(), 3, "y")')),
    ("feeds no finding", reading(2, "result = race({})\nresult = 3")),
    # Facts without a verdict.
    ("facts without a compared verdict", tagged(5, "nbval-ignore-output")),
    ("facts without a compared verdict", reading(5, "print(1)")),
    ("facts without a compared verdict", reading(5, "machine().verdict")),
    ("facts without a compared verdict", lambda cells: cells[5].update(outputs=[])),
    (
        "facts without a compared verdict",
        lambda cells: cells[5].update(outputs=[data(image__png="aa")]),
    ),
    ("facts without a compared verdict", lambda cells: cells[5].update(outputs=[widget()])),
    ("tagged facts, but not nbval-ignore-output", tagged(4, "facts")),
    # The notebook as a whole.
    ("the first cell does not hold the manifest's 'Does it hold?'", reading(0, "# An example")),
    ("course.toml does not list", tagged(5, "seed:001-E1")),
    (
        "1.2 MB; a notebook stays under 1 MB",
        lambda cells: cells[5].outputs.append(data(image__jpeg="x" * 1_200_000)),
    ),
    (
        "3 of 8 outputs are compared",
        lambda cells: [tagged(n, "nbval-ignore-output")(cells) for n in (6, 7, 8)],
    ),
    (
        "3 of 8 outputs are compared",
        lambda cells: [cells[n].update(outputs=[widget()]) for n in (6, 7, 8)],
    ),
]


@pytest.mark.parametrize(("sentence", "spoil"), BROKEN, ids=[each for each, _ in BROKEN])
def test_each_broken_rule_is_named(tmp_path, sentence, spoil):
    cells = good_cells()
    spoil(cells)
    found = problems(tmp_path, cells)
    assert any(sentence in each for each in found), found


FINE = [
    saying("[data](https://example.org/-/data/x.html), <https://x.org/?to=/home/ada/x>"),
    saying("`COURSE_PICTURES=/path/to/pictures`, on Windows `C:\\path\\to\\pictures`"),
    saying(
        "Workers share `/dev/shm`. Libraries lie in site-packages. See data/README.md, ~/data/x"
    ),
    adding('print(f"{folder}/data/x", "../data/x", "A:\\n", f"B:\\n{b}", "ERROR:\\nx")'),
    printing("FileNotFoundError: The folder …/data/x doesn't exist."),
    adding('finding("99.x", None, None, "not testable: the book is out of print")'),
    adding('for x in xs:\n    finding("99.x", x, -1, "y")'),
    adding('if gpu:\n    finding("99.x", x, 1, "y")\nelse:\n    finding("99.x", x, 2, "y")'),
    reading(3, 'result += other\nfinding("99.x", result, 3, "y")'),
    reading(3, 'squares = [result for result in [1]]\nfinding("99.x", result, 3, "y")'),
    reading(3, 'def other():\n    result = 3\n\n\nfinding("99.x", result, 3, "y")'),
    reading(3, 'def slower():\n    return result > 3\n\n\nfinding("99.x", slower(), True, "y")'),
    reading(5, "from x import machine, verdict\nverdict(machine())"),
    adding("%%bash\nfor x in a b; do echo $x; done"),
    lambda cells: cells[5].outputs.insert(0, widget()),
    lambda cells: (
        tagged(6, "raises-exception")(cells),
        cells[6].outputs.append(NEW.new_output("error", ename="E", evalue="e", traceback=[])),
    ),
]


@pytest.mark.parametrize("change", FINE)
def test_what_only_looks_like_a_breach_passes(tmp_path, change):
    cells = good_cells()
    change(cells)
    assert problems(tmp_path, cells) == []


@pytest.mark.parametrize("kind", ["exercises", "seeds", "claims", "problems"])
def test_what_the_manifest_lists_must_be_tagged(tmp_path, kind):
    names = {"exercises": "99.x", "seeds": "001-E1", "claims": "001-C6", "problems": "P042"}
    found = problems(tmp_path, good_cells(), lesson(**{kind: (names[kind],)}))
    assert len(found) == 1
    assert (
        f"course.toml lists {kind.removesuffix('s')} {names[kind]}, but no cell is tagged"
        in found[0]
    )


PREDICTED = [
    code('from x import outcome\npredict("99.cost", ____)', "predict:99.cost"),
    code('outcome("99.cost", "twice")'),
]


def test_a_prediction_with_its_outcome_passes(tmp_path):
    cells = [*good_cells(), *PREDICTED, code("model.predict(batch)")]
    assert problems(tmp_path, cells, lesson(predictions=("99.cost",))) == []


@pytest.mark.parametrize(
    ("cells", "listed", "words"),
    [
        (PREDICTED[:1], ("99.cost",), 'prediction 99.cost has no outcome("99.cost", ...)'),
        (PREDICTED[1:], ("99.cost",), "is called in 0 cells, and should be in one"),
        (PREDICTED, (), "prediction 99.cost is not listed in course.toml"),
        (PREDICTED, ("99.cost", "99.csot"), "lists predict 99.csot, but no cell is tagged"),
        ([code('predict("99.cost", 1)'), PREDICTED[1]], ("99.cost",), "tagged predict:99.cost"),
        ([*PREDICTED, code('outcome("99.csot", 2)')], ("99.cost",), "99.csot is not listed"),
        (
            [*PREDICTED, code(PREDICTED[0].source, "predict:99.cost")],
            ("99.cost",),
            "is called in 2 cells, and should be in one",
        ),
        ([*PREDICTED, code(PREDICTED[0].source)], ("99.cost",), "is called in 2 cells, and"),
        ([*PREDICTED, code("1", "predict:99.cost")], ("99.cost",), "(cells with this tag: 2)"),
        (
            [PREDICTED[0], code('outcome("99.cost", "twice")\nx = 1')],
            ("99.cost",),
            "outcome of 99.cost is not the last line of its cell",
        ),
    ],
)
def test_a_prediction_that_is_not_whole_is_found(tmp_path, cells, listed, words):
    found = problems(tmp_path, [*good_cells(), *cells], lesson(predictions=listed))
    assert any(words in each for each in found), found
