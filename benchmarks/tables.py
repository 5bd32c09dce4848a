"""The record of a race as Markdown tables."""

from __future__ import annotations

from typing import Any

from tabulate import tabulate

from benchmarks import python_work_figure
from benchmarks.provenance import in_words
from course_utils.measuring.display import three_digits

HEADERS = (
    "row",
    "runs",
    "pictures/s",
    "of the floor's",
    "CPU ms a picture",
    "times the floor's CPU (lowest to highest)",
    "faults a picture",
    "peak MiB",
    "longest end, ms",
    "pixels",
)
SECTIONS = {
    "floor": "Floor",
    "ours": "Ours",
    "peer": "Peers",
    "aside": "Beside the race",
}


def markdown(record: dict[str, Any]) -> str:
    """The whole record: a table a dtype, what was left out, what was run beside it, targets."""
    parts = [f"# The race\n\n{in_words(record)}"]
    for dtype, rows in record["tables"].items():
        parts.append(
            f"## {dtype} batches\n\n{record['pictures']:,} pictures a run; medians "
            f"of all runs.\n\n{photos(rows)}"
        )
    if record["left_out"]:
        lines = [f"- {name}: {reason}." for name, reason in record["left_out"].items()]
        parts.append("## Left out\n\n" + "\n".join(lines))
    if record["small_records"]:
        words = _again(record, "small_records")
        parts.append(f"## Small records\n\n{words}{small(record['small_records'])}")
    if record["python_work"]:
        words = _again(record, "python_work")
        parts.append(f"## Python work\n\n{words}{python_work(record['python_work'])}")
    if record["targets"]:
        parts.append("## Targets\n\n" + against(record["targets"]))
    return "\n\n".join(parts) + "\n"


def _again(record: dict[str, Any], name: str) -> str:
    made = record.get("again", {}).get(name)
    return f"Measured anew: {in_words(made)}\n\n" if made else ""


def photos(rows: list[dict[str, Any]]) -> str:
    """One table of the race: the floor, ours, the peers by CPU time, and what stands beside."""
    cells = []
    for kind, title in SECTIONS.items():
        chosen = [row for row in rows if row["kind"] == kind]
        if kind == "peer":
            chosen.sort(key=lambda row: row["cpu_of_floor"])
        cells += [_cells(row, title) for row in chosen]
    align = ("left", *["right"] * 8, "left")
    return tabulate(cells, HEADERS, "pipe", colalign=align, disable_numparse=True)


def small(rows: list[dict[str, Any]]) -> str:
    """The table of small records."""
    cells = [
        (
            row["records"],
            row["way"],
            three_digits(row["records_per_second"]),
            f"{row['times_faster']:.1f}",
            three_digits(row["cpu_us_per_record"]),
            f"{row['times_less_cpu']:.1f}",
        )
        for row in rows
    ]
    headers = ("record", "way", "records/s", "times faster", "CPU µs a record", "times less CPU")
    align = ("left", "left", *["right"] * 4)
    return tabulate(cells, headers, "pipe", colalign=align, disable_numparse=True)


def python_work(measured: dict[str, Any]) -> str:
    """The figure of Python work, with its words, and its two tables."""
    gains = [
        (
            row["way"],
            three_digits(row["items_per_second"]),
            f"{row['cpu_ms_per_item']:.2f}",
            _spread(row["gain"], row["gain_range"]),
        )
        for row in measured["gains"]
    ]
    points = [
        (three_digits(point["cost_ms"]), _spread(point["gain"], point["gain_range"]))
        for point in measured["break_even"]["points"]
    ]
    ways = ("way", "items/s", "CPU ms an item", "times one process")
    of_two = _spread(measured["of_two_processes"], measured["of_two_processes_range"])
    low, high = measured["break_even"]["crossing_range"]
    parts = (
        f"![{python_work_figure.in_words(measured)}]({python_work_figure.FILE})",
        "A loop in Python over every pixel of a small photo, in batches of 32; medians of all "
        "rounds, the lowest and the highest, against one bare process in the same round.",
        tabulate(gains, ways, "pipe", colalign=("left", *["right"] * 3), disable_numparse=True),
        "The gain of the process loader with two processes, by that of two bare ones, in "
        f"{measured['close_rounds']} rounds of these and one bare process alone: {of_two}.",
        "Items of another cost: the process loader with two processes, and a plain loop. It pays "
        f"from {measured['break_even']['crossing_ms']:.3f} ms an item on ({low:.3f} to "
        f"{high:.3f} in the rounds).",
        tabulate(
            points,
            ("ms an item", "times the plain loop's items/s"),
            "pipe",
            colalign=("right", "right"),
            disable_numparse=True,
        ),
    )
    return "\n\n".join(parts)


def against(targets: list[dict[str, Any]]) -> str:
    """The table of targets: each met, not met or not measured."""
    verdicts = {True: "met", False: "not met", None: "not measured"}
    cells = [
        (target["name"], target["required"], _measured(target), verdicts[target["met"]])
        for target in targets
    ]
    headers = ("target", "required", "measured (lowest to highest)", "")
    align = ("left", "right", "right", "left")
    return tabulate(cells, headers, "pipe", colalign=align, disable_numparse=True)


def _measured(target: dict[str, Any]) -> str:
    if target["measured"] is None:
        return "-"
    if target["low"] is None:
        return f"{target['measured']:.2f}"
    return _spread(target["measured"], (target["low"], target["high"]))


def _spread(value: float, span: tuple[float, float]) -> str:
    return f"{value:.2f} ({span[0]:.2f} to {span[1]:.2f})"


def _cells(row: dict[str, Any], title: str) -> tuple[str, ...]:
    how = f" ({row['how']})" if row["how"] else ""
    return (
        f"{title}: {row['name']}{how}",
        f"{row['runs']}",
        f"{row['pictures_per_second']:,.0f}",
        f"{row['throughput_of_floor']:.2f}",
        f"{row['cpu_ms_per_picture']:.3f}",
        _spread(row["cpu_of_floor"], row["cpu_of_floor_range"]),
        f"{row['faults_per_picture']:.1f}",
        f"{row['peak_mib']:,.0f}",
        f"{row['longest_end_ms']:,.0f}",
        _pixels(row["pixels_differ"]),
    )


def _pixels(difference: float | None) -> str:
    if difference is None:
        return "not compared"
    return "equal" if difference == 0 else f"differ by {difference:.2f} on average"
