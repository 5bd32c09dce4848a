"""Where there is no browser, CI fails, and a learner's machine says why it skips."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("ci", "status", "word"), [("true", 1, "1 error"), ("", 0, "1 skipped")])
def test_a_missing_browser_fails_in_ci_alone(ci, status, word, tmp_path):
    variables = os.environ | {"PATH": str(tmp_path), "CI": ci}
    variables |= {"PLAYWRIGHT_BROWSERS_PATH": str(tmp_path)}
    command = [sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider"]
    command += ["tests/browser/test_lesson_00.py"]
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True)
    assert done.returncode == status, done.stdout
    assert word in done.stdout
    assert "no Chromium or Chrome is on the PATH or in its usual place" in done.stdout
