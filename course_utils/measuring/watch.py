"""Watch what another thread does: TensorFlow runs a generator in threads of its own."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def settled(log: Sequence[T], expected: int, *, still: float = 0.1, limit: float = 10.0) -> list[T]:
    """Return a copy of what a log holds, once nothing more comes.

    Waits until the log has `expected` entries, for at most `limit` seconds, then until nothing was
    added to it for `still` seconds. So a slow machine is waited for, and one entry too many is
    seen. Fewer or more entries than expected are no error: look at what is returned.

    Args:
        log: what another thread appends to, such as a list.
        expected: the number of entries to wait for.
        still: seconds without a new entry.
        limit: seconds to wait for what is expected.
    """
    end = time.monotonic() + limit
    while len(log) < expected and time.monotonic() < end:
        time.sleep(0.002)
    length, since = len(log), time.monotonic()
    while time.monotonic() - since < still and time.monotonic() < end + still:
        time.sleep(0.01)
        if len(log) > length:
            length, since = len(log), time.monotonic()
    return list(log)
