"""Who may import whom, and what an import costs."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LIGHT = [
    "course_utils",
    "course_utils.classroom",
    "course_utils.feeding.readers",
    "course_utils.feeding.pictures",
    "course_utils.feeding.pipelines",
    "course_utils.measuring.timing",
    "course_utils.measuring.memory",
]


def test_no_wing_imports_what_it_must_not():
    code = "from importlinter.cli import lint_imports_command as lint; lint(['--no-cache'])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout
    assert "3 kept" in done.stdout


@pytest.mark.parametrize("module", LIGHT)
def test_import_is_quick_and_leaves_tensorflow_out(module):
    # CPU time, the least of five fresh processes: what else runs on the machine doesn't count.
    code = (
        "import sys, time; start = time.process_time(); "
        f"import {module}; spent = time.process_time() - start; "
        "print(spent, *sorted({'tensorflow', 'keras', 'matplotlib'} & set(sys.modules)))"
    )
    spent = []
    for _ in range(5):
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        seconds, *loaded = done.stdout.split()
        assert loaded == []
        spent.append(float(seconds))
    assert min(spent) < 0.3


def test_every_module_is_found_where_the_contracts_look():
    modules = {path.stem for path in (ROOT / "course_utils").glob("*/*.py")}
    assert {"readers", "timing", "exercise", "environment"} <= modules
    assert importlib.util.find_spec("course_utils.feeding.readers") is not None
