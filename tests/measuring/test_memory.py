import ctypes
import json
import mmap
import shutil
import subprocess
import sys

import pytest

from course_utils.measuring import memory

GLIBC = sys.platform == "linux" and hasattr(ctypes.CDLL(None), "gnu_get_libc_version")
needs_glibc = pytest.mark.skipif(not GLIBC, reason="mallopt is glibc's")
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="counts Linux's 4 KiB pages")

MIB = 2**20
PAGE = mmap.PAGESIZE


def touch(pages):
    """Touch fresh pages, one fault each: huge pages are refused."""
    area = mmap.mmap(-1, pages * PAGE)
    area.madvise(mmap.MADV_NOHUGEPAGE)
    for page in range(pages):
        area[page * PAGE] = 1
    return area


@linux_only
def test_each_fresh_page_is_one_fault():
    with memory.count_faults() as count:
        area = touch(5000)
    assert 5000 <= count.faults < 6000
    with memory.count_faults() as again:
        for page in range(5000):
            area[page * PAGE] = 2
    assert again.faults < 500


@linux_only
def test_the_count_stays_when_the_block_has_ended_and_runs_while_it_lasts():
    before = memory.page_faults()
    with memory.count_faults() as count:
        touch(1000)
        assert count.faults >= 1000
    counted = count.faults
    touch(1000)
    assert count.faults == counted
    assert 0 <= count.major <= counted
    assert memory.page_faults() - before >= counted + 1000
    assert f"faults={counted}" in repr(count)


def test_a_count_that_did_not_begin_says_so():
    count = memory.count_faults()
    with pytest.raises(ValueError, match="with count_faults"):
        _ = count.faults
    assert "not started" in repr(count)


def test_the_count_ends_with_an_exception_too():
    with pytest.raises(KeyError), memory.count_faults() as count:
        raise KeyError
    assert count.faults >= 0


def test_memory_is_counted_in_bytes(python):
    current, peak, after, peak_after = json.loads(
        python("""
import json
from course_utils.measuring import memory
memory.current_memory_bytes()
before = memory.current_memory_bytes()
block = bytearray(300_000_000)
held, peak = memory.current_memory_bytes(), memory.peak_memory_bytes()
del block
print(json.dumps([held - before, peak, memory.current_memory_bytes() - before,
                  memory.peak_memory_bytes()]))
""")
    )
    assert 295_000_000 < current < 320_000_000
    assert 300_000_000 < peak < 400_000_000
    assert after < 20_000_000
    # Linux counts in steps of some pages for each core.
    assert peak_after > peak - MIB


@linux_only
def test_the_peak_is_not_inherited_from_the_process_that_started_this_one(python):
    held, peak = json.loads(
        python("""
import json, subprocess, sys
from course_utils.measuring.memory import peak_memory_bytes
block = bytearray(400_000_000)
child = "from course_utils.measuring.memory import peak_memory_bytes as p; print(p())"
done = subprocess.run([sys.executable, "-c", child], capture_output=True, text=True, check=True)
print(json.dumps([peak_memory_bytes(), int(done.stdout)]))
""")
    )
    assert held > 400_000_000
    assert peak < 100_000_000


@pytest.fixture
def one_process(tensorflow_children):
    return tensorflow_children[0]["faults"]


@needs_glibc
def test_keeping_freed_memory_at_run_time_ends_the_faults_of_from_generator(one_process):
    """A decoded photo is 97 pages and its share of a batch 21 to 37: counted, not timed.

    Measured: 105 to 120 a picture as it is, under 4 with memory kept.
    """
    assert one_process["pictures"] > 50
    assert one_process["pictures, kept"] < 15
    assert one_process["record"].startswith("keeps freed memory")
    assert one_process["peak grew"] < 400 * MIB


@needs_glibc
def test_keeping_freed_memory_by_environment_ends_them_too(tensorflow_children):
    assert tensorflow_children[1] < 15


@needs_glibc
def test_after_one_from_generator_numpy_pays_for_each_array_until_memory_is_kept(one_process):
    """3 MB are 733 pages; NumPy asks for huge pages only from 4 MiB on."""
    assert one_process["arrays at first"] < 100
    assert one_process["arrays after from_generator"] > 400
    assert one_process["arrays, kept"] < 100
    assert one_process["arrays, returned"] > 400


@needs_glibc
def test_keeping_and_returning_show_in_the_memory_of_the_process(python):
    kept, returned, records = json.loads(
        python("""
import json
from course_utils.measuring import memory
memory.current_memory_bytes()
before = memory.current_memory_bytes()
first = memory.keep_freed_memory()
blocks = [bytearray(MIB := 1_000_000) for _ in range(200)]
del blocks
kept = memory.current_memory_bytes() - before
second = memory.return_freed_memory()
print(json.dumps([kept, memory.current_memory_bytes() - before, [str(first), repr(second)]]))
""")
    )
    assert kept > 150_000_000
    assert returned < 50_000_000
    assert records == [
        "keeps freed memory: top pad 32 MiB, trim threshold 2048 MiB, mmap threshold 32 MiB",
        "returns freed memory: top pad 0.125 MiB, trim threshold 0.125 MiB, "
        "mmap threshold 0.125 MiB",
    ]


@needs_glibc
def test_another_allocator_is_named_and_nothing_is_claimed(python, tmp_path):
    compiler = shutil.which("gcc") or shutil.which("cc")
    if not compiler:
        pytest.skip("no C compiler to build another allocator with")
    source, library = tmp_path / "other.c", tmp_path / "libothermalloc.so"
    source.write_text(
        """
        #include <stddef.h>
        extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t);
        extern void *__libc_realloc(void *, size_t);
        extern void __libc_free(void *);
        void *malloc(size_t n) { return __libc_malloc(n); }
        void *calloc(size_t n, size_t m) { return __libc_calloc(n, m); }
        void *realloc(void *p, size_t n) { return __libc_realloc(p, n); }
        void free(void *p) { __libc_free(p); }
        """,
        encoding="utf-8",
    )
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
    shown = python(
        "from course_utils.measuring import memory\n"
        "print(memory.keep_freed_memory()); print(memory.return_freed_memory().applied)",
        LD_PRELOAD=str(library),
    )
    assert shown.splitlines() == [
        "not applied: malloc comes from libothermalloc.so, not from glibc",
        "False",
    ]


def test_importing_brings_neither_tensorflow_nor_psutil(python):
    shown = python(
        "import sys, course_utils.measuring.memory\n"
        "print([name for name in ('tensorflow', 'psutil', 'numpy') if name in sys.modules])"
    )
    assert shown.strip() == "[]"
