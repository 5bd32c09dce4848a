"""A time limit for code that may never end, such as a learner's loop."""

from __future__ import annotations

import _thread
import signal
import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class OutOfTime(Exception):
    """The code was still running at its limit and was stopped."""


def limited(seconds: float, work: Callable[[], T]) -> T:
    """Return `work()`, or stop it after `seconds`: raises OutOfTime.

    It is stopped as Ctrl+C would stop it, which works on every system but only in the main thread
    and between two steps of Python: what waits inside TensorFlow is stopped when it comes back. In
    another thread, or where Ctrl+C is handled in another way, there is no limit.
    """
    # Not a context manager: an interrupt that arrives inside contextlib's own code, between the
    # end of a with block and ours, could not be told from a real Ctrl+C.
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        return work()
    lock, ended, struck = threading.Lock(), False, False

    def strike() -> None:
        nonlocal struck
        with lock:
            if not ended:
                struck = True
                _interrupt_main_thread()

    timer = threading.Timer(seconds, strike)
    timer.daemon = True
    try:
        try:
            timer.start()
            return work()
        finally:
            timer.cancel()
            with lock:
                ended = True
            if struck:
                # An interrupt that is on its way must arrive here, not in the code that follows.
                time.sleep(0.05)
    except KeyboardInterrupt:
        if struck:
            raise OutOfTime from None
        raise


def _interrupt_main_thread() -> None:
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)  # ends a sleep as well
    else:
        _thread.interrupt_main()
