"""The command line of `python -m course_utils`; the Makefile calls nothing else."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from course_utils.project import environment

ROOT = Path(__file__).resolve().parents[2]
RACE_LOCK = "benchmarks/requirements.lock"


def run(arguments: list[str]) -> int:
    """Run one command; return its exit status. Failures a user can mend end in a sentence."""
    known, beyond = split(arguments)
    options = parser().parse_args(known)
    try:
        if options.command == "clean":
            return clean(ROOT)
        python = environment.ensure(ROOT, gpu=options.gpu)
        if options.command == "setup":
            return 0
        if python != Path(sys.executable) and not environment.runs_in(python.parents[1]):
            return hand_over(python, arguments)
        return options.act(options, beyond) or 0
    except environment.SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Separate what stands after `--`, which is passed on to JupyterLab or pytest."""
    if "--" not in arguments:
        return arguments, []
    at = arguments.index("--")
    return arguments[:at], arguments[at + 1 :]


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    top = argparse.ArgumentParser(prog="python -m course_utils", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, act, help: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=help, description=help)
        sub.set_defaults(act=act)
        sub.add_argument(
            "--gpu", action="store_true", help=f"set up with {environment.GPU_LOCK} (Linux)"
        )
        return sub

    lab = command("lab", open_lab, "open your copy of the course in JupyterLab")
    lab.add_argument("--lesson", help="open this lesson, such as 03 (default: the first)")
    lab.add_argument("--port", type=int, help="listen on this port (default: a free one)")
    lab.add_argument("--no-browser", action="store_true", help="print the address, open nothing")
    lab.add_argument("--workspace", type=Path, help="keep the copy here, not in my_notebooks/")

    reset = command("reset", reset_lesson, "restore one lesson; your version is kept aside")
    reset.add_argument("lesson", help="the lesson, such as 01")
    reset.add_argument("--workspace", type=Path, help="where the copy is, if not in my_notebooks/")

    for name, help in (
        ("test", "run every test: modules, notebooks with outputs compared, browser"),
        ("soak", "run the long checks: notebooks again and again, on a busy machine too"),
    ):
        test = command(name, run_tests, help)
        test.add_argument("--lesson", help="only this lesson, such as 01")
        test.add_argument("--junit", type=Path, help="write the results to this file as JUnit XML")

    execute = command("execute", execute_notebooks, "execute the lessons and store their outputs")
    execute.add_argument("--lesson", help="only this lesson, such as 01")

    command("lint", lint, "check the style of modules and notebooks, and who imports whom")
    command("format", reformat, "format modules and notebooks, and mend what can be mended")
    command("lock", lock, "make all locks anew")
    command("setup", None, "set up the environment, and nothing else")
    command(
        "clean", None, "remove the environment and the caches in this folder; never your notebooks"
    )
    return top


def hand_over(python: Path, arguments: list[str]) -> int:
    """Run the same command in the course's environment."""
    command = [str(python), "-m", "course_utils", *arguments]
    if os.name == "nt":  # exec there returns to the prompt at once
        return subprocess.call(command)
    sys.stdout.flush()
    os.execv(command[0], command)


def stem(lesson: str) -> str:
    """Return the file stem of the lesson that a user named "1" or "01"."""
    from course_utils.classroom import manifest

    with told():
        return manifest.load(ROOT).find(lesson).notebook


@contextmanager
def told() -> Iterator[None]:
    """Turn what a user can mend (an unknown lesson, an unwritable folder) into its sentence."""
    try:
        yield
    except (ValueError, OSError) as error:
        raise environment.SetupError(str(error)) from error


def open_lab(options: argparse.Namespace, beyond: list[str]) -> None:
    """Open JupyterLab on the learner's copy."""
    from course_utils.project import lab

    folder = options.workspace or ROOT / "my_notebooks"
    with told():
        prepared = lab.prepare(
            ROOT, folder, options.lesson, options.port, options.no_browser, beyond
        )
    lab.serve(prepared)


def reset_lesson(options: argparse.Namespace, beyond: list[str]) -> None:
    """Restore one lesson of the learner's copy."""
    from course_utils.classroom import workspace

    with told():
        print(workspace.reset(ROOT, options.lesson, options.workspace or ROOT / "my_notebooks"))


def run_tests(options: argparse.Namespace, beyond: list[str]) -> int:
    """Run pytest as CI does; what stands after `--` goes to pytest."""
    command = [sys.executable, "-m", "pytest"]
    if options.command == "soak":
        command += ["--soak"]  # one after the other: it times, and makes noise of its own
    else:
        # Two files at a time; the tests of one stay together, as the cells of a notebook must.
        # In the order of `testpaths`: what takes long must not be what is left for the end.
        command += ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
    command += beyond  # after the above, so that `-n 0` has the last word
    if options.lesson:
        command += ["--lesson", stem(options.lesson)]
    if options.junit:
        command += [f"--junit-xml={options.junit.resolve()}"]
    return subprocess.call(command, cwd=ROOT)


def execute_notebooks(options: argparse.Namespace, beyond: list[str]) -> None:
    """Execute the lessons in place, and what is made from the manifest with them."""
    from course_utils.project import notebooks, readme

    for path in notebooks.lessons(ROOT, options.lesson and stem(options.lesson)):
        environment.say(f"Executing {path.name} ...")
        try:
            notebooks.execute(path)
        except notebooks.CellExecutionError as error:
            raise environment.SetupError(
                f"A cell of {path.name} failed, and the file was left as it was:\n\n{error}\n"
                "Mend the cell, then:  make execute"
            ) from None
    readme.refresh(ROOT)


def lint(options: argparse.Namespace, beyond: list[str]) -> int:
    """Check the style of modules and notebooks, and which part imports which."""
    python = [sys.executable, "-m"]
    imports = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command as lint; lint()",
    ]
    failed = [
        mend
        for command, mend in (
            ([*python, "ruff", "check", "."], "make format"),
            ([*python, "ruff", "format", "--check", "."], "make format"),
            (imports, "move what is shared to the part below"),
        )
        if subprocess.call(command, cwd=ROOT)
    ]
    for mend in dict.fromkeys(failed):
        print(f"\nTo mend it:  {mend}", file=sys.stderr)
    return 1 if failed else 0


def reformat(options: argparse.Namespace, beyond: list[str]) -> int:
    """Format modules and notebooks, and mend what ruff can mend."""
    ruff = [sys.executable, "-m", "ruff"]
    mended = subprocess.call([*ruff, "check", "--fix", "."], cwd=ROOT)
    return subprocess.call([*ruff, "format", "."], cwd=ROOT) or mended


def lock(options: argparse.Namespace, beyond: list[str]) -> None:
    """Make all locks anew; versions already there stay unless `-- --upgrade` is given."""
    course = ["pyproject.toml", "--extra", "test", "--extra", "dev"]
    made_from = {
        environment.LOCK: course,
        environment.GPU_LOCK: [*course, "--extra", "gpu"],
        # The versions of the course where both need a package.
        RACE_LOCK: ["benchmarks/requirements.in", "--constraints", environment.LOCK],
    }
    for name, sources in made_from.items():
        command = [sys.executable, "-m", "uv", "pip", "compile", *sources, "--quiet", *beyond]
        # No URL and no host in it; one file for every system and Python.
        command += ["--generate-hashes", "--no-emit-index-url", "--no-header", "--universal"]
        command += ["--python-version", "3.11", "--output-file", name]
        environment.say(f"Making {name} ...")
        environment.run(command)


def clean(root: Path) -> int:
    """Remove what can be made again."""
    caches = [".venv", "benchmarks/.venv", "build", ".pytest_cache", ".ruff_cache", ".hypothesis"]
    caches += [".import_linter_cache", "feeding_tensorflow.egg-info"]
    caches += ["__pycache__", "notebooks/.ipynb_checkpoints"]
    found = [root / name for name in caches] + [
        p for folder in ("course_utils", "tests") for p in (root / folder).rglob("__pycache__")
    ]
    for path in found:
        shutil.rmtree(path, ignore_errors=True)
    left = [str(path.relative_to(root)) for path in found if path.exists()]
    if left:
        raise environment.SetupError(
            f"Not removed: {', '.join(left)}. Is something of it in use? Leave the environment "
            "(`deactivate`), stop JupyterLab, then:  make clean"
        )
    return 0
