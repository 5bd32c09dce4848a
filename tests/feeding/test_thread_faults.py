"""Faults of a thread loader, each in a process of its own under a hard limit; see thread_faults."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import course_utils

FAULTS = Path(__file__).with_name("thread_faults.py")
SECONDS = 60
NEEDS_SIGNALS = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")


def start(*names_and_times):
    """Start a process that runs functions of that file, each so often."""
    return subprocess.Popen(
        [sys.executable, FAULTS, str(SECONDS - 5), *map(str, names_and_times)],
        env={
            **os.environ,
            "PYTHONPATH": str(Path(course_utils.__file__).parents[1]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "TF_CPP_MIN_LOG_LEVEL": "3",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(child):
    """Wait for the end, at most so long; return what it wrote."""
    try:
        return child.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        raise AssertionError(f"hangs: {child.communicate()}") from None


@pytest.mark.parametrize(
    "names_and_times",
    [
        ("early_stops", 30),
        ("failing_items", 30),
        ("forgotten", 30),
        pytest.param(("interrupted_anywhere", 40), marks=NEEDS_SIGNALS),
        ("two_at_once", 6),
        ("blocked", 8),
        ("early_stops_in_tensorflow", 30, "in_tensorflow", 2),
    ],
    ids=lambda names: names[0],
)
def test_nothing_is_lost_and_nothing_is_left(names_and_times):
    child = start(*names_and_times)
    out, err = finish(child)
    assert (child.returncode, out) == (0, "done\n"), err


@NEEDS_SIGNALS
@pytest.mark.parametrize("name", ["interrupted_while_waiting", "interrupted_in_the_loop"])
def test_an_interrupt_ends_it_at_once(name):
    child = start(name, 1)
    assert child.stdout.readline() == "ready\n"
    time.sleep(0.1)
    began = time.monotonic()
    child.send_signal(signal.SIGINT)
    out, err = finish(child)
    assert time.monotonic() - began < 5
    assert child.returncode == -signal.SIGINT
    assert out == "no thread is left\n"
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert "ignored" not in err


@pytest.mark.parametrize(
    "name", ["exit_with_a_plain_iterator", "exit_with_slow_functions", "exit_with_a_dataset"]
)
def test_the_interpreter_exits_with_a_half_consumed_iterator(name):
    child = start(name, 1)
    assert child.stdout.readline() == "done\n", child.stderr.read()
    began = time.monotonic()
    _, err = finish(child)
    assert time.monotonic() - began < 10
    assert child.returncode == 0
    assert not any(word in err for word in ("Traceback", "ignored", "Fatal")), err


def test_a_consumer_that_outlives_the_main_thread_is_told():
    child = start("main_thread_ends", 1)
    out, err = finish(child)
    assert child.returncode == 0
    assert out.startswith("done\nThe epoch can't go on: the main thread has ended, and"), err


def test_the_interpreter_exits_after_an_error():
    child = start("exit_with_an_error", 1)
    out, err = finish(child)
    assert child.returncode == 1
    assert out.splitlines() == [str(60 // (item - 20)) for item in range(20)]
    last = "ItemError: Item 20 (20) failed: ZeroDivisionError: integer division or modulo by zero"
    assert err.rstrip().endswith(last)
