"""Where and with what a race was run."""

from __future__ import annotations

import importlib.metadata
import platform
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from course_utils.feeding.cores import usable_cores
from course_utils.measuring.memory import freed_memory_environment

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = (
    "tensorflow",
    "keras",
    "numpy",
    "opencv-python",
    "grain",
    "spdl",
    "torch",
    "psutil",
)


def provenance(arguments: list[str]) -> dict[str, Any]:
    """Device, versions, date, commit, command; how busy the machine was before the first run."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "command": shlex.join(["python", "-m", "benchmarks", *arguments]),
        "commit": commit(ROOT),
        "device": {
            "processor": _processor(),
            "cores": usable_cores(),
            "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
            "system": f"{platform.system()} {platform.release()}",
            "c_library": " ".join(platform.libc_ver()),
            "load_before": round(psutil.getloadavg()[0], 2),
        },
        "versions": {"python": platform.python_version(), **_versions()},
        "allocator": freed_memory_environment(),
    }


def in_words(record: dict[str, Any]) -> str:
    """The same in a paragraph."""
    device = record["device"]
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    return (
        f"{device['processor']}, {device['cores']} cores, {device['memory_gib']} GiB, "
        f"{device['system']}, {device['c_library']}; load before the first run "
        f"{device['load_before']}. {record['date']}. {versions}. Freed memory is kept "
        f"in every run. Commit {record['commit'] or 'unknown'}. Made by `{record['command']}`."
    )


def commit(folder: Path) -> str | None:
    """The commit of a checkout, with "dirty" where files differ from it; None without git.

    A race's own record doesn't count: it is written after the race.
    """
    try:
        name = _git(folder, "rev-parse", "HEAD")
        changed = _git(folder, "status", "--porcelain", "--", ".", ":!benchmarks/results")
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{name} dirty" if changed else name


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
