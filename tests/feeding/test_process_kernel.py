"""A process loader in a notebook's kernel that is interrupted or restarted in the middle."""

import json
import os
import time
from pathlib import Path

import psutil
import pytest
from jupyter_client.manager import KernelManager

import course_utils

HOUSE = Path(course_utils.__file__).parents[1]

BEGIN = """
import json, time
import numpy as np
from course_utils.feeding.processes import ProcessLoader

def epoch(seconds, **more):
    global loader
    items = [seconds] * 10_000
    loader = ProcessLoader(sleep_and_tell, items, np.zeros((), "int64"), 2, processes=2, **more)
    return loader()

from course_utils_test_work import sleep_and_tell
pids = set()
"""
WORK = """
import os, time
def sleep_and_tell(seconds):
    time.sleep(seconds)
    return os.getpid()
"""
LOOP = """
for batch in epoch({seconds}, persistent={persistent}):
    pids |= set(batch.tolist())
    if len(pids) == 2:
        print(json.dumps(sorted(pids)), flush=True)
        {then}
"""

COUNT = """
loader = ProcessLoader(sleep_and_tell, [0] * 50, np.zeros((), "int64"), 4)
print(sum(len(batch) for batch in loader()))
"""


@pytest.fixture
def kernel(tmp_path):
    (tmp_path / "course_utils_test_work.py").write_text(WORK)
    manager = KernelManager(kernel_name="python3")
    path = os.pathsep.join([str(HOUSE), str(tmp_path)])
    manager.start_kernel(cwd=str(tmp_path), env={**os.environ, "PYTHONPATH": path})
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        yield manager, client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def run_until_printed(client, code):
    """Start code; return what it prints first, read as JSON.

    Where the code is interrupted later, the kernel must not abort the request that follows at once.
    """
    begun = client.execute(code, stop_on_error=False)
    while True:
        message = client.get_iopub_msg(timeout=30)
        if message["parent_header"].get("msg_id") != begun:
            continue
        assert message["msg_type"] != "error", message["content"]["evalue"]
        assert message["content"].get("execution_state") != "idle", "ended without printing"
        if message["msg_type"] == "stream":
            return json.loads(message["content"]["text"])


def wait_until_gone(pids, seconds=5.0):
    end = time.monotonic() + seconds
    while left := [pid for pid in pids if psutil.pid_exists(pid)]:
        assert time.monotonic() < end, left
        time.sleep(0.02)


def processes_of(manager):
    kernel = psutil.Process(manager.provisioner.pid)
    return {child.pid for child in kernel.children(recursive=True)}


@pytest.mark.parametrize("now", [False, True], ids=["asked", "killed"])
def test_a_restart_ends_the_workers(kernel, now):
    manager, client = kernel
    client.execute_interactive(BEGIN, timeout=30)
    then = "time.sleep(60)" if now else "break"
    pids = run_until_printed(client, LOOP.format(seconds=0.01, persistent=True, then=then))
    everything = processes_of(manager)
    assert set(pids) <= everything
    manager.restart_kernel(now=now)
    wait_until_gone(everything)


def test_an_interrupt_ends_the_workers_and_the_next_epoch_is_whole(kernel):
    manager, client = kernel
    client.execute_interactive(BEGIN, timeout=30)
    pids = run_until_printed(client, LOOP.format(seconds=0.01, persistent=False, then="pass"))
    manager.interrupt_kernel()
    reply = client.get_shell_msg(timeout=10)
    while reply["parent_header"].get("msg_type") != "execute_request":
        reply = client.get_shell_msg(timeout=10)
    assert reply["content"]["status"] == "error"
    assert reply["content"]["ename"] == "KeyboardInterrupt"
    wait_until_gone(pids)
    assert run_until_printed(client, COUNT) == 50
