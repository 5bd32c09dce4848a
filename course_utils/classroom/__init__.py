"""What makes it a course: exercises, findings, figures, the manifest, the learner's copies.

A lesson imports its verbs from here: `from course_utils.classroom import check, finding, predict`.
"""

from .exercise import check, hint, outcome, predict, solution
from .finding import at_least, at_most, between, finding, shows
from .source import source
from .warns import warns

__all__ = [
    "at_least",
    "at_most",
    "between",
    "check",
    "finding",
    "hint",
    "outcome",
    "predict",
    "shows",
    "solution",
    "source",
    "warns",
]
