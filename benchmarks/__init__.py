"""The race against other loaders: see ``README.md`` beside this file.

python -m benchmarks
"""

# Before OpenCV, which Keras imports too: it sets OpenCV's limit on the size of a picture.
import course_utils  # noqa: F401
