import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image

from course_utils.feeding.headers import first_picture, format_of, why_refused

PHOTO = Image.fromarray(np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8))
OTHER = PHOTO.transpose(Image.Transpose.ROTATE_180)
NOT_READ = "not a picture of a format read here (JPEG, PNG, GIF, BMP, WebP, TIFF): "
DAMAGED = (
    "it starts as a {} file and can't be decoded: cut short, damaged, or of a kind that OpenCV "
    "doesn't read"
)
KINDS = ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF"]


def data_of(kind, **options):
    buffer = io.BytesIO()
    PHOTO.save(buffer, kind, **options)
    return np.frombuffer(buffer.getvalue(), np.uint8)


def as_data(content):
    return np.frombuffer(content, np.uint8)


def with_peak(function, data):
    """What the function returns, and the bytes that it took meanwhile."""
    tracemalloc.start()
    try:
        return function(data), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def chunk(kind, content):
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def tiff(tags, order="<"):
    """The header of a TIFF file: tag -> (type, value)."""
    entries = b""
    for tag, (kind, value) in tags.items():
        field = (
            struct.pack(order + "HH", value, 0) if kind == 3 else struct.pack(order + "I", value)
        )
        entries += struct.pack(order + "HHI", tag, kind, 1) + field
    start = b"II*\0" if order == "<" else b"MM\0*"
    return as_data(start + struct.pack(order + "IH", 8, len(tags)) + entries + bytes(4))


@pytest.mark.parametrize("kind", KINDS)
def test_whole_pictures_are_let_through(kind):
    data = data_of(kind)
    assert format_of(data).upper() == kind
    assert why_refused(data) is None
    assert first_picture(data) is data


@pytest.mark.parametrize("kind", ["AVIF", "JPEG2000", "PPM"])
def test_other_formats_are_refused(kind):
    data = data_of(kind)
    assert format_of(data) is None
    assert why_refused(data).startswith(NOT_READ)


def test_what_is_no_picture_shows_its_first_bytes():
    assert why_refused(as_data(b"<html><body>")).endswith("): 12 bytes, the first are b'<html><b'")
    assert why_refused(as_data(b"\xff")).endswith(r"): 1 bytes, the first are b'\xff'")


@pytest.mark.parametrize("start", [b"II+\0\x08\0\0\0", b"MM\0+\0\x08\0\0"])
def test_a_big_tiff_file_is_called_what_it_is(start):
    text = "it is a BigTIFF file, which isn't read here: save it as an ordinary TIFF file"
    assert why_refused(as_data(start + bytes(100))) == text


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_a_file_that_ends_within_its_header_is_damaged(kind):
    data = data_of(kind)
    for end in range(8, 20):
        assert why_refused(data[:end]) == DAMAGED.format(kind)


def test_a_chunk_that_is_longer_than_its_file_is_damage():
    content = data_of("PNG").tobytes()
    for length in (len(content), 2**31 - 1, 2**32 - 1):
        longer = content[:33] + struct.pack(">I", length) + b"tEXt" + content[33:]
        assert why_refused(as_data(longer)) == DAMAGED.format("PNG")
    assert why_refused(as_data(content[:33] + chunk(b"tEXt", b"a\0b") + content[33:])) is None
    assert why_refused(as_data(content[:-12])) is None, "the end is missing, the pixels are there"


def test_more_than_1000_chunks_before_the_pixels_are_damage():
    content, empty = data_of("PNG").tobytes(), chunk(b"tEXt", b"")
    most = content[:33] + empty * 998 + content[33:]  # IHDR and IDAT are the other two
    assert why_refused(as_data(most)) is None
    assert why_refused(as_data(content[:33] + empty + most[33:])) == DAMAGED.format("PNG")


@pytest.mark.parametrize("default_image", [False, True])
def test_an_animated_png_is_made_a_still_one(default_image):
    data = data_of("PNG", save_all=True, append_images=[OTHER], default_image=default_image)
    assert Image.open(io.BytesIO(data)).is_animated
    still = first_picture(data)
    assert len(still) == len(data) - 20
    with Image.open(io.BytesIO(still.tobytes())) as image:
        assert not getattr(image, "is_animated", False)
        assert np.array_equal(image, PHOTO)


def test_all_announcements_of_an_animation_are_removed():
    content, announced = data_of("PNG").tobytes(), chunk(b"acTL", bytes(8))
    text = chunk(b"tEXt", b"a\0b")
    many = content[:33] + announced * 2 + text + announced * 990 + content[33:]
    assert why_refused(as_data(many)) is None
    assert first_picture(as_data(many)).tobytes() == content[:33] + text + content[33:]


def test_a_large_animation_is_copied_once():
    content, announced = data_of("PNG").tobytes(), chunk(b"acTL", bytes(8))
    data = as_data(content[:33] + announced * 6 + content[33:] + bytes(2**24))
    still, peak = with_peak(first_picture, data)
    assert len(still) == len(data) - 6 * 20
    assert peak < 1.1 * len(data)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [3, 4])
def test_tiles_of_a_tiff_file_may_not_be_huge(order, kind):
    sides = {322: (kind, 4096), 323: (kind, 4096)}
    assert why_refused(tiff(sides, order)) is None
    sides[322] = (kind, 4112)
    text = "it has tiles of more than 16,777,216 pixels: save it without tiles"
    assert why_refused(tiff(sides, order)) == text


def test_a_side_of_a_tile_that_is_no_whole_number_is_refused():
    assert "tiles" in why_refused(tiff({322: (5, 16), 323: (4, 16)}))


def test_a_tiff_file_without_tiles_may_have_what_tags_it_likes():
    assert why_refused(tiff({256: (4, 2**20), 278: (4, 2**32 - 1)})) is None


@pytest.mark.parametrize("kind", KINDS)
def test_it_costs_next_to_nothing(kind):
    """Of a large file, no more than the header is copied."""
    start = data_of(kind)
    data = np.zeros(2**24, np.uint8)
    data[: len(start)] = start
    for function in (format_of, why_refused, first_picture):
        assert with_peak(function, data)[1] < 10_000
