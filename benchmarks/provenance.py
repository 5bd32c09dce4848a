"""Where and with what a race was run."""

from __future__ import annotations

import importlib.metadata
import platform
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from course_utils.feeding.cores import usable_cores
from course_utils.measuring.memory import freed_memory_environment

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
    """Device, versions, date, command; and how busy the machine was before the first run."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "command": shlex.join(["python", "-m", "benchmarks", *arguments]),
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
        "in every run. "
        f"Made by `{record['command']}`."
    )


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
