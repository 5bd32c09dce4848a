import threading
import time

from course_utils.measuring.watch import settled


def fill(log, delays):
    """Append to a log from another thread, each entry so many seconds after the one before."""

    def run():
        for number, seconds in enumerate(delays):
            time.sleep(seconds)
            log.append(number)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def test_waits_for_what_is_expected_however_late_it_comes():
    log = []
    fill(log, [0.5, 0.5])
    assert settled(log, 2) == [0, 1]


def test_one_entry_too_many_is_seen():
    log = []
    fill(log, [0, 0.1, 0.1])
    assert settled(log, 1, still=1) == [0, 1, 2]


def test_gives_up_at_the_limit_with_what_there_is():
    began = time.monotonic()
    assert settled(["start"], 2, still=0.05, limit=0.3) == ["start"]
    assert 0.3 <= time.monotonic() - began < 5


def test_a_log_that_never_rests_ends_at_the_limit():
    log, going_on = [], threading.Event()

    def run():
        while not going_on.wait(0.01):
            log.append(len(log))

    threading.Thread(target=run, daemon=True).start()
    began = time.monotonic()
    found = settled(log, 5, still=0.2, limit=0.5)
    going_on.set()
    assert len(found) >= 5
    assert time.monotonic() - began < 5


def test_gives_a_copy():
    log = [1]
    assert settled(log, 1, still=0) is not log
