"""The code of a notebook's cells as a tree: its calls, the names it reads and assigns."""

from __future__ import annotations

import ast
from collections.abc import Iterator

FINDING_TAKES = ("id", "measured", "bound", "verdict")
# What is assigned in these is a name of their own.
HAVE_OWN_NAMES = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
)


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


def blocks(statement: ast.AST) -> Iterator[list[ast.stmt]]:
    """Yield the blocks of a statement: an if's body and else, a try's handlers, a match's cases."""
    for _, value in ast.iter_fields(statement):
        each = value[0] if isinstance(value, list) and value else None
        if isinstance(each, ast.stmt):
            yield value
        elif isinstance(each, (ast.ExceptHandler, ast.match_case)):
            for one in value:
                yield from blocks(one)


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
