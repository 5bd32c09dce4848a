import os
import signal
import threading

import pytest

from course_utils.feeding.interrupts import interrupt_held_back

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")


@pytest.fixture
def handler():
    """Python's own handler; the one of before in the end."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def interrupted(log):
    with interrupt_held_back():
        signal.raise_signal(signal.SIGINT)
        log.append("went on")


def test_an_interrupt_takes_effect_at_the_end_of_the_block(handler):
    log = []
    with pytest.raises(KeyboardInterrupt):
        interrupted(log)
    assert log == ["went on"]
    assert signal.getsignal(signal.SIGINT) is handler


def test_without_an_interrupt_nothing_changes(handler):
    with interrupt_held_back():
        assert signal.getsignal(signal.SIGINT) is not handler
    assert signal.getsignal(signal.SIGINT) is handler
    with pytest.raises(ValueError, match="its own"), interrupt_held_back():
        raise ValueError("its own")
    assert signal.getsignal(signal.SIGINT) is handler


def test_other_threads_and_ignored_interrupts_are_left_alone(handler):
    log = []

    def look():
        with interrupt_held_back():
            log.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    look()
    assert log == [handler, signal.SIG_IGN]
    interrupted(log)
    assert log[-1] == "went on"
