import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from course_utils.classroom.messages import clean, shorten, wrapped

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No such file: '/data/photos/cat 1/a.jpg'", "No such file: '…/a.jpg'"),
        ("Not found: /data/photos/a.jpg. Look there.", "Not found: …/a.jpg. Look there."),
        (f"in {Path.home()}/x/y.png", "in …/y.png"),
        (f"in {Path.cwd()}/x/y.png, twice", "in …/y.png, twice"),
        (f"nothing in {Path.cwd()}", "nothing in …"),
        ("in '/tmp/tmpab12cd3_/photo.jpg'", "in '…/photo.jpg'"),
        ("in /tmp/tmpab12cd3_", "in …/tmp"),
        (r"at C:\Users\Jane\a.jpg: gone", "at …/a.jpg: gone"),
        (r"at 'C:\\Users\\Jane Doe\\a.jpg'", "at '…/a.jpg'"),
        ("file:///data/photos/a.jpg", "…/a.jpg"),
        ("see https://a.com/b/c.md and/or 1/2/3", "see https://a.com/b/c.md and/or 1/2/3"),
        ("full: /dev/shm/x", "full: /dev/shm/x"),
        ("<generator object g at 0x7f12ab34cd56>", "<generator object g at 0x…>"),
        ("on /job:localhost/replica:0/task:0/device:CPU:0", "on CPU:0"),
        ("{{function_node __wrapped__X_device_/job:localhost/device:CPU:0}} Bad", "Bad"),
        ("[[{{node model_1/dense_2/Add_3}}]] [Op:X] name: ", "[[{{node model/dense/Add}}]] [Op:X]"),
        ("[Op:__inference_train_function_389]", "[Op:__inference_train_function]"),
        ("passed to MapDataset:7 transformation with iterator: Iterator::Root::Map: Bad",
         "passed to MapDataset transformation: Bad"),
        ("of layer 'dense_3' and \"layer\"", "of layer 'dense' and \"layer\""),
        ("<Thread(Thread-5 (run), started 140123456)>", "<Thread(Thread (run), started)>"),
        ("ForkPoolWorker-12, SpawnProcess-3:1 (pid 4711)", "ForkPoolWorker, SpawnProcess (pid …)"),
        ("localhost:38211 refused", "localhost:… refused"),
        ("psm_ab12cd34", "psm_…"),
        ("\x1b[1mBold\x1b[0m", "Bold"),
        ("2026-11-20 19:03:16.123456: W a/b.cc:123] Bad", "W a/b.cc] Bad"),
        ("2026-11-20 19:03:16.123456: I a/b.cc:123] AVX2\nkept", "kept"),
        ("I0000 00:00:1795253381.411916    2896 port.cc:153] oneDNN is on.\nI said", "I said"),
        (
            "WARNING: All log messages before absl::InitializeLog() is called are written to "
            "STDERR\nWARNING: kept",
            "WARNING: kept",
        ),
        ("a\n\n\n  b  \n", "a\n  b"),
        ("", ""),
        ("(3, 4) where (4,) was expected", "(3, 4) where (4,) was expected"),
        ("shape_1 and conv2d_3", "shape_1 and conv2d_3"),
    ],
)  # fmt: skip
def test_what_differs_goes_and_the_rest_stays(text, expected):
    assert clean(text) == expected
    assert clean(clean(text)) == clean(text)


def test_of_a_traceback_the_learners_own_frames_stay(tmp_path):
    script = tmp_path / "mine.py"
    script.write_text("import json\ndef read():\n    json.loads('')\nread()\n", encoding="utf-8")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert clean(done.stderr) == (
        "Traceback (most recent call last):\n"
        "  in <module>\n    read()\n  in read\n    json.loads('')\n"
        "json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)"
    )


def test_chained_errors_of_the_learner_stay(tmp_path):
    script = tmp_path / "mine.py"
    script.write_text(
        "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise ValueError('no') from e\n",
        encoding="utf-8",
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    text = clean(done.stderr)
    assert "ZeroDivisionError: division by zero" in text
    assert "The above exception was the direct cause" in text
    assert text.endswith("ValueError: no")


def test_shorten_says_what_it_leaves_out():
    assert shorten("a\nb") == "a\nb"
    text = shorten("\n".join(map(str, range(50))), lines=5)
    assert text.splitlines() == ["0", "1", "[… 46 lines left out …]", "48", "49"]
    assert shorten("x" * 700, width=10) == "x" * 8 + " …"


def test_a_huge_text_takes_little_time():
    # Against patterns that take quadratic time: 60 s and more without the limit of a line.
    assert len(clean("x" * 1_000_000 + "\n" + "/a" * 500_000)) < 10_000


# Real errors of TensorFlow 2.21, met in three processes of different folders and in a notebook.

PROVOKE = """
import os
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf
from course_utils.classroom.finding import between, finding, shows

number = tf.TensorSpec((), tf.int32)

def breaks():
    yield 1
    raise ValueError(f"picture 2 is broken: {os.getcwd()}/b/photo 7.jpg")

def square():
    yield np.zeros((3, 4))

def word():
    yield "a"

def label(x):
    raise KeyError("no label")

def from_generator(function, signature):
    return list(tf.data.Dataset.from_generator(function, output_signature=signature))

with shows(tf.errors.InvalidArgumentError):
    from_generator(breaks, number)
finding("00.tensor", tf.constant(7), 7, "Seven.")
finding("00.tensor", tf.constant([b"a"]), [b"a"], "A string.")
finding("00.tensor", tf.constant(1.5), between(1, 2), "A number.")
with shows(tf.errors.InvalidArgumentError):
    from_generator(square, tf.TensorSpec((4,), tf.float32))
with shows(tf.errors.InvalidArgumentError):
    from_generator(square, (tf.TensorSpec((4,), tf.float32), number))
with shows(tf.errors.InvalidArgumentError):
    from_generator(word, number)
with shows(TypeError):
    from_generator(breaks(), number)
with shows(tf.errors.UnknownError):
    list(tf.data.Dataset.range(3).map(lambda x: tf.numpy_function(label, [x], tf.int64)))
with shows(tf.errors.InvalidArgumentError):
    list(tf.data.Dataset.range(3).map(lambda x: tf.io.decode_jpeg(tf.strings.as_string(x))))
with shows(ValueError):
    tf.data.Dataset.range(3).map(lambda x: tf.ones(2) + tf.ones(3))
model = tf.keras.Sequential([tf.keras.layers.Input((4,)), tf.keras.layers.Dense(1)])
model.compile("sgd", "mse")
with shows(ValueError):
    model.fit(np.zeros((8, 3)), np.zeros((8, 1)), verbose=0)
def rows():
    yield np.zeros((2, 4)), np.zeros((2, 1))
    raise OSError("disk gone")
with shows(tf.errors.UnknownError):
    spec = tf.TensorSpec((None, 4)), tf.TensorSpec((None, 1))
    model.fit(tf.data.Dataset.from_generator(rows, output_signature=spec), verbose=0)
"""

SHOWN = """\
InvalidArgumentError: ValueError: picture 2 is broken: …/photo 7.jpg
Traceback (most recent call last):
  in breaks
    raise ValueError(f"picture 2 is broken: {os.getcwd()}/b/photo 7.jpg")
  [[{{node PyFunc}}]] [Op:IteratorGetNext]
✓ 00.tensor = 7: Seven.
✓ 00.tensor = [b'a']: A string.
✓ 00.tensor (between 1 and 2): A number.
InvalidArgumentError: TypeError: `generator` yielded an element of shape (3, 4) where an element \
of shape (4,) was expected.
  [[{{node PyFunc}}]] [Op:IteratorGetNext]
InvalidArgumentError: TypeError: `generator` yielded an element that did not match the expected \
structure. The expected structure was (tf.float32, tf.int32), but the yielded element was \
[[0. 0. 0. 0.]
 [0. 0. 0. 0.]
 [0. 0. 0. 0.]].
  [[{{node PyFunc}}]] [Op:IteratorGetNext]
InvalidArgumentError: TypeError: `generator` yielded an element that could not be converted to \
the expected type. The expected type was int32, but the yielded element was a.
  [[{{node PyFunc}}]] [Op:IteratorGetNext]
TypeError: `generator` must be a Python callable.
UnknownError: Error in user-defined function passed to MapDataset transformation: KeyError: \
'no label'
Traceback (most recent call last):
  in label
    raise KeyError("no label")
  [[{{node PyFunc}}]] [Op:IteratorGetNext]
InvalidArgumentError: Error in user-defined function passed to MapDataset transformation: \
Unknown image file format. One of JPEG, JPEG XL, PNG, GIF, BMP, WebP required.
  [[{{node DecodeJpeg}}]] [Op:IteratorGetNext]
"""


def start(folder: Path, tmp: Path, core: int | None = None) -> subprocess.Popen:
    folder.mkdir()
    tmp.mkdir()
    script = folder / "provoke.py"
    # A process that hangs says where before the test gives up.
    watch = "import faulthandler\nfaulthandler.dump_traceback_later(200, exit=True)\n"
    # On one core TensorFlow sometimes hangs when Python ends after a generator failed in fit.
    end = "import sys\nsys.stdout.flush()\nos._exit(0)\n"
    script.write_text(watch + PROVOKE + end, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp)}
    if core is not None:
        environment["CORE"] = str(core)
    return subprocess.Popen(
        [sys.executable, script],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def output_of(process: subprocess.Popen) -> str:
    try:
        out, errors = process.communicate(timeout=240)
    finally:
        process.kill()
    assert process.returncode == 0, errors[-2000:]
    return out


def in_a_notebook(folder: Path, code: str) -> str:
    from nbclient import NotebookClient

    folder.mkdir()
    preparing, provoking = code.split("with shows", 1)
    sources = (f"import sys; sys.path.append({str(ROOT)!r})", preparing, "with shows" + provoking)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in sources])
    NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(folder)}}).execute()
    return "".join(out.text for out in notebook.cells[2].outputs if out.name == "stdout")


def test_tensorflows_messages_are_the_same_everywhere(tmp_path):
    core = max(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else None
    one = start(tmp_path / "one", tmp_path / "t1")
    two = start(tmp_path / "a longer name", tmp_path / "t2", core)
    first, second = output_of(one), output_of(two)
    assert first.startswith(wrapped(SHOWN))
    assert "Dimensions must be equal, but are 2 and 3" in first
    assert "of layer 'dense' is incompatible with the layer" in first
    assert "OSError: disk gone" in first
    assert second == first


@pytest.mark.soak  # lesson 00, whose errors nbval compares, stands for it in `make test`
def test_tensorflows_messages_are_the_same_in_a_notebook(tmp_path):
    without_training = PROVOKE[: PROVOKE.index("model = tf.keras")]
    shown = in_a_notebook(tmp_path / "three", without_training)
    assert shown.startswith(wrapped(SHOWN))


def test_long_lines_break_between_words():
    text = "one two " * 20 + "a_very_long_name_that_is_not_broken " * 3 + "\nand a second line"
    lines = wrapped(text, 40).splitlines()
    assert max(map(len, lines)) <= 40
    assert " ".join(lines).split() == text.split()
    assert lines[-1] == "and a second line"
