"""The faults of ``tests/feeding/thread_faults.py``, so often that what is rare happens."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FAULTS = ROOT / "tests" / "feeding" / "thread_faults.py"
SECONDS = 280
NEEDS_SIGNALS = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")


@pytest.mark.soak
@pytest.mark.parametrize(
    ("name", "times"),
    [
        ("early_stops", 1000),
        ("failing_items", 1000),
        ("forgotten", 1000),
        pytest.param("interrupted_anywhere", 1000, marks=NEEDS_SIGNALS),
        ("two_at_once", 200),
        ("blocked", 200),
        ("early_stops_in_tensorflow", 1000),
        ("in_tensorflow", 100),
    ],
)
def test_nothing_is_lost_and_nothing_is_left(name, times):
    done = subprocess.run(
        [sys.executable, FAULTS, str(SECONDS - 10), name, str(times)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
