"""Functions for worker processes that aren't forked: these import this module by its name.

The tests put its folder on ``sys.path``, which workers get. No TensorFlow, as in any such module.
"""

import json
import os
import pickle
import signal
import time
from collections import namedtuple
from pathlib import Path

import numpy as np

from course_utils.feeding.processes import ProcessLoader

Boxes = namedtuple("Boxes", "corners count")


# Elements


def same(item):
    return item


def pair(item):
    return np.full(3, item, "float32"), item


def write_pair(item, out):
    row, label = out
    row[:] = item
    label[...] = item


def large(item):
    return np.full((64, 64), item % 251, "uint8")


def write_large(item, out):
    out[...] = item % 251


def structured(item):
    return {"a": f"é{item}", "b": (np.float32([item, 0, 0]), Boxes([1.0, 2, 3], item))}


def process(item):
    return os.getpid()


def blocked_signals():
    return [number.name for number in signal.pthread_sigmask(signal.SIG_BLOCK, [])]


def sum_of_a_loader(start_method, item):
    """Begins an epoch with workers of its own."""
    loader = ProcessLoader(same, range(item), np.zeros((), int), start_method=start_method)
    return sum(loader())


def drawn(item, rng):
    """The item's own number, and one by chance."""
    return item, rng.random()


def write_drawn(item, out, rng):
    place, number = out
    place[...], number[...] = item, rng.random()


def drawn_or_killed(folder, item, rng):
    """As `drawn`, but the first process that meets a multiple of 7 is killed there."""
    number = rng.random()
    if item % 7 == 0 and once(folder, item):
        os.kill(os.getpid(), signal.SIGKILL)
    return item, number


def once(folder, name):
    """Whether nobody has asked this before."""
    try:
        Path(folder, str(name)).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def evaluated(expression):
    """What an expression is worth here, as JSON."""
    import multiprocessing  # noqa: F401
    import random  # noqa: F401
    import sys  # noqa: F401

    return json.dumps(eval(expression))


def called(function, item):
    return function()


def slow(item):
    time.sleep(0.5)
    return item


def fill(memory, slot, number):
    """Write into shared memory that was made elsewhere."""
    for array in memory.arrays(slot):
        if array is not None:
            array[...] = number
    memory.numbers[:] = number


class Reader:
    """Called as a function, and with a method."""

    def __init__(self, more):
        self.more = more

    def __call__(self, item):
        return item + self.more

    def read(self, item):
        return item * self.more

    @classmethod
    def negative(cls, item):
        return -item

    @staticmethod
    def same(item):
        return item


# Errors


class Odd(ValueError):
    pass


class NotFound(Exception):
    """Makes its text of its argument, so that a copy made of its text says it twice."""

    def __init__(self, path):
        super().__init__(f"{path} not found")


class TwoArguments(Exception):
    """Can't be made again from its text."""

    def __init__(self, path, why):
        super().__init__(f"{path}: {why}")


class HoldsFile(Exception):
    def __init__(self, path):
        super().__init__(path)
        self.file = open(os.devnull)  # noqa: SIM115


class Silent(Exception):
    def __str__(self):
        raise RuntimeError


class BecomesText(Exception):
    """Its copy is no exception at all."""

    def __reduce__(self):
        return str, ("a text",)


class Stop(BaseException):
    """Meant to end the program, and can't be made again from its text."""

    def __init__(self, path, why):
        super().__init__(f"{path}: {why}")


class OpensHere:
    """An item that can be sent, but not received."""

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return f"OpensHere({self.name!r})"

    def __reduce__(self):
        return _open, (self.name,)


def _open(name):
    raise FileNotFoundError(f"{name} is not here")


def odd_fails(item):
    if item % 5 == 3:
        raise Odd(f"{item} is bad")
    return item


def noted(item):
    error = Odd(f"{item} is bad")
    error.add_note("a note of the function's own")
    raise error from KeyError("deeper")


def raises(make, item):
    """Raise what `make` makes: errors themselves aren't sent."""
    raise make()


def exits(item):
    if item == 5:
        os._exit(3)
    return item


def killed(item):
    if item == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def travelled(error):
    return pickle.loads(pickle.dumps(error))
