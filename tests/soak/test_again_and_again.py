"""Each notebook ten times under nbval, three of them while another process keeps the cores busy."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from course_utils.classroom import manifest

ROOT = Path(__file__).parents[2]
STEMS = [lesson.notebook for lesson in manifest.load(ROOT).lessons]
RUNS, BUSY = 10, 3


@pytest.fixture
def busy_cores(request):
    """Keep every core busy with another process, where asked for."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    processes = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"])
        for _ in range(count if request.param else 0)
    ]
    yield
    for process in processes:
        process.kill()
        process.wait()


@pytest.mark.soak
@pytest.mark.parametrize("stem", STEMS)
@pytest.mark.parametrize(
    "busy_cores",
    [False] * (RUNS - BUSY) + [True] * BUSY,
    indirect=True,
    ids=lambda busy: "busy" * busy,
)
def test_no_flake(stem, busy_cores):
    command = [sys.executable, "-m", "pytest", f"notebooks/{stem}.ipynb", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:]
