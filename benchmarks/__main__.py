"""The command: run the race, show its tables, keep the record of the full one.

python -m benchmarks                                  the whole race
python -m benchmarks --rounds 2 --pictures 512 --only "floor, threads" "thread loader"
python -m benchmarks --again python_work              one part of the stored record, measured anew
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import python_work_figure
from benchmarks.contestant import Contestant
from benchmarks.contestants import CONTESTANTS, find
from benchmarks.provenance import provenance
from benchmarks.race import Runs, last_line, rows, run_apart, run_round
from benchmarks.tables import markdown
from benchmarks.targets import targets
from benchmarks.work import DTYPES

RESULTS = Path(__file__).parent / "results"
# What else is in the record, and the module that measures it in a process of its own.
MODULES = {"small_records": "benchmarks.small_records", "python_work": "benchmarks.python_work"}
SECONDS = 90  # that a round of such a module may take; the longest takes about 40
LEAST_ROUNDS = 3
FULL_PICTURES = 2048


def main(arguments: list[str]) -> None:
    """Run what was asked for; show its tables, and keep the record of the full race."""
    options = parser().parse_args(arguments)
    if options.again:
        renew(options.again, options.to or RESULTS, options.rounds, arguments)
        return
    chosen = [find(name) for name in options.only] if options.only else usual(options.all)
    obstacles = {contestant.name: contestant.obstacle() for contestant in chosen}
    running = [contestant for contestant in chosen if not obstacles[contestant.name]]
    record: dict[str, Any] = {
        **provenance(arguments),
        "pictures": options.pictures,
        "left_out": {name: reason for name, reason in obstacles.items() if reason},
        "small_records": [],
        "python_work": {},
    }
    done: dict[str, list[Runs]] = {dtype: [] for dtype in options.tables}
    began = time.monotonic()
    try:
        if not options.only:
            for name, module in MODULES.items():
                run_module(record, name, module, options.rounds)
        race(running, options, began, done, record["left_out"])
    finally:  # a race that is interrupted keeps its whole rounds
        record["minutes"] = round((time.monotonic() - began) / 60, 1)
        finish(record, running, done)
        keep(record, options)
        print(markdown(record))


def renew(name: str, folder: Path, rounds: int, arguments: list[str]) -> None:
    """Measure a part of a stored record again; beside it stands when, where and how."""
    if rounds < LEAST_ROUNDS and folder == RESULTS:
        raise SystemExit(
            f"{rounds} rounds don't take the place of the stored ones: run {LEAST_ROUNDS} or more, "
            "or name another record's folder with --to."
        )
    record = json.loads((folder / "race.json").read_text(encoding="utf-8"))
    made = provenance(arguments)
    record["left_out"].pop(_words(name), None)
    run_module(record, name, MODULES[name], rounds)
    if _words(name) in record["left_out"]:
        raise SystemExit(f"{name} failed: the stored record is as it was.")
    record.setdefault("again", {})[name] = made
    record["targets"] = [asdict(target) for target in targets(record)]
    write(record, folder)
    print(markdown(record))


def run_module(record: dict[str, Any], name: str, module: str, rounds: int) -> None:
    """Put what a module measures into the record, or why there is nothing."""
    words = _words(name)
    try:
        record[name] = run_apart(module, rounds, seconds=SECONDS * rounds)
        say(f"{words}: done")
    except RuntimeError as reason:
        record["left_out"][words] = f"failed: {last_line(reason)}"
        say(f"{words}: {reason}")


def _words(name: str) -> str:
    return name.replace("_", " ")


def race(
    contestants: list[Contestant],
    options: argparse.Namespace,
    began: float,
    done: dict[str, list[Runs]],
    left_out: dict[str, str],
) -> None:
    """Add round after round to ``done``, each through all tables, as time allows.

    Time that is left after the whole rounds goes to short ones, of the rows that run often.
    """
    often = [] if options.only else [contestant for contestant in contestants if contestant.often]
    number, longest = 0, 0.0
    for racing, most in ((contestants, options.rounds), (often, 2 * options.rounds)):
        longest *= len(racing) / len(contestants)
        while racing and number < most:
            start = time.monotonic()
            if number >= LEAST_ROUNDS and start - began + longest > options.minutes * 60:
                say(f"{number} rounds, and no time for another of {len(racing)} rows")
                break
            found = {
                dtype: run_round(racing, dtype, number, options.pictures, left_out, say)
                for dtype in done
            }
            for dtype, runs in found.items():
                done[dtype].append(runs)
            number += 1
            longest = max(longest, time.monotonic() - start)


def finish(
    record: dict[str, Any], contestants: list[Contestant], done: dict[str, list[Runs]]
) -> None:
    """Put what was run into the record: tables without the rows that failed, and targets."""
    kept = [contestant for contestant in contestants if contestant.name not in record["left_out"]]
    record["tables"] = {
        dtype: [asdict(row) for row in rows(kept, runs)] for dtype, runs in done.items() if runs
    }
    record["rounds"] = done
    record["targets"] = [asdict(target) for target in targets(record)]


def keep(record: dict[str, Any], options: argparse.Namespace) -> None:
    """Write the record where it was asked for; without that, the full race's in ``results``."""
    folder = options.to or (RESULTS if full(record, options) else None)
    if folder is None:
        say("not the full race: its record isn't kept; --to FOLDER keeps it")
        return
    write(record, folder)


def write(record: dict[str, Any], folder: Path) -> None:
    """Write a record, its tables and its figure."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "race.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    (folder / "race.md").write_text(markdown(record), encoding="utf-8")
    if record["python_work"]:
        drawn = python_work_figure.svg(record["python_work"])
        (folder / python_work_figure.FILE).write_text(drawn, encoding="utf-8")


def full(record: dict[str, Any], options: argparse.Namespace) -> bool:
    """Whether it is the full race: all usual rows, both tables, pictures and rounds enough.

    A row that fails on the way leaves it full, for the record tells why; a package that is missing
    doesn't.
    """
    return (
        not options.only
        and record["pictures"] >= FULL_PICTURES
        and all(record["tables"].get(dtype) for dtype in DTYPES)
        and all(row["runs"] >= LEAST_ROUNDS for rows in record["tables"].values() for row in rows)
        and not any(contestant.obstacle() for contestant in usual(False))
    )


def usual(every: bool) -> list[Contestant]:
    """The rows of the race: all variants of a peer, or the one that was best here."""
    return [contestant for contestant in CONTESTANTS if every or contestant.best]


def parser() -> argparse.ArgumentParser:
    """The options."""
    top = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    top.add_argument("--rounds", type=int, default=5, help="at most (default: 5)")
    top.add_argument(
        "--minutes",
        type=float,
        default=9.5,
        help=f"begin no round beyond {LEAST_ROUNDS} that would end later (default: 9.5)",
    )
    top.add_argument("--pictures", type=int, default=FULL_PICTURES, help="of a run (default: 2048)")
    top.add_argument("--tables", nargs="+", choices=DTYPES, default=DTYPES)
    top.add_argument("--only", nargs="+", metavar="ROW", help="these rows")
    top.add_argument("--all", action="store_true", help="also the variants that are not the best")
    top.add_argument("--again", choices=MODULES, help="measure this part of the stored record anew")
    top.add_argument(
        "--to", type=Path, help="folder for the record; without it, the full race alone keeps one"
    )
    return top


def say(text: str) -> None:
    """Tell how far it is."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
