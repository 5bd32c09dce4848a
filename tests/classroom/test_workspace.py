import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from course_utils.classroom import files, workspace
from course_utils.classroom.progress import Progress
from course_utils.classroom.workspace import WorkspaceError, find, reset, update

HOUSE = Path(workspace.__file__).parents[2]
STEMS = ("00_start", "01_numbers")
NOBODY = 65534  # root may write everywhere: permissions are tried as another user
as_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become another user"
)


def notebook(*sources, tags=()):
    cells = [nbformat.v4.new_markdown_cell("# Ünïcode")]
    for source in sources:
        cell = nbformat.v4.new_code_cell(source, execution_count=3)
        cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text="stored\n")]
        cell.metadata = {"tags": list(tags), "execution": {"iopub.execute_input": "x"}}
        cells.append(cell)
    return nbformat.v4.new_notebook(cells=cells)


def write_course(root, stem, *sources, tags=("exercise:00.countdown",)):
    (root / "notebooks").mkdir(exist_ok=True)
    nbformat.write(notebook(*sources, tags=tags), root / "notebooks" / f"{stem}.ipynb")


@pytest.fixture
def course(tmp_path):
    """A course of two notebooks."""
    for stem in STEMS:
        write_course(tmp_path, stem, "print(1)", "x = 2")
    return tmp_path


@pytest.fixture
def open_folder():
    """A folder that every user may reach, unlike pytest's."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def mine(root, stem="01_numbers"):
    return root / "my_notebooks" / f"{stem}.ipynb"


def edit(path, old="x = 2", new="x = 3"):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def everything(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def as_nobody(code, *arguments):
    """Run code in a child process as a user without rights; everything is imported first."""
    code = (
        "import os, sys, filelock, json\n"
        "from course_utils.classroom import workspace\n"
        "from course_utils.classroom.progress import Progress\n"
        f"os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})\n{code}"
    )
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=HOUSE)


# ---- update


def test_a_first_update_makes_clean_copies(course):
    done = update(course, STEMS)
    assert done.new == STEMS
    assert str(done) == "New in my_notebooks/: 00_start, 01_numbers."
    copy = nbformat.read(mine(course), as_version=4)
    nbformat.validate(copy)
    original = nbformat.read(course / "notebooks" / "01_numbers.ipynb", as_version=4)
    assert [cell.source for cell in copy.cells] == [cell.source for cell in original.cells]
    assert [cell.id for cell in copy.cells] == [cell.id for cell in original.cells]
    for cell in copy.cells[1:]:
        assert cell.outputs == []
        assert cell.execution_count is None
        assert cell.metadata == {"tags": ["exercise:00.countdown"]}
    assert "stored" not in mine(course).read_text(encoding="utf-8")


def test_jupyters_own_save_changes_no_byte(course):
    update(course, STEMS)
    before = mine(course).read_bytes()
    nbformat.write(nbformat.read(mine(course), as_version=4), mine(course))
    assert mine(course).read_bytes() == before


def test_a_second_update_touches_nothing(course):
    update(course, STEMS)
    before = {path: path.stat().st_mtime_ns for path in everything(course)}
    done = update(course, STEMS)
    assert done.unchanged == STEMS
    assert str(done) == "2 notebooks in my_notebooks/: up to date."
    after = {path: path.stat().st_mtime_ns for path in everything(course)}
    assert after == before


def run_and_save(path):
    """What a learner does who runs a notebook, adds an empty cell and saves."""
    book = nbformat.read(path, as_version=4)
    NotebookClient(book, kernel_name="python3", timeout=60).execute()
    book.cells.append(nbformat.v4.new_code_cell(""))
    book.cells[1].metadata["collapsed"] = True
    book.metadata["widgets"] = {}
    nbformat.write(book, path)


def test_running_and_saving_is_no_edit(course):
    update(course, STEMS)
    run_and_save(mine(course))
    assert "execution_count" in mine(course).read_text(encoding="utf-8")
    saved = mine(course).read_bytes()
    assert update(course, STEMS).unchanged == STEMS
    assert mine(course).read_bytes() == saved
    write_course(course, "01_numbers", "print('newer')")
    done = update(course, STEMS)
    assert done.updated == ("01_numbers",)
    assert str(done) == "Brought up to date: 01_numbers."
    assert "newer" in mine(course).read_text(encoding="utf-8")


@pytest.mark.parametrize("how", ["source", "type", "order", "removed", "added"])
def test_an_edited_copy_is_kept_and_a_newer_one_is_told(course, how):
    update(course, STEMS)
    book = nbformat.read(mine(course), as_version=4)
    if how == "source":
        book.cells[1].source += "\n# mine"
    elif how == "type":
        book.cells[1] = nbformat.v4.new_markdown_cell(book.cells[1].source)
    elif how == "order":
        book.cells.reverse()
    elif how == "removed":
        del book.cells[1]
    else:
        book.cells.append(nbformat.v4.new_code_cell("mine = 1"))
    nbformat.write(book, mine(course))
    edited = mine(course).read_bytes()
    assert update(course, STEMS).unchanged == STEMS  # nothing newer, nothing to say
    write_course(course, "01_numbers", "print('newer')")
    for _ in range(2):  # said again until it is reset
        done = update(course, STEMS)
        assert done.newer == ("01_numbers",)
        assert "python -m course_utils reset 01" in str(done)
        assert mine(course).read_bytes() == edited


def test_a_copy_without_a_record_counts_as_edited_unless_it_is_the_same(course):
    (course / "my_notebooks").mkdir()
    shutil.copy(course / "notebooks" / "00_start.ipynb", mine(course, "00_start"))
    nbformat.write(notebook("other = 1"), mine(course))
    before = everything(course / "my_notebooks")
    done = update(course, STEMS)
    assert (done.unchanged, done.newer) == (("00_start",), ("01_numbers",))
    assert all(path.read_bytes() == content for path, content in before.items())


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"[]", b'{"cells": 3}', b'{"cells": [{"source": 1}]}', b"[" * 99999],
    ids=range(7),
)
def test_a_copy_that_cant_be_read_is_kept(course, content):
    update(course, STEMS)
    mine(course).write_bytes(content)
    done = update(course, STEMS)
    assert done.unreadable == ("01_numbers",)
    assert "can't be read" in str(done)
    assert "reset 01" in str(done)
    assert mine(course).read_bytes() == content


def test_a_deleted_copy_is_made_again(course):
    update(course, STEMS)
    mine(course).unlink()
    assert update(course, STEMS).new == ("01_numbers",)
    assert mine(course).exists()


def test_an_edit_taken_over_by_the_course_counts_as_unedited(course):
    update(course, STEMS)
    edit(mine(course))
    write_course(course, "01_numbers", "print(1)", "x = 3")
    assert update(course, STEMS).unchanged == STEMS
    write_course(course, "01_numbers", "print(1)", "x = 4")
    assert update(course, STEMS).updated == ("01_numbers",)


@pytest.mark.parametrize("content", ["{", "[]", '{"format": 9, "copies": {}}', '{"format": 1}'])
def test_a_damaged_record_is_set_aside_and_made_anew(course, content):
    update(course, STEMS)
    edit(mine(course))
    record = course / "my_notebooks" / ".course" / "copies.json"
    record.write_text(content, encoding="utf-8")
    done = update(course, STEMS)
    assert (done.unchanged, done.newer) == (("00_start",), ("01_numbers",))
    assert "was damaged" in str(done)
    (aside,) = record.parent.glob("copies damaged *.json")
    assert aside.read_text(encoding="utf-8") == content
    assert "x = 3" in mine(course).read_text(encoding="utf-8")
    assert set(json.loads(record.read_text(encoding="utf-8"))["copies"]) == {"00_start"}


def test_another_folder_can_hold_the_copies(course, tmp_path):
    folder = tmp_path / "elsewhere"
    assert str(update(course, STEMS, folder)) == "New in elsewhere/: 00_start, 01_numbers."
    assert (folder / "01_numbers.ipynb").exists()
    assert not (course / "my_notebooks").exists()
    assert reset(course, "1", folder).copy == folder / "01_numbers.ipynb"


@pytest.fixture
def own_folder(course, tmp_path_factory, monkeypatch):
    """Write the course's own folders in some way; the current folder is the course's root."""
    monkeypatch.chdir(course)
    away = tmp_path_factory.mktemp("away")

    def write(how):
        if how == "my_notebooks is a link":
            (course / "my_notebooks").symlink_to("notebooks", target_is_directory=True)
            return None
        if how == "link":
            (away / "link").symlink_to(course / "notebooks", target_is_directory=True)
            return away / "link"
        if how == "another course":
            (away / "notebooks").mkdir()
            (away / "notebooks" / "course.toml").touch()
            return away / "notebooks"
        return {
            "root": course,
            "notebooks": course / "notebooks",
            "relative": Path("notebooks"),
            "here": Path("."),
            "text": "./notebooks/",
            "by way of a new folder": course / "new" / ".." / "notebooks",
        }[how]

    return write


@pytest.mark.parametrize(
    "how",
    [
        "root",
        "notebooks",
        "relative",
        "here",
        "text",
        "link",
        "my_notebooks is a link",
        "by way of a new folder",
        "another course",
    ],
)
def test_the_courses_own_folders_are_refused_before_anything_is_written(course, own_folder, how):
    folder = own_folder(how)
    before = {path: path.is_file() and path.read_bytes() for path in course.rglob("*")}
    for call in (lambda: update(course, STEMS, folder), lambda: reset(course, "01", folder)):
        with pytest.raises(ValueError, match=r"is the course's own folder.*Name another folder"):
            call()
    assert before == {path: path.is_file() and path.read_bytes() for path in course.rglob("*")}


def test_a_notebook_of_the_course_that_is_missing_or_damaged_stops_before_anything(course):
    with pytest.raises(FileNotFoundError, match=r"notebooks/07_none.ipynb is missing"):
        update(course, [*STEMS, "07_none"])
    (course / "notebooks" / "02_bad.ipynb").write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match=r"notebooks/02_bad.ipynb can't be read"):
        update(course, [*STEMS, "02_bad"])
    assert not (course / "my_notebooks").exists()


def test_a_file_in_the_way_is_told(course):
    (course / "my_notebooks").write_text("mine", encoding="utf-8")
    with pytest.raises(WorkspaceError, match="A file is in the way"):
        update(course, STEMS)
    assert (course / "my_notebooks").read_text(encoding="utf-8") == "mine"


@as_root
def test_a_folder_that_cant_be_written_is_told_and_nothing_is_lost(open_folder):
    for stem in STEMS:
        write_course(open_folder, stem, "x = 2")
    update(open_folder, STEMS)
    write_course(open_folder, "01_numbers", "newer = 1")
    before = everything(open_folder)
    for call in ("update(sys.argv[1], ['00_start', '01_numbers'])", "reset(sys.argv[1], '01')"):
        done = as_nobody(
            f"try: workspace.{call}\nexcept workspace.WorkspaceError as error: print(error)",
            open_folder,
        )
        assert "can't be written: Permission denied. Free some space" in done.stdout, done.stderr
    assert everything(open_folder) == before


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 256 KB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("only root on Linux can make a small disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("no small disk can be mounted here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def fill(disk):
    with contextlib.suppress(OSError), open(disk / "filler", "wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


def test_a_full_disk_is_told_and_nothing_is_lost(course, small_disk):
    folder = small_disk / "my_notebooks"
    update(course, STEMS, folder)
    edit(folder / "00_start.ipynb")
    before = everything(folder)
    write_course(course, "01_numbers", *["# long\n" * 500] * 20)
    fill(small_disk)
    for call in (lambda: update(course, STEMS, folder), lambda: reset(course, "01", folder)):
        with pytest.raises(WorkspaceError, match="No space left on device"):
            call()
        assert everything(folder) == before
    (small_disk / "filler").unlink()
    assert update(course, STEMS, folder).updated == ("01_numbers",)


def test_two_updates_at_once_make_whole_copies(course):
    code = (
        "import sys\nfrom course_utils.classroom.workspace import update\n"
        "print(update(sys.argv[1], ['00_start', '01_numbers']))"
    )
    command = [sys.executable, "-c", code, str(course)]
    children = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=HOUSE) for _ in range(3)
    ]
    said = sorted(child.communicate(timeout=60)[0] for child in children)
    assert said[2].startswith("New in")
    assert [text[:12] for text in said[:2]] == ["2 notebooks "] * 2
    assert update(course, STEMS).unchanged == STEMS
    assert not list((course / "my_notebooks").rglob("*.part"))


# ---- reset


@pytest.mark.parametrize(
    "lesson", ["01", "1", "01_numbers", "01_numbers.ipynb", " 01 ", "my_notebooks/01_numbers.ipynb"]
)
def test_a_reset_keeps_the_old_one_and_makes_a_fresh_one(course, lesson):
    update(course, STEMS)
    edit(mine(course))
    done = reset(course, lesson)
    assert done.stem == "01_numbers"
    assert re.fullmatch(r"01_numbers \d{4}-\d\d-\d\d \d\d\.\d\d\.\d\d\.ipynb", done.kept.name)
    assert done.kept.parent == course / "my_notebooks" / "kept"
    assert "x = 3" in done.kept.read_text(encoding="utf-8")
    assert "x = 2" in mine(course).read_text(encoding="utf-8")
    assert str(done) == (
        "my_notebooks/01_numbers.ipynb is as new. "
        f"Your version is kept: my_notebooks/kept/{done.kept.name}"
    )


def test_many_resets_in_a_second_overwrite_nothing(course):
    update(course, STEMS)
    for number in range(5):
        edit(mine(course), new=f"x = {number} + 7")
        reset(course, "01")
    kept = [path.read_text(encoding="utf-8") for path in (course / "my_notebooks/kept").iterdir()]
    assert len(kept) == 5
    for number in range(5):
        assert sum(f"x = {number} + 7" in text for text in kept) == 1


def test_a_reset_ends_the_message_of_a_newer_one(course):
    update(course, STEMS)
    edit(mine(course))
    write_course(course, "01_numbers", "newer = 1")
    assert update(course, STEMS).newer == ("01_numbers",)
    reset(course, "01")
    assert update(course, STEMS).unchanged == STEMS
    assert "newer" in mine(course).read_text(encoding="utf-8")


def test_a_reset_without_a_copy_or_of_an_unreadable_one(course):
    done = reset(course, "01")
    assert done.kept is None
    assert str(done) == "my_notebooks/01_numbers.ipynb is as new."
    mine(course).write_bytes(b"\xff")
    assert reset(course, "01").kept.read_bytes() == b"\xff"


def test_a_reset_leaves_progress_alone(course):
    update(course, STEMS)
    progress = Progress(course / "my_notebooks" / ".course" / "progress.json")
    progress.record_attempt("01.numbers", right=True)
    reset(course, "01")
    assert progress.solved == {"01.numbers"}


@pytest.mark.parametrize("lesson", ["07", "numbers", "", "x", "../01", "²"])
def test_an_unknown_lesson_is_told_what_there_is(course, lesson):
    if lesson == "../01":
        assert reset(course, lesson).stem == "01_numbers"  # a path counts by its last part
        return
    with pytest.raises(ValueError, match=r"No lesson is called .* There are: 00_start, 01_numbers"):
        reset(course, lesson)
    write_course(course, "01_other", "x = 1")
    with pytest.raises(ValueError, match="Several lessons are"):
        reset(course, "01")


# ---- find


def test_find_looks_here_and_above(course, monkeypatch):
    update(course, STEMS)
    folder = course / "my_notebooks"
    (folder / "a" / "b").mkdir(parents=True)
    for place in (folder, folder / "a" / "b"):
        monkeypatch.chdir(place)
        assert find() == folder
    for place in (course, course / "notebooks"):
        monkeypatch.chdir(place)
        assert find() is None


def test_find_takes_the_notebooks_folder_for_no_workspace(course, monkeypatch):
    (course / "notebooks" / "course.toml").write_text("", encoding="utf-8")
    update(course, STEMS)
    # The course may lie in a folder that was itself a learner's copy once.
    for holder in (course, course / "notebooks"):
        (holder / ".course").mkdir()
        (course / "notebooks" / "a").mkdir(exist_ok=True)
        for place in (course / "notebooks", course / "notebooks" / "a"):
            monkeypatch.chdir(place)
            assert find() is None
    monkeypatch.chdir(course)
    assert find() == course
    monkeypatch.chdir(course / "my_notebooks")
    assert find() == course / "my_notebooks"


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps a folder that is in use")
def test_find_in_a_folder_that_is_gone(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert find() is None


# ---- progress


@pytest.fixture
def file(tmp_path):
    (tmp_path / ".course").mkdir()
    return tmp_path / ".course" / "progress.json"


def test_progress_survives_a_restart(file):
    progress = Progress(file)
    progress.record_attempt("00.a", right=True)
    progress.record_attempt("00.b", right=False)
    progress.record_guess("00.c", "ünter 3 ms")
    again = Progress(file)
    assert again.solved == {"00.a"}
    assert again.attempted == {"00.a", "00.b"}
    assert again.predicted == {"00.c"}
    assert again.prediction("00.c")["guess"] == "ünter 3 ms"
    assert again.notes() == ""
    assert repr(again) == "1 exercises solved of 2 begun; 1 predictions made"


def test_two_kernels_at_once_lose_nothing(file):
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from course_utils.classroom.progress import Progress\n"
        "progress = Progress(Path(sys.argv[1]))\n"
        "for number in range(40):\n"
        "    progress.record_attempt('00.shared', right=False)\n"
        "    progress.record_attempt(f'0{sys.argv[2]}.own{number}', right=True)\n"
        "print(progress.notes())"
    )
    children = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(file), str(number)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=HOUSE,
        )
        for number in (1, 2)
    ]
    assert [child.communicate(timeout=60)[0] for child in children] == ["\n", "\n"]
    progress = Progress(file)
    assert progress.exercise("00.shared")["attempts"] == 80
    assert len(progress.solved) == 80


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\x00\xff",
        b"[]",
        b"null",
        b"[" * 99999,
        b'{"format": 0, "exercises": {}, "predictions": {}}',
        b'{"format": "2", "exercises": {}, "predictions": {}}',
        b'{"format": 1, "exercises": []}',
        b'{"format": 1, "exercises": {"00.a": {"attempts": "many"}}, "predictions": {}}',
        b'{"format": 1, "exercises": {}, "predictions": {"00.a": 3}}',
    ],
    ids=range(11),
)
@pytest.mark.parametrize("first_use", ["read", "write"])
def test_a_damaged_file_is_set_aside_and_said_once(file, content, first_use):
    file.write_bytes(content)
    progress = Progress(file)
    if first_use == "read":
        assert progress.solved == set()
    progress.record_attempt("00.a", right=True)
    note = progress.notes()
    assert note.startswith("The file of your progress was damaged; it is kept as .course/progress")
    assert progress.notes() == ""
    (aside,) = file.parent.glob("progress damaged *.json")
    assert aside.name in note
    assert aside.read_bytes() == content
    assert Progress(file).solved == {"00.a"}


@pytest.mark.parametrize("first_use", ["read", "write"])
def test_a_file_of_a_newer_course_is_left_alone_and_said_once(file, first_use):
    content = b'{"format": 2, "of": "a later course"}'
    file.write_bytes(content)
    progress = Progress(file)
    if first_use == "read":
        assert progress.solved == set()
    progress.record_attempt("00.a", right=True)
    assert progress.record_hint("00.b", 3) == 1
    assert progress.record_hint("00.b", 3) == 2
    assert (progress.solved, progress.exercise("00.b")["hints"]) == ({"00.a"}, 2)
    note = progress.notes()
    assert f"{file} was made by a newer version of the course and is left as it is" in note
    assert "will be forgotten when the kernel stops" in note
    assert note.count("newer version") == 1
    assert progress.notes() == ""
    assert file.read_bytes() == content
    assert [path.name for path in file.parent.glob("*.json")] == ["progress.json"]
    file.unlink()  # what is in memory is written once it can be
    progress.record_attempt("00.c", right=True)
    assert Progress(file).solved == {"00.a", "00.c"}


def test_two_damaged_files_in_a_second_are_both_kept(file):
    for content in (b"1", b"2"):
        file.write_bytes(content)
        Progress(file).record_attempt("00.a", right=True)
    assert sorted(p.read_bytes() for p in file.parent.glob("progress damaged *")) == [b"1", b"2"]


@as_root
def test_progress_that_cant_be_written_is_kept_in_memory_and_said_once(open_folder):
    file = open_folder / ".course" / "progress.json"
    file.parent.mkdir()
    Progress(file).record_attempt("00.old", right=True)
    file.with_name("progress.json.lock").unlink(missing_ok=True)
    before = everything(open_folder)
    done = as_nobody(
        "from pathlib import Path\n"
        "progress = Progress(Path(sys.argv[1]))\n"
        "progress.record_attempt('00.a', right=True)\n"
        "progress.record_hint('00.a', 3)\n"
        "print(progress.record_hint('00.a', 3), sorted(progress.solved))\n"
        "print(progress.notes()); print(progress.notes() == '')",
        file,
    )
    assert done.stdout.splitlines() == [
        "2 ['00.a', '00.old']",
        f"Your progress will be forgotten when the kernel stops: {file} can't be written: "
        "Permission denied.",
        "True",
    ], done.stderr
    assert everything(open_folder) == before


@as_root
def test_progress_that_cant_be_read_is_said(open_folder):
    file = open_folder / ".course" / "progress.json"
    file.parent.mkdir()
    Progress(file).record_attempt("00.old", right=True)
    file.chmod(0o600)
    done = as_nobody(
        "from pathlib import Path\n"
        "progress = Progress(Path(sys.argv[1]))\n"
        "progress.record_attempt('00.a', right=True)\n"
        "print(sorted(progress.solved)); print(progress.notes())",
        file,
    )
    assert done.stdout.startswith("['00.a']\nYour progress will be forgotten"), done.stderr


def test_what_a_full_disk_refused_is_written_later(small_disk):
    file = small_disk / "progress.json"
    progress = Progress(file)
    progress.record_attempt("00.a", right=True)
    fill(small_disk)
    for number in range(60):
        progress.record_guess(f"00.g{number}", "x" * 200)
    assert "No space left on device" in progress.notes()
    assert progress.solved == {"00.a"}
    assert len(progress.predicted) == 60
    held = Progress(file)
    assert held.solved == {"00.a"}
    assert len(held.predicted) < 60
    assert held.notes() == ""
    (small_disk / "filler").unlink()
    progress.record_attempt("00.b", right=True)
    again = Progress(file)
    assert again.solved == {"00.a", "00.b"}
    assert len(again.predicted) == 60
    assert not list(small_disk.glob("*.part"))


def test_a_workspace_that_vanishes_stops_nothing(file):
    progress = Progress(file)
    progress.record_attempt("00.a", right=True)
    shutil.rmtree(file.parent)
    progress.record_attempt("00.b", right=True)
    assert "00.b" in progress.solved


# ---- files


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(UnicodeEncodeError):
        files.write_whole(path, "new \ud800")
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]
