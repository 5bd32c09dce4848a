"""Small files that are whole or not there: written at once, and set aside when damaged."""

from __future__ import annotations

import contextlib
import os
from datetime import datetime
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Write all of `text` (UTF-8) or leave what was there. Raises OSError where it can't."""
    # In the same folder, since only a move within one file system happens at once.
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(part, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        with contextlib.suppress(OSError):  # what matters is the first error
            part.unlink(missing_ok=True)
        raise


def free_name(folder: Path, stem: str, suffix: str) -> Path:
    """Return a path in `folder`, `<stem> 2026-11-20 18.52.07<suffix>`, where nothing is yet."""
    # No colon in the time: Windows refuses it in a name.
    stamped = f"{stem} {datetime.now():%Y-%m-%d %H.%M.%S}"
    path = folder / f"{stamped}{suffix}"
    number = 2
    while path.exists() or path.is_symlink():
        path = folder / f"{stamped} ({number}){suffix}"
        number += 1
    return path


def set_aside(path: Path) -> Path:
    """Rename a damaged file to `<stem> damaged <time>`; return its new path. Raises OSError."""
    aside = free_name(path.parent, f"{path.stem} damaged", path.suffix)
    os.rename(path, aside)
    return aside


def reason(error: OSError) -> str:
    """Return an OSError's reason in words, without the path."""
    return error.strerror or str(error) or type(error).__name__
