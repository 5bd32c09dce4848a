"""What README.md takes from the manifest."""

from pathlib import Path

from course_utils.classroom import manifest


def refresh(root: Path) -> None:
    """Write the lesson table into README.md anew."""
    path = root / "README.md"
    path.write_text(refreshed(root), encoding="utf-8", newline="\n")


def refreshed(root: Path) -> str:
    """Return README.md's text with the lesson table as the manifest has it now."""
    text = (root / "README.md").read_text(encoding="utf-8")
    return manifest.replace_between_markers(text, "lessons", manifest.table(manifest.load(root)))
