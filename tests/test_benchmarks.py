"""The race runs, compares pixels and makes its tables; its lock says what it needs.

On a few pictures, with the rows that the course's own environment can run.
"""

import gc
import json
import math
import re
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from benchmarks import __main__ as command
from benchmarks import (
    provenance,
    python_work,
    python_work_figure,
    race,
    run_one,
    small_records,
    tables,
    targets,
)
from benchmarks.beside import Beside
from benchmarks.contestant import Contestant
from benchmarks.contestants import CONTESTANTS, find
from benchmarks.work import BATCH, DTYPES, SHAPE, batches_of, crops, read, read_into
from course_utils.classroom.figures import clipped
from course_utils.feeding.processes import ProcessLoader
from course_utils.feeding.threads import ThreadLoader
from course_utils.measuring.timing import batch_length, epoch
from course_utils.project import environment

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "benchmarks"
PICTURES = 40  # a whole batch and one that isn't
# Their worker processes would be forked from the test's, which has threads of TensorFlow's.
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


def workers():
    """The processes below this one that a server process has started."""
    below = psutil.Process().children(recursive=True)
    return {process.pid for process in below} - {one.pid for one in psutil.Process().children()}


@pytest.mark.parametrize(("name", "dtype"), HERE)
def test_every_row_delivers_the_same_pixels(name, dtype):
    contestant = find(name)
    before = workers()
    differ = run_one.difference(contestant, dtype, PICTURES)
    assert differ == 0 if contestant.same_pixels else differ < run_one.LIKE
    if workers() - before:  # TensorFlow keeps the loader, with its processes, until it forgets
        assert name == "process loader through from_generator"
        for kept in [one for one in gc.get_objects() if isinstance(one, ProcessLoader)]:
            kept.close()
        assert not workers() - before


def test_the_rows_of_the_course_and_of_tensorflow_run_here():
    names = {name for name, _ in HERE}
    assert {"floor, threads", "thread loader", "thread loader through from_generator"} <= names
    assert {"process loader", "process loader through from_generator"} <= names
    assert {"tf.data, guide recipe", "map(numpy_function)", "Keras PyDataset, threads"} <= names


def test_the_process_loaders_workers_are_started_by_the_epoch_that_is_not_timed():
    before = workers()
    begin = find("process loader").start(crops(2 * BATCH), "uint8")
    assert workers() == before
    assert sum(len(batch) for batch in begin()) == 2 * BATCH
    started = workers() - before
    assert len(started) == begin.workers
    timed = epoch(run_one.Beginning(begin), batch_length)
    assert timed.items == 2 * BATCH
    assert workers() - before == started
    begin.close()
    assert workers() == before


def test_what_the_workers_of_a_server_process_take_is_counted():
    turns = python_work.turns_of(20)
    began = time.process_time()
    python_work.spin(16 * turns)
    work = time.process_time() - began
    number = SimpleNamespace(shape=(), dtype=np.dtype("int64"))
    loader = ProcessLoader(python_work.spin, [turns] * 16, number, 4, processes=2, persistent=True)
    before, faults, peak = workers(), run_one._all_faults(), run_one._workers_peak()
    list(loader())
    started = [psutil.Process(pid) for pid in workers() - before]
    assert len(started) == 2
    assert run_one._all_faults() - faults > sum(
        int(run_one._stat(one.pid)[7]) for one in started
    )  # this process's, too
    assert run_one._workers_peak() - peak >= sum(one.memory_info().rss for one in started) / 2
    timed = epoch(loader(), batch_length)
    loader.close()
    assert timed.cpu_seconds > work / 2


def test_pytorchs_data_set_is_one_that_workers_can_import():
    pytest.importorskip("torch")
    from benchmarks.torch_photos import Photos

    paths = crops(3)
    photos = Photos(paths)
    assert len(photos) == 3
    assert np.array_equal(photos[2].numpy(), read(paths[2]))


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
            *("--to", str(tmp_path)),
            *("--only", "floor, processes", "thread loader", "process loader"),
        ]
    )
    record = json.loads((tmp_path / "race.json").read_text(encoding="utf-8"))
    rows = {row["name"]: row for row in record["tables"]["uint8"]}
    assert list(rows) == ["floor, processes", "thread loader", "process loader"]
    assert rows["thread loader"]["pixels_differ"] == rows["process loader"]["pixels_differ"] == 0
    assert rows["thread loader"]["cpu_ms_per_picture"] > 0
    assert rows["floor, processes"]["cpu_ms_per_picture"] > 0  # its workers are counted
    assert record["versions"]["numpy"] == np.__version__
    assert record["device"]["cores"] >= 1
    assert tables.markdown(record) == (tmp_path / "race.md").read_text(encoding="utf-8")
    assert "| Ours: thread loader" in capfd.readouterr().out


def quick(monkeypatch, tmp_path, fails=None, work=None):
    """Replaces the runs by ready ones, and the folder of results by an empty one."""

    def run_apart(module, *arguments, **seconds):
        if fails in (module, arguments[0]):
            raise RuntimeError("it failed:\nno memory.")
        if module == "benchmarks.small_records":
            return []
        if module == "benchmarks.python_work":
            return work or {}
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


def test_the_figure_is_stored_beside_the_record_and_linked(monkeypatch, tmp_path):
    quick(monkeypatch, tmp_path, work=measured_work())
    command.main([])
    assert {path.name for path in tmp_path.iterdir()} == {
        "race.json",
        "race.md",
        python_work_figure.FILE,
    }
    drawn = (tmp_path / python_work_figure.FILE).read_text(encoding="utf-8")
    record = json.loads((tmp_path / "race.json").read_text(encoding="utf-8"))
    assert drawn == python_work_figure.svg(record["python_work"])
    assert f"({python_work_figure.FILE})" in (tmp_path / "race.md").read_text(encoding="utf-8")


def test_a_part_is_measured_again_and_the_rest_stays(monkeypatch, tmp_path):
    quick(monkeypatch, tmp_path)
    command.main([])
    before = json.loads((tmp_path / "race.json").read_text(encoding="utf-8"))
    assert not before["python_work"]
    quick(monkeypatch, tmp_path, work=measured_work())
    command.main(["--again", "python_work"])
    record = json.loads((tmp_path / "race.json").read_text(encoding="utf-8"))
    assert record["python_work"] == json.loads(json.dumps(measured_work()))
    assert record["again"]["python_work"]["command"].endswith("--again python_work")
    for name in ("date", "command", "tables", "rounds", "small_records"):
        assert record[name] == before[name], name
    met = {target["name"]: target["met"] for target in record["targets"]}
    assert met["process loader, 2 processes: ms an item from which on it pays"]
    written = (tmp_path / "race.md").read_text(encoding="utf-8")
    assert "## Python work\n\nMeasured anew: " in written
    assert (tmp_path / python_work_figure.FILE).exists()


def test_a_part_of_few_rounds_does_not_take_the_place_of_the_stored_one(monkeypatch, tmp_path):
    quick(monkeypatch, tmp_path, work=measured_work())
    command.main([])
    before = (tmp_path / "race.json").read_bytes()
    with pytest.raises(SystemExit, match="2 rounds don't take the place of the stored ones: run 3"):
        command.main(["--again", "python_work", "--rounds", "2"])
    assert (tmp_path / "race.json").read_bytes() == before


def test_a_part_that_fails_again_leaves_the_record_as_it_was(monkeypatch, tmp_path):
    quick(monkeypatch, tmp_path, work=measured_work())
    command.main([])
    before = (tmp_path / "race.json").read_bytes()
    quick(monkeypatch, tmp_path, fails="benchmarks.python_work")
    with pytest.raises(SystemExit, match="python_work failed: the stored record is as it was"):
        command.main(["--again", "python_work"])
    assert (tmp_path / "race.json").read_bytes() == before


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


def measured_work():
    """What ``python_work`` prints."""
    gained = {
        python_work.ONE: 1.0,
        python_work.TWO: 1.9,
        "one bare thread": 1.0,
        python_work.TWO_THREADS: 0.9,
        python_work.THREAD_LOADER: 1.2,
        "process loader, 1 process": 0.98,
        python_work.PROCESS_LOADER: 1.8,
    }
    gains = [
        {
            "way": way,
            "items_per_second": 500 * gain,
            "cpu_ms_per_item": 2.0,
            "gain": gain,
            "gain_range": (gain - 0.1, gain + 0.1),
        }
        for way, gain in gained.items()
    ]
    points = [
        {"cost_ms": cost, "gain": gain, "gain_range": (gain - 0.05, gain + 0.05)}
        for cost, gain in ((0.01, 0.5), (0.1, 1.5), (1.0, 1.9))
    ]
    even = {"points": points, "crossing_ms": 0.032, "crossing_range": (0.03, 0.04)}
    two = {"of_two_processes": 0.947, "of_two_processes_range": (0.9, 1.02), "close_rounds": 20}
    return {"gains": gains, **two, "break_even": even}


def measured_record():
    """A record of two whole rounds: ours, and three peers."""
    cpu = {"thread loader": 0.5, "thread loader through from_generator": 0.6, "SPDL": 0.9}
    cpu |= {"Grain, threads": 0.55, "process loader": 0.5, targets.TORCH: 0.75}
    cpu["process loader through from_generator"] = 0.6
    chosen = [find(name) for name in cpu]
    rounds = [{name: run(ms * by, 0.1 * by) for name, ms in cpu.items()} for by in (1, 1.1)]
    rounds[0]["process loader"]["peak_mib"] = 9.0
    rounds[1]["process loader"]["seconds"] = 0.0625
    small = {"records": "numbers", "times_faster_range": [14.0, 17.0]}
    return {
        "rounds": dict.fromkeys(DTYPES, rounds),
        "tables": {dtype: [asdict(row) for row in race.rows(chosen, rounds)] for dtype in DTYPES},
        "small_records": [
            {**small, "way": "1024 an element, unbatch", "times_faster": 15.5},
            {**small, "way": small_records.SINGLE, "times_faster": 1.0},
        ],
        "python_work": measured_work(),
    }


def test_targets_say_met_not_met_or_not_measured():
    found = {target.name: target for target in targets.targets(measured_record())}
    assert len(found) == 20
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


def test_targets_of_processes():
    found = {target.name: target for target in targets.targets(measured_record())}
    over = f"over that of {targets.TORCH}"
    speed = found[f"process loader, uint8: throughput {over}"]
    assert (speed.measured, speed.low, speed.high) == pytest.approx((1.38, 1.0, 1.76))
    assert speed.met
    cpu = found[f"process loader, uint8: CPU {over}"]
    assert (cpu.met, cpu.required, cpu.measured) == (True, "at most 0.80", pytest.approx(2 / 3))
    memory = found[f"process loader, uint8: peak memory {over}"]
    assert (memory.met, memory.low, memory.high) == (True, 0.9, 1.0)
    assert found["process loader through from_generator, uint8: cpu of floor"].met is False
    gain = found["Python work, process loader, 2 processes: gain over that of two bare processes"]
    assert (gain.met, gain.measured) == (True, 0.947)
    assert found["Python work, two bare threads: gain over one bare process"].met
    assert found["Python work, thread loader, 2 threads: gain over one bare process"].met is False
    even = found["process loader, 2 processes: ms an item from which on it pays"]
    assert (even.met, even.measured, even.low, even.high) == (True, 0.032, 0.03, 0.04)
    nothing = {**measured_record(), "python_work": {}, "rounds": {}, "tables": {}}
    assert {target.met for target in targets.targets(nothing)} == {None, True}  # small records


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
    drawn = (stored / python_work_figure.FILE).read_text(encoding="utf-8")
    assert python_work_figure.in_words(record["python_work"]) in drawn
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
        "python_work": {},
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


def test_python_work_is_the_same_in_threads_and_processes(tmp_path):
    paths = python_work.small_photos(tmp_path, PICTURES)
    shape = python_work.AUGMENTING.shape
    expected = np.zeros((PICTURES, *shape), np.uint8)
    for path, row in zip(paths, expected):
        python_work.augment_into(path, row)
    assert expected.std() > 10
    # The colours are nearer to each other than in the file: half of them is gone.
    spread = [np.ptp(photos.astype(int), axis=-1).mean() for photos in (expected, raw(paths))]
    assert spread[0] == pytest.approx(spread[1] / 2, rel=0.1)
    arguments = (python_work.augment_into, paths, SimpleNamespace(shape=shape, dtype="uint8"))
    for loader in (
        ThreadLoader(*arguments, BATCH, threads=2, into=True),
        ProcessLoader(*arguments, BATCH, processes=2, into=True),
    ):
        assert np.array_equal(np.concatenate([batch.copy() for batch in loader()]), expected)


def raw(paths):
    import cv2

    return np.stack([cv2.imread(path) for path in paths])


def test_the_plain_loop_and_the_loader_give_the_same_numbers():
    items = python_work.items_of(1.0)
    assert len(items) == python_work.LEAST_BATCHES * BATCH
    expected = python_work.spin(100)
    (batch,) = python_work.plain_loop([100] * BATCH)
    assert batch.dtype == np.int64
    assert batch.tolist() == [expected] * BATCH
    number = SimpleNamespace(shape=(), dtype=np.dtype("int64"))
    loader = ProcessLoader(python_work.spin, [100] * BATCH, number, BATCH, processes=1)
    assert [batch.tolist() for batch in loader()] == [[expected] * BATCH]


@pytest.mark.parametrize(
    ("gains", "expected"),
    [
        ((0.5, 1.5, 1.9), 10**-1.5),  # in the middle, on a logarithmic axis
        ((0.9, 1.0, 2.0), 0.1),
        ((1.1, 0.8, 1.2), 10**-0.5),  # where it stays above 1
        ((1.1, 1.2, 1.3), 0.01),
        ((0.5, 0.6, 0.7), math.inf),
    ],
)
def test_the_crossing_is_read_between_two_costs(gains, expected):
    assert python_work.crossing([0.01, 0.1, 1.0], list(gains)) == pytest.approx(expected)


def test_python_work_runs_in_a_process_of_its_own_and_shows_itself():
    script = (
        "from benchmarks import python_work\n"
        "python_work.SECONDS = 0.005\n"
        "python_work.main(1, 64, (0.01, 0.1))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout.splitlines()[-1])
    rows = {row["way"]: row for row in measured["gains"]}
    assert len(rows) == 7
    assert {python_work.TWO_THREADS, python_work.THREAD_LOADER} <= set(rows)
    assert {python_work.TWO, python_work.PROCESS_LOADER} <= set(rows)
    assert rows[python_work.ONE]["gain"] == 1
    low, high = measured["of_two_processes_range"]
    assert 0 < low <= measured["of_two_processes"] <= high
    assert all(row["cpu_ms_per_item"] > 0.2 for row in rows.values())  # workers are counted
    costs = [point["cost_ms"] for point in measured["break_even"]["points"]]
    assert 3 < costs[1] / costs[0] < 30
    assert measured["break_even"]["crossing_ms"] > 0
    assert "| process loader, 2 processes |" in tables.python_work(measured)
    assert "<svg" in python_work_figure.svg(measured)


def test_the_figure_of_python_work_is_readable_and_says_itself_in_words():
    measured = measured_work()
    assert clipped(python_work_figure.draw(measured)) == []
    words = python_work_figure.in_words(measured)
    assert "process loader, 2 processes 1.80 (1.70 to 1.90)" in words
    assert "0.1 ms 1.50 (1.45 to 1.55)" in words
    assert words.endswith("The loader pays from 0.032 ms on.")
    never = {**measured["break_even"], "crossing_ms": math.inf}
    assert "never" in python_work_figure.in_words({**measured, "break_even": never})


def test_the_tables_of_python_work_are_readable():
    written = tables.python_work(measured_work())
    assert re.search(
        r"\| process loader, 2 processes +\| +900 \| +2\.00 \| +1\.80 \(1\.70", written
    )
    assert "in 20 rounds of these and one bare process alone: 0.95 (0.90 to 1.02)." in written
    assert "It pays from 0.032 ms an item on (0.030 to 0.040 in the rounds)." in written


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
