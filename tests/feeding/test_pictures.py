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

from course_utils.feeding import pictures
from course_utils.feeding.pictures import broken_files, photo_set
from course_utils.feeding.readers import UnreadablePicture, read_photo


def digests(photos):
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in photos.paths]


ENDINGS = ("jpg", "jpeg", "png", "gif", "bmp", "webp", "tif", "tiff", "JPEG", "PnG")

DIGESTS = """
import hashlib, json
from course_utils.feeding.pictures import photo_set
print(json.dumps([hashlib.sha256(p.read_bytes()).hexdigest() for p in photo_set(40).paths]))
"""

REFUSAL = """
import json
from course_utils.feeding.pictures import photo_set
try:
    print(json.dumps([str(photo_set(40)), ""]))
except Exception as error:
    print(json.dumps([type(error).__name__, str(error)]))
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


# --- the packaged photographs


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


def test_the_representation_is_two_lines_without_a_path(photos):
    text = repr(photos)
    assert text.startswith(
        "40 photos of 8 classes: astronaut, cat, coffee, galaxies, motorcycle, retina, rocket, "
        "tissue\n1."
    )
    assert text.endswith("pixels")
    assert len(text.splitlines()) == 2
    assert str(photos.folder) not in text


def test_the_second_call_writes_nothing(cache):
    before = {path: path.stat().st_mtime_ns for path in photo_set(10).paths}
    after = {path: path.stat().st_mtime_ns for path in photo_set(10).paths}
    assert before == after


def test_files_deleted_cut_short_or_replaced_are_mended(cache, photos):
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
def test_a_damaged_index_is_made_again(cache, photos, content):
    index = photo_set(40).folder / "index.json"
    index.write_text(content, encoding="utf-8")
    assert digests(photo_set(40)) == digests(photos)
    assert index.stat().st_size > 1000


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_killed_half_way_the_next_call_mends_it(cache, photos, start_python):
    child = start_python(DYING.format(after=20))
    _, err = child.communicate(timeout=60)
    assert child.returncode == -signal.SIGKILL, err
    (folder,) = [path for path in cache.iterdir() if path.is_dir()]
    assert len(list(folder.glob("*/*.jpg"))) == 19
    # What lies there without an index counts for nothing, not even where it looks whole.
    sorted(folder.glob("*/*.jpg"))[0].write_bytes(b"left half-written")
    assert digests(photo_set(40)) == digests(photos)
    # And killed while mending, with the index there.
    for path in photo_set(40).paths[:3]:
        path.unlink()
    child = start_python(DYING.format(after=2))
    _, err = child.communicate(timeout=60)
    assert child.returncode == -signal.SIGKILL, err
    assert digests(photo_set(40)) == digests(photos)
    assert not list(folder.rglob("*.part"))


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
    wait_for(tmp_path / "half", first)
    second = start_python(f"""
import os, pathlib, filelock
from course_utils.feeding.pictures import photo_set
acquire = filelock.FileLock.acquire
def telling(*args, **options):
    pathlib.Path({str(tmp_path)!r}, "asked").touch()
    return acquire(*args, **options)
filelock.FileLock.acquire = telling
replace, calls = os.replace, []
os.replace = lambda *names: (calls.append(names), replace(*names))
print(len(photo_set(40)), len(calls))
""")
    wait_for(tmp_path / "asked", second)
    (tmp_path / "go").touch()
    assert first.communicate(timeout=60)[0].split() == ["41"], "40 photos and the index"
    assert second.communicate(timeout=60)[0].split() == ["40", "0"]


def test_a_lost_photograph_is_named(cache, monkeypatch):
    monkeypatch.setitem(pictures.SOURCES, "cat", "lost.png")
    with pytest.raises(FileNotFoundError, match=r"no photograph lost\.png.*COURSE_PICTURES"):
        photo_set(8)


def test_an_unwritable_cache_is_named_with_its_cure(public_folder, ask_python, as_other_user):
    cache = public_folder / "closed"
    cache.mkdir(mode=0o555)
    kind, text = ask_python(REFUSAL, user=as_other_user, COURSE_CACHE=str(cache / "photos"))
    assert kind == "PermissionError"
    assert str(cache / "photos") in text
    assert "COURSE_CACHE" in text


def test_a_whole_cache_may_be_read_only(public_folder, ask_python, as_other_user, photos):
    cache = public_folder / "cache"
    ask_python(DIGESTS, COURSE_CACHE=str(cache))
    for path in [*cache.rglob("*"), cache]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    assert ask_python(DIGESTS, user=as_other_user, COURSE_CACHE=str(cache)) == digests(photos)


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
    out, err = child.communicate(timeout=60)
    assert out == ""
    assert "cutting photos" in err
    # The carriage returns arrive as line ends.
    assert err.splitlines()[-1].strip() == "", "the bar is wiped at the end"
    child = start_python(code.format(31), COURSE_CACHE=str(tmp_path), TQDM_DISABLE="1")
    assert child.communicate(timeout=60) == ("", "")


def test_nothing_is_asked_of_the_network(tmp_path, ask_python, photos):
    offline = """
import sys
def no_network(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "urllib.Request"):
        raise RuntimeError(f"asked the network: {event} {args}")
sys.addaudithook(no_network)
"""
    assert ask_python(offline + DIGESTS, COURSE_CACHE=str(tmp_path)) == digests(photos)


@pytest.mark.parametrize(
    ("arguments", "kind", "text"),
    [
        ({"count": 0}, ValueError, "count must be 1 or more, found 0"),
        ({"seed": -1}, ValueError, "seed must be 0 or more, found -1"),
        ({"count": 2.5}, TypeError, "count must be a whole number, found 2.5"),
        ({"count": True}, TypeError, "count must be a whole number, found True"),
        ({"count": "many"}, TypeError, "count must be a whole number, found 'many'"),
    ],
)
def test_a_count_or_seed_that_is_none_is_refused(cache, arguments, kind, text):
    with pytest.raises(kind, match=text):
        photo_set(**arguments)


def test_importing_the_module_imports_nothing_heavy(ask_python):
    loaded = ask_python(
        "import sys, json, course_utils.feeding.pictures\n"
        "print(json.dumps([name for name in ('tensorflow', 'numpy', 'cv2', 'PIL', 'skimage', "
        "'matplotlib', 'tqdm', 'filelock', 'platformdirs') if name in sys.modules]))"
    )
    assert loaded == []


# --- the learner's own pictures


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


def test_own_pictures_replace_the_set(own, monkeypatch):
    monkeypatch.setenv("COURSE_PICTURES", str(own))
    mine = photo_set()
    assert mine.source == "COURSE_PICTURES"
    assert mine.classes == ("cat", "dog")
    assert mine.folder == own
    assert np.bincount(mine.labels).tolist() == [3, 9]
    assert all(
        path.parent.name == mine.classes[label]
        for path, label in zip(mine.paths, mine.labels, strict=True)
    )
    assert len(set(mine.paths)) == 12
    assert all(mine.sizes)
    assert str(own) not in repr(mine)


def test_own_pictures_are_drawn_evenly_with_the_seed(own):
    assert photo_set(folder=own).source == "folder"
    six = photo_set(6, folder=own)
    assert np.bincount(six.labels).tolist() == [3, 3]
    assert photo_set(6, folder=own).paths == six.paths
    assert photo_set(12, folder=own).paths[:6] == six.paths
    assert photo_set(6, seed=1, folder=own).paths != six.paths
    assert len(photo_set(1, folder=own)) == 1


def test_the_argument_goes_before_the_variable_and_an_empty_variable_counts_as_unset(
    own, cache, monkeypatch
):
    monkeypatch.setenv("COURSE_PICTURES", str(own / "nowhere"))
    assert photo_set(folder=own).source == "folder"
    monkeypatch.setenv("COURSE_PICTURES", " ")
    assert photo_set(8).source == "packaged photographs"


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_ending_is_known_and_readable(tmp_path, ending):
    for name in "ab":
        (tmp_path / name).mkdir()
        Image.new("RGB", (30, 20), "red").save(tmp_path / name / f"x.{ending}")
    mine = photo_set(folder=tmp_path)
    assert mine.sizes == ((30, 20), (30, 20))
    assert read_photo(mine.paths[0], 4, 4).shape == (4, 4, 3)


def test_a_single_unreadable_picture_stays_in_the_set(own):
    (own / "cat" / "broken.jpg").write_bytes(b"")
    mine = photo_set(folder=own)
    assert len(mine) == 13
    assert mine.sizes[mine.paths.index(own / "cat" / "broken.jpg")] is None


def refused(kind, folder, *words):
    with pytest.raises(kind) as refusal:
        photo_set(folder=folder)
    text = str(refusal.value)
    for word in (str(folder), "Expected: a folder with two or more class folders", *words):
        assert word in text
    return text


def test_a_folder_that_is_not_there(tmp_path):
    refused(FileNotFoundError, tmp_path / "gone", "doesn't exist")


def test_a_file_instead_of_a_folder(photos):
    refused(NotADirectoryError, photos.paths[0], "is a file")


def test_no_class_folders(tmp_path, photos):
    refused(ValueError, tmp_path, "neither folders nor pictures")
    for number in range(2):
        shutil.copy(photos.paths[number], tmp_path)
    refused(ValueError, tmp_path, "no class folders, only 2 loose pictures")


def test_only_one_class(own):
    shutil.rmtree(own / "dog")
    refused(ValueError, own, "one class folder with pictures (cat)")


def test_folders_without_pictures_directly_in_them(own):
    (own.parent / "more" / "train").mkdir(parents=True)
    own.rename(own.parent / "more" / "train" / "own")
    refused(
        ValueError, own.parent / "more", "only folders without pictures directly in them: train."
    )


def test_a_class_of_which_nothing_decodes(own):
    for path in (own / "cat").glob("*.JPG"):
        path.write_text("text", encoding="utf-8")
    refused(ValueError, own, "no readable picture of class cat: 3 tried", "not a picture")


def test_the_variable_is_named_in_the_refusal(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PICTURES", str(tmp_path / "gone"))
    with pytest.raises(FileNotFoundError, match=r"COURSE_PICTURES: the folder .* doesn't exist"):
        photo_set()


def test_a_folder_without_permission(public_folder, photos, ask_python, as_other_user):
    for name in ("cat", "dog"):
        (public_folder / name).mkdir()
        shutil.copy(photos.paths[0], public_folder / name / "1.jpg")
    for closed in (public_folder / "dog", public_folder):
        closed.chmod(0o000)
        kind, text = ask_python(REFUSAL, user=as_other_user, COURSE_PICTURES=str(public_folder))
        assert kind == "PermissionError"
        assert f"the folder {closed} can't be read: no permission" in text
    public_folder.chmod(0o755)


# --- broken files


def test_broken_files_are_what_they_are_called(tmp_path):
    files = broken_files(tmp_path / "new" / "folder")
    assert set(files) == {
        "empty",
        "truncated",
        "text",
        "grayscale",
        "cmyk",
        "png16",
        "exif_rotated",
        "animated_gif",
    }
    for broken in ("empty", "truncated", "text"):
        with pytest.raises(UnreadablePicture, match=files[broken].name):
            read_photo(files[broken])
    assert files["empty"].stat().st_size == 0
    assert files["truncated"].read_bytes().startswith(b"\xff\xd8")
    modes = {}
    for odd in ("grayscale", "cmyk", "exif_rotated", "animated_gif"):
        with Image.open(files[odd]) as image:
            modes[odd] = (image.mode, image.size, getattr(image, "n_frames", 1))
            if odd == "exif_rotated":
                assert image.getexif()[0x0112] == 6
    assert modes == {
        "grayscale": ("L", (240, 160), 1),
        "cmyk": ("CMYK", (240, 160), 1),
        "exif_rotated": ("RGB", (160, 240), 1),
        "animated_gif": ("P", (240, 160), 3),
    }
    header = files["png16"].read_bytes()[:26]
    assert (header[24], header[25]) == (16, 2), "bits per channel, and the number for RGB"


def test_the_odd_ones_show_the_same_photo_upright(tmp_path):
    files = broken_files(tmp_path)
    plain = read_photo(files["png16"], 160, 240).astype(int)
    for odd, limit in {"cmyk": 8, "exif_rotated": 4, "animated_gif": 8}.items():
        photo = read_photo(files[odd], 160, 240).astype(int)
        assert np.abs(photo - plain).mean() < limit, odd
    gray = read_photo(files["grayscale"], 160, 240)
    assert np.ptp(gray, axis=-1).max() == 0


def test_broken_files_are_the_same_each_time(tmp_path):
    first, second = broken_files(tmp_path / "a"), broken_files(tmp_path / "b")
    broken_files(tmp_path / "b")
    assert {what: path.read_bytes() for what, path in first.items()} == {
        what: path.read_bytes() for what, path in second.items()
    }
