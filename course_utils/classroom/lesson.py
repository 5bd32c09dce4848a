"""What `%load_ext course_utils` does to a notebook: quiet, terse, drawn alike, on the CPU."""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from course_utils.classroom.machine import Machine, machine
from course_utils.classroom.placeholder import ____
from course_utils.measuring.memory import KeptMemory, freed_memory_environment, keep_freed_memory

__all__ = [
    "Machine", "TensorFlowMissing", "freed_memory", "machine", "muted_text", "start", "use_gpu",
]  # fmt: skip

_muted: list[str] = []
_freed_memory = KeptMemory(False, "%load_ext course_utils has not run in this process")
_gpu_wanted = False


class TensorFlowMissing(ImportError):
    """TensorFlow can't be imported; the message holds what it wrote, and what to do."""


def start(ipython: Any) -> None:
    """Prepare a notebook, or a plain IPython, for a lesson. Prints nothing; twice does no harm.

    Sets terse tracebacks; imports TensorFlow without its log lines (see `muted_text`) and hides
    the GPU from it (see `use_gpu`); switches OpenCV's log off; sets the figures' style and format;
    puts the placeholder `____` in the notebook's namespace; lets the allocator keep freed memory
    (see `freed_memory`).

    Raises TensorFlowMissing, with the muted text, where TensorFlow can't be imported.
    """
    ipython.InteractiveTB.set_mode("Minimal")
    ipython.user_ns["____"] = ____
    # TensorFlow and OpenCV read these when they are imported, also in processes started later.
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["OPENCV_LOG_LEVEL"] = "SILENT"
    _silence_opencv()
    _keep_freed_memory()
    _import_tensorflow()
    _style_figures(ipython)


def muted_text() -> str:
    """Return what was written while TensorFlow was imported, "" where nothing was."""
    return "".join(_muted)


def freed_memory() -> KeptMemory:
    """Return what `%load_ext course_utils` asked of the allocator: to keep what is freed.

    Without it each batch is paid for in page faults; lesson 06 measures them. `applied` is False,
    with the reason, where the C library is not glibc and where the environment variable
    COURSE_KEEP_MEMORY=0 switched it off.
    """
    return _freed_memory


def use_gpu() -> None:
    """Let TensorFlow use the GPUs of this machine; the other lessons hide them.

    Call it before anything is computed, or set the environment variable COURSE_GPU=1. Raises
    RuntimeError where TensorFlow has already started without them.
    """
    global _gpu_wanted
    _gpu_wanted = True
    if "tensorflow" in sys.modules:
        _set_visible_gpus(sys.modules["tensorflow"])


def _keep_freed_memory() -> None:
    global _freed_memory
    if os.environ.get("COURSE_KEEP_MEMORY", "1").strip() == "0":
        _freed_memory = KeptMemory(False, "COURSE_KEEP_MEMORY=0 switched it off")
        return
    _freed_memory = keep_freed_memory()
    if _freed_memory.applied:
        # For processes started later; this one read them before its first line.
        for name, value in freed_memory_environment().items():
            os.environ.setdefault(name, value)


def _import_tensorflow() -> None:
    try:
        with _file_descriptor_2_muted():
            # Keras comes with it, and writes as well.
            tensorflow = importlib.import_module("tensorflow")
            importlib.import_module("keras")
            # The first look at the devices loads the driver, which writes too.
            tensorflow.config.list_physical_devices("GPU")
    except Exception as error:
        text = muted_text().strip() or "nothing"
        raise TensorFlowMissing(
            f"TensorFlow can't be imported: {type(error).__name__}: {error}\n"
            "Install the course's packages again (in a terminal, in the course's folder: "
            "`make lab`), then restart the kernel.\n"
            f"While it was imported, this was written:\n{text}"
        ) from None
    _set_visible_gpus(tensorflow)


def _set_visible_gpus(tensorflow: Any) -> None:
    """Hide the GPUs from TensorFlow, or show them all where they are wanted."""
    config = tensorflow.config
    there = config.list_physical_devices("GPU")
    wanted = there if _gpu_wanted or os.environ.get("COURSE_GPU") == "1" else []
    if not there or config.get_visible_devices("GPU") == wanted:
        return
    try:
        config.set_visible_devices(wanted, "GPU")
    except RuntimeError:
        # TensorFlow has computed something, and its devices are settled.
        if wanted:
            raise RuntimeError(
                "TensorFlow has already started without the GPU. Restart the kernel and ask for "
                "the GPU in the first cell: set COURSE_GPU=1 or call lesson.use_gpu()."
            ) from None
        warnings.warn(
            "TensorFlow had already started with the GPU, so this lesson runs on it and may show "
            "other results. Restart the kernel and load course_utils first.",
            stacklevel=2,
        )


@contextmanager
def _file_descriptor_2_muted() -> Iterator[None]:
    """Keep what is written to file descriptor 2: TensorFlow's C++ code writes to nothing else.

    `sys.stderr` stays as it is: what TensorFlow's loggers take hold of while it is imported must
    go on working afterwards.
    """
    with tempfile.TemporaryFile() as kept:
        _flush_stderr()
        try:
            before = os.dup(2)
        except OSError:  # no standard error at all, as in a program without a console
            yield
            return
        try:
            os.dup2(kept.fileno(), 2)
            yield
        finally:
            _flush_stderr()
            os.dup2(before, 2)
            os.close(before)
            kept.seek(0)
            _muted.append(kept.read().decode("utf-8", errors="replace"))


def _flush_stderr() -> None:
    if sys.stderr is not None:
        sys.stderr.flush()


def _silence_opencv() -> None:
    # The environment is read at the import only. Not imported here: that is for the lessons that
    # need it.
    if "cv2" in sys.modules:
        log = sys.modules["cv2"].utils.logging
        log.setLogLevel(log.LOG_LEVEL_SILENT)


def _style_figures(ipython: Any) -> None:
    from matplotlib_inline.backend_inline import select_figure_formats
    from matplotlib_inline.config import InlineBackend

    from course_utils.classroom import figures

    figures.style()
    # The backend's own default cuts a figure to its content, so that its size varies. Without a
    # date and a creator the same figure is the same text.
    options = {"bbox_inches": None, "metadata": {"Date": None, "Creator": None}}
    backend = InlineBackend.instance(parent=ipython)
    backend.figure_formats = {"svg"}  # what counts where the backend is not yet in use
    backend.print_figure_kwargs = options
    select_figure_formats(ipython, {"svg"}, **options)
