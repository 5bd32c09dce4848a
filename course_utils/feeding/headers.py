"""What the first bytes of a picture's file tell: its format, and what to keep away from OpenCV.

OpenCV refuses a picture of too many pixels by itself (see ``readers``). Here is what that limit
doesn't see, measured with OpenCV 5.0:

- AVIF, JPEG 2000 and other formats that are rare as photos. An AVIF file of 2 kB took 1.9 GiB, and
  said of itself that it had 64 x 48 pixels.
- A TIFF file's tiles, which may be larger than the picture: 2 MB became 1.9 GiB for 64 x 64 pixels.
- A PNG file's chunk that says it is longer than the file: 500 bytes became 4 GiB. And chunks
  without end before the first pixels, each of which takes time.
- An animated PNG file, of which OpenCV keeps four copies: 1 MB became 1.7 GiB. Where its second
  picture was damaged, the process died.
"""

from __future__ import annotations

import struct

import numpy as np

__all__ = ["damaged", "first_picture", "format_of", "why_refused"]

SIGNATURES = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"RIFF": "WebP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
}
BIG_TIFF = (b"II+\0", b"MM\0+")
MOST_CHUNKS = 1000  # of a PNG file, up to its first pixels
MOST_IN_A_TILE = 2**24  # pixels: 4096 x 4096
TILE_SIDES = (322, 323)  # TIFF's tags TileWidth and TileLength
WHOLE_NUMBERS = {3: "H", 4: "I"}  # TIFF's types SHORT and LONG


def format_of(data: np.ndarray) -> str | None:
    """The format of a file's bytes (uint8, one-dimensional), or None if it is none of the six."""
    start = data[:8].tobytes()
    return next((name for sign, name in SIGNATURES.items() if start.startswith(sign)), None)


def why_refused(data: np.ndarray) -> str | None:
    """Why a file of these bytes isn't given to OpenCV; None where it may try."""
    kind = format_of(data)
    if kind is None:
        return _not_read_here(data)
    try:
        if kind == "PNG":
            last, _, end = _png_chunks(data)[-1]
            if last != b"IDAT" or end > data.size:
                return damaged("PNG")
        if kind == "TIFF" and _tile_pixels(data) > MOST_IN_A_TILE:
            return f"it has tiles of more than {MOST_IN_A_TILE:,} pixels: save it without tiles"
    except struct.error:
        return damaged(kind)  # it ends within its header
    return None


def damaged(kind: str) -> str:
    """Say that a file of this format can't be decoded, and what may be the reason."""
    return (
        f"it starts as a {kind} file and can't be decoded: cut short, damaged, or of a kind that "
        "OpenCV doesn't read"
    )


def first_picture(data: np.ndarray) -> np.ndarray:
    """The same bytes, without what makes an animation of a PNG file."""
    if format_of(data) != "PNG":
        return data
    kept, place = [], 0
    for kind, start, end in _png_chunks(data):
        if kind == b"acTL":
            kept.append(data[place:start])
            place = end
    return np.concatenate([*kept, data[place:]]) if kept else data


def _not_read_here(data: np.ndarray) -> str:
    start = data[:8].tobytes()
    if start.startswith(BIG_TIFF):
        return "it is a BigTIFF file, which isn't read here: save it as an ordinary TIFF file"
    formats = ", ".join(dict.fromkeys(SIGNATURES.values()))
    return (
        f"not a picture of a format read here ({formats}): {data.size} bytes, the first are "
        f"{start!r}"
    )


def _png_chunks(data: np.ndarray) -> list[tuple[bytes, int, int]]:
    """Each chunk up to the first pixels (IDAT): its name, where it begins and ends.

    After MOST_CHUNKS without pixels it stops.
    """
    chunks, start, kind = [], 8, b""
    while kind != b"IDAT" and len(chunks) < MOST_CHUNKS:
        length, kind = struct.unpack_from(">I4s", data, start)
        end = start + 12 + length  # the length itself, the name, what it holds, a checksum
        chunks.append((kind, start, end))
        start = end
    return chunks


def _tile_pixels(data: np.ndarray) -> float:
    """The pixels of each tile of a TIFF file's first picture; 1 where it has no tiles."""
    order = "<" if data[0] == ord("I") else ">"
    (place,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, place)
    pixels = 1.0
    for entry in range(place + 2, place + 2 + 12 * count, 12):
        tag, kind = struct.unpack_from(order + "HH", data, entry)
        if tag in TILE_SIDES and kind not in WHOLE_NUMBERS:
            return float("inf")
        if tag in TILE_SIDES:
            pixels *= struct.unpack_from(order + WHOLE_NUMBERS[kind], data, entry + 8)[0]
    return pixels
