"""The facts of this machine, and whether it is ready for the course."""

from __future__ import annotations

import html
import os
import platform
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from course_utils.classroom.callout import Callout
from course_utils.feeding.cores import usable_cores
from course_utils.feeding.packaged import cache_folder

PROJECT = "feeding-tensorflow"
GIB = 2**30

# TensorFlow 2.21 has wheels for these, and pyproject.toml says the same.
OLDEST_PYTHON, NEWEST_PYTHON = (3, 11), (3, 13)
# A kernel with TensorFlow takes 0.6 GiB, a training step on batches of photos with its buffers
# about 1 GiB, and JupyterLab and the browser the rest.
LEAST_MEMORY = 3 * GIB
# The photos take 20 MB; their decoded copies, which some lessons write, 0.3 GB each.
LEAST_DISK = 2 * GIB

# The distributions that a package may come from, the one that the project names first.
PACKAGES = {
    "TensorFlow": ("tensorflow", "tensorflow-cpu"),
    "Keras": ("keras",),
    "NumPy": ("numpy",),
    "OpenCV": (
        "opencv-python",
        "opencv-python-headless",
        "opencv-contrib-python",
        "opencv-contrib-python-headless",
    ),
}


@dataclass(frozen=True, repr=False)
class Machine:
    """The facts; memory and disk in bytes. None: not known, or not installed."""

    python: str  # "3.11.7"
    versions: dict[str, str | None]  # package, as in PACKAGES -> version
    system: str
    cores: int  # that this process may use
    memory: int | None
    memory_available: int | None
    disk_free: int | None  # where the photos are kept
    cache: Path
    cache_writable: bool
    gpus: tuple[str, ...] | None  # None where TensorFlow isn't imported, so wasn't asked

    def rows(self) -> list[tuple[str, str]]:
        """Return what there is to show: name and value."""
        gpus = "not looked for: TensorFlow isn't imported"
        if self.gpus is not None:
            gpus = ", ".join(self.gpus) or "none (none is needed)"
        return [
            ("Python", self.python),
            *((name, version or "not installed") for name, version in self.versions.items()),
            ("System", self.system),
            ("Cores to use", str(self.cores)),
            ("Memory", _in_gib(self.memory)),
            ("Memory available", _in_gib(self.memory_available)),
            ("Free disk for photos", _in_gib(self.disk_free)),
            ("GPU", gpus),
        ]

    def verdict(self) -> Verdict:
        """Return whether the course will run here; the same text on every machine where it will."""
        return Verdict(tuple(_problems(self)))

    def __repr__(self) -> str:
        """Return a table."""
        from tabulate import tabulate

        return tabulate(self.rows(), tablefmt="plain", disable_numparse=True)

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th scope="row" style="text-align: left">{html.escape(name)}</th>'
            f'<td style="text-align: left">{html.escape(value)}</td></tr>'
            for name, value in self.rows()
        )
        return f"<table>{rows}</table>"


@dataclass(frozen=True, repr=False)
class Verdict:
    """The problems found, one sentence each with what to do; none where the machine is ready."""

    problems: tuple[str, ...] = ()

    @property
    def ready(self) -> bool:
        """Whether nothing stands in the way."""
        return not self.problems

    def callout(self) -> Callout:
        """Return it as a box for a notebook."""
        if self.ready:
            checked = (
                f"Checked: Python, {', '.join(list(PACKAGES)[:-1])} and {list(PACKAGES)[-1]}, the "
                "memory and the disk. A GPU isn't needed."
            )
            return Callout("Ready", f"This machine is ready for the course.\n{checked}", "right")
        count = len(self.problems)
        told = "one thing stands" if count == 1 else f"{count} things stand"
        listed = "\n".join(f"• {problem}" for problem in self.problems)
        return Callout("Not ready", f"{told} in the way.\n{listed}", "wrong")

    def __repr__(self) -> str:
        """Return the box's words."""
        return repr(self.callout())

    def _repr_html_(self) -> str:
        return self.callout()._repr_html_()


def machine() -> Machine:
    """Look at this machine. Imports no TensorFlow: GPUs are named where it is imported already."""
    cache = cache_folder()
    there = _nearest(cache)
    return Machine(
        python=platform.python_version(),
        versions={name: _version(names) for name, names in PACKAGES.items()},
        system=f"{platform.system()} {platform.release()}, {platform.machine()}",
        cores=usable_cores(),
        memory=_memory()[0],
        memory_available=_memory()[1],
        disk_free=_disk_free(there),
        cache=cache,
        cache_writable=os.access(there, os.W_OK),
        gpus=_gpus(),
    )


def _problems(machine: Machine) -> list[str]:
    found = []
    python = tuple(int(part) for part in machine.python.split(".")[:2])
    if not OLDEST_PYTHON <= python <= NEWEST_PYTHON:
        found.append(
            f"Python is {machine.python}; the course needs {_dotted(OLDEST_PYTHON)} to "
            f"{_dotted(NEWEST_PYTHON)}. Install one of them, then: make lab PYTHON=python3.11"
        )
    for name, distributions in PACKAGES.items():
        version, wanted = machine.versions.get(name), _requirements().get(distributions[0], "")
        if version is None:
            found.append(f"{name} isn't installed. In the course's folder: make lab")
        elif not _satisfies(version, wanted):
            found.append(
                f"{name} is {version}; the course needs {wanted}. In the course's folder: make lab"
            )
    if machine.memory_available is not None and machine.memory_available < LEAST_MEMORY:
        found.append(
            f"{_in_gib(machine.memory_available)} of memory is available; the course needs "
            f"{_in_gib(LEAST_MEMORY)}. Close other programs, and other notebooks' kernels."
        )
    elsewhere = "set the environment variable COURSE_CACHE to a folder on another disk"
    if machine.disk_free is not None and machine.disk_free < LEAST_DISK:
        found.append(
            f"{_in_gib(machine.disk_free)} of disk is free for the photos, in {machine.cache}; the "
            f"course needs {_in_gib(LEAST_DISK)}. Free some, or {elsewhere}."
        )
    if not machine.cache_writable:
        found.append(
            f"The photos can't be kept in {machine.cache}: no permission to write there. "
            f"Allow it, or {elsewhere}."
        )
    return found


def _requirements() -> dict[str, str]:
    """What the project asks of each package: name -> ">=2.21,<2.22"."""
    from packaging.requirements import Requirement

    return {
        each.name: str(each.specifier)
        for each in map(Requirement, _required())
        if each.marker is None
    }


def _required() -> list[str]:
    import tomllib
    from importlib.metadata import PackageNotFoundError, requires

    # In a checkout its own file is what counts; an installed project has only its metadata.
    stated = Path(__file__).parents[2] / "pyproject.toml"
    if stated.is_file():
        project = tomllib.loads(stated.read_text(encoding="utf-8")).get("project", {})
        if project.get("name") == PROJECT:
            return project["dependencies"]
    try:
        return requires(PROJECT) or []
    except PackageNotFoundError:
        return []


def _satisfies(version: str, wanted: str) -> bool:
    from packaging.specifiers import SpecifierSet

    return SpecifierSet(wanted).contains(version, prereleases=True)


def _version(distributions: tuple[str, ...]) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    for name in distributions:
        try:
            return version(name)
        except PackageNotFoundError:
            pass
    return None


def _memory() -> tuple[int | None, int | None]:
    """Total and available memory, of a container where it has less than the machine."""
    try:
        import psutil

        seen = psutil.virtual_memory()
    except (ImportError, OSError):
        return None, None
    limit = _container_limit()
    if limit is None or limit[0] >= seen.total:
        return seen.total, seen.available
    return limit[0], min(seen.available, limit[0] - limit[1])


def _container_limit() -> tuple[int, int] | None:
    """The memory that a container may use and what it can't give back, None without a limit.

    Of Linux's control groups, version 2 and then 1; what they hold is in the kernel's
    documentation, "cgroup-v2" and "cgroup-v1/memory".
    """
    for folder, most, used, cached in (
        ("/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
        (
            "/sys/fs/cgroup/memory",
            "memory.limit_in_bytes",
            "memory.usage_in_bytes",
            "total_inactive_file",
        ),
    ):
        try:
            limit = int(Path(folder, most).read_text(encoding="ascii"))  # "max": no limit
            usage = int(Path(folder, used).read_text(encoding="ascii"))
            lines = Path(folder, "memory.stat").read_text(encoding="ascii").splitlines()
            stats = dict(line.split() for line in lines)
            return limit, usage - int(stats.get(cached, 0))
        except (OSError, ValueError):
            continue
    return None


def _nearest(path: Path) -> Path:
    """The path, or the nearest folder above it that exists."""
    for each in (path, *path.absolute().parents):
        if each.exists():
            return each
    return Path(path.absolute().anchor)


def _disk_free(path: Path) -> int | None:
    try:
        return shutil.disk_usage(path).free
    except OSError:
        return None


def _gpus() -> tuple[str, ...] | None:
    config = getattr(sys.modules.get("tensorflow"), "config", None)
    if config is None:
        return None
    details = config.experimental.get_device_details
    return tuple(
        details(device).get("device_name", device.name)
        for device in config.list_physical_devices("GPU")
    )


def _in_gib(count: int | None) -> str:
    return "not known" if count is None else f"{count / GIB:.1f} GiB"


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
