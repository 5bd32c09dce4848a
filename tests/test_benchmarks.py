"""The race runs, compares pixels and makes its tables; its lock says what it needs.

On a few pictures, with the rows that the course's own environment can run.
"""

import json
import re
import subprocess
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from benchmarks import __main__ as command
from benchmarks import provenance, race, run_one, small_records, tables, targets
from benchmarks.beside import Beside
from benchmarks.contestant import Contestant
from benchmarks.contestants import CONTESTANTS, find
from benchmarks.work import BATCH, DTYPES, SHAPE, batches_of, crops, read, read_into
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


def run(cpu, seconds, differ=None, floors=((0.5, 0.001), (0.5, 0.001)), faults=1.0):
    return {
        "pictures": 100,
        "seconds": seconds,
        "end_seconds": 0.25,
        "cpu_ms_per_picture": cpu,
        "faults_per_picture": faults,
        "peak_mib": 10.0,
        "pixels_differ": differ,
        "floors": [
            {"cpu_ms_per_picture": floor_cpu, "seconds_per_picture": floor_seconds}
            for floor_cpu, floor_seconds in floors
        ],
    }


def test_ratios_are_to_the_mean_of_the_floors_before_and_after():
    chosen = [find(name) for name in ("floor, threads", "thread loader")]
    rounds = [
        {
            "floor, threads": run(0.5, 0.1, 0.0),
            "thread loader": run(0.55, 0.2, 0.0, floors=((0.4, 0.001), (0.6, 0.003))),
        },
        {
            "floor, threads": run(0.5, 0.1),
            "thread loader": run(1.2, 0.2, floors=((1.0, 0.002), (1.0, 0.002))),
        },
        {"thread loader": run(1.3, 0.4, floors=((1.0, 0.002), (1.0, 0.002)))},  # a short round
    ]
    found = {row.name: row for row in race.rows(chosen, rounds)}
    assert found["floor, threads"].cpu_of_floor == 1
    assert found["floor, threads"].runs == 2
    loader = found["thread loader"]
    assert loader.runs == 3
    assert loader.cpu_of_floor == pytest.approx(1.2)
    assert loader.cpu_of_floor_range == pytest.approx((1.1, 1.3))
    assert loader.throughput_of_floor == pytest.approx(1.0)
    assert loader.throughput_of_floor_range == pytest.approx((0.5, 1.0))
    assert loader.pictures_per_second == pytest.approx(100 / 0.2)


def test_the_floor_beside_is_measured_again_and_again():
    with Beside("uint8", PICTURES) as floor:
        measured = [floor.measure() for _ in range(3)]
    assert all(run["cpu_ms_per_picture"] > 0 and run["seconds_per_picture"] > 0 for run in measured)
    with Beside("uint8", 0) as floor, pytest.raises(RuntimeError, match="has ended"):
        floor.measure()  # no pictures, no epoch


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
    assert tables.markdown(record) == (tmp_path / "race.md").read_text(encoding="utf-8")
    assert "| Ours: thread loader" in capfd.readouterr().out


def quick(monkeypatch, tmp_path, fails=None):
    """Replaces the runs by ready ones, and the folder of results by an empty one."""

    def run_apart(module, *arguments):
        if fails in (module, arguments[0]):
            raise RuntimeError("it failed:\nno memory.")
        if module == "benchmarks.small_records":
            return []
        return {**run(0.5, 0.1, 0.0), "floors": None}

    class Floor:
        def __init__(self, *_):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def measure(self):
            return {"cpu_ms_per_picture": 0.5, "seconds_per_picture": 0.001}

    monkeypatch.setattr(race, "run_apart", run_apart)
    monkeypatch.setattr(command, "run_apart", run_apart)
    monkeypatch.setattr(race, "Beside", Floor)
    monkeypatch.setattr(command, "RESULTS", tmp_path)
    monkeypatch.setattr(Contestant, "obstacle", lambda self: None)


def test_a_row_that_fails_is_left_out_and_the_others_race_on(monkeypatch, tmp_path):
    quick(monkeypatch, tmp_path, fails="Grain, threads")
    command.main(["--rounds", "3"])
    record = json.loads((tmp_path / "race.json").read_text(encoding="utf-8"))
    assert record["left_out"] == {"Grain, threads": "failed with uint8: no memory"}
    for dtype in DTYPES:
        names = {row["name"] for row in record["tables"][dtype]}
        assert "Grain, threads" not in names
        assert {"thread loader", "Keras PyDataset, threads"} <= names
        assert len(record["rounds"][dtype]) == 6  # three whole, three short
    assert "- Grain, threads: failed with uint8: no memory." in (tmp_path / "race.md").read_text(
        encoding="utf-8"
    )


def test_small_records_that_fail_are_left_out_and_the_photos_race(monkeypatch, tmp_path):
    quick(monkeypatch, tmp_path, fails="benchmarks.small_records")
    command.main([])
    record = json.loads((tmp_path / "race.json").read_text(encoding="utf-8"))
    assert record["left_out"] == {"small records": "failed: no memory"}
    assert record["small_records"] == []
    assert record["tables"]["uint8"]


def test_an_interrupted_race_keeps_its_whole_rounds(monkeypatch, tmp_path):
    quick(monkeypatch, tmp_path / "results")
    whole = command.run_round

    def interrupted(contestants, dtype, number, *rest):
        if (dtype, number) == ("float32", 1):
            raise KeyboardInterrupt
        return whole(contestants, dtype, number, *rest)

    monkeypatch.setattr(command, "run_round", interrupted)
    with pytest.raises(KeyboardInterrupt):
        command.main(["--to", str(tmp_path)])
    record = json.loads((tmp_path / "race.json").read_text(encoding="utf-8"))
    assert {dtype: len(rounds) for dtype, rounds in record["rounds"].items()} == {
        "uint8": 1,
        "float32": 1,
    }
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--only", "thread loader"],
        ["--pictures", "512"],
        ["--rounds", "2"],
        ["--tables", "uint8"],
    ],
)
def test_only_the_full_race_takes_the_place_of_the_stored_record(
    monkeypatch, tmp_path, capsys, arguments
):
    quick(monkeypatch, tmp_path)
    command.main(arguments)
    assert list(tmp_path.iterdir()) == []
    assert "| Ours: thread loader" in capsys.readouterr().out
    command.main([*arguments, "--to", str(tmp_path / "elsewhere")])
    assert (tmp_path / "elsewhere" / "race.json").exists()


def test_the_full_race_is_stored_unless_a_package_is_missing(monkeypatch, tmp_path):
    quick(monkeypatch, tmp_path)
    monkeypatch.setattr(Contestant, "obstacle", lambda self: "not installed: x" * self.often)
    command.main([])
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(Contestant, "obstacle", lambda self: None)
    command.main([])
    assert {path.name for path in tmp_path.iterdir()} == {"race.json", "race.md"}


def test_no_round_begins_that_would_end_too_late(monkeypatch):
    minutes = iter(range(100))  # each look at the clock is a minute later
    monkeypatch.setattr(command.time, "monotonic", lambda: 60 * next(minutes))
    monkeypatch.setattr(command, "run_round", lambda *arguments: {})
    options = command.parser().parse_args(["--rounds", "9", "--minutes", "9.5"])
    done = {dtype: [] for dtype in DTYPES}
    rare = find("PyTorch DataLoader")
    command.race([rare], options, 0, done, {})
    # A round takes a minute and begins two after the last: the fifth at 8, a sixth would at 10.
    assert {dtype: len(rounds) for dtype, rounds in done.items()} == {"uint8": 5, "float32": 5}


def test_time_that_is_left_goes_to_the_rows_that_run_often(monkeypatch):
    raced = []
    monkeypatch.setattr(command, "run_round", lambda racing, *rest: raced.append(len(racing)) or {})
    options = command.parser().parse_args(["--rounds", "2", "--tables", "uint8"])
    command.race([find("thread loader"), find("SPDL")], options, 0, {"uint8": []}, {})
    assert raced[:2] == [2, 2]
    options = command.parser().parse_args(["--rounds", "2", "--tables", "uint8", "--only", "SPDL"])
    raced.clear()
    command.race([find("thread loader")], options, command.time.monotonic(), {"uint8": []}, {})
    assert raced == [1, 1]


def measured_record():
    """A record of two whole rounds: ours, and two peers."""
    cpu = {"thread loader": 0.5, "thread loader through from_generator": 0.6, "SPDL": 0.9}
    cpu["Grain, threads"] = 0.55
    chosen = [find(name) for name in cpu]
    rounds = [{name: run(ms * by, 0.1 * by) for name, ms in cpu.items()} for by in (1, 1.1)]
    small = {"records": "numbers", "times_faster_range": [14.0, 17.0]}
    return {
        "rounds": dict.fromkeys(DTYPES, rounds),
        "tables": {dtype: [asdict(row) for row in race.rows(chosen, rounds)] for dtype in DTYPES},
        "small_records": [
            {**small, "way": "1024 an element, unbatch", "times_faster": 15.5},
            {**small, "way": small_records.SINGLE, "times_faster": 1.0},
        ],
    }


def test_targets_say_met_not_met_or_not_measured():
    found = {target.name: target for target in targets.targets(measured_record())}
    assert len(found) == 12
    own = found["thread loader, uint8: cpu of floor"]
    assert (own.met, own.required) == (True, "at most 1.10")
    assert (own.measured, own.low, own.high) == pytest.approx((1.05, 1.0, 1.1))
    through = found["thread loader through from_generator, uint8: cpu of floor"]
    assert through.met is False
    assert found["thread loader through from_generator, uint8: faults per picture"].met
    next_peer = found["thread loader, float32: CPU of the best peer over ours"]
    assert next_peer.measured == pytest.approx(1.1)
    assert next_peer.required == "at least 1.10"
    beaten = found["thread loader through from_generator, float32: CPU of the best peer over ours"]
    assert beaten.met is False
    speed = found["thread loader, uint8: throughput over the best peer's"]
    assert (speed.met, speed.measured) == (False, 1.0)
    over = "throughput over one an element"
    numbers = found[f"small records, numbers, 1024 an element, unbatch: {over}"]
    assert (numbers.met, numbers.low, numbers.high) == (True, 14, 17)
    assert found[f"small records, rows of 20, in chunks: {over}"].met is None


def test_the_table_of_targets_has_the_verdicts():
    written = tables.against([asdict(target) for target in targets.targets(measured_record())])
    assert "1.05 (1.00 to 1.10) | met" in written
    assert "| not met" in written
    assert "- | not measured" in written


def test_the_stored_tables_are_those_of_the_stored_record():
    stored = FOLDER / "results"
    if not (stored / "race.json").exists():
        assert not (stored / "race.md").exists()
        return
    record = json.loads((stored / "race.json").read_text(encoding="utf-8"))
    assert tables.markdown(record) == (stored / "race.md").read_text(encoding="utf-8")
    assert record["targets"] == json.loads(
        json.dumps([asdict(target) for target in targets.targets(record)])
    )
    assert all(record[value] for value in ("device", "versions", "date", "commit"))
    ours = {contestant.name for contestant in CONTESTANTS if contestant.kind == "ours"}
    for dtype in DTYPES:
        assert ours <= {row["name"] for row in record["tables"][dtype]}
        for row in record["tables"][dtype]:
            again = race.rows([find(row["name"])], record["rounds"][dtype])
            assert [json.loads(json.dumps(asdict(one))) for one in again] == [row]


def test_the_commit_is_named_dirty_or_unknown(tmp_path):
    def git(*arguments):
        who = ("-c", "user.name=A", "-c", "user.email=a@example.org")
        subprocess.run(["git", "-C", str(tmp_path), *who, *arguments], check=True)

    assert provenance.commit(tmp_path / "nowhere") is None
    git("init", "-q")
    (tmp_path / "file").write_text("one", encoding="utf-8")
    git("add", "file")
    git("commit", "-q", "-m", "one")
    clean = provenance.commit(tmp_path)
    assert re.fullmatch("[0-9a-f]{40,64}", clean)
    record = tmp_path / "benchmarks" / "results" / "race.json"
    record.parent.mkdir(parents=True)
    record.write_text("{}", encoding="utf-8")
    assert provenance.commit(tmp_path) == clean
    (tmp_path / "file").write_text("two", encoding="utf-8")
    assert provenance.commit(tmp_path) == f"{clean} dirty"


def test_what_cannot_run_is_left_out_with_its_reason():
    record = {
        "date": "2026-11-21",
        "command": "python -m benchmarks",
        "commit": None,
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
        "targets": [],
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
