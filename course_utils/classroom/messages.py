"""Error messages without what differs between machines, processes and runs."""

from __future__ import annotations

import os
import re
import site
import sys
import sysconfig
import tempfile
import textwrap
from collections.abc import Callable
from pathlib import Path


def clean(text: str) -> str:
    """Take out of an error message what differs between machines, processes and runs.

    Paths become "…/name", a cell's file "<cell>"; memory addresses, process and thread numbers,
    ports, counters in node and layer names and time stamps go, and lines of TensorFlow's log that
    only inform. Of a traceback the frames of Python, of installed packages and of the course go;
    those of the learner's own code stay, without path and line number. What is said twice is said
    once. Blank lines go, and what is beyond the 2000th character of a line.
    """
    lines = [
        # Patterns take long over words of thousands of letters, and nobody reads them.
        line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]} …"
        for line in _ANSI.sub("", text).splitlines()
    ]
    lines = _without_internal_frames(lines)
    text = "\n".join(line.rstrip() for line in lines if line.strip())
    for pattern, new in _WORDS:
        text = re.sub(pattern, new, text, flags=re.MULTILINE)
    text = _without_paths(text)
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip()).strip()


def shorten(text: str, lines: int = 12, width: int = 600) -> str:
    """Cut `text` to `lines` lines of `width` characters: the middle goes, and says so."""
    found = [line if len(line) <= width else line[: width - 2] + " …" for line in text.splitlines()]
    if len(found) > lines:
        first = (lines - 1) * 2 // 3
        last = lines - 1 - first
        left_out = f"[… {len(found) - first - last} lines left out …]"
        found = [*found[:first], left_out, *found[-last:]]
    return "\n".join(found)


def wrapped(text: str, width: int = 92) -> str:
    """Break lines between words: JupyterLab would break them in the middle of one."""
    return "\n".join(
        textwrap.fill(line, width, break_long_words=False, break_on_hyphens=False)
        for line in text.splitlines()
    )


_LONGEST_LINE = 2000
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_FRAME = re.compile(
    r'^(?P<indent>\s*)File "(?P<path>[^"]*)", line \d+(?:, in (?P<name>.*?))?\s*\*?$'
)
_TRACEBACK = "Traceback (most recent call last):"
_CHAINED = ("The above exception was the direct cause", "During handling of the above exception")

# In this order: a later pattern may count on what an earlier one left.
# fmt: off
_WORDS: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    # TensorFlow's C++ log lines: time, thread, line number
    (r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: ([A-Z]) ", r"\1 "),
    (r"^([A-Z])\d{4} \d\d:\d\d:\d+(?:\.\d+)? +\d+ ", r"\1 "),
    (r"(\.(?:cc|h|cpp|cu)):\d+\]", r"\1]"),
    # Of those, what only informs: it tells of the machine, at each start.
    (r"^I \S+\.(?:cc|h|cpp|cu)\] .*$", ""),
    (r"^WARNING: All log messages before absl::InitializeLog\(\) .*$", ""),
    # nodes, functions, datasets, layers, devices
    (r"\{\{function_node [^}]*\}\} ?", ""),
    (r"/job:\w+/replica:\d+/task:\d+/(?:device:)?(\w+:\d+)", r"\1"),
    (r"(__inference_\w+?)_\d+\b", r"\1"),
    (r"(?<=\{\{node )[^}]*(?=\}\})", lambda node: re.sub(r"_\d+(?=/|$)", "", node[0])),
    (r"\b(\w+Dataset):\d+ transformation(?: with iterator: [\w:\[\]]*(?<!:))?",
     r"\1 transformation"),
    (r"\b(layer|model) (['\"])(\w+?)_\d+\2", r"\1 \2\3\2"),
    (r"(\[Op:[^\]]*\]) name: *$", r"\1"),
    (r"^\t ", "  "),
    # addresses, threads, processes, shared memory, ports
    (r"\b0x[0-9a-fA-F]{4,}", "0x…"),
    (r"\b(Thread|(?:Fork|Spawn|ForkServer)?Process|\w*PoolWorker)-\d+(?:[:_]\d+)*", r"\1"),
    (r"\b(ThreadPoolExecutor)-\d+_\d+", r"\1"),
    (r"\b((?:started|stopped)(?: daemon)?) \d{5,}", r"\1"),
    (r"(?i)\b(pid|tid|thread id|process id)([ =:]+)\d+", r"\1\2…"),
    (r"\b(psm|wnsm)_[0-9a-f]+", r"\1_…"),
    (r"\b(localhost|127\.0\.0\.1|\[::1\]|0\.0\.0\.0):\d+", r"\1:…"),
    (r"\bipv([46]):(.*?):\d+\b", r"ipv\1:\2:…"),
    # a cell's file, under every name that kernels give it
    (r"(?:[A-Za-z]:)?[^\s\"'(]*ipykernel_\d+[/\\]\d+\.py", "<cell>"),
    (r"<ipython-input-[^>]*>", "<cell>"),
)
# fmt: on
_POSIX_PATH = re.compile(  # not after a word, nor after code such as {folder}
    r"(?<![\w:/.~…<>)}\\-])/(?!dev/|proc/|sys/)[^\s'\"<>:,;()\[\]{}/]+(?:/[^\s'\"<>:,;()\[\]{}/]+)+/?"
)
# A quoted path may hold spaces.
_QUOTED_PATH = re.compile(
    r"(?<=['\"])(?:/(?!dev/|proc/|sys/)[^'\"\n]*/|[A-Za-z]:[\\/])[^'\"\n]+(?=['\"])"
)
_WINDOWS_PATH = re.compile(r"(?<!\w)[A-Za-z]:[\\/][^\s'\"<>|:,;()\[\]{}]+")
_TEMPORARY_NAME = re.compile(r"^tmp[a-z0-9_]{8}(?=$|\.)")


def _without_internal_frames(lines: list[str]) -> list[str]:
    """Drop frames that aren't the learner's, and tracebacks that are left with nothing to say."""
    kept: list[str] = []
    at = 0
    chained: str | None = None
    while at < len(lines):
        line = lines[at]
        if line.strip().startswith("Detected at node"):
            # Where a node was defined depends on how the process was started.
            at, _ = _read_frames(lines, at + 1)
            if at < len(lines) and lines[at].strip() == "<stack traces unavailable>":
                at += 1
        elif line.strip() == _TRACEBACK:
            at, own = _read_frames(lines, at + 1)
            ending, at = _read_paragraph(lines, at)
            follows = _next_text(lines, at)
            # What broke inside TensorFlow, before it says so in its own words, helps nobody.
            if not own and follows is not None and lines[follows].strip().startswith(_CHAINED):
                at = follows + 1
                continue
            if chained and kept:
                kept.append(chained)
            chained = None
            if own:
                kept += [line, *own]
            if "\n".join(ending) not in "\n".join(kept):
                kept += ending
        elif line.strip().startswith(_CHAINED):
            chained = line
            at += 1
        elif _FRAME.match(line):
            at, own = _read_frames(lines, at)
            kept += own
        else:
            kept.append(line)
            at += 1
    return kept


def _read_frames(lines: list[str], at: int) -> tuple[int, list[str]]:
    """Read frames from line `at`; return the line after them, and the learner's own frames."""
    own: list[str] = []
    while (start := _next_text(lines, at)) is not None:
        if lines[start].strip().startswith("[Previous line repeated"):
            at = start + 1
            continue
        frame = _FRAME.match(lines[start])
        if frame is None:
            break
        indent = frame["indent"]
        at = start + 1
        body = []
        while at < len(lines) and lines[at].startswith(indent + " ") and lines[at].strip():
            if _FRAME.match(lines[at]):
                break
            if set(lines[at].strip()) - set("^~"):
                body.append(lines[at])
            at += 1
        if not _is_internal(frame["path"]):
            own += [f"{indent}in {frame['name'] or 'this code'}", *body]
    return at, own


def _read_paragraph(lines: list[str], at: int) -> tuple[list[str], int]:
    """Read the exception's own words that follow its frames, up to a blank line."""
    start = _next_text(lines, at)
    if start is None:
        return [], len(lines)
    at = start
    while at < len(lines) and lines[at].strip():
        text = lines[at].strip()
        if text.startswith("[[{{node") or text == _TRACEBACK or text.startswith(_CHAINED):
            break
        at += 1
    return lines[start:at], at


def _next_text(lines: list[str], at: int) -> int | None:
    return next((i for i in range(at, len(lines)) if lines[i].strip()), None)


def _is_internal(path: str) -> bool:
    forward = path.replace("\\", "/")
    if re.search(r"/(site|dist)-packages/|__autograph_generated_file|^<frozen |^<__array", forward):
        return True
    if "ipykernel_" in forward:
        return False
    return any(forward.startswith(folder + "/") for folder in _internal_folders())


def _internal_folders() -> set[str]:
    folders = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
    folders.add(str(Path(__file__).resolve().parents[1]))  # course_utils, installed or not
    return {Path(folder).as_posix() for folder in folders if folder}


def _without_paths(text: str) -> str:
    # Known folders first: their names may hold spaces, which end a path for the patterns.
    text = re.sub(r"\bfile://(?=/)", "", text)
    for folder in _known_folders():
        name = r"(?<![\w./…\\-])" + re.escape(folder)
        text = re.sub(name + r"(?=[/\\])", "/…" if "/" in folder else r"C:\\…", text)
        text = re.sub(name + r"(?![\w-])", "…", text)
    text = _QUOTED_PATH.sub(_last_name, text)
    text = _WINDOWS_PATH.sub(_last_name, text)
    return _POSIX_PATH.sub(_last_name, text)


def _known_folders() -> list[str]:
    folders = {
        str(Path.cwd()),
        str(Path.home()),
        tempfile.gettempdir(),
        sys.prefix,
        sys.base_prefix,
    }
    folders |= {os.path.realpath(folder) for folder in folders}
    folders |= set(site.getsitepackages()) if hasattr(site, "getsitepackages") else set()
    folders |= {folder.replace("\\", "\\\\") for folder in folders}  # as repr() writes them
    return sorted((f for f in folders if len(Path(f).parts) > 1), key=len, reverse=True)


def _last_name(path: re.Match[str]) -> str:
    found = path[0]
    end = found[len(found.rstrip(".")) :]  # the full stop of a sentence is no part of the path
    name = re.split(r"[/\\]", found.rstrip(".").rstrip("/\\"))[-1]
    return "…/" + _TEMPORARY_NAME.sub("tmp", name) + end
