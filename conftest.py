"""How pytest runs the course: the same for `make test`, for CI and for pytest called by hand."""

import re
import sys

import pytest

from course_utils.project.notebooks import PINNED, set_environment


def pytest_addoption(parser):
    parser.addoption("--lesson", help="only what belongs to this lesson, such as 01_numbers")
    parser.addoption("--soak", action="store_true", help="the long checks, and nothing else")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    # Kernels and child processes inherit this; pytest sets PYTEST_CURRENT_TEST itself.
    set_environment({k: v for k, v in PINNED.items() if k != "PYTEST_CURRENT_TEST"})
    if not (config.option.nbval or config.option.nbval_lax):
        # The contract: outputs are compared on Linux with Python 3.11; elsewhere cells only run.
        comparable = sys.platform == "linux" and sys.version_info[:2] == (3, 11)
        config.option.nbval, config.option.nbval_lax = comparable, not comparable


def pytest_report_header(config):
    compared = "compared" if config.option.nbval else "not compared (that takes Linux, Python 3.11)"
    return f"notebooks: executed, outputs {compared}"


def pytest_collection_modifyitems(config, items):
    lesson, soak = config.getoption("lesson"), config.getoption("soak")
    kept = [
        item
        for item in items
        if bool(item.get_closest_marker("soak")) == soak
        and (not lesson or belongs_to(item.nodeid, lesson))
    ]
    if len(kept) < len(items):
        config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
    items[:] = kept


def belongs_to(nodeid, stem):
    """Tell whether a test is named for a lesson: its stem, or its number as in lesson_01."""
    number = re.match(r"\d\d(?=_)", stem)
    return stem in nodeid or bool(number and re.search(rf"lesson_{number.group()}(?!\d)", nodeid))
