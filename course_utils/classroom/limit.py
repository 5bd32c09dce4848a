"""A time limit for code that may never end, such as a learner's loop."""

from __future__ import annotations

import _thread
import signal
import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
AGAIN = 0.5  # seconds from one interrupt to the next, where one was not enough


class OutOfTime(Exception):
    """The code was still running at its limit and was stopped."""


def limited(seconds: float, work: Callable[[], T]) -> T:
    """Return `work()`, or stop it after `seconds`: raises OutOfTime.

    It is stopped as Ctrl+C would stop it, which works on every system but only in the main thread
    and between two steps of Python: what waits inside TensorFlow is stopped when it comes back. In
    another thread, or where Ctrl+C is handled in another way, there is no limit. Code that catches
    KeyboardInterrupt and goes on is interrupted again.
    """
    # Not a context manager: an interrupt that arrives inside contextlib's own code, between the
    # end of a with block and ours, could not be told from a real Ctrl+C.
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        return work()
    running, struck, done = False, False, threading.Event()

    def arrives(*_: object) -> None:
        if running:  # else it comes too late, and would hit the code that follows
            raise KeyboardInterrupt

    def strike() -> None:
        nonlocal struck
        wait = seconds
        # Again and again: an exception inside a `__del__`, which garbage collection may call
        # anywhere, goes no further.
        while not done.wait(wait) and running:
            struck, wait = True, AGAIN
            _interrupt_main_thread()

    striker = threading.Thread(target=strike, name="limit", daemon=True)
    striker.start()
    try:
        try:
            running = True
            signal.signal(signal.SIGINT, arrives)
            return work()
        finally:
            running = False
    except KeyboardInterrupt:
        if struck:
            raise OutOfTime from None
        raise
    finally:
        running = False
        done.set()
        striker.join()
        time.sleep(0.001)  # a signal that was sent arrives at a call of the system's, at the latest
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _interrupt_main_thread() -> None:
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)  # ends a sleep as well
    else:
        _thread.interrupt_main()
