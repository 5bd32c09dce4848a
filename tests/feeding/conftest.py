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
BECOME = """
import os, cv2, filelock, numpy.random, PIL.Image, platformdirs, tqdm
import course_utils.feeding.pictures, course_utils.feeding.readers
os.setgroups([])
os.setgid({user})
os.setuid({user})
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


@pytest.fixture
def start_python():
    """Start ``python -c code``, as ``user``, with ``settings`` in its environment.

    Killed after the test.
    """
    running = []

    def start(code, *, user=None, **settings):
        if user is not None:
            code = BECOME.format(user=user) + code
        child = subprocess.Popen(
            [sys.executable, "-c", code],
            env={
                **os.environ,
                "PYTHONPATH": str(HOUSE),
                "PYTHONDONTWRITEBYTECODE": "1",
                **settings,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(child)
        return child

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


@pytest.fixture
def as_other_user():
    """The user to run a child as, so that permissions count; None where they count already."""
    if os.name != "posix":
        pytest.skip("needs POSIX permissions")
    return NOBODY if os.geteuid() == 0 else None
