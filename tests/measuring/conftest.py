import gc
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from course_utils.measuring import memory

ROOT = Path(__file__).parents[2]
# Not imported here: its functions are for processes with TensorFlow.
CHILD = Path(__file__).with_name("tensorflow_child.py").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def python():
    """Run code in a fresh Python process; return what it printed."""

    def run(code, *, limit=180, **environment):
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")}
        inherited |= {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"} | environment
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=inherited,
            capture_output=True,
            text=True,
            timeout=limit,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def tensorflow_children(python):
    """What two processes with TensorFlow found: each takes seconds to import it, so all share them.

    The first starts as every process does, the second with an environment that keeps memory.
    """
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(python, CHILD + "print(json.dumps(everything()))")
        second = pool.submit(
            python,
            CHILD + "print(json.dumps(faults_per_picture()))",
            **memory.freed_memory_environment(),
        )
        return json.loads(first.result()), json.loads(second.result())


@pytest.fixture(autouse=True, scope="module")
def _frozen():
    """Leave pytest's own objects out of garbage collections: a race collects before each epoch."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")


class Clock:
    """Seconds that pass only where a pipeline says so: a race with it is exact."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now

    def pipeline(self, seconds, elements=4, noise=()):
        """Elements of 8 items, `seconds` apart; epoch k takes `noise[k]` times as long."""
        epochs = iter(noise)

        def generate():
            factor = next(epochs, 1.0)
            for _ in range(elements):
                self.now += seconds * factor
                yield [0] * 8

        return generate


@pytest.fixture
def clock():
    return Clock()
