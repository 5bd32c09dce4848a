"""Faults of a process loader, each in a process of its own under a limit; see process_faults."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

import course_utils

FAULTS = Path(__file__).with_name("process_faults.py")
SECONDS = 60
LINUX_AND_ROOT = sys.platform == "linux" and os.geteuid() == 0
NOISE = ("Traceback", "Exception ignored", "Fatal", "leaked")  # of an interpreter that exits
METHODS = ["fork", "forkserver", "spawn"]
pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")


@pytest.fixture
def start():
    """Return a function that starts a process for functions of that file, each so often.

    It has a process group and a folder for temporary files of its own. After the test nothing of
    the group is left alive, and nothing in the folder, where nothing was killed.
    """
    folder, children = tempfile.mkdtemp(prefix="faults-"), []
    os.chmod(folder, 0o777)  # for another user

    def start(method, *names_and_times, before=()):
        command = [*before, sys.executable, FAULTS, SECONDS - 5, method, *names_and_times]
        child = subprocess.Popen(
            list(map(str, command)),
            env={
                **os.environ,
                "PYTHONPATH": str(Path(course_utils.__file__).parents[1]),
                "PYTHONDONTWRITEBYTECODE": "1",
                "TF_CPP_MIN_LOG_LEVEL": "3",
                "TMPDIR": folder,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        children.append(child)
        return child

    yield start
    left = [one for child in children for one in alive_in(child.pid)]
    for child in children:
        end_group(child)
    files = os.listdir(folder)
    shutil.rmtree(folder)
    assert not left
    assert not files or any(child.returncode == -signal.SIGKILL for child in children), files


def alive_in(group):
    """The processes of a group that are alive."""
    found = []
    for one in psutil.process_iter():
        with suppress(ProcessLookupError, psutil.NoSuchProcess):
            if os.getpgid(one.pid) == group and one.status() != psutil.STATUS_ZOMBIE:
                found.append(one)
    return found


def end_group(child):
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    return child.communicate()


def finish(child):
    """Wait for the end, at most so long; return what it wrote. No process of its may be left."""
    try:
        written = child.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"hangs: {end_group(child)}") from None
    all_end(child.pid)
    return written


def all_end(group, seconds=5):
    """Wait until nothing of a group is alive, at most so long."""
    deadline = time.monotonic() + seconds
    while left := alive_in(group):
        assert time.monotonic() < deadline, left
        time.sleep(0.01)


@pytest.mark.parametrize(
    "names_and_times",
    [
        ("early_stops", 12, "forgotten", 10, "failing_items", 5),
        ("interrupted_anywhere", 9, "interrupted_again_and_again", 4),
        ("two_at_once", 1, "many_threads", 3, "forked_beside", 6),
        ("killed_and_told", 6, "killed_and_replaced", 4, "killed_again_and_again", 2),
        ("killed_beside_slow_ones", 1, "killed_between_epochs", 2),
        ("ended_by_the_function", 6, "ended_with_system_exit", 2),
        ("large_results", 1, "large_items", 1, "large_both_ways", 1, "many_small_batches", 1),
        ("stdout_of_workers", 1, "files_run_out", 8),
    ],
    ids=lambda names: names[0],
)
def test_nothing_is_lost_and_nothing_is_left(start, names_and_times):
    child = start("fork", *names_and_times)
    out, err = finish(child)
    assert (child.returncode, out) == (0, "done\n"), err


@pytest.mark.parametrize(
    ("method", "names_and_times"),
    [
        (
            "forkserver",
            (
                *("early_stops", 1, "killed_and_told", 3, "killed_and_replaced", 1),
                *("items_that_cannot_travel", 2, "functions_that_cannot_travel", 1),
                *("server_killed_beside_slow_ones", 1, "server_killed", 1),
            ),
        ),
        ("spawn", ("killed_and_told", 2, "large_arguments", 1)),
    ],
    ids=METHODS[1:],
)
def test_nothing_is_lost_with_other_start_methods(start, method, names_and_times):
    child = start(method, *names_and_times)
    out, err = finish(child)
    assert (child.returncode, out) == (0, "done\n"), err


def test_nothing_is_lost_through_tensorflow(start):
    """At last it exits with datasets that are half consumed: one TensorFlow for all of it."""
    names_and_times = "early_stops_in_tensorflow", 2, "in_tensorflow", 1, "fit_in_tensorflow", 1
    child = start("forkserver", *names_and_times, "exit_with_a_dataset", 1)
    out, err = finish(child)
    assert (child.returncode, out) == (0, "done\n"), err
    assert not any(word in err for word in NOISE), err


@pytest.mark.parametrize("method", METHODS[:2])
def test_workers_say_nothing_when_a_terminal_interrupts_them(start, method):
    child = start(method, "interrupted_as_in_a_terminal", 6 if method == "fork" else 2)
    out, err = finish(child)
    assert (child.returncode, out) == (0, "done\n"), err
    assert not any(word in err for word in ("Process loader", "spawn_main", "forkserver.py")), err


@pytest.mark.parametrize("name", ["interrupted_while_waiting", "interrupted_in_the_loop"])
def test_an_interrupt_ends_it_at_once(start, name):
    child = start("fork", name, 1)
    assert child.stdout.readline() == "ready\n"
    time.sleep(0.1)
    began = time.monotonic()
    os.killpg(child.pid, signal.SIGINT)
    out, err = finish(child)
    assert time.monotonic() - began < 5
    assert child.returncode == -signal.SIGINT
    assert out == "no process is left\n"
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert "ignored" not in err
    assert "Process loader" not in err


@pytest.mark.parametrize(
    ("method", "name"),
    [
        ("fork", "killed_at_work"),
        ("fork", "killed_with_slow_batches"),
        ("fork", "killed_with_large_results"),
        ("forkserver", "killed_with_slow_batches"),
        ("spawn", "killed_while_idle"),
    ],
)
def test_workers_end_when_their_parent_is_killed(start, method, name):
    child = start(method, name, 1)
    assert child.stdout.readline() == "ready\n", child.stderr.read()
    assert len(alive_in(child.pid)) > 1
    child.kill()
    child.wait()
    all_end(child.pid)


def test_a_whole_group_that_is_killed_leaves_nothing(start):
    child = start("forkserver", "killed_at_work", 1)
    assert child.stdout.readline() == "ready\n", child.stderr.read()
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    all_end(child.pid)
    assert not list(Path("/dev/shm").glob(f"pym-{child.pid}-*"))


@pytest.mark.parametrize(
    ("method", "name"),
    [
        ("fork", "exit_with_half_an_epoch"),
        ("fork", "exit_with_slow_functions"),
        ("fork", "exit_with_idle_workers"),
        ("forkserver", "exit_with_a_thread_at_work"),
    ],
)
def test_the_interpreter_exits_with_workers(start, method, name):
    child = start(method, name, 1)
    assert child.stdout.readline() == "done\n", child.stderr.read()
    began = time.monotonic()
    _, err = finish(child)
    assert time.monotonic() - began < 10
    assert child.returncode == 0
    assert not any(word in err for word in NOISE), err


def test_the_interpreter_exits_in_the_middle_of_a_loop(start):
    child = start("fork", "exit_in_the_middle", 1)
    assert finish(child) == ("", "")
    assert child.returncode == 3


def test_a_consumer_that_outlives_the_main_thread_gets_all(start):
    child = start("fork", "main_thread_ends", 1)
    assert finish(child) == ("done\n998\n", "")
    assert child.returncode == 0


def test_the_interpreter_exits_after_an_error(start):
    child = start("fork", "exit_with_an_error", 1)
    out, err = finish(child)
    assert child.returncode == 1
    assert out.splitlines() == [str(number) for number in range(20)]
    assert err.rstrip().endswith("OSError: 20 is bad")
    assert "ItemError: Item 20 (20) failed in worker" in err
    assert err.count("Traceback (most recent call last)") == 2, "the worker's and this process's"


def own_memory(options):
    """The beginning of a command that has a /dev/shm of its own; skips where that can't be."""
    if not LINUX_AND_ROOT:
        pytest.skip("mounting a small /dev/shm needs Linux and root")
    script = f'mount -t tmpfs -o {options} tmpfs /dev/shm && exec "$@"'
    before = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"]
    done = subprocess.run([*before, "true"], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"this machine lets nobody mount a folder: {done.stderr.strip()}")
    return before


def test_a_small_shared_memory_is_told_of(start):
    child = start("fork", "small_memory", 12, before=own_memory("size=4m"))
    out, err = finish(child)
    assert (child.returncode, out) == (0, "done\n"), err


def test_a_shared_memory_that_cannot_be_written_is_told_of(start):
    child = start("fork", "closed_memory", 1, before=own_memory("size=4m,ro"))
    out, err = finish(child)
    assert (child.returncode, out) == (0, "done\n"), err


@pytest.mark.skipif(not LINUX_AND_ROOT, reason="to be another user needs Linux and root")
def test_another_user_has_a_loader_as_well(start):
    child = start("fork", "another_user", 3)
    out, err = finish(child)
    assert (child.returncode, out) == (0, "done\n"), err


def test_another_user_is_told_of_a_shared_memory_that_is_closed(start):
    before = own_memory("size=4m,mode=755")
    child = start("fork", "closed_memory_for_another_user", 1, before=before)
    out, err = finish(child)
    assert (child.returncode, out) == (0, "done\n"), err
