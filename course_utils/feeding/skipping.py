"""Read photos one after the other, and carry on over files that can't be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from course_utils.feeding.arguments import paths_and_labels, whole_number
from course_utils.feeding.readers import UnreadablePicture, read_photo

__all__ = ["SkippingReader", "TooManyUnreadable"]

SHOWN = 3  # of the files left out, in a message


class TooManyUnreadable(ValueError):
    """More files of one epoch can't be read than were allowed to be left out."""


class SkippingReader:
    """Yield photos with their labels; leave out, and name, the files that can't be read.

        reader = SkippingReader(photos.paths, photos.labels)
        dataset = tf.data.Dataset.from_generator(reader, output_signature=(
            tf.TensorSpec((224, 224, 3), tf.uint8), tf.TensorSpec((), tf.int32)))

    Each call begins anew, which is what ``from_generator`` asks for at the start of an epoch. Only
    ``UnreadablePicture`` is carried over: whatever else goes wrong is no matter of a single file.

    Args:
        paths: the files.
        labels: whole numbers, one for each path.
        height: of the photos, in pixels.
        width: of the photos, in pixels.
        at_most: how many files may be left out in one epoch; 0 tolerates none. A file that is
            listed twice counts once.

    Yields:
        ``(photo, label)`` in the order of ``paths``: uint8 of shape (height, width, 3), RGB, and
        np.int32.

    Raises:
        TooManyUnreadable: in an epoch that meets more than ``at_most`` unreadable files.
        ValueError, TypeError: at once, for arguments that don't fit.
    """

    def __init__(
        self,
        paths: Sequence[str | Path],
        labels: Sequence[int] | np.ndarray,
        height: int = 224,
        width: int = 224,
        at_most: int = 10,
    ) -> None:
        self.paths, self.labels = paths_and_labels(paths, labels)
        self.height = whole_number("height", height)
        self.width = whole_number("width", width)
        self.at_most = whole_number("at_most", at_most, least=0)
        self._left_out: dict[str, str] = {}

    @property
    def left_out(self) -> dict[str, str]:
        """Path -> what is wrong with the file, in the order met; a copy.

        Tells of each file's latest reading, in whichever epoch that was: a file that is mended
        disappears from it when the next epoch has read it.
        """
        return dict(self._left_out)

    def __call__(self) -> Iterator[tuple[np.ndarray, np.int32]]:
        """Begin an epoch."""
        # What counts for the limit belongs to this epoch alone: TensorFlow reads ahead, and may
        # begin the next epoch while this one is still running.
        left_out: dict[str, str] = {}
        for place, path in enumerate(self.paths):
            try:
                photo = read_photo(path, self.height, self.width)
            except UnreadablePicture as error:
                left_out[path] = self._left_out[path] = error.reason
                if len(left_out) > self.at_most:
                    tried = len(set(self.paths[: place + 1]))
                    raise TooManyUnreadable(self._sentence(left_out, tried)) from error
                continue
            self._left_out.pop(path, None)
            yield photo, self.labels[place]

    def __repr__(self) -> str:
        left_out = self.left_out
        size = f"{self.width} pixels wide and {self.height} high"
        text = f"{len(self.paths)} photos to read, {size}; {len(left_out) or 'none'} left out"
        return "\n    ".join([text, *_first(left_out)])

    def _sentence(self, left_out: dict[str, str], tried: int) -> str:
        return (
            f"{len(left_out)} of the first {tried} files can't be read, and "
            f"{self.at_most or 'none'} may be left out. {'; '.join(_first(left_out))}. Mend or "
            "remove them, or raise at_most."
        )


def _first(left_out: dict[str, str]) -> list[str]:
    """The first files with their reasons, and how many more there are."""
    shown = [f"{path}: {reason}" for path, reason in list(left_out.items())[:SHOWN]]
    if len(left_out) > SHOWN:
        shown.append(f"{len(left_out) - SHOWN} more, see left_out")
    return shown
