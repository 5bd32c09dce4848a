import os
import pickle
import shutil
import struct
import sys
import zlib
from unittest.mock import Mock

import cv2
import numpy as np
import pytest
from PIL import Image

from course_utils.feeding.pictures import broken_files
from course_utils.feeding.readers import UnreadablePicture, read_bgr_float64, read_photo


def test_a_photo_is_rgb_uint8_of_the_size_asked_for(tmp_path):
    path = tmp_path / "red over blue.png"
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[:10, :, 0], pixels[10:, :, 2] = 255, 255
    Image.fromarray(pixels).save(path)
    photo = read_photo(path)
    assert photo.shape == (224, 224, 3)
    assert photo.dtype == np.uint8
    photo = read_photo(path, height=6, width=4)
    assert photo.shape == (6, 4, 3)
    assert photo[0, 0].tolist() == [255, 0, 0]
    assert photo[-1, -1].tolist() == [0, 0, 255]
    assert np.array_equal(read_photo(path, 20, 30), pixels)


def test_pixels_are_those_of_opencv(photos, tmp_path):
    files = broken_files(tmp_path)
    odd = [files[name] for name in ("grayscale", "cmyk", "png16", "exif_rotated", "animated_gif")]
    for path in [*photos.paths[:8], *odd]:
        expected = cv2.imread(str(path), cv2.IMREAD_COLOR)
        expected = cv2.resize(expected, (60, 50), interpolation=cv2.INTER_LINEAR)[:, :, ::-1]
        # CMYK and grayscale take another way to RGB than to BGR inside OpenCV: rounding.
        assert np.abs(read_photo(path, 50, 60).astype(int) - expected).max() <= 1, path.name


@pytest.mark.parametrize("kind", [str, os.fsencode, lambda path: path])
def test_any_name_and_any_kind_of_path(photos, tmp_path, kind):
    path = tmp_path / "Jörgs Fotos 写真" / "café ☕.jpg"
    path.parent.mkdir()
    shutil.copy(photos.paths[0], path)
    assert np.array_equal(read_photo(kind(path)), read_photo(photos.paths[0]))


def test_out_is_filled_and_returned(photos):
    batch = np.zeros((3, 50, 60, 3), np.uint8)
    for place in range(3):
        row = batch[place]
        assert read_photo(photos.paths[place], 50, 60, out=row) is row
    for place in range(3):
        assert np.array_equal(batch[place], read_photo(photos.paths[place], 50, 60))


@pytest.mark.parametrize(
    "out",
    [
        np.zeros((60, 50, 3), np.uint8),
        np.zeros((50, 60, 3), np.float32),
        np.zeros((50, 120, 3), np.uint8)[:, ::2],
        np.broadcast_to(np.zeros(3, np.uint8), (50, 60, 3)),
    ],
)
def test_an_out_that_does_not_fit_is_refused(photos, out):
    with pytest.raises(ValueError, match="out must be"):
        read_photo(photos.paths[0], 50, 60, out=out)


def test_a_size_below_one_pixel_is_refused(photos):
    with pytest.raises(ValueError, match="height must be 1 or more, found 0"):
        read_photo(photos.paths[0], 0, 60)


@pytest.mark.parametrize("width", [10.5, "60", True, None])
def test_a_size_that_is_no_whole_number_is_refused(photos, width):
    with pytest.raises(TypeError, match=f"width must be a whole number, found {width!r}"):
        read_photo(photos.paths[0], 50, width)


def test_a_size_may_be_a_number_of_numpys(photos):
    assert read_photo(photos.paths[0], np.int64(50), np.uint8(60)).shape == (50, 60, 3)


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("empty", r"the file is empty \(0 bytes\)"),
        ("truncated", "starts as a JPEG file and can't be decoded: cut short, damaged, or"),
        ("text", "not a picture of a format read here .*This is"),
    ],
)
def test_what_is_wrong_with_a_broken_file(tmp_path, what, reason):
    path = broken_files(tmp_path)[what]
    with pytest.raises(UnreadablePicture, match=reason) as error:
        read_photo(path)
    assert error.value.path == str(path)
    assert str(error.value).startswith(f"{path}: ")


@pytest.mark.parametrize("part", [0.05, 0.3, 0.6, 0.95, -1000])
def test_a_photo_cut_short_is_noticed(photos, tmp_path, part):
    content = photos.paths[0].read_bytes()
    kept = int(len(content) * part) if part > 0 else part
    (tmp_path / "cut.jpg").write_bytes(content[:kept])
    with pytest.raises(UnreadablePicture, match="cut short"):
        read_photo(tmp_path / "cut.jpg")


def test_a_whole_file_that_opencv_does_not_read_need_not_be_damaged(tmp_path):
    Image.new("F", (64, 48)).save(tmp_path / "float.tif")
    with pytest.raises(UnreadablePicture, match="or of a kind that OpenCV doesn't read"):
        read_photo(tmp_path / "float.tif")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF"])
def test_a_cut_is_noticed_in_each_format(photos, tmp_path, kind):
    with Image.open(photos.paths[0]) as image:
        image.save(tmp_path / "whole", kind)
    content = (tmp_path / "whole").read_bytes()
    for part in (0.3, 0.6, 0.95):
        (tmp_path / "cut").write_bytes(content[: int(len(content) * part)])
        with pytest.raises(UnreadablePicture, match="cut short"):
            read_photo(tmp_path / "cut")


def test_a_flipped_bit_is_noticed_in_png(photos, tmp_path):
    with Image.open(photos.paths[0]) as image:
        image.save(tmp_path / "whole.png")
    content = (tmp_path / "whole.png").read_bytes()
    for place in np.linspace(100, len(content) - 100, 20).astype(int):
        flipped = content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :]
        (tmp_path / "flipped.png").write_bytes(flipped)
        with pytest.raises(UnreadablePicture, match="damaged"):
            read_photo(tmp_path / "flipped.png")


def test_a_name_that_no_file_can_have():
    with pytest.raises(UnreadablePicture, match=r"it can't be opened .*null"):
        read_photo("a\0b.jpg")


def test_no_such_file_and_a_folder(tmp_path):
    with pytest.raises(UnreadablePicture, match="there is no such file"):
        read_photo(tmp_path / "gone.jpg")
    with pytest.raises(UnreadablePicture, match="it is a folder, not a file"):
        read_photo(tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX's special files")
def test_what_has_no_end_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "zero.jpg").symlink_to("/dev/zero")
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    (tmp_path / "dangling.jpg").symlink_to("gone.jpg")
    for name, reason in {
        "pipe.jpg": "it is a pipe, not a file",
        "zero.jpg": "it is a device or a socket, not a file",
        "loop.jpg": "it can't be opened .*symbolic links",
        "dangling.jpg": "there is no such file",
    }.items():
        with pytest.raises(UnreadablePicture, match=reason):
            read_photo(tmp_path / name)


@pytest.mark.skipif(os.name != "posix", reason="not everybody may make links on Windows")
def test_a_link_to_a_photo_is_read(photos, tmp_path):
    (tmp_path / "link.jpg").symlink_to(photos.paths[0])
    assert np.array_equal(read_photo(tmp_path / "link.jpg"), read_photo(photos.paths[0]))


def test_a_file_of_too_many_bytes_is_not_read(tmp_path):
    path = tmp_path / "sparse.jpg"
    with path.open("wb") as file:
        file.truncate(2**27 + 1)
    with pytest.raises(UnreadablePicture, match="134,217,729 bytes, more than 134,217,728"):
        read_photo(path)


def write_huge(path):
    """A small PNG file that says it has 30,000 x 30,000 pixels."""
    content = cv2.imencode(".png", np.zeros((4, 4), np.uint8))[1].tobytes()
    header = b"IHDR" + struct.pack(">II", 30000, 30000) + content[24:29]
    path.write_bytes(content[:12] + header + struct.pack(">I", zlib.crc32(header)) + content[33:])


@pytest.mark.parametrize(
    ("setting", "most"), [(None, "67,108,864"), ("1000", "1,000"), ("2KB", "2KB")]
)
def test_a_picture_of_too_many_pixels_is_refused(tmp_path, ask_python, setting, most):
    path = tmp_path / "huge.png"
    write_huge(path)
    code = f"""
import json, os
os.environ.pop("OPENCV_IO_MAX_IMAGE_PIXELS", None)
if {setting!r}:
    os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = {setting!r}
from course_utils.feeding.readers import UnreadablePicture, read_photo
try:
    read_photo({str(path)!r})
except UnreadablePicture as error:
    print(json.dumps(error.reason))
"""
    assert ask_python(code) == (
        f"it has more than {most} pixels: make it smaller, or raise OPENCV_IO_MAX_IMAGE_PIXELS"
    )


@pytest.mark.parametrize("setting", [None, "1000"])
def test_opencv_imported_first_is_warned_of(start_python, setting):
    """Its own limit stays, unless the variable was set before."""
    code = f"""
import os
os.environ.pop("OPENCV_IO_MAX_IMAGE_PIXELS", None)
if {setting!r}:
    os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = {setting!r}
import cv2
import course_utils
import importlib
importlib.reload(course_utils)
"""
    err = start_python(code).communicate(timeout=60)[1]
    text = "RuntimeWarning: OpenCV was imported before course_utils and keeps its own limit"
    assert err.count(text) == (0 if setting else 1), err


def test_an_error_of_opencv_is_told_though_another_came_later(photos, tmp_path, monkeypatch):
    """`err` and `code` of a cv2.error tell of the latest one, in whichever thread that was."""
    write_huge(tmp_path / "huge.png")
    with pytest.raises(cv2.error) as first:
        cv2.imread(str(tmp_path / "huge.png"))
    with pytest.raises(cv2.error) as second:
        cv2.resize(np.zeros((1, 1), np.uint8), (2**30, 2**30))
    with pytest.raises(cv2.error) as third:
        cv2.resize(np.zeros((0, 0), np.uint8), (3, 3))
    assert first.value.err == second.value.err == third.value.err
    for error, kind, reason in [
        (first.value, UnreadablePicture, "it has more than .* pixels"),
        (second.value, MemoryError, "not enough memory to decode it"),
        (third.value, UnreadablePicture, "OpenCV refuses it: .*empty"),
    ]:
        monkeypatch.setattr(cv2, "imdecode", Mock(side_effect=error))
        with pytest.raises(kind, match=reason):
            read_photo(photos.paths[0])


@pytest.mark.skipif(sys.platform != "linux", reason="limits this process's memory")
def test_too_little_memory_is_not_the_files_fault(tmp_path, start_python):
    path = tmp_path / "large.png"
    path.write_bytes(cv2.imencode(".png", np.zeros((8000, 8000), np.uint8))[1].tobytes())
    code = f"""
import os, resource
from course_utils.feeding.readers import read_photo
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
resource.setrlimit(resource.RLIMIT_AS, (used + 2**26, used + 2**26))
read_photo({str(path)!r})
"""
    err = start_python(code).communicate(timeout=60)[1]
    assert f"MemoryError: {path}: not enough memory to decode it" in err


def test_a_file_without_permission(public_folder, photos, ask_other_user):
    path = public_folder / "closed.jpg"
    shutil.copy(photos.paths[0], path)
    path.chmod(0o000)
    code = f"""
from course_utils.feeding.readers import UnreadablePicture, read_photo
try:
    read_photo({str(path)!r})
except UnreadablePicture as error:
    answer = error.reason
"""
    assert ask_other_user(code) == "no permission to read it"


def test_the_error_survives_the_way_between_processes():
    error = pickle.loads(pickle.dumps(UnreadablePicture("a/b.jpg", "it is empty")))
    assert isinstance(error, ValueError)
    assert (error.path, error.reason) == ("a/b.jpg", "it is empty")
    assert str(error) == "a/b.jpg: it is empty"


def test_the_worker_of_004_e3_has_its_flaws(photos, tmp_path):
    photo = read_bgr_float64(str(photos.paths[0]), 50, 60)
    assert photo.dtype == np.float64
    assert photo.nbytes == 8 * read_photo(photos.paths[0], 50, 60).nbytes
    assert np.allclose(photo[:, :, ::-1] * 255, read_photo(photos.paths[0], 50, 60), atol=1e-6)
    with pytest.raises(cv2.error) as error:
        read_bgr_float64(str(tmp_path / "gone.jpg"))
    assert "gone.jpg" not in str(error.value)


def test_a_worker_imports_neither_tensorflow_nor_the_pictures_libraries(ask_python):
    loaded = ask_python(
        "import sys, json, course_utils.feeding.readers\n"
        "print(json.dumps([name for name in ('tensorflow', 'keras', 'PIL', 'skimage', "
        "'matplotlib', 'tqdm', 'course_utils.feeding.pictures') if name in sys.modules]))"
    )
    assert loaded == []
