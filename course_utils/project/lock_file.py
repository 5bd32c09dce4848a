"""One set-up at a time: a file that one process locks while the others wait.

The standard library alone, for this runs before anything is installed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold a lock file, made where there is none; wait for the process that holds it.

    Raises OSError where the file can't be written.
    """
    with path.open("ab") as file:
        # The installers inherit it (environment.call), for they outlive a process that is killed.
        os.set_inheritable(file.fileno(), True)
        if not take(file):
            print("Waiting for another set-up to end ...", flush=True)
            while not take(file):
                time.sleep(0.1)
        yield  # closing the file lets go of the lock


def take(file: IO[bytes]) -> bool:
    """Lock a file without waiting; tell whether no other process holds it."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:  # a network drive without locks: better to set up unlocked than not at all
        pass
    return True
