"""What must hold of every stored lesson beyond its outputs: the checks that nbval can't make."""

from __future__ import annotations

import ast
import getpass
import re
from collections import Counter
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course_utils.classroom.manifest import Lesson
from course_utils.project.cell_code import calls, id_of, parsed
from course_utils.project.compared import IGNORED, NOT_COMPARED, outputs_compared
from course_utils.project.finding_rules import (
    cannot_fail,
    literal_findings,
    measured_problems,
    repeated_findings,
)
from course_utils.project.notebooks import tags

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
NBVAL_COMMENT = re.compile(r"\b(?:NBVAL|PYTEST_VALIDATE)_\w*")
WEB_ADDRESS = re.compile(r"https?://[^\s\"'<>()\[\]]+")
# Not after what makes a path relative: data/x, ../data/x, …/data/x, ~/data/x, {folder}/data/x.
# A drive's "path" stands for the reader's own; "A:\n" is a label and the end of its line.
MACHINE_PATH = re.compile(
    r"(?<![\w.…~}-])/(?:root|tmp|work|workspace|usr|opt|var|mnt|data|Volumes|media|srv|scratch"
    r"|home/[\w.-]+|Users/[\w.-]+|private/\w+)/[\w.-]+"
    r"|(?<!\w)[A-Z]:[\\/]+(?!path|[nrt]\b)\w+"
    r"|(?:site|dist)-packages[\\/]|ipykernel_\d"
)


def problems(path: Path, lesson: Lesson) -> list[str]:
    """Return what is wrong with a stored lesson, one sentence each, naming the cell."""
    notebook = nbformat.read(path, as_version=4)
    found = []
    if path.stat().st_size > MOST_BYTES:
        found.append(f"{path.stat().st_size / 1e6:.1f} MB; a notebook stays under 1 MB")
    for number, cell in enumerate(notebook.cells):
        found += [f"cell {number}: {each}" for each in cell_problems(cell)]
    for check in (measured_problems, repeated_findings, literal_findings):
        found += [f"cell {number}: {each}" for number, each in check(notebook)]
    found += manifest_problems(notebook, lesson) + prediction_problems(notebook, lesson)
    compared, shown = outputs_compared(notebook)
    if compared < COMPARED_IN_A_NOTEBOOK * shown:
        found.append(f"{compared} of {shown} outputs are compared; at least 60 % must be")
    return found


def cell_problems(cell: NotebookNode) -> list[str]:
    """Return what is wrong with one cell by itself."""
    found = [f"unknown tag {tag!r}" for tag in tags(cell) if not is_known(tag)]
    path = machine_path(cell.source)
    if path:
        found.append(f"its text holds a path of a machine: {path}")
    if cell.cell_type != "code":
        return found
    if not cell.source.strip():
        found.append("an empty code cell; delete it")
    if cell.execution_count is None:
        found.append("never executed, so nothing in it is compared; run `make execute`")
    lines = cell.source.count("\n") + 1
    if lines > MOST_LINES and "lines-are-the-lesson" not in tags(cell):
        found.append(f"{lines} lines; over {MOST_LINES} belong in course_utils")
    for comment in NBVAL_COMMENT.findall(cell.source):
        found.append(f"a comment for nbval, {comment}; tag the cell instead")
    errors = [output for output in cell.outputs if output.output_type == "error"]
    if "raises-exception" not in tags(cell):
        for error in errors:
            found.append(f"an error that nothing says is meant: {error.ename}: {error.evalue}")
    elif not errors:
        found.append("tagged raises-exception, but raises nothing")
    for output in cell.outputs:
        path = machine_path(text_of(output))
        if path:
            found.append(f"an output holds a path of a machine: {path}")
    findings = calls(parsed(cell.source), "finding")
    for claim in (tag for tag in tags(cell) if tag.startswith("claim:")):
        if claim.removeprefix("claim:") not in map(id_of, findings):
            found.append(f"tagged {claim}, but no finding of that name is called in it")
    for call in filter(cannot_fail, findings):
        found.append(f"finding {id_of(call)!r} is given a literal as measured, so it can't fail")
    return found


def is_known(tag: str) -> bool:
    """Tell whether a tag is one that the course uses, with an id of its form."""
    kind, colon, name = tag.partition(":")
    if not colon:
        return tag in PLAIN_TAGS
    return kind in TAGS_WITH_ID and re.fullmatch(TAGS_WITH_ID[kind], name) is not None


def text_of(output: NotebookNode) -> str:
    """Return what an output shows, without its pictures and widgets."""
    # Pictures are base64: letters and slashes that may look like anything.
    data = {k: v for k, v in output.get("data", {}).items() if k not in NOT_COMPARED}
    text = "\n".join([*map(str, data.values()), output.get("text", ""), output.get("evalue", "")])
    return text + "\n".join(output.get("traceback", []))


def machine_path(text: str) -> str | None:
    """Return the first path of a machine, or user's name, in a text; addresses of the web pass."""
    text = WEB_ADDRESS.sub("", text)
    found = MACHINE_PATH.search(text)
    if found:
        return found.group()
    home = str(Path.home())
    if len(home) > 1 and home in text:
        return home
    user = getpass.getuser()
    return f"the user's name {user}" if re.search(rf"[/\\]{re.escape(user)}[/\\]", text) else None


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
        ("predict", lesson.predictions),
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


def prediction_problems(notebook: NotebookNode, lesson: Lesson) -> list[str]:
    """Return where the predictions are not asked for once, in their cells, with an outcome each."""
    asked, tagged, both, told = Counter(), Counter(), Counter(), Counter()
    found = []
    for cell in notebook.cells:
        tree = parsed(cell.source) if cell.cell_type == "code" else ast.Module([], [])
        # What has no id is another's, such as a model's predict(batch).
        here, after = (
            {name for name in map(id_of, calls(tree, verb)) if isinstance(name, str)}
            for verb in ("predict", "outcome")
        )
        named = {tag.removeprefix("predict:") for tag in tags(cell) if tag.startswith("predict:")}
        for counter, names in ((asked, here), (tagged, named), (both, here & named), (told, after)):
            counter.update(names)
        # Only a cell's last value is shown.
        if after and not ast.unparse(tree.body[-1]).startswith("outcome("):
            found.append(f"outcome of {', '.join(sorted(after))} is not the last line of its cell")
    for name in lesson.predictions:
        if not asked[name] == tagged[name] == both[name] == 1:
            found.append(
                f'predict("{name}", ...) is called in {asked[name]} cells, and should be in one, '
                f"tagged predict:{name} (cells with this tag: {tagged[name]})"
            )
        if name not in told:
            found.append(f'prediction {name} has no outcome("{name}", ...)')
    for name in sorted({*asked, *told} - set(lesson.predictions)):
        found.append(f"prediction {name} is not listed in course.toml")
    return found
