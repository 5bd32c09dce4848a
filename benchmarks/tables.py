"""The record of a race as Markdown tables."""

from __future__ import annotations

from typing import Any

from tabulate import tabulate

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
    """The whole record: a table a dtype, what was left out, small records, targets."""
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
        parts.append("## Small records\n\n" + small(record["small_records"]))
    if record["targets"]:
        parts.append("## Targets\n\n" + against(record["targets"]))
    return "\n\n".join(parts) + "\n"


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
    return f"{target['measured']:.2f} ({target['low']:.2f} to {target['high']:.2f})"


def _cells(row: dict[str, Any], title: str) -> tuple[str, ...]:
    low, high = row["cpu_of_floor_range"]
    how = f" ({row['how']})" if row["how"] else ""
    return (
        f"{title}: {row['name']}{how}",
        f"{row['runs']}",
        f"{row['pictures_per_second']:,.0f}",
        f"{row['throughput_of_floor']:.2f}",
        f"{row['cpu_ms_per_picture']:.3f}",
        f"{row['cpu_of_floor']:.2f} ({low:.2f} to {high:.2f})",
        f"{row['faults_per_picture']:.1f}",
        f"{row['peak_mib']:,.0f}",
        f"{row['longest_end_ms']:,.0f}",
        _pixels(row["pixels_differ"]),
    )


def _pixels(difference: float | None) -> str:
    if difference is None:
        return "not compared"
    return "equal" if difference == 0 else f"differ by {difference:.2f} on average"
