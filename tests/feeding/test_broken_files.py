import numpy as np
import pytest
from PIL import Image

from course_utils.feeding.pictures import broken_files
from course_utils.feeding.readers import UnreadablePicture, read_photo


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
