"""The environment that the course runs in: make what is missing, say what goes wrong.

The standard library alone, for this runs before anything is installed.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from course_utils.project.diagnosis import LAB, cause, meaning
from course_utils.project.lock_file import alone

LOCK = "requirements.lock"
GPU_LOCK = "requirements-gpu.lock"
STAMP = "course-lock.txt"  # in an environment that the course has made: from what
GIB = 2**30
# 3.1 and 6 GB installed, compiled bytecode included, and room to unpack. uv's cache takes no more
# where it can link its files into the environment, and as much again where it can't.
NEEDED = {LOCK: 4 * GIB, GPU_LOCK: 8 * GIB}
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


class SetupError(Exception):
    """What stopped the set-up, and the command that mends it."""


def ensure(root: Path, gpu: bool = False) -> Path:
    """Return the Python of an environment that holds the course's packages.

    An active conda or virtual environment that already has them is used as it is. Otherwise
    `.venv` is made, or brought in line with the lock and with the Python that asks; when it is in
    line already, this reads two small files, starts its Python once and returns. Of several
    processes that ask at once, one sets up and the others wait.

    Raises SetupError, whose text names the command that mends it.
    """
    if gpu and not sys.platform.startswith("linux"):
        raise SetupError(
            "TensorFlow's GPU packages exist for Linux only (on Windows: inside WSL 2).\n"
            f"Without them:  {LAB}"
        )
    if is_active_environment(root):
        return use_active_environment(root, gpu)
    try:
        if not is_in_line(root, gpu):
            with alone(root / ".venv.lock"):
                if not is_in_line(root, gpu):  # who held the lock may have done it all
                    set_up(root, gpu)
    except OSError as error:
        raise SetupError(cause(str(error))) from error
    return python_of(root / ".venv")


def python_of(environment: Path) -> Path:
    """Return the path of an environment's interpreter."""
    if os.name == "nt":
        return environment / "Scripts" / "python.exe"
    return environment / "bin" / "python"


def runs_in(environment: Path) -> bool:
    """Tell whether this process runs in that environment, whatever links lead to it."""
    return environment.is_dir() and environment.samefile(sys.prefix)


def is_active_environment(root: Path) -> bool:
    """Tell whether this Python is of another environment than `.venv` that has the packages."""
    if runs_in(root / ".venv"):
        return False
    isolated = sys.prefix != sys.base_prefix or (Path(sys.prefix) / "conda-meta").is_dir()
    return isolated and all(map(importlib.util.find_spec, ("tensorflow", "jupyterlab", "nbval")))


def use_active_environment(root: Path, gpu: bool) -> Path:
    """Return this very Python, with the course's own package installed beside the others."""
    report_differences(root)
    if gpu:
        say(
            "The active environment is used as it is. For the GPU packages:  "
            f"python -m pip install -r {GPU_LOCK}"
        )
    # Where another copy of the course has made this environment, that copy sets it up again.
    (Path(sys.prefix) / STAMP).unlink(missing_ok=True)
    install_package(root, Path(sys.executable), pip_install(sys.executable))
    return Path(sys.executable)


def report_differences(root: Path) -> None:
    """Say where the active environment differs from the lock: outputs may then differ too.

    Raises SetupError where a package that the course itself imports is not installed.
    """
    needed, helpful = direct_dependencies(root)
    if missing := [name for name in needed if not installed_version(name)]:
        raise SetupError(
            f"The active environment ({sys.prefix}) lacks {', '.join(missing)}.\n"
            f"To install what the course needs:  python -m pip install -r {LOCK}\n"
            f"Or leave that environment, and the course makes one of its own; then:  {LAB}"
        )
    differing = [f"{name} is missing" for name in helpful if not installed_version(name)] + [
        f"{name} {found} (the lock has {' or '.join(sorted(versions))})"
        for name, versions in pins((root / LOCK).read_text(encoding="utf-8")).items()
        if (found := installed_version(name)) and found not in versions
    ]
    if differing:
        say(
            f"This environment differs from {LOCK}: {', '.join(differing[:4])}"
            + (f" and {len(differing) - 4} more" if len(differing) > 4 else "")
            + f".\nTo bring it in line:  python -m pip install -r {LOCK}"
        )


def direct_dependencies(root: Path) -> tuple[list[str], list[str]]:
    """Return pyproject.toml's packages: those of the course, and those to test and develop it."""
    import tomllib  # not at the top: an environment in line is ready without it

    stated = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    project = stated["project"]
    extras = project["optional-dependencies"]
    needed = project["dependencies"] + stated["build-system"]["requires"]
    return names_in(needed), names_in(extras["test"] + extras["dev"])


def names_in(requirements: list[str]) -> list[str]:
    """Return the package names of requirements such as "numpy>=2"."""
    return [re.match(r"[A-Za-z0-9._-]+", requirement).group() for requirement in requirements]


def pins(lock: str) -> dict[str, set[str]]:
    """Return each package of a lock's text with its versions (one for each range of Pythons)."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", lock, flags=re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return found


def installed_version(name: str) -> str | None:
    """Return the version of an installed package, None where it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def lock_for(root: Path, gpu: bool) -> Path:
    """Return the lock that `.venv` follows: once set up for a GPU, it stays so until `clean`."""
    return root / (GPU_LOCK if gpu or stamp_of(root).startswith(GPU_LOCK) else LOCK)


def stamp_of(root: Path) -> str:
    """Return what `.venv` was set up from, an empty text where no set-up has ended."""
    stamp = root / ".venv" / STAMP
    return stamp.read_text(encoding="utf-8") if stamp.is_file() else ""


def wanted_stamp(root: Path, lock: Path) -> str:
    """Return the stamp of an environment in line: the lock, its bytes, the Python, the folder."""
    return f"{lock.name} {hashlib.sha256(lock.read_bytes()).hexdigest()} {VERSION} {root}\n"


def is_in_line(root: Path, gpu: bool) -> bool:
    """Tell whether `.venv` holds what its lock names, for this Python, and starts."""
    environment = root / ".venv"
    if stamp_of(root) != wanted_stamp(root, lock_for(root, gpu)):
        return False
    return runs_in(environment) or version_of(python_of(environment)) == VERSION


def set_up(root: Path, gpu: bool) -> None:
    """Make `.venv`, or bring it in line with its lock and with this Python."""
    environment = root / ".venv"
    python = python_of(environment)
    lock = lock_for(root, gpu)
    found = version_of(python)
    if found not in (None, VERSION):
        say(f"{environment.name}/ has Python {found}, and this is {VERSION}: it is made anew.")
    size = "6 GB" if lock.name == GPU_LOCK else "3 GB"
    say(f"Setting up {environment.name}/ from {lock.name}: about {size}, once.")
    check_disk(environment, lock.name)
    stamp = environment / STAMP
    stamp.unlink(missing_ok=True)  # half an environment must not pass for a whole one
    uv = make_environment(environment, lock)
    install_lock(uv, python, lock)
    say("Installing the course's own package ...")
    install_package(root, python, [*uv, "pip", "install", "--quiet", "--python", str(python)])
    stamp.write_text(wanted_stamp(root, lock), encoding="utf-8")
    say("The environment is ready.")


def check_disk(environment: Path, lock: str) -> None:
    """Raise SetupError where the disk has too little room for what is still to be installed."""
    folder = environment.parent
    free = shutil.disk_usage(folder).free
    needed = NEEDED[lock]
    if free < needed:  # counting what is there takes a moment, so only now
        needed -= size_of(environment)
    if free < needed:
        raise SetupError(
            f"The disk is too full: the environment needs {needed / GIB:.0f} GiB"
            f"{' more' if needed < NEEDED[lock] else ''}, and {free / GIB:.1f} GiB are free where "
            "the course lies.\nFree some room (python -m pip cache purge often helps), or move the "
            f"course's folder to another disk, then:  {LAB}"
        )


def size_of(folder: Path) -> int:
    """Return the bytes of all files in a folder; 0 where there is none."""
    return sum(
        os.lstat(os.path.join(parent, name)).st_size
        for parent, _, names in os.walk(folder)
        for name in names
    )


def make_environment(environment: Path, lock: Path) -> list[str]:
    """Make a virtual environment with uv in it; return uv's command."""
    python = python_of(environment)
    if not works(python):
        say(f"Making a virtual environment with Python {sys.version.split()[0]} ...")
        run([sys.executable, "-m", "venv", "--clear", str(environment)])
    uv = [str(python), "-m", "uv"]
    if call([*uv, "--version"]).returncode:
        say("Installing uv, which installs the rest ...")
        with tempfile.TemporaryDirectory() as folder:
            only = Path(folder) / "uv.lock.txt"
            only.write_text(block_of("uv", lock.read_text(encoding="utf-8")), encoding="utf-8")
            run([*pip_install(python), "--no-deps", "--require-hashes", "-r", str(only)])
    return uv


def works(python: Path) -> bool:
    """Tell whether an environment's Python is of this version and has pip."""
    return version_of(python) == VERSION and not call([str(python), "-c", "import pip"]).returncode


def version_of(python: Path) -> str | None:
    """Start an interpreter and return its version such as "3.11"; None where it doesn't start."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = call([str(python), "-I", "-S", "-c", code])
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def block_of(name: str, lock: str) -> str:
    """Return the lines of one package, hashes included, from a lock's text."""
    found = re.search(rf"^{name}==.*\n(?:[ \t]+.*\n?)*", lock, flags=re.MULTILINE)
    if not found:
        raise SetupError(f"The lock names no {name}. To have it back:  git checkout {LOCK}")
    return found.group()


def install_lock(uv: list[str], python: Path, lock: Path) -> None:
    """Bring an environment exactly to a lock, with uv, or with pip where uv finds no index."""
    say("Installing the packages ...")
    # Compiled now, in parallel: otherwise the first import of TensorFlow compiles it, and every
    # import does where PYTHONDONTWRITEBYTECODE is set.
    arguments = ["--compile-bytecode", "--python", str(python), "--require-hashes", str(lock)]
    # First with uv's own progress, where a terminal shows it. A second try, caught, mends a passing
    # fault or tells what is wrong.
    if call([*uv, "pip", "sync", *arguments], capture_output=not sys.stderr.isatty()).returncode:
        again = call([*uv, "pip", "sync", *arguments])
        output = again.stdout + again.stderr
        if again.returncode and not meaning(output).try_pip:
            raise SetupError(cause(output))
        if again.returncode:
            say("uv gets no packages; trying pip, which may be set up for another index ...")
            run([*pip_install(python), "--require-hashes", "-r", str(lock)], output)


def pip_install(python: Path | str) -> list[str]:
    """Return the command of `pip install`; it asks nothing, for nobody would see the question."""
    options = ["--quiet", "--no-input", "--disable-pip-version-check"]
    return [str(python), "-m", "pip", "install", *options]


def install_package(root: Path, python: Path, command: list[str]) -> None:
    """Install the course's own package in place, unless this very folder is installed already."""
    code = "import course_utils; print(course_utils.__file__)"
    with tempfile.TemporaryDirectory() as elsewhere:  # not from the current folder
        asked = [str(python), "-c", code]
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        found = call(asked, cwd=elsewhere, env=environment)
    if found.returncode == 0 and Path(found.stdout.strip()).parent.parent.samefile(root):
        return
    run([*command, "--no-deps", "--no-build-isolation", "-e", str(root)])


def run(command: list[str], before: str = "") -> None:
    """Run a step of the set-up; raise SetupError with what its output means when it fails.

    `before` is what a first try said: it counts too.
    """
    done = call(command)
    if done.returncode:
        raise SetupError(cause(before + done.stdout + done.stderr))


def call(command: list[str], capture_output: bool = True, **options) -> subprocess.CompletedProcess:
    """Run a command that inherits the lock file: while it runs, nobody else sets up."""
    return subprocess.run(
        command, capture_output=capture_output, text=True, close_fds=False, **options
    )


def say(sentence: str) -> None:
    """Tell the user what happens meanwhile."""
    print(sentence, flush=True)
