"""JupyterLab on the learner's copy of the course: on this machine alone, behind a token."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from pathlib import Path

from course_utils.classroom import manifest, workspace
from course_utils.project.environment import SetupError, say

SETTINGS = Path(__file__).with_name("lab_settings")


def start(
    root: Path,
    folder: Path,
    lesson: str | None = None,
    port: int | None = None,
    no_browser: bool = False,
    beyond: list[str] | None = None,
) -> int:
    """Bring the learner's copy in `folder` up to date and open JupyterLab on it.

    Opens the first lesson, or `lesson` ("03"). Without a `port` JupyterLab takes the first free
    one from 8888 on. `beyond` holds JupyterLab's own options. Returns its exit status.
    """
    course = manifest.load(root)
    opened = course.find(lesson) if lesson else course.lessons[0]
    if port:
        check_port(port)
    say(str(workspace.update(root, [each.notebook for each in course.lessons], folder)))
    say(
        f"Opening JupyterLab on lesson {opened.number}. If no page appears, copy the address below "
        "into a browser.\nTo stop JupyterLab, press Ctrl+C here, twice."
    )
    command = server_command(folder.resolve(), opened.notebook, port, no_browser, beyond or [])
    sys.stdout.flush()
    if os.name == "nt":  # exec there returns to the prompt at once
        return subprocess.call(command)
    os.execv(command[0], command)


def server_command(
    folder: Path, notebook: str, port: int | None, no_browser: bool, beyond: list[str]
) -> list[str]:
    """Return JupyterLab's command line. It makes a token of its own, and prints it."""
    command = [sys.executable, "-m", "jupyterlab"]
    command += ["--ServerApp.ip=127.0.0.1", f"--ServerApp.root_dir={folder}"]
    command += [f"--LabApp.default_url=/lab/tree/{notebook}.ipynb", "--ServerApp.log_level=WARN"]
    # No request leaves the machine: no news, no look for updates, no catalogue of extensions.
    command += ["--LabApp.news_url=None", "--LabApp.extension_manager=readonly"]
    command += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    command += [f"--LabApp.app_settings_dir={SETTINGS}"]
    if port:
        command += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    if no_browser:
        command += ["--no-browser"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command += ["--allow-root"]  # containers and CI; the server is on loopback with a token
    return command + beyond


def check_port(port: int) -> None:
    """Raise SetupError where a port can't be listened on, with the command that takes another."""
    if not 1 <= port <= 65535:
        raise SetupError(f"{port} is no port: a port is a number from 1 to 65535.")
    with contextlib.closing(socket.socket()) as probe:
        if os.name != "nt":  # a port closed a moment ago is free
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise SetupError(
                f"Port {port} is taken or not allowed ({error.strerror}). Take another, or leave "
                f"the choice to JupyterLab:\n    make lab PORT={port + 1}        or        make lab"
            ) from None
