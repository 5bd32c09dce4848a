"""What an exercise answers: a box in a notebook, the same words in a terminal."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

# Symbol and border of each kind. The word stands beside them: never the colour alone.
# The colours keep a contrast of 3 to 1 or more on JupyterLab's white and on its near-black.
KINDS = {
    "right": ("✓", "#2e9b4f"),
    "wrong": ("✗", "#d9513c"),
    "open": ("○", "#b07d00"),
    "note": ("→", "#3b82c4"),
}


@dataclass(frozen=True, repr=False)
class Callout:
    """A heading of one or two words and a message of one or more lines.

    `kind` is "right", "wrong", "open" (still to do) or "note". `note` is a remark that does not
    belong to the matter itself, such as that progress can't be kept. Text between backticks is
    shown as code in a notebook.
    """

    heading: str
    message: str
    kind: str = "note"
    note: str = ""

    def __repr__(self) -> str:
        """Return the plain text."""
        text = f"{self.heading} — {self.message}"
        return f"{text}\n({self.note})" if self.note else text

    def _repr_html_(self) -> str:
        symbol, _ = KINDS[self.kind]
        head = f"<strong>{symbol} {html.escape(self.heading)}</strong>"
        return box(self.kind, f"{head} — {inline(self.message)}", self.note)


def box(kind: str, content: str, note: str = "") -> str:
    """Return `content` (HTML) in a box with the border of its kind, readable in both themes."""
    _, colour = KINDS[kind]
    small = "color: var(--jp-ui-font-color2, inherit); font-size: 90%; margin-top: 0.4em"
    remark = f'<div style="{small}">({inline(note)})</div>' if note else ""
    # JupyterLab's own variables follow its theme; the fallbacks follow any other page.
    return (
        f'<div style="border-left: 5px solid {colour}; padding: 0.4em 0.9em; margin: 0.3em 0; '
        "background: var(--jp-layout-color2, transparent); "
        f'color: var(--jp-content-font-color1, inherit)">{content}{remark}</div>'
    )


def inline(text: str) -> str:
    """Return text as HTML: escaped, code between backticks, line breaks kept."""
    escaped = re.sub(r"`([^`\n]+)`", r"<code>\1</code>", html.escape(text))
    return escaped.replace("\n", "<br>\n")
