"""Run code that may hang: in a child process, with a limit in seconds."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .messages import clean, shorten, wrapped


@dataclass(frozen=True)
class Bounded:
    """How code ended that ran in a child process with a limit.

    hung: it was still running after `limit` seconds and was stopped.
    returncode: 0 for success; negative for the signal that ended it; None when it hung.
    output: what it printed, standard error included, cleaned (see `clean`).
    """

    hung: bool
    returncode: int | None
    output: str
    limit: float

    def __repr__(self) -> str:
        if self.hung:
            ending = f"hung: stopped after {self.limit:g} s"
        elif self.returncode is not None and self.returncode < 0:
            ending = f"ended by signal {_signal_name(-self.returncode)}"
        else:
            ending = f"ended by itself, code {self.returncode}"
        return "\n".join(filter(None, [ending, wrapped(shorten(self.output))]))

    __str__ = __repr__


def bounded(code: str, limit: float = 10) -> Bounded:
    """Run Python `code` in a child process for at most `limit` seconds and tell how it ended.

    The child runs in the current directory and finds the same modules as this process. At the end
    it is stopped with everything that it started, whether it hung or not. Of a long output the
    first and the last 16 KiB are kept.

    Raises TypeError or ValueError for a wrong argument, RuntimeError when the code could not be
    started at all.
    """
    if not isinstance(code, str):
        raise TypeError(f"bounded() expects the code as a string, not {type(code).__name__}.")
    if isinstance(limit, bool) or not isinstance(limit, (int, float)):
        raise TypeError(f"The limit is a number of seconds, not {limit!r}.")
    if not 0 < limit < 86_400:  # NaN and infinity, too
        raise ValueError(f"The limit is a number of seconds above 0 and under a day, not {limit}.")
    with tempfile.TemporaryDirectory(prefix="bounded_", ignore_cleanup_errors=True) as folder:
        # A file, so that tracebacks show the code's own lines; with a name that hides no module.
        script = Path(folder, "own_process.py")
        script.write_text(code, encoding="utf-8")
        return _run(script, limit)


_MARK = "COURSE_BOUNDED"
_KEPT_BYTES = 16 * 1024


def _run(script: Path, limit: float) -> Bounded:
    mark = uuid.uuid4().hex
    environment = {
        **os.environ,
        _MARK: mark,
        "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path),
        "PYTHONUNBUFFERED": "1",  # what it printed before it hung must not be lost with it
        "PYTHONIOENCODING": "utf-8",
        "PYTHON_COLORS": "0",
    }
    if not sys.executable:
        raise RuntimeError("The code was not run: Python doesn't know its own program file.")
    try:
        child = subprocess.Popen(
            [sys.executable, str(script)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,  # a signal to its group doesn't reach this process
        )
    except OSError as error:
        raise RuntimeError(
            f"The code was not run: {sys.executable} can't be started: {error}"
        ) from error
    hung = False
    try:
        reader = _Reader(child.stdout)
        child.wait(timeout=limit)
    except subprocess.TimeoutExpired:
        hung = True
    finally:
        _stop_all(child, mark)
    output = reader.text()
    return Bounded(hung, None if hung else child.returncode, clean(output), limit)


class _Reader(threading.Thread):
    """Empties the child's pipe, which would stop the child when full; keeps both ends of it."""

    def __init__(self, pipe: Any) -> None:
        super().__init__(daemon=True)
        self._pipe = pipe
        self._first = b""
        self._last: deque[bytes] = deque()
        self._size = 0
        self._last_size = 0
        self.start()

    def run(self) -> None:
        while chunk := self._pipe.read1(_KEPT_BYTES):
            self._size += len(chunk)
            room = _KEPT_BYTES - len(self._first)
            self._first += chunk[:room]
            self._last.append(chunk[room:])
            self._last_size += len(chunk[room:])
            while self._last_size - len(self._last[0]) >= _KEPT_BYTES:
                self._last_size -= len(self._last.popleft())

    def text(self) -> str:
        # Everything that held the pipe has been stopped; the limit is for what can't be.
        self.join(timeout=5)
        if not self.is_alive():
            self._pipe.close()
        last = b"".join(self._last)[-_KEPT_BYTES:]
        left_out = self._size - len(self._first) - len(last)
        middle = f"\n[… {left_out} bytes left out …]\n" if left_out > 0 else ""
        return (
            self._first.decode("utf-8", "replace") + middle + last.decode("utf-8", "replace")
        ).replace("\r\n", "\n")


def _stop_all(child: subprocess.Popen[bytes], mark: str) -> None:
    """Stop the child and everything it started, also what has left its group or lost its parent."""
    import psutil

    patience = time.monotonic() + 1
    for _ in range(100):
        living = _marked(mark)
        # multiprocessing's tracker gives leaked shared memory back once all others are gone.
        others = [one for one in living if not _is_tracker(one)]
        targets = others or (living if time.monotonic() > patience else [])
        for one in targets:
            with contextlib.suppress(psutil.Error):  # it ended in the meantime
                one.kill()
        if child.poll() is None and not any(one.pid == child.pid for one in living):
            child.kill()  # its environment can't be read (yet)
        if not living:
            break
        psutil.wait_procs(targets or living, timeout=0.1)
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)  # those whose environment was replaced
    child.wait()


def _marked(mark: str) -> list[Any]:
    """Return the living processes whose environment carries `mark`: inherited, so never lost."""
    import psutil

    found = []
    for process in psutil.process_iter():
        try:
            if process.pid == os.getpid() or process.environ().get(_MARK) != mark:
                continue
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):
            pass  # somebody else's, or gone
    return found


def _is_tracker(process: Any) -> bool:
    import psutil

    try:
        return any("resource_tracker" in word for word in process.cmdline())
    except psutil.Error:
        return False


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
