"""The lessons as files: find them, execute them for storage, put solutions in their places."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from course_utils.classroom import manifest
from course_utils.classroom.exercise import Exercise
from course_utils.classroom.source import source

__all__ = [
    "PINNED", "CellExecutionError", "answered", "execute", "exercise_cell", "function_in",
    "lessons", "pinned_environment", "run", "set_environment", "tags", "with_answer", "write",
]  # fmt: skip

CELL_LIMIT = 120  # seconds
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
# What an executed cell must not depend on, and what would make its outputs differ.
PINNED = {
    "COURSE_PICTURES": None,  # the learner's own photos
    "COURSE_GPU": None,
    "COURSE_KEEP_MEMORY": None,
    "KERAS_BACKEND": None,
    "TQDM_DISABLE": "1",  # a progress bar's text depends on the speed
    "PYTHONHASHSEED": "0",
    # ipykernel then leaves the file descriptors alone, under nbval and here alike.
    "PYTEST_CURRENT_TEST": "a notebook",
}


def lessons(root: Path, lesson: str | None = None) -> list[Path]:
    """Return the paths of the lessons in the manifest's order, or of the one named "01"."""
    course = manifest.load(root)
    wanted = [course.find(lesson)] if lesson else course.lessons
    return [root / "notebooks" / f"{each.notebook}.ipynb" for each in wanted]


def execute(path: Path) -> None:
    """Execute a notebook and store its outputs: the same bytes each time but for what is measured.

    Raises nbclient.exceptions.CellExecutionError where a cell fails; the file is then unchanged.
    """
    notebook = nbformat.read(path, as_version=4)
    run(notebook, path.parent)
    write(notebook, path)


def run(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """Execute a notebook in `folder` as nbval does; return it with its outputs."""
    client = NotebookClient(
        notebook,
        timeout=CELL_LIMIT,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(folder)}},
    )
    with pinned_environment():
        return client.execute()


def write(notebook: NotebookNode, path: Path) -> None:
    """Write a notebook without what differs from one machine to the next."""
    notebook.metadata = NotebookNode(
        kernelspec=NotebookNode(KERNEL),
        language_info=NotebookNode(name="python", file_extension=".py", mimetype="text/x-python"),
    )
    for cell in notebook.cells:
        tags = cell.metadata.get("tags")
        cell.metadata = NotebookNode({"tags": tags} if tags else {})
        for output in cell.get("outputs", []):
            drop_widget(output.get("data", {}))
    unfinished = path.with_suffix(".part")
    nbformat.write(notebook, unfinished, version=nbformat.NO_CONVERT)
    os.replace(unfinished, path)


def drop_widget(data: NotebookNode) -> None:
    """Take the widget out of an output that shows itself in another way, too.

    It is named by a random number, and dead without the kernel that made it; a page that knows
    widgets would show it instead of the picture beside it.
    """
    if len(data) > 1:
        data.pop("application/vnd.jupyter.widget-view+json", None)


@contextmanager
def pinned_environment() -> Iterator[None]:
    """Give the kernels started meanwhile the environment that stored outputs are made in."""
    before = {name: os.environ.get(name) for name in PINNED}
    set_environment(PINNED)
    try:
        yield
    finally:
        set_environment(before)


def set_environment(variables: dict[str, str | None]) -> None:
    """Set each variable of this process's environment; None removes it."""
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def tags(cell: NotebookNode) -> list[str]:
    """Return a cell's tags."""
    return list(cell.metadata.get("tags", []))


def exercise_cell(notebook: NotebookNode, exercise_id: str) -> NotebookNode:
    """Return the cell tagged `exercise:<id>`. Raises LookupError where there is not exactly one."""
    found = [cell for cell in notebook.cells if f"exercise:{exercise_id}" in tags(cell)]
    if len(found) != 1:
        raise LookupError(
            f"{len(found)} cells are tagged exercise:{exercise_id}; expected exactly one"
        )
    return found[0]


def answered(notebook: NotebookNode, answers: Iterable[tuple[Exercise, str]]) -> NotebookNode:
    """Return the notebook's set-up cells, then an exercise's cell for each answer, in order.

    answers: each an exercise and the source of a function, which takes the starter's place.
    """
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and "setup" in tags(cell)]
    for exercise, answer in answers:
        cell = exercise_cell(notebook, exercise.id)
        cells.append(
            nbformat.v4.new_code_cell(
                with_answer(cell.source, exercise, answer), metadata=cell.metadata
            )
        )
    return nbformat.v4.new_notebook(
        cells=[nbformat.from_dict(dict(cell)) for cell in cells], metadata={"kernelspec": KERNEL}
    )


def with_answer(cell: str, exercise: Exercise, answer: str | Callable) -> str:
    """Return the source of an exercise cell with an answer in place of the starter.

    answer: a function, or its source, under the name that the exercise asks for or another one.
    """
    name = exercise.solution.__name__
    starter = function_in(cell, name)
    lines = cell.splitlines()
    body = answer if isinstance(answer, str) else source(answer).text
    body = re.sub(r"^def \w+\(", f"def {name}(", body, count=1, flags=re.MULTILINE)
    return "\n".join([*lines[: starter.lineno - 1], body, *lines[starter.end_lineno :]])


def function_in(cell: str, name: str) -> ast.FunctionDef:
    """Return the definition of a function in a cell. Raises LookupError where it is missing."""
    for node in ast.walk(ast.parse(cell)):
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return node
    raise LookupError(f"the exercise cell defines no function {name}()")
