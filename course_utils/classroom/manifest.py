"""The course's one manifest, `notebooks/course.toml`, and what is made from it as text."""

from __future__ import annotations

import html
import re
import tomllib
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

STEM = re.compile(r"(?:\d{2}_)?[a-z][a-z0-9_]*")
# The form of each list's ids, and an example for the message.
IDS = {
    "exercises": (re.compile(r"\d{2}\.[a-z][a-z0-9_]*"), "00.countdown"),
    "predictions": (re.compile(r"\d{2}\.[a-z][a-z0-9_]*"), "00.race"),
    "seeds": (re.compile(r"\d{3}-E\d+"), "004-E3"),
    "claims": (re.compile(r"\d{3}-C\d+"), "001-C6"),
    "problems": (re.compile(r"P\d{3}"), "P042"),
    "needs": (STEM, "01_numbers"),
}
WORDS = ("notebook", "title", "question")
MINUTES = ("teach", "practise")
KEYS = (*WORDS, *MINUTES, *IDS)
OWN = ("exercises", "predictions")  # their ids begin with the lesson's number


class ManifestError(ValueError):
    """The manifest can't be used; the message lists everything that is wrong with it."""


@dataclass(frozen=True)
class Lesson:
    """One `[[lesson]]` of the manifest.

    notebook: the file's stem, "01_numbers"; without a number for an index such as
        "claims_on_trial".
    teach, practise: minutes.
    exercises, predictions: ids that begin with the lesson's number.
    seeds, claims, problems: what of the texts and of real users' problems the lesson covers.
    needs: the stems of the lessons that it builds on.
    """

    notebook: str
    title: str
    question: str
    teach: int
    practise: int
    exercises: tuple[str, ...] = ()
    predictions: tuple[str, ...] = ()
    seeds: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    @property
    def number(self) -> str:
        """The lesson's two digits, "01"; "" for an index."""
        return self.notebook[:2] if self.notebook[:2].isdigit() else ""


@dataclass(frozen=True)
class Course:
    """The manifest as read. `folder` is where course.toml lies: the notebooks' folder."""

    title: str
    lessons: tuple[Lesson, ...]
    folder: Path | None = None

    def find(self, lesson: str) -> Lesson:
        """Return the lesson called "01", "1", "01_numbers" or "01_numbers.ipynb".

        Raises ValueError with the lessons there are.
        """
        name = str(lesson).strip().removesuffix(".ipynb")
        name = name.zfill(2) if name.isdigit() else name
        for one in self.lessons:
            if name and name in (one.notebook, one.number):
                return one
        there = ", ".join(one.notebook for one in self.lessons)
        raise ValueError(f"There is no lesson {lesson!r} in the course. There are: {there}.")

    def problems(self) -> list[str]:
        """Return where the notebooks in the folder and the manifest differ, each with its cure."""
        if self.folder is None:
            return []
        listed = {one.notebook for one in self.lessons}
        there = {path.stem for path in self.folder.glob("*.ipynb")}
        found = [
            f"course.toml lists {stem}, but there is no {self.folder.name}/{stem}.ipynb: "
            "add the notebook, or take the lesson out."
            for stem in sorted(listed - there)
        ]
        found += [
            f"{self.folder.name}/{stem}.ipynb is not in course.toml: "
            "give it a [[lesson]], or move it elsewhere."
            for stem in sorted(there - listed)
        ]
        return found


def load(path: str | Path = Path(__file__).parents[2]) -> Course:
    """Read the manifest: `path` is course.toml itself, its folder, or the course's root (default).

    Raises FileNotFoundError when there is none, and ManifestError that lists everything wrong in
    it. Whether the notebooks themselves are there is `Course.problems()`.
    """
    file = _find_file(Path(path))
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ManifestError(f"{file.name} can't be read as TOML: {error}") from error
    problems = _top_problems(data)
    tables = data.get("lesson", [])
    if isinstance(tables, list) and all(isinstance(table, dict) for table in tables):
        for number, table in enumerate(tables, 1):
            problems += [f"{_place(number, table)}: {one}" for one in _lesson_problems(table)]
        problems += _shared_problems(tables)
    if problems:
        lines = "\n".join(f"- {one}" for one in problems)
        raise ManifestError(f"{file.name} has {_count(len(problems), 'problem')}:\n{lines}")
    lessons = tuple(
        Lesson(**{k: tuple(v) if isinstance(v, list) else v for k, v in table.items()})
        for table in tables
    )
    return Course(data["title"], lessons, file.parent)


def table(course: Course) -> str:
    """Return the README's table of lessons in GitHub's Markdown, with links to the notebooks."""
    from tabulate import tabulate

    rows = [
        (
            f"[{_cell(one.number + ' ' + one.title if one.number else one.title)}]"
            f"(notebooks/{one.notebook}.ipynb)",
            _cell(one.question),
            one.teach or "",
            one.practise or "",
            len(one.exercises) or "",
        )
        for one in course.lessons
    ]
    headers = ("lesson", "question", "teach, min", "practise, min", "exercises")
    return tabulate(rows, headers, tablefmt="pipe", colalign=("left", "left", *["right"] * 3))


def replace_between_markers(text: str, name: str, new: str) -> str:
    """Return `text` with `new` between `<!-- name:begin -->` and `<!-- name:end -->`.

    Raises ValueError unless each marker is there once, in that order.
    """
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    for marker in (begin, end):
        if text.count(marker) != 1:
            raise ValueError(
                f"The text holds the marker {marker} {_count(text.count(marker), 'time')}, but "
                f"needs it once. Put {begin} and {end} on lines of their own around the place."
            )
    if text.index(begin) > text.index(end):
        raise ValueError(f"The marker {end} comes before {begin}. Exchange them.")
    before, rest = text.split(begin)
    after = rest.split(end)[1]
    return f"{before}{begin}\n{new.strip()}\n{end}{after}"


class Marks(Protocol):
    """What a learner has done: ids of exercises and of predictions."""

    @property
    def solved(self) -> Collection[str]:
        """Ids of the exercises solved."""

    @property
    def attempted(self) -> Collection[str]:
        """Ids of the exercises tried; the solved ones may be among them."""

    @property
    def predicted(self) -> Collection[str]:
        """Ids of the predictions made."""


@dataclass(frozen=True)
class BoardRow:
    """One lesson's line on the board: what is done, of how many.

    `attempted` counts the exercises that were tried and are not yet solved.
    """

    lesson: str
    solved: int
    attempted: int
    exercises: int
    predicted: int
    predictions: int


@dataclass(frozen=True, repr=False)
class Board:
    """The progress board: as text in a terminal, as a table in a notebook."""

    rows: tuple[BoardRow, ...]

    @property
    def solved(self) -> int:
        """Exercises solved in the whole course."""
        return sum(row.solved for row in self.rows)

    @property
    def exercises(self) -> int:
        """Exercises in the whole course."""
        return sum(row.exercises for row in self.rows)

    def __repr__(self) -> str:
        from tabulate import tabulate

        headers = ("lesson", "exercises solved", "tried, not yet solved", "predictions made")
        table = tabulate(self._cells(), headers, colalign=("left", "left", "right", "right"))
        return f"{self._summary()}\n\n{table}"

    def _repr_html_(self) -> str:
        from course_utils.measuring.display import html_table

        headers = ("lesson", "exercises solved", "tried, not yet solved", "predictions made")
        table = html_table(self._cells(), headers, ("left", "left", "right", "right"))
        return f"<p>{html.escape(self._summary())}</p>\n{table}"

    def _summary(self) -> str:
        return f"{self.solved} of {_count(self.exercises, 'exercise')} solved."

    def _cells(self) -> list[tuple[str, str, str, str]]:
        return [
            (
                row.lesson,
                f"{'■' * row.solved}{'□' * (row.exercises - row.solved)} "
                f"{row.solved} of {row.exercises}"
                if row.exercises
                else "–",
                str(row.attempted or "–"),
                f"{row.predicted} of {row.predictions}" if row.predictions else "–",
            )
            for row in self.rows
        ]


def board(course: Course, progress: Marks) -> Board:
    """Return the progress board of the course's lessons; an index has no line.

    Exercises and predictions that the manifest doesn't list (any more) are not counted.
    """
    solved, attempted = set(progress.solved), set(progress.attempted)
    predicted = set(progress.predicted)
    rows = []
    for one in course.lessons:
        if one.number:
            own, asked = set(one.exercises), set(one.predictions)
            done, tried = len(own & solved), len(own & attempted - solved)
            guessed = len(asked & predicted)
            title = f"{one.number} {one.title}"
            rows.append(BoardRow(title, done, tried, len(own), guessed, len(asked)))
    return Board(tuple(rows))


def _find_file(path: Path) -> Path:
    places = (path, path / "course.toml", path / "notebooks" / "course.toml")
    for place in places:
        if place.is_file():
            return place
    raise FileNotFoundError(
        f"There is no manifest at {path}. Expected course.toml, or a folder that holds it or holds "
        "notebooks/course.toml."
    )


def _top_problems(data: dict[str, Any]) -> list[str]:
    found = [
        f"unknown key '{key}' at the top. Known are: title, lesson."
        for key in data
        if key not in ("title", "lesson")
    ]
    if not _is_line(data.get("title")):
        found.append('at the top: title must be one line of text, such as "A course".')
    tables = data.get("lesson")
    if not (isinstance(tables, list) and tables and all(isinstance(one, dict) for one in tables)):
        found.append("there is no lesson. Write each as a [[lesson]] table.")
    return found


def _lesson_problems(table: dict[str, Any]) -> list[str]:
    found = [
        f"unknown key '{key}'. Known are: {', '.join(KEYS)}." for key in table if key not in KEYS
    ]
    found += [f"'{key}' is missing. {_expected(key)}" for key in KEYS if key not in table]
    for key in WORDS:
        if key in table and not _is_line(table[key]):
            found.append(f"'{key}' is {table[key]!r}. {_expected(key)}")
    stem = table.get("notebook")
    if _is_line(stem) and not STEM.fullmatch(stem):
        found.append(f"'notebook' is {stem!r}. {_expected('notebook')}")
    for key in MINUTES:
        value = table.get(key, 0)
        if type(value) is not int or not 0 <= value <= 600:
            found.append(f"'{key}' is {value!r}. {_expected(key)}")
    for key in IDS:
        found += _id_problems(key, table.get(key, []))
    for key in OWN if _is_line(stem) else ():
        found += [
            f"{key.removesuffix('s')} {id!r} is not one of this lesson's: its number must be that "
            f"of {stem}."
            for id in _listed(table, key)
            if IDS[key][0].fullmatch(id) and id[:2] != stem[:2]
        ]
    return found


def _id_problems(key: str, ids: Any) -> list[str]:
    if not isinstance(ids, list):
        return [f"'{key}' is {ids!r}. {_expected(key)}"]
    form, example = IDS[key]
    found = [
        f"'{key}' holds {id!r}, expected the form {example!r}."
        for id in ids
        if not (isinstance(id, str) and form.fullmatch(id))
    ]
    twice = [id for id, times in Counter(map(str, ids)).items() if times > 1]
    return found + [f"'{key}' holds {id!r} more than once. Keep one." for id in twice]


def _shared_problems(tables: list[dict[str, Any]]) -> list[str]:
    """Return what is wrong between lessons: doubles, and needs that don't come earlier."""
    found = []
    stems = [str(one.get("notebook")) for one in tables if one.get("notebook")]
    numbers = [stem[:2] for stem in dict.fromkeys(stems) if stem[:2].isdigit()]
    for word, names in (("notebook", stems), ("number", numbers)):
        for name, times in Counter(names).items():
            if times > 1:
                found.append(f"{times} lessons have the {word} {name!r}. Each needs its own.")
    for key in OWN:
        for id in dict.fromkeys(id for one in tables for id in _listed(one, key)):
            places = [str(one.get("notebook")) for one in tables if id in _listed(one, key)]
            if len(places) > 1:
                found.append(
                    f"{key.removesuffix('s')} {id!r} is in {' and '.join(places)}. Keep one."
                )
    for number, one in enumerate(tables, 1):
        earlier = [str(before.get("notebook")) for before in tables[: number - 1]]
        for need in _listed(one, "needs"):
            if need not in stems:
                found.append(
                    f"{_place(number, one)}: it needs {need!r}, which the manifest does not list. "
                    "Give the stem of a lesson."
                )
            elif need not in earlier:
                found.append(
                    f"{_place(number, one)}: it needs {need!r}, which does not come before it. "
                    "Change the order or the need."
                )
    return found


def _listed(table: dict[str, Any], key: str) -> list[str]:
    ids = table.get(key, [])
    return [id for id in ids if isinstance(id, str)] if isinstance(ids, list) else []


def _expected(key: str) -> str:
    if key == "notebook":
        return 'Expected the file\'s stem in small letters, such as "00_start_here".'
    if key in WORDS:
        return "Expected one line of text."
    if key in MINUTES:
        return "Expected whole minutes, 0 to 600."
    return f'Expected a list, such as ["{IDS[key][1]}"], or [].'


def _place(number: int, table: dict[str, Any]) -> str:
    return f"lesson {number} ({table.get('notebook', 'no notebook given')})"


def _is_line(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and "\n" not in value


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
