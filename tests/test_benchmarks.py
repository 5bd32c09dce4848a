"""The race runs, compares pixels and makes its tables; its lock says what it needs.

On a few pictures, with the rows that the course's own environment can run.
"""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from benchmarks import __main__ as command
from benchmarks import race, run_one, small_records, tables
from benchmarks.contestant import Contestant
from benchmarks.contestants import CONTESTANTS, find
from benchmarks.work import BATCH, SHAPE, batches_of, crops, read, read_into
from course_utils.project import environment

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "benchmarks"
PICTURES = 40  # a whole batch and one that isn't
# Worker processes would be forked from the test's, which has threads of TensorFlow's.
APART = {"floor, processes", "Keras PyDataset, processes"}
HERE = [
    (contestant.name, dtype)
    for contestant in CONTESTANTS
    for dtype in contestant.tables
    if not contestant.obstacle() and contestant.name not in APART
]


def test_read_into_gives_the_same_pixels_in_both_dtypes():
    (path,) = crops(1)
    whole, exact = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.float32)
    read_into(path, whole)
    read_into(path, exact)
    assert whole.any()
    assert np.array_equal(whole, read(path))
    assert np.array_equal(exact, whole)


def test_crops_are_repeated_to_fill_an_epoch():
    paths = crops(1030)
    assert len(paths) == 1030
    assert len(set(paths)) == 512
    assert paths[512:1024] == paths[:512]
    assert [len(batch) for batch in batches_of(paths)] == [BATCH] * 32 + [6]


@pytest.mark.parametrize(("name", "dtype"), HERE)
def test_every_row_delivers_the_same_pixels(name, dtype):
    contestant = find(name)
    differ = run_one.difference(contestant, dtype, PICTURES)
    assert differ == 0 if contestant.same_pixels else differ < run_one.LIKE


def test_the_rows_of_the_course_and_of_tensorflow_run_here():
    names = {name for name, _ in HERE}
    assert {"floor, threads", "thread loader", "thread loader through from_generator"} <= names
    assert {"tf.data, guide recipe", "map(numpy_function)", "Keras PyDataset, threads"} <= names


def test_wrong_pixels_are_refused():
    def start(paths, dtype):
        return lambda: iter([np.stack([read(path)[..., ::-1] for path in paths])])

    blue_first = Contestant("blue first", "peer", start, "")
    with pytest.raises(RuntimeError, match="pixels differ"):
        run_one.difference(blue_first, "uint8", 4)
    with pytest.raises(RuntimeError, match="gave uint8"):
        run_one.difference(blue_first, "float32", 4)


def test_missing_pictures_are_refused():
    def start(paths, dtype):
        return lambda: iter([np.stack([read(path) for path in paths[:3]])])

    with pytest.raises(RuntimeError, match="gave"):
        run_one.difference(Contestant("one short", "peer", start, ""), "uint8", 4)


def test_a_contestant_without_its_module_tells_so():
    assert Contestant("x", "peer", None, "", ("no_such_module",)).obstacle() == (
        "not installed: no_such_module"
    )


def test_the_order_of_rounds_turns_and_goes_back():
    names = ["a", "b", "c"]
    assert [race.order(names, number) for number in range(3)] == [
        ["a", "b", "c"],
        ["a", "c", "b"],
        ["c", "a", "b"],
    ]


def run(cpu, seconds, differ=None):
    return {
        "pictures": 100,
        "seconds": seconds,
        "end_seconds": 0.25,
        "cpu_ms_per_picture": cpu,
        "faults_per_picture": 1.0,
        "peak_mib": 10.0,
        "pixels_differ": differ,
    }


def test_ratios_are_of_one_round_and_the_floor_is_the_better_of_two():
    chosen = [find(name) for name in ("floor, threads", "floor, processes", "thread loader")]
    rounds = [
        {
            "floor, threads": run(0.5, 0.1, 0.0),
            "floor, processes": run(0.6, 0.1, 0.0),
            "thread loader": run(0.55, 0.2, 0.0),
        },
        {
            "floor, threads": run(1.0, 0.2),
            "floor, processes": run(1.2, 0.2),
            "thread loader": run(1.2, 0.2),
        },
    ]
    found = {row.name: row for row in race.rows(chosen, rounds)}
    assert found["floor, threads"].cpu_of_floor == 1
    assert found["thread loader"].cpu_of_floor == pytest.approx((1.1 + 1.2) / 2)
    assert found["thread loader"].cpu_of_floor_range == pytest.approx((1.1, 1.2))
    assert found["thread loader"].throughput_of_floor == pytest.approx((0.5 + 1.0) / 2)
    assert found["thread loader"].pictures_per_second == pytest.approx(100 / 0.2)


def test_the_command_races_in_processes_and_writes_its_record(tmp_path, capfd):
    command.main(
        [
            *("--rounds", "1", "--pictures", str(PICTURES), "--tables", "uint8"),
            *("--to", str(tmp_path), "--only", "floor, processes", "thread loader"),
        ]
    )
    record = json.loads((tmp_path / "race.json").read_text(encoding="utf-8"))
    rows = {row["name"]: row for row in record["tables"]["uint8"]}
    assert list(rows) == ["floor, processes", "thread loader"]
    assert rows["thread loader"]["pixels_differ"] == 0
    assert rows["thread loader"]["cpu_ms_per_picture"] > 0
    assert rows["floor, processes"]["cpu_ms_per_picture"] > 0  # its workers are counted
    assert record["versions"]["numpy"] == np.__version__
    assert record["device"]["cores"] >= 1
    assert "thread loader" in (tmp_path / "race.md").read_text(encoding="utf-8")
    assert "| Ours: thread loader" in capfd.readouterr().out


def test_no_round_begins_that_would_end_too_late(monkeypatch):
    minutes = iter(range(100))  # each look at the clock is a minute later
    monkeypatch.setattr(command.time, "monotonic", lambda: 60 * next(minutes))
    monkeypatch.setattr(command, "run_round", lambda *arguments: {})
    options = command.parser().parse_args(["--rounds", "9", "--minutes", "5.5"])
    done = command.race([], options, began=-60)
    # After three rounds four minutes have passed, after four five: a fifth would end at 6.25.
    assert {dtype: len(rounds) for dtype, rounds in done.items()} == {"uint8": 4, "float32": 4}


def test_what_cannot_run_is_left_out_with_its_reason():
    record = {
        "date": "2026-11-21",
        "command": "python -m benchmarks",
        "device": {
            **{"processor": "P", "cores": 2, "memory_gib": 4, "system": "Linux"},
            **{"c_library": "glibc 2.36", "load_before": 0.1},
        },
        "versions": {"numpy": "2"},
        "pictures": 100,
        "tables": {},
        "rounds": {},
        "left_out": {"Grain, threads": "not installed: grain"},
        "small_records": [],
    }
    assert "- Grain, threads: not installed: grain." in tables.markdown(record)


def test_a_run_that_fails_tells_why():
    with pytest.raises(RuntimeError, match="no contestant 'nobody'"):
        race.run_apart("benchmarks.run_one", "nobody", "uint8", 4)


@pytest.mark.parametrize("shape", small_records.KINDS.values())
def test_small_records_arrive_whole_and_in_order(shape):
    data = np.arange(70 * int(np.prod(shape)), dtype=np.float32).reshape(70, *shape)
    expected = [tuple(np.ravel(row)) for row in data]
    for records in (small_records.singly(data), small_records.chunked(data, 32)):
        assert [tuple(np.ravel(record)) for record in records.as_numpy_iterator()] == expected


def test_the_table_of_small_records_is_readable():
    row = {
        "records": "numbers",
        "way": small_records.SINGLE,
        "records_per_second": 12345.6,
        "cpu_us_per_record": 61.7,
        "times_faster": 1.0,
        "times_less_cpu": 1.0,
    }
    assert "| numbers  | one an element |" in tables.small([row])


LOCK = (FOLDER / "requirements.lock").read_text(encoding="utf-8")
STATED = [
    Requirement(line.partition("#")[0].strip())
    for line in (FOLDER / "requirements.in").read_text(encoding="utf-8").splitlines()
    if line.partition("#")[0].strip()
]


def test_the_lock_holds_what_is_stated_hashed_and_without_a_url():
    pins = environment.pins(LOCK)
    for requirement in STATED:
        for version in pins[canonicalize_name(requirement.name)]:
            assert Version(version) in requirement.specifier
    assert "://" not in LOCK
    assert not re.search(r"index-url|find-links|trusted-host", LOCK)
    blocks = [block for block in re.split(r"\n(?=[A-Za-z0-9])", LOCK.strip()) if "==" in block]
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_the_lock_agrees_with_the_course_where_both_name_a_package():
    ours = environment.pins(LOCK)
    course = environment.pins((ROOT / environment.LOCK).read_text(encoding="utf-8"))
    assert {name: course[name] for name in ours if name in course} == {
        name: versions for name, versions in ours.items() if name in course
    }


def test_every_requirement_has_its_reason_beside_it():
    lines = (FOLDER / "requirements.in").read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if line and not line.startswith("#")]
    assert [line for line in lines if not re.search(r"\S\s+# \w.{5,}", line)] == []
