"""What the lessons of "Feeding TensorFlow" share.

`feeding` is the subject and can be used outside the course, `measuring` holds the instruments,
`classroom` what makes it a course, `exercises` one file of exercises a lesson.
"""

# A Python that is too old for the course still reads this file, on its way to the sentence in
# __main__.py: no syntax here that Python 3.6 doesn't know.

__version__ = "0.1.0"


def load_ipython_extension(ipython):
    """Prepare a notebook for a lesson: what `%load_ext course_utils` calls.

    See `course_utils.classroom.lesson.start` for what it sets.
    """
    from course_utils.classroom import lesson

    lesson.start(ipython)
