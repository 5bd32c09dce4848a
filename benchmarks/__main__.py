"""The command: run the race, write the record and its tables.

python -m benchmarks                                  the whole race
python -m benchmarks --rounds 2 --pictures 512 --only "floor, threads" "thread loader"
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.contestant import Contestant
from benchmarks.contestants import CONTESTANTS, find
from benchmarks.provenance import provenance
from benchmarks.race import Runs, rows, run_apart, run_round
from benchmarks.tables import markdown
from benchmarks.work import DTYPES

RESULTS = Path(__file__).parent / "results"
LEAST_ROUNDS = 3


def main(arguments: list[str]) -> None:
    """Run what was asked for; write ``race.json`` and ``race.md``."""
    options = parser().parse_args(arguments)
    chosen = [find(name) for name in options.only] if options.only else usual(options.all)
    if not any(contestant.kind == "floor" for contestant in chosen):
        chosen.insert(0, CONTESTANTS[0])
    obstacles = {contestant.name: contestant.obstacle() for contestant in chosen}
    running = [contestant for contestant in chosen if not obstacles[contestant.name]]
    record: dict[str, Any] = {
        **provenance(arguments),
        "pictures": options.pictures,
        "left_out": {name: reason for name, reason in obstacles.items() if reason},
        "small_records": [],
    }
    began = time.monotonic()
    if not options.only:
        record["small_records"] = run_apart("benchmarks.small_records", options.rounds)
        say("small records: done")
    rounds = race(running, options, began)
    record["tables"] = {
        dtype: [asdict(row) for row in rows(running, done)] for dtype, done in rounds.items()
    }
    record["minutes"] = round((time.monotonic() - began) / 60, 1)
    record["rounds"] = rounds
    options.to.mkdir(parents=True, exist_ok=True)
    (options.to / "race.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    (options.to / "race.md").write_text(markdown(record), encoding="utf-8")
    print(markdown(record))


def race(
    contestants: list[Contestant], options: argparse.Namespace, began: float
) -> dict[str, list[Runs]]:
    """Run round after round, each through all tables, as many as were asked for and time allows."""
    done: dict[str, list[Runs]] = {dtype: [] for dtype in options.tables}
    for number in range(options.rounds):
        so_far = time.monotonic() - began
        if number >= LEAST_ROUNDS and so_far * (number + 1) / number > options.minutes * 60:
            say(f"{number} rounds in {so_far / 60:.1f} minutes; there is no time for another")
            break
        for dtype, rounds in done.items():
            rounds.append(run_round(contestants, dtype, number, options.pictures, say))
    return done


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
    top.add_argument("--pictures", type=int, default=2048, help="of a run (default: 2048)")
    top.add_argument("--tables", nargs="+", choices=DTYPES, default=DTYPES)
    top.add_argument("--only", nargs="+", metavar="ROW", help="these rows, and the floor")
    top.add_argument("--all", action="store_true", help="also the variants that are not the best")
    top.add_argument("--to", type=Path, default=RESULTS, help="folder for the record")
    return top


def say(text: str) -> None:
    """Tell how far it is."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
