"""What must hold of the findings of a notebook: each can fail, each measurement feeds one."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from nbformat import NotebookNode

from course_utils.project.cell_code import (
    FINDING_TAKES,
    HAVE_OWN_NAMES,
    arguments,
    blocks,
    calls,
    id_of,
    names_bound,
    names_loaded,
    names_stored,
    parsed,
)
from course_utils.project.compared import IGNORED, has_compared_output
from course_utils.project.notebooks import tags

# What consists of these alone has the same value each time, if its names have. No list, no call.
UNCHANGING = (
    *(ast.Constant, ast.Tuple, ast.Name, ast.JoinedStr, ast.FormattedValue, ast.IfExp),
    *(ast.UnaryOp, ast.BinOp, ast.BoolOp, ast.Compare, ast.Subscript, ast.Slice),
    *(ast.unaryop, ast.operator, ast.boolop, ast.cmpop, ast.expr_context),
)
# These may assign names without its being seen; a magic is a call of get_ipython.
ASSIGN_UNSEEN = {"exec", "eval", "globals", "locals", "vars", "get_ipython"}


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
