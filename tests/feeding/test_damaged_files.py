"""Damaged files by the hundred, from a fixed seed, in one epoch of the reader that carries on.

Some of them arrive. Flipped bytes of a format without checksums make other pixels, or none at all:
no reader can tell.
"""

import hashlib
import io
import json
import os
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import course_utils
from course_utils.feeding.readers import MOST_BYTES, read_photo

HEIGHT, WIDTH = 32, 40
HOUSE = str(Path(course_utils.__file__).parents[1])
GIBIBYTE = 2**30

# Pictures that are whole ---------------------------------------------------------------------


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def whole_pictures(photo):
    """Ending with a remark -> content: one photo in many formats and modes."""
    rgb = photo.resize((64, 48))
    flipped = rgb.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    gray, rgba = rgb.convert("L"), rgb.convert("RGBA")
    deep = Image.fromarray(np.asarray(gray).astype(np.uint16) * 257)
    turned = Image.Exif()
    turned[0x0112] = 6
    several = {"save_all": True, "append_images": [flipped, rgb], "duration": 100}
    return {
        "jpg": encoded(rgb, "JPEG"),
        "progressive.jpg": encoded(rgb, "JPEG", progressive=True),
        "restarts.jpg": encoded(rgb, "JPEG", restart_marker_rows=1),
        "cmyk.jpg": encoded(rgb.convert("CMYK"), "JPEG"),
        "gray.jpg": encoded(gray, "JPEG"),
        "turned.jpg": encoded(rgb, "JPEG", exif=turned),
        "png": encoded(rgb, "PNG"),
        "one_bit.png": encoded(rgb.convert("1"), "PNG"),
        "palette.png": encoded(rgb.quantize(16), "PNG"),
        "gray_alpha.png": encoded(rgb.convert("LA"), "PNG"),
        "alpha.png": encoded(rgba, "PNG"),
        "deep.png": encoded(deep, "PNG"),
        "animated.png": encoded(rgba, "PNG", **several),
        "gif": encoded(rgb, "GIF"),
        "animated.gif": encoded(rgb, "GIF", **several),
        "webp": encoded(rgb, "WEBP"),
        "lossless.webp": encoded(rgba, "WEBP", lossless=True),
        "animated.webp": encoded(rgb, "WEBP", **several),
        "bmp": encoded(rgb, "BMP"),
        "palette.bmp": encoded(rgb.quantize(16), "BMP"),
        "tif": encoded(rgb, "TIFF"),
        "lzw.tif": encoded(rgb, "TIFF", compression="tiff_lzw"),
        "deflate.tif": encoded(rgb, "TIFF", compression="tiff_adobe_deflate"),
        "jpeg.tif": encoded(rgb, "TIFF", compression="jpeg"),
        "one_bit.tif": encoded(rgb.convert("1"), "TIFF", compression="group4"),
        "deep.tif": encoded(deep, "TIFF"),
        "float.tif": encoded(gray.convert("F"), "TIFF"),
        "cmyk.tif": encoded(rgb.convert("CMYK"), "TIFF"),
        "pages.tif": encoded(rgb, "TIFF", save_all=True, append_images=[flipped]),
        "big.tif": encoded(rgb, "TIFF", big_tiff=True),
        "ppm": encoded(rgb, "PPM"),
        "jp2": encoded(rgb, "JPEG2000"),
        "avif": encoded(rgb, "AVIF", speed=10),
    }


# What OpenCV has to read, whatever the file is called.
READABLE = (
    *("jpg", "progressive.jpg", "restarts.jpg", "cmyk.jpg", "gray.jpg", "turned.jpg"),
    *("png", "one_bit.png", "palette.png", "gray_alpha.png", "alpha.png", "deep.png"),
    "animated.png",
    *("gif", "animated.gif", "webp", "lossless.webp", "animated.webp", "bmp", "palette.bmp"),
    *("tif", "lzw.tif", "deflate.tif", "pages.tif", "one_bit.tif"),
)

# Damage --------------------------------------------------------------------------------------


def place_and_end(rng, content, longest=400):
    start = int(rng.integers(len(content)))
    return start, start + int(rng.integers(1, longest))


def cut(rng, content):
    return content[: int(rng.integers(1, len(content) + 1))]


def flipped(rng, content):
    damaged = bytearray(content)
    # Half of the time in the header, where sizes and tables are.
    reach = len(damaged) if rng.random() < 0.5 else min(len(damaged), 200)
    for place in rng.integers(reach, size=int(rng.integers(1, 20))):
        damaged[place] ^= int(rng.integers(1, 256))
    return bytes(damaged)


def inserted(rng, content):
    start, end = place_and_end(rng, content)
    return content[:start] + rng.bytes(end - start) + content[start:]


def removed(rng, content):
    start, end = place_and_end(rng, content)
    return content[:start] + content[end:]


def zeroed(rng, content):
    start, end = place_and_end(rng, content)
    return content[:start] + bytes(len(content[start:end])) + content[end:]


def doubled(rng, content):
    start, end = place_and_end(rng, content)
    return content[:end] + content[start:]


def only_a_header(rng, content):
    return content[: int(rng.integers(1, 64))]


def noise_after_the_header(rng, content):
    return content[: int(rng.integers(4, 200))] + rng.bytes(2000)


DAMAGES = (
    *(cut, flipped, inserted, removed, zeroed, doubled),
    *(only_a_header, noise_after_the_header),
)

# Huge pictures in small files ----------------------------------------------------------------


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def put(content, place, new):
    return content[:place] + new + content[place + len(new) :]


def png_of(content, width, height):
    header = struct.pack(">II", width, height) + content[24:29]
    return put(content, 8, png_chunk(b"IHDR", header))


def jpeg_of(content, width, height):
    frame = next(content.index(mark) for mark in (b"\xff\xc0", b"\xff\xc2") if mark in content)
    return put(content, frame + 5, struct.pack(">HH", height & 0xFFFF, width & 0xFFFF))


def bmp_of(content, width, height):
    return put(content, 18, struct.pack("<ii", width, height))


def gif_of(content, width, height):
    """The screen, and the first picture on it where the sizes are odd ones."""
    size = struct.pack("<HH", width & 0xFFFF, height & 0xFFFF)
    content = put(content, 6, size)
    if width % 2:
        content = put(content, content.index(b",\0\0\0\0") + 5, size)
    return content


def webp_of(content, width, height):
    if content[12:16] == b"VP8X":
        canvas = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
        return put(content, 24, canvas)
    if content[12:16] == b"VP8L":
        bits = ((width - 1) & 0x3FFF) | ((height - 1) & 0x3FFF) << 14
        return put(content, 21, struct.pack("<I", bits))
    return put(content, 26, struct.pack("<HH", width & 0x3FFF, height & 0x3FFF))


def tiff_of(content, width, height):
    new = {256: width, 257: height, 278: height}  # 278: the rows of a strip
    start = struct.unpack_from("<I", content, 4)[0]
    for entry in range(struct.unpack_from("<H", content, start)[0]):
        place = start + 2 + 12 * entry
        tag = struct.unpack_from("<H", content, place)[0]
        if tag in new:
            content = put(content, place, struct.pack("<HHII", tag, 4, 1, new[tag]))
    return content


def jp2_of(content, width, height):
    size = struct.pack(">II", height, width)
    content = put(content, content.index(b"ihdr") + 4, size)
    size = struct.pack(">IIIIIIII", width, height, 0, 0, width, height, 0, 0)
    return put(content, content.index(b"\xff\x51") + 6, size)


def avif_of(content, width, height):
    return put(content, content.index(b"ispe") + 8, struct.pack(">II", width, height))


def ppm_of(content, width, height):
    return content.replace(b"64 48", b"%d %d" % (width, height), 1)


DECLARES = {
    "jpg": jpeg_of, "png": png_of, "gif": gif_of, "webp": webp_of, "bmp": bmp_of,
    "tif": tiff_of, "jp2": jp2_of, "avif": avif_of, "ppm": ppm_of,
}  # fmt: skip
# Above 2**26 pixels in every format; a WebP file has 14 bits for a side.
OVER_THE_LIMIT = ((30000, 30000), (65535, 65535), (16383, 16383), (12000, 6000))
OTHER_SIZES = ((2048, 2048), (3001, 3001), (1, 60000), (60000, 1), (2**31 - 1, 1), (65000, 99))


def packed_zeros(count, block=2**24):
    """What zlib makes of so many zero bytes, without packing them all."""
    pack = zlib.compressobj(9)
    first = pack.compress(bytes(block)) + pack.flush(zlib.Z_FULL_FLUSH)
    again = pack.compress(bytes(block)) + pack.flush(zlib.Z_FULL_FLUSH)
    blocks, rest = divmod(count, block)
    if blocks < 2:
        return zlib.compress(bytes(count), 9)
    end = (pack.compress(bytes(rest)) + pack.flush())[:-4]
    checksum = (count % 65521) << 16 | 1  # Adler-32 of zeros
    return first + again * (blocks - 1) + end + struct.pack(">I", checksum)


def png_of_zeros(width, height, bits=1, color=0, before=b"", after=None):
    """A PNG file that is whole: all its pixels are there, a thousandth of their size."""
    channels = {0: 1, 2: 3, 6: 4}[color]
    data = packed_zeros(height * (1 + -(-width * bits * channels // 8)))
    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + before
        + png_chunk(b"IDAT", data)
        + (after(data) if after else b"")
        + png_chunk(b"IEND", b"")
    )


def animation_of_zeros(width, height):
    """An animated PNG file of two pictures, 16 bits and 4 channels."""

    def frame(number):
        sizes = struct.pack(">IIIIIHHBB", number, width, height, 0, 0, 1, 10, 0, 0)
        return png_chunk(b"fcTL", sizes)

    before = png_chunk(b"acTL", struct.pack(">II", 2, 0)) + frame(0)
    return png_of_zeros(
        *(width, height, 16, 6, before),
        lambda data: frame(1) + png_chunk(b"fdAT", struct.pack(">I", 2) + data),
    )


def animation_that_kills(content):
    """A PNG file with a second picture whose rows begin wrong: OpenCV 5.0 dies of it."""
    width, height = struct.unpack_from(">II", content, 16)
    sizes = struct.pack(">IIIIHHBB", width, height, 0, 0, 1, 10, 0, 0)
    rows = zlib.compress(b"\x09" + bytes(height * (1 + 3 * width) - 1))
    frame = png_chunk(b"fcTL", bytes(4) + sizes) + png_chunk(b"fdAT", b"\0\0\0\1" + rows)
    return (
        content[:33]
        + png_chunk(b"acTL", struct.pack(">II", 2, 0))
        + content[33:-12]
        + frame
        + content[-12:]
    )


def png_with_an_endless_chunk(content):
    return content[:33] + struct.pack(">I", 2**31 - 1) + b"tEXt" + content[33:]


def png_with_many_announcements(content, count):
    """Each of them says that the file is an animation."""
    return content[:33] + png_chunk(b"acTL", struct.pack(">II", 2, 0)) * count + content[33:]


def tiff_of_zeros(side, tile=None):
    """A picture of 16 bits and 4 channels, in one strip, or in one tile that may be larger."""
    data = b"\x81\0" * ((tile or side) ** 2 * 8 // 128)  # PackBits: 128 times a zero
    values = {256: side, 257: side, 258: 16, 259: 32773, 262: 2, 277: 4, 338: 1}
    if tile:
        values |= {322: tile, 323: tile, 324: 8 + 2 + 12 * 11 + 4, 325: len(data)}
    else:
        values |= {273: 8 + 2 + 12 * 10 + 4, 278: side, 279: len(data)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, values[tag]) for tag in sorted(values))
    return b"II*\0" + struct.pack("<IH", 8, len(values)) + entries + bytes(4) + data


# The folder ----------------------------------------------------------------------------------


class Folder:
    """A folder of files of which some arrive, some don't, and some may or may not."""

    def __init__(self, folder):
        self.folder = folder
        self.expected = {}  # path -> "arrives", "left out" or "either"

    def path(self, name, expected):
        path = self.folder / f"{len(self.expected):04d} {name}"
        self.expected[str(path)] = expected
        return path

    def add(self, name, content, expected="either"):
        self.path(name, expected).write_bytes(content)


def write_damaged(folder, whole, rng):
    kind = str(rng.choice(list(whole)))
    content = whole[kind]
    for _ in range(int(rng.integers(1, 3))):
        damage = DAMAGES[rng.integers(len(DAMAGES))]
        content = damage(rng, content) or b"\0"
    folder.add(f"{damage.__name__} {kind}", content)


def write_misnamed(folder, whole, rng):
    kind = str(rng.choice(READABLE))
    ending = str(rng.choice(["jpg", "JPEG", "png", "gif", "txt", "npy", "tif"]))
    # Bytes that follow the picture are no damage either.
    more = rng.bytes(100) if kind.endswith(("jpg", "png")) and rng.random() < 0.3 else b""
    folder.add(f"{kind}.{ending}", whole[kind] + more, "arrives")


def write_odd(folder, whole):
    for kind, content in whole.items():
        folder.add(f"whole {kind}", content, "arrives" if kind in READABLE else "either")


def write_huge(folder, whole, rng, count):
    for number in range(count):
        kind = str(rng.choice([name for name in whole if name.split(".")[-1] in DECLARES]))
        sizes = OVER_THE_LIMIT if number % 2 else OTHER_SIZES
        width, height = sizes[rng.integers(len(sizes))]
        if "webp" in kind and number % 2:
            width, height = 16383, 16383
        content = DECLARES[kind.split(".")[-1]](whole[kind], width, height)
        expected = "left out" if number % 2 else "either"
        folder.add(f"{width} x {height} {kind}", content, expected)


def write_bombs(folder, whole):
    """Files that unpack to many times their size, or end the process."""
    folder.add("killer.png", animation_that_kills(whole["png"]), "arrives")
    folder.add("endless.png", png_with_an_endless_chunk(whole["png"]), "left out")
    folder.add("bomb 900 times.png", png_with_many_announcements(whole["png"], 900), "arrives")
    folder.add("bomb 2000 times.png", png_with_many_announcements(whole["png"], 2000), "left out")
    folder.add("bomb 30000.png", png_of_zeros(30000, 30000), "left out")
    profile = png_chunk(b"iCCP", b"bomb\0\0" + packed_zeros(2**31))
    text = png_chunk(b"zTXt", b"bomb\0\0" + packed_zeros(2**31))
    folder.add("bomb inside.png", png_of_zeros(64, 48, before=profile + text))
    folder.add("bomb animated.png", animation_of_zeros(6600, 6600), "arrives")
    folder.add("bomb tile.tif", tiff_of_zeros(64, tile=15600), "left out")
    with open(folder.path("sparse.jpg", "left out"), "wb") as file:
        file.truncate(20 * GIBIBYTE)


def write_others(folder, whole):
    """What isn't a picture at all."""
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("photo.jpg", whole["jpg"])
    page = b"<!DOCTYPE html><html><body>404 Not Found: cat.jpg</body></html>"
    others = {
        "empty.jpg": b"",
        "text.jpg": "Kein Foto, sondern Text. ✓\n".encode() * 20,
        "zip.jpg": zipped.getvalue(),
        "page.jpg": page,
        "zeros.jpg": bytes(5000),
        "jpeg signature.jpg": b"\xff\xd8\xff",
        "png signature.png": b"\x89PNG\r\n\x1a\n",
        "gif signature.gif": b"GIF89a",
        "riff.webp": b"RIFF\x20\0\0\0WEBPVP8 ",
        "one byte.jpg": b"\xff",
        "svg.png": b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>",
    }
    for name, content in others.items():
        folder.add(name, content, "left out")
    folder.path("gone.jpg", "left out")
    folder.path("folder.jpg", "left out").mkdir()
    if os.name == "posix":
        folder.path("dangling.jpg", "left out").symlink_to("nowhere.jpg")
        loop = folder.path("loop.jpg", "left out")
        loop.symlink_to(loop)
        folder.path("endless.jpg", "left out").symlink_to("/dev/zero")
        os.mkfifo(folder.path("pipe.jpg", "left out"))


def damaged_folder(path, photo, count=500, seed=0):
    """Write ``count`` damaged and odd files, and return path -> what is expected of it."""
    rng = np.random.default_rng(seed)
    whole, folder = whole_pictures(photo), Folder(path)
    write_others(folder, whole)
    write_bombs(folder, whole)
    write_odd(folder, whole)
    write_huge(folder, whole, rng, count // 8)
    while len(folder.expected) < count:
        if rng.random() < 0.1:
            write_misnamed(folder, whole, rng)
        else:
            write_damaged(folder, whole, rng)
    paths = list(folder.expected)
    return {paths[place]: folder.expected[paths[place]] for place in rng.permutation(len(paths))}


# The epoch -----------------------------------------------------------------------------------

# Memory is what the process really holds: on Linux the highest value of its resident set (VmHWM,
# whose rise is noted after each file; ru_maxrss would begin with what the parent process had).
CHILD = """
import hashlib, json, os, sys
try:
    import resource
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    # /dev/zero, or a picture without bounds, must fail and not take the whole machine.
    resource.setrlimit(resource.RLIMIT_AS, (8 * 2**30, hard))
except (ImportError, ValueError):
    pass
import psutil
from course_utils.feeding import skipping
import cv2
import numpy as np

def peak():
    if os.path.exists("/proc/self/status"):
        with open("/proc/self/status") as status:
            lines = dict(line.split(":", 1) for line in status)
        return int(lines["VmHWM"].split()[0]) * 1024
    memory = psutil.Process().memory_info()
    if hasattr(memory, "peak_wset"):
        return memory.peak_wset
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

read_photo = skipping.read_photo
peaks = {}

def measured(path, *arguments):
    print(path, file=trace, flush=True)  # names the file that ends the process
    try:
        return read_photo(path, *arguments)
    finally:
        peaks[path] = peak()

def epoch(elements):
    return [(int(label), hashlib.sha256(photo).hexdigest()) for photo, label in elements]

with open(sys.argv[1]) as file:
    job = json.load(file)
trace = open(job["trace"], "w")
skipping.read_photo = measured
reader = skipping.SkippingReader(
    job["paths"], range(len(job["paths"])), *job["size"], at_most=len(job["paths"])
)
read_photo(job["paths"][-1])  # a good one: what OpenCV loads once
before = peak()
answer = {"arrived": epoch(reader()), "left_out": list(reader.left_out.items())}
answer["before"], answer["peaks"] = before, dict(peaks)

def opencv_reads(path):
    try:
        # Not imread: of a JPEG file that was cut it makes a picture that ends in grey.
        data = np.fromfile(path, np.uint8)
        return data.size > 0 and cv2.imdecode(data, cv2.IMREAD_COLOR) is not None
    except cv2.error:
        return False

small = [
    path for path in job["paths"]
    if os.path.isfile(path) and os.path.getsize(path) < 10**5
    # Of these the reader asks for the first picture alone; OpenCV may take too much, or die.
    and not any(name in path for name in ("animated.png", "killer.png", "endless.png", "bomb"))
]
answer["opencv"] = {path: opencv_reads(path) for path in small}
if job["tensorflow"]:
    if "resource" in globals():
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    import tensorflow as tf
    dataset = tf.data.Dataset.from_generator(reader, output_signature=(
        tf.TensorSpec((*job["size"], 3), tf.uint8), tf.TensorSpec((), tf.int32)))
    answer["tensorflow"] = epoch((photo.numpy(), label) for photo, label in dataset)
    answer["left_out_then"] = list(reader.left_out.items())
with open(job["answer"], "w") as file:
    json.dump(answer, file)
"""


def one_epoch(paths, folder, tensorflow=True, seconds=120):
    """What arrives of the files, what doesn't, and the memory, as a process of its own tells."""
    job = {
        "paths": paths,
        "size": (HEIGHT, WIDTH),
        "tensorflow": tensorflow,
        "trace": str(folder / "trace.txt"),
        "answer": str(folder / "answer.json"),
    }
    (folder / "job.json").write_text(json.dumps(job))
    trace = Path(job["trace"])
    trace.write_text("")
    try:
        done = subprocess.run(
            [sys.executable, "-c", CHILD, str(folder / "job.json")],
            env={**os.environ, "PYTHONPATH": HOUSE, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        pytest.fail(f"no end after {seconds} s, at {last_of(trace)}")
    assert done.returncode == 0, f"{done.returncode} at {last_of(trace)}: {done.stderr[-2000:]}"
    return json.loads(Path(job["answer"]).read_text())


def last_of(trace):
    return trace.read_text().splitlines()[-1:]


def highest_rise(answer):
    """The bytes that memory rose by at most, and the file that it rose at."""
    path = max(answer["peaks"], key=answer["peaks"].get)
    return answer["peaks"][path] - answer["before"], path


def with_good_ones(damaged, good):
    """The damaged files with the good ones spread evenly between them; the last one is good."""
    paths, mixed = list(damaged), []
    ends = np.linspace(0, len(paths), len(good) + 1).astype(int)
    for start, end, path in zip(ends[:-1], ends[1:], good, strict=True):
        mixed += [*paths[start:end], str(path)]
    return mixed


@pytest.fixture(scope="module")
def damaged(tmp_path_factory, photos):
    with Image.open(photos.paths[0]) as photo:
        return damaged_folder(tmp_path_factory.mktemp("damaged"), photo.convert("RGB"))


@pytest.fixture(scope="module")
def mixed(damaged, photos):
    return with_good_ones(damaged, photos.paths)


@pytest.fixture(scope="module")
def answer(mixed, tmp_path_factory):
    return one_epoch(mixed, tmp_path_factory.mktemp("epoch"))


# Tests ---------------------------------------------------------------------------------------


def test_the_files_are_as_many_and_as_various_as_meant(damaged):
    assert len(damaged) == 500
    expected = list(damaged.values())
    assert expected.count("left out") > 50
    assert expected.count("arrives") > 50


def test_all_good_files_arrive_unchanged_and_in_order(answer, mixed, photos):
    good = {str(path) for path in photos.paths}
    arrived = [(mixed[label], photo) for label, photo in answer["arrived"]]
    assert [(path, photo) for path, photo in arrived if path in good] == [
        (str(path), hashlib.sha256(read_photo(path, HEIGHT, WIDTH)).hexdigest())
        for path in photos.paths
    ]


def test_each_file_arrives_or_is_named_once_in_order(answer, mixed):
    arrived = [mixed[label] for label, _ in answer["arrived"]]
    named = [path for path, _ in answer["left_out"]]
    assert arrived == [path for path in mixed if path not in set(named)]
    assert named == [path for path in mixed if path not in set(arrived)]
    assert len(arrived) + len(named) == len(mixed)
    assert len(named) > 350
    for path, reason in answer["left_out"]:
        assert 10 < len(reason) < 300, path


def test_what_is_readable_arrives_and_what_is_no_picture_does_not(answer, damaged, mixed):
    named = dict(answer["left_out"])
    wrong = [
        (path, expected, named.get(path))
        for path, expected in damaged.items()
        if expected != "either" and (path in named) != (expected == "left out")
    ]
    assert wrong == []


def test_what_opencv_cannot_read_is_named(answer):
    named = dict(answer["left_out"])
    assert len(answer["opencv"]) > 450
    for path, readable in answer["opencv"].items():
        if not readable:
            assert path in named
        elif path in named:
            # AVIF, JPEG 2000 and others, which the reader leaves alone.
            assert "of a format read here" in named[path] or "BigTIFF" in named[path], path


def test_no_file_takes_a_gibibyte(answer):
    rise, path = highest_rise(answer)
    assert rise < GIBIBYTE, f"{rise:,} bytes at most, reached by {path}"


def test_the_largest_picture_takes_less_than_a_gibibyte(tmp_path, photos):
    """Of those that are read: it has as many pixels as allowed, and as many bytes."""
    path = tmp_path / "largest.tif"
    path.write_bytes(tiff_of_zeros(8192))
    os.truncate(path, MOST_BYTES)  # zeros follow, which are no damage
    answer = one_epoch([str(path), str(photos.paths[0])], tmp_path, tensorflow=False)
    assert answer["left_out"] == []
    assert GIBIBYTE / 2 < highest_rise(answer)[0] < GIBIBYTE


def test_an_epoch_of_tensorflow_brings_the_same(answer):
    assert answer["tensorflow"] == answer["arrived"]
    assert answer["left_out_then"] == answer["left_out"]
