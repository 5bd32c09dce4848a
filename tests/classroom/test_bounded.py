import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from course_utils.classroom.bounded import bounded


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def run(code: str, limit: float = 60):
    return bounded(textwrap.dedent(code), limit)


def test_a_child_that_ends_says_so():
    ended = run("print('one'); print('two')")
    assert not ended.hung
    assert ended.returncode == 0
    assert repr(ended) == "ended by itself, code 0\none\ntwo"


def test_a_child_that_prints_nothing():
    assert repr(run("")) == "ended by itself, code 0"


def test_a_child_that_raises_shows_its_own_frames_only():
    ended = run(
        """
        import json
        def read():
            json.loads("{")
        read()
        """
    )
    assert ended.returncode == 1
    assert ended.output == (
        "Traceback (most recent call last):\n"
        '  in <module>\n    read()\n  in read\n    json.loads("{")\n'
        "json.decoder.JSONDecodeError: Expecting property name enclosed in double quotes: "
        "line 1 column 2 (char 1)"
    )


def test_an_endless_sleep_hangs_and_keeps_what_was_printed():
    stopped = run("import time\nprint('before')\ntime.sleep(3600)", limit=1.5)
    assert stopped.hung
    assert stopped.returncode is None
    assert repr(stopped) == "hung: stopped after 1.5 s\nbefore"


# A child with everything that is hard to stop: it ignores signals, it has children in its own
# group and outside it, and it holds shared memory that nobody else would give back.
STUBBORN = """
import os, pathlib, signal, subprocess, sys, time
from multiprocessing.shared_memory import SharedMemory
for name in ("SIGTERM", "SIGINT", "SIGHUP"):
    if hasattr(signal, name):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
folder = pathlib.Path({folder!r})
block = SharedMemory(create=True, size=1000)
(folder / "block").write_text(block.name)
code = "import os,pathlib,time; pathlib.Path({folder!r}, f'{{os.getpid()}}.pid').touch()"
code += "; time.sleep(3600)"
for session in (False, True):
    subprocess.Popen([sys.executable, "-c", code], start_new_session=session)
while len(list(folder.glob("*.pid"))) < 2:
    time.sleep(0.01)
(folder / f"{{os.getpid()}}.pid").touch()
while {hangs}:
    pass
os._exit(0)
"""


@pytest.mark.parametrize("hangs", [True, False], ids=["the child hangs", "the child ends"])
def test_nothing_that_was_started_is_left(tmp_path, hangs):
    ended = run(STUBBORN.format(folder=str(tmp_path), hangs=hangs), limit=6 if hangs else 60)
    assert ended.hung is hangs
    pids = [int(path.stem) for path in tmp_path.glob("*.pid")]
    assert len(pids) == 3
    assert not any(map(alive, pids))
    if Path("/dev/shm").is_dir():
        assert not Path("/dev/shm", (tmp_path / "block").read_text()).exists()


def test_much_output_does_not_stop_the_child():
    ended = run("print('first'); print(('x' * 49 + chr(10)) * 200_000); print('last')")
    assert ended.returncode == 0
    assert ended.output.startswith("first\n")
    assert ended.output.endswith("\nlast")
    assert "bytes left out" in ended.output
    assert len(ended.output) < 40_000
    assert len(repr(ended)) < 2000


def test_one_endless_line_is_cut():
    ended = run("print('x' * 10_000_000)")
    assert ended.returncode == 0
    assert len(ended.output) < 10_000


def test_a_child_that_closes_its_output():
    ended = run("import os; os.close(1); os.close(2); os._exit(3)")
    assert repr(ended) == "ended by itself, code 3"


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="signals are Unix's")
def test_a_child_that_is_killed():
    ended = run("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert repr(ended) == "ended by signal SIGKILL"


def test_a_child_finds_the_modules_and_the_folder_of_its_parent(tmp_path, monkeypatch):
    (tmp_path / "only_here.py").write_text("word = 'found'", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    ended = run("import only_here, os, course_utils\nprint(only_here.word, os.listdir())")
    assert ended.output.startswith("found ['only_here.py'")


def test_text_of_all_scripts_arrives():
    assert run("print('größe ✓ 写真')").output == "größe ✓ 写真"


def test_no_input_is_there():
    assert "EOFError" in run("input()").output


def test_code_that_was_not_run_is_not_called_hung(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(RuntimeError, match="not run: /nowhere/python can't be started"):
        run("print(1)")
    monkeypatch.setattr(sys, "executable", "")
    with pytest.raises(RuntimeError, match="not run"):
        run("print(1)")


@pytest.mark.parametrize("limit", [0, -1, float("nan"), float("inf")])
def test_a_limit_is_a_positive_number(limit):
    with pytest.raises(ValueError, match="seconds above 0"):
        bounded("", limit)


@pytest.mark.parametrize(("code", "limit"), [(print, 1), (b"", 1), ("", "1"), ("", True)])
def test_wrong_types_are_refused(code, limit):
    with pytest.raises(TypeError, match=r"as a string|number of seconds"):
        bounded(code, limit)


@pytest.mark.skipif(os.name != "posix", reason="SIGINT is sent to a process on Unix only")
def test_an_interruption_stops_the_child(tmp_path):
    code = textwrap.dedent(
        f"""
        from course_utils.classroom.bounded import bounded
        bounded('''
        import os, pathlib, time
        path = pathlib.Path({str(tmp_path)!r}, "part")
        path.write_text(str(os.getpid()))
        path.rename(path.with_name("pid"))
        time.sleep(3600)
        '''.replace("        ", ""), 3000)
        """
    )
    root = Path(__file__).parents[2]
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=root, stderr=subprocess.PIPE)
    try:
        limit = time.monotonic() + 60
        while not (tmp_path / "pid").exists() and time.monotonic() < limit:
            time.sleep(0.02)
        parent.send_signal(signal.SIGINT)
        _, errors = parent.communicate(timeout=60)
    finally:
        parent.kill()
        parent.wait()
    assert b"KeyboardInterrupt" in errors
    assert not alive(int((tmp_path / "pid").read_text()))


def test_the_code_hides_no_module_of_the_same_name():
    done = bounded("import code, sys\nprint(code.__name__, sys.modules['__main__'] is code)")
    assert done.output == "code False"
