"""What the workers of ``process_faults.py`` do: importable by them, and without TensorFlow."""

import os
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np

MIB = 2**20


class Pausing:
    """A function of a number that gives it back, at once or after a moment."""

    def __init__(self, choice):
        self.pauses = [choice.choice([None, None, 0, 0.0002, 0.001]) for _ in range(200)]

    def __call__(self, item):
        pause = self.pauses[item % 200]
        if pause is not None:
            time.sleep(pause)
        return item


class Failing(Pausing):
    """The same, and raises for the bad ones."""

    def __init__(self, choice, bad, error=OSError):
        super().__init__(choice)
        self.bad, self.error = set(bad), error

    def __call__(self, item):
        if item in self.bad:
            raise self.error(f"{item} is bad")
        return super().__call__(item)


class Ending(Pausing):
    """The same, and ends its process at one item, as often as said: a file counts.

    how: "exit" with code 7; "abort"; "close" the pipe and all else that is open.
    """

    def __init__(self, choice, at, how, log, most):
        super().__init__(choice)
        self.at, self.how, self.log, self.most = at, how, log, most

    def __call__(self, item):
        if item == self.at and noted(self.log) < self.most:
            with open(self.log, "a") as file:
                file.write(".")
            if self.how == "abort":
                os.abort()
            if self.how == "close":
                os.closerange(3, 256)
            else:
                os._exit(7)
        return super().__call__(item)


def noted(log):
    """How often that file was written to."""
    path = Path(log)
    return path.stat().st_size if path.exists() else 0


def itself(item):
    return item


def slowly(item):
    time.sleep(0.5)
    return item


def asleep(seconds):
    time.sleep(seconds)
    return seconds


def very_slowly(item):
    time.sleep(60)
    return item


def a_bit_slowly(item):
    time.sleep(0.02)
    return item


def without_stdout(item):
    """A worker whose stdout is closed, the file and what Python makes of it."""
    if item % 50 == 10:
        with suppress(OSError, ValueError):
            sys.stdout.close()
            os.close(1)
    return item


def printing(item):
    print("item", item, flush=True)
    return item


def number_of(data):
    """The number at the beginning of some bytes."""
    return int(data[:8])


def long_text(item):
    """10 MB of text that begins with the number."""
    return f"{item:08d}" + "x" * (10 * MIB)


def long_text_of(data):
    """A long item in, a long element out."""
    return long_text(number_of(data))


def some_text(item):
    """10 KB of text that begins with the number."""
    return f"{item:08d}" + "x" * 10_000


def long_text_then_slowly(item):
    time.sleep(0.2)
    return long_text(item)


def long_item(number):
    """1 MiB that begins with the number."""
    return b"%08d" % number + bytes(MIB)


def at_index(table, item):
    """A function with a large argument of its own, which each worker gets."""
    return int(table[item])


def table(count, size):
    """Numbers from 0, in so many bytes."""
    return np.concatenate([np.arange(count), np.zeros(size // 8, np.int64)])


def pid_of(item):
    return os.getpid()


def rows_of(item, out):
    """Fill a large row with the number."""
    out[...] = item % 251


PAIR = (np.zeros(3, "float32"), np.zeros((), "float32"))


def pair(item):
    """An example and its label."""
    return np.full(3, item / 200, "float32"), np.float32(item)
