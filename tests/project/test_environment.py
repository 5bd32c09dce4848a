"""The set-up says what is wrong and how to mend it, whatever stops it."""

import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from course_utils.project import diagnosis, environment, lock_file

ROOT = Path(__file__).parents[2]


@pytest.fixture
def bare_course(tmp_path):
    """A copy of what the set-up reads, without an environment."""
    return copy_of_course(tmp_path / "course")


def copy_of_course(folder):
    folder.mkdir(parents=True)
    for name in ("pyproject.toml", environment.LOCK, environment.GPU_LOCK, "Makefile", "README.md"):
        shutil.copy(ROOT / name, folder)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "course_utils", folder / "course_utils", ignore=ignored)
    return folder


def base_python():
    """The interpreter that this environment was made from: it has none of the packages."""
    return getattr(sys, "_base_executable", sys.executable)


def course(folder, *arguments, python=None, **environment_variables):
    """Run the command line in a copy of the course, as somebody without any set-up would."""
    variables = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "PYTHONPATH")}
    return subprocess.run(
        [python or base_python(), "-m", "course_utils", *arguments],
        cwd=folder,
        env=variables | environment_variables,
        capture_output=True,
        text=True,
        timeout=120,
    )


def started(folder, *arguments, python=None):
    """As `course`, without waiting for the end."""
    variables = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "PYTHONPATH")}
    return subprocess.Popen(
        [python or base_python(), "-m", "course_utils", *arguments],
        cwd=folder,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def read_until(process, words):
    """Read a process's output up to the line with these words; fail where it ends before."""
    said = ""
    for line in process.stdout:
        said += line
        if words in line:
            return said
    pytest.fail(f"{words!r} was never said, but:\n{said}")


def shorten_lock(folder, *names):
    """Leave only some packages in a copy's lock, with their hashes."""
    text = (ROOT / environment.LOCK).read_text(encoding="utf-8")
    blocks = [environment.block_of(name, text) for name in names]
    (folder / environment.LOCK).write_text("".join(blocks), encoding="utf-8")


def stamp(folder):
    return folder / ".venv" / "course-lock.txt"


def pretend_environment(folder):
    """Make an environment that passes for one in line, with none of the packages."""
    venv.create(folder / ".venv", symlinks=os.name != "nt", with_pip=False)
    lock = folder / environment.LOCK
    stamp(folder).write_text(environment.wanted_stamp(folder, lock), encoding="utf-8")


def test_without_a_network_it_says_so(bare_course, tmp_path):
    done = course(
        bare_course,
        "lab",
        HTTPS_PROXY="http://127.0.0.1:9",
        HTTP_PROXY="http://127.0.0.1:9",
        NO_PROXY="",
        PIP_RETRIES="1",
        PIP_NO_CACHE_DIR="1",
        UV_CACHE_DIR=str(tmp_path / "cache"),
    )
    assert done.returncode == 1
    assert "No package index can be reached" in done.stderr
    assert "make lab" in done.stderr
    assert "Traceback" not in done.stderr
    # Half an environment never passes for a whole one.
    assert not (bare_course / ".venv" / "course-lock.txt").exists()


def test_a_small_disk_is_refused_before_anything_is_downloaded(small_disk):
    folder = copy_of_course(small_disk(64) / "course")
    done = course(folder, "setup")
    assert done.returncode == 1
    assert "The disk is too full: the environment needs 4 GiB, and 0.1 GiB are free" in done.stderr
    assert not (folder / ".venv").exists()


def test_the_disk_needs_room_only_for_what_is_not_there_yet(small_disk, monkeypatch):
    folder = small_disk(16)
    monkeypatch.setitem(environment.NEEDED, environment.GPU_LOCK, 14 * 2**20)
    (folder / ".venv").mkdir()
    (folder / ".venv" / "packages").write_bytes(bytes(6 * 2**20))
    environment.check_disk(folder / ".venv", environment.GPU_LOCK)  # 10 free, 8 more needed
    (folder / "something else").write_bytes(bytes(4 * 2**20))
    with pytest.raises(environment.SetupError, match="GiB more, and"):
        environment.check_disk(folder / ".venv", environment.GPU_LOCK)


def test_a_disk_that_fills_up_meanwhile_is_named_as_the_cause(small_disk, tmp_path):
    wheel = tmp_path / "big-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("big.bin", bytes(40 * 2**20))
        archive.writestr("big-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(
            "big-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: big\nVersion: 1.0\n"
        )
        archive.writestr("big-1.0.dist-info/RECORD", "")
    disk = small_disk(16)
    installers = (
        ["uv", "pip", "install", "--offline", "--no-deps", "--cache-dir", str(tmp_path / "cache")],
        ["pip", "install", "--no-index", "--no-deps"],
    )
    for number, installer in enumerate(installers):
        target = ["--target", str(disk / str(number)), str(wheel)]
        with pytest.raises(environment.SetupError, match=r"(?s)The disk is full.*make lab"):
            environment.run([sys.executable, "-m", *installer, *target])
        shutil.rmtree(disk / str(number), ignore_errors=True)


def test_other_bytes_than_the_lock_names_are_refused(tmp_path):
    wheel = tmp_path / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(
            "tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n"
        )
        archive.writestr("tiny-1.0.dist-info/RECORD", "")
    lock = tmp_path / "lock.txt"
    lock.write_text(f"tiny==1.0 --hash=sha256:{'0' * 64}\n")
    for installer in (["uv", "pip", "install", "--offline"], ["pip", "install"]):
        command = [sys.executable, "-m", *installer, "--no-index", "--find-links", str(tmp_path)]
        command += ["--require-hashes", "--target", str(tmp_path / "to"), "-r", str(lock)]
        with pytest.raises(environment.SetupError, match="other bytes than the lock names"):
            environment.run(command)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs another user")
def test_a_folder_without_write_permission_is_named_as_the_cause(tmp_path):
    folder = tmp_path / "course"
    folder.mkdir()
    for parent in (tmp_path, *tmp_path.parents[:2]):
        parent.chmod(0o755)
    made = subprocess.run(
        ["/usr/bin/env", "python3", "-m", "venv", str(folder / ".venv")],
        capture_output=True,
        text=True,
        user=65534,
        cwd="/",
        env={"PATH": "/usr/bin:/bin"},
    )
    assert made.returncode != 0
    assert "can't be written to" in environment.cause(made.stdout + made.stderr)


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        (
            "error: Failed to fetch: `https://index/six.whl`\n"
            "  cause: failed to write /course/.venv/x: Permission denied (os error 13)",
            "can't be written to",
        ),
        ("hint: An index (https://index/) returned a 403 Forbidden error.", "refuses (401 or 403)"),
        (
            "hint: An index URL could not be queried due to a lack of valid authentication "
            "credentials (401 Unauthorized)\nERROR: No match (from versions: none)",
            "refuses (401 or 403)",
        ),
        (
            "error: Failed to fetch: `https://index/six`\n  cause: error sending request for url\n"
            "  cause: invalid peer certificate: UnknownIssuer",
            "SSL_CERT_FILE",
        ),
        ("SSLError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed')", "PIP_CERT"),
        (
            "error: Timeout (300s) when waiting for lock on `/cache` at `/cache/.lock`, is another "
            "uv process running?",
            "Another installer holds the lock",
        ),
        ("error: timed out waiting for lock", "Another installer holds the lock"),
        (
            "The virtual environment was not created successfully because ensurepip is not\n"
            "available.  On Debian/Ubuntu systems, you need to install the python3-venv\npackage",
            "apt install python3-venv",
        ),
        ("Error: Command '[... -m ensurepip --upgrade]' returned 1", "The set-up stopped"),
    ],
)
def test_what_an_installer_says_is_told_in_a_sentence(output, sentence):
    told = diagnosis.cause(output)
    assert sentence in told
    assert diagnosis.LAB in told


def unsuitable_pythons():
    """Interpreters on this machine that are too old or too new for the course."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    names = [*map(str, sorted(pyenv.glob("versions/*/bin/python")))]
    names += [f"python3.{minor}" for minor in (8, 9, 10, 14, 15)]
    found = []
    for name in names:
        code = "import sys; sys.exit((3, 11) <= sys.version_info[:2] <= (3, 13))"
        if (
            shutil.which(name)
            and subprocess.run([name, "-c", code], capture_output=True).returncode == 0
        ):
            found.append(shutil.which(name))
    return found


@pytest.mark.skipif(not unsuitable_pythons(), reason="every Python here suits the course")
@pytest.mark.parametrize("python", unsuitable_pythons(), ids=lambda path: str(Path(path).parts[-3]))
def test_an_unsuitable_python_says_which_one_is_needed(python, bare_course, tmp_path):
    alone = course(bare_course, "lab", python=python, PATH=str(tmp_path))
    assert alone.returncode == 1
    assert "the course needs Python 3.11, 3.12 or 3.13" in alone.stderr
    assert "make lab PYTHON=python3.11" in alone.stderr
    assert "Traceback" not in alone.stderr


@pytest.mark.skipif(not unsuitable_pythons(), reason="every Python here suits the course")
def test_an_unsuitable_python_hands_over_to_a_suitable_one(bare_course, tmp_path):
    name = f"python3.{sys.version_info.minor}"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / name).symlink_to(base_python())
    done = course(
        bare_course, "--help", python=unsuitable_pythons()[-1], PATH=str(tmp_path / "bin")
    )
    assert done.returncode == 0, done.stderr
    assert f"using {name} instead" in done.stdout
    assert "open your copy of the course in JupyterLab" in done.stdout


def test_a_taken_port_names_the_command_that_takes_another():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = course(ROOT, "lab", "--no-browser", "--port", str(port), python=sys.executable)
    assert done.returncode == 1
    assert f"Port {port} is taken" in done.stderr
    assert f"make lab PORT={port + 1}" in done.stderr


def test_no_port_is_named_as_such():
    done = course(ROOT, "lab", "--no-browser", "--port", "99999", python=sys.executable)
    assert done.returncode == 1
    assert "99999 is no port" in done.stderr


def test_an_interrupted_set_up_is_taken_up_again(bare_course):
    shorten_lock(bare_course, "six", "setuptools", "uv")
    python = environment.python_of(bare_course / ".venv")
    python.parent.mkdir(parents=True)
    python.write_text("cut off")
    python.chmod(0o755)

    with started(bare_course, "setup") as process:
        said = read_until(process, "Installing uv")
        process.kill()
    assert "Making a virtual environment" in said
    assert not stamp(bare_course).exists()

    again = course(bare_course, "setup")
    if "No package index can be reached" in again.stderr:
        pytest.skip("needs a package index")
    assert again.returncode == 0, again.stderr
    assert "Making a virtual environment" not in again.stdout  # what was there is used
    assert stamp(bare_course).exists()
    code = "import six, course_utils; print(course_utils.__file__)"
    found = subprocess.check_output([python, "-c", code], cwd=bare_course.parent, text=True)
    assert Path(found.strip()).parent.parent == bare_course

    # An interpreter that is gone (as when the folder was moved) is found out in spite of the stamp.
    python.unlink()
    assert not environment.is_in_line(bare_course, gpu=False)


def test_of_two_first_calls_one_waits_and_finds_all_done(bare_course):
    code = (
        "import sys; from pathlib import Path; from course_utils.project import lock_file\n"
        f"with lock_file.alone(Path({str(bare_course / '.venv.lock')!r})):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    holding = [sys.executable, "-c", code]
    with subprocess.Popen(
        holding, cwd=bare_course, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout.readline() == "held\n"
        with started(bare_course, "setup") as second:
            read_until(second, "Waiting for another set-up to end")
            pretend_environment(bare_course)
            first.stdin.close()
            assert second.stdout.read() == ""
    assert second.returncode == 0


@pytest.mark.skipif(os.name == "nt", reason="a lock isn't inherited there")
def test_an_installer_that_outlives_a_killed_set_up_keeps_the_lock(tmp_path):
    path = tmp_path / ".venv.lock"
    installer = "import sys; print('installing', flush=True); sys.stdin.read()"
    code = (
        "import sys; from pathlib import Path; from course_utils.project import environment as e\n"
        f"with e.alone(Path({str(path)!r})):\n"
        f"    e.call([sys.executable, '-c', {installer!r}], capture_output=False)"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "installing\n"
        process.kill()
        process.wait(60)
        with path.open("ab") as file:
            assert not lock_file.take(file)
            process.stdin.close()
            process.stdout.read()  # ends with the installer
            with lock_file.alone(path):
                pass


def other_suitable_python():
    """An interpreter on this machine that suits the course and is of another version."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for minor in {11, 12, 13} - {sys.version_info.minor}:
        for name in (*pyenv.glob(f"versions/3.{minor}.*/bin/python"), f"python3.{minor}"):
            if environment.version_of(name) == f"3.{minor}":
                return str(name), f"3.{minor}"
    return None


@pytest.mark.skipif(not other_suitable_python(), reason="needs a second suitable Python")
def test_another_python_makes_the_environment_anew_and_says_so(bare_course):
    shorten_lock(bare_course, "six")  # without uv the set-up ends after the virtual environment
    pretend_environment(bare_course)
    same = course(bare_course, "setup")
    assert (same.returncode, same.stdout) == (0, ""), same.stderr
    python, version = other_suitable_python()
    done = course(bare_course, "setup", python=python)
    assert f".venv/ has Python {environment.VERSION}, and this is {version}" in done.stdout
    assert "names no uv" in done.stderr
    assert environment.version_of(environment.python_of(bare_course / ".venv")) == version
    assert not stamp(bare_course).exists()


def test_every_package_of_the_lock_is_found_with_its_versions():
    lock = (ROOT / environment.LOCK).read_text(encoding="utf-8")
    pins = environment.pins(lock)
    pinned = [line for line in lock.splitlines() if line and line[0] not in " #"]
    assert sum(map(len, pins.values())) == len(pinned) > 100
    block = environment.block_of("uv", lock)
    assert block.startswith("uv==")
    assert "--hash=sha256:" in block
    assert block.count("==") == 1


def test_this_environment_is_reported_where_it_differs(bare_course, capsys):
    own = environment.installed_version("tabulate")
    (bare_course / environment.LOCK).write_text(
        "tabulate==0.0.1 \\\n    --hash=sha256:00\nnumpy==0.1\n"
    )
    environment.report_differences(bare_course)
    said = capsys.readouterr().out
    assert f"tabulate {own} (the lock has 0.0.1)" in said
    assert "python -m pip install -r requirements.lock" in said


def test_an_active_environment_that_lacks_a_package_is_told_how_to_get_it(bare_course, capsys):
    project = bare_course / "pyproject.toml"
    text = project.read_text(encoding="utf-8")
    project.write_text(text.replace('"ruff>=', '"no-such-linter>='), encoding="utf-8")
    environment.report_differences(bare_course)
    assert "no-such-linter is missing" in capsys.readouterr().out
    project.write_text(text.replace('"tqdm>=', '"no-such-package>='), encoding="utf-8")
    lacks = r"(?s)lacks no-such-package\..*python -m pip install -r requirements.lock"
    with pytest.raises(environment.SetupError, match=lacks):
        environment.report_differences(bare_course)


def test_an_active_environment_that_has_the_packages_is_used_as_it_is(tmp_path):
    # As with conda: another environment than `.venv`, with the packages, without the course's own.
    folder = copy_of_course(tmp_path / "course")
    (folder / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks" / "course.toml", folder / "notebooks")
    shutil.copy(ROOT / "notebooks" / "00_start_here.ipynb", folder / "notebooks")
    venv.create(tmp_path / "other", symlinks=os.name != "nt", with_pip=False)
    python = environment.python_of(tmp_path / "other")
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    here = sysconfig.get_path("purelib")
    there = subprocess.check_output([python, "-c", ask], text=True).strip()
    Path(there, "packages.pth").write_text(f"{here}\n", encoding="utf-8")
    stamp = tmp_path / "other" / environment.STAMP  # as if another copy of the course had made it
    stamp.write_text("of another copy", encoding="utf-8")
    gpu = ["--gpu"] if sys.platform == "linux" else []
    done = course(folder, "reset", "00", *gpu, python=str(python))
    assert not stamp.exists()  # that copy will find its environment out of line
    if gpu:
        assert "used as it is" in done.stdout
        assert "pip install -r requirements-gpu.lock" in done.stdout
    assert done.returncode == 0, done.stderr
    assert (folder / "my_notebooks" / "00_start_here.ipynb").exists()
    assert not (folder / ".venv").exists()
    # The kernels that JupyterLab starts in my_notebooks/ find the course's package.
    ask = "import course_utils; print(course_utils.__file__)"
    found = subprocess.check_output([python, "-c", ask], cwd=tmp_path, text=True).strip()
    assert Path(found).parent.parent == folder
