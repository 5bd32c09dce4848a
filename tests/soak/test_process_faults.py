"""The faults of ``tests/feeding/process_faults.py``, so often that what is rare happens."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FAULTS = ROOT / "tests" / "feeding" / "process_faults.py"
SECONDS = 280
SMALL = 'mount -t tmpfs -o size=4m tmpfs /dev/shm && exec "$@"'
OWN_MEMORY = ["unshare", "--mount", "--propagation", "private", "sh", "-c", SMALL, "sh"]
LINUX_AND_ROOT = sys.platform == "linux" and os.geteuid() == 0
pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals"),
]


@pytest.fixture
def run():
    """Return a function that runs one of that file, so often, and says how it ended."""
    folder, children = tempfile.mkdtemp(prefix="faults-"), []
    os.chmod(folder, 0o777)  # for another user

    def run(method, name, times, before=()):
        child = subprocess.Popen(
            [*before, sys.executable, str(FAULTS), str(SECONDS - 15), method, name, str(times)],
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "TF_CPP_MIN_LOG_LEVEL": "3",
                "TMPDIR": folder,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        children.append(child)
        out, err = child.communicate(timeout=SECONDS - 5)
        return (child.returncode, out), err

    yield run
    for child in children:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
    files = os.listdir(folder)
    shutil.rmtree(folder)
    assert not files


@pytest.mark.parametrize(
    ("method", "name", "times"),
    [
        ("mixed", "early_stops", 1000),
        ("mixed", "failing_items", 1000),
        ("mixed", "forgotten", 1000),
        ("fork", "interrupted_anywhere", 1000),
        ("forkserver", "interrupted_anywhere", 100),
        ("spawn", "interrupted_anywhere", 60),
        ("fork", "interrupted_again_and_again", 500),
        ("mixed", "two_at_once", 100),
        ("mixed", "many_threads", 100),
        ("fork", "forked_beside", 300),
        # Two kills each.
        ("fork", "killed_and_replaced", 300),
        ("forkserver", "killed_and_replaced", 100),
        ("spawn", "killed_and_replaced", 100),
        ("fork", "killed_and_told", 300),
        ("forkserver", "killed_and_told", 200),
        ("spawn", "killed_and_told", 200),
        ("fork", "killed_again_and_again", 300),
        ("forkserver", "killed_again_and_again", 60),
        ("mixed", "killed_beside_slow_ones", 100),
        ("fork", "killed_between_epochs", 200),
        ("forkserver", "killed_between_epochs", 50),
        ("forkserver", "server_killed", 50),
        ("forkserver", "server_killed_beside_slow_ones", 20),
        ("mixed", "ended_by_the_function", 300),
        ("mixed", "ended_with_system_exit", 300),
        ("mixed", "stdout_of_workers", 50),
        ("mixed", "large_results", 50),
        ("mixed", "large_items", 100),
        ("mixed", "large_both_ways", 50),
        ("mixed", "many_small_batches", 50),
        ("forkserver", "large_arguments", 60),
        ("spawn", "large_arguments", 60),
        ("mixed", "items_that_cannot_travel", 300),
        ("mixed", "functions_that_cannot_travel", 100),
        ("fork", "files_run_out", 300),
        ("forkserver", "early_stops_in_tensorflow", 400),
        ("forkserver", "in_tensorflow", 20),
        ("forkserver", "fit_in_tensorflow", 20),
        ("fork", "parents_killed", 60),
        ("forkserver", "parents_killed", 60),
        ("spawn", "parents_killed", 60),
    ],
)
def test_nothing_is_lost_and_nothing_is_left(run, method, name, times):
    ended, err = run(method, name, times)
    assert ended == (0, "done\n"), err


@pytest.mark.parametrize(("method", "times"), [("fork", 500), ("forkserver", 60), ("spawn", 40)])
def test_workers_say_nothing_when_a_terminal_interrupts_them(run, method, times):
    ended, err = run(method, "interrupted_as_in_a_terminal", times)
    assert ended == (0, "done\n"), err
    assert not any(word in err for word in ("Process loader", "spawn_main", "forkserver.py")), err


@pytest.mark.skipif(not LINUX_AND_ROOT, reason="mounting a small /dev/shm needs Linux and root")
@pytest.mark.parametrize("method", ["fork", "forkserver"])
def test_a_small_shared_memory_is_told_of(run, method):
    if subprocess.run([*OWN_MEMORY, "true"], capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a folder")
    ended, err = run(method, "small_memory", 200, before=OWN_MEMORY)
    assert ended == (0, "done\n"), err


@pytest.mark.skipif(not LINUX_AND_ROOT, reason="to be another user needs Linux and root")
def test_another_user_has_a_loader_as_well(run):
    ended, err = run("fork", "another_user", 100)
    assert ended == (0, "done\n"), err
