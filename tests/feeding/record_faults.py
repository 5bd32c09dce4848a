"""What may happen to a process that writes records; run by ``test_records.py``.

    python record_faults.py FOLDER

Each function below runs in an empty folder of its own; one line of JSON tells of all of them, name
-> traceback, "" where all is well. Processes are forked from this one, so that TensorFlow is
imported once. A forked process writes only: TensorFlow's threads, which would not survive the fork,
run in none.
"""

import json
import os
import resource
import signal
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path

import filelock
import numpy as np

from course_utils.feeding import record_writer
from course_utils.feeding.records import Records, write_records

IMPORTED = [filelock]  # another user may have no way to what is imported later
NOBODY = 65534  # root may write everywhere: permissions count for another user
COUNT = 7
WAIT = 30  # seconds


def numbers(first=0):
    for number in range(first, first + COUNT):
        yield np.full(100, number, np.uint8), number


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def dying_numbers():
    for element in numbers(50):
        if element[1] == 53:
            die()
        yield element


def forked(function, *arguments, **more):
    """Run it in a process of its own; return its exit code, below 0 for a signal."""
    child = os.fork()
    if not child:
        code = 1
        try:
            function(*arguments, **more)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def written(folder):
    """Every file of a folder, hidden ones too."""
    return sorted(os.listdir(folder)) if folder.exists() else []


def whole(folder, first=0, shards=2):
    """Nothing but a whole set is there, of the elements that begin with `first`."""
    names = [f"records-{number:05d}-of-{shards:05d}.tfrecord" for number in range(shards)]
    assert written(folder) == [*names, "records.json"], written(folder)
    records = Records.read(folder)
    assert records.count == COUNT
    content = b"".join(path.read_bytes() for path in records.files)
    for number in range(first, first + COUNT):
        assert bytes([number]) * 100 in content, number


def nothing_to_read(folder):
    try:
        found = Records.read(folder)
    except FileNotFoundError as error:
        assert "whole set" in str(error), error  # noqa: PT017
    else:
        raise AssertionError(found)


def killed_while_drawing(folder):
    assert forked(write_records, dying_numbers, folder) == -signal.SIGKILL
    nothing_to_read(folder)
    left = written(folder)
    assert len(left) == 3, left  # two files and the lock
    assert all(name.startswith(".") for name in left), left
    write_records(numbers, folder)
    whole(folder)


def killed_while_publishing(folder):
    """At each of its steps. Either the set is there whole, or a next write finds a free folder."""
    for step in range(1, 4):
        here = folder / str(step)
        assert forked(dying_at, step, here) == -signal.SIGKILL
        nothing_to_read(here)
        assert len([name for name in written(here) if not name.startswith(".")]) == step - 1
        write_records(numbers, here)
        whole(here)
    assert forked(dying_at, 4, folder / "never") == 0
    whole(folder / "never")


def killed_while_replacing(folder):
    """Before the first file is touched the old set is whole; after that, none is there."""
    for step in range(1, 4):
        here = folder / str(step)
        write_records(lambda: numbers(100), here, shards=3)
        assert forked(dying_at, step, here, overwrite=True) == -signal.SIGKILL
        nothing_to_read(here)
        write_records(numbers, here)
        whole(here)
    here = folder / "drawing"
    write_records(lambda: numbers(100), here, shards=3)
    assert forked(write_records, dying_numbers, here, overwrite=True) == -signal.SIGKILL
    assert Records.read(here).count == COUNT
    write_records(numbers, here, overwrite=True)
    whole(here)


def dying_at(step, folder, **more):
    replace, calls = os.replace, []

    def dying(*names):
        calls.append(names)
        if len(calls) == step:
            die()
        replace(*names)

    record_writer.os.replace = dying
    write_records(numbers, folder, **more)


def two_at_once(folder):
    """The second is refused, and takes nothing from the first."""
    half_way, go_on = folder / "half", folder / "go"

    def waiting_numbers():
        for element in numbers():
            if element[1] == 3:
                half_way.touch()
                wait_for(go_on)
            yield element

    first = os.fork()
    if not first:
        with suppress(BaseException):
            write_records(waiting_numbers, folder / "records")
            os._exit(0)
        os._exit(1)
    wait_for(half_way)
    for overwrite in (False, True):
        try:
            write_records(lambda: numbers(100), folder / "records", overwrite=overwrite)
        except BlockingIOError as error:
            assert "Another process is writing" in str(error), error  # noqa: PT017
        else:
            raise AssertionError("both wrote")
    write_records(lambda: numbers(100), folder / "records", name="other")
    go_on.touch()
    assert os.waitstatus_to_exitcode(os.waitpid(first, 0)[1]) == 0
    for path in (folder / "records").glob("other*"):
        path.unlink()
    whole(folder / "records")


def wait_for(path):
    limit = time.monotonic() + WAIT
    while not path.exists():
        assert time.monotonic() < limit, f"{path} didn't appear in {WAIT} s"
        time.sleep(0.01)


def another_user_may_not_write(folder):
    closed = folder / "closed"
    closed.mkdir(mode=0o555)
    assert forked(refused, PermissionError, "No permission", closed / "new", user=NOBODY) == 0
    assert forked(refused, PermissionError, "No permission", closed, user=NOBODY) == 0
    assert written(closed) == []
    closed.chmod(0)
    assert forked(refused, PermissionError, "No permission", closed / "new", user=NOBODY) == 0


def another_user_may_read(folder):
    write_records(numbers, folder)
    folder.chmod(0o555)
    before = written(folder)

    def read():
        become(NOBODY)
        assert Records.read(folder).count == COUNT

    assert forked(read) == 0
    assert (
        forked(refused, PermissionError, "No permission", folder, user=NOBODY, overwrite=True) == 0
    )
    assert written(folder) == before


def become(user):
    if user and os.geteuid() == 0:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)


def refused(kind, words, folder, user=None, limits=(), **more):
    become(user)
    for limit, value in limits:
        resource.setrlimit(limit, (value, value))
    try:
        write_records(numbers, folder, **more)
    except kind as error:
        assert words in str(error), error  # noqa: PT017
        assert str(folder) in str(error), error  # noqa: PT017
        assert "Expected: a folder" in str(error), error  # noqa: PT017
    else:
        raise AssertionError("it was written")


def a_file_too_large(folder):
    """The limit shows at once, or when the files are closed, or at the index."""
    for size in (1, 300, 500):
        limits = [(resource.RLIMIT_FSIZE, size)]
        assert forked(refused, OSError, "largest size", folder / "new", limits=limits) == 0, size
        assert written(folder) == []
    write_records(numbers, folder / "new")
    whole(folder / "new")


def too_many_files(folder):
    """To TensorFlow this is the same as a full disk."""
    limits = [(resource.RLIMIT_NOFILE, 50)]
    words = "Give fewer shards"
    assert forked(refused, OSError, words, folder / "new", limits=limits, shards=60) == 0
    assert written(folder) == []


FAULTS = [
    killed_while_drawing,
    killed_while_publishing,
    killed_while_replacing,
    two_at_once,
    another_user_may_not_write,
    another_user_may_read,
    a_file_too_large,
    too_many_files,
]


def main(folder):
    told = {}
    for fault in FAULTS:
        here = Path(folder, fault.__name__)
        here.mkdir()
        here.chmod(0o777)
        try:
            fault(here)
            told[fault.__name__] = ""
        except Exception:
            told[fault.__name__] = traceback.format_exc()
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
