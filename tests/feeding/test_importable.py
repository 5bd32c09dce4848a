import functools
import os
import pickle
import re
import subprocess
import sys
import types
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest

import course_utils
from course_utils.feeding import importable
from course_utils.feeding.importable import packed
from course_utils.feeding.processes import ProcessLoader

sys.path.append(str(Path(__file__).parent))  # for workers, too

import process_functions
from process_functions import Reader

HOUSE = Path(course_utils.__file__).parents[1]
NUMBER = np.zeros((), "int64")  # has a shape and a dtype, so it is a signature
CURE = (
    "Put it at the top level of a .py file (in a notebook: a cell that begins with `%%writefile "
    "my_functions.py`), import it from there, and pass what varies with functools.partial."
)
FORK = (
    ' start_method="fork" would do without, but a fork of a process that runs TensorFlow\'s '
    "threads may hang."
)
NEEDS_FORK = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


def refusal(function, start_method="forkserver"):
    with pytest.raises(TypeError) as caught:
        packed(function, function, start_method)
    return str(caught.value)


@pytest.fixture
def main(monkeypatch):
    """A main module as a notebook has it, without a file."""
    module = types.ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", module)
    code = """
import functools

def flip(item):
    return -item

@functools.lru_cache
def cached(item):
    return item

class Size:
    def read(self, item):
        pass
"""
    exec(code, module.__dict__)
    return module


# What workers can import


IMPORTABLE = {
    "function": process_functions.same,
    "instance": Reader(3),
    "method": Reader(3).read,
    "class method": Reader.negative,
    "static method": Reader.same,
    "class": Reader,
    "partial": functools.partial(process_functions.drawn, rng=np.random.default_rng(3)),
    "partial of a partial": functools.partial(functools.partial(max, 3), key=abs),
    "NumPy's": np.load,
    "ufunc": np.abs,
    "builtin": len,
    "method of a text": "ab".join,
    "standard library's": os.path.getsize,
}


@pytest.mark.parametrize("name", IMPORTABLE)
def test_what_has_a_module_and_a_name_is_packed(name):
    function = IMPORTABLE[name]
    copy = pickle.loads(packed(("job", function), function, "spawn"))
    assert copy[0] == "job"
    assert type(copy[1]) is type(function)


def test_a_worker_calls_what_was_packed():
    """Each of them in a worker, three at a time: a partial, an instance, its method."""
    reads = functools.partial(Reader.read, Reader(2))
    for function, expected in ((Reader(3), [3, 4, 5]), (reads, [0, 2, 4]), (Reader.negative, None)):
        loader = ProcessLoader(function, range(3), NUMBER, processes=1)
        assert [int(number) for number in loader()] == (expected or [0, -1, -2])


# What they can't


def test_a_lambda_is_refused_with_the_cure():
    text = refusal(lambda item: item)
    name = "test_a_lambda_is_refused_with_the_cure.<locals>.<lambda>"
    assert text.startswith(f"The function {name} can't be sent to a worker process: Can't ")
    assert text.endswith(
        f"{name}'. It may be a lambda, defined inside another function, or hold an open file, and "
        'a worker process that is started with "forkserver" can\'t import such a thing. '
        f"{CURE}{FORK}"
    )


def closure():
    size = 3

    def function(item):
        return item + size

    return function


def local_instance():
    class Local:
        def __call__(self, item):
            return item

        def read(self, item):
            return item

    return Local()


def generator():
    yield 1


REFUSED = {
    "closure": (closure, "closure.<locals>.function"),
    "instance": (local_instance, "local_instance.<locals>.Local"),
    "method": (lambda: local_instance().read, "local_instance.<locals>.Local.read"),
    "partial of a closure": (lambda: functools.partial(closure()), "partial"),
    "partial with a generator": (
        lambda: functools.partial(process_functions.same, generator()),
        "partial",
    ),
    "partial with a lambda": (
        lambda: functools.partial(process_functions.same, lambda: 1),
        "partial",
    ),
    "method of a file": (lambda: open(os.devnull).read, "TextIOWrapper.read"),  # noqa: SIM115
    "method of a generator": (lambda: generator().__next__, "generator.__next__"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_has_no_name_or_holds_something_open_is_refused(what):
    make, name = REFUSED[what]
    text = refusal(make(), "spawn")
    assert text.startswith(f"The function {name} can't be sent to a worker")
    assert 'worker process that is started with "spawn" can\'t import such a thing. ' in text
    assert text.endswith(CURE + FORK)


def test_a_function_that_was_replaced_is_refused():
    """Another one has its name meanwhile, as after a decorator."""
    function = types.FunctionType(process_functions.same.__code__, {}, "same")
    function.__module__ = "process_functions"
    assert "it's not the same object as process_functions.same. It may be" in refusal(function)


def test_the_function_of_a_notebook_is_refused_with_the_cure(main):
    for function, name in (
        (main.flip, "flip"),
        (main.cached, "cached"),
        (main.Size, "Size"),
        (main.Size().read, "Size"),
        (functools.partial(main.flip), "flip"),
        (functools.partial(process_functions.called, main.Size()), "Size"),
        (functools.partial(main.flip, main.Size), "Size, flip"),
    ):
        assert refusal(function) == (
            f"{name} is defined in a notebook cell or typed in, and a worker process that is "
            f'started with "forkserver" can\'t import that. {CURE}{FORK}'
        )


def no_file(path):
    return (
        f"The program was read from {path}, and each worker process would read it again from "
        f"there, which it can't. Save it in a file and run that, or use `python -c`.{FORK}"
    )


def test_the_function_of_a_script_is_packed(main, tmp_path):
    with pytest.raises(TypeError, match="flip is defined in a notebook cell"):
        packed(main.flip, main.flip, "spawn")
    main.__file__ = str(tmp_path / "script.py")
    with pytest.raises(RuntimeError) as caught:
        packed(main.flip, main.flip, "spawn")
    assert str(caught.value) == no_file(main.__file__)
    Path(main.__file__).touch()
    assert pickle.loads(packed(main.flip, main.flip, "spawn")) is main.flip


def test_the_function_of_a_module_that_was_run_is_packed(main):
    main.__spec__ = ModuleSpec("package.module", None)
    assert pickle.loads(packed(main.flip, main.flip, "spawn")) is main.flip


def test_where_nothing_can_be_forked_that_is_not_advised(monkeypatch, main):
    monkeypatch.setattr(importable, "get_all_start_methods", lambda: ["spawn"])
    assert refusal(lambda item: item, "spawn").endswith(CURE)
    assert refusal(main.flip, "spawn").endswith(CURE)


def test_a_loader_refuses_at_once_and_a_fork_takes_it():
    for start_method in ("forkserver", "spawn"):
        with pytest.raises(TypeError, match=r"<lambda> can't be sent to a worker process.*Put it"):
            ProcessLoader(lambda item: item, range(3), NUMBER, start_method=start_method)


@NEEDS_FORK
def test_a_forked_worker_needs_no_name():
    loader = ProcessLoader(closure(), range(3), NUMBER, processes=1, start_method="fork")
    assert [int(number) for number in loader()] == [3, 4, 5]


# Whole programs


HEAD = """
import numpy as np
from functools import partial
from course_utils.feeding.processes import ProcessLoader

NUMBER = np.zeros((), "int64")
"""
SQUARE = """
def square(item):
    return item * item
"""
LOOP = """
print([int(number) for number in ProcessLoader({}, range(4), NUMBER, processes=1)()])
"""


def guarded(*lines):
    return "if __name__ == '__main__':\n" + "".join(
        f"    {line}\n" for part in lines for line in part.strip().splitlines()
    )


@pytest.fixture
def program(tmp_path):
    """Run a program in a new process: what it wrote, and its code."""
    environment = {**os.environ, "PYTHONPATH": str(HOUSE), "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("PYTHONUNBUFFERED", None)  # what workers print is written at their end

    def run(*arguments, code=None):
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            input=code,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


def script(tmp_path, code, name="script.py"):
    path = tmp_path / name
    path.write_text(code, encoding="utf-8")
    return path


def test_a_script_with_a_guard_may_hold_the_function_itself(program, tmp_path):
    code = (
        HEAD + SQUARE + "class Size:\n    height = 5\n\ndef of(size, item):\n    return size.height"
    )
    code += "\n\n" + guarded(LOOP.format("square"), LOOP.format("partial(of, Size())"))
    done = program(script(tmp_path, code))
    assert (done.stdout, done.returncode) == ("[0, 1, 4, 9]\n[5, 5, 5, 5]\n", 0), done.stderr
    assert not done.stderr


@pytest.mark.parametrize("more", ["", ', start_method="spawn"', ', lost="restart"'])
def test_a_script_without_a_guard_is_told_of_it(program, tmp_path, more):
    code = "print('begun', flush=True)\n" + HEAD + SQUARE
    code += LOOP.format("square").replace("processes=1", "processes=1" + more)
    done = program(script(tmp_path, code))
    assert done.returncode == 1
    assert done.stdout == "begun\n" * 2, "by itself, and by one worker"
    assert (
        "RuntimeError: An epoch was begun while a worker process imports the main script. In a "
        'script, everything that isn\'t a definition belongs behind `if __name__ == "__main__":`, '
        "since each worker imports the script.\n"
    ) in done.stderr
    last = done.stderr.rstrip().splitlines()[-1]
    assert re.sub(r"process \d+", "process 7", last) == (
        "course_utils.feeding.item_errors.WorkerLost: Worker 0 (process 7) has exited with code 1 "
        "before it was ready. It has written why to standard error. In a script, everything "
        'that isn\'t a definition belongs behind `if __name__ == "__main__":`, since each worker '
        "imports the script."
    )


def test_typed_in_a_function_is_refused_and_an_imported_one_taken(program, tmp_path):
    script(tmp_path, SQUARE, "my_functions.py")
    code = HEAD + SQUARE + "try:\n    ProcessLoader(square, range(4), NUMBER)\n"
    code += "except TypeError as error:\n    print(error)\n"
    code += "from my_functions import square\n" + LOOP.format("square")
    done = program("-c", code)
    assert done.stdout.splitlines() == [
        "square is defined in a notebook cell or typed in, and a worker process that is "
        f'started with "forkserver" can\'t import that. {CURE}{FORK}',
        "[0, 1, 4, 9]",
    ], done.stderr
    assert (done.stderr, done.returncode) == ("", 0)


def test_from_standard_input_no_worker_can_begin(program, tmp_path):
    """Python calls the file of such a program "<stdin>", and there is none."""
    script(tmp_path, SQUARE, "my_functions.py")
    for definition in (SQUARE, "from my_functions import square\n"):
        done = program("-", code=HEAD + definition + LOOP.format("square"))
        assert done.returncode == 1
        assert done.stderr.rstrip().splitlines()[-1] == f"RuntimeError: {no_file('<stdin>')}"


@NEEDS_FORK
def test_typed_in_a_function_can_be_forked(program):
    code = HEAD + SQUARE + LOOP.format("square").replace("s=1", "s=1, start_method='fork'")
    done = program("-", code=code)
    assert (done.stdout, done.returncode) == ("[0, 1, 4, 9]\n", 0), done.stderr


def test_a_module_that_is_run_may_hold_the_function_itself(program, tmp_path):
    (tmp_path / "package").mkdir()
    script(tmp_path, "", "package/__init__.py")
    script(tmp_path, HEAD + SQUARE + guarded(LOOP.format("square")), "package/module.py")
    done = program("-m", "package.module")
    assert (done.stdout, done.returncode) == ("[0, 1, 4, 9]\n", 0), done.stderr


def test_a_module_beside_a_notebook_that_changed_its_folder_is_found(program, tmp_path):
    """As after %cd: what the notebook imports from its folder, its workers import too."""
    (tmp_path / "project").mkdir()
    script(tmp_path, SQUARE, "project/my_functions.py")
    code = "import os\n" + HEAD + "os.chdir('project')\nfrom my_functions import square\n"
    done = program("-c", code + LOOP.format("square"))
    assert (done.stdout, done.returncode) == ("[0, 1, 4, 9]\n", 0), done.stderr


def test_a_module_that_workers_do_not_find_is_told(program, tmp_path):
    code = HEAD + "import sys, types\nmodule = sys.modules['made'] = types.ModuleType('made')\n"
    code += f"exec({SQUARE!r}, module.__dict__)\n"
    done = program("-c", code + LOOP.format("module.square"))
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith(
        "Worker 0 can't begin: ModuleNotFoundError: No module named 'made'. It must be able to "
        "import the module of the function, with all that this one imports; its traceback stands "
        "above."
    )
    assert "Traceback of worker 0 (process " in done.stderr


def test_what_workers_print_is_seen_once(program, tmp_path):
    code = HEAD + "def told(item):\n    print('item', item)\n    return item\n\n"
    code += guarded(
        "import sys",
        "loader = ProcessLoader(told, range(6), NUMBER, 2, processes=2, start_method=sys.argv[1])",
        "print('begun')",
        "batches = list(loader())",
        "print('done')",
    )
    for start_method in ("forkserver", "fork"):
        if start_method == "fork" and not hasattr(os, "fork"):
            continue
        done = program(script(tmp_path, code), start_method)
        lines = [f"item {item}" for item in range(6)]
        assert sorted(done.stdout.splitlines()) == ["begun", "done", *lines]
        assert (done.stderr, done.returncode) == ("", 0)
