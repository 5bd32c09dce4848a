"""The floor beside the rows: a process that waits, and runs a short floor when it is asked.

A machine's cores may run faster for some seconds and slower for the next. A floor right before a
row and one right after it meet about the same speed; and a process that stays costs no start.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks import floor
from benchmarks.run_one import Beginning
from benchmarks.work import crops
from course_utils.measuring.memory import freed_memory_environment
from course_utils.measuring.timing import batch_length, epoch

ROOT = Path(__file__).resolve().parents[1]


class Beside:
    """A context that keeps the floor's process; ``measure()`` runs its threads once."""

    def __init__(self, dtype: str, pictures: int) -> None:
        self._command = [sys.executable, "-m", "benchmarks.beside", dtype, str(pictures)]

    def __enter__(self) -> Beside:
        self._process = subprocess.Popen(
            self._command,
            cwd=ROOT,
            env={**os.environ, **freed_memory_environment()},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def measure(self) -> dict[str, float]:
        """Seconds and CPU milliseconds a picture.

        Raises:
            RuntimeError: the process has ended.
        """
        try:
            self._process.stdin.write("\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())
        except (OSError, ValueError) as reason:
            raise RuntimeError(f"the floor's process has ended: {reason}") from None


def main(dtype: str, pictures: int) -> None:
    """For each line that comes in, run the floor once untimed, then once timed.

    The first is there because a process that has waited is slower to begin with.
    """
    begin = floor.threads(crops(pictures), dtype)
    for _ in sys.stdin:
        list(begin())
        timed = epoch(Beginning(begin), batch_length)
        found: dict[str, Any] = {
            "seconds_per_picture": timed.seconds / timed.items,
            "cpu_ms_per_picture": timed.cpu_ms_per_item,
        }
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
