"""How many cores there are to work on."""

from __future__ import annotations

import os


def usable_cores() -> int:
    """The cores that this process may use: a container may lend fewer than the machine has.

    On Linux they are those of its affinity mask; what a container limits by time alone (docker's
    `--cpus`) isn't seen. macOS and Windows tell the cores of the machine, before Python 3.13.
    """
    if hasattr(os, "process_cpu_count"):  # Python 3.13
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
