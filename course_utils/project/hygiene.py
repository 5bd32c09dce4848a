"""What must hold of every stored lesson beyond its outputs: the checks that nbval can't make."""

from __future__ import annotations

import ast
import getpass
import re
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course_utils.classroom.manifest import Lesson
from course_utils.project.notebooks import tags

IGNORED = "nbval-ignore-output"
PLAIN_TAGS = {IGNORED, "facts", "setup", "lines-are-the-lesson", "raises-exception"}
TAGS_WITH_ID = {
    "exercise": r"\d\d\.\w+",
    "predict": r"\d\d\.\w+",
    "seed": r"\d{3}-E\d",
    "claim": r"\d{3}-C\d+",
    "problem": r"P\d{3}",
}
MOST_LINES = 15
MOST_BYTES = 1_000_000
COMPARED_IN_A_NOTEBOOK, COMPARED_IN_THE_COURSE = 0.60, 0.85
MACHINE_PATH = re.compile(
    r"(?<![\w.])/(?:root|tmp|work|usr|opt|var|home/\w+|Users/\w+|private/\w+)/[\w.-]+"
    r"|[A-Z]:\\\\?Users|site-packages|dist-packages|ipykernel_\d"
)


def problems(path: Path, lesson: Lesson) -> list[str]:
    """Return what is wrong with a stored lesson, one sentence each, naming the cell."""
    notebook = nbformat.read(path, as_version=4)
    found = []
    if path.stat().st_size > MOST_BYTES:
        found.append(f"{path.stat().st_size / 1e6:.1f} MB; a notebook stays under 1 MB")
    for number, cell in enumerate(notebook.cells):
        where = f"cell {number}"
        found += [f"{where}: {each}" for each in cell_problems(cell)]
    found += [f"cell {number}: {each}" for number, each in measured_problems(notebook)]
    found += manifest_problems(notebook, lesson)
    compared, shown = outputs_compared(notebook)
    if compared < COMPARED_IN_A_NOTEBOOK * shown:
        found.append(f"{compared} of {shown} outputs are compared; at least 60 % must be")
    return found


def cell_problems(cell: NotebookNode) -> list[str]:
    """Return what is wrong with one cell by itself."""
    found = [f"unknown tag {tag!r}" for tag in tags(cell) if not is_known(tag)]
    if cell.cell_type != "code":
        return found
    if not cell.source.strip():
        found.append("an empty code cell; delete it")
    if cell.execution_count is None:
        found.append("never executed, so nothing in it is compared; run `make execute`")
    lines = cell.source.count("\n") + 1
    if lines > MOST_LINES and "lines-are-the-lesson" not in tags(cell):
        found.append(f"{lines} lines; over {MOST_LINES} belong in course_utils")
    for output in cell.outputs:
        if output.output_type == "error" and "raises-exception" not in tags(cell):
            found.append(f"an error that nothing says is meant: {output.ename}: {output.evalue}")
        path = machine_path(output)
        if path:
            found.append(f"an output holds a path of a machine: {path}")
    for claim in (tag for tag in tags(cell) if tag.startswith("claim:")):
        if claim.removeprefix("claim:") not in findings_called(cell.source):
            found.append(f"tagged {claim}, but no finding of that name is called in it")
    return found


def is_known(tag: str) -> bool:
    """Tell whether a tag is one that the course uses, with an id of its form."""
    kind, colon, name = tag.partition(":")
    if not colon:
        return tag in PLAIN_TAGS
    return kind in TAGS_WITH_ID and re.fullmatch(TAGS_WITH_ID[kind], name) is not None


def machine_path(output: NotebookNode) -> str | None:
    """Return the first path of a machine, or user's name, in an output's text."""
    # Pictures are base64: letters and slashes that may look like anything.
    data = {k: v for k, v in output.get("data", {}).items() if k not in ("image/png", "image/jpeg")}
    text = "\n".join([*map(str, data.values()), output.get("text", ""), output.get("evalue", "")])
    text += "\n".join(output.get("traceback", []))
    found = MACHINE_PATH.search(text)
    if found:
        return found.group()
    home = str(Path.home())
    if len(home) > 1 and home in text:
        return home
    user = getpass.getuser()
    return f"the user's name {user}" if re.search(rf"[/\\]{re.escape(user)}[/\\]", text) else None


def findings_called(source: str) -> list[str]:
    """Return the ids of the findings that a cell calls, as written in the call."""
    return [call.args[0].value for call in finding_calls(parsed(source)) if has_literal_id(call)]


def finding_calls(tree: ast.AST) -> list[ast.Call]:
    """Return the calls of `finding` in a tree."""
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", getattr(node.func, "attr", None)) == "finding"
    ]


def has_literal_id(call: ast.Call) -> bool:
    """Tell whether a call's first argument is a string written out."""
    return bool(call.args) and isinstance(call.args[0], ast.Constant)


def measured_problems(notebook: NotebookNode) -> list[tuple[int, str]]:
    """Return the ignored cells that no compared cell stands for.

    A cell that measures must feed a finding in a later cell that is compared; a cell of facts must
    be followed at once by a compared verdict.
    """
    code = [(n, cell) for n, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    found = []
    for position, (number, cell) in enumerate(code):
        if IGNORED not in tags(cell):
            if "facts" in tags(cell):
                found.append((number, f"tagged facts, but not {IGNORED}"))
            continue
        later = [each for _, each in code[position + 1 :]]
        if "facts" in tags(cell):
            if not later or IGNORED in tags(later[0]) or not later[0].outputs:
                found.append((number, "facts without a compared verdict in the next code cell"))
        elif not feeds_a_finding(cell.source, later):
            found.append(
                (number, "its output is not compared, and what it measures feeds no finding")
            )
    return found


def feeds_a_finding(source: str, later: list[NotebookNode]) -> bool:
    """Tell whether names that a cell assigns reach a finding in a later compared cell."""
    reached = names_stored(parsed(source))
    for cell in later:
        for statement in parsed(cell.source).body:
            if not reached & names_loaded(statement):
                continue
            if IGNORED not in tags(cell) and any(
                reached & names_loaded(call) for call in finding_calls(statement)
            ):
                return True
            reached |= names_stored(statement)
    return False


def names_stored(tree: ast.AST) -> set[str]:
    """Return the names that a tree assigns."""
    stores = (
        n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    )
    return set(stores) - {"_"}


def names_loaded(tree: ast.AST) -> set[str]:
    """Return the names that a tree reads."""
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}


def parsed(source: str) -> ast.Module:
    """Parse a cell, its magics left out."""
    lines = ["pass" if re.match(r"\s*[%!]", line) else line for line in source.splitlines()]
    return ast.parse("\n".join(lines))


def manifest_problems(notebook: NotebookNode, lesson: Lesson) -> list[str]:
    """Return where the tags and title of a lesson differ from what the manifest says of it."""
    used: dict[str, set[str]] = {kind: set() for kind in TAGS_WITH_ID}
    for cell in notebook.cells:
        for tag in filter(is_known, tags(cell)):
            kind, colon, name = tag.partition(":")
            if colon:
                used[kind].add(name)
    found = []
    for kind, stated in (
        ("exercise", lesson.exercises),
        ("seed", lesson.seeds),
        ("claim", lesson.claims),
        ("problem", lesson.problems),
    ):
        for name in sorted(set(stated) - used[kind]):
            found.append(f"course.toml lists {kind} {name}, but no cell is tagged {kind}:{name}")
        for name in sorted(used[kind] - set(stated)):
            found.append(f"a cell is tagged {kind}:{name}, which course.toml does not list")
    first = notebook.cells[0].source if notebook.cells else ""
    for stated in (lesson.title, lesson.question):
        if stated not in first:
            found.append(f"the first cell does not hold the manifest's {stated!r}")
    return found


def outputs_compared(notebook: NotebookNode) -> tuple[int, int]:
    """Return how many cells with an output are compared, and how many there are.

    A cell whose outputs hold pictures alone is not compared: nbval passes over PNG and JPEG.
    """
    shown = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.outputs]
    compared = [c for c in shown if IGNORED not in tags(c) and any(map(is_compared, c.outputs))]
    return len(compared), len(shown)


def is_compared(output: NotebookNode) -> bool:
    """Tell whether nbval compares an output."""
    return bool(set(output.get("data", {"text": ""})) - {"image/png", "image/jpeg"})
