"""Which outputs nbval compares."""

import nbformat

from course_utils.project import compared

NEW = nbformat.v4


def code(source, *tags, text="done", **given):
    outputs = [NEW.new_output("stream", text=text)] if text else []
    cell = NEW.new_code_cell(source, execution_count=1, outputs=outputs, **given)
    cell.metadata = {"tags": list(tags)} if tags else {}
    return cell


def test_pictures_alone_are_not_compared():
    cell = code("show()", text="")
    cell.outputs = [NEW.new_output("display_data", {"image/png": "aa"})]
    assert compared.outputs_compared(NEW.new_notebook(cells=[cell])) == (0, 1)
    cell.outputs.append(NEW.new_output("stream", text="mean 128"))
    assert compared.outputs_compared(NEW.new_notebook(cells=[cell])) == (1, 1)
    cell.outputs = [NEW.new_output("display_data", {"image/svg+xml": "<svg/>"})]
    assert compared.outputs_compared(NEW.new_notebook(cells=[cell])) == (1, 1)
