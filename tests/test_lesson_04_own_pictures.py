"""Lesson 04 from the first cell to the last on somebody's own folder, as such folders are."""

import re
from io import BytesIO
from pathlib import Path

import cv2
import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from PIL import Image

from course_utils.classroom.figures import pixel_table
from course_utils.feeding.packaged import photograph
from course_utils.feeding.pictures import broken_files, photo_set
from course_utils.feeding.readers import UnreadablePicture, read_photo
from course_utils.project import notebooks

ROOT = Path(__file__).parents[1]
LESSON = ROOT / "notebooks" / "04_photos.ipynb"


def encoded(image, kind, **options):
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture
def odd_folder(tmp_path):
    """Thirty files in three class folders: no two alike, nine of which are no pictures at all."""
    folder = tmp_path / "my pictures"
    broken = {what: path.read_bytes() for what, path in broken_files(tmp_path / "b").items()}
    rgb = Image.fromarray(np.ascontiguousarray(photograph("coffee")[:300, :400, ::-1]))
    gray = rgb.convert("L")
    jpeg = encoded(rgb, "JPEG")
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    large = rgb.resize((3000, 4000))
    half_clear = rgb.copy()
    half_clear.putalpha(gray)
    indoors = {
        "one.jpg": jpeg,
        "CAPITALS.JPG": encoded(rgb.crop((0, 0, 90, 200)), "JPEG"),
        "progressive.jpeg": encoded(rgb, "JPEG", progressive=True),
        "gray.jpg": broken["grayscale"],
        "cmyk.jpg": broken["cmyk"],
        "turned.jpg": broken["exif_rotated"],
        "large.jpg": encoded(large, "JPEG", quality=70),
        "a png.jpg": encoded(rgb, "PNG"),
        "a jpeg.png": jpeg,
        "cut short.jpg": broken["truncated"],
        "empty.jpg": b"",
        "damaged.jpg": jpeg[:300] + bytes(300) + jpeg[600:],
    }
    outdoors = {
        "Zürich.png": encoded(rgb, "PNG"),
        "16 bits.png": broken["png16"],
        "16 bits gray.png": cv2.imencode(".png", np.full((50, 70), 40_000, np.uint16))[1].tobytes(),
        "transparent.png": encoded(half_clear, "PNG"),
        "gray and alpha.png": encoded(half_clear.convert("LA"), "PNG"),
        "palette.png": encoded(rgb.convert("P"), "PNG"),
        "one bit.png": encoded(rgb.convert("1"), "PNG"),
        "one pixel.png": encoded(rgb.crop((0, 0, 1, 1)), "PNG"),
        "text.png": broken["text"],
        "header alone.png": encoded(rgb, "PNG")[:33],
        "page.png": b"<!doctype html><title>404</title>",
    }
    sundry = {
        "moving.gif": broken["animated_gif"],
        "flat.bmp": encoded(rgb, "BMP"),
        "web.webp": encoded(rgb, "WEBP"),
        "scan.tif": encoded(rgb, "TIFF"),
        "long.tiff": encoded(rgb.resize((900, 3)), "TIFF"),
        "noise.webp": encoded(Image.fromarray(noise), "WEBP", lossless=True),
        "cut.tif": encoded(rgb, "TIFF")[:500],
    }
    for name, files in {"indoors": indoors, "outdoors": outdoors, "sundry": sundry}.items():
        (folder / name).mkdir(parents=True)
        for file, content in files.items():
            (folder / name / file).write_bytes(content)
    return folder


def opens(path):
    try:
        read_photo(path, 8, 8)
    except UnreadablePicture:
        return False
    return True


@pytest.mark.soak  # the lesson a second time: nbval runs it on the packaged photos
def test_lesson_04_runs_whole_on_thirty_odd_files(odd_folder, monkeypatch):
    chosen = photo_set(folder=odd_folder)
    assert len(chosen) == 30
    notebook = nbformat.read(LESSON, as_version=4)
    with notebooks.pinned_environment():
        monkeypatch.setenv("COURSE_PICTURES", str(odd_folder))
        client = NotebookClient(
            notebook, timeout=notebooks.CELL_LIMIT, resources={"metadata": {"path": str(ROOT)}}
        )
        client.execute()  # raises for a cell that fails, and a finding that doesn't hold fails
    printed = "".join(
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", ())
    )
    # What can't be read is told by name.
    for name in ("empty.jpg", "text.png", "cut short.jpg"):
        assert name in printed
    # The figures show this folder's photos, not the packaged ones: their tables have its colours.
    first = [str(path) for path in chosen.paths if opens(path)][:4]
    originals = [read_photo(path) for path in first]
    assert pixel_table(originals, [f"original {n}" for n in range(1, 5)]).splitlines()[2:] == [
        line for line in printed.splitlines() if re.match(r"original \d", line)
    ]
    resized = [cv2.resize(cv2.imread(path, cv2.IMREAD_COLOR_RGB), (224, 224)) for path in first[:3]]
    table = pixel_table(resized, [f"resized {n}" for n in range(1, 4)]).splitlines()[2:]
    assert [line.split() for line in table] == [
        line.split() for line in printed.splitlines() if re.match(r"resized \d", line)
    ]
