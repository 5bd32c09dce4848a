"""Who may import whom, and what an import costs."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
QUICK = ["course_utils", "course_utils.classroom", "course_utils.feeding.pictures"]
QUICK += ["course_utils.measuring.race", "course_utils.measuring.memory"]
# NumPy and OpenCV alone take these to 0.2 s and more; TensorFlow would take them to 3 s.
WITHOUT_TENSORFLOW = ["course_utils.feeding.readers", "course_utils.feeding.pipelines"]
WITHOUT_TENSORFLOW += ["course_utils.feeding.threads", "course_utils.measuring.timeline"]
WITHOUT_TENSORFLOW += ["course_utils.measuring.simulate"]


def test_no_wing_imports_what_it_must_not():
    code = "from importlinter.cli import lint_imports_command as lint; lint(['--no-cache'])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout
    assert "3 kept" in done.stdout


def imported(module):
    """Import a module in a fresh process; return the CPU seconds and the heavy modules loaded."""
    code = (
        "import sys, time; start = time.process_time(); "
        f"import {module}; spent = time.process_time() - start; "
        "print(spent, *sorted({'tensorflow', 'keras', 'matplotlib'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    seconds, *loaded = done.stdout.split()
    return float(seconds), loaded


@pytest.mark.parametrize("module", QUICK + WITHOUT_TENSORFLOW)
def test_import_leaves_tensorflow_out(module):
    assert imported(module)[1] == []


@pytest.mark.parametrize("module", QUICK)
def test_import_is_quick(module):
    # CPU time, the least of three fresh processes: what else runs on the machine doesn't count.
    assert min(imported(module)[0] for _ in range(3)) < 0.3
