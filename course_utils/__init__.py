"""What the lessons of "Feeding TensorFlow" share.

`feeding` is the subject and can be used outside the course, `measuring` holds the instruments,
`classroom` what makes it a course, `exercises` one file of exercises a lesson.
"""

# A Python that is too old for the course still reads this file, on its way to the sentence in
# __main__.py: no syntax here that Python 3.6 doesn't know.

import os

__version__ = "0.1.0"

# OpenCV reads it once, when it is loaded. See feeding/readers.py.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(2**26))


def load_ipython_extension(ipython):
    """Prepare a notebook for a lesson: what `%load_ext course_utils` calls.

    See `course_utils.classroom.lesson.start` for what it sets.
    """
    from course_utils.classroom import lesson

    lesson.start(ipython)
