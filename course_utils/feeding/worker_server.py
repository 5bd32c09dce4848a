"""A forkserver of the loaders' own: its processes begin with Ctrl+C blocked.

What comes from a forkserver inherits from it whether Ctrl+C is blocked. Python's own is the whole
program's: were it blocked there, the program's other processes could never be interrupted; is it
not, Ctrl+C ends a worker that has only begun. So the loaders have one beside it, with the standard
library's classes. These are documented nowhere, and the same in Python 3.11 to 3.13.
"""

from __future__ import annotations

from multiprocessing import context, forkserver, popen_forkserver
from types import FunctionType, SimpleNamespace

_server = forkserver.ForkServer()


def ensure_running() -> None:
    """Start the server where it isn't there; its signals are those of the calling thread."""
    _server._preload_modules = forkserver._forkserver._preload_modules  # as the program asked
    _server.ensure_running()


def pid() -> int | None:
    """Its process number; None before its start."""
    return _server._forkserver_pid


class _Popen(popen_forkserver.Popen):
    # The same code, which finds the other server under the name `forkserver`.
    _launch = FunctionType(
        popen_forkserver.Popen._launch.__code__,
        {
            **vars(popen_forkserver),
            "forkserver": SimpleNamespace(
                connect_to_new_process=_server.connect_to_new_process,
                read_signed=forkserver.read_signed,
            ),
        },
    )


class Process(context.ForkServerProcess):
    """A process that this server starts."""

    @staticmethod
    def _Popen(process: context.ForkServerProcess) -> _Popen:
        return _Popen(process)
