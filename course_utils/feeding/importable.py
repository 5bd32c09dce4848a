"""Whether a worker process can import what a loader gives it.

A process that isn't forked begins with an empty Python. A function goes there as the name of its
module and its own name; the process imports the module and looks the name up. A notebook's cells
are in no module that could be imported, and a lambda has no name.
"""

from __future__ import annotations

import io
import os
import pickle
import sys
from multiprocessing import get_all_start_methods
from types import MethodType
from typing import Any

CURE = (
    "Put it at the top level of a .py file (in a notebook: a cell that begins with "
    "`%%writefile my_functions.py`), import it from there, and pass what varies with "
    "functools.partial"
)


def packed(job: Any, function: Any, start_method: str) -> bytes:
    """Pickle a job for worker processes.

    Raises:
        TypeError: a worker couldn't unpickle it, with the cure.
        RuntimeError: a worker couldn't begin, since the main script has no file.
    """
    _check_main()
    into = io.BytesIO()
    pickler = _Pickler(into)
    name = getattr(function, "__qualname__", type(function).__qualname__)
    starts = f'a worker process that is started with "{start_method}" can\'t import'
    try:
        pickler.dump(job)
    except Exception as error:
        raise TypeError(
            f"The function {name} can't be sent to a worker process: {error}. It may be a lambda, "
            f"defined inside another function, or hold an open file, and {starts} such a thing. "
            f"{CURE}.{_fork()}"
        ) from error
    if pickler.of_main and not _main_can_be_imported():
        found = ", ".join(sorted(pickler.of_main))
        raise TypeError(
            f"{found} is defined in a notebook cell or typed in, and {starts} that. {CURE}."
            f"{_fork()}"
        )
    return into.getvalue()


class _Pickler(pickle.Pickler):
    """Notes the functions and classes of ``__main__`` that it meets."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.of_main: set[str] = set()

    def persistent_id(self, thing: Any) -> None:
        """Called for each object; None says that it is pickled as usual."""
        name = getattr(thing, "__qualname__", None)  # functions and classes, wrapped ones too
        if isinstance(thing, MethodType):  # goes as its object, which is met as well
            return
        if name and getattr(thing, "__module__", None) == "__main__":
            self.of_main.add(name)


def _check_main() -> None:
    """Raise where a new process would look for a main script that is no file, and fail."""
    main = sys.modules["__main__"]
    path = getattr(main, "__file__", None)
    if getattr(main, "__spec__", None) is None and path is not None and not os.path.isfile(path):
        raise RuntimeError(
            f"The program was read from {path}, and each worker process would read it again from "
            f"there, which it can't. Save it in a file and run that, or use `python -c`.{_fork()}"
        )


def _main_can_be_imported() -> bool:
    """Whether a new process would run the main script again, under another name."""
    main = sys.modules["__main__"]
    spec, path = getattr(main, "__spec__", None), getattr(main, "__file__", None)
    return spec is not None or (path is not None and os.path.isfile(path))


def _fork() -> str:
    if "fork" not in get_all_start_methods():
        return ""
    return (
        ' start_method="fork" would do without, but a fork of a process that runs TensorFlow\'s '
        "threads may hang."
    )
