"""What the lessons of "Feeding TensorFlow" share.

`feeding` is the subject and can be used outside the course, `measuring` holds the instruments,
`classroom` what makes it a course, `exercises` one file of exercises a lesson.
"""

# A Python that is too old for the course still reads this file, on its way to the sentence in
# __main__.py: no syntax here that Python 3.6 doesn't know.

import os
import sys
import warnings

__version__ = "0.1.0"

if "cv2" in sys.modules and "OPENCV_IO_MAX_IMAGE_PIXELS" not in os.environ:
    warnings.warn(
        "OpenCV was imported before course_utils and keeps its own limit of 2**30 pixels: a small "
        "file that unpacks to a huge picture may take gigabytes of memory. Import course_utils "
        "before cv2, or set OPENCV_IO_MAX_IMAGE_PIXELS to 67108864 before Python starts.",
        RuntimeWarning,
        stacklevel=2,
    )
# OpenCV reads it once, when it is loaded. See feeding/readers.py.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(2**26))


def load_ipython_extension(ipython):
    """Prepare a notebook for a lesson: what `%load_ext course_utils` calls.

    See `course_utils.classroom.lesson.start` for what it sets.
    """
    from course_utils.classroom import lesson

    lesson.start(ipython)
