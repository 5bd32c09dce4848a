"""What an installer's output means: a sentence, and the command that mends it.

The standard library alone, for this runs before anything is installed.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple

LAB = "make lab   (without make:  python -m course_utils lab)"
CLEAN = "make clean   (without make:  python -m course_utils clean)"
PYTHON = r".venv\Scripts\python" if os.name == "nt" else ".venv/bin/python"  # uv is only in there


class Meaning(NamedTuple):
    """What a pattern in an output means."""

    pattern: str  # a regular expression; case doesn't count
    sentence: str  # {last} becomes the output's last lines
    try_pip: bool = False  # whether pip, which has settings of its own, may succeed where uv fails


# The first that fits counts. "Failed to fetch" stands at the head of many failures, a full disk and
# a folder without write permission among them, so the network comes last.
MEANINGS = (
    Meaning(
        r"no space left|os error 28\b|disk quota|not enough space",
        "The disk is full: the environment takes about 3 GB (6 GB with the GPU packages), and as "
        "much again where uv's cache can't share its files with it.\n"
        f"Free some room ({PYTHON} -m uv cache clean, python -m pip cache purge), or point "
        f"UV_CACHE_DIR to another disk, then:  {LAB}",
    ),
    Meaning(
        r"ensurepip is not\s+available|no module named '?venv\b",
        "This Python can't make virtual environments: its `venv` module has no pip in it.\n"
        f"On Debian and Ubuntu:  sudo apt install python3-venv\nthen:  {LAB}",
    ),
    Meaning(
        r"hash.{0,20}mismatch|do not match the hashes",
        "A package arrived with other bytes than the lock names, so it wasn't installed:\n{last}\n"
        f"Clear the cache:  {PYTHON} -m uv cache clean\nand try again:  {LAB}",
    ),
    Meaning(
        r"time(d )?out.{0,20}waiting for.{0,8}lock",
        "Another installer holds the lock of uv's cache. Wait until it has ended (or end it), "
        f"then:  {LAB}\nThe installer's last words:\n{{last}}",
    ),
    Meaning(
        r"certificate[_ ]verify[_ ]failed|invalid peer certificate|UnknownIssuer"
        r"|suitable TLS CA certificate",
        "The package index shows a certificate that the installer doesn't trust; often a company's "
        "proxy stands in between.\nName the file with its certificate in SSL_CERT_FILE (for uv) "
        "and PIP_CERT (for pip), or let uv use the system's certificates with "
        f"UV_SYSTEM_CERTS=1;\nthen:  {LAB}\nThe installer's last words:\n{{last}}",
        try_pip=True,
    ),
    Meaning(
        r"\b40[13] (forbidden|unauthorized|client error|error)|HTTP error 40[13]\b",
        "The package index, or a proxy before it, refuses (401 or 403). Are the name and password "
        "in PIP_INDEX_URL, UV_INDEX_URL or HTTPS_PROXY right, and may you use it?\n"
        f"Then:  {LAB}\nThe installer's last words:\n{{last}}",
        try_pip=True,
    ),
    Meaning(
        r"permission denied|os error 13\b|read-only file system|access is denied",
        "The course's folder, the environment or the installer's cache can't be written to. Move "
        "the course to a folder of yours, or point UV_CACHE_DIR to one;\n"
        f"then:  {LAB}\nThe installer's last words:\n{{last}}",
    ),
    Meaning(
        r"dns error|error sending request|failed to fetch|connection refused|could not connect"
        r"|temporary failure in name resolution|NewConnectionError|ProxyError|tunnel error"
        r"|network is unreachable|timed out|connection (was )?(reset|broken|aborted)"
        r"|not found in the package registry|from versions: none",
        "No package index can be reached that has the packages. Is there a network? Behind a "
        "proxy, set HTTPS_PROXY; with a mirror, set PIP_INDEX_URL and UV_INDEX_URL;\n"
        f"then:  {LAB}\nThe installer's last words:\n{{last}}",
        try_pip=True,
    ),
)
UNKNOWN = Meaning(
    "",
    "The set-up stopped:\n{last}\n"
    f"What is there can be thrown away:  {CLEAN}\nand made anew:  {LAB}",
)


def meaning(output: str) -> Meaning:
    """Return what an installer's output means."""
    fitting = (m for m in MEANINGS if re.search(m.pattern, output, flags=re.IGNORECASE))
    return next(fitting, UNKNOWN)


def cause(output: str) -> str:
    """Turn an installer's output into a sentence and the command that mends it."""
    last = "\n".join(output.strip().splitlines()[-8:])
    return meaning(output).sentence.replace("{last}", last)
