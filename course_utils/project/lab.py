"""JupyterLab on the learner's copy of the course: on this machine alone, behind a token."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
from pathlib import Path

from course_utils.classroom import manifest, workspace
from course_utils.project.environment import SetupError, say

SETTINGS = Path(__file__).with_name("lab_settings")


def prepare(
    root: Path,
    folder: Path,
    lesson: str | None = None,
    port: int | None = None,
    no_browser: bool = False,
    beyond: list[str] | None = None,
) -> list[str]:
    """Bring the learner's copy in `folder` up to date; return the options of its JupyterLab.

    It opens the first lesson, or `lesson` ("03"). Without a `port` JupyterLab takes the first free
    one from 8888 on. `beyond` holds JupyterLab's own options.
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
    if pictures := os.environ.get("COURSE_PICTURES", "").strip():
        # The notebooks run in another folder than the one that the user's path starts from.
        os.environ["COURSE_PICTURES"] = str(Path(pictures).expanduser().absolute())
    return server_options(folder.resolve(), opened.notebook, port, no_browser) + (beyond or [])


def serve(options: list[str]) -> None:
    """Run JupyterLab in this process until it is stopped."""
    from jupyterlab.labapp import LabApp

    # A token always, also where the user's own Jupyter configuration switches it off. Given here,
    # and not on a command line, which other users of the machine can read.
    token = f"--IdentityProvider.token={secrets.token_hex(24)}"
    server = LabApp.initialize_server(argv=[token, *options])
    server.identity_provider.token_generated = True  # so that the address is printed with it
    server.start()


def server_options(folder: Path, notebook: str, port: int | None, no_browser: bool) -> list[str]:
    """Return JupyterLab's options."""
    options = ["--ServerApp.ip=127.0.0.1", f"--ServerApp.root_dir={folder}"]
    options += [f"--LabApp.default_url=/lab/tree/{notebook}.ipynb", "--ServerApp.log_level=WARN"]
    # No request leaves the machine: no news, no look for updates, no catalogue of extensions.
    options += ["--LabApp.news_url=None", "--LabApp.extension_manager=readonly"]
    options += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    options += [f"--LabApp.app_settings_dir={SETTINGS}"]
    if port:
        options += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    if no_browser:
        options += ["--no-browser"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options += ["--allow-root"]  # containers and CI; the server is on loopback with a token
    return options


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
