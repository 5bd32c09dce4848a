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

LOCK = "requirements.lock"
GPU_LOCK = "requirements-gpu.lock"
GIB = 2**30
NEEDED = {LOCK: 4 * GIB, GPU_LOCK: 8 * GIB}  # 2.9 and 6 GiB installed, and room to unpack


class SetupError(Exception):
    """What stopped the set-up, and the command that mends it."""


def ensure(root: Path, gpu: bool = False) -> Path:
    """Return the Python of an environment that holds the course's packages.

    An active conda or virtual environment that already has them is used as it is. Otherwise
    `.venv` is made, or brought in line with the lock; when it is in line already, this reads two
    small files and returns.

    Raises SetupError, whose text names the command that mends it.
    """
    if gpu and not sys.platform.startswith("linux"):
        raise SetupError(
            "TensorFlow's GPU packages exist for Linux only (on Windows: inside WSL 2).\n"
            "Without them:  make lab"
        )
    if is_active_environment(root):
        python = Path(sys.executable)
        report_differences(root)
        install_package(root, python, [sys.executable, "-m", "pip", "install", "--quiet"])
        return python

    environment = root / ".venv"
    python = python_of(environment)
    stamp = environment / "course-lock.txt"
    installed = stamp.read_text(encoding="utf-8") if stamp.is_file() else ""
    # Once set up for a GPU, an environment stays so until `make clean`.
    lock = root / (GPU_LOCK if gpu or installed.startswith(GPU_LOCK) else LOCK)
    wanted = f"{lock.name} {hashlib.sha256(lock.read_bytes()).hexdigest()} {root}\n"
    if installed == wanted and python.exists():
        return python

    say(f"Setting up {environment.name}/ from {lock.name}: about 3 GB, once.")
    if not installed:
        check_disk(root, lock.name)
    stamp.unlink(missing_ok=True)  # half an environment must not pass for a whole one
    uv = make_environment(environment, lock)
    install_lock(uv, python, lock)
    say("Installing the course's own package ...")
    install_package(root, python, [*uv, "pip", "install", "--quiet", "--python", str(python)])
    stamp.write_text(wanted, encoding="utf-8")
    say("The environment is ready.")
    return python


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


def report_differences(root: Path) -> None:
    """Say where the active environment differs from the lock: outputs may then differ too."""
    differing = [
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


def check_disk(root: Path, lock: str) -> None:
    """Raise SetupError where the disk has too little room for a new environment."""
    free = shutil.disk_usage(root).free
    if free < NEEDED[lock]:
        raise SetupError(
            f"The disk is too full: the environment needs {NEEDED[lock] / GIB:.0f} GiB, and "
            f"{free / GIB:.1f} GiB are free where the course lies.\n"
            "Free some room (`pip cache purge` often helps), or move the course's folder to "
            "another disk, then:  make lab"
        )


def make_environment(environment: Path, lock: Path) -> list[str]:
    """Make a virtual environment with uv in it; return uv's command."""
    python = python_of(environment)
    if not works(python):
        say(f"Making a virtual environment with Python {sys.version.split()[0]} ...")
        command = [sys.executable, "-m", "venv", "--clear", str(environment)]
        made = subprocess.run(command, capture_output=True, text=True)
        if made.returncode:
            raise SetupError(cause(made.stdout + made.stderr))
    uv = [str(python), "-m", "uv"]
    if subprocess.run([*uv, "--version"], capture_output=True).returncode:
        say("Installing uv, which installs the rest ...")
        with tempfile.TemporaryDirectory() as folder:
            alone = Path(folder) / "uv.lock.txt"
            alone.write_text(block_of("uv", lock.read_text(encoding="utf-8")), encoding="utf-8")
            pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            run([*pip, "--no-deps", "--require-hashes", "-r", str(alone)])
    return uv


def works(python: Path) -> bool:
    """Tell whether an environment's Python starts, has pip and is of this version."""
    code = f"import pip, sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]!r})"
    try:
        return subprocess.run([str(python), "-c", code], capture_output=True).returncode == 0
    except OSError:
        return False


def block_of(name: str, lock: str) -> str:
    """Return the lines of one package, hashes included, from a lock's text."""
    found = re.search(rf"^{name}==.*\n(?:[ \t]+.*\n?)*", lock, flags=re.MULTILINE)
    if not found:
        raise SetupError(f"{LOCK} names no {name}. Make it again:  make lock")
    return found.group()


def install_lock(uv: list[str], python: Path, lock: Path) -> None:
    """Bring an environment exactly to a lock, with uv, or with pip where uv finds no index."""
    say("Installing the packages ...")
    # Compiled now, in parallel: otherwise the first import of TensorFlow compiles it, and every
    # import does where PYTHONDONTWRITEBYTECODE is set.
    arguments = ["--compile-bytecode", "--python", str(python), "--require-hashes", str(lock)]
    # First with uv's own progress, where a terminal shows it. A second try, caught, mends a passing
    # fault or tells what is wrong.
    quiet = [] if sys.stderr.isatty() else ["--quiet"]
    first = subprocess.run([*uv, "pip", "sync", *quiet, *arguments], capture_output=bool(quiet))
    if first.returncode == 0:
        return
    again = subprocess.run([*uv, "pip", "sync", *arguments], capture_output=True, text=True)
    if again.returncode == 0:
        return
    output = again.stdout + again.stderr
    if not is_network_trouble(output):
        raise SetupError(cause(output))
    say("uv reaches no package index; trying pip, which may be set up for another one ...")
    pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check"]
    run([*pip, "--require-hashes", "-r", str(lock)])


def install_package(root: Path, python: Path, command: list[str]) -> None:
    """Install the course's own package in place, unless this very folder is installed already."""
    code = "import course_utils; print(course_utils.__file__)"
    with tempfile.TemporaryDirectory() as elsewhere:  # not from the current folder
        asked = [str(python), "-c", code]
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        found = subprocess.run(
            asked, cwd=elsewhere, env=environment, capture_output=True, text=True
        )
    if found.returncode == 0 and Path(found.stdout.strip()).parent.parent.samefile(root):
        return
    run([*command, "--no-deps", "--no-build-isolation", "-e", str(root)])


def run(command: list[str]) -> None:
    """Run a step of the set-up; raise SetupError with what its output means when it fails."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SetupError(cause(done.stdout + done.stderr))


NETWORK = (
    r"dns error|error sending request|failed to fetch|connection refused|could not connect"
    r"|temporary failure in name resolution|NewConnectionError|ProxyError|network is unreachable"
    r"|from versions: none|timed out|connection (?:was )?(?:reset|broken|aborted)|tunnel error"
)


def is_network_trouble(output: str) -> bool:
    """Tell whether an installer's output speaks of a network that can't be reached."""
    return re.search(NETWORK, output, flags=re.IGNORECASE) is not None


def cause(output: str) -> str:
    """Turn an installer's output into a sentence and the command that mends it."""
    last = "\n".join(output.strip().splitlines()[-8:])
    if re.search(r"no space left|os error 28|disk quota|not enough space", output, re.IGNORECASE):
        return (
            "The disk is full: the environment takes about 3 GB, and as much again where uv keeps "
            "its cache.\nFree some room (`uv cache clean`, `pip cache purge`), or point "
            "UV_CACHE_DIR to another disk, then:  make lab"
        )
    if "ensurepip" in output:
        return (
            "This Python can't make virtual environments: its `venv` module has no pip in it.\n"
            "On Debian and Ubuntu:  sudo apt install python3-venv\nthen:  make lab"
        )
    if re.search(r"hash.{0,20}mismatch|do not match the hashes", output, re.IGNORECASE):
        return (
            "A package arrived with other bytes than the lock names, so nothing was installed:\n"
            f"{last}\nClear the cache and try again:  uv cache clean && make lab"
        )
    if is_network_trouble(output):
        return (
            "No package index can be reached. Is there a network? Behind a proxy, set HTTPS_PROXY; "
            "with a mirror, set PIP_INDEX_URL and UV_INDEX_URL;\nthen:  make lab\n"
            f"The installer's last words:\n{last}"
        )
    if re.search(r"permission denied|os error 13|read-only file system", output, re.IGNORECASE):
        return (
            "The course's folder can't be written to. Move it to a folder of yours, "
            f"then:  make lab\nThe installer's last words:\n{last}"
        )
    return (
        f"The set-up stopped:\n{last}\n"
        "What is there can be thrown away and made anew:  make clean && make lab"
    )


def say(sentence: str) -> None:
    """Tell the user what happens meanwhile."""
    print(sentence, flush=True)
