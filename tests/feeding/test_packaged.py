import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from course_utils.feeding import packaged
from course_utils.feeding.pictures import photo_set

DIGESTS = """
import hashlib
from course_utils.feeding.pictures import photo_set
answer = [hashlib.sha256(p.read_bytes()).hexdigest() for p in photo_set(40).paths]
"""

DYING = """
import os, signal
from course_utils.feeding.pictures import photo_set
replace, calls = os.replace, []
def dying(*names):
    calls.append(names)
    if len(calls) == {after}:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(*names)
os.replace = dying
photo_set(40)
"""


def digests(photos):
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in photos.paths]


def test_photos_are_real_labelled_and_of_differing_size(photos):
    assert len(photos) == len(photos.paths) == 40
    assert photos.source == "packaged photographs"
    assert photos.labels.dtype == np.int32
    assert photos.labels.shape == (40,)
    assert list(photos.classes) == sorted(photos.classes)
    for path, label, size in zip(photos.paths, photos.labels, photos.sizes, strict=True):
        assert path.parent == photos.folder / photos.classes[label]
        with Image.open(path) as image:
            assert image.format == "JPEG"
            assert image.size == size
            assert np.asarray(image).std() > 1
    assert len(set(photos.sizes)) > 30
    assert photos.megabytes * 1e6 == pytest.approx(sum(p.stat().st_size for p in photos.paths))


def test_the_average_photo_is_about_36_kilobytes(cache):
    photos = photo_set(512)
    assert 33 < photos.megabytes * 1e3 / 512 < 39
    width, height = np.mean(photos.sizes, axis=0)
    assert 380 < width < 420
    assert 310 < height < 350


def test_classes_are_balanced_and_mixed(photos):
    for count in (8, 20, 40):
        counts = np.bincount(photos.labels[:count], minlength=8)
        assert counts.max() - counts.min() <= 1
    assert len(set(photos.labels[:8].tolist())) == 8
    blocks = {tuple(block) for block in photos.labels.reshape(-1, 8).tolist()}
    assert len(blocks) > 1, "each block of eight has an order of its own"


def test_same_seed_same_pixels_and_a_smaller_set_is_the_beginning_of_a_larger(photos, cache):
    again, fewer, other = photo_set(40), photo_set(11), photo_set(40, seed=1)
    assert again.folder != photos.folder
    assert digests(again) == digests(photos)
    assert digests(fewer) == digests(photos)[:11]
    assert fewer.labels.tolist() == photos.labels[:11].tolist()
    assert not set(digests(other)) & set(digests(photos))


def test_the_second_call_writes_nothing(cache):
    before = {path: path.stat().st_mtime_ns for path in photo_set(10).paths}
    after = {path: path.stat().st_mtime_ns for path in photo_set(10).paths}
    assert before == after


def test_files_deleted_cut_short_or_replaced_are_mended(filled_cache, photos):
    made = photo_set(40)
    made.paths[3].unlink()
    made.paths[4].write_bytes(made.paths[4].read_bytes()[:1000])
    made.paths[5].write_bytes(b"")
    shutil.rmtree(made.paths[6].parent)
    untouched = next(path for path in made.paths if path.exists() and path not in made.paths[3:6])
    before = untouched.stat().st_mtime_ns
    assert digests(photo_set(40)) == digests(photos)
    assert untouched.stat().st_mtime_ns == before


@pytest.mark.parametrize("content", ["", "{", "[]", '{"photos": {"cat/00000.jpg": [1]}}', "{}"])
def test_a_damaged_index_is_made_again(filled_cache, photos, content):
    index = photo_set(40).folder / "index.json"
    index.write_text(content, encoding="utf-8")
    assert digests(photo_set(40)) == digests(photos)
    assert index.stat().st_size > 1000


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_killed_half_way_the_next_call_mends_it(
    filled_cache, tmp_path, monkeypatch, photos, start_python
):
    # Two caches, so that both processes run at once: one makes, one mends with the index there.
    making = start_python(DYING.format(after=20), COURSE_CACHE=str(tmp_path / "new"))
    made = photo_set(40)
    for path in made.paths[:3]:
        path.unlink()
    mending = start_python(DYING.format(after=2))
    for child in (making, mending):
        _, err = child.communicate(timeout=60)
        assert child.returncode == -signal.SIGKILL, err
    assert [path.exists() for path in made.paths[:4]] == [True, False, False, True]
    assert digests(photo_set(40)) == digests(photos)
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "new"))
    (folder,) = [path for path in (tmp_path / "new").iterdir() if path.is_dir()]
    assert len(list(folder.glob("*/*.jpg"))) == 19
    # What lies there without an index counts for nothing, not even where it looks whole.
    sorted(folder.glob("*/*.jpg"))[0].write_bytes(b"left half-written")
    assert digests(photo_set(40)) == digests(photos)
    assert not list(tmp_path.rglob("*.part"))


def wait_for(path, child, seconds=60):
    limit = time.monotonic() + seconds
    while not path.exists():
        assert child.poll() is None, child.communicate()
        assert time.monotonic() < limit, f"{path.name} didn't appear in {seconds} s"
        time.sleep(0.01)


def test_a_second_process_waits_and_uses_what_the_first_made(cache, tmp_path, start_python):
    first = start_python(f"""
import os, pathlib, time
from course_utils.feeding.pictures import photo_set
half_way, go_on = pathlib.Path({str(tmp_path)!r}, "half"), pathlib.Path({str(tmp_path)!r}, "go")
replace, calls = os.replace, []
def pausing(*names):
    calls.append(names)
    if len(calls) == 20:
        half_way.touch()
        while not go_on.exists():
            time.sleep(0.01)
    replace(*names)
os.replace = pausing
photo_set(40)
print(len(calls))
""")
    second = start_python(f"""
import os, pathlib, time, cv2, filelock
from course_utils.feeding.pictures import photo_set
while not pathlib.Path({str(tmp_path)!r}, "half").exists():
    time.sleep(0.01)
acquire = filelock.FileLock.acquire
def telling(*args, **options):
    pathlib.Path({str(tmp_path)!r}, "asked").touch()
    return acquire(*args, **options)
filelock.FileLock.acquire = telling
replace, calls = os.replace, []
os.replace = lambda *names: (calls.append(names), replace(*names))
print(len(photo_set(40)), len(calls))
""")
    wait_for(tmp_path / "half", first)
    wait_for(tmp_path / "asked", second)
    (tmp_path / "go").touch()
    assert first.communicate(timeout=60)[0].split() == ["41"], "40 photos and the index"
    assert second.communicate(timeout=60)[0].split() == ["40", "0"]


def test_a_lost_photograph_is_named(cache, monkeypatch):
    monkeypatch.setitem(packaged.SOURCES, "cat", "lost.png")
    with pytest.raises(FileNotFoundError, match=r"no photograph lost\.png.*COURSE_PICTURES"):
        photo_set(8)


def test_an_unwritable_cache_is_named_with_its_cure(public_folder, refusal):
    cache = public_folder / "closed"
    cache.mkdir(mode=0o555)
    kind, text = refusal(COURSE_CACHE=str(cache / "photos"))
    assert kind == "PermissionError"
    assert str(cache / "photos") in text
    assert "COURSE_CACHE" in text


def test_a_whole_cache_may_be_read_only(public_folder, ask_other_user, photos):
    cache = public_folder / "cache"
    shutil.copytree(photos.folder.parent, cache)
    for path in [*cache.rglob("*"), cache]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    assert ask_other_user(DIGESTS, COURSE_CACHE=str(cache)) == digests(photos)


def test_a_file_in_the_way_of_the_cache_is_named(tmp_path, monkeypatch):
    (tmp_path / "cache").write_text("not a folder", encoding="utf-8")
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    with pytest.raises(OSError, match=r"A file is in the way.*COURSE_CACHE"):
        photo_set(8)


def test_a_full_disk_is_named_and_nothing_half_made_counts(tmp_path, monkeypatch, photos):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("needs Linux and root to mount a small disk")
    if (done := subprocess.run(mount, capture_output=True, text=True)).returncode:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    try:
        monkeypatch.setenv("COURSE_CACHE", str(disk / "cache"))
        for _ in range(2):
            with pytest.raises(
                OSError, match=r"The disk is full.*disk/cache.*1\.6 MB.*COURSE_CACHE"
            ):
                photo_set(40)
            assert not [path for path in disk.rglob("*") if path.is_file() and path.stat().st_size]
        assert len(photo_set(4)) == 4, "the disk was not left full"
        subprocess.run(["mount", "-o", "remount,size=9m", str(disk)], check=True)
        assert digests(photo_set(40)) == digests(photos)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_the_progress_bar_is_on_stderr_alone_and_vanishes(tmp_path, start_python):
    code = "from course_utils.feeding import pictures as p; p.photo_set({})"
    shown = (
        "import tqdm\nclass Now(tqdm.tqdm):\n"
        "    def __init__(self, *a, **k): super().__init__(*a, **{**k, 'delay': 0})\n"
        f"tqdm.tqdm = Now\n{code.format(30)}"
    )
    child = start_python(shown, COURSE_CACHE=str(tmp_path), TQDM_DISABLE="")
    silent = start_python(code.format(31), COURSE_CACHE=str(tmp_path), TQDM_DISABLE="1")
    out, err = child.communicate(timeout=60)
    assert out == ""
    assert "cutting photos" in err
    # The carriage returns arrive as line ends.
    assert err.splitlines()[-1].strip() == "", "the bar is wiped at the end"
    assert silent.communicate(timeout=60) == ("", "")


def test_nothing_is_asked_of_the_network(tmp_path, ask_python, photos):
    offline = """
import sys
def no_network(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "urllib.Request"):
        raise RuntimeError(f"asked the network: {event} {args}")
sys.addaudithook(no_network)
"""
    made = ask_python(
        offline + DIGESTS + "import json; print(json.dumps(answer))", COURSE_CACHE=str(tmp_path)
    )
    assert made == digests(photos)
