"""Show the source of a function that a lesson talks about."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, repr=False)
class Source:
    """Python source: coloured in a notebook, plain in a terminal."""

    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return fenced(self.text)


def fenced(text: str) -> str:
    """Return Python source as Markdown, which a notebook shows in colours."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}python\n{text}\n{fence}"


def source(function: Callable, docstring: bool = True) -> Source:
    """Return a function's source as written, without its indentation.

    Without the `docstring` where a lesson's own words say what it does.

    Raises TypeError or OSError (of `inspect`) where there is no source to show.
    """
    lines = textwrap.dedent(inspect.getsource(function)).rstrip().splitlines()
    if not docstring and function.__doc__:
        words = ast.parse("\n".join(lines)).body[0].body[0]
        del lines[words.lineno - 1 : words.end_lineno]
    return Source("\n".join(lines))
