"""Executing for storage gives the same bytes; solutions go where the starters stood."""

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError

from course_utils.classroom.exercise import get
from course_utils.project import notebooks

CELLS = """
import os, sys
print("one"); print("two", file=sys.stderr); print("three")
---
{"a": [1, 2], "b": os.environ["TQDM_DISABLE"], "pictures": os.environ.get("COURSE_PICTURES")}
---
os.system("echo from a child process")
print(hash("the same in each process"))
"""


def notebook(*sources):
    cells = [nbformat.v4.new_code_cell(each.strip()) for each in sources]
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
        cell.metadata = {"collapsed": True, "execution": {"iopub.status.busy": "now"}}
    return nbformat.v4.new_notebook(cells=cells, metadata={"widgets": {"state": {}}})


def test_a_second_run_stores_the_same_bytes(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PICTURES", str(tmp_path))
    path = tmp_path / "lesson.ipynb"
    nbformat.write(notebook(*CELLS.split("---")), path)
    notebooks.execute(path)
    first = path.read_bytes()
    notebooks.execute(path)
    assert path.read_bytes() == first
    stored = nbformat.reads(first.decode(), as_version=4)
    assert [cell.execution_count for cell in stored.cells] == [1, 2, 3]
    assert all(dict(cell.metadata) == {} for cell in stored.cells)
    assert "'b': '1', 'pictures': None" in stored.cells[1].outputs[0].data["text/plain"]
    assert str(tmp_path) not in first.decode()


WIDGETS = """
from IPython.display import display
import ipywidgets
slider = ipywidgets.IntSlider(3)
view = slider._repr_mimebundle_()
display({**view, "image/svg+xml": "<svg/>"}, raw=True)
---
display({"application/vnd.jupyter.widget-view+json": {"model_id": "7"}}, raw=True)
"""


def test_a_widget_beside_a_picture_is_not_stored(tmp_path):
    path = tmp_path / "lesson.ipynb"
    nbformat.write(notebook(*WIDGETS.split("---")), path)
    notebooks.execute(path)
    first = path.read_bytes()
    beside, alone = (cell.outputs[0].data for cell in nbformat.reads(first, as_version=4).cells)
    assert set(beside) == {"image/svg+xml", "text/plain"}
    assert set(alone) == {"application/vnd.jupyter.widget-view+json"}
    notebooks.execute(path)
    assert path.read_bytes() == first


def test_a_failing_cell_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "lesson.ipynb"
    nbformat.write(notebook("1 / 0"), path)
    before = path.read_bytes()
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        notebooks.execute(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_solution_takes_its_starters_place():
    task = get("00.countdown")
    cell = nbformat.v4.new_code_cell(
        'before = 1\n\n\ndef countdown(n):\n    """Yield n, ..., 1."""\n    ____\n\n\n'
        'check("00.countdown", countdown)'
    )
    cell.metadata = {"tags": ["exercise:00.countdown"]}
    other = nbformat.v4.new_code_cell("1 / 0")
    asked = nbformat.v4.new_notebook(cells=[other, cell])
    solved = notebooks.answered(asked, [(task, task.source)])
    assert len(solved.cells) == 1
    source = solved.cells[0].source
    assert source == notebooks.with_answer(cell.source, task, task.solution)
    assert "____" in cell.source
    assert "____" not in source
    assert source.startswith("before = 1")
    assert source.endswith('check("00.countdown", countdown)')
    assert task.source in source


def test_a_missing_or_doubled_exercise_cell_is_named():
    with pytest.raises(LookupError, match=r"0 cells are tagged exercise:00\.countdown"):
        notebooks.exercise_cell(nbformat.v4.new_notebook(), "00.countdown")
