import os

import pytest


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity")
def test_only_the_cores_that_this_process_may_use_are_counted(start_python):
    code = """
import os
from course_utils.feeding.cores import usable_cores
print(usable_cores() == len(os.sched_getaffinity(0)))
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
print(usable_cores())
"""
    out, err = start_python(code).communicate(timeout=60)
    assert out.split() == ["True", "1"], err
