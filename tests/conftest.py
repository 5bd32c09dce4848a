"""What several tests need."""

import gc
import os
import signal
import subprocess
import sys
import time

import pytest


def pytest_configure():
    """Let Ctrl+C be Python's own, as it is for a learner: a shell's background jobs ignore it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def interrupts_stay_as_they_are():
    """Whoever leaves another handler behind takes the time limit from all checks after it."""
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.fixture(autouse=True)
def what_tensorflow_leaves_goes_at_once():
    """End the iterators that stand in a reference cycle, as some trainings leave them.

    TensorFlow waits for their autotuner, the longer, the older they are: up to a minute, in
    whatever test Python happens to look for cycles. What was there before is frozen, so that to
    look takes milliseconds.
    """
    began = time.perf_counter()
    yield
    if "tensorflow" in sys.modules and time.perf_counter() - began > 0.3:
        gc.collect()
        if not gc.get_freeze_count():
            gc.freeze()


@pytest.fixture
def small_disk(tmp_path):
    """Return a function that mounts a disk of so many MiB; skips where that takes another user."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a small disk needs Linux and root")
    mounted = []

    def mount(mebibytes):
        folder = tmp_path / f"disk{len(mounted)}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"this machine lets nobody mount a disk: {done.stderr.strip()}")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)
