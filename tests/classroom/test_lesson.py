import ast
import os
import subprocess
import sys
import textwrap
import tomllib
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import course_utils
from course_utils.classroom import machine as machine_module
from course_utils.classroom.machine import GIB, Machine, machine
from course_utils.measuring.memory import freed_memory_environment

HOUSE = Path(course_utils.__file__).parents[1]
PROJECT = tomllib.loads((HOUSE / "pyproject.toml").read_text(encoding="utf-8"))["project"]


IPYTHON = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
def load(): shell.run_line_magic('load_ext', 'course_utils')
"""


def run_python(code, start=IPYTHON, **environment):
    """Run code in a Python of its own, in which `load()` is %load_ext course_utils."""
    unset = (
        "TF_CPP_MIN_LOG_LEVEL", "OPENCV_LOG_LEVEL", "COURSE_GPU", "COURSE_KEEP_MEMORY",
        *freed_memory_environment(),
    )  # fmt: skip
    clean = {name: value for name, value in os.environ.items() if name not in unset}
    return subprocess.run(
        [sys.executable, "-c", start + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=HOUSE,
        env={**clean, **environment},
    )


def test_loading_in_plain_ipython_and_once_more():
    done = run_python(
        """
        load()
        import os, sys
        from course_utils.classroom import lesson
        shell.run_cell("result = repr(____)")
        print(shell.user_ns["result"], shell.InteractiveTB.mode)
        print(os.environ["TF_CPP_MIN_LOG_LEVEL"], os.environ["OPENCV_LOG_LEVEL"])
        print("oneDNN" in lesson.muted_text() or lesson.muted_text() == "")
        import cv2, matplotlib, tensorflow as tf
        print(matplotlib.rcParams["svg.fonttype"])
        print(cv2.imread("there is none.jpg"))
        print(tf.config.get_visible_devices("GPU"), tf.constant([1, 2]).numpy().sum())
        # Once more, by hand since IPython would print that it is loaded: now TensorFlow has
        # computed something, and OpenCV is imported and talks.
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_WARNING)
        lesson.start(shell)
        print(cv2.imread("there is none.jpg"), tf.constant(1).numpy())
        print("still", file=sys.stderr)
        os.write(2, b"heard\\n")
        """
    )
    assert done.stdout.splitlines() == [
        "____ Minimal",
        "3 SILENT",
        "True",
        "none",
        "None",
        "[] 3",
        "None 1",
    ]
    assert done.stderr == "still\nheard\n"


def test_a_notebook_is_quiet_and_terse():
    cells = [
        "%load_ext course_utils",
        "____",
        "1 / 0",
        "import matplotlib.pyplot as plt\n_ = plt.figure().add_subplot().plot([1, 2])",
        "from course_utils.classroom import lesson\nlen(lesson.machine().rows()) > 9",
        "from course_utils.classroom.exercise import check\n"
        "def countdown(n):\n    ____\ncheck('00.countdown', countdown)",
        "def countdown(n):\n    yield n\n    yield 1 / 0\ncheck('00.countdown', countdown)",
    ]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    where = {"metadata": {"path": str(HOUSE)}}
    client = NotebookClient(
        book, kernel_name="python3", allow_errors=True, timeout=120, resources=where
    )
    # With this variable ipykernel would not show what C++ code writes, as JupyterLab does.
    client.execute(env={k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"})
    quiet, shown, error, figure, facts, starter, wrong = (cell.outputs for cell in book.cells)
    assert quiet == []
    assert shown[0].data == {"text/plain": "____"}
    assert len(error[0].traceback) == 1
    assert facts[0].data["text/plain"] == "True"
    svg = figure[0].data["image/svg+xml"]
    assert 'width="504pt" height="216pt"' in svg  # 7 x 3 inches, not cut to the content
    assert "<dc:date>" not in svg
    assert "image/png" not in figure[0].data
    assert "Not attempted" in starter[0].data["text/html"]
    assert "in line 3 of your cell" in starter[0].data["text/plain"]
    assert wrong[0].data["text/plain"].endswith("in line 3 of your cell: `yield 1 / 0`")


def test_tensorflow_that_cant_be_imported(tmp_path):
    (tmp_path / "tensorflow").mkdir()
    (tmp_path / "tensorflow" / "__init__.py").write_text(
        "import os\n"
        "os.write(2, b'libfoo.so.7: no such file\\n')\n"
        "raise ImportError('DLL failed')\n",
        encoding="utf-8",
    )
    done = run_python(
        """
        try:
            load()
        except ImportError as error:
            print(type(error).__name__); print(error)
        from course_utils.classroom import lesson
        print(lesson.muted_text())
        """,
        PYTHONPATH=str(tmp_path),
    )
    assert done.stdout.splitlines() == [
        "TensorFlowMissing",
        "TensorFlow can't be imported: ImportError: DLL failed",
        "Install the course's packages again (in a terminal, in the course's folder: "
        "`make lab`), then restart the kernel.",
        "While it was imported, this was written:",
        "libfoo.so.7: no such file",
        "libfoo.so.7: no such file",
        "",
    ]
    assert done.stderr == ""


# Stands in for TensorFlow on a machine with two GPUs, since few machines that test have any.
GPU_TENSORFLOW = """
class config:
    gpus, seen, started = ["GPU:0", "GPU:1"], None, False
    @classmethod
    def list_physical_devices(cls, kind): return list(cls.gpus)
    @classmethod
    def get_visible_devices(cls, kind): return list(cls.gpus) if cls.seen is None else cls.seen
    @classmethod
    def set_visible_devices(cls, devices, kind):
        if cls.started: raise RuntimeError("Visible devices cannot be modified")
        cls.seen = list(devices)
"""


@pytest.mark.parametrize(
    ("before", "environment", "seen"),
    [
        ("", {}, "[]"),
        ("", {"COURSE_GPU": "1"}, "['GPU:0', 'GPU:1']"),
        ("", {"COURSE_GPU": "0"}, "[]"),
        ("lesson.use_gpu()", {}, "['GPU:0', 'GPU:1']"),
        ("lesson._import_tensorflow(); lesson.use_gpu()", {}, "['GPU:0', 'GPU:1']"),
    ],
)
def test_gpus_are_hidden_unless_asked_for(tmp_path, before, environment, seen):
    done = with_gpus(tmp_path, f"{before}\nlesson._import_tensorflow()", **environment)
    assert (done.stdout, done.stderr) == (f"{seen}\n", "")


def test_gpus_that_cant_be_hidden_or_shown_any_more_are_told(tmp_path):
    late = "import tensorflow; tensorflow.config.started = True\n"
    done = with_gpus(tmp_path, late + "lesson._import_tensorflow()")
    assert done.stdout == "['GPU:0', 'GPU:1']\n"
    assert "TensorFlow had already started with the GPU" in done.stderr
    done = with_gpus(tmp_path, f"lesson._import_tensorflow()\n{late}lesson.use_gpu()")
    assert "RuntimeError: TensorFlow has already started without the GPU" in done.stderr


def with_gpus(tmp_path, code, **environment):
    (tmp_path / "keras.py").write_text("", encoding="utf-8")
    (tmp_path / "tensorflow.py").write_text(GPU_TENSORFLOW, encoding="utf-8")
    code = (
        f"from course_utils.classroom import lesson\n{code}\n"
        "import tensorflow\nprint(tensorflow.config.get_visible_devices('GPU'))"
    )
    return run_python(code, start="", PYTHONPATH=str(tmp_path), **environment)


# ---- course_utils itself


def test_an_old_python_can_read_the_package():
    source = Path(course_utils.__file__).read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 6))
    assert "from __future__" not in source  # `annotations` came with 3.7


def test_the_version_is_the_projects():
    assert course_utils.__version__ == PROJECT["version"]


def test_importing_the_package_imports_nothing_else():
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; before = set(sys.modules); import course_utils; "
            "print(sorted(set(sys.modules) - before))",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=HOUSE,
    )
    assert done.stdout == "['course_utils']\n"


# ---- the machine

FINE = Machine(
    python="3.11.7",
    versions={"TensorFlow": "2.21.0", "Keras": "3.15.1", "NumPy": "2.4.6", "OpenCV": "5.0.0.93"},
    system="Linux 6.1, x86_64",
    cores=2,
    memory=16 * GIB,
    memory_available=8 * GIB,
    disk_free=50 * GIB,
    cache=Path("cache"),
    cache_writable=True,
    gpus=(),
)


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"python": "3.13.0", "cores": 96, "gpus": ("NVIDIA H200",), "system": "Darwin 25, arm64"},
        {"python": "3.12.9", "memory": None, "memory_available": None, "disk_free": None},
        {"gpus": None, "memory_available": 3 * GIB, "disk_free": 2 * GIB},
        {"versions": {**FINE.versions, "TensorFlow": "2.21.3"}},
    ],
)
def test_every_fine_machine_gets_the_same_verdict(other):
    verdict = replace(FINE, **other).verdict()
    assert verdict.ready
    assert repr(verdict) == (
        "Ready — This machine is ready for the course.\n"
        "Checked: Python, TensorFlow, Keras, NumPy and OpenCV, the memory and the disk. "
        "A GPU isn't needed."
    )
    assert verdict._repr_html_() == FINE.verdict()._repr_html_()


@pytest.mark.parametrize(
    ("other", "problem"),
    [
        ({"python": "3.10.1"}, "Python is 3.10.1; the course needs 3.11 to 3.13. Install one"),
        ({"python": "3.14.0rc1"}, "Python is 3.14.0rc1; the course needs 3.11 to 3.13."),
        (
            {"versions": {**FINE.versions, "TensorFlow": "2.20.0"}},
            "TensorFlow is 2.20.0; the course needs <2.22,>=2.21. In the course's folder:",
        ),
        (
            {"versions": {**FINE.versions, "TensorFlow": "2.22.0"}},
            "TensorFlow is 2.22.0; the course needs <2.22,>=2.21.",
        ),
        (
            {"versions": {**FINE.versions, "OpenCV": None}},
            "OpenCV isn't installed. In the course's folder: make lab",
        ),
        ({"memory_available": GIB}, "1.0 GiB of memory is available; the course needs 3.0 GiB."),
        ({"disk_free": GIB // 2}, "0.5 GiB of disk is free for the photos, in cache; the course"),
        ({"cache_writable": False}, "The photos can't be kept in cache: no permission"),
    ],
)
def test_each_problem_is_one_sentence_with_what_to_do(other, problem):
    verdict = replace(FINE, **other).verdict()
    assert len(verdict.problems) == 1
    assert verdict.problems[0].startswith(problem)
    assert not verdict.ready
    assert repr(verdict).startswith("Not ready — one thing stands in the way.\n• ")
    assert "✗ Not ready" in verdict._repr_html_()


def test_several_problems_are_all_told():
    verdict = replace(FINE, python="3.9.0", disk_free=0, memory_available=0).verdict()
    assert len(verdict.problems) == 3
    assert "3 things stand in the way" in repr(verdict)


def test_the_facts_as_a_table():
    text = repr(replace(FINE, gpus=("A <big> one",), versions={"Keras": None}))
    assert "Memory available      8.0 GiB" in text
    assert "Keras                 not installed" in text
    html = replace(FINE, gpus=("A <big> one",))._repr_html_()
    assert "A &lt;big&gt; one" in html
    assert "none is needed" in repr(FINE)
    assert "isn't imported" in repr(replace(FINE, gpus=None))


def test_this_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "not" / "there"))
    here = machine()
    assert here.python.startswith(f"{sys.version_info[0]}.{sys.version_info[1]}.")
    assert here.cache == tmp_path / "not" / "there"
    assert not here.cache.exists()
    assert here.cache_writable
    assert 0 < here.memory_available <= here.memory
    assert here.disk_free > 0
    assert 1 <= here.cores <= os.cpu_count()
    assert here.versions["TensorFlow"].startswith("2.")
    assert not [p for p in here.verdict().problems if "Python" in p or "TensorFlow" in p]


def test_the_bounds_are_the_projects():
    oldest, newest = machine_module.OLDEST_PYTHON, machine_module.NEWEST_PYTHON
    assert PROJECT["requires-python"] == (f">={oldest[0]}.{oldest[1]},<{newest[0]}.{newest[1] + 1}")
    stated = machine_module._requirements()
    assert {names[0] for names in machine_module.PACKAGES.values()} <= stated.keys()


FAULTS_OF_FREED_BLOCKS = """
load()
import numpy as np
from course_utils.classroom.lesson import freed_memory
from course_utils.measuring.memory import count_faults
import tensorflow as tf
# TensorFlow sets the allocator when the first from_generator dataset is iterated.
spec = tf.TensorSpec((), tf.int32)
list(tf.data.Dataset.from_generator(lambda: range(3), output_signature=spec))
np.ones(2**20, np.uint8)
with count_faults() as count:
    for _ in range(50):
        np.ones(2**20, np.uint8)  # 256 pages
print(freed_memory(), count.faults // 50)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the allocator is glibc's")
def test_a_lessons_kernel_keeps_freed_memory():
    *words, faults = run_python(FAULTS_OF_FREED_BLOCKS).stdout.split()
    assert " ".join(words[:3]) == "keeps freed memory:"
    assert int(faults) < 10


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the allocator is glibc's")
def test_keeping_freed_memory_can_be_switched_off():
    *words, faults = run_python(FAULTS_OF_FREED_BLOCKS, COURSE_KEEP_MEMORY="0").stdout.split()
    assert " ".join(words) == "not applied: COURSE_KEEP_MEMORY=0 switched it off"
    assert int(faults) > 200


def test_processes_started_from_a_lesson_keep_freed_memory_too():
    done = run_python(
        """
        load()
        import os
        from course_utils.classroom.lesson import freed_memory
        from course_utils.measuring.memory import freed_memory_environment
        names = freed_memory_environment()
        print(freed_memory().applied == all(os.environ.get(n) == v for n, v in names.items()))
        """
    )
    assert done.stdout.strip() == "True"
