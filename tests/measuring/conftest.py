import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


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
