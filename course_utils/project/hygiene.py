"""What must hold of every stored lesson beyond its outputs: the checks that nbval can't make."""

from __future__ import annotations

import ast
import getpass
import re
from collections import Counter
from collections.abc import Iterator
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
# nbval passes over these: pictures differ between libraries, a widget's id is random.
NOT_COMPARED = {"image/png", "image/jpeg", "application/vnd.jupyter.widget-view+json"}
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
FINDING_TAKES = ("id", "measured", "bound", "verdict")
# What consists of these alone has the same value each time, if its names have. No list, no call.
UNCHANGING = (
    *(ast.Constant, ast.Tuple, ast.Name, ast.JoinedStr, ast.FormattedValue, ast.IfExp),
    *(ast.UnaryOp, ast.BinOp, ast.BoolOp, ast.Compare, ast.Subscript, ast.Slice),
    *(ast.unaryop, ast.operator, ast.boolop, ast.cmpop, ast.expr_context),
)
# These may assign names without its being seen; a magic is a call of get_ipython.
ASSIGN_UNSEEN = {"exec", "eval", "globals", "locals", "vars", "get_ipython"}
# What is assigned in these is a name of their own.
HAVE_OWN_NAMES = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
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


def calls(tree: ast.AST, name: str) -> list[ast.Call]:
    """Return the calls of a function or method of that name in a tree."""
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", getattr(node.func, "attr", None)) == name
    ]


def arguments(finding: ast.Call) -> dict[str, ast.expr]:
    """Return what a call of `finding` is given, by the names of its parameters."""
    named = {keyword.arg: keyword.value for keyword in finding.keywords if keyword.arg}
    return dict(zip(FINDING_TAKES, finding.args)) | named


def id_of(finding: ast.Call) -> str | None:
    """Return the id in a call of `finding`, None where it isn't a string written out."""
    given = arguments(finding).get("id")
    return given.value if isinstance(given, ast.Constant) else None


def cannot_fail(finding: ast.Call) -> bool:
    """Tell whether what a call of `finding` names as measured is written out in it."""
    given = arguments(finding)
    if "measured" not in given or names_loaded(given["measured"]):
        return False
    plain = [getattr(given.get(each), "value", "") for each in FINDING_TAKES[1:]]
    return plain[:2] != [None, None] or not str(plain[2]).startswith("not testable")


def repeated_findings(notebook: NotebookNode) -> list[tuple[int, str]]:
    """Return the cells that use a finding's id again: for another verdict, or in another cell."""
    first: dict[str, tuple[int, str]] = {}
    found = []
    for number, cell in enumerate(notebook.cells):
        for call in calls(parsed(cell.source), "finding") if cell.cell_type == "code" else ():
            name, verdict = id_of(call), ast.unparse(arguments(call).get("verdict", call))
            if not name:
                continue
            where, earlier = first.setdefault(name, (number, verdict))
            if where != number:
                found.append((number, f"finding {name!r} stands in cell {where} already"))
            elif earlier != verdict:
                found.append((number, f"finding {name!r} has two verdicts: {earlier}, {verdict}"))
    return found


def literal_findings(notebook: NotebookNode) -> list[tuple[int, str]]:
    """Return the cells with a finding of a name that was last assigned a literal: `x = 3`.

    What may have changed the name since then makes it a measurement.
    """
    code = [(n, cell, parsed(cell.source)) for n, cell in enumerate(notebook.cells)]
    code = [each for each in code if each[1].cell_type == "code"]
    elsewhere = set().union(*(names_changed_elsewhere(tree) for _, _, tree in code))
    known: set[str] = set()
    found = []
    for number, cell, tree in code:
        for call in findings_of_names(tree.body, known, elsewhere):
            names = " and ".join(sorted(names_loaded(arguments(call)["measured"])))
            found.append((number, f"finding {id_of(call)!r} can't fail: {names} is a literal"))
        if "raises-exception" in tags(cell):
            known -= names_bound(tree)  # it ends early
    return found


def findings_of_names(
    statements: list[ast.stmt], known: set[str], elsewhere: set[str]
) -> Iterator[ast.Call]:
    """Yield the calls of `finding` that are given known names alone; bring `known` up to date.

    known: the names that hold a literal, before the statements and then behind them.
    elsewhere: the names that may change by something else than the statements in their order.
    """
    for statement in statements:
        bound = names_bound(statement)
        if names_loaded(statement) & ASSIGN_UNSEEN or "*" in bound:
            known.clear()
        # A loop comes here again, an else from another way.
        steady = known - bound
        within = [scope for scope in ast.walk(statement) if isinstance(scope, HAVE_OWN_NAMES)]
        for block in blocks(statement):
            # A function runs later, when its names may hold something else.
            before = set() if statement in within else set(steady)
            yield from findings_of_names(block, before, elsewhere)
            within += block
        seen = {call for part in within for call in calls(part, "finding")}
        for call in calls(statement, "finding"):
            measured = arguments(call).get("measured", call)
            names = names_loaded(measured)
            # What a call gives back was not written out, even if all that it is given was.
            asks = any(isinstance(node, ast.Call) for node in ast.walk(measured))
            if call not in seen and names and names <= steady and not asks:
                yield call
        literals = literals_assigned(statement, known)
        known -= bound
        known |= literals - elsewhere


def is_unchanging(value: ast.expr, known: set[str]) -> bool:
    """Tell whether an expression consists of literals that can't change, and of known names."""
    plain = all(isinstance(node, UNCHANGING) for node in ast.walk(value))
    return plain and names_loaded(value) <= known


def literals_assigned(statement: ast.stmt, known: set[str]) -> set[str]:
    """Return the names that a statement assigns something unchanging: `x = 3`, `x, y = 3, 4`."""
    if not isinstance(statement, (ast.Assign, ast.AnnAssign)) or statement.value is None:
        return set()
    if not is_unchanging(statement.value, known):
        return set()
    targets = getattr(statement, "targets", None) or [statement.target]
    # Not `*x, y = ...`, which makes a list.
    return set().union(*(names_bound(each) for each in targets if is_unchanging(each, known)))


def names_changed_elsewhere(tree: ast.AST) -> set[str]:
    """Return the names that a function declares global or nonlocal, that `:=` assigns, and `_`."""
    found = {"_"}  # IPython's last output
    for node in ast.walk(tree):
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            found |= set(node.names)
        elif isinstance(node, ast.NamedExpr):
            found |= names_bound(node.target)
    return found


def blocks(statement: ast.AST) -> Iterator[list[ast.stmt]]:
    """Yield the blocks of a statement: an if's body and else, a try's handlers, a match's cases."""
    for _, value in ast.iter_fields(statement):
        each = value[0] if isinstance(value, list) and value else None
        if isinstance(each, ast.stmt):
            yield value
        elif isinstance(each, (ast.ExceptHandler, ast.match_case)):
            for one in value:
                yield from blocks(one)


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
            following = [c for c in later[:1] if has_compared_output(c)]
            if not any(calls(parsed(c.source), "verdict") for c in following):
                found.append((number, "facts without a compared verdict in the next code cell"))
        elif not feeds_a_finding(cell.source, later):
            found.append((number, "is not compared, and what it measures feeds no finding"))
    return found


def feeds_a_finding(source: str, later: list[NotebookNode]) -> bool:
    """Tell whether names that a cell assigns reach a finding in a later compared cell."""
    reached: set[str] = set()
    for statement in parsed(source).body:
        if names_loaded(statement):
            reached |= names_stored(statement)
        else:
            reached -= names_bound(statement)
    for cell in later:
        for statement in parsed(cell.source).body:
            if not reached & names_loaded(statement):
                # The names hold something else from here on.
                reached -= names_bound(statement)
                continue
            if IGNORED not in tags(cell) and any(
                reached & names_loaded(call) for call in calls(statement, "finding")
            ):
                return True
            reached |= names_bound(statement)
    return False


def names_stored(tree: ast.AST) -> set[str]:
    """Return the names that a tree assigns, those inside of functions and comprehensions not."""
    if isinstance(tree, HAVE_OWN_NAMES):
        return set()
    if isinstance(tree, ast.Name):
        return {tree.id} - {"_"} if isinstance(tree.ctx, ast.Store) else set()
    return set().union(*map(names_stored, ast.iter_child_nodes(tree)))


def names_bound(tree: ast.AST) -> set[str]:
    """Return the names that a tree assigns, deletes, defines or imports, in its own scope."""
    if isinstance(tree, ast.alias):
        return {(tree.asname or tree.name).partition(".")[0]}
    if isinstance(tree, ast.Name):
        return set() if isinstance(tree.ctx, ast.Load) else {tree.id} - {"_"}
    # Of a function or a class, of an `except ... as`, of a pattern.
    own = {n for n in (getattr(tree, "name", 0), getattr(tree, "rest", 0)) if isinstance(n, str)}
    inside = () if isinstance(tree, HAVE_OWN_NAMES) else ast.iter_child_nodes(tree)
    return own.union(*map(names_bound, inside))


def names_loaded(tree: ast.AST) -> set[str]:
    """Return the names that a tree reads; `n += 1` reads n."""
    nodes = list(ast.walk(tree))
    read = [n for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)]
    read += [n.target for n in nodes if isinstance(n, ast.AugAssign)]
    return {n.id for n in read if isinstance(n, ast.Name)}


def parsed(source: str) -> ast.Module:
    """Parse a cell as IPython reads it, magics included; empty where it isn't Python."""
    from IPython.core.inputtransformer2 import TransformerManager

    try:
        return ast.parse(TransformerManager().transform_cell(source))
    except SyntaxError:
        return ast.Module([], [])  # an error on purpose; nbval runs the cell


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
    found = []
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
