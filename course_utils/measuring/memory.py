"""Page faults, peak memory, and keeping freed memory instead of giving it back.

A page fault is what a program pays when it touches a page of memory (4 KiB) for the first time:
the operating system stops it, finds a page, fills it with zeros and lets it go on. That takes
several times as long as writing the page. A batch in memory that was used before costs no fault;
the same batch in memory fresh from the operating system costs one for each of its pages.

Which of the two happens is decided by the allocator, and on Linux TensorFlow decides for it. In
TensorFlow 2.21 the first `from_generator` dataset that is iterated calls
`mallopt(M_MMAP_THRESHOLD, 131072)`: the function is `ApplyPython311MemoryPatch`, against a leak
with Python 3.11, and with `TF_CPP_MIN_LOG_LEVEL=0` it logs "Memory patch applied" (the line
names M_TRIM_THRESHOLD, the call sets M_MMAP_THRESHOLD). From then on, in the whole process and
until it ends, glibc asks the operating system for every block of 128 KiB or more that does not
fit in free memory it holds, gives it back when it is freed, and every batch and every decoded
photo is faulted in again. Without that call glibc would learn from the first block it frees, and
keep the later ones.

`keep_freed_memory` undoes it in a running process, `freed_memory_environment` for a process that
is about to start.
"""

from __future__ import annotations

import ctypes
import sys
from dataclasses import dataclass
from pathlib import Path

try:
    import resource
except ImportError:  # Windows has no such module
    resource = None

# The numbers of mallopt's parameters and the defaults, from glibc's malloc.h and malloc.c.
_M_TRIM_THRESHOLD = -1
_M_TOP_PAD = -2
_M_MMAP_THRESHOLD = -3
_DEFAULT_BYTES = 128 * 1024

# 32 MiB is the highest mmap threshold that 64-bit glibc accepts (half of a thread's heap); it
# ignores a larger one in the environment without a word.
_KEPT_BYTES = 32 * 1024 * 1024
_NEVER_TRIM = 2**31 - 1


@dataclass(frozen=True, repr=False)
class KeptMemory:
    """What `keep_freed_memory` or `return_freed_memory` did to the allocator.

    `applied` says whether glibc accepted all of it, `reason` what was done or why not. The sizes
    are bytes, 0 where nothing was applied: `top_pad` is what each heap asks for beyond its need
    and keeps when it shrinks, `trim_threshold` how much may lie free at its end, `mmap_threshold`
    from which size on a block may come straight from the operating system.
    """

    applied: bool
    reason: str
    top_pad: int = 0
    trim_threshold: int = 0
    mmap_threshold: int = 0

    def __repr__(self) -> str:
        if not self.applied:
            return f"not applied: {self.reason}"
        return (
            f"{self.reason}: top pad {self.top_pad / 2**20:g} MiB, "
            f"trim threshold {self.trim_threshold / 2**20:g} MiB, "
            f"mmap threshold {self.mmap_threshold / 2**20:g} MiB"
        )


class FaultCount:
    """Page faults since the `with` block began; they stay as they are once it has ended."""

    def __init__(self) -> None:
        self._began: tuple[int, int] | None = None
        self._ended: tuple[int, int] | None = None

    def __enter__(self) -> FaultCount:
        self._ended = None
        self._began = _faults()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended = _faults()

    @property
    def faults(self) -> int:
        """All page faults, minor and major."""
        return sum(self._counted())

    @property
    def major(self) -> int:
        """Those that waited for a disk. Always 0 on Windows, which does not tell them apart."""
        return self._counted()[1]

    def __repr__(self) -> str:
        if self._began is None:
            return "FaultCount(not started)"
        return f"FaultCount(faults={self.faults}, major={self.major})"

    def _counted(self) -> tuple[int, int]:
        if self._began is None:
            raise ValueError(
                "these page faults were read before the count began: "
                "use it as `with count_faults() as count:`"
            )
        now = self._ended or _faults()
        return now[0] - self._began[0], now[1] - self._began[1]


def page_faults() -> int:
    """Page faults of this process since it began: minor and major, of all its threads.

    Child processes are not counted. A huge page (2 MiB, which NumPy asks Linux for in arrays of
    4 MiB and more) is one fault.
    """
    return sum(_faults())


def count_faults() -> FaultCount:
    """Count the page faults of a `with` block.

    >>> with count_faults() as count:
    ...     block = bytearray(10_000_000)
    >>> count.faults > count.major
    True
    """
    return FaultCount()


def peak_memory_bytes() -> int:
    """The most physical memory that this process has held since it began, in bytes.

    On Linux it is `VmHWM` of `/proc/self/status`: `ru_maxrss`, used where that file is missing,
    begins at the peak of the process that started this one.
    """
    if sys.platform == "linux":
        value = _linux_peak_bytes()
        if value is not None:
            return value
    if resource is None:
        return _process().memory_info().peak_wset
    # BSD's unit, which macOS kept, is the byte; Linux counts KiB.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def current_memory_bytes() -> int:
    """The physical memory that this process holds now, in bytes (resident set size)."""
    return _process().memory_info().rss


def keep_freed_memory() -> KeptMemory:
    """Ask glibc to keep what is freed, in this process, from now on.

    Sets the top pad and the mmap threshold to 32 MiB, and the trim threshold so high that nothing
    is given back. Blocks that exist stay where they are. Nothing is raised: where the C library
    is not glibc (macOS, Windows, Alpine Linux) or `malloc` is not glibc's (jemalloc, tcmalloc),
    the record says so with `applied=False`.

    Call it after the first `from_generator` dataset has given an element. Called earlier it still
    helps through the top pad, but TensorFlow then sets the mmap threshold back; a second call is
    harmless. Measured on 2 cores with TensorFlow 2.21, uint8 batches of (32, 224, 224, 3), page
    faults per picture: 20 without (by calculation 37 without huge pages), under 4 with it; where
    two threads also decode each photo into an array of its own, 110 without, under 4 with it.

    The price is memory: what the process once held, it keeps, and each thread's heap may hold 32
    MiB that nobody uses. Here, with batches of photos, the peak grew by 10 to 40 MiB.
    """
    return _set_allocator(_KEPT_BYTES, _NEVER_TRIM, _KEPT_BYTES, "keeps freed memory")


def return_freed_memory() -> KeptMemory:
    """Undo `keep_freed_memory`: glibc's default sizes, and what lies free is given back at once.

    The sizes are those of a process that has used `from_generator`. What a fresh process has
    beyond them, thresholds that adapt to the blocks it frees, can't be switched on again: glibc
    ends that with the first `mallopt`.
    """
    kept = _set_allocator(_DEFAULT_BYTES, _DEFAULT_BYTES, _DEFAULT_BYTES, "returns freed memory")
    if kept.applied:
        ctypes.CDLL(None).malloc_trim(0)
    return kept


def freed_memory_environment() -> dict[str, str]:
    """The environment variables that make glibc keep freed memory in a process about to start.

    For a Jupyter kernel or a child process: `subprocess.run(..., env={**os.environ, **these})`.
    They are read once, before `main`; setting them in `os.environ` does nothing to this process.
    Other C libraries ignore them.
    """
    return {
        "MALLOC_TOP_PAD_": str(_KEPT_BYTES),
        "MALLOC_TRIM_THRESHOLD_": str(_NEVER_TRIM),
        "MALLOC_MMAP_THRESHOLD_": str(_KEPT_BYTES),
    }


def _faults() -> tuple[int, int]:
    """(minor, major) page faults of this process."""
    if resource is None:
        return _process().memory_info().num_page_faults, 0
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_minflt, usage.ru_majflt


def _linux_peak_bytes() -> int | None:
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return None


def _process():
    # Imported here: what times nothing and counts no memory shouldn't wait for it.
    import psutil

    return psutil.Process()


def _set_allocator(top_pad: int, trim: int, mmap: int, done: str) -> KeptMemory:
    obstacle = _why_not_glibc()
    if obstacle:
        return KeptMemory(False, obstacle)
    mallopt = ctypes.CDLL(None).mallopt
    # The top pad goes last: it is the one that matters when the others are refused.
    settings = {_M_MMAP_THRESHOLD: mmap, _M_TRIM_THRESHOLD: trim, _M_TOP_PAD: top_pad}
    # First all of them, so that one refusal doesn't keep the others from being set.
    taken = [mallopt(parameter, value) for parameter, value in settings.items()]
    if not all(answer == 1 for answer in taken):
        return KeptMemory(False, "glibc's mallopt refused one of the sizes")
    return KeptMemory(True, done, top_pad, trim, mmap)


def _why_not_glibc() -> str | None:
    """A sentence when `malloc` of this process is not glibc's, None when it is."""
    if sys.platform != "linux":
        return f"mallopt is glibc's, and this system is {sys.platform}"
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return "the C library is not glibc, and mallopt is glibc's"
    owner = _library_of(library.malloc)
    if owner is not None and not owner.startswith(("libc.so", "libc-")):
        # A preloaded allocator accepts mallopt and does nothing.
        return f"malloc comes from {owner}, not from glibc"
    return None


class _SymbolInfo(ctypes.Structure):
    _fields_ = (
        ("file", ctypes.c_char_p),
        ("base", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
    )


def _library_of(function: object) -> str | None:
    """The file name of the shared library that a C function lies in."""
    info = _SymbolInfo()
    address = ctypes.cast(function, ctypes.c_void_p)
    if not ctypes.CDLL(None).dladdr(address, ctypes.byref(info)) or not info.file:
        return None
    return Path(info.file.decode(errors="replace")).name
