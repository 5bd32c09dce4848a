"""The placeholder `____` that stands in a starter where the learner's code belongs."""

from __future__ import annotations

import contextlib
import dis
import functools
import linecache
import re
import sys
import sysconfig
import types
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

# This sentence also marks the exception inside the text of an error of TensorFlow's, which keeps
# the words of a Python exception but not the exception.
STILL_THERE = "`____` is still in the answer: put your own code in its place"
NAME = "____"


class NotAttempted(Exception):
    """The placeholder was used: the exercise is not attempted yet."""


class Placeholder:
    """Stands where the learner's code belongs; any use of it raises NotAttempted.

    Only naming it and showing it (`repr`) work, so that a notebook or a traceback can show it.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        """Return the placeholder as it stands in the code."""
        return NAME


def _refuse(self, *arguments, **named):
    raise NotAttempted(STILL_THERE)


_USES = """
    call getattr setattr delattr str format bytes bool int float complex index hash fspath
    iter next reversed len length_hint contains getitem setitem delitem
    eq ne lt le gt ge neg pos abs invert round trunc floor ceil
    add sub mul matmul truediv floordiv mod divmod pow lshift rshift and or xor
    radd rsub rmul rmatmul rtruediv rfloordiv rmod rdivmod rpow rlshift rrshift rand ror rxor
    iadd isub imul imatmul itruediv ifloordiv imod ipow ilshift irshift iand ior ixor
    enter exit aenter aexit await aiter anext instancecheck subclasscheck mro_entries
    array array_ufunc array_function tf_tensor reduce_ex copy deepcopy
""".split()  # noqa: SIM905 a list of 90 strings would be harder to read
for _use in _USES:
    setattr(Placeholder, f"__{_use}__", _refuse)

____ = Placeholder()


def is_placeholder(value: object, depth: int = 3) -> bool:
    """Tell whether a value is the placeholder, or a list, tuple, set or dict that holds it."""
    if type(value) is Placeholder:
        return True
    if depth == 0:
        return False
    if type(value) is dict:
        # Only what is already in memory and plain: another container might run the learner's code.
        return is_placeholder(list(value.values()), depth)
    if type(value) in (list, tuple, set, frozenset):
        return any(is_placeholder(item, depth - 1) for item in islice(value, 1000))
    return False


def raised_by_placeholder(error: BaseException) -> bool:
    """Tell whether an exception, or one that it came from, was raised by the placeholder."""
    waiting, seen = [error], set()
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, NotAttempted) or STILL_THERE in text_of(each):
            return True
        waiting += [each.__cause__, each.__context__, *getattr(each, "exceptions", ())]
    return False


def unfinished(answer: object) -> str | None:
    """Return where `____` still stands in an answer, in words, or None where it doesn't.

    Reads the code without running it: of a function, what it calls from the same notebook, and
    the functions inside it; of a method, a partial, a class or a generator likewise. A `____` in
    a line that would never run counts, since nobody can tell whether its author meant it.
    """
    for each in _everything(answer):
        if is_placeholder(each):
            return "in the answer"
        for code in _codes(each):
            line = _line_with_name(code)
            if line:
                return f"in {place(code.co_filename, line)}"
    return None


def files_of(answer: object) -> set[str]:
    """Return the names of the files, or of the notebook's cells, that an answer's code is from."""
    return {code.co_filename for each in _everything(answer) for code in _codes(each)}


def place(filename: str, line: int) -> str:
    """Return a line of code in words: "line 3 of your cell", or of a file."""
    if re.search(r"ipykernel_\d+|^<ipython-input", filename):
        return f"line {line} of your cell"
    return f"line {line} of {Path(filename).name}"


def source_line(filename: str, line: int) -> str:
    """Return the text of a line of code, "" where it isn't known."""
    return linecache.getline(filename, line).strip()


def text_of(error: BaseException) -> str:
    """Return an exception's message, "" where it can't even say that."""
    try:
        return str(error)
    except Exception:
        return ""


def _everything(answer: object) -> Iterator[object]:
    """An answer, and all that it is made of."""
    waiting, seen = [answer, type(answer)], set()
    while waiting:
        each = waiting.pop(0)
        if id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += _parts(each)


def _codes(item: object) -> Iterator[types.CodeType]:
    """The code objects of one function or generator, inner functions included."""
    waiting = [getattr(item, name, None) for name in _code_names(item)]
    while waiting:
        code = waiting.pop(0)
        if isinstance(code, types.CodeType):
            yield code
            waiting += code.co_consts


def _code_names(item: object) -> tuple[str, ...]:
    # Looked up only on Python's own types: an attribute of anything else may be made by code.
    if isinstance(item, types.FunctionType):
        return ("__code__",)
    if isinstance(item, types.GeneratorType):
        return ("gi_code",)
    if isinstance(item, types.CoroutineType):
        return ("cr_code",)
    if isinstance(item, types.AsyncGeneratorType):
        return ("ag_code",)
    return ()


def _line_with_name(code: types.CodeType) -> int | None:
    if NAME not in (*code.co_names, *code.co_varnames, *code.co_cellvars, *code.co_freevars):
        return None
    for step in dis.get_instructions(code):
        # Python 3.13 loads two local variables in one instruction.
        names = step.argval if isinstance(step.argval, tuple) else (step.argval,)
        named = step.opname != "LOAD_CONST" and any(name == NAME for name in names)
        if named and step.positions and step.positions.lineno:
            return step.positions.lineno
    return code.co_firstlineno


def _parts(item: object) -> list[object]:
    """What one thing is made of, besides its own code; nothing for what a library made."""
    if isinstance(item, types.FunctionType):
        return [] if _of_a_library(item) else [*_values_of(item), *_helpers(item)]
    if isinstance(item, type):
        return [] if _of_a_library(item) else list(vars(item).values())
    if isinstance(item, types.MethodType):
        return [item.__func__]
    if isinstance(item, functools.partial):
        return [item.func, *item.args, *item.keywords.values()]
    if isinstance(item, property):
        return [part for part in (item.fget, item.fset) if part is not None]
    if isinstance(item, (staticmethod, classmethod)):
        return [item.__func__]
    try:
        attributes = vars(item)
    except Exception:
        return []
    # Where functools.wraps and @tf.function keep the function inside.
    return [attributes[name] for name in ("__wrapped__", "_python_function") if name in attributes]


def _of_a_library(item: type | types.FunctionType) -> bool:
    module = sys.modules.get(item.__module__) if isinstance(item.__module__, str) else None
    file = str(getattr(module, "__file__", None) or "")
    return "site-packages" in file or file.startswith(sysconfig.get_path("stdlib"))


def _values_of(function: types.FunctionType) -> Iterable[object]:
    yield from function.__defaults__ or ()
    yield from (function.__kwdefaults__ or {}).values()
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # not filled yet
            yield cell.cell_contents
    if "__wrapped__" in vars(function):
        yield vars(function)["__wrapped__"]


def _helpers(function: types.FunctionType) -> Iterator[object]:
    """What a function uses of the same notebook or module: its functions, and plain values."""
    for code in _codes(function):
        for step in dis.get_instructions(code):
            if step.opname not in ("LOAD_GLOBAL", "LOAD_NAME"):
                continue
            value = function.__globals__.get(step.argval)
            of_the_same = (
                isinstance(value, types.FunctionType) and value.__globals__ is function.__globals__
            )
            if of_the_same or is_placeholder(value):
                yield value
