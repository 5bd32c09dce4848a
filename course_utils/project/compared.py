"""Which outputs of a notebook nbval compares."""

from __future__ import annotations

from nbformat import NotebookNode

from course_utils.project.notebooks import tags

IGNORED = "nbval-ignore-output"
# nbval passes over these: pictures differ between libraries, a widget's id is random.
NOT_COMPARED = {"image/png", "image/jpeg", "application/vnd.jupyter.widget-view+json"}


def outputs_compared(notebook: NotebookNode) -> tuple[int, int]:
    """Return how many cells with an output are compared, and how many there are.

    A cell whose outputs hold pictures or widgets alone is not compared.
    """
    shown = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.outputs]
    return sum(map(has_compared_output, shown)), len(shown)


def has_compared_output(cell: NotebookNode) -> bool:
    """Tell whether nbval compares an output of a cell."""
    return IGNORED not in tags(cell) and any(map(is_compared, cell.outputs))


def is_compared(output: NotebookNode) -> bool:
    """Tell whether nbval compares an output."""
    return bool(set(output.get("data", {"text": ""})) - NOT_COMPARED)
