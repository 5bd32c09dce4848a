"""Hold back an interrupt (Ctrl+C) for a moment in which it would do lasting harm.

Python raises KeyboardInterrupt in the main thread between any two of its steps. Between the step
that takes a lock and the one that makes sure of its release, it leaves the lock taken, and whoever
needs it next waits for ever. ``with`` on a ``threading.Lock`` has no such gap. A ``Condition`` or a
``Semaphore`` has, and the standard library's executor uses one whenever it takes a task.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interrupt_held_back() -> Iterator[None]:
    """Let an interrupt that comes within the ``with`` block take effect at its end."""
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield  # other threads are never interrupted
        return
    held = []
    signal.signal(signal.SIGINT, lambda *arguments: held.append(arguments))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if held:
            handler(*held[0])
