"""The broken and the odd files that real folders hold, to try readers on."""

from __future__ import annotations

from pathlib import Path

from course_utils.feeding.packaged import photograph


def broken_files(folder: str | Path) -> dict[str, Path]:
    """Write the broken and the odd files that real folders hold, made from one real photo.

    Args:
        folder: where to write them; made if it isn't there. Files of the same names are replaced.

    Returns:
        What it is -> its file. Broken: "empty" (0 bytes), "truncated" (the first half of a JPEG
        file), "text" (text in a file named .jpg). Odd, and readable: "grayscale" and "cmyk" (JPEG
        files with 1 and 4 channels), "png16" (16 bits per channel), "exif_rotated" (a JPEG file
        that is stored lying on its side, with the EXIF note to turn it), "animated_gif" (three
        pictures). The photo is 240 wide and 160 high.
    """
    from io import BytesIO

    import cv2
    import numpy as np
    from PIL import Image

    bgr = np.ascontiguousarray(photograph("cat")[40:200, 60:300])
    photo = Image.fromarray(bgr[:, :, ::-1])
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)

    def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
        buffer = BytesIO()
        image.save(buffer, kind, **options)
        return buffer.getvalue()

    jpeg = encoded(photo, "JPEG", quality=90)
    turned = Image.Exif()
    turned[0x0112] = 6  # EXIF's Orientation: turn by 90 degrees clockwise to see it upright
    frames = [photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT), photo]
    contents = {
        "empty": ("empty.jpg", b""),
        "truncated": ("truncated.jpg", jpeg[: len(jpeg) // 2]),
        "text": ("text.jpg", b"This is not a photo, whatever the name of the file says.\n"),
        "grayscale": ("grayscale.jpg", encoded(photo.convert("L"), "JPEG", quality=90)),
        "cmyk": ("cmyk.jpg", encoded(photo.convert("CMYK"), "JPEG", quality=90)),
        # 257 = 65535 / 255: the full range of 16 bits.
        "png16": ("png16.png", cv2.imencode(".png", bgr.astype(np.uint16) * 257)[1].tobytes()),
        "exif_rotated": (
            "exif_rotated.jpg",
            encoded(photo.transpose(Image.Transpose.ROTATE_90), "JPEG", quality=90, exif=turned),
        ),
        "animated_gif": (
            "animated.gif",
            encoded(photo, "GIF", save_all=True, append_images=frames, duration=200),
        ),
    }
    files = {}
    for what, (name, content) in contents.items():
        files[what] = folder / name
        files[what].write_bytes(content)
    return files
