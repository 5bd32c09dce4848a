"""The commands behind the Makefile: what they do, and what they say when they can't."""

import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import nbformat
import pytest

from course_utils.project import commands, environment

ROOT = Path(__file__).parents[2]


def course(*arguments, folder=ROOT):
    return subprocess.run(
        [sys.executable, "-m", "course_utils", *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )


def make(*words):
    # `make test` hands its own flags and options on to what it runs; they must not count here.
    variables = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "SYSTEMROOT")}
    return subprocess.run(["make", *words], cwd=ROOT, env=variables, capture_output=True, text=True)


def test_reset_keeps_the_old_version_aside(tmp_path):
    workspace = tmp_path / "my notebooks"
    fresh = course("reset", "00", "--workspace", workspace)
    assert fresh.returncode == 0, fresh.stderr
    copy = workspace / "00_start_here.ipynb"
    edited = nbformat.read(copy, as_version=4)
    assert not any(cell.get("outputs") for cell in edited.cells)
    edited.cells[1].source = "my own words"
    nbformat.write(edited, copy)
    again = course("reset", "0", "--workspace", workspace)
    assert again.returncode == 0, again.stderr
    assert "my own words" not in copy.read_text(encoding="utf-8")
    (kept,) = (workspace / "kept").glob("*.ipynb")
    assert "my own words" in kept.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "arguments",
    [
        ["reset", "77"],
        ["lab", "--no-browser", "--lesson", "77"],
        ["test", "--lesson", "77"],
        ["soak", "--lesson", "77"],
        ["execute", "--lesson", "77"],
    ],
)
def test_an_unknown_lesson_is_answered_with_those_there_are(arguments):
    done = course(*arguments)
    assert done.returncode == 1
    assert "77" in done.stderr
    assert "00_start_here" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_workspace_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    done = course("lab", "--no-browser", "--workspace", tmp_path / "file" / "copy")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "copy" in done.stderr


def test_clean_removes_what_can_be_made_again_and_nothing_else(tmp_path):
    for name in (".venv/bin", "build", "my_notebooks/.course", "tests/__pycache__", "notebooks"):
        (tmp_path / name).mkdir(parents=True)
    assert commands.clean(tmp_path) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "my_notebooks",
        "notebooks",
        "tests",
    ]
    assert (tmp_path / "my_notebooks" / ".course").is_dir()
    assert not (tmp_path / "tests" / "__pycache__").exists()


def test_every_make_target_is_a_command():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.search(r"\.PHONY: (.*)", makefile).group(1).split()) - {"help", "python"}
    listed = course("--help").stdout
    assert {
        target for target in targets if not re.search(rf"^    {target} ", listed, re.M)
    } == set()


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_make_passes_its_options_on():
    def said(*words):
        return " ".join(make("-n", "PYTHON=python3", *words).stdout.split())

    one = said("test", "LESSON=01", "JUNIT=out.xml")
    assert one.endswith("python3 -m course_utils test --lesson 01 --junit out.xml")
    one = said("lab", "GPU=1", "LESSON=03", "PORT=8899")
    assert one.endswith("python3 -m course_utils lab --gpu --lesson 03 --port 8899")
    assert said("soak", "LESSON=01").endswith("python3 -m course_utils soak --lesson 01")
    assert said("test", "ARGS=-k pictures").endswith("course_utils test -- -k pictures")


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["lab", "PYTHON=python9.9"], "No python9.9 is on the PATH"),
        (["reset"], "Which lesson?"),
    ],
)
def test_make_says_what_is_missing(words, sentence):
    done = make(*words)
    assert done.returncode != 0
    assert sentence in done.stdout


def test_an_environment_in_line_with_the_lock_is_used_at_once(tmp_path):
    lock = tmp_path / environment.LOCK
    lock.write_text("six==1.17.0\n", encoding="utf-8")
    # It has no pip: had anything been installed into it, the set-up would have failed.
    venv.create(tmp_path / ".venv", symlinks=os.name != "nt", with_pip=False)
    python = environment.python_of(tmp_path / ".venv")
    stamp = tmp_path / ".venv" / "course-lock.txt"
    stamp.write_text(environment.wanted_stamp(tmp_path, lock), encoding="utf-8")
    code = (
        "from pathlib import Path; from course_utils.project import environment; "
        f"print(environment.ensure(Path({str(tmp_path)!r})))"
    )
    base = getattr(sys, "_base_executable", sys.executable)  # not an environment with the packages
    for asking in (base, python):
        done = subprocess.run([asking, "-c", code], cwd=ROOT, capture_output=True, text=True)
        assert done.stdout == f"{python}\n", done.stderr
    assert not (tmp_path / ".venv.lock").exists()
    lock.write_text("six==1.16.0\n", encoding="utf-8")
    assert not environment.is_in_line(tmp_path, gpu=False)
