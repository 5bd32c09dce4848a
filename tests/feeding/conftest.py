"""What the tests of feeding share: a small photo set, a folder for all users, child processes."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import course_utils.feeding
from course_utils.feeding.pictures import photo_set

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

HOUSE = Path(course_utils.feeding.__file__).parents[2]
NOBODY = 65534  # root may read and write everywhere: permissions are tested as another user
# Not subprocess's user=: that user may have no way to the interpreter. So everything is imported
# first, then the rights are given up for good.
OTHER_USER = """
import json, os, sys, traceback, cv2, filelock, numpy.random, PIL.Image, platformdirs, tqdm
import course_utils.feeding.pictures, course_utils.feeding.readers
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid({user})
    os.setuid({user})
environment = dict(os.environ)
for line in sys.stdin:
    code, settings = json.loads(line)
    os.environ.update(settings)
    names = {{}}
    try:
        exec(code, names)
        answer = [names["answer"], ""]
    except Exception:
        answer = [None, traceback.format_exc()]
    os.environ.clear()
    os.environ.update(environment)
    print(json.dumps(answer), flush=True)
"""
REFUSAL = """
from course_utils.feeding.pictures import photo_set
try:
    answer = [str(photo_set(40)), ""]
except Exception as error:
    answer = [type(error).__name__, str(error)]
"""


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch):
    monkeypatch.delenv("COURSE_PICTURES", raising=False)
    monkeypatch.delenv("COURSE_CACHE", raising=False)
    monkeypatch.setenv("TQDM_DISABLE", "1")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of this test's own."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("COURSE_CACHE", str(folder))
    return folder


@pytest.fixture
def filled_cache(cache, photos):
    """A cache of this test's own with 40 photos in it."""
    shutil.copytree(photos.folder.parent, cache)
    return cache


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """40 packaged photos, made once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COURSE_PICTURES", raising=False)
        patch.setenv("COURSE_CACHE", str(tmp_path_factory.mktemp("photos")))
        return photo_set(40)


@pytest.fixture
def public_folder():
    """A folder that other users can reach; pytest's own is closed to them."""
    folder = Path(tempfile.mkdtemp(prefix="feeding-"))
    folder.chmod(0o755)
    yield folder
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    shutil.rmtree(folder)


def new_python(code, settings, **streams):
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(HOUSE), "PYTHONDONTWRITEBYTECODE": "1", **settings},
        stdout=subprocess.PIPE,
        text=True,
        **streams,
    )


@pytest.fixture
def start_python():
    """Start ``python -c code`` with ``settings`` in its environment. Killed after the test."""
    running = []

    def start(code, **settings):
        running.append(new_python(code, settings, stderr=subprocess.PIPE))
        return running[-1]

    yield start
    for child in running:
        child.kill()
        child.communicate()


@pytest.fixture
def ask_python(start_python):
    """Run code in a new process and return what it prints, read as JSON."""

    def ask(code, **options):
        out, err = start_python(code, **options).communicate(timeout=60)
        assert out, err
        return json.loads(out)

    return ask


@pytest.fixture(scope="session")
def ask_other_user():
    """Run code in a process for which permissions count; return what it calls ``answer``.

    One process for all tests: to import what it needs takes half a second.
    """
    if os.name != "posix":
        pytest.skip("needs POSIX permissions")
    child = new_python(OTHER_USER.format(user=NOBODY), {}, stdin=subprocess.PIPE)

    def ask(code, **settings):
        child.stdin.write(json.dumps([code, settings]) + "\n")
        child.stdin.flush()
        answer, error = json.loads(child.stdout.readline())
        assert not error, error
        return answer

    yield ask
    child.kill()
    child.communicate()


@pytest.fixture
def refusal(ask_other_user):
    """The class and the message of the error that another user's set of 40 photos ends in."""

    def ask(**settings):
        return ask_other_user(REFUSAL, **settings)

    return ask


@pytest.fixture
def own(tmp_path, photos):
    """A folder as people have it: 3 cats, 9 dogs, and what else lies about."""
    folder = tmp_path / "Bilder für mich"
    for name, count in (("dog", 9), ("cat", 3)):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            shutil.copy(photos.paths[number], folder / name / f"ü {number}.JPG")
    (folder / "cat" / ".hidden.jpg").write_bytes(b"")
    (folder / "cat" / "notes.txt").write_text("cats", encoding="utf-8")
    (folder / "cat" / "folder.jpg").mkdir()
    (folder / ".git").mkdir()
    (folder / "readme.md").write_text("mine", encoding="utf-8")
    (folder / "empty").mkdir()
    return folder
