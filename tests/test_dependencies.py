"""pyproject.toml, the locks and environment.yml say the same."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from course_utils.project import environment

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCKS = {environment.LOCK: ("test", "dev"), environment.GPU_LOCK: ("test", "dev", "gpu")}


def stated(extras):
    """Return the requirements of the project and of some extras."""
    groups = PYPROJECT["project"]["optional-dependencies"]
    lines = PYPROJECT["project"]["dependencies"] + [
        line for extra in extras for line in groups[extra]
    ]
    return [Requirement(line) for line in lines]


@pytest.mark.parametrize(("name", "extras"), LOCKS.items())
def test_lock_holds_every_requirement_in_its_range(name, extras):
    pins = environment.pins((ROOT / name).read_text(encoding="utf-8"))
    for requirement in stated(extras):
        versions = pins.get(canonicalize_name(requirement.name))
        assert versions, f"{requirement} is not in {name}: make lock"
        for version in versions:
            assert Version(version) in requirement.specifier, f"{requirement}, {version}: make lock"


@pytest.mark.parametrize(("name", "extras"), LOCKS.items())
def test_lock_asks_for_nothing_that_is_no_longer_stated(name, extras):
    # uv notes under each pin who wants it; the project itself is one of them.
    text = (ROOT / name).read_text(encoding="utf-8")
    wanted = set()
    for block in re.split(r"\n(?=[A-Za-z0-9])", text):
        if "feeding-tensorflow (pyproject.toml)" in block:
            wanted.add(re.match(r"[A-Za-z0-9._-]+", block).group())
    assert wanted == {canonicalize_name(each.name) for each in stated(extras)}


@pytest.mark.parametrize("name", LOCKS)
def test_lock_is_hashed_and_holds_no_url(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"index-url|find-links|trusted-host", text)
    blocks = re.split(r"\n(?=[A-Za-z0-9])", text.strip())
    assert len(blocks) > 100
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_lock_covers_every_supported_python():
    assert SpecifierSet(PYPROJECT["project"]["requires-python"]) == SpecifierSet(">=3.11,<3.14")
    import course_utils.__main__ as entry

    assert entry.SUITABLE == ((3, 11), (3, 12), (3, 13))


def test_both_locks_agree_where_both_name_a_package():
    first, second = (environment.pins((ROOT / n).read_text(encoding="utf-8")) for n in LOCKS)
    assert {name: second.get(name) for name in first} == first


def test_conda_installs_exactly_the_lock():
    lines = (ROOT / "environment.yml").read_text(encoding="utf-8").splitlines()
    lines = [line.partition("#")[0].rstrip() for line in lines]
    after_pip = [line.strip() for line in lines[lines.index("  - pip:") + 1 :] if line.strip()]
    assert after_pip == [f"- -r {environment.LOCK}"]
    python = next(line for line in lines if "python=" in line).split("=")[1]
    assert tuple(map(int, python.split("."))) in ((3, 11), (3, 12), (3, 13))


def test_every_dependency_has_its_reason_beside_it():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    dependencies = text[text.index("dependencies = [") : text.index("[tool.setuptools")]
    lines = re.findall(r'^ +"[a-zA-Z].*$', dependencies, flags=re.MULTILINE)
    assert len(lines) == len(stated(("test", "dev", "gpu")))
    assert [line for line in lines if not re.search(r'",\s+# \w.{10,}', line)] == []
